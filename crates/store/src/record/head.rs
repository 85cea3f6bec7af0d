//! The head: what every batch of a mailbox moves on. And the info record, which never changes.

use mapi::{FileTime, Guid, Reader, Wire, WireError};

/// The last numbers that were given out.
///
/// INVARIANT: a number is used only in the batch that makes it durable here, or after that batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Head {
    /// The last FID, MID or CN of the mailbox's own replica.
    pub(crate) counter: u64,
    /// The last entry of the change log.
    pub(crate) sequence: u64,
    /// The last entry that changed the folder hierarchy or a folder's properties.
    pub(crate) hierarchy: u64,
}

const VERSION: u8 = 1;

impl Head {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(bytes);
        super::version(&mut r, VERSION)?;
        Ok(Head {
            counter: u64::read(&mut r)?,
            sequence: u64::read(&mut r)?,
            hierarchy: u64::read(&mut r)?,
        })
    }

    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut w = vec![VERSION];
        self.counter.write(&mut w);
        self.sequence.write(&mut w);
        self.hierarchy.write(&mut w);
        w
    }
}

/// What identifies a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Info {
    pub(crate) guid: Guid,
    pub(crate) replica: Guid,
    pub(crate) created: FileTime,
}

impl Info {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(bytes);
        super::version(&mut r, VERSION)?;
        Ok(Info {
            guid: Guid::read(&mut r)?,
            replica: Guid::read(&mut r)?,
            created: FileTime::read(&mut r)?,
        })
    }

    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut w = vec![VERSION];
        self.guid.write(&mut w);
        self.replica.write(&mut w);
        self.created.write(&mut w);
        w
    }
}
