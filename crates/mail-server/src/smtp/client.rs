//! The other side: sending messages to a host over SMTP (RFC 5321), with PIPELINING (RFC 2920), SIZE (RFC 1870),
//! 8BITMIME (RFC 6152), SMTPUTF8 (RFC 6531), DSN (RFC 3461) and STARTTLS (RFC 3207) where it has them.
//!
//! Whatever the host says, and however slowly, this ends: answers have a bound, and each step has its time
//! (RFC 5321 4.5.3.2).

use std::fmt;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use store::outbound::{Notify, Ret};

use crate::line::{Ending, Lines, ReadError, Stream};

/// How long each step may take (RFC 5321 4.5.3.2).
#[derive(Debug, Clone)]
pub struct Times {
    pub connect: Duration,
    pub greeting: Duration,
    pub mail: Duration,
    pub rcpt: Duration,
    pub data: Duration,
    /// Some octets of the message have to be taken within this time.
    pub block: Duration,
    /// The answer to the message.
    pub end: Duration,
    pub quit: Duration,
}

impl Default for Times {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        Times {
            connect: Duration::from_secs(30),
            greeting: minutes(5),
            mail: minutes(5),
            rcpt: minutes(5),
            data: minutes(2),
            block: minutes(3),
            end: minutes(10),
            quit: Duration::from_secs(5),
        }
    }
}

impl Times {
    /// The same time for each step.
    pub fn all(time: Duration) -> Times {
        Times {
            connect: time,
            greeting: time,
            mail: time,
            rcpt: time,
            data: time,
            block: time,
            end: time,
            quit: time,
        }
    }
}

/// What a host answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub code: u16,
    /// The enhanced code (RFC 3463), if it gave one of its code's class.
    pub status: Option<String>,
    /// In one line, without control characters.
    pub text: String,
}

/// Lines of an answer that are read, and bytes of a line and of all lines' text that are kept.
const MAX_LINES: usize = 128;
const MAX_LINE: usize = 2_048;
const MAX_TEXT: usize = 512;

impl Answer {
    /// One that no host gave.
    pub fn own(code: u16, status: &str, text: impl Into<String>) -> Answer {
        Answer { code, status: Some(status.to_owned()), text: text.into() }
    }

    pub fn is_good(&self) -> bool {
        (200..400).contains(&self.code)
    }

    pub fn is_permanent(&self) -> bool {
        self.code >= 500
    }

