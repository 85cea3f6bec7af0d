//! Time zones: VTIMEZONE (RFC 5545 3.6.5) to and from the zones of MAPI ([MS-OXCICAL] 2.1.3.1.1.19,
//! [MS-OXOCAL] 2.2.1.39 and 2.2.1.41).

use mapi::{FileTime, Wire};

use super::blob::zone::{
    EFFECTIVE, RECUR_CURRENT, TimeZoneDefinition, TimeZoneRule, TimeZoneStruct, Transition,
};
use super::civil::{DAY, Local, Stamp, days_in_month, offset, print_offset};
use super::rule::Rule;
use crate::content_line::{Component, Writer};

/// Rules of a zone that are looked at: years in which somebody changed them.
const MAX_RULES: usize = 128;

/// A zone with what held from which year on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Zone {
    pub name: String,
    /// INVARIANT: at least one, by year.
    rules: Vec<TimeZoneRule>,
}

/// One STANDARD or DAYLIGHT of a VTIMEZONE.
struct Observance {
    daylight: bool,
    from: i32,
    to: i32,
    first_year: i64,
    last_year: i64,
    transition: Transition,
}

impl Zone {
    /// None if the component names no zone or says nothing of it.
    pub(crate) fn read(component: &Component) -> Option<Zone> {
        // Lines name it with or without the slash of a name that is one everywhere (RFC 5545 3.2.19).
        let name = component.text("TZID")?.trim_start_matches('/').to_owned();
        let mut all: Vec<Observance> =
            component.children.iter().take(MAX_RULES).filter_map(observance).collect();
        all.sort_by_key(|observance| observance.first_year);
        let mut years: Vec<i64> = all.iter().map(|observance| observance.first_year).collect();
        // What ended without a successor, so that it is not daylight saving time for ever.
        years.extend(all.iter().map(|o| o.last_year.saturating_add(1)).filter(|y| *y < 4_500));
        years.sort_unstable();
        years.dedup();
        let mut rules: Vec<TimeZoneRule> = Vec::new();
        for year in years {
            let rule = rule_of(&all, year)?;
            match rules.last() {
                Some(last) if same(last, &rule) => {}
                _ => rules.push(rule),
            }
        }
        // Nothing is known of before the first, so it holds ([MS-OXOCAL] 2.2.1.41.1: years from 1601 on).
        rules.first_mut()?.year = 1601;
        rules.truncate(MAX_RULES);
        Some(Zone { name: name[..name.floor_char_boundary(260)].to_owned(), rules })
    }

    pub(crate) fn of_definition(bytes: &[u8]) -> Option<Zone> {
        let definition = TimeZoneDefinition::read(&mut mapi::Reader::new(bytes)).ok()?;
        let mut rules = definition.rules;
        rules.truncate(MAX_RULES);
        rules.sort_by_key(|rule| rule.year);
        // Which one is to be used depends on the time that it is used for.
        rules.iter_mut().for_each(|rule| rule.flags = 0);
        if rules.is_empty() {
            return None;
        }
        let name = definition.key_name.to_string_lossy().into_owned();
        Some(Zone { name, rules })
    }

    pub(crate) fn of_struct(name: &str, bytes: &[u8]) -> Option<Zone> {
        let zone = TimeZoneStruct::read(&mut mapi::Reader::new(bytes)).ok()?;
        let rule = TimeZoneRule {
            bias: zone.bias,
            standard_bias: zone.standard_bias,
            daylight_bias: zone.daylight_bias,
            standard: zone.standard,
            daylight: zone.daylight,
            ..empty_rule(1601)
        };
        Some(Zone { name: name.to_owned(), rules: vec![rule] })
    }

    /// INVARIANT: there is one at least.
    pub(super) fn of_rules(name: &str, mut rules: Vec<TimeZoneRule>) -> Zone {
        rules.truncate(MAX_RULES);
        match rules.first_mut() {
            Some(first) => first.year = 1601,
            None => rules.push(empty_rule(1601)),
        }
        Zone { name: name.to_owned(), rules }
    }

    pub(crate) fn utc() -> Zone {
        Zone { name: "UTC".to_owned(), rules: vec![empty_rule(1601)] }
    }

    /// The rule of a year.
    fn at(&self, year: i64) -> &TimeZoneRule {
        let later = self.rules.iter().rev().find(|rule| i64::from(rule.year) <= year);
        later.unwrap_or(&self.rules[0])
    }

