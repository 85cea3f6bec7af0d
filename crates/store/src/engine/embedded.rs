//! The embedded engine: fjall behind the group-commit thread.
//!
//! What fjall does not do by itself, and is done here: journals are read before they are trusted
//! ([`journal`]); memtables are sealed by a size that follows the budget and not the size stored
//! at creation; the writer waits before fjall would, since fjall waits for ever when its worker
//! died of a full disk; after a failed write the database is opened again without that write;
//! readers get the snapshot that was taken after the last commit, since one taken while a batch
//! is on its way may see it come, or see half of it (a flush that ends in between makes numbers
//! visible that are above the batch's).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use fjall::config::{BlockSizePolicy, CompressionPolicy, PartitioningPolicy};
use fjall::{
    AbstractTree, CompressionType, Database, Keyspace, KeyspaceCreateOptions, KvSeparationOptions,
    LsmError, OwnedWriteBatch, PersistMode, Readable, compaction::Leveled,
};
use parking_lot::{Mutex, RwLock};

use super::backend::{Backend, WriteFailure, Writes};
use super::directory::DataDirectory;
use super::group::GroupCommit;
use super::power_loss::Recorder;
use super::room::Room;
use super::{
    Basis, Batch, Direction, Engine, Epoch, Error, Gauges, Key, KeyRange, KeyValue, MailboxNumber,
    Options, Page, Reader, Result, Space, Ticket, Value, garbage, journal,
};

/// The engine in a data directory.
pub struct FjallEngine {
    core: GroupCommit<FjallBackend>,
    // After the core: the directory is given back when its files are closed.
    directory: DataDirectory,
}

impl FjallEngine {
    /// Opens a data directory, or makes one of a new or empty directory.
    ///
    /// Errors: [`Error::Locked`], [`Error::NewerFormat`], [`Error::NotADataDirectory`],
    /// [`Error::DamagedJournal`], and failures of the disk or database.
    pub fn open(path: &Path, options: &Options) -> Result<FjallEngine> {
        let directory = DataDirectory::take(path)?;
        let room = Room::of_directory(path, options)?;
        let database = directory.database();
        let backend = FjallBackend {
            sizes: Sizes::of_budget(options.memory_budget),
            recorder: options
                .record_syncs
                .then(|| Recorder::create(path, &database))
                .transpose()?
                .map(Mutex::new),
            open: RwLock::new(None),
            state: Mutex::default(),
            writing: Mutex::default(),
            path: database,
        };
        backend.open()?;
        directory.finish()?;
        Ok(FjallEngine { core: GroupCommit::start(backend, room, options.queue_bytes)?, directory })
    }

    /// The format that the directory has: an older one until [`raise_format`](Self::raise_format).
    pub fn format(&self) -> u32 {
        self.directory.format()
    }

    /// Says that everything in the directory is of the newest format now, durably.
    pub fn raise_format(&self) -> Result<()> {
        self.directory.raise_format()
    }
}

super::delegate::delegate_engine!(FjallEngine);

/// Bounds in bytes. For each space one memtable is written to, at most two wait to be flushed,
/// and one that was flushed may still be held for readers; together with the cache that is the
/// budget.
struct Sizes {
    cache: u64,
    memtables: [u64; Space::ALL.len()],
}

impl Sizes {
    fn of_budget(budget: u64) -> Sizes {
        let budget = budget.max(4 << 20);
        let mut memtables = [budget / 64; Space::ALL.len()];
        memtables[Space::Mailbox as usize] = budget / 16;
        // Each flush of it makes a file that stays.
        memtables[Space::Blobs as usize] = budget / 10;
        Sizes { cache: budget / 5, memtables }
    }
}

struct FjallBackend {
    path: PathBuf,
    sizes: Sizes,
    open: RwLock<Option<Open>>,
    state: Mutex<Generation>,
    /// Held while a batch is on its way, and while the newest snapshot is taken.
    writing: Mutex<()>,
    recorder: Option<Mutex<Recorder>>,
}

/// How often the database was opened, and whether it is to stay closed.
#[derive(Default)]
struct Generation {
    number: u64,
    shut_down: bool,
    /// The first number of a batch that was not acknowledged, until it is cut off.
    keep_below: Option<u64>,
}

struct Open {
    database: Database,
    spaces: Vec<Keyspace>,
    generation: u64,
    snapshots: Mutex<Snapshots>,
}

/// What readers see now, and what some of them still see.
struct Snapshots {
    newest: Arc<fjall::Snapshot>,
    older: Vec<Weak<fjall::Snapshot>>,
}

