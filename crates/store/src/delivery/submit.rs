//! Handing a message over for delivery, and taking it back.

use mapi::{FileTime, Guid, MessageId, PropertyTag, PropertyValue, tags};

use super::address::{self, REPRESENTING, SENDER};
use super::queue::{self, Entry, State};
use crate::directory::Sending;
use crate::engine::Space;
use crate::mailbox::special::SpecialFolder;
use crate::mailbox::writer::{self, Tx};
use crate::message::{self, Message, MessageBody, Saved, flags};
use crate::outbound::track::{self, Event, Step};
use crate::value::Properties;
use crate::{Account, Mailbox, Result, StoreError, quota};

/// Recipients that a message is sent to at most: what a queue's entry has to say of them fits into a value.
pub const MAX_RECIPIENTS: usize = 5_000;

/// PidTagContentFilterSpamConfidenceLevel of what was written here ([MS-OXCSPAM] 2.2.1.3).
const TRUSTED: i32 = -1;

/// How a message is submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Submission {
    /// A client that acts as a spooler sends it; the server waits for that.
    pub spooler: bool,
}

/// Hands a message over for delivery: saves it with all its changes, as a submitted one, and puts it into the
/// queue. Both are durable when this returns; from then on nobody changes the message ([MS-OXOMSG] 3.3.5).
/// Delivery is [`super::deliver_now`]'s.
///
/// Errors: [`StoreError::Submitted`]; [`StoreError::NoRecipients`]; [`StoreError::TooManyRecipients`];
/// [`StoreError::TooBigToSend`], [`StoreError::MayNotSend`]; [`StoreError::Access`] where `user` may not send for
/// whom the message says it is from; those of [`message::save`].
pub fn submit(
    mailbox: &Mailbox,
    message: &mut Message,
    user: &Account,
    submission: Submission,
) -> Result<Saved> {
    let item = (mailbox.number(), message.id);
    if message.flags & flags::SUBMITTED != 0
        && queue::find(mailbox.store().engine(), item)?.is_some()
    {
        return Err(StoreError::Submitted);
    }
    let mut ready = message.clone();
    let sender = ready_to_send(mailbox, &mut ready, user)?;
    let now = mailbox.store().now();
    let mut entry = Entry::new(sender.id, now);
    entry.due = due(&ready.body.properties, now);
    if submission.spooler {
        entry.state = State::Spooler;
    }
    message::prepare(mailbox, &mut ready)?;
    let submitted = writer::write(mailbox, |tx| {
        let mut submitted = ready.clone();
        submitted.body.properties.set(tags::LAST_MODIFICATION_TIME, tx.now);
        submitted.flags = submitted.flags | flags::SUBMITTED | flags::UNSENT;
        message::write(tx, &mut submitted, false)?;
        queue::add(tx, (mailbox.number(), submitted.id), &entry);
        let id = submitted.body.properties.inline(tags::INTERNET_MESSAGE_ID);
        let id = id.and_then(PropertyValue::as_text).map(|id| id.to_string_lossy().into_owned());
        let event = Event::new(Step::Submitted, &id.unwrap_or_default(), &sender.address);
        track::add(mailbox.store(), &mut tx.batch, [event]);
        Ok(submitted)
    })?;
    mailbox.store().inner.deliveries.counts.added(1);
    *message = submitted;
    Ok(Saved { id: message.id, change: message.base, uid: message.uid })
}

/// Checks all that has to hold of a message that is sent, and writes into it who sends it and when
/// ([MS-OXOMSG] 3.3.5). Returns who is told what became of it.
pub(crate) fn ready_to_send(
    mailbox: &Mailbox,
    message: &mut Message,
    user: &Account,
) -> Result<Account> {
    if message.folder.is_none() {
        return Err(StoreError::Invalid("an embedded message is not sent by itself"));
    }
    if message.associated {
        return Err(StoreError::Access);
    }
    let recipients = message.body.recipients.len();
    if recipients == 0 {
        return Err(StoreError::NoRecipients);
    }
    if recipients > MAX_RECIPIENTS {
        return Err(StoreError::TooManyRecipients { count: recipients, limit: MAX_RECIPIENTS });
    }
    quota::may_send(mailbox, message.body.size())?;
    let (sender, represented) = sender_of(mailbox, &message.body.properties, user)?;
    sign(&mut message.body.properties, &sender, &represented, mailbox.store().now());
    Ok(sender)
}

