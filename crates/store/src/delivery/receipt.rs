//! Receipts: what tells a sender that his message was read, or went without having been read
//! ([MS-OXOMSG] 2.2.2.1, 2.2.2.2, 3.3.4.2).
//!
//! INVARIANT: a receipt goes into the queue in the batch that takes the mark of the pending one off the message.
//! So each is sent once, whatever happens.

use mapi::entry_id::{EntryId, OneOffTexts};
use mapi::{MessageId, PropertyTag, PropertyValue, tags};

use super::address::{self, AddressTags, RECIPIENT, REPRESENTING, SENDER, TO};
use super::queue::Entry;
use super::report::about;
use super::submit::{own_message, send_own};
use crate::mailbox::writer::Tx;
use crate::message::{self, Message, MessageBody, Recipient, flags};
use crate::value::Properties;
use crate::{Account, Mailbox, Result};

/// What a receipt says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receipt {
    Read,
    /// It was deleted before it was read.
    NotRead,
}

impl Receipt {
    /// The flag of a message for which such a receipt is pending ([MS-OXCMSG] 2.2.1.6).
    pub(crate) fn flag(self) -> u32 {
        match self {
            Receipt::Read => flags::NOTIFY_READ,
            Receipt::NotRead => flags::NOTIFY_UNREAD,
        }
    }

    fn class(self) -> &'static str {
        match self {
            Receipt::Read => "IPNRN",
            Receipt::NotRead => "IPNNRN",
        }
    }

    fn prefix(self) -> &'static str {
        match self {
            Receipt::Read => "Read: ",
            Receipt::NotRead => "Not read: ",
        }
    }
}

/// A receipt that is ready to be sent with a batch.
#[derive(Debug, Clone)]
pub(crate) struct Ready {
    message: Message,
    entry: Entry,
}

/// Makes the receipt of a message outside of the writer's section; None if nobody is named whom it could go to.
pub(crate) fn prepare(mailbox: &Mailbox, id: MessageId, receipt: Receipt) -> Result<Option<Ready>> {
    let original = message::open(mailbox, id)?;
    let Some(owner) = mailbox.store().account_by_mailbox(mailbox.number())? else {
        return Ok(None);
    };
    let Some(body) = body_of(mailbox, &original, receipt, &owner) else { return Ok(None) };
    let entry = Entry { silent: true, ..Entry::new(owner.id, mailbox.store().now()) };
    Ok(Some(Ready { message: own_message(mailbox, body)?, entry }))
}

/// Puts a prepared receipt into the queue. It is delivered by [`super::start`].
pub(crate) fn send(tx: &mut Tx<'_>, ready: &Ready) -> Result<()> {
    send_own(tx, ready.message.clone(), &ready.entry).map(drop)
}

fn body_of(
    mailbox: &Mailbox,
    original: &Message,
    receipt: Receipt,
    owner: &Account,
) -> Option<MessageBody> {
    let now = mailbox.store().now();
    let recipient = addressee(&original.body.properties)?;
    let mut body = about(original, receipt.class(), receipt.prefix(), now);
    let properties = &mut body.properties;
    // Who read it sends it, and not the system.
    properties.remove(SENDER.name);
    properties.remove(REPRESENTING.name);
    address::name(properties, &SENDER, owner);
    address::name(properties, &REPRESENTING, owner);
    for tag in [tags::MESSAGE_DELIVERY_TIME, tags::REPORT_TAG] {
        let to = if tag == tags::REPORT_TAG { tag } else { tags::ORIGINAL_DELIVERY_TIME };
        if let Some(value) = original.body.properties.get(tag) {
            properties.set(to, value.clone());
        }
    }
    properties.set(tags::RECEIPT_TIME, now);
    properties.set(tags::READ_RECEIPT_REQUESTED, false);
    properties.set(tags::NON_RECEIPT_NOTIFICATION_REQUESTED, false);
    let subject = original.body.properties.inline(tags::SUBJECT).and_then(PropertyValue::as_text);
    let subject = subject.map(|text| text.to_string_lossy().into_owned()).unwrap_or_default();
    let became = match receipt {
        Receipt::Read => "was read",
        Receipt::NotRead => "was deleted without being read",
    };
    let name = &owner.display_name;
    let text = format!("Your message\r\n\r\n    Subject: {subject}\r\n\r\nto {name} {became}.\r\n");
    properties.set(tags::BODY, text.as_str());
    body.recipients.push(recipient);
    Some(body)
}

/// Whom a receipt goes to: whom the message names for receipts, or else its sender ([MS-OXOMSG] 2.2.2.11).
fn addressee(properties: &Properties) -> Option<Recipient> {
    const FOR_RECEIPTS: AddressTags = AddressTags {
        name: tags::READ_RECEIPT_NAME,
        entry_id: tags::READ_RECEIPT_ENTRY_ID,
        search_key: tags::READ_RECEIPT_SEARCH_KEY,
        address_type: tags::READ_RECEIPT_ADDRESS_TYPE,
        email_address: tags::READ_RECEIPT_EMAIL_ADDRESS,
        smtp_address: tags::READ_RECEIPT_SMTP_ADDRESS,
    };
    let named = [FOR_RECEIPTS, REPRESENTING, SENDER];
    let found = named.iter().find(|tags| address::is_named(properties, tags))?;
    let pairs: [(PropertyTag, PropertyTag); 6] = [
        (found.name, RECIPIENT.name),
        (found.entry_id, RECIPIENT.entry_id),
        (found.search_key, RECIPIENT.search_key),
        (found.address_type, RECIPIENT.address_type),
        (found.email_address, RECIPIENT.email_address),
        (found.smtp_address, RECIPIENT.smtp_address),
    ];
    let mut own = Properties::new();
    for (from, to) in pairs {
        if let Some(value) = properties.get(from) {
            own.set(to, value.clone());
        }
    }
    if own.get(RECIPIENT.email_address).is_none() {
        name_by_entry_id(&mut own);
    }
    own.set(tags::RECIPIENT_TYPE, TO);
    Some(Recipient { row: 0, properties: own })
}

/// A client may name the addressee by an entry id alone.
fn name_by_entry_id(properties: &mut Properties) {
    let id = properties.inline(RECIPIENT.entry_id).and_then(PropertyValue::as_binary);
    let (kind, address) = match id.map(EntryId::parse) {
        Some(EntryId::AddressBook(id)) => {
            ("EX".to_owned(), String::from_utf8_lossy(&id.dn.0).into_owned())
        }
        Some(EntryId::OneOff(id)) => match &id.texts {
            OneOffTexts::Unicode { address_type, address, .. } => {
                (address_type.to_string_lossy().into(), address.to_string_lossy().into())
            }
            OneOffTexts::Bytes { .. } => return,
        },
        _ => return,
    };
    properties.set(RECIPIENT.address_type, kind.as_str());
    properties.set(RECIPIENT.email_address, address.as_str());
}
