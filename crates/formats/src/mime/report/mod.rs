//! Delivery reports and receipts: multipart/report ([RFC 6522]) as the REPORT classes of MAPI and back
//! ([MS-OXCMAIL] 2.1.3.6, 2.2.3.7).

mod codes;
mod delivery;
mod disposition;

use mail_builder::headers::HeaderType;
use mail_builder::headers::content_type::ContentType;
use mail_builder::mime::{BodyPart, MimePart};
use mapi::generated::tags;
use mapi::{MessageContent, PropertyBag};

use super::compose::{self, Line};
use super::fields::{Field, Header, Mailbox, split_header};
use super::headers::names;
use super::parts::Part;

/// Groups of fields that are looked at: one for the message, one for each recipient.
const MAX_GROUPS: usize = 20_000;

/// What a report tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// message/delivery-status ([RFC 3464]).
    Delivery,
    /// message/disposition-notification ([RFC 8098]).
    Disposition,
}

/// A report that was received.
#[derive(Debug)]
pub(crate) struct Report<'p, 'a> {
    whole: &'p Part<'a>,
    /// The part that programs read, which becomes properties.
    status: &'p Part<'a>,
    kind: Kind,
    class: &'static str,
}

impl<'p, 'a> Report<'p, 'a> {
    /// The report that a message is; None where none of its parts says what became of a message.
    pub(crate) fn find(whole: &'p Part<'a>) -> Option<Self> {
        if !whole.content_type.is("multipart", "report") {
            return None;
        }
        whole.children.as_ref()?.iter().find_map(|status| {
            let kind = match status.content_type.name().as_str() {
                "message/delivery-status" | "message/global-delivery-status" => Kind::Delivery,
                "message/disposition-notification" | "message/global-disposition-notification" => {
                    Kind::Disposition
                }
                _ => return None,
            };
            let class = match kind {
                Kind::Delivery => delivery::class(&groups(&status.decoded())),
                Kind::Disposition => disposition::class(&groups(&status.decoded())),
            }?;
            Some(Report { whole, status, kind, class })
        })
    }

    pub(crate) fn class(&self) -> &'static str {
        self.class
    }

    /// Whether a part became properties, so that it is not attached.
    pub(crate) fn is_status(&self, part: &Part<'_>) -> bool {
        std::ptr::eq(self.status.whole, part.whole)
    }

    /// Sets what the report says. The header's properties are there already.
    pub(crate) fn set(&self, content: &mut MessageContent) {
        self.set_original(&mut content.properties);
        let bytes = self.status.decoded();
        let groups = groups(&bytes);
        match self.kind {
            Kind::Delivery => delivery::set(content, &groups),
            Kind::Disposition => disposition::set(&mut content.properties, &groups),
        }
    }

    /// What the returned message, or its header, says of itself ([MS-OXOMSG] 2.2.2).
    fn set_original(&self, bag: &mut PropertyBag) {
        let children = self.whole.children.as_deref().unwrap_or_default();
        let returned = children.iter().find(|part| {
            matches!(
                part.content_type.name().as_str(),
                "message/rfc822"
                    | "message/global"
                    | "text/rfc822-headers"
                    | "message/global-headers"
            )
        });
        let Some(returned) = returned else { return };
        let bytes = returned.decoded();
        let (header, _) = split_header(&bytes);
        if let Some(subject) = header.text("subject") {
            bag.set(tags::ORIGINAL_SUBJECT, subject);
        }
        if let Some(time) = header.all("date").find_map(Field::date) {
            bag.set(tags::ORIGINAL_SUBMIT_TIME, time);
        }
        if let Some(id) = header.plain("message-id").filter(|id| id.len() <= 900) {
            bag.set(ORIGINAL_MESSAGE_ID, id);
        }
        for (field, tag) in [("to", tags::ORIGINAL_DISPLAY_TO), ("cc", tags::ORIGINAL_DISPLAY_CC)] {
            let mailboxes: Vec<Mailbox> =
                header.all(field).flat_map(Field::addresses).take(1_000).collect();
            if !mailboxes.is_empty() {
                bag.set(tag, names(mailboxes.iter().map(|mailbox| mailbox.name.as_str())));
            }
        }
    }
}

