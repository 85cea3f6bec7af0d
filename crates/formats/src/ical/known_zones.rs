//! Zones that a file names and does not define, by their name in the IANA database or in Windows.

use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use mapi::FileTime;

use super::blob::zone::{TimeZoneRule, Transition};
use super::civil::{Local, days_in_month};
use super::windows_zones::ZONES;
use super::zone::{Zone, empty_rule};

/// The one in the program: what the machine has is none of a file's business.
static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// Years whose changes are carried; what holds in the last one goes on.
const FIRST_YEAR: i64 = 1970;
const LAST_YEAR: i64 = 2037;
/// Changes of one zone in that time: two a year, and some more.
const MAX_CHANGES: usize = 400;
const MAX_NAME: usize = 100;

/// A zone under the name that a file has for it: `Europe/Berlin`, `W. Europe Standard Time`, or the first behind a
/// prefix, as some programs write it (`/mozilla.org/20050126_1/Europe/Berlin`).
pub(crate) fn find(name: &str) -> Option<Zone> {
    if name.len() > MAX_NAME {
        return None;
    }
    let plain = name.trim().trim_matches('/');
    let windows = plain.to_lowercase();
    let windows = ZONES.binary_search_by_key(&windows.as_str(), |(name, _)| name);
    let windows = windows.ok().map(|index| ZONES[index].1);
    let slashes: Vec<usize> = plain.match_indices('/').map(|(at, _)| at + 1).collect();
    let tails = slashes.iter().map(|at| &plain[*at..]).filter(|tail| tail.contains('/'));
    let zone = windows
        .into_iter()
        .chain([plain])
        .chain(tails)
        .find_map(|name| (!name.is_empty()).then(|| DATABASE.get(name).ok()).flatten())?;
    Some(Zone::of_rules(name, rules(&zone)))
}

/// A clock is set, by seconds behind UTC before and after, at a time on the clock before.
#[derive(Clone, Copy)]
struct Change {
    at: Local,
    from: i64,
    to: i64,
}

fn changes(zone: &TimeZone) -> Vec<Change> {
    let begin = Local::date(FIRST_YEAR, 1, 1).unwrap_or_default().as_utc().to_unix().0;
    let Ok(begin) = Timestamp::from_second(begin - 1) else { return Vec::new() };
    let mut from = i64::from(zone.to_offset(begin).seconds());
    let mut all = Vec::new();
    for transition in zone.following(begin) {
        let to = i64::from(transition.offset().seconds());
        let utc = Local::of_utc(FileTime::from_unix(transition.timestamp().as_second(), 0));
        let at = utc.plus(from);
        if at.ymd().0 > LAST_YEAR || all.len() >= MAX_CHANGES {
            break;
        }
        // Another name alone is none.
        if to != from {
            all.push(Change { at, from, to });
            from = to;
        }
    }
    all
}

/// What holds in a year: the offset in standard time, and in daylight saving time with its begin and its end.
#[derive(Clone, Copy, PartialEq)]
struct Year {
    standard: i64,
    daylight: Option<(i64, Turn, Turn)>,
}

/// On which day of a month a clock is set.
#[derive(Clone, Copy, PartialEq)]
struct Turn {
    month: i64,
    weekday: u32,
    second: i64,
    /// Which one of the month's weekdays it is, and whether it can be called the last.
    nth: i64,
    is_last: bool,
}

impl Turn {
    fn of(at: Local) -> Turn {
        let (year, month, day) = at.ymd();
        Turn {
            month,
            weekday: at.weekday(),
            second: at.second_of_day(),
            nth: (day - 1) / 7 + 1,
            is_last: day + 7 > days_in_month(year, month),
        }
    }

    /// A name for both days, if there is one; 5 is the last.
    fn with(self, other: Turn) -> Option<Turn> {
        let same =
            (self.month, self.weekday, self.second) == (other.month, other.weekday, other.second);
        let is_last = self.is_last && other.is_last;
        let nth = if self.nth == other.nth { self.nth } else { 0 };
        (same && (is_last || nth != 0)).then_some(Turn { nth, is_last, ..self })
    }

    fn transition(self) -> Transition {
        Transition {
            month: self.month as u16,
            day_of_week: self.weekday as u16,
            day: if self.is_last { 5 } else { self.nth as u16 },
            hour: (self.second / 3_600) as u16,
            minute: (self.second / 60 % 60) as u16,
            ..Transition::default()
        }
    }
}

impl Year {
    /// What says the same of this year and of another one.
    fn with(self, other: Year) -> Option<Year> {
        if self.standard != other.standard {
            return None;
        }
        let daylight = match (self.daylight, other.daylight) {
            (None, None) => None,
            (Some((own, begin, end)), Some((its, its_begin, its_end))) if own == its => {
                Some((own, begin.with(its_begin)?, end.with(its_end)?))
            }
            _ => return None,
        };
        Some(Year { daylight, ..self })
    }
}

