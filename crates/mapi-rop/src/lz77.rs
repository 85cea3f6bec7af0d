//! Plain LZ77 with the DIRECT2 encoding ([MS-OXCRPC] 3.1.4.1.1.2, [MS-XCA] 2.3 and 2.4).
//!
//! A group is 32 flags, from the high bit on, and one item for each: a literal byte for a clear flag, a
//! match for a set one. A match is two bytes: the distance less one in the high 13 bits, the length less
//! three in the low 3. A length that does not fit goes on in a half byte, which shares its byte with the
//! next half byte that is needed, then in a byte, then in two.

use mapi::wire::{Reader, Wire, WireError};

/// The shortest match.
const MIN_MATCH: usize = 3;
/// The farthest back that a match can reach.
const MAX_DISTANCE: usize = 1 << 13;
/// How many earlier places are tried for a match.
const MAX_TRIES: usize = 32;
const HASH_BITS: u32 = 12;
/// A place that is none: a payload ends before it.
const NOWHERE: u16 = u16::MAX;

/// What compresses to `bytes`, which must be exactly `size` bytes long.
///
/// Never allocates more than `size` and what was decompressed so far; fails on bytes that end early, that
/// refer to places before the start, or that make more than `size` bytes.
pub fn decompress(bytes: &[u8], size: usize) -> Result<Vec<u8>, WireError> {
    let mut r = Reader::new(bytes);
    let mut out: Vec<u8> = Vec::with_capacity(size.min(bytes.len().saturating_mul(4)));
    let mut half: Option<u8> = None;
    let mut flags = 0u32;
    let mut flag_count = 0;
    while out.len() < size {
        if flag_count == 0 {
            flags = u32::read(&mut r)?;
            flag_count = 32;
        }
        flag_count -= 1;
        if flags & 1 << flag_count == 0 {
            out.push(u8::read(&mut r)?);
            continue;
        }
        let token = u16::read(&mut r)?;
        let distance = usize::from(token >> 3) + 1;
        let length = read_length(&mut r, token & 7, &mut half)?;
        if distance > out.len() {
            return Err(r.bad("a distance within what was decompressed", distance as u64, 2));
        }
        if length > size - out.len() {
            return Err(r.bad("a length within what was announced", length as u64, 2));
        }
        // A match may overlap what it makes: byte by byte, then.
        let from = out.len() - distance;
        for at in from..from + length {
            out.push(out[at]);
        }
    }
    Ok(out)
}

/// The length of a match whose token says `low`. `half` is the half byte that is left of an earlier one.
fn read_length(r: &mut Reader<'_>, low: u16, half: &mut Option<u8>) -> Result<usize, WireError> {
    let mut length = usize::from(low);
    if length == 7 {
        let nibble = match half.take() {
            Some(high) => high,
            None => {
                let byte = u8::read(r)?;
                *half = Some(byte >> 4);
                byte & 0x0f
            }
        };
        length += usize::from(nibble);
        if nibble == 0x0f {
            length = match u8::read(r)? {
                0xff => read_long_length(r)?,
                byte => length + usize::from(byte),
            };
        }
    }
    Ok(length.saturating_add(MIN_MATCH))
}

/// A length of two bytes, or of four behind two zero bytes, counts what the shorter forms could have said.
fn read_long_length(r: &mut Reader<'_>) -> Result<usize, WireError> {
    let length = match u16::read(r)? {
        0 => u32::read(r)? as usize,
        length => usize::from(length),
    };
    if length < 7 + 15 {
        return Err(r.bad("a length that needs so many bytes", length as u64, 2));
    }
    Ok(length)
}

/// The compressed form of `bytes`; none if it is not shorter, or if `bytes` are more than 65,535.
pub fn compress(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.len() > usize::from(u16::MAX) {
        return None;
    }
    let out = encode(bytes);
    (out.len() < bytes.len()).then_some(out)
}

