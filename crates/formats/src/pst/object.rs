//! Nodes with a property context or a table ([MS-PST] 2.3.3, 2.3.4).

use std::cell::Cell;
use std::collections::HashSet;

use mapi::{PropertyBag, PropertyType, PropertyValue};

use super::heap::{self, Heap, HeapOrNode, u16_at, u32_at};
use super::ndb::{BlockId, Database, NodeId, Subnodes};
use crate::names::Names;
use crate::report::{Kind, Report};
use crate::values;

/// PidTagLtpRowId: the node that a row of a table stands for ([MS-PST] 2.3.4.4).
const ROW_ID: u16 = 0x67f2;
/// PidTagLtpRowVer.
const ROW_VERSION: u16 = 0x67f3;

/// How many bytes of values may be held at a time.
#[derive(Debug)]
pub struct Room {
    /// For one value.
    pub value: u64,
    /// For what is still to come of one message.
    pub left: Cell<u64>,
}

impl Room {
    fn take(&self, bytes: usize) -> Result<(), String> {
        let left = self.left.get().checked_sub(bytes as u64);
        self.left.set(left.ok_or("the message is larger than the limit")?);
        Ok(())
    }

    fn limit(&self) -> u64 {
        self.value.min(self.left.get())
    }
}

/// A node's heap, and the subnodes that large values stand in.
pub struct Object<'d> {
    db: &'d Database,
    heap: Heap,
    subnodes: Subnodes,
}

/// A property whose value is an object: the subnode, and its size as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectValue {
    pub node: NodeId,
}

/// The properties of an object, with 8-bit strings as they stand.
#[derive(Debug, Default)]
pub struct Properties {
    pub bag: PropertyBag,
    /// PtypObject properties by their ids.
    pub objects: Vec<(u16, ObjectValue)>,
    /// The ids of properties that were refused.
    pub refused: HashSet<u16>,
}

impl<'d> Object<'d> {
    /// Opens a node by its blocks; subnodes that cannot be read are noted in the report.
    pub fn open(
        db: &'d Database,
        data: BlockId,
        subnodes: BlockId,
        room: &Room,
        report: &mut Report,
    ) -> Result<Self, String> {
        let blocks = db.data(data, room.limit())?;
        let heap = Heap::new(blocks)?;
        let subnodes = db.subnodes(subnodes).unwrap_or_else(|why| {
            report.refuse(Kind::Structure, "subnodes", why);
            Subnodes::new()
        });
        Ok(Object { db, heap, subnodes })
    }

    pub fn subnodes(&self) -> &Subnodes {
        &self.subnodes
    }

    /// The bytes of a subnode.
    pub fn subnode_bytes(&self, id: NodeId, room: &Room) -> Result<Vec<u8>, String> {
        let subnode =
            self.subnodes.get(&id).ok_or_else(|| format!("the subnode {id} is missing"))?;
        let bytes = self.db.data(subnode.data, room.limit())?.concat();
        room.take(bytes.len())?;
        Ok(bytes)
    }

    /// Reads the property context ([MS-PST] 2.3.3), but for the properties in `without`.
    pub fn properties(
        &self,
        names: &Names,
        without: &[u16],
        room: &Room,
        report: &mut Report,
    ) -> Result<Properties, String> {
        if self.heap.client() != heap::PROPERTIES {
            return Err(format!("it holds no properties but {:#04x}", self.heap.client()));
        }
        let found = self.heap.records(self.heap.root(), 2, 6)?;
        for why in found.lost {
            report.refuse(Kind::Structure, "properties", why);
        }
        let mut properties = Properties::default();
        for (key, data) in found.records {
            let (id, kind) = (u16_at(key, 0).unwrap_or(0), u16_at(data, 0).unwrap_or(0));
            let value = u32_at(data, 2).unwrap_or(0).to_le_bytes();
            if without.contains(&id) {
                continue;
            }
            let cell = Cell4 { property_type: PropertyType(kind), bytes: value };
            self.take(id, cell, names, room, &mut properties, report);
        }
        Ok(properties)
    }

