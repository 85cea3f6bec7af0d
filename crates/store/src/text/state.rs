//! What the index of a mailbox consists of, and how far it has followed the change log.

use super::bytes::{Rest, damaged};
use crate::engine::{Reader, Space};
use crate::keys::Kind;
use crate::{Mailbox, Result};

const VERSION: u8 = 1;

/// Parts that an index has at most: 65 million messages.
const MAX_SEGMENTS: usize = 1_024;
/// Messages of a part: their numbers in it have 16 bits.
pub(super) const MAX_MESSAGES: usize = 1 << 16;

/// The state record (kind `60`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct State {
    /// The change log was followed up to here: whatever the index says of a message whose newest change is not
    /// behind this, is so.
    pub(crate) position: u64,
    /// All messages are being looked through, since the log does not tell all of them.
    pub(super) walk: Option<Walk>,
    /// The number that the next part gets.
    pub(super) next: u32,
    pub(super) segments: Vec<Segment>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Walk {
    /// The position when all are looked through.
    pub(super) target: u64,
    /// The last message that was.
    pub(super) after: u64,
}

/// A part of the index: messages, and the words that they have. It does not change, but for the messages that
/// are dropped from it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Segment {
    pub(super) number: u32,
    /// Messages in it, also those that were dropped, and the lowest and highest of their ids as ordered numbers.
    pub(super) messages: u32,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) dropped: u32,
    pub(super) words: u32,
    /// Records of words and of lists.
    pub(super) word_blocks: u32,
    pub(super) list_blocks: u32,
    /// Of its keys and values.
    pub(super) bytes: u64,
}

impl State {
    /// Of a mailbox that has no index yet.
    pub(super) fn new(target: u64) -> State {
        State { walk: Some(Walk { target, after: 0 }), ..State::default() }
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<State> {
        let mut r = Rest(bytes);
        if r.byte()? != VERSION {
            return Err(damaged("a version that is not known"));
        }
        let position = r.u64()?;
        let walk = match r.byte()? {
            0 => None,
            _ => Some(Walk { target: r.u64()?, after: r.u64()? }),
        };
        let next = r.u32()?;
        let count = r.u32()? as usize;
        if count > MAX_SEGMENTS {
            return Err(damaged("too many parts"));
        }
        let mut segments = Vec::with_capacity(count.min(r.0.len()));
        for _ in 0..count {
            let segment = Segment {
                number: r.u32()?,
                messages: r.u32()?,
                first: r.u64()?,
                last: r.u64()?,
                dropped: r.u32()?,
                words: r.u32()?,
                word_blocks: r.u32()?,
                list_blocks: r.u32()?,
                bytes: r.u64()?,
            };
            if segment.messages as usize > MAX_MESSAGES || segment.number >= next {
                return Err(damaged("a part that cannot be"));
            }
            segments.push(segment);
        }
        Ok(State { position, walk, next, segments })
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut w = vec![VERSION];
        w.extend(self.position.to_le_bytes());
        match &self.walk {
            None => w.push(0),
            Some(walk) => {
                w.push(1);
                w.extend(walk.target.to_le_bytes());
                w.extend(walk.after.to_le_bytes());
            }
        }
        w.extend(self.next.to_le_bytes());
        w.extend((self.segments.len() as u32).to_le_bytes());
        for segment in &self.segments {
            w.extend(segment.number.to_le_bytes());
            w.extend(segment.messages.to_le_bytes());
            w.extend(segment.first.to_le_bytes());
            w.extend(segment.last.to_le_bytes());
            w.extend(segment.dropped.to_le_bytes());
            w.extend(segment.words.to_le_bytes());
            w.extend(segment.word_blocks.to_le_bytes());
            w.extend(segment.list_blocks.to_le_bytes());
            w.extend(segment.bytes.to_le_bytes());
        }
        w
    }

    /// None for a mailbox that has no index.
    pub(crate) fn stored(mailbox: &Mailbox, reader: &dyn Reader) -> Result<Option<State>> {
        let bytes = reader.get(Space::Mailbox, &mailbox.key(Kind::TextState, &[]))?;
        bytes.map(|bytes| State::read(&bytes)).transpose()
    }

    /// Bytes of the index.
    pub(super) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Messages in it.
    pub(super) fn messages(&self) -> u64 {
        let live = |segment: &Segment| segment.messages.saturating_sub(segment.dropped);
        self.segments.iter().map(|segment| u64::from(live(segment))).sum()
    }
}