fn encode(bytes: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new(bytes.len());
    let mut matches = Matches::new(bytes);
    let mut at = 0;
    while at < bytes.len() {
        let taken = match matches.find(at) {
            Some((distance, length)) => {
                writer.matched(distance, length);
                length
            }
            None => {
                writer.literal(bytes[at]);
                1
            }
        };
        (at..at + taken).for_each(|at| matches.add(at));
        at += taken;
    }
    writer.finish()
}

/// Where the same three bytes stood before: chains of places with the same hash, the latest first.
struct Matches<'a> {
    bytes: &'a [u8],
    latest: Vec<u16>,
    earlier: Vec<u16>,
}

impl<'a> Matches<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let latest = vec![NOWHERE; 1 << HASH_BITS];
        Matches { bytes, latest, earlier: vec![NOWHERE; bytes.len()] }
    }

    fn hash(&self, at: usize) -> Option<usize> {
        let three = self.bytes.get(at..at + MIN_MATCH)?;
        let value = u32::from_le_bytes([three[0], three[1], three[2], 0]);
        Some((value.wrapping_mul(0x9e37_79b1) >> (32 - HASH_BITS)) as usize)
    }

    fn add(&mut self, at: usize) {
        if let Some(hash) = self.hash(at) {
            self.earlier[at] = self.latest[hash];
            // INVARIANT: no payload has more than u16::MAX bytes.
            self.latest[hash] = at as u16;
        }
    }

    /// The longest match at a place: its distance and length.
    fn find(&self, at: usize) -> Option<(usize, usize)> {
        let mut candidate = self.latest[self.hash(at)?];
        let mut best = None;
        let mut longest = MIN_MATCH - 1;
        for _ in 0..MAX_TRIES {
            let place = usize::from(candidate);
            if candidate == NOWHERE || at - place > MAX_DISTANCE {
                break;
            }
            // A longer match has to agree where the longest so far ended.
            let (here, there) = (&self.bytes[at..], &self.bytes[place..]);
            if here.get(longest) == there.get(longest) {
                let length = common_prefix(here, there);
                if length > longest {
                    longest = length;
                    best = Some((at - place, length));
                }
            }
            candidate = self.earlier[place];
        }
        best
    }
}

/// How many bytes two slices begin with in common.
fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    const WORD: usize = size_of::<u64>();
    let mut common = 0;
    for (a, b) in a.chunks_exact(WORD).zip(b.chunks_exact(WORD)) {
        let word = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_le_bytes);
        let differ = word(a) ^ word(b);
        if differ != 0 {
            return common + differ.trailing_zeros() as usize / 8;
        }
        common += WORD;
    }
    let rest = a[common..].iter().zip(&b[common..]);
    common + rest.take_while(|(a, b)| a == b).count()
}

struct Writer {
    out: Vec<u8>,
    /// Where the flags of this group stand.
    flags_at: usize,
    flags: u32,
    flag_count: u32,
    /// Where a byte stands whose high half is free.
    half_at: Option<usize>,
}

impl Writer {
    fn new(capacity: usize) -> Self {
        let mut out = Vec::with_capacity(capacity);
        out.extend_from_slice(&[0; 4]);
        Writer { out, flags_at: 0, flags: 0, flag_count: 0, half_at: None }
    }

    fn literal(&mut self, byte: u8) {
        self.out.push(byte);
        self.flag(0);
    }

    fn matched(&mut self, distance: usize, length: usize) {
        let rest = length - MIN_MATCH;
        let token = (distance - 1) << 3 | rest.min(7);
        self.out.extend_from_slice(&(token as u16).to_le_bytes());
        if rest >= 7 {
            self.long(rest);
        }
        self.flag(1);
    }

