//! PidLidTimeZoneStruct ([MS-OXOCAL] 2.2.1.39) and the PidLidAppointmentTimeZoneDefinition properties
//! ([MS-OXOCAL] 2.2.1.41).

use mapi::wire::{Reader, Wire, WireError};
use mapi::{WString, wire_struct};

wire_struct! {
    /// A SYSTEMTIME as the rule of a transition: with year 0 the `day`th (5: the last) `day_of_week` of the
    /// month, otherwise a date. Month 0 means that there is no transition.
    #[derive(Copy, Default)]
    pub struct Transition {
        pub year: u16,
        pub month: u16,
        pub day_of_week: u16,
        pub day: u16,
        pub hour: u16,
        pub minute: u16,
        pub second: u16,
        pub milliseconds: u16,
    }
}

wire_struct! {
    /// PidLidTimeZoneStruct. Biases are minutes to be added to local time to get UTC.
    pub struct TimeZoneStruct {
        pub bias: i32,
        pub standard_bias: i32,
        pub daylight_bias: i32,
        pub standard_year: u16,
        pub standard: Transition,
        pub daylight_year: u16,
        pub daylight: Transition,
    }
}

/// The rule is the one to use ([MS-OXOCAL] 2.2.1.41.1 TZRule flags).
pub const EFFECTIVE: u16 = 0x0002;
/// The rule belongs to a recurrence and is that of PidLidTimeZoneStruct.
pub const RECUR_CURRENT: u16 = 0x0001;

wire_struct! {
    /// A TZRule structure ([MS-OXOCAL] 2.2.1.41.1): what holds from a year on.
    pub struct TimeZoneRule {
        pub major_version: u8,
        pub minor_version: u8,
        pub reserved: u16,
        pub flags: u16,
        pub year: u16,
        pub x: [u8; 14],
        pub bias: i32,
        pub standard_bias: i32,
        pub daylight_bias: i32,
        pub standard: Transition,
        pub daylight: Transition,
    }
}

/// A TimeZoneDefinition structure ([MS-OXOCAL] 2.2.1.41).
#[derive(Debug, Clone, PartialEq)]
pub struct TimeZoneDefinition {
    pub major_version: u8,
    pub minor_version: u8,
    pub reserved: u16,
    pub key_name: WString,
    pub rules: Vec<TimeZoneRule>,
}

/// cbHeader without the name: Reserved, cchKeyName, cRules.
const HEADER: usize = 6;

impl Wire for TimeZoneDefinition {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let major_version = u8::read(r)?;
        let minor_version = u8::read(r)?;
        let size = u16::read(r)?;
        let mut header = r.sub(usize::from(size), "as long a header as cbHeader says")?;
        let reserved = u16::read(&mut header)?;
        let units = usize::from(u16::read(&mut header)?);
        let name = header.bytes(units * 2, "as many characters as cchKeyName says")?;
        let key_name = WString::from_utf16le(name);
        let count = u16::read(&mut header)?;
        let rules = mapi::wire::read_items(r, usize::from(count))?;
        Ok(TimeZoneDefinition { major_version, minor_version, reserved, key_name, rules })
    }

    fn write(&self, w: &mut Vec<u8>) {
        let mut name = self.key_name.to_utf16();
        // [MS-OXOCAL] 2.2.1.41: cchKeyName is at most 260.
        name.truncate(260);
        self.major_version.write(w);
        self.minor_version.write(w);
        ((HEADER + name.len() * 2) as u16).write(w);
        self.reserved.write(w);
        (name.len() as u16).write(w);
        name.iter().for_each(|unit| unit.write(w));
        let rules = &self.rules[..self.rules.len().min(usize::from(u16::MAX))];
        (rules.len() as u16).write(w);
        rules.iter().for_each(|rule| rule.write(w));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_has_its_sizes() {
        let rule = TimeZoneRule {
            major_version: 2,
            minor_version: 1,
            reserved: 0x3e,
            flags: EFFECTIVE,
            year: 1601,
            x: [0; 14],
            bias: -60,
            standard_bias: 0,
            daylight_bias: -60,
            standard: Transition { month: 10, day: 5, hour: 3, ..Transition::default() },
            daylight: Transition { month: 3, day: 5, hour: 2, ..Transition::default() },
        };
        assert_eq!(rule.to_wire().len(), 66);
        let definition = TimeZoneDefinition {
            major_version: 2,
            minor_version: 1,
            reserved: 2,
            key_name: "W".into(),
            rules: vec![rule],
        };
        assert_eq!(definition.to_wire()[..12], [2, 1, 8, 0, 2, 0, 1, 0, b'W', 0, 1, 0]);
        assert_eq!(TimeZoneDefinition::from_wire(&definition.to_wire()), Ok(definition));
    }
}
