//! GUIDs in wire order.

use std::fmt;

use crate::wire::{Reader, Wire, WireError};

/// A GUID as its 16 bytes on the wire: the first three fields little-endian ([MS-DTYP] 2.3.4.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Guid(pub [u8; 16]);

impl Guid {
    pub const NULL: Guid = Guid([0; 16]);

    /// From the fields as they are printed: `{00020329-0000-0000-C000-000000000046}`.
    pub const fn from_fields(a: u32, b: u16, c: u16, d: [u8; 8]) -> Self {
        let (a, b, c) = (a.to_le_bytes(), b.to_le_bytes(), c.to_le_bytes());
        Guid([
            a[0], a[1], a[2], a[3], b[0], b[1], c[0], c[1], d[0], d[1], d[2], d[3], d[4], d[5],
            d[6], d[7],
        ])
    }

    /// From text such as `00020329-0000-0000-C000-000000000046`, with or without braces.
    pub fn parse(text: &str) -> Option<Self> {
        uuid::Uuid::parse_str(text).ok().map(|uuid| Guid(uuid.to_bytes_le()))
    }

    /// A fresh random one.
    pub fn random() -> Self {
        Guid(uuid::Uuid::new_v4().to_bytes_le())
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&uuid::Uuid::from_bytes_le(self.0), f)
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}

impl Wire for Guid {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Guid(r.array("a GUID")?))
    }
    fn write(&self, w: &mut Vec<u8>) {
        w.extend_from_slice(&self.0);
    }
}
