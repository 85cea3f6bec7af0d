//! The conversation index: where a message stands in its thread ([MS-OXOMSG] 2.2.1.3).

use crate::guid::Guid;
use crate::text::WString;
use crate::time::FileTime;
use crate::wire::{Reader, Wire, WireError};

/// PidTagConversationIndex: 22 bytes for the message that began the conversation, and five more for each
/// answer on the way to this message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationIndex {
    /// The highest six bytes of the time when the conversation began, most significant first.
    pub start: [u8; 6],
    pub conversation: Guid,
    pub responses: Vec<Response>,
}

/// A ResponseLevel structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Response {
    /// Since the conversation began: in units of 2^18 (if not `coarse`) or 2^23 hundred nanoseconds;
    /// the lower 31 bits count.
    pub time_delta: u32,
    pub coarse: bool,
    pub random: u8,
}

const COARSE: u32 = 0x8000_0000;

impl ConversationIndex {
    /// The index of a message that begins a conversation.
    pub fn new(start: FileTime, conversation: Guid) -> Self {
        let bytes = start.0.to_be_bytes();
        let start = [bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5]];
        ConversationIndex { start, conversation, responses: Vec::new() }
    }

    /// When the conversation began, to 2^16 hundred nanoseconds.
    pub fn start_time(&self) -> FileTime {
        let s = self.start;
        FileTime(u64::from_be_bytes([s[0], s[1], s[2], s[3], s[4], s[5], 0, 0]))
    }
}

/// PidTagConversationId of a message whose PidTagConversationIndexTracking is set: the GUID of its index
/// ([MS-OXOMSG] 2.2.1.2).
pub fn tracked_id(index: &[u8]) -> Option<[u8; 16]> {
    match index.first() {
        Some(0x01) => index.get(6..22)?.try_into().ok(),
        _ => None,
    }
}

/// PidTagConversationId from the topic of a conversation: the MD5 of its first 255 characters in capitals
/// ([MS-OXOMSG] 2.2.1.2).
pub fn id_of_topic(topic: &WString) -> [u8; 16] {
    const MAX: usize = 255;
    let units = topic.to_utf16().into_iter().take_while(|unit| *unit != 0).take(MAX);
    let bytes: Vec<u8> = units.flat_map(|unit| capital(unit).to_le_bytes()).collect();
    crate::md5::md5(&bytes)
}

/// The capital of a character, if it is one character, too.
fn capital(unit: u16) -> u16 {
    let Some(letter) = char::from_u32(u32::from(unit)) else { return unit };
    let mut capitals = letter.to_uppercase();
    match (capitals.next().and_then(|c| u16::try_from(u32::from(c)).ok()), capitals.next()) {
        (Some(capital), None) => capital,
        _ => unit,
    }
}

impl Wire for ConversationIndex {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let start = r.array("the header of a conversation index")?;
        let conversation = Guid::read(r)?;
        let mut responses = Vec::new();
        while !r.is_empty() {
            let [a, b, c, d, low] = r.array("a response level of five bytes")?;
            let time = u32::from_be_bytes([a, b, c, d]);
            responses.push(Response {
                time_delta: time & !COARSE,
                coarse: time & COARSE != 0,
                random: low,
            });
        }
        Ok(ConversationIndex { start, conversation, responses })
    }

    fn write(&self, w: &mut Vec<u8>) {
        self.start.write(w);
        self.conversation.write(w);
        for response in &self.responses {
            let coarse = if response.coarse { COARSE } else { 0 };
            w.extend_from_slice(&(response.time_delta & !COARSE | coarse).to_be_bytes());
            w.push(response.random);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_adds_five_bytes() {
        let mut index = ConversationIndex::new(FileTime(0x01CA_E55B_20E5_0000), Guid([3; 16]));
        assert_eq!(index.to_wire().len(), 22);
        assert_eq!(index.to_wire()[..6], [0x01, 0xCA, 0xE5, 0x5B, 0x20, 0xE5]);
        assert_eq!(index.start_time(), FileTime(0x01CA_E55B_20E5_0000));
        index.responses.push(Response { time_delta: 0x6F3E, coarse: false, random: 0x90 });
        assert_eq!(index.to_wire()[22..], [0, 0, 0x6F, 0x3E, 0x90]);
        assert_eq!(ConversationIndex::from_wire(&index.to_wire()), Ok(index));
    }
}
