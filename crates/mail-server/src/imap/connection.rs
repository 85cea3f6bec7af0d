//! One connection: commands come in, pieces of answers go out, and everything that asks the store runs on the work
//! pool.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::command;
use super::session::{Next, Options, Session};
use crate::Host;
use crate::auth::{Exchange, MAX_LINE, Mechanism, Refused};
use crate::census::Counted;
use crate::deflate::deflated;
use crate::letters::Room;
use crate::line::{Lines, ReadError};
use crate::listener::{Connection, Peer, Protocol, Security, Service, Serving};
use crate::spool::{Letter, SpoolError};

/// Before anybody logged in, a command has to come within this time; RFC 9051 5.4 asks for half an hour afterwards.
const LOGIN_WITHIN: Duration = Duration::from_secs(60);
const COMMAND_WITHIN: Duration = Duration::from_secs(30 * 60);
/// A literal's next bytes.
const BYTES_WITHIN: Duration = Duration::from_secs(5 * 60);
const WRITE_WITHIN: Duration = Duration::from_secs(5 * 60);
/// A command waits so long for a thread where the server is busy.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two tries to read what changed.
const READ_AGAIN: Duration = Duration::from_secs(1);
/// Bytes of a line, and of a command with its literals, where it appends no message.
const MAX_COMMAND_LINE: usize = 64 << 10;
const MAX_COMMAND: usize = 256 << 10;
/// The same before anybody logged in.
const MAX_BEFORE_LOGIN: usize = 16 << 10;
/// Wrong commands and wrong passwords that end a connection.
const MAX_BAD: usize = 32;
const MAX_REFUSED: usize = 3;
/// Connections that are compressed at a time: each takes about 300 kB.
const MAX_COMPRESSED: usize = 128;

/// IMAP on a socket.
pub struct Imap {
    host: Arc<Host>,
    options: Options,
    /// As many connections may be compressed.
    compressed: Arc<Semaphore>,
}

impl Imap {
    pub fn new(host: Arc<Host>, options: Options) -> Imap {
        Imap { host, options, compressed: Arc::new(Semaphore::new(MAX_COMPRESSED)) }
    }
}

impl Imap {
    fn session(&self, security: &Security, peer: Peer) -> Session {
        let options = Options {
            login_disabled: !security.takes_passwords(peer),
            starttls: security.offered().is_some(),
            ..self.options.clone()
        };
        Session::new(self.host.store.clone(), options)
    }
}

impl Service for Imap {
    fn protocol(&self) -> Protocol {
        Protocol::Imap
    }

    fn busy(&self) -> &'static [u8] {
        b"* BYE [UNAVAILABLE] There are too many connections from your address\r\n"
    }

    fn serve(self: Arc<Self>, connection: Connection) -> Serving {
        Box::pin(async move {
            let Connection { stream, peer, security, counted, ending } = connection;
            let lines = Lines::new(stream, ending, WRITE_WITHIN);
            let session = self.session(&security, peer);
            let talk = Talk {
                may_compress: Arc::clone(&self.compressed),
                imap: self,
                lines,
                peer,
                security,
                counted,
                session: Some(session),
                compressed: None,
            };
            talk.run().await;
        })
    }
}

/// The connection is of no more use.
struct Gone;

struct Talk {
    imap: Arc<Imap>,
    lines: Lines,
    peer: Peer,
    security: Security,
    counted: Box<dyn Counted>,
    /// Away while the pool has it.
    session: Option<Session>,
    may_compress: Arc<Semaphore>,
    compressed: Option<OwnedSemaphorePermit>,
}

/// A command as it came.
enum Read {
    Line(Vec<u8>),
    /// One with messages, and memory for what becomes of them.
    Messages(Letter, Room),
}

/// What came instead of a command.
enum Came {
    Command(Read),
    /// It was answered already.
    Refused,
}

impl Talk {
    async fn run(mut self) {
        let greeting = self.session.as_ref().map(Session::greeting).unwrap_or_default();
        let talked = match self.lines.write(greeting.as_bytes()).await {
            Ok(()) => self.talk().await,
            Err(_) => Err(Gone),
        };
        if talked.is_ok() {
            self.lines.close().await;
        }
        // A mailbox's last handle may let go of views: not on the reactor.
        let session = self.session.take();
        let _ = self
            .imap
            .host
            .reading
            .run_with(session, PATIENCE, |session| drop(session.take()))
            .await;
    }

