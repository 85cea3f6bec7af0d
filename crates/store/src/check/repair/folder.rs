//! Folders: their records, properties, places and counters.

use std::collections::BTreeSet;

use mapi::{ChangeNumber, FileTime, FolderId, tags};

use super::message::{Bad, lost_of, put_markers};
use super::{Mended, read, salvage};
use crate::check::cursor::{Cursor, collect};
use crate::check::folders::read_parts;
use crate::check::pass::{Counts, PLAUSIBLE};
use crate::engine::{KeyRange, Reader, Scanned, Space};
use crate::folder::{self, FolderKind, MAX_DEPTH};
use crate::keys::{self, Kind};
use crate::mailbox::changes::{Change, ChangeKind};
use crate::mailbox::special::{self, SpecialFolder};
use crate::mailbox::writer::{self, Tx};
use crate::record::folder::{FolderRecord, FolderState};
use crate::record::hot::Hot;
use crate::record::{parts, properties};
use crate::value::Properties;
use crate::{Mailbox, Result, StoreError, jobs, large};

const ROOT: FolderId = SpecialFolder::Root.id();
const TOP: FolderId = SpecialFolder::IpmSubtree.id();

/// Where goes what has lost its place.
const LOST_AND_FOUND: &str = "Lost and found";

fn number_of(id: FolderId) -> u64 {
    keys::id_number(id.replica, id.counter)
}

fn id_at(key: &[u8], at: usize) -> Option<FolderId> {
    let (replica, counter) = keys::tail_id(key.get(at..at + 8)?)?;
    Some(FolderId::new(replica, counter))
}

fn record(tx: &Tx<'_>, id: FolderId) -> Result<Option<std::result::Result<FolderRecord, ()>>> {
    read(tx, &keys::folder(tx.mailbox.number(), id), FolderRecord::read)
}

/// A folder of the hierarchy that can be read.
fn present(tx: &Tx<'_>, id: FolderId) -> Result<Option<FolderRecord>> {
    let record = record(tx, id)?.and_then(|record| record.ok());
    Ok(record.filter(|record| record.state == FolderState::Present))
}

/// The folder for what has lost its place; made in this batch if it is not there.
pub(super) fn lost_and_found(tx: &mut Tx<'_>) -> Result<FolderId> {
    for number in 1..100 {
        let name = match number {
            1 => LOST_AND_FOUND.to_owned(),
            number => format!("{LOST_AND_FOUND} ({number})"),
        };
        let key = keys::child(tx.mailbox.number(), TOP, &name);
        match read(tx, &key, |bytes| Ok(id_at(bytes, 0)))? {
            None => {
                let mut properties = Properties::new();
                properties.set(tags::CONTAINER_CLASS, "IPF.Note");
                return folder::insert(tx, TOP, &name, FolderKind::Generic, &properties);
            }
            Some(Ok(Some(id))) => {
                if present(tx, id)?.is_some_and(|record| record.parent == TOP) {
                    return Ok(id);
                }
            }
            Some(_) => {}
        }
    }
    Err(StoreError::DuplicateName)
}

/// Makes a folder whole: its record, its properties, and the entry under its parent.
pub(super) fn whole(
    mailbox: &Mailbox,
    id: FolderId,
    blobs: bool,
    touched: &mut BTreeSet<u64>,
) -> Result<Mended> {
    let prefix = mailbox.key(Kind::FolderProperties, &[&keys::fid(id)]);
    let bad = lost_blobs(mailbox, &prefix, blobs)?;
    let (mended, folders) = writer::write(mailbox, |tx| mend(tx, id, &bad))?;
    touched.extend(folders.into_iter().map(number_of));
    Ok(mended)
}

fn lost_blobs(mailbox: &Mailbox, prefix: &[u8], blobs: bool) -> Result<Bad> {
    let snapshot = mailbox.store().engine().snapshot()?;
    let parts = collect(&*snapshot, Space::Mailbox, KeyRange::prefix(prefix))?;
    let (read, _) = read_partly(&*snapshot, &parts);
    lost_of(&*snapshot, &large::of_properties(&read), blobs)
}

