//! The checksum that every value carries.
//!
//! A sealed value is the plain value followed by 8 bytes: XXH3-64 of the plain value, seeded by
//! XXH3-64 of the key and the number of the space, little-endian. A value that was damaged, cut,
//! or that stands at another key does not open.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::{Error, Result, Space, Value};

const LEN: usize = 8;

/// The value as it is stored.
pub(super) fn seal(space: Space, key: &[u8], plain: &[u8]) -> Value {
    let mut sealed = Vec::with_capacity(plain.len() + LEN);
    sealed.extend_from_slice(plain);
    sealed.extend_from_slice(&checksum(space, key, plain).to_le_bytes());
    sealed.into()
}

/// The plain value of a sealed one.
pub(super) fn open(space: Space, key: &[u8], sealed: Value) -> Result<Value> {
    let len = check(space, key, &sealed)?.len();
    Ok(sealed.slice(..len))
}

/// As [`open`], in place.
pub(super) fn check<'a>(space: Space, key: &[u8], sealed: &'a [u8]) -> Result<&'a [u8]> {
    let corrupt = |reason| Error::Corrupt { space, key: key.to_vec(), reason };
    let Some((plain, sum)) = sealed.split_last_chunk::<LEN>() else {
        return Err(corrupt("it is shorter than its checksum"));
    };
    if checksum(space, key, plain) != u64::from_le_bytes(*sum) {
        return Err(corrupt("its checksum does not match"));
    }
    Ok(plain)
}

/// The plain value of a sealed one, whether or not its checksum matches; nothing if it is too short
/// to have one.
pub(super) fn strip(sealed: &Value) -> Value {
    sealed.slice(..sealed.len().saturating_sub(LEN))
}

fn checksum(space: Space, key: &[u8], plain: &[u8]) -> u64 {
    xxh3_64_with_seed(plain, xxh3_64(key) ^ (space as u64 + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_changed_bit_and_any_other_key_is_noticed() {
        let sealed = seal(Space::Mailbox, b"key", b"value");
        assert_eq!(open(Space::Mailbox, b"key", sealed.clone()).unwrap(), "value");
        for bit in 0..sealed.len() * 8 {
            let mut damaged = sealed.to_vec();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(open(Space::Mailbox, b"key", damaged.into()).is_err());
        }
        assert!(open(Space::Mailbox, b"kez", sealed.clone()).is_err());
        assert!(open(Space::Queue, b"key", sealed.clone()).is_err());
        for len in 0..sealed.len() {
            assert!(open(Space::Mailbox, b"key", sealed.slice(..len)).is_err());
        }
    }
}
