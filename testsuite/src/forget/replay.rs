//! Replays a log of the layer over what was durable before it, and draws what a disk would hold after the
//! loss of power.
//!
//! What is strict here, and what holds on every file system: a sync of a file makes its bytes and its length
//! durable, and not its name; a name is durable when its directory was synced. Until then each change may
//! have reached the disk or not, in any order, but a rename reaches it whole, and of changes to one name no
//! later one without the earlier ones. Bytes reach the disk by sectors or by pages.
//!
//! In directories of names that the caller gives, the sync of a file makes the name durable by which it was
//! made, as ext4, XFS and Btrfs do.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::image::{Content, Image, Node};
use super::record::Record;
use crate::Result;
use crate::letter::Random;

/// What becomes of changes that were not made durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Nothing is lost: a kill without the loss of power.
    Nothing,
    /// All are lost.
    All,
    /// Each page of 4 KiB, each name and each length reached the disk, or not.
    Pages(u64),
    /// The same, by sectors of 512 bytes.
    Sectors(u64),
    /// Names and lengths reached the disk; what was written reads as zeros.
    Zeros,
    /// The same; what was written reads as random bytes.
    Garbage(u64),
}

impl Loss {
    /// A loss with something lost, drawn at random.
    pub fn draw(random: &mut Random) -> Loss {
        match random.below(5) {
            0 => Loss::All,
            1 => Loss::Pages(random.draw()),
            2 => Loss::Sectors(random.draw()),
            3 => Loss::Zeros,
            _ => Loss::Garbage(random.draw()),
        }
    }
}

/// What was not durable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lost {
    /// Bytes that were written.
    pub bytes: u64,
    /// Changes of names: made, removed, renamed.
    pub names: u64,
    /// Syncs that came back, whatever they synced.
    pub syncs: u64,
}

/// Directory, name, and what it names from then on.
type NameEffect = (usize, Vec<u8>, Option<usize>);

/// A change of names that is not durable.
struct NameChange {
    number: u64,
    effects: Vec<NameEffect>,
}

struct DataChange<'a> {
    number: u64,
    change: Change<'a>,
    /// A sync of it failed: a later one does not make it durable.
    doomed: bool,
}

enum Change<'a> {
    Write { offset: u64, bytes: &'a [u8] },
    Resize(u64),
}

struct Replay<'a> {
    /// What is durable.
    durable: Image,
    /// What each inode number is now.
    inodes: HashMap<u64, usize>,
    /// What directories hold with all changes.
    now: HashMap<usize, BTreeMap<Vec<u8>, usize>>,
    names: Vec<NameChange>,
    data: HashMap<usize, Vec<DataChange<'a>>>,
    /// Directories where a file's sync is a sync of its name.
    lenient: HashSet<usize>,
    syncs: u64,
}

/// What the directory holds after a loss.
pub(super) fn replay(
    before: &Image,
    log: &[u8],
    loss: Loss,
    lenient: &[&str],
    trusts_syncs: bool,
) -> Result<(Image, Lost)> {
    let now = before.nodes.iter().enumerate().filter_map(|(index, node)| match node {
        Node::Directory(names) => Some((index, names.clone())),
        Node::File(_) => None,
    });
    let mut replay = Replay {
        now: now.collect(),
        durable: before.clone(),
        inodes: before.inodes.clone(),
        names: Vec::new(),
        data: HashMap::new(),
        lenient: HashSet::new(),
        syncs: 0,
    };
    let is_lenient = |name: &[u8]| lenient.iter().any(|lenient| lenient.as_bytes() == name);
    for names in replay.now.values() {
        let named = names.iter().filter(|(name, _)| is_lenient(name));
        replay.lenient.extend(named.map(|(_, node)| *node));
    }
    let mut rest = log;
    let mut number = 0;
    while let Some(record) = Record::take(&mut rest) {
        if trusts_syncs || !matches!(record, Record::Synced { .. }) {
            replay.follow(number, record)?;
        }
        if let Record::Made { inode, directory: true, name, .. } = record
            && is_lenient(name)
        {
            let node = replay.node(inode)?;
            replay.lenient.insert(node);
        }
        number += 1;
    }
    Ok(replay.lose(loss))
}

impl<'a> Replay<'a> {
    fn node(&self, inode: u64) -> Result<usize> {
        let missed = || format!("the layer missed the making of inode {inode}");
        self.inodes.get(&inode).copied().ok_or_else(|| missed().into())
    }

