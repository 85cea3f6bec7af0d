//! Who a recipient is, and how a user is named in the properties of a message.

use mapi::entry_id::{AddressBookEntryId, EntryId, OneOffTexts};
use mapi::{PropertyTag, PropertyValue, Wire, tags};

use super::queue::Reason;
use crate::directory::{domain_is_known, is_public};
use crate::value::Properties;
use crate::{Account, Result, Store};

/// DT_MAILUSER ([MS-OXCDATA] 2.2.5.2).
const MAIL_USER: u32 = 0;

/// PidTagRecipientType without its flags ([MS-OXOMSG] 2.2.3.1).
pub(crate) const TO: i32 = 1;
pub(crate) const CC: i32 = 2;
pub(crate) const BCC: i32 = 3;

/// The account behind a recipient or a sender, or why there is none. Nothing is delivered to public folders.
pub(crate) fn resolve(
    store: &Store,
    properties: &Properties,
    tags: &AddressTags,
) -> Result<Result<Account, Reason>> {
    Ok(match find(store, properties, tags)? {
        Ok(account) if is_public(&account) => Err(Reason::Unknown),
        found => found,
    })
}

/// Whom an address of the internet reaches here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Addressee {
    Account(Account),
    /// The domain is of this store, and nobody in it has the address.
    Unknown,
    /// The account is there and takes nothing.
    Disabled,
    /// The domain is not of this store.
    Outside,
}

/// Looks an address up as mail for it does: an account's own or further address; the same without what stands behind
/// a `+` in its local part, which is the user's own matter; for postmaster whoever looks after this server
/// (RFC 5321 4.5.1); and whoever gets what is addressed to nobody of the domain.
pub fn addressee(store: &Store, address: &str) -> Result<Addressee> {
    let found = match reached(store, address)? {
        Some(account) => Some(account),
        None if !address.contains('@') => postmaster(store, address)?,
        None if !domain_is_known(store, address)? => return Ok(Addressee::Outside),
        None => None,
    };
    Ok(match found {
        None => Addressee::Unknown,
        Some(account) if is_public(&account) => Addressee::Unknown,
        Some(account) if account.disabled => Addressee::Disabled,
        Some(account) => Addressee::Account(account),
    })
}

/// Whose an address of the internet is here, if anybody's.
fn reached(store: &Store, address: &str) -> Result<Option<Account>> {
    let Some((local, domain)) = address.rsplit_once('@').filter(|(local, _)| !local.is_empty())
    else {
        return Ok(None);
    };
    if let Some(account) = store.account_by_any_address(address)? {
        return Ok(Some(account));
    }
    if let Some((user, _)) = local.split_once('+').filter(|(user, _)| !user.is_empty())
        && let Some(account) = store.account_by_any_address(&format!("{user}@{domain}"))?
    {
        return Ok(Some(account));
    }
    if local.eq_ignore_ascii_case("postmaster") && domain_is_known(store, address)? {
        let found = postmaster(store, local)?;
        if found.is_some() {
            return Ok(found);
        }
    }
    store.catch_all(domain)
}

fn postmaster(store: &Store, local: &str) -> Result<Option<Account>> {
    if local.eq_ignore_ascii_case("postmaster") {
        for account in store.accounts()? {
            if !account.disabled && !is_public(&account) && store.is_administrator(account.id)? {
                return Ok(Some(account));
            }
        }
    }
    Ok(None)
}

/// The address of the internet by which a person is named.
pub(crate) fn internet_address(properties: &Properties, tags: &AddressTags) -> Option<String> {
    let text = |tag: PropertyTag| {
        let value = properties.inline(tag).and_then(PropertyValue::as_text);
        let text = value.map(|text| text.to_string_lossy().trim().to_owned());
        text.filter(|text| text.contains('@') && !text.starts_with('/'))
    };
    let one_off = || {
        let entry_id = properties.inline(tags.entry_id).and_then(PropertyValue::as_binary);
        match entry_id.map(EntryId::parse) {
            Some(EntryId::OneOff(id)) => {
                Some(one_off_address(&id.texts)).filter(|address| address.contains('@'))
            }
            _ => None,
        }
    };
    text(tags.email_address).or_else(one_off).or_else(|| text(tags.smtp_address))
}

