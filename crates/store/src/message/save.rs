//! Saving a message.

use mapi::{ChangeNumber, FileTime, MessageId, PropertyTag, PropertyValue, Wire, tags};

use super::delete::is_queued;
use super::open::{Nodes, read_hot};
use super::{Message, MessageBody, computed, flags, is_computed, outline, subject};
use crate::folder::FolderKind;
use crate::keys::{self, Kind};
use crate::mailbox::changes::{Change, ChangeKind};
use crate::mailbox::writer::{self, Tx};
use crate::mailbox::{entry_ids, read_state};
use crate::record::folder::FolderRecord;
use crate::record::hot::Hot;
use crate::record::summary::Summary;
use crate::record::{node, parts};
use crate::table::Contents;
use crate::{Mailbox, Result, StoreError, large, rule};

/// How a save deals with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SaveOptions {
    /// Overwrite what somebody else saved since (ForceSave, [MS-OXCMSG] 2.2.3.3.1).
    pub force: bool,
}

/// What a save did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Saved {
    pub id: MessageId,
    pub change: ChangeNumber,
    pub uid: u32,
}

/// Properties, apart from recipients and attachments, whose change makes the original MIME untrue.
const MIME_SOURCES: [PropertyTag; 4] =
    [tags::SUBJECT, tags::BODY, tags::HTML, tags::RTF_COMPRESSED];

/// Makes the message's state durable, then returns. On success `message` stands on the new change.
///
/// Errors: [`StoreError::ObjectModified`] if another saved it since `message.base`;
/// [`StoreError::ObjectDeleted`]; [`StoreError::NotFound`] without the folder; [`StoreError::TooBig`].
pub fn save(mailbox: &Mailbox, message: &mut Message, options: SaveOptions) -> Result<Saved> {
    let mut ready = message.clone();
    prepare(mailbox, &mut ready)?;
    // Not modified since it was first saved (MS-OXCMSG R519).
    if ready.base.is_none() {
        ready.flags |= flags::UNMODIFIED;
    }
    let posted = rule::look(mailbox, &mut ready)?;
    let saved = writer::write(mailbox, |tx| {
        let mut saved = ready.clone();
        let now = tx.now;
        saved.body.properties.set(tags::LAST_MODIFICATION_TIME, now);
        match posted.as_ref().is_some_and(|posted| !posted.stays) {
            true => vanish(tx, &mut saved)?,
            false => write(tx, &mut saved, options.force)?,
        }
        posted.iter().try_for_each(|posted| posted.write(tx))?;
        Ok(saved)
    })?;
    if let Some(posted) = posted {
        posted.start(mailbox);
    }
    *message = saved;
    Ok(Saved { id: message.id, change: message.base, uid: message.uid })
}

/// A message that a rule deletes as it is posted: it has an id and a change, and is not there.
fn vanish(tx: &mut Tx<'_>, message: &mut Message) -> Result<()> {
    tx.folder(message.folder)?;
    if message.id.is_none() {
        message.id = tx.next_message()?;
    }
    message.base = tx.next_change()?;
    Ok(())
}

/// All that can be done outside the writer's section: computed properties settled, large values written.
pub(crate) fn prepare(mailbox: &Mailbox, message: &mut Message) -> Result<()> {
    if message.folder.is_none() {
        return Err(StoreError::Invalid("an embedded message is saved with its attachment"));
    }
    message.body.check_depth(0)?;
    let properties = &mut message.body.properties;
    if let Some(value) = properties.remove(tags::MESSAGE_FLAGS)
        && let Some(set) = value.inline().and_then(PropertyValue::as_i32)
    {
        // After the first save they are the server's (MS-OXCMSG R31, R516).
        if message.base.is_none() {
            message.read = set as u32 & flags::READ != 0;
            // Submitted is what RopSubmitMessage makes of it.
            message.flags = set as u32 & !flags::SERVERS;
        }
    }
    // What is computed is not kept; a source key and a change list are, since they may come from elsewhere.
    let kept = [tags::SOURCE_KEY.id(), tags::PREDECESSOR_CHANGE_LIST.id()];
    let computed: Vec<PropertyTag> =
        properties.tags().filter(|tag| is_computed(*tag) && !kept.contains(&tag.id())).collect();
    computed.into_iter().for_each(|tag| drop(properties.remove(tag)));
    subject::settle(properties);
    if !message.body.recipients.is_empty() {
        for (kind, tag) in [(1, tags::DISPLAY_TO), (2, tags::DISPLAY_CC), (3, tags::DISPLAY_BCC)] {
            let names = computed::display_names(&message.body, kind);
            message.body.properties.set(tag, names);
        }
    }
    if message.body.properties.get(tags::MESSAGE_CLASS).is_none() {
        message.body.properties.set(tags::MESSAGE_CLASS, "IPM.Note");
    }
    let now = mailbox.store().now();
    if message.body.properties.get(tags::CREATION_TIME).is_none() {
        message.body.properties.set(tags::CREATION_TIME, now);
    }
    if message.body.properties.get(tags::SEARCH_KEY).is_none() {
        message.body.properties.set(tags::SEARCH_KEY, mapi::Guid::random().0.to_vec());
    }
    large::store_body(mailbox.store(), &mut message.body)
}

