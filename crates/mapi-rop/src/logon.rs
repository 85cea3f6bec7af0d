//! Logon and what belongs to the store as a whole ([MS-OXCROPS] 2.2.3).

use std::fmt;

use mapi::row::PropertyRow;
use mapi::text::String8;
use mapi::wire::{Counted, Reader, SizedBytes, Wire, WireError, WireWith};
use mapi::{FolderId, Guid, LongTermId, PropertyTag, PropertyType, ReplId, tags};

use crate::parts::{Flagged, ObjectId, ServerList};

rop_flags! {
    /// [MS-OXCSTOR] 2.2.1.1.1
    pub struct LogonFlags: u8 {
        /// A mailbox; unset, public folders.
        PRIVATE = 0x01,
        UNDERCOVER = 0x02,
        GHOSTED = 0x04,
        SPOOLER_PROCESS = 0x08,
    }

    /// [MS-OXCSTOR] 2.2.1.1.1
    pub struct LogonOpenFlags: u32 {
        USE_ADMIN_PRIVILEGE = 0x0000_0001,
        PUBLIC = 0x0000_0002,
        HOME_LOGON = 0x0000_0004,
        TAKE_OWNERSHIP = 0x0000_0008,
        ALTERNATE_SERVER = 0x0000_0100,
        IGNORE_HOME_MDB = 0x0000_0200,
        NO_MAIL = 0x0000_0400,
        USE_PER_MDB_REPLID_MAPPING = 0x0100_0000,
        SUPPORT_PROGRESS = 0x2000_0000,
    }

    /// [MS-OXCSTOR] 2.2.1.1.3
    pub struct LogonResponseFlags: u8 {
        /// Must be set.
        RESERVED = 0x01,
        OWNER_RIGHT = 0x02,
        SEND_AS_RIGHT = 0x04,
        OOF = 0x10,
    }
}

