//! Large values: chunks addressed by their content, stored once for all mailboxes.
//!
//! A blob is cut into chunks of 64 KiB, each addressed by the BLAKE3 of its plain bytes. A blob
//! of one chunk is named by that address; a longer one by the address of a manifest, the list of
//! its chunks' addresses (and beyond 2,048 chunks by a manifest of manifests), so that a
//! [`BlobRef`] has 40 bytes whatever the size.
//!
//! Who holds a blob is said by marker keys in mailboxes, written in the batch of the change that
//! refers to it ([`Blobs::reference`]). There are no counters. What no marker and no manifest
//! holds is condemned by the [collector](collect), by a mark with the time, and removed by a later
//! pass, when the mark is older than the grace period.
//!
//! Why adding and collecting cannot harm each other: whoever refers to a node (a chunk or
//! manifest that is already there) checks in the same batch that it is still there and that it
//! is not condemned, or takes the mark away; the collector removes a node only in a batch that
//! checks that its mark is still the one that it read before it looked for markers. The writer
//! thread puts the two batches in an order, and either fails by the other.

pub(crate) mod check;
mod collector;
pub(crate) mod node;
mod reader;
mod staging;
#[cfg(test)]
mod tests;

pub use collector::{Collected, collect};
pub use reader::BlobReader;
pub use staging::{
    Budget, Meter, Metered, StagedBytes, StagingArea, clear_staging, staging_directory,
};

use std::collections::HashSet;
use std::sync::Arc;

use crate::engine::{Batch, Engine, Error, MailboxNumber, Outcome, Result, Space, Ticket};
use node::{CHUNK, FANOUT, Kind, Node};

/// The second part of a marker's key, behind the mailbox number. No other key of a mailbox
/// begins so.
pub const MARKER: u8 = 0xB0;

/// The longest owner in a marker, in bytes.
pub const MAX_OWNER: usize = 64;

/// Names a blob: its content's address and its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BlobRef {
    root: [u8; 32],
    len: u64,
}

impl BlobRef {
    /// The length of [`to_bytes`](Self::to_bytes).
    pub const LEN: usize = 40;

    /// Bytes of the content.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the content is empty.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The form in records: the address, then the length, little-endian.
    pub fn to_bytes(&self) -> [u8; BlobRef::LEN] {
        let mut bytes = [0; BlobRef::LEN];
        bytes[..32].copy_from_slice(&self.root);
        bytes[32..].copy_from_slice(&self.len.to_le_bytes());
        bytes
    }

    /// Reads the form in records.
    pub fn from_bytes(bytes: &[u8; BlobRef::LEN]) -> BlobRef {
        let mut root = [0; 32];
        root.copy_from_slice(&bytes[..32]);
        let mut len = [0; 8];
        len.copy_from_slice(&bytes[32..]);
        BlobRef { root, len: u64::from_le_bytes(len) }
    }

    /// Levels of manifests above the chunks.
    fn depth(&self) -> u8 {
        let mut nodes = self.len.div_ceil(CHUNK as u64);
        let mut depth = 0;
        while nodes > 1 {
            nodes = nodes.div_ceil(FANOUT as u64);
            depth += 1;
        }
        depth
    }

    fn root(&self) -> Node {
        Node { kind: Kind::at_depth(self.depth()), hash: self.root }
    }
}

/// Bytes that can be read again, since a blob may have to be written again.
pub trait Source {
    /// How many there are.
    fn len(&self) -> u64;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `buffer` from `offset` on; all of it lies inside.
    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()>;
}

impl Source for [u8] {
    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let offset = offset as usize;
        buffer.copy_from_slice(&self[offset..offset + buffer.len()]);
        Ok(())
    }
}

/// The blobs of an engine. Cheap to clone.
#[derive(Clone)]
pub struct Blobs {
    engine: Arc<dyn Engine>,
}

/// Bytes of chunks that are written in one batch of an upload.
const UPLOAD_BATCH: usize = 1 << 20;
/// Batches of an upload on their way at the same time.
const UPLOAD_BATCHES: usize = 4;
/// How often an upload begins again because the collector took a chunk away below it.
const ATTEMPTS: usize = 5;

impl Blobs {
    /// The blobs of an engine.
    pub fn new(engine: Arc<dyn Engine>) -> Blobs {
        Blobs { engine }
    }

    /// Writes a blob that nothing refers to yet; durable when it returns. Chunks that are there
    /// already are not written again. Save the reference within the grace period, with
    /// [`reference`](Self::reference).
    ///
    /// Errors: those of the engine and the source; [`Error::BlobLost`] if a collector without a
    /// grace period removes chunks as fast as they are written.
    pub fn put<S: Source + ?Sized>(&self, source: &S) -> Result<BlobRef> {
        for _ in 0..ATTEMPTS {
            if let Some(blob) = self.try_put(source)? {
                return Ok(blob);
            }
        }
        Err(Error::BlobLost)
    }

