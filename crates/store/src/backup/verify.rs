//! Reading a whole repository again.

use std::collections::{HashMap, HashSet};
use std::fs;

use super::error::{BackupError, Result};
use super::object::ObjectId;
use super::reader::{in_words, read_pack};
use super::repository::{Held, Repository, sync_dir};
use super::snapshot::{PackRef, Snapshot, SnapshotName};
use super::write::{marker, object_of, owner_in_words};
use super::{Progress, Watch};
use crate::blob::node::{self, Node};

/// Faults that are put into words; there may be more.
const MAX_FAULTS: usize = 1000;

/// What a check of a repository found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    pub snapshots: u64,
    /// Objects that were read and compared with their addresses.
    pub objects: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// What is damaged or missing, and which snapshots need it.
    pub faults: Vec<String>,
    pub faults_left_out: u64,
    /// Damaged objects that were renamed, so that the next backup writes them again.
    pub set_aside: u64,
}

impl Verified {
    pub fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }

    fn fault(&mut self, words: String) {
        match self.faults.len() < MAX_FAULTS {
            true => self.faults.push(words),
            false => self.faults_left_out += 1,
        }
    }
}

/// Reads every object and compares it with its address, then looks whether each snapshot has all that it
/// needs. With `set_aside` damaged objects get the ending `.damaged`: the next backup writes them again where
/// the store still holds the same.
pub fn verify(repository: &Repository, set_aside: bool, watch: &mut Watch<'_>) -> Result<Verified> {
    let _held: Held = if set_aside { repository.write()? } else { repository.read()? };
    let mut verified = Verified::default();
    let mut bad = HashMap::new();
    for first in 0..=u8::MAX {
        let (ids, _) = repository.objects(first)?;
        for id in ids {
            object(repository, &id, set_aside, &mut verified, &mut bad)?;
        }
        let progress = Progress {
            what: "objects",
            mailboxes_done: u64::from(first) + 1,
            mailboxes: 256,
            records: verified.objects,
        };
        if !watch(progress) {
            return Err(BackupError::Stopped);
        }
    }
    let mut known = Known { bad, packs: HashMap::new() };
    for name in repository.snapshots()? {
        match repository.snapshot(&name) {
            Ok(found) => {
                verified.snapshots += 1;
                snapshot(repository, &name, &found, &mut known, &mut verified)?;
            }
            Err(error @ (BackupError::Damaged { .. } | BackupError::NewerFormat { .. })) => {
                verified.fault(error.to_string());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(verified)
}

fn object(
    repository: &Repository,
    id: &ObjectId,
    set_aside: bool,
    verified: &mut Verified,
    bad: &mut HashMap<ObjectId, String>,
) -> Result<()> {
    let place = repository.place(id);
    verified.objects += 1;
    verified.bytes += fs::metadata(&place).map_or(0, |found| found.len());
    let reason = match repository.object(id) {
        Ok(_) => return Ok(()),
        Err(BackupError::Damaged { reason, .. }) => reason,
        // A disk that cannot read a file has damaged it; others may be read.
        Err(BackupError::Io { source, .. }) => source.to_string(),
        Err(error) => return Err(error),
    };
    verified.fault(format!("{}: {reason}", place.display()));
    bad.insert(*id, reason);
    if set_aside {
        let mut aside = place.clone().into_os_string();
        aside.push(super::repository::ASIDE);
        fs::rename(&place, &aside).map_err(BackupError::io("rename", &place))?;
        place.parent().map_or(Ok(()), sync_dir)?;
        verified.set_aside += 1;
    }
    Ok(())
}

/// What was found out already.
struct Known {
    bad: HashMap<ObjectId, String>,
    /// What is wrong with packs and with the large values whose markers stand in them.
    packs: HashMap<[u8; 32], Vec<String>>,
}

fn snapshot(
    repository: &Repository,
    name: &SnapshotName,
    found: &Snapshot,
    known: &mut Known,
    verified: &mut Verified,
) -> Result<()> {
    let mut lists = vec![("the directory", &found.common)];
    lists.extend(found.mailboxes.iter().map(|saved| (saved.address.as_str(), &saved.packs)));
    for (whose, packs) in lists {
        for pack in packs {
            if !known.packs.contains_key(&pack.hash) {
                let faults = check_pack(repository, pack, &known.bad)?;
                known.packs.insert(pack.hash, faults);
            }
            for fault in known.packs.get(&pack.hash).into_iter().flatten() {
                verified.fault(format!("snapshot {name}: {whose}: {fault}"));
            }
        }
    }
    Ok(())
}

/// What is wrong with a pack and with the values that its markers name.
fn check_pack(
    repository: &Repository,
    pack: &PackRef,
    bad: &HashMap<ObjectId, String>,
) -> Result<Vec<String>> {
    let records = match read_pack(repository, pack) {
        Ok(records) => records,
        Err(BackupError::Damaged { reason, .. }) => {
            return Ok(vec![format!("{}: {reason}", in_words(pack))]);
        }
        Err(BackupError::Io { source, .. }) => {
            return Ok(vec![format!("{}: {source}", in_words(pack))]);
        }
        Err(error) => return Err(error),
    };
    let mut faults = Vec::new();
    let mut seen = HashSet::new();
    for record in records.iter().filter(|record| record.space == 0) {
        let Some((root, owner)) = marker(&record.key) else { continue };
        if seen.insert(root)
            && let Some(reason) = check_value(repository, &root, bad)?
        {
            faults.push(format!("{}: a large value: {reason}", owner_in_words(owner)));
        }
    }
    Ok(faults)
}

/// What is wrong with a large value. Its objects were read before: here it counts that they are there.
fn check_value(
    repository: &Repository,
    node: &Node,
    bad: &HashMap<ObjectId, String>,
) -> Result<Option<String>> {
    let id = object_of(node);
    if let Some(reason) = bad.get(&id) {
        return Ok(Some(reason.clone()));
    }
    if node.kind == node::Kind::Chunk {
        return Ok((!repository.has(&id)?).then(|| "a part of it is not there".to_owned()));
    }
    let plain = match repository.object(&id) {
        Ok(plain) => plain,
        Err(BackupError::Damaged { reason, .. }) => return Ok(Some(reason)),
        Err(error) => return Err(error),
    };
    for child in node::manifest_children(node, &plain)? {
        if let Some(reason) = check_value(repository, &child, bad)? {
            return Ok(Some(reason));
        }
    }
    Ok(None)
}
