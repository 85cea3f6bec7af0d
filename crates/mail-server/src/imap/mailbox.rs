//! The selected mailbox as its client knows it: which message has which number, kept up to date from the change log
//! of the store, and told when the protocol allows it (RFC 9051 5.2, 5.5, 7.5.1).

use std::collections::BTreeSet;
use std::sync::Arc;

use mapi::{FolderId, MessageId};
use store::mailbox::changes::{Change, ChangeKind};
use store::message::{self, Listed};
use store::notify::{Own, Watch};
use store::{Mailbox, Result, StoreError};

use super::command::set::{compact, merge, ranges_text};
use super::response::put;
use super::view::{self, Key, Row, Rows};

/// Changes that are read at a time.
const PAGE: usize = 512;

pub(crate) struct Selected {
    pub(crate) folder: FolderId,
    pub(crate) read_only: bool,
    /// What the client knows, by ascending UID. INVARIANT: a number that he may use is an index into this, from 1 on;
    /// it shrinks only when he is told.
    messages: Rows,
    key: Key,
    /// How many he was told of.
    told: usize,
    /// UIDs of what is gone and not told.
    gone: BTreeSet<u32>,
    /// UIDs of what has other flags than he was told.
    changed: BTreeSet<u32>,
    watch: Watch,
    /// Sequences that this session made: he is told of those in the answer to his command.
    own: Vec<Own>,
    /// What `$` stands for (RFC 9051 6.4.4.1): UIDs, ascending.
    pub(crate) saved: Vec<u32>,
}

impl Drop for Selected {
    fn drop(&mut self) {
        drop(std::mem::take(&mut self.messages));
        view::forget(self.key);
    }
}

/// A message that the client knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) number: u32,
    pub(crate) uid: u32,
    pub(crate) id: MessageId,
}

impl Selected {
    /// Opens a folder; what it lists comes along.
    pub(crate) fn open(
        mailbox: &Mailbox,
        folder: FolderId,
        read_only: bool,
    ) -> Result<(Selected, Vec<Listed>)> {
        // First the watch: what changes in between is seen twice and not missed.
        let watch = mailbox.watch()?;
        let listed = message::list(mailbox, folder)?;
        let key = (mailbox.number(), folder);
        let rows: Vec<Row> = listed.iter().map(Row::of).collect();
        let messages = view::shared(key, rows);
        let selected = Selected {
            folder,
            read_only,
            told: messages.len(),
            messages,
            key,
            gone: BTreeSet::new(),
            changed: BTreeSet::new(),
            watch,
            own: Vec::new(),
            saved: Vec::new(),
        };
        Ok((selected, listed))
    }

    pub(crate) fn watch(&self) -> &Watch {
        &self.watch
    }

    pub(crate) fn count(&self) -> u32 {
        self.messages.len() as u32
    }

    pub(crate) fn largest_uid(&self) -> u32 {
        self.messages.last().map_or(0, |row| row.uid)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = Known> + '_ {
        self.messages.iter().enumerate().map(known)
    }

    pub(crate) fn by_uid(&self, uid: u32) -> Option<Known> {
        let at = self.messages.binary_search_by_key(&uid, |row| row.uid).ok()?;
        Some(known((at, &self.messages[at])))
    }

    /// The messages of ascending ranges of numbers. Numbers beyond the last are passed over.
    pub(crate) fn in_numbers(&self, ranges: &[(u32, u32)]) -> Vec<Known> {
        let mut found = Vec::new();
        for (first, last) in ranges {
            let last = (*last).min(self.count());
            let numbers = (*first).max(1)..=last;
            found.extend(numbers.map(|number| {
                let at = number as usize - 1;
                known((at, &self.messages[at]))
            }));
        }
        found
    }

    /// The messages of ascending ranges of UIDs; those that are not there are passed over.
    pub(crate) fn in_uids(&self, ranges: &[(u32, u32)]) -> Vec<Known> {
        let mut found = Vec::new();
        for (first, last) in ranges {
            let from = self.messages.partition_point(|row| row.uid < *first);
            let to = self.messages.partition_point(|row| row.uid <= *last);
            found.extend((from..to).map(|at| known((at, &self.messages[at]))));
        }
        found
    }

    /// The UIDs of ascending ranges that no message has, up to the next UID.
    pub(crate) fn vanished(&self, ranges: &[(u32, u32)], uid_next: u32) -> String {
        let mut missing = Vec::new();
        for (first, last) in ranges {
            let (mut from, last) = ((*first).max(1), (*last).min(uid_next.saturating_sub(1)));
            for known in self.in_uids(&[(*first, last)]) {
                if known.uid > from {
                    missing.push((from, known.uid - 1));
                }
                from = known.uid + 1;
            }
            if from <= last {
                missing.push((from, last));
            }
        }
        ranges_text(&merge(missing))
    }

    /// Notes what this session did itself.
    pub(crate) fn did(&mut self, own: Vec<Own>) {
        self.own.extend(own);
    }

    /// Others know the same: what changed is held once.
    fn share(&mut self) {
        let own = std::mem::take(&mut self.messages);
        self.messages = view::shared(self.key, own);
    }

