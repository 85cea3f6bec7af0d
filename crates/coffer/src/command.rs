//! What a command does to a store: the same function whether the command opened the data directory itself
//! or reached the server that holds it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use store::Store;

use crate::check::CheckArgs;
use crate::cli::{
    AliasCommand, CatArgs, ExportArgs, ImportArgs, LsArgs, MailboxCommand, MaintainArgs,
    RecoverArgs, WhyArgs,
};
use crate::control::Output;
use crate::manifest::ManifestArgs;
use crate::password::Secret;
use crate::public::PublicCommand;
use crate::queue::{QueueCommand, TrackArgs};
use crate::restore::RestoreArgs;
use crate::top::Served;
use crate::{
    account, backup, check, export, import, maintain, manifest, public, queue, recover, restore,
    show, top, why,
};

/// A command with everything that it needs; passwords have been asked for and paths are absolute.
#[derive(Debug, Serialize, Deserialize)]
pub enum Request {
    /// Brings the engine's memory and files to what the data need; for `coffer soak`.
    Compact,
    UserAdd {
        address: String,
        display_name: Option<String>,
        password: Secret,
    },
    UserList {
        json: bool,
    },
    UserShow {
        address: String,
        json: bool,
    },
    UserPassword {
        address: String,
        password: Secret,
    },
    UserDisable {
        address: String,
        disabled: bool,
    },
    UserAdministrator {
        address: String,
        administrator: bool,
    },
    UserRemove {
        address: String,
    },
    UserAlias(AliasCommand),
    Public(PublicCommand),
    Mailbox(MailboxCommand),
    Import(ImportArgs),
    Export(ExportArgs),
    Backup {
        repository: PathBuf,
        json: bool,
    },
    Restore(RestoreArgs),
    Manifest(ManifestArgs),
    Ls(LsArgs),
    Cat(CatArgs),
    Queue(QueueCommand),
    Track(TrackArgs),
    Maintain(MaintainArgs),
    Recover(RecoverArgs),
    Why(WhyArgs),
    /// What the server holds, as a line of JSON.
    Top {
        user: Option<String>,
    },
    Check(CheckArgs),
}

/// Runs a request and returns the exit status: 0 only if everything was done. `served` is the server that
/// this process runs on the store, if it runs one.
pub fn run(
    store: &Store,
    served: Option<&Served>,
    request: Request,
    out: &mut dyn Output,
) -> anyhow::Result<u8> {
    match request {
        Request::UserAdd { address, display_name, password } => {
            account::add(store, &address, display_name, &password, out)
        }
        Request::UserList { json } => account::list(store, json, out),
        Request::UserShow { address, json } => account::show(store, &address, json, out),
        Request::UserPassword { address, password } => {
            account::set_password(store, &address, &password, out)
        }
        Request::UserDisable { address, disabled } => {
            account::set_disabled(store, &address, disabled, out)
        }
        Request::UserAdministrator { address, administrator } => {
            account::set_administrator(store, &address, administrator, out)
        }
        Request::UserRemove { address } => account::remove(store, &address, out),
        Request::UserAlias(command) => account::alias(store, &command, out),
        Request::Public(command) => public::run(store, &command, out),
        Request::Mailbox(MailboxCommand::Grant(args)) => account::grant(store, &args, out),
        Request::Mailbox(MailboxCommand::Revoke(args)) => account::revoke(store, &args, out),
        Request::Mailbox(MailboxCommand::Retention(args)) => account::retention(store, &args, out),
        Request::Compact => store.compact().map_err(Into::into),
        Request::Mailbox(MailboxCommand::Quota(args)) => account::quota(store, &args, out),
        Request::Recover(args) => return recover::run(store, &args, out),
        Request::Why(args) => return why::run(store, &args, out),
        Request::Queue(command) => return queue::run(store, &command, out),
        Request::Track(args) => return queue::track(store, &args, out),
        Request::Maintain(args) => maintain::once(store, &args, out),
        Request::Import(args) => return import::run(store, &args, out),
        Request::Export(args) => return export::run(store, &args, out),
        Request::Backup { repository, json } => {
            return backup::run(store, &repository, json, out);
        }
        Request::Restore(args) => return restore::run(store, &args, out),
        Request::Manifest(args) => return manifest::run(store, &args, out),
        Request::Check(args) => return check::run(store, &args, out),
        Request::Ls(args) => {
            show::local(store, &args.source, |opened| show::ls(opened, &args, out))
        }
        Request::Cat(args) => {
            show::local(store, &args.source, |opened| show::cat(opened, &args, out))
        }
        Request::Top { user } => top::tell(store, served, user.as_deref(), out),
    }?;
    Ok(0)
}
