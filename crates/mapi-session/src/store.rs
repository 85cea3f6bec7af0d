//! A message store: what IMsgStore is.

use std::sync::Arc;

use mapi::entry_id::{EntryId, FolderEntryId, MessageEntryId};
use mapi::text::String8;
use mapi::wire::Wire;
use mapi::{FolderId, Guid, LongTermId, MessageId, PropertyTag, ReplId, tags};
use mapi_rop::folder::{OpenFolderFlags, OpenFolderRequest};
use mapi_rop::irregular::LogonResponse;
use mapi_rop::logon::{
    GetReceiveFolderRequest, IdFromLongTermIdRequest, LogonRequest, LongTermIdFromIdRequest,
    RECEIVE_FOLDER_COLUMNS, SetReceiveFolderRequest, SpecialFolder, SpecialFolders,
};
use mapi_rop::transport::AbortSubmitRequest;
use mapi_rop::{Empty, Handle, RopRequest};

use crate::connection::Connection;
use crate::object::{HasObject, ServerObject, answer};
use crate::{Error, EventKinds, Folder, MapiProp, Message, Result, Row, Scope, Subscription};

/// An open message store ([MS-OXCSTOR]).
///
/// ```
/// # #[cfg(feature = "loopback")] {
/// use mapi::tags;
/// use mapi_session::{Entry, MapiProp, Profile, Session};
///
/// let session = Session::logon(Profile::in_memory("me@example.test")?)?;
/// let store = session.open_default_msg_store()?;
/// let (folder, _class) = store.receive_folder("IPM.Note")?;
/// assert_eq!(folder.text(tags::DISPLAY_NAME)?.as_deref(), Some("Inbox"));
///
/// let entry_id = folder.entry_id()?;
/// let Entry::Folder(same) = store.open_entry(&entry_id)? else { panic!("a message") };
/// assert_eq!(same.id(), folder.id());
/// # }
/// # Ok::<(), mapi_session::Error>(())
/// ```
///
/// Dropping it closes it, unless something opened from it still lives: that keeps the logon alive until it
/// goes too. [`MsgStore::logoff`] closes it under everything.
pub struct MsgStore {
    object: Arc<ServerObject>,
    info: Arc<StoreInfo>,
}

/// What a logon told about the store. Everything opened from it knows it.
pub(crate) struct StoreInfo {
    pub(crate) kind: StoreKind,
    pub(crate) folders: SpecialFolders,
    /// What stands for `replica_guid` in short ids.
    pub(crate) replica: ReplId,
    pub(crate) replica_guid: Guid,
    pub(crate) entry_id: Vec<u8>,
}

/// Whose folders they are: their entry ids say it.
pub(crate) enum StoreKind {
    Mailbox(Guid),
    Public,
}

/// What [`MsgStore::open_entry`] opened.
#[derive(Debug)]
pub enum Entry {
    /// A folder.
    Folder(Folder),
    /// A message.
    Message(Message),
}

impl MsgStore {
    pub(crate) fn open(
        connection: &Arc<Connection>,
        request: LogonRequest,
        entry_id: Vec<u8>,
    ) -> Result<MsgStore> {
        let (object, answer) = log_on(connection, request)?;
        let LogonResponse::Private(logon) = answer else {
            return Err(Error::Protocol("a public folder store instead of a mailbox".into()));
        };
        let info = StoreInfo {
            kind: StoreKind::Mailbox(logon.mailbox_guid),
            folders: logon.folders,
            replica: logon.replica,
            replica_guid: logon.replica_guid,
            entry_id,
        };
        Ok(MsgStore { object, info: Arc::new(info) })
    }

    /// The store's entry id, for [`crate::Session::open_msg_store`].
    pub fn entry_id(&self) -> &[u8] {
        &self.info.entry_id
    }

    /// The mailbox's GUID, which stands in the entry ids of its folders and messages.
    pub fn mailbox_guid(&self) -> Guid {
        match self.info.kind {
            StoreKind::Mailbox(guid) => guid,
            StoreKind::Public => Guid::NULL,
        }
    }

    /// Hears of what happens in the store from now on, until the subscription is dropped.
    pub fn subscribe(&self, kinds: EventKinds, scope: Scope) -> Result<Subscription> {
        Subscription::open(&self.object, kinds, scope)
    }

