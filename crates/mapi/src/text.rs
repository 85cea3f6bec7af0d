//! Text of MAPI: UTF-16 on the wire, and not always well-formed.

use std::fmt;

use crate::wire::{Reader, Wire, WireError};

/// A PtypString. Held as WTF-8: UTF-8 in which a lone surrogate, which real mailboxes contain, is kept as
/// its three-byte form, so that every sequence of UTF-16 units survives a round trip.
///
/// The [`Wire`] form is UTF-16LE with a terminating null ([MS-OXCDATA] 2.11.1 PtypString).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct WString {
    // INVARIANT: UTF-8, or WTF-8 with lone surrogates only (never a pair).
    wtf8: Box<[u8]>,
}

impl WString {
    pub fn new(text: &str) -> Self {
        WString { wtf8: text.as_bytes().into() }
    }

    /// From UTF-16 units; lone surrogates are kept.
    pub fn from_utf16(units: impl IntoIterator<Item = u16>) -> Self {
        let mut wtf8 = Vec::new();
        for item in char::decode_utf16(units) {
            match item {
                Ok(c) => wtf8.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
                Err(lone) => {
                    let unit = lone.unpaired_surrogate();
                    wtf8.extend_from_slice(&[
                        0xe0 | (unit >> 12) as u8,
                        0x80 | (unit >> 6 & 0x3f) as u8,
                        0x80 | (unit & 0x3f) as u8,
                    ]);
                }
            }
        }
        WString { wtf8: wtf8.into() }
    }

    /// From UTF-16LE bytes, as properties are kept in PST and MSG files; an odd last byte is dropped.
    pub fn from_utf16le(bytes: &[u8]) -> Self {
        Self::from_utf16(bytes.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]])))
    }

    pub fn to_utf16(&self) -> Vec<u16> {
        let mut units = Vec::with_capacity(self.wtf8.len());
        let mut rest = &self.wtf8[..];
        while !rest.is_empty() {
            let valid = match std::str::from_utf8(rest) {
                Ok(text) => text,
                Err(e) => std::str::from_utf8(&rest[..e.valid_up_to()]).unwrap_or(""),
            };
            units.extend(valid.encode_utf16());
            rest = &rest[valid.len()..];
            // What stops UTF-8 here is a lone surrogate of three bytes, by the invariant.
            if let [a, b, c, tail @ ..] = rest {
                units.push(
                    u16::from(a & 0x0f) << 12 | u16::from(b & 0x3f) << 6 | u16::from(c & 0x3f),
                );
                rest = tail;
            } else {
                break;
            }
        }
        units
    }

    pub fn to_utf16le(&self) -> Vec<u8> {
        if self.wtf8.is_ascii() {
            let mut bytes = vec![0; self.wtf8.len() * 2];
            bytes.chunks_exact_mut(2).zip(&self.wtf8).for_each(|(unit, byte)| unit[0] = *byte);
            return bytes;
        }
        let units = self.to_utf16();
        let mut bytes = vec![0; units.len() * 2];
        let pairs = bytes.chunks_exact_mut(2).zip(units);
        pairs.for_each(|(bytes, unit)| bytes.copy_from_slice(&unit.to_le_bytes()));
        bytes
    }

    /// The text, if it holds no lone surrogate.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.wtf8).ok()
    }

    /// The text with U+FFFD for lone surrogates.
    pub fn to_string_lossy(&self) -> std::borrow::Cow<'_, str> {
        match self.as_str() {
            Some(text) => text.into(),
            None => String::from_utf16_lossy(&self.to_utf16()).into(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.wtf8.is_empty()
    }

    /// The WTF-8 bytes, as the store keeps them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.wtf8
    }

    /// From bytes of [`WString::as_bytes`]; anything else is repaired by replacement.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        if std::str::from_utf8(bytes).is_ok() || is_wtf8(bytes) {
            return WString { wtf8: bytes.into() };
        }
        WString::new(&String::from_utf8_lossy(bytes))
    }
}

fn is_wtf8(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    let mut high = false;
    loop {
        let valid = match std::str::from_utf8(rest) {
            Ok(_) => return true,
            Err(e) => e.valid_up_to(),
        };
        match rest[valid..] {
            [0xed, b @ 0xa0..=0xbf, 0x80..=0xbf, ..] => {
                // A high surrogate directly before a low one would have been one character.
                if high && valid == 0 && b >= 0xb0 {
                    return false;
                }
                high = b < 0xb0;
            }
            _ => return false,
        }
        rest = &rest[valid + 3..];
    }
}

impl From<&str> for WString {
    fn from(text: &str) -> Self {
        WString::new(text)
    }
}

impl From<String> for WString {
    fn from(text: String) -> Self {
        WString { wtf8: text.into_bytes().into() }
    }
}

impl PartialEq<str> for WString {
    fn eq(&self, other: &str) -> bool {
        &*self.wtf8 == other.as_bytes()
    }
}

impl PartialEq<&str> for WString {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

impl fmt::Display for WString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_string_lossy())
    }
}

impl fmt::Debug for WString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.to_string_lossy(), f)
    }
}

impl Wire for WString {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let rest = r.peek_rest();
        let units = rest
            .chunks_exact(2)
            .position(|unit| unit == [0, 0])
            .ok_or_else(|| r.end("a UTF-16 string with its terminating null"))?;
        let bytes = r.bytes(units * 2 + 2, "a UTF-16 string")?;
        Ok(Self::from_utf16le(&bytes[..units * 2]))
    }

    /// A null inside the text would end it on the wire, so the text is cut there.
    fn write(&self, w: &mut Vec<u8>) {
        for unit in self.to_utf16().into_iter().take_while(|unit| *unit != 0) {
            w.extend_from_slice(&unit.to_le_bytes());
        }
        w.extend_from_slice(&[0, 0]);
    }
}

/// A null-terminated string of 8-bit characters in a code page that the context knows (PtypString8).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct String8(pub Vec<u8>);

impl From<&str> for String8 {
    fn from(text: &str) -> Self {
        String8(text.as_bytes().to_vec())
    }
}

impl fmt::Debug for String8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b{:?}", String::from_utf8_lossy(&self.0))
    }
}

impl Wire for String8 {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let len = r
            .peek_rest()
            .iter()
            .position(|byte| *byte == 0)
            .ok_or_else(|| r.end("an 8-bit string with its terminating null"))?;
        let bytes = r.bytes(len + 1, "an 8-bit string")?;
        Ok(String8(bytes[..len].to_vec()))
    }

    fn write(&self, w: &mut Vec<u8>) {
        w.extend(self.0.iter().take_while(|byte| **byte != 0));
        w.push(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lone_surrogates_survive() {
        let units = [0x61, 0xd800, 0x62, 0xdc00, 0xd83d, 0xde00, 0xd801];
        let text = WString::from_utf16(units);
        assert_eq!(text.to_utf16(), units);
        assert_eq!(text.as_str(), None);
        assert_eq!(WString::from_bytes(text.as_bytes()), text);
    }

    #[test]
    fn wire_form_ends_with_a_null() {
        assert_eq!(WString::new("Hi").to_wire(), [0x48, 0, 0x69, 0, 0, 0]);
        assert!(WString::from_wire(&[0x48, 0, 0x69]).is_err());
    }
}
