//! [MS-OXCTABL]: tables.

mod basics;
mod bodies;
mod bookmarks;
mod categories;
mod rows;

use mapi::sort::Direction;
use mapi::{
    ErrorCode, FolderId, MessageId, PropertyRow, PropertyTag, Restriction, SortOrder, SortOrderSet,
    TaggedValue, tags,
};
use mapi_rop::folder::{DeleteMessagesRequest, TableFlags};
use mapi_rop::parts::SizedRestriction;
use mapi_rop::table::{
    AsyncFlags, Bookmark, BookmarkBody, CollapseRowRequest, CollapseStateBody, ExpandRowRequest,
    ExpandRowResponse, FindRowFlags, FindRowRequest, FindRowResponse, GetCollapseStateRequest,
    QueryRowsFlags, QueryRowsRequest, QueryRowsResponse, RestrictRequest, SeekRowBookmarkRequest,
    SeekRowBookmarkResponse, SeekRowFractionalRequest, SeekRowRequest, SeekRowResponse,
    SortTableRequest, TableStatus,
};
use mapi_rop::{Empty, Handle, RopRequest, RopResponse};
use store::SpecialFolder;
use testsuite::Result;
use testsuite::raw::{Answer, Client};
use testsuite::rig::{ME, Rig};

/// A client with one folder open, and a table of it.
pub struct Desk {
    pub client: Client,
    pub id: FolderId,
    pub folder: Handle,
    pub table: Handle,
}

/// Takes the body out of an answer.
macro_rules! answer {
    ($answer:expr, $kind:ident) => {
        match $answer {
            Ok(RopResponse::$kind(body)) => Ok(body),
            Ok(other) => panic!("{other:?}"),
            Err(code) => Err(code),
        }
    };
}
pub(crate) use answer;

impl Desk {
    /// The Inbox with messages of these values, and its contents table.
    pub fn with(rig: &Rig, messages: &[Vec<TaggedValue>]) -> Result<Desk> {
        let mut client = rig.client(ME)?;
        let id = SpecialFolder::Inbox.id();
        for values in messages {
            client.post(id, values).expect("a message");
        }
        let folder = client.open_folder(id).expect("the Inbox");
        let table = client.contents(folder, TableFlags::USE_UNICODE).expect("a contents table");
        Ok(Desk { client, id, folder, table })
    }

    /// The Inbox with messages "m0", "m1" and so on, sorted by subject, with the subject as the only column.
    pub fn sorted(rig: &Rig, count: usize) -> Result<Desk> {
        let mut desk = Desk::with(rig, &numbered(count))?;
        desk.set_columns(&[tags::SUBJECT]).expect("columns");
        desk.sort(&[SortOrder::ascending(tags::SUBJECT)]).expect("a sort");
        Ok(desk)
    }

    /// The hierarchy table of the mailbox's root instead of the contents table.
    pub fn hierarchy(rig: &Rig) -> Result<Desk> {
        let mut client = rig.client(ME)?;
        let id = SpecialFolder::IpmSubtree.id();
        let folder = client.open_folder(id).expect("the subtree");
        let flags = TableFlags::USE_UNICODE;
        let table = client.hierarchy(folder, flags).expect("a hierarchy table");
        Ok(Desk { client, id, folder, table })
    }

    pub fn call(&mut self, body: RopRequest) -> Answer {
        self.client.call(self.table, body)
    }

    /// The ROP on an object that is no table.
    pub fn on_folder(&mut self, body: RopRequest) -> Answer {
        self.client.call(self.folder, body)
    }

    pub fn set_columns(&mut self, columns: &[PropertyTag]) -> Answer<TableStatus> {
        self.client.set_columns(self.table, columns).map(|answer| answer.status)
    }

    pub fn sort(&mut self, orders: &[SortOrder]) -> Answer<TableStatus> {
        self.sort_set(SortOrderSet::new(orders.to_vec()))
    }

    pub fn sort_set(&mut self, order: SortOrderSet) -> Answer<TableStatus> {
        let request = SortTableRequest { flags: AsyncFlags::NONE, order };
        answer!(self.call(RopRequest::SortTable(request)), SortTable).map(|answer| answer.status)
    }

