//! From a typed request to its handler: the only match over ROPs.

use mapi::ErrorCode;
use mapi_rop::buffer::RequestBuffer;
use mapi_rop::irregular::ReadStreamRequest;
use mapi_rop::logon::LogonRedirect;
use mapi_rop::message::SaveChangesMessageResponse;
use mapi_rop::stream::{WriteStreamExtendedResponse, WriteStreamResponse};
use mapi_rop::table::{Bookmark, QueryRowsFlags};
use mapi_rop::{Empty, HandleIndex, Request, Response, RopId, RopRequest as Rq, RopResponse as Rs};

use crate::call::{Call, Opened};
use crate::error::{Failure, Result};
use crate::handles::{Handle, NodeId, Tree};
use crate::notify;
use crate::object::Object;
use crate::operation::Answer;
use crate::processor::Processor;
use crate::rop::progress::Begin;
use crate::rop::{
    attachment, copy_move, copy_properties, folder, ids, logon, message, named, notification,
    per_user, permission, progress, property, public, receive_folder, recipient, region, rule,
    search, stream, table, transport,
};
use crate::session::SessionContext;

/// The ROPs of [MS-OXCFXICS], as a pattern: they are not there yet.
macro_rules! fast_transfer_and_ics {
    () => {
        Rq::FastTransferDestinationConfigure(_)
            | Rq::FastTransferDestinationPutBuffer(_)
            | Rq::FastTransferDestinationPutBufferExtended(_)
            | Rq::FastTransferSourceGetBuffer(_)
            | Rq::FastTransferSourceCopyFolder(_)
            | Rq::FastTransferSourceCopyMessages(_)
            | Rq::FastTransferSourceCopyTo(_)
            | Rq::FastTransferSourceCopyProperties(_)
            | Rq::TellVersion(_)
            | Rq::SynchronizationConfigure(_)
            | Rq::SynchronizationImportMessageChange(_)
            | Rq::SynchronizationImportReadStateChanges(_)
            | Rq::SynchronizationImportHierarchyChange(_)
            | Rq::SynchronizationImportDeletes(_)
            | Rq::SynchronizationImportMessageMove(_)
            | Rq::SynchronizationOpenCollector(_)
            | Rq::SynchronizationGetTransferState(_)
            | Rq::SynchronizationUploadStateStreamBegin(_)
            | Rq::SynchronizationUploadStateStreamContinue(_)
            | Rq::SynchronizationUploadStateStreamEnd(_)
            | Rq::SetLocalReplicaMidsetDeleted(_)
            | Rq::GetLocalReplicaIds(_)
    };
}

pub(crate) mod gate;

/// What a ROP came to.
pub struct Done {
    /// None for RopRelease, which has no answer.
    pub response: Option<Response>,
    /// The handle of an object that was opened.
    pub opened: Option<Handle>,
}

/// Executes one ROP and puts the handle of what it opened into the buffer's table.
pub fn dispatch(call: &mut Call<'_>, buffer: &mut RequestBuffer, request: &Request) -> Done {
    if request.id() != RopId::Progress {
        progress::end(call);
    }
    if let Rq::Release(_) = request.body {
        let refused = call.processor.refused == Some(RopId::Release);
        if !refused && let Ok(node) = resolve(call, buffer, request.input) {
            logon::release(call, node);
        }
        return Done { response: None, opened: None };
    }
    let mut opened = None;
    let input = resolve(call, buffer, request.input);
    let node = input.as_ref().ok().copied();
    let begun = node.and_then(|node| notify::before(call, node, request.id()));
    let (done, own) = store::notify::own_changes(|| {
        if spends(request.id()) {
            call.session.account.write(call.processor.store.now())?;
        }
        run(call, buffer, request, input, &mut opened)
    });
    notify::done_by_client(call.tree, own);
    let response = match done {
        Ok(body) => Response::to(request, body),
        Err(Failure(code)) => Response::failed(request, code),
    };
    if let (Some(handle), Some(output)) = (opened, request.output()) {
        buffer.set_handle(output, handle);
    }
    if let Some(node) = node {
        let failed = !response.code().is_success();
        notify::after(call, node, (request.id(), failed), begun);
    }
    if edits_object(request.id()) {
        for index in [request.input, request.other] {
            let node = buffer.handle(index).and_then(|handle| call.tree.resolve_any(handle).ok());
            if let Some(node) = node {
                call.recount(node);
            }
        }
    }
    Done { response: Some(response), opened }
}

