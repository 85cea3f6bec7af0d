//! Records that may outgrow one value of the engine: cut into parts under one prefix.

use crate::Result;
use crate::engine::{Batch, Reader, Space};

/// Bytes of a part.
pub(crate) const PART: usize = 48 * 1024;
/// The largest record; what is larger belongs into a blob.
pub(crate) const MAX_RECORD: usize = 4 << 20;

/// Writes a record as its parts and removes parts of a longer one before it.
pub(crate) fn put(batch: &mut Batch, prefix: &[u8], bytes: &[u8], old_parts: usize) {
    let mut parts = 0;
    for (index, part) in bytes.chunks(PART).enumerate() {
        batch.put(Space::Mailbox, part_key(prefix, index), part);
        parts = index + 1;
    }
    // An empty record has one empty part, so that it is there.
    if bytes.is_empty() {
        batch.put(Space::Mailbox, part_key(prefix, 0), Vec::new());
        parts = 1;
    }
    for index in parts..old_parts {
        batch.delete(Space::Mailbox, part_key(prefix, index));
    }
}

pub(crate) fn delete(batch: &mut Batch, prefix: &[u8], parts: usize) {
    for index in 0..parts {
        batch.delete(Space::Mailbox, part_key(prefix, index));
    }
}

/// A record's bytes and how many parts it has; no parts if it is not there.
pub(crate) fn get(reader: &(impl Reader + ?Sized), prefix: &[u8]) -> Result<(Vec<u8>, usize)> {
    // Nearly every record has one part; to look for a key costs half of what a scan does.
    let mut bytes = Vec::new();
    let mut parts = 0;
    while let Some(part) = reader.get(Space::Mailbox, &part_key(prefix, parts))? {
        bytes.extend_from_slice(&part);
        parts += 1;
        // INVARIANT: every part but the last is full.
        if part.len() < PART {
            break;
        }
    }
    Ok((bytes, parts))
}

fn part_key(prefix: &[u8], index: usize) -> Vec<u8> {
    let index = u16::try_from(index).unwrap_or(u16::MAX);
    [prefix, &index.to_be_bytes()].concat()
}
