//! A connection whose bytes are compressed both ways (RFC 4978, RFC 1951).
//!
//! What is read is inflated only as far as the reader has room: a few bytes that stand for many cost no memory.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use miniz_oxide::deflate::core::{CompressorOxide, create_comp_flags_from_zip_params};
use miniz_oxide::deflate::stream::deflate;
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZError, MZFlush, MZStatus};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::line::Stream;

/// Compressed bytes that are held, each way.
const HELD: usize = 8 << 10;
/// The level that costs little (RFC 4978 4 leaves it to the sender).
const LEVEL: i32 = 3;
/// Raw data, without the frame of zlib.
const RAW: i32 = -15;

pub(crate) struct Deflated {
    stream: Stream,
    inflate: Box<InflateState>,
    deflate: Box<CompressorOxide>,
    /// Came, and is not inflated yet from `at` on.
    came: Vec<u8>,
    at: usize,
    /// The other end ended its data.
    ended: bool,
    /// Compressed, and not sent yet.
    going: Vec<u8>,
    /// Something was written since the last flush.
    dirty: bool,
}

/// Compresses a connection from here on. `came` was read from it already, and is compressed.
pub(crate) fn deflated(stream: Stream, came: Vec<u8>) -> Stream {
    let flags = create_comp_flags_from_zip_params(LEVEL, RAW, 0);
    Box::pin(Deflated {
        stream,
        inflate: InflateState::new_boxed(DataFormat::Raw),
        deflate: Box::new(CompressorOxide::new(flags)),
        came,
        at: 0,
        ended: false,
        going: Vec::new(),
        dirty: false,
    })
}

impl AsyncRead for Deflated {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.ended || out.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            let room = out.initialize_unfilled();
            let step = inflate(&mut this.inflate, &this.came[this.at..], room, MZFlush::None);
            this.at += step.bytes_consumed;
            match step.status {
                Ok(MZStatus::StreamEnd) => this.ended = true,
                // Without progress there is nothing to inflate: more has to come.
                Ok(_) | Err(MZError::Buf) => {}
                Err(_) => return Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
            }
            if step.bytes_written > 0 {
                out.advance(step.bytes_written);
                return Poll::Ready(Ok(()));
            }
            if this.ended || this.at < this.came.len() && step.bytes_consumed > 0 {
                continue;
            }
            if this.at < this.came.len() {
                return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
            }
            this.at = 0;
            this.came.resize(HELD, 0);
            let mut raw = ReadBuf::new(&mut this.came);
            let read = this.stream.as_mut().poll_read(context, &mut raw);
            let length = raw.filled().len();
            this.came.truncate(length);
            ready!(read)?;
            if length == 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl Deflated {
    /// Compresses into `going`.
    fn compress(&mut self, mut bytes: &[u8], flush: MZFlush) -> io::Result<()> {
        let mut out = [0; 4_096];
        loop {
            let step = deflate(&mut self.deflate, bytes, &mut out, flush);
            bytes = &bytes[step.bytes_consumed..];
            self.going.extend_from_slice(&out[..step.bytes_written]);
            match step.status {
                Ok(MZStatus::StreamEnd) | Err(MZError::Buf) => return Ok(()),
                // There may be more where the room was filled.
                Ok(_) if bytes.is_empty() && step.bytes_written < out.len() => return Ok(()),
                Ok(_) => {}
                Err(_) => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
    }

    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.going.is_empty() {
            let count = ready!(self.stream.as_mut().poll_write(context, &self.going))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.going.drain(..count);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Deflated {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.going.len() >= HELD {
            ready!(this.poll_send(context))?;
        }
        let bytes = &bytes[..bytes.len().min(HELD)];
        this.compress(bytes, MZFlush::None)?;
        this.dirty = true;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if std::mem::take(&mut this.dirty) {
            this.compress(&[], MZFlush::Sync)?;
        }
        ready!(this.poll_send(context))?;
        this.stream.as_mut().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if std::mem::take(&mut this.dirty) {
            this.compress(&[], MZFlush::Sync)?;
        }
        ready!(this.poll_send(context))?;
        this.stream.as_mut().poll_shutdown(context)
    }
}

/// Inflates what somebody sent, with as much room as a reader gives: for the fuzz target.
#[doc(hidden)]
pub fn inflates(bytes: &[u8]) {
    let mut stream = deflated(Box::pin(tokio::io::empty()), bytes.to_vec());
    let mut context = Context::from_waker(std::task::Waker::noop());
    let mut room = [0; 512];
    // A byte stands for 1,032 at most.
    for _ in 0..=bytes.len() * 3 {
        let mut out = ReadBuf::new(&mut room);
        match stream.as_mut().poll_read(&mut context, &mut out) {
            Poll::Ready(Ok(())) if !out.filled().is_empty() => {}
            _ => return,
        }
    }
    panic!("{} bytes stand for too many", bytes.len());
}

#[cfg(test)]
mod tests {
    use miniz_oxide::deflate::compress_to_vec;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    fn run<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(future)
    }

    #[test]
    fn what_is_sent_arrives_after_each_flush() {
        run(async {
            let (ours, theirs) = duplex(64);
            let mut ours = deflated(Box::pin(ours), Vec::new());
            let mut theirs = deflated(Box::pin(theirs), Vec::new());
            let far = tokio::spawn(async move {
                let mut got = vec![0; 5];
                theirs.read_exact(&mut got).await.expect("five bytes");
                assert_eq!(got, b"hello");
                let mut rest = Vec::new();
                theirs.read_to_end(&mut rest).await.expect("the rest");
                theirs.write_all(b"thanks").await.expect("sent");
                theirs.flush().await.expect("sent");
                rest
            });
            ours.write_all(b"hello").await.expect("sent");
            ours.flush().await.expect("sent");
            let long: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
            ours.write_all(&long).await.expect("sent");
            ours.shutdown().await.expect("sent");
            assert!(far.await.expect("it ends") == long);
            let mut answer = [0; 6];
            ours.read_exact(&mut answer).await.expect("an answer");
            assert_eq!(&answer, b"thanks");
        });
    }

    #[test]
    fn what_is_no_compressed_data_breaks_the_connection() {
        run(async {
            let mut wrong = deflated(Box::pin(tokio::io::empty()), vec![0xff; 20]);
            let error = wrong.read_u8().await.expect_err("no data");
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        });
    }

    #[test]
    fn what_came_before_is_inflated_and_an_end_is_one() {
        run(async {
            let came = compress_to_vec(&[b'x'; 100_000], 6);
            assert!(came.len() < 1_000);
            let mut stream = deflated(Box::pin(tokio::io::empty()), came);
            let mut got = Vec::new();
            stream.read_to_end(&mut got).await.expect("read");
            assert_eq!(got, [b'x'; 100_000]);
        });
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_inflated(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
            inflates(&bytes);
        }
    }
}
