//! What a soak tells: text for people, JSON for programs.

use std::io::{self, Write};

use serde::Serialize;

use super::fit::Fit;
use super::judge::Verdict;

/// Everything about one run.
#[derive(Debug, Serialize)]
pub struct Report {
    pub scenario: &'static str,
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
    pub control: Option<ControlReport>,
    pub processes: Vec<ProcessReport>,
    pub flat: bool,
}

#[derive(Debug, Serialize)]
pub struct ControlReport {
    pub name: &'static str,
    /// What the fault leaves behind in a cycle, told only now.
    pub leaked_bytes_per_cycle: usize,
    /// What the measuring found, to the nearest byte.
    pub found_bytes_per_cycle: Option<i64>,
    /// Whether it was found, within one byte.
    pub caught: bool,
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

impl Report {
    pub fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *out, self)?;
        writeln!(out)
    }

    pub fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "{}: {} of {} cycles on {} with {} thread{}, {:.1} s, {:.1} µs a cycle; \
             {} of them to warm up",
            self.scenario,
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
            let found = control.found_bytes_per_cycle.unwrap_or_default();
            let leaked = control.leaked_bytes_per_cycle;
            match control.caught {
                true => writeln!(
                    out,
                    "control {}: {leaked} bytes a cycle were left behind on purpose, {found} were \
                     found: the detector works",
                    control.name
                )?,
                false => writeln!(
                    out,
                    "control {} FAILED: {leaked} bytes a cycle were left behind on purpose, {found} \
                     were found: this detector proves nothing",
                    control.name
                )?,
            }
        }
        if let Some(failure) = &self.failure {
            writeln!(out, "FAILED after {} cycles: {failure}", self.cycles_done)?;
        }
        writeln!(out, "{}", if self.flat { "flat" } else { "NOT FLAT" })
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
