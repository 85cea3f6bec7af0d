//! Texts in the form in which they are compared, by sort orders, categories, relations and content restrictions
//! alike, and so by FindRow, Restrict and search folders.
//!
//! It is the form of canonical caseless matching (Unicode, D145): decomposed, case folded, and decomposed again.
//! Without case, without nonspacing marks, or without both, as [MS-OXCDATA] 2.12.4 has it.

use std::borrow::Cow;

use mapi::WString;
use mapi::restriction::FuzzyLevel;
use unicode_normalization::char::{canonical_combining_class, decompose_canonical};
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// What does not count when texts are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Form {
    case: bool,
    marks: bool,
}

impl Form {
    /// As texts are sorted, and compared by relations.
    pub(crate) const CASELESS: Form = Form { case: true, marks: false };

    /// Without case and nonspacing marks.
    pub(crate) const LOOSE: Form = Form { case: true, marks: true };

    /// As the high half of a fuzzy level says. FL_LOOSE ignores both.
    pub(crate) fn of(level: FuzzyLevel) -> Form {
        let ignores = |flag| level.high & (flag | FuzzyLevel::LOOSE) != 0;
        Form {
            case: ignores(FuzzyLevel::IGNORE_CASE),
            marks: ignores(FuzzyLevel::IGNORE_NON_SPACE),
        }
    }

    /// The text without what does not count.
    pub(crate) fn fold(self, text: &str) -> Cow<'_, str> {
        if text.is_ascii() {
            return match self.case && text.bytes().any(|byte| byte.is_ascii_uppercase()) {
                true => text.to_ascii_lowercase().into(),
                false => text.into(),
            };
        }
        let mut folded = Folded { text: String::with_capacity(text.len() + 8), marks: Vec::new() };
        for c in text.chars() {
            match c {
                _ if c.is_ascii() => folded.push_starter(match self.case {
                    true => c.to_ascii_lowercase(),
                    false => c,
                }),
                // Ideographs stand for themselves.
                '\u{3400}'..='\u{9fff}' => folded.push_starter(c),
                _ => decompose_canonical(c, |part| match self.case {
                    _ if self.marks && is_nonspacing(part) => {}
                    true => fold_case(part, &mut |part| folded.push(part)),
                    false => folded.push(part),
                }),
            }
        }
        folded.settle();
        folded.text.into()
    }
}

/// Whether a part stands in a text, both folded, and ends where a character does: an `e` does not stand in an `é`.
pub(crate) fn contains(text: &str, part: &str) -> bool {
    part.is_empty()
        || text.match_indices(part).any(|(at, _)| ends_character(&text[at + part.len()..]))
}

/// As [`contains`], for the beginning of the text.
pub(crate) fn starts_with(text: &str, part: &str) -> bool {
    part.is_empty() || text.strip_prefix(part).is_some_and(ends_character)
}

/// Bytes of a text, as [`WString`] has them or as they came. Lone surrogates become replacement characters.
pub(crate) fn readable(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => WString::from_bytes(bytes).to_string_lossy().into_owned().into(),
    }
}

/// Whether what goes on is not a part of the character before it: a mark, or a later letter of a Hangul syllable.
fn ends_character(rest: &str) -> bool {
    let Some(next) = rest.chars().next() else { return true };
    next.is_ascii() || !matches!(next, '\u{1160}'..='\u{11ff}') && !is_nonspacing(next)
}

fn is_nonspacing(c: char) -> bool {
    match c {
        '\0'..='\u{2ff}' => false,
        '\u{300}'..='\u{36f}' => true,
        _ => c.general_category() == GeneralCategory::NonspacingMark,
    }
}

/// Full case folding of one decomposed character. Of three mappings, which the standard library has, only the
/// letter i without a dot is another one.
fn fold_case(c: char, push: &mut impl FnMut(char)) {
    match c {
        'A'..='Z' => push(c.to_ascii_lowercase()),
        '\0'..='\u{7f}' | '\u{300}'..='\u{344}' | '\u{346}'..='\u{36f}' | 'ı' => push(c),
        _ => {
            let lower = c.to_lowercase();
            lower.flat_map(char::to_uppercase).flat_map(char::to_lowercase).for_each(push);
        }
    }
}

/// A text that grows; marks behind a letter stand in the order of their classes.
struct Folded {
    text: String,
    /// The marks behind the last letter.
    marks: Vec<(u8, char)>,
}

impl Folded {
    fn push(&mut self, c: char) {
        match canonical_combining_class(c) {
            0 => self.push_starter(c),
            class => self.marks.push((class, c)),
        }
    }

    fn push_starter(&mut self, c: char) {
        self.settle();
        self.text.push(c);
    }

    fn settle(&mut self) {
        if self.marks.len() > 1 {
            // Stable: marks of one class keep their order.
            self.marks.sort_by_key(|(class, _)| *class);
        }
        self.text.extend(self.marks.drain(..).map(|(_, mark)| mark));
    }
}

