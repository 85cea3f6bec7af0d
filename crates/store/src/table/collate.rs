//! How values are compared, and keys whose bytes sort like the values.
//!
//! Text is compared without regard to case, in the form that [`fold`](super::fold) has. Values of different kinds do
//! not compare; in keys they stand in a fixed order of their kinds.

use std::borrow::Cow;
use std::cmp::Ordering;

use mapi::PropertyValue;

use super::fold::{self, Form};

/// Bytes of a text or of binary data that count in a key. Longer values with the same beginning are equal
/// to the sort.
pub(crate) const KEY_BYTES: usize = 255;
/// Values of a multi-value property that count in a key.
const KEY_VALUES: usize = 16;

/// A value as comparisons see it.
enum Comparable<'a> {
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Currency(i64),
    Time(u64),
    Text(Cow<'a, [u8]>),
    Guid([u8; 16]),
    Bytes(&'a [u8]),
}

fn comparable(value: &PropertyValue) -> Option<Comparable<'_>> {
    Some(match value {
        PropertyValue::Boolean(v) => Comparable::Boolean(*v),
        PropertyValue::Integer16(v) => Comparable::Integer(i64::from(*v)),
        PropertyValue::Integer32(v) => Comparable::Integer(i64::from(*v)),
        PropertyValue::Integer64(v) => Comparable::Integer(*v),
        PropertyValue::ErrorCode(v) => Comparable::Integer(i64::from(v.0)),
        PropertyValue::Floating32(v) => Comparable::Float(f64::from(*v)),
        PropertyValue::Floating64(v) | PropertyValue::FloatingTime(v) => Comparable::Float(*v),
        PropertyValue::Currency(v) => Comparable::Currency(*v),
        PropertyValue::Time(v) => Comparable::Time(v.0),
        PropertyValue::String(v) => Comparable::Text(fold(v.as_bytes())),
        // 8-bit text counts as Unicode as far as it is UTF-8.
        PropertyValue::String8(v) => Comparable::Text(fold(&v.0)),
        PropertyValue::Guid(v) => Comparable::Guid(v.0),
        PropertyValue::ServerId(v)
        | PropertyValue::Restriction(v)
        | PropertyValue::RuleAction(v)
        | PropertyValue::Binary(v) => Comparable::Bytes(v),
        _ => return None,
    })
}

/// How two values of one kind relate; lists compare value by value. None for values of different kinds,
/// and for those without an order.
pub(crate) fn compare(a: &PropertyValue, b: &PropertyValue) -> Option<Ordering> {
    use Comparable as C;
    let (Some(x), Some(y)) = (comparable(a), comparable(b)) else {
        return compare_lists(&values(a)?, &values(b)?);
    };
    Some(match (x, y) {
        (C::Boolean(x), C::Boolean(y)) => x.cmp(&y),
        (C::Integer(x), C::Integer(y)) | (C::Currency(x), C::Currency(y)) => x.cmp(&y),
        (C::Float(x), C::Float(y)) => x.partial_cmp(&y)?,
        (C::Float(x), C::Integer(y)) => x.partial_cmp(&(y as f64))?,
        (C::Integer(x), C::Float(y)) => (x as f64).partial_cmp(&y)?,
        (C::Time(x), C::Time(y)) => x.cmp(&y),
        (C::Text(x), C::Text(y)) => x.cmp(&y),
        (C::Guid(x), C::Guid(y)) => x.cmp(&y),
        (C::Bytes(x), C::Bytes(y)) => x.cmp(y),
        _ => return None,
    })
}

fn compare_lists(a: &[PropertyValue], b: &[PropertyValue]) -> Option<Ordering> {
    for (x, y) in a.iter().zip(b) {
        match compare(x, y)? {
            Ordering::Equal => {}
            other => return Some(other),
        }
    }
    Some(a.len().cmp(&b.len()))
}

