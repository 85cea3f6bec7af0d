//! Restrictions: which rows of a table are wanted, which messages a rule is for ([MS-OXCDATA] 2.12).

use crate::row::TaggedValue;
use crate::tag::PropertyTag;
use crate::value::CountWidth;
use crate::wire::{Reader, Wire, WireError};

/// A condition on the properties of an object.
#[derive(Debug, Clone, PartialEq)]
pub enum Restriction {
    /// All of them ([MS-OXCDATA] 2.12.1).
    And(Vec<Restriction>),
    /// Any of them ([MS-OXCDATA] 2.12.2).
    Or(Vec<Restriction>),
    /// [MS-OXCDATA] 2.12.3
    Not(Box<Restriction>),
    /// The property's text or bytes contain, start with or are the value ([MS-OXCDATA] 2.12.4).
    Content { level: FuzzyLevel, tag: PropertyTag, value: TaggedValue },
    /// The property stands in a relation to the value ([MS-OXCDATA] 2.12.5).
    Property { relation: Relation, tag: PropertyTag, value: TaggedValue },
    /// Two properties of the object stand in a relation ([MS-OXCDATA] 2.12.6).
    CompareProperties { relation: Relation, left: PropertyTag, right: PropertyTag },
    /// The property, masked, is zero or not ([MS-OXCDATA] 2.12.7).
    Bitmask { test: BitTest, tag: PropertyTag, mask: u32 },
    /// The size of the property's value in bytes ([MS-OXCDATA] 2.12.8).
    Size { relation: Relation, tag: PropertyTag, size: u32 },
    /// The property has a value ([MS-OXCDATA] 2.12.9).
    Exist { tag: PropertyTag },
    /// Some recipient (PidTagMessageRecipients) or attachment (PidTagMessageAttachments) of the message
    /// fulfils the condition ([MS-OXCDATA] 2.12.10).
    SubObject { tag: PropertyTag, restriction: Box<Restriction> },
    /// Named values of the client's beside a condition; without one everything fulfils it
    /// ([MS-OXCDATA] 2.12.11).
    Comment { values: Vec<TaggedValue>, restriction: Option<Box<Restriction>> },
    /// At most `limit` objects that fulfil the condition ([MS-OXCDATA] 2.12.12).
    Count { limit: u32, restriction: Box<Restriction> },
}

wire_enum! {
    /// How a property's value relates to another ([MS-OXCDATA] 2.12.5.1).
    pub enum Relation: u8 {
        Less = 0x00,
        LessOrEqual = 0x01,
        Greater = 0x02,
        GreaterOrEqual = 0x03,
        Equal = 0x04,
        NotEqual = 0x05,
        /// Reserved for regular expressions.
        MatchesExpression = 0x06,
        MemberOfDistributionList = 0x64,
    }
}

wire_enum! {
    /// [MS-OXCDATA] 2.12.7.1
    pub enum BitTest: u8 {
        /// None of the masked bits is set.
        AllClear = 0x00,
        /// Some of the masked bits are set.
        AnySet = 0x01,
    }
}

/// How exactly a text must match ([MS-OXCDATA] 2.12.4.1). Unknown bits are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FuzzyLevel {
    /// FULL_STRING, SUBSTRING or PREFIX.
    pub low: u16,
    /// IGNORE_CASE, IGNORE_NON_SPACE and LOOSE, joined by `|`.
    pub high: u16,
}

impl FuzzyLevel {
    pub const FULL_STRING: u16 = 0x0000;
    pub const SUBSTRING: u16 = 0x0001;
    pub const PREFIX: u16 = 0x0002;

    pub const IGNORE_CASE: u16 = 0x0001;
    /// Diacritics and other non-spacing marks do not count.
    pub const IGNORE_NON_SPACE: u16 = 0x0002;
    /// As the server sees fit, usually both of the above.
    pub const LOOSE: u16 = 0x0004;
}

/// In which surroundings a restriction stands: they differ in the width of their counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestrictionForm {
    /// In ROP buffers: every count has two bytes.
    Rop,
    /// In the condition of a standard rule: values count in four bytes, conditions in two.
    Rule,
    /// In the condition of an extended rule ([MS-OXORULE] 2.2.4): every count has four bytes.
    ExtendedRule,
}

