//! PidLidAppointmentRecur and PidLidTaskRecurrence ([MS-OXOCAL] 2.2.1.44): a recurrence pattern, and for
//! appointments the instances that differ from it.
//!
//! Times are in minutes since 1601-01-01, in the recurrence's time zone; dates are the minutes of their
//! midnight.

use mapi::wire::{Counted, Reader, SizedBytes, Wire, WireError};
use mapi::{WString, wire_enum, wire_struct};

/// ReaderVersion and WriterVersion of a pattern ([MS-OXOCAL] 2.2.1.44.1).
pub const VERSION: u16 = 0x3004;
/// ReaderVersion2 ([MS-OXOCAL] 2.2.1.44.5).
pub const READER_VERSION_2: u32 = 0x3006;
/// WriterVersion2 from which extended exceptions begin with a ChangeHighlight ([MS-OXOCAL] 2.2.1.44.4).
pub const WRITER_VERSION_2: u32 = 0x3009;
/// EndDate of what never ends: 4500-12-31 23:59 ([MS-OXOCAL] 2.2.1.44.1).
pub const NO_END: u32 = 0x5ae9_80df;

wire_enum! {
    /// RecurFrequency ([MS-OXOCAL] 2.2.1.44.1).
    pub enum Frequency: u16 { Daily = 0x200a, Weekly = 0x200b, Monthly = 0x200c, Yearly = 0x200d }
}

wire_enum! {
    /// EndType ([MS-OXOCAL] 2.2.1.44.1). A never-ending one may also be 0xFFFFFFFF.
    pub enum EndType: u32 { Date = 0x2021, Count = 0x2022, Never = 0x2023 }
}

/// PatternType with its PatternTypeSpecific ([MS-OXOCAL] 2.2.1.44.1). Months count in the calendar's own way
/// where they are Hijri.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    Day,
    /// Bits of days, Sunday the lowest.
    Week(u32),
    /// The day of the month; 31 is the last one.
    Month(u32),
    MonthEnd(u32),
    /// Bits of days, and which of the days that they name: 1 to 4, 5 for the last.
    MonthNth(u32, u32),
    HijriMonth(u32),
    HijriMonthNth(u32, u32),
    HijriMonthEnd(u32),
}

/// A RecurrencePattern structure ([MS-OXOCAL] 2.2.1.44.1).
#[derive(Debug, Clone, PartialEq)]
pub struct RecurrencePattern {
    pub reader_version: u16,
    pub writer_version: u16,
    pub frequency: Frequency,
    pub pattern: Pattern,
    pub calendar_type: u16,
    pub first_date_time: u32,
    /// Minutes for days, weeks, or months.
    pub period: u32,
    pub sliding: u32,
    pub end_type: EndType,
    pub occurrence_count: u32,
    /// 0 is Sunday.
    pub first_day_of_week: u32,
    pub deleted: Counted<u32, u32>,
    pub modified: Counted<u32, u32>,
    pub start_date: u32,
    pub end_date: u32,
}

/// An AppointmentRecurrencePattern structure ([MS-OXOCAL] 2.2.1.44.5).
///
/// INVARIANT: as many extended exceptions as exceptions, each after the one it extends.
#[derive(Debug, Clone, PartialEq)]
pub struct AppointmentRecurrence {
    pub pattern: RecurrencePattern,
    pub reader_version: u32,
    pub writer_version: u32,
    /// Minutes since midnight.
    pub start_offset: u32,
    pub end_offset: u32,
    pub exceptions: Vec<(Exception, ExtendedException)>,
    pub reserved_1: SizedBytes<u32>,
    pub reserved_2: SizedBytes<u32>,
}

