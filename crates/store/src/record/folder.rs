//! A folder's record: its place, and counters that are exact in every batch.

use mapi::{ChangeNumber, FileTime, FolderId, Reader, Wire, WireError};

use crate::folder::FolderKind;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FolderRecord {
    pub(crate) parent: FolderId,
    pub(crate) kind: FolderKind,
    /// Taken out of the hierarchy; a job removes what it holds.
    pub(crate) detached: bool,
    pub(crate) change: ChangeNumber,
    pub(crate) contents: u32,
    pub(crate) unread: u32,
    pub(crate) associated: u32,
    pub(crate) soft_deleted: u32,
    pub(crate) size: u64,
    pub(crate) children: u32,
    pub(crate) deleted_total: u32,
    pub(crate) created: FileTime,
    pub(crate) modified: FileTime,
    pub(crate) last_commit: FileTime,
    pub(crate) uid_validity: u32,
    pub(crate) uid_next: u32,
    pub(crate) sequence: u64,
    pub(crate) name: String,
}

const VERSION: u8 = 1;

impl FolderRecord {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(bytes);
        let r = &mut r;
        super::version(r, VERSION)?;
        Ok(FolderRecord {
            parent: FolderId::read(r)?,
            kind: match u8::read(r)? {
                0 => FolderKind::Root,
                2 => FolderKind::Search,
                _ => FolderKind::Generic,
            },
            detached: bool::read(r)?,
            change: ChangeNumber::read(r)?,
            contents: u32::read(r)?,
            unread: u32::read(r)?,
            associated: u32::read(r)?,
            soft_deleted: u32::read(r)?,
            size: u64::read(r)?,
            children: u32::read(r)?,
            deleted_total: u32::read(r)?,
            created: FileTime::read(r)?,
            modified: FileTime::read(r)?,
            last_commit: FileTime::read(r)?,
            uid_validity: u32::read(r)?,
            uid_next: u32::read(r)?,
            sequence: u64::read(r)?,
            name: String::from_utf8_lossy(super::read_bytes(r)?).into_owned(),
        })
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut w = vec![VERSION];
        let w = &mut w;
        self.parent.write(w);
        (match self.kind {
            FolderKind::Root => 0u8,
            FolderKind::Generic => 1,
            FolderKind::Search => 2,
        })
        .write(w);
        self.detached.write(w);
        self.change.write(w);
        self.contents.write(w);
        self.unread.write(w);
        self.associated.write(w);
        self.soft_deleted.write(w);
        self.size.write(w);
        self.children.write(w);
        self.deleted_total.write(w);
        self.created.write(w);
        self.modified.write(w);
        self.last_commit.write(w);
        self.uid_validity.write(w);
        self.uid_next.write(w);
        self.sequence.write(w);
        super::write_bytes(w, self.name.as_bytes());
        std::mem::take(w)
    }
}
