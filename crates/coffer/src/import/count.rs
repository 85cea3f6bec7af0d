//! What an import or export expected, carried and refused.

use std::fmt::Write;

use formats::report::Report;
use serde::{Deserialize, Serialize};

/// Kinds of things that are counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Folder,
    /// A search folder: it holds no mail of its own.
    Search,
    Message,
    /// A folder-associated item (FAI).
    Associated,
    Attachment,
    /// A recipient alone; its message was carried.
    Recipient,
    /// A property alone; its message was carried.
    Property,
    /// A structure of the file: what it held cannot be told.
    Structure,
    /// A whole file that could not be read as anything.
    File,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Tally {
    pub expected: u64,
    pub carried: u64,
    /// Carried by an earlier run.
    pub present: u64,
    pub refused: u64,
}

/// One thing that was not carried, and why.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Refusal {
    pub kind: Kind,
    /// The file, and the place in it.
    pub what: String,
    pub why: String,
}

/// INVARIANT: for each kind, expected = carried + present + refused at the end, or
/// [`Counts::unaccounted`] says so.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Counts {
    pub files: Tally,
    pub folders: Tally,
    /// Search folders; those that were left out count as refused here.
    #[serde(default)]
    pub searches: Tally,
    pub messages: Tally,
    pub associated: Tally,
    pub attachments: Tally,
    /// Properties, recipients and structures that were refused inside of what was carried.
    pub parts_refused: u64,
    pub refusals: Vec<Refusal>,
    /// What holds no mail and was left out: the import is whole without it.
    #[serde(default)]
    pub left_out: Vec<Refusal>,
    /// Refusals beyond those that are listed.
    pub refusals_left_out: u64,
}

/// A hostile file cannot make the report larger than this.
const MAX_REFUSALS: usize = 10_000;

/// The tallies at some moment, to tell what has come since.
#[derive(Debug, Clone, Copy)]
pub struct Tallies([Tally; 5]);

impl Tallies {
    /// Folders, messages, associated items, attachments or search folders; other kinds have no tally.
    pub fn of(&self, kind: Kind) -> Tally {
        match kind {
            Kind::Folder => self.0[0],
            Kind::Message => self.0[1],
            Kind::Associated => self.0[2],
            Kind::Attachment => self.0[3],
            Kind::Search => self.0[4],
            _ => Tally::default(),
        }
    }
}

impl Counts {
    pub fn clone_tallies(&self) -> Tallies {
        Tallies([self.folders, self.messages, self.associated, self.attachments, self.searches])
    }

    pub fn tally(&mut self, kind: Kind) -> Option<&mut Tally> {
        match kind {
            Kind::File => Some(&mut self.files),
            Kind::Folder => Some(&mut self.folders),
            Kind::Search => Some(&mut self.searches),
            Kind::Message => Some(&mut self.messages),
            Kind::Associated => Some(&mut self.associated),
            Kind::Attachment => Some(&mut self.attachments),
            Kind::Recipient | Kind::Property | Kind::Structure => None,
        }
    }

    /// Counts something as refused that had been expected.
    pub fn refuse(&mut self, kind: Kind, what: impl Into<String>, why: impl Into<String>) {
        match self.tally(kind) {
            Some(tally) => tally.refused += 1,
            None => self.parts_refused += 1,
        }
        self.name(kind, what.into(), why.into());
    }

    /// Counts something as refused that holds no mail, so that nothing is missing without it.
    pub fn leave_out(&mut self, kind: Kind, what: impl Into<String>, why: impl Into<String>) {
        if let Some(tally) = self.tally(kind) {
            tally.refused += 1;
        }
        if self.left_out.len() < MAX_REFUSALS {
            self.left_out.push(Refusal { kind, what: what.into(), why: why.into() });
        }
    }

    /// Lists what was refused inside of a message or file, which a reader has reported.
    pub fn name_parts(&mut self, report: &Report, place: &str) {
        for refusal in &report.refused {
            let kind = match refusal.kind {
                formats::report::Kind::Structure => Kind::Structure,
                formats::report::Kind::Folder => Kind::Folder,
                formats::report::Kind::Message => Kind::Message,
                formats::report::Kind::Associated => Kind::Associated,
                formats::report::Kind::Recipient => Kind::Recipient,
                formats::report::Kind::Attachment => Kind::Attachment,
                formats::report::Kind::Property => Kind::Property,
            };
            if self.tally(kind).is_none() {
                self.parts_refused += 1;
            }
            self.name(kind, format!("{place}: {}", refusal.what), refusal.why.clone());
        }
        self.refusals_left_out += report.refused_unlisted;
    }

    fn name(&mut self, kind: Kind, what: String, why: String) {
        if self.refusals.len() < MAX_REFUSALS {
            self.refusals.push(Refusal { kind, what, why });
        } else {
            self.refusals_left_out += 1;
        }
    }

    /// Counts something that the source holds.
    pub fn expect(&mut self, kind: Kind) {
        if let Some(tally) = self.tally(kind) {
            tally.expected += 1;
        }
    }

    pub fn carry(&mut self, kind: Kind) {
        if let Some(tally) = self.tally(kind) {
            tally.carried += 1;
        }
    }

    pub fn present(&mut self, kind: Kind) {
        if let Some(tally) = self.tally(kind) {
            tally.present += 1;
        }
    }

    pub fn nothing_refused(&self) -> bool {
        self.refusals.is_empty()
    }

    /// What was expected and is neither carried nor refused: nothing may be lost without a word.
    pub fn unaccounted(&self) -> u64 {
        [self.files, self.folders, self.searches, self.messages, self.associated, self.attachments]
            .iter()
            .map(|t| t.expected.saturating_sub(t.carried + t.present + t.refused))
            .sum()
    }

    /// The table that people read. `carried` names the column: carried, or counted in a dry run.
    pub fn table(&self, carried: &str) -> String {
        let mut text = String::new();
        // The counts come last, where a reader of a long list looks.
        for refusal in &self.refusals {
            let kind = format!("{:?}", refusal.kind).to_lowercase();
            let _ = writeln!(text, "refused {kind} {}: {}", refusal.what, refusal.why);
        }
        for left_out in &self.left_out {
            let _ = writeln!(text, "left out search folder {}: {}", left_out.what, left_out.why);
        }
        if self.refusals_left_out > 0 {
            let _ = writeln!(text, "and {} more refusals", self.refusals_left_out);
        }
        let _ = writeln!(
            text,
            "{:<18} {:>10} {carried:>10} {:>13} {:>10}",
            "", "expected", "already there", "refused"
        );
        for (name, tally) in [
            ("files", self.files),
            ("folders", self.folders),
            ("search folders", self.searches),
            ("messages", self.messages),
            ("associated (FAI)", self.associated),
            ("attachments", self.attachments),
        ] {
            let Tally { expected, carried, present, refused } = tally;
            let _ = writeln!(
                text,
                "{name:<18} {expected:>10} {carried:>10} {present:>13} {refused:>10}"
            );
        }
        if self.parts_refused > 0 {
            let _ = writeln!(text, "{:<18} {:>46}", "parts of them", self.parts_refused);
        }
        text.truncate(text.trim_end().len());
        text
    }
}
