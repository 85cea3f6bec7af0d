//! Sessions and stores: open, close, log on, log off, in every order and from many threads.

use std::any::Any;
use std::io::Read;

use anyhow::{Result, ensure};
use mapi::tags;
use mapi_session::{MapiProp, OpenFlags, SpecialFolder};

use super::{Stage, must_fail, no_folder, no_message};
use crate::soak::ground::{ATTACHED, Ground, Visit};

/// The four ways to close: explicitly, by Drop, out of order, after a failed open.
pub fn open_store(visit: &Visit<'_>) -> Result<()> {
    let store = visit.session()?.open_default_msg_store()?;
    match visit.number % 4 {
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

pub fn logon(visit: &Visit<'_>) -> Result<()> {
    let session = visit.logon()?;
    let store = session.open_default_msg_store()?;
    match visit.number % 3 {
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
pub fn threads(visit: &Visit<'_>) -> Result<()> {
    visit.watch.note("opening the store");
    let store = visit.session()?.open_default_msg_store()?;
    if visit.number.is_multiple_of(2) {
        visit.watch.note("reading folders");
        let folders = store.root_folder()?.hierarchy_table()?;
        ensure!(folders.row_count()? > 0, "a mailbox without folders");
    }
    visit.watch.note("closing the store");
    match visit.number % 3 {
        0 => store.logoff()?,
        _ => drop(store),
    }
    Ok(())
}

pub fn failed_open(visit: &Visit<'_>) -> Result<()> {
    let session = visit.session()?;
    let nobody = session.create_store_entry_id("/o=none/ou=none/cn=Recipients/cn=nobody")?;
    must_fail(
        session.open_msg_store(&nobody, OpenFlags::default()),
        "the store of a user who does not exist",
    )?;
    let store = session.open_default_msg_store()?;
    must_fail(store.open_folder(no_folder()), "a folder that does not exist")?;
    let root = store.root_folder()?;
    must_fail(root.open_message(no_message()), "a message that does not exist")?;
    match visit.number % 2 {
        0 => drop((store, root)),
        _ => store.logoff()?,
    }
    Ok(())
}

pub fn get_folder(visit: &Visit<'_>) -> Result<()> {
    let store = visit.session()?.open_default_msg_store()?;
    let folders = [
        SpecialFolder::Inbox,
        SpecialFolder::Outbox,
        SpecialFolder::SentItems,
        SpecialFolder::DeletedItems,
    ];
    for (at, which) in folders.into_iter().enumerate() {
        let folder = store.special_folder(which)?;
        ensure!(folder.text(tags::DISPLAY_NAME)?.is_some(), "a folder without a name");
        match (at as u64 + visit.number).is_multiple_of(2) {
            true => folder.close()?,
            false => drop(folder),
        }
    }
    Ok(())
}

/// Opens the whole chain, looks into the end of it, and lets go in the order that the number says: all
/// 720 orders of the six, and every seventh time the store is logged off first.
pub fn release_order(ground: &Ground) -> Result<Stage> {
    let fixture = ground.fixture()?;
    Stage::new(move |visit| {
        let store = visit.session()?.open_default_msg_store()?;
        let folder = store.open_folder(fixture.folder)?;
        let table = folder.contents_table()?;
        let message = folder.open_message(fixture.attached)?;
        let attachment = message.open_attachment(0)?;
        let mut stream = attachment.open_stream(tags::ATTACH_DATA_BINARY)?;
        let mut content = Vec::new();
        stream.read_to_end(&mut content)?;
        ensure!(content == ATTACHED, "the attachment reads {} bytes that differ", content.len());

        let mut open: Vec<Box<dyn Any>> = Vec::with_capacity(6);
        if visit.number.is_multiple_of(7) {
            store.logoff()?;
            let name = folder.property(tags::DISPLAY_NAME);
            must_fail(name, "a folder of a store that was logged off")?;
        } else {
            open.push(Box::new(store));
        }
        open.push(Box::new(folder));
        open.push(Box::new(table));
        open.push(Box::new(message));
        open.push(Box::new(attachment));
        open.push(Box::new(stream));
        let mut order = visit.number;
        while !open.is_empty() {
            let next = (order % open.len() as u64) as usize;
            order /= open.len() as u64;
            drop(open.remove(next));
        }
        Ok(())
    })
}

/// One logon, many mailboxes of others.
pub fn many_stores(ground: &Ground) -> Result<Stage> {
    let others = ground.target.others()?;
    Stage::new(move |visit| {
        let session = visit.session()?;
        let mut open = Vec::with_capacity(others.len());
        for dn in &others {
            let id = session.create_store_entry_id(dn)?;
            let store = session.open_msg_store(&id, OpenFlags::default())?;
            ensure!(
                store.inbox()?.contents_table()?.row_count().is_ok(),
                "an inbox without a table"
            );
            open.push(store);
        }
        while !open.is_empty() {
            let store = open.swap_remove((visit.number % open.len() as u64) as usize);
            if visit.number.is_multiple_of(3) {
                store.logoff()?;
            }
        }
        Ok(())
    })
}

/// A mailbox that may be opened and one that may not.
pub fn delegate(ground: &Ground) -> Result<Stage> {
    let others = ground.target.others()?;
    let refused = ground.target.refused()?;
    Stage::new(move |visit| {
        let session = visit.session()?;
        let not = session.create_store_entry_id(&refused)?;
        must_fail(
            session.open_msg_store(&not, OpenFlags::default()),
            "a mailbox that was not granted",
        )?;
        // To ask for an administrator's rights makes nobody an administrator.
        must_fail(
            session.open_msg_store(&not, OpenFlags { admin: true, no_mail: false }),
            "a mailbox that was not granted, with the rights of an administrator",
        )?;
        let granted = &others[(visit.number % others.len() as u64) as usize];
        let granted = session.create_store_entry_id(granted)?;
        let store = session.open_msg_store(&granted, OpenFlags::default())?;
        let root = store.root_folder()?;
        ensure!(root.hierarchy_table()?.row_count()? > 0, "a mailbox without folders");
        Ok(())
    })
}

/// A session and nothing in it, on a connection of its own.
pub fn connect(visit: &Visit<'_>) -> Result<()> {
    visit.watch.note("connecting");
    let session = visit.logon()?;
    visit.watch.note("disconnecting");
    Ok(session.logoff()?)
}
