//! The data directory: who holds it and which format it has.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::{Error, Result};

/// The newest format of a data directory that this program writes and opens. Each change of it
/// is told in docs/store-format.md.
pub const FORMAT: u32 = 3;

const FORMAT_FILE: &str = "FORMAT";
const LOCK_FILE: &str = "LOCK";
const CREATING_FILE: &str = "CREATING";
const DATABASE: &str = "engine";

/// A data directory held by this process until it is dropped.
#[derive(Debug)]
pub(super) struct DataDirectory {
    path: PathBuf,
    /// None while the directory is new.
    found: Option<u32>,
    // Closing the file gives the lock back.
    _lock: File,
}

impl DataDirectory {
    /// Takes a directory that is new, empty or ours. A new one becomes ours with
    /// [`finish`](Self::finish).
    pub(super) fn take(path: &Path) -> Result<DataDirectory> {
        create_private(path).map_err(|error| Error::io("create", path, error))?;
        let lock = lock(path)?;
        let found = match read_format(path)? {
            Some(found) if found > FORMAT => {
                return Err(Error::NewerFormat { path: path.to_owned(), found, known: FORMAT });
            }
            Some(found) => Some(found),
            None => {
                begin(path)?;
                None
            }
        };
        Ok(DataDirectory { path: path.to_owned(), found, _lock: lock })
    }

    /// Where the database's files are.
    pub(super) fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    /// Names the format, when the database in a new directory is there.
    pub(super) fn finish(&self) -> Result<()> {
        if self.found.is_some() {
            return Ok(());
        }
        let database = self.database();
        if database.exists() {
            sync_directories(&database).map_err(|error| Error::io("sync", &database, error))?;
        }
        // The mark goes when the name is durable: a directory with neither is refused.
        set_format(&self.path, FORMAT)?;
        let path = self.path.join(CREATING_FILE);
        fs::remove_file(&path).map_err(|error| Error::io("remove", &path, error))?;
        sync(&self.path)
    }

    /// The format that the directory has.
    pub(super) fn format(&self) -> u32 {
        self.found.unwrap_or(FORMAT)
    }

    /// Names the newest format, when all in the directory is of it.
    pub(super) fn raise_format(&self) -> Result<()> {
        match self.format() == FORMAT {
            true => Ok(()),
            false => set_format(&self.path, FORMAT),
        }
    }
}

/// Says which format a directory has; its file is the old one or the new one, whatever happens. Where nobody
/// has the directory open: records that a restore wrote are of the format of the backup, and the next open
/// carries them on.
pub fn set_format(directory: &Path, format: u32) -> Result<()> {
    let path = directory.join(FORMAT_FILE);
    let temporary = directory.join("FORMAT.new");
    let write = || {
        let mut file = File::create(&temporary)?;
        writeln!(file, "coffer data directory\nformat {format}")?;
        file.sync_all()?;
        fs::rename(&temporary, &path)
    };
    write().map_err(|error| Error::io("write", &path, error))?;
    sync(directory)
}

fn sync(directory: &Path) -> Result<()> {
    sync_directory(directory).map_err(|error| Error::io("sync", directory, error))
}

/// One process holds a directory, by a lock that ends with the process.
fn lock(directory: &Path) -> Result<File> {
    let path = directory.join(LOCK_FILE);
    let io = |error| Error::io("lock", &path, error);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(io)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            let pid = file.read_to_string(&mut text).ok();
            return Err(Error::Locked {
                path: directory.to_owned(),
                pid: pid.and_then(|_| text.trim().parse().ok()),
            });
        }
        Err(TryLockError::Error(error)) => return Err(io(error)),
    }
    let mut write_pid = || {
        file.set_len(0)?;
        file.seek(SeekFrom::Start(0))?;
        writeln!(file, "{}", std::process::id())
    };
    // The number only helps the next message; on a full disk it may be missing.
    let _ = write_pid();
    Ok(file)
}

/// The format of a directory; nothing if it is new.
fn read_format(directory: &Path) -> Result<Option<u32>> {
    let path = directory.join(FORMAT_FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("read", &path, error)),
    };
    let number = |line: &str| line.strip_prefix("format ")?.trim().parse().ok();
    match text.lines().nth(1).and_then(number) {
        Some(format) => Ok(Some(format)),
        None => Err(Error::NotADataDirectory {
            path: directory.to_owned(),
            reason: format!("its file {FORMAT_FILE} names no format"),
        }),
    }
}

