//! `cargo xtask crash [RUNS] [--power | --kill]`: kills a working store at random, and wants everything back
//! that was acknowledged: 50 runs by default, half of them with the loss of what was not made durable.
//! `cargo xtask crash --steps`: each operation with each fault at each step of its files.

use std::process::Command;

pub fn run(arguments: &[&str]) -> Result<(), String> {
    let (mut runs, mut kind, mut test) =
        ("50", "", "crash::acknowledged_changes_survive_kills_and_power_loss");
    for argument in arguments {
        match *argument {
            "--power" => kind = "power",
            "--kill" => kind = "kill",
            "--steps" => test = "steps::every_step_may_fail",
            number if number.parse::<u32>().is_ok() => runs = number,
            other => return Err(format!("{other} is no number of runs")),
        }
    }
    let command = ["test", "--release", "--package", "testsuite", "--test", "all", "--"];
    let status = Command::new("cargo")
        .args(command)
        .args(["--nocapture", "--exact", test])
        .env("COFFER_CRASH_RUNS", runs)
        .env("COFFER_CRASH_KIND", kind)
        .env("COFFER_STEPS", "all")
        .current_dir(super::root())
        .status()
        .map_err(|e| format!("cargo: {e}"))?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("crash: failed ({status})")),
    }
}
