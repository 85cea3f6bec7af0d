//! `coffer soak --burst`: is memory given back after a burst (catalogue L35)?

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use mapi::{SortOrder, SortOrderSet, tags};
use mapi_session::{EventKinds, Folder, MapiProp, RecipientKind, Scope, Session};
use serde::Serialize;
use store::folder::NewFolder;
use store::search::NewCriteria;
use store::{SpecialFolder, Store};

use super::args::SoakArgs;
use super::judge::Sample;
use super::probe::Probe;
use super::scenario;
use super::target::{Purpose, Target, USER, basic};
use super::wire::Wire;
use crate::maintain::Maintenance;

/// Clients at once.
const CLIENTS: usize = 64;
/// Messages in the folder that they all read.
const MESSAGES: usize = 2000;
/// What each writes into a stream, and never saves.
const STREAM: usize = 2 << 20;
/// When memory has to be back.
const AFTER: Duration = Duration::from_secs(60);

#[derive(Debug, Serialize)]
struct Burst {
    process: &'static str,
    before: i64,
    peak: i64,
    after: i64,
    /// The larger of a fifth of what was before and 16 MiB, and what the configured caches may hold.
    allowed: i64,
    flat: bool,
}

pub fn run(args: &SoakArgs) -> Result<ExitCode> {
    let purpose = Purpose { port: true, ..Purpose::default() };
    let target = Target::new(args, purpose)?;
    // As a server in service does: it gives freed pages back every 30 seconds.
    let maintenance = match &target {
        Target::Local(local) => Some(Maintenance::start(local.store.clone())?),
        Target::Remote(_) => None,
    };
    let mut probes = target.probes(args)?;
    let target = Arc::new(target);
    let folder = fill(&target)?;
    if let Target::Local(local) = &*target {
        search(&local.store, folder)?;
    }
    // Every way was gone once, alone: what a process keeps for itself is there before the burst.
    client(&target, folder, 0)?;
    crate::alloc::trim();
    std::thread::sleep(Duration::from_secs(2));
    let before = resident(&mut probes)?;

    let started = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let target = target.clone();
            std::thread::spawn(move || client(&target, folder, number))
        })
        .collect();
    let mut peak = before.clone();
    while clients.iter().any(|client| !client.is_finished()) {
        for (peak, now) in peak.iter_mut().zip(resident(&mut probes)?) {
            *peak = now.max(*peak);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    for client in clients {
        client.join().map_err(|_| anyhow::anyhow!("a client panicked"))??;
    }
    let seconds = started.elapsed().as_secs_f64();
    std::thread::sleep(AFTER);
    let after = resident(&mut probes)?;

    let caches = i64::from(args.cache_mib) << 20;
    let bursts: Vec<Burst> = probes
        .iter()
        .enumerate()
        .map(|(at, probe)| {
            // The client has no caches.
            let caches = if matches!(probe, Probe::Own(None)) { 0 } else { caches };
            let allowed = (before[at] / 5).max(16 << 20) + caches;
            let flat = after[at] - before[at] <= allowed;
            let process = probe.name();
            Burst { process, before: before[at], peak: peak[at], after: after[at], allowed, flat }
        })
        .collect();
    drop(maintenance);
    let flat = bursts.iter().all(|burst| burst.flat);
    let mut out = std::io::stdout().lock();
    match args.json {
        true => {
            serde_json::to_writer_pretty(&mut out, &bursts)?;
            writeln!(out)?;
        }
        false => {
            writeln!(
                out,
                "burst: {CLIENTS} clients at once, {seconds:.1} s; resident MiB {} s later:",
                AFTER.as_secs()
            )?;
            let mib = |bytes: i64| bytes as f64 / 1_048_576.0;
            for burst in &bursts {
                writeln!(
                    out,
                    "  {}: {:.1} before, {:.1} at most, {:.1} after; {:.1} more than before are allowed",
                    burst.process,
                    mib(burst.before),
                    mib(burst.peak),
                    mib(burst.after),
                    mib(burst.allowed)
                )?;
            }
            writeln!(out, "{}", if flat { "flat" } else { "NOT FLAT" })?;
        }
    }
    Ok(if flat { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn resident(probes: &mut [Probe]) -> Result<Vec<i64>> {
    let of = |sample: Sample| sample.resident.context("resident bytes cannot be measured here");
    probes.iter_mut().map(|probe| of(probe.sample(0, None)?)).collect()
}

/// The folder that all read.
fn fill(target: &Target) -> Result<mapi::FolderId> {
    let session = Session::logon(target.profile(None)).context("cannot log on")?;
    let store = session.open_default_msg_store()?;
    let folder = store.root_folder()?.open_or_create_folder("coffer soak burst")?;
    let there = folder.contents_table()?.row_count()? as usize;
    let writers: Vec<_> = (0..8)
        .map(|part| {
            let (profile, id) = (target.profile(None), folder.id());
            std::thread::spawn(move || -> Result<()> {
                let session = Session::logon(profile)?;
                let folder = scenario::open_folder(&session, id)?;
                (there + part..MESSAGES).step_by(8).try_for_each(|number| write(&folder, number))
            })
        })
        .collect();
    for writer in writers {
        writer.join().map_err(|_| anyhow::anyhow!("a writer panicked"))??;
    }
    Ok(folder.id())
}

fn write(folder: &Folder, number: usize) -> Result<()> {
    let message = folder.create_message()?;
    message.set(tags::SUBJECT, format!("Message {number} of the burst").as_str())?;
    message.set(tags::MESSAGE_CLASS, "IPM.Note")?;
    message.set(tags::BODY, "A line of text.\r\n".repeat(60).as_str())?;
    message.save()?;
    Ok(())
}

/// Subscriptions that hear of all that the others do, and are let go with what nobody read; categories, each other one
/// of them expanded; and a message to oneself, which is deleted when it has come.
fn watch_and_send(session: &Session, folder: &Folder, number: usize) -> Result<()> {
    let store = session.open_default_msg_store()?;
    let subject = format!("To oneself, {number}, in the burst");
    let inbox = store.inbox()?;
    let whole = store.subscribe(EventKinds::ALL, Scope::Store)?;
    let inside = store.subscribe(EventKinds::ALL, Scope::Folder(inbox.id()))?;
    let table = folder.contents_table()?.with_columns(&[tags::INST_ID, tags::ROW_TYPE])?;
    let orders = vec![
        SortOrder::ascending(tags::SUBJECT),
        SortOrder::ascending(tags::MESSAGE_DELIVERY_TIME),
    ];
    table.sort(&SortOrderSet { orders, categories: 1, expanded: 0 })?;
    for head in table.query_rows(100)?.iter().step_by(2) {
        let id = head.get(tags::INST_ID).and_then(|id| id.as_i64()).context("no category")?;
        table.expand(id)?;
    }
    let own = scenario::own_dn(&store)?;
    let message = store.drafts()?.create_message()?;
    message.set(tags::SUBJECT, subject.as_str())?;
    message.set(tags::BODY, "A line of text.\r\n".repeat(600).as_str())?;
    message.add_recipient(RecipientKind::To, &own, &own)?;
    message.save()?;
    message.submit_and_delete()?;
    let begun = Instant::now();
    loop {
        let rows = inbox.contents_table()?.with_columns(&[tags::MID, tags::SUBJECT])?;
        let found = rows.rows().find_map(|row| {
            let row = row.ok()?;
            let mine = row.text(tags::SUBJECT).is_some_and(|text| text == subject);
            mine.then(|| row.integer(tags::MID)).flatten()
        });
        if let Some(id) = found {
            inbox.hard_delete_messages(&[mapi::MessageId::from_i64(id)])?;
            break;
        }
        ensure!(begun.elapsed() < AFTER, "a message to oneself does not come");
        std::thread::sleep(Duration::from_millis(20));
    }
    drop((store, whole, inside));
    Ok(())
}

/// A search folder over the folder that all read: it is kept as long as the store.
fn search(store: &Store, folder: mapi::FolderId) -> Result<()> {
    let account = store.account_by_address(USER)?.context("an account of the soak is gone")?;
    let mailbox = store.mailbox(account.mailbox)?;
    let new = NewFolder { display_name: "burst".into(), search: true, ..NewFolder::default() };
    let found = store::folder::create(&mailbox, SpecialFolder::Search.id(), &new)?.id;
    let criteria = NewCriteria {
        restriction: Some(mapi::Restriction::Exist { tag: tags::SUBJECT }),
        folders: Some(vec![folder, SpecialFolder::Inbox.id()]),
        recursive: false,
        fixed: false,
    };
    Ok(store::search::set(&mailbox, found, &criteria)?)
}

/// What a client does in the burst: a refused logon, tables in several orders, all messages of a page,
/// subscriptions, categories, a message to oneself, and a large stream.
fn client(target: &Target, folder: mapi::FolderId, number: usize) -> Result<()> {
    let mut wire = Wire::connect(&target.address()?)?;
    wire.authorization = basic("nobody@nowhere.test", "a password");
    ensure!(wire.request("Connect", &wire.connect_body())?.status == 401, "a wrong logon got in");
    let session = Session::logon(target.profile(None))?;
    let folder = scenario::open_folder(&session, folder)?;
    let orders = [tags::SUBJECT, tags::MESSAGE_DELIVERY_TIME, tags::IMPORTANCE];
    for tag in orders {
        let table = folder.contents_table()?.with_columns(&[tags::MID, tags::SUBJECT])?;
        table.sort(&SortOrderSet::new(vec![SortOrder::descending(tag)]))?;
        let rows = table.rows().collect::<Result<Vec<_>, _>>()?;
        ensure!(rows.len() >= MESSAGES, "{} rows", rows.len());
        let ids = rows.iter().filter_map(|row| row.integer(tags::MID));
        for id in ids.skip(number * 20).take(20) {
            let message = folder.open_message(mapi::MessageId::from_i64(id))?;
            message.all_properties()?;
        }
    }
    watch_and_send(&session, &folder, number)?;
    let message = folder.create_message()?;
    let attachment = message.create_attachment()?;
    let mut stream = attachment.create_stream(tags::ATTACH_DATA_BINARY)?;
    stream.write_all(&vec![b'x'; STREAM])?;
    drop((stream, attachment, message));
    Ok(session.logoff()?)
}
