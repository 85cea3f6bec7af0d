//! The free-space floor and the reserve file.
//!
//! Below the floor, batches that grow are refused before the database would fail on them, since
//! a failed write poisons it. The floor alone does not hold against other users of the file
//! system; so a file of the data directory keeps some room, and is given up when the disk is as
//! good as full, for deletes and for the compaction that they need.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::{DiskSpace, Error, Options, Result, SpaceProbe};

const MIB: u64 = 1 << 20;

pub(super) struct Room {
    probe: SpaceProbe,
    floor: u64,
    reserve: Option<Reserve>,
}

struct Reserve {
    path: PathBuf,
    bytes: u64,
    held: Mutex<bool>,
}

impl Room {
    /// Room on the file system of `directory`, with its reserve file there.
    pub(super) fn of_directory(directory: &Path, options: &Options) -> Result<Room> {
        let probe = options.space_probe.clone().unwrap_or_else(|| {
            let directory = directory.to_owned();
            std::sync::Arc::new(move || statvfs(&directory))
        });
        let space =
            probe().map_err(|error| Error::io("ask for free space of", directory, error))?;
        let room = Room {
            floor: floor(options, space),
            reserve: Some(Reserve {
                path: directory.join("RESERVE"),
                bytes: options.reserve.unwrap_or_else(|| (space.total / 25).min(16 * MIB)),
                held: Mutex::new(false),
            }),
            probe,
        };
        room.restore();
        Ok(room)
    }

    /// Room where only the options' probe tells it; without one there is always room.
    pub(super) fn unlimited(options: &Options) -> Room {
        let probe = options.space_probe.clone();
        let endless = DiskSpace { free: u64::MAX, total: u64::MAX };
        Room {
            floor: floor(options, probe.as_ref().and_then(|probe| probe().ok()).unwrap_or(endless)),
            probe: probe.unwrap_or_else(|| std::sync::Arc::new(move || Ok(endless))),
            reserve: None,
        }
    }

    /// Free bytes now, if they are known.
    pub(super) fn free(&self) -> Option<u64> {
        (self.probe)().ok().map(|space| space.free)
    }

    /// The refusal of a batch that grows, if one is due now. Also takes the reserve back when there
    /// is room.
    pub(super) fn refusal(&self) -> Option<Error> {
        // Where the question fails, the database finds out by itself.
        let free = self.free()?;
        if free >= self.floor {
            self.restore();
            return None;
        }
        Some(self.disk_full(free))
    }

    pub(super) fn disk_full(&self, free: u64) -> Error {
        Error::DiskFull { free, floor: self.floor }
    }

    /// Gives the reserve up, if the disk is as good as full. True if that made room.
    pub(super) fn release(&self) -> bool {
        let Some(reserve) = &self.reserve else { return false };
        if self.free().is_some_and(|free| free > self.floor / 4 && free > reserve.bytes) {
            return false;
        }
        let mut held = reserve.held.lock();
        let released = *held && fs::remove_file(&reserve.path).is_ok();
        *held &= !released;
        released
    }

    /// Takes the reserve (back), if more than the floor stays free.
    fn restore(&self) {
        let Some(reserve) = &self.reserve else { return };
        let mut held = reserve.held.lock();
        if *held {
            return;
        }
        let present = fs::metadata(&reserve.path).is_ok_and(|file| file.len() == reserve.bytes);
        let room = || {
            let free = self.free().unwrap_or(0);
            free >= self.floor.saturating_add(reserve.bytes.saturating_mul(2))
        };
        // A reserve that cannot be written now is tried again later.
        *held = present || (room() && write_reserve(reserve).is_ok());
        if !*held {
            let _ = fs::remove_file(&reserve.path);
        }
    }
}

fn floor(options: &Options, space: DiskSpace) -> u64 {
    options.free_space_floor.unwrap_or_else(|| (space.total / 20).min(64 * MIB))
}

/// Takes room without writing into it, where the file system can.
fn write_reserve(reserve: &Reserve) -> std::io::Result<()> {
    let file = File::create(&reserve.path)?;
    let Ok(bytes) = libc::off_t::try_from(reserve.bytes) else {
        return Err(ErrorKind::InvalidInput.into());
    };
    if bytes > 0 {
        // SAFETY: the descriptor is open; the call takes no pointers.
        let error = unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, bytes) };
        if error != 0 {
            return Err(std::io::Error::from_raw_os_error(error));
        }
    }
    file.sync_all()
}

fn statvfs(directory: &Path) -> std::io::Result<DiskSpace> {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::CString::new(directory.as_os_str().as_bytes())?;
    let mut stat = std::mem::MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: the path is a valid C string and `stat` has room for the answer.
    if unsafe { libc::statvfs(path.as_ptr(), stat.as_mut_ptr()) } != 0 {
        return Err(std::io::Error::last_os_error());
    }
    // SAFETY: the structure was zeroed, and statvfs has filled it in.
    let stat = unsafe { stat.assume_init() };
    Ok(DiskSpace {
        free: stat.f_bavail.saturating_mul(stat.f_frsize),
        total: stat.f_blocks.saturating_mul(stat.f_frsize),
    })
}
