//! Reading and writing of wire layouts: a bounds-checked cursor, the [`Wire`] trait for layouts that
//! stand alone, [`WireWith`] for layouts fixed by something agreed earlier (a row typed by its columns),
//! and field types whose lengths live in the type.
//!
//! All integers are little-endian ([MS-OXCDATA] 1.3 and [MS-OXCROPS] 2 R3).
//!
//! INVARIANT: no bytes make these functions panic; a count never allocates more than the bytes that
//! remain could hold; nesting is counted by [`Reader::nested`].

use std::marker::PhantomData;

/// How deep restrictions, rows and embedded structures may nest before a reader refuses them.
pub const MAX_NESTING: u8 = 64;

/// Bytes that cannot be the structure that was asked for: where, what was expected, what came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at offset {offset}: expected {expected}, found {found}")]
pub struct WireError {
    /// Bytes from the start of the buffer that the outermost reader was made from.
    pub offset: usize,
    pub expected: &'static str,
    pub found: Found,
}

/// What stood in the bytes instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Only this many bytes remained.
    End { remaining: usize },
    /// This value, which the layout does not allow.
    Value(u64),
    /// Structures nested deeper than [`MAX_NESTING`].
    TooDeep,
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Found::End { remaining } => write!(f, "the end ({remaining} bytes remain)"),
            Found::Value(value) => write!(f, "{value:#x}"),
            Found::TooDeep => write!(f, "more than {MAX_NESTING} nested structures"),
        }
    }
}

