//! The commands of SMTP and LMTP, with the parameters of their extensions: RFC 5321 4.1, RFC 2033 4, RFC 3030 (BDAT),
//! RFC 3461 (DSN), RFC 4954 (AUTH), RFC 6152 (8BITMIME), RFC 6531 (SMTPUTF8).

use std::fmt;

use store::outbound::{Notify, Ret};

/// One command. Its [`fmt::Display`] is the line without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Helo(String),
    Ehlo(String),
    Lhlo(String),
    Mail(Mail),
    Rcpt(Rcpt),
    Data,
    Bdat { size: u64, last: bool },
    Rset,
    Noop,
    Quit,
    Vrfy(String),
    Expn(String),
    Help,
    StartTls,
    Auth { mechanism: String, initial: Option<String> },
}

/// MAIL FROM.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mail {
    /// None is the null reverse-path, `<>`.
    pub from: Option<Mailbox>,
    pub size: Option<u64>,
    /// BODY=8BITMIME.
    pub eight_bit: bool,
    pub utf8: bool,
    /// RET (RFC 3461 4.3).
    pub ret: Option<Ret>,
    /// ENVID, as it came (RFC 3461 4.4).
    pub envelope_id: Option<String>,
    /// AUTH= (RFC 4954 5) was there; it is believed of nobody.
    pub auth: bool,
}

/// RCPT TO.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rcpt {
    pub to: Mailbox,
    pub notify: Option<Notify>,
    /// ORCPT, as it came (RFC 3461 4.2).
    pub original: Option<String>,
}

impl Mail {
    /// Whether it asks for what DSN gives.
    pub fn asks_for_dsn(&self) -> bool {
        self.ret.is_some() || self.envelope_id.is_some()
    }
}

impl Rcpt {
    /// As [`Mail::asks_for_dsn`].
    pub fn asks_for_dsn(&self) -> bool {
        self.notify.is_some() || self.original.is_some()
    }
}

/// An address of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// Without quotes and what they protect.
    pub local: String,
    /// None for `<Postmaster>` alone (RFC 5321 4.1.1.3).
    pub domain: Option<String>,
}

impl Mailbox {
    /// As the directory knows it.
    pub fn address(&self) -> String {
        match &self.domain {
            Some(domain) => format!("{}@{domain}", self.local),
            None => self.local.clone(),
        }
    }

    /// Whether RFC 6531 is needed to name it.
    pub fn is_utf8(&self) -> bool {
        !self.local.is_ascii() || self.domain.as_ref().is_some_and(|domain| !domain.is_ascii())
    }
}

/// As it stands between the brackets of a path.
impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match is_dot_string(&self.local) {
            true => f.write_str(&self.local)?,
            false => {
                f.write_str("\"")?;
                for char in self.local.chars() {
                    if matches!(char, '"' | '\\') {
                        f.write_str("\\")?;
                    }
                    write!(f, "{char}")?;
                }
                f.write_str("\"")?;
            }
        }
        match &self.domain {
            Some(domain) => write!(f, "@{domain}"),
            None => Ok(()),
        }
    }
}

/// Why a line is no command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// 500 5.5.2
    #[error("the command is unknown")]
    Unknown,
    /// 501 5.5.4
    #[error("{0}")]
    Syntax(&'static str),
    /// 501 5.1.3 and 5.1.7: an address that is none.
    #[error("the address is malformed")]
    Address,
    /// 555 5.5.4
    #[error("the parameter is unknown")]
    Parameter,
}

/// RFC 5321 4.5.3.1.1 to 4.5.3.1.3, in octets.
const MAX_LOCAL: usize = 64;
const MAX_DOMAIN: usize = 255;

