//! What is open and what it costs, as text for Prometheus.

use std::fmt::Write;
use std::sync::Arc;

use crate::ledger::Kind;
use crate::processor::Processor;

/// Tells how many bytes are allocated on the heap; only the binary knows its allocator.
pub type AllocatedBytes = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The text of `/metrics`.
pub fn text(processor: &Processor, allocated: Option<&AllocatedBytes>) -> String {
    let mut out = String::new();
    let ledger = &processor.ledger;
    head(&mut out, "coffer_live_objects", "gauge", "Objects that are open now, by kind.");
    for kind in Kind::ALL.into_iter().filter(|kind| kind.is_node()) {
        line(
            &mut out,
            &format!("coffer_live_objects{{kind=\"{}\"}}", kind.name()),
            ledger.live(kind),
        );
    }
    let mut gauge = |name: &str, help: &str, value: u64| {
        head(&mut out, name, "gauge", help);
        line(&mut out, name, value);
    };
    gauge("coffer_live_objects_total", "Objects that are open now.", ledger.live_total());
    gauge("coffer_object_bytes", "Bytes that open objects hold.", ledger.bytes());
    gauge("coffer_sessions", "Session Contexts.", processor.sessions.len() as u64);
    gauge("coffer_logons", "Logons to stores.", ledger.live(Kind::Logon));
    gauge(
        "coffer_http_connections",
        "Connections to the web server.",
        ledger.live(Kind::Connection),
    );
    gauge(
        "coffer_credential_cache_entries",
        "Users whose verified credentials are remembered.",
        ledger.live(Kind::Credential),
    );
    gauge(
        "coffer_warm_mailboxes",
        "Mailboxes that are kept open for the next logon.",
        processor.warm.mailboxes() as u64,
    );
    let store = processor.store.gauges();
    gauge("coffer_store_mailboxes", "Mailboxes that are open.", store.mailboxes);
    gauge("coffer_store_views", "Views of tables.", store.views);
    gauge("coffer_store_view_bytes", "Bytes of rows that views hold.", store.view_bytes);
    gauge("coffer_store_staged_bytes", "Bytes of values that are not saved.", store.staged_bytes);
    if let Some(allocated) = allocated {
        gauge("coffer_allocated_bytes", "Bytes allocated on the heap.", allocated());
    }
    if let Some(resident) = resident_bytes() {
        gauge("coffer_resident_bytes", "Bytes of memory in use, as the system sees it.", resident);
    }
    if let Some(descriptors) = entries("/proc/self/fd") {
        // The directory that is being read is one of them.
        gauge("coffer_descriptors", "Open file descriptors.", descriptors.saturating_sub(1));
    }
    if let Some(threads) = entries("/proc/self/task") {
        gauge("coffer_threads", "Threads.", threads);
    }
    let mut counter = |name: &str, help: &str, value: u64| {
        head(&mut out, name, "counter", help);
        line(&mut out, name, value);
    };
    counter("coffer_panics_total", "Panics that were caught. Each one is a bug.", ledger.panics());
    counter("coffer_refused_total", "Objects and sessions that a limit refused.", ledger.refused());
    let engine = processor.store.engine_gauges();
    counter("coffer_engine_commits_total", "Batches that are durable.", engine.commits);
    counter("coffer_engine_syncs_total", "Syncs of the journal for them.", engine.syncs);
    out
}

// Writing to a string cannot fail.
fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
}

fn line(out: &mut String, name: &str, value: u64) {
    let _ = writeln!(out, "{name} {value}");
}

/// From /proc/self/statm, whose second number counts resident pages.
fn resident_bytes() -> Option<u64> {
    const PAGE: u64 = 4096;
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(pages * PAGE)
}

fn entries(path: &str) -> Option<u64> {
    Some(std::fs::read_dir(path).ok()?.count() as u64)
}
