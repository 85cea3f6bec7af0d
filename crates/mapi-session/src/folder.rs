//! Folders: what IMAPIFolder is.

use std::sync::Arc;

use mapi::{FolderId, MessageId};
use mapi_rop::RopRequest;
use mapi_rop::folder::{
    DeleteFolderFlags, DeleteFolderRequest, DeleteMessagesRequest, EmptyFolderRequest, FolderType,
    GetTableRequest, MoveCopyMessagesRequest, OpenFolderFlags, TableFlags,
};
use mapi_rop::irregular::{CopyFolderRequest, CreateFolderRequest, FolderTexts, MoveFolderRequest};
use mapi_rop::message::{OpenMessageFlags, ReadFlags, SetReadFlagsRequest};

use crate::object::{HasObject, ServerObject, answer};
use crate::store::{StoreInfo, open_folder, open_folder_as};
use crate::table::{CONTENTS_COLUMNS, HIERARCHY_COLUMNS};
use crate::{Error, MapiProp, Message, Result, Table};

/// How many ids one request carries: eight bytes each, in a buffer of 32 KB.
const IDS: usize = 2000;

/// An open folder ([MS-OXCFOLD]).
///
/// ```
/// # #[cfg(feature = "loopback")] {
/// use mapi::tags;
/// use mapi_session::{MapiProp, Profile, Session};
///
/// let session = Session::logon(Profile::in_memory("me@example.test")?)?;
/// let store = session.open_default_msg_store()?;
/// let orders = store.ipm_subtree()?.create_folder("Orders")?;
/// let message = orders.create_message()?;
/// message.set(tags::SUBJECT, "One of each, please")?;
/// let id = message.save()?;
///
/// orders.move_messages(&[id], &store.inbox()?)?;
/// assert_eq!(orders.contents_table()?.row_count()?, 0);
/// # }
/// # Ok::<(), mapi_session::Error>(())
/// ```
pub struct Folder {
    object: Arc<ServerObject>,
    store: Arc<ServerObject>,
    info: Arc<StoreInfo>,
    id: FolderId,
}

impl Folder {
    pub(crate) fn new(
        object: ServerObject,
        store: Arc<ServerObject>,
        info: Arc<StoreInfo>,
        id: FolderId,
    ) -> Self {
        Folder { object: Arc::new(object), store, info, id }
    }

    /// The folder's id (FID), which it keeps for ever, also when it is moved.
    pub fn id(&self) -> FolderId {
        self.id
    }

    /// The folder's entry id, for [`crate::MsgStore::open_entry`].
    pub fn entry_id(&self) -> Result<Vec<u8>> {
        self.info.folder_entry_id(&self.store, self.id)
    }

    /// The messages of the folder as a table.
    pub fn contents_table(&self) -> Result<Table> {
        self.contents(TableFlags::NONE)
    }

    /// The folder's associated (FAI) messages as a table: views, rules and settings.
    pub fn associated_contents_table(&self) -> Result<Table> {
        self.contents(TableFlags::ASSOCIATED)
    }

    /// The folders directly below as a table.
    pub fn hierarchy_table(&self) -> Result<Table> {
        self.hierarchy(TableFlags::NONE)
    }

    /// The folders of all levels below as a table, with PidTagDepth.
    pub fn deep_hierarchy_table(&self) -> Result<Table> {
        self.hierarchy(TableFlags::DEPTH)
    }

    /// The soft-deleted messages of the folder as a table, with PidTagDeletedOn. Move one to a folder to have
    /// it back.
    pub fn deleted_contents_table(&self) -> Result<Table> {
        self.contents(TableFlags::SOFT_DELETES)
    }

    /// The soft-deleted folders directly below as a table, with PidTagDeletedOn. Move one to have it back with
    /// all that it holds.
    pub fn deleted_hierarchy_table(&self) -> Result<Table> {
        self.hierarchy(TableFlags::SOFT_DELETES)
    }

    /// Makes a folder below this one and opens it.
    ///
    /// # Errors
    ///
    /// [`mapi::ErrorCode::DUPLICATE_NAME`] if there is one of that name.
    pub fn create_folder(&self, name: &str) -> Result<Folder> {
        self.make_folder(name, false)
    }

    /// Opens the folder of this name below this one; makes it if it is not there.
    pub fn open_or_create_folder(&self, name: &str) -> Result<Folder> {
        self.make_folder(name, true)
    }

    /// Opens a folder of the same store by its id.
    pub fn open_folder(&self, id: FolderId) -> Result<Folder> {
        open_folder(&self.store, &self.info, id)
    }

    /// Opens a folder of the same store that may be soft-deleted. What it holds can be read, moved and copied.
    pub fn open_deleted_folder(&self, id: FolderId) -> Result<Folder> {
        open_folder_as(&self.store, &self.info, id, OpenFolderFlags::OPEN_SOFT_DELETED)
    }

