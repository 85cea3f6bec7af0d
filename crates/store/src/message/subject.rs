//! The subject and its prefix ([MS-OXCMSG] 2.2.1.9, 2.2.1.10 and 2.2.1.46).

use mapi::{PropertyTag, PropertyValue, WString, tags};

use crate::value::Properties;

/// Brings PidTagSubject, PidTagSubjectPrefix and PidTagNormalizedSubject of a message that is saved in
/// line. The subject and the prefix are kept; the normalized subject is what stands behind the prefix.
pub(crate) fn settle(properties: &mut Properties) {
    let normalized = text(properties, tags::NORMALIZED_SUBJECT);
    match (prefix(properties), normalized) {
        (Some(prefix), _) => {
            properties.set(tags::SUBJECT_PREFIX, prefix);
            properties.remove(tags::NORMALIZED_SUBJECT);
        }
        (None, Some(normalized)) => {
            let prefix = text(properties, tags::SUBJECT_PREFIX).unwrap_or_default();
            join(properties, prefix, &normalized);
        }
        (None, None) => {}
    }
}

/// Follows what a client wrote: a new subject has its own prefix, and a new prefix or normalized subject makes
/// a new subject (MS-OXCMSG R1239).
pub fn subject_written(properties: &mut Properties, written: &[PropertyTag]) {
    let wrote = |tag: PropertyTag| written.iter().any(|written| written.id() == tag.id());
    let parts = [tags::SUBJECT_PREFIX, tags::NORMALIZED_SUBJECT];
    if wrote(tags::SUBJECT) {
        parts.iter().filter(|tag| !wrote(**tag)).for_each(|tag| drop(properties.remove(*tag)));
        return;
    }
    let (named, rest) = (text(properties, parts[0]), text(properties, parts[1]));
    match (wrote(parts[0]), rest.filter(|_| wrote(parts[1]))) {
        (true, Some(rest)) => join(properties, named.unwrap_or_default(), &rest),
        (false, Some(rest)) => {
            let before = prefix(properties).or(named).unwrap_or_default();
            join(properties, before, &rest);
        }
        // A subject that begins with it already stays.
        (true, None) => {
            let Some(subject) = text(properties, tags::SUBJECT) else { return };
            let named = named.unwrap_or_default();
            if !subject.as_bytes().starts_with(named.as_bytes()) {
                let before = prefix_of(&subject);
                let rest = WString::from_bytes(&subject.as_bytes()[before.as_bytes().len()..]);
                join(properties, named, &rest);
            }
        }
        (false, None) => {}
    }
}

fn join(properties: &mut Properties, prefix: WString, rest: &WString) {
    let whole = [prefix.as_bytes(), rest.as_bytes()].concat();
    properties.set(tags::SUBJECT, WString::from_bytes(&whole));
    properties.set(tags::SUBJECT_PREFIX, prefix);
    properties.remove(tags::NORMALIZED_SUBJECT);
}

fn text(properties: &Properties, tag: PropertyTag) -> Option<WString> {
    properties.inline(tag)?.as_text().cloned()
}

/// What stands behind the prefix.
pub(crate) fn normalized(properties: &Properties) -> Option<PropertyValue> {
    let prefix = prefix(properties)?;
    let subject = properties.inline(tags::SUBJECT)?.as_text()?;
    Some(WString::from_bytes(&subject.as_bytes()[prefix.as_bytes().len()..]).into())
}

/// The prefix of the subject: the one that was named, if the subject begins with it, else the one that is found.
pub(crate) fn prefix(properties: &Properties) -> Option<WString> {
    let subject = properties.inline(tags::SUBJECT)?.as_text()?;
    let named = text(properties, tags::SUBJECT_PREFIX)
        .filter(|prefix| !prefix.is_empty() && subject.as_bytes().starts_with(prefix.as_bytes()));
    Some(named.unwrap_or_else(|| prefix_of(subject)))
}

/// One to three letters, a colon and a space: the rule for finding a prefix that nobody named
/// ([MS-OXCMSG] 2.2.1.9).
fn prefix_of(subject: &WString) -> WString {
    let Some(text) = subject.as_str() else { return WString::default() };
    let Some(colon) = text.find(": ") else { return WString::default() };
    let word = &text[..colon];
    let length = word.chars().count();
    let letters = word.chars().all(char::is_alphabetic);
    match (1..=3).contains(&length) && letters {
        true => WString::new(&text[..colon + 2]),
        false => WString::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(set: &[(mapi::PropertyTag, &str)]) -> (Option<String>, Option<String>) {
        let mut properties = Properties::new();
        set.iter().for_each(|(tag, text)| properties.set(*tag, *text));
        settle(&mut properties);
        let text =
            |value: Option<PropertyValue>| value.and_then(|v| Some(v.as_text()?.to_string()));
        (text(properties.inline(tags::SUBJECT).cloned()), text(normalized(&properties)))
    }

    #[test]
    fn prefixes() {
        let some = |a: &str, b: &str| (Some(a.into()), Some(b.into()));
        assert_eq!(settled(&[(tags::SUBJECT, "Re: hello")]), some("Re: hello", "hello"));
        assert_eq!(settled(&[(tags::SUBJECT, "12: hello")]), some("12: hello", "12: hello"));
        assert_eq!(settled(&[(tags::SUBJECT, "long: hello")]), some("long: hello", "long: hello"));
        assert_eq!(
            settled(&[(tags::SUBJECT_PREFIX, "AW: "), (tags::NORMALIZED_SUBJECT, "x")]),
            some("AW: x", "x")
        );
        assert_eq!(settled(&[]), (None, None));
    }

    /// What is written, and the subject, the prefix and the rest that come of it.
    type Case<'a> = (&'a [(PropertyTag, &'a str)], [&'a str; 3]);

    #[test]
    fn parts_that_are_written_later_make_another_subject() {
        let (s, p, n) = (tags::SUBJECT, tags::SUBJECT_PREFIX, tags::NORMALIZED_SUBJECT);
        let cases: [Case; 8] = [
            (&[(s, "RE: one"), (s, "FW: two")], ["FW: two", "FW: ", "two"]),
            (&[(s, "RE: one"), (n, "two")], ["RE: two", "RE: ", "two"]),
            (&[(s, "RE: one"), (p, "FW: ")], ["FW: one", "FW: ", "one"]),
            (&[(s, "RE: one"), (p, "")], ["RE: one", "RE: ", "one"]),
            (&[(p, "Antw: "), (n, "two")], ["Antw: two", "Antw: ", "two"]),
            (&[(n, "two"), (p, "Antw: ")], ["Antw: two", "Antw: ", "two"]),
            (&[(s, "Antw: two"), (p, "Antw: ")], ["Antw: two", "Antw: ", "two"]),
            (&[(s, "Antw: two"), (p, "Antw: "), (n, "x")], ["Antw: x", "Antw: ", "x"]),
        ];
        for (writes, expected) in cases {
            let mut properties = Properties::new();
            for (tag, text) in writes {
                properties.set(*tag, *text);
                subject_written(&mut properties, &[*tag]);
            }
            let told = [
                text(&properties, s).unwrap_or_default(),
                prefix(&properties).unwrap_or_default(),
                normalized(&properties).and_then(|v| v.as_text().cloned()).unwrap_or_default(),
            ];
            assert_eq!(told, expected.map(WString::from), "{writes:?}");
            let before = told;
            settle(&mut properties);
            assert_eq!(text(&properties, s), Some(before[0].clone()));
            assert_eq!(prefix(&properties), Some(before[1].clone()));
        }
    }
}