/// A cursor over bytes. Every read is checked; a failed read leaves an error with its offset.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    base: usize,
    depth: u8,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes, at: 0, base: 0, depth: 0 }
    }

    /// Offset of the next byte, counted from the start of the outermost buffer.
    pub fn offset(&self) -> usize {
        self.base + self.at
    }

    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub fn is_empty(&self) -> bool {
        self.remaining() == 0
    }

    /// The bytes that have not been read yet, without reading them.
    pub fn peek_rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    pub fn bytes(&mut self, len: usize, expected: &'static str) -> Result<&'a [u8], WireError> {
        if len > self.remaining() {
            return Err(self.end(expected));
        }
        let taken = &self.bytes[self.at..self.at + len];
        self.at += len;
        Ok(taken)
    }

    pub fn array<const N: usize>(&mut self, expected: &'static str) -> Result<[u8; N], WireError> {
        let taken = self.bytes(N, expected)?;
        let mut array = [0; N];
        array.copy_from_slice(taken);
        Ok(array)
    }

    /// Everything that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        let rest = &self.bytes[self.at..];
        self.at = self.bytes.len();
        rest
    }

    /// A reader over the next `len` bytes alone; this one moves behind them.
    pub fn sub(&mut self, len: usize, expected: &'static str) -> Result<Reader<'a>, WireError> {
        let base = self.offset();
        let bytes = self.bytes(len, expected)?;
        Ok(Reader { bytes, at: 0, base, depth: self.depth })
    }

    /// Runs `read` one level deeper and refuses structures that nest beyond [`MAX_NESTING`].
    pub fn nested<T>(
        &mut self,
        read: impl FnOnce(&mut Reader<'a>) -> Result<T, WireError>,
    ) -> Result<T, WireError> {
        if self.depth >= MAX_NESTING {
            return Err(WireError {
                offset: self.offset(),
                expected: "a structure nested less deeply",
                found: Found::TooDeep,
            });
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// A capacity for `count` items of at least `min_size` bytes each that these bytes could hold.
    pub fn capacity(&self, count: usize, min_size: usize) -> usize {
        count.min(self.remaining() / min_size.max(1))
    }

    /// The error for a value that the layout does not allow, `back` bytes before the cursor.
    pub fn bad(&self, expected: &'static str, value: u64, back: usize) -> WireError {
        WireError {
            offset: self.offset().saturating_sub(back),
            expected,
            found: Found::Value(value),
        }
    }

    /// The error for bytes that end too early.
    pub fn end(&self, expected: &'static str) -> WireError {
        WireError {
            offset: self.offset(),
            expected,
            found: Found::End { remaining: self.remaining() },
        }
    }

    /// Fails if bytes are left over.
    pub fn finish(&self, expected: &'static str) -> Result<(), WireError> {
        if self.is_empty() {
            return Ok(());
        }
        Err(self.bad(expected, self.remaining() as u64, 0))
    }
}

/// A layout that stands alone.
pub trait Wire: Sized {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError>;
    fn write(&self, w: &mut Vec<u8>);

    /// Reads a value that must fill `bytes` exactly.
    fn from_wire(bytes: &[u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(bytes);
        let value = Self::read(&mut r)?;
        r.finish("no bytes behind the structure")?;
        Ok(value)
    }

    fn to_wire(&self) -> Vec<u8> {
        let mut w = Vec::new();
        self.write(&mut w);
        w
    }
}

/// A layout that only a context makes readable, such as a row without its columns.
pub trait WireWith<C: ?Sized>: Sized {
    fn read_with(r: &mut Reader<'_>, context: &C) -> Result<Self, WireError>;
    fn write_with(&self, w: &mut Vec<u8>, context: &C);
}

macro_rules! wire_int {
    ($($int:ty),*) => {$(
        impl Wire for $int {
            fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
                Ok(<$int>::from_le_bytes(r.array(stringify!($int))?))
            }
            fn write(&self, w: &mut Vec<u8>) {
                w.extend_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}
wire_int!(u8, i8, u16, i16, u32, i32, u64, i64, f32, f64);

/// One byte; anything but zero is true ([MS-OXCDATA] 2.11.1 PtypBoolean).
impl Wire for bool {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(u8::read(r)? != 0)
    }
    fn write(&self, w: &mut Vec<u8>) {
        w.push(u8::from(*self));
    }
}

impl<const N: usize> Wire for [u8; N] {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        r.array("bytes of a fixed size")
    }
    fn write(&self, w: &mut Vec<u8>) {
        w.extend_from_slice(self);
    }
}

/// An integer that counts items or bytes on the wire.
pub trait Count: Wire + Copy {
    fn to_usize(self) -> usize;
    /// The largest count that fits, if `n` does not.
    fn clamped(n: usize) -> Self;
}

macro_rules! count {
    ($($int:ty),*) => {$(
        impl Count for $int {
            fn to_usize(self) -> usize {
                self as usize
            }
            fn clamped(n: usize) -> Self {
                <$int>::try_from(n).unwrap_or(<$int>::MAX)
            }
        }
    )*};
}
count!(u8, u16, u32);

/// Items behind their count of type `N`. More items than `N` can count are cut off when written, so
/// that the bytes always stay readable; callers keep within the count.
#[derive(Clone, PartialEq)]
pub struct Counted<N, T> {
    pub items: Vec<T>,
    count: PhantomData<N>,
}

impl<N, T: std::fmt::Debug> std::fmt::Debug for Counted<N, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.items.fmt(f)
    }
}

impl<N, T> Default for Counted<N, T> {
    fn default() -> Self {
        Counted::from(Vec::new())
    }
}

impl<N, T: Eq> Eq for Counted<N, T> where N: PartialEq {}

impl<N, T> From<Vec<T>> for Counted<N, T> {
    fn from(items: Vec<T>) -> Self {
        Counted { items, count: PhantomData }
    }
}

impl<N, T> std::ops::Deref for Counted<N, T> {
    type Target = Vec<T>;
    fn deref(&self) -> &Vec<T> {
        &self.items
    }
}

impl<N, T> std::ops::DerefMut for Counted<N, T> {
    fn deref_mut(&mut self) -> &mut Vec<T> {
        &mut self.items
    }
}

impl<N: Count, T: Wire> Wire for Counted<N, T> {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let count = N::read(r)?.to_usize();
        Ok(read_items(r, count)?.into())
    }
    fn write(&self, w: &mut Vec<u8>) {
        let count = N::clamped(self.items.len());
        count.write(w);
        self.items.iter().take(count.to_usize()).for_each(|item| item.write(w));
    }
}

/// `count` items one behind the other. Items that take no bytes cannot be counted up for ever: a count
/// beyond the bytes that remain fails.
pub fn read_items<T: Wire>(r: &mut Reader<'_>, count: usize) -> Result<Vec<T>, WireError> {
    if count > r.remaining() {
        return Err(r.end("as many items as were counted"));
    }
    let mut items = Vec::with_capacity(r.capacity(count, std::mem::size_of::<T>()));
    for _ in 0..count {
        items.push(T::read(r)?);
    }
    Ok(items)
}

/// Bytes behind their size of type `N`.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct SizedBytes<N> {
    pub bytes: Vec<u8>,
    size: PhantomData<N>,
}

impl<N> std::fmt::Debug for SizedBytes<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.bytes.fmt(f)
    }
}

