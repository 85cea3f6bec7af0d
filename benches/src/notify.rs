//! What sessions cost that wait for notifications: while nothing happens, and when one change reaches all of
//! them.

use std::time::Duration;

use anyhow::ensure;
use mapi::wire::Wire;
use mapi_rop::http::{NotificationWaitRequest, RequestType};
use mapi_rop::irregular::{NotificationScope, RegisterNotificationRequest};
use mapi_rop::notification::NotificationFlags;
use mapi_rop::parts::Columns;
use mapi_rop::{ResponseBuffer, ResponseContext, RopRequest, RopResponse};

use crate::Bench;
use crate::client::{Client, PLAIN, execute_body};
use crate::figure::{Figure, Span};
use crate::mailbox;
use crate::random::Random;
use crate::rops::Batch;
use crate::save;
use crate::server::Server;

const NAME: &str = "notify";
const SESSIONS: usize = 1_000;

pub fn run(bench: &mut Bench) -> anyhow::Result<Vec<Figure>> {
    let made = mailbox::make(&bench.scratch.join("notify"), 1, 0)?;
    let user = &made.users[0];
    // All of them are sessions of one mailbox, so that one change is for each.
    let limits = ["sessions-per-user=2000", "connections-per-user=4000"];
    let server = Server::start_with(bench, &made.data, &limits)?;
    let (mut writer, logon) = Client::logged_on(server.address, user)?;
    let before = server.metric("coffer_allocated_bytes")?;
    let mut sessions = Vec::new();
    for _ in 0..SESSIONS {
        let (mut client, logon) = Client::logged_on(server.address, user)?;
        client.execute(&Batch::new(&[logon]).open(0, register()))?;
        sessions.push(client);
    }
    let held = (server.metric("coffer_allocated_bytes")? - before) / SESSIONS as f64;
    let quiet = if bench.quick { 3 } else { 30 };
    let idle = server.span(|| {
        std::thread::sleep(Duration::from_secs(quiet));
        Ok(())
    })?;
    let wait = NotificationWaitRequest { flags: 0, auxiliary: Vec::new().into() }.to_wire();
    for client in &mut sessions {
        client.send(RequestType::NotificationWait, &wait)?;
    }
    while server.metric("coffer_notification_waits")? < SESSIONS as f64 {
        std::thread::sleep(Duration::from_millis(10));
    }
    let waiting = server.span(|| {
        std::thread::sleep(Duration::from_secs(quiet));
        Ok(())
    })?;
    let message = save::new_message(logon, &mut Random::new(1));
    let reached = server.span(|| {
        writer.execute(&message)?;
        for client in &mut sessions {
            let answer = client.receive()?;
            ensure!(answer.get(8) == Some(&1), "a wait ended without an event");
        }
        Ok(())
    })?;
    let nothing = execute_body(&Batch::new(&[]).bytes()?, PLAIN)?;
    let fetched = server.span(|| {
        for client in &mut sessions {
            let answer = client.execute_bytes(&nothing)?;
            let answer = ResponseBuffer::read(
                &answer,
                &mut ResponseContext::new(&[], |_| Columns::from([])),
            )?;
            let told = answer.responses.iter().any(|r| matches!(r.body, RopResponse::Notify(_)));
            ensure!(told, "an event that was not told");
        }
        Ok(())
    })?;
    sessions.iter_mut().try_for_each(Client::disconnect)?;
    server.stop()?;
    let second = |span: Span| span.cpu.as_secs_f64() * 1e3 / quiet as f64;
    let figure = |name: &str, value: f64| Figure::new(NAME, name, value, "ms");
    Ok(vec![
        figure("1,000 subscribed sessions, CPU in a second in which nothing happens", second(idle))
            .note(format!("{:.1} kB of a session are allocated", held / 1e3)),
        figure("the same, each with a NotificationWait", second(waiting))
            .note("of that, one PENDING in 15 s to each"),
        Figure::time(NAME, "one change ends the waits of all 1,000", reached),
        Figure::time(NAME, "all 1,000 fetch what happened", fetched),
    ])
}

/// New objects in the whole store.
fn register() -> RopRequest {
    let request = RegisterNotificationRequest {
        types: NotificationFlags::OBJECT_CREATED,
        reserved: 0,
        scope: NotificationScope::WholeStore,
    };
    RopRequest::RegisterNotification(request)
}
