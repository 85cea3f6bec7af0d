//! What the server answers: a code (RFC 5321 4.2), an enhanced one (RFC 2034, RFC 3463), and a text.

use std::borrow::Cow;

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub code: u16,
    /// Empty for answers that have none: those to EHLO, and the intermediate ones.
    pub status: &'static str,
    pub text: Cow<'static, str>,
}

impl Reply {
    pub const fn new(code: u16, status: &'static str, text: &'static str) -> Reply {
        Reply { code, status, text: Cow::Borrowed(text) }
    }

    pub fn say(code: u16, status: &'static str, text: String) -> Reply {
        Reply { code, status, text: Cow::Owned(text) }
    }

    pub fn is_good(&self) -> bool {
        self.code < 400
    }

    /// May be better the next time.
    pub fn is_transient(&self) -> bool {
        (400..500).contains(&self.code)
    }

    /// As it is sent.
    pub fn bytes(&self) -> Vec<u8> {
        let Reply { code, status, text } = self;
        match status.is_empty() {
            true => format!("{code} {text}\r\n").into_bytes(),
            false => format!("{code} {status} {text}\r\n").into_bytes(),
        }
    }
}

/// An answer of several lines without enhanced codes.
pub fn lines(code: u16, lines: &[String]) -> Vec<u8> {
    let mut text = String::new();
    for (index, line) in lines.iter().enumerate() {
        let mark = if index + 1 == lines.len() { ' ' } else { '-' };
        text.push_str(&format!("{code}{mark}{line}\r\n"));
    }
    text.into_bytes()
}

pub const OK: Reply = Reply::new(250, "2.0.0", "OK");
pub const SENDER_OK: Reply = Reply::new(250, "2.1.0", "sender noted");
pub const RECIPIENT_OK: Reply = Reply::new(250, "2.1.5", "recipient noted");
pub const GO_ON: Reply = Reply::new(354, "", "send the message; end it with <CRLF>.<CRLF>");
pub const START_TLS: Reply = Reply::new(220, "2.0.0", "begin TLS");
pub const BYE: Reply = Reply::new(221, "2.0.0", "bye");
pub const VRFY: Reply =
    Reply::new(252, "2.5.0", "nobody is verified here; send the message, and RCPT will tell");
pub const HELP: Reply = Reply::new(214, "2.0.0", "RFC 5321 tells how this works");

pub const ENDING: Reply = Reply::new(421, "4.3.2", "the server ends; try again later");
pub const TIMED_OUT: Reply = Reply::new(421, "4.4.2", "nothing came in time");
pub const TOO_MANY_ERRORS: Reply = Reply::new(421, "4.7.0", "too many errors");
pub const TOO_MANY_CONNECTIONS: Reply = Reply::new(421, "4.7.0", "too many connections");

pub const UNKNOWN: Reply = Reply::new(500, "5.5.2", "the command is unknown");
pub const TOO_LONG: Reply = Reply::new(500, "5.5.2", "the line is too long");
pub const BARE_LF: Reply = Reply::new(500, "5.5.2", "lines end in CRLF");
pub const NOT_HERE: Reply = Reply::new(502, "5.5.1", "the command is not served here");
pub const SEQUENCE: Reply = Reply::new(503, "5.5.1", "the command is out of sequence");
pub const NO_RECIPIENTS: Reply = Reply::new(503, "5.5.1", "there is no valid recipient");
pub const PARAMETER: Reply = Reply::new(555, "5.5.4", "the parameter is unknown");
pub const NEEDS_UTF8: Reply =
    Reply::new(553, "5.6.7", "an address beyond ASCII needs SMTPUTF8 in MAIL");

pub const NO_SUCH_USER: Reply = Reply::new(550, "5.1.1", "there is no such mailbox here");
pub const DISABLED: Reply = Reply::new(550, "5.2.1", "the mailbox is disabled");
pub const MAILBOX_FULL: Reply = Reply::new(552, "5.2.2", "the mailbox is full");
pub const NO_RELAY: Reply = Reply::new(550, "5.7.1", "mail for other domains is not taken here");
pub const NO_OUTBOUND: Reply =
    Reply::new(550, "5.7.1", "this server cannot send to other domains yet");
pub const NOT_YOURS: Reply = Reply::new(553, "5.7.1", "the sender's address is not yours");
pub const MAY_NOT_SEND: Reply =
    Reply::new(552, "5.2.2", "your mailbox is too full to send: delete something first");
pub const TOO_MANY_RECIPIENTS: Reply = Reply::new(452, "4.5.3", "too many recipients");

pub const TOO_BIG: Reply = Reply::new(552, "5.3.4", "the message is too large");
pub const HEADER_TOO_LARGE: Reply =
    Reply::new(552, "5.3.4", "the header of the message is too large");
pub const SPOOL_FULL: Reply = Reply::new(452, "4.3.1", "there is no room now; try again later");
pub const FAILED: Reply = Reply::new(451, "4.3.0", "the server failed; try again later");
pub const BUSY: Reply = Reply::new(451, "4.3.2", "the server is busy; try again later");
pub const LOOP: Reply = Reply::new(554, "5.4.6", "the message goes in circles");

pub const NEEDS_AUTH: Reply = Reply::new(530, "5.7.0", "log on first");
pub const NEEDS_TLS: Reply = Reply::new(538, "5.7.11", "start TLS first");
pub const AUTH_OK: Reply = Reply::new(235, "2.7.0", "welcome");
pub const AUTH_WRONG: Reply = Reply::new(535, "5.7.8", "the user name or the password is wrong");
pub const AUTH_FAILED: Reply =
    Reply::new(454, "4.7.0", "the password cannot be verified now; try again later");
pub const AUTH_MALFORMED: Reply = Reply::new(501, "5.5.2", "this is no answer of the mechanism");
pub const AUTH_CANCELLED: Reply = Reply::new(501, "5.7.0", "given up");
pub const NO_MECHANISM: Reply = Reply::new(504, "5.5.4", "the mechanism is unknown");