/// An ExceptionInfo structure ([MS-OXOCAL] 2.2.1.44.2). OverrideFlags follow from what is there.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Exception {
    pub start: u32,
    pub end: u32,
    pub original_start: u32,
    /// In the code page of the client that wrote it; the extended exception has it in Unicode.
    pub subject: Option<Vec<u8>>,
    pub meeting_type: Option<u32>,
    /// Minutes before the start.
    pub reminder_delta: Option<u32>,
    pub reminder_set: Option<u32>,
    pub location: Option<Vec<u8>>,
    pub busy_status: Option<u32>,
    pub attachment: Option<u32>,
    pub sub_type: Option<u32>,
    pub color: Option<u32>,
    pub has_body: bool,
    /// Bits of OverrideFlags that are not defined.
    pub other_flags: u16,
}

/// An ExtendedException structure ([MS-OXOCAL] 2.2.1.44.4).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ExtendedException {
    /// ChangeHighlightValue and what stands behind it, from [`WRITER_VERSION_2`] on.
    pub change_highlight: Option<SizedBytes<u32>>,
    pub reserved_1: SizedBytes<u32>,
    /// There if the exception has a subject or a location.
    pub texts: Option<ExtendedTexts>,
}

/// The Unicode texts of an exception, behind its times once more.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ExtendedTexts {
    pub start: u32,
    pub end: u32,
    pub original_start: u32,
    pub subject: Option<WString>,
    pub location: Option<WString>,
    pub reserved: SizedBytes<u32>,
}

mod flags {
    // [MS-OXOCAL] 2.2.1.44.2 OverrideFlags.
    pub const SUBJECT: u16 = 0x0001;
    pub const MEETING_TYPE: u16 = 0x0002;
    pub const REMINDER_DELTA: u16 = 0x0004;
    pub const REMINDER: u16 = 0x0008;
    pub const LOCATION: u16 = 0x0010;
    pub const BUSY_STATUS: u16 = 0x0020;
    pub const ATTACHMENT: u16 = 0x0040;
    pub const SUB_TYPE: u16 = 0x0080;
    pub const COLOR: u16 = 0x0100;
    pub const BODY: u16 = 0x0200;
    pub const ALL: u16 = 0x03ff;
}

impl Pattern {
    fn type_code(self) -> u16 {
        match self {
            Pattern::Day => 0,
            Pattern::Week(_) => 1,
            Pattern::Month(_) => 2,
            Pattern::MonthNth(..) => 3,
            Pattern::MonthEnd(_) => 4,
            Pattern::HijriMonth(_) => 0xa,
            Pattern::HijriMonthNth(..) => 0xb,
            Pattern::HijriMonthEnd(_) => 0xc,
        }
    }

    fn read(r: &mut Reader<'_>, code: u16) -> Result<Self, WireError> {
        Ok(match code {
            0 => Pattern::Day,
            1 => Pattern::Week(u32::read(r)?),
            2 => Pattern::Month(u32::read(r)?),
            3 => Pattern::MonthNth(u32::read(r)?, u32::read(r)?),
            4 => Pattern::MonthEnd(u32::read(r)?),
            0xa => Pattern::HijriMonth(u32::read(r)?),
            0xb => Pattern::HijriMonthNth(u32::read(r)?, u32::read(r)?),
            0xc => Pattern::HijriMonthEnd(u32::read(r)?),
            // What follows an unknown type cannot be told.
            other => return Err(r.bad("a known PatternType", u64::from(other), 0)),
        })
    }

    fn write(self, w: &mut Vec<u8>) {
        match self {
            Pattern::Day => {}
            Pattern::Week(days) => days.write(w),
            Pattern::Month(day)
            | Pattern::MonthEnd(day)
            | Pattern::HijriMonth(day)
            | Pattern::HijriMonthEnd(day) => day.write(w),
            Pattern::MonthNth(days, nth) | Pattern::HijriMonthNth(days, nth) => {
                days.write(w);
                nth.write(w);
            }
        }
    }
}

wire_struct! {
    struct PatternHead {
        reader_version: u16,
        writer_version: u16,
        frequency: Frequency,
        pattern_type: u16,
        calendar_type: u16,
        first_date_time: u32,
        period: u32,
        sliding: u32,
    }
}

