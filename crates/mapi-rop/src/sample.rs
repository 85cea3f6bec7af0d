//! Arbitrary values of every layout, made from arbitrary bytes: what property tests and fuzz targets
//! round-trip. When the bytes run out, everything that follows is small.

use std::sync::Arc;

use mapi::named::{PropertyName, PropertyNameKind};
use mapi::recipient::{RecipientAddress, RecipientRow, RowText, TransmittableName};
use mapi::restriction::{BitTest, FuzzyLevel, Relation, Restriction};
use mapi::row::{Cell, PropertyProblem, PropertyRow, TaggedValue};
use mapi::sort::{Direction, SortOrder, SortOrderSet};
use mapi::text::String8;
use mapi::value::PropertyValue;
use mapi::wire::{Counted, Rest, SizedBytes};
use mapi::{
    ErrorCode, FileTime, FolderId, GlobalCounter, Guid, LongTermId, MessageId, PropertyTag, ReplId,
    WString,
};

use crate::handle::{Handle, HandleIndex, LogonId};

/// Bytes that decide what is made of them.
#[derive(Debug)]
pub struct Source<'a> {
    bytes: &'a [u8],
}

impl<'a> Source<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Source { bytes }
    }

    pub fn byte(&mut self) -> u8 {
        match self.bytes {
            [first, rest @ ..] => {
                self.bytes = rest;
                *first
            }
            [] => 0,
        }
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound.max(1)
    }

    /// A few items, none when the bytes have run out.
    pub fn some<T>(&mut self, mut item: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let count = self.below(5);
        (0..count).map(|_| item(self)).collect()
    }
}

/// A value of a type from arbitrary bytes.
pub trait Sample: Sized {
    fn sample(source: &mut Source<'_>) -> Self;
}

macro_rules! sample_int {
    ($($int:ty),*) => {$(
        impl Sample for $int {
            fn sample(source: &mut Source<'_>) -> Self {
                <$int>::from_le_bytes(source.array())
            }
        }
    )*};
}
sample_int!(u8, i8, u16, i16, u32, i32, u64, i64);

macro_rules! sample {
    ($($ty:ty = |$source:ident| $value:expr;)*) => {$(
        impl Sample for $ty {
            fn sample($source: &mut Source<'_>) -> Self {
                $value
            }
        }
    )*};
}

sample! {
    bool = |s| s.byte() & 1 != 0;
    HandleIndex = |s| HandleIndex(s.byte());
    Handle = |s| Handle(u32::sample(s));
    LogonId = |s| LogonId(s.byte());
    Guid = |s| Guid(s.array());
    ReplId = |s| ReplId(u16::sample(s));
    GlobalCounter = |s| GlobalCounter::from_bytes(s.array());
    FolderId = |s| FolderId::from_i64(i64::sample(s));
    MessageId = |s| MessageId::from_i64(i64::sample(s));
    FileTime = |s| FileTime(u64::sample(s));
    ErrorCode = |s| ErrorCode(u32::sample(s));
    LongTermId = |s| LongTermId {
        replica: Sample::sample(s),
        counter: Sample::sample(s),
        padding: s.array(),
    };
    // A null would end the text on the wire.
    WString = |s| WString::from_utf16(s.some(|s| u16::sample(s).max(1)));
    String8 = |s| String8(s.some(|s| s.byte().max(1)));
    PropertyName = |s| PropertyName {
        set: Sample::sample(s),
        kind: match bool::sample(s) {
            true => PropertyNameKind::Id(Sample::sample(s)),
            false => PropertyNameKind::Name(Sample::sample(s)),
        },
    };
    PropertyTag = |s| {
        let types = value_types();
        PropertyTag::from_parts(Sample::sample(s), types[s.below(types.len())])
    };
    TaggedValue = |s| {
        let tag = PropertyTag::sample(s);
        TaggedValue { tag, value: value_of(s, tag) }
    };
    PropertyProblem = |s| PropertyProblem {
        index: Sample::sample(s),
        tag: Sample::sample(s),
        error: Sample::sample(s),
    };
    SortOrder = |s| SortOrder {
        tag: Sample::sample(s),
        direction: Direction::from_int(s.byte()),
    };
    SortOrderSet = |s| SortOrderSet {
        orders: s.some(SortOrder::sample),
        categories: Sample::sample(s),
        expanded: Sample::sample(s),
    };
    Restriction = |s| restriction(s, 3);
    Rest = |s| Rest(Sample::sample(s));
    Arc<[PropertyTag]> = |s| s.some(PropertyTag::sample).into();
}

impl<T: Sample> Sample for Option<T> {
    fn sample(source: &mut Source<'_>) -> Self {
        bool::sample(source).then(|| T::sample(source))
    }
}

impl<const N: usize> Sample for [u8; N] {
    fn sample(source: &mut Source<'_>) -> Self {
        source.array()
    }
}

impl<N, T: Sample> Sample for Counted<N, T> {
    fn sample(source: &mut Source<'_>) -> Self {
        source.some(T::sample).into()
    }
}

impl Sample for crate::logon::Essdn {
    fn sample(source: &mut Source<'_>) -> Self {
        crate::logon::Essdn(Sample::sample(source))
    }
}

impl<N> Sample for SizedBytes<N> {
    fn sample(source: &mut Source<'_>) -> Self {
        source.some(Source::byte).into()
    }
}

impl Sample for Vec<u8> {
    fn sample(source: &mut Source<'_>) -> Self {
        source.some(Source::byte)
    }
}

fn value_types() -> [mapi::PropertyType; 12] {
    use mapi::PropertyType as T;
    [
        T::INTEGER16,
        T::INTEGER32,
        T::ERROR_CODE,
        T::BOOLEAN,
        T::INTEGER64,
        T::STRING8,
        T::STRING,
        T::TIME,
        T::GUID,
        T::BINARY,
        T::MULTIPLE_STRING,
        T::MULTIPLE_BINARY,
    ]
}

fn value_of(s: &mut Source<'_>, tag: PropertyTag) -> PropertyValue {
    use mapi::PropertyType as T;
    match tag.property_type() {
        T::INTEGER16 => PropertyValue::Integer16(Sample::sample(s)),
        T::INTEGER32 => PropertyValue::Integer32(Sample::sample(s)),
        T::BOOLEAN => PropertyValue::Boolean(Sample::sample(s)),
        T::INTEGER64 => PropertyValue::Integer64(Sample::sample(s)),
        T::STRING8 => PropertyValue::String8(Sample::sample(s)),
        T::STRING => PropertyValue::String(Sample::sample(s)),
        T::TIME => PropertyValue::Time(Sample::sample(s)),
        T::GUID => PropertyValue::Guid(Sample::sample(s)),
        T::BINARY => PropertyValue::Binary(Sample::sample(s)),
        T::MULTIPLE_STRING => PropertyValue::MultipleString(s.some(WString::sample)),
        T::MULTIPLE_BINARY => PropertyValue::MultipleBinary(s.some(Vec::sample)),
        _ => PropertyValue::ErrorCode(Sample::sample(s)),
    }
}

/// A row of the columns.
pub fn row_of(s: &mut Source<'_>, columns: &[PropertyTag]) -> PropertyRow {
    if bool::sample(s) {
        return PropertyRow::Standard(columns.iter().map(|tag| value_of(s, *tag)).collect());
    }
    let cell = |tag: &PropertyTag| match s.below(3) {
        0 => Cell::Value(value_of(s, *tag)),
        1 => Cell::Absent,
        _ => Cell::Error(Sample::sample(s)),
    };
    PropertyRow::Flagged(columns.iter().map(cell).collect())
}

/// A recipient row with properties for the first of the columns.
pub fn recipient_of(s: &mut Source<'_>, columns: &[PropertyTag]) -> RecipientRow {
    let unicode = bool::sample(s);
    let text = |s: &mut Source<'_>| match unicode {
        true => RowText::Unicode(Sample::sample(s)),
        false => RowText::Bytes(Sample::sample(s)),
    };
    let maybe = |s: &mut Source<'_>| bool::sample(s).then(|| text(s));
    let column_count = s.below(columns.len() + 1);
    RecipientRow {
        address: match s.below(4) {
            0 => RecipientAddress::Other { address_type: Sample::sample(s) },
            1 => RecipientAddress::X500 {
                prefix_used: s.byte(),
                display_type: s.byte(),
                dn: Sample::sample(s),
            },
            2 => RecipientAddress::DistributionList {
                second: Sample::sample(s),
                entry_id: Sample::sample(s),
                search_key: Sample::sample(s),
            },
            _ => RecipientAddress::Smtp,
        },
        responsible: Sample::sample(s),
        non_rich: Sample::sample(s),
        email_address: maybe(s),
        display_name: maybe(s),
        simple_display_name: maybe(s),
        transmittable_name: match s.below(3) {
            0 => TransmittableName::Absent,
            1 => TransmittableName::SameAsDisplayName,
            _ => TransmittableName::Own { name: text(s), same: Sample::sample(s) },
        },
        unicode,
        reserved: 0,
        column_count: column_count as u16,
        properties: row_of(s, &columns[..column_count]),
    }
}

