//! A VEVENT as an appointment, a meeting request or an answer to one ([MS-OXCICAL] 2.1.3.1.1.20).

use mapi::generated::named::PS_PUBLIC_STRINGS;
use mapi::generated::tags;
use mapi::names::lid;
use mapi::{
    AttachedContent, AttachmentContent, FileTime, MessageContent, PropertyBag, PropertyName,
    PropertyValue, Wire,
};

use super::super::MEETING_TEXTS;
use super::super::blob::object_id::GlobalObjectId;
use super::super::civil::{Local, duration};
use super::clocks::{Clocks, Span};
use super::people::{MAX_ATTENDEES, response, set_people};
use super::{Method, series};
use crate::content_line::{Component, ContentLine, split};
use crate::mime::attachments::BY_VALUE;
use crate::mime::parts::decode_base64;
use crate::mime::split_subject;
use crate::report::{Kind, Report};
use crate::text::charsets;
use crate::text::html;

const MAX_CATEGORIES: usize = 200;
const MAX_ATTACHMENTS: usize = 200;

/// PidLidBusyStatus ([MS-OXOCAL] 2.2.1.2).
const FREE: i32 = 0;
const TENTATIVE: i32 = 1;
const BUSY: i32 = 2;
const OUT_OF_OFFICE: i32 = 3;
const WORKING_ELSEWHERE: i32 = 4;

/// PidLidAppointmentStateFlags ([MS-OXOCAL] 2.2.1.10).
const MEETING: i32 = 1;
const RECEIVED: i32 = 2;
const CANCELED: i32 = 4;

/// Reads an event, its exceptions and all. The instances that are none of it come back. None without a
/// start.
pub(super) fn read<'a>(
    clocks: &Clocks,
    event: &Component,
    method: Method,
    instances: &[&'a Component],
) -> Option<(MessageContent, Report, Vec<&'a Component>)> {
    let span = Span::read(clocks, event)?;
    let mut report = Report::default();
    let mut content = content_of(clocks, event, method, span);
    note_what_is_left_out(event, &mut report);
    let zone = event.line("DTSTART").and_then(|line| clocks.unknown(line));
    if let Some(zone) = zone {
        let instead = span.zone.map_or("UTC", |zone| zone.name.as_str());
        let why = format!("nobody knows the zone {zone:.60}; its times are taken as of {instead}");
        report.refuse(Kind::Property, "TZID", why);
    }
    add_files(&mut content, event, &mut report);
    let rest = series::set(&mut content, &mut report, clocks, event, span, instances);
    let count = content.attachments.len() as u64;
    report.attachments.expected += count;
    report.attachments.carried += count;
    content.properties.set(tags::HAS_ATTACHMENTS, content.attachments.iter().any(is_shown));
    Some((content, report, rest))
}

fn is_shown(attachment: &AttachmentContent) -> bool {
    let hidden = attachment.properties.get(tags::ATTACHMENT_HIDDEN);
    hidden.and_then(PropertyValue::as_bool) != Some(true)
}

/// Whether an answer says yes, no or perhaps; other methods answer nothing.
pub(super) fn answers(method: Method, event: &Component) -> bool {
    method != Method::Reply || answer(event).is_some()
}

fn answer(event: &Component) -> Option<i32> {
    response(event.line("ATTENDEE")?.parameter("PARTSTAT")?)
}

/// What every item has, an exception too: all but recurrence and files.
pub(super) fn content_of(
    clocks: &Clocks,
    event: &Component,
    method: Method,
    span: Span<'_>,
) -> MessageContent {
    let mut content = MessageContent::default();
    let is_meeting = event.line("ATTENDEE").is_some() || method != Method::Publish;
    set_people(&mut content, event, method);
    let attendees = attendee_strings(&content);
    let bag = &mut content.properties;
    set_class(bag, event, method, is_meeting);
    set_texts(bag, event);
    set_times(bag, event, method, span, clocks);
    set_id(bag, clocks, event, method, span);
    set_marks(bag, event);
    set_status(bag, event, method);
    set_reminder(bag, event, method, span);
    if is_meeting && !matches!(method, Method::Reply | Method::Counter) {
        let [all, to, cc] = attendees;
        bag.set_named(lid::ALL_ATTENDEES_STRING.name(), all);
        bag.set_named(lid::TO_ATTENDEES_STRING.name(), to);
        bag.set_named(lid::CC_ATTENDEES_STRING.name(), cc);
    }
    content
}

