//! Tables, and answers that have to fit: over the processor, without a socket.

mod support;

use std::sync::Arc;

use mapi::restriction::{FuzzyLevel, Relation};
use mapi::wire::Counted;
use mapi::{
    ErrorCode, PropertyRow, PropertyTag, PropertyType, Restriction, SortOrder, SortOrderSet,
    TaggedValue, tags,
};
use mapi_rop::buffer::write_requests;
use mapi_rop::ext::{Packing, read_payloads, write_payloads};
use mapi_rop::folder::{GetTableRequest, TableFlags};
use mapi_rop::http::ExecuteFlags;
use mapi_rop::message::SaveFlags;
use mapi_rop::parts::SizedRestriction;
use mapi_rop::property::GetPropertiesAllRequest;
use mapi_rop::table::{
    AsyncFlags, Bookmark, FindRowFlags, FindRowRequest, QueryRowsFlags, QueryRowsRequest,
    RestrictRequest, SeekRowRequest, SortTableRequest, TableStatus,
};
use mapi_rop::{
    Empty, Handle, HandleIndex, LogonId, Request, ResponseContext, RopId, RopRequest, RopResponse,
};
use mapi_server::{ExecuteError, Limits, Options, Processor};
use store::SpecialFolder;
use support::{Client, processor};
use testsuite::raw::code;

/// An inbox with messages "m00", "m01" and so on.
fn start(messages: usize) -> (Arc<Processor>, Client, Handle) {
    let (processor, accounts) = processor(1, Options::default());
    let mut client = Client::connect(&processor, &accounts[0]);
    for number in 0..messages {
        let message = client.create_message(SpecialFolder::Inbox.id());
        client.set(message, tags::SUBJECT, format!("m{number:02}"));
        client.set(message, tags::IMPORTANCE, (number % 3) as i32);
        client.save(message, SaveFlags::KEEP_OPEN_READ_WRITE).expect("a save");
        client.release(message);
    }
    let folder = client.inbox();
    let table = client.contents(folder);
    (processor, client, table)
}

fn sort(client: &mut Client, table: Handle, tag: PropertyTag, down: bool) -> Result<(), ErrorCode> {
    let order = match down {
        true => SortOrder::descending(tag),
        false => SortOrder::ascending(tag),
    };
    let order = SortOrderSet { orders: vec![order], categories: 0, expanded: 0 };
    let request = SortTableRequest { flags: AsyncFlags::NONE, order };
    client.call(table, RopRequest::SortTable(request)).map(drop)
}

fn subjects(rows: &[PropertyRow]) -> Vec<String> {
    let text = |row: &PropertyRow| row.value(0).and_then(|v| v.as_text()).cloned();
    rows.iter().filter_map(text).map(|t| t.to_string_lossy().into_owned()).collect()
}

#[test]
fn columns_are_checked_and_needed() {
    let (_processor, mut client, table) = start(1);
    // MS-OXCTABL R476, R428
    assert_eq!(client.rows(table, true, 10).err(), Some(ErrorCode::NULL_OBJECT));
    let find = FindRowRequest {
        flags: FindRowFlags::NONE,
        restriction: SizedRestriction(None),
        origin: Bookmark::Beginning,
        bookmark: Vec::new().into(),
    };
    let found = client.call(table, RopRequest::FindRow(find));
    assert_eq!(found, Err(ErrorCode::NULL_OBJECT));
    // MS-OXCTABL R435, R49
    let invalid = Err(ErrorCode::INVALID_PARAMETER);
    let open = tags::SUBJECT.with_type(PropertyType::UNSPECIFIED);
    assert_eq!(client.set_columns(table, &[tags::MID, open]), invalid);
    let error = tags::SUBJECT.with_type(PropertyType::ERROR_CODE);
    assert_eq!(client.set_columns(table, &[error]), invalid);
    assert_eq!(client.set_columns(table, &[PropertyTag::new(0x0037_7777)]), invalid);
    assert_eq!(client.set_columns(table, &[]), invalid);
    assert_eq!(client.set_columns(table, &[tags::SUBJECT]).map(drop), Ok(()));
    // MS-OXCTABL R429
    assert_eq!(client.set_columns(table, &[open]), invalid);
    assert_eq!(client.rows(table, true, 10).err(), Some(ErrorCode::NULL_OBJECT));
    // MS-OXCTABL R436: not on a folder.
    let folder = client.inbox();
    let on_folder = client.set_columns(folder, &[tags::SUBJECT]);
    assert_eq!(on_folder, Err(ErrorCode::NOT_SUPPORTED));
}

