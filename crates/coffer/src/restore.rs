//! `coffer restore`: a store, a mailbox, a folder or a message back from a backup.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use mapi::{FolderId, MessageId};
use serde::{Deserialize, Serialize};
use store::backup::{self, Adopted, Carried, CarryOptions, Opened, Part, Repository, WholeOptions};
use store::{Account, Mailbox, NewAccount, Store};

use crate::backup::watched;
use crate::command::Request;
use crate::control::{self, Event, Output};
use crate::public;
use crate::show::parse_id;
use crate::terminal::Terminal;

#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct RestoreArgs {
    /// The repository that `coffer backup` wrote.
    #[arg(value_name = "REPOSITORY")]
    pub repository: PathBuf,
    /// Restore the whole store into this new data directory; all ids stay.
    #[arg(long, value_name = "DIR", required_unless_present = "mailbox")]
    #[arg(conflicts_with = "mailbox")]
    pub to: Option<PathBuf>,
    /// Restore this account's mailbox into the data directory: with its account, passwords and ids where the
    /// account is gone, else into a folder "Restored ..." of the mailbox that is there. "public" for public
    /// folders.
    #[arg(long, value_name = "ADDRESS")]
    pub mailbox: Option<String>,
    /// Only this folder of the mailbox with all below it: a path such as "Inbox/Work", or an id.
    #[arg(long, value_name = "PATH", requires = "mailbox")]
    pub folder: Option<String>,
    /// Only this message: its id, as `coffer ls` and `coffer manifest` print it.
    #[arg(long, value_name = "ID", requires = "mailbox", conflicts_with = "folder")]
    pub message: Option<String>,
    /// Into the mailbox of this account instead of its own.
    #[arg(long, value_name = "ADDRESS", requires = "mailbox")]
    pub into: Option<String>,
    /// Into the folders where it was, without what is there still, instead of a folder "Restored ...".
    #[arg(long, requires = "mailbox")]
    pub in_place: bool,
    /// Also messages that were soft-deleted when the backup was made; they come back as normal ones.
    #[arg(long, requires = "mailbox")]
    pub deleted: bool,
    /// A snapshot's name or the beginning of it, or a time in UTC such as 2026-11-24T06:10: the newest
    /// snapshot that is not later. The newest complete one if not given.
    #[arg(long, value_name = "SNAPSHOT|TIME")]
    pub at: Option<String>,
    /// Where parts of the backup are damaged or missing, restore the rest and name them.
    #[arg(long)]
    pub skip_damaged: bool,
}

pub fn command(data: &Path, mut args: RestoreArgs) -> anyhow::Result<u8> {
    let out: &mut dyn Output = &mut Terminal::default();
    args.repository = std::path::absolute(&args.repository)?;
    match &args.to {
        Some(to) => whole(&args, to, out),
        None => control::run(data, Request::Restore(args), out),
    }
}

fn whole(args: &RestoreArgs, to: &Path, out: &mut dyn Output) -> anyhow::Result<u8> {
    let repository = Repository::open(&args.repository)?;
    let options = WholeOptions { at: args.at.clone(), skip_damaged: args.skip_damaged };
    let restored = watched(out, |watch| backup::whole(&repository, to, &options, watch))
        .with_context(|| format!("restore into {}", to.display()))?;
    warn(out, "could not be read when it was backed up", &restored.missing)?;
    warn(out, "is not restored", &restored.damaged)?;
    warn(out, "the check found", &restored.problems)?;
    out.line(format!(
        "restored {} into {}: {} mailboxes, {} records",
        restored.name,
        to.display(),
        restored.mailboxes,
        restored.records
    ))?;
    Ok(u8::from(!restored.is_whole()))
}

