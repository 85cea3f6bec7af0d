//! Message tracking: what became of each message on its way from its submission to the host that took it over.
//!
//! Events are written with the batch that does what they tell, so they tell neither more nor less. They hold
//! addresses, hosts and answers, and nothing of a message's content.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU32, Ordering};

use mapi::{FileTime, Reader as WireReader, Wire, WireError};

use super::record::{LetterId, clip, text};
use crate::engine::{Batch, Direction, KeyRange, Space};
use crate::record::{version, write_bytes};
use crate::{MailboxNumber, Result, Store};

/// One step on a message's way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub at: FileTime,
    pub what: Step,
    /// With the brackets; empty if the message has none.
    pub message_id: String,
    /// The message in the queue to other domains, where it is there.
    pub letter: Option<LetterId>,
    pub sender: String,
    /// Whom it is about; empty where it is about all of them.
    pub recipient: String,
    /// The host that answered.
    pub remote: String,
    /// What it said, or what happened.
    pub detail: String,
}

macro_rules! steps {
    ($($(#[$doc:meta])* $variant:ident $name:literal,)*) => {
        /// What happened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Step {
            $($(#[$doc])* $variant,)*
        }

        impl Step {
            /// INVARIANT: the place of each is its byte on disk.
            const ALL: &[Step] = &[$(Step::$variant),*];

            /// As `coffer track` says it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Step::$variant => $name,)*
                }
            }
        }
    };
}

steps! {
    /// A user handed it over.
    Submitted "submitted",
    /// It is in a mailbox of this server.
    Delivered "delivered",
    /// No mailbox of this server took it.
    Refused "refused",
    /// It waits to be sent to another domain.
    Queued "queued",
    /// Another host has taken it over.
    Relayed "relayed",
    /// It could not be sent now.
    Deferred "deferred",
    /// It cannot be sent.
    Failed "failed",
    /// The sender got a report.
    Reported "reported",
    /// A report could not be delivered.
    ReportLost "report-lost",
    /// An operator keeps it back.
    Held "held",
    /// An operator lets it go on.
    Released "released",
    /// An operator lets it be tried now.
    Retried "retried",
    /// An operator took it out of the queue.
    Dropped "dropped",
}

/// Bytes of one text of an event.
const MAX_TEXT: usize = 600;

const PREFIX: &[u8] = b"te";
const VERSION: u8 = 1;

impl Event {
    pub fn new(what: Step, message_id: &str, sender: &str) -> Event {
        Event {
            at: FileTime(0),
            what,
            message_id: message_id.to_owned(),
            letter: None,
            sender: sender.to_owned(),
            recipient: String::new(),
            remote: String::new(),
            detail: String::new(),
        }
    }

    pub(crate) fn read(at: FileTime, bytes: &[u8]) -> Result<Event, WireError> {
        let mut r = WireReader::new(bytes);
        let r = &mut r;
        version(r, VERSION)?;
        let what = u8::read(r)?;
        let what = *Step::ALL
            .get(usize::from(what))
            .ok_or_else(|| r.bad("a step of a message's way", u64::from(what), 1))?;
        let letter = LetterId { mailbox: MailboxNumber(u64::read(r)?), number: u64::read(r)? };
        let event = Event {
            at,
            what,
            letter: Some(letter).filter(|letter| letter.number != 0),
            message_id: text(r)?,
            sender: text(r)?,
            recipient: text(r)?,
            remote: text(r)?,
            detail: text(r)?,
        };
        r.finish("nothing behind an event")?;
        Ok(event)
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut w = vec![VERSION, self.what as u8];
        let letter = self.letter.unwrap_or(LetterId { mailbox: MailboxNumber(0), number: 0 });
        letter.mailbox.0.write(&mut w);
        letter.number.write(&mut w);
        for text in [&self.message_id, &self.sender, &self.recipient, &self.remote, &self.detail] {
            write_bytes(&mut w, clip(text, MAX_TEXT).as_bytes());
        }
        w
    }
}

/// Adds events to the batch that does what they tell; nothing where nothing is tracked.
pub(crate) fn add(store: &Store, batch: &mut Batch, events: impl IntoIterator<Item = Event>) {
    /// Two events of one moment have keys of their own.
    static NEXT: AtomicU32 = AtomicU32::new(0);
    if !store.inner.outbound.tracks() {
        return;
    }
    let now = store.now();
    for event in events {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        batch.put(Space::Queue, key(now, number), event.to_bytes());
    }
}

/// Notes what no batch of the store does: durable soon after this returns.
///
/// Errors: those of the engine.
pub fn note(store: &Store, events: Vec<Event>) -> Result<()> {
    let mut batch = Batch::new();
    add(store, &mut batch, events);
    if !batch.is_empty() {
        drop(store.engine().enqueue(batch)?);
    }
    Ok(())
}

fn key(at: FileTime, number: u32) -> Vec<u8> {
    [PREFIX, &at.0.to_be_bytes(), &number.to_be_bytes()].concat()
}

/// The time in an event's key; None for a key of anything else.
pub(crate) fn time_of(key: &[u8]) -> Option<FileTime> {
    let rest = key.strip_prefix(PREFIX).filter(|rest| rest.len() == 12)?;
    Some(FileTime(u64::from_be_bytes(*rest.first_chunk()?)))
}

/// Which events are looked for; each part that is given has to hold.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    pub since: Option<FileTime>,
    /// The Message-ID, with or without its brackets.
    pub message_id: Option<String>,
    pub letter: Option<LetterId>,
    /// A part of the sender's address.
    pub sender: Option<String>,
    /// A part of a recipient's address.
    pub recipient: Option<String>,
}

