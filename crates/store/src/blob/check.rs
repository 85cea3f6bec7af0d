//! Whether blobs are whole, in one state of the engine.

use std::collections::HashSet;

use super::node::{self, CHUNK, FANOUT, Kind, MARK, Node};
use super::{BlobRef, MARKER};
use crate::engine::{Batch, Engine, Error, Reader, Result, Space};

/// A node of a blob that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Its key in the blob space.
    pub(crate) key: Vec<u8>,
    pub(crate) words: String,
}

/// How closely a blob is looked at.
#[derive(Clone, Copy)]
pub(crate) enum Look<'a> {
    /// Whether its root is there.
    Root,
    /// Whether every node is there and none of them is among those that were found damaged before.
    Nodes(&'a HashSet<Vec<u8>>),
    /// Every byte.
    Bytes,
}

/// What is wrong with a blob that something refers to; the first thing found.
pub(crate) fn verify(reader: &dyn Reader, blob: &BlobRef, look: Look<'_>) -> Result<Option<Fault>> {
    let root = blob.root();
    match look {
        Look::Root => match reader.contains(Space::Blobs, &root.key())? {
            true => Ok(None),
            false => Ok(Some(fault(&root, "it is missing"))),
        },
        _ => walk(reader, &root, blob.depth(), blob.len, look),
    }
}

/// Looks at a node that holds `bytes` of the content, and at all below it.
fn walk(
    reader: &dyn Reader,
    node: &Node,
    depth: u8,
    bytes: u64,
    look: Look<'_>,
) -> Result<Option<Fault>> {
    if let Look::Nodes(damaged) = look
        && damaged.contains(&node.key()[..])
    {
        return Ok(Some(fault(node, "it is damaged")));
    }
    if depth == 0 {
        // The length of any chunk but a full one is what the reference says, so it is compared.
        if let (Look::Nodes(_), true) = (look, bytes == CHUNK as u64) {
            let there = reader.contains(Space::Blobs, &node.key())?;
            return Ok((!there).then(|| fault(node, "it is missing")));
        }
        let Some(value) = read(reader, node)? else {
            return Ok(Some(fault(node, "it is missing")));
        };
        let plain = match value.and_then(|value| node::decode_chunk(node, &value)) {
            Ok(plain) => plain,
            Err(error) => return Ok(Some(fault(node, &reason(&error)))),
        };
        return Ok(if plain.len() as u64 != bytes {
            Some(fault(node, "it has another length than the value that refers to it"))
        } else if matches!(look, Look::Bytes) && Node::chunk(&plain) != *node {
            Some(fault(node, "its content does not match its address"))
        } else {
            None
        });
    }
    let Some(value) = read(reader, node)? else { return Ok(Some(fault(node, "it is missing"))) };
    let checked = value.and_then(|value| {
        node::check_manifest(node, &value)?;
        Ok(node::manifest_children(node, &value)?.collect::<Vec<Node>>())
    });
    let children = match checked {
        Ok(children) => children,
        Err(error) => return Ok(Some(fault(node, &reason(&error)))),
    };
    let each = (CHUNK as u64).saturating_mul((FANOUT as u64).saturating_pow(u32::from(depth) - 1));
    if bytes.div_ceil(each) != children.len() as u64 {
        return Ok(Some(fault(node, "it has another number of parts than the value needs")));
    }
    for (index, child) in children.iter().enumerate() {
        if child.kind != Kind::at_depth(depth - 1) {
            return Ok(Some(fault(node, "its parts are of another kind than the value needs")));
        }
        let rest = bytes - each * index as u64;
        if let Some(fault) = walk(reader, child, depth - 1, rest.min(each), look)? {
            return Ok(Some(fault));
        }
    }
    Ok(None)
}

