//! `cargo xtask conformance`: which normative requirements on a server are pinned by a test, which are
//! excused, and which are open.
//!
//! The requirements come from the tables beside the repository ([`tables`]), the citations from the doc
//! comments of tests ([`citations`]), the excuses from docs/conformance.md ([`excuses`]). Of tests that are
//! known to pass although what they cite is broken ([`unproved`]) the citations do not count.

mod citations;
mod demands;
mod excuses;
mod http;
mod json;
mod prove;
mod report;
mod tables;
mod unproved;

use std::collections::BTreeSet;

use citations::Citation;
use excuses::Excuse;
use report::Report;
use tables::Specification;

const USAGE: &str = "\
usage: cargo xtask conformance [--open] [--json] [--strict] [SPECIFICATION...]
       cargo xtask conformance --check
       cargo xtask conformance --prove [FILTER]

  Prints for every section with normative requirements on a server how many there are, which tests cite it,
  and whether it is done, excused (docs/conformance.md) or open.

  --open    only the sections that are open
  --json    the same for programs
  --strict  fail if a section is open, or more than 3 % of the requirements are excused as not yet
  --check   only look whether citations and excuses are well formed
  --prove   run the protocol tests against servers that refuse one ROP or request type, and against
            answers that were altered, and name the tests that pass all the same: those citations do
            not count (testsuite/data/unproved.txt, which this writes unless it has a filter)";

/// How many requirements may be excused as not yet, in percent.
const NOT_YET_AT_MOST: f64 = 3.0;

pub fn run(arguments: &[&str]) -> Result<(), String> {
    let mut wanted = Vec::new();
    let (mut open, mut as_json, mut strict, mut check_only) = (false, false, false, false);
    for (at, argument) in arguments.iter().enumerate() {
        match *argument {
            "--open" => open = true,
            "--json" => as_json = true,
            "--strict" => strict = true,
            "--check" => check_only = true,
            "--prove" => return prove::run(&arguments[at + 1..]),
            name if name.starts_with("MS-") => wanted.push(name.to_owned()),
            _ => return Err(USAGE.to_owned()),
        }
    }
    let Evidence { specifications, citations, excuses, unproved, problems } = evidence()?;
    problems.iter().for_each(|problem| eprintln!("{problem}"));
    if !problems.is_empty() && (check_only || strict) {
        return Err(format!("{} citations or excuses are wrong", problems.len()));
    }
    let Some(specifications) = specifications else {
        println!(
            "conformance: {} citations and {} excuses are well formed; there are no requirement tables in {}",
            citations.len(),
            excuses.len(),
            tables::directory().display()
        );
        return Ok(());
    };
    if check_only {
        println!(
            "conformance: {} citations and {} excuses name what there is; {} tests are not proved",
            citations.len(),
            excuses.len(),
            unproved.len()
        );
        return Ok(());
    }
    let mut report = Report::new(&specifications, &citations, &excuses, &unproved);
    if !wanted.is_empty() {
        report.specifications.retain(|specification| wanted.contains(&specification.name));
    }
    match as_json {
        true => println!("{}", report.json(open)),
        false => print!("{}", report.text(open)),
    }
    let (sections, not_yet) = (report.open(), report.not_yet_percent());
    if strict && (sections > 0 || not_yet > NOT_YET_AT_MOST) {
        return Err(format!(
            "{sections} sections are open, and {not_yet:.1} % of the requirements are not there yet (at most \
             {NOT_YET_AT_MOST} % may be)"
        ));
    }
    Ok(())
}

/// What there is to judge by.
struct Evidence {
    /// None where the tables are absent.
    specifications: Option<Vec<Specification>>,
    citations: Vec<Citation>,
    excuses: Vec<Excuse>,
    unproved: BTreeSet<String>,
    /// What is wrong with them, a line each.
    problems: Vec<String>,
}

fn evidence() -> Result<Evidence, String> {
    let mut problems = Vec::new();
    let specifications = tables::read()?;
    let citations = citations::scan(&mut problems)?;
    let excuses = excuses::read(&mut problems)?;
    let unproved = unproved::read()?;
    unproved::check(&unproved, &citations, &mut problems);
    if let Some(specifications) = &specifications {
        citations::check(&citations, specifications, &mut problems);
        excuses::check(&excuses, specifications, &mut problems);
    }
    Ok(Evidence { specifications, citations, excuses, unproved, problems })
}
