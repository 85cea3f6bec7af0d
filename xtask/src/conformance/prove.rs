//! `cargo xtask conformance --prove`: runs the tests that cite something with faults that they have to see
//! ([`demands`](super::demands)): against a server that refuses a ROP or a request type, and with answers
//! altered before the test sees them. A test that passes all the same proves nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::citations::Citation;
use super::demands::{self, Deeds, Demand};

/// Names the fault for the test binary: `refuse:RopOpenFolder` or `alter:RopOpenFolder` (`testsuite::prove`).
const FAULT: &str = "COFFER_PROVE";
/// Names a file to which the test binary appends who did what: `test<TAB>sends<TAB>RopOpenFolder`.
const LOG: &str = "COFFER_PROVE_LOG";

/// A run that takes longer than this is stopped; what did not end by then did not pass.
const RUN_WITHIN: Duration = Duration::from_secs(120);

pub fn run(arguments: &[&str]) -> Result<(), String> {
    let filter = match arguments {
        [] => "",
        [filter] => filter,
        _ => return Err("usage: cargo xtask conformance --prove [FILTER]".to_owned()),
    };
    let evidence = super::evidence()?;
    let Some(specifications) = evidence.specifications else {
        return Err("there are no requirement tables to prove by".to_owned());
    };
    let binary = build()?;
    let tests = Tests::of(&binary, &evidence.citations, filter)?;
    let started = Instant::now();

    let mut demanded: BTreeMap<&str, Vec<Demand>> = BTreeMap::new();
    let mut unproved: BTreeSet<&str> = BTreeSet::new();
    for (test, citations) in &tests.cited {
        if tests.broken.contains(test) {
            println!("{test}: fails as it is");
            unproved.insert(test);
            continue;
        }
        let nothing = Deeds::default();
        let deeds = tests.deeds.get(test).unwrap_or(&nothing);
        match demands::of(citations, deeds, &specifications) {
            Ok(demands) => drop(demanded.insert(test, demands)),
            Err(why) => {
                println!("{test}: {why}");
                unproved.insert(test);
            }
        }
    }
    let mut faults: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (test, demands) in &demanded {
        for fault in demands.iter().flat_map(|demand| &demand.faults) {
            faults.entry(fault).or_default().insert(test);
        }
    }
    let mut seen: BTreeSet<(&str, &str)> = BTreeSet::new();
    for (at, (fault, tests)) in faults.iter().enumerate() {
        eprintln!("{}/{}: {fault}, {} tests", at + 1, faults.len(), tests.len());
        let tests: Vec<&str> = tests.iter().copied().collect();
        let passed = passing(&binary, &tests, &[(FAULT, fault)])?;
        let failed = tests.into_iter().filter(|test| !passed.contains(*test));
        seen.extend(failed.map(|test| (test, *fault)));
    }
    for (test, demands) in &demanded {
        for demand in demands {
            let unseen = demand.unseen(|fault| seen.contains(&(*test, fault)));
            if !unseen.is_empty() {
                println!("{test}: passes with {}", unseen.join(", "));
                unproved.insert(test);
            }
        }
    }
    println!(
        "{} of {} tests see every fault that they have to see ({} faults, {} s)",
        tests.cited.len() - unproved.len(),
        tests.cited.len(),
        faults.len(),
        started.elapsed().as_secs()
    );
    if filter.is_empty() {
        super::unproved::write(&unproved)?;
    }
    match unproved.len() {
        0 => Ok(()),
        count => Err(format!("{count} tests pass although what they cite is broken")),
    }
}

/// Builds the protocol tests, and finds them.
fn build() -> Result<PathBuf, String> {
    let arguments = ["test", "--package", "testsuite", "--test", "protocol", "--no-run"];
    let output = Command::new("cargo")
        .args(arguments)
        .current_dir(crate::root())
        .output()
        .map_err(|error| format!("cargo: {error}"))?;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        return Err(told);
    }
    // Executable tests/protocol/main.rs (target/debug/deps/protocol-0123456789abcdef)
    let named = told.lines().rev().find(|line| line.trim_start().starts_with("Executable"));
    let path = named.and_then(|line| line.split_once('(')?.1.strip_suffix(')'));
    path.map(|path| crate::root().join(path)).ok_or_else(|| format!("no test binary in: {told}"))
}

