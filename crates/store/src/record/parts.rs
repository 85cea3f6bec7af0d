//! Records that may outgrow one value of the engine: cut into parts under one prefix.

use std::ops::ControlFlow;

use crate::Result;
use crate::engine::{Batch, Direction, KeyRange, Reader, Space};

/// Bytes of a part.
const PART: usize = 48 * 1024;
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
    let mut bytes = Vec::new();
    let mut parts = 0;
    reader.visit(
        Space::Mailbox,
        &KeyRange::prefix(prefix),
        Direction::Forward,
        &mut |key, value| {
            if key.len() == prefix.len() + 2 {
                bytes.extend_from_slice(&value);
                parts += 1;
            }
            ControlFlow::Continue(())
        },
    )?;
    Ok((bytes, parts))
}

fn part_key(prefix: &[u8], index: usize) -> Vec<u8> {
    let index = u16::try_from(index).unwrap_or(u16::MAX);
    [prefix, &index.to_be_bytes()].concat()
}