    async fn talk(&mut self) -> Result<(), Gone> {
        let (mut bad, mut refused) = (0, 0);
        loop {
            let bytes = match self.command().await {
                Ok(Came::Command(bytes)) => bytes,
                Ok(Came::Refused) => continue,
                Err(ReadError::Closed) => return Err(Gone),
                Err(ReadError::TimedOut) => return self.bye("Nothing came for too long").await,
                Err(ReadError::Ending) => return self.bye("[UNAVAILABLE] The server ends").await,
                Err(ReadError::TooLong) => return self.bye("The line is too long").await,
            };
            let Some(mut next) = self.handle(bytes).await? else {
                bad += 1;
                if bad == MAX_BAD {
                    return self.bye("Too many wrong commands").await;
                }
                continue;
            };
            loop {
                next = match next {
                    Next::Done => break,
                    Next::Logout => return Ok(()),
                    Next::StartTls { tag } => self.start_tls(&tag).await?,
                    Next::More => self.on_session(Session::resume).await?,
                    Next::Idle => self.idle().await?,
                    Next::Verify { user, password } => self.verify(user, password).await?,
                    Next::Compress => self.compress().await?,
                    Next::Exchange { mechanism, initial } => {
                        self.exchange(&mechanism, initial.as_deref()).await?
                    }
                };
            }
            if !self.is_logged_in() {
                refused += usize::from(self.last_was_refused());
                if refused == MAX_REFUSED {
                    return self.bye("Too many wrong passwords").await;
                }
            }
        }
    }

    /// Reads a command with its literals (RFC 9051 4.3).
    async fn command(&mut self) -> Result<Came, ReadError> {
        let logged_in = self.is_logged_in();
        let within = if logged_in { COMMAND_WITHIN } else { LOGIN_WITHIN };
        let mut bytes = self.lines.line(MAX_COMMAND_LINE, within).await?.text;
        if logged_in && is_append(&bytes) {
            return self.append(bytes).await;
        }
        let limit = if logged_in { MAX_COMMAND } else { MAX_BEFORE_LOGIN };
        // Where the last line begins: what a literal holds announces none, whoever wrote it.
        let mut line = 0;
        loop {
            let Some(literal) = literal_at_end(&bytes[line..]) else {
                return Ok(Came::Command(Read::Line(bytes)));
            };
            if literal.length > limit.saturating_sub(bytes.len()) {
                return self.refuse(&bytes, &literal, "[TOOBIG] The literal is too long").await;
            }
            bytes.extend_from_slice(b"\r\n");
            if literal.waits {
                self.lines.write(b"+ Go on\r\n").await.map_err(|_| ReadError::Closed)?;
            }
            self.lines.octets_into(&mut bytes, literal.length, BYTES_WITHIN).await?;
            let rest = self.lines.line(MAX_COMMAND_LINE, BYTES_WITHIN).await?.text;
            line = bytes.len();
            bytes.extend_from_slice(&rest);
        }
    }