impl Command {
    /// Reads a line without its end.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn read(line: &[u8]) -> Result<Command, Malformed> {
        let text = std::str::from_utf8(line).map_err(|_| Malformed::Unknown)?;
        if text.chars().any(char::is_control) {
            return Err(Malformed::Unknown);
        }
        let text = text.trim_end_matches(' ');
        let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
        let rest = rest.trim_start_matches(' ');
        let nothing = |command| match rest {
            "" => Ok(command),
            _ => Err(Malformed::Syntax("the command takes nothing behind it")),
        };
        match verb.to_ascii_uppercase().as_str() {
            "HELO" => Ok(Command::Helo(host(rest)?)),
            "EHLO" => Ok(Command::Ehlo(host(rest)?)),
            "LHLO" => Ok(Command::Lhlo(host(rest)?)),
            "MAIL" => mail(rest).map(Command::Mail),
            "RCPT" => rcpt(rest).map(Command::Rcpt),
            "DATA" => nothing(Command::Data),
            "BDAT" => bdat(rest),
            "RSET" => nothing(Command::Rset),
            "NOOP" => Ok(Command::Noop),
            "QUIT" => nothing(Command::Quit),
            "VRFY" if !rest.is_empty() => Ok(Command::Vrfy(rest.to_owned())),
            "EXPN" if !rest.is_empty() => Ok(Command::Expn(rest.to_owned())),
            "VRFY" | "EXPN" => Err(Malformed::Syntax("name somebody")),
            "HELP" => Ok(Command::Help),
            "STARTTLS" => nothing(Command::StartTls),
            "AUTH" => auth(rest),
            _ => Err(Malformed::Unknown),
        }
    }
}

/// What a client calls itself. Programs say all kinds of things here; it is only ever shown.
fn host(text: &str) -> Result<String, Malformed> {
    let fine = !text.is_empty()
        && text.len() <= MAX_DOMAIN
        && !text.contains(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '\\' | '<' | '>'));
    match fine {
        true => Ok(text.to_owned()),
        false => Err(Malformed::Syntax("give the name of your host")),
    }
}

fn bdat(rest: &str) -> Result<Command, Malformed> {
    let mut words = rest.split(' ').filter(|word| !word.is_empty());
    let size = words.next().and_then(number);
    let size = size.ok_or(Malformed::Syntax("BDAT takes a number of octets"))?;
    let last = match (words.next(), words.next()) {
        (None, _) => false,
        (Some(word), None) if word.eq_ignore_ascii_case("LAST") => true,
        _ => return Err(Malformed::Syntax("BDAT takes a number of octets and LAST")),
    };
    Ok(Command::Bdat { size, last })
}

