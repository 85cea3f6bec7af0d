//! Incremental change synchronization ([MS-OXCROPS] 2.2.13).

use mapi::row::TaggedValue;
use mapi::wire::{Counted, Reader, SizedBytes, Wire, WireError};
use mapi::{FolderId, GlobalCounter, Guid, LongTermId, MessageId, PropertyTag};

use crate::fast_transfer::SendOptions;
use crate::parts::{SizedRestriction, write_sized};

rop_enum! {
    /// [MS-OXCFXICS] 2.2.3.2.1.1.1
    pub enum SynchronizationType: u8 {
        Contents = 0x01,
        Hierarchy = 0x02,
    }
}

rop_flags! {
    /// [MS-OXCFXICS] 2.2.3.2.1.1.1
    pub struct SynchronizationFlags: u16 {
        UNICODE = 0x0001,
        NO_DELETIONS = 0x0002,
        IGNORE_NO_LONGER_IN_SCOPE = 0x0004,
        READ_STATE = 0x0008,
        FAI = 0x0010,
        NORMAL = 0x0020,
        ONLY_SPECIFIED_PROPERTIES = 0x0080,
        NO_FOREIGN_IDENTIFIERS = 0x0100,
        RESERVED = 0x1000,
        BEST_BODY = 0x2000,
        IGNORE_SPECIFIED_ON_FAI = 0x4000,
        PROGRESS = 0x8000,
    }

    /// [MS-OXCFXICS] 2.2.3.2.1.1.1
    pub struct SynchronizationExtraFlags: u32 {
        EID = 0x0000_0001,
        MESSAGE_SIZE = 0x0000_0002,
        CN = 0x0000_0004,
        ORDER_BY_DELIVERY_TIME = 0x0000_0008,
    }

    /// [MS-OXCFXICS] 2.2.3.2.4.2.1
    pub struct ImportFlags: u8 {
        ASSOCIATED = 0x10,
        FAIL_ON_CONFLICT = 0x40,
    }

    /// [MS-OXCFXICS] 2.2.3.2.4.5.1
    pub struct ImportDeleteFlags: u8 {
        HIERARCHY = 0x01,
        HARD_DELETE = 0x02,
    }
}

rop_struct! {
    /// [MS-OXCROPS] 2.2.13.1.1
    pub struct SynchronizationConfigureRequest {
        pub kind: SynchronizationType,
        pub send_options: SendOptions,
        pub flags: SynchronizationFlags,
        pub restriction: SizedRestriction,
        pub extra_flags: SynchronizationExtraFlags,
        pub tags: Counted<u16, PropertyTag>,
    }

    /// [MS-OXCROPS] 2.2.13.2.1
    pub struct SynchronizationImportMessageChangeRequest {
        pub flags: ImportFlags,
        pub values: Counted<u16, TaggedValue>,
    }

    /// RopSynchronizationImportMessageChange ([MS-OXCROPS] 2.2.13.2.2) and ...MessageMove (2.2.13.6.2)
    pub struct ImportedMessageResponse {
        pub message: MessageId,
    }

    /// [MS-OXCROPS] 2.2.13.3.1.1
    pub struct MessageReadState {
        pub message_id: SizedBytes<u16>,
        pub mark_as_read: bool,
    }

    /// [MS-OXCROPS] 2.2.13.4.1
    pub struct SynchronizationImportHierarchyChangeRequest {
        pub hierarchy_values: Counted<u16, TaggedValue>,
        pub values: Counted<u16, TaggedValue>,
    }

    /// [MS-OXCROPS] 2.2.13.4.2
    pub struct ImportedFolderResponse {
        pub folder: FolderId,
    }

    /// [MS-OXCROPS] 2.2.13.5.1
    pub struct SynchronizationImportDeletesRequest {
        pub flags: ImportDeleteFlags,
        pub values: Counted<u16, TaggedValue>,
    }

    /// [MS-OXCROPS] 2.2.13.6.1: source keys, a predecessor change list and a change key, as bytes.
    pub struct SynchronizationImportMessageMoveRequest {
        pub source_folder: SizedBytes<u32>,
        pub source_message: SizedBytes<u32>,
        pub predecessor_change_list: SizedBytes<u32>,
        pub destination_message: SizedBytes<u32>,
        pub change_number: SizedBytes<u32>,
    }

    /// [MS-OXCROPS] 2.2.13.7.1
    pub struct SynchronizationOpenCollectorRequest {
        /// Else a collector of the hierarchy.
        pub is_contents: bool,
    }

    /// [MS-OXCROPS] 2.2.13.9.1
    pub struct SynchronizationUploadStateStreamBeginRequest {
        pub property: PropertyTag,
        pub size: u32,
    }

    /// [MS-OXCROPS] 2.2.13.10.1
    pub struct SynchronizationUploadStateStreamContinueRequest {
        pub data: SizedBytes<u32>,
    }

    /// [MS-OXCROPS] 2.2.13.12.1.1
    pub struct LongTermIdRange {
        pub min: LongTermId,
        pub max: LongTermId,
    }

    /// [MS-OXCROPS] 2.2.13.13.1
    pub struct GetLocalReplicaIdsRequest {
        pub count: u32,
    }

    /// [MS-OXCROPS] 2.2.13.13.2
    pub struct GetLocalReplicaIdsResponse {
        pub replica_guid: Guid,
        /// The first of the counters that the client may use.
        pub first: GlobalCounter,
    }
}

