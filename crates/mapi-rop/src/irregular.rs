//! The layouts that are not fields in a row: each with its irregularity above it. The irregularities of
//! the buffers around the ROPs are in [`buffer`](crate::buffer).

use mapi::text::String8;
use mapi::wire::{Counted, Reader, SizedBytes, Wire, WireError, WireWith, read_items};
use mapi::{ErrorCode, FolderId, Guid, LongTermId, MessageId, PropertyTag, RecipientRow};

use crate::fast_transfer::{FastTransferSourceGetBufferResponse, TransferContent, TransferStatus};
use crate::folder::FolderType;
use crate::logon::{LogonFlags, PrivateLogon, PublicLogon};
use crate::message::{
    ModifyRecipientRow, ModifyRecipientsRequest, OpenMessageResponse, OpenRecipientRow, ReadFlags,
    ReadRecipientRow, ReadRecipientsResponse, RecipientType, SetMessageReadFlagRequest,
};
use crate::notification::NotificationFlags;
use crate::parts::{AnswerBody, Columns, LogonKind, RequestBody, Text, write_sized};
use crate::transport::{GetAddressTypesResponse, HelpFile, OptionsDataResponse};

/// The answer of RopLogon has one of two layouts, and the Private bit of its first byte tells which
/// ([MS-OXCROPS] 2.2.3.1.2 and 2.2.3.1.3).
#[derive(Debug, Clone, PartialEq)]
pub enum LogonResponse {
    Private(Box<PrivateLogon>),
    Public(Box<PublicLogon>),
}

impl Wire for LogonResponse {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let flags = LogonFlags::read(&mut r.clone())?;
        Ok(match flags.contains(LogonFlags::PRIVATE) {
            true => LogonResponse::Private(Box::new(PrivateLogon::read(r)?)),
            false => LogonResponse::Public(Box::new(PublicLogon::read(r)?)),
        })
    }
    fn write(&self, w: &mut Vec<u8>) {
        match self {
            LogonResponse::Private(logon) => logon.write(w),
            LogonResponse::Public(logon) => logon.write(w),
        }
    }
}

/// RopWritePerUserInformation ([MS-OXCROPS] 2.2.3.13.1): the replica stands at the end of the first part,
/// in a logon to a mailbox only.
#[derive(Debug, Clone, PartialEq)]
pub struct WritePerUserInformationRequest {
    pub folder: LongTermId,
    pub has_finished: bool,
    pub data_offset: u32,
    pub data: SizedBytes<u16>,
    pub replica_guid: Option<Guid>,
}

impl RequestBody for WritePerUserInformationRequest {
    fn read_request(r: &mut Reader<'_>, logon: LogonKind) -> Result<Self, WireError> {
        let folder = LongTermId::read(r)?;
        let has_finished = bool::read(r)?;
        let data_offset = u32::read(r)?;
        let data = SizedBytes::read(r)?;
        let replica_guid = match data_offset == 0 && logon == LogonKind::Private {
            true => Some(Guid::read(r)?),
            false => None,
        };
        Ok(WritePerUserInformationRequest { folder, has_finished, data_offset, data, replica_guid })
    }
    fn write_request(&self, w: &mut Vec<u8>) {
        self.folder.write(w);
        self.has_finished.write(w);
        self.data_offset.write(w);
        self.data.write(w);
        if let Some(replica_guid) = self.replica_guid {
            replica_guid.write(w);
        }
    }
}

/// RopCreateFolder ([MS-OXCROPS] 2.2.4.2.1): one flag before two others tells the width of both texts.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateFolderRequest {
    pub folder_type: FolderType,
    pub open_existing: bool,
    pub reserved: u8,
    pub texts: FolderTexts,
}

/// The texts of a new folder, both of one width.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FolderTexts {
    Unicode { display_name: mapi::WString, comment: mapi::WString },
    Bytes { display_name: String8, comment: String8 },
}

impl FolderTexts {
    pub fn display_name(&self) -> mapi::WString {
        match self {
            FolderTexts::Unicode { display_name, .. } => display_name.clone(),
            FolderTexts::Bytes { display_name, .. } => crate::parts::latin1(display_name),
        }
    }

    pub fn comment(&self) -> mapi::WString {
        match self {
            FolderTexts::Unicode { comment, .. } => comment.clone(),
            FolderTexts::Bytes { comment, .. } => crate::parts::latin1(comment),
        }
    }
}