    /// One property's value, whatever else the object holds.
    pub fn value(&self, id: u16, room: &Room) -> Option<Result<Single, String>> {
        let found = match self.heap.records(self.heap.root(), 2, 6) {
            Ok(found) => found,
            Err(why) => return Some(Err(why)),
        };
        let (_, data) = found.records.into_iter().find(|(key, _)| u16_at(key, 0) == Some(id))?;
        let cell = Cell4 {
            property_type: PropertyType(u16_at(data, 0)?),
            bytes: u32_at(data, 2)?.to_le_bytes(),
        };
        Some(self.resolve(cell, room))
    }

    /// The rows of a table ([MS-PST] 2.3.4) in their order: the node that each stands for, and its cells.
    pub fn rows(
        &self,
        names: &Names,
        with_cells: bool,
        room: &Room,
        report: &mut Report,
        mut row: impl FnMut(NodeId, PropertyBag, Report),
    ) -> Result<(), String> {
        let table = Table::open(self)?;
        let found = table.rows(self, room, report)?;
        for (id, position) in &found.index {
            let mut of_row = Report::default();
            let mut properties = Properties::default();
            match found.row(*position, table.row_size) {
                Some(bytes) if with_cells => {
                    room.take(bytes.len())?;
                    table.cells(self, bytes, names, room, &mut properties, &mut of_row);
                }
                Some(_) => {}
                None => {
                    let what = format!("row {position} of node {id}");
                    report.refuse(Kind::Structure, what, "the table has fewer rows");
                    continue;
                }
            }
            row(*id, properties.bag, of_row);
        }
        Ok(())
    }

    fn take(
        &self,
        id: u16,
        cell: Cell4,
        names: &Names,
        room: &Room,
        properties: &mut Properties,
        report: &mut Report,
    ) {
        let Some(key) = names.key(id) else {
            let what = format!("property {id:#06x}");
            report.refuse(Kind::Property, what, "the file does not say what this id is called");
            return;
        };
        let what = || values::describe(&key, cell.property_type);
        if properties.bag.len() >= values::MAX_PROPERTIES {
            report.refuse(Kind::Property, what(), "the object has too many properties");
            return;
        }
        match self.resolve(cell, room) {
            Ok(Single::Value(value)) => {
                report.carry(Kind::Property);
                properties.bag.insert(key, value);
            }
            Ok(Single::Object(object)) => properties.objects.push((id, object)),
            Err(why) => {
                properties.refused.insert(id);
                report.refuse(Kind::Property, what(), why);
            }
        }
    }

    // [MS-PST] 2.3.3.3: values of up to four bytes stand in the record, others in the heap, values above
    // 3580 bytes in a subnode.
    fn resolve(&self, cell: Cell4, room: &Room) -> Result<Single, String> {
        let property_type = cell.property_type;
        if values::fixed_size(property_type).is_some_and(|size| size <= 4) {
            return values::whole(property_type, &cell.bytes).map(Single::Value);
        }
        let place = HeapOrNode(u32::from_le_bytes(cell.bytes));
        let bytes = match place {
            HeapOrNode(0) => Vec::new(),
            place if place.is_item() => {
                let item = self.heap.item(place)?;
                room.take(item.len())?;
                item.to_vec()
            }
            HeapOrNode(node) => self.subnode_bytes(NodeId(node), room)?,
        };
        match property_type {
            // [MS-PST] 2.3.3.5.
            PropertyType::OBJECT => {
                let node = u32_at(&bytes, 0).ok_or("the place of its object is cut off")?;
                Ok(Single::Object(ObjectValue { node: NodeId(node) }))
            }
            PropertyType::MULTIPLE_STRING
            | PropertyType::MULTIPLE_STRING8
            | PropertyType::MULTIPLE_BINARY => several(property_type, &bytes).map(Single::Value),
            _ => values::whole(property_type, &bytes).map(Single::Value),
        }
    }
}

