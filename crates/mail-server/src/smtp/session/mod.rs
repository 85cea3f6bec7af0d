//! One connection: commands in, answers out.

mod hand_in;
mod octets;

use std::sync::Arc;

use store::delivery::{Addressee, addressee};
use store::outbound::{self, Recipient};
use store::{Account, Store, StoreError};

use super::command::{Command, Mail, Mailbox, Malformed, Rcpt};
use super::deliver::may_send;
use super::reply::{self, Reply};
use super::{Role, Smtp};
use crate::auth::{self, Exchange, Mechanism, Next, Refused};
use crate::census::{Counted, Full};
use crate::line::{End, Lines, ReadError};
use crate::listener::{Connection, Peer, Security};
use crate::spool::Letter;

/// The longest command (RFC 5321 4.5.3.1.4, with room for the parameters of the extensions), and one with an answer
/// of SASL in it.
const MAX_COMMAND: usize = 2 * 1024;
const MAX_AUTH: usize = auth::MAX_LINE + 64;
struct Session {
    smtp: Arc<Smtp>,
    lines: Lines,
    peer: Peer,
    counted: Box<dyn Counted>,
    /// What the client called itself, and whether it said EHLO or LHLO.
    client: Option<(String, bool)>,
    security: Security,
    account: Option<Arc<Account>>,
    transaction: Option<Transaction>,
    errors: u32,
    /// Messages of this connection.
    messages: u64,
}

/// From MAIL to the end of the data.
struct Transaction {
    mail: Mail,
    /// Everybody once, in the order in which they were named.
    accounts: Vec<Arc<Account>>,
    /// For each RCPT that was accepted, its place in `accounts`: LMTP answers each.
    recipients: Vec<usize>,
    /// What was asked for each of `accounts`.
    wishes: Vec<Recipient>,
    /// Recipients of other domains, each once.
    outside: Vec<Recipient>,
    body: Body,
}

impl Transaction {
    fn has_recipients(&self) -> bool {
        !self.recipients.is_empty() || !self.outside.is_empty()
    }
}

/// What of the message is there.
enum Body {
    Nothing,
    /// By chunks of BDAT so far.
    Chunks(Letter),
    /// A chunk was refused, and so is what follows until RSET (RFC 3030 2).
    Refused,
}

/// How a session goes on.
enum Step {
    Answer(Reply),
    /// Several answers at once, as they are.
    Bytes(Vec<u8>),
    /// The last answer.
    Close(Reply),
    /// The connection is not there any more.
    Gone,
}

impl From<Reply> for Step {
    fn from(reply: Reply) -> Step {
        Step::Answer(reply)
    }
}

impl From<ReadError> for Step {
    fn from(error: ReadError) -> Step {
        match error {
            ReadError::Closed => Step::Gone,
            ReadError::TimedOut => Step::Close(reply::TIMED_OUT),
            ReadError::Ending => Step::Close(reply::ENDING),
            ReadError::TooLong => Step::Answer(reply::TOO_LONG),
        }
    }
}

/// Serves a connection to its end.
pub(super) async fn serve(smtp: Arc<Smtp>, connection: Connection) {
    let Connection { stream, peer, security, counted, ending } = connection;
    let lines = Lines::new(stream, ending, smtp.limits.write_within);
    let mut session = Session {
        smtp,
        lines,
        peer,
        counted,
        client: None,
        security,
        account: None,
        transaction: None,
        errors: 0,
        messages: 0,
    };
    let last = session.run().await;
    if let Some(last) = last {
        let _ = session.lines.write(&last.bytes()).await;
    }
    tracing::debug!(%peer, messages = session.messages, "a mail connection ended");
    session.lines.close().await;
}

