//! The property part of a message: one record for the message and one for each attachment, at any depth.
//!
//! A node's path is the attachment numbers from the message down. The key is (message, depth in one byte,
//! the numbers in four bytes each, part), so all nodes of a message are one range, parents first.

use mapi::{Reader, Wire, WireError};

use super::mime::Mime;
use super::properties;
use crate::keys::{self, Kind};
use crate::message::{Attachment, MAX_EMBEDDING, MessageBody, Recipient};
use crate::value::{Properties, Value};
use crate::{MailboxNumber, StoreError};

const VERSION: u8 = 1;

/// Whether the original MIME is kept.
const MIME_NONE: u8 = 0;
const MIME_KEPT: u8 = 1;

/// Attachment numbers from the message down; empty for the message itself.
pub(crate) type Path = Vec<u32>;

/// The records of a message, parents first: path and bytes.
pub(crate) fn write_all(body: &MessageBody) -> Result<Vec<(Path, Vec<u8>)>, StoreError> {
    let mut nodes = Vec::new();
    let mut root = vec![VERSION];
    write_message(&mut root, body);
    nodes.push((Vec::new(), root));
    write_attachments(&mut nodes, &[], body)?;
    Ok(nodes)
}

fn write_attachments(
    nodes: &mut Vec<(Path, Vec<u8>)>,
    path: &[u32],
    body: &MessageBody,
) -> Result<(), StoreError> {
    if path.len() >= MAX_EMBEDDING {
        return Err(StoreError::TooBig {
            what: "depth of embedded messages",
            size: path.len() as u64 + 1,
            limit: MAX_EMBEDDING as u64,
        });
    }
    for attachment in &body.attachments {
        let path = [path, &[attachment.number]].concat();
        let mut w = vec![VERSION];
        properties::write(&mut w, &attachment.properties);
        attachment.embedded.is_some().write(&mut w);
        if let Some(embedded) = &attachment.embedded {
            write_message(&mut w, embedded);
        }
        nodes.push((path.clone(), w));
        if let Some(embedded) = attachment.embedded.as_deref().filter(|e| !e.attachments.is_empty())
        {
            write_attachments(nodes, &path, embedded)?;
        }
    }
    Ok(())
}

fn write_message(w: &mut Vec<u8>, body: &MessageBody) {
    properties::write(w, &body.properties);
    (body.recipients.len() as u32).write(w);
    for recipient in &body.recipients {
        recipient.row.write(w);
        properties::write(w, &recipient.properties);
    }
    body.next_attachment.write(w);
    match &body.mime {
        Some(mime) => {
            w.push(MIME_KEPT);
            mime.write(w);
        }
        None => w.push(MIME_NONE),
    }
}

/// Puts a message together from its records, which come with parents first.
pub(crate) fn read_all(nodes: &[(Path, Vec<u8>)]) -> Result<MessageBody, StoreError> {
    let mut nodes = nodes.iter();
    let Some((path, bytes)) = nodes.next().filter(|(path, _)| path.is_empty()) else {
        return Err(StoreError::Corrupt("a message without its first node".into()));
    };
    debug_assert!(path.is_empty());
    let mut r = Reader::new(bytes);
    super::version(&mut r, VERSION)?;
    let mut body = read_message(&mut r)?;
    for (path, bytes) in nodes {
        let mut r = Reader::new(bytes);
        super::version(&mut r, VERSION)?;
        let properties = properties::read(&mut r)?;
        let embedded = match bool::read(&mut r)? {
            true => Some(Box::new(read_message(&mut r)?)),
            false => None,
        };
        let Some((number, parents)) = path.split_last() else { continue };
        let parent = descend(&mut body, parents)
            .ok_or_else(|| StoreError::Corrupt("an attachment without its message".into()))?;
        parent.attachments.push(Attachment { number: *number, properties, embedded });
    }
    Ok(body)
}

fn descend<'a>(body: &'a mut MessageBody, path: &[u32]) -> Option<&'a mut MessageBody> {
    let mut body = body;
    for number in path {
        let attachment = body.attachments.iter_mut().find(|a| a.number == *number)?;
        body = attachment.embedded.as_deref_mut()?;
    }
    Some(body)
}

