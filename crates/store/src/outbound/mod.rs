//! Messages to other domains: a durable queue, and what is known of each message's way ([`track`]).
//!
//! The store keeps the queue and knows no SMTP. [`enqueue`] puts a message in, with its bytes as a blob; whoever
//! sends it (`mail-server`) reads it, and tells with [`settle`] what became of its recipients.
//!
//! INVARIANT: what becomes of a recipient, the report that tells the sender so, and the end of the message in the
//! queue are one batch, which checks what the queue said before. So a crash at any place loses no message and
//! reports nothing twice.

pub(crate) mod record;
pub mod track;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use mapi::{FileTime, MessageContent};
use parking_lot::Mutex;

use crate::blob::BlobRef;
use crate::delivery::{self, Envelope};
use crate::engine::{Direction, KeyRange, Reader, Space};
use crate::large;
use crate::mailbox::writer::{self, Tx};
use crate::{Account, Mailbox, MailboxNumber, Result, Store, StoreError, jobs};
use record::clip;
pub use record::{Letter, LetterId, NoLetterId, Notify, Recipient, RecipientState, Ret};
use track::{Event, Step};

/// Bytes of what a letter's record says of its recipients; more of them go into further letters of the same message.
const MAX_RECORD: usize = 48 << 10;
/// Bytes of an answer and of a host's name that are kept.
const MAX_ANSWER: usize = 300;
const MAX_HOST: usize = 260;
/// A message of up to this many bytes goes into the batch; a larger one is written before.
const IN_BATCH: usize = 256 << 10;

/// Messages that the queue holds at most.
pub const MAX_LETTERS: u64 = 100_000;

/// What belongs to the store while it is open.
#[derive(Default)]
pub(crate) struct Outbound {
    enabled: AtomicBool,
    tracks: AtomicBool,
    /// The last number that was given out.
    last: AtomicU64,
    hook: Mutex<Option<Hook>>,
    pub(crate) counts: Counts,
}

/// Told of each message that was put into the queue, or changed by an operator.
pub type Hook = Arc<dyn Fn(LetterId) + Send + Sync>;

#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) letters: AtomicU64,
    pub(crate) relayed: AtomicU64,
    pub(crate) deferred: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) reports: AtomicU64,
}

impl Outbound {
    pub(crate) fn tracks(&self) -> bool {
        self.tracks.load(Ordering::Relaxed)
    }

    fn next(&self, now: FileTime) -> u64 {
        let next = |last: u64| Some(now.0.max(last + 1));
        let before = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        now.0.max(before.unwrap_or(0) + 1)
    }
}

/// Whether messages to other domains are taken: somebody sends them.
pub fn is_enabled(store: &Store) -> bool {
    store.inner.outbound.enabled.load(Ordering::Relaxed)
}

/// Takes messages to other domains from now on, and tells `hook` of each; None refuses them again. Counts the queue.
///
/// Errors: those of the engine.
pub fn serve(store: &Store, hook: Option<Hook>) -> Result<()> {
    let outbound = &store.inner.outbound;
    let enabled = hook.is_some();
    *outbound.hook.lock() = hook;
    outbound.enabled.store(enabled, Ordering::Relaxed);
    outbound.counts.letters.store(all(store)?.len() as u64, Ordering::Relaxed);
    Ok(())
}

/// Keeps events of each message's way from now on, or not.
pub fn set_tracking(store: &Store, on: bool) {
    store.inner.outbound.tracks.store(on, Ordering::Relaxed);
}

/// A message that goes out.
#[derive(Debug, Clone, Default)]
pub struct NewLetter {
    pub eight_bit: bool,
    pub utf8: bool,
    pub ret: Option<Ret>,
    /// Empty for the null reverse-path.
    pub from: String,
    pub envelope_id: String,
    pub message_id: String,
    pub recipients: Vec<Recipient>,
}

/// Puts a message into the queue, on behalf of a mailbox; durable when this returns. With very many recipients
/// these are several entries of the queue, which share the message's bytes.
///
/// Errors: [`StoreError::Quota`] where the queue is full; [`StoreError::NotFound`] if the mailbox is gone.
pub fn enqueue(mailbox: &Mailbox, new: &NewLetter, message: &[u8]) -> Result<Vec<LetterId>> {
    let ready = Ready::new(mailbox.store(), message)?;
    let ids = writer::write(mailbox, |tx| add(tx, new, &ready))?;
    added(mailbox.store(), &ids);
    Ok(ids)
}

