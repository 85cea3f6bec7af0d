//! The tests that the last `--prove` found to pass although what they cite was broken: a committed list, so
//! that their citations do not count.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::citations::Citation;

const HEAD: &str = "\
# Tests of testsuite/tests/protocol that pass although what they cite is broken. Their citations do not count.
# Written by `cargo xtask conformance --prove`.
";

fn path() -> PathBuf {
    crate::root().join("testsuite/data/unproved.txt")
}

/// Their names, as citations have them.
pub fn read() -> Result<BTreeSet<String>, String> {
    let path = path();
    let text =
        std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let lines = text.lines().map(str::trim);
    let names = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(names.map(str::to_owned).collect())
}

/// Says which names of the list no test has any more.
pub fn check(unproved: &BTreeSet<String>, citations: &[Citation], problems: &mut Vec<String>) {
    let cited: BTreeSet<&str> = citations.iter().map(|citation| citation.test.as_str()).collect();
    let gone = unproved.iter().filter(|test| !cited.contains(test.as_str()));
    problems.extend(
        gone.map(|test| {
            format!("{}: {test} cites nothing any more: take it out", path().display())
        }),
    );
}

/// Puts the list in place: tests as their binary calls them.
pub fn write(unproved: &BTreeSet<&str>) -> Result<(), String> {
    let names = unproved.iter().map(|test| test.strip_suffix("::loopback").unwrap_or(test));
    let lines: String = names.map(|test| format!("{test}\n")).collect();
    let path = path();
    std::fs::write(&path, format!("{HEAD}{lines}"))
        .map_err(|error| format!("{}: {error}", path.display()))
}
