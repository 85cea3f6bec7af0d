//! Tables: what IMAPITable is ([MS-OXCTABL]).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mapi::{PropertyTag, Restriction, SortOrderSet, tags};
use mapi_rop::RopRequest;
use mapi_rop::parts::SizedRestriction;
use mapi_rop::table::{
    AsyncFlags, Bookmark, FindRowFlags, FindRowRequest, QueryRowsFlags, QueryRowsRequest,
    RestrictRequest, SeekRowRequest, SetColumnsRequest, SortTableRequest,
};

use crate::object::{ServerObject, answer};
use crate::{Error, Result, Row};

/// Where a seek or a search begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Before the first row.
    Beginning,
    /// At the cursor.
    Current,
    /// Behind the last row.
    End,
}

impl Origin {
    fn bookmark(self) -> Bookmark {
        match self {
            Origin::Beginning => Bookmark::Beginning,
            Origin::Current => Bookmark::Current,
            Origin::End => Bookmark::End,
        }
    }
}

/// A contents, hierarchy or attachment table. It has a cursor, which [`Table::query_rows`] moves.
///
/// ```
/// # #[cfg(feature = "loopback")] {
/// use mapi::{SortOrder, SortOrderSet, tags};
/// use mapi_session::{Profile, Session};
///
/// let session = Session::logon(Profile::in_memory("me@example.test")?)?;
/// let store = session.open_default_msg_store()?;
/// let folders = store.ipm_subtree()?.hierarchy_table()?;
/// for folder in folders.with_columns(&[tags::DISPLAY_NAME, tags::CONTENT_COUNT])?.rows() {
///     let folder = folder?;
///     println!("{:?}: {:?}", folder.text(tags::DISPLAY_NAME), folder.integer(tags::CONTENT_COUNT));
/// }
///
/// let newest_first = SortOrderSet::new(vec![SortOrder::descending(tags::MESSAGE_DELIVERY_TIME)]);
/// let messages = store.inbox()?.contents_table()?;
/// messages.set_columns(&[tags::SUBJECT])?;
/// messages.sort(&newest_first)?;
/// let first_ten = messages.query_rows(10)?;
/// # }
/// # Ok::<(), mapi_session::Error>(())
/// ```
pub struct Table {
    pub(crate) object: ServerObject,
    /// The columns that the server types its rows by.
    /// INVARIANT: locked for the length of a request that sets or uses them; the connection's lock is
    /// taken inside, never the other way about.
    columns: Mutex<Arc<[PropertyTag]>>,
    /// The columns of a program that chose none.
    defaults: &'static [PropertyTag],
}

/// The columns of a contents table for which none were chosen.
pub const CONTENTS_COLUMNS: [PropertyTag; 9] = [
    tags::MID,
    tags::SUBJECT,
    tags::SENDER_NAME,
    tags::DISPLAY_TO,
    tags::MESSAGE_DELIVERY_TIME,
    tags::MESSAGE_CLASS,
    tags::MESSAGE_FLAGS,
    tags::MESSAGE_SIZE,
    tags::HAS_ATTACHMENTS,
];

/// The columns of a hierarchy table for which none were chosen.
pub const HIERARCHY_COLUMNS: [PropertyTag; 7] = [
    tags::FOLDER_ID,
    tags::DISPLAY_NAME,
    tags::DEPTH,
    tags::CONTAINER_CLASS,
    tags::CONTENT_COUNT,
    tags::CONTENT_UNREAD_COUNT,
    tags::SUBFOLDERS,
];

/// The columns of an attachment table for which none were chosen.
pub const ATTACHMENT_COLUMNS: [PropertyTag; 5] = [
    tags::ATTACH_NUMBER,
    tags::ATTACH_METHOD,
    tags::ATTACH_LONG_FILENAME,
    tags::ATTACH_MIME_TAG,
    tags::ATTACH_SIZE,
];

/// How many rows the iterator asks for at once.
const AHEAD: u16 = 100;

impl Table {
    pub(crate) fn new(object: ServerObject, defaults: &'static [PropertyTag]) -> Self {
        Table { object, columns: Mutex::new(Arc::from([])), defaults }
    }

    /// Chooses the columns; the cursor stays. A program that chooses none gets [`CONTENTS_COLUMNS`],
    /// [`HIERARCHY_COLUMNS`] or [`ATTACHMENT_COLUMNS`] when it asks for rows.
    pub fn set_columns(&self, tags: &[PropertyTag]) -> Result<()> {
        self.choose(&mut self.lock_columns(), tags)
    }

