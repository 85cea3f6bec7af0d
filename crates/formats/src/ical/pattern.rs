//! Recurrence rules as the patterns of MAPI, and back ([MS-OXCICAL] 2.1.3.2, [MS-OXOCAL] 2.2.1.44.1).

use super::blob::recurrence::{EndType, Frequency, NO_END, Pattern, RecurrencePattern, VERSION};
use super::civil::{DAY, Local, days_in_month};
use super::rule::{Every, Rule};

/// Occurrences that are looked at to find the last one: more than people plan.
pub(crate) const MAX_OCCURRENCES: usize = 9_999;
const MINUTES_OF_DAY: u32 = 1_440;
/// OccurrenceCount of what never ends ([MS-OXOCAL] 2.2.1.44.1).
const COUNT_WITHOUT_END: u32 = 10;

/// The pattern of a rule whose first instance begins at `start`; `until` is the rule's end on the same clock.
///
/// # Errors
/// What the rule says and no pattern can.
pub(crate) fn of_rule(
    rule: &Rule,
    start: Local,
    until: Option<Local>,
) -> Result<RecurrencePattern, String> {
    let (frequency, pattern, period) = kind_of(rule, start)?;
    let mut found = RecurrencePattern {
        reader_version: VERSION,
        writer_version: VERSION,
        frequency,
        pattern,
        calendar_type: 0,
        first_date_time: 0,
        period,
        sliding: 0,
        end_type: EndType::Never,
        occurrence_count: COUNT_WITHOUT_END,
        first_day_of_week: rule.week_start,
        deleted: Vec::new().into(),
        modified: Vec::new().into(),
        start_date: start.midnight().minutes(),
        end_date: NO_END,
    };
    found.first_date_time = first_date_time(&found, first_month(rule, start));
    let first = dates(&found).next().ok_or("it has no instance")?;
    found.start_date = first;
    if let Some(until) = until {
        // An instance begins no later than the end.
        let late = until.second_of_day() < start.second_of_day();
        let last = until.midnight().plus(if late { -DAY } else { 0 });
        found.end_date = last.minutes();
        found.end_type = EndType::Date;
        found.occurrence_count = dates(&found).take(MAX_OCCURRENCES).count() as u32;
        if found.occurrence_count == 0 {
            return Err("it ends before its first instance".into());
        }
    } else if let Some(count) = rule.count {
        // What has no last one before time ends is endless.
        if let Some(last) = nth_date(&found, i64::from(count) - 1) {
            found.end_date = last;
            found.end_type = EndType::Count;
            found.occurrence_count = count;
        }
    }
    Ok(found)
}

fn kind_of(rule: &Rule, start: Local) -> Result<(Frequency, Pattern, u32), String> {
    let interval = rule.interval;
    let plain_days = rule.days.iter().all(|(number, _)| *number == 0);
    let bits = rule.days.iter().fold(0u32, |bits, (_, day)| bits | 1 << (day % 7));
    if rule.every != Every::Year && !rule.months.is_empty() {
        return Err("only some months of the year".into());
    }
    match rule.every {
        Every::Day | Every::Week
            if !plain_days || !rule.month_days.is_empty() || !rule.positions.is_empty() =>
        {
            Err("days of the month in a rule of days or weeks".into())
        }
        Every::Day if rule.days.is_empty() => {
            Ok((Frequency::Daily, Pattern::Day, interval * MINUTES_OF_DAY))
        }
        Every::Day if interval != 1 => Err("only some weekdays, and not each day".into()),
        Every::Day => Ok((Frequency::Daily, Pattern::Week(bits), 1)),
        Every::Week => {
            let bits = if bits == 0 { 1 << start.weekday() } else { bits };
            Ok((Frequency::Weekly, Pattern::Week(bits), interval))
        }
        Every::Month => Ok((Frequency::Monthly, in_month(rule, start)?, interval)),
        Every::Year => {
            if rule.months.len() > 1 || rule.months.iter().any(|m| !(1..=12).contains(m)) {
                return Err("more than one month of the year".into());
            }
            // Of a year without months such days are those of each month (RFC 5545 3.3.10), and weekdays are
            // counted in the whole year.
            if rule.months.is_empty() && !rule.month_days.is_empty() {
                if interval != 1 {
                    return Err("days of each month, and not each year".into());
                }
                return Ok((Frequency::Monthly, in_month(rule, start)?, 1));
            }
            if rule.months.is_empty() && !rule.days.is_empty() {
                return Err("weekdays of a year".into());
            }
            let period = interval.checked_mul(12).ok_or("too many years")?;
            Ok((Frequency::Yearly, in_month(rule, start)?, period))
        }
    }
}

