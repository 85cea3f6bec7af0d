//! Taking whole messages in, and giving them out.

use std::collections::{BTreeSet, HashMap};

use mapi::{
    AttachedContent, AttachmentContent, FileTime, FolderId, MessageContent, MessageId, PropertyBag,
    PropertyKey, PropertyName, PropertyTag, PropertyValue, RecipientContent, tags,
};

use super::{Attachment, MAX_EMBEDDING, Message, MessageBody, Recipient, flags, open, save};
use crate::engine::{Reader, Space};
use crate::keys::{self, Kind};
use crate::mailbox::changes::ChangeKind;
use crate::mailbox::names;
use crate::mailbox::writer::{self, Tx};
use crate::record::mime::Mime;
use crate::record::node;
use crate::value::{Properties, Value};
use crate::{Mailbox, Result, Store, StoreError, large};

/// How a whole message is taken in.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// The same key in the same mailbox imports once; running an import again makes no doubles, also of
    /// messages that were moved or deleted since.
    pub key: Option<Vec<u8>>,
    pub associated: bool,
    /// The read state; else what PidTagMessageFlags says.
    pub read: Option<bool>,
    /// PidTagMessageDeliveryTime for a message that has none.
    pub received: Option<FileTime>,
    /// It comes in for the mailbox's owner now: who asked for new mail is told.
    pub delivered: bool,
}

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    pub id: MessageId,
    pub uid: u32,
    /// The key was imported before; nothing was written.
    pub existed: bool,
}

/// Values of PidTagAttachMethod ([MS-OXCMSG] 2.2.2.9).
const BY_VALUE: i32 = 1;
const EMBEDDED: i32 = 5;
const OLE: i32 = 6;

/// Messages that [`import_all`] takes at most.
pub const MAX_IMPORTED_TOGETHER: usize = 64;
/// Bytes of records in one batch of an import, within what the engine takes.
const BATCH_BYTES: usize = 4 << 20;

/// Takes a message in; it is durable when this returns. Named properties are mapped, large values become
/// blobs, the original MIME is kept. PidTagCreationTime, PidTagLastModificationTime and PidTagSearchKey
/// stay as they come.
///
/// Errors: [`StoreError::NotFound`] without the folder, [`StoreError::TooBig`], [`StoreError::Quota`].
pub fn import(
    mailbox: &Mailbox,
    folder: FolderId,
    content: MessageContent,
    options: &ImportOptions,
) -> Result<Imported> {
    if let Some(known) = known(mailbox, mailbox.reader(), options)? {
        return Ok(known);
    }
    let message = ready(mailbox, folder, content, options)?;
    writer::write(mailbox, |tx| put(tx, &message, options))
}

/// Takes messages in, in their order, with few syncs; all that succeeded are durable when this returns. Each
/// succeeds or fails by itself: a result for each, in their order.
///
/// Errors: [`StoreError::TooBig`] for more than [`MAX_IMPORTED_TOGETHER`]; nothing is imported then.
pub fn import_all(
    mailbox: &Mailbox,
    messages: Vec<(FolderId, MessageContent, ImportOptions)>,
) -> Result<Vec<Result<Imported>>> {
    if messages.len() > MAX_IMPORTED_TOGETHER {
        return Err(StoreError::TooBig {
            what: "group of messages",
            size: messages.len() as u64,
            limit: MAX_IMPORTED_TOGETHER as u64,
        });
    }
    let mut results: Vec<Option<Result<Imported>>> = Vec::with_capacity(messages.len());
    let mut waiting = Vec::new();
    let mut bytes = 0;
    for (index, (folder, content, options)) in messages.into_iter().enumerate() {
        results.push(None);
        let outcome = match known(mailbox, mailbox.reader(), &options) {
            Ok(Some(known)) => Some(Ok(known)),
            Ok(None) => match ready(mailbox, folder, content, &options) {
                Ok(message) => {
                    bytes += in_batch(&message);
                    waiting.push((index, message, options));
                    None
                }
                Err(error) => Some(Err(error)),
            },
            Err(error) => Some(Err(error)),
        };
        results[index] = outcome;
        if bytes >= BATCH_BYTES {
            put_all(mailbox, std::mem::take(&mut waiting), &mut results);
            bytes = 0;
        }
    }
    put_all(mailbox, waiting, &mut results);
    let missing = || Err(StoreError::Invalid("a message of a group was passed over"));
    Ok(results.into_iter().map(|result| result.unwrap_or_else(missing)).collect())
}

