//! The node database: pages, blocks, data trees and subnode trees ([MS-PST] 2.2).
//!
//! The crate `outlook_pst` opens the file, parses B-tree pages and decodes data blocks. What it would
//! refuse for a wrong checksum, or read by a size that the file gives, passes through here first: sizes
//! are checked before they are used, a wrong checksum is noted and the bytes are read all the same, and
//! the lists of blocks are read here.
//!
//! INVARIANT: memory and time are bounded by the length of the file, whatever its tables say: each page
//! is visited once, levels fall on the way down, and all blocks together give at most a fixed multiple of
//! the file's length.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::rc::Rc;

use super::PstError;
use format::{Format, Page};

mod format;
mod header;
mod scan;

const PAGE_SIZE: usize = 512;
/// The largest block with its trailer ([MS-PST] 2.2.2.8).
const MAX_BLOCK_SIZE: usize = 8192;
/// Pages of the block B-tree that are kept for the next look-up.
const CACHED_PAGES: usize = 2048;
/// How often the file's own length may be read as blocks, and some room for small files.
const BUDGET_FACTOR: u64 = 16;
const BUDGET_BASE: u64 = 16 << 20;

/// A block's number with the reserved bit cleared ([MS-PST] 2.2.2.2); 0 means no block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct BlockId(u64);

impl BlockId {
    fn new(raw: u64) -> Self {
        BlockId(raw & !1)
    }

    pub fn is_none(self) -> bool {
        self.0 == 0
    }

    fn is_internal(self) -> bool {
        self.0 & 2 != 0
    }
}

/// A node's id: its type in the low five bits ([MS-PST] 2.2.2.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

impl NodeId {
    pub const fn kind(self) -> u8 {
        (self.0 & 0x1f) as u8
    }

    /// The node of another type that belongs to this one, such as a folder's contents table.
    pub const fn with_kind(self, kind: u8) -> Self {
        NodeId(self.0 & !0x1f | kind as u32)
    }
}

impl std::fmt::Debug for NodeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl std::fmt::Display for NodeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// An entry of the node B-tree ([MS-PST] 2.2.2.7.7.4).
#[derive(Debug, Clone, Copy)]
pub struct Node {
    pub id: NodeId,
    pub data: BlockId,
    pub subnodes: BlockId,
    pub parent: NodeId,
}

/// An entry of a subnode tree ([MS-PST] 2.2.2.8.3.3.1.1).
#[derive(Debug, Clone, Copy)]
pub struct Subnode {
    pub data: BlockId,
    pub subnodes: BlockId,
}

/// The subnodes of one node by their ids.
pub type Subnodes = BTreeMap<NodeId, Subnode>;

/// Where a block lies, and how many bytes it holds.
#[derive(Debug, Clone, Copy)]
struct BlockPlace {
    id: BlockId,
    at: u64,
    size: u16,
}

/// The file's nodes and blocks.
pub struct Database {
    format: Box<dyn Format>,
    length: u64,
    pages: RefCell<HashMap<u64, Rc<Page<BlockPlace>>>>,
    /// Where blocks lie by pages that the tree does not lead to: read when a page of the tree is lost.
    scanned: OnceCell<HashMap<BlockId, BlockPlace>>,
    /// Bytes of blocks that may still be read.
    budget: Cell<u64>,
    damage: RefCell<Damage>,
}

/// What was found to be wrong, each place once.
#[derive(Default)]
struct Damage {
    places: HashSet<String>,
    notes: Vec<(String, String)>,
}

