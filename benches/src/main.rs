//! What Coffer costs, as one table: `cargo xtask bench`.
//!
//! A bench measures a server that runs in a process of its own, by that process's CPU clock, and returns
//! figures. The machine may be busy with other work: what is compared is measured in turns in the same
//! run, the median of many rounds counts, and the time by the clock stands beside the CPU time.

mod client;
mod engine;
mod figure;
mod growth;
mod idle;
mod import;
mod logon;
mod mail;
mod mailbox;
mod measure;
mod notify;
mod plot;
mod print;
mod random;
mod rops;
mod save;
mod search;
mod server;
mod table;
mod text;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, bail};
use clap::Parser;

use figure::{Figure, Report};
use mailbox::Mailboxes;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", about = "Measure Coffer and print one table of all figures")]
struct Args {
    /// What to measure; everything if not given. One of: logon, table, save, idle, notify, search, text, import, mail, store, growth.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Fewer rounds and smaller sizes: minutes become seconds, figures become rough.
    #[arg(long)]
    quick: bool,
    /// Write the figures as JSON as well.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Print the table as Markdown.
    #[arg(long)]
    markdown: bool,
    /// Write the growth of cost as a picture (SVG).
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Put the table into a document, between its marks `<!-- figures -->` and `<!-- end of figures -->`.
    #[arg(long, value_name = "FILE")]
    document: Option<PathBuf>,
    /// Measure nothing: print what an earlier run wrote with --json.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["names", "quick", "json"])]
    from: Option<PathBuf>,
    /// A directory on the disk to measure; everything in it that the run made is removed at the end.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Keep the generated mailboxes in the directory, and use those that an earlier run kept.
    #[arg(long)]
    keep: bool,
}

/// A bench's name and what it does.
type Run = fn(&mut Bench, &mut Report) -> anyhow::Result<()>;

const BENCHES: &[(&str, Run)] = &[
    ("logon", |bench, report| figures(report, logon::run(bench)?)),
    ("table", |bench, report| figures(report, table::run(bench)?)),
    ("save", |bench, report| figures(report, save::run(bench)?)),
    ("idle", |bench, report| figures(report, idle::run(bench)?)),
    ("notify", |bench, report| figures(report, notify::run(bench)?)),
    ("search", |bench, report| figures(report, search::run(bench)?)),
    ("text", |bench, report| figures(report, text::run(bench)?)),
    ("import", |bench, report| figures(report, import::run(bench)?)),
    ("mail", |bench, report| figures(report, mail::run(bench)?)),
    ("store", |bench, report| figures(report, engine::run(bench)?)),
    ("growth", |bench, report| {
        report.growth = growth::run(bench)?;
        Ok(())
    }),
];

fn figures(report: &mut Report, figures: Vec<Figure>) -> anyhow::Result<()> {
    report.figures.extend(figures);
    Ok(())
}

/// What all benches share.
pub struct Bench {
    pub quick: bool,
    /// The program that is measured.
    pub coffer: PathBuf,
    /// On the disk that is measured; gone at the end.
    pub scratch: PathBuf,
    pub mailboxes: Mailboxes,
}

impl Bench {
    /// One number of rounds for quick runs, and one for others.
    pub fn rounds(&self, quick: usize, full: usize) -> usize {
        if self.quick { quick } else { full }
    }
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    raise_descriptor_limit();
    let report = match &args.from {
        Some(path) => Report::read(path)?,
        None => measure(&args)?,
    };
    if let Some(path) = &args.json {
        report.write(path)?;
    }
    if let Some(path) = &args.plot {
        std::fs::write(path, plot::svg(&report.growth))
            .with_context(|| format!("write {}", path.display()))?;
    }
    if let Some(path) = &args.document {
        fill(path, &print::markdown(&report))
            .with_context(|| format!("fill {}", path.display()))?;
    }
    match args.markdown {
        true => print!("{}", print::markdown(&report)),
        false => print!("{}", print::text(&report)),
    }
    Ok(())
}

/// Replaces what stands between the marks of a document.
fn fill(path: &Path, figures: &str) -> anyhow::Result<()> {
    const MARKS: [&str; 2] = ["<!-- figures -->", "<!-- end of figures -->"];
    let document = std::fs::read_to_string(path)?;
    let parts = document.split_once(MARKS[0]).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(MARKS[1])?;
        Some((before, after))
    });
    let (before, after) = parts.with_context(|| format!("it has no marks {}", MARKS.join(" ")))?;
    let whole = format!("{before}{}\n\n{figures}\n{}{after}", MARKS[0], MARKS[1]);
    Ok(std::fs::write(path, whole)?)
}

/// As many descriptors as this process may have, and with it the servers that it starts: a thousand
/// connections take a thousand on either side.
fn raise_descriptor_limit() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is valid for both calls. Without success the old limit stands, and what does not fit
    // into it fails with an error of its own.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) == 0 {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
        }
    }
}

fn measure(args: &Args) -> anyhow::Result<Report> {
    let chosen: Vec<_> = BENCHES
        .iter()
        .filter(|(name, _)| args.names.is_empty() || args.names.iter().any(|wanted| wanted == name))
        .collect();
    if let Some(unknown) = args.names.iter().find(|n| !BENCHES.iter().any(|(name, _)| name == n)) {
        let known: Vec<&str> = BENCHES.iter().map(|(name, _)| *name).collect();
        bail!("there is no bench {unknown:?}; there are: {}", known.join(", "));
    }
    let program = std::env::current_exe().context("find this program")?;
    let beside = program.parent().context("find this program's directory")?;
    let coffer = beside.join("coffer");
    if !coffer.exists() {
        bail!("{} is not there: run `cargo xtask bench`, which builds it", coffer.display());
    }
    let dir = args.dir.clone().unwrap_or_else(|| beside.join("bench"));
    std::fs::create_dir_all(&dir).with_context(|| format!("make {}", dir.display()))?;
    let scratch = tempfile::Builder::new().prefix("run-").tempdir_in(&dir)?;
    let kept = if args.keep { dir.join("kept") } else { scratch.path().join("mailboxes") };
    let mut bench = Bench {
        quick: args.quick,
        coffer,
        scratch: scratch.path().to_owned(),
        mailboxes: Mailboxes::new(kept),
    };
    let began = Instant::now();
    let sync = measure::sync_time(&bench.scratch, bench.rounds(50, 300))?;
    let mut report = Report::new(args.quick, sync)?;
    for (name, run) in chosen {
        eprintln!("bench: {name}");
        run(&mut bench, &mut report).with_context(|| format!("bench {name}"))?;
    }
    report.seconds = began.elapsed().as_secs_f64();
    Ok(report)
}
