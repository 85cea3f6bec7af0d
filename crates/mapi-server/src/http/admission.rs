//! Bytes of requests and responses: admitted before they are read, given back when they are sent.
//!
//! INVARIANT: a request's body is not read before its length, and room for an ordinary answer, are admitted.
//! So however many clients send however slowly, their bodies together stay below the bound; and one user has
//! a quarter of it at most.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Permits are kibibytes.
const UNIT: u64 = 1024;
/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(30);
/// Responses up to this size are what the connection's own buffers hold.
const SMALL: usize = 4 * 1024;

/// The bound.
pub struct Admission {
    all: Arc<Semaphore>,
    total: u32,
}

/// One user's part of it.
pub type Part = Arc<Semaphore>;

/// Bytes that were admitted; given back by Drop.
#[derive(Debug)]
pub struct Permit {
    all: OwnedSemaphorePermit,
    own: OwnedSemaphorePermit,
}

/// There was no room within the time that a request may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

impl Admission {
    pub fn new(bytes: u64) -> Admission {
        let total = units(bytes).max(4);
        Admission { all: Arc::new(Semaphore::new(total as usize)), total }
    }

    pub fn bound(&self) -> u64 {
        u64::from(self.total) * UNIT
    }

    pub fn used(&self) -> u64 {
        self.bound() - self.all.available_permits() as u64 * UNIT
    }

    /// What one user may have.
    pub fn part(&self) -> Part {
        Arc::new(Semaphore::new(self.part_units() as usize))
    }

    /// Waits until there is room for `bytes` bytes. More than a user's part is cut to it: then the request is
    /// the only one of its user.
    ///
    /// # Errors
    /// [`Full`] after half a minute.
    pub async fn admit(&self, part: &Part, bytes: u64) -> Result<Permit, Full> {
        let wanted = units(bytes).clamp(1, self.part_units());
        if let Some(permit) = self.try_admit(part, wanted) {
            return Ok(permit);
        }
        // His own part first: who waits for himself does not stand before others.
        let wait = async {
            let own = Arc::clone(part).acquire_many_owned(wanted).await.ok()?;
            let all = Arc::clone(&self.all).acquire_many_owned(wanted).await.ok()?;
            Some(Permit { all, own })
        };
        tokio::time::timeout(PATIENCE, wait).await.ok().flatten().ok_or(Full)
    }

    /// More for a request that is admitted, if there is room now.
    pub fn try_grow(&self, permit: &mut Permit, part: &Part, bytes: u64) -> bool {
        let Some(more) = self.try_admit(part, units(bytes)) else { return false };
        permit.all.merge(more.all);
        permit.own.merge(more.own);
        true
    }

    fn try_admit(&self, part: &Part, units: u32) -> Option<Permit> {
        let own = Arc::clone(part).try_acquire_many_owned(units).ok()?;
        let all = Arc::clone(&self.all).try_acquire_many_owned(units).ok()?;
        Some(Permit { all, own })
    }

    fn part_units(&self) -> u32 {
        self.total / 4
    }
}

impl Permit {
    /// Gives back what goes beyond `bytes` bytes.
    fn shrink(&mut self, bytes: u64) {
        let kept = units(bytes) as usize;
        for permit in [&mut self.all, &mut self.own] {
            let more = permit.num_permits().saturating_sub(kept);
            drop(permit.split(more));
        }
    }

    /// A response that is admitted until it is sent or given up.
    pub fn keep(mut self, response: Vec<u8>) -> Bytes {
        if response.len() <= SMALL {
            return response.into();
        }
        self.shrink(response.len() as u64);
        Bytes::from_owner(Kept { response, _permit: self })
    }
}

struct Kept {
    response: Vec<u8>,
    _permit: Permit,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.response
    }
}

fn units(bytes: u64) -> u32 {
    // As many permits as a semaphore has at most, and more than there is memory.
    const MOST: u64 = u32::MAX as u64 >> 3;
    bytes.div_ceil(UNIT).min(MOST) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(future)
    }

    #[test]
    fn a_response_keeps_what_it_needs_until_it_is_gone() {
        let admission = Admission::new(1 << 20);
        let part = admission.part();
        let permit = block_on(admission.admit(&part, 200 << 10)).expect("room");
        assert_eq!(admission.used(), 200 << 10);
        let response = permit.keep(vec![7; 50_000]);
        assert_eq!(admission.used(), 49 << 10);
        assert!(response.iter().all(|byte| *byte == 7));
        let piece = response.slice(10..20);
        drop(response);
        assert_eq!(admission.used(), 49 << 10);
        drop(piece);
        assert_eq!(admission.used(), 0);
        let small = block_on(admission.admit(&part, 200 << 10)).expect("room").keep(vec![1; 4096]);
        assert_eq!((admission.used(), small.len()), (0, 4096));
    }

    #[test]
    fn one_user_leaves_room_for_others() {
        let admission = Admission::new(1 << 20);
        let (greedy, other) = (admission.part(), admission.part());
        let mut held = block_on(admission.admit(&greedy, 100 << 20)).expect("cut to his part");
        assert_eq!(admission.used(), 256 << 10);
        assert!(!admission.try_grow(&mut held, &greedy, 1));
        assert!(admission.try_admit(&greedy, 1).is_none());
        let mut another = block_on(admission.admit(&other, 1)).expect("room");
        assert!(admission.try_grow(&mut another, &other, 100 << 10));
        assert_eq!(admission.used(), 357 << 10);
        drop((held, another));
        assert_eq!(admission.used(), 0);
    }
}