/// Holds no file open: fjall's snapshot is a number and a counter.
struct FjallSnapshot {
    snapshot: Arc<fjall::Snapshot>,
    generation: u64,
}

/// How long the lock of a database that was closed may stay.
const LOCKED: Duration = Duration::from_secs(10);
/// How long the writer sleeps while it waits for flushes and compactions.
const PAUSE: Duration = Duration::from_millis(1);
/// Sealed memtables of a space beyond which the writer waits.
const MAX_SEALED: usize = 1;
/// Runs in the first level beyond which the writer waits; fjall itself waits from 20 on.
const MAX_RUNS: usize = 16;
/// The size of tables, which bounds what one compaction moves.
const TABLE_BYTES: u64 = 16 << 20;
/// Spaces up to this size, or up to the free space, are rewritten to get room on a full disk;
/// what is dead in them needs none.
const RECLAIM_BYTES: u64 = 128 << 20;
/// Values of the blob space from this size on stay where they were first written, and are not
/// moved by each compaction.
const SEPARATED_BYTES: u32 = 2048;

impl FjallBackend {
    /// Opens the files, without what a failed write left in the journals; those that are open are closed first.
    ///
    /// INVARIANT: who opens them takes the state first and then the files, and keeps both until they are open: readers
    /// wait for that, and never meet files that are closed for a moment.
    fn open(&self) -> Result<()> {
        let mut state = self.state.lock();
        if state.shut_down {
            return Err(Error::Closed);
        }
        let mut files = self.open.write();
        close(files.take(), &self.path)?;
        if self.path.exists() {
            journal::repair(&self.path, state.keep_below)?;
        }
        // fjall asserts much about its files; damage must not end the process.
        let opened = catch_unwind(AssertUnwindSafe(|| self.open_database()));
        let (database, spaces) =
            opened.unwrap_or_else(|_| Err(failure("it panicked while opening its files")))?;
        state.number += 1;
        state.keep_below = None;
        *files = Some(Open {
            snapshots: Mutex::new(Snapshots {
                newest: Arc::new(database.snapshot()),
                older: Vec::new(),
            }),
            database,
            spaces,
            generation: state.number,
        });
        Ok(())
    }

    fn open_database(&self) -> Result<(Database, Vec<Keyspace>)> {
        let open = || {
            Database::builder(&self.path)
                .cache_size(self.sizes.cache)
                // Large values are compressed before they come here.
                .journal_compression(CompressionType::None)
                .manual_journal_persist(true)
                .max_journaling_size(64 << 20)
                .max_cached_files(Some(128))
                // With two, one spins while the other compacts.
                .worker_threads(1)
                .open()
        };
        let mut opened = open();
        // A thread of the database that was closed just now may hold its lock for a moment longer. Another
        // process cannot: it would need the lock of the data directory.
        let closed = Instant::now();
        while matches!(opened, Err(fjall::Error::Locked)) && closed.elapsed() < LOCKED {
            std::thread::sleep(PAUSE);
            opened = open();
        }
        let database = opened.map_err(|error| self.error(error))?;
        let spaces = Space::ALL.map(|space| {
            database
                .keyspace(space.name(), || create_options(space))
                .map_err(|error| self.error(error))
        });
        Ok((database, spaces.into_iter().collect::<Result<_>>()?))
    }

    fn close_files(&self) -> Result<()> {
        let open = self.open.write().take();
        close(open, &self.path)
    }

    fn with_open<T>(&self, work: impl FnOnce(&Open) -> Result<T>) -> Result<T> {
        if let Some(open) = &*self.open.read() {
            return work(open);
        }
        // INVARIANT: nobody waits for the state while holding the files: who opens them takes the state first.
        match self.state.lock().shut_down {
            true => Err(Error::Closed),
            false => Err(failure("it could not be opened again yet; see the log")),
        }
    }

    /// As `with_open`, for a read at a snapshot, if one is given.
    fn at<T>(
        &self,
        at: Option<&FjallSnapshot>,
        work: impl FnOnce(&Open) -> Result<T>,
    ) -> Result<T> {
        self.with_open(|open| match at {
            Some(at) if at.generation != open.generation => Err(Error::SnapshotLost),
            _ => work(open),
        })
    }

