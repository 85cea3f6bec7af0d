//! `coffer manifest`: a hash for each folder and message, to compare a copy with its original.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::backup::{self, Repository};
use store::manifest::{self, Options, Total};
use store::{Account, Store};

use crate::backup::flow;
use crate::command::Request;
use crate::control::{self, Output};
use crate::terminal::Terminal;

#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct ManifestArgs {
    /// Only this account's mailbox ("public" for public folders); all mailboxes if not given.
    #[arg(long, value_name = "ADDRESS")]
    pub mailbox: Option<String>,
    /// Leave ids, change numbers and counters out, so that a copy under new ids has the same hashes.
    #[arg(long)]
    pub without_ids: bool,
    /// Leave soft-deleted messages out.
    #[arg(long)]
    pub without_deleted: bool,
    /// Of a backup instead of the data directory.
    #[arg(long, value_name = "DIR")]
    pub repository: Option<PathBuf>,
    /// With --repository: a snapshot's name, or a time in UTC; the newest complete one if not given.
    #[arg(long, value_name = "SNAPSHOT|TIME", requires = "repository")]
    pub at: Option<String>,
    /// A JSON object a line.
    #[arg(long)]
    pub json: bool,
}

pub fn command(data: &Path, args: ManifestArgs) -> anyhow::Result<u8> {
    let out: &mut dyn Output = &mut Terminal::default();
    match &args.repository {
        Some(repository) => {
            let repository = Repository::open(repository)?;
            let opened = backup::open(&repository, args.at.as_deref(), false)?;
            run(&opened.store, &args, out)
        }
        None => control::run(data, Request::Manifest(args), out),
    }
}

pub fn run(store: &Store, args: &ManifestArgs, out: &mut dyn Output) -> anyhow::Result<u8> {
    let options = Options { ids: !args.without_ids, deleted: !args.without_deleted };
    let mut total = Total::default();
    let accounts = match &args.mailbox {
        Some(address) => vec![crate::account::owner(store, address)?],
        None => {
            for line in manifest::accounts(store, options)? {
                total.add(&line);
                print(args.json.then(|| json!({ "account": line })), line, out)?;
            }
            store.accounts()?
        }
    };
    for account in accounts {
        mailbox(store, &account, options, args, &mut total, out)?;
    }
    let hash = total.hash();
    print(args.json.then(|| json!({ "all": hash })), format!("all {hash}"), out)?;
    Ok(0)
}

fn mailbox(
    store: &Store,
    account: &Account,
    options: Options,
    args: &ManifestArgs,
    total: &mut Total,
    out: &mut dyn Output,
) -> anyhow::Result<()> {
    let opened = store.mailbox(account.mailbox)?;
    let mut written = Ok(());
    manifest::mailbox(&opened, options, &mut |line| {
        // The address only where there are several: two mailboxes of one content compare.
        let text = match args.mailbox {
            Some(_) => line.to_string(),
            None => format!("{} {line}", account.address),
        };
        total.add(&text);
        let value = args.json.then(|| {
            json!({
                "mailbox": account.address,
                "kind": line.kind.name(),
                "hash": line.hash,
                "folder": line.path,
                "message": (!line.id.is_none()).then(|| line.id.to_string()),
            })
        });
        written = print(value, text, out);
        flow(&written)
    })?;
    Ok(written?)
}

fn print(
    value: Option<serde_json::Value>,
    text: String,
    out: &mut dyn Output,
) -> std::io::Result<()> {
    match value {
        Some(value) => out.line(value.to_string()),
        None => out.line(text),
    }
}
