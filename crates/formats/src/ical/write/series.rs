//! A recurring item as its event and one for each exception ([MS-OXCICAL] 2.1.3.1.1.20.13 and 2.1.3.2).

use std::collections::BTreeSet;

use mapi::generated::tags;
use mapi::names::lid;
use mapi::{AttachedContent, MessageContent, PropertyValue, Reader, Wire};

use super::super::blob::recurrence::{
    AppointmentRecurrence, EndType, Exception, ExtendedException, RecurrencePattern,
};
use super::super::civil::Local;
use super::super::pattern;
use super::event::{self, Span};
use super::{Place, Purpose, Times};
use crate::content_line::Writer;

/// Dates that are told not to be; more than one can plan.
const MAX_DELETED: usize = 10_000;

pub(super) fn write(
    w: &mut Writer,
    content: &MessageContent,
    purpose: Purpose,
    times: &Times,
    place: Place,
) {
    let recurrence = recurrence(content);
    let rule = recurrence.as_ref().and_then(|found| print_rule(&found.pattern, times, found));
    let (Some(recurrence), Some(rule)) = (recurrence, rule) else {
        let is_exception = content.properties.get_named(&lid::EXCEPTION_REPLACE_TIME.name());
        let instead_of =
            is_exception.and_then(PropertyValue::as_time).map(|time| times.local(time));
        let span =
            Span { start: times.local(times.start), end: times.local(times.end), instead_of };
        event::write(w, content, purpose, times, span, place, |w| instance_type(w, instead_of));
        return;
    };
    let first = Local::from_minutes(recurrence.pattern.start_date);
    let start = first.plus(i64::from(recurrence.start_offset) * 60);
    let minutes = recurrence.end_offset.saturating_sub(recurrence.start_offset);
    let end = start.plus(i64::from(minutes) * 60);
    let span = Span { start, end, instead_of: None };
    event::write(w, content, purpose, times, span, place, |w| {
        w.raw("RRULE", &rule);
        for date in deleted(&recurrence) {
            let at = Local::from_minutes(date).plus(i64::from(recurrence.start_offset) * 60);
            times.write(w, "EXDATE", at);
        }
        w.raw("X-MICROSOFT-CDO-INSTTYPE", "1");
    });
    for (exception, extended) in &recurrence.exceptions {
        let own = content_of(content, exception, extended);
        let all_day = exception.sub_type.map_or(times.all_day, |sub_type| sub_type != 0);
        let zone = times.zone.clone();
        let own_times = Times { start: times.start, end: times.end, all_day, zone };
        let span = Span {
            start: Local::from_minutes(exception.start),
            end: Local::from_minutes(exception.end.max(exception.start)),
            instead_of: Some(Local::from_minutes(exception.original_start)),
        };
        event::write(w, &own, purpose, &own_times, span, place, |w| {
            instance_type(w, span.instead_of);
        });
    }
}

/// Single items are 0, exceptions 3 ([MS-OXCICAL] 2.1.3.1.1.20.36).
fn instance_type(w: &mut Writer, instead_of: Option<Local>) {
    w.raw("X-MICROSOFT-CDO-INSTTYPE", if instead_of.is_some() { "3" } else { "0" });
}

fn recurrence(content: &MessageContent) -> Option<AppointmentRecurrence> {
    let bytes = content.properties.get_named(&lid::APPOINTMENT_RECUR.name())?.as_binary()?;
    AppointmentRecurrence::read(&mut Reader::new(bytes)).ok()
}

/// None for a pattern that RFC 5545 has no rule for: the first instance is written alone.
fn print_rule(
    pattern: &RecurrencePattern,
    times: &Times,
    recurrence: &AppointmentRecurrence,
) -> Option<String> {
    let rule = pattern::to_rule(pattern)?;
    let until = (pattern.end_type == EndType::Date).then(|| {
        let last = Local::from_minutes(pattern.end_date).midnight();
        let last = last.plus(i64::from(recurrence.start_offset) * 60);
        match (&times.zone, times.all_day) {
            (_, true) => last.print_date(),
            (Some(zone), _) => format!("{}Z", Local::of_utc(zone.to_utc(last)).print()),
            (None, _) => format!("{}Z", last.print()),
        }
    });
    Some(rule.print(until))
}

/// The dates without an instance, not those that have another one instead.
fn deleted(recurrence: &AppointmentRecurrence) -> Vec<u32> {
    let changed: BTreeSet<u32> = (recurrence.exceptions.iter())
        .map(|(exception, _)| Local::from_minutes(exception.original_start).midnight().minutes())
        .collect();
    let deleted = recurrence.pattern.deleted.iter().copied();
    deleted.filter(|date| !changed.contains(date)).take(MAX_DELETED).collect()
}

/// An exception is the series with what differs, which stands in its attachment and in the blob.
fn content_of(
    series: &MessageContent,
    exception: &Exception,
    extended: &ExtendedException,
) -> MessageContent {
    let mut own = MessageContent {
        properties: series.properties.clone(),
        recipients: series.recipients.clone(),
        ..MessageContent::default()
    };
    let start = Local::from_minutes(exception.start);
    let embedded = series.attachments.iter().find_map(|attachment| {
        let AttachedContent::Message(message) = &attachment.content else { return None };
        let at = attachment.properties.get(tags::EXCEPTION_START_TIME)?.as_time()?;
        (Local::of_utc(at).minutes() == start.minutes()).then_some(message)
    });
    if let Some(embedded) = embedded {
        let has_body = [tags::BODY, tags::HTML, tags::RTF_COMPRESSED]
            .iter()
            .any(|tag| embedded.properties.get(*tag).is_some());
        if has_body {
            for tag in [tags::BODY, tags::HTML, tags::RTF_COMPRESSED] {
                own.properties.remove(tag);
            }
        }
        for (key, value) in embedded.properties.iter() {
            own.properties.insert(key.clone(), value.clone());
        }
        if !embedded.recipients.is_empty() {
            own.recipients = embedded.recipients.clone();
        }
        own.attachments = embedded.attachments.clone();
    }
    let texts = extended.texts.as_ref();
    if let Some(subject) = texts.and_then(|texts| texts.subject.clone()) {
        own.properties.set(tags::SUBJECT, subject);
    }
    if let Some(location) = texts.and_then(|texts| texts.location.clone()) {
        own.properties.set_named(lid::LOCATION.name(), location);
    }
    if let Some(busy) = exception.busy_status {
        own.properties.set_named(lid::BUSY_STATUS.name(), busy as i32);
    }
    if let Some(set) = exception.reminder_set {
        own.properties.set_named(lid::REMINDER_SET.name(), set != 0);
    }
    if let Some(minutes) = exception.reminder_delta {
        own.properties.set_named(lid::REMINDER_DELTA.name(), minutes as i32);
    }
    own
}