/// The values of a multi-value property, one by one; None for a single value.
pub(crate) fn values(value: &PropertyValue) -> Option<Vec<PropertyValue>> {
    use PropertyValue as V;
    Some(match value {
        V::MultipleInteger16(v) => v.iter().copied().map(V::Integer16).collect(),
        V::MultipleInteger32(v) => v.iter().copied().map(V::Integer32).collect(),
        V::MultipleFloating32(v) => v.iter().copied().map(V::Floating32).collect(),
        V::MultipleFloating64(v) => v.iter().copied().map(V::Floating64).collect(),
        V::MultipleCurrency(v) => v.iter().copied().map(V::Currency).collect(),
        V::MultipleFloatingTime(v) => v.iter().copied().map(V::FloatingTime).collect(),
        V::MultipleInteger64(v) => v.iter().copied().map(V::Integer64).collect(),
        V::MultipleString8(v) => v.iter().cloned().map(V::String8).collect(),
        V::MultipleString(v) => v.iter().cloned().map(V::String).collect(),
        V::MultipleTime(v) => v.iter().copied().map(V::Time).collect(),
        V::MultipleGuid(v) => v.iter().copied().map(V::Guid).collect(),
        V::MultipleBinary(v) => v.iter().cloned().map(V::Binary).collect(),
        _ => return None,
    })
}

/// The text in the form in which it is compared, as UTF-8.
fn fold(bytes: &[u8]) -> Cow<'_, [u8]> {
    let bytes_of = |folded| match folded {
        Cow::Borrowed(text) => Cow::Borrowed(str::as_bytes(text)),
        Cow::Owned(text) => Cow::Owned(String::into_bytes(text)),
    };
    match fold::readable(bytes) {
        Cow::Borrowed(text) => bytes_of(Form::CASELESS.fold(text)),
        Cow::Owned(text) => Cow::Owned(Form::CASELESS.fold(&text).into_owned().into_bytes()),
    }
}

// The first byte of a column in a key. A missing value sorts before all others.
const MISSING: u8 = 0x00;
const BOOLEAN: u8 = 0x08;
const INTEGER: u8 = 0x10;
const FLOAT: u8 = 0x18;
const CURRENCY: u8 = 0x20;
const TIME: u8 = 0x28;
const TEXT: u8 = 0x30;
const GUID: u8 = 0x38;
const BYTES: u8 = 0x40;
const LIST: u8 = 0x48;
const OTHER: u8 = 0x50;

/// Appends a column to a key. Keys of the same columns compare as bytes like the values; no column's bytes
/// are the beginning of another's, so what follows does not matter before they differ.
pub(crate) fn push_column(key: &mut Vec<u8>, value: Option<&PropertyValue>, descending: bool) {
    let start = key.len();
    match value {
        Some(value) => push_value(key, value),
        None => key.push(MISSING),
    }
    if descending {
        invert(&mut key[start..]);
    }
}

/// How many bytes of a key its first column takes.
pub(crate) fn column_len(key: &[u8], descending: bool) -> usize {
    let byte = |at: usize| {
        let byte = key.get(at).copied();
        if descending { byte.map(|byte| !byte) } else { byte }
    };
    value_len(&byte).min(key.len())
}

fn value_len(byte: &dyn Fn(usize) -> Option<u8>) -> usize {
    match byte(0) {
        Some(BOOLEAN) => 2,
        Some(INTEGER | FLOAT | CURRENCY | TIME) => 9,
        Some(GUID) => 17,
        Some(TEXT | BYTES) => {
            let mut at = 1;
            loop {
                match (byte(at), byte(at + 1)) {
                    (None, _) => return at,
                    (Some(0), Some(0xff)) => at += 2,
                    // The two zeros of the end.
                    (Some(0), _) => return at + 2,
                    (Some(_), _) => at += 1,
                }
            }
        }
        Some(LIST) => {
            let mut at = 1;
            while let Some(kind) = byte(at) {
                if kind == MISSING {
                    return at + 1;
                }
                at += value_len(&|from| byte(at + from));
            }
            at
        }
        _ => 1,
    }
}

/// The bytes with which a text column begins whose text begins with `prefix`. None if the prefix is longer
/// than what keys hold.
pub(crate) fn text_prefix(prefix: &PropertyValue, descending: bool) -> Option<Vec<u8>> {
    let Comparable::Text(folded) = comparable(prefix)? else { return None };
    if folded.len() > KEY_BYTES / 2 {
        return None;
    }
    let mut key = vec![TEXT];
    push_escaped(&mut key, &folded);
    if descending {
        invert(&mut key);
    }
    Some(key)
}

