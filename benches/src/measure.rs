//! Clocks of other processes, what they hold of memory, and the disk's own speed.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// The CPU clock of a process: what all its threads used, in user mode and in the kernel, in nanoseconds.
#[derive(Debug, Clone, Copy)]
pub struct ProcessClock(libc::clockid_t);

impl ProcessClock {
    pub fn of(pid: u32) -> io::Result<ProcessClock> {
        let pid = libc::pid_t::try_from(pid).map_err(io::Error::other)?;
        let mut clock = 0;
        // SAFETY: `clock` is a valid place for a clock id.
        match unsafe { libc::clock_getcpuclockid(pid, &raw mut clock) } {
            0 => Ok(ProcessClock(clock)),
            error => Err(io::Error::from_raw_os_error(error)),
        }
    }

    pub fn now(self) -> io::Result<Duration> {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `time` is a valid place for a timespec.
        match unsafe { libc::clock_gettime(self.0, &raw mut time) } {
            0 => Ok(Duration::new(time.tv_sec as u64, time.tv_nsec as u32)),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// Bytes of a field of /proc/PID/status, such as VmRSS or VmHWM.
pub fn status_bytes(pid: u32, field: &str) -> io::Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find(|line| line.starts_with(field));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kilobytes.map(|kb| kb * 1024).ok_or_else(|| io::Error::other(format!("no {field} of {pid}")))
}

/// Bytes that the files below a directory take on the disk.
pub fn disk_bytes(dir: &Path) -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes +=
            if metadata.is_dir() { disk_bytes(&entry.path())? } else { metadata.blocks() * 512 };
    }
    Ok(bytes)
}

/// The middle one; 0 of nothing.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

pub fn median_time(times: impl IntoIterator<Item = Duration>) -> Duration {
    Duration::from_secs_f64(median(times.into_iter().map(|time| time.as_secs_f64()).collect()))
}

/// How the disk of a directory does what a journal does: appends to a file whose length stands already, and
/// syncs it.
pub struct DiskProbe {
    file: File,
    offset: u64,
}

impl DiskProbe {
    const APPEND: usize = 12_000;
    const LENGTH: u64 = 64 << 20;

    pub fn new(dir: &Path) -> io::Result<DiskProbe> {
        let mut file = tempfile::tempfile_in(dir)?;
        let zeros = vec![0; 1 << 20];
        for _ in 0..Self::LENGTH >> 20 {
            file.write_all(&zeros)?;
        }
        file.sync_all()?;
        Ok(DiskProbe { file, offset: 0 })
    }

    /// One append and its fdatasync.
    pub fn sync(&mut self) -> io::Result<Duration> {
        let bytes = [0x5A; Self::APPEND];
        if self.offset + Self::APPEND as u64 > Self::LENGTH {
            self.offset = 0;
        }
        let began = Instant::now();
        self.file.write_all_at(&bytes, self.offset)?;
        self.file.sync_data()?;
        self.offset += Self::APPEND as u64;
        Ok(began.elapsed())
    }
}

/// The median of `count` syncs on the disk of a directory.
pub fn sync_time(dir: &Path, count: usize) -> io::Result<Duration> {
    let mut probe = DiskProbe::new(dir)?;
    let times: io::Result<Vec<Duration>> = (0..count).map(|_| probe.sync()).collect();
    Ok(median_time(times?))
}
