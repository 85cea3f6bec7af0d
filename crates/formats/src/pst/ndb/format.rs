//! What the two formats of PST files, ANSI and Unicode, do in their own way; the crate `outlook_pst` has a
//! type of its own for each.

use std::io::{Cursor, Read, Seek, SeekFrom};

use outlook_pst::ndb::block::{AnsiDataTree, Block, UnicodeDataTree};
use outlook_pst::ndb::block_id::{AnsiPageId, BlockId as _, UnicodePageId};
use outlook_pst::ndb::block_ref::{
    AnsiBlockRef, AnsiPageRef, BlockRef, UnicodeBlockRef, UnicodePageRef,
};
use outlook_pst::ndb::byte_index::{AnsiByteIndex, ByteIndex, UnicodeByteIndex};
use outlook_pst::ndb::header::Header;
use outlook_pst::ndb::page::{
    AnsiBlockBTree, AnsiBlockBTreeEntry, AnsiNodeBTree, BTreePage, BTreePageEntry, BlockBTreeEntry,
    NodeBTreeEntry, RootBTreePage, UnicodeBlockBTree, UnicodeBlockBTreeEntry, UnicodeNodeBTree,
};
use outlook_pst::ndb::root::Root;
use outlook_pst::{AnsiPstFile, PstFile as _, PstReader, UnicodePstFile};

use super::{BlockId, BlockPlace, Node, NodeId, PAGE_SIZE};
use crate::guard::guarded;

/// A page of a B-tree: keys and offsets of pages below, or entries.
pub enum Page<Entry> {
    Inner { level: u8, entries: Vec<(u64, u64)> },
    Leaf(Vec<Entry>),
}

/// Opens a file of one of the versions of [MS-PST] 2.2.2.6 wVer; None for another.
pub fn open(version: u16, reader: Box<dyn PstReader>) -> Option<Result<Box<dyn Format>, String>> {
    match version {
        14 | 15 => Some(guarded(|| {
            let file = AnsiPstFile::read_from(reader).map_err(cause)?;
            Ok(Box::new(file) as Box<dyn Format>)
        })),
        23 => Some(guarded(|| {
            let file = UnicodePstFile::read_from(reader).map_err(cause)?;
            Ok(Box::new(file) as Box<dyn Format>)
        })),
        _ => None,
    }
}

pub trait Format {
    /// Offsets of the roots of the node and block B-trees.
    fn roots(&self) -> (u64, u64);
    fn node_page(&self, page: &[u8; PAGE_SIZE]) -> Result<Page<Node>, String>;
    fn block_page(&self, page: &[u8; PAGE_SIZE]) -> Result<Page<BlockPlace>, String>;
    /// The decoded bytes of a data block, from a block whose trailer is right.
    fn decode(&self, place: BlockPlace, block: Vec<u8>) -> Result<Vec<u8>, String>;
    fn read_at(&self, at: u64, bytes: &mut [u8]) -> Result<(), String>;
    fn layout(&self) -> &'static Layout;
}

/// Offsets and sizes that depend on the format.
pub struct Layout {
    /// Width of block numbers.
    pub word: usize,
    pub block_trailer: usize,
    /// Offsets of the checksum in the trailers of pages and blocks, and what it covers of a page.
    pub page_crc: usize,
    pub page_covered: usize,
    pub block_crc: usize,
    pub block_bid: usize,
    pub subnode_header: usize,
}

// [MS-PST] 2.2.2.7.1, 2.2.2.8.1, 2.2.2.8.3.3.
static UNICODE: Layout = Layout {
    word: 8,
    block_trailer: 16,
    page_crc: 500,
    page_covered: 496,
    block_crc: 4,
    block_bid: 8,
    subnode_header: 8,
};
static ANSI: Layout = Layout {
    word: 4,
    block_trailer: 12,
    page_crc: 508,
    page_covered: 500,
    block_crc: 8,
    block_bid: 4,
    subnode_header: 4,
};