fn number(text: &str) -> Option<u64> {
    // RFC 1870 6: up to 20 digits.
    let digits = !text.is_empty() && text.len() <= 20 && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

fn auth(rest: &str) -> Result<Command, Malformed> {
    let mut words = rest.split(' ').filter(|word| !word.is_empty());
    let mechanism = words.next().ok_or(Malformed::Syntax("AUTH takes a mechanism"))?.to_owned();
    let initial = words.next().map(str::to_owned);
    match words.next() {
        None => Ok(Command::Auth { mechanism, initial }),
        Some(_) => Err(Malformed::Syntax("AUTH takes a mechanism and one answer")),
    }
}

fn mail(rest: &str) -> Result<Mail, Malformed> {
    let rest = after(rest, "FROM:").ok_or(Malformed::Syntax("say MAIL FROM:<address>"))?;
    let (from, parameters) = match rest.strip_prefix("<>") {
        Some(rest) => (None, rest),
        None => {
            let (mailbox, rest) = path(rest)?;
            if mailbox.domain.is_none() {
                return Err(Malformed::Address);
            }
            (Some(mailbox), rest)
        }
    };
    let mut mail = Mail { from, ..Mail::default() };
    let mut seen = Vec::new();
    for (name, value) in parameters_of(parameters)? {
        once(&mut seen, name)?;
        match (name.to_ascii_uppercase().as_str(), value) {
            ("SIZE", Some(value)) => {
                let size = number(value).ok_or(Malformed::Syntax("SIZE is a number of octets"))?;
                mail.size = Some(size);
            }
            ("BODY", Some(value)) if value.eq_ignore_ascii_case("7BIT") => {}
            ("BODY", Some(value)) if value.eq_ignore_ascii_case("8BITMIME") => {
                mail.eight_bit = true;
            }
            ("SMTPUTF8", None) => mail.utf8 = true,
            ("RET", Some(value)) if value.eq_ignore_ascii_case("FULL") => {
                mail.ret = Some(Ret::Full);
            }
            ("RET", Some(value)) if value.eq_ignore_ascii_case("HDRS") => {
                mail.ret = Some(Ret::Headers);
            }
            // RFC 3461 4.4
            ("ENVID", Some(value)) if is_xtext(value, 100) => {
                mail.envelope_id = Some(value.to_owned());
            }
            ("AUTH", Some(value)) if is_xtext(value, 500) => mail.auth = true,
            ("SIZE" | "BODY" | "SMTPUTF8" | "RET" | "ENVID" | "AUTH", _) => {
                return Err(Malformed::Syntax("the parameter's value is none that it may have"));
            }
            _ => return Err(Malformed::Parameter),
        }
    }
    Ok(mail)
}

fn rcpt(rest: &str) -> Result<Rcpt, Malformed> {
    let rest = after(rest, "TO:").ok_or(Malformed::Syntax("say RCPT TO:<address>"))?;
    let (to, parameters) = path(rest)?;
    if to.domain.is_none() && !to.local.eq_ignore_ascii_case("postmaster") {
        return Err(Malformed::Address);
    }
    let mut rcpt = Rcpt { to, notify: None, original: None };
    let mut seen = Vec::new();
    for (name, value) in parameters_of(parameters)? {
        once(&mut seen, name)?;
        match (name.to_ascii_uppercase().as_str(), value) {
            ("NOTIFY", Some(value)) => rcpt.notify = Some(notify(value)?),
            // RFC 3461 4.2
            ("ORCPT", Some(value)) if is_original(value) => {
                rcpt.original = Some(value.to_owned());
            }
            ("NOTIFY" | "ORCPT", _) => {
                return Err(Malformed::Syntax("the parameter's value is none that it may have"));
            }
            _ => return Err(Malformed::Parameter),
        }
    }
    Ok(rcpt)
}

fn notify(value: &str) -> Result<Notify, Malformed> {
    let wrong = Malformed::Syntax("NOTIFY is NEVER, or some of SUCCESS, FAILURE and DELAY");
    let mut notify = Notify { given: true, ..Notify::default() };
    if value.eq_ignore_ascii_case("NEVER") {
        return Ok(notify);
    }
    for word in value.split(',') {
        let place = match word.to_ascii_uppercase().as_str() {
            "SUCCESS" => &mut notify.success,
            "FAILURE" => &mut notify.failure,
            "DELAY" => &mut notify.delay,
            _ => return Err(wrong),
        };
        if std::mem::replace(place, true) {
            return Err(wrong);
        }
    }
    Ok(notify)
}

fn is_original(value: &str) -> bool {
    value.split_once(';').is_some_and(|(kind, address)| {
        let atom = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.');
        !kind.is_empty() && kind.bytes().all(atom) && is_xtext(address, 500)
    })
}

/// RFC 3461 4; with SMTPUTF8 also what RFC 6533 3 allows.
fn is_xtext(value: &str, most: usize) -> bool {
    !value.is_empty() && value.len() <= most && !value.contains(['=', ' '])
}

/// Parameters come once (RFC 5321 4.1.1.11).
fn once<'a>(seen: &mut Vec<&'a str>, name: &'a str) -> Result<(), Malformed> {
    if seen.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return Err(Malformed::Syntax("a parameter comes twice"));
    }
    seen.push(name);
    Ok(())
}

/// Parameters of a line; more than this are refused.
const MAX_PARAMETERS: usize = 16;

fn parameters_of(text: &str) -> Result<Vec<(&str, Option<&str>)>, Malformed> {
    if !text.is_empty() && !text.starts_with(' ') {
        return Err(Malformed::Address);
    }
    let words: Vec<_> = text.split(' ').filter(|word| !word.is_empty()).collect();
    if words.len() > MAX_PARAMETERS {
        return Err(Malformed::Parameter);
    }
    let split = |word| match str::split_once(word, '=') {
        Some((name, value)) => (name, Some(value)),
        None => (word, None),
    };
    Ok(words.into_iter().map(split).collect())
}