impl RestrictionForm {
    fn conditions(self) -> CountWidth {
        match self {
            RestrictionForm::Rop | RestrictionForm::Rule => CountWidth::Two,
            RestrictionForm::ExtendedRule => CountWidth::Four,
        }
    }

    fn values(self) -> CountWidth {
        match self {
            RestrictionForm::Rop => CountWidth::Two,
            RestrictionForm::Rule | RestrictionForm::ExtendedRule => CountWidth::Four,
        }
    }
}

// [MS-OXCDATA] 2.12: the first byte.
const AND: u8 = 0x00;
const OR: u8 = 0x01;
const NOT: u8 = 0x02;
const CONTENT: u8 = 0x03;
const PROPERTY: u8 = 0x04;
const COMPARE_PROPERTIES: u8 = 0x05;
const BITMASK: u8 = 0x06;
const SIZE: u8 = 0x07;
const EXIST: u8 = 0x08;
const SUB_OBJECT: u8 = 0x09;
const COMMENT: u8 = 0x0a;
const COUNT: u8 = 0x0b;

impl Restriction {
    /// Reads the form that the surroundings have. Restrictions nested deeper than
    /// [`MAX_NESTING`](crate::wire::MAX_NESTING) are refused.
    pub fn read_as(r: &mut Reader<'_>, form: RestrictionForm) -> Result<Self, WireError> {
        r.nested(|r| read_one(r, form))
    }

    pub fn write_as(&self, w: &mut Vec<u8>, form: RestrictionForm) {
        match self {
            Restriction::And(parts) => {
                w.push(AND);
                write_many(w, parts, form);
            }
            Restriction::Or(parts) => {
                w.push(OR);
                write_many(w, parts, form);
            }
            Restriction::Not(part) => {
                w.push(NOT);
                part.write_as(w, form);
            }
            Restriction::Content { level, tag, value } => {
                w.push(CONTENT);
                level.low.write(w);
                level.high.write(w);
                tag.write(w);
                value.write_as(w, form.values());
            }
            Restriction::Property { relation, tag, value } => {
                w.push(PROPERTY);
                relation.write(w);
                tag.write(w);
                value.write_as(w, form.values());
            }
            Restriction::CompareProperties { relation, left, right } => {
                w.push(COMPARE_PROPERTIES);
                relation.write(w);
                left.write(w);
                right.write(w);
            }
            Restriction::Bitmask { test, tag, mask } => {
                w.push(BITMASK);
                test.write(w);
                tag.write(w);
                mask.write(w);
            }
            Restriction::Size { relation, tag, size } => {
                w.push(SIZE);
                relation.write(w);
                tag.write(w);
                size.write(w);
            }
            Restriction::Exist { tag } => {
                w.push(EXIST);
                tag.write(w);
            }
            Restriction::SubObject { tag, restriction } => {
                w.push(SUB_OBJECT);
                tag.write(w);
                restriction.write_as(w, form);
            }
            Restriction::Comment { values, restriction } => {
                w.push(COMMENT);
                let count = u8::try_from(values.len()).unwrap_or(u8::MAX);
                count.write(w);
                values
                    .iter()
                    .take(usize::from(count))
                    .for_each(|value| value.write_as(w, form.values()));
                restriction.is_some().write(w);
                if let Some(restriction) = restriction {
                    restriction.write_as(w, form);
                }
            }
            Restriction::Count { limit, restriction } => {
                w.push(COUNT);
                limit.write(w);
                restriction.write_as(w, form);
            }
        }
    }
}

/// The form of ROP buffers.
impl Wire for Restriction {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Self::read_as(r, RestrictionForm::Rop)
    }
    fn write(&self, w: &mut Vec<u8>) {
        self.write_as(w, RestrictionForm::Rop);
    }
}

