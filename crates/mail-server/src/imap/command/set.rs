//! Sequence sets (RFC 9051 9, `sequence-set`).

/// A number of a set: a message's number or UID, or `*`, the largest there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Number {
    Of(u32),
    Largest,
}

/// Numbers and ranges as they were written, or `$`: what the last search saved (RFC 9051 6.4.4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SequenceSet {
    Ranges(Vec<(Number, Number)>),
    Saved,
}

impl SequenceSet {
    /// Ascending ranges that do not touch, with the largest number for `*`. The ends of a range may be written in
    /// any order. Of `$`, nothing.
    pub fn resolved(&self, largest: u32) -> Vec<(u32, u32)> {
        let SequenceSet::Ranges(ranges) = self else { return Vec::new() };
        let of = |number: &Number| match number {
            Number::Of(number) => *number,
            Number::Largest => largest,
        };
        let mut all: Vec<(u32, u32)> =
            ranges.iter().map(|(a, b)| (of(a).min(of(b)), of(a).max(of(b)))).collect();
        all.sort_unstable();
        merge(all)
    }

    /// Whether a number is in the set, with the largest number for `*`. Of `$`, nothing is.
    pub fn contains(&self, number: u32, largest: u32) -> bool {
        let SequenceSet::Ranges(ranges) = self else { return false };
        let of = |end: &Number| match end {
            Number::Of(number) => *number,
            Number::Largest => largest,
        };
        ranges.iter().any(|(a, b)| (of(a).min(of(b))..=of(a).max(of(b))).contains(&number))
    }
}

/// Joins sorted ranges that touch or overlap.
pub(crate) fn merge(sorted: Vec<(u32, u32)>) -> Vec<(u32, u32)> {
    let mut merged: Vec<(u32, u32)> = Vec::with_capacity(sorted.len());
    for (first, last) in sorted {
        match merged.last_mut() {
            Some((_, end)) if first <= end.saturating_add(1) => *end = (*end).max(last),
            _ => merged.push((first, last)),
        }
    }
    merged
}

/// Ascending numbers as a set on the wire: `1:3,7`.
pub(crate) fn compact(numbers: impl IntoIterator<Item = u32>) -> String {
    let ranges = merge(numbers.into_iter().map(|number| (number, number)).collect());
    ranges_text(&ranges)
}

/// Numbers in their order as a set on the wire: only ascending neighbours become ranges (RFC 5267 3.1).
pub(crate) fn in_order(numbers: impl IntoIterator<Item = u32>) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, end)) if number.checked_sub(1) == Some(*end) => *end = number,
            _ => ranges.push((number, number)),
        }
    }
    ranges_text(&ranges)
}

pub(crate) fn ranges_text(ranges: &[(u32, u32)]) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for (first, last) in ranges {
        if !text.is_empty() {
            text.push(',');
        }
        // A String takes whatever is written.
        let _ = match first == last {
            true => write!(text, "{first}"),
            false => write!(text, "{first}:{last}"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_resolved_and_compacted() {
        let of = Number::Of;
        let set = SequenceSet::Ranges(vec![
            (of(9), of(7)),
            (Number::Largest, of(20)),
            (of(1), of(1)),
            (of(2), of(3)),
            (of(8), of(8)),
        ]);
        assert_eq!(set.resolved(25), [(1, 3), (7, 9), (20, 25)]);
        // `20:*` names the largest even if it is smaller.
        assert_eq!(set.resolved(5), [(1, 3), (5, 20)]);
        assert!(set.contains(8, 25) && !set.contains(10, 25) && set.contains(6, 5));
        assert_eq!(compact([1, 2, 3, 7, 9, 10]), "1:3,7,9:10");
        assert_eq!(compact([]), "");
        assert_eq!(in_order([5, 6, 3, 2, 7, 7, 8]), "5:6,3,2,7,7:8");
    }
}
