//! Where values are written piece by piece before they are saved.
//!
//! Up to 64 KiB stay in memory, if the store's bound of such memory has room; others go to a file
//! without a name, which the system removes when it is closed, whatever ends the process. What is
//! staged counts against the session's bound and against the store's.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Source;
use crate::engine::{Error, Result};

/// What is kept in memory, in bytes, before a file is made.
const IN_MEMORY: u64 = 64 * 1024;

/// A bound of staged bytes. Shared by what counts against it.
#[derive(Debug)]
pub struct Budget {
    limit: u64,
    used: AtomicU64,
}

impl Budget {
    /// A bound of `limit` bytes.
    pub fn new(limit: u64) -> Budget {
        Budget { limit, used: AtomicU64::new(0) }
    }

    /// Bytes in use.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: u64) -> Result<()> {
        let room = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= self.limit);
        match self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room) {
            Ok(_) => Ok(()),
            Err(used) => Err(Error::StagingFull { used, wanted: bytes, limit: self.limit }),
        }
    }

    fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Counts the values of a staging area for whoever owns it.
pub trait Meter: Send + Sync {
    /// A value was made. None where there may be no other one.
    fn begin(self: Arc<Self>) -> Option<Box<dyn Metered>>;
}

/// Counts one value until it is dropped.
pub trait Metered: Send + Sync {
    /// States how many bytes it has; false if it may not have so many, and then nothing changes.
    fn resize(&mut self, bytes: u64) -> bool;
}

/// The staging area of one session.
#[derive(Clone)]
pub struct StagingArea {
    session: Arc<Budget>,
    store: Arc<Budget>,
    meter: Option<Arc<dyn Meter>>,
    /// Of the store, for what is in memory.
    memory: Arc<Budget>,
    directory: Option<Arc<PathBuf>>,
}

impl StagingArea {
    /// An area of at most `limit` bytes, which also count against `store`, and those of them that
    /// are in memory against `memory`. Without a directory everything stays in memory.
    pub fn new(
        limit: u64,
        store: Arc<Budget>,
        memory: Arc<Budget>,
        directory: Option<&Path>,
    ) -> StagingArea {
        StagingArea {
            session: Arc::new(Budget::new(limit)),
            store,
            meter: None,
            memory,
            directory: directory.map(|directory| Arc::new(directory.to_owned())),
        }
    }

    /// Each value of the area is counted by `meter` as well.
    pub fn metered(self, meter: Arc<dyn Meter>) -> StagingArea {
        StagingArea { meter: Some(meter), ..self }
    }

    /// Bytes staged by the session.
    pub fn used(&self) -> u64 {
        self.session.used()
    }

    /// An empty value.
    ///
    /// Errors: [`Error::StagingFull`] if the meter allows no other one.
    pub fn create(&self) -> Result<StagedBytes> {
        let metered = self.meter.as_ref().map(|meter| Arc::clone(meter).begin());
        if let Some(None) = metered {
            return Err(self.full(0));
        }
        let content = Content::Memory(Vec::new());
        Ok(StagedBytes { area: self.clone(), metered: metered.flatten(), len: 0, content })
    }
}

/// A value that is being written. Dropping it frees what it holds.
pub struct StagedBytes {
    area: StagingArea,
    metered: Option<Box<dyn Metered>>,
    len: u64,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// Exactly the bytes.
    Memory(Vec<u8>),
    /// The first `len` bytes count.
    File(File),
}