/// Whether a ROP neither asks the engine nor waits, as things stand.
pub(crate) fn is_light(
    processor: &Processor,
    session: &SessionContext,
    tree: &Tree<Object>,
    buffer: &RequestBuffer,
    request: &Request,
) -> bool {
    let logon_id = request.logon.0;
    match &request.body {
        Rq::Logon(body) => {
            tree.logon(logon_id).is_none() && logon::is_light(processor, session, body)
        }
        Rq::Release(_) => {
            let handle = buffer.handle(request.input);
            match handle.and_then(|handle| tree.resolve(handle, logon_id).ok()) {
                Some(node) => logon::releases_lightly(tree, node),
                None => true,
            }
        }
        _ => false,
    }
}

/// Whether a ROP changes how much memory a message or an attachment takes, or opens one.
fn edits_object(id: RopId) -> bool {
    matches!(
        id,
        RopId::OpenMessage
            | RopId::OpenAttachment
            | RopId::OpenEmbeddedMessage
            | RopId::CreateMessage
            | RopId::CreateAttachment
            | RopId::DeleteAttachment
            | RopId::SetProperties
            | RopId::SetPropertiesNoReplicate
            | RopId::DeleteProperties
            | RopId::DeletePropertiesNoReplicate
            | RopId::CopyProperties
            | RopId::CopyTo
            | RopId::ModifyRecipients
            | RopId::RemoveAllRecipients
            | RopId::ReloadCachedInformation
            | RopId::CommitStream
            | RopId::WriteAndCommitStream
            | RopId::SaveChangesMessage
            | RopId::SaveChangesAttachment
    )
}

/// Whether a ROP writes to a mailbox if it succeeds. What only an object in memory takes until its save is no
/// write.
pub fn changes_mailbox(id: RopId) -> bool {
    matches!(
        id,
        RopId::SaveChangesMessage
            | RopId::CreateFolder
            | RopId::SetSearchCriteria
            | RopId::DeleteFolder
            | RopId::EmptyFolder
            | RopId::HardDeleteMessagesAndSubfolders
            | RopId::DeleteMessages
            | RopId::HardDeleteMessages
            | RopId::MoveCopyMessages
            | RopId::MoveFolder
            | RopId::CopyFolder
            | RopId::SetReceiveFolder
            | RopId::ModifyPermissions
            | RopId::ModifyRules
            | RopId::UpdateDeferredActionMessages
            | RopId::SetMessageStatus
            | RopId::SetReadFlags
            | RopId::SetMessageReadFlag
            | RopId::SubmitMessage
            | RopId::AbortSubmit
            | RopId::SpoolerLockMessage
            | RopId::TransportSend
            | RopId::TransportNewMail
            | RopId::Progress
    )
}

/// Whether a ROP is one of the writes that a user has within an hour. What goes on with RopProgress was begun by one.
fn spends(id: RopId) -> bool {
    changes_mailbox(id) && id != RopId::Progress
}

/// The node behind an index of the handle table ([MS-OXCROPS] 3.2.5.1 R4712, R4553).
fn resolve(call: &Call<'_>, buffer: &RequestBuffer, index: HandleIndex) -> Result<NodeId> {
    let handle = buffer.handle(index).ok_or(ErrorCode::NULL_OBJECT)?;
    Ok(call.tree.resolve(handle, call.logon_id)?)
}