    /// The enhanced code, made from the code where the host gave none.
    pub fn status(&self) -> String {
        match &self.status {
            Some(status) => status.clone(),
            None => format!("{}.0.0", self.code / 100),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(status) = &self.status {
            write!(f, " {status}")?;
        }
        match self.text.is_empty() {
            true => Ok(()),
            false => write!(f, " {}", self.text),
        }
    }
}

/// Puts an answer together from its lines.
#[derive(Debug, Default)]
pub struct Collect {
    code: Option<u16>,
    lines: Vec<String>,
    bytes: usize,
    count: usize,
}

/// What came is no answer of SMTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Garbage;

impl Collect {
    /// Takes a line without its end. Returns the answer, and its lines without their codes, behind the last one.
    ///
    /// # Errors
    /// [`Garbage`].
    pub fn line(&mut self, line: &[u8]) -> Result<Option<(Answer, Vec<String>)>, Garbage> {
        self.count += 1;
        let (code, rest) = line.split_at_checked(3).ok_or(Garbage)?;
        let digits = code.iter().all(u8::is_ascii_digit) && (b'2'..=b'5').contains(&code[0]);
        if !digits || self.count > MAX_LINES {
            return Err(Garbage);
        }
        let code = code.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
        if *self.code.get_or_insert(code) != code {
            return Err(Garbage);
        }
        let more = match rest.first() {
            None | Some(b' ') => false,
            Some(b'-') => true,
            Some(_) => return Err(Garbage),
        };
        let text: String = String::from_utf8_lossy(rest.get(1..).unwrap_or_default())
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        self.bytes += text.len();
        if self.bytes <= MAX_LINE * 8 {
            self.lines.push(text.trim().to_owned());
        }
        if more {
            return Ok(None);
        }
        let lines = std::mem::take(&mut self.lines);
        let (status, text) = said(code, &lines);
        Ok(Some((Answer { code, status, text }, lines)))
    }
}

/// The enhanced code of the first line, and the texts behind those of all lines.
fn said(code: u16, lines: &[String]) -> (Option<String>, String) {
    let mut status = None;
    let mut text = String::new();
    for line in lines {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = match is_status(code, word) {
            true => {
                status.get_or_insert_with(|| word.to_owned());
                rest
            }
            false => line,
        };
        if !text.is_empty() && !rest.is_empty() {
            text.push(' ');
        }
        text.push_str(rest);
        if text.len() > MAX_TEXT {
            text.truncate(text.floor_char_boundary(MAX_TEXT));
            break;
        }
    }
    (status, text)
}

/// class "." subject "." detail, of the class of the code (RFC 2034 4).
fn is_status(code: u16, word: &str) -> bool {
    let parts: Vec<&str> = word.split('.').collect();
    let number = |text: &&str| {
        (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    matches!(&parts[..], [class, ..] if parts.len() == 3
        && parts.iter().all(number)
        && *class == (code / 100).to_string())
}

/// What a host has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Features {
    pub pipelining: bool,
    pub eight_bit: bool,
    pub utf8: bool,
    pub dsn: bool,
    pub starttls: bool,
    /// SIZE; the largest message that it takes, if it says.
    pub size: Option<Option<u64>>,
}

impl Features {
    /// From the lines of an answer to EHLO; the first one is the host's name.
    fn read(lines: &[String]) -> Features {
        let mut features = Features::default();
        for line in lines.iter().skip(1) {
            let mut words = line.split_ascii_whitespace();
            match words.next().unwrap_or_default().to_ascii_uppercase().as_str() {
                "PIPELINING" => features.pipelining = true,
                "8BITMIME" => features.eight_bit = true,
                "SMTPUTF8" => features.utf8 = true,
                "DSN" => features.dsn = true,
                "STARTTLS" => features.starttls = true,
                "SIZE" => {
                    let most = words.next().and_then(|most| most.parse().ok());
                    // RFC 1870 3: zero is no bound.
                    features.size = Some(most.filter(|most| *most > 0));
                }
                _ => {}
            }
        }
        features
    }
}

/// Makes a connection a secure one.
pub trait StartTls: Send + Sync + 'static {
    /// Makes the handshake with a host.
    fn secure(&self, host: &str, stream: Stream) -> Securing;
}

pub type Securing = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

/// Why a host is of no use now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unusable {
    /// It said so.
    Said(Answer),
    /// The connection broke, it was too slow, or it speaks no SMTP.
    Broken(String),
    /// The handshake failed; it may do without.
    Handshake(String),
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unusable::Said(answer) => answer.fmt(f),
            Unusable::Broken(why) => f.write_str(why),
            Unusable::Handshake(why) => write!(f, "the TLS handshake failed: {why}"),
        }
    }
}

/// What is sent.
#[derive(Debug, Clone)]
pub struct Mail<'a> {
    /// Empty for `<>`.
    pub from: &'a str,
    pub eight_bit: bool,
    pub utf8: bool,
    pub ret: Option<Ret>,
    pub envelope_id: &'a str,
    /// INVARIANT: every line ends in CR LF, and neither stands alone.
    pub message: &'a [u8],
}

/// To whom.
#[derive(Debug, Clone, Copy)]
pub struct To<'a> {
    pub address: &'a str,
    pub notify: Notify,
    /// ORCPT; empty if there is none.
    pub original: &'a str,
}

/// What became of one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The host has it now.
    Taken(Answer),
    /// The host refuses it, for now or for good; or it lacks what the message needs.
    Refused(Answer),
    /// The host did not say. `sent` tells that it may have the message.
    Unknown { why: String, sent: bool },
}

/// A connection to a host that has greeted.
pub struct Client {
    lines: Lines,
    times: Times,
    pub features: Features,
    pub secure: bool,
    /// Nothing more can be said.
    over: bool,
    /// A transaction was begun and not ended.
    open: bool,
}

/// Recipients that are named before their answers are waited for.
const AT_A_TIME: usize = 50;
/// Octets of a message that are written at a time.
const BLOCK: usize = 32 << 10;

impl Client {
    /// Hears the greeting and says EHLO, or HELO; starts TLS with a host that has it, if `tls` is there.
    ///
    /// # Errors
    /// [`Unusable`].
    pub async fn greet(
        stream: Stream,
        ending: Ending,
        host: &str,
        name: &str,
        times: &Times,
        tls: Option<&dyn StartTls>,
    ) -> Result<Client, Unusable> {
        let lines = Lines::new(stream, ending, times.block);
        let (times, features) = (times.clone(), Features::default());
        let mut client = Client { lines, times, features, secure: false, over: false, open: false };
        let (greeting, _) = client.answer(client.times.greeting).await?;
        if greeting.code != 220 {
            client.quit().await;
            return Err(Unusable::Said(greeting));
        }
        client.hello(name).await?;
        if let Some(tls) = tls.filter(|_| client.features.starttls) {
            client.say("STARTTLS").await?;
            let (answer, _) = client.answer(client.times.mail).await?;
            // RFC 3207 4.1: one that cannot now goes on without.
            if answer.code == 220 {
                client = client.secured(host, tls).await?;
                // RFC 3207 4.2: what was learned before counts for nothing.
                client.features = Features::default();
                client.hello(name).await?;
            }
        }
        Ok(client)
    }