impl Wanted {
    fn holds(&self, event: &Event) -> bool {
        let part = |wanted: &Option<String>, text: &str| {
            wanted.as_ref().is_none_or(|part| text.to_lowercase().contains(&part.to_lowercase()))
        };
        let bare = |id: &str| id.trim_matches(['<', '>']).to_owned();
        part(&self.sender, &event.sender)
            && part(&self.recipient, &event.recipient)
            && self.message_id.as_ref().is_none_or(|id| bare(id) == bare(&event.message_id))
            && self.letter.is_none_or(|letter| event.letter == Some(letter))
    }
}

/// Calls `each` with the events that are wanted, in the order of time, until it breaks.
///
/// Errors: those of the engine, and of an event that cannot be read.
pub fn find(
    store: &Store,
    wanted: &Wanted,
    each: &mut dyn FnMut(Event) -> ControlFlow<()>,
) -> Result<()> {
    let mut range = KeyRange::prefix(PREFIX);
    if let Some(since) = wanted.since {
        range.from = [PREFIX, &since.0.to_be_bytes()].concat();
    }
    let mut failed = Ok(());
    store.engine().visit(Space::Queue, &range, Direction::Forward, &mut |key, value| {
        let Some(at) = time_of(key) else { return ControlFlow::Continue(()) };
        match Event::read(at, value) {
            Ok(event) if wanted.holds(&event) => each(event),
            Ok(_) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Err(error.into());
                ControlFlow::Break(())
            }
        }
    })?;
    failed
}

/// Keys that go in one batch.
const BATCH: usize = 1024;

/// Removes the events of before `before`, and the oldest ones beyond `most`. Returns how many went.
///
/// Errors: those of the engine.
pub fn trim(store: &Store, before: FileTime, most: usize) -> Result<u64> {
    let range = KeyRange::prefix(PREFIX);
    let mut count = 0usize;
    store.engine().visit(Space::Queue, &range, Direction::Forward, &mut |_, _| {
        count += 1;
        ControlFlow::Continue(())
    })?;
    let mut beyond = count.saturating_sub(most);
    let mut gone = 0;
    loop {
        let page = store.engine().keys(Space::Queue, &range, Direction::Forward, BATCH)?;
        let mut batch = Batch::reclaiming();
        for key in &page {
            let old = time_of(key).is_none_or(|at| at < before);
            if !old && beyond == 0 {
                break;
            }
            beyond = beyond.saturating_sub(1);
            batch.delete(Space::Queue, key.to_vec());
        }
        if batch.is_empty() {
            return Ok(gone);
        }
        gone += batch.len() as u64;
        let _ = store.engine().commit(batch)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_survives_and_no_part_of_it_is_taken_for_it() {
        let at = FileTime(5);
        let event = Event {
            at,
            letter: Some(LetterId { mailbox: MailboxNumber(2), number: 9 }),
            recipient: "bob@there.test".into(),
            remote: "mx.there.test".into(),
            detail: "250 ok".into(),
            ..Event::new(Step::Relayed, "<1@here.test>", "ann@here.test")
        };
        let bytes = event.to_bytes();
        assert_eq!(Event::read(at, &bytes), Ok(event));
        for cut in 0..bytes.len() {
            assert!(Event::read(at, &bytes[..cut]).is_err());
        }
        for (place, step) in Step::ALL.iter().enumerate() {
            assert_eq!(*step as usize, place);
        }
    }
}