fn read_one(r: &mut Reader<'_>, form: RestrictionForm) -> Result<Restriction, WireError> {
    Ok(match u8::read(r)? {
        AND => Restriction::And(read_many(r, form)?),
        OR => Restriction::Or(read_many(r, form)?),
        NOT => Restriction::Not(read_boxed(r, form)?),
        CONTENT => Restriction::Content {
            level: FuzzyLevel { low: u16::read(r)?, high: u16::read(r)? },
            tag: PropertyTag::read(r)?,
            value: TaggedValue::read_as(r, form.values())?,
        },
        PROPERTY => Restriction::Property {
            relation: Relation::read(r)?,
            tag: PropertyTag::read(r)?,
            value: TaggedValue::read_as(r, form.values())?,
        },
        COMPARE_PROPERTIES => Restriction::CompareProperties {
            relation: Relation::read(r)?,
            left: PropertyTag::read(r)?,
            right: PropertyTag::read(r)?,
        },
        BITMASK => Restriction::Bitmask {
            test: BitTest::read(r)?,
            tag: PropertyTag::read(r)?,
            mask: u32::read(r)?,
        },
        SIZE => Restriction::Size {
            relation: Relation::read(r)?,
            tag: PropertyTag::read(r)?,
            size: u32::read(r)?,
        },
        EXIST => Restriction::Exist { tag: PropertyTag::read(r)? },
        SUB_OBJECT => {
            Restriction::SubObject { tag: PropertyTag::read(r)?, restriction: read_boxed(r, form)? }
        }
        COMMENT => {
            let count = usize::from(u8::read(r)?);
            let values = (0..count)
                .map(|_| TaggedValue::read_as(r, form.values()))
                .collect::<Result<_, _>>()?;
            let restriction = match bool::read(r)? {
                true => Some(read_boxed(r, form)?),
                false => None,
            };
            Restriction::Comment { values, restriction }
        }
        COUNT => Restriction::Count { limit: u32::read(r)?, restriction: read_boxed(r, form)? },
        kind => return Err(r.bad("a kind of restriction", u64::from(kind), 1)),
    })
}

fn read_boxed(r: &mut Reader<'_>, form: RestrictionForm) -> Result<Box<Restriction>, WireError> {
    Restriction::read_as(r, form).map(Box::new)
}

fn read_many(r: &mut Reader<'_>, form: RestrictionForm) -> Result<Vec<Restriction>, WireError> {
    let count = form.conditions().read(r)?;
    // The shortest restriction, an And of nothing, takes three bytes.
    let mut parts = Vec::with_capacity(r.capacity(count, size_of::<Restriction>()));
    for _ in 0..count {
        parts.push(Restriction::read_as(r, form)?);
    }
    Ok(parts)
}

fn write_many(w: &mut Vec<u8>, parts: &[Restriction], form: RestrictionForm) {
    let count = form.conditions().write(w, parts.len());
    parts.iter().take(count).for_each(|part| part.write_as(w, form));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Found, MAX_NESTING};

    const SUBJECT: PropertyTag = PropertyTag::new(0x0037_001F);
    const KEY: PropertyTag = PropertyTag::new(0x0C1D_0102);

    #[test]
    fn a_content_restriction() {
        let restriction = Restriction::Content {
            level: FuzzyLevel { low: FuzzyLevel::SUBSTRING, high: FuzzyLevel::IGNORE_CASE },
            tag: SUBJECT,
            value: TaggedValue::new(SUBJECT, "a"),
        };
        let bytes = [3, 1, 0, 1, 0, 0x1F, 0, 0x37, 0, 0x1F, 0, 0x37, 0, 97, 0, 0, 0];
        assert_eq!(restriction.to_wire(), bytes);
        assert_eq!(Restriction::from_wire(&bytes), Ok(restriction));
    }

    #[test]
    fn forms_differ_in_their_counts() {
        let value = TaggedValue::new(KEY, vec![9]);
        let restriction = Restriction::And(vec![Restriction::Property {
            relation: Relation::Equal,
            tag: KEY,
            value,
        }]);
        for (form, size) in [
            (RestrictionForm::Rop, 16),
            (RestrictionForm::Rule, 18),
            (RestrictionForm::ExtendedRule, 20),
        ] {
            let mut w = Vec::new();
            restriction.write_as(&mut w, form);
            assert_eq!(w.len(), size);
            let mut r = Reader::new(&w);
            assert_eq!(Restriction::read_as(&mut r, form).as_ref(), Ok(&restriction));
            assert!(r.is_empty());
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let mut bytes = vec![NOT; usize::from(MAX_NESTING) + 1];
        bytes.extend_from_slice(&[EXIST, 0, 0, 0, 0]);
        let error = Restriction::from_wire(&bytes).expect_err("too deep");
        assert_eq!(error.found, Found::TooDeep);
        assert!(Restriction::from_wire(&bytes[2..]).is_ok());
    }
}
