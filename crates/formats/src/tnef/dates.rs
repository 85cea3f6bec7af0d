//! Dates of attributes: seven numbers of 16 bits ([MS-OXTNEF] 2.1.3.3.6, DTR).
//!
//! They are the local time of the writer, whose zone nothing names. Here they are read as UTC; the time
//! itself stands among the encapsulated properties, which win.

use mapi::FileTime;

const SIZE: usize = 14;
const SECONDS_A_DAY: i64 = 86_400;
const YEARS: std::ops::RangeInclusive<u16> = 1601..=9999;

/// None if the numbers are no date. The day of the week is not looked at, and may be missing.
pub fn read(data: &[u8]) -> Option<FileTime> {
    let (numbers, _) = data.get(..SIZE - 2)?.as_chunks::<2>();
    let number = |index: usize| i64::from(u16::from_le_bytes(numbers[index]));
    let (year, month, day) = (number(0), number(1), number(2));
    let (hour, minute, second) = (number(3), number(4), number(5));
    let is_date = YEARS.contains(&(year as u16))
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !is_date {
        return None;
    }
    let seconds = hour * 3_600 + minute * 60 + second;
    let time = FileTime::from_civil(year, month, day, seconds);
    // The 31st of a month that has none would be a day of the next.
    (i64::from(time.to_civil().2) == day).then_some(time)
}

/// None for years that the numbers cannot say.
pub fn write(time: FileTime) -> Option<[u8; SIZE]> {
    let (year, month, day, hour, minute, second) = time.to_civil();
    let year = u16::try_from(year).ok().filter(|year| YEARS.contains(year))?;
    let days = time.to_unix().0.div_euclid(SECONDS_A_DAY);
    // 1970 began with a Thursday; Sunday is 0.
    let weekday = (days + 4).rem_euclid(7) as u16;
    let [month, day, hour, minute, second] = [month, day, hour, minute, second].map(u16::from);
    let mut out = [0; SIZE];
    let numbers = [year, month, day, hour, minute, second, weekday];
    for (bytes, number) in out.as_chunks_mut::<2>().0.iter_mut().zip(numbers) {
        *bytes = number.to_le_bytes();
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(numbers: [u16; 7]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
    }

    /// [MS-OXTNEF] 3.1: attDateSent is Tuesday, 02/17/2004, 11:25:35, with the checksum 0x0137.
    #[test]
    fn the_sample_of_the_specification() {
        let data = bytes([2004, 2, 17, 11, 25, 35, 2]);
        assert_eq!(data.iter().map(|byte| u32::from(*byte)).sum::<u32>(), 0x0137);
        let time = read(&data).unwrap();
        assert_eq!(time.to_string(), "2004-02-17T11:25:35Z");
        assert_eq!(write(time).unwrap().as_slice(), data);
    }

    #[test]
    fn every_day_comes_back() {
        for day in (-130_000_i64..200_000).step_by(7).chain(-800..800) {
            let time = FileTime::from_unix(day * SECONDS_A_DAY + 86_399, 0);
            assert_eq!(read(&write(time).unwrap()), Some(time), "{time}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for numbers in [
            [0; 7],
            [2004, 13, 1, 0, 0, 0, 0],
            [2003, 2, 29, 0, 0, 0, 0],
            [2004, 2, 1, 24, 0, 0, 0],
            [u16::MAX; 7],
        ] {
            assert_eq!(read(&bytes(numbers)), None, "{numbers:?}");
        }
        assert_eq!(read(&[0; 11]), None);
        assert_eq!(write(FileTime(u64::MAX)), None);
    }
}
