//! The words of messages, gathered until they become a part of the index.

use std::collections::{BTreeMap, HashMap, HashSet};

use formats::mime::{self, Place};
use mapi::{MessageId, PropertyValue, tags};
use xxhash_rust::xxh3::Xxh3;

use super::segment::{Entry, Sink, Writer};
use super::state::{MAX_MESSAGES, Segment};
use super::words;
use crate::message::{self, body};
use crate::table::{fold, source};
use crate::{Mailbox, Result, StoreError, keys};

/// Header fields of the message and of its parts.
pub(super) const HEADER: u8 = 1;
/// Decoded text parts.
pub(super) const PARTS: u8 = 2;
/// PidTagBody.
pub(super) const PLAIN: u8 = 4;
const ALL: u8 = HEADER | PARTS | PLAIN;

/// Bytes of a message that is taken apart; of a larger one the index knows PidTagBody alone.
const MAX_MESSAGE: u64 = 16 << 20;
/// Bytes of one text; of a message with a longer one the index does not know all.
const MAX_TEXT: usize = 1 << 20;
/// Words of a message in the index; the same beyond.
const MAX_WORDS: usize = 20_000;
/// What a word takes beside its letters, and each message that has it.
const WORD_BYTES: usize = 72;
const ENTRY_BYTES: usize = 12;

/// The texts of a message that are looked for, each with the places where it stands.
#[derive(Debug, PartialEq)]
pub(super) struct Texts {
    texts: Vec<(u8, String)>,
    opaque: u8,
    pub(super) hash: u64,
}

impl Texts {
    /// None for a message that there is not, and for one that is not searched: an associated one.
    pub(super) fn of(mailbox: &Mailbox, id: MessageId) -> Result<Option<Texts>> {
        match read(mailbox, id) {
            Err(StoreError::NotFound(_)) => Ok(None),
            // Whoever searches meets the damage as if there were no index.
            Err(StoreError::Corrupt(_)) => Ok(Some(Texts { texts: vec![], opaque: ALL, hash: 0 })),
            read => read,
        }
    }
}

