//! Moving, copying and deleting messages and folders ([MS-OXCFOLD] 3.2.5.6 to 3.2.5.8, 3.2.5.11,
//! 3.2.5.12). The handlers check, and hand back what is to be done.

use std::sync::Arc;

use mapi::{ErrorCode, FolderId, MessageId};
use mapi_rop::folder::{DeleteMessagesRequest, MoveCopyMessagesRequest};
use mapi_rop::irregular::{CopyFolderRequest, MoveFolderRequest};
use store::folder;
use store::message::{self, Marking};
use store::permission::{Action, Item};
use store::{Mailbox, SpecialFolder};

use super::permission;
use crate::call::Call;
use crate::error::Result;
use crate::handles::NodeId;
use crate::object::Object;
use crate::operation::Work;

/// Messages that a client listed, and what is done with each of them.
pub struct Listed {
    folder: FolderId,
    ids: Vec<MessageId>,
    /// How many of them are dealt with.
    at: usize,
    act: Act,
    partial: bool,
}

pub enum Act {
    Copy { target: Arc<Mailbox>, to: FolderId },
    Move { target: Arc<Mailbox>, to: FolderId },
    Delete { hard: bool, tell_unread: bool },
    Mark(Marking),
}

impl Act {
    /// What the user has to be allowed to do with each message.
    fn needs(&self, mailbox: &Mailbox) -> &'static [fn(Item) -> Action] {
        match self {
            Act::Copy { .. } => &[Action::ReadItem],
            Act::Move { .. } => &[Action::ReadItem, Action::DeleteItem],
            Act::Delete { .. } => &[Action::DeleteItem],
            // Whose read state it is: in public folders that of who asks.
            Act::Mark(_) if mailbox.is_public() => &[Action::ReadItem],
            Act::Mark(_) => &[Action::EditItem],
        }
    }
}

impl Listed {
    /// Errors: ecAccessDenied if none of the messages may be taken; what may not be in part of a list is left.
    pub fn new(call: &Call<'_>, folder: FolderId, ids: &[MessageId], act: Act) -> Result<Listed> {
        let mailbox = call.mailbox()?;
        let (ids, partial) = permission::allowed_items(call, ids, act.needs(&mailbox))?;
        if let Act::Copy { target, to } | Act::Move { target, to } = &act
            && Arc::ptr_eq(&mailbox, target)
        {
            permission::need_associated(call, &ids, *to)?;
        }
        Ok(Listed { folder, ids: ids.into_owned(), at: 0, act, partial })
    }

    /// Deals with at most `limit` more of them; whether that was all. Rights may have been taken back since the
    /// piece before.
    pub fn run(&mut self, call: &Call<'_>, limit: usize) -> Result<bool> {
        let mailbox = call.mailbox()?;
        let rest = &self.ids[self.at..];
        let piece = &rest[..limit.min(rest.len())];
        let (ids, left) = match self.at {
            0 => (piece.into(), false),
            _ => permission::allowed_items(call, piece, self.act.needs(&mailbox))?,
        };
        let missed = match &self.act {
            Act::Copy { target, to } => {
                message::copy_to(&mailbox, self.folder, &ids, target, *to)?.contains(&None)
            }
            Act::Move { target, to } => {
                message::move_to(&mailbox, self.folder, &ids, target, *to)?.contains(&None)
            }
            Act::Delete { hard, tell_unread } => {
                // MS-OXCFOLD R1148
                if *tell_unread {
                    message::tell_unread(&mailbox, self.folder, &ids)?;
                }
                message::delete(&mailbox, self.folder, &ids, *hard)? > 0
            }
            // MS-OXCMSG R1514
            Act::Mark(marking) => {
                message::mark(&mailbox, Some(self.folder), &ids, *marking)?.contains(&None)
            }
        };
        self.partial |= left || missed;
        self.at += piece.len();
        Ok(self.at == self.ids.len())
    }

    pub fn is_partial(&self) -> bool {
        self.partial
    }

    /// How many are dealt with, and how many there are.
    pub fn tasks(&self) -> (u64, u64) {
        (self.at as u64, self.ids.len() as u64)
    }

    pub fn bytes(&self) -> u64 {
        (self.ids.len() * size_of::<MessageId>()) as u64
    }
}

/// What is to be done with messages of a folder.
pub(super) fn listed(
    call: &Call<'_>,
    folder: FolderId,
    ids: &[MessageId],
    act: Act,
) -> Result<Work> {
    Ok(Work::Listed(Box::new(Listed::new(call, folder, ids, act)?)))
}

/// RopMoveCopyMessages ([MS-OXCFOLD] 3.2.5.6).
pub fn move_copy_messages(
    call: &Call<'_>,
    source: NodeId,
    target: Option<NodeId>,
    request: &MoveCopyMessagesRequest,
) -> Result<Work> {
    let from = call.folder(source, ErrorCode::NOT_SUPPORTED)?;
    let (target, to) = target_folder(call, target)?;
    let act = match request.want_copy {
        true => Act::Copy { target, to },
        false => Act::Move { target, to },
    };
    listed(call, from, &request.messages.items, act)
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
) -> Result<Work> {
    let folder = call.folder(input, ErrorCode::NOT_SUPPORTED)?;
    let act = Act::Delete { hard, tell_unread: request.notify_non_read };
    listed(call, folder, &request.messages.items, act)
}

/// RopMoveFolder ([MS-OXCFOLD] 3.2.5.7). Within a mailbox it is one change, whatever the folder holds.
pub fn move_folder(
    call: &Call<'_>,
    source: NodeId,
    target: Option<NodeId>,
    request: &MoveFolderRequest,
) -> Result<Work> {
    call.folder(source, ErrorCode::NOT_SUPPORTED)?;
    let (other, parent) = target_folder(call, target)?;
    let name = super::folder::text(call, &request.new_name);
    let name = (!name.is_empty()).then_some(name.as_str());
    let (mailbox, id) = (call.mailbox()?, request.folder);
    if Arc::ptr_eq(&mailbox, &other) {
        let done = super::folder::partial(folder::move_to(&mailbox, id, parent, name))?;
        return Ok(Work::Done { partial: done.partial_completion });
    }
    if SpecialFolder::from_id(id).is_some() {
        return Err(ErrorCode::ACCESS_DENIED.into());
    }
    let work = folder::Work::moving_across(&mailbox, id, parent, name)?;
    Ok(Work::folders(work, mailbox, other))
}

/// RopCopyFolder ([MS-OXCFOLD] 3.2.5.8).
pub fn copy_folder(
    call: &Call<'_>,
    source: NodeId,
    target: Option<NodeId>,
    request: &CopyFolderRequest,
) -> Result<Work> {
    call.folder(source, ErrorCode::NOT_SUPPORTED)?;
    let (other, parent) = target_folder(call, target)?;
    // As Exchange does since 2013 (MS-OXCFOLD R19702001, R19703001).
    if call.mailbox()?.is_public() || other.is_public() {
        return Err(ErrorCode::NOT_SUPPORTED.into());
    }
    let name = super::folder::text(call, &request.new_name);
    let name = (!name.is_empty()).then_some(name.as_str());
    let (mailbox, recursive) = (call.mailbox()?, request.want_recursive);
    let work = folder::Work::copying(&mailbox, request.folder, &other, parent, name, recursive)?;
    Ok(Work::folders(work, mailbox, other))
}
