//! Reading a snapshot where it is, without restoring it: as what an engine reads, and so as a store.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::error::{BackupError, Result};
use super::object::{self, Record};
use super::repository::{Held, Repository};
use super::snapshot::{PackRef, SavedMailbox, Snapshot, SnapshotName};
use super::write::marker;
use crate::blob::MARKER;
use crate::blob::node::{self, Node};
use crate::engine::{self, Direction, KeyRange, KeyValue, ReadOnly, Reader, Space, Value};
use crate::{Store, StoreOptions};

/// A snapshot opened as a store that can only be read.
pub struct Opened {
    pub store: Store,
    pub name: SnapshotName,
    pub snapshot: Arc<Snapshot>,
    reader: Arc<SnapshotReader>,
    _held: Held,
}

impl Opened {
    /// Parts of the snapshot that were passed over because they are damaged.
    pub fn passed_over(&self) -> Vec<String> {
        self.reader.passed_over.lock().iter().cloned().collect()
    }
}

/// Opens the snapshot that `at` names (see [`Repository::find`]) for reading. With `skip_damaged` packs that
/// are damaged are passed over and noted; else reading them answers
/// [`StoreError::Corrupt`](crate::StoreError::Corrupt).
pub fn open(repository: &Repository, at: Option<&str>, skip_damaged: bool) -> Result<Opened> {
    let held = repository.read()?;
    let (name, snapshot) = repository.find(at)?;
    super::restore::check_data_format(&name, &snapshot)?;
    let snapshot = Arc::new(snapshot);
    let reader = Arc::new(SnapshotReader {
        repository: repository.clone(),
        snapshot: snapshot.clone(),
        skip_damaged,
        passed_over: Mutex::default(),
        cache: Mutex::default(),
    });
    let engine = Arc::new(ReadOnly::new(reader.clone()));
    let store = Store::read_only(engine, StoreOptions::default());
    Ok(Opened { store, name, snapshot, reader, _held: held })
}

/// What an engine would read if it held the snapshot.
pub(super) struct SnapshotReader {
    repository: Repository,
    snapshot: Arc<Snapshot>,
    skip_damaged: bool,
    passed_over: Mutex<BTreeSet<String>>,
    /// The packs read last, newest in front.
    cache: Mutex<VecDeque<Cached>>,
}

/// A pack by its address, and its records.
type Cached = ([u8; 32], Arc<Vec<Record>>);

/// Packs that are held in memory, of 1 MiB at most.
const CACHED: usize = 12;

/// Where the records of a key are, and under which space and key they stand there.
struct Place<'a> {
    packs: &'a [PackRef],
    whose: &'a str,
    /// What comes before a key of the pack to make it a key of the engine.
    prefix: [u8; 8],
    prefix_len: usize,
}

