//! Group commit: one thread that orders, checks and writes all batches, so that many of them
//! share a sync. Everything that engines have in common is here; the databases differ below
//! [`Backend`].

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::backend::{Backend, WriteFailure, Writes};
use super::batch::{Check, Write};
use super::delegate::delegate_reader;
use super::pending::{self, Pending};
use super::reads::At;
use super::room::Room;
use super::ticket::Completion;
use super::{
    Basis, Batch, Direction, Engine, Epoch, Error, Gauges, KeyRange, KeyValue, MAX_BATCH,
    MailboxNumber, Outcome, Reader, Result, Scanned, Space, Ticket, Value, seal,
};

/// The largest group that is written at once, in bytes, if no single batch is larger.
const MAX_GROUP: usize = MAX_BATCH;

/// How long the writer waits for work before it lets the database rest, or tries to open one
/// again that it could not open.
const IDLE_PAUSE: Duration = Duration::from_secs(1);

/// The longest that the writer waits for more batches to share a sync, however slow the disk.
const MAX_GATHERING: Duration = Duration::from_millis(1);

/// An engine over a database.
pub(super) struct GroupCommit<B: Backend> {
    shared: Arc<Shared<B>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

struct Shared<B> {
    backend: B,
    room: Room,
    queue_bytes: usize,
    state: Mutex<State>,
    /// The queue has work, or the engine closes.
    work: Condvar,
    /// The queue has room again, or the engine closes.
    drained: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    pending: Pending,
    pending_bytes: usize,
    next_number: u64,
    /// Failed batches so far; a [`Basis`] is a value of it.
    failures: u64,
    /// A batch was refused for want of room and none went through since.
    below_floor: bool,
    /// Batches went through below the floor, and their deletes may have left room.
    reclaimable: bool,
    closed: bool,
    /// Batches in each of the last two groups.
    last_groups: [usize; 2],
    /// What the last group took to be written.
    last_write: Duration,
    /// The writer waits for this many batches; 0 if it takes what comes.
    gathering: usize,
    commits: u64,
    syncs: u64,
    /// What writing and syncing took, in all.
    sync_time: Duration,
    reopened: u64,
}

/// A batch in the queue. Its writes share their bytes with [`Pending`].
struct Job {
    number: u64,
    bytes: usize,
    basis: Option<Basis>,
    checks: Vec<Check>,
    writes: Vec<(Space, Value, Option<Value>)>,
    /// It has puts and is not marked as reclaiming.
    grows: bool,
    on_durable: Option<Box<dyn FnOnce() + Send>>,
    completion: Completion,
}

impl<B: Backend> GroupCommit<B> {
    pub(super) fn start(backend: B, room: Room, queue_bytes: usize) -> Result<GroupCommit<B>> {
        let shared = Arc::new(Shared {
            backend,
            room,
            queue_bytes,
            state: Mutex::default(),
            work: Condvar::new(),
            drained: Condvar::new(),
        });
        let writer = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn({
                let shared = shared.clone();
                move || shared.run()
            })
            .map_err(|error| Error::io("start the writer thread of", "engine".as_ref(), error))?;
        Ok(GroupCommit { shared, writer: Mutex::new(Some(writer)) })
    }

    pub(super) fn backend(&self) -> &B {
        &self.shared.backend
    }
}

delegate_reader!(impl[B: Backend] GroupCommit<B>, |this| this.shared.at(None));

impl<B: Backend> Engine for GroupCommit<B> {
    fn snapshot(&self) -> Result<Box<dyn Reader + Send + Sync>> {
        Ok(Box::new(Frozen {
            snapshot: self.shared.backend.snapshot()?,
            shared: self.shared.clone(),
        }))
    }

    fn latest(&self) -> Box<dyn Reader + '_> {
        Box::new(Latest(&self.shared))
    }

    fn basis(&self) -> Basis {
        Basis(self.shared.state.lock().failures)
    }

