//! Identities of replicas, folders, messages and changes ([MS-OXCDATA] 2.2.1).

use std::fmt;

use crate::guid::Guid;
use crate::wire::{Reader, Wire, WireError};

/// A replica's number, which stands for its GUID within one logon ([MS-OXCDATA] 2.2.1.3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReplId(pub u16);

/// The replica of the mailbox itself.
pub const OWN_REPLICA: ReplId = ReplId(1);

impl Wire for ReplId {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(ReplId(u16::read(r)?))
    }
    fn write(&self, w: &mut Vec<u8>) {
        self.0.write(w);
    }
}

impl fmt::Debug for ReplId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A GLOBCNT: 48 bits, big-endian on the wire ([MS-OXCDATA] 2.2.1.3.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct GlobalCounter(u64);

impl GlobalCounter {
    pub const MAX: u64 = (1 << 48) - 1;

    /// The low 48 bits of `value`.
    pub const fn new(value: u64) -> Self {
        GlobalCounter(value & Self::MAX)
    }

    pub const fn get(self) -> u64 {
        self.0
    }

    pub const fn to_bytes(self) -> [u8; 6] {
        let b = self.0.to_be_bytes();
        [b[2], b[3], b[4], b[5], b[6], b[7]]
    }

    pub const fn from_bytes(b: [u8; 6]) -> Self {
        GlobalCounter(u64::from_be_bytes([0, 0, b[0], b[1], b[2], b[3], b[4], b[5]]))
    }
}

impl fmt::Debug for GlobalCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl Wire for GlobalCounter {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(GlobalCounter::from_bytes(r.array("a global counter")?))
    }
    fn write(&self, w: &mut Vec<u8>) {
        w.extend_from_slice(&self.to_bytes());
    }
}

macro_rules! short_id {
    ($($(#[$meta:meta])* $name:ident, $print:literal;)*) => {$(
        $(#[$meta])*
        ///
        /// On the wire: the replica's number in two bytes little-endian, then the counter in six bytes
        /// big-endian.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name {
            pub replica: ReplId,
            pub counter: GlobalCounter,
        }

        impl $name {
            /// No object; eight zero bytes on the wire.
            pub const NONE: $name = $name { replica: ReplId(0), counter: GlobalCounter(0) };

            pub const fn new(replica: ReplId, counter: GlobalCounter) -> Self {
                $name { replica, counter }
            }

            /// An id of the mailbox's own replica.
            pub const fn own(counter: u64) -> Self {
                $name { replica: OWN_REPLICA, counter: GlobalCounter::new(counter) }
            }

            pub fn is_none(self) -> bool {
                self == Self::NONE
            }

            /// As a PtypInteger64 property (PidTagFolderId, PidTagMid): the eight wire bytes read as a
            /// little-endian integer.
            pub fn to_i64(self) -> i64 {
                let mut bytes = [0; 8];
                bytes[..2].copy_from_slice(&self.replica.0.to_le_bytes());
                bytes[2..].copy_from_slice(&self.counter.to_bytes());
                i64::from_le_bytes(bytes)
            }

            pub fn from_i64(value: i64) -> Self {
                let b = value.to_le_bytes();
                $name {
                    replica: ReplId(u16::from_le_bytes([b[0], b[1]])),
                    counter: GlobalCounter::from_bytes([b[2], b[3], b[4], b[5], b[6], b[7]]),
                }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($print, " {:?}-{:?}"), self.replica, self.counter)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}-{:x}", self.replica.0, self.counter.0)
            }
        }

        impl Wire for $name {
            fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
                Ok(Self::from_i64(i64::read(r)?))
            }
            fn write(&self, w: &mut Vec<u8>) {
                self.to_i64().write(w);
            }
        }
    )*};
}

short_id! {
    /// A FID ([MS-OXCDATA] 2.2.1.1).
    FolderId, "folder";
    /// A MID ([MS-OXCDATA] 2.2.1.2).
    MessageId, "message";
    /// A CN ([MS-OXCFXICS] 2.2.2.1).
    ChangeNumber, "change";
}

/// A LongTermID: replica GUID, counter, two bytes of padding ([MS-OXCDATA] 2.2.1.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LongTermId {
    pub replica: Guid,
    pub counter: GlobalCounter,
    pub padding: [u8; 2],
}

impl LongTermId {
    pub const fn new(replica: Guid, counter: GlobalCounter) -> Self {
        LongTermId { replica, counter, padding: [0; 2] }
    }
}

impl Wire for LongTermId {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(LongTermId {
            replica: Guid::read(r)?,
            counter: GlobalCounter::read(r)?,
            padding: r.array("padding")?,
        })
    }
    fn write(&self, w: &mut Vec<u8>) {
        self.replica.write(w);
        self.counter.write(w);
        self.padding.write(w);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_order_of_a_folder_id() {
        let fid = FolderId::own(0x0102);
        assert_eq!(fid.to_wire(), [1, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(FolderId::from_wire(&fid.to_wire()), Ok(fid));
        assert_eq!(FolderId::from_i64(fid.to_i64()), fid);
        assert_eq!(FolderId::NONE.to_wire(), [0; 8]);
    }
}
