//! Numbers of variable length, and lists of messages in as few bytes as they need.

use crate::{Result, StoreError};

/// Seven bits a byte, the lowest first; the last byte has its highest bit clear.
pub(super) fn put_number(w: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        w.push(number as u8 | 0x80);
        number >>= 7;
    }
    w.push(number as u8);
}

/// What is left of a record that is read.
pub(super) struct Rest<'a>(pub(super) &'a [u8]);

pub(super) fn damaged(what: &str) -> StoreError {
    StoreError::Corrupt(format!("the full-text index: {what}"))
}

impl<'a> Rest<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn number(&mut self) -> Result<u64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(damaged("a number that does not end"))
    }

    pub(super) fn byte(&mut self) -> Result<u8> {
        let (byte, rest) = self.0.split_first().ok_or_else(|| damaged("it ends early"))?;
        self.0 = rest;
        Ok(*byte)
    }

    pub(super) fn bytes(&mut self, length: usize) -> Result<&'a [u8]> {
        let (bytes, rest) =
            self.0.split_at_checked(length).ok_or_else(|| damaged("it ends early"))?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.bytes(4)?.try_into().unwrap_or_default()))
    }

    pub(super) fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.bytes(8)?.try_into().unwrap_or_default()))
    }
}

/// A set of numbers below a bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Set {
    words: Vec<u64>,
    bound: usize,
}

impl Set {
    pub(super) fn new(bound: usize) -> Set {
        Set { words: vec![0; bound.div_ceil(64)], bound }
    }

    /// False for a number that is not below the bound.
    pub(super) fn insert(&mut self, number: usize) -> bool {
        if number >= self.bound {
            return false;
        }
        self.words[number / 64] |= 1 << (number % 64);
        true
    }

    pub(super) fn has(&self, number: usize) -> bool {
        self.words.get(number / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    /// Keeps what the other has too.
    pub(super) fn keep(&mut self, other: &Set) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= other);
    }

    pub(super) fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self.words.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.truncate(self.bound.div_ceil(8));
        bytes
    }

    pub(super) fn read(bytes: &[u8], bound: usize) -> Result<Set> {
        let mut set = Set::new(bound);
        set.add_bits(bytes)?;
        Ok(set)
    }

    fn add_bits(&mut self, bytes: &[u8]) -> Result<()> {
        let tail = self.bound % 8;
        let beyond = bytes.last().is_some_and(|last| tail > 0 && last >> tail != 0);
        if bytes.len() != self.bound.div_ceil(8) || beyond {
            return Err(damaged("a set of messages of another size"));
        }
        for (word, chunk) in self.words.iter_mut().zip(bytes.chunks(8)) {
            let mut whole = [0; 8];
            whole[..chunk.len()].copy_from_slice(chunk);
            *word |= u64::from_le_bytes(whole);
        }
        Ok(())
    }

    /// Adds a list.
    pub(super) fn add(&mut self, list: List<'_>) -> Result<()> {
        match list.bits {
            true => self.add_bits(list.bytes),
            false => each_gap(list.bytes, &mut |number| match self.insert(number) {
                true => Ok(()),
                false => Err(damaged("a message that there is not")),
            }),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(at, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros() as usize)?;
                left &= left - 1;
                Some(at * 64 + bit)
            })
        })
    }
}

/// The messages that have a word, as they are stored: the gaps between their numbers, or a bit for each message
/// where that is shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct List<'a> {
    pub(super) bits: bool,
    pub(super) bytes: &'a [u8],
}

impl List<'_> {
    /// Calls `each` with the numbers of `bound`, ascending.
    pub(super) fn each(self, bound: usize, each: &mut impl FnMut(usize)) -> Result<()> {
        if self.bits {
            Set::read(self.bytes, bound)?.iter().for_each(each);
            return Ok(());
        }
        each_gap(self.bytes, &mut |number| {
            if number >= bound {
                return Err(damaged("a message that there is not"));
            }
            each(number);
            Ok(())
        })
    }
}

fn each_gap(bytes: &[u8], each: &mut impl FnMut(usize) -> Result<()>) -> Result<()> {
    let mut rest = Rest(bytes);
    let mut next = 0u64;
    while !rest.is_empty() {
        let number = next
            .checked_add(rest.number()?)
            .filter(|number| *number < u64::from(u32::MAX))
            .ok_or_else(|| damaged("a message that there is not"))?;
        each(number as usize)?;
        next = number + 1;
    }
    Ok(())
}

/// The bytes of a list of ascending numbers below `bound`, and whether they are bits.
pub(super) fn write_list(numbers: &[u32], bound: usize, bytes: &mut Vec<u8>) -> bool {
    bytes.clear();
    let mut next = 0;
    for number in numbers {
        put_number(bytes, u64::from(number - next));
        next = number + 1;
        if bytes.len() > bound.div_ceil(8) {
            let mut set = Set::new(bound);
            numbers.iter().for_each(|number| {
                set.insert(*number as usize);
            });
            *bytes = set.to_bytes();
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lists_come_back(numbers in proptest::collection::btree_set(0u32..3_000, 0..400), more in 0usize..900) {
            let numbers: Vec<u32> = numbers.into_iter().collect();
            let bound = numbers.last().map_or(0, |last| *last as usize + 1) + more;
            let mut bytes = Vec::new();
            let bits = write_list(&numbers, bound, &mut bytes);
            let list = List { bits, bytes: &bytes };
            let mut read = Vec::new();
            list.each(bound, &mut |number| read.push(number as u32)).expect("a list");
            prop_assert_eq!(&read, &numbers);
            let mut set = Set::new(bound);
            set.add(list).expect("a list");
            prop_assert_eq!(set.count(), numbers.len());
            prop_assert!(set.iter().map(|number| number as u32).eq(numbers));
            prop_assert_eq!(&Set::read(&set.to_bytes(), bound).expect("a set"), &set);
        }

        #[test]
        fn any_bytes_are_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..64), bits: bool, bound in 0usize..600) {
            let list = List { bits, bytes: &bytes };
            let mut last = None;
            let _ = list.each(bound, &mut |number| {
                assert!(number < bound && last < Some(number));
                last = Some(number);
            });
            let _ = Set::new(bound).add(list);
        }
    }

    #[test]
    fn what_is_too_long_is_damage() {
        assert!(Rest(&[0x80; 11]).number().is_err());
        assert!(Rest(&[0x80]).number().is_err());
        let mut bytes = Vec::new();
        for number in [0, 127, 128, u64::MAX] {
            bytes.clear();
            put_number(&mut bytes, number);
            assert_eq!(Rest(&bytes).number().ok(), Some(number));
        }
    }
}
