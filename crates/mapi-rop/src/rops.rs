//! The one table of ROPs ([MS-OXCROPS] 2.2.2): a line for each, from which the requests, the answers and
//! their parsers and writers come.

use std::fmt;

use mapi::ErrorCode;
use mapi::wire::{Reader, WireError};

use crate::control::{BackoffResponse, BufferTooSmallResponse};
use crate::parts::{AnswerBody, Columns, Empty, LogonKind, RequestBody, ServerList};
use crate::response::Failure;
use crate::{
    fast_transfer::*, folder::*, ics::*, irregular::*, logon::*, message::*, notification::*,
    permission::*, property::*, rule::*, stream::*, table::*, transport::*,
};

/// Which handle indexes stand behind the LogonId of a request, and which of them comes back behind the
/// RopId of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandleShape {
    /// InputHandleIndex; it comes back.
    Input,
    /// InputHandleIndex, OutputHandleIndex; the latter comes back.
    InputOutput,
    /// OutputHandleIndex; it comes back.
    Output,
    /// SourceHandleIndex, DestHandleIndex; the former comes back.
    SourceDestination,
    /// ResponseHandleIndex, InputHandleIndex; the former comes back.
    ResponseInput,
    /// None: only answers have it.
    None,
}

/// What stands behind the ReturnValue of a failed ROP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureLayout {
    /// Nothing.
    Plain,
    /// The same as in a success: the specification has one response buffer for both.
    Body,
    /// The answer's body, and before it DestHandleIndex if there is no destination object (0x503).
    DestinationAndBody,
    /// Nothing, but DestHandleIndex if there is no destination object (0x503).
    Destination,
    /// Nothing, but another server if the mailbox is elsewhere (0x478).
    Redirect,
    /// Nothing; but the warning ErrorsReturned (0x40380) is a success.
    Warning,
}

macro_rules! empty_body {
    (Body $answer:ty) => {
        Some(<$answer>::default())
    };
    (DestinationAndBody $answer:ty) => {
        Some(<$answer>::default())
    };
    ($other:ident $answer:ty) => {
        None::<$answer>
    };
}

