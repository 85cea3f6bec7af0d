//! Messages, recipients and attachments ([MS-OXCROPS] 2.2.6).

use mapi::RecipientRow;
use mapi::wire::Counted;
use mapi::{FolderId, MessageId, PropertyTag};

use crate::handle::{HandleIndex, LogonId};
use crate::parts::{Columns, Flagged, TypedString};

rop_flags! {
    /// [MS-OXCMSG] 2.2.3.1.1 and 2.2.3.16.1
    pub struct OpenMessageFlags: u8 {
        READ_WRITE = 0x01,
        /// Embedded messages: create it. Messages: with READ_WRITE, the best access that there is.
        CREATE = 0x02,
        BEST_ACCESS = 0x03,
        OPEN_SOFT_DELETED = 0x04,
    }

    /// [MS-OXCMSG] 2.2.3.12.1
    pub struct OpenAttachmentFlags: u8 {
        READ_WRITE = 0x01,
        BEST_ACCESS = 0x03,
    }

    /// [MS-OXCMSG] 2.2.3.3.1; other bits are ignored.
    pub struct SaveFlags: u8 {
        KEEP_OPEN_READ_ONLY = 0x01,
        KEEP_OPEN_READ_WRITE = 0x02,
        FORCE_SAVE = 0x04,
    }

    /// [MS-OXCMSG] 2.2.3.10.1
    pub struct ReadFlags: u8 {
        SUPPRESS_RECEIPT = 0x01,
        CLEAR_READ_FLAG = 0x04,
        GENERATE_RECEIPT_ONLY = 0x10,
        CLEAR_NOTIFY_READ = 0x20,
        CLEAR_NOTIFY_UNREAD = 0x40,
    }

    /// [MS-OXCMSG] 2.2.3.1.2: a recipient's kind in the low bits, and flags for resending.
    pub struct RecipientType: u8 {
        TO = 0x01,
        CC = 0x02,
        BCC = 0x03,
        /// The recipient did not get the message and is to get it now.
        RESEND = 0x10,
        /// The recipient got the message and is not to get it again.
        SUBMITTED = 0x80,
    }

    /// [MS-OXCMSG] 2.2.3.17.1
    pub struct AttachmentTableFlags: u8 {
        UNICODE = 0x40,
    }
}

/// In the CodePageId of a request: the code page of the logon ([MS-OXCMSG] 2.2.3.1.1).
pub const LOGON_CODE_PAGE: u16 = 0x0fff;

rop_struct! {
    /// [MS-OXCROPS] 2.2.6.1.1
    pub struct OpenMessageRequest {
        pub code_page: u16,
        pub folder: FolderId,
        pub flags: OpenMessageFlags,
        pub message: MessageId,
    }

    /// [MS-OXCROPS] 2.2.6.2.1
    pub struct CreateMessageRequest {
        pub code_page: u16,
        pub folder: FolderId,
        /// An FAI message.
        pub associated: bool,
    }

    /// [MS-OXCROPS] 2.2.6.2.2
    pub struct CreateMessageResponse {
        pub message: Flagged<MessageId>,
    }

    /// RopSaveChangesMessage ([MS-OXCROPS] 2.2.6.3.1) and RopSaveChangesAttachment (2.2.6.15.1)
    pub struct SaveChangesRequest {
        pub flags: SaveFlags,
    }

    /// [MS-OXCROPS] 2.2.6.3.2
    pub struct SaveChangesMessageResponse {
        /// The request's InputHandleIndex, beside the ResponseHandleIndex in front.
        pub input: HandleIndex,
        pub message: MessageId,
    }

    /// [MS-OXCROPS] 2.2.6.4.1
    pub struct RemoveAllRecipientsRequest {
        pub reserved: u32,
    }

    /// [MS-OXCROPS] 2.2.6.6.1
    pub struct ReadRecipientsRequest {
        /// The first row to answer.
        pub row_id: u32,
        pub reserved: u16,
    }

    /// [MS-OXCROPS] 2.2.6.7.1
    pub struct ReloadCachedInformationRequest {
        pub reserved: u16,
    }

    /// [MS-OXCROPS] 2.2.6.8.1
    pub struct SetMessageStatusRequest {
        pub message: MessageId,
        pub flags: u32,
        /// The bits that are to change.
        pub mask: u32,
    }

    /// [MS-OXCROPS] 2.2.6.8.2: the flags as they were.
    pub struct MessageStatusResponse {
        pub flags: u32,
    }

    /// [MS-OXCROPS] 2.2.6.9.1
    pub struct GetMessageStatusRequest {
        pub message: MessageId,
    }

    /// [MS-OXCROPS] 2.2.6.10.1
    pub struct SetReadFlagsRequest {
        pub want_asynchronous: bool,
        pub flags: ReadFlags,
        /// None: all messages of the folder.
        pub messages: Counted<u16, MessageId>,
    }

    /// [MS-OXCROPS] 2.2.6.11.2: in public folders, whether the state changed, and what the client sent.
    pub struct SetMessageReadFlagResponse {
        pub changed: Flagged<ReadStatusChange>,
    }

    /// The part of [`SetMessageReadFlagResponse`] that is there if the state changed.
    pub struct ReadStatusChange {
        pub logon: LogonId,
        pub client_data: [u8; 24],
    }

    /// [MS-OXCROPS] 2.2.6.12.1
    pub struct OpenAttachmentRequest {
        pub flags: OpenAttachmentFlags,
        /// PidTagAttachNumber.
        pub attachment: u32,
    }

    /// The answer of RopCreateAttachment ([MS-OXCROPS] 2.2.6.13.2) and the request of
    /// RopDeleteAttachment (2.2.6.14.1).
    pub struct AttachmentIdBody {
        /// PidTagAttachNumber.
        pub attachment: u32,
    }

    /// [MS-OXCROPS] 2.2.6.16.1
    pub struct OpenEmbeddedMessageRequest {
        pub code_page: u16,
        pub flags: OpenMessageFlags,
    }

    /// [MS-OXCROPS] 2.2.6.16.2
    pub struct OpenEmbeddedMessageResponse {
        pub reserved: u8,
        pub message_id: MessageId,
        pub message: OpenMessageResponse,
    }

    /// [MS-OXCROPS] 2.2.6.17.1
    pub struct GetAttachmentTableRequest {
        pub flags: AttachmentTableFlags,
    }

    /// [MS-OXCROPS] 2.2.6.18.2
    pub struct GetValidAttachmentsResponse {
        pub attachments: Counted<u32, u32>,
    }
}

