//! Outlook items in a file of their own, .msg ([MS-OXMSG]).
//!
//! What can be read is carried, and each thing that cannot is named in the report: a bad property costs
//! that property, a bad attachment that attachment. Strings come out in Unicode.

use mapi::MessageContent;

use crate::report::{Kind, Report};

mod compound;
mod object;
mod ole;

/// How deep messages in messages are followed.
pub const MAX_NESTING: usize = 32;

/// Why a file is no message at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MsgError {
    #[error("not a compound file, so not a .msg file")]
    NotCompound,
    #[error("a compound file, but no message stands in it")]
    NotAMessage,
    #[error("the compound file is damaged beyond use: {0}")]
    Damaged(String),
}

/// Whether the bytes begin like a compound file.
pub fn is_compound(bytes: &[u8]) -> bool {
    compound::has_signature(bytes)
}

/// Reads a .msg file whole.
///
/// The report counts one message, its recipients, attachments and properties, and those of messages
/// within it.
///
/// ```
/// # let bytes = include_bytes!("../../../../testsuite/data/corpus/msg/simple_test_msg.msg");
/// let (message, report) = formats::msg::read(bytes)?;
/// let subject = message.properties.text(mapi::generated::tags::SUBJECT);
/// assert_eq!(subject.as_deref(), Some("test message"));
/// assert!(report.is_whole());
/// # Ok::<(), formats::msg::MsgError>(())
/// ```
///
/// # Errors
/// Only if no message can be found in the bytes.
pub fn read(bytes: &[u8]) -> Result<(MessageContent, Report), MsgError> {
    let file = compound::Compound::open(bytes)?;
    let mut report = Report::default();
    for damage in file.damage() {
        report.refuse(Kind::Structure, "compound file", damage);
    }
    for orphan in file.orphans() {
        let what = format!("entry {:?} of {} bytes", orphan.name, orphan.size);
        report.refuse(Kind::Structure, what, "no storage holds it");
    }
    let content = object::read_message(&file, &mut report)?;
    report.carry(Kind::Message);
    Ok((content, report))
}

#[cfg(test)]
mod tests;
