//! Ten thousand messages of 10 kB over IMAP: what each command costs, what they take on the disk, what the server
//! holds while ten clients do all of it, and what idle connections add.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::letter::{Letters, RARE, RARE_EVERY};
use super::lmtp::Lmtp;
use super::{BYTES, MIB, NAME, Place, READER, SENDERS, user};
use crate::Bench;
use crate::figure::{Figure, Span, milliseconds};
use crate::logon::middle;
use crate::measure::{disk_bytes, median_time};
use crate::server::Server;

const CLIENTS: usize = 10;
const IDLE: usize = 500;
/// Rounds of the server beside.
const OTHER_ROUNDS: usize = 3;

struct Imap {
    stream: BufReader<TcpStream>,
    line: Vec<u8>,
}

/// What came of a command.
#[derive(Debug, Default)]
struct Answer {
    /// Untagged FETCH responses, or numbers of SEARCH.
    items: usize,
    /// Bytes of literals.
    literals: usize,
}

impl Imap {
    fn log_in(place: Place, number: usize) -> anyhow::Result<Imap> {
        let stream = TcpStream::connect(place.imap)?;
        stream.set_nodelay(true)?;
        let stream = BufReader::with_capacity(256 << 10, stream);
        let mut imap = Imap { stream, line: Vec::new() };
        imap.stream.read_until(b'\n', &mut imap.line)?;
        imap.run(&format!("LOGIN {} {}", user(number), place.password))?;
        Ok(imap)
    }

    fn say(&mut self, text: &str) -> anyhow::Result<()> {
        Ok(self.stream.get_mut().write_all(text.as_bytes())?)
    }

    /// Says a command and reads its answer to the end.
    fn run(&mut self, command: &str) -> anyhow::Result<Answer> {
        self.say(&format!("a {command}\r\n"))?;
        let mut answer = Answer::default();
        let mut continued = false;
        loop {
            self.line.clear();
            ensure!(self.stream.read_until(b'\n', &mut self.line)? > 0, "closed: {command}");
            let line = &self.line[..];
            if !continued {
                if let Some(end) = line.strip_prefix(b"a ") {
                    ensure!(end.starts_with(b"OK"), "{command}: {}", String::from_utf8_lossy(end));
                    return Ok(answer);
                }
                if line.starts_with(b"* SEARCH") {
                    answer.items += line.split(|byte| *byte == b' ').count() - 2;
                } else if line.windows(7).take(16).any(|word| word == b" FETCH ") {
                    answer.items += 1;
                }
            }
            let length = literal(line);
            continued = length.is_some();
            answer.literals += length.unwrap_or(0);
            let mut left = length.unwrap_or(0);
            while left > 0 {
                let there = self.stream.fill_buf()?.len().min(left);
                ensure!(there > 0, "closed in a literal");
                self.stream.consume(there);
                left -= there;
            }
        }
    }
}

fn literal(line: &[u8]) -> Option<usize> {
    let inside = line.strip_suffix(b"}\r\n")?;
    let begin = inside.iter().rposition(|byte| *byte == b'{')?;
    std::str::from_utf8(&inside[begin + 1..]).ok()?.parse().ok()
}

/// A command, how many milliseconds it may take, and what it has to answer: items, and bytes of literals at least,
/// both of all messages.
struct Operation {
    name: &'static str,
    command: String,
    limit: f64,
    items: usize,
    literals: usize,
}

fn operations(messages: usize) -> Vec<Operation> {
    let operation = |name, command: &str, limit, items, literals| Operation {
        name,
        command: command.to_owned(),
        limit,
        items,
        literals,
    };
    let rare = messages / RARE_EVERY;
    vec![
        operation("SELECT", "SELECT INBOX", 5.0, 0, 0),
        operation("UID FETCH of flags", "UID FETCH 1:* (FLAGS)", 10.0, messages, 0),
        operation(
            "UID FETCH of flags, date, size and header",
            "UID FETCH 1:* (FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER])",
            120.0,
            messages,
            500 * messages,
        ),
        operation(
            "UID FETCH of whole bodies",
            "UID FETCH 1:* (BODY.PEEK[])",
            250.0,
            messages,
            BYTES * 98 / 100 * messages,
        ),
        operation("SEARCH SUBJECT", "UID SEARCH SUBJECT \"xyzzy\"", 10.0, 0, 0),
        operation("SEARCH BODY", &format!("UID SEARCH BODY {RARE}"), 20.0, rare, 0),
    ]
}

