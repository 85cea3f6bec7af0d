//! vCard to contacts ([MS-OXVCARD] 2.1.3).

use mapi::entry_id::OneOffEntryId;
use mapi::generated::named::PS_PUBLIC_STRINGS;
use mapi::generated::tags;
use mapi::names::lid;
use mapi::{
    AttachedContent, AttachmentContent, MessageContent, PropertyBag, PropertyName, PropertyValue,
    WString, Wire,
};

use super::names::{ADDRESSES, EMAILS, PHONES, TEXTS};
use crate::content_line::{Component, ContentLine, components, split, unescape};
use crate::ical::civil::Stamp;
use crate::mime::attachments::BY_VALUE;
use crate::mime::parts::decode_base64;
use crate::report::{Kind, Report};
use crate::text::charsets;

/// A larger file is refused: all of it is in memory, a few times.
const MAX_FILE: usize = 64 << 20;
const MAX_LIST: usize = 200;
/// Lines of a card that are looked at.
const MAX_LINES: usize = 10_000;

/// What a file of cards holds.
#[derive(Debug, Default)]
pub struct Cards {
    /// Each with what of it could not be carried.
    pub items: Vec<(MessageContent, Report)>,
    /// What is no item: why.
    pub refused: Vec<String>,
}

/// Why bytes are no cards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VcardError {
    #[error("the file of cards is larger than 64 MiB: export it in parts")]
    TooLarge,
    #[error("there is no VCARD in it")]
    Nothing,
}

/// Lines that say nothing of a contact that MAPI keeps, and are of no use here.
const IGNORED: &[&str] = &[
    "VERSION",
    "PRODID",
    "REV",
    "UID",
    "MAILER",
    "SOURCE",
    "NAME",
    "PROFILE",
    "KIND",
    "SORT-STRING",
    "CLIENTPIDMAP",
    "LABEL",
    "N",
    "FN",
    "ORG",
    "BDAY",
    "ANNIVERSARY",
    "URL",
    "NOTE",
    "EMAIL",
    "TEL",
    "ADR",
    "PHOTO",
    "GENDER",
    "CATEGORIES",
    "CLASS",
];

/// Reads every card of a file.
///
/// # Errors
/// [`VcardError`]: nothing in it can be read.
pub fn read(bytes: &[u8]) -> Result<Cards, VcardError> {
    if bytes.len() > MAX_FILE {
        return Err(VcardError::TooLarge);
    }
    let (roots, left_out) = components(bytes);
    let mut cards = Cards::default();
    for card in roots.iter().filter(|root| root.name == "VCARD") {
        cards.items.push(contact(card));
    }
    if cards.items.is_empty() {
        return Err(VcardError::Nothing);
    }
    if left_out {
        cards.refused.push("the file is longer or nested deeper than what is read of it".into());
    }
    Ok(cards)
}

