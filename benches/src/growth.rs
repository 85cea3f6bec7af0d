//! How cost grows with the size of a mailbox.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use mapi::MessageId;
use mapi::wire::Counted;
use mapi_rop::folder::{DeleteMessagesRequest, OpenFolderFlags, OpenFolderRequest};
use mapi_rop::{Handle, RopRequest, RopResponse};
use serde::{Deserialize, Serialize};

use crate::Bench;
use crate::client::{Client, PLAIN, execute_body};
use crate::figure::{Span, milliseconds};
use crate::logon::{Cycle, middle};
use crate::mailbox::{INBOX, Made};
use crate::measure::disk_bytes;
use crate::random::Random;
use crate::rops::{Batch, open_table, query_rows};
use crate::save::new_message;
use crate::server::{Server, reap};
use crate::table::{first_opens, opening, page};

const MIB: f64 = (1 << 20) as f64;

/// What something costs at each size.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Series {
    pub name: String,
    pub unit: String,
    /// Messages in the mailbox, and the cost.
    pub points: Vec<(usize, f64)>,
}

pub fn run(bench: &mut Bench) -> anyhow::Result<Vec<Series>> {
    let sizes: &[usize] = match bench.quick {
        true => &[1_000, 10_000, 100_000],
        false => &[1_000, 10_000, 100_000, 1_000_000],
    };
    let mut all: Vec<Series> = Vec::new();
    for size in sizes {
        let made = bench.mailboxes.of_size(*size)?;
        for (name, unit, value) in at_size(bench, &made, *size)? {
            match all.iter_mut().find(|series| series.name == name) {
                Some(series) => series.points.push((*size, value)),
                None => all.push(Series {
                    name: name.to_owned(),
                    unit: unit.to_owned(),
                    points: vec![(*size, value)],
                }),
            }
        }
    }
    Ok(all)
}

type Point = (&'static str, &'static str, f64);

fn at_size(bench: &Bench, made: &Made, size: usize) -> anyhow::Result<Vec<Point>> {
    let on_disk = disk_bytes(&made.data.join("engine"))? as f64;
    let started = Instant::now();
    Server::start(bench, &made.data)?.stop()?;
    let start = milliseconds(started.elapsed());
    let (first, server) = first_opens(bench, made)?;
    let logon = logons(bench, &server, made)?;
    let (mut client, handle) = Client::logged_on(server.address, &made.users[0])?;
    let open = repeated(bench, &server, &mut client, &opening(handle))?;
    // As a mail program does, which has its folder open all day: the view stays, however large it is.
    let (mut other, logon_of_other) = Client::logged_on(server.address, &made.users[0])?;
    other.execute(&open_table(logon_of_other, None).on(2, query_rows(1)))?;
    let shared = repeated(bench, &server, &mut client, &opening(handle))?;
    let middle_page = repeated(bench, &server, &mut client, &page(handle, size))?;
    let (save, delete) = saves_and_deletes(bench, &server, &mut client, handle)?;
    client.disconnect()?;
    other.disconnect()?;
    let resident = server.resident()? as f64 / MIB;
    server.stop()?;
    let mut points = vec![
        ("logon cycle of four requests", "ms", milliseconds(logon.cpu)),
        ("open the table again", "ms", milliseconds(open.cpu)),
        ("open it, somebody has it open", "ms", milliseconds(shared.cpu)),
        ("50 rows from the middle of it", "ms", milliseconds(middle_page.cpu)),
        ("save a message of 10 kB", "ms", milliseconds(save.cpu)),
        ("delete a message", "ms", milliseconds(delete.cpu)),
        ("open the table, first time", "ms", milliseconds(first.cpu)),
        ("start and end the server, by the clock", "ms", start),
    ];
    if let Some(check) = command(bench, &["check"], &made.data, None)? {
        points.push(("coffer check", "ms", milliseconds(check.cpu)));
    }
    let target = bench.scratch.join("backup");
    if let Some(backup) = command(bench, &["backup"], &made.data, Some(&target))? {
        points.push(("coffer backup", "ms", milliseconds(backup.cpu)));
    }
    points.push(("server, resident", "MiB", resident));
    points.push(("data directory", "MiB", on_disk / MIB));
    points.push(("data directory, a message", "bytes", on_disk / size as f64));
    Ok(points)
}