// [MS-OXCICAL] 2.1.3.1.1.1; icons [MS-OXOCAL] 2.2.1.49; side effects [MS-OXCMSG] 2.2.1.16.
fn set_class(bag: &mut PropertyBag, event: &Component, method: Method, is_meeting: bool) {
    let answered = answer(event);
    let (class, icon) = match (method, answered) {
        (Method::Request, _) => ("IPM.Schedule.Meeting.Request", 0x404),
        (Method::Cancel, _) => ("IPM.Schedule.Meeting.Canceled", 0x408),
        (Method::Counter, _) | (Method::Reply, Some(2)) => {
            ("IPM.Schedule.Meeting.Resp.Tent", 0x407)
        }
        (Method::Reply, Some(3)) => ("IPM.Schedule.Meeting.Resp.Pos", 0x405),
        (Method::Reply, Some(_)) => ("IPM.Schedule.Meeting.Resp.Neg", 0x406),
        // An answer that says neither is kept as what it is about.
        (Method::Reply, None) | (Method::Publish, _) if is_meeting => ("IPM.Appointment", 0x402),
        _ => ("IPM.Appointment", 0x400),
    };
    bag.set(tags::MESSAGE_CLASS, class);
    bag.set(tags::ICON_INDEX, icon);
    let side_effects = if class == "IPM.Appointment" { 0x171 } else { 0x1c61 };
    bag.set_named(lid::SIDE_EFFECTS.name(), side_effects);
    let state = match method {
        _ if !is_meeting => 0,
        Method::Publish => MEETING,
        Method::Cancel => MEETING | RECEIVED | CANCELED,
        _ => MEETING | RECEIVED,
    };
    bag.set_named(lid::APPOINTMENT_STATE_FLAGS.name(), state);
    let response = match method {
        // respOrganized and respNotResponded ([MS-OXOCAL] 2.2.1.11).
        Method::Request | Method::Cancel => 5,
        Method::Counter => 2,
        Method::Reply => answered.unwrap_or(0),
        Method::Publish => i32::from(is_meeting),
    };
    bag.set_named(lid::RESPONSE_STATUS.name(), response);
    if method == Method::Request {
        // mtgRequest ([MS-OXOCAL] 2.2.6.5); what is made of it in the calendar.
        bag.set_named(lid::MEETING_TYPE.name(), 1);
        bag.set_named(lid::APPOINTMENT_MESSAGE_CLASS.name(), "IPM.Appointment");
    }
    if method == Method::Counter {
        bag.set_named(lid::APPOINTMENT_COUNTER_PROPOSAL.name(), true);
    }
}

fn set_texts(bag: &mut PropertyBag, event: &Component) {
    let subject = one_line(&event.text("SUMMARY").unwrap_or_default());
    let (prefix, normalized) = split_subject(&subject);
    bag.set(tags::SUBJECT_PREFIX, prefix);
    bag.set(tags::NORMALIZED_SUBJECT, normalized);
    bag.set(tags::CONVERSATION_TOPIC, normalized);
    bag.set(tags::SUBJECT, subject.as_str());
    let location = one_line(&event.text("LOCATION").unwrap_or_default());
    bag.set_named(lid::WHERE.name(), location.as_str());
    bag.set_named(lid::LOCATION.name(), location);
    bag.set(tags::INTERNET_CODEPAGE, charsets::UTF_8 as i32);
    let text = event.text("DESCRIPTION").or_else(|| event.text("COMMENT"));
    let document =
        event.line("X-ALT-DESC").filter(|line| line.parameter_is("FMTTYPE", "text/html"));
    let document = document.map(|line| crate::content_line::unescape(&line.text()));
    // PidTagNativeBody: 1 is plain text, 3 HTML ([MS-OXCMSG] 2.2.1.58.2).
    bag.set(tags::NATIVE_BODY, if document.is_some() { 3 } else { 1 });
    let text = text.or_else(|| document.as_deref().map(html::to_text)).unwrap_or_default();
    bag.set(tags::BODY, with_crlf(&text));
    if let Some(document) = document {
        bag.set(tags::HTML, document.into_bytes());
    }
}

pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

fn with_crlf(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\n', "\r\n").replace('\0', "")
}

