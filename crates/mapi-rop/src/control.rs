//! ROPs of the buffer itself ([MS-OXCROPS] 2.2.15). RopRelease has no fields and no answer.

use mapi::wire::{Counted, Rest, SizedBytes};

use crate::handle::LogonId;

rop_struct! {
    /// [MS-OXCROPS] 2.2.15.1.1: the requests from here on were not executed.
    pub struct BufferTooSmallResponse {
        /// Bytes that the ROP output buffer would need.
        pub size_needed: u16,
        /// The bytes of those requests, to the end of the list.
        pub requests: Rest,
    }

    /// The server is busy ([MS-OXCROPS] 2.2.15.2.1).
    pub struct BackoffResponse {
        pub logon: LogonId,
        /// Milliseconds to wait before any ROP of this logon.
        pub duration: u32,
        pub rops: Counted<u8, BackoffRop>,
        pub additional: SizedBytes<u16>,
    }

    /// [MS-OXCROPS] 2.2.15.2.1.1
    pub struct BackoffRop {
        pub rop_id: u8,
        /// Milliseconds to wait before this ROP.
        pub duration: u32,
    }
}
