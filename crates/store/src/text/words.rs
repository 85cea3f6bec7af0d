//! Words: what the texts of messages are cut into for the index, and what a text that is looked for asks of them.
//!
//! A search asks for a part of a text, anywhere in it, so words are cut where every text that is looked for is cut
//! too: between characters of different classes. What lies within a word is found by looking at all words of the
//! dictionary. A word that is long, or of a script that does not set words apart, is cut into pieces that overlap,
//! so that each part of it up to a length lies whole in one of them.
//!
//! INVARIANT: every form in which texts are compared leaves the class of a character as it is, so it is the same
//! whether a text is cut and then folded, or folded and then cut. The tests look at every character. The few for which
//! it is not so make a message one that is always looked at.

use std::borrow::Cow;

use formats::text::casemap;
use unicode_normalization::char::{canonical_combining_class, decompose_compatible};
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

use super::bytes::damaged;
use super::segment::END;
use crate::Result;
use crate::table::fold::{self, Form};

/// Bytes of a word in the dictionary.
pub(super) const MAX_WORD: usize = 255;
/// Bytes of an uncut word; a longer one makes a text one of which the index knows nothing.
const MAX_RUN: usize = 64 << 10;
/// Pieces that a text which is looked for is asked for by, at most.
const MAX_ASKED: usize = 8;

/// What a character is for words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Spaces, punctuation, symbols.
    Between,
    /// Letters and digits of scripts that set words apart.
    Letter,
    /// Letters of scripts that do not: those of China and Japan, of Thailand, Laos, Myanmar and Cambodia.
    Ideograph,
    /// What belongs to the character before it: marks, and the later letters of a Hangul syllable.
    Joined,
    /// Folding makes something of another class of it.
    Odd,
}

/// How words of a class are cut, in characters with what is joined to them.
impl Class {
    /// The longest piece.
    fn longest(self) -> usize {
        if self == Class::Ideograph { 2 } else { 48 }
    }

    /// From the beginning of one piece to that of the next.
    fn step(self) -> usize {
        if self == Class::Ideograph { 1 } else { 24 }
    }

    /// Parts of so many characters lie whole in some piece, wherever they begin; and none of them at the beginning
    /// or end of a word lies only in a piece that is not the first or last.
    fn whole(self) -> usize {
        self.longest() - self.step() + 1
    }
}

/// The class of what a character is made of: that of its decomposition, in which all has to be of one class but for
/// what is joined to it.
fn class(c: char) -> Class {
    match c {
        '\0'..='\u{9f}' | '\u{4e00}'..='\u{9fff}' => return class_of_part(c),
        // The iota below is a mark, and in upper case a letter.
        '\u{345}' => return Class::Odd,
        _ => {}
    }
    let mut class = None;
    decompose_compatible(c, |part| {
        let next = class_of_part(part);
        class = match class {
            None => Some(next),
            Some(first) if first == next || next == Class::Joined => class,
            Some(_) => Some(Class::Odd),
        };
    });
    class.unwrap_or(Class::Odd)
}

fn class_of_part(c: char) -> Class {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => Class::Letter,
        '\0'..='\u{7f}' => Class::Between,
        // So a fraction is one word, and a temperature.
        '\u{b0}' | '\u{2044}' => Class::Letter,
        '\u{80}'..='\u{2ff}' if c.is_alphanumeric() => Class::Letter,
        '\u{80}'..='\u{2ff}' => Class::Between,
        '\u{1160}'..='\u{11ff}' => Class::Joined,
        '\u{4e00}'..='\u{9fff}' => Class::Ideograph,
        _ if is_mark(c) => Class::Joined,
        _ if !c.is_alphanumeric() => Class::Between,
        '\u{0e00}'..='\u{0eff}'
        | '\u{1000}'..='\u{109f}'
        | '\u{1780}'..='\u{17ff}'
        | '\u{2e80}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{a9e0}'..='\u{a9ff}'
        | '\u{aa60}'..='\u{aa7f}'
        | '\u{f900}'..='\u{faff}'
        | '\u{ff66}'..='\u{ff9d}'
        | '\u{1b000}'..='\u{1b16f}'
        | '\u{20000}'..='\u{3ffff}' => Class::Ideograph,
        _ => Class::Letter,
    }
}