impl<N> From<Vec<u8>> for SizedBytes<N> {
    fn from(bytes: Vec<u8>) -> Self {
        SizedBytes { bytes, size: PhantomData }
    }
}

impl<N> std::ops::Deref for SizedBytes<N> {
    type Target = Vec<u8>;
    fn deref(&self) -> &Vec<u8> {
        &self.bytes
    }
}

impl<N: Count> Wire for SizedBytes<N> {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let size = N::read(r)?.to_usize();
        Ok(r.bytes(size, "as many bytes as their size says")?.to_vec().into())
    }
    fn write(&self, w: &mut Vec<u8>) {
        let size = N::clamped(self.bytes.len());
        size.write(w);
        w.extend_from_slice(&self.bytes[..size.to_usize()]);
    }
}

/// All bytes to the end of the buffer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rest(pub Vec<u8>);

impl Wire for Rest {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Rest(r.rest().to_vec()))
    }
    fn write(&self, w: &mut Vec<u8>) {
        w.extend_from_slice(&self.0);
    }
}

/// A structure of named fields in wire order:
///
/// ```
/// mapi::wire_struct! {
///     /// [MS-OXCDATA] 2.13.1
///     pub struct Order { pub tag: u32, pub direction: u8 }
/// }
/// # use mapi::wire::Wire;
/// assert_eq!(Order { tag: 1, direction: 2 }.to_wire(), [1, 0, 0, 0, 2]);
/// ```
#[macro_export]
macro_rules! wire_struct {
    ($(#[$meta:meta])* $vis:vis struct $name:ident {
        $($(#[$field_meta:meta])* $field_vis:vis $field:ident : $ty:ty),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        $vis struct $name { $($(#[$field_meta])* $field_vis $field: $ty),* }

        impl $crate::wire::Wire for $name {
            #[allow(unused_variables)]
            fn read(r: &mut $crate::wire::Reader<'_>) -> Result<Self, $crate::wire::WireError> {
                Ok($name { $($field: <$ty as $crate::wire::Wire>::read(r)?),* })
            }
            #[allow(unused_variables)]
            fn write(&self, w: &mut Vec<u8>) {
                $(<$ty as $crate::wire::Wire>::write(&self.$field, w);)*
            }
        }
    };
}

/// A fieldless enumeration on an integer that keeps unknown values:
///
/// ```
/// mapi::wire_enum! {
///     /// [MS-OXCROPS] 2.2.5.8
///     pub enum Origin: u8 { Beginning = 0, Current = 1, End = 2 }
/// }
/// # use mapi::wire::Wire;
/// assert_eq!(Origin::from_wire(&[1]), Ok(Origin::Current));
/// assert_eq!(Origin::from_wire(&[9]), Ok(Origin::Unknown(9)));
/// ```
#[macro_export]
macro_rules! wire_enum {
    ($(#[$meta:meta])* $vis:vis enum $name:ident : $int:ty {
        $($(#[$variant_meta:meta])* $variant:ident = $value:expr),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        $vis enum $name {
            $($(#[$variant_meta])* $variant,)*
            /// A value that the specification does not define; it survives a round trip.
            Unknown($int),
        }

        impl $name {
            pub const fn to_int(self) -> $int {
                match self {
                    $($name::$variant => $value,)*
                    $name::Unknown(value) => value,
                }
            }
            pub fn from_int(value: $int) -> Self {
                match value {
                    $(v if v == $value => $name::$variant,)*
                    other => $name::Unknown(other),
                }
            }
        }

        impl $crate::wire::Wire for $name {
            fn read(r: &mut $crate::wire::Reader<'_>) -> Result<Self, $crate::wire::WireError> {
                Ok(Self::from_int(<$int as $crate::wire::Wire>::read(r)?))
            }
            fn write(&self, w: &mut Vec<u8>) {
                $crate::wire::Wire::write(&self.to_int(), w);
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_beyond_the_bytes_fails_without_allocating() {
        let bytes = [0xff, 0xff, 0xff, 0xff, 1];
        let error = Counted::<u32, u8>::from_wire(&bytes).unwrap_err();
        assert_eq!(error.offset, 4);
        assert_eq!(error.found, Found::End { remaining: 1 });
    }

    #[test]
    fn sized_bytes_round_trip() {
        let value = SizedBytes::<u16>::from(vec![1, 2, 3]);
        assert_eq!(value.to_wire(), [3, 0, 1, 2, 3]);
        assert_eq!(SizedBytes::<u16>::from_wire(&value.to_wire()), Ok(value));
    }
}
