//! Property values, typed.

use crate::error::ErrorCode;
use crate::guid::Guid;
use crate::restriction::{Restriction, RestrictionForm};
use crate::tag::PropertyType;
use crate::text::{String8, WString};
use crate::time::FileTime;
use crate::wire::{Found, Reader, SizedBytes, Wire, WireError, WireWith, read_items};

/// A property's value with its type ([MS-OXCDATA] 2.11.1).
#[derive(Debug, Clone, PartialEq)]
pub enum PropertyValue {
    Null,
    Integer16(i16),
    Integer32(i32),
    Floating32(f32),
    Floating64(f64),
    /// In ten-thousandths.
    Currency(i64),
    /// Days since 1899-12-30.
    FloatingTime(f64),
    ErrorCode(ErrorCode),
    Boolean(bool),
    /// An object stands behind the property; on the wire there is no value.
    Object,
    Integer64(i64),
    /// In a code page that the context knows.
    String8(String8),
    String(WString),
    Time(FileTime),
    Guid(Guid),
    /// The bytes behind the size ([MS-OXCDATA] 2.11.1.4).
    ServerId(Vec<u8>),
    /// The bytes of a restriction, as they stood ([MS-OXCDATA] 2.12).
    Restriction(Vec<u8>),
    /// The bytes of rule actions, as they stood ([MS-OXORULE] 2.2.5).
    RuleAction(Vec<u8>),
    Binary(Vec<u8>),
    MultipleInteger16(Vec<i16>),
    MultipleInteger32(Vec<i32>),
    MultipleFloating32(Vec<f32>),
    MultipleFloating64(Vec<f64>),
    MultipleCurrency(Vec<i64>),
    MultipleFloatingTime(Vec<f64>),
    MultipleInteger64(Vec<i64>),
    MultipleString8(Vec<String8>),
    MultipleString(Vec<WString>),
    MultipleTime(Vec<FileTime>),
    MultipleGuid(Vec<Guid>),
    MultipleBinary(Vec<Vec<u8>>),
}

/// How wide the counts of binary and multi-value properties are ([MS-OXCDATA] 2.11.1.1): two bytes in
/// ROP buffers, four in extended rules and in the address book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountWidth {
    Two,
    Four,
}

impl PropertyValue {
    pub fn property_type(&self) -> PropertyType {
        use PropertyType as T;
        match self {
            PropertyValue::Null => T::NULL,
            PropertyValue::Integer16(_) => T::INTEGER16,
            PropertyValue::Integer32(_) => T::INTEGER32,
            PropertyValue::Floating32(_) => T::FLOATING32,
            PropertyValue::Floating64(_) => T::FLOATING64,
            PropertyValue::Currency(_) => T::CURRENCY,
            PropertyValue::FloatingTime(_) => T::FLOATING_TIME,
            PropertyValue::ErrorCode(_) => T::ERROR_CODE,
            PropertyValue::Boolean(_) => T::BOOLEAN,
            PropertyValue::Object => T::OBJECT,
            PropertyValue::Integer64(_) => T::INTEGER64,
            PropertyValue::String8(_) => T::STRING8,
            PropertyValue::String(_) => T::STRING,
            PropertyValue::Time(_) => T::TIME,
            PropertyValue::Guid(_) => T::GUID,
            PropertyValue::ServerId(_) => T::SERVER_ID,
            PropertyValue::Restriction(_) => T::RESTRICTION,
            PropertyValue::RuleAction(_) => T::RULE_ACTION,
            PropertyValue::Binary(_) => T::BINARY,
            PropertyValue::MultipleInteger16(_) => T::MULTIPLE_INTEGER16,
            PropertyValue::MultipleInteger32(_) => T::MULTIPLE_INTEGER32,
            PropertyValue::MultipleFloating32(_) => T::MULTIPLE_FLOATING32,
            PropertyValue::MultipleFloating64(_) => T::MULTIPLE_FLOATING64,
            PropertyValue::MultipleCurrency(_) => T::MULTIPLE_CURRENCY,
            PropertyValue::MultipleFloatingTime(_) => T::MULTIPLE_FLOATING_TIME,
            PropertyValue::MultipleInteger64(_) => T::MULTIPLE_INTEGER64,
            PropertyValue::MultipleString8(_) => T::MULTIPLE_STRING8,
            PropertyValue::MultipleString(_) => T::MULTIPLE_STRING,
            PropertyValue::MultipleTime(_) => T::MULTIPLE_TIME,
            PropertyValue::MultipleGuid(_) => T::MULTIPLE_GUID,
            PropertyValue::MultipleBinary(_) => T::MULTIPLE_BINARY,
        }
    }