    /// The root of all folders; what users see is below [`MsgStore::ipm_subtree`].
    pub fn root_folder(&self) -> Result<Folder> {
        self.special_folder(SpecialFolder::Root)
    }

    /// The top of what users see.
    pub fn ipm_subtree(&self) -> Result<Folder> {
        self.special_folder(SpecialFolder::IpmSubtree)
    }

    /// The Inbox.
    pub fn inbox(&self) -> Result<Folder> {
        self.special_folder(SpecialFolder::Inbox)
    }

    /// The Outbox.
    pub fn outbox(&self) -> Result<Folder> {
        self.special_folder(SpecialFolder::Outbox)
    }

    /// Sent Items.
    pub fn sent_items(&self) -> Result<Folder> {
        self.special_folder(SpecialFolder::SentItems)
    }

    /// Deleted Items.
    pub fn deleted_items(&self) -> Result<Folder> {
        self.special_folder(SpecialFolder::DeletedItems)
    }

    /// The Drafts folder ([MS-OXOSFLD] 2.2.3: its entry id is a property of the Inbox).
    pub fn drafts(&self) -> Result<Folder> {
        self.folder_by_inbox(tags::IPM_DRAFTS_ENTRY_ID)
    }

    /// The calendar: appointments.
    pub fn calendar(&self) -> Result<Folder> {
        self.folder_by_inbox(tags::IPM_APPOINTMENT_ENTRY_ID)
    }

    /// The contacts.
    pub fn contacts(&self) -> Result<Folder> {
        self.folder_by_inbox(tags::IPM_CONTACT_ENTRY_ID)
    }

    /// The tasks.
    pub fn tasks(&self) -> Result<Folder> {
        self.folder_by_inbox(tags::IPM_TASK_ENTRY_ID)
    }

    /// The notes.
    pub fn notes(&self) -> Result<Folder> {
        self.folder_by_inbox(tags::IPM_NOTE_ENTRY_ID)
    }

    /// The journal.
    pub fn journal(&self) -> Result<Folder> {
        self.folder_by_inbox(tags::IPM_JOURNAL_ENTRY_ID)
    }

    /// One of the 13 folders that a logon tells ([MS-OXCSTOR] 2.2.1.1.3).
    pub fn special_folder(&self, which: SpecialFolder) -> Result<Folder> {
        self.open_folder(self.special_folder_id(which))
    }

    /// The id of one of the 13 folders, without opening it.
    pub fn special_folder_id(&self, which: SpecialFolder) -> FolderId {
        self.info.special_folder_id(which)
    }

    /// Opens a folder by its id ([MS-OXCROPS] 2.2.4.1).
    ///
    /// # Errors
    ///
    /// [`mapi::ErrorCode::NOT_FOUND`] if there is none of that id.
    pub fn open_folder(&self, id: FolderId) -> Result<Folder> {
        open_folder(&self.object, &self.info, id)
    }

    /// Opens a folder or a message of this store by its entry id.
    ///
    /// # Errors
    ///
    /// [`Error::ForeignEntryId`] for one of another store.
    pub fn open_entry(&self, entry_id: &[u8]) -> Result<Entry> {
        match EntryId::parse(entry_id) {
            EntryId::Folder(id) if id.provider == self.mailbox_guid() => {
                self.open_folder(self.folder_id(id.folder)?).map(Entry::Folder)
            }
            EntryId::Message(id) if id.provider == self.mailbox_guid() => {
                let folder = self.folder_id(id.folder)?;
                let message = self.message_id(id.message)?;
                Message::open(&self.object, &self.info, folder, message).map(Entry::Message)
            }
            EntryId::Folder(_) | EntryId::Message(_) => Err(Error::ForeignEntryId),
            _ => Err(Error::InvalidArgument("the entry id is not that of a folder or a message")),
        }
    }

