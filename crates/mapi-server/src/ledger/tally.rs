//! Numbers of things by kind, and their bytes.

use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::{KINDS, Kind};

/// Counts of one session, one user, or the process. Each thing counted moves it up and down.
#[derive(Default)]
pub struct Tally {
    live: [AtomicU32; KINDS],
    /// Of memory.
    bytes: AtomicU64,
    /// Of staged values, wherever they are.
    staged: AtomicU64,
    /// Bits: four fifths of a limit were used, or it refused something, and the use did not fall below half
    /// since. The kinds, then both sorts of bytes; and the same again for refusals.
    told: AtomicU64,
}

/// A state of a tally.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Use {
    pub live: [u64; KINDS],
    /// Of memory.
    pub bytes: u64,
    /// Of values that were written and not saved; long ones are in files.
    pub staged: u64,
}

impl Use {
    pub fn of(&self, kind: Kind) -> u64 {
        self.live[kind as usize]
    }

    /// Nodes of owner trees.
    pub fn nodes(&self) -> u64 {
        Kind::ALL.iter().filter(|kind| kind.is_node()).map(|kind| self.of(*kind)).sum()
    }

    pub fn add(&mut self, other: &Use) {
        for (sum, more) in self.live.iter_mut().zip(other.live) {
            *sum += more;
        }
        self.bytes += other.bytes;
        self.staged += other.staged;
    }
}

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Live(Kind),
    Bytes,
    Staged,
}

impl What {
    fn bit(self) -> u64 {
        1 << match self {
            What::Live(kind) => kind as usize,
            What::Bytes => KINDS,
            What::Staged => KINDS + 1,
        }
    }
}

/// The bits of refusals stand above those of warnings.
const REFUSALS: usize = 32;
const _: () = assert!(KINDS + 1 < REFUSALS);

/// What a limit has to say about a new number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Fine,
    /// Four fifths are used, for the first time since the use was below half.
    Near,
    /// Too many. `first` for the first time since the use was below half.
    Refused {
        first: bool,
    },
}

impl Tally {
    pub fn live(&self, kind: Kind) -> u64 {
        u64::from(self.live[kind as usize].load(Ordering::Relaxed))
    }

    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub fn staged(&self) -> u64 {
        self.staged.load(Ordering::Relaxed)
    }

    pub fn read(&self) -> Use {
        Use {
            live: Kind::ALL.map(|kind| self.live(kind)),
            bytes: self.bytes(),
            staged: self.staged(),
        }
    }

    /// Counts and returns the new number.
    pub(super) fn add(&self, what: What, amount: u64) -> u64 {
        match what {
            What::Live(kind) => {
                u64::from(self.live[kind as usize].fetch_add(amount as u32, Ordering::Relaxed))
                    + amount
            }
            What::Bytes => self.bytes.fetch_add(amount, Ordering::Relaxed) + amount,
            What::Staged => self.staged.fetch_add(amount, Ordering::Relaxed) + amount,
        }
    }

    pub(super) fn remove(&self, what: What, amount: u64) -> u64 {
        match what {
            What::Live(kind) => {
                u64::from(self.live[kind as usize].fetch_sub(amount as u32, Ordering::Relaxed))
                    - amount
            }
            What::Bytes => self.bytes.fetch_sub(amount, Ordering::Relaxed) - amount,
            What::Staged => self.staged.fetch_sub(amount, Ordering::Relaxed) - amount,
        }
    }

    /// Judges a new number.
    pub(super) fn judge(&self, what: What, used: u64, limit: u64) -> Verdict {
        if used > limit {
            return Verdict::Refused { first: self.tell(what.bit() << REFUSALS) };
        }
        // A limit of one or two is no limit that comes near.
        match used * 5 >= limit * 4 && limit > 2 && self.tell(what.bit()) {
            true => Verdict::Near,
            false => Verdict::Fine,
        }
    }

    /// Whether it was not told yet.
    fn tell(&self, bit: u64) -> bool {
        self.told.load(Ordering::Relaxed) & bit == 0
            && self.told.fetch_or(bit, Ordering::Relaxed) & bit == 0
    }

    /// The number fell: below half of the limit, the next time it comes near is worth a line again.
    pub(super) fn fell(&self, what: What, used: u64, limit: u64) {
        let bits = what.bit() | what.bit() << REFUSALS;
        if self.told.load(Ordering::Relaxed) & bits != 0 && used < limit / 2 {
            self.told.fetch_and(!bits, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for kind in Kind::ALL.iter().filter(|kind| self.live(**kind) > 0) {
            map.entry(&kind.name(), &self.live(*kind));
        }
        map.entry(&"bytes", &self.bytes()).entry(&"staged", &self.staged()).finish()
    }
}