fn read(mailbox: &Mailbox, id: MessageId) -> Result<Option<Texts>> {
    let message = message::open(mailbox, id)?;
    if message.associated {
        return Ok(None);
    }
    let mut texts: Vec<(u8, String)> = Vec::new();
    let mut opaque = 0;
    if message.size > MAX_MESSAGE {
        opaque |= HEADER | PARTS;
    } else {
        let bytes = match &message.body.mime {
            Some(mime) => mime::with_crlf(mime.whole(mailbox.store(), &message.body)?),
            None => message::received(mailbox, id)?,
        };
        mime::any_text(&bytes, true, &mut |place, text| {
            let place = if place == Place::Header { HEADER } else { PARTS };
            match text.len() > MAX_TEXT {
                true => opaque |= place,
                false => texts.push((place, text.to_owned())),
            }
            false
        });
    }
    let plain = body::in_table(mailbox, &message, tags::BODY)?;
    match source::searched(mailbox.store(), plain)? {
        None => {}
        Some(PropertyValue::String(text)) if text.as_bytes().len() <= MAX_TEXT => {
            let text = fold::readable(text.as_bytes());
            match texts.iter_mut().find(|(place, other)| *place == PARTS && same(other, &text)) {
                Some((places, _)) => *places |= PLAIN,
                None => texts.push((PLAIN, text.into_owned())),
            }
        }
        Some(_) => opaque |= PLAIN,
    }
    let mut hash = Xxh3::new();
    for (places, text) in &texts {
        hash.update(&[*places]);
        hash.update(&(text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    }
    hash.update(&[opaque]);
    Ok(Some(Texts { texts, opaque, hash: hash.digest() }))
}

/// Whether two texts have the same words because they differ in ends of lines alone.
fn same(one: &str, other: &str) -> bool {
    let visible = |text: &str| text.trim_end().len();
    visible(one).abs_diff(visible(other)) <= one.len() / 8
        && one
            .trim_end()
            .bytes()
            .filter(|byte| *byte != b'\r')
            .eq(other.trim_end().bytes().filter(|byte| *byte != b'\r'))
}

/// A word: its number, and the last entry that it has.
#[derive(Debug, Clone, Copy)]
struct Word {
    number: u32,
    last: u32,
}

/// Messages with their words.
#[derive(Default)]
pub(super) struct Builder {
    messages: Vec<Entry>,
    ids: HashSet<u64>,
    words: HashMap<Box<str>, Word>,
    /// Which message has which word: the word's number; the message's, in the order in which they came, and three bits
    /// for the places.
    entries: Vec<(u32, u32)>,
    bytes: usize,
}

impl Builder {
    pub(super) fn has(&self, id: u64) -> bool {
        self.ids.contains(&id)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// About what it holds.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_full(&self) -> bool {
        self.messages.len() >= MAX_MESSAGES
    }

    pub(super) fn add(&mut self, id: MessageId, texts: &Texts) {
        let id = keys::id_number(id.replica, id.counter);
        let number = self.messages.len() as u32;
        let (mut opaque, mut count) = (texts.opaque, 0);
        for (places, text) in &texts.texts {
            let cut = words::cut(&words::lower(text), &mut |word| {
                if count < MAX_WORDS {
                    count += usize::from(self.see(word, number, *places));
                }
            });
            if cut.is_err() || count >= MAX_WORDS {
                opaque |= places;
            }
        }
        self.ids.insert(id);
        self.messages.push(Entry { id, opaque, hash: texts.hash });
        self.bytes += 2 * size_of::<Entry>();
    }

    /// Whether the message has not had the word yet.
    fn see(&mut self, word: &str, number: u32, places: u8) -> bool {
        let entry = number << 3 | u32::from(places);
        let last = self.entries.len() as u32;
        match self.words.get_mut(word) {
            Some(known) => {
                let before = &mut self.entries[known.last as usize].1;
                if *before >> 3 == number {
                    *before |= u32::from(places);
                    return false;
                }
                known.last = last;
                self.entries.push((known.number, entry));
            }
            None => {
                let number = self.words.len() as u32;
                self.words.insert(word.into(), Word { number, last });
                self.entries.push((number, entry));
                self.bytes += word.len() + WORD_BYTES;
            }
        }
        self.bytes += ENTRY_BYTES;
        true
    }

    /// Writes the part, and holds nothing then.
    pub(super) fn write(
        &mut self,
        mailbox: &Mailbox,
        number: u32,
        sink: &mut Sink<'_>,
    ) -> Result<Segment> {
        let Builder { messages, words, entries, .. } = std::mem::take(self);
        let mut order: Vec<u32> = (0..messages.len() as u32).collect();
        order.sort_unstable_by_key(|at| messages[*at as usize].id);
        let mut place = vec![0; messages.len()];
        order.iter().enumerate().for_each(|(new, old)| place[*old as usize] = new as u32);
        let sorted: Vec<Entry> = order.iter().map(|at| messages[*at as usize]).collect();
        let mut words: Vec<(Box<str>, u32)> =
            words.into_iter().map(|(word, known)| (word, known.number)).collect();
        words.sort_unstable();
        let mut rank = vec![0u32; words.len()];
        words.iter().enumerate().for_each(|(new, (_, old))| rank[*old as usize] = new as u32);
        let mut entries: Vec<(u32, u32)> = entries
            .into_iter()
            .map(|(word, entry)| {
                (rank[word as usize], place[(entry >> 3) as usize] << 3 | entry & 7)
            })
            .collect();
        entries.sort_unstable();
        let mut entries = entries.into_iter().peekable();
        let mut writer = Writer::begin(mailbox, number, &sorted, sink)?;
        let mut groups = Groups::default();
        for (at, (word, _)) in words.iter().enumerate() {
            while let Some((_, entry)) = entries.next_if(|(of, _)| *of as usize == at) {
                groups.push((entry & 7) as u8, entry >> 3);
            }
            writer.word(word.as_bytes(), groups.sorted())?;
            groups.clear();
        }
        writer.finish()
    }

    /// The words of the only message that it has, with the places where it has them.
    pub(super) fn of_one(&self) -> BTreeMap<&str, u8> {
        let places = |known: &Word| (self.entries[known.last as usize].1 & 7) as u8;
        self.words.iter().map(|(word, known)| (&**word, places(known))).collect()
    }

    /// What is not known of the only message that it has.
    pub(super) fn opaque(&self) -> u8 {
        self.messages.first().map_or(0, |entry| entry.opaque)
    }
}

/// The messages that have a word, by the places where they have it. It is used again for the next word, so that few
/// lists are made.
#[derive(Default)]
pub(super) struct Groups {
    used: usize,
    all: Vec<(u8, Vec<u32>)>,
}

impl Groups {
    pub(super) fn push(&mut self, places: u8, message: u32) {
        match self.all[..self.used].iter_mut().find(|(of, _)| *of == places) {
            Some((_, list)) => list.push(message),
            None => {
                if self.used == self.all.len() {
                    self.all.push((0, Vec::new()));
                }
                let (of, list) = &mut self.all[self.used];
                *of = places;
                list.push(message);
                self.used += 1;
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// In order.
    pub(super) fn sorted(&mut self) -> &[(u8, Vec<u32>)] {
        let used = &mut self.all[..self.used];
        used.iter_mut().for_each(|(_, list)| list.sort_unstable());
        used.sort_unstable_by_key(|(places, _)| *places);
        used
    }

    pub(super) fn clear(&mut self) {
        self.all[..self.used].iter_mut().for_each(|(_, list)| list.clear());
        self.used = 0;
    }
}
