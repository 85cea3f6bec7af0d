//! Delivery status notifications ([RFC 3464]; [MS-OXCMAIL] 2.1.3.6.1, 2.2.3.7.1).

use mapi::generated::tags;
use mapi::{FileTime, MessageContent, PropertyBag, PropertyValue, RecipientContent};

use super::super::address::{self, ORIGINAL_REPRESENTING, ORIGINAL_SENDER, set_sender};
use super::super::compose::{self, Line};
use super::super::fields::{Field, Header, Mailbox};
use super::super::headers::names;
use super::{behind_type, codes, recipient_of};

/// Actions and their classes by gravity, the gravest first ([MS-OXCMAIL] 2.2.3.7.1.1).
const BY_SEVERITY: [(&str, &str); 5] = [
    ("failed", "REPORT.IPM.Note.NDR"),
    ("delayed", "REPORT.IPM.Note.Delayed.DR"),
    ("relayed", "REPORT.IPM.Note.Relayed.DR"),
    ("expanded", "REPORT.IPM.Note.Expanded.DR"),
    ("delivered", "REPORT.IPM.Note.DR"),
];

/// Fewer than groups are looked at, so that a report that is written anew names them all again.
const MAX_RECIPIENTS: usize = super::MAX_GROUPS - 10;

/// The class by the gravest action of all recipients.
pub(super) fn class(groups: &[Header<'_>]) -> Option<&'static str> {
    gravest(groups).map(|(_, class)| class)
}

fn gravest(groups: &[Header<'_>]) -> Option<(&'static str, &'static str)> {
    let actions: Vec<String> = groups.iter().filter_map(action).collect();
    BY_SEVERITY.into_iter().find(|(known, _)| actions.iter().any(|action| action == known))
}

fn action(group: &Header<'_>) -> Option<String> {
    group.plain("action").map(|action| action.to_ascii_lowercase())
}

/// [MS-OXCMAIL] 2.2.3.7.1: the recipients whose action is the gravest become the report's.
pub(super) fn set(content: &mut MessageContent, groups: &[Header<'_>]) {
    let Some((gravest, class)) = gravest(groups) else { return };
    let delivered = class.ends_with(".Note.DR");
    let bag = &mut content.properties;
    let sent = bag.get(tags::CLIENT_SUBMIT_TIME).and_then(PropertyValue::as_time);
    if let Some(sent) = sent {
        bag.set(tags::REPORT_TIME, sent);
    }
    let reporting = groups.iter().find_map(|group| group.plain("reporting-mta"));
    if let Some(reporting) = reporting.filter(|name| name.len() <= 900) {
        bag.set(tags::REPORTING_MESSAGE_TRANSFER_AGENT, reporting);
    }
    let mut recipients = Vec::new();
    let told = groups.iter().filter(|group| action(group).as_deref() == Some(gravest));
    for group in told.take(MAX_RECIPIENTS) {
        if let Some(mailbox) = recipient_of(group) {
            recipients.push(reported(&mailbox, group, gravest, sent, delivered));
        }
    }
    if !recipients.is_empty() {
        be_about(content, recipients);
    }
}

/// The recipients of a report are those whom it is about; it went to whom had sent the message.
fn be_about(content: &mut MessageContent, recipients: Vec<RecipientContent>) {
    let bag = &mut content.properties;
    let sender = content.recipients.first().and_then(|r| compose::recipient_of(&r.properties));
    if let Some(sender) = sender {
        set_sender(bag, &ORIGINAL_SENDER, &sender);
        set_sender(bag, &ORIGINAL_REPRESENTING, &sender);
    }
    let name = |r: &RecipientContent| r.properties.text(tags::DISPLAY_NAME).unwrap_or_default();
    let shown: Vec<String> = recipients.iter().map(name).collect();
    bag.set(tags::DISPLAY_TO, names(shown.iter().map(String::as_str)));
    bag.set(tags::DISPLAY_CC, "");
    bag.set(tags::DISPLAY_BCC, "");
    content.recipients = recipients;
}

fn reported(
    mailbox: &Mailbox,
    group: &Header<'_>,
    action: &str,
    sent: Option<FileTime>,
    delivered: bool,
) -> RecipientContent {
    let mut recipient = address::recipient(address::TO, mailbox);
    let bag = &mut recipient.properties;
    if let Some(sent) = sent {
        bag.set(tags::REPORT_TIME, sent);
    }
    let remote = group.plain("remote-mta").map(|value| behind_type(&value).to_owned());
    let remote = remote.filter(|name| !name.is_empty() && name.len() <= 900);
    if let Some(remote) = &remote {
        bag.set(tags::REMOTE_MESSAGE_TRANSFER_AGENT, remote.as_str());
    }
    let status = group.plain("status").and_then(|status| codes::Status::parse(&status));
    let status = status.unwrap_or_else(|| codes::Status::of_action(action));
    let supplement = group.text("x-supplementary-info").unwrap_or_else(|| {
        supplementary_info(remote.as_deref(), &status, group.text("diagnostic-code"))
    });
    bag.set(tags::SUPPLEMENTARY_INFO, shortened(&supplement, 4_000));
    if delivered {
        // [MS-OXOMSG] 2.2.2: when, and nothing of why not.
        let time = group.all("last-attempt-date").find_map(Field::date).or(sent);
        if let Some(time) = time {
            bag.set(tags::DELIVER_TIME, time);
        }
    }
    let (diagnostic, reason) = status.diagnostic_and_reason();
    bag.set(tags::NON_DELIVERY_REPORT_STATUS_CODE, status.number());
    bag.set(tags::NON_DELIVERY_REPORT_DIAG_CODE, diagnostic);
    bag.set(tags::NON_DELIVERY_REPORT_REASON_CODE, reason);
    recipient
}

/// [MS-OXCMAIL] 2.2.3.7.1.2
fn supplementary_info(
    remote: Option<&str>,
    status: &codes::Status,
    diagnostic: Option<String>,
) -> String {
    let diagnostic = diagnostic.filter(|text| !text.is_empty());
    let diagnostic = diagnostic.map(|text| format!(" {text}")).unwrap_or_default();
    format!("<{} #{}{diagnostic}>", remote.unwrap_or_default(), status.text())
}

fn shortened(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// The fields of the message, then those of each recipient.
pub(super) fn write(content: &MessageContent) -> Vec<Vec<Line>> {
    let bag = &content.properties;
    let action = action_of_class(&bag.text(tags::MESSAGE_CLASS).unwrap_or_default());
    let mut groups = vec![vec![compose::raw("Reporting-MTA", &reporting(bag))]];
    for recipient in &content.recipients {
        let Some(mailbox) = compose::recipient_of(&recipient.properties) else { continue };
        groups.push(group(&mailbox, &recipient.properties, action));
    }
    groups
}

/// The field must be there ([RFC 3464] 2.2.2), and this crate knows no machine's name.
fn reporting(bag: &PropertyBag) -> String {
    let name = bag.text(tags::REPORTING_MESSAGE_TRANSFER_AGENT).unwrap_or_default();
    let name = compose::ascii(&name);
    match (name.is_empty(), name.contains(';')) {
        (true, _) => "dns; localhost".to_owned(),
        (false, true) => name,
        (false, false) => format!("dns; {name}"),
    }
}

fn group(mailbox: &Mailbox, bag: &PropertyBag, action: &'static str) -> Vec<Line> {
    let filled = |tag| bag.text(tag).filter(|text| !text.trim().is_empty());
    let mut lines = super::recipient_lines(mailbox);
    lines.push(compose::raw("Action", action));
    lines.push(compose::raw("Status", &codes::status_of(bag, action).text()));
    if let Some(remote) = filled(tags::REMOTE_MESSAGE_TRANSFER_AGENT) {
        lines.push(compose::raw("Remote-MTA", &format!("dns; {remote}")));
    }
    if action == "delivered"
        && let Some(time) = bag.get(tags::DELIVER_TIME).and_then(PropertyValue::as_time)
    {
        lines.push(compose::date("Last-Attempt-Date", time));
    }
    if let Some(info) = filled(tags::SUPPLEMENTARY_INFO) {
        lines.push(compose::text("X-Supplementary-Info", &info));
    }
    lines
}

/// [MS-OXCMAIL] 2.1.3.6.1.1
fn action_of_class(class: &str) -> &'static str {
    let class = class.to_ascii_lowercase();
    match () {
        () if class.ends_with(".ndr") => "failed",
        () if class.ends_with(".delayed.dr") => "delayed",
        () if class.ends_with(".relayed.dr") => "relayed",
        () if class.ends_with(".expanded.dr") => "expanded",
        () => "delivered",
    }
}
