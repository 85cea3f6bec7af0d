//! Delivery status notifications: what the sender is told (RFC 3461 6, RFC 3464, RFC 6522; RFC 6533 for addresses
//! beyond ASCII).

use std::fmt::Write;

use jiff::Timestamp;
use mapi::FileTime;
use store::outbound::{Letter, Recipient, Ret};

use crate::smtp::trace::date;

/// What the report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Failed,
    /// It is tried until then.
    Delayed {
        until: FileTime,
    },
    /// A host without DSN has taken it over, and nobody will hear more.
    Relayed,
    /// It is in a mailbox.
    Delivered,
}

impl Kind {
    /// RFC 3464 2.3.3
    fn action(self) -> &'static str {
        match self {
            Kind::Failed => "failed",
            Kind::Delayed { .. } => "delayed",
            Kind::Relayed => "relayed",
            Kind::Delivered => "delivered",
        }
    }

    fn subject(self) -> &'static str {
        match self {
            Kind::Failed => "Undeliverable mail",
            Kind::Delayed { .. } => "Mail is delayed",
            Kind::Relayed => "Mail was relayed",
            Kind::Delivered => "Mail was delivered",
        }
    }
}

/// The message that it is about.
pub struct About<'a> {
    /// The name of this host.
    pub host: &'a str,
    /// Makes the Message-ID and the boundary: unique.
    pub unique: &'a str,
    pub now: Timestamp,
    pub arrived: FileTime,
    /// Who is told.
    pub to: &'a str,
    pub envelope_id: &'a str,
    pub ret: Option<Ret>,
    pub message: &'a [u8],
}

impl<'a> About<'a> {
    /// About a message of the queue.
    pub fn letter(letter: &'a Letter, message: &'a [u8], host: &'a str, unique: &'a str) -> Self {
        About {
            host,
            unique,
            now: Timestamp::now(),
            arrived: letter.queued,
            to: &letter.from,
            envelope_id: &letter.envelope_id,
            ret: letter.ret,
            message,
        }
    }
}

/// One recipient and what became of him.
pub struct Told<'a> {
    pub recipient: &'a Recipient,
    /// The host that answered; empty if none did.
    pub remote: &'a str,
    pub status: String,
    pub answer: String,
}

/// A message of up to this many bytes is given back whole where the sender did not say; and at most this many where he
/// wants all of it.
const MAX_GIVEN: usize = 64 << 10;
const MAX_FULL: usize = 1 << 20;
/// Recipients that the text names; the part for programs has all.
const MAX_NAMED: usize = 100;

