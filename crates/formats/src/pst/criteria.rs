//! What a search folder of a PST looks for: its search criteria object ([MS-PST] 2.4.8.6.2).
//!
//! The specification names the object and keeps quiet about what stands in it; this is what Outlook's files have:
//!
//! - 0x6608: the restriction as MAPI's structures lie in memory of 32 bits. An SRestriction takes 16 bytes, a kind
//!   and three words; a pointer is an offset from the begin of the blob. Of an SPropValue only the tag stands
//!   where its pointer would be (or, of a comment, in a list of four bytes each). What a word's name leaves
//!   unused holds whatever was in memory.
//! - 0x8001, 0x8002 and so on: the values of those, in the order in which a reader comes to them who goes into
//!   each condition before the next one. Here these ids are no named properties.
//! - 0x6609: the folders that are searched, as node ids of four bytes.
//! - 0x660b: the flags of IMAPIContainer::GetSearchCriteria.

use mapi::restriction::{BitTest, FuzzyLevel, Relation};
use mapi::{
    PropertyKey, PropertyName, PropertyTag, PropertyType, PropertyValue, Restriction, TaggedValue,
};

use super::NodeId;
use crate::names::Names;
use crate::text::charsets;

pub(super) const RESTRICTION: u16 = 0x6608;
pub(super) const FOLDERS: u16 = 0x6609;
pub(super) const FLAGS: u16 = 0x660b;
/// Of the first value of the restriction.
const FIRST_VALUE: u16 = 0x8001;

/// SEARCH_RECURSIVE, SEARCH_STATIC
const RECURSIVE: i32 = 0x0000_0004;
const STATIC: i32 = 0x0001_0000;

/// Bytes of an SRestriction.
const NODE: usize = 16;
const MAX_NESTING: usize = 64;
const MAX_FOLDERS: usize = 10_000;

/// What a search folder looks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Criteria {
    pub restriction: Restriction,
    /// What the ids from 0x8000 on in the tags of the restriction are called.
    pub names: Vec<(u16, PropertyName)>,
    pub folders: Vec<NodeId>,
    /// What is below those folders is searched as well.
    pub recursive: bool,
    /// What was found once stays.
    pub fixed: bool,
}

/// The properties of a search criteria object. None if the folder never got criteria.
///
/// Errors: what of them could not be read.
pub(super) fn read(
    value: &mut dyn FnMut(u16) -> Result<Option<PropertyValue>, String>,
    names: &Names,
    code_page: u32,
) -> Result<Option<Criteria>, String> {
    let (Some(restriction), Some(folders)) = (value(RESTRICTION)?, value(FOLDERS)?) else {
        return Ok(None);
    };
    let (Some(bytes), Some(folders)) = (restriction.as_binary(), folders.as_binary()) else {
        return Err("its conditions or its folders are no bytes".into());
    };
    let (folders, rest) = folders.as_chunks::<4>();
    if !rest.is_empty() || folders.len() > MAX_FOLDERS {
        return Err("its list of folders has a length that no list has".into());
    }
    let folders = folders.iter().map(|id| NodeId(u32::from_le_bytes(*id))).collect();
    let flags = value(FLAGS)?.and_then(|flags| flags.as_i32()).unwrap_or(0);
    let mut next = 0;
    let mut values = || {
        let id = FIRST_VALUE.checked_add(next).ok_or("it has too many values")?;
        next += 1;
        value(id)?.ok_or_else(|| format!("the value {id:#06x} is missing"))
    };
    let mut nodes = Nodes { bytes, left: bytes.len() / NODE, code_page, values: &mut values };
    let restriction = nodes.node(0, 0)?;
    let mut called = Vec::new();
    let mut unknown = None;
    each_tag(&restriction, &mut |tag| match names.key(tag.id()) {
        Some(PropertyKey::Tag(_)) => {}
        Some(PropertyKey::Named(name)) => called.push((tag.id(), name)),
        None => unknown = Some(tag.id()),
    });
    if let Some(id) = unknown {
        return Err(format!("it looks at the property {id:#06x}, which has no name"));
    }
    called.sort_unstable_by_key(|(id, _)| *id);
    called.dedup_by_key(|(id, _)| *id);
    let (recursive, fixed) = (flags & RECURSIVE != 0, flags & STATIC != 0);
    Ok(Some(Criteria { restriction, names: called, folders, recursive, fixed }))
}

/// The blob, with what may still be read of it: each node stands once.
struct Nodes<'a> {
    bytes: &'a [u8],
    left: usize,
    code_page: u32,
    values: &'a mut dyn FnMut() -> Result<PropertyValue, String>,
}

