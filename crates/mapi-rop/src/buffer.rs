//! ROP input and output buffers ([MS-OXCROPS] 2.2.1), and what is irregular in them:
//!
//! - RopSize counts itself.
//! - The handle table has no count: it is what is left behind the ROPs.
//! - RopRelease has no answer, so answers do not pair with requests by their places.
//! - RopNotify, RopPending and RopBackoff stand among the answers without having been asked for, and
//!   without a handle index and a ReturnValue.
//! - RopBufferTooSmall has no end of its own: the requests that were not executed follow to the end of the
//!   list.

use std::ops::Range;

use mapi::wire::{Reader, Rest, Wire, WireError};

use crate::control::BufferTooSmallResponse;
use crate::handle::{Handle, HandleIndex};
use crate::request::{LogonKinds, Request};
use crate::response::{Response, ResponseContext};
use crate::rops::RopResponse;

/// The most handles that a buffer's table can be asked for: indexes have one byte.
pub const MAX_HANDLES: usize = 256;

/// Bytes of RopSize, which counts itself.
const ROP_SIZE: usize = 2;

/// The requests of a ROP input buffer, as a server reads them.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestBuffer {
    pub requests: Vec<Request>,
    /// The Server object handle table. A server puts new handles into it and sends it back.
    pub handles: Vec<Handle>,
    rops: Vec<u8>,
    ends: Vec<usize>,
}

impl RequestBuffer {
    /// Reads a whole buffer. `logons` are the logons of the session so far; those of this buffer are added.
    ///
    /// One ROP that cannot be read fails them all, with the offset in `bytes`: where it ends, and so where
    /// the next one begins, is not known. Nothing of the buffer is to be executed then.
    pub fn read(bytes: &[u8], logons: &mut LogonKinds) -> Result<Self, WireError> {
        let mut r = Reader::new(bytes);
        let mut rops = read_list(&mut r)?;
        let raw = rops.peek_rest().to_vec();
        let start = rops.offset();
        let mut requests = Vec::new();
        let mut ends = Vec::new();
        while !rops.is_empty() {
            requests.push(Request::read(&mut rops, logons)?);
            ends.push(rops.offset() - start);
        }
        Ok(RequestBuffer { requests, handles: read_handles(&mut r)?, rops: raw, ends })
    }

    /// The bytes of one request.
    pub fn raw(&self, index: usize) -> &[u8] {
        &self.rops[self.range(index)]
    }

    /// The bytes of this request and all behind it: what RopBufferTooSmall sends back.
    pub fn raw_from(&self, index: usize) -> &[u8] {
        &self.rops[self.range(index).start..]
    }

    /// The handle at an index; none if the index is beyond the table.
    pub fn handle(&self, index: HandleIndex) -> Option<Handle> {
        self.handles.get(usize::from(index.0)).copied()
    }

    /// Puts a handle into the table, which grows if the client made it too short.
    pub fn set_handle(&mut self, index: HandleIndex, handle: Handle) {
        let index = usize::from(index.0);
        if index >= self.handles.len() {
            self.handles.resize(index + 1, Handle::NONE);
        }
        self.handles[index] = handle;
    }

    fn range(&self, index: usize) -> Range<usize> {
        let all = self.rops.len();
        let end = self.ends.get(index).copied().unwrap_or(all);
        let start = match index.checked_sub(1) {
            Some(before) => self.ends.get(before).copied().unwrap_or(all),
            None => 0,
        };
        start..end
    }
}

/// Bytes of a ROP input buffer, as a client sends them. None if the requests take more bytes than RopSize
/// can count, or there are more than [`MAX_HANDLES`].
pub fn write_requests(requests: &[Request], handles: &[Handle]) -> Option<Vec<u8>> {
    let mut rops = Vec::new();
    requests.iter().for_each(|request| request.write(&mut rops));
    write_buffer(&rops, handles)
}

/// The responses of a ROP output buffer, as a client reads them.
#[derive(Debug, Clone, PartialEq)]
pub struct ResponseBuffer {
    pub responses: Vec<Response>,
    /// The handle table as the server filled it.
    pub handles: Vec<Handle>,
}

impl ResponseBuffer {
    /// Reads a whole buffer. `context` is that of the requests; it is used on for further buffers that
    /// answer the same requests (packed buffers).
    pub fn read(bytes: &[u8], context: &mut ResponseContext) -> Result<Self, WireError> {
        let mut r = Reader::new(bytes);
        let mut rops = read_list(&mut r)?;
        let mut responses = Vec::new();
        while !rops.is_empty() {
            responses.push(Response::read(&mut rops, context)?);
        }
        Ok(ResponseBuffer { responses, handles: read_handles(&mut r)? })
    }
}

/// The answers of a ROP output buffer as a server writes them, within a limit.
#[derive(Debug)]
pub struct ResponseWriter {
    rops: Vec<u8>,
    limit: usize,
}

impl ResponseWriter {
    /// A buffer of at most `limit` bytes, its handle table of `handles` entries and RopSize included. None if
    /// these alone do not fit.
    pub fn new(limit: usize, handles: usize) -> Option<Self> {
        let most = usize::from(u16::MAX) - ROP_SIZE;
        let limit = limit.checked_sub(ROP_SIZE + handles.min(MAX_HANDLES) * 4)?.min(most);
        Some(ResponseWriter { rops: Vec::new(), limit })
    }

    /// Bytes that further answers may take.
    pub fn room(&self) -> usize {
        self.limit.saturating_sub(self.rops.len())
    }

