//! Lists of properties within attributes ([MS-OXTNEF] 2.1.3.4).
//!
//! ```text
//! list: count u32 | property*
//! property: type u16 | id u16 | name, if id >= 0x8000 | value
//! name: set GUID | 0 u32 | number u32
//!       set GUID | 1 u32 | size u32 | UTF-16 | padding
//! value of fixed size: the bytes | padding
//! other value: count u32 | (size u32 | bytes | padding)*
//! several values of fixed size: count u32 | (the bytes | padding)*
//! ```
//!
//! Padding goes to four bytes. A value of which there is one is counted all the same. An object begins with
//! the id of its interface, which its size includes.

use std::collections::HashSet;

use mapi::generated::tags;
use mapi::wire::Reader;
use mapi::{
    Guid, PropertyBag, PropertyKey, PropertyName, PropertyNameKind, PropertyTag, PropertyType,
    PropertyValue, WString, Wire, WireError,
};

use crate::report::{Kind, Report};
use crate::values;

/// Ids from here on are local: a name says what they are.
const FIRST_NAMED: u16 = 0x8000;
/// Set in the types of several values ([MS-OXCDATA] 2.11.1).
const SEVERAL: u16 = 0x1000;
/// What a name is: a number or a text.
const KIND_NUMBER: u32 = 0;
const KIND_TEXT: u32 = 1;
const PADDED_TO: usize = 4;

/// IID_IMessage, IID_IStorage and IID_IStream ([MS-OXTNEF] 2.1.3.4).
pub const MESSAGE_INTERFACE: Guid = ole_guid(0x0002_0307);
pub const STORAGE_INTERFACE: Guid = ole_guid(0x0000_000b);
pub const STREAM_INTERFACE: Guid = ole_guid(0x0000_000c);

const fn ole_guid(a: u32) -> Guid {
    Guid::from_fields(a, 0, 0, [0xc0, 0, 0, 0, 0, 0, 0, 0x46])
}

/// A property list as it stands: 8-bit strings are not converted.
#[derive(Debug, Default)]
pub struct List<'a> {
    pub bag: PropertyBag,
    /// PidTagAttachDataBinary or PidTagAttachDataObject, which are an attachment's content.
    pub content: Option<Content<'a>>,
    /// Its end could not be found.
    pub lost: bool,
}

#[derive(Debug, Clone, Copy)]
pub enum Content<'a> {
    Bytes(&'a [u8]),
    Object { interface: Guid, bytes: &'a [u8] },
}

/// Reads a list as far as it goes. What cannot be read is named; a value whose end cannot be told costs
/// those behind it.
pub fn read<'a>(r: &mut Reader<'a>, report: &mut Report) -> List<'a> {
    let mut list = List::default();
    let mut seen = HashSet::new();
    let Ok(count) = u32::read(r) else {
        report.refuse(Kind::Structure, "property list", "its count is missing");
        list.lost = true;
        return list;
    };
    for index in 0..count {
        let lost = |why: String| format!("{why}; {} more are lost with it", count - index - 1);
        if r.is_empty() {
            let why = format!("it ends after {index} of {count} properties");
            report.refuse(Kind::Structure, "property list", why);
            list.lost = true;
            break;
        }
        let (tag, key) = match head(r) {
            Ok(head) => head,
            Err(error) => {
                report.refuse(Kind::Property, "property", lost(error.to_string()));
                list.lost = true;
                break;
            }
        };
        let value = match value(r, tag.property_type()) {
            Ok(value) => value,
            Err(why) => {
                let what = values::describe(&key, tag.property_type());
                report.refuse(Kind::Property, what, lost(why));
                list.lost = true;
                break;
            }
        };
        take(&mut list, &mut seen, tag, key, value, report);
    }
    list
}