impl SnapshotReader {
    /// The lists of packs that hold keys of a range, in ascending order.
    fn places(&self, space: Space, range: &KeyRange) -> Vec<Place<'_>> {
        match space {
            Space::Mailbox => {
                let from = number_of(&range.from);
                let all = &self.snapshot.mailboxes;
                let first = all.partition_point(|saved| saved.number.0 < from);
                let behind = |saved: &SavedMailbox| {
                    let number = saved.number.0.to_be_bytes();
                    range.to.as_deref().is_some_and(|to| &number[..] >= to)
                };
                let found = all[first..].iter().take_while(|saved| !behind(saved));
                found.map(place_of_mailbox).collect()
            }
            Space::Directory => {
                let packs = &self.snapshot.common;
                vec![Place { packs, whose: "the directory", prefix: [0; 8], prefix_len: 0 }]
            }
            // Jobs are for whoever writes; large values are asked for by their addresses.
            Space::Queue | Space::Blobs => Vec::new(),
        }
    }

    /// The records of a pack.
    fn pack(&self, pack: &PackRef, whose: &str) -> engine::Result<Arc<Vec<Record>>> {
        {
            let mut cache = self.cache.lock();
            if let Some(at) = cache.iter().position(|(hash, _)| *hash == pack.hash)
                && let Some(found) = cache.remove(at)
            {
                let records = found.1.clone();
                cache.push_front(found);
                return Ok(records);
            }
        }
        let records = match read_pack(&self.repository, pack) {
            Ok(records) => Arc::new(records),
            Err(BackupError::Damaged { what, reason }) if self.skip_damaged => {
                let range = in_words(pack);
                self.passed_over.lock().insert(format!("{whose}: {range}: {what}: {reason}"));
                Arc::default()
            }
            Err(BackupError::Damaged { .. }) => {
                return Err(engine::Error::Corrupt {
                    space: space_of(pack.first.0),
                    key: pack.first.1.clone(),
                    reason: "the pack of the backup that holds it is damaged or missing; `coffer backup \
                             verify` names it, and --skip-damaged restores without it",
                });
            }
            Err(BackupError::Io { doing, path, source }) => {
                return Err(engine::Error::Io { doing, path, source: Arc::new(source) });
            }
            Err(other) => return Err(engine::Error::Database { reason: other.to_string() }),
        };
        let mut cache = self.cache.lock();
        cache.push_front((pack.hash, records.clone()));
        cache.truncate(CACHED);
        Ok(records)
    }

    fn blob(&self, key: &[u8]) -> engine::Result<Option<Value>> {
        let Some(node) = Node::from_key(key) else { return Ok(None) };
        match self.repository.object(&super::write::object_of(&node)) {
            Ok(plain) if node.kind == node::Kind::Chunk => {
                Ok(Some(node::plain_chunk(&plain).into()))
            }
            Ok(plain) => Ok(Some(plain.into())),
            Err(BackupError::Damaged { .. }) => Err(node.corrupt(
                "the object of the backup that holds it is damaged or missing; `coffer backup verify` names it",
            )),
            Err(BackupError::Io { doing, path, source }) => {
                Err(engine::Error::Io { doing, path, source: Arc::new(source) })
            }
            Err(other) => Err(engine::Error::Database { reason: other.to_string() }),
        }
    }
}

impl Reader for SnapshotReader {
    fn get(&self, space: Space, key: &[u8]) -> engine::Result<Option<Value>> {
        if space == Space::Blobs {
            return self.blob(key);
        }
        let range = KeyRange::new(key, [key, &[0]].concat());
        let found = self.scan(space, &range, Direction::Forward, 1)?;
        Ok(found.into_iter().next().map(|(_, value)| value))
    }

    fn scan(
        &self,
        space: Space,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
    ) -> engine::Result<Vec<KeyValue>> {
        let mut found = Vec::new();
        if range.is_empty() || limit == 0 {
            return Ok(found);
        }
        let mut places = self.places(space, range);
        if direction == Direction::Reverse {
            places.reverse();
        }
        for place in places {
            // Packs that may hold keys of the range.
            let Some((from, to)) = place.inner(range) else { continue };
            let space_number = space as u8;
            let first = place.packs.partition_point(|p| p.first() <= (space_number, &from[..]));
            let last = match &to {
                Some(to) => place.packs.partition_point(|p| p.first() < (space_number, &to[..])),
                None => place.packs.partition_point(|p| p.first.0 <= space_number),
            };
            let packs = &place.packs[first.saturating_sub(1).min(last)..last];
            let fits = |record: &&Record| {
                record.space == space_number
                    && record.key[..] >= from[..]
                    && to.as_deref().is_none_or(|to| &record.key[..] < to)
            };
            let mut ordered: Vec<&PackRef> = packs.iter().collect();
            if direction == Direction::Reverse {
                ordered.reverse();
            }
            for pack in ordered {
                let records = self.pack(pack, place.whose)?;
                let room = limit - found.len();
                let start = records.partition_point(|r| r.place() < (space_number, &from[..]));
                match direction {
                    Direction::Forward => {
                        let fitting = records[start..].iter().take_while(fits).take(room);
                        found.extend(fitting.map(|record| place.outer(record)));
                    }
                    Direction::Reverse => {
                        let end = start + records[start..].iter().take_while(fits).count();
                        let fitting = records[start..end].iter().rev().take(room);
                        found.extend(fitting.map(|record| place.outer(record)));
                    }
                }
                if found.len() == limit {
                    return Ok(found);
                }
            }
        }
        Ok(found)
    }
}