// [MS-OXCICAL] 2.1.3.1.1.20.8 and 2.1.3.1.1.20.10.
fn set_times(
    bag: &mut PropertyBag,
    event: &Component,
    method: Method,
    span: Span<'_>,
    clocks: &Clocks,
) {
    let (mut start, mut end) = (span.start_utc(), span.end_utc());
    if method == Method::Counter {
        bag.set_named(lid::APPOINTMENT_PROPOSED_START_WHOLE.name(), start);
        bag.set_named(lid::APPOINTMENT_PROPOSED_END_WHOLE.name(), end);
        let minutes = (span.end.since(span.start) / 60) as i32;
        bag.set_named(lid::APPOINTMENT_PROPOSED_DURATION.name(), minutes);
        let original = |name| Some(clocks.moment(event.line(name)?)?.utc());
        if let (Some(from), Some(to)) =
            (original("X-MS-OLK-ORIGINALSTART"), original("X-MS-OLK-ORIGINALEND"))
        {
            (start, end) = (from, to);
        }
    }
    for name in [lid::APPOINTMENT_START_WHOLE, lid::COMMON_START, lid::CLIP_START] {
        bag.set_named(name.name(), start);
    }
    for name in [lid::APPOINTMENT_END_WHOLE, lid::COMMON_END, lid::CLIP_END] {
        bag.set_named(name.name(), end);
    }
    bag.set(tags::START_DATE, start);
    bag.set(tags::END_DATE, end);
    let minutes = end.0.saturating_sub(start.0) / 600_000_000;
    bag.set_named(lid::APPOINTMENT_DURATION.name(), i32::try_from(minutes).unwrap_or(i32::MAX));
    bag.set_named(lid::APPOINTMENT_SUB_TYPE.name(), span.all_day);
    bag.set_named(lid::RECURRING.name(), false);
    if let Some(zone) = span.zone {
        let definition = zone.to_definition(span.start, false);
        let name = lid::APPOINTMENT_TIME_ZONE_DEFINITION_START_DISPLAY;
        bag.set_named(name.name(), definition.clone());
        let name = lid::APPOINTMENT_TIME_ZONE_DEFINITION_END_DISPLAY;
        bag.set_named(name.name(), definition);
        bag.set_named(lid::TIME_ZONE_DESCRIPTION.name(), zone.name.as_str());
    }
}

// [MS-OXCICAL] 2.1.3.1.1.20.26 (UID), 2.1.3.1.1.20.20 (RECURRENCE-ID), 2.1.3.1.1.20.23 (SEQUENCE).
fn set_id(
    bag: &mut PropertyBag,
    clocks: &Clocks,
    event: &Component,
    method: Method,
    span: Span<'_>,
) {
    let instance = event.line("RECURRENCE-ID").and_then(|line| clocks.moment(line));
    if let Some(uid) = event.text("UID") {
        let id = GlobalObjectId::from_uid(uid.trim());
        let own = match &instance {
            Some(instance) => {
                let (year, month, day) = instance.on(span.zone).ymd();
                id.of_instance(year as u16, month as u8, day as u8)
            }
            None => id.clone(),
        };
        bag.set_named(lid::GLOBAL_OBJECT_ID.name(), own.to_wire());
        bag.set_named(lid::CLEAN_GLOBAL_OBJECT_ID.name(), id.clean().to_wire());
    }
    bag.set_named(lid::IS_EXCEPTION.name(), instance.is_some());
    bag.set_named(lid::IS_RECURRING.name(), instance.is_some());
    if let Some(instance) = instance {
        bag.set_named(lid::EXCEPTION_REPLACE_TIME.name(), instance.utc());
    }
    let number = |name| event.line(name)?.text().trim().parse::<i32>().ok().filter(|n| *n >= 0);
    let sequence = number("X-MICROSOFT-CDO-APPT-SEQUENCE").or_else(|| number("SEQUENCE"));
    bag.set_named(lid::APPOINTMENT_SEQUENCE.name(), sequence.unwrap_or(0));
    if let Some(last) = number("X-MS-OLK-APPTLASTSEQUENCE") {
        bag.set_named(lid::APPOINTMENT_LAST_SEQUENCE.name(), last);
    }
    let owner = event.line("X-MICROSOFT-CDO-OWNERAPPTID");
    if let Some(owner) = owner.and_then(|line| line.text().trim().parse::<i32>().ok()) {
        bag.set(tags::OWNER_APPOINTMENT_ID, owner);
    }
    let time = |name| Some(clocks.moment(event.line(name)?)?.utc());
    // DTSTAMP is when the one who sends it changed it ([MS-OXCICAL] 2.1.3.1.1.20.9).
    let answers = matches!(method, Method::Reply | Method::Counter);
    for (name, property, is_own) in [
        ("X-MICROSOFT-CDO-OWNER-CRITICAL-CHANGE", lid::OWNER_CRITICAL_CHANGE, !answers),
        ("X-MICROSOFT-CDO-ATTENDEE-CRITICAL-CHANGE", lid::ATTENDEE_CRITICAL_CHANGE, answers),
    ] {
        let stamp = || time("DTSTAMP").filter(|_| is_own);
        if let Some(time) = time(name).or_else(stamp) {
            bag.set_named(property.name(), time);
        }
    }
    if let Some(time) = time("X-MS-OLK-APPTSEQTIME") {
        bag.set_named(lid::APPOINTMENT_SEQUENCE_TIME.name(), time);
    }
}

