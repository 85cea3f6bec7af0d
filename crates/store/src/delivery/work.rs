//! Working the queue off: each submitted message into the mailbox of each recipient, then to where its sender
//! wants it, with a report where one is due.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};

use mapi::server_id::ServerId;
use mapi::{FileTime, FolderId, MessageId, PropertyValue, Wire, tags};
use parking_lot::Mutex;

use super::address::{self, RECIPIENT};
use super::arrival::{self, Arrived, Envelope};
use super::queue::{self, Entry, Item, Outcome, Reason, State};
use super::{relay, report};
use crate::engine::{Batch, Space};
use crate::mailbox::writer::{self, Tx};
use crate::message::{self, Message, Recipient, flags};
use crate::outbound::track::{self, Event, Step as Way};
use crate::value::Properties;
use crate::{Account, AccountId, Mailbox, Result, Store, StoreError};

/// Recipients that get a message before its submission is answered; the others are left to a thread.
const AT_ONCE: usize = 32;

/// The recipient is to be sent to again, of a message that is ([MS-OXOMSG] 2.2.3.1).
const RESEND_TO: i32 = 0x1000_0000;

/// What is being delivered in this process. It belongs to the store.
#[derive(Default)]
pub(crate) struct Deliveries {
    claimed: Mutex<HashSet<Item>>,
    worker: Mutex<Worker>,
    pub(crate) counts: Counts,
}

#[derive(Default)]
struct Worker {
    running: bool,
    /// Something was added since the worker looked at the queue.
    again: bool,
}

/// What was done since the store was opened.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) delivered: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) failures: AtomicU64,
    /// Entries of the queue now, deferred ones included.
    pub(crate) waiting: AtomicU64,
}

impl Counts {
    /// Entries that a batch added, when it is durable.
    pub(crate) fn added(&self, count: usize) {
        self.waiting.fetch_add(count as u64, Ordering::Relaxed);
    }

    pub(crate) fn ended(&self) {
        let less = |waiting: u64| Some(waiting.saturating_sub(1));
        let _ = self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }
}

impl Deliveries {
    /// Takes a message in hand; None if somebody has it. One at a time delivers a message.
    pub(crate) fn claim(&self, item: Item) -> Option<Claim<'_>> {
        // No claim is made, and dropped, where another has it: dropping would take that one's away.
        let taken = self.claimed.lock().insert(item);
        taken.then(|| Claim { deliveries: self, item })
    }
}

pub(crate) struct Claim<'a> {
    deliveries: &'a Deliveries,
    item: Item,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.deliveries.claimed.lock().remove(&self.item);
    }
}

/// How far one message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// It is out of the queue.
    Done,
    /// More recipients wait.
    More,
    /// Nothing is to be done now: its time has not come, a spooler has it, or another thread.
    Waits(FileTime),
}

/// Delivers a message that was submitted just now to its first recipients, and lets a thread go on with the
/// others, and with what these send on. What fails stays in the queue.
pub fn deliver_now(mailbox: &Mailbox, id: MessageId) {
    let store = mailbox.store();
    let mut caused = Vec::new();
    let mut left = AT_ONCE;
    let mut item = Some((mailbox.number(), id));
    while let Some(next) = item {
        match deliver_some(store, next, &mut left, &mut caused) {
            Ok(Step::Done | Step::Waits(_)) => {}
            Ok(Step::More) => return start(store),
            Err(error) => {
                tracing::warn!(mailbox = next.0.0, message = %next.1, %error, "cannot deliver now");
                return start(store);
            }
        }
        if left == 0 && !caused.is_empty() {
            return start(store);
        }
        item = caused.pop();
    }
}

/// Starts a thread that works the queue off and ends, unless there is nothing to do. Does not wait for it.
pub fn start(store: &Store) {
    let mut worker = store.inner.deliveries.worker.lock();
    worker.again = true;
    if worker.running {
        return;
    }
    let ours = store.clone();
    let thread = std::thread::Builder::new().name("delivery".into());
    match thread.spawn(move || work_off(&ours)) {
        Ok(_) => worker.running = true,
        // Whoever comes next tries again; the queue is on disk.
        Err(error) => tracing::warn!(%error, "cannot start a thread that delivers"),
    }
}