    fn enqueue(&self, batch: Batch) -> Result<Ticket> {
        self.shared.enqueue(batch)
    }

    fn lease(&self, mailbox: MailboxNumber) -> Result<Epoch> {
        let key = lease_key(mailbox);
        loop {
            let mut batch = Batch::reclaiming();
            let epoch = match self.get(Space::Directory, &key)? {
                Some(value) => {
                    let epoch = epoch_of(&value, &key)?;
                    batch.check_equals(Space::Directory, key, value);
                    Epoch(epoch.0 + 1)
                }
                None => {
                    batch.check_absent(Space::Directory, key);
                    Epoch(1)
                }
            };
            batch.put(Space::Directory, key, epoch.0.to_be_bytes());
            if self.commit(batch)?.is_committed() {
                return Ok(epoch);
            }
        }
    }

    fn flush(&self) -> Result<()> {
        self.shared.backend.flush()
    }

    fn compact(&self) -> Result<()> {
        self.shared.backend.reclaim(0)
    }

    fn close(&self) -> Result<()> {
        let Some(writer) = self.writer.lock().take() else {
            return Ok(());
        };
        self.shared.close();
        // The writer's panics are caught or answered by its guard; there is nothing to add here.
        let _ = writer.join();
        self.shared.backend.shutdown()
    }

    fn gauges(&self) -> Gauges {
        let mut gauges = Gauges::default();
        {
            let state = self.shared.state.lock();
            gauges.pending_bytes = state.pending_bytes as u64;
            gauges.commits = state.commits;
            gauges.syncs = state.syncs;
            gauges.sync_time = state.sync_time;
            gauges.reopened = state.reopened;
            gauges.below_floor = state.below_floor;
        }
        gauges.free_bytes = self.shared.room.free();
        self.shared.backend.gauges(&mut gauges);
        gauges
    }
}

impl<B: Backend> Drop for GroupCommit<B> {
    fn drop(&mut self) {
        let _ = self.close();
    }
}

/// A snapshot.
struct Frozen<B: Backend> {
    snapshot: B::Snapshot,
    shared: Arc<Shared<B>>,
}

delegate_reader!(impl[B: Backend] Frozen<B>, |this| this.shared.at(Some(&this.snapshot)));

/// The durable state with the pending writes laid over it.
struct Latest<'a, B>(&'a Shared<B>);

impl<B: Backend> Reader for Latest<'_, B> {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Value>> {
        // Pending first: a write leaves it only after it is visible in the database.
        let pending = self.0.state.lock().pending.get(space, key);
        match pending {
            Some(value) => Ok(value),
            None => self.0.at(None).get(space, key),
        }
    }

    fn contains(&self, space: Space, key: &[u8]) -> Result<bool> {
        let pending = self.0.state.lock().pending.get(space, key);
        match pending {
            Some(value) => Ok(value.is_some()),
            None => self.0.at(None).contains(space, key),
        }
    }

    fn scan(
        &self,
        space: Space,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<KeyValue>> {
        let pending = self.0.state.lock().pending.range(space, range);
        let wanted = limit.saturating_add(pending.len());
        let durable = self.0.at(None).scan(space, range, direction, wanted)?;
        Ok(pending::merge(durable, pending, direction, limit))
    }

    fn scan_each(&self, space: Space, range: &KeyRange, limit: usize) -> Result<Vec<Scanned>> {
        let pending = self.0.state.lock().pending.range(space, range);
        let wanted = limit.saturating_add(pending.len());
        let durable = self.0.at(None).scan_each(space, range, wanted)?;
        let pending = pending.into_iter().map(|(key, value)| (key, value.map(Ok))).collect();
        Ok(pending::merge(durable, pending, Direction::Forward, limit))
    }

    fn get_unverified(&self, space: Space, key: &[u8]) -> Result<Option<Value>> {
        let pending = self.0.state.lock().pending.get(space, key);
        match pending {
            Some(value) => Ok(value),
            None => self.0.at(None).get_unverified(space, key),
        }
    }
}

