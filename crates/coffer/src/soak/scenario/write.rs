//! Writing. What a cycle makes, it deletes for good.

use std::io::Write;

use anyhow::{Context, Result, ensure};
use mapi::tags;
use mapi_session::{Folder, MapiProp, Message, RecipientKind};

use super::rule::own_dn;
use super::{Stage, must_fail, open_folder};
use crate::soak::ground::{Ground, Visit};

/// A large stream that nobody saves.
pub fn stream(ground: &Ground) -> Result<Stage> {
    let fixture = ground.fixture()?;
    let piece = vec![b'x'; 30_000];
    Stage::new(move |visit| {
        let folder = open_folder(visit.session()?, fixture.folder)?;
        let message = folder.create_message()?;
        let attachment = message.create_attachment()?;
        attachment.set(tags::ATTACH_METHOD, 1_i32)?;
        let mut stream = attachment.create_stream(tags::ATTACH_DATA_BINARY)?;
        let pieces = if visit.number.is_multiple_of(3) { 5 } else { 10 };
        for _ in 0..pieces {
            stream.write_all(&piece)?;
        }
        match visit.number % 4 {
            0 => stream.commit()?,
            1 => stream.close()?,
            // The message goes before the stream that writes into it.
            2 => message.close()?,
            _ => drop(stream),
        }
        Ok(())
    })
}

pub fn save(visit: &Visit<'_>) -> Result<()> {
    let folder = open_folder(visit.session()?, visit.folder()?)?;
    let message = compose(&folder, "A message of the soak")?;
    visit.watch.note("saving");
    let id = message.save()?;
    visit.acknowledged.borrow_mut().push((folder.id(), id.into()));
    message.set(tags::SUBJECT, "The same, changed")?;
    message.save()?;
    drop(message);
    let again = folder.open_message(id)?;
    ensure!(again.text(tags::SUBJECT)?.as_deref() == Some("The same, changed"), "a save got lost");
    ensure!(again.recipients()?.len() == 2, "a recipient got lost");
    visit.watch.note("deleting");
    forget(visit, &folder, id);
    folder.hard_delete_messages(&[id])?;
    must_fail(folder.open_message(id), "a message that was deleted")
}

/// From now on it may be gone.
fn forget(visit: &Visit<'_>, folder: &Folder, id: mapi::MessageId) {
    visit.acknowledged.borrow_mut().retain(|known| *known != (folder.id(), id.into()));
}

fn compose(folder: &Folder, subject: &str) -> Result<Message> {
    let message = folder.create_message()?;
    message.set(tags::SUBJECT, subject)?;
    message.set(tags::MESSAGE_CLASS, "IPM.Note")?;
    message.set(tags::BODY, "A line of text.\r\n".repeat(100).as_str())?;
    message.add_recipient(RecipientKind::To, "one@example.test", "One")?;
    message.add_recipient(RecipientKind::Cc, "two@example.test", "Two")?;
    let attachment = message.create_attachment()?;
    attachment.set(tags::ATTACH_METHOD, 1_i32)?;
    attachment.set(tags::ATTACH_LONG_FILENAME, "soak.bin")?;
    attachment.set(tags::ATTACH_DATA_BINARY, b"0123456789".repeat(50).as_slice())?;
    attachment.save()?;
    Ok(message)
}

pub fn relocate(visit: &Visit<'_>) -> Result<()> {
    let store = visit.session()?.open_default_msg_store()?;
    let folder = store.open_folder(visit.folder()?)?;
    let other = folder.open_or_create_folder("the other")?;
    let id = compose(&folder, "To be moved")?.save()?;
    folder.copy_messages(&[id], &folder)?;
    let copy = other_message(&folder, id)?;
    folder.move_messages(&[copy], &other)?;
    must_fail(folder.open_message(copy), "a message that was moved away")?;
    let moved = other_message(&other, id)?;
    let message = other.open_message(moved)?;
    message.set_read(true)?;
    message.set_read(false)?;
    drop(message);
    other.set_read_flags(&[moved], true)?;
    other.hard_delete_messages(&[moved])?;
    folder.hard_delete_messages(&[id])?;
    folder.hard_delete_folder(other.id())?;
    Ok(())
}

/// The newest message of a folder that is another one than `id`.
fn other_message(folder: &Folder, id: mapi::MessageId) -> Result<mapi::MessageId> {
    let table = folder.contents_table()?.with_columns(&[tags::MID])?;
    let rows = table.query_rows(1000)?;
    let ids = rows.iter().filter_map(|row| row.integer(tags::MID)).map(mapi::MessageId::from_i64);
    ids.filter(|other| *other != id).max().context("the copy is not there")
}

/// Outbox to Inbox and back, in one mailbox.
pub fn submit(visit: &Visit<'_>) -> Result<()> {
    let store = visit.session()?.open_default_msg_store()?;
    let folder = store.open_folder(visit.folder()?)?;
    let inbox = store.inbox()?;
    let own = own_dn(&store)?;
    // Of this thread's messages; also what a cycle left that was broken off.
    let subject = format!("soak {}", visit.thread);
    let (to, deferred) = match visit.number % 4 {
        0 => ("nobody@soak.invalid", false),
        1 => (own.as_str(), true),
        _ => (own.as_str(), false),
    };
    let message = folder.create_message()?;
    message.set(tags::SUBJECT, subject.as_str())?;
    message.set(tags::BODY, "A line of text.\r\n".repeat(100).as_str())?;
    message.add_recipient(RecipientKind::To, to, to)?;
    if deferred {
        message.set(tags::DEFERRED_SEND_NUMBER, 900)?;
        message.set(tags::DEFERRED_SEND_UNITS, 3)?;
    }
    let id = message.save()?;
    visit.watch.note("submitting");
    message.submit_and_delete()?;
    if deferred {
        store.abort_submit(folder.id(), id)?;
        return Ok(folder.hard_delete_messages(&[id])?);
    }
    // Some servers deliver when they have answered.
    let came = || -> Result<Vec<mapi::MessageId>> {
        let table = inbox.contents_table()?.with_columns(&[tags::MID, tags::NORMALIZED_SUBJECT])?;
        let rows = table.query_rows(1000)?;
        let own = rows.iter().filter(|row| {
            let text = row.text(tags::NORMALIZED_SUBJECT).unwrap_or_default();
            text == subject
        });
        Ok(own.filter_map(|row| row.integer(tags::MID)).map(mapi::MessageId::from_i64).collect())
    };
    visit.watch.note("waiting for the message");
    let mut ids = came()?;
    for _ in 0..1000 {
        if !ids.is_empty() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
        ids = came()?;
    }
    ensure!(!ids.is_empty(), "what was submitted did not come");
    inbox.hard_delete_messages(&ids)?;
    must_fail(folder.open_message(id), "a message that was sent and deleted")
}

pub fn deep_delete(visit: &Visit<'_>) -> Result<()> {
    const DEPTH: usize = 10;
    let store = visit.session()?.open_default_msg_store()?;
    let parent = store.open_folder(visit.folder()?)?;
    let outermost = parent.open_or_create_folder("outermost")?;
    let mut inner = outermost.open_or_create_folder("inner")?;
    for _ in 0..DEPTH {
        inner = inner.open_or_create_folder("inner")?;
    }
    visit.watch.note("deleting");
    parent.hard_delete_folder(outermost.id())?;
    must_fail(store.open_folder(inner.id()), "a folder that was deleted")
}