fn run(
    call: &mut Call<'_>,
    buffer: &RequestBuffer,
    request: &Request,
    // Looked at by those ROPs only that exist: the others answer that they do not, whatever their handle.
    input: Result<NodeId>,
    opened: &mut Option<Handle>,
) -> Result<Rs> {
    if call.processor.refused == Some(request.id()) {
        return Err(ErrorCode::NOT_IMPLEMENTED.into());
    }
    if let Rq::Logon(body) = &request.body {
        return Ok(match logon::logon(call, body) {
            Ok(Opened { handle, response }) => {
                *opened = Some(handle);
                Rs::Logon(response)
            }
            Err(logon::Refusal::Code(code)) => return Err(code.into()),
            Err(logon::Refusal::Redirect { flags, server }) => {
                let mut failure = mapi_rop::Failure::new(RopId::Logon, ErrorCode::WRONG_SERVER);
                let server_name = [server.as_bytes(), &[0]].concat().into();
                failure.detail.redirect = Some(LogonRedirect { flags, server_name });
                Rs::Failed(failure)
            }
        });
    }
    let target = |call: &Call<'_>| resolve(call, buffer, request.other).ok();
    if !call.is_full() {
        let target = target(call);
        gate::check(call, input.as_ref().ok().copied(), target, &request.body)?;
    }
    // A copy may go to an object of another logon.
    let any_target = |call: &Call<'_>| {
        buffer.handle(request.other).and_then(|handle| call.tree.resolve_any(handle).ok())
    };
    let mut keep = |handle| *opened = Some(handle);
    let from = input.as_ref().ok().copied();
    let begin_as = |call: &mut Call<'_>, asynchronous, work, answer| {
        let input = from.ok_or(ErrorCode::NULL_OBJECT)?;
        let target = target(call);
        progress::begin(call, Begin { request, input, target, asynchronous }, work, answer)
    };
    let begin = |call: &mut Call<'_>, asynchronous, work, answer| {
        begin_as(call, asynchronous, work, Answer::Partial(answer))
    };
    Ok(match &request.body {
        // RopLogon and RopRelease were dealt with above.
        Rq::Logon(_) | Rq::Release(_) => return Err(ErrorCode::ERROR.into()),

        // [MS-OXCSTOR]
        // As Exchange 2016 answers it (MS-OXCSTOR R882, R3125).
        Rq::GetStoreState(_) => return Err(ErrorCode::NOT_IMPLEMENTED.into()),
        Rq::GetOwningServers(body) => {
            Rs::GetOwningServers(public::get_owning_servers(call, input?, body)?)
        }
        Rq::PublicFolderIsGhosted(body) => {
            Rs::PublicFolderIsGhosted(public::public_folder_is_ghosted(call, input?, body)?)
        }
        Rq::GetPerUserLongTermIds(body) => {
            Rs::GetPerUserLongTermIds(per_user::get_per_user_long_term_ids(call, input?, body)?)
        }
        Rq::GetPerUserGuid(body) => {
            Rs::GetPerUserGuid(per_user::get_per_user_guid(call, input?, body)?)
        }
        Rq::ReadPerUserInformation(body) => {
            Rs::ReadPerUserInformation(per_user::read_per_user_information(call, input?, body)?)
        }
        Rq::WritePerUserInformation(body) => {
            per_user::write_per_user_information(call, input?, body)?;
            Rs::WritePerUserInformation(Empty)
        }
        Rq::GetReceiveFolder(body) => {
            Rs::GetReceiveFolder(receive_folder::get_receive_folder(call, input?, body)?)
        }
        Rq::SetReceiveFolder(body) => {
            receive_folder::set_receive_folder(call, input?, body)?;
            Rs::SetReceiveFolder(Empty)
        }
        Rq::GetReceiveFolderTable(Empty) => {
            Rs::GetReceiveFolderTable(receive_folder::get_receive_folder_table(call, input?)?)
        }
        Rq::LongTermIdFromId(body) => {
            Rs::LongTermIdFromId(ids::long_term_id_from_id(call, input?, body)?)
        }
        Rq::IdFromLongTermId(body) => {
            Rs::IdFromLongTermId(ids::id_from_long_term_id(call, input?, body)?)
        }

        // [MS-OXCFOLD]
        Rq::OpenFolder(body) => {
            Rs::OpenFolder(folder::open_folder(call, input?, body)?.keep(&mut keep))
        }
        Rq::CreateFolder(body) => {
            Rs::CreateFolder(folder::create_folder(call, input?, body)?.keep(&mut keep))
        }
        Rq::DeleteFolder(body) => Rs::DeleteFolder(folder::delete_folder(call, input?, body)?),
        Rq::EmptyFolder(body) => {
            let work = folder::empty_folder(call, input?, body, false)?;
            begin(call, body.want_asynchronous, work, Rs::EmptyFolder)?
        }
        Rq::HardDeleteMessagesAndSubfolders(body) => {
            let work = folder::empty_folder(call, input?, body, true)?;
            begin(call, body.want_asynchronous, work, Rs::HardDeleteMessagesAndSubfolders)?
        }
        Rq::SetSearchCriteria(body) => {
            search::set_search_criteria(call, input?, body)?;
            Rs::SetSearchCriteria(Empty)
        }
        Rq::GetSearchCriteria(body) => {
            Rs::GetSearchCriteria(search::get_search_criteria(call, input?, body)?)
        }
        Rq::MoveCopyMessages(body) => {
            let work = copy_move::move_copy_messages(call, input?, any_target(call), body)?;
            begin(call, body.want_asynchronous, work, Rs::MoveCopyMessages)?
        }
        Rq::MoveFolder(body) => {
            let work = copy_move::move_folder(call, input?, any_target(call), body)?;
            begin(call, body.want_asynchronous, work, Rs::MoveFolder)?
        }
        Rq::CopyFolder(body) => {
            let work = copy_move::copy_folder(call, input?, any_target(call), body)?;
            begin(call, body.want_asynchronous, work, Rs::CopyFolder)?
        }
        Rq::DeleteMessages(body) => {
            let work = copy_move::delete_messages(call, input?, body, false)?;
            begin(call, body.want_asynchronous, work, Rs::DeleteMessages)?
        }
        Rq::HardDeleteMessages(body) => {
            let work = copy_move::delete_messages(call, input?, body, true)?;
            begin(call, body.want_asynchronous, work, Rs::HardDeleteMessages)?
        }
        Rq::GetHierarchyTable(body) => {
            Rs::GetHierarchyTable(table::get_hierarchy_table(call, input?, body)?.keep(&mut keep))
        }
        Rq::GetContentsTable(body) => {
            Rs::GetContentsTable(table::get_contents_table(call, input?, body)?.keep(&mut keep))
        }

        // [MS-OXCTABL]
        Rq::SetColumns(body) => Rs::SetColumns(table::set_columns(call, input?, body)?),
        Rq::SortTable(body) => Rs::SortTable(table::sort_table(call, input?, body)?),
        Rq::Restrict(body) => Rs::Restrict(table::restrict(call, input?, body)?),
        Rq::QueryRows(body) => Rs::QueryRows(table::query_rows(call, input?, body)?),
        Rq::Abort(Empty) => Rs::Abort(table::abort(call, input?)?),
        Rq::GetStatus(Empty) => Rs::GetStatus(table::get_status(call, input?)?),
        Rq::QueryPosition(Empty) => Rs::QueryPosition(table::query_position(call, input?)?),
        Rq::SeekRow(body) => Rs::SeekRow(table::seek_row(call, input?, body)?),
        Rq::SeekRowBookmark(body) => {
            Rs::SeekRowBookmark(table::seek_row_bookmark(call, bookmarked(input)?, body)?)
        }
        Rq::SeekRowFractional(body) => {
            table::seek_row_fractional(call, input?, body)?;
            Rs::SeekRowFractional(Empty)
        }
        Rq::CreateBookmark(Empty) => Rs::CreateBookmark(table::create_bookmark(call, input?)?),
        Rq::FreeBookmark(body) => {
            table::free_bookmark(call, bookmarked(input)?, body)?;
            Rs::FreeBookmark(Empty)
        }
        Rq::ExpandRow(body) => Rs::ExpandRow(table::expand_row(call, input?, body)?),
        Rq::CollapseRow(body) => Rs::CollapseRow(table::collapse_row(call, input?, body)?),
        Rq::GetCollapseState(body) => {
            Rs::GetCollapseState(table::get_collapse_state(call, input?, body)?)
        }
        Rq::SetCollapseState(body) => {
            Rs::SetCollapseState(table::set_collapse_state(call, input?, body)?)
        }
        Rq::QueryColumnsAll(Empty) => Rs::QueryColumnsAll(table::query_columns_all(call, input?)?),
        Rq::FindRow(body) => Rs::FindRow(table::find_row(call, input?, body)?),
        Rq::ResetTable(Empty) => {
            table::reset_table(call, input?)?;
            Rs::ResetTable(Empty)
        }

        // [MS-OXCMSG]
        Rq::OpenMessage(body) => {
            Rs::OpenMessage(message::open_message(call, input?, body)?.keep(&mut keep))
        }
        Rq::CreateMessage(body) => {
            Rs::CreateMessage(message::create_message(call, input?, body)?.keep(&mut keep))
        }
        Rq::SaveChangesMessage(body) => Rs::SaveChangesMessage(SaveChangesMessageResponse {
            input: request.input,
            message: message::save_changes_message(call, input?, body)?,
        }),
        Rq::RemoveAllRecipients(_) => {
            recipient::remove_all_recipients(call, input?)?;
            Rs::RemoveAllRecipients(Empty)
        }
        Rq::ModifyRecipients(body) => {
            recipient::modify_recipients(call, input?, body)?;
            Rs::ModifyRecipients(Empty)
        }
        Rq::ReadRecipients(body) => {
            Rs::ReadRecipients(recipient::read_recipients(call, input?, body)?)
        }
        Rq::ReloadCachedInformation(_) => {
            Rs::ReloadCachedInformation(message::reload_cached_information(call, input?)?)
        }
        Rq::SetReadFlags(body) => {
            let work = message::set_read_flags(call, input?, body)?;
            // MS-OXCMSG R1509, R1510
            let asynchronous = body.want_asynchronous && call.logon()?.supports_progress;
            begin(call, asynchronous, work, Rs::SetReadFlags)?
        }
        Rq::SetMessageReadFlag(body) => {
            Rs::SetMessageReadFlag(message::set_message_read_flag(call, input?, body)?)
        }
        Rq::SetMessageStatus(body) => {
            Rs::SetMessageStatus(message::set_message_status(call, input?, body)?)
        }
        Rq::GetMessageStatus(body) => {
            Rs::GetMessageStatus(message::get_message_status(call, input?, body)?)
        }
        Rq::OpenAttachment(body) => {
            Rs::OpenAttachment(attachment::open_attachment(call, input?, body)?.keep(&mut keep))
        }
        Rq::CreateAttachment(Empty) => {
            Rs::CreateAttachment(attachment::create_attachment(call, input?)?.keep(&mut keep))
        }
        Rq::DeleteAttachment(body) => {
            attachment::delete_attachment(call, input?, body)?;
            Rs::DeleteAttachment(Empty)
        }
        Rq::SaveChangesAttachment(body) => {
            attachment::save_changes_attachment(call, input?, body)?;
            Rs::SaveChangesAttachment(Empty)
        }
        Rq::OpenEmbeddedMessage(body) => Rs::OpenEmbeddedMessage(
            attachment::open_embedded_message(call, input?, body)?.keep(&mut keep),
        ),
        Rq::GetAttachmentTable(body) => {
            Rs::GetAttachmentTable(table::get_attachment_table(call, input?, body)?.keep(&mut keep))
        }

        // [MS-OXCPRPT]
        Rq::GetPropertyIdsFromNames(body) => {
            Rs::GetPropertyIdsFromNames(named::get_property_ids_from_names(call, input?, body)?)
        }
        Rq::GetNamesFromPropertyIds(body) => {
            Rs::GetNamesFromPropertyIds(named::get_names_from_property_ids(call, input?, body)?)
        }
        Rq::GetPropertiesSpecific(body) => {
            Rs::GetPropertiesSpecific(property::get_properties_specific(call, input?, body)?)
        }
        Rq::GetPropertiesAll(body) => {
            Rs::GetPropertiesAll(property::get_properties_all(call, input?, body)?)
        }
        Rq::GetPropertiesList(Empty) => {
            Rs::GetPropertiesList(property::get_properties_list(call, input?)?)
        }
        Rq::SetProperties(body) => Rs::SetProperties(property::set_properties(call, input?, body)?),
        Rq::DeleteProperties(body) => {
            Rs::DeleteProperties(property::delete_properties(call, input?, body)?)
        }
        Rq::QueryNamedProperties(body) => {
            Rs::QueryNamedProperties(named::query_named_properties(call, input?, body)?)
        }
        Rq::SetPropertiesNoReplicate(body) => {
            Rs::SetPropertiesNoReplicate(property::set_properties(call, input?, body)?)
        }
        Rq::DeletePropertiesNoReplicate(body) => {
            Rs::DeletePropertiesNoReplicate(property::delete_properties(call, input?, body)?)
        }
        Rq::CopyTo(body) => {
            let (problems, work) = copy_properties::copy_to(call, input?, any_target(call), body)?;
            let answer = Answer::Problems(Rs::CopyTo, problems);
            begin_as(call, body.want_asynchronous, work, answer)?
        }
        Rq::CopyProperties(body) => {
            let (problems, work) =
                copy_properties::copy_properties(call, input?, any_target(call), body)?;
            let answer = Answer::Problems(Rs::CopyProperties, problems);
            begin_as(call, body.want_asynchronous, work, answer)?
        }
        Rq::Progress(body) => progress::progress(call, input?, body)?,
        Rq::OpenStream(body) => {
            Rs::OpenStream(stream::open_stream(call, input?, body)?.keep(&mut keep))
        }
        Rq::ReadStream(body) => Rs::ReadStream(stream::read_stream(call, input?, body)?),
        Rq::WriteStream(body) => {
            let written = stream::write_stream(call, input?, body)?;
            Rs::WriteStream(WriteStreamResponse { written: written as u16 })
        }
        Rq::WriteStreamExtended(body) => {
            let written = stream::write_stream(call, input?, body)?;
            Rs::WriteStreamExtended(WriteStreamExtendedResponse { written: written as u32 })
        }
        Rq::WriteAndCommitStream(body) => {
            let written = stream::write_and_commit_stream(call, input?, body)?;
            Rs::WriteAndCommitStream(WriteStreamResponse { written: written as u16 })
        }
        Rq::CloneStream(Empty) => {
            Rs::CloneStream(region::clone_stream(call, input?)?.keep(&mut keep))
        }
        Rq::LockRegionStream(body) => {
            region::lock_region(call, input?, body)?;
            Rs::LockRegionStream(Empty)
        }
        Rq::UnlockRegionStream(body) => {
            region::unlock_region(call, input?, body)?;
            Rs::UnlockRegionStream(Empty)
        }
        Rq::CommitStream(Empty) => {
            stream::commit_stream(call, input?)?;
            Rs::CommitStream(Empty)
        }
        Rq::GetStreamSize(Empty) => Rs::GetStreamSize(stream::get_stream_size(call, input?)?),
        Rq::SetStreamSize(body) => {
            stream::set_stream_size(call, input?, body)?;
            Rs::SetStreamSize(Empty)
        }
        Rq::SeekStream(body) => Rs::SeekStream(stream::seek_stream(call, input?, body)?),
        Rq::CopyToStream(body) => {
            let target = target(call);
            Rs::CopyToStream(stream::copy_to_stream(call, input?, target, body)?)
        }

        // [MS-OXCNOTIF]
        Rq::RegisterNotification(body) => Rs::RegisterNotification(
            notification::register_notification(call, input?, body)?.keep(&mut keep),
        ),

        // [MS-OXCPERM]
        Rq::GetPermissionsTable(body) => Rs::GetPermissionsTable(
            permission::get_permissions_table(call, input?, body)?.keep(&mut keep),
        ),
        Rq::ModifyPermissions(body) => {
            permission::modify_permissions(call, input?, body)?;
            Rs::ModifyPermissions(Empty)
        }

        // [MS-OXOMSG]
        Rq::SubmitMessage(body) => {
            transport::submit_message(call, input?, body)?;
            Rs::SubmitMessage(Empty)
        }
        Rq::AbortSubmit(body) => {
            transport::abort_submit(call, input?, body)?;
            Rs::AbortSubmit(Empty)
        }
        Rq::GetAddressTypes(Empty) => {
            Rs::GetAddressTypes(transport::get_address_types(call, input?)?)
        }
        Rq::SetSpooler(Empty) => {
            transport::set_spooler(call, input?)?;
            Rs::SetSpooler(Empty)
        }
        Rq::SpoolerLockMessage(body) => {
            transport::spooler_lock_message(call, input?, body)?;
            Rs::SpoolerLockMessage(Empty)
        }
        Rq::TransportSend(Empty) => Rs::TransportSend(transport::transport_send(call, input?)?),
        Rq::TransportNewMail(body) => {
            transport::transport_new_mail(call, input?, body)?;
            Rs::TransportNewMail(Empty)
        }
        Rq::GetTransportFolder(Empty) => {
            Rs::GetTransportFolder(transport::get_transport_folder(call, input?)?)
        }
        Rq::OptionsData(body) => Rs::OptionsData(transport::options_data(call, input?, body)?),

        // [MS-OXORULE]
        Rq::ModifyRules(body) => {
            rule::modify_rules(call, input?, body)?;
            Rs::ModifyRules(Empty)
        }
        Rq::GetRulesTable(body) => {
            Rs::GetRulesTable(rule::get_rules_table(call, input?, body)?.keep(&mut keep))
        }
        Rq::UpdateDeferredActionMessages(body) => {
            rule::update_deferred_action_messages(call, input?, body)?;
            Rs::UpdateDeferredActionMessages(Empty)
        }

        // Defined, and not there yet.
        Rq::GetValidAttachments(_) | fast_transfer_and_ics!() => {
            return Err(ErrorCode::NOT_IMPLEMENTED.into());
        }
    })
}

