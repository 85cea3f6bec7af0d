//! Property values as MSG and PST files keep them, and the code page of their 8-bit strings.

use mapi::generated::tags;
use mapi::text::String8;
use mapi::{
    ErrorCode, FileTime, Guid, PropertyBag, PropertyKey, PropertyType, PropertyValue, WString,
};

use crate::text::charsets;

/// More properties than this on one object are refused: real messages have some hundred, and keeping a
/// bag of properties takes time with the square of their number.
pub const MAX_PROPERTIES: usize = 8_192;

/// What 8-bit strings are read in where nothing names a code page.
pub const DEFAULT_CODE_PAGE: u32 = 1252;

/// A value of at most 8 bytes, as it stands in its record. None if the type does not fit there.
pub fn fixed(property_type: PropertyType, bytes: [u8; 8]) -> Option<PropertyValue> {
    let [a, b, c, d, ..] = bytes;
    let four = [a, b, c, d];
    Some(match property_type {
        PropertyType::NULL => PropertyValue::Null,
        PropertyType::INTEGER16 => PropertyValue::Integer16(i16::from_le_bytes([a, b])),
        PropertyType::INTEGER32 => PropertyValue::Integer32(i32::from_le_bytes(four)),
        PropertyType::FLOATING32 => PropertyValue::Floating32(f32::from_le_bytes(four)),
        PropertyType::FLOATING64 => PropertyValue::Floating64(f64::from_le_bytes(bytes)),
        PropertyType::CURRENCY => PropertyValue::Currency(i64::from_le_bytes(bytes)),
        PropertyType::FLOATING_TIME => PropertyValue::FloatingTime(f64::from_le_bytes(bytes)),
        PropertyType::ERROR_CODE => PropertyValue::ErrorCode(ErrorCode(u32::from_le_bytes(four))),
        PropertyType::BOOLEAN => PropertyValue::Boolean(a != 0),
        PropertyType::INTEGER64 => PropertyValue::Integer64(i64::from_le_bytes(bytes)),
        PropertyType::TIME => PropertyValue::Time(FileTime(u64::from_le_bytes(bytes))),
        _ => return None,
    })
}

/// How many bytes of a record a value of [`fixed`] takes.
pub fn fixed_size(property_type: PropertyType) -> Option<usize> {
    Some(match property_type {
        PropertyType::NULL => 0,
        PropertyType::BOOLEAN => 1,
        PropertyType::INTEGER16 => 2,
        PropertyType::INTEGER32 | PropertyType::FLOATING32 | PropertyType::ERROR_CODE => 4,
        PropertyType::FLOATING64
        | PropertyType::CURRENCY
        | PropertyType::FLOATING_TIME
        | PropertyType::INTEGER64
        | PropertyType::TIME => 8,
        _ => return None,
    })
}