/// One batch for all; if it fails, each by itself, so that one bad message does not keep the others out.
fn put_all(
    mailbox: &Mailbox,
    waiting: Vec<(usize, Message, ImportOptions)>,
    results: &mut [Option<Result<Imported>>],
) {
    if waiting.is_empty() {
        return;
    }
    // Of two messages with one key, the second would not see the first: each by itself then.
    let mut keys = std::collections::HashSet::new();
    let doubles = waiting
        .iter()
        .filter_map(|(_, _, options)| options.key.as_ref())
        .any(|key| !keys.insert(key));
    let together = match doubles || waiting.len() == 1 {
        true => None,
        false => writer::write(mailbox, |tx| {
            waiting.iter().map(|(_, message, options)| put(tx, message, options)).collect()
        })
        .ok(),
    };
    let together: Option<Vec<Imported>> = together;
    match together {
        Some(imported) => {
            for ((index, ..), imported) in waiting.iter().zip(imported) {
                results[*index] = Some(Ok(imported));
            }
        }
        None => {
            for (index, message, options) in &waiting {
                let one = writer::write(mailbox, |tx| put(tx, message, options));
                results[*index] = Some(one);
            }
        }
    }
}

/// About how much of a batch the message takes.
fn in_batch(message: &Message) -> usize {
    let values = node::values(&message.body);
    4096 + values
        .iter()
        .map(|value| match value {
            Value::Inline(value) => 16 + value.size(),
            Value::Large(_) => 128,
        })
        .sum::<usize>()
}

fn known(
    mailbox: &Mailbox,
    reader: &dyn Reader,
    options: &ImportOptions,
) -> Result<Option<Imported>> {
    match import_key(mailbox, options) {
        Some(key) => imported(reader, &key),
        None => Ok(None),
    }
}

fn import_key(mailbox: &Mailbox, options: &ImportOptions) -> Option<Vec<u8>> {
    let key = options.key.as_ref()?;
    Some(mailbox.key(Kind::ImportKey, &[&keys::short_hash(key)]))
}

/// A message as the body of one in a mailbox, with ids for its names.
pub(crate) fn body_in(mailbox: &Mailbox, content: MessageContent) -> Result<MessageBody> {
    let ids = ids_of_names(mailbox, &content)?;
    body_of(content, &ids, 0)
}

/// All that can be done outside the writer's section.
fn ready(
    mailbox: &Mailbox,
    folder: FolderId,
    content: MessageContent,
    options: &ImportOptions,
) -> Result<Message> {
    let mut body = body_in(mailbox, content)?;
    if let Some(received) = options.received
        && body.properties.get(tags::MESSAGE_DELIVERY_TIME).is_none()
    {
        body.properties.set(tags::MESSAGE_DELIVERY_TIME, received);
    }
    let given = body.properties.inline(tags::MESSAGE_FLAGS).and_then(PropertyValue::as_i32);
    let given = given.unwrap_or(0) as u32;
    body.properties.remove(tags::MESSAGE_FLAGS);
    // An id of another store means nothing here.
    body.properties.remove(tags::SOURCE_KEY);
    body.properties.remove(tags::PREDECESSOR_CHANGE_LIST);
    let status = body.properties.remove(tags::MESSAGE_STATUS);
    let status = status.and_then(|value| value.inline()?.as_i32()).unwrap_or(0);
    let mut message = Message {
        folder,
        associated: options.associated,
        flags: given & !flags::SERVERS,
        status: status as u32,
        read: options.read.unwrap_or(given & flags::READ != 0),
        ..Message::embedded(body)
    };
    save::prepare(mailbox, &mut message)?;
    if message.body.properties.get(tags::LAST_MODIFICATION_TIME).is_none() {
        message.body.properties.set(tags::LAST_MODIFICATION_TIME, mailbox.store().now());
    }
    Ok(message)
}