/// A property's type and the four bytes that stand for its value.
#[derive(Clone, Copy)]
struct Cell4 {
    property_type: PropertyType,
    bytes: [u8; 4],
}

#[derive(Debug)]
pub enum Single {
    Value(PropertyValue),
    Object(ObjectValue),
}

// [MS-PST] 2.3.3.4.2: a count, the offset of each value, the values.
fn several(property_type: PropertyType, bytes: &[u8]) -> Result<PropertyValue, String> {
    if bytes.is_empty() {
        return values::several(property_type, std::iter::empty());
    }
    let count = u32_at(bytes, 0).ok_or("the count of its values is cut off")? as usize;
    if count > bytes.len() / 4 {
        return Err(format!("{count} values do not fit in {} bytes", bytes.len()));
    }
    let offset = |index: usize| match index == count {
        true => Some(bytes.len()),
        false => u32_at(bytes, 4 + 4 * index).map(|offset| offset as usize),
    };
    let mut parts = Vec::with_capacity(count);
    let mut total = 0;
    for index in 0..count {
        let (start, end) = (offset(index), offset(index + 1));
        let part = start.zip(end).and_then(|(start, end)| bytes.get(start..end));
        let part = part.ok_or_else(|| format!("its value {index} lies outside"))?;
        total += part.len();
        if total > bytes.len() {
            return Err("its values overlap".into());
        }
        parts.push(part);
    }
    values::several(property_type, parts.into_iter())
}

/// A column of a table ([MS-PST] 2.3.4.2 TCOLDESC).
struct Column {
    id: u16,
    property_type: PropertyType,
    offset: usize,
    size: usize,
    bit: usize,
}

struct Table {
    columns: Vec<Column>,
    /// Where the bits stand that tell which cells are there.
    bits: usize,
    row_size: usize,
    row_index: HeapOrNode,
    rows: HeapOrNode,
}

struct Rows {
    blocks: Vec<Vec<u8>>,
    index: Vec<(NodeId, u32)>,
}

impl Rows {
    /// Rows do not cross blocks ([MS-PST] 2.3.4.4), and all blocks but the last are of one size.
    fn row(&self, position: u32, row_size: usize) -> Option<&[u8]> {
        let in_block = (self.blocks.first()?.len() / row_size).max(1);
        let block = self.blocks.get(position as usize / in_block)?;
        let start = position as usize % in_block * row_size;
        block.get(start..start + row_size)
    }
}

impl Table {
    // [MS-PST] 2.3.4.1 TCINFO.
    fn open(object: &Object<'_>) -> Result<Table, String> {
        if object.heap.client() != heap::TABLE {
            return Err(format!("it holds no table but {:#04x}", object.heap.client()));
        }
        let info = object.heap.item(object.heap.root())?;
        let short = || "the header of its table is cut off".to_string();
        let [kind, count, ..] = *info else { return Err(short()) };
        if kind != heap::TABLE {
            return Err(format!("its table has the kind {kind:#04x}"));
        }
        let columns = info
            .get(22..22 + usize::from(count) * 8)
            .ok_or_else(short)?
            .as_chunks::<8>()
            .0
            .iter()
            .map(|c| Column {
                property_type: PropertyType(u16::from_le_bytes([c[0], c[1]])),
                id: u16::from_le_bytes([c[2], c[3]]),
                offset: usize::from(u16::from_le_bytes([c[4], c[5]])),
                size: usize::from(c[6]),
                bit: usize::from(c[7]),
            })
            .collect();
        let table = Table {
            columns,
            bits: usize::from(u16_at(info, 6).ok_or_else(short)?),
            row_size: usize::from(u16_at(info, 8).ok_or_else(short)?),
            row_index: HeapOrNode(u32_at(info, 10).ok_or_else(short)?),
            rows: HeapOrNode(u32_at(info, 14).ok_or_else(short)?),
        };
        match table.row_size < 4 || table.bits > table.row_size {
            true => Err(format!("its rows have {} bytes", table.row_size)),
            false => Ok(table),
        }
    }

