//! The records of a mailbox, each as bytes. Every one begins with the version of its layout.
//!
//! The engine seals each value with a checksum, so a layout need not carry one.

pub(crate) mod change;
pub(crate) mod folder;
pub(crate) mod head;
pub(crate) mod hot;
pub(crate) mod mime;
pub(crate) mod node;
pub(crate) mod parts;
pub(crate) mod properties;
pub(crate) mod search;
pub(crate) mod settings;
pub(crate) mod summary;

use mapi::{Reader, WireError};

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
