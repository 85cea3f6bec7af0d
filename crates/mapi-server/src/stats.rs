//! How often what was done since the start, and how long it took.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mapi_rop::RopId;
use mapi_rop::http::{RequestType, ResponseCode};

/// Upper bounds of the histograms, in microseconds: from what a lookup in memory takes to what a person calls
/// hanging.
pub const BOUNDS: [u64; 10] =
    [100, 500, 1_000, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000];

/// How many took how long.
#[derive(Debug, Default)]
pub struct Histogram {
    /// One for each bound, and one for what took longer.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    nanos: AtomicU64,
}

impl Histogram {
    pub fn count(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.iter().position(|bound| micros <= *bound).unwrap_or(BOUNDS.len());
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    pub fn read(&self) -> Counts {
        let buckets = std::array::from_fn(|index| self.buckets[index].load(Ordering::Relaxed));
        Counts { buckets, nanos: self.nanos.load(Ordering::Relaxed) }
    }
}

/// A state of a [`Histogram`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    pub buckets: [u64; BOUNDS.len() + 1],
    pub nanos: u64,
}

impl Counts {
    pub fn total(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

/// A ROP's numbers.
#[derive(Debug, Default)]
pub struct RopStats {
    pub took: Histogram,
    pub failed: AtomicU64,
}

/// A request type's numbers.
#[derive(Debug, Default)]
pub struct RequestStats {
    /// From the head of the request to the head of the response.
    pub took: Histogram,
}

const REQUEST_TYPES: usize = RequestType::ALL.len();
/// The codes of [MS-OXCMAPIHTTP] 2.2.3.3.3, and one place for those that it does not name.
const CODES: usize = 32;

/// The numbers of a server.
#[derive(Debug)]
pub struct Stats {
    /// By RopId.
    rops: Box<[RopStats; 256]>,
    requests: [RequestStats; REQUEST_TYPES],
    /// By X-ResponseCode.
    codes: [AtomicU64; CODES],
    /// Requests without credentials that are right.
    pub unauthorized: AtomicU64,
    /// Requests that found a queue or the budget of requests full.
    pub busy: AtomicU64,
    /// Passwords that were verified, and how long each took.
    pub passwords: Histogram,
    /// Sessions that were made.
    pub connects: AtomicU64,
    /// Sessions that were idle for too long and were ended.
    pub reaped: AtomicU64,
    /// Notifications that wait to be told.
    pub queued: Arc<AtomicU64>,
    /// Those that were told.
    pub notified: AtomicU64,
    /// Those of modifications that a later one of the same object stood for.
    pub notifications_merged: AtomicU64,
    /// How often a session was so late that the change log had been trimmed meanwhile.
    pub notifications_lost: AtomicU64,
    /// Bytes of ROP buffers that came and went.
    pub received: AtomicU64,
    pub sent: AtomicU64,
}

impl Default for Stats {
    fn default() -> Self {
        Stats {
            rops: Box::new(std::array::from_fn(|_| RopStats::default())),
            requests: Default::default(),
            codes: Default::default(),
            unauthorized: AtomicU64::new(0),
            busy: AtomicU64::new(0),
            passwords: Histogram::default(),
            connects: AtomicU64::new(0),
            reaped: AtomicU64::new(0),
            queued: Arc::default(),
            notified: AtomicU64::new(0),
            notifications_merged: AtomicU64::new(0),
            notifications_lost: AtomicU64::new(0),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
        }
    }
}

impl Stats {
    pub fn rop(&self, id: RopId) -> &RopStats {
        &self.rops[usize::from(id as u8)]
    }

    pub fn request(&self, kind: RequestType) -> &RequestStats {
        let index = RequestType::ALL.iter().position(|known| *known == kind);
        &self.requests[index.unwrap_or_default()]
    }

    pub fn code(&self, code: ResponseCode) -> &AtomicU64 {
        let value = usize::try_from(code.value()).unwrap_or(usize::MAX);
        &self.codes[value.min(CODES - 1)]
    }
}

/// Counts one more.
pub fn count(number: &AtomicU64) {
    add(number, 1);
}

pub fn add(number: &AtomicU64, amount: u64) {
    number.fetch_add(amount, Ordering::Relaxed);
}

pub fn get(number: &AtomicU64) -> u64 {
    number.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_counts_in_the_first_bucket_that_takes_it() {
        let histogram = Histogram::default();
        for micros in [1, 100, 101, 5_000_001] {
            histogram.count(Duration::from_micros(micros));
        }
        let counts = histogram.read();
        assert_eq!((counts.buckets[0], counts.buckets[1], counts.buckets[10]), (2, 1, 1));
        assert_eq!((counts.total(), counts.nanos), (4, 5_000_203_000));
    }

    #[test]
    fn codes_without_a_name_share_a_place() {
        let stats = Stats::default();
        count(stats.code(ResponseCode::Unknown(u32::MAX)));
        count(stats.code(ResponseCode::InvalidSequence));
        assert_eq!(get(stats.code(ResponseCode::Unknown(99))), 1);
        assert_eq!(get(stats.code(ResponseCode::InvalidSequence)), 1);
    }
}
