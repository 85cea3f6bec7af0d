//! The records of a mailbox, each as bytes. Every one begins with the version of its layout.
//!
//! The engine seals each value with a checksum, so a layout need not carry one.

pub(crate) mod change;
pub(crate) mod folder;
pub(crate) mod head;
pub(crate) mod hot;
pub(crate) mod mime;
pub(crate) mod node;
pub(crate) mod outline;
pub(crate) mod parts;
pub(crate) mod properties;
pub(crate) mod search;
pub(crate) mod settings;
pub(crate) mod summary;

use std::ops::Deref;

use mapi::{Reader, WireError};

use crate::engine::Value;

/// The bytes of a record: lent by a scan, or the reader's own.
#[derive(Debug, Clone)]
pub(crate) enum Stored<'a> {
    Lent(&'a [u8]),
    Own(Value),
}

impl Stored<'_> {
    /// What stands from a place on; nothing if there is no such place.
    pub(crate) fn behind(self, at: usize) -> Self {
        match self {
            Stored::Lent(bytes) => Stored::Lent(bytes.get(at..).unwrap_or_default()),
            Stored::Own(bytes) => Stored::Own(bytes.slice(at.min(bytes.len())..)),
        }
    }
}

impl Deref for Stored<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Stored::Lent(bytes) => bytes,
            Stored::Own(bytes) => bytes,
        }
    }
}

impl<'a> From<&'a [u8]> for Stored<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Stored::Lent(bytes)
    }
}

impl<'a> From<&'a Value> for Stored<'a> {
    fn from(bytes: &'a Value) -> Self {
        Stored::Lent(bytes)
    }
}

impl From<Value> for Stored<'_> {
    fn from(bytes: Value) -> Self {
        Stored::Own(bytes)
    }
}

/// Reads the version byte and refuses versions that this program does not know.
pub(crate) fn version(r: &mut Reader<'_>, known: u8) -> Result<u8, WireError> {
    let version: [u8; 1] = r.array("the version of a record")?;
    if version[0] == 0 || version[0] > known {
        return Err(r.bad("a known version of a record", u64::from(version[0]), 1));
    }
    Ok(version[0])
}

/// Bytes behind a four-byte size.
pub(crate) fn write_bytes(w: &mut Vec<u8>, bytes: &[u8]) {
    let size = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    w.extend_from_slice(&size.to_le_bytes());
    w.extend_from_slice(&bytes[..size as usize]);
}

pub(crate) fn read_bytes<'a>(r: &mut Reader<'a>) -> Result<&'a [u8], WireError> {
    let size = u32::from_le_bytes(r.array("a size")?) as usize;
    r.bytes(size, "as many bytes as their size says")
}