    fn follow(&mut self, number: u64, record: Record<'a>) -> Result {
        match record {
            Record::Made { parent, inode, directory, name } => {
                let index = self.durable.nodes.len();
                self.durable.nodes.push(match directory {
                    true => Node::Directory(BTreeMap::new()),
                    false => Node::File(Content::default()),
                });
                if directory {
                    self.now.insert(index, BTreeMap::new());
                }
                self.inodes.insert(inode, index);
                let parent = self.node(parent)?;
                self.change_names(number, vec![(parent, name.to_vec(), Some(index))]);
            }
            Record::Linked { parent, inode, name } => {
                let effect = (self.node(parent)?, name.to_vec(), Some(self.node(inode)?));
                self.change_names(number, vec![effect]);
            }
            Record::Removed { parent, name } => {
                let parent = self.node(parent)?;
                self.change_names(number, vec![(parent, name.to_vec(), None)]);
            }
            Record::Renamed { parent, new_parent, name, new_name } => {
                let (parent, new_parent) = (self.node(parent)?, self.node(new_parent)?);
                let moved = self.now.get(&parent).and_then(|names| names.get(name)).copied();
                if moved.is_none() {
                    return Err("the layer missed the making of what is renamed".into());
                }
                let effects =
                    vec![(parent, name.to_vec(), None), (new_parent, new_name.to_vec(), moved)];
                self.change_names(number, effects);
            }
            Record::Written { inode, offset, bytes } => {
                self.change_data(number, inode, Change::Write { offset, bytes })?;
            }
            Record::Resized { inode, size } => {
                self.change_data(number, inode, Change::Resize(size))?;
            }
            Record::Synced { inode, until } => {
                self.syncs += 1;
                if inode == 0 {
                    (0..self.durable.nodes.len()).for_each(|node| self.sync(node, until));
                    return Ok(());
                }
                let node = self.node(inode)?;
                self.sync(node, until);
            }
            Record::SyncFailed { inode, until } => {
                let node = self.node(inode)?;
                let changes = self.data.entry(node).or_default();
                changes
                    .iter_mut()
                    .filter(|change| change.number < until)
                    .for_each(|change| change.doomed = true);
            }
        }
        Ok(())
    }

    fn change_names(&mut self, number: u64, effects: Vec<NameEffect>) {
        for (directory, name, node) in &effects {
            if let Some(names) = self.now.get_mut(directory) {
                set_name(names, name, *node);
            }
        }
        self.names.push(NameChange { number, effects });
    }

    fn change_data(&mut self, number: u64, inode: u64, change: Change<'a>) -> Result {
        let node = self.node(inode)?;
        self.data.entry(node).or_default().push(DataChange { number, change, doomed: false });
        Ok(())
    }

    fn sync(&mut self, node: usize, until: u64) {
        if let Node::File(content) = &mut self.durable.nodes[node] {
            let changes = self.data.entry(node).or_default();
            changes.retain(|change| {
                let keep = change.doomed || change.number >= until;
                if !keep {
                    change.change.apply(content);
                }
                keep
            });
            let lenient = self.lenient.clone();
            self.sync_names(until, |(directory, _, named)| {
                *named == Some(node) && lenient.contains(directory)
            });
            return;
        }
        self.sync_names(until, |(directory, ..)| *directory == node);
    }

    /// Makes the changes with such an effect durable.
    fn sync_names(&mut self, until: u64, such: impl Fn(&NameEffect) -> bool) {
        let touches =
            |change: &NameChange| change.number < until && change.effects.iter().any(&such);
        for index in 0..self.names.len() {
            if !touches(&self.names[index]) {
                continue;
            }
            let effects = std::mem::take(&mut self.names[index].effects);
            self.settle(&effects);
            // An earlier change of the same name, of another directory's rename, is over.
            for earlier in &mut self.names[..index] {
                earlier.effects.retain(|(directory, name, _)| {
                    !effects.iter().any(|(d, n, _)| d == directory && n == name)
                });
            }
        }
        self.names.retain(|change| !change.effects.is_empty());
    }

    fn settle(&mut self, effects: &[NameEffect]) {
        for (directory, name, node) in effects {
            if let Some(Node::Directory(names)) = self.durable.nodes.get_mut(*directory) {
                set_name(names, name, *node);
            }
        }
    }

