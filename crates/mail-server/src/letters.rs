//! Messages on their way in, whoever brings them: what they may take of memory and disk together.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::spool::{Letter, Spool};

/// Bytes of all messages that are on their way in.
const SPOOL_BYTES: u64 = 1 << 30;
/// Bytes of memory for messages that are read and converted at the same time.
const CONVERT_BYTES: u64 = 256 << 20;
/// A message in memory: as it came, as it is kept, its texts in UTF-8, its attachments, and what is written of them.
const TIMES: u64 = 8;
/// Each further mailbox that gets it at the same time has a copy, which its batch writes.
const TIMES_MORE: u64 = 3;

/// Shared by all services of a process.
pub struct Letters {
    spool: Arc<Spool>,
    /// In kibibytes.
    converting: Arc<Semaphore>,
}

/// Memory for a message; given back when it is dropped.
pub struct Room {
    _permit: OwnedSemaphorePermit,
}

impl Letters {
    /// `dir` is a folder for what is too large for memory. What is written there has no name and goes with the
    /// process.
    pub fn new(dir: PathBuf) -> Letters {
        let converting = Arc::new(Semaphore::new((CONVERT_BYTES >> 10) as usize));
        Letters { spool: Spool::new(dir, SPOOL_BYTES), converting }
    }

    /// Bytes of messages that are on their way in now.
    pub fn spooled(&self) -> u64 {
        self.spool.held()
    }

    /// A letter that is in memory as a whole, for which somebody has made room.
    pub(crate) fn holding(&self, message: Vec<u8>) -> Letter {
        self.spool.holding(message)
    }

    pub(crate) fn letter(&self) -> Letter {
        self.spool.letter()
    }

    /// Waits for the memory that a message takes which goes into so many mailboxes at the same time. What is larger
    /// than all of it is dealt with alone.
    pub(crate) async fn room(&self, size: u64, mailboxes: usize) -> Room {
        let permit = Arc::clone(&self.converting).acquire_many_owned(wanted(size, mailboxes)).await;
        Room { _permit: permit.expect("nobody closes it") }
    }

    /// The same, if it is there now.
    pub(crate) fn room_now(&self, size: u64) -> Option<Room> {
        let permit = Arc::clone(&self.converting).try_acquire_many_owned(wanted(size, 1)).ok()?;
        Some(Room { _permit: permit })
    }
}

/// In kibibytes.
fn wanted(size: u64, mailboxes: usize) -> u32 {
    let times = TIMES + TIMES_MORE * mailboxes.saturating_sub(1) as u64;
    let wanted = (size.saturating_mul(times) >> 10) + 64;
    wanted.min(CONVERT_BYTES >> 10) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_messages_together_are_bounded() {
        let letters = Letters::new(std::env::temp_dir());
        let large = letters.room_now(64 << 20).expect("alone");
        assert!(letters.room_now(1).is_none());
        drop(large);
        let rooms: Vec<_> = std::iter::from_fn(|| letters.room_now(1 << 20)).collect();
        assert_eq!(rooms.len(), 31);
        assert!(wanted(1 << 20, 8) > 3 * wanted(1 << 20, 1));
    }
}
