//! Writing what a snapshot holds into an engine: a new data directory, or a store that is in use.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use super::error::{BackupError, Result};
use super::object::Record;
use super::reader::{in_words, read_pack};
use super::repository::Repository;
use super::snapshot::PackRef;
use super::write::{marker, object_of, owner_in_words};
use super::{Progress, Watch};
use crate::blob::Blobs;
use crate::blob::node::{self, Node};
use crate::engine::{Batch, Engine, Space, Ticket};
use crate::{MailboxNumber, StoreError, jobs, keys};

/// Bytes of records in one batch.
const BATCH: usize = 2 << 20;
/// Batches on their way at the same time.
const BATCHES: usize = 4;
/// Bytes of large values in one batch.
const VALUES: usize = 1 << 20;
/// How often a batch of large values is built again because the collector took one away below it.
const ATTEMPTS: usize = 8;

/// A restore under way.
pub(super) struct Fill<'a, 'w> {
    pub(super) repository: &'a Repository,
    pub(super) engine: Arc<dyn Engine>,
    pub(super) skip_damaged: bool,
    pub(super) watch: &'a mut Watch<'w>,
    /// What was passed over because it is damaged.
    pub(super) damaged: Vec<String>,
    pub(super) records: u64,
    pub(super) done: u64,
    pub(super) total: u64,
    batch: Batch,
    tickets: VecDeque<Ticket>,
    /// Markers whose values are chunks, which go together.
    waiting: Vec<Waiting>,
    waiting_bytes: usize,
}

struct Waiting {
    key: Vec<u8>,
    root: Node,
    owner: Vec<u8>,
}

impl<'a, 'w> Fill<'a, 'w> {
    pub(super) fn new(
        repository: &'a Repository,
        engine: Arc<dyn Engine>,
        skip_damaged: bool,
        watch: &'a mut Watch<'w>,
    ) -> Self {
        Fill {
            repository,
            engine,
            skip_damaged,
            watch,
            damaged: Vec::new(),
            records: 0,
            done: 0,
            total: 0,
            batch: Batch::new(),
            tickets: VecDeque::new(),
            waiting: Vec::new(),
            waiting_bytes: 0,
        }
    }

    /// Accounts, grants and jobs.
    pub(super) fn common(&mut self, packs: &[PackRef]) -> Result<()> {
        for pack in packs {
            for record in self.pack(pack, "the directory")? {
                let space = match record.space {
                    1 => Space::Directory,
                    _ => Space::Queue,
                };
                self.put(space, record.key.to_vec(), &record.value)?;
            }
        }
        self.settle()
    }

    /// The records and large values of a mailbox, under a number; durable when it returns. The markers come
    /// with their values, and after the records, since they are last in the order of keys.
    pub(super) fn mailbox(
        &mut self,
        packs: &[PackRef],
        number: MailboxNumber,
        whose: &str,
    ) -> Result<()> {
        let prefix = keys::mailbox_prefix(number);
        for pack in packs {
            for record in self.pack(pack, whose)? {
                self.records += 1;
                if record.space == Space::Queue as u8 {
                    if let Some(job) = jobs::with_mailbox(&record.key, number) {
                        // What was on its way may have arrived since: an operator lets it go on.
                        let held = jobs::is_outbound(&job)
                            .then(|| crate::outbound::record::held(&record.value));
                        self.put(Space::Queue, job, held.as_deref().unwrap_or(&record.value))?;
                    }
                    continue;
                }
                let key = [&prefix[..], &record.key].concat();
                match marker(&record.key) {
                    Some((root, owner)) => self.marker(key, root, owner.to_vec(), whose)?,
                    None => self.put(Space::Mailbox, key, &record.value)?,
                }
            }
            self.look(whose)?;
        }
        self.settle_waiting(whose)?;
        self.settle()
    }

    fn pack(&mut self, pack: &PackRef, whose: &str) -> Result<Vec<Record>> {
        match read_pack(self.repository, pack) {
            Ok(records) => Ok(records),
            Err(BackupError::Damaged { what, reason }) if self.skip_damaged => {
                self.damaged.push(format!("{whose}: {}: {what}: {reason}", in_words(pack)));
                Ok(Vec::new())
            }
            Err(error) => Err(error),
        }
    }

    fn put(&mut self, space: Space, key: Vec<u8>, value: &[u8]) -> Result<()> {
        self.batch.put(space, key, value);
        if self.batch.size_bytes() < BATCH {
            return Ok(());
        }
        let batch = std::mem::take(&mut self.batch);
        self.tickets.push_back(self.engine.enqueue(batch)?);
        while self.tickets.len() > BATCHES {
            self.wait()?;
        }
        Ok(())
    }

    fn wait(&mut self) -> Result<()> {
        let Some(ticket) = self.tickets.pop_front() else { return Ok(()) };
        match ticket.wait()?.is_committed() {
            true => Ok(()),
            // There are no checks in them.
            false => Err(StoreError::ObjectModified.into()),
        }
    }

