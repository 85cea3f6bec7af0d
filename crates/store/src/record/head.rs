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
    /// The last entry of the change log that was trimmed; 0 if none was.
    pub(crate) trimmed: u64,
    /// INVARIANT: the sums of [`FolderRecord::sizes`](super::folder::FolderRecord::sizes), in every batch.
    pub(crate) sizes: Sizes,
}

/// Bytes of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Sizes {
    /// Of the messages that folders show, associated ones included. Quotas are about these.
    pub(crate) live: u64,
    /// Of soft-deleted messages, and of all messages in soft-deleted folders.
    pub(crate) deleted: u64,
}

impl Sizes {
    /// These with those of one folder in the place of what they were.
    pub(crate) fn replace(self, before: Sizes, after: Sizes) -> Sizes {
        let move_on =
            |sum: u64, before: u64, after: u64| sum.saturating_add(after).saturating_sub(before);
        Sizes {
            live: move_on(self.live, before.live, after.live),
            deleted: move_on(self.deleted, before.deleted, after.deleted),
        }
    }
}

/// Since version 2: the last entry that was trimmed, and the sizes.
const VERSION: u8 = 2;
/// Since version 2: what kind of store it is. Mailboxes are written as version 1.
const INFO_VERSION: u8 = 2;

impl Head {
    /// A head of version 1 lacks the sizes: `None` in the place of them, until the mailbox was migrated.
    pub(crate) fn read_any(bytes: &[u8]) -> Result<(Self, Option<Sizes>), WireError> {
        let mut r = Reader::new(bytes);
        let version = super::version(&mut r, VERSION)?;
        let mut head = Head {
            counter: u64::read(&mut r)?,
            sequence: u64::read(&mut r)?,
            hierarchy: u64::read(&mut r)?,
            ..Head::default()
        };
        if version == 1 {
            return Ok((head, None));
        }
        head.trimmed = u64::read(&mut r)?;
        head.sizes = Sizes { live: u64::read(&mut r)?, deleted: u64::read(&mut r)? };
        Ok((head, Some(head.sizes)))
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<Self, WireError> {
        match Head::read_any(bytes)? {
            (head, Some(_)) => Ok(head),
            (_, None) => Err(Reader::new(bytes).bad("a head that was migrated", 1, 2)),
        }
    }

    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut w = vec![VERSION];
        self.counter.write(&mut w);
        self.sequence.write(&mut w);
        self.hierarchy.write(&mut w);
        self.trimmed.write(&mut w);
        self.sizes.live.write(&mut w);
        self.sizes.deleted.write(&mut w);
        w
    }
}

/// What identifies a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Info {
    pub(crate) guid: Guid,
    pub(crate) replica: Guid,
    pub(crate) created: FileTime,
    /// It holds the organisation's public folders, not somebody's messages.
    pub(crate) public: bool,
}

/// Kinds of stores in an info record.
const PUBLIC: u8 = 1;

impl Info {
    /// Of a new mailbox, whose replica nobody else has ([MS-OXCSTOR] 3.2.3).
    pub(crate) fn new(guid: Guid, created: FileTime, public: bool) -> Info {
        Info { guid, replica: Guid::random(), created, public }
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(bytes);
        let version = super::version(&mut r, INFO_VERSION)?;
        Ok(Info {
            guid: Guid::read(&mut r)?,
            replica: Guid::read(&mut r)?,
            created: FileTime::read(&mut r)?,
            public: match version {
                1 => false,
                _ => match u8::read(&mut r)? {
                    PUBLIC => true,
                    other => return Err(r.bad("a kind of store", u64::from(other), 1)),
                },
            },
        })
    }

    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut w = vec![if self.public { INFO_VERSION } else { 1 }];
        self.guid.write(&mut w);
        self.replica.write(&mut w);
        self.created.write(&mut w);
        if self.public {
            w.push(PUBLIC);
        }
        w
    }
}
