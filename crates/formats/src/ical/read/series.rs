//! RRULE, EXDATE, RDATE and the instances that are told on their own, as PidLidAppointmentRecur and
//! exception attachments ([MS-OXCICAL] 2.1.3.1.1.20.13, [MS-OXOCAL] 2.2.1.44 and 2.2.10).

use std::collections::{BTreeMap, BTreeSet};

use mapi::generated::tags;
use mapi::names::lid;
use mapi::{AttachedContent, AttachmentContent, FileTime, MessageContent, PropertyBag, Wire};

use super::super::blob::recurrence::{
    AppointmentRecurrence, EndType, Exception, ExtendedException, ExtendedTexts, Frequency,
    READER_VERSION_2, RecurrencePattern, WRITER_VERSION_2,
};
use super::super::civil::{DAY, Local, Stamp};
use super::super::pattern;
use super::super::rule::Rule;
use super::super::zone::Zone;
use super::Method;
use super::clocks::{Clocks, Span, utc};
use super::event::{add_files, busy_status, content_of, one_line, reminder};
use crate::content_line::Component;
use crate::mime::attachments::EMBEDDED_MESSAGE;
use crate::report::{Kind, Report};
use crate::text::charsets;

/// Exceptions of a series beyond this many become items of their own.
const MAX_EXCEPTIONS: usize = 1_000;
const MAX_DELETED: usize = 10_000;
/// PidTagMessageClass of an exception ([MS-OXOCAL] 2.2.10.1.2).
const EXCEPTION_CLASS: &str = "IPM.OLE.CLASS.{00061055-0000-0000-C000-000000000046}";
/// afException of PidTagAttachmentFlags ([MS-OXCMSG] 2.2.2.23).
const EXCEPTION: i32 = 2;

/// What becomes of a series while it is put together.
struct Series<'a> {
    span: Span<'a>,
    pattern: RecurrencePattern,
    /// By the date on which the instance should have been.
    changed: BTreeMap<u32, Changed<'a>>,
    /// INVARIANT: none of them is changed.
    deleted: BTreeSet<u32>,
}

struct Changed<'a> {
    span: Span<'a>,
    /// None where only the time is another.
    event: Option<&'a Component>,
}

/// Makes a recurring item of `content` if the event recurs. The instances that are no exceptions of it come
/// back.
pub(super) fn set<'a>(
    content: &mut MessageContent,
    report: &mut Report,
    clocks: &Clocks,
    event: &Component,
    span: Span<'_>,
    instances: &[&'a Component],
) -> Vec<&'a Component> {
    let pattern = match read_pattern(event, span) {
        Ok(Some(pattern)) => pattern,
        Ok(None) => {
            if event.line("RDATE").is_some() {
                let why = "dates without a rule cannot be kept; only the first instance is carried";
                report.refuse(Kind::Property, "RDATE", why);
            }
            return instances.to_vec();
        }
        Err(why) => {
            let why = format!("it cannot be kept ({why}); only the first instance is carried");
            report.refuse(Kind::Property, "RRULE", why);
            return instances.to_vec();
        }
    };
    // The first instance is where the rule has one.
    let first = Local::from_minutes(pattern.start_date).plus(span.start.second_of_day());
    let span = span.moved_to(first);
    let mut series = Series { span, pattern, changed: BTreeMap::new(), deleted: BTreeSet::new() };
    let mut rest = Vec::new();
    for instance in instances {
        if !take_instance(&mut series, clocks, instance, report) {
            rest.push(*instance);
        }
    }
    take_dates(&mut series, clocks, event, report);
    for changed in series.changed.values() {
        if let Some(event) = changed.event {
            content.attachments.push(attachment(clocks, event, changed.span, span, report));
        }
    }
    set_properties(&mut content.properties, &series, event);
    rest
}