fn contact(card: &Component) -> (MessageContent, Report) {
    let mut content = MessageContent::default();
    let mut report = Report::default();
    let bag = &mut content.properties;
    bag.set(tags::MESSAGE_CLASS, "IPM.Contact");
    // [MS-OXOCNTC] 2.2.1.10.1.
    bag.set(tags::ICON_INDEX, 0x200);
    set_name(bag, card);
    set_emails(bag, card, &mut report);
    set_phones(bag, card, &mut report);
    set_addresses(bag, card, &mut report);
    for (name, slot) in TEXTS {
        let found = card.text(name).filter(|_| slot.text(bag).is_none());
        if let Some(text) = found {
            slot.set(bag, one_line(&text));
        }
    }
    set_dates(bag, card, &mut report);
    set_rest(bag, card);
    note_unknown(card, &mut report);
    add_photo(&mut content, card, &mut report);
    content.properties.set(tags::HAS_ATTACHMENTS, !content.attachments.is_empty());
    let attached = content.attachments.len() as u64;
    report.attachments.expected += attached;
    report.attachments.carried += attached;
    (content, report)
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

// [MS-OXVCARD] 2.1.3.1; PidLidFileUnder [MS-OXOCNTC] 2.2.1.1.11.
fn set_name(bag: &mut PropertyBag, card: &Component) {
    let parts = card.line("N").map(|line| split(&line.text(), ';')).unwrap_or_default();
    let part = |index: usize| parts.get(index).map(|part| one_line(part)).unwrap_or_default();
    let [surname, given, middle, prefix, suffix] = [0, 1, 2, 3, 4].map(part);
    let organization = card.line("ORG").map(|line| split(&line.text(), ';')).unwrap_or_default();
    let unit = |index: usize| {
        organization.get(index).map(|part| one_line(part)).filter(|part| !part.is_empty())
    };
    let whole = card.text("FN").map(|name| one_line(&name)).filter(|name| !name.is_empty());
    let joined = [&prefix, &given, &middle, &surname, &suffix];
    let joined = joined.into_iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>();
    let whole = whole.or_else(|| Some(joined.join(" ")).filter(|name| !name.is_empty()));
    let whole = whole.or_else(|| unit(0)).unwrap_or_default();
    let file_under = match (surname.is_empty(), given.is_empty()) {
        (false, false) => format!("{surname}, {given}"),
        _ => whole.clone(),
    };
    for (tag, text) in [
        (tags::SURNAME, surname),
        (tags::GIVEN_NAME, given),
        (tags::MIDDLE_NAME, middle),
        (tags::DISPLAY_NAME_PREFIX, prefix),
        (tags::GENERATION, suffix),
        (tags::COMPANY_NAME, unit(0).unwrap_or_default()),
        (tags::DEPARTMENT_NAME, unit(1).unwrap_or_default()),
    ] {
        if !text.is_empty() {
            bag.set(tag, text);
        }
    }
    for tag in
        [tags::DISPLAY_NAME, tags::SUBJECT, tags::NORMALIZED_SUBJECT, tags::CONVERSATION_TOPIC]
    {
        bag.set(tag, whole.as_str());
    }
    bag.set(tags::SUBJECT_PREFIX, "");
    bag.set_named(lid::FILE_UNDER.name(), file_under);
}

// [MS-OXVCARD] 2.1.3.4.2, [MS-OXOCNTC] 2.2.1.2.
fn set_emails(bag: &mut PropertyBag, card: &Component, report: &mut Report) {
    let name = bag.text(tags::DISPLAY_NAME).unwrap_or_default();
    let lines = card.all("EMAIL").take(MAX_LINES);
    let addresses = lines.map(|line| one_line(&unescape(&line.text())));
    let addresses = addresses.map(|text| text.trim_start_matches("mailto:").to_owned());
    let addresses: Vec<String> = addresses.filter(|address| !address.is_empty()).collect();
    let mut known = Vec::new();
    for (index, address) in addresses.iter().enumerate() {
        let Some(slots) = EMAILS.get(index) else {
            let why = "a contact has three addresses";
            report.refuse(Kind::Property, format!("EMAIL {address:.100}"), why);
            continue;
        };
        bag.set_named(slots.address_type.name(), "SMTP");
        bag.set_named(slots.address.name(), address.as_str());
        bag.set_named(slots.original_display_name.name(), address.as_str());
        let shown = match name.is_empty() {
            true => address.clone(),
            false => format!("{name} ({address})"),
        };
        bag.set_named(slots.display_name.name(), shown);
        let entry_id = OneOffEntryId::new(&name, "SMTP", address).to_wire();
        bag.set_named(slots.original_entry_id.name(), entry_id);
        known.push(index as i32);
    }
    if known.is_empty() {
        return;
    }
    // [MS-OXOCNTC] 2.2.1.2.11 and 2.2.1.2.12: which of the addresses are there.
    let bits = known.iter().fold(0, |bits, index| bits | 1 << index);
    bag.set_named(lid::ADDRESS_BOOK_PROVIDER_ARRAY_TYPE.name(), bits);
    let list = PropertyValue::MultipleInteger32(known);
    bag.set_named(lid::ADDRESS_BOOK_PROVIDER_EMAIL_LIST.name(), list);
}

fn set_phones(bag: &mut PropertyBag, card: &Component, report: &mut Report) {
    for line in card.all("TEL").take(MAX_LINES) {
        let number = one_line(&unescape(&line.text()));
        let number = number.trim_start_matches("tel:").trim();
        if number.is_empty() {
            continue;
        }
        let fits = |types: &[&str]| types.iter().all(|kind| line.has_type(kind));
        let place = PHONES.iter().find(|(types, tag)| fits(types) && bag.get(*tag).is_none());
        match place {
            Some((_, tag)) => bag.set(*tag, number),
            None => {
                let why = "all places for such a number are taken";
                report.refuse(Kind::Property, format!("TEL {number:.100}"), why);
            }
        }
    }
}

fn set_addresses(bag: &mut PropertyBag, card: &Component, report: &mut Report) {
    let mut taken = [false; ADDRESSES.len()];
    for line in card.all("ADR").take(MAX_LINES) {
        let fits = |kind: &str| kind.is_empty() || line.has_type(kind);
        let place = (0..ADDRESSES.len()).find(|at| !taken[*at] && fits(ADDRESSES[*at].kind));
        let Some(place) = place else {
            report.refuse(Kind::Property, "ADR", "a contact has one address of each kind");
            continue;
        };
        taken[place] = true;
        let slots = &ADDRESSES[place];
        let mut parts = split(&line.text(), ';');
        let clean = |part: &String| part.split('\n').map(one_line).collect::<Vec<_>>().join("\n");
        parts = parts.iter().map(|part| clean(part).trim().to_owned()).collect();
        parts.resize(7, String::new());
        // An extension of the street is a line of it.
        let extension = std::mem::take(&mut parts[1]);
        if !extension.is_empty() {
            let street = std::mem::take(&mut parts[2]);
            parts[2] = [extension, street].join("\n").trim().to_owned();
        }
        for (slot, part) in slots.parts().into_iter().zip(&parts) {
            if let Some(slot) = slot.filter(|_| !part.is_empty()) {
                slot.set(bag, part.replace('\n', "\r\n"));
            }
        }
        let [post_box, _, street, city, state, code, country] = &parts[..7] else { continue };
        let city = [city, state, code].map(String::as_str).join(" ");
        let lines = [post_box.as_str(), street, city.trim(), country];
        let lines: Vec<_> = lines.into_iter().filter(|line| !line.is_empty()).collect();
        bag.set_named(slots.whole.name(), lines.join("\n").replace('\n', "\r\n"));
    }
}

fn set_dates(bag: &mut PropertyBag, card: &Component, report: &mut Report) {
    for (names, tag, local) in [
        (&["BDAY"][..], tags::BIRTHDAY, lid::BIRTHDAY_LOCAL),
        (
            &["ANNIVERSARY", "X-MS-ANNIVERSARY", "X-ANNIVERSARY", "X-EVOLUTION-ANNIVERSARY"],
            tags::WEDDING_ANNIVERSARY,
            lid::WEDDING_ANNIVERSARY_LOCAL,
        ),
    ] {
        let Some(line) = names.iter().find_map(|name| card.line(name)) else { continue };
        let text = line.text();
        match Stamp::parse(&text) {
            Some(stamp) => {
                let day = stamp.local().midnight().as_utc();
                bag.set(tag, day);
                bag.set_named(local.name(), day);
            }
            None if text.trim().is_empty() => {}
            None => {
                let why = format!("{text:.40?} is no day of a year");
                report.refuse(Kind::Property, line.name.clone(), why);
            }
        }
    }
}

fn set_rest(bag: &mut PropertyBag, card: &Component) {
    let notes: Vec<_> =
        card.all("NOTE").take(MAX_LIST).map(|line| unescape(&line.text())).collect();
    let note = notes.join("\n\n");
    bag.set(tags::BODY, note.replace("\r\n", "\n").replace('\n', "\r\n").replace('\0', ""));
    bag.set(tags::NATIVE_BODY, 1);
    bag.set(tags::INTERNET_CODEPAGE, charsets::UTF_8 as i32);
    for line in card.all("URL").take(MAX_LINES) {
        let url = one_line(&unescape(&line.text()));
        let tag = match line.has_type("HOME") {
            true => tags::PERSONAL_HOME_PAGE,
            false => tags::BUSINESS_HOME_PAGE,
        };
        if !url.is_empty() && bag.get(tag).is_none() {
            bag.set(tag, url.as_str());
            // PidLidHtml is the page that is shown ([MS-OXOCNTC] 2.2.1.10.11).
            bag.set_named(lid::HTML.name(), url);
        }
    }
    let gender = card.word("GENDER").or_else(|| card.word("X-GENDER"));
    let gender = gender.or_else(|| card.word("X-WAB-GENDER"));
    // [MS-OXOCNTC] 2.2.1.10.20.
    let gender = match gender.as_deref().and_then(|word| word.chars().next()) {
        Some('F' | '1') => 1i16,
        Some('M' | '2') => 2,
        _ => 0,
    };
    if gender != 0 {
        bag.set(tags::GENDER, gender);
    }
    let sensitivity = match card.word("CLASS").as_deref() {
        Some("PRIVATE") => 2,
        Some("CONFIDENTIAL") => 3,
        _ => 0,
    };
    bag.set(tags::SENSITIVITY, sensitivity);
    bag.set_named(lid::PRIVATE.name(), sensitivity == 2);
    let list = |names: &[&str]| {
        let lines = card.lines.iter().filter(|line| names.contains(&line.name.as_str()));
        let words = lines.take(MAX_LIST).flat_map(|line| split(&line.text(), ','));
        let words = words.filter(|word| !word.is_empty()).take(MAX_LIST);
        words.map(|word| one_line(&word).as_str().into()).collect::<Vec<WString>>()
    };
    let categories = list(&["CATEGORIES"]);
    if !categories.is_empty() {
        let name = PropertyName::string(PS_PUBLIC_STRINGS, "Keywords");
        bag.set_named(name, PropertyValue::MultipleString(categories));
    }
    let children = list(&["X-MS-CHILD"]);
    if !children.is_empty() {
        bag.set(tags::CHILDRENS_NAMES, PropertyValue::MultipleString(children));
    }
}

fn note_unknown(card: &Component, report: &mut Report) {
    for line in card.lines.iter().take(MAX_LINES) {
        let name = line.name.as_str();
        let known = IGNORED.contains(&name)
            || name.starts_with("X-")
            || TEXTS.iter().any(|(text, _)| *text == name);
        if !known {
            report.refuse(Kind::Property, name, "a contact has no place for it");
        }
    }
}

/// PHOTO as the contact's picture ([MS-OXOCNTC] 2.2.1.8).
fn add_photo(content: &mut MessageContent, card: &Component, report: &mut Report) {
    let Some(line) = card.line("PHOTO") else { return };
    let Some((data, kind)) = picture(line).filter(|(data, _)| !data.is_empty()) else {
        let why = "it is a link, and the picture is not here";
        report.refuse(Kind::Attachment, "PHOTO", why);
        return;
    };
    let extension = match kind.as_str() {
        "png" => "png",
        "gif" => "gif",
        _ => "jpg",
    };
    let name = format!("ContactPicture.{extension}");
    let mut bag = PropertyBag::new();
    bag.set(tags::ATTACH_METHOD, BY_VALUE);
    bag.set(tags::RENDERING_POSITION, -1);
    bag.set(tags::ATTACH_LONG_FILENAME, name.as_str());
    bag.set(tags::ATTACH_FILENAME, name.as_str());
    bag.set(tags::DISPLAY_NAME, name.as_str());
    bag.set(tags::ATTACH_EXTENSION, format!(".{extension}"));
    let subtype = if extension == "jpg" { "jpeg" } else { extension };
    bag.set(tags::ATTACH_MIME_TAG, format!("image/{subtype}"));
    bag.set(tags::ATTACH_SIZE, i32::try_from(data.len()).unwrap_or(i32::MAX));
    bag.set(tags::ATTACHMENT_CONTACT_PHOTO, true);
    content.properties.set_named(lid::HAS_PICTURE.name(), true);
    let data = AttachedContent::Bytes(data);
    content.attachments.push(AttachmentContent { properties: bag, content: data });
}

/// The bytes of a picture and the word for their kind.
fn picture(line: &ContentLine) -> Option<(Vec<u8>, String)> {
    let encoded = ["B", "BASE64"].iter().any(|word| line.parameter_is("ENCODING", word));
    if encoded {
        let kinds = ["PNG", "GIF"].into_iter().find(|kind| line.has_type(kind));
        return Some((decode_base64(&line.value), kinds.unwrap_or("JPEG").to_lowercase()));
    }
    // `data:image/png;base64,...` (RFC 6350 6.2.4).
    let comma = line.value.iter().take(200).position(|byte| *byte == b',')?;
    let head = String::from_utf8_lossy(&line.value[..comma]).to_lowercase();
    let kind = head.strip_prefix("data:image/")?.strip_suffix(";base64")?;
    Some((decode_base64(&line.value[comma + 1..]), kind.to_owned()))
}
