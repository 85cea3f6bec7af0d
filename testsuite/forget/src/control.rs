//! The page of memory that the layer and whoever commands it share: which fault is to come, and at which
//! step. A step is one call that changes files below the root or syncs them; steps are counted while the
//! page is armed.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

#[repr(C)]
pub struct Control {
    /// Not 0: steps are counted and the fault may come.
    armed: AtomicU64,
    fault: AtomicU64,
    /// The step, from 1 on, at which the fault comes.
    at: AtomicU64,
    steps: AtomicU64,
    /// How often the fault came.
    fired: AtomicU64,
    /// Bytes that are free and the size of the disk, for [`Fault::Full`].
    free: AtomicI64,
    total: AtomicU64,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u64)]
pub enum Fault {
    None = 0,
    /// The process dies before the step.
    KillBefore = 1,
    /// It dies when the step is done, and has not heard of it.
    KillAfter = 2,
    /// It dies in the middle of a write; after another step.
    KillTorn = 3,
    /// The step answers EIO; a sync that does makes nothing durable, ever.
    Fail = 4,
    /// Every step from this one on answers EIO.
    FailOn = 5,
    /// A write takes only a part; another step is done as ever.
    Short = 6,
    /// From this step on everything that takes room answers ENOSPC.
    FullOn = 7,
    /// ENOSPC when the free bytes of the page are used up.
    Full = 8,
}

impl Fault {
    pub const ALL: [Fault; 9] = [
        Fault::None,
        Fault::KillBefore,
        Fault::KillAfter,
        Fault::KillTorn,
        Fault::Fail,
        Fault::FailOn,
        Fault::Short,
        Fault::FullOn,
        Fault::Full,
    ];
}

impl Control {
    /// Begins to count steps; the fault comes at step `at`.
    pub fn arm(&self, fault: Fault, at: u64) {
        self.fault.store(fault as u64, Ordering::SeqCst);
        self.at.store(at, Ordering::SeqCst);
        self.steps.store(0, Ordering::SeqCst);
        self.fired.store(0, Ordering::SeqCst);
        self.armed.store(1, Ordering::SeqCst);
    }

    /// Arms a disk with so many bytes free.
    pub fn arm_full(&self, free: u64, total: u64) {
        self.set_free(free);
        self.total.store(total, Ordering::SeqCst);
        self.arm(Fault::Full, 0);
    }

    /// Ends the fault and the counting.
    pub fn disarm(&self) {
        self.armed.store(0, Ordering::SeqCst);
    }

    /// Counts a step; what is to happen at it.
    pub fn step(&self) -> Fault {
        let Some(fault) = self.fault() else { return Fault::None };
        let step = self.steps.fetch_add(1, Ordering::SeqCst) + 1;
        let at = self.at.load(Ordering::SeqCst);
        let due = match fault {
            Fault::None => false,
            Fault::Full => true,
            Fault::FailOn | Fault::FullOn => step >= at,
            _ => step == at,
        };
        if due { fault } else { Fault::None }
    }

    pub fn fire(&self) {
        self.fired.fetch_add(1, Ordering::SeqCst);
    }

    /// The armed fault; none if nothing is armed.
    pub fn fault(&self) -> Option<Fault> {
        if self.armed.load(Ordering::SeqCst) == 0 {
            return None;
        }
        let fault = self.fault.load(Ordering::SeqCst);
        Fault::ALL.into_iter().find(|known| *known as u64 == fault)
    }

    /// Whether a fault that stays from its step on has begun.
    pub fn has_begun(&self) -> bool {
        self.steps.load(Ordering::SeqCst) + 1 >= self.at.load(Ordering::SeqCst)
    }

    pub fn steps(&self) -> u64 {
        self.steps.load(Ordering::SeqCst)
    }

    pub fn fired(&self) -> u64 {
        self.fired.load(Ordering::SeqCst)
    }

    /// Free bytes, below 0 where the last block went beyond.
    pub fn free(&self) -> i64 {
        self.free.load(Ordering::SeqCst)
    }

    pub fn total(&self) -> u64 {
        self.total.load(Ordering::SeqCst)
    }

    pub fn set_free(&self, bytes: u64) {
        self.free.store(i64::try_from(bytes).unwrap_or(i64::MAX), Ordering::SeqCst);
    }

    pub fn take(&self, bytes: i64) {
        self.free.fetch_sub(bytes, Ordering::SeqCst);
    }
}