/// Whether the column holds the whole value, so that equal columns mean equal values.
pub(crate) fn is_whole(value: &PropertyValue) -> bool {
    match comparable(value) {
        Some(Comparable::Text(text)) => text.len() <= KEY_BYTES / 2,
        Some(Comparable::Bytes(bytes)) => bytes.len() <= KEY_BYTES / 2,
        // Integers and floats compare with each other, but stand apart in keys.
        Some(Comparable::Integer(_) | Comparable::Float(_)) => true,
        Some(_) => true,
        None => false,
    }
}

fn invert(bytes: &mut [u8]) {
    bytes.iter_mut().for_each(|byte| *byte = !*byte);
}

fn push_value(key: &mut Vec<u8>, value: &PropertyValue) {
    const SIGN: u64 = 1 << 63;
    let Some(value) = comparable(value) else {
        return match values(value) {
            Some(list) => push_list(key, &list),
            None => key.push(OTHER),
        };
    };
    match value {
        Comparable::Boolean(v) => key.extend([BOOLEAN, u8::from(v)]),
        Comparable::Integer(v) => push_number(key, INTEGER, v as u64 ^ SIGN),
        Comparable::Currency(v) => push_number(key, CURRENCY, v as u64 ^ SIGN),
        Comparable::Time(v) => push_number(key, TIME, v),
        Comparable::Float(v) => {
            // The bits of negative numbers sort backwards. The two zeros are one number.
            let bits = if v == 0.0 { 0 } else { v.to_bits() };
            push_number(key, FLOAT, if bits & SIGN == 0 { bits | SIGN } else { !bits });
        }
        Comparable::Text(text) => {
            key.push(TEXT);
            push_escaped(key, &text);
            key.extend([0, 0]);
        }
        Comparable::Guid(v) => {
            key.push(GUID);
            key.extend(v);
        }
        Comparable::Bytes(bytes) => {
            key.push(BYTES);
            push_escaped(key, bytes);
            key.extend([0, 0]);
        }
    }
}

fn push_list(key: &mut Vec<u8>, list: &[PropertyValue]) {
    key.push(LIST);
    list.iter().take(KEY_VALUES).for_each(|value| push_value(key, value));
    // Less than the kind of any value, so a list sorts after its own beginning.
    key.push(MISSING);
}

fn push_number(key: &mut Vec<u8>, kind: u8, number: u64) {
    key.push(kind);
    key.extend(number.to_be_bytes());
}