enum Found<'a> {
    Value(PropertyValue),
    Binary(&'a [u8]),
    Object { interface: Guid, bytes: &'a [u8] },
}

fn take<'a>(
    list: &mut List<'a>,
    seen: &mut HashSet<PropertyKey>,
    tag: PropertyTag,
    key: PropertyKey,
    found: Found<'a>,
    report: &mut Report,
) {
    let is_content = key == PropertyKey::Tag(tags::ATTACH_DATA_BINARY.id());
    let value = match found {
        Found::Object { interface, bytes } if is_content => {
            list.content = Some(Content::Object { interface, bytes });
            return;
        }
        Found::Binary(bytes) if is_content => {
            list.content = Some(Content::Bytes(bytes));
            return;
        }
        Found::Binary(bytes) => PropertyValue::Binary(bytes.to_vec()),
        Found::Value(value) => value,
        Found::Object { .. } => {
            let what = values::describe(&key, tag.property_type());
            report.refuse(Kind::Property, what, "an object cannot be a value");
            return;
        }
    };
    let is_present = seen.contains(&key);
    if !is_present && seen.len() >= values::MAX_PROPERTIES {
        let what = values::describe(&key, tag.property_type());
        report.refuse(Kind::Property, what, "the object has too many properties");
        return;
    }
    report.carry(Kind::Property);
    // Some writers keep a string in both forms; the Unicode one is the better.
    if !is_present || tag.property_type() == PropertyType::STRING {
        seen.insert(key.clone());
        list.bag.insert(key, value);
    }
}

/// The tag of a property, and what it is known by.
fn head(r: &mut Reader<'_>) -> Result<(PropertyTag, PropertyKey), WireError> {
    let property_type = PropertyType(u16::read(r)?);
    let id = u16::read(r)?;
    let tag = PropertyTag::from_parts(id, property_type);
    if id < FIRST_NAMED {
        return Ok((tag, PropertyKey::Tag(id)));
    }
    let set = Guid::read(r)?;
    let kind = match u32::read(r)? {
        KIND_NUMBER => PropertyNameKind::Id(u32::read(r)?),
        KIND_TEXT => {
            let bytes = sized(r)?;
            let text = bytes.strip_suffix(&[0, 0]).unwrap_or(bytes);
            PropertyNameKind::Name(WString::from_utf16le(text))
        }
        other => return Err(r.bad("a kind of property name", u64::from(other), 4)),
    };
    Ok((tag, PropertyKey::Named(PropertyName { set, kind })))
}

fn value<'a>(r: &mut Reader<'a>, property_type: PropertyType) -> Result<Found<'a>, String> {
    let words = |error: WireError| error.to_string();
    let binary = |bytes: Option<&'a [u8]>| Found::Binary(bytes.unwrap_or_default());
    match property_type {
        PropertyType::BINARY => Ok(binary(counted(r).map_err(words)?)),
        PropertyType::STRING | PropertyType::STRING8 => {
            let bytes = counted(r).map_err(words)?.unwrap_or_default();
            values::whole(property_type, bytes).map(Found::Value)
        }
        PropertyType::OBJECT => {
            let bytes = counted(r).map_err(words)?.unwrap_or_default();
            let (interface, bytes) = bytes.split_first_chunk().unwrap_or((&[0; 16], bytes));
            Ok(Found::Object { interface: Guid(*interface), bytes })
        }
        PropertyType::MULTIPLE_STRING
        | PropertyType::MULTIPLE_STRING8
        | PropertyType::MULTIPLE_BINARY => {
            let parts = parts(r).map_err(words)?;
            values::several(property_type, parts.into_iter()).map(Found::Value)
        }
        PropertyType::MULTIPLE_INTEGER16 => {
            let bytes = repeated(r, PADDED_TO).map_err(words)?;
            let numbers = bytes.as_chunks::<PADDED_TO>().0.iter();
            let numbers = numbers.map(|b| i16::from_le_bytes([b[0], b[1]])).collect();
            Ok(Found::Value(PropertyValue::MultipleInteger16(numbers)))
        }
        _ => {
            let single = PropertyType(property_type.0 & !SEVERAL);
            let size = match single {
                PropertyType::GUID => 16,
                other => values::fixed_size(other)
                    .filter(|size| *size > 0)
                    .ok_or_else(|| format!("its type {property_type:?} is unknown"))?,
            };
            let bytes = match single == property_type {
                true => padded(r, size).map_err(words)?,
                false => repeated(r, size).map_err(words)?,
            };
            values::whole(property_type, bytes).map(Found::Value)
        }
    }
}