    /// Bytes of answers so far.
    pub fn len(&self) -> usize {
        self.rops.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rops.is_empty()
    }

    /// Adds an answer. If it does not fit, nothing is added, and the error is how many bytes it takes.
    pub fn push(&mut self, response: &Response) -> Result<(), usize> {
        let start = self.rops.len();
        response.write(&mut self.rops);
        if self.rops.len() <= self.limit {
            return Ok(());
        }
        let size = self.rops.len() - start;
        self.rops.truncate(start);
        Err(size)
    }

    /// Adds RopBufferTooSmall ([MS-OXCROPS] 2.2.15.1.1): `rest` are the bytes of the requests that were not
    /// executed, and the next of them needs `size` bytes for its answer. Of the rest, as much goes out as
    /// there is room for (R4446). False if there is not even room for the ROP itself.
    pub fn push_too_small(&mut self, size: usize, rest: &[u8]) -> bool {
        let Some(room) = self.room().checked_sub(3) else {
            return false;
        };
        let needed = self.rops.len() + size + ROP_SIZE;
        let answer = BufferTooSmallResponse {
            size_needed: u16::try_from(needed).unwrap_or(u16::MAX),
            requests: Rest(rest[..rest.len().min(room)].to_vec()),
        };
        self.push(&Response::told(RopResponse::BufferTooSmall(answer))).is_ok()
    }

    /// The whole buffer.
    pub fn finish(self, handles: &[Handle]) -> Vec<u8> {
        let handles = &handles[..handles.len().min(MAX_HANDLES)];
        // INVARIANT: the limit is within what RopSize can count.
        write_buffer(&self.rops, handles).unwrap_or_default()
    }
}

fn read_list<'a>(r: &mut Reader<'a>) -> Result<Reader<'a>, WireError> {
    let size = usize::from(u16::read(r)?);
    let Some(len) = size.checked_sub(ROP_SIZE) else {
        return Err(r.bad("a RopSize that counts itself", size as u64, ROP_SIZE));
    };
    r.sub(len, "as many bytes of ROPs as RopSize says")
}

fn read_handles(r: &mut Reader<'_>) -> Result<Vec<Handle>, WireError> {
    let count = r.remaining() / 4;
    if count > MAX_HANDLES {
        return Err(r.bad("at most 256 handles", count as u64, 0));
    }
    let handles = mapi::wire::read_items(r, count)?;
    r.finish("handles of four bytes")?;
    Ok(handles)
}

fn write_buffer(rops: &[u8], handles: &[Handle]) -> Option<Vec<u8>> {
    let size = u16::try_from(rops.len() + ROP_SIZE).ok()?;
    if handles.len() > MAX_HANDLES {
        return None;
    }
    let mut w = Vec::with_capacity(ROP_SIZE + rops.len() + handles.len() * 4);
    size.write(&mut w);
    w.extend_from_slice(rops);
    handles.iter().for_each(|handle| handle.write(&mut w));
    Some(w)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handle::LogonId;
    use crate::parts::Empty;
    use crate::rops::{RopId, RopRequest};
    use crate::stream::ReadStreamResponse;

    fn status(input: u8) -> Request {
        Request::new(LogonId(0), HandleIndex(input), RopRequest::GetStatus(Empty))
    }

    #[test]
    fn requests_keep_their_bytes() {
        let release = Request::new(LogonId(0), HandleIndex(1), RopRequest::Release(Empty));
        let handles = [Handle(7), Handle::NONE];
        let bytes = write_requests(&[status(0), release], &handles).expect("a small buffer");
        let expected = [8, 0, 0x16, 0, 0, 1, 0, 1, 7, 0, 0, 0, 255, 255, 255, 255];
        assert_eq!(bytes, expected);

        let buffer = RequestBuffer::read(&bytes, &mut LogonKinds::default()).expect("valid");
        assert_eq!(buffer.handles, handles);
        assert_eq!(buffer.raw(1), [1, 0, 1]);
        assert_eq!(buffer.raw_from(0), [0x16, 0, 0, 1, 0, 1]);
        assert_eq!(buffer.raw_from(2), []);
    }

    /// MS-OXCROPS R18, R180001
    #[test]
    fn a_reserved_id_fails_the_buffer_with_its_offset() {
        let bytes = [8, 0, 0x16, 0, 0, 0x28, 0, 0];
        let error = RequestBuffer::read(&bytes, &mut LogonKinds::default()).expect_err("reserved");
        assert_eq!(error.offset, 5);
        let told = [5, 0, 0x2a, 0, 0];
        assert!(RequestBuffer::read(&told, &mut LogonKinds::default()).is_err());
    }

    /// MS-OXCROPS R4444, R4447
    #[test]
    fn what_does_not_fit_is_echoed() {
        let request = status(0);
        let data = ReadStreamResponse { data: vec![0; 100].into() };
        let large = Response::to(&request, RopResponse::ReadStream(data));
        let mut writer = ResponseWriter::new(40, 1).expect("room");
        assert_eq!(writer.push(&large), Err(108));
        assert!(writer.push_too_small(108, &[0x16, 0, 0]));
        let bytes = writer.finish(&[Handle(7)]);
        assert_eq!(bytes, [8, 0, 0xff, 110, 0, 0x16, 0, 0, 7, 0, 0, 0]);

        let mut context = ResponseContext::new(&[request], |_| Vec::new().into());
        let buffer = ResponseBuffer::read(&bytes, &mut context).expect("valid");
        assert_eq!(buffer.responses[0].id(), RopId::BufferTooSmall);
    }
}