    /// A time on the zone's clock. Of an hour that comes twice it is the first; one that is left out is read
    /// as if the clock had not been set yet (RFC 5545 3.3.5).
    pub(crate) fn to_utc(&self, local: Local) -> FileTime {
        let (year, ..) = local.ymd();
        let rule = self.at(year);
        let bias = bias(rule, in_daylight(rule, year, local, local));
        local.plus(i64::from(bias) * 60).as_utc()
    }

    pub(crate) fn to_local(&self, time: FileTime) -> Local {
        let utc = Local::of_utc(time);
        let guess = utc.plus(-60 * i64::from(bias(self.at(utc.ymd().0), false)));
        let (year, ..) = guess.ymd();
        let rule = self.at(year);
        let standard = utc.plus(-60 * i64::from(bias(rule, false)));
        let daylight = utc.plus(-60 * i64::from(bias(rule, true)));
        match in_daylight(rule, year, standard, daylight) {
            true => daylight,
            false => standard,
        }
    }

    /// PidLidTimeZoneStruct, with the rule of the year of `at`.
    pub(crate) fn to_struct(&self, at: Local) -> Vec<u8> {
        let rule = self.at(at.ymd().0);
        let zone = TimeZoneStruct {
            bias: rule.bias,
            standard_bias: rule.standard_bias,
            daylight_bias: rule.daylight_bias,
            standard_year: 0,
            standard: rule.standard,
            daylight_year: 0,
            daylight: rule.daylight,
        };
        zone.to_wire()
    }

    /// A PidLidAppointmentTimeZoneDefinition property, with the rule of the year of `at` as the one to use.
    pub(crate) fn to_definition(&self, at: Local, recurs: bool) -> Vec<u8> {
        let effective = self.at(at.ymd().0).year;
        let flags = if recurs { EFFECTIVE | RECUR_CURRENT } else { EFFECTIVE };
        let rules = self.rules.iter().map(|rule| {
            let flags = if rule.year == effective { flags } else { 0 };
            TimeZoneRule { flags, ..rule.clone() }
        });
        let definition = TimeZoneDefinition {
            major_version: 2,
            minor_version: 1,
            reserved: 2,
            key_name: self.name.as_str().into(),
            rules: rules.collect(),
        };
        definition.to_wire()
    }

    /// As a VTIMEZONE.
    pub(crate) fn write(&self, w: &mut Writer) {
        w.raw("BEGIN", "VTIMEZONE");
        w.text("TZID", &self.name);
        for (index, rule) in self.rules.iter().enumerate() {
            let first_year = i64::from(rule.year).max(1601);
            // The year before the next rule's.
            let next = self.rules.get(index + 1).map(|next| i64::from(next.year) - 1);
            let has_daylight = rule.standard.month != 0 && rule.daylight.month != 0;
            let standard = -bias(rule, false);
            let daylight = -bias(rule, true);
            if has_daylight {
                let to_standard = (daylight, standard);
                write_observance(w, "STANDARD", &rule.standard, to_standard, first_year, next);
                let to_daylight = (standard, daylight);
                write_observance(w, "DAYLIGHT", &rule.daylight, to_daylight, first_year, next);
            } else {
                w.raw("BEGIN", "STANDARD");
                w.raw("DTSTART", &format!("{first_year:04}0101T000000"));
                w.raw("TZOFFSETFROM", &print_offset(standard));
                w.raw("TZOFFSETTO", &print_offset(standard));
                w.raw("END", "STANDARD");
            }
        }
        w.raw("END", "VTIMEZONE");
    }
}

pub(crate) fn empty_rule(year: u16) -> TimeZoneRule {
    TimeZoneRule {
        major_version: 2,
        minor_version: 1,
        reserved: 0x3e,
        flags: 0,
        year,
        x: [0; 14],
        bias: 0,
        standard_bias: 0,
        daylight_bias: 0,
        standard: Transition::default(),
        daylight: Transition::default(),
    }
}

fn same(a: &TimeZoneRule, b: &TimeZoneRule) -> bool {
    *a == TimeZoneRule { year: a.year, ..b.clone() }
}

/// Minutes from local time to UTC. What bytes say may be beyond all zones.
fn bias(rule: &TimeZoneRule, daylight: bool) -> i32 {
    let more = if daylight { rule.daylight_bias } else { rule.standard_bias };
    rule.bias.saturating_add(more).clamp(-1_439, 1_439)
}

/// Whether a moment, as the clock shows it in standard and in daylight saving time, is in the latter.
fn in_daylight(rule: &TimeZoneRule, year: i64, standard: Local, daylight: Local) -> bool {
    let (Some(begin), Some(end)) = (moment(&rule.daylight, year), moment(&rule.standard, year))
    else {
        return false;
    };
    match begin < end {
        true => standard >= begin && daylight < end,
        false => standard >= begin || daylight < end,
    }
}