rop_struct! {
    /// [MS-OXCROPS] 2.2.3.1.1
    pub struct LogonRequest {
        pub flags: LogonFlags,
        pub open_flags: LogonOpenFlags,
        /// Not used.
        pub store_state: u32,
        /// The distinguished name of the mailbox, ASCII with its terminating null; see
        /// [`LogonRequest::mailbox`].
        pub essdn: Essdn,
    }

    /// [MS-OXCROPS] 2.2.3.1.2
    pub struct PrivateLogon {
        pub flags: LogonFlags,
        pub folders: SpecialFolders,
        pub response_flags: LogonResponseFlags,
        pub mailbox_guid: Guid,
        /// What stands for `replica_guid` in short ids.
        pub replica: ReplId,
        pub replica_guid: Guid,
        pub logon_time: LogonTime,
        /// Changes with the gateway address routing table; the client only compares it.
        pub gwart_time: u64,
        pub store_state: u32,
    }

    /// [MS-OXCROPS] 2.2.3.1.3
    pub struct PublicLogon {
        pub flags: LogonFlags,
        pub folders: SpecialFolders,
        pub replica: ReplId,
        pub replica_guid: Guid,
        /// Not used; all zero.
        pub per_user_guid: Guid,
    }

    /// The server's time in UTC ([MS-OXCROPS] 2.2.3.1.2.1).
    #[derive(Copy, Eq)]
    pub struct LogonTime {
        pub seconds: u8,
        pub minutes: u8,
        pub hour: u8,
        /// 0 is Sunday.
        pub day_of_week: u8,
        pub day: u8,
        /// 1 to 12.
        pub month: u8,
        pub year: u16,
    }

    /// The user's mailbox is elsewhere ([MS-OXCROPS] 2.2.3.1.4).
    pub struct LogonRedirect {
        pub flags: LogonFlags,
        /// ASCII with its terminating null.
        pub server_name: SizedBytes<u8>,
    }

    /// [MS-OXCROPS] 2.2.3.2.1
    pub struct GetReceiveFolderRequest {
        pub message_class: String8,
    }

    /// [MS-OXCROPS] 2.2.3.2.2
    pub struct GetReceiveFolderResponse {
        pub folder: FolderId,
        /// The class in the table that matched.
        pub explicit_class: String8,
    }

    /// [MS-OXCROPS] 2.2.3.3.1
    pub struct SetReceiveFolderRequest {
        pub folder: FolderId,
        pub message_class: String8,
    }

    /// [MS-OXCROPS] 2.2.3.4.2
    pub struct GetReceiveFolderTableResponse {
        pub rows: Counted<u32, ReceiveFolderRow>,
    }

    /// [MS-OXCROPS] 2.2.3.5.2
    pub struct GetStoreStateResponse {
        pub store_state: u32,
    }

    /// [MS-OXCROPS] 2.2.3.6.1
    pub struct GetOwningServersRequest {
        pub folder: FolderId,
    }

    /// [MS-OXCROPS] 2.2.3.7.1
    pub struct PublicFolderIsGhostedRequest {
        pub folder: FolderId,
    }

    /// [MS-OXCROPS] 2.2.3.7.2
    pub struct PublicFolderIsGhostedResponse {
        pub ghosted: Flagged<ServerList>,
    }

    /// [MS-OXCROPS] 2.2.3.8.1
    pub struct LongTermIdFromIdRequest {
        pub id: ObjectId,
    }

    /// [MS-OXCROPS] 2.2.3.8.2
    pub struct LongTermIdFromIdResponse {
        pub long_term_id: LongTermId,
    }

    /// [MS-OXCROPS] 2.2.3.9.1
    pub struct IdFromLongTermIdRequest {
        pub long_term_id: LongTermId,
    }

    /// [MS-OXCROPS] 2.2.3.9.2
    pub struct IdFromLongTermIdResponse {
        pub id: ObjectId,
    }

    /// [MS-OXCROPS] 2.2.3.10.1
    pub struct GetPerUserLongTermIdsRequest {
        pub database_guid: Guid,
    }

    /// [MS-OXCROPS] 2.2.3.10.2
    pub struct GetPerUserLongTermIdsResponse {
        pub ids: Counted<u16, LongTermId>,
    }

    /// [MS-OXCROPS] 2.2.3.11.1
    pub struct GetPerUserGuidRequest {
        pub long_term_id: LongTermId,
    }

    /// [MS-OXCROPS] 2.2.3.11.2
    pub struct GetPerUserGuidResponse {
        pub database_guid: Guid,
    }

    /// [MS-OXCROPS] 2.2.3.12.1
    pub struct ReadPerUserInformationRequest {
        pub folder: LongTermId,
        pub reserved: u8,
        pub data_offset: u32,
        pub max_data_size: u16,
    }

    /// [MS-OXCROPS] 2.2.3.12.2
    pub struct ReadPerUserInformationResponse {
        pub has_finished: bool,
        pub data: SizedBytes<u16>,
    }
}

/// A distinguished name behind its size. In a trace it is text.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Essdn(pub SizedBytes<u16>);

impl fmt::Debug for Essdn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.strip_suffix(&[0]).unwrap_or(&self.0[..]);
        match name.is_ascii() {
            true => String::from_utf8_lossy(name).fmt(f),
            // Whatever else it is.
            false => self.0.fmt(f),
        }
    }
}

impl From<Vec<u8>> for Essdn {
    fn from(bytes: Vec<u8>) -> Self {
        Essdn(bytes.into())
    }
}

impl std::ops::Deref for Essdn {
    type Target = Vec<u8>;
    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl Wire for Essdn {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Essdn(Wire::read(r)?))
    }
    fn write(&self, w: &mut Vec<u8>) {
        self.0.write(w);
    }
}