fn read_message(r: &mut Reader<'_>) -> Result<MessageBody, WireError> {
    let properties = properties::read(r)?;
    let count = u32::read(r)? as usize;
    let mut recipients = Vec::with_capacity(r.capacity(count, size_of::<Recipient>()));
    for _ in 0..count {
        recipients.push(Recipient { row: u32::read(r)?, properties: properties::read(r)? });
    }
    Ok(MessageBody {
        properties,
        recipients,
        attachments: Vec::new(),
        next_attachment: u32::read(r)?,
        mime: match u8::read(r)? {
            MIME_NONE => None,
            MIME_KEPT => Some(Mime::read(r)?),
            form => return Err(r.bad("a known form of MIME", u64::from(form), 1)),
        },
    })
}

/// The original MIME alone, from the record of a message.
pub(crate) fn read_mime(record: &[u8]) -> Result<Option<Mime>, WireError> {
    let mut r = Reader::new(record);
    super::version(&mut r, VERSION)?;
    properties::skip(&mut r)?;
    for _ in 0..u32::read(&mut r)? {
        u32::read(&mut r)?;
        properties::skip(&mut r)?;
    }
    u32::read(&mut r)?;
    match u8::read(&mut r)? {
        MIME_NONE => Ok(None),
        MIME_KEPT => Ok(Some(Mime::read(&mut r)?)),
        form => Err(r.bad("a known form of MIME", u64::from(form), 1)),
    }
}

/// What can be read of the damaged record of a message; and whether that is all.
pub(crate) fn read_message_partly(bytes: &[u8]) -> (MessageBody, bool) {
    let mut r = Reader::new(bytes);
    match super::version(&mut r, VERSION) {
        Ok(_) => read_body_partly(&mut r),
        Err(_) => (MessageBody::default(), false),
    }
}

/// As [`read_message_partly`], for an attachment and the message that it may hold.
pub(crate) fn read_attachment_partly(bytes: &[u8]) -> (Properties, Option<MessageBody>, bool) {
    let mut r = Reader::new(bytes);
    if super::version(&mut r, VERSION).is_err() {
        return (Properties::new(), None, false);
    }
    let (properties, whole) = properties::read_partly(&mut r);
    match (whole, bool::read(&mut r)) {
        (true, Ok(false)) => (properties, None, true),
        (true, Ok(true)) => {
            let (embedded, whole) = read_body_partly(&mut r);
            (properties, Some(embedded), whole)
        }
        _ => (properties, None, false),
    }
}

fn read_body_partly(r: &mut Reader<'_>) -> (MessageBody, bool) {
    let mut body = MessageBody::default();
    let (properties, mut whole) = properties::read_partly(r);
    body.properties = properties;
    let count = if whole { u32::read(r).ok() } else { None };
    for _ in 0..count.unwrap_or(0) {
        let Ok(row) = u32::read(r) else {
            whole = false;
            break;
        };
        let (properties, read) = properties::read_partly(r);
        body.recipients.push(Recipient { row, properties });
        if !read {
            whole = false;
            break;
        }
    }
    if !whole || count.is_none() {
        return (body, false);
    }
    let mut rest = || -> Result<(u32, Option<Mime>), WireError> {
        let next = u32::read(r)?;
        Ok((
            next,
            match u8::read(r)? {
                MIME_NONE => None,
                MIME_KEPT => Some(Mime::read(r)?),
                form => return Err(r.bad("a known form of MIME", u64::from(form), 1)),
            },
        ))
    };
    match rest() {
        Ok((next, mime)) => {
            (body.next_attachment, body.mime) = (next, mime);
            (body, true)
        }
        Err(_) => (body, false),
    }
}

/// The key of a node without its part.
pub(crate) fn key(mailbox: MailboxNumber, message: mapi::MessageId, path: &[u32]) -> Vec<u8> {
    let numbers: Vec<u8> = path.iter().flat_map(|number| number.to_be_bytes()).collect();
    keys::key(mailbox, Kind::Node, &[&keys::mid(message), &[path.len() as u8], &numbers])
}

/// The range of all nodes of a message.
pub(crate) fn prefix(mailbox: MailboxNumber, message: mapi::MessageId) -> Vec<u8> {
    keys::key(mailbox, Kind::Node, &[&keys::mid(message)])
}