/// What can be read of properties that stand in parts, and whether it is all.
fn read_partly(reader: &dyn Reader, parts: &[Scanned]) -> (Properties, bool) {
    if let Ok(whole) = read_parts(parts) {
        return (whole, true);
    }
    let mut bytes = Vec::new();
    for (index, (key, value)) in parts.iter().enumerate() {
        let number = key.last_chunk::<2>().map(|part| usize::from(u16::from_be_bytes(*part)));
        let value = match value {
            Ok(value) => Some(value.clone()),
            Err(_) => reader.get_unverified(Space::Mailbox, key).ok().flatten(),
        };
        let (Some(value), true) = (value, number == Some(index)) else { break };
        bytes.extend_from_slice(&value);
    }
    (properties::read_partly(&mut mapi::Reader::new(&bytes)).0, false)
}

fn mend(tx: &mut Tx<'_>, id: FolderId, bad: &Bad) -> Result<(Mended, Vec<FolderId>)> {
    let prefix = tx.mailbox.key(Kind::FolderProperties, &[&keys::fid(id)]);
    let parts = collect(tx.reader(), Space::Mailbox, KeyRange::prefix(prefix))?;
    let mut lost = Vec::new();
    let mut touched = vec![id];
    let now = record(tx, id)?;
    let (mut record, made) = match now {
        Some(Ok(record)) => (record, false),
        now => {
            let entries = entries(tx, id)?;
            let special = special::find(tx.mailbox.is_public(), id).is_some();
            if now.is_none() && !special && parts.is_empty() && !has_content(tx, id)? {
                touched.extend(entries.iter().map(|(_, parent)| *parent));
                for (key, _) in entries {
                    tx.delete(key);
                }
                return Ok((Mended::done(), touched));
            }
            (make_again(tx, id, &entries, &mut lost)?, true)
        }
    };
    let mut changed = made | settle(tx, id, &mut record, &mut lost)?;
    if matches!(record.state, FolderState::Present | FolderState::Within) && id != ROOT {
        touched.push(record.parent);
        changed |= put_name(tx, id, &mut record)?;
    }
    if record.state == FolderState::Deleted {
        touched.push(record.parent);
        put_deleted(tx, id, &record);
    }
    changed |= put_properties(tx, id, record.parent, &parts, bad, &mut lost)?;
    if !changed && tx.writes() == 0 {
        return Ok((Mended::Fine, touched));
    }
    let change = tx.next_change()?;
    record.change = change;
    match made {
        true => tx.add_folder(id, record),
        false => {
            if let Some(stored) = tx.find_folder(id)? {
                *stored = record;
            }
        }
    }
    tx.log(Change::of_folder(ChangeKind::FolderModified, id, change))?;
    Ok((Mended::lost(lost), touched))
}

