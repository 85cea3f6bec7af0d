//! A part of the index: its records, as they are written and read. They are drawn in docs/store-format.md.
//!
//! A part has its messages in the order of their ids, and its words in order, each with the lists of the messages
//! that have it, a list for each set of places where they have it. Short lists stand in one record for each block of
//! words, the others one after another in records of their own. Filters tell which blocks of words need not be looked
//! at, so a search reads few of them.

use std::borrow::Cow;

use super::bytes::{List, Rest, Set, damaged, put_number, write_list};
use super::state::{MAX_MESSAGES, Segment};
use super::words::{Asked, MAX_WORD, each_form, windows};
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
    groups: Vec<u8>,
    filters: Vec<u8>,
    filter_blocks: u32,
    lists: Vec<u8>,
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
        let mut writer = Writer {
            mailbox,
            sink,
            segment: Segment {
                number,
                messages: messages.len() as u32,
                first: messages.first().map_or(0, |entry| entry.id),
                last: messages.last().map_or(0, |entry| entry.id),
                ..Segment::default()
            },
            words: Vec::new(),
            groups: Vec::new(),
            filters: Vec::new(),
            filter_blocks: 0,
            lists: Vec::new(),
            place: Place::default(),
            list: Vec::new(),
        };
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
        if self.words.len() >= BLOCK || self.groups.len() >= BLOCK {
            self.end_words()?;
        }
        if self.words.is_empty() {
            self.groups.extend(self.place.block.to_le_bytes());
            self.groups.extend(self.place.offset.to_le_bytes());
        }
        self.words.extend_from_slice(word);
        self.words.push(END);
        for (at, (places, messages)) in groups.iter().enumerate() {
            let last = if at + 1 == groups.len() { LAST } else { 0 };
            self.groups.push(places | last);
            let mut list = std::mem::take(&mut self.list);
            let bits = write_list(messages, self.segment.messages as usize, &mut list);
            put_number(&mut self.groups, (list.len() as u64) << 1 | u64::from(bits));
            match list.len() <= NEAR {
                true => self.groups.extend_from_slice(&list),
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
        if !self.filters.is_empty() {
            self.end_filters()?;
        }
        Ok(self.segment)
    }

    fn end_words(&mut self) -> Result<()> {
        let (words, groups) = (std::mem::take(&mut self.words), std::mem::take(&mut self.groups));
        self.put(Kind::TextWords, self.segment.word_blocks, &words)?;
        self.put(Kind::TextGroups, self.segment.word_blocks, &groups)?;
        self.segment.word_blocks += 1;
        Filter::of(&words).write(&mut self.filters);
        match self.filters.len() >= BLOCK - 2 * MAX_FILTER {
            true => self.end_filters(),
            false => Ok(()),
        }
    }

    fn end_filters(&mut self) -> Result<()> {
        let bytes = std::mem::take(&mut self.filters);
        self.put(Kind::TextFilters, self.filter_blocks, &bytes)?;
        self.filter_blocks += 1;
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
/// Behind each word.
pub(super) const END: u8 = b'\n';

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

/// A block of words that is being read, with the lists that they have.
#[derive(Default)]
pub(super) struct WordBlock {
    words: Vec<u8>,
    /// Where the word is, and where the next one begins.
    word: std::ops::Range<usize>,
    next: usize,
    data: Vec<u8>,
    at: usize,
    place: Place,
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
            let words = block(self.mailbox, self.reader, Kind::TextWords, at)?;
            let groups = block(self.mailbox, self.reader, Kind::TextGroups, at)?;
            self.block.open(words, groups)?;
            self.next_block += 1;
        }
        Ok(true)
    }
}

impl WordBlock {
    pub(super) fn open(&mut self, words: Vec<u8>, groups: Vec<u8>) -> Result<()> {
        let mut rest = Rest(&groups);
        self.place = Place { block: rest.u32()?, offset: rest.u32()? };
        self.at = groups.len() - rest.0.len();
        (self.word, self.next) = (0..0, 0);
        (self.words, self.data) = (words, groups);
        Ok(())
    }

    /// Goes to the next word; false behind the last one.
    pub(super) fn advance(&mut self) -> Result<bool> {
        let rest = &self.words[self.next..];
        if rest.is_empty() {
            return match self.at == self.data.len() {
                true => Ok(false),
                false => Err(damaged("lists of no word")),
            };
        }
        let length = memchr::memchr(END, rest)
            .filter(|length| *length <= MAX_WORD)
            .ok_or_else(|| damaged("a word that cannot be"))?;
        self.word = self.next..self.next + length;
        self.next = self.word.end + 1;
        let mut rest = Rest(&self.data[self.at..]);
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
        std::str::from_utf8(self.bytes()).map_err(|_| damaged("a word that is no text"))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.words[self.word.clone()]
    }
}

