//! Recipients of other domains: a submitted message goes into the queue that is sent from over SMTP.

use formats::mime;
use mapi::{MessageContent, PropertyValue, tags};

use super::address::{self, BCC, RECIPIENT};
use super::queue::{self, Entry, Item, Outcome};
use super::report;
use crate::mailbox::writer;
use crate::message::{self, Message};
use crate::outbound::{self, NewLetter, Notify, Recipient};
use crate::{Mailbox, Result, StoreError};

/// The longest address that a path may hold (RFC 5321 4.5.3.1.3), and the parts of it.
const MAX_ADDRESS: usize = 254;
const MAX_LOCAL: usize = 64;

/// The address by which a recipient of another domain is sent to, if messages to other domains are sent at all.
pub(super) fn address_of(source: &Mailbox, recipient: &message::Recipient) -> Option<String> {
    let address = outbound::is_enabled(source.store())
        .then(|| address::internet_address(&recipient.properties, &RECIPIENT))??;
    is_path(&address).then_some(address)
}

/// Whether an address can stand between the brackets of RCPT as it is.
fn is_path(address: &str) -> bool {
    let Some((local, domain)) = address.rsplit_once('@') else { return false };
    let plain = |text: &str| {
        !text.is_empty()
            && !text
                .contains(|c: char| c.is_control() || c.is_whitespace() || "<>\"\\(),;".contains(c))
    };
    let dots = |text: &str| !text.starts_with('.') && !text.ends_with('.') && !text.contains("..");
    address.len() <= MAX_ADDRESS
        && local.len() <= MAX_LOCAL
        && [local, domain].into_iter().all(|part| plain(part) && dots(part))
}

/// Puts a message into the queue to other domains for those recipients about whom `entry` says so, and takes that
/// out of the entry: one batch. Returns the entry as it is then.
///
/// Errors: those of the engine; [`StoreError::ObjectModified`] if somebody else changed the entry.
pub(super) fn hand_on(
    source: &Mailbox,
    message: &Message,
    item: Item,
    entry: Entry,
) -> Result<Entry> {
    let outside = |(_, outcome): &&(u32, Outcome)| *outcome == Outcome::Outbound;
    let places: Vec<u32> = entry.outcomes.iter().filter(outside).map(|(at, _)| *at).collect();
    if places.is_empty() {
        return Ok(entry);
    }
    let mut after = entry.clone();
    after.outcomes.retain(|(_, outcome)| *outcome != Outcome::Outbound);
    let notify = notify(message);
    let recipients: Vec<Recipient> = places
        .iter()
        .filter_map(|place| message.body.recipients.get(*place as usize))
        .filter_map(|one| address::internet_address(&one.properties, &RECIPIENT))
        .map(|address| Recipient { notify, ..Recipient::new(address) })
        .collect();
    let content = shown(message::content(source, message.clone())?);
    let sent = mime::outgoing(&mime::write(&content));
    let sender = match source.store().account(entry.sender) {
        Ok(sender) if !entry.silent => sender.address,
        // A report or an automatic answer: nobody is told of it.
        Ok(_) | Err(StoreError::NotFound(_)) => String::new(),
        Err(error) => return Err(error),
    };
    let beyond = |text: &str| !text.is_ascii();
    let new = NewLetter {
        eight_bit: sent.eight_bit,
        utf8: sent.utf8 || beyond(&sender) || recipients.iter().any(|one| beyond(&one.address)),
        from: sender,
        message_id: sent.message_id,
        recipients,
        ..NewLetter::default()
    };
    // Where the queue is full, the message waits where it is.
    let ready = outbound::Ready::new(source.store(), &sent.bytes)?;
    let ids = writer::write(source, |tx| {
        queue::replace(tx, item, &entry, Some(&after))?;
        outbound::add(tx, &new, &ready)
    })?;
    outbound::added(source.store(), &ids);
    Ok(after)
}

/// When the sender wants to be told ([MS-OXOMSG] 2.2.1).
fn notify(message: &Message) -> Notify {
    let properties = &message.body.properties;
    let success = report::wants_deliveries(properties);
    let failure = report::wants_failures(properties);
    Notify { given: success || !failure, success, failure, delay: failure }
}

/// What recipients get to see: nobody learns who got a blind copy.
fn shown(mut content: MessageContent) -> MessageContent {
    content.recipients.retain(|recipient| {
        let kind = recipient.properties.get(tags::RECIPIENT_TYPE).and_then(PropertyValue::as_i32);
        kind.is_none_or(|kind| kind & 0x0f != BCC)
    });
    content.properties.remove(tags::DISPLAY_BCC);
    content
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_stand_in_a_path_is_sent_to() {
        for good in ["bob@there.test", "b.o+x@there.test", "bøb@there.test", "a@[192.0.2.1]"] {
            assert!(is_path(good), "{good}");
        }
        for bad in [
            "bob",
            "@there.test",
            "bob@",
            "a b@there.test",
            "a>@there.test",
            "a\r\nRCPT TO:<c@d>@there.test",
            ".a@there.test",
            "a@there..test",
        ] {
            assert!(!is_path(bad), "{bad:?}");
        }
    }
}