    async fn secured(mut self, host: &str, tls: &dyn StartTls) -> Result<Client, Unusable> {
        // RFC 3207 5: what was sent before its time was sent by somebody else.
        self.lines.discard_input();
        let Client { lines, times, features, .. } = self;
        let wrapped = lines.wrap(|stream| tls.secure(host, stream));
        match tokio::time::timeout(times.mail, wrapped).await {
            Ok(Ok(lines)) => {
                Ok(Client { lines, times, features, secure: true, over: false, open: false })
            }
            Ok(Err(error)) => Err(Unusable::Handshake(error.to_string())),
            Err(_) => Err(Unusable::Handshake("it took too long".to_owned())),
        }
    }

    async fn hello(&mut self, name: &str) -> Result<(), Unusable> {
        self.say(&format!("EHLO {name}")).await?;
        let (answer, lines) = self.answer(self.times.mail).await?;
        if answer.code == 250 {
            self.features = Features::read(&lines);
            return Ok(());
        }
        // RFC 5321 3.2: an old host.
        if !answer.is_permanent() {
            return Err(Unusable::Said(answer));
        }
        self.say(&format!("HELO {name}")).await?;
        match self.answer(self.times.mail).await? {
            (answer, _) if answer.code == 250 => Ok(()),
            (answer, _) => Err(Unusable::Said(answer)),
        }
    }

    /// Whether another message may be sent over it.
    pub fn is_usable(&self) -> bool {
        // What it says without being asked would be taken for the answer to what comes next.
        !self.over && self.lines.buffered().is_empty()
    }

