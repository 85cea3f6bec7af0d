//! Moving, copying and deleting messages and folders ([MS-OXCFOLD] 3.2.5.6 to 3.2.5.8, 3.2.5.11,
//! 3.2.5.12). Everything is done before the answer goes out, whatever the client says of asynchronous
//! work, which it may.

use std::sync::Arc;

use mapi::{ErrorCode, FolderId};
use mapi_rop::folder::{DeleteMessagesRequest, MoveCopyMessagesRequest, PartialCompletionResponse};
use mapi_rop::irregular::{CopyFolderRequest, MoveFolderRequest};
use store::folder::{self, DeleteOptions};
use store::permission::{Action, Item};
use store::{Mailbox, SpecialFolder, message};

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
    let mailbox = call.mailbox()?;
    let (other, to) = target_folder(call, target)?;
    let needed: &[fn(Item) -> Action] = match request.want_copy {
        true => &[Action::ReadItem],
        false => &[Action::ReadItem, Action::DeleteItem],
    };
    let (ids, some_left) = permission::allowed_items(call, &request.messages.items, needed)?;
    if Arc::ptr_eq(&mailbox, &other) {
        permission::need_associated(call, &ids, to)?;
    }
    let moved = match request.want_copy {
        true => message::copy_to(&mailbox, from, &ids, &other, to)?,
        false => message::move_to(&mailbox, from, &ids, &other, to)?,
    };
    let partial_completion = some_left || moved.iter().any(Option::is_none);
    Ok(PartialCompletionResponse { partial_completion })
}

/// The folder at the destination handle, which may be of another logon; ecDstNullObject without one.
fn target_folder(call: &Call<'_>, target: Option<NodeId>) -> Result<(Arc<Mailbox>, FolderId)> {
    let node = target.ok_or(ErrorCode::NULL_DESTINATION_OBJECT)?;
    let Some(Object::Folder(folder)) = call.tree.get(node) else {
        return Err(ErrorCode::NOT_SUPPORTED.into());
    };
    let other = call.mailbox_of(node)?;
    // The gate before the handlers looks at one logon: what goes to another mailbox needs full access to both.
    let allowed = Arc::ptr_eq(&other, &call.mailbox()?)
        || call.is_full() && call.logon_of(node)?.user.is_full();
    if !allowed {
        return Err(ErrorCode::ACCESS_DENIED.into());
    }
    Ok((other, folder.id))
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
    let (other, parent) = target_folder(call, target)?;
    let name = super::folder::text(call, &request.new_name);
    let name = (!name.is_empty()).then_some(name.as_str());
    let (mailbox, id) = (call.mailbox()?, request.folder);
    if Arc::ptr_eq(&mailbox, &other) {
        return super::folder::partial(folder::move_to(&mailbox, id, parent, name));
    }
    if SpecialFolder::from_id(id).is_some() {
        return Err(ErrorCode::ACCESS_DENIED.into());
    }
    // A crash between the two leaves the folder in both mailboxes, never in none.
    folder::copy_to(&mailbox, id, &other, parent, name, true)?;
    let all = DeleteOptions { messages: true, folders: true, hard: true, associated: true };
    super::folder::partial(folder::delete(&mailbox, id, all))
}

/// RopCopyFolder ([MS-OXCFOLD] 3.2.5.8).
pub fn copy_folder(
    call: &Call<'_>,
    source: NodeId,
    target: Option<NodeId>,
    request: &CopyFolderRequest,
) -> Result<PartialCompletionResponse> {
    call.folder(source, ErrorCode::NOT_SUPPORTED)?;
    let (other, parent) = target_folder(call, target)?;
    let name = super::folder::text(call, &request.new_name);
    let name = (!name.is_empty()).then_some(name.as_str());
    let mailbox = call.mailbox()?;
    let recursive = request.want_recursive;
    let copied = folder::copy_to(&mailbox, request.folder, &other, parent, name, recursive);
    super::folder::partial(copied.map(drop))
}