    /// The same with messages. They wait in the spool until the command is complete: a client takes its time, and
    /// memory is for those that are here.
    async fn append(&mut self, first: Vec<u8>) -> Result<Came, ReadError> {
        // Many messages may come in one command; all together are bounded as one and a half.
        let most = self.append_limit().saturating_mul(3) / 2 + MAX_COMMAND;
        let host = Arc::clone(&self.imap.host);
        let mut letter = host.letters.letter();
        let mut line = first.clone();
        loop {
            let literal = literal_at_end(&line);
            let used = usize::try_from(letter.size()).unwrap_or(usize::MAX) + line.len();
            if let Some(literal) = &literal {
                if literal.length > most.saturating_sub(used) {
                    return self.refuse(&first, literal, "[TOOBIG] The literal is too long").await;
                }
                if !host.letters.has_room_for(literal.length as u64) {
                    let why = "[UNAVAILABLE] Too many messages come in";
                    return self.refuse(&first, literal, why).await;
                }
                line.extend_from_slice(b"\r\n");
            }
            let kept = letter.extend(&host.reading, |out| out.append(&mut line)).await;
            if let Err(error) = kept {
                return self.not_kept(&error).await;
            }
            let Some(literal) = literal else { break };
            if literal.waits {
                self.lines.write(b"+ Go on\r\n").await.map_err(|_| ReadError::Closed)?;
            }
            let mut left = literal.length;
            while left > 0 {
                if self.lines.buffered().is_empty() {
                    self.lines.fill(BYTES_WITHIN).await?;
                }
                let input = self.lines.buffered();
                let count = input.len().min(left);
                let add = |out: &mut Vec<u8>| out.extend_from_slice(&input[..count]);
                if let Err(error) = letter.extend(&host.reading, add).await {
                    return self.not_kept(&error).await;
                }
                self.lines.consume(count);
                left -= count;
            }
            line = self.lines.line(MAX_COMMAND_LINE, BYTES_WITHIN).await?.text;
        }
        match host.letters.room(letter.size(), 1).await {
            Some(room) => Ok(Came::Command(Read::Messages(letter, room))),
            None => {
                let no =
                    format!("{} NO [UNAVAILABLE] Too many messages come in\r\n", tag_of(&first));
                self.lines.write(no.as_bytes()).await.map_err(|_| ReadError::Closed)?;
                Ok(Came::Refused)
            }
        }
    }

    /// What is on its way cannot be told from commands any more.
    async fn not_kept(&mut self, error: &SpoolError) -> Result<Came, ReadError> {
        if let SpoolError::Io(error) = error {
            tracing::error!(%error, "the spool cannot be written");
        }
        let _ = self.bye("[UNAVAILABLE] There is no room for messages now").await;
        Err(ReadError::Closed)
    }

    async fn refuse(
        &mut self,
        line: &[u8],
        literal: &Literal,
        why: &str,
    ) -> Result<Came, ReadError> {
        let no = format!("{} NO {why}\r\n", tag_of(line));
        self.lines.write(no.as_bytes()).await.map_err(|_| ReadError::Closed)?;
        // What is on its way cannot be told from commands (RFC 7888 4).
        match literal.waits {
            true => Ok(Came::Refused),
            false => Err(ReadError::TooLong),
        }
    }

    /// Reads what a command says and does it. None if it is no command; it was answered then.
    async fn handle(&mut self, read: Read) -> Result<Option<Next>, Gone> {
        self.on_session(move |session, w| {
            let (bytes, _room) = match read {
                Read::Line(bytes) => (bytes, None),
                Read::Messages(letter, room) => match letter.whole(&[]) {
                    Ok(bytes) => (bytes, Some(room)),
                    Err(error) => {
                        tracing::error!(%error, "a message cannot be read from the spool");
                        w.extend_from_slice(b"* BYE [UNAVAILABLE] The message was lost\r\n");
                        return Some(Next::Logout);
                    }
                },
            };
            let parsed = command::parse(&bytes);
            // The message is in the command now.
            drop(bytes);
            match parsed {
                Ok(tagged) => Some(session.handle(tagged, w)),
                Err((tag, wrong)) => {
                    let tag = tag.unwrap_or_else(|| "*".into());
                    w.extend_from_slice(format!("{tag} BAD {wrong}\r\n").as_bytes());
                    None
                }
            }
        })
        .await
    }