impl LogonRequest {
    /// A logon to the mailbox of this distinguished name, which may be the second one of a session: who asks
    /// knows that ids and names are those of each mailbox.
    pub fn mailbox_of(essdn: &str) -> Self {
        let mut bytes = essdn.as_bytes().to_vec();
        bytes.push(0);
        LogonRequest {
            flags: LogonFlags::PRIVATE,
            open_flags: LogonOpenFlags::HOME_LOGON
                | LogonOpenFlags::TAKE_OWNERSHIP
                | LogonOpenFlags::USE_PER_MDB_REPLID_MAPPING,
            store_state: 0,
            essdn: bytes.into(),
        }
    }

    /// A logon to the public folders.
    pub fn public() -> Self {
        LogonRequest {
            flags: LogonFlags::NONE,
            open_flags: LogonOpenFlags::PUBLIC,
            store_state: 0,
            essdn: Vec::new().into(),
        }
    }

    /// The distinguished name without its null; none if it is empty or not ASCII.
    pub fn mailbox(&self) -> Option<&str> {
        let end = self.essdn.iter().position(|byte| *byte == 0).unwrap_or(self.essdn.len());
        let text = std::str::from_utf8(&self.essdn[..end]).ok()?;
        (!text.is_empty() && text.is_ascii()).then_some(text)
    }
}

/// The 13 folders that a logon tells, in wire order ([MS-OXCSTOR] 2.2.1.1.3 for mailboxes; public folders
/// have others in the same places, 2.2.1.1.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecialFolders(pub [FolderId; 13]);

/// What stands where in [`SpecialFolders`] of a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum SpecialFolder {
    Root,
    DeferredAction,
    SpoolerQueue,
    /// The IPM subtree, also called the top of the information store.
    IpmSubtree,
    Inbox,
    Outbox,
    SentItems,
    DeletedItems,
    CommonViews,
    Schedule,
    /// Also called Finder: the parent of search folders.
    Search,
    Views,
    Shortcuts,
}

impl std::ops::Index<SpecialFolder> for SpecialFolders {
    type Output = FolderId;
    fn index(&self, folder: SpecialFolder) -> &FolderId {
        &self.0[folder as usize]
    }
}

impl Wire for SpecialFolders {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut folders = [FolderId::NONE; 13];
        for folder in &mut folders {
            *folder = FolderId::read(r)?;
        }
        Ok(SpecialFolders(folders))
    }
    fn write(&self, w: &mut Vec<u8>) {
        self.0.iter().for_each(|folder| folder.write(w));
    }
}

/// A row of the Receive folder table: always [`RECEIVE_FOLDER_COLUMNS`].
#[derive(Debug, Clone, PartialEq)]
pub struct ReceiveFolderRow(pub PropertyRow);

/// [MS-OXCSTOR] 2.2.1.4.2: the message class is 8-bit text.
pub const RECEIVE_FOLDER_COLUMNS: [PropertyTag; 3] = [
    tags::FOLDER_ID,
    tags::MESSAGE_CLASS.with_type(PropertyType::STRING8),
    tags::LAST_MODIFICATION_TIME,
];

impl Wire for ReceiveFolderRow {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(ReceiveFolderRow(PropertyRow::read_with(r, &RECEIVE_FOLDER_COLUMNS)?))
    }
    fn write(&self, w: &mut Vec<u8>) {
        self.0.write_with(w, &RECEIVE_FOLDER_COLUMNS);
    }
}

#[cfg(any(test, feature = "sample"))]
mod samples {
    use super::*;
    use crate::sample::{Sample, Source, row_of};

    impl Sample for SpecialFolders {
        fn sample(source: &mut Source<'_>) -> Self {
            SpecialFolders(std::array::from_fn(|_| FolderId::sample(source)))
        }
    }

    impl Sample for ReceiveFolderRow {
        fn sample(source: &mut Source<'_>) -> Self {
            ReceiveFolderRow(row_of(source, &RECEIVE_FOLDER_COLUMNS))
        }
    }
}
