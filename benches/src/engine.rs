//! The store in this process, without a server: durable commits of the engine against the disk's own sync,
//! and views of a mailbox of 100,000 messages.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use mapi::restriction::{FuzzyLevel, Relation};
use mapi::{PropertyTag, Restriction, SortOrder, SortOrderSet, TaggedValue, tags};
use store::engine::{Batch, Direction, Engine, FjallEngine, KeyRange, Options, Reader, Space};
use store::table::{Contents, Query, QueryRows, RowObject, Toggled, open};
use store::{Mailbox, SpecialFolder, Store, StoreOptions};

use crate::Bench;
use crate::figure::{Figure, Span, milliseconds};
use crate::mailbox::INBOX;
use crate::measure::{DiskProbe, ProcessClock, median_time};
use crate::random::Random;

const NAME: &str = "store";
const BULK: u64 = 50_000;

pub fn run(bench: &mut Bench) -> anyhow::Result<Vec<Figure>> {
    let mut figures = commits(bench)?;
    figures.extend(views(bench)?);
    Ok(figures)
}

fn commits(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let engine = FjallEngine::open(&bench.scratch.join("commits"), &Options::default())?;
    let mut probe = DiskProbe::new(&bench.scratch)?;
    let (mut commits, mut syncs) = (Vec::new(), Vec::new());
    for number in 0..bench.rounds(200, 1_000) as u64 {
        let batch = delivery(0, number);
        let began = Instant::now();
        ensure!(engine.commit(batch)?.is_committed(), "a commit conflicts with nothing");
        commits.push(began.elapsed());
        syncs.push(probe.sync()?);
    }
    let (commit, sync) = (median_time(commits), median_time(syncs));
    let figure =
        Figure::new(NAME, "engine: a durable commit, one client", milliseconds(commit), "ms");
    let mut figures =
        vec![figure.note(format!("by the clock; a sync meanwhile {:.3} ms", milliseconds(sync)))];
    for clients in [8, 64] {
        figures.push(clients_at_once(bench, &engine, clients)?);
    }
    figures.push(bulk(&engine)?);
    figures.push(scan(&engine)?);
    engine.close()?;
    Ok(figures)
}

fn clients_at_once(bench: &Bench, engine: &FjallEngine, clients: u64) -> anyhow::Result<Figure> {
    let lasting = Duration::from_millis(bench.rounds(1_000, 3_000) as u64);
    let before = engine.gauges();
    let count = AtomicU64::new(0);
    let began = Instant::now();
    std::thread::scope(|scope| {
        let work = |client: u64| {
            while began.elapsed() < lasting {
                let number = (client << 32) | count.fetch_add(1, Ordering::Relaxed);
                ensure!(engine.commit(delivery(client, number))?.is_committed(), "a conflict");
            }
            Ok(())
        };
        let threads: Vec<_> =
            (1..=clients).map(|client| scope.spawn(move || work(client))).collect();
        threads.into_iter().try_for_each(|thread| {
            thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a client panicked")))
        })
    })?;
    let seconds = began.elapsed().as_secs_f64();
    let after = engine.gauges();
    let commits = (after.commits - before.commits) as f64;
    let syncs = (after.syncs - before.syncs) as f64;
    let name = format!("engine: syncs a commit, {clients} clients");
    let note = format!("{:.0} commits in {:.0} syncs a second", commits / seconds, syncs / seconds);
    Ok(Figure::new(NAME, name, syncs / commits, "syncs").note(note))
}

/// As fast as batches go in, a thousand on their way.
fn bulk(engine: &FjallEngine) -> anyhow::Result<Figure> {
    let began = Instant::now();
    let mut tickets = VecDeque::new();
    for number in 0..BULK {
        tickets.push_back(engine.enqueue(delivery(1_000, number))?);
        if tickets.len() > 1_000
            && let Some(first) = tickets.pop_front()
        {
            ensure!(first.wait()?.is_committed(), "a conflict");
        }
    }
    for ticket in tickets {
        ensure!(ticket.wait()?.is_committed(), "a conflict");
    }
    let rate = BULK as f64 / began.elapsed().as_secs_f64();
    let figure = Figure::new(NAME, "engine: durable commits, 1,000 on their way", rate, "/s");
    Ok(figure.note("by the clock"))
}

