//! Durable deliveries: what is answered with 250 is on disk.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Barrier;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::letter::Letters;
use super::{BYTES, NAME, Place, SENDERS, seconds, user};
use crate::Bench;
use crate::figure::{Figure, Span, milliseconds};
use crate::logon::middle;
use crate::measure::{DiskProbe, median_time};
use crate::server::Server;

pub(super) struct Lmtp {
    stream: BufReader<TcpStream>,
}

impl Lmtp {
    pub(super) fn connect(address: SocketAddr) -> anyhow::Result<Lmtp> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let mut lmtp = Lmtp { stream: BufReader::new(stream) };
        lmtp.expect("220")?;
        lmtp.say(b"LHLO bench.example.test\r\n")?;
        lmtp.expect("250")?;
        Ok(lmtp)
    }

    /// Delivers one message to one recipient, as an MTA with PIPELINING does.
    pub(super) fn deliver(&mut self, recipient: &str, message: &str) -> anyhow::Result<()> {
        self.say(
            format!("MAIL FROM:<sender@example.test>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n")
                .as_bytes(),
        )?;
        for code in ["250", "250", "354"] {
            self.expect(code)?;
        }
        // No line of it begins with a dot.
        self.say(&[message.as_bytes(), b".\r\n"].concat())?;
        self.expect("250")
    }

    fn say(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        Ok(self.stream.get_mut().write_all(bytes)?)
    }

    fn expect(&mut self, code: &str) -> anyhow::Result<()> {
        let mut line = String::new();
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            ensure!(line.starts_with(code), "{line:?} instead of {code}");
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(());
            }
        }
    }
}

pub(super) fn measure(
    bench: &Bench,
    server: &Server,
    place: Place,
    beside: Option<Place>,
) -> anyhow::Result<Vec<Figure>> {
    let mut figures = alone(bench, server, place, beside)?;
    figures.extend(together(bench, server, place, beside)?);
    Ok(figures)
}

/// One connection. After each delivery the disk is asked what a sync takes right now.
fn alone(
    bench: &Bench,
    server: &Server,
    place: Place,
    beside: Option<Place>,
) -> anyhow::Result<Vec<Figure>> {
    let mut lmtp = Lmtp::connect(place.lmtp)?;
    let mut letters = Letters::new(1, BYTES);
    let mut probe = DiskProbe::new(&bench.scratch)?;
    let (mut spans, mut syncs) = (Vec::new(), Vec::new());
    let messages = bench.rounds(200, 1_000);
    let counted = server.metric("coffer_engine_syncs_total")?;
    for _ in 0..messages {
        let letter = letters.next();
        spans.push(server.span(|| lmtp.deliver(&user(1), &letter))?);
        syncs.push(probe.sync()?);
    }
    let counted = server.metric("coffer_engine_syncs_total")? - counted;
    let (one, sync) = (middle(&spans), median_time(syncs));
    let ours: Duration = spans.iter().map(|span| span.clock).sum();
    let limit = 1.2 * milliseconds(sync) + 0.6;
    let note = format!(
        "median of {messages}; a sync meanwhile took {:.3} ms, so {:.3} ms are ours",
        milliseconds(sync),
        milliseconds(one.clock) - milliseconds(sync)
    );
    let mut figures = vec![
        Figure::new(
            NAME,
            "LMTP, 1 connection: a message by the clock",
            milliseconds(one.clock),
            "ms",
        )
        .at_most(limit)
        .note(note),
        Figure::time(NAME, "LMTP, 1 connection: server CPU a message", one),
        Figure::new(
            NAME,
            "LMTP, 1 connection: syncs a message",
            counted / messages as f64,
            "syncs",
        ),
    ];
    if let Some(beside) = beside {
        let mut lmtp = Lmtp::connect(beside.lmtp)?;
        let mut letters = Letters::new(1, BYTES);
        let messages = bench.rounds(50, 300);
        let mut theirs = Duration::ZERO;
        for _ in 0..messages {
            let letter = letters.next();
            let began = Instant::now();
            lmtp.deliver(&user(1), &letter)?;
            theirs += began.elapsed();
        }
        let rate = spans.len() as f64 / seconds(ours);
        figures.push(times(
            "LMTP, 1 connection: deliveries a second / Dovecot's",
            rate,
            messages as f64 / seconds(theirs),
        ));
    }
    Ok(figures)
}

fn times(name: &str, ours: f64, theirs: f64) -> Figure {
    Figure::new(NAME, name, ours / theirs, "×")
        .at_least(5.0)
        .note(format!("{ours:.0} and {theirs:.0} a second"))
}

/// A connection for each of eight mailboxes.
fn together(
    bench: &Bench,
    server: &Server,
    place: Place,
    beside: Option<Place>,
) -> anyhow::Result<Vec<Figure>> {
    let each = bench.rounds(100, 500);
    let mut probe = DiskProbe::new(&bench.scratch)?;
    let mut syncs = (0..each / 4).map(|_| probe.sync()).collect::<Result<Vec<_>, _>>()?;
    let (cpu, counted) = (server.cpu()?, server.metric("coffer_engine_syncs_total")?);
    let clock = eight(place, each)?;
    let cpu = server.cpu()?.saturating_sub(cpu);
    let counted = server.metric("coffer_engine_syncs_total")? - counted;
    for _ in 0..each / 4 {
        syncs.push(probe.sync()?);
    }
    let messages = each * SENDERS;
    let rate = messages as f64 / seconds(clock);
    let sync = milliseconds(median_time(syncs));
    let mut figures = vec![
        Figure::new(
            NAME,
            "LMTP, 8 connections: syncs a message",
            counted / messages as f64,
            "syncs",
        )
        .at_most(0.3)
        .note(format!("{messages} messages, {rate:.0} a second; a sync alone {sync:.3} ms")),
        Figure::time(
            NAME,
            "LMTP, 8 connections: server CPU a message",
            Span { cpu, clock }.each(messages),
        )
        .at_most(0.5)
        .of_cpu(),
    ];
    if let Some(beside) = beside {
        let each = bench.rounds(25, 150);
        let theirs = (each * SENDERS) as f64 / seconds(eight(beside, each)?);
        figures.push(times("LMTP, 8 connections: deliveries a second / Dovecot's", rate, theirs));
    }
    Ok(figures)
}

/// How long eight connections take for so many messages each. The messages are made before.
fn eight(place: Place, each: usize) -> anyhow::Result<Duration> {
    let start = Barrier::new(SENDERS + 1);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (1..=SENDERS)
            .map(|number| {
                let start = &start;
                scope.spawn(move || -> anyhow::Result<()> {
                    let mut letters = Letters::new(100 + number as u64, BYTES);
                    let letters: Vec<String> = (0..each).map(|_| letters.next()).collect();
                    let ready = Lmtp::connect(place.lmtp);
                    // Whoever failed has to come as well, or the others wait for ever.
                    start.wait();
                    let mut lmtp = ready?;
                    letters.iter().try_for_each(|letter| lmtp.deliver(&user(number), letter))
                })
            })
            .collect();
        start.wait();
        let began = Instant::now();
        for thread in threads {
            thread.join().ok().context("a client panicked")??;
        }
        Ok(began.elapsed())
    })
}