/// Writes a prepared message in a batch, and leaves it standing on its new change.
pub(crate) fn write(tx: &mut Tx<'_>, message: &mut Message, force: bool) -> Result<()> {
    if tx.folder(message.folder)?.kind == FolderKind::Search {
        return Err(StoreError::SearchFolder);
    }
    let existing = match message.id.is_none() {
        true => None,
        false => read_hot(tx.mailbox, tx.reader(), message.id)?,
    };
    let (old, nodes) = match (existing, message.base.is_none()) {
        (None, true) => (None, Nodes::default()),
        (None, false) => return Err(StoreError::ObjectDeleted("message")),
        // A new message under an id that is taken.
        (Some(_), true) => return Err(StoreError::Exists("message")),
        (Some(hot), false) => {
            if hot.contents.is_deleted() {
                return Err(StoreError::ObjectDeleted("message"));
            }
            if is_queued(tx, message.id, &hot)? {
                return Err(StoreError::Submitted);
            }
            if hot.change != message.base && !force {
                return Err(StoreError::ObjectModified);
            }
            (Some(hot), Nodes::read(tx.mailbox, tx.reader(), message.id)?)
        }
    };
    let old_body = match old {
        Some(_) => nodes.body()?,
        None => MessageBody::default(),
    };
    if old.is_some() && message.body.mime.is_some() && is_edited(&old_body, &message.body) {
        message.body.mime = None;
    }
    if message.id.is_none() {
        message.id = tx.next_message()?;
    }
    let change = tx.next_change()?;
    add_change_to_list(tx.mailbox, message, change)?;
    large::mark_message(tx, message.id, &old_body, &mut message.body)?;
    message.size = message.body.size();
    put_nodes(tx, message.id, &nodes, &message.body)?;
    outline::put(tx, message.id, old.is_some(), &message.body);
    index_source_key(tx, message.id, &old_body, &message.body)?;

    let sequence = tx.next_sequence();
    let mut hot = Hot {
        folder: message.folder,
        contents: Contents::of(message.associated, false),
        // In public folders everybody has his own state.
        read: message.read || tx.mailbox.viewer().is_some(),
        flags: message.flags,
        status: message.status,
        change,
        read_change: change,
        uid: 0,
        sequence,
        size: message.size,
        deleted: FileTime(0),
        committed: tx.now,
        saved: tx.now,
    };
    match &old {
        // Read state and status belong to all who have the message open.
        Some(old) => {
            hot.folder = old.folder;
            hot.contents = old.contents;
            hot.flags |= old.flags & flags::EVER_READ;
            read_state::set(&mut hot, read_state::is_read(old));
            hot.status = old.status;
            hot.read_change = old.read_change;
            hot.uid = old.uid;
            hot.saved = old.saved;
            hot.flags &= !flags::UNMODIFIED;
            // Whether somebody waits for a receipt is no matter of this client's copy.
            let pending = flags::NOTIFY_READ | flags::NOTIFY_UNREAD;
            hot.flags = hot.flags & !pending | old.flags & pending;
        }
        None => hot.uid = next_uid(tx.folder(message.folder)?)?,
    }
    let seen = match &old {
        None => message.read,
        // Who changes what he has read has read the change.
        Some(old) => read_state::has_read(tx.mailbox, tx.reader(), old)?,
    };
    if let Some(viewer) = tx.mailbox.viewer() {
        let gone = old.iter().map(|old| (old.change, false));
        let states: Vec<_> = gone.chain([(hot.change, seen)]).collect();
        read_state::mark(tx, viewer, hot.folder, &states)?;
    }
    let record = tx.folder(hot.folder)?;
    if let Some(old) = &old {
        count(record, old, false);
    }
    count(record, &hot, true);
    put_hot_and_summary(tx, message.id, &hot, &message.body);
    let kind = match old {
        Some(_) => ChangeKind::MessageModified,
        None => ChangeKind::MessageCreated,
    };
    tx.log(Change::of_message(kind, message.id, &hot))?;
    let body = std::mem::take(&mut message.body);
    *message = Message::from_hot(message.id, &hot, body);
    message.read = seen;
    Ok(())
}

/// The next UID of a folder.
///
/// Errors: [`StoreError::Quota`] after 2^32 - 1 messages.
pub(crate) fn next_uid(record: &mut FolderRecord) -> Result<u32> {
    let uid = record.uid_next;
    record.uid_next = uid.checked_add(1).ok_or(StoreError::Quota("IMAP UIDs"))?;
    Ok(uid)
}

