//! What a cycle does, for each scenario.
//!
//! INVARIANT: each cycle opens the default store exactly once in the ordinary way, so that what an open
//! leaves behind is what a cycle leaves behind.

use std::any::Any;
use std::io::Read;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use mapi::{FolderId, MessageId, tags};
use mapi_session::{MapiProp, MsgStore, OpenFlags, Profile, Session};

use super::Scenario;
use super::crew::Cycle;
use super::target::Target;

/// What the cycles of a run share: it stands before the first sample and after the last.
pub struct Stage {
    scenario: Scenario,
    profile: Profile,
    /// The session in which stores are opened; none where each cycle logs on by itself.
    session: Option<Arc<Session>>,
    /// A message with an attachment, to be opened; taken away again at the end.
    message: Option<(FolderId, MessageId)>,
}

const ATTACHED: &[u8] = b"what is attached to the message of the soak";

impl Stage {
    pub fn set(scenario: Scenario, target: &Target) -> Result<Stage> {
        let profile = target.profile();
        let session = match scenario {
            Scenario::Logon => None,
            _ => Some(Arc::new(Session::logon(profile.clone()).context("cannot log on")?)),
        };
        let message = match (&session, scenario) {
            (Some(session), Scenario::ReleaseOrder) => Some(make_message(session)?),
            _ => None,
        };
        Ok(Stage { scenario, profile, session, message })
    }

    /// One cycle function a thread.
    pub fn cycles(&self, threads: usize) -> Result<Vec<Cycle>> {
        (0..threads).map(|_| self.cycle()).collect()
    }

    fn cycle(&self) -> Result<Cycle> {
        let Some(session) = self.session.clone() else {
            let profile = self.profile.clone();
            return Ok(Box::new(move |number| logon(&profile, number)));
        };
        Ok(match self.scenario {
            Scenario::Logon => bail!("a logon has no session before it"),
            Scenario::OpenStore => Box::new(move |number| open_store(&session, number)),
            Scenario::Threads => Box::new(move |number| threads(&session, number)),
            Scenario::FailedOpen => Box::new(move |number| failed_open(&session, number)),
            Scenario::ReleaseOrder => {
                let message = self.message.context("the message to open is missing")?;
                Box::new(move |number| release_order(&session, message, number))
            }
        })
    }

    /// Makes a quiescent point: what waits to be released is released.
    pub fn settle(&self) -> Result<()> {
        match &self.session {
            Some(session) => Ok(session.flush()?),
            None => Ok(()),
        }
    }
}

/// The four ways to close: explicitly, by Drop, out of order, after a failed open.
fn open_store(session: &Session, number: u64) -> Result<()> {
    let store = session.open_default_msg_store()?;
    match number % 4 {
        0 => store.logoff()?,
        1 => drop(store),
        2 => {
            // The folder outlives the store that it was opened from, and stays usable.
            let root = store.root_folder()?;
            drop(store);
            ensure!(root.property(tags::FOLDER_TYPE)?.is_some(), "a folder without a type");
        }
        _ => must_fail(store.open_folder(no_folder()), "a folder that does not exist")?,
    }
    Ok(())
}

fn logon(profile: &Profile, number: u64) -> Result<()> {
    let session = Session::logon(profile.clone())?;
    let store = session.open_default_msg_store()?;
    match number % 3 {
        0 => {
            store.logoff()?;
            session.logoff()?;
        }
        1 => {
            // The store outlives the session that it was opened in.
            drop(session);
            drop(store);
        }
        _ => {
            let root = store.root_folder()?;
            let table = root.hierarchy_table()?;
            // The session ends under everything that is open.
            session.logoff()?;
            must_fail(table.row_count(), "a table of a session that was logged off")?;
        }
    }
    Ok(())
}

/// What deadlocked in Q241556: open and close from many threads, with work in between.
fn threads(session: &Session, number: u64) -> Result<()> {
    let store = session.open_default_msg_store()?;
    if number.is_multiple_of(2) {
        let folders = store.root_folder()?.hierarchy_table()?;
        ensure!(folders.row_count()? > 0, "a mailbox without folders");
    }
    match number % 3 {
        0 => store.logoff()?,
        _ => drop(store),
    }
    Ok(())
}

