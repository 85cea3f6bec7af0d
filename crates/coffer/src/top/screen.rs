//! The live screen: drawn with ANSI sequences on the terminal's other screen, and given back at the end.

use std::io::{self, Write};
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{sort, tables};
use crate::cli::TopSort;

/// Draws until the user ends it with q or Ctrl-C. A server that is gone ends it as well.
pub fn watch(
    by: TopSort,
    interval: Duration,
    first: Value,
    mut next: impl FnMut() -> anyhow::Result<Value>,
) -> anyhow::Result<()> {
    let terminal = Terminal::take()?;
    let mut report = first;
    let mut by = by;
    loop {
        sort(&mut report, by);
        terminal.draw(&report, by)?;
        let until = Instant::now() + interval;
        loop {
            match terminal.key(until.saturating_duration_since(Instant::now()))? {
                Key::None => break,
                Key::End => return Ok(()),
                Key::Sort(other) => {
                    by = other;
                    sort(&mut report, by);
                    terminal.draw(&report, by)?;
                }
                Key::Other => {}
            }
        }
        report = next()?;
    }
}

enum Key {
    None,
    End,
    Sort(TopSort),
    Other,
}

/// A terminal that gives each key at once and shows none. Dropping it puts everything back.
struct Terminal {
    before: libc::termios,
}

const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

impl Terminal {
    fn take() -> io::Result<Terminal> {
        let stdin = io::stdin().as_raw_fd();
        let mut before = MaybeUninit::uninit();
        // SAFETY: the descriptor is open, and tcgetattr fills the structure if it succeeds.
        let before = unsafe {
            if libc::tcgetattr(stdin, before.as_mut_ptr()) != 0 {
                return Err(io::Error::last_os_error());
            }
            before.assume_init()
        };
        let mut raw = before;
        raw.c_lflag &= !(libc::ICANON | libc::ECHO | libc::ISIG);
        // SAFETY: as above; `raw` is a whole structure.
        if unsafe { libc::tcsetattr(stdin, libc::TCSANOW, &raw) } != 0 {
            return Err(io::Error::last_os_error());
        }
        let terminal = Terminal { before };
        let mut out = io::stdout().lock();
        out.write_all(ENTER.as_bytes())?;
        out.flush()?;
        Ok(terminal)
    }

    fn draw(&self, report: &Value, by: TopSort) -> io::Result<()> {
        let (rows, columns) = size();
        let mut lines = tables::draw(report, by, rows.saturating_sub(1));
        lines.resize(rows.saturating_sub(1), String::new());
        lines.push("q ends; sort by b bytes, o objects, a age, i idle, r requests, w writes, e errors, c busy".into());
        let mut frame = String::from("\x1b[H");
        for (index, line) in lines.iter().enumerate() {
            if index > 0 {
                frame.push_str("\r\n");
            }
            frame.extend(line.chars().take(columns));
            // What was longer before is cleared.
            frame.push_str("\x1b[K");
        }
        let mut out = io::stdout().lock();
        out.write_all(frame.as_bytes())?;
        out.flush()
    }

    /// Waits for a key.
    fn key(&self, patience: Duration) -> io::Result<Key> {
        let stdin = io::stdin().as_raw_fd();
        let mut poll = libc::pollfd { fd: stdin, events: libc::POLLIN, revents: 0 };
        let millis = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: one structure, and its number is given.
        let ready = unsafe { libc::poll(&mut poll, 1, millis) };
        if ready < 0 {
            let error = io::Error::last_os_error();
            // The window was resized, for one.
            return match error.kind() {
                io::ErrorKind::Interrupted => Ok(Key::None),
                _ => Err(error),
            };
        }
        if ready == 0 {
            return Ok(Key::None);
        }
        let mut byte = [0u8; 1];
        // SAFETY: the buffer has room for the one byte that is asked for.
        let read = unsafe { libc::read(stdin, byte.as_mut_ptr().cast(), 1) };
        Ok(match (read, byte[0]) {
            // The terminal is gone, or Ctrl-C, Ctrl-D.
            (..=0, _) | (_, 3 | 4 | b'q' | b'Q') => Key::End,
            (_, b'b') => Key::Sort(TopSort::Bytes),
            (_, b'o') => Key::Sort(TopSort::Objects),
            (_, b'a') => Key::Sort(TopSort::Age),
            (_, b'i') => Key::Sort(TopSort::Idle),
            (_, b'r') => Key::Sort(TopSort::Requests),
            (_, b'w') => Key::Sort(TopSort::Writes),
            (_, b'e') => Key::Sort(TopSort::Errors),
            (_, b'c') => Key::Sort(TopSort::Busy),
            _ => Key::Other,
        })
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let mut out = io::stdout().lock();
        let _ = out.write_all(LEAVE.as_bytes());
        let _ = out.flush();
        // SAFETY: the structure is the one that tcgetattr gave.
        unsafe {
            libc::tcsetattr(io::stdin().as_raw_fd(), libc::TCSANOW, &self.before);
        }
    }
}

/// Rows and columns of the terminal.
fn size() -> (usize, usize) {
    let mut size = MaybeUninit::<libc::winsize>::zeroed();
    // SAFETY: the ioctl fills the structure, which is valid when zeroed as well.
    let size = unsafe {
        libc::ioctl(io::stdout().as_raw_fd(), libc::TIOCGWINSZ, size.as_mut_ptr());
        size.assume_init()
    };
    match (usize::from(size.ws_row), usize::from(size.ws_col)) {
        (0, _) | (_, 0) => (24, 80),
        known => known,
    }
}
