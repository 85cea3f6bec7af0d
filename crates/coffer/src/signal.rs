//! SIGINT, SIGTERM and SIGHUP, waited for instead of handled.

use std::io::{self, IsTerminal};
use std::time::Duration;

/// The signals that a server knows, blocked in this thread and in those that it starts.
pub struct Signals {
    set: libc::sigset_t,
    on_terminal: bool,
}

impl Signals {
    pub fn block() -> io::Result<Self> {
        // SAFETY: the set is initialised by sigemptyset before it is used.
        unsafe {
            let mut set = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            libc::sigaddset(&raw mut set, libc::SIGINT);
            libc::sigaddset(&raw mut set, libc::SIGTERM);
            libc::sigaddset(&raw mut set, libc::SIGHUP);
            match libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) {
                0 => Ok(Signals { set, on_terminal: io::stdout().is_terminal() }),
                error => Err(io::Error::from_raw_os_error(error)),
            }
        }
    }

    /// Returns when the server is to end: on SIGINT and SIGTERM, and on SIGHUP if the terminal is gone on which it
    /// was started. Calls `look` on every other SIGHUP, and again and again after `period`.
    pub fn wait(&self, period: Duration, mut look: impl FnMut()) -> io::Result<()> {
        let time = libc::timespec {
            tv_sec: libc::time_t::try_from(period.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: 0,
        };
        loop {
            // SAFETY: the pointers are valid for the call; nobody asks for what is known of the signal.
            let came = unsafe {
                libc::sigtimedwait(&raw const self.set, std::ptr::null_mut(), &raw const time)
            };
            match came {
                libc::SIGHUP if self.on_terminal && !io::stdout().is_terminal() => return Ok(()),
                libc::SIGHUP => look(),
                libc::SIGINT | libc::SIGTERM => return Ok(()),
                _ => match io::Error::last_os_error() {
                    error if error.raw_os_error() == Some(libc::EAGAIN) => look(),
                    error if error.kind() == io::ErrorKind::Interrupted => {}
                    error => return Err(error),
                },
            }
        }
    }
}
