//! Contacts to vCard 3.0 (RFC 2426), as [MS-OXVCARD] 2.1.3 has it.

use mapi::generated::named::PS_PUBLIC_STRINGS;
use mapi::generated::tags;
use mapi::names::lid;
use mapi::{
    AttachedContent, MessageContent, PropertyBag, PropertyName, PropertyTag, PropertyValue,
};

use super::names::{ADDRESSES, EMAILS, PHONES, Slot, TEXTS};
use crate::content_line::{Writer, escape};
use crate::ical::civil::Local;
use crate::mime::{base64_line, bodies};

/// The contact as a card. None if it is none.
///
/// The same content gives the same bytes.
pub fn write(content: &MessageContent) -> Option<Vec<u8>> {
    let bag = &content.properties;
    let class = bag.text(tags::MESSAGE_CLASS)?.to_ascii_lowercase();
    let rest = class.strip_prefix("ipm.contact")?;
    if !rest.is_empty() && !rest.starts_with('.') {
        return None;
    }
    let mut w = Writer::default();
    w.raw("BEGIN", "VCARD");
    w.raw("VERSION", "3.0");
    write_name(&mut w, bag);
    for slots in &EMAILS {
        // An address of Exchange is of no use elsewhere ([MS-OXVCARD] 2.1.3.4.2).
        let kind = Slot::Named(slots.address_type).text(bag);
        let is_smtp = kind.is_none_or(|kind| kind.eq_ignore_ascii_case("SMTP"));
        let name = if is_smtp { slots.address } else { slots.original_display_name };
        let address = Slot::Named(name).text(bag).filter(|address| address.contains('@'));
        if let Some(address) = address {
            w.text("EMAIL;TYPE=INTERNET", &address);
        }
    }
    for (types, tag) in PHONES {
        if let Some(number) = Slot::Tag(*tag).text(bag) {
            let types = match types {
                [] => "TYPE=VOICE".to_owned(),
                types => format!("TYPE={}", types.join(",")),
            };
            w.text(&format!("TEL;{types}"), &number);
        }
    }
    for slots in &ADDRESSES {
        let parts = slots.parts().map(|slot| slot.and_then(|slot| slot.text(bag)));
        if parts.iter().any(Option::is_some) {
            let parts = parts.map(|part| escape(&part.unwrap_or_default()));
            let kind = match slots.kind {
                "" => String::new(),
                kind => format!(";TYPE={kind}"),
            };
            w.raw(&format!("ADR{kind}"), &parts.join(";"));
        }
    }
    let mut written: Vec<String> = Vec::new();
    for (name, slot) in TEXTS {
        // The first name of a property is the one that most programs know.
        let id = format!("{slot:?}");
        if let Some(text) = slot.text(bag).filter(|_| !written.contains(&id)) {
            w.text(name, &text);
            written.push(id);
        }
    }
    write_dates(&mut w, bag);
    write_rest(&mut w, bag);
    write_photo(&mut w, content);
    w.raw("END", "VCARD");
    Some(w.finish())
}

fn write_name(w: &mut Writer, bag: &PropertyBag) {
    let text = |tag: PropertyTag| Slot::Tag(tag).text(bag);
    let parts = [
        tags::SURNAME,
        tags::GIVEN_NAME,
        tags::MIDDLE_NAME,
        tags::DISPLAY_NAME_PREFIX,
        tags::GENERATION,
    ];
    let parts = parts.map(|tag| escape(&text(tag).unwrap_or_default()));
    w.raw("N", &parts.join(";"));
    let file_under = Slot::Named(lid::FILE_UNDER).text(bag);
    let name = text(tags::DISPLAY_NAME).or_else(|| text(tags::SUBJECT)).or(file_under);
    w.text("FN", &name.unwrap_or_default());
    let organization = [tags::COMPANY_NAME, tags::DEPARTMENT_NAME].map(text);
    if organization.iter().any(Option::is_some) {
        let parts = organization.map(|part| escape(&part.unwrap_or_default()));
        w.raw("ORG", parts.join(";").trim_end_matches(';'));
    }
}

fn write_dates(w: &mut Writer, bag: &PropertyBag) {
    for (name, tag, local) in [
        ("BDAY", tags::BIRTHDAY, lid::BIRTHDAY_LOCAL),
        ("X-MS-ANNIVERSARY", tags::WEDDING_ANNIVERSARY, lid::WEDDING_ANNIVERSARY_LOCAL),
    ] {
        // The local date is the day that was meant ([MS-OXOCNTC] 2.2.1.5.3).
        let day = bag.get_named(&local.name()).or_else(|| bag.get(tag));
        if let Some(day) = day.and_then(PropertyValue::as_time) {
            let (year, month, day) = Local::of_utc(day).ymd();
            w.raw(&format!("{name};VALUE=DATE"), &format!("{year:04}-{month:02}-{day:02}"));
        }
    }
}

fn write_rest(w: &mut Writer, bag: &PropertyBag) {
    for (head, tag) in
        [("URL;TYPE=HOME", tags::PERSONAL_HOME_PAGE), ("URL;TYPE=WORK", tags::BUSINESS_HOME_PAGE)]
    {
        if let Some(url) = Slot::Tag(tag).text(bag) {
            w.text(head, &url);
        }
    }
    match bag.get(tags::GENDER) {
        Some(PropertyValue::Integer16(1)) => w.raw("X-GENDER", "F"),
        Some(PropertyValue::Integer16(2)) => w.raw("X-GENDER", "M"),
        _ => {}
    }
    let class = match bag.get(tags::SENSITIVITY).and_then(PropertyValue::as_i32) {
        Some(2) => "PRIVATE",
        Some(3) => "CONFIDENTIAL",
        _ => "PUBLIC",
    };
    w.raw("CLASS", class);
    let keywords = bag.get_named(&PropertyName::string(PS_PUBLIC_STRINGS, "Keywords"));
    if let Some(PropertyValue::MultipleString(categories)) = keywords {
        let words = categories.iter().map(|word| escape(&word.to_string_lossy()));
        w.raw("CATEGORIES", &words.collect::<Vec<_>>().join(","));
    }
    if let Some(PropertyValue::MultipleString(children)) = bag.get(tags::CHILDRENS_NAMES) {
        children.iter().for_each(|child| w.text("X-MS-CHILD", &child.to_string_lossy()));
    }
    if let Some(note) = bodies(bag).plain {
        w.text("NOTE", &note);
    }
}

fn write_photo(w: &mut Writer, content: &MessageContent) {
    let photo = content.attachments.iter().find(|attachment| {
        let mark = attachment.properties.get(tags::ATTACHMENT_CONTACT_PHOTO);
        mark.and_then(PropertyValue::as_bool) == Some(true)
    });
    let Some(photo) = photo else { return };
    let AttachedContent::Bytes(data) = &photo.content else { return };
    let kind = photo.properties.text(tags::ATTACH_MIME_TAG).unwrap_or_default();
    let kind = match kind.as_str() {
        "image/png" => "PNG",
        "image/gif" => "GIF",
        _ => "JPEG",
    };
    w.raw(&format!("PHOTO;TYPE={kind};ENCODING=B"), &base64_line(data));
}
