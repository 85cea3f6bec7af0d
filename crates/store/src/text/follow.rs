//! Bringing the index of a mailbox up to date: along its change log, or by a walk over all messages where the log
//! does not reach back far enough.
//!
//! INVARIANT: the position is written in the batch with what was found up to there. So after a crash at any place
//! the index says nothing that is not so, and what was lost is looked at again.

use std::collections::{BTreeMap, BTreeSet};

use mapi::MessageId;

use super::build::{Builder, Texts};
use super::segment;
use super::state::{State, Walk};
use super::{Work, merge};
use crate::engine::{Batch, Direction, KeyRange, Outcome, Reader, Space};
use crate::keys::{self, Kind};
use crate::mailbox::changes::{self, ChangeKind};
use crate::record::hot::Hot;
use crate::{Mailbox, Result, StoreError, jobs};

/// Entries of the log, or messages of the walk, that are looked at together.
const STEP: usize = 256;
/// Bytes of a batch, so that no other change waits long behind it.
const BATCH: usize = 256 << 10;
/// Keys that are removed at a time.
const REMOVED: usize = 1_024;

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Followed {
    /// Messages whose words were written.
    pub messages: u64,
    /// Bytes of the whole index of the mailbox now.
    pub bytes: u64,
    /// Nothing was left to do.
    pub complete: bool,
}

/// Brings the index up to date, as long as `go_on` says so; `memory` bounds about what it holds, in bytes. One at a
/// time for each mailbox.
///
/// Errors: those of the engine. What was written stays; another call goes on.
pub(super) fn follow(
    mailbox: &Mailbox,
    memory: usize,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Followed> {
    let mut work = mailbox.text.lock();
    let mut run = Run::begin(mailbox, &mut work)?;
    loop {
        let more = match run.state.walk {
            Some(walk) => run.walk(walk)?,
            None => run.log()?,
        };
        mailbox.store().inner.text.gathered(run.builder.bytes());
        if !more || run.builder.bytes() >= memory || run.builder.is_full() {
            run.flush()?;
        }
        if !more || !go_on() {
            run.flush()?;
            run.work.clean = true;
            run.done.complete = !more;
            run.done.bytes = run.state.bytes();
            return Ok(run.done);
        }
    }
}

/// Removes the index of a mailbox; what is searched is looked at until it is made again.
pub(super) fn forget(mailbox: &Mailbox) -> Result<()> {
    let mut work = mailbox.text.lock();
    work.clean = false;
    let mut batch = Batch::reclaiming();
    batch.delete(Space::Mailbox, mailbox.key(Kind::TextState, &[]));
    let _ = mailbox.store().engine().commit(batch)?;
    sweep(mailbox, &State::default())
}

/// Removes records of parts that there are not.
fn sweep(mailbox: &Mailbox, state: &State) -> Result<()> {
    let engine = mailbox.store().engine();
    let known: BTreeSet<u32> = state.segments.iter().map(|segment| segment.number).collect();
    for kind in Kind::TEXT.into_iter().filter(|kind| *kind != Kind::TextState) {
        let mut rest = KeyRange::prefix(mailbox.key(kind, &[]));
        loop {
            let keys = engine.keys(Space::Mailbox, &rest, Direction::Forward, REMOVED)?;
            let Some(last) = keys.last() else { break };
            rest = rest.beyond(last, Direction::Forward);
            let mut batch = Batch::reclaiming();
            for key in &keys {
                let number = key.get(9..13).and_then(|bytes| bytes.try_into().ok());
                if !number.is_some_and(|number| known.contains(&u32::from_be_bytes(number))) {
                    batch.delete(Space::Mailbox, key.to_vec());
                }
            }
            if !batch.is_empty() {
                let _ = engine.commit(batch)?;
            }
            if keys.len() < REMOVED {
                break;
            }
        }
    }
    Ok(())
}

/// Where a message stands in the index.
#[derive(Debug, Clone, Copy)]
struct Standing {
    segment: usize,
    number: usize,
    hash: u64,
}

/// One call of [`follow`].
struct Run<'a> {
    mailbox: &'a Mailbox,
    work: &'a mut Work,
    /// What is stored.
    before: Option<Vec<u8>>,
    state: State,
    builder: Builder,
    /// By part, messages in it that go.
    dropped: BTreeMap<usize, BTreeSet<usize>>,
    done: Followed,
}