fn after<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(word.len())?;
    // A blank behind the colon is wrong and common.
    start.eq_ignore_ascii_case(word).then(|| rest.trim_start_matches(' '))
}

/// `<[@a,@b:]local@domain>`; returns what follows. The source route says nothing to us (RFC 5321 appendix C).
fn path(text: &str) -> Result<(Mailbox, &str), Malformed> {
    let mut rest = text.strip_prefix('<').ok_or(Malformed::Address)?;
    if rest.starts_with('@') {
        let (route, after) = rest.split_once(':').ok_or(Malformed::Address)?;
        let hops = || route.split(',').map(|hop| hop.strip_prefix('@'));
        if route.len() > MAX_DOMAIN || !hops().all(|hop| hop.is_some_and(is_domain)) {
            return Err(Malformed::Address);
        }
        rest = after;
    }
    let (local, rest) = match rest.strip_prefix('"') {
        Some(quoted) => quoted_local(quoted)?,
        None => {
            let end = rest.find(['@', '>']).ok_or(Malformed::Address)?;
            let (local, rest) = rest.split_at(end);
            if !is_dot_string(local) {
                return Err(Malformed::Address);
            }
            (local.to_owned(), rest)
        }
    };
    if local.len() > MAX_LOCAL {
        return Err(Malformed::Address);
    }
    let (domain, rest) = match rest.strip_prefix('@') {
        None => (None, rest),
        Some(rest) => {
            let end = rest.find('>').ok_or(Malformed::Address)?;
            let (domain, rest) = rest.split_at(end);
            if !is_domain(domain) {
                return Err(Malformed::Address);
            }
            (Some(domain.to_owned()), rest)
        }
    };
    let rest = rest.strip_prefix('>').ok_or(Malformed::Address)?;
    Ok((Mailbox { local, domain }, rest))
}

/// What stands behind the first quote; returns what follows the second.
fn quoted_local(text: &str) -> Result<(String, &str), Malformed> {
    let mut local = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Ok((local, &text[at + 1..])),
            '\\' => local.push(chars.next().ok_or(Malformed::Address)?.1),
            char => local.push(char),
        }
    }
    Err(Malformed::Address)
}

fn is_dot_string(text: &str) -> bool {
    let atext =
        |c: char| c.is_ascii_alphanumeric() || !c.is_ascii() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    // RFC 5322 forbids dots at the ends and beside each other; some telephones have such addresses.
    !text.is_empty() && text.chars().all(|c| c == '.' || (atext(c) && !c.is_whitespace()))
}

fn is_domain(text: &str) -> bool {
    if text.is_empty() || text.len() > MAX_DOMAIN {
        return false;
    }
    if let Some(literal) = text.strip_prefix('[') {
        let inside = literal.strip_suffix(']');
        return inside.is_some_and(|inside| {
            !inside.is_empty()
                && inside
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b':' | b'-'))
        });
    }
    let fine = |c: char| {
        c.is_ascii_alphanumeric() || matches!(c, '-' | '_') || (!c.is_ascii() && !c.is_whitespace())
    };
    text.split('.').all(|label| !label.is_empty() && label.chars().all(fine))
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Command::Helo(name) => write!(f, "HELO {name}"),
            Command::Ehlo(name) => write!(f, "EHLO {name}"),
            Command::Lhlo(name) => write!(f, "LHLO {name}"),
            Command::Mail(mail) => mail.fmt(f),
            Command::Rcpt(rcpt) => rcpt.fmt(f),
            Command::Data => f.write_str("DATA"),
            Command::Bdat { size, last } => {
                write!(f, "BDAT {size}{}", if *last { " LAST" } else { "" })
            }
            Command::Rset => f.write_str("RSET"),
            Command::Noop => f.write_str("NOOP"),
            Command::Quit => f.write_str("QUIT"),
            Command::Vrfy(name) => write!(f, "VRFY {name}"),
            Command::Expn(name) => write!(f, "EXPN {name}"),
            Command::Help => f.write_str("HELP"),
            Command::StartTls => f.write_str("STARTTLS"),
            Command::Auth { mechanism, initial: None } => write!(f, "AUTH {mechanism}"),
            Command::Auth { mechanism, initial: Some(initial) } => {
                write!(f, "AUTH {mechanism} {initial}")
            }
        }
    }
}

