//! Moving, copying and deleting messages and folders ([MS-OXCFOLD] 3.2.5.6 to 3.2.5.8, 3.2.5.11,
//! 3.2.5.12). Everything is done before the answer goes out, whatever the client says of asynchronous
//! work, which it may.

use mapi::ErrorCode;
use mapi_rop::folder::{DeleteMessagesRequest, MoveCopyMessagesRequest, PartialCompletionResponse};
use mapi_rop::irregular::{CopyFolderRequest, MoveFolderRequest};
use store::permission::{Action, Item};
use store::{folder, message};

use super::permission;
use crate::call::Call;
use crate::error::Result;
use crate::handles::NodeId;
use crate::object::Object;

/// RopMoveCopyMessages ([MS-OXCFOLD] 3.2.5.6).
pub fn move_copy_messages(
    call: &Call<'_>,
    source: NodeId,
    target: Option<NodeId>,
    request: &MoveCopyMessagesRequest,
) -> Result<PartialCompletionResponse> {
    let from = call.folder(source, ErrorCode::NOT_SUPPORTED)?;
    let to = target_folder(call, target)?;
    let mailbox = call.mailbox()?;
    let needed: &[fn(Item) -> Action] = match request.want_copy {
        true => &[Action::ReadItem],
        false => &[Action::ReadItem, Action::DeleteItem],
    };
    let (ids, some_left) = permission::allowed_items(call, &request.messages.items, needed)?;
    permission::need_associated(call, &ids, to)?;
    let moved = match request.want_copy {
        true => message::copy_to(&mailbox, from, &ids, &mailbox, to)?,
        false => message::move_to(&mailbox, from, &ids, &mailbox, to)?,
    };
    let partial_completion = some_left || moved.iter().any(Option::is_none);
    Ok(PartialCompletionResponse { partial_completion })
}

/// The folder at the destination handle; ecDstNullObject without one.
fn target_folder(call: &Call<'_>, target: Option<NodeId>) -> Result<mapi::FolderId> {
    match target.map(|node| call.tree.get(node)) {
        Some(Some(Object::Folder(folder))) => Ok(folder.id),
        Some(_) => Err(ErrorCode::NOT_SUPPORTED.into()),
        None => Err(ErrorCode::NULL_DESTINATION_OBJECT.into()),
    }
}

/// RopDeleteMessages and RopHardDeleteMessages ([MS-OXCFOLD] 3.2.5.11, 3.2.5.12).
pub fn delete_messages(
    call: &Call<'_>,
    input: NodeId,
    request: &DeleteMessagesRequest,
    hard: bool,
) -> Result<PartialCompletionResponse> {
    let folder = call.folder(input, ErrorCode::NOT_SUPPORTED)?;
    let ids = &request.messages.items;
    let (ids, some_left) = permission::allowed_items(call, ids, &[Action::DeleteItem])?;
    let mailbox = call.mailbox()?;
    // MS-OXCFOLD R1148
    if request.notify_non_read {
        message::tell_unread(&mailbox, folder, &ids)?;
    }
    let failed = message::delete(&mailbox, folder, &ids, hard)?;
    Ok(PartialCompletionResponse { partial_completion: some_left || failed > 0 })
}

/// RopMoveFolder ([MS-OXCFOLD] 3.2.5.7).
pub fn move_folder(
    call: &Call<'_>,
    source: NodeId,
    target: Option<NodeId>,
    request: &MoveFolderRequest,
) -> Result<PartialCompletionResponse> {
    call.folder(source, ErrorCode::NOT_SUPPORTED)?;
    let parent = target_folder(call, target)?;
    let name = super::folder::text(call, &request.new_name);
    let name = (!name.is_empty()).then_some(name.as_str());
    super::folder::partial(folder::move_to(&*call.mailbox()?, request.folder, parent, name))
}

/// RopCopyFolder ([MS-OXCFOLD] 3.2.5.8).
pub fn copy_folder(
    call: &Call<'_>,
    source: NodeId,
    target: Option<NodeId>,
    request: &CopyFolderRequest,
) -> Result<PartialCompletionResponse> {
    call.folder(source, ErrorCode::NOT_SUPPORTED)?;
    let parent = target_folder(call, target)?;
    let name = super::folder::text(call, &request.new_name);
    let name = (!name.is_empty()).then_some(name.as_str());
    let mailbox = call.mailbox()?;
    let recursive = request.want_recursive;
    let copied = folder::copy_to(&mailbox, request.folder, &mailbox, parent, name, recursive);
    super::folder::partial(copied.map(drop))
}