impl Session {
    /// Runs to the end; returns what is said last.
    async fn run(&mut self) -> Option<Reply> {
        let protocol = if self.smtp.role == Role::Lmtp { "LMTP" } else { "ESMTP" };
        let greeting = format!("220 {} {protocol} Coffer\r\n", self.smtp.host.name);
        self.lines.write(greeting.as_bytes()).await.ok()?;
        loop {
            let step = self.next().await;
            let reply = match step {
                Step::Gone => return None,
                Step::Close(reply) => return Some(reply),
                Step::Answer(reply) => {
                    self.errors += u32::from(reply.code >= 500);
                    reply.bytes()
                }
                Step::Bytes(bytes) => bytes,
            };
            self.lines.write(&reply).await.ok()?;
            if self.errors >= self.smtp.limits.errors {
                return Some(reply::TOO_MANY_ERRORS);
            }
        }
    }

    async fn next(&mut self) -> Step {
        let most = if self.smtp.role == Role::Submission { MAX_AUTH } else { MAX_COMMAND };
        let line = match self.lines.line(most, self.smtp.limits.command_within).await {
            Ok(line) => line,
            Err(error) => return error.into(),
        };
        if line.end == End::Lf {
            return reply::BARE_LF.into();
        }
        let command = match Command::read(&line.text) {
            Ok(Command::Auth { mechanism, initial }) => {
                return self.auth(&mechanism, initial.as_deref()).await;
            }
            Ok(_) if line.text.len() > MAX_COMMAND => return reply::TOO_LONG.into(),
            Ok(command) => command,
            Err(malformed) => return malformed_reply(malformed, &line.text).into(),
        };
        self.command(command).await
    }

    async fn command(&mut self, command: Command) -> Step {
        let lmtp = self.smtp.role == Role::Lmtp;
        match command {
            // RFC 2033 4.1
            Command::Helo(_) | Command::Ehlo(_) if lmtp => reply::UNKNOWN.into(),
            Command::Lhlo(_) if !lmtp => reply::UNKNOWN.into(),
            Command::Helo(name) => {
                self.greet(name, false);
                Reply::say(250, "", self.smtp.host.name.clone()).into()
            }
            Command::Ehlo(name) | Command::Lhlo(name) => {
                self.greet(name, true);
                Step::Bytes(reply::lines(250, &self.extensions()))
            }
            Command::Mail(mail) => self.mail(mail).await.into(),
            Command::Rcpt(rcpt) => self.rcpt(rcpt).await.into(),
            Command::Data => self.data().await,
            Command::Bdat { size, last } => self.bdat(size, last).await,
            Command::Rset => {
                self.transaction = None;
                reply::OK.into()
            }
            Command::Noop => reply::OK.into(),
            Command::Help => reply::HELP.into(),
            Command::Quit => Step::Close(reply::BYE),
            Command::Vrfy(_) => reply::VRFY.into(),
            Command::StartTls => self.start_tls().await,
            Command::Expn(_) => reply::NOT_HERE.into(),
            Command::Auth { .. } => reply::SEQUENCE.into(),
        }
    }

    /// RFC 3207 4.2: everything that the client said before counts for nothing afterwards.
    async fn start_tls(&mut self) -> Step {
        let Some(tls) = self.security.offered().cloned() else {
            // RFC 3207 4: not over TLS that is there already.
            let again = self.security.is_tls();
            return if again { reply::SEQUENCE } else { reply::NOT_HERE }.into();
        };
        // Who logged on did it without TLS, and would have to be forgotten.
        if self.account.is_some() {
            return reply::SEQUENCE.into();
        }
        if let Err(error) = self.lines.start_tls(&tls, &reply::START_TLS.bytes()).await {
            tracing::info!(peer = %self.peer, %error, "no handshake");
            return Step::Gone;
        }
        (self.client, self.transaction) = (None, None);
        self.security.begin();
        Step::Bytes(Vec::new())
    }

    fn greet(&mut self, name: String, extended: bool) {
        self.client = Some((name, extended));
        // RFC 5321 4.1.4: as RSET.
        self.transaction = None;
    }

    fn extensions(&self) -> Vec<String> {
        let mut all = vec![
            self.smtp.host.name.clone(),
            "PIPELINING".to_owned(),
            format!("SIZE {}", self.smtp.limits.message_bytes),
            "8BITMIME".to_owned(),
            "SMTPUTF8".to_owned(),
            "CHUNKING".to_owned(),
            "ENHANCEDSTATUSCODES".to_owned(),
        ];
        if self.security.offered().is_some() {
            all.push("STARTTLS".to_owned());
        }
        if self.passes_dsn_on() {
            all.push("DSN".to_owned());
        }
        if self.may_log_on() {
            all.push("AUTH PLAIN LOGIN".to_owned());
        }
        all
    }