impl<B: Backend> Shared<B> {
    /// Reads of a snapshot, or of the newest durable state.
    fn at<'a>(&'a self, snapshot: Option<&'a B::Snapshot>) -> At<'a, B> {
        At { backend: &self.backend, snapshot }
    }

    fn enqueue(&self, batch: Batch) -> Result<Ticket> {
        batch.validate()?;
        let (completion, ticket) = Completion::new();
        let mut job = Job::new(batch, completion);
        let mut state = self.state.lock();
        if state.below_floor && job.grows {
            // Refused at the door, so that refused batches do not become part of what
            // `latest` shows, and their failures do not disturb those that make room.
            drop(state);
            if let Some(refusal) = self.room.refusal() {
                return Err(refusal);
            }
            state = self.state.lock();
        }
        while !state.closed
            && state.pending_bytes > 0
            && state.pending_bytes + job.bytes > self.queue_bytes
        {
            self.drained.wait(&mut state);
        }
        if state.closed {
            return Err(Error::Closed);
        }
        job.number = state.next_number;
        state.next_number += 1;
        state.pending_bytes += job.bytes;
        for (space, key, value) in &job.writes {
            let (key, value) = (key.clone(), value.clone());
            state.pending.add(job.number, *space, key, value);
        }
        state.queue.push_back(job);
        let enough = state.queue.len() >= state.gathering;
        drop(state);
        if enough {
            self.work.notify_one();
        }
        Ok(ticket)
    }

    fn close(&self) {
        self.state.lock().closed = true;
        self.work.notify_all();
        self.drained.notify_all();
    }

