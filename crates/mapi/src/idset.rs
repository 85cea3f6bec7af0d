//! Sets of ids: GLOBSET, IDSET and CNSET ([MS-OXCFXICS] 2.2.2.4 to 2.2.2.6 and 3.1.5.4).

use std::collections::BTreeMap;

use crate::guid::Guid;
use crate::ids::{GlobalCounter, ReplId};
use crate::wire::{Found, Reader, Wire, WireError};

/// A set of counters of one replica, held as ranges.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GlobSet {
    // INVARIANT: sorted, each start <= its end <= GlobalCounter::MAX, and a gap between neighbours.
    ranges: Vec<(u64, u64)>,
}

impl GlobSet {
    pub fn new() -> Self {
        GlobSet::default()
    }

    /// All counters from `first` to `last`, both included.
    pub fn from_range(first: GlobalCounter, last: GlobalCounter) -> Self {
        let mut set = GlobSet::new();
        set.insert_range(first, last);
        set
    }

    pub fn insert(&mut self, counter: GlobalCounter) {
        self.insert_range(counter, counter);
    }

    /// Inserts all counters from `first` to `last`, both included; none if `last` is smaller.
    pub fn insert_range(&mut self, first: GlobalCounter, last: GlobalCounter) {
        let (first, last) = (first.get(), last.get());
        if first > last {
            return;
        }
        // What touches or overlaps the new range becomes one with it.
        let start = self.ranges.partition_point(|(_, end)| end.saturating_add(1) < first);
        let end = self.ranges.partition_point(|(begin, _)| *begin <= last + 1);
        let merged = match self.ranges.get(start..end) {
            Some([]) | None => (first, last),
            Some(touched) => (first.min(touched[0].0), last.max(touched[touched.len() - 1].1)),
        };
        self.ranges.splice(start..end, [merged]);
    }

    pub fn remove(&mut self, counter: GlobalCounter) {
        self.remove_range(counter, counter);
    }

    /// Removes all counters from `first` to `last`, both included; none if `last` is smaller.
    pub fn remove_range(&mut self, first: GlobalCounter, last: GlobalCounter) {
        let (first, last) = (first.get(), last.get());
        if first > last {
            return;
        }
        let start = self.ranges.partition_point(|(_, end)| *end < first);
        let end = self.ranges.partition_point(|(begin, _)| *begin <= last);
        let mut kept = Vec::new();
        if let Some([head, ..]) = self.ranges.get(start..end) {
            let tail = self.ranges[end - 1];
            if head.0 < first {
                kept.push((head.0, first - 1));
            }
            if tail.1 > last {
                kept.push((last + 1, tail.1));
            }
        }
        self.ranges.splice(start..end.max(start), kept);
    }

    pub fn contains(&self, counter: GlobalCounter) -> bool {
        let index = self.ranges.partition_point(|(_, end)| *end < counter.get());
        self.ranges.get(index).is_some_and(|(begin, _)| *begin <= counter.get())
    }

    /// Adds every counter of the other set.
    pub fn union(&mut self, other: &GlobSet) {
        self.ranges.extend_from_slice(&other.ranges);
        self.normalize();
    }