/// A value that is all of `bytes`: strings, binary values, GUIDs, and values of fixed size in a row.
pub fn whole(property_type: PropertyType, bytes: &[u8]) -> Result<PropertyValue, String> {
    Ok(match property_type {
        PropertyType::STRING => PropertyValue::String(utf16(bytes)),
        PropertyType::STRING8 => PropertyValue::String8(string8(bytes)),
        PropertyType::BINARY => PropertyValue::Binary(bytes.to_vec()),
        PropertyType::SERVER_ID => PropertyValue::ServerId(bytes.to_vec()),
        PropertyType::RESTRICTION => PropertyValue::Restriction(bytes.to_vec()),
        PropertyType::RULE_ACTION => PropertyValue::RuleAction(bytes.to_vec()),
        PropertyType::GUID => {
            PropertyValue::Guid(Guid(bytes.first_chunk().copied().ok_or_else(|| short(bytes, 16))?))
        }
        PropertyType::MULTIPLE_INTEGER16 => {
            PropertyValue::MultipleInteger16(row(bytes, i16::from_le_bytes)?)
        }
        PropertyType::MULTIPLE_INTEGER32 => {
            PropertyValue::MultipleInteger32(row(bytes, i32::from_le_bytes)?)
        }
        PropertyType::MULTIPLE_FLOATING32 => {
            PropertyValue::MultipleFloating32(row(bytes, f32::from_le_bytes)?)
        }
        PropertyType::MULTIPLE_FLOATING64 => {
            PropertyValue::MultipleFloating64(row(bytes, f64::from_le_bytes)?)
        }
        PropertyType::MULTIPLE_CURRENCY => {
            PropertyValue::MultipleCurrency(row(bytes, i64::from_le_bytes)?)
        }
        PropertyType::MULTIPLE_FLOATING_TIME => {
            PropertyValue::MultipleFloatingTime(row(bytes, f64::from_le_bytes)?)
        }
        PropertyType::MULTIPLE_INTEGER64 => {
            PropertyValue::MultipleInteger64(row(bytes, i64::from_le_bytes)?)
        }
        PropertyType::MULTIPLE_TIME => {
            PropertyValue::MultipleTime(row(bytes, |b| FileTime(u64::from_le_bytes(b)))?)
        }
        PropertyType::MULTIPLE_GUID => PropertyValue::MultipleGuid(row(bytes, Guid)?),
        other => {
            let size = fixed_size(other).ok_or_else(|| format!("its type {other:?} is unknown"))?;
            let mut record = [0; 8];
            let value = bytes.get(..size).ok_or_else(|| short(bytes, size))?;
            record[..size].copy_from_slice(value);
            fixed(other, record).ok_or_else(|| format!("its type {other:?} is unknown"))?
        }
    })
}

/// A multi-value property whose values have sizes of their own.
pub fn several<'a>(
    property_type: PropertyType,
    values: impl Iterator<Item = &'a [u8]>,
) -> Result<PropertyValue, String> {
    Ok(match property_type {
        PropertyType::MULTIPLE_STRING => PropertyValue::MultipleString(values.map(utf16).collect()),
        PropertyType::MULTIPLE_STRING8 => {
            PropertyValue::MultipleString8(values.map(string8).collect())
        }
        PropertyType::MULTIPLE_BINARY => {
            PropertyValue::MultipleBinary(values.map(<[u8]>::to_vec).collect())
        }
        other => return Err(format!("its type {other:?} is not one of several values")),
    })
}

/// The code page of an object's 8-bit strings: PidTagMessageCodepage, that of the language, that of the
/// Internet form ([MS-OXCMSG] 2.2.1.4, [MS-OXPROPS] 2.754).
pub fn code_page(properties: &PropertyBag) -> Option<u32> {
    let number = |tag| properties.get(tag).and_then(PropertyValue::as_i32).map(|n| n as u32);
    // UTF-16 cannot be the code page of 8-bit strings, though files name it.
    let usable = |page: &u32| !matches!(page, 0 | 1200 | 1201) && charsets::is_known(*page);
    number(tags::MESSAGE_CODEPAGE)
        .filter(usable)
        .or_else(|| number(tags::MESSAGE_LOCALE_ID).and_then(code_page_of_locale))
        .or_else(|| number(tags::INTERNET_CODEPAGE).filter(usable))
}

/// All 8-bit strings of a bag as Unicode.
pub fn to_unicode(properties: PropertyBag, code_page: u32) -> PropertyBag {
    let mut unicode = PropertyBag::new();
    for (key, value) in properties {
        unicode.insert(key, charsets::to_unicode(value, code_page));
    }
    unicode
}

/// A property's id or name, for reports.
pub fn describe(key: &PropertyKey, property_type: PropertyType) -> String {
    match key {
        PropertyKey::Tag(id) => {
            match mapi::known::tag_name(mapi::PropertyTag::from_parts(*id, property_type)) {
                Some(name) => format!("property {id:#06x} ({name})"),
                None => format!("property {id:#06x}"),
            }
        }
        PropertyKey::Named(name) => match mapi::known::property_name(name) {
            Some(known) => format!("property {known}"),
            None => format!("property {:?} of {}", name.kind, name.set),
        },
    }
}