/// When a transition happens in a year, on the clock before it.
fn moment(transition: &Transition, year: i64) -> Option<Local> {
    let month = i64::from(transition.month);
    let day = match transition.year {
        0 => {
            let first = Local::date(year, month, 1)?;
            let into =
                (i64::from(transition.day_of_week) - i64::from(first.weekday())).rem_euclid(7);
            let nth = i64::from(transition.day.clamp(1, 5)) - 1;
            let day = 1 + into + 7 * nth;
            // The fifth is the last.
            if day > days_in_month(year, month) { day - 7 } else { day }
        }
        _ => i64::from(transition.day),
    };
    let time = i64::from(transition.hour) * 3_600 + i64::from(transition.minute) * 60;
    Some(Local::date(year, month, day)?.plus(time.min(DAY)))
}

fn observance(component: &Component) -> Option<Observance> {
    let daylight = match component.name.as_str() {
        "DAYLIGHT" => true,
        "STANDARD" => false,
        _ => return None,
    };
    let start = Stamp::parse(&component.line("DTSTART")?.text())?.local();
    let rule = component.line("RRULE").map(|line| Rule::parse(&line.text()));
    let (year, month, day) = start.ymd();
    let from = offset(&component.line("TZOFFSETFROM")?.text())?;
    let to = offset(&component.line("TZOFFSETTO")?.text())?;
    let second = start.second_of_day();
    let mut transition = Transition {
        month: month as u16,
        day_of_week: start.weekday() as u16,
        day: ((day - 1) / 7 + 1) as u16,
        hour: (second / 3_600) as u16,
        minute: (second / 60 % 60) as u16,
        ..Transition::default()
    };
    let mut last_year = year;
    if let Some(Ok(rule)) = rule {
        last_year = rule.until.map_or(i64::MAX, |until| until.local().ymd().0);
        if let Some(month) = rule.months.first().filter(|month| (1..=12).contains(*month)) {
            transition.month = *month as u16;
        }
        let nth = match (rule.days.first(), rule.month_days.first(), rule.positions.first()) {
            (Some((number, day)), ..) if *number != 0 => Some((*number, *day)),
            (Some((_, day)), None, Some(position)) => Some((*position, *day)),
            // `BYDAY=SU;BYMONTHDAY=8,9,10,11,12,13,14`: the second one.
            (Some((_, day)), Some(from), _) => Some(((from - 1) / 7 + 1, *day)),
            _ => None,
        };
        if let Some((number, day)) = nth {
            transition.day_of_week = day as u16;
            transition.day = if number < 0 { 5 } else { number.clamp(1, 5) as u16 };
        }
    }
    Some(Observance { daylight, from, to, first_year: year, last_year, transition })
}

/// What holds in a year, by the observances that began before its end. None if there is none at all.
fn rule_of(all: &[Observance], year: i64) -> Option<TimeZoneRule> {
    let began = |daylight: bool| {
        let of_kind = all.iter().filter(move |o| o.daylight == daylight && o.first_year <= year);
        of_kind.max_by_key(|observance| observance.first_year)
    };
    let (standard, daylight) = (began(false), began(true));
    let mut rule = empty_rule(u16::try_from(year).ok()?);
    // Daylight saving time is where both go on in this year.
    if let (Some(standard), Some(daylight)) = (standard, daylight)
        && standard.last_year >= year
        && daylight.last_year >= year
    {
        rule.bias = -standard.to;
        rule.daylight_bias = standard.to - daylight.to;
        rule.standard = standard.transition;
        rule.daylight = daylight.transition;
        return Some(rule);
    }
    rule.bias = -match (standard, daylight) {
        (Some(standard), _) => standard.to,
        // Daylight saving time before there is a standard one.
        (None, Some(daylight)) => daylight.from,
        (None, None) => return None,
    };
    Some(rule)
}