impl Database {
    pub fn open<R: Read + Seek + 'static>(mut reader: R) -> Result<Self, PstError> {
        let length = reader.seek(SeekFrom::End(0))?;
        let mut header = vec![0; header::SIZE.min(usize::try_from(length).unwrap_or(header::SIZE))];
        reader.seek(SeekFrom::Start(0))?;
        reader.read_exact(&mut header)?;
        // [MS-PST] 2.2.2.6: "!BDN", a checksum, "SM" (a PST) or "SO" (an OST), the version.
        if header.len() < 12 || !super::has_signature(&header) {
            return Err(PstError::NotPst);
        }
        if header[9] != b'M' {
            return Err(PstError::OtherClient);
        }
        let version = u16::from_le_bytes([header[10], header[11]]);
        let right = header::put_right(header.clone());
        let is_right = right == header;
        let reader = header::Behind::new(right, reader)?;
        let format = format::open(version, Box::new(reader)).ok_or(PstError::Version(version))?;
        let format = format.map_err(PstError::Header)?;
        let database = Database {
            format,
            length,
            pages: RefCell::default(),
            scanned: OnceCell::new(),
            budget: Cell::new(0),
            damage: RefCell::default(),
        };
        database.refill();
        if !is_right {
            database.note("header".into(), "its checksum is wrong; read all the same");
        }
        Ok(database)
    }

    /// Allows the blocks of the file to be read as often as one walk may need.
    pub fn refill(&self) {
        self.budget.set(self.length.saturating_mul(BUDGET_FACTOR).saturating_add(BUDGET_BASE));
    }

    /// All nodes in the order of their ids, one for each id.
    ///
    /// Where a page of the tree cannot be read, the nodes that it should list are looked for in other
    /// pages of the file, which may be older.
    pub fn nodes(&self) -> Vec<Node> {
        let mut nodes: Vec<Node> = Vec::new();
        let mut lost: Vec<Range<u64>> = Vec::new();
        let mut pending = vec![(self.format.roots().0, u8::MAX, 0..u64::from(u32::MAX) + 1)];
        let mut visited = HashSet::new();
        while let Some((at, below, keys)) = pending.pop() {
            if !visited.insert(at) {
                self.note(format!("node page at {at:#x}"), "it stands in the tree twice");
                continue;
            }
            match self.page(at, "node page", |page| self.format.node_page(page)) {
                Ok(Page::Inner { level, entries }) if level < below => {
                    let ends = entries.iter().skip(1).map(|(key, _)| *key).chain([keys.end]);
                    let pages = entries.iter().zip(ends);
                    pending.extend(pages.map(|((key, at), end)| (*at, level, *key..end)));
                }
                Ok(Page::Leaf(entries)) => nodes.extend(entries),
                Ok(Page::Inner { .. }) => {
                    lost.push(keys);
                    let why = "its level is not below its parent's";
                    self.note(format!("node page at {at:#x}"), why);
                }
                Err(why) => {
                    let why = format!(
                        "it is lost, with nodes {:#x} to {:#x}: {why}",
                        keys.start, keys.end
                    );
                    lost.push(keys);
                    self.note(format!("node page at {at:#x}"), why);
                }
            }
        }
        if !lost.is_empty() {
            let known: HashSet<NodeId> = nodes.iter().map(|node| node.id).collect();
            let mut found = self.scan_nodes();
            found.retain(|node| {
                let key = u64::from(node.id.0);
                !known.contains(&node.id) && lost.iter().any(|keys| keys.contains(&key))
            });
            let why = format!(
                "{} nodes of lost pages were found in others, which may be older",
                found.len()
            );
            self.note("node pages".into(), why);
            nodes.extend(found);
        }
        nodes.sort_by_key(|node| node.id);
        nodes.dedup_by_key(|node| node.id);
        nodes
    }

    /// The blocks of a data tree in their order ([MS-PST] 2.2.2.8.3.2), at most `limit` bytes.
    pub fn data(&self, id: BlockId, limit: u64) -> Result<Vec<Vec<u8>>, String> {
        let mut blocks = Vec::new();
        let mut total = 0;
        // XXBLOCK, XBLOCK, data: a level is below the one that named it.
        let mut pending = vec![(id, 3)];
        while let Some((id, below)) = pending.pop() {
            if id.is_none() {
                continue;
            }
            let place = self.find(id)?;
            if !id.is_internal() {
                let block = self.data_block(place)?;
                total += block.len() as u64;
                if total > limit {
                    return Err(format!("it is larger than {limit} bytes"));
                }
                blocks.push(block);
                continue;
            }
            let block = self.raw_block(place)?;
            let word = self.format.layout().word;
            let (kind, level, entries) = list(&block, 8, word)?;
            if kind != 1 || level == 0 || level >= below {
                return Err(format!("block {:#x} is no list of data blocks", id.0));
            }
            for entry in entries.rev() {
                pending.push((BlockId::new(word_at(entry, 0, word)), level));
            }
        }
        Ok(blocks)
    }

    /// The subnodes under a block ([MS-PST] 2.2.2.8.3.3).
    pub fn subnodes(&self, id: BlockId) -> Result<Subnodes, String> {
        let mut subnodes = Subnodes::new();
        let mut pending = vec![(id, 2)];
        let mut visited = HashSet::new();
        while let Some((id, below)) = pending.pop() {
            if id.is_none() || !visited.insert(id) {
                continue;
            }
            let block = self.find(id).and_then(|place| self.raw_block(place));
            let block = match block {
                Ok(block) => block,
                // The other parts of the tree still stand.
                Err(why) if below == 1 => {
                    self.note(format!("subnode block {:#x}", id.0), why);
                    continue;
                }
                Err(why) => return Err(why),
            };
            let layout = self.format.layout();
            let word = layout.word;
            let level = block.get(1).copied().unwrap_or(0);
            let width = if level == 0 { 3 * word } else { 2 * word };
            let (kind, level, entries) = list(&block, layout.subnode_header, width)?;
            if kind != 2 || level >= below {
                return Err(format!("block {:#x} is no list of subnodes", id.0));
            }
            for entry in entries {
                let data = BlockId::new(word_at(entry, word, word));
                if level == 1 {
                    pending.push((data, 1));
                    continue;
                }
                let node = NodeId(word_at(entry, 0, 4) as u32);
                let subnodes_of = BlockId::new(word_at(entry, 2 * word, word));
                subnodes.entry(node).or_insert(Subnode { data, subnodes: subnodes_of });
            }
        }
        Ok(subnodes)
    }

    /// What was found wrong since the last call: the place, and why.
    pub fn take_damage(&self) -> Vec<(String, String)> {
        std::mem::take(&mut self.damage.borrow_mut().notes)
    }

    fn note(&self, what: String, why: impl Into<String>) {
        let mut damage = self.damage.borrow_mut();
        if damage.places.insert(what.clone()) {
            damage.notes.push((what, why.into()));
        }
    }

    /// Where a block lies, by the block B-tree ([MS-PST] 2.2.2.7.7.3).
    fn find(&self, id: BlockId) -> Result<BlockPlace, String> {
        let missing = || format!("block {:#x} is not in the file's tables", id.0);
        let (mut at, mut below) = (self.format.roots().1, u8::MAX);
        loop {
            let page = match self.cached_page(at) {
                Ok(page) => page,
                Err(why) => {
                    let what = format!("block page at {at:#x}");
                    self.note(what, "it is lost; its blocks are looked for in other pages");
                    return self.scanned_block(id).ok_or(why);
                }
            };
            match &*page {
                Page::Leaf(entries) => {
                    return entries.iter().find(|e| e.id == id).copied().ok_or_else(missing);
                }
                Page::Inner { level, entries } if *level < below => {
                    let index = entries.partition_point(|(key, _)| *key <= id.0);
                    at = entries[..index].last().ok_or_else(missing)?.1;
                    below = *level;
                }
                Page::Inner { .. } => {
                    return Err(format!("the block page at {at:#x} is in a loop"));
                }
            }
        }
    }

    fn cached_page(&self, at: u64) -> Result<Rc<Page<BlockPlace>>, String> {
        if let Some(page) = self.pages.borrow().get(&at) {
            return Ok(page.clone());
        }
        let page = self.page(at, "block page", |page| self.format.block_page(page));
        let page = Rc::new(page.map_err(|why| format!("block page at {at:#x}: {why}"))?);
        let mut pages = self.pages.borrow_mut();
        if pages.len() >= CACHED_PAGES {
            pages.clear();
        }
        pages.insert(at, page.clone());
        Ok(page)
    }

    /// A page as `read` takes it. A wrong checksum is put right and noted, since most of what such a page
    /// says may still hold.
    fn page<Entry>(
        &self,
        at: u64,
        what: &str,
        read: impl FnOnce(&[u8; PAGE_SIZE]) -> Result<Page<Entry>, String>,
    ) -> Result<Page<Entry>, String> {
        let mut page = [0; PAGE_SIZE];
        self.format.read_at(at, &mut page)?;
        let layout = self.format.layout();
        let right = crc(&page[..layout.page_covered]).to_le_bytes();
        let stored = &mut page[layout.page_crc..layout.page_crc + 4];
        let is_right = *stored == right;
        stored.copy_from_slice(&right);
        let page = read(&page)?;
        if !is_right {
            self.note(format!("{what} at {at:#x}"), "its checksum is wrong; read all the same");
        }
        Ok(page)
    }

    /// A block as it is stored, without padding and trailer.
    fn raw_block(&self, place: BlockPlace) -> Result<Vec<u8>, String> {
        let mut block = self.stored_block(place)?;
        block.truncate(usize::from(place.size));
        Ok(block)
    }

    fn data_block(&self, place: BlockPlace) -> Result<Vec<u8>, String> {
        let block = self.stored_block(place)?;
        self.format.decode(place, block).map_err(|why| format!("block {:#x}: {why}", place.id.0))
    }

    /// A block with padding and a trailer that is right ([MS-PST] 2.2.2.8.1).
    fn stored_block(&self, place: BlockPlace) -> Result<Vec<u8>, String> {
        let layout = self.format.layout();
        let name = || format!("block {:#x}", place.id.0);
        let size = usize::from(place.size);
        if size == 0 || size + layout.block_trailer > MAX_BLOCK_SIZE {
            return Err(format!("{}: {size} bytes cannot be its size", name()));
        }
        let left =
            self.budget.get().checked_sub(size as u64).ok_or_else(|| {
                format!("{}: the file names the same blocks over and over", name())
            })?;
        self.budget.set(left);
        let whole = (size + layout.block_trailer).next_multiple_of(64);
        let mut block = vec![0; whole];
        self.format
            .read_at(place.at, &mut block)
            .map_err(|why| format!("{} at {:#x} of {}: {why}", name(), place.at, self.length))?;
        let (data, rest) = block.split_at_mut(size);
        let right = crc(data).to_le_bytes();
        let start = rest.len() - layout.block_trailer;
        let trailer = &mut rest[start..];
        let (word, bid, sum) = (layout.word, layout.block_bid, layout.block_crc);
        if trailer[..2] != place.size.to_le_bytes()
            || BlockId::new(word_at(trailer, bid, word)) != place.id
        {
            return Err(format!("{}: another block stands in its place", name()));
        }
        if trailer[sum..sum + 4] != right {
            trailer[sum..sum + 4].copy_from_slice(&right);
            self.note(name(), "its checksum is wrong; what it holds was carried as it stands");
        }
        Ok(block)
    }
}

