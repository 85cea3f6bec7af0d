//! What became of everything that a file was expected to hold: carried, or refused with a reason.

use std::fmt;

/// At most this many refusals are kept word by word; the rest are counted, so that a hostile file cannot
/// fill memory with complaints.
pub const MAX_REFUSALS: usize = 10_000;

/// Counts by kind, and each thing that was refused or harmed.
///
/// A thing that was carried in part (an attachment that is shorter than announced) counts as refused and
/// is carried as far as it goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    pub folders: Tally,
    pub messages: Tally,
    /// Folder associated information: the hidden messages of a folder.
    pub associated: Tally,
    pub recipients: Tally,
    pub attachments: Tally,
    pub properties: Tally,
    pub refused: Vec<Refusal>,
    /// Refusals beyond [`MAX_REFUSALS`].
    pub refused_unlisted: u64,
}

/// How many there were, and how many came through whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    pub expected: u64,
    pub carried: u64,
}

impl Tally {
    pub fn refused(self) -> u64 {
        self.expected.saturating_sub(self.carried)
    }

    pub fn carry(&mut self) {
        self.expected += 1;
        self.carried += 1;
    }

    fn add(&mut self, other: Tally) {
        self.expected += other.expected;
        self.carried += other.carried;
    }
}

/// One thing that did not come through, or not whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub kind: Kind,
    /// Where it stood: `attachment 2: property 0x3701`.
    pub what: String,
    pub why: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Structure of the file itself: what it held cannot be told.
    Structure,
    Folder,
    Message,
    Associated,
    Recipient,
    Attachment,
    Property,
}

impl Report {
    /// Notes a refusal, and counts it as expected where its kind has a tally.
    pub fn refuse(&mut self, kind: Kind, what: impl Into<String>, why: impl Into<String>) {
        if let Some(tally) = self.tally(kind) {
            tally.expected += 1;
        }
        if self.refused.len() >= MAX_REFUSALS {
            self.refused_unlisted += 1;
            return;
        }
        self.refused.push(Refusal { kind, what: what.into(), why: why.into() });
    }

    pub fn carry(&mut self, kind: Kind) {
        if let Some(tally) = self.tally(kind) {
            tally.carry();
        }
    }

    /// Whether nothing was refused.
    pub fn is_whole(&self) -> bool {
        self.refused.is_empty() && self.refused_unlisted == 0
    }

    /// Takes in the counts and refusals of a part, which stood at `place`.
    pub fn absorb(&mut self, part: Report, place: &str) {
        let Report { folders, messages, associated, recipients, attachments, properties, .. } =
            part;
        self.folders.add(folders);
        self.messages.add(messages);
        self.associated.add(associated);
        self.recipients.add(recipients);
        self.attachments.add(attachments);
        self.properties.add(properties);
        self.refused_unlisted += part.refused_unlisted;
        for refusal in part.refused {
            if self.refused.len() >= MAX_REFUSALS {
                self.refused_unlisted += 1;
                continue;
            }
            let what = match place.is_empty() {
                true => refusal.what,
                false => format!("{place}: {}", refusal.what),
            };
            self.refused.push(Refusal { what, ..refusal });
        }
    }

    fn tally(&mut self, kind: Kind) -> Option<&mut Tally> {
        match kind {
            Kind::Structure => None,
            Kind::Folder => Some(&mut self.folders),
            Kind::Message => Some(&mut self.messages),
            Kind::Associated => Some(&mut self.associated),
            Kind::Recipient => Some(&mut self.recipients),
            Kind::Attachment => Some(&mut self.attachments),
            Kind::Property => Some(&mut self.properties),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.carried, self.expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_was_refused() {
        let mut part = Report::default();
        part.carry(Kind::Property);
        part.refuse(Kind::Property, "property 0x0037", "its stream is missing");
        let mut whole = Report::default();
        whole.absorb(part, "attachment 1");
        assert_eq!(whole.properties, Tally { expected: 2, carried: 1 });
        assert_eq!(whole.properties.refused(), 1);
        assert_eq!(
            whole.refused[0].to_string(),
            "attachment 1: property 0x0037: its stream is missing"
        );
        assert!(!whole.is_whole());
    }

    #[test]
    fn refusals_are_bounded() {
        let mut report = Report::default();
        for _ in 0..MAX_REFUSALS + 5 {
            report.refuse(Kind::Structure, "page", "damaged");
        }
        assert_eq!(report.refused.len(), MAX_REFUSALS);
        assert_eq!(report.refused_unlisted, 5);
    }
}