/// A bookmark whose table was released is answered in its own way (MS-OXCTABL R248, R552).
fn bookmarked(input: Result<NodeId>) -> Result<NodeId> {
    input.map_err(|failure| match failure {
        Failure(ErrorCode::INVALID_OBJECT) => Failure(ErrorCode::NULL_OBJECT),
        other => other,
    })
}

impl<T> Opened<T> {
    /// Hands the handle on and leaves the answer.
    fn keep(self, keep: &mut impl FnMut(Handle)) -> T {
        keep(self.handle);
        self.response
    }
}

// What else differs from ROP to ROP stands here too, so that no other file has to tell them apart.

/// The room without which a ROP is not begun, so that one with an effect never has an answer that does not
/// fit. Those that only tell something may find out when they are done.
pub(crate) fn least_room(id: RopId) -> usize {
    match id {
        // The largest fixed answer: 166 bytes ([MS-OXCROPS] 2.2.3.1.2).
        RopId::Logon => 166,
        // Names and addresses of two accounts, each within its bound.
        RopId::TransportSend => 12 * 1_024,
        // Problems are told for each property, ten bytes each; few requests have more than a hundred.
        RopId::SetProperties
        | RopId::SetPropertiesNoReplicate
        | RopId::DeleteProperties
        | RopId::DeletePropertiesNoReplicate
        | RopId::CopyProperties
        | RopId::CopyTo
        // It may answer for one of these.
        | RopId::Progress => 1_024,
        _ => 64,
    }
}

