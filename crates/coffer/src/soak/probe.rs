//! What a process holds: from its own counters, from its metrics, or from the system.

use std::fs;
use std::io;

use anyhow::{Context, Result, bail};

use super::judge::Sample;
use super::metrics::Metrics;

/// A process that is watched.
pub enum Probe {
    /// This process: the client, and in a local run the store as well. The ledger is the store's.
    Own { ledger: Option<Box<dyn Fn() -> i64>> },
    /// A Coffer, by its metrics.
    Metrics { metrics: Metrics, pid: Option<u32> },
    /// Somebody else's server: what the system says about it.
    Process(u32),
}

impl Probe {
    /// What the process is called in reports.
    pub fn name(&self) -> &'static str {
        match self {
            Probe::Own { ledger: Some(_) } => "local",
            Probe::Own { ledger: None } => "client",
            Probe::Metrics { .. } | Probe::Process(_) => "server",
        }
    }

    pub fn pid(&self) -> Option<u32> {
        match self {
            Probe::Own { .. } => Some(std::process::id()),
            Probe::Metrics { pid, .. } => *pid,
            Probe::Process(pid) => Some(*pid),
        }
    }

    pub fn sample(&mut self, cycles: u64) -> Result<Sample> {
        match self {
            Probe::Own { ledger } => {
                // The counters first: what the measuring itself takes is given back by then.
                let allocated = crate::alloc::live_bytes();
                let objects = mapi_session::live_objects() as i64
                    + ledger.as_ref().map_or(0, |ledger| ledger());
                let system = of_process(std::process::id())?;
                Ok(Sample {
                    cycles,
                    objects: Some(objects),
                    allocated: Some(allocated),
                    // One of the descriptors is the one by which they are counted.
                    descriptors: system.descriptors.map(|count| count - 1),
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