// CLASS, PRIORITY, CATEGORIES, and the properties of Outlook's own.
fn set_marks(bag: &mut PropertyBag, event: &Component) {
    let sensitivity = match event.word("CLASS").as_deref() {
        Some("PERSONAL" | "X-PERSONAL") => 1,
        Some("PRIVATE") => 2,
        Some("CONFIDENTIAL") => 3,
        _ => 0,
    };
    bag.set(tags::SENSITIVITY, sensitivity);
    bag.set_named(lid::PRIVATE.name(), sensitivity == 2);
    let number = |name| event.line(name).and_then(|line| line.text().trim().parse::<i32>().ok());
    // [MS-OXCICAL] 2.1.3.1.1.20.17 and 2.1.3.1.1.20.35.
    let importance = match (number("X-MICROSOFT-CDO-IMPORTANCE"), number("PRIORITY")) {
        (Some(importance @ 0..=2), _) => importance,
        (_, Some(1..=4)) => 2,
        (_, Some(6..=9)) => 0,
        _ => 1,
    };
    bag.set(tags::IMPORTANCE, importance);
    let lines = event.all("CATEGORIES").take(MAX_CATEGORIES);
    let mut categories: Vec<String> = lines.flat_map(|line| split(&line.text(), ',')).collect();
    categories.retain(|category| !category.is_empty());
    categories.truncate(MAX_CATEGORIES);
    if !categories.is_empty() {
        let values = categories.iter().map(|category| category.as_str().into()).collect();
        let name = PropertyName::string(PS_PUBLIC_STRINGS, "Keywords");
        bag.set_named(name, PropertyValue::MultipleString(values));
    }
    let is_true = |name| event.word(name).map(|word| word == "TRUE");
    if let Some(value) = is_true("X-MICROSOFT-DISALLOW-COUNTER") {
        bag.set_named(lid::APPOINTMENT_NOT_ALLOW_PROPOSE.name(), value);
    }
    if let Some(value) = is_true("X-MS-OLK-AUTOFILLLOCATION") {
        bag.set_named(lid::AUTO_FILL_LOCATION.name(), value);
    }
    for (name, property) in MEETING_TEXTS {
        if let Some(text) = event.text(name) {
            bag.set_named(property.name(), one_line(&text));
        }
    }
}

/// X-MICROSOFT-CDO-BUSYSTATUS ([MS-OXCICAL] 2.1.3.1.1.20.31), TRANSP and STATUS.
pub(super) fn busy_status(event: &Component) -> i32 {
    let told = event.word("X-MICROSOFT-CDO-BUSYSTATUS").and_then(|word| busy_word(&word));
    told.unwrap_or_else(|| {
        match (event.word("TRANSP").as_deref(), event.word("STATUS").as_deref()) {
            (Some("TRANSPARENT"), _) => FREE,
            (_, Some("TENTATIVE")) => TENTATIVE,
            (_, Some("CANCELLED")) => FREE,
            _ => BUSY,
        }
    })
}

fn busy_word(word: &str) -> Option<i32> {
    Some(match word {
        "FREE" => FREE,
        "TENTATIVE" => TENTATIVE,
        "BUSY" => BUSY,
        "OOF" => OUT_OF_OFFICE,
        "WORKINGELSEWHERE" => WORKING_ELSEWHERE,
        _ => return None,
    })
}

fn set_status(bag: &mut PropertyBag, event: &Component, method: Method) {
    let told = busy_status(event);
    let intended = event.word("X-MICROSOFT-CDO-INTENDEDSTATUS").and_then(|word| busy_word(&word));
    let intended = intended.unwrap_or(told);
    // Nobody has said yes to a request ([MS-OXCICAL] 2.1.3.1.1.20.31, [MS-OXOCAL] 2.2.6.4).
    let busy = match method {
        Method::Request if intended != FREE => TENTATIVE,
        Method::Request | Method::Cancel => FREE,
        _ => told,
    };
    bag.set_named(lid::BUSY_STATUS.name(), busy);
    if matches!(method, Method::Request | Method::Cancel) {
        bag.set_named(lid::INTENDED_BUSY_STATUS.name(), intended);
    }
    let asks = |line: &ContentLine| line.parameter_is("RSVP", "TRUE");
    let mut attendees = event.all("ATTENDEE").take(MAX_ATTENDEES);
    if method != Method::Reply && event.line("ATTENDEE").is_some() {
        let asked = attendees.any(asks);
        bag.set(tags::RESPONSE_REQUESTED, asked);
        bag.set(tags::REPLY_REQUESTED, asked);
    }
}