    /// Runs something with the session on the pool, and sends what it answers.
    async fn on_session<T: Send + 'static>(
        &mut self,
        job: impl FnOnce(&mut Session, &mut Vec<u8>) -> T + Send + 'static,
    ) -> Result<T, Gone> {
        let session = self.session.take().ok_or(Gone)?;
        let done = self.imap.host.reading.run_with(session, PATIENCE, move |session| {
            let mut w = Vec::new();
            let result = job(session, &mut w);
            (w, result)
        });
        match done.await {
            Ok((session, (w, result))) => {
                self.session = Some(session);
                self.write(&w).await?;
                Ok(result)
            }
            // It is lost with a job that broke off, and the command without room.
            Err((session, _)) => {
                self.session = session;
                let _ = self.lines.write(b"* BYE [UNAVAILABLE] The server is busy\r\n").await;
                let _ = self.lines.flush().await;
                Err(Gone)
            }
        }
    }

    /// Waits for DONE and tells what happens meanwhile (RFC 9051 6.3.13).
    async fn idle(&mut self) -> Result<Next, Gone> {
        self.lines.flush().await.map_err(|_| Gone)?;
        // What happened cannot be read now: it is asked for again, but not all the time.
        let mut stuck = false;
        loop {
            let bell = Arc::new(Notify::new());
            let ring = Arc::clone(&bell);
            let watch = self.session.as_ref().and_then(Session::watch);
            let alarm = watch.map(|watch| watch.alarm(Arc::new(move || ring.notify_one())));
            // What came before the alarm was set.
            let behind = watch.is_some_and(|watch| watch.is_behind());
            if (stuck || !behind) && !has_line(self.lines.buffered()) {
                let within = if stuck { READ_AGAIN } else { COMMAND_WITHIN };
                tokio::select! {
                    () = bell.notified(), if !stuck => {}
                    filled = self.lines.fill(within) => match filled {
                        Ok(()) => {}
                        // The client is heard meanwhile, whatever the store does.
                        Err(ReadError::TimedOut) if stuck => {}
                        Err(ReadError::Ending) => {
                            self.bye("[UNAVAILABLE] The server ends").await?;
                            return Err(Gone);
                        }
                        Err(_) => return Err(Gone),
                    },
                }
            }
            drop(alarm);
            if has_line(self.lines.buffered()) {
                let line = self.lines.line(1_024, BYTES_WITHIN).await.map_err(|_| Gone)?;
                if line.text.eq_ignore_ascii_case(b"DONE") {
                    self.on_session(Session::idle_ends).await?;
                } else {
                    let end = |session: &mut Session, w: &mut Vec<u8>| {
                        session.break_off("IDLE ends with DONE", w);
                    };
                    self.on_session(end).await?;
                }
                return Ok(Next::Done);
            }
            if self.lines.buffered().len() > 1_024 {
                return Err(Gone);
            }
            self.on_session(Session::news).await?;
            stuck = self.session.as_ref().and_then(Session::watch).is_some_and(|w| w.is_behind());
            self.lines.flush().await.map_err(|_| Gone)?;
        }
    }

    /// Compresses what follows the answer, where there is room (RFC 4978).
    async fn compress(&mut self) -> Result<Next, Gone> {
        self.compressed = Arc::clone(&self.may_compress).try_acquire_owned().ok();
        let granted = self.compressed.is_some();
        self.on_session(move |session, w| session.compress(granted, w)).await?;
        if granted {
            self.lines.compress(deflated).await.map_err(|_| Gone)?;
        }
        Ok(Next::Done)
    }

    /// RFC 9051 6.2.1: a session begins that knows nothing of what came before; the client asks for its capabilities.
    async fn start_tls(&mut self, tag: &str) -> Result<Next, Gone> {
        let Some(tls) = self.security.offered().cloned() else { return Err(Gone) };
        let last_words = format!("{tag} OK Begin TLS\r\n");
        if let Err(error) = self.lines.start_tls(&tls, last_words.as_bytes()).await {
            tracing::info!(peer = %self.peer, %error, "no handshake");
            return Err(Gone);
        }
        self.security.begin();
        self.session = Some(self.imap.session(&self.security, self.peer));
        Ok(Next::Done)
    }

    async fn verify(&mut self, user: String, password: String) -> Result<Next, Gone> {
        let account = match self.imap.host.verifier.verify(user, password).await {
            Ok(account) => account,
            Err(refused) => {
                let code = match refused {
                    Refused::Wrong => "AUTHENTICATIONFAILED",
                    Refused::Busy | Refused::Failed => "UNAVAILABLE",
                };
                self.on_session(move |session, w| session.refuse(code, &refused.to_string(), w))
                    .await?;
                return Ok(Next::Done);
            }
        };
        if let Err(full) = self.counted.belongs_to(&account, "IMAP") {
            self.on_session(move |session, w| session.refuse("LIMIT", &full.to_string(), w))
                .await?;
            return Ok(Next::Done);
        }
        self.on_session(move |session, w| session.log_in(account, w)).await?;
        Ok(Next::Done)
    }

    async fn exchange(&mut self, mechanism: &str, initial: Option<&str>) -> Result<Next, Gone> {
        let Some(mechanism) = Mechanism::by_name(mechanism) else {
            self.on_session(|session, w| {
                session.refuse("CANNOT", "there is no such mechanism", w);
            })
            .await?;
            return Ok(Next::Done);
        };
        let Ok((mut exchange, mut next)) = Exchange::begin(mechanism, initial) else {
            return self.broken_off().await;
        };
        loop {
            match next {
                crate::auth::Next::Verify { user, password } => {
                    return Ok(Next::Verify { user, password });
                }
                crate::auth::Next::Challenge(challenge) => {
                    self.write(format!("+ {challenge}\r\n").as_bytes()).await?;
                    let line = self.lines.line(MAX_LINE, LOGIN_WITHIN).await.map_err(|_| Gone)?;
                    let answer = String::from_utf8_lossy(&line.text).into_owned();
                    // `*` breaks it off (RFC 9051 6.2.2).
                    match exchange.answer(&answer) {
                        Ok(answered) if answer != "*" => next = answered,
                        _ => return self.broken_off().await,
                    }
                }
            }
        }
    }

    async fn broken_off(&mut self) -> Result<Next, Gone> {
        self.on_session(|session, w| session.break_off("the exchange was broken off", w)).await?;
        Ok(Next::Done)
    }

    fn is_logged_in(&self) -> bool {
        self.session.as_ref().is_some_and(Session::is_logged_in)
    }

    fn last_was_refused(&self) -> bool {
        self.session.as_ref().is_some_and(Session::was_refused)
    }

    fn append_limit(&self) -> usize {
        self.session.as_ref().map_or(0, Session::append_limit)
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        self.lines.write(bytes).await.map_err(|_| Gone)
    }

    async fn bye(&mut self, why: &str) -> Result<(), Gone> {
        self.write(format!("* BYE {why}\r\n").as_bytes()).await?;
        self.lines.flush().await.map_err(|_| Gone)
    }
}

