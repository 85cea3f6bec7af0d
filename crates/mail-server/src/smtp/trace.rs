//! What is stamped on a message, and what its header says on the way in (RFC 5321 4.4 and 6.3).

use std::fmt::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::listener::Peer;

/// How a message came.
pub struct Trace<'a> {
    /// None where the message is not in a mailbox yet.
    pub return_path: Option<&'a str>,
    /// What the client called itself.
    pub client: &'a str,
    pub peer: Peer,
    /// The name of this host.
    pub host: &'a str,
    /// "ESMTP" and its like (RFC 3848, RFC 6531 4.3).
    pub with: &'a str,
    pub id: &'a str,
    /// Named where it is the only one: others must not learn of it.
    pub recipient: Option<&'a str>,
    pub when: Timestamp,
}

/// Return-Path and Received, to be put in front of a message.
pub fn stamp(trace: &Trace<'_>) -> Vec<u8> {
    let mut text = String::new();
    if let Some(path) = trace.return_path {
        let _ = write!(text, "Return-Path: <{path}>\r\n");
    }
    let Trace { client, host, with, id, .. } = trace;
    let _ = write!(text, "Received: from {client}");
    if let Some(address) = trace.peer.0 {
        // RFC 5321 4.1.3
        let (tag, ip) = match address.ip().to_canonical() {
            std::net::IpAddr::V4(ip) => ("", ip.to_string()),
            std::net::IpAddr::V6(ip) => ("IPv6:", ip.to_string()),
        };
        let _ = write!(text, " ([{tag}{ip}])");
    }
    let _ = write!(text, "\r\n\tby {host} with {with} id {id}");
    if let Some(recipient) = trace.recipient {
        let _ = write!(text, "\r\n\tfor <{recipient}>");
    }
    let _ = write!(text, ";\r\n\t{}\r\n", date(trace.when));
    text.into_bytes()
}

/// A date of RFC 5322 3.3.
pub fn date(when: Timestamp) -> String {
    when.to_zoned(TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

/// What delivery has to know of a message's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Header {
    /// Received fields: hosts that it came through.
    pub received: usize,
    /// A program sent it by itself; nothing is answered on it (RFC 3834 2, and what lists say).
    pub automatic: bool,
    pub date: bool,
    pub message_id: bool,
}

/// Looks at the fields of a message; what follows the header is not read.
pub fn header(message: &[u8]) -> Header {
    let mut header = Header::default();
    for line in message.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            break;
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (line[..colon].trim_ascii_end(), line[colon + 1..].trim_ascii());
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        if is("received") {
            header.received += 1;
        } else if is("date") {
            header.date = true;
        } else if is("message-id") {
            header.message_id = true;
        } else if is("auto-submitted") {
            header.automatic |= !value.to_ascii_lowercase().starts_with(b"no");
        } else if is("precedence") {
            let kinds: [&[u8]; 3] = [b"bulk", b"junk", b"list"];
            header.automatic |= kinds.iter().any(|kind| value.eq_ignore_ascii_case(kind));
        } else if is("list-id") {
            header.automatic = true;
        }
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_as_the_rfc_draws_it() {
        let trace = Trace {
            return_path: Some("a@b.test"),
            client: "mx.b.test",
            peer: Peer(Some("192.0.2.7:4711".parse().expect("an address"))),
            host: "mail.test",
            with: "ESMTP",
            id: "1-2",
            recipient: Some("c@mail.test"),
            when: Timestamp::from_second(1_000_000_000).expect("a time"),
        };
        let expected = "Return-Path: <a@b.test>\r\nReceived: from mx.b.test ([192.0.2.7])\r\n\t\
             by mail.test with ESMTP id 1-2\r\n\tfor <c@mail.test>;\r\n\tSun, 09 Sep 2001 01:46:40 +0000\r\n";
        assert_eq!(String::from_utf8(stamp(&trace)), Ok(expected.to_owned()));
        let bare = Trace { return_path: None, recipient: None, peer: Peer(None), ..trace };
        let text = String::from_utf8(stamp(&bare)).expect("text");
        assert!(
            text.starts_with(
                "Received: from mx.b.test\r\n\tby mail.test with ESMTP id 1-2;\r\n\tSun"
            )
        );
        let six =
            Trace { peer: Peer(Some("[2001:db8::1]:1".parse().expect("an address"))), ..bare };
        assert!(
            String::from_utf8(stamp(&six)).expect("text").contains(" ([IPv6:2001:db8::1])\r\n")
        );
    }

    #[test]
    fn a_header_is_looked_at_and_no_body() {
        let read = |text: &str| header(text.as_bytes());
        let message = "Received: a\r\n by b\r\nRECEIVED: c\r\nDate: x\r\nreceived-spf: x\r\n\r\nReceived: d\r\n";
        let expected = Header { received: 2, date: true, ..Header::default() };
        assert_eq!(read(message), expected);
        for automatic in ["Auto-Submitted: auto-replied", "Precedence: Bulk", "List-Id: <x>"] {
            assert!(read(automatic).automatic, "{automatic}");
        }
        for other in
            ["Auto-Submitted: no", "Precedence: first-class", "\r\nAuto-Submitted: auto-replied"]
        {
            assert!(!read(other).automatic, "{other}");
        }
    }
}
