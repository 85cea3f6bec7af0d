//! The properties of a VEVENT ([MS-OXCICAL] 2.1.3.1.1.20).

use mapi::generated::named::PS_PUBLIC_STRINGS;
use mapi::generated::tags;
use mapi::known::KnownName;
use mapi::names::lid;
use mapi::{
    AttachedContent, FileTime, MessageContent, PropertyBag, PropertyName, PropertyValue, Wire,
};

use super::super::MEETING_TEXTS;
use super::super::blob::object_id::GlobalObjectId;
use super::super::civil::Local;
use super::{Place, Purpose, Times, people, write_utc};
use crate::content_line::{Writer, escape, quote};
use crate::mime::{base64_line, bodies};

/// When an event or one instance of it is, on the item's clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub start: Local,
    pub end: Local,
    /// When an exception should have been.
    pub instead_of: Option<Local>,
}

/// What stands between BEGIN and END, without the lines of a recurrence, which `more` writes.
pub(super) fn write(
    w: &mut Writer,
    content: &MessageContent,
    purpose: Purpose,
    times: &Times,
    span: Span,
    place: Place,
    more: impl FnOnce(&mut Writer),
) {
    let bag = &content.properties;
    w.raw("BEGIN", "VEVENT");
    write_id(w, bag, times, span);
    let stamp = stamp(bag, times.start);
    write_utc(w, "DTSTAMP", stamp);
    people::write(w, content, purpose);
    write_times(w, bag, purpose, times, span);
    more(w);
    write_texts(w, content);
    write_marks(w, bag);
    write_status(w, bag, purpose, stamp);
    if place == Place::File {
        write_files(w, content);
    }
    write_reminder(w, bag, purpose);
    w.raw("END", "VEVENT");
}

fn write_id(w: &mut Writer, bag: &PropertyBag, times: &Times, span: Span) {
    let id = [lid::CLEAN_GLOBAL_OBJECT_ID, lid::GLOBAL_OBJECT_ID].iter().find_map(|name| {
        let bytes = bag.get_named(&name.name())?.as_binary()?;
        GlobalObjectId::read(&mut mapi::Reader::new(bytes)).ok()
    });
    if let Some(uid) = id.map(|id| id.to_uid()).filter(|uid| !uid.is_empty()) {
        w.text("UID", &uid);
    }
    if let Some(original) = span.instead_of {
        times.write(w, "RECURRENCE-ID", original);
    }
}

/// When this was last said, by those who say it ([MS-OXCICAL] 2.1.3.1.1.20.9).
fn stamp(bag: &PropertyBag, start: FileTime) -> FileTime {
    let named = [lid::OWNER_CRITICAL_CHANGE, lid::ATTENDEE_CRITICAL_CHANGE];
    let named = named.iter().find_map(|name| bag.get_named(&name.name())?.as_time());
    let tags = [tags::CLIENT_SUBMIT_TIME, tags::LAST_MODIFICATION_TIME];
    named.or_else(|| tags.iter().find_map(|tag| bag.get(*tag)?.as_time())).unwrap_or(start)
}

fn write_times(w: &mut Writer, bag: &PropertyBag, purpose: Purpose, times: &Times, span: Span) {
    let proposed = |name: KnownName| bag.get_named(&name.name())?.as_time();
    let proposed = match purpose.method {
        "COUNTER" => proposed(lid::APPOINTMENT_PROPOSED_START_WHOLE)
            .zip(proposed(lid::APPOINTMENT_PROPOSED_END_WHOLE)),
        _ => None,
    };
    let (start, end) = match proposed {
        Some((start, end)) => (times.local(start), times.local(end)),
        None => (span.start, span.end),
    };
    times.write(w, "DTSTART", start);
    times.write(w, "DTEND", end.max(start));
    if proposed.is_some() {
        write_utc(w, "X-MS-OLK-ORIGINALSTART", times.start);
        write_utc(w, "X-MS-OLK-ORIGINALEND", times.end);
    }
    w.raw("X-MICROSOFT-CDO-ALLDAYEVENT", if times.all_day { "TRUE" } else { "FALSE" });
}

fn write_texts(w: &mut Writer, content: &MessageContent) {
    let bag = &content.properties;
    let subject = bag.text(tags::SUBJECT).unwrap_or_else(|| {
        let part = |tag| bag.text(tag).unwrap_or_default();
        part(tags::SUBJECT_PREFIX) + &part(tags::NORMALIZED_SUBJECT)
    });
    w.text("SUMMARY", &subject);
    if let Some(location) = text(bag, lid::LOCATION) {
        w.text("LOCATION", &location);
    }
    let bodies = bodies(bag);
    if let Some(plain) = bodies.plain {
        w.text("DESCRIPTION", &plain);
    }
    if let Some(html) = bodies.html {
        w.text("X-ALT-DESC;FMTTYPE=text/html", &html);
    }
}

fn write_marks(w: &mut Writer, bag: &PropertyBag) {
    let class = match number(bag.get(tags::SENSITIVITY)) {
        Some(1) => "PERSONAL",
        Some(2) => "PRIVATE",
        Some(3) => "CONFIDENTIAL",
        _ => "PUBLIC",
    };
    w.raw("CLASS", class);
    let (priority, importance) = match number(bag.get(tags::IMPORTANCE)) {
        Some(0) => ("9", "0"),
        Some(2) => ("1", "2"),
        _ => ("5", "1"),
    };
    w.raw("PRIORITY", priority);
    w.raw("X-MICROSOFT-CDO-IMPORTANCE", importance);
    let keywords = bag.get_named(&PropertyName::string(PS_PUBLIC_STRINGS, "Keywords"));
    if let Some(PropertyValue::MultipleString(categories)) = keywords {
        let categories: Vec<_> =
            categories.iter().map(|category| escape(&category.to_string_lossy())).collect();
        w.raw("CATEGORIES", &categories.join(","));
    }
    if let Some(value) = boolean(bag, lid::APPOINTMENT_NOT_ALLOW_PROPOSE) {
        w.raw("X-MICROSOFT-DISALLOW-COUNTER", if value { "TRUE" } else { "FALSE" });
    }
    if let Some(value) = boolean(bag, lid::AUTO_FILL_LOCATION) {
        w.raw("X-MS-OLK-AUTOFILLLOCATION", if value { "TRUE" } else { "FALSE" });
    }
    for (name, property) in MEETING_TEXTS {
        if let Some(value) = text(bag, property) {
            w.text(name, &value);
        }
    }
}