// [MS-OXCICAL] 2.1.3.1.1.20.62 and VALARM's TRIGGER.
fn set_reminder(bag: &mut PropertyBag, event: &Component, method: Method, span: Span<'_>) {
    if !matches!(method, Method::Publish | Method::Request) {
        return;
    }
    let minutes = reminder(event, span);
    bag.set_named(lid::REMINDER_SET.name(), minutes.is_some());
    if let Some(minutes) = minutes {
        let start = span.start_utc();
        bag.set_named(lid::REMINDER_DELTA.name(), minutes);
        bag.set_named(lid::REMINDER_TIME.name(), start);
        let before = u64::try_from(minutes).unwrap_or(0) * 600_000_000;
        let signal = FileTime(start.0.saturating_sub(before));
        bag.set_named(lid::REMINDER_SIGNAL_TIME.name(), signal);
    }
}

/// How many minutes before the start somebody is reminded, by the first alarm that says so.
pub(super) fn reminder(event: &Component, span: Span<'_>) -> Option<i32> {
    event.below("VALARM").find_map(|alarm| {
        let trigger = alarm.line("TRIGGER")?;
        let text = trigger.text();
        let before = match duration(&text) {
            // From the end of what lasts (RFC 5545 3.8.6.3).
            Some(seconds) if trigger.parameter_is("RELATED", "END") => {
                -seconds - span.end.since(span.start)
            }
            Some(seconds) => -seconds,
            None => {
                let at = super::super::civil::Stamp::parse(&text)?.local();
                Local::of_utc(span.start_utc()).since(at)
            }
        };
        // A reminder cannot be later than the start; a year before is enough.
        Some((before / 60).clamp(0, 525_600) as i32)
    })
}

/// All attendees but the organizer, those who have to come, those who may.
fn attendee_strings(content: &MessageContent) -> [String; 3] {
    let names = |kinds: &[i32]| {
        let of_kind = content.recipients.iter().filter(|recipient| {
            let kind = recipient.properties.get(tags::RECIPIENT_TYPE).and_then(|v| v.as_i32());
            kind.is_some_and(|kind| kinds.contains(&kind))
        });
        let names = of_kind.filter_map(|recipient| recipient.properties.text(tags::DISPLAY_NAME));
        names.collect::<Vec<_>>().join("; ")
    };
    [names(&[1, 2, 3]), names(&[1]), names(&[2])]
}

/// ATTACH with its bytes is a file ([MS-OXCICAL] 2.1.3.1.1.20.1).
pub(super) fn add_files(content: &mut MessageContent, event: &Component, report: &mut Report) {
    for (index, line) in event.all("ATTACH").take(MAX_ATTACHMENTS).enumerate() {
        if !line.parameter_is("ENCODING", "BASE64") {
            let why = format!("it is a link, and the file is not here: {:.200}", line.text());
            report.refuse(Kind::Attachment, format!("ATTACH {}", index + 1), why);
            continue;
        }
        let data = decode_base64(&line.value);
        let name = ["FILENAME", "X-FILENAME", "X-ORACLE-FILENAME", "X-APPLE-FILENAME"];
        let name = name.iter().find_map(|name| line.parameter(name)).map(one_line);
        let name = name.unwrap_or_else(|| format!("ATT{:05}.dat", index + 1));
        let mut bag = PropertyBag::new();
        bag.set(tags::ATTACH_METHOD, BY_VALUE);
        bag.set(tags::RENDERING_POSITION, -1);
        bag.set(tags::ATTACH_LONG_FILENAME, name.as_str());
        bag.set(tags::DISPLAY_NAME, name);
        if let Some(kind) = line.parameter("FMTTYPE") {
            bag.set(tags::ATTACH_MIME_TAG, one_line(kind));
        }
        bag.set(tags::ATTACH_SIZE, i32::try_from(data.len()).unwrap_or(i32::MAX));
        let content_of = AttachedContent::Bytes(data);
        content.attachments.push(AttachmentContent { properties: bag, content: content_of });
    }
}

fn note_what_is_left_out(event: &Component, report: &mut Report) {
    let attendees = event.all("ATTENDEE").count();
    if attendees > MAX_ATTENDEES {
        let why = format!("only the first {MAX_ATTENDEES} of {attendees} are carried");
        report.refuse(Kind::Recipient, "ATTENDEE", why);
    }
}