    /// Removes every counter of the other set.
    pub fn subtract(&mut self, other: &GlobSet) {
        for (first, last) in other.iter() {
            self.remove_range(first, last);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// How many counters are in the set.
    pub fn len(&self) -> u64 {
        self.ranges.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// The ranges in ascending order, both ends included.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (GlobalCounter, GlobalCounter)> + '_ {
        self.ranges
            .iter()
            .map(|(first, last)| (GlobalCounter::new(*first), GlobalCounter::new(*last)))
    }

    fn normalize(&mut self) {
        self.ranges.sort_unstable();
        let mut merged: Vec<(u64, u64)> = Vec::with_capacity(self.ranges.len());
        for (first, last) in self.ranges.drain(..) {
            match merged.last_mut() {
                Some((_, end)) if first <= *end + 1 => *end = last.max(*end),
                _ => merged.push((first, last)),
            }
        }
        self.ranges = merged;
    }
}

impl FromIterator<GlobalCounter> for GlobSet {
    fn from_iter<T: IntoIterator<Item = GlobalCounter>>(counters: T) -> Self {
        let ranges = counters.into_iter().map(|counter| (counter.get(), counter.get())).collect();
        let mut set = GlobSet { ranges };
        set.normalize();
        set
    }
}

// The commands of an encoded GLOBSET ([MS-OXCFXICS] 2.2.2.6); 1 to 6 push as many bytes.
const END: u8 = 0x00;
const BITMASK: u8 = 0x42;
const POP: u8 = 0x50;
const RANGE: u8 = 0x52;

const COUNTER_SIZE: usize = 6;

impl Wire for GlobSet {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut set = GlobSet::new();
        // The common byte stack, and how many bytes each Push put on it.
        let mut stack: Vec<u8> = Vec::with_capacity(COUNTER_SIZE);
        let mut pushes: Vec<usize> = Vec::with_capacity(COUNTER_SIZE);
        loop {
            match u8::read(r)? {
                END => break,
                size @ 1..=6 => {
                    let size = usize::from(size);
                    if stack.len() + size > COUNTER_SIZE {
                        return Err(r.bad("at most six common bytes", size as u64, 1));
                    }
                    stack.extend_from_slice(r.bytes(size, "the bytes of a Push command")?);
                    if stack.len() < COUNTER_SIZE {
                        pushes.push(size);
                        continue;
                    }
                    // Six bytes are one counter, and leave the stack by themselves (R1959, R1960).
                    let counter = joined(&stack, &[]);
                    set.ranges.push((counter, counter));
                    stack.truncate(COUNTER_SIZE - size);
                }
                POP => match pushes.pop() {
                    Some(size) => stack.truncate(stack.len() - size),
                    None => return Err(r.bad("no Pop command without a Push", u64::from(POP), 1)),
                },
                RANGE => {
                    let size = COUNTER_SIZE - stack.len();
                    let first = joined(&stack, r.bytes(size, "the low value of a range")?);
                    let last = joined(&stack, r.bytes(size, "the high value of a range")?);
                    if first > last {
                        return Err(r.bad("a range in ascending order", last, size));
                    }
                    set.ranges.push((first, last));
                }
                BITMASK => {
                    if stack.len() != COUNTER_SIZE - 1 {
                        return Err(r.bad("five common bytes", stack.len() as u64, 1));
                    }
                    read_bitmask(r, &stack, &mut set.ranges)?;
                }
                other => return Err(r.bad("a command of a GLOBSET", u64::from(other), 1)),
            }
        }
        set.normalize();
        Ok(set)
    }

    fn write(&self, w: &mut Vec<u8>) {
        write_ranges(w, &self.ranges, 0);
        w.push(END);
    }
}

fn joined(stack: &[u8], low: &[u8]) -> u64 {
    stack.iter().chain(low).fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// The starting value is in the set; bit n stands for the value n + 1 above it (R1974, R1977).
fn read_bitmask(
    r: &mut Reader<'_>,
    stack: &[u8],
    ranges: &mut Vec<(u64, u64)>,
) -> Result<(), WireError> {
    let [start, mask] = r.array("the start and the bits of a Bitmask command")?;
    let highest = u32::from(start) + 8 - mask.leading_zeros();
    if highest > 0xff {
        return Err(r.bad("bits that stay within the last byte", u64::from(mask), 1));
    }
    let start = joined(stack, &[start]);
    let bits = u64::from(mask) << 1 | 1;
    ranges.extend((0..9).filter(|bit| bits >> bit & 1 == 1).map(|bit| (start + bit, start + bit)));
    Ok(())
}

/// Writes ranges that have their first `depth` bytes in common, which are on the stack already.
fn write_ranges(w: &mut Vec<u8>, ranges: &[(u64, u64)], depth: usize) {
    if depth == COUNTER_SIZE - 1 {
        return write_low_bytes(w, ranges);
    }
    let mut rest = ranges;
    while let [first, ..] = rest {
        // Those that also have the next byte in common stand together.
        let same = rest.iter().take_while(|range| common_bytes(first.0, range.1) > depth).count();
        let (group, tail) = rest.split_at(same.max(1));
        rest = tail;
        let common = common_bytes(first.0, group[group.len() - 1].1).min(COUNTER_SIZE - 1);
        match group {
            [(low, high)] if low == high => push(w, *low, depth, COUNTER_SIZE),
            // A Push and a Pop cost three bytes and spare two for each byte pushed, less that byte.
            [range] if common <= depth + 2 => write_range(w, *range, depth),
            _ => {
                push(w, first.0, depth, common);
                write_ranges(w, group, common);
                w.push(POP);
            }
        }
    }
}

/// Writes ranges with five bytes in common: as bits where several lie close together.
fn write_low_bytes(w: &mut Vec<u8>, ranges: &[(u64, u64)]) {
    let mut rest = ranges;
    while let [(low, high), ..] = rest {
        let near = rest.iter().take_while(|(_, last)| last - low <= 8).count().min(5);
        if near < 2 {
            match low == high {
                true => push(w, *low, COUNTER_SIZE - 1, COUNTER_SIZE),
                false => write_range(w, (*low, *high), COUNTER_SIZE - 1),
            }
            rest = &rest[1..];
            continue;
        }
        let (group, tail) = rest.split_at(near);
        rest = tail;
        let bits = group
            .iter()
            .flat_map(|(first, last)| *first..=*last)
            .filter(|value| value > low)
            .fold(0u8, |bits, value| bits | 1 << (value - low - 1));
        w.extend_from_slice(&[BITMASK, *low as u8, bits]);
    }
}

/// Pushes the bytes of `value` from position `from` up to `to`.
fn push(w: &mut Vec<u8>, value: u64, from: usize, to: usize) {
    w.push((to - from) as u8);
    w.extend_from_slice(&GlobalCounter::new(value).to_bytes()[from..to]);
}

fn write_range(w: &mut Vec<u8>, (low, high): (u64, u64), depth: usize) {
    w.push(RANGE);
    w.extend_from_slice(&GlobalCounter::new(low).to_bytes()[depth..]);
    w.extend_from_slice(&GlobalCounter::new(high).to_bytes()[depth..]);
}

/// How many of their six bytes two counters have in common, from the highest on.
fn common_bytes(a: u64, b: u64) -> usize {
    let (a, b) = (GlobalCounter::new(a).to_bytes(), GlobalCounter::new(b).to_bytes());
    a.iter().zip(b).take_while(|(a, b)| **a == *b).count()
}

/// An IDSET: counters by replica. The replica is a REPLID in sets that are sent once
/// (`IdSet<ReplId>`, [MS-OXCFXICS] 2.2.2.4.1) and a GUID in sets that are kept
/// (`IdSet<Guid>`, [MS-OXCFXICS] 2.2.2.4.2); only the context tells which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdSet<R> {
    // INVARIANT: no set in it is empty.
    replicas: BTreeMap<R, GlobSet>,
}

/// A set by REPLID, as MetaTagIdsetDeleted and its kin carry it.
pub type ReplIdSet = IdSet<ReplId>;
/// A set by replica GUID, as the properties of a synchronization state carry it.
pub type ReplGuidSet = IdSet<Guid>;

impl<R: Ord> Default for IdSet<R> {
    fn default() -> Self {
        IdSet { replicas: BTreeMap::new() }
    }
}

impl<R: Ord + Copy> IdSet<R> {
    pub fn new() -> Self {
        IdSet::default()
    }