impl Wire for CreateFolderRequest {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let folder_type = FolderType::read(r)?;
        let unicode = bool::read(r)?;
        Ok(CreateFolderRequest {
            folder_type,
            open_existing: bool::read(r)?,
            reserved: u8::read(r)?,
            texts: match unicode {
                true => {
                    FolderTexts::Unicode { display_name: Wire::read(r)?, comment: Wire::read(r)? }
                }
                false => {
                    FolderTexts::Bytes { display_name: Wire::read(r)?, comment: Wire::read(r)? }
                }
            },
        })
    }
    fn write(&self, w: &mut Vec<u8>) {
        self.folder_type.write(w);
        matches!(self.texts, FolderTexts::Unicode { .. }).write(w);
        self.open_existing.write(w);
        self.reserved.write(w);
        match &self.texts {
            FolderTexts::Unicode { display_name, comment } => {
                display_name.write(w);
                comment.write(w);
            }
            FolderTexts::Bytes { display_name, comment } => {
                display_name.write(w);
                comment.write(w);
            }
        }
    }
}

/// RopMoveFolder ([MS-OXCROPS] 2.2.4.7.1): the width of the name stands before the folder's id.
#[derive(Debug, Clone, PartialEq)]
pub struct MoveFolderRequest {
    pub want_asynchronous: bool,
    pub folder: FolderId,
    pub new_name: Text,
}

impl Wire for MoveFolderRequest {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let want_asynchronous = bool::read(r)?;
        let unicode = bool::read(r)?;
        let folder = FolderId::read(r)?;
        Ok(MoveFolderRequest { want_asynchronous, folder, new_name: Text::read_as(r, unicode)? })
    }
    fn write(&self, w: &mut Vec<u8>) {
        self.want_asynchronous.write(w);
        self.new_name.is_unicode().write(w);
        self.folder.write(w);
        self.new_name.write_bare(w);
    }
}

/// RopCopyFolder ([MS-OXCROPS] 2.2.4.8.1): the width of the name stands before the folder's id.
#[derive(Debug, Clone, PartialEq)]
pub struct CopyFolderRequest {
    pub want_asynchronous: bool,
    pub want_recursive: bool,
    pub folder: FolderId,
    pub new_name: Text,
}

impl Wire for CopyFolderRequest {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let want_asynchronous = bool::read(r)?;
        let want_recursive = bool::read(r)?;
        let unicode = bool::read(r)?;
        let folder = FolderId::read(r)?;
        let new_name = Text::read_as(r, unicode)?;
        Ok(CopyFolderRequest { want_asynchronous, want_recursive, folder, new_name })
    }
    fn write(&self, w: &mut Vec<u8>) {
        self.want_asynchronous.write(w);
        self.want_recursive.write(w);
        self.new_name.is_unicode().write(w);
        self.folder.write(w);
        self.new_name.write_bare(w);
    }
}

/// The recipients of an opened message have columns that the same answer tells, and one byte for their
/// count, whatever the number of recipients ([MS-OXCROPS] 2.2.6.1.2).
impl Wire for OpenMessageResponse {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let has_named_properties = bool::read(r)?;
        let subject_prefix = Wire::read(r)?;
        let normalized_subject = Wire::read(r)?;
        let recipient_count = u16::read(r)?;
        let columns: Columns = Counted::<u16, PropertyTag>::read(r)?.items.into();
        let rows = (0..u8::read(r)?)
            .map(|_| {
                Ok(OpenRecipientRow {
                    recipient_type: RecipientType::read(r)?,
                    code_page: u16::read(r)?,
                    reserved: u16::read(r)?,
                    row: read_recipient(r, &columns)?,
                })
            })
            .collect::<Result<_, WireError>>()?;
        Ok(OpenMessageResponse {
            has_named_properties,
            subject_prefix,
            normalized_subject,
            recipient_count,
            columns,
            rows,
        })
    }
    fn write(&self, w: &mut Vec<u8>) {
        self.has_named_properties.write(w);
        self.subject_prefix.write(w);
        self.normalized_subject.write(w);
        self.recipient_count.write(w);
        Counted::<u16, PropertyTag>::from(self.columns.to_vec()).write(w);
        let count = u8::try_from(self.rows.len()).unwrap_or(u8::MAX);
        count.write(w);
        for row in self.rows.iter().take(usize::from(count)) {
            row.recipient_type.write(w);
            row.code_page.write(w);
            row.reserved.write(w);
            write_sized(w, |w| row.row.write_with(w, &self.columns));
        }
    }
}

/// A recipient row stands behind its size. Bytes that a client leaves behind the row within the size are
/// skipped.
fn read_recipient(r: &mut Reader<'_>, columns: &[PropertyTag]) -> Result<RecipientRow, WireError> {
    let size = usize::from(u16::read(r)?);
    let mut part = r.sub(size, "as many bytes of a recipient row as its size says")?;
    RecipientRow::read_with(&mut part, columns)
}

