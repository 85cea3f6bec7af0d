//! One connection: commands in, answers out; what touches the store runs on the pool.

use std::sync::Arc;
use std::time::Duration;

use store::Account;

use super::command::{Auth, Command};
use super::maildrop::{Answer, Claim, Maildrop, Maildrops, Refusal, Stuffed, top};
use crate::Host;
use crate::auth::{self, Exchange, Mechanism, Refused};
use crate::census::Counted;
use crate::line::{Lines, ReadError};
use crate::listener::{Connection, Peer, Protocol, Security, Service, Serving};

/// Before anybody logged on, a command has to come within this time; RFC 1939 3 asks for 10 minutes afterwards.
const LOGIN_WITHIN: Duration = Duration::from_secs(60);
const COMMAND_WITHIN: Duration = Duration::from_secs(10 * 60);
const WRITE_WITHIN: Duration = Duration::from_secs(60);
/// The longest line afterwards (RFC 2449 4), and before, with an answer of SASL in it.
const MAX_COMMAND: usize = 255;
const MAX_LOGIN: usize = auth::MAX_LINE + 64;
/// Wrong commands and wrong passwords that end a connection.
const MAX_BAD: usize = 32;
const MAX_REFUSED: usize = 3;
/// How long a job waits for a thread.
const PATIENCE: Duration = Duration::from_secs(30);

/// POP3 on a socket.
pub struct Pop3 {
    host: Arc<Host>,
    maildrops: Arc<Maildrops>,
}

impl Pop3 {
    pub fn new(host: Arc<Host>) -> Pop3 {
        Pop3 { host, maildrops: Maildrops::new() }
    }
}

impl Service for Pop3 {
    fn protocol(&self) -> Protocol {
        Protocol::Pop3
    }

    fn busy(&self) -> &'static [u8] {
        b"-ERR [SYS/TEMP] there are too many connections from your address\r\n"
    }

    fn serve(self: Arc<Self>, connection: Connection) -> Serving {
        Box::pin(async move {
            let Connection { stream, peer, security, counted, ending } = connection;
            let lines = Lines::new(stream, ending, WRITE_WITHIN);
            let talk = Talk { pop3: self, lines, peer, security, counted, user: None, drop: None };
            talk.run().await;
        })
    }
}

/// The connection is of no more use.
struct Gone;

struct Talk {
    pop3: Arc<Pop3>,
    lines: Lines,
    peer: Peer,
    security: Security,
    counted: Box<dyn Counted>,
    /// What USER said.
    user: Option<String>,
    /// In the TRANSACTION state; away while the pool has it.
    drop: Option<Maildrop>,
}

/// How a session goes on.
enum Step {
    Answer(String),
    /// A wrong command.
    Bad(String),
    /// A wrong password.
    Refused(String),
    /// It was answered already.
    Answered,
    /// The last answer.
    Close(String),
}

fn good(text: &str) -> Step {
    Step::Answer(format!("+OK {text}\r\n"))
}

fn bad(text: &str) -> Step {
    Step::Bad(format!("-ERR {text}\r\n"))
}

impl From<Answer> for Step {
    fn from(answer: Answer) -> Step {
        match answer {
            Ok(told) => Step::Answer(told),
            Err(refusal) => refusal.into(),
        }
    }
}

impl From<Refusal> for Step {
    fn from(refusal: Refusal) -> Step {
        if let Refusal::Failed(error) = &refusal {
            tracing::error!(%error, "a maildrop cannot be read");
        }
        Step::Answer(format!("-ERR {refusal}\r\n"))
    }
}

impl Talk {
    async fn run(mut self) {
        let talked = match self.lines.write(b"+OK Coffer is ready\r\n").await {
            Ok(()) => self.talk().await,
            Err(_) => Err(Gone),
        };
        if let Ok(last) = talked
            && self.lines.write(last.as_bytes()).await.is_ok()
        {
            self.lines.close().await;
        }
        // A mailbox's last handle may let go of views: not on the reactor.
        let drop = self.drop.take();
        let host = Arc::clone(&self.pop3.host);
        let _ = host.reading.run_with(drop, PATIENCE, |drop| std::mem::drop(drop.take())).await;
    }

    /// Runs to the end; returns what is said last.
    async fn talk(&mut self) -> Result<String, Gone> {
        let (mut wrong, mut refused) = (0, 0);
        loop {
            let (most, within) = match self.drop {
                Some(_) => (MAX_COMMAND, COMMAND_WITHIN),
                None => (MAX_LOGIN, LOGIN_WITHIN),
            };
            let step = match self.lines.line(most, within).await {
                Ok(line) => match Command::read(&line.text) {
                    Ok(command) => self.command(command).await?,
                    Err(malformed) => bad(&malformed.to_string()),
                },
                Err(error) => read_error(&error)?,
            };
            let answer = match step {
                Step::Answered => continue,
                Step::Close(last) => return Ok(last),
                Step::Answer(answer) => answer,
                Step::Bad(answer) => {
                    wrong += 1;
                    answer
                }
                Step::Refused(answer) => {
                    refused += 1;
                    answer
                }
            };
            self.write(answer.as_bytes()).await?;
            if wrong == MAX_BAD || refused == MAX_REFUSED {
                return Ok(String::new());
            }
        }
    }

