//! `coffer soak`: repeats a scenario and proves that nothing is left behind.
//!
//! The check for Q237174 and its relatives (docs/q237174.md, docs/soak.md): after a warm-up it fits a line
//! through what the processes hold, and fails if anything grows.

mod args;
mod burst;
mod catalogue;
mod control;
mod crew;
mod faults;
mod fit;
mod ground;
mod judge;
mod metrics;
mod mode;
mod plot;
mod post;
mod probe;
mod report;
mod scenario;
mod talk;
mod target;
mod wire;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::owners::{self, Left};
use crate::waiting;
use args::Control;
pub use args::SoakArgs;
use crew::{Crew, Failure};
use ground::Ground;
use judge::{Sample, Terms, judge};
use mode::Mode;
use plot::Series;
use probe::Probe;
use report::{ControlReport, ProcessReport, Report};
use scenario::{Needs, SCENARIOS, Scenario};
use target::{Purpose, Target};

/// How many times everything is measured after the warm-up; fewer where each time the engine is compacted.
const SAMPLES: u64 = 200;
const SAMPLES_OF_WRITES: u64 = 160;

/// No process has more threads beside those that run cycles.
const THREADS: usize = 128;

/// After so many cycles whose sessions are abandoned, the server has to have ended them.
const ABANDONED: u64 = 100;

/// What a run is.
#[derive(Clone, Copy)]
struct Run {
    scenario: &'static Scenario,
    mode: Mode,
    control: Option<Control>,
    cycles: u64,
    threads: usize,
    patience: Duration,
}

/// What came out of it.
struct Outcome {
    report: Report,
    /// For each process of the report.
    samples: Vec<Vec<Sample>>,
    /// Who owns what is left in this process, if that was asked for.
    left: Option<Left>,
}

