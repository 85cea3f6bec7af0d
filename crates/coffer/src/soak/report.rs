//! What a soak tells: text for people, JSON for programs.

use std::io::{self, Write};

use serde::Serialize;

use super::args::Control;
use super::crew::Failure;
use super::fit::Fit;
use super::judge::Verdict;
use crate::owners::Left;

/// Who owns what is left, the most first.
pub fn write_owners(left: &Left, out: &mut impl Write) -> io::Result<()> {
    const MOST: usize = 16;
    let all: i64 = left.owners.iter().map(|owner| owner.bytes).sum();
    writeln!(
        out,
        "left of what was allocated since the warm-up: {all} bytes; given back of what was there before: {} bytes",
        left.given_back
    )?;
    for owner in left.owners.iter().take(MOST) {
        writeln!(out, "  {} bytes in {} blocks:", owner.bytes, owner.blocks)?;
        for call in owner.calls.lines() {
            writeln!(out, "    {call}")?;
        }
    }
    match left.owners.len().saturating_sub(MOST) {
        0 => Ok(()),
        more => writeln!(out, "  and {more} other owners"),
    }
}

/// Everything about one run.
#[derive(Debug, Serialize)]
pub struct Report {
    pub scenario: &'static str,
    /// Rows of the catalogue.
    pub rows: &'static [u8],
    pub mode: &'static str,
    pub target: String,
    /// Cycles that were asked for.
    pub cycles: u64,
    /// Cycles that ended well.
    pub cycles_done: u64,
    pub warm_up: u64,
    pub threads: usize,
    pub seconds: f64,
    pub microseconds_per_cycle: f64,
    /// Why the run ended early.
    pub failure: Option<String>,
    /// No cycle ended for as long as the patience lasted.
    pub stuck: bool,
    pub control: Option<ControlReport>,
    pub processes: Vec<ProcessReport>,
    pub flat: bool,
}

#[derive(Debug, Serialize)]
pub struct ControlReport {
    pub name: &'static str,
    /// What the fault of bytes leaves behind in a cycle, told only now.
    pub leaked_bytes_per_cycle: Option<usize>,
    /// What the measuring found, to the nearest byte.
    pub found_bytes_per_cycle: Option<i64>,
    /// Objects, descriptors or threads that were found, whichever the fault is about.
    pub found: Option<i64>,
    /// Whether it was found: bytes within one byte a cycle, a deadlock by the names of both threads.
    pub caught: bool,
}

impl ControlReport {
    pub fn new(
        control: Control,
        leaked: Option<usize>,
        process: Option<&ProcessReport>,
        failure: Option<&Failure>,
    ) -> Self {
        let bytes = process.and_then(|local| local.allocated_bytes_per_cycle);
        let bytes = bytes.map(|bytes| bytes.round() as i64);
        let found = process.and_then(|local| match control {
            Control::Bytes | Control::Deadlock => None,
            Control::Objects => local.objects_left,
            Control::Descriptors => local.descriptors_left,
            Control::Threads => local.threads_left,
        });
        let flat = process.is_none_or(|local| local.flat);
        let caught = match (control, failure) {
            (Control::Deadlock, Some(failure)) => {
                failure.stuck && ["thread 0 ", "thread 1 "].iter().all(|t| failure.what.contains(t))
            }
            (Control::Deadlock, None) | (_, Some(_)) => false,
            (Control::Bytes, None) => {
                let close =
                    |found: i64| leaked.is_some_and(|leaked| found.abs_diff(leaked as i64) <= 1);
                !flat && bytes.is_some_and(close)
            }
            (_, None) => !flat && found.is_some_and(|found| found > 0),
        };
        ControlReport {
            name: control.name(),
            leaked_bytes_per_cycle: leaked,
            found_bytes_per_cycle: bytes.filter(|_| control == Control::Bytes),
            found,
            caught,
        }
    }

    fn text(&self, failure: Option<&str>) -> String {
        let found = match (self.leaked_bytes_per_cycle, self.found, failure) {
            (Some(leaked), ..) => {
                let found = self.found_bytes_per_cycle.unwrap_or_default();
                format!("{leaked} bytes a cycle were left behind on purpose, {found} were found")
            }
            (None, Some(found), _) => format!("{found} {} were found too many", self.name),
            (None, None, Some(failure)) => format!("the watchdog says: {failure}"),
            (None, None, None) => "nothing was found".to_owned(),
        };
        match self.caught {
            true => format!("control {}: {found}: the detector works", self.name),
            false => format!("control {} FAILED: {found}: this detector proves nothing", self.name),
        }
    }
}

/// One measured process. What could not be measured is null.
#[derive(Debug, Serialize)]
pub struct ProcessReport {
    pub process: &'static str,
    pub pid: Option<u32>,
    pub samples: usize,
    pub allocated_bytes_per_cycle: Option<f64>,
    pub allocated_ci95: Option<[f64; 2]>,
    /// Net growth from the end of the warm-up to the end.
    pub allocated_growth: Option<i64>,
    /// The most that the engine held; the allocated bytes above are without it.
    pub engine_bytes: Option<i64>,
    pub resident_bytes_per_cycle: Option<f64>,
    pub resident_ci95: Option<[f64; 2]>,
    pub resident_growth: Option<i64>,
    pub objects_per_cycle: Option<f64>,
    pub objects_left: Option<i64>,
    pub descriptors_per_cycle: Option<f64>,
    pub descriptors_left: Option<i64>,
    pub threads_per_cycle: Option<f64>,
    pub threads_left: Option<i64>,
    pub growing: Vec<String>,
    pub flat: bool,
}

