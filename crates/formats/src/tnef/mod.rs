//! The Transport Neutral Encapsulation Format ([MS-OXTNEF]): a message of MAPI as a stream of attributes,
//! which mail carries as `winmail.dat`.
//!
//! What can be read is carried, and each thing that cannot is named in the report: a bad value costs that
//! value, a wrong checksum nothing, a cut stream what stood behind the cut. Strings come out in Unicode.

use mapi::MessageContent;

use crate::report::{Kind, Report};

mod addresses;
mod attachment;
mod attributes;
mod classes;
mod dates;
mod legacy;
mod properties;
mod read;
mod write;

pub use attributes::has_signature;
pub use write::{Writing, write, write_with};

/// How deep messages in messages are followed.
pub const MAX_NESTING: usize = 32;

/// Recipients of one message.
pub const MAX_RECIPIENTS: usize = 100_000;

/// Attachments of one message.
pub const MAX_ATTACHMENTS: usize = 10_000;

/// Why bytes are no message at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TnefError {
    #[error("not a TNEF stream: its signature is missing")]
    NotTnef,
    #[error("a TNEF stream without a single whole attribute")]
    Empty,
}

/// Reads a TNEF stream whole.
///
/// The report counts one message, its recipients, attachments and properties, and those of messages within
/// it. Attributes that stand for properties count as properties.
///
/// ```
/// # let bytes = include_bytes!("../../../../testsuite/data/corpus/tnef/bug52400-winmail-simple.dat");
/// let (message, report) = formats::tnef::read(bytes)?;
/// let subject = message.properties.text(mapi::generated::tags::SUBJECT);
/// assert_eq!(subject.as_deref(), Some("Testing TNEF Message"));
/// assert!(report.is_whole());
/// # Ok::<(), formats::tnef::TnefError>(())
/// ```
///
/// # Errors
/// Only if no message can be found in the bytes.
pub fn read(bytes: &[u8]) -> Result<(MessageContent, Report), TnefError> {
    let mut report = Report::default();
    let content = read::message(bytes, crate::values::DEFAULT_CODE_PAGE, 0, &mut report)?;
    report.carry(Kind::Message);
    Ok((content, report))
}

#[cfg(test)]
mod tests;
