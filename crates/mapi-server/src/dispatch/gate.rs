//! What each ROP needs in somebody else's mailbox, before its handler runs. Who owns the mailbox or has full
//! access to it never comes here.
//!
//! The match is exhaustive, so that no ROP is forgotten. What depends on single messages of a list is asked by
//! the handlers ([`permission::allowed_items`]); all questions go to [`store::permission::judge`].

use mapi::{ErrorCode, FolderId, MessageId};
use mapi_rop::RopRequest as Rq;
use mapi_rop::folder::FolderType;
use mapi_rop::irregular::NotificationScope;
use mapi_rop::stream::StreamMode;
use store::folder::{self, FolderKind};
use store::permission::{Action, Item};

use crate::call::Call;
use crate::error::Result;
use crate::handles::NodeId;
use crate::object::{Object, TableKind};
use crate::rop::permission;

/// Errors: ecAccessDenied, or what the ROP has for it. An input object that the ROP does not take is left to
/// its handler.
pub(crate) fn check(
    call: &mut Call<'_>,
    input: Option<NodeId>,
    target: Option<NodeId>,
    request: &Rq,
) -> Result<()> {
    let Some(input) = input else { return Ok(()) };
    let at = place_of(call, input);
    match request {
        // They concern no folder's content, or the handler asks.
        Rq::Logon(_)
        | Rq::Release(_)
        | Rq::GetReceiveFolder(_)
        | Rq::GetReceiveFolderTable(_)
        | Rq::LongTermIdFromId(_)
        | Rq::IdFromLongTermId(_)
        | Rq::GetPropertyIdsFromNames(_)
        | Rq::GetNamesFromPropertyIds(_)
        | Rq::QueryNamedProperties(_)
        | Rq::GetStoreState(_)
        | Rq::GetOwningServers(_)
        | Rq::PublicFolderIsGhosted(_)
        | Rq::GetPerUserLongTermIds(_)
        | Rq::GetPerUserGuid(_)
        | Rq::ReadPerUserInformation(_)
        | Rq::GetValidAttachments(_)
        | Rq::GetAddressTypes(_)
        | Rq::GetTransportFolder(_)
        | Rq::OptionsData(_)
        | Rq::Progress(_)
        | Rq::DeleteMessages(_)
        | Rq::HardDeleteMessages(_)
        | Rq::SetReadFlags(_)
        // Who has the folder asks for the table; who may not read it gets no rows (MS-OXCPERM R179, R2007).
        | Rq::GetPermissionsTable(_) => Ok(()),

        // What is read of, or changed in, an object in the client's hands: it was let through when it was
        // opened, and is when it is saved.
        Rq::RemoveAllRecipients(_)
        | Rq::ModifyRecipients(_)
        | Rq::ReadRecipients(_)
        | Rq::ReloadCachedInformation(_)
        | Rq::OpenAttachment(_)
        | Rq::CreateAttachment(_)
        | Rq::DeleteAttachment(_)
        | Rq::SaveChangesAttachment(_)
        | Rq::OpenEmbeddedMessage(_)
        | Rq::GetAttachmentTable(_)
        | Rq::ReadStream(_)
        | Rq::GetStreamSize(_)
        | Rq::SetStreamSize(_)
        | Rq::SeekStream(_)
        | Rq::CopyToStream(_)
        | Rq::LockRegionStream(_)
        | Rq::UnlockRegionStream(_)
        | Rq::CloneStream(_)
        | Rq::WriteStream(_)
        | Rq::WriteStreamExtended(_) => Ok(()),

        // [MS-OXCFOLD]
        // MS-OXCFOLD R470
        Rq::OpenFolder(body) => need_visible(call, body.folder),
        // Searches find what lies in all folders, whoever may read there.
        Rq::CreateFolder(body) if body.folder_type == FolderType::Search => {
            Err(ErrorCode::ACCESS_DENIED.into())
        }
        Rq::CreateFolder(body) => {
            let At::Folder(parent) = at else { return Ok(()) };
            let name = body.texts.display_name();
            let existing = match body.open_existing {
                true => {
                    folder::child_by_name(&*call.mailbox()?, parent, &name.to_string_lossy())?
                }
                false => None,
            };
            match existing {
                Some(existing) => call.need(existing, Action::SeeFolder),
                None => call.need(parent, Action::CreateSubfolder),
            }
        }
        Rq::DeleteFolder(body) => {
            // MS-OXCFOLD R508
            need_visible(call, body.folder)?;
            need_tree(call, body.folder, Action::ChangeFolder)
        }
        Rq::EmptyFolder(body) => need_emptying(call, &at, body.want_delete_associated),
        Rq::HardDeleteMessagesAndSubfolders(body) => {
            need_emptying(call, &at, body.want_delete_associated)
        }
        // Which of the messages may be taken is asked by the handler.
        Rq::MoveCopyMessages(_) => need_target(call, target, Action::CreateItem { associated: false }),
        Rq::MoveFolder(body) => {
            need_visible(call, body.folder)?;
            need_target(call, target, Action::CreateSubfolder)?;
            need_tree(call, body.folder, Action::ChangeFolder)
        }
        Rq::CopyFolder(body) => {
            need_visible(call, body.folder)?;
            need_target(call, target, Action::CreateSubfolder)?;
            need_tree(call, body.folder, Action::SeeFolder)?;
            need_tree(call, body.folder, Action::ReadItem(OF_OTHERS))
        }
        Rq::GetHierarchyTable(_) | Rq::GetSearchCriteria(_) => {
            need_at(call, &at, Action::SeeFolder)
        }
        Rq::GetContentsTable(_) => {
            need_no_search(call, &at)?;
            need_at(call, &at, Action::SeeFolder)
        }
        Rq::SetSearchCriteria(_) => Err(ErrorCode::ACCESS_DENIED.into()),
        Rq::ModifyPermissions(_) => need_at(call, &at, Action::ChangeFolder),
        // Rules act with the rights of the mailbox, and say what it does with mail.
        Rq::ModifyRules(_) | Rq::GetRulesTable(_) => need_at(call, &at, Action::ChangeFolder),

        // [MS-OXCTABL]: rights may have been taken back since the table was opened.
        Rq::SetColumns(_)
        | Rq::SortTable(_)
        | Rq::Restrict(_)
        | Rq::QueryRows(_)
        | Rq::Abort(_)
        | Rq::GetStatus(_)
        | Rq::QueryPosition(_)
        | Rq::SeekRow(_)
        | Rq::SeekRowBookmark(_)
        | Rq::SeekRowFractional(_)
        | Rq::CreateBookmark(_)
        | Rq::FreeBookmark(_)
        | Rq::QueryColumnsAll(_)
        | Rq::FindRow(_)
        | Rq::ExpandRow(_)
        | Rq::CollapseRow(_)
        | Rq::GetCollapseState(_)
        | Rq::SetCollapseState(_)
        | Rq::ResetTable(_) => need_rows(call, input, request),

        // [MS-OXCMSG]
        Rq::OpenMessage(body) => need_item(call, body.message, Action::ReadItem),
        Rq::CreateMessage(body) => {
            call.need(body.folder, Action::CreateItem { associated: body.associated })
        }
        Rq::SaveChangesMessage(_) => need_save(call, &at),
        // In public folders everybody's read state is his own, in a mailbox it is the owner's.
        Rq::SetMessageReadFlag(_) if call.mailbox()?.is_public() => match at {
            At::Message { id, .. } if !id.is_none() => need_item(call, id, Action::ReadItem),
            _ => Ok(()),
        },
        Rq::SetMessageReadFlag(_) => need_edit(call, &at),
        Rq::WritePerUserInformation(_) if call.mailbox()?.is_public() => Ok(()),
        Rq::WritePerUserInformation(_) => whole(call),
        Rq::SetMessageStatus(body) => need_item(call, body.message, Action::EditItem),
        Rq::GetMessageStatus(body) => need_item(call, body.message, Action::ReadItem),

        // [MS-OXCPRPT]
        Rq::GetPropertiesSpecific(_) | Rq::GetPropertiesAll(_) | Rq::GetPropertiesList(_) => {
            need_at(call, &at, Action::SeeFolder)
        }
        Rq::SetProperties(_)
        | Rq::SetPropertiesNoReplicate(_)
        | Rq::DeleteProperties(_)
        | Rq::DeletePropertiesNoReplicate(_)
        | Rq::CommitStream(_)
        | Rq::WriteAndCommitStream(_) => need_change(call, &at),
        Rq::OpenStream(body) => match body.mode {
            StreamMode::ReadOnly => need_at(call, &at, Action::SeeFolder),
            _ => need_change(call, &at),
        },
        Rq::CopyProperties(_) => {
            need_at(call, &at, Action::SeeFolder)?;
            need_copied(call, target)
        }
        Rq::CopyTo(body) => {
            if let (At::Folder(source), true) = (&at, body.want_sub_objects) {
                need_tree(call, *source, Action::SeeFolder)?;
                need_tree(call, *source, Action::ReadItem(OF_OTHERS))?;
            }
            need_at(call, &at, Action::SeeFolder)?;
            need_copied(call, target)
        }

        // Its handler says that public folders have none.
        Rq::SetReceiveFolder(_) if call.mailbox()?.is_public() => Ok(()),

        // [MS-OXOMSG]: a message that is sent leaves its folder.
        Rq::SubmitMessage(_) | Rq::TransportSend(_) => need_save(call, &at),
        Rq::AbortSubmit(body) => need_item(call, body.message, Action::DeleteItem),
        Rq::SetSpooler(_)
        | Rq::SpoolerLockMessage(_)
        | Rq::TransportNewMail(_)
        | Rq::SetReceiveFolder(_)
        | Rq::UpdateDeferredActionMessages(_) => whole(call),

        // [MS-OXCNOTIF]
        Rq::RegisterNotification(body) => match body.scope {
            NotificationScope::WholeStore => whole(call),
            NotificationScope::Object { folder, message } if message.is_none() => {
                call.need(folder, Action::SeeFolder)
            }
            NotificationScope::Object { message, .. } => {
                need_item(call, message, Action::ReadItem)
            }
        },

        // [MS-OXCFXICS]: they answer themselves that they are not there.
        fast_transfer_and_ics!() => Ok(()),
    }
}

