//! The directory of a repository: who holds it, and how objects and snapshots get into it and out again.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::error::{BackupError, Result};
use super::object::{self, ObjectId};
use super::snapshot::{DecodeError, SNAPSHOT_VERSION, Snapshot, SnapshotName};

/// The newest format of a repository that this program writes and reads.
pub const FORMAT: u32 = 1;

const FORMAT_FILE: &str = "FORMAT";
const WRITER: &str = "WRITER";
const READERS: &str = "READERS";
const PACKS: &str = "packs";
const SNAPSHOTS: &str = "snapshots";
const TMP: &str = "tmp";
/// The ending of a damaged object that was set aside.
pub(super) const ASIDE: &str = ".damaged";

/// Bytes of a snapshot's file at most: the packs of some hundred million messages.
const MAX_SNAPSHOT: u64 = 1 << 30;

/// A backup repository. It is not held: [`Repository::read`], [`Repository::write`] and
/// [`Repository::prune`] do that.
#[derive(Debug, Clone)]
pub struct Repository {
    path: PathBuf,
}

/// A lock on a repository, given back when it is dropped.
#[derive(Debug)]
#[must_use = "the lock is given back when it is dropped"]
pub struct Held {
    _files: Vec<File>,
}

impl Repository {
    /// A repository that is there.
    pub fn open(path: &Path) -> Result<Repository> {
        let format = path.join(FORMAT_FILE);
        let reason = |reason: &str| BackupError::NotARepository {
            path: path.to_owned(),
            reason: reason.into(),
        };
        let text = match fs::read_to_string(&format) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(reason(
                    "it has no file FORMAT; `coffer backup DIR` makes a repository",
                ));
            }
            Err(error) => return Err(BackupError::io("read", &format)(error)),
        };
        let mut lines = text.lines();
        if lines.next() != Some("coffer backup repository") {
            return Err(reason("its file FORMAT is of something else"));
        }
        let found = lines.next().and_then(|line| line.strip_prefix("format ")?.trim().parse().ok());
        match found {
            Some(found) if found > FORMAT => Err(BackupError::NewerFormat {
                what: format!("the repository {}", path.display()),
                found,
                known: FORMAT,
            }),
            Some(_) => Ok(Repository { path: path.to_owned() }),
            None => Err(reason("its file FORMAT names no format")),
        }
    }

    /// A repository that is there, or a new one in a directory that is new or empty.
    pub fn create(path: &Path) -> Result<Repository> {
        if path.join(FORMAT_FILE).exists() {
            return Repository::open(path);
        }
        make_dir(path)?;
        let entries = fs::read_dir(path).map_err(BackupError::io("read", path))?;
        for entry in entries {
            let name = entry.map_err(BackupError::io("read", path))?.file_name();
            if name != "FORMAT.new" {
                return Err(BackupError::NotARepository {
                    path: path.to_owned(),
                    reason: format!(
                        "it holds {} and no file FORMAT; name a new or empty directory",
                        name.to_string_lossy()
                    ),
                });
            }
        }
        let temporary = path.join("FORMAT.new");
        let text = format!("coffer backup repository\nformat {FORMAT}\n");
        write_synced(&temporary, text.as_bytes())?;
        let to = path.join(FORMAT_FILE);
        fs::rename(&temporary, &to).map_err(BackupError::io("rename", &to))?;
        sync_dir(path)?;
        Ok(Repository { path: path.to_owned() })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps prunes away. On a medium that cannot be written nobody prunes either.
    pub fn read(&self) -> Result<Held> {
        let path = self.path.join(READERS);
        let file = match open_lock(&path).or_else(|_| File::open(&path)) {
            Ok(file) => file,
            Err(error) if is_read_only(&error) => return Ok(Held { _files: Vec::new() }),
            Err(error) => return Err(BackupError::io("open", &path)(error)),
        };
        self.taken(file.try_lock_shared(), "a prune runs")?;
        Ok(Held { _files: vec![file] })
    }

    /// Keeps other writers away, and removes what an interrupted one left.
    pub fn write(&self) -> Result<Held> {
        let path = self.path.join(WRITER);
        let file = open_lock(&path).map_err(BackupError::io("open", &path))?;
        self.taken(file.try_lock(), "another backup or a prune runs")?;
        for dir in [PACKS, SNAPSHOTS, TMP] {
            make_dir(&self.path.join(dir))?;
        }
        self.clear_tmp()?;
        Ok(Held { _files: vec![file] })
    }

    /// Keeps writers and readers away.
    pub fn prune(&self) -> Result<Held> {
        let mut held = self.write()?;
        let path = self.path.join(READERS);
        let file = open_lock(&path).map_err(BackupError::io("open", &path))?;
        self.taken(file.try_lock(), "a restore or a check reads it")?;
        held._files.push(file);
        Ok(held)
    }

    fn taken(&self, lock: Result<(), TryLockError>, what: &'static str) -> Result<()> {
        match lock {
            Ok(()) => Ok(()),
            Err(TryLockError::WouldBlock) => {
                Err(BackupError::Busy { path: self.path.clone(), what })
            }
            Err(TryLockError::Error(error)) => Err(BackupError::io("lock", &self.path)(error)),
        }
    }

    fn clear_tmp(&self) -> Result<()> {
        let tmp = self.path.join(TMP);
        for entry in fs::read_dir(&tmp).map_err(BackupError::io("read", &tmp))? {
            let path = entry.map_err(BackupError::io("read", &tmp))?.path();
            fs::remove_file(&path).map_err(BackupError::io("remove", &path))?;
        }
        Ok(())
    }

    /// Where an object stands.
    pub(crate) fn place(&self, id: &ObjectId) -> PathBuf {
        self.path.join(PACKS).join(format!("{:02x}", id.hash[0])).join(id.file_name())
    }

    pub(crate) fn has(&self, id: &ObjectId) -> Result<bool> {
        let path = self.place(id);
        path.try_exists().map_err(BackupError::io("look for", &path))
    }

    /// The plain bytes of an object, compared with its address.
    ///
    /// Errors: [`BackupError::Damaged`] also where it is not there.
    pub(crate) fn object(&self, id: &ObjectId) -> Result<Vec<u8>> {
        let path = self.place(id);
        let file = match read_bounded(&path, object::MAX_PLAIN as u64 + 4096) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(BackupError::damaged(path.display().to_string(), "it is not there"));
            }
            Err(error) => return Err(BackupError::io("read", &path)(error)),
        };
        object::decode(id, &file)
            .map_err(|reason| BackupError::damaged(path.display().to_string(), reason))
    }

    /// The objects whose address begins with a byte: those that are one, and the names of other files.
    pub(crate) fn objects(&self, first: u8) -> Result<(Vec<ObjectId>, Vec<PathBuf>)> {
        let dir = self.path.join(PACKS).join(format!("{first:02x}"));
        let (mut ids, mut others) = (Vec::new(), Vec::new());
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((ids, others)),
            Err(error) => return Err(BackupError::io("read", &dir)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(BackupError::io("read", &dir))?;
            let id = entry.file_name().to_str().and_then(ObjectId::from_file_name);
            match id.filter(|id| id.hash[0] == first) {
                Some(id) => ids.push(id),
                None => others.push(entry.path()),
            }
        }
        ids.sort_unstable();
        Ok((ids, others))
    }

    /// The names of all snapshots, oldest first.
    pub fn snapshots(&self) -> Result<Vec<SnapshotName>> {
        let dir = self.path.join(SNAPSHOTS);
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(BackupError::io("read", &dir)(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(BackupError::io("read", &dir))?;
            names.extend(entry.file_name().to_str().and_then(SnapshotName::parse));
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Reads a snapshot.
    pub fn snapshot(&self, name: &SnapshotName) -> Result<Snapshot> {
        let path = self.path.join(SNAPSHOTS).join(name.as_str());
        let bytes = match read_bounded(&path, MAX_SNAPSHOT) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(BackupError::NoSnapshot(format!("there is no snapshot {name}")));
            }
            Err(error) => return Err(BackupError::io("read", &path)(error)),
        };
        Snapshot::decode(&bytes).map_err(|error| match error {
            DecodeError::Damaged(reason) => {
                BackupError::damaged(format!("the snapshot {name}"), reason)
            }
            DecodeError::Newer(found) => BackupError::NewerFormat {
                what: format!("the snapshot {name}"),
                found,
                known: SNAPSHOT_VERSION,
            },
        })
    }

    /// The snapshot that `at` names: by its name or the beginning of it, or the newest one that is not
    /// later than a time; without `at` the newest complete one.
    pub fn find(&self, at: Option<&str>) -> Result<(SnapshotName, Snapshot)> {
        let names = self.snapshots()?;
        let Some(at) = at else { return self.newest_complete(&names) };
        let begins = |name: &&SnapshotName| at.contains('-') && name.as_str().starts_with(at);
        let mut named = names.iter().filter(begins);
        if let (Some(name), None) = (named.next(), named.next()) {
            return Ok((name.clone(), self.snapshot(name)?));
        }
        if SnapshotName::parse(at).is_none() {
            let mut before = Vec::new();
            for name in &names {
                match name.is_at_or_before(at) {
                    Some(true) => before.push(name.clone()),
                    Some(false) => {}
                    None => break,
                }
            }
            if !before.is_empty() {
                return self.newest_complete(&before);
            }
        }
        let known = match (names.first(), names.last()) {
            (Some(first), Some(last)) => format!("the first is {first}, the last {last}"),
            _ => "there is none at all".into(),
        };
        Err(BackupError::NoSnapshot(format!(
            "no snapshot fits {at} ({known}); give a name that `coffer backup list` shows, or a time in \
             UTC such as 2026-11-24T06:10"
        )))
    }

    /// The newest that can be read and lacks nothing; else the newest that can be read.
    fn newest_complete(&self, names: &[SnapshotName]) -> Result<(SnapshotName, Snapshot)> {
        let mut readable = None;
        let mut failure = None;
        for name in names.iter().rev() {
            match self.snapshot(name) {
                Ok(snapshot) if snapshot.is_complete() => return Ok((name.clone(), snapshot)),
                Ok(snapshot) if readable.is_none() => readable = Some((name.clone(), snapshot)),
                Ok(_) => {}
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        let none = || {
            let path = self.path.display();
            BackupError::NoSnapshot(format!(
                "{path} holds no snapshot yet; `coffer backup` makes one"
            ))
        };
        readable.ok_or_else(|| failure.unwrap_or_else(none))
    }

    /// Writes a snapshot, all of whose objects are in their places.
    pub(crate) fn add_snapshot(&self, snapshot: &Snapshot) -> Result<SnapshotName> {
        sync_file_system(&self.path)?;
        let (bytes, name) = snapshot.encode();
        let Some(parsed) = SnapshotName::parse(&name) else {
            return Err(BackupError::Refused(format!("the clock says {}", snapshot.time)));
        };
        let temporary = self.path.join(TMP).join(&name);
        write_synced(&temporary, &bytes)?;
        let read = read_from_disk(&temporary)?;
        if read != bytes {
            return Err(BackupError::WriteFault { path: temporary, reason: "other bytes" });
        }
        let dir = self.path.join(SNAPSHOTS);
        let place = dir.join(&name);
        fs::rename(&temporary, &place).map_err(BackupError::io("rename", &place))?;
        sync_dir(&dir)?;
        Ok(parsed)
    }

    /// Removes snapshots, durably.
    pub(crate) fn remove_snapshots(&self, names: &[SnapshotName]) -> Result<()> {
        let dir = self.path.join(SNAPSHOTS);
        for name in names {
            let path = dir.join(name.as_str());
            fs::remove_file(&path).map_err(BackupError::io("remove", &path))?;
        }
        sync_dir(&dir)
    }
}

/// Objects on their way into a repository that the caller holds for writing.
pub(crate) struct Incoming<'a> {
    repository: &'a Repository,
    waiting: HashMap<ObjectId, PathBuf>,
    waiting_bytes: usize,
    next: u64,
    pub(crate) written: Written,
}

/// What a run added to a repository.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Objects that were not there.
    pub objects: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// Objects that were there already.
    pub present: u64,
}

