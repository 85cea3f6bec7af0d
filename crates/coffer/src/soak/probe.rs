//! What a process holds: from its own counters, from its metrics, or from the system.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use mapi_server::Processor;
use store::{Store, StoreOptions};

use super::judge::Sample;
use super::metrics::Metrics;

/// A process that is watched.
pub enum Probe {
    /// This process: the client, and in a local run the store as well.
    Own(Option<LocalStore>),
    /// A Coffer, by its metrics.
    Metrics { metrics: Metrics, pid: Option<u32> },
    /// Somebody else's server: what the system says about it.
    Process(u32),
}

/// The store of a local run.
pub struct LocalStore {
    pub processor: Arc<Processor>,
    pub store: Store,
    /// Its data directory: the engine's files are open in it.
    pub data: PathBuf,
}

impl Probe {
    /// What the process is called in reports.
    pub fn name(&self) -> &'static str {
        match self {
            Probe::Own(Some(_)) => "local",
            Probe::Own(None) => "client",
            Probe::Metrics { .. } | Probe::Process(_) => "server",
        }
    }

    pub fn pid(&self) -> Option<u32> {
        match self {
            Probe::Own(_) => Some(std::process::id()),
            Probe::Metrics { pid, .. } => *pid,
            Probe::Process(pid) => Some(*pid),
        }
    }

    /// What the engine may hold, where that is known.
    pub fn engine_budget(&self) -> Option<i64> {
        match self {
            Probe::Own(Some(_)) => Some(StoreOptions::default().memory_budget as i64),
            _ => None,
        }
    }

    /// `before` is what this process had allocated before the engine was compacted, if it was.
    pub fn sample(&mut self, cycles: u64, before: Option<i64>) -> Result<Sample> {
        match self {
            Probe::Own(local) => {
                // The counters first: what the measuring itself takes is given back by then.
                let after = crate::alloc::live_bytes();
                let live = |local: &LocalStore| local.processor.ledger.live_total() as i64;
                let objects = mapi_session::live_objects() as i64 + local.as_ref().map_or(0, live);
                // What a compaction gave back was the engine's; else it tells itself, about.
                let (allocated, engine) = match (&local, before) {
                    (Some(_), Some(before)) => (before, Some(before - after)),
                    (Some(local), None) => (after, Some(gauged(&local.store))),
                    (None, _) => (after, None),
                };
                let system = of_process(std::process::id())?;
                // One of the descriptors is the one by which they are counted.
                let own = 1 + local.as_ref().map_or(0, |local| open_below(&local.data));
                Ok(Sample {
                    cycles,
                    objects: Some(objects),
                    allocated: Some(allocated),
                    engine,
                    descriptors: system.descriptors.map(|count| count - own),
                    ..system
                })
            }
            Probe::Metrics { metrics, pid } => {
                let sample = metrics.sample(cycles)?;
                // What the metrics do not say, the system may.
                let system = pid.and_then(|pid| of_process(pid).ok()).unwrap_or_default();
                Ok(Sample {
                    resident: sample.resident.or(system.resident),
                    descriptors: sample.descriptors.or(system.descriptors),
                    threads: sample.threads.or(system.threads),
                    ..sample
                })
            }
            Probe::Process(pid) => Ok(Sample { cycles, ..of_process(*pid)? }),
        }
    }
}

/// What the engine says that it holds.
fn gauged(store: &Store) -> i64 {
    let gauges = store.engine_gauges();
    (gauges.memtable_bytes + gauges.cache_bytes + gauges.pending_bytes) as i64
}

/// Descriptors of files below a directory: the engine keeps some of its tables open, within a bound.
fn open_below(directory: &Path) -> i64 {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else { return 0 };
    let targets = entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    targets.filter(|target| target.starts_with(directory)).count() as i64
}

/// Resident bytes, descriptors and threads of a process of this machine.
fn of_process(pid: u32) -> Result<Sample> {
    let status =
        fs::read_to_string(format!("/proc/{pid}/status")).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => anyhow::anyhow!("there is no process {pid} to measure"),
            _ => error.into(),
        })?;
    let field = |name: &str| -> Option<i64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd"))
        .with_context(|| format!("the descriptors of process {pid} cannot be counted"))?
        .count() as i64;
    let Some(resident) = field("VmRSS:") else {
        bail!("process {pid} has ended");
    };
    Ok(Sample {
        resident: Some(resident * 1024),
        descriptors: Some(descriptors),
        threads: field("Threads:"),
        ..Sample::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_knows_this_process() {
        let sample = of_process(std::process::id()).unwrap();
        assert!(sample.resident.unwrap() > 100_000);
        assert!(sample.descriptors.unwrap() > 2);
        assert!(sample.threads.unwrap() >= 1);
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error() {
        assert!(of_process(u32::MAX / 2).is_err());
    }
}
