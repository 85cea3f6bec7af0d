//! The hot part of a message: what changes without an edit. At most 96 bytes.

use mapi::{ChangeNumber, FileTime, FolderId, Reader, Wire, WireError};

use crate::table::Contents;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hot {
    pub(crate) folder: FolderId,
    pub(crate) contents: Contents,
    /// Set if the owner has read it. Asked through [`crate::mailbox::read_state`] only.
    pub(crate) read: bool,
    /// PidTagMessageFlags without the computed ones.
    pub(crate) flags: u32,
    pub(crate) status: u32,
    /// CN of the newest edit.
    pub(crate) change: ChangeNumber,
    /// CN of the newest change of the read state.
    pub(crate) read_change: ChangeNumber,
    pub(crate) uid: u32,
    /// Sequence of the newest change of any kind: MODSEQ.
    pub(crate) sequence: u64,
    /// PidTagMessageSize.
    pub(crate) size: u64,
    /// When it was soft-deleted; 0 if not.
    pub(crate) deleted: FileTime,
    /// When it was stored last (PidTagLocalCommitTime); 0 in a record of version 1.
    pub(crate) committed: FileTime,
    /// When it came into its folder; 0 where nobody kept it, before version 3.
    pub(crate) saved: FileTime,
}

const VERSION: u8 = 3;
/// Without the time when it came into its folder.
const VERSION_2: u8 = 2;
/// Without the time of the last commit.
const VERSION_1: u8 = 1;

impl Hot {
    pub(crate) const MAX: usize = 96;

    pub(crate) fn read(bytes: &[u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(bytes);
        let version = super::version(&mut r, VERSION)?;
        Ok(Hot {
            folder: FolderId::read(&mut r)?,
            contents: Contents::from_byte(u8::read(&mut r)?),
            read: bool::read(&mut r)?,
            flags: u32::read(&mut r)?,
            status: u32::read(&mut r)?,
            change: ChangeNumber::read(&mut r)?,
            read_change: ChangeNumber::read(&mut r)?,
            uid: u32::read(&mut r)?,
            sequence: u64::read(&mut r)?,
            size: u64::read(&mut r)?,
            deleted: FileTime::read(&mut r)?,
            committed: match version {
                VERSION_1 => FileTime(0),
                _ => FileTime::read(&mut r)?,
            },
            saved: match version {
                VERSION_1 | VERSION_2 => FileTime(0),
                _ => FileTime::read(&mut r)?,
            },
        })
    }

    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut w = Vec::with_capacity(Self::MAX);
        w.push(VERSION);
        self.folder.write(&mut w);
        self.contents.to_byte().write(&mut w);
        self.read.write(&mut w);
        self.flags.write(&mut w);
        self.status.write(&mut w);
        self.change.write(&mut w);
        self.read_change.write(&mut w);
        self.uid.write(&mut w);
        self.sequence.write(&mut w);
        self.size.write(&mut w);
        self.deleted.write(&mut w);
        self.committed.write(&mut w);
        self.saved.write(&mut w);
        w
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_within_the_bound() {
        let hot = Hot {
            folder: FolderId::own(5),
            contents: Contents::SoftDeleted,
            read: true,
            flags: 8,
            status: 9,
            change: ChangeNumber::own(77),
            read_change: ChangeNumber::own(78),
            uid: 3,
            sequence: 4,
            size: 5,
            deleted: FileTime(6),
            committed: FileTime(7),
            saved: FileTime(8),
        };
        assert!(hot.to_bytes().len() <= Hot::MAX);
        assert_eq!(Hot::read(&hot.to_bytes()), Ok(hot));
        let mut old = hot.to_bytes();
        old[0] = VERSION_2;
        old.truncate(old.len() - 8);
        let hot = Hot { saved: FileTime(0), ..hot };
        assert_eq!(Hot::read(&old), Ok(hot));
        old[0] = VERSION_1;
        old.truncate(old.len() - 8);
        assert_eq!(Hot::read(&old), Ok(Hot { committed: FileTime(0), ..hot }));
    }
}