impl StagedBytes {
    /// Bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Fills `buffer` from `offset` on; gives the number of bytes read, less than asked for only
    /// at the end.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let available = self.len.saturating_sub(offset).min(buffer.len() as u64) as usize;
        self.read_exact_at(offset, &mut buffer[..available])?;
        Ok(available)
    }

    /// Writes over what is there and beyond the end; a gap reads as zeros.
    ///
    /// Errors: [`Error::StagingFull`]; the value is unchanged then.
    pub fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<()> {
        let end = offset.saturating_add(bytes.len() as u64);
        if end > self.len && !bytes.is_empty() {
            self.set_len(end)?;
        }
        match &mut self.content {
            Content::Memory(content) if !bytes.is_empty() => {
                let offset = offset as usize;
                content[offset..offset + bytes.len()].copy_from_slice(bytes);
            }
            Content::Memory(_) => {}
            Content::File(file) => {
                file.write_all_at(bytes, offset)
                    .map_err(|error| self.area.error("write", error))?;
            }
        }
        Ok(())
    }

    /// Cuts, or fills up with zeros.
    ///
    /// Errors: [`Error::StagingFull`]; the value is unchanged then.
    pub fn set_len(&mut self, len: u64) -> Result<()> {
        let more = len.saturating_sub(self.len);
        self.area.take(more)?;
        if !self.metered.as_mut().is_none_or(|metered| metered.resize(len)) {
            self.area.give_back(more);
            return Err(self.area.full(more));
        }
        if let Err(error) = self.resize(len) {
            self.area.give_back(more);
            // As much as before is never refused.
            self.metered.as_mut().map(|metered| metered.resize(self.len));
            return Err(error);
        }
        self.area.give_back(self.len.saturating_sub(len));
        self.len = len;
        Ok(())
    }

    fn resize(&mut self, len: u64) -> Result<()> {
        let Content::Memory(content) = &mut self.content else {
            return self.resize_file(len);
        };
        let old = content.len() as u64;
        let fits = match self.area.directory {
            Some(_) if len > IN_MEMORY => Err(()),
            _ => self.area.memory.take(len.saturating_sub(old)).map_err(|_| ()),
        };
        match (fits, &self.area.directory) {
            (Err(()), Some(directory)) => {
                let move_out = || {
                    let file = unnamed_file(directory)?;
                    file.write_all_at(content, 0)?;
                    file.set_len(len)?;
                    Ok(file)
                };
                let file = move_out().map_err(|error| self.area.error("make", error))?;
                self.content = Content::File(file);
                self.area.memory.give_back(old);
            }
            (Err(()), None) => {
                let used = self.area.memory.used();
                return Err(Error::StagingFull { used, wanted: len - old, limit: used });
            }
            // The bounds were asked before this allocates.
            (Ok(()), _) => {
                content.resize(len as usize, 0);
                content.shrink_to(2 * len as usize);
                self.area.memory.give_back(old.saturating_sub(len));
            }
        }
        Ok(())
    }

    fn resize_file(&mut self, len: u64) -> Result<()> {
        match &self.content {
            Content::Memory(_) => Ok(()),
            Content::File(file) => {
                file.set_len(len).map_err(|error| self.area.error("resize", error))
            }
        }
    }
}

impl fmt::Debug for StagedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StagedBytes").field("len", &self.len).finish_non_exhaustive()
    }
}

impl Source for StagedBytes {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        match &self.content {
            Content::Memory(content) => content[..].read_exact_at(offset, buffer),
            Content::File(file) => {
                file.read_exact_at(buffer, offset).map_err(|error| self.area.error("read", error))
            }
        }
    }
}

impl Drop for StagedBytes {
    fn drop(&mut self) {
        if let Content::Memory(content) = &self.content {
            self.area.memory.give_back(content.len() as u64);
        }
        self.area.give_back(self.len);
    }
}

impl StagingArea {
    fn take(&self, bytes: u64) -> Result<()> {
        self.session.take(bytes)?;
        self.store.take(bytes).inspect_err(|_| self.session.give_back(bytes))
    }

    fn give_back(&self, bytes: u64) {
        self.session.give_back(bytes);
        self.store.give_back(bytes);
    }

    fn full(&self, wanted: u64) -> Error {
        Error::StagingFull { used: self.session.used(), wanted, limit: self.session.limit }
    }

    fn error(&self, doing: &'static str, error: std::io::Error) -> Error {
        let directory = self.directory.as_deref().map(PathBuf::as_path);
        Error::io(doing, directory.unwrap_or(Path::new("staging")), error)
    }
}

/// Where a data directory keeps staged values.
pub fn staging_directory(data_directory: &Path) -> PathBuf {
    data_directory.join("staging")
}

/// Makes the staging directory, and removes what an earlier process left in it.
pub fn clear_staging(directory: &Path) -> Result<()> {
    let clear = || {
        if directory.exists() {
            std::fs::remove_dir_all(directory)?;
        }
        std::fs::create_dir_all(directory)
    };
    clear().map_err(|error| Error::io("clear", directory, error))
}

/// A file that is gone when it is closed.
fn unnamed_file(directory: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    match options.clone().custom_flags(libc::O_TMPFILE).open(directory) {
        Ok(file) => Ok(file),
        // Not every file system can; then the name lives for a moment.
        Err(_) => {
            static NUMBER: AtomicU64 = AtomicU64::new(0);
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let path = directory.join(format!("{}-{number}", std::process::id()));
            let file = options.create_new(true).open(&path)?;
            std::fs::remove_file(&path)?;
            Ok(file)
        }
    }
}