    /// What `read` makes of the pairs of a range, in a state.
    fn range<T>(
        &self,
        at: Option<&FjallSnapshot>,
        space: Space,
        range: &KeyRange,
        read: impl FnOnce(fjall::Iter) -> fjall::Result<T>,
    ) -> Result<T> {
        self.at(at, |open| {
            let snapshot = at.map_or_else(|| open.newest(), |at| at.snapshot.clone());
            let keyspace = open.space(space);
            let pairs = match &range.to {
                Some(to) => snapshot.range(keyspace, &range.from[..]..&to[..]),
                None => snapshot.range(keyspace, &range.from[..]..),
            };
            read(pairs).map_err(|error| self.read_error(space, &range.from, error))
        })
    }

    fn error(&self, error: fjall::Error) -> Error {
        match error {
            fjall::Error::Io(error) | fjall::Error::Storage(LsmError::Io(error)) => {
                Error::io("use the database in", &self.path, error)
            }
            other => failure(&other.to_string()),
        }
    }

    fn read_error(&self, space: Space, key: &[u8], error: fjall::Error) -> Error {
        match error {
            fjall::Error::Io(_) | fjall::Error::Storage(LsmError::Io(_)) => self.error(error),
            fjall::Error::Storage(_) | fjall::Error::Decompress(_) => Error::Corrupt {
                space,
                key: key.to_vec(),
                reason: "the table around it is damaged",
            },
            other => self.error(other),
        }
    }

    fn write_failure(&self, error: fjall::Error) -> WriteFailure {
        let full = |error: &std::io::Error| {
            use std::io::ErrorKind::{QuotaExceeded, StorageFull};
            matches!(error.kind(), StorageFull | QuotaExceeded)
        };
        match &error {
            fjall::Error::Poisoned => WriteFailure::Poisoned(self.error(error)),
            fjall::Error::Io(cause) | fjall::Error::Storage(LsmError::Io(cause)) if full(cause) => {
                WriteFailure::Full(self.error(error))
            }
            _ => WriteFailure::Failed(self.error(error)),
        }
    }
}

impl Open {
    fn space(&self, space: Space) -> &Keyspace {
        &self.spaces[space as usize]
    }