/// RopModifyRecipients ([MS-OXCROPS] 2.2.6.5.1): its rows have the columns that it tells itself, and a row
/// of size zero takes a recipient away.
impl Wire for ModifyRecipientsRequest {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let columns = Counted::<u16, PropertyTag>::read(r)?.items;
        let count = usize::from(u16::read(r)?);
        let mut rows = Vec::with_capacity(r.capacity(count, size_of::<ModifyRecipientRow>()));
        for _ in 0..count {
            let (row_id, recipient_type) = (u32::read(r)?, RecipientType::read(r)?);
            let row = match r.peek_rest() {
                [0, 0, ..] => {
                    u16::read(r)?;
                    None
                }
                _ => Some(read_recipient(r, &columns)?),
            };
            rows.push(ModifyRecipientRow { row_id, recipient_type, row });
        }
        Ok(ModifyRecipientsRequest { columns, rows })
    }
    fn write(&self, w: &mut Vec<u8>) {
        Counted::<u16, PropertyTag>::from(self.columns.clone()).write(w);
        let count = u16::try_from(self.rows.len()).unwrap_or(u16::MAX);
        count.write(w);
        for row in self.rows.iter().take(usize::from(count)) {
            row.row_id.write(w);
            row.recipient_type.write(w);
            write_sized(w, |w| {
                if let Some(recipient) = &row.row {
                    recipient.write_with(w, &self.columns);
                }
            });
        }
    }
}

/// The answer of RopReadRecipients ([MS-OXCROPS] 2.2.6.6.2) has the columns that opening the message told.
impl AnswerBody for ReadRecipientsResponse {
    fn read_body(r: &mut Reader<'_>, _: ErrorCode, columns: &Columns) -> Result<Self, WireError> {
        let rows = (0..u8::read(r)?)
            .map(|_| {
                Ok(ReadRecipientRow {
                    row_id: u32::read(r)?,
                    recipient_type: RecipientType::read(r)?,
                    code_page: u16::read(r)?,
                    reserved: u16::read(r)?,
                    row: read_recipient(r, columns)?,
                })
            })
            .collect::<Result<_, WireError>>()?;
        Ok(ReadRecipientsResponse { columns: columns.clone(), rows })
    }
    fn write_body(&self, w: &mut Vec<u8>) {
        let count = u8::try_from(self.rows.len()).unwrap_or(u8::MAX);
        count.write(w);
        for row in self.rows.iter().take(usize::from(count)) {
            row.row_id.write(w);
            row.recipient_type.write(w);
            row.code_page.write(w);
            row.reserved.write(w);
            write_sized(w, |w| row.row.write_with(w, &self.columns));
        }
    }
}

/// RopSetMessageReadFlag ([MS-OXCROPS] 2.2.6.11.1): the client's data stands in it if the logon is to
/// public folders; nothing in the request says so.
impl RequestBody for SetMessageReadFlagRequest {
    fn read_request(r: &mut Reader<'_>, logon: LogonKind) -> Result<Self, WireError> {
        let flags = ReadFlags::read(r)?;
        let client_data = match logon {
            LogonKind::Private => None,
            LogonKind::Public => Some(r.array("the client's data")?),
        };
        Ok(SetMessageReadFlagRequest { flags, client_data })
    }
    fn write_request(&self, w: &mut Vec<u8>) {
        self.flags.write(w);
        if let Some(client_data) = &self.client_data {
            client_data.write(w);
        }
    }
}

/// RopGetAddressTypes ([MS-OXCROPS] 2.2.7.3.2): the count and the size in bytes stand side by side.
impl Wire for GetAddressTypesResponse {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let count = usize::from(u16::read(r)?);
        let size = usize::from(u16::read(r)?);
        let mut part = r.sub(size, "as many bytes of address types as their size says")?;
        let address_types = read_items(&mut part, count)?;
        part.finish("no bytes behind the address types")?;
        Ok(GetAddressTypesResponse { address_types })
    }
    fn write(&self, w: &mut Vec<u8>) {
        let count = u16::try_from(self.address_types.len()).unwrap_or(u16::MAX);
        count.write(w);
        write_sized(w, |w| {
            self.address_types.iter().take(usize::from(count)).for_each(|text| text.write(w));
        });
    }
}

