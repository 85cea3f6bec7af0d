//! Messages: what IMessage is.

use std::sync::{Arc, Mutex, PoisonError};

use mapi::server_id::ServerId;
use mapi::{FolderId, MessageId, PropertyValue, Wire, tags};
use mapi_rop::RopRequest;
use mapi_rop::logon::SpecialFolder;
use mapi_rop::message::{
    AttachmentIdBody, AttachmentTableFlags, CreateMessageRequest, GetAttachmentTableRequest,
    LOGON_CODE_PAGE, ModifyRecipientRow, ModifyRecipientsRequest, OpenAttachmentFlags,
    OpenAttachmentRequest, OpenMessageFlags, OpenMessageRequest, ReadRecipientsRequest,
    ReloadCachedInformationRequest, RemoveAllRecipientsRequest, SaveChangesRequest, SaveFlags,
    SetMessageReadFlagRequest,
};
use mapi_rop::transport::{SubmitFlags, SubmitMessageRequest};

use crate::folder::read_flags;
use crate::object::{HasObject, ServerObject, answer};
use crate::recipient::{self, NewRecipient, Recipient, RecipientKind};
use crate::store::StoreInfo;
use crate::table::ATTACHMENT_COLUMNS;
use crate::{Attachment, Error, MapiProp, Result, Table};

/// An open message: one in a folder, a new one, or one embedded in another's attachment ([MS-OXCMSG]).
///
/// Changes are the message's own until [`Message::save`]; dropping it before forgets them.
///
/// ```
/// # #[cfg(feature = "loopback")] {
/// use mapi::tags;
/// use mapi_session::{MapiProp, Profile, RecipientKind, Session};
///
/// let session = Session::logon(Profile::in_memory("me@example.test")?)?;
/// let drafts = session.open_default_msg_store()?.drafts()?;
/// let message = drafts.create_message()?;
/// message.set(tags::SUBJECT, "With a file")?;
/// message.set(tags::BODY, "Here it is.")?;
/// message.add_recipient(RecipientKind::To, "anna@example.test", "Anna")?;
/// let file = message.create_attachment()?;
/// file.set(tags::ATTACH_METHOD, 1)?; // by value
/// file.set(tags::ATTACH_LONG_FILENAME, "report.txt")?;
/// file.set(tags::ATTACH_DATA_BINARY, b"all is well".as_slice())?;
/// file.save()?;
/// let id = message.save()?;
///
/// let again = drafts.open_message(id)?;
/// assert_eq!(again.recipients()?[0].address, "anna@example.test");
/// let data = again.open_attachment(0)?.property(tags::ATTACH_DATA_BINARY)?;
/// assert_eq!(data.unwrap().as_binary(), Some(b"all is well".as_slice()));
/// # }
/// # Ok::<(), mapi_session::Error>(())
/// ```
pub struct Message {
    object: Arc<ServerObject>,
    info: Arc<StoreInfo>,
    /// Where it is; none if it is embedded.
    folder: Option<FolderId>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// None for a new message that was not saved yet.
    id: Option<MessageId>,
    /// The row id for the next new recipient, once known.
    next_row: Option<u32>,
}

impl Message {
    pub(crate) fn open(
        store: &Arc<ServerObject>,
        info: &Arc<StoreInfo>,
        folder: FolderId,
        id: MessageId,
    ) -> Result<Message> {
        Message::open_as(store, info, folder, id, OpenMessageFlags::BEST_ACCESS)
    }

    pub(crate) fn open_as(
        store: &Arc<ServerObject>,
        info: &Arc<StoreInfo>,
        folder: FolderId,
        id: MessageId,
        flags: OpenMessageFlags,
    ) -> Result<Message> {
        let request = OpenMessageRequest { code_page: LOGON_CODE_PAGE, folder, flags, message: id };
        let (answer, object) = store.open(RopRequest::OpenMessage(request), "the message")?;
        answer!(Ok::<_, Error>(answer), OpenMessage);
        Ok(Message::new(object, info.clone(), Some(folder), Some(id)))
    }

    pub(crate) fn create(
        store: &Arc<ServerObject>,
        info: &Arc<StoreInfo>,
        folder: FolderId,
        associated: bool,
    ) -> Result<Message> {
        let request = CreateMessageRequest { code_page: LOGON_CODE_PAGE, folder, associated };
        let (answer, object) = store.open(RopRequest::CreateMessage(request), "the message")?;
        answer!(Ok::<_, Error>(answer), CreateMessage);
        Ok(Message::new(object, info.clone(), Some(folder), None))
    }

