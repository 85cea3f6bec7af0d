//! Reading and writing a connection: lines, counted octets, and answers that wait for each other.
//!
//! Everything that is read has a bound and a time. What was written leaves when it grows large, or when there is
//! nothing more to read: so pipelined commands are answered together (RFC 2920 3.2).

use std::io;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use crate::tls::Tls;

/// Whatever carries a connection.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

pub type Stream = Pin<Box<dyn Duplex>>;

/// Becomes true when the server ends.
pub type Ending = watch::Receiver<bool>;

/// Bytes that are read at a time: at first, and while the other end sends as much as that.
const SIP: usize = 512;
const GULP: usize = 64 * 1024;
/// Answers that wait are sent when there are more bytes of them.
const MOST_WAITING: usize = 32 * 1024;

/// Why nothing more is read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The other end closed the connection, or it broke.
    #[error("the connection ended")]
    Closed,
    /// Nothing came in time.
    #[error("nothing came in time")]
    TimedOut,
    /// The server ends.
    #[error("the server ends")]
    Ending,
    /// The line is longer than it may be. It was read to its end and is gone.
    #[error("the line is too long")]
    TooLong,
}

/// What a line ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    CrLf,
    /// A line feed alone; each protocol says what that means.
    Lf,
}

/// A line without its end. Everything else is as it came, NUL too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub text: Vec<u8>,
    pub end: End,
}

/// One end of a connection.
pub struct Lines {
    stream: Stream,
    input: Vec<u8>,
    /// What of `input` is read already.
    start: usize,
    /// Bytes that the next reading asks for.
    appetite: usize,
    output: Vec<u8>,
    ending: Ending,
    write_within: Duration,
}

impl Lines {
    /// `write_within` is how long the other end may take to accept some bytes.
    pub fn new(stream: Stream, ending: Ending, write_within: Duration) -> Lines {
        let (input, output) = (Vec::new(), Vec::new());
        Lines { stream, input, start: 0, appetite: SIP, output, ending, write_within }
    }

    /// Reads a line of at most `limit` bytes without its end; the whole line has to be there within `within`.
    ///
    /// # Errors
    /// [`ReadError`]. After [`ReadError::TooLong`] the next line may be read; after the others nothing.
    pub async fn line(&mut self, limit: usize, within: Duration) -> Result<Line, ReadError> {
        let deadline = Instant::now() + within;
        let mut looked = 0;
        let mut skipping = false;
        loop {
            let unread = &self.input[self.start..];
            if let Some(at) = unread[looked..].iter().position(|byte| *byte == b'\n') {
                let whole = &unread[..looked + at];
                let (text, end) = match whole.strip_suffix(b"\r") {
                    Some(text) => (text, End::CrLf),
                    None => (whole, End::Lf),
                };
                let fits = !skipping && text.len() <= limit;
                let line = fits.then(|| Line { text: text.to_vec(), end });
                self.consume(looked + at + 1);
                return line.ok_or(ReadError::TooLong);
            }
            looked = unread.len();
            // One more, for the CR.
            if looked > limit + 1 {
                skipping = true;
                self.consume(looked);
                looked = 0;
            }
            self.fill_until(deadline).await?;
        }
    }

    /// What was read and not consumed.
    pub fn buffered(&self) -> &[u8] {
        &self.input[self.start..]
    }