/// Who sends and for whom: the same account, unless `user` sends on behalf of somebody.
fn sender_of(
    mailbox: &Mailbox,
    properties: &Properties,
    user: &Account,
) -> Result<(Account, Account)> {
    let store = mailbox.store();
    let represented = match address::is_named(properties, &REPRESENTING) {
        // Somebody whom nobody knows has given no rights.
        true => {
            address::resolve(store, properties, &REPRESENTING)?.map_err(|_| StoreError::Access)?
        }
        false => store.account_by_mailbox(mailbox.number())?.ok_or(StoreError::Access)?,
    };
    match store.may_send(represented.mailbox, user.id)? {
        Some(Sending::As) => Ok((represented.clone(), represented)),
        Some(Sending::OnBehalf) => Ok((user.clone(), represented)),
        None => Err(StoreError::Access),
    }
}

fn sign(properties: &mut Properties, sender: &Account, represented: &Account, now: FileTime) {
    address::name(properties, &SENDER, sender);
    address::name(properties, &REPRESENTING, represented);
    properties.set(tags::CLIENT_SUBMIT_TIME, now);
    properties.set(tags::CONTENT_FILTER_SPAM_CONFIDENCE_LEVEL, TRUSTED);
    if properties.get(tags::INTERNET_MESSAGE_ID).is_none() {
        let domain = represented.address.rsplit('@').next().unwrap_or("localhost");
        properties.set(tags::INTERNET_MESSAGE_ID, new_internet_id(domain).as_str());
    }
}

fn new_internet_id(domain: &str) -> String {
    let unique: String = Guid::random().0.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("<{unique}@{domain}>")
}

/// When a message is to be sent ([MS-OXOMSG] 2.2.3, 2.2.1.6): 0 at once.
fn due(properties: &Properties, now: FileTime) -> FileTime {
    let int = |tag: PropertyTag| properties.inline(tag).and_then(PropertyValue::as_i32);
    let time = |tag: PropertyTag| properties.inline(tag).and_then(PropertyValue::as_time);
    let waits = int(tags::DEFERRED_SEND_NUMBER).zip(int(tags::DEFERRED_SEND_UNITS));
    let waits = waits.and_then(|(number, units)| {
        // Minutes, hours, days, weeks.
        let minutes = *[1u64, 60, 24 * 60, 7 * 24 * 60].get(usize::try_from(units).ok()?)?;
        let number = u64::try_from(number).ok().filter(|number| (1..=999).contains(number))?;
        Some(FileTime(now.0.saturating_add(number * minutes * 60 * 10_000_000)))
    });
    let due = time(tags::DEFERRED_SEND_TIME).or(waits).into_iter();
    let due = due.chain(time(tags::DEFERRED_DELIVERY_TIME)).max();
    due.filter(|due| *due > now).unwrap_or(FileTime(0))
}

