//! Recurrence rules (RFC 5545 3.3.10): RRULE as text to and from its parts.

use super::civil::Stamp;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Every {
    Day,
    Week,
    Month,
    Year,
}

/// The parts of a rule. Lists are as long as people's are, so longer ones are refused.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rule {
    pub every: Every,
    pub interval: u32,
    pub count: Option<u32>,
    pub until: Option<Stamp>,
    /// Which one in the month or year (0: each; below 0: from the end), and the day (0 is Sunday).
    pub days: Vec<(i32, u32)>,
    pub month_days: Vec<i32>,
    pub months: Vec<i32>,
    pub positions: Vec<i32>,
    /// 0 is Sunday.
    pub week_start: u32,
}

const DAYS: [&str; 7] = ["SU", "MO", "TU", "WE", "TH", "FR", "SA"];
const MAX_LIST: usize = 366;

impl Rule {
    /// # Errors
    /// What in the rule is not understood.
    pub(crate) fn parse(text: &str) -> Result<Rule, String> {
        let mut every = None;
        let mut rule = Rule {
            every: Every::Day,
            interval: 1,
            count: None,
            until: None,
            days: Vec::new(),
            month_days: Vec::new(),
            months: Vec::new(),
            positions: Vec::new(),
            week_start: 1,
        };
        for part in text.trim().split(';').filter(|part| !part.is_empty()).take(32) {
            let (name, value) = part.split_once('=').ok_or_else(|| unknown(part))?;
            let value = value.trim().to_ascii_uppercase();
            let bad = || unknown(part);
            match name.trim().to_ascii_uppercase().as_str() {
                "FREQ" => {
                    every = Some(match value.as_str() {
                        "DAILY" => Every::Day,
                        "WEEKLY" => Every::Week,
                        "MONTHLY" => Every::Month,
                        "YEARLY" => Every::Year,
                        _ => return Err(bad()),
                    });
                }
                "INTERVAL" => {
                    rule.interval =
                        value.parse().ok().filter(|n| (1..=99_999).contains(n)).ok_or_else(bad)?;
                }
                "COUNT" => {
                    rule.count = Some(value.parse().ok().filter(|n| *n > 0).ok_or_else(bad)?);
                }
                "UNTIL" => rule.until = Some(Stamp::parse(&value).ok_or_else(bad)?),
                "WKST" => rule.week_start = day(&value).ok_or_else(bad)?,
                "BYDAY" => rule.days = list(&value, day_with_number).ok_or_else(bad)?,
                "BYMONTHDAY" => rule.month_days = numbers(&value).ok_or_else(bad)?,
                "BYMONTH" => rule.months = numbers(&value).ok_or_else(bad)?,
                "BYSETPOS" => rule.positions = numbers(&value).ok_or_else(bad)?,
                name if name.starts_with("X-") => {}
                // BYHOUR, BYYEARDAY and their like: no pattern of MAPI has them.
                _ => return Err(unknown(part)),
            }
        }
        rule.every = every.ok_or("it has no FREQ")?;
        Ok(rule)
    }

    pub(crate) fn print(&self, until: Option<String>) -> String {
        let freq = match self.every {
            Every::Day => "DAILY",
            Every::Week => "WEEKLY",
            Every::Month => "MONTHLY",
            Every::Year => "YEARLY",
        };
        let mut parts = vec![format!("FREQ={freq}")];
        if let Some(count) = self.count {
            parts.push(format!("COUNT={count}"));
        }
        parts.extend(until.map(|until| format!("UNTIL={until}")));
        if self.interval != 1 {
            parts.push(format!("INTERVAL={}", self.interval));
        }
        let days = self.days.iter().map(|(number, day)| match number {
            0 => DAYS[*day as usize % 7].to_owned(),
            number => format!("{number}{}", DAYS[*day as usize % 7]),
        });
        let lists = [
            ("BYDAY", days.collect()),
            ("BYMONTHDAY", self.month_days.iter().map(i32::to_string).collect::<Vec<_>>()),
            ("BYMONTH", self.months.iter().map(i32::to_string).collect()),
            ("BYSETPOS", self.positions.iter().map(i32::to_string).collect()),
        ];
        for (name, list) in lists {
            if !list.is_empty() {
                parts.push(format!("{name}={}", list.join(",")));
            }
        }
        if self.every == Every::Week {
            parts.push(format!("WKST={}", DAYS[self.week_start as usize % 7]));
        }
        parts.join(";")
    }
}

fn unknown(part: &str) -> String {
    format!("{:?} is not understood", &part[..part.floor_char_boundary(60)])
}

fn list<T>(value: &str, item: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    let items: Option<Vec<T>> =
        value.split(',').take(MAX_LIST + 1).map(|v| item(v.trim())).collect();
    items.filter(|items| items.len() <= MAX_LIST)
}

fn numbers(value: &str) -> Option<Vec<i32>> {
    list(value, |number| number.parse().ok().filter(|n: &i32| *n != 0 && n.abs() <= 366))
}

fn day(name: &str) -> Option<u32> {
    DAYS.iter().position(|known| *known == name).map(|index| index as u32)
}

fn day_with_number(text: &str) -> Option<(i32, u32)> {
    let at = text.len().checked_sub(2)?;
    let (number, name) = text.split_at_checked(at)?;
    let number = match number {
        "" => 0,
        number => number.parse().ok().filter(|n: &i32| *n != 0 && n.abs() <= 53)?,
    };
    Some((number, day(name)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_come_back() {
        for text in [
            "FREQ=DAILY;COUNT=10;INTERVAL=2",
            "FREQ=WEEKLY;BYDAY=MO,WE;WKST=SU",
            "FREQ=MONTHLY;BYDAY=-1FR",
            "FREQ=YEARLY;BYDAY=SU,MO;BYMONTH=3;BYSETPOS=-1",
            "FREQ=MONTHLY;BYMONTHDAY=-1",
        ] {
            assert_eq!(Rule::parse(text).map(|rule| rule.print(None)).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_is_not_understood_is_told() {
        for text in [
            "",
            "FREQ=HOURLY",
            "FREQ=DAILY;COUNT=0",
            "FREQ=DAILY;INTERVAL=0",
            "FREQ=DAILY;BYHOUR=3",
            "FREQ=WEEKLY;BYDAY=XX",
            "FREQ=WEEKLY;BYDAY=é",
            "COUNT=2",
            "FREQ=DAILY;UNTIL=never",
        ] {
            assert!(Rule::parse(text).is_err(), "{text}");
        }
        assert!(Rule::parse(&format!("FREQ=YEARLY;BYMONTH={}1", "1,".repeat(400))).is_err());
    }
}