    /// A rough size in memory and on disk, in bytes.
    pub fn size(&self) -> usize {
        match self {
            PropertyValue::String8(s) => s.0.len(),
            PropertyValue::String(s) => s.as_bytes().len(),
            PropertyValue::ServerId(b)
            | PropertyValue::Restriction(b)
            | PropertyValue::RuleAction(b)
            | PropertyValue::Binary(b) => b.len(),
            PropertyValue::MultipleInteger16(v) => v.len() * 2,
            PropertyValue::MultipleInteger32(v) => v.len() * 4,
            PropertyValue::MultipleFloating32(v) => v.len() * 4,
            PropertyValue::MultipleFloating64(v) | PropertyValue::MultipleFloatingTime(v) => {
                v.len() * 8
            }
            PropertyValue::MultipleCurrency(v) | PropertyValue::MultipleInteger64(v) => v.len() * 8,
            PropertyValue::MultipleString8(v) => v.iter().map(|s| s.0.len() + 1).sum(),
            PropertyValue::MultipleString(v) => v.iter().map(|s| s.as_bytes().len() + 2).sum(),
            PropertyValue::MultipleTime(v) => v.len() * 8,
            PropertyValue::MultipleGuid(v) => v.len() * 16,
            PropertyValue::MultipleBinary(v) => v.iter().map(|b| b.len() + 2).sum(),
            PropertyValue::Guid(_) => 16,
            _ => 8,
        }
    }

    /// Whether the counts of this width can say how long the value is. One that is longer has to go
    /// through a stream: written here, it would be cut.
    pub fn fits_counts(&self, width: CountWidth) -> bool {
        let fits = |count: usize| count <= width.max();
        match self {
            PropertyValue::ServerId(v) => v.len() <= CountWidth::Two.max(),
            PropertyValue::Binary(v) => fits(v.len()),
            PropertyValue::MultipleInteger16(v) => fits(v.len()),
            PropertyValue::MultipleInteger32(v) => fits(v.len()),
            PropertyValue::MultipleFloating32(v) => fits(v.len()),
            PropertyValue::MultipleFloating64(v) | PropertyValue::MultipleFloatingTime(v) => {
                fits(v.len())
            }
            PropertyValue::MultipleCurrency(v) | PropertyValue::MultipleInteger64(v) => {
                fits(v.len())
            }
            PropertyValue::MultipleString8(v) => fits(v.len()),
            PropertyValue::MultipleString(v) => fits(v.len()),
            PropertyValue::MultipleTime(v) => fits(v.len()),
            PropertyValue::MultipleGuid(v) => fits(v.len()),
            PropertyValue::MultipleBinary(v) => fits(v.len()) && v.iter().all(|b| fits(b.len())),
            _ => true,
        }
    }

    /// Reads a value whose type and count width are known. Restrictions and rule actions are checked as far
    /// as their end demands, and kept as bytes.
    pub fn read_typed(
        r: &mut Reader<'_>,
        property_type: PropertyType,
        width: CountWidth,
    ) -> Result<Self, WireError> {
        use PropertyType as T;
        Ok(match property_type {
            T::NULL => PropertyValue::Null,
            T::INTEGER16 => PropertyValue::Integer16(i16::read(r)?),
            T::INTEGER32 => PropertyValue::Integer32(i32::read(r)?),
            T::FLOATING32 => PropertyValue::Floating32(f32::read(r)?),
            T::FLOATING64 => PropertyValue::Floating64(f64::read(r)?),
            T::CURRENCY => PropertyValue::Currency(i64::read(r)?),
            T::FLOATING_TIME => PropertyValue::FloatingTime(f64::read(r)?),
            T::ERROR_CODE => PropertyValue::ErrorCode(ErrorCode::read(r)?),
            T::BOOLEAN => PropertyValue::Boolean(bool::read(r)?),
            T::OBJECT => PropertyValue::Object,
            T::INTEGER64 => PropertyValue::Integer64(i64::read(r)?),
            T::STRING8 => PropertyValue::String8(String8::read(r)?),
            T::STRING => PropertyValue::String(WString::read(r)?),
            T::TIME => PropertyValue::Time(FileTime::read(r)?),
            T::GUID => PropertyValue::Guid(Guid::read(r)?),
            // The size of a ServerId is two bytes whatever the context ([MS-OXCDATA] 2.11.1.4).
            T::SERVER_ID => PropertyValue::ServerId(SizedBytes::<u16>::read(r)?.bytes),
            T::RESTRICTION => PropertyValue::Restriction(read_restriction(r, width)?),
            T::RULE_ACTION => PropertyValue::RuleAction(read_rule_actions(r, width)?),
            T::BINARY => PropertyValue::Binary(read_binary(r, width)?),
            T::MULTIPLE_INTEGER16 => PropertyValue::MultipleInteger16(read_many(r, width)?),
            T::MULTIPLE_INTEGER32 => PropertyValue::MultipleInteger32(read_many(r, width)?),
            T::MULTIPLE_FLOATING32 => PropertyValue::MultipleFloating32(read_many(r, width)?),
            T::MULTIPLE_FLOATING64 => PropertyValue::MultipleFloating64(read_many(r, width)?),
            T::MULTIPLE_CURRENCY => PropertyValue::MultipleCurrency(read_many(r, width)?),
            T::MULTIPLE_FLOATING_TIME => PropertyValue::MultipleFloatingTime(read_many(r, width)?),
            T::MULTIPLE_INTEGER64 => PropertyValue::MultipleInteger64(read_many(r, width)?),
            T::MULTIPLE_STRING8 => PropertyValue::MultipleString8(read_many(r, width)?),
            T::MULTIPLE_STRING => PropertyValue::MultipleString(read_many(r, width)?),
            T::MULTIPLE_TIME => PropertyValue::MultipleTime(read_many(r, width)?),
            T::MULTIPLE_GUID => PropertyValue::MultipleGuid(read_many(r, width)?),
            T::MULTIPLE_BINARY => {
                let count = width.read(r)?;
                let mut values = Vec::with_capacity(r.capacity(count, 24));
                for _ in 0..count {
                    values.push(read_binary(r, width)?);
                }
                PropertyValue::MultipleBinary(values)
            }
            other => {
                return Err(WireError {
                    offset: r.offset(),
                    expected: "a property type with a known layout",
                    found: Found::Value(u64::from(other.0)),
                });
            }
        })
    }

