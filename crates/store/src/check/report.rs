//! What a check looked at and what it found.

use std::collections::{HashMap, HashSet};

use super::problem::{Name, Problem};

/// Problems that are put into words; there may be more.
pub const MAX_PROBLEMS: usize = 10_000;

/// What is checked, and whether it is mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Read every chunk of every large value and compare it with its address.
    pub blobs: bool,
    /// Mend what can be mended.
    pub repair: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options { blobs: true, repair: false }
    }
}

/// How far a check is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    pub done: u64,
    /// 0 while it is not known.
    pub total: u64,
    /// What is counted, such as "messages of mailbox 3".
    pub what: String,
}

/// What was looked at and what is wrong.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    pub mailboxes: u64,
    pub folders: u64,
    /// Associated and soft-deleted ones included.
    pub messages: u64,
    /// At any depth.
    pub attachments: u64,
    /// References to large values whose structure, and with [`Options::blobs`] every byte, was compared
    /// with its address.
    pub blobs: u64,
    /// Keys and values that were read, in all spaces.
    pub records: u64,
    /// At most [`MAX_PROBLEMS`], in the order in which they were found.
    pub problems: Vec<Problem>,
    /// Problems found, those included that are not in the list.
    pub found: u64,
    /// How many of those were mended.
    pub repaired: u64,
}

impl Report {
    /// Whether nothing is wrong, or not any more.
    pub fn is_clean(&self) -> bool {
        self.left() == 0
    }

    /// Problems that are still there.
    pub fn left(&self) -> u64 {
        self.found - self.repaired
    }

    /// In words, those that are still there: for tests.
    pub fn left_in_words(&self) -> Vec<String> {
        let left = self.problems.iter().filter(|problem| !problem.repaired);
        left.map(Problem::to_string).collect()
    }

    pub(crate) fn add(&mut self, problem: Problem) {
        self.found += 1;
        self.repaired += u64::from(problem.repaired);
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem);
        }
    }

    /// Adds what a look at something else found.
    pub(crate) fn merge(&mut self, other: Report) {
        self.mailboxes += other.mailboxes;
        self.folders += other.folders;
        self.messages += other.messages;
        self.attachments += other.attachments;
        self.blobs += other.blobs;
        self.records += other.records;
        self.found += other.found;
        self.repaired += other.repaired;
        let room = MAX_PROBLEMS - self.problems.len().min(MAX_PROBLEMS);
        self.problems.extend(other.problems.into_iter().take(room));
    }

    /// Adds what a second look found and did: of the same problem, the later word holds.
    pub(crate) fn absorb(&mut self, later: Report) {
        let mut known: HashMap<Name, usize> =
            self.problems.iter().enumerate().map(|(index, p)| (p.name(), index)).collect();
        self.found += later.found - later.problems.len() as u64;
        for problem in later.problems {
            let Some(index) = known.remove(&problem.name()) else {
                self.add(problem);
                continue;
            };
            let before = &mut self.problems[index];
            if !problem.lost.is_empty() && before.lost != problem.lost {
                let both = [&before.lost[..], &problem.lost[..]];
                before.lost =
                    both.into_iter().filter(|lost| !lost.is_empty()).collect::<Vec<_>>().join("; ");
            }
            before.repaired = problem.repaired;
            before.left = problem.left;
        }
    }

    /// Lets a last look, which mended nothing, say what is left.
    pub(crate) fn settle(&mut self, last: Report) {
        let left: HashSet<Name> = last.problems.iter().map(Problem::name).collect();
        let mut known = HashSet::new();
        for problem in &mut self.problems {
            let name = problem.name();
            problem.repaired = !left.contains(&name);
            match (problem.repaired, &problem.left) {
                (true, _) => problem.left = None,
                (false, None) => problem.left = Some("it is still there after the repair".into()),
                _ => {}
            }
            known.insert(name);
        }
        let found = last.found;
        last.problems.into_iter().filter(|p| !known.contains(&p.name())).for_each(|p| self.add(p));
        self.found = self.found.max(found);
        self.repaired = self.found - found;
    }
}
