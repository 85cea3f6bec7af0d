//! The collation i;unicode-casemap (RFC 5051): the form in which SEARCH, SORT and THREAD of IMAP compare texts
//! (I18NLEVEL=1, RFC 5255 4), and so the form in which an index answers for SEARCH.

use std::borrow::Cow;

use unicode_normalization::char::decompose_compatible;

/// A text as it is compared, octet by octet: in title case, then decomposed.
pub fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return match text.bytes().any(|byte| byte.is_ascii_lowercase()) {
            true => text.to_ascii_uppercase().into(),
            false => text.into(),
        };
    }
    let mut folded = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c.is_ascii() {
            true => folded.push(c.to_ascii_uppercase()),
            false => decompose_compatible(title(c), |part| folded.push(part)),
        }
    }
    folded.into()
}

/// The simple mapping to title case of UnicodeData.txt. The standard library has the full mapping to upper case, which
/// is another one for digraphs, Georgian, and wherever it gives more than one character.
fn title(c: char) -> char {
    match c {
        '\u{1c4}'..='\u{1c6}' => return '\u{1c5}',
        '\u{1c7}'..='\u{1c9}' => return '\u{1c8}',
        '\u{1ca}'..='\u{1cc}' => return '\u{1cb}',
        '\u{1f1}'..='\u{1f3}' => return '\u{1f2}',
        '\u{10d0}'..='\u{10ff}' => return c,
        // Greek with iota subscript: its title case is one character.
        '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => {
            return char::from_u32(c as u32 + 8).unwrap_or(c);
        }
        '\u{1fb3}' => return '\u{1fbc}',
        '\u{1fc3}' => return '\u{1fcc}',
        '\u{1ff3}' => return '\u{1ffc}',
        _ => {}
    }
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_equal_without_case() {
        for (one, other) in [
            ("Hello", "hELLO"),
            ("Grüße", "GRÜße"),
            ("ÉTÉ", "e\u{301}te\u{301}"),
            ("ǆ", "Ǆ"),
            ("ǆ", "ǅ"),
            ("ﬁ", "ﬁ"),
            ("ᾀ", "ᾈ"),
            ("Ⅷ", "viii"),
            ("ЁЖ", "ёж"),
        ] {
            assert_eq!(fold(one), fold(other), "{one} {other}");
        }
        // RFC 5051 has simple mappings only.
        assert_ne!(fold("ß"), fold("ss"));
        assert_eq!(fold("é"), "E\u{301}");
        assert_eq!(fold("ABC 1"), "ABC 1");
    }
}
