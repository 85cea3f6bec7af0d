//! Scans that go on behind damage: what a check needs to tell what is damaged and what is not.

use super::backend::Backend;
use super::{Direction, Error, Key, KeyRange, Result, Scanned, Space, seal};

/// Bytes of a key that count where the end of an unreadable part is looked for.
const WIDTH: usize = 64;

/// As [`Reader::scan_each`](super::Reader::scan_each); the range is not empty.
pub(super) fn scan<B: Backend>(
    backend: &B,
    at: Option<&B::Snapshot>,
    space: Space,
    range: &KeyRange,
    limit: usize,
) -> Result<Vec<Scanned>> {
    match backend.scan(at, space, range, Direction::Forward, limit) {
        Ok(pairs) => Ok(pairs
            .into_iter()
            .map(|(key, sealed)| {
                let value = seal::open(space, &key, sealed);
                (key, value)
            })
            .collect()),
        Err(Error::Corrupt { .. }) => scan_around(backend, at, space, range, limit),
        Err(error) => Err(error),
    }
}

/// One pair after the other, since one of the next ones stands in a damaged table.
fn scan_around<B: Backend>(
    backend: &B,
    at: Option<&B::Snapshot>,
    space: Space,
    range: &KeyRange,
    limit: usize,
) -> Result<Vec<Scanned>> {
    let mut scanned: Vec<Scanned> = Vec::new();
    let mut rest = range.clone();
    // Never ends with an unreadable part, since the next page would begin inside of it.
    while scanned.len() < limit || scanned.last().is_some_and(|(_, value)| value.is_err()) {
        let error = match backend.scan(at, space, &rest, Direction::Forward, 1) {
            Ok(mut page) => {
                let Some((key, sealed)) = page.pop() else { break };
                rest = rest.beyond(&key, Direction::Forward);
                let value = seal::open(space, &key, sealed);
                scanned.push((key, value));
                continue;
            }
            Err(error @ Error::Corrupt { .. }) => error,
            Err(error) => return Err(error),
        };
        // The key may be readable where its value is not.
        match backend.keys(at, space, &rest, Direction::Forward, 1) {
            Ok(mut page) => {
                let Some(key) = page.pop() else { break };
                rest = rest.beyond(&key, Direction::Forward);
                scanned.push((key, Err(error)));
            }
            Err(Error::Corrupt { .. }) => {
                scanned.push((Key::copy_from_slice(&rest.from), Err(error)));
                let next = behind(backend, at, space, &rest)?;
                if next <= rest.from {
                    break;
                }
                rest.from = next;
                if rest.is_empty() {
                    break;
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(scanned)
}

/// The first place behind `range.from`, which cannot be read, from which a scan works again. Places
/// are halved, as numbers, so that the part between two of them is looked for and not read.
fn behind<B: Backend>(
    backend: &B,
    at: Option<&B::Snapshot>,
    space: Space,
    range: &KeyRange,
) -> Result<Vec<u8>> {
    let mut unreadable = wide(&range.from, 0);
    let mut readable = range.to.as_ref().map_or([0xFF; WIDTH], |to| wide(to, 0));
    while let Some(middle) = between(&unreadable, &readable) {
        let place = KeyRange { from: middle.to_vec(), to: range.to.clone() };
        let works = place.is_empty()
            || match backend.keys(at, space, &place, Direction::Forward, 1) {
                Ok(_) => true,
                Err(Error::Corrupt { .. }) => false,
                Err(error) => return Err(error),
            };
        if works {
            readable = middle;
        } else {
            unreadable = middle;
        }
    }
    // Longer keys than the width are passed over with what they begin with.
    Ok(readable.to_vec())
}

fn wide(key: &[u8], fill: u8) -> [u8; WIDTH] {
    let mut wide = [fill; WIDTH];
    let len = key.len().min(WIDTH);
    wide[..len].copy_from_slice(&key[..len]);
    wide
}

/// The number in the middle of two, if there is one between them.
fn between(low: &[u8; WIDTH], high: &[u8; WIDTH]) -> Option<[u8; WIDTH]> {
    let mut sum = [0u8; WIDTH];
    let mut carry = 0;
    for index in (0..WIDTH).rev() {
        let digit = u16::from(low[index]) + u16::from(high[index]) + carry;
        sum[index] = digit as u8;
        carry = digit >> 8;
    }
    let mut middle = [0u8; WIDTH];
    for index in 0..WIDTH {
        middle[index] = (carry << 7) as u8 | sum[index] >> 1;
        carry = u16::from(sum[index] & 1);
    }
    (middle > *low && middle < *high).then_some(middle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Batch, Engine, MemoryEngine, Reader};

    #[test]
    fn the_middle_lies_between() {
        let number = |last: u8| wide(&[0; WIDTH - 1], last);
        assert_eq!(between(&number(3), &number(9)), Some(number(6)));
        assert_eq!(between(&number(3), &number(4)), None);
        assert_eq!(between(&[0; WIDTH], &[0xFF; WIDTH]).map(|middle| middle[0]), Some(0x7F));
        assert_eq!(between(&number(9), &number(3)), None);
    }

    #[test]
    fn a_damaged_value_stands_in_its_place() {
        let engine = MemoryEngine::new();
        let mut batch = Batch::new();
        for key in [b"a", b"b", b"c"] {
            batch.put(Space::Mailbox, *key, *b"value");
        }
        assert!(engine.commit(batch).unwrap().is_committed());
        assert!(engine.corrupt(Space::Mailbox, b"b"));
        for reader in [&engine as &dyn Reader, &*engine.latest(), &*engine.snapshot().unwrap()] {
            assert!(reader.scan(Space::Mailbox, &KeyRange::all(), Direction::Forward, 9).is_err());
            let each = reader.scan_each(Space::Mailbox, &KeyRange::all(), 9).unwrap();
            let whole: Vec<bool> = each.iter().map(|(_, value)| value.is_ok()).collect();
            assert_eq!(whole, [true, false, true]);
            assert_eq!(reader.scan_each(Space::Mailbox, &KeyRange::all(), 2).unwrap().len(), 2);
            let raw = reader.get_unverified(Space::Mailbox, b"b").unwrap().unwrap();
            assert_eq!(&raw[1..], b"alue");
        }
    }
}