/// The StatusCode of an Execute whose only answer fits into no buffer (MS-OXCROPS R4546, MS-OXCPRPT R467).
pub(crate) fn code_without_room(id: RopId) -> ErrorCode {
    match id {
        RopId::GetPropertiesAll => ErrorCode::SERVER_MEMORY,
        _ => ErrorCode::BUFFER_TOO_SMALL,
    }
}

/// Whether a request that could be read cannot be meant: more than a stream can have is no size
/// ([MS-OXCROPS] 2.2.9.2.1). It fails the buffer.
pub(crate) fn is_malformed(request: &Request) -> bool {
    matches!(request.body, Rq::ReadStream(read) if read.limit() > 0x8000_0000)
}

/// Whether nothing more of the buffer is processed when this request fails (MS-OXCTABL R501, R510, R528).
pub(crate) fn stops_buffer(request: &Request) -> bool {
    matches!(request.body, Rq::SeekRow(_) | Rq::SeekRowBookmark(_) | Rq::CreateBookmark(_))
}

/// The room without which an answer is not gone on with in another buffer (MS-OXCRPC R968).
pub(crate) fn least_residue(request: &Request) -> usize {
    match request.body {
        Rq::ReadStream(_) => 8 * 1024,
        _ => 32 * 1024,
    }
}

