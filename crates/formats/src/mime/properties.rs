//! Fields that stand for properties one by one, both ways ([MS-OXCMAIL] 2.1.3.2, 2.2.3.2).

use mapi::generated::named::{PS_INTERNET_HEADERS, lid};
use mapi::generated::tags;
use mapi::known::KnownName;
use mapi::{PropertyBag, PropertyKey, PropertyName, PropertyNameKind, PropertyTag, PropertyValue};

use super::compose::{self, Line};
use super::fields::{Field, Header};
use super::{class, locale};

/// Named properties made of foreign fields, in one message: a mailbox has a bounded number of names.
const MAX_NAMED_FIELDS: usize = 32;
const MAX_NAME: usize = 64;
const MAX_NAMED_VALUE: usize = 4 * 1024;
const MAX_VALUE: usize = 64 * 1024;

/// Text as it stands.
const TEXTS: [(&str, PropertyTag); 4] = [
    ("List-Help", tags::LIST_HELP),
    ("List-Subscribe", tags::LIST_SUBSCRIBE),
    ("List-Unsubscribe", tags::LIST_UNSUBSCRIBE),
    ("Organization", tags::INTERNET_ORGANIZATION),
];

const TIMES: [(&str, PropertyTag); 3] = [
    ("Expires", tags::EXPIRY_TIME),
    ("Reply-By", tags::REPLY_TIME),
    ("Deferred-Delivery", tags::DEFERRED_SEND_TIME),
];

/// Other names of fields above.
const ALIASES: [(&str, &str); 4] = [
    ("X-List-Help", "List-Help"),
    ("X-List-Subscribe", "List-Subscribe"),
    ("X-List-Unsubscribe", "List-Unsubscribe"),
    ("Expiry-Date", "Expires"),
];

/// Fields that are no X- fields and that programs look for by name, as named properties.
const NAMED: [&str; 11] = [
    "accept-language",
    "auto-submitted",
    "content-class",
    "list-archive",
    "list-id",
    "list-owner",
    "list-post",
    "list-unsubscribe-post",
    "precedence",
    "return-path",
    "user-agent",
];

/// X- fields that have a property of their own, or say the same as one.
const TAKEN: [&str; 13] = [
    "x-priority",
    "x-msmail-priority",
    "x-unsent",
    "x-list-help",
    "x-list-subscribe",
    "x-list-unsubscribe",
    "x-accept-language",
    "x-auto-response-suppress",
    "x-message-flag",
    "x-microsoft-classified",
    "x-microsoft-classification",
    "x-microsoft-classdesc",
    "x-microsoft-classid",
];

/// [MS-OXCMAIL] 2.2.3.2.22: classifications beside the switch, which is X-Microsoft-Classified.
const CLASSIFICATION: [(&str, KnownName); 3] = [
    ("X-Microsoft-Classification", lid::CLASSIFICATION),
    ("X-Microsoft-ClassDesc", lid::CLASSIFICATION_DESCRIPTION),
    ("X-Microsoft-ClassID", lid::CLASSIFICATION_GUID),
];

/// Bits of PidTagAutoResponseSuppress by their words ([MS-OXCMAIL] 2.1.3.2.20).
const SUPPRESS: [(&str, i32); 6] =
    [("DR", 1), ("NDR", 2), ("RN", 4), ("NRN", 8), ("OOF", 0x10), ("AutoReply", 0x20)];

/// followupFlagged ([MS-OXOFLAG] 2.2.1.1), and todoRecipientFlagged of PidTagToDoItemFlags ([MS-OXOFLAG] 2.2.1.6).
const FOLLOWUP_FLAGGED: i32 = 2;
const RECIPIENT_FLAGGED: i32 = 8;

pub(crate) fn read(bag: &mut PropertyBag, header: &Header<'_>) {
    let names = |field: &str| {
        let alias = ALIASES.iter().filter(|(_, known)| *known == field).map(|(alias, _)| *alias);
        let names: Vec<String> =
            std::iter::once(field).chain(alias).map(str::to_ascii_lowercase).collect();
        names
    };
    for (field, tag) in TEXTS {
        if let Some(text) = names(field).iter().find_map(|name| header.text(name)) {
            bag.set(tag, shorten(&text, MAX_VALUE));
        }
    }
    for (field, tag) in TIMES {
        let time = names(field).iter().find_map(|name| header.all(name).find_map(Field::date));
        if let Some(time) = time {
            bag.set(tag, time);
        }
    }
    read_suppress(bag, header);
    read_flag(bag, header);
    read_classification(bag, header);
    if let Some(locale) = header.plain("content-language").and_then(|tag| locale::of_tag(&tag)) {
        bag.set(tags::MESSAGE_LOCALE_ID, locale);
    }
    read_named(bag, header);
}

fn read_suppress(bag: &mut PropertyBag, header: &Header<'_>) {
    let Some(value) = header.plain("x-auto-response-suppress") else { return };
    let bits = match value.to_ascii_lowercase().as_str() {
        "none" => 0,
        "all" => -1,
        words => {
            let bit_of = |word: &str| {
                let known = SUPPRESS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word));
                known.map_or(0, |(_, bit)| *bit)
            };
            words.split(',').take(100).map(|word| bit_of(word.trim())).fold(0, |a, b| a | b)
        }
    };
    bag.set(tags::AUTO_RESPONSE_SUPPRESS, bits);
}

