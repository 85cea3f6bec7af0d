//! A property as a stream of bytes ([MS-OXCPRPT] 2.2.14 to 2.2.22).

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use mapi::PropertyTag;
use mapi_rop::RopRequest;
use mapi_rop::irregular::ReadStreamRequest;
use mapi_rop::stream::{
    CopyToStreamRequest, OpenStreamRequest, RegionRequest, SeekStreamRequest, SetStreamSizeRequest,
    StreamMode, StreamOrigin, WriteStreamRequest,
};

use crate::object::{ServerObject, answer};
use crate::{Error, Result};

/// How much one request carries, in bytes: a ROP buffer has room for 32 KB.
const PIECE: usize = 24 << 10;

/// A binary or string property, read and written piece by piece. Strings are UTF-16, little-endian.
///
/// Reading and writing are buffered by 24 KB, so small reads cost no request each. What was written counts
/// after [`Stream::commit`]; dropping the stream sends nothing that waits in its buffer.
///
/// ```
/// # #[cfg(feature = "loopback")] {
/// use std::io::{Read, Write};
/// use mapi::tags;
/// use mapi_session::{MapiProp, Profile, Session};
///
/// let session = Session::logon(Profile::in_memory("me@example.test")?)?;
/// let message = session.open_default_msg_store()?.inbox()?.create_message()?;
/// let mut stream = message.create_stream(tags::HTML)?;
/// stream.write_all(b"<p>Hello</p>")?;
/// stream.commit()?;
///
/// let mut html = String::new();
/// message.open_stream(tags::HTML)?.read_to_string(&mut html)?;
/// assert_eq!(html, "<p>Hello</p>");
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Stream {
    object: ServerObject,
    /// Read ahead: what lies before the server's position and was not handed out yet.
    ahead: Vec<u8>,
    used: usize,
    /// Written and not sent.
    behind: Vec<u8>,
}

impl Stream {
    pub(crate) fn open(
        owner: &Arc<ServerObject>,
        tag: PropertyTag,
        mode: StreamMode,
    ) -> Result<Self> {
        let request = OpenStreamRequest { tag, mode };
        let (answer, object) = owner.open(RopRequest::OpenStream(request), "the stream")?;
        answer!(Ok::<_, Error>(answer), OpenStream);
        Ok(Stream { object, ahead: Vec::new(), used: 0, behind: Vec::new() })
    }

    /// The size in bytes, what waits to be written included.
    pub fn size(&mut self) -> Result<u64> {
        self.send()?;
        let request = RopRequest::GetStreamSize(Default::default());
        Ok(u64::from(answer!(self.object.call(request), GetStreamSize).size))
    }

    /// Cuts the stream or fills it up with zeros. The position stays.
    pub fn set_size(&mut self, size: u64) -> Result<()> {
        self.send()?;
        self.rewind_ahead()?;
        answer!(
            self.object.call(RopRequest::SetStreamSize(SetStreamSizeRequest { size })),
            SetStreamSize
        );
        Ok(())
    }

    /// Makes what was written the property's value. On a message or an attachment it becomes durable when
    /// that is saved, on a folder now.
    pub fn commit(&mut self) -> Result<()> {
        self.send()?;
        answer!(self.object.call(RopRequest::CommitStream(Default::default())), CommitStream);
        Ok(())
    }

    /// Copies bytes from the position on into another stream of the same store, without a way through
    /// this process ([MS-OXCPRPT] 2.2.20). Both positions move. Returns how many were copied: fewer than
    /// asked for at the end of this stream.
    pub fn copy_to(&mut self, other: &mut Stream, most: u64) -> Result<u64> {
        self.send()?;
        self.rewind_ahead()?;
        other.send()?;
        other.rewind_ahead()?;
        let request = CopyToStreamRequest { byte_count: most };
        let outcome = self.object.call_onto(RopRequest::CopyToStream(request), &other.object);
        Ok(answer!(outcome, CopyToStream).written)
    }

    /// A second stream over the same bytes, with a position of its own that begins where this one's is
    /// ([MS-OXCPRPT] 2.2.27). What one writes, the other reads.
    pub fn try_clone(&mut self) -> Result<Stream> {
        self.send()?;
        self.rewind_ahead()?;
        let (answer, object) =
            self.object.open_beside(RopRequest::CloneStream(Default::default()), "the stream")?;
        answer!(Ok::<_, Error>(answer), CloneStream);
        Ok(Stream { object, ahead: Vec::new(), used: 0, behind: Vec::new() })
    }

