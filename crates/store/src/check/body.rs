//! The nodes of a message as a check finds them: put together, with what is wrong said beside it.

use crate::engine::{Scanned, Value};
use crate::message::MessageBody;
use crate::record::node::{self, Path};
use crate::{Result, StoreError};

/// The records of the nodes, parents first, as far as they can be read.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) records: Vec<Record>,
    /// What is wrong with keys, values and parts.
    pub(super) faults: Vec<String>,
}

/// A node whose parts are put together.
pub(super) struct Record {
    pub(super) path: Path,
    pub(super) bytes: Vec<u8>,
    /// Its checksum does not match, or a part is missing: `bytes` may be cut or wrong.
    pub(super) suspect: bool,
}

/// Puts the parts of nodes together. A value that cannot be read is asked of `raw`, which gives what is
/// left of it.
pub(super) fn gather(nodes: &[Scanned], raw: impl Fn(&[u8]) -> Option<Value>) -> Gathered {
    let mut gathered = Gathered::default();
    let mut next_part = 0;
    for (key, value) in nodes {
        let Some((path, part)) = node::parse_key(key) else {
            gathered.faults.push("a key that is no path".into());
            continue;
        };
        let bytes = match value {
            Ok(value) => Some(value.clone()),
            Err(error) => {
                gathered.faults.push(format!("{}: {}", place(&path), reason(error)));
                raw(key)
            }
        };
        let same = gathered.records.last().is_some_and(|record| record.path == path);
        if !same {
            gathered.records.push(Record { path: path.clone(), bytes: Vec::new(), suspect: false });
            next_part = 0;
        }
        let Some(record) = gathered.records.last_mut() else { continue };
        if part != next_part {
            gathered.faults.push(format!("{}: part {next_part} of it is missing", place(&path)));
            record.suspect = true;
        }
        record.suspect |= value.is_err();
        // Behind a part that is missing nothing can be read, since it would begin in the middle.
        match (part == next_part, bytes) {
            (true, Some(bytes)) => {
                record.bytes.extend_from_slice(&bytes);
                next_part = part.saturating_add(1);
            }
            _ => next_part = u16::MAX,
        }
    }
    gathered
}

impl Gathered {
    /// The whole message.
    ///
    /// Errors: [`StoreError::Corrupt`] with all that is wrong.
    pub(super) fn whole(&self) -> Result<MessageBody> {
        if !self.faults.is_empty() {
            return Err(StoreError::Corrupt(self.faults.join("; ")));
        }
        let records: Vec<(Path, Vec<u8>)> =
            self.records.iter().map(|r| (r.path.clone(), r.bytes.clone())).collect();
        let body = node::read_all(&records)?;
        check_numbers(&body)?;
        Ok(body)
    }
}

/// Whether every message gives its next attachment a number that none of its attachments has.
fn check_numbers(body: &MessageBody) -> Result<()> {
    for attachment in &body.attachments {
        if attachment.number >= body.next_attachment {
            return Err(StoreError::Corrupt(format!(
                "attachment {} would be given its number a second time",
                attachment.number
            )));
        }
        attachment.embedded.as_deref().map_or(Ok(()), check_numbers)?;
    }
    Ok(())
}

/// A node in words.
pub(super) fn place(path: &[u32]) -> String {
    match path {
        [] => "the message".into(),
        path => {
            let numbers: Vec<String> = path.iter().map(u32::to_string).collect();
            format!("attachment {}", numbers.join("/"))
        }
    }
}

pub(super) fn reason(error: &crate::engine::Error) -> String {
    match error {
        crate::engine::Error::Corrupt { reason, .. } => (*reason).to_owned(),
        other => other.to_string(),
    }
}

pub(super) fn count_attachments(body: &MessageBody) -> u64 {
    let below = |body: &MessageBody| count_attachments(body);
    body.attachments.iter().map(|a| 1 + a.embedded.as_deref().map_or(0, below)).sum()
}
