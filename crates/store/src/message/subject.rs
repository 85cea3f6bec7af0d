//! The subject and its prefix ([MS-OXCMSG] 2.2.1.9, 2.2.1.10 and 2.2.1.46).

use mapi::{PropertyValue, WString, tags};

use crate::value::Properties;

/// Brings PidTagSubject, PidTagSubjectPrefix and PidTagNormalizedSubject of a message that is saved in
/// line. The subject and the prefix are kept; the normalized subject is what stands behind the prefix.
pub(crate) fn settle(properties: &mut Properties) {
    let text = |tag| match properties.inline(tag) {
        Some(PropertyValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    let (subject, prefix) = (text(tags::SUBJECT), text(tags::SUBJECT_PREFIX));
    let normalized = text(tags::NORMALIZED_SUBJECT);
    match (subject, normalized) {
        (Some(subject), _) => {
            let given = prefix.filter(|prefix| {
                !prefix.is_empty() && subject.as_bytes().starts_with(prefix.as_bytes())
            });
            let prefix = given.unwrap_or_else(|| prefix_of(&subject));
            properties.set(tags::SUBJECT_PREFIX, prefix);
            properties.remove(tags::NORMALIZED_SUBJECT);
        }
        (None, Some(normalized)) => {
            let prefix = prefix.unwrap_or_default();
            let whole = [prefix.as_bytes(), normalized.as_bytes()].concat();
            properties.set(tags::SUBJECT, WString::from_bytes(&whole));
            properties.set(tags::SUBJECT_PREFIX, prefix);
            properties.remove(tags::NORMALIZED_SUBJECT);
        }
        (None, None) => {}
    }
}

/// What stands behind the prefix.
pub(crate) fn normalized(properties: &Properties) -> Option<PropertyValue> {
    let subject = properties.inline(tags::SUBJECT)?.as_text()?;
    let prefix = properties.inline(tags::SUBJECT_PREFIX).and_then(PropertyValue::as_text);
    let rest = match prefix {
        Some(prefix) => subject.as_bytes().strip_prefix(prefix.as_bytes())?,
        None => {
            let prefix = prefix_of(subject);
            &subject.as_bytes()[prefix.as_bytes().len()..]
        }
    };
    Some(WString::from_bytes(rest).into())
}

/// The prefix of a subject for which none was named.
pub(crate) fn prefix(properties: &Properties) -> Option<PropertyValue> {
    Some(prefix_of(properties.inline(tags::SUBJECT)?.as_text()?).into())
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
}
