//! Streams over properties ([MS-OXCROPS] 2.2.9).

use mapi::PropertyTag;
use mapi::wire::SizedBytes;

rop_enum! {
    /// [MS-OXCPRPT] 2.2.14.1
    pub enum StreamMode: u8 {
        ReadOnly = 0x00,
        ReadWrite = 0x01,
        /// The property is made, or emptied if it is there.
        Create = 0x02,
        /// As far as the user's rights go.
        BestAccess = 0x03,
    }

    /// [MS-OXCPRPT] 2.2.19.1
    pub enum StreamOrigin: u8 {
        Beginning = 0x00,
        Current = 0x01,
        End = 0x02,
    }
}

rop_struct! {
    /// [MS-OXCROPS] 2.2.9.1.1
    pub struct OpenStreamRequest {
        pub tag: PropertyTag,
        pub mode: StreamMode,
    }

    /// The answer of RopOpenStream ([MS-OXCROPS] 2.2.9.1.2) and RopGetStreamSize (2.2.9.6.2): bytes.
    pub struct StreamSizeResponse {
        pub size: u32,
    }

    /// [MS-OXCROPS] 2.2.9.2.2. It stands in failures too.
    #[derive(Default)]
    pub struct ReadStreamResponse {
        /// At most [`ReadStreamRequest::limit`](crate::irregular::ReadStreamRequest::limit) bytes.
        pub data: SizedBytes<u16>,
    }

    /// RopWriteStream ([MS-OXCROPS] 2.2.9.3.1), RopWriteStreamExtended (2.2.9.4.1) and
    /// RopWriteAndCommitStream (2.2.9.12.1)
    pub struct WriteStreamRequest {
        pub data: SizedBytes<u16>,
    }

    /// [MS-OXCROPS] 2.2.9.3.2. It stands in failures too.
    #[derive(Copy, Default)]
    pub struct WriteStreamResponse {
        pub written: u16,
    }

    /// [MS-OXCROPS] 2.2.9.4.2. It stands in failures too.
    #[derive(Copy, Default)]
    pub struct WriteStreamExtendedResponse {
        pub written: u32,
    }

    /// [MS-OXCROPS] 2.2.9.7.1
    pub struct SetStreamSizeRequest {
        pub size: u64,
    }

    /// [MS-OXCROPS] 2.2.9.8.1
    pub struct SeekStreamRequest {
        pub origin: StreamOrigin,
        /// Signed, in bytes from the origin.
        pub offset: i64,
    }

    /// [MS-OXCROPS] 2.2.9.8.2
    pub struct SeekStreamResponse {
        pub position: u64,
    }

    /// [MS-OXCROPS] 2.2.9.9.1
    pub struct CopyToStreamRequest {
        pub byte_count: u64,
    }

    /// [MS-OXCROPS] 2.2.9.9.2. It stands in failures too.
    #[derive(Copy, Default)]
    pub struct CopyToStreamResponse {
        pub read: u64,
        pub written: u64,
    }

    /// RopLockRegionStream ([MS-OXCROPS] 2.2.9.10.1) and RopUnlockRegionStream (2.2.9.11.1)
    pub struct RegionRequest {
        pub offset: u64,
        pub size: u64,
        /// 1: others may read; else nobody may.
        pub flags: u32,
    }
}