    /// Makes a message. Nothing of it is there until [`Message::save`].
    pub fn create_message(&self) -> Result<Message> {
        Message::create(&self.store, &self.info, self.id, false)
    }

    /// Makes an associated (FAI) message.
    pub fn create_associated_message(&self) -> Result<Message> {
        Message::create(&self.store, &self.info, self.id, true)
    }

    /// Opens a message, with as much access as the user has ([MS-OXCROPS] 2.2.6.1).
    ///
    /// # Errors
    ///
    /// [`mapi::ErrorCode::NOT_FOUND`] if there is none of that id in this folder.
    pub fn open_message(&self, id: MessageId) -> Result<Message> {
        Message::open(&self.store, &self.info, self.id, id)
    }

    /// Opens a message of this folder that may be soft-deleted ([MS-OXCMSG] 2.2.3.1.1).
    pub fn open_deleted_message(&self, id: MessageId) -> Result<Message> {
        let flags = OpenMessageFlags::BEST_ACCESS | OpenMessageFlags::OPEN_SOFT_DELETED;
        Message::open_as(&self.store, &self.info, self.id, id, flags)
    }

    /// Copies messages into another folder of the same store.
    ///
    /// # Errors
    ///
    /// [`Error::Partial`] if some were copied and some were not; so for all that take several messages.
    pub fn copy_messages(&self, messages: &[MessageId], destination: &Folder) -> Result<()> {
        self.move_or_copy(messages, destination, true)
    }

    /// Moves messages into another folder of the same store. They get new ids there.
    pub fn move_messages(&self, messages: &[MessageId], destination: &Folder) -> Result<()> {
        self.move_or_copy(messages, destination, false)
    }

    /// Deletes messages; where the store keeps deleted ones, they can be had back for a while.
    pub fn delete_messages(&self, messages: &[MessageId]) -> Result<()> {
        in_pieces(messages, "deleting messages", |piece| {
            let request = deletion(piece);
            Ok(answer!(self.object.call(RopRequest::DeleteMessages(request)), DeleteMessages)
                .partial_completion)
        })
    }

    /// Deletes messages for good.
    pub fn hard_delete_messages(&self, messages: &[MessageId]) -> Result<()> {
        in_pieces(messages, "deleting messages", |piece| {
            let request = deletion(piece);
            Ok(answer!(
                self.object.call(RopRequest::HardDeleteMessages(request)),
                HardDeleteMessages
            )
            .partial_completion)
        })
    }

    /// Marks messages as read or unread; no read receipts are sent. An empty list means all.
    pub fn set_read_flags(&self, messages: &[MessageId], read: bool) -> Result<()> {
        let set = |piece: &[MessageId]| {
            let request = SetReadFlagsRequest {
                want_asynchronous: false,
                flags: read_flags(read),
                messages: piece.to_vec().into(),
            };
            Ok(answer!(self.object.call(RopRequest::SetReadFlags(request)), SetReadFlags)
                .partial_completion)
        };
        match messages.is_empty() {
            true => complete(set(&[])?, "setting read flags"),
            false => in_pieces(messages, "setting read flags", set),
        }
    }

    /// Deletes all messages and folders in the folder; with `associated` the FAI messages as well. They can be
    /// had back for a while.
    pub fn empty(&self, associated: bool) -> Result<()> {
        let request =
            EmptyFolderRequest { want_asynchronous: false, want_delete_associated: associated };
        let answer = answer!(self.object.call(RopRequest::EmptyFolder(request)), EmptyFolder);
        complete(answer.partial_completion, "emptying a folder")
    }

    /// As [`Folder::empty`], for good, with what was soft-deleted before.
    pub fn hard_empty(&self, associated: bool) -> Result<()> {
        let request =
            EmptyFolderRequest { want_asynchronous: false, want_delete_associated: associated };
        let answer = answer!(
            self.object.call(RopRequest::HardDeleteMessagesAndSubfolders(request)),
            HardDeleteMessagesAndSubfolders
        );
        complete(answer.partial_completion, "emptying a folder")
    }

    /// Deletes a folder below this one with everything in it ([MS-OXCROPS] 2.2.4.3). It can be had back for a
    /// while.
    ///
    /// # Errors
    ///
    /// The store's code if there is none of that id, or if it is one of the special folders.
    pub fn delete_folder(&self, id: FolderId) -> Result<()> {
        self.delete_folder_as(id, DeleteFolderFlags::NONE)
    }

    /// Deletes a folder below this one for good, also a soft-deleted one.
    ///
    /// # Errors
    ///
    /// As [`Folder::delete_folder`].
    pub fn hard_delete_folder(&self, id: FolderId) -> Result<()> {
        self.delete_folder_as(id, DeleteFolderFlags::DELETE_HARD_DELETE)
    }