/// Of values that are counted although there is one, the first.
fn counted<'a>(r: &mut Reader<'a>) -> Result<Option<&'a [u8]>, WireError> {
    let count = u32::read(r)?;
    let mut first = None;
    for _ in 0..count {
        let bytes = sized(r)?;
        first.get_or_insert(bytes);
    }
    Ok(first)
}

fn parts<'a>(r: &mut Reader<'a>) -> Result<Vec<&'a [u8]>, WireError> {
    let count = u32::read(r)? as usize;
    let mut parts = Vec::with_capacity(r.capacity(count, 4));
    for _ in 0..count {
        parts.push(sized(r)?);
    }
    Ok(parts)
}

/// Values of a size in a row.
fn repeated<'a>(r: &mut Reader<'a>, size: usize) -> Result<&'a [u8], WireError> {
    let count = u32::read(r)? as usize;
    r.bytes(count.saturating_mul(size), "as many values as their count says")
}

fn sized<'a>(r: &mut Reader<'a>) -> Result<&'a [u8], WireError> {
    let size = u32::read(r)? as usize;
    padded(r, size)
}

/// Padding at the end of a list may be missing.
fn padded<'a>(r: &mut Reader<'a>, size: usize) -> Result<&'a [u8], WireError> {
    let bytes = r.bytes(size, "as many bytes as the value's size says")?;
    let padding = (size.next_multiple_of(PADDED_TO) - size).min(r.remaining());
    r.bytes(padding, "padding")?;
    Ok(bytes)
}

/// Writes a list: the properties, and an object if there is one. What TNEF has no form for is left out.
pub fn write<'b>(
    out: &mut Vec<u8>,
    properties: impl Iterator<Item = &'b (PropertyKey, PropertyValue)>,
    object: Option<(Guid, &[u8])>,
) {
    let at = out.len();
    let mut count = 0_u32;
    0_u32.write(out);
    for (key, value) in properties {
        count += u32::from(write_property(out, key, value));
    }
    if let Some((interface, bytes)) = object
        && let Ok(size) = u32::try_from(bytes.len() + interface.0.len())
    {
        tags::ATTACH_DATA_OBJECT.0.write(out);
        1_u32.write(out);
        size.write(out);
        interface.write(out);
        out.extend_from_slice(bytes);
        pad(out, bytes.len());
        count += 1;
    }
    out[at..at + 4].copy_from_slice(&count.to_le_bytes());
}

/// Whether the property could be written.
fn write_property(out: &mut Vec<u8>, key: &PropertyKey, value: &PropertyValue) -> bool {
    let id = match key {
        PropertyKey::Tag(id) if *id < FIRST_NAMED => *id,
        PropertyKey::Tag(_) => return false,
        PropertyKey::Named(_) => FIRST_NAMED,
    };
    let Some(bytes) = encoded(value) else { return false };
    value.property_type().0.write(out);
    id.write(out);
    if let PropertyKey::Named(name) = key {
        name.set.write(out);
        match &name.kind {
            PropertyNameKind::Id(number) => {
                KIND_NUMBER.write(out);
                number.write(out);
            }
            PropertyNameKind::Name(text) => {
                KIND_TEXT.write(out);
                push_sized(out, &with_null(text));
            }
        }
    }
    out.extend_from_slice(&bytes);
    true
}

