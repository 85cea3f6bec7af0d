//! Messages on their way in: in memory while they are small, else in a file without a name.
//!
//! INVARIANT: the spool's bytes are bounded, and so are those of them that are in memory. A letter gives back what it
//! took when it is dropped; a file without a name goes with its descriptor, also when the process is killed.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::work::{Undone, Work};

/// The bounds, and what is used of them.
pub struct Spool {
    dir: PathBuf,
    most: u64,
    held: AtomicU64,
    in_memory: AtomicU64,
}

/// A letter goes to a file when more of it than this is in memory,
const MOST_IN_MEMORY: usize = 256 << 10;
/// or more than this, and all letters together hold [`ALL_IN_MEMORY`].
const SMALL: usize = 4 << 10;
const ALL_IN_MEMORY: u64 = 16 << 20;

/// Why a letter is not taken.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    #[error("the spool is full")]
    Full,
    #[error("the spool failed: {0}")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Undone(#[from] Undone),
}

impl Spool {
    /// A spool in a folder that holds at most `most` bytes.
    pub fn new(dir: PathBuf, most: u64) -> Arc<Spool> {
        Arc::new(Spool { dir, most, held: AtomicU64::new(0), in_memory: AtomicU64::new(0) })
    }

    /// Bytes of all letters now.
    pub fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    /// A letter that is in memory as a whole, whose bytes are admitted elsewhere.
    pub fn holding(self: &Arc<Self>, memory: Vec<u8>) -> Letter {
        let size = memory.len() as u64;
        self.held.fetch_add(size, Ordering::Relaxed);
        let mut letter = self.letter();
        (letter.memory, letter.size) = (memory, size);
        letter.state(size);
        letter
    }

    pub fn letter(self: &Arc<Self>) -> Letter {
        Letter { spool: Arc::clone(self), memory: Vec::new(), stated: 0, file: None, size: 0 }
    }
}

/// One message.
pub struct Letter {
    spool: Arc<Spool>,
    /// What is behind that in the file.
    memory: Vec<u8>,
    /// What the spool knows of `memory`.
    stated: u64,
    file: Option<File>,
    size: u64,
}

impl Letter {
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds what `add` appends to the bytes that it gets.
    ///
    /// # Errors
    /// [`SpoolError`]; the letter is of no use then.
    pub async fn extend<T>(
        &mut self,
        work: &Work,
        add: impl FnOnce(&mut Vec<u8>) -> T,
    ) -> Result<T, SpoolError> {
        let before = self.memory.len();
        let result = add(&mut self.memory);
        let added = (self.memory.len() - before) as u64;
        self.size += added;
        let held = self.spool.held.fetch_add(added, Ordering::Relaxed) + added;
        self.state(self.memory.len() as u64);
        if held > self.spool.most {
            return Err(SpoolError::Full);
        }
        let crowded = self.spool.in_memory.load(Ordering::Relaxed) > ALL_IN_MEMORY;
        if self.memory.len() > MOST_IN_MEMORY || (crowded && self.memory.len() > SMALL) {
            self.write_out(work).await?;
        }
        Ok(result)
    }

    fn state(&mut self, bytes: u64) {
        self.spool.in_memory.fetch_add(bytes, Ordering::Relaxed);
        self.spool.in_memory.fetch_sub(self.stated, Ordering::Relaxed);
        self.stated = bytes;
    }

    async fn write_out(&mut self, work: &Work) -> Result<(), SpoolError> {
        let memory = std::mem::take(&mut self.memory);
        let file = self.file.take();
        let dir = self.spool.dir.clone();
        let written = work.run(move || {
            let mut file = match file {
                Some(file) => file,
                None => tempfile::tempfile_in(dir)?,
            };
            file.write_all(&memory)?;
            Ok::<File, io::Error>(file)
        });
        self.file = Some(written.await??);
        self.state(0);
        Ok(())
    }

    /// The whole message behind `head`. Reads a file: not on the reactor.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn whole(mut self, head: &[u8]) -> io::Result<Vec<u8>> {
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        let mut whole = Vec::new();
        whole.try_reserve_exact(head.len().saturating_add(size)).map_err(io::Error::other)?;
        whole.extend_from_slice(head);
        if let Some(file) = &mut self.file {
            file.rewind()?;
            file.read_to_end(&mut whole)?;
        }
        whole.extend_from_slice(&self.memory);
        match whole.len() == head.len() + size {
            true => Ok(whole),
            false => Err(io::Error::other("a file of the spool lost bytes")),
        }
    }
}

impl Drop for Letter {
    fn drop(&mut self) {
        self.state(0);
        self.spool.held.fetch_sub(self.size, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use store::{Store, StoreOptions};

    use super::*;

    #[test]
    fn small_and_large_letters_come_back_and_the_bound_holds() {
        let dir = tempfile::tempdir().expect("a folder");
        let store = Store::in_memory(StoreOptions::default()).expect("a store");
        let work = Work::start("test", &store, 1, 8).expect("a thread");
        let spool = Spool::new(dir.path().to_owned(), 2 << 20);
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let piece: Vec<u8> = (0..100_000u32).map(|n| (n % 251) as u8).collect();
            for pieces in [0, 1, 3, 9] {
                let mut letter = spool.letter();
                for _ in 0..pieces {
                    letter.extend(&work, |out| out.extend_from_slice(&piece)).await.expect("room");
                }
                assert_eq!(letter.file.is_some(), pieces > 2);
                assert_eq!(spool.held(), letter.size());
                let whole = letter.whole(b"head").expect("whole");
                assert!(whole == [b"head".to_vec(), piece.repeat(pieces)].concat());
            }
            let mut letter = spool.letter();
            for _ in 0..20 {
                letter.extend(&work, |out| out.extend_from_slice(&piece)).await.expect("room");
            }
            let full = letter.extend(&work, |out| out.extend_from_slice(&piece)).await;
            assert!(matches!(full, Err(SpoolError::Full)));
            drop(letter);
            assert_eq!((spool.held(), spool.in_memory.load(Ordering::Relaxed)), (0, 0));
        });
        assert_eq!(std::fs::read_dir(dir.path()).expect("a folder").count(), 0);
    }
}
