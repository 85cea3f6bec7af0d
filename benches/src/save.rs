//! Saving new messages of 10 kB over HTTP, each durable when it is answered: by one session, and by
//! eight at a time.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use mapi::{FileTime, TaggedValue, tags};
use mapi_rop::message::{CreateMessageRequest, LOGON_CODE_PAGE, SaveChangesRequest, SaveFlags};
use mapi_rop::parts::SizedValues;
use mapi_rop::property::SetPropertiesRequest;
use mapi_rop::{Handle, RopRequest, RopResponse};

use crate::Bench;
use crate::client::Client;
use crate::figure::{Figure, Span, milliseconds};
use crate::logon::middle;
use crate::mailbox::{self, INBOX, User};
use crate::measure::{DiskProbe, median_time};
use crate::random::Random;
use crate::rops::Batch;
use crate::server::Server;

const NAME: &str = "save";
const SESSIONS: usize = 8;
const BYTES: usize = 10_000;

pub fn run(bench: &mut Bench) -> anyhow::Result<Vec<Figure>> {
    let made = mailbox::make(&bench.scratch.join("save"), SESSIONS, 0)?;
    let server = Server::start(bench, &made.data)?;
    let mut figures = alone(bench, &server, &made.users[0])?;
    let eight: Vec<&User> = made.users.iter().collect();
    figures.extend(together(bench, &server, "8 sessions, 8 mailboxes", &eight)?);
    let one = vec![&made.users[0]; SESSIONS];
    figures.extend(together(bench, &server, "8 sessions, one mailbox", &one)?);
    server.stop()?;
    Ok(figures)
}

/// One session. After each save the disk is asked what a sync takes right now.
fn alone(bench: &Bench, server: &Server, user: &User) -> anyhow::Result<Vec<Figure>> {
    let (mut client, logon) = Client::logged_on(server.address, user)?;
    let mut random = Random::new(1);
    let mut probe = DiskProbe::new(&bench.scratch)?;
    let (mut saves, mut syncs) = (Vec::new(), Vec::new());
    let counts = Counts::of(server)?;
    let messages = bench.rounds(200, 1_000);
    for _ in 0..messages {
        let batch = new_message(logon, &mut random);
        saves.push(server.span(|| saved(&mut client, &batch))?);
        syncs.push(probe.sync()?);
    }
    let spent = counts.since(server)?;
    client.disconnect()?;
    let (save, sync) = (middle(&saves), median_time(syncs));
    let limit = 1.2 * milliseconds(sync) + 0.6;
    let overhead = milliseconds(save.clock) - milliseconds(sync);
    let note = format!(
        "median of {messages}; a sync meanwhile took {:.3} ms, so {overhead:.3} ms are ours",
        milliseconds(sync)
    );
    let name = "1 session: a message by the clock";
    Ok(vec![
        Figure::new(NAME, name, milliseconds(save.clock), "ms").at_most(limit).note(note),
        Figure::time(NAME, "1 session: server CPU a message", save),
        Figure::new(NAME, "1 session: syncs a message", spent.syncs / messages as f64, "syncs"),
    ])
}

/// A session for each user, all at once.
fn together(
    bench: &Bench,
    server: &Server,
    name: &str,
    users: &[&User],
) -> anyhow::Result<Vec<Figure>> {
    let each = bench.rounds(100, 500);
    // Half before and half after, since disks change their mind.
    let mut probe = DiskProbe::new(&bench.scratch)?;
    let mut syncs = Vec::new();
    let mut ask = |syncs: &mut Vec<Duration>| -> anyhow::Result<()> {
        for _ in 0..each / 4 {
            syncs.push(probe.sync()?);
        }
        Ok(())
    };
    ask(&mut syncs)?;
    let start = Barrier::new(users.len() + 1);
    let (span, spent) = std::thread::scope(|scope| {
        let threads: Vec<_> = users
            .iter()
            .enumerate()
            .map(|(seed, user)| {
                let start = &start;
                scope.spawn(move || -> anyhow::Result<()> {
                    let ready = Client::logged_on(server.address, user);
                    // Whoever failed has to come as well, or the others wait for ever.
                    start.wait();
                    let (mut client, logon) = ready?;
                    let mut random = Random::new(100 + seed as u64);
                    (0..each)
                        .try_for_each(|_| saved(&mut client, &new_message(logon, &mut random)))?;
                    client.disconnect()
                })
            })
            .collect();
        start.wait();
        let counts = Counts::of(server)?;
        let began = Instant::now();
        for thread in threads {
            thread.join().ok().context("a client panicked")??;
        }
        let clock = began.elapsed();
        let spent = counts.since(server)?;
        anyhow::Ok((Span { cpu: spent.cpu, clock }, spent))
    })?;
    ask(&mut syncs)?;
    let messages = each * users.len();
    let rate = messages as f64 / span.clock.as_secs_f64();
    let sync = milliseconds(median_time(syncs));
    let per_message = |value: f64| value / messages as f64;
    Ok(vec![
        Figure::new(NAME, format!("{name}: syncs a message"), per_message(spent.syncs), "syncs")
            .at_most(0.3)
            .note(format!("{messages} messages, {rate:.0} a second; a sync alone {sync:.3} ms")),
        Figure::time(NAME, format!("{name}: server CPU a message"), span.each(messages))
            .at_most(0.5)
            .of_cpu(),
    ])
}

/// What a server has done so far.
struct Counts {
    cpu: Duration,
    syncs: f64,
}

impl Counts {
    fn of(server: &Server) -> anyhow::Result<Counts> {
        let syncs = server.metric("coffer_engine_syncs_total")?;
        Ok(Counts { cpu: server.cpu()?, syncs })
    }

    fn since(&self, server: &Server) -> anyhow::Result<Counts> {
        let now = Counts::of(server)?;
        Ok(Counts { cpu: now.cpu - self.cpu, syncs: now.syncs - self.syncs })
    }
}

/// Makes, fills, saves and releases a message in one Execute.
pub fn new_message(logon: Handle, random: &mut Random) -> Batch {
    let folder =
        CreateMessageRequest { code_page: LOGON_CODE_PAGE, folder: INBOX, associated: false };
    let seconds = 1_767_225_600 + random.below(86_400) as i64;
    let values = vec![
        TaggedValue::new(tags::MESSAGE_CLASS, "IPM.Note"),
        TaggedValue::new(tags::SUBJECT, random.words(5).as_str()),
        TaggedValue::new(tags::SENT_REPRESENTING_NAME, "Somebody Somewhere"),
        TaggedValue::new(tags::MESSAGE_DELIVERY_TIME, FileTime::from_unix(seconds, 0)),
        TaggedValue::new(tags::HTML, random.text(BYTES).into_bytes()),
    ];
    let values = SizedValues(values);
    let flags = SaveFlags::KEEP_OPEN_READ_ONLY;
    Batch::new(&[logon])
        .open(0, RopRequest::CreateMessage(folder))
        .on(1, RopRequest::SetProperties(SetPropertiesRequest { values }))
        .with(1, 0, RopRequest::SaveChangesMessage(SaveChangesRequest { flags }))
        .release(1)
}

fn saved(client: &mut Client, batch: &Batch) -> anyhow::Result<()> {
    let answer = client.execute(batch)?;
    for response in answer.responses {
        match response.body {
            RopResponse::SetProperties(set) if !set.problems.is_empty() => {
                bail!("properties were refused: {:?}", set.problems)
            }
            RopResponse::SaveChangesMessage(_) => return Ok(()),
            _ => {}
        }
    }
    bail!("nothing was saved")
}