macro_rules! rops {
    (
        answered { $($id:literal $name:ident [$shape:ident] $request:ty => $answer:ty, $failure:ident;)* }
        unanswered { $($quiet_id:literal $quiet:ident [$quiet_shape:ident] $quiet_request:ty;)* }
        told { $($told_id:literal $told:ident $told_answer:ty;)* }
    ) => {
        /// The RopIds that are defined.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum RopId {
            $($quiet = $quiet_id,)*
            $($name = $id,)*
            $($told = $told_id,)*
        }

        impl RopId {
            pub const ALL: &[RopId] =
                &[$(RopId::$quiet,)* $(RopId::$name,)* $(RopId::$told,)*];

            /// None for reserved ids, which fail the Execute (MS-OXCROPS R18, R180001).
            pub fn from_u8(id: u8) -> Option<RopId> {
                match id {
                    $($quiet_id => Some(RopId::$quiet),)*
                    $($id => Some(RopId::$name),)*
                    $($told_id => Some(RopId::$told),)*
                    _ => None,
                }
            }

            /// As in the specification: `RopOpenFolder`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(RopId::$quiet => concat!("Rop", stringify!($quiet)),)*
                    $(RopId::$name => concat!("Rop", stringify!($name)),)*
                    $(RopId::$told => concat!("Rop", stringify!($told)),)*
                }
            }

            pub const fn handle_shape(self) -> HandleShape {
                match self {
                    $(RopId::$quiet => HandleShape::$quiet_shape,)*
                    $(RopId::$name => HandleShape::$shape,)*
                    $(RopId::$told => HandleShape::None,)*
                }
            }

            pub const fn failure_layout(self) -> FailureLayout {
                match self {
                    $(RopId::$quiet => FailureLayout::Plain,)*
                    $(RopId::$name => FailureLayout::$failure,)*
                    $(RopId::$told => FailureLayout::Plain,)*
                }
            }

            /// Whether a request of this ROP gets an answer.
            pub const fn is_answered(self) -> bool {
                match self {
                    $(RopId::$name => true,)*
                    $(RopId::$quiet => false,)*
                    $(RopId::$told => false,)*
                }
            }
        }

        /// What a request asks for, without its handle indexes.
        #[derive(Debug, Clone, PartialEq)]
        pub enum RopRequest {
            $($quiet($quiet_request),)*
            $($name($request),)*
        }

        impl RopRequest {
            pub fn id(&self) -> RopId {
                match self {
                    $(RopRequest::$quiet(_) => RopId::$quiet,)*
                    $(RopRequest::$name(_) => RopId::$name,)*
                }
            }

            /// Reads what stands behind the handle indexes. None if no client may send this ROP.
            pub(crate) fn read_body(
                id: RopId,
                r: &mut Reader<'_>,
                logon: LogonKind,
            ) -> Option<Result<Self, WireError>> {
                match id {
                    $(RopId::$quiet => Some(
                        <$quiet_request>::read_request(r, logon).map(RopRequest::$quiet),
                    ),)*
                    $(RopId::$name => Some(
                        <$request>::read_request(r, logon).map(RopRequest::$name),
                    ),)*
                    $(RopId::$told => None,)*
                }
            }

            pub(crate) fn write_body(&self, w: &mut Vec<u8>) {
                match self {
                    $(RopRequest::$quiet(request) => request.write_request(w),)*
                    $(RopRequest::$name(request) => request.write_request(w),)*
                }
            }

            pub(crate) fn body(&self) -> &dyn fmt::Debug {
                match self {
                    $(RopRequest::$quiet(request) => request,)*
                    $(RopRequest::$name(request) => request,)*
                }
            }
        }

        /// What a response answers, without its handle index.
        #[derive(Debug, Clone, PartialEq)]
        pub enum RopResponse {
            $($name($answer),)*
            $($told($told_answer),)*
            Failed(Failure),
        }

        impl RopResponse {
            pub fn id(&self) -> RopId {
                match self {
                    $(RopResponse::$name(_) => RopId::$name,)*
                    $(RopResponse::$told(_) => RopId::$told,)*
                    RopResponse::Failed(failure) => failure.rop,
                }
            }

            pub(crate) fn return_value(&self) -> ErrorCode {
                match self {
                    $(RopResponse::$name(answer) => answer.return_value(),)*
                    $(RopResponse::$told(_) => ErrorCode(0),)*
                    RopResponse::Failed(failure) => failure.code,
                }
            }

            /// Reads what stands behind the ReturnValue, or behind the RopId if the ROP is one that the
            /// server tells by itself. None if the ROP has no answer.
            pub(crate) fn read_body(
                id: RopId,
                r: &mut Reader<'_>,
                code: ErrorCode,
                columns: &Columns,
            ) -> Option<Result<Self, WireError>> {
                match id {
                    $(RopId::$quiet => None,)*
                    $(RopId::$name => Some(
                        <$answer>::read_body(r, code, columns).map(RopResponse::$name),
                    ),)*
                    $(RopId::$told => Some(
                        <$told_answer>::read_body(r, code, columns).map(RopResponse::$told),
                    ),)*
                }
            }

            /// What a failure carries where its layout has a body and there is nothing to say.
            pub(crate) fn empty_body(id: RopId) -> Option<Self> {
                match id {
                    $(RopId::$name => empty_body!($failure $answer).map(RopResponse::$name),)*
                    $(RopId::$quiet => None,)*
                    $(RopId::$told => None,)*
                }
            }

            /// Writes what stands behind the ReturnValue. Failures are written by [`Failure`].
            pub(crate) fn write_body(&self, w: &mut Vec<u8>) {
                match self {
                    $(RopResponse::$name(answer) => answer.write_body(w),)*
                    $(RopResponse::$told(answer) => answer.write_body(w),)*
                    RopResponse::Failed(failure) => failure.write_detail(w),
                }
            }

            pub(crate) fn body(&self) -> &dyn fmt::Debug {
                match self {
                    $(RopResponse::$name(answer) => answer,)*
                    $(RopResponse::$told(answer) => answer,)*
                    RopResponse::Failed(failure) => failure,
                }
            }
        }

        #[cfg(any(test, feature = "sample"))]
        impl RopRequest {
            /// Any request of this ROP; none if clients do not send it.
            pub fn sample_of(
                id: RopId,
                source: &mut crate::sample::Source<'_>,
            ) -> Option<RopRequest> {
                use crate::sample::Sample;
                match id {
                    $(RopId::$quiet => Some(RopRequest::$quiet(Sample::sample(source))),)*
                    $(RopId::$name => Some(RopRequest::$name(Sample::sample(source))),)*
                    $(RopId::$told => None,)*
                }
            }
        }

        #[cfg(any(test, feature = "sample"))]
        impl RopResponse {
            /// Any success of this ROP; none if it has no answer.
            pub fn sample_of(
                id: RopId,
                source: &mut crate::sample::Source<'_>,
            ) -> Option<RopResponse> {
                use crate::sample::Sample;
                match id {
                    $(RopId::$quiet => None,)*
                    $(RopId::$name => Some(RopResponse::$name(Sample::sample(source))),)*
                    $(RopId::$told => Some(RopResponse::$told(Sample::sample(source))),)*
                }
            }
        }
    };
}

