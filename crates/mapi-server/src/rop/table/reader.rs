//! Rows and positions of a table, whatever it shows.

use std::ops::Range;

use mapi::{Cell, ErrorCode, PropertyRow, PropertyTag, PropertyValue};
use mapi_rop::parts::Columns;

use crate::call::Call;
use crate::convert::{TextWish, cell_of, stored_tag, to_client, truncate};
use crate::error::Result;
use crate::handles::NodeId;
use crate::object::{Cursor, Object, Table, TableKind};
use crate::rop::{permission, rule};

/// Reads rows and positions of a table, whatever it shows.
pub(super) struct TableReader<'a> {
    pub(super) table: &'a Table,
    /// Of the message, for an attachment table.
    attachments: &'a [store::message::Attachment],
    /// Of a table of permissions or rules.
    listed: Vec<store::Properties>,
    call: &'a Call<'a>,
    wish: TextWish,
}

impl<'a> TableReader<'a> {
    pub(super) fn new(call: &'a Call<'_>, node: NodeId) -> Result<Self> {
        let Some(Object::Table(table)) = call.tree.get(node) else {
            return Err(ErrorCode::NOT_SUPPORTED.into());
        };
        let message = call.tree.owner(node).and_then(|owner| call.tree.get(owner));
        let (attachments, wish) = match message {
            Some(Object::Message(message)) => (
                message.edit.body.attachments.as_slice(),
                TextWish { unicode: table.unicode, code_page: message.code_page },
            ),
            _ => (&[][..], call.wish(table.unicode)),
        };
        let listed = match table.kind {
            TableKind::Permissions { folder, free_busy } => {
                permission::rows(&*call.mailbox()?, folder, free_busy)?
            }
            TableKind::Rules { folder } => rule::rows(&*call.mailbox()?, folder)?,
            TableKind::Contents | TableKind::Hierarchy | TableKind::Attachments => Vec::new(),
        };
        Ok(TableReader { table, attachments, listed, call, wish })
    }

    /// The columns of rows, if there are rows to be read.
    pub(super) fn columns(&self) -> Result<Columns> {
        self.table.need_columns()?;
        Ok(self.table.columns.clone().ok_or(ErrorCode::NULL_OBJECT)?)
    }

    pub(super) fn len(&self) -> Result<usize> {
        Ok(match &self.table.source {
            Some(source) => source.view.len()?,
            None => self.attachments.len().max(self.listed.len()),
        })
    }

    /// Another number when the rows of a folder's table changed.
    pub(super) fn changed(&self) -> Result<u64> {
        match &self.table.source {
            Some(source) => Ok(source.view.changed()?),
            None => Ok(0),
        }
    }

    /// Where the cursor stands.
    pub(super) fn position(&self) -> Result<usize> {
        Ok(self.locate(&self.table.cursor)?.0)
    }

    /// The position of the row that a cursor or bookmark names, or of the next row if that one is gone; and
    /// whether it is there.
    pub(super) fn locate(&self, cursor: &Cursor) -> Result<(usize, bool)> {
        Ok(match (cursor, &self.table.source) {
            (Cursor::Beginning, _) => (0, true),
            (Cursor::Row(key), Some(source)) => source.view.position_of(key)?,
            (Cursor::Attachment(number), _) => {
                match self.attachments.binary_search_by_key(number, |attachment| attachment.number)
                {
                    Ok(at) => (at, true),
                    Err(at) => (at, false),
                }
            }
            (Cursor::At(position), _) => (*position, *position < self.listed.len()),
            (Cursor::End | Cursor::Row(_), _) => (self.len()?, true),
        })
    }

    /// What names the row at a position; behind the last one, the end.
    pub(super) fn name_of(&self, position: usize) -> Result<Cursor> {
        let cursor = match &self.table.source {
            Some(source) => source.view.key_at(position)?.map(Cursor::Row),
            None if position < self.listed.len() => Some(Cursor::At(position)),
            None => self.attachments.get(position).map(|a| Cursor::Attachment(a.number)),
        };
        Ok(cursor.unwrap_or(Cursor::End))
    }

    /// The cursor that stands at a position.
    pub(super) fn cursor_at(&self, position: usize, len: usize) -> Result<Cursor> {
        if position == 0 {
            return Ok(Cursor::Beginning);
        }
        if position >= len {
            return Ok(Cursor::End);
        }
        self.name_of(position)
    }

    pub(super) fn rows(
        &self,
        range: Range<usize>,
        columns: &[PropertyTag],
    ) -> Result<Vec<PropertyRow>> {
        let Some(source) = &self.table.source else {
            if let Some(listed) = self.listed.get(range.clone()).filter(|rows| !rows.is_empty()) {
                return Ok(listed.iter().map(|row| self.listed_row(row, columns)).collect());
            }
            let attachments = self.attachments.get(range).unwrap_or_default();
            let row = |attachment| {
                PropertyRow::from_cells(
                    columns.iter().map(|tag| self.attachment_cell(attachment, *tag)).collect(),
                )
            };
            return Ok(attachments.iter().map(row).collect());
        };
        let stored: Vec<PropertyTag> = columns.iter().map(|tag| stored_tag(*tag)).collect();
        let mut rows = source.view.rows(range.start, range.len(), &stored)?;
        for row in &mut rows {
            permission::overlay_row(self.call, row.object, &stored, &mut row.cells)?;
        }
        Ok(rows.into_iter().map(|row| client_row(columns, row.cells, self.wish)).collect())
    }

    fn listed_row(&self, row: &store::Properties, columns: &[PropertyTag]) -> PropertyRow {
        let cell = |tag: &PropertyTag| match cell_of(row.get(*tag).cloned(), *tag, self.wish) {
            // A client gets what it set, whole (MS-OXORULE R450).
            Cell::Value(value) if matches!(self.table.kind, TableKind::Rules { .. }) => {
                Cell::Value(value)
            }
            Cell::Value(value) => Cell::Value(truncate(value)),
            other => other,
        };
        PropertyRow::from_cells(columns.iter().map(cell).collect())
    }

    fn attachment_cell(&self, attachment: &store::message::Attachment, tag: PropertyTag) -> Cell {
        let value = store::message::attachment_property(attachment, tag);
        match cell_of(value, tag, self.wish) {
            Cell::Value(value) => Cell::Value(truncate(value)),
            other => other,
        }
    }
}

/// A row as it goes to the client.
pub(crate) fn client_row(columns: &[PropertyTag], cells: Vec<Cell>, wish: TextWish) -> PropertyRow {
    let client_cell = |(tag, cell)| match cell {
        Cell::Value(value) => client_cell(value, tag, wish),
        // [MS-OXCDATA] 2.11.5: a property that the row does not have is an error with ecNotFound.
        Cell::Absent => Cell::Error(ErrorCode::NOT_FOUND),
        Cell::Error(code) => Cell::Error(code),
    };
    PropertyRow::from_cells(columns.iter().copied().zip(cells).map(client_cell).collect())
}

fn client_cell(value: PropertyValue, tag: PropertyTag, wish: TextWish) -> Cell {
    match to_client(value, tag, wish) {
        Ok(value) => Cell::Value(truncate(value)),
        Err(code) => Cell::Error(code),
    }
}
