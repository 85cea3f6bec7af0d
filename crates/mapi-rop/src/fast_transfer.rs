//! FastTransfer ([MS-OXCROPS] 2.2.12). The streams themselves stay bytes.

use mapi::wire::{Counted, SizedBytes};
use mapi::{MessageId, PropertyTag};

rop_flags! {
    /// [MS-OXCFXICS] 2.2.3.1.1.1.2
    pub struct SendOptions: u8 {
        UNICODE = 0x01,
        USE_CPID = 0x02,
        FOR_UPLOAD = 0x03,
        RECOVER_MODE = 0x04,
        FORCE_UNICODE = 0x08,
        PARTIAL_ITEM = 0x10,
    }
}

rop_enum! {
    /// [MS-OXCFXICS] 2.2.3.1.2.1.1
    pub enum SourceOperation: u8 {
        CopyTo = 0x01,
        CopyProperties = 0x02,
        CopyMessages = 0x03,
        CopyFolder = 0x04,
    }

    /// [MS-OXCFXICS] 2.2.3.1.1.5.2
    #[derive(Default)]
    pub enum TransferStatus: u16 {
        #[default]
        Error = 0x0000,
        Partial = 0x0001,
        NoRoom = 0x0002,
        Done = 0x0003,
    }
}

rop_struct! {
    /// [MS-OXCROPS] 2.2.12.1.1
    pub struct FastTransferDestinationConfigureRequest {
        pub operation: SourceOperation,
        pub copy_flags: u8,
    }

    /// RopFastTransferDestinationPutBuffer ([MS-OXCROPS] 2.2.12.2.1) and its extended form (2.2.12.3.1)
    pub struct FastTransferDestinationPutBufferRequest {
        pub data: SizedBytes<u16>,
    }

    /// [MS-OXCROPS] 2.2.12.2.2. It stands in failures too.
    #[derive(Copy, Default)]
    pub struct FastTransferDestinationPutBufferResponse {
        pub status: TransferStatus,
        pub in_progress: u16,
        pub total_steps: u16,
        pub reserved: u8,
        pub used: u16,
    }

    /// [MS-OXCROPS] 2.2.12.3.2. It stands in failures too.
    #[derive(Copy, Default)]
    pub struct FastTransferDestinationPutBufferExtendedResponse {
        pub status: TransferStatus,
        pub in_progress: u32,
        pub total_steps: u32,
        pub reserved: u8,
        pub used: u16,
    }

    /// [MS-OXCROPS] 2.2.12.5.1
    pub struct FastTransferSourceCopyFolderRequest {
        pub copy_flags: u8,
        pub send_options: SendOptions,
    }

    /// [MS-OXCROPS] 2.2.12.6.1
    pub struct FastTransferSourceCopyMessagesRequest {
        pub messages: Counted<u16, MessageId>,
        pub copy_flags: u8,
        pub send_options: SendOptions,
    }

    /// [MS-OXCROPS] 2.2.12.7.1
    pub struct FastTransferSourceCopyToRequest {
        /// 0: with the subobjects.
        pub level: u8,
        pub copy_flags: u32,
        pub send_options: SendOptions,
        /// Properties that are left out.
        pub excluded: Counted<u16, PropertyTag>,
    }

    /// [MS-OXCROPS] 2.2.12.8.1
    pub struct FastTransferSourceCopyPropertiesRequest {
        pub level: u8,
        pub copy_flags: u8,
        pub send_options: SendOptions,
        pub tags: Counted<u16, PropertyTag>,
    }

    /// [MS-OXCROPS] 2.2.12.9.1
    pub struct TellVersionRequest {
        pub version: [u8; 6],
    }
}

/// [MS-OXCROPS] 2.2.12.4.2. It stands in failures too.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FastTransferSourceGetBufferResponse {
    pub status: TransferStatus,
    pub in_progress: u16,
    pub total_steps: u16,
    pub reserved: u8,
    pub content: TransferContent,
}

/// The end of a [`FastTransferSourceGetBufferResponse`].
#[derive(Debug, Clone, PartialEq)]
pub enum TransferContent {
    Data(Vec<u8>),
    /// The ReturnValue is ServerBusy (0x480): try again after so many milliseconds. `size` is the
    /// TransferBufferSize, which has no meaning here.
    Backoff {
        size: u16,
        milliseconds: u32,
    },
}

impl Default for TransferContent {
    fn default() -> Self {
        TransferContent::Data(Vec::new())
    }
}

#[cfg(any(test, feature = "sample"))]
mod samples {
    use super::*;
    use crate::sample::{Sample, Source};

    impl Sample for FastTransferSourceGetBufferResponse {
        fn sample(source: &mut Source<'_>) -> Self {
            FastTransferSourceGetBufferResponse {
                status: Sample::sample(source),
                in_progress: Sample::sample(source),
                total_steps: Sample::sample(source),
                reserved: Sample::sample(source),
                content: TransferContent::Data(Sample::sample(source)),
            }
        }
    }
}
