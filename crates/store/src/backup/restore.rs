//! Restoring a whole store into a new data directory.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Watch;
use super::error::{BackupError, Result};
use super::fill::Fill;
use super::repository::{Repository, sync_dir, write_synced};
use super::snapshot::{Snapshot, SnapshotName};
use crate::engine::{self, Engine, FjallEngine};
use crate::{Store, StoreOptions, check};

/// Stands in a directory that is being restored into, and says that it may be removed.
const MARK: &str = "RESTORING";
/// Memory for the engine while a store is restored, in bytes.
const BUDGET: u64 = 64 << 20;

/// How a store is restored.
#[derive(Debug, Clone, Default)]
pub struct WholeOptions {
    /// See [`Repository::find`].
    pub at: Option<String>,
    /// Restore the rest where parts of the backup are damaged or missing, and name them.
    pub skip_damaged: bool,
}

/// What a restore did.
#[derive(Debug, Clone)]
pub struct Restored {
    pub name: SnapshotName,
    pub mailboxes: u64,
    pub records: u64,
    /// What could not be read when the backup was made.
    pub missing: Vec<String>,
    /// What was passed over because the backup is damaged.
    pub damaged: Vec<String>,
    /// What a check of the restored store found.
    pub problems: Vec<String>,
}

impl Restored {
    /// Whether everything came back.
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty() && self.damaged.is_empty() && self.problems.is_empty()
    }
}

/// Restores a snapshot into a directory that does not exist or is empty. All ids stay. It is built and checked
/// beside its place, and renamed when it is whole: after an error or a crash there is no half store.
///
/// Errors: [`BackupError::Exists`], [`BackupError::Damaged`] without `skip_damaged`.
pub fn whole(
    repository: &Repository,
    to: &Path,
    options: &WholeOptions,
    watch: &mut Watch<'_>,
) -> Result<Restored> {
    let _held = repository.read()?;
    let (name, snapshot) = repository.find(options.at.as_deref())?;
    check_data_format(&name, &snapshot)?;
    let to = &place(to)?;
    if is_filled(to)? {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let half = Half::begin(to)?;
    let mut restored = fill(repository, &half.path, name, &snapshot, options, watch)?;
    restored.problems = check_store(&half.path)?;
    half.finish(to)?;
    Ok(restored)
}

/// Errors: [`BackupError::NewerFormat`] for records that this program does not know.
pub(super) fn check_data_format(name: &SnapshotName, snapshot: &Snapshot) -> Result<()> {
    match snapshot.data_format {
        found if found > engine::FORMAT => Err(BackupError::NewerFormat {
            what: format!("the data in snapshot {name} (of coffer {})", snapshot.program),
            found,
            known: engine::FORMAT,
        }),
        _ => Ok(()),
    }
}

fn fill(
    repository: &Repository,
    path: &Path,
    name: SnapshotName,
    snapshot: &Snapshot,
    options: &WholeOptions,
    watch: &mut Watch<'_>,
) -> Result<Restored> {
    let engine_options = engine::Options { memory_budget: BUDGET, ..engine::Options::default() };
    let engine = Arc::new(FjallEngine::open(path, &engine_options)?);
    let mut fill = Fill::new(repository, engine.clone(), options.skip_damaged, watch);
    fill.total = snapshot.mailboxes.len() as u64;
    fill.common(&snapshot.common)?;
    for saved in &snapshot.mailboxes {
        fill.mailbox(&saved.packs, saved.number, &saved.address)?;
        fill.done += 1;
    }
    let (records, damaged) = (fill.records, std::mem::take(&mut fill.damaged));
    drop(fill);
    engine.close()?;
    drop(engine);
    // The next open carries older records on as it does those of an older data directory.
    if snapshot.data_format != engine::FORMAT {
        engine::set_format(path, snapshot.data_format)?;
    }
    Ok(Restored {
        name,
        mailboxes: snapshot.mailboxes.len() as u64,
        records,
        missing: snapshot.missing.clone(),
        damaged,
        problems: Vec::new(),
    })
}

/// Opens what was restored, and looks at every record and large value.
fn check_store(path: &Path) -> Result<Vec<String>> {
    let options = StoreOptions { memory_budget: BUDGET, ..StoreOptions::default() };
    let store = Store::open(path, options)?;
    let report = check::store(&store, &check::Options::default(), &mut |_| {})?;
    store.close()?;
    Ok(report.left_in_words())
}

/// The directory as it can be renamed to: by its own name, without a slash at the end. What could not be
/// replaced in the end is refused before anything is done.
fn place(to: &Path) -> Result<PathBuf> {
    let place = match fs::canonicalize(to) {
        Ok(place) => place,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => to.components().collect(),
        Err(error) => return Err(BackupError::io("find", to)(error)),
    };
    let refuse = |why: &str| {
        Err(BackupError::Refused(format!(
            "{} {why}; name a directory in it that does not exist",
            to.display()
        )))
    };
    if place.file_name().is_none() {
        return refuse("has no name of its own");
    }
    let device = |path: &Path| fs::metadata(path).map(|found| found.dev()).ok();
    let above = place.parent().filter(|above| !above.as_os_str().is_empty());
    match device(&place) {
        Some(own) if device(above.unwrap_or(Path::new("."))) != Some(own) => {
            refuse("is a file system of its own, and nothing can take its place")
        }
        _ => Ok(place),
    }
}

/// Whether something is in a directory that may not be there.
fn is_filled(path: &Path) -> Result<bool> {
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(BackupError::io("read", path)(error)),
    }
}

