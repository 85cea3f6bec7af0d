//! What users have read in public folders ([MS-OXCSTOR] 3.2.5.10 to 3.2.5.13): in the store of public folders
//! the read state itself, in a mailbox what a client keeps there of another store's.

use mapi::{FileTime, FolderId, Guid, IdSet, LongTermId, Reader as Bytes, Wire, WireError};

use super::writer::{self, Tx};
use super::{ids, read_state};
use crate::engine::{Direction, KeyRange, Reader, Space};
use crate::keys::Kind;
use crate::record::{parts, version};
use crate::{Mailbox, Result, StoreError, folder};

/// Bytes of one folder's data at most.
pub const MAX_DATA: usize = read_state::MAX_SET;
/// Folders of which a mailbox keeps data at most.
const MAX_FOLDERS: usize = 4_096;

const VERSION: u8 = 1;

/// What a mailbox keeps of one public folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PerUser {
    /// Of the store of public folders that it came from.
    pub(crate) database: Guid,
    pub(crate) modified: FileTime,
    pub(crate) data: Vec<u8>,
}

impl PerUser {
    pub(crate) fn read(bytes: &[u8]) -> Result<PerUser, WireError> {
        let mut r = Bytes::new(bytes);
        version(&mut r, VERSION)?;
        Ok(PerUser {
            database: Guid::read(&mut r)?,
            modified: FileTime::read(&mut r)?,
            data: r.rest().to_vec(),
        })
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut w = vec![VERSION];
        self.database.write(&mut w);
        self.modified.write(&mut w);
        w.extend_from_slice(&self.data);
        w
    }
}

/// The set of read messages of a folder, serialized with replica GUIDs ([MS-OXCFXICS] 2.2.2.4.2); empty where
/// there is none.
pub fn data(mailbox: &Mailbox, folder: &LongTermId) -> Result<Vec<u8>> {
    if mailbox.is_public() {
        let Some(id) = folder_of(mailbox, folder)? else { return Ok(Vec::new()) };
        let seen = read_state::seen(mailbox, mailbox.reader(), id)?;
        return Ok(seen.map(|seen| seen.set.to_wire()).unwrap_or_default());
    }
    Ok(load(mailbox, mailbox.reader(), folder)?.map(|(entry, _)| entry.data).unwrap_or_default())
}

/// The REPLGUID of the store that a folder's data came from ([MS-OXCSTOR] 3.2.5.11).
///
/// Errors: [`StoreError::NotFound`].
pub fn database(mailbox: &Mailbox, folder: &LongTermId) -> Result<Guid> {
    let entry = load(mailbox, mailbox.reader(), folder)?;
    entry.map(|(entry, _)| entry.database).ok_or(StoreError::NotFound("per-user information"))
}

/// The folders whose data came from a store ([MS-OXCSTOR] 3.2.5.10).
pub fn folders(mailbox: &Mailbox, database: Guid) -> Result<Vec<LongTermId>> {
    let mut found = Vec::new();
    for folder in all(mailbox.reader(), &mailbox.key(Kind::PerUser, &[]))? {
        let entry = load(mailbox, mailbox.reader(), &folder)?;
        if entry.is_some_and(|(entry, _)| entry.database == database) {
            found.push(folder);
        }
    }
    Ok(found)
}

/// Replaces a folder's data. In a mailbox, `database` says where it came from.
///
/// Errors: [`StoreError::Corrupt`] if the data is no set; [`StoreError::NotFound`] for a folder that the store of
/// public folders does not have; [`StoreError::Quota`], [`StoreError::TooBig`].
pub fn set(mailbox: &Mailbox, folder: &LongTermId, database: Guid, data: &[u8]) -> Result<()> {
    if data.len() > MAX_DATA {
        let (size, limit) = (data.len() as u64, MAX_DATA as u64);
        return Err(StoreError::TooBig { what: "per-user information", size, limit });
    }
    let set = IdSet::<Guid>::from_wire(data)
        .map_err(|error| StoreError::Corrupt(format!("per-user information: {error}")))?;
    if mailbox.is_public() {
        let id = folder_of(mailbox, folder)?.ok_or(StoreError::NotFound("folder"))?;
        let viewer = mailbox.viewer().ok_or(StoreError::Access)?;
        return writer::write(mailbox, |tx| {
            tx.folder(id)?;
            read_state::replace(tx, viewer, id, set.clone())
        });
    }
    writer::write(mailbox, |tx| {
        let old = load(mailbox, tx.reader(), folder)?;
        if old.is_none() && all(tx.reader(), &mailbox.key(Kind::PerUser, &[]))?.len() >= MAX_FOLDERS
        {
            return Err(StoreError::Quota("folders with per-user information"));
        }
        let entry = PerUser { database, modified: tx.now, data: data.to_vec() };
        put(tx, folder, &entry, old.map_or(0, |(_, parts)| parts));
        Ok(())
    })
}

fn put(tx: &mut Tx<'_>, folder: &LongTermId, entry: &PerUser, old_parts: usize) {
    let prefix = key(tx.mailbox, folder);
    parts::put(&mut tx.batch, &prefix, &entry.to_bytes(), old_parts);
}

/// The folder of the store of public folders, if it is there.
fn folder_of(mailbox: &Mailbox, id: &LongTermId) -> Result<Option<FolderId>> {
    let Ok((replica, counter)) = ids::from_long_term(mailbox, id) else { return Ok(None) };
    let id = FolderId::new(replica, counter);
    match folder::record(mailbox, mailbox.reader(), id) {
        Ok(_) => Ok(Some(id)),
        Err(StoreError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn load(
    mailbox: &Mailbox,
    reader: &dyn Reader,
    folder: &LongTermId,
) -> Result<Option<(PerUser, usize)>> {
    let (bytes, parts) = parts::get(reader, &key(mailbox, folder))?;
    match parts {
        0 => Ok(None),
        _ => Ok(Some((PerUser::read(&bytes)?, parts))),
    }
}

/// The folders that have an entry.
fn all(reader: &dyn Reader, prefix: &[u8]) -> Result<Vec<LongTermId>> {
    let range = KeyRange::prefix(prefix);
    let keys = reader.keys(Space::Mailbox, &range, Direction::Forward, usize::MAX)?;
    let mut folders = Vec::new();
    for key in keys {
        // Only the first part of each.
        if !key.ends_with(&[0, 0]) {
            continue;
        }
        let replica = key.get(9..25).and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
        let counter = key.get(25..33).and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
        if let (Some(replica), Some(counter)) = (replica, counter) {
            let counter = mapi::GlobalCounter::new(u64::from_be_bytes(counter));
            folders.push(LongTermId::new(Guid(replica), counter));
        }
    }
    Ok(folders)
}

fn key(mailbox: &Mailbox, folder: &LongTermId) -> Vec<u8> {
    let counter = folder.counter.get().to_be_bytes();
    mailbox.key(Kind::PerUser, &[&folder.replica.0, &counter])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_survives() {
        let entry = PerUser { database: Guid([7; 16]), modified: FileTime(9), data: vec![1, 2] };
        assert_eq!(PerUser::read(&entry.to_bytes()), Ok(entry));
        assert!(PerUser::read(&[VERSION; 20]).is_err());
    }
}
