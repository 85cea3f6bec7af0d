//! The readers of .msg and .pst files and of TNEF: they end, they count what they carry, and they carry no more than
//! the bytes can hold.

use std::collections::HashSet;
use std::io::Cursor;
use std::ops::ControlFlow;

use mapi::{AttachedContent, MessageContent, PropertyBag};

use crate::guard::PANICKED;
use crate::pst::{Folder, Item, Limits, NodeId, PstFile, Visitor};
use crate::report::{Report, Tally};
use crate::{msg, tnef};

/// Reads the bytes as a .msg file.
pub fn msg(bytes: &[u8]) {
    let Ok((content, report)) = msg::read(bytes) else { return };
    consistent(&report);
    assert_eq!(report.messages, Tally { expected: 1, carried: 1 });
    // All streams together give at most twice the file, and UTF-8 may take three bytes for two.
    assert!(size(&content) <= 4 * bytes.len() + 4096, "more than the file holds");
}

/// Reads the bytes as a TNEF stream, and what was read goes out and comes back.
pub fn tnef(bytes: &[u8]) {
    let Ok((content, report)) = tnef::read(bytes) else { return };
    consistent(&report);
    assert_eq!(report.messages, Tally { expected: 1, carried: 1 });
    // UTF-8 may take three bytes for one of a code page; an address of an attribute becomes three
    // properties and a one-off entry id in UTF-16.
    assert!(size(&content) <= 8 * bytes.len() + 1_024, "more than the stream holds");
    let written = tnef::write(&content);
    let (again, report) = tnef::read(&written).expect("a written stream");
    assert!(report.is_whole(), "a written stream has faults: {:?}", report.refused);
    assert_eq!(again.recipients.len(), content.recipients.len(), "recipients");
    assert_eq!(again.attachments.len(), content.attachments.len(), "attachments");
    assert!(tnef::write(&again) == written, "what came back is written in another way");
}

/// Reads the bytes as a .pst file.
pub fn pst(bytes: &[u8]) {
    let limits = Limits { value: 1 << 20, message: 4 << 20 };
    let Ok(file) = PstFile::open(Cursor::new(bytes.to_vec()), limits) else { return };
    let mut seen = Seen { limits, ..Seen::default() };
    let report = file.walk(&mut seen);
    consistent(&report);
    let expected = file.expected();
    assert!(report.folders.expected >= expected.folders.expected);
    assert!(report.messages.expected >= expected.messages.expected);
    assert!(report.associated.expected >= expected.associated.expected);
    assert_eq!(report.messages.carried, seen.messages);
    assert_eq!(report.associated.carried, seen.associated);
}

#[derive(Default)]
struct Seen {
    limits: Limits,
    folders: HashSet<NodeId>,
    ids: HashSet<NodeId>,
    messages: u64,
    associated: u64,
}

impl Visitor for Seen {
    fn folder(&mut self, folder: &Folder) -> ControlFlow<()> {
        assert!(self.folders.insert(folder.id), "folder {} comes twice", folder.id);
        if let Some(parent) = folder.parent {
            assert!(self.folders.contains(&parent), "folder {} comes before its parent", folder.id);
        }
        ControlFlow::Continue(())
    }

    fn message(&mut self, folder: &Folder, item: Item) -> ControlFlow<()> {
        assert!(self.folders.contains(&folder.id), "a message comes before its folder");
        assert!(self.ids.insert(item.id), "message {} comes twice", item.id);
        match item.associated {
            true => self.associated += 1,
            false => self.messages += 1,
        }
        // UTF-8 may take three bytes for the two of UTF-16, and U+FFFD three for one of a code page.
        assert!(size(&item.content) as u64 <= 4 * self.limits.message + (1 << 20));
        ControlFlow::Continue(())
    }
}

fn consistent(report: &Report) {
    let tallies = [
        report.folders,
        report.messages,
        report.associated,
        report.recipients,
        report.attachments,
        report.properties,
    ];
    let refused: u64 = tallies.iter().map(|tally| tally.refused()).sum();
    assert!(tallies.iter().all(|tally| tally.carried <= tally.expected), "{report:?}");
    assert!(!report.refused.iter().any(|refusal| refusal.why.contains(PANICKED)), "{report:?}");
    let named = report.refused.len() as u64 + report.refused_unlisted;
    assert!(named >= refused, "{named} of {refused} refusals are named");
}

fn size(content: &MessageContent) -> usize {
    let bag = |bag: &PropertyBag| bag.iter().map(|(_, value)| value.size()).sum::<usize>();
    let mut total = bag(&content.properties);
    total += content.recipients.iter().map(|r| bag(&r.properties)).sum::<usize>();
    for attachment in &content.attachments {
        total += bag(&attachment.properties);
        total += match &attachment.content {
            AttachedContent::Nothing => 0,
            AttachedContent::Bytes(bytes) => bytes.len(),
            // A storage as a file of its own has tables of its own.
            AttachedContent::Ole(_) => 0,
            AttachedContent::Message(inner) => size(inner),
        };
    }
    total
}
