//! Messages that a client sends, as a spooler does ([MS-OXOMSG] 2.2.5, 3.3.5).

use mapi::{FolderId, MessageId};

use super::queue::{self, Entry, State};
use super::submit;
use super::work::{self, place_after};
use crate::mailbox::changes::{Change, ChangeKind};
use crate::mailbox::writer;
use crate::message::{self, Message, flags};
use crate::{Account, Mailbox, Result, StoreError};

/// What a lock found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locked {
    Now,
    /// It was locked before.
    Already,
}

/// Takes a submitted message in hand: nobody aborts it then.
///
/// Errors: [`StoreError::NotFound`]; [`StoreError::NotInQueue`] for one that does not wait for a spooler.
pub fn lock(mailbox: &Mailbox, id: MessageId) -> Result<Locked> {
    change(mailbox, id, |entry| match entry.state {
        State::Server => Err(StoreError::NotInQueue),
        State::Locked => Ok(Locked::Already),
        State::Spooler => {
            entry.state = State::Locked;
            Ok(Locked::Now)
        }
    })
}

/// Gives it back: it waits for a spooler again.
///
/// Errors: as [`lock`].
pub fn unlock(mailbox: &Mailbox, id: MessageId) -> Result<()> {
    change(mailbox, id, |entry| match entry.state {
        State::Server => Err(StoreError::NotInQueue),
        _ => {
            entry.state = State::Spooler;
            Ok(())
        }
    })
}

fn change<T>(
    mailbox: &Mailbox,
    id: MessageId,
    edit: impl Fn(&mut Entry) -> Result<T>,
) -> Result<T> {
    let item = (mailbox.number(), id);
    writer::write(mailbox, |tx| {
        message::read_hot(tx.mailbox, tx.reader(), id)?.ok_or(StoreError::NotFound("message"))?;
        let entry = queue::find(tx.reader(), item)?.ok_or(StoreError::NotInQueue)?;
        let mut after = entry.clone();
        let done = edit(&mut after)?;
        queue::replace(tx, item, &entry, Some(&after))?;
        Ok(done)
    })
}

/// PidTagSubmitFlags of a message that waits to be sent.
pub(crate) fn submit_flags(mailbox: &Mailbox, message: &Message) -> Result<Option<u32>> {
    /// SUBMITFLAG_LOCKED
    const LOCKED: u32 = 0x0000_0001;
    if message.flags & flags::SUBMITTED == 0 {
        return Ok(None);
    }
    let entry = queue::find(mailbox.store().engine(), (mailbox.number(), message.id))?;
    Ok(entry.map(|entry| if entry.state == State::Locked { LOCKED } else { 0 }))
}

/// The spooler has sent a message: it goes where its sender wants it.
///
/// Errors: as [`lock`].
pub fn finish(mailbox: &Mailbox, id: MessageId) -> Result<()> {
    let item = (mailbox.number(), id);
    let message = message::open(mailbox, id)?;
    let place = place_after(mailbox, &message)?;
    writer::write(mailbox, |tx| {
        let entry = queue::find(tx.reader(), item)?.ok_or(StoreError::NotInQueue)?;
        if entry.state == State::Server {
            return Err(StoreError::NotInQueue);
        }
        queue::replace(tx, item, &entry, None)?;
        work::settle(tx, &message, place)
    })?;
    mailbox.store().inner.deliveries.counts.ended();
    Ok(())
}

/// Tells that a message is new mail: a client put it there, as a transport does ([MS-OXOMSG] 2.2.5.5).
///
/// Errors: [`StoreError::NotFound`] if it is not in the folder.
pub fn announce(mailbox: &Mailbox, folder: FolderId, id: MessageId) -> Result<()> {
    writer::write(mailbox, |tx| {
        let hot = message::read_hot(tx.mailbox, tx.reader(), id)?;
        let hot = hot.filter(|hot| hot.folder == folder && !hot.contents.is_deleted());
        let hot = hot.ok_or(StoreError::NotFound("message"))?;
        tx.log(Change::of_message(ChangeKind::MailAnnounced, id, &hot))?;
        Ok(())
    })
}

/// Sends a message at the word of a client that keeps its own copy ([MS-OXOMSG] 2.2.5.4): what is sent is a copy
/// in the spooler queue, which is removed then. Returns the message as it went out. Durable when this returns;
/// [`super::deliver_now`] delivers it.
///
/// Errors: those of [`submit::submit`], but for a message that was submitted and is locked by a spooler.
pub fn send_now(
    mailbox: &Mailbox,
    message: &Message,
    user: &Account,
) -> Result<(MessageId, Message)> {
    let mut ready = message.clone();
    ready.flags &= !flags::SUBMITTED;
    let sender = submit::ready_to_send(mailbox, &mut ready, user)?;
    let own = submit::own_message(mailbox, ready.body.clone())?;
    let own = Message { flags: own.flags | ready.flags & flags::RESEND, ..own };
    let entry = Entry::new(sender.id, mailbox.store().now());
    let id = writer::write(mailbox, |tx| submit::send_own(tx, own.clone(), &entry))?;
    mailbox.store().inner.deliveries.counts.added(1);
    Ok((id, ready))
}
