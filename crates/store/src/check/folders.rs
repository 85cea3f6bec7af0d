//! Folders: their records, properties and names, and the tree that they make.

use std::collections::{BTreeMap, HashMap};

use mapi::FolderId;

use super::body::reason;
use super::fix::Fix;
use super::pass::{Counts, Folder, Pass};
use super::problem::What;
use crate::engine::{KeyRange, Space};
use crate::folder::{FolderKind, MAX_DEPTH};
use crate::keys::{self, Kind};
use crate::mailbox::special::{self, SpecialFolder};
use crate::record::folder::{FolderRecord, FolderState};
use crate::record::head::Sizes;
use crate::record::parts::PART;
use crate::record::properties;
use crate::{Result, jobs, large};

const ROOT: FolderId = SpecialFolder::Root.id();

fn number(id: FolderId) -> u64 {
    keys::id_number(id.replica, id.counter)
}

fn id_of(number: u64) -> FolderId {
    let (replica, counter) = keys::id_parts(number);
    FolderId::new(replica, counter)
}

fn id_at(key: &[u8], at: usize) -> Option<FolderId> {
    let (replica, counter) = keys::tail_id(key.get(at..at + 8)?)?;
    Some(FolderId::new(replica, counter))
}

impl Pass<'_> {
    /// Every folder's record, properties, and the entries under its parent.
    pub(super) fn folders(&mut self) -> Result<()> {
        self.each(Kind::Folder, |pass, (key, value)| {
            let Some(id) = id_at(&key, 9) else { return Ok(()) };
            pass.report.folders += 1;
            let record = match value {
                Ok(value) => FolderRecord::read(&value).map_err(|error| error.to_string()),
                Err(error) => Err(reason(&error)),
            };
            let record = match record {
                Ok(record) => Some(record),
                Err(detail) => {
                    let problem = pass.problem(What::Folder, detail).folder(id);
                    pass.found(problem.record(Space::Mailbox, &key), Fix::Folder { id })?;
                    None
                }
            };
            pass.total += record.as_ref().map_or(0, messages_of);
            pass.folders.insert(number(id), Folder { record, ..Folder::default() });
            pass.folder_numbers(id)
        })?;
        for special in special::standard(self.public) {
            if self.folder_mut(special.id).is_some() {
                continue;
            }
            let problem = self.problem(What::SpecialFolder, special.name).folder(special.id);
            self.found(problem, Fix::Folder { id: special.id })?;
            self.folders.insert(number(special.id), Folder::default());
        }
        self.folder_properties()?;
        self.children()
    }

    /// Numbers of a folder's record against the head.
    fn folder_numbers(&mut self, id: FolderId) -> Result<()> {
        let Some(record) = self.folder_mut(id).and_then(|folder| folder.record.as_ref()) else {
            return Ok(());
        };
        let (change, sequence, uid_validity) =
            (record.change, record.sequence, record.uid_validity);
        let wrong = match id {
            ROOT => record.kind != FolderKind::Root || record.parent != ROOT,
            _ => record.kind == FolderKind::Root || record.name.is_empty() || record.parent == id,
        };
        if wrong || uid_validity == 0 {
            let problem = self.problem(What::Folder, "its kind, name or parent makes no sense");
            self.found(problem.folder(id), Fix::Folder { id })?;
        }
        let known = self.knows_replica(id.replica) && self.knows_replica(change.replica);
        if !known {
            self.unknown_replica(id.replica)?;
            self.unknown_replica(change.replica)?;
        }
        let plausible = self.number_in_use(id.replica, id.counter.get());
        if !plausible | !self.change_in_use(change) | !self.sequence_in_use(sequence) {
            let fix = plausible.then_some(Fix::Folder { id });
            let problem =
                self.problem(What::NumberAhead, format!("{change:?}, sequence {sequence}"));
            self.found(problem.folder(id), fix)?;
        }
        Ok(())
    }

    pub(super) fn unknown_replica(&mut self, replica: mapi::ReplId) -> Result<()> {
        if self.knows_replica(replica) {
            return Ok(());
        }
        let problem = self.problem(What::UnknownId, format!("replica {}", replica.0));
        self.replicas.insert(replica.0);
        self.found(problem, Fix::Replica { number: replica.0 })
    }

    /// Ids of named properties that are in use have a name.
    pub(super) fn used_names(&mut self, ids: impl Iterator<Item = u16>) -> Result<()> {
        let first = crate::mailbox::names::FIRST;
        for id in ids.filter(|id| *id >= first) {
            if self.names.contains(&id) {
                continue;
            }
            let problem = self.problem(What::UnknownId, format!("property id {id:#06x}"));
            self.names.insert(id);
            self.found(problem, Fix::Names { up_to: id })?;
        }
        Ok(())
    }

    fn folder_properties(&mut self) -> Result<()> {
        let mut cursor = self.cursor(Kind::FolderProperties);
        while let Some((first, _)) = cursor.peek()? {
            let Some(id) = id_at(first, 9).filter(|_| first.len() == 19) else {
                if let Some((key, value)) = cursor.next()? {
                    self.has_form(&key, &value)?;
                }
                continue;
            };
            let prefix = self.key(Kind::FolderProperties, &[&keys::fid(id)]);
            let mut parts = Vec::new();
            while let Some(part) = cursor.next_if(|key| key.starts_with(&prefix))? {
                self.report.records += 1;
                if self.has_form(&part.0, &part.1)? {
                    parts.push(part);
                }
            }
            if self.folder_mut(id).is_none() {
                let problem = self.problem(What::Folder, "its properties are there, it is not");
                self.found(problem.folder(id), Fix::Folder { id })?;
                self.folders.insert(number(id), Folder::default());
            }
            if let Some(folder) = self.folder_mut(id) {
                folder.has_properties = true;
            }
            match read_parts(&parts) {
                Ok(read) => {
                    self.used_names(read.iter().map(|(id, _)| id).collect::<Vec<_>>().into_iter())?;
                    let references = large::of_properties(&read);
                    let wrong = self.references(&large::folder_owner(id), &references)?;
                    self.folder_values(id, wrong)?;
                }
                Err(detail) => {
                    let problem = self.problem(What::FolderProperties, detail).folder(id);
                    self.found(problem, Fix::Folder { id })?;
                }
            }
        }
        let bare: Vec<FolderId> = self
            .folders
            .iter()
            .filter(|(_, folder)| folder.record.is_some() && !folder.has_properties)
            .map(|(number, _)| id_of(*number))
            .collect();
        for id in bare {
            let problem = self.problem(What::FolderProperties, "they are missing").folder(id);
            self.found(problem, Fix::Folder { id })?;
        }
        Ok(())
    }

    fn folder_values(&mut self, id: FolderId, wrong: Vec<(What, String)>) -> Result<()> {
        let problems: Vec<_> =
            wrong.into_iter().map(|(what, detail)| self.problem(what, detail).folder(id)).collect();
        match problems.is_empty() {
            true => Ok(()),
            false => self.sink.found(problems, Some(Fix::Folder { id })),
        }
    }

    /// Every name leads to a folder that has it.
    fn children(&mut self) -> Result<()> {
        self.each(Kind::Child, |pass, pair| {
            let (key, value) = &pair;
            let child = match value {
                Ok(value) if value.len() == 8 => id_at(value, 0),
                _ => None,
            };
            let fix = Fix::Child { key: key.to_vec() };
            let (Some(parent), Some(child)) = (id_at(key, 9), child) else {
                let detail = value.as_ref().map_or_else(reason, |_| "it is no id".into());
                let problem = pass.problem(What::ChildEntry, detail);
                return pass.found(problem.record(Space::Mailbox, key), fix);
            };
            let parent_known = pass.folder_mut(parent).is_some();
            let above = pass.folder_mut(parent).and_then(|f| f.record.as_ref()).map(|r| r.state);
            let own = match pass.folder_mut(child) {
                None => Err("there is no such folder"),
                Some(Folder { record: None, .. }) => Ok(true),
                // What a job is about to remove stays in its lists until it is gone.
                Some(_) if above == Some(FolderState::Detached) => Ok(true),
                Some(Folder { record: Some(record), .. })
                    if matches!(record.state, FolderState::Detached | FolderState::Deleted) =>
                {
                    Err("that folder is deleted")
                }
                Some(Folder { record: Some(record), .. }) => {
                    let (at, name) = (record.parent, record.name.clone());
                    let same = at == parent && keys::child(pass.number, parent, &name) == key[..];
                    if same { Ok(true) } else { Err("that folder has another name or parent") }
                }
            };
            match own {
                Ok(_) if parent_known => {
                    if let Some(folder) = pass.folder_mut(child) {
                        folder.listed = true;
                    }
                    if let Some(folder) = pass.folder_mut(parent) {
                        folder.counted.children += 1;
                    }
                    Ok(())
                }
                Ok(_) => {
                    let problem = pass.problem(What::ChildEntry, "its parent does not exist");
                    pass.found(problem.folder(child).record(Space::Mailbox, key), fix)
                }
                Err(detail) => {
                    let problem = pass.problem(What::ChildEntry, detail).folder(child);
                    pass.found(problem.record(Space::Mailbox, key), fix)
                }
            }
        })
    }

    /// Every folder hangs on the root, and is listed where it hangs.
    pub(super) fn hierarchy(&mut self) -> Result<()> {
        let parents: BTreeMap<u64, (u64, bool)> = self
            .folders
            .iter()
            .filter_map(|(number_of, folder)| {
                let record = folder.record.as_ref()?;
                Some((*number_of, (number(record.parent), record.state == FolderState::Detached)))
            })
            .collect();
        let listed = |pass: &Self, id: u64| pass.folders.get(&id).is_some_and(|f| f.listed);
        for (at, (parent, detached)) in &parents {
            let id = id_of(*at);
            if *detached {
                if !self.is_being_removed(*at, &parents)? {
                    let problem = self.problem(What::StrayDetached, "").folder(id);
                    self.found(problem, Fix::Detached { id })?;
                }
            } else if !self.folders.contains_key(parent) {
                let detail = format!("its parent would be {}", id_of(*parent));
                let problem = self.problem(What::OrphanFolder, detail).folder(id);
                self.found(problem, Fix::Attach { id })?;
            } else if self.is_deleted(*at) {
                self.deleted_folder(id, id_of(*parent))?;
            } else if id != ROOT && !listed(self, *at) {
                let detail = format!("under {}", id_of(*parent));
                let problem = self.problem(What::ChildName, detail).folder(id);
                self.found(problem, Fix::Folder { id })?;
            }
        }
        self.states(&parents)?;
        self.cycles(&parents)
    }

    fn is_deleted(&self, at: u64) -> bool {
        let record = self.folders.get(&at).and_then(|folder| folder.record.as_ref());
        record.is_some_and(|record| record.state == FolderState::Deleted)
    }

    /// A soft-deleted folder is found under its parent and by its time.
    fn deleted_folder(&mut self, id: FolderId, parent: FolderId) -> Result<()> {
        let at = self.folder_mut(id).and_then(|folder| folder.record.as_ref()).map(|r| r.deleted);
        let at = at.unwrap_or(mapi::FileTime(0));
        let below = keys::deleted_child(self.number, parent, id);
        let by_time = keys::deleted_folder(self.number, at, id);
        for key in [below, by_time] {
            let there = self.reader.contains(Space::Mailbox, &key)?;
            if !there || at.0 == 0 {
                let problem = self.problem(What::DeletedEntry, "of a folder").folder(id);
                return self.found(problem.record(Space::Mailbox, &key), Fix::Folder { id });
            }
        }
        Ok(())
    }

    /// Every entry of a soft-deleted folder leads to one.
    pub(super) fn deleted_folders(&mut self) -> Result<()> {
        for kind in [Kind::DeletedChild, Kind::DeletedFolder] {
            self.each(kind, |pass, pair| {
                let key = pair.0.clone();
                let (Some(id), Some(first)) = (id_at(&key, 17), id_at(&key, 9)) else {
                    return Ok(());
                };
                let state = pass.folder_mut(id).and_then(|folder| folder.record.as_ref());
                let own = match state.map(|record| (record.state, record.parent, record.deleted)) {
                    // What is damaged is made again, and what a job removes takes its entries along.
                    None => pass.folder_mut(id).is_some(),
                    Some((FolderState::Detached, ..)) => true,
                    Some((FolderState::Deleted, parent, _)) if kind == Kind::DeletedChild => {
                        parent == first
                    }
                    Some((FolderState::Deleted, _, at)) => keys::deleted_at(&key) == Some(at),
                    Some(_) => false,
                };
                if own
                    && kind == Kind::DeletedChild
                    && let Some(parent) = pass.folder_mut(first)
                {
                    parent.counted.deleted_children += 1;
                }
                let row = super::kinds::find(kind as u8);
                let whole = row.is_none_or(|row| row.check(&pair.0, &pair.1).is_ok());
                if own && whole {
                    return Ok(());
                }
                let detail = if own { "it is damaged" } else { "that folder was not deleted then" };
                let problem = pass.problem(What::StrayDeleted, detail).folder(id);
                let fix = Fix::DeletedFolder { key: key.to_vec() };
                pass.found(problem.record(Space::Mailbox, &key), fix)
            })?;
        }
        Ok(())
    }

    /// What lies in a folder is there, or deleted, as the folder is.
    fn states(&mut self, parents: &BTreeMap<u64, (u64, bool)>) -> Result<()> {
        if self.settling {
            return Ok(());
        }
        for (at, (above, _)) in parents {
            let state = |at: &u64| {
                let record = self.folders.get(at)?.record.as_ref()?;
                Some((record.state, record.deleted))
            };
            let (Some((own, deleted)), Some((above_state, time))) = (state(at), state(above))
            else {
                continue;
            };
            let right = match (own, above_state) {
                (FolderState::Detached | FolderState::Deleted, _) | (_, FolderState::Detached) => {
                    true
                }
                (FolderState::Present, FolderState::Present) => deleted.0 == 0,
                (FolderState::Within, FolderState::Deleted | FolderState::Within) => {
                    deleted == time
                }
                _ => false,
            };
            if !right {
                let problem = self.problem(What::FolderState, "").folder(id_of(*at));
                self.found(problem, Fix::Settle { top: id_of(*above) })?;
            }
        }
        Ok(())
    }

    fn cycles(&mut self, parents: &BTreeMap<u64, (u64, bool)>) -> Result<()> {
        // By folder, the walk that met it; 0 for one that ends at the root or where nothing is known.
        let mut met: HashMap<u64, usize> = HashMap::new();
        for (walk, start) in parents.keys().enumerate() {
            let walk = walk + 1;
            let mut path = Vec::new();
            let mut at = *start;
            let cycle = loop {
                match met.get(&at) {
                    Some(by) if *by == walk => break true,
                    Some(_) => break false,
                    None => {}
                }
                met.insert(at, walk);
                path.push(at);
                match parents.get(&at) {
                    Some((parent, _)) if *parent != at => at = *parent,
                    _ => break false,
                }
            };
            if cycle {
                let members = path.iter().skip_while(|member| **member != at).copied();
                // One of those that users made, if there is one.
                let special = |n: &u64| special::find(self.public, id_of(*n)).is_some();
                let top = members.min_by_key(|member| (special(member), *member)).unwrap_or(at);
                let id = id_of(top);
                let problem = self.problem(What::FolderCycle, "").folder(id);
                self.found(problem, Fix::Attach { id })?;
            } else if path.len() > 2 * MAX_DEPTH {
                let problem =
                    self.problem(What::FolderCycle, "it lies too deep").folder(id_of(*start));
                self.found(problem, Fix::Attach { id: id_of(*start) })?;
            }
            met.extend(path.iter().map(|member| (*member, 0)));
        }
        Ok(())
    }

    /// Whether a job removes a deleted folder, or one above it that is deleted.
    fn is_being_removed(&self, at: u64, parents: &BTreeMap<u64, (u64, bool)>) -> Result<bool> {
        let mut at = at;
        for _ in 0..=MAX_DEPTH {
            if self.reader.contains(Space::Queue, &jobs::folder_job(self.number, id_of(at)))? {
                return Ok(true);
            }
            match parents.get(&at) {
                Some((parent, true)) if *parent != at => at = *parent,
                _ => return Ok(false),
            }
        }
        Ok(false)
    }

    /// Every folder's counters are exact, and no UID comes a second time.
    pub(super) fn counters(&mut self) -> Result<()> {
        let numbers: Vec<u64> = self.folders.keys().copied().collect();
        for at in numbers {
            let (id, folder) = (id_of(at), &self.folders[&at]);
            let (unordered, max_uid) = (folder.unordered, folder.max_uid);
            let Some(record) = folder.record.as_ref() else { continue };
            self.sizes = self.sizes.replace(Sizes::default(), record.sizes());
            // What a job is about to remove no longer counts.
            if record.state == FolderState::Detached {
                continue;
            }
            let (kept, counted, uid_next) = (Counts::of(record), folder.counted, record.uid_next);
            if !counted.explain(&kept, self.unplaced) {
                let detail = format!("it says {kept:?} and holds {counted:?}");
                let problem = self.problem(What::Counters, detail).folder(id);
                self.found(problem, Fix::Count { id })?;
            }
            if max_uid >= uid_next {
                let detail = format!("the next would be {uid_next}, {max_uid} is in use");
                let problem = self.problem(What::UidNext, detail).folder(id);
                self.found(problem, Fix::Count { id })?;
            }
            if unordered {
                self.double_uids(id)?;
            }
        }
        let unread = self.folders.values().any(|folder| folder.record.is_none());
        if self.head.sizes != self.sizes && !unread && self.head.sequence != u64::MAX {
            let detail = format!("it says {:?} and holds {:?}", self.head.sizes, self.sizes);
            let problem = self.problem(What::Sizes, detail);
            self.found(problem, Fix::Sizes)?;
        }
        Ok(())
    }

    /// For the few folders whose UIDs do not ascend with the ids of their messages.
    fn double_uids(&mut self, folder: FolderId) -> Result<()> {
        let prefix = self.key(Kind::Summary, &[&keys::fid(folder)]);
        let mut uids: Vec<(u32, u64)> = Vec::new();
        let mut cursor =
            super::cursor::Cursor::new(self.reader, Space::Mailbox, KeyRange::prefix(prefix));
        while let Some((key, value)) = cursor.next()? {
            let Some((replica, counter)) = keys::tail_id(&key).filter(|_| value.is_ok()) else {
                continue;
            };
            let hot = keys::hot(self.number, mapi::MessageId::new(replica, counter));
            let hot = self.reader.get(Space::Mailbox, &hot);
            if let Ok(hot) = super::pass::read_as(hot, crate::record::hot::Hot::read)?
                && hot.folder == folder
            {
                uids.push((hot.uid, keys::id_number(replica, counter)));
            }
        }
        uids.sort_unstable();
        for pair in uids.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
            let (replica, counter) = keys::id_parts(pair[1].1);
            let id = mapi::MessageId::new(replica, counter);
            let problem = self.problem(What::DoubleUid, format!("UID {}", pair[1].0));
            self.found(problem.folder(folder).message(id), Fix::Uid { id })?;
        }
        Ok(())
    }
}

fn messages_of(record: &FolderRecord) -> u64 {
    u64::from(record.contents) + u64::from(record.associated) + u64::from(record.soft_deleted)
}

/// Properties that stand in parts.
///
/// Errors: what is wrong with them, in words.
pub(super) fn read_parts(
    parts: &[crate::engine::Scanned],
) -> std::result::Result<crate::value::Properties, String> {
    let mut bytes = Vec::new();
    for (index, (key, value)) in parts.iter().enumerate() {
        let number = key.last_chunk::<2>().map(|part| usize::from(u16::from_be_bytes(*part)));
        if number != Some(index) {
            return Err(format!("part {index} is missing"));
        }
        if bytes.len() != index * PART {
            return Err(format!("the part before {index} is short"));
        }
        bytes.extend_from_slice(value.as_ref().map_err(reason)?);
    }
    properties::read(&mut mapi::Reader::new(&bytes)).map_err(|error| error.to_string())
}
