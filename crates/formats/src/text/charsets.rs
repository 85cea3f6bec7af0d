//! Code pages of Windows and character sets of MIME, to Unicode and back.
//!
//! A code page is the number that PidTagInternetCodepage, PidTagMessageCodepage and `\ansicpg` hold; a label
//! is what stands behind `charset=`.

use std::borrow::Cow;

use encoding_rs::Encoding;
use mapi::text::String8;
use mapi::{PropertyValue, WString};

/// Windows-1252, what text is in when nothing says otherwise.
pub const WESTERN: u32 = 1252;
pub const UTF_8: u32 = 65001;
const UTF_7: u32 = 65000;
const ISO_2022_KR: u32 = 50225;
const HZ: u32 = 52936;

/// How bytes of a code page become characters.
#[derive(Clone, Copy)]
enum Decoder {
    Whatwg(&'static Encoding),
    Utf7,
    /// 7 bits that shift into an encoding of two bytes and back.
    Shifting(Shift, &'static Encoding),
    /// The upper half of a single-byte code page that has no label on the web.
    Table(&'static str),
}

#[derive(Clone, Copy)]
enum Shift {
    /// `~{` and `~}` ([RFC 1843]).
    Hz,
    /// SO and SI, after an announcement that is no text ([RFC 1557]).
    Korean,
}

/// The text of bytes in a code page. What the code page does not know becomes U+FFFD; an unknown code page
/// is read as Windows-1252, in which every byte is a character.
pub fn decode(code_page: u32, bytes: &[u8]) -> String {
    match decoder(code_page) {
        Some(decoder) => decode_with(decoder, bytes).into_owned(),
        None => encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
    }
}

/// Whether the code page is known; [`decode`] falls back where it is not.
pub fn is_known(code_page: u32) -> bool {
    decoder(code_page).is_some()
}

/// The bytes of a text in a code page; characters that it lacks become `?`. None if the code page is
/// unknown or cannot be written (UTF-7, UTF-16).
pub fn encode(code_page: u32, text: &str) -> Option<Vec<u8>> {
    match decoder(code_page)? {
        Decoder::Whatwg(encoding) if encoding.output_encoding() == encoding => {
            let mut out = Vec::with_capacity(text.len());
            for c in text.chars() {
                let mut buffer = [0; 4];
                match encoding.encode(c.encode_utf8(&mut buffer)) {
                    (bytes, _, false) => out.extend_from_slice(&bytes),
                    _ => out.push(b'?'),
                }
            }
            Some(out)
        }
        Decoder::Table(table) => Some(text.chars().map(|c| table_byte(table, c)).collect()),
        _ => None,
    }
}

/// A string property in 8-bit characters as its Unicode twin, by the code page of the message; every other
/// value as it is.
pub fn to_unicode(value: PropertyValue, code_page: u32) -> PropertyValue {
    let text = |bytes: String8| WString::from(decode(code_page, &bytes.0));
    match value {
        PropertyValue::String8(bytes) => PropertyValue::String(text(bytes)),
        PropertyValue::MultipleString8(values) => {
            PropertyValue::MultipleString(values.into_iter().map(text).collect())
        }
        other => other,
    }
}

/// Text decoded by a MIME label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    pub text: String,
    /// What it was decoded from.
    pub code_page: u32,
}

/// The text of bytes by their MIME label. Without one, or with one that is unknown or US-ASCII although
/// bytes above 0x7F stand there: UTF-8 if the bytes are that, Windows-1252 otherwise.
pub fn decode_label(label: Option<&str>, bytes: &[u8]) -> Decoded {
    let known = label.and_then(code_page_of_label);
    let code_page = match known {
        Some(20127) | None => match std::str::from_utf8(bytes) {
            Ok(_) if bytes.is_ascii() => known.unwrap_or(20127),
            Ok(_) => UTF_8,
            Err(_) => WESTERN,
        },
        // A label that every byte above 0x7F gives the lie to.
        Some(UTF_8) if is_never_utf8(bytes) => WESTERN,
        Some(code_page) => code_page,
    };
    // A byte order mark is no character, and says the order where the label does not.
    let (code_page, bytes) = match (code_page, bytes) {
        (UTF_8, [0xef, 0xbb, 0xbf, rest @ ..]) => (UTF_8, rest),
        (1200 | 1201, [0xff, 0xfe, rest @ ..]) => (1200, rest),
        (1200 | 1201, [0xfe, 0xff, rest @ ..]) => (1201, rest),
        _ => (code_page, bytes),
    };
    Decoded { text: decode(code_page, bytes), code_page }
}

/// Whether there are bytes above 0x7F and none of them is part of a character of UTF-8.
fn is_never_utf8(bytes: &[u8]) -> bool {
    let is_ascii = |chunk: std::str::Utf8Chunk<'_>| chunk.valid().is_ascii();
    !bytes.is_ascii() && bytes.utf8_chunks().all(is_ascii) && std::str::from_utf8(bytes).is_err()
}

/// The code page of a MIME label, in any case of letters.
pub fn code_page_of_label(label: &str) -> Option<u32> {
    let label = label.trim_matches(|c: char| c.is_ascii_whitespace() || c == '"' || c == '\'');
    if label.len() > 40 {
        return None;
    }
    let lower = label.to_ascii_lowercase();
    // Labels whose code page differs from that of the encoding which the web reads them with.
    match lower.as_str() {
        "us-ascii" | "ascii" | "ansi_x3.4-1968" | "iso646-us" | "646" => return Some(20127),
        "iso-8859-1" | "iso8859-1" | "latin1" | "latin-1" | "iso_8859-1" | "l1" => {
            return Some(28591);
        }
        "iso-8859-9" | "latin5" => return Some(28599),
        "iso-8859-11" | "tis-620" => return Some(874),
        "utf-7" | "utf7" | "unicode-1-1-utf-7" => return Some(UTF_7),
        "utf8" | "utf-8" | "unicode-1-1-utf-8" | "utf8mb4" => return Some(UTF_8),
        "gb2312" | "gb_2312-80" | "euc-cn" => return Some(936),
        "utf-16" | "utf-16le" | "unicode" => return Some(1200),
        "iso-2022-kr" | "csiso2022kr" => return Some(ISO_2022_KR),
        "hz-gb-2312" | "hz" => return Some(HZ),
        "iso-2022-jp-1" | "iso-2022-jp-2" | "iso-2022-jp-3" | "iso-2022-jp-ms" => {
            return Some(50221);
        }
        "eucjp-ms" | "euc-jp-ms" | "eucjp" | "ujis" => return Some(51932),
        "uhc" | "x-windows-949" | "ksc5601" | "ks_c_5601" => return Some(949),
        "latin9" | "latin-9" => return Some(28605),
        "latin2" | "latin-2" => return Some(28592),
        "cp437" | "ibm437" => return Some(437),
        "cp850" | "ibm850" => return Some(850),
        _ => {}
    }
    for prefix in ["windows-", "cp-", "cp", "x-cp", "ms"] {
        if let Some(number) = lower.strip_prefix(prefix).and_then(|n| n.parse().ok())
            && decoder(number).is_some()
        {
            return Some(number);
        }
    }
    let encoding = Encoding::for_label(lower.as_bytes())?;
    CODE_PAGES.iter().find(|(_, known)| *known == encoding).map(|(code_page, _)| *code_page)
}

/// The label under which text of a code page goes out in MIME.
pub fn label_of_code_page(code_page: u32) -> Option<&'static str> {
    match code_page {
        20127 => Some("us-ascii"),
        28591 => Some("iso-8859-1"),
        28599 => Some("iso-8859-9"),
        UTF_7 => Some("utf-7"),
        ISO_2022_KR => Some("iso-2022-kr"),
        HZ => Some("hz-gb-2312"),
        437 => Some("ibm437"),
        850 => Some("ibm850"),
        _ => match decoder(code_page)? {
            Decoder::Whatwg(encoding) => Some(encoding.name()),
            _ => None,
        },
    }
}

fn decode_with(decoder: Decoder, bytes: &[u8]) -> Cow<'_, str> {
    match decoder {
        Decoder::Whatwg(encoding) => encoding.decode_without_bom_handling(bytes).0,
        Decoder::Utf7 => match charset::Charset::for_label(b"utf-7") {
            Some(utf7) => utf7.decode_without_bom_handling(bytes).0,
            None => String::from_utf8_lossy(bytes),
        },
        Decoder::Shifting(shift, encoding) => {
            let shifted = unshifted(shift, bytes);
            encoding.decode_without_bom_handling(&shifted).0.into_owned().into()
        }
        Decoder::Table(table) => {
            let upper: Vec<char> = table.chars().collect();
            let char_of = |byte: &u8| match byte.checked_sub(0x80) {
                None => char::from(*byte),
                Some(index) => upper.get(usize::from(index)).copied().unwrap_or('\u{fffd}'),
            };
            bytes.iter().map(char_of).collect()
        }
    }
}