    pub fn insert(&mut self, replica: R, counter: GlobalCounter) {
        self.insert_range(replica, counter, counter);
    }

    /// Inserts all counters from `first` to `last`, both included; none if `last` is smaller.
    pub fn insert_range(&mut self, replica: R, first: GlobalCounter, last: GlobalCounter) {
        if first <= last {
            self.replicas.entry(replica).or_default().insert_range(first, last);
        }
    }

    pub fn remove(&mut self, replica: R, counter: GlobalCounter) {
        let Some(set) = self.replicas.get_mut(&replica) else { return };
        set.remove(counter);
        if set.is_empty() {
            self.replicas.remove(&replica);
        }
    }

    pub fn contains(&self, replica: R, counter: GlobalCounter) -> bool {
        self.replicas.get(&replica).is_some_and(|set| set.contains(counter))
    }

    /// Adds every id of the other set.
    pub fn union(&mut self, other: &IdSet<R>) {
        for (replica, set) in &other.replicas {
            self.add_set(*replica, set);
        }
    }

    /// Removes every id of the other set.
    pub fn subtract(&mut self, other: &IdSet<R>) {
        for (replica, set) in &other.replicas {
            if let Some(own) = self.replicas.get_mut(replica) {
                own.subtract(set);
            }
        }
        self.replicas.retain(|_, set| !set.is_empty());
    }

    /// Adds every counter of a set to those of one replica.
    pub fn add_set(&mut self, replica: R, set: &GlobSet) {
        if !set.is_empty() {
            self.replicas.entry(replica).or_default().union(set);
        }
    }

    /// The counters of one replica.
    pub fn get(&self, replica: R) -> Option<&GlobSet> {
        self.replicas.get(&replica)
    }

    /// The replicas in ascending order, each with its counters.
    pub fn iter(&self) -> impl Iterator<Item = (R, &GlobSet)> + '_ {
        self.replicas.iter().map(|(replica, set)| (*replica, set))
    }

    pub fn is_empty(&self) -> bool {
        self.replicas.is_empty()
    }

    /// How many ids are in the set.
    pub fn len(&self) -> u64 {
        self.replicas.values().map(GlobSet::len).sum()
    }
}

