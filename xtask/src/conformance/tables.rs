//! The requirement tables: one numbered requirement a line, beside the repository.

use std::fmt;
use std::path::PathBuf;

/// The specifications of the store protocol.
const SPECIFICATIONS: &[&str] = &[
    "MS-OXCROPS",
    "MS-OXCSTOR",
    "MS-OXCFOLD",
    "MS-OXCMSG",
    "MS-OXCPRPT",
    "MS-OXCTABL",
    "MS-OXCNOTIF",
    "MS-OXCPERM",
    "MS-OXORULE",
    "MS-OXCMAPIHTTP",
];

/// Sections of these that belong to other protocols: told apart, and not counted.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("MS-OXCROPS", "2.2.12", "FastTransfer, [MS-OXCFXICS]"),
    ("MS-OXCROPS", "2.2.13", "incremental change synchronization, [MS-OXCFXICS]"),
    // The structures that only the requests of the address book carry.
    ("MS-OXCMAPIHTTP", "2.2.1", "the address book, [MS-OXNSPI]"),
    ("MS-OXCMAPIHTTP", "2.2.5", "the address book, [MS-OXNSPI]"),
];

/// A number such as 2.2.1.1.3. Sections sort as in the document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Section(Vec<u16>);

impl Section {
    pub fn parse(text: &str) -> Option<Section> {
        let numbers = text.split('.').map(|number| match number.starts_with('+') {
            true => None,
            false => number.parse().ok(),
        });
        numbers.collect::<Option<Vec<u16>>>().map(Section)
    }

    /// Whether this is the section or stands below it.
    pub fn is_within(&self, other: &Section) -> bool {
        self.0.starts_with(&other.0)
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(u16::to_string).collect();
        f.write_str(&numbers.join("."))
    }
}

pub struct Requirement {
    /// `R123`.
    pub id: String,
    pub section: Section,
    /// It is normative and binds a server, alone or among others.
    pub counts: bool,
    /// With its place in brackets.
    pub text: String,
}

pub struct Specification {
    pub name: String,
    pub requirements: Vec<Requirement>,
    /// How many normative requirements on a server stand in sections of other protocols, and why.
    pub elsewhere: Vec<(usize, &'static str)>,
}

impl Specification {
    pub fn counted(&self) -> impl Iterator<Item = &Requirement> {
        self.requirements.iter().filter(|requirement| requirement.counts)
    }
}

pub fn directory() -> PathBuf {
    crate::root().join("../shared/spec/requirements")
}

/// The tables; None where there are none.
pub fn read() -> Result<Option<Vec<Specification>>, String> {
    if !directory().is_dir() {
        return Ok(None);
    }
    SPECIFICATIONS.iter().map(|name| specification(name)).collect::<Result<_, _>>().map(Some)
}

fn specification(name: &str) -> Result<Specification, String> {
    let path = directory().join(format!("{name}.tsv"));
    let text =
        std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut requirements = Vec::new();
    // The first line tells the origin, the second the columns.
    for (number, line) in text.lines().enumerate().skip(2) {
        let here = || format!("{}:{}", path.display(), number + 1);
        let cells: Vec<&str> = line.splitn(5, '\t').collect();
        let [id, section, scope, kind, text] = cells[..] else {
            return Err(format!("{}: five columns expected", here()));
        };
        // The tables repeat some of other specifications, with the sections of those.
        if id.starts_with("MS-") {
            continue;
        }
        let section =
            Section::parse(section).ok_or_else(|| format!("{}: no section: {section}", here()))?;
        let counts = matches!(scope, "Server" | "Both") && kind == "Normative";
        let (id, text) = (id.to_owned(), text.to_owned());
        requirements.push(Requirement { id, section, counts, text });
    }
    let mut specification =
        Specification { name: name.to_owned(), requirements, elsewhere: Vec::new() };
    for (of, section, why) in ELSEWHERE {
        let section = Section::parse(section).ok_or("a section of ELSEWHERE")?;
        if *of != name {
            continue;
        }
        let mut count = 0;
        for requirement in &mut specification.requirements {
            if requirement.section.is_within(&section) {
                count += usize::from(std::mem::take(&mut requirement.counts));
            }
        }
        specification.elsewhere.push((count, why));
    }
    Ok(specification)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_sort_as_in_the_document() {
        let section = |text| Section::parse(text).unwrap();
        assert!(section("2.2.9") < section("2.2.10"));
        assert!(section("2.2.1.1").is_within(&section("2.2.1")));
        assert!(!section("2.2.10").is_within(&section("2.2.1")));
        assert_eq!(section("2.2.1.13").to_string(), "2.2.1.13");
        assert_eq!(Section::parse("2.2."), None);
        assert_eq!(Section::parse("2.a"), None);
    }
}