fn find(
    store: &Store,
    properties: &Properties,
    tags: &AddressTags,
) -> Result<Result<Account, Reason>> {
    let text = |tag: PropertyTag| {
        let value = properties.inline(tag).and_then(PropertyValue::as_text);
        value.map(|text| text.to_string_lossy().into_owned()).filter(|text| !text.is_empty())
    };
    let kind = text(tags.address_type).unwrap_or_default().to_ascii_uppercase();
    let email = text(tags.email_address);
    let mut outside = None;
    if let Some(email) = &email {
        if kind == "EX" || email.starts_with('/') {
            if let Some(account) = store.account_by_legacy_dn(email)? {
                return Ok(Ok(account));
            }
        } else if email.contains('@') {
            if let Some(account) = reached(store, email)? {
                return Ok(Ok(account));
            }
            outside = Some(email.clone());
        }
    }
    let entry_id = properties.inline(tags.entry_id).and_then(PropertyValue::as_binary);
    match entry_id.map(EntryId::parse) {
        Some(EntryId::AddressBook(id)) => {
            if let Some(account) = store.account_by_legacy_dn(&String::from_utf8_lossy(&id.dn.0))? {
                return Ok(Ok(account));
            }
        }
        Some(EntryId::OneOff(id)) => {
            let address = one_off_address(&id.texts);
            if let Some(account) = reached(store, &address)? {
                return Ok(Ok(account));
            }
            outside = outside.or(Some(address).filter(|address| address.contains('@')));
        }
        _ => {}
    }
    if let Some(smtp) = text(tags.smtp_address) {
        if let Some(account) = reached(store, &smtp)? {
            return Ok(Ok(account));
        }
        outside = outside.or(Some(smtp));
    }
    let reason = match outside {
        Some(address) if !domain_is_known(store, &address)? => Reason::Outside,
        _ => Reason::Unknown,
    };
    Ok(Err(reason))
}

fn one_off_address(texts: &OneOffTexts) -> String {
    match texts {
        OneOffTexts::Unicode { address, .. } => address.to_string_lossy().into_owned(),
        OneOffTexts::Bytes { address, .. } => String::from_utf8_lossy(&address.0).into_owned(),
    }
}

/// The properties by which one kind of person of a message is named.
pub(crate) struct AddressTags {
    pub(crate) name: PropertyTag,
    pub(crate) entry_id: PropertyTag,
    pub(crate) search_key: PropertyTag,
    pub(crate) address_type: PropertyTag,
    pub(crate) email_address: PropertyTag,
    pub(crate) smtp_address: PropertyTag,
}

pub(crate) const RECIPIENT: AddressTags = AddressTags {
    name: tags::DISPLAY_NAME,
    entry_id: tags::ENTRY_ID,
    search_key: tags::SEARCH_KEY,
    address_type: tags::ADDRESS_TYPE,
    email_address: tags::EMAIL_ADDRESS,
    smtp_address: tags::SMTP_ADDRESS,
};

/// [MS-OXOMSG] 2.2.1
pub(crate) const SENDER: AddressTags = AddressTags {
    name: tags::SENDER_NAME,
    entry_id: tags::SENDER_ENTRY_ID,
    search_key: tags::SENDER_SEARCH_KEY,
    address_type: tags::SENDER_ADDRESS_TYPE,
    email_address: tags::SENDER_EMAIL_ADDRESS,
    smtp_address: tags::SENDER_SMTP_ADDRESS,
};

/// Whom the sender speaks for.
pub(crate) const REPRESENTING: AddressTags = AddressTags {
    name: tags::SENT_REPRESENTING_NAME,
    entry_id: tags::SENT_REPRESENTING_ENTRY_ID,
    search_key: tags::SENT_REPRESENTING_SEARCH_KEY,
    address_type: tags::SENT_REPRESENTING_ADDRESS_TYPE,
    email_address: tags::SENT_REPRESENTING_EMAIL_ADDRESS,
    smtp_address: tags::SENT_REPRESENTING_SMTP_ADDRESS,
};

