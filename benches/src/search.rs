//! What looks at a part of 100,000 messages: a substring of the subject, one category of a hundred, and a
//! search folder that every change keeps up to date.

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use mapi::restriction::FuzzyLevel;
use mapi::{
    ErrorCode, FolderId, MessageId, PropertyTag, PropertyValue, Restriction, SortOrder,
    SortOrderSet, TaggedValue, tags,
};
use mapi_rop::folder::{
    DeleteFolderFlags, DeleteFolderRequest, FolderType, GetSearchCriteriaRequest, GetTableRequest,
    OpenFolderFlags, OpenFolderRequest, SearchFlags, SetSearchCriteriaRequest, TableFlags,
};
use mapi_rop::irregular::{CreateFolderRequest, FolderTexts};
use mapi_rop::message::ReadFlags;
use mapi_rop::parts::SizedRestriction;
use mapi_rop::table::{AsyncFlags, CollapseRowRequest, ExpandRowRequest, SortTableRequest};
use mapi_rop::{Handle, RopRequest, RopResponse};
use store::SpecialFolder;

use crate::Bench;
use crate::client::{Client, PLAIN, execute_body};
use crate::figure::{Figure, Span, milliseconds};
use crate::logon::middle;
use crate::mailbox::INBOX;
use crate::random::Random;
use crate::rops::{Batch, COLUMNS, open_table, query_rows, set_columns};
use crate::save;
use crate::server::Server;
use crate::table::{find_row, opening, rows, set_read};

const NAME: &str = "search";
const MESSAGES: usize = 100_000;
/// Of the finder, where search folders stand.
const FINDER: FolderId = SpecialFolder::Search.id();

pub fn run(bench: &mut Bench) -> anyhow::Result<Vec<Figure>> {
    let made = bench.mailboxes.of_size(MESSAGES)?;
    let server = Server::start(bench, &made.data)?;
    let (mut client, logon) = Client::logged_on(server.address, &made.users[0])?;
    client.execute(&opening(logon))?;
    let mut figures = substrings(bench, &server, &mut client, logon)?;
    figures.extend(categories(bench, &server, &mut client, logon)?);
    figures.extend(followed(bench, &server, &mut client, logon)?);
    figures.extend(folder(bench, &server, &mut client, logon)?);
    client.disconnect()?;
    server.stop()?;
    Ok(figures)
}

/// Each round another text, so that no view is there that another round made.
fn substrings(
    bench: &Bench,
    server: &Server,
    client: &mut Client,
    logon: Handle,
) -> anyhow::Result<Vec<Figure>> {
    let mut random = Random::new(MESSAGES as u64 + 1);
    let mut used = Vec::new();
    let (mut restricted, mut found) = (Vec::new(), Vec::new());
    for round in 0..bench.rounds(5, 20) {
        let word = loop {
            let word = random.word();
            // Longer ones are in no subject.
            if (4..=5).contains(&word.len()) && !used.contains(&word) {
                break word;
            }
        };
        let batch = open_table(logon, Some(contains(&word)));
        let batch = batch.on(2, query_rows(50)).release(2).release(1);
        restricted.push(server.span(|| {
            let rows = rows(client.execute(&batch)?);
            ensure!(!rows.is_empty(), "no subject contains {word:?}");
            Ok(())
        })?);
        used.push(word);
        // No syllable has these letters, so that every row is looked at.
        let missing = contains(&format!("qx{round}"));
        let batch = open_table(logon, None).on(2, find_row(missing)).release(2).release(1);
        let body = execute_body(&batch.bytes()?, PLAIN)?;
        let mut answer = Vec::new();
        found.push(server.span(|| {
            answer = client.execute_bytes(&body)?;
            Ok(())
        })?);
        let answer = batch.answers(&answer, &[])?;
        let missed = |response: &RopResponse| matches!(response, RopResponse::Failed(failure) if failure.code == ErrorCode::NOT_FOUND);
        ensure!(answer.responses.iter().any(|r| missed(&r.body)), "a row was found");
    }
    let figure = |name: &str, spans: &[Span]| Figure::time(NAME, name, middle(spans)).at_most(60.0);
    Ok(vec![
        figure("restricted to a substring of the subject, 50 rows", &restricted)
            .note("each time another text"),
        figure("FindRow by a substring of the subject that no row has", &found),
    ])
}

