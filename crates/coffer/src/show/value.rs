//! Property values as text and as JSON.

use mapi::PropertyValue;
use serde_json::{Value, json};

/// Bytes and characters that are shown of a long value unless everything is asked for.
const SHORT: usize = 64;

/// One line for people.
pub fn text(value: &PropertyValue, full: bool) -> String {
    use PropertyValue as V;
    match value {
        V::Null => "null".into(),
        V::Object => "(object)".into(),
        V::Integer16(v) => format!("{v} ({v:#06x})"),
        V::Integer32(v) => format!("{v} ({v:#010x})"),
        V::Integer64(v) => format!("{v} ({v:#018x})"),
        V::Currency(v) => format!("{}.{:04}", v / 10_000, (v % 10_000).abs()),
        V::Floating32(v) => v.to_string(),
        V::Floating64(v) | V::FloatingTime(v) => v.to_string(),
        V::ErrorCode(code) => code.to_string(),
        V::Boolean(v) => v.to_string(),
        V::String(v) => string(&v.to_string_lossy(), full),
        V::String8(v) => string(&String::from_utf8_lossy(&v.0), full),
        V::Time(v) => v.to_string(),
        V::Guid(v) => format!("{{{v}}}"),
        V::Binary(v) | V::ServerId(v) | V::Restriction(v) | V::RuleAction(v) => bytes(v, full),
        V::MultipleInteger16(v) => list(v.iter().map(|v| v.to_string())),
        V::MultipleInteger32(v) => list(v.iter().map(|v| v.to_string())),
        V::MultipleInteger64(v) | V::MultipleCurrency(v) => list(v.iter().map(|v| v.to_string())),
        V::MultipleFloating32(v) => list(v.iter().map(|v| v.to_string())),
        V::MultipleFloating64(v) | V::MultipleFloatingTime(v) => {
            list(v.iter().map(|v| v.to_string()))
        }
        V::MultipleString(v) => list(v.iter().map(|v| string(&v.to_string_lossy(), full))),
        V::MultipleString8(v) => {
            list(v.iter().map(|v| string(&String::from_utf8_lossy(&v.0), full)))
        }
        V::MultipleTime(v) => list(v.iter().map(|v| v.to_string())),
        V::MultipleGuid(v) => list(v.iter().map(|v| format!("{{{v}}}"))),
        V::MultipleBinary(v) => list(v.iter().map(|v| bytes(v, full))),
    }
}

/// For programs: numbers as numbers (64-bit ones as text, since JSON readers round them), bytes as
/// lower-case hexadecimal, times in RFC 3339.
pub fn json(value: &PropertyValue) -> Value {
    use PropertyValue as V;
    match value {
        V::Null | V::Object => Value::Null,
        V::Integer16(v) => json!(v),
        V::Integer32(v) => json!(v),
        V::Integer64(v) | V::Currency(v) => json!(v.to_string()),
        V::Floating32(v) => json!(v),
        V::Floating64(v) | V::FloatingTime(v) => json!(v),
        V::ErrorCode(code) => json!({ "error": code.to_string() }),
        V::Boolean(v) => json!(v),
        V::String(v) => json!(v.to_string_lossy()),
        V::String8(v) => json!(String::from_utf8_lossy(&v.0)),
        V::Time(v) => json!(v.to_string()),
        V::Guid(v) => json!(v.to_string()),
        V::Binary(v) | V::ServerId(v) | V::Restriction(v) | V::RuleAction(v) => json!(hex(v)),
        V::MultipleInteger16(v) => json!(v),
        V::MultipleInteger32(v) => json!(v),
        V::MultipleInteger64(v) | V::MultipleCurrency(v) => {
            strings(v.iter().map(|v| v.to_string()))
        }
        V::MultipleFloating32(v) => json!(v),
        V::MultipleFloating64(v) | V::MultipleFloatingTime(v) => json!(v),
        V::MultipleString(v) => strings(v.iter().map(|v| v.to_string_lossy().into_owned())),
        V::MultipleString8(v) => {
            strings(v.iter().map(|v| String::from_utf8_lossy(&v.0).into_owned()))
        }
        V::MultipleTime(v) => strings(v.iter().map(|v| v.to_string())),
        V::MultipleGuid(v) => strings(v.iter().map(|v| v.to_string())),
        V::MultipleBinary(v) => strings(v.iter().map(|v| hex(v))),
    }
}

pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn string(text: &str, full: bool) -> String {
    match text.char_indices().nth(SHORT) {
        Some((end, _)) if !full => {
            format!("{:?}... ({} characters)", &text[..end], text.chars().count())
        }
        _ => format!("{text:?}"),
    }
}

fn bytes(bytes: &[u8], full: bool) -> String {
    if full || bytes.len() <= SHORT {
        return format!("{} ({} bytes)", hex(bytes), bytes.len());
    }
    format!("{}... ({} bytes)", hex(&bytes[..SHORT]), bytes.len())
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

fn strings(items: impl Iterator<Item = String>) -> Value {
    Value::Array(items.map(Value::String).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_cut_unless_everything_is_asked_for() {
        let value = PropertyValue::from("é".repeat(100));
        assert!(text(&value, false).ends_with("... (100 characters)"));
        assert!(text(&value, true).len() > 200);
        assert_eq!(text(&PropertyValue::Binary(vec![0xab, 1]), false), "ab01 (2 bytes)");
        assert_eq!(
            json(&PropertyValue::Integer64(1 << 60)),
            serde_json::json!("1152921504606846976")
        );
    }
}