/// RopOptionsData ([MS-OXCROPS] 2.2.7.9.2): a help file and its name are there if the file's size is not
/// zero.
impl Wire for OptionsDataResponse {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let reserved = u8::read(r)?;
        let options_info = SizedBytes::read(r)?;
        let bytes = SizedBytes::<u16>::read(r)?.bytes;
        let help = match bytes.is_empty() {
            true => None,
            false => Some(HelpFile { bytes, name: String8::read(r)? }),
        };
        Ok(OptionsDataResponse { reserved, options_info, help })
    }
    fn write(&self, w: &mut Vec<u8>) {
        self.reserved.write(w);
        self.options_info.write(w);
        match &self.help {
            Some(help) if !help.bytes.is_empty() => {
                SizedBytes::<u16>::from(help.bytes.clone()).write(w);
                help.name.write(w);
            }
            _ => 0u16.write(w),
        }
    }
}

/// A size of this value means that a larger limit follows ([MS-OXCROPS] 2.2.9.2.1 and 2.2.12.4.1).
const LIMIT_FOLLOWS: u16 = 0xbabe;

/// RopReadStream ([MS-OXCROPS] 2.2.9.2.1): a limit of four bytes is there if the one of two bytes is
/// 0xBABE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadStreamRequest {
    /// Not 0xBABE, which no request of this form can ask for: it goes out as a `Maximum`.
    Count(u16),
    /// Beyond 0x80000000 the whole Execute fails with ecRpcFormat.
    Maximum(u32),
}

impl ReadStreamRequest {
    /// How many bytes the client asks for. An answer carries no more than 65,535, and what fits into its
    /// buffer.
    pub fn limit(self) -> u32 {
        match self {
            ReadStreamRequest::Count(count) => u32::from(count),
            ReadStreamRequest::Maximum(maximum) => maximum,
        }
    }
}

impl Wire for ReadStreamRequest {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(match u16::read(r)? {
            LIMIT_FOLLOWS => ReadStreamRequest::Maximum(u32::read(r)?),
            count => ReadStreamRequest::Count(count),
        })
    }
    fn write(&self, w: &mut Vec<u8>) {
        match self {
            ReadStreamRequest::Count(count) if *count != LIMIT_FOLLOWS => count.write(w),
            ReadStreamRequest::Count(_) | ReadStreamRequest::Maximum(_) => {
                LIMIT_FOLLOWS.write(w);
                self.limit().write(w);
            }
        }
    }
}

/// RopFastTransferSourceGetBuffer ([MS-OXCROPS] 2.2.12.4.1): with 0xBABE the server decides the size, and a
/// limit follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FastTransferSourceGetBufferRequest {
    /// Not 0xBABE, which goes out as a `Maximum`.
    Size(u16),
    Maximum(u16),
}

impl Wire for FastTransferSourceGetBufferRequest {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(match u16::read(r)? {
            LIMIT_FOLLOWS => FastTransferSourceGetBufferRequest::Maximum(u16::read(r)?),
            size => FastTransferSourceGetBufferRequest::Size(size),
        })
    }
    fn write(&self, w: &mut Vec<u8>) {
        match self {
            FastTransferSourceGetBufferRequest::Size(size) if *size != LIMIT_FOLLOWS => {
                size.write(w);
            }
            FastTransferSourceGetBufferRequest::Size(size)
            | FastTransferSourceGetBufferRequest::Maximum(size) => {
                LIMIT_FOLLOWS.write(w);
                size.write(w);
            }
        }
    }
}

/// The ReturnValue with which a FastTransfer source asks the client to come back later.
pub const SERVER_BUSY: ErrorCode = ErrorCode(0x0000_0480);

/// RopFastTransferSourceGetBuffer ([MS-OXCROPS] 2.2.12.4.2): a ReturnValue of ServerBusy puts a time in the
/// place of the data, though the data's size stays.
impl AnswerBody for FastTransferSourceGetBufferResponse {
    fn read_body(r: &mut Reader<'_>, code: ErrorCode, _: &Columns) -> Result<Self, WireError> {
        Ok(FastTransferSourceGetBufferResponse {
            status: TransferStatus::read(r)?,
            in_progress: u16::read(r)?,
            total_steps: u16::read(r)?,
            reserved: u8::read(r)?,
            content: match code {
                SERVER_BUSY => {
                    TransferContent::Backoff { size: u16::read(r)?, milliseconds: u32::read(r)? }
                }
                _ => TransferContent::Data(SizedBytes::<u16>::read(r)?.bytes),
            },
        })
    }
    fn write_body(&self, w: &mut Vec<u8>) {
        self.status.write(w);
        self.in_progress.write(w);
        self.total_steps.write(w);
        self.reserved.write(w);
        match &self.content {
            TransferContent::Data(bytes) => {
                let size = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
                size.write(w);
                w.extend_from_slice(&bytes[..usize::from(size)]);
            }
            TransferContent::Backoff { size, milliseconds } => {
                size.write(w);
                milliseconds.write(w);
            }
        }
    }
}

