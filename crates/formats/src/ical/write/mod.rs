//! Messages of MAPI to iCalendar ([MS-OXCICAL] 2.1.3.1, and 2.1.3.2 for recurrences).

mod event;
mod people;
mod series;

use mapi::generated::tags;
use mapi::names::lid;
use mapi::{FileTime, MessageContent, PropertyValue};

use super::civil::Local;
use super::zone::Zone;
use crate::content_line::Writer;

/// Where a calendar goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A file, which holds what is attached, too.
    File,
    /// A part of a mail, whose other parts are what is attached.
    Mail,
}

/// What a class stands for ([MS-OXCICAL] 2.1.3.1.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Purpose {
    pub method: &'static str,
    /// What an answer says.
    pub answer: Option<&'static str>,
}

/// The message as an iCalendar file. None if it is neither an appointment nor a message of a meeting, or has
/// no start.
///
/// The same content gives the same bytes.
pub fn write(content: &MessageContent) -> Option<Vec<u8>> {
    write_for(content, Place::File)
}

pub(crate) fn write_for(content: &MessageContent, place: Place) -> Option<Vec<u8>> {
    let purpose = purpose(content)?;
    let times = Times::of(content)?;
    let mut w = Writer::default();
    w.raw("BEGIN", "VCALENDAR");
    w.raw("METHOD", purpose.method);
    w.raw("PRODID", "-//Coffer//Coffer//EN");
    w.raw("VERSION", "2.0");
    if let Some(zone) = &times.zone {
        zone.write(&mut w);
    }
    series::write(&mut w, content, purpose, &times, place);
    w.raw("END", "VCALENDAR");
    Some(w.finish())
}

/// What the message's class is sent for; None for what is no calendar's.
pub(crate) fn purpose(content: &MessageContent) -> Option<Purpose> {
    let class = content.properties.text(tags::MESSAGE_CLASS)?.to_ascii_lowercase();
    let is = |name: &str| {
        class.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let counter = content.properties.get_named(&lid::APPOINTMENT_COUNTER_PROPOSAL.name());
    let counter = counter.and_then(PropertyValue::as_bool) == Some(true);
    let (method, answer) = match () {
        () if is("ipm.appointment") => ("PUBLISH", None),
        () if is("ipm.schedule.meeting.request") => ("REQUEST", None),
        () if is("ipm.schedule.meeting.canceled") => ("CANCEL", None),
        () if is("ipm.schedule.meeting.resp.pos") => ("REPLY", Some("ACCEPTED")),
        () if is("ipm.schedule.meeting.resp.neg") => ("REPLY", Some("DECLINED")),
        () if is("ipm.schedule.meeting.resp.tent") && counter => ("COUNTER", Some("TENTATIVE")),
        () if is("ipm.schedule.meeting.resp.tent") => ("REPLY", Some("TENTATIVE")),
        () => return None,
    };
    Some(Purpose { method, answer })
}

/// When the item is, and on which clock it is told; none is UTC.
struct Times {
    start: FileTime,
    end: FileTime,
    all_day: bool,
    zone: Option<Zone>,
}

impl Times {
    fn of(content: &MessageContent) -> Option<Times> {
        let bag = &content.properties;
        let time = |name: mapi::known::KnownName| bag.get_named(&name.name())?.as_time();
        let start = time(lid::APPOINTMENT_START_WHOLE)
            .or_else(|| time(lid::COMMON_START))
            .or_else(|| bag.get(tags::START_DATE)?.as_time())?;
        let end = time(lid::APPOINTMENT_END_WHOLE)
            .or_else(|| time(lid::COMMON_END))
            .or_else(|| bag.get(tags::END_DATE)?.as_time());
        let all_day = bag.get_named(&lid::APPOINTMENT_SUB_TYPE.name());
        let all_day = all_day.and_then(PropertyValue::as_bool) == Some(true);
        let binary = |name: mapi::known::KnownName| bag.get_named(&name.name())?.as_binary();
        let described = bag.get_named(&lid::TIME_ZONE_DESCRIPTION.name());
        let described = described.and_then(|value| value.as_text());
        let described = described.map(|text| text.to_string_lossy().into_owned());
        let zone = [
            lid::APPOINTMENT_TIME_ZONE_DEFINITION_RECUR,
            lid::APPOINTMENT_TIME_ZONE_DEFINITION_START_DISPLAY,
        ];
        let zone = zone
            .iter()
            .find_map(|name| Zone::of_definition(binary(*name)?))
            .or_else(|| {
                let name = described.filter(|name| !name.is_empty());
                let name = name.unwrap_or_else(|| "Zone".to_owned());
                Zone::of_struct(&name, binary(lid::TIME_ZONE_STRUCT)?)
            })
            .filter(|zone| !zone.name.is_empty() && *zone != Zone::utc());
        Some(Times { start, end: end.unwrap_or(start).max(start), all_day, zone })
    }

    fn local(&self, time: FileTime) -> Local {
        self.zone.as_ref().map_or_else(|| Local::of_utc(time), |zone| zone.to_local(time))
    }

    /// A line with a time on the item's clock, or with a date.
    fn write(&self, w: &mut Writer, name: &str, local: Local) {
        match (&self.zone, self.all_day) {
            (_, true) => w.raw(&format!("{name};VALUE=DATE"), &local.print_date()),
            (Some(zone), _) => {
                let zone = crate::content_line::quote(&zone.name);
                w.raw(&format!("{name};TZID={zone}"), &local.print());
            }
            (None, _) => w.raw(name, &format!("{}Z", local.print())),
        }
    }
}

/// A moment in UTC.
fn write_utc(w: &mut Writer, name: &str, time: FileTime) {
    w.raw(name, &format!("{}Z", Local::of_utc(time).print()));
}