fn in_month(rule: &Rule, start: Local) -> Result<Pattern, String> {
    let bits = rule.days.iter().fold(0u32, |bits, (_, day)| bits | 1 << (day % 7));
    let nth = |number: i32| match number {
        1..=4 => Ok(number as u32),
        -1 => Ok(5),
        _ => Err(format!("the day number {number} of a month's weekdays")),
    };
    match (&rule.days[..], &rule.month_days[..], &rule.positions[..]) {
        ([], [], []) => Ok(Pattern::Month(start.ymd().2 as u32)),
        ([], [day @ 1..=31], [] | [1] | [-1]) => Ok(Pattern::Month(*day as u32)),
        ([], [-1], [] | [1] | [-1]) => Ok(Pattern::Month(31)),
        ([(number, _)], [], []) if *number != 0 => Ok(Pattern::MonthNth(bits, nth(*number)?)),
        (days, [], [position]) if days.iter().all(|(number, _)| *number == 0) && bits != 0 => {
            Ok(Pattern::MonthNth(bits, nth(*position)?))
        }
        _ => Err("such a choice of days in a month".into()),
    }
}

/// The month that the rule counts its months from, of those since 1601-01.
fn first_month(rule: &Rule, start: Local) -> i64 {
    let (year, month, _) = start.ymd();
    let named = rule.months.first().map_or(month, |named| i64::from(*named));
    let later = i64::from(named < month);
    (year - 1601 + later) * 12 + named - 1
}

// [MS-OXOCAL] 2.2.1.44.1.1.
fn first_date_time(pattern: &RecurrencePattern, first_month: i64) -> u32 {
    match pattern.pattern {
        Pattern::Day => pattern.start_date % pattern.period.max(1),
        Pattern::Week(_) => {
            let period = i64::from(pattern.period) * 7 * i64::from(MINUTES_OF_DAY);
            // A week may begin before 1601 does.
            week_of(pattern, pattern.start_date).rem_euclid(period) as u32
        }
        _ => {
            let month = first_month % i64::from(pattern.period.max(1));
            month_start(month).map_or(0, Local::minutes)
        }
    }
}

/// The minute at which the week of a date begins.
fn week_of(pattern: &RecurrencePattern, date: u32) -> i64 {
    let day = Local::from_minutes(date).weekday();
    let into = (day + 7 - pattern.first_day_of_week % 7) % 7;
    i64::from(date) - i64::from(into * MINUTES_OF_DAY)
}

fn month_start(month: i64) -> Option<Local> {
    Local::date(1601 + month.div_euclid(12), month.rem_euclid(12) + 1, 1)
}

/// The dates of all instances in order, deleted ones and all, from the start to the end of the pattern.
/// Endless patterns go on to 4500: callers take what they need.
pub(crate) fn dates(pattern: &RecurrencePattern) -> impl Iterator<Item = u32> + '_ {
    let start = pattern.start_date - pattern.start_date % MINUTES_OF_DAY;
    let end = pattern.end_date.min(NO_END);
    let first = period_of(pattern, start);
    // A month without its day comes to an end, too: the number of periods up to 4500 is bounded.
    (0..2_000_000i64)
        .map_while(move |index| in_period(pattern, first, index))
        .flatten()
        .skip_while(move |date| *date < start)
        .take_while(move |date| *date <= end)
}

