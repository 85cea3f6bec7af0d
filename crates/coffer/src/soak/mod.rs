//! `coffer soak`: repeats a scenario and proves that nothing is left behind.
//!
//! The check for Q237174 and its relatives (docs/q237174.md, docs/soak.md): after a warm-up it fits a line
//! through what the processes hold, and fails if anything grows.

mod crew;
mod fit;
mod judge;
mod metrics;
mod probe;
mod report;
mod scenario;
mod target;

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use crew::{Crew, Failure};
use judge::{Sample, judge};
use probe::Probe;
use report::{ControlReport, ProcessReport, Report};
use target::Target;

#[derive(Debug, Clone, Args)]
pub struct SoakArgs {
    /// What a cycle does.
    #[arg(long, value_enum, default_value_t = Scenario::OpenStore)]
    pub scenario: Scenario,

    /// The store: "local" for one in this process, or a server's address such as http://127.0.0.1:8480.
    #[arg(long, value_name = "local|URL", default_value = "local")]
    pub target: String,

    /// With a server: who logs on.
    #[arg(long, value_name = "ADDRESS")]
    pub user: Option<String>,

    /// With a server that does not know its users by their addresses: the distinguished name of the
    /// user's mailbox.
    #[arg(long, value_name = "DN", requires = "user")]
    pub user_dn: Option<String>,

    /// With a server: read the password from standard input (else it is taken from the environment
    /// variable COFFER_PASSWORD, or asked for).
    #[arg(long, requires = "user")]
    pub password_stdin: bool,

    /// How often the scenario is run, the warm-up among it.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    #[arg(value_parser = clap::value_parser!(u64).range(100..))]
    pub cycles: u64,

    /// How many threads run cycles; 64 for the scenario threads, else 1, if not given.
    #[arg(long, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,

    /// Somebody else's server: measure this process by what the system says about it.
    #[arg(long)]
    pub pid: Option<u32>,

    /// Where the server's metrics are; /metrics at the target, or at the next port, if not given.
    #[arg(long, value_name = "URL")]
    pub metrics: Option<String>,

    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,

    /// Build a known fault into the local store: the soak has to find it.
    #[arg(long, value_enum)]
    pub control: Option<Control>,

    /// How many bytes the control leaves behind in a cycle; drawn from 40 to 60 if not given.
    #[arg(long, value_name = "N", requires = "control")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    pub leak_bytes: Option<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// Open the default store and close it: explicitly, by Drop, out of order, after a failed open.
    OpenStore,
    /// Log on, open the store, log off; every third session is abandoned with everything open.
    Logon,
    /// Many threads open stores in one session (Q241556).
    Threads,
    /// Open a store, a folder, a table, a message, an attachment and a stream, and let them go in every
    /// order (KB842922).
    ReleaseOrder,
    /// Opens that fail: no such mailbox, no such folder, no such message.
    FailedOpen,
}