    fn lose(mut self, loss: Loss) -> (Image, Lost) {
        let written = self.data.values().flatten().map(|change| match change.change {
            Change::Write { bytes, .. } => bytes.len() as u64,
            Change::Resize(_) => 0,
        });
        let lost = Lost { bytes: written.sum(), names: self.names.len() as u64, syncs: self.syncs };
        let seed = match loss {
            Loss::Pages(seed) | Loss::Sectors(seed) | Loss::Garbage(seed) => seed,
            Loss::Nothing | Loss::All | Loss::Zeros => 0,
        };
        let mut random = Random(seed);
        let mut blocked: HashSet<(usize, Vec<u8>)> = HashSet::new();
        for change in std::mem::take(&mut self.names) {
            let names = || change.effects.iter().map(|(d, n, _)| (*d, n.clone()));
            let keep = match loss {
                Loss::All => false,
                Loss::Pages(_) | Loss::Sectors(_) => {
                    random.below(2) == 0 && !names().any(|name| blocked.contains(&name))
                }
                Loss::Nothing | Loss::Zeros | Loss::Garbage(_) => true,
            };
            match keep {
                true => self.settle(&change.effects),
                false => blocked.extend(names()),
            }
        }
        // In order, so that a seed gives the same loss again.
        let mut data: Vec<_> = std::mem::take(&mut self.data).into_iter().collect();
        data.sort_unstable_by_key(|(node, _)| *node);
        for (node, changes) in data {
            if let Node::File(content) = &mut self.durable.nodes[node] {
                lose_data(content, &changes, loss, &mut random);
            }
        }
        (self.durable, lost)
    }
}

impl Change<'_> {
    fn apply(&self, content: &mut Content) {
        match self {
            Change::Write { offset, bytes } => content.write(*offset, bytes),
            Change::Resize(size) => content.resize(*size),
        }
    }
}

fn set_name(names: &mut BTreeMap<Vec<u8>, usize>, name: &[u8], node: Option<usize>) {
    match node {
        Some(node) => names.insert(name.to_vec(), node),
        None => names.remove(name),
    };
}

fn lose_data(content: &mut Content, changes: &[DataChange<'_>], loss: Loss, random: &mut Random) {
    let sector = match loss {
        Loss::Nothing => {
            changes.iter().for_each(|change| change.change.apply(content));
            return;
        }
        Loss::All => return,
        Loss::Sectors(_) => 512,
        Loss::Pages(_) | Loss::Zeros | Loss::Garbage(_) => 4096,
    };
    // The length after each change; any of them may be what the disk has.
    let mut sizes = vec![content.size];
    let mut size = content.size;
    for change in changes {
        size = match change.change {
            Change::Write { offset, bytes } => size.max(offset + bytes.len() as u64),
            Change::Resize(size) => size,
        };
        sizes.push(size);
    }
    let size = match loss {
        Loss::Zeros | Loss::Garbage(_) => size,
        _ => sizes[random.below(sizes.len() as u64) as usize],
    };
    for (start, writes) in sectors(changes, sector) {
        match loss {
            Loss::Zeros => overwrite(content, &writes, |bytes| bytes.fill(0)),
            Loss::Garbage(_) => overwrite(content, &writes, |bytes| {
                bytes.fill_with(|| random.draw() as u8);
            }),
            _ => {
                // The sector as it was at some moment.
                let kept = random.below(writes.len() as u64 + 1) as usize;
                for (offset, bytes) in &writes[..kept] {
                    debug_assert!(*offset >= start);
                    content.write(*offset, bytes);
                }
            }
        }
    }
    content.resize(size);
}

/// The pieces of the writes in each sector, in order, by the sector's start. A cut counts as zeros written
/// over what was written before it.
fn sectors(changes: &[DataChange<'_>], sector: u64) -> BTreeMap<u64, Vec<(u64, Vec<u8>)>> {
    let mut sectors: BTreeMap<u64, Vec<(u64, Vec<u8>)>> = BTreeMap::new();
    for change in changes {
        match change.change {
            Change::Write { offset, bytes } => {
                let end = offset + bytes.len() as u64;
                let mut at = offset;
                while at < end {
                    let next = end.min((at / sector + 1) * sector);
                    let piece = bytes[(at - offset) as usize..(next - offset) as usize].to_vec();
                    sectors.entry(at / sector * sector).or_default().push((at, piece));
                    at = next;
                }
            }
            Change::Resize(size) => {
                for (start, writes) in sectors.range_mut(size / sector * sector..) {
                    let from = size.max(*start);
                    writes.push((from, vec![0; (start + sector - from) as usize]));
                }
            }
        }
    }
    sectors
}

/// Only the bytes that were written: those beside them were durable.
fn overwrite(content: &mut Content, writes: &[(u64, Vec<u8>)], mut fill: impl FnMut(&mut [u8])) {
    for (offset, bytes) in writes {
        let mut bytes = bytes.clone();
        fill(&mut bytes);
        content.write(*offset, &bytes);
    }
}