fn write_status(w: &mut Writer, bag: &PropertyBag, purpose: Purpose, stamp: FileTime) {
    let named = |name: KnownName| number(bag.get_named(&name.name()));
    let sequence = named(lid::APPOINTMENT_SEQUENCE).unwrap_or(0).max(0);
    w.raw("SEQUENCE", &sequence.to_string());
    w.raw("X-MICROSOFT-CDO-APPT-SEQUENCE", &sequence.to_string());
    if let Some(last) = named(lid::APPOINTMENT_LAST_SEQUENCE) {
        w.raw("X-MS-OLK-APPTLASTSEQUENCE", &last.to_string());
    }
    if let Some(id) = number(bag.get(tags::OWNER_APPOINTMENT_ID)) {
        w.raw("X-MICROSOFT-CDO-OWNERAPPTID", &id.to_string());
    }
    for (name, property) in [
        ("X-MICROSOFT-CDO-OWNER-CRITICAL-CHANGE", lid::OWNER_CRITICAL_CHANGE),
        ("X-MICROSOFT-CDO-ATTENDEE-CRITICAL-CHANGE", lid::ATTENDEE_CRITICAL_CHANGE),
        ("X-MS-OLK-APPTSEQTIME", lid::APPOINTMENT_SEQUENCE_TIME),
    ] {
        // DTSTAMP says the same where these are missing.
        let time = bag.get_named(&property.name()).and_then(|value| value.as_time());
        if let Some(time) = time.filter(|time| *time != stamp) {
            write_utc(w, name, time);
        }
    }
    let busy = named(lid::BUSY_STATUS).unwrap_or(2);
    let intended = named(lid::INTENDED_BUSY_STATUS).filter(|_| purpose.method != "PUBLISH");
    // What a request wants the time to be is what others see of it ([MS-OXCICAL] 2.1.3.1.1.20.31).
    let shown = if purpose.method == "REQUEST" { intended.unwrap_or(busy) } else { busy };
    w.raw("TRANSP", if shown == 0 { "TRANSPARENT" } else { "OPAQUE" });
    let status = match (purpose.method, shown) {
        ("CANCEL", _) => "CANCELLED",
        (_, 1) => "TENTATIVE",
        _ => "CONFIRMED",
    };
    w.raw("STATUS", status);
    w.raw("X-MICROSOFT-CDO-BUSYSTATUS", busy_word(busy));
    if let Some(intended) = intended {
        w.raw("X-MICROSOFT-CDO-INTENDEDSTATUS", busy_word(intended));
    }
}

fn busy_word(busy: i32) -> &'static str {
    match busy {
        0 => "FREE",
        1 => "TENTATIVE",
        3 => "OOF",
        4 => "WORKINGELSEWHERE",
        _ => "BUSY",
    }
}

fn write_files(w: &mut Writer, content: &MessageContent) {
    for attachment in &content.attachments {
        let AttachedContent::Bytes(data) = &attachment.content else { continue };
        let bag = &attachment.properties;
        let name = [tags::ATTACH_LONG_FILENAME, tags::ATTACH_FILENAME, tags::DISPLAY_NAME];
        let name = name.iter().find_map(|tag| bag.text(*tag)).unwrap_or_default();
        let kind = bag.text(tags::ATTACH_MIME_TAG).filter(|kind| !kind.is_empty());
        let kind = kind.map(|kind| format!(";FMTTYPE={}", quote(&kind))).unwrap_or_default();
        let head = format!("ATTACH{kind};ENCODING=BASE64;VALUE=BINARY;X-FILENAME={}", quote(&name));
        w.raw(&head, &base64_line(data));
    }
}

fn write_reminder(w: &mut Writer, bag: &PropertyBag, purpose: Purpose) {
    let is_kept = matches!(purpose.method, "PUBLISH" | "REQUEST");
    if !is_kept || boolean(bag, lid::REMINDER_SET) != Some(true) {
        return;
    }
    let minutes = number(bag.get_named(&lid::REMINDER_DELTA.name())).unwrap_or(15);
    // The delta of an item whose client's default it is ([MS-OXORMDR] 2.2.1.3).
    let minutes = if minutes == 0x5ae9_80e1 { 15 } else { minutes.max(0) };
    w.raw("BEGIN", "VALARM");
    w.raw("TRIGGER", &format!("-PT{minutes}M"));
    w.raw("ACTION", "DISPLAY");
    w.raw("DESCRIPTION", "Reminder");
    w.raw("END", "VALARM");
}

fn number(value: Option<&PropertyValue>) -> Option<i32> {
    value.and_then(PropertyValue::as_i32)
}

fn boolean(bag: &PropertyBag, name: KnownName) -> Option<bool> {
    bag.get_named(&name.name()).and_then(PropertyValue::as_bool)
}

fn text(bag: &PropertyBag, name: KnownName) -> Option<String> {
    let text = bag.get_named(&name.name())?.as_text()?.to_string_lossy().into_owned();
    Some(text).filter(|text| !text.is_empty())
}
