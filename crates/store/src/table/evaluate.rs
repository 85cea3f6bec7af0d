//! Whether an object fulfils a restriction ([MS-OXCDATA] 2.12).
//!
//! Pure: what is asked about the object comes from a [`Source`].

use std::cmp::Ordering;

use mapi::restriction::{BitTest, FuzzyLevel, Relation};
use mapi::{PropertyTag, PropertyValue, Restriction};

use super::collate;
use super::fold::{self, Form};
use crate::{Result, StoreError};

/// How deep restrictions may be nested; the wire allows less.
const MAX_DEPTH: usize = 256;

/// An object with properties, and the objects in it.
pub(crate) trait Source {
    /// The value by the tag's id, if the object has one.
    fn value(&self, tag: PropertyTag) -> Result<Option<PropertyValue>>;

    /// Bytes of the value.
    fn size(&self, tag: PropertyTag) -> Result<Option<u64>> {
        Ok(self.value(tag)?.map(|value| value_size(&value)))
    }

    /// What `test` says of the bytes of a text, as [`mapi::WString`] has them, where they can be looked at
    /// without being copied; else None.
    fn test_text(&self, _: PropertyTag, _: &mut dyn FnMut(&[u8]) -> bool) -> Option<bool> {
        None
    }

    /// What an index knows of a content restriction; None if the value has to be looked at.
    fn indexed(&self, _: FuzzyLevel, _: PropertyTag, _: &PropertyValue) -> Option<bool> {
        None
    }

    fn exists(&self, tag: PropertyTag) -> Result<bool> {
        Ok(self.size(tag)?.is_some())
    }

    /// Whether `test` holds for some recipient (PidTagMessageRecipients) or attachment
    /// (PidTagMessageAttachments) of the object.
    fn any_part(
        &self,
        tag: PropertyTag,
        test: &mut dyn FnMut(&dyn Source) -> Result<bool>,
    ) -> Result<bool>;
}

/// Refuses restrictions that make no sense.
///
/// Errors: [`StoreError::Invalid`]; [`StoreError::TooComplex`] for regular expressions and membership in
/// distribution lists, which Exchange does not evaluate either.
pub(crate) fn check(restriction: &Restriction) -> Result<()> {
    check_at(restriction, 0)
}

fn check_at(restriction: &Restriction, depth: usize) -> Result<()> {
    if depth > MAX_DEPTH {
        return Err(StoreError::Invalid("a restriction is nested too deep"));
    }
    match restriction {
        Restriction::And(parts) | Restriction::Or(parts) => {
            parts.iter().try_for_each(|part| check_at(part, depth + 1))
        }
        Restriction::Not(part)
        | Restriction::SubObject { restriction: part, .. }
        | Restriction::Count { restriction: part, .. } => check_at(part, depth + 1),
        Restriction::Comment { restriction, .. } => {
            restriction.as_ref().map_or(Ok(()), |part| check_at(part, depth + 1))
        }
        Restriction::Property { relation, .. }
        | Restriction::CompareProperties { relation, .. } => match relation {
            Relation::MatchesExpression => {
                Err(StoreError::TooComplex("a regular expression in a restriction"))
            }
            Relation::MemberOfDistributionList => {
                Err(StoreError::TooComplex("a distribution list in a restriction"))
            }
            Relation::Unknown(_) => {
                Err(StoreError::Invalid("an unknown relation in a restriction"))
            }
            _ => Ok(()),
        },
        Restriction::Bitmask { test: BitTest::Unknown(_), .. } => {
            Err(StoreError::Invalid("an unknown test of bits in a restriction"))
        }
        Restriction::Content { level, .. } if level.low > FuzzyLevel::PREFIX => {
            Err(StoreError::Invalid("an unknown kind of content restriction"))
        }
        Restriction::Content { .. }
        | Restriction::Bitmask { .. }
        | Restriction::Size { .. }
        | Restriction::Exist { .. } => Ok(()),
    }
}