/// The date of an instance that has so many before it. Every period but the first has the same number of them, so none
/// is counted.
fn nth_date(pattern: &RecurrencePattern, before: i64) -> Option<u32> {
    let start = pattern.start_date - pattern.start_date % MINUTES_OF_DAY;
    let first = period_of(pattern, start);
    let here: Vec<_> =
        in_period(pattern, first, 0)?.into_iter().filter(|date| *date >= start).collect();
    if let Some(date) = usize::try_from(before).ok().and_then(|before| here.get(before)) {
        return Some(*date);
    }
    let each = match pattern.pattern {
        Pattern::Week(bits) => i64::from((bits & 0x7f).count_ones()),
        _ => 1,
    };
    let before = before - here.len() as i64;
    let dates = in_period(pattern, first, 1 + before.checked_div(each)?)?;
    dates.get((before % each) as usize).copied()
}

/// Whether an instance of the pattern has this date.
pub(crate) fn falls_on(pattern: &RecurrencePattern, date: u32) -> bool {
    let date = date - date % MINUTES_OF_DAY;
    let within = date >= pattern.start_date && date <= pattern.end_date;
    let here = period_of(pattern, date);
    let exact = match pattern.pattern {
        Pattern::Day => here == i64::from(date),
        Pattern::Week(_) => here == week_of(pattern, date),
        _ => {
            let (year, month, _) = Local::from_minutes(date).ymd();
            here == (year - 1601) * 12 + month - 1
        }
    };
    within && exact && in_period(pattern, here, 0).is_some_and(|dates| dates.contains(&date))
}

/// The first valid day, week or month ([MS-OXOCAL] 2.2.1.44.1.2) at or after that of `date`: minutes of days
/// and weeks, the number of months.
fn period_of(pattern: &RecurrencePattern, date: u32) -> i64 {
    let first = i64::from(pattern.first_date_time);
    let (at, first, period) = match pattern.pattern {
        Pattern::Day => (i64::from(date), first, i64::from(pattern.period.max(MINUTES_OF_DAY))),
        Pattern::Week(_) => {
            let weeks = i64::from(pattern.period.max(1));
            (week_of(pattern, date), first, weeks * 7 * i64::from(MINUTES_OF_DAY))
        }
        _ => {
            let months = |minutes: u32| {
                let (year, month, _) = Local::from_minutes(minutes).ymd();
                (year - 1601) * 12 + month - 1
            };
            (months(date), months(pattern.first_date_time), i64::from(pattern.period.max(1)))
        }
    };
    at + (first - at).rem_euclid(period)
}

/// The dates in the period that is `index` periods behind the first; None where time ends.
fn in_period(pattern: &RecurrencePattern, first: i64, index: i64) -> Option<Vec<u32>> {
    let day = i64::from(MINUTES_OF_DAY);
    let within = |minutes: i64| u32::try_from(minutes).ok().filter(|minutes| *minutes <= NO_END);
    match pattern.pattern {
        Pattern::Day => {
            let at = first + index * i64::from(pattern.period.max(MINUTES_OF_DAY));
            Some(vec![within(at)?])
        }
        Pattern::Week(bits) => {
            let week = first + index * i64::from(pattern.period.max(1)) * 7 * day;
            if week > i64::from(NO_END) {
                return None;
            }
            let named = (0..7).filter(|into| {
                let weekday = (pattern.first_day_of_week % 7 + *into as u32) % 7;
                bits & 1 << weekday != 0
            });
            Some(named.filter_map(|into| within(week + into * day)).collect())
        }
        Pattern::Month(wanted) | Pattern::MonthEnd(wanted) => {
            let start = month_start(first + index * i64::from(pattern.period.max(1)))?;
            let (year, month, _) = start.ymd();
            // A month that is too short has the instance on its last day ([MS-OXOCAL] 2.2.1.44.1).
            let wanted = i64::from(wanted).clamp(1, days_in_month(year, month));
            Some(vec![start.plus((wanted - 1) * DAY).minutes()])
        }
        Pattern::MonthNth(bits, nth) => {
            let start = month_start(first + index * i64::from(pattern.period.max(1)))?;
            let (year, month, _) = start.ymd();
            let days = (0..days_in_month(year, month)).map(|into| start.plus(into * DAY));
            let named: Vec<_> = days.filter(|day| bits & 1 << day.weekday() != 0).collect();
            let chosen = match nth {
                5 => named.last(),
                nth => named.get((nth as usize).wrapping_sub(1)),
            };
            Some(chosen.map(|day| day.minutes()).into_iter().collect())
        }
        // Months of another calendar.
        Pattern::HijriMonth(_) | Pattern::HijriMonthNth(..) | Pattern::HijriMonthEnd(_) => None,
    }
}

