//! Removes nodes that nothing holds.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::time::Duration;

use super::MARKER;
use super::node::{self, Kind, MARK, Node};
use crate::engine::{
    Batch, Direction, Engine, Error, Key, KeyRange, Outcome, Result, Space, Value, try_visit,
};

/// What one pass of the collector found and did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Collected {
    /// Chunks and manifests looked at.
    pub nodes: u64,
    /// Condemned by this pass: nothing holds them.
    pub condemned: u64,
    /// Condemned by an earlier pass and removed by this one.
    pub removed: u64,
    /// Stored bytes of those removed.
    pub removed_bytes: u64,
    /// Condemned earlier and held again.
    pub pardoned: u64,
}

/// Addresses held in memory at once; a pass over more nodes goes over the markers several times.
const LIVE_LIMIT: u64 = 1 << 17;
/// Nodes condemned or removed in one batch.
const BATCH: usize = 128;

/// One pass: condemns what no mailbox and no manifest holds, and removes what was condemned at
/// least `grace` ago. `now` is the time since the Unix epoch. The grace period must be longer
/// than the longest upload. One pass at a time may run on an engine; writers need not wait.
pub fn collect(engine: &dyn Engine, now: Duration, grace: Duration) -> Result<Collected> {
    let mut pass =
        Pass { engine, now: now.as_secs(), grace: grace.as_secs(), done: Collected::default() };
    let mut nodes = 0u64;
    for kind in Kind::ALL {
        visit_keys(engine, Space::Blobs, KeyRange::prefix([kind as u8]), |_| nodes += 1)?;
    }
    // A power of two, so that each part is a range of first bytes. Beyond 256 parts (33 million
    // nodes, 2 TB) the parts grow.
    let parts = nodes.div_ceil(LIVE_LIMIT).clamp(1, 256).next_power_of_two() as u16;
    for part in 0..parts {
        let width = 256 / parts;
        pass.collect_part(part * width, (part + 1) * width)?;
    }
    Ok(pass.done)
}

struct Pass<'a> {
    engine: &'a dyn Engine,
    now: u64,
    grace: u64,
    done: Collected,
}

