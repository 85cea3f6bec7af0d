//! ORGANIZER and ATTENDEE ([MS-OXCICAL] 2.1.3.1.1.20.2 and 2.1.3.1.1.20.16).

use mapi::generated::tags;
use mapi::{MessageContent, RecipientContent};

use super::Method;
use crate::content_line::{Component, ContentLine};
use crate::mime::address::{self, SENDER, SENT_REPRESENTING, recipient, set_sender};
use crate::mime::fields::Mailbox;

/// Attendees beyond this many are left out.
pub(super) const MAX_ATTENDEES: usize = 5_000;

/// recipOrganizer and recipSendable of PidTagRecipientFlags ([MS-OXOCAL] 2.2.4.10.1).
const SENDABLE: i32 = 1;
const ORGANIZER: i32 = 2;

/// Senders and recipients of a meeting.
pub(super) fn set_people(content: &mut MessageContent, event: &Component, method: Method) {
    let organizer = event.line("ORGANIZER").and_then(mailbox);
    let attendees: Vec<_> = event.all("ATTENDEE").take(MAX_ATTENDEES).collect();
    if matches!(method, Method::Reply | Method::Counter) {
        // Who answers is the sender, and the organizer gets it (RFC 5546 3.2.3).
        if let Some(answering) = attendees.first().and_then(|line| mailbox(line)) {
            set_sender(&mut content.properties, &SENDER, &answering);
            set_sender(&mut content.properties, &SENT_REPRESENTING, &answering);
        }
        content.recipients.extend(organizer.map(|to| recipient(address::TO, &to)));
        return;
    }
    if let Some(organizer) = &organizer {
        set_sender(&mut content.properties, &SENT_REPRESENTING, organizer);
        let sender = event.line("ORGANIZER").and_then(sent_by);
        set_sender(&mut content.properties, &SENDER, sender.as_ref().unwrap_or(organizer));
    }
    for line in attendees {
        let Some(mailbox) = mailbox(line) else { continue };
        let is_organizer = organizer
            .as_ref()
            .is_some_and(|organizer| organizer.address.eq_ignore_ascii_case(&mailbox.address));
        content.recipients.push(attendee(line, &mailbox, is_organizer));
    }
}

fn attendee(line: &ContentLine, mailbox: &Mailbox, is_organizer: bool) -> RecipientContent {
    let kind = match (line.parameter("CUTYPE"), line.parameter("ROLE")) {
        // Rooms and things are in the place of BCC ([MS-OXOCAL] 2.2.4.10.7).
        (Some(kind), _) if ["RESOURCE", "ROOM"].iter().any(|k| kind.eq_ignore_ascii_case(k)) => {
            address::BCC
        }
        (_, Some(role)) if role.eq_ignore_ascii_case("OPT-PARTICIPANT") => address::CC,
        (_, Some(role)) if role.eq_ignore_ascii_case("NON-PARTICIPANT") => address::CC,
        _ => address::TO,
    };
    let mut recipient = recipient(kind, mailbox);
    let answer = line.parameter("PARTSTAT").and_then(response).unwrap_or(0);
    recipient.properties.set(tags::RECIPIENT_TRACK_STATUS, answer);
    if is_organizer {
        recipient.properties.set(tags::RECIPIENT_FLAGS, SENDABLE | ORGANIZER);
    }
    recipient
}

/// PidTagRecipientTrackStatus and PidLidResponseStatus of a PARTSTAT ([MS-OXOCAL] 2.2.1.11, 2.2.4.10.2).
pub(super) fn response(partstat: &str) -> Option<i32> {
    Some(match partstat.to_ascii_uppercase().as_str() {
        "TENTATIVE" => 2,
        "ACCEPTED" => 3,
        "DECLINED" => 4,
        _ => return None,
    })
}

fn mailbox(line: &ContentLine) -> Option<Mailbox> {
    let value = line.text();
    let address = address_of(&value).or_else(|| address_of(line.parameter("EMAIL")?))?;
    let name = line.parameter("CN").map(str::trim).filter(|name| !name.is_empty());
    Some(Mailbox { name: name.unwrap_or(&address).to_owned(), address })
}

/// Who wrote for the organizer.
fn sent_by(line: &ContentLine) -> Option<Mailbox> {
    let address = address_of(line.parameter("SENT-BY")?)?;
    Some(Mailbox { name: address.clone(), address })
}

fn address_of(uri: &str) -> Option<String> {
    let uri = uri.trim();
    let address = match uri.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case("mailto:") => &uri[7..],
        _ => uri,
    };
    let fits =
        address.contains('@') && address.len() <= 1_000 && !address.contains(char::is_control);
    fits.then(|| address.to_owned())
}
