//! Everything that may grow, with what it has now and what it may have at most.

use super::server::Shared;
use crate::ledger::Kind;
use crate::limits::Limit;
use crate::warm;

/// Something with a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounded {
    pub name: &'static str,
    pub unit: Unit,
    pub used: u64,
    pub bound: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes of memory.
    Bytes,
    /// Bytes in files.
    DiskBytes,
    /// What a cache holds.
    Entries,
    /// What waits.
    Queued,
    /// What is open.
    Open,
}

pub(super) fn of(shared: &Shared) -> Vec<Bounded> {
    use Unit::{Bytes, DiskBytes, Entries, Open, Queued};
    let (config, processor) = (&shared.config, &shared.processor);
    let (ledger, limits) = (&processor.ledger, &processor.limits);
    let options = processor.store.options();
    let store = processor.store.gauges();
    let engine = processor.store.engine_gauges();
    let row = |name, unit, used, bound| Bounded { name, unit, used, bound };
    let engine_buffers = options.memory_budget.saturating_sub(engine.cache_capacity_bytes);
    vec![
        row("engine_buffers", Bytes, engine.memtable_bytes, engine_buffers),
        row("engine_cache", Bytes, engine.cache_bytes, engine.cache_capacity_bytes),
        row("commits", Bytes, engine.pending_bytes, options.queue_budget),
        row("views", Bytes, store.view_bytes, options.view_budget),
        row("texts", Bytes, processor.store.text_gauges().gathered, options.text_budget),
        row("objects", Bytes, ledger.bytes(), limits.get(Limit::ObjectBytes)),
        row("staging", Bytes, store.staged_memory, options.staging_memory),
        row("requests", Bytes, shared.admission.used(), shared.admission.bound()),
        row(
            "staging_files",
            DiskBytes,
            store.staged_bytes.saturating_sub(store.staged_memory),
            options.staging_budget,
        ),
        row("connections", Open, ledger.live(Kind::Connection), config.connections as u64),
        row("sessions", Open, ledger.live(Kind::Session), limits.get(Limit::Sessions)),
        row(
            "credentials",
            Entries,
            ledger.live(Kind::Credential),
            config.remembered_credentials as u64,
        ),
        row("mailboxes", Entries, processor.warm.mailboxes() as u64, warm::MAILBOXES as u64),
        row("accounts", Entries, processor.warm.accounts() as u64, warm::ACCOUNTS as u64),
        row("workers", Queued, shared.queued() as u64, config.queue as u64),
        row("verifiers", Queued, shared.authenticator.queued() as u64, super::auth::QUEUE as u64),
    ]
}