/// The kind, level and entries of a block that lists others.
fn list(
    block: &[u8],
    header: usize,
    width: usize,
) -> Result<(u8, u8, std::slice::ChunksExact<'_, u8>), String> {
    let [kind, level, low, high, ..] = *block else {
        return Err("a list of blocks is empty".into());
    };
    let count = usize::from(u16::from_le_bytes([low, high]));
    let entries = block.get(header..header + count * width);
    let entries = entries.ok_or_else(|| format!("a list of {count} blocks is cut off"))?;
    Ok((kind, level, entries.chunks_exact(width)))
}

/// A little-endian number of `width` bytes that the caller knows to lie inside.
fn word_at(bytes: &[u8], at: usize, width: usize) -> u64 {
    let mut word = [0; 8];
    word[..width].copy_from_slice(&bytes[at..at + width]);
    u64::from_le_bytes(word)
}

/// The checksum of [MS-PST] 5.3, CRC-32 without the inversions.
pub fn crc(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut index = 0;
        while index < 256 {
            let mut value = index as u32;
            let mut bit = 0;
            while bit < 8 {
                value = if value & 1 == 1 { value >> 1 ^ 0xedb8_8320 } else { value >> 1 };
                bit += 1;
            }
            table[index] = value;
            index += 1;
        }
        table
    };
    bytes.iter().fold(0, |crc, byte| TABLE[((crc ^ u32::from(*byte)) & 0xff) as usize] ^ crc >> 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum() {
        // The bytes of a CRC-32 table check, without the inversions before and after.
        assert_eq!(crc(b""), 0);
        assert_eq!(crc(&[1]), 0x7707_3096);
    }

    #[test]
    fn lists_are_bounded_by_their_bytes() {
        assert!(list(&[1, 1], 8, 8).is_err());
        assert!(list(&[1, 1, 0xff, 0xff, 0, 0, 0, 0], 8, 8).is_err());
        let (kind, level, entries) = list(&[2, 0, 1, 0, 9, 9, 9, 9], 4, 4).unwrap();
        assert_eq!((kind, level, entries.count()), (2, 0, 1));
    }
}