    /// Writes the value without its type.
    pub fn write_typed(&self, w: &mut Vec<u8>, width: CountWidth) {
        match self {
            PropertyValue::Null | PropertyValue::Object => {}
            PropertyValue::Integer16(v) => v.write(w),
            PropertyValue::Integer32(v) => v.write(w),
            PropertyValue::Floating32(v) => v.write(w),
            PropertyValue::Floating64(v) | PropertyValue::FloatingTime(v) => v.write(w),
            PropertyValue::Currency(v) | PropertyValue::Integer64(v) => v.write(w),
            PropertyValue::ErrorCode(v) => v.write(w),
            PropertyValue::Boolean(v) => v.write(w),
            PropertyValue::String8(v) => v.write(w),
            PropertyValue::String(v) => v.write(w),
            PropertyValue::Time(v) => v.write(w),
            PropertyValue::Guid(v) => v.write(w),
            PropertyValue::ServerId(v) => SizedBytes::<u16>::from(v.clone()).write(w),
            PropertyValue::Restriction(v) | PropertyValue::RuleAction(v) => w.extend_from_slice(v),
            PropertyValue::Binary(v) => write_binary(w, v, width),
            PropertyValue::MultipleInteger16(v) => write_many(w, v, width),
            PropertyValue::MultipleInteger32(v) => write_many(w, v, width),
            PropertyValue::MultipleFloating32(v) => write_many(w, v, width),
            PropertyValue::MultipleFloating64(v) | PropertyValue::MultipleFloatingTime(v) => {
                write_many(w, v, width);
            }
            PropertyValue::MultipleCurrency(v) | PropertyValue::MultipleInteger64(v) => {
                write_many(w, v, width);
            }
            PropertyValue::MultipleString8(v) => write_many(w, v, width),
            PropertyValue::MultipleString(v) => write_many(w, v, width),
            PropertyValue::MultipleTime(v) => write_many(w, v, width),
            PropertyValue::MultipleGuid(v) => write_many(w, v, width),
            PropertyValue::MultipleBinary(v) => {
                let count = width.write(w, v.len());
                v.iter().take(count).for_each(|bytes| write_binary(w, bytes, width));
            }
        }
    }
}

/// A value of a known type with 16-bit counts, as ROP buffers carry it.
impl WireWith<PropertyType> for PropertyValue {
    fn read_with(r: &mut Reader<'_>, property_type: &PropertyType) -> Result<Self, WireError> {
        PropertyValue::read_typed(r, *property_type, CountWidth::Two)
    }
    fn write_with(&self, w: &mut Vec<u8>, _: &PropertyType) {
        self.write_typed(w, CountWidth::Two);
    }
}

impl CountWidth {
    pub fn read(self, r: &mut Reader<'_>) -> Result<usize, WireError> {
        Ok(match self {
            CountWidth::Two => usize::from(u16::read(r)?),
            CountWidth::Four => u32::read(r)? as usize,
        })
    }

