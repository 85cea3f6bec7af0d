//! A measured figure, what it must be, and all figures of a run.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::growth::Series;

/// What a figure must be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    AtMost(f64),
    AtLeast(f64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Met,
    /// The CPU time is within the limit; by the clock it was not, which a busy machine can do.
    MetInCpu,
    NotMet,
}

/// One line of the table.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Figure {
    pub bench: String,
    pub name: String,
    pub value: f64,
    pub unit: String,
    /// The same by the clock, where the value is CPU time of the server.
    pub clock: Option<f64>,
    pub target: Option<Target>,
    /// Something to strive for, not a limit.
    #[serde(default)]
    pub goal: bool,
    /// The target is one of CPU time alone.
    #[serde(default)]
    pub cpu_counts: bool,
    #[serde(default)]
    pub note: String,
}

impl Figure {
    pub fn new(bench: &str, name: impl Into<String>, value: f64, unit: &str) -> Figure {
        Figure {
            bench: bench.to_owned(),
            name: name.into(),
            value,
            unit: unit.to_owned(),
            clock: None,
            target: None,
            goal: false,
            cpu_counts: false,
            note: String::new(),
        }
    }

    /// CPU time of the server and time by the clock, in milliseconds.
    pub fn time(bench: &str, name: impl Into<String>, span: Span) -> Figure {
        let clock = Some(milliseconds(span.clock));
        Figure { clock, ..Figure::new(bench, name, milliseconds(span.cpu), "ms") }
    }

    pub fn at_most(self, limit: f64) -> Figure {
        Figure { target: Some(Target::AtMost(limit)), ..self }
    }

    pub fn at_least(self, limit: f64) -> Figure {
        Figure { target: Some(Target::AtLeast(limit)), ..self }
    }

    pub fn goal(self) -> Figure {
        Figure { goal: true, ..self }
    }

    pub fn note(self, note: impl Into<String>) -> Figure {
        Figure { note: note.into(), ..self }
    }

    /// The target is one of CPU time; the clock only stands beside it.
    pub fn of_cpu(self) -> Figure {
        Figure { cpu_counts: true, ..self }
    }

    pub fn verdict(&self) -> Option<Verdict> {
        let target = self.target?;
        let holds = |value: f64| match target {
            Target::AtMost(limit) => value <= limit,
            Target::AtLeast(limit) => value >= limit,
        };
        let by_clock = self.cpu_counts || self.clock.is_none_or(holds);
        Some(match (holds(self.value), by_clock) {
            (true, true) => Verdict::Met,
            (true, false) => Verdict::MetInCpu,
            (false, _) => Verdict::NotMet,
        })
    }
}

/// What some work took: of the server's CPU, and by the clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct Span {
    pub cpu: Duration,
    pub clock: Duration,
}

impl Span {
    /// Of each of `count` operations.
    pub fn each(self, count: usize) -> Span {
        let count = u32::try_from(count.max(1)).unwrap_or(u32::MAX);
        Span { cpu: self.cpu / count, clock: self.clock / count }
    }
}

pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// All figures of a run, and the machine they were measured on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    pub version: String,
    pub quick: bool,
    pub machine: Machine,
    /// What the whole run took.
    pub seconds: f64,
    pub figures: Vec<Figure>,
    #[serde(default)]
    pub growth: Vec<Series>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Machine {
    pub processor: String,
    pub cores: usize,
    pub memory_mib: u64,
    /// Milliseconds for 12 kB appended to a file that has its length, and fdatasync: the median.
    pub sync_ms: f64,
    /// Processes that were ready to run when the run began, on average over a minute.
    pub load: f64,
}

impl Report {
    pub fn new(quick: bool, sync: Duration) -> anyhow::Result<Report> {
        let machine = Machine {
            processor: field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".into()),
            cores: std::thread::available_parallelism()?.get(),
            memory_mib: number(field("/proc/meminfo", "MemTotal")) as u64 / 1024,
            sync_ms: milliseconds(sync),
            load: number(std::fs::read_to_string("/proc/loadavg").ok()),
        };
        Ok(Report {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            quick,
            machine,
            seconds: 0.0,
            figures: Vec::new(),
            growth: Vec::new(),
        })
    }

    pub fn read(path: &Path) -> anyhow::Result<Report> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is no report", path.display()))
    }

    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        std::fs::write(path, text).with_context(|| format!("write {}", path.display()))
    }
}

/// The value behind a name and a colon.
fn field(path: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The first number of a text; 0 without one.
fn number(text: Option<String>) -> f64 {
    let text = text.unwrap_or_default();
    text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_met_or_not() {
        let figure = Figure::new("b", "n", 1.0, "ms");
        assert_eq!(figure.clone().verdict(), None);
        assert_eq!(figure.clone().at_most(1.0).verdict(), Some(Verdict::Met));
        assert_eq!(figure.clone().at_most(0.9).verdict(), Some(Verdict::NotMet));
        assert_eq!(figure.clone().at_least(1.1).verdict(), Some(Verdict::NotMet));
        let slow = Figure { clock: Some(2.0), ..figure.at_most(1.5) };
        assert_eq!(slow.verdict(), Some(Verdict::MetInCpu));
    }
}
