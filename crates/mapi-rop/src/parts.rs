//! Pieces that several ROPs share, and the macros that define structures and flags.

use std::sync::Arc;

use mapi::restriction::Restriction;
use mapi::row::TaggedValue;
use mapi::text::String8;
use mapi::wire::{Counted, Reader, Wire, WireError, read_items};
use mapi::{ErrorCode, FolderId, MessageId, PropertyTag, WString};

/// Columns as they were agreed: of a table, or the tags of a request.
pub type Columns = Arc<[PropertyTag]>;

/// Fields of a ROP in wire order: the structure, its parser and writer, and values of it for tests.
macro_rules! rop_struct {
    ($($(#[$meta:meta])* pub struct $name:ident {
        $($(#[$field_meta:meta])* pub $field:ident : $ty:ty),* $(,)?
    })*) => {$(
        mapi::wire_struct! {
            $(#[$meta])*
            pub struct $name { $($(#[$field_meta])* pub $field : $ty),* }
        }
        #[cfg(any(test, feature = "sample"))]
        impl $crate::sample::Sample for $name {
            fn sample(source: &mut $crate::sample::Source<'_>) -> Self {
                $name { $($field: $crate::sample::Sample::sample(source)),* }
            }
        }
    )*};
}

/// An enumeration on an integer that keeps unknown values.
macro_rules! rop_enum {
    ($($(#[$meta:meta])* pub enum $name:ident : $int:ty {
        $($(#[$variant_meta:meta])* $variant:ident = $value:expr),* $(,)?
    })*) => {$(
        mapi::wire_enum! {
            $(#[$meta])*
            pub enum $name : $int { $($(#[$variant_meta])* $variant = $value),* }
        }
        #[cfg(any(test, feature = "sample"))]
        impl $crate::sample::Sample for $name {
            fn sample(source: &mut $crate::sample::Source<'_>) -> Self {
                $name::from_int(<$int as $crate::sample::Sample>::sample(source))
            }
        }
    )*};
}

/// Bits with names. Unknown bits are kept and printed in hex.
macro_rules! rop_flags {
    ($($(#[$meta:meta])* pub struct $name:ident : $int:ty {
        $($(#[$bit_meta:meta])* $bit:ident = $value:expr),* $(,)?
    })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub struct $name(pub $int);

        impl $name {
            $($(#[$bit_meta])* pub const $bit: $name = $name($value);)*

            pub const NONE: $name = $name(0);

            /// Whether all bits of `other` are set.
            pub const fn contains(self, other: $name) -> bool {
                self.0 & other.0 == other.0
            }
        }

        impl std::ops::BitOr for $name {
            type Output = $name;
            fn bitor(self, other: $name) -> $name {
                $name(self.0 | other.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $crate::parts::print_flags(
                    f,
                    u64::from(self.0),
                    &[$((stringify!($bit), $value as u64)),*],
                )
            }
        }

        impl mapi::wire::Wire for $name {
            fn read(
                r: &mut mapi::wire::Reader<'_>,
            ) -> Result<Self, mapi::wire::WireError> {
                Ok($name(<$int as mapi::wire::Wire>::read(r)?))
            }
            fn write(&self, w: &mut Vec<u8>) {
                mapi::wire::Wire::write(&self.0, w);
            }
        }

        #[cfg(any(test, feature = "sample"))]
        impl $crate::sample::Sample for $name {
            fn sample(source: &mut $crate::sample::Source<'_>) -> Self {
                $name($crate::sample::Sample::sample(source))
            }
        }
    )*};
}

pub(crate) fn print_flags(
    f: &mut std::fmt::Formatter<'_>,
    value: u64,
    names: &[(&str, u64)],
) -> std::fmt::Result {
    let mut rest = value;
    let mut first = true;
    for (name, bits) in names.iter().filter(|(_, bits)| *bits != 0) {
        if rest & bits != *bits {
            continue;
        }
        rest &= !bits;
        write!(f, "{}{name}", if first { "" } else { "|" })?;
        first = false;
    }
    match (rest, first) {
        (0, false) => Ok(()),
        (_, true) => write!(f, "{rest:#x}"),
        (_, false) => write!(f, "|{rest:#x}"),
    }
}

/// A request or an answer without fields of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Empty;

impl Wire for Empty {
    fn read(_: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Empty)
    }
    fn write(&self, _: &mut Vec<u8>) {}
}

/// Which kind of store a logon opened: two requests have a field in one kind only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum LogonKind {
    #[default]
    Private,
    /// Public folders.
    Public,
}

/// What stands behind the handle indexes of a request.
pub trait RequestBody: Sized {
    fn read_request(r: &mut Reader<'_>, logon: LogonKind) -> Result<Self, WireError>;
    fn write_request(&self, w: &mut Vec<u8>);
}

impl<T: Wire> RequestBody for T {
    fn read_request(r: &mut Reader<'_>, _: LogonKind) -> Result<Self, WireError> {
        T::read(r)
    }
    fn write_request(&self, w: &mut Vec<u8>) {
        self.write(w);
    }
}

/// What stands behind the ReturnValue of a ROP's answer. `columns` are those that the answer's rows were
/// agreed to have; answers without rows do not look at them.
pub trait AnswerBody: Sized {
    /// The ReturnValue that goes out with this answer: Success, or a warning.
    fn return_value(&self) -> ErrorCode {
        ErrorCode(0)
    }
    fn read_body(r: &mut Reader<'_>, code: ErrorCode, columns: &Columns)
    -> Result<Self, WireError>;
    fn write_body(&self, w: &mut Vec<u8>);
}

impl<T: Wire> AnswerBody for T {
    fn read_body(r: &mut Reader<'_>, _: ErrorCode, _: &Columns) -> Result<Self, WireError> {
        T::read(r)
    }
    fn write_body(&self, w: &mut Vec<u8>) {
        self.write(w);
    }
}

/// A value that is there if the Boolean before it says so.
#[derive(Debug, Clone, PartialEq)]
pub struct Flagged<T>(pub Option<T>);

impl<T> Default for Flagged<T> {
    fn default() -> Self {
        Flagged(None)
    }
}

impl<T: Wire> Wire for Flagged<T> {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        match bool::read(r)? {
            true => Ok(Flagged(Some(T::read(r)?))),
            false => Ok(Flagged(None)),
        }
    }
    fn write(&self, w: &mut Vec<u8>) {
        self.0.is_some().write(w);
        if let Some(value) = &self.0 {
            value.write(w);
        }
    }
}

/// An id of a folder or a message: which one, the ROP does not say ([MS-OXCROPS] 2.2.3.8.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ObjectId(pub i64);

impl ObjectId {
    pub fn folder(self) -> FolderId {
        FolderId::from_i64(self.0)
    }
    pub fn message(self) -> MessageId {
        MessageId::from_i64(self.0)
    }
}

impl From<FolderId> for ObjectId {
    fn from(id: FolderId) -> Self {
        ObjectId(id.to_i64())
    }
}

impl From<MessageId> for ObjectId {
    fn from(id: MessageId) -> Self {
        ObjectId(id.to_i64())
    }
}

impl Wire for ObjectId {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(ObjectId(i64::read(r)?))
    }
    fn write(&self, w: &mut Vec<u8>) {
        self.0.write(w);
    }
}

/// Text whose width a flag elsewhere in the ROP says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    Unicode(WString),
    /// In the code page of the logon.
    Bytes(String8),
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Text::Unicode(text.into())
    }
}

impl From<WString> for Text {
    fn from(text: WString) -> Self {
        Text::Unicode(text)
    }
}

impl Text {
    pub fn is_unicode(&self) -> bool {
        matches!(self, Text::Unicode(_))
    }

    /// The text; each 8-bit character is taken for the Unicode character of its number, which is right
    /// for ASCII and Latin-1 alone.
    pub fn to_wstring(&self) -> WString {
        match self {
            Text::Unicode(text) => text.clone(),
            Text::Bytes(text) => latin1(text),
        }
    }

    pub(crate) fn read_as(r: &mut Reader<'_>, unicode: bool) -> Result<Self, WireError> {
        Ok(match unicode {
            true => Text::Unicode(WString::read(r)?),
            false => Text::Bytes(String8::read(r)?),
        })
    }

    /// Without its width, which stands elsewhere.
    pub(crate) fn write_bare(&self, w: &mut Vec<u8>) {
        match self {
            Text::Unicode(text) => text.write(w),
            Text::Bytes(text) => text.write(w),
        }
    }
}

pub(crate) fn latin1(text: &String8) -> WString {
    WString::from_utf16(text.0.iter().map(|byte| u16::from(*byte)))
}

/// A TypedString ([MS-OXCDATA] 2.11.7): text that says itself how it is encoded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum TypedString {
    /// There is no string.
    #[default]
    Absent,
    Empty,
    /// 8-bit characters in the code page of the logon.
    Bytes(String8),
    /// UTF-16 without the upper bytes, which are all zero.
    Reduced(String8),
    Unicode(WString),
}

impl TypedString {
    /// The text, or none if there is no string.
    pub fn to_wstring(&self) -> Option<WString> {
        match self {
            TypedString::Absent => None,
            TypedString::Empty => Some(WString::default()),
            TypedString::Bytes(text) | TypedString::Reduced(text) => Some(latin1(text)),
            TypedString::Unicode(text) => Some(text.clone()),
        }
    }
}

impl From<WString> for TypedString {
    /// The shortest form that keeps the text.
    fn from(text: WString) -> Self {
        if text.is_empty() {
            return TypedString::Empty;
        }
        let reduced = text.to_utf16().into_iter().map(u8::try_from).collect::<Result<_, _>>();
        match reduced {
            Ok(bytes) => TypedString::Reduced(String8(bytes)),
            Err(_) => TypedString::Unicode(text),
        }
    }
}

impl Wire for TypedString {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(match u8::read(r)? {
            0x00 => TypedString::Absent,
            0x01 => TypedString::Empty,
            0x02 => TypedString::Bytes(String8::read(r)?),
            0x03 => TypedString::Reduced(String8::read(r)?),
            0x04 => TypedString::Unicode(WString::read(r)?),
            other => return Err(r.bad("a type of TypedString", u64::from(other), 1)),
        })
    }
    fn write(&self, w: &mut Vec<u8>) {
        match self {
            TypedString::Absent => w.push(0x00),
            TypedString::Empty => w.push(0x01),
            TypedString::Bytes(text) => {
                w.push(0x02);
                text.write(w);
            }
            TypedString::Reduced(text) => {
                w.push(0x03);
                text.write(w);
            }
            TypedString::Unicode(text) => {
                w.push(0x04);
                text.write(w);
            }
        }
    }
}

/// A restriction behind its size in bytes; none if the size is zero.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SizedRestriction(pub Option<Restriction>);

impl Wire for SizedRestriction {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let size = usize::from(u16::read(r)?);
        let mut part = r.sub(size, "as many bytes of a restriction as its size says")?;
        if part.is_empty() {
            return Ok(SizedRestriction(None));
        }
        let restriction = Restriction::read(&mut part)?;
        part.finish("no bytes behind the restriction")?;
        Ok(SizedRestriction(Some(restriction)))
    }
    fn write(&self, w: &mut Vec<u8>) {
        write_sized(w, |w| {
            if let Some(restriction) = &self.0 {
                restriction.write(w);
            }
        });
    }
}

/// Property values behind their size in bytes and their count ([MS-OXCROPS] 2.2.8.6.1).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SizedValues(pub Vec<TaggedValue>);

impl Wire for SizedValues {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let size = usize::from(u16::read(r)?);
        let mut part = r.sub(size, "as many bytes of property values as their size says")?;
        let values = Counted::<u16, TaggedValue>::read(&mut part)?;
        part.finish("no bytes behind the property values")?;
        Ok(SizedValues(values.items))
    }
    fn write(&self, w: &mut Vec<u8>) {
        write_sized(w, |w| {
            let count = u16::try_from(self.0.len()).unwrap_or(u16::MAX);
            count.write(w);
            self.0.iter().take(usize::from(count)).for_each(|value| value.write(w));
        });
    }
}

/// Writes what `write` writes behind its size in two bytes. More than 65,535 bytes have no size: they are
/// left out, so that the bytes stay readable; callers keep within it.
pub(crate) fn write_sized(w: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = w.len();
    0u16.write(w);
    write(w);
    match u16::try_from(w.len() - start - 2) {
        Ok(size) => w[start..start + 2].copy_from_slice(&size.to_le_bytes()),
        Err(_) => w.truncate(start + 2),
    }
}

/// Servers that have a replica of a folder, the cheapest first ([MS-OXCROPS] 2.2.4.1.2).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerList {
    /// How many of the servers are the ones of the lowest cost.
    pub cheap: u16,
    pub servers: Vec<String8>,
}

impl Wire for ServerList {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let count = usize::from(u16::read(r)?);
        Ok(ServerList { cheap: u16::read(r)?, servers: read_items(r, count)? })
    }
    fn write(&self, w: &mut Vec<u8>) {
        let count = u16::try_from(self.servers.len()).unwrap_or(u16::MAX);
        count.write(w);
        self.cheap.write(w);
        self.servers.iter().take(usize::from(count)).for_each(|server| server.write(w));
    }
}

#[cfg(any(test, feature = "sample"))]
mod samples {
    use super::*;
    use crate::sample::{Sample, Source};

    impl Sample for Empty {
        fn sample(_: &mut Source<'_>) -> Self {
            Empty
        }
    }

    impl<T: Sample> Sample for Flagged<T> {
        fn sample(source: &mut Source<'_>) -> Self {
            Flagged(Sample::sample(source))
        }
    }

    impl Sample for ObjectId {
        fn sample(source: &mut Source<'_>) -> Self {
            ObjectId(Sample::sample(source))
        }
    }

    impl Sample for Text {
        fn sample(source: &mut Source<'_>) -> Self {
            match bool::sample(source) {
                true => Text::Unicode(Sample::sample(source)),
                false => Text::Bytes(Sample::sample(source)),
            }
        }
    }

    impl Sample for TypedString {
        fn sample(source: &mut Source<'_>) -> Self {
            match source.below(5) {
                0 => TypedString::Absent,
                1 => TypedString::Empty,
                2 => TypedString::Bytes(Sample::sample(source)),
                3 => TypedString::Reduced(Sample::sample(source)),
                _ => TypedString::Unicode(Sample::sample(source)),
            }
        }
    }

    impl Sample for SizedRestriction {
        fn sample(source: &mut Source<'_>) -> Self {
            SizedRestriction(Sample::sample(source))
        }
    }

    impl Sample for SizedValues {
        fn sample(source: &mut Source<'_>) -> Self {
            SizedValues(source.some(TaggedValue::sample))
        }
    }

    impl Sample for ServerList {
        fn sample(source: &mut Source<'_>) -> Self {
            ServerList { cheap: Sample::sample(source), servers: source.some(String8::sample) }
        }
    }
}
