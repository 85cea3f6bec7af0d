//! What can be read of a damaged message.

use std::collections::HashSet;

use mapi::{PropertyTag, PropertyValue, tags};

use crate::blob::BlobRef;
use crate::check::body::{Gathered, place};
use crate::check::messages::mimes_fit;
use crate::message::{Attachment, MessageBody};
use crate::record::node;
use crate::record::summary::{Summary, Text};
use crate::value::{LargeSource, LargeValue, Properties, Value};

/// Puts a message together from what is left of its nodes. Says what is lost.
pub(super) fn body(gathered: &Gathered, lost: &mut Vec<String>) -> MessageBody {
    let mut body = MessageBody::default();
    let mut root = false;
    for record in &gathered.records {
        let at = place(&record.path);
        match record.path.split_last() {
            None => {
                let (read, whole) = node::read_message_partly(&record.bytes);
                root = true;
                say(lost, &at, whole, record.suspect);
                body = read;
            }
            Some((number, parents)) => {
                let (properties, embedded, whole) = node::read_attachment_partly(&record.bytes);
                say(lost, &at, whole, record.suspect);
                let Some(parent) = reach(&mut body, parents, lost) else { continue };
                match parent.attachments.iter_mut().find(|known| known.number == *number) {
                    Some(known) => {
                        known.properties = properties;
                        known.embedded = embedded.map(Box::new).or(known.embedded.take());
                    }
                    None => parent.attachments.push(Attachment {
                        number: *number,
                        properties,
                        embedded: embedded.map(Box::new),
                    }),
                }
            }
        }
    }
    if !root {
        lost.push("the message's own properties, text and recipients".into());
    }
    settle_numbers(&mut body);
    body
}

fn say(lost: &mut Vec<String>, at: &str, whole: bool, suspect: bool) {
    match (whole, suspect) {
        (true, false) => {}
        (true, true) => lost.push(format!(
            "{at}: everything could be read, but one of its values is not what was saved"
        )),
        (false, _) => lost.push(format!("{at}: what stood behind the damage")),
    }
}

/// The message at a path; what is missing on the way is made up, so that what lies below is kept.
fn reach<'a>(
    body: &'a mut MessageBody,
    path: &[u32],
    lost: &mut Vec<String>,
) -> Option<&'a mut MessageBody> {
    let mut body = body;
    for (depth, number) in path.iter().enumerate() {
        let at = match body.attachments.iter().position(|known| known.number == *number) {
            Some(at) => at,
            None => {
                lost.push(format!("{}: all but what it holds", place(&path[..=depth])));
                body.attachments.push(Attachment { number: *number, ..Attachment::default() });
                body.attachments.len() - 1
            }
        };
        body = body.attachments[at].embedded.get_or_insert_default();
    }
    Some(body)
}

/// Attachments in the order of their numbers, and none of these given out again.
fn settle_numbers(body: &mut MessageBody) {
    body.attachments.sort_by_key(|attachment| attachment.number);
    let last = body.attachments.last().map_or(0, |last| last.number.saturating_add(1));
    body.next_attachment = body.next_attachment.max(last);
    body.attachments
        .iter_mut()
        .filter_map(|attachment| attachment.embedded.as_deref_mut())
        .for_each(settle_numbers);
}

