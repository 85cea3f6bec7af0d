//! Which categories of a table are expanded, and what rows there are because of that. Each handle has its own.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;

use mapi::Wire;
use mapi::wire::{Reader, WireError};

use super::category::{CategoryId, Groups};

/// Categories that are the other way round than they began, at most. So what a client may keep of them fits into
/// an answer ([MS-OXCTABL] 2.2.2.19.2).
pub(crate) const MAX_TOGGLED: usize = 3_000;

/// Times at which categories were expanded or collapsed that are remembered.
const MAX_TIMES: usize = 256;

/// Which categories are expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outline {
    /// Categories of so many levels began expanded.
    pub(crate) expanded: u16,
    /// Those that are the other way round now.
    pub(crate) toggled: BTreeSet<CategoryId>,
    /// Another number after each change.
    pub(crate) generation: u64,
    times: Times,
}

/// In which states of the view categories were expanded and collapsed: whoever did so knows what is below them
/// as of then. Of interest to those who follow the view only.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Times {
    /// All since this version are known.
    base: u64,
    known: VecDeque<(u64, CategoryId)>,
}

impl Outline {
    pub(crate) fn new(expanded: u16) -> Outline {
        let times = Times::default();
        Outline { expanded, toggled: BTreeSet::new(), generation: 0, times }
    }

    /// What takes the place of this one in a state of the view.
    pub(crate) fn restored(&self, kept: KeptState, version: u64) -> Outline {
        let times = Times { base: version, known: VecDeque::new() };
        let (expanded, toggled) = (kept.expanded, kept.toggled);
        Outline { expanded, toggled, generation: self.generation + 1, times }
    }

    /// A category was expanded or collapsed in a state of the view.
    pub(crate) fn toggled_at(&mut self, version: u64, id: CategoryId) {
        let Times { base, known } = &mut self.times;
        if known.len() >= MAX_TIMES
            && let Some((version, _)) = known.pop_front()
        {
            *base = version + 1;
        }
        known.push_back((version, id));
    }

    /// Whether all that was expanded and collapsed since a version is known.
    pub(crate) fn knows_since(&self, version: u64) -> bool {
        version >= self.times.base
    }

    /// When it was expanded or collapsed last, if that is known.
    pub(crate) fn when(&self, id: CategoryId) -> Option<u64> {
        let mut known = self.times.known.iter().rev();
        known.find(|(_, known)| *known == id).map(|(version, _)| *version)
    }

    pub(crate) fn is_expanded(&self, level: u8, id: CategoryId) -> bool {
        (u16::from(level) < self.expanded) != self.toggled.contains(&id)
    }

    /// Bytes of memory.
    pub(crate) fn held(&self) -> u64 {
        /// A node of the tree holds several, not all of them used.
        const EACH: u64 = 16;
        (self.toggled.len() + self.times.known.capacity()) as u64 * EACH
    }

    /// Turns a category round; false if too many are.
    pub(crate) fn toggle(&mut self, id: CategoryId, groups: &Groups) -> bool {
        if !self.toggled.remove(&id) {
            if self.toggled.len() >= MAX_TOGGLED {
                // What is not there any more need not be remembered.
                let there: BTreeSet<_> = groups.list.iter().map(|group| group.id).collect();
                self.toggled.retain(|id| there.contains(id));
            }
            if self.toggled.len() >= MAX_TOGGLED {
                return false;
            }
            self.toggled.insert(id);
        }
        self.generation += 1;
        true
    }
}

/// The rows of a categorised table as one handle sees them.
#[derive(Debug)]
pub(crate) struct Lines {
    /// The categories that are shown, in their order.
    heads: Vec<Head>,
    total: u32,
}

#[derive(Debug, Clone, Copy)]
struct Head {
    /// Of the category's own row.
    position: u32,
    /// In [`Groups::list`].
    group: u32,
}

/// What stands at a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// The row of a category of [`Groups::list`].
    Header(usize),
    /// A row of the view.
    Leaf(usize),
}

impl Lines {
    pub(crate) fn of(groups: &Groups, outline: &Outline, categories: usize) -> Lines {
        let (mut heads, mut total) = (Vec::new(), 0);
        let mut at = 0;
        while let Some(group) = groups.list.get(at) {
            heads.push(Head { position: total, group: at as u32 });
            total += 1;
            if !outline.is_expanded(group.level, group.id) {
                at += group.span as usize;
                continue;
            }
            if usize::from(group.level) + 1 == categories {
                total += group.end - group.start;
            }
            at += 1;
        }
        heads.shrink_to_fit();
        Lines { heads, total }
    }