    /// Waits until flushes and compactions keep up. fjall would wait in the commit, without an
    /// end if the worker that it waits for has died.
    fn wait_for_worker(&self) -> fjall::Result<()> {
        loop {
            // Writes nothing; answers whether the database is poisoned.
            self.database.persist(PersistMode::Buffer)?;
            let behind = |space: &Keyspace| {
                space.sealed_memtable_count() > MAX_SEALED || space.tree.l0_run_count() > MAX_RUNS
            };
            if !self.spaces.iter().any(behind) {
                return Ok(());
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn newest(&self) -> Arc<fjall::Snapshot> {
        self.snapshots.lock().newest.clone()
    }

    /// Lets readers see what is committed, and frees what none of them sees any more. No batch
    /// may be on its way.
    fn advance(&self) {
        let oldest = {
            let mut snapshots = self.snapshots.lock();
            let newest = Arc::new(self.database.snapshot());
            let last = std::mem::replace(&mut snapshots.newest, newest);
            snapshots.older.push(Arc::downgrade(&last));
            drop(last);
            snapshots.older.retain(|snapshot| snapshot.strong_count() > 0);
            let older = snapshots.older.iter().filter_map(Weak::upgrade);
            older.map(|snapshot| snapshot.seqno()).min().unwrap_or(snapshots.newest.seqno())
        };
        for space in &self.spaces {
            // fjall does this when a memtable is sealed; then it is too early for the memtable
            // that is flushed next. It holds whole memtables until then.
            let mut history = space.tree.get_version_history_lock();
            if history.free_list_len() > 0 {
                // A manifest that cannot be removed now is removed the next time.
                let _ = history.maintenance(space.path(), oldest.saturating_sub(1));
            }
        }
    }

    /// Whether everything is in tables, and no write failed.
    fn is_flushed(&self) -> bool {
        let flushed = |space: &Keyspace| {
            space.tree.active_memtable().size() == 0 && space.sealed_memtable_count() == 0
        };
        self.database.persist(PersistMode::Buffer).is_ok() && self.spaces.iter().all(flushed)
    }

    /// Seals every memtable that is not empty and waits until they are in tables.
    fn flush(&self) -> fjall::Result<()> {
        for space in &self.spaces {
            if space.tree.active_memtable().size() > 0 {
                space.rotate_memtable()?;
            }
        }
        while self.spaces.iter().any(|space| space.sealed_memtable_count() > 0) {
            self.database.persist(PersistMode::Buffer)?;
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }
}

impl Backend for FjallBackend {
    type Snapshot = FjallSnapshot;

    fn get(&self, at: Option<&FjallSnapshot>, space: Space, key: &[u8]) -> Result<Option<Value>> {
        self.at(at, |open| {
            let snapshot = at.map_or_else(|| open.newest(), |at| at.snapshot.clone());
            let value = snapshot.get(open.space(space), key);
            let value = value.map_err(|error| self.read_error(space, key, error))?;
            Ok(value.map(own))
        })
    }

    fn contains(&self, at: Option<&FjallSnapshot>, space: Space, key: &[u8]) -> Result<bool> {
        self.at(at, |open| {
            let snapshot = at.map_or_else(|| open.newest(), |at| at.snapshot.clone());
            let found = snapshot.contains_key(open.space(space), key);
            found.map_err(|error| self.read_error(space, key, error))
        })
    }

    fn scan(
        &self,
        at: Option<&FjallSnapshot>,
        space: Space,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<KeyValue>> {
        let read = |pair: fjall::Guard| -> fjall::Result<KeyValue> {
            let (key, value) = pair.into_inner()?;
            Ok((own(key), own(value)))
        };
        self.range(at, space, range, |pairs| match direction {
            Direction::Forward => pairs.take(limit).map(read).collect(),
            Direction::Reverse => pairs.rev().take(limit).map(read).collect(),
        })
    }

    fn scan_page(
        &self,
        at: Option<&FjallSnapshot>,
        space: Space,
        range: &KeyRange,
        direction: Direction,
        room: usize,
        page: &mut Page,
    ) -> Result<bool> {
        self.range(at, space, range, |pairs| match direction {
            Direction::Forward => page.fill(room, pairs.map(fjall::Guard::into_inner)),
            Direction::Reverse => page.fill(room, pairs.rev().map(fjall::Guard::into_inner)),
        })
    }

    fn keys(
        &self,
        at: Option<&FjallSnapshot>,
        space: Space,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Key>> {
        let read = |pair: fjall::Guard| pair.key().map(own);
        self.range(at, space, range, |pairs| match direction {
            Direction::Forward => pairs.take(limit).map(read).collect(),
            Direction::Reverse => pairs.rev().take(limit).map(read).collect(),
        })
    }

    fn snapshot(&self) -> Result<FjallSnapshot> {
        self.with_open(|open| {
            Ok(FjallSnapshot { snapshot: open.newest(), generation: open.generation })
        })
    }

    fn write(&self, writes: &Writes) -> Result<(), WriteFailure> {
        // INVARIANT: before the files, as everywhere: who compacts has it and waits for all who hold them.
        let _writing = self.writing.lock();
        let open = self.open.read();
        let Some(open) = &*open else {
            return Err(WriteFailure::Poisoned(failure("it is not open")));
        };
        let failed = |error| self.write_failure(error);
        open.wait_for_worker().map_err(failed)?;
        // fjall syncs the journal before it makes the batch visible.
        let mut batch = OwnedWriteBatch::with_capacity(open.database.clone(), writes.len())
            .durability(Some(PersistMode::SyncData));
        for ((space, key), value) in writes {
            match value {
                Some(value) => batch.insert(open.space(*space), &key[..], &value[..]),
                None => batch.remove(open.space(*space), &key[..]),
            }
        }
        batch.commit().map_err(failed)?;
        if let Some(recorder) = &self.recorder {
            // After this failure the batch would be visible and refused: a test must not go on.
            recorder.lock().record().expect("the record of syncs can be written");
        }
        for (space, bound) in open.spaces.iter().zip(self.sizes.memtables) {
            if space.tree.active_memtable().size() > bound {
                // The batch is committed; what is wrong shows at the next one.
                let _ = space.rotate_memtable();
            }
        }
        open.advance();
        // Under load this thread rests rarely, and takes up what the others hand in.
        garbage::hand_in();
        Ok(())
    }

    fn recover(&self) -> Result<()> {
        // Who compacts opens the files as well.
        let _writing = self.writing.lock();
        let open = self.open.write().take();
        if let Some(open) = &open {
            // Not fjall's visible number: a flush may have raised it beyond the failed batch's.
            self.state.lock().keep_below = Some(open.newest().seqno());
        }
        drop(open);
        self.open()
    }

    fn is_open(&self) -> bool {
        self.open.read().is_some()
    }

    fn flush(&self) -> Result<()> {
        self.with_open(|open| open.flush().map_err(|error| self.error(error)))?;
        self.rest().map(|_| ())
    }

    fn rest(&self) -> Result<bool> {
        let _writing = self.writing.lock();
        let again = self.with_open(|open| {
            open.advance();
            Ok(open.spaces.iter().any(|space| space.sealed_memtable_count() > 0))
        });
        garbage::hand_in();
        give_memory_back();
        again
    }

    fn reclaim(&self, free: u64) -> Result<()> {
        self.flush()?;
        let _writing = self.writing.lock();
        let newest = self.open.read().as_ref().map(|open| open.newest().seqno());
        if newest.is_some() {
            self.state.lock().keep_below = newest;
        }
        // A fresh database knows of no snapshot that holds back the removal of old versions.
        self.open()?;
        self.with_open(|open| {
            for space in &open.spaces {
                if space.disk_space() > free.max(RECLAIM_BYTES) {
                    continue;
                }
                // Files of separated values that the first pass finds dead go in the second.
                for _ in 0..2 {
                    space.major_compact().map_err(|error| self.error(error))?;
                }
            }
            open.advance();
            Ok(())
        })
    }

    fn shutdown(&self) -> Result<()> {
        let flushed = match self.flush() {
            Err(Error::Closed) => Ok(()),
            other => other,
        };
        self.state.lock().shut_down = true;
        let closed = self.close_files();
        flushed.and(closed)
    }

    fn gauges(&self, gauges: &mut Gauges) {
        let open = self.open.read();
        let Some(open) = &*open else { return };
        let memtables = |(space, bound): (&Keyspace, u64)| {
            // fjall does not tell the size of sealed ones; each is a little above its bound.
            space.tree.active_memtable().size() + space.sealed_memtable_count() as u64 * bound
        };
        let spaces = open.spaces.iter().zip(self.sizes.memtables);
        gauges.memtable_bytes = spaces.map(memtables).sum();
        gauges.cache_bytes = open.database.cache_size();
        gauges.cache_capacity_bytes = open.database.cache_capacity();
        let tables: u64 = open.spaces.iter().map(Keyspace::disk_space).sum();
        gauges.journal_bytes = journal_bytes(&self.path);
        gauges.disk_bytes = tables + gauges.journal_bytes;
    }
}

/// Closes files, and empties the journals if all that they hold is in tables: so the next open need not read them.
fn close(open: Option<Open>, path: &Path) -> Result<()> {
    let Some(open) = open else { return Ok(()) };
    let flushed = open.is_flushed();
    drop(open);
    if flushed { journal::clear(path) } else { Ok(()) }
}

fn create_options(space: Space) -> KeyspaceCreateOptions {
    let options = KeyspaceCreateOptions::default()
        .manual_journal_persist(true)
        // Only a backstop: the writer seals memtables by the budget, which may change.
        .max_memtable_size(64 << 20)
        .compaction_strategy(Arc::new(Leveled::default().with_table_target_size(TABLE_BYTES)))
        // In pieces that the cache can hold: whole ones, of hundreds of kilobytes, would be read from the
        // file again for each key.
        .index_block_partitioning_policy(PartitioningPolicy::all(true))
        .filter_block_partitioning_policy(PartitioningPolicy::all(true));
    match space {
        Space::Blobs => options
            .data_block_size_policy(BlockSizePolicy::all(4 << 10))
            .data_block_compression_policy(CompressionPolicy::all(CompressionType::None))
            .with_kv_separation(Some(
                KvSeparationOptions::default()
                    .separation_threshold(SEPARATED_BYTES)
                    .compression(CompressionType::None)
                    .file_target_size(64 << 20),
            )),
        Space::Mailbox | Space::Directory | Space::Queue => options,
    }
}

/// Copies small slices, so that a row kept by a reader does not keep its block in memory.
fn own(slice: fjall::Slice) -> Key {
    if slice.len() <= 16 * 1024 { Key::copy_from_slice(&slice) } else { Key::from_owner(slice) }
}

/// What the journals take on disk; their length says nothing, since they begin sparse.
fn journal_bytes(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let journals = journal::list(path).unwrap_or_default();
    let bytes =
        |(_, path): &(u64, PathBuf)| std::fs::metadata(path).map_or(0, |file| file.blocks() * 512);
    journals.iter().map(bytes).sum()
}

/// Returns freed memory to the system. The allocator of glibc keeps what a burst of writes used.
fn give_memory_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: takes no pointers; it only releases pages that are free.
    unsafe {
        libc::malloc_trim(0);
    }
}

fn failure(reason: &str) -> Error {
    Error::Database { reason: reason.to_owned() }
}