const OF_OTHERS: Item = Item { own: false, associated: false };

/// What an object is, as far as rights go.
enum At {
    Logon,
    Folder(FolderId),
    /// A message, or something in it. NONE before the first save.
    Message {
        folder: FolderId,
        id: MessageId,
        associated: bool,
    },
    Table,
}

fn place_of(call: &Call<'_>, node: NodeId) -> At {
    let mut at = node;
    loop {
        match call.tree.get(at) {
            Some(Object::Folder(folder)) => return At::Folder(folder.id),
            // Only the outermost message has a folder.
            Some(Object::Message(message)) if call.tree.owner(at).is_none() => {
                return At::Message {
                    folder: message.edit.folder,
                    id: message.edit.id,
                    associated: message.edit.associated,
                };
            }
            Some(Object::Table(table)) if table.kind != TableKind::Attachments => return At::Table,
            _ => match call.tree.owner(at) {
                Some(owner) => at = owner,
                None => return At::Logon,
            },
        }
    }
}

/// What concerns the mailbox as a whole is for those with full access.
fn whole(call: &Call<'_>) -> Result<()> {
    call.need(store::SpecialFolder::Root.id(), Action::WholeMailbox)
}

fn need_at(call: &Call<'_>, at: &At, action: Action) -> Result<()> {
    match at {
        At::Folder(folder) => call.need(*folder, action),
        At::Logon | At::Message { .. } | At::Table => Ok(()),
    }
}

