//! SORT and THREAD (RFC 5256, RFC 5957), and what SORT returns with RETURN (RFC 5267 3).

use std::cmp::Ordering;

use formats::mime::{Field, Header};
use mapi::FileTime;
use store::message::Listed;
use store::{Mailbox, StoreError};

use super::context::Found;
use super::search::{self, Results};
use super::{Outcome, Session, context, done, source};
use crate::imap::command::{By, Program, SortBy, SortKey, ThreadBy};
use crate::imap::mailbox::Known;
use crate::imap::response::{Address, addresses, put};
use crate::imap::subject::{self, Base};
use crate::imap::thread::{self, Entry};
use formats::text::casemap::fold;

/// Bytes of a text that count when messages are sorted: more tell no two of them apart.
const MAX_TEXT: usize = 1_024;

impl Session {
    pub(super) fn sort(
        &mut self,
        tag: &str,
        by: By,
        order: &[SortKey],
        program: &Program,
        w: &mut Vec<u8>,
    ) -> Outcome {
        let modseq = self.begin_search(program)?;
        let (selected, user) = self.selected()?;
        // What changes while it is looked at is looked at again.
        let sequence = store::folder::info(&user.mailbox, selected.folder)?.sequence;
        let found = search::found(selected, &user.mailbox, &program.key)?;
        let newest = search::newest(&found).filter(|_| modseq);
        let order = Order::new(order);
        let mut keyed = Vec::with_capacity(found.len());
        for (known, listed) in found {
            // One that went meanwhile is not found.
            match order.places(&user.mailbox, &listed) {
                Ok(places) => keyed.push((places, known)),
                Err(StoreError::NotFound(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // RFC 5256 3: the number decides what the keys do not, whatever is reversed.
        keyed.sort_by(|(a, a_known), (b, b_known)| {
            order.compare(a, b).then(a_known.number.cmp(&b_known.number))
        });
        let known: Vec<Known> = keyed.iter().map(|(_, known)| *known).collect();
        let results = Results { tag, by, known: &known, newest };
        match &program.returned {
            None => results.put_plain("SORT", w),
            Some(returned) => results.put(returned, selected, w),
        }
        let found = keyed.into_iter().map(|(places, known)| (places, known.uid)).collect();
        let found = Found { order, found, sequence };
        context::keep(&mut self.contexts, tag, by, program, found, w);
        done("Sorted")
    }

    pub(super) fn thread(
        &mut self,
        by: By,
        algorithm: ThreadBy,
        program: &Program,
        w: &mut Vec<u8>,
    ) -> Outcome {
        self.begin_search(program)?;
        let (selected, user) = self.selected()?;
        let found = search::found(selected, &user.mailbox, &program.key)?;
        let mut entries = Vec::with_capacity(found.len());
        for (known, listed) in found {
            let number = search::name(by, &known);
            match entry(number, algorithm, &user.mailbox, &listed) {
                Ok(entry) => entries.push(entry),
                Err(StoreError::NotFound(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let threads = match algorithm {
            ThreadBy::OrderedSubject => thread::by_subject(&entries),
            ThreadBy::References => thread::by_references(&entries),
        };
        put(w, if threads.is_empty() { "* THREAD" } else { "* THREAD " });
        put(w, &threads);
        put(w, "\r\n");
        done("Threaded")
    }
}

/// What of a message decides its place.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Number(u64),
    Text(String),
}

/// By what messages are sorted. A second key by the same thing decides nothing.
#[derive(Debug, Default)]
pub(super) struct Order(Vec<SortKey>);

impl Order {
    fn new(order: &[SortKey]) -> Order {
        let mut all: Vec<SortKey> = Vec::new();
        for key in order {
            if !all.iter().any(|known| known.by == key.by) {
                all.push(*key);
            }
        }
        Order(all)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn compare(&self, a: &[Place], b: &[Place]) -> Ordering {
        let each = a.iter().zip(b).zip(&self.0).map(|((a, b), key)| match key.reverse {
            true => b.cmp(a),
            false => a.cmp(b),
        });
        each.fold(Ordering::Equal, Ordering::then)
    }

    pub(super) fn places(
        &self,
        mailbox: &Mailbox,
        listed: &Listed,
    ) -> Result<Vec<Place>, StoreError> {
        let bytes = match self.0.iter().any(|key| key.by != SortBy::Arrival) {
            true => source::received(mailbox, listed.id)?,
            false => Vec::new(),
        };
        let part = formats::mime::parse(&bytes, 0);
        let header = &part.header;
        let place = |key: &SortKey| match key.by {
            SortBy::Arrival => Place::Number(listed.received.0),
            SortBy::Size => Place::Number(bytes.len() as u64),
            SortBy::Date => Place::Number(sent(header, listed.received).0),
            SortBy::Subject => Place::Text(subject_of(header).text),
            SortBy::From => Place::Text(mailbox_of(header, "from")),
            SortBy::To => Place::Text(mailbox_of(header, "to")),
            SortBy::Cc => Place::Text(mailbox_of(header, "cc")),
            SortBy::DisplayFrom => Place::Text(display_of(header, "from")),
            SortBy::DisplayTo => Place::Text(display_of(header, "to")),
        };
        Ok(self.0.iter().map(place).collect())
    }
}

fn entry(
    number: u32,
    algorithm: ThreadBy,
    mailbox: &Mailbox,
    listed: &Listed,
) -> Result<Entry, StoreError> {
    let bytes = source::received(mailbox, listed.id)?;
    let part = formats::mime::parse(&bytes, 0);
    let header = &part.header;
    let mut entry = Entry {
        number,
        sent: sent(header, listed.received).0,
        subject: subject_of(header),
        ..Entry::default()
    };
    if algorithm == ThreadBy::References {
        let ids = |name: &str| thread::ids(&header.plain(name).unwrap_or_default());
        entry.id = ids("message-id").into_iter().next();
        entry.references = ids("references");
        if entry.references.is_empty() {
            entry.references.extend(ids("in-reply-to").into_iter().next());
        }
    }
    Ok(entry)
}

/// The sent date, or when it came (RFC 5256 2.2).
fn sent(header: &Header<'_>, received: FileTime) -> FileTime {
    header.first("date").and_then(Field::date).unwrap_or(received)
}

/// The base subject as it is compared.
fn subject_of(header: &Header<'_>) -> Base {
    let Base { text, is_reply } = subject::base(&header.text("subject").unwrap_or_default());
    Base { text: folded(&text), is_reply }
}

/// The mailbox of the first address: what stands before the @.
fn mailbox_of(header: &Header<'_>, name: &str) -> String {
    match addresses(header, name).into_iter().next() {
        Some(Address::Mailbox { local, .. }) => folded(&String::from_utf8_lossy(&local)),
        // As ENVELOPE has it: a group's name stands where a mailbox would.
        Some(Address::GroupBegins(name)) => folded(&decoded(&name)),
        Some(Address::GroupEnds) | None => String::new(),
    }
}

/// The name of the first address as a program shows it (RFC 5957 3).
fn display_of(header: &Header<'_>, name: &str) -> String {
    match addresses(header, name).into_iter().next() {
        Some(Address::Mailbox { name: Some(name), .. }) => folded(&decoded(&name)),
        Some(Address::Mailbox { name: None, local, domain }) => {
            let text = |part: &[u8]| String::from_utf8_lossy(part).into_owned();
            let address = match domain.is_empty() {
                true => text(&local),
                false => format!("{}@{}", text(&local), text(&domain)),
            };
            folded(&address)
        }
        Some(Address::GroupBegins(name)) => folded(&decoded(&name)),
        Some(Address::GroupEnds) | None => String::new(),
    }
}

/// A phrase with its encoded words decoded.
fn decoded(phrase: &[u8]) -> String {
    Field { name: String::new(), value: phrase }.text()
}

fn folded(text: &str) -> String {
    let kept = text.floor_char_boundary(MAX_TEXT);
    fold(&text[..kept]).into_owned()
}