    /// Sends a message. The verdicts are in the order of the recipients.
    pub async fn send(&mut self, mail: &Mail<'_>, to: &[To<'_>]) -> Vec<Verdict> {
        if let Some(lacking) = self.lacking(mail, to) {
            return to.iter().map(|_| Verdict::Refused(lacking.clone())).collect();
        }
        let mut verdicts = vec![None; to.len()];
        let done = self.transaction(mail, to, &mut verdicts).await;
        if let Err((why, sent)) = done {
            self.over = true;
            let unknown = Verdict::Unknown { why, sent };
            return verdicts.into_iter().map(|one| one.unwrap_or(unknown.clone())).collect();
        }
        let silent = || Verdict::Unknown { why: "the host did not answer".into(), sent: true };
        verdicts.into_iter().map(|one| one.unwrap_or_else(silent)).collect()
    }

    /// What the host would need to have for this message, and has not.
    fn lacking(&self, mail: &Mail<'_>, to: &[To<'_>]) -> Option<Answer> {
        let features = &self.features;
        let size = mail.message.len() as u64;
        if features.size.flatten().is_some_and(|most| size > most) {
            let text = format!("the message has {size} bytes, which is more than the host takes");
            return Some(Answer::own(552, "5.3.4", text));
        }
        if mail.utf8 && !features.utf8 {
            // RFC 6531 3.2 and 4.2
            let named = !mail.from.is_ascii() || to.iter().any(|one| !one.address.is_ascii());
            let status = if named { "5.6.7" } else { "5.6.9" };
            let text = "the host takes no addresses and headers beyond ASCII (SMTPUTF8)";
            return Some(Answer::own(553, status, text));
        }
        if mail.eight_bit && !features.eight_bit {
            // RFC 6152 3: such a message is converted or refused. A conversion would break signatures.
            let text = "the host takes 7-bit messages only (no 8BITMIME)";
            return Some(Answer::own(554, "5.6.3", text));
        }
        None
    }

    async fn transaction(
        &mut self,
        mail: &Mail<'_>,
        to: &[To<'_>],
        verdicts: &mut [Option<Verdict>],
    ) -> Result<(), (String, bool)> {
        if std::mem::take(&mut self.open) {
            self.ask("RSET", self.times.mail).await?;
        }
        let from = self.mail_command(mail);
        self.open = true;
        let step = if self.features.pipelining { AT_A_TIME } else { 1 };
        let mut refusal = None;
        let mut said_mail = false;
        if !self.features.pipelining {
            let answer = self.ask(&from, self.times.mail).await?;
            said_mail = true;
            refusal = Some(answer).filter(|answer| !answer.is_good());
        }
        let mut good = Vec::new();
        for (start, some) in to.chunks(step).enumerate().map(|(at, some)| (at * step, some)) {
            if let Some(refusal) = &refusal {
                let rest = verdicts[start..].iter_mut();
                rest.for_each(|one| *one = Some(Verdict::Refused(refusal.clone())));
                return Ok(());
            }
            let ours = !std::mem::replace(&mut said_mail, true);
            if ours {
                self.write(&from).await?;
            }
            for one in some {
                self.write(&self.rcpt_command(one)).await?;
            }
            if ours {
                let answer = self.heard(self.times.mail).await?;
                refusal = Some(answer).filter(|answer| !answer.is_good());
            }
            let verdicts = verdicts.iter_mut().enumerate().skip(start).take(some.len());
            for (place, verdict) in verdicts {
                let answer = self.heard(self.times.rcpt).await?;
                *verdict = match (&refusal, answer.is_good()) {
                    (Some(refusal), _) => Some(Verdict::Refused(refusal.clone())),
                    (None, false) => Some(Verdict::Refused(answer)),
                    (None, true) => {
                        good.push(place);
                        None
                    }
                };
            }
        }
        if good.is_empty() {
            return Ok(());
        }
        let answer = self.ask("DATA", self.times.data).await?;
        if answer.code != 354 {
            // A good answer that is none makes no sense.
            let odd = answer.is_good();
            let answer = if odd { Answer::own(451, "4.5.0", answer.to_string()) } else { answer };
            self.over |= odd;
            good.iter().for_each(|at| verdicts[*at] = Some(Verdict::Refused(answer.clone())));
            return Ok(());
        }
        self.open = false;
        self.body(mail.message).await.map_err(|error| (words(&error), false))?;
        // From here on the host may have it.
        let answer = self.heard(self.times.end).await.map_err(|(why, _)| (why, true))?;
        // A refusal may have come amidst the message, and another answer may follow.
        self.over |= !answer.is_good();
        for at in good {
            verdicts[at] = Some(match answer.is_good() {
                true => Verdict::Taken(answer.clone()),
                false => Verdict::Refused(answer.clone()),
            });
        }
        Ok(())
    }

    fn mail_command(&self, mail: &Mail<'_>) -> String {
        let features = &self.features;
        let mut command = format!("MAIL FROM:<{}>", mail.from);
        if features.size.is_some() {
            command += &format!(" SIZE={}", mail.message.len());
        }
        if features.eight_bit && mail.eight_bit {
            command += " BODY=8BITMIME";
        }
        if features.utf8 && mail.utf8 {
            command += " SMTPUTF8";
        }
        if features.dsn {
            match mail.ret {
                Some(Ret::Full) => command += " RET=FULL",
                Some(Ret::Headers) => command += " RET=HDRS",
                None => {}
            }
            if !mail.envelope_id.is_empty() {
                command += &format!(" ENVID={}", mail.envelope_id);
            }
        }
        command
    }

    fn rcpt_command(&self, to: &To<'_>) -> String {
        let mut command = format!("RCPT TO:<{}>", to.address);
        if !self.features.dsn {
            return command;
        }
        if to.notify.given {
            let words = [
                (to.notify.success, "SUCCESS"),
                (to.notify.failure, "FAILURE"),
                (to.notify.delay, "DELAY"),
            ];
            let words: Vec<_> = words.iter().filter(|(set, _)| *set).map(|(_, w)| *w).collect();
            let words = if words.is_empty() { "NEVER".to_owned() } else { words.join(",") };
            command += &format!(" NOTIFY={words}");
        }
        if !to.original.is_empty() {
            command += &format!(" ORCPT={}", to.original);
        }
        command
    }

    /// The octets of a message with its dots doubled, and the end (RFC 5321 4.5.2).
    async fn body(&mut self, message: &[u8]) -> io::Result<()> {
        let mut block = Vec::with_capacity(BLOCK + 1024);
        for line in message.split_inclusive(|byte| *byte == b'\n') {
            if line.starts_with(b".") {
                block.push(b'.');
            }
            block.extend_from_slice(line);
            if block.len() >= BLOCK {
                self.lines.write(&block).await?;
                block.clear();
            }
        }
        if !message.is_empty() && !message.ends_with(b"\r\n") {
            block.extend_from_slice(b"\r\n");
        }
        block.extend_from_slice(b".\r\n");
        self.lines.write(&block).await?;
        self.lines.flush().await
    }

    async fn write(&mut self, command: &str) -> Result<(), (String, bool)> {
        let line = format!("{command}\r\n");
        self.lines.write(line.as_bytes()).await.map_err(|error| (words(&error), false))
    }

    async fn say(&mut self, command: &str) -> Result<(), Unusable> {
        self.write(command).await.map_err(|(why, _)| Unusable::Broken(why))
    }

    async fn ask(&mut self, command: &str, within: Duration) -> Result<Answer, (String, bool)> {
        self.write(command).await?;
        self.heard(within).await
    }

    async fn heard(&mut self, within: Duration) -> Result<Answer, (String, bool)> {
        match self.answer(within).await {
            Ok((answer, _)) => Ok(answer),
            Err(unusable) => Err((unusable.to_string(), false)),
        }
    }

    /// Reads an answer, all of which has to come within a time.
    async fn answer(&mut self, within: Duration) -> Result<(Answer, Vec<String>), Unusable> {
        let read = async {
            let mut collect = Collect::default();
            loop {
                let line = self.lines.line(MAX_LINE, within).await?;
                match collect.line(&line.text) {
                    Ok(Some(answer)) => return Ok(Ok(answer)),
                    Ok(None) => {}
                    Err(Garbage) => return Ok(Err(Garbage)),
                }
            }
        };
        let read = match tokio::time::timeout(within, read).await {
            Ok(read) => read,
            Err(_) => Err(ReadError::TimedOut),
        };
        let why = match read {
            Ok(Ok((answer, lines))) => {
                // RFC 5321 3.8: it closes.
                self.over |= answer.code == 421;
                return Ok((answer, lines));
            }
            Ok(Err(Garbage)) | Err(ReadError::TooLong) => "what the host answers is no SMTP",
            Err(ReadError::TimedOut) => "the host did not answer in time",
            Err(ReadError::Closed) => "the host closed the connection",
            Err(ReadError::Ending) => "this server ends",
        };
        self.over = true;
        Err(Unusable::Broken(why.to_owned()))
    }

    /// Takes its leave.
    pub async fn quit(mut self) {
        if !self.over && self.write("QUIT").await.is_ok() {
            let _ = self.answer(self.times.quit).await;
        }
        let _ = tokio::time::timeout(self.times.quit, self.lines.close()).await;
    }
}

fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut => "the host took the message too slowly".to_owned(),
        _ => format!("the connection broke: {}", error.kind()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Result<Option<Answer>, Garbage> {
        let mut collect = Collect::default();
        let mut last = None;
        for line in lines {
            last = collect.line(line.as_bytes())?.map(|(answer, _)| answer);
        }
        Ok(last)
    }

    #[test]
    fn answers_are_read_in_all_their_forms() {
        let shown = |lines: &[&str]| read(lines).map(|answer| answer.map(|a| a.to_string()));
        assert_eq!(shown(&["250 ok"]), Ok(Some("250 ok".into())));
        assert_eq!(shown(&["250"]), Ok(Some("250".into())));
        assert_eq!(
            shown(&["550-5.1.1 no", "550 5.1.1 such user"]),
            Ok(Some("550 5.1.1 no such user".into()))
        );
        // An enhanced code of another class is text (RFC 2034 4).
        assert_eq!(read(&["550 2.1.1 x"]).unwrap().unwrap().status(), "5.0.0");
        assert_eq!(shown(&["250-a", "250-b"]), Ok(None));
        for garbage in [
            &["25"][..],
            &["150 x"],
            &["abc x"],
            &["250_x"],
            &["250-a", "550 b"],
            &["HTTP/1.1 400 Bad Request"],
        ] {
            assert_eq!(read(garbage), Err(Garbage), "{garbage:?}");
        }
        let long = vec!["250-x"; MAX_LINES + 1];
        assert_eq!(read(&long), Err(Garbage));
        let noisy = read(&[&format!("250 {}\u{1}", "y".repeat(2_000))]).unwrap().unwrap();
        assert!(noisy.text.len() <= MAX_TEXT && !noisy.text.contains('\u{1}'));
    }

    #[test]
    fn features_are_read_from_ehlo() {
        let lines = ["there.test", "pipelining", "SIZE 0", "8BITMIME", "X-OTHER a b", "dsn"];
        let lines = lines.map(str::to_owned);
        let expected = Features {
            pipelining: true,
            eight_bit: true,
            dsn: true,
            size: Some(None),
            ..Features::default()
        };
        assert_eq!(Features::read(&lines), expected);
        let sized = Features::read(&["x".to_owned(), "SIZE 1000".to_owned()]);
        assert_eq!(sized.size, Some(Some(1_000)));
    }
}
