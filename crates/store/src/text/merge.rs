//! Making one part of several, without the messages that were dropped or are gone.

use std::cmp::Ordering;

use super::build::Groups;
use super::follow::{Batches, each_record};
use super::segment::{self, Entry, Lists, Words, Writer};
use super::state::{MAX_MESSAGES, Segment, State};
use crate::engine::Space;
use crate::keys::Kind;
use crate::{Mailbox, Result};

/// Parts of about one size that become one.
const TOGETHER: usize = 8;
/// Stands for a message that is left out.
const NONE: u32 = u32::MAX;

/// Parts that should become one, by their places in the list.
pub(super) fn due(segments: &[Segment]) -> Option<Vec<usize>> {
    // Of each size, and each eight times the one before.
    let size = |segment: &Segment| segment.messages.max(1).ilog2() / 3;
    for at in 0..segments.len() {
        let of = size(&segments[at]);
        let mut total = 0;
        let some: Vec<usize> = (0..segments.len())
            .filter(|other| size(&segments[*other]) == of)
            .take_while(|other| {
                total += (segments[*other].messages
                    - segments[*other].dropped.min(segments[*other].messages))
                    as usize;
                total <= MAX_MESSAGES
            })
            .take(TOGETHER)
            .collect();
        if some.len() == TOGETHER {
            return Some(some);
        }
    }
    // One of which not half is left is written again.
    let is_hollow = |segment: &Segment| segment.dropped > segment.messages / 2;
    segments.iter().position(is_hollow).map(|at| vec![at])
}

/// A message of the new part: where it was.
struct Source {
    entry: Entry,
    part: usize,
    number: usize,
}

/// Writes the new part, and removes those that it is made of from the state and the store.
pub(super) fn merge(
    mailbox: &Mailbox,
    state: &mut State,
    some: &[usize],
    batches: &mut Batches<'_>,
) -> Result<()> {
    let reader = mailbox.store().engine().snapshot()?;
    let parts: Vec<Segment> = some.iter().map(|at| state.segments[*at].clone()).collect();
    let mut sources = Vec::new();
    let mut places = Vec::new();
    for (part, segment) in parts.iter().enumerate() {
        let dropped = segment::dropped(mailbox, &*reader, segment)?;
        let entries = segment::messages(mailbox, &*reader, segment)?;
        places.push(vec![NONE; entries.len()]);
        for (number, entry) in entries.into_iter().enumerate() {
            // What goes with its folder has no entry in the log.
            let hot = mailbox.key(Kind::Hot, &[&entry.id.to_be_bytes()]);
            if !dropped.has(number) && reader.contains(Space::Mailbox, &hot)? {
                sources.push(Source { entry, part, number });
            }
        }
    }
    sources.sort_unstable_by_key(|source| source.entry.id);
    for (new, source) in sources.iter().enumerate() {
        places[source.part][source.number] = new as u32;
    }
    let entries: Vec<Entry> = sources.iter().map(|source| source.entry).collect();
    drop(sources);
    if !entries.is_empty() {
        let number = state.next;
        let mut sink = |key, value| batches.put(key, value);
        let mut writer = Writer::begin(mailbox, number, &entries, &mut sink)?;
        write_words(mailbox, &*reader, &parts, &places, &mut writer)?;
        let segment = writer.finish()?;
        state.next += 1;
        state.segments.push(segment);
    }
    for segment in &parts {
        each_record(mailbox, &*reader, segment.number, &mut |key| batches.delete(key))?;
    }
    state.segments.retain(|segment| parts.iter().all(|part| part.number != segment.number));
    Ok(())
}

fn write_words(
    mailbox: &Mailbox,
    reader: &dyn crate::engine::Reader,
    parts: &[Segment],
    places: &[Vec<u32>],
    writer: &mut Writer<'_>,
) -> Result<()> {
    let mut inputs = Vec::new();
    for (part, segment) in parts.iter().enumerate() {
        let mut words = Words::new(mailbox, reader, segment);
        if words.advance()? {
            inputs.push((part, words, Lists::new(mailbox, reader, segment)));
        }
    }
    let mut groups = Groups::default();
    let mut word = Vec::new();
    while let Some((_, first, _)) =
        inputs.iter().min_by(|(_, one, _), (_, other, _)| compare(one, other))
    {
        word.clear();
        word.extend_from_slice(first.block.bytes());
        let mut at = 0;
        while at < inputs.len() {
            let (part, words, lists) = &mut inputs[at];
            if words.block.bytes() != word {
                at += 1;
                continue;
            }
            let places = &places[*part];
            for group in &words.block.groups {
                let list = lists.get(&words.block, group)?;
                list.each(places.len(), &mut |number| {
                    if places[number] != NONE {
                        groups.push(group.places, places[number]);
                    }
                })?;
            }
            match words.advance()? {
                true => at += 1,
                false => drop(inputs.swap_remove(at)),
            }
        }
        if !groups.is_empty() {
            writer.word(&word, groups.sorted())?;
            groups.clear();
        }
    }
    Ok(())
}

fn compare(one: &Words<'_>, other: &Words<'_>) -> Ordering {
    one.block.bytes().cmp(other.block.bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_one_size_become_one() {
        let segment = |messages, dropped| Segment { messages, dropped, ..Segment::default() };
        let few = |list: &[u32]| list.iter().map(|m| segment(*m, 0)).collect::<Vec<_>>();
        let some = [600, 30, 800, 900, 512, 520, 700, 5_000, 513];
        assert_eq!(due(&few(&some)), None);
        let more = [&some[..], &[999]].concat();
        assert_eq!(due(&few(&more)), Some(vec![0, 2, 3, 4, 5, 6, 8, 9]));
        assert_eq!(due(&few(&[60_000; 9])), None);
        assert_eq!(due(&[segment(10, 5)]), None);
        assert_eq!(due(&[segment(9, 0), segment(100, 51)]), Some(vec![1]));
    }
}