    pub(crate) fn new(
        object: ServerObject,
        info: Arc<StoreInfo>,
        folder: Option<FolderId>,
        id: Option<MessageId>,
    ) -> Message {
        let state = Mutex::new(State { id, next_row: None });
        Message { object: Arc::new(object), info, folder, state }
    }

    /// The message's id; None for a new one that was not saved, and for an embedded one.
    pub fn id(&self) -> Option<MessageId> {
        self.state().id
    }

    /// The message's entry id, for [`crate::MsgStore::open_entry`]; None as for [`Message::id`].
    pub fn entry_id(&self) -> Result<Option<Vec<u8>>> {
        match (self.folder, self.id()) {
            (Some(folder), Some(id)) => {
                self.info.message_entry_id(&self.object.store(), folder, id).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Saves the changes and keeps the message open. Success means that they are on the store's disk. An
    /// embedded message is saved into its attachment, which has to be saved after it, and then the
    /// message around it.
    ///
    /// # Errors
    ///
    /// [`mapi::ErrorCode::OBJECT_MODIFIED`] if somebody else saved the message since it was opened
    /// ([MS-OXCMSG] 3.2.5.3); [`Message::force_save`] wins over that.
    pub fn save(&self) -> Result<MessageId> {
        self.save_with(SaveFlags::KEEP_OPEN_READ_WRITE)
    }

    /// Saves the changes over what somebody else saved since the message was opened.
    pub fn force_save(&self) -> Result<MessageId> {
        self.save_with(SaveFlags::KEEP_OPEN_READ_WRITE | SaveFlags::FORCE_SAVE)
    }

    /// Saves the message and sends it; it goes to Sent Items then ([MS-OXOMSG] 2.2.4.1). Success means that it
    /// will be delivered, or a report comes back. Nothing can be done with the message any more: one that is not
    /// sent yet is taken back by [`crate::MsgStore::abort_submit`].
    ///
    /// # Errors
    ///
    /// [`mapi::ErrorCode::INVALID_RECIPIENTS`] without a recipient; [`mapi::ErrorCode::ACCESS_DENIED`] if the user
    /// may not send for whom the message says it is from (PidTagSentRepresentingEmailAddress).
    pub fn submit(self) -> Result<()> {
        let sent_items = ServerId::Own {
            folder: self.info.special_folder_id(SpecialFolder::SentItems),
            message: MessageId::NONE,
            instance: 0,
        };
        self.set(tags::SENT_MAIL_SVR_EID, PropertyValue::ServerId(sent_items.to_wire()))?;
        self.submit_as_it_is()
    }

    /// As [`Message::submit`], but nothing of the message is left when it is sent.
    pub fn submit_and_delete(self) -> Result<()> {
        self.set(tags::DELETE_AFTER_SUBMIT, true)?;
        self.submit_as_it_is()
    }

    /// As [`Message::submit`]; PidTagSentMailSvrEID and PidTagDeleteAfterSubmit say where the message goes then.
    /// Without one of them it stays in its folder.
    pub fn submit_as_it_is(self) -> Result<()> {
        let request = SubmitMessageRequest { flags: SubmitFlags::NONE };
        answer!(self.object.call(RopRequest::SubmitMessage(request)), SubmitMessage);
        self.close()
    }

    /// Marks the message as read or unread at once, without a save and without a receipt.
    pub fn set_read(&self, read: bool) -> Result<()> {
        let request = SetMessageReadFlagRequest { flags: read_flags(read), client_data: None };
        let (store, object) = (self.object.store(), &self.object);
        // The second handle is the logon's ([MS-OXCROPS] 2.2.6.11.1).
        answer!(
            object.call_onto(RopRequest::SetMessageReadFlag(request), &store),
            SetMessageReadFlag
        );
        Ok(())
    }

    /// The recipients, unsaved changes included.
    pub fn recipients(&self) -> Result<Vec<Recipient>> {
        let request =
            RopRequest::ReloadCachedInformation(ReloadCachedInformationRequest { reserved: 0 });
        let known = answer!(self.object.call(request), ReloadCachedInformation);
        let mut recipients = Vec::new();
        let mut next = 0;
        while recipients.len() < usize::from(known.recipient_count) {
            let request = ReadRecipientsRequest { row_id: next, reserved: 0 };
            let rows =
                match self.object.call_with(RopRequest::ReadRecipients(request), &known.columns) {
                    // No row from this id on.
                    Err(Error::Code { code: mapi::ErrorCode::NOT_FOUND, .. }) => break,
                    outcome => answer!(outcome, ReadRecipients).rows,
                };
            let Some(last) = rows.last() else { break };
            next = match last.row_id.checked_add(1) {
                Some(next) if next > last.row_id => next,
                _ => break,
            };
            recipients.extend(rows.into_iter().map(|row| Recipient::new(row, &known.columns)));
        }
        self.state().next_row = Some(next);
        Ok(recipients)
    }

    /// Adds a recipient with an SMTP address.
    pub fn add_recipient(&self, kind: RecipientKind, address: &str, name: &str) -> Result<()> {
        self.add_recipients(&[NewRecipient { kind, address: address.into(), name: name.into() }])
    }

    /// Adds recipients, as few requests as they fit into.
    pub fn add_recipients(&self, new: &[NewRecipient]) -> Result<()> {
        let known = self.state().next_row;
        let mut next = match known {
            Some(next) => next,
            None => {
                self.recipients()?;
                self.state().next_row.unwrap_or(0)
            }
        };
        for piece in recipient::pieces(new) {
            let rows = piece.iter().map(|new| {
                let row_id = next;
                next += 1;
                ModifyRecipientRow {
                    row_id,
                    recipient_type: new.kind.into(),
                    row: Some(new.to_row()),
                }
            });
            let rows = rows.collect();
            self.modify_recipients(rows)?;
        }
        self.state().next_row = Some(next);
        Ok(())
    }

    /// Removes recipients by their row ids.
    pub fn remove_recipients(&self, row_ids: &[u32]) -> Result<()> {
        let row = |row_id: &u32| ModifyRecipientRow {
            row_id: *row_id,
            recipient_type: RecipientKind::To.into(),
            row: None,
        };
        row_ids
            .chunks(2000)
            .try_for_each(|ids| self.modify_recipients(ids.iter().map(row).collect()))
    }

    /// Removes all recipients ([MS-OXCROPS] 2.2.6.4).
    pub fn remove_all_recipients(&self) -> Result<()> {
        let request = RemoveAllRecipientsRequest { reserved: 0 };
        answer!(self.object.call(RopRequest::RemoveAllRecipients(request)), RemoveAllRecipients);
        self.state().next_row = Some(0);
        Ok(())
    }

    /// The attachments as a table: PidTagAttachNumber opens one.
    pub fn attachment_table(&self) -> Result<Table> {
        let request = GetAttachmentTableRequest { flags: AttachmentTableFlags::NONE };
        let (answer, object) =
            self.object.open(RopRequest::GetAttachmentTable(request), "the table")?;
        answer!(Ok::<_, Error>(answer), GetAttachmentTable);
        Ok(Table::new(object, &ATTACHMENT_COLUMNS))
    }

    /// Opens an attachment by its number (PidTagAttachNumber), with as much access as the user has.
    pub fn open_attachment(&self, number: u32) -> Result<Attachment> {
        let flags = OpenAttachmentFlags::BEST_ACCESS;
        let request = OpenAttachmentRequest { flags, attachment: number };
        let (answer, object) =
            self.object.open(RopRequest::OpenAttachment(request), "the attachment")?;
        answer!(Ok::<_, Error>(answer), OpenAttachment);
        Ok(Attachment::new(object, self.info.clone(), number))
    }

    /// Makes an attachment. It is part of the message after [`Attachment::save`] and then
    /// [`Message::save`].
    pub fn create_attachment(&self) -> Result<Attachment> {
        let request = RopRequest::CreateAttachment(Default::default());
        let (answer, object) = self.object.open(request, "the attachment")?;
        let number = answer!(Ok::<_, Error>(answer), CreateAttachment).attachment;
        Ok(Attachment::new(object, self.info.clone(), number))
    }

    /// Removes an attachment from the message.
    pub fn delete_attachment(&self, number: u32) -> Result<()> {
        let request = RopRequest::DeleteAttachment(AttachmentIdBody { attachment: number });
        answer!(self.object.call(request), DeleteAttachment);
        Ok(())
    }

    /// Releases the message, unsaved changes with it, and waits until that has been sent.
    pub fn close(self) -> Result<()> {
        self.object.close()
    }

    fn save_with(&self, flags: SaveFlags) -> Result<MessageId> {
        let request = RopRequest::SaveChangesMessage(SaveChangesRequest { flags });
        let id = answer!(self.object.call(request), SaveChangesMessage).message;
        if self.folder.is_some() {
            self.state().id = Some(id);
        }
        Ok(id)
    }

    fn modify_recipients(&self, rows: Vec<ModifyRecipientRow>) -> Result<()> {
        let request = ModifyRecipientsRequest { columns: recipient::COLUMNS.to_vec(), rows };
        answer!(self.object.call(RopRequest::ModifyRecipients(request)), ModifyRecipients);
        Ok(())
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HasObject for Message {
    fn object(&self) -> &Arc<ServerObject> {
        &self.object
    }
}

impl MapiProp for Message {}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message").field("id", &self.id()).finish_non_exhaustive()
    }
}
