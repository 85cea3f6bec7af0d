//! A part of the index: its records, as they are written and read. They are drawn in docs/store-format.md.
//!
//! A part has its messages in the order of their ids, and its words in order, each with the lists of the messages
//! that have it, a list for each set of places where they have it. Short lists stand behind their word, the others
//! one after another in records of their own: a search looks at all words and at few lists.

use super::bytes::{List, Rest, Set, damaged, put_number, write_list};
use super::state::{MAX_MESSAGES, Segment};
use super::words::MAX_WORD;
use crate::engine::{Reader, Space};
use crate::keys::Kind;
use crate::{Mailbox, Result};

/// Bytes of a block before it is packed.
const BLOCK: usize = 60 << 10;
/// The most that one word with its lists adds to it.
const MAX_BLOCK: usize = BLOCK + (1 << 10);
/// Messages of a block.
const BLOCK_MESSAGES: usize = 4_096;
/// Bytes of a list that stands behind its word.
const NEAR: usize = 6;
/// zstd's; more saves little.
const LEVEL: i32 = 3;

/// A message in a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its id as an ordered number.
    pub(super) id: u64,
    /// Places of whose texts the index does not know all.
    pub(super) opaque: u8,
    /// Of its texts, to see whether they changed.
    pub(super) hash: u64,
}

/// Where the next list is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Place {
    block: u32,
    offset: u32,
}

impl Place {
    /// Where a list of so many bytes begins that comes next: it does not go over the end of a block.
    fn fit(self, length: usize) -> Place {
        match self.offset as usize + length > BLOCK {
            true => Place { block: self.block + 1, offset: 0 },
            false => self,
        }
    }

    fn behind(self, length: usize) -> Place {
        Place { block: self.block, offset: self.offset + length as u32 }
    }
}

/// Takes the records of a part, key and value.
pub(super) type Sink<'a> = dyn FnMut(Vec<u8>, Vec<u8>) -> Result<()> + 'a;

/// Writes a part.
pub(super) struct Writer<'a> {
    mailbox: &'a Mailbox,
    sink: &'a mut Sink<'a>,
    segment: Segment,
    words: Vec<u8>,
    lists: Vec<u8>,
    last: Vec<u8>,
    place: Place,
    list: Vec<u8>,
}

impl<'a> Writer<'a> {
    /// `messages` ascend, and are at most [`MAX_MESSAGES`].
    pub(super) fn begin(
        mailbox: &'a Mailbox,
        number: u32,
        messages: &[Entry],
        sink: &'a mut Sink<'a>,
    ) -> Result<Writer<'a>> {
        let segment = Segment {
            number,
            messages: messages.len() as u32,
            first: messages.first().map_or(0, |entry| entry.id),
            last: messages.last().map_or(0, |entry| entry.id),
            ..Segment::default()
        };
        let (words, lists, last, list) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let place = Place::default();
        let mut writer = Writer { mailbox, sink, segment, words, lists, last, place, list };
        for (block, some) in messages.chunks(BLOCK_MESSAGES).enumerate() {
            let mut bytes = Vec::new();
            let mut before = 0;
            for entry in some {
                put_number(&mut bytes, entry.id - before);
                bytes.push(entry.opaque);
                bytes.extend(entry.hash.to_le_bytes());
                before = entry.id;
            }
            writer.put(Kind::TextMessages, block as u32, &bytes)?;
        }
        Ok(writer)
    }

    /// Words come in ascending order, each with ascending messages by the places where they have it.
    pub(super) fn word(&mut self, word: &[u8], groups: &[(u8, Vec<u32>)]) -> Result<()> {
        if self.words.len() >= BLOCK {
            self.end_words()?;
        }
        if self.words.is_empty() {
            self.words.extend(self.place.block.to_le_bytes());
            self.words.extend(self.place.offset.to_le_bytes());
            self.last.clear();
        }
        let shared = self.last.iter().zip(word).take_while(|(a, b)| a == b).count();
        self.words.push(shared as u8);
        self.words.push((word.len() - shared) as u8);
        self.words.extend_from_slice(&word[shared..]);
        self.last.clear();
        self.last.extend_from_slice(word);
        for (at, (places, messages)) in groups.iter().enumerate() {
            let last = if at + 1 == groups.len() { LAST } else { 0 };
            self.words.push(places | last);
            let mut list = std::mem::take(&mut self.list);
            let bits = write_list(messages, self.segment.messages as usize, &mut list);
            put_number(&mut self.words, (list.len() as u64) << 1 | u64::from(bits));
            match list.len() <= NEAR {
                true => self.words.extend_from_slice(&list),
                false => {
                    let place = self.place.fit(list.len());
                    if place.block != self.place.block {
                        self.end_lists()?;
                    }
                    self.place = place.behind(list.len());
                    self.lists.extend_from_slice(&list);
                }
            }
            self.list = list;
        }
        self.segment.words += 1;
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Segment> {
        if !self.words.is_empty() {
            self.end_words()?;
        }
        if !self.lists.is_empty() {
            self.end_lists()?;
        }
        Ok(self.segment)
    }

    fn end_words(&mut self) -> Result<()> {
        let bytes = std::mem::take(&mut self.words);
        self.put(Kind::TextWords, self.segment.word_blocks, &bytes)?;
        self.segment.word_blocks += 1;
        Ok(())
    }

    fn end_lists(&mut self) -> Result<()> {
        let bytes = std::mem::take(&mut self.lists);
        self.put(Kind::TextLists, self.segment.list_blocks, &bytes)?;
        self.segment.list_blocks += 1;
        Ok(())
    }

    fn put(&mut self, kind: Kind, block: u32, bytes: &[u8]) -> Result<()> {
        let key = key(self.mailbox, kind, self.segment.number, block);
        let value = pack(bytes);
        self.segment.bytes += (key.len() + value.len()) as u64;
        (self.sink)(key, value)
    }
}

