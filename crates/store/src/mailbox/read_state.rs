//! Whether a message is read. In a private mailbox it is a bit of the hot record; in the store of public folders
//! everybody has a set of change numbers for each folder: the messages that he has read, as they were then. A
//! message that is changed has another number, and is unread again. All code asks here.

use std::collections::HashMap;
use std::ops::ControlFlow;

use mapi::{ChangeNumber, FileTime, FolderId, Guid, IdSet, Reader as Bytes, Wire, WireError};

use super::writer::{self, Tx};
use crate::engine::{self, Direction, KeyRange, Reader, Space};
use crate::folder::FolderKind;
use crate::keys::{self, Kind};
use crate::message::flags;
use crate::record::hot::Hot;
use crate::record::search::Link;
use crate::record::summary::Packed;
use crate::record::{parts, version};
use crate::table::Contents;
use crate::{Mailbox, Result, Store, StoreError};

/// The bit of a message in a mailbox.
pub(crate) fn is_read(hot: &Hot) -> bool {
    hot.read
}

/// What was read once is marked as such for ever (MS-OXCMSG R1140).
pub(crate) fn set(hot: &mut Hot, read: bool) {
    if read || hot.read {
        hot.flags |= flags::EVER_READ;
    }
    hot.read = read;
}

/// What one user has read in one folder. By replica GUID, as clients get it ([MS-OXCFXICS] 2.2.2.4.2).
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Seen {
    pub(crate) set: IdSet<Guid>,
    modified: FileTime,
}

const VERSION: u8 = 1;
/// Bytes of a set at most. One of every second message of a million is shorter.
pub(crate) const MAX_SET: usize = 256 << 10;
/// Folders whose sets are held at a time where a search folder is counted.
const MAX_FOLDERS: usize = 64;
/// Keys that are looked at, and records that go, at a time.
const PAGE: usize = 1024;

impl Seen {
    pub(crate) fn read(bytes: &[u8]) -> Result<Seen, WireError> {
        let mut r = Bytes::new(bytes);
        version(&mut r, VERSION)?;
        Ok(Seen { modified: FileTime::read(&mut r)?, set: IdSet::from_wire(r.rest())? })
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut w = vec![VERSION];
        self.modified.write(&mut w);
        self.set.write(&mut w);
        w
    }

    /// Whether the state of a message with this change was read.
    pub(crate) fn has(&self, mailbox: &Mailbox, change: ChangeNumber) -> Result<bool> {
        Ok(self.set.contains(mailbox.replica_of(change.replica)?, change.counter))
    }
}

/// What the one who asks has read in a folder; None where the bits of the messages count.
pub(crate) fn seen(
    mailbox: &Mailbox,
    reader: &dyn Reader,
    folder: FolderId,
) -> Result<Option<Seen>> {
    match mailbox.viewer() {
        None => Ok(None),
        Some(viewer) => Ok(Some(load(mailbox, reader, folder, viewer)?.0)),
    }
}

/// Whether the one who asks has read a message.
pub(crate) fn has_read(mailbox: &Mailbox, reader: &dyn Reader, hot: &Hot) -> Result<bool> {
    match seen(mailbox, reader, hot.folder)? {
        None => Ok(is_read(hot)),
        Some(seen) => seen.has(mailbox, hot.change),
    }
}

/// How many messages that a folder shows the one who asks has not read; None where the folder's record tells.
/// Messages of a search folder are read in the folders in which they are.
pub(crate) fn unread(
    mailbox: &Mailbox,
    reader: &dyn Reader,
    folder: FolderId,
    kind: FolderKind,
) -> Result<Option<u32>> {
    let Some(viewer) = mailbox.viewer() else { return Ok(None) };
    let prefix = match kind {
        FolderKind::Search => mailbox.key(Kind::Link, &[&keys::fid(folder)]),
        FolderKind::Root | FolderKind::Generic => {
            mailbox.key(Kind::Summary, &[&keys::fid(folder), &[Contents::Normal.to_byte()]])
        }
    };
    let mut known = Vec::new();
    let mut has_read = |stored: &[u8]| -> Result<bool> {
        let (home, summary) = match kind {
            FolderKind::Search => Link::read(stored).map(|link| (link.home, link.summary))?,
            FolderKind::Root | FolderKind::Generic => (folder, stored.into()),
        };
        let at = match known.iter().position(|(id, _)| *id == home) {
            Some(at) => at,
            None => {
                if known.len() == MAX_FOLDERS {
                    known.clear();
                }
                known.push((home, load(mailbox, reader, home, viewer)?.0));
                known.len() - 1
            }
        };
        known[at].1.has(mailbox, Packed::new(summary)?.change())
    };
    let mut unread = 0;
    let range = KeyRange::prefix(prefix);
    engine::try_visit(reader, Space::Mailbox, &range, |_, value| {
        unread += u32::from(!has_read(value)?);
        Ok::<_, StoreError>(ControlFlow::Continue(()))
    })?;
    Ok(Some(unread))
}

