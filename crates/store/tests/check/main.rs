//! `store::check`: every kind of damage is named, mended or said to be lost, and nothing else is touched.

#[path = "../common/mod.rs"]
mod common;

mod damage;
mod directory;
mod fixture;
mod online;
mod public;
mod queue;
mod random;
mod rules;

/// The table of problems in the documentation is that of the program.
#[test]
fn every_problem_is_documented() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/check.md");
    let text = std::fs::read_to_string(path).expect("docs/check.md");
    for what in store::check::What::ALL {
        let severity = what.severity().name();
        let row =
            format!("| `{}` | {severity} | {} | {} |", what.code(), what.words(), what.repair());
        assert!(text.contains(&row), "docs/check.md lacks:\n{row}");
    }
}