fn logons(bench: &Bench, server: &Server, made: &Made) -> anyhow::Result<Span> {
    const CYCLES: usize = 50;
    let cycle = Cycle::of(&made.users[0])?;
    let mut client = Client::new(server.address, &made.users[0])?;
    let rounds = (0..bench.rounds(10, 20)).map(|_| {
        let span = server.span(|| (0..CYCLES).try_for_each(|_| cycle.run(&mut client)))?;
        Ok(span.each(CYCLES))
    });
    Ok(middle(&rounds.collect::<anyhow::Result<Vec<Span>>>()?))
}

/// Many times, or for a few seconds where each takes long.
fn repeated(
    bench: &Bench,
    server: &Server,
    client: &mut Client,
    batch: &Batch,
) -> anyhow::Result<Span> {
    const LONG: Duration = Duration::from_secs(5);
    let body = execute_body(&batch.bytes()?, PLAIN)?;
    let began = Instant::now();
    let mut spans = Vec::new();
    while spans.len() < bench.rounds(50, 400) && (spans.len() < 3 || began.elapsed() < LONG) {
        spans.push(server.span(|| client.execute_bytes(&body).map(drop))?);
    }
    Ok(middle(&spans))
}

/// New messages, and the deletion of the same, so that the size stays.
fn saves_and_deletes(
    bench: &Bench,
    server: &Server,
    client: &mut Client,
    logon: Handle,
) -> anyhow::Result<(Span, Span)> {
    let mut random = Random::new(7);
    let (mut saves, mut deletes) = (Vec::new(), Vec::new());
    for _ in 0..bench.rounds(40, 100) {
        let batch = new_message(logon, &mut random);
        let mut answer = None;
        saves.push(server.span(|| {
            answer = Some(client.execute(&batch)?);
            Ok(())
        })?);
        let saved = answer.into_iter().flat_map(|answer| answer.responses).find_map(|response| {
            match response.body {
                RopResponse::SaveChangesMessage(saved) => Some(saved.message),
                _ => None,
            }
        });
        let batch = delete(logon, saved.context("nothing was saved")?);
        deletes.push(server.span(|| client.execute(&batch).map(drop))?);
    }
    Ok((middle(&saves), middle(&deletes)))
}

fn delete(logon: Handle, id: MessageId) -> Batch {
    let inbox = OpenFolderRequest { folder: INBOX, flags: OpenFolderFlags::NONE };
    let request = DeleteMessagesRequest {
        want_asynchronous: false,
        notify_non_read: false,
        messages: Counted::from(vec![id]),
    };
    Batch::new(&[logon])
        .open(0, RopRequest::OpenFolder(inbox))
        .on(1, RopRequest::DeleteMessages(request))
        .release(1)
}

/// A command on a data directory that nobody holds; none if the program does not have it yet.
fn command(
    bench: &Bench,
    command: &[&str],
    data: &Path,
    target: Option<&Path>,
) -> anyhow::Result<Option<Span>> {
    let help = Command::new(&bench.coffer).args(command).arg("--help").output()?;
    if !help.status.success() {
        return Ok(None);
    }
    let began = Instant::now();
    let mut run = Command::new(&bench.coffer);
    run.arg("--data").arg(data).args(command).args(target);
    let child = run.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
    let usage = reap(&child)?;
    if !usage.success {
        bail!("coffer {} failed", command.join(" "));
    }
    if let Some(target) = target {
        ensure!(target.exists(), "coffer {} left nothing behind", command.join(" "));
        std::fs::remove_dir_all(target)?;
    }
    Ok(Some(Span { cpu: usage.cpu, clock: began.elapsed() }))
}
