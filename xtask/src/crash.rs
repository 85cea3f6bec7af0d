//! `cargo xtask crash [RUNS]`: kills a saving and importing process at random, 50 times by default, half of
//! them with the loss of what was not synced, and wants everything back that was acknowledged.

use std::process::Command;

pub fn run(runs: &str) -> Result<(), String> {
    if runs.parse::<u32>().is_err() {
        return Err(format!("{runs} is no number of runs"));
    }
    let command = [
        "test",
        "--release",
        "--package",
        "testsuite",
        "--test",
        "all",
        "--",
        "--nocapture",
        "--exact",
        "crash::acknowledged_messages_survive_kills_and_power_loss",
    ];
    let status = Command::new("cargo")
        .args(command)
        .env("COFFER_CRASH_RUNS", runs)
        .current_dir(super::root())
        .status()
        .map_err(|e| format!("cargo: {e}"))?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("crash: failed ({status})")),
    }
}