fn write_observance(
    w: &mut Writer,
    kind: &str,
    transition: &Transition,
    (from, to): (i32, i32),
    year: i64,
    last: Option<i64>,
) {
    let Some(first) = moment(transition, year) else { return };
    w.raw("BEGIN", kind);
    w.raw("DTSTART", &first.print());
    let until = last.and_then(|last| moment(transition, last));
    let until = until.map(|until| format!(";UNTIL={}Z", until.plus(-60 * i64::from(from)).print()));
    let until = until.unwrap_or_default();
    let days = ["SU", "MO", "TU", "WE", "TH", "FR", "SA"];
    let day = days[usize::from(transition.day_of_week) % 7];
    let month = transition.month;
    let rule = match (transition.year, transition.day) {
        (0, 5) => format!("FREQ=YEARLY{until};BYDAY=-1{day};BYMONTH={month}"),
        (0, nth) => format!("FREQ=YEARLY{until};BYDAY={}{day};BYMONTH={month}", nth.clamp(1, 4)),
        (_, date) => format!("FREQ=YEARLY{until};BYMONTHDAY={date};BYMONTH={month}"),
    };
    w.raw("RRULE", &rule);
    w.raw("TZOFFSETFROM", &print_offset(from));
    w.raw("TZOFFSETTO", &print_offset(to));
    w.raw("END", kind);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content_line::components;

    const EASTERN: &str = "BEGIN:VTIMEZONE\nTZID:America/New_York\n\
        BEGIN:DAYLIGHT\nDTSTART:19870405T020000\nRRULE:FREQ=YEARLY;BYMONTH=4;BYDAY=1SU;UNTIL=20060402T070000Z\n\
        TZOFFSETFROM:-0500\nTZOFFSETTO:-0400\nEND:DAYLIGHT\n\
        BEGIN:STANDARD\nDTSTART:19671029T020000\nRRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU;UNTIL=20061029T060000Z\n\
        TZOFFSETFROM:-0400\nTZOFFSETTO:-0500\nEND:STANDARD\n\
        BEGIN:DAYLIGHT\nDTSTART:20070311T020000\nRRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=2SU\n\
        TZOFFSETFROM:-0500\nTZOFFSETTO:-0400\nEND:DAYLIGHT\n\
        BEGIN:STANDARD\nDTSTART:20071104T020000\nRRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=1SU\n\
        TZOFFSETFROM:-0400\nTZOFFSETTO:-0500\nEND:STANDARD\nEND:VTIMEZONE\n";

    const SYDNEY: &str = "BEGIN:VTIMEZONE\nTZID:Sydney\n\
        BEGIN:STANDARD\nDTSTART:16010101T030000\nTZOFFSETFROM:+1100\nTZOFFSETTO:+1000\n\
        RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=1SU;BYMONTH=4\nEND:STANDARD\n\
        BEGIN:DAYLIGHT\nDTSTART:16010101T020000\nTZOFFSETFROM:+1000\nTZOFFSETTO:+1100\n\
        RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=1SU;BYMONTH=10\nEND:DAYLIGHT\nEND:VTIMEZONE\n";

    fn zone(text: &str) -> Zone {
        Zone::read(&components(text.as_bytes()).0[0]).expect("a zone")
    }

    fn utc(zone: &Zone, local: &str) -> String {
        let local = Stamp::parse(local).expect("a time").local();
        Local::of_utc(zone.to_utc(local)).print()
    }

    #[test]
    fn clocks_are_set() {
        let eastern = zone(EASTERN);
        for (local, wanted) in [
            ("20240310T015900", "20240310T065900"),
            ("20240310T030000", "20240310T070000"),
            ("20240701T120000", "20240701T160000"),
            ("20241103T020000", "20241103T070000"),
            ("20240115T120000", "20240115T170000"),
            // The rules of before 2007.
            ("20060320T120000", "20060320T170000"),
            ("20060410T120000", "20060410T160000"),
        ] {
            assert_eq!(utc(&eastern, local), wanted, "{local}");
        }
        let sydney = zone(SYDNEY);
        assert_eq!(utc(&sydney, "20240115T120000"), "20240115T010000");
        assert_eq!(utc(&sydney, "20240715T120000"), "20240715T020000");
    }

    #[test]
    fn zones_come_back_from_properties_and_from_text() {
        for text in [EASTERN, SYDNEY] {
            let zone = zone(text);
            let at = Local::date(2024, 1, 1).expect("a day");
            let again = Zone::of_definition(&zone.to_definition(at, false)).expect("a zone");
            let mut w = Writer::default();
            zone.write(&mut w);
            let written = Zone::read(&components(&w.finish()).0[0]).expect("a zone");
            let short = Zone::of_struct("a", &zone.to_struct(at)).expect("a zone");
            for day in 0..2_000 {
                let at = Local::date(2023, 1, 1).expect("a day").plus(day * 21_600);
                let time = zone.to_utc(at);
                for other in [&zone, &again, &written, &short] {
                    assert_eq!(other.to_local(time).print(), at.print());
                }
            }
            let old = Local::date(2006, 3, 20).expect("a day").plus(43_200);
            assert_eq!(written.to_utc(old), zone.to_utc(old));
        }
    }
}
