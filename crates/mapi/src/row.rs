//! Rows of properties ([MS-OXCDATA] 2.8), typed by columns that were agreed before, and single values
//! with their type or tag in front ([MS-OXCDATA] 2.11.3 to 2.11.7).

use crate::error::ErrorCode;
use crate::tag::{PropertyTag, PropertyType};
use crate::value::{CountWidth, PropertyValue};
use crate::wire::{Reader, Wire, WireError, WireWith};

/// One column's content in a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Value(PropertyValue),
    /// The property has no value in this row, and that is no error.
    Absent,
    /// Why the property has no value here: not found, too big for this buffer, ...
    Error(ErrorCode),
}

/// A PropertyRow ([MS-OXCDATA] 2.8.1): the values of the columns, in the columns' order. The context is
/// the columns: tags of SetColumns or of the request. A column of type PtypUnspecified takes a value of
/// any type, and the wire names the type before each value.
///
/// The bytes stay readable whatever a row holds: when written, a row that lacks a column's value, or has
/// one of a type that is not the column's, or one too long for its count, becomes a flagged row with an
/// error in that place.
#[derive(Debug, Clone, PartialEq)]
pub enum PropertyRow {
    /// [MS-OXCDATA] 2.8.1.1: every column has a value.
    Standard(Vec<PropertyValue>),
    /// [MS-OXCDATA] 2.8.1.2: a flag before each column says whether a value, nothing or an error follows.
    Flagged(Vec<Cell>),
}

impl PropertyRow {
    /// The standard form if every cell has a value, else the flagged one.
    pub fn from_cells(cells: Vec<Cell>) -> Self {
        if !cells.iter().all(|cell| matches!(cell, Cell::Value(_))) {
            return PropertyRow::Flagged(cells);
        }
        let value = |cell| match cell {
            Cell::Value(value) => Some(value),
            Cell::Absent | Cell::Error(_) => None,
        };
        PropertyRow::Standard(cells.into_iter().filter_map(value).collect())
    }

    pub fn into_cells(self) -> Vec<Cell> {
        match self {
            PropertyRow::Standard(values) => values.into_iter().map(Cell::Value).collect(),
            PropertyRow::Flagged(cells) => cells,
        }
    }

