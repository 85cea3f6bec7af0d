//! Reads whole folders and messages over a session, as any client would.

use std::collections::HashMap;

use mapi::{
    AttachedContent, AttachmentContent, MessageContent, MessageId, PropertyBag, PropertyKey,
    PropertyValue, RecipientContent, tags,
};
use mapi_rop::message::RecipientType;
use mapi_session::{Attachment, Folder, MapiProp, Message, Recipient, Result, Table};

/// Values of PidTagAttachMethod ([MS-OXCMSG] 2.2.2.9).
const EMBEDDED: i32 = 5;
const OLE: i32 = 6;

/// A folder with everything in it.
pub struct Found {
    /// Names from below the folder where the walk began to this one.
    pub path: Vec<String>,
    pub class: Option<String>,
    /// In the order in which they came into the store.
    pub messages: Vec<MessageContent>,
    pub associated: Vec<MessageContent>,
}

/// A folder and all folders below it.
pub fn walk(folder: &Folder, path: &[String], found: &mut Vec<Found>) -> Result<()> {
    found.push(Found {
        path: path.to_vec(),
        class: folder.text(tags::CONTAINER_CLASS)?,
        messages: messages(folder, folder.contents_table()?)?,
        associated: messages(folder, folder.associated_contents_table()?)?,
    });
    for child in children(folder)? {
        let path = [path, std::slice::from_ref(&child.0)].concat();
        walk(&child.1, &path, found)?;
    }
    Ok(())
}

/// FOLDER_SEARCH
const SEARCH: i32 = 2;

/// The folders directly below that have messages of their own, with their names.
pub fn children(folder: &Folder) -> Result<Vec<(String, Folder)>> {
    let columns = [tags::FOLDER_ID, tags::DISPLAY_NAME, tags::FOLDER_TYPE];
    let table = folder.hierarchy_table()?.with_columns(&columns)?;
    let mut children = Vec::new();
    for row in table.rows() {
        let row = row?;
        if row.integer(tags::FOLDER_TYPE) == Some(SEARCH.into()) {
            continue;
        }
        let id = mapi::FolderId::from_i64(row.integer(tags::FOLDER_ID).expect("a folder's id"));
        let name = row.text(tags::DISPLAY_NAME).expect("a folder's name");
        children.push((name, folder.open_folder(id)?));
    }
    Ok(children)
}

fn messages(folder: &Folder, table: Table) -> Result<Vec<MessageContent>> {
    let table = table.with_columns(&[tags::MID, tags::SUBJECT])?;
    let mut rows = Vec::new();
    for row in table.rows() {
        let row = row?;
        let id = MessageId::from_i64(row.integer(tags::MID).expect("a message's id"));
        rows.push((id, row.text(tags::SUBJECT)));
    }
    rows.sort();
    let mut messages = Vec::new();
    for (id, subject) in rows {
        let message = content(&folder.open_message(id)?)?;
        // A row may hold the beginning of a long value only ([MS-OXCTABL] 2.2.5.1).
        let whole = message.properties.text(tags::SUBJECT);
        let same = match (&subject, &whole) {
            (Some(row), Some(whole)) => whole.starts_with(row.as_str()),
            (row, whole) => row == whole,
        };
        assert!(same, "the table's subject {subject:?} and the message's {whole:?}");
        messages.push(message);
    }
    Ok(messages)
}

fn content(message: &Message) -> Result<MessageContent> {
    let table = message.attachment_table()?.with_columns(&[tags::ATTACH_NUMBER])?;
    let mut numbers = Vec::new();
    for row in table.rows() {
        numbers.push(row?.integer(tags::ATTACH_NUMBER).expect("an attachment's number") as u32);
    }
    numbers.sort_unstable();
    let attachments =
        numbers.into_iter().map(|number| attachment(&message.open_attachment(number)?));
    Ok(MessageContent {
        properties: properties(message)?,
        recipients: message.recipients()?.into_iter().map(recipient).collect(),
        attachments: attachments.collect::<Result<_>>()?,
        mime: None,
    })
}

fn attachment(attachment: &Attachment) -> Result<AttachmentContent> {
    let mut properties = properties(attachment)?;
    let method = properties.get(tags::ATTACH_METHOD).and_then(PropertyValue::as_i32);
    let content = match (method, properties.remove(tags::ATTACH_DATA_BINARY)) {
        (Some(EMBEDDED), _) => {
            AttachedContent::Message(Box::new(content(&attachment.open_message()?)?))
        }
        (Some(OLE), Some(PropertyValue::Binary(bytes))) => AttachedContent::Ole(bytes),
        (_, Some(PropertyValue::Binary(bytes))) => AttachedContent::Bytes(bytes),
        _ => AttachedContent::Nothing,
    };
    Ok(AttachmentContent { properties, content })
}

/// A recipient's row: the fields that every row has, and what it has besides.
fn recipient(recipient: Recipient) -> RecipientContent {
    let mut properties = PropertyBag::new();
    for (tag, value) in recipient.properties.iter() {
        properties.set(tag, value.clone());
    }
    properties.set(tags::ROWID, recipient.row_id as i32);
    properties.set(tags::RECIPIENT_TYPE, i32::from(RecipientType::from(recipient.kind).0));
    for (tag, text) in [
        (tags::DISPLAY_NAME, recipient.display_name),
        (tags::ADDRESS_TYPE, recipient.address_type),
        (tags::EMAIL_ADDRESS, recipient.address),
    ] {
        if !text.is_empty() {
            properties.set(tag, text.as_str());
        }
    }
    RecipientContent { properties }
}

/// All properties, large ones as streams; ids without a fixed meaning by their names.
fn properties(object: &impl MapiProp) -> Result<PropertyBag> {
    let listed = object.property_list()?;
    let values = object.all_properties()?;
    let named: Vec<u16> = listed.iter().filter(|tag| tag.is_named()).map(|tag| tag.id()).collect();
    let names = match named.is_empty() {
        true => Vec::new(),
        false => object.property_names(&named)?,
    };
    let names: HashMap<u16, _> = named.into_iter().zip(names).collect();
    let mut bag = PropertyBag::new();
    for tag in listed {
        let value = match values.get(tag) {
            Some(value) => value.clone(),
            None => object.property(tag)?.unwrap_or_else(|| panic!("{tag:?} is listed only")),
        };
        let key = match names.get(&tag.id()) {
            Some(name) => PropertyKey::Named(name.clone().expect("a name for every id")),
            None => PropertyKey::Tag(tag.id()),
        };
        bag.insert(key, value);
    }
    Ok(bag)
}
