//! [MS-OXOMSG]: submitting, delivering, reports, and clients that act as spoolers.

mod properties;
mod reports;
mod rights;
mod spooler;
mod submit;

use std::sync::Arc;

use mapi::recipient::{RecipientAddress, TransmittableName};
use mapi::server_id::ServerId;
use mapi::text::String8;
use mapi::{
    FolderId, MessageId, PropertyRow, PropertyTag, PropertyValue, RecipientRow, Wire, tags,
};
use mapi_rop::message::{ModifyRecipientRow, ModifyRecipientsRequest, RecipientType, SaveFlags};
use mapi_rop::transport::{SubmitFlags, SubmitMessageRequest};
use mapi_rop::{Handle, RopRequest};
use store::{Mailbox, SpecialFolder};
use testsuite::Result;
use testsuite::found::Found;
use testsuite::raw::{Answer, Client};
use testsuite::rig::Rig;

pub const INBOX: FolderId = SpecialFolder::Inbox.id();
const OUTBOX: FolderId = SpecialFolder::Outbox.id();
const SENT: FolderId = SpecialFolder::SentItems.id();

/// PidTagRecipientType.
pub const TO: u8 = 1;
pub const CC: u8 = 2;
const BCC: u8 = 3;

pub fn mailbox(rig: &Rig, user: &str) -> Result<Arc<Mailbox>> {
    let account = rig.store.account_by_address(user)?.ok_or("no such account")?;
    Ok(rig.store.mailbox(account.mailbox)?)
}

/// The messages of a folder, oldest first.
pub fn messages(rig: &Rig, user: &str, folder: FolderId) -> Result<Vec<Found>> {
    Ok(rig.client(user)?.messages(folder)?)
}

pub fn text(message: &Found, tag: PropertyTag) -> String {
    message.text(tag)
}

pub fn subjects(messages: &[Found]) -> Vec<String> {
    messages.iter().map(|message| message.text(tags::SUBJECT)).collect()
}

/// A new message in the Outbox to some addresses, not saved.
pub fn draft(client: &mut Client, subject: &str, to: &[(u8, &str)]) -> Answer<Handle> {
    let message = client.create_message(OUTBOX, false)?;
    client.set(message, tags::SUBJECT, subject)?;
    client.set(message, tags::BODY, "Hello")?;
    let rows = to.iter().map(|(kind, address)| {
        let row = RecipientRow::smtp(address, address, PropertyRow::Standard(vec![]));
        (*kind, row)
    });
    address(client, message, rows.collect())?;
    Ok(message)
}

pub fn address(client: &mut Client, message: Handle, rows: Vec<(u8, RecipientRow)>) -> Answer<()> {
    let rows = rows.into_iter().enumerate().map(|(row_id, (kind, row))| ModifyRecipientRow {
        row_id: row_id as u32,
        recipient_type: RecipientType(kind),
        row: Some(row),
    });
    let request = ModifyRecipientsRequest { columns: Vec::new(), rows: rows.collect() };
    client.call(message, RopRequest::ModifyRecipients(request)).map(drop)
}

/// A recipient by his distinguished name.
fn by_dn(dn: &str) -> RecipientRow {
    RecipientRow {
        address: RecipientAddress::X500 {
            prefix_used: 0,
            display_type: 0,
            dn: String8(dn.as_bytes().to_vec()),
        },
        email_address: None,
        display_name: Some("somebody".into()),
        transmittable_name: TransmittableName::SameAsDisplayName,
        ..RecipientRow::smtp("", "", PropertyRow::Standard(vec![]))
    }
}

pub fn submit(client: &mut Client, message: Handle, flags: SubmitFlags) -> Answer<()> {
    client.call(message, RopRequest::SubmitMessage(SubmitMessageRequest { flags })).map(drop)
}

/// Saves, submits and releases a message; its MID before it was sent.
pub fn send(client: &mut Client, message: Handle) -> Answer<MessageId> {
    let id = client.save(message, SaveFlags::KEEP_OPEN_READ_WRITE)?;
    submit(client, message, SubmitFlags::NONE)?;
    client.release(message);
    Ok(id)
}

/// PidTagSentMailSvrEID for a folder.
fn to_folder(folder: FolderId) -> PropertyValue {
    let id = ServerId::Own { folder, message: MessageId::NONE, instance: 0 };
    PropertyValue::ServerId(id.to_wire())
}