/// Path and part of a node's key.
pub(crate) fn parse_key(key: &[u8]) -> Option<(Path, u16)> {
    // Mailbox, kind and message take 17 bytes.
    let (depth, rest) = key.get(17..)?.split_first()?;
    let (numbers, part) = rest.split_at_checked(usize::from(*depth) * 4)?;
    let part: [u8; 2] = part.try_into().ok()?;
    let path =
        numbers.chunks_exact(4).map(|n| u32::from_be_bytes([n[0], n[1], n[2], n[3]])).collect();
    Some((path, u16::from_be_bytes(part)))
}

/// All values of a body at any depth, the MIME included.
pub(crate) fn values(body: &MessageBody) -> Vec<&Value> {
    let mut values: Vec<&Value> = body.properties.iter().map(|(_, value)| value).collect();
    values.extend(body.mime.as_ref().map(|mime| &mime.skeleton));
    for recipient in &body.recipients {
        values.extend(recipient.properties.iter().map(|(_, value)| value));
    }
    for attachment in &body.attachments {
        values.extend(attachment.properties.iter().map(|(_, value)| value));
        if let Some(embedded) = &attachment.embedded {
            values.extend(self::values(embedded));
        }
    }
    values
}

/// Calls `each` for all values of a body at any depth, the MIME included, until it fails.
pub(crate) fn values_mut(
    body: &mut MessageBody,
    each: &mut dyn FnMut(&mut Value) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    body.properties.values_mut().try_for_each(&mut *each)?;
    body.mime.iter_mut().try_for_each(|mime| each(&mut mime.skeleton))?;
    for recipient in &mut body.recipients {
        recipient.properties.values_mut().try_for_each(&mut *each)?;
    }
    for attachment in &mut body.attachments {
        attachment.properties.values_mut().try_for_each(&mut *each)?;
        if let Some(embedded) = &mut attachment.embedded {
            values_mut(embedded, each)?;
        }
    }
    Ok(())
}

/// Calls `each` for the properties of the message, its recipients and attachments at any depth.
pub(crate) fn for_all_properties(body: &mut MessageBody, each: &mut dyn FnMut(&mut Properties)) {
    each(&mut body.properties);
    body.recipients.iter_mut().for_each(|recipient| each(&mut recipient.properties));
    for attachment in &mut body.attachments {
        each(&mut attachment.properties);
        if let Some(embedded) = &mut attachment.embedded {
            for_all_properties(embedded, each);
        }
    }
}

/// The ids of all properties at any depth, each once.
pub(crate) fn property_ids(body: &MessageBody) -> Vec<u16> {
    fn add(ids: &mut std::collections::BTreeSet<u16>, body: &MessageBody) {
        ids.extend(body.properties.iter().map(|(id, _)| id));
        for recipient in &body.recipients {
            ids.extend(recipient.properties.iter().map(|(id, _)| id));
        }
        for attachment in &body.attachments {
            ids.extend(attachment.properties.iter().map(|(id, _)| id));
            attachment.embedded.iter().for_each(|embedded| add(ids, embedded));
        }
    }
    let mut ids = std::collections::BTreeSet::new();
    add(&mut ids, body);
    ids.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mapi::{MessageId, tags};

    #[test]
    fn a_tree_of_messages_survives() {
        let mut inner = MessageBody::default();
        inner.properties.set(tags::SUBJECT, "inner");
        inner.attachments.push(Attachment { number: 4, ..Attachment::default() });
        let mut body = MessageBody { next_attachment: 3, ..MessageBody::default() };
        body.mime = Some(Mime::new(vec![1u8, 2], &body));
        body.recipients.push(Recipient { row: 7, ..Recipient::default() });
        body.attachments.push(Attachment {
            number: 2,
            embedded: Some(Box::new(inner)),
            ..Attachment::default()
        });
        let nodes = write_all(&body).expect("few levels");
        assert_eq!(nodes.len(), 3);
        assert_eq!(read_all(&nodes).expect("whole"), body);
        for (path, _) in &nodes {
            let mut key = key(MailboxNumber(1), MessageId::own(5), path);
            key.extend_from_slice(&[0, 3]);
            assert_eq!(parse_key(&key), Some((path.clone(), 3)));
        }
    }

    #[test]
    fn depth_is_bounded() {
        let mut body = MessageBody::default();
        for _ in 0..=MAX_EMBEDDING {
            let embedded = Some(Box::new(std::mem::take(&mut body)));
            body.attachments.push(Attachment { embedded, ..Attachment::default() });
        }
        assert!(matches!(write_all(&body), Err(StoreError::TooBig { .. })));
    }
}