    /// Takes `count` bytes off what is buffered.
    pub fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.input.len());
        if self.start == self.input.len() {
            self.input.clear();
            self.start = 0;
        }
    }

    /// Reads at least one byte more into the buffer, after what waits to be sent is sent.
    ///
    /// # Errors
    /// [`ReadError`], never [`ReadError::TooLong`].
    pub async fn fill(&mut self, within: Duration) -> Result<(), ReadError> {
        self.fill_until(Instant::now() + within).await
    }

    /// Reads exactly `count` bytes; the caller bounds them. Each piece has to come within `within`.
    ///
    /// # Errors
    /// [`ReadError`], never [`ReadError::TooLong`].
    pub async fn octets(&mut self, count: usize, within: Duration) -> Result<Vec<u8>, ReadError> {
        let mut octets = Vec::new();
        self.octets_into(&mut octets, count, within).await?;
        Ok(octets)
    }

    /// The same behind what is there already.
    ///
    /// # Errors
    /// As [`Lines::octets`].
    pub async fn octets_into(
        &mut self,
        octets: &mut Vec<u8>,
        count: usize,
        within: Duration,
    ) -> Result<(), ReadError> {
        // Not reserved: `count` is what somebody says, the bytes are what he sends.
        let end = octets.len() + count;
        while octets.len() < end {
            if self.buffered().is_empty() {
                self.fill(within).await?;
            }
            let piece = self.buffered().len().min(end - octets.len());
            octets.extend_from_slice(&self.buffered()[..piece]);
            self.consume(piece);
        }
        Ok(())
    }

    async fn fill_until(&mut self, deadline: Instant) -> Result<(), ReadError> {
        self.flush().await.map_err(|_| ReadError::Closed)?;
        if self.start > 0 {
            self.input.drain(..self.start);
            self.start = 0;
        }
        // Thousands of connections are idle, and keep little.
        if self.input.is_empty() && self.appetite == SIP && self.input.capacity() > 2 * SIP {
            self.input = Vec::new();
        }
        let Lines { stream, input, ending, appetite, .. } = self;
        input.reserve(*appetite);
        let read = stream.read_buf(input);
        let outcome = tokio::select! {
            // A server that ends takes what is there already.
            biased;
            outcome = timeout_at(deadline, read) => outcome,
            () = ended(ending) => return Err(ReadError::Ending),
        };
        match outcome {
            Ok(Ok(count @ 1..)) => {
                *appetite = match count >= *appetite {
                    true => (*appetite * 2).min(GULP),
                    false => SIP.max(*appetite / 2),
                };
                Ok(())
            }
            Ok(_) => Err(ReadError::Closed),
            Err(_) => Err(ReadError::TimedOut),
        }
    }

    /// Writes; it leaves with the next flush, or when the next reading has to wait.
    ///
    /// # Errors
    /// The connection broke, or the other end takes nothing.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() > MOST_WAITING {
            self.flush().await?;
            return self.send(bytes).await;
        }
        self.output.extend_from_slice(bytes);
        match self.output.len() > MOST_WAITING {
            true => self.flush().await,
            false => Ok(()),
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut sent = 0;
        while sent < bytes.len() {
            let write = self.stream.write(&bytes[sent..]);
            match timeout(self.write_within, write).await {
                Ok(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => sent += count?,
                Err(_) => return Err(io::ErrorKind::TimedOut.into()),
            }
        }
        let flush = timeout(self.write_within, self.stream.flush()).await;
        flush.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    /// Sends everything that was written.
    ///
    /// # Errors
    /// As [`Lines::write`].
    pub async fn flush(&mut self) -> io::Result<()> {
        if self.output.is_empty() {
            return Ok(());
        }
        let output = std::mem::take(&mut self.output);
        self.send(&output).await
    }

    /// Says the last words that anybody in between can read, and makes a handshake. What came behind the command that
    /// asked for it is dropped unread: it may be of somebody in between, and would count as the client's (RFC 3207 6,
    /// RFC 2595 2.2, CVE-2011-0411). What comes later is taken for a part of the handshake.
    ///
    /// INVARIANT: nothing is read between the dropping and the handshake.
    ///
    /// # Errors
    /// Those of [`Tls::accept`], and of writing. The connection is of no more use then.
    pub async fn start_tls(&mut self, tls: &Tls, last_words: &[u8]) -> io::Result<()> {
        self.write(last_words).await?;
        self.flush().await?;
        if self.discard_input() {
            tracing::info!(
                "what came in plain text behind the command that asks for TLS was dropped"
            );
        }
        let plain = std::mem::replace(&mut self.stream, Box::pin(tokio::io::empty()));
        self.stream = tls.accept(plain, &mut self.ending).await?;
        Ok(())
    }

    /// Drops what was sent before its time. Returns whether there was any.
    pub fn discard_input(&mut self) -> bool {
        let any = !self.buffered().is_empty();
        self.consume(usize::MAX - self.start);
        any
    }

    /// Gives the connection to somebody who wraps it in something, and takes it back: for compression. What is
    /// buffered stays.
    ///
    /// # Errors
    /// Those of `wrap`; the connection is gone then.
    pub async fn wrap<F>(self, wrap: impl FnOnce(Stream) -> F) -> io::Result<Lines>
    where
        F: Future<Output = io::Result<Stream>>,
    {
        let Lines { stream, input, start, appetite, output, ending, write_within } = self;
        let stream = wrap(stream).await?;
        Ok(Lines { stream, input, start, appetite, output, ending, write_within })
    }

    /// As [`wrap`](Self::wrap), where nothing is awaited: `compress` gets the connection, and what was read of it and
    /// not consumed. What waits to be sent is sent first.
    ///
    /// # Errors
    /// As [`Lines::write`].
    pub(crate) async fn compress(
        &mut self,
        compress: impl FnOnce(Stream, Vec<u8>) -> Stream,
    ) -> io::Result<()> {
        self.flush().await?;
        let came = self.buffered().to_vec();
        self.consume(came.len());
        let stream = std::mem::replace(&mut self.stream, Box::pin(tokio::io::empty()));
        self.stream = compress(stream, came);
        Ok(())
    }

    /// Sends what waits and closes the sending side.
    pub async fn close(mut self) {
        if self.flush().await.is_ok() {
            let _ = timeout(self.write_within, self.stream.shutdown()).await;
        }
    }
}

/// Waits until the server ends.
pub async fn ended(ending: &mut Ending) {
    // An error means that nobody can say so any more, which is the same.
    let _ = ending.wait_for(|end| *end).await;
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    const SOON: Duration = Duration::from_secs(60);

    fn run<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(future)
    }

    fn pair() -> (Lines, tokio::io::DuplexStream, watch::Sender<bool>) {
        let (ours, theirs) = duplex(1 << 20);
        let (end, ending) = watch::channel(false);
        (Lines::new(Box::pin(ours), ending, SOON), theirs, end)
    }

    #[test]
    fn lines_come_as_they_were_sent() {
        run(async {
            let (mut lines, mut peer, _end) = pair();
            peer.write_all(b"one\r\ntwo\nth\0r\ree\r\nrest").await.expect("room");
            let mut got = Vec::new();
            for _ in 0..3 {
                got.push(lines.line(10, SOON).await.expect("a line"));
            }
            let line = |text: &[u8], end| Line { text: text.to_vec(), end };
            assert_eq!(
                got,
                [line(b"one", End::CrLf), line(b"two", End::Lf), line(b"th\0r\ree", End::CrLf)]
            );
            assert_eq!(lines.octets(2, SOON).await.expect("octets"), b"re");
            drop(peer);
            assert!(matches!(lines.line(10, SOON).await, Err(ReadError::Closed)));
        });
    }

    #[test]
    fn what_is_too_long_is_skipped_and_not_kept() {
        run(async {
            let (mut lines, mut peer, _end) = pair();
            let long = vec![b'x'; 300_000];
            peer.write_all(&long).await.expect("room");
            peer.write_all(b"\r\n12345\r\n123456\r\nok\r\n").await.expect("room");
            assert!(matches!(lines.line(5, SOON).await, Err(ReadError::TooLong)));
            assert!(lines.input.capacity() <= 4 * GULP);
            assert_eq!(lines.line(5, SOON).await.expect("fits").text, b"12345");
            assert!(matches!(lines.line(5, SOON).await, Err(ReadError::TooLong)));
            assert_eq!(lines.line(5, SOON).await.expect("fits").text, b"ok");
        });
    }

    #[test]
    fn answers_wait_for_each_other_and_input_is_discarded() {
        run(async {
            let (mut lines, mut peer, _end) = pair();
            peer.write_all(b"a\r\nb\r\nc").await.expect("room");
            lines.line(5, SOON).await.expect("a line");
            lines.write(b"1").await.expect("kept");
            lines.line(5, SOON).await.expect("a line");
            lines.write(b"2").await.expect("kept");
            assert_eq!(lines.output, b"12");
            assert!(lines.discard_input());
            assert!(!lines.discard_input());
            drop(lines.fill(Duration::ZERO).await);
            let mut got = [0; 2];
            peer.read_exact(&mut got).await.expect("sent");
            assert_eq!(&got, b"12");
        });
    }

    #[test]
    fn time_and_the_servers_end_are_told_apart() {
        run(async {
            let (mut lines, _peer, end) = pair();
            let soon = Duration::from_millis(1);
            assert!(matches!(lines.line(5, soon).await, Err(ReadError::TimedOut)));
            end.send(true).expect("somebody listens");
            assert!(matches!(lines.line(5, SOON).await, Err(ReadError::Ending)));
        });
    }
}