fn scan(engine: &FjallEngine) -> anyhow::Result<Figure> {
    let range = KeyRange::prefix([&1_000u64.to_be_bytes()[..], b"s"].concat());
    let clock = ProcessClock::of(std::process::id())?;
    let (mut rows, began) = (0, clock.now()?);
    engine.visit(Space::Mailbox, &range, Direction::Forward, &mut |_, _| {
        rows += 1;
        ControlFlow::Continue(())
    })?;
    let spent = clock.now()? - began;
    ensure!(rows == BULK, "{rows} rows");
    let each = spent.as_secs_f64() * 1e6 / rows as f64;
    Ok(Figure::new(NAME, "engine: a pair of a scan, CPU", each, "µs"))
}

/// The batch of a delivered message: a header of 1.2 kB, three index entries, a body of 8 kB.
fn delivery(client: u64, number: u64) -> Batch {
    let mut random = Random::new(number ^ (client << 48));
    let mut bytes = |len: usize| -> Vec<u8> {
        let mut bytes = Vec::with_capacity(len + 16);
        while bytes.len() < len {
            // Half of the entropy, as text has.
            let nibbles = random.next().to_le_bytes();
            bytes.extend(nibbles.iter().flat_map(|byte| [b'a' + (byte & 15), b'a' + (byte >> 4)]));
        }
        bytes.truncate(len);
        bytes
    };
    let key = |kind: u8| [&client.to_be_bytes()[..], &[kind], &number.to_be_bytes()].concat();
    let mut batch = Batch::new();
    batch.put(Space::Mailbox, key(b'p'), bytes(1_200));
    for kind in *b"hsc" {
        batch.put(Space::Mailbox, key(kind), bytes(90));
    }
    batch.put(Space::Blobs, [b"b", &key(0)[..]].concat(), bytes(8_000));
    batch
}

fn views(bench: &mut Bench) -> anyhow::Result<Vec<Figure>> {
    let made = bench.mailboxes.of_size(100_000)?;
    let store = Store::open(&made.data, StoreOptions::default())?;
    let accounts = store.accounts()?;
    let mailbox = store.mailbox(accounts[0].mailbox)?;
    let clock = ProcessClock::of(std::process::id())?;
    let mut figures = Vec::new();
    for (name, order) in [
        ("no order", vec![]),
        ("delivery time", vec![SortOrder::descending(tags::MESSAGE_DELIVERY_TIME)]),
        ("subject", vec![SortOrder::ascending(tags::SUBJECT)]),
        (
            "importance, size",
            vec![SortOrder::descending(tags::IMPORTANCE), SortOrder::ascending(tags::MESSAGE_SIZE)],
        ),
    ] {
        let query = Query {
            folder: INBOX,
            rows: QueryRows::Contents(Contents::Normal),
            sort: SortOrderSet::new(order),
            restriction: None,
        };
        let timed = |work: &mut dyn FnMut() -> anyhow::Result<()>| -> anyhow::Result<Span> {
            let (cpu, began) = (clock.now()?, Instant::now());
            work()?;
            let elapsed = began.elapsed();
            Ok(Span { cpu: clock.now()? - cpu, clock: elapsed })
        };
        let mut view = None;
        let built = timed(&mut || {
            let opened = open(&mailbox, query.clone())?;
            opened.key_at(0)?;
            view = Some(opened);
            Ok(())
        })?;
        let Some(view) = view else { continue };
        let bytes = store.gauges().view_bytes as f64 / 100_000.0;
        let figure = Figure::time(NAME, format!("view of 100,000 by {name}: built"), built);
        figures.push(figure.note(format!("{bytes:.0} bytes a row are kept")));
        if name == "subject" {
            let found = timed(&mut || {
                let wanted = prefix(tags::SUBJECT, "re: zz");
                view.find(0, false, &wanted).map(drop).map_err(anyhow::Error::from)
            })?;
            figures.push(Figure::time(NAME, "find by a prefix of the sorted column", found));
        }
    }
    figures.extend(searches(&mailbox, &clock)?);
    drop(mailbox);
    store.close()?;
    Ok(figures)
}

