//! `cargo xtask fuzz`: builds the fuzz targets with the nightly toolchain and runs each for a while from
//! its seeds. It needs no cargo-fuzz; the layout of `fuzz/` is that tool's, so it works there as well.

use std::path::Path;
use std::process::Command;

/// What cargo-fuzz sets, too: coverage for libFuzzer, and AddressSanitizer.
const RUSTFLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Zsanitizer=address -Cdebug-assertions --cfg fuzzing";

/// Runs every target, or the one named, for as many seconds each.
pub fn run(seconds: &str, only: Option<&str>) -> Result<(), String> {
    let seconds: u32 = seconds.parse().map_err(|_| format!("{seconds} is no number of seconds"))?;
    let fuzz = crate::root().join("fuzz");
    let targets: Vec<String> = targets(&fuzz)?
        .into_iter()
        .filter(|target| only.is_none_or(|only| only == target))
        .collect();
    if targets.is_empty() {
        return Err("there is no such fuzz target".to_owned());
    }
    let host = host()?;
    for target in targets {
        let mut build = Command::new("cargo");
        // The toolchain of this very command must not be handed down.
        build.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO").env("RUSTFLAGS", RUSTFLAGS);
        build.args(["+nightly", "build", "--release", "--bin", &target, "--target", &host]);
        finish(build.current_dir(&fuzz), "the build")?;
        let corpus = fuzz.join("corpus").join(&target);
        let artifacts = fuzz.join("artifacts").join(&target).join("");
        for folder in [&corpus, &artifacts] {
            std::fs::create_dir_all(folder)
                .map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        let mut run = Command::new(fuzz.join("target").join(&host).join("release").join(&target));
        run.arg(format!("-max_total_time={seconds}"))
            .arg(format!("-artifact_prefix={}", artifacts.display()))
            // No input of a few kilobytes may make a structure take megabytes.
            .args(["-malloc_limit_mb=16", "-print_final_stats=1", "-verbosity=0"])
            .arg(&corpus);
        // libFuzzer ends at once if a folder is not there, and not every target has seeds.
        run.args(Some(fuzz.join("seeds").join(&target)).filter(|seeds| seeds.is_dir()));
        println!("fuzzing {target} for {seconds} s");
        finish(&mut run, &target)?;
    }
    Ok(())
}

/// The names of the files in `fuzz_targets`.
fn targets(fuzz: &Path) -> Result<Vec<String>, String> {
    let folder = fuzz.join("fuzz_targets");
    let files =
        std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut names: Vec<String> = files
        .filter_map(|file| Some(file.ok()?.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    Ok(names)
}

/// The machine's target triple: sanitizers need it spelled out.
fn host() -> Result<String, String> {
    let output =
        Command::new("rustc").arg("-vV").output().map_err(|error| format!("rustc: {error}"))?;
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .ok_or_else(|| "rustc does not say what it runs on".to_owned())
}

fn finish(command: &mut Command, what: &str) -> Result<(), String> {
    let status = command.status().map_err(|error| format!("{what}: {error}"))?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("{what} failed: {status}")),
    }
}