/// Takes a submitted message back: it is unsent again ([MS-OXOMSG] 3.3.5).
///
/// Errors: [`StoreError::NotFound`] if it is not in the folder; [`StoreError::NotInQueue`] if it was not submitted
/// or is sent; [`StoreError::CannotAbort`] if a spooler has it, or some recipients have it already.
pub fn abort(mailbox: &Mailbox, folder: mapi::FolderId, id: MessageId) -> Result<()> {
    let item = (mailbox.number(), id);
    let Some(_claim) = mailbox.store().inner.deliveries.claim(item) else {
        return Err(StoreError::CannotAbort);
    };
    writer::write(mailbox, |tx| {
        let hot = message::read_hot(tx.mailbox, tx.reader(), id)?;
        let hot = hot.filter(|hot| hot.folder == folder && !hot.contents.is_deleted());
        let hot = hot.ok_or(StoreError::NotFound("message"))?;
        let entry = queue::find(tx.reader(), item)?;
        let entry = entry.filter(|_| hot.flags & flags::SUBMITTED != 0);
        let entry = entry.ok_or(StoreError::NotInQueue)?;
        if entry.state == State::Locked || entry.next > 0 {
            return Err(StoreError::CannotAbort);
        }
        queue::replace(tx, item, &entry, None)?;
        message::change_flags(tx, id, 0, flags::SUBMITTED)
    })?;
    mailbox.store().inner.deliveries.counts.ended();
    Ok(())
}

/// Makes all submitted messages of a mailbox unsent ones, wherever their delivery stands.
pub(crate) fn take_all_back(mailbox: &Mailbox) -> Result<()> {
    for item in queue::items(mailbox.store(), Some(mailbox.number()))? {
        writer::write(mailbox, |tx| {
            tx.batch.delete(Space::Queue, queue::key(item));
            match message::read_hot(tx.mailbox, tx.reader(), item.1)? {
                Some(_) => message::change_flags(tx, item.1, 0, flags::SUBMITTED),
                None => Ok(()),
            }
        })?;
    }
    Ok(())
}

/// A message that a mailbox sends by itself, ready to be written: it stands in the spooler queue until it is
/// sent, and then goes.
pub(crate) fn own_message(mailbox: &Mailbox, body: MessageBody) -> Result<Message> {
    let mut message = Message {
        folder: SpecialFolder::SpoolerQueue.id(),
        flags: flags::SUBMITTED | flags::UNSENT,
        read: true,
        ..Message::embedded(body)
    };
    let properties = &mut message.body.properties;
    let now = mailbox.store().now();
    // What a client said of its own copy is nothing of this one's.
    properties.remove(tags::MESSAGE_FLAGS);
    properties.set(tags::DELETE_AFTER_SUBMIT, true);
    if let Some(owner) = mailbox.store().account_by_mailbox(mailbox.number())? {
        if !address::is_named(properties, &SENDER) {
            address::name(properties, &SENDER, &owner);
        }
        if !address::is_named(properties, &REPRESENTING) {
            address::name(properties, &REPRESENTING, &owner);
        }
    }
    if properties.get(tags::CLIENT_SUBMIT_TIME).is_none() {
        properties.set(tags::CLIENT_SUBMIT_TIME, now);
    }
    if properties.get(tags::INTERNET_MESSAGE_ID).is_none() {
        properties.set(tags::INTERNET_MESSAGE_ID, new_internet_id("localhost").as_str());
    }
    message::prepare(mailbox, &mut message)?;
    Ok(message)
}

/// Writes such a message and its entry of the queue with a batch.
pub(crate) fn send_own(tx: &mut Tx<'_>, mut message: Message, entry: &Entry) -> Result<MessageId> {
    message::write(tx, &mut message, false)?;
    queue::add(tx, (tx.mailbox.number(), message.id), entry);
    Ok(message.id)
}

/// Lets a mailbox send a message of its own, such as a receipt; durable when this returns. It is delivered by
/// [`super::start`].
pub fn send(mailbox: &Mailbox, body: MessageBody, silent: bool) -> Result<MessageId> {
    let owner = mailbox.store().account_by_mailbox(mailbox.number())?;
    let owner = owner.ok_or(StoreError::NotFound("account"))?;
    let message = own_message(mailbox, body)?;
    let entry = Entry { silent, ..Entry::new(owner.id, mailbox.store().now()) };
    let id = writer::write(mailbox, |tx| send_own(tx, message.clone(), &entry))?;
    mailbox.store().inner.deliveries.counts.added(1);
    Ok(id)
}