/// The bytes of a message; written already where they are too many for a batch.
pub(crate) struct Ready<'a> {
    bytes: &'a [u8],
    blob: Option<BlobRef>,
}

impl<'a> Ready<'a> {
    pub(crate) fn new(store: &Store, bytes: &'a [u8]) -> Result<Ready<'a>> {
        if store.inner.outbound.counts.letters.load(Ordering::Relaxed) >= MAX_LETTERS {
            return Err(StoreError::Quota("messages that wait to be sent to other domains"));
        }
        let large = bytes.len() > IN_BATCH;
        let blob = large.then(|| store.inner.blobs.put(bytes)).transpose()?;
        Ok(Ready { bytes, blob })
    }
}

/// Puts a message into the queue with a batch; [`added`] follows when it is durable.
pub(crate) fn add(tx: &mut Tx<'_>, new: &NewLetter, ready: &Ready<'_>) -> Result<Vec<LetterId>> {
    let store = tx.mailbox.store().clone();
    let mailbox = tx.mailbox.number();
    let mut ids = Vec::new();
    for recipients in portions(&new.recipients) {
        let id = LetterId { mailbox, number: store.inner.outbound.next(tx.now) };
        let blobs = &store.inner.blobs;
        let message = match &ready.blob {
            Some(blob) => {
                blobs.reference(&mut tx.batch, mailbox, &owner(id), blob)?;
                *blob
            }
            None => blobs.put_with(&mut tx.batch, mailbox, &owner(id), ready.bytes)?,
        };
        let letter = Letter {
            held: false,
            eight_bit: new.eight_bit,
            utf8: new.utf8,
            ret: new.ret,
            queued: tx.now,
            message,
            from: new.from.clone(),
            envelope_id: new.envelope_id.clone(),
            message_id: new.message_id.clone(),
            recipients: recipients.to_vec(),
        };
        tx.batch.check_absent(Space::Queue, key(id));
        tx.batch.put(Space::Queue, key(id), letter.to_bytes());
        let events = letter.recipients.iter().map(|recipient| Event {
            recipient: recipient.address.clone(),
            ..event(Step::Queued, id, &letter)
        });
        track::add(&store, &mut tx.batch, events);
        ids.push(id);
    }
    Ok(ids)
}

/// Recipients in portions whose record is small enough, and stays so.
fn portions(recipients: &[Recipient]) -> Vec<&[Recipient]> {
    let size =
        |one: &Recipient| one.address.len() + one.original.len() + MAX_ANSWER + MAX_HOST + 40;
    let mut portions = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (at, recipient) in recipients.iter().enumerate() {
        if bytes + size(recipient) > MAX_RECORD && at > start {
            portions.push(&recipients[start..at]);
            (start, bytes) = (at, 0);
        }
        bytes += size(recipient);
    }
    portions.push(&recipients[start..]);
    portions
}

/// Counts what a batch put into the queue, and tells who sends.
pub(crate) fn added(store: &Store, ids: &[LetterId]) {
    let outbound = &store.inner.outbound;
    outbound.counts.letters.fetch_add(ids.len() as u64, Ordering::Relaxed);
    let hook = outbound.hook.lock().clone();
    if let Some(hook) = hook {
        ids.iter().for_each(|id| hook(*id));
    }
}

fn key(id: LetterId) -> Vec<u8> {
    jobs::outbound_job(id.mailbox, id.number)
}

/// What a marker of a letter's bytes names as its owner.
pub(crate) fn owner(id: LetterId) -> Vec<u8> {
    [&b"q"[..], &id.number.to_be_bytes()].concat()
}

/// What a key of the queue stands for.
pub(crate) fn id_of(key: &[u8]) -> Option<LetterId> {
    let number = |at: usize| Some(u64::from_be_bytes(*key.get(at..)?.first_chunk()?));
    Some(LetterId { mailbox: MailboxNumber(number(2)?), number: number(10)? })
}

pub(crate) fn find(reader: &(impl Reader + ?Sized), id: LetterId) -> Result<Option<Letter>> {
    let bytes = reader.get(Space::Queue, &key(id))?;
    Ok(bytes.map(|bytes| Letter::read(&bytes)).transpose()?)
}

/// All messages of the queue, the oldest of each mailbox first.
///
/// Errors: those of the engine.
pub fn all(store: &Store) -> Result<Vec<LetterId>> {
    let range = KeyRange::prefix(jobs::outbound(None));
    let keys = store.engine().keys(Space::Queue, &range, Direction::Forward, usize::MAX)?;
    Ok(keys.iter().filter_map(|key| id_of(key)).collect())
}

/// One message of the queue; None if it is not there any more.
///
/// Errors: those of the engine; [`StoreError::Corrupt`].
pub fn get(store: &Store, id: LetterId) -> Result<Option<Letter>> {
    find(store.engine(), id)
}

/// Its bytes.
///
/// Errors: those of the engine.
pub fn message(store: &Store, letter: &Letter) -> Result<Vec<u8>> {
    let limit = usize::try_from(large::MAX_VALUE).unwrap_or(usize::MAX);
    Ok(store.inner.blobs.read_all(&letter.message, limit)?)
}

/// What became of one recipient in an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// His place among the letter's recipients.
    pub recipient: usize,
    pub outcome: Outcome,
    /// The host that answered; empty if none did.
    pub remote: String,
    /// What it said, or what failed.
    pub answer: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Another host has taken the message over.
    Relayed,
    Failed,
    /// It is tried again then; `told` if the report tells that it takes long.
    Deferred {
        until: FileTime,
        told: bool,
    },
}

