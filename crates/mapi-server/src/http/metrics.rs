//! What is open and what it costs, as text for Prometheus (its text format, version 0.0.4).
//!
//! The labels of a metric take few values, all known beforehand, except the names that clients give
//! themselves: of those the ones with the most bytes are told, and the rest as one.

use std::fmt::{Display, Write};
use std::sync::Arc;

use mapi_rop::RopId;
use mapi_rop::http::{RequestType, ResponseCode};

use super::bounds::{self, Unit};
use super::server::Shared;
use crate::ledger::Kind;
use crate::limits::Limit;
use crate::report::{GroupReport, Report};
use crate::stats::{BOUNDS, Counts, get};

/// Tells how many bytes are allocated on the heap; only the binary knows its allocator.
pub type AllocatedBytes = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Clients that are told by their names.
const CLIENTS: usize = 20;
/// What the others are called together. A client's own name has no brackets around it.
const OTHERS: &str = "(others)";

/// The text of `/metrics`.
pub(super) fn text(shared: &Shared) -> String {
    let mut page = Page::default();
    open_objects(&mut page, shared);
    clients(&mut page, shared);
    limits(&mut page, shared);
    bounded(&mut page, shared);
    requests(&mut page, shared);
    store(&mut page, shared);
    process(&mut page, shared);
    page.text
}

fn open_objects(page: &mut Page, shared: &Shared) {
    let ledger = &shared.processor.ledger;
    page.begin("coffer_live_objects", "gauge", "Nodes of owner trees that are open now, by kind.");
    for kind in Kind::ALL.into_iter().filter(|kind| kind.is_node()) {
        page.line(&[("kind", kind.name())], ledger.live(kind));
    }
    page.gauge(
        "coffer_live_objects_total",
        "Nodes of owner trees that are open now, sessions among them.",
        ledger.live_total(),
    );
    page.gauge("coffer_object_bytes", "Bytes of memory that open objects hold.", ledger.bytes());
    page.gauge("coffer_sessions", "Session Contexts.", ledger.live(Kind::Session));
    page.gauge("coffer_logons", "Logons to stores.", ledger.live(Kind::Logon));
    page.gauge("coffer_lock_holders", "Stores that logons hold open.", ledger.live(Kind::Lock));
    page.gauge(
        "coffer_http_connections",
        "Connections to the web server.",
        ledger.live(Kind::Connection),
    );
    page.begin("coffer_mail_connections", "gauge", "Connections of mail protocols, by protocol.");
    for kind in [Kind::Lmtp, Kind::Smtp, Kind::Imap, Kind::Pop3, Kind::Outbound] {
        page.line(&[("protocol", kind.name())], ledger.live(kind));
    }
    page.gauge(
        "coffer_credential_cache_entries",
        "Users whose verified credentials are remembered.",
        ledger.live(Kind::Credential),
    );
    page.gauge(
        "coffer_notification_waits",
        "NotificationWait requests that wait.",
        ledger.live(Kind::Wait),
    );
    let stats = &shared.processor.stats;
    page.gauge(
        "coffer_notifications_queued",
        "Notifications that were made and wait for a request of their session.",
        get(&stats.queued),
    );
    page.counter(
        "coffer_notifications_told_total",
        "Notifications that went out.",
        get(&stats.notified),
    );
    page.counter(
        "coffer_notifications_merged_total",
        "Notifications of a modification that a later one of the same object stood for.",
        get(&stats.notifications_merged),
    );
    page.counter(
        "coffer_notifications_lost_total",
        "How often a session asked so late that the change log had been trimmed, and was told to look at \
         everything again.",
        get(&stats.notifications_lost),
    );
    page.gauge(
        "coffer_staged_values",
        "Values that were written and not saved yet.",
        ledger.live(Kind::Staged),
    );
    page.gauge(
        "coffer_users",
        "Users who hold something: a session, a connection, a remembered credential.",
        ledger.owners().len() as u64,
    );
    page.gauge(
        "coffer_warm_mailboxes",
        "Mailboxes that are kept open for the next logon.",
        shared.processor.warm.mailboxes() as u64,
    );
}