impl Pass<'_> {
    /// Works on the addresses whose first byte lies in a range.
    fn collect_part(&mut self, from: u16, to: u16) -> Result<()> {
        let part = |prefix: &[u8]| -> KeyRange {
            let mut range = KeyRange::prefix(prefix);
            range.from.push(from as u8);
            if let Ok(to) = u8::try_from(to) {
                range.to = Some([prefix, &[to]].concat());
            }
            range
        };
        let marks = self.read_marks(part)?;
        let live = self.find_live(part, |hash| (from..to).contains(&u16::from(hash[0])))?;
        let mut expired = Vec::new();
        let mut unheld = Vec::new();
        for kind in Kind::ALL {
            visit_keys(self.engine, Space::Blobs, part(&[kind as u8]), |key| {
                self.done.nodes += 1;
                let Some(node) = Node::from_key(&key) else { return };
                match (live.contains(&node), marks.get(&node)) {
                    (false, None) => unheld.push(node),
                    (false, Some(since)) if self.expired(since) => {
                        expired.push((node, since.clone()));
                    }
                    _ => {}
                }
            })?;
        }
        let pardoned = marks.iter().filter(|(node, _)| live.contains(node));
        let pardoned: Vec<_> = pardoned.map(|(node, since)| (*node, since.clone())).collect();
        self.condemn(&unheld)?;
        self.remove(&expired)?;
        self.pardon(&pardoned)
    }

    /// The marks that stand before this pass looks for what is held. Only they allow to remove.
    fn read_marks(&self, part: impl Fn(&[u8]) -> KeyRange) -> Result<Marks> {
        let mut marks = Marks::new();
        for kind in Kind::ALL {
            let range = part(&[MARK, kind as u8]);
            self.engine.visit(Space::Blobs, &range, Direction::Forward, &mut |key, since| {
                if let Some(node) = Node::from_key(&key[1..]) {
                    marks.insert(node, Value::copy_from_slice(since));
                }
                ControlFlow::Continue(())
            })?;
        }
        Ok(marks)
    }

    /// Nodes that a marker of a mailbox or a manifest holds.
    fn find_live(
        &self,
        part: impl Fn(&[u8]) -> KeyRange,
        wanted: impl Fn(&[u8; 32]) -> bool,
    ) -> Result<HashSet<Node>> {
        let mut live = HashSet::new();
        let mut mailbox = 0u64;
        // From mailbox to mailbox, without the keys between the markers.
        loop {
            let rest = KeyRange { from: mailbox.to_be_bytes().to_vec(), to: None };
            let next = self.engine.keys(Space::Mailbox, &rest, Direction::Forward, 1)?;
            let Some(number) = next.first().and_then(|key| key.first_chunk()) else {
                break;
            };
            let prefix = [&number[..], &[MARKER]].concat();
            visit_keys(self.engine, Space::Mailbox, part(&prefix), |key| {
                let root = key.get(9..42).and_then(|root| root.split_last());
                if let Some((kind, hash)) = root
                    && let (Some(kind), Ok(hash)) = (Kind::from_byte(*kind), hash.try_into())
                {
                    live.insert(Node { kind, hash });
                }
            })?;
            match u64::from_be_bytes(*number).checked_add(1) {
                Some(next) => mailbox = next,
                None => break,
            }
        }
        let manifests = KeyRange::prefix([Kind::Manifest as u8]);
        try_visit(self.engine, Space::Blobs, &manifests, |key, value| {
            if let Some(manifest) = Node::from_key(key) {
                let children = node::manifest_children(&manifest, value)?;
                live.extend(children.filter(|child| wanted(&child.hash)));
            }
            Ok::<_, Error>(ControlFlow::Continue(()))
        })?;
        Ok(live)
    }

    fn expired(&self, since: &[u8]) -> bool {
        let since = since.try_into().map(u64::from_be_bytes);
        since.is_ok_and(|since| self.now.checked_sub(since).is_some_and(|age| age >= self.grace))
    }

    fn condemn(&mut self, nodes: &[Node]) -> Result<()> {
        let now = self.now.to_be_bytes();
        let add = |batch: &mut Batch, node: &Node| {
            batch.check_present(Space::Blobs, node.key());
            batch.put(Space::Blobs, node.mark_key(), now);
        };
        self.done.condemned += commit_most(self.engine, nodes, add, |_| {})?;
        Ok(())
    }

    fn remove(&mut self, nodes: &[(Node, Value)]) -> Result<()> {
        for nodes in nodes.chunks(BATCH) {
            let mut bytes = std::collections::HashMap::new();
            for (node, _) in nodes {
                let value = self.engine.get(Space::Blobs, &node.key())?;
                bytes.insert(*node, value.map_or(0, |value| value.len() as u64));
            }
            let add = |batch: &mut Batch, (node, since): &(Node, Value)| {
                batch.check_equals(Space::Blobs, node.mark_key(), &since[..]);
                batch.delete(Space::Blobs, node.key());
                batch.delete(Space::Blobs, node.mark_key());
            };
            let mut removed_bytes = 0;
            let removed = |(node, _): &(Node, Value)| removed_bytes += bytes[node];
            self.done.removed += commit_most(self.engine, nodes, add, removed)?;
            self.done.removed_bytes += removed_bytes;
        }
        Ok(())
    }

    fn pardon(&mut self, nodes: &[(Node, Value)]) -> Result<()> {
        let add = |batch: &mut Batch, (node, since): &(Node, Value)| {
            batch.check_equals(Space::Blobs, node.mark_key(), &since[..]);
            batch.delete(Space::Blobs, node.mark_key());
        };
        self.done.pardoned += commit_most(self.engine, nodes, add, |_| {})?;
        Ok(())
    }
}

type Marks = std::collections::HashMap<Node, Value>;

/// Commits items in bounded batches; where a batch conflicts, one by one, leaving out what
/// somebody else changed meanwhile. Gives the number committed.
fn commit_most<T>(
    engine: &dyn Engine,
    items: &[T],
    add: impl Fn(&mut Batch, &T),
    mut committed: impl FnMut(&T),
) -> Result<u64> {
    let mut count = 0;
    let mut commit = |items: &[T]| -> Result<bool> {
        let mut batch = Batch::reclaiming();
        items.iter().for_each(|item| add(&mut batch, item));
        if engine.commit(batch)? != Outcome::Committed {
            return Ok(false);
        }
        count += items.len() as u64;
        items.iter().for_each(&mut committed);
        Ok(true)
    };
    for items in items.chunks(BATCH) {
        if commit(items)? {
            continue;
        }
        for item in items {
            commit(std::slice::from_ref(item))?;
        }
    }
    Ok(count)
}

/// Calls `each` for every key of a range.
fn visit_keys(
    engine: &dyn Engine,
    space: Space,
    mut range: KeyRange,
    mut each: impl FnMut(Key),
) -> Result<()> {
    const PAGE: usize = 1024;
    loop {
        let page = engine.keys(space, &range, Direction::Forward, PAGE)?;
        let Some(last) = page.last() else { return Ok(()) };
        range = range.beyond(last, Direction::Forward);
        page.into_iter().for_each(&mut each);
    }
}