pub(crate) const RECEIVED_BY: AddressTags = AddressTags {
    name: tags::RECEIVED_BY_NAME,
    entry_id: tags::RECEIVED_BY_ENTRY_ID,
    search_key: tags::RECEIVED_BY_SEARCH_KEY,
    address_type: tags::RECEIVED_BY_ADDRESS_TYPE,
    email_address: tags::RECEIVED_BY_EMAIL_ADDRESS,
    smtp_address: tags::RECEIVED_BY_SMTP_ADDRESS,
};

pub(crate) const RECEIVED_REPRESENTING: AddressTags = AddressTags {
    name: tags::RECEIVED_REPRESENTING_NAME,
    entry_id: tags::RECEIVED_REPRESENTING_ENTRY_ID,
    search_key: tags::RECEIVED_REPRESENTING_SEARCH_KEY,
    address_type: tags::RECEIVED_REPRESENTING_ADDRESS_TYPE,
    email_address: tags::RECEIVED_REPRESENTING_EMAIL_ADDRESS,
    smtp_address: tags::RECEIVED_REPRESENTING_SMTP_ADDRESS,
};

/// Names an account of the directory.
pub(crate) fn name(properties: &mut Properties, tags: &AddressTags, account: &Account) {
    properties.set(tags.name, account.display_name.as_str());
    let entry_id = AddressBookEntryId::new(&account.legacy_dn, MAIL_USER);
    properties.set(tags.entry_id, entry_id.to_wire());
    properties.set(tags.search_key, search_key("EX", &account.legacy_dn));
    properties.set(tags.address_type, "EX");
    properties.set(tags.email_address, account.legacy_dn.as_str());
    properties.set(tags.smtp_address, account.address.as_str());
}

/// Takes out who is named.
pub(crate) fn forget(properties: &mut Properties, tags: &AddressTags) {
    let AddressTags { name, entry_id, search_key, address_type, email_address, smtp_address } =
        *tags;
    for tag in [name, entry_id, search_key, address_type, email_address, smtp_address] {
        properties.remove(tag);
    }
}

/// Whether anything of a person is named.
pub(crate) fn is_named(properties: &Properties, tags: &AddressTags) -> bool {
    [tags.entry_id, tags.email_address, tags.smtp_address].iter().any(|tag| {
        properties.inline(*tag).is_some_and(|value| match value {
            PropertyValue::Binary(bytes) => !bytes.is_empty(),
            other => other.as_text().is_some_and(|text| !text.as_bytes().is_empty()),
        })
    })
}

/// "TYPE:ADDRESS" in capitals with a terminating null ([MS-OXOABK] 2.2.3.11).
fn search_key(kind: &str, address: &str) -> Vec<u8> {
    let mut key = format!("{kind}:{address}").to_uppercase().into_bytes();
    key.push(0);
    key
}

/// A recipient that is an account of the directory.
pub fn recipient_of(account: &Account, row: u32, kind: i32) -> crate::message::Recipient {
    let mut properties = Properties::new();
    name(&mut properties, &RECIPIENT, account);
    properties.set(tags::RECIPIENT_TYPE, kind);
    // MAPI_MAILUSER ([MS-OXCPRPT] 2.2.1.7)
    properties.set(tags::OBJECT_TYPE, 6);
    properties.set(tags::DISPLAY_TYPE, MAIL_USER as i32);
    crate::message::Recipient { row, properties }
}

/// PidTagRecipientType of a recipient without its flags.
pub(crate) fn kind_of(recipient: &crate::message::Recipient) -> i32 {
    let kind = recipient.properties.inline(tags::RECIPIENT_TYPE).and_then(PropertyValue::as_i32);
    kind.unwrap_or(TO) & 0x0f
}