/// What the sender asks the recipients to do ([MS-OXOFLAG] 3.1.4.1).
fn read_flag(bag: &mut PropertyBag, header: &Header<'_>) {
    let Some(text) = header.text("x-message-flag") else { return };
    bag.set_named(lid::FLAG_REQUEST.name(), shorten(&text, 255));
    bag.set(tags::FLAG_STATUS, FOLLOWUP_FLAGGED);
    bag.set(tags::TO_DO_ITEM_FLAGS, RECIPIENT_FLAGGED);
}

fn read_classification(bag: &mut PropertyBag, header: &Header<'_>) {
    let is = |name: &str, word: &str| {
        header.plain(name).is_some_and(|value| value.eq_ignore_ascii_case(word))
    };
    if !is("x-microsoft-classified", "true") {
        return;
    }
    bag.set_named(lid::CLASSIFIED.name(), true);
    bag.set_named(lid::CLASSIFICATION_KEEP.name(), is("x-microsoft-classkeep", "true"));
    for (field, id) in CLASSIFICATION {
        if let Some(text) = header.text(&field.to_ascii_lowercase()) {
            bag.set_named(id.name(), shorten(&text, MAX_NAMED_VALUE));
        }
    }
}

/// Fields as named properties of PS_INTERNET_HEADERS, whose names are in lower case ([MS-OXCPRPT] 3.2.5.9).
fn read_named(bag: &mut PropertyBag, header: &Header<'_>) {
    let set = |bag: &mut PropertyBag, name: &str, value: &str| {
        let property = named(name);
        let new = !value.is_empty() && bag.get_named(&property).is_none();
        if new {
            bag.set_named(property, shorten(value, MAX_NAMED_VALUE));
        }
        new
    };
    for name in NAMED {
        let value = match name {
            "accept-language" => header.plain(name).or_else(|| header.plain("x-accept-language")),
            "content-class" => class::content_class(header),
            _ => header.text(name),
        };
        set(bag, name, &value.unwrap_or_default());
    }
    let mut count = 0;
    for field in &header.fields {
        let wanted = field.name.starts_with("x-")
            && field.name.len() <= MAX_NAME
            && !TAKEN.contains(&field.name.as_str());
        if count < MAX_NAMED_FIELDS && wanted && set(bag, &field.name, &field.text()) {
            count += 1;
        }
    }
}

/// The fields of [`read`] again. `received` are those that the message came with, which go out by themselves.
pub(crate) fn write(lines: &mut Vec<Line>, bag: &PropertyBag, received: &Header<'_>) {
    let number = |tag| bag.get(tag).and_then(PropertyValue::as_i32);
    let text_of = |name: &PropertyName| {
        bag.get_named(name).and_then(PropertyValue::as_text).map(|text| text.to_string_lossy())
    };
    for (field, tag) in TEXTS {
        if let Some(value) = bag.text(tag).filter(|value| !value.trim().is_empty()) {
            lines.push(compose::raw_or_text(field, &value));
        }
    }
    for (field, tag) in TIMES {
        if let Some(time) = bag.get(tag).and_then(PropertyValue::as_time) {
            lines.push(compose::date(field, time));
        }
    }
    if let Some(bits) = number(tags::AUTO_RESPONSE_SUPPRESS) {
        let set = SUPPRESS.iter().filter(|(_, bit)| bits & bit != 0).map(|(word, _)| *word);
        let words = match bits {
            0 => "None".to_owned(),
            -1 => "All".to_owned(),
            _ => set.collect::<Vec<_>>().join(", "),
        };
        lines.push(compose::raw("X-Auto-Response-Suppress", &words));
    }
    if let Some(request) = text_of(&lid::FLAG_REQUEST.name()).filter(|text| !text.is_empty())
        && number(tags::FLAG_STATUS) == Some(FOLLOWUP_FLAGGED)
    {
        lines.push(compose::text("X-Message-Flag", &request));
    }
    let is =
        |id: KnownName| bag.get_named(&id.name()).and_then(PropertyValue::as_bool) == Some(true);
    if is(lid::CLASSIFIED) {
        lines.push(compose::raw("X-Microsoft-Classified", "true"));
        let keep = if is(lid::CLASSIFICATION_KEEP) { "true" } else { "false" };
        lines.push(compose::raw("X-Microsoft-ClassKeep", keep));
        for (field, id) in CLASSIFICATION {
            if let Some(text) = text_of(&id.name()) {
                lines.push(compose::text(field, &text));
            }
        }
    }
    if let Some(tag) = number(tags::MESSAGE_LOCALE_ID).and_then(locale::tag_of) {
        lines.push(compose::raw("Content-Language", tag));
    }
    write_named(lines, bag, received);
}

fn write_named(lines: &mut Vec<Line>, bag: &PropertyBag, received: &Header<'_>) {
    for (key, value) in bag.iter() {
        let PropertyKey::Named(PropertyName { set, kind: PropertyNameKind::Name(name) }) = key
        else {
            continue;
        };
        let name = name.to_string_lossy().to_ascii_lowercase();
        let Some(value) = value.as_text().filter(|_| *set == PS_INTERNET_HEADERS) else { continue };
        let value = compose::one_line(&value.to_string_lossy());
        let is_field = name.len() <= MAX_NAME
            && (name.starts_with("x-") && !TAKEN.contains(&name.as_str())
                || NAMED.contains(&name.as_str()))
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        // What came with the message stands there as often as it came.
        let is_there = !name.starts_with("content-")
            && received.first(&name).is_some_and(|field| field.text() == value);
        if is_field && !value.is_empty() && !is_there {
            lines.push(compose::raw_or_text(&compose::title_case(&name), &value));
        }
    }
}

fn named(name: &str) -> PropertyName {
    PropertyName::string(PS_INTERNET_HEADERS, name)
}

pub(crate) fn shorten(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}
