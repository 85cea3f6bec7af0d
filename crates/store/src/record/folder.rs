//! A folder's record: its place, and counters that are exact in every batch.

use mapi::{ChangeNumber, FileTime, FolderId, Reader, Wire, WireError};

use super::head::Sizes;
use crate::folder::FolderKind;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FolderRecord {
    pub(crate) parent: FolderId,
    pub(crate) kind: FolderKind,
    pub(crate) state: FolderState,
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
    /// Bytes of the soft-deleted messages.
    pub(crate) deleted_size: u64,
    /// Soft-deleted folders directly below.
    pub(crate) deleted_children: u32,
    /// When it was soft-deleted, itself or with a folder above; 0 if it was not.
    pub(crate) deleted: FileTime,
}

/// Where a folder stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum FolderState {
    /// In the hierarchy.
    #[default]
    Present,
    /// Taken out of the hierarchy; a job removes it with what it holds.
    Detached,
    /// Soft-deleted, and kept with all that it holds until its time is over.
    Deleted,
    /// Below a soft-deleted folder, by the name that it had.
    Within,
}

impl FolderState {
    pub(crate) fn is_soft_deleted(self) -> bool {
        matches!(self, FolderState::Deleted | FolderState::Within)
    }

    /// Whether what is below it is out of sight. One that lies in a deleted folder says nothing by itself: a job
    /// brings it into that state, and back, when the folder above it has changed already.
    pub(crate) fn hides_all_below(self) -> bool {
        matches!(self, FolderState::Detached | FolderState::Deleted)
    }

    fn to_byte(self) -> u8 {
        match self {
            FolderState::Present => 0,
            FolderState::Detached => 1,
            FolderState::Deleted => 2,
            FolderState::Within => 3,
        }
    }

    fn from_byte(byte: u8) -> Option<Self> {
        let all = [Self::Present, Self::Detached, Self::Deleted, Self::Within];
        all.into_iter().find(|state| state.to_byte() == byte)
    }
}

/// Since version 2: the fields behind the name, and the last two states.
const VERSION: u8 = 2;

impl FolderRecord {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(bytes);
        let r = &mut r;
        let version = super::version(r, VERSION)?;
        let mut record = FolderRecord {
            parent: FolderId::read(r)?,
            kind: match u8::read(r)? {
                0 => FolderKind::Root,
                2 => FolderKind::Search,
                _ => FolderKind::Generic,
            },
            state: {
                let state = u8::read(r)?;
                FolderState::from_byte(state)
                    .ok_or_else(|| r.bad("a state of a folder", u64::from(state), 1))?
            },
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
            deleted_size: 0,
            deleted_children: 0,
            deleted: FileTime(0),
        };
        // Of version 1 are the records that nothing was deleted from, until they are next written.
        if version > 1 {
            record.deleted_size = u64::read(r)?;
            record.deleted_children = u32::read(r)?;
            record.deleted = FileTime::read(r)?;
        }
        Ok(record)
    }

    /// What the folder adds to the mailbox's sizes: that of its contents, and that of what can be recovered.
    pub(crate) fn sizes(&self) -> Sizes {
        // What a search folder shows counts in the folders where it is.
        if self.kind == FolderKind::Search {
            return Sizes::default();
        }
        match self.state {
            FolderState::Present => Sizes { live: self.size, deleted: self.deleted_size },
            FolderState::Detached => Sizes::default(),
            FolderState::Deleted | FolderState::Within => {
                Sizes { live: 0, deleted: self.size.saturating_add(self.deleted_size) }
            }
        }
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
        self.state.to_byte().write(w);
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
        self.deleted_size.write(w);
        self.deleted_children.write(w);
        self.deleted.write(w);
        std::mem::take(w)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> FolderRecord {
        FolderRecord {
            parent: FolderId::own(1),
            kind: FolderKind::Generic,
            state: FolderState::Deleted,
            change: ChangeNumber::own(300),
            contents: 1,
            unread: 2,
            associated: 3,
            soft_deleted: 4,
            size: 5,
            children: 6,
            deleted_total: 7,
            created: FileTime(8),
            modified: FileTime(9),
            last_commit: FileTime(10),
            uid_validity: 11,
            uid_next: 12,
            sequence: 13,
            name: "Ä".into(),
            deleted_size: 14,
            deleted_children: 15,
            deleted: FileTime(16),
        }
    }

    #[test]
    fn both_layouts_are_read() {
        let record = record();
        let bytes = record.to_bytes();
        assert_eq!(FolderRecord::read(&bytes), Ok(record.clone()));
        // Version 1 ended behind the name.
        let mut first = bytes[..bytes.len() - 20].to_vec();
        first[0] = 1;
        let kept =
            FolderRecord { deleted_size: 0, deleted_children: 0, deleted: FileTime(0), ..record };
        assert_eq!(FolderRecord::read(&first), Ok(kept));
    }

    #[test]
    fn a_record_counts_where_it_stands() {
        let sizes = |state| FolderRecord { state, ..record() }.sizes();
        assert_eq!(sizes(FolderState::Present), Sizes { live: 5, deleted: 14 });
        assert_eq!(sizes(FolderState::Within), Sizes { live: 0, deleted: 19 });
        assert_eq!(sizes(FolderState::Detached), Sizes::default());
    }
}
