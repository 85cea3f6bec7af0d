//! A small blocking HTTP/1.1 client: one connection, kept alive, one request at a time.
//!
//! INVARIANT: whatever a peer sends, memory stays within [`Limits`], and every wait ends.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use super::fuse::Fuse;
use super::url::Endpoint;
use crate::{Error, Result};

/// Bounds of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long a connection may take to come up.
    pub connect: Duration,
    /// How long the server may say nothing while it works. It says PENDING every 15 to 30 seconds
    /// ([MS-OXCMAPIHTTP] 2.2.3.3.5), so this stands well above.
    pub silence: Duration,
    /// How long a request may take in all.
    pub total: Duration,
    /// Bytes of the status line and all headers.
    pub head_bytes: usize,
    /// Bytes of a response's body.
    pub body_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connect: Duration::from_secs(10),
            silence: Duration::from_secs(75),
            total: Duration::from_secs(600),
            head_bytes: 64 << 10,
            body_bytes: 16 << 20,
        }
    }
}

#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: Headers,
    pub(super) body: Vec<u8>,
}

#[derive(Debug, Default)]
pub(super) struct Headers(Vec<(String, String)>);

impl Headers {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
    }

    /// Takes in one line of a head.
    pub(super) fn push_line(&mut self, line: &str) -> Result<()> {
        let Some((name, value)) = line.split_once(':') else {
            return Err(Error::Protocol(format!("a header without a colon: {line:?}")));
        };
        self.0.push((name.trim().to_owned(), value.trim().to_owned()));
        Ok(())
    }
}

pub(super) struct Client {
    endpoint: Endpoint,
    limits: Limits,
    fuse: Option<Fuse>,
    connection: Option<BufReader<TcpStream>>,
    /// The head and body of a request, kept to be used again.
    scratch: Vec<u8>,
}

impl Client {
    pub(super) fn new(endpoint: Endpoint, limits: Limits, fuse: Option<Fuse>) -> Self {
        Client { endpoint, limits, fuse, connection: None, scratch: Vec::new() }
    }

    /// How long the next requests may take in all.
    pub(super) fn set_total(&mut self, total: Duration) {
        self.limits.total = total;
    }

    /// Sends a POST and reads its answer. `headers` are whole lines without their ends.
    ///
    /// A request goes out at most once: a connection that the server has closed while idle is noticed
    /// before anything is sent, and what breaks later is reported, because a ROP must not be carried out
    /// twice.
    pub(super) fn post(&mut self, headers: &[(&str, &str)], body: &[u8]) -> Result<Response> {
        let idle = self.connection.take().filter(is_idle);
        step(&self.fuse)?;
        let mut connection = match idle {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let head = &mut self.scratch;
        head.clear();
        let (target, host) = (&self.endpoint.target, self.endpoint.authority());
        write!(
            head,
            "POST {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {}\r\n",
            body.len()
        )
        .and_then(|()| {
            headers.iter().try_for_each(|(name, value)| write!(head, "{name}: {value}\r\n"))
        })
        .map_err(|cause| Error::ConnectionLost { cause })?;
        head.extend_from_slice(b"\r\n");
        head.extend_from_slice(body);
        let mut reading = Reading {
            limits: self.limits,
            deadline: Instant::now() + self.limits.total,
            head_left: self.limits.head_bytes,
            fuse: &self.fuse,
        };
        let rest = match &self.fuse {
            None => head.as_slice(),
            Some(_) => {
                let (first, rest) = head.split_at(head.len() / 2);
                connection.get_mut().write_all(first).map_err(|e| reading.failed(e))?;
                step(&self.fuse)?;
                rest
            }
        };
        connection.get_mut().write_all(rest).map_err(|e| reading.failed(e))?;
        step(&self.fuse)?;
        // What a large message left behind is not kept for the life of the session.
        head.shrink_to(64 << 10);
        let (response, keep) = reading.response(&mut connection)?;
        if keep {
            self.connection = Some(connection);
        }
        Ok(response)
    }

    fn connect(&self) -> Result<BufReader<TcpStream>> {
        let address = self.endpoint.authority();
        let unreachable = |cause| Error::Unreachable { address: address.clone(), cause };
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for candidate in (self.endpoint.host.as_str(), self.endpoint.port)
            .to_socket_addrs()
            .map_err(unreachable)?
        {
            match TcpStream::connect_timeout(&candidate, self.limits.connect) {
                Ok(stream) => {
                    stream.set_nodelay(true).map_err(unreachable)?;
                    stream.set_write_timeout(Some(self.limits.silence)).map_err(unreachable)?;
                    return Ok(BufReader::new(stream));
                }
                Err(error) => last = error,
            }
        }
        Err(unreachable(last))
    }
}

/// Takes a step of the fuse, if there is one.
fn step(fuse: &Option<Fuse>) -> Result<()> {
    fuse.iter().try_for_each(Fuse::step).map_err(|cause| Error::ConnectionLost { cause })
}

/// Whether the peer has neither closed an idle connection nor sent what nobody asked for.
fn is_idle(connection: &BufReader<TcpStream>) -> bool {
    let stream = connection.get_ref();
    if !connection.buffer().is_empty() || stream.set_nonblocking(true).is_err() {
        return false;
    }
    let quiet =
        matches!(stream.peek(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock);
    quiet && stream.set_nonblocking(false).is_ok()
}

/// The reading of one response within its bounds.
struct Reading<'a> {
    limits: Limits,
    deadline: Instant,
    head_left: usize,
    fuse: &'a Option<Fuse>,
}

impl Reading<'_> {
    /// The response, and whether the connection can be used again.
    fn response(&mut self, connection: &mut BufReader<TcpStream>) -> Result<(Response, bool)> {
        loop {
            let (version, status) = status_line(&self.line(connection)?)?;
            let mut headers = Headers::default();
            loop {
                let line = self.line(connection)?;
                if line.is_empty() {
                    break;
                }
                headers.push_line(&line)?;
            }
            // 1xx is a word before the answer, not the answer.
            if (100..200).contains(&status) {
                continue;
            }
            step(self.fuse)?;
            let (body, ended) = self.body(connection, status, &headers)?;
            let close = headers
                .all("Connection")
                .any(|value| value.split(',').any(|v| v.trim().eq_ignore_ascii_case("close")));
            let keep = ended && !close && version == 1;
            return Ok((Response { status, headers, body }, keep));
        }
    }