fn put(tx: &mut Tx<'_>, message: &Message, options: &ImportOptions) -> Result<Imported> {
    if let Some(known) = known(tx.mailbox, tx.reader(), options)? {
        return Ok(known);
    }
    let mut message = message.clone();
    save::write(tx, &mut message, false)?;
    if options.delivered {
        tx.tell_as(ChangeKind::MessageDelivered, FolderId::NONE);
    }
    if let Some(key) = import_key(tx.mailbox, options) {
        let value = [&keys::mid(message.id)[..], &message.uid.to_be_bytes()].concat();
        tx.put(key, value);
    }
    Ok(Imported { id: message.id, uid: message.uid, existed: false })
}

/// What was imported under a key before.
fn imported(reader: &dyn Reader, key: &[u8]) -> Result<Option<Imported>> {
    let Some(value) = reader.get(Space::Mailbox, key)? else { return Ok(None) };
    let (Some((replica, counter)), Some(uid)) =
        (value.get(..8).and_then(keys::tail_id), value.get(8..12))
    else {
        return Err(StoreError::Corrupt("a damaged import key".into()));
    };
    let uid = u32::from_be_bytes([uid[0], uid[1], uid[2], uid[3]]);
    Ok(Some(Imported { id: MessageId::new(replica, counter), uid, existed: true }))
}

fn ids_of_names(mailbox: &Mailbox, content: &MessageContent) -> Result<HashMap<PropertyName, u16>> {
    let mut set = BTreeSet::new();
    collect_names(content, &mut set);
    let names: Vec<PropertyName> = set.into_iter().collect();
    let ids = names::ids_of(mailbox, &names, true)?;
    Ok(names.into_iter().zip(ids).filter_map(|(name, id)| Some((name, id?))).collect())
}

fn collect_names(content: &MessageContent, names: &mut BTreeSet<PropertyName>) {
    let mut add = |bag: &PropertyBag| {
        names.extend(bag.iter().filter_map(|(key, _)| match key {
            PropertyKey::Named(name) => Some(name.clone()),
            PropertyKey::Tag(_) => None,
        }));
    };
    add(&content.properties);
    content.recipients.iter().for_each(|recipient| add(&recipient.properties));
    content.attachments.iter().for_each(|attachment| add(&attachment.properties));
    for attachment in &content.attachments {
        if let AttachedContent::Message(embedded) = &attachment.content {
            collect_names(embedded, names);
        }
    }
}

fn body_of(
    content: MessageContent,
    ids: &HashMap<PropertyName, u16>,
    depth: usize,
) -> Result<MessageBody> {
    if depth >= MAX_EMBEDDING {
        return Err(StoreError::TooBig {
            what: "depth of embedded messages",
            size: depth as u64 + 1,
            limit: MAX_EMBEDDING as u64,
        });
    }
    let recipients = content.recipients.into_iter().enumerate().map(|(row, recipient)| Recipient {
        row: row as u32,
        properties: properties_of(recipient.properties, ids),
    });
    let mut body = MessageBody {
        properties: properties_of(content.properties, ids),
        recipients: recipients.collect(),
        ..MessageBody::default()
    };
    for attachment in content.attachments {
        let kept = body.add_attachment();
        kept.properties = properties_of(attachment.properties, ids);
        let method = match attachment.content {
            AttachedContent::Nothing => None,
            AttachedContent::Bytes(bytes) => {
                kept.properties.set(tags::ATTACH_DATA_BINARY, bytes);
                Some(BY_VALUE)
            }
            AttachedContent::Ole(bytes) => {
                kept.properties.set(tags::ATTACH_DATA_BINARY, bytes);
                Some(OLE)
            }
            AttachedContent::Message(embedded) => {
                kept.embedded = Some(Box::new(body_of(*embedded, ids, depth + 1)?));
                Some(EMBEDDED)
            }
        };
        if let Some(method) = method
            && kept.properties.get(tags::ATTACH_METHOD).is_none()
        {
            kept.properties.set(tags::ATTACH_METHOD, method);
        }
    }
    body.mime = content.mime.map(|whole| Mime::new(whole, &body));
    Ok(body)
}