/// Whether the object fulfils the restriction. A property that the object does not have fulfils no
/// condition except [`Relation::NotEqual`].
pub(crate) fn matches(restriction: &Restriction, source: &dyn Source) -> Result<bool> {
    Ok(match restriction {
        Restriction::And(parts) => {
            for part in parts {
                if !matches(part, source)? {
                    return Ok(false);
                }
            }
            true
        }
        Restriction::Or(parts) => {
            for part in parts {
                if matches(part, source)? {
                    return Ok(true);
                }
            }
            false
        }
        Restriction::Not(part) => !matches(part, source)?,
        Restriction::Content { level, tag, value } => {
            if let Some(known) = source.indexed(*level, *tag, &value.value) {
                return Ok(known);
            }
            let lent = text(&value.value).and_then(|wanted| {
                source.test_text(*tag, &mut |found| text_content(*level, found, wanted))
            });
            match lent {
                Some(fits) => fits,
                None => match source.value(*tag)? {
                    Some(found) => content(*level, &found, &value.value),
                    None => false,
                },
            }
        }
        Restriction::Property { relation, tag, value } => match source.value(*tag)? {
            Some(found) => property(*relation, &found, &value.value),
            None => *relation == Relation::NotEqual,
        },
        Restriction::CompareProperties { relation, left, right } => {
            match (source.value(*left)?, source.value(*right)?) {
                (Some(left), Some(right)) => holds(*relation, collate::compare(&left, &right)),
                (None, None) => false,
                _ => *relation == Relation::NotEqual,
            }
        }
        Restriction::Bitmask { test, tag, mask } => {
            let Some(bits) = source.value(*tag)?.as_ref().and_then(bits) else { return Ok(false) };
            match test {
                BitTest::AllClear => bits & u64::from(*mask) == 0,
                BitTest::AnySet => bits & u64::from(*mask) != 0,
                BitTest::Unknown(_) => false,
            }
        }
        Restriction::Size { relation, tag, size } => match source.size(*tag)? {
            Some(found) => holds(*relation, Some(found.cmp(&u64::from(*size)))),
            None => false,
        },
        Restriction::Exist { tag } => source.exists(*tag)?,
        Restriction::SubObject { tag, restriction } => {
            source.any_part(*tag, &mut |part| matches(restriction, part))?
        }
        Restriction::Comment { restriction, .. } => match restriction {
            Some(restriction) => matches(restriction, source)?,
            None => true,
        },
        // How many rows there may be is the table's matter.
        Restriction::Count { restriction, .. } => matches(restriction, source)?,
    })
}

/// The most rows that a restriction lets a table have ([MS-OXCDATA] 2.12.12).
pub(crate) fn limit(restriction: &Restriction) -> Option<usize> {
    match restriction {
        Restriction::Count { limit, .. } => Some(*limit as usize),
        _ => None,
    }
}

/// Bytes of a value as [`Restriction::Size`] counts them: text in the form of its type, without the null.
pub(crate) fn value_size(value: &PropertyValue) -> u64 {
    match value {
        PropertyValue::String(text) => text.to_utf16().len() as u64 * 2,
        PropertyValue::MultipleString(texts) => {
            texts.iter().map(|text| text.to_utf16().len() as u64 * 2).sum()
        }
        PropertyValue::Null | PropertyValue::Object => 0,
        PropertyValue::Boolean(_) => 1,
        PropertyValue::Integer16(_) => 2,
        PropertyValue::Integer32(_)
        | PropertyValue::Floating32(_)
        | PropertyValue::ErrorCode(_) => 4,
        other => other.size() as u64,
    }
}

/// A multi-value property relates to a single value if one of its values does; it differs from it if none
/// is equal.
fn property(relation: Relation, found: &PropertyValue, wanted: &PropertyValue) -> bool {
    let (Some(list), None) = (collate::values(found), collate::values(wanted)) else {
        return holds(relation, collate::compare(found, wanted));
    };
    if relation == Relation::NotEqual {
        return !property(Relation::Equal, found, wanted);
    }
    list.iter().any(|value| holds(relation, collate::compare(value, wanted)))
}

fn holds(relation: Relation, order: Option<Ordering>) -> bool {
    match (relation, order) {
        (Relation::NotEqual, order) => order != Some(Ordering::Equal),
        (_, None) => false,
        (Relation::Less, Some(order)) => order.is_lt(),
        (Relation::LessOrEqual, Some(order)) => order.is_le(),
        (Relation::Greater, Some(order)) => order.is_gt(),
        (Relation::GreaterOrEqual, Some(order)) => order.is_ge(),
        (Relation::Equal, Some(order)) => order.is_eq(),
        // Refused by `check`.
        (_, Some(_)) => false,
    }
}