/// RopSetMessageReadFlag ([MS-OXCROPS] 2.2.6.11.1)
#[derive(Debug, Clone, PartialEq)]
pub struct SetMessageReadFlagRequest {
    pub flags: ReadFlags,
    /// There if the logon is to public folders, and only then.
    pub client_data: Option<[u8; 24]>,
}

/// The answer of RopOpenMessage ([MS-OXCROPS] 2.2.6.1.2) and RopReloadCachedInformation (2.2.6.7.2)
#[derive(Debug, Clone, PartialEq)]
pub struct OpenMessageResponse {
    pub has_named_properties: bool,
    pub subject_prefix: TypedString,
    pub normalized_subject: TypedString,
    /// How many recipients the message has.
    pub recipient_count: u16,
    /// The columns of these rows, and of those that RopReadRecipients answers.
    pub columns: Columns,
    /// The first recipients: at most 255 of them, fewer where they do not fit.
    pub rows: Vec<OpenRecipientRow>,
}

/// [MS-OXCROPS] 2.2.6.1.2.1
#[derive(Debug, Clone, PartialEq)]
pub struct OpenRecipientRow {
    pub recipient_type: RecipientType,
    pub code_page: u16,
    pub reserved: u16,
    pub row: RecipientRow,
}

/// [MS-OXCROPS] 2.2.6.5.1
#[derive(Debug, Clone, PartialEq)]
pub struct ModifyRecipientsRequest {
    pub columns: Vec<PropertyTag>,
    pub rows: Vec<ModifyRecipientRow>,
}

/// [MS-OXCROPS] 2.2.6.5.1.1
#[derive(Debug, Clone, PartialEq)]
pub struct ModifyRecipientRow {
    pub row_id: u32,
    pub recipient_type: RecipientType,
    /// None takes the recipient of this row id away.
    pub row: Option<RecipientRow>,
}

/// [MS-OXCROPS] 2.2.6.6.2. The rows have the columns that opening the message told.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadRecipientsResponse {
    pub columns: Columns,
    /// At most 255.
    pub rows: Vec<ReadRecipientRow>,
}

/// [MS-OXCROPS] 2.2.6.6.2.1
#[derive(Debug, Clone, PartialEq)]
pub struct ReadRecipientRow {
    pub row_id: u32,
    pub recipient_type: RecipientType,
    pub code_page: u16,
    pub reserved: u16,
    pub row: RecipientRow,
}

#[cfg(any(test, feature = "sample"))]
mod samples {
    use super::*;
    use crate::sample::{Sample, Source, recipient_of};

    impl Sample for SetMessageReadFlagRequest {
        fn sample(source: &mut Source<'_>) -> Self {
            SetMessageReadFlagRequest {
                flags: Sample::sample(source),
                client_data: Sample::sample(source),
            }
        }
    }

    impl Sample for OpenMessageResponse {
        fn sample(source: &mut Source<'_>) -> Self {
            let columns = Columns::sample(source);
            OpenMessageResponse {
                has_named_properties: Sample::sample(source),
                subject_prefix: Sample::sample(source),
                normalized_subject: Sample::sample(source),
                recipient_count: Sample::sample(source),
                rows: source.some(|s| OpenRecipientRow {
                    recipient_type: Sample::sample(s),
                    code_page: Sample::sample(s),
                    reserved: Sample::sample(s),
                    row: recipient_of(s, &columns),
                }),
                columns,
            }
        }
    }

    impl Sample for ModifyRecipientsRequest {
        fn sample(source: &mut Source<'_>) -> Self {
            let columns = source.some(PropertyTag::sample);
            ModifyRecipientsRequest {
                rows: source.some(|s| ModifyRecipientRow {
                    row_id: Sample::sample(s),
                    recipient_type: Sample::sample(s),
                    row: bool::sample(s).then(|| recipient_of(s, &columns)),
                }),
                columns,
            }
        }
    }

    impl Sample for ReadRecipientsResponse {
        fn sample(source: &mut Source<'_>) -> Self {
            let columns = Columns::sample(source);
            ReadRecipientsResponse {
                rows: source.some(|s| ReadRecipientRow {
                    row_id: Sample::sample(s),
                    recipient_type: Sample::sample(s),
                    code_page: Sample::sample(s),
                    reserved: Sample::sample(s),
                    row: recipient_of(s, &columns),
                }),
                columns,
            }
        }
    }
}