/// Beside the places of the last list of a word.
const LAST: u8 = 0x80;

/// The key of a block.
fn key(mailbox: &Mailbox, kind: Kind, segment: u32, block: u32) -> Vec<u8> {
    mailbox.key(kind, &[&segment.to_be_bytes(), &block.to_be_bytes()])
}

/// The key of the set of the messages that were dropped from a part.
pub(super) fn dropped_key(mailbox: &Mailbox, segment: u32) -> Vec<u8> {
    mailbox.key(Kind::TextDropped, &[&segment.to_be_bytes()])
}

const PLAIN: u8 = 0;
const ZSTD: u8 = 1;

fn pack(bytes: &[u8]) -> Vec<u8> {
    match zstd::bulk::compress(bytes, LEVEL) {
        Ok(packed) if packed.len() < bytes.len() - bytes.len() / 16 => {
            [&[ZSTD][..], &packed].concat()
        }
        _ => [&[PLAIN][..], bytes].concat(),
    }
}

pub(super) fn unpack(value: &[u8]) -> Result<Vec<u8>> {
    match value.split_first() {
        Some((&PLAIN, bytes)) => Ok(bytes.to_vec()),
        Some((&ZSTD, packed)) => zstd::bulk::decompress(packed, MAX_BLOCK)
            .map_err(|_| damaged("a block that cannot be unpacked")),
        _ => Err(damaged("a block of no known form")),
    }
}

fn block(mailbox: &Mailbox, reader: &dyn Reader, kind: Kind, at: (u32, u32)) -> Result<Vec<u8>> {
    let value = reader.get(Space::Mailbox, &key(mailbox, kind, at.0, at.1))?;
    unpack(&value.ok_or_else(|| damaged("a block is missing"))?)
}

/// The messages of a part, also those that were dropped.
pub(super) fn messages(
    mailbox: &Mailbox,
    reader: &dyn Reader,
    segment: &Segment,
) -> Result<Vec<Entry>> {
    let count = segment.messages as usize;
    let mut all = Vec::with_capacity(count.min(MAX_MESSAGES));
    for at in 0..count.div_ceil(BLOCK_MESSAGES) as u32 {
        let bytes = block(mailbox, reader, Kind::TextMessages, (segment.number, at))?;
        read_messages(&bytes, &mut all)?;
    }
    if all.len() != count || !all.windows(2).all(|two| two[0].id < two[1].id) {
        return Err(damaged("messages of a part are not those that it has"));
    }
    Ok(all)
}

pub(super) fn read_messages(bytes: &[u8], all: &mut Vec<Entry>) -> Result<()> {
    let mut rest = Rest(bytes);
    let mut id = 0u64;
    for _ in 0..BLOCK_MESSAGES {
        if rest.is_empty() {
            return Ok(());
        }
        id = id.checked_add(rest.number()?).ok_or_else(|| damaged("an id that cannot be"))?;
        all.push(Entry { id, opaque: rest.byte()?, hash: rest.u64()? });
    }
    match rest.is_empty() {
        true => Ok(()),
        false => Err(damaged("a block with too many messages")),
    }
}

/// The messages of a part of which it no longer says anything.
pub(super) fn dropped(mailbox: &Mailbox, reader: &dyn Reader, segment: &Segment) -> Result<Set> {
    let bound = segment.messages as usize;
    let value = reader.get(Space::Mailbox, &dropped_key(mailbox, segment.number))?;
    let set = match value {
        Some(value) => Set::read(&value, bound)?,
        None => Set::new(bound),
    };
    match set.count() == segment.dropped as usize {
        true => Ok(set),
        false => Err(damaged("dropped messages are not as many as it says")),
    }
}

/// One of the lists of a word.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group {
    /// Where the messages have the word.
    pub(super) places: u8,
    bits: bool,
    length: usize,
    /// In the block of words, or among the lists.
    near: Option<usize>,
    far: Place,
}

/// The words of a part, one after another.
pub(super) struct Words<'a> {
    mailbox: &'a Mailbox,
    reader: &'a dyn Reader,
    segment: &'a Segment,
    next_block: u32,
    pub(super) block: WordBlock,
}

