//! Messages: put together again from what is left of them, and shown where they are.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use mapi::{ChangeNumber, FileTime, FolderId, MessageId, PropertyValue, tags};

use super::{Mended, folder, read, salvage};
use crate::blob::{self, BlobRef};
use crate::check::body::gather;
use crate::check::cursor::{Cursor, collect};
use crate::check::messages::{expected_summary, says_the_same};
use crate::check::pass::PLAUSIBLE;
use crate::delivery::queue;
use crate::engine::{KeyRange, Reader, Scanned, Space};
use crate::keys::{self, Kind};
use crate::mailbox::changes::{Change, ChangeKind};
use crate::mailbox::writer::{self, Tx};
use crate::message::{MessageBody, flags, next_uid};
use crate::record::hot::Hot;
use crate::record::node;
use crate::record::parts::PART;
use crate::record::summary::Summary;
use crate::table::Contents;
use crate::{Mailbox, Result, StoreError, large};

/// Blobs whose content is lost.
pub(super) type Bad = HashSet<[u8; BlobRef::LEN]>;

/// Makes a message whole. What is lost of it is said; the rest stays.
pub(super) fn whole(
    mailbox: &Mailbox,
    id: MessageId,
    blobs: bool,
    touched: &mut BTreeSet<u64>,
) -> Result<Mended> {
    let bad = lost_blobs(mailbox, id, blobs)?;
    let (mended, folders) = writer::write(mailbox, |tx| mend(tx, id, &bad))?;
    touched.extend(folders);
    Ok(mended)
}

/// Which of the message's large values are lost: read before the writer's section, since it may take long.
fn lost_blobs(mailbox: &Mailbox, id: MessageId, blobs: bool) -> Result<Bad> {
    let snapshot = mailbox.store().engine().snapshot()?;
    let range = KeyRange::prefix(node::prefix(mailbox.number(), id));
    let nodes = collect(&*snapshot, Space::Mailbox, range)?;
    let raw = |key: &[u8]| snapshot.get_unverified(Space::Mailbox, key).ok().flatten();
    let body = salvage::body(&gather(&nodes, raw), &mut Vec::new());
    lost_of(&*snapshot, &large::references(node::values(&body)), blobs)
}

pub(super) fn lost_of(
    reader: &dyn Reader,
    references: &large::References,
    blobs: bool,
) -> Result<Bad> {
    let look = if blobs { blob::check::Look::Bytes } else { blob::check::Look::Root };
    let mut bad = Bad::new();
    for (name, blob) in references {
        if blob::check::verify(reader, blob, look)?.is_some() {
            bad.insert(*name);
        }
    }
    Ok(bad)
}

/// Where a message is shown, and what is shown of it, if that can be read.
type Shown = (FolderId, Contents, Option<Summary>);

fn mend(tx: &mut Tx<'_>, id: MessageId, bad: &Bad) -> Result<(Mended, Vec<u64>)> {
    let number = tx.mailbox.number();
    let before = read(tx, &keys::hot(number, id), Hot::read)?;
    let nodes = collect(tx.reader(), Space::Mailbox, KeyRange::prefix(node::prefix(number, id)))?;
    if before.is_none() && nodes.is_empty() {
        return Ok((Mended::Fine, Vec::new()));
    }
    let before = before.and_then(|hot| hot.ok());
    let shown = match &before {
        Some(hot) => summary_at(tx, hot.folder, hot.contents, id)?,
        None => find_summary(tx, id)?,
    };
    let mut lost = Vec::new();
    let summary = shown.as_ref().and_then(|(.., summary)| summary.as_ref());
    let (mut body, whole) = body_of(tx, &nodes, summary, &mut lost);
    let known = lost.len();
    let bad = lost_now(tx, &body, bad)?;
    salvage::drop_values(&mut body, &bad, &mut lost);
    let edited = !whole || lost.len() > known;
    if edited {
        put_nodes(tx, id, &nodes, &body)?;
        // What was mended may read otherwise.
        tx.delete(keys::outline(tx.mailbox.number(), id));
    }

    let mut hot = match before {
        Some(hot) => hot,
        None => hot_of(tx, shown.as_ref(), &mut lost),
    };
    if let Some(before) = before.as_ref().filter(|_| !edited)
        && before.size > body.size()
    {
        let bytes = before.size - body.size();
        lost.push(format!("{bytes} bytes that it once had, such as an attachment"));
    }
    hot.size = body.size();
    let renewed = settle_state(tx, id, &mut hot)? | before.is_none() | edited;
    let moved = !has_folder(tx, hot.folder)?;
    if moved {
        if before.is_some() {
            lost.push("the folder that it was in".into());
        }
        hot.folder = folder::lost_and_found(tx)?;
        // Nobody looks for deleted messages there.
        hot.contents = Contents::of(hot.contents.is_associated(), false);
        hot.deleted = FileTime(0);
        hot.uid = next_uid(tx.folder(hot.folder)?)?;
    }
    if renewed || moved {
        hot.change = tx.next_change()?;
        hot.sequence = tx.next_sequence();
    }
    if before.as_ref() != Some(&hot) {
        tx.put(keys::hot(number, id), hot.to_bytes());
    }
    let mut folders = vec![keys::id_number(hot.folder.replica, hot.folder.counter)];
    if let Some((folder, contents, _)) = &shown
        && (*folder, *contents) != (hot.folder, hot.contents)
    {
        tx.delete(keys::summary(number, *folder, contents.to_byte(), id));
        folders.push(keys::id_number(folder.replica, folder.counter));
    }
    put_indices(tx, id, &hot, &body, before.as_ref(), shown.as_ref())?;
    if renewed || moved {
        let kind = if moved { ChangeKind::MessageCreated } else { ChangeKind::MessageModified };
        tx.log(Change::of_message(kind, id, &hot))?;
    }
    match tx.writes() {
        0 => Ok((Mended::Fine, folders)),
        _ => Ok((Mended::lost(lost), folders)),
    }
}