    /// Makes sure that there are columns, for rows.
    fn chosen(&self) -> Result<MutexGuard<'_, Arc<[PropertyTag]>>> {
        let mut columns = self.lock_columns();
        if columns.is_empty() {
            self.choose(&mut columns, self.defaults)?;
        }
        Ok(columns)
    }

    fn choose(&self, columns: &mut Arc<[PropertyTag]>, tags: &[PropertyTag]) -> Result<()> {
        let request = SetColumnsRequest { flags: AsyncFlags::NONE, columns: tags.to_vec().into() };
        answer!(self.object.call(RopRequest::SetColumns(request)), SetColumns);
        *columns = tags.into();
        Ok(())
    }

    /// [`Table::set_columns`], to be chained.
    pub fn with_columns(self, tags: &[PropertyTag]) -> Result<Self> {
        self.set_columns(tags)?;
        Ok(self)
    }

    /// The columns as they are now; none if none were chosen and no rows asked for yet.
    pub fn columns(&self) -> Vec<PropertyTag> {
        self.lock_columns().to_vec()
    }

    /// All columns that the table could have.
    pub fn all_columns(&self) -> Result<Vec<PropertyTag>> {
        let request = RopRequest::QueryColumnsAll(Default::default());
        Ok(answer!(self.object.call(request), QueryColumnsAll).tags.items)
    }

    /// Shows only the rows that the restriction holds for; None shows all again. The cursor goes to the
    /// beginning.
    pub fn restrict(&self, restriction: Option<Restriction>) -> Result<()> {
        let restriction = SizedRestriction(restriction);
        let request = RestrictRequest { flags: AsyncFlags::NONE, restriction };
        answer!(self.object.call(RopRequest::Restrict(request)), Restrict);
        Ok(())
    }

    /// Sorts a contents table; the cursor goes to the beginning. Other tables have their own order
    /// ([MS-OXCTABL] 2.2.2.3).
    pub fn sort(&self, order: &SortOrderSet) -> Result<()> {
        let request = SortTableRequest { flags: AsyncFlags::NONE, order: order.clone() };
        answer!(self.object.call(RopRequest::SortTable(request)), SortTable);
        Ok(())
    }

    /// At most `most` rows from the cursor on (backwards to it, if negative); the cursor moves past them.
    /// Empty at the end of the table. An answer may hold fewer rows than there are, as far as fits.
    pub fn query_rows(&self, most: i32) -> Result<Vec<Row>> {
        let columns = self.chosen()?;
        let request = QueryRowsRequest {
            flags: QueryRowsFlags::NONE,
            forward_read: most >= 0,
            row_count: u16::try_from(most.unsigned_abs()).unwrap_or(u16::MAX),
        };
        let rows =
            answer!(self.object.call_with(RopRequest::QueryRows(request), &columns), QueryRows)
                .rows;
        Ok(rows.into_iter().map(|row| Row::new(columns.clone(), row)).collect())
    }

    /// The rows from the cursor on, asked for by the hundred as they are used. Ends after an error.
    pub fn rows(&self) -> Rows<'_> {
        Rows { table: self, ahead: Vec::new().into_iter(), ended: false }
    }

    /// Looks for a row from `origin` on, puts the cursor on it and returns it; None if there is none, and
    /// the cursor is then where the store left it.
    pub fn find_row(&self, restriction: Restriction, origin: Origin) -> Result<Option<Row>> {
        let columns = self.chosen()?;
        let request = FindRowRequest {
            flags: FindRowFlags::NONE,
            restriction: SizedRestriction(Some(restriction)),
            origin: origin.bookmark(),
            bookmark: Vec::new().into(),
        };
        match self.object.call_with(RopRequest::FindRow(request), &columns) {
            Err(Error::Code { code: mapi::ErrorCode::NOT_FOUND, .. }) => Ok(None),
            outcome => {
                let found = answer!(outcome, FindRow).row;
                Ok(found.map(|row| Row::new(columns.clone(), row)))
            }
        }
    }

    /// Moves the cursor by rows, backwards if negative, and returns by how many it moved.
    pub fn seek(&self, origin: Origin, rows: i32) -> Result<i32> {
        let request = SeekRowRequest {
            origin: origin.bookmark(),
            row_count: rows,
            want_row_moved_count: true,
        };
        Ok(answer!(self.object.call(RopRequest::SeekRow(request)), SeekRow).rows_sought)
    }

    /// The cursor's row, counted from 0, and the number of rows.
    pub fn position(&self) -> Result<(u32, u32)> {
        let request = RopRequest::QueryPosition(Default::default());
        let answer = answer!(self.object.call(request), QueryPosition);
        Ok((answer.numerator, answer.denominator))
    }

    /// How many rows the table has now.
    pub fn row_count(&self) -> Result<u32> {
        Ok(self.position()?.1)
    }

    /// Takes columns, restriction and sort order away, as they were when the table was opened.
    pub fn reset(&self) -> Result<()> {
        let mut columns = self.lock_columns();
        answer!(self.object.call(RopRequest::ResetTable(Default::default())), ResetTable);
        *columns = Arc::from([]);
        Ok(())
    }

    /// Releases the table and waits until that has been sent.
    pub fn close(self) -> Result<()> {
        self.object.close()
    }

    fn lock_columns(&self) -> MutexGuard<'_, Arc<[PropertyTag]>> {
        self.columns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The rows of a table from its cursor on; see [`Table::rows`].
pub struct Rows<'a> {
    table: &'a Table,
    ahead: std::vec::IntoIter<Row>,
    ended: bool,
}

impl Iterator for Rows<'_> {
    type Item = Result<Row>;

    fn next(&mut self) -> Option<Result<Row>> {
        if let Some(row) = self.ahead.next() {
            return Some(Ok(row));
        }
        if self.ended {
            return None;
        }
        match self.table.query_rows(i32::from(AHEAD)) {
            Ok(rows) => {
                self.ended = rows.is_empty();
                self.ahead = rows.into_iter();
                self.ahead.next().map(Ok)
            }
            Err(error) => {
                self.ended = true;
                Some(Err(error))
            }
        }
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").field("columns", &self.columns()).finish_non_exhaustive()
    }
}