fn is_mark(c: char) -> bool {
    canonical_combining_class(c) != 0 || c.general_category_group() == GeneralCategoryGroup::Mark
}

/// The index knows nothing of a text: it has what cannot be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Opaque;

/// A text in lower case, as far as every form of it stays what it is.
pub(super) fn lower(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return match text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => text.to_ascii_lowercase().into(),
            false => text.into(),
        };
    }
    text.chars().map(lower_char).collect()
}

fn lower_char(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    let mut lower = c.to_lowercase();
    let (Some(one), None) = (lower.next(), lower.next()) else { return c };
    let form = |c: char| casemap::fold(c.encode_utf8(&mut [0; 4])).into_owned();
    if one == c || form(one) != form(c) { c } else { one }
}

/// Calls `each` with the words of a text in lower case; one may come more than once.
pub(super) fn cut(text: &str, each: &mut impl FnMut(&str)) -> std::result::Result<(), Opaque> {
    each_run(text, &mut |class, run, _| {
        if run.len() > MAX_RUN {
            return Err(Opaque);
        }
        let mut fits = true;
        pieces(class, run, &mut |piece| match piece.len() <= MAX_WORD {
            true => each(piece),
            false => fits = false,
        });
        if fits { Ok(()) } else { Err(Opaque) }
    })
}

/// Calls `each` with the stretches of letters of one class, and where they begin.
fn each_run<'a>(
    text: &'a str,
    each: &mut impl FnMut(Class, &'a str, usize) -> std::result::Result<(), Opaque>,
) -> std::result::Result<(), Opaque> {
    let mut open: Option<(Class, usize)> = None;
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        // Most texts are ASCII, and decoding them costs more than looking at them.
        let (class, length) = match bytes[at] {
            b'a'..=b'z' | b'0'..=b'9' | b'A'..=b'Z' => (Class::Letter, 1),
            0..=0x7f => (Class::Between, 1),
            _ => match text[at..].chars().next() {
                Some(c) => (class(c), c.len_utf8()),
                None => break,
            },
        };
        match (class, open) {
            (Class::Odd, _) => return Err(Opaque),
            // What is joined to no letter belongs to what is between words.
            (Class::Joined, _) => {}
            (class, Some((same, _))) if class == same => {}
            (class, before) => {
                if let Some((class, from)) = before {
                    each(class, &text[from..at], from)?;
                }
                open = (class != Class::Between).then_some((class, at));
            }
        }
        at += length;
    }
    match open {
        Some((class, from)) => each(class, &text[from..], from),
        None => Ok(()),
    }
}

/// The pieces of a word.
fn pieces<'a>(class: Class, run: &'a str, each: &mut impl FnMut(&'a str)) {
    let (longest, step) = (class.longest(), class.step());
    // There are no more characters than bytes.
    if run.len() <= longest {
        return each(run);
    }
    // Where characters begin, each with what is joined to it.
    let mut starts: Vec<usize> = Vec::new();
    for (at, c) in run.char_indices() {
        if self::class(c) != Class::Joined {
            starts.push(at);
        }
    }
    let mut first = 0;
    loop {
        let end = starts.get(first + longest).copied();
        each(&run[starts[first]..end.unwrap_or(run.len())]);
        if end.is_none() {
            return;
        }
        first += step;
    }
}

/// What a text that is looked for asks of the words of a message: that each of the pieces is found. A message of
/// which that is not so does not have the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) pieces: Vec<Piece>,
    /// A message of which it is so has the text.
    pub(super) exact: bool,
    how: How,
}