    /// The body, and whether its end was marked.
    fn body(
        &mut self,
        connection: &mut BufReader<TcpStream>,
        status: u16,
        headers: &Headers,
    ) -> Result<(Vec<u8>, bool)> {
        if status == 204 || status == 304 {
            return Ok((Vec::new(), true));
        }
        let mut body = Vec::new();
        if let Some(coding) = headers.get("Transfer-Encoding") {
            if !coding.eq_ignore_ascii_case("chunked") {
                return Err(Error::Protocol(format!("the transfer coding {coding:?}")));
            }
            self.chunks(connection, &mut body)?;
            return Ok((body, true));
        }
        match headers.get("Content-Length") {
            Some(length) => {
                // One agreed length, or the ends of requests could be confused.
                if headers.all("Content-Length").any(|other| other != length) {
                    return Err(Error::Protocol("two lengths of one body".into()));
                }
                let length = length
                    .parse()
                    .map_err(|_| Error::Protocol(format!("the length {length:?} of a body")))?;
                self.bytes(connection, length, &mut body)?;
                Ok((body, true))
            }
            None => {
                while self.fill(connection)? {
                    let take = connection.buffer().len();
                    self.room(&body, take)?;
                    body.extend_from_slice(connection.buffer());
                    connection.consume(take);
                }
                Ok((body, false))
            }
        }
    }

    fn chunks(&mut self, connection: &mut BufReader<TcpStream>, body: &mut Vec<u8>) -> Result<()> {
        loop {
            // Chunk heads do not count as a head: a long poll may send thousands of PENDING chunks.
            self.head_left = self.limits.head_bytes;
            let line = self.line(connection)?;
            let digits = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(digits, 16)
                .map_err(|_| Error::Protocol(format!("the size {digits:?} of a chunk")))?;
            if size == 0 {
                // Trailers, up to the empty line.
                while !self.line(connection)?.is_empty() {}
                return Ok(());
            }
            self.bytes(connection, size, body)?;
            if !self.line(connection)?.is_empty() {
                return Err(Error::Protocol("a chunk that is longer than it says".into()));
            }
        }
    }

    fn bytes(
        &mut self,
        connection: &mut BufReader<TcpStream>,
        mut count: usize,
        body: &mut Vec<u8>,
    ) -> Result<()> {
        self.room(body, count)?;
        while count > 0 {
            self.must_fill(connection)?;
            let take = connection.buffer().len().min(count);
            body.extend_from_slice(&connection.buffer()[..take]);
            connection.consume(take);
            count -= take;
        }
        Ok(())
    }

    fn room(&self, body: &[u8], more: usize) -> Result<()> {
        match more <= self.limits.body_bytes.saturating_sub(body.len()) {
            true => Ok(()),
            false => Err(Error::Protocol(format!("a body over {} bytes", self.limits.body_bytes))),
        }
    }

