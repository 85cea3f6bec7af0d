//! What a session remembers of its logons.

use mapi::FileTime;
use parking_lot::Mutex;
use store::MailboxNumber;

/// Attempts to log on elsewhere that are answered with a redirect, and within which time in seconds
/// (MS-OXCSTOR R3103).
const ATTEMPTS: usize = 5;
const WITHIN: u64 = 10;

#[derive(Default)]
pub struct Logons {
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    /// That of the first logon, whose mapping of ids is the session's.
    mailbox: Option<MailboxNumber>,
    /// When the client was sent elsewhere last.
    redirects: Vec<FileTime>,
}

impl Logons {
    /// Whether a mailbox is that of the session's first logon to one; the first one is.
    pub fn is_first(&self, mailbox: MailboxNumber) -> bool {
        *self.memory.lock().mailbox.get_or_insert(mailbox) == mailbox
    }

    /// Notes that the client is sent elsewhere; true if that was too often in a short time.
    pub fn redirect(&self, now: FileTime) -> bool {
        let since = now.0.saturating_sub(WITHIN * 10_000_000);
        let redirects = &mut self.memory.lock().redirects;
        redirects.retain(|at| at.0 > since);
        if redirects.len() >= ATTEMPTS {
            return true;
        }
        redirects.push(now);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_redirect_within_ten_seconds_is_one_too_many() {
        let logons = Logons::default();
        let at = |second: u64| FileTime(second * 10_000_000);
        assert!((0..5).all(|second| !logons.redirect(at(100 + second))));
        assert!(logons.redirect(at(105)));
        assert!(!logons.redirect(at(111)));
    }
}
