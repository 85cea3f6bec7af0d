//! A message from its node: properties, recipients, attachments, and messages in it ([MS-PST] 2.4.5,
//! 2.4.6).

use std::collections::HashSet;

use mapi::generated::tags;
use mapi::{
    AttachedContent, AttachmentContent, MessageContent, PropertyBag, PropertyValue,
    RecipientContent, WString,
};

use super::MAX_NESTING;
use super::ndb::{BlockId, Database, NodeId, Subnode};
use super::object::{Object, Room, Single};
use crate::names::Names;
use crate::report::{Kind, Report};
use crate::values;

/// NID_ATTACHMENT_TABLE and NID_RECIPIENT_TABLE ([MS-PST] 2.4.1).
const ATTACHMENT_TABLE: NodeId = NodeId(0x671);
const RECIPIENT_TABLE: NodeId = NodeId(0x692);
/// NID_TYPE_ATTACHMENT ([MS-PST] 2.2.2.1).
const ATTACHMENT: u8 = 0x05;

/// PidTagAttachData: PidTagAttachDataBinary and PidTagAttachDataObject.
const ATTACH_DATA: u16 = 0x3701;
/// afByValue and afEmbeddedMessage ([MS-OXCMSG] 2.2.2.9).
const BY_VALUE: i32 = 1;
const EMBEDDED_MESSAGE: i32 = 5;
const OLE: i32 = 6;

/// What all messages of a file share.
pub struct Source<'d> {
    pub db: &'d Database,
    pub names: &'d Names,
    /// The store's, for messages that name none.
    pub code_page: u32,
}

/// Reads a message. Only a message without readable properties is lost as a whole.
pub fn read(
    source: &Source<'_>,
    data: BlockId,
    subnodes: BlockId,
    room: &Room,
    report: &mut Report,
) -> Result<MessageContent, String> {
    message(source, data, subnodes, source.code_page, 0, room, report)
}

fn message(
    source: &Source<'_>,
    data: BlockId,
    subnodes: BlockId,
    outer_code_page: u32,
    depth: usize,
    room: &Room,
    report: &mut Report,
) -> Result<MessageContent, String> {
    let object = Object::open(source.db, data, subnodes, room, report)?;
    let properties = object.properties(source.names, &[], room, report)?;
    for (id, _) in &properties.objects {
        let what = format!("property {id:#06x}");
        report.refuse(Kind::Property, what, "a message has no property that is an object");
    }
    let code_page = values::code_page(&properties.bag).unwrap_or(outer_code_page);
    let mut bag = values::to_unicode(properties.bag, code_page);
    split_subject(&mut bag);
    let mut content = MessageContent { properties: bag, ..Default::default() };
    recipients(source, &object, code_page, room, report, &mut content);
    attachments(source, &object, code_page, depth, room, report, &mut content);
    Ok(content)
}

fn recipients(
    source: &Source<'_>,
    object: &Object<'_>,
    code_page: u32,
    room: &Room,
    report: &mut Report,
    content: &mut MessageContent,
) {
    let Some(node) = object.subnodes().get(&RECIPIENT_TABLE) else { return };
    let mut found = Vec::new();
    let mut lost = Report::default();
    let read =
        Object::open(source.db, node.data, node.subnodes, room, &mut lost).and_then(|table| {
            table.rows(source.names, true, room, &mut lost, |_, bag, mut of_row| {
                of_row.carry(Kind::Recipient);
                found.push((values::to_unicode(bag, code_page), of_row));
            })
        });
    report.absorb(lost, "recipients");
    for (index, (properties, of_row)) in found.into_iter().enumerate() {
        content.recipients.push(RecipientContent { properties });
        report.absorb(of_row, &format!("recipient {index}"));
    }
    if let Err(why) = read {
        report.refuse(Kind::Recipient, "recipients", why);
    }
}

/// Reads the attachments that the table lists, in its order, and those that it does not list.
fn attachments(
    source: &Source<'_>,
    object: &Object<'_>,
    code_page: u32,
    depth: usize,
    room: &Room,
    report: &mut Report,
    content: &mut MessageContent,
) {
    let mut ids = Vec::new();
    if let Some(node) = object.subnodes().get(&ATTACHMENT_TABLE) {
        let mut lost = Report::default();
        let table = Object::open(source.db, node.data, node.subnodes, room, &mut lost);
        let read = table.and_then(|table| {
            table.rows(source.names, false, room, &mut lost, |id, _, _| ids.push(id))
        });
        if let Err(why) = read {
            lost.refuse(Kind::Structure, "table", why);
        }
        report.absorb(lost, "attachments");
    }
    let mut listed = HashSet::new();
    ids.retain(|id| listed.insert(*id));
    let nodes = object.subnodes().keys().filter(|id| id.kind() == ATTACHMENT);
    ids.extend(nodes.filter(|id| !listed.contains(id)));
    for (index, id) in ids.into_iter().enumerate() {
        let Some(node) = object.subnodes().get(&id) else {
            let what = format!("attachment {index} ({id})");
            report.refuse(Kind::Attachment, what, "the table lists it, its node is missing");
            continue;
        };
        let mut of_part = Report::default();
        match attachment(source, *node, code_page, depth, room, &mut of_part) {
            Ok(attachment) => content.attachments.push(attachment),
            Err(why) => of_part.refuse(Kind::Attachment, "node", why),
        }
        report.absorb(of_part, &format!("attachment {index} ({id})"));
    }
}