/// A literal that a line announces at its end.
#[derive(Debug, PartialEq, Eq)]
struct Literal {
    length: usize,
    /// The client waits until it may send it; not with `+` (LITERAL+, RFC 7888).
    waits: bool,
}

fn literal_at_end(line: &[u8]) -> Option<Literal> {
    let inside = line.strip_suffix(b"}")?;
    let begin = inside.iter().rposition(|byte| *byte == b'{')?;
    let (digits, waits) = match inside[begin + 1..].strip_suffix(b"+") {
        Some(digits) => (digits, false),
        None => (&inside[begin + 1..], true),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // What no number can hold is too long as well.
    let length = std::str::from_utf8(digits).ok()?.parse().unwrap_or(usize::MAX);
    Some(Literal { length, waits })
}

fn has_line(bytes: &[u8]) -> bool {
    bytes.contains(&b'\n')
}

fn tag_of(line: &[u8]) -> String {
    let end = line.iter().position(|byte| *byte == b' ').unwrap_or(0);
    match std::str::from_utf8(&line[..end]) {
        Ok(tag) if !tag.is_empty() && tag.bytes().all(|byte| byte.is_ascii_graphic()) => tag.into(),
        _ => "*".into(),
    }
}

fn is_append(line: &[u8]) -> bool {
    let mut words = line.splitn(3, |byte| *byte == b' ').skip(1);
    words.next().is_some_and(|word| word.eq_ignore_ascii_case(b"APPEND"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_found_at_the_end_of_lines() {
        let literal = |line: &str| literal_at_end(line.as_bytes()).map(|l| (l.length, l.waits));
        assert_eq!(literal("a LOGIN {11}"), Some((11, true)));
        assert_eq!(literal("a APPEND x ~{5+}"), Some((5, false)));
        assert_eq!(literal("a LOGIN {99999999999999999999999}"), Some((usize::MAX, true)));
        for none in ["a LOGIN x", "a {}", "a {x}", "{1} ", "}", "{1-}"] {
            assert_eq!(literal(none), None, "{none}");
        }
        assert_eq!(tag_of(b"a1 LOGIN"), "a1");
        assert_eq!(tag_of(b"\xff x"), "*");
        assert!(is_append(b"a append x {3}") && !is_append(b"append x {3}"));
    }
}