/// Runs a soak: success if it is flat. With a control, success is never the answer.
pub fn run(args: &SoakArgs) -> Result<ExitCode> {
    if args.catalogue {
        return print_catalogue();
    }
    if args.burst {
        return burst::run(args);
    }
    if args.controls {
        return run_controls(args);
    }
    if args.all {
        return run_all(args);
    }
    if args.owners && owners::may_block() {
        bail!(
            "--owners needs the backtraces for itself: unset RUST_BACKTRACE and RUST_LIB_BACKTRACE, or set them to 0"
        );
    }
    let mode = args.mode();
    if let Some(why) = args.scenario.refuses(mode, args.offers()) {
        bail!("{} does not run so: {why}", args.scenario.name);
    }
    let threads = args.threads.unwrap_or(match args.control {
        Some(Control::Deadlock) => 2,
        _ => args.scenario.threads,
    });
    let run = Run {
        scenario: args.scenario,
        mode,
        control: args.control,
        cycles: args.cycles,
        threads: usize::from(threads),
        patience: Duration::from_secs(u64::from(args.patience)),
    };
    let outcome = soak(args, run)?;
    write_files(args, std::slice::from_ref(&outcome))?;
    let mut out = std::io::stdout().lock();
    match args.json {
        true => outcome.report.write_json(&mut out)?,
        false => {
            outcome.report.write_text(&mut out)?;
            for series in outcome.series() {
                write!(out, "{}", plot::terminal(&series))?;
            }
            if let Some(left) = &outcome.left {
                report::write_owners(left, &mut out)?;
            }
            outcome.report.write_verdict(&mut out)?;
        }
    }
    out.flush()?;
    // A thread that hangs cannot be ended, and what it holds must not keep this process.
    if outcome.report.failure.is_some() {
        std::process::exit(1);
    }
    Ok(if outcome.report.flat { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Every scenario that can run so, and a table of what came out.
fn run_all(args: &SoakArgs) -> Result<ExitCode> {
    let mode = args.mode();
    let mut out = std::io::stdout().lock();
    let mut outcomes = Vec::new();
    if !args.json {
        report::write_heading(&mut out)?;
    }
    for scenario in SCENARIOS {
        if let Some(why) = scenario.refuses(mode, args.offers()) {
            if !args.json {
                writeln!(out, "{:<18} skipped: {why}", scenario.name)?;
            }
            continue;
        }
        let run = Run {
            scenario,
            mode,
            control: None,
            cycles: (args.cycles / scenario.share).max(100),
            threads: usize::from(match mode {
                Mode::Fault => 1,
                _ => args.threads.unwrap_or(scenario.threads),
            }),
            patience: Duration::from_secs(u64::from(args.patience)),
        };
        let outcome = soak(args, run).with_context(|| format!("the scenario {}", scenario.name))?;
        if !args.json {
            outcome.report.write_row(&mut out)?;
            out.flush()?;
        }
        let stuck = outcome.report.stuck;
        outcomes.push(outcome);
        if stuck {
            // What hangs would be measured with every other scenario.
            break;
        }
    }
    write_files(args, &outcomes)?;
    let flat = outcomes.iter().all(|outcome| outcome.report.flat);
    match args.json {
        true => {
            let reports: Vec<&Report> = outcomes.iter().map(|outcome| &outcome.report).collect();
            serde_json::to_writer_pretty(&mut out, &reports)?;
            writeln!(out)?;
        }
        false => {
            let bad = outcomes.iter().filter(|outcome| !outcome.report.flat);
            for outcome in bad {
                writeln!(out)?;
                outcome.report.write_text(&mut out)?;
            }
            let count = outcomes.len();
            writeln!(out, "{count} scenarios: {}", if flat { "all flat" } else { "NOT FLAT" })?;
        }
    }
    out.flush()?;
    if outcomes.iter().any(|outcome| outcome.report.stuck) {
        std::process::exit(1);
    }
    Ok(if flat { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Every control; success if each was caught.
fn run_controls(args: &SoakArgs) -> Result<ExitCode> {
    let scenario = scenario::find("open-store").context("no scenario to build faults into")?;
    let mut caught = true;
    let mut reports = Vec::new();
    let mut out = std::io::stdout().lock();
    for control in Control::ALL {
        let deadlock = control == Control::Deadlock;
        let run = Run {
            scenario,
            mode: Mode::Plain,
            control: Some(control),
            cycles: 2_000,
            threads: if deadlock { 2 } else { 1 },
            // A deadlock does not go away: there is nothing to be patient for.
            patience: Duration::from_secs(u64::from(args.patience.min(if deadlock {
                5
            } else {
                120
            }))),
        };
        let report = soak(args, run)?.report;
        caught &= report.control.as_ref().is_some_and(|control| control.caught);
        if !args.json {
            report.write_control(&mut out)?;
            out.flush()?;
        }
        reports.push(report);
    }
    if args.json {
        serde_json::to_writer_pretty(&mut out, &reports)?;
        writeln!(out)?;
    }
    out.flush()?;
    // The threads of the deadlock never end.
    std::process::exit(if caught { 0 } else { 1 });
}

fn print_catalogue() -> Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "| row | bug | watched by |\n|---|---|---|")?;
    for row in catalogue::ROWS {
        writeln!(out, "{}", catalogue::cells(row))?;
    }
    writeln!(out, "\n| scenario | a cycle |\n|---|---|")?;
    for scenario in SCENARIOS {
        writeln!(out, "| `{}` | {} |", scenario.name, scenario.about)?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Outcome {
    fn series(&self) -> Vec<Series<'_>> {
        let of = |(process, samples): (&ProcessReport, _)| Series {
            scenario: self.report.scenario,
            mode: self.report.mode,
            process: process.process,
            samples,
        };
        let samples = self.samples.iter().map(Vec::as_slice);
        self.report.processes.iter().zip(samples).map(of).collect()
    }
}

fn write_files(args: &SoakArgs, outcomes: &[Outcome]) -> Result<()> {
    let series: Vec<Series<'_>> = outcomes.iter().flat_map(Outcome::series).collect();
    let write = |path: &Path, write: &dyn Fn(&mut BufWriter<File>) -> std::io::Result<()>| {
        let file =
            File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        let mut file = BufWriter::new(file);
        write(&mut file).and_then(|()| file.flush())?;
        anyhow::Ok(())
    };
    if let Some(path) = &args.csv {
        write(path, &|file| plot::csv(file, &series))?;
    }
    if let Some(path) = &args.svg {
        write(path, &|file| file.write_all(plot::svg(&series).as_bytes()))?;
    }
    Ok(())
}

/// The size of the control's record, drawn as the article has it: 40 to 60 bytes.
fn draw() -> Result<usize> {
    let mut random = [0; 4];
    getrandom::fill(&mut random).map_err(|e| anyhow::anyhow!("no random number: {e}"))?;
    Ok(40 + (u32::from_le_bytes(random) % 21) as usize)
}

struct Measured {
    warm_up: u64,
    done: u64,
    seconds: f64,
    failure: Option<Failure>,
    /// For each probe.
    samples: Vec<Vec<Sample>>,
    left: Option<Left>,
}

/// Sets the target and the scenario, runs, and judges.
fn soak(args: &SoakArgs, run: Run) -> Result<Outcome> {
    if run.control.is_some() && !args.is_local() {
        bail!("a control is a fault of the local store: it needs --target local");
    }
    if run.mode == Mode::Fault && !args.is_local() {
        bail!("faults are injected into the local store: they need --target local");
    }
    if run.mode == Mode::Fault && run.threads > 1 {
        bail!("--fault counts the steps of one thread: leave --threads out");
    }
    let leak = match (run.control, args.leak_bytes) {
        (Some(Control::Bytes), Some(bytes)) => Some(usize::from(bytes)),
        (Some(Control::Bytes), None) => Some(draw()?),
        _ => None,
    };
    let purpose = Purpose {
        leak,
        port: run.scenario.needs == Needs::Port || matches!(run.mode, Mode::Cut | Mode::Abandon),
        mail: matches!(run.scenario.needs, Needs::Lmtp | Needs::Imap),
        faults: run.mode == Mode::Fault,
    };
    waiting::make_room(THREADS + run.threads).context("no thread")?;
    let target = Target::new(args, purpose)?;
    let mut probes = target.probes(args)?;
    let ground = Ground::new(target, run.scenario, run.mode, run.threads, run.patience)?;
    let measured = measure(args, run, Arc::new(ground), &mut probes)?;
    let report = judged(args, run, leak, &probes, &measured);
    Ok(Outcome { report, samples: measured.samples, left: measured.left })
}

fn measure(
    args: &SoakArgs,
    run: Run,
    ground: Arc<Ground>,
    probes: &mut [Probe],
) -> Result<Measured> {
    // At most 5,000 cycles, and it leaves nine tenths to look at; but every thread has its turn.
    let warm_up = match run.mode {
        Mode::Plain | Mode::Abandon => run.cycles / 10,
        // Cycles that reach their end are rare.
        Mode::Cut | Mode::Fault => run.cycles / 4,
    };
    let warm_up = warm_up.min(5000).max(2 * run.threads as u64).min(run.cycles / 2);
    let stage = (run.scenario.set)(&ground)?;
    let cycles = (0..run.threads).map(|thread| mode::cycles(&ground, &stage.act, thread));
    let mut cycles = cycles.collect::<Result<Vec<_>>>()?;
    if let Some(control) = run.control {
        cycles = control::faulty(control, &ground, cycles, run.cycles)?;
    }
    let crew = Crew::start(cycles, run.patience).context("no thread for the cycles")?;

    // Room for the samples before the first is taken, so that they are not measured themselves.
    let rounds = if run.scenario.writes { SAMPLES_OF_WRITES } else { SAMPLES };
    let rounds = rounds.min(run.cycles - warm_up);
    let mut samples: Vec<Vec<Sample>> =
        probes.iter().map(|_| Vec::with_capacity(rounds as usize + 1)).collect();
    let measure = |probes: &mut [Probe], samples: &mut [Vec<Sample>], cycles: u64| -> Result<()> {
        let before = ground.settle()?;
        for (probe, samples) in probes.iter_mut().zip(samples) {
            samples.push(probe.sample(cycles, before)?);
        }
        Ok(())
    };
    // Measuring opens its own ways too (a first connection, buffers of the library): not counted.
    measure(probes, &mut samples, 0)?;
    samples.iter_mut().for_each(Vec::clear);

    // A server bounds what abandoned sessions may hold before they are ended.
    let step = if ground.abandons() { ABANDONED } else { u64::MAX };
    let run_to = |mut at: u64, bound: u64| -> Result<Option<Failure>> {
        while at < bound {
            at = bound.min(at.saturating_add(step));
            if let Err(failure) = crew.run_to(at) {
                return Ok(Some(failure));
            }
            ground.end_sessions()?;
        }
        Ok(None)
    };

    let started = Instant::now();
    let mut failure = run_to(0, warm_up)?;
    let mut done = warm_up;
    if failure.is_none() {
        measure(probes, &mut samples, warm_up)?;
        if args.owners {
            owners::start();
        }
        for round in 1..=rounds {
            let bound = warm_up + (run.cycles - warm_up) * round / rounds;
            failure = run_to(done, bound)?;
            if failure.is_some() {
                break;
            }
            done = bound;
            measure(probes, &mut samples, bound)?;
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    let left = owners::records().then(owners::stop);
    let stuck = failure.as_ref().is_some_and(|failure| failure.stuck);
    if let Some(failure) = &failure {
        done = failure.cycles;
    }
    crew.end(stuck);
    if stuck {
        // Its destruction could wait for ever for what the stuck thread holds.
        std::mem::forget((stage, ground.clone()));
    }
    Ok(Measured { warm_up, done, seconds, failure, samples, left })
}

fn judged(
    args: &SoakArgs,
    run: Run,
    leak: Option<usize>,
    probes: &[Probe],
    measured: &Measured,
) -> Report {
    let terms = |probe: &Probe| Terms { engine_budget: probe.engine_budget() };
    let processes: Vec<ProcessReport> = probes
        .iter()
        .zip(&measured.samples)
        .map(|(probe, samples)| {
            ProcessReport::new(
                probe.name(),
                probe.pid(),
                samples.len(),
                judge(samples, terms(probe)),
            )
        })
        .collect();
    let flat = measured.failure.is_none() && processes.iter().all(|process| process.flat);
    let control = run.control.map(|control| {
        ControlReport::new(control, leak, processes.first(), measured.failure.as_ref())
    });
    Report {
        scenario: run.scenario.name,
        rows: run.scenario.rows,
        mode: run.mode.name(),
        target: args.target.clone(),
        cycles: run.cycles,
        cycles_done: measured.done,
        warm_up: measured.warm_up,
        threads: run.threads,
        seconds: measured.seconds,
        microseconds_per_cycle: measured.seconds * 1e6 / (measured.done.max(1) as f64),
        failure: measured.failure.as_ref().map(|failure| failure.what.clone()),
        stuck: measured.failure.as_ref().is_some_and(|failure| failure.stuck),
        // With the control a level line is a failure of the detector, never a success.
        flat: flat && control.is_none(),
        control,
        processes,
    }
}