/// Notes what the one who asks has read or not.
pub(crate) fn mark(
    tx: &mut Tx<'_>,
    viewer: Guid,
    folder: FolderId,
    changes: &[(ChangeNumber, bool)],
) -> Result<()> {
    let (mut seen, old_parts) = load(tx.mailbox, tx.reader(), folder, viewer)?;
    for (change, read) in changes {
        let replica = tx.mailbox.replica_of(change.replica)?;
        match read {
            true => seen.set.insert(replica, change.counter),
            false => seen.set.remove(replica, change.counter),
        }
    }
    put(tx, viewer, folder, seen, old_parts)
}

/// Replaces what one has read in a folder ([MS-OXCSTOR] 3.2.5.13.3).
pub(crate) fn replace(
    tx: &mut Tx<'_>,
    viewer: Guid,
    folder: FolderId,
    set: IdSet<Guid>,
) -> Result<()> {
    let (_, old_parts) = load(tx.mailbox, tx.reader(), folder, viewer)?;
    put(tx, viewer, folder, Seen { set, ..Seen::default() }, old_parts)
}

fn put(
    tx: &mut Tx<'_>,
    viewer: Guid,
    folder: FolderId,
    seen: Seen,
    old_parts: usize,
) -> Result<()> {
    let bytes = Seen { modified: tx.now, ..seen }.to_bytes();
    if bytes.len() > MAX_SET {
        return Err(StoreError::TooBig {
            what: "set of read messages",
            size: bytes.len() as u64,
            limit: MAX_SET as u64,
        });
    }
    let prefix = key(tx.mailbox, folder, viewer);
    parts::put(&mut tx.batch, &prefix, &bytes, old_parts);
    Ok(())
}

fn load(
    mailbox: &Mailbox,
    reader: &dyn Reader,
    folder: FolderId,
    viewer: Guid,
) -> Result<(Seen, usize)> {
    let (bytes, parts) = parts::get(reader, &key(mailbox, folder, viewer))?;
    match parts {
        0 => Ok((Seen::default(), 0)),
        _ => Ok((Seen::read(&bytes)?, parts)),
    }
}

fn key(mailbox: &Mailbox, folder: FolderId, viewer: Guid) -> Vec<u8> {
    mailbox.key(Kind::Seen, &[&keys::fid(folder), &viewer.0])
}

/// What everybody has read in a folder, by mailbox GUID. Who reads all of it is who copies the folder.
pub(crate) fn of_all(
    mailbox: &Mailbox,
    reader: &dyn Reader,
    folder: FolderId,
) -> Result<Vec<(Guid, Seen)>> {
    let range = KeyRange::prefix(mailbox.key(Kind::Seen, &[&keys::fid(folder)]));
    let mut users: Vec<Guid> = Vec::new();
    for key in reader.keys(Space::Mailbox, &range, Direction::Forward, usize::MAX)? {
        let user = user_of(&key).filter(|user| users.last() != Some(user));
        users.extend(user);
    }
    users.into_iter().map(|user| Ok((user, load(mailbox, reader, folder, user)?.0))).collect()
}

/// Whose record a key of the kind `51` is of.
fn user_of(key: &[u8]) -> Option<Guid> {
    Some(Guid(key.get(17..33)?.try_into().ok()?))
}

/// Removes what the owners of removed mailboxes have read: their GUIDs mean nothing any more. `gone` names one of
/// them; with None everybody is looked for who is not there.
pub(crate) fn forget_users(store: &Store, gone: Option<Guid>) -> Result<()> {
    let Some(public) = store.public_folders()? else { return Ok(()) };
    let mailbox = store.mailbox(public.mailbox)?;
    let mut range = KeyRange::prefix(mailbox.key(Kind::Seen, &[]));
    let mut known = HashMap::new();
    loop {
        let page = mailbox.reader().keys(Space::Mailbox, &range, Direction::Forward, PAGE)?;
        let Some(last) = page.last() else { return Ok(()) };
        range = range.beyond(last, Direction::Forward);
        let mut stray = Vec::new();
        for key in &page {
            let Some(user) = user_of(key) else { continue };
            let is_gone = match (gone, known.get(&user)) {
                (Some(gone), _) => user == gone,
                (None, Some(is_gone)) => *is_gone,
                (None, None) => {
                    let is_gone = store.account_by_mailbox_guid(user)?.is_none();
                    known.insert(user, is_gone);
                    is_gone
                }
            };
            if is_gone {
                stray.push(key.to_vec());
            }
        }
        if !stray.is_empty() {
            writer::reclaim(&mailbox, |tx| {
                stray.iter().for_each(|key| tx.delete(key.clone()));
                Ok(())
            })?;
        }
    }
}

/// The records of all users for a folder that goes for good.
pub(crate) fn forget_folder(tx: &mut Tx<'_>, folder: FolderId) -> Result<()> {
    let range = KeyRange::prefix(tx.mailbox.key(Kind::Seen, &[&keys::fid(folder)]));
    for key in tx.reader().keys(Space::Mailbox, &range, Direction::Forward, usize::MAX)? {
        tx.delete(key.to_vec());
    }
    Ok(())
}