/// How texts are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// By i;unicode-casemap, octet by octet, as IMAP does.
    Casemap,
    /// In a form of MAPI, and a part ends where a character does.
    Folded(Form),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    text: String,
    /// In lower case; None where no word of ASCII can have it.
    ascii: Option<String>,
    /// What a filter has to have.
    pub(super) windows: Vec<u32>,
    place: Within,
}

/// Where in a word a piece has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    Anywhere,
    Begin,
    End,
    Whole,
}

impl Asked {
    /// For a text that is looked for by i;unicode-casemap.
    pub(super) fn casemap(text: &str) -> Asked {
        Asked::of(&casemap::fold(text), How::Casemap)
    }

    /// For a text in a form without case. With `exact` it may stand anywhere in the other.
    pub(super) fn folded(text: &str, form: Form, exact: bool) -> Asked {
        let mut asked = Asked::of(&form.fold(text), How::Folded(form));
        asked.exact &= exact;
        asked
    }

    fn of(text: &str, how: How) -> Asked {
        // What is joined to a character that is not there tells nothing.
        let whole = text.trim_start_matches(|c| class(c) == Class::Joined);
        let cut = whole.len() < text.len();
        let text = whole;
        let mut pieces = Vec::new();
        let mut exact = !cut;
        let odd = each_run(text, &mut |class, run, from| {
            let (begins, ends) = (from > 0, from + run.len() < text.len());
            exact &= !begins && !ends;
            exact &= ask(class, run, (begins, ends), how, &mut pieces);
            Ok(())
        });
        if odd.is_err() || pieces.is_empty() {
            return Asked { pieces: Vec::new(), exact: false, how };
        }
        // Long pieces tell more.
        pieces.sort_by_key(|piece: &Piece| std::cmp::Reverse(piece.text.len()));
        pieces.dedup();
        pieces.truncate(MAX_ASKED);
        Asked { pieces, exact, how }
    }

    /// Calls `each` for every word of a block that has a piece: where it begins, and the number of the piece.
    pub(super) fn find(&self, block: &[u8], each: &mut impl FnMut(usize, usize)) -> Result<()> {
        let text = std::str::from_utf8(block).map_err(|_| damaged("words that are no text"))?;
        let word_at = |at: usize| {
            let from = memchr::memrchr(END, &block[..at]).map_or(0, |end| end + 1);
            from..memchr::memchr(END, &block[at..]).map_or(block.len(), |length| at + length)
        };
        for (number, piece) in self.pieces.iter().enumerate() {
            let Some(plain) = &piece.ascii else { continue };
            let finder = memchr::memmem::Finder::new(plain);
            let mut next = 0;
            while let Some(found) = finder.find(&block[next..]) {
                let at = next + found;
                let word = word_at(at);
                let (begins, ends) = (at == word.start, at + plain.len() == word.end);
                next = at + 1;
                let fits = match piece.place {
                    Within::Anywhere => true,
                    Within::Begin => begins,
                    Within::End => ends,
                    Within::Whole => begins && ends,
                };
                if fits && block[word.clone()].is_ascii() {
                    each(word.start, number);
                    next = word.end;
                }
            }
        }
        // Others have to be folded.
        let mut next = 0;
        while let Some(at) = other_byte(block, next) {
            let word = word_at(at);
            self.look(&text[word.clone()], &mut |piece| each(word.start, piece));
            next = word.end;
        }
        Ok(())
    }

    /// Calls `each` with the numbers of the pieces that a word of the dictionary has.
    pub(super) fn look(&self, word: &str, each: &mut impl FnMut(usize)) {
        let ascii = word.is_ascii();
        let folded = match self.how {
            _ if ascii => Cow::Borrowed(word),
            How::Folded(form) => form.fold(word),
            How::Casemap => casemap::fold(word),
        };
        for (at, Piece { text, ascii: plain, place, .. }) in self.pieces.iter().enumerate() {
            let text = match (ascii, plain) {
                (false, _) => text.as_str(),
                (true, Some(plain)) => plain,
                (true, None) => continue,
            };
            let has = match place {
                Within::Anywhere if self.exact && self.how != How::Casemap => {
                    fold::contains(&folded, text)
                }
                Within::Anywhere => folded.contains(text),
                Within::Begin => folded.starts_with(text),
                Within::End => folded.ends_with(text),
                Within::Whole => *folded == *text,
            };
            if has {
                each(at);
            }
        }
    }
}

