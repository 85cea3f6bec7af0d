//! Writes small files in both formats, so that every shape that the reader knows can be put before it.

use std::io::Cursor;

use outlook_pst::ndb::block::{
    AnsiBlockTrailer, AnsiDataBlock, AnsiDataTree, UnicodeBlockTrailer, UnicodeDataBlock,
    UnicodeDataTree,
};
use outlook_pst::ndb::block_ref::{AnsiBlockRef, UnicodeBlockRef};
use outlook_pst::ndb::byte_index::{AnsiByteIndex, UnicodeByteIndex};
use outlook_pst::ndb::header::NdbCryptMethod;
use outlook_pst::ndb::page::{AnsiBlockBTreeEntry, UnicodeBlockBTreeEntry};

use crate::pst::heap::{PROPERTIES, TABLE, tests::heap_block};
use crate::pst::ndb::crc;

pub const PAGE: usize = 512;
/// Where blocks and pages begin in these files.
pub const START: usize = 0x400;

pub struct Builder {
    pub ansi: bool,
    pub method: NdbCryptMethod,
    pub file: Vec<u8>,
    /// Number, place, size.
    pub blocks: Vec<(u64, u64, u16)>,
    /// Id, data, subnodes, parent.
    pub nodes: Vec<(u32, u64, u64, u32)>,
    next: u64,
}

/// A property: its id, its type, its bytes.
pub type Property = (u16, u16, Vec<u8>);

/// A subnode: its id, its data, its subnodes.
pub type Entry = (u32, u64, u64);

pub fn text(id: u16, value: &str) -> Property {
    (id, 0x1f, value.encode_utf16().flat_map(u16::to_le_bytes).collect())
}

pub fn number(id: u16, value: u32) -> Property {
    (id, 3, value.to_le_bytes().to_vec())
}

impl Builder {
    pub fn new(ansi: bool) -> Self {
        Builder {
            ansi,
            method: NdbCryptMethod::None,
            file: vec![0; START],
            blocks: Vec::new(),
            nodes: Vec::new(),
            next: 4,
        }
    }

    fn word(&self) -> usize {
        if self.ansi { 4 } else { 8 }
    }

    fn push_word(&self, bytes: &mut Vec<u8>, value: u64) {
        bytes.extend(&value.to_le_bytes()[..self.word()]);
    }

    /// Data of any size: a block, or a list of blocks, or a list of lists.
    pub fn data(&mut self, bytes: &[u8]) -> u64 {
        let largest = 8192 - if self.ansi { 12 } else { 16 };
        if bytes.len() <= largest {
            return self.block(bytes);
        }
        let blocks: Vec<u64> = bytes.chunks(largest).map(|part| self.block(part)).collect();
        self.list(1, &blocks, bytes.len())
    }

    pub fn list(&mut self, level: u8, blocks: &[u64], total: usize) -> u64 {
        let mut bytes = vec![1, level];
        bytes.extend((blocks.len() as u16).to_le_bytes());
        bytes.extend((total as u32).to_le_bytes());
        for block in blocks {
            self.push_word(&mut bytes, *block);
        }
        self.internal(&bytes)
    }

    pub fn subnodes(&mut self, entries: &[Entry]) -> u64 {
        let mut bytes = vec![2, 0];
        bytes.extend((entries.len() as u16).to_le_bytes());
        if !self.ansi {
            bytes.extend([0; 4]);
        }
        for (node, data, subnodes) in entries {
            self.push_word(&mut bytes, u64::from(*node));
            self.push_word(&mut bytes, *data);
            self.push_word(&mut bytes, *subnodes);
        }
        self.internal(&bytes)
    }

    pub fn node(&mut self, id: u32, data: u64, subnodes: u64, parent: u32) {
        self.nodes.push((id, data, subnodes, parent));
    }

    /// A property context; values above 3580 bytes become subnodes, which are returned.
    pub fn properties(&mut self, properties: &[Property]) -> (u64, Vec<Entry>) {
        let mut values: Vec<Vec<u8>> = Vec::new();
        let mut subnodes = Vec::new();
        let mut records = Vec::new();
        for (id, kind, bytes) in properties {
            let place = match (kind, bytes.len()) {
                (2 | 3 | 0x0a | 0x0b | 4, _) => {
                    let mut inline = [0; 4];
                    inline[..bytes.len()].copy_from_slice(bytes);
                    u32::from_le_bytes(inline)
                }
                (_, 3581..) => {
                    let node = 0x1f + ((subnodes.len() as u32 + 1) << 5);
                    subnodes.push((node, self.data(bytes), 0));
                    node
                }
                _ => {
                    values.push(bytes.clone());
                    // The tree's header and records are the first two items.
                    (values.len() as u32 + 2) << 5
                }
            };
            records.extend(id.to_le_bytes());
            records.extend(kind.to_le_bytes());
            records.extend(place.to_le_bytes());
        }
        let tree = [0xb5, 2, 6, 0, 0x40, 0, 0, 0];
        let mut items: Vec<&[u8]> = vec![&tree, &records];
        items.extend(values.iter().map(Vec::as_slice));
        (self.data(&heap_block(PROPERTIES, 0x20, &items)), subnodes)
    }