macro_rules! pst_format {
    (
        $file:ty, $layout:ident, $node_tree:ty, $block_tree:ty, $page_ref:ident($page_id:ident),
        $index:ident($word:ty), $block_entry:ident, $block_ref:ident, $data_tree:ident
    ) => {
        impl Format for $file {
            fn roots(&self) -> (u64, u64) {
                let root = self.header().root();
                let at = |page: &$page_ref| u64::from(page.index().index());
                (at(root.node_btree()), at(root.block_btree()))
            }

            fn node_page(&self, page: &[u8; PAGE_SIZE]) -> Result<Page<Node>, String> {
                // The page stands at the start of what the crate is given to read.
                let start = $page_ref::new($page_id::from(0), $index::new(0));
                let read = || <$node_tree>::read(&mut Cursor::new(page), start).map_err(cause);
                let page = guarded(read)?;
                Ok(match page {
                    RootBTreePage::Intermediate(page, _) => {
                        Page::Inner { level: page.level(), entries: inner_entries(page.entries()) }
                    }
                    RootBTreePage::Leaf(page) => Page::Leaf(
                        page.entries()
                            .iter()
                            .map(|entry| Node {
                                id: NodeId(entry.node().into()),
                                data: BlockId::new(entry.data().into_u64()),
                                subnodes: entry
                                    .sub_node()
                                    .map_or(BlockId(0), |id| BlockId::new(id.into_u64())),
                                parent: NodeId(entry.parent().map_or(0, u32::from)),
                            })
                            .collect(),
                    ),
                })
            }

            fn block_page(&self, page: &[u8; PAGE_SIZE]) -> Result<Page<BlockPlace>, String> {
                let start = $page_ref::new($page_id::from(0), $index::new(0));
                let read = || <$block_tree>::read(&mut Cursor::new(page), start).map_err(cause);
                let page = guarded(read)?;
                Ok(match page {
                    RootBTreePage::Intermediate(page, _) => {
                        Page::Inner { level: page.level(), entries: inner_entries(page.entries()) }
                    }
                    RootBTreePage::Leaf(page) => Page::Leaf(
                        page.entries()
                            .iter()
                            .map(|entry| BlockPlace {
                                id: BlockId::new(entry.block().block().into_u64()),
                                at: u64::from(entry.block().index().index()),
                                size: entry.size(),
                            })
                            .collect(),
                    ),
                })
            }

            fn decode(&self, place: BlockPlace, block: Vec<u8>) -> Result<Vec<u8>, String> {
                let too_large = |_| "its number is too large".to_string();
                let id = <$word>::try_from(place.id.0).map_err(too_large)?;
                let entry =
                    $block_entry::new($block_ref::new(id.into(), $index::new(0)), place.size);
                let method = self.header().crypt_method();
                let read =
                    || $data_tree::read(&mut Cursor::new(block), method, &entry).map_err(cause);
                match guarded(read)? {
                    $data_tree::Leaf(block) => Ok(block.data().to_vec()),
                    $data_tree::Intermediate(_) => Err("it is a list of blocks".into()),
                }
            }

            fn read_at(&self, at: u64, bytes: &mut [u8]) -> Result<(), String> {
                let mut reader = self.reader().lock().map_err(|_| "the reader is lost")?;
                reader.seek(SeekFrom::Start(at)).map_err(cause)?;
                reader.read_exact(bytes).map_err(cause)
            }

            fn layout(&self) -> &'static Layout {
                &$layout
            }
        }
    };
}

pst_format!(
    UnicodePstFile,
    UNICODE,
    UnicodeNodeBTree,
    UnicodeBlockBTree,
    UnicodePageRef(UnicodePageId),
    UnicodeByteIndex(u64),
    UnicodeBlockBTreeEntry,
    UnicodeBlockRef,
    UnicodeDataTree
);
pst_format!(
    AnsiPstFile,
    ANSI,
    AnsiNodeBTree,
    AnsiBlockBTree,
    AnsiPageRef(AnsiPageId),
    AnsiByteIndex(u32),
    AnsiBlockBTreeEntry,
    AnsiBlockRef,
    AnsiDataTree
);

fn inner_entries<E>(entries: &[E]) -> Vec<(u64, u64)>
where
    E: BTreePageEntry,
    E::Key: Into<u64>,
    E::Block: BlockRef,
    <<E::Block as BlockRef>::Index as ByteIndex>::Index: Into<u64>,
{
    entries.iter().map(|entry| (entry.key().into(), entry.block().index().index().into())).collect()
}

fn cause(error: std::io::Error) -> String {
    error.to_string()
}