fn attachment(
    source: &Source<'_>,
    node: Subnode,
    code_page: u32,
    depth: usize,
    room: &Room,
    report: &mut Report,
) -> Result<AttachmentContent, String> {
    let object = Object::open(source.db, node.data, node.subnodes, room, report)?;
    let properties = object.properties(source.names, &[ATTACH_DATA], room, report)?;
    let properties = values::to_unicode(properties.bag, code_page);
    let method = properties.get(tags::ATTACH_METHOD).and_then(PropertyValue::as_i32);
    let content = match attached(source, &object, method, code_page, depth, room, report) {
        Ok(content) => {
            report.carry(Kind::Attachment);
            content
        }
        Err(why) => {
            report.refuse(Kind::Attachment, "content", why);
            AttachedContent::Nothing
        }
    };
    Ok(AttachmentContent { properties, content })
}

fn attached(
    source: &Source<'_>,
    object: &Object<'_>,
    method: Option<i32>,
    code_page: u32,
    depth: usize,
    room: &Room,
    report: &mut Report,
) -> Result<AttachedContent, String> {
    let node = match object.value(ATTACH_DATA, room) {
        None if matches!(method, Some(BY_VALUE | EMBEDDED_MESSAGE | OLE)) => {
            return Err("its data are missing".into());
        }
        // By reference: the properties say where the data are.
        None => return Ok(AttachedContent::Nothing),
        Some(Err(why)) => return Err(why),
        Some(Ok(Single::Value(PropertyValue::Binary(bytes)))) => {
            return Ok(AttachedContent::Bytes(bytes));
        }
        Some(Ok(Single::Value(other))) => {
            return Err(format!("its data have the type {:?}", other.property_type()));
        }
        Some(Ok(Single::Object(object))) => object.node,
    };
    if method != Some(EMBEDDED_MESSAGE) {
        let bytes = object.subnode_bytes(node, room)?;
        return Ok(match method {
            Some(OLE) => AttachedContent::Ole(bytes),
            _ => AttachedContent::Bytes(bytes),
        });
    }
    if depth >= MAX_NESTING {
        return Err(format!("messages nest deeper than {MAX_NESTING}"));
    }
    let subnode = object.subnodes().get(&node).copied();
    let subnode = subnode.ok_or_else(|| format!("the subnode {node} of its message is missing"))?;
    let mut inner = Report::default();
    let message =
        message(source, subnode.data, subnode.subnodes, code_page, depth + 1, room, &mut inner);
    report.absorb(inner, "message");
    Ok(AttachedContent::Message(Box::new(message?)))
}

/// Takes the mark off the subject: U+0001 and a character whose number, less one, is the length of the
/// prefix ([MS-PST] 2.5.3.1.1.1).
fn split_subject(bag: &mut PropertyBag) {
    let Some(subject) = bag.get(tags::SUBJECT).and_then(PropertyValue::as_text) else { return };
    let units = subject.to_utf16();
    let [0x0001, length, text @ ..] = &units[..] else { return };
    let prefix = usize::from(*length).saturating_sub(1).min(text.len());
    let part = |units: &[u16]| PropertyValue::String(WString::from_utf16(units.iter().copied()));
    let (before, after) = text.split_at(prefix);
    let (whole, before, after) = (part(text), part(before), part(after));
    bag.set(tags::SUBJECT, whole);
    if bag.get(tags::SUBJECT_PREFIX).is_none() {
        bag.set(tags::SUBJECT_PREFIX, before);
    }
    if bag.get(tags::NORMALIZED_SUBJECT).is_none() {
        bag.set(tags::NORMALIZED_SUBJECT, after);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_with_and_without_a_mark() {
        let mut bag = PropertyBag::new();
        bag.set(tags::SUBJECT, PropertyValue::String("\u{1}\u{5}Re: tea".into()));
        split_subject(&mut bag);
        assert_eq!(bag.text(tags::SUBJECT).as_deref(), Some("Re: tea"));
        assert_eq!(bag.text(tags::SUBJECT_PREFIX).as_deref(), Some("Re: "));
        assert_eq!(bag.text(tags::NORMALIZED_SUBJECT).as_deref(), Some("tea"));
        let mut bag = PropertyBag::new();
        bag.set(tags::SUBJECT, PropertyValue::String("\u{1}\u{ff}a".into()));
        split_subject(&mut bag);
        assert_eq!(bag.text(tags::SUBJECT).as_deref(), Some("a"));
        bag.set(tags::SUBJECT, PropertyValue::String("plain".into()));
        split_subject(&mut bag);
        assert_eq!(bag.text(tags::SUBJECT).as_deref(), Some("plain"));
    }
}