fn read_pattern(event: &Component, span: Span<'_>) -> Result<Option<RecurrencePattern>, String> {
    let mut rules = event.all("RRULE");
    let Some(line) = rules.next() else { return Ok(None) };
    if rules.next().is_some() || event.line("EXRULE").is_some() {
        return Err("more than one rule".into());
    }
    let rule = Rule::parse(&line.text())?;
    let until = rule.until.map(|until| match until {
        Stamp::Date(date) => date.plus(DAY - 1),
        Stamp::Clock(local) => local,
        Stamp::Utc(local) => match span.zone {
            Some(zone) => zone.to_local(local.as_utc()),
            None => local,
        },
    });
    pattern::of_rule(&rule, span.start, until).map(Some)
}

/// Takes an instance as an exception, or as one that does not happen.
fn take_instance<'a>(
    series: &mut Series<'a>,
    clocks: &'a Clocks,
    instance: &'a Component,
    report: &mut Report,
) -> bool {
    let line = instance.line("RECURRENCE-ID");
    let original = line.and_then(|line| clocks.moment(line));
    let (Some(original), Some(span)) = (original, Span::read(clocks, instance)) else {
        return false;
    };
    let date = original.on(series.span.zone).midnight().minutes();
    if !pattern::falls_on(&series.pattern, date) {
        return false;
    }
    if line.is_some_and(|line| line.parameter("RANGE").is_some()) {
        let why = "the change of all later instances is carried as that of one";
        report.refuse(Kind::Property, "RECURRENCE-ID;RANGE", why);
    }
    if instance.word("STATUS").as_deref() == Some("CANCELLED") {
        // Told twice, an instance that takes place is not lost.
        match series.changed.contains_key(&date) {
            true => report.refuse(
                Kind::Property,
                "RECURRENCE-ID",
                "an instance is both changed and cancelled; it is carried as changed",
            ),
            false => {
                series.deleted.insert(date);
            }
        }
        return true;
    }
    if series.changed.len() >= MAX_EXCEPTIONS || series.changed.contains_key(&date) {
        return false;
    }
    // The blob has all times on the series' clock.
    let on = |local: Local| match span.zone == series.span.zone {
        true => local,
        false if span.all_day => local,
        false => {
            let time = utc(span.zone, local);
            series.span.zone.map_or_else(|| Local::of_utc(time), |zone| zone.to_local(time))
        }
    };
    let span = Span { start: on(span.start), end: on(span.end), zone: series.span.zone, ..span };
    if series.deleted.remove(&date) {
        let why = "an instance is both changed and cancelled; it is carried as changed";
        report.refuse(Kind::Property, "RECURRENCE-ID", why);
    }
    series.changed.insert(date, Changed { span, event: Some(instance) });
    true
}

/// EXDATE and RDATE. A date more for a date less is an instance that was moved: no pattern has more dates
/// than its rule.
fn take_dates<'a>(
    series: &mut Series<'a>,
    clocks: &'a Clocks,
    event: &'a Component,
    report: &mut Report,
) {
    let dates = |name: &'static str| {
        let moments = event.all(name).flat_map(|line| clocks.moments(line)).take(MAX_DELETED);
        let mut dates: Vec<_> = moments.map(|moment| moment.on(series.span.zone)).collect();
        dates.sort_unstable();
        dates.dedup();
        dates
    };
    let (less, more) = (dates("EXDATE"), dates("RDATE"));
    for date in less {
        let date = date.midnight().minutes();
        if pattern::falls_on(&series.pattern, date) && !series.changed.contains_key(&date) {
            series.deleted.insert(date);
        }
    }
    let seconds = series.span.start.second_of_day();
    let mut left = 0usize;
    for start in more {
        let regular = pattern::falls_on(&series.pattern, start.minutes())
            && start.second_of_day() == seconds
            && !series.deleted.contains(&start.midnight().minutes());
        if regular {
            continue;
        }
        // The nearest one.
        let at = start.minutes();
        let earlier = series.deleted.range(..=at).next_back();
        let later = series.deleted.range(at..).next();
        let nearest =
            earlier.into_iter().chain(later).min_by_key(|date| date.abs_diff(at)).copied();
        match nearest {
            Some(moved) if series.changed.len() < MAX_EXCEPTIONS => {
                series.deleted.remove(&moved);
                let span = series.span.moved_to(start);
                series.changed.insert(moved, Changed { span, event: None });
            }
            _ => left += 1,
        }
    }
    if left > 0 {
        let why = format!("{left} dates beside the rule cannot be kept");
        report.refuse(Kind::Property, "RDATE", why);
    }
}

