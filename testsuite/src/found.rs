//! What is in a folder, as its owner's client reads it: for tests of what a server does by itself, such as
//! deliveries and rules.

use mapi::recipient::{RecipientAddress, RowText};
use mapi::{FolderId, MessageId, PropertyBag, PropertyRow, PropertyTag, PropertyValue, tags};
use mapi_rop::folder::TableFlags;
use mapi_rop::message::{
    LOGON_CODE_PAGE, OpenAttachmentFlags, OpenAttachmentRequest, OpenEmbeddedMessageRequest,
    OpenMessageFlags, OpenMessageRequest, OpenMessageResponse,
};
use mapi_rop::property::GetPropertiesAllRequest;
use mapi_rop::{Handle, RopRequest, RopResponse};

use crate::raw::{Answer, Client};

/// A message with what belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// NONE of an embedded message.
    pub id: MessageId,
    /// As RopGetPropertiesAll tells them.
    pub properties: PropertyBag,
    /// The columns of their rows, and those that stand in fields: type, display name and address.
    pub recipients: Vec<PropertyBag>,
    /// The messages in its attachments.
    pub embedded: Vec<Found>,
}

impl Found {
    pub fn get(&self, tag: PropertyTag) -> Option<&PropertyValue> {
        self.properties.get(tag)
    }

    /// A text; empty if it is not there.
    pub fn text(&self, tag: PropertyTag) -> String {
        self.properties.text(tag).unwrap_or_default()
    }

    pub fn flags(&self) -> u32 {
        self.get(tags::MESSAGE_FLAGS).and_then(PropertyValue::as_i32).unwrap_or_default() as u32
    }

    pub fn is_read(&self) -> bool {
        self.flags() & MSGFLAG_READ != 0
    }
}

/// [MS-OXCMSG] 2.2.1.6.
const MSGFLAG_READ: u32 = 0x01;
const MSGFLAG_HAS_ATTACHMENTS: u32 = 0x10;

impl Client {
    /// The messages in a folder, oldest first.
    pub fn messages(&mut self, folder: FolderId) -> Answer<Vec<Found>> {
        let ids = self.message_ids(folder)?;
        ids.into_iter().map(|id| self.message(folder, id)).collect()
    }

    /// Which messages are in a folder, oldest first: what a test goes on with, and no part of its proof.
    pub fn message_ids(&mut self, folder: FolderId) -> Answer<Vec<MessageId>> {
        self.proved = false;
        let ids = self.listed(folder);
        self.proved = true;
        ids
    }

    fn listed(&mut self, folder: FolderId) -> Answer<Vec<MessageId>> {
        let folder = self.open_folder(folder)?;
        let table = self.contents(folder, TableFlags::USE_UNICODE)?;
        self.set_columns(table, &[tags::MID])?;
        let rows = self.query_rows(table, 1_000)?.rows;
        self.release(table);
        self.release(folder);
        let id = |row: &PropertyRow| row.value(0).and_then(PropertyValue::as_i64).expect("a MID");
        let mut ids: Vec<_> = rows.iter().map(|row| MessageId::from_i64(id(row))).collect();
        ids.sort();
        Ok(ids)
    }

    fn message(&mut self, folder: FolderId, id: MessageId) -> Answer<Found> {
        let (code_page, flags) = (LOGON_CODE_PAGE, OpenMessageFlags::NONE);
        let body = OpenMessageRequest { code_page, folder, flags, message: id };
        match self.call_two(self.logon, Handle::NONE, RopRequest::OpenMessage(body))? {
            (RopResponse::OpenMessage(opened), handle) => self.found(id, &opened, handle),
            other => panic!("{other:?}"),
        }
    }

    fn found(
        &mut self,
        id: MessageId,
        opened: &OpenMessageResponse,
        handle: Handle,
    ) -> Answer<Found> {
        let recipients = recipients(opened);
        let properties = self.all_properties(handle)?;
        let mut found = Found { id, properties, recipients, embedded: Vec::new() };
        for attachment in 0.. {
            if found.flags() & MSGFLAG_HAS_ATTACHMENTS == 0 {
                break;
            }
            let body = OpenAttachmentRequest { flags: OpenAttachmentFlags::NONE, attachment };
            let Ok(attached) = self.open(handle, RopRequest::OpenAttachment(body)) else { break };
            let (code_page, flags) = (LOGON_CODE_PAGE, OpenMessageFlags::NONE);
            let body = OpenEmbeddedMessageRequest { code_page, flags };
            let body = RopRequest::OpenEmbeddedMessage(body);
            if let Ok((RopResponse::OpenEmbeddedMessage(inner), handle)) =
                self.call_two(attached, Handle::NONE, body)
            {
                found.embedded.push(self.found(MessageId::NONE, &inner.message, handle)?);
            }
            self.release(attached);
        }
        self.release(handle);
        Ok(found)
    }

    fn all_properties(&mut self, object: Handle) -> Answer<PropertyBag> {
        let request = GetPropertiesAllRequest { size_limit: 0, want_unicode: 1 };
        let mut bag = PropertyBag::new();
        match self.call(object, RopRequest::GetPropertiesAll(request))? {
            RopResponse::GetPropertiesAll(answer) => {
                answer.values.iter().for_each(|value| bag.set(value.tag, value.value.clone()));
            }
            other => panic!("{other:?}"),
        }
        Ok(bag)
    }
}

fn recipients(opened: &OpenMessageResponse) -> Vec<PropertyBag> {
    let bag = |recipient: &mapi_rop::message::OpenRecipientRow| {
        let row = &recipient.row;
        let mut bag = PropertyBag::new();
        for (at, tag) in opened.columns.iter().enumerate() {
            if let Some(value) = row.properties.value(at) {
                bag.set(*tag, value.clone());
            }
        }
        bag.set(tags::RECIPIENT_TYPE, i32::from(recipient.recipient_type.0));
        if let Some(name) = row.display_name.as_ref().and_then(text) {
            bag.set(tags::DISPLAY_NAME, name);
        }
        let address = match &row.address {
            RecipientAddress::X500 { dn, .. } => String::from_utf8(dn.0.clone()).ok(),
            _ => row.email_address.as_ref().and_then(text),
        };
        if let Some(address) = address {
            bag.set(tags::EMAIL_ADDRESS, address);
        }
        bag
    };
    opened.rows.iter().map(bag).collect()
}

fn text(text: &RowText) -> Option<String> {
    match text {
        RowText::Unicode(text) => Some(text.to_string_lossy().into_owned()),
        RowText::Bytes(text) => String::from_utf8(text.0.clone()).ok(),
    }
}