    async fn command(&mut self, command: Command) -> Result<Step, Gone> {
        match (command, self.drop.is_some()) {
            (Command::Capa, _) => Ok(Step::Answer(self.capabilities())),
            (Command::Quit, false) => Ok(Step::Close("+OK bye\r\n".to_owned())),
            (command, false) => self.authorize(command).await,
            (command, true) => self.transact(command).await,
        }
    }

    /// RFC 2449 6, RFC 3206 6, RFC 5034 3, RFC 2595 4.
    fn capabilities(&self) -> String {
        let mut all = String::from(
            "+OK\r\nTOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\nEXPIRE NEVER\r\n",
        );
        if self.drop.is_none() && self.security.offered().is_some() {
            all.push_str("STLS\r\n");
        }
        if self.security.takes_passwords(self.peer) {
            all.push_str("USER\r\nSASL PLAIN LOGIN\r\n");
        }
        all + "IMPLEMENTATION Coffer\r\n.\r\n"
    }

    /// The AUTHORIZATION state.
    async fn authorize(&mut self, command: Command) -> Result<Step, Gone> {
        let may_log_on = self.security.takes_passwords(self.peer);
        match command {
            Command::Stls => self.start_tls().await,
            Command::User(_) | Command::Pass(_) | Command::Auth(_) if !may_log_on => {
                Ok(bad("[AUTH] begin TLS first: STLS"))
            }
            Command::User(user) => {
                // Whether there is such a user is not told.
                self.user = Some(user);
                Ok(good("now the password: PASS"))
            }
            Command::Pass(password) => match self.user.take() {
                Some(user) => self.log_on(user, password).await,
                None => Ok(bad("USER comes first")),
            },
            Command::Auth(None) => Ok(Step::Answer("+OK\r\nPLAIN\r\nLOGIN\r\n.\r\n".to_owned())),
            Command::Auth(Some(auth)) => self.exchange(auth).await,
            _ => Ok(bad("log on first")),
        }
    }

    /// RFC 2595 4: what the client said before counts for nothing afterwards.
    async fn start_tls(&mut self) -> Result<Step, Gone> {
        let Some(tls) = self.security.offered().cloned() else {
            return Ok(bad("TLS cannot begin here, or began already"));
        };
        if let Err(error) = self.lines.start_tls(&tls, b"+OK begin TLS\r\n").await {
            tracing::info!(peer = %self.peer, %error, "no handshake");
            return Err(Gone);
        }
        self.security.begin();
        self.user = None;
        Ok(Step::Answered)
    }

    async fn exchange(&mut self, auth: Auth) -> Result<Step, Gone> {
        let Some(mechanism) = Mechanism::by_name(&auth.mechanism) else {
            return Ok(bad("there is no such mechanism"));
        };
        let malformed = || bad("this is no answer of the mechanism");
        let Ok((mut exchange, mut next)) = Exchange::begin(mechanism, auth.initial.as_deref())
        else {
            return Ok(malformed());
        };
        loop {
            match next {
                auth::Next::Verify { user, password } => return self.log_on(user, password).await,
                auth::Next::Challenge(challenge) => {
                    self.write(format!("+ {challenge}\r\n").as_bytes()).await?;
                    let line = match self.lines.line(auth::MAX_LINE, LOGIN_WITHIN).await {
                        Ok(line) => line,
                        Err(error) => return read_error(&error),
                    };
                    // `*` breaks it off (RFC 5034 4).
                    if line.text == b"*" {
                        return Ok(bad("the exchange was broken off"));
                    }
                    let answer = std::str::from_utf8(&line.text).ok();
                    match answer.and_then(|answer| exchange.answer(answer).ok()) {
                        Some(answered) => next = answered,
                        None => return Ok(malformed()),
                    }
                }
            }
        }
    }

    /// To the TRANSACTION state, if the password is right and nobody else is there.
    async fn log_on(&mut self, user: String, password: String) -> Result<Step, Gone> {
        let account: Account = match self.pop3.host.verifier.verify(user, password).await {
            Ok(account) => account,
            Err(refused @ Refused::Wrong) => {
                tracing::info!(peer = %self.peer, "wrong credentials, or a disabled account");
                return Ok(Step::Refused(format!("-ERR [AUTH] {refused}\r\n")));
            }
            Err(refused) => return Ok(Step::Answer(format!("-ERR [SYS/TEMP] {refused}\r\n"))),
        };
        let Some(claim) = self.pop3.maildrops.claim(&account) else {
            let told =
                "-ERR [IN-USE] another session has the maildrop; try again when it ended\r\n";
            return Ok(Step::Answer(told.to_owned()));
        };
        if let Err(full) = self.counted.belongs_to(&account, "POP3") {
            return Ok(Step::Answer(format!("-ERR [SYS/TEMP] {full}\r\n")));
        }
        let claim = claim.counted(self.counted.maildrop());
        self.open(claim).await
    }