/// Makes the data directory where it is missing, for its owner alone: it holds mail and password hashes.
/// The mode of one that is there is its owner's choice.
fn create_private(path: &Path) -> std::io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes the directory's own name durable, and those of the directories above it, which may be new as well.
fn sync_path(path: &Path) -> std::io::Result<()> {
    for directory in path.canonicalize()?.ancestors().skip(1) {
        match sync_directory(directory) {
            // Somebody else's: it was there before.
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => return Ok(()),
            done => done?,
        }
    }
    Ok(())
}

/// Makes the names in a directory durable: a file's own sync does not.
fn sync_directory(path: &Path) -> std::io::Result<()> {
    File::open(path)?.sync_all()
}

/// The names in a directory and in all below it. fjall syncs most of them as it makes them, and leaves
/// those of its spaces' directories out.
fn sync_directories(path: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_directories(&entry.path())?;
        }
    }
    sync_directory(path)
}

/// Marks a directory as being created, and removes what an interrupted creation left. Only that
/// mark allows to remove anything.
fn begin(directory: &Path) -> Result<()> {
    let mark = directory.join(CREATING_FILE);
    let database = directory.join(DATABASE);
    let io = |error| Error::io("begin", directory, error);
    if database.exists() {
        if !mark.exists() {
            return Err(Error::NotADataDirectory {
                path: directory.to_owned(),
                reason: format!("it has a directory {DATABASE} and no file {FORMAT_FILE}"),
            });
        }
        fs::remove_dir_all(&database).map_err(io)?;
    }
    File::create(&mark).and_then(|file| file.sync_all()).map_err(io)?;
    sync(directory)?;
    // Whoever made the directory: an attempt before this one may have failed here.
    sync_path(directory).map_err(io)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_process_is_told_who_has_it() {
        let temporary = tempfile::tempdir().unwrap();
        let held = DataDirectory::take(temporary.path()).unwrap();
        let error = DataDirectory::take(temporary.path()).unwrap_err();
        assert!(matches!(error, Error::Locked { pid: Some(pid), .. } if pid == std::process::id()));
        drop(held);
        assert!(DataDirectory::take(temporary.path()).is_ok());
    }

    #[test]
    fn formats_are_told_apart() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path();
        let created = DataDirectory::take(path).unwrap();
        assert!(created.found.is_none());
        created.finish().unwrap();
        drop(created);
        assert_eq!(DataDirectory::take(path).unwrap().found, Some(FORMAT));
        // An older one keeps its number until all of it is of the newest.
        fs::write(path.join("FORMAT"), "coffer data directory\nformat 1\n").unwrap();
        let old = DataDirectory::take(path).unwrap();
        assert_eq!(old.format(), 1);
        old.finish().unwrap();
        assert_eq!(read_format(path).unwrap(), Some(1));
        old.raise_format().unwrap();
        assert_eq!(read_format(path).unwrap(), Some(FORMAT));
        drop(old);
        fs::write(path.join("FORMAT"), "coffer data directory\nformat 9\n").unwrap();
        let error = DataDirectory::take(path).unwrap_err();
        assert!(error.to_string().contains("has format 9"), "{error}");
        fs::write(path.join("FORMAT"), "something else").unwrap();
        let error = DataDirectory::take(path).unwrap_err();
        assert!(matches!(error, Error::NotADataDirectory { .. }));
    }

    #[test]
    fn an_interrupted_creation_begins_again_and_nothing_else_is_removed() {
        let temporary = tempfile::tempdir().unwrap();
        let database = temporary.path().join(DATABASE);
        drop(DataDirectory::take(temporary.path()).unwrap());
        fs::create_dir(&database).unwrap();
        drop(DataDirectory::take(temporary.path()).unwrap());
        assert!(!database.exists());
        fs::create_dir(&database).unwrap();
        fs::remove_file(temporary.path().join(CREATING_FILE)).unwrap();
        assert!(DataDirectory::take(temporary.path()).is_err());
        assert!(database.exists());
    }
}