impl<'a> Run<'a> {
    fn begin(mailbox: &'a Mailbox, work: &'a mut Work) -> Result<Run<'a>> {
        let key = mailbox.key(Kind::TextState, &[]);
        let before = mailbox.reader().get(Space::Mailbox, &key)?.map(|bytes| bytes.to_vec());
        let head = changes::head(mailbox, mailbox.reader())?;
        let state = match &before {
            Some(bytes) => State::read(bytes)?,
            None => State::new(head.sequence),
        };
        if !std::mem::take(&mut work.clean) {
            sweep(mailbox, &state)?;
        }
        let (builder, dropped, done) = Default::default();
        Ok(Run { mailbox, work, before, state, builder, dropped, done })
    }

    /// A step along the change log; whether there may be more.
    fn log(&mut self) -> Result<bool> {
        let position = self.state.position;
        let head = changes::head(self.mailbox, self.mailbox.reader())?;
        if head.trimmed > position || head.sequence < position {
            self.flush()?;
            self.state.walk = Some(Walk { target: head.sequence, after: 0 });
            return Ok(true);
        }
        let entries = changes::after(self.mailbox, position, STEP)?;
        let Some(last) = entries.last() else { return Ok(false) };
        let mut ids = BTreeSet::new();
        for entry in &entries {
            let known = match entry.kind {
                ChangeKind::MessageCreated
                | ChangeKind::MessageModified
                | ChangeKind::MessageFlags
                | ChangeKind::MessageDeleted
                | ChangeKind::MessageMoved
                | ChangeKind::MessageCopied
                | ChangeKind::MessageDelivered => [entry.message, entry.old_message],
                _ => continue,
            };
            let ids_of = known.iter().filter(|id| !id.is_none());
            ids.extend(ids_of.map(|id| keys::id_number(id.replica, id.counter)));
        }
        let (last, more) = (last.sequence, entries.len() == STEP);
        if ids.iter().any(|id| self.builder.has(*id)) {
            self.flush()?;
        }
        self.look(&ids.into_iter().collect::<Vec<u64>>())?;
        self.state.position = last;
        Ok(more)
    }

    /// A step of the walk over all messages.
    fn walk(&mut self, walk: Walk) -> Result<bool> {
        let mut range = KeyRange::prefix(self.mailbox.key(Kind::Hot, &[]));
        if walk.after > 0 {
            let after = self.mailbox.key(Kind::Hot, &[&walk.after.to_be_bytes()]);
            range = range.beyond(&after, Direction::Forward);
        }
        let reader = self.mailbox.reader();
        let hot = reader.scan_each(Space::Mailbox, &range, STEP)?;
        let ids: Vec<(u64, Option<Hot>)> = hot
            .iter()
            .filter_map(|(key, value)| {
                let (replica, counter) = keys::tail_id(key)?;
                let hot = value.as_ref().ok().and_then(|value| Hot::read(value).ok());
                Some((keys::id_number(replica, counter), hot))
            })
            .collect();
        let Some((last, _)) = ids.last() else {
            self.state.position = walk.target;
            self.state.walk = None;
            return Ok(true);
        };
        let last = *last;
        let position = self.state.position;
        let all: Vec<u64> = ids.iter().map(|(id, _)| *id).collect();
        let standing = self.standing(&all)?;
        // Those whose newest change was followed are as they should be.
        let is_current = |id: &u64, hot: &Option<Hot>| {
            standing.contains_key(id) && hot.as_ref().is_some_and(|hot| hot.sequence <= position)
        };
        let left: Vec<u64> =
            ids.iter().filter(|(id, hot)| !is_current(id, hot)).map(|(id, _)| *id).collect();
        self.look(&left)?;
        self.state.walk = Some(Walk { after: last, ..walk });
        Ok(true)
    }

    /// Reads messages again, ascending by id.
    fn look(&mut self, ids: &[u64]) -> Result<()> {
        let standing = self.standing(ids)?;
        for id in ids {
            let (replica, counter) = keys::id_parts(*id);
            let message = MessageId::new(replica, counter);
            let texts = Texts::of(self.mailbox, message)?;
            if let (Some(old), Some(new)) = (standing.get(id), &texts)
                && old.hash == new.hash
                && new.hash != 0
            {
                continue;
            }
            if let Some(old) = standing.get(id) {
                self.dropped.entry(old.segment).or_default().insert(old.number);
            }
            if let Some(texts) = texts {
                self.builder.add(message, &texts);
                self.done.messages += 1;
            }
        }
        Ok(())
    }

    /// Where messages stand in what is written; without those that go.
    fn standing(&self, ids: &[u64]) -> Result<BTreeMap<u64, Standing>> {
        let mut found = BTreeMap::new();
        let (Some(first), Some(last)) = (ids.first(), ids.last()) else { return Ok(found) };
        let reader = self.mailbox.reader();
        for (at, segment) in self.state.segments.iter().enumerate() {
            if segment.last < *first || segment.first > *last {
                continue;
            }
            let entries = segment::messages(self.mailbox, reader, segment)?;
            let dropped = segment::dropped(self.mailbox, reader, segment)?;
            let going = self.dropped.get(&at);
            for id in ids {
                let Ok(number) = entries.binary_search_by_key(id, |entry| entry.id) else {
                    continue;
                };
                if !dropped.has(number) && !going.is_some_and(|set| set.contains(&number)) {
                    let hash = entries[number].hash;
                    found.insert(*id, Standing { segment: at, number, hash });
                }
            }
        }
        Ok(found)
    }

    /// Writes what was gathered, and the position up to which it was.
    fn flush(&mut self) -> Result<()> {
        let mut batches = Batches::new(self.mailbox, self.before.clone());
        if !self.builder.is_empty() {
            let number = self.state.next;
            let segment = self
                .builder
                .write(self.mailbox, number, &mut |key, value| batches.put(key, value))?;
            self.state.next += 1;
            self.state.segments.push(segment);
        }
        for (at, numbers) in std::mem::take(&mut self.dropped) {
            let segment = &mut self.state.segments[at];
            let mut set = segment::dropped(self.mailbox, self.mailbox.reader(), segment)?;
            numbers.into_iter().for_each(|number| {
                set.insert(number);
            });
            segment.dropped = set.count() as u32;
            batches.put(segment::dropped_key(self.mailbox, segment.number), set.to_bytes())?;
        }
        self.commit(batches)?;
        // Small parts become larger ones, so that a search has few to look at.
        while let Some(some) = merge::due(&self.state.segments) {
            let mut batches = Batches::new(self.mailbox, self.before.clone());
            merge::merge(self.mailbox, &mut self.state, &some, &mut batches)?;
            self.commit(batches)?;
        }
        Ok(())
    }

    fn commit(&mut self, batches: Batches<'_>) -> Result<()> {
        let bytes = self.state.to_bytes();
        if self.before.as_ref() == Some(&bytes) {
            return Ok(());
        }
        batches.finish(bytes.clone())?;
        self.before = Some(bytes);
        Ok(())
    }
}