fn count(bench: &Bench) -> usize {
    bench.rounds(2_000, 10_000)
}

/// Delivers the many messages to one user, here and beside.
pub(super) fn fill(
    bench: &Bench,
    place: Place,
    beside: Option<Place>,
) -> anyhow::Result<Vec<Figure>> {
    let messages = count(bench);
    for place in [Some(place), beside].into_iter().flatten() {
        let began = Instant::now();
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..SENDERS)
                .map(|number| {
                    scope.spawn(move || -> anyhow::Result<()> {
                        let mut letters = Letters::new(1_000 + number as u64, BYTES);
                        let mut lmtp = Lmtp::connect(place.lmtp)?;
                        for _ in (number..messages).step_by(SENDERS) {
                            lmtp.deliver(&user(READER), &letters.next())?;
                        }
                        Ok(())
                    })
                })
                .collect();
            threads
                .into_iter()
                .try_for_each(|thread| thread.join().ok().context("a client panicked")?)
        })?;
        eprintln!("bench: {messages} messages delivered in {:.1?}", began.elapsed());
    }
    Ok(Vec::new())
}

/// What the messages take, and where.
pub(super) fn disk(bench: &Bench, data: &Path, empty: u64) -> anyhow::Result<Vec<Figure>> {
    // Those of the deliveries before lie there too.
    let delivered = bench.rounds(200, 1_000) + SENDERS * bench.rounds(100, 500);
    let raw = ((count(bench) + delivered) * BYTES) as f64;
    let taken = disk_bytes(data)?.saturating_sub(empty) as f64;
    let mut parts = Vec::new();
    shares(data, data, 3, &mut parts)?;
    parts.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    let shares: Vec<String> = parts
        .iter()
        .take(6)
        .map(|(name, bytes)| format!("{name} {:.1}", *bytes as f64 / MIB))
        .collect();
    let note = format!("{:.1} MiB of mail; {} MiB", raw / MIB, shares.join(", "));
    Ok(vec![
        Figure::new(NAME, "disk for the messages", taken / MIB, "MiB")
            .at_most((0.75 * raw + 20e6) / MIB)
            .note(note),
    ])
}

/// What the folders of a directory take, so many levels below it.
fn shares(
    root: &Path,
    dir: &Path,
    levels: usize,
    parts: &mut Vec<(String, u64)>,
) -> anyhow::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let name = |path: &Path| {
        path.strip_prefix(root).map_or_else(|_| String::new(), |path| path.display().to_string())
    };
    let mut here = 0;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        match (metadata.is_dir(), levels) {
            (true, 0) => here += disk_bytes(&entry.path())?,
            (true, _) => shares(root, &entry.path(), levels - 1, parts)?,
            (false, _) => here += metadata.blocks() * 512,
        }
    }
    parts.push((name(dir), here));
    Ok(())
}

