//! Searches that are kept up to date (CONTEXT=SEARCH, CONTEXT=SORT, RFC 5267 4).
//!
//! What a kept search found is followed by the sequences of messages: only those that changed are looked at again, and
//! nothing is looked at while nothing in the mailbox changed.

use std::collections::BTreeMap;

use store::message::{self, Listed};
use store::{Mailbox, StoreError};

use super::search::{found_since, name};
use super::sort::{Order, Place};
use crate::imap::command::set::in_order;
use crate::imap::command::{By, Key, Program, Return, SequenceSet};
use crate::imap::mailbox::{Known, Selected};
use crate::imap::response::{put, string};

/// Searches that one session keeps, and what one of them may have found.
const MAX_CONTEXTS: usize = 8;
const MAX_FOUND: usize = 50_000;

/// A search that is kept.
pub(super) struct Context {
    tag: String,
    by: By,
    key: Key,
    /// Without keys for SEARCH, whose results have no places.
    order: Order,
    /// In their order.
    found: Vec<(Vec<Place>, u32)>,
    /// Of the folder when it was looked at last.
    sequence: u64,
}

/// What is new of a kept search: places, counted from 1, and UIDs.
pub(super) struct Change {
    tag: String,
    by: By,
    ordered: bool,
    removed: Vec<(usize, u32)>,
    added: Vec<(usize, u32)>,
}

/// Keeps a search that was just done, where RETURN asks for it; says so where that cannot be.
pub(super) fn keep(
    contexts: &mut Vec<Context>,
    tag: &str,
    by: By,
    program: &Program,
    found: Found,
    w: &mut Vec<u8>,
) {
    if !program.returned.iter().flatten().any(|item| *item == Return::Update) {
        return;
    }
    contexts.retain(|context| context.tag != tag);
    if contexts.len() == MAX_CONTEXTS || found.found.len() > MAX_FOUND || moves(&program.key) {
        put(w, "* NO [NOUPDATE ");
        string(w, tag.as_bytes());
        return put(w, "] This search is not kept up to date\r\n");
    }
    let Found { order, found, sequence } = found;
    contexts.push(Context {
        tag: tag.into(),
        by,
        key: program.key.clone(),
        order,
        found,
        sequence,
    });
}

/// What a search found, and what the mailbox's sequence was before it looked.
pub(super) struct Found {
    pub(super) order: Order,
    pub(super) found: Vec<(Vec<Place>, u32)>,
    pub(super) sequence: u64,
}

/// Whether a key finds others as time goes by, or as numbers move: nothing in the mailbox says when.
fn moves(key: &Key) -> bool {
    match key {
        Key::And(keys) => keys.iter().any(moves),
        Key::Or(a, b) => moves(a) || moves(b),
        Key::Not(key) => moves(key),
        Key::Sequence(_) | Key::Uid(SequenceSet::Saved) | Key::Older(_) | Key::Younger(_) => true,
        _ => false,
    }
}

/// Looks at what changed.
pub(super) fn changes(
    contexts: &mut [Context],
    selected: &Selected,
    mailbox: &Mailbox,
) -> Result<Vec<Change>, StoreError> {
    if contexts.is_empty() {
        return Ok(Vec::new());
    }
    let sequence = store::folder::info(mailbox, selected.folder)?.sequence;
    if contexts.iter().all(|context| context.sequence == sequence) {
        return Ok(Vec::new());
    }
    let listed = message::list(mailbox, selected.folder)?;
    contexts
        .iter_mut()
        .map(|context| context.change(&listed, sequence, selected, mailbox))
        .collect()
}

impl Context {
    fn change(
        &mut self,
        listed: &[Listed],
        sequence: u64,
        selected: &Selected,
        mailbox: &Mailbox,
    ) -> Result<Change, StoreError> {
        let by_uid: BTreeMap<u32, &Listed> =
            listed.iter().map(|listed| (listed.uid, listed)).collect();
        let since = self.sequence;
        let matching = found_since(selected, mailbox, &self.key, since)?;
        let matching: BTreeMap<u32, Listed> =
            matching.into_iter().map(|(known, listed)| (known.uid, listed)).collect();
        let mut removed = Vec::new();
        let mut at = 0;
        self.found.retain(|(_, uid)| {
            let listed = by_uid.get(uid);
            let stays =
                listed.is_some_and(|now| now.sequence <= since || matching.contains_key(uid));
            match stays {
                true => at += 1,
                // Those before it are gone already.
                false => removed.push((at + 1, *uid)),
            }
            stays
        });
        let mut added = Vec::new();
        for (uid, listed) in matching {
            if self.found.iter().any(|(_, known)| *known == uid) || self.found.len() >= MAX_FOUND {
                continue;
            }
            let places = self.order.places(mailbox, &listed)?;
            let at = self.found.partition_point(|(known_places, known)| {
                self.order.compare(known_places, &places).then(known.cmp(&uid)).is_lt()
            });
            self.found.insert(at, (places, uid));
            added.push((at + 1, uid));
        }
        self.sequence = sequence;
        let (tag, by, ordered) = (self.tag.clone(), self.by, !self.order.is_empty());
        Ok(Change { tag, by, ordered, removed, added })
    }

    pub(super) fn is_of(&self, tag: &str) -> bool {
        self.tag == tag
    }
}

/// Tells what is found no more: before messages go, whose numbers it needs.
pub(super) fn put_removed(changes: &[Change], selected: &Selected, w: &mut Vec<u8>) {
    changes.iter().for_each(|change| change.put("REMOVEFROM", &change.removed, selected, w));
}

/// Tells what is found now: after messages came.
pub(super) fn put_added(changes: &[Change], selected: &Selected, w: &mut Vec<u8>) {
    changes.iter().for_each(|change| change.put("ADDTO", &change.added, selected, w));
}

impl Change {
    fn put(&self, what: &str, all: &[(usize, u32)], selected: &Selected, w: &mut Vec<u8>) {
        let name = |uid: &u32| selected.by_uid(*uid).map(|known: Known| name(self.by, &known));
        let known: Vec<(usize, u32)> =
            all.iter().filter_map(|(at, uid)| Some((*at, name(uid)?))).collect();
        if known.is_empty() {
            return;
        }
        put(w, "* ESEARCH (TAG ");
        string(w, self.tag.as_bytes());
        put(w, if self.by == By::Uid { ") UID " } else { ") " });
        let pairs = match self.ordered {
            true => {
                let pairs: Vec<String> =
                    known.iter().map(|(at, name)| format!("{at} {name}")).collect();
                pairs.join(" ")
            }
            // Results of SEARCH have no places (RFC 5267 4.3.3).
            false => format!("0 {}", in_order(known.iter().map(|(_, name)| *name))),
        };
        put(w, &format!("{what} ({pairs})\r\n"));
    }
}
