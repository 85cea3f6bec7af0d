//! A client of the internet's mail protocols on a plain socket, which goes away at a step if it is told to.
//!
//! What it sends has the steps of a MAPI request: before it is sent, when half of it is sent, when all of it is sent,
//! and when the answer begins to come.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use mail_server::Address;
use mapi_session::Fuse;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// An answer longer than this is none.
const MOST_BYTES: usize = 16 << 20;

trait Socket: Read + Write + Send {}
impl<T: Read + Write + Send> Socket for T {}

/// A connection.
pub struct Talk {
    socket: Box<dyn Socket>,
    fuse: Option<Fuse>,
    /// What came and was not read yet.
    input: Vec<u8>,
    /// Something was sent that is not answered yet.
    asked: bool,
    tags: u32,
}

impl Talk {
    /// Connects. Nothing is read yet: the server speaks first.
    pub fn connect(address: &Address, fuse: Option<&Fuse>) -> Result<Talk> {
        let fuse = fuse.cloned();
        fuse.iter().try_for_each(Fuse::step)?;
        let socket: Box<dyn Socket> = match address {
            Address::Tcp(address) => {
                let stream = TcpStream::connect_timeout(address, PATIENCE)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Box::new(stream)
            }
            Address::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Box::new(stream)
            }
        };
        Ok(Talk { socket, fuse, input: Vec::new(), asked: true, tags: 0 })
    }

    /// Sends something that is answered.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.step()?;
        match self.fuse {
            None => self.socket.write_all(bytes)?,
            Some(_) => {
                let (first, rest) = bytes.split_at(bytes.len() / 2);
                self.socket.write_all(first)?;
                self.step()?;
                self.socket.write_all(rest)?;
            }
        }
        self.asked = true;
        self.step()
    }

    /// The reply of SMTP or LMTP (RFC 5321 4.2): its code has to be this one.
    pub fn expect(&mut self, code: &str) -> Result<()> {
        loop {
            let line = self.line()?;
            let text = String::from_utf8_lossy(&line);
            ensure!(text.starts_with(code), "{text:?} came, and not {code}");
            if text.as_bytes().get(code.len()) != Some(&b'-') {
                return Ok(());
            }
        }
    }

    /// A command of SMTP or LMTP with its reply.
    pub fn say(&mut self, command: &str, code: &str) -> Result<()> {
        self.send(format!("{command}\r\n").as_bytes())?;
        self.expect(code).with_context(|| format!("after {command}"))
    }

    /// A command of IMAP that has to succeed; what came before its tagged answer, and that.
    pub fn ask(&mut self, command: &str) -> Result<Answer> {
        let answer = self.ask_for(command)?;
        ensure!(answer.is_ok(), "{command} was answered by {:?}", answer.tagged);
        Ok(answer)
    }

    /// A command of IMAP, whatever it is answered by.
    pub fn ask_for(&mut self, command: &str) -> Result<Answer> {
        let tag = self.tag();
        self.send(format!("{tag} {command}\r\n").as_bytes())?;
        self.answer(&tag)
    }

    /// A command of IMAP whose last argument is a literal, which waits for the server's leave (RFC 9051 4.3).
    pub fn ask_with(&mut self, command: &str, literal: &[u8]) -> Result<Answer> {
        let tag = self.tag();
        self.send(format!("{tag} {command} {{{}}}\r\n", literal.len()).as_bytes())?;
        self.go_on()?;
        self.send(&[literal, b"\r\n"].concat())?;
        let answer = self.answer(&tag)?;
        ensure!(answer.is_ok(), "{command} was answered by {:?}", answer.tagged);
        Ok(answer)
    }

    /// Begins a command of IMAP that the server goes along with until it hears more; its tag.
    pub fn begin(&mut self, command: &str) -> Result<String> {
        let tag = self.tag();
        self.send(format!("{tag} {command}\r\n").as_bytes())?;
        self.go_on()?;
        Ok(tag)
    }

    /// Ends it.
    pub fn end(&mut self, tag: &str, how: &str) -> Result<Answer> {
        self.send(format!("{how}\r\n").as_bytes())?;
        let answer = self.answer(tag)?;
        ensure!(answer.is_ok(), "{how} was answered by {:?}", answer.tagged);
        Ok(answer)
    }

    /// The next line of IMAP that is told without having been asked for.
    pub fn told(&mut self) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.line()?).into_owned())
    }

    /// Reads until the server has closed the connection, which is after it has counted it out or about to.
    pub fn closed(mut self) -> Result<()> {
        let mut piece = [0; 512];
        let mut read = 0;
        loop {
            match self.socket.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(count) => read += count,
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(()),
                Err(error) => return Err(error.into()),
            }
            ensure!(read < MOST_BYTES, "the server does not end");
        }
    }

    fn go_on(&mut self) -> Result<()> {
        let line = self.line()?;
        ensure!(line.starts_with(b"+"), "{:?} came, and no leave", String::from_utf8_lossy(&line));
        Ok(())
    }

    fn answer(&mut self, tag: &str) -> Result<Answer> {
        let mut untagged = Vec::new();
        loop {
            let line = self.line()?;
            let rest = line.strip_prefix(tag.as_bytes()).and_then(|rest| rest.strip_prefix(b" "));
            if let Some(rest) = rest {
                let tagged = String::from_utf8_lossy(rest).into_owned();
                return Ok(Answer { untagged, tagged });
            }
            let literal = literal_of(&line);
            untagged.extend_from_slice(&line);
            untagged.extend_from_slice(b"\r\n");
            if let Some(length) = literal {
                ensure!(length < MOST_BYTES, "a literal of {length} bytes");
                while self.input.len() < length {
                    self.more()?;
                }
                untagged.extend(self.input.drain(..length));
            }
            ensure!(untagged.len() < MOST_BYTES, "an answer without an end");
        }
    }

    /// A line without its end.
    fn line(&mut self) -> Result<Vec<u8>> {
        let mut looked = 0;
        loop {
            if let Some(at) = self.input[looked..].iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.input.drain(..=looked + at).collect();
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(line);
            }
            looked = self.input.len();
            ensure!(looked < MOST_BYTES, "a line without an end");
            self.more()?;
        }
    }

    fn more(&mut self) -> Result<()> {
        let mut piece = [0; 4096];
        let count = self.socket.read(&mut piece)?;
        if count == 0 {
            bail!("the server closed the connection");
        }
        self.input.extend_from_slice(&piece[..count]);
        if std::mem::take(&mut self.asked) {
            self.step()?;
        }
        Ok(())
    }

    fn tag(&mut self) -> String {
        self.tags += 1;
        format!("s{}", self.tags)
    }

    fn step(&self) -> Result<()> {
        Ok(self.fuse.iter().try_for_each(Fuse::step)?)
    }
}