fn clients(page: &mut Page, shared: &Shared) {
    let report = Report::of(&shared.processor, None);
    let mut clients: Vec<(&str, GroupReport)> =
        report.clients.iter().map(|(name, group)| (name.as_str(), group.clone())).collect();
    clients.sort_by_key(|(_, group)| std::cmp::Reverse((group.usage.bytes, group.usage.nodes())));
    if clients.len() > CLIENTS {
        let mut others = GroupReport::default();
        for (_, group) in clients.drain(CLIENTS - 1..) {
            others.usage.add(&group.usage);
            others.done.add(&group.done);
        }
        clients.push((OTHERS, others));
    }
    type Number = fn(&GroupReport) -> u64;
    let families: [(&str, &str, Number); 4] = [
        (
            "coffer_client_sessions",
            "Session Contexts, by the name that clients give themselves.",
            |g| g.usage.of(Kind::Session),
        ),
        ("coffer_client_objects", "Nodes of owner trees that clients hold open.", |g| {
            g.usage.nodes()
        }),
        ("coffer_client_bytes", "Bytes of memory that clients' objects hold.", |g| g.usage.bytes),
        (
            "coffer_client_writes",
            "ROPs that changed a mailbox, in the sessions that clients have now.",
            |g| g.done.writes,
        ),
    ];
    for (name, help, number) in families {
        page.begin(name, "gauge", help);
        for (client, group) in &clients {
            page.line(&[("client", client)], number(group));
        }
    }
}

fn limits(page: &mut Page, shared: &Shared) {
    let ledger = &shared.processor.ledger;
    page.begin("coffer_limit", "gauge", "The limits that are set, by name.");
    for limit in Limit::ALL {
        page.line(&[("limit", limit.name())], shared.processor.limits.get(*limit));
    }
    page.begin("coffer_refused_total", "counter", "What a limit refused, by the limit's name.");
    for limit in Limit::ALL {
        page.line(&[("limit", limit.name())], ledger.refused_by(*limit));
    }
    page.counter(
        "coffer_limit_warnings_total",
        "Warnings that four fifths of a limit are used.",
        ledger.warned(),
    );
    page.counter(
        "coffer_panics_total",
        "Panics that were caught. Each one is a bug.",
        ledger.panics(),
    );
}

/// What is used of something bounded, and its bound: two families with the same labels.
struct Pair {
    units: &'static [Unit],
    label: &'static str,
    used: &'static str,
    used_help: &'static str,
    bound: &'static str,
    bound_help: &'static str,
}

const PAIRS: [Pair; 4] = [
    Pair {
        units: &[Unit::Bytes, Unit::DiskBytes],
        label: "what",
        used: "coffer_bounded_bytes",
        used_help: "Bytes of what may grow, in memory and in files.",
        bound: "coffer_bound_bytes",
        bound_help: "The bounds of these bytes: shares of the memory budget, and of staging files.",
    },
    Pair {
        units: &[Unit::Entries],
        label: "cache",
        used: "coffer_cache_entries",
        used_help: "What caches hold.",
        bound: "coffer_cache_bound_entries",
        bound_help: "What caches hold at most.",
    },
    Pair {
        units: &[Unit::Queued],
        label: "queue",
        used: "coffer_queue_length",
        used_help: "Jobs that wait for a thread.",
        bound: "coffer_queue_bound",
        bound_help: "Jobs that may wait; one more is refused.",
    },
    Pair {
        units: &[Unit::Open],
        label: "what",
        used: "coffer_open",
        used_help: "What is open of what the whole server bounds.",
        bound: "coffer_open_bound",
        bound_help: "How many may be open.",
    },
];

fn bounded(page: &mut Page, shared: &Shared) {
    let all = bounds::of(shared);
    for pair in PAIRS {
        let rows = || all.iter().filter(|row| pair.units.contains(&row.unit));
        page.begin(pair.used, "gauge", pair.used_help);
        rows().for_each(|row| page.line(&[(pair.label, row.name)], row.used));
        page.begin(pair.bound, "gauge", pair.bound_help);
        rows().for_each(|row| page.line(&[(pair.label, row.name)], row.bound));
    }
}