    async fn open(&mut self, claim: Claim) -> Result<Step, Gone> {
        let store = self.pop3.host.store.clone();
        let job = move |claim: &mut Option<Claim>| {
            claim.take().map(|claim| Maildrop::open(&store, claim))
        };
        match self.pop3.host.reading.run_with(Some(claim), PATIENCE, job).await {
            Ok((_, Some(Ok(drop)))) => {
                self.drop = Some(drop);
                Ok(good("logged on"))
            }
            Ok((_, Some(Err(error)))) => Ok(Refusal::from(error).into()),
            Ok((_, None)) | Err(_) => Ok(Step::Answer(BUSY.to_owned())),
        }
    }

    /// The TRANSACTION state.
    async fn transact(&mut self, command: Command) -> Result<Step, Gone> {
        match command {
            Command::Stat => {
                if let Some(step) = self.measure().await? {
                    return Ok(step);
                }
                self.on_drop(|drop| {
                    let (count, total) = drop.stat();
                    Step::Answer(format!("+OK {count} {total}\r\n"))
                })
                .await
            }
            Command::List(None) => {
                if let Some(step) = self.measure().await? {
                    return Ok(step);
                }
                self.on_drop(|drop| Step::Answer(drop.list())).await
            }
            Command::List(Some(number)) => {
                self.on_drop(move |drop| drop.list_one(number).into()).await
            }
            Command::Uidl(None) => self.on_drop(|drop| Step::Answer(drop.uidl())).await,
            Command::Uidl(Some(number)) => {
                self.on_drop(move |drop| drop.uidl_one(number).into()).await
            }
            Command::Retr(number) => self.send(number, None).await,
            Command::Top { message, lines } => self.send(message, Some(lines)).await,
            Command::Dele(number) => self.on_drop(move |drop| drop.mark(number).into()).await,
            Command::Noop => Ok(good("nothing done")),
            Command::Rset => {
                self.on_drop(|drop| {
                    drop.reset();
                    good("nothing is deleted")
                })
                .await
            }
            Command::Quit => {
                let updated = self.on_drop(|drop| match drop.update() {
                    Ok(count) => Step::Close(format!("+OK bye; {count} messages deleted\r\n")),
                    Err(error) => {
                        tracing::error!(%error, "messages of a maildrop were not deleted");
                        Step::Close(format!("-ERR [SYS/TEMP] not all was deleted: {error}\r\n"))
                    }
                });
                updated.await
            }
            Command::User(_)
            | Command::Pass(_)
            | Command::Auth(_)
            | Command::Stls
            | Command::Capa => Ok(bad("you are logged on already")),
        }
    }

    /// Finds out how large all messages are, some at a time, so that others get their turn.
    async fn measure(&mut self) -> Result<Option<Step>, Gone> {
        loop {
            match self.on_drop(Maildrop::measure).await? {
                Ok(true) => return Ok(None),
                Ok(false) => {}
                Err(refusal) => return Ok(Some(refusal.into())),
            }
        }
    }

    /// A message, or its header and some lines.
    async fn send(&mut self, number: u32, lines: Option<u32>) -> Result<Step, Gone> {
        let message = match self.on_drop(move |drop| drop.retrieve(number)).await? {
            Ok(message) => message,
            Err(refusal) => return Ok(refusal.into()),
        };
        let (first, sent) = match lines {
            None => (format!("+OK {} octets\r\n", message.len()), &message[..]),
            Some(lines) => ("+OK the top\r\n".to_owned(), top(&message, lines)),
        };
        self.write(first.as_bytes()).await?;
        let mut stuffed = Stuffed::of(sent);
        while let Some(piece) = stuffed.next_piece() {
            self.write(&piece).await?;
        }
        Ok(Step::Answered)
    }

    /// Runs something with the maildrop on the pool.
    async fn on_drop<T: Send + 'static>(
        &mut self,
        job: impl FnOnce(&mut Maildrop) -> T + Send + 'static,
    ) -> Result<T, Gone> {
        let drop = self.drop.take().ok_or(Gone)?;
        match self.pop3.host.reading.run_with(drop, PATIENCE, job).await {
            Ok((drop, result)) => {
                self.drop = Some(drop);
                Ok(result)
            }
            // A session that ends without QUIT deletes nothing.
            Err((drop, _)) => {
                self.drop = drop;
                let _ = self.lines.write(BUSY.as_bytes()).await;
                let _ = self.lines.flush().await;
                Err(Gone)
            }
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        self.lines.write(bytes).await.map_err(|_| Gone)
    }
}

const BUSY: &str = "-ERR [SYS/TEMP] the server is busy\r\n";

/// Nothing is deleted where the client said no QUIT (RFC 1939 3, 6).
fn read_error(error: &ReadError) -> Result<Step, Gone> {
    match error {
        ReadError::Closed => Err(Gone),
        ReadError::TooLong => Ok(bad("the line is too long")),
        // RFC 1939 3: without an answer.
        ReadError::TimedOut => Ok(Step::Close(String::new())),
        ReadError::Ending => Ok(Step::Close("-ERR [SYS/TEMP] the server ends\r\n".to_owned())),
    }
}