/// Each command, after the server started and then over and over.
pub(super) fn measure(
    bench: &Bench,
    server: &Server,
    place: Place,
    beside: Option<Place>,
) -> anyhow::Result<Vec<Figure>> {
    let messages = count(bench);
    let rounds = bench.rounds(3, 9);
    let mut imap = Imap::log_in(place, READER)?;
    let mut other = beside.map(|beside| Imap::log_in(beside, READER)).transpose()?;
    let mut figures = Vec::new();
    for operation in operations(messages) {
        let (mut spans, mut theirs): (Vec<Span>, Vec<Duration>) = Default::default();
        for _ in 0..rounds {
            spans.push(server.span(|| checked(&mut imap, &operation))?);
            // Its slowest commands take seconds.
            if let Some(other) = other.as_mut().filter(|_| theirs.len() < OTHER_ROUNDS) {
                let began = Instant::now();
                checked(other, &operation)?;
                theirs.push(began.elapsed());
            }
        }
        let first = milliseconds(spans[0].clock);
        let mut note = format!("the first {first:.3} ms");
        if !theirs.is_empty() {
            let theirs = milliseconds(median_time(theirs));
            note.push_str(&format!("; Dovecot {theirs:.3} ms"));
        }
        let name = format!("IMAP, {messages} messages: {}", operation.name);
        // The first one is measured apart: it reads what later ones find in memory.
        let span = middle(&spans[1..]);
        eprintln!("bench: {name}: {:.3} ms, {note}", milliseconds(span.clock));
        figures.push(Figure::time(NAME, name, span).at_most(operation.limit).note(note));
    }
    Ok(figures)
}

fn checked(imap: &mut Imap, operation: &Operation) -> anyhow::Result<()> {
    let answer = imap.run(&operation.command)?;
    let name = operation.name;
    ensure!(answer.items == operation.items, "{name}: {} items", answer.items);
    ensure!(answer.literals >= operation.literals, "{name}: {} octets", answer.literals);
    Ok(())
}

/// Ten clients do all of it at the same time.
pub(super) fn crowd(bench: &Bench, server: &Server, place: Place) -> anyhow::Result<Vec<Figure>> {
    let messages = count(bench);
    let before = server.resident()? as f64 / MIB;
    let mut peak = before;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(move || -> anyhow::Result<()> {
                    let mut imap = Imap::log_in(place, READER)?;
                    let all = operations(messages);
                    all.iter().try_for_each(|operation| checked(&mut imap, operation))
                })
            })
            .collect();
        while threads.iter().any(|thread| !thread.is_finished()) {
            peak = peak.max(server.resident()? as f64 / MIB);
            std::thread::sleep(Duration::from_millis(5));
        }
        threads.into_iter().try_for_each(|thread| thread.join().ok().context("panicked")?)
    })?;
    let waited = if bench.quick { 3 } else { 60 };
    std::thread::sleep(Duration::from_secs(waited));
    let after = server.resident()? as f64 / MIB;
    // The configured caches: the memory budget's default.
    let caches = store::StoreOptions::default().memory_budget as f64 / MIB;
    let figure = |name: &str, value: f64| Figure::new(NAME, name, value, "MiB");
    Ok(vec![
        figure("IMAP: resident while ten clients do all that", peak)
            .at_most(150.0 + caches)
            .note(format!("{before:.1} MiB before; caches of {caches:.0} MiB are counted")),
        figure(&format!("IMAP: what stays of it {waited} s later"), (after - before).max(0.0))
            .at_most((before / 5.0).max(16.0)),
    ])
}

/// Connections that idle.
pub(super) fn idle(server: &Server, place: Place) -> anyhow::Result<Vec<Figure>> {
    std::thread::sleep(Duration::from_secs(1));
    let mut first = Imap::log_in(place, READER)?;
    first.run("SELECT INBOX")?;
    let before = server.resident()? as f64 / MIB;
    let mut all = Vec::new();
    for _ in 0..IDLE {
        let mut imap = Imap::log_in(place, READER)?;
        imap.run("SELECT INBOX")?;
        imap.say("i IDLE\r\n")?;
        imap.line.clear();
        imap.stream.read_until(b'\n', &mut imap.line)?;
        ensure!(imap.line.starts_with(b"+"), "no IDLE");
        all.push(imap);
    }
    std::thread::sleep(Duration::from_secs(3));
    let full = server.resident()? as f64 / MIB;
    Ok(vec![
        Figure::new(NAME, format!("{IDLE} idle IMAP connections add"), full - before, "MiB")
            .at_most(40.0)
            .note("each has selected the mailbox and waits in IDLE"),
    ])
}