/// [MS-OXCDATA] 2.12.4
fn content(level: FuzzyLevel, found: &PropertyValue, wanted: &PropertyValue) -> bool {
    if let Some(list) = collate::values(found) {
        return list.iter().any(|value| content(level, value, wanted));
    }
    if let (PropertyValue::Binary(found), PropertyValue::Binary(wanted)) = (found, wanted) {
        return match level.low {
            FuzzyLevel::SUBSTRING => {
                wanted.is_empty() || found.windows(wanted.len()).any(|part| part == wanted)
            }
            FuzzyLevel::PREFIX => found.starts_with(wanted),
            _ => found == wanted,
        };
    }
    match (text(found), text(wanted)) {
        (Some(found), Some(wanted)) => text_content(level, found, wanted),
        _ => false,
    }
}

/// The bytes of a text of either kind.
fn text(value: &PropertyValue) -> Option<&[u8]> {
    match value {
        PropertyValue::String(text) => Some(text.as_bytes()),
        PropertyValue::String8(text) => Some(&text.0),
        _ => None,
    }
}

/// As [`content`], for the bytes of two texts.
fn text_content(level: FuzzyLevel, found: &[u8], wanted: &[u8]) -> bool {
    if found.is_ascii() && wanted.is_ascii() {
        return plain_content(level, found, wanted);
    }
    folded_content(level, found, wanted)
}

fn folded_content(level: FuzzyLevel, found: &[u8], wanted: &[u8]) -> bool {
    let form = Form::of(level);
    let (found, wanted) = (fold::readable(found), fold::readable(wanted));
    let (found, wanted) = (form.fold(&found), form.fold(&wanted));
    match level.low {
        FuzzyLevel::SUBSTRING => fold::contains(&found, &wanted),
        FuzzyLevel::PREFIX => fold::starts_with(&found, &wanted),
        _ => found == wanted,
    }
}

/// As [`text_content`] for ASCII: nothing is copied, and there are no marks.
fn plain_content(level: FuzzyLevel, found: &[u8], wanted: &[u8]) -> bool {
    let case = level.high & (FuzzyLevel::IGNORE_CASE | FuzzyLevel::LOOSE) != 0;
    let same = |part: &[u8]| match case {
        true => part.eq_ignore_ascii_case(wanted),
        false => part == wanted,
    };
    match level.low {
        FuzzyLevel::SUBSTRING => {
            let Some(first) = wanted.first() else { return true };
            let (low, high) = match case {
                true => (first.to_ascii_lowercase(), first.to_ascii_uppercase()),
                false => (*first, *first),
            };
            let last = found.len().saturating_sub(wanted.len() - 1);
            let begins = |at: &usize| found[*at] == low || found[*at] == high;
            (0..last).filter(begins).any(|at| same(&found[at..at + wanted.len()]))
        }
        FuzzyLevel::PREFIX => found.get(..wanted.len()).is_some_and(same),
        _ => same(found),
    }
}

/// Whether a restriction looks at one value of a multi-value property in each row: then rows of one object may
/// differ in whether they fulfil it.
pub(crate) fn looks_at_instances(restriction: &Restriction) -> bool {
    let is = super::source::is_instance;
    match restriction {
        Restriction::And(parts) | Restriction::Or(parts) => parts.iter().any(looks_at_instances),
        Restriction::Not(part) | Restriction::Count { restriction: part, .. } => {
            looks_at_instances(part)
        }
        Restriction::Comment { restriction, .. } => {
            restriction.as_deref().is_some_and(looks_at_instances)
        }
        Restriction::Content { tag, .. }
        | Restriction::Property { tag, .. }
        | Restriction::Bitmask { tag, .. }
        | Restriction::Size { tag, .. }
        | Restriction::Exist { tag } => is(*tag),
        Restriction::CompareProperties { left, right, .. } => is(*left) || is(*right),
        // Of recipients and attachments there are no instances.
        Restriction::SubObject { .. } => false,
    }
}