impl Place<'_> {
    /// The range within the packs; None if it lies outside.
    fn inner(&self, range: &KeyRange) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
        let prefix = &self.prefix[..self.prefix_len];
        let from = match range.from.strip_prefix(prefix) {
            Some(rest) => rest.to_vec(),
            None if range.from[..] < *prefix => Vec::new(),
            None => return None,
        };
        let to = match &range.to {
            None => None,
            Some(to) => match to.strip_prefix(prefix) {
                Some(rest) => Some(rest.to_vec()),
                None if to[..] > *prefix => None,
                None => return None,
            },
        };
        Some((from, to))
    }

    fn outer(&self, record: &Record) -> KeyValue {
        let key = match self.prefix_len {
            0 => record.key.clone(),
            len => Bytes::from([&self.prefix[..len], &record.key].concat()),
        };
        (key, record.value.clone())
    }
}

fn place_of_mailbox(saved: &SavedMailbox) -> Place<'_> {
    Place {
        packs: &saved.packs,
        whose: &saved.address,
        prefix: saved.number.0.to_be_bytes(),
        prefix_len: 8,
    }
}

fn number_of(key: &[u8]) -> u64 {
    // A shorter key sorts before the mailbox whose number it begins.
    let mut number = [0; 8];
    let len = key.len().min(8);
    number[..len].copy_from_slice(&key[..len]);
    u64::from_be_bytes(number)
}

fn space_of(number: u8) -> Space {
    Space::ALL.into_iter().find(|space| *space as u8 == number).unwrap_or(Space::Mailbox)
}

/// Reads a pack and compares it with what the snapshot says of it.
pub(super) fn read_pack(repository: &Repository, pack: &PackRef) -> Result<Vec<Record>> {
    let plain = repository.object(&pack.id())?;
    let damaged = |reason: &str| {
        let place = repository.place(&pack.id());
        BackupError::damaged(place.display().to_string(), reason)
    };
    let records = object::read_records(plain.into()).map_err(damaged)?;
    let first = records.first().map(Record::place);
    if records.len() != pack.records as usize || first != Some(pack.first()) {
        return Err(damaged("it does not hold what the snapshot says"));
    }
    Ok(records)
}

/// What stands in a pack, for people.
pub(super) fn in_words(pack: &PackRef) -> String {
    let (space, key) = pack.first();
    let kind = match (space, key.first()) {
        (0, Some(0x01..=0x07)) => "settings of the mailbox",
        (0, Some(0x10..=0x12)) => "folders",
        (0, Some(0x20)) => "states of messages",
        (0, Some(0x21)) => "contents of folders",
        (0, Some(0x22)) => "properties of messages",
        (0, Some(0x30..=0x31)) => "the log of changes",
        (0, Some(0x40..=0x41)) => "keys of messages",
        (0, Some(&MARKER)) => "references to large values",
        (1, _) => "accounts",
        _ => "records",
    };
    format!("{} {kind} and what follows them", pack.records)
}

/// The roots of the large values that the markers of a mailbox name, with whose they are, by address.
pub(super) fn roots<'a>(
    repository: &'a Repository,
    packs: &'a [PackRef],
) -> impl Iterator<Item = Result<(Node, Vec<u8>)>> + 'a {
    let from = (0, &[MARKER][..]);
    let first = packs.partition_point(|pack| pack.first() <= from).saturating_sub(1);
    let last = packs.partition_point(|pack| pack.first() < (0, &[MARKER + 1][..]));
    packs[first.min(last)..last].iter().flat_map(move |pack| {
        let (records, error) = match read_pack(repository, pack) {
            Ok(records) => (records, None),
            Err(error) => (Vec::new(), Some(Err(error))),
        };
        let markers = records.into_iter().filter_map(|record| {
            let (node, owner) = marker(&record.key).filter(|_| record.space == 0)?;
            Some(Ok((node, owner.to_vec())))
        });
        error.into_iter().chain(markers)
    })
}

#[cfg(test)]
mod tests {
    use super::super::object::{ObjectId, ObjectKind};
    use super::*;

    #[test]
    fn a_prefix_of_a_number_sorts_before_it() {
        assert_eq!(number_of(&[]), 0);
        assert_eq!(number_of(&[0, 0, 0, 0, 0, 0, 1]), 256);
        assert_eq!(number_of(&7u64.to_be_bytes()), 7);
    }

    #[test]
    fn object_kinds_are_those_of_nodes() {
        let node = Node { kind: node::Kind::Manifest, hash: [1; 32] };
        let id = ObjectId { kind: ObjectKind::Manifest, hash: [1; 32] };
        assert_eq!(super::super::write::object_of(&node), id);
    }
}