/// The next byte that is not ASCII.
fn other_byte(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    for chunk in bytes.get(from..)?.chunks(64) {
        if !chunk.is_ascii() {
            return chunk.iter().position(|byte| !byte.is_ascii()).map(|found| at + found);
        }
        at += chunk.len();
    }
    None
}

/// Every four bytes that stand one after another.
pub(super) fn windows(word: &[u8]) -> impl Iterator<Item = u32> + '_ {
    word.windows(4).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
}

/// Calls `each` with a word in all forms in which it may be compared, in lower case as far as they are ASCII.
pub(super) fn each_form(word: &[u8], each: &mut impl FnMut(&[u8])) {
    let Ok(word) = std::str::from_utf8(word) else { return };
    each(casemap::fold(word).to_ascii_lowercase().as_bytes());
    for form in [Form::CASELESS, Form::LOOSE] {
        each(form.fold(word).to_ascii_lowercase().as_bytes());
    }
}

/// Adds what a word of a text that is looked for asks for; whether a message that has it has the word.
fn ask(
    class: Class,
    run: &str,
    (begins, ends): (bool, bool),
    how: How,
    pieces: &mut Vec<Piece>,
) -> bool {
    let mut push = |text: &str, place| {
        // Words are in lower case, and folded to upper case; forms of MAPI are in lower case.
        let is_upper = |text: &str| !text.bytes().any(|byte| byte.is_ascii_lowercase());
        let plain = text.is_ascii() && (how != How::Casemap || is_upper(text));
        let ascii = plain.then(|| text.to_ascii_lowercase());
        let windows = windows(text.to_ascii_lowercase().as_bytes()).collect();
        pieces.push(Piece { text: text.to_owned(), ascii, windows, place });
    };
    // Characters of the folded text, of which one that is stored may have become several: they are at least as many.
    let starts: Vec<usize> = run.char_indices().map(|(at, _)| at).collect();
    let whole = class.whole();
    if starts.len() <= whole {
        push(
            run,
            match (begins, ends) {
                (false, false) => Within::Anywhere,
                (true, false) => Within::Begin,
                (false, true) => Within::End,
                (true, true) => Within::Whole,
            },
        );
        return true;
    }
    if begins {
        push(&run[..starts[whole]], Within::Begin);
    }
    if ends {
        push(&run[starts[starts.len() - whole]..], Within::End);
    }
    let step = if class == Class::Ideograph { 1 } else { whole };
    let mut first = 0;
    while first < starts.len() {
        let last = first + whole >= starts.len();
        let from = if last { starts.len() - whole } else { first };
        let end = starts.get(from + whole).copied().unwrap_or(run.len());
        push(&run[starts[from]..end], Within::Anywhere);
        if last {
            break;
        }
        first += step;
    }
    false
}

