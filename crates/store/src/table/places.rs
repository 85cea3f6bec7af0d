//! Which values of multi-value properties a row shows, where a message has a row of each of them. With several
//! such properties it has one of each combination.

/// Rows that one message gets at most.
const MAX_INSTANCES: usize = 256;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Places {
    /// By the ids of properties, in the order of the columns.
    known: Vec<(u16, usize)>,
    /// Of others.
    other: usize,
}

impl Places {
    /// Of the values of one property: the number of the instance is that of the value.
    pub(crate) fn single(instance: u32) -> Places {
        Places { known: Vec::new(), other: instance as usize }
    }

    /// How many rows there are with so many values of each property.
    pub(crate) fn count(counts: &[(u16, usize)]) -> usize {
        let each = counts.iter().map(|(_, count)| (*count).max(1));
        each.fold(1, |all, count| all.saturating_mul(count).min(MAX_INSTANCES))
    }

    /// Those of an instance: the values of the last property change first.
    pub(crate) fn of(counts: &[(u16, usize)], instance: u32) -> Places {
        let mut rest = instance as usize;
        let mut known: Vec<(u16, usize)> = Vec::with_capacity(counts.len());
        for (id, count) in counts.iter().rev() {
            let count = (*count).max(1);
            known.push((*id, rest % count));
            rest /= count;
        }
        known.reverse();
        Places { known, other: instance as usize }
    }

    /// The number of the value of a property.
    pub(crate) fn place(&self, id: u16) -> usize {
        let known = self.known.iter().find(|(known, _)| *known == id);
        known.map_or(self.other, |(_, place)| *place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_combination_has_a_number() {
        let counts = [(1, 2), (2, 0), (3, 3)];
        assert_eq!(Places::count(&counts), 6);
        let place = |instance, id| Places::of(&counts, instance).place(id);
        let all: Vec<_> = (0..6).map(|n| (place(n, 1), place(n, 2), place(n, 3))).collect();
        assert_eq!(all, [(0, 0, 0), (0, 0, 1), (0, 0, 2), (1, 0, 0), (1, 0, 1), (1, 0, 2)]);
        assert_eq!(Places::single(5).place(9), 5);
        assert_eq!(Places::count(&[(1, 100), (2, usize::MAX)]), MAX_INSTANCES);
        assert_eq!(Places::count(&[]), 1);
    }
}
