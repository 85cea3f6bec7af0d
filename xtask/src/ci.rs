//! `cargo xtask ci`: what a change has to pass. The same commands as a developer runs, in the order in
//! which they fail fastest.

use std::process::Command;
use std::time::Instant;

/// A step: what it is called, and the command.
type Step = (&'static str, &'static [&'static str]);

const STEPS: &[Step] = &[
    ("format", &["cargo", "fmt", "--all", "--check"]),
    ("generated files", &["cargo", "xtask", "codegen", "--check"]),
    ("citations", &["cargo", "xtask", "conformance", "--check"]),
    (
        "clippy",
        &["cargo", "clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"],
    ),
    ("documentation", &["cargo", "doc", "--workspace", "--no-deps", "--locked", "--quiet"]),
    // The README's test command.
    ("tests", &["cargo", "test", "--workspace", "--locked"]),
    ("release build", &["cargo", "build", "--release", "--locked"]),
    ("soak, every scenario", &[SOAK, "soak", "--all", "--cycles", "2000"]),
    ("soak, its controls", &[SOAK, "soak", "--controls"]),
    ("soak, cut", &broken("tables", "--cut")),
    ("soak, cut while it writes", &broken("save", "--cut")),
    ("soak, abandoned", &broken("open-store", "--abandon")),
    ("soak, abandoned after writing", &broken("save", "--abandon")),
    ("soak, faults", &broken("tables", "--fault")),
    ("soak, faults while it writes", &broken("save", "--fault")),
];

const SOAK: &str = "target/release/coffer";

/// A scenario whose cycles are broken off.
const fn broken(scenario: &'static str, how: &'static str) -> [&'static str; 7] {
    [SOAK, "soak", "--scenario", scenario, "--cycles", "2000", how]
}

pub fn run() -> Result<(), String> {
    let started = Instant::now();
    for (name, command) in STEPS {
        step(name, command)?;
    }
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

fn program(command: &[&str]) -> Command {
    let mut program = Command::new(command[0]);
    program.args(&command[1..]).current_dir(super::root());
    program
}
