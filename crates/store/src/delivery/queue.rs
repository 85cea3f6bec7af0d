//! The queue: messages that were submitted and are not dealt with yet.
//!
//! An entry stands in the queue space from the batch that submits the message to the batch that ends it. It
//! says how far the delivery came: each recipient's delivery moves it on in the batch that puts the message into
//! the recipient's mailbox. So every recipient gets the message once, whatever happens between.

use mapi::{FileTime, MessageId, Reader as WireReader, Wire, WireError};

use crate::engine::{Direction, KeyRange, Reader, Space};
use crate::mailbox::writer::Tx;
use crate::record::version;
use crate::{AccountId, MailboxNumber, Result, Store, StoreError, jobs, keys};

/// What is known of a submitted message beside the message itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) state: State,
    /// How often a message has been sent on because another arrived.
    pub(crate) hops: u8,
    /// No report is made of it: it is a report itself, or an automatic answer.
    pub(crate) silent: bool,
    /// Who submitted it, and is told what became of it.
    pub(crate) sender: AccountId,
    pub(crate) submitted: FileTime,
    /// Not before this time; 0 at once.
    pub(crate) due: FileTime,
    /// Recipients that are dealt with, in the order of the message.
    pub(crate) next: u32,
    /// What became of those of them about whom something is to be said.
    pub(crate) outcomes: Vec<(u32, Outcome)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The server delivers it.
    Server,
    /// A client that acts as a spooler sends it ([MS-OXOMSG] 2.2.4.1.1, NeedsSpooler).
    Spooler,
    /// A spooler has it in hand ([MS-OXOMSG] 2.2.5.3).
    Locked,
}

/// What became of one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Delivered,
    Failed(Reason),
    /// He is of another domain: the message goes into the queue from which is sent over SMTP.
    Outbound,
}

/// Why a recipient does not get a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// There is no such recipient here.
    Unknown,
    /// The recipient is of another domain, and this server does not send there.
    Outside,
    /// The mailbox takes nothing more.
    Full,
    /// The message was sent on too often.
    Loop,
    /// A rule of the recipient refuses it: too large for him.
    RuleSize,
    /// A rule of the recipient refuses it: the form cannot be shown.
    RuleForm,
    /// A rule of the recipient refuses it.
    RuleDenied,
    /// The message cannot be stored, as it is too large or too deep.
    TooBig,
}

const REASONS: [Reason; 8] = [
    Reason::Unknown,
    Reason::Outside,
    Reason::Full,
    Reason::Loop,
    Reason::RuleSize,
    Reason::RuleForm,
    Reason::RuleDenied,
    Reason::TooBig,
];

const STATES: [State; 3] = [State::Server, State::Spooler, State::Locked];

const VERSION: u8 = 1;
const SILENT: u8 = 0x01;
const DELIVERED: u8 = 0xff;
const OUTBOUND: u8 = 0xfe;

