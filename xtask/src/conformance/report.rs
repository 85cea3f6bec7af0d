//! What the citations and excuses come to, section by section.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::citations::Citation;
use super::excuses::{Excuse, Kind};
use super::json;
use super::tables::{Section, Specification};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// A proved test cites the section.
    Done,
    /// Every requirement of it is excused.
    Excused,
    Open,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            State::Done => "done",
            State::Excused => "excused",
            State::Open => "OPEN",
        }
    }
}

pub struct SectionReport {
    pub section: Section,
    pub requirements: usize,
    pub excused: usize,
    /// Of the excused ones.
    pub not_yet: usize,
    /// Requirements that a proved test names.
    pub named: usize,
    /// The proved ones.
    pub tests: Vec<String>,
    /// Tests that cite the section and may pass although it is broken.
    pub unproved: Vec<String>,
    pub state: State,
}

pub struct SpecificationReport {
    pub name: String,
    pub sections: Vec<SectionReport>,
    pub elsewhere: Vec<(usize, &'static str)>,
}

pub struct Report {
    pub specifications: Vec<SpecificationReport>,
}

impl Report {
    pub fn new(
        specifications: &[Specification],
        citations: &[Citation],
        excuses: &[Excuse],
        unproved: &BTreeSet<String>,
    ) -> Report {
        let of = |known: &Specification| SpecificationReport {
            name: known.name.clone(),
            sections: sections(known, citations, excuses, unproved),
            elsewhere: known.elsewhere.clone(),
        };
        Report { specifications: specifications.iter().map(of).collect() }
    }

    fn sections(&self) -> impl Iterator<Item = &SectionReport> + Clone {
        self.specifications.iter().flat_map(|specification| &specification.sections)
    }

    /// How many sections are open.
    pub fn open(&self) -> usize {
        count(self.sections(), State::Open)
    }

    /// The share of requirements that are excused as not yet.
    pub fn not_yet_percent(&self) -> f64 {
        not_yet_percent(self.sections())
    }

    pub fn text(&self, open_only: bool) -> String {
        let mut out = String::new();
        for specification in &self.specifications {
            let _ = writeln!(out, "{}", total(&specification.name, specification.sections.iter()));
            for (requirements, why) in &specification.elsewhere {
                let _ = writeln!(out, "  {requirements} requirements belong to {why}");
            }
            for section in &specification.sections {
                if open_only && section.state != State::Open {
                    continue;
                }
                let unproved = match section.unproved.is_empty() {
                    true => String::new(),
                    false => format!(" (not proved: {})", section.unproved.join(", ")),
                };
                let _ = writeln!(
                    out,
                    "  {:<14} {:>3}  {:<7}  {}{unproved}",
                    section.section.to_string(),
                    section.requirements,
                    section.state.name(),
                    section.tests.join(", ")
                );
            }
        }
        let _ = writeln!(out, "{}", total("all", self.sections()));
        out
    }