fn requests(page: &mut Page, shared: &Shared) {
    let stats = &shared.processor.stats;
    page.begin(
        "coffer_http_request_duration_seconds",
        "histogram",
        "Requests of known users, by type, to the head of the response.",
    );
    for kind in RequestType::ALL {
        page.histogram(&[("type", kind.name())], &stats.request(*kind).took.read());
    }
    page.begin("coffer_http_responses_total", "counter", "Responses by X-ResponseCode.");
    for code in (0..=18).map(ResponseCode::from_value) {
        page.line(&[("code", &code.value().to_string())], get(stats.code(code)));
    }
    page.counter(
        "coffer_http_unauthorized_total",
        "Requests without credentials that are right.",
        get(&stats.unauthorized),
    );
    page.counter(
        "coffer_http_busy_total",
        "Requests refused since a queue or the memory for requests was full.",
        get(&stats.busy),
    );
    page.begin(
        "coffer_password_duration_seconds",
        "histogram",
        "Passwords that were verified, right and wrong ones.",
    );
    page.histogram(&[], &stats.passwords.read());
    let used: Vec<(RopId, Counts)> = RopId::ALL
        .iter()
        .map(|rop| (*rop, stats.rop(*rop).took.read()))
        .filter(|(_, counts)| counts.total() > 0)
        .collect();
    page.begin("coffer_rop_duration_seconds", "histogram", "ROPs that were executed, by name.");
    for (rop, counts) in &used {
        page.histogram(&[("rop", rop.name())], counts);
    }
    page.begin("coffer_rop_failures_total", "counter", "ROPs that answered an error, by name.");
    for (rop, _) in &used {
        page.line(&[("rop", rop.name())], get(&stats.rop(*rop).failed));
    }
    page.counter("coffer_connects_total", "Sessions that were made.", get(&stats.connects));
    page.counter(
        "coffer_sessions_reaped_total",
        "Sessions that clients abandoned and that were ended.",
        get(&stats.reaped),
    );
    page.counter(
        "coffer_rop_received_bytes_total",
        "Bytes of ROPs that came.",
        get(&stats.received),
    );
    page.counter("coffer_rop_sent_bytes_total", "Bytes of answers to ROPs.", get(&stats.sent));
}

fn store(page: &mut Page, shared: &Shared) {
    let store = shared.processor.store.gauges();
    page.gauge("coffer_store_mailboxes", "Mailboxes that are open.", store.mailboxes);
    page.gauge("coffer_store_views", "Handles to views of tables.", store.views);
    page.gauge("coffer_store_view_bytes", "Bytes of rows that views hold.", store.view_bytes);
    page.counter(
        "coffer_store_views_evicted_total",
        "How often a view's rows were let go to keep to the budget.",
        store.views_evicted,
    );
    page.gauge(
        "coffer_store_subscriptions",
        "Who is told of changes to a mailbox.",
        store.subscribers,
    );
    let text = shared.processor.store.text_gauges();
    page.gauge(
        "coffer_text_lag_changes",
        "Changes that the full-text index has not followed yet; searches look at those messages.",
        text.lag,
    );
    page.gauge(
        "coffer_text_lag_seconds",
        "How long the oldest of them has waited.",
        text.lag_time.as_secs(),
    );
    page.gauge("coffer_text_lag_mailboxes", "Mailboxes in which it is behind.", text.mailboxes);
    page.gauge("coffer_text_bytes", "Bytes of the full-text index.", text.bytes);
    page.counter(
        "coffer_text_messages_total",
        "Messages whose words were written to the full-text index.",
        text.messages,
    );
    page.counter(
        "coffer_text_cpu_milliseconds_total",
        "CPU time of the thread that writes the full-text index.",
        u64::try_from(text.cpu.as_millis()).unwrap_or(u64::MAX),
    );
    page.counter(
        "coffer_text_failures_total",
        "How often a mailbox could not be indexed and was left for another time.",
        text.failures,
    );
    page.gauge(
        "coffer_store_staged_bytes",
        "Bytes of values that are not saved.",
        store.staged_bytes,
    );
    page.gauge(
        "coffer_queue_messages",
        "Messages that were submitted and are not dealt with yet, deferred ones included.",
        store.queued,
    );
    page.counter("coffer_queue_delivered_total", "Recipients that got a message.", store.delivered);
    page.counter(
        "coffer_queue_refused_total",
        "Recipients that could not get a message; their senders were told.",
        store.refused,
    );
    page.counter(
        "coffer_queue_failures_total",
        "How often a delivery failed and was left for another time.",
        store.delivery_failures,
    );
    page.gauge(
        "coffer_outbound_messages",
        "Messages that wait to be sent to other domains.",
        store.outbound,
    );
    page.counter(
        "coffer_outbound_relayed_total",
        "Recipients of other domains whose host took the message over.",
        store.relayed,
    );
    page.counter(
        "coffer_outbound_deferred_total",
        "How often a recipient of another domain was left for another attempt.",
        store.deferred,
    );
    page.counter(
        "coffer_outbound_failed_total",
        "Recipients of other domains to whom a message could not be sent.",
        store.unsendable,
    );
    page.counter(
        "coffer_outbound_reports_total",
        "Reports on messages to other domains that went into senders' mailboxes.",
        store.reports,
    );
    let engine = shared.processor.store.engine_gauges();
    page.gauge(
        "coffer_engine_memtable_bytes",
        "Bytes of write buffers that are not in tables yet.",
        engine.memtable_bytes,
    );
    page.gauge("coffer_engine_cache_bytes", "Bytes of blocks in the cache.", engine.cache_bytes);
    page.gauge(
        "coffer_engine_pending_bytes",
        "Bytes of changes that are not durable yet.",
        engine.pending_bytes,
    );
    page.gauge(
        "coffer_engine_disk_bytes",
        "Bytes of tables and journals on disk.",
        engine.disk_bytes,
    );
    page.gauge("coffer_engine_journal_bytes", "Bytes of journals on disk.", engine.journal_bytes);
    if let Some(free) = engine.free_bytes {
        page.gauge("coffer_disk_free_bytes", "Bytes that are free on the disk of the data.", free);
    }
    page.gauge(
        "coffer_engine_below_floor",
        "1 while what needs room is refused, since the disk is nearly full.",
        u64::from(engine.below_floor),
    );
    page.counter("coffer_engine_commits_total", "Batches that are durable.", engine.commits);
    page.counter("coffer_engine_syncs_total", "Syncs of the journal for them.", engine.syncs);
    page.counter(
        "coffer_engine_sync_seconds_total",
        "What these took: writing the journal and waiting for the disk.",
        engine.sync_time.as_secs_f64(),
    );
    page.counter(
        "coffer_engine_reopened_total",
        "How often a failed write made the engine open its files again.",
        engine.reopened,
    );
}

