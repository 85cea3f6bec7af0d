//! Reading messages.

use mapi::MessageId;

use super::{Message, MessageBody};
use crate::engine::{Direction, KeyRange, Reader, Space};
use crate::keys;
use crate::mailbox::read_state;
use crate::record::hot::Hot;
use crate::record::node::{self, Path};
use crate::{Mailbox, Result, StoreError, folder};

/// Reads a message.
///
/// Errors: [`StoreError::NotFound`]; a soft-deleted message, or one in a soft-deleted folder, opens and says
/// so.
pub fn open(mailbox: &Mailbox, id: MessageId) -> Result<Message> {
    // Hot record and nodes must be of one state.
    let reader = mailbox.store().engine().snapshot()?;
    let mut message = read(mailbox, &*reader, id)?;
    // What lies in a soft-deleted folder is deleted with it.
    message.soft_deleted |=
        folder::readable(mailbox, &*reader, message.folder)?.state.is_soft_deleted();
    Ok(message)
}

pub(crate) fn read(mailbox: &Mailbox, reader: &dyn Reader, id: MessageId) -> Result<Message> {
    let hot = read_hot(mailbox, reader, id)?.ok_or(StoreError::NotFound("message"))?;
    let body = Nodes::read(mailbox, reader, id)?.body()?;
    let mut message = Message::from_hot(id, &hot, body);
    message.read = read_state::has_read(mailbox, reader, &hot)?;
    Ok(message)
}

/// The Internet message as it was received, if it was.
pub fn mime(mailbox: &Mailbox, id: MessageId) -> Result<Option<Vec<u8>>> {
    // One scan: of the record that says where the message is, nothing is asked.
    let nodes = Nodes::read(mailbox, mailbox.reader(), id)?;
    let Some((_, root)) = nodes.records.first().filter(|(path, _)| path.is_empty()) else {
        return Err(StoreError::NotFound("message"));
    };
    // Where no attachment holds a part of it, the properties are not looked at.
    let Some(mime) = node::read_mime(root)? else { return Ok(None) };
    if mime.gaps.is_empty() {
        return mime.skeleton(mailbox.store()).map(Some);
    }
    let body = nodes.body()?;
    body.mime.as_ref().map(|mime| mime.whole(mailbox.store(), &body)).transpose()
}

/// The Internet message as it was received, or as it is generated; with CR LF at the end of each line.
pub fn received(mailbox: &Mailbox, id: MessageId) -> Result<Vec<u8>> {
    let bytes = match mime(mailbox, id)? {
        Some(bytes) => bytes,
        None => formats::mime::write(&super::export(mailbox, id)?),
    };
    Ok(formats::mime::with_crlf(bytes))
}

pub(crate) fn read_hot(
    mailbox: &Mailbox,
    reader: &dyn Reader,
    id: MessageId,
) -> Result<Option<Hot>> {
    let bytes = reader.get(Space::Mailbox, &keys::hot(mailbox.number(), id))?;
    Ok(bytes.map(|bytes| Hot::read(&bytes)).transpose()?)
}

/// The nodes of a message as they are stored.
#[derive(Debug, Default)]
pub(crate) struct Nodes {
    /// Path and bytes, parents first.
    pub(crate) records: Vec<(Path, Vec<u8>)>,
    /// How many parts each has.
    pub(crate) parts: Vec<usize>,
}

impl Nodes {
    pub(crate) fn read(mailbox: &Mailbox, reader: &dyn Reader, id: MessageId) -> Result<Nodes> {
        let mut nodes = Nodes::default();
        let mut failure = None;
        reader.visit(
            Space::Mailbox,
            &KeyRange::prefix(node::prefix(mailbox.number(), id)),
            Direction::Forward,
            &mut |key, value| {
                let Some((path, part)) = node::parse_key(key) else {
                    failure = Some(StoreError::Corrupt("a node with a damaged key".into()));
                    return std::ops::ControlFlow::Break(());
                };
                match nodes.records.last_mut() {
                    Some((last, bytes)) if *last == path && part > 0 => {
                        bytes.extend_from_slice(value);
                        *nodes.parts.last_mut().expect("one for each record") += 1;
                    }
                    _ => {
                        nodes.records.push((path, value.to_vec()));
                        nodes.parts.push(1);
                    }
                }
                std::ops::ControlFlow::Continue(())
            },
        )?;
        match failure {
            Some(error) => Err(error),
            None => Ok(nodes),
        }
    }

    pub(crate) fn body(&self) -> Result<MessageBody> {
        node::read_all(&self.records)
    }

    /// The stored bytes and parts of a path.
    pub(crate) fn find(&self, path: &[u32]) -> Option<(&[u8], usize)> {
        let at = self.records.iter().position(|(known, _)| known == path)?;
        Some((&self.records[at].1, self.parts[at]))
    }
}
