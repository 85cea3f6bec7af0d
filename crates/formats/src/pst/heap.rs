//! Heaps on a node, and the B-trees in them ([MS-PST] 2.3.1, 2.3.2).
//!
//! The reader of `outlook_pst` ends a list at the first record that it does not know and reserves memory
//! by counts in the file, so this layer is read here: a record that cannot be read costs that record.
//!
//! INVARIANT: everything is looked up with its bounds; each item of a tree is visited once.

use std::collections::HashSet;

/// What a heap holds ([MS-PST] 2.3.1.2 bClientSig).
pub const TABLE: u8 = 0x7c;
pub const PROPERTIES: u8 = 0xbc;
const TREE: u8 = 0xb5;
const SIGNATURE: u8 = 0xec;

/// An item of a heap ([MS-PST] 2.3.1.1), or a subnode: the low five bits tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HeapOrNode(pub u32);

/// The blocks of a node that holds a heap.
#[derive(Debug)]
pub struct Heap {
    blocks: Vec<Vec<u8>>,
    client: u8,
    root: HeapOrNode,
}

/// Records of a B-tree in a heap: key and data, each of a fixed size.
pub struct Records<'h> {
    pub records: Vec<(&'h [u8], &'h [u8])>,
    /// Parts of the tree that could not be read.
    pub lost: Vec<String>,
}

impl Heap {
    // [MS-PST] 2.3.1.2 HNHDR.
    pub fn new(blocks: Vec<Vec<u8>>) -> Result<Heap, String> {
        let header: [u8; 8] = blocks
            .first()
            .and_then(|block| block.first_chunk().copied())
            .ok_or("its first block is missing")?;
        let [_, _, signature, client, a, b, c, d] = header;
        if signature != SIGNATURE {
            return Err(format!("its first block has the signature {signature:#04x}"));
        }
        Ok(Heap { blocks, client, root: HeapOrNode(u32::from_le_bytes([a, b, c, d])) })
    }

    pub fn client(&self) -> u8 {
        self.client
    }

    pub fn root(&self) -> HeapOrNode {
        self.root
    }

    /// An item's bytes.
    // [MS-PST] 2.3.1.1 HID, 2.3.1.5 HNPAGEMAP. The page map's place stands first in each kind of header.
    pub fn item(&self, id: HeapOrNode) -> Result<&[u8], String> {
        let missing = || format!("the heap has no item {:#x}", id.0);
        if !id.is_item() {
            return Err(missing());
        }
        let (index, block) = ((id.0 >> 5 & 0x7ff) as usize, (id.0 >> 16) as usize);
        let block = self.blocks.get(block).ok_or_else(missing)?;
        let map = usize::from(u16_at(block, 0).ok_or_else(missing)?);
        let count = usize::from(u16_at(block, map).ok_or_else(missing)?);
        if index == 0 || index > count {
            return Err(missing());
        }
        let offsets = map + 4 + (index - 1) * 2;
        let start = u16_at(block, offsets).ok_or_else(missing)?;
        let end = u16_at(block, offsets + 2).ok_or_else(missing)?;
        block.get(usize::from(start)..usize::from(end)).ok_or_else(missing)
    }

    /// The records of a B-tree whose header stands in `header`.
    // [MS-PST] 2.3.2.
    pub fn records(
        &self,
        header: HeapOrNode,
        key_size: usize,
        data_size: usize,
    ) -> Result<Records<'_>, String> {
        let [kind, key, data, levels, a, b, c, d] = *self
            .item(header)?
            .first_chunk()
            .ok_or("the header of a tree in its heap is cut off")?;
        if kind != TREE || usize::from(key) != key_size || usize::from(data) != data_size {
            return Err(format!(
                "a tree in its heap has the kind {kind:#04x}, keys of {key} and data of {data} bytes"
            ));
        }
        let root = HeapOrNode(u32::from_le_bytes([a, b, c, d]));
        let mut found = Records { records: Vec::new(), lost: Vec::new() };
        let mut visited = HashSet::new();
        let mut pending = vec![(root, levels)];
        while let Some((id, level)) = pending.pop() {
            if id.0 == 0 || !visited.insert(id) {
                continue;
            }
            let item = match self.item(id) {
                Ok(item) => item,
                Err(why) => {
                    found.lost.push(why);
                    continue;
                }
            };
            if level == 0 {
                let records = item.chunks_exact(key_size + data_size);
                found.records.extend(records.map(|record| record.split_at(key_size)));
                continue;
            }
            for entry in item.chunks_exact(key_size + 4).rev() {
                let next = entry.last_chunk().copied().map_or(0, u32::from_le_bytes);
                pending.push((HeapOrNode(next), level - 1));
            }
        }
        Ok(found)
    }
}

impl HeapOrNode {
    pub fn is_item(self) -> bool {
        self.0 & 0x1f == 0
    }
}

pub fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2).map(|b| u16::from_le_bytes([b[0], b[1]]))
}

pub fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A heap of one block with these items; their ids are 0x20, 0x40, 0x60...
    pub fn heap_block(client: u8, root: u32, items: &[&[u8]]) -> Vec<u8> {
        let mut block = vec![0, 0, SIGNATURE, client];
        block.extend(root.to_le_bytes());
        block.extend([0; 4]);
        let mut offsets = vec![block.len() as u16];
        for item in items {
            block.extend_from_slice(item);
            offsets.push(block.len() as u16);
        }
        let map = (block.len() as u16).to_le_bytes();
        block[..2].copy_from_slice(&map);
        block.extend((items.len() as u16).to_le_bytes());
        block.extend([0; 2]);
        block.extend(offsets.iter().flat_map(|offset| offset.to_le_bytes()));
        block
    }

    #[test]
    fn items_and_trees() {
        let tree = [TREE, 2, 6, 1, 0x40, 0, 0, 0];
        // The second entry points at an item that does not exist.
        let index = [1, 0, 0x60, 0, 0, 0, 9, 0, 0xe0, 0, 0, 0];
        let leaf = [7, 0, 3, 0, 1, 2, 3, 4, 9, 0, 3, 0, 5, 6, 7, 8];
        let heap = Heap::new(vec![heap_block(PROPERTIES, 0x20, &[&tree, &index, &leaf])]).unwrap();
        assert_eq!(heap.client(), PROPERTIES);
        let found = heap.records(heap.root(), 2, 6).unwrap();
        assert_eq!(found.records.len(), 2);
        assert_eq!(found.records[1].0, [9, 0]);
        assert_eq!(found.lost, ["the heap has no item 0xe0"]);
        assert!(heap.records(heap.root(), 4, 4).is_err());
        assert!(heap.item(HeapOrNode(0x0001_0020)).is_err());
        assert!(heap.item(HeapOrNode(0x21)).is_err());
    }

    #[test]
    fn a_tree_that_loops_ends() {
        let tree = [TREE, 2, 6, 255, 0x40, 0, 0, 0];
        let index = [1, 0, 0x40, 0, 0, 0];
        let heap = Heap::new(vec![heap_block(PROPERTIES, 0x20, &[&tree, &index])]).unwrap();
        assert_eq!(heap.records(heap.root(), 2, 6).unwrap().records.len(), 0);
    }

    #[test]
    fn cut_heaps_are_refused() {
        assert!(Heap::new(vec![]).is_err());
        assert!(Heap::new(vec![vec![0; 8]]).is_err());
        let block = heap_block(PROPERTIES, 0x20, &[b"item"]);
        for length in 8..block.len() {
            let heap = Heap::new(vec![block[..length].to_vec()]).unwrap();
            assert!(heap.item(HeapOrNode(0x20)).is_err());
        }
    }
}
