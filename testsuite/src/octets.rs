//! ROPs by hand: requests put together and answers read octet by octet, in the order in which [MS-OXCROPS]
//! draws their fields. Nothing here knows a layout from `mapi_rop`, so a mistake there is seen.

use mapi_rop::Handle;

use crate::prove;
use crate::raw::{Client, MAX_OUT};

/// A request in the making; numbers are little-endian ([MS-OXCROPS] 2.2).
#[derive(Clone)]
pub struct Rop(Vec<u8>);

impl Rop {
    /// RopId, LogonId 0, and the handle index that stands first.
    pub fn new(id: u8, index: u8) -> Rop {
        Rop(vec![id, 0, index])
    }

    /// The request as it is so far.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    pub fn u8(mut self, value: u8) -> Rop {
        self.0.push(value);
        self
    }

    pub fn u16(self, value: u16) -> Rop {
        self.bytes(&value.to_le_bytes())
    }

    pub fn u32(self, value: u32) -> Rop {
        self.bytes(&value.to_le_bytes())
    }

    pub fn u64(self, value: u64) -> Rop {
        self.bytes(&value.to_le_bytes())
    }

    pub fn bytes(mut self, bytes: &[u8]) -> Rop {
        self.0.extend_from_slice(bytes);
        self
    }

    /// A null-terminated 8-bit string.
    pub fn text8(self, text: &str) -> Rop {
        self.bytes(text.as_bytes()).u8(0)
    }

    /// A null-terminated string in UTF-16.
    pub fn text16(mut self, text: &str) -> Rop {
        for unit in text.encode_utf16().chain([0]) {
            self = self.u16(unit);
        }
        self
    }

    /// Values behind their length in 16 bits, without the length itself.
    pub fn sized(self, content: &[u8]) -> Rop {
        self.u16(content.len() as u16).bytes(content)
    }
}

/// A folder or message id as it stands on the wire: replica number, then six octets of the counter, the
/// first the highest ([MS-OXCDATA] 2.2.1).
pub fn id(counter: u64) -> [u8; 8] {
    let mut id = [1, 0, 0, 0, 0, 0, 0, 0];
    id[2..].copy_from_slice(&counter.to_be_bytes()[2..]);
    id
}

/// What came back.
pub struct Octets {
    rest: Vec<u8>,
    at: usize,
    /// The handle table behind the answers.
    pub handles: Vec<Handle>,
}

impl Octets {
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let end = self.at + count;
        assert!(end <= self.rest.len(), "octet {end} of an answer of {}", self.rest.len());
        let bytes = self.rest[self.at..end].to_vec();
        self.at = end;
        bytes
    }

    pub fn u8(&mut self) -> u8 {
        self.bytes(1)[0]
    }

    pub fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.bytes(2).try_into().unwrap())
    }

    pub fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.bytes(4).try_into().unwrap())
    }

    pub fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.bytes(8).try_into().unwrap())
    }

    pub fn text8(&mut self) -> String {
        let mut text = Vec::new();
        loop {
            match self.u8() {
                0 => return String::from_utf8(text).expect("an 8-bit string"),
                byte => text.push(byte),
            }
        }
    }

    pub fn text16(&mut self) -> String {
        let mut units = Vec::new();
        loop {
            match self.u16() {
                0 => return String::from_utf16(&units).expect("a string in UTF-16"),
                unit => units.push(unit),
            }
        }
    }

    /// RopId, handle index and ReturnValue are these.
    #[track_caller]
    pub fn head(&mut self, id: u8, index: u8, code: u32) {
        let head = (self.u8(), self.u8(), self.u32());
        assert_eq!(head, (id, index, code), "RopId, handle index, ReturnValue {:#x}", head.2);
    }

    /// RopId, handle index and ReturnValue are these, and nothing follows.
    #[track_caller]
    pub fn only(mut self, id: u8, index: u8, code: u32) {
        self.head(id, index, code);
        self.end();
    }

    /// All that follows.
    pub fn rest(self) -> Vec<u8> {
        self.rest[self.at..].to_vec()
    }

    /// Nothing follows but the handle table.
    #[track_caller]
    pub fn end(self) {
        assert_eq!(self.rest[self.at..], [], "nothing more in the answer");
    }
}

impl Client {
    /// One ROP by hand, next to a handle table of these.
    pub fn ask(&mut self, rop: Rop, handles: &[Handle]) -> Octets {
        self.ask_all(&[rop], handles)
    }

    /// Some ROPs in one buffer. Their answers follow one another.
    pub fn ask_all(&mut self, rops: &[Rop], handles: &[Handle]) -> Octets {
        self.ask_within(rops, handles, MAX_OUT)
    }

    /// As [`Client::ask_all`], with a bound of the answer's size.
    pub fn ask_within(&mut self, rops: &[Rop], handles: &[Handle], max_out: u32) -> Octets {
        let ids: Vec<u8> = rops.iter().map(|rop| rop.0[0]).collect();
        let size = 2 + rops.iter().map(|rop| rop.0.len()).sum::<usize>();
        let mut buffer = (size as u16).to_le_bytes().to_vec();
        rops.iter().for_each(|rop| buffer.extend_from_slice(&rop.0));
        handles.iter().for_each(|handle| buffer.extend_from_slice(&handle.0.to_le_bytes()));
        let mut answer = self.ask_whole(&ids, &buffer, max_out);
        let size = usize::from(u16::from_le_bytes([answer[0], answer[1]]));
        let table = answer.split_off(size);
        let handles =
            table.chunks_exact(4).map(|four| Handle(u32::from_le_bytes(four.try_into().unwrap())));
        let handles = handles.collect();
        Octets { rest: answer.split_off(2), at: 0, handles }
    }

    /// A whole buffer with these ROPs, and its answer.
    pub fn ask_whole(&mut self, rops: &[u8], buffer: &[u8], max_out: u32) -> Vec<u8> {
        prove::note_octets(rops.iter().copied());
        let mut answer = self.transport.execute(buffer, max_out).expect("an answer");
        let size = usize::from(u16::from_le_bytes([answer[0], answer[1]]));
        prove::alter_octets(&mut answer[2..size], rops.iter().copied());
        answer
    }
}