    /// The part of a length that the token does not hold; `rest` is the length less three.
    fn long(&mut self, rest: usize) {
        let over = rest - 7;
        let nibble = over.min(15) as u8;
        match self.half_at.take() {
            Some(at) => self.out[at] |= nibble << 4,
            None => {
                self.half_at = Some(self.out.len());
                self.out.push(nibble);
            }
        }
        if over < 15 {
            return;
        }
        match u8::try_from(over - 15) {
            Ok(byte) if byte < 0xff => self.out.push(byte),
            _ => {
                self.out.push(0xff);
                // INVARIANT: at most 65,535 bytes are compressed.
                self.out.extend_from_slice(&(rest as u16).to_le_bytes());
            }
        }
    }

    fn flag(&mut self, flag: u32) {
        self.flags = self.flags << 1 | flag;
        self.flag_count += 1;
        if self.flag_count == 32 {
            self.put_flags(self.flags);
            self.flags_at = self.out.len();
            self.out.extend_from_slice(&[0; 4]);
            self.flags = 0;
            self.flag_count = 0;
        }
    }

    fn put_flags(&mut self, flags: u32) {
        self.out[self.flags_at..self.flags_at + 4].copy_from_slice(&flags.to_le_bytes());
    }

    /// The flags that are left over are set ([MS-XCA] 2.3.4).
    fn finish(mut self) -> Vec<u8> {
        let left = 32 - self.flag_count;
        let flags = u64::from(self.flags) << left | ((1u64 << left) - 1);
        self.put_flags(flags as u32);
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// [MS-XCA] 3.1
    #[test]
    fn the_alphabet_has_no_match() {
        let plain = b"abcdefghijklmnopqrstuvwxyz";
        let mut compressed = vec![0x3f, 0, 0, 0];
        compressed.extend_from_slice(plain);
        assert_eq!(encode(plain), compressed);
        assert_eq!(compress(plain), None);
        assert_eq!(decompress(&compressed, plain.len()).as_deref(), Ok(&plain[..]));
    }

    /// [MS-XCA] 3.1
    #[test]
    fn abc_a_hundred_times_is_one_match() {
        let plain = b"abc".repeat(100);
        let compressed =
            [0xff, 0xff, 0xff, 0x1f, 0x61, 0x62, 0x63, 0x17, 0x00, 0x0f, 0xff, 0x26, 0x01];
        assert_eq!(compress(&plain).as_deref(), Some(&compressed[..]));
        assert_eq!(decompress(&compressed, plain.len()).as_ref(), Ok(&plain));
    }

    #[test]
    fn nothing_is_allocated_beyond_what_was_announced() {
        let compressed = [0xff, 0xff, 0xff, 0x7f, 0x61, 0x07, 0x00, 0x0f, 0xff, 0xff, 0xff];
        assert_eq!(decompress(&compressed, 65_539).map(|out| out.len()), Ok(65_539));
        assert!(decompress(&compressed, 100).is_err());
        assert!(decompress(&compressed, 65_540).is_err());
        assert!(decompress(&[0xff; 8], 10).is_err());
        assert!(decompress(&[], 1).is_err());
        assert_eq!(decompress(&[], 0), Ok(vec![]));
    }

    #[test]
    fn long_inputs_round_trip() {
        for plain in [vec![7; 65_535], (0..65_535u32).map(|i| (i / 3 % 251) as u8).collect()] {
            let compressed = compress(&plain).expect("repetitive");
            assert_eq!(decompress(&compressed, plain.len()), Ok(plain));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_round_trip(
            bytes in proptest::collection::vec(0u8..4, 0..3000),
            repeat in 1usize..8,
        ) {
            let plain = bytes.repeat(repeat);
            prop_assert_eq!(decompress(&encode(&plain), plain.len()), Ok(plain));
        }

        #[test]
        fn any_compressed_bytes_are_safe(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
            size in 0usize..70_000,
        ) {
            if let Ok(out) = decompress(&bytes, size) {
                prop_assert_eq!(out.len(), size);
            }
        }
    }
}