/// Counts a message into or out of its folder.
pub(crate) fn count(record: &mut FolderRecord, hot: &Hot, add: bool) {
    let step = |counter: &mut u32| {
        *counter = if add { counter.saturating_add(1) } else { counter.saturating_sub(1) };
    };
    match hot.contents {
        Contents::Normal => {
            step(&mut record.contents);
            if !read_state::is_read(hot) {
                step(&mut record.unread);
            }
        }
        Contents::Associated => step(&mut record.associated),
        Contents::SoftDeleted | Contents::SoftDeletedAssociated => step(&mut record.soft_deleted),
    }
    let size = match hot.contents.is_deleted() {
        true => &mut record.deleted_size,
        false => &mut record.size,
    };
    *size = match add {
        true => size.saturating_add(hot.size),
        false => size.saturating_sub(hot.size),
    };
}

pub(crate) fn put_hot_and_summary(tx: &mut Tx<'_>, id: MessageId, hot: &Hot, body: &MessageBody) {
    let all_flags = computed::summary_flags(
        hot.flags,
        read_state::is_read(hot),
        hot.contents.is_associated(),
        !body.attachments.is_empty(),
    );
    let summary = Summary::of(body, hot, all_flags);
    put_hot(tx, id, hot);
    let key = keys::summary(tx.mailbox.number(), hot.folder, hot.contents.to_byte(), id);
    tx.put(key, summary.to_bytes());
}

pub(crate) fn put_hot(tx: &mut Tx<'_>, id: MessageId, hot: &Hot) {
    tx.put(keys::hot(tx.mailbox.number(), id), hot.to_bytes());
}

/// Writes the nodes that changed and removes those that are gone.
pub(crate) fn put_nodes(
    tx: &mut Tx<'_>,
    id: MessageId,
    old: &Nodes,
    body: &MessageBody,
) -> Result<()> {
    let new = node::write_all(body)?;
    let total: usize = new.iter().map(|(_, bytes)| bytes.len()).sum();
    if total > parts::MAX_RECORD {
        return Err(StoreError::TooBig {
            what: "message without its large values",
            size: total as u64,
            limit: parts::MAX_RECORD as u64,
        });
    }
    let number = tx.mailbox.number();
    for (path, bytes) in &new {
        let (before, old_parts) = old.find(path).unzip();
        if before != Some(bytes) {
            let key = node::key(number, id, path);
            parts::put(&mut tx.batch, &key, bytes, old_parts.unwrap_or(0));
        }
    }
    for ((path, _), old_parts) in old.records.iter().zip(&old.parts) {
        if !new.iter().any(|(kept, _)| kept == path) {
            parts::delete(&mut tx.batch, &node::key(number, id, path), *old_parts);
        }
    }
    Ok(())
}

fn is_edited(old: &MessageBody, new: &MessageBody) -> bool {
    old.recipients != new.recipients
        || old.attachments != new.attachments
        || MIME_SOURCES.iter().any(|tag| old.properties.get(*tag) != new.properties.get(*tag))
}

/// A change list that came from elsewhere grows with each change here ([MS-OXCFXICS] 3.1.5.3).
fn add_change_to_list(
    mailbox: &Mailbox,
    message: &mut Message,
    change: ChangeNumber,
) -> Result<()> {
    let kept = message.body.properties.inline(tags::PREDECESSOR_CHANGE_LIST);
    let Some(bytes) = kept.and_then(PropertyValue::as_binary) else { return Ok(()) };
    let mut list = mapi::change::ChangeList::from_wire(bytes)
        .map_err(|_| StoreError::Invalid("no valid predecessor change list"))?;
    list.add(entry_ids::xid(mailbox, change.replica, change.counter)?);
    message.body.properties.set(tags::PREDECESSOR_CHANGE_LIST, list.to_wire());
    Ok(())
}

/// Keeps the index of persisted source keys.
pub(crate) fn index_source_key(
    tx: &mut Tx<'_>,
    id: MessageId,
    old: &MessageBody,
    new: &MessageBody,
) -> Result<()> {
    let key_of = |body: &MessageBody| {
        let value = body.properties.inline(tags::SOURCE_KEY)?;
        Some(keys::short_hash(value.as_binary()?))
    };
    let (before, now) = (key_of(old), key_of(new));
    if before == now {
        return Ok(());
    }
    if let Some(before) = before {
        tx.delete(tx.mailbox.key(Kind::SourceKey, &[&before]));
    }
    if let Some(now) = now {
        let key = tx.mailbox.key(Kind::SourceKey, &[&now]);
        tx.put(key, [&b"m"[..], &keys::mid(id)].concat());
    }
    Ok(())
}
