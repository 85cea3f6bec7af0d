//! `cargo xtask bench`: builds the release binaries and measures them; see `benches/`.

use std::process::Command;

pub fn run(arguments: &[&str]) -> Result<(), String> {
    let build = ["build", "--release", "--locked", "--package", "coffer", "--package", "benches"];
    finish(Command::new("cargo").args(build), "the build")?;
    let mut bench = Command::new("cargo");
    bench.args(["run", "--quiet", "--release", "--locked", "--package", "benches", "--"]);
    finish(bench.args(arguments), "bench")
}

fn finish(command: &mut Command, what: &str) -> Result<(), String> {
    let status = command.status().map_err(|error| format!("{what}: {error}"))?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("{what} failed: {status}")),
    }
}