    /// Whether two entry ids stand for the same object, although their bytes may differ: flags are
    /// temporary, and names of mailboxes have no case.
    pub fn compare_entry_ids(&self, a: &[u8], b: &[u8]) -> bool {
        match (EntryId::parse(a), EntryId::parse(b)) {
            (EntryId::Folder(a), EntryId::Folder(b)) => {
                (a.provider, a.folder) == (b.provider, b.folder)
            }
            // A message is the same wherever it was looked at.
            (EntryId::Message(a), EntryId::Message(b)) => {
                (a.provider, a.message) == (b.provider, b.message)
            }
            (EntryId::Store(a), EntryId::Store(b)) => {
                let name = |dn: Option<String8>| dn.map(|dn| dn.0.to_ascii_lowercase());
                a.server.0.eq_ignore_ascii_case(&b.server.0)
                    && name(a.mailbox_dn()) == name(b.mailbox_dn())
            }
            // Other providers' ids: the flags in front do not count.
            _ => a.len() == b.len() && a.get(4..) == b.get(4..),
        }
    }

    /// The folder that takes new messages of a class, and the class in the table that decided
    /// ([MS-OXCSTOR] 2.2.1.2). An empty class asks for the default.
    pub fn receive_folder(&self, message_class: &str) -> Result<(Folder, String)> {
        let request = GetReceiveFolderRequest { message_class: String8::from(message_class) };
        let answer =
            answer!(self.object.call(RopRequest::GetReceiveFolder(request)), GetReceiveFolder);
        let class = String::from_utf8_lossy(&answer.explicit_class.0).into_owned();
        Ok((self.open_folder(answer.folder)?, class))
    }

    /// The whole table of [`MsgStore::receive_folder`]: rows of PidTagFolderId, PidTagMessageClass (8-bit)
    /// and PidTagLastModificationTime ([MS-OXCSTOR] 2.2.1.4).
    pub fn receive_folder_table(&self) -> Result<Vec<Row>> {
        let request = RopRequest::GetReceiveFolderTable(Empty);
        let rows = answer!(self.object.call(request), GetReceiveFolderTable).rows.items;
        let columns: Arc<[PropertyTag]> = Arc::from(RECEIVE_FOLDER_COLUMNS);
        Ok(rows.into_iter().map(|row| Row::new(columns.clone(), row.0)).collect())
    }

    /// Makes new messages of a class go to a folder; None takes the class out of the table
    /// ([MS-OXCSTOR] 2.2.1.3).
    pub fn set_receive_folder(&self, message_class: &str, folder: Option<FolderId>) -> Result<()> {
        let request = SetReceiveFolderRequest {
            folder: folder.unwrap_or(FolderId::NONE),
            message_class: String8::from(message_class),
        };
        answer!(self.object.call(RopRequest::SetReceiveFolder(request)), SetReceiveFolder);
        Ok(())
    }

    /// Takes a submitted message back that is not sent yet: it is unsent again ([MS-OXOMSG] 2.2.4.2).
    ///
    /// # Errors
    ///
    /// [`mapi::ErrorCode::NOT_IN_QUEUE`] for a message that is sent, or never was submitted;
    /// [`mapi::ErrorCode::UNABLE_TO_ABORT`] for one that is being sent.
    pub fn abort_submit(&self, folder: FolderId, message: MessageId) -> Result<()> {
        let request = AbortSubmitRequest { folder, message };
        answer!(self.object.call(RopRequest::AbortSubmit(request)), AbortSubmit);
        Ok(())
    }

    /// Closes the store under everything that was opened from it, and waits until that has been sent.
    /// What is still open answers [`Error::Closed`] from then on; its Drop is safe.
    pub fn logoff(self) -> Result<()> {
        self.object.close()
    }

    fn folder_by_inbox(&self, tag: PropertyTag) -> Result<Folder> {
        let inbox = self.inbox()?;
        let entry_id = match inbox.property(tag)? {
            Some(value) => value,
            // [MS-OXOSFLD] 2.2.3: on the root folder as well.
            None => self.root_folder()?.property(tag)?.ok_or(Error::Code {
                operation: "finding a special folder",
                code: mapi::ErrorCode::NOT_FOUND,
            })?,
        };
        match self.open_entry(entry_id.as_binary().unwrap_or_default())? {
            Entry::Folder(folder) => Ok(folder),
            Entry::Message(_) => Err(Error::Protocol("a message where a folder should be".into())),
        }
    }

    fn folder_id(&self, id: LongTermId) -> Result<FolderId> {
        match self.info.replica_of(id) {
            Some(replica) => Ok(FolderId::new(replica, id.counter)),
            None => Ok(self.short_id(id)?.folder()),
        }
    }