/// The message as far as it can be read, and whether that is all of it.
fn body_of(
    tx: &Tx<'_>,
    nodes: &[Scanned],
    summary: Option<&Summary>,
    lost: &mut Vec<String>,
) -> (MessageBody, bool) {
    let raw = |key: &[u8]| tx.reader().get_unverified(Space::Mailbox, key).ok().flatten();
    let gathered = gather(nodes, raw);
    if let (false, Ok(body)) = (nodes.is_empty(), gathered.whole()) {
        return (body, true);
    }
    let mut body = match nodes.is_empty() {
        true => {
            lost.push(match summary {
                Some(_) => "everything but what the folder's list shows of it".into(),
                None => "everything but its place and state".into(),
            });
            MessageBody::default()
        }
        false => salvage::body(&gathered, lost),
    };
    if let Some(summary) = summary {
        salvage::from_summary(&mut body.properties, summary);
    }
    if body.properties.get(tags::MESSAGE_CLASS).is_none() {
        body.properties.set(tags::MESSAGE_CLASS, "IPM.Note");
    }
    (body, false)
}

/// Adds those that went since they were looked at.
fn lost_now(tx: &Tx<'_>, body: &MessageBody, bad: &Bad) -> Result<Bad> {
    let mut bad = bad.clone();
    for (name, blob) in large::references(node::values(body)) {
        let look = blob::check::Look::Root;
        if blob::check::verify(tx.reader(), &blob, look)?.is_some() {
            bad.insert(name);
        }
    }
    Ok(bad)
}

/// A hot record from what the folder's list shows.
fn hot_of(tx: &Tx<'_>, shown: Option<&Shown>, lost: &mut Vec<String>) -> Hot {
    let mut hot = Hot {
        folder: FolderId::NONE,
        contents: Contents::Normal,
        read: false,
        flags: 0,
        status: 0,
        change: ChangeNumber::NONE,
        read_change: ChangeNumber::NONE,
        uid: 0,
        sequence: 0,
        size: 0,
        deleted: FileTime(0),
        committed: tx.now,
        saved: FileTime(0),
    };
    match shown {
        None => lost.push("its folder, and whether it was read".into()),
        Some((folder, contents, summary)) => {
            hot.folder = *folder;
            hot.contents = *contents;
            if contents.is_deleted() {
                hot.deleted = tx.now;
                lost.push("when it was deleted; that is now".into());
            }
            match summary {
                None => lost.push("whether it was read".into()),
                Some(summary) => {
                    hot.read = summary.flags & flags::READ != 0;
                    hot.flags = summary.flags & !flags::COMPUTED;
                    hot.status = summary.status;
                    hot.change = summary.change();
                    hot.read_change = summary.change();
                    hot.uid = summary.uid;
                    hot.sequence = summary.sequence;
                }
            }
        }
    }
    hot
}