/// Whether anything in the mailbox says that it belongs to a folder.
fn has_content(tx: &Tx<'_>, id: FolderId) -> Result<bool> {
    for kind in [Kind::Summary, Kind::Child, Kind::DeletedChild, Kind::Criteria] {
        let range = KeyRange::prefix(tx.mailbox.key(kind, &[&keys::fid(id)]));
        if !tx.reader().scan_each(Space::Mailbox, &range, 1)?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The entries in lists of subfolders that lead to a folder: key and parent.
fn entries(tx: &Tx<'_>, id: FolderId) -> Result<Vec<(Vec<u8>, FolderId)>> {
    let mut found = Vec::new();
    let range = KeyRange::prefix(tx.mailbox.key(Kind::Child, &[]));
    let mut cursor = Cursor::new(tx.reader(), Space::Mailbox, range);
    while let Some((key, value)) = cursor.next()? {
        if let (Ok(value), Some(parent)) = (value, id_at(&key, 9))
            && value[..] == keys::fid(id)
        {
            found.push((key.to_vec(), parent));
        }
    }
    Ok(found)
}

/// A record of a folder whose own cannot be read.
fn make_again(
    tx: &mut Tx<'_>,
    id: FolderId,
    entries: &[(Vec<u8>, FolderId)],
    lost: &mut Vec<String>,
) -> Result<FolderRecord> {
    let number = tx.mailbox.number();
    let raw = tx.reader().get_unverified(Space::Mailbox, &keys::folder(number, id))?;
    let raw = raw.and_then(|bytes| FolderRecord::read(&bytes).ok());
    // The name is right if the entry under the parent was made from it.
    let named = |record: &FolderRecord| {
        let key = keys::child(number, record.parent, &record.name);
        entries.iter().any(|(known, _)| *known == key)
    };
    let raw = raw.filter(named);
    let special = special::find(tx.mailbox.is_public(), id);
    let (parent, name) = match (&raw, special, entries.first()) {
        (Some(record), ..) => (record.parent, record.name.clone()),
        (None, Some(special), _) => (special.parent, special.name.to_owned()),
        (None, None, Some((_, parent))) => {
            lost.push("its name".into());
            (*parent, made_up(id))
        }
        (None, None, None) => {
            lost.push("its name and place".into());
            (lost_and_found(tx)?, made_up(id))
        }
    };
    // Which UIDs were used is not known any more, so IMAP clients have to begin anew.
    let uid_validity = tx.take_numbers(1)? as u32;
    let now = tx.now;
    Ok(FolderRecord {
        parent,
        kind: match id {
            ROOT => FolderKind::Root,
            _ if is_search(tx, id)? => FolderKind::Search,
            _ => FolderKind::Generic,
        },
        state: FolderState::Present,
        change: ChangeNumber::NONE,
        contents: 0,
        unread: 0,
        associated: 0,
        soft_deleted: 0,
        size: 0,
        children: 0,
        deleted_total: 0,
        created: raw.map_or(now, |record| record.created.min(now)),
        modified: now,
        last_commit: now,
        uid_validity,
        uid_next: 1,
        sequence: 0,
        name,
        deleted_size: 0,
        deleted_children: 0,
        deleted: FileTime(0),
    })
}

/// Only search folders have criteria.
fn is_search(tx: &Tx<'_>, id: FolderId) -> Result<bool> {
    let key = tx.mailbox.key(Kind::Criteria, &[&keys::fid(id)]);
    Ok(read(tx, &key, |_| Ok(()))?.is_some())
}

fn made_up(id: FolderId) -> String {
    format!("Recovered folder {id}")
}

/// Sets right what makes no sense in a record; whether anything did not.
fn settle(
    tx: &mut Tx<'_>,
    id: FolderId,
    record: &mut FolderRecord,
    lost: &mut Vec<String>,
) -> Result<bool> {
    let before = record.clone();
    if id == ROOT {
        (record.kind, record.parent) = (FolderKind::Root, ROOT);
        record.state = FolderState::Present;
    } else {
        if record.kind == FolderKind::Root {
            record.kind = FolderKind::Generic;
        }
        if record.name.is_empty() {
            record.name = made_up(id);
        }
        if let Some(special) = special::find(tx.mailbox.is_public(), id) {
            record.parent = special.parent;
            record.state = FolderState::Present;
        } else if record.state == FolderState::Present
            && (record.parent == id || self::record(tx, record.parent)?.is_none())
        {
            lost.push("its place".into());
            record.parent = lost_and_found(tx)?;
        }
    }
    if record.state == FolderState::Deleted {
        // Deleted by what the record says alone, and in the list of its parent still: it is there.
        let number = tx.mailbox.number();
        let own = keys::child(number, record.parent, &record.name);
        let listed = read(tx, &own, |bytes| Ok(bytes == keys::fid(id)))? == Some(Ok(true));
        if listed {
            (record.state, record.deleted) = (FolderState::Present, FileTime(0));
        } else if record.deleted.0 == 0 {
            record.deleted = tx.now;
        }
    }
    if record.uid_validity == 0 {
        record.uid_validity = tx.take_numbers(1)? as u32;
    }
    let head = tx.last_numbers();
    let far = |number: u64, last: u64| number.saturating_sub(PLAUSIBLE) > last;
    let change = record.change;
    let own = change.replica == mapi::ids::OWN_REPLICA;
    let renew =
        (own && far(change.counter.get(), head.counter)) || far(record.sequence, head.sequence);
    if renew {
        record.sequence = 0;
    }
    Ok(renew || before != *record)
}

/// Writes the entry under the parent, with another name if a folder that is there has the same; whether
/// anything was written.
fn put_name(tx: &mut Tx<'_>, id: FolderId, record: &mut FolderRecord) -> Result<bool> {
    let own = record.name.clone();
    for number in 1..1000 {
        if number > 1 {
            let kept: String = own.chars().take(240).collect();
            record.name = format!("{kept} ({number})");
        }
        let key = keys::child(tx.mailbox.number(), record.parent, &record.name);
        match read(tx, &key, |bytes| Ok(id_at(bytes, 0)))? {
            Some(Ok(Some(known))) if known == id => return Ok(number > 1),
            Some(Ok(Some(known))) if is_named_by(tx, known, &key)? => {}
            _ => {
                tx.put(key, keys::fid(id));
                return Ok(true);
            }
        }
    }
    Err(StoreError::DuplicateName)
}

/// Writes the entries by which a soft-deleted folder is found.
fn put_deleted(tx: &mut Tx<'_>, id: FolderId, record: &FolderRecord) {
    let number = tx.mailbox.number();
    tx.put(keys::deleted_child(number, record.parent, id), Vec::new());
    tx.put(keys::deleted_folder(number, record.deleted, id), keys::fid(record.parent));
}

/// An entry of a soft-deleted folder that is damaged, or that leads to none.
pub(super) fn deleted_entry(
    mailbox: &Mailbox,
    key: &[u8],
    touched: &mut BTreeSet<u64>,
) -> Result<Mended> {
    let (mended, parent) = writer::write(mailbox, |tx| {
        let number = tx.mailbox.number();
        let Some(id) = id_at(key, 17) else { return Ok((Mended::Fine, None)) };
        let record = record(tx, id)?.and_then(|record| record.ok());
        match record.filter(|record| record.state == FolderState::Deleted) {
            Some(record)
                if keys::deleted_child(number, record.parent, id) == key
                    || keys::deleted_folder(number, record.deleted, id) == key =>
            {
                put_deleted(tx, id, &record);
            }
            _ => tx.delete(key.to_vec()),
        }
        Ok((Mended::done(), id_at(key, 9)))
    })?;
    touched.extend(parent.map(number_of));
    Ok(mended)
}

/// Lets all below a folder follow its state.
pub(super) fn follow(
    mailbox: &Mailbox,
    top: FolderId,
    touched: &mut BTreeSet<u64>,
) -> Result<Mended> {
    let _trees = mailbox.trees.lock();
    writer::reclaim(mailbox, |tx| {
        jobs::add_folder_settling(tx, top);
        Ok(())
    })?;
    folder::settle(mailbox, top)?;
    touched.insert(number_of(top));
    Ok(Mended::done())
}

/// Whether an entry is that of a folder.
fn is_named_by(tx: &Tx<'_>, id: FolderId, key: &[u8]) -> Result<bool> {
    let record = record(tx, id)?.and_then(|record| record.ok());
    Ok(record.is_some_and(|record| {
        !matches!(record.state, FolderState::Detached | FolderState::Deleted)
            && keys::child(tx.mailbox.number(), record.parent, &record.name) == key
    }))
}

/// Writes the properties as far as they can be read; whether anything had to be.
fn put_properties(
    tx: &mut Tx<'_>,
    id: FolderId,
    parent: FolderId,
    stored: &[Scanned],
    bad: &Bad,
    lost: &mut Vec<String>,
) -> Result<bool> {
    let (mut read, whole) = match stored.is_empty() {
        true => (Properties::new(), false),
        false => read_partly(tx.reader(), stored),
    };
    if !whole {
        lost.push(match read.is_empty() {
            true => "its properties but for its name".into(),
            false => "some of its properties".to_owned(),
        });
        add_defaults(tx, id, parent, &mut read)?;
    }
    let known = lost.len();
    salvage::drop_from(&mut read, "the folder", bad, lost);
    let changed = !whole || lost.len() > known;
    if changed {
        write_parts(tx, Kind::FolderProperties, &keys::fid(id), stored, &read);
    }
    put_markers(tx, &large::folder_owner(id), &large::of_properties(&read))?;
    Ok(changed)
}

fn write_parts(tx: &mut Tx<'_>, kind: Kind, id: &[u8], stored: &[Scanned], now: &Properties) {
    for (key, _) in stored {
        tx.delete(key.to_vec());
    }
    let mut w = Vec::new();
    properties::write(&mut w, now);
    // Of several writes to one key the last one counts.
    parts::put(&mut tx.batch, &tx.mailbox.key(kind, &[id]), &w, 0);
}

/// What a special folder begins with, and the container class of the parent for all others.
fn add_defaults(tx: &Tx<'_>, id: FolderId, parent: FolderId, read: &mut Properties) -> Result<()> {
    let defaults = match special::find(tx.mailbox.is_public(), id) {
        Some(special) => special::folder_properties(&special, &tx.mailbox.info()),
        None => {
            let prefix = tx.mailbox.key(Kind::FolderProperties, &[&keys::fid(parent)]);
            let parts = collect(tx.reader(), Space::Mailbox, KeyRange::prefix(prefix))?;
            let (above, _) = read_partly(tx.reader(), &parts);
            let class = above.get(tags::CONTAINER_CLASS).cloned();
            class.map(|class| (tags::CONTAINER_CLASS.id(), class)).into_iter().collect()
        }
    };
    for (id, value) in defaults {
        if read.get_id(id).is_none() {
            read.set_id(id, value);
        }
    }
    Ok(())
}

/// The properties of the store object.
pub(super) fn store_properties(mailbox: &Mailbox, blobs: bool) -> Result<Mended> {
    let prefix = mailbox.key(Kind::StoreProperties, &[]);
    let bad = lost_blobs(mailbox, &prefix, blobs)?;
    writer::write(mailbox, |tx| {
        let stored = collect(tx.reader(), Space::Mailbox, KeyRange::prefix(&prefix[..]))?;
        let (mut read, whole) = read_partly(tx.reader(), &stored);
        let mut lost = Vec::new();
        if !whole {
            lost.push("some of the store's properties".into());
        }
        salvage::drop_from(&mut read, "the store", &bad, &mut lost);
        if !lost.is_empty() {
            write_parts(tx, Kind::StoreProperties, &[], &stored, &read);
        }
        put_markers(tx, large::STORE_OWNER, &large::of_properties(&read))?;
        match tx.writes() {
            0 => Ok(Mended::Fine),
            _ => Ok(Mended::lost(lost)),
        }
    })
}

/// Puts a folder under "Lost and found".
pub(super) fn attach(
    mailbox: &Mailbox,
    id: FolderId,
    touched: &mut BTreeSet<u64>,
) -> Result<Mended> {
    let (mended, folders) = writer::write(mailbox, |tx| {
        let Some(Ok(before)) = record(tx, id)? else { return Ok((Mended::Fine, Vec::new())) };
        if hangs(tx, id)? {
            return Ok((Mended::Fine, vec![id]));
        }
        let mut after = before.clone();
        after.state = FolderState::Present;
        after.deleted = FileTime(0);
        after.parent = match special::find(tx.mailbox.is_public(), id) {
            Some(special) => special.parent,
            None => {
                let place = lost_and_found(tx)?;
                let inside = place == id || is_below(tx, place, id)?;
                if inside { TOP } else { place }
            }
        };
        let old = keys::child(tx.mailbox.number(), before.parent, &before.name);
        if read(tx, &old, |bytes| Ok(bytes == keys::fid(id)))? == Some(Ok(true)) {
            tx.delete(old);
        }
        put_name(tx, id, &mut after)?;
        let change = tx.next_change()?;
        after.change = change;
        let parent = after.parent;
        if let Some(stored) = tx.find_folder(id)? {
            *stored = after;
        }
        let mut entry = Change::of_folder(ChangeKind::FolderMoved, id, change);
        entry.old_folder = before.parent;
        tx.log(entry)?;
        Ok((Mended::lost(vec!["its place".into()]), vec![id, before.parent, parent]))
    })?;
    touched.extend(folders.into_iter().map(number_of));
    Ok(mended)
}

/// Whether the way up from a folder ends at the root.
fn hangs(tx: &Tx<'_>, id: FolderId) -> Result<bool> {
    is_below(tx, id, ROOT)
}

fn is_below(tx: &Tx<'_>, id: FolderId, top: FolderId) -> Result<bool> {
    let mut at = id;
    for _ in 0..=2 * MAX_DEPTH {
        if at == top {
            return Ok(true);
        }
        let Some(Ok(record)) = record(tx, at)? else { return Ok(false) };
        if record.parent == at {
            return Ok(false);
        }
        at = record.parent;
    }
    Ok(false)
}

/// An entry in a list of subfolders that leads nowhere, or to a folder that is somewhere else.
pub(super) fn child(mailbox: &Mailbox, key: &[u8], touched: &mut BTreeSet<u64>) -> Result<Mended> {
    let Some(parent) = id_at(key, 9) else {
        return Ok(Mended::Cannot("its key has no form".into()));
    };
    touched.insert(number_of(parent));
    let leads_to = writer::write(mailbox, |tx| {
        let child = read(tx, key, |bytes| Ok(id_at(bytes, 0).filter(|_| bytes.len() == 8)))?;
        let child = match child {
            None => return Ok(None),
            Some(Ok(Some(child))) => child,
            // Whose it was is found by the name.
            Some(_) => {
                match find_named(tx, key)? {
                    Some(id) => tx.put(key.to_vec(), keys::fid(id)),
                    None => tx.delete(key.to_vec()),
                }
                return Ok(None);
            }
        };
        match record(tx, child)? {
            Some(Ok(_)) if is_named_by(tx, child, key)? && record(tx, parent)?.is_some() => {}
            Some(Ok(_)) => tx.delete(key.to_vec()),
            // Its record is made again, or the entry goes if nothing is left of it.
            Some(Err(())) | None => return Ok(Some(child)),
        }
        Ok(None)
    })?;
    match leads_to {
        Some(child) => whole(mailbox, child, false, touched),
        None => Ok(Mended::done()),
    }
}

fn find_named(tx: &Tx<'_>, key: &[u8]) -> Result<Option<FolderId>> {
    let range = KeyRange::prefix(tx.mailbox.key(Kind::Folder, &[]));
    let mut folders = Cursor::new(tx.reader(), Space::Mailbox, range);
    while let Some((folder, _)) = folders.next()? {
        if let Some(id) = id_at(&folder, 9)
            && is_named_by(tx, id, key)?
        {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// A folder that is deleted and that no job removes: it comes back where its name or its content says that
/// it was not meant to go.
pub(super) fn detached(
    mailbox: &Mailbox,
    id: FolderId,
    touched: &mut BTreeSet<u64>,
) -> Result<Mended> {
    let _trees = mailbox.trees.lock();
    let (mended, folders) = writer::write(mailbox, |tx| {
        let Some(Ok(before)) = record(tx, id)? else { return Ok((Mended::Fine, Vec::new())) };
        let job = jobs::folder_job(tx.mailbox.number(), id);
        let removed = tx.reader().contains(Space::Queue, &job)?;
        if before.state != FolderState::Detached || removed {
            return Ok((Mended::Fine, Vec::new()));
        }
        let own = keys::child(tx.mailbox.number(), before.parent, &before.name);
        let named = read(tx, &own, |bytes| Ok(bytes == keys::fid(id)))? == Some(Ok(true));
        if !named && !has_content(tx, id)? {
            tx.batch.put(Space::Queue, job, Vec::new());
            return Ok((Mended::done(), Vec::new()));
        }
        let mut after = before.clone();
        after.state = FolderState::Present;
        if !named {
            after.parent = lost_and_found(tx)?;
            put_name(tx, id, &mut after)?;
        }
        let change = tx.next_change()?;
        after.change = change;
        let parent = after.parent;
        if let Some(stored) = tx.find_folder(id)? {
            *stored = after;
        }
        tx.log(Change::of_folder(ChangeKind::FolderCreated, id, change))?;
        Ok((Mended::done(), vec![id, parent]))
    })?;
    // An empty one goes by the job that it has now.
    if mended != Mended::Fine && folders.is_empty() {
        folder::remove_detached(mailbox, id)?;
    }
    touched.extend(folders.into_iter().map(number_of));
    Ok(mended)
}

/// Counts what a folder holds, in the writer's section, so that nothing comes or goes meanwhile.
pub(super) fn count(mailbox: &Mailbox, id: FolderId) -> Result<Mended> {
    writer::write(mailbox, |tx| {
        let number = tx.mailbox.number();
        let Some(record) = tx.find_folder(id)? else { return Ok(Mended::Fine) };
        if record.state == FolderState::Detached {
            return Ok(Mended::Fine);
        }
        let before = record.clone();
        let mut counts = Counts::default();
        let mut last_uid = 0;
        let range = KeyRange::prefix(tx.mailbox.key(Kind::Summary, &[&keys::fid(id)]));
        let mut cursor = Cursor::new(tx.reader(), Space::Mailbox, range);
        while let Some((key, _)) = cursor.next()? {
            let Some((replica, counter)) = keys::tail_id(&key) else { continue };
            let message = mapi::MessageId::new(replica, counter);
            if let Some(Ok(hot)) = read(tx, &keys::hot(number, message), Hot::read)?
                && keys::summary(number, hot.folder, hot.contents.to_byte(), message) == key[..]
            {
                counts.add(&hot);
                last_uid = last_uid.max(hot.uid);
            }
        }
        drop(cursor);
        let links = KeyRange::prefix(tx.mailbox.key(Kind::Link, &[&keys::fid(id)]));
        let mut links = Cursor::new(tx.reader(), Space::Mailbox, links);
        while let Some((_, link)) = links.next()? {
            let Ok(link) = link else { continue };
            let (unread, size) = crate::search::weight(&link);
            counts.contents += 1;
            counts.unread += unread;
            counts.size = counts.size.saturating_add(size);
        }
        drop(links);
        let children = KeyRange::prefix(tx.mailbox.key(Kind::Child, &[&keys::fid(id)]));
        let children = collect(tx.reader(), Space::Mailbox, children)?;
        counts.children = u32::try_from(children.len()).unwrap_or(u32::MAX);
        let deleted = KeyRange::prefix(tx.mailbox.key(Kind::DeletedChild, &[&keys::fid(id)]));
        let deleted = collect(tx.reader(), Space::Mailbox, deleted)?;
        counts.deleted_children = u32::try_from(deleted.len()).unwrap_or(u32::MAX);
        let record = tx.find_folder(id)?.ok_or(StoreError::NotFound("folder"))?;
        counts.put(record);
        if last_uid >= record.uid_next {
            record.uid_next = last_uid.checked_add(1).ok_or(StoreError::Quota("IMAP UIDs"))?;
        }
        match *record == before {
            true => Ok(Mended::Fine),
            false => Ok(Mended::done()),
        }
    })
}

/// Adds up the sizes of all folders in the mailbox's head.
pub(super) fn sizes(mailbox: &Mailbox) -> Result<Mended> {
    writer::write(mailbox, |tx| {
        let mut sizes = crate::record::head::Sizes::default();
        let range = KeyRange::prefix(tx.mailbox.key(Kind::Folder, &[]));
        let mut cursor = Cursor::new(tx.reader(), Space::Mailbox, range);
        while let Some((_, value)) = cursor.next()? {
            if let Some(record) = value.ok().and_then(|value| FolderRecord::read(&value).ok()) {
                sizes = sizes.replace(Default::default(), record.sizes());
            }
        }
        drop(cursor);
        if tx.last_numbers().sizes == sizes {
            return Ok(Mended::Fine);
        }
        tx.set_sizes(sizes);
        Ok(Mended::done())
    })
}