    pub fn restrict(&mut self, restriction: Option<Restriction>) -> Answer<TableStatus> {
        let restriction = SizedRestriction(restriction);
        let request = RestrictRequest { flags: AsyncFlags::NONE, restriction };
        answer!(self.call(RopRequest::Restrict(request)), Restrict).map(|answer| answer.status)
    }

    pub fn query(
        &mut self,
        flags: QueryRowsFlags,
        forward_read: bool,
        row_count: u16,
    ) -> Answer<QueryRowsResponse> {
        let request = QueryRowsRequest { flags, forward_read, row_count };
        answer!(self.call(RopRequest::QueryRows(request)), QueryRows)
    }

    /// The next rows.
    pub fn rows(&mut self, count: u16) -> Vec<PropertyRow> {
        self.query(QueryRowsFlags::NONE, true, count).expect("rows").rows
    }

    /// The first column of all rows from the beginning on; the cursor stands at the end.
    pub fn all(&mut self) -> Vec<String> {
        self.seek(Bookmark::Beginning, 0).expect("the beginning");
        texts(&self.rows(1_000))
    }

    pub fn seek(&mut self, origin: Bookmark, row_count: i32) -> Answer<SeekRowResponse> {
        let request = SeekRowRequest { origin, row_count, want_row_moved_count: true };
        answer!(self.call(RopRequest::SeekRow(request)), SeekRow)
    }

    pub fn seek_bookmark(
        &mut self,
        bookmark: &[u8],
        row_count: i32,
    ) -> Answer<SeekRowBookmarkResponse> {
        let request = SeekRowBookmarkRequest {
            bookmark: bookmark.to_vec().into(),
            row_count,
            want_row_moved_count: true,
        };
        answer!(self.call(RopRequest::SeekRowBookmark(request)), SeekRowBookmark)
    }

    pub fn seek_fraction(&mut self, numerator: u32, denominator: u32) -> Answer<()> {
        let request = SeekRowFractionalRequest { numerator, denominator };
        answer!(self.call(RopRequest::SeekRowFractional(request)), SeekRowFractional)
            .map(|Empty| ())
    }

    pub fn create_bookmark(&mut self) -> Answer<Vec<u8>> {
        answer!(self.call(RopRequest::CreateBookmark(Empty)), CreateBookmark)
            .map(|answer| answer.bookmark.bytes)
    }

    pub fn free_bookmark(&mut self, bookmark: &[u8]) -> Answer<()> {
        let request = BookmarkBody { bookmark: bookmark.to_vec().into() };
        answer!(self.call(RopRequest::FreeBookmark(request)), FreeBookmark).map(|Empty| ())
    }

    /// Where the cursor stands, and how many rows there are.
    pub fn position(&mut self) -> Answer<(u32, u32)> {
        answer!(self.call(RopRequest::QueryPosition(Empty)), QueryPosition)
            .map(|at| (at.numerator, at.denominator))
    }

    pub fn find(
        &mut self,
        origin: Bookmark,
        backward: bool,
        restriction: Option<Restriction>,
    ) -> Answer<FindRowResponse> {
        self.find_from(origin, &[], backward, restriction)
    }

    pub fn find_from(
        &mut self,
        origin: Bookmark,
        bookmark: &[u8],
        backward: bool,
        restriction: Option<Restriction>,
    ) -> Answer<FindRowResponse> {
        let request = FindRowRequest {
            flags: if backward { FindRowFlags::BACKWARDS } else { FindRowFlags::NONE },
            restriction: SizedRestriction(restriction),
            origin,
            bookmark: bookmark.to_vec().into(),
        };
        answer!(self.call(RopRequest::FindRow(request)), FindRow)
    }

    pub fn expand(&mut self, category: i64, max_row_count: u16) -> Answer<ExpandRowResponse> {
        let request = ExpandRowRequest { max_row_count, category: category as u64 };
        answer!(self.call(RopRequest::ExpandRow(request)), ExpandRow)
    }

    pub fn collapse(&mut self, category: i64) -> Answer<u32> {
        let request = CollapseRowRequest { category: category as u64 };
        answer!(self.call(RopRequest::CollapseRow(request)), CollapseRow)
            .map(|answer| answer.collapsed_row_count)
    }