/// The directory in which a store is restored before it comes to its place. Removed when it is dropped.
struct Half {
    path: PathBuf,
    finished: bool,
    _lock: File,
}

impl Half {
    fn begin(to: &Path) -> Result<Half> {
        let mut name = to.as_os_str().to_owned();
        name.push(".restoring");
        let path = PathBuf::from(name);
        let mark = path.join(MARK);
        if is_filled(&path)? {
            // What an interrupted restore left. Only the mark allows to remove anything.
            let Ok(left) = File::open(&mark) else { return Err(BackupError::Exists(path)) };
            lock(&left, &path)?;
            remove_marked(&path)?;
        }
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
        made.map_err(BackupError::io("make the directory", &path))?;
        let words = b"While this directory has the ending .restoring, a restore has not ended.\n";
        write_synced(&mark, words)?;
        let file = File::open(&mark).map_err(BackupError::io("open", &mark))?;
        lock(&file, &path)?;
        Ok(Half { path, finished: false, _lock: file })
    }

    fn finish(mut self, to: &Path) -> Result<()> {
        sync_dir(&self.path)?;
        // An empty directory gives way.
        fs::rename(&self.path, to).map_err(BackupError::io("rename to", to))?;
        self.finished = true;
        match to.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            Some(parent) => sync_dir(parent)?,
            None => sync_dir(Path::new("."))?,
        }
        // Last: in its place the mark means nothing, and before there is no moment without it.
        let mark = to.join(MARK);
        fs::remove_file(&mark).map_err(BackupError::io("remove", &mark))
    }
}

impl Drop for Half {
    fn drop(&mut self) {
        if !self.finished {
            let _ = remove_marked(&self.path);
        }
    }
}

/// Removes a half restored directory, the mark last.
fn remove_marked(path: &Path) -> Result<()> {
    let remove = || {
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            if entry.file_name() == MARK {
                continue;
            }
            match entry.file_type()?.is_dir() {
                true => fs::remove_dir_all(entry.path())?,
                false => fs::remove_file(entry.path())?,
            }
        }
        fs::remove_dir_all(path)
    };
    remove().map_err(BackupError::io("remove", path))
}

fn lock(file: &File, path: &Path) -> Result<()> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(fs::TryLockError::WouldBlock) => {
            Err(BackupError::Busy { path: path.to_owned(), what: "another restore writes there" })
        }
        Err(fs::TryLockError::Error(error)) => Err(BackupError::io("lock", path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty_repository(dir: &Path) -> Repository {
        let store = Store::in_memory(StoreOptions::default()).unwrap();
        let repository = Repository::create(&dir.join("repository")).unwrap();
        crate::backup::run(&store, &repository, &mut |_| true).unwrap();
        repository
    }

    #[test]
    fn a_directory_is_restored_however_it_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let repository = empty_repository(dir.path());
        fs::create_dir(dir.path().join("empty")).unwrap();
        fs::create_dir(dir.path().join("real")).unwrap();
        std::os::unix::fs::symlink("real", dir.path().join("link")).unwrap();
        for name in ["new/", "empty/", "link", "deeper/new/./"] {
            let to = dir.path().join(name);
            whole(&repository, &to, &WholeOptions::default(), &mut |_| true)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(to.join("FORMAT").is_file(), "{name}");
        }
        assert!(dir.path().join("real/FORMAT").is_file());
    }

    #[test]
    fn what_cannot_be_replaced_is_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let repository = empty_repository(dir.path());
        // Mounted, and never written: refused by its place.
        for name in ["/", "/proc", "..", "no/.."] {
            let error =
                whole(&repository, Path::new(name), &WholeOptions::default(), &mut |_| true);
            assert!(error.is_err(), "{name}");
        }
        assert!(matches!(place(Path::new("/proc")), Err(BackupError::Refused(_))));
    }
}