/// RopRegisterNotification ([MS-OXCROPS] 2.2.14.1.1): a reserved byte is there with the Extended type, and
/// ids are there if the scope is not the whole store.
#[derive(Debug, Clone, PartialEq)]
pub struct RegisterNotificationRequest {
    pub types: NotificationFlags,
    /// Written only with the Extended type.
    pub reserved: u8,
    pub scope: NotificationScope,
}

/// Where events are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotificationScope {
    WholeStore,
    /// A folder, or a message in it if its id is not zero.
    Object {
        folder: FolderId,
        message: MessageId,
    },
}

impl Wire for RegisterNotificationRequest {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let types = NotificationFlags::read(r)?;
        let reserved = match types.contains(NotificationFlags::EXTENDED) {
            true => u8::read(r)?,
            false => 0,
        };
        let scope = match bool::read(r)? {
            true => NotificationScope::WholeStore,
            false => NotificationScope::Object {
                folder: FolderId::read(r)?,
                message: MessageId::read(r)?,
            },
        };
        Ok(RegisterNotificationRequest { types, reserved, scope })
    }
    fn write(&self, w: &mut Vec<u8>) {
        self.types.write(w);
        if self.types.contains(NotificationFlags::EXTENDED) {
            self.reserved.write(w);
        }
        match self.scope {
            NotificationScope::WholeStore => true.write(w),
            NotificationScope::Object { folder, message } => {
                false.write(w);
                folder.write(w);
                message.write(w);
            }
        }
    }
}

#[cfg(any(test, feature = "sample"))]
mod samples {
    use super::*;
    use crate::sample::{Sample, Source};

    macro_rules! sample {
        ($($ty:ty = |$s:ident| $value:expr;)*) => {$(
            impl Sample for $ty {
                fn sample($s: &mut Source<'_>) -> Self {
                    $value
                }
            }
        )*};
    }

    sample! {
        LogonResponse = |s| match bool::sample(s) {
            true => {
                let mut logon = PrivateLogon::sample(s);
                logon.flags = LogonFlags(logon.flags.0 | 1);
                LogonResponse::Private(Box::new(logon))
            }
            false => {
                let mut logon = PublicLogon::sample(s);
                logon.flags = LogonFlags(logon.flags.0 & !1);
                LogonResponse::Public(Box::new(logon))
            }
        };
        WritePerUserInformationRequest = |s| WritePerUserInformationRequest {
            folder: Sample::sample(s),
            has_finished: Sample::sample(s),
            data_offset: 0,
            data: Sample::sample(s),
            replica_guid: Sample::sample(s),
        };
        CreateFolderRequest = |s| CreateFolderRequest {
            folder_type: Sample::sample(s),
            open_existing: Sample::sample(s),
            reserved: Sample::sample(s),
            texts: match bool::sample(s) {
                true => FolderTexts::Unicode {
                    display_name: Sample::sample(s),
                    comment: Sample::sample(s),
                },
                false => FolderTexts::Bytes {
                    display_name: Sample::sample(s),
                    comment: Sample::sample(s),
                },
            },
        };
        MoveFolderRequest = |s| MoveFolderRequest {
            want_asynchronous: Sample::sample(s),
            folder: Sample::sample(s),
            new_name: Sample::sample(s),
        };
        CopyFolderRequest = |s| CopyFolderRequest {
            want_asynchronous: Sample::sample(s),
            want_recursive: Sample::sample(s),
            folder: Sample::sample(s),
            new_name: Sample::sample(s),
        };
        ReadStreamRequest = |s| match bool::sample(s) {
            true => ReadStreamRequest::Count(u16::sample(s) & 0x7fff),
            false => ReadStreamRequest::Maximum(Sample::sample(s)),
        };
        FastTransferSourceGetBufferRequest = |s| match bool::sample(s) {
            true => FastTransferSourceGetBufferRequest::Size(u16::sample(s) & 0x7fff),
            false => FastTransferSourceGetBufferRequest::Maximum(Sample::sample(s)),
        };
        RegisterNotificationRequest = |s| {
            let types = NotificationFlags::sample(s);
            RegisterNotificationRequest {
                types,
                reserved: match types.contains(NotificationFlags::EXTENDED) {
                    true => Sample::sample(s),
                    false => 0,
                },
                scope: match bool::sample(s) {
                    true => NotificationScope::WholeStore,
                    false => NotificationScope::Object {
                        folder: Sample::sample(s),
                        message: Sample::sample(s),
                    },
                },
            }
        };
    }
}
