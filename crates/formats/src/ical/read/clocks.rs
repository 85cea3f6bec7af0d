//! The times of a calendar: which clock each stands on.

use std::collections::{HashMap, HashSet};

use mapi::FileTime;

use super::super::civil::{DAY, Local, Stamp, duration};
use super::super::known_zones;
use super::super::zone::Zone;
use crate::content_line::{Component, ContentLine};

/// Zones of a file beyond this many are not looked at.
const MAX_ZONES: usize = 1_000;

/// The zones that a calendar defines.
#[derive(Debug, Default)]
pub(super) struct Clocks {
    zones: HashMap<String, Zone>,
    /// Whose clock shows dates and times that name no zone, if only one zone is there; otherwise they are
    /// taken as UTC, since where the reader is nobody knows here.
    only: Option<String>,
    /// Names that were looked up and are none.
    nowhere: HashSet<String>,
}

/// A time with the clock that it stands on; no zone is UTC.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment<'a> {
    pub local: Local,
    pub zone: Option<&'a Zone>,
    pub is_date: bool,
}

impl Clocks {
    pub(super) fn read(calendar: &Component) -> Clocks {
        let found = calendar.below("VTIMEZONE").take(MAX_ZONES).filter_map(Zone::read);
        let zones: HashMap<String, Zone> = found.map(|zone| (zone.name.clone(), zone)).collect();
        let mut only = (zones.len() == 1).then(|| zones.keys().next().cloned()).flatten();
        let mut clocks = Clocks { zones, ..Clocks::default() };
        clocks.learn(calendar);
        if only.is_none()
            && let Some(name) = calendar.text("X-WR-TIMEZONE")
        {
            clocks.add(&name);
            only = Some(name).filter(|name| clocks.zones.contains_key(name));
        }
        Clocks { only, ..clocks }
    }

    /// Zones that lines name and nobody defines.
    fn learn(&mut self, component: &Component) {
        for line in &component.lines {
            if let Some(name) = zone_name(line) {
                self.add(name);
            }
        }
        component.children.iter().for_each(|child| self.learn(child));
    }

    fn add(&mut self, name: &str) {
        let asked = self.zones.contains_key(name) || self.nowhere.contains(name);
        if asked || self.zones.len() + self.nowhere.len() >= MAX_ZONES {
            return;
        }
        match known_zones::find(name) {
            Some(zone) => {
                self.zones.insert(name.to_owned(), zone);
            }
            None => {
                self.nowhere.insert(name.to_owned());
            }
        }
    }

    /// The zone that a line names and that nobody knows.
    pub(super) fn unknown<'a>(&self, line: &'a ContentLine) -> Option<&'a str> {
        let utc = matches!(Stamp::parse(&line.text()), Some(Stamp::Utc(_)));
        zone_name(line).filter(|name| !utc && !name.is_empty() && !self.zones.contains_key(*name))
    }

    pub(super) fn moment(&self, line: &ContentLine) -> Option<Moment<'_>> {
        self.stamp(line, &line.text())
    }

    /// Each of the values of a line that has several; of a PERIOD its start.
    pub(super) fn moments<'a>(&'a self, line: &ContentLine) -> Vec<Moment<'a>> {
        let text = line.text();
        let values = text.split(',').take(10_000);
        let starts = values.map(|value| value.split('/').next().unwrap_or_default());
        starts.filter_map(|value| self.stamp(line, value)).collect()
    }

    fn stamp(&self, line: &ContentLine, value: &str) -> Option<Moment<'_>> {
        let stamp = Stamp::parse(value)?;
        let named = zone_name(line);
        let zone = match stamp {
            Stamp::Utc(_) => None,
            _ => named.and_then(|name| self.zones.get(name)).or_else(|| self.only()),
        };
        let is_date = matches!(stamp, Stamp::Date(_));
        Some(Moment { local: stamp.local(), zone, is_date })
    }

    fn only(&self) -> Option<&Zone> {
        self.zones.get(self.only.as_ref()?)
    }
}

/// Without the slash of a name that is one everywhere (RFC 5545 3.2.19).
fn zone_name(line: &ContentLine) -> Option<&str> {
    line.parameter("TZID").map(|name| name.trim_start_matches('/'))
}

impl Moment<'_> {
    pub(super) fn utc(&self) -> FileTime {
        utc(self.zone, self.local)
    }

    /// What another clock shows then. A date is the same on every clock.
    pub(super) fn on(&self, zone: Option<&Zone>) -> Local {
        if self.is_date || self.zone == zone {
            return self.local;
        }
        match zone {
            Some(zone) => zone.to_local(self.utc()),
            None => Local::of_utc(self.utc()),
        }
    }
}

pub(super) fn utc(zone: Option<&Zone>, local: Local) -> FileTime {
    match zone {
        Some(zone) => zone.to_utc(local),
        None => local.as_utc(),
    }
}

/// From when to when something is, on one clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span<'a> {
    pub start: Local,
    pub end: Local,
    pub zone: Option<&'a Zone>,
    pub all_day: bool,
}

impl<'a> Span<'a> {
    /// By DTSTART and DTEND or DURATION (RFC 5545 3.6.1).
    pub(super) fn read(clocks: &'a Clocks, component: &Component) -> Option<Span<'a>> {
        let start = clocks.moment(component.line("DTSTART")?)?;
        let end = component.line("DTEND").and_then(|line| clocks.moment(line));
        let length = component.line("DURATION").and_then(|line| duration(&line.text()));
        let end = match (end, length) {
            (Some(end), _) => end.on(start.zone),
            (None, Some(length)) => start.local.plus(length),
            (None, None) => start.local.plus(if start.is_date { DAY } else { 0 }),
        };
        let end = end.max(start.local);
        let says = component.word("X-MICROSOFT-CDO-ALLDAYEVENT").as_deref() == Some("TRUE");
        let midnights = start.local.second_of_day() == 0 && end.second_of_day() == 0;
        let all_day = (start.is_date || says) && midnights && end > start.local;
        Some(Span { start: start.local, end, zone: start.zone, all_day })
    }

    pub(super) fn moved_to(self, start: Local) -> Span<'a> {
        Span { start, end: start.plus(self.end.since(self.start)), ..self }
    }

    pub(super) fn start_utc(&self) -> FileTime {
        utc(self.zone, self.start)
    }

    pub(super) fn end_utc(&self) -> FileTime {
        utc(self.zone, self.end)
    }
}