fn set_properties(bag: &mut PropertyBag, series: &Series<'_>, event: &Component) {
    let Series { span, pattern, .. } = series;
    for (name, time) in [
        (lid::APPOINTMENT_START_WHOLE, span.start_utc()),
        (lid::COMMON_START, span.start_utc()),
        (lid::APPOINTMENT_END_WHOLE, span.end_utc()),
        (lid::COMMON_END, span.end_utc()),
        // [MS-OXOCAL] 2.2.1.14 and 2.2.1.15: the midnights of the first and the last instance.
        (lid::CLIP_START, utc(span.zone, Local::from_minutes(pattern.start_date))),
        (lid::CLIP_END, clip_end(series)),
    ] {
        bag.set_named(name.name(), time);
    }
    bag.set(tags::START_DATE, span.start_utc());
    bag.set(tags::END_DATE, span.end_utc());
    bag.set_named(lid::RECURRING.name(), true);
    bag.set_named(lid::IS_RECURRING.name(), true);
    // PidLidRecurrenceType ([MS-OXOCAL] 2.2.1.45).
    let kind = match pattern.frequency {
        Frequency::Daily => 1,
        Frequency::Weekly => 2,
        Frequency::Monthly => 3,
        _ => 4,
    };
    bag.set_named(lid::RECURRENCE_TYPE.name(), kind);
    let zone = span.zone.cloned().unwrap_or_else(Zone::utc);
    bag.set_named(lid::TIME_ZONE_STRUCT.name(), zone.to_struct(span.start));
    bag.set_named(lid::TIME_ZONE_DESCRIPTION.name(), zone.name.as_str());
    let definition = zone.to_definition(span.start, true);
    bag.set_named(lid::APPOINTMENT_TIME_ZONE_DEFINITION_RECUR.name(), definition);
    bag.set_named(lid::APPOINTMENT_RECUR.name(), blob(series, event).to_wire());
    // The icons of recurring appointments and meetings ([MS-OXOCAL] 2.2.1.49).
    let icon = bag.get(tags::ICON_INDEX).and_then(|icon| icon.as_i32());
    if let Some(icon @ (0x400 | 0x402)) = icon {
        bag.set(tags::ICON_INDEX, icon + 1);
    }
}

fn clip_end(series: &Series<'_>) -> FileTime {
    let pattern = &series.pattern;
    let last = match pattern.end_type {
        // 4500-08-31 23:59 ([MS-OXOCAL] 2.2.1.15).
        EndType::Never => {
            return Local::date(4500, 8, 31).map_or(Local::MAX, |day| day.plus(DAY - 60)).as_utc();
        }
        EndType::Count => Some(pattern.end_date),
        _ => pattern::dates(pattern).take(pattern::MAX_OCCURRENCES).last(),
    };
    utc(series.span.zone, Local::from_minutes(last.unwrap_or(pattern.end_date)))
}

fn blob(series: &Series<'_>, event: &Component) -> AppointmentRecurrence {
    let Series { span, pattern, changed, deleted } = series;
    let mut pattern = pattern.clone();
    // What is changed counts as deleted, too ([MS-OXOCAL] 2.2.1.44.1 DeletedInstanceDates).
    let mut gone: Vec<u32> = changed.keys().chain(deleted).copied().collect();
    gone.sort_unstable();
    gone.dedup();
    pattern.deleted = gone.into();
    let mut now: Vec<_> = changed.iter().collect();
    now.sort_by_key(|(_, changed)| changed.span.start);
    pattern.modified = now
        .iter()
        .map(|(_, changed)| changed.span.start.midnight().minutes())
        .collect::<Vec<_>>()
        .into();
    let start_offset = (span.start.second_of_day() / 60) as u32;
    let exceptions =
        now.iter().map(|(date, changed)| exception(changed, *date + start_offset, event, *span));
    AppointmentRecurrence {
        pattern,
        reader_version: READER_VERSION_2,
        writer_version: WRITER_VERSION_2,
        start_offset,
        end_offset: start_offset + (span.end.since(span.start) / 60) as u32,
        exceptions: exceptions.collect(),
        reserved_1: Vec::new().into(),
        reserved_2: Vec::new().into(),
    }
}