/// The Inbox by its hundred senders, all collapsed; one of them is expanded and collapsed again.
fn categories(
    bench: &Bench,
    server: &Server,
    client: &mut Client,
    logon: Handle,
) -> anyhow::Result<Vec<Figure>> {
    let mut columns: Vec<PropertyTag> = vec![tags::INST_ID];
    columns.extend(COLUMNS);
    let orders = vec![
        SortOrder::ascending(tags::SENT_REPRESENTING_NAME),
        SortOrder::descending(tags::MESSAGE_DELIVERY_TIME),
    ];
    let batch = categorised(logon, &columns, orders, 100);
    let mut answer = None;
    let first = server.span(|| {
        answer = Some(client.execute(&batch)?);
        Ok(())
    })?;
    let answer = answer.context("no answer")?;
    let (folder, table) = (answer.handles[1], answer.handles[2]);
    let headings = rows(answer);
    ensure!(headings.len() == 100, "{} senders", headings.len());
    let mut spans = Vec::new();
    let mut held = 0;
    for round in 0..bench.rounds(20, 100) {
        let heading = &headings[round % headings.len()];
        let Some(PropertyValue::Integer64(category)) = heading.value(0) else {
            bail!("a heading without an id")
        };
        let category = *category as u64;
        let batch = Batch::new(&[table])
            .on(0, RopRequest::ExpandRow(ExpandRowRequest { max_row_count: 50, category }))
            .on(0, RopRequest::CollapseRow(CollapseRowRequest { category }));
        let body = execute_body(&batch.bytes()?, PLAIN)?;
        let mut answer = Vec::new();
        spans.push(server.span(|| {
            answer = client.execute_bytes(&body)?;
            Ok(())
        })?);
        let answer = batch.answers(&answer, &columns)?;
        let [expanded, collapsed] = &answer.responses[..] else { bail!("not two answers") };
        match (&expanded.body, &collapsed.body) {
            (RopResponse::ExpandRow(expanded), RopResponse::CollapseRow(collapsed)) => {
                ensure!(expanded.rows.len() == 50, "{} rows", expanded.rows.len());
                ensure!(collapsed.collapsed_row_count == expanded.expanded_row_count);
                held += expanded.expanded_row_count as usize;
            }
            other => bail!("{other:?}"),
        }
    }
    client.execute(&Batch::new(&[folder, table]).release(1).release(0))?;
    let held = held / spans.len();
    Ok(vec![
        Figure::time(NAME, "categorised by a hundred senders, first time, 100 headings", first),
        Figure::time(NAME, "one category expanded, 50 rows, and collapsed", middle(&spans))
            .at_most(5.0)
            .note(format!("{held} messages of it on average")),
    ])
}

/// A message that is read, and unread again: with no table, and with one by conversations that is told of it, most
/// of its categories collapsed.
fn followed(
    bench: &Bench,
    server: &Server,
    client: &mut Client,
    logon: Handle,
) -> anyhow::Result<Vec<Figure>> {
    let answer =
        client.execute(&open_table(logon, None).on(2, query_rows(50)).release(2).release(1))?;
    let id = |row: &mapi::PropertyRow| match row.value(0) {
        Some(PropertyValue::Integer64(id)) => Ok(MessageId::from_i64(*id)),
        other => bail!("a row whose first column is {other:?}"),
    };
    let messages = rows(answer).iter().map(id).collect::<anyhow::Result<Vec<_>>>()?;
    let toggles = bench.rounds(100, 500);
    let toggle = |client: &mut Client| {
        server.span(|| {
            (0..toggles).try_for_each(|at| {
                let flags = match at / messages.len() % 2 {
                    0 => ReadFlags::NONE,
                    _ => ReadFlags::CLEAR_READ_FLAG,
                };
                client.execute(&set_read(logon, messages[at % messages.len()], flags)).map(drop)
            })
        })
    };
    let without = toggle(client)?.each(toggles);
    let direction = mapi::sort::Direction::MaximumCategory;
    let orders = vec![
        SortOrder::descending(tags::SENT_REPRESENTING_NAME),
        SortOrder { tag: tags::MESSAGE_DELIVERY_TIME, direction },
        SortOrder::descending(tags::MESSAGE_DELIVERY_TIME),
    ];
    let batch = categorised(logon, &COLUMNS, orders, 10);
    let answer = client.execute(&batch)?;
    let (folder, table) = (answer.handles[1], answer.handles[2]);
    let with = toggle(client)?.each(toggles);
    client.execute(&Batch::new(&[folder, table]).release(1).release(0))?;
    let more = milliseconds(with.cpu) - milliseconds(without.cpu);
    Ok(vec![
        Figure::time(NAME, "a message is read or unread, no table", without),
        Figure::time(NAME, "the same, with a categorised table that is told of it", with),
        Figure::new(NAME, "telling the table costs a change", more, "ms").at_most(1.0),
    ])
}

