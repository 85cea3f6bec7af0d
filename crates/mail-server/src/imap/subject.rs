//! The base subject (RFC 5256 2.1): what a subject is about, whether replied to or forwarded.

/// A subject without what replies and forwards add to it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Base {
    pub(crate) text: String,
    /// Something was taken off that marks a reply or a forward (RFC 5256 3, THREAD=REFERENCES).
    pub(crate) is_reply: bool,
}

/// Takes the base out of a subject whose encoded words are decoded.
pub(crate) fn base(subject: &str) -> Base {
    // (1) Tabs and folds become blanks, and many blanks one.
    let words: Vec<&str> =
        subject.split([' ', '\t', '\r', '\n']).filter(|w| !w.is_empty()).collect();
    let simple = words.join(" ");
    let mut rest = simple.as_str();
    let mut is_reply = false;
    loop {
        // (2)
        rest = without_trailers(rest, &mut is_reply);
        loop {
            // (3)
            let mut length = rest.len();
            while let Some(behind) = leader(rest) {
                is_reply |= !rest.starts_with(' ');
                rest = behind;
            }
            // (4)
            if let Some(behind) = blob(rest).filter(|behind| !behind.is_empty()) {
                rest = behind;
            }
            // (5)
            if std::mem::replace(&mut length, rest.len()) == rest.len() {
                break;
            }
        }
        // (6)
        match forwarded(rest) {
            Some(inner) => (rest, is_reply) = (inner, true),
            None => return Base { text: rest.to_owned(), is_reply },
        }
    }
}

/// subj-trailer: `(fwd)` or blanks.
fn without_trailers<'a>(mut text: &'a str, is_reply: &mut bool) -> &'a str {
    loop {
        text = text.trim_end_matches(' ');
        match strip_suffix(text, "(fwd)") {
            Some(before) => (text, *is_reply) = (before, true),
            None => return text,
        }
    }
}

/// subj-leader: a blank, or blobs and a subj-refwd. What is behind it.
fn leader(text: &str) -> Option<&str> {
    if let Some(behind) = text.strip_prefix(' ') {
        return Some(behind);
    }
    let mut rest = text;
    while let Some(behind) = blob(rest) {
        rest = behind;
    }
    let marks = ["re", "fwd", "fw"];
    let rest = marks.iter().find_map(|mark| strip_prefix(rest, mark))?;
    let rest = rest.trim_start_matches(' ');
    blob(rest).unwrap_or(rest).strip_prefix(':')
}

/// subj-blob: something in brackets without brackets in it, and blanks. What is behind it.
fn blob(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('[')?;
    let end = inside.find(['[', ']'])?;
    Some(inside[end..].strip_prefix(']')?.trim_start_matches(' '))
}

/// subj-fwd: `[fwd:` and `]` around a subject.
fn forwarded(text: &str) -> Option<&str> {
    strip_prefix(text, "[fwd:")?.strip_suffix(']')
}

fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let begin = text.get(..prefix.len())?;
    begin.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

fn strip_suffix<'a>(text: &'a str, suffix: &str) -> Option<&'a str> {
    let at = text.len().checked_sub(suffix.len())?;
    text.get(at..)?.eq_ignore_ascii_case(suffix).then(|| &text[..at])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bases_are_taken_out() {
        for (subject, text, is_reply) in [
            ("hello", "hello", false),
            (" a \t b\r\n c ", "a b c", false),
            ("Re: hello", "hello", true),
            ("RE : hello", "hello", true),
            ("re:re:Fwd: FW: hello", "hello", true),
            ("Re[2]: hello", "hello", true),
            ("Re [list] : hello", "hello", true),
            ("[list] Re: hello", "hello", true),
            ("[a][b] Re: [c] hello", "hello", true),
            ("[list] hello", "hello", false),
            ("[list]", "[list]", false),
            ("Re: [list]", "[list]", true),
            ("[a] [b]", "[b]", false),
            ("hello (fwd)", "hello", true),
            ("hello (FWD) (fwd) ", "hello", true),
            ("[fwd: hello]", "hello", true),
            ("[Fwd: Re: hello (fwd)]", "hello", true),
            ("Re: [fwd: [fwd: x]]", "x", true),
            ("[fwd: hello", "[fwd: hello", false),
            ("Reply: hello", "Reply: hello", false),
            ("Re", "Re", false),
            ("Re:", "", true),
            ("(fwd)", "", true),
            ("", "", false),
            ("AW: hello", "AW: hello", false),
            ("Grüße [x", "Grüße [x", false),
            ("[Ü] Grüße", "Grüße", false),
            ("ü", "ü", false),
        ] {
            assert_eq!(base(subject), Base { text: text.into(), is_reply }, "{subject:?}");
        }
    }

    proptest! {
        #[test]
        fn a_base_is_its_own_base(words in proptest::collection::vec(proptest::sample::select(vec![
            "re", ":", "fw", "fwd", "[", "]", "[fwd:", "(fwd)", " ", "x", "\u{e4}", "\t", "[a]",
        ]), 0..12)) {
            let once = base(&words.concat());
            prop_assert_eq!(&base(&once.text).text, &once.text);
        }
    }
}