/// As [`start`], where something waits.
pub fn resume(store: &Store) -> Result<()> {
    let waiting = queue::items(store, None)?.len();
    store.inner.deliveries.counts.waiting.store(waiting as u64, Ordering::Relaxed);
    if waiting > 0 {
        start(store);
    }
    Ok(())
}

fn work_off(store: &Store) {
    loop {
        store.inner.deliveries.worker.lock().again = false;
        if let Err(error) = deliver_due(store) {
            tracing::warn!(%error, "cannot work the queue off");
        }
        let mut worker = store.inner.deliveries.worker.lock();
        if !worker.again {
            worker.running = false;
            return;
        }
    }
}

/// Delivers everything whose time has come, now. Messages that fail stay, and do not keep the others; returns
/// how many messages left the queue.
pub fn deliver_due(store: &Store) -> Result<usize> {
    let mut done = 0;
    let mut left = usize::MAX;
    loop {
        let mut progress = false;
        for item in queue::items(store, None)? {
            match deliver_some(store, item, &mut left, &mut Vec::new()) {
                Ok(Step::Done) => {
                    done += 1;
                    progress = true;
                }
                Ok(Step::More | Step::Waits(_)) => {}
                Err(error @ StoreError::Closed) => return Err(error),
                Err(error) => {
                    let counts = &store.inner.deliveries.counts;
                    counts.failures.fetch_add(1, Ordering::Relaxed);
                    tracing::warn!(mailbox = item.0.0, message = %item.1, %error, "cannot deliver");
                }
            }
        }
        // What was delivered may have caused more.
        if !progress {
            // Receipts come into the queue with other batches, and are counted here.
            let waiting = queue::items(store, None)?.len();
            store.inner.deliveries.counts.waiting.store(waiting as u64, Ordering::Relaxed);
            return Ok(done);
        }
    }
}

/// Goes on with one message for at most `left` recipients. Messages that it causes to be sent are added to
/// `caused`.
fn deliver_some(
    store: &Store,
    item: Item,
    left: &mut usize,
    caused: &mut Vec<Item>,
) -> Result<Step> {
    let Some(_claim) = store.inner.deliveries.claim(item) else {
        return Ok(Step::Waits(FileTime(0)));
    };
    // Somebody may change the entry meanwhile, who aborts the submission.
    for _ in 0..4 {
        match go_on(store, item, left, caused) {
            Err(StoreError::ObjectModified) => {}
            other => return other,
        }
    }
    Err(StoreError::ObjectModified)
}

fn go_on(store: &Store, item: Item, left: &mut usize, caused: &mut Vec<Item>) -> Result<Step> {
    let reader = store.engine().snapshot()?;
    let Some(mut entry) = queue::find(&*reader, item)? else { return Ok(Step::Done) };
    drop(reader);
    let (source, message) = match submitted(store, item)? {
        Some(found) => found,
        None => {
            forget(store, item, &entry)?;
            return Ok(Step::Done);
        }
    };
    if entry.state != State::Server || entry.due > store.now() {
        return Ok(Step::Waits(entry.due));
    }
    let mut seen = before(store, &message, entry.next)?;
    let way = way(store, &message, &entry)?;
    while let Some(recipient) = message.body.recipients.get(entry.next as usize) {
        if *left == 0 {
            return Ok(Step::More);
        }
        *left -= 1;
        let one = One { source: &source, message: &message, item, recipient, way: &way };
        deliver_one(&one, &mut entry, &mut seen, caused)?;
    }
    finish(&source, &message, item, entry)?;
    Ok(Step::Done)
}