    /// A table of rows: ids, and cells of numbers and strings (all rows have the same).
    pub fn table(&mut self, rows: &[(u32, Vec<Property>)]) -> u64 {
        let first = rows.first().map(|(_, cells)| cells.clone()).unwrap_or_default();
        let row_size = 8 + 4 * first.len() + 1;
        let mut info = vec![TABLE, first.len() as u8 + 2];
        let bits = (row_size - 1) as u16;
        info.extend(bits.to_le_bytes());
        info.extend(bits.to_le_bytes());
        info.extend(bits.to_le_bytes());
        info.extend((row_size as u16).to_le_bytes());
        info.extend(0x40u32.to_le_bytes());
        info.extend(0x80u32.to_le_bytes());
        info.extend([0; 4]);
        let mut column = |id: u16, kind: u16, index: usize| {
            info.extend(kind.to_le_bytes());
            info.extend(id.to_le_bytes());
            info.extend((index as u16 * 4).to_le_bytes());
            info.extend([4, index as u8]);
        };
        column(0x67f2, 3, 0);
        column(0x67f3, 3, 1);
        for (index, (id, kind, _)) in first.iter().enumerate() {
            column(*id, *kind, index + 2);
        }
        let position = if self.ansi { 2 } else { 4 };
        let index = [0xb5, 4, position as u8, 0, 0x60, 0, 0, 0];
        let (mut matrix, mut records, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for (number, (id, cells)) in rows.iter().enumerate() {
            records.extend(id.to_le_bytes());
            records.extend(&(number as u32).to_le_bytes()[..position]);
            matrix.extend(id.to_le_bytes());
            matrix.extend([1, 0, 0, 0]);
            for (_, kind, bytes) in cells {
                if *kind == 3 {
                    matrix.extend(bytes);
                    continue;
                }
                values.push(bytes.clone());
                matrix.extend(((values.len() as u32 + 4) << 5).to_le_bytes());
            }
            matrix.push(0xff);
        }
        let mut items: Vec<&[u8]> = vec![&info, &index, &records, &matrix];
        items.extend(values.iter().map(Vec::as_slice));
        self.data(&heap_block(TABLE, 0x20, &items))
    }

    /// A folder with its table of messages and of associated messages.
    pub fn folder(
        &mut self,
        id: u32,
        parent: u32,
        name: &str,
        messages: &[u32],
        associated: &[u32],
    ) {
        let (data, _) = self.properties(&[text(0x3001, name), text(0x3613, "IPF.Note")]);
        self.node(id, data, 0, parent);
        for (kind, ids) in [(0x0e, messages), (0x0f, associated)] {
            let rows: Vec<_> = ids.iter().map(|id| (*id, vec![number(0x0e17, 0)])).collect();
            let table = self.table(&rows);
            self.node(id & !0x1f | kind, table, 0, 0);
        }
    }

    /// A message with nothing but these properties.
    pub fn message(&mut self, id: u32, parent: u32, properties: &[Property]) {
        let (data, subnodes) = self.properties(properties);
        let subnodes = if subnodes.is_empty() { 0 } else { self.subnodes(&subnodes) };
        self.node(id, data, subnodes, parent);
    }

    /// The file: pages of both trees behind the blocks, and the header.
    pub fn finish(mut self) -> Vec<u8> {
        let mut blocks = std::mem::take(&mut self.blocks);
        blocks.sort();
        let entries = blocks.iter().map(|(id, at, size)| {
            let mut entry = Vec::new();
            self.push_word(&mut entry, *id);
            self.push_word(&mut entry, *at);
            entry.extend(size.to_le_bytes());
            entry.extend(2u16.to_le_bytes());
            if !self.ansi {
                entry.extend([0; 4]);
            }
            (*id, entry)
        });
        let entries = entries.collect();
        let block_root = self.tree(0x80, entries);
        let mut nodes = std::mem::take(&mut self.nodes);
        nodes.sort();
        let entries = nodes.iter().map(|(id, data, subnodes, parent)| {
            let mut entry = Vec::new();
            self.push_word(&mut entry, u64::from(*id));
            self.push_word(&mut entry, *data);
            self.push_word(&mut entry, *subnodes);
            entry.extend(parent.to_le_bytes());
            if !self.ansi {
                entry.extend([0; 4]);
            }
            (u64::from(*id), entry)
        });
        let entries = entries.collect();
        let node_root = self.tree(0x81, entries);
        self.header(node_root, block_root);
        self.file
    }

    fn block(&mut self, bytes: &[u8]) -> u64 {
        let (id, at) = (self.next, self.file.len());
        self.next += 4;
        let size = bytes.len() as u16;
        let mut out = Cursor::new(Vec::new());
        // The crate encodes a block as it writes it.
        if self.ansi {
            let id = (id as u32).into();
            let trailer = AnsiBlockTrailer::new(size, 0, 0, id).unwrap();
            let block = AnsiDataBlock::new(self.method, bytes.to_vec(), trailer).unwrap();
            let place = AnsiBlockRef::new(id, AnsiByteIndex::new(0));
            let entry = AnsiBlockBTreeEntry::new(place, size);
            AnsiDataTree::Leaf(Box::new(block)).write(&mut out, &entry).unwrap();
        } else {
            let id = id.into();
            let trailer = UnicodeBlockTrailer::new(size, 0, 0, id).unwrap();
            let block = UnicodeDataBlock::new(self.method, bytes.to_vec(), trailer).unwrap();
            let place = UnicodeBlockRef::new(id, UnicodeByteIndex::new(0));
            let entry = UnicodeBlockBTreeEntry::new(place, size);
            UnicodeDataTree::Leaf(Box::new(block)).write(&mut out, &entry).unwrap();
        }
        self.file.extend(out.into_inner());
        self.blocks.push((id, at as u64, size));
        id
    }

    fn internal(&mut self, bytes: &[u8]) -> u64 {
        let (id, at) = (self.next | 2, self.file.len());
        self.next += 4;
        let trailer = if self.ansi { 12 } else { 16 };
        let mut block = bytes.to_vec();
        block.resize((bytes.len() + trailer).next_multiple_of(64) - trailer, 0);
        block.extend((bytes.len() as u16).to_le_bytes());
        block.extend([0; 2]);
        if self.ansi {
            block.extend((id as u32).to_le_bytes());
            block.extend(crc(bytes).to_le_bytes());
        } else {
            block.extend(crc(bytes).to_le_bytes());
            block.extend(id.to_le_bytes());
        }
        self.file.extend(block);
        self.blocks.push((id, at as u64, bytes.len() as u16));
        id
    }

    /// Leaves, and one page above them.
    fn tree(&mut self, kind: u8, entries: Vec<(u64, Vec<u8>)>) -> u64 {
        let room = if self.ansi { 496 } else { 488 };
        let size = entries.first().map_or(32, |(_, entry)| entry.len());
        let mut inner = Vec::new();
        for part in entries.chunks(room / size) {
            let bytes: Vec<u8> = part.iter().flat_map(|(_, entry)| entry.clone()).collect();
            let at = self.page(kind, 0, part.len(), size, &bytes);
            let mut entry = Vec::new();
            self.push_word(&mut entry, part[0].0);
            self.push_word(&mut entry, 1);
            self.push_word(&mut entry, at);
            inner.push(entry);
        }
        let size = 3 * self.word();
        self.page(kind, 1, inner.len(), size, &inner.concat())
    }

    pub fn page(&mut self, kind: u8, level: u8, count: usize, size: usize, bytes: &[u8]) -> u64 {
        self.file.resize(self.file.len().next_multiple_of(PAGE), 0);
        let at = self.file.len();
        let room = if self.ansi { 496 } else { 488 };
        assert!(bytes.len() <= room && count <= room / size, "too much for a page");
        let mut page = bytes.to_vec();
        page.resize(room, 0);
        page.extend([count as u8, (room / size) as u8, size as u8, level]);
        if !self.ansi {
            page.extend([0; 4]);
        }
        let sum = crc(&page);
        page.extend([kind, kind, 0, 0]);
        if self.ansi {
            page.extend(1u32.to_le_bytes());
            page.extend(sum.to_le_bytes());
        } else {
            page.extend(sum.to_le_bytes());
            page.extend(1u64.to_le_bytes());
        }
        self.file.extend(page);
        at as u64
    }

    // [MS-PST] 2.2.2.6.
    fn header(&mut self, node_root: u64, block_root: u64) {
        let mut root = vec![0; 4];
        for value in [self.file.len() as u64, 0x4400, 0, 0, 1, node_root, 1, block_root] {
            self.push_word(&mut root, value);
        }
        root.extend([2, 0, 0, 0]);
        let mut body = b"SM".to_vec();
        body.extend(if self.ansi { 14u16 } else { 23 }.to_le_bytes());
        body.extend([19, 0, 1, 1]);
        body.extend([0; 8]);
        // The next numbers, and those of each node type.
        body.extend(vec![0; if self.ansi { 12 } else { 20 } + 128]);
        if !self.ansi {
            body.extend([0; 8]);
        }
        body.extend(root);
        if !self.ansi {
            body.extend([0; 4]);
        }
        body.extend([0xff; 256]);
        body.extend([0x80, self.method as u8, 0, 0]);
        body.extend(vec![0; if self.ansi { 48 } else { 8 }]);
        let mut header = b"!BDN".to_vec();
        header.extend(crc(&body[..471]).to_le_bytes());
        header.extend(&body);
        if !self.ansi {
            header.extend(crc(&body).to_le_bytes());
            header.extend([0; 36]);
        }
        self.file[..header.len()].copy_from_slice(&header);
    }
}
