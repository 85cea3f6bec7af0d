//! The metrics page as Prometheus reads it: strictly.
#![cfg(feature = "http")]

mod support;

use std::collections::{HashMap, HashSet};

use mapi_server::http::Config;
use support::wire::{Client, logon_rops, scrape, start};

/// The name of a series and its labels.
type Key = (String, Vec<(String, String)>);
/// A series and its value.
type Series = (Key, f64);

/// Reads the text format of version 0.0.4 and complains about everything that is not in it.
fn parse(page: &str) -> Vec<Series> {
    assert!(page.ends_with('\n'), "the last line has an end");
    let mut types: HashMap<&str, &str> = HashMap::new();
    let mut helped = HashSet::new();
    let mut seen = HashSet::new();
    let mut current = "";
    let mut all = Vec::new();
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("a text");
            assert!(helped.insert(name) && !help.is_empty(), "{line}");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            assert!(["gauge", "counter", "histogram"].contains(&kind), "{line}");
            assert!(helped.contains(name) && types.insert(name, kind).is_none(), "{line}");
            current = name;
        } else {
            let (key, value) = series(line);
            let kind = types[current];
            let suffix = key.0.strip_prefix(current).expect("a family stands together");
            let allowed: &[&str] = match kind {
                "histogram" => &["_bucket", "_sum", "_count"],
                _ => &[""],
            };
            assert!(allowed.contains(&suffix), "{line} in {current}");
            assert_eq!(kind == "counter", kind != "histogram" && value.1, "{line}: {kind}");
            assert!(seen.insert(key.clone()), "twice: {line}");
            all.push((key, value.0));
        }
    }
    all
}

/// A line; and whether it is named as a counter is.
fn series(line: &str) -> (Key, (f64, bool)) {
    let is_name = |name: &str| {
        let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
        begins && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let end = line.find(['{', ' ']).expect("a name");
    let (name, mut rest) = line.split_at(end);
    assert!(is_name(name), "{line}");
    let mut labels = Vec::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, behind) = rest.split_once("=\"").expect("a label");
            assert!(is_name(label), "{line}");
            let mut text = String::new();
            let mut chars = behind.char_indices();
            let end = loop {
                match chars.next().expect("a quote at the end") {
                    (at, '"') => break at,
                    (_, '\\') => match chars.next().expect("an escape").1 {
                        'n' => text.push('\n'),
                        c @ ('\\' | '"') => text.push(c),
                        other => panic!("\\{other} in {line}"),
                    },
                    (_, c) => text.push(c),
                }
            };
            labels.push((label.to_owned(), text));
            rest = &behind[end + 1..];
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None => break,
            }
        }
        rest = rest.strip_prefix('}').expect("a bracket");
    }
    let value = rest.strip_prefix(' ').expect("a blank");
    let number: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
    assert!(number >= 0.0, "{line}");
    // A gauge of old has a counter's name; docs/metrics.md says so.
    let counts = name.ends_with("_total") && name != "coffer_live_objects_total";
    ((name.to_owned(), labels), (number, counts))
}

fn value(all: &[Series], name: &str, labels: &[(&str, &str)]) -> f64 {
    let found = all.iter().find(|((known, has), _)| {
        known == name && labels.iter().all(|(n, v)| has.iter().any(|(hn, hv)| hn == n && hv == v))
    });
    found.unwrap_or_else(|| panic!("no {name} {labels:?}")).1
}

