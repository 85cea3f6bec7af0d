//! `coffer restore`: a store, a mailbox, a folder or a message back from a backup.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use store::backup::{self, Repository, Restored, WholeOptions};

use crate::backup::watched;
use crate::control::{Event, Output};
use crate::terminal::Terminal;

#[derive(Debug, Clone, Args)]
pub struct RestoreArgs {
    /// The repository that `coffer backup` wrote.
    #[arg(value_name = "REPOSITORY")]
    pub repository: PathBuf,
    /// Restore the whole store into this new data directory; all ids stay.
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// A snapshot's name or the beginning of it, or a time in UTC such as 2026-11-24T06:10: the newest
    /// snapshot that is not later. The newest complete one if not given.
    #[arg(long, value_name = "SNAPSHOT|TIME")]
    pub at: Option<String>,
    /// Where parts of the backup are damaged or missing, restore the rest and name them.
    #[arg(long)]
    pub skip_damaged: bool,
}

pub fn command(_data: &Path, args: RestoreArgs) -> anyhow::Result<u8> {
    let out: &mut dyn Output = &mut Terminal::default();
    let repository = Repository::open(&args.repository)?;
    let options = WholeOptions { at: args.at, skip_damaged: args.skip_damaged };
    let restored = watched(out, |watch| backup::whole(&repository, &args.to, &options, watch))
        .with_context(|| format!("restore into {}", args.to.display()))?;
    report(&restored, &args.to, out)?;
    Ok(u8::from(!restored.is_whole()))
}

fn report(restored: &Restored, to: &Path, out: &mut dyn Output) -> anyhow::Result<()> {
    for missing in &restored.missing {
        out.event(Event::Warning(format!("could not be read when it was backed up: {missing}")))?;
    }
    for damaged in &restored.damaged {
        out.event(Event::Warning(format!("is not restored: {damaged}")))?;
    }
    for problem in &restored.problems {
        out.event(Event::Warning(format!("the check found: {problem}")))?;
    }
    out.line(format!(
        "restored {} into {}: {} mailboxes, {} records",
        restored.name,
        to.display(),
        restored.mailboxes,
        restored.records
    ))?;
    Ok(())
}