/// A folder that a ROP names by its id: one that the user may not see is not there for him.
fn need_visible(call: &Call<'_>, id: FolderId) -> Result<()> {
    match call.may(id, Action::SeeFolder)? {
        true => Ok(()),
        false => Err(ErrorCode::NOT_FOUND.into()),
    }
}

fn need_change(call: &Call<'_>, at: &At) -> Result<()> {
    match at {
        At::Logon => whole(call),
        At::Folder(folder) => call.need(*folder, Action::ChangeFolder),
        // A message takes changes if it was opened for them.
        At::Message { .. } | At::Table => Ok(()),
    }
}

fn need_copied(call: &Call<'_>, target: Option<NodeId>) -> Result<()> {
    match target {
        Some(target) => need_change(call, &place_of(call, target)),
        None => Ok(()),
    }
}

/// A message may be written to its folder: as a new one, or as it was before.
fn need_save(call: &Call<'_>, at: &At) -> Result<()> {
    match *at {
        At::Message { folder, id, associated } if id.is_none() => {
            call.need(folder, Action::CreateItem { associated })
        }
        _ => need_edit(call, at),
    }
}

fn need_edit(call: &Call<'_>, at: &At) -> Result<()> {
    match *at {
        At::Message { id, .. } if !id.is_none() => need_item(call, id, Action::EditItem),
        _ => Ok(()),
    }
}