fn failed_open(session: &Session, number: u64) -> Result<()> {
    let nobody = session.create_store_entry_id("/o=none/ou=none/cn=Recipients/cn=nobody")?;
    must_fail(
        session.open_msg_store(&nobody, OpenFlags::default()),
        "the store of a user who does not exist",
    )?;
    let store = session.open_default_msg_store()?;
    must_fail(store.open_folder(no_folder()), "a folder that does not exist")?;
    let root = store.root_folder()?;
    must_fail(
        root.open_message(MessageId::own(0xffff_ffff_0000)),
        "a message that does not exist",
    )?;
    match number % 2 {
        0 => drop((store, root)),
        _ => store.logoff()?,
    }
    Ok(())
}

/// Opens the whole chain, looks into the end of it, and lets go in the order that the number says: all
/// 720 orders of the six, and every seventh time the store is logged off first.
fn release_order(session: &Session, at: (FolderId, MessageId), number: u64) -> Result<()> {
    let store = session.open_default_msg_store()?;
    let folder = store.open_folder(at.0)?;
    let table = folder.contents_table()?;
    let message = folder.open_message(at.1)?;
    let attachment = message.open_attachment(0)?;
    let mut stream = attachment.open_stream(tags::ATTACH_DATA_BINARY)?;
    let mut content = Vec::new();
    stream.read_to_end(&mut content)?;
    ensure!(content == ATTACHED, "the attachment reads {} bytes that differ", content.len());

    let mut open: Vec<Box<dyn Any>> = Vec::with_capacity(6);
    if number.is_multiple_of(7) {
        store.logoff()?;
        must_fail(folder.property(tags::DISPLAY_NAME), "a folder of a store that was logged off")?;
    } else {
        open.push(Box::new(store));
    }
    open.push(Box::new(folder));
    open.push(Box::new(table));
    open.push(Box::new(message));
    open.push(Box::new(attachment));
    open.push(Box::new(stream));
    let mut order = number;
    while !open.is_empty() {
        let next = (order % open.len() as u64) as usize;
        order /= open.len() as u64;
        drop(open.remove(next));
    }
    Ok(())
}

impl Drop for Stage {
    fn drop(&mut self) {
        let (Some(session), Some((folder, message))) = (&self.session, self.message) else {
            return;
        };
        let remove = || {
            let folder = session.open_default_msg_store()?.open_folder(folder)?;
            folder.hard_delete_messages(&[message])
        };
        if let Err(error) = remove() {
            eprintln!("coffer: the message that the soak made is still there: {error}");
        }
    }
}

/// The message that the scenario of orders opens.
fn make_message(session: &Session) -> Result<(FolderId, MessageId)> {
    const SUBJECT: &str = "coffer soak: release order";
    let store: MsgStore = session.open_default_msg_store()?;
    let folder = store.root_folder()?;
    let message = folder.create_message()?;
    message.set(tags::SUBJECT, SUBJECT)?;
    message.set(tags::MESSAGE_CLASS, "IPM.Note")?;
    let attachment = message.create_attachment()?;
    attachment.set(tags::ATTACH_METHOD, 1_i32)?;
    attachment.set(tags::ATTACH_LONG_FILENAME, "soak.txt")?;
    attachment.set(tags::ATTACH_DATA_BINARY, ATTACHED)?;
    attachment.save()?;
    let id = message.save()?;
    Ok((folder.id(), id))
}

fn no_folder() -> FolderId {
    FolderId::own(0xffff_ffff_0000)
}

/// What has to fail with a refusal of the store or an object that is closed, and not with a broken
/// connection.
fn must_fail<T>(outcome: mapi_session::Result<T>, what: &str) -> Result<()> {
    match outcome {
        Ok(_) => bail!("{what} was opened"),
        Err(mapi_session::Error::Code { .. } | mapi_session::Error::Closed(_)) => Ok(()),
        Err(other) => Err(other).context(format!("opening {what} failed in another way")),
    }
}