/// The bytes as the encoding that is shifted into has them, whose upper bit is set.
fn unshifted(shift: Shift, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut wide = false;
    let mut rest = bytes;
    while let Some((first, tail)) = rest.split_first() {
        rest = match (shift, rest) {
            (Shift::Hz, [b'~', mark @ (b'{' | b'}'), tail @ ..]) => {
                wide = *mark == b'{';
                tail
            }
            (Shift::Hz, [b'~', b'~', tail @ ..]) if !wide => {
                out.push(b'~');
                tail
            }
            // A line that goes on.
            (Shift::Hz, [b'~', b'\n', tail @ ..]) if !wide => tail,
            (Shift::Korean, [0x1b, b'$', b')', b'C', tail @ ..]) => tail,
            (Shift::Korean, [mark @ (0x0e | 0x0f), tail @ ..]) => {
                wide = *mark == 0x0e;
                tail
            }
            _ => {
                // A line's end is one, and ends what a careless writer did not.
                wide &= *first != b'\n';
                out.push(if wide && first.is_ascii_graphic() { first | 0x80 } else { *first });
                tail
            }
        };
    }
    out
}

fn table_byte(table: &str, c: char) -> u8 {
    if c.is_ascii() {
        return c as u8;
    }
    // A table holds 128 characters, so the index fits.
    table.chars().position(|known| known == c).map_or(b'?', |index| (index + 0x80) as u8)
}

