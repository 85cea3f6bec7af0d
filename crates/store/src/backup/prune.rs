//! Removing old snapshots, and what only they need.

use std::collections::HashSet;
use std::fs;

use mapi::FileTime;

use super::Watch;
use super::error::{BackupError, Result};
use super::object::{ObjectId, ObjectKind};
use super::reader::read_pack;
use super::repository::{ASIDE, Repository};
use super::snapshot::{PackRef, Snapshot, SnapshotName};
use super::write::{marker, object_of};
use crate::blob::node::{self, Node};

/// Which snapshots stay: those that either rule names, and always the newest complete one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keep {
    /// This many of the newest complete ones.
    pub newest: usize,
    /// Those that are at most this many days old.
    pub days: Option<u32>,
}

/// What a prune did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    pub kept: Vec<SnapshotName>,
    pub removed: Vec<SnapshotName>,
    pub removed_objects: u64,
    /// Bytes of their files.
    pub removed_bytes: u64,
}

/// Addresses that are held in memory at once; a prune of more objects goes over the snapshots several times.
const LIVE_LIMIT: u64 = 1 << 20;

/// Removes snapshots, then the objects that no snapshot needs. Interrupted, it leaves objects that nobody
/// needs, for the next one.
///
/// Errors: before anything is removed, for a snapshot that cannot be read; after the snapshots, and before
/// any object, for a damaged object whose references cannot be known.
pub fn prune(
    repository: &Repository,
    keep: Keep,
    now: FileTime,
    watch: &mut Watch<'_>,
) -> Result<Pruned> {
    let _held = repository.prune()?;
    let mut all = Vec::new();
    for name in repository.snapshots()? {
        let snapshot = repository.snapshot(&name)?;
        all.push((name, snapshot));
    }
    let stays = choose(&all, keep, now);
    let (kept, removed): (Vec<_>, Vec<_>) =
        all.into_iter().zip(stays).partition(|(_, stays)| *stays);
    let removed: Vec<SnapshotName> = removed.into_iter().map(|((name, _), _)| name).collect();
    repository.remove_snapshots(&removed)?;
    let mut pruned = Pruned { removed, ..Pruned::default() };
    let mut snapshots = Vec::new();
    for ((name, snapshot), _) in kept {
        pruned.kept.push(name);
        snapshots.push(snapshot);
    }
    let packs = packs(&snapshots);
    let mut count = 0;
    for first in 0..=u8::MAX {
        count += repository.objects(first)?.0.len() as u64;
    }
    let parts = count.div_ceil(LIVE_LIMIT).clamp(1, 256).next_power_of_two() as u16;
    let width = 256 / parts;
    // All references are read before anything is removed where they fit into memory.
    for part in 0..parts {
        let range = part * width..(part + 1) * width;
        let live = live(repository, &packs, |id| range.contains(&u16::from(id.hash[0])), watch)?;
        for first in range {
            remove_unneeded(repository, first as u8, &live, &mut pruned)?;
        }
    }
    Ok(pruned)
}

/// Whether each snapshot stays; they come oldest first.
fn choose(all: &[(SnapshotName, Snapshot)], keep: Keep, now: FileTime) -> Vec<bool> {
    const DAY: u64 = 24 * 60 * 60 * 10_000_000;
    let newest = keep.newest.max(1);
    let complete: Vec<usize> =
        (0..all.len()).rev().filter(|at| all[*at].1.is_complete()).take(newest).collect();
    // An incomplete one counts for nothing and stays as long as one that is older does.
    let oldest = complete.last().copied().unwrap_or(0);
    let young = |snapshot: &Snapshot| {
        keep.days.is_some_and(|days| {
            snapshot.time.0.saturating_add(u64::from(days).saturating_mul(DAY)) >= now.0
        })
    };
    all.iter().enumerate().map(|(at, (_, snapshot))| at >= oldest || young(snapshot)).collect()
}

/// The packs of all snapshots, each once.
fn packs(snapshots: &[Snapshot]) -> Vec<&PackRef> {
    let mut seen = HashSet::new();
    snapshots.iter().flat_map(Snapshot::packs).filter(|pack| seen.insert(pack.hash)).collect()
}

