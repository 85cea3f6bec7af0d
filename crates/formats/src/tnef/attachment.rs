//! Attachments: the attributes from one attAttachRendData to the next ([MS-OXTNEF] 2.1.3.3.15, 2.1.3.3.23).

use mapi::generated::tags;
use mapi::{AttachedContent, AttachmentContent, PropertyBag, PropertyValue};

use super::attributes::{Attribute, has_signature, ids};
use super::properties::{Content, List, MESSAGE_INTERFACE, STORAGE_INTERFACE, STREAM_INTERFACE};
use super::{MAX_NESTING, legacy, read};
use crate::report::{Kind, Report};
use crate::values;

/// PidTagAttachMethod ([MS-OXCMSG] 2.2.2.9).
const BY_VALUE: i32 = 1;
const EMBEDDED_MESSAGE: i32 = 5;
const OLE: i32 = 6;

/// Reads an attachment; None if nothing is left of it.
pub fn read_attachment(
    attributes: &[Attribute<'_>],
    code_page: u32,
    depth: usize,
    report: &mut Report,
) -> Option<AttachmentContent> {
    let list = read::encapsulated(attributes.iter(), ids::ATTACHMENT, report);
    let List { bag, content, .. } = list;
    let mut bag = values::to_unicode(bag, code_page);
    let mut of_old = PropertyBag::new();
    let mut data: Option<&Attribute<'_>> = None;
    let mut is_ole = false;
    for attribute in attributes {
        match attribute.id {
            ids::ATTACH_DATA => data = Some(attribute),
            ids::ATTACHMENT => {}
            _ => {
                if attribute.id == ids::ATTACH_REND_DATA {
                    is_ole = legacy::is_ole(attribute.data);
                }
                match legacy::set_attachment(&mut of_old, attribute, code_page) {
                    Ok(()) => report.carry(Kind::Property),
                    Err(why) => report.refuse(Kind::Property, format!("{:?}", attribute.id), why),
                }
            }
        }
    }
    // [MS-OXTNEF] 2.1.3: the encapsulated property wins over what an attribute stands for.
    read::add_missing(&mut bag, of_old);
    let method = bag.get(tags::ATTACH_METHOD).and_then(PropertyValue::as_i32);
    let source = Source { method, is_ole, data, content, code_page, depth };
    let (attached, whole) = match attached(source, report) {
        Ok(attached) => (attached, Ok(())),
        Err((attached, why)) => (attached, Err(why)),
    };
    if matches!(attached, AttachedContent::Nothing) && bag.len() <= 1 {
        report.refuse(Kind::Attachment, "attachment", "nothing of it is left");
        return None;
    }
    match whole {
        Ok(()) => report.carry(Kind::Attachment),
        Err(why) => report.refuse(Kind::Attachment, "content", why),
    }
    settle_method(&mut bag, &attached);
    Some(AttachmentContent { properties: bag, content: attached })
}

/// PidTagAttachMethod has to say what the content is.
fn settle_method(bag: &mut PropertyBag, content: &AttachedContent) {
    let method = match content {
        AttachedContent::Message(_) => EMBEDDED_MESSAGE,
        AttachedContent::Ole(_) => OLE,
        AttachedContent::Bytes(_) => BY_VALUE,
        AttachedContent::Nothing => return,
    };
    if bag.get(tags::ATTACH_METHOD).and_then(PropertyValue::as_i32) != Some(method) {
        bag.set(tags::ATTACH_METHOD, method);
    }
}

/// Where the content of an attachment may stand.
struct Source<'s, 'a> {
    method: Option<i32>,
    is_ole: bool,
    /// attAttachData.
    data: Option<&'s Attribute<'a>>,
    /// Among the encapsulated properties.
    content: Option<Content<'a>>,
    code_page: u32,
    depth: usize,
}

/// What is attached; on failure what is left of it, and why that is not all.
fn attached(
    source: Source<'_, '_>,
    report: &mut Report,
) -> Result<AttachedContent, (AttachedContent, String)> {
    let Source { method, is_ole, data, content, code_page, depth } = source;
    let of_bytes = |bytes: &[u8]| match method == Some(OLE) || method.is_none() && is_ole {
        true => AttachedContent::Ole(bytes.to_vec()),
        false => AttachedContent::Bytes(bytes.to_vec()),
    };
    let (bytes, interface, cut) = match (content, data) {
        (Some(Content::Object { interface, bytes }), _) => (bytes, Some(interface), false),
        // The attribute is where data stand; a property of its own may say less.
        (_, Some(data)) => (data.data, None, data.cut),
        (Some(Content::Bytes(bytes)), None) => (bytes, None, false),
        (None, None) => {
            return match method {
                Some(BY_VALUE | EMBEDDED_MESSAGE | OLE) => {
                    Err((AttachedContent::Nothing, "its data are missing".into()))
                }
                // By reference: the properties say where the data are.
                _ => Ok(AttachedContent::Nothing),
            };
        }
    };
    let is_message = match interface {
        Some(interface) => interface == MESSAGE_INTERFACE,
        None => method == Some(EMBEDDED_MESSAGE) && has_signature(bytes),
    };
    if is_message {
        if depth >= MAX_NESTING {
            let why = format!("messages nest deeper than {MAX_NESTING}");
            return Err((AttachedContent::Bytes(bytes.to_vec()), why));
        }
        let mut inner = Report::default();
        let message = read::message(bytes, code_page, depth + 1, &mut inner);
        report.absorb(inner, "message");
        return match message {
            Ok(message) => Ok(AttachedContent::Message(Box::new(message))),
            Err(error) => Err((AttachedContent::Bytes(bytes.to_vec()), error.to_string())),
        };
    }
    let content = match interface {
        Some(STORAGE_INTERFACE) => AttachedContent::Ole(bytes.to_vec()),
        Some(STREAM_INTERFACE) | None => of_bytes(bytes),
        Some(other) => {
            let why = format!("its interface {other} is unknown; the bytes are kept as a file");
            return Err((AttachedContent::Bytes(bytes.to_vec()), why));
        }
    };
    match cut {
        true => Err((content, format!("{} bytes of it are left", bytes.len()))),
        false => Ok(content),
    }
}