#[test]
fn rows_are_read_both_ways() {
    let (_processor, mut client, table) = start(5);
    client.set_columns(table, &[tags::SUBJECT]).expect("columns");
    sort(&mut client, table, tags::SUBJECT, false).expect("a sort");
    let first = client.rows(table, true, 2).expect("rows");
    // MS-OXCTABL R726, R725
    assert_eq!(first.origin, Bookmark::Current);
    assert_eq!(subjects(&first.rows), ["m00", "m01"]);
    let rest = client.rows(table, true, 10).expect("rows");
    assert_eq!(rest.origin, Bookmark::End);
    assert_eq!(subjects(&rest.rows), ["m02", "m03", "m04"]);
    let none = client.rows(table, true, 10).expect("rows");
    assert_eq!((none.rows.len(), none.origin), (0, Bookmark::End));
    // MS-OXCTABL R469: the rows before the cursor, in their order.
    let back = client.rows(table, false, 2).expect("rows");
    assert_eq!(subjects(&back.rows), ["m03", "m04"]);
    assert_eq!(back.origin, Bookmark::Current);
    let back = client.rows(table, false, 10).expect("rows");
    assert_eq!(subjects(&back.rows), ["m00", "m01", "m02"]);
    // MS-OXCTABL R897: as Exchange answers when there are no more rows that way.
    assert_eq!(back.origin, Bookmark::End);
    // MS-OXCTABL R470
    let request =
        QueryRowsRequest { flags: QueryRowsFlags::NO_ADVANCE, forward_read: true, row_count: 3 };
    client.call(table, RopRequest::QueryRows(request)).expect("rows");
    match client.call(table, RopRequest::QueryPosition(Empty)) {
        Ok(RopResponse::QueryPosition(at)) => assert_eq!((at.numerator, at.denominator), (0, 5)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_cursor_moves_and_says_how_far() {
    let (_processor, mut client, table) = start(5);
    client.set_columns(table, &[tags::SUBJECT]).expect("columns");
    sort(&mut client, table, tags::SUBJECT, true).expect("a sort");
    let mut seek = |origin, row_count| {
        let request = SeekRowRequest { origin, row_count, want_row_moved_count: true };
        match client.call(table, RopRequest::SeekRow(request)) {
            Ok(RopResponse::SeekRow(answer)) => Ok((answer.has_sought_less, answer.rows_sought)),
            Ok(other) => panic!("{other:?}"),
            Err(code) => Err(code),
        }
    };
    assert_eq!(seek(Bookmark::Beginning, 2), Ok((false, 2)));
    assert_eq!(seek(Bookmark::Current, 1), Ok((false, 1)));
    // MS-OXCTABL R497
    assert_eq!(seek(Bookmark::Current, 9), Ok((true, 2)));
    assert_eq!(seek(Bookmark::End, -9), Ok((true, -5)));
    assert_eq!(seek(Bookmark::End, -1), Ok((false, -1)));
    assert_eq!(seek(Bookmark::Custom, 0), Err(ErrorCode::INVALID_PARAMETER));
    let rows = client.rows(table, true, 10).expect("rows");
    assert_eq!(subjects(&rows.rows), ["m00"]);
}

#[test]
fn a_cursor_names_a_row_and_not_a_position() {
    let (_processor, mut client, table) = start(4);
    client.set_columns(table, &[tags::SUBJECT, tags::MID]).expect("columns");
    sort(&mut client, table, tags::SUBJECT, false).expect("a sort");
    let rows = client.rows(table, true, 2).expect("rows").rows;
    let first = rows[0].value(1).and_then(|v| v.as_i64()).expect("an id");
    let folder = client.inbox();
    let delete = mapi_rop::folder::DeleteMessagesRequest {
        want_asynchronous: false,
        notify_non_read: false,
        messages: Counted::from(vec![mapi::MessageId::from_i64(first)]),
    };
    client.call(folder, RopRequest::DeleteMessages(delete)).expect("a deletion");
    let rest = client.rows(table, true, 10).expect("rows").rows;
    assert_eq!(subjects(&rest), ["m02", "m03"]);
}

#[test]
fn rows_are_restricted_and_found() {
    let (_processor, mut client, table) = start(6);
    client.set_columns(table, &[tags::SUBJECT]).expect("columns");
    sort(&mut client, table, tags::SUBJECT, false).expect("a sort");
    let important = Restriction::Property {
        relation: Relation::Equal,
        tag: tags::IMPORTANCE,
        value: TaggedValue::new(tags::IMPORTANCE, 2),
    };
    let find = |client: &mut Client, restriction: &Restriction, origin, backward| {
        let request = FindRowRequest {
            flags: if backward { FindRowFlags::BACKWARDS } else { FindRowFlags::NONE },
            restriction: SizedRestriction(Some(restriction.clone())),
            origin,
            bookmark: Vec::new().into(),
        };
        match client.call(table, RopRequest::FindRow(request)) {
            Ok(RopResponse::FindRow(found)) => {
                Ok(subjects(&found.row.into_iter().collect::<Vec<_>>()).join(","))
            }
            Ok(other) => panic!("{other:?}"),
            Err(code) => Err(code),
        }
    };
    assert_eq!(find(&mut client, &important, Bookmark::Beginning, false), Ok("m02".into()));
    // The cursor stands on the row that was found: the search finds it again.
    assert_eq!(find(&mut client, &important, Bookmark::Current, false), Ok("m02".into()));
    assert_eq!(find(&mut client, &important, Bookmark::End, true), Ok("m05".into()));
    // MS-OXCTABL R536, R537
    let found = find(&mut client, &important, Bookmark::Beginning, true);
    assert_eq!(found, Err(ErrorCode::NOT_FOUND));
    let found = find(&mut client, &important, Bookmark::Custom, false);
    assert_eq!(found, Err(ErrorCode::INVALID_BOOKMARK));

    let level = FuzzyLevel { low: FuzzyLevel::SUBSTRING, high: FuzzyLevel::IGNORE_CASE };
    let eight = tags::SUBJECT.with_type(PropertyType::STRING8);
    let value = mapi::PropertyValue::String8(mapi::text::String8(b"M03".to_vec()));
    let text = Restriction::Content { level, tag: eight, value: TaggedValue { tag: eight, value } };
    let mut restrict = |restriction| {
        let restriction = SizedRestriction(restriction);
        let request = RestrictRequest { flags: AsyncFlags::NONE, restriction };
        match client.call(table, RopRequest::Restrict(request)) {
            Ok(RopResponse::Restrict(answer)) => assert_eq!(answer.status, TableStatus::Complete),
            other => panic!("{other:?}"),
        }
        subjects(&client.rows(table, true, 10).expect("rows").rows)
    };
    assert_eq!(restrict(Some(text)), ["m03"]);
    assert_eq!(restrict(Some(important)), ["m02", "m05"]);
    assert_eq!(restrict(None).len(), 6);
}

/// A thousand tables of a session, each with a restriction as long as a buffer holds, would be hundreds of
/// megabytes.
#[test]
fn what_a_table_is_restricted_by_counts_as_memory() {
    let limits = Limits { bytes_per_session: 256 << 10, ..Limits::default() };
    let (processor, accounts) = processor(1, Options { limits, ..Options::default() });
    let mut client = Client::connect(&processor, &accounts[0]);
    let folder = client.inbox();
    let exist =
        |id| Restriction::Exist { tag: PropertyTag::from_parts(id, PropertyType::INTEGER32) };
    let long = Restriction::Or((1..400).map(exist).collect());
    let restrict = |client: &mut Client, table, restriction| {
        let restriction = SizedRestriction(restriction);
        let request = RestrictRequest { flags: AsyncFlags::NONE, restriction };
        client.call(table, RopRequest::Restrict(request)).map(drop)
    };
    let before = processor.ledger.bytes();
    let tables: Vec<Handle> = (0..20).map(|_| client.contents(folder)).collect();
    let done: Vec<_> =
        tables.iter().map(|table| restrict(&mut client, *table, Some(long.clone()))).collect();
    let held = done.iter().take_while(|done| done.is_ok()).count();
    assert!((1..10).contains(&held), "{held}");
    assert!(done[held..].iter().all(|done| *done == Err(ErrorCode::NOT_ENOUGH_MEMORY)));
    assert_eq!(restrict(&mut client, tables[0], None), Ok(()));
    assert_eq!(restrict(&mut client, tables[19], Some(long)), Ok(()));
    tables.iter().for_each(|table| client.release(*table));
    assert_eq!(processor.ledger.bytes(), before);
}

#[test]
fn what_tables_cannot_do() {
    let (_processor, mut client, table) = start(1);
    // MS-OXCTABL R485
    let aborted = client.call(table, RopRequest::Abort(Empty));
    assert_eq!(aborted, Err(ErrorCode::ABORT_FAILED));
    match client.call(table, RopRequest::GetStatus(Empty)) {
        Ok(RopResponse::GetStatus(answer)) => assert_eq!(answer.status, TableStatus::Complete),
        other => panic!("{other:?}"),
    }
    let root = client.open_folder(SpecialFolder::IpmSubtree.id()).expect("the subtree");
    let flags = TableFlags::DEPTH;
    let hierarchy = client
        .open(root, RopRequest::GetHierarchyTable(GetTableRequest { flags }))
        .expect("a hierarchy table");
    // MS-OXCTABL R450
    let sorted = sort(&mut client, hierarchy, tags::DISPLAY_NAME, false);
    assert_eq!(sorted, Err(ErrorCode::NOT_SUPPORTED));
    client.set_columns(hierarchy, &[tags::DISPLAY_NAME, tags::FOLDER_ID]).expect("columns");
    let rows = client.rows(hierarchy, true, 100).expect("rows").rows;
    assert!(subjects(&rows).contains(&"Inbox".to_owned()));
    // MS-OXCTABL R256, R260
    client.call(hierarchy, RopRequest::ResetTable(Empty)).expect("a reset");
    assert_eq!(client.rows(hierarchy, true, 1).err(), Some(ErrorCode::NULL_OBJECT));
    for table in [table, hierarchy] {
        match client.call(table, RopRequest::QueryColumnsAll(Empty)) {
            Ok(RopResponse::QueryColumnsAll(answer)) => assert!(answer.tags.items.len() > 10),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_failed_seek_stops_the_buffer() {
    // MS-OXCTABL R501
    let (_processor, mut client, _table) = start(0);
    let logon = client.logon;
    let seek =
        SeekRowRequest { origin: Bookmark::Beginning, row_count: 0, want_row_moved_count: false };
    let requests = [
        Request::new(LogonId(0), HandleIndex(0), RopRequest::SeekRow(seek)),
        Request::new(LogonId(0), HandleIndex(0), RopRequest::GetPropertiesList(Empty)),
    ];
    let answer = client.exchange(&requests, &[logon]);
    assert_eq!(answer.responses.len(), 1);
    assert_eq!(code(&answer.responses[0]), Err(ErrorCode::NOT_SUPPORTED));
}

/// Values of 510 bytes are what a row may have at most.
fn long_rows(client: &mut Client, count: usize) -> Handle {
    for _ in 0..count {
        let message = client.create_message(SpecialFolder::Inbox.id());
        client.set(message, tags::SUBJECT, "x".repeat(600));
        client.set(message, tags::SENDER_SEARCH_KEY, vec![7u8; 600]);
        client.save(message, SaveFlags::KEEP_OPEN_READ_WRITE).expect("a save");
        client.release(message);
    }
    let folder = client.inbox();
    let table = client.contents(folder);
    client.set_columns(table, &[tags::SUBJECT, tags::SENDER_SEARCH_KEY]).expect("columns");
    table
}

#[test]
fn as_many_whole_rows_as_fit() {
    let (_processor, mut client, _) = start(0);
    let table = long_rows(&mut client, 6);
    let request =
        QueryRowsRequest { flags: QueryRowsFlags::NONE, forward_read: true, row_count: 100 };
    let request = Request::new(LogonId(0), HandleIndex(0), RopRequest::QueryRows(request));
    let bytes = write_requests(std::slice::from_ref(&request), &[table]).expect("small");
    // MS-OXCTABL R464, R465; MS-OXCTABL R122: 1 + 512 + 512 bytes a row.
    let answer = client.session.execute(&bytes, 2_600).expect("an answer");
    let answer = client.read(std::slice::from_ref(&request), &[table], &answer);
    let RopResponse::QueryRows(rows) = &answer.responses[0].body else { panic!() };
    assert_eq!(rows.rows.len(), 2);
    assert_eq!(rows.origin, Bookmark::Current);
    // MS-OXCTABL R478
    let answer = client.session.execute(&bytes, 600).expect("an answer");
    let answer = client.read(&[request], &[table], &answer);
    assert_eq!(code(&answer.responses[0]), Err(ErrorCode::BUFFER_TOO_SMALL));
}

#[test]
fn what_was_not_executed_comes_back() {
    // MS-OXCROPS R4519, R454502
    let (_processor, mut client, _) = start(0);
    let logon = client.logon;
    let all =
        || RopRequest::GetPropertiesAll(GetPropertiesAllRequest { size_limit: 0, want_unicode: 1 });
    let requests: Vec<Request> =
        (0..4).map(|_| Request::new(LogonId(0), HandleIndex(0), all())).collect();
    let bytes = write_requests(&requests, &[logon]).expect("small");
    let single = client.exchange(&requests[..1], &[logon]);
    let size = single.responses[0].encoded_len();
    let answer = client.session.execute(&bytes, size * 2 + 100).expect("an answer");
    let answer = client.read(&requests, &[logon], &answer);
    let RopResponse::BufferTooSmall(told) = &answer.responses.last().expect("one").body else {
        panic!("{:?}", answer.responses.len())
    };
    let done = answer.responses.len() - 1;
    assert!((1..4).contains(&done));
    let rest = &bytes[2..bytes.len() - 4];
    assert_eq!(told.requests.0, &rest[rest.len() / 4 * done..]);
    assert!(usize::from(told.size_needed) > size);
}

#[test]
fn packed_answers_go_on_in_further_buffers() {
    // MS-OXCRPC R962 to R973
    let (_processor, mut client, _) = start(0);
    let table = long_rows(&mut client, 70);
    let request = QueryRowsRequest {
        flags: QueryRowsFlags::ENABLE_PACKED_BUFFERS,
        forward_read: true,
        row_count: 65,
    };
    let request = Request::new(LogonId(0), HandleIndex(0), RopRequest::QueryRows(request));
    let bytes = write_requests(std::slice::from_ref(&request), &[table]).expect("small");
    let rops = write_payloads(&[bytes], Packing::default()).expect("small");
    let answer =
        client.session.execute_extended(ExecuteFlags::CHAIN, &rops, 0x40000).expect("an answer");
    let payloads = read_payloads(&answer, 0x40000).expect("payloads");
    assert!(payloads.len() > 1);
    let columns = [tags::SUBJECT, tags::SENDER_SEARCH_KEY];
    let mut rows = 0;
    for payload in payloads {
        let known = |_| columns.as_slice().into();
        let mut context = ResponseContext::new(std::slice::from_ref(&request), known);
        let buffer = mapi_rop::ResponseBuffer::read(&payload, &mut context).expect("a ROP buffer");
        assert_eq!(buffer.responses[0].id(), RopId::QueryRows);
        let RopResponse::QueryRows(answer) = &buffer.responses[0].body else { panic!() };
        rows += answer.rows.len();
    }
    assert_eq!(rows, 65);
}

#[test]
fn extended_buffers_have_limits() {
    let (_processor, client, _) = start(0);
    let execute = |rops: &[u8], max_out| {
        client.session.execute_extended(ExecuteFlags::NONE, rops, max_out).err()
    };
    let empty = write_payloads(&[[2u8, 0]], Packing::default()).expect("small");
    assert_eq!(execute(&empty, 0x8000), None);
    // MS-OXCRPC R666, R1373, R663, R1379
    let stub = Some(ExecuteError::Status(0x6f7));
    assert_eq!(execute(&empty, 0x40001), stub);
    assert_eq!(execute(&vec![0; 0x40001], 0x8000), stub);
    let failed = Some(ExecuteError::Code(ErrorCode::RPC_FAILED));
    assert_eq!(execute(&empty, 7), failed);
    assert_eq!(execute(&[0; 7], 0x8000), failed);
    let format = Some(ExecuteError::Code(ErrorCode::RPC_FORMAT));
    assert_eq!(execute(&[0xff; 40], 0x8000), format);
}