wire_struct! {
    struct PatternTail {
        end_type: EndType,
        occurrence_count: u32,
        first_day_of_week: u32,
        deleted: Counted<u32, u32>,
        modified: Counted<u32, u32>,
        start_date: u32,
        end_date: u32,
    }
}

impl Wire for RecurrencePattern {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let head = PatternHead::read(r)?;
        let pattern = Pattern::read(r, head.pattern_type)?;
        let tail = PatternTail::read(r)?;
        Ok(RecurrencePattern {
            reader_version: head.reader_version,
            writer_version: head.writer_version,
            frequency: head.frequency,
            pattern,
            calendar_type: head.calendar_type,
            first_date_time: head.first_date_time,
            period: head.period,
            sliding: head.sliding,
            end_type: tail.end_type,
            occurrence_count: tail.occurrence_count,
            first_day_of_week: tail.first_day_of_week,
            deleted: tail.deleted,
            modified: tail.modified,
            start_date: tail.start_date,
            end_date: tail.end_date,
        })
    }

    fn write(&self, w: &mut Vec<u8>) {
        PatternHead {
            reader_version: self.reader_version,
            writer_version: self.writer_version,
            frequency: self.frequency,
            pattern_type: self.pattern.type_code(),
            calendar_type: self.calendar_type,
            first_date_time: self.first_date_time,
            period: self.period,
            sliding: self.sliding,
        }
        .write(w);
        self.pattern.write(w);
        PatternTail {
            end_type: self.end_type,
            occurrence_count: self.occurrence_count,
            first_day_of_week: self.first_day_of_week,
            deleted: self.deleted.clone(),
            modified: self.modified.clone(),
            start_date: self.start_date,
            end_date: self.end_date,
        }
        .write(w);
    }
}

impl Wire for AppointmentRecurrence {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let pattern = RecurrencePattern::read(r)?;
        let reader_version = u32::read(r)?;
        let writer_version = u32::read(r)?;
        let start_offset = u32::read(r)?;
        let end_offset = u32::read(r)?;
        let infos = Counted::<u16, Exception>::read(r)?;
        let reserved_1 = SizedBytes::read(r)?;
        let mut exceptions = Vec::with_capacity(infos.items.len());
        for info in infos.items {
            let extended = ExtendedException::read(r, &info, writer_version)?;
            exceptions.push((info, extended));
        }
        let reserved_2 = SizedBytes::read(r)?;
        Ok(AppointmentRecurrence {
            pattern,
            reader_version,
            writer_version,
            start_offset,
            end_offset,
            exceptions,
            reserved_1,
            reserved_2,
        })
    }

    fn write(&self, w: &mut Vec<u8>) {
        self.pattern.write(w);
        self.reader_version.write(w);
        self.writer_version.write(w);
        self.start_offset.write(w);
        self.end_offset.write(w);
        let count = u16::try_from(self.exceptions.len()).unwrap_or(u16::MAX);
        let counted = &self.exceptions[..usize::from(count)];
        count.write(w);
        counted.iter().for_each(|(exception, _)| exception.write(w));
        self.reserved_1.write(w);
        for (exception, extended) in counted {
            extended.write(w, exception, self.writer_version);
        }
        self.reserved_2.write(w);
    }
}

impl Exception {
    fn flags(&self) -> u16 {
        let bit = |set: bool, flag: u16| if set { flag } else { 0 };
        self.other_flags & !flags::ALL
            | bit(self.subject.is_some(), flags::SUBJECT)
            | bit(self.meeting_type.is_some(), flags::MEETING_TYPE)
            | bit(self.reminder_delta.is_some(), flags::REMINDER_DELTA)
            | bit(self.reminder_set.is_some(), flags::REMINDER)
            | bit(self.location.is_some(), flags::LOCATION)
            | bit(self.busy_status.is_some(), flags::BUSY_STATUS)
            | bit(self.attachment.is_some(), flags::ATTACHMENT)
            | bit(self.sub_type.is_some(), flags::SUB_TYPE)
            | bit(self.color.is_some(), flags::COLOR)
            | bit(self.has_body, flags::BODY)
    }