#[test]
fn the_page_keeps_to_the_format_whatever_clients_call_themselves() {
    let (running, _, accounts) = start(Config::default());
    let hostile = ["a\"b\\c}{,=\" 1", "\u{fc}ber/1", "x\ty", "coffer_x{le=\"1\"} 5", "# HELP a b"];
    let mut clients = Vec::new();
    for (number, name) in hostile.iter().map(|name| (*name).to_owned()).enumerate() {
        let mut client = Client::of(&running, &accounts[number % 2]);
        client.application = name;
        client.connect(&accounts[number % 2]);
        client.execute(&logon_rops(&accounts[number % 2]));
        clients.push(client);
    }
    // More names than are told.
    for number in 0..60 {
        let mut client = Client::of(&running, &accounts[0]);
        client.application = format!("Client/{number}");
        client.connect(&accounts[0]);
        clients.push(client);
    }
    let all = parse(&scrape(&running));
    let named = |name: &str| all.iter().filter(|((known, _), _)| known == name).count();
    assert_eq!(named("coffer_client_sessions"), 20);
    let sessions = all.iter().filter(|((name, _), _)| name == "coffer_client_sessions");
    assert_eq!(sessions.map(|(_, value)| value).sum::<f64>(), 65.0);
    assert!(value(&all, "coffer_client_sessions", &[("client", "(others)")]) >= 45.0);
    assert!(value(&all, "coffer_client_sessions", &[("client", hostile[0])]) == 1.0);
    assert_eq!(value(&all, "coffer_live_objects_total", &[]), 65.0 + 10.0);
}

#[test]
fn what_is_done_is_counted_and_timed() {
    let (running, _, accounts) = start(Config::default());
    let mut client = Client::of(&running, &accounts[0]);
    client.connect(&accounts[0]);
    client.execute(&logon_rops(&accounts[0]));
    client.call("PING", &[]);
    client.cookies.retain(|(name, _)| name != "MapiSequence");
    assert_eq!(client.execute(&logon_rops(&accounts[0])).code(), 13);
    let mut nobody = Client::new(running.addresses()[0], "user1@example.test", "wrong");
    nobody.send("PING", &[]);
    assert_eq!(nobody.head().status, 401);

    let all = parse(&scrape(&running));
    let count = |name: &str, label: (&str, &str)| value(&all, name, &[label]);
    assert_eq!(count("coffer_http_request_duration_seconds_count", ("type", "PING")), 1.0);
    assert_eq!(count("coffer_http_request_duration_seconds_count", ("type", "Execute")), 2.0);
    assert_eq!(count("coffer_rop_duration_seconds_count", ("rop", "RopLogon")), 1.0);
    assert_eq!(count("coffer_rop_failures_total", ("rop", "RopLogon")), 0.0);
    assert_eq!(count("coffer_http_responses_total", ("code", "0")), 3.0);
    assert_eq!(count("coffer_http_responses_total", ("code", "13")), 1.0);
    assert_eq!(value(&all, "coffer_http_unauthorized_total", &[]), 1.0);
    assert_eq!(value(&all, "coffer_password_duration_seconds_count", &[]), 2.0);
    assert_eq!(value(&all, "coffer_connects_total", &[]), 1.0);
    // Buckets grow to the count, which is the one without a bound.
    let buckets: Vec<f64> = all
        .iter()
        .filter(|((name, labels), _)| {
            name == "coffer_rop_duration_seconds_bucket"
                && labels.contains(&("rop".to_owned(), "RopLogon".to_owned()))
        })
        .map(|(_, value)| *value)
        .collect();
    assert!(buckets.is_sorted() && buckets.last() == Some(&1.0), "{buckets:?}");
    // What is bounded has its bound beside it, and keeps to it.
    for (used, bound) in [
        ("coffer_bounded_bytes", "coffer_bound_bytes"),
        ("coffer_cache_entries", "coffer_cache_bound_entries"),
        ("coffer_queue_length", "coffer_queue_bound"),
        ("coffer_open", "coffer_open_bound"),
    ] {
        let rows: Vec<_> = all.iter().filter(|((name, _), _)| name == used).collect();
        assert!(!rows.is_empty());
        for ((_, labels), number) in rows {
            let labels: Vec<_> = labels.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            assert!(*number <= value(&all, bound, &labels), "{used} {labels:?}");
        }
    }
}
