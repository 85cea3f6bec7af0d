//! Rows of a table, and properties of an object, with their tags.

use std::sync::Arc;

use mapi::{Cell, ErrorCode, FileTime, PropertyRow, PropertyTag, PropertyValue};

/// The values of some columns: a row of a table, or the answer to a question for properties.
///
/// A column without a value answers None; [`Row::error`] says why, where the store said so.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    columns: Arc<[PropertyTag]>,
    row: PropertyRow,
}

impl Row {
    pub(crate) fn new(columns: Arc<[PropertyTag]>, row: PropertyRow) -> Self {
        Row { columns, row }
    }

    /// The columns, in the order in which they were asked for.
    pub fn columns(&self) -> &[PropertyTag] {
        &self.columns
    }

    /// The value of a property, by its tag's id: the type may differ from that of the column asked for.
    pub fn get(&self, tag: PropertyTag) -> Option<&PropertyValue> {
        self.row.value(self.position(tag)?)
    }

    /// The value in a column, counted from 0.
    pub fn at(&self, column: usize) -> Option<&PropertyValue> {
        self.row.value(column)
    }

    /// Why a property has no value here, such as [`ErrorCode::NOT_FOUND`], or
    /// [`ErrorCode::NOT_ENOUGH_MEMORY`] where the value is too large for a row and must be read as a
    /// stream.
    pub fn error(&self, tag: PropertyTag) -> Option<ErrorCode> {
        self.row.error(self.position(tag)?)
    }

    /// A string. Lone surrogates, which no Rust string can hold, come as U+FFFD; [`Row::get`] has them.
    pub fn text(&self, tag: PropertyTag) -> Option<String> {
        self.get(tag)?.as_text().map(|text| text.to_string_lossy().into_owned())
    }

    /// An integer of 16, 32 or 64 bits.
    pub fn integer(&self, tag: PropertyTag) -> Option<i64> {
        match self.get(tag)? {
            PropertyValue::Integer16(value) => Some(i64::from(*value)),
            PropertyValue::Integer32(value) => Some(i64::from(*value)),
            PropertyValue::Integer64(value) => Some(*value),
            _ => None,
        }
    }

    /// A Boolean.
    pub fn boolean(&self, tag: PropertyTag) -> Option<bool> {
        self.get(tag)?.as_bool()
    }

    /// A time, in units of 100 ns since 1601 ([`FileTime`]).
    pub fn time(&self, tag: PropertyTag) -> Option<FileTime> {
        self.get(tag)?.as_time()
    }

    /// Bytes.
    pub fn binary(&self, tag: PropertyTag) -> Option<&[u8]> {
        self.get(tag)?.as_binary()
    }

    /// Every column with its value, for those that have one.
    pub fn iter(&self) -> impl Iterator<Item = (PropertyTag, &PropertyValue)> {
        let value = |(index, tag): (usize, &PropertyTag)| Some((*tag, self.row.value(index)?));
        self.columns.iter().enumerate().filter_map(value)
    }

    /// The cells as they came, in the columns' order.
    pub fn into_cells(self) -> Vec<Cell> {
        self.row.into_cells()
    }

    fn position(&self, tag: PropertyTag) -> Option<usize> {
        self.columns.iter().position(|column| column.id() == tag.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mapi::tags;

    #[test]
    fn a_row_is_asked_by_tag_and_says_why_it_has_nothing() {
        let columns: Arc<[_]> = [tags::SUBJECT, tags::MESSAGE_SIZE, tags::BODY].into();
        let row = PropertyRow::from_cells(vec![
            Cell::Value("Hello".into()),
            Cell::Absent,
            Cell::Error(ErrorCode::NOT_ENOUGH_MEMORY),
        ]);
        let row = Row::new(columns, row);
        assert_eq!(row.text(tags::SUBJECT).as_deref(), Some("Hello"));
        assert_eq!(row.integer(tags::MESSAGE_SIZE), None);
        assert_eq!(row.error(tags::BODY), Some(ErrorCode::NOT_ENOUGH_MEMORY));
        assert_eq!(row.get(tags::DISPLAY_NAME), None);
        assert_eq!(row.iter().count(), 1);
    }
}