    /// A line without its end.
    fn line(&mut self, connection: &mut BufReader<TcpStream>) -> Result<String> {
        let mut line = Vec::new();
        loop {
            self.must_fill(connection)?;
            let buffer = connection.buffer();
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let take = end.map_or(buffer.len(), |at| at + 1);
            if take > self.head_left {
                return Err(Error::Protocol(format!(
                    "a head over {} bytes",
                    self.limits.head_bytes
                )));
            }
            self.head_left -= take;
            line.extend_from_slice(&buffer[..take]);
            connection.consume(take);
            if end.is_some() {
                line.pop();
                line.pop_if(|byte| *byte == b'\r');
                return String::from_utf8(line)
                    .map_err(|_| Error::Protocol("a head that is not text".into()));
            }
        }
    }

    fn must_fill(&self, connection: &mut BufReader<TcpStream>) -> Result<()> {
        match self.fill(connection)? {
            true => Ok(()),
            false => Err(self.failed(io::ErrorKind::UnexpectedEof.into())),
        }
    }

    /// Makes sure that the buffer holds something; false at the end of the stream.
    fn fill(&self, connection: &mut BufReader<TcpStream>) -> Result<bool> {
        if !connection.buffer().is_empty() {
            return Ok(true);
        }
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::TimedOut(self.limits.total));
            }
            let wait = left.min(self.limits.silence);
            connection.get_ref().set_read_timeout(Some(wait)).map_err(|e| self.failed(e))?;
            match connection.fill_buf() {
                Ok(buffer) => return Ok(!buffer.is_empty()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
    }

    fn failed(&self, cause: io::Error) -> Error {
        match cause.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                Error::TimedOut(match Instant::now() >= self.deadline {
                    true => self.limits.total,
                    false => self.limits.silence,
                })
            }
            _ => Error::ConnectionLost { cause },
        }
    }
}

/// The minor version of HTTP/1 and the status.
fn status_line(line: &str) -> Result<(u8, u16)> {
    let bad = || Error::Protocol(format!("it does not speak HTTP/1.1, but says {line:?}"));
    let (version, rest) = line.split_once(' ').ok_or_else(bad)?;
    let minor = match version {
        "HTTP/1.1" => 1,
        "HTTP/1.0" => 0,
        _ => return Err(bad()),
    };
    let status = rest.split(' ').next().and_then(|s| s.parse().ok()).ok_or_else(bad)?;
    Ok((minor, status))
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;

    use super::*;

    /// A server that gives one canned answer a connection, and says how many requests it saw.
    fn canned(answers: Vec<Vec<u8>>) -> (Client, std::thread::JoinHandle<usize>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let mut seen = 0;
            for answer in answers {
                let (stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut line = String::new();
                let mut length = 0;
                while reader.read_line(&mut line).unwrap() > 2 {
                    if let Some(value) = line.strip_prefix("Content-Length: ") {
                        length = value.trim().parse().unwrap();
                    }
                    line.clear();
                }
                reader.read_exact(&mut vec![0; length]).unwrap();
                seen += 1;
                (&stream).write_all(&answer).unwrap();
            }
            seen
        });
        let limits = Limits {
            silence: Duration::from_secs(5),
            head_bytes: 1000,
            body_bytes: 1000,
            ..Limits::default()
        };
        (Client::new(Endpoint::parse(&url).unwrap(), limits, None), server)
    }

    #[test]
    fn chunks_come_together_and_a_closed_connection_is_replaced() {
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
            3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: t\r\n\r\n";
        let plain = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: 1\r\n\r\nok";
        let (mut client, server) = canned(vec![chunked.to_vec(), plain.to_vec()]);
        assert_eq!(client.post(&[], b"1").unwrap().body, b"abcde");
        // The server has closed the first connection by the time it takes the second.
        std::thread::sleep(Duration::from_millis(50));
        let response = client.post(&[("A", "b")], b"22").unwrap();
        assert_eq!((response.status, response.body.as_slice()), (200, b"ok".as_slice()));
        assert_eq!(response.headers.get("x"), Some("1"));
        assert_eq!(server.join().unwrap(), 2);
    }

    #[test]
    fn what_is_cut_short_or_too_large_is_an_error() {
        let broken: [&[u8]; 9] = [
            b"",
            b"220 mail.test ESMTP\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nabc",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        ];
        for answer in broken {
            let (mut client, server) = canned(vec![answer.to_vec()]);
            assert!(client.post(&[], b"").is_err(), "{:?}", String::from_utf8_lossy(answer));
            assert_eq!(server.join().unwrap(), 1);
        }
        let long = [b"HTTP/1.1 200 OK\r\nX: ".as_slice(), &[b'x'; 2000]].concat();
        let (mut client, server) = canned(vec![long]);
        assert!(client.post(&[], b"").is_err());
        server.join().unwrap();
    }
}
