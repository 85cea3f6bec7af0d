//! A meeting in a mail: a part text/calendar is the message's other form ([MS-OXCMAIL] 2.2.3.3.2 and
//! 2.1.3.3, [MS-OXCICAL] 2.1.3.1.1.1).

use mail_builder::headers::HeaderType;
use mail_builder::headers::content_type::ContentType;
use mail_builder::mime::{BodyPart, MimePart};
use mapi::generated::tags;
use mapi::{AttachmentContent, MessageContent, PropertyKey, PropertyValue};

use super::bodies::Found;
use super::write::base64;
use crate::ical;
use crate::text::charsets;

/// afException of PidTagAttachmentFlags ([MS-OXCMSG] 2.2.2.23).
const EXCEPTION: i32 = 2;

/// The meeting that the first calendar beside the text is about, which is then no file any more. A calendar
/// that is attached as a file, or says nothing of a meeting, stays one.
pub(super) fn take(found: &mut Found<'_, '_>) -> Option<MessageContent> {
    let at = found
        .attached
        .iter()
        .position(|part| part.content_type.is("text", "calendar") && !part.is_attachment())?;
    let part = found.attached[at];
    let label = part.content_type.attribute("charset").or(Some("utf-8"));
    let text = charsets::decode_label(label, &part.decoded()).text;
    let meeting = ical::read_meeting(text.as_bytes())?;
    found.attached.remove(at);
    Some(meeting)
}

/// Gives a message what its calendar says. Header and text know better what they say themselves.
pub(super) fn apply(content: &mut MessageContent, meeting: MessageContent, found: &Found<'_, '_>) {
    const OF_THE_TEXT: [u16; 4] =
        [tags::BODY.id(), tags::HTML.id(), tags::NATIVE_BODY.id(), tags::INTERNET_CODEPAGE.id()];
    const OWN: [u16; 4] = [
        tags::MESSAGE_CLASS.id(),
        tags::ICON_INDEX.id(),
        tags::RESPONSE_REQUESTED.id(),
        tags::REPLY_REQUESTED.id(),
    ];
    let has_text = !found.plain.is_empty() || !found.html.is_empty();
    for (key, value) in meeting.properties {
        let takes = match &key {
            PropertyKey::Named(_) => true,
            PropertyKey::Tag(id) if OF_THE_TEXT.contains(id) => !has_text,
            PropertyKey::Tag(id) if OWN.contains(id) => true,
            PropertyKey::Tag(_) => !content.properties.iter().any(|(known, _)| *known == key),
        };
        if takes {
            content.properties.insert(key, value);
        }
    }
    if content.recipients.is_empty() {
        content.recipients = meeting.recipients;
    }
    content.attachments.extend(meeting.attachments);
}

/// The calendar of a message of a meeting, in base64, which no line end and no dot harms.
pub(super) fn part(content: &MessageContent) -> Option<MimePart<'static>> {
    let purpose = ical::purpose(content).filter(|purpose| purpose.method != "PUBLISH")?;
    let calendar = ical::write_for(content, ical::Place::Mail)?;
    let content_type = ContentType::new("text/calendar")
        .attribute("method", purpose.method)
        .attribute("charset", "utf-8");
    let part = MimePart::raw(BodyPart::Binary(base64(&calendar).into()))
        .header("Content-Type", content_type)
        .header("Content-Transfer-Encoding", HeaderType::Raw("base64".into()));
    Some(part)
}

/// Whether an attachment is an exception of a series ([MS-OXOCAL] 2.2.10.1.1).
pub(super) fn is_exception(attachment: &AttachmentContent) -> bool {
    let flags = attachment.properties.get(tags::ATTACHMENT_FLAGS);
    flags.and_then(PropertyValue::as_i32).is_some_and(|flags| flags & EXCEPTION != 0)
}