/// Restores a mailbox or a part of one into a store.
pub fn run(store: &Store, args: &RestoreArgs, out: &mut dyn Output) -> anyhow::Result<u8> {
    let Some(address) = args.mailbox.as_deref() else { bail!("name a mailbox with --mailbox") };
    let address = public::address_of(address);
    let repository = Repository::open(&args.repository)?;
    let opened = backup::open(&repository, args.at.as_deref(), args.skip_damaged)?;
    let (before, saved) = backup::find_mailbox(&opened, address)?;
    let missing: Vec<String> = opened
        .snapshot
        .missing
        .iter()
        .filter(|words| words.starts_with(&saved.address) || !words.contains('@'))
        .cloned()
        .collect();
    warn(out, "could not be read when it was backed up", &missing)?;
    let whole_mailbox = args.folder.is_none() && args.message.is_none();
    let to = args.into.as_deref().map_or(address, public::address_of);
    let clean = match store.account_by_address(to)? {
        Some(account) => carry(store, &opened, &before, &account, args, args.in_place, out)?,
        None if !whole_mailbox => bail!(
            "there is no account {to} to restore into; name another with --into, or restore the whole mailbox \
             without --folder and --message"
        ),
        None if to.eq_ignore_ascii_case(address) => adopt(store, &repository, &opened, args, out)?,
        None => {
            let new = NewAccount {
                address: to.to_owned(),
                display_name: before.display_name.clone(),
                password: None,
            };
            let account = store.create_account(&new)?;
            out.line(format!("added {to} without a password; `coffer user passwd {to}` sets one"))?;
            carry(store, &opened, &before, &account, args, true, out)?
        }
    };
    let passed_over = opened.passed_over();
    warn(out, "is not restored", &passed_over)?;
    Ok(u8::from(!(clean && passed_over.is_empty() && missing.is_empty())))
}

/// Restores a mailbox with its account; whether everything came back.
fn adopt(
    store: &Store,
    repository: &Repository,
    opened: &Opened,
    args: &RestoreArgs,
    out: &mut dyn Output,
) -> anyhow::Result<bool> {
    let address = args.mailbox.as_deref().unwrap_or_default();
    let skip = args.skip_damaged;
    let adopted: Adopted =
        watched(out, |watch| backup::adopt(repository, opened, address, store, skip, watch))
            .with_context(|| format!("restore the mailbox of {address}"))?;
    warn(out, "is not restored", &adopted.damaged)?;
    warn(out, "the check found", &adopted.problems)?;
    out.line(format!(
        "restored {} with its mailbox of {} records from {}",
        adopted.account.address, adopted.records, opened.name
    ))?;
    Ok(adopted.damaged.is_empty() && adopted.problems.is_empty())
}

/// Carries a mailbox or a part of it into one that is there; whether everything came back.
fn carry(
    store: &Store,
    opened: &Opened,
    before: &Account,
    account: &Account,
    args: &RestoreArgs,
    in_place: bool,
    out: &mut dyn Output,
) -> anyhow::Result<bool> {
    let source = opened.store.mailbox(before.mailbox)?;
    let target = store.mailbox(account.mailbox)?;
    let part = part(&source, args)?;
    let options = CarryOptions { in_place, deleted: args.deleted, skip_damaged: args.skip_damaged };
    let carried: Carried =
        watched(out, |watch| backup::carry(opened, &source, part, &target, options, watch))
            .with_context(|| format!("restore into the mailbox of {}", account.address))?;
    warn(out, "is not restored", &carried.refused)?;
    let Carried { place, folders, messages, associated, present, refused } = carried;
    let place = if place.is_empty() { "the folders where they were".into() } else { place };
    out.line(format!(
        "restored from {} into {}, {place}: {messages} messages, {associated} associated items, {folders} new \
         folders; {present} messages were there still",
        opened.name, account.address
    ))?;
    Ok(refused.is_empty())
}

fn part(source: &Mailbox, args: &RestoreArgs) -> anyhow::Result<Part> {
    if let Some(message) = &args.message {
        let id = message.rsplit('/').next().and_then(parse_id).map(MessageId::from_i64);
        let id = id.with_context(|| {
            format!("{message} is no message id; `coffer manifest --repository` prints them")
        })?;
        return Ok(Part::Message(id));
    }
    let Some(path) = &args.folder else { return Ok(Part::Mailbox) };
    if let Some(id) = parse_id(path) {
        return Ok(Part::Folder(FolderId::from_i64(id)));
    }
    match backup::find_folder(source, path)? {
        Some(id) => Ok(Part::Folder(id)),
        None => bail!("there is no folder {path} in that mailbox of the backup"),
    }
}

fn warn(out: &mut dyn Output, what: &str, lines: &[String]) -> std::io::Result<()> {
    lines.iter().try_for_each(|line| out.event(Event::Warning(format!("{what}: {line}"))))
}