/// [MS-OXCROPS] 2.2.13.3.1
#[derive(Debug, Clone, PartialEq)]
pub struct SynchronizationImportReadStateChangesRequest {
    pub states: Vec<MessageReadState>,
}

/// The states stand behind their size in bytes, not behind their count.
impl Wire for SynchronizationImportReadStateChangesRequest {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let size = usize::from(u16::read(r)?);
        let mut part = r.sub(size, "as many bytes of read states as their size says")?;
        let mut states = Vec::new();
        while !part.is_empty() {
            states.push(MessageReadState::read(&mut part)?);
        }
        Ok(SynchronizationImportReadStateChangesRequest { states })
    }
    fn write(&self, w: &mut Vec<u8>) {
        write_sized(w, |w| self.states.iter().for_each(|state| state.write(w)));
    }
}

/// [MS-OXCROPS] 2.2.13.12.1
#[derive(Debug, Clone, PartialEq)]
pub struct SetLocalReplicaMidsetDeletedRequest {
    pub ranges: Vec<LongTermIdRange>,
}

/// The size in bytes counts the ranges' count too.
impl Wire for SetLocalReplicaMidsetDeletedRequest {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let size = usize::from(u16::read(r)?);
        let mut part = r.sub(size, "as many bytes of ranges as their size says")?;
        let ranges = Counted::<u32, LongTermIdRange>::read(&mut part)?;
        part.finish("no bytes behind the ranges")?;
        Ok(SetLocalReplicaMidsetDeletedRequest { ranges: ranges.items })
    }
    fn write(&self, w: &mut Vec<u8>) {
        write_sized(w, |w| Counted::<u32, _>::from(self.ranges.clone()).write(w));
    }
}

#[cfg(any(test, feature = "sample"))]
mod samples {
    use super::*;
    use crate::sample::{Sample, Source};

    impl Sample for SynchronizationImportReadStateChangesRequest {
        fn sample(source: &mut Source<'_>) -> Self {
            SynchronizationImportReadStateChangesRequest {
                states: source.some(MessageReadState::sample),
            }
        }
    }

    impl Sample for SetLocalReplicaMidsetDeletedRequest {
        fn sample(source: &mut Source<'_>) -> Self {
            SetLocalReplicaMidsetDeletedRequest { ranges: source.some(LongTermIdRange::sample) }
        }
    }
}
