//! What has to be in a store after a kill: the effects of all changes that were acknowledged, and of those
//! that were under way, each whole or not at all.
//!
//! The program that is killed writes a line before each change, and one when the store has acknowledged it:
//!
//! ```text
//! 3 try move put 17 desk3 0 1, gone 17 Inbox; put 18 desk3 0 0, gone 18 Inbox
//! 3 ack
//! ```
//!
//! or `3 fail` and the error. The first word is the thread, the third what it does. A semicolon separates
//! groups of effects; each group is there whole or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::Result;

/// A letter in a folder.
pub type Key = (u64, String);

/// What a message says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    pub version: u64,
    pub read: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    Put(Key, State),
    Gone(Key),
    Folder(String),
    NoFolder(String),
}

/// Effects that come together.
pub type Group = Vec<Effect>;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Model {
    pub letters: BTreeMap<Key, State>,
    pub folders: BTreeSet<String>,
}

/// What one program said.
#[derive(Debug, Default)]
pub struct Story {
    acknowledged: Model,
    /// By thread.
    under_way: BTreeMap<u64, Vec<Group>>,
    /// What was answered with an error: it may have come to be, or not.
    failed: Vec<Group>,
    /// Acknowledgements by what was done.
    pub counts: BTreeMap<String, u64>,
    doing: BTreeMap<u64, String>,
}

impl Model {
    pub fn apply(&mut self, effect: &Effect) {
        match effect {
            Effect::Put(key, state) => drop(self.letters.insert(key.clone(), *state)),
            Effect::Gone(key) => drop(self.letters.remove(key)),
            Effect::Folder(name) => drop(self.folders.insert(name.clone())),
            Effect::NoFolder(name) => drop(self.folders.remove(name)),
        }
    }

    fn shows(&self, effect: &Effect) -> bool {
        match effect {
            Effect::Put(key, state) => self.letters.get(key) == Some(state),
            Effect::Gone(key) => !self.letters.contains_key(key),
            Effect::Folder(name) => self.folders.contains(name),
            Effect::NoFolder(name) => !self.folders.contains(name),
        }
    }
}

impl Story {
    /// Begins with what is there already.
    pub fn new(acknowledged: Model) -> Story {
        Story { acknowledged, ..Story::default() }
    }

    pub fn has_done(&self, doing: &str) -> bool {
        self.counts.contains_key(doing)
    }

    pub fn acknowledgements(&self) -> u64 {
        self.counts.values().sum()
    }

    pub fn follow(&mut self, line: &str) -> Result {
        let malformed = || format!("the line {line:?}");
        let (thread, rest) = line.split_once(' ').ok_or_else(malformed)?;
        let thread: u64 = thread.parse()?;
        if rest == "ack" {
            let groups = self.under_way.remove(&thread).ok_or_else(malformed)?;
            groups.iter().flatten().for_each(|effect| self.acknowledged.apply(effect));
            *self.counts.entry(self.doing.remove(&thread).unwrap_or_default()).or_default() += 1;
            return Ok(());
        }
        if rest == "fail" || rest.starts_with("fail ") {
            self.failed.extend(self.under_way.remove(&thread).ok_or_else(malformed)?);
            return Ok(());
        }
        let rest = rest.strip_prefix("try ").ok_or_else(malformed)?;
        let (doing, groups) = rest.split_once(' ').ok_or_else(malformed)?;
        let groups = groups.split(';').map(|group| {
            group.split(',').filter(|effect| !effect.trim().is_empty()).map(parse).collect()
        });
        let groups = groups.collect::<Result<Vec<Group>>>()?;
        self.doing.insert(thread, doing.to_owned());
        match self.under_way.insert(thread, groups) {
            None => Ok(()),
            Some(_) => Err(format!("thread {thread} began something new unasked").into()),
        }
    }