    /// The writer thread.
    fn run(&self) {
        // Whatever ends this thread, nobody must wait for it.
        struct Farewell<'a, B>(&'a Shared<B>);
        impl<B> Drop for Farewell<'_, B> {
            fn drop(&mut self) {
                let mut state = self.0.state.lock();
                state.closed = true;
                let orphans = std::mem::take(&mut state.queue);
                drop(state);
                drop(orphans);
                self.0.drained.notify_all();
            }
        }
        let _farewell = Farewell(self);
        while let Some(group) = self.next_group() {
            self.commit_group(group);
        }
    }

    /// Waits for work and takes as much as fits in a group; nothing when the engine closes.
    fn next_group(&self) -> Option<Vec<Job>> {
        let mut state = self.state.lock();
        let mut resting = false;
        while state.queue.is_empty() {
            if state.closed {
                return None;
            }
            if resting && self.backend.is_open() {
                self.work.wait(&mut state);
                continue;
            }
            if !self.work.wait_for(&mut state, IDLE_PAUSE).timed_out() {
                continue;
            }
            let reclaim = std::mem::take(&mut state.reclaimable);
            resting = MutexGuard::unlocked(&mut state, || {
                if !self.backend.is_open() {
                    // An earlier recovery failed: readers wait for the next one.
                    return self.recover().is_ok();
                }
                if reclaim {
                    // Without success the disk stays full, and who asks for room is told so.
                    let _ = self.backend.reclaim(self.room.free().unwrap_or(0));
                }
                matches!(self.backend.rest(), Ok(false))
            });
        }
        self.gather(&mut state);
        let mut group = Vec::new();
        let mut bytes = 0;
        while let Some(job) = state.queue.front() {
            if !group.is_empty() && bytes + job.bytes > MAX_GROUP {
                break;
            }
            bytes += job.bytes;
            group.extend(state.queue.pop_front());
        }
        Some(group)
    }

    /// Waits a moment for more batches to share the sync. Never longer than a write takes.
    fn gather(&self, state: &mut MutexGuard<'_, State>) {
        let wanted = worth_waiting_for(state.last_groups);
        if state.queue.len() >= wanted {
            return;
        }
        let until = Instant::now() + state.last_write.min(MAX_GATHERING);
        state.gathering = wanted;
        while state.queue.len() < wanted
            && !state.closed
            && !self.work.wait_until(state, until).timed_out()
        {}
        state.gathering = 0;
    }

    fn commit_group(&self, group: Vec<Job>) {
        let began = Instant::now();
        let mut verdicts = self.write_group(&group);
        let mut state = self.state.lock();
        state.last_write = began.elapsed();
        state.last_groups = [state.last_groups[1], group.len()];
        for (job, verdict) in group.iter().zip(&verdicts) {
            for (space, key, _) in &job.writes {
                state.pending.remove(job.number, *space, key);
            }
            state.pending_bytes -= job.bytes;
            match verdict {
                Ok(Outcome::Committed) => {
                    state.commits += 1;
                    state.below_floor &= !job.grows;
                    state.reclaimable = state.below_floor;
                }
                Err(Error::DiskFull { .. }) => {
                    state.failures += 1;
                    state.below_floor = true;
                }
                _ => state.failures += 1,
            }
        }
        drop(state);
        self.drained.notify_all();
        // All hooks before the first waiter, so that who waited finds every hook of the commits
        // up to its own done.
        let mut completions = Vec::with_capacity(group.len());
        for (job, verdict) in group.into_iter().zip(verdicts.drain(..)) {
            if let (Some(hook), Ok(Outcome::Committed)) = (job.on_durable, &verdict) {
                // The panic was reported by the panic hook; the commit stands.
                let _ = catch_unwind(AssertUnwindSafe(hook));
            }
            completions.push((job.completion, verdict));
        }
        for (completion, verdict) in completions {
            completion.finish(verdict);
        }
    }

    /// Checks and writes a group. The database is usable again when this returns, if it can be.
    fn write_group(&self, group: &[Job]) -> Vec<Result<Outcome>> {
        let mut full = None;
        let mut attempts = 0;
        loop {
            if !self.backend.is_open()
                && let Err(error) = self.recover()
            {
                return group.iter().map(|_| Err(error.clone())).collect();
            }
            let refusal = full.clone().or_else(|| self.room.refusal());
            let full_disk = refusal.is_some();
            let (writes, verdicts) = self.judge(group, refusal);
            if writes.is_empty() {
                return verdicts;
            }
            if full_disk {
                // What is left makes room, and that is what the reserve is for.
                self.room.release();
            }
            attempts += 1;
            let begun = Instant::now();
            let failure = match self.backend.write(&writes) {
                Ok(()) => {
                    let mut state = self.state.lock();
                    state.syncs += 1;
                    state.sync_time += begun.elapsed();
                    return verdicts;
                }
                Err(failure) => failure,
            };
            let error = match failure {
                WriteFailure::Full(error) => {
                    // Again, with only what makes room.
                    full = Some(self.room.disk_full(self.room.free().unwrap_or(0)));
                    error
                }
                WriteFailure::Poisoned(error) => error,
                // The same bytes would fail again, or not be trusted.
                WriteFailure::Failed(error) => {
                    attempts = usize::MAX;
                    error
                }
            };
            let recovered = self.recover();
            if attempts >= 3 || recovered.is_err() {
                let answer = match (&full, recovered) {
                    (Some(full), _) => full.clone(),
                    (None, Err(error)) => error,
                    (None, Ok(())) => error,
                };
                return verdicts
                    .into_iter()
                    .map(|verdict| match verdict {
                        Ok(Outcome::Committed) => Err(answer.clone()),
                        other => other,
                    })
                    .collect();
            }
        }
    }

    fn recover(&self) -> Result<()> {
        if let Err(error) = self.backend.recover() {
            if self.room.refusal().is_none() || !self.room.release() {
                return Err(error);
            }
            self.backend.recover()?;
        }
        self.state.lock().reopened += 1;
        Ok(())
    }

    /// Evaluates each batch after those before it; gives the writes of all that pass.
    fn judge(&self, group: &[Job], refusal: Option<Error>) -> (Writes, Vec<Result<Outcome>>) {
        let mut failures = self.state.lock().failures;
        let mut writes = Writes::new();
        let mut verdicts = Vec::with_capacity(group.len());
        for job in group {
            let verdict = match &refusal {
                _ if job.basis.is_some_and(|basis| basis.0 < failures) => {
                    Ok(Outcome::Conflict { check: job.checks.len() })
                }
                Some(refusal) if job.grows => Err(refusal.clone()),
                _ => self.evaluate(job, &writes),
            };
            if let Ok(Outcome::Committed) = verdict {
                for (space, key, value) in &job.writes {
                    let sealed = value.as_ref().map(|value| seal::seal(*space, key, value));
                    writes.insert((*space, key.clone()), sealed);
                }
            } else {
                failures += 1;
            }
            verdicts.push(verdict);
        }
        (writes, verdicts)
    }

    fn evaluate(&self, job: &Job, before: &Writes) -> Result<Outcome> {
        let current =
            |space: Space, key: &[u8]| match before.get(&(space, Value::copy_from_slice(key))) {
                Some(Some(sealed)) => seal::open(space, key, sealed.clone()).map(Some),
                Some(None) => Ok(None),
                None => self.at(None).get(space, key),
            };
        let present =
            |space: Space, key: &[u8]| match before.get(&(space, Value::copy_from_slice(key))) {
                Some(value) => Ok(value.is_some()),
                None => self.backend.contains(None, space, key),
            };
        for (index, check) in job.checks.iter().enumerate() {
            let holds = match check {
                Check::Equals(space, key, value) => {
                    current(*space, key)?.is_some_and(|current| current == *value)
                }
                Check::Absent(space, key) => !present(*space, key)?,
                Check::Present(space, key) => present(*space, key)?,
                Check::Epoch(mailbox, epoch) => {
                    let key = lease_key(*mailbox);
                    match current(Space::Directory, &key)? {
                        Some(value) => epoch_of(&value, &key)? == *epoch,
                        None => false,
                    }
                }
            };
            if !holds {
                return Ok(Outcome::Conflict { check: index });
            }
        }
        Ok(Outcome::Committed)
    }
}