impl fmt::Display for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.from {
            Some(from) => write!(f, "MAIL FROM:<{from}>")?,
            None => f.write_str("MAIL FROM:<>")?,
        }
        if let Some(size) = self.size {
            write!(f, " SIZE={size}")?;
        }
        let flags = [
            (self.eight_bit, " BODY=8BITMIME"),
            (self.utf8, " SMTPUTF8"),
            (self.ret == Some(Ret::Full), " RET=FULL"),
            (self.ret == Some(Ret::Headers), " RET=HDRS"),
            (self.auth, " AUTH=<>"),
        ];
        flags.iter().filter(|(set, _)| *set).try_for_each(|(_, text)| f.write_str(text))?;
        match &self.envelope_id {
            Some(id) => write!(f, " ENVID={id}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Rcpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RCPT TO:<{}>", self.to)?;
        if let Some(Notify { success, failure, delay, .. }) = self.notify {
            let all = [(success, "SUCCESS"), (failure, "FAILURE"), (delay, "DELAY")];
            let set: Vec<_> = all.iter().filter(|(set, _)| *set).map(|(_, name)| *name).collect();
            let value = if set.is_empty() { "NEVER".to_owned() } else { set.join(",") };
            write!(f, " NOTIFY={value}")?;
        }
        match &self.original {
            Some(original) => write!(f, " ORCPT={original}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Command, Malformed> {
        let command = Command::read(line.as_bytes())?;
        let again = Command::read(command.to_string().as_bytes());
        assert_eq!(again, Ok(command.clone()), "{line}");
        Ok(command)
    }

    fn to(line: &str) -> Result<String, Malformed> {
        match read(&format!("RCPT TO:{line}"))? {
            Command::Rcpt(rcpt) => Ok(rcpt.to.address()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn commands_are_read() {
        assert_eq!(
            read("ehlo client.example.test"),
            Ok(Command::Ehlo("client.example.test".into()))
        );
        assert_eq!(read("LHLO [IPv6:2001:db8::1]"), Ok(Command::Lhlo("[IPv6:2001:db8::1]".into())));
        assert_eq!(read("data"), Ok(Command::Data));
        assert_eq!(read("DATA  "), Ok(Command::Data));
        assert_eq!(read("BDAT 86 last"), Ok(Command::Bdat { size: 86, last: true }));
        assert_eq!(read("BDAT 0"), Ok(Command::Bdat { size: 0, last: false }));
        assert_eq!(read("NOOP whatever"), Ok(Command::Noop));
        let auth = Command::Auth { mechanism: "PLAIN".into(), initial: Some("=".into()) };
        assert_eq!(read("AUTH PLAIN ="), Ok(auth));
        for unknown in ["", " DATA", "DATAA", "GET / HTTP/1.1", "MAIL\0FROM:<>", "DATA\r", "é"] {
            assert_eq!(read(unknown), Err(Malformed::Unknown), "{unknown:?}");
        }
        let no_text = Command::read(b"NOOP \xff");
        assert_eq!(no_text, Err(Malformed::Unknown));
        for wrong in [
            "DATA now",
            "BDAT",
            "BDAT -1",
            "BDAT 1 FIRST",
            "BDAT 1 LAST x",
            "EHLO",
            "EHLO a b",
            "HELO (x)",
            "RSET 1",
            "AUTH",
            "AUTH PLAIN a b",
            "VRFY",
            "MAIL TO:<a@b>",
            "MAIL",
            "RCPT FROM:<a@b>",
            "BDAT 99999999999999999999999",
            "BDAT 18446744073709551616",
        ] {
            assert!(matches!(read(wrong), Err(Malformed::Syntax(_))), "{wrong:?}");
        }
    }

    #[test]
    fn mail_and_its_parameters() {
        let mail = |line: &str| match read(line) {
            Ok(Command::Mail(mail)) => mail,
            other => panic!("{line}: {other:?}"),
        };
        assert_eq!(mail("MAIL FROM:<>"), Mail::default());
        assert_eq!(mail("mail from: <> body=7bit"), Mail::default());
        let all = mail(
            "MAIL FROM:<a@b.test> SIZE=12 BODY=8BITMIME SMTPUTF8 RET=FULL ENVID=x+2By AUTH=<>",
        );
        let from = Mailbox { local: "a".into(), domain: Some("b.test".into()) };
        let parts = (all.from, all.size, all.eight_bit, all.utf8, all.ret, all.auth);
        assert_eq!(parts, (Some(from), Some(12), true, true, Some(Ret::Full), true));
        assert_eq!(all.envelope_id.as_deref(), Some("x+2By"));
        for wrong in
            ["SIZE=1 size=2", "SIZE", "SIZE=x", "BODY=BINARYMIME", "SMTPUTF8=1", "RET=x", "ENVID="]
        {
            let line = format!("MAIL FROM:<a@b.test> {wrong}");
            assert!(matches!(read(&line), Err(Malformed::Syntax(_))), "{wrong}");
        }
        assert_eq!(read("MAIL FROM:<a@b.test> NO-SUCH=1"), Err(Malformed::Parameter));
        assert_eq!(read("MAIL FROM:<a@b.test>SIZE=1"), Err(Malformed::Address));
        assert_eq!(read("MAIL FROM:<postmaster>"), Err(Malformed::Address));
    }

    #[test]
    fn rcpt_and_its_parameters() {
        let line = "RCPT TO:<a@b.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a@b.test";
        let Ok(Command::Rcpt(rcpt)) = read(line) else { panic!("{line}") };
        let notify = Notify { given: true, success: true, failure: false, delay: true };
        assert_eq!(rcpt.notify, Some(notify));
        assert_eq!(rcpt.original.as_deref(), Some("rfc822;a@b.test"));
        for wrong in ["NOTIFY=NEVER,SUCCESS", "NOTIFY=DELAY,DELAY", "NOTIFY", "ORCPT=x", "ORCPT=;x"]
        {
            let line = format!("RCPT TO:<a@b.test> {wrong}");
            assert!(matches!(read(&line), Err(Malformed::Syntax(_))), "{wrong}");
        }
        assert_eq!(read("RCPT TO:<a@b.test> SIZE=1"), Err(Malformed::Parameter));
    }

    #[test]
    fn addresses() {
        for (line, address) in [
            ("<a@b.test>", "a@b.test"),
            ("<a+b.c=d@[192.0.2.1]>", "a+b.c=d@[192.0.2.1]"),
            ("<@one.test,@two.test:a@b.test>", "a@b.test"),
            ("<\"john doe\"@b.test>", "john doe@b.test"),
            ("<\"a\\\"\\\\@>b\"@b.test>", "a\"\\@>b@b.test"),
            ("<jürgen@bücher.test>", "jürgen@bücher.test"),
            ("<Postmaster>", "Postmaster"),
            ("<.a..b.@b.test>", ".a..b.@b.test"),
        ] {
            assert_eq!(to(line), Ok(address.to_owned()), "{line}");
        }
        let long = format!("<{}@b.test>", "x".repeat(65));
        for wrong in [
            "<>",
            "a@b.test",
            "<a@b.test",
            "<a>",
            "<@b.test>",
            "<a@>",
            "<a@b..test>",
            "<a b@c.test>",
            "<a@b@c.test>",
            "<\"a@b.test>",
            "<\"a\"b@c.test>",
            "<a@b.test>x",
            "<a@[]>",
            "<a\\@b.test>",
            long.as_str(),
        ] {
            assert_eq!(to(wrong), Err(Malformed::Address), "{wrong}");
        }
    }
}