    /// Adds a blob of bytes in memory to the batch that refers to it, so that a small one costs
    /// no sync of its own. Beyond 1 MiB it is written before, as by [`put`](Self::put).
    pub fn put_with(
        &self,
        batch: &mut Batch,
        mailbox: MailboxNumber,
        owner: &[u8],
        bytes: &[u8],
    ) -> Result<BlobRef> {
        if bytes.len() > UPLOAD_BATCH {
            let blob = self.put(bytes)?;
            self.reference(batch, mailbox, owner, &blob)?;
            return Ok(blob);
        }
        let mut added = HashSet::new();
        let mut level = Vec::new();
        for chunk in chunks_of(bytes) {
            let node = Node::chunk(chunk);
            self.add(batch, &mut added, node, || node::encode_chunk(chunk))?;
            level.push(node.hash);
        }
        let mut kind = Kind::Chunk;
        while level.len() > 1 {
            let mut above = Vec::new();
            for children in level.chunks(FANOUT) {
                let manifest = node::encode_manifest(kind, children);
                let node = Node::manifest(children);
                self.add(batch, &mut added, node, || manifest)?;
                above.push(node.hash);
            }
            level = above;
            kind = Kind::Manifest;
        }
        let blob = BlobRef { root: level[0], len: bytes.len() as u64 };
        put_marker(batch, mailbox, owner, &blob);
        Ok(blob)
    }

    /// Adds to a batch that `owner` of a mailbox refers to a blob that is written already. The
    /// batch conflicts if the collector has removed it meanwhile; then write it again.
    ///
    /// Errors: [`Error::BlobLost`] if it is gone already.
    pub fn reference(
        &self,
        batch: &mut Batch,
        mailbox: MailboxNumber,
        owner: &[u8],
        blob: &BlobRef,
    ) -> Result<()> {
        let root = blob.root();
        if !self.hold(batch, &root)? {
            return Err(Error::BlobLost);
        }
        put_marker(batch, mailbox, owner, blob);
        Ok(())
    }

    /// Adds to a batch that `owner` refers to a blob no more.
    pub fn unreference(
        &self,
        batch: &mut Batch,
        mailbox: MailboxNumber,
        owner: &[u8],
        blob: &BlobRef,
    ) {
        batch.delete(Space::Mailbox, marker_key(mailbox, blob, owner));
    }

    /// A reader of a blob's content. It does not look whether the content is there.
    pub fn open(&self, blob: &BlobRef) -> BlobReader {
        BlobReader::new(self.engine.clone(), *blob)
    }

    /// The whole content of a blob of at most `limit` bytes.
    pub fn read_all(&self, blob: &BlobRef, limit: usize) -> Result<Vec<u8>> {
        let bytes = usize::try_from(blob.len).unwrap_or(usize::MAX);
        if bytes > limit {
            return Err(Error::TooLarge { what: "blob", bytes, limit });
        }
        let mut content = vec![0; bytes];
        self.open(blob).read_at(0, &mut content)?;
        Ok(content)
    }

    /// Reads every node of a blob and compares each with its address.
    pub fn verify(&self, blob: &BlobRef) -> Result<()> {
        self.open(blob).verify()
    }

    fn try_put<S: Source + ?Sized>(&self, source: &S) -> Result<Option<BlobRef>> {
        let mut upload = Upload::new(self);
        let mut buffer = vec![0; source.len().min(CHUNK as u64) as usize];
        let mut offset = 0;
        loop {
            let len = (source.len() - offset).min(CHUNK as u64) as usize;
            let chunk = &mut buffer[..len];
            source.read_exact_at(offset, chunk)?;
            offset += len as u64;
            let chunk = &*chunk;
            upload.add(0, Node::chunk(chunk), || node::encode_chunk(chunk))?;
            if offset >= source.len() {
                break;
            }
        }
        let Some(root) = upload.finish()? else {
            return Ok(None);
        };
        Ok(Some(BlobRef { root, len: source.len() }))
    }

    /// Adds a node to a batch, unless it is in it or stored already.
    pub(crate) fn add(
        &self,
        batch: &mut Batch,
        added: &mut HashSet<Node>,
        node: Node,
        value: impl FnOnce() -> Vec<u8>,
    ) -> Result<()> {
        if !added.insert(node) || self.hold(batch, &node)? {
            return Ok(());
        }
        batch.put(Space::Blobs, node.key(), value());
        // A mark can only stand where a node stood; then the node was there when it was read.
        batch.check_absent(Space::Blobs, node.mark_key());
        Ok(())
    }