/// What the client asked for and did not get, if the ROP is one whose answers are spread
/// (MS-OXCRPC R960, R971 to R973, R1280).
pub(crate) fn remainder(request: &Request, response: &Response) -> Option<Request> {
    let body = match (&request.body, &response.body) {
        (Rq::QueryRows(asked), Rs::QueryRows(got)) => {
            let rows = u16::try_from(got.rows.len()).ok()?;
            let left = asked.row_count.checked_sub(rows).filter(|left| *left > 0)?;
            let packed = asked.flags.contains(QueryRowsFlags::ENABLE_PACKED_BUFFERS)
                && !asked.flags.contains(QueryRowsFlags::NO_ADVANCE);
            if rows == 0 || !packed || got.origin != Bookmark::Current {
                return None;
            }
            let mut next = asked.clone();
            next.row_count = left;
            Rq::QueryRows(next)
        }
        (Rq::ReadStream(asked), Rs::ReadStream(got)) => {
            let read = u32::try_from(got.data.bytes.len()).ok()?;
            let left = asked.limit().checked_sub(read).filter(|left| *left > 0)?;
            if read == 0 {
                return None;
            }
            Rq::ReadStream(ReadStreamRequest::Maximum(left))
        }
        _ => return None,
    };
    Some(Request { body, ..request.clone() })
}
