//! The socket's place and who may speak through it.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

pub const NAME: &str = "control.sock";

/// A name for `control.sock` that fits into a socket address, which holds 107 bytes, however long the
/// path of the data directory is. The directory stays open as long as the name is used.
pub struct ShortName {
    _dir: File,
    pub path: PathBuf,
}

pub fn short_name(data: &Path) -> io::Result<ShortName> {
    let dir = File::open(data)?;
    let path = PathBuf::from(format!("/proc/self/fd/{}/{NAME}", dir.as_raw_fd()));
    Ok(ShortName { _dir: dir, path })
}

/// The uid of the process at the other end.
pub fn peer_uid(stream: &UnixStream) -> io::Result<u32> {
    let mut credentials = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut size = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: the descriptor is open, and pointer and size describe `credentials`.
    let result = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut credentials).cast(),
            &raw mut size,
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(credentials.uid)
}

/// Root, or the user that this process runs as.
pub fn may_control(uid: u32) -> bool {
    // SAFETY: geteuid cannot fail.
    uid == 0 || uid == unsafe { libc::geteuid() }
}
