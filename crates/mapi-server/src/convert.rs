//! Values between the store, where text is Unicode, and a client, which may ask for 8-bit text or leave
//! the type open.

use formats::text::charsets;
use mapi::text::String8;
use mapi::{Cell, ErrorCode, PropertyTag, PropertyType, PropertyValue, WString};
use store::Value;

/// What a client wants text to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextWish {
    /// For columns of type PtypUnspecified: Unicode, or 8-bit text.
    pub unicode: bool,
    /// Of 8-bit text.
    pub code_page: u32,
}

/// A tag with text in the form that the store keeps: Unicode.
pub fn stored_tag(tag: PropertyTag) -> PropertyTag {
    let instance = tag.property_type().0 & PropertyType::MULTI_VALUE_INSTANCE;
    let plain = PropertyType(tag.property_type().0 & !PropertyType::MULTI_VALUE_INSTANCE);
    let stored = match plain {
        PropertyType::STRING8 => PropertyType::STRING,
        PropertyType::MULTIPLE_STRING8 => PropertyType::MULTIPLE_STRING,
        other => other,
    };
    tag.with_type(PropertyType(stored.0 | instance))
}

/// A client's value in the form that the store keeps.
pub fn to_stored(value: PropertyValue, code_page: u32) -> PropertyValue {
    charsets::to_unicode(value, code_page)
}

/// Text that came in the code page of the logon.
pub fn text_of(bytes: &String8, code_page: u32) -> WString {
    charsets::decode(code_page, &bytes.0).into()
}

/// Text for a client that wants 8-bit characters.
pub fn text8_of(text: &WString, code_page: u32) -> String8 {
    let lossy = text.to_string_lossy();
    let bytes = charsets::encode(code_page, &lossy)
        .or_else(|| charsets::encode(charsets::WESTERN, &lossy))
        .unwrap_or_default();
    String8(bytes)
}

/// A stored value as the client asked for it by `tag`.
///
/// # Errors
/// ecNotFound if the property has another type, as if it were another property.
pub fn to_client(
    value: PropertyValue,
    tag: PropertyTag,
    wish: TextWish,
) -> Result<PropertyValue, ErrorCode> {
    let wanted = mapi::row::column_type(tag);
    let as_8bit = match wanted {
        PropertyType::UNSPECIFIED => !wish.unicode,
        PropertyType::STRING8 | PropertyType::MULTIPLE_STRING8 => true,
        _ => false,
    };
    let value = match value {
        PropertyValue::String(text) if as_8bit => {
            PropertyValue::String8(text8_of(&text, wish.code_page))
        }
        PropertyValue::MultipleString(texts) if as_8bit => PropertyValue::MultipleString8(
            texts.iter().map(|text| text8_of(text, wish.code_page)).collect(),
        ),
        PropertyValue::String8(_) | PropertyValue::MultipleString8(_) if !as_8bit => {
            to_stored(value, wish.code_page)
        }
        other => other,
    };
    match wanted == PropertyType::UNSPECIFIED || wanted == value.property_type() {
        true => Ok(value),
        false => Err(ErrorCode::NOT_FOUND),
    }
}

/// A cell for a stored value that is held inline; a large one is to be read as a stream.
pub fn cell_of(value: Option<Value>, tag: PropertyTag, wish: TextWish) -> Cell {
    match value {
        None => Cell::Error(ErrorCode::NOT_FOUND),
        Some(Value::Large(_)) => Cell::Error(ErrorCode::OUT_OF_MEMORY),
        Some(Value::Inline(PropertyValue::ErrorCode(code))) => Cell::Error(code),
        Some(Value::Inline(value)) => match to_client(value, tag, wish) {
            Ok(value) => Cell::Value(value),
            Err(code) => Cell::Error(code),
        },
    }
}

/// Rows of tables carry at most this many bytes of a value ([MS-OXCTABL] 2.2.2.5.2 R121, R122).
pub const MAX_CELL: usize = 510;

/// Cuts a value of a table's row to [`MAX_CELL`] bytes.
pub fn truncate(value: PropertyValue) -> PropertyValue {
    match value {
        PropertyValue::String(text) if text.as_bytes().len() > MAX_CELL / 2 => {
            let mut units = text.to_utf16();
            units.truncate(MAX_CELL / 2);
            PropertyValue::String(WString::from_utf16(units))
        }
        PropertyValue::String8(mut text) => {
            text.0.truncate(MAX_CELL);
            PropertyValue::String8(text)
        }
        PropertyValue::Binary(mut bytes) => {
            bytes.truncate(MAX_CELL);
            PropertyValue::Binary(bytes)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mapi::tags;

    const WISH: TextWish = TextWish { unicode: false, code_page: 1251 };

    #[test]
    fn text_goes_out_as_the_client_asks() {
        let stored = PropertyValue::from("\u{431}");
        let eight = PropertyValue::String8(String8(vec![0xe1]));
        let subject8 = tags::SUBJECT.with_type(PropertyType::STRING8);
        assert_eq!(to_client(stored.clone(), subject8, WISH), Ok(eight.clone()));
        // MS-OXCPRPT R459: without WantUnicode, text of an open type is in 8-bit characters.
        let open = tags::SUBJECT.with_type(PropertyType::UNSPECIFIED);
        assert_eq!(to_client(stored.clone(), open, WISH), Ok(eight.clone()));
        // MS-OXCPRPT R458
        let unicode = TextWish { unicode: true, ..WISH };
        assert_eq!(to_client(stored.clone(), open, unicode), Ok(stored.clone()));
        // MS-OXCPRPT R460: a type that is named is the type of the answer.
        assert_eq!(to_client(stored.clone(), tags::SUBJECT, WISH), Ok(stored.clone()));
        assert_eq!(to_stored(eight, 1251), stored);
    }

    #[test]
    fn another_type_is_another_property() {
        let tag = tags::SUBJECT.with_type(PropertyType::BINARY);
        assert_eq!(to_client("x".into(), tag, WISH), Err(ErrorCode::NOT_FOUND));
    }

    #[test]
    fn rows_are_cut() {
        // MS-OXCTABL R122
        let long = PropertyValue::String("x".repeat(1000).into());
        assert_eq!(truncate(long), PropertyValue::String("x".repeat(255).into()));
        assert_eq!(truncate(vec![0u8; 600].into()), PropertyValue::Binary(vec![0; 510]));
    }
}