#[cfg(test)]
mod tests {
    use mapi::restriction::FuzzyLevel;
    use proptest::prelude::*;

    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mut words = Vec::new();
        cut(&lower(text), &mut |word| words.push(word.to_owned())).expect("not opaque");
        words
    }

    fn form(high: u16) -> Form {
        Form::of(FuzzyLevel { low: 0, high })
    }

    const FORMS: [u16; 3] = [
        FuzzyLevel::IGNORE_CASE,
        FuzzyLevel::LOOSE,
        FuzzyLevel::IGNORE_CASE | FuzzyLevel::IGNORE_NON_SPACE,
    ];

    #[test]
    fn a_text_is_cut_into_words() {
        assert_eq!(words("Re: Äpfel, 3.50 €\r\n\"x_y\""), ["re", "äpfel", "3", "50", "x", "y"]);
        assert_eq!(words("東京tower へ"), ["東京", "tower", "へ"]);
        assert_eq!(words("東京都庁"), ["東京", "京都", "都庁"]);
        assert_eq!(words("e\u{301}a \u{301}b"), ["e\u{301}a", "b"]);
        let long = "x".repeat(100);
        let lengths: Vec<usize> = words(&long).iter().map(String::len).collect();
        assert_eq!(lengths, [48, 48, 48, 28]);
        assert_eq!(cut("a\u{345}", &mut |_| {}), Err(Opaque));
        assert_eq!(cut(&"a".repeat(MAX_RUN + 1), &mut |_| {}), Err(Opaque));
        let marked = format!("a{}", "\u{301}".repeat(200));
        assert_eq!(cut(&marked, &mut |_| {}), Err(Opaque));
    }

    #[test]
    fn folding_leaves_the_class_of_every_character() {
        for c in '\0'..=char::MAX {
            let own = class(c);
            if own == Class::Odd {
                continue;
            }
            let mut utf8 = [0; 4];
            let text = &*c.encode_utf8(&mut utf8);
            let lower = lower(text);
            let folded = FORMS.map(|high| form(high).fold(text).into_owned());
            let imap = casemap::fold(text).into_owned();
            assert_eq!(casemap::fold(&lower), imap, "{c:?}");
            for (at, made) in [lower.to_string(), imap].iter().chain(&folded).enumerate() {
                let part = |c| if c == '\u{345}' { Class::Joined } else { class(c) };
                let mut classes = made.chars().map(part);
                match (own, classes.next()) {
                    (Class::Joined, None) => {}
                    (_, first) => assert_eq!(first, Some(own), "{c:?} {at} {made:?}"),
                }
                assert!(classes.all(|of| of == own || of == Class::Joined), "{c:?} {at} {made:?}");
            }
            for (high, made) in FORMS.iter().zip(&folded) {
                assert_eq!(*form(*high).fold(&lower), **made, "{c:?} {high}");
            }
        }
    }

    /// What the index says of a text that has only these words.
    fn says(asked: &Asked, words: &[String]) -> Option<bool> {
        let mut found = vec![false; asked.pieces.len()];
        words.iter().for_each(|word| asked.look(word, &mut |at| found[at] = true));
        // In a block they are found as well, and its filter does not deny it.
        let block: Vec<u8> =
            words.iter().flat_map(|word| [word.as_bytes(), b"\n"].concat()).collect();
        let mut again = vec![false; asked.pieces.len()];
        asked.find(&block, &mut |_, at| again[at] = true).expect("a text");
        assert_eq!(again, found, "{asked:?} {words:?}");
        let mut all = std::collections::HashSet::new();
        words.iter().for_each(|word| match word.is_ascii() {
            true => all.extend(windows(word.as_bytes())),
            false => each_form(word.as_bytes(), &mut |form| all.extend(windows(form))),
        });
        for (piece, found) in asked.pieces.iter().zip(&found) {
            assert!(!found || piece.windows.iter().all(|window| all.contains(window)), "{piece:?}");
        }
        match found.iter().all(|found| *found) {
            false => Some(false),
            true => asked.exact.then_some(true),
        }
    }

    fn agrees(text: &str, wanted: &str) {
        let mut all = Vec::new();
        if cut(&lower(text), &mut |word| all.push(word.to_owned())).is_err() {
            return;
        }
        let is = casemap::fold(text).contains(&*casemap::fold(wanted));
        let said = says(&Asked::casemap(wanted), &all);
        assert!(said.is_none_or(|said| said == is), "{wanted:?} in {text:?}: {said:?}");
        for high in FORMS {
            let form = form(high);
            let is = fold::contains(&form.fold(text), &form.fold(wanted));
            let said = says(&Asked::folded(wanted, form, true), &all);
            assert!(said.is_none_or(|said| said == is), "{high} {wanted:?} in {text:?}: {said:?}");
        }
    }

    #[test]
    fn one_word_is_decided_and_more_are_not() {
        let text = "The quick brown fox's d\u{e9}j\u{e0}-vu 東京タワー";
        for (wanted, expected) in [
            ("QUICK", Some(true)),
            ("uic", Some(true)),
            ("cat", Some(false)),
            ("quick brown", None),
            ("ick bro", None),
            ("ick ro", Some(false)),
            ("quick  brown", None),
            ("k", Some(true)),
            (" ", None),
            ("", None),
            ("deja", Some(false)),
            ("dej", Some(false)),
            ("de", Some(true)),
            ("京タ", Some(true)),
            ("京タワ", None),
            ("大京", Some(false)),
        ] {
            assert_eq!(says(&Asked::casemap(wanted), &words(text)), expected, "{wanted}");
            agrees(text, wanted);
        }
        let loose = Asked::folded("deja", form(FuzzyLevel::LOOSE), true);
        assert_eq!(says(&loose, &words(text)), Some(true));
        let long = format!("{}b{}", "a".repeat(70), "c".repeat(70));
        for (wanted, expected) in [("bccc", Some(true)), ("bca", Some(false))] {
            assert_eq!(says(&Asked::casemap(wanted), &words(&long)), expected);
        }
        let over = format!("b{}", "c".repeat(69));
        assert_eq!(says(&Asked::casemap(&over), &words(&long)), None);
        assert_eq!(says(&Asked::casemap(&format!("{over}x")), &words(&long)), Some(false));
    }

    fn alphabet() -> impl Strategy<Value = String> {
        proptest::collection::vec(
            proptest::sample::select(vec![
                "a",
                "b",
                "A",
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                "ababababab",
                " ",
                ".",
                "\r\n",
                "e",
                "\u{301}",
                "\u{e9}",
                "\u{df}",
                "SS",
                "\u{fb01}",
                "\u{130}",
                "\u{131}",
                "\u{3a3}",
                "\u{3c2}",
                "\u{3c3} ",
                "\u{6771}",
                "\u{4eac}",
                "\u{304b}",
                "\u{304c}",
                "\u{3099}",
                "\u{ac01}",
                "\u{ac00}",
                "\u{1100}",
                "\u{1161}",
                "\u{11a8}",
                "\u{1f80}",
                "\u{2260}",
                "\u{338}",
                "=",
                "\u{fffd}",
                "1",
                "\u{e01}\u{e33}",
                "\u{e49}",
                "\u{1eb6}",
                "\u{1112b}",
                "\u{345}",
                "\u{a0}",
                "\u{2122}",
                "TM",
                "\u{bd}",
                "\u{2044}",
                "\u{2103}",
                "\u{3231}",
                "\u{ff76}",
                "\u{ff9e}",
                "fi",
                "\u{1e9e}",
                "\u{1c90}",
                "\u{10d0}",
                "\u{2026}",
                "\u{3131}",
                "\u{314f}",
                "\u{b4}",
                "\u{1c4}",
                "\u{2460}",
                "\u{fdfa}",
                "K",
                "\u{212a}",
            ]),
            0..24,
        )
        .prop_map(|parts| parts.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_500))]

        #[test]
        fn words_never_say_what_is_not_so(text in alphabet(), other in alphabet(), from in 0usize..60, to in 0usize..60) {
            agrees(&text, &other);
            // A part of the text itself, also folded.
            let chars: Vec<char> = text.chars().collect();
            let (from, to) = (from.min(chars.len()), to.min(chars.len()));
            let part: String = chars[from.min(to)..from.max(to)].iter().collect();
            agrees(&text, &part);
            for high in FORMS {
                agrees(&text, &form(high).fold(&part));
            }
            let whole: Vec<char> = form(FuzzyLevel::LOOSE).fold(&text).chars().collect();
            let (from, to) = (from.min(whole.len()), to.min(whole.len()));
            agrees(&text, &whole[from.min(to)..from.max(to)].iter().collect::<String>());
        }
    }
}
