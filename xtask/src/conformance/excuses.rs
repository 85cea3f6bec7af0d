//! Excuses: the rows of a table in docs/conformance.md, each with its kind and its reason.

use super::citations::parse_requirements;
use super::tables::{Requirement, Section, Specification};

/// The line above the table.
const MARKER: &str = "<!-- conformance: excuses -->";
const DOCUMENT: &str = "docs/conformance.md";

/// Why a requirement needs no test here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It binds the client, whatever its scope says.
    ClientsSide,
    /// It tells what another version of Exchange does.
    AnotherVersion,
    /// It is about RPC, or another transport that this server does not have.
    AnotherTransport,
    NotYet,
}

impl Kind {
    pub const ALL: [Kind; 4] =
        [Kind::ClientsSide, Kind::AnotherVersion, Kind::AnotherTransport, Kind::NotYet];

    pub fn name(self) -> &'static str {
        match self {
            Kind::ClientsSide => "client's side",
            Kind::AnotherVersion => "another version",
            Kind::AnotherTransport => "another transport",
            Kind::NotYet => "not yet",
        }
    }
}

/// What a row excuses.
#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    /// `2.2.1.3`
    Section(Section),
    /// `2.2.1.*`: the section and all below it.
    Below(Section),
    /// `R1, R2`
    Requirements(Vec<String>),
}

pub struct Excuse {
    pub specification: String,
    what: What,
    pub kind: Kind,
    place: String,
}

impl Excuse {
    pub fn covers(&self, specification: &str, requirement: &Requirement) -> bool {
        self.specification == specification
            && match &self.what {
                What::Section(section) => requirement.section == *section,
                What::Below(section) => requirement.section.is_within(section),
                What::Requirements(ids) => ids.contains(&requirement.id),
            }
    }
}

pub fn read(problems: &mut Vec<String>) -> Result<Vec<Excuse>, String> {
    let path = crate::root().join(DOCUMENT);
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{DOCUMENT}: {error}"))?;
    Ok(parse(&text, problems))
}

/// Says which excuses cover nothing that has to be excused.
pub fn check(excuses: &[Excuse], specifications: &[Specification], problems: &mut Vec<String>) {
    for excuse in excuses {
        let Excuse { specification, place, .. } = excuse;
        let Some(known) = specifications.iter().find(|known| known.name == *specification) else {
            problems.push(format!("{place}: {specification} is none of the specifications"));
            continue;
        };
        if let What::Requirements(ids) = &excuse.what {
            for id in ids {
                if !known.counted().any(|requirement| requirement.id == *id) {
                    problems.push(format!(
                        "{place}: {specification} has no normative {id} on a server"
                    ));
                }
            }
        } else if !known.counted().any(|requirement| excuse.covers(specification, requirement)) {
            problems.push(format!("{place}: nothing in {specification} is excused by this"));
        }
    }
}

fn parse(text: &str, problems: &mut Vec<String>) -> Vec<Excuse> {
    let lines = text.lines().enumerate();
    let rows = lines
        .skip_while(|(_, line)| line.trim() != MARKER)
        .skip(1)
        .skip_while(|(_, line)| line.trim().is_empty())
        // The headings and the rule below them.
        .take_while(|(_, line)| line.starts_with('|'))
        .skip(2);
    let mut excuses = Vec::new();
    for (number, line) in rows {
        let place = format!("{DOCUMENT}:{}", number + 1);
        match parse_row(line, &place) {
            Ok(excuse) => excuses.push(excuse),
            Err(what) => problems.push(format!("{place}: {what}")),
        }
    }
    excuses
}

fn parse_row(line: &str, place: &str) -> Result<Excuse, String> {
    let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
    let [specification, what, kind, reason] = cells[..] else {
        return Err("an excuse has four cells: specification, what, kind, reason".to_owned());
    };
    let kind = Kind::ALL.into_iter().find(|known| known.name() == kind).ok_or_else(|| {
        let names: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        format!("{kind} is no kind of excuse; there are: {}", names.join(", "))
    })?;
    if reason.is_empty() {
        return Err("an excuse has a reason".to_owned());
    }
    let what = parse_what(what).ok_or_else(|| {
        format!("neither a section (2.2.1, 2.2.1.*) nor requirements (R1): {what}")
    })?;
    let (specification, place) = (specification.to_owned(), place.to_owned());
    Ok(Excuse { specification, what, kind, place })
}

fn parse_what(text: &str) -> Option<What> {
    if text.starts_with('R') {
        return parse_requirements(text).map(What::Requirements);
    }
    match text.strip_suffix(".*") {
        Some(section) => Section::parse(section).map(What::Below),
        None => Section::parse(text).map(What::Section),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_below_the_marker_only() {
        let text = format!(
            "| MS-OXCROPS | 2.2 | not yet | no |\n{MARKER}\n\n| a | b | c | d |\n|---|---|---|---|\n\
             | MS-OXCROPS | 2.2.1.* | client's side | because |\n| MS-OXCROPS | R5, R6 | not yet | so |\n\
             | MS-OXCROPS | R5 | never | so |\n| MS-OXCROPS | x | not yet | so |\n\n| MS-OXCROPS | 3 | x | y |"
        );
        let mut problems = Vec::new();
        let excuses = parse(&text, &mut problems);
        assert_eq!((excuses.len(), problems.len()), (2, 2));
        let requirement = |id: &str, section| Requirement {
            id: id.to_owned(),
            section: Section::parse(section).unwrap(),
            counts: true,
            text: String::new(),
        };
        assert!(excuses[0].covers("MS-OXCROPS", &requirement("R1", "2.2.1.4")));
        assert!(!excuses[0].covers("MS-OXCROPS", &requirement("R1", "2.2.2")));
        assert!(!excuses[0].covers("MS-OXCSTOR", &requirement("R1", "2.2.1.4")));
        assert!(excuses[1].covers("MS-OXCROPS", &requirement("R6", "2.2.2")));
    }
}
