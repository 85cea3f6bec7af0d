//! Folders: opening, making, deleting, emptying ([MS-OXCFOLD] 3.2.5).

use std::sync::Arc;

use mapi::text::String8;
use mapi::{ErrorCode, FolderId};
use mapi_rop::folder::{
    CreateFolderResponse, DeleteFolderFlags, DeleteFolderRequest, EmptyFolderRequest, FolderType,
    OpenFolderFlags, OpenFolderRequest, OpenFolderResponse, PartialCompletionResponse,
};
use mapi_rop::irregular::{CreateFolderRequest, FolderTexts};
use mapi_rop::parts::{Flagged, Text};
use store::folder::{DeleteOptions, NewFolder};
use store::{SpecialFolder, StoreError, folder};

use crate::call::{Call, Opened};
use crate::convert::text_of;
use crate::error::Result;
use crate::handles::NodeId;
use crate::ledger::Kind;
use crate::object::{Folder, Object};
use crate::operation::Work;

/// RopOpenFolder ([MS-OXCFOLD] 3.2.5.1). Called on a logon or a folder (R473).
pub fn open_folder(
    call: &mut Call<'_>,
    input: NodeId,
    request: &OpenFolderRequest,
) -> Result<Opened<OpenFolderResponse>> {
    need_folder_or_logon(call, input)?;
    let info = folder::info(&*call.mailbox()?, request.folder)?;
    // [MS-OXCFOLD] 2.2.1.1.1
    if info.deleted.is_some() && !request.flags.contains(OpenFolderFlags::OPEN_SOFT_DELETED) {
        return Err(ErrorCode::NOT_FOUND.into());
    }
    let response = opened(call, request.folder)?;
    open(call, request.folder, response)
}

/// What opening a folder tells of it: whether it has rules.
fn opened(call: &Call<'_>, id: FolderId) -> Result<OpenFolderResponse> {
    let has_rules = store::rule::has_any(&*call.mailbox()?, id)?;
    Ok(OpenFolderResponse { has_rules, ghosted: Flagged(None) })
}

fn open<T>(call: &mut Call<'_>, id: FolderId, response: T) -> Result<Opened<T>> {
    let entry = call.count(Kind::Folder)?;
    call.open(None, Object::Folder(Folder { id, entry }), response)
}

fn need_folder_or_logon(call: &Call<'_>, input: NodeId) -> Result<()> {
    match call.tree.get(input) {
        Some(Object::Folder(_) | Object::Logon(_)) => Ok(()),
        _ => Err(ErrorCode::NOT_SUPPORTED.into()),
    }
}

/// RopCreateFolder ([MS-OXCFOLD] 3.2.5.2).
pub fn create_folder(
    call: &mut Call<'_>,
    input: NodeId,
    request: &CreateFolderRequest,
) -> Result<Opened<CreateFolderResponse>> {
    let parent = call.folder(input, ErrorCode::NOT_SUPPORTED)?;
    let search = match request.folder_type {
        FolderType::Generic => false,
        // MS-OXCFOLD R49601, R10660202
        FolderType::Search if call.mailbox()?.is_public() => {
            return Err(ErrorCode::NOT_SUPPORTED.into());
        }
        FolderType::Search => true,
        // MS-OXCFOLD R487
        FolderType::Unknown(_) => return Err(ErrorCode::INVALID_PARAMETER.into()),
    };
    let (display_name, comment) = match &request.texts {
        FolderTexts::Unicode { display_name, comment } => {
            (display_name.to_string_lossy().into_owned(), comment.to_string_lossy().into_owned())
        }
        FolderTexts::Bytes { display_name, comment } => {
            (text8(call, display_name), text8(call, comment))
        }
    };
    let new = NewFolder {
        display_name,
        comment,
        open_existing: request.open_existing,
        search,
        creator: super::permission::creator(call),
        ..NewFolder::default()
    };
    let created = folder::create(&*call.mailbox()?, parent, &new)?;
    let response = CreateFolderResponse {
        folder: created.id,
        // In a private mailbox always as if it were new (MS-OXCFOLD R1197).
        existing: Flagged(None),
    };
    open(call, created.id, response)
}

/// Text of a request whose width the request says.
pub(super) fn text(call: &Call<'_>, text: &Text) -> String {
    match text {
        Text::Unicode(text) => text.to_string_lossy().into_owned(),
        Text::Bytes(bytes) => text8(call, bytes),
    }
}

fn text8(call: &Call<'_>, bytes: &String8) -> String {
    text_of(bytes, call.session.locale.code_page).to_string_lossy().into_owned()
}

/// RopDeleteFolder ([MS-OXCFOLD] 3.2.5.3).
pub fn delete_folder(
    call: &Call<'_>,
    input: NodeId,
    request: &DeleteFolderRequest,
) -> Result<PartialCompletionResponse> {
    call.folder(input, ErrorCode::NOT_SUPPORTED)?;
    // Bits that mean nothing are ignored, as Exchange 2010 and later do (MS-OXCFOLD R123402).
    // MS-OXCFOLD R2509
    if request.folder == SpecialFolder::Root.id() {
        return Err(ErrorCode::NOT_SUPPORTED.into());
    }
    let options = DeleteOptions {
        messages: request.flags.contains(DeleteFolderFlags::DEL_MESSAGES),
        folders: request.flags.contains(DeleteFolderFlags::DEL_FOLDERS),
        hard: request.flags.contains(DeleteFolderFlags::DELETE_HARD_DELETE),
        associated: true,
    };
    // A folder that is not empty stays as it is, and that is no error (MS-OXCFOLD R816, R817, R1081).
    partial(folder::delete(&*call.mailbox()?, request.folder, options))
}

/// RopEmptyFolder and RopHardDeleteMessagesAndSubfolders ([MS-OXCFOLD] 3.2.5.9, 3.2.5.10).
pub fn empty_folder(
    call: &Call<'_>,
    input: NodeId,
    request: &EmptyFolderRequest,
    hard: bool,
) -> Result<Work> {
    let id = call.folder(input, ErrorCode::NOT_SUPPORTED)?;
    // MS-OXCFOLD R1248; public folders as Exchange does since 2013 (R97501001, R98301001).
    if id == SpecialFolder::Root.id() || call.is_public_folder(input) {
        return Err(ErrorCode::NOT_SUPPORTED.into());
    }
    let options = DeleteOptions {
        messages: true,
        folders: true,
        hard,
        associated: request.want_delete_associated,
    };
    let mailbox = call.mailbox()?;
    // [MS-OXOMSG] 2.2.1.29: no field of the request says that nobody is to be told of what went unread.
    match folder::Work::emptying_told(&mailbox, id, options) {
        // MS-OXCFOLD R1249
        Err(StoreError::SearchFolder) => Err(ErrorCode::NOT_SUPPORTED.into()),
        work => Ok(Work::folders(work?, Arc::clone(&mailbox), mailbox)),
    }
}

/// The answer of an operation that may have left something undone.
pub(super) fn partial(result: Result<(), StoreError>) -> Result<PartialCompletionResponse> {
    match result {
        Ok(()) => Ok(PartialCompletionResponse { partial_completion: false }),
        Err(StoreError::PartialCompletion | StoreError::NotEmpty) => {
            Ok(PartialCompletionResponse { partial_completion: true })
        }
        Err(error) => Err(error.into()),
    }
}
