//! `coffer check`: whether a data directory is whole, in words.

use anyhow::bail;
use clap::Args;
use mapi::FolderId;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::check::{self, Options, Problem, Progress, Report};
use store::{Mailbox, MailboxNumber, Store, folder};

use crate::account;
use crate::control::{Event, Output};

#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct CheckArgs {
    /// Only the mailbox of this account; "public" for public folders.
    #[arg(long, value_name = "ADDRESS")]
    pub mailbox: Option<String>,
    /// Mend what can be mended, and say what is lost. Take a backup before, if you have none: a backup
    /// may hold what a repair has to give up.
    #[arg(long)]
    pub repair: bool,
    /// Do not read the large values (attachments, long bodies); only look whether they are there.
    #[arg(long)]
    pub no_blobs: bool,
    /// Print the report as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Runs a check; 0 if nothing is wrong, or not any more, else 1.
pub fn run(store: &Store, args: &CheckArgs, out: &mut dyn Output) -> anyhow::Result<u8> {
    let options = Options { blobs: !args.no_blobs, repair: args.repair };
    let mut tell = |progress: Progress| {
        let Progress { done, total, what } = progress;
        // Who does not listen any more is told the end of it, and nothing is left half done.
        let _ = out.event(Event::Progress { done, total, what });
    };
    let report = match &args.mailbox {
        Some(address) => {
            let number = account::owner(store, address)?.mailbox;
            check::mailbox_by_number(store, number, &options, &mut tell)
        }
        None => check::store(store, &options, &mut tell),
    };
    let report = match report {
        Ok(report) => report,
        Err(error) => bail!("the check could not go on: {error}"),
    };
    match args.json {
        true => out.line(serde_json::to_string_pretty(&as_json(store, &report))?)?,
        false => print(store, args, &report, out)?,
    }
    Ok(u8::from(!report.is_clean()))
}

fn print(
    store: &Store,
    args: &CheckArgs,
    report: &Report,
    out: &mut dyn Output,
) -> anyhow::Result<()> {
    for problem in &report.problems {
        out.line(headline(store, problem))?;
        out.line(format!("    {}", place(store, problem)))?;
        if !problem.lost.is_empty() {
            out.line(format!("    lost: {}", problem.lost))?;
        }
        match (&problem.left, problem.repaired) {
            (_, true) => out.line(format!("    repaired: {}", problem.what.repair()))?,
            (Some(why), _) => out.line(format!("    not repaired: {why}"))?,
            (None, _) => out.line(format!("    a repair: {}", problem.what.repair()))?,
        }
    }
    let more = report.found - report.problems.len() as u64;
    if more > 0 {
        out.line(format!("... and {more} more problems"))?;
    }
    out.line(format!(
        "looked at {}, {}, {}, {}, {}, {}",
        count(report.mailboxes, "mailbox", "mailboxes"),
        count(report.folders, "folder", "folders"),
        count(report.messages, "message", "messages"),
        count(report.attachments, "attachment", "attachments"),
        count(report.blobs, "large value", "large values"),
        count(report.records, "record", "records"),
    ))?;
    let problems = count(report.found, "problem", "problems");
    out.line(match (report.found, report.left(), args.repair) {
        (0, ..) => "nothing is wrong".to_owned(),
        (_, 0, _) => format!("{problems}, all repaired"),
        (_, left, true) => format!("{problems}, {} repaired, {left} left", report.repaired),
        (..) => format!("{problems}; `coffer check --repair` mends what can be mended"),
    })?;
    Ok(())
}

fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn headline(store: &Store, problem: &Problem) -> String {
    let who = match problem.mailbox {
        Some(number) => format!("{}: ", owner(store, number)),
        None => String::new(),
    };
    let detail = match problem.detail.is_empty() {
        true => String::new(),
        false => format!(" ({})", problem.detail),
    };
    format!("{who}{}{detail} [{}]", problem.what.words(), problem.what.code())
}

/// Where it is: the folder's path, the message with its subject, or the record.
fn place(store: &Store, problem: &Problem) -> String {
    let mut parts = Vec::new();
    if let Some(folder) = problem.folder {
        let path = problem.mailbox.and_then(|number| path(&*store.mailbox(number).ok()?, folder));
        parts.push(match path {
            Some(path) => format!("folder {path} ({folder})"),
            None => format!("folder {folder}"),
        });
    }
    if let Some(message) = problem.message {
        parts.push(match &problem.subject {
            Some(subject) => format!("message {message} \"{subject}\""),
            None => format!("message {message}"),
        });
    }
    if let Some(record) = record(problem) {
        parts.push(format!("record {record}"));
    }
    match parts.is_empty() {
        true => "nothing more is known of the place".to_owned(),
        false => parts.join(", "),
    }
}

fn record(problem: &Problem) -> Option<String> {
    let (space, key) = problem.record.as_ref()?;
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    Some(format!("{} {hex}", space.name()))
}

fn owner(store: &Store, number: MailboxNumber) -> String {
    match store.account_by_mailbox(number) {
        Ok(Some(account)) => account.address,
        _ => format!("mailbox {}", number.0),
    }
}

/// A folder's path below the root, as far as it can be read.
fn path(mailbox: &Mailbox, id: FolderId) -> Option<String> {
    const DEEPEST: usize = 130;
    let mut names = Vec::new();
    let mut at = id;
    for _ in 0..DEEPEST {
        let info = folder::info(mailbox, at).ok()?;
        if info.parent == at {
            names.reverse();
            return Some(format!("/{}", names.join("/")));
        }
        names.push(info.display_name);
        at = info.parent;
    }
    None
}

fn as_json(store: &Store, report: &Report) -> serde_json::Value {
    let problems: Vec<_> = report
        .problems
        .iter()
        .map(|problem| {
            let mailbox = problem.mailbox.and_then(|number| store.mailbox(number).ok());
            json!({
                "code": problem.what.code(),
                "severity": problem.severity().name(),
                "what": problem.what.words(),
                "detail": problem.detail,
                "mailbox": problem.mailbox.map(|number| owner(store, number)),
                "folder": problem.folder.map(|id| id.to_string()),
                "path": mailbox.zip(problem.folder).and_then(|(mailbox, id)| path(&mailbox, id)),
                "message": problem.message.map(|id| id.to_string()),
                "subject": problem.subject,
                "record": record(problem),
                "repair": problem.what.repair(),
                "repaired": problem.repaired,
                "not_repaired": problem.left,
                "lost": problem.lost,
            })
        })
        .collect();
    json!({
        "clean": report.is_clean(),
        "mailboxes": report.mailboxes,
        "folders": report.folders,
        "messages": report.messages,
        "attachments": report.attachments,
        "large_values": report.blobs,
        "records": report.records,
        "found": report.found,
        "repaired": report.repaired,
        "left": report.left(),
        "problems": problems,
    })
}
