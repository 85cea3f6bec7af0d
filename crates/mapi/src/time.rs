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
    fn prints_dates() {
        assert_eq!(FileTime::from_unix(951_782_400, 0).to_string(), "2000-02-29T00:00:00Z");
        assert_eq!(FileTime(0).to_string(), "1601-01-01T00:00:00Z");
        assert_eq!(FileTime::from_unix(-1, 999_999_900).to_unix(), (-1, 999_999_900));
    }
}
