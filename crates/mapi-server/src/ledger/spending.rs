//! What a user may write within an hour: a client that goes round in a loop (KB2814847) fills logs and backups for
//! all others.

use mapi::FileTime;
use parking_lot::Mutex;

use super::tally::Verdict;

/// Units of a [`FileTime`] in an hour.
const HOUR: u64 = 3_600 * 10_000_000;

/// A bucket that runs empty within an hour, whatever is in it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bucket {
    /// Writes times [`HOUR`], so that nothing is lost by rounding.
    spent: u64,
    at: FileTime,
    /// Four fifths were used, or something was refused, and the use did not fall below half since.
    near: bool,
    refused: bool,
}

impl Bucket {
    /// One more write, of at most `most` an hour; how many there were in it before.
    pub(super) fn spend(&mut self, now: FileTime, most: u64) -> (Verdict, u64) {
        self.run_out(now, most);
        let used = self.spent.div_ceil(HOUR);
        if used < most / 2 {
            (self.near, self.refused) = (false, false);
        }
        if self.spent.saturating_add(HOUR) > most.saturating_mul(HOUR) {
            let first = !std::mem::replace(&mut self.refused, true);
            return (Verdict::Refused { first }, used);
        }
        self.spent += HOUR;
        // A limit of one or two is no limit that comes near.
        let near = (used + 1).saturating_mul(5) >= most.saturating_mul(4) && most > 2;
        match near && !std::mem::replace(&mut self.near, true) {
            true => (Verdict::Near, used + 1),
            false => (Verdict::Fine, used + 1),
        }
    }

    /// A clock that goes back takes nothing out, and begins anew from there.
    fn run_out(&mut self, now: FileTime, most: u64) {
        let passed = now.0.saturating_sub(self.at.0);
        self.spent = self.spent.saturating_sub(passed.saturating_mul(most));
        self.at = now;
    }

    /// What was in another one is in this one as well.
    fn add(&mut self, other: Bucket) {
        self.spent = self.spent.saturating_add(other.spent);
        self.at = self.at.max(other.at);
        self.near |= other.near;
        self.refused |= other.refused;
    }
}

/// Users who left with something in their bucket: whoever comes back at once has it still.
pub(super) struct Left<K> {
    buckets: Mutex<std::collections::HashMap<K, Bucket>>,
}

/// Users who are remembered at most.
const MOST: usize = 4_096;

impl<K> Default for Left<K> {
    fn default() -> Self {
        Left { buckets: Mutex::default() }
    }
}

impl<K: Copy + Eq + std::hash::Hash> Left<K> {
    pub(super) fn take(&self, user: K) -> Bucket {
        self.buckets.lock().remove(&user).unwrap_or_default()
    }

    pub(super) fn keep(&self, user: K, bucket: Bucket, most: u64) {
        if bucket.spent == 0 {
            return;
        }
        let mut buckets = self.buckets.lock();
        buckets.entry(user).or_default().add(bucket);
        if buckets.len() <= MOST {
            return;
        }
        // Those that have run empty by the time of this one; then those with the least.
        buckets.retain(|_, kept| {
            kept.run_out(bucket.at.max(kept.at), most);
            kept.spent > 0
        });
        while buckets.len() > MOST
            && let Some(least) =
                buckets.iter().min_by_key(|(_, kept)| kept.spent).map(|(user, _)| *user)
        {
            buckets.remove(&least);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 10_000_000;

    fn spend(bucket: &mut Bucket, second: u64, most: u64) -> Verdict {
        bucket.spend(FileTime(HOUR + second * SECOND), most).0
    }

    #[test]
    fn a_bucket_warns_refuses_and_runs_empty() {
        let mut bucket = Bucket::default();
        let verdicts: Vec<Verdict> = (0..12).map(|_| spend(&mut bucket, 0, 10)).collect();
        assert!(verdicts[..7].iter().all(|verdict| *verdict == Verdict::Fine), "{verdicts:?}");
        let rest = [
            Verdict::Near,
            Verdict::Fine,
            Verdict::Fine,
            Verdict::Refused { first: true },
            Verdict::Refused { first: false },
        ];
        assert_eq!(verdicts[7..], rest);
        // One every six minutes, and not a second earlier.
        assert_eq!(spend(&mut bucket, 359, 10), Verdict::Refused { first: false });
        assert_eq!(spend(&mut bucket, 360, 10), Verdict::Fine);
        assert_eq!(spend(&mut bucket, 361, 10), Verdict::Refused { first: false });
        // After an hour all of it is there, and what is told once is told again.
        let verdicts: Vec<Verdict> = (0..11).map(|_| spend(&mut bucket, 4_000, 10)).collect();
        assert_eq!(verdicts[7], Verdict::Near);
        assert_eq!(verdicts[10], Verdict::Refused { first: true });
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing_and_takes_nothing() {
        let mut bucket = Bucket::default();
        for _ in 0..10 {
            spend(&mut bucket, 5_000, 10);
        }
        assert_eq!(spend(&mut bucket, 0, 10), Verdict::Refused { first: true });
        assert_eq!(spend(&mut bucket, 360, 10), Verdict::Fine);
    }

    #[test]
    fn no_limit_overflows() {
        let mut bucket = Bucket::default();
        assert_eq!(spend(&mut bucket, 0, u64::MAX), Verdict::Fine);
        assert_eq!(spend(&mut bucket, 1, u64::MAX), Verdict::Fine);
        assert_eq!(spend(&mut Bucket::default(), 0, 0), Verdict::Refused { first: true });
    }

    #[test]
    fn who_comes_back_has_what_was_left_and_there_is_a_bound() {
        let left = Left::default();
        let mut bucket = Bucket::default();
        for _ in 0..10 {
            spend(&mut bucket, 0, 10);
        }
        left.keep(1, bucket, 10);
        assert_eq!(spend(&mut left.take(1), 0, 10), Verdict::Refused { first: true });
        assert_eq!(spend(&mut left.take(1), 0, 10), Verdict::Fine);
        left.keep(1, bucket, 10);
        let mut little = Bucket::default();
        spend(&mut little, 0, 10);
        (2..MOST + 100).for_each(|user| left.keep(user, little, 10));
        assert_eq!(left.buckets.lock().len(), MOST);
        assert_eq!(spend(&mut left.take(1), 0, 10), Verdict::Refused { first: true });
        // An hour later those that have run empty go.
        let mut late = Bucket::default();
        spend(&mut late, 4_000, 10);
        (0..200).for_each(|user| left.keep(MOST + 200 + user, late, 10));
        assert!(left.buckets.lock().len() <= 200);
    }
}
