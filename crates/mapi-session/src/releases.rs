//! Handles that wait to be released, and which logon ids are in use.
//!
//! RopRelease has no answer ([MS-OXCROPS] 2.2.15.3), so a release needs no round trip of its own: it goes
//! out in front of the next request.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mapi_rop::{Handle, LogonId};

use crate::{Error, Result};

/// Releases that a session keeps room for when none waits.
pub(crate) const ROOM: usize = 16;

/// INVARIANT: held for a push, a swap or a look only; no other lock is taken while it is held.
#[derive(Default)]
pub(crate) struct Releases {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: Vec<(LogonId, Handle)>,
    /// One bit a logon id.
    logons: [u64; 4],
    /// The session context has ended: the server has let go of everything.
    over: bool,
}

/// What a logon and the objects under it share: whether it still stands.
pub(crate) struct Life {
    pub(crate) logon: LogonId,
    ended: AtomicBool,
}

impl Life {
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}

impl Releases {
    /// Takes a logon id that no logon of the session uses.
    pub(crate) fn begin_logon(&self) -> Result<Life> {
        let mut state = self.lock();
        for (word, bits) in state.logons.iter_mut().enumerate() {
            let bit = bits.trailing_ones();
            if bit < 64 {
                *bits |= 1 << bit;
                // The id is below 256: four words of 64 bits.
                let logon = LogonId((word as u8) * 64 + bit as u8);
                return Ok(Life { logon, ended: AtomicBool::new(false) });
            }
        }
        Err(Error::TooManyStores)
    }

    /// Ends a logon, once: its release waits, and its id is free. Releases of objects under it that are
    /// already waiting go out before it; later ones are not sent, since the logon takes them along.
    ///
    /// The id can be used at once, because whoever takes it sends this release before the new logon.
    pub(crate) fn end_logon(&self, life: &Life, handle: Handle) -> usize {
        let mut state = self.lock();
        if life.ended.swap(true, Ordering::AcqRel) {
            return state.waiting.len();
        }
        let LogonId(id) = life.logon;
        state.logons[usize::from(id / 64)] &= !(1 << (id % 64));
        // None is the handle of a logon that the server refused.
        if !state.over && handle != Handle::NONE {
            state.waiting.push((life.logon, handle));
        }
        state.waiting.len()
    }

    /// Lets the release of an object wait. Returns how many are waiting.
    pub(crate) fn push(&self, life: &Life, handle: Handle) -> usize {
        let mut state = self.lock();
        if !state.over && !life.has_ended() {
            state.waiting.push((life.logon, handle));
        }
        state.waiting.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().waiting.len()
    }

    #[cfg(test)]
    pub(crate) fn room(&self) -> usize {
        self.lock().waiting.capacity()
    }

    /// Takes the oldest releases out, at most `most`, into `taken`.
    pub(crate) fn take(&self, most: usize, taken: &mut Vec<(LogonId, Handle)>) {
        let mut state = self.lock();
        let most = most.min(state.waiting.len());
        taken.extend(state.waiting.drain(..most));
        // A burst does not keep its memory for the life of the session.
        if state.waiting.is_empty() {
            state.waiting.shrink_to(ROOM);
        }
    }

    /// Puts releases back that were not sent after all.
    pub(crate) fn put_back(&self, taken: &[(LogonId, Handle)]) {
        let mut state = self.lock();
        if !state.over {
            state.waiting.splice(..0, taken.iter().copied());
        }
    }

    /// The session context has ended.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        state.over = true;
        state.waiting = Vec::new();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logon_is_released_once_and_after_what_was_under_it() {
        let releases = Releases::default();
        let life = releases.begin_logon().unwrap();
        releases.push(&life, Handle(2));
        releases.end_logon(&life, Handle(1));
        releases.end_logon(&life, Handle(1));
        assert_eq!(releases.push(&life, Handle(3)), 2);
        let mut taken = Vec::new();
        releases.take(10, &mut taken);
        assert_eq!(taken, [(LogonId(0), Handle(2)), (LogonId(0), Handle(1))]);
        releases.put_back(&taken);
        assert_eq!(releases.len(), 2);
    }

    #[test]
    fn logon_ids_are_used_again_and_run_out_at_256() {
        let releases = Releases::default();
        let lives: Vec<_> = (0..256).map(|_| releases.begin_logon().unwrap()).collect();
        assert_eq!(lives[255].logon, LogonId(255));
        assert!(matches!(releases.begin_logon(), Err(Error::TooManyStores)));
        releases.end_logon(&lives[70], Handle(7));
        assert_eq!(releases.begin_logon().unwrap().logon, LogonId(70));
    }

    #[test]
    fn nothing_waits_after_the_end() {
        let releases = Releases::default();
        let life = releases.begin_logon().unwrap();
        releases.push(&life, Handle(2));
        releases.end();
        assert_eq!(releases.push(&life, Handle(3)), 0);
        assert_eq!(releases.end_logon(&life, Handle(1)), 0);
    }
}