    fn message_id(&self, id: LongTermId) -> Result<MessageId> {
        match self.info.replica_of(id) {
            Some(replica) => Ok(MessageId::new(replica, id.counter)),
            None => Ok(self.short_id(id)?.message()),
        }
    }

    fn short_id(&self, long_term_id: LongTermId) -> Result<mapi_rop::parts::ObjectId> {
        let request = IdFromLongTermIdRequest { long_term_id };
        Ok(answer!(self.object.call(RopRequest::IdFromLongTermId(request)), IdFromLongTermId).id)
    }
}

impl StoreInfo {
    pub(crate) fn special_folder_id(&self, which: SpecialFolder) -> FolderId {
        self.folders[which]
    }

    /// The mailbox's own ids need no question to the server.
    fn replica_of(&self, id: LongTermId) -> Option<ReplId> {
        (id.replica == self.replica_guid).then_some(self.replica)
    }

    pub(crate) fn folder_entry_id(&self, object: &ServerObject, id: FolderId) -> Result<Vec<u8>> {
        let folder = self.long_term_id(object, id.replica, id.counter, id.into())?;
        Ok(match self.kind {
            StoreKind::Mailbox(guid) => FolderEntryId::private(guid, folder),
            StoreKind::Public => FolderEntryId::public(folder),
        }
        .to_wire())
    }

    pub(crate) fn message_entry_id(
        &self,
        object: &ServerObject,
        folder: FolderId,
        id: MessageId,
    ) -> Result<Vec<u8>> {
        let folder = self.long_term_id(object, folder.replica, folder.counter, folder.into())?;
        let message = self.long_term_id(object, id.replica, id.counter, id.into())?;
        Ok(match self.kind {
            StoreKind::Mailbox(guid) => MessageEntryId::private(guid, folder, message),
            StoreKind::Public => MessageEntryId::public(folder, message),
        }
        .to_wire())
    }

    pub(crate) fn long_term_id(
        &self,
        object: &ServerObject,
        replica: ReplId,
        counter: mapi::GlobalCounter,
        id: mapi_rop::parts::ObjectId,
    ) -> Result<LongTermId> {
        if replica == self.replica {
            return Ok(LongTermId::new(self.replica_guid, counter));
        }
        Ok(answer!(
            object.call(RopRequest::LongTermIdFromId(LongTermIdFromIdRequest { id })),
            LongTermIdFromId
        )
        .long_term_id)
    }
}

/// Logs on, and owns the logon from then on.
pub(crate) fn log_on(
    connection: &Arc<Connection>,
    request: LogonRequest,
) -> Result<(Arc<ServerObject>, LogonResponse)> {
    let life = connection.releases().begin_logon()?;
    let columns: Arc<[PropertyTag]> = Arc::from([]);
    let outcome = connection.execute(&life, RopRequest::Logon(request), &[Handle::NONE], &columns);
    let (answer, handle) = match outcome {
        Ok(opened) => opened,
        Err(error) => {
            connection.releases().end_logon(&life, Handle::NONE);
            return Err(error);
        }
    };
    // From here on the object releases the logon whatever happens.
    let object = Arc::new(ServerObject::logon(connection.clone(), life, handle));
    Ok((object, answer!(Ok::<_, Error>(answer), Logon)))
}

pub(crate) fn open_folder(
    store: &Arc<ServerObject>,
    info: &Arc<StoreInfo>,
    id: FolderId,
) -> Result<Folder> {
    open_folder_as(store, info, id, OpenFolderFlags::NONE)
}

pub(crate) fn open_folder_as(
    store: &Arc<ServerObject>,
    info: &Arc<StoreInfo>,
    id: FolderId,
    flags: OpenFolderFlags,
) -> Result<Folder> {
    let request = OpenFolderRequest { folder: id, flags };
    let (answer, object) = store.open(RopRequest::OpenFolder(request), "the folder")?;
    answer!(Ok::<_, Error>(answer), OpenFolder);
    Ok(Folder::new(object, store.clone(), info.clone(), id))
}

impl HasObject for MsgStore {
    fn object(&self) -> &Arc<ServerObject> {
        &self.object
    }
}

impl MapiProp for MsgStore {}

impl std::fmt::Debug for MsgStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MsgStore").field("mailbox", &self.mailbox_guid()).finish_non_exhaustive()
    }
}