/// Sets right what makes no sense in a state; whether anything did not.
fn settle_state(tx: &mut Tx<'_>, id: MessageId, hot: &mut Hot) -> Result<bool> {
    let head = tx.last_numbers();
    let before = *hot;
    let far = |change: ChangeNumber| {
        change.replica == mapi::ids::OWN_REPLICA
            && change.counter.get().saturating_sub(PLAUSIBLE) > head.counter
    };
    let mut renewed = hot.change.is_none() || far(hot.change) || hot.sequence == 0;
    renewed |= hot.sequence.saturating_sub(PLAUSIBLE) > head.sequence;
    if hot.read_change.is_none() || far(hot.read_change) {
        hot.read_change = tx.next_change()?;
    }
    match (hot.contents.is_deleted(), hot.deleted.0) {
        (true, 0) => hot.deleted = tx.now,
        (false, 1..) => hot.deleted = FileTime(0),
        _ => {}
    }
    // Nothing would ever send it, and nobody could change it.
    let entry = queue::key((tx.mailbox.number(), id));
    if hot.flags & flags::SUBMITTED != 0 && !tx.reader().contains(Space::Queue, &entry)? {
        hot.flags &= !flags::SUBMITTED;
    }
    if hot.uid == 0 && has_folder(tx, hot.folder)? {
        let record = tx.find_folder(hot.folder)?.ok_or(StoreError::NotFound("folder"))?;
        hot.uid = next_uid(record)?;
    }
    Ok(renewed || before != *hot)
}

fn has_folder(tx: &mut Tx<'_>, id: FolderId) -> Result<bool> {
    Ok(!id.is_none() && tx.find_folder(id)?.is_some())
}

fn summary_at(
    tx: &Tx<'_>,
    folder: FolderId,
    contents: Contents,
    id: MessageId,
) -> Result<Option<Shown>> {
    let key = keys::summary(tx.mailbox.number(), folder, contents.to_byte(), id);
    let summary = read(tx, &key, Summary::read)?;
    Ok(summary.map(|summary| (folder, contents, summary.ok())))
}

/// Looks for a message in the lists of all folders.
fn find_summary(tx: &Tx<'_>, id: MessageId) -> Result<Option<Shown>> {
    let range = KeyRange::prefix(tx.mailbox.key(Kind::Folder, &[]));
    let mut folders = Cursor::new(tx.reader(), Space::Mailbox, range);
    while let Some((key, _)) = folders.next()? {
        let Some((replica, counter)) = keys::tail_id(&key) else { continue };
        for class in 0..4 {
            let contents = Contents::from_byte(class);
            let shown = summary_at(tx, FolderId::new(replica, counter), contents, id)?;
            if shown.is_some() {
                return Ok(shown);
            }
        }
    }
    Ok(None)
}

/// Writes the nodes of a message in the place of those that are there.
fn put_nodes(tx: &mut Tx<'_>, id: MessageId, nodes: &[Scanned], body: &MessageBody) -> Result<()> {
    let number = tx.mailbox.number();
    let mut wanted: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    for (path, bytes) in node::write_all(body)? {
        let key = node::key(number, id, &path);
        for (index, part) in bytes.chunks(PART).enumerate() {
            let index = u16::try_from(index).unwrap_or(u16::MAX);
            wanted.insert([&key[..], &index.to_be_bytes()].concat(), part.to_vec());
        }
    }
    for (key, value) in nodes {
        match (wanted.get(&key[..]), value) {
            (Some(bytes), Ok(value)) if value == bytes => drop(wanted.remove(&key[..])),
            (Some(_), _) => {}
            (None, _) => tx.delete(key.to_vec()),
        }
    }
    wanted.into_iter().for_each(|(key, bytes)| tx.put(key, bytes));
    Ok(())
}

/// The summary, markers, and entries that lead to the message.
fn put_indices(
    tx: &mut Tx<'_>,
    id: MessageId,
    hot: &Hot,
    body: &MessageBody,
    before: Option<&Hot>,
    shown: Option<&Shown>,
) -> Result<()> {
    let number = tx.mailbox.number();
    let expected = expected_summary(hot, body);
    let stands = shown.is_some_and(|(folder, contents, summary)| {
        (*folder, *contents) == (hot.folder, hot.contents)
            && summary.as_ref().is_some_and(|summary| says_the_same(summary, &expected))
    });
    if !stands {
        let key = keys::summary(number, hot.folder, hot.contents.to_byte(), id);
        tx.put(key, expected.to_bytes());
    }
    let entry = |hot: &Hot| {
        let deleted = hot.contents.is_deleted();
        deleted.then(|| keys::deleted_message(number, hot.deleted, id))
    };
    let (old, new) = (before.and_then(entry), entry(hot));
    if let Some(old) = old.filter(|old| new.as_ref() != Some(old)) {
        tx.delete(old);
    }
    if let Some(key) = new {
        let folder = keys::fid(hot.folder);
        let stored = read(tx, &key, |bytes| Ok(bytes == folder))?;
        if stored != Some(Ok(true)) {
            tx.put(key, folder);
        }
    }
    put_markers(tx, &large::message_owner(id), &large::references(node::values(body)))?;
    let source_key = body.properties.inline(tags::SOURCE_KEY).and_then(PropertyValue::as_binary);
    if let Some(source_key) = source_key {
        let key = tx.mailbox.key(Kind::SourceKey, &[&keys::short_hash(source_key)]);
        // One that leads to a double stays.
        if !matches!(read(tx, &key, |_| Ok(()))?, Some(Ok(()))) {
            tx.put(key, [&b"m"[..], &keys::mid(id)].concat());
        }
    }
    Ok(())
}