fn decoder(code_page: u32) -> Option<Decoder> {
    match code_page {
        UTF_7 => return Some(Decoder::Utf7),
        ISO_2022_KR => return Some(Decoder::Shifting(Shift::Korean, encoding_rs::EUC_KR)),
        HZ => return Some(Decoder::Shifting(Shift::Hz, encoding_rs::GBK)),
        437 => return Some(Decoder::Table(CP437)),
        850 => return Some(Decoder::Table(CP850)),
        _ => {}
    }
    CODE_PAGES
        .iter()
        .find(|(known, _)| *known == code_page)
        .map(|(_, encoding)| Decoder::Whatwg(encoding))
}

/// The first line of an encoding is the code page that its label means.
#[rustfmt::skip]
static CODE_PAGES: &[(u32, &Encoding)] = &[
    (UTF_8, encoding_rs::UTF_8),
    (1252, encoding_rs::WINDOWS_1252),
    (20127, encoding_rs::WINDOWS_1252),
    (28591, encoding_rs::WINDOWS_1252),
    (1250, encoding_rs::WINDOWS_1250),
    (1251, encoding_rs::WINDOWS_1251),
    (1253, encoding_rs::WINDOWS_1253),
    (1254, encoding_rs::WINDOWS_1254),
    (28599, encoding_rs::WINDOWS_1254),
    (1255, encoding_rs::WINDOWS_1255),
    (1256, encoding_rs::WINDOWS_1256),
    (1257, encoding_rs::WINDOWS_1257),
    (1258, encoding_rs::WINDOWS_1258),
    (874, encoding_rs::WINDOWS_874),
    (932, encoding_rs::SHIFT_JIS),
    (936, encoding_rs::GBK),
    (20936, encoding_rs::GBK),
    (51936, encoding_rs::GBK),
    (949, encoding_rs::EUC_KR),
    (20949, encoding_rs::EUC_KR),
    (51949, encoding_rs::EUC_KR),
    (950, encoding_rs::BIG5),
    (54936, encoding_rs::GB18030),
    (50220, encoding_rs::ISO_2022_JP),
    (50221, encoding_rs::ISO_2022_JP),
    (50222, encoding_rs::ISO_2022_JP),
    (51932, encoding_rs::EUC_JP),
    (20932, encoding_rs::EUC_JP),
    (20866, encoding_rs::KOI8_R),
    (21866, encoding_rs::KOI8_U),
    (28592, encoding_rs::ISO_8859_2),
    (28593, encoding_rs::ISO_8859_3),
    (28594, encoding_rs::ISO_8859_4),
    (28595, encoding_rs::ISO_8859_5),
    (28596, encoding_rs::ISO_8859_6),
    (708, encoding_rs::ISO_8859_6),
    (28597, encoding_rs::ISO_8859_7),
    (28598, encoding_rs::ISO_8859_8),
    (38598, encoding_rs::ISO_8859_8_I),
    (28600, encoding_rs::ISO_8859_10),
    (28603, encoding_rs::ISO_8859_13),
    (28604, encoding_rs::ISO_8859_14),
    (28605, encoding_rs::ISO_8859_15),
    (28606, encoding_rs::ISO_8859_16),
    (866, encoding_rs::IBM866),
    (10000, encoding_rs::MACINTOSH),
    (10007, encoding_rs::X_MAC_CYRILLIC),
    (10017, encoding_rs::X_MAC_CYRILLIC),
    (1200, encoding_rs::UTF_16LE),
    (1201, encoding_rs::UTF_16BE),
];