/// The report as an Internet message from nobody.
pub fn write(kind: Kind, about: &About<'_>, told: &[Told<'_>]) -> Vec<u8> {
    let About { host, unique, .. } = about;
    let boundary = format!("=_report_{unique}_{host}");
    let mut out = String::new();
    let _ = write!(
        out,
        "From: Mail Delivery System <MAILER-DAEMON@{host}>\r\n\
         To: <{}>\r\n\
         Subject: {}\r\n\
         Date: {}\r\n\
         Message-ID: <report.{unique}@{host}>\r\n\
         Auto-Submitted: auto-replied\r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"{boundary}\"\r\n\
         Content-Transfer-Encoding: 8bit\r\n\r\n",
        about.to,
        kind.subject(),
        date(about.now),
    );
    let _ = write!(
        out,
        "--{boundary}\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: 8bit\r\n\r\n{}\r\n",
        words(kind, about, told)
    );
    let beyond = !about.to.is_ascii() || told.iter().any(|one| !one.recipient.address.is_ascii());
    let status = if beyond { "global-delivery-status" } else { "delivery-status" };
    let _ = write!(
        out,
        "--{boundary}\r\nContent-Type: message/{status}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{}",
        for_programs(kind, about, told)
    );
    let most = if about.ret == Some(Ret::Full) { MAX_FULL } else { MAX_GIVEN };
    let whole = about.ret != Some(Ret::Headers)
        && about.message.len() <= most
        && kind == Kind::Failed
        // RFC 3464: the parts stay apart whatever the message holds.
        && !contains(about.message, boundary.as_bytes());
    let (part, given) = match whole {
        true => ("message/rfc822", about.message),
        false => ("text/rfc822-headers", header(about.message)),
    };
    let _ = write!(
        out,
        "\r\n--{boundary}\r\nContent-Type: {part}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    );
    let mut out = out.into_bytes();
    out.extend_from_slice(given);
    out.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    out
}

/// What a human reads.
fn words(kind: Kind, about: &About<'_>, told: &[Told<'_>]) -> String {
    let first = match kind {
        Kind::Failed => {
            "Your message could not be delivered to those who are named below. It will not be \
             tried again."
                .to_owned()
        }
        Kind::Delayed { until } => format!(
            "Your message could not be delivered yet to those who are named below.\r\nNothing is \
             to be done: it is tried again until {}. You are told if it\r\nis not delivered by then.",
            time(until)
        ),
        Kind::Relayed => {
            "Your message was handed to the host of those who are named below, which tells\r\n\
             nothing more of it."
                .to_owned()
        }
        Kind::Delivered => "Your message was delivered to those who are named below.".to_owned(),
    };
    let mut text = format!("This is the mail server {}.\r\n\r\n{first}\r\n", about.host);
    for one in told.iter().take(MAX_NAMED) {
        let _ = write!(text, "\r\n{}\r\n", one.recipient.address);
        if !matches!(kind, Kind::Delivered) {
            match one.remote.is_empty() {
                true => {
                    let _ = write!(text, "    {}\r\n", one.answer);
                }
                false => {
                    let _ = write!(text, "    {} said: {}\r\n", one.remote, one.answer);
                }
            }
        }
        if let (Kind::Failed, Some(hint)) = (kind, hint(&one.status)) {
            let _ = write!(text, "    {hint}\r\n");
        }
    }
    if told.len() > MAX_NAMED {
        let _ = write!(text, "\r\nand {} others\r\n", told.len() - MAX_NAMED);
    }
    text
}

/// What the enhanced code means, for humans (RFC 3463).
fn hint(status: &str) -> Option<&'static str> {
    let (_, rest) = status.split_once('.')?;
    Some(match rest {
        "1.1" | "1.6" => "There is no such recipient. Check the address.",
        "1.2" | "1.10" | "4.4" => "The domain does not exist, or takes no mail. Check the address.",
        "2.1" => "The recipient's mailbox is disabled.",
        "2.2" => "The recipient's mailbox is full. Try again later.",
        "2.3" | "3.4" => "The message is too large for the recipient.",
        "4.6" => "The message goes in circles between hosts.",
        "4.7" => "The recipient's host could not be reached for days.",
        "6.3" | "6.7" | "6.9" => "The recipient's host cannot take messages of this kind.",
        "7.1" | "7.0" => "The recipient's host refuses the message.",
        _ => return None,
    })
}

/// What programs read (RFC 3464 2).
fn for_programs(kind: Kind, about: &About<'_>, told: &[Told<'_>]) -> String {
    let mut text = String::new();
    if !about.envelope_id.is_empty() {
        let _ = write!(text, "Original-Envelope-Id: {}\r\n", unxtext(about.envelope_id));
    }
    let _ = write!(text, "Reporting-MTA: dns; {}\r\n", about.host);
    let _ = write!(text, "Arrival-Date: {}\r\n", time(about.arrived));
    for one in told {
        text.push_str("\r\n");
        if let Some((kind, address)) = one.recipient.original.split_once(';') {
            let _ = write!(text, "Original-Recipient: {kind};{}\r\n", unxtext(address));
        }
        let address = &one.recipient.address;
        let of = if address.is_ascii() { "rfc822" } else { "utf-8" };
        let _ = write!(text, "Final-Recipient: {of};{address}\r\n");
        let _ = write!(text, "Action: {}\r\nStatus: {}\r\n", kind.action(), one.status);
        if !one.remote.is_empty() {
            let _ = write!(text, "Remote-MTA: dns; {}\r\n", one.remote);
            if !one.answer.is_empty() {
                let _ = write!(text, "Diagnostic-Code: smtp; {}\r\n", one.answer);
            }
        } else if !one.answer.is_empty() {
            // No host said it.
            let _ = write!(text, "Diagnostic-Code: X-Coffer; {}\r\n", one.answer);
        }
        let _ = write!(text, "Last-Attempt-Date: {}\r\n", date(about.now));
        if let Kind::Delayed { until } = kind {
            let _ = write!(text, "Will-Retry-Until: {}\r\n", time(until));
        }
    }
    text
}

