//! `coffer backup`: the whole store into a repository while it is in use, and what is done to repositories.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::json;
use store::Store;
use store::backup::{self, BackedUp, Keep, Progress, Repository, Snapshot, SnapshotName};

use crate::command::Request;
use crate::control::{self, Event, Output};
use crate::terminal::Terminal;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct BackupArgs {
    #[command(subcommand)]
    pub command: Option<BackupCommand>,
    /// The repository: a directory, made if it is not there.
    #[arg(required = true, value_name = "REPOSITORY")]
    pub repository: Option<PathBuf>,
    /// Print what was done as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Subcommand)]
pub enum BackupCommand {
    /// List the snapshots of a repository, oldest first.
    List {
        #[arg(value_name = "REPOSITORY")]
        repository: PathBuf,
        #[arg(long)]
        json: bool,
    },
    /// Read everything in a repository again, and say what is damaged and which snapshots need it.
    Verify {
        #[arg(value_name = "REPOSITORY")]
        repository: PathBuf,
        /// Rename damaged objects, so that the next backup writes them again where the store still holds
        /// the same.
        #[arg(long)]
        set_aside: bool,
        #[arg(long)]
        json: bool,
    },
    /// Remove old snapshots, and what only they need. The newest complete one always stays.
    Prune {
        #[arg(value_name = "REPOSITORY")]
        repository: PathBuf,
        /// Keep this many of the newest complete snapshots.
        #[arg(long, value_name = "N", required_unless_present = "keep_days")]
        #[arg(value_parser = clap::value_parser!(u32).range(1..))]
        keep: Option<u32>,
        /// Keep the snapshots of this many days.
        #[arg(long, value_name = "DAYS")]
        keep_days: Option<u32>,
        #[arg(long)]
        json: bool,
    },
}

pub fn command(data: &Path, args: BackupArgs) -> anyhow::Result<u8> {
    let out: &mut dyn Output = &mut Terminal::default();
    match (args.command, args.repository) {
        (Some(BackupCommand::List { repository, json }), _) => list(&repository, json, out),
        (Some(BackupCommand::Verify { repository, set_aside, json }), _) => {
            verify(&repository, set_aside, json, out)
        }
        (Some(BackupCommand::Prune { repository, keep, keep_days, json }), _) => {
            let keep = Keep { newest: keep.unwrap_or(0) as usize, days: keep_days };
            prune(&repository, keep, json, out)
        }
        (None, Some(repository)) => {
            let repository = std::path::absolute(repository)?;
            control::run(data, Request::Backup { repository, json: args.json }, out)
        }
        (None, None) => anyhow::bail!("name a repository"),
    }
}

/// Backs a store up. Exit status 1 if something of it could not be read.
pub fn run(
    store: &Store,
    repository: &Path,
    json: bool,
    out: &mut dyn Output,
) -> anyhow::Result<u8> {
    let made = Repository::create(repository)?;
    let done = watched(out, |watch| backup::run(store, &made, watch))
        .with_context(|| format!("back up into {}", repository.display()))?;
    report(&done, json, out)?;
    Ok(u8::from(!done.missing.is_empty()))
}

fn report(done: &BackedUp, json: bool, out: &mut dyn Output) -> anyhow::Result<()> {
    let written = done.written;
    for missing in &done.missing {
        out.event(Event::Warning(format!("cannot be read and is not in the backup: {missing}")))?;
    }
    if json {
        let value = json!({
            "snapshot": done.name.as_str(),
            "mailboxes": done.mailboxes,
            "records": done.records,
            "new_objects": written.objects,
            "new_bytes": written.bytes,
            "objects_already_there": written.present,
            "missing": done.missing,
        });
        out.line(serde_json::to_string_pretty(&value)?)?;
        return Ok(());
    }
    out.line(format!(
        "{}: {} mailboxes, {} records; {} new objects of {} bytes, {} were there",
        done.name, done.mailboxes, done.records, written.objects, written.bytes, written.present
    ))?;
    if !done.missing.is_empty() {
        out.event(Event::Warning(
            "the snapshot is incomplete; restores take the newest complete one unless --at names another. \
             `coffer check` says what is wrong with the store"
                .into(),
        ))?;
    }
    Ok(())
}

/// Runs what reports its progress; ends it when nobody listens any more.
pub fn watched<T>(
    out: &mut dyn Output,
    work: impl FnOnce(&mut backup::Watch<'_>) -> backup::Result<T>,
) -> anyhow::Result<T> {
    let mut gone = None;
    let result = work(&mut |progress: Progress<'_>| {
        let what = format!("{} ({} records)", progress.what, progress.records);
        let (done, total) = (progress.mailboxes_done, progress.mailboxes);
        match out.event(Event::Progress { done, total, what }) {
            Ok(()) => true,
            Err(error) => {
                gone = Some(error);
                false
            }
        }
    });
    match gone {
        Some(error) => Err(error.into()),
        None => Ok(result?),
    }
}

fn list(repository: &Path, json: bool, out: &mut dyn Output) -> anyhow::Result<u8> {
    let repository = Repository::open(repository)?;
    let _held = repository.read()?;
    let mut status = 0;
    let mut values = Vec::new();
    let names = repository.snapshots()?;
    if names.is_empty() && !json {
        out.line("no snapshots yet; `coffer backup REPOSITORY` makes one")?;
    }
    for name in names {
        match repository.snapshot(&name) {
            Ok(snapshot) if json => values.push(describe(&name, &snapshot)),
            Ok(snapshot) => list_one(&name, &snapshot, out)?,
            Err(error) => {
                status = 1;
                out.event(Event::Warning(error.to_string()))?;
            }
        }
    }
    if json {
        out.line(serde_json::to_string_pretty(&values)?)?;
    }
    Ok(status)
}

fn verify(
    repository: &Path,
    set_aside: bool,
    json: bool,
    out: &mut dyn Output,
) -> anyhow::Result<u8> {
    let opened = Repository::open(repository)?;
    let verified = watched(out, |watch| backup::verify(&opened, set_aside, watch))?;
    let status = u8::from(!verified.is_clean());
    if json {
        let value = json!({
            "snapshots": verified.snapshots,
            "objects": verified.objects,
            "bytes": verified.bytes,
            "faults": verified.faults,
            "faults_left_out": verified.faults_left_out,
            "set_aside": verified.set_aside,
        });
        out.line(serde_json::to_string_pretty(&value)?)?;
        return Ok(status);
    }
    for fault in &verified.faults {
        out.line(format!("damaged or missing: {fault}"))?;
    }
    if verified.faults_left_out > 0 {
        out.line(format!("and {} more", verified.faults_left_out))?;
    }
    if !verified.is_clean() && !set_aside {
        out.line(
            "`coffer backup verify --set-aside` lets the next backup write damaged objects again where the \
             store still holds the same; `coffer restore --skip-damaged` restores the rest",
        )?;
    }
    let (snapshots, objects, bytes) = (verified.snapshots, verified.objects, verified.bytes);
    let faults = verified.faults.len() as u64 + verified.faults_left_out;
    out.line(format!(
        "{snapshots} snapshots, {objects} objects of {bytes} bytes read, {faults} faults"
    ))?;
    Ok(status)
}

fn prune(repository: &Path, keep: Keep, json: bool, out: &mut dyn Output) -> anyhow::Result<u8> {
    let opened = Repository::open(repository)?;
    let now = mapi::FileTime::from_system(std::time::SystemTime::now());
    let pruned = watched(out, |watch| backup::prune(&opened, keep, now, watch))?;
    let names = |names: &[SnapshotName]| -> Vec<String> {
        names.iter().map(|name| name.as_str().to_owned()).collect()
    };
    if json {
        let value = json!({
            "kept": names(&pruned.kept),
            "removed": names(&pruned.removed),
            "removed_objects": pruned.removed_objects,
            "removed_bytes": pruned.removed_bytes,
        });
        out.line(serde_json::to_string_pretty(&value)?)?;
        return Ok(0);
    }
    for name in &pruned.removed {
        out.line(format!("removed {name}"))?;
    }
    let (kept, objects, bytes) = (pruned.kept.len(), pruned.removed_objects, pruned.removed_bytes);
    out.line(format!("{kept} snapshots stay; {objects} objects of {bytes} bytes removed"))?;
    Ok(0)
}

fn list_one(name: &SnapshotName, snapshot: &Snapshot, out: &mut dyn Output) -> anyhow::Result<()> {
    let incomplete = match snapshot.missing.len() {
        0 => String::new(),
        n => format!("  (incomplete: {n} records or values could not be read)"),
    };
    out.line(format!("{name}  {} mailboxes{incomplete}", snapshot.mailboxes.len()))?;
    for saved in &snapshot.mailboxes {
        out.line(format!("    {:<40} {} records", saved.address, saved.records))?;
    }
    Ok(())
}

fn describe(name: &SnapshotName, snapshot: &Snapshot) -> serde_json::Value {
    let mailboxes: Vec<_> = snapshot
        .mailboxes
        .iter()
        .map(|saved| {
            json!({
                "address": saved.address,
                "mailbox_guid": saved.guid.to_string(),
                "records": saved.records,
                "record_bytes": saved.bytes,
            })
        })
        .collect();
    json!({
        "snapshot": name.as_str(),
        "time": snapshot.time.to_string(),
        "data_format": snapshot.data_format,
        "program": snapshot.program,
        "complete": snapshot.is_complete(),
        "missing": snapshot.missing,
        "mailboxes": mailboxes,
    })
}

/// What a callback answers to a line that could be written or not.
pub fn flow(written: &std::io::Result<()>) -> ControlFlow<()> {
    match written {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    }
}