#[cfg(test)]
mod tests {
    use unicode_normalization::UnicodeNormalization;

    use super::*;

    const EXACT: Form = Form { case: false, marks: false };
    const BARE: Form = Form { case: false, marks: true };
    const LOOSE: Form = Form::LOOSE;

    #[test]
    fn marks_and_case_are_taken_away() {
        let bare = [
            ("Ärger e\u{301}té", "Arger ete"),
            ("ŠŚṠ ǅ", "SSS \u{1c5}"),
            // Greek, Cyrillic, Vietnamese; letters with a stroke have no mark.
            ("Ἀθῆναι", "Αθηναι"),
            ("Йод ёлка", "Иод елка"),
            ("Việt Nam Ơ", "Viet Nam O"),
            ("øłđ", "øłđ"),
            // Hebrew points, Arabic vowels, Devanagari, Thai.
            ("שָׁלוֹם", "שלום"),
            ("مُحَمَّد", "محمد"),
            ("हिन्दी", "हिनदी"),
            ("น้ำ", "นำ"),
            ("がぎ", "かき"),
        ];
        for (text, expected) in bare {
            assert_eq!(BARE.fold(text).nfc().collect::<String>(), expected, "{text}");
        }
        let caseless = [
            ("STRASSE", "straße"),
            ("ŠΣς", "šσΣ"),
            ("ΜΆΪΟΣ", "μάϊος"),
            ("ЁЖ", "ёж"),
            ("ﬁne ﬀ", "FINE FF"),
            ("\u{212a}elvin \u{212b}", "kelvin å"),
            ("ԱՐԵՒ", "արև"),
            ("ᲐᲑ", "აბ"),
            ("\u{1f80}", "ἈΙ"),
        ];
        for (one, other) in caseless {
            assert_eq!(Form::CASELESS.fold(one), Form::CASELESS.fold(other), "{one} {other}");
        }
        assert_ne!(Form::CASELESS.fold("ı"), Form::CASELESS.fold("i"));
        assert_eq!(LOOSE.fold("ÉTÉ İ"), "ete i");
    }

    #[test]
    fn without_case_and_marks_a_text_is_decomposed() {
        let texts =
            ["a\u{301}\u{323}b", "q\u{307}\u{323}", "각\u{1100}\u{1161}", "ǖ漢字 ậ", "\u{2126}"];
        for text in texts {
            assert_eq!(EXACT.fold(text), text.nfd().collect::<String>(), "{text}");
        }
        assert_eq!(EXACT.fold("q\u{323}\u{307}"), EXACT.fold("q\u{307}\u{323}"));
    }

    #[test]
    fn folding_again_changes_nothing() {
        let (far, last) = ('\u{f900}'..='\u{1ffff}', '\u{e0000}'..='\u{e01ff}');
        for c in ('\0'..='\u{33ff}').chain('\u{a000}'..='\u{ac20}').chain(far).chain(last) {
            let mut utf8 = [0; 4];
            let text = &*c.encode_utf8(&mut utf8);
            for form in [EXACT, BARE, LOOSE, Form::CASELESS] {
                let once = form.fold(text);
                assert_eq!(form.fold(&once), once, "{c:?} {form:?}");
            }
            let lower: String = c.to_lowercase().collect();
            assert_eq!(Form::CASELESS.fold(text), Form::CASELESS.fold(&lower), "{c:?}");
        }
    }

    #[test]
    fn a_part_ends_where_a_character_does() {
        let exact = |text: &str| EXACT.fold(text).into_owned();
        let text = exact("café 각 x\u{302}");
        for (part, expected) in
            [("caf", true), ("cafe", false), ("é", true), ("e", false), ("가", false), ("x", false)]
        {
            assert_eq!(contains(&text, &exact(part)), expected, "{part}");
        }
        assert!(contains(&text, "") && starts_with(&text, ""));
        assert!(starts_with(&text, &exact("caf")) && !starts_with(&text, &exact("cafe")));
        assert!(starts_with(&text, &exact("café")) && !starts_with(&text, &exact("é")));
        // The first occurrence is not one, the second is.
        assert!(contains(&exact("é e"), "e"));
    }

    #[test]
    fn a_fuzzy_level_says_what_does_not_count() {
        let of = |high| Form::of(FuzzyLevel { low: 0, high });
        assert_eq!(of(0), EXACT);
        assert_eq!(of(FuzzyLevel::IGNORE_CASE), Form::CASELESS);
        assert_eq!(of(FuzzyLevel::IGNORE_NON_SPACE), BARE);
        assert_eq!(of(FuzzyLevel::IGNORE_CASE | FuzzyLevel::IGNORE_NON_SPACE), LOOSE);
        assert_eq!(of(FuzzyLevel::LOOSE), LOOSE);
    }
}