rops! {
    answered {
        // [MS-OXCROPS] 2.2.3: logon
        0xfe Logon [Output] LogonRequest => LogonResponse, Redirect;
        0x27 GetReceiveFolder [Input] GetReceiveFolderRequest => GetReceiveFolderResponse, Plain;
        0x26 SetReceiveFolder [Input] SetReceiveFolderRequest => Empty, Plain;
        0x68 GetReceiveFolderTable [Input] Empty => GetReceiveFolderTableResponse, Plain;
        0x7b GetStoreState [Input] Empty => GetStoreStateResponse, Plain;
        0x42 GetOwningServers [Input] GetOwningServersRequest => ServerList, Plain;
        0x45 PublicFolderIsGhosted [Input] PublicFolderIsGhostedRequest => PublicFolderIsGhostedResponse, Plain;
        0x43 LongTermIdFromId [Input] LongTermIdFromIdRequest => LongTermIdFromIdResponse, Plain;
        0x44 IdFromLongTermId [Input] IdFromLongTermIdRequest => IdFromLongTermIdResponse, Plain;
        0x60 GetPerUserLongTermIds [Input] GetPerUserLongTermIdsRequest => GetPerUserLongTermIdsResponse, Plain;
        0x61 GetPerUserGuid [Input] GetPerUserGuidRequest => GetPerUserGuidResponse, Plain;
        0x63 ReadPerUserInformation [Input] ReadPerUserInformationRequest => ReadPerUserInformationResponse, Plain;
        0x64 WritePerUserInformation [Input] WritePerUserInformationRequest => Empty, Plain;

        // [MS-OXCROPS] 2.2.4: folders
        0x02 OpenFolder [InputOutput] OpenFolderRequest => OpenFolderResponse, Plain;
        0x1c CreateFolder [InputOutput] CreateFolderRequest => CreateFolderResponse, Plain;
        0x1d DeleteFolder [Input] DeleteFolderRequest => PartialCompletionResponse, Body;
        0x30 SetSearchCriteria [Input] SetSearchCriteriaRequest => Empty, Plain;
        0x31 GetSearchCriteria [Input] GetSearchCriteriaRequest => GetSearchCriteriaResponse, Plain;
        0x33 MoveCopyMessages [SourceDestination] MoveCopyMessagesRequest => PartialCompletionResponse, DestinationAndBody;
        0x35 MoveFolder [SourceDestination] MoveFolderRequest => PartialCompletionResponse, DestinationAndBody;
        0x36 CopyFolder [SourceDestination] CopyFolderRequest => PartialCompletionResponse, DestinationAndBody;
        0x58 EmptyFolder [Input] EmptyFolderRequest => PartialCompletionResponse, Body;
        0x92 HardDeleteMessagesAndSubfolders [Input] EmptyFolderRequest => PartialCompletionResponse, Body;
        0x1e DeleteMessages [Input] DeleteMessagesRequest => PartialCompletionResponse, Body;
        0x91 HardDeleteMessages [Input] DeleteMessagesRequest => PartialCompletionResponse, Body;
        0x04 GetHierarchyTable [InputOutput] GetTableRequest => GetTableResponse, Plain;
        0x05 GetContentsTable [InputOutput] GetTableRequest => GetTableResponse, Plain;

        // [MS-OXCROPS] 2.2.5: tables
        0x12 SetColumns [Input] SetColumnsRequest => TableStatusResponse, Plain;
        0x13 SortTable [Input] SortTableRequest => TableStatusResponse, Plain;
        0x14 Restrict [Input] RestrictRequest => TableStatusResponse, Plain;
        0x15 QueryRows [Input] QueryRowsRequest => QueryRowsResponse, Plain;
        0x38 Abort [Input] Empty => TableStatusResponse, Plain;
        0x16 GetStatus [Input] Empty => TableStatusResponse, Plain;
        0x17 QueryPosition [Input] Empty => QueryPositionResponse, Plain;
        0x18 SeekRow [Input] SeekRowRequest => SeekRowResponse, Plain;
        0x19 SeekRowBookmark [Input] SeekRowBookmarkRequest => SeekRowBookmarkResponse, Plain;
        0x1a SeekRowFractional [Input] SeekRowFractionalRequest => Empty, Plain;
        0x1b CreateBookmark [Input] Empty => BookmarkBody, Plain;
        0x37 QueryColumnsAll [Input] Empty => TagsResponse, Plain;
        0x4f FindRow [Input] FindRowRequest => FindRowResponse, Plain;
        0x89 FreeBookmark [Input] BookmarkBody => Empty, Plain;
        0x81 ResetTable [Input] Empty => Empty, Plain;
        0x59 ExpandRow [Input] ExpandRowRequest => ExpandRowResponse, Plain;
        0x5a CollapseRow [Input] CollapseRowRequest => CollapseRowResponse, Plain;
        0x6b GetCollapseState [Input] GetCollapseStateRequest => CollapseStateBody, Plain;
        0x6c SetCollapseState [Input] CollapseStateBody => BookmarkBody, Plain;

        // [MS-OXCROPS] 2.2.6: messages and attachments
        0x03 OpenMessage [InputOutput] OpenMessageRequest => OpenMessageResponse, Plain;
        0x06 CreateMessage [InputOutput] CreateMessageRequest => CreateMessageResponse, Plain;
        0x0c SaveChangesMessage [ResponseInput] SaveChangesRequest => SaveChangesMessageResponse, Plain;
        0x0d RemoveAllRecipients [Input] RemoveAllRecipientsRequest => Empty, Plain;
        0x0e ModifyRecipients [Input] ModifyRecipientsRequest => Empty, Plain;
        0x0f ReadRecipients [Input] ReadRecipientsRequest => ReadRecipientsResponse, Plain;
        0x10 ReloadCachedInformation [Input] ReloadCachedInformationRequest => OpenMessageResponse, Plain;
        0x20 SetMessageStatus [Input] SetMessageStatusRequest => MessageStatusResponse, Plain;
        // Its answer bears the RopId of RopSetMessageStatus: see `RopId::answer_id`.
        0x1f GetMessageStatus [Input] GetMessageStatusRequest => MessageStatusResponse, Plain;
        0x66 SetReadFlags [Input] SetReadFlagsRequest => PartialCompletionResponse, Body;
        0x11 SetMessageReadFlag [ResponseInput] SetMessageReadFlagRequest => SetMessageReadFlagResponse, Plain;
        0x22 OpenAttachment [InputOutput] OpenAttachmentRequest => Empty, Plain;
        0x23 CreateAttachment [InputOutput] Empty => AttachmentIdBody, Plain;
        0x24 DeleteAttachment [Input] AttachmentIdBody => Empty, Plain;
        0x25 SaveChangesAttachment [ResponseInput] SaveChangesRequest => Empty, Plain;
        0x46 OpenEmbeddedMessage [InputOutput] OpenEmbeddedMessageRequest => OpenEmbeddedMessageResponse, Plain;
        0x21 GetAttachmentTable [InputOutput] GetAttachmentTableRequest => Empty, Plain;
        0x52 GetValidAttachments [Input] Empty => GetValidAttachmentsResponse, Plain;

        // [MS-OXCROPS] 2.2.7: transport
        0x32 SubmitMessage [Input] SubmitMessageRequest => Empty, Plain;
        0x34 AbortSubmit [Input] AbortSubmitRequest => Empty, Plain;
        0x49 GetAddressTypes [Input] Empty => GetAddressTypesResponse, Plain;
        0x47 SetSpooler [Input] Empty => Empty, Plain;
        0x48 SpoolerLockMessage [Input] SpoolerLockMessageRequest => Empty, Plain;
        0x4a TransportSend [Input] Empty => TransportSendResponse, Plain;
        0x51 TransportNewMail [Input] TransportNewMailRequest => Empty, Plain;
        0x6d GetTransportFolder [Input] Empty => GetTransportFolderResponse, Plain;
        0x6f OptionsData [Input] OptionsDataRequest => OptionsDataResponse, Plain;

        // [MS-OXCROPS] 2.2.8: properties
        0x56 GetPropertyIdsFromNames [Input] GetPropertyIdsFromNamesRequest => GetPropertyIdsFromNamesResponse, Warning;
        0x55 GetNamesFromPropertyIds [Input] GetNamesFromPropertyIdsRequest => GetNamesFromPropertyIdsResponse, Plain;
        0x07 GetPropertiesSpecific [Input] GetPropertiesSpecificRequest => GetPropertiesSpecificResponse, Plain;
        0x08 GetPropertiesAll [Input] GetPropertiesAllRequest => GetPropertiesAllResponse, Plain;
        0x09 GetPropertiesList [Input] Empty => TagsResponse, Plain;
        0x0a SetProperties [Input] SetPropertiesRequest => PropertyProblemsResponse, Plain;
        0x79 SetPropertiesNoReplicate [Input] SetPropertiesRequest => PropertyProblemsResponse, Plain;
        0x0b DeleteProperties [Input] DeletePropertiesRequest => PropertyProblemsResponse, Plain;
        0x7a DeletePropertiesNoReplicate [Input] DeletePropertiesRequest => PropertyProblemsResponse, Plain;
        0x5f QueryNamedProperties [Input] QueryNamedPropertiesRequest => QueryNamedPropertiesResponse, Warning;
        0x67 CopyProperties [SourceDestination] CopyPropertiesRequest => PropertyProblemsResponse, Destination;
        0x39 CopyTo [SourceDestination] CopyToRequest => PropertyProblemsResponse, Destination;
        0x50 Progress [Input] ProgressRequest => ProgressResponse, Plain;

        // [MS-OXCROPS] 2.2.9: streams
        0x2b OpenStream [InputOutput] OpenStreamRequest => StreamSizeResponse, Plain;
        0x2c ReadStream [Input] ReadStreamRequest => ReadStreamResponse, Body;
        0x2d WriteStream [Input] WriteStreamRequest => WriteStreamResponse, Body;
        0xa3 WriteStreamExtended [Input] WriteStreamRequest => WriteStreamExtendedResponse, Body;
        0x5d CommitStream [Input] Empty => Empty, Plain;
        0x5e GetStreamSize [Input] Empty => StreamSizeResponse, Plain;
        0x2f SetStreamSize [Input] SetStreamSizeRequest => Empty, Plain;
        0x2e SeekStream [Input] SeekStreamRequest => SeekStreamResponse, Plain;
        0x3a CopyToStream [SourceDestination] CopyToStreamRequest => CopyToStreamResponse, DestinationAndBody;
        0x5b LockRegionStream [Input] RegionRequest => Empty, Plain;
        0x5c UnlockRegionStream [Input] RegionRequest => Empty, Plain;
        0x90 WriteAndCommitStream [Input] WriteStreamRequest => WriteStreamResponse, Body;
        0x3b CloneStream [InputOutput] Empty => Empty, Plain;

        // [MS-OXCROPS] 2.2.10 and 2.2.11: permissions and rules
        0x40 ModifyPermissions [Input] ModifyPermissionsRequest => Empty, Plain;
        0x3e GetPermissionsTable [InputOutput] GetPermissionsTableRequest => Empty, Plain;
        0x41 ModifyRules [Input] ModifyRulesRequest => Empty, Plain;
        0x3f GetRulesTable [InputOutput] GetRulesTableRequest => Empty, Plain;
        0x57 UpdateDeferredActionMessages [Input] UpdateDeferredActionMessagesRequest => Empty, Plain;

        // [MS-OXCROPS] 2.2.12: FastTransfer
        0x53 FastTransferDestinationConfigure [InputOutput] FastTransferDestinationConfigureRequest => Empty, Plain;
        0x54 FastTransferDestinationPutBuffer [Input] FastTransferDestinationPutBufferRequest => FastTransferDestinationPutBufferResponse, Body;
        0x9d FastTransferDestinationPutBufferExtended [Input] FastTransferDestinationPutBufferRequest => FastTransferDestinationPutBufferExtendedResponse, Body;
        0x4e FastTransferSourceGetBuffer [Input] FastTransferSourceGetBufferRequest => FastTransferSourceGetBufferResponse, Body;
        0x4c FastTransferSourceCopyFolder [InputOutput] FastTransferSourceCopyFolderRequest => Empty, Plain;
        0x4b FastTransferSourceCopyMessages [InputOutput] FastTransferSourceCopyMessagesRequest => Empty, Plain;
        0x4d FastTransferSourceCopyTo [InputOutput] FastTransferSourceCopyToRequest => Empty, Plain;
        0x69 FastTransferSourceCopyProperties [InputOutput] FastTransferSourceCopyPropertiesRequest => Empty, Plain;
        0x86 TellVersion [Input] TellVersionRequest => Empty, Plain;

        // [MS-OXCROPS] 2.2.13: incremental change synchronization
        0x70 SynchronizationConfigure [InputOutput] SynchronizationConfigureRequest => Empty, Plain;
        0x72 SynchronizationImportMessageChange [InputOutput] SynchronizationImportMessageChangeRequest => ImportedMessageResponse, Plain;
        0x80 SynchronizationImportReadStateChanges [Input] SynchronizationImportReadStateChangesRequest => Empty, Plain;
        0x73 SynchronizationImportHierarchyChange [Input] SynchronizationImportHierarchyChangeRequest => ImportedFolderResponse, Plain;
        0x74 SynchronizationImportDeletes [Input] SynchronizationImportDeletesRequest => Empty, Plain;
        0x78 SynchronizationImportMessageMove [Input] SynchronizationImportMessageMoveRequest => ImportedMessageResponse, Plain;
        0x7e SynchronizationOpenCollector [InputOutput] SynchronizationOpenCollectorRequest => Empty, Plain;
        0x82 SynchronizationGetTransferState [InputOutput] Empty => Empty, Plain;
        0x75 SynchronizationUploadStateStreamBegin [Input] SynchronizationUploadStateStreamBeginRequest => Empty, Plain;
        0x76 SynchronizationUploadStateStreamContinue [Input] SynchronizationUploadStateStreamContinueRequest => Empty, Plain;
        0x77 SynchronizationUploadStateStreamEnd [Input] Empty => Empty, Plain;
        0x93 SetLocalReplicaMidsetDeleted [Input] SetLocalReplicaMidsetDeletedRequest => Empty, Plain;
        0x7f GetLocalReplicaIds [Input] GetLocalReplicaIdsRequest => GetLocalReplicaIdsResponse, Plain;

        // [MS-OXCROPS] 2.2.14: notifications
        0x29 RegisterNotification [InputOutput] RegisterNotificationRequest => Empty, Plain;
    }
    unanswered {
        // [MS-OXCROPS] 2.2.15.3
        0x01 Release [Input] Empty;
    }
    told {
        // [MS-OXCROPS] 2.2.14 and 2.2.15: what the server tells without being asked
        0x2a Notify NotifyResponse;
        0x6e Pending PendingResponse;
        0xf9 Backoff BackoffResponse;
        0xff BufferTooSmall BufferTooSmallResponse;
    }
}

impl RopId {
    pub const fn to_u8(self) -> u8 {
        self as u8
    }

    /// The RopId that the answer bears: that of RopGetMessageStatus bears the one of RopSetMessageStatus
    /// (MS-OXCROPS R20004).
    pub const fn answer_id(self) -> RopId {
        match self {
            RopId::GetMessageStatus => RopId::SetMessageStatus,
            other => other,
        }
    }
}
