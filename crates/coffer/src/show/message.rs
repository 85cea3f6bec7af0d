//! `coffer cat`: one message with everything that it has.

use std::collections::HashMap;

use anyhow::Context;
use mapi::{
    FolderId, MessageId, PropertyName, PropertyNameKind, PropertyTag, PropertyValue, known, tags,
};
use mapi_rop::message::RecipientType;
use mapi_session::{MapiProp, Message, MsgStore, Recipient};
use serde_json::{Value, json};

use super::folder::parse_id;
use super::value;
use crate::cli::CatArgs;
use crate::control::Output;

/// Messages inside of messages are shown to this depth.
const MAX_DEPTH: usize = 16;

pub fn cat(store: &MsgStore, args: &CatArgs, out: &mut dyn Output) -> anyhow::Result<()> {
    let (folder, message) = args
        .message
        .split_once('/')
        .and_then(|(folder, message)| Some((parse_id(folder)?, parse_id(message)?)))
        .context("a message is named by its folder and its id, such as 1-5/1-1a: `coffer ls FOLDER` prints them")?;
    let folder = store.open_folder(FolderId::from_i64(folder)).context("open the folder")?;
    let message = folder.open_message(MessageId::from_i64(message)).context("open the message")?;
    let shown = collect(&message, 0)?;
    match args.json {
        true => out.line(serde_json::to_string_pretty(&shown.json())?)?,
        false => shown.print(out, 0, args.full)?,
    }
    Ok(())
}

/// afEmbeddedMessage of PidTagAttachMethod ([MS-OXCMSG] 2.2.2.9).
const AF_EMBEDDED_MESSAGE: i64 = 5;

/// A property with what it is called.
struct Property {
    tag: PropertyTag,
    name: String,
    value: PropertyValue,
}

/// A message, a recipient or an attachment: properties, and what it contains.
#[derive(Default)]
struct Shown {
    what: String,
    properties: Vec<Property>,
    parts: Vec<Shown>,
}

impl Shown {
    fn print(&self, out: &mut dyn Output, depth: usize, full: bool) -> anyhow::Result<()> {
        let indent = "    ".repeat(depth);
        if !self.what.is_empty() {
            out.line("")?;
            out.line(format!("{indent}{}", self.what))?;
        }
        for Property { tag, name, value } in &self.properties {
            let kind = format!("{:?}", tag.property_type());
            let kind = kind.strip_prefix("Ptyp").unwrap_or(&kind);
            out.line(format!(
                "{indent}{:#010x} {name:<40} {kind:<16} {}",
                tag.0,
                value::text(value, full)
            ))?;
        }
        self.parts.iter().try_for_each(|part| part.print(out, depth + 1, full))
    }

    fn json(&self) -> Value {
        let properties: Vec<Value> = self
            .properties
            .iter()
            .map(|Property { tag, name, value }| {
                json!({
                    "tag": format!("{:#010x}", tag.0),
                    "name": name,
                    "type": format!("{:?}", tag.property_type()),
                    "value": value::json(value),
                })
            })
            .collect();
        let parts: Vec<Value> = self.parts.iter().map(Shown::json).collect();
        json!({ "what": self.what, "properties": properties, "parts": parts })
    }
}

fn collect(message: &Message, depth: usize) -> anyhow::Result<Shown> {
    let mut shown = Shown { properties: properties(message)?, ..Shown::default() };
    for (index, recipient) in message.recipients()?.iter().enumerate() {
        let what = format!("recipient {index}");
        shown.parts.push(Shown { what, properties: of_recipient(recipient), parts: Vec::new() });
    }
    let columns = [tags::ATTACH_NUMBER, tags::ATTACH_METHOD];
    for row in message.attachment_table()?.with_columns(&columns)?.rows() {
        let row = row?;
        let number = u32::try_from(row.integer(tags::ATTACH_NUMBER).unwrap_or(0))?;
        let attachment = message.open_attachment(number)?;
        let mut part = Shown {
            what: format!("attachment {number}"),
            properties: properties(&attachment)?,
            parts: Vec::new(),
        };
        if depth < MAX_DEPTH && row.integer(tags::ATTACH_METHOD) == Some(AF_EMBEDDED_MESSAGE) {
            let mut embedded = collect(&attachment.open_message()?, depth + 1)?;
            embedded.what = "embedded message".into();
            part.parts.push(embedded);
        }
        shown.parts.push(part);
    }
    Ok(shown)
}

/// A recipient's row: what every row has, then what it has besides.
fn of_recipient(recipient: &Recipient) -> Vec<Property> {
    let own = [
        (tags::ADDRESS_TYPE, recipient.address_type.as_str()),
        (tags::EMAIL_ADDRESS, recipient.address.as_str()),
        (tags::DISPLAY_NAME, recipient.display_name.as_str()),
    ];
    let kind = RecipientType::from(recipient.kind).0;
    let property = |tag, value| Property { tag, name: tag_name(tag), value };
    std::iter::once(property(tags::RECIPIENT_TYPE, i32::from(kind).into()))
        .chain(own.map(|(tag, value)| property(tag, value.into())))
        .chain(recipient.properties.iter().map(|(tag, value)| property(tag, value.clone())))
        .collect()
}

/// All properties of an object, with large values whole, in the order of their tags.
fn properties(object: &impl MapiProp) -> anyhow::Result<Vec<Property>> {
    let mut tags = object.property_list()?;
    tags.sort();
    let named: Vec<u16> = tags.iter().filter(|tag| tag.is_named()).map(|tag| tag.id()).collect();
    let names: HashMap<u16, PropertyName> = match named.is_empty() {
        true => HashMap::new(),
        false => named
            .iter()
            .zip(object.property_names(&named)?)
            .filter_map(|(id, name)| Some((*id, name?)))
            .collect(),
    };
    let mut list = Vec::with_capacity(tags.len());
    for tag in tags {
        let Some(value) = object.property(tag)? else { continue };
        let name = match names.get(&tag.id()) {
            Some(name) => called(name),
            None => tag_name(tag),
        };
        list.push(Property { tag, name, value });
    }
    Ok(list)
}

fn tag_name(tag: PropertyTag) -> String {
    known::tag_name(tag).unwrap_or("(unknown)").to_owned()
}

/// `PidLidLocation`, or the set and the number or string.
fn called(name: &PropertyName) -> String {
    if let Some(known) = known::property_name(name) {
        return known.to_owned();
    }
    let set = match known::set_name(name.set) {
        Some(set) => set.to_owned(),
        None => format!("{{{}}}", name.set),
    };
    match &name.kind {
        PropertyNameKind::Id(lid) => format!("{set}:{lid:#06x}"),
        PropertyNameKind::Name(text) => format!("{set}:{text}"),
    }
}
