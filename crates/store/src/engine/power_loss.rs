//! The loss of power, simulated on a data directory, for crash tests.
//!
//! Killing a process loses nothing that it wrote: the page cache stays. Power loss also takes
//! what was written and not synced. With [`Options::record_syncs`](super::Options) the engine
//! notes after each sync of its journal how far the sync reached, before it acknowledges; the
//! note itself needs no sync, since it is read after a kill and not after a real power loss.
//! A test then does:
//!
//! 1. run a process with an engine that has `record_syncs`, and note what it acknowledges;
//! 2. kill it with SIGKILL;
//! 3. [`apply`] a [`Loss`] to the data directory: what stands behind the last sync goes;
//! 4. open the directory again: everything acknowledged must be there, whole.
//!
//! Simulated: unsynced journal bytes that vanish, vanish page by page (writes reach the disk in
//! any order), or come back as garbage; journals begun and not yet synced. Not simulated: tables
//! and manifests, which fjall syncs, with their directories, before it refers to them, and which
//! stay as they are; a journal that fjall deleted after it flushed it, which stays deleted; a disk
//! that lies about a sync.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::{Error, Result, journal};

const RECORD: &str = "SYNCED";
const PAGE: u64 = 4096;

/// What becomes of unsynced bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// They read as zeros: the journal's length was synced, its data was not.
    Zeros,
    /// The file ends at the last sync.
    Cut,
    /// Each page of 4 KiB reached the disk, or not (zeros), by a draw from this seed.
    Torn(u64),
    /// They are random bytes from this seed.
    Garbage(u64),
}

/// What [`apply`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lost {
    /// Bytes of whole and torn batches that were written and not synced.
    pub unsynced_bytes: u64,
}

/// Makes a data directory, which no process holds, look as after the loss of power.
///
/// Errors: [`Error::Io`]; [`Error::NotADataDirectory`] if the engine kept no record.
pub fn apply(data_directory: &Path, loss: Loss) -> Result<Lost> {
    let (synced_journal, synced_end) = read_record(data_directory)?;
    let mut lost = Lost::default();
    for (number, path) in journal::list(&data_directory.join("engine"))? {
        let end = match number.cmp(&synced_journal) {
            // Sealed journals were synced when they were sealed.
            std::cmp::Ordering::Less => continue,
            std::cmp::Ordering::Equal => synced_end,
            std::cmp::Ordering::Greater => 0,
        };
        let written_end = journal::written_end(&path, end)?;
        let lose = || lose(&path, end, written_end, loss);
        lost.unsynced_bytes +=
            lose().map_err(|error| Error::io("take bytes from", &path, error))?;
    }
    Ok(lost)
}

fn lose(path: &Path, end: u64, written_end: u64, loss: Loss) -> std::io::Result<u64> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut unsynced = vec![0; (written_end - end) as usize];
    file.read_exact_at(&mut unsynced, end)?;
    let written = unsynced.iter().rposition(|byte| *byte != 0);
    let written = written.map_or(0, |last| last + 1);
    unsynced.truncate(written);
    match loss {
        Loss::Zeros => unsynced.fill(0),
        Loss::Cut => {
            file.set_len(end)?;
            return Ok(written as u64);
        }
        Loss::Torn(seed) => {
            let mut random = Random::new(seed);
            // Pages of the file: the first one is shared with synced bytes.
            let mut at = 0;
            while at < unsynced.len() {
                let page_end = ((end + at as u64) / PAGE + 1) * PAGE - end;
                let next = unsynced.len().min(page_end as usize);
                if random.next() & 1 == 0 {
                    unsynced[at..next].fill(0);
                }
                at = next;
            }
        }
        Loss::Garbage(seed) => {
            let mut random = Random::new(seed);
            unsynced.fill_with(|| random.next() as u8);
        }
    }
    file.write_all_at(&unsynced, end)?;
    Ok(written as u64)
}

fn read_record(data_directory: &Path) -> Result<(u64, u64)> {
    let missing = |reason: &str| Error::NotADataDirectory {
        path: data_directory.to_owned(),
        reason: reason.to_owned(),
    };
    let text = std::fs::read_to_string(data_directory.join(RECORD))
        .map_err(|_| missing("it has no record of syncs; open it with record_syncs"))?;
    let mut numbers = text.split_whitespace().map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(journal)), Some(Ok(end))) => Ok((journal, end)),
        _ => Err(missing("its record of syncs is not readable")),
    }
}

/// Notes how far each sync reached.
pub(super) struct Recorder {
    file: File,
    path: PathBuf,
    database: PathBuf,
    journal: u64,
    end: u64,
}

impl Recorder {
    /// Begins a record; what the journals hold now counts as synced.
    pub(super) fn create(data_directory: &Path, database: &Path) -> Result<Recorder> {
        let path = data_directory.join(RECORD);
        let mut recorder = Recorder {
            file: File::create(&path).map_err(|error| Error::io("create", &path, error))?,
            path,
            database: database.to_owned(),
            journal: 0,
            end: 0,
        };
        if database.exists() {
            recorder.record()?;
        }
        Ok(recorder)
    }

    /// To be called after a sync and before anything else is written.
    pub(super) fn record(&mut self) -> Result<()> {
        let journals = journal::list(&self.database)?;
        if let Some((number, path)) = journals.last() {
            let from = if *number == self.journal { self.end } else { 0 };
            let extent = journal::extent(path, from, None)?;
            (self.journal, self.end) = (*number, extent.end);
        }
        // One write of constant length, so that a kill leaves the old record or the new one.
        let line = format!("{:020} {:020}\n", self.journal, self.end);
        self.file
            .write_all_at(line.as_bytes(), 0)
            .and_then(|()| self.file.flush())
            .map_err(|error| Error::io("write", &self.path, error))
    }
}

/// A small generator (splitmix64): the same seed gives the same loss.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Random {
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}