    /// What is wrong with what was found.
    pub fn faults(&self, found: &Model) -> Vec<String> {
        let mut expected = self.acknowledged.clone();
        let mut faults = Vec::new();
        for group in self.failed.iter().chain(self.under_way.values().flatten()) {
            let all = group.iter().all(|effect| found.shows(effect));
            if all {
                group.iter().for_each(|effect| expected.apply(effect));
            }
        }
        for (key, state) in &expected.letters {
            match found.letters.get(key) {
                Some(found) if found == state => {}
                Some(found) => faults.push(format!("{key:?} is {found:?} and not {state:?}")),
                None => faults.push(format!("{key:?} is missing")),
            }
        }
        let more = found.letters.keys().filter(|key| !expected.letters.contains_key(*key));
        faults.extend(more.map(|key| format!("{key:?} is there")));
        let differ = expected.folders.symmetric_difference(&found.folders);
        faults.extend(differ.map(|name| match found.folders.contains(name) {
            true => format!("the folder {name} is there"),
            false => format!("the folder {name} is missing"),
        }));
        faults
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Effect::Put((letter, folder), state) => {
                write!(f, "put {letter} {folder} {} {}", state.version, u8::from(state.read))
            }
            Effect::Gone((letter, folder)) => write!(f, "gone {letter} {folder}"),
            Effect::Folder(name) => write!(f, "folder {name}"),
            Effect::NoFolder(name) => write!(f, "nofolder {name}"),
        }
    }
}

/// The line before a change.
pub fn intention(thread: u64, doing: &str, groups: &[Group]) -> String {
    let group = |group: &Group| group.iter().map(Effect::to_string).collect::<Vec<_>>().join(", ");
    let groups: Vec<String> = groups.iter().map(group).collect();
    format!("{thread} try {doing} {}\n", groups.join("; "))
}

fn parse(effect: &str) -> Result<Effect> {
    let words: Vec<&str> = effect.split_whitespace().collect();
    Ok(match words[..] {
        ["put", letter, folder, version, read] => Effect::Put(
            (letter.parse()?, folder.to_owned()),
            State { version: version.parse()?, read: read == "1" },
        ),
        ["gone", letter, folder] => Effect::Gone((letter.parse()?, folder.to_owned())),
        ["folder", name] => Effect::Folder(name.to_owned()),
        ["nofolder", name] => Effect::NoFolder(name.to_owned()),
        _ => return Err(format!("the effect {effect:?}").into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(effects: &[&str]) -> Model {
        let mut model = Model::default();
        effects.iter().for_each(|effect| model.apply(&parse(effect).unwrap()));
        model
    }

    #[test]
    fn acknowledged_effects_and_whole_groups_may_be_there() {
        let mut story = Story::default();
        for line in [
            "0 try make folder a",
            "0 ack",
            "0 try save put 1 a 0 0",
            "1 try save put 2 Inbox 0 0; put 3 Inbox 0 0",
            "0 ack",
            "0 try move put 1 b 0 0, gone 1 a",
        ] {
            story.follow(line).unwrap();
        }
        assert_eq!(story.acknowledgements(), 2);
        for whole in [
            &["folder a", "put 1 a 0 0"][..],
            &["folder a", "put 1 b 0 0"],
            &["folder a", "put 1 b 0 0", "put 3 Inbox 0 0"],
            &["folder a", "put 1 a 0 0", "put 2 Inbox 0 0", "put 3 Inbox 0 0"],
        ] {
            assert_eq!(story.faults(&found(whole)), Vec::<String>::new(), "{whole:?}");
        }
        for broken in [
            &["folder a"][..],
            &["put 1 a 0 0"],
            &["folder a", "put 1 a 0 0", "put 1 b 0 0"],
            &["folder a", "put 1 a 0 1"],
            &["folder a", "put 1 a 1 0"],
            &["folder a", "folder b", "put 1 a 0 0"],
            &["folder a", "put 1 a 0 0", "put 4 Inbox 0 0"],
        ] {
            assert_ne!(story.faults(&found(broken)), Vec::<String>::new(), "{broken:?}");
        }
    }
}