fn rules(zone: &TimeZone) -> Vec<TimeZoneRule> {
    let changes = changes(zone);
    let begin = Timestamp::UNIX_EPOCH;
    let mut offset =
        changes.first().map_or_else(|| i64::from(zone.to_offset(begin).seconds()), |c| c.from);
    let mut found: Vec<(i64, Year)> = Vec::new();
    for year in FIRST_YEAR..=LAST_YEAR {
        let own: Vec<Change> =
            changes.iter().filter(|change| change.at.ymd().0 == year).copied().collect();
        offset = own.last().map_or(offset, |last| last.to);
        let what = match own[..] {
            [first, second] if first.from == second.to && first.from != first.to => {
                let (begin, end) =
                    if first.to > first.from { (first, second) } else { (second, first) };
                let (begin_at, end_at) = (Turn::of(begin.at), Turn::of(end.at));
                Year { standard: end.to, daylight: Some((begin.to, begin_at, end_at)) }
            }
            // A zone that became another one counts as that for the whole year.
            _ => Year { standard: offset, daylight: None },
        };
        match found.last_mut() {
            Some((_, last)) if last.with(what).is_some() => {
                *last = last.with(what).unwrap_or(what);
            }
            _ => found.push((year, what)),
        }
    }
    found.iter().map(|(year, what)| rule(*year, *what)).collect()
}

fn rule(year: i64, what: Year) -> TimeZoneRule {
    let mut rule = empty_rule(year as u16);
    rule.bias = -(what.standard / 60) as i32;
    if let Some((offset, begin, end)) = what.daylight {
        rule.daylight_bias = ((what.standard - offset) / 60) as i32;
        rule.daylight = begin.transition();
        rule.standard = end.transition();
    }
    rule
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ical::civil::Stamp;

    fn utc(zone: &str, local: &str) -> String {
        let local = Stamp::parse(local).expect("a time").local();
        Local::of_utc(find(zone).expect(zone).to_utc(local)).print()
    }

    #[test]
    fn zones_are_known_by_their_names() {
        for (zone, local, wanted) in [
            ("Europe/Berlin", "20240115T120000", "20240115T110000"),
            ("europe/berlin", "20240715T120000", "20240715T100000"),
            ("W. Europe Standard Time", "20240715T120000", "20240715T100000"),
            ("/mozilla.org/20050126_1/Europe/Berlin", "20240715T120000", "20240715T100000"),
            // The last Sunday is the fourth or the fifth.
            ("Europe/Berlin", "20240330T120000", "20240330T110000"),
            ("Europe/Berlin", "20240331T120000", "20240331T100000"),
            ("Europe/Berlin", "20250330T120000", "20250330T100000"),
            ("Europe/Berlin", "20501031T120000", "20501031T110000"),
            ("America/New_York", "20060320T120000", "20060320T170000"),
            ("Eastern Standard Time", "20240320T120000", "20240320T160000"),
            ("Australia/Sydney", "20240115T120000", "20240115T010000"),
            ("Asia/Kolkata", "20240115T120000", "20240115T063000"),
            ("Europe/Dublin", "20240715T120000", "20240715T110000"),
            ("UTC", "20240715T120000", "20240715T120000"),
        ] {
            assert_eq!(utc(zone, local), wanted, "{zone} {local}");
        }
        for none in ["", "/", "//", "Customized Time Zone", "Europe/Nowhere", &"x/".repeat(99)] {
            assert!(find(none).is_none(), "{none}");
        }
    }

    #[test]
    fn clocks_are_those_of_the_database_for_fifty_years() {
        for name in ["Europe/London", "America/Chicago", "Australia/Adelaide", "Asia/Tokyo"] {
            let zone = DATABASE.get(name).expect(name);
            let ours = find(name).expect(name);
            for hour in (0..50 * 365).map(|day| day * 24 + day % 24) {
                let second = 315_532_800 + hour * 3_600;
                let moment = Timestamp::from_second(second).expect("a time");
                let offset = i64::from(zone.to_offset(moment).seconds());
                let utc = FileTime::from_unix(second, 0);
                let wanted = Local::of_utc(utc).plus(offset);
                assert_eq!(ours.to_local(utc).print(), wanted.print(), "{name} {second}");
            }
        }
    }

    #[test]
    fn the_table_of_windows_is_sorted_and_leads_to_zones() {
        assert!(ZONES.is_sorted_by(|a, b| a.0 < b.0));
        for (name, zone) in ZONES {
            assert!(DATABASE.get(zone).is_ok(), "{name}");
        }
    }
}
