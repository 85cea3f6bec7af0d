//! Opening the Inbox as a mail program does: folder, contents table, columns, sort order and the first
//! fifty rows in one Execute.

use anyhow::{Context, bail, ensure};
use mapi::restriction::{FuzzyLevel, Relation};
use mapi::wire::Counted;
use mapi::{MessageId, PropertyRow, PropertyValue, Restriction, TaggedValue, tags};
use mapi_rop::folder::{OpenFolderFlags, OpenFolderRequest};
use mapi_rop::message::{ReadFlags, SetReadFlagsRequest};
use mapi_rop::parts::SizedRestriction;
use mapi_rop::table::{Bookmark, FindRowFlags, FindRowRequest, SeekRowRequest};
use mapi_rop::{Handle, ResponseBuffer, RopRequest, RopResponse};

use crate::Bench;
use crate::client::{Client, PACKED, PLAIN, execute_body};
use crate::figure::{Figure, Span};
use crate::logon::{Cycle, middle, ratio};
use crate::mailbox::{self, INBOX, Made};
use crate::measure::median;
use crate::rops::{Batch, open_table, query_rows};
use crate::server::Server;

const NAME: &str = "table";
const ROWS: u16 = 50;
/// Executes of each kind in a round.
const EACH: usize = 20;

pub fn run(bench: &mut Bench) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (size, limit) in [(10_000, 1.0), (100_000, 3.0)] {
        let made = bench.mailboxes.of_size(size)?;
        let (cold, server) = first_opens(bench, &made)?;
        let warm = warm(bench, &server, &made, size, limit)?;
        server.stop()?;
        let cold = Figure::time(NAME, format!("{}: first after a start", shown(size)), cold);
        figures.extend(warm);
        figures.push(if size == 100_000 { cold.at_most(150.0) } else { cold });
    }
    figures.push(logon_by_size(bench)?);
    Ok(figures)
}

/// The first Execute after a start, the median of three starts; and the last of the servers.
pub fn first_opens(bench: &Bench, made: &Made) -> anyhow::Result<(Span, Server)> {
    let mut spans = Vec::new();
    loop {
        let server = Server::start(bench, &made.data)?;
        let (mut client, logon) = Client::logged_on(server.address, &made.users[0])?;
        let batch = opening(logon);
        spans.push(server.span(|| check(&client.execute(&batch)?, ROWS))?);
        client.disconnect()?;
        if spans.len() == 3 {
            return Ok((middle(&spans), server));
        }
        server.stop()?;
    }
}

/// All of it in one buffer; what was opened is released.
pub fn opening(logon: Handle) -> Batch {
    open_table(logon, None).on(2, query_rows(ROWS)).release(2).release(1)
}

/// Fifty rows from the middle on.
pub fn page(logon: Handle, size: usize) -> Batch {
    let seek = seek(Bookmark::Beginning, size as i32 / 2);
    open_table(logon, None).on(2, seek).on(2, query_rows(ROWS)).release(2).release(1)
}

fn warm(
    bench: &Bench,
    server: &Server,
    made: &Made,
    size: usize,
    limit: f64,
) -> anyhow::Result<Vec<Figure>> {
    let (mut client, logon) = Client::logged_on(server.address, &made.users[0])?;
    let (_, oldest) = edges(&mut client, logon)?;
    let restricted = || {
        let batch = open_table(logon, Some(important()));
        batch.on(2, query_rows(ROWS)).release(2).release(1)
    };
    let find = |restriction: Restriction| {
        open_table(logon, None).on(2, find_row(restriction)).release(2).release(1)
    };
    let variants = [
        ("six ROPs, 50 rows", opening(logon), PLAIN, Some(limit)),
        ("the same, answer compressed", opening(logon), PACKED, None),
        ("50 rows from the middle", page(logon, size), PLAIN, None),
        ("restricted to a tenth", restricted(), PLAIN, None),
        ("FindRow by the sorted column, last row", find(received(&oldest)?), PLAIN, None),
        ("FindRow by another column, last row", find(subject(&oldest)?), PLAIN, None),
    ];
    let mut spans = vec![Vec::new(); variants.len()];
    let first = server.span(|| client.execute(&restricted()).map(drop))?;
    for round in 0..bench.rounds(8, 40) + 1 {
        for ((name, batch, flags, _), spans) in variants.iter().zip(&mut spans) {
            let body = execute_body(&batch.bytes()?, *flags)?;
            // What looks at every row takes its time.
            let each = if name.contains("another column") { 2 } else { EACH };
            let mut answer = Vec::new();
            let span = server.span(|| {
                (0..each).try_for_each(|_| {
                    answer = client.execute_bytes(&body)?;
                    Ok(())
                })
            })?;
            batch.read(&answer)?;
            if round > 0 {
                spans.push(span.each(each));
            }
        }
    }
    let mut figures = Vec::new();
    for ((name, _, _, limit), spans) in variants.iter().zip(&spans) {
        let figure = Figure::time(NAME, format!("{}: {name}", shown(size)), middle(spans));
        figures.push(match limit {
            Some(limit) => figure.at_most(*limit),
            None => figure,
        });
    }
    let name = format!("{}: restricted to a tenth, the first time", shown(size));
    figures.push(Figure::time(NAME, name, first).note("measured once"));
    let name = format!("{}: opened after a change of one message", shown(size));
    figures.push(Figure::time(NAME, name, after_change(bench, server, &mut client, logon)?));
    client.disconnect()?;
    Ok(figures)
}

