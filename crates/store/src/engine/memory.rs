//! An engine in memory, for tests: it means the same as the embedded one, and can lose its power.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use super::backend::{Backend, WriteFailure, Writes};
use super::group::GroupCommit;
use super::room::Room;
use super::{
    Basis, Batch, Direction, Engine, Epoch, Error, Gauges, Key, KeyRange, KeyValue, MailboxNumber,
    Options, Page, Reader, Result, Space, Ticket, Value,
};

/// An engine that keeps everything in memory, apart what is durable from what is not.
///
/// It answers a commit when the batch is "synced", and [`hold_syncs`](Self::hold_syncs) lets a
/// test stand between the two. [`simulate_power_loss`](Self::simulate_power_loss) gives the
/// engine as it would come up again: acknowledged batches, none of the others, or as many whole
/// groups of them as the test asks for.
pub struct MemoryEngine {
    core: GroupCommit<MemoryBackend>,
}

impl MemoryEngine {
    /// An empty engine without limits of room.
    pub fn new() -> MemoryEngine {
        MemoryEngine::with_options(&Options::default())
    }

    /// An empty engine; of the options, the floor, the probe and the queue's bound count.
    pub fn with_options(options: &Options) -> MemoryEngine {
        MemoryEngine::over(Disk::default(), options)
    }

    /// From now on no sync ends, and no commit returns, until [`release_syncs`](Self::release_syncs).
    pub fn hold_syncs(&self) {
        self.core.backend().gate.lock().held = true;
    }

    /// Lets syncs end again.
    pub fn release_syncs(&self) {
        let backend = self.core.backend();
        backend.gate.lock().held = false;
        backend.opened.notify_all();
    }

    /// Groups of batches that are written and wait for a held sync: none or one.
    pub fn unsynced_groups(&self) -> usize {
        self.core.backend().gate.lock().unsynced.len()
    }

    /// The power fails. Waiters get errors; the engine that comes back holds what was synced,
    /// and with `unsynced_survive` also the group whose sync had not ended (both happen to real
    /// disks).
    pub fn simulate_power_loss(&self, unsynced_survive: bool) -> MemoryEngine {
        let backend = self.core.backend();
        let survivors = {
            let mut gate = backend.gate.lock();
            gate.dead = true;
            backend.opened.notify_all();
            if unsynced_survive { std::mem::take(&mut gate.unsynced) } else { Vec::new() }
        };
        let mut disk = backend.disk.lock().durable_copy();
        for writes in survivors {
            disk.apply(&writes);
        }
        MemoryEngine::over(disk, &Options::default())
    }

    /// Makes the next sync fail as a broken disk would.
    pub fn fail_next_sync(&self) {
        self.fail_sync_after(0);
    }

    /// Lets so many syncs go well and makes the one after them fail, and none behind it.
    pub fn fail_sync_after(&self, syncs: u64) {
        self.core.backend().gate.lock().fail_after = Some(syncs);
    }

    /// Takes the failure back that no sync met; true if there was one.
    pub fn fail_no_sync(&self) -> bool {
        self.core.backend().gate.lock().fail_after.take().is_some()
    }

    /// Damages the stored value of a key; true if there is one.
    pub fn corrupt(&self, space: Space, key: &[u8]) -> bool {
        let mut disk = self.core.backend().disk.lock();
        let versions = disk.spaces[space as usize].get_mut(key);
        let Some(Some(value)) = versions.and_then(|versions| Some(&mut versions.last_mut()?.1))
        else {
            return false;
        };
        let mut damaged = value.to_vec();
        damaged[0] ^= 1;
        *value = damaged.into();
        true
    }

    fn over(disk: Disk, options: &Options) -> MemoryEngine {
        let backend = MemoryBackend {
            disk: Arc::new(Mutex::new(disk)),
            gate: Mutex::default(),
            opened: Condvar::new(),
        };
        let core = GroupCommit::start(backend, Room::unlimited(options), options.queue_bytes)
            .expect("a thread can be started");
        MemoryEngine { core }
    }
}

