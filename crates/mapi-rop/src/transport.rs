//! Sending messages ([MS-OXCROPS] 2.2.7).

use mapi::row::TaggedValue;
use mapi::text::String8;
use mapi::wire::{Counted, SizedBytes};
use mapi::{FolderId, MessageId};

rop_flags! {
    /// [MS-OXOMSG] 2.2.3.1.1
    pub struct SubmitFlags: u8 {
        PREPROCESS = 0x01,
        NEEDS_SPOOLER = 0x02,
    }
}

rop_enum! {
    /// [MS-OXOMSG] 2.2.3.4.1
    pub enum LockState: u8 {
        Lock = 0x00,
        Unlock = 0x01,
        Finished = 0x02,
    }
}

rop_struct! {
    /// [MS-OXCROPS] 2.2.7.1.1
    pub struct SubmitMessageRequest {
        pub flags: SubmitFlags,
    }

    /// [MS-OXCROPS] 2.2.7.2.1
    pub struct AbortSubmitRequest {
        pub folder: FolderId,
        pub message: MessageId,
    }

    /// [MS-OXCROPS] 2.2.7.5.1
    pub struct SpoolerLockMessageRequest {
        pub message: MessageId,
        pub state: LockState,
    }

    /// [MS-OXCROPS] 2.2.7.6.2
    pub struct TransportSendResponse {
        pub no_properties_returned: bool,
        pub values: Counted<u16, TaggedValue>,
    }

    /// [MS-OXCROPS] 2.2.7.7.1
    pub struct TransportNewMailRequest {
        pub message: MessageId,
        pub folder: FolderId,
        pub message_class: String8,
        pub message_flags: u32,
    }

    /// [MS-OXCROPS] 2.2.7.8.2
    pub struct GetTransportFolderResponse {
        pub folder: FolderId,
    }

    /// [MS-OXCROPS] 2.2.7.9.1
    pub struct OptionsDataRequest {
        pub address_type: String8,
        pub want_win32: u8,
    }
}

/// [MS-OXCROPS] 2.2.7.3.2
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetAddressTypesResponse {
    pub address_types: Vec<String8>,
}

/// [MS-OXCROPS] 2.2.7.9.2
#[derive(Debug, Clone, PartialEq)]
pub struct OptionsDataResponse {
    /// 1.
    pub reserved: u8,
    /// Opaque.
    pub options_info: SizedBytes<u16>,
    pub help: Option<HelpFile>,
}

/// The help file of an address type; `bytes` is not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelpFile {
    pub bytes: Vec<u8>,
    pub name: String8,
}

#[cfg(any(test, feature = "sample"))]
mod samples {
    use super::*;
    use crate::sample::{Sample, Source};

    impl Sample for GetAddressTypesResponse {
        fn sample(source: &mut Source<'_>) -> Self {
            GetAddressTypesResponse { address_types: source.some(String8::sample) }
        }
    }

    impl Sample for OptionsDataResponse {
        fn sample(source: &mut Source<'_>) -> Self {
            let mut bytes = Vec::sample(source);
            bytes.push(1);
            OptionsDataResponse {
                reserved: 1,
                options_info: Sample::sample(source),
                help: bool::sample(source)
                    .then(|| HelpFile { bytes, name: Sample::sample(source) }),
            }
        }
    }
}