fn process(page: &mut Page, shared: &Shared) {
    if let Some(allocated) = &shared.config.allocated_bytes {
        page.gauge("coffer_allocated_bytes", "Bytes allocated on the heap.", allocated());
    }
    if let Some(resident) = resident_bytes() {
        let help = "Bytes of memory in use, as the system sees it.";
        page.gauge("coffer_resident_bytes", help, resident);
    }
    if let Some(descriptors) = entries("/proc/self/fd") {
        // The directory that is being read is one of them.
        page.gauge("coffer_descriptors", "Open file descriptors.", descriptors.saturating_sub(1));
    }
    if let Some(threads) = entries("/proc/self/task") {
        page.gauge("coffer_threads", "Threads.", threads);
    }
}

/// The page as it is written: one family of series after the other.
#[derive(Default)]
struct Page {
    text: String,
    family: &'static str,
}

// Writing to a string cannot fail.
impl Page {
    fn begin(&mut self, name: &'static str, kind: &str, help: &str) {
        self.family = name;
        let _ = write!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn gauge(&mut self, name: &'static str, help: &str, value: u64) {
        self.begin(name, "gauge", help);
        self.line(&[], value);
    }

    fn counter(&mut self, name: &'static str, help: &str, value: impl Display) {
        self.begin(name, "counter", help);
        self.line(&[], value);
    }

    fn line(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.series("", labels, value);
    }

    /// Buckets count what took as long as their bound or less.
    fn histogram(&mut self, labels: &[(&str, &str)], counts: &Counts) {
        let mut sum = 0;
        let bounds = BOUNDS.iter().map(|micros| (*micros as f64 / 1e6).to_string());
        for (bound, count) in bounds.chain(["+Inf".to_owned()]).zip(counts.buckets) {
            sum += count;
            let labels = [labels, &[("le", bound.as_str())]].concat();
            self.series("_bucket", &labels, sum);
        }
        self.series("_sum", labels, counts.nanos as f64 / 1e9);
        self.series("_count", labels, sum);
    }

    fn series(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        let _ = write!(self.text, "{}{suffix}", self.family);
        for (index, (name, text)) in labels.iter().enumerate() {
            let _ = write!(self.text, "{}{name}=\"", if index == 0 { '{' } else { ',' });
            for c in text.chars() {
                match c {
                    '\\' => self.text.push_str("\\\\"),
                    '"' => self.text.push_str("\\\""),
                    '\n' => self.text.push_str("\\n"),
                    c => self.text.push(c),
                }
            }
            self.text.push('"');
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.text, "{end} {value}");
    }
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