/// The set fills what is left; the replicas stand in ascending order (R181, R186).
impl<R: Wire + Ord + Copy> Wire for IdSet<R> {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut set = IdSet::new();
        while !r.is_empty() {
            let replica = R::read(r)?;
            let offset = r.offset();
            let counters = GlobSet::read(r)?;
            // A replica that stands there again and again would make the merging quadratic.
            if set.replicas.contains_key(&replica) {
                let found = Found::Value(counters.len());
                return Err(WireError { offset, expected: "each replica once", found });
            }
            set.add_set(replica, &counters);
        }
        Ok(set)
    }

    fn write(&self, w: &mut Vec<u8>) {
        for (replica, set) in &self.replicas {
            replica.write(w);
            set.write(w);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ranges: &[(u64, u64)]) -> GlobSet {
        let mut set = GlobSet::new();
        for (first, last) in ranges {
            set.insert_range(GlobalCounter::new(*first), GlobalCounter::new(*last));
        }
        set
    }

    #[test]
    fn ranges_grow_together_and_fall_apart() {
        let mut s = set(&[(1, 3), (7, 9), (5, 5)]);
        assert_eq!(s.ranges, [(1, 3), (5, 5), (7, 9)]);
        s.insert(GlobalCounter::new(4));
        assert_eq!(s.ranges, [(1, 5), (7, 9)]);
        s.insert_range(GlobalCounter::new(0), GlobalCounter::new(20));
        assert_eq!(s.ranges, [(0, 20)]);
        s.remove_range(GlobalCounter::new(3), GlobalCounter::new(4));
        assert_eq!(s.ranges, [(0, 2), (5, 20)]);
        s.remove(GlobalCounter::new(0));
        s.remove(GlobalCounter::new(30));
        assert_eq!(s.ranges, [(1, 2), (5, 20)]);
        assert!(s.contains(GlobalCounter::new(2)) && !s.contains(GlobalCounter::new(3)));
        assert_eq!(s.len(), 18);
    }

    /// [MS-OXCFXICS] 3.1.5.4.3.1.3 R3379: the example of the Bitmask command.
    #[test]
    fn the_specification_s_bitmask() {
        let s = set(&[(1, 3), (5, 5), (7, 9)]);
        let bytes = [5, 0, 0, 0, 0, 0, BITMASK, 0x01, 0xEB, POP, END];
        assert_eq!(s.to_wire(), bytes);
        assert_eq!(GlobSet::from_wire(&bytes), Ok(s));
    }

    #[test]
    fn encodings_decode_to_the_same_set() {
        let max = GlobalCounter::MAX;
        for ranges in [
            vec![],
            vec![(5, 5)],
            vec![(1, 0x1_0000)],
            vec![(0x1_0000, 0x1_0005)],
            vec![(0, max)],
            vec![(max, max)],
            vec![(1, 1), (0x300, 0x300), (0x305, 0x3FF), (0x10_0000, 0x20_0000)],
            vec![(0xF8, 0xF8), (0xFF, 0x101), (0x103, 0x103)],
            (0..300).map(|n| (n * 3, n * 3 + n % 2)).collect(),
        ] {
            let s = set(&ranges);
            assert_eq!(GlobSet::from_wire(&s.to_wire()), Ok(s));
        }
    }

    #[test]
    fn a_single_id_takes_eight_bytes() {
        assert_eq!(set(&[(5, 5)]).to_wire(), [6, 0, 0, 0, 0, 0, 5, END]);
    }

    #[test]
    fn bad_commands_are_refused() {
        for bytes in [
            &[POP, END][..],
            &[BITMASK, 1, 1, END],
            &[5, 0, 0, 0, 0, 0, BITMASK, 0xF8, 0x80, END],
            &[RANGE, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 1, END],
            &[4, 0, 0, 0, 0, 4, 0, 0, 0, 0, END],
            &[0x33],
            &[6, 0, 0],
        ] {
            assert!(GlobSet::from_wire(bytes).is_err(), "{bytes:x?}");
        }
    }

    #[test]
    fn id_sets_by_replica() {
        let mut ids = ReplIdSet::new();
        ids.insert(ReplId(2), GlobalCounter::new(9));
        ids.insert_range(ReplId(1), GlobalCounter::new(1), GlobalCounter::new(4));
        assert_eq!(ids.to_wire()[..2], [1, 0]);
        assert_eq!(ReplIdSet::from_wire(&ids.to_wire()), Ok(ids.clone()));
        assert_eq!(ids.len(), 5);
        let mut rest = ids.clone();
        rest.remove(ReplId(2), GlobalCounter::new(9));
        assert!(rest.get(ReplId(2)).is_none());
        ids.subtract(&rest);
        assert_eq!(ids.len(), 1);
        assert!(ids.contains(ReplId(2), GlobalCounter::new(9)));
    }
}