    pub fn len(&self) -> usize {
        match self {
            PropertyRow::Standard(values) => values.len(),
            PropertyRow::Flagged(cells) => cells.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a column, if the row has one there.
    pub fn value(&self, column: usize) -> Option<&PropertyValue> {
        match self {
            PropertyRow::Standard(values) => values.get(column),
            PropertyRow::Flagged(cells) => match cells.get(column)? {
                Cell::Value(value) => Some(value),
                Cell::Absent | Cell::Error(_) => None,
            },
        }
    }

    /// Why a column has no value, if the row says so.
    pub fn error(&self, column: usize) -> Option<ErrorCode> {
        match self {
            PropertyRow::Flagged(cells) => match cells.get(column)? {
                Cell::Error(code) => Some(*code),
                Cell::Value(_) | Cell::Absent => None,
            },
            PropertyRow::Standard(_) => None,
        }
    }
}

const STANDARD_ROW: u8 = 0x00;
const FLAGGED_ROW: u8 = 0x01;

// [MS-OXCDATA] 2.11.5: the flag before a value of a flagged row.
const VALUE_FOLLOWS: u8 = 0x00;
const NO_VALUE: u8 = 0x01;
const ERROR_FOLLOWS: u8 = 0x0a;

impl WireWith<[PropertyTag]> for PropertyRow {
    fn read_with(r: &mut Reader<'_>, columns: &[PropertyTag]) -> Result<Self, WireError> {
        match u8::read(r)? {
            STANDARD_ROW => {
                check_empty_columns(r, columns)?;
                let value = |tag: &PropertyTag| read_value(r, *tag);
                Ok(PropertyRow::Standard(columns.iter().map(value).collect::<Result<_, _>>()?))
            }
            FLAGGED_ROW => {
                let cell = |tag: &PropertyTag| read_flagged(r, *tag);
                Ok(PropertyRow::Flagged(columns.iter().map(cell).collect::<Result<_, _>>()?))
            }
            flag => Err(r.bad("the flag of a standard or a flagged row", u64::from(flag), 1)),
        }
    }

    fn write_with(&self, w: &mut Vec<u8>, columns: &[PropertyTag]) {
        if let PropertyRow::Standard(values) = self
            && values.len() >= columns.len()
            && columns.iter().zip(values).all(|(tag, value)| misfit(*tag, value).is_none())
        {
            w.push(STANDARD_ROW);
            columns.iter().zip(values).for_each(|(tag, value)| write_value(w, *tag, value));
            return;
        }
        w.push(FLAGGED_ROW);
        for (column, tag) in columns.iter().enumerate() {
            match self {
                PropertyRow::Standard(values) => {
                    let missing = ErrorCode::NOT_FOUND;
                    write_flagged(w, *tag, values.get(column).ok_or(Some(missing)));
                }
                PropertyRow::Flagged(cells) => write_flagged(w, *tag, of_cell(cells.get(column))),
            }
        }
    }
}

/// The most columns of a row whose values take no bytes.
const MAX_EMPTY_COLUMNS: usize = 32;

/// Values of PtypNull and PtypObject take no bytes, so that a buffer of 64 KB could make thousands of rows
/// with thousands of them.
fn check_empty_columns(r: &Reader<'_>, columns: &[PropertyTag]) -> Result<(), WireError> {
    let is_empty = |tag: &&PropertyTag| {
        matches!(column_type(**tag), PropertyType::NULL | PropertyType::OBJECT)
    };
    let count = columns.iter().filter(is_empty).count();
    match count > MAX_EMPTY_COLUMNS {
        true => Err(r.bad("at most 32 columns without a value's bytes", count as u64, 1)),
        false => Ok(()),
    }
}

/// A cell as the writer needs it: the value, or the error, or neither.
fn of_cell(cell: Option<&Cell>) -> Result<&PropertyValue, Option<ErrorCode>> {
    match cell {
        Some(Cell::Value(value)) => Ok(value),
        Some(Cell::Absent) => Err(None),
        Some(Cell::Error(code)) => Err(Some(*code)),
        None => Err(Some(ErrorCode::NOT_FOUND)),
    }
}

/// The type that a column's values have on the wire. A column of instances of a multi-value property
/// carries single values ([MS-OXCTABL] 2.2.2.2.1.1).
pub fn column_type(tag: PropertyTag) -> PropertyType {
    let kind = tag.property_type();
    match kind.0 & PropertyType::MULTI_VALUE_INSTANCE {
        0 => kind,
        _ => {
            PropertyType(kind.0 & !(PropertyType::MULTI_VALUE | PropertyType::MULTI_VALUE_INSTANCE))
        }
    }
}

/// Why a value cannot stand in a column on the wire, if it cannot.
fn misfit(tag: PropertyTag, value: &PropertyValue) -> Option<ErrorCode> {
    let kind = column_type(tag);
    if kind != PropertyType::UNSPECIFIED && kind != value.property_type() {
        return Some(ErrorCode::UNEXPECTED_TYPE);
    }
    if !value.fits_counts(CountWidth::Two) {
        // What is too long for the response is read as a stream ([MS-OXCDATA] 2.4.2 R2052).
        return Some(ErrorCode::NOT_ENOUGH_MEMORY);
    }
    match value {
        // Kept as bytes, perhaps from where counts are wider: they must end where they say.
        PropertyValue::Restriction(bytes) | PropertyValue::RuleAction(bytes) => {
            let mut r = Reader::new(bytes);
            let read = PropertyValue::read_typed(&mut r, value.property_type(), CountWidth::Two);
            match read.is_ok() && r.is_empty() {
                true => None,
                false => Some(ErrorCode::CORRUPT_DATA),
            }
        }
        _ => None,
    }
}

fn read_value(r: &mut Reader<'_>, tag: PropertyTag) -> Result<PropertyValue, WireError> {
    match column_type(tag) {
        PropertyType::UNSPECIFIED => Ok(TypedValue::read(r)?.0),
        kind => PropertyValue::read_typed(r, kind, CountWidth::Two),
    }
}

fn write_value(w: &mut Vec<u8>, tag: PropertyTag, value: &PropertyValue) {
    if column_type(tag) == PropertyType::UNSPECIFIED {
        value.property_type().write(w);
    }
    value.write_typed(w, CountWidth::Two);
}

/// A FlaggedPropertyValue ([MS-OXCDATA] 2.11.5), or with its type ([MS-OXCDATA] 2.11.6) if the column
/// leaves the type open.
fn read_flagged(r: &mut Reader<'_>, tag: PropertyTag) -> Result<Cell, WireError> {
    let kind = match column_type(tag) {
        PropertyType::UNSPECIFIED => PropertyType::read(r)?,
        kind => kind,
    };
    match u8::read(r)? {
        VALUE_FOLLOWS => Ok(Cell::Value(PropertyValue::read_typed(r, kind, CountWidth::Two)?)),
        NO_VALUE => Ok(Cell::Absent),
        ERROR_FOLLOWS => Ok(Cell::Error(ErrorCode::read(r)?)),
        flag => Err(r.bad("the flag of a property value", u64::from(flag), 1)),
    }
}

fn write_flagged(
    w: &mut Vec<u8>,
    tag: PropertyTag,
    value: Result<&PropertyValue, Option<ErrorCode>>,
) {
    let value = value.and_then(|value| match misfit(tag, value) {
        None => Ok(value),
        error => Err(error),
    });
    if column_type(tag) == PropertyType::UNSPECIFIED {
        let kind = match value {
            Ok(value) => value.property_type(),
            Err(Some(_)) => PropertyType::ERROR_CODE,
            Err(None) => PropertyType::UNSPECIFIED,
        };
        kind.write(w);
    }
    match value {
        Ok(value) => {
            w.push(VALUE_FOLLOWS);
            value.write_typed(w, CountWidth::Two);
        }
        Err(None) => w.push(NO_VALUE),
        Err(Some(code)) => {
            w.push(ERROR_FOLLOWS);
            code.write(w);
        }
    }
}

/// A TypedPropertyValue ([MS-OXCDATA] 2.11.3): the type, then the value.
#[derive(Debug, Clone, PartialEq)]
pub struct TypedValue(pub PropertyValue);

impl Wire for TypedValue {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let kind = PropertyType::read(r)?;
        Ok(TypedValue(PropertyValue::read_typed(r, kind, CountWidth::Two)?))
    }
    fn write(&self, w: &mut Vec<u8>) {
        self.0.property_type().write(w);
        self.0.write_typed(w, CountWidth::Two);
    }
}

/// A TaggedPropertyValue ([MS-OXCDATA] 2.11.4): the tag, then a value of the tag's type.
#[derive(Debug, Clone, PartialEq)]
pub struct TaggedValue {
    pub tag: PropertyTag,
    pub value: PropertyValue,
}

impl TaggedValue {
    pub fn new(tag: PropertyTag, value: impl Into<PropertyValue>) -> Self {
        TaggedValue { tag, value: value.into() }
    }

