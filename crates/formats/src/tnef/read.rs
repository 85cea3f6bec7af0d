//! A stream to a message.

use mapi::generated::tags;
use mapi::wire::Reader;
use mapi::{MessageContent, PropertyBag, RecipientContent, Wire};

use super::attributes::{Attribute, AttributeId, Level, attributes, ids};
use super::properties::{self, List};
use super::{MAX_ATTACHMENTS, MAX_RECIPIENTS, TnefError, addresses, attachment, classes, legacy};
use crate::report::{Kind, Report};
use crate::text::charsets;
use crate::values;

/// [MS-OXTNEF] 2.1.3.3.4.
const VERSION: u32 = 0x0001_0000;

/// Reads the message of a stream; `outer_code_page` is that of the message around it.
pub fn message(
    stream: &[u8],
    outer_code_page: u32,
    depth: usize,
    report: &mut Report,
) -> Result<MessageContent, TnefError> {
    let found = attributes(stream, report).ok_or(TnefError::NotTnef)?;
    if found.is_empty() {
        return Err(TnefError::Empty);
    }
    let of_message = || found.iter().filter(|attribute| attribute.level == Level::Message);
    let List { bag: raw, content, .. } = encapsulated(of_message(), ids::MSG_PROPS, report);
    if content.is_some() {
        report.refuse(Kind::Structure, "attMsgProps", "a message has no attached data");
    }
    let code_page =
        declared_code_page(&found).or_else(|| values::code_page(&raw)).unwrap_or(outer_code_page);
    let mut content =
        MessageContent { properties: values::to_unicode(raw, code_page), ..Default::default() };

    let class = class_of(&content.properties, &found, code_page);
    let mut of_old = PropertyBag::new();
    for attribute in of_message() {
        match attribute.id {
            ids::MSG_PROPS | ids::OEM_CODEPAGE | ids::NULL => {}
            ids::TNEF_VERSION => check_version(attribute.data, report),
            ids::RECIPIENT_TABLE => {
                recipients(&mut content, attribute.data, code_page, report);
            }
            _ => match legacy::set_message(&mut of_old, attribute, code_page, &class) {
                Ok(()) => report.carry(Kind::Property),
                Err(why) => report.refuse(Kind::Property, format!("{:?}", attribute.id), why),
            },
        }
    }
    // [MS-OXTNEF] 2.1.3: the encapsulated property wins over what an attribute stands for.
    add_missing(&mut content.properties, of_old);
    let of_attachments: Vec<_> =
        found.iter().filter(|attribute| attribute.level == Level::Attachment).copied().collect();
    attachments(&mut content, &of_attachments, code_page, depth, report);
    Ok(content)
}

/// The property list among attributes, of which there is one at most.
pub fn encapsulated<'s, 'a: 's>(
    attributes: impl Iterator<Item = &'s Attribute<'a>>,
    id: AttributeId,
    report: &mut Report,
) -> List<'a> {
    let mut lists = attributes.filter(|attribute| attribute.id == id);
    let Some(first) = lists.next() else { return List::default() };
    if lists.next().is_some() {
        report.refuse(Kind::Structure, format!("{id:?}"), "it comes twice; the first is read");
    }
    properties::read(&mut Reader::new(first.data), report)
}

/// Adds the properties of another bag that this one has not.
pub fn add_missing(bag: &mut PropertyBag, others: PropertyBag) {
    for (key, value) in others {
        if !bag.iter().any(|(known, _)| *known == key) {
            bag.insert(key, value);
        }
    }
}

/// The first number of attOemCodepage ([MS-OXTNEF] 2.1.3.3.3), if it can be that of 8-bit strings.
fn declared_code_page(attributes: &[Attribute<'_>]) -> Option<u32> {
    let attribute = attributes.iter().find(|attribute| attribute.id == ids::OEM_CODEPAGE)?;
    let code_page = u32::from_le_bytes(*attribute.data.first_chunk()?);
    let usable = !matches!(code_page, 0 | 1200 | 1201) && charsets::is_known(code_page);
    usable.then_some(code_page)
}

fn class_of(bag: &PropertyBag, attributes: &[Attribute<'_>], code_page: u32) -> String {
    bag.text(tags::MESSAGE_CLASS).unwrap_or_else(|| {
        let found = attributes.iter().find(|attribute| attribute.id == ids::MESSAGE_CLASS);
        let name = found.map(|attribute| addresses::text(code_page, attribute.data));
        classes::from_legacy(&name.unwrap_or_default()).to_owned()
    })
}

fn check_version(data: &[u8], report: &mut Report) {
    let version = data.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
    if version.is_none_or(|version| version > VERSION) {
        let why = format!("it says {version:x?}, and this reader knows {VERSION:#x}");
        report.refuse(Kind::Structure, "attTnefVersion", why);
    }
}

/// attRecipTable: a count, and a list of properties for each ([MS-OXTNEF] 2.1.3.3.22).
fn recipients(content: &mut MessageContent, data: &[u8], code_page: u32, report: &mut Report) {
    let mut r = Reader::new(data);
    let Ok(count) = u32::read(&mut r) else {
        return report.refuse(Kind::Structure, "attRecipTable", "its count is missing");
    };
    for number in 0..count {
        let missing = u64::from(count - number);
        if r.is_empty() || content.recipients.len() >= MAX_RECIPIENTS {
            let why = format!("{missing} of {count} recipients are missing or too many");
            return report.refuse(Kind::Structure, "attRecipTable", why);
        }
        let mut of_row = Report::default();
        let list = properties::read(&mut r, &mut of_row);
        let List { bag, lost, .. } = list;
        if bag.is_empty() {
            of_row.refuse(Kind::Recipient, "row", "nothing of it is left");
        } else {
            of_row.carry(Kind::Recipient);
            let properties = values::to_unicode(bag, code_page);
            content.recipients.push(RecipientContent { properties });
        }
        report.absorb(of_row, &format!("recipient {number}"));
        if lost {
            if missing > 1 {
                let why = format!("the {} recipients behind it are lost", missing - 1);
                report.refuse(Kind::Structure, format!("recipient {number}"), why);
            }
            return;
        }
    }
}

/// Each attAttachRendData begins an attachment ([MS-OXTNEF] 2.1.3.3.15).
fn attachments(
    content: &mut MessageContent,
    attributes: &[Attribute<'_>],
    code_page: u32,
    depth: usize,
    report: &mut Report,
) {
    let mut rest = attributes;
    let mut number = 0;
    while !rest.is_empty() {
        if number >= MAX_ATTACHMENTS {
            let why = format!("a message may have {MAX_ATTACHMENTS}; the rest is left out");
            return report.refuse(Kind::Structure, "attachments", why);
        }
        let begins = |attribute: &Attribute<'_>| attribute.id == ids::ATTACH_REND_DATA;
        let length = 1 + rest[1..].iter().position(begins).unwrap_or(rest.len() - 1);
        let (part, behind) = rest.split_at(length);
        let mut of_part = Report::default();
        if !begins(&part[0]) {
            of_part.refuse(Kind::Structure, "attributes", "no attAttachRendData begins them");
        }
        let read = attachment::read_attachment(part, code_page, depth, &mut of_part);
        content.attachments.extend(read);
        report.absorb(of_part, &format!("attachment {number}"));
        rest = behind;
        number += 1;
    }
}