impl Nodes<'_> {
    fn word(&self, at: usize) -> Result<u32, String> {
        let bytes = self.bytes.get(at..).and_then(|rest| rest.first_chunk());
        bytes.map(|bytes| u32::from_le_bytes(*bytes)).ok_or("its conditions are cut off".into())
    }

    fn tag(&self, at: usize) -> Result<PropertyTag, String> {
        Ok(unicode(PropertyTag::new(self.word(at)?)))
    }

    fn node(&mut self, at: usize, depth: usize) -> Result<Restriction, String> {
        if depth > MAX_NESTING {
            return Err("its conditions are nested too deep".into());
        }
        self.left = self.left.checked_sub(1).ok_or("its conditions stand in each other")?;
        let [kind, a, b, c] = [0, 4, 8, 12].map(|word| self.word(at + word));
        let (kind, a, b, c) = (kind?, a?, b?, c?);
        let relation = |code: u32| match code {
            0..=6 => Ok(Relation::from_int(code as u8)),
            _ => Err(format!("a relation of the number {code}")),
        };
        Ok(match kind {
            0 => Restriction::And(self.several(a, b, depth)?),
            1 => Restriction::Or(self.several(a, b, depth)?),
            2 => Restriction::Not(self.boxed(b, depth)?),
            3 => Restriction::Content {
                level: FuzzyLevel { low: a as u16, high: (a >> 16) as u16 },
                tag: self.tag(at + 8)?,
                value: self.value(at + 12)?,
            },
            4 => Restriction::Property {
                relation: relation(a)?,
                tag: self.tag(at + 8)?,
                value: self.value(at + 12)?,
            },
            5 => Restriction::CompareProperties {
                relation: relation(a)?,
                left: self.tag(at + 8)?,
                right: self.tag(at + 12)?,
            },
            6 => Restriction::Bitmask {
                test: match a {
                    0 => BitTest::AllClear,
                    1 => BitTest::AnySet,
                    other => return Err(format!("a test of bits of the number {other}")),
                },
                tag: self.tag(at + 8)?,
                mask: c,
            },
            7 => Restriction::Size { relation: relation(a)?, tag: self.tag(at + 8)?, size: c },
            8 => Restriction::Exist { tag: self.tag(at + 8)? },
            9 => Restriction::SubObject {
                tag: self.tag(at + 4)?,
                restriction: self.boxed(b, depth)?,
            },
            10 => {
                let first = c as usize;
                let mut values = Vec::new();
                for number in 0..a as usize {
                    let at = first.checked_add(number * 4).ok_or("its values are cut off")?;
                    values.push(self.value(at)?);
                }
                let restriction = if b == 0 { None } else { Some(self.boxed(b, depth)?) };
                Restriction::Comment { values, restriction }
            }
            other => return Err(format!("a condition of the kind {other}")),
        })
    }

    fn several(&mut self, count: u32, at: u32, depth: usize) -> Result<Vec<Restriction>, String> {
        let count = count as usize;
        if count > self.left {
            return Err("more conditions than there is room for".into());
        }
        (0..count).map(|number| self.node(at as usize + number * NODE, depth + 1)).collect()
    }

    fn boxed(&mut self, at: u32, depth: usize) -> Result<Box<Restriction>, String> {
        self.node(at as usize, depth + 1).map(Box::new)
    }

    /// The next value, of the tag that stands there.
    fn value(&mut self, at: usize) -> Result<TaggedValue, String> {
        let tag = self.tag(at)?;
        let value = charsets::to_unicode((self.values)()?, self.code_page);
        if value.property_type() != tag.property_type() {
            let found = value.property_type();
            return Err(format!("a value of the type {found:?} for the property {tag:?}"));
        }
        Ok(TaggedValue { tag, value })
    }
}

/// A tag of text as Unicode, as which all text is handed over.
fn unicode(tag: PropertyTag) -> PropertyTag {
    let multiple = PropertyType::STRING8.0 | 0x1000;
    match tag.property_type() {
        PropertyType::STRING8 => tag.with_type(PropertyType::STRING),
        PropertyType(kind) if kind == multiple => {
            tag.with_type(PropertyType(PropertyType::STRING.0 | 0x1000))
        }
        _ => tag,
    }
}

fn each_tag(restriction: &Restriction, each: &mut dyn FnMut(PropertyTag)) {
    match restriction {
        Restriction::And(parts) | Restriction::Or(parts) => {
            parts.iter().for_each(|part| each_tag(part, each));
        }
        Restriction::Not(inner)
        | Restriction::SubObject { restriction: inner, .. }
        | Restriction::Count { restriction: inner, .. } => each_tag(inner, each),
        Restriction::Content { tag, .. }
        | Restriction::Property { tag, .. }
        | Restriction::Bitmask { tag, .. }
        | Restriction::Size { tag, .. }
        | Restriction::Exist { tag } => each(*tag),
        Restriction::CompareProperties { left, right, .. } => {
            each(*left);
            each(*right);
        }
        // The values of a comment are for whoever wrote them.
        Restriction::Comment { restriction, .. } => {
            if let Some(inner) = restriction {
                each_tag(inner, each);
            }
        }
    }
}