fn restriction(s: &mut Source<'_>, depth: usize) -> Restriction {
    let boxed = |s: &mut Source<'_>| Box::new(restriction(s, depth.saturating_sub(1)));
    let kind = match depth {
        0 => 3 + s.below(6),
        _ => s.below(12),
    };
    match kind {
        0 => Restriction::And(s.some(|s| restriction(s, depth - 1))),
        1 => Restriction::Or(s.some(|s| restriction(s, depth - 1))),
        2 => Restriction::Not(boxed(s)),
        3 => Restriction::Content {
            level: FuzzyLevel { low: Sample::sample(s), high: Sample::sample(s) },
            tag: Sample::sample(s),
            value: Sample::sample(s),
        },
        4 => Restriction::Property {
            relation: Relation::from_int(s.byte()),
            tag: Sample::sample(s),
            value: Sample::sample(s),
        },
        5 => Restriction::CompareProperties {
            relation: Relation::from_int(s.byte()),
            left: Sample::sample(s),
            right: Sample::sample(s),
        },
        6 => Restriction::Bitmask {
            test: BitTest::from_int(s.byte()),
            tag: Sample::sample(s),
            mask: Sample::sample(s),
        },
        7 => Restriction::Size {
            relation: Relation::from_int(s.byte()),
            tag: Sample::sample(s),
            size: Sample::sample(s),
        },
        8 => Restriction::Exist { tag: Sample::sample(s) },
        9 => Restriction::SubObject { tag: Sample::sample(s), restriction: boxed(s) },
        10 => Restriction::Comment {
            values: s.some(TaggedValue::sample),
            restriction: bool::sample(s).then(|| boxed(s)),
        },
        _ => Restriction::Count { limit: Sample::sample(s), restriction: boxed(s) },
    }
}
