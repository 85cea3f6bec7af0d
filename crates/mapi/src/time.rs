//! PtypTime.

use std::fmt;

use crate::wire::{Reader, Wire, WireError};

/// A FILETIME: 100-nanosecond intervals since 1601-01-01 UTC ([MS-OXCDATA] 2.11.1 PtypTime).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct FileTime(pub u64);

/// FILETIME of 1970-01-01.
const UNIX_EPOCH: i64 = 116_444_736_000_000_000;

impl FileTime {
    /// From seconds and nanoseconds since 1970; times before 1601 become 0.
    pub fn from_unix(seconds: i64, nanoseconds: u32) -> Self {
        let ticks = seconds
            .saturating_mul(10_000_000)
            .saturating_add(i64::from(nanoseconds / 100))
            .saturating_add(UNIX_EPOCH);
        FileTime(u64::try_from(ticks).unwrap_or(0))
    }

    pub fn from_system(time: std::time::SystemTime) -> Self {
        let since = time.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        FileTime::from_unix(since.as_secs() as i64, since.subsec_nanos())
    }

    /// Whole seconds since 1970, and the nanoseconds behind them.
    pub fn to_unix(self) -> (i64, u32) {
        let ticks = i64::try_from(self.0).unwrap_or(i64::MAX) - UNIX_EPOCH;
        (ticks.div_euclid(10_000_000), ticks.rem_euclid(10_000_000) as u32 * 100)
    }

    /// Midnight of a date in UTC, and seconds behind it; what is before 1601 is that year's begin. Whether there is
    /// such a day, the caller knows.
    pub fn from_civil(year: i64, month: i64, day: i64, seconds: i64) -> Self {
        let days = days_since_1970(year, month, day);
        FileTime::from_unix(days.saturating_mul(86_400).saturating_add(seconds), 0)
    }

    /// Year, month, day, hour, minute, second in UTC (proleptic Gregorian calendar).
    pub fn to_civil(self) -> (i64, u8, u8, u8, u8, u8) {
        let (seconds, _) = self.to_unix();
        let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        // Days to a date by counting from 0000-03-01, when leap days stand at the end of the year.
        let z = days + 719_468;
        let era = z.div_euclid(146_097);
        let doe = z.rem_euclid(146_097);
        let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let day = (doy - (153 * mp + 2) / 5 + 1) as u8;
        let month = if mp < 10 { mp + 3 } else { mp - 9 } as u8;
        let year = yoe + era * 400 + i64::from(month <= 2);
        (year, month, day, (rest / 3_600) as u8, (rest / 60 % 60) as u8, (rest % 60) as u8)
    }
}

/// The days from 1970-01-01 to a date of the proleptic Gregorian calendar: years are counted from March on, so that leap
/// days stand at their end. A month beyond December is one of the next year.
pub fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let months = year.saturating_mul(12).saturating_add(month - 3);
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12));
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * month + 2) / 5 + day - 1;
    era.saturating_mul(146_097) + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

impl fmt::Display for FileTime {
    /// RFC 3339 in UTC, with a fraction where there is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day, hour, minute, second) = self.to_civil();
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        match self.0 % 10_000_000 {
            0 => write!(f, "Z"),
            ticks => write!(f, ".{ticks:07}Z"),
        }
    }
}

impl fmt::Debug for FileTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Wire for FileTime {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(FileTime(u64::read(r)?))
    }
    fn write(&self, w: &mut Vec<u8>) {
        self.0.write(w);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_come_back_from_days() {
        assert_eq!(days_since_1970(1970, 1, 1), 0);
        assert_eq!(days_since_1970(2000, 2, 29), 11_016);
        assert_eq!(days_since_1970(1600, 12, 31), -134_775);
        for days in (-134_774..800_000).step_by(17) {
            let time = FileTime::from_unix(days * 86_400 + 3_661, 0);
            let (year, month, day, hour, minute, second) = time.to_civil();
            assert_eq!((hour, minute, second), (1, 1, 1));
            let (month, day) = (i64::from(month), i64::from(day));
            assert_eq!(days_since_1970(year, month, day), days);
            assert_eq!(FileTime::from_civil(year, month, day, 3_661), time);
        }
    }

    #[test]
    fn prints_dates() {
        assert_eq!(FileTime::from_unix(951_782_400, 0).to_string(), "2000-02-29T00:00:00Z");
        assert_eq!(FileTime(0).to_string(), "1601-01-01T00:00:00Z");
        assert_eq!(FileTime::from_unix(-1, 999_999_900).to_unix(), (-1, 999_999_900));
    }
}
