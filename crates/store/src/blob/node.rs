//! Chunks and manifests as they are stored.

use parking_lot::Mutex;
use zstd::bulk::{Compressor, Decompressor};

use crate::engine::{Error, Result, Space};

/// Plain bytes of a chunk, at most.
pub(crate) const CHUNK: usize = 64 * 1024;
/// Children of a manifest, at most.
pub(crate) const FANOUT: usize = 2048;

const HASH: usize = 32;
const RAW: u8 = 0;
const ZSTD: u8 = 1;
/// The level that costs least for what it gains on mail.
const ZSTD_LEVEL: i32 = 1;

/// The first byte of a node's key, and the second of its mark's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    Chunk = b'c' as isize,
    Manifest = b'm' as isize,
}

/// The first byte of a mark's key.
pub(crate) const MARK: u8 = b'd';

impl Kind {
    pub(crate) const ALL: [Kind; 2] = [Kind::Chunk, Kind::Manifest];

    pub(crate) fn at_depth(depth: u8) -> Kind {
        if depth == 0 { Kind::Chunk } else { Kind::Manifest }
    }

    pub(crate) fn from_byte(byte: u8) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// A chunk or a manifest, by its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) hash: [u8; HASH],
}

impl Node {
    pub(crate) fn chunk(plain: &[u8]) -> Node {
        Node { kind: Kind::Chunk, hash: *blake3::hash(plain).as_bytes() }
    }

    pub(crate) fn manifest(children: &[[u8; HASH]]) -> Node {
        Node { kind: Kind::Manifest, hash: *blake3::hash(children.as_flattened()).as_bytes() }
    }

    pub(crate) fn key(&self) -> [u8; HASH + 1] {
        let mut key = [self.kind as u8; HASH + 1];
        key[1..].copy_from_slice(&self.hash);
        key
    }

    /// The node of a key, if it is one.
    pub(crate) fn from_key(key: &[u8]) -> Option<Node> {
        let (kind, hash) = key.split_first()?;
        Some(Node { kind: Kind::from_byte(*kind)?, hash: hash.try_into().ok()? })
    }

    /// Where the collector notes since when nothing holds the node.
    pub(crate) fn mark_key(&self) -> [u8; HASH + 2] {
        let mut key = [MARK; HASH + 2];
        key[1..].copy_from_slice(&self.key());
        key
    }

    pub(crate) fn corrupt(&self, reason: &'static str) -> Error {
        Error::Corrupt { space: Space::Blobs, key: self.key().to_vec(), reason }
    }
}

/// A byte for the form, then the bytes, compressed where that saves a sixteenth.
pub(crate) fn encode_chunk(plain: &[u8]) -> Vec<u8> {
    if let Ok(compressed) = compress(plain)
        && compressed.len() + plain.len() / 16 < plain.len()
    {
        return [&[ZSTD], &compressed[..]].concat();
    }
    plain_chunk(plain)
}

/// A compressor takes some hundred kilobytes, and making one takes as long as compressing a short chunk: a
/// few are kept, for as many threads as are busy with it at a time.
pub(crate) fn compress(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    const KEPT: usize = 4;
    static COMPRESSORS: Mutex<Vec<Compressor<'static>>> = Mutex::new(Vec::new());
    let idle = COMPRESSORS.lock().pop();
    let mut compressor = match idle {
        Some(compressor) => compressor,
        None => Compressor::new(ZSTD_LEVEL)?,
    };
    let compressed = compressor.compress(plain)?;
    let mut idle = COMPRESSORS.lock();
    if idle.len() < KEPT {
        idle.push(compressor);
    }
    Ok(compressed)
}

/// A decompressor takes as much, and is kept as well.
fn decompress(compressed: &[u8]) -> std::io::Result<Vec<u8>> {
    const KEPT: usize = 4;
    static DECOMPRESSORS: Mutex<Vec<Decompressor<'static>>> = Mutex::new(Vec::new());
    let idle = DECOMPRESSORS.lock().pop();
    let mut decompressor = match idle {
        Some(decompressor) => decompressor,
        None => Decompressor::new()?,
    };
    // As long as it says, so that a short chunk takes little memory.
    let length = Decompressor::upper_bound(compressed).unwrap_or(CHUNK).min(CHUNK);
    let plain = decompressor.decompress(compressed, length)?;
    let mut idle = DECOMPRESSORS.lock();
    if idle.len() < KEPT {
        idle.push(decompressor);
    }
    Ok(plain)
}

/// A chunk as it may be stored as well: without compression.
pub(crate) fn plain_chunk(plain: &[u8]) -> Vec<u8> {
    [&[RAW], plain].concat()
}

pub(crate) fn decode_chunk(node: &Node, value: &[u8]) -> Result<Vec<u8>> {
    match value.split_first() {
        Some((&RAW, plain)) if plain.len() <= CHUNK => Ok(plain.to_vec()),
        Some((&ZSTD, compressed)) => {
            decompress(compressed).map_err(|_| node.corrupt("it cannot be decompressed"))
        }
        _ => Err(node.corrupt("it is no chunk")),
    }
}

/// A byte for the children's kind, then their addresses.
pub(crate) fn encode_manifest(kind: Kind, children: &[[u8; HASH]]) -> Vec<u8> {
    [&[kind as u8], children.as_flattened()].concat()
}

/// Compares a manifest with its address.
pub(crate) fn check_manifest(node: &Node, value: &[u8]) -> Result<()> {
    let children: Vec<[u8; HASH]> = manifest_children(node, value)?.map(|node| node.hash).collect();
    if Node::manifest(&children) != *node {
        return Err(node.corrupt("its content does not match its address"));
    }
    Ok(())
}

pub(crate) fn manifest_child(node: &Node, value: &[u8], index: usize) -> Result<[u8; HASH]> {
    let child = manifest_children(node, value)?.nth(index);
    let child = child.ok_or_else(|| node.corrupt("it has too few children"))?;
    Ok(child.hash)
}

pub(crate) fn manifest_children<'a>(
    node: &Node,
    value: &'a [u8],
) -> Result<impl Iterator<Item = Node> + use<'a>> {
    let parts = value.split_first();
    let parts = parts.and_then(|(kind, hashes)| Some((Kind::from_byte(*kind)?, hashes)));
    let Some((kind, hashes)) = parts else {
        return Err(node.corrupt("it is no manifest"));
    };
    let (hashes, rest) = hashes.as_chunks::<HASH>();
    if !rest.is_empty() {
        return Err(node.corrupt("it ends in a part of an address"));
    }
    Ok(hashes.iter().map(move |hash| Node { kind, hash: *hash }))
}
