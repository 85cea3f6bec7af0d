//! Senders and recipients as ORGANIZER and ATTENDEE ([MS-OXCICAL] 2.1.3.1.1.20.2, 2.1.3.1.1.20.16).

use mapi::generated::tags;
use mapi::{MessageContent, PropertyBag, PropertyValue};

use super::Purpose;
use crate::content_line::{Writer, quote};
use crate::mime::address::{self, SENDER, SENT_REPRESENTING};
use crate::mime::fields::Mailbox;
use crate::mime::{recipient_of, sender_of};

pub(super) fn write(w: &mut Writer, content: &MessageContent, purpose: Purpose) {
    let bag = &content.properties;
    let sender = sender_of(bag, &SENT_REPRESENTING).or_else(|| sender_of(bag, &SENDER));
    if let Some(answer) = purpose.answer {
        let organizer = content.recipients.iter().find_map(|to| recipient_of(&to.properties));
        if let Some(organizer) = organizer {
            line(w, "ORGANIZER", &organizer);
        }
        let head = format!("ATTENDEE;PARTSTAT={answer}");
        match sender {
            Some(sender) => line(w, &head, &sender),
            None => w.raw(&head, "invalid:nomail"),
        }
        return;
    }
    // Who has an appointment without others is not told ([MS-OXCICAL] 2.1.3.1.1.20.16).
    if content.recipients.is_empty() && purpose.method == "PUBLISH" {
        return;
    }
    if let Some(sender) = &sender {
        line(w, "ORGANIZER", sender);
    }
    let asked = bag.get(tags::RESPONSE_REQUESTED).and_then(PropertyValue::as_bool) == Some(true);
    for recipient in &content.recipients {
        let bag = &recipient.properties;
        let is_organizer = number(bag, tags::RECIPIENT_FLAGS) & 2 != 0;
        let Some(mailbox) = recipient_of(bag).filter(|_| !is_organizer) else { continue };
        let kind = match number(bag, tags::RECIPIENT_TYPE) & 0xf {
            address::CC => ";ROLE=OPT-PARTICIPANT",
            address::BCC => ";CUTYPE=RESOURCE;ROLE=NON-PARTICIPANT",
            _ => ";ROLE=REQ-PARTICIPANT",
        };
        let answer = match number(bag, tags::RECIPIENT_TRACK_STATUS) {
            2 => ";PARTSTAT=TENTATIVE",
            3 => ";PARTSTAT=ACCEPTED",
            4 => ";PARTSTAT=DECLINED",
            _ => "",
        };
        let rsvp = if asked { ";RSVP=TRUE" } else { "" };
        line(w, &format!("ATTENDEE{kind}{answer}{rsvp}"), &mailbox);
    }
}

fn number(bag: &PropertyBag, tag: mapi::PropertyTag) -> i32 {
    bag.get(tag).and_then(PropertyValue::as_i32).unwrap_or(0)
}

fn line(w: &mut Writer, head: &str, mailbox: &Mailbox) {
    let Mailbox { name, address } = mailbox;
    match name.is_empty() || name == address {
        true => w.raw(head, &format!("mailto:{address}")),
        false => w.raw(&format!("{head};CN={}", quote(name)), &format!("mailto:{address}")),
    }
}
