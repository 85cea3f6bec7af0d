//! Packed properties: small values inline, large ones as references to blobs.

use mapi::text::String8;
use mapi::value::CountWidth;
use mapi::{PropertyType, PropertyValue, Reader, WString, Wire, WireError};

use super::{read_bytes, write_bytes};
use crate::blob::BlobRef;
use crate::value::{LargeSource, LargeValue, Properties, Value};

// How a value stands in the record.
const INLINE: u8 = 0;
const LARGE: u8 = 1;

/// Count, then per property id, type, form and value.
///
/// INVARIANT: large values were stored before ([`crate::large::store_all`]); one that was not is left out,
/// which only a fault in this crate can bring about, so it is asserted in tests.
pub(crate) fn write(w: &mut Vec<u8>, properties: &Properties) {
    let count = u32::try_from(properties.len()).unwrap_or(u32::MAX);
    count.write(w);
    for (id, value) in properties.iter() {
        id.write(w);
        write_value(w, value);
    }
}

pub(crate) fn write_value(w: &mut Vec<u8>, value: &Value) {
    value.property_type().write(w);
    match value {
        Value::Inline(value) => {
            w.push(INLINE);
            write_inline(w, value);
        }
        Value::Large(value) => {
            w.push(LARGE);
            match &value.source {
                LargeSource::Blob(blob) => w.extend_from_slice(&blob.to_bytes()),
                LargeSource::Staged(_) => {
                    debug_assert!(false, "a staged value reached a record");
                    w.extend_from_slice(&[0; BlobRef::LEN]);
                }
            }
        }
    }
}

pub(crate) fn read(r: &mut Reader<'_>) -> Result<Properties, WireError> {
    let count = u32::read(r)?;
    let mut properties = Properties::new();
    for _ in 0..count {
        let id = u16::read(r)?;
        properties.set_id(id, read_value(r)?);
    }
    Ok(properties)
}

/// Passes over properties that nobody asks for: texts and binary values, which are most of them, are not copied.
pub(crate) fn skip(r: &mut Reader<'_>) -> Result<(), WireError> {
    let count = u32::read(r)?;
    for _ in 0..count {
        u16::read(r)?;
        let mut ahead = r.clone();
        let property_type = PropertyType::read(&mut ahead)?;
        let inline = u8::read(&mut ahead)? == INLINE;
        match property_type {
            PropertyType::STRING | PropertyType::STRING8 if inline => {
                read_bytes(&mut ahead)?;
                *r = ahead;
            }
            _ => drop(read_value(r)?),
        }
    }
    Ok(())
}

/// What can be read of damaged bytes, up to the first value that makes no sense; and whether that is all.
pub(crate) fn read_partly(r: &mut Reader<'_>) -> (Properties, bool) {
    let mut properties = Properties::new();
    let Ok(count) = u32::read(r) else { return (properties, false) };
    let mut last = None;
    for _ in 0..count {
        let Ok(id) = u16::read(r) else { return (properties, false) };
        // They were written in the order of their ids.
        if last.is_some_and(|last| id <= last) {
            return (properties, false);
        }
        let Ok(value) = read_value(r) else { return (properties, false) };
        properties.set_id(id, value);
        last = Some(id);
    }
    (properties, true)
}

pub(crate) fn read_value(r: &mut Reader<'_>) -> Result<Value, WireError> {
    let property_type = PropertyType::read(r)?;
    match u8::read(r)? {
        INLINE => Ok(Value::Inline(read_inline(r, property_type)?)),
        LARGE => {
            let blob = BlobRef::from_bytes(&r.array("a reference to a blob")?);
            let source = LargeSource::Blob(blob);
            Ok(Value::Large(LargeValue { property_type, size: blob.len(), source }))
        }
        form => Err(r.bad("the form of a value", u64::from(form), 1)),
    }
}

/// Values that can hold a null character stand behind their size; the rest in wire form.
fn write_inline(w: &mut Vec<u8>, value: &PropertyValue) {
    match value {
        PropertyValue::String(text) => write_bytes(w, text.as_bytes()),
        PropertyValue::String8(text) => write_bytes(w, &text.0),
        PropertyValue::ServerId(bytes)
        | PropertyValue::Restriction(bytes)
        | PropertyValue::RuleAction(bytes) => write_bytes(w, bytes),
        PropertyValue::MultipleString(texts) => {
            (texts.len() as u32).write(w);
            texts.iter().for_each(|text| write_bytes(w, text.as_bytes()));
        }
        PropertyValue::MultipleString8(texts) => {
            (texts.len() as u32).write(w);
            texts.iter().for_each(|text| write_bytes(w, &text.0));
        }
        other => other.write_typed(w, CountWidth::Four),
    }
}

fn read_inline(
    r: &mut Reader<'_>,
    property_type: PropertyType,
) -> Result<PropertyValue, WireError> {
    Ok(match property_type {
        PropertyType::STRING => PropertyValue::String(WString::from_bytes(read_bytes(r)?)),
        PropertyType::STRING8 => PropertyValue::String8(String8(read_bytes(r)?.to_vec())),
        PropertyType::SERVER_ID => PropertyValue::ServerId(read_bytes(r)?.to_vec()),
        PropertyType::RESTRICTION => PropertyValue::Restriction(read_bytes(r)?.to_vec()),
        PropertyType::RULE_ACTION => PropertyValue::RuleAction(read_bytes(r)?.to_vec()),
        PropertyType::MULTIPLE_STRING => {
            PropertyValue::MultipleString(read_many(r, WString::from_bytes)?)
        }
        PropertyType::MULTIPLE_STRING8 => {
            PropertyValue::MultipleString8(read_many(r, |bytes| String8(bytes.to_vec()))?)
        }
        other => PropertyValue::read_typed(r, other, CountWidth::Four)?,
    })
}

fn read_many<T>(r: &mut Reader<'_>, make: impl Fn(&[u8]) -> T) -> Result<Vec<T>, WireError> {
    let count = u32::read(r)? as usize;
    let mut items = Vec::with_capacity(r.capacity(count, 16));
    for _ in 0..count {
        items.push(make(read_bytes(r)?));
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mapi::FileTime;

    #[test]
    fn every_kind_of_value_survives() {
        let mut properties = Properties::new();
        let values = [
            PropertyValue::from("with a \0 inside"),
            PropertyValue::String8(String8(b"8-bit\0".to_vec())),
            PropertyValue::Integer32(-1),
            PropertyValue::Time(FileTime(9)),
            PropertyValue::Binary(vec![1, 2, 3]),
            PropertyValue::ServerId(vec![4]),
            PropertyValue::MultipleString(vec!["a\0".into(), "".into()]),
            PropertyValue::MultipleBinary(vec![vec![], vec![1]]),
            PropertyValue::Null,
            PropertyValue::Floating64(1.5),
        ];
        for (index, value) in values.into_iter().enumerate() {
            properties.set_id(index as u16 + 0x1000, value);
        }
        let mut w = Vec::new();
        write(&mut w, &properties);
        assert_eq!(read(&mut Reader::new(&w)), Ok(properties));
        for cut in 0..w.len() {
            assert!(read(&mut Reader::new(&w[..cut])).is_err());
        }
    }
}