/// What is wrong with a record of the blob space, without looking who refers to it.
pub(crate) fn record(
    reader: &dyn Reader,
    key: &[u8],
    value: &Result<crate::engine::Value>,
) -> Result<Option<Fault>> {
    let own = |words: &str| Fault { key: key.to_vec(), words: words.to_owned() };
    let value = match value {
        Ok(value) => value,
        Err(error) => return Ok(Some(own(&reason(error)))),
    };
    if let Some((&MARK, node)) = key.split_first() {
        let Some(node) = Node::from_key(node) else { return Ok(Some(own("it has no known form"))) };
        return Ok(if value.len() != 8 {
            Some(own("it is no time"))
        } else if !reader.contains(Space::Blobs, &node.key())? {
            Some(own("there is nothing to remove"))
        } else {
            None
        });
    }
    let Some(node) = Node::from_key(key) else { return Ok(Some(own("it has no known form"))) };
    let checked = match node.kind {
        Kind::Chunk => node::decode_chunk(&node, value).map(|plain| {
            let same = Node::chunk(&plain) == node;
            (!same).then(|| fault(&node, "its content does not match its address"))
        }),
        Kind::Manifest => node::check_manifest(&node, value).and_then(|()| {
            for child in node::manifest_children(&node, value)? {
                if !reader.contains(Space::Blobs, &child.key())? {
                    return Ok(Some(fault(&node, "a part of it is missing")));
                }
            }
            Ok(None)
        }),
    };
    match checked {
        Ok(found) => Ok(found),
        Err(error @ Error::Corrupt { .. }) => Ok(Some(own(&reason(&error)))),
        Err(error) => Err(error),
    }
}

/// Whether a key of the blob space is a mark of the collector.
pub(crate) fn is_mark(key: &[u8]) -> bool {
    key.first() == Some(&MARK)
}

/// Removes a record that is still wrong, with its mark. Whoever is about to refer to it conflicts and
/// writes it again. False if it is not wrong any more.
pub(crate) fn remove(engine: &dyn Engine, key: &[u8]) -> Result<bool> {
    let value = match engine.get(Space::Blobs, key) {
        Ok(None) => return Ok(false),
        Ok(Some(value)) => Ok(value),
        Err(error @ Error::Corrupt { .. }) => Err(error),
        Err(error) => return Err(error),
    };
    let snapshot = engine.snapshot()?;
    if record(&*snapshot, key, &value)?.is_none() {
        return Ok(false);
    }
    let mut batch = Batch::reclaiming();
    // One that cannot be read cannot be compared either; content never changes under its address.
    if let (Ok(value), true) = (&value, is_mark(key)) {
        batch.check_equals(Space::Blobs, key, &value[..]);
    }
    batch.delete(Space::Blobs, key);
    if let Some(node) = Node::from_key(key) {
        batch.delete(Space::Blobs, node.mark_key());
    }
    Ok(engine.commit(batch)?.is_committed())
}

/// The root and the owner that a marker's key names.
pub(crate) fn parse_marker(key: &[u8]) -> Option<([u8; 33], &[u8])> {
    let rest = key.get(8..)?;
    let (&MARKER, rest) = rest.split_first()? else { return None };
    let (root, owner) = rest.split_first_chunk::<33>()?;
    Kind::from_byte(root[32])?;
    Some((*root, owner))
}

/// What a marker of this blob has in front of the owner.
pub(crate) fn marked(blob: &BlobRef) -> [u8; 33] {
    let mut root = [0; 33];
    root[..32].copy_from_slice(&blob.root);
    root[32] = blob.root().kind as u8;
    root
}

/// None if it is missing; an error inside if it cannot be read.
fn read(reader: &dyn Reader, node: &Node) -> Result<Option<Result<crate::engine::Value>>> {
    match reader.get(Space::Blobs, &node.key()) {
        Ok(value) => Ok(value.map(Ok)),
        Err(error @ Error::Corrupt { .. }) => Ok(Some(Err(error))),
        Err(error) => Err(error),
    }
}

fn fault(node: &Node, words: &str) -> Fault {
    Fault { key: node.key().to_vec(), words: words.to_owned() }
}

fn reason(error: &Error) -> String {
    match error {
        Error::Corrupt { reason, .. } => (*reason).to_owned(),
        other => other.to_string(),
    }
}