    pub(crate) fn len(&self) -> usize {
        self.total as usize
    }

    /// Bytes of memory.
    pub(crate) fn held(&self) -> u64 {
        (self.heads.capacity() * size_of::<Head>()) as u64
    }

    pub(crate) fn at(&self, groups: &Groups, position: usize) -> Option<Line> {
        if position >= self.len() {
            return None;
        }
        let after = self.heads.partition_point(|head| head.position as usize <= position);
        let head = self.heads[after.checked_sub(1)?];
        let below = position - head.position as usize;
        Some(match below.checked_sub(1) {
            None => Line::Header(head.group as usize),
            Some(below) => Line::Leaf(groups.list[head.group as usize].start as usize + below),
        })
    }

    /// The position of a category's row, or of what follows if it is not shown; and whether it is shown.
    pub(crate) fn of_group(&self, group: usize) -> (usize, bool) {
        let at = self.heads.partition_point(|head| (head.group as usize) < group);
        match self.heads.get(at) {
            Some(head) => (head.position as usize, head.group as usize == group),
            None => (self.len(), false),
        }
    }

    /// The position of a row in a category of the lowest level, by its number there, or of what follows if it is
    /// not shown; and whether it is shown. `number` may be one more than there are.
    pub(crate) fn of_leaf(&self, group: usize, number: usize) -> (usize, bool) {
        let (head, shown) = self.of_group(group);
        if !shown {
            return (head, false);
        }
        let below = self.below(group);
        match number < below.len() {
            true => (below.start + number, true),
            false => (below.end, false),
        }
    }

    /// The positions of the rows that are shown below a category that is shown, up to the next category.
    pub(crate) fn below(&self, group: usize) -> Range<usize> {
        let at = self.heads.partition_point(|head| (head.group as usize) <= group);
        let end = self.heads.get(at).map_or(self.len(), |head| head.position as usize);
        self.of_group(group).0 + 1..end
    }
}

/// What a client keeps of a table ([MS-OXCTABL] 2.2.2.19.2): which categories are expanded, and a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeptState {
    /// Of the sort order and the restriction, which have to be the same.
    pub(crate) query: u64,
    /// Of which folder it was.
    pub(crate) folder: i64,
    /// PidTagInstID and PidTagInstanceNum of the row.
    pub(crate) row: (i64, u32),
    pub(crate) expanded: u16,
    pub(crate) toggled: BTreeSet<CategoryId>,
}

/// The first byte, for other versions to come.
const VERSION: u8 = 1;

impl Wire for KeptState {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let version = u8::read(r)?;
        if version != VERSION {
            return Err(r.bad("a version of a collapse state", u64::from(version), 1));
        }
        let (query, folder) = (u64::read(r)?, i64::read(r)?);
        let row = (i64::read(r)?, u32::read(r)?);
        let expanded = u16::read(r)?;
        let count = u16::read(r)?;
        if usize::from(count) > MAX_TOGGLED {
            return Err(r.bad("a number of categories in a collapse state", u64::from(count), 2));
        }
        let mut toggled = BTreeSet::new();
        for _ in 0..count {
            toggled.insert(CategoryId(u64::read(r)?));
        }
        Ok(KeptState { query, folder, row, expanded, toggled })
    }

    fn write(&self, w: &mut Vec<u8>) {
        VERSION.write(w);
        self.query.write(w);
        self.folder.write(w);
        self.row.0.write(w);
        self.row.1.write(w);
        self.expanded.write(w);
        (self.toggled.len().min(MAX_TOGGLED) as u16).write(w);
        self.toggled.iter().take(MAX_TOGGLED).for_each(|id| id.0.write(w));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_keeps_comes_back() {
        let kept = KeptState {
            query: 7,
            folder: -3,
            row: (i64::MIN, 4),
            expanded: 2,
            toggled: (0..MAX_TOGGLED as u64).map(CategoryId).collect(),
        };
        let bytes = kept.to_wire();
        assert!(bytes.len() < 25_000, "{}", bytes.len());
        assert_eq!(KeptState::from_wire(&bytes), Ok(kept));
        for len in 0..bytes.len().min(200) {
            assert!(KeptState::from_wire(&bytes[..len]).is_err());
        }
        assert!(KeptState::from_wire(&[2; 33]).is_err());
        let mut many = bytes[..33].to_vec();
        many[31..33].copy_from_slice(&[0xff, 0xff]);
        assert!(KeptState::from_wire(&many).is_err());
    }
}
