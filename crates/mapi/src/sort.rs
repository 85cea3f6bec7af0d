//! Sort orders of tables ([MS-OXCDATA] 2.13).

use crate::tag::{PropertyTag, PropertyType};
use crate::wire::{Reader, Wire, WireError};

wire_enum! {
    /// Which way a column is sorted ([MS-OXCDATA] 2.13.1).
    pub enum Direction: u8 {
        Ascending = 0x00,
        Descending = 0x01,
        /// The category is sorted by the largest value of this column among its rows.
        MaximumCategory = 0x04,
        /// By the smallest value: MAPI's TABLE_SORT_CATEG_MIN, which [MS-OXCDATA] does not name.
        MinimumCategory = 0x08,
    }
}

/// One column of a sort order ([MS-OXCDATA] 2.13.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SortOrder {
    /// With the multi-value instance bit in its type if each value gets a row.
    pub tag: PropertyTag,
    pub direction: Direction,
}

impl SortOrder {
    pub const fn ascending(tag: PropertyTag) -> Self {
        SortOrder { tag, direction: Direction::Ascending }
    }

    pub const fn descending(tag: PropertyTag) -> Self {
        SortOrder { tag, direction: Direction::Descending }
    }

    /// Whether each value of the multi-value property gets a row of its own.
    pub const fn is_instance(self) -> bool {
        self.tag.property_type().0 & PropertyType::MULTI_VALUE_INSTANCE != 0
    }
}

/// Type, id, then direction: the tag's 32 bits stand in the usual order.
impl Wire for SortOrder {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(SortOrder { tag: PropertyTag::read(r)?, direction: Direction::read(r)? })
    }
    fn write(&self, w: &mut Vec<u8>) {
        self.tag.write(w);
        self.direction.write(w);
    }
}

/// The order of a table's rows ([MS-OXCDATA] 2.13.2). The first `categories` columns group the rows, the
/// first `expanded` of those groups start expanded.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct SortOrderSet {
    pub orders: Vec<SortOrder>,
    pub categories: u16,
    pub expanded: u16,
}

impl SortOrderSet {
    /// An order without categories.
    pub fn new(orders: Vec<SortOrder>) -> Self {
        SortOrderSet { orders, categories: 0, expanded: 0 }
    }

    /// Whether the counts fit each other: at most as many categories as columns, at most as many
    /// expanded as there are ([MS-OXCDATA] 2.13.2; [MS-OXCTABL] answers ecInvalidParam otherwise).
    pub fn is_valid(&self) -> bool {
        usize::from(self.categories) <= self.orders.len() && self.expanded <= self.categories
    }
}

/// Three counts, then the orders. Counts that do not fit each other are read as they are, since the
/// answer to them is an error of the ROP and not of the buffer.
impl Wire for SortOrderSet {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let count = usize::from(u16::read(r)?);
        let (categories, expanded) = (u16::read(r)?, u16::read(r)?);
        Ok(SortOrderSet { orders: crate::wire::read_items(r, count)?, categories, expanded })
    }
    fn write(&self, w: &mut Vec<u8>) {
        let count = u16::try_from(self.orders.len()).unwrap_or(u16::MAX);
        count.write(w);
        self.categories.write(w);
        self.expanded.write(w);
        self.orders.iter().take(usize::from(count)).for_each(|order| order.write(w));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_counts_then_the_orders() {
        let set = SortOrderSet {
            orders: vec![SortOrder::descending(PropertyTag::new(0x0E06_0040))],
            categories: 1,
            expanded: 0,
        };
        assert_eq!(set.to_wire(), [1, 0, 1, 0, 0, 0, 0x40, 0, 6, 0x0E, 1]);
        assert_eq!(SortOrderSet::from_wire(&set.to_wire()), Ok(set.clone()));
        assert!(set.is_valid());
        assert!(!SortOrderSet { categories: 2, ..set }.is_valid());
    }
}