impl Drop for MemoryEngine {
    fn drop(&mut self) {
        // The writer must be able to end.
        self.release_syncs();
    }
}

impl Default for MemoryEngine {
    fn default() -> MemoryEngine {
        MemoryEngine::new()
    }
}

super::delegate::delegate_engine!(MemoryEngine);

struct MemoryBackend {
    disk: Arc<Mutex<Disk>>,
    gate: Mutex<Gate>,
    opened: Condvar,
}

/// What stands between a write and its durability.
#[derive(Default)]
struct Gate {
    held: bool,
    /// Syncs that go well before one fails.
    fail_after: Option<u64>,
    dead: bool,
    unsynced: Vec<Writes>,
}

/// The values of a key, each with the number of the group that wrote it.
type Versions = Vec<(u64, Option<Value>)>;

/// The durable state: for each key its versions, oldest first, as long as a snapshot needs them.
#[derive(Default)]
struct Disk {
    spaces: [BTreeMap<Key, Versions>; Space::ALL.len()],
    version: u64,
    /// Live snapshots by version.
    snapshots: BTreeMap<u64, usize>,
    /// Writes whose older versions may still be there for a snapshot, oldest first.
    outdated: VecDeque<(u64, Space, Key)>,
    bytes: u64,
}

impl Disk {
    fn apply(&mut self, writes: &Writes) {
        self.version += 1;
        for ((space, key), value) in writes {
            let versions = self.spaces[*space as usize].entry(key.clone()).or_default();
            versions.push((self.version, value.clone()));
            self.bytes += size(key, value);
            self.outdated.push_back((self.version, *space, key.clone()));
        }
        self.prune();
    }

    /// Forgets versions that no snapshot can see.
    fn prune(&mut self) {
        let oldest = self.snapshots.keys().next().copied();
        let oldest = oldest.unwrap_or(self.version);
        while let Some((_, space, key)) =
            self.outdated.pop_front_if(|(version, ..)| *version <= oldest)
        {
            let Some(versions) = self.spaces[space as usize].get_mut(&key) else {
                continue;
            };
            // The newest version that the oldest snapshot sees stays, and all after it.
            let needed = versions.iter().rposition(|(version, _)| *version <= oldest);
            for (_, value) in versions.drain(..needed.unwrap_or(0)) {
                self.bytes -= size(&key, &value);
            }
            if let [(version, None)] = versions[..]
                && version <= oldest
            {
                self.bytes -= size(&key, &None);
                self.spaces[space as usize].remove(&key);
            }
        }
    }

    /// What a snapshot, or without one the newest state, has in a range.
    fn range<'a>(
        &'a self,
        at: Option<&MemorySnapshot>,
        space: Space,
        range: &'a KeyRange,
    ) -> impl DoubleEndedIterator<Item = (&'a Key, &'a Value)> {
        let at = at.map_or(self.version, |at| at.version);
        let to = match &range.to {
            Some(to) => Bound::Excluded(&to[..]),
            None => Bound::Unbounded,
        };
        self.spaces[space as usize]
            .range::<[u8], _>((Bound::Included(&range.from[..]), to))
            .filter_map(move |(key, versions)| Some((key, visible(versions, at)?)))
    }

    fn durable_copy(&self) -> Disk {
        Disk {
            spaces: self.spaces.clone(),
            version: self.version,
            snapshots: BTreeMap::new(),
            outdated: VecDeque::new(),
            bytes: self.bytes,
        }
    }
}

fn size(key: &Key, value: &Option<Value>) -> u64 {
    (key.len() + value.as_ref().map_or(0, Value::len)) as u64
}

fn visible(versions: &[(u64, Option<Value>)], at: u64) -> Option<&Value> {
    let newest = versions.iter().rfind(|(version, _)| *version <= at)?;
    newest.1.as_ref()
}

/// A version that is kept until this is dropped.
struct MemorySnapshot {
    version: u64,
    disk: Arc<Mutex<Disk>>,
}