const CP437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";
const CP850: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐\
└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{ad}±‗¾¶§÷¸°¨·¹³²■\u{a0}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_pages_decode() {
        assert_eq!(decode(1252, b"\x80 \xe9"), "€ é");
        assert_eq!(decode(932, b"\x82\xa0"), "あ");
        assert_eq!(decode(50220, b"\x1b$B$\"\x1b(B"), "あ");
        assert_eq!(decode(65000, b"Hi +AKM-1"), "Hi £1");
        assert_eq!(decode(437, b"\x81\xe1\xff"), "üß\u{a0}");
        assert_eq!(decode(850, b"\x9d\xb8"), "Ø©");
        assert_eq!(decode(4711, b"\xe9"), "é");
        assert_eq!((CP437.chars().count(), CP850.chars().count()), (128, 128));
    }

    #[test]
    fn shifting_encodings_decode() {
        let text = |label, bytes| decode_label(Some(label), bytes).text;
        assert_eq!(text("hz-gb-2312", b"~~ ~{VPND~} a\n~{VP\nb"), "~ 中文 a\n中\nb");
        assert_eq!(text("iso-2022-kr", b"\x1b$)C\x0eGQ1[\x0f a"), "한글 a");
        assert_eq!(text("gb2312", b"\x81\x30\x81\x30 \xd6\xd0"), "\u{80} 中");
    }

    #[test]
    fn labels_that_lie_are_not_believed() {
        let text = |bytes: &[u8]| decode_label(Some("utf-8"), bytes).text;
        assert_eq!(text(b"caf\xe9"), "café");
        // Cut in a character, or with one byte broken.
        assert_eq!(text(b"\xc3\xa9 \xc3"), "é \u{fffd}");
    }

    #[test]
    fn labels_lead_to_code_pages_and_back() {
        for (label, code_page) in [
            ("UTF-8", 65001),
            ("\"iso-8859-1\"", 28591),
            ("Windows-1251", 1251),
            ("cp932", 932),
            ("shift_jis", 932),
            ("iso-2022-jp", 50220),
            ("big5", 950),
            ("euc-kr", 949),
            ("KOI8-R", 20866),
            ("us-ascii", 20127),
        ] {
            assert_eq!(code_page_of_label(label), Some(code_page), "{label}");
        }
        assert_eq!(code_page_of_label("x-unknown"), None);
        for (code_page, _) in CODE_PAGES {
            assert!(label_of_code_page(*code_page).is_some());
        }
    }

    #[test]
    fn unlabelled_bytes_are_guessed() {
        let guess = |bytes: &[u8]| decode_label(None, bytes);
        assert_eq!(guess("é".as_bytes()).text, "é");
        assert_eq!(guess(b"\xe9"), Decoded { text: "é".into(), code_page: WESTERN });
        assert_eq!(decode_label(Some("us-ascii"), b"\xc3\xa9").text, "é");
        assert_eq!(decode_label(Some("utf-8"), b"\xef\xbb\xbfa").text, "a");
        assert_eq!(decode_label(Some("utf-16"), b"\xfe\xff\0a").text, "a");
    }

    #[test]
    fn text_goes_back() {
        assert_eq!(encode(1252, "é€Ж"), Some(b"\xe9\x80?".to_vec()));
        assert_eq!(encode(437, "üЖ"), Some(b"\x81?".to_vec()));
        assert_eq!(encode(1200, "a"), None);
        let value = to_unicode(PropertyValue::String8("\u{1}".into()), 1252);
        assert_eq!(value, PropertyValue::from("\u{1}"));
    }
}
