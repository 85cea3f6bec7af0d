//! The receive folder table ([MS-OXCSTOR] 2.2.1.2 to 2.2.1.4).

use std::ops::ControlFlow;

use mapi::{FileTime, FolderId, Wire};

use super::special::{RECEIVE, SpecialFolder};
use super::writer::{self, Tx};
use crate::engine::{Direction, KeyRange, Space};
use crate::keys::Kind;
use crate::record::folder::FolderState;
use crate::{Mailbox, Result, StoreError, folder};

/// Where messages of a class are delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiveFolder {
    /// A message class or the beginning of one; empty for all others.
    pub class: String,
    pub folder: FolderId,
    pub modified: FileTime,
}

/// Entries that a mailbox takes at most.
const MAX_ENTRIES: usize = 1024;

/// The entry with the longest class that is a prefix of `class`, case-insensitively
/// ([MS-OXCSTOR] 3.2.5.2).
pub fn folder_for(mailbox: &Mailbox, class: &str) -> Result<ReceiveFolder> {
    check_class(class)?;
    let folded = class.to_ascii_lowercase();
    let mut entries = all(mailbox)?;
    entries.retain(|entry| {
        let prefix = entry.class.to_ascii_lowercase();
        folded
            .strip_prefix(&prefix)
            .is_some_and(|rest| prefix.is_empty() || rest.is_empty() || rest.starts_with('.'))
    });
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.class.len()));
    // An entry whose folder is deleted waits for it to come back.
    for entry in entries {
        if folder::record(mailbox, mailbox.reader(), entry.folder).is_ok() {
            return Ok(entry);
        }
    }
    Err(StoreError::NotFound("receive folder"))
}

/// Sets the folder of a class; `None` removes the entry.
///
/// Errors: [`StoreError::Invalid`] for a class that is not allowed, and for removing the entry of all other
/// classes; [`StoreError::Access`] for "IPM" and "Report.IPM", which the server keeps
/// ([MS-OXCSTOR] 3.2.5.3); [`StoreError::NotFound`].
pub fn set_folder(mailbox: &Mailbox, class: &str, folder: Option<FolderId>) -> Result<()> {
    check_class(class)?;
    if ["ipm", "report.ipm"].contains(&class.to_ascii_lowercase().as_str()) {
        return Err(StoreError::Access);
    }
    if class.is_empty() && folder.is_none() {
        return Err(StoreError::Invalid("the default receive folder cannot be removed"));
    }
    let entries = all(mailbox)?.len();
    writer::write(mailbox, |tx| {
        let key = mailbox.key(Kind::Receive, &[class.to_ascii_lowercase().as_bytes()]);
        let Some(folder) = folder else {
            if tx.get(&key)?.is_none() {
                return Err(StoreError::NotFound("receive folder"));
            }
            tx.delete(key);
            return Ok(());
        };
        if tx.find_folder(folder)?.is_none_or(|record| record.state != FolderState::Present) {
            return Err(StoreError::NotFound("folder"));
        }
        if entries >= MAX_ENTRIES && tx.get(&key)?.is_none() {
            return Err(StoreError::Quota("receive folders"));
        }
        let entry = ReceiveFolder { class: class.into(), folder, modified: tx.now };
        tx.put(key, to_bytes(&entry));
        Ok(())
    })
}

pub fn all(mailbox: &Mailbox) -> Result<Vec<ReceiveFolder>> {
    let prefix = mailbox.key(Kind::Receive, &[]);
    let mut entries = Vec::new();
    mailbox.reader().visit(
        Space::Mailbox,
        &KeyRange::prefix(prefix),
        Direction::Forward,
        &mut |_, value| {
            entries.push(from_bytes(value));
            ControlFlow::Continue(())
        },
    )?;
    entries.into_iter().collect()
}

/// [MS-OXCSTOR] 2.2.1.2.1.1: printable ASCII, no period at an end and no two in a row, at most 255
/// characters with the terminating null.
fn check_class(class: &str) -> Result<()> {
    let printable = class.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    if class.len() >= 255 || !printable || class.starts_with('.') || class.ends_with('.') {
        return Err(StoreError::Invalid("no valid message class"));
    }
    if class.contains("..") {
        return Err(StoreError::Invalid("no valid message class"));
    }
    Ok(())
}

pub(crate) fn to_bytes(entry: &ReceiveFolder) -> Vec<u8> {
    let mut w = Vec::new();
    entry.folder.write(&mut w);
    entry.modified.write(&mut w);
    w.extend_from_slice(entry.class.as_bytes());
    w
}

/// Where messages of a class go that every mailbox has an entry for.
pub(crate) fn default_folder(class: &[u8]) -> Option<SpecialFolder> {
    let known = RECEIVE.iter().find(|(name, _)| name.to_ascii_lowercase().as_bytes() == class);
    known.map(|(_, folder)| *folder)
}

/// Lets nothing be delivered to a folder that goes for good: what every mailbox has an entry for goes where
/// it went first, the others go.
pub(crate) fn leave_folder(tx: &mut Tx<'_>, id: FolderId) -> Result<()> {
    let range = KeyRange::prefix(tx.mailbox.key(Kind::Receive, &[]));
    let entries = tx.reader().scan_each(Space::Mailbox, &range, MAX_ENTRIES + RECEIVE.len())?;
    for (key, value) in entries {
        let entry = value.ok().and_then(|value| from_bytes(&value).ok());
        let Some(entry) = entry.filter(|entry| entry.folder == id) else { continue };
        match default_folder(key.get(9..).unwrap_or_default()) {
            Some(default) => {
                let entry = ReceiveFolder { folder: default.id(), modified: tx.now, ..entry };
                tx.put(key.to_vec(), to_bytes(&entry));
            }
            None => tx.delete(key.to_vec()),
        }
    }
    Ok(())
}

/// Whether a record is what [`set_folder`] writes.
pub(crate) fn check_entry(key: &[u8], value: &[u8]) -> Result<()> {
    let entry = from_bytes(value)?;
    match key.get(9..) == Some(entry.class.to_ascii_lowercase().as_bytes()) {
        true => check_class(&entry.class),
        false => Err(StoreError::Corrupt("a message class that is not that of its key".into())),
    }
}

pub(crate) fn from_bytes(bytes: &[u8]) -> Result<ReceiveFolder> {
    let mut r = mapi::Reader::new(bytes);
    Ok(ReceiveFolder {
        folder: FolderId::read(&mut r)?,
        modified: FileTime::read(&mut r)?,
        class: String::from_utf8_lossy(r.rest()).into_owned(),
    })
}