/// A zero byte is followed by 0xFF, so that the two zeros of the end sort before all that goes on.
fn push_escaped(key: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes.iter().take(KEY_BYTES) {
        key.push(*byte);
        if *byte == 0 {
            key.push(0xff);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mapi::{FileTime, Guid};

    fn key(value: Option<&PropertyValue>, descending: bool) -> Vec<u8> {
        let mut key = Vec::new();
        push_column(&mut key, value, descending);
        key
    }

    #[test]
    fn keys_sort_like_the_values() {
        let s = |text: &str| PropertyValue::from(text);
        let rising: Vec<Vec<PropertyValue>> = vec![
            vec![false.into(), true.into()],
            vec![PropertyValue::Integer16(i16::MIN), PropertyValue::Integer16(3)],
            vec![i32::MIN.into(), (-1).into(), 0.into(), 1.into(), i32::MAX.into()],
            vec![i64::MIN.into(), (-5i64).into(), 0i64.into(), i64::MAX.into()],
            vec![
                f64::NEG_INFINITY.into(),
                (-1.5).into(),
                (-0.1).into(),
                0.0.into(),
                0.1.into(),
                2e9.into(),
            ],
            vec![PropertyValue::Currency(-3), PropertyValue::Currency(4)],
            vec![FileTime(0).into(), FileTime(1).into(), FileTime(u64::MAX).into()],
            vec![
                s(""),
                s("\0"),
                s("\0\0"),
                s("a"),
                s("A\0"),
                s("a b"),
                s("AB"),
                s("abc"),
                s("ÄB"),
                s("a\u{308}c"),
                s("b"),
                s("Zebra"),
                s("ЁЖ"),
                s("ж"),
            ],
            vec![Guid([0; 16]).into(), Guid([9; 16]).into()],
            vec![
                vec![].into(),
                vec![0u8].into(),
                vec![0, 0].into(),
                vec![0, 1].into(),
                vec![1].into(),
            ],
            vec![
                PropertyValue::MultipleInteger32(vec![]),
                PropertyValue::MultipleInteger32(vec![1]),
                PropertyValue::MultipleInteger32(vec![1, 2]),
                PropertyValue::MultipleInteger32(vec![2]),
            ],
            vec![
                PropertyValue::MultipleString(vec!["a".into()]),
                PropertyValue::MultipleString(vec!["A".into(), "".into()]),
                PropertyValue::MultipleString(vec!["ab".into()]),
            ],
        ];
        for values in &rising {
            for (i, a) in values.iter().enumerate() {
                for (j, b) in values.iter().enumerate() {
                    let order = i.cmp(&j);
                    assert_eq!(compare(a, b), Some(order), "{a:?} {b:?}");
                    assert_eq!(key(Some(a), false).cmp(&key(Some(b), false)), order, "{a:?} {b:?}");
                    assert_eq!(key(Some(a), true).cmp(&key(Some(b), true)), order.reverse());
                    if order.is_ne() {
                        assert!(!key(Some(b), false).starts_with(&key(Some(a), false)));
                    }
                }
                assert!(key(None, false) < key(Some(a), false));
                assert!(key(None, true) > key(Some(a), true));
            }
        }
    }

    #[test]
    fn a_column_knows_its_end() {
        let values: Vec<Option<PropertyValue>> = vec![
            None,
            Some(true.into()),
            Some(PropertyValue::Integer16(-1)),
            Some(7i64.into()),
            Some(1.5.into()),
            Some(PropertyValue::Currency(3)),
            Some(FileTime(u64::MAX).into()),
            Some("".into()),
            Some("a\0b\0\0".into()),
            Some("x".repeat(600).into()),
            Some(Guid([0; 16]).into()),
            Some(vec![].into()),
            Some(vec![0u8, 0xff, 0, 0].into()),
            Some(PropertyValue::MultipleString(vec!["".into(), "a\0".into()])),
            Some(PropertyValue::MultipleInteger32(vec![])),
            Some(PropertyValue::MultipleInteger64(vec![0; 40])),
            Some(PropertyValue::Null),
        ];
        for descending in [false, true] {
            for value in &values {
                let alone = key(value.as_ref(), descending);
                assert_eq!(column_len(&alone, descending), alone.len(), "{value:?}");
                for next in &values {
                    let two = [alone.clone(), key(next.as_ref(), !descending)].concat();
                    assert_eq!(column_len(&two, descending), alone.len(), "{value:?} {next:?}");
                }
                // Whatever a key holds, no more than there is.
                for len in 0..alone.len() {
                    assert!(column_len(&alone[..len], descending) <= len);
                }
            }
        }
    }

    #[test]
    fn columns_do_not_run_into_each_other() {
        let two = |a: &str, b: &str, descending| {
            let mut key = Vec::new();
            push_column(&mut key, Some(&a.into()), descending);
            push_column(&mut key, Some(&b.into()), false);
            key
        };
        assert!(two("a", "z", false) < two("ab", "a", false));
        assert!(two("a", "z", true) > two("ab", "a", true));
        assert!(two("A", "a", true) < two("a", "b", true), "equal without case");
    }

    #[test]
    fn what_has_no_common_kind_does_not_compare() {
        assert_eq!(compare(&1i32.into(), &"1".into()), None);
        assert_eq!(compare(&f64::NAN.into(), &1.0.into()), None);
        assert_eq!(compare(&PropertyValue::Null, &PropertyValue::Null), None);
        assert_eq!(compare(&1i32.into(), &PropertyValue::MultipleInteger32(vec![1])), None);
        assert_eq!(compare(&1i32.into(), &1i64.into()), Some(Ordering::Equal));
        assert_eq!(compare(&1i32.into(), &1.5.into()), Some(Ordering::Less));
        let narrow = PropertyValue::String8("ABC".into());
        assert_eq!(compare(&narrow, &"abc".into()), Some(Ordering::Equal));
    }

    #[test]
    fn a_prefix_is_the_beginning_of_a_column() {
        for descending in [false, true] {
            let prefix = text_prefix(&"aB".into(), descending).expect("text");
            assert!(key(Some(&"Abc".into()), descending).starts_with(&prefix));
            assert!(!key(Some(&"acb".into()), descending).starts_with(&prefix));
        }
        assert_eq!(text_prefix(&1i32.into(), false), None);
        assert_eq!(text_prefix(&"x".repeat(400).into(), false), None);
    }
}