/// A report for the sender, delivered into his mailbox.
#[derive(Debug, Clone)]
pub struct Report {
    pub to: Account,
    pub content: MessageContent,
}

/// Notes what became of recipients, and delivers the report on it, in one batch; durable when this returns. The
/// message leaves the queue when nobody waits any more. Returns what is left of it; None where it is gone, be it
/// that somebody took it out meanwhile, whereupon nothing is reported.
///
/// Errors: those of the engine; nothing is noted then.
pub fn settle(
    store: &Store,
    id: LetterId,
    changes: &[Change],
    report: Option<Report>,
) -> Result<Option<Letter>> {
    let mut lost = None;
    if let Some(Report { to, content }) = report {
        let envelope = Envelope { sender: None, hops: 0, silent: true };
        let left = Mutex::new(None);
        let noted = |tx: &mut Tx<'_>| {
            let told =
                Event { recipient: to.address.clone(), ..Event::new(Step::Reported, "", "") };
            *left.lock() = Some(apply(tx, id, changes, Some(told))?);
            Ok(())
        };
        match delivery::deliver_with(store, &to, content, envelope, noted) {
            Ok(Ok(_)) => {
                store.inner.outbound.counts.reports.fetch_add(1, Ordering::Relaxed);
                let left = left.into_inner().flatten();
                count(store, changes, left.is_none());
                return Ok(left);
            }
            Ok(Err(reason)) => lost = Some(format!("{reason:?}")),
            Err(StoreError::NotInQueue) => return Ok(None),
            // The mailbox goes.
            Err(StoreError::NotFound(_)) => lost = Some("the mailbox is gone".to_owned()),
            Err(error) => return Err(error),
        }
        tracing::warn!(to = to.address, reason = lost, "a report cannot be delivered");
    }
    let mailbox = match store.mailbox(id.mailbox) {
        Ok(mailbox) => mailbox,
        Err(StoreError::NotFound(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let lost = lost.map(|detail| Event { detail, ..Event::new(Step::ReportLost, "", "") });
    match writer::reclaim(&mailbox, |tx| apply(tx, id, changes, lost.clone())) {
        Ok(left) => {
            count(store, changes, left.is_none());
            Ok(left)
        }
        Err(StoreError::NotInQueue | StoreError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn count(store: &Store, changes: &[Change], ended: bool) {
    let counts = &store.inner.outbound.counts;
    for change in changes {
        let count = match change.outcome {
            Outcome::Relayed => &counts.relayed,
            Outcome::Failed => &counts.failed,
            Outcome::Deferred { .. } => &counts.deferred,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
    if ended {
        one_less(store);
    }
}

fn one_less(store: &Store) {
    let less = |letters: u64| Some(letters.saturating_sub(1));
    let letters = &store.inner.outbound.counts.letters;
    let _ = letters.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
}

/// Changes a letter with a batch of any mailbox.
///
/// Errors: [`StoreError::NotInQueue`] if it is gone.
fn edit<T>(
    tx: &mut Tx<'_>,
    id: LetterId,
    change: impl FnOnce(&mut Letter, &mut Vec<Event>) -> T,
) -> Result<(T, Option<Letter>)> {
    let store = tx.mailbox.store().clone();
    let key = key(id);
    let before = tx.reader().get(Space::Queue, &key)?.ok_or(StoreError::NotInQueue)?;
    let mut letter = Letter::read(&before)?;
    let mut events = Vec::new();
    let result = change(&mut letter, &mut events);
    // Another attempt, or an operator, may be at it with a batch of another mailbox.
    tx.batch.check_equals(Space::Queue, &key[..], before.to_vec());
    track::add(&store, &mut tx.batch, events);
    if letter.is_done() {
        tx.batch.delete(Space::Queue, key);
        store.inner.blobs.unreference(&mut tx.batch, id.mailbox, &owner(id), &letter.message);
        return Ok((result, None));
    }
    tx.batch.put(Space::Queue, key, letter.to_bytes());
    Ok((result, Some(letter)))
}

fn apply(
    tx: &mut Tx<'_>,
    id: LetterId,
    changes: &[Change],
    about: Option<Event>,
) -> Result<Option<Letter>> {
    let (_, left) = edit(tx, id, |letter, events| {
        for change in changes {
            let Some(recipient) = letter.recipients.get_mut(change.recipient) else { continue };
            if !recipient.waits() {
                continue;
            }
            recipient.attempts = recipient.attempts.saturating_add(1);
            recipient.remote = clip(&change.remote, MAX_HOST).to_owned();
            recipient.last = clip(&change.answer, MAX_ANSWER).to_owned();
            let what = match change.outcome {
                Outcome::Relayed => {
                    recipient.state = RecipientState::Relayed;
                    Step::Relayed
                }
                Outcome::Failed => {
                    recipient.state = RecipientState::Failed;
                    Step::Failed
                }
                Outcome::Deferred { until, told } => {
                    recipient.due = until;
                    recipient.delay_told |= told;
                    Step::Deferred
                }
            };
            let (recipient, remote, detail) =
                (recipient.address.clone(), recipient.remote.clone(), recipient.last.clone());
            events.push(Event { recipient, remote, detail, ..event(what, id, letter) });
        }
        if let Some(about) = about {
            let known = event(about.what, id, letter);
            events.push(Event { recipient: about.recipient, detail: about.detail, ..known });
        }
    })?;
    Ok(left)
}

fn event(what: Step, id: LetterId, letter: &Letter) -> Event {
    Event { letter: Some(id), ..Event::new(what, &letter.message_id, &letter.from) }
}

/// What an operator does to a message in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Keeps it back.
    Hold,
    /// Lets it go on.
    Release,
    /// Tries it now; lets it go on if it was kept back.
    Retry,
    /// Takes it out; nobody is told.
    Drop,
}

/// Carries an order out; durable when this returns.
///
/// Errors: [`StoreError::NotInQueue`] if the message is not there any more.
pub fn order(store: &Store, id: LetterId, order: Order) -> Result<()> {
    let mailbox = store.mailbox(id.mailbox).map_err(|error| match error {
        StoreError::NotFound(_) => StoreError::NotInQueue,
        other => other,
    })?;
    let left = writer::reclaim(&mailbox, |tx| {
        let (_, left) = edit(tx, id, |letter, events| {
            let what = match order {
                Order::Hold => Step::Held,
                Order::Release => Step::Released,
                Order::Retry => Step::Retried,
                Order::Drop => Step::Dropped,
            };
            letter.held = order == Order::Hold;
            for recipient in letter.recipients.iter_mut().filter(|one| one.waits()) {
                match order {
                    Order::Retry => recipient.due = FileTime(0),
                    Order::Drop => recipient.state = RecipientState::Dropped,
                    Order::Hold | Order::Release => {}
                }
            }
            events.push(event(what, id, letter));
        })?;
        Ok(left)
    })?;
    if left.is_none() {
        one_less(store);
    }
    let hook = store.inner.outbound.hook.lock().clone();
    if let Some(hook) = hook {
        hook(id);
    }
    Ok(())
}

/// Messages of the queue by the domains to which they go.
///
/// Errors: those of the engine; [`StoreError::Corrupt`].
pub fn domains(store: &Store) -> Result<BTreeMap<String, u64>> {
    let mut domains = BTreeMap::new();
    for id in all(store)? {
        let Some(letter) = get(store, id)? else { continue };
        let mut of_it: Vec<String> =
            letter.recipients.iter().filter(|one| one.waits()).map(Recipient::domain).collect();
        of_it.sort();
        of_it.dedup();
        of_it.into_iter().for_each(|domain| *domains.entry(domain).or_default() += 1);
    }
    Ok(domains)
}