    fn has_texts(&self) -> bool {
        self.subject.is_some() || self.location.is_some()
    }
}

impl Wire for Exception {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let start = u32::read(r)?;
        let end = u32::read(r)?;
        let original_start = u32::read(r)?;
        let found = u16::read(r)?;
        // The fields stand in the order of their flags.
        let number = |r: &mut Reader<'_>, flag: u16| match found & flag {
            0 => Ok(None),
            _ => u32::read(r).map(Some),
        };
        let text = |r: &mut Reader<'_>, flag: u16| match found & flag {
            0 => Ok(None),
            _ => read_text(r).map(Some),
        };
        Ok(Exception {
            start,
            end,
            original_start,
            subject: text(r, flags::SUBJECT)?,
            meeting_type: number(r, flags::MEETING_TYPE)?,
            reminder_delta: number(r, flags::REMINDER_DELTA)?,
            reminder_set: number(r, flags::REMINDER)?,
            location: text(r, flags::LOCATION)?,
            busy_status: number(r, flags::BUSY_STATUS)?,
            attachment: number(r, flags::ATTACHMENT)?,
            sub_type: number(r, flags::SUB_TYPE)?,
            color: number(r, flags::COLOR)?,
            has_body: found & flags::BODY != 0,
            other_flags: found & !flags::ALL,
        })
    }

    fn write(&self, w: &mut Vec<u8>) {
        self.start.write(w);
        self.end.write(w);
        self.original_start.write(w);
        self.flags().write(w);
        let number = |w: &mut Vec<u8>, value: Option<u32>| {
            if let Some(value) = value {
                value.write(w);
            }
        };
        let text = |w: &mut Vec<u8>, value: &Option<Vec<u8>>| {
            if let Some(value) = value {
                write_text(w, value);
            }
        };
        text(w, &self.subject);
        number(w, self.meeting_type);
        number(w, self.reminder_delta);
        number(w, self.reminder_set);
        text(w, &self.location);
        number(w, self.busy_status);
        number(w, self.attachment);
        number(w, self.sub_type);
        number(w, self.color);
    }
}

/// SubjectLength is one more than SubjectLength2, which counts the bytes that follow.
fn read_text(r: &mut Reader<'_>) -> Result<Vec<u8>, WireError> {
    u16::read(r)?;
    let length = u16::read(r)?;
    Ok(r.bytes(usize::from(length), "as many characters as their count says")?.to_vec())
}

fn write_text(w: &mut Vec<u8>, text: &[u8]) {
    let length = text.len().min(usize::from(u16::MAX) - 1) as u16;
    (length + 1).write(w);
    length.write(w);
    w.extend_from_slice(&text[..usize::from(length)]);
}

impl ExtendedException {
    fn read(r: &mut Reader<'_>, of: &Exception, writer_version: u32) -> Result<Self, WireError> {
        let change_highlight = match writer_version >= WRITER_VERSION_2 {
            true => Some(SizedBytes::read(r)?),
            false => None,
        };
        let reserved_1 = SizedBytes::read(r)?;
        let texts = match of.has_texts() {
            true => Some(ExtendedTexts {
                start: u32::read(r)?,
                end: u32::read(r)?,
                original_start: u32::read(r)?,
                subject: of.subject.is_some().then(|| read_wide(r)).transpose()?,
                location: of.location.is_some().then(|| read_wide(r)).transpose()?,
                reserved: SizedBytes::read(r)?,
            }),
            false => None,
        };
        Ok(ExtendedException { change_highlight, reserved_1, texts })
    }