fn time(at: FileTime) -> String {
    let (seconds, _) = at.to_unix();
    date(Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH))
}

/// The header of a message with the empty line; at most so much of it as is given back.
fn header(message: &[u8]) -> &[u8] {
    let end =
        message.windows(4).position(|four| four == b"\r\n\r\n").map_or(message.len(), |at| at + 2);
    let end = end.min(MAX_GIVEN);
    // Whole lines.
    match message[..end].iter().rposition(|byte| *byte == b'\n') {
        Some(at) => &message[..=at],
        None => &[],
    }
}

fn contains(message: &[u8], part: &[u8]) -> bool {
    message.windows(part.len().max(1)).any(|window| window == part)
}

/// xtext without its coding (RFC 3461 4); control characters stay coded.
fn unxtext(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('+') {
        out.push_str(&rest[..at]);
        let code = rest.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code.filter(|code| (0x20..0x7f).contains(code)) {
            Some(code) => {
                out.push(char::from(code));
                rest = &rest[at + 3..];
            }
            None => {
                out.push('+');
                rest = &rest[at + 1..];
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use mapi::tags;

    use super::*;

    const MESSAGE: &[u8] = b"From: ann@here.test\r\nSubject: lost\r\n\r\nthe body\r\n";

    fn about(ret: Option<Ret>) -> About<'static> {
        About {
            host: "mail.here.test",
            unique: "1-2",
            now: Timestamp::from_second(1_700_000_000).unwrap(),
            arrived: FileTime::from_unix(1_699_999_000, 0),
            to: "ann@here.test",
            envelope_id: "QQ+2B1",
            ret,
            message: MESSAGE,
        }
    }

    fn report(kind: Kind, ret: Option<Ret>) -> String {
        let original = "rfc822;bob+2Bx@there.test".to_owned();
        let recipient = Recipient { original, ..Recipient::new("bob@there.test") };
        let told = Told {
            recipient: &recipient,
            remote: "mx.there.test",
            status: "5.1.1".into(),
            answer: "550 5.1.1 no such user".into(),
        };
        String::from_utf8(write(kind, &about(ret), &[told])).unwrap()
    }

    #[test]
    fn a_report_says_what_rfc_3464_wants_and_is_read_as_one() {
        let text = report(Kind::Failed, None);
        for line in [
            "Original-Envelope-Id: QQ+1\r\n",
            "Reporting-MTA: dns; mail.here.test\r\n",
            "Original-Recipient: rfc822;bob+x@there.test\r\n",
            "Final-Recipient: rfc822;bob@there.test\r\n",
            "Action: failed\r\n",
            "Status: 5.1.1\r\n",
            "Remote-MTA: dns; mx.there.test\r\n",
            "Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n",
            "Arrival-Date: Tue, 14 Nov 2023 21:56:40 +0000\r\n",
            "There is no such recipient. Check the address.\r\n",
            "the body\r\n",
        ] {
            assert!(text.contains(line), "{line:?} in {text}");
        }
        let content = formats::mime::read(text.as_bytes()).unwrap();
        let class = content.properties.text(tags::MESSAGE_CLASS);
        assert_eq!(class.as_deref(), Some("REPORT.IPM.Note.NDR"));
        assert_eq!(content.recipients.len(), 1);
    }

    #[test]
    fn no_more_is_given_back_than_is_wanted() {
        assert!(!report(Kind::Failed, Some(Ret::Headers)).contains("the body"));
        assert!(report(Kind::Failed, Some(Ret::Full)).contains("the body"));
        let delayed = report(Kind::Delayed { until: FileTime::from_unix(1_700_100_000, 0) }, None);
        assert!(!delayed.contains("the body") && delayed.contains("Subject: lost\r\n"));
        assert!(delayed.contains("Will-Retry-Until: Thu, 16 Nov 2023 02:00:00 +0000\r\n"));
        assert!(delayed.contains("Action: delayed\r\n"));
        assert!(report(Kind::Relayed, None).contains("Action: relayed\r\n"));
        assert!(report(Kind::Delivered, None).contains("Action: delivered\r\n"));
        assert_eq!(header(b"no end"), b"");
        assert_eq!(unxtext("a+b+0Dc+20"), "a+b+0Dc ");
    }
}