    /// The rows that the row index names, in their order.
    // [MS-PST] 2.3.4.3, 2.3.4.4.
    fn rows(&self, object: &Object<'_>, room: &Room, report: &mut Report) -> Result<Rows, String> {
        let mut found = Rows { blocks: Vec::new(), index: Vec::new() };
        if self.rows.0 == 0 {
            return Ok(found);
        }
        found.blocks = match self.rows.is_item() {
            true => vec![object.heap.item(self.rows)?.to_vec()],
            false => {
                let id = NodeId(self.rows.0);
                let node = object.subnodes.get(&id);
                let node =
                    node.ok_or_else(|| format!("the subnode {id} of its rows is missing"))?;
                object.db.data(node.data, room.limit())?
            }
        };
        // The position has four bytes in Unicode files and two in ANSI files.
        let records = object.heap.records(self.row_index, 4, 4);
        match records.or_else(|_| object.heap.records(self.row_index, 4, 2)) {
            Ok(records) => {
                for why in records.lost {
                    report.refuse(Kind::Structure, "row index", why);
                }
                found.index.extend(records.records.iter().map(|(key, data)| {
                    let position = u32_at(data, 0).or(u16_at(data, 0).map(u32::from));
                    (NodeId(u32_at(key, 0).unwrap_or(0)), position.unwrap_or(u32::MAX))
                }));
            }
            Err(why) => {
                report.refuse(Kind::Structure, "row index", format!("{why}; all rows were read"));
                let rows = found.blocks.iter().flat_map(|b| b.chunks_exact(self.row_size));
                let ids = rows.map(|row| NodeId(u32_at(row, 0).unwrap_or(0)));
                found.index = ids.zip(0..).collect();
            }
        }
        found.index.sort_by_key(|(id, position)| (*position, *id));
        found.index.dedup();
        Ok(found)
    }

    fn cells(
        &self,
        object: &Object<'_>,
        row: &[u8],
        names: &Names,
        room: &Room,
        properties: &mut Properties,
        report: &mut Report,
    ) {
        for column in &self.columns {
            let bits = row.get(self.bits + column.bit / 8).copied().unwrap_or(0);
            if bits & 0x80 >> (column.bit % 8) == 0 || [ROW_ID, ROW_VERSION].contains(&column.id) {
                continue;
            }
            let Some(cell) = row.get(column.offset..column.offset + column.size) else {
                let what = format!("property {:#06x}", column.id);
                report.refuse(Kind::Property, what, "its column lies outside of the row");
                continue;
            };
            match cell.first_chunk::<4>() {
                // Values of eight bytes stand in the row itself.
                Some(place) if cell.len() == 4 => {
                    let cell = Cell4 { property_type: column.property_type, bytes: *place };
                    object.take(column.id, cell, names, room, properties, report);
                }
                _ => match (names.key(column.id), values::whole(column.property_type, cell)) {
                    (Some(key), Ok(value)) => {
                        report.carry(Kind::Property);
                        properties.bag.insert(key, value);
                    }
                    (_, value) => {
                        let why = value.err().unwrap_or("its id has no name".into());
                        report.refuse(Kind::Property, format!("property {:#06x}", column.id), why);
                    }
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_values_are_bounded_by_their_bytes() {
        let two = [2, 0, 0, 0, 12, 0, 0, 0, 13, 0, 0, 0, b'a', b'b', b'c'];
        assert_eq!(
            several(PropertyType::MULTIPLE_BINARY, &two).unwrap(),
            PropertyValue::MultipleBinary(vec![b"a".to_vec(), b"bc".to_vec()])
        );
        assert!(several(PropertyType::MULTIPLE_BINARY, &[0xff; 12]).is_err());
        let outside = [1, 0, 0, 0, 99, 0, 0, 0];
        assert!(several(PropertyType::MULTIPLE_BINARY, &outside).is_err());
        assert_eq!(
            several(PropertyType::MULTIPLE_STRING, &[]).unwrap(),
            PropertyValue::MultipleString(vec![])
        );
    }
}