/// New messages without a search folder, and with one that takes each of them in.
fn folder(
    bench: &Bench,
    server: &Server,
    client: &mut Client,
    logon: Handle,
) -> anyhow::Result<Vec<Figure>> {
    let saves = bench.rounds(50, 300);
    // The first series after other work is slower, whatever it saves.
    saving(server, client, logon, saves)?;
    let without = saving(server, client, logon, saves)?;
    let texts = FolderTexts::Unicode { display_name: "Found".into(), comment: "".into() };
    let request = CreateFolderRequest {
        folder_type: FolderType::Search,
        open_existing: true,
        reserved: 0,
        texts,
    };
    let finder = OpenFolderRequest { folder: FINDER, flags: OpenFolderFlags::NONE };
    let batch = Batch::new(&[logon])
        .open(0, RopRequest::OpenFolder(finder))
        .open(1, RopRequest::CreateFolder(request));
    let answer = client.execute(&batch)?;
    let (finder, found) = (answer.handles[1], answer.handles[2]);
    let id = answer.responses.into_iter().find_map(|response| match response.body {
        RopResponse::CreateFolder(created) => Some(created.folder),
        _ => None,
    });
    let id = id.context("no search folder")?;
    let criteria = SetSearchCriteriaRequest {
        restriction: SizedRestriction(Some(contains("ta"))),
        folders: vec![INBOX].into(),
        flags: SearchFlags::RESTART_OR_REBUILD | SearchFlags::SHALLOW,
    };
    let set = Batch::new(&[found]).on(0, RopRequest::SetSearchCriteria(criteria));
    let filled = server.span(|| {
        client.execute(&set)?;
        until_complete(client, found)
    })?;
    let before = count(client, found)?;
    let with = saving(server, client, logon, saves)?;
    let after = count(client, found)?;
    ensure!(after > before, "no message came into the search folder");
    let delete = DeleteFolderRequest { flags: DeleteFolderFlags::NONE, folder: id };
    client.execute(
        &Batch::new(&[finder, found]).on(0, RopRequest::DeleteFolder(delete)).release(1).release(0),
    )?;
    let more = milliseconds(with.cpu) - milliseconds(without.cpu);
    let note = format!("{} of {saves} messages came in; {before} were there", after - before);
    Ok(vec![
        Figure::time(NAME, "a search folder is filled", filled)
            .note(format!("{before} messages of {MESSAGES}")),
        Figure::time(NAME, "a message of 10 kB is saved, no search folder", without),
        Figure::time(NAME, "the same, with a dynamic search folder", with),
        Figure::new(NAME, "keeping it costs a change", more, "ms").at_most(1.0).note(note),
    ])
}

/// What a new message costs, with what the server does behind the answer.
fn saving(
    server: &Server,
    client: &mut Client,
    logon: Handle,
    messages: usize,
) -> anyhow::Result<Span> {
    let mut random = Random::new(7);
    let batches: Vec<Batch> =
        (0..messages).map(|_| save::new_message(logon, &mut random)).collect();
    let whole = server.span(|| {
        batches.iter().try_for_each(|batch| client.execute(batch).map(drop))?;
        std::thread::sleep(Duration::from_millis(500));
        Ok(())
    })?;
    Ok(whole.each(messages))
}

fn until_complete(client: &mut Client, folder: Handle) -> anyhow::Result<()> {
    let request = GetSearchCriteriaRequest {
        use_unicode: true,
        include_restriction: false,
        include_folders: false,
    };
    let ask = Batch::new(&[folder]).on(0, RopRequest::GetSearchCriteria(request));
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(60) {
        for response in client.execute(&ask)?.responses {
            match response.body {
                RopResponse::GetSearchCriteria(criteria)
                    if criteria.flags.contains(SearchFlags::COMPLETE) =>
                {
                    return Ok(());
                }
                _ => {}
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    bail!("the search was not complete after a minute")
}

/// How many messages a folder shows.
fn count(client: &mut Client, folder: Handle) -> anyhow::Result<u32> {
    let table = GetTableRequest { flags: TableFlags::USE_UNICODE };
    let batch = Batch::new(&[folder]).open(0, RopRequest::GetContentsTable(table)).release(1);
    for response in client.execute(&batch)?.responses {
        if let RopResponse::GetContentsTable(opened) = response.body {
            return Ok(opened.row_count);
        }
    }
    bail!("no contents table")
}

fn contains(text: &str) -> Restriction {
    let level = FuzzyLevel { low: FuzzyLevel::SUBSTRING, high: FuzzyLevel::IGNORE_CASE };
    let tag = tags::SUBJECT;
    Restriction::Content { level, tag, value: TaggedValue::new(tag, text) }
}

/// Opens the Inbox, and a table of it (the third handle) whose first order makes categories.
fn categorised(
    logon: Handle,
    columns: &[PropertyTag],
    orders: Vec<SortOrder>,
    count: u16,
) -> Batch {
    let order = SortOrderSet { orders, categories: 1, expanded: 0 };
    let inbox = OpenFolderRequest { folder: INBOX, flags: OpenFolderFlags::NONE };
    let table = GetTableRequest { flags: TableFlags::USE_UNICODE };
    Batch::new(&[logon])
        .open(0, RopRequest::OpenFolder(inbox))
        .open(1, RopRequest::GetContentsTable(table))
        .on(2, set_columns(columns))
        .on(2, RopRequest::SortTable(SortTableRequest { flags: AsyncFlags::NONE, order }))
        .on(2, query_rows(count))
}