/// The Windows code page of a language ([MS-LCID]).
fn code_page_of_locale(lcid: u32) -> Option<u32> {
    Some(match lcid & 0xffff {
        0 => return None,
        0x0804 | 0x1004 => 936,
        0x0404 | 0x0c04 | 0x1404 => 950,
        // Serbian in Cyrillic letters, Azeri and Uzbek in Cyrillic letters.
        0x0c1a | 0x1c1a | 0x082c | 0x0843 => 1251,
        other => match other & 0x03ff {
            0x11 => 932,
            0x12 => 949,
            0x1e => 874,
            0x05 | 0x0e | 0x15 | 0x18 | 0x1a | 0x1b | 0x1c | 0x24 => 1250,
            0x02 | 0x19 | 0x22 | 0x23 | 0x2f | 0x3f | 0x40 | 0x44 | 0x50 => 1251,
            0x08 => 1253,
            0x1f | 0x2c | 0x43 => 1254,
            0x0d => 1255,
            0x01 | 0x20 | 0x29 => 1256,
            0x25..=0x27 => 1257,
            0x2a => 1258,
            _ => 1252,
        },
    })
}

/// Some writers count a terminating null into the value.
fn utf16(bytes: &[u8]) -> WString {
    let mut text = bytes;
    while let [rest @ .., 0, 0] = text
        && text.len().is_multiple_of(2)
    {
        text = rest;
    }
    WString::from_utf16le(text)
}

fn string8(bytes: &[u8]) -> String8 {
    let mut text = bytes;
    while let [rest @ .., 0] = text {
        text = rest;
    }
    String8(text.to_vec())
}

fn row<const N: usize, T>(bytes: &[u8], read: impl Fn([u8; N]) -> T) -> Result<Vec<T>, String> {
    if !bytes.len().is_multiple_of(N) {
        return Err(format!("{} bytes are no row of values of {N} bytes", bytes.len()));
    }
    Ok(bytes.as_chunks::<N>().0.iter().map(|value| read(*value)).collect())
}

fn short(bytes: &[u8], wanted: usize) -> String {
    format!("{wanted} bytes were expected, {} are there", bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_lose_their_terminator_only() {
        assert_eq!(
            whole(PropertyType::STRING, b"a\0b\0\0\0").unwrap(),
            PropertyValue::String("ab".into())
        );
        assert_eq!(
            whole(PropertyType::STRING8, b"ab\0").unwrap(),
            PropertyValue::String8("ab".into())
        );
    }

    #[test]
    fn values_of_fixed_size_are_checked() {
        assert!(whole(PropertyType::GUID, &[0; 15]).is_err());
        assert!(whole(PropertyType::INTEGER64, &[0; 7]).is_err());
        assert!(whole(PropertyType::MULTIPLE_INTEGER32, &[0; 6]).is_err());
        assert!(whole(PropertyType(0x7777), &[]).is_err());
        assert_eq!(
            whole(PropertyType::MULTIPLE_INTEGER16, &[1, 0, 2, 0]).unwrap(),
            PropertyValue::MultipleInteger16(vec![1, 2])
        );
    }

    #[test]
    fn code_page_by_message_then_language_then_internet() {
        let mut bag = PropertyBag::new();
        assert_eq!(code_page(&bag), None);
        bag.set(tags::INTERNET_CODEPAGE, 65001);
        assert_eq!(code_page(&bag), Some(65001));
        bag.set(tags::MESSAGE_LOCALE_ID, 1049);
        assert_eq!(code_page(&bag), Some(1251));
        bag.set(tags::MESSAGE_CODEPAGE, 1200);
        assert_eq!(code_page(&bag), Some(1251));
        bag.set(tags::MESSAGE_CODEPAGE, 950);
        assert_eq!(code_page(&bag), Some(950));
    }
}
