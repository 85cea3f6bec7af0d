//! Pages that the trees do not lead to, for when a page of a tree is lost.
//!
//! Such pages may be older than the file: a node in one may have been changed or deleted since. They are
//! asked only for what a lost page should have listed, and the newest of them is taken.

use std::collections::HashMap;
use std::hash::Hash;

use super::format::Page;
use super::{BlockId, BlockPlace, Database, Node, PAGE_SIZE, crc, word_at};

/// ptypeBBT and ptypeNBT ([MS-PST] 2.2.2.7.1).
const BLOCK_PAGE: u8 = 0x80;
const NODE_PAGE: u8 = 0x81;
/// Where a page's kind stands twice, and its number.
const PAGE_NUMBER: usize = 504;
/// Pages read at a time.
const STRIDE: usize = 128;

impl Database {
    /// The nodes of all leaves of the file.
    pub(super) fn scan_nodes(&self) -> Vec<Node> {
        let leaf = |page: &[u8; PAGE_SIZE]| self.format.node_page(page);
        self.newest(NODE_PAGE, leaf, |node| node.id).into_values().collect()
    }

    /// Where a block lies by any leaf of the file. The block itself tells whether it is still there.
    pub(super) fn scanned_block(&self, id: BlockId) -> Option<BlockPlace> {
        let leaf = |page: &[u8; PAGE_SIZE]| self.format.block_page(page);
        let scanned = self.scanned.get_or_init(|| self.newest(BLOCK_PAGE, leaf, |place| place.id));
        scanned.get(&id).copied()
    }

    /// The entries of all whole leaves of a kind; of those with the same key, that of the newest page.
    fn newest<Entry, Key: Hash + Eq>(
        &self,
        kind: u8,
        read: impl Fn(&[u8; PAGE_SIZE]) -> Result<Page<Entry>, String>,
        key: impl Fn(&Entry) -> Key,
    ) -> HashMap<Key, Entry> {
        let layout = self.format.layout();
        let mut found: HashMap<Key, (u64, Entry)> = HashMap::new();
        let mut bytes = vec![0; PAGE_SIZE * STRIDE];
        let mut at = 0;
        while at < self.length {
            let rest = usize::try_from(self.length - at).unwrap_or(usize::MAX);
            bytes.truncate(rest);
            if self.format.read_at(at, &mut bytes).is_err() {
                break;
            }
            at += bytes.len() as u64;
            for page in bytes.as_chunks::<PAGE_SIZE>().0 {
                let trailer = layout.page_covered;
                let sum = u64::from(crc(&page[..trailer]));
                let is_whole = page[trailer..trailer + 2] == [kind, kind]
                    && word_at(page, layout.page_crc, 4) == sum;
                let Some(Page::Leaf(entries)) = is_whole.then(|| read(page).ok()).flatten() else {
                    continue;
                };
                let number = word_at(page, PAGE_NUMBER, layout.word);
                for entry in entries {
                    let key = key(&entry);
                    if found.get(&key).is_none_or(|(known, _)| *known <= number) {
                        found.insert(key, (number, entry));
                    }
                }
            }
        }
        found.into_iter().map(|(key, (_, entry))| (key, entry)).collect()
    }
}
