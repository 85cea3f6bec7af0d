//! The log that the layer writes and the test replays: what was done to the files below the root, in order.
//!
//! A record is its length u32, a tag u8 and numbers u64, little-endian; names or written bytes stand last. A
//! record that is cut off at the end of the log was being written
//! when the process died, and counts as not done.

use std::io::IoSlice;

/// What was done, after it was done. Files and directories are told by their inode numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record<'a> {
    /// A file or directory was made under a name.
    Made {
        parent: u64,
        inode: u64,
        directory: bool,
        name: &'a [u8],
    },
    /// A file got another name.
    Linked {
        parent: u64,
        inode: u64,
        name: &'a [u8],
    },
    /// A name is gone.
    Removed {
        parent: u64,
        name: &'a [u8],
    },
    /// A name became another one, and replaced what had it.
    Renamed {
        parent: u64,
        new_parent: u64,
        name: &'a [u8],
        new_name: &'a [u8],
    },
    Written {
        inode: u64,
        offset: u64,
        bytes: &'a [u8],
    },
    Resized {
        inode: u64,
        size: u64,
    },
    /// A sync that began when `until` records stood in the log came back.
    Synced {
        inode: u64,
        until: u64,
    },
    /// A sync failed: what it was to make durable must not be taken as durable by a later one either.
    SyncFailed {
        inode: u64,
        until: u64,
    },
}

impl<'a> Record<'a> {
    #[allow(dead_code, reason = "the tests only read")]
    /// Gives `write` the record in pieces, to be written at once.
    pub fn encode<T>(&self, write: impl FnOnce(&[IoSlice<'_>]) -> T) -> T {
        let mut head = [0; 64];
        let mut at = 4;
        let mut put = |bytes: &[u8]| {
            head[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        let mut tail: [&[u8]; 2] = [&[], &[]];
        let mut numbers = |tag: u8, numbers: &[u64]| {
            put(&[tag]);
            numbers.iter().for_each(|number| put(&number.to_le_bytes()));
        };
        match *self {
            Record::Made { parent, inode, directory, name } => {
                numbers(1, &[parent, inode, u64::from(directory)]);
                tail[0] = name;
            }
            Record::Linked { parent, inode, name } => {
                numbers(2, &[parent, inode]);
                tail[0] = name;
            }
            Record::Removed { parent, name } => {
                numbers(3, &[parent]);
                tail[0] = name;
            }
            Record::Renamed { parent, new_parent, name, new_name } => {
                numbers(4, &[parent, new_parent, name.len() as u64]);
                tail = [name, new_name];
            }
            Record::Written { inode, offset, bytes } => {
                numbers(5, &[inode, offset]);
                tail[0] = bytes;
            }
            Record::Resized { inode, size } => numbers(6, &[inode, size]),
            Record::Synced { inode, until } => numbers(7, &[inode, until]),
            Record::SyncFailed { inode, until } => numbers(8, &[inode, until]),
        }
        let length = (at - 4 + tail[0].len() + tail[1].len()) as u32;
        head[..4].copy_from_slice(&length.to_le_bytes());
        write(&[IoSlice::new(&head[..at]), IoSlice::new(tail[0]), IoSlice::new(tail[1])])
    }

    /// Takes the first record off a log; nothing at its end or at a record that is cut off.
    pub fn take(log: &mut &'a [u8]) -> Option<Record<'a>> {
        let length = u32::from_le_bytes(log.get(..4)?.try_into().ok()?) as usize;
        let mut body = log.get(4..4 + length)?;
        *log = &log[4 + length..];
        let (tag, rest) = body.split_first()?;
        body = rest;
        let mut number = || {
            let (number, rest) = body.split_first_chunk::<8>()?;
            body = rest;
            Some(u64::from_le_bytes(*number))
        };
        Some(match tag {
            1 => {
                let (parent, inode, directory) = (number()?, number()?, number()? == 1);
                Record::Made { parent, inode, directory, name: body }
            }
            2 => {
                let (parent, inode) = (number()?, number()?);
                Record::Linked { parent, inode, name: body }
            }
            3 => {
                let parent = number()?;
                Record::Removed { parent, name: body }
            }
            4 => {
                let (parent, new_parent, length) = (number()?, number()?, number()?);
                let (name, new_name) = body.split_at_checked(length as usize)?;
                Record::Renamed { parent, new_parent, name, new_name }
            }
            5 => {
                let (inode, offset) = (number()?, number()?);
                Record::Written { inode, offset, bytes: body }
            }
            6 => Record::Resized { inode: number()?, size: number()? },
            7 => Record::Synced { inode: number()?, until: number()? },
            8 => Record::SyncFailed { inode: number()?, until: number()? },
            _ => return None,
        })
    }
}
