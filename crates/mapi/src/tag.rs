//! Property tags and types.

use std::fmt;

use crate::wire::{Reader, Wire, WireError};

/// A property type ([MS-OXCDATA] 2.11.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PropertyType(pub u16);

macro_rules! types {
    ($($name:ident = $value:literal, $print:literal;)*) => {
        impl PropertyType {
            $(pub const $name: PropertyType = PropertyType($value);)*

            /// The specification's name, such as `PtypString`.
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some($print),)*
                    _ => None,
                }
            }
        }
    };
}

types! {
    UNSPECIFIED = 0x0000, "PtypUnspecified";
    NULL = 0x0001, "PtypNull";
    INTEGER16 = 0x0002, "PtypInteger16";
    INTEGER32 = 0x0003, "PtypInteger32";
    FLOATING32 = 0x0004, "PtypFloating32";
    FLOATING64 = 0x0005, "PtypFloating64";
    CURRENCY = 0x0006, "PtypCurrency";
    FLOATING_TIME = 0x0007, "PtypFloatingTime";
    ERROR_CODE = 0x000a, "PtypErrorCode";
    BOOLEAN = 0x000b, "PtypBoolean";
    OBJECT = 0x000d, "PtypObject";
    INTEGER64 = 0x0014, "PtypInteger64";
    STRING8 = 0x001e, "PtypString8";
    STRING = 0x001f, "PtypString";
    TIME = 0x0040, "PtypTime";
    GUID = 0x0048, "PtypGuid";
    SERVER_ID = 0x00fb, "PtypServerId";
    RESTRICTION = 0x00fd, "PtypRestriction";
    RULE_ACTION = 0x00fe, "PtypRuleAction";
    BINARY = 0x0102, "PtypBinary";
    MULTIPLE_INTEGER16 = 0x1002, "PtypMultipleInteger16";
    MULTIPLE_INTEGER32 = 0x1003, "PtypMultipleInteger32";
    MULTIPLE_FLOATING32 = 0x1004, "PtypMultipleFloating32";
    MULTIPLE_FLOATING64 = 0x1005, "PtypMultipleFloating64";
    MULTIPLE_CURRENCY = 0x1006, "PtypMultipleCurrency";
    MULTIPLE_FLOATING_TIME = 0x1007, "PtypMultipleFloatingTime";
    MULTIPLE_INTEGER64 = 0x1014, "PtypMultipleInteger64";
    MULTIPLE_STRING8 = 0x101e, "PtypMultipleString8";
    MULTIPLE_STRING = 0x101f, "PtypMultipleString";
    MULTIPLE_TIME = 0x1040, "PtypMultipleTime";
    MULTIPLE_GUID = 0x1048, "PtypMultipleGuid";
    MULTIPLE_BINARY = 0x1102, "PtypMultipleBinary";
}

impl PropertyType {
    /// Set in the type of a multi-value property ([MS-OXCDATA] 2.11.1).
    pub const MULTI_VALUE: u16 = 0x1000;
    /// Set together with MULTI_VALUE for a column of instances, one row a value ([MS-OXCTABL] 2.2.2.2.1.1).
    pub const MULTI_VALUE_INSTANCE: u16 = 0x2000;

    pub const fn is_multi_value(self) -> bool {
        self.0 & Self::MULTI_VALUE != 0
    }

    pub const fn is_string(self) -> bool {
        self.0 == Self::STRING.0 || self.0 == Self::STRING8.0
    }
}

impl fmt::Debug for PropertyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#06x}", self.0),
        }
    }
}

impl Wire for PropertyType {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(PropertyType(u16::read(r)?))
    }
    fn write(&self, w: &mut Vec<u8>) {
        self.0.write(w);
    }
}

/// A property tag: the id in the high 16 bits, the type in the low ones ([MS-OXCDATA] 2.9).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PropertyTag(pub u32);

impl PropertyTag {
    pub const fn new(tag: u32) -> Self {
        PropertyTag(tag)
    }

    pub const fn from_parts(id: u16, property_type: PropertyType) -> Self {
        PropertyTag((id as u32) << 16 | property_type.0 as u32)
    }

    pub const fn id(self) -> u16 {
        (self.0 >> 16) as u16
    }

    pub const fn property_type(self) -> PropertyType {
        PropertyType(self.0 as u16)
    }

    pub const fn with_type(self, property_type: PropertyType) -> Self {
        PropertyTag::from_parts(self.id(), property_type)
    }

    /// Ids from 0x8000 to 0xFFFE are mapped from names, differently in each mailbox ([MS-OXCPRPT] 1.3.2).
    pub const fn is_named(self) -> bool {
        self.id() >= 0x8000 && self.id() != 0xffff
    }
}

/// The name, where there is one, and the number: `PidTagSubject 0x0037001f`.
impl fmt::Debug for PropertyTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match crate::known::tag_name(*self) {
            Some(name) => write!(f, "{name} {:#010x}", self.0),
            None => write!(f, "{:#010x}", self.0),
        }
    }
}

/// The name of the tag where it has one, `PidTagDisplayName`, else its number.
impl fmt::Display for PropertyTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match crate::known::tag_name(*self) {
            Some(name) => f.pad(name),
            None => fmt::Debug::fmt(self, f),
        }
    }
}

/// Type, then id ([MS-OXCDATA] 2.9): the same as the 32-bit number in little-endian order.
impl Wire for PropertyTag {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(PropertyTag(u32::read(r)?))
    }
    fn write(&self, w: &mut Vec<u8>) {
        self.0.write(w);
    }
}