/// Reads any bytes as a restriction with values of every kind, for the oracle.
pub(crate) fn read_any(bytes: &[u8]) {
    let mut value = |id: u16| {
        Ok(Some(match id {
            RESTRICTION => PropertyValue::Binary(bytes.to_vec()),
            FOLDERS => {
                PropertyValue::Binary(bytes.get(..bytes.len() / 4 * 4).unwrap_or_default().into())
            }
            FLAGS => PropertyValue::Integer32(4),
            id if id % 3 == 0 => PropertyValue::Integer32(1),
            id if id % 3 == 1 => "text".into(),
            _ => PropertyValue::Binary(vec![1]),
        }))
    };
    if let Ok(Some(criteria)) = read(&mut value, &Names::default(), 1252) {
        let mut tags = 0;
        each_tag(&criteria.restriction, &mut |_| tags += 1);
        assert!(tags <= 2 * (bytes.len() / NODE), "more conditions than there is room for");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words of a blob.
    fn blob(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    fn parse(words: &[u32], values: &[PropertyValue]) -> Result<Option<Criteria>, String> {
        let restriction = blob(words);
        let mut value = |id: u16| {
            Ok(match id {
                RESTRICTION => Some(restriction.clone().into()),
                FOLDERS => Some(blob(&[0x8022, 0x8062]).into()),
                FLAGS => Some(5i32.into()),
                id => values.get(usize::from(id - FIRST_VALUE)).cloned(),
            })
        };
        read(&mut value, &Names::default(), 1252)
    }

    const CLASS: PropertyTag = PropertyTag::new(0x001a_001f);
    const STATUS: PropertyTag = PropertyTag::new(0x0e2e_0003);

    #[test]
    fn a_comment_with_a_condition() {
        // As Outlook's ItemProcSearch has it.
        let words = [10, 1, 0x14, 0x10, 0x6101_0003, 0, 2, 0x24, 7, 8, 9, 0x0e2e_0003, 11, 4, 5]
            .into_iter()
            .chain([0x0e2e_0003, 0x0e2e_0003]);
        let words: Vec<u32> = words.collect();
        let read = parse(&words, &[1200i32.into(), 0i32.into()]).expect("read").expect("criteria");
        let differs = Restriction::Property {
            relation: Relation::NotEqual,
            tag: STATUS,
            value: TaggedValue::new(STATUS, 0i32),
        };
        let inner = Restriction::And(vec![Restriction::Exist { tag: STATUS }, differs]);
        let tag = PropertyTag::new(0x6101_0003);
        let expected = Restriction::Comment {
            values: vec![TaggedValue::new(tag, 1200i32)],
            restriction: Some(Box::new(inner)),
        };
        assert_eq!(read.restriction, expected);
        assert_eq!(read.folders, [NodeId(0x8022), NodeId(0x8062)]);
        assert!(read.recursive && !read.fixed);
    }

    #[test]
    fn values_are_those_of_a_walk_into_each_condition() {
        // Or(And(class begins with, bits), class is), and 8-bit text.
        let words = [1, 2, 0x10, 0, 0, 2, 0x30, 0, 3, 0, 0x001a_001e, 0x001a_001e]
            .into_iter()
            .chain([3, 0x1_0002, 0x001a_001f, 0x001a_001f, 6, 0, 0x0e07_0003, 4]);
        let words: Vec<u32> = words.collect();
        let second = PropertyValue::String8(mapi::text::String8(b"IPM.T\xe4sk".to_vec()));
        let read =
            parse(&words, &["IPM.Schedule".into(), second]).expect("read").expect("criteria");
        let content = |low, high, text: &str| Restriction::Content {
            level: FuzzyLevel { low, high },
            tag: CLASS,
            value: TaggedValue::new(CLASS, text),
        };
        let bits = Restriction::Bitmask {
            test: BitTest::AllClear,
            tag: PropertyTag::new(0x0e07_0003),
            mask: 4,
        };
        let first = Restriction::And(vec![content(2, 1, "IPM.Schedule"), bits]);
        assert_eq!(read.restriction, Restriction::Or(vec![first, content(0, 0, "IPM.Täsk")]));
    }

    #[test]
    fn what_is_no_restriction_is_refused() {
        let exist = [8, 0, 0x0037_001f, 0];
        assert!(parse(&exist, &[]).is_ok_and(|criteria| criteria.is_some()));
        for words in [
            // Cut off, of no kind, in itself, with more parts than there is room for.
            &exist[..3],
            &[11, 0, 0, 0],
            &[2, 0, 0, 0],
            &[0, 2, 0, 0],
            &[0, u32::MAX, 16, 0],
            &[2, 0, u32::MAX, 0],
            // No value, a named property without a name, a relation and a test of bits that do not exist.
            &[4, 4, 0x0037_001f, 0x0037_001f],
            &[8, 0, 0x8005_001f, 0],
            &[5, 7, 0x0037_001f, 0x0037_001f],
            &[6, 2, 0x0e07_0003, 1],
        ] {
            assert!(parse(words, &[]).is_err(), "{words:x?}");
        }
        let wrong = parse(&[4, 4, 0x0037_001f, 0x0037_001f], &[1i32.into()]);
        assert!(wrong.is_err_and(|why| why.contains("type")));
        let deep: Vec<u32> = (1..=80).flat_map(|at| [2, 0, at * 16, 0]).chain(exist).collect();
        assert!(parse(&deep, &[]).is_err_and(|why| why.contains("deep")));
    }
}
