//! Outlines: what IMAP asks of messages without opening them. Made with a message that comes in, or by whoever opened
//! one that had none.

use std::ops::ControlFlow;

use mapi::{FolderId, MessageId};

use super::MessageBody;
use super::open::read_hot;
use crate::engine::{self, KeyRange, Reader, Space};
use crate::keys::{self, Kind};
use crate::mailbox::writer::{self, Tx};
use crate::record::outline::Outline;
use crate::{Mailbox, Result};

/// Records between two that are wanted, beyond which each is asked for by itself.
const SPARSE: usize = 4;
/// Fewer are asked for one by one.
const FEW: usize = 8;

/// The outlines of messages in the order of `ids`; None where there is none.
pub fn outlines(mailbox: &Mailbox, ids: &[MessageId]) -> Result<Vec<Option<Outline>>> {
    some(mailbox.reader(), &mailbox.key(Kind::Outline, &[]), ids, |_, bytes| {
        Ok(Outline::read(bytes)?)
    })
}

/// Keeps outlines that somebody made of messages, for those that are still as they were: with the sequence that they
/// had before they were read. Nobody is told of it.
pub fn keep_outlines(
    mailbox: &Mailbox,
    folder: FolderId,
    outlines: &[(MessageId, u64, Outline)],
) -> Result<()> {
    if outlines.is_empty() {
        return Ok(());
    }
    writer::write(mailbox, |tx| {
        for (id, sequence, outline) in outlines {
            let hot = read_hot(tx.mailbox, tx.reader(), *id)?;
            if hot.is_some_and(|hot| hot.folder == folder && hot.sequence == *sequence) {
                tx.put(keys::outline(tx.mailbox.number(), *id), outline.to_bytes());
            }
        }
        Ok(())
    })
}

/// With a message that is written: what came with it is kept, and what was made of other properties goes.
pub(crate) fn put(tx: &mut Tx<'_>, id: MessageId, existed: bool, body: &MessageBody) {
    let key = keys::outline(tx.mailbox.number(), id);
    match &body.mime {
        Some(mime) => {
            if let Some(outline) = &mime.outline.0 {
                tx.put(key, outline.to_bytes());
            }
        }
        None if existed => tx.delete(key),
        None => {}
    }
}

/// A copy of a message that is kept as it was received has its outline as well.
pub(crate) fn copy(
    tx: &mut Tx<'_>,
    old: MessageId,
    new: MessageId,
    body: &MessageBody,
) -> Result<()> {
    if body.mime.is_none() {
        return Ok(());
    }
    if let Some(bytes) = tx.get(&keys::outline(tx.mailbox.number(), old))? {
        tx.put(keys::outline(tx.mailbox.number(), new), bytes.to_vec());
    }
    Ok(())
}

/// Reads records of one kind whose keys are `prefix` and an id, in the order of `ids`: as one scan where they lie
/// together, else one by one.
pub(super) fn some<T>(
    reader: &dyn Reader,
    prefix: &[u8],
    ids: &[MessageId],
    read: impl Fn(MessageId, &[u8]) -> Result<T>,
) -> Result<Vec<Option<T>>> {
    let key = |id: &MessageId| [prefix, &keys::mid(*id)].concat();
    let mut found: Vec<Option<T>> = Vec::with_capacity(ids.len());
    let ascending = ids.is_sorted_by(|a, b| keys::mid(*a) < keys::mid(*b));
    if let (true, Some(first), Some(last)) =
        (ascending && ids.len() >= FEW, ids.first(), ids.last())
    {
        let mut seen = 0;
        let mut keys_of = ids.iter().map(|id| (*id, key(id))).peekable();
        let end = key(last);
        let range = KeyRange::new(key(first), [&end[..], &[0]].concat());
        engine::try_visit(reader, Space::Mailbox, &range, |key, value| {
            seen += 1;
            while keys_of.next_if(|(_, wanted)| wanted[..] < *key).is_some() {
                found.push(None);
            }
            if let Some((id, _)) = keys_of.next_if(|(_, wanted)| wanted[..] == *key) {
                found.push(Some(read(id, value)?));
            }
            Ok::<_, crate::StoreError>(match seen > SPARSE * (found.len() + FEW) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            })
        })?;
        if seen <= SPARSE * (found.len() + FEW) {
            found.resize_with(ids.len(), || None);
            return Ok(found);
        }
    }
    for id in &ids[found.len()..] {
        let value = reader.get(Space::Mailbox, &key(id))?;
        found.push(value.map(|value| read(*id, &value)).transpose()?);
    }
    Ok(found)
}
