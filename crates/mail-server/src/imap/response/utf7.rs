//! Modified UTF-7 (RFC 3501 5.1.3): names of mailboxes for IMAP4rev1.

use base64::Engine as _;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

/// Without padding. Bits behind the last byte are not looked at: programs leave all kinds of them.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &IMAP_MUTF7,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

pub fn encode(text: &str) -> String {
    encode_with(text, |byte| matches!(byte, b' '..=b'~') && byte != b'&')
}

/// Where `plain` says which bytes stand for themselves. `&` must not be one.
pub(crate) fn encode_with(text: &str, plain: impl Fn(u8) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut shifted: Vec<u8> = Vec::new();
    let flush = |out: &mut String, shifted: &mut Vec<u8>| {
        if !shifted.is_empty() {
            out.push('&');
            BASE64.encode_string(&*shifted, out);
            out.push('-');
            shifted.clear();
        }
    };
    for c in text.chars() {
        match u8::try_from(c).ok().filter(u8::is_ascii) {
            Some(b'&') => {
                flush(&mut out, &mut shifted);
                out.push_str("&-");
            }
            Some(byte) if plain(byte) => {
                flush(&mut out, &mut shifted);
                out.push(c);
            }
            _ => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    shifted.extend_from_slice(&unit.to_be_bytes());
                }
            }
        }
    }
    flush(&mut out, &mut shifted);
    out
}

/// None for what is no modified UTF-7: a shift without an end, or with bytes that are no text.
pub fn decode(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, shifted)) = rest.split_once('&') {
        out.push_str(before);
        let (encoded, behind) = shifted.split_once('-')?;
        rest = behind;
        if encoded.is_empty() {
            out.push('&');
            continue;
        }
        let bytes = BASE64.decode(encoded).ok().filter(|bytes| bytes.len().is_multiple_of(2))?;
        let units = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
        for c in char::decode_utf16(units) {
            out.push(c.ok()?);
        }
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_the_rfc() {
        // RFC 3501 5.1.3
        let text = "~peter/mail/台北/日本語";
        assert_eq!(encode(text), "~peter/mail/&U,BTFw-/&ZeVnLIqe-");
        assert_eq!(decode("~peter/mail/&U,BTFw-/&ZeVnLIqe-").as_deref(), Some(text));
        assert_eq!(encode("a&b\u{1f600}\n"), "a&-b&2D3eAAAK-");
        for wrong in ["&", "a&Jjo", "&AA-", "&2D0-", "&*-"] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text in ".*") {
            let encoded = encode(&text);
            prop_assert!(encoded.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
            prop_assert_eq!(decode(&encoded), Some(text));
        }

        #[test]
        fn any_bytes_are_read(text in "[&A-Za-z,+/-]*") {
            let _ = decode(&text);
        }
    }
}
