//! What a server holds of memory that does nothing, and what sessions add that do nothing.

use std::time::Duration;

use crate::Bench;
use crate::client::Client;
use crate::figure::Figure;
use crate::mailbox::{self, Made};
use crate::server::Server;

const NAME: &str = "idle";
const SESSIONS: usize = 1_000;
/// Sessions of one user are limited.
const USERS: usize = 20;
const MIB: f64 = (1 << 20) as f64;

pub fn run(bench: &mut Bench) -> anyhow::Result<Vec<Figure>> {
    let made = mailbox::make(&bench.scratch.join("idle"), USERS, 0)?;
    let kept = with_sessions(bench, &made, true)?;
    let closed = with_sessions(bench, &made, false)?;
    let figure = |name: &str, value: f64| Figure::new(NAME, name, value, "MiB");
    let adds = "1,000 idle logged-on sessions add";
    let waited = if bench.quick { "3 s" } else { "a minute" };
    let after = |end: Sizes| {
        format!(
            "{:.1} kB of a session are allocated; {:.1} MiB resident {waited} after all logged off",
            end.allocated / 1e3,
            end.after
        )
    };
    // Of a burst, the larger of a fifth and 16 MiB may stay.
    let may_stay = |end: Sizes| (end.idle / 5.0).max(16.0);
    let mut figures = vec![
        figure("idle server, resident", kept.idle).at_most(40.0).note("a second after the start"),
        figure(&format!("{adds}, each on its connection"), kept.full - kept.idle)
            .at_most(20.0)
            .note(after(kept)),
        figure(&format!("{adds}, connections closed"), closed.full - closed.idle)
            .at_most(20.0)
            .note(after(closed)),
    ];
    if !bench.quick {
        let stays = figure("what stays of them a minute later", kept.after - kept.idle);
        figures.push(stays.at_most(may_stay(kept)));
    }
    Ok(figures)
}

/// Resident memory of a server in MiB.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    idle: f64,
    /// With all sessions.
    full: f64,
    /// Bytes that the program asked for, for each session.
    allocated: f64,
    /// When they are gone.
    after: f64,
}

fn with_sessions(bench: &Bench, made: &Made, keep: bool) -> anyhow::Result<Sizes> {
    let server = Server::start(bench, &made.data)?;
    let settled = |seconds| {
        std::thread::sleep(Duration::from_secs(seconds));
        anyhow::Ok(server.resident()? as f64 / MIB)
    };
    let idle = settled(1)?;
    let before = server.metric("coffer_allocated_bytes")?;
    let mut clients = Vec::new();
    let mut sessions = Vec::new();
    for number in 0..SESSIONS {
        let user = &made.users[number % made.users.len()];
        let (client, _) = Client::logged_on(server.address, user)?;
        match keep {
            true => clients.push(client),
            false => sessions.push((user, client.cookies.clone())),
        }
    }
    let full = settled(3)?;
    let allocated = (server.metric("coffer_allocated_bytes")? - before) / SESSIONS as f64;
    let live = server.metric("coffer_logons")?;
    anyhow::ensure!(live == SESSIONS as f64, "{live} logons instead of {SESSIONS}");
    for (user, cookies) in sessions {
        let mut client = Client::new(server.address, user)?;
        client.cookies = cookies;
        client.disconnect()?;
    }
    clients.iter_mut().try_for_each(Client::disconnect)?;
    drop(clients);
    let after = settled(if bench.quick { 3 } else { 60 })?;
    server.stop()?;
    Ok(Sizes { idle, full, allocated, after })
}