/// What differs from the series.
fn exception(
    changed: &Changed<'_>,
    original_start: u32,
    series: &Component,
    series_span: Span<'_>,
) -> (Exception, ExtendedException) {
    let span = changed.span;
    let mut found = Exception {
        start: span.start.minutes(),
        end: span.end.minutes(),
        original_start,
        ..Exception::default()
    };
    let mut texts = ExtendedTexts {
        start: found.start,
        end: found.end,
        original_start,
        ..ExtendedTexts::default()
    };
    if let Some(event) = changed.event {
        let differs = |name| {
            let text = |event: &Component| one_line(&event.text(name).unwrap_or_default());
            let own = text(event);
            (own != text(series)).then_some(own)
        };
        // Windows-1252: the bytes' code page is nowhere told, and the Unicode text stands below.
        let narrow = |text: &String| charsets::encode(1252, text).unwrap_or_default();
        let subject = differs("SUMMARY");
        let location = differs("LOCATION");
        found.subject = subject.as_ref().map(narrow);
        found.location = location.as_ref().map(narrow);
        texts.subject = subject.map(|text| text.as_str().into());
        texts.location = location.map(|text| text.as_str().into());
        let busy = busy_status(event);
        found.busy_status = (busy != busy_status(series)).then_some(busy as u32);
        let (own, general) = (reminder(event, span), reminder(series, series_span));
        if own != general {
            found.reminder_set = Some(u32::from(own.is_some()));
            found.reminder_delta = own.map(|minutes| minutes as u32);
        }
        found.sub_type = (span.all_day != series_span.all_day).then_some(u32::from(span.all_day));
        found.has_body = event.text("DESCRIPTION") != series.text("DESCRIPTION");
    }
    let texts = (found.subject.is_some() || found.location.is_some()).then_some(texts);
    let extended = ExtendedException {
        change_highlight: Some(vec![0; 4].into()),
        reserved_1: Vec::new().into(),
        texts,
    };
    (found, extended)
}

/// An exception attachment with its embedded message ([MS-OXOCAL] 2.2.10.1).
fn attachment(
    clocks: &Clocks,
    event: &Component,
    span: Span<'_>,
    series: Span<'_>,
    report: &mut Report,
) -> AttachmentContent {
    let mut message = content_of(clocks, event, Method::Publish, span);
    add_files(&mut message, event, report);
    message.properties.set(tags::HAS_ATTACHMENTS, !message.attachments.is_empty());
    message.properties.set(tags::MESSAGE_CLASS, EXCEPTION_CLASS);
    // [MS-OXOCAL] 2.2.10.1.1: the attachment has the times of the clock, the message has them in UTC.
    let mut bag = PropertyBag::new();
    bag.set(tags::ATTACH_METHOD, EMBEDDED_MESSAGE);
    bag.set(tags::RENDERING_POSITION, -1);
    bag.set(tags::ATTACH_FLAGS, 0);
    bag.set(tags::ATTACHMENT_FLAGS, EXCEPTION);
    bag.set(tags::ATTACHMENT_HIDDEN, true);
    bag.set(tags::ATTACHMENT_LINK_ID, 0);
    bag.set(tags::DISPLAY_NAME, message.properties.text(tags::SUBJECT).unwrap_or_default());
    bag.set(tags::EXCEPTION_START_TIME, span.start.as_utc());
    bag.set(tags::EXCEPTION_END_TIME, span.end.as_utc());
    let original = event.line("RECURRENCE-ID").and_then(|line| clocks.moment(line));
    if let Some(original) = original {
        // When the instance began by the rule; a date alone is that of its midnight.
        let local = original.on(series.zone).midnight().plus(series.start.second_of_day());
        let time = utc(series.zone, local);
        bag.set(tags::EXCEPTION_REPLACE_TIME, time);
        message.properties.set_named(lid::EXCEPTION_REPLACE_TIME.name(), time);
    }
    AttachmentContent { properties: bag, content: AttachedContent::Message(Box::new(message)) }
}
