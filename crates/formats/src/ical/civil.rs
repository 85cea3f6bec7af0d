//! Dates and times of clocks on walls, and lengths of time (RFC 5545 3.3.4 to 3.3.6).

use mapi::FileTime;

pub(crate) const DAY: i64 = 86_400;
const LAST_YEAR: i64 = 4_500;

/// Seconds since 1601-01-01 on some clock: which one, somebody else knows.
///
/// INVARIANT: between 1601 and about 4500, so that its minutes fit 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Local(i64);

impl Local {
    /// The last moment that minutes in a recurrence can tell.
    pub(crate) const MAX: Local = Local(0x5ae9_80df * 60);

    pub(crate) fn new(seconds: i64) -> Local {
        Local(seconds.clamp(0, Local::MAX.0))
    }

    pub(crate) fn from_minutes(minutes: u32) -> Local {
        Local::new(i64::from(minutes) * 60)
    }

    /// None if there is no such day, or not between 1601 and 4500.
    pub(crate) fn date(year: i64, month: i64, day: i64) -> Option<Local> {
        let fits = (1601..=LAST_YEAR).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day);
        if !fits {
            return None;
        }
        Some(Local::of_utc(FileTime::from_civil(year, month, day, 0)))
    }

    pub(crate) fn plus(self, seconds: i64) -> Local {
        Local::new(self.0.saturating_add(seconds))
    }

    /// Seconds from `earlier` to this.
    pub(crate) fn since(self, earlier: Local) -> i64 {
        self.0 - earlier.0
    }

    pub(crate) fn minutes(self) -> u32 {
        (self.0 / 60) as u32
    }

    pub(crate) fn midnight(self) -> Local {
        Local(self.0 - self.0 % DAY)
    }

    pub(crate) fn second_of_day(self) -> i64 {
        self.0 % DAY
    }

    /// 0 is Sunday; 1601 began with a Monday.
    pub(crate) fn weekday(self) -> u32 {
        ((self.0 / DAY + 1) % 7) as u32
    }

    /// Year, month and day.
    pub(crate) fn ymd(self) -> (i64, i64, i64) {
        let (year, month, day, ..) = self.as_utc().to_civil();
        (year, i64::from(month), i64::from(day))
    }

    /// As if the clock showed UTC.
    pub(crate) fn as_utc(self) -> FileTime {
        FileTime(self.0 as u64 * 10_000_000)
    }

    pub(crate) fn of_utc(time: FileTime) -> Local {
        Local::new((time.0 / 10_000_000) as i64)
    }

    pub(crate) fn print_date(self) -> String {
        let (year, month, day) = self.ymd();
        format!("{year:04}{month:02}{day:02}")
    }

    /// As RFC 5545 3.3.5 writes it, without a Z.
    pub(crate) fn print(self) -> String {
        let (.., hour, minute, second) = self.as_utc().to_civil();
        format!("{}T{hour:02}{minute:02}{second:02}", self.print_date())
    }
}

pub(crate) fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// A date or a time as it stands in a value, and whether it is one of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stamp {
    Date(Local),
    /// On the clock that TZID names, or nobody's.
    Clock(Local),
    Utc(Local),
}