/// A value in its form, padding included.
fn encoded(value: &PropertyValue) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    match value {
        PropertyValue::Null
        | PropertyValue::Object
        | PropertyValue::ServerId(_)
        | PropertyValue::Restriction(_)
        | PropertyValue::RuleAction(_) => return None,
        PropertyValue::Integer16(v) => i32::from(*v as u16).write(&mut out),
        PropertyValue::Boolean(v) => u32::from(*v).write(&mut out),
        PropertyValue::Integer32(v) => v.write(&mut out),
        PropertyValue::Floating32(v) => v.write(&mut out),
        PropertyValue::ErrorCode(v) => v.write(&mut out),
        PropertyValue::Floating64(v) | PropertyValue::FloatingTime(v) => v.write(&mut out),
        PropertyValue::Currency(v) | PropertyValue::Integer64(v) => v.write(&mut out),
        PropertyValue::Time(v) => v.write(&mut out),
        PropertyValue::Guid(v) => v.write(&mut out),
        PropertyValue::String8(v) => push_all(&mut out, [[&v.0[..], &[0]].concat()])?,
        PropertyValue::String(v) => push_all(&mut out, [with_null(v)])?,
        PropertyValue::Binary(v) => push_all(&mut out, [v])?,
        PropertyValue::MultipleString8(v) => {
            push_all(&mut out, v.iter().map(|text| [&text.0[..], &[0]].concat()))?;
        }
        PropertyValue::MultipleString(v) => push_all(&mut out, v.iter().map(with_null))?,
        PropertyValue::MultipleBinary(v) => push_all(&mut out, v)?,
        PropertyValue::MultipleInteger16(v) => {
            push_each(&mut out, v, |v| i32::from(*v as u16).to_le_bytes())?;
        }
        PropertyValue::MultipleInteger32(v) => push_each(&mut out, v, |v| v.to_le_bytes())?,
        PropertyValue::MultipleFloating32(v) => push_each(&mut out, v, |v| v.to_le_bytes())?,
        PropertyValue::MultipleFloating64(v) | PropertyValue::MultipleFloatingTime(v) => {
            push_each(&mut out, v, |v| v.to_le_bytes())?;
        }
        PropertyValue::MultipleCurrency(v) | PropertyValue::MultipleInteger64(v) => {
            push_each(&mut out, v, |v| v.to_le_bytes())?;
        }
        PropertyValue::MultipleTime(v) => push_each(&mut out, v, |v| v.0.to_le_bytes())?,
        PropertyValue::MultipleGuid(v) => push_each(&mut out, v, |v| v.0)?,
    }
    Some(out)
}

fn push_each<T, const N: usize>(
    out: &mut Vec<u8>,
    values: &[T],
    bytes: impl Fn(&T) -> [u8; N],
) -> Option<()> {
    u32::try_from(values.len()).ok()?.write(out);
    values.iter().for_each(|value| out.extend_from_slice(&bytes(value)));
    Some(())
}

/// None if a value is longer than its size can say.
fn push_all<V: AsRef<[u8]>>(
    out: &mut Vec<u8>,
    values: impl IntoIterator<Item = V, IntoIter: ExactSizeIterator>,
) -> Option<()> {
    let values = values.into_iter();
    u32::try_from(values.len()).ok()?.write(out);
    for value in values {
        u32::try_from(value.as_ref().len()).ok()?;
        push_sized(out, value.as_ref());
    }
    Some(())
}

fn push_sized(out: &mut Vec<u8>, bytes: &[u8]) {
    (bytes.len() as u32).write(out);
    out.extend_from_slice(bytes);
    pad(out, bytes.len());
}

fn pad(out: &mut Vec<u8>, size: usize) {
    out.resize(out.len() + size.next_multiple_of(PADDED_TO) - size, 0);
}

/// With one null: a reader takes all that stand at the end for its end.
fn with_null(text: &WString) -> Vec<u8> {
    let mut bytes = text.to_utf16le();
    while bytes.ends_with(&[0, 0]) {
        bytes.truncate(bytes.len() - 2);
    }
    bytes.extend_from_slice(&[0, 0]);
    bytes
}

#[cfg(test)]
mod tests {
    use mapi::text::String8;
    use mapi::{ErrorCode, FileTime};

    use super::*;