    /// Makes a batch depend on a node that is there, and keeps the collector off it. False if it
    /// is not there.
    pub(crate) fn hold(&self, batch: &mut Batch, node: &Node) -> Result<bool> {
        let latest = self.engine.latest();
        // The mark first: it goes with its node, never before it.
        let marked = latest.contains(Space::Blobs, &node.mark_key())?;
        if !latest.contains(Space::Blobs, &node.key())? {
            return Ok(false);
        }
        batch.check_present(Space::Blobs, node.key());
        if marked {
            batch.delete(Space::Blobs, node.mark_key());
        } else {
            batch.check_absent(Space::Blobs, node.mark_key());
        }
        Ok(true)
    }
}

/// A blob on its way into the engine, in bounded batches.
struct Upload<'a> {
    blobs: &'a Blobs,
    batch: Batch,
    added: HashSet<Node>,
    tickets: std::collections::VecDeque<Ticket>,
    /// For each level of manifests, the children that are not yet in one.
    levels: Vec<Vec<[u8; 32]>>,
    conflict: bool,
}

impl<'a> Upload<'a> {
    fn new(blobs: &'a Blobs) -> Upload<'a> {
        Upload {
            blobs,
            batch: Batch::new(),
            added: HashSet::new(),
            tickets: Default::default(),
            levels: vec![Vec::new()],
            conflict: false,
        }
    }

    fn add(&mut self, level: usize, node: Node, value: impl FnOnce() -> Vec<u8>) -> Result<()> {
        self.blobs.add(&mut self.batch, &mut self.added, node, value)?;
        if self.batch.size_bytes() >= UPLOAD_BATCH {
            self.send()?;
        }
        if self.levels.len() == level {
            self.levels.push(Vec::new());
        }
        self.levels[level].push(node.hash);
        if self.levels[level].len() == FANOUT {
            self.close_level(level)?;
        }
        Ok(())
    }

    /// Puts the children that wait at a level into a manifest of the next one.
    fn close_level(&mut self, level: usize) -> Result<()> {
        let children = std::mem::take(&mut self.levels[level]);
        let kind = Kind::at_depth(level as u8);
        // The manifest goes in a batch of its own with all its children checked: they may have
        // been written long ago, or by others.
        self.send()?;
        for hash in &children {
            if !self.blobs.hold(&mut self.batch, &Node { kind, hash: *hash })? {
                self.conflict = true;
                return Ok(());
            }
        }
        self.add(level + 1, Node::manifest(&children), || node::encode_manifest(kind, &children))
    }

    fn send(&mut self) -> Result<()> {
        if !self.batch.is_empty() {
            let batch = std::mem::take(&mut self.batch);
            self.tickets.push_back(self.blobs.engine.enqueue(batch)?);
            self.added.clear();
        }
        while self.tickets.len() > UPLOAD_BATCHES {
            self.settle()?;
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<()> {
        if let Some(ticket) = self.tickets.pop_front() {
            self.conflict |= ticket.wait()? != Outcome::Committed;
        }
        Ok(())
    }

    /// The address of the root; nothing if the upload must begin again.
    fn finish(mut self) -> Result<Option<[u8; 32]>> {
        let mut level = 0;
        // A level is the top one if it holds one node and nothing stands above it.
        while self.levels.len() > level + 1 || self.levels[level].len() > 1 {
            if !self.levels[level].is_empty() {
                self.close_level(level)?;
            }
            if self.conflict {
                break;
            }
            level += 1;
        }
        self.send()?;
        while !self.tickets.is_empty() {
            self.settle()?;
        }
        if self.conflict {
            return Ok(None);
        }
        Ok(self.levels[level].first().copied())
    }
}

/// Chunks of bytes; an empty blob has one empty chunk.
fn chunks_of(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let empty = bytes.is_empty().then_some(&bytes[..0]);
    empty.into_iter().chain(bytes.chunks(CHUNK))
}

fn put_marker(batch: &mut Batch, mailbox: MailboxNumber, owner: &[u8], blob: &BlobRef) {
    batch.put(Space::Mailbox, marker_key(mailbox, blob, owner), Vec::new());
}

/// mailbox, [`MARKER`], address, kind of the root, owner.
pub(crate) fn marker_key(mailbox: MailboxNumber, blob: &BlobRef, owner: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(8 + 1 + 32 + 1 + owner.len());
    key.extend_from_slice(&mailbox.0.to_be_bytes());
    key.push(MARKER);
    key.extend_from_slice(&blob.root);
    key.push(blob.root().kind as u8);
    key.extend_from_slice(&owner[..owner.len().min(MAX_OWNER)]);
    key
}