    fn delete_folder_as(&self, id: FolderId, how: DeleteFolderFlags) -> Result<()> {
        let flags = DeleteFolderFlags::DEL_MESSAGES | DeleteFolderFlags::DEL_FOLDERS | how;
        let request = DeleteFolderRequest { flags, folder: id };
        let answer = answer!(self.object.call(RopRequest::DeleteFolder(request)), DeleteFolder);
        complete(answer.partial_completion, "deleting a folder")
    }

    /// Moves a folder below this one to another place, under a new name.
    pub fn move_folder(&self, id: FolderId, destination: &Folder, name: &str) -> Result<()> {
        let request =
            MoveFolderRequest { want_asynchronous: false, folder: id, new_name: name.into() };
        let answer = answer!(
            self.object.call_onto(RopRequest::MoveFolder(request), &destination.object),
            MoveFolder
        );
        complete(answer.partial_completion, "moving a folder")
    }

    /// Copies a folder below this one with its messages, and with `recursive` its folders, to another
    /// place.
    pub fn copy_folder(
        &self,
        id: FolderId,
        destination: &Folder,
        name: &str,
        recursive: bool,
    ) -> Result<()> {
        let request = CopyFolderRequest {
            want_asynchronous: false,
            want_recursive: recursive,
            folder: id,
            new_name: name.into(),
        };
        let answer = answer!(
            self.object.call_onto(RopRequest::CopyFolder(request), &destination.object),
            CopyFolder
        );
        complete(answer.partial_completion, "copying a folder")
    }

    /// Releases the folder and waits until that has been sent.
    pub fn close(self) -> Result<()> {
        self.object.close()
    }

    fn contents(&self, flags: TableFlags) -> Result<Table> {
        // Nobody is told of its rows; so the server need not work them out.
        let flags = flags | TableFlags::NO_NOTIFICATIONS;
        let request = RopRequest::GetContentsTable(GetTableRequest { flags });
        let (answer, object) = self.object.open(request, "the table")?;
        answer!(Ok::<_, Error>(answer), GetContentsTable);
        Ok(Table::new(object, &CONTENTS_COLUMNS))
    }

    fn hierarchy(&self, flags: TableFlags) -> Result<Table> {
        let flags = flags | TableFlags::NO_NOTIFICATIONS;
        let request = RopRequest::GetHierarchyTable(GetTableRequest { flags });
        let (answer, object) = self.object.open(request, "the table")?;
        answer!(Ok::<_, Error>(answer), GetHierarchyTable);
        Ok(Table::new(object, &HIERARCHY_COLUMNS))
    }

    fn make_folder(&self, name: &str, open_existing: bool) -> Result<Folder> {
        let request = CreateFolderRequest {
            folder_type: FolderType::Generic,
            open_existing,
            reserved: 0,
            texts: FolderTexts::Unicode { display_name: name.into(), comment: "".into() },
        };
        let (answer, object) =
            self.object.open_under(&self.store, RopRequest::CreateFolder(request), "the folder")?;
        let id = answer!(Ok::<_, Error>(answer), CreateFolder).folder;
        Ok(Folder::new(object, self.store.clone(), self.info.clone(), id))
    }

    fn move_or_copy(
        &self,
        messages: &[MessageId],
        destination: &Folder,
        want_copy: bool,
    ) -> Result<()> {
        let operation = if want_copy { "copying messages" } else { "moving messages" };
        in_pieces(messages, operation, |piece| {
            let request = MoveCopyMessagesRequest {
                messages: piece.to_vec().into(),
                want_asynchronous: false,
                want_copy,
            };
            let outcome =
                self.object.call_onto(RopRequest::MoveCopyMessages(request), &destination.object);
            Ok(answer!(outcome, MoveCopyMessages).partial_completion)
        })
    }
}

/// The flags of a read state without receipts ([MS-OXCMSG] 2.2.3.10.1).
pub(crate) fn read_flags(read: bool) -> ReadFlags {
    match read {
        true => ReadFlags::SUPPRESS_RECEIPT,
        false => ReadFlags::CLEAR_READ_FLAG,
    }
}

fn deletion(messages: &[MessageId]) -> DeleteMessagesRequest {
    DeleteMessagesRequest {
        want_asynchronous: false,
        notify_non_read: false,
        messages: messages.to_vec().into(),
    }
}

/// Runs an operation over all messages, in requests that fit, and tells if any of it was not done.
fn in_pieces(
    messages: &[MessageId],
    operation: &'static str,
    mut run: impl FnMut(&[MessageId]) -> Result<bool>,
) -> Result<()> {
    let mut partial = false;
    for piece in messages.chunks(IDS) {
        partial |= run(piece)?;
    }
    complete(partial, operation)
}

pub(crate) fn complete(partial: bool, operation: &'static str) -> Result<()> {
    match partial {
        true => Err(Error::Partial { operation }),
        false => Ok(()),
    }
}

impl HasObject for Folder {
    fn object(&self) -> &Arc<ServerObject> {
        &self.object
    }
}

impl MapiProp for Folder {}

impl std::fmt::Debug for Folder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Folder").field("id", &self.id).finish_non_exhaustive()
    }
}
