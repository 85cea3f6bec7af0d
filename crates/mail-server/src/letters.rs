//! Messages on their way in, whoever brings them: what they may take of memory and disk together.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

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
/// How long a message waits for others to be converted.
const ROOM_WITHIN: Duration = Duration::from_secs(60);

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

    /// Whether the spool takes so many bytes more as it is now.
    pub(crate) fn has_room_for(&self, size: u64) -> bool {
        self.spooled().saturating_add(size) <= SPOOL_BYTES
    }

    /// Waits for the memory that a message takes which goes into so many mailboxes at the same time; None where there
    /// is none for too long. What is larger than all of it is dealt with alone.
    ///
    /// INVARIANT: it is taken for what is here as a whole. Whoever has some of it waits for no client, or one that
    /// sends slowly would keep out the mail of everybody.
    pub(crate) async fn room(&self, size: u64, mailboxes: usize) -> Option<Room> {
        self.room_within(size, mailboxes, ROOM_WITHIN).await
    }

    async fn room_within(&self, size: u64, mailboxes: usize, within: Duration) -> Option<Room> {
        let permit = Arc::clone(&self.converting).acquire_many_owned(wanted(size, mailboxes));
        let permit = tokio::time::timeout(within, permit).await.ok()?;
        Some(Room { _permit: permit.expect("nobody closes it") })
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
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let soon = Duration::from_millis(1);
            let large = letters.room_within(64 << 20, 1, soon).await.expect("alone");
            assert!(letters.room_within(1, 1, soon).await.is_none(), "it waits for ever");
            drop(large);
            let mut rooms = Vec::new();
            while let Some(room) = letters.room_within(1 << 20, 1, soon).await {
                rooms.push(room);
            }
            assert_eq!(rooms.len(), 31);
        });
        assert!(wanted(1 << 20, 8) > 3 * wanted(1 << 20, 1));
    }
}