/// Writes the markers that are missing.
pub(super) fn put_markers(
    tx: &mut Tx<'_>,
    owner: &[u8],
    references: &large::References,
) -> Result<()> {
    let number = tx.mailbox.number();
    let blobs = tx.mailbox.store().inner.blobs.clone();
    for blob in references.values() {
        let key = blob::marker_key(number, blob, owner);
        if !tx.reader().contains(Space::Mailbox, &key)? {
            blobs.reference(&mut tx.batch, number, owner, blob)?;
        }
    }
    Ok(())
}

/// Gives a message another UID, if one before it has the same.
pub(super) fn uid(mailbox: &Mailbox, id: MessageId) -> Result<Mended> {
    writer::write(mailbox, |tx| {
        let number = tx.mailbox.number();
        let Some(Ok(mut hot)) = read(tx, &keys::hot(number, id), Hot::read)? else {
            return Ok(Mended::Fine);
        };
        if !is_double(tx, id, &hot)? {
            return Ok(Mended::Fine);
        }
        let shown = summary_at(tx, hot.folder, hot.contents, id)?;
        let Some((.., Some(mut summary))) = shown else {
            return Ok(Mended::Cannot("its summary is damaged".into()));
        };
        let record = tx.find_folder(hot.folder)?.ok_or(StoreError::NotFound("folder"))?;
        hot.uid = next_uid(record)?;
        hot.change = tx.next_change()?;
        hot.sequence = tx.next_sequence();
        let all = summary.flags;
        summary.follow(&hot, all);
        tx.put(keys::hot(number, id), hot.to_bytes());
        let key = keys::summary(number, hot.folder, hot.contents.to_byte(), id);
        tx.put(key, summary.to_bytes());
        tx.log(Change::of_message(ChangeKind::MessageModified, id, &hot))?;
        Ok(Mended::done())
    })
}

/// Whether another message of the folder has the same UID.
fn is_double(tx: &Tx<'_>, id: MessageId, own: &Hot) -> Result<bool> {
    let number = tx.mailbox.number();
    let range = KeyRange::prefix(tx.mailbox.key(Kind::Summary, &[&keys::fid(own.folder)]));
    let mut summaries = Cursor::new(tx.reader(), Space::Mailbox, range);
    while let Some((key, _)) = summaries.next()? {
        let Some((replica, counter)) = keys::tail_id(&key) else { continue };
        let other = MessageId::new(replica, counter);
        if other == id {
            continue;
        }
        if let Some(Ok(hot)) = read(tx, &keys::hot(number, other), Hot::read)?
            && (hot.folder, hot.uid) == (own.folder, own.uid)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Removes an entry of a folder's list that leads to no message there.
pub(super) fn summary(
    mailbox: &Mailbox,
    key: &[u8],
    touched: &mut BTreeSet<u64>,
) -> Result<Mended> {
    let folder = key.get(9..17).and_then(keys::tail_id);
    let (Some(folder), Some(id)) = (folder, keys::tail_id(key)) else {
        return Ok(Mended::Cannot("its key has no form".into()));
    };
    let id = MessageId::new(id.0, id.1);
    let mended = writer::write(mailbox, |tx| {
        let number = tx.mailbox.number();
        let hot = read(tx, &keys::hot(number, id), Hot::read)?;
        let own = match hot {
            Some(Ok(hot)) => keys::summary(number, hot.folder, hot.contents.to_byte(), id) == key,
            // It may be what the message is made again from.
            Some(Err(())) => true,
            None => false,
        };
        if own || tx.get(key).is_ok_and(|value| value.is_none()) {
            return Ok(Mended::Fine);
        }
        tx.delete(key.to_vec());
        Ok(Mended::done())
    })?;
    touched.insert(keys::id_number(folder.0, folder.1));
    Ok(mended)
}

/// Removes an entry that finds a soft-deleted message by a time that is not its own.
pub(super) fn deleted_entry(mailbox: &Mailbox, key: &[u8]) -> Result<Mended> {
    let Some((replica, counter)) = keys::tail_id(key) else {
        return Ok(Mended::Cannot("its key has no form".into()));
    };
    writer::write(mailbox, |tx| {
        let hot = keys::hot(tx.mailbox.number(), MessageId::new(replica, counter));
        let own = read(tx, &hot, Hot::read)?.and_then(|hot| hot.ok()).is_some_and(|hot| {
            hot.contents.is_deleted() && keys::deleted_at(key) == Some(hot.deleted)
        });
        if own {
            return Ok(Mended::Fine);
        }
        tx.delete(key.to_vec());
        Ok(Mended::done())
    })
}