impl Entry {
    pub(crate) fn new(sender: AccountId, now: FileTime) -> Entry {
        Entry {
            state: State::Server,
            hops: 0,
            silent: false,
            sender,
            submitted: now,
            due: FileTime(0),
            next: 0,
            outcomes: Vec::new(),
        }
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<Entry, WireError> {
        let mut r = WireReader::new(bytes);
        let r = &mut r;
        version(r, VERSION)?;
        let state = u8::read(r)?;
        let state = *STATES
            .get(usize::from(state))
            .ok_or_else(|| r.bad("a state of a submitted message", u64::from(state), 1))?;
        let mut entry = Entry {
            state,
            hops: u8::read(r)?,
            silent: u8::read(r)? & SILENT != 0,
            ..Entry::new(AccountId(u64::read(r)?), FileTime::read(r)?)
        };
        entry.due = FileTime::read(r)?;
        entry.next = u32::read(r)?;
        let count = u32::read(r)? as usize;
        entry.outcomes.reserve_exact(r.capacity(count, size_of::<(u32, Outcome)>()));
        for _ in 0..count {
            let index = u32::read(r)?;
            let outcome = u8::read(r)?;
            let outcome = match (outcome, REASONS.get(usize::from(outcome))) {
                (DELIVERED, _) => Outcome::Delivered,
                (OUTBOUND, _) => Outcome::Outbound,
                (_, Some(reason)) => Outcome::Failed(*reason),
                _ => return Err(r.bad("an outcome of a delivery", u64::from(outcome), 1)),
            };
            entry.outcomes.push((index, outcome));
        }
        r.finish("nothing behind the outcomes")?;
        Ok(entry)
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut w = vec![VERSION];
        let state = STATES.iter().position(|state| *state == self.state).unwrap_or(0);
        w.extend_from_slice(&[state as u8, self.hops, if self.silent { SILENT } else { 0 }]);
        self.sender.0.write(&mut w);
        self.submitted.write(&mut w);
        self.due.write(&mut w);
        self.next.write(&mut w);
        (self.outcomes.len() as u32).write(&mut w);
        for (index, outcome) in &self.outcomes {
            index.write(&mut w);
            w.push(match outcome {
                Outcome::Delivered => DELIVERED,
                Outcome::Outbound => OUTBOUND,
                Outcome::Failed(reason) => {
                    REASONS.iter().position(|known| known == reason).unwrap_or(0) as u8
                }
            });
        }
        w
    }
}

/// A submitted message: the mailbox it stands in, and its id.
pub(crate) type Item = (MailboxNumber, MessageId);

pub(crate) fn key(item: Item) -> Vec<u8> {
    jobs::submission_job(item.0, item.1)
}

/// The entry of a message, if it was submitted and is not dealt with yet.
pub(crate) fn find(reader: &(impl Reader + ?Sized), item: Item) -> Result<Option<Entry>> {
    let bytes = reader.get(Space::Queue, &key(item))?;
    Ok(bytes.map(|bytes| Entry::read(&bytes)).transpose()?)
}

/// Puts an entry into the queue with a batch of any mailbox.
pub(crate) fn add(tx: &mut Tx<'_>, item: Item, entry: &Entry) {
    tx.batch.put(Space::Queue, key(item), entry.to_bytes());
}

/// Sets an entry in the place of what it was, or ends it: if somebody else changed it meanwhile, nothing of the
/// batch is written.
///
/// Errors: [`StoreError::ObjectModified`] where it is another one by now.
pub(crate) fn replace(
    tx: &mut Tx<'_>,
    item: Item,
    before: &Entry,
    after: Option<&Entry>,
) -> Result<()> {
    let (key, before) = (key(item), before.to_bytes());
    if tx.reader().get(Space::Queue, &key)?.as_deref() != Some(&before[..]) {
        return Err(StoreError::ObjectModified);
    }
    tx.batch.check_equals(Space::Queue, &key[..], before);
    match after {
        Some(after) => tx.batch.put(Space::Queue, key, after.to_bytes()),
        None => tx.batch.delete(Space::Queue, key),
    }
    Ok(())
}

/// The submitted messages of one mailbox, or of all.
pub(crate) fn items(store: &Store, mailbox: Option<MailboxNumber>) -> Result<Vec<Item>> {
    let range = KeyRange::prefix(jobs::submissions(mailbox));
    // INVARIANT: of one state with what readers see of mailboxes, which is read after it: an entry that is
    // newer than its message would be taken for one without a message.
    let reader = store.engine().snapshot()?;
    let keys = reader.keys(Space::Queue, &range, Direction::Forward, usize::MAX)?;
    Ok(keys.iter().filter_map(|key| item_of(key)).collect())
}

/// What a key of the queue stands for.
pub(crate) fn item_of(key: &[u8]) -> Option<Item> {
    let number: [u8; 8] = key.get(2..10)?.try_into().ok()?;
    let (replica, counter) = keys::tail_id(key)?;
    Some((MailboxNumber(u64::from_be_bytes(number)), MessageId::new(replica, counter)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_survives_and_no_part_of_it_is_taken_for_it() {
        let entry = Entry {
            state: State::Locked,
            hops: 3,
            silent: true,
            due: FileTime(9),
            next: 7,
            outcomes: vec![
                (1, Outcome::Delivered),
                (2, Outcome::Failed(Reason::TooBig)),
                (3, Outcome::Outbound),
            ],
            ..Entry::new(AccountId(5), FileTime(8))
        };
        let bytes = entry.to_bytes();
        assert_eq!(Entry::read(&bytes), Ok(entry));
        for cut in 0..bytes.len() {
            assert!(Entry::read(&bytes[..cut]).is_err());
        }
    }
}