/// Opening after another message was marked as read or unread.
fn after_change(
    bench: &Bench,
    server: &Server,
    client: &mut Client,
    logon: Handle,
) -> anyhow::Result<Span> {
    let (newest, _) = edges(client, logon)?;
    let Some(PropertyValue::Integer64(id)) = newest.value(0) else {
        anyhow::bail!("a row without an id")
    };
    let id = MessageId::from_i64(*id);
    let mut spans = Vec::new();
    for number in 0..bench.rounds(20, 100) {
        let flags = if number % 2 == 0 { ReadFlags::NONE } else { ReadFlags::CLEAR_READ_FLAG };
        client.execute(&set_read(logon, id, flags))?;
        let batch = opening(logon);
        spans.push(server.span(|| client.execute(&batch).map(drop))?);
    }
    Ok(middle(&spans))
}

/// How much dearer a logon to a mailbox of 100,000 messages is than to one of 1,000.
fn logon_by_size(bench: &mut Bench) -> anyhow::Result<Figure> {
    const CYCLES: usize = 50;
    // Within one server: two of them are placed on the cores as chance will have it.
    let made = mailbox::with_second(&bench.mailboxes.of_size(100_000)?, 1_000)?;
    let server = Server::start(bench, &made.data)?;
    let mut users = Vec::new();
    for user in made.users.iter().rev() {
        users.push((Cycle::of(user)?, Client::new(server.address, user)?, Vec::new()));
    }
    for round in 0..bench.rounds(20, 80) + 2 {
        for (cycle, client, spans) in &mut users {
            let span = server.span(|| (0..CYCLES).try_for_each(|_| cycle.run(client)))?;
            if round >= 2 {
                spans.push(span);
            }
        }
    }
    server.stop()?;
    let [(_, _, small), (_, _, large)] = &users[..] else { bail!("two users were made") };
    let ratios = large.iter().zip(small).map(|(large, small)| ratio(*large, *small));
    let figure = Figure::new(
        NAME,
        "logon, mailbox of 100,000 / mailbox of 1,000",
        median(ratios.collect()),
        "×",
    );
    Ok(figure.at_most(1.1).note("server CPU, two users of one server in turns; 10 % are noise"))
}

/// The newest and the oldest row.
fn edges(client: &mut Client, logon: Handle) -> anyhow::Result<(PropertyRow, PropertyRow)> {
    let batch = open_table(logon, None)
        .on(2, query_rows(1))
        .on(2, seek(Bookmark::End, -1))
        .on(2, query_rows(1))
        .release(2)
        .release(1);
    let mut rows = rows(client.execute(&batch)?);
    match (rows.pop(), rows.pop(), rows.pop()) {
        (Some(last), Some(first), None) => Ok((first, last)),
        _ => anyhow::bail!("other rows than the first and the last"),
    }
}

pub fn rows(answer: ResponseBuffer) -> Vec<PropertyRow> {
    let rows = answer.responses.into_iter().filter_map(|response| match response.body {
        RopResponse::QueryRows(answer) => Some(answer.rows),
        _ => None,
    });
    rows.flatten().collect()
}

fn check(answer: &ResponseBuffer, wanted: u16) -> anyhow::Result<()> {
    let found = rows(answer.clone()).len();
    ensure!(found == usize::from(wanted), "{found} rows instead of {wanted}");
    Ok(())
}

fn seek(origin: Bookmark, row_count: i32) -> RopRequest {
    RopRequest::SeekRow(SeekRowRequest { origin, row_count, want_row_moved_count: false })
}

pub fn find_row(restriction: Restriction) -> RopRequest {
    RopRequest::FindRow(FindRowRequest {
        flags: FindRowFlags::NONE,
        restriction: SizedRestriction(Some(restriction)),
        origin: Bookmark::Beginning,
        bookmark: Vec::new().into(),
    })
}

pub fn set_read(logon: Handle, id: MessageId, flags: ReadFlags) -> Batch {
    let inbox = OpenFolderRequest { folder: INBOX, flags: OpenFolderFlags::NONE };
    let request =
        SetReadFlagsRequest { want_asynchronous: false, flags, messages: Counted::from(vec![id]) };
    Batch::new(&[logon])
        .open(0, RopRequest::OpenFolder(inbox))
        .on(1, RopRequest::SetReadFlags(request))
        .release(1)
}

fn important() -> Restriction {
    let (tag, value) = (tags::IMPORTANCE, TaggedValue::new(tags::IMPORTANCE, 2));
    Restriction::Property { relation: Relation::Equal, tag, value }
}

/// Received at the time of this row or before.
fn received(row: &PropertyRow) -> anyhow::Result<Restriction> {
    let tag = tags::MESSAGE_DELIVERY_TIME;
    let value = TaggedValue { tag, value: row.value(3).context("a row without a time")?.clone() };
    Ok(Restriction::Property { relation: Relation::LessOrEqual, tag, value })
}

fn subject(row: &PropertyRow) -> anyhow::Result<Restriction> {
    let level = FuzzyLevel { low: FuzzyLevel::FULL_STRING, high: 0 };
    let tag = tags::SUBJECT;
    let value =
        TaggedValue { tag, value: row.value(1).context("a row without a subject")?.clone() };
    Ok(Restriction::Content { level, tag, value })
}

/// 10,000 with its comma.
pub fn shown(size: usize) -> String {
    let digits = size.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn thousands_have_commas() {
        assert_eq!(
            [7, 1_000, 100_000, 1_000_000].map(super::shown),
            ["7", "1,000", "100,000", "1,000,000"]
        );
    }
}