/// The message of an entry; None if it is gone for whatever reason.
fn submitted(store: &Store, item: Item) -> Result<Option<(std::sync::Arc<Mailbox>, Message)>> {
    let mailbox = match store.mailbox(item.0) {
        Ok(mailbox) => mailbox,
        Err(StoreError::NotFound(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    match message::open(&mailbox, item.1) {
        Ok(message) if message.soft_deleted || message.flags & flags::SUBMITTED == 0 => Ok(None),
        Ok(message) => Ok(Some((mailbox, message))),
        Err(StoreError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Ends an entry without a message.
fn forget(store: &Store, item: Item, entry: &Entry) -> Result<()> {
    let mut batch = Batch::reclaiming();
    batch.check_equals(Space::Queue, queue::key(item), entry.to_bytes());
    batch.delete(Space::Queue, queue::key(item));
    if store.engine().commit(batch)?.is_committed() {
        store.inner.deliveries.counts.ended();
    }
    Ok(())
}

/// Whether a recipient is one of those whom the message is sent to now.
fn is_meant(message: &Message, recipient: &Recipient) -> bool {
    let kind = recipient.properties.inline(tags::RECIPIENT_TYPE).and_then(PropertyValue::as_i32);
    message.flags & flags::RESEND == 0 || kind.unwrap_or(0) & RESEND_TO != 0
}

/// Accounts that have the message: whoever is named twice gets it once.
fn before(store: &Store, message: &Message, next: u32) -> Result<HashSet<AccountId>> {
    let mut seen = HashSet::new();
    for recipient in message.body.recipients.iter().take(next as usize) {
        if is_meant(message, recipient)
            && let Ok(account) = address::resolve(store, &recipient.properties, &RECIPIENT)?
        {
            seen.insert(account.id);
        }
    }
    Ok(seen)
}

/// One recipient of a message.
struct One<'a> {
    source: &'a Mailbox,
    message: &'a Message,
    item: Item,
    recipient: &'a Recipient,
    /// What message tracking says of the message.
    way: &'a Event,
}

/// The beginning of every event about a message.
fn way(store: &Store, message: &Message, entry: &Entry) -> Result<Event> {
    let id = message.body.properties.inline(tags::INTERNET_MESSAGE_ID);
    let id = id.and_then(PropertyValue::as_text).map(|id| id.to_string_lossy().into_owned());
    let sender = match store.account(entry.sender) {
        Ok(sender) => sender.address,
        Err(StoreError::NotFound(_)) => String::new(),
        Err(error) => return Err(error),
    };
    Ok(Event::new(Way::Submitted, &id.unwrap_or_default(), &sender))
}

fn deliver_one(
    one: &One<'_>,
    entry: &mut Entry,
    seen: &mut HashSet<AccountId>,
    caused: &mut Vec<Item>,
) -> Result<()> {
    let store = one.source.store();
    let counts = &store.inner.deliveries.counts;
    let mut after = entry.clone();
    after.next += 1;
    let found = address::resolve(store, &one.recipient.properties, &RECIPIENT)?;
    let reason = match found {
        _ if !is_meant(one.message, one.recipient) => None,
        Ok(account) if seen.contains(&account.id) => None,
        Ok(account) => {
            if report::wants_deliveries(&one.message.body.properties) && !entry.silent {
                after.outcomes.push((entry.next, Outcome::Delivered));
            }
            match into_mailbox(one, &account, entry, &after)? {
                Ok(arrived) => {
                    counts.delivered.fetch_add(1, Ordering::Relaxed);
                    seen.insert(account.id);
                    caused.extend(arrived.sent.into_iter().map(|id| (account.mailbox, id)));
                    *entry = after;
                    return Ok(());
                }
                Err(reason) => Some(reason),
            }
        }
        Err(Reason::Outside) if relay::address_of(one.source, one.recipient).is_some() => {
            after.outcomes.push((entry.next, Outcome::Outbound));
            note(one.source, one.item, entry, &after)?;
            *entry = after;
            return Ok(());
        }
        Err(reason) => Some(reason),
    };
    let before = entry.clone();
    entry.next += 1;
    if let Some(reason) = reason {
        let recipient = address::internet_address(&one.recipient.properties, &RECIPIENT);
        let event = Event {
            what: Way::Refused,
            recipient: recipient.unwrap_or_default(),
            detail: format!("{reason:?}"),
            ..one.way.clone()
        };
        track::note(store, vec![event])?;
        counts.refused.fetch_add(1, Ordering::Relaxed);
        entry.outcomes.push((before.next, Outcome::Failed(reason)));
    }
    note(one.source, one.item, &before, entry)
}

fn into_mailbox(
    one: &One<'_>,
    account: &Account,
    entry: &Entry,
    after: &Entry,
) -> Result<Result<Arrived, Reason>> {
    let envelope = Envelope { sender: Some(entry.sender), hops: entry.hops, silent: entry.silent };
    let delivered =
        arrival::deliver(one.source, &one.message.body, account, envelope, |tx: &mut Tx<'_>| {
            let recipient = account.address.clone();
            let event = Event { what: Way::Delivered, recipient, ..one.way.clone() };
            track::add(one.source.store(), &mut tx.batch, [event]);
            queue::replace(tx, one.item, entry, Some(after))
        });
    match delivered {
        // The mailbox goes.
        Err(StoreError::NotFound("mailbox")) => Ok(Err(Reason::Unknown)),
        other => other,
    }
}

/// Moves an entry on by itself.
fn note(source: &Mailbox, item: Item, before: &Entry, after: &Entry) -> Result<()> {
    writer::reclaim(source, |tx| queue::replace(tx, item, before, Some(after)))
}

/// All recipients are dealt with: tells the sender what is to be told, and puts the message where it belongs.
fn finish(source: &Mailbox, message: &Message, item: Item, entry: Entry) -> Result<()> {
    let store = source.store();
    let mut entry = relay::hand_on(source, message, item, entry)?;
    for body in report::reports(message, &entry, store.now()) {
        let mut after = entry.clone();
        // What was told is not told again after a crash.
        let told: fn(&Outcome) -> bool = match body.attachments.is_empty() {
            false => |outcome| matches!(outcome, Outcome::Failed(_)),
            true => |outcome| matches!(outcome, Outcome::Delivered),
        };
        after.outcomes.retain(|(_, outcome)| !told(outcome));
        report_to_sender(source, body, item, &entry, &after)?;
        entry = after;
    }
    let place = place_after(source, message)?;
    let end = |tx: &mut Tx<'_>| {
        queue::replace(tx, item, &entry, None)?;
        settle(tx, message, place)
    };
    match place {
        Place::Nowhere => writer::reclaim(source, end)?,
        _ => writer::write(source, end)?,
    }
    store.inner.deliveries.counts.ended();
    Ok(())
}

fn report_to_sender(
    source: &Mailbox,
    body: message::MessageBody,
    item: Item,
    entry: &Entry,
    after: &Entry,
) -> Result<()> {
    let store = source.store();
    let sender = match store.account(entry.sender) {
        Ok(sender) => sender,
        Err(StoreError::NotFound(_)) => return note(source, item, entry, after),
        Err(error) => return Err(error),
    };
    let envelope = Envelope { sender: None, hops: entry.hops, silent: true };
    let noted = |tx: &mut Tx<'_>| queue::replace(tx, item, entry, Some(after));
    match arrival::deliver(source, &body, &sender, envelope, noted)? {
        Ok(_) => Ok(()),
        Err(reason) => {
            tracing::warn!(sender = sender.address, ?reason, "a report cannot be delivered");
            note(source, item, entry, after)
        }
    }
}

/// Where a message goes when it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// It is deleted.
    Nowhere,
    Here,
    /// To another folder, under the id that its client chose for it if it did.
    Folder(FolderId, Option<MessageId>),
}

/// [MS-OXOMSG] 2.2.3.8 to 2.2.3.10, 3.3.5
pub(crate) fn place_after(mailbox: &Mailbox, message: &Message) -> Result<Place> {
    let properties = &message.body.properties;
    let delete = properties.inline(tags::DELETE_AFTER_SUBMIT).and_then(PropertyValue::as_bool);
    if delete == Some(true) {
        return Ok(Place::Nowhere);
    }
    for place in wished(mailbox, properties)? {
        if let Place::Folder(folder, _) = place
            && crate::folder::record(mailbox, mailbox.reader(), folder)
                .is_ok_and(|record| record.kind != crate::folder::FolderKind::Search)
        {
            return Ok(place);
        }
    }
    Ok(Place::Here)
}

fn wished(mailbox: &Mailbox, properties: &Properties) -> Result<Vec<Place>> {
    let mut places = Vec::new();
    let binary = |tag| properties.inline(tag).and_then(PropertyValue::as_binary);
    if let Some(mapi::entry_id::EntryId::Message(id)) =
        binary(tags::TARGET_ENTRY_ID).map(mapi::entry_id::EntryId::parse)
    {
        let ids =
            [&id.folder, &id.message].map(|id| crate::mailbox::ids::from_long_term(mailbox, id));
        if let [Ok(folder), Ok(message)] = ids {
            let message = MessageId::new(message.0, message.1);
            places.push(Place::Folder(FolderId::new(folder.0, folder.1), Some(message)));
        }
    }
    if let Some(PropertyValue::ServerId(bytes)) = properties.inline(tags::SENT_MAIL_SVR_EID)
        && let Ok(ServerId::Own { folder, .. }) = ServerId::from_wire(bytes)
    {
        places.push(Place::Folder(folder, None));
    }
    if let Some(mapi::entry_id::EntryId::Folder(id)) =
        binary(tags::SENT_MAIL_ENTRY_ID).map(mapi::entry_id::EntryId::parse)
        && let Ok(folder) = crate::mailbox::ids::from_long_term(mailbox, &id.folder)
    {
        places.push(Place::Folder(FolderId::new(folder.0, folder.1), None));
    }
    Ok(places)
}

/// Puts a sent message to its place with a batch.
pub(crate) fn settle(tx: &mut Tx<'_>, message: &Message, place: Place) -> Result<()> {
    let clear = flags::SUBMITTED | flags::UNSENT;
    match place {
        Place::Here => message::change_flags(tx, message.id, 0, clear),
        Place::Nowhere => message::remove(tx, message.folder, message.id),
        Place::Folder(folder, id) => {
            let free = match id {
                // One that its client took out of the mailbox's counter, or brings from a replica of its own.
                Some(id) => {
                    let given = id.replica != mapi::ids::OWN_REPLICA
                        || id.counter.get() <= tx.last_numbers().counter;
                    given && message::read_hot(tx.mailbox, tx.reader(), id)?.is_none()
                }
                None => false,
            };
            let how = message::Relocation { id: id.filter(|_| free), clear_flags: clear };
            message::relocate_one(tx, message.folder, message.id, folder, true, how)?;
            Ok(())
        }
    }
}

/// How many messages wait, by what they wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waiting {
    /// For the server, now.
    pub ready: u64,
    /// For their time.
    pub deferred: u64,
    /// For a spooler.
    pub spooler: u64,
}

/// Counts the queue; reads all of it.
pub fn waiting(store: &Store) -> Result<Waiting> {
    let now = store.now();
    let mut waiting = Waiting::default();
    let mut by_state: BTreeMap<bool, u64> = BTreeMap::new();
    let items = queue::items(store, None)?;
    let reader = store.engine().snapshot()?;
    for item in items {
        match queue::find(&*reader, item)? {
            Some(Entry { state: State::Server, due, .. }) => {
                *by_state.entry(due > now).or_default() += 1;
            }
            Some(_) => waiting.spooler += 1,
            None => {}
        }
    }
    waiting.ready = by_state.remove(&false).unwrap_or(0);
    waiting.deferred = by_state.remove(&true).unwrap_or(0);
    Ok(waiting)
}