impl ProcessReport {
    pub fn new(process: &'static str, pid: Option<u32>, samples: usize, verdict: Verdict) -> Self {
        let slope = |fit: Option<Fit>| fit.map(|fit| fit.slope);
        let interval = |fit: Option<Fit>| fit.map(|fit| [fit.lower(), fit.upper()]);
        ProcessReport {
            process,
            pid,
            samples,
            allocated_bytes_per_cycle: slope(verdict.allocated),
            allocated_ci95: interval(verdict.allocated),
            allocated_growth: verdict.allocated_growth,
            engine_bytes: verdict.engine,
            resident_bytes_per_cycle: slope(verdict.resident),
            resident_ci95: interval(verdict.resident),
            resident_growth: verdict.resident_growth,
            objects_per_cycle: slope(verdict.objects),
            objects_left: verdict.objects_left,
            descriptors_per_cycle: slope(verdict.descriptors),
            descriptors_left: verdict.descriptors_left,
            threads_per_cycle: slope(verdict.threads),
            threads_left: verdict.threads_left,
            flat: verdict.is_flat(),
            growing: verdict.growing,
        }
    }
}

/// The heading of the table of all scenarios.
pub fn write_heading(out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "{:<18} {:<7} {:>9} {:>3} {:>11} {:>11} {:>9} {:>5} {:>5} {:>5} {:>9} verdict",
        "scenario",
        "process",
        "cycles",
        "thr",
        "bytes/cycle",
        "95% below",
        "growth",
        "obj",
        "fds",
        "thr+",
        "us/cycle"
    )
}

impl Report {
    pub fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *out, self)?;
        writeln!(out)
    }

    pub fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "{}{}: {} of {} cycles on {} with {} thread{}, {:.1} s, {:.1} µs a cycle; \
             {} of them to warm up",
            self.scenario,
            if self.mode == "plain" { String::new() } else { format!(", {}", self.mode) },
            self.cycles_done,
            self.cycles,
            self.target,
            self.threads,
            if self.threads == 1 { "" } else { "s" },
            self.seconds,
            self.microseconds_per_cycle,
            self.warm_up,
        )?;
        for process in &self.processes {
            process.write_text(out)?;
        }
        if let Some(control) = &self.control {
            writeln!(out, "{}", control.text(self.failure.as_deref()))?;
        }
        if let Some(failure) = &self.failure {
            writeln!(out, "FAILED after {} cycles: {failure}", self.cycles_done)?;
        }
        Ok(())
    }

    pub fn write_verdict(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{}", if self.flat { "flat" } else { "NOT FLAT" })
    }

    /// One line about a control.
    pub fn write_control(&self, out: &mut impl Write) -> io::Result<()> {
        let Some(control) = &self.control else { return Ok(()) };
        writeln!(out, "{}", control.text(self.failure.as_deref()))
    }

    /// A line of the table of all scenarios.
    pub fn write_row(&self, out: &mut impl Write) -> io::Result<()> {
        let verdict = match (&self.failure, self.flat) {
            (Some(_), _) => "FAILED",
            (None, true) => "flat",
            (None, false) => "NOT FLAT",
        };
        let mut name = self.scenario;
        for process in &self.processes {
            let number = |value: Option<f64>| value.map_or("-".into(), |v| format!("{v:.4}"));
            let count = |value: Option<i64>| value.map_or("-".into(), |v| v.to_string());
            writeln!(
                out,
                "{name:<18} {:<7} {:>9} {:>3} {:>11} {:>11} {:>9} {:>5} {:>5} {:>5} {:>9} {verdict}",
                process.process,
                self.cycles_done,
                self.threads,
                number(process.allocated_bytes_per_cycle),
                number(process.allocated_ci95.map(|[_, upper]| upper)),
                count(process.allocated_growth),
                count(process.objects_left),
                count(process.descriptors_left),
                count(process.threads_left),
                format!("{:.0}", self.microseconds_per_cycle),
            )?;
            name = "";
        }
        Ok(())
    }
}

impl ProcessReport {
    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        let pid = self.pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default();
        writeln!(out, "  {}{pid}, {} samples:", self.process, self.samples)?;
        let bytes = |name: &str, slope: Option<f64>, ci: Option<[f64; 2]>, growth: Option<i64>| {
            let (Some(slope), Some([low, high])) = (slope, ci) else {
                return format!("    {name:<16} not measured");
            };
            let growth = growth.unwrap_or_default();
            format!(
                "    {name:<16} {slope:>12.4} bytes a cycle (95 %: {low:.4} to {high:.4}), \
                 {growth:+} bytes in all"
            )
        };
        let count = |name: &str, left: Option<i64>| match left {
            Some(left) => format!("    {name:<16} {left:>12} left"),
            None => format!("    {name:<16} not measured"),
        };
        writeln!(out, "{}", count("live objects", self.objects_left))?;
        writeln!(
            out,
            "{}",
            bytes(
                "allocated bytes",
                self.allocated_bytes_per_cycle,
                self.allocated_ci95,
                self.allocated_growth
            )
        )?;
        if let Some(engine) = self.engine_bytes {
            writeln!(
                out,
                "    {:<16} {engine:>12} bytes at most, not among the allocated",
                "engine"
            )?;
        }
        writeln!(
            out,
            "{}",
            bytes(
                "resident bytes",
                self.resident_bytes_per_cycle,
                self.resident_ci95,
                self.resident_growth
            )
        )?;
        writeln!(out, "{}", count("descriptors", self.descriptors_left))?;
        writeln!(out, "{}", count("threads", self.threads_left))?;
        for what in &self.growing {
            writeln!(out, "    GROWS: {what}")?;
        }
        Ok(())
    }
}