fn properties_of(bag: PropertyBag, ids: &HashMap<PropertyName, u16>) -> Properties {
    bag.into_iter()
        .filter_map(|(key, value)| {
            let id = match key {
                PropertyKey::Tag(id) => id,
                PropertyKey::Named(name) => *ids.get(&name)?,
            };
            Some((id, Value::Inline(value)))
        })
        .collect()
}

/// A whole message as a value, with names instead of local ids.
///
/// Errors: [`StoreError::NotFound`].
pub fn export(mailbox: &Mailbox, id: MessageId) -> Result<MessageContent> {
    content(mailbox, open(mailbox, id)?)
}

/// A message of a mailbox with its properties by their names, its large values in memory.
pub(crate) fn content(mailbox: &Mailbox, message: Message) -> Result<MessageContent> {
    let ids = node::property_ids(&message.body);
    let names = names::names_of(mailbox, &ids)?;
    let names: HashMap<u16, PropertyName> =
        ids.into_iter().zip(names).filter_map(|(id, name)| Some((id, name?))).collect();
    let all = message_flags_of(&message);
    let mut content = content_of(mailbox.store(), message.body, &names)?;
    content.properties.set(tags::MESSAGE_FLAGS, all as i32);
    Ok(content)
}

fn message_flags_of(message: &Message) -> u32 {
    super::summary_flags(
        message.flags,
        message.read,
        message.associated,
        !message.body.attachments.is_empty(),
    )
}

fn content_of(
    store: &Store,
    body: MessageBody,
    names: &HashMap<u16, PropertyName>,
) -> Result<MessageContent> {
    let mut content = MessageContent {
        mime: body.mime.as_ref().map(|mime| mime.whole(store, &body)).transpose()?,
        properties: bag_of(store, body.properties, names)?,
        ..MessageContent::default()
    };
    for recipient in body.recipients {
        let properties = bag_of(store, recipient.properties, names)?;
        content.recipients.push(RecipientContent { properties });
    }
    for attachment in body.attachments {
        content.attachments.push(attachment_of(store, attachment, names)?);
    }
    Ok(content)
}

fn attachment_of(
    store: &Store,
    mut attachment: Attachment,
    names: &HashMap<u16, PropertyName>,
) -> Result<AttachmentContent> {
    let method = attachment.properties.inline(tags::ATTACH_METHOD).and_then(PropertyValue::as_i32);
    let data = attachment.properties.remove(tags::ATTACH_DATA_BINARY);
    let content = match (attachment.embedded, data) {
        (Some(embedded), _) => {
            AttachedContent::Message(Box::new(content_of(store, *embedded, names)?))
        }
        (None, Some(data)) => {
            let data = large::load(store, &data, large::MAX_VALUE)?;
            let bytes = data.as_binary().map(<[u8]>::to_vec).unwrap_or_default();
            if method == Some(OLE) {
                AttachedContent::Ole(bytes)
            } else {
                AttachedContent::Bytes(bytes)
            }
        }
        (None, None) => AttachedContent::Nothing,
    };
    Ok(AttachmentContent { properties: bag_of(store, attachment.properties, names)?, content })
}

fn bag_of(
    store: &Store,
    properties: Properties,
    names: &HashMap<u16, PropertyName>,
) -> Result<PropertyBag> {
    let mut bag = PropertyBag::new();
    for (id, value) in properties {
        let value = large::load(store, &value, large::MAX_VALUE)?;
        let key = match PropertyTag::from_parts(id, value.property_type()).is_named() {
            false => PropertyKey::Tag(id),
            true => match names.get(&id) {
                Some(name) => PropertyKey::Named(name.clone()),
                None => continue,
            },
        };
        bag.insert(key, value);
    }
    Ok(bag)
}