/// PidTagOriginalMessageId ([MS-OXOMSG] 2.2.1.85), which shares its id with an older property.
pub(crate) const ORIGINAL_MESSAGE_ID: mapi::PropertyTag = tags::INTERNET_RETURN_PATH;

/// What a class reports, `REPORT.IPM.Note.NDR` ([MS-OXOMSG] 2.2.2.1).
pub(crate) fn kind_of_class(class: &str) -> Option<Kind> {
    let class = class.to_ascii_lowercase();
    let last = class.strip_prefix("report.")?.rsplit('.').next()?;
    match last {
        "dr" | "ndr" => Some(Kind::Delivery),
        "ipnrn" | "ipnnrn" => Some(Kind::Disposition),
        _ => None,
    }
}

/// What the content reports, if it can go out as a report.
pub(crate) fn kind_of(content: &MessageContent) -> Option<Kind> {
    let kind = kind_of_class(&content.properties.text(tags::MESSAGE_CLASS)?)?;
    // Without a recipient a delivery report says nothing, and would not be read as one.
    let told = content.recipients.iter().any(|r| compose::recipient_of(&r.properties).is_some());
    (kind == Kind::Disposition || told).then_some(kind)
}

/// The multipart of a report, with the parts before and behind the one that programs read ([RFC 6522] 3).
pub(crate) fn multipart(
    kind: Kind,
    content: &MessageContent,
    text: MimePart<'static>,
    attached: Vec<MimePart<'static>>,
) -> MimePart<'static> {
    let (report_type, groups) = match kind {
        Kind::Delivery => ("delivery-status", delivery::write(content)),
        Kind::Disposition => ("disposition-notification", disposition::write(content)),
    };
    let mut body = Vec::new();
    for group in &groups {
        if !body.is_empty() {
            body.extend_from_slice(b"\r\n");
        }
        compose::write_lines(group, &mut body);
    }
    let status = MimePart::raw(BodyPart::Binary(body.into()))
        .header("Content-Type", ContentType::new(format!("message/{report_type}")))
        .header("Content-Transfer-Encoding", HeaderType::Raw("7bit".into()));
    let parts = [text, status].into_iter().chain(attached).collect();
    MimePart::raw(BodyPart::Multipart(parts)).header(
        "Content-Type",
        ContentType::new("multipart/report").attribute("report-type", report_type),
    )
}

/// The groups of fields, apart by empty lines ([RFC 3464] 2.1).
fn groups(status: &[u8]) -> Vec<Header<'_>> {
    let mut groups = Vec::new();
    let mut rest = status;
    while !rest.is_empty() && groups.len() < MAX_GROUPS {
        let (header, behind) = split_header(rest);
        // A line that is no field is left out, so that each turn comes further.
        rest = match behind.len() == rest.len() {
            true => &rest[super::fields::line_end(rest, 0)..],
            false => behind,
        };
        if !header.fields.is_empty() {
            groups.push(header);
        }
    }
    groups
}

/// What stands behind the type of an address, a server or a code: `rfc822; a@b` ([RFC 3464] 2.1.2).
fn behind_type(value: &str) -> &str {
    value.split_once(';').map_or(value, |(_, value)| value).trim()
}

/// The one whom a group is about: the final recipient, else the original one.
fn recipient_of(group: &Header<'_>) -> Option<Mailbox> {
    let address = ["final-recipient", "original-recipient"].iter().find_map(|field| {
        let value = group.plain(field)?;
        let address = behind_type(&value).trim_matches(['<', '>']).to_owned();
        (!address.is_empty() && address.len() <= 700).then_some(address)
    });
    let name = group.text("x-display-name").filter(|name| name.len() <= 700);
    match (name, address) {
        (None, None) => None,
        (Some(name), address) => Some(Mailbox { name, address: address.unwrap_or_default() }),
        (None, Some(address)) => Some(Mailbox { name: address.clone(), address }),
    }
}

/// Final-Recipient, and the name beside it ([MS-OXCMAIL] 2.1.3.6.1, 2.1.3.6.2).
fn recipient_lines(mailbox: &Mailbox) -> Vec<Line> {
    let mut lines = vec![compose::raw("Final-Recipient", &format!("rfc822; {}", mailbox.address))];
    if mailbox.name != mailbox.address {
        lines.push(compose::text("X-Display-Name", &mailbox.name));
    }
    lines
}