    /// Keeps other sessions from a region of the property: from writing into it, and without `readers` from
    /// reading in it ([MS-OXCPRPT] 2.2.24). It ends with [`Stream::unlock_region`], and with the stream.
    ///
    /// # Errors
    ///
    /// [`mapi::ErrorCode::ACCESS_DENIED`] if somebody else holds some of it.
    pub fn lock_region(&mut self, offset: u64, size: u64, readers: bool) -> Result<()> {
        self.send()?;
        let request = RegionRequest { offset, size, flags: readers.into() };
        answer!(self.object.call(RopRequest::LockRegionStream(request)), LockRegionStream);
        Ok(())
    }

    /// Ends what [`Stream::lock_region`] began, with the same arguments ([MS-OXCPRPT] 2.2.25).
    pub fn unlock_region(&mut self, offset: u64, size: u64, readers: bool) -> Result<()> {
        self.send()?;
        let request = RegionRequest { offset, size, flags: readers.into() };
        answer!(self.object.call(RopRequest::UnlockRegionStream(request)), UnlockRegionStream);
        Ok(())
    }

    /// Releases the stream and waits until that has been sent. Nothing is committed.
    pub fn close(self) -> Result<()> {
        self.object.close()
    }

    /// Sends what waits to be written.
    fn send(&mut self) -> Result<()> {
        let mut sent = 0;
        while sent < self.behind.len() {
            let piece = &self.behind[sent..(sent + PIECE).min(self.behind.len())];
            let request = WriteStreamRequest { data: piece.to_vec().into() };
            let written = usize::from(
                answer!(self.object.call(RopRequest::WriteStream(request)), WriteStream).written,
            );
            if written == 0 {
                self.behind.drain(..sent);
                return Err(Error::Protocol("a stream that takes no bytes".into()));
            }
            sent += written;
        }
        self.behind.clear();
        Ok(())
    }

    /// Puts the server's position back to where the reader is.
    fn rewind_ahead(&mut self) -> Result<()> {
        let left = (self.ahead.len() - self.used) as i64;
        self.ahead.clear();
        self.used = 0;
        match left {
            0 => Ok(()),
            left => self.seek_server(StreamOrigin::Current, -left).map(|_| ()),
        }
    }

    fn seek_server(&mut self, origin: StreamOrigin, offset: i64) -> Result<u64> {
        let request = SeekStreamRequest { origin, offset };
        Ok(answer!(self.object.call(RopRequest::SeekStream(request)), SeekStream).position)
    }
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.used == self.ahead.len() {
            self.send()?;
            let request = ReadStreamRequest::Count(PIECE as u16);
            let read = || -> Result<_> {
                Ok(answer!(self.object.call(RopRequest::ReadStream(request)), ReadStream))
            };
            self.ahead = read()?.data.bytes;
            self.used = 0;
        }
        let count = buf.len().min(self.ahead.len() - self.used);
        buf[..count].copy_from_slice(&self.ahead[self.used..self.used + count]);
        self.used += count;
        Ok(count)
    }
}

impl Write for Stream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.rewind_ahead()?;
        let count = buf.len().min(PIECE);
        self.behind.extend_from_slice(&buf[..count]);
        if self.behind.len() >= PIECE {
            self.send()?;
        }
        Ok(count)
    }

    /// Sends what waits; [`Stream::commit`] makes it the property's value.
    fn flush(&mut self) -> io::Result<()> {
        Ok(self.send()?)
    }
}

impl Seek for Stream {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.send()?;
        self.rewind_ahead()?;
        let (origin, offset) = match to {
            SeekFrom::Start(offset) => {
                let offset = i64::try_from(offset)
                    .map_err(|_| Error::InvalidArgument("a position over 2^63"))?;
                (StreamOrigin::Beginning, offset)
            }
            SeekFrom::Current(offset) => (StreamOrigin::Current, offset),
            SeekFrom::End(offset) => (StreamOrigin::End, offset),
        };
        Ok(self.seek_server(origin, offset)?)
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").finish_non_exhaustive()
    }
}
