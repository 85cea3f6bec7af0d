//! `cargo xtask ci`: what a change has to pass. The same commands as a developer runs, in the order in
//! which they fail fastest.

use std::process::Command;
use std::time::Instant;

/// A step: what it is called, and the command.
type Step = (&'static str, &'static [&'static str]);

const STEPS: &[Step] = &[
    ("format", &["cargo", "fmt", "--all", "--check"]),
    ("generated files", &["cargo", "xtask", "codegen", "--check"]),
    (
        "clippy",
        &["cargo", "clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"],
    ),
    ("documentation", &["cargo", "doc", "--workspace", "--no-deps", "--locked", "--quiet"]),
    // The README's test command.
    ("tests", &["cargo", "test", "--workspace", "--locked"]),
    ("release build", &["cargo", "build", "--release", "--locked"]),
    ("soak, open-store", &soak("open-store", "5000", "1")),
    ("soak, logon", &soak("logon", "2000", "1")),
    ("soak, threads", &soak("threads", "4000", "64")),
    ("soak, release-order", &soak("release-order", "2000", "1")),
    ("soak, failed-open", &soak("failed-open", "2000", "1")),
];

const fn soak(
    scenario: &'static str,
    cycles: &'static str,
    threads: &'static str,
) -> [&'static str; 8] {
    [
        "target/release/coffer",
        "soak",
        "--scenario",
        scenario,
        "--cycles",
        cycles,
        "--threads",
        threads,
    ]
}

pub fn run() -> Result<(), String> {
    let started = Instant::now();
    for (name, command) in STEPS {
        step(name, command)?;
    }
    control()?;
    println!("ci: all steps passed in {} s", started.elapsed().as_secs());
    Ok(())
}

fn step(name: &str, command: &[&str]) -> Result<(), String> {
    println!("ci: {name}: {}", command.join(" "));
    let started = Instant::now();
    let status = program(command).status().map_err(|e| format!("{name}: {}: {e}", command[0]))?;
    if !status.success() {
        return Err(format!("ci: {name} failed ({status}): {}", command.join(" ")));
    }
    println!("ci: {name} passed in {} s", started.elapsed().as_secs());
    Ok(())
}

/// The detector has to find the fault that it is made for, or a flat line proves nothing.
fn control() -> Result<(), String> {
    let command = [
        "target/release/coffer",
        "soak",
        "--scenario",
        "open-store",
        "--cycles",
        "5000",
        "--control",
        "q237174",
        "--leak-bytes",
        "48",
        "--json",
    ];
    println!("ci: soak, control: {}", command.join(" "));
    let output = program(&command).output().map_err(|e| format!("control: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if output.status.code() != Some(1) {
        return Err(format!(
            "ci: the control's leak was not caught ({}):\n{text}{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    println!("ci: soak, control passed: the leak was caught");
    Ok(())
}

fn program(command: &[&str]) -> Command {
    let mut program = Command::new(command[0]);
    program.args(&command[1..]).current_dir(super::root());
    program
}