/// Adds the messages of a part that have the pieces of what is asked, in some of the places, to a set for each piece.
pub(super) fn search(
    mailbox: &Mailbox,
    reader: &dyn Reader,
    segment: &Segment,
    asked: &Asked,
    places: u8,
    sets: &mut [Set],
) -> Result<()> {
    let mut filters = Filters::default();
    let mut lists = Lists::new(mailbox, reader, segment);
    let mut open = WordBlock::default();
    let mut hits: Vec<(usize, usize)> = Vec::new();
    for number in 0..segment.word_blocks {
        let filter = filters.advance(mailbox, reader, segment.number)?;
        if !asked.pieces.iter().any(|piece| filter.may_have(&piece.windows)) {
            continue;
        }
        let at = (segment.number, number);
        let words = block(mailbox, reader, Kind::TextWords, at)?;
        hits.clear();
        asked.find(&words, &mut |at, piece| hits.push((at, piece)))?;
        if hits.is_empty() {
            continue;
        }
        hits.sort_unstable();
        open.open(words, block(mailbox, reader, Kind::TextGroups, at)?)?;
        let mut hits = hits.iter().peekable();
        while hits.peek().is_some() && open.advance()? {
            while let Some((_, piece)) = hits.next_if(|(at, _)| *at <= open.word.start) {
                for group in open.groups.iter().filter(|group| group.places & places != 0) {
                    sets[*piece].add(lists.get(&open, group)?)?;
                }
            }
        }
    }
    Ok(())
}

/// Bytes of a filter at least and at most.
const MIN_FILTER: usize = 16;
const MAX_FILTER: usize = 4_096;

/// Which four bytes stand one after another in some word of a block, by a bit of their hash: a block whose filter lacks
/// one of a piece's has no word with it.
struct Filter<'a>(Cow<'a, [u8]>);

impl Filter<'_> {
    fn of(words: &[u8]) -> Filter<'static> {
        let bytes = (words.len() / 16).next_power_of_two().clamp(MIN_FILTER, MAX_FILTER);
        let mut bits = vec![0; bytes];
        let mut add = |word: &[u8]| {
            for window in windows(word) {
                let bit = bit(bytes, window);
                bits[bit / 8] |= 1 << (bit % 8);
            }
        };
        for word in words.split(|byte| *byte == END) {
            match word.is_ascii() {
                true => add(word),
                false => each_form(word, &mut add),
            }
        }
        Filter(bits.into())
    }

    fn may_have(&self, windows: &[u32]) -> bool {
        windows.iter().all(|window| {
            let bit = bit(self.0.len(), *window);
            self.0[bit / 8] >> (bit % 8) & 1 == 1
        })
    }

    fn write(&self, w: &mut Vec<u8>) {
        put_number(w, self.0.len() as u64);
        w.extend_from_slice(&self.0);
    }
}

fn bit(bytes: usize, window: u32) -> usize {
    (window.wrapping_mul(0x9e37_79b1) >> (32 - (bytes * 8).ilog2())) as usize
}

/// The filters of a part, one after another.
#[derive(Default)]
struct Filters {
    data: Vec<u8>,
    at: usize,
    next: u32,
}

impl Filters {
    fn advance(&mut self, mailbox: &Mailbox, reader: &dyn Reader, part: u32) -> Result<Filter<'_>> {
        if self.at >= self.data.len() {
            self.data = block(mailbox, reader, Kind::TextFilters, (part, self.next))?;
            self.next += 1;
            self.at = 0;
        }
        let mut rest = Rest(&self.data[self.at..]);
        let length = rest.number()? as usize;
        if !(MIN_FILTER..=MAX_FILTER).contains(&length) || !length.is_power_of_two() {
            return Err(damaged("a filter that cannot be"));
        }
        let bits = rest.bytes(length)?;
        self.at = self.data.len() - rest.0.len();
        Ok(Filter(bits.into()))
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

/// Whether a record of words can be read.
pub(crate) fn check_words(value: &[u8]) -> Result<()> {
    let words = unpack(value)?;
    match std::str::from_utf8(&words) {
        Ok(text) if text.ends_with('\n') => Ok(()),
        _ => Err(damaged("words that are no text")),
    }
}

/// Whether a record of lists can be unpacked.
pub(crate) fn check_lists(value: &[u8]) -> Result<()> {
    unpack(value).map(drop)
}
