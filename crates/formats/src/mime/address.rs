//! Mailboxes of Internet mail as senders and recipients of MAPI.

use mapi::entry_id::OneOffEntryId;
use mapi::entry_list::FlatEntryList;
use mapi::generated::tags;
use mapi::{PropertyBag, PropertyTag, RecipientContent, Wire};

use super::fields::Mailbox;

/// PidTagRecipientType ([MS-OXOMSG] 2.2.3.1).
pub(crate) const TO: i32 = 1;
pub(crate) const CC: i32 = 2;
pub(crate) const BCC: i32 = 3;

/// The properties that name one sender: PidTagSender* or PidTagSentRepresenting* and their kin.
pub(crate) struct SenderTags {
    pub name: PropertyTag,
    pub address_type: PropertyTag,
    pub email_address: PropertyTag,
    /// None where the group has no such property.
    pub smtp_address: Option<PropertyTag>,
    pub entry_id: PropertyTag,
    pub search_key: PropertyTag,
}

pub(crate) const SENDER: SenderTags = SenderTags {
    name: tags::SENDER_NAME,
    address_type: tags::SENDER_ADDRESS_TYPE,
    email_address: tags::SENDER_EMAIL_ADDRESS,
    smtp_address: Some(tags::SENDER_SMTP_ADDRESS),
    entry_id: tags::SENDER_ENTRY_ID,
    search_key: tags::SENDER_SEARCH_KEY,
};

pub(crate) const SENT_REPRESENTING: SenderTags = SenderTags {
    name: tags::SENT_REPRESENTING_NAME,
    address_type: tags::SENT_REPRESENTING_ADDRESS_TYPE,
    email_address: tags::SENT_REPRESENTING_EMAIL_ADDRESS,
    smtp_address: Some(tags::SENT_REPRESENTING_SMTP_ADDRESS),
    entry_id: tags::SENT_REPRESENTING_ENTRY_ID,
    search_key: tags::SENT_REPRESENTING_SEARCH_KEY,
};

pub(crate) const READ_RECEIPT: SenderTags = SenderTags {
    name: tags::READ_RECEIPT_NAME,
    address_type: tags::READ_RECEIPT_ADDRESS_TYPE,
    email_address: tags::READ_RECEIPT_EMAIL_ADDRESS,
    smtp_address: Some(tags::READ_RECEIPT_SMTP_ADDRESS),
    entry_id: tags::READ_RECEIPT_ENTRY_ID,
    search_key: tags::READ_RECEIPT_SEARCH_KEY,
};

/// Who had sent what a report is about ([MS-OXOMSG] 2.2.2).
pub(crate) const ORIGINAL_SENDER: SenderTags = SenderTags {
    name: tags::ORIGINAL_SENDER_NAME,
    address_type: tags::ORIGINAL_SENDER_ADDRESS_TYPE,
    email_address: tags::ORIGINAL_SENDER_EMAIL_ADDRESS,
    smtp_address: None,
    entry_id: tags::ORIGINAL_SENDER_ENTRY_ID,
    search_key: tags::ORIGINAL_SENDER_SEARCH_KEY,
};

pub(crate) const ORIGINAL_REPRESENTING: SenderTags = SenderTags {
    name: tags::ORIGINAL_SENT_REPRESENTING_NAME,
    address_type: tags::ORIGINAL_SENT_REPRESENTING_ADDRESS_TYPE,
    email_address: tags::ORIGINAL_SENT_REPRESENTING_EMAIL_ADDRESS,
    smtp_address: None,
    entry_id: tags::ORIGINAL_SENT_REPRESENTING_ENTRY_ID,
    search_key: tags::ORIGINAL_SENT_REPRESENTING_SEARCH_KEY,
};

/// Sets a sender's six properties ([MS-OXOMSG] 2.2.1.48 and following).
pub(crate) fn set_sender(bag: &mut PropertyBag, tags: &SenderTags, mailbox: &Mailbox) {
    bag.set(tags.name, mailbox.name.as_str());
    bag.set(tags.address_type, "SMTP");
    bag.set(tags.email_address, mailbox.address.as_str());
    if let Some(tag) = tags.smtp_address {
        bag.set(tag, mailbox.address.as_str());
    }
    bag.set(tags.entry_id, one_off(mailbox));
    bag.set(tags.search_key, search_key(&mailbox.address));
}

/// A recipient whom no address book knows ([MS-OXCMAIL] 2.2.3.1, [MS-OXOMSG] 2.2.3).
pub(crate) fn recipient(kind: i32, mailbox: &Mailbox) -> RecipientContent {
    let mut bag = PropertyBag::new();
    let entry_id = one_off(mailbox);
    bag.set(tags::RECIPIENT_TYPE, kind);
    bag.set(tags::DISPLAY_NAME, mailbox.name.as_str());
    bag.set(tags::RECIPIENT_DISPLAY_NAME, mailbox.name.as_str());
    bag.set(tags::ADDRESS_TYPE, "SMTP");
    bag.set(tags::EMAIL_ADDRESS, mailbox.address.as_str());
    bag.set(tags::SMTP_ADDRESS, mailbox.address.as_str());
    bag.set(tags::SEARCH_KEY, search_key(&mailbox.address));
    bag.set(tags::ENTRY_ID, entry_id.clone());
    bag.set(tags::RECIPIENT_ENTRY_ID, entry_id);
    // A mail user ([MS-OXCDATA] 2.8.3.2, [MS-OXOABK] 2.2.3.10), sendable.
    bag.set(tags::OBJECT_TYPE, 6);
    bag.set(tags::DISPLAY_TYPE, 0);
    bag.set(tags::RECIPIENT_FLAGS, 1);
    bag.set(tags::RECIPIENT_TRACK_STATUS, 0);
    bag.set(tags::SEND_RICH_INFO, false);
    RecipientContent { properties: bag }
}

pub(crate) fn one_off(mailbox: &Mailbox) -> Vec<u8> {
    OneOffEntryId::new(&mailbox.name, "SMTP", &mailbox.address).to_wire()
}

/// Type and address in upper case with a terminating null ([MS-OXCPRPT] 2.2.1.9).
fn search_key(address: &str) -> Vec<u8> {
    let mut key = b"SMTP:".to_vec();
    key.extend(address.to_uppercase().bytes());
    key.push(0);
    key
}

/// PidTagReplyRecipientEntries ([MS-OXOMSG] 2.2.1.43).
pub(crate) fn flat_entry_list(mailboxes: &[Mailbox]) -> Vec<u8> {
    let entries = mailboxes.iter().map(|mailbox| one_off(mailbox).into()).collect();
    FlatEntryList { entries }.to_wire()
}