    /// Reports on deliveries go to whoever asks for them, where they can be sent at all; else it is not announced, and
    /// who sends here tells the sender that the message was relayed (RFC 3461 5.2.2).
    fn passes_dsn_on(&self) -> bool {
        self.smtp.role != Role::Lmtp && outbound::is_enabled(&self.smtp.host.store)
    }

    fn may_log_on(&self) -> bool {
        self.smtp.role == Role::Submission && self.security.takes_passwords(self.peer)
    }

    async fn mail(&mut self, mail: Mail) -> Reply {
        if self.client.is_none() || self.transaction.is_some() {
            return reply::SEQUENCE;
        }
        if self.smtp.role == Role::Submission && self.account.is_none() {
            return reply::NEEDS_AUTH;
        }
        if mail.asks_for_dsn() && !self.passes_dsn_on() {
            return reply::PARAMETER;
        }
        if mail.size.is_some_and(|size| size > self.smtp.limits.message_bytes) {
            return reply::TOO_BIG;
        }
        if mail.from.as_ref().is_some_and(Mailbox::is_utf8) && !mail.utf8 {
            return reply::NEEDS_UTF8;
        }
        if let (Some(account), Some(from)) = (&self.account, &mail.from) {
            let (account, address) = (Arc::clone(account), from.address());
            let store = self.smtp.host.store.clone();
            let judged = self.smtp.host.work.run(move || may_send(&store, &account, &address));
            match judged.await {
                Ok(Ok(Some(_))) => {}
                Ok(Ok(None)) => return reply::NOT_YOURS,
                Ok(Err(error)) => return failed(&error),
                Err(_) => return reply::BUSY,
            }
        }
        self.transaction = Some(Transaction {
            mail,
            accounts: Vec::new(),
            recipients: Vec::new(),
            wishes: Vec::new(),
            outside: Vec::new(),
            body: Body::Nothing,
        });
        reply::SENDER_OK
    }

    async fn rcpt(&mut self, rcpt: Rcpt) -> Reply {
        let dsn = self.passes_dsn_on();
        let Some(transaction) = &mut self.transaction else { return reply::SEQUENCE };
        if !matches!(transaction.body, Body::Nothing) {
            return reply::SEQUENCE;
        }
        if rcpt.asks_for_dsn() && !dsn {
            return reply::PARAMETER;
        }
        if rcpt.to.is_utf8() && !transaction.mail.utf8 {
            return reply::NEEDS_UTF8;
        }
        if transaction.recipients.len() + transaction.outside.len() >= self.smtp.limits.recipients {
            return reply::TOO_MANY_RECIPIENTS;
        }
        let store = self.smtp.host.store.clone();
        let address = rcpt.to.address();
        let wish = Recipient {
            original: rcpt.original.unwrap_or_default(),
            notify: rcpt.notify.unwrap_or_default(),
            ..Recipient::new(rcpt.to.to_string())
        };
        let size = transaction.mail.size.unwrap_or(0).max(1);
        let judged = self.smtp.host.work.run(move || recipient(&store, &address, size));
        let account = match judged.await {
            Ok(Ok(Addressee::Account(account))) => Arc::new(account),
            Ok(Err(StoreError::MailboxFull { .. })) => return reply::MAILBOX_FULL,
            Ok(Ok(Addressee::Unknown)) => return reply::NO_SUCH_USER,
            Ok(Ok(Addressee::Disabled)) => return reply::DISABLED,
            Ok(Ok(Addressee::Outside)) => {
                return match self.smtp.role {
                    Role::Lmtp => reply::NO_SUCH_USER,
                    Role::Smtp => reply::NO_RELAY,
                    // Only who logged on comes this far.
                    Role::Submission if outbound::is_enabled(&self.smtp.host.store) => {
                        if !transaction.outside.iter().any(|one| one.address == wish.address) {
                            transaction.outside.push(wish);
                        }
                        reply::RECIPIENT_OK
                    }
                    Role::Submission => reply::NO_OUTBOUND,
                };
            }
            Ok(Err(error)) => return failed(&error),
            Err(_) => return reply::BUSY,
        };
        let known = transaction.accounts.iter().position(|known| known.id == account.id);
        let place = known.unwrap_or_else(|| {
            transaction.accounts.push(account);
            transaction.wishes.push(wish);
            transaction.accounts.len() - 1
        });
        transaction.recipients.push(place);
        reply::RECIPIENT_OK
    }