/// The objects that packs refer to, among those that are wanted.
fn live(
    repository: &Repository,
    packs: &[&PackRef],
    wanted: impl Fn(&ObjectId) -> bool,
    watch: &mut Watch<'_>,
) -> Result<HashSet<ObjectId>> {
    let mut live = HashSet::new();
    for (done, pack) in packs.iter().enumerate() {
        let id = pack.id();
        if wanted(&id) {
            live.insert(id);
        }
        let progress = super::Progress {
            what: "what is needed",
            mailboxes_done: done as u64,
            mailboxes: packs.len() as u64,
            records: live.len() as u64,
        };
        if !watch(progress) {
            return Err(BackupError::Stopped);
        }
        // What is not there refers to nothing; what is damaged may refer to anything.
        if !repository.has(&id)? {
            continue;
        }
        let mut last = None;
        for record in read_pack(repository, pack).map_err(unknown)? {
            let Some((root, _)) = marker(&record.key).filter(|_| record.space == 0) else {
                continue;
            };
            if last != Some(root) {
                add(repository, &root, &wanted, &mut live)?;
                last = Some(root);
            }
        }
    }
    Ok(live)
}

fn add(
    repository: &Repository,
    node: &Node,
    wanted: &impl Fn(&ObjectId) -> bool,
    live: &mut HashSet<ObjectId>,
) -> Result<()> {
    let id = object_of(node);
    if wanted(&id) && !live.insert(id) {
        return Ok(());
    }
    if id.kind == ObjectKind::Chunk || !repository.has(&id)? {
        return Ok(());
    }
    let plain = repository.object(&id).map_err(unknown)?;
    for child in node::manifest_children(node, &plain)? {
        add(repository, &child, wanted, live)?;
    }
    Ok(())
}

/// The error for a damaged object, with what to do.
fn unknown(error: BackupError) -> BackupError {
    match error {
        BackupError::Damaged { what, reason } => BackupError::Damaged {
            what,
            reason: format!(
                "{reason}; what it refers to is not known, so nothing more is removed. `coffer backup \
                 verify --set-aside` takes it away, the next backup writes it again if the store still \
                 holds it, and then a prune can go on"
            ),
        },
        other => other,
    }
}

fn remove_unneeded(
    repository: &Repository,
    first: u8,
    live: &HashSet<ObjectId>,
    pruned: &mut Pruned,
) -> Result<()> {
    let (ids, others) = repository.objects(first)?;
    let unneeded = ids.iter().filter(|id| !live.contains(*id)).map(|id| repository.place(id));
    let aside = others.into_iter().filter(|path| path.to_string_lossy().ends_with(ASIDE));
    for path in unneeded.chain(aside) {
        pruned.removed_bytes += fs::metadata(&path).map_or(0, |found| found.len());
        fs::remove_file(&path).map_err(BackupError::io("remove", &path))?;
        pruned.removed_objects += 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(day: i64, complete: bool) -> (SnapshotName, Snapshot) {
        let snapshot = Snapshot {
            time: FileTime::from_unix(1_700_000_000 + day * 86_400, 0),
            data_format: 1,
            program: String::new(),
            missing: if complete { vec![] } else { vec!["a record".into()] },
            common: vec![],
            mailboxes: vec![],
        };
        let (_, name) = snapshot.encode();
        (SnapshotName::parse(&name).expect("a name"), snapshot)
    }

    fn chosen(days: &[(i64, bool)], keep: Keep) -> Vec<bool> {
        let all: Vec<_> = days.iter().map(|(day, complete)| made(*day, *complete)).collect();
        choose(&all, keep, FileTime::from_unix(1_700_000_000 + 10 * 86_400, 0))
    }

    #[test]
    fn the_newest_complete_ones_stay() {
        let all = [(1, true), (2, true), (3, false), (4, true), (5, false)];
        let keep = |newest| Keep { newest, days: None };
        assert_eq!(chosen(&all, keep(1)), [false, false, false, true, true]);
        assert_eq!(chosen(&all, keep(2)), [false, true, true, true, true]);
        assert_eq!(chosen(&all, keep(9)), [true; 5]);
        // Never none.
        assert_eq!(chosen(&all, Keep::default()), [false, false, false, true, true]);
        assert_eq!(chosen(&[(1, false), (2, false)], keep(1)), [true, true]);
        let week = Keep { newest: 0, days: Some(7) };
        assert_eq!(chosen(&all, week), [false, false, true, true, true]);
    }
}
