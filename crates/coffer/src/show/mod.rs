//! `coffer ls` and `coffer cat`: a mailbox as a MAPI program sees it. Both go through a MAPI session, over
//! Loopback into the local store or over MAPI/HTTP to a server: what they show is what a client gets.

mod folder;
mod message;
mod value;

use anyhow::{Context, bail};
use mapi::ErrorCode;
use mapi_session::{Http, Loopback, MsgStore, OpenFlags, Profile, Session};
use store::Store;

pub use folder::{ls, parse_id};
pub use message::cat;

use crate::cli::SourceArgs;
use crate::password;

/// Runs `show` on a mailbox of the store in this process.
pub fn local(
    store: &Store,
    source: &SourceArgs,
    show: impl FnOnce(&MsgStore) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let address = source.mailbox.as_deref().unwrap_or_default();
    let account = crate::account::find(store, address)?;
    let session = Session::logon(Profile::new(Loopback::open(store.clone(), &account.address)?))?;
    let opened = session.open_default_msg_store()?;
    show(&opened)?;
    opened.logoff()?;
    session.logoff()?;
    Ok(())
}

/// Says what to do where a user has no right to open a mailbox.
fn with_advice(error: anyhow::Error, mailbox: &str, user: &str) -> anyhow::Error {
    match error.downcast_ref() {
        Some(mapi_session::Error::Code { code, .. }) if *code == ErrorCode::LOGON_FAILED => {
            anyhow::anyhow!(
                "{error:#}; `coffer mailbox grant {mailbox} {user} --full-access` lets {user} open it"
            )
        }
        _ => error,
    }
}

/// Runs `show` on a mailbox of a server.
pub fn remote(
    source: &SourceArgs,
    show: impl FnOnce(&MsgStore) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let (Some(url), Some(user)) = (&source.url, &source.user) else {
        bail!("--url and --user belong together");
    };
    let password = password::existing_password(source.password_stdin, user)?;
    let service = Http::new(url, user, &password.0)?;
    let session = Session::logon(Profile::new(service))
        .with_context(|| format!("log on to {url} as {user}"))?;
    let opened = match source.mailbox.as_deref().filter(|mailbox| *mailbox != user.as_str()) {
        None => session.open_default_msg_store()?,
        Some(mailbox) => {
            let entry_id = session.create_store_entry_id(mailbox)?;
            session
                .open_msg_store(&entry_id, OpenFlags::default())
                .with_context(|| format!("open the mailbox of {mailbox}"))
                .map_err(|error| with_advice(error, mailbox, user))?
        }
    };
    show(&opened)?;
    opened.logoff()?;
    session.logoff()?;
    Ok(())
}