/// Adds what the summary knows and the properties do not.
pub(super) fn from_summary(properties: &mut Properties, summary: &Summary) {
    let mut text = |tag: PropertyTag, text: &Text| {
        if let (None, Text::Whole(text) | Text::Cut(text)) = (properties.get(tag), text)
            && !text.as_bytes().is_empty()
        {
            properties.set(tag, text.clone());
        }
    };
    text(tags::MESSAGE_CLASS, &summary.class);
    text(tags::SUBJECT, &summary.subject);
    text(tags::SENT_REPRESENTING_NAME, &summary.from);
    text(tags::DISPLAY_TO, &summary.to);
    let times = [
        (tags::MESSAGE_DELIVERY_TIME, summary.delivered),
        (tags::CLIENT_SUBMIT_TIME, summary.submitted),
        (tags::LAST_MODIFICATION_TIME, summary.modified),
        (tags::CREATION_TIME, summary.created),
    ];
    for (tag, time) in times {
        if let (None, Some(time)) = (properties.get(tag), time) {
            properties.set(tag, mapi::FileTime(time));
        }
    }
    let numbers = [
        (tags::IMPORTANCE, summary.importance),
        (tags::SENSITIVITY, summary.sensitivity),
        (tags::ICON_INDEX, summary.icon),
        (tags::FLAG_STATUS, summary.flag_status),
    ];
    for (tag, number) in numbers {
        if let (None, Some(number)) = (properties.get(tag), number) {
            properties.set(tag, number);
        }
    }
}

/// Takes values out whose content is lost, and original Internet messages that cannot be put together.
pub(super) fn drop_values(
    body: &mut MessageBody,
    bad: &HashSet<[u8; BlobRef::LEN]>,
    lost: &mut Vec<String>,
) {
    drop_below(body, &[], bad, lost);
    if !mimes_fit(body) {
        drop_mimes(body, &[], lost);
    }
}

fn drop_below(
    body: &mut MessageBody,
    path: &[u32],
    bad: &HashSet<[u8; BlobRef::LEN]>,
    lost: &mut Vec<String>,
) {
    let at = place(path);
    drop_from(&mut body.properties, &at, bad, lost);
    if body.mime.as_ref().is_some_and(|mime| is_bad(&mime.skeleton, bad)) {
        body.mime = None;
        lost.push(format!("{at}: the original Internet message"));
    }
    for recipient in &mut body.recipients {
        let at = format!("{at}, recipient {}", recipient.row);
        drop_from(&mut recipient.properties, &at, bad, lost);
    }
    for attachment in &mut body.attachments {
        let path = [path, &[attachment.number]].concat();
        let at = match name_of(attachment) {
            Some(name) => format!("{} \"{name}\"", place(&path)),
            None => place(&path),
        };
        drop_from(&mut attachment.properties, &at, bad, lost);
        if let Some(embedded) = &mut attachment.embedded {
            drop_below(embedded, &path, bad, lost);
        }
    }
}

fn drop_mimes(body: &mut MessageBody, path: &[u32], lost: &mut Vec<String>) {
    if body.mime.as_ref().is_some_and(|mime| !mime.fits(body)) {
        body.mime = None;
        lost.push(format!("{}: the original Internet message", place(path)));
    }
    for attachment in &mut body.attachments {
        let path = [path, &[attachment.number]].concat();
        if let Some(embedded) = &mut attachment.embedded {
            drop_mimes(embedded, &path, lost);
        }
    }
}

/// Takes out of properties what refers to lost content.
pub(super) fn drop_from(
    properties: &mut Properties,
    at: &str,
    bad: &HashSet<[u8; BlobRef::LEN]>,
    lost: &mut Vec<String>,
) {
    let gone: Vec<(PropertyTag, u64)> = properties
        .iter()
        .filter(|(_, value)| is_bad(value, bad))
        .map(|(id, value)| (PropertyTag::from_parts(id, value.property_type()), value.size()))
        .collect();
    for (tag, bytes) in gone {
        properties.remove(tag);
        lost.push(format!("{at}: the {bytes} bytes of {tag:?}"));
    }
}

fn is_bad(value: &Value, bad: &HashSet<[u8; BlobRef::LEN]>) -> bool {
    match value {
        Value::Large(LargeValue { source: LargeSource::Blob(blob), .. }) => {
            bad.contains(&blob.to_bytes())
        }
        _ => false,
    }
}

fn name_of(attachment: &Attachment) -> Option<String> {
    let text = |tag| attachment.properties.inline(tag).and_then(PropertyValue::as_text);
    let name = text(tags::ATTACH_LONG_FILENAME).or_else(|| text(tags::ATTACH_FILENAME))?;
    Some(name.to_string_lossy().into_owned())
}