/// What is stored of the message counts, not what the client says of it.
fn need_item(call: &Call<'_>, id: MessageId, action: fn(Item) -> Action) -> Result<()> {
    match permission::item(call, id)? {
        Some((folder, item)) => call.need(folder, action(item)),
        // The handler says that it is not there.
        None => Ok(()),
    }
}

/// What a search folder shows is in folders that may grant nothing.
fn need_no_search(call: &Call<'_>, at: &At) -> Result<()> {
    let At::Folder(id) = at else { return Ok(()) };
    match folder::info(&*call.mailbox()?, *id)?.kind {
        FolderKind::Search => Err(ErrorCode::ACCESS_DENIED.into()),
        FolderKind::Root | FolderKind::Generic => Ok(()),
    }
}

fn need_target(call: &Call<'_>, target: Option<NodeId>, action: Action) -> Result<()> {
    match target {
        Some(target) => need_at(call, &place_of(call, target), action),
        None => Ok(()),
    }
}

/// The right in a folder and in all below it.
fn need_tree(call: &Call<'_>, top: FolderId, action: Action) -> Result<()> {
    let mailbox = call.mailbox()?;
    let mut pending = vec![top];
    while let Some(id) = pending.pop() {
        call.need(id, action)?;
        pending.extend(folder::children(&mailbox, id)?.iter().map(|child| child.id));
    }
    Ok(())
}

/// All that is in a folder goes, whoever made it.
fn need_emptying(call: &Call<'_>, at: &At, associated: bool) -> Result<()> {
    let At::Folder(id) = at else { return Ok(()) };
    call.need(*id, Action::DeleteItem(OF_OTHERS))?;
    if associated {
        call.need(*id, Action::ChangeFolder)?;
    }
    for child in folder::children(&*call.mailbox()?, *id)? {
        need_tree(call, child.id, Action::ChangeFolder)?;
    }
    Ok(())
}

fn need_rows(call: &Call<'_>, node: NodeId, request: &Rq) -> Result<()> {
    let Some(Object::Table(table)) = call.tree.get(node) else { return Ok(()) };
    match table.kind {
        TableKind::Attachments => Ok(()),
        TableKind::Rules { folder } => call.need(folder, Action::ChangeFolder),
        TableKind::Permissions { folder, .. } => match request {
            // MS-OXCPERM R2007
            Rq::QueryRows(_) => call.need(folder, Action::ReadPermissions),
            _ => Ok(()),
        },
        TableKind::Contents | TableKind::Hierarchy => {
            let Some(source) = &table.source else { return Ok(()) };
            call.need(source.folder, Action::SeeFolder)?;
            // A table of all items, opened by who could read them then.
            match table.kind == TableKind::Contents && source.guard.is_none() {
                true => call.need(source.folder, Action::ReadItem(OF_OTHERS)),
                false => Ok(()),
            }
        }
    }
}