fn bits(value: &PropertyValue) -> Option<u64> {
    match value {
        PropertyValue::Integer16(v) => Some(*v as u16 as u64),
        PropertyValue::Integer32(v) => Some(*v as u32 as u64),
        PropertyValue::Integer64(v) => Some(*v as u64),
        PropertyValue::Boolean(v) => Some(u64::from(*v)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use mapi::{FileTime, TaggedValue, tags};

    use super::*;

    #[derive(Default)]
    struct Object {
        values: BTreeMap<u16, PropertyValue>,
        recipients: Vec<Object>,
        attachments: Vec<Object>,
    }

    impl Object {
        fn with(mut self, tag: PropertyTag, value: impl Into<PropertyValue>) -> Self {
            self.values.insert(tag.id(), value.into());
            self
        }
    }

    impl Source for Object {
        fn value(&self, tag: PropertyTag) -> Result<Option<PropertyValue>> {
            Ok(self.values.get(&tag.id()).cloned())
        }

        fn any_part(
            &self,
            tag: PropertyTag,
            test: &mut dyn FnMut(&dyn Source) -> Result<bool>,
        ) -> Result<bool> {
            let parts = match tag.id() {
                0x0e12 => &self.recipients,
                0x0e13 => &self.attachments,
                _ => return Ok(false),
            };
            for part in parts {
                if test(part)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
    }

    const CATEGORIES: PropertyTag = PropertyTag::new(0x8001_101f);

    fn object() -> Object {
        let mut object = Object::default()
            .with(tags::SUBJECT, "Grüße from Zoë")
            .with(tags::IMPORTANCE, 1)
            .with(tags::MESSAGE_FLAGS, 0x11)
            .with(tags::MESSAGE_DELIVERY_TIME, FileTime(500))
            .with(tags::SEARCH_KEY, vec![1, 2, 3])
            .with(CATEGORIES, PropertyValue::MultipleString(vec!["Red".into(), "Blue".into()]));
        object.recipients.push(Object::default().with(tags::DISPLAY_NAME, "Ann"));
        object.recipients.push(Object::default().with(tags::DISPLAY_NAME, "Bob"));
        object.attachments.push(Object::default().with(tags::ATTACH_SIZE, 100));
        object
    }

    fn is(restriction: &Restriction) -> bool {
        check(restriction).expect("sensible");
        matches(restriction, &object()).expect("pure")
    }

    fn property(tag: PropertyTag, relation: Relation, value: impl Into<PropertyValue>) -> bool {
        let value = TaggedValue { tag, value: value.into() };
        is(&Restriction::Property { relation, tag, value })
    }

    fn content(tag: PropertyTag, low: u16, high: u16, value: impl Into<PropertyValue>) -> bool {
        let value = TaggedValue { tag, value: value.into() };
        is(&Restriction::Content { level: FuzzyLevel { low, high }, tag, value })
    }

    #[test]
    fn relations() {
        use Relation as R;
        let expected = [
            (R::Less, [false, false, true]),
            (R::LessOrEqual, [false, true, true]),
            (R::Greater, [true, false, false]),
            (R::GreaterOrEqual, [true, true, false]),
            (R::Equal, [false, true, false]),
            (R::NotEqual, [true, false, true]),
        ];
        for (relation, [low, same, high]) in expected {
            let time = |ticks| property(tags::MESSAGE_DELIVERY_TIME, relation, FileTime(ticks));
            assert_eq!([time(499), time(500), time(501)], [low, same, high], "{relation:?}");
            let int = |n: i32| property(tags::IMPORTANCE, relation, n);
            assert_eq!([int(0), int(1), int(2)], [low, same, high], "{relation:?}");
            let text = |t: &str| property(tags::SUBJECT, relation, t);
            let texts = [text("GRÜßE"), text("grüße FROM zoë"), text("h")];
            assert_eq!(texts, [low, same, high], "{relation:?}");
            // Not there, or of another kind.
            let differs = relation == R::NotEqual;
            assert_eq!(property(tags::BODY, relation, "x"), differs);
            assert_eq!(property(tags::IMPORTANCE, relation, "1"), differs);
        }
    }

    #[test]
    fn one_of_many_values_is_enough() {
        use Relation as R;
        assert!(property(CATEGORIES, R::Equal, "blue"));
        assert!(!property(CATEGORIES, R::Equal, "green"));
        assert!(property(CATEGORIES, R::NotEqual, "green"));
        assert!(!property(CATEGORIES, R::NotEqual, "red"));
        assert!(property(CATEGORIES, R::Less, "c"));
        let both = PropertyValue::MultipleString(vec!["red".into(), "blue".into()]);
        assert!(property(CATEGORIES, R::Equal, both));
        let one = PropertyValue::MultipleString(vec!["red".into()]);
        assert!(!property(CATEGORIES, R::Equal, one));
        assert!(content(CATEGORIES, FuzzyLevel::PREFIX, FuzzyLevel::IGNORE_CASE, "bl"));
        assert!(!content(CATEGORIES, FuzzyLevel::PREFIX, 0, "bl"));
    }

    #[test]
    fn contents() {
        use FuzzyLevel as F;
        let cases = [
            (F::FULL_STRING, 0, "Grüße from Zoë", true),
            (F::FULL_STRING, 0, "grüße from Zoë", false),
            (F::FULL_STRING, F::IGNORE_CASE, "GRÜßE FROM ZOË", true),
            (F::FULL_STRING, F::IGNORE_CASE, "GRÜSSE FROM ZOË", true),
            (F::FULL_STRING, F::IGNORE_CASE, "Grusse from Zoe", false),
            (F::FULL_STRING, 0, "Gru\u{308}ße from Zoe\u{308}", true),
            (F::FULL_STRING, F::IGNORE_NON_SPACE, "Gruße from Zoe", true),
            (F::FULL_STRING, F::IGNORE_NON_SPACE, "gruße from zoe", false),
            (F::FULL_STRING, F::LOOSE, "gruße FROM zoe", true),
            (F::FULL_STRING, F::LOOSE, "grusse from zòè", true),
            (F::SUBSTRING, 0, "Zoe", false),
            (F::SUBSTRING, F::IGNORE_NON_SPACE, "Zoe", true),
            (F::PREFIX, F::IGNORE_CASE, "gru", false),
            (F::SUBSTRING, 0, "from", true),
            (F::SUBSTRING, 0, "From", false),
            (F::SUBSTRING, F::IGNORE_CASE, "From", true),
            (F::SUBSTRING, 0, "", true),
            (F::SUBSTRING, F::LOOSE, "ZOE", true),
            (F::PREFIX, 0, "Grü", true),
            (F::PREFIX, 0, "from", false),
            (F::PREFIX, F::IGNORE_CASE, "GRÜ", true),
            (F::PREFIX, F::IGNORE_CASE | F::IGNORE_NON_SPACE, "gRu", true),
        ];
        for (low, high, text, expected) in cases {
            assert_eq!(content(tags::SUBJECT, low, high, text), expected, "{low} {high} {text}");
            let narrow = PropertyValue::String8(text.into());
            assert_eq!(content(tags::SUBJECT, low, high, narrow), expected);
        }
        assert!(content(tags::SEARCH_KEY, F::SUBSTRING, 0, vec![2u8, 3]));
        assert!(content(tags::SEARCH_KEY, F::SUBSTRING, 0, vec![]));
        assert!(!content(tags::SEARCH_KEY, F::PREFIX, 0, vec![2u8]));
        assert!(!content(tags::SEARCH_KEY, F::FULL_STRING, 0, vec![1u8]));
        assert!(!content(tags::BODY, F::SUBSTRING, 0, ""));
        assert!(!content(tags::IMPORTANCE, F::SUBSTRING, 0, "1"));
    }

    #[test]
    fn plain_texts_are_compared_as_all_others() {
        let texts = ["", "a", "Ab", "abc", "ABCabc", "xaB", "b"];
        for found in texts {
            for wanted in texts {
                for (low, high) in (0..3).flat_map(|low| (0..8).map(move |high| (low, high))) {
                    let level = FuzzyLevel { low, high };
                    let slow = folded_content(level, found.as_bytes(), wanted.as_bytes());
                    let fast = plain_content(level, found.as_bytes(), wanted.as_bytes());
                    assert_eq!(fast, slow, "{found:?} {wanted:?} {level:?}");
                }
            }
        }
    }

    #[test]
    fn bits_sizes_and_presence() {
        let bitmask =
            |test, mask| is(&Restriction::Bitmask { test, tag: tags::MESSAGE_FLAGS, mask });
        assert!(bitmask(BitTest::AnySet, 0x30));
        assert!(!bitmask(BitTest::AllClear, 0x30));
        assert!(bitmask(BitTest::AllClear, 0x20));
        assert!(!bitmask(BitTest::AnySet, 0x20));
        let absent = |test| is(&Restriction::Bitmask { test, tag: tags::BODY, mask: 1 });
        assert!(!absent(BitTest::AnySet) && !absent(BitTest::AllClear));
        let size = |tag, relation, size| is(&Restriction::Size { relation, tag, size });
        assert!(size(tags::SEARCH_KEY, Relation::Equal, 3));
        assert!(size(tags::SUBJECT, Relation::Equal, 28));
        assert!(size(tags::IMPORTANCE, Relation::LessOrEqual, 4));
        assert!(!size(tags::BODY, Relation::GreaterOrEqual, 0));
        assert!(is(&Restriction::Exist { tag: tags::SUBJECT }));
        assert!(!is(&Restriction::Exist { tag: tags::BODY }));
    }

    #[test]
    fn two_properties() {
        let compare =
            |relation, left, right| is(&Restriction::CompareProperties { relation, left, right });
        assert!(compare(Relation::Less, tags::IMPORTANCE, tags::MESSAGE_FLAGS));
        assert!(compare(Relation::Equal, tags::IMPORTANCE, tags::IMPORTANCE));
        assert!(!compare(Relation::Equal, tags::IMPORTANCE, tags::BODY));
        assert!(compare(Relation::NotEqual, tags::IMPORTANCE, tags::BODY));
        assert!(!compare(Relation::NotEqual, tags::BODY, tags::HTML));
    }

    #[test]
    fn parts_of_messages() {
        let recipient = |name: &str| Restriction::SubObject {
            tag: tags::MESSAGE_RECIPIENTS,
            restriction: Box::new(Restriction::Property {
                relation: Relation::Equal,
                tag: tags::DISPLAY_NAME,
                value: TaggedValue::new(tags::DISPLAY_NAME, name),
            }),
        };
        assert!(is(&recipient("bob")));
        assert!(!is(&recipient("eve")));
        let attachment = Restriction::SubObject {
            tag: tags::MESSAGE_ATTACHMENTS,
            restriction: Box::new(Restriction::Exist { tag: tags::ATTACH_SIZE }),
        };
        assert!(is(&attachment));
    }

    #[test]
    fn conditions_are_joined() {
        let yes = || Restriction::Exist { tag: tags::SUBJECT };
        let no = || Restriction::Exist { tag: tags::BODY };
        assert!(is(&Restriction::And(vec![])));
        assert!(!is(&Restriction::Or(vec![])));
        assert!(is(&Restriction::And(vec![yes(), yes()])));
        assert!(!is(&Restriction::And(vec![yes(), no()])));
        assert!(is(&Restriction::Or(vec![no(), yes()])));
        assert!(is(&Restriction::Not(Box::new(no()))));
        assert!(is(&Restriction::Comment { values: vec![], restriction: None }));
        assert!(!is(&Restriction::Comment { values: vec![], restriction: Some(Box::new(no())) }));
        assert!(is(&Restriction::Count { limit: 0, restriction: Box::new(yes()) }));
    }

    #[test]
    fn nonsense_is_refused() {
        let mut deep = Restriction::Exist { tag: tags::BODY };
        for _ in 0..=MAX_DEPTH {
            deep = Restriction::Not(Box::new(deep));
        }
        assert!(matches!(check(&deep), Err(StoreError::Invalid(_))));
        let level = FuzzyLevel { low: 3, high: 0 };
        let value = TaggedValue::new(tags::SUBJECT, "x");
        let unknown = Restriction::Content { level, tag: tags::SUBJECT, value: value.clone() };
        assert!(matches!(check(&unknown), Err(StoreError::Invalid(_))));
        let relation = Relation::MatchesExpression;
        let expression = Restriction::Property { relation, tag: tags::SUBJECT, value };
        let inside = Restriction::Or(vec![expression]);
        assert!(matches!(check(&inside), Err(StoreError::TooComplex(_))));
    }
}