impl Job {
    fn new(batch: Batch, completion: Completion) -> Job {
        let bytes = batch.size_bytes();
        let puts = batch.writes.iter().any(|write| write.value.is_some());
        Job {
            number: 0,
            bytes,
            basis: batch.basis,
            grows: puts && !batch.reclaiming,
            checks: batch.checks,
            writes: batch
                .writes
                .into_iter()
                .map(|Write { space, key, value }| (space, key.into(), value.map(Value::from)))
                .collect(),
            on_durable: batch.on_durable,
            completion,
        }
    }
}

/// How many batches the next group should have. Whoever committed in the last two groups is likely to be back
/// soon; half of them can share a sync while the other half is answered. One client, or two in turns, wait
/// for nobody.
fn worth_waiting_for(last_groups: [usize; 2]) -> usize {
    last_groups.iter().sum::<usize>().div_ceil(2)
}

/// Leases stand in the directory space under a first byte that no account, address or grant
/// begins with.
fn lease_key(mailbox: MailboxNumber) -> [u8; 14] {
    let mut key = *b"\xFFlease\0\0\0\0\0\0\0\0";
    key[6..].copy_from_slice(&mailbox.0.to_be_bytes());
    key
}

fn epoch_of(value: &[u8], key: &[u8]) -> Result<Epoch> {
    let bytes = value.try_into().map_err(|_| Error::Corrupt {
        space: Space::Directory,
        key: key.to_vec(),
        reason: "an epoch has 8 bytes",
    })?;
    Ok(Epoch(u64::from_be_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::worth_waiting_for;

    #[test]
    fn only_a_crowd_is_waited_for() {
        assert_eq!([[0, 0], [0, 1], [1, 1]].map(worth_waiting_for), [0, 1, 1]);
        assert_eq!([[1, 2], [4, 4], [7, 1]].map(worth_waiting_for), [2, 4, 4]);
    }
}