impl Stamp {
    /// `20010701`, `20010701T213000`, `20010701T213000Z`.
    pub(crate) fn parse(text: &str) -> Option<Stamp> {
        let text = text.trim();
        let (date, time) = match text.split_once(['T', 't']) {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        // With hyphens vCard and ISO 8601 write it.
        let date: String = date.chars().filter(|c| *c != '-').collect();
        if date.len() != 8 {
            return None;
        }
        let day = Local::date(number(&date, 0, 4)?, number(&date, 4, 6)?, number(&date, 6, 8)?)?;
        let Some(time) = time else { return Some(Stamp::Date(day)) };
        let (time, utc) = match time.strip_suffix(['Z', 'z']) {
            Some(time) => (time, true),
            None => (time, false),
        };
        let time: String = time.chars().filter(|c| *c != ':').collect();
        let (hour, minute) = (number(&time, 0, 2)?, number(&time, 2, 4)?);
        // A leap second is the next minute's.
        let second = if time.len() > 4 { number(&time, 4, 6)? } else { 0 };
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let local = day.plus(hour * 3_600 + minute * 60 + second);
        Some(if utc { Stamp::Utc(local) } else { Stamp::Clock(local) })
    }

    pub(crate) fn local(self) -> Local {
        match self {
            Stamp::Date(local) | Stamp::Clock(local) | Stamp::Utc(local) => local,
        }
    }
}

fn number(text: &str, from: usize, to: usize) -> Option<i64> {
    let digits = text.get(from..to)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// A length of time in seconds: `-PT15M`, `P1DT12H`, `P2W` (RFC 5545 3.3.6).
pub(crate) fn duration(text: &str) -> Option<i64> {
    let text = text.trim();
    let (sign, text) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    let mut seconds = 0i64;
    let mut digits = String::new();
    for c in text.strip_prefix('P')?.chars() {
        let unit = match c {
            '0'..='9' if digits.len() < 9 => {
                digits.push(c);
                continue;
            }
            'T' if digits.is_empty() => continue,
            'W' => 7 * DAY,
            'D' => DAY,
            'H' => 3_600,
            'M' => 60,
            'S' => 1,
            _ => return None,
        };
        seconds = seconds.checked_add(digits.parse::<i64>().ok()? * unit)?;
        digits.clear();
    }
    digits.is_empty().then_some(sign * seconds)
}

/// An offset to UTC in minutes, `-0500` (RFC 5545 3.3.14).
pub(crate) fn offset(text: &str) -> Option<i32> {
    let text = text.trim();
    let sign = match text.as_bytes().first()? {
        b'-' => -1,
        b'+' => 1,
        _ => return None,
    };
    let minutes = number(text, 1, 3)? * 60 + number(text, 3, 5)?;
    (minutes < 24 * 60).then_some(sign * minutes as i32)
}

pub(crate) fn print_offset(minutes: i32) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    let minutes = minutes.unsigned_abs() % (24 * 60);
    format!("{sign}{:02}{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_from_1601() {
        assert_eq!(Local::date(1601, 1, 1), Some(Local(0)));
        // [MS-OXOCAL] 2.2.1.44.1 EndDate; a sample of the corpus.
        assert_eq!(Local::date(2010, 10, 28).map(Local::minutes), Some(215_544_960));
        for day in 0..1_059_000 {
            let local = Local(day * DAY);
            let (year, month, day) = local.ymd();
            assert_eq!(Local::date(year, month, day), Some(local));
        }
        assert_eq!(Local::date(2010, 10, 28).map(Local::weekday), Some(4));
        assert_eq!(Local::date(2023, 2, 29), None);
        assert_eq!(Local::date(9999, 1, 1), None);
    }

    #[test]
    fn stamps_are_read_and_written() {
        let stamp = Stamp::parse("20010701T213000Z").expect("a time");
        assert!(matches!(stamp, Stamp::Utc(_)));
        assert_eq!(stamp.local().print(), "20010701T213000");
        assert_eq!(
            Stamp::parse("2001-07-01").map(|s| s.local().print_date()).as_deref(),
            Some("20010701")
        );
        for bad in ["", "2001", "20011301", "20010701T", "20010701T2500", "2001070١T000000"] {
            assert_eq!(Stamp::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn lengths_and_offsets() {
        assert_eq!(duration("-PT15M"), Some(-900));
        assert_eq!(duration("P1DT12H"), Some(129_600));
        assert_eq!(duration("P2W"), Some(14 * DAY));
        for bad in ["", "P1", "15M", "PT1X", "P99999999999D", "é"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
        // Each part fits, and all of them together do not.
        assert_eq!(duration(&format!("P{}", "999999999W".repeat(20_000))), None);
        assert_eq!(offset("-0530"), Some(-330));
        assert_eq!(print_offset(-330), "-0530");
        assert_eq!(offset("+é1"), None);
    }
}