/// Writes records in bounded batches. All but the last write what nobody reads until the last one.
pub(super) struct Batches<'a> {
    mailbox: &'a Mailbox,
    before: Option<Vec<u8>>,
    batch: Batch,
}

impl<'a> Batches<'a> {
    pub(super) fn new(mailbox: &'a Mailbox, before: Option<Vec<u8>>) -> Batches<'a> {
        Batches { mailbox, batch: Batch::new(), before }
    }

    pub(super) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) -> Result<()> {
        self.batch.put(Space::Mailbox, key, value);
        match self.batch.size_bytes() >= BATCH {
            true => self.send(),
            false => Ok(()),
        }
    }

    pub(super) fn delete(&mut self, key: Vec<u8>) {
        self.batch.delete(Space::Mailbox, key);
    }

    /// With the state that makes it count.
    pub(super) fn finish(mut self, state: Vec<u8>) -> Result<()> {
        self.batch.put(Space::Mailbox, self.mailbox.key(Kind::TextState, &[]), state);
        self.send()
    }

    /// Nothing is written to a mailbox that is being removed, nor beside somebody else.
    fn send(&mut self) -> Result<()> {
        let mut batch = std::mem::take(&mut self.batch);
        let state = self.mailbox.key(Kind::TextState, &[]);
        match &self.before {
            Some(before) => batch.check_equals(Space::Mailbox, state, before.clone()),
            None => batch.check_absent(Space::Mailbox, state),
        }
        batch.check_present(Space::Mailbox, self.mailbox.key(Kind::Info, &[]));
        batch.check_absent(Space::Queue, jobs::mailbox_job(self.mailbox.number()));
        match self.mailbox.store().engine().commit(batch)? {
            Outcome::Committed => Ok(()),
            Outcome::Conflict { .. } => Err(StoreError::ObjectModified),
        }
    }
}

/// Calls `sink` for every record of a part.
pub(super) fn each_record(
    mailbox: &Mailbox,
    reader: &dyn Reader,
    number: u32,
    sink: &mut dyn FnMut(Vec<u8>),
) -> Result<()> {
    for kind in Kind::TEXT.into_iter().filter(|kind| *kind != Kind::TextState) {
        let range = KeyRange::prefix(mailbox.key(kind, &[&number.to_be_bytes()]));
        let keys = reader.keys(Space::Mailbox, &range, Direction::Forward, usize::MAX)?;
        keys.iter().for_each(|key| sink(key.to_vec()));
    }
    Ok(())
}
