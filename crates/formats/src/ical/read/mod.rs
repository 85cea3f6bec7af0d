//! iCalendar to messages of MAPI ([MS-OXCICAL] 2.1.3.1).

mod clocks;
mod event;
mod people;
mod series;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use mapi::MessageContent;

use crate::content_line::{Component, components};
use crate::report::{Kind, Report};
use clocks::Clocks;

/// A larger file is refused: all of it is in memory, a few times.
pub const MAX_FILE: usize = 64 << 20;
/// Things that are told to be left out.
const MAX_REFUSED: usize = 10_000;

/// What a file of calendars holds.
#[derive(Debug, Default)]
pub struct Calendar {
    /// Each with what of it could not be carried.
    pub items: Vec<(MessageContent, Report)>,
    /// What is no item: why.
    pub refused: Vec<String>,
}

/// Why bytes are no calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    #[error("the calendar is larger than 64 MiB: export it in parts")]
    TooLarge,
    #[error("there is no VCALENDAR in it")]
    Nothing,
}

/// METHOD: what a calendar is sent for (RFC 5546 1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// And where there is none: it is kept in a calendar, not sent.
    Publish,
    Request,
    Reply,
    Counter,
    Cancel,
}

/// Reads every event of a file. A series with its exceptions is one item.
///
/// # Errors
/// [`CalendarError`]: nothing in it can be read.
pub fn read(bytes: &[u8]) -> Result<Calendar, CalendarError> {
    if bytes.len() > MAX_FILE {
        return Err(CalendarError::TooLarge);
    }
    let (roots, left_out) = components(bytes);
    let mut calendar = Calendar::default();
    let mut found = false;
    for root in roots.iter().filter(|root| root.name == "VCALENDAR") {
        found = true;
        // An unknown method is of no use once the mail that it came with is gone.
        let method = method_of(root).unwrap_or(Method::Publish);
        read_events(root, method, &mut calendar);
        for other in &root.children {
            if !matches!(other.name.as_str(), "VEVENT" | "VTIMEZONE" | "VALARM") {
                calendar.refuse(format!("{:.40} is not carried, only VEVENT", other.name));
            }
        }
    }
    if left_out {
        calendar.refuse("the file is longer or nested deeper than what is read of it".into());
    }
    if found { Ok(calendar) } else { Err(CalendarError::Nothing) }
}

/// The one meeting that a calendar in a mail is about. None if it is about none, or about several, or says
/// nothing that MAPI has a message for: it stays a file then.
pub(crate) fn read_meeting(bytes: &[u8]) -> Option<MessageContent> {
    if bytes.len() > MAX_FILE {
        return None;
    }
    let (roots, _) = components(bytes);
    let [root] = &roots[..] else { return None };
    let method = method_of(root).filter(|method| *method != Method::Publish)?;
    let answer_known = root.below("VEVENT").all(|event| event::answers(method, event));
    if root.name != "VCALENDAR" || !answer_known || groups(root).len() != 1 {
        return None;
    }
    let mut calendar = Calendar::default();
    read_events(root, method, &mut calendar);
    match (calendar.items.pop(), calendar.items.is_empty()) {
        // What recurs otherwise than MAPI can say is better read from the file than accepted in part.
        (Some((content, report)), true) => {
            let in_part = report.refused.iter().any(|refusal| refusal.kind == Kind::Property);
            (!in_part && calendar.refused.is_empty()).then_some(content)
        }
        _ => None,
    }
}

fn method_of(calendar: &Component) -> Option<Method> {
    Some(match calendar.word("METHOD").as_deref() {
        None | Some("PUBLISH" | "") => Method::Publish,
        Some("REQUEST") => Method::Request,
        Some("REPLY") => Method::Reply,
        Some("COUNTER") => Method::Counter,
        Some("CANCEL") => Method::Cancel,
        _ => return None,
    })
}

fn read_events(root: &Component, method: Method, calendar: &mut Calendar) {
    let clocks = Clocks::read(root);
    for Group { master, instances } in groups(root) {
        let mut alone = instances;
        if let Some(master) = master {
            let read = event::read(&clocks, master, method, &alone);
            match read {
                Some((content, report, rest)) => {
                    calendar.items.push((content, report));
                    alone = rest;
                }
                None => calendar.refuse(without_start(master)),
            }
        }
        for instance in alone {
            match event::read(&clocks, instance, method, &[]) {
                Some((content, report, _)) => calendar.items.push((content, report)),
                None => calendar.refuse(without_start(instance)),
            }
        }
    }
}

/// An event, and instances of it that are told on their own.
struct Group<'a> {
    master: Option<&'a Component>,
    instances: Vec<&'a Component>,
}

/// Events by UID, in the order of the file.
fn groups(root: &Component) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut by_uid: HashMap<String, usize> = HashMap::new();
    for event in root.below("VEVENT") {
        let uid = event.text("UID");
        let known = uid.as_ref().and_then(|uid| by_uid.get(uid)).copied();
        let at = known.unwrap_or(groups.len());
        let is_instance = event.line("RECURRENCE-ID").is_some();
        // Two events that are no instances are two, whatever their UID.
        let taken = !is_instance && groups.get(at).is_some_and(|group| group.master.is_some());
        let at = if taken { groups.len() } else { at };
        if at == groups.len() {
            groups.push(Group { master: None, instances: Vec::new() });
        }
        match is_instance {
            true => groups[at].instances.push(event),
            false => groups[at].master = Some(event),
        }
        if let Some(uid) = uid {
            by_uid.entry(uid).or_insert(at);
        }
    }
    groups
}

fn without_start(event: &Component) -> String {
    let summary = event.text("SUMMARY").unwrap_or_default();
    format!("the event {summary:.60?} has no DTSTART that can be read")
}

impl Calendar {
    fn refuse(&mut self, why: String) {
        if self.refused.len() < MAX_REFUSED {
            self.refused.push(why);
        }
    }
}