    /// The largest count of this width.
    pub fn max(self) -> usize {
        match self {
            CountWidth::Two => usize::from(u16::MAX),
            CountWidth::Four => u32::MAX as usize,
        }
    }

    /// Writes the count that fits and returns it.
    pub fn write(self, w: &mut Vec<u8>, count: usize) -> usize {
        match self {
            CountWidth::Two => {
                let count = u16::try_from(count).unwrap_or(u16::MAX);
                count.write(w);
                usize::from(count)
            }
            CountWidth::Four => {
                let count = u32::try_from(count).unwrap_or(u32::MAX);
                count.write(w);
                count as usize
            }
        }
    }
}

/// The bytes of a restriction: it has no size in front, so its end is where its parser ends.
fn read_restriction(r: &mut Reader<'_>, width: CountWidth) -> Result<Vec<u8>, WireError> {
    let form = match width {
        CountWidth::Two => RestrictionForm::Rop,
        CountWidth::Four => RestrictionForm::ExtendedRule,
    };
    let mut ahead = r.clone();
    Restriction::read_as(&mut ahead, form)?;
    Ok(r.bytes(ahead.offset() - r.offset(), "a restriction")?.to_vec())
}

/// The bytes of a RuleAction structure: a count of actions, each behind its size ([MS-OXORULE] 2.2.5).
fn read_rule_actions(r: &mut Reader<'_>, width: CountWidth) -> Result<Vec<u8>, WireError> {
    let mut ahead = r.clone();
    for _ in 0..width.read(&mut ahead)? {
        let size = width.read(&mut ahead)?;
        ahead.bytes(size, "as many bytes of a rule action as its size says")?;
    }
    Ok(r.bytes(ahead.offset() - r.offset(), "rule actions")?.to_vec())
}

fn read_many<T: Wire>(r: &mut Reader<'_>, width: CountWidth) -> Result<Vec<T>, WireError> {
    let count = width.read(r)?;
    read_items(r, count)
}

fn write_many<T: Wire>(w: &mut Vec<u8>, values: &[T], width: CountWidth) {
    let count = width.write(w, values.len());
    values.iter().take(count).for_each(|value| value.write(w));
}

fn read_binary(r: &mut Reader<'_>, width: CountWidth) -> Result<Vec<u8>, WireError> {
    let size = width.read(r)?;
    Ok(r.bytes(size, "as many bytes as their size says")?.to_vec())
}

fn write_binary(w: &mut Vec<u8>, bytes: &[u8], width: CountWidth) {
    let size = width.write(w, bytes.len());
    w.extend_from_slice(&bytes[..size]);
}

macro_rules! from {
    ($($from:ty => $variant:ident),* $(,)?) => {$(
        impl From<$from> for PropertyValue {
            fn from(value: $from) -> Self {
                PropertyValue::$variant(value.into())
            }
        }
    )*};
}
from! {
    i16 => Integer16, i32 => Integer32, i64 => Integer64, f64 => Floating64, bool => Boolean,
    &str => String, String => String, WString => String, FileTime => Time, Guid => Guid,
    ErrorCode => ErrorCode, Vec<u8> => Binary, &[u8] => Binary,
}

/// What a value is, if it is that: `value.as_i32()`.
impl PropertyValue {
    pub fn as_i32(&self) -> Option<i32> {
        match self {
            PropertyValue::Integer32(v) => Some(*v),
            _ => None,
        }
    }

    pub fn as_i64(&self) -> Option<i64> {
        match self {
            PropertyValue::Integer64(v) => Some(*v),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self {
            PropertyValue::Boolean(v) => Some(*v),
            _ => None,
        }
    }

    pub fn as_time(&self) -> Option<FileTime> {
        match self {
            PropertyValue::Time(v) => Some(*v),
            _ => None,
        }
    }

    pub fn as_text(&self) -> Option<&WString> {
        match self {
            PropertyValue::String(v) => Some(v),
            _ => None,
        }
    }

    pub fn as_binary(&self) -> Option<&[u8]> {
        match self {
            PropertyValue::Binary(v) => Some(v),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multi_value_strings_round_trip() {
        let value = PropertyValue::MultipleString(vec!["a".into(), "bc".into()]);
        let mut w = Vec::new();
        value.write_typed(&mut w, CountWidth::Two);
        assert_eq!(w, [2, 0, 97, 0, 0, 0, 98, 0, 99, 0, 0, 0]);
        let mut r = Reader::new(&w);
        assert_eq!(
            PropertyValue::read_typed(&mut r, value.property_type(), CountWidth::Two),
            Ok(value)
        );
        assert!(r.is_empty());
    }
}