/// A word that no subject has, looked for in all; and a category of a thousand, expanded.
fn searches(mailbox: &Arc<Mailbox>, clock: &ProcessClock) -> anyhow::Result<Vec<Figure>> {
    const ROUNDS: usize = 9;
    let timed = |work: &mut dyn FnMut() -> anyhow::Result<()>| -> anyhow::Result<Span> {
        let mut spans = Vec::new();
        // The first one warms up.
        for _ in 0..=ROUNDS {
            let (cpu, began) = (clock.now()?, Instant::now());
            work()?;
            let elapsed = began.elapsed();
            spans.push(Span { cpu: clock.now()? - cpu, clock: elapsed });
        }
        spans.remove(0);
        spans.sort_by_key(|span| span.clock);
        Ok(spans[ROUNDS / 2])
    };
    let query = |orders: Vec<SortOrder>, categories, restriction| Query {
        folder: INBOX,
        rows: QueryRows::Contents(Contents::Normal),
        sort: SortOrderSet { orders, categories, expanded: 0 },
        restriction,
    };
    let newest = || vec![SortOrder::descending(tags::MESSAGE_DELIVERY_TIME)];
    let level = FuzzyLevel { low: FuzzyLevel::SUBSTRING, high: FuzzyLevel::IGNORE_CASE };
    let tag = tags::SUBJECT;
    let wanted =
        |text: &str| Restriction::Content { level, tag, value: TaggedValue::new(tag, text) };
    let mut figures = Vec::new();

    let view = open(mailbox, query(newest(), 0, None))?;
    view.key_at(0)?;
    let found = timed(&mut || {
        ensure!(view.find(0, false, &wanted("qqqq"))?.is_none(), "no subject has it");
        Ok(())
    })?;
    let figure = Figure::time(NAME, "find a substring of the subject in 100,000: none", found);
    figures.push(figure.at_most(60.0).of_cpu());
    let mut number = 0;
    let restricted = timed(&mut || {
        // Another one each time, or the view would be there.
        number += 1;
        let view = open(mailbox, query(newest(), 0, Some(wanted(&format!("re: {number}qq")))))?;
        ensure!(view.len()? == 0, "no subject has it");
        Ok(())
    })?;
    let figure = Figure::time(NAME, "restrict 100,000 to a substring of the subject", restricted);
    figures.push(figure.at_most(60.0).of_cpu());

    let mut number = 0;
    let conversation = timed(&mut || {
        number += 1;
        let tag = tags::CONVERSATION_ID;
        let value = TaggedValue::new(tag, vec![number; 16]);
        let restriction = Some(Restriction::Property { relation: Relation::Equal, tag, value });
        let rows = QueryRows::Conversation { everywhere: true };
        let query =
            Query { folder: SpecialFolder::Root.id(), rows, ..query(newest(), 0, restriction) };
        ensure!(open(mailbox, query)?.len()? == 0, "nobody is in it");
        Ok(())
    })?;
    let figure = Figure::time(NAME, "open a conversation among 100,000 messages", conversation);
    figures.push(figure.at_most(60.0).of_cpu());

    let by_size = vec![SortOrder::ascending(tags::MESSAGE_SIZE), newest()[0]];
    let view = open(mailbox, query(by_size, 1, None))?;
    let categories = view.len()?;
    let row = view.rows(categories / 2, 1, &[])?.remove(0);
    let RowObject::Category(category) = row.object else { bail!("a row that is no category") };
    let mut expand = true;
    let expanded = timed(&mut || {
        let done = view.expand(category, expand)?;
        ensure!(matches!(done, Toggled::Done { .. }), "{done:?}");
        view.rows(categories / 2, 50, &[tags::MID, tags::SUBJECT, tags::MESSAGE_SIZE])?;
        expand = !expand;
        Ok(())
    })?;
    let name = "expand or collapse a category of 100,000 rows, and read 50";
    let note = format!("{categories} categories");
    figures.push(Figure::time(NAME, name, expanded).note(note).at_most(5.0).of_cpu());
    Ok(figures)
}

fn prefix(tag: PropertyTag, text: &str) -> Restriction {
    let level = FuzzyLevel { low: FuzzyLevel::PREFIX, high: FuzzyLevel::IGNORE_CASE };
    Restriction::Content { level, tag, value: TaggedValue::new(tag, text) }
}
