//! Connect, Logon, Release and Disconnect, next to PINGs: what a program costs that opens a store and
//! closes it again.

use mapi_rop::Handle;
use mapi_rop::http::RequestType;

use crate::Bench;
use crate::client::{Client, Cookies, PLAIN, connect_body, disconnect_body, execute_body};
use crate::figure::{Figure, Span};
use crate::mailbox::{self, User};
use crate::measure::{median, median_time};
use crate::rops::{Batch, logon};
use crate::server::Server;

const NAME: &str = "logon";
/// Cycles in a round, and a quarter of its PINGs.
const CYCLES: usize = 100;
/// Sessions that go through the four requests side by side, to tell the four apart.
const ABREAST: usize = 64;

/// The bodies of the four requests of a cycle.
pub struct Cycle {
    connect: Vec<u8>,
    logon: Vec<u8>,
    disconnect: Vec<u8>,
    batch: Batch,
}

impl Cycle {
    pub fn of(user: &User) -> anyhow::Result<Cycle> {
        let batch = logon(&user.dn);
        Ok(Cycle {
            connect: connect_body(&user.dn),
            logon: execute_body(&batch.bytes()?, PLAIN)?,
            disconnect: disconnect_body(),
            batch,
        })
    }

    pub fn run(&self, client: &mut Client) -> anyhow::Result<()> {
        self.connect(client)?;
        let handle = self.log_on(client)?;
        self.release(client, handle)?;
        self.disconnect(client)
    }

    fn connect(&self, client: &mut Client) -> anyhow::Result<()> {
        client.cookies = Cookies::default();
        client.call(RequestType::Connect, &self.connect).map(drop)
    }

    fn log_on(&self, client: &mut Client) -> anyhow::Result<Handle> {
        let answer = client.execute_bytes(&self.logon)?;
        let handles = self.batch.read(&answer)?.handles;
        handles.first().copied().ok_or_else(|| anyhow::anyhow!("a logon without a handle"))
    }

    fn release(&self, client: &mut Client, logon: Handle) -> anyhow::Result<()> {
        client.execute(&Batch::new(&[logon]).release(0)).map(drop)
    }

    fn disconnect(&self, client: &mut Client) -> anyhow::Result<()> {
        client.call(RequestType::Disconnect, &self.disconnect).map(drop)
    }
}

pub fn run(bench: &mut Bench) -> anyhow::Result<Vec<Figure>> {
    let made = mailbox::make(&bench.scratch.join("logon"), 1, 100)?;
    let user = &made.users[0];
    let server = Server::start(bench, &made.data)?;
    let cycle = Cycle::of(user)?;
    let mut client = Client::new(server.address, user)?;
    client.connect()?;
    let pinging = std::mem::take(&mut client.cookies);

    let rounds = bench.rounds(20, 120);
    let (mut kept, mut pings, mut anew) = (Vec::new(), Vec::new(), Vec::new());
    let mut parts: [Vec<Span>; 4] = Default::default();
    for round in 0..rounds + 2 {
        let cycles = server.span(|| (0..CYCLES).try_for_each(|_| cycle.run(&mut client)))?;
        client.cookies = pinging.clone();
        let four = server.span(|| (0..4 * CYCLES).try_for_each(|_| client.ping()))?;
        let new = server.span(|| {
            (0..CYCLES).try_for_each(|_| cycle.run(&mut Client::new(server.address, user)?))
        })?;
        let apart = abreast(&server, &cycle, &mut client)?;
        // The first rounds warm up.
        if round < 2 {
            continue;
        }
        kept.push(cycles.each(CYCLES));
        pings.push(four.each(CYCLES));
        anew.push(new.each(CYCLES));
        parts.iter_mut().zip(apart).for_each(|(part, span)| part.push(span.each(ABREAST)));
    }
    client.cookies = pinging;
    client.disconnect()?;
    let left = server.metric("coffer_live_objects_total")?;
    anyhow::ensure!(left == 0.0, "{left} objects are left on the server");
    server.stop()?;

    let ratios = kept.iter().zip(&pings).map(|(cycle, ping)| ratio(*cycle, *ping)).collect();
    let all = ratio(sum(&kept), sum(&pings));
    let counted = rounds * CYCLES;
    let mut figures = vec![
        Figure::new(NAME, "four requests / four PINGs, kept connection", median(ratios), "×")
            .at_most(1.5)
            .note(format!("median of {rounds} rounds, {counted} cycles; {all:.3} over all")),
        Figure::time(NAME, "Connect, Logon, Release, Disconnect, kept connection", middle(&kept))
            .at_most(0.15)
            .goal()
            .of_cpu(),
        Figure::time(NAME, "four PINGs in a session, kept connection", middle(&pings)),
        Figure::time(NAME, "the four with a new connection each cycle", middle(&anew))
            .at_most(0.4)
            .of_cpu(),
    ];
    let names = ["Connect", "Execute of RopLogon", "Execute of RopRelease", "Disconnect"];
    for (name, part) in names.iter().zip(&parts) {
        let note = format!("{ABREAST} sessions side by side");
        figures.push(Figure::time(NAME, format!("of these: {name}"), middle(part)).note(note));
    }
    Ok(figures)
}

/// The four requests of many sessions, each kind by itself.
fn abreast(server: &Server, cycle: &Cycle, client: &mut Client) -> anyhow::Result<[Span; 4]> {
    let mut sessions = Vec::with_capacity(ABREAST);
    let connect = server.span(|| {
        for _ in 0..ABREAST {
            cycle.connect(client)?;
            sessions.push((std::mem::take(&mut client.cookies), Handle::NONE));
        }
        Ok(())
    })?;
    let mut each = |step: &dyn Fn(&mut Client, Handle) -> anyhow::Result<Handle>| {
        server.span(|| {
            for (cookies, handle) in &mut sessions {
                std::mem::swap(&mut client.cookies, cookies);
                *handle = step(client, *handle)?;
                std::mem::swap(&mut client.cookies, cookies);
            }
            Ok(())
        })
    };
    let logon = each(&|client, _| cycle.log_on(client))?;
    let release = each(&|client, handle| cycle.release(client, handle).map(|()| handle))?;
    let disconnect = each(&|client, handle| cycle.disconnect(client).map(|()| handle))?;
    Ok([connect, logon, release, disconnect])
}

pub fn ratio(a: Span, b: Span) -> f64 {
    a.cpu.as_secs_f64() / b.cpu.as_secs_f64().max(1e-12)
}

/// The medians of many spans.
pub fn middle(spans: &[Span]) -> Span {
    Span {
        cpu: median_time(spans.iter().map(|span| span.cpu)),
        clock: median_time(spans.iter().map(|span| span.clock)),
    }
}

fn sum(spans: &[Span]) -> Span {
    Span {
        cpu: spans.iter().map(|span| span.cpu).sum(),
        clock: spans.iter().map(|span| span.clock).sum(),
    }
}