    /// What the exception says to be there is written, empty where it is missing.
    fn write(&self, w: &mut Vec<u8>, of: &Exception, writer_version: u32) {
        if writer_version >= WRITER_VERSION_2 {
            self.change_highlight.clone().unwrap_or_default().write(w);
        }
        self.reserved_1.write(w);
        if !of.has_texts() {
            return;
        }
        let texts = self.texts.clone().unwrap_or_default();
        texts.start.write(w);
        texts.end.write(w);
        texts.original_start.write(w);
        if of.subject.is_some() {
            write_wide(w, &texts.subject.unwrap_or_default());
        }
        if of.location.is_some() {
            write_wide(w, &texts.location.unwrap_or_default());
        }
        texts.reserved.write(w);
    }
}

fn read_wide(r: &mut Reader<'_>) -> Result<WString, WireError> {
    let units = usize::from(u16::read(r)?);
    Ok(WString::from_utf16le(r.bytes(units * 2, "as many characters as their count says")?))
}

fn write_wide(w: &mut Vec<u8>, text: &WString) {
    let mut units = text.to_utf16();
    units.truncate(usize::from(u16::MAX));
    (units.len() as u16).write(w);
    units.iter().for_each(|unit| unit.write(w));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(pattern: Pattern) -> RecurrencePattern {
        RecurrencePattern {
            reader_version: VERSION,
            writer_version: VERSION,
            frequency: Frequency::Monthly,
            pattern,
            calendar_type: 0,
            first_date_time: 0,
            period: 1,
            sliding: 0,
            end_type: EndType::Never,
            occurrence_count: 10,
            first_day_of_week: 1,
            deleted: vec![1440].into(),
            modified: vec![].into(),
            start_date: 1440,
            end_date: NO_END,
        }
    }

    #[test]
    fn every_kind_of_pattern_comes_back() {
        for kind in [
            Pattern::Day,
            Pattern::Week(0x3e),
            Pattern::Month(31),
            Pattern::MonthEnd(30),
            Pattern::MonthNth(0x7f, 5),
            Pattern::HijriMonth(1),
            Pattern::HijriMonthNth(2, 1),
            Pattern::HijriMonthEnd(2),
        ] {
            let pattern = pattern(kind);
            assert_eq!(RecurrencePattern::from_wire(&pattern.to_wire()), Ok(pattern));
        }
        let mut unknown = pattern(Pattern::Day).to_wire();
        unknown[6] = 9;
        assert!(RecurrencePattern::from_wire(&unknown).is_err());
    }

    #[test]
    fn an_exception_with_everything_comes_back() {
        let exception = Exception {
            start: 1,
            end: 2,
            original_start: 3,
            subject: Some(b"subject".to_vec()),
            meeting_type: Some(4),
            reminder_delta: Some(5),
            reminder_set: Some(1),
            location: Some(Vec::new()),
            busy_status: Some(2),
            attachment: Some(0),
            sub_type: Some(1),
            color: Some(7),
            has_body: true,
            other_flags: 0x8000,
        };
        let texts = ExtendedTexts {
            start: 1,
            end: 2,
            original_start: 3,
            subject: Some("sübject".into()),
            location: Some("".into()),
            reserved: SizedBytes::default(),
        };
        let extended = ExtendedException {
            change_highlight: Some(vec![1, 0, 0, 0].into()),
            reserved_1: vec![9].into(),
            texts: Some(texts),
        };
        let mut recurrence = AppointmentRecurrence {
            pattern: pattern(Pattern::Day),
            reader_version: READER_VERSION_2,
            writer_version: WRITER_VERSION_2,
            start_offset: 600,
            end_offset: 660,
            exceptions: vec![(exception, extended), Default::default()],
            reserved_1: vec![1].into(),
            reserved_2: vec![].into(),
        };
        recurrence.exceptions[1].1.change_highlight = Some(Vec::new().into());
        assert_eq!(AppointmentRecurrence::from_wire(&recurrence.to_wire()), Ok(recurrence));
    }

    #[test]
    fn counts_beyond_the_bytes_are_refused() {
        let mut bytes = pattern(Pattern::Day).to_wire();
        bytes[34..38].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(RecurrencePattern::from_wire(&bytes).is_err());
    }
}