impl Scenario {
    fn name(self) -> &'static str {
        match self {
            Scenario::OpenStore => "open-store",
            Scenario::Logon => "logon",
            Scenario::Threads => "threads",
            Scenario::ReleaseOrder => "release-order",
            Scenario::FailedOpen => "failed-open",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Control {
    /// Leave out the destruction of the lock's record when a store is opened, as Exchange 5.5 did.
    Q237174,
}

/// How many times everything is measured after the warm-up.
const SAMPLES: u64 = 200;

/// Runs a soak: success if it is flat. With a control, success is never the answer.
pub fn run(args: &SoakArgs) -> Result<ExitCode> {
    let leak = match args.control {
        Some(Control::Q237174) if args.target != "local" => {
            bail!("the control is a fault of the store: it needs --target local")
        }
        Some(Control::Q237174) => Some(match args.leak_bytes {
            Some(bytes) => usize::from(bytes),
            None => draw()?,
        }),
        None => None,
    };
    let threads = usize::from(args.threads.unwrap_or(match args.scenario {
        Scenario::Threads => 64,
        _ => 1,
    }));
    let target = Target::new(args, leak)?;
    let mut probes = target.probes(args)?;
    let measured = soak(args, &target, threads, &mut probes)?;
    let report = judged(args, threads, leak, &probes, measured);

    let mut out = std::io::stdout().lock();
    match args.json {
        true => report.write_json(&mut out)?,
        false => report.write_text(&mut out)?,
    }
    out.flush()?;
    // A thread that hangs cannot be ended, and what it holds must not keep this process.
    if report.failure.is_some() {
        std::process::exit(1);
    }
    Ok(if report.flat { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
}

fn soak(
    args: &SoakArgs,
    target: &Target,
    threads: usize,
    probes: &mut [Probe],
) -> Result<Measured> {
    // At most 1,000 cycles, and it leaves nine tenths to look at.
    let warm_up = (args.cycles / 10).min(1000);
    let stage = scenario::Stage::set(args.scenario, target)?;
    let crew = Crew::start(stage.cycles(threads)?).context("no thread for the cycles")?;

    // Room for the samples before the first is taken, so that they are not measured themselves.
    let rounds = SAMPLES.min(args.cycles - warm_up);
    let mut samples: Vec<Vec<Sample>> =
        probes.iter().map(|_| Vec::with_capacity(rounds as usize + 1)).collect();
    let measure = |probes: &mut [Probe], samples: &mut [Vec<Sample>], cycles: u64| -> Result<()> {
        stage.settle()?;
        for (probe, samples) in probes.iter_mut().zip(samples) {
            samples.push(probe.sample(cycles)?);
        }
        Ok(())
    };
    // Measuring opens its own ways too (a first connection, buffers of the library): not counted.
    measure(probes, &mut samples, 0)?;
    samples.iter_mut().for_each(Vec::clear);

    let started = Instant::now();
    let mut failure = crew.run_to(warm_up).err();
    let mut done = warm_up;
    if failure.is_none() {
        measure(probes, &mut samples, warm_up)?;
        for round in 1..=rounds {
            let bound = warm_up + (args.cycles - warm_up) * round / rounds;
            if let Err(early) = crew.run_to(bound) {
                failure = Some(early);
                break;
            }
            done = bound;
            measure(probes, &mut samples, bound)?;
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    let stuck = failure.as_ref().is_some_and(|failure| failure.stuck);
    if let Some(failure) = &failure {
        done = failure.cycles;
    }
    crew.end(stuck);
    if stuck {
        // Its destruction could wait for ever for what the stuck thread holds.
        std::mem::forget(stage);
    }
    Ok(Measured { warm_up, done, seconds, failure, samples })
}

fn judged(
    args: &SoakArgs,
    threads: usize,
    leak: Option<usize>,
    probes: &[Probe],
    measured: Measured,
) -> Report {
    let processes: Vec<ProcessReport> = probes
        .iter()
        .zip(&measured.samples)
        .map(|(probe, samples)| {
            ProcessReport::new(probe.name(), probe.pid(), samples.len(), judge(samples))
        })
        .collect();
    let flat = measured.failure.is_none() && processes.iter().all(|process| process.flat);
    let control = leak.map(|leaked| {
        let found = processes.first().and_then(|local| local.allocated_bytes_per_cycle);
        let found = found.map(|bytes| bytes.round() as i64);
        ControlReport {
            name: "q237174",
            leaked_bytes_per_cycle: leaked,
            found_bytes_per_cycle: found,
            caught: !flat && found.is_some_and(|found| found.abs_diff(leaked as i64) <= 1),
        }
    });
    Report {
        scenario: args.scenario.name(),
        target: args.target.clone(),
        cycles: args.cycles,
        cycles_done: measured.done,
        warm_up: measured.warm_up,
        threads,
        seconds: measured.seconds,
        microseconds_per_cycle: measured.seconds * 1e6 / (measured.done.max(1) as f64),
        failure: measured.failure.map(|failure| failure.what),
        // With the control a level line is a failure of the detector, never a success.
        flat: flat && control.is_none(),
        control,
        processes,
    }
}