/// Objects that are synced together.
const TOGETHER: usize = 512;
const TOGETHER_BYTES: usize = 32 << 20;

impl<'a> Incoming<'a> {
    pub(crate) fn new(repository: &'a Repository) -> Self {
        Incoming {
            repository,
            waiting: HashMap::new(),
            waiting_bytes: 0,
            next: 0,
            written: Written::default(),
        }
    }

    /// Whether an object is in its place, or waits for the next sync.
    pub(crate) fn has(&self, id: &ObjectId) -> Result<bool> {
        Ok(self.waiting.contains_key(id) || self.repository.has(id)?)
    }

    /// Adds an object unless it is there.
    pub(crate) fn put(&mut self, id: &ObjectId, plain: &[u8]) -> Result<()> {
        if self.has(id)? {
            self.written.present += 1;
            return Ok(());
        }
        let file = object::encode(id.kind, plain);
        let temporary = self.repository.path.join(TMP).join(self.next.to_string());
        self.next += 1;
        write_file(&temporary, &file)?;
        self.written.objects += 1;
        self.written.bytes += file.len() as u64;
        self.waiting.insert(*id, temporary);
        self.waiting_bytes += file.len();
        if self.waiting.len() >= TOGETHER || self.waiting_bytes >= TOGETHER_BYTES {
            self.settle()?;
        }
        Ok(())
    }

