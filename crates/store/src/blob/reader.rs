use std::sync::Arc;

use super::BlobRef;
use super::node::{self, CHUNK, FANOUT, Kind, Node};
use crate::engine::{Engine, Error, Result, Space, Value};

/// Reads the content of a blob that is durable, at any offset. Holds one chunk and one manifest a level in memory (256
/// KiB at most), whatever the blob's size.
pub struct BlobReader {
    engine: Arc<dyn Engine>,
    blob: BlobRef,
    chunk: Option<(u64, Vec<u8>)>,
    /// The manifest read last, by its height above the chunks less one.
    manifests: Vec<Option<(Node, Value)>>,
}

impl BlobReader {
    pub(super) fn new(engine: Arc<dyn Engine>, blob: BlobRef) -> BlobReader {
        let manifests = vec![None; usize::from(blob.depth())];
        BlobReader { engine, blob, chunk: None, manifests }
    }

    /// Bytes of the content.
    pub fn len(&self) -> u64 {
        self.blob.len
    }

    /// Whether the content is empty.
    pub fn is_empty(&self) -> bool {
        self.blob.len == 0
    }

    /// Fills `buffer` from `offset` on; gives the number of bytes read, less than asked for only
    /// at the end.
    ///
    /// Errors: [`Error::BlobLost`], [`Error::Corrupt`], and those of the engine.
    pub fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let available = self.blob.len.saturating_sub(offset);
        let wanted = buffer.len().min(usize::try_from(available).unwrap_or(usize::MAX));
        let mut done = 0;
        while done < wanted {
            let at = offset + done as u64;
            let chunk = self.chunk(at / CHUNK as u64)?;
            let part = chunk.get((at % CHUNK as u64) as usize..).unwrap_or_default();
            let len = part.len().min(wanted - done);
            if len == 0 {
                return Err(self.too_short());
            }
            buffer[done..done + len].copy_from_slice(&part[..len]);
            done += len;
        }
        Ok(done)
    }

    /// Reads everything and compares each chunk with its address.
    pub(super) fn verify(&mut self) -> Result<()> {
        let mut len = 0;
        for index in 0..self.blob.len.div_ceil(CHUNK as u64).max(1) {
            let expected = self.locate(index)?;
            let chunk = self.chunk(index)?;
            if Node::chunk(chunk) != expected {
                return Err(expected.corrupt("its content does not match its address"));
            }
            len += chunk.len() as u64;
        }
        if len != self.blob.len { Err(self.too_short()) } else { Ok(()) }
    }

    fn chunk(&mut self, index: u64) -> Result<&[u8]> {
        if self.chunk.as_ref().is_none_or(|(held, _)| *held != index) {
            let node = self.locate(index)?;
            let plain = node::decode_chunk(&node, &self.load(&node)?)?;
            self.chunk = Some((index, plain));
        }
        Ok(self.chunk.as_ref().map_or(&[], |(_, plain)| plain))
    }

    /// The address of a chunk, down from the root.
    fn locate(&mut self, index: u64) -> Result<Node> {
        let mut node = self.blob.root();
        for level in (0..self.manifests.len()).rev() {
            if self.manifests[level].as_ref().is_none_or(|(held, _)| *held != node) {
                let value = self.load(&node)?;
                node::check_manifest(&node, &value)?;
                self.manifests[level] = Some((node, value));
            }
            let below = (FANOUT as u64).pow(level as u32);
            let child = (index / below % FANOUT as u64) as usize;
            let value = self.manifests[level].as_ref().map_or(&[][..], |(_, value)| value);
            let hash = node::manifest_child(&node, value, child)?;
            node = Node { kind: Kind::at_depth(level as u8), hash };
        }
        Ok(node)
    }

    fn load(&self, node: &Node) -> Result<Value> {
        // Not through `latest`, which also shows a removal that is about to conflict.
        self.engine.get(Space::Blobs, &node.key())?.ok_or(Error::BlobLost)
    }

    fn too_short(&self) -> Error {
        self.blob.root().corrupt("its chunks do not make up its length")
    }
}
