//! Whether the index of a mailbox says what the messages do.

use std::collections::BTreeMap;

use mapi::MessageId;

use super::build::{Builder, Texts};
use super::bytes::damaged;
use super::segment::{self, Entry, Lists, Words};
use super::state::{Segment, State};
use crate::engine::Reader;
use crate::message::read_hot;
use crate::{Mailbox, Result, StoreError, keys};

/// Messages of a part whose words are compared.
const SAMPLE: usize = 16;

/// Looks at all of the index, and compares the words of some messages with those that they have. What is wrong comes
/// back; nothing for a mailbox without an index.
///
/// Errors: those of the engine, but for damage.
pub(crate) fn verify(
    mailbox: &Mailbox,
    reader: &dyn Reader,
    newest: u64,
) -> Result<Option<String>> {
    match look(mailbox, reader, newest) {
        Ok(()) => Ok(None),
        Err(StoreError::Corrupt(wrong)) => Ok(Some(wrong)),
        Err(error) => Err(error),
    }
}

fn look(mailbox: &Mailbox, reader: &dyn Reader, newest: u64) -> Result<()> {
    let Some(state) = State::stored(mailbox, reader)? else { return Ok(()) };
    if state.position > newest {
        return Err(damaged("it is ahead of the change log"));
    }
    let mut all = Vec::new();
    for segment in &state.segments {
        part(mailbox, reader, &state, segment, &mut all)?;
    }
    all.sort_unstable();
    match all.windows(2).any(|two| two[0] == two[1]) {
        true => Err(damaged("a message stands in it twice")),
        false => Ok(()),
    }
}

fn part(
    mailbox: &Mailbox,
    reader: &dyn Reader,
    state: &State,
    segment: &Segment,
    all: &mut Vec<u64>,
) -> Result<()> {
    let entries = segment::messages(mailbox, reader, segment)?;
    let dropped = segment::dropped(mailbox, reader, segment)?;
    let live: Vec<usize> = (0..entries.len()).filter(|at| !dropped.has(*at)).collect();
    all.extend(live.iter().map(|at| entries[*at].id));
    let ends = (entries.first().map(|e| e.id), entries.last().map(|e| e.id));
    if ends != (Some(segment.first), Some(segment.last)) {
        return Err(damaged("a part has other messages than it says"));
    }
    let step = live.len().div_ceil(SAMPLE).max(1);
    let mut sample: BTreeMap<usize, BTreeMap<String, u8>> =
        live.into_iter().step_by(step).map(|at| (at, BTreeMap::new())).collect();
    let mut words = Words::new(mailbox, reader, segment);
    let mut lists = Lists::new(mailbox, reader, segment);
    let (mut count, mut last) = (0, String::new());
    while words.advance()? {
        let word = words.block.word()?;
        if word <= last.as_str() {
            return Err(damaged("words that are not in order"));
        }
        last.clear();
        last.push_str(word);
        count += 1;
        for group in &words.block.groups {
            lists.get(&words.block, group)?.each(entries.len(), &mut |at| {
                if let Some(has) = sample.get_mut(&at) {
                    *has.entry(last.clone()).or_default() |= group.places;
                }
            })?;
        }
    }
    if count != segment.words {
        return Err(damaged("a part has not as many words as it says"));
    }
    for (at, has) in sample {
        compare(mailbox, state, &entries[at], &has)?;
    }
    Ok(())
}

/// Compares what the index says of a message with what the message says, if it was followed.
fn compare(
    mailbox: &Mailbox,
    state: &State,
    entry: &Entry,
    has: &BTreeMap<String, u8>,
) -> Result<()> {
    let (replica, counter) = keys::id_parts(entry.id);
    let id = MessageId::new(replica, counter);
    let is_current = || -> Result<bool> {
        let hot = read_hot(mailbox, mailbox.reader(), id)?;
        Ok(hot.is_some_and(|hot| hot.sequence <= state.position))
    };
    // A message that is damaged is said with the messages; one may change while it is read.
    let Ok(Some(texts)) = Texts::of(mailbox, id) else { return Ok(()) };
    let mut builder = Builder::default();
    builder.add(id, &texts);
    let expected = builder.of_one();
    let same = expected.len() == has.len()
        && expected.iter().all(|(word, places)| has.get(*word) == Some(places));
    if (same && builder.opaque() == entry.opaque) || !is_current().unwrap_or(false) {
        return Ok(());
    }
    let missing = expected.iter().find(|(word, places)| has.get(**word) != Some(places));
    let detail = match missing {
        Some((word, _)) => format!("message {id} has the word {word:?} elsewhere than it says"),
        None => format!("message {id} has not all words that it says"),
    };
    Err(damaged(&detail))
}
