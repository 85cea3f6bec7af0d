//! The JSON object of `coffer top`.

use mapi_server::http::ConnectionInfo;
use mapi_server::http::bounds::{Bounded, Unit};
use mapi_server::ledger::{Done, Use};
use mapi_server::report::{GroupReport, Report, SessionReport};
use mapi_server::{Kind, Limit, Processor};
use serde_json::{Map, Value, json};
use store::Store;

use super::Served;

/// None when the server ended.
pub fn report(store: &Store, served: &Served, user: Option<&str>) -> Option<Value> {
    let (report, connections) = served.look(user)?;
    let processor = served.processor()?;
    Some(json!({
        "totals": totals(&processor, &report),
        "users": groups(&report.users, "user", &report.sessions, |row| &row.user),
        "clients": groups(&report.clients, "client", &report.sessions, |row| &row.client),
        "sessions": report.sessions.iter().map(session).collect::<Vec<_>>(),
        "connections": connections.iter().map(connection).collect::<Vec<_>>(),
        "store": store_gauges(store),
        "bounds": served.bounds()?.iter().map(bound).collect::<Vec<_>>(),
        "limits": limits(&processor),
    }))
}

fn totals(processor: &Processor, report: &Report) -> Value {
    let ledger = &processor.ledger;
    let mut row = Map::new();
    put_use(&mut row, &report.total);
    row.insert("refused".into(), ledger.refused().into());
    row.insert("warnings".into(), ledger.warned().into());
    row.insert("panics".into(), ledger.panics().into());
    row.into()
}

/// `of` names the group that a session belongs to.
fn groups<'a>(
    groups: &std::collections::BTreeMap<String, GroupReport>,
    what: &str,
    sessions: &'a [SessionReport],
    of: impl Fn(&'a SessionReport) -> &'a String,
) -> Vec<Value> {
    let row = |(name, group): (&String, &GroupReport)| {
        let mut row = Map::new();
        row.insert(what.into(), name.as_str().into());
        put_use(&mut row, &group.usage);
        put_done(&mut row, &group.done);
        row.insert("age_seconds".into(), group.age.as_secs().into());
        let idle = sessions.iter().filter(|session| of(session) == name).map(|s| s.idle).min();
        row.insert("idle_seconds".into(), idle.unwrap_or_default().as_secs().into());
        Value::from(row)
    };
    groups.iter().map(row).collect()
}

fn session(session: &SessionReport) -> Value {
    let mut row = Map::new();
    row.insert("session".into(), session.session.into());
    row.insert("user".into(), session.user.as_str().into());
    row.insert("client".into(), session.client.as_str().into());
    row.insert("peer".into(), session.peer.map(|peer| peer.to_string()).into());
    put_use(&mut row, &session.usage);
    put_done(&mut row, &session.done);
    row.insert("age_seconds".into(), session.age.as_secs().into());
    row.insert("idle_seconds".into(), session.idle.as_secs().into());
    row.into()
}

fn connection(connection: &ConnectionInfo) -> Value {
    json!({
        "peer": connection.peer.to_string(),
        "user": connection.user,
        "client": connection.client,
        "age_seconds": connection.age.as_secs(),
        "requests": connection.requests,
    })
}

/// `objects` are nodes of owner trees; `kinds` has those that are there.
fn put_use(row: &mut Map<String, Value>, usage: &Use) {
    let kinds: Map<String, Value> = Kind::ALL
        .into_iter()
        .filter(|kind| usage.of(*kind) > 0)
        .map(|kind| (kind.name().to_owned(), usage.of(kind).into()))
        .collect();
    row.insert("sessions".into(), usage.of(Kind::Session).into());
    row.insert("objects".into(), usage.nodes().into());
    row.insert("kinds".into(), kinds.into());
    row.insert("bytes".into(), usage.bytes.into());
    row.insert("staged_bytes".into(), usage.staged.into());
}

fn put_done(row: &mut Map<String, Value>, done: &Done) {
    for (name, number) in [
        ("requests", done.requests),
        ("rops", done.rops),
        ("errors", done.errors),
        ("writes", done.writes),
        ("refused", done.refused),
        ("received_bytes", done.received),
        ("sent_bytes", done.sent),
    ] {
        row.insert(name.into(), number.into());
    }
    row.insert("busy_seconds".into(), (done.busy_micros as f64 / 1e6).into());
}

fn store_gauges(store: &Store) -> Value {
    let gauges = store.gauges();
    json!({
        "mailboxes": gauges.mailboxes,
        "views": gauges.views,
        "view_bytes": gauges.view_bytes,
        "subscriptions": gauges.subscribers,
        "staged_bytes": gauges.staged_bytes,
    })
}

/// What may grow, with its bound.
fn bound(bounded: &Bounded) -> Value {
    let unit = match bounded.unit {
        Unit::Bytes => "bytes",
        Unit::DiskBytes => "bytes in files",
        Unit::Entries => "entries",
        Unit::Queued => "queued",
        Unit::Open => "open",
    };
    json!({ "what": bounded.name, "unit": unit, "used": bounded.used, "bound": bounded.bound })
}

fn limits(processor: &Processor) -> Vec<Value> {
    let row = |limit: &Limit| {
        json!({
            "limit": limit.name(),
            "value": processor.limits.get(*limit),
            "refused": processor.ledger.refused_by(*limit),
        })
    };
    Limit::ALL.iter().map(row).collect()
}