    pub fn collapse_state(&mut self, row: i64, row_instance: u32) -> Answer<Vec<u8>> {
        let request = GetCollapseStateRequest { row: row as u64, row_instance };
        answer!(self.call(RopRequest::GetCollapseState(request)), GetCollapseState)
            .map(|answer| answer.state.bytes)
    }

    pub fn set_collapse_state(&mut self, state: &[u8]) -> Answer<Vec<u8>> {
        let request = CollapseStateBody { state: state.to_vec().into() };
        answer!(self.call(RopRequest::SetCollapseState(request)), SetCollapseState)
            .map(|answer| answer.bookmark.bytes)
    }

    pub fn reset(&mut self) -> Answer<()> {
        answer!(self.call(RopRequest::ResetTable(Empty)), ResetTable).map(|Empty| ())
    }

    /// The MID of the message with a subject.
    pub fn message(&mut self, subject: &str) -> MessageId {
        let table = self.client.contents(self.folder, TableFlags::USE_UNICODE).expect("a table");
        self.client.set_columns(table, &[tags::SUBJECT, tags::MID]).expect("columns");
        let rows = self.client.query_rows(table, 1_000).expect("rows").rows;
        self.client.release(table);
        let row = rows.iter().find(|row| text(row, 0) == subject).expect("the message");
        MessageId::from_i64(row.value(1).and_then(|value| value.as_i64()).expect("an id"))
    }

    /// Deletes the message with a subject.
    pub fn delete(&mut self, subject: &str) {
        let request = DeleteMessagesRequest {
            want_asynchronous: false,
            notify_non_read: false,
            messages: vec![self.message(subject)].into(),
        };
        self.on_folder(RopRequest::DeleteMessages(request)).expect("a deletion");
    }
}

/// Messages "m0", "m1" and so on, with the number as importance modulo 3.
pub fn numbered(count: usize) -> Vec<Vec<TaggedValue>> {
    let values = |number: usize| {
        vec![
            TaggedValue::new(tags::SUBJECT, format!("m{number}")),
            TaggedValue::new(tags::IMPORTANCE, (number % 3) as i32),
        ]
    };
    (0..count).map(values).collect()
}

/// A sort order with categories.
pub fn categorised(orders: &[SortOrder], categories: u16, expanded: u16) -> SortOrderSet {
    SortOrderSet { orders: orders.to_vec(), categories, expanded }
}

pub fn order(tag: PropertyTag, direction: Direction) -> SortOrder {
    SortOrder { tag, direction }
}

/// A column of a row as text; empty if it has none.
pub fn text(row: &PropertyRow, column: usize) -> String {
    row.value(column)
        .and_then(|value| value.as_text())
        .map_or_else(String::new, |text| text.to_string_lossy().into_owned())
}

/// The first column of rows.
pub fn texts(rows: &[PropertyRow]) -> Vec<String> {
    rows.iter().map(|row| text(row, 0)).collect()
}

/// The text that a found row shows.
pub fn found(answer: Answer<FindRowResponse>) -> Answer<String> {
    answer.map(|found| found.row.map_or_else(String::new, |row| text(&row, 0)))
}

pub fn equals(tag: PropertyTag, value: impl Into<mapi::PropertyValue>) -> Restriction {
    Restriction::Property {
        relation: mapi::restriction::Relation::Equal,
        tag,
        value: TaggedValue::new(tag, value),
    }
}

pub const NULL_OBJECT: ErrorCode = ErrorCode(0x0000_04b9);
pub const NOT_SUPPORTED: ErrorCode = ErrorCode(0x8004_0102);
pub const NOT_FOUND: ErrorCode = ErrorCode(0x8004_010f);
pub const INVALID_BOOKMARK: ErrorCode = ErrorCode(0x8004_0405);
pub const INVALID_PARAMETER: ErrorCode = ErrorCode(0x8007_0057);
pub const NOT_COLLAPSED: ErrorCode = ErrorCode(0x0000_04f8);
pub const NOT_EXPANDED: ErrorCode = ErrorCode(0x0000_04f7);

/// A column of a row as a number.
pub fn number(row: &PropertyRow, column: usize) -> i64 {
    let value = row.value(column);
    value
        .and_then(|value| value.as_i64().or_else(|| value.as_i32().map(i64::from)))
        .unwrap_or_else(|| panic!("column {column} of {row:?} is no number"))
}