    /// Syncs what waits, reads it back, and puts it into its place.
    ///
    /// INVARIANT: nothing comes into its place that was not read back from the disk.
    pub(crate) fn settle(&mut self) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        sync_file_system(&self.repository.path)?;
        for (id, temporary) in self.waiting.drain() {
            let file = read_from_disk(&temporary)?;
            if let Err(reason) = object::decode(&id, &file) {
                return Err(BackupError::WriteFault { path: temporary, reason });
            }
            let place = self.repository.place(&id);
            if let Some(dir) = place.parent() {
                make_dir(dir)?;
            }
            fs::rename(&temporary, &place).map_err(BackupError::io("rename", &place))?;
        }
        self.waiting_bytes = 0;
        Ok(())
    }
}

fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn is_read_only(error: &io::Error) -> bool {
    use io::ErrorKind::{NotFound, PermissionDenied, ReadOnlyFilesystem};
    matches!(error.kind(), NotFound | PermissionDenied | ReadOnlyFilesystem)
}

fn make_dir(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(BackupError::io("make the directory", path))
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<File> {
    let write = || {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(path)?;
        file.write_all(bytes)?;
        Ok(file)
    };
    write().map_err(BackupError::io("write", path))
}

pub(super) fn write_synced(path: &Path, bytes: &[u8]) -> Result<()> {
    write_file(path, bytes)?.sync_all().map_err(BackupError::io("sync", path))
}

pub(super) fn sync_dir(path: &Path) -> Result<()> {
    let sync = || File::open(path)?.sync_all();
    sync().map_err(BackupError::io("sync", path))
}

/// One sync for many files.
fn sync_file_system(path: &Path) -> Result<()> {
    let sync = || {
        let dir = File::open(path)?;
        // SAFETY: the descriptor is open.
        match unsafe { libc::syncfs(dir.as_raw_fd()) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    };
    sync().map_err(BackupError::io("sync", path))
}

/// Reads a file that was synced, from the disk and not from the pages in which it was written.
fn read_from_disk(path: &Path) -> Result<Vec<u8>> {
    let read = || {
        let mut file = File::open(path)?;
        // SAFETY: the descriptor is open. That the pages stay is no error: then the disk was not asked.
        unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(BackupError::io("read back", path))
}

fn read_bounded(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    if size > limit {
        return Err(io::Error::other(format!("{size} bytes, at most {limit} were expected")));
    }
    let mut bytes = Vec::with_capacity(size as usize);
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::object::ObjectKind;
    use super::*;

    #[test]
    fn a_directory_of_others_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("letter.txt"), "x").unwrap();
        let error = Repository::create(dir.path()).unwrap_err();
        assert!(error.to_string().contains("letter.txt"), "{error}");
        assert!(Repository::open(dir.path()).is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn formats_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        Repository::create(dir.path()).unwrap();
        Repository::create(dir.path()).unwrap();
        fs::write(dir.path().join(FORMAT_FILE), "coffer backup repository\nformat 9\n").unwrap();
        let error = Repository::open(dir.path()).unwrap_err();
        assert!(matches!(error, BackupError::NewerFormat { found: 9, .. }));
    }

    #[test]
    fn one_writes_many_read_and_a_prune_is_alone() {
        let dir = tempfile::tempdir().unwrap();
        let repository = Repository::create(dir.path()).unwrap();
        let reading = repository.read().unwrap();
        let also = repository.read().unwrap();
        let writing = repository.write().unwrap();
        assert!(matches!(repository.write(), Err(BackupError::Busy { .. })));
        drop(writing);
        assert!(matches!(repository.prune(), Err(BackupError::Busy { .. })));
        drop((reading, also));
        let alone = repository.prune().unwrap();
        assert!(matches!(repository.read(), Err(BackupError::Busy { .. })));
        assert!(matches!(repository.write(), Err(BackupError::Busy { .. })));
        drop(alone);
        drop(repository.write().unwrap());
    }

    #[test]
    fn an_object_comes_back_and_is_written_once() {
        let dir = tempfile::tempdir().unwrap();
        let repository = Repository::create(dir.path()).unwrap();
        let _held = repository.write().unwrap();
        let mut incoming = Incoming::new(&repository);
        let plain = vec![5; 100_000];
        let id = ObjectId::of(ObjectKind::Chunk, &plain);
        incoming.put(&id, &plain).unwrap();
        incoming.put(&id, &plain).unwrap();
        assert!(!repository.has(&id).unwrap());
        incoming.settle().unwrap();
        assert_eq!(repository.object(&id).unwrap(), plain);
        assert_eq!((incoming.written.objects, incoming.written.present), (1, 1));
        assert_eq!(repository.objects(id.hash[0]).unwrap(), (vec![id], vec![]));
    }
}
