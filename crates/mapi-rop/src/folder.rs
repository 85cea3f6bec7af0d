//! Folders ([MS-OXCROPS] 2.2.4).

use mapi::wire::Counted;
use mapi::{FolderId, MessageId};

use crate::handle::LogonId;
use crate::parts::{Flagged, ServerList, SizedRestriction};

rop_flags! {
    /// [MS-OXCFOLD] 2.2.1.1.1
    pub struct OpenFolderFlags: u8 {
        OPEN_SOFT_DELETED = 0x04,
    }

    /// [MS-OXCFOLD] 2.2.1.3.1
    pub struct DeleteFolderFlags: u8 {
        DEL_MESSAGES = 0x01,
        DEL_FOLDERS = 0x04,
        DELETE_HARD_DELETE = 0x10,
    }

    /// [MS-OXCFOLD] 2.2.1.4.1 in a request, 2.2.1.5.2 in an answer: the meanings differ.
    pub struct SearchFlags: u32 {
        STOP_OR_RUNNING = 0x0000_0001,
        RESTART_OR_REBUILD = 0x0000_0002,
        RECURSIVE = 0x0000_0004,
        SHALLOW = 0x0000_0008,
        FOREGROUND = 0x0000_0010,
        BACKGROUND = 0x0000_0020,
        COMPLETE = 0x0000_1000,
        PARTIAL = 0x0000_2000,
        CONTENT_INDEXED_OR_STATIC = 0x0001_0000,
        NON_CONTENT_INDEXED_OR_MAYBE_STATIC = 0x0002_0000,
        STATIC = 0x0004_0000,
        CI_TOTALLY = 0x0100_0000,
        TWIR_TOTALLY = 0x0800_0000,
    }

    /// [MS-OXCFOLD] 2.2.1.13.1 (hierarchy) and 2.2.1.14.1 (contents)
    pub struct TableFlags: u8 {
        /// Contents tables only: the FAI messages.
        ASSOCIATED = 0x02,
        /// Hierarchy tables only: folders of all levels.
        DEPTH = 0x04,
        DEFERRED_ERRORS = 0x08,
        NO_NOTIFICATIONS = 0x10,
        SOFT_DELETES = 0x20,
        USE_UNICODE = 0x40,
        /// In hierarchy tables; in contents tables the bit is ConversationMembers.
        SUPPRESSES_NOTIFICATIONS = 0x80,
    }
}

rop_enum! {
    /// [MS-OXCFOLD] 2.2.1.2.1
    pub enum FolderType: u8 {
        Generic = 0x01,
        Search = 0x02,
    }
}

rop_struct! {
    /// [MS-OXCROPS] 2.2.4.1.1
    pub struct OpenFolderRequest {
        pub folder: FolderId,
        pub flags: OpenFolderFlags,
    }

    /// [MS-OXCROPS] 2.2.4.1.2
    pub struct OpenFolderResponse {
        pub has_rules: bool,
        /// The servers with a replica, if this one has none.
        pub ghosted: Flagged<ServerList>,
    }

    /// [MS-OXCROPS] 2.2.4.2.2
    pub struct CreateFolderResponse {
        pub folder: FolderId,
        /// There if the folder existed and was opened.
        pub existing: Flagged<OpenFolderResponse>,
    }

    /// [MS-OXCROPS] 2.2.4.3.1
    pub struct DeleteFolderRequest {
        pub flags: DeleteFolderFlags,
        pub folder: FolderId,
    }

    /// The answer of ROPs that may do a part of their work and leave the rest. It stands in failures too.
    #[derive(Copy, Eq, Default)]
    pub struct PartialCompletionResponse {
        pub partial_completion: bool,
    }

    /// [MS-OXCROPS] 2.2.4.4.1
    pub struct SetSearchCriteriaRequest {
        pub restriction: SizedRestriction,
        pub folders: Counted<u16, FolderId>,
        pub flags: SearchFlags,
    }

    /// [MS-OXCROPS] 2.2.4.5.1
    pub struct GetSearchCriteriaRequest {
        pub use_unicode: bool,
        pub include_restriction: bool,
        pub include_folders: bool,
    }

    /// [MS-OXCROPS] 2.2.4.5.2
    pub struct GetSearchCriteriaResponse {
        pub restriction: SizedRestriction,
        pub logon: LogonId,
        pub folders: Counted<u16, FolderId>,
        pub flags: SearchFlags,
    }

    /// [MS-OXCROPS] 2.2.4.6.1
    pub struct MoveCopyMessagesRequest {
        pub messages: Counted<u16, MessageId>,
        pub want_asynchronous: bool,
        pub want_copy: bool,
    }

    /// RopEmptyFolder ([MS-OXCROPS] 2.2.4.9.1) and RopHardDeleteMessagesAndSubfolders (2.2.4.10.1)
    pub struct EmptyFolderRequest {
        pub want_asynchronous: bool,
        /// The FAI messages too.
        pub want_delete_associated: bool,
    }

    /// RopDeleteMessages ([MS-OXCROPS] 2.2.4.11.1) and RopHardDeleteMessages (2.2.4.12.1)
    pub struct DeleteMessagesRequest {
        pub want_asynchronous: bool,
        /// Send non-read receipts.
        pub notify_non_read: bool,
        pub messages: Counted<u16, MessageId>,
    }

    /// RopGetHierarchyTable ([MS-OXCROPS] 2.2.4.13.1) and RopGetContentsTable (2.2.4.14.1)
    pub struct GetTableRequest {
        pub flags: TableFlags,
    }

    /// [MS-OXCROPS] 2.2.4.13.2 and 2.2.4.14.2
    pub struct GetTableResponse {
        pub row_count: u32,
    }
}