    pub fn read_as(r: &mut Reader<'_>, width: CountWidth) -> Result<Self, WireError> {
        let tag = PropertyTag::read(r)?;
        Ok(TaggedValue { tag, value: PropertyValue::read_typed(r, column_type(tag), width)? })
    }

    /// A value of another type than the tag's goes out with the tag changed to its type, so that the
    /// bytes stay readable.
    pub fn write_as(&self, w: &mut Vec<u8>, width: CountWidth) {
        match column_type(self.tag) == self.value.property_type() {
            true => self.tag.write(w),
            false => self.tag.with_type(self.value.property_type()).write(w),
        }
        self.value.write_typed(w, width);
    }
}

impl Wire for TaggedValue {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Self::read_as(r, CountWidth::Two)
    }
    fn write(&self, w: &mut Vec<u8>) {
        self.write_as(w, CountWidth::Two);
    }
}

wire_struct! {
    /// What went wrong with one property of a request ([MS-OXCDATA] 2.7).
    #[derive(Copy, Eq)]
    pub struct PropertyProblem {
        /// Where the property stood in the request's array.
        pub index: u16,
        pub tag: PropertyTag,
        pub error: ErrorCode,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: PropertyTag = PropertyTag::new(0x3001_001F);
    const SIZE: PropertyTag = PropertyTag::new(0x0E08_0003);
    const OPEN: PropertyTag = PropertyTag::new(0x3001_0000);

    fn written(row: &PropertyRow, columns: &[PropertyTag]) -> Vec<u8> {
        let mut w = Vec::new();
        row.write_with(&mut w, columns);
        w
    }

    fn read(bytes: &[u8], columns: &[PropertyTag]) -> PropertyRow {
        let mut r = Reader::new(bytes);
        let row = PropertyRow::read_with(&mut r, columns).expect("a valid row");
        assert!(r.is_empty());
        row
    }

    #[test]
    fn a_standard_row_has_bare_values() {
        let row = PropertyRow::Standard(vec!["a".into(), 7.into()]);
        let bytes = written(&row, &[NAME, SIZE]);
        assert_eq!(bytes, [0, 97, 0, 0, 0, 7, 0, 0, 0]);
        assert_eq!(read(&bytes, &[NAME, SIZE]), row);
    }

    #[test]
    fn a_flagged_row_has_errors_and_holes() {
        let row = PropertyRow::from_cells(vec![
            Cell::Error(ErrorCode::NOT_FOUND),
            Cell::Value(7.into()),
            Cell::Absent,
        ]);
        let bytes = written(&row, &[NAME, SIZE, OPEN]);
        assert_eq!(bytes, [1, 0x0a, 0x0f, 1, 4, 0x80, 0, 7, 0, 0, 0, 0, 0, 1]);
        assert_eq!(read(&bytes, &[NAME, SIZE, OPEN]), row);
    }

    #[test]
    fn an_open_column_names_the_type() {
        let row = PropertyRow::Standard(vec![true.into()]);
        let bytes = written(&row, &[OPEN]);
        assert_eq!(bytes, [0, 0x0b, 0, 1]);
        assert_eq!(read(&bytes, &[OPEN]), row);
    }

    #[test]
    fn a_value_of_the_wrong_type_becomes_an_error() {
        let row = PropertyRow::Standard(vec![7.into()]);
        let bytes = written(&row, &[NAME, SIZE]);
        let row = read(&bytes, &[NAME, SIZE]);
        assert_eq!(row.error(0), Some(ErrorCode::UNEXPECTED_TYPE));
        assert_eq!(row.error(1), Some(ErrorCode::NOT_FOUND));
    }

    #[test]
    fn a_value_too_long_for_its_count_becomes_an_error() {
        let column = PropertyTag::new(0x1013_0102);
        let row = PropertyRow::Standard(vec![vec![0; 0x1_0000].into()]);
        let row = read(&written(&row, &[column]), &[column]);
        assert_eq!(row.error(0), Some(ErrorCode::NOT_ENOUGH_MEMORY));
    }

    #[test]
    fn rule_actions_of_another_form_become_an_error() {
        let column = PropertyTag::new(0x6680_00FE);
        let extended = PropertyValue::RuleAction(vec![1, 0, 0, 0, 2, 0, 0, 0, 7, 7]);
        let row = PropertyRow::Standard(vec![extended]);
        let row = read(&written(&row, &[column]), &[column]);
        assert_eq!(row.error(0), Some(ErrorCode::CORRUPT_DATA));
    }

    #[test]
    fn rows_of_nothing_are_bounded() {
        let columns = vec![PropertyTag::new(0x3001_0001); 33];
        assert!(PropertyRow::read_with(&mut Reader::new(&[0; 8]), &columns).is_err());
        assert!(PropertyRow::read_with(&mut Reader::new(&[0; 8]), &columns[..32]).is_ok());
    }

    #[test]
    fn instances_of_a_multi_value_column_are_single() {
        let column = PropertyTag::new(0x8001_301F);
        let row = PropertyRow::Standard(vec!["red".into()]);
        assert_eq!(read(&written(&row, &[column]), &[column]), row);
    }
}