    async fn auth(&mut self, mechanism: &str, initial: Option<&str>) -> Step {
        if self.smtp.role != Role::Submission {
            return reply::NOT_HERE.into();
        }
        // RFC 4954 4
        if self.client.is_none() || self.account.is_some() || self.transaction.is_some() {
            return reply::SEQUENCE.into();
        }
        if !self.may_log_on() {
            return reply::NEEDS_TLS.into();
        }
        let Some(mechanism) = Mechanism::by_name(mechanism) else {
            return reply::NO_MECHANISM.into();
        };
        let Ok((mut exchange, mut next)) = Exchange::begin(mechanism, initial) else {
            return reply::AUTH_MALFORMED.into();
        };
        let (user, password) = loop {
            match next {
                Next::Verify { user, password } => break (user, password),
                Next::Challenge(challenge) => {
                    let challenge = format!("334 {challenge}\r\n");
                    if self.lines.write(challenge.as_bytes()).await.is_err() {
                        return Step::Gone;
                    }
                }
            }
            let within = self.smtp.limits.command_within;
            let line = match self.lines.line(MAX_AUTH, within).await {
                Ok(line) => line,
                Err(error) => return error.into(),
            };
            if line.text == b"*" {
                return reply::AUTH_CANCELLED.into();
            }
            let answer = std::str::from_utf8(&line.text).ok();
            next = match answer.and_then(|answer| exchange.answer(answer).ok()) {
                Some(next) => next,
                None => return reply::AUTH_MALFORMED.into(),
            };
        };
        match self.smtp.host.verifier.verify(user, password).await {
            Ok(account) => {
                let client = self.client.as_ref().map_or("", |(name, _)| name);
                if let Err(Full) = self.counted.belongs_to(&account, client) {
                    return Step::Close(reply::TOO_MANY_CONNECTIONS);
                }
                self.account = Some(Arc::new(account));
                reply::AUTH_OK.into()
            }
            Err(Refused::Wrong) => {
                tracing::info!(peer = %self.peer, "wrong credentials, or a disabled account");
                // Guessing costs connections.
                self.errors += self.smtp.limits.errors / 4;
                reply::AUTH_WRONG.into()
            }
            Err(Refused::Busy | Refused::Failed) => reply::AUTH_FAILED.into(),
        }
    }
}

/// Whom an address reaches.
///
/// Errors: [`StoreError::MailboxFull`] if his mailbox does not take `size` bytes more.
fn recipient(store: &Store, address: &str, size: u64) -> store::Result<Addressee> {
    let found = addressee(store, address)?;
    if let Addressee::Account(account) = &found {
        store::quota::may_receive(&*store.mailbox(account.mailbox)?, size)?;
    }
    Ok(found)
}

fn failed(error: &StoreError) -> Reply {
    tracing::error!(%error, "the directory cannot be asked");
    reply::FAILED
}

fn malformed_reply(malformed: Malformed, line: &[u8]) -> Reply {
    match malformed {
        Malformed::Unknown => reply::UNKNOWN,
        Malformed::Syntax(why) => Reply::new(501, "5.5.4", why),
        Malformed::Parameter => reply::PARAMETER,
        // RFC 3463 3.2: X.1.7 is the sender's, X.1.3 a recipient's.
        Malformed::Address if matches!(line.first(), Some(b'M' | b'm')) => {
            Reply::new(501, "5.1.7", "the sender's address is malformed")
        }
        Malformed::Address => Reply::new(501, "5.1.3", "the recipient's address is malformed"),
    }
}