    fn every_kind() -> Vec<PropertyValue> {
        use PropertyValue as V;
        vec![
            V::Integer16(-2),
            V::Integer32(-3),
            V::Floating32(1.5),
            V::Floating64(-2.5),
            V::Currency(10_000),
            V::FloatingTime(3.25),
            V::ErrorCode(ErrorCode(0x8004_010f)),
            V::Boolean(true),
            V::Integer64(-5),
            V::String8(String8(b"caf\xe9".to_vec())),
            V::String("Größe".into()),
            V::String("".into()),
            V::Time(FileTime(7)),
            V::Guid(MESSAGE_INTERFACE),
            V::Binary(vec![1, 2, 3, 4, 5]),
            V::Binary(vec![]),
            V::MultipleInteger16(vec![1, -2, 3]),
            V::MultipleInteger32(vec![1, -2]),
            V::MultipleFloating32(vec![0.5]),
            V::MultipleFloating64(vec![0.5, 0.25]),
            V::MultipleCurrency(vec![1]),
            V::MultipleFloatingTime(vec![1.0]),
            V::MultipleInteger64(vec![1, 2]),
            V::MultipleString8(vec!["a".into(), "bcd".into()]),
            V::MultipleString(vec!["ä".into(), "".into()]),
            V::MultipleTime(vec![FileTime(1)]),
            V::MultipleGuid(vec![MESSAGE_INTERFACE, STORAGE_INTERFACE]),
            V::MultipleBinary(vec![vec![1], vec![], vec![2, 3]]),
        ]
    }

    fn bag() -> PropertyBag {
        let mut bag = PropertyBag::new();
        for (index, value) in every_kind().into_iter().enumerate() {
            bag.insert(PropertyKey::Tag(0x6700 + index as u16), value);
        }
        bag.set_named(PropertyName::id(MESSAGE_INTERFACE, 0x8502), true);
        bag.set_named(PropertyName::string(STORAGE_INTERFACE, "Keywords"), 7);
        bag.set_named(PropertyName::string(STORAGE_INTERFACE, "ab"), "x");
        bag
    }

    fn written(bag: &PropertyBag) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out, bag.iter(), Some((STORAGE_INTERFACE, b"object")));
        out
    }

    #[test]
    fn every_type_comes_back() {
        let bag = bag();
        let bytes = written(&bag);
        assert!(bytes.len().is_multiple_of(4));
        let mut report = Report::default();
        let mut r = Reader::new(&bytes);
        let list = read(&mut r, &mut report);
        assert!(report.is_whole(), "{report:?}");
        assert_eq!(list.bag, bag);
        assert!(r.is_empty());
        let Some(Content::Object { interface, bytes }) = list.content else { panic!() };
        assert_eq!((interface, bytes), (STORAGE_INTERFACE, &b"object"[..]));
    }

    #[test]
    fn what_stands_before_a_cut_is_kept() {
        let bag = bag();
        let bytes = written(&bag);
        for length in 4..bytes.len() - 4 {
            let mut report = Report::default();
            let list = read(&mut Reader::new(&bytes[..length]), &mut report);
            assert_eq!(report.refused.len(), 1, "{length}");
            assert!(list.bag.iter().zip(bag.iter()).all(|(kept, whole)| kept == whole));
        }
    }

    #[test]
    fn counts_beyond_the_bytes_are_refused() {
        // What the corpus's oom.tnef holds: 218 million values in no byte.
        let list = b"\x01\0\0\0\x03\x10\0\x80\x08\x20\x06\0\0\0\0\0\xc0\0\0\0\0\0\0\x46\0\0\0\0\
\x44\x85\0\0\x03\0\0\x0d";
        let mut report = Report::default();
        assert!(read(&mut Reader::new(list), &mut report).bag.is_empty());
        assert!(report.refused[0].why.contains("as many values"), "{report:?}");
        for list in [&b"\xff\xff\xff\xff"[..], b"\xff\xff\xff\xff\x02\x01\x01\0\xff\xff\xff\xff"] {
            let mut report = Report::default();
            assert!(read(&mut Reader::new(list), &mut report).bag.is_empty());
            assert_eq!(report.refused.len(), 1);
        }
    }

    #[test]
    fn a_type_that_is_unknown_costs_what_stands_behind_it() {
        let mut out = 3_u32.to_le_bytes().to_vec();
        let first = (PropertyKey::Tag(0x0037), PropertyValue::from("kept"));
        write_property(&mut out, &first.0, &first.1);
        out.extend_from_slice(&[0x77, 0x77, 1, 0, 0, 0, 0, 0]);
        let mut report = Report::default();
        let list = read(&mut Reader::new(&out), &mut report);
        assert_eq!(list.bag.len(), 1);
        assert!(report.refused[0].why.contains("1 more are lost"), "{report:?}");
    }
}