impl Drop for MemorySnapshot {
    fn drop(&mut self) {
        let mut disk = self.disk.lock();
        if let Some(count) = disk.snapshots.get_mut(&self.version) {
            *count -= 1;
            if *count == 0 {
                disk.snapshots.remove(&self.version);
                disk.prune();
            }
        }
    }
}

impl Backend for MemoryBackend {
    type Snapshot = MemorySnapshot;

    fn get(&self, at: Option<&MemorySnapshot>, space: Space, key: &[u8]) -> Result<Option<Value>> {
        let disk = self.disk.lock();
        let at = at.map_or(disk.version, |at| at.version);
        let versions = disk.spaces[space as usize].get(key);
        Ok(versions.and_then(|versions| visible(versions, at)).cloned())
    }

    fn scan(
        &self,
        at: Option<&MemorySnapshot>,
        space: Space,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<KeyValue>> {
        let disk = self.disk.lock();
        let pairs = disk.range(at, space, range).map(|(key, value)| (key.clone(), value.clone()));
        Ok(match direction {
            Direction::Forward => pairs.take(limit).collect(),
            Direction::Reverse => pairs.rev().take(limit).collect(),
        })
    }

    fn scan_page(
        &self,
        at: Option<&MemorySnapshot>,
        space: Space,
        range: &KeyRange,
        direction: Direction,
        room: usize,
        page: &mut Page,
    ) -> Result<bool> {
        let disk = self.disk.lock();
        let pairs = disk.range(at, space, range).map(Ok);
        match direction {
            Direction::Forward => page.fill(room, pairs),
            Direction::Reverse => page.fill(room, pairs.rev()),
        }
    }

    fn contains(&self, at: Option<&MemorySnapshot>, space: Space, key: &[u8]) -> Result<bool> {
        Ok(self.get(at, space, key)?.is_some())
    }

    fn keys(
        &self,
        at: Option<&MemorySnapshot>,
        space: Space,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Key>> {
        let pairs = self.scan(at, space, range, direction, limit)?;
        Ok(pairs.into_iter().map(|(key, _)| key).collect())
    }

    fn snapshot(&self) -> Result<MemorySnapshot> {
        let mut disk = self.disk.lock();
        let version = disk.version;
        *disk.snapshots.entry(version).or_default() += 1;
        drop(disk);
        Ok(MemorySnapshot { version, disk: self.disk.clone() })
    }

    fn write(&self, writes: &Writes) -> Result<(), WriteFailure> {
        let mut gate = self.gate.lock();
        gate.unsynced.push(writes.clone());
        while gate.held && !gate.dead {
            self.opened.wait(&mut gate);
        }
        if gate.dead {
            return Err(WriteFailure::Failed(Error::Closed));
        }
        let group = gate.unsynced.pop();
        let fails = gate.fail_after == Some(0);
        gate.fail_after = gate.fail_after.and_then(|syncs| syncs.checked_sub(1));
        if fails {
            return Err(WriteFailure::Failed(Error::Database {
                reason: "a sync was made to fail".to_owned(),
            }));
        }
        if let Some(writes) = group {
            self.disk.lock().apply(&writes);
        }
        Ok(())
    }

    fn recover(&self) -> Result<()> {
        if self.gate.lock().dead {
            return Err(Error::Closed);
        }
        Ok(())
    }

    fn is_open(&self) -> bool {
        true
    }

    fn rest(&self) -> Result<bool> {
        Ok(false)
    }

    fn reclaim(&self, _free: u64) -> Result<()> {
        Ok(())
    }

    fn flush(&self) -> Result<()> {
        Ok(())
    }

    fn shutdown(&self) -> Result<()> {
        Ok(())
    }

    fn gauges(&self, gauges: &mut Gauges) {
        gauges.memtable_bytes = self.disk.lock().bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Outcome;

    fn batch(key: &[u8]) -> Batch {
        let mut batch = Batch::new();
        batch.put(Space::Mailbox, key, *b"value");
        batch
    }

    #[test]
    fn power_loss_keeps_what_was_acknowledged() {
        for survives in [false, true] {
            let engine = MemoryEngine::new();
            assert!(engine.commit(batch(b"a")).unwrap().is_committed());
            engine.hold_syncs();
            let ticket = engine.enqueue(batch(b"b")).unwrap();
            while engine.unsynced_groups() == 0 {
                std::thread::yield_now();
            }
            let latest = engine.latest().get(Space::Mailbox, b"b");
            assert_eq!(latest.unwrap().unwrap(), "value");
            assert_eq!(engine.get(Space::Mailbox, b"b").unwrap(), None);
            let again = engine.simulate_power_loss(survives);
            assert!(ticket.wait().is_err());
            assert!(again.get(Space::Mailbox, b"a").unwrap().is_some());
            assert_eq!(again.get(Space::Mailbox, b"b").unwrap().is_some(), survives);
        }
    }

    #[test]
    fn a_failed_sync_leaves_no_trace() {
        let engine = MemoryEngine::new();
        engine.fail_next_sync();
        assert!(engine.commit(batch(b"a")).is_err());
        assert_eq!(engine.get(Space::Mailbox, b"a").unwrap(), None);
        assert_eq!(engine.latest().get(Space::Mailbox, b"a").unwrap(), None);
        assert_eq!(engine.commit(batch(b"a")).unwrap(), Outcome::Committed);
        assert_eq!(engine.gauges().reopened, 1);
    }

    #[test]
    fn a_damaged_value_is_an_error_and_names_its_key() {
        let engine = MemoryEngine::new();
        assert!(engine.commit(batch(b"a")).unwrap().is_committed());
        assert!(engine.corrupt(Space::Mailbox, b"a"));
        let error = engine.get(Space::Mailbox, b"a").unwrap_err();
        assert!(matches!(&error, Error::Corrupt { key, .. } if key == b"a"));
        assert!(error.to_string().contains("61"), "{error}");
    }

    #[test]
    fn old_versions_go_with_their_snapshots() {
        let engine = MemoryEngine::new();
        assert!(engine.commit(batch(b"a")).unwrap().is_committed());
        let snapshot = engine.snapshot().unwrap();
        for _ in 0..10 {
            assert!(engine.commit(batch(b"a")).unwrap().is_committed());
        }
        let mut deletes = Batch::new();
        deletes.delete(Space::Mailbox, *b"a");
        assert!(engine.commit(deletes).unwrap().is_committed());
        assert!(engine.gauges().memtable_bytes > 0);
        drop(snapshot);
        assert_eq!(engine.gauges().memtable_bytes, 0);
    }

    #[test]
    fn below_the_floor_only_what_makes_room_goes_through() {
        use std::sync::atomic::{AtomicU64, Ordering};
        let free = Arc::new(AtomicU64::new(1 << 30));
        let probe = free.clone();
        let engine = MemoryEngine::with_options(&Options {
            free_space_floor: Some(1 << 20),
            space_probe: Some(Arc::new(move || {
                Ok(crate::engine::DiskSpace { free: probe.load(Ordering::Relaxed), total: 1 << 40 })
            })),
            ..Options::default()
        });
        assert!(engine.commit(batch(b"a")).unwrap().is_committed());
        free.store(1000, Ordering::Relaxed);
        for _ in 0..3 {
            let error = engine.commit(batch(b"b")).unwrap_err();
            assert!(matches!(error, Error::DiskFull { free: 1000, .. }));
        }
        assert!(engine.gauges().below_floor);
        let mut deletes = Batch::new();
        deletes.delete(Space::Mailbox, *b"a");
        assert!(engine.commit(deletes).unwrap().is_committed());
        let mut reclaiming = Batch::reclaiming();
        reclaiming.put(Space::Mailbox, *b"count", *b"0");
        assert!(engine.commit(reclaiming).unwrap().is_committed());
        free.store(1 << 30, Ordering::Relaxed);
        assert!(engine.commit(batch(b"b")).unwrap().is_committed());
        assert!(!engine.gauges().below_floor);
    }
}
