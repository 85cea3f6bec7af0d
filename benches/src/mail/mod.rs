//! Internet mail: durable deliveries over LMTP, and ten thousand messages over IMAP. Dovecot is measured beside it
//! where its programs are installed.

mod dovecot;
mod imap;
pub mod letter;
mod lmtp;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;

use crate::Bench;
use crate::figure::Figure;
use crate::mailbox;
use crate::server::Server;
use dovecot::Dovecot;

const NAME: &str = "mail";
/// Bytes of a message.
const BYTES: usize = 10_000;
const MIB: f64 = (1 << 20) as f64;
/// Connections that deliver at the same time, each into a mailbox of its own.
const SENDERS: usize = 8;
/// Whose mailbox has the many messages.
const READER: usize = SENDERS + 1;

/// Where mail is delivered and read, and with which password.
#[derive(Debug, Clone, Copy)]
struct Place {
    lmtp: SocketAddr,
    imap: SocketAddr,
    password: &'static str,
}

fn user(number: usize) -> String {
    format!("user{number}@example.test")
}

pub fn run(bench: &mut Bench) -> anyhow::Result<Vec<Figure>> {
    let data = bench.scratch.join("mail");
    mailbox::make(&data, READER, 0)?;
    let empty = crate::measure::disk_bytes(&data)?;
    let other = Dovecot::start(&bench.scratch)?;
    let mut figures = Vec::new();
    match &other {
        Ok(_) => {}
        Err(why) => figures.push(Figure::new(NAME, "Dovecot", 0.0, "").note(why.to_owned())),
    }
    let other = other.ok();
    let server = start(bench, &data)?;
    let place = place(&server)?;
    let beside = other.as_ref().map(|other| other.place);
    figures.extend(lmtp::measure(bench, &server, place, beside)?);
    figures.extend(imap::fill(bench, place, beside)?);
    server.stop()?;
    // What is kept, when nothing is on its way any more.
    figures.extend(imap::disk(bench, &data, empty)?);
    let server = start(bench, &data)?;
    let place = self::place(&server)?;
    figures.extend(imap::measure(bench, &server, place, beside)?);
    figures.extend(imap::crowd(bench, &server, place)?);
    server.stop()?;
    let server = start(bench, &data)?;
    figures.extend(imap::idle(&server, self::place(&server)?)?);
    server.stop()?;
    Ok(figures)
}

fn start(bench: &Bench, data: &std::path::Path) -> anyhow::Result<Server> {
    let args = ["--lmtp", "127.0.0.1:0", "--imap", "127.0.0.1:0", "--limit"];
    let limit = ["mail-connections-per-user=1000"];
    Server::start_args(bench, data, &[&args[..], &limit].concat())
}

fn place(server: &Server) -> anyhow::Result<Place> {
    let of = |name: &str| server.line(name).with_context(|| format!("the server has no {name}"));
    Ok(Place { lmtp: of("LMTP")?, imap: of("IMAP")?, password: "\"correct horse\"" })
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}