/// A block of words that is being read.
#[derive(Default)]
pub(super) struct WordBlock {
    data: Vec<u8>,
    at: usize,
    place: Place,
    word: Vec<u8>,
    pub(super) groups: Vec<Group>,
}

impl<'a> Words<'a> {
    pub(super) fn new(
        mailbox: &'a Mailbox,
        reader: &'a dyn Reader,
        segment: &'a Segment,
    ) -> Words<'a> {
        Words { mailbox, reader, segment, next_block: 0, block: WordBlock::default() }
    }

    /// Goes to the next word; false behind the last one.
    pub(super) fn advance(&mut self) -> Result<bool> {
        while !self.block.advance()? {
            if self.next_block >= self.segment.word_blocks {
                return Ok(false);
            }
            let at = (self.segment.number, self.next_block);
            let data = block(self.mailbox, self.reader, Kind::TextWords, at)?;
            self.block.open(data)?;
            self.next_block += 1;
        }
        Ok(true)
    }
}

impl WordBlock {
    pub(super) fn open(&mut self, data: Vec<u8>) -> Result<()> {
        let mut rest = Rest(&data);
        self.place = Place { block: rest.u32()?, offset: rest.u32()? };
        self.at = data.len() - rest.0.len();
        self.word.clear();
        self.data = data;
        Ok(())
    }

    /// Goes to the next word; false behind the last one.
    pub(super) fn advance(&mut self) -> Result<bool> {
        let mut rest = Rest(&self.data[self.at..]);
        if rest.is_empty() {
            return Ok(false);
        }
        let (shared, length) = (usize::from(rest.byte()?), usize::from(rest.byte()?));
        if shared > self.word.len() || shared + length > MAX_WORD {
            return Err(damaged("a word that cannot be"));
        }
        self.word.truncate(shared);
        self.word.extend_from_slice(rest.bytes(length)?);
        self.groups.clear();
        loop {
            let places = rest.byte()?;
            let form = rest.number()?;
            let (bits, length) = (form & 1 == 1, (form >> 1) as usize);
            let mut group =
                Group { places: places & !LAST, bits, length, near: None, far: Place::default() };
            if length <= NEAR {
                group.near = Some(self.data.len() - rest.0.len());
                rest.bytes(length)?;
            } else if length <= BLOCK {
                group.far = self.place.fit(length);
                self.place = group.far.behind(length);
            } else {
                return Err(damaged("a list that is too long"));
            }
            self.groups.push(group);
            if places & LAST != 0 {
                break;
            }
        }
        self.at = self.data.len() - rest.0.len();
        Ok(true)
    }

    pub(super) fn word(&self) -> Result<&str> {
        std::str::from_utf8(&self.word).map_err(|_| damaged("a word that is no text"))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.word
    }
}

/// The lists of a part.
pub(super) struct Lists<'a> {
    mailbox: &'a Mailbox,
    reader: &'a dyn Reader,
    segment: u32,
    /// The block that was read last: lists are asked for in the order of their words.
    open: Option<(u32, Vec<u8>)>,
}

impl<'a> Lists<'a> {
    pub(super) fn new(mailbox: &'a Mailbox, reader: &'a dyn Reader, segment: &Segment) -> Self {
        Lists { mailbox, reader, segment: segment.number, open: None }
    }

    /// The list of a group of the word at which a block is.
    pub(super) fn get<'b>(&'b mut self, words: &'b WordBlock, group: &Group) -> Result<List<'b>> {
        let missing = || damaged("a list is missing");
        if let Some(at) = group.near {
            let bytes = words.data.get(at..at + group.length).ok_or_else(missing)?;
            return Ok(List { bits: group.bits, bytes });
        }
        let Place { block: wanted, offset } = group.far;
        let offset = offset as usize;
        if self.open.as_ref().is_none_or(|(open, _)| *open != wanted) {
            let at = (self.segment, wanted);
            let data = block(self.mailbox, self.reader, Kind::TextLists, at)?;
            self.open = Some((wanted, data));
        }
        let (_, data) = self.open.as_ref().ok_or_else(missing)?;
        let bytes = data.get(offset..offset + group.length).ok_or_else(missing)?;
        Ok(List { bits: group.bits, bytes })
    }
}

/// Whether a record of messages can be read.
pub(crate) fn check_messages(value: &[u8]) -> Result<()> {
    read_messages(&unpack(value)?, &mut Vec::new())
}

/// Whether a record of words can be read, as far as it tells by itself.
pub(crate) fn check_words(value: &[u8]) -> Result<()> {
    let mut block = WordBlock::default();
    block.open(unpack(value)?)?;
    while block.advance()? {
        block.word()?;
    }
    Ok(())
}

/// Whether a record of lists can be unpacked.
pub(crate) fn check_lists(value: &[u8]) -> Result<()> {
    unpack(value).map(drop)
}