    fn settle(&mut self) -> Result<()> {
        if !self.batch.is_empty() {
            let batch = std::mem::take(&mut self.batch);
            self.tickets.push_back(self.engine.enqueue(batch)?);
        }
        while !self.tickets.is_empty() {
            self.wait()?;
        }
        Ok(())
    }

    fn marker(&mut self, key: Vec<u8>, root: Node, owner: Vec<u8>, whose: &str) -> Result<()> {
        if root.kind == node::Kind::Manifest
            && let Err(error) = self.manifest(&root)
        {
            return self.lost(error, &owner, whose);
        }
        self.waiting_bytes += key.len() + node::CHUNK;
        self.waiting.push(Waiting { key, root, owner });
        if self.waiting_bytes >= VALUES { self.settle_waiting(whose) } else { Ok(()) }
    }

    /// Writes a manifest with all below it, unless it is there. It is not held by anything yet.
    fn manifest(&mut self, root: &Node) -> Result<()> {
        let plain = self.repository.object(&object_of(root))?;
        let children: Vec<Node> = node::manifest_children(root, &plain)?.collect();
        for child in children.iter().filter(|child| child.kind == node::Kind::Manifest) {
            self.manifest(child)?;
        }
        for _ in 0..ATTEMPTS {
            let chunks = children.iter().filter(|child| child.kind == node::Kind::Chunk);
            for some in chunks.collect::<Vec<_>>().chunks(VALUES / node::CHUNK) {
                self.chunks(some)?;
            }
            let blobs = Blobs::new(self.engine.clone());
            let mut batch = Batch::new();
            let mut there = true;
            for child in &children {
                there &= blobs.hold(&mut batch, child)?;
            }
            blobs.add(&mut batch, &mut HashSet::new(), *root, || plain.clone())?;
            if there && self.engine.commit(batch)?.is_committed() {
                return Ok(());
            }
        }
        Err(StoreError::ObjectModified.into())
    }

    /// Writes chunks that are not there.
    fn chunks(&mut self, chunks: &[&Node]) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let mut batch = Batch::new();
            let mut added = HashSet::new();
            for chunk in chunks {
                self.add(&mut batch, &mut added, chunk)?;
            }
            if batch.is_empty() || self.engine.commit(batch)?.is_committed() {
                return Ok(());
            }
        }
        Err(StoreError::ObjectModified.into())
    }

    /// Makes a batch depend on a manifest that was written, and writes it again if it is gone.
    fn hold_manifest(&mut self, batch: &mut Batch, root: &Node) -> Result<()> {
        let blobs = Blobs::new(self.engine.clone());
        for _ in 0..ATTEMPTS {
            if blobs.hold(batch, root)? {
                return Ok(());
            }
            self.manifest(root)?;
        }
        Err(StoreError::ObjectModified.into())
    }

    /// Adds a chunk to a batch, or makes the batch depend on the one that is there.
    fn add(&self, batch: &mut Batch, added: &mut HashSet<Node>, chunk: &Node) -> Result<()> {
        let blobs = Blobs::new(self.engine.clone());
        if added.contains(chunk) || blobs.hold(batch, chunk)? {
            return Ok(());
        }
        let plain = self.repository.object(&object_of(chunk))?;
        Ok(blobs.add(batch, added, *chunk, || node::encode_chunk(&plain))?)
    }

    /// Writes the markers that wait, each in one batch with its value or with the check that it is there.
    fn settle_waiting(&mut self, whose: &str) -> Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        let mut lost: HashSet<Node> = HashSet::new();
        for _ in 0..ATTEMPTS {
            let mut batch = Batch::new();
            let mut added = HashSet::new();
            for item in &waiting {
                if lost.contains(&item.root) {
                    continue;
                }
                let there = match item.root.kind {
                    node::Kind::Chunk => self.add(&mut batch, &mut added, &item.root),
                    node::Kind::Manifest => self.hold_manifest(&mut batch, &item.root),
                };
                match there {
                    Ok(()) => batch.put(Space::Mailbox, &item.key[..], Vec::new()),
                    Err(error) => {
                        self.lost(error, &item.owner, whose)?;
                        lost.insert(item.root);
                    }
                }
            }
            if batch.is_empty() || self.engine.commit(batch)?.is_committed() {
                return Ok(());
            }
        }
        Err(StoreError::ObjectModified.into())
    }

    /// A large value that cannot be restored.
    fn lost(&mut self, error: BackupError, owner: &[u8], whose: &str) -> Result<()> {
        let BackupError::Damaged { what, reason } = error else { return Err(error) };
        if !self.skip_damaged {
            return Err(BackupError::Damaged { what, reason });
        }
        let owner = owner_in_words(owner);
        self.damaged.push(format!("{whose}: {owner}: a large value: {what}: {reason}"));
        Ok(())
    }

    fn look(&mut self, what: &str) -> Result<()> {
        let progress = Progress {
            what,
            mailboxes_done: self.done,
            mailboxes: self.total,
            records: self.records,
        };
        if (self.watch)(progress) { Ok(()) } else { Err(BackupError::Stopped) }
    }
}