    pub fn json(&self, open_only: bool) -> String {
        let section = |section: &SectionReport| {
            format!(
                "{{\"section\":{},\"requirements\":{},\"named\":{},\"excused\":{},\"not_yet\":{},\
                 \"state\":{},\"tests\":{},\"unproved\":{}}}",
                json::string(&section.section.to_string()),
                section.requirements,
                section.named,
                section.excused,
                section.not_yet,
                json::string(&section.state.name().to_lowercase()),
                json::list(section.tests.iter().map(|test| json::string(test))),
                json::list(section.unproved.iter().map(|test| json::string(test)))
            )
        };
        let specification = |specification: &SpecificationReport| {
            let shown = specification.sections.iter();
            let shown = shown.filter(|section| !open_only || section.state == State::Open);
            format!(
                "{{\"specification\":{},\"sections\":{}}}",
                json::string(&specification.name),
                json::list(shown.map(section))
            )
        };
        json::list(self.specifications.iter().map(specification))
    }
}

fn sections(
    specification: &Specification,
    citations: &[Citation],
    excuses: &[Excuse],
    unproved: &BTreeSet<String>,
) -> Vec<SectionReport> {
    let mut found: BTreeMap<&Section, SectionReport> = BTreeMap::new();
    let cited: Vec<&Citation> =
        citations.iter().filter(|citation| citation.specification == specification.name).collect();
    for requirement in specification.counted() {
        let section = found.entry(&requirement.section).or_insert_with(|| SectionReport {
            section: requirement.section.clone(),
            requirements: 0,
            excused: 0,
            not_yet: 0,
            named: 0,
            tests: Vec::new(),
            unproved: Vec::new(),
            state: State::Open,
        });
        section.requirements += 1;
        let named = |citation: &&Citation| {
            !unproved.contains(&citation.test) && citation.requirements.contains(&requirement.id)
        };
        section.named += usize::from(cited.iter().any(named));
        let mut covering =
            excuses.iter().filter(|excuse| excuse.covers(&specification.name, requirement));
        if let Some(excuse) = covering.next() {
            section.excused += 1;
            section.not_yet += usize::from(excuse.kind == Kind::NotYet);
        }
    }
    for citation in cited {
        let Some(section) = found.get_mut(&citation.section) else { continue };
        let tests = match unproved.contains(&citation.test) {
            true => &mut section.unproved,
            false => &mut section.tests,
        };
        if !tests.contains(&citation.test) {
            tests.push(citation.test.clone());
        }
    }
    for section in found.values_mut() {
        section.state = match (section.tests.is_empty(), section.excused == section.requirements) {
            (false, _) => State::Done,
            (true, true) => State::Excused,
            (true, false) => State::Open,
        };
    }
    found.into_values().collect()
}

fn count<'a>(sections: impl Iterator<Item = &'a SectionReport>, state: State) -> usize {
    sections.filter(|section| section.state == state).count()
}

fn not_yet_percent<'a>(sections: impl Iterator<Item = &'a SectionReport>) -> f64 {
    let (mut all, mut not_yet) = (0, 0);
    for section in sections {
        all += section.requirements;
        not_yet += section.not_yet;
    }
    100.0 * not_yet as f64 / (all as f64).max(1.0)
}

fn total<'a>(name: &str, sections: impl Iterator<Item = &'a SectionReport> + Clone) -> String {
    format!(
        "{name}: {} normative requirements on a server in {} sections; sections: {} done by proved tests, {} excused, \
         {} open; requirements: {} named by one, {:.1} % not yet",
        sections.clone().map(|section| section.requirements).sum::<usize>(),
        sections.clone().count(),
        count(sections.clone(), State::Done),
        count(sections.clone(), State::Excused),
        count(sections.clone(), State::Open),
        sections.clone().map(|section| section.named).sum::<usize>(),
        not_yet_percent(sections)
    )
}

#[cfg(test)]
mod tests {
    use super::super::tables::Requirement;
    use super::*;

    fn requirement(id: &str, section: &str) -> Requirement {
        Requirement {
            id: id.to_owned(),
            section: Section::parse(section).unwrap(),
            counts: true,
            text: String::new(),
        }
    }

    #[test]
    fn a_section_is_done_by_a_test_and_open_without() {
        let specification = Specification {
            name: "MS-OXCROPS".to_owned(),
            requirements: vec![requirement("R1", "2.1"), requirement("R2", "2.2")],
            elsewhere: Vec::new(),
        };
        let citation = Citation {
            specification: "MS-OXCROPS".to_owned(),
            section: Section::parse("2.1").unwrap(),
            requirements: vec!["R1".to_owned()],
            test: "rops::one".to_owned(),
            place: String::new(),
        };
        let specification = [specification];
        let report =
            Report::new(&specification, std::slice::from_ref(&citation), &[], &BTreeSet::new());
        let sections = &report.specifications[0].sections;
        assert_eq!((sections[0].state, sections[0].named), (State::Done, 1));
        assert_eq!((sections[1].state, report.open()), (State::Open, 1));
        assert!(report.text(true).contains("OPEN"));
        assert!(
            report.json(false).starts_with("[{\"specification\":\"MS-OXCROPS\",\"sections\":[{")
        );
        let unproved = BTreeSet::from([citation.test.clone()]);
        let report = Report::new(&specification, &[citation], &[], &unproved);
        assert_eq!(report.open(), 2);
        assert!(report.text(true).contains("(not proved: rops::one)"));
    }
}