    /// Forgets that somebody else changed the flags of messages: the client is being told what they are.
    pub(crate) fn is_told(&mut self, uid: u32) {
        self.changed.remove(&uid);
    }

    /// Reads what happened since the last time.
    pub(crate) fn follow(&mut self, mailbox: &Mailbox) -> Result<()> {
        loop {
            let taken = self.watch.take(mailbox, PAGE)?;
            if taken.lost {
                return self.look_again(mailbox);
            }
            let Some(last) = taken.changes.last().map(|change| change.sequence) else { break };
            for change in &taken.changes {
                self.take(change);
            }
            self.own.retain(|own| *own.sequences.end() > last);
        }
        Ok(())
    }

    fn take(&mut self, change: &Change) {
        let here = change.folder == self.folder;
        if change.kind == ChangeKind::MessageMoved && change.old_folder == self.folder {
            self.is_gone(change.old_message);
        }
        if !here {
            return;
        }
        match change.kind {
            ChangeKind::MessageCreated
            | ChangeKind::MessageCopied
            | ChangeKind::MessageMoved
            | ChangeKind::MessageDelivered
                if !change.associated && change.uid > self.largest_uid() =>
            {
                Arc::make_mut(&mut self.messages).push(Row::new(change.uid, change.message));
            }
            ChangeKind::MessageSoftDeleted | ChangeKind::MessageDeleted
                if self.by_uid(change.uid).is_some_and(|known| known.id == change.message) =>
            {
                self.gone.insert(change.uid);
            }
            ChangeKind::MessageRead | ChangeKind::MessageFlags | ChangeKind::MessageModified => {
                let own = self.own.iter().any(|own| own.sequences.contains(&change.sequence));
                if !own && self.by_uid(change.uid).is_some() {
                    self.changed.insert(change.uid);
                }
            }
            // Nothing of it can be opened any more.
            ChangeKind::FolderDeleted => {
                self.gone.extend(self.messages.iter().map(|row| row.uid));
            }
            _ => {}
        }
    }

    /// Of what moved away the log has the UID that it got, and not the one that it had.
    fn is_gone(&mut self, id: MessageId) {
        // What is moved is often new: from the end.
        if let Some(row) = self.messages.iter().rev().find(|row| row.id() == id) {
            self.gone.insert(row.uid);
        }
    }

    /// The log was trimmed: compares with what is there.
    fn look_again(&mut self, mailbox: &Mailbox) -> Result<()> {
        let listed = match message::list(mailbox, self.folder) {
            Ok(listed) => listed,
            Err(StoreError::NotFound(_)) => Vec::new(),
            Err(error) => return Err(error),
        };
        let there: BTreeSet<u32> = listed.iter().map(|message| message.uid).collect();
        self.gone = self.messages.iter().map(|row| row.uid).collect();
        self.gone.retain(|uid| !there.contains(uid));
        self.changed = self.messages.iter().map(|row| row.uid).collect();
        let largest = self.largest_uid();
        let new = listed.iter().filter(|message| message.uid > largest);
        Arc::make_mut(&mut self.messages).extend(new.map(Row::of));
        self.own.clear();
        Ok(())
    }

    /// What [`tell`](Self::tell) gave could not be told.
    pub(crate) fn did_not_tell(&mut self, changed: &[Known]) {
        self.changed.extend(changed.iter().map(|known| known.uid));
    }

    /// Tells of messages that are gone, if it may be, and of how many there are. Gives those whose flags changed.
    pub(crate) fn tell(&mut self, w: &mut Vec<u8>, expunge: bool, vanished: bool) -> Vec<Known> {
        if expunge && !self.gone.is_empty() {
            let gone = std::mem::take(&mut self.gone);
            // One that came and went in between was never told of.
            let told: Vec<Known> = gone
                .iter()
                .filter_map(|uid| self.by_uid(*uid))
                .filter(|known| known.number as usize <= self.told)
                .collect();
            match (vanished, told.is_empty()) {
                (_, true) => {}
                (true, false) => {
                    let uids = compact(told.iter().map(|known| known.uid));
                    put(w, &format!("* VANISHED {uids}\r\n"));
                }
                // From the last on, so that no number moves before it is told.
                (false, false) => {
                    for known in told.iter().rev() {
                        put(w, &format!("* {} EXPUNGE\r\n", known.number));
                    }
                }
            }
            self.told -= told.len();
            Arc::make_mut(&mut self.messages).retain(|row| !gone.contains(&row.uid));
            self.share();
            self.saved.retain(|uid| !gone.contains(uid));
        }
        if self.told != self.messages.len() {
            self.told = self.messages.len();
            self.share();
            put(w, &format!("* {} EXISTS\r\n", self.told));
        }
        let changed = std::mem::take(&mut self.changed);
        let changed = changed.iter().filter(|uid| !self.gone.contains(uid));
        changed.filter_map(|uid| self.by_uid(*uid)).collect()
    }
}

fn known((at, row): (usize, &Row)) -> Known {
    Known { number: at as u32 + 1, uid: row.uid, id: row.id() }
}