/// The rule of a pattern, whose end is told by its `end_date` where [`EndType::Date`] says so. None for
/// calendars that RFC 5545 does not have.
pub(crate) fn to_rule(pattern: &RecurrencePattern) -> Option<Rule> {
    let days = |bits: u32| (0..7).filter(move |day| bits & 1 << day != 0).map(|day| (0, day));
    let mut rule = Rule {
        every: Every::Day,
        interval: pattern.period.max(1),
        count: (pattern.end_type == EndType::Count).then_some(pattern.occurrence_count.max(1)),
        until: None,
        days: Vec::new(),
        month_days: Vec::new(),
        months: Vec::new(),
        positions: Vec::new(),
        week_start: pattern.first_day_of_week % 7,
    };
    let yearly = pattern.frequency == Frequency::Yearly && pattern.period.is_multiple_of(12);
    match pattern.pattern {
        Pattern::Day => rule.interval = (pattern.period / MINUTES_OF_DAY).max(1),
        Pattern::Week(bits) => {
            rule.every = Every::Week;
            rule.days = days(bits).collect();
            return Some(rule).filter(|rule| !rule.days.is_empty());
        }
        Pattern::Month(day) | Pattern::MonthEnd(day) => {
            rule.every = Every::Month;
            rule.month_days = vec![if day >= 31 { -1 } else { (day as i32).max(1) }];
        }
        Pattern::MonthNth(bits, nth) => {
            rule.every = Every::Month;
            rule.days = days(bits).collect();
            rule.positions = vec![if nth >= 5 { -1 } else { (nth as i32).max(1) }];
            if rule.days.is_empty() {
                return None;
            }
        }
        Pattern::HijriMonth(_) | Pattern::HijriMonthNth(..) | Pattern::HijriMonthEnd(_) => {
            return None;
        }
    }
    if yearly && rule.every == Every::Month {
        rule.every = Every::Year;
        rule.interval = pattern.period / 12;
        rule.months = vec![Local::from_minutes(pattern.start_date).ymd().1 as i32];
    }
    Some(rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(rule: &str, start: (i64, i64, i64)) -> Result<RecurrencePattern, String> {
        let rule = Rule::parse(rule)?;
        let start = Local::date(start.0, start.1, start.2).expect("a day").plus(36_000);
        of_rule(&rule, start, rule.until.map(|until| until.local()))
    }

    fn printed(pattern: &RecurrencePattern, count: usize) -> Vec<String> {
        dates(pattern).take(count).map(|date| Local::from_minutes(date).print_date()).collect()
    }

    // The values of a sample in the shared corpus: each second Thursday from 2010-10-28 on.
    #[test]
    fn a_weekly_pattern_is_outlooks() {
        let rule = "FREQ=WEEKLY;INTERVAL=2;BYDAY=TH;UNTIL=20110630T235959;WKST=SU";
        let found = pattern(rule, (2010, 10, 28)).expect("a pattern");
        assert_eq!(found.first_date_time, 8_640);
        assert_eq!((found.start_date, found.end_date), (215_544_960, 215_897_760));
        assert_eq!((found.occurrence_count, found.pattern), (18, Pattern::Week(0x10)));
        assert!(falls_on(&found, 0x0cdb_6a80));
        assert!(!falls_on(&found, 0x0cdb_6a80 + 7 * MINUTES_OF_DAY));
    }

    #[test]
    fn rules_of_all_kinds_have_their_dates() {
        for (rule, start, wanted) in [
            ("FREQ=DAILY;INTERVAL=10;COUNT=3", (2024, 2, 20), "20240220 20240301 20240311"),
            ("FREQ=DAILY;BYDAY=MO,FR;COUNT=3", (2024, 3, 1), "20240301 20240304 20240308"),
            ("FREQ=WEEKLY;COUNT=2", (2024, 3, 1), "20240301 20240308"),
            (
                "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU;WKST=SU;COUNT=4",
                (1997, 8, 5),
                "19970805 19970817 19970819 19970831",
            ),
            (
                "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU;WKST=MO;COUNT=4",
                (1997, 8, 5),
                "19970805 19970810 19970819 19970824",
            ),
            ("FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=3", (2024, 1, 31), "20240131 20240229 20240331"),
            (
                "FREQ=MONTHLY;INTERVAL=2;BYDAY=-1FR;COUNT=3",
                (2024, 1, 26),
                "20240126 20240329 20240531",
            ),
            (
                "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1;COUNT=2",
                (2024, 6, 3),
                "20240603 20240701",
            ),
            ("FREQ=YEARLY;COUNT=2", (2024, 2, 29), "20240229 20250228"),
            ("FREQ=YEARLY;BYMONTH=11;BYDAY=4TH;COUNT=2", (2024, 11, 28), "20241128 20251127"),
            (
                "FREQ=YEARLY;INTERVAL=2;BYMONTH=1;BYMONTHDAY=1;COUNT=2",
                (2023, 5, 1),
                "20240101 20260101",
            ),
            ("FREQ=DAILY;UNTIL=20240302T000000", (2024, 2, 28), "20240228 20240229 20240301"),
            ("FREQ=YEARLY;BYMONTHDAY=15;COUNT=3", (2024, 1, 20), "20240215 20240315 20240415"),
        ] {
            let found = pattern(rule, start).expect(rule);
            assert_eq!(printed(&found, 9).join(" "), wanted, "{rule}");
            let last = dates(&found).last().expect("a last one");
            assert!(falls_on(&found, last) && dates(&found).all(|date| falls_on(&found, date)));
            // The way back gives the same dates.
            let mut again = to_rule(&found).expect(rule);
            again.count = Some(found.occurrence_count);
            let start = Local::from_minutes(found.start_date).plus(36_000);
            let again = of_rule(&again, start, None).expect(rule);
            assert_eq!(printed(&again, 99), printed(&found, 99), "{rule}");
            assert_eq!(again.first_date_time, found.first_date_time, "{rule}");
        }
    }

    #[test]
    fn what_no_pattern_can_say_is_refused() {
        for rule in [
            "FREQ=MONTHLY;BYMONTHDAY=1,15",
            "FREQ=MONTHLY;BYDAY=1MO,3MO",
            "FREQ=YEARLY;BYMONTH=1,7",
            "FREQ=DAILY;INTERVAL=2;BYDAY=MO",
            "FREQ=DAILY;BYMONTH=1",
            "FREQ=MONTHLY;BYDAY=5MO",
            "FREQ=MONTHLY;BYMONTHDAY=-2",
            "FREQ=WEEKLY;UNTIL=20200101",
            "FREQ=YEARLY;BYDAY=20MO",
            "FREQ=YEARLY;INTERVAL=2;BYMONTHDAY=3",
        ] {
            assert!(pattern(rule, (2024, 1, 1)).is_err(), "{rule}");
        }
    }

    #[test]
    fn long_recurrences_are_bounded() {
        let found = pattern("FREQ=DAILY;COUNT=4000000000", (2024, 1, 1)).expect("a pattern");
        assert_eq!((found.end_type, found.end_date), (EndType::Never, NO_END));
        let found = pattern("FREQ=DAILY;COUNT=20000", (2024, 1, 1)).expect("a pattern");
        assert_eq!((found.end_type, found.occurrence_count), (EndType::Count, 20_000));
        assert_eq!(Local::from_minutes(found.end_date).print_date(), "20781003");
        let found = pattern("FREQ=WEEKLY;BYDAY=MO,WE,FR;COUNT=30001", (2024, 1, 3));
        let found = found.expect("a pattern");
        assert_eq!(dates(&found).count(), 30_001);
        let found = pattern("FREQ=DAILY;UNTIL=44991231", (1601, 1, 1)).expect("a pattern");
        assert_eq!(found.occurrence_count as usize, MAX_OCCURRENCES);
        assert!(pattern("FREQ=YEARLY;INTERVAL=99999", (4000, 1, 1)).is_ok());
    }
}