/// What a command of IMAP was answered by.
#[derive(Debug)]
pub struct Answer {
    /// Lines and literals as they came.
    pub untagged: Vec<u8>,
    /// The last line, without its tag.
    pub tagged: String,
}

impl Answer {
    pub fn is_ok(&self) -> bool {
        self.tagged.starts_with("OK")
    }

    pub fn has(&self, what: &[u8]) -> bool {
        self.untagged.windows(what.len()).any(|window| window == what)
    }

    /// The number before a word: of messages, `* 3 EXISTS`.
    pub fn count(&self, word: &str) -> Option<u32> {
        let text = String::from_utf8_lossy(&self.untagged);
        let of = |line: &str| {
            let (number, rest) = line.strip_prefix("* ")?.split_once(' ')?;
            (rest == word).then(|| number.parse().ok())?
        };
        text.lines().rev().find_map(of)
    }

    /// The UID of what was appended: `[APPENDUID 38505 3955]` (RFC 4315 3).
    pub fn appended(&self) -> Option<u32> {
        let (_, code) = self.tagged.split_once("[APPENDUID ")?;
        code.split_once(']')?.0.split(' ').nth(1)?.parse().ok()
    }
}

/// How long the literal is that a line announces at its end.
fn literal_of(line: &[u8]) -> Option<usize> {
    let inside = line.strip_suffix(b"}")?;
    let begin = inside.iter().rposition(|byte| *byte == b'{')?;
    std::str::from_utf8(&inside[begin + 1..]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// Serves one connection by a script: what is awaited, and what is answered then.
    fn scripted(script: &'static [(&'static str, &'static str)]) -> Address {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = Address::Tcp(listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            for (awaited, answer) in script {
                let mut got = vec![0; awaited.len()];
                // The client may be gone.
                if stream.read_exact(&mut got).is_err() {
                    return;
                }
                assert_eq!(String::from_utf8_lossy(&got), *awaited);
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        address
    }

    #[test]
    fn replies_of_several_lines_and_answers_with_literals_are_read_whole() {
        let address = scripted(&[
            ("", "220 here\r\n"),
            ("LHLO me\r\n", "250-here\r\n250-SIZE 5\r\n250 CHUNKING\r\n"),
            (
                "s1 FETCH 1 BODY[]\r\n",
                "* 1 FETCH (BODY[] {6}\r\ns1 OK!)\r\n* 7 EXISTS\r\ns1 OK x\r\n",
            ),
            ("s2 APPEND a {2}\r\n", "+ go\r\n"),
            ("hi\r\n", "s2 OK [APPENDUID 1 9] done\r\n"),
            ("s3 X\r\n", "s3 NO no\r\n"),
        ]);
        let mut talk = Talk::connect(&address, None).unwrap();
        talk.expect("220").unwrap();
        talk.say("LHLO me", "250").unwrap();
        let answer = talk.ask("FETCH 1 BODY[]").unwrap();
        assert!(answer.has(b"s1 OK!") && answer.count("EXISTS") == Some(7));
        assert_eq!(talk.ask_with("APPEND a", b"hi").unwrap().appended(), Some(9));
        assert!(talk.ask("X").unwrap_err().to_string().contains("NO no"));
        talk.closed().unwrap();
    }

    #[test]
    fn it_goes_away_at_its_step() {
        // Connecting, the greeting, and four steps of the command.
        for steps in 0..6 {
            let address = scripted(&[("", "220 here\r\n"), ("NOOP\r\n", "250 OK\r\n")]);
            let fuse = Fuse::after(steps);
            let talked = Talk::connect(&address, Some(&fuse)).and_then(|mut talk| {
                talk.expect("220")?;
                talk.say("NOOP", "250")
            });
            assert!(talked.is_err() && fuse.is_cut(), "{steps}");
        }
        let address = scripted(&[("", "220 here\r\n"), ("NOOP\r\n", "250 OK\r\n")]);
        let fuse = Fuse::after(6);
        let mut talk = Talk::connect(&address, Some(&fuse)).unwrap();
        talk.expect("220").unwrap();
        talk.say("NOOP", "250").unwrap();
        assert!(!fuse.is_cut());
    }
}