struct Tests<'a> {
    /// The tests as the binary calls them, with what they cite.
    cited: BTreeMap<String, Vec<&'a Citation>>,
    deeds: BTreeMap<String, Deeds>,
    /// Those that fail without a fault.
    broken: BTreeSet<String>,
}

impl<'a> Tests<'a> {
    /// The tests that cite something, run once to see what they do, and whether they pass.
    fn of(binary: &Path, citations: &'a [Citation], filter: &str) -> Result<Self, String> {
        let mut cited: BTreeMap<String, Vec<&Citation>> = BTreeMap::new();
        for name in names(binary)? {
            // The other way takes longer and has the same handlers.
            let function = match name.strip_suffix("::http") {
                Some(_) => continue,
                None => name.strip_suffix("::loopback").unwrap_or(&name),
            };
            let lines: Vec<_> =
                citations.iter().filter(|citation| citation.test == function).collect();
            if !lines.is_empty() && name.contains(filter) {
                cited.insert(name, lines);
            }
        }
        let log = std::env::temp_dir().join(format!("coffer-prove-{}", std::process::id()));
        let names: Vec<&str> = cited.keys().map(String::as_str).collect();
        let path = log.to_string_lossy().into_owned();
        let passed = passing(binary, &names, &[(LOG, &path)])?;
        let broken: BTreeSet<String> = names
            .iter()
            .filter(|name| !passed.contains(**name))
            .map(|name| (*name).to_owned())
            .collect();
        let lines = std::fs::read_to_string(&log).unwrap_or_default();
        let _ = std::fs::remove_file(&log);
        let mut deeds: BTreeMap<String, Deeds> = BTreeMap::new();
        for line in lines.lines() {
            if let [test, what, name] = line.split('\t').collect::<Vec<_>>()[..] {
                let of_test = deeds.entry(test.to_owned()).or_default();
                let set = if what == "sends" { &mut of_test.sends } else { &mut of_test.reads };
                set.insert(name.to_owned());
            }
        }
        Ok(Tests { cited, deeds, broken })
    }
}

fn names(binary: &Path) -> Result<Vec<String>, String> {
    let output = Command::new(binary)
        .arg("--list")
        .output()
        .map_err(|error| format!("{}: {error}", binary.display()))?;
    let listed = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(listed.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect())
}

/// Runs these tests and no others; those that pass.
fn passing(
    binary: &Path,
    tests: &[&str],
    variables: &[(&str, &str)],
) -> Result<BTreeSet<String>, String> {
    if tests.is_empty() {
        return Ok(BTreeSet::new());
    }
    let told = std::env::temp_dir().join(format!("coffer-prove-run-{}", std::process::id()));
    let failed = |error: std::io::Error| format!("{}: {error}", binary.display());
    let out = std::fs::File::create(&told).map_err(failed)?;
    let mut child = Command::new(binary)
        .arg("--exact")
        .args(tests)
        .envs(variables.iter().copied())
        // Many are to fail, and where does not matter.
        .env("RUST_BACKTRACE", "0")
        .current_dir(crate::root().join("testsuite"))
        .stdout(out)
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    let begun = Instant::now();
    while child.try_wait().map_err(failed)?.is_none() {
        if begun.elapsed() > RUN_WITHIN {
            child.kill().map_err(failed)?;
            child.wait().map_err(failed)?;
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let lines = std::fs::read_to_string(&told).map_err(failed)?;
    let _ = std::fs::remove_file(&told);
    let passed =
        lines.lines().filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... ok"));
    Ok(passed.map(str::to_owned).collect())
}
