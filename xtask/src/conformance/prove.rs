//! `cargo xtask conformance --prove`: runs the tests that cite a ROP against a server that refuses it, and
//! with its answers altered before the test sees them. A test that passes all the same proves nothing.
//!
//! Which ROPs a test is about: those that the sections it cites name in the brackets of their requirements,
//! as far as it sends them; else all that it sends. The first must fail it when refused, each of them; of
//! the others, and of altered answers, one must.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::citations::Citation;
use super::tables::{Section, Specification};

/// ROPs that Exchange 2016 answers with NotImplemented (MS-OXCSTOR R3125, MS-OXCMSG R1715): a refusal breaks nothing.
const REFUSED_ANYWAY: &[&str] = &["RopGetStoreState", "RopGetValidAttachments"];

/// Names the fault for the test binary: `refuse:RopOpenFolder` or `alter:RopOpenFolder` (`testsuite::prove`).
const FAULT: &str = "COFFER_PROVE";
/// Names a file to which the test binary appends who sent what: `test<TAB>RopOpenFolder`.
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
    let subjects = subjects(&tests, &specifications);
    println!("{} tests, {} of them send ROPs", tests.cited.len(), subjects.len());

    let started = Instant::now();
    let mut rops: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (test, subject) in &subjects {
        for rop in &subject.rops {
            rops.entry(rop).or_default().push(test);
        }
    }
    let mut refused: BTreeSet<(String, String)> = BTreeSet::new();
    let mut altered = refused.clone();
    for (at, (rop, tests)) in rops.iter().enumerate() {
        eprintln!("{}/{}: {rop}, {} tests", at + 1, rops.len(), tests.len());
        for (way, failed) in [("refuse", &mut refused), ("alter", &mut altered)] {
            let passed = passing(&binary, tests, &[(FAULT, &format!("{way}:{rop}"))])?;
            let lost = tests.iter().filter(|test| !passed.contains(**test));
            failed.extend(lost.map(|test| ((*test).to_owned(), (*rop).to_owned())));
        }
    }

    let mut blind = 0;
    for (test, subject) in &subjects {
        let fails = |set: &BTreeSet<(String, String)>, rop: &String| {
            set.contains(&(test.clone(), rop.clone()))
        };
        let refusable =
            || subject.rops.iter().filter(|rop| !REFUSED_ANYWAY.contains(&rop.as_str()));
        let unseen: Vec<&String> = refusable().filter(|rop| !fails(&refused, rop)).collect();
        let blind_to_refusal = match subject.named {
            true => !unseen.is_empty(),
            false => !unseen.is_empty() && unseen.len() == refusable().count(),
        };
        if blind_to_refusal {
            let unseen: Vec<&str> = unseen.into_iter().map(String::as_str).collect();
            println!("{test}: passes with NotImplemented for {}", unseen.join(", "));
        }
        let blind_to_values = !subject.rops.iter().any(|rop| fails(&altered, rop));
        if blind_to_values {
            println!("{test}: passes with altered answers of {}", subject.listed());
        }
        blind += usize::from(blind_to_refusal || blind_to_values);
    }
    for test in tests.cited.keys().filter(|test| !subjects.contains_key(*test)) {
        println!("{test}: sends no ROP through the raw client: not proved here");
    }
    println!(
        "{} of {} tests see every fault; {blind} do not and do not count ({} ROPs, {} s)",
        subjects.len() - blind,
        subjects.len(),
        rops.len(),
        started.elapsed().as_secs()
    );
    match blind {
        0 => Ok(()),
        _ => Err(format!("{blind} tests pass although what they cite is broken")),
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
    /// What they send.
    sent: BTreeMap<String, BTreeSet<String>>,
}

impl<'a> Tests<'a> {
    /// The tests that cite something, run once to see what they send, and that they pass.
    fn of(binary: &Path, citations: &'a [Citation], filter: &str) -> Result<Self, String> {
        let mut cited: BTreeMap<String, Vec<&Citation>> = BTreeMap::new();
        for name in names(binary)? {
            // The other way takes longer and has the same handlers.
            let function = match name.strip_suffix("::http") {
                Some(_) => continue,
                None => name.strip_suffix("::loopback").unwrap_or(&name),
            };
            let lines = citations.iter().filter(|citation| citation.in_protocol);
            let lines: Vec<_> = lines.filter(|citation| citation.test == function).collect();
            if !lines.is_empty() && name.contains(filter) {
                cited.insert(name, lines);
            }
        }
        let log = std::env::temp_dir().join(format!("coffer-prove-{}", std::process::id()));
        let names: Vec<&str> = cited.keys().map(String::as_str).collect();
        let path = log.to_string_lossy().into_owned();
        let passed = passing(binary, &names, &[(LOG, &path)])?;
        if let Some(failed) = names.iter().find(|name| !passed.contains(**name)) {
            return Err(format!("{failed} fails as it is"));
        }
        let lines = std::fs::read_to_string(&log).unwrap_or_default();
        let _ = std::fs::remove_file(&log);
        let mut sent: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (test, rop) in lines.lines().filter_map(|line| line.split_once('\t')) {
            sent.entry(test.to_owned()).or_default().insert(rop.to_owned());
        }
        Ok(Tests { cited, sent })
    }
}

/// The ROPs that a test is about.
struct Subject {
    rops: Vec<String>,
    /// The sections that it cites name them.
    named: bool,
}

impl Subject {
    fn listed(&self) -> String {
        self.rops.join(", ")
    }
}

fn subjects(tests: &Tests<'_>, specifications: &[Specification]) -> BTreeMap<String, Subject> {
    let mut subjects = BTreeMap::new();
    for (test, citations) in &tests.cited {
        let Some(sent) = tests.sent.get(test) else { continue };
        let named: BTreeSet<&str> = citations
            .iter()
            .flat_map(|citation| {
                rops_of(specifications, &citation.specification, &citation.section)
            })
            .collect();
        let both: Vec<String> =
            sent.iter().filter(|rop| named.contains(rop.as_str())).cloned().collect();
        let subject = match both.is_empty() {
            false => Subject { rops: both, named: true },
            // Without its logon no test passes.
            true => {
                let own = sent.iter().filter(|rop| *rop != "RopLogon" || sent.len() == 1);
                Subject { rops: own.cloned().collect(), named: false }
            }
        };
        subjects.insert(test.clone(), subject);
    }
    subjects
}

/// The ROPs in the brackets of a section's requirements.
fn rops_of<'a>(
    specifications: &'a [Specification],
    specification: &str,
    section: &Section,
) -> BTreeSet<&'a str> {
    let known = specifications.iter().find(|known| known.name == specification);
    let requirements = known.into_iter().flat_map(|known| &known.requirements);
    requirements
        .filter(|requirement| requirement.section == *section)
        .filter_map(|requirement| requirement.text.strip_prefix('[')?.split(']').next())
        .flat_map(|place| place.split(|c: char| !c.is_ascii_alphanumeric()))
        .filter(|word| word.len() > 3 && word.starts_with("Rop"))
        .collect()
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
