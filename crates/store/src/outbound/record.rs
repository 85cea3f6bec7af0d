//! A message of the queue to other domains, as its record says it.

use std::fmt;
use std::str::FromStr;

use mapi::{FileTime, Reader as WireReader, Wire, WireError};

use crate::MailboxNumber;
use crate::blob::BlobRef;
use crate::record::{read_bytes, version, write_bytes};

/// Names a message of the queue: the mailbox that sends it, and a number by its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LetterId {
    pub mailbox: MailboxNumber,
    pub number: u64,
}

/// As `coffer queue` shows it: the mailbox, a hyphen, the number.
impl fmt::Display for LetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{:x}", self.mailbox.0, self.number)
    }
}

/// It is no id of a message in the queue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no id of the queue, such as 3-1dc5f0a7b2c4d80; `coffer queue list` shows them")]
pub struct NoLetterId(String);

impl FromStr for LetterId {
    type Err = NoLetterId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('-').and_then(|(mailbox, number)| {
            let hex = |text: &str| u64::from_str_radix(text, 16).ok();
            Some((hex(mailbox)?, hex(number)?))
        });
        let (mailbox, number) = parts.ok_or_else(|| NoLetterId(text.to_owned()))?;
        Ok(LetterId { mailbox: MailboxNumber(mailbox), number })
    }
}

/// One message with those recipients who are to get it over SMTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// An operator keeps it back.
    pub held: bool,
    /// It holds octets beyond ASCII (RFC 6152).
    pub eight_bit: bool,
    /// A header or an address of it is beyond ASCII (RFC 6531).
    pub utf8: bool,
    /// How much of it a report gives back (RFC 3461 4.3).
    pub ret: Option<Ret>,
    pub queued: FileTime,
    /// Its bytes as they go out, in the store.
    pub message: BlobRef,
    /// The reverse-path; empty for `<>`, of which nothing is reported.
    pub from: String,
    /// ENVID, as it came (RFC 3461 4.4).
    pub envelope_id: String,
    /// Its Message-ID with the brackets; empty if it has none.
    pub message_id: String,
    /// INVARIANT: in the order in which they were put in; none goes before the message does.
    pub recipients: Vec<Recipient>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ret {
    Full,
    Headers,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    pub address: String,
    /// ORCPT, as it came (RFC 3461 4.2); empty if there was none.
    pub original: String,
    pub notify: Notify,
    pub state: RecipientState,
    /// The sender was told that it takes long.
    pub delay_told: bool,
    pub attempts: u32,
    /// Not before this time; 0 at once.
    pub due: FileTime,
    /// The host that answered last.
    pub remote: String,
    /// What it said, or what failed.
    pub last: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecipientState {
    Waiting,
    /// Another host has taken it over.
    Relayed,
    /// It cannot be sent; the sender was told if he is to be.
    Failed,
    /// An operator took it out.
    Dropped,
}

/// When the sender wants to be told (RFC 3461 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Notify {
    /// NOTIFY was said; without it failures and delays are told.
    pub given: bool,
    pub success: bool,
    pub failure: bool,
    pub delay: bool,
}

impl Notify {
    pub fn of_failure(self) -> bool {
        self.failure || !self.given
    }

    pub fn of_delay(self) -> bool {
        self.delay || !self.given
    }

    fn bits(self) -> u8 {
        [self.given, self.success, self.failure, self.delay]
            .iter()
            .enumerate()
            .map(|(place, set)| u8::from(*set) << place)
            .sum()
    }

    fn from_bits(bits: u8) -> Notify {
        let has = |place: u8| bits >> place & 1 == 1;
        Notify { given: has(0), success: has(1), failure: has(2), delay: has(3) }
    }
}

impl Recipient {
    /// One who waits for his first attempt.
    pub fn new(address: impl Into<String>) -> Recipient {
        Recipient {
            address: address.into(),
            original: String::new(),
            notify: Notify::default(),
            state: RecipientState::Waiting,
            delay_told: false,
            attempts: 0,
            due: FileTime(0),
            remote: String::new(),
            last: String::new(),
        }
    }

    /// The domain to send to, in lower case.
    pub fn domain(&self) -> String {
        self.address.rsplit('@').next().unwrap_or_default().to_lowercase()
    }

    pub fn waits(&self) -> bool {
        self.state == RecipientState::Waiting
    }
}

const VERSION: u8 = 1;
const HELD: u8 = 0x01;
const EIGHT_BIT: u8 = 0x02;
const UTF8: u8 = 0x04;
const RET_FULL: u8 = 0x08;
const RET_HEADERS: u8 = 0x10;
const KNOWN: u8 = 0x1f;

const STATES: [RecipientState; 4] = [
    RecipientState::Waiting,
    RecipientState::Relayed,
    RecipientState::Failed,
    RecipientState::Dropped,
];

impl Letter {
    pub(crate) fn read(bytes: &[u8]) -> Result<Letter, WireError> {
        let mut r = WireReader::new(bytes);
        let r = &mut r;
        version(r, VERSION)?;
        let flags = u8::read(r)?;
        let ret = match flags & (RET_FULL | RET_HEADERS) {
            0 => None,
            RET_FULL => Some(Ret::Full),
            RET_HEADERS => Some(Ret::Headers),
            both => return Err(r.bad("one kind of RET", u64::from(both), 1)),
        };
        if flags & !KNOWN != 0 {
            return Err(r.bad("known flags of a message in the queue", u64::from(flags), 1));
        }
        let mut letter = Letter {
            held: flags & HELD != 0,
            eight_bit: flags & EIGHT_BIT != 0,
            utf8: flags & UTF8 != 0,
            ret,
            queued: FileTime::read(r)?,
            message: BlobRef::from_bytes(&r.array("where the message is")?),
            from: text(r)?,
            envelope_id: text(r)?,
            message_id: text(r)?,
            recipients: Vec::new(),
        };
        let count = u32::read(r)? as usize;
        // Four sizes of texts, and what has one size.
        letter.recipients.reserve_exact(r.capacity(count, 4 * 4 + 15));
        for _ in 0..count {
            letter.recipients.push(recipient(r)?);
        }
        r.finish("nothing behind the recipients")?;
        Ok(letter)
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut flags = 0;
        for (flag, set) in [
            (HELD, self.held),
            (EIGHT_BIT, self.eight_bit),
            (UTF8, self.utf8),
            (RET_FULL, self.ret == Some(Ret::Full)),
            (RET_HEADERS, self.ret == Some(Ret::Headers)),
        ] {
            flags |= if set { flag } else { 0 };
        }
        let mut w = vec![VERSION, flags];
        self.queued.write(&mut w);
        w.extend_from_slice(&self.message.to_bytes());
        for text in [&self.from, &self.envelope_id, &self.message_id] {
            write_bytes(&mut w, text.as_bytes());
        }
        (self.recipients.len() as u32).write(&mut w);
        for recipient in &self.recipients {
            write_recipient(&mut w, recipient);
        }
        w
    }

    /// Whether nobody waits for it any more.
    pub(crate) fn is_done(&self) -> bool {
        !self.recipients.iter().any(Recipient::waits)
    }
}

/// The same record, kept back: what comes out of a backup may have been sent since.
pub(crate) fn held(bytes: &[u8]) -> Vec<u8> {
    match Letter::read(bytes) {
        Ok(letter) => Letter { held: true, ..letter }.to_bytes(),
        // A check says so.
        Err(_) => bytes.to_vec(),
    }
}

fn recipient(r: &mut WireReader<'_>) -> Result<Recipient, WireError> {
    let address = text(r)?;
    let original = text(r)?;
    let notify = Notify::from_bits(u8::read(r)?);
    let state = u8::read(r)?;
    let state = *STATES
        .get(usize::from(state))
        .ok_or_else(|| r.bad("a state of a recipient", u64::from(state), 1))?;
    Ok(Recipient {
        address,
        original,
        notify,
        state,
        delay_told: bool::read(r)?,
        attempts: u32::read(r)?,
        due: FileTime::read(r)?,
        remote: text(r)?,
        last: text(r)?,
    })
}

fn write_recipient(w: &mut Vec<u8>, recipient: &Recipient) {
    let state = STATES.iter().position(|state| *state == recipient.state).unwrap_or(0);
    write_bytes(w, recipient.address.as_bytes());
    write_bytes(w, recipient.original.as_bytes());
    w.extend_from_slice(&[recipient.notify.bits(), state as u8]);
    recipient.delay_told.write(w);
    recipient.attempts.write(w);
    recipient.due.write(w);
    write_bytes(w, recipient.remote.as_bytes());
    write_bytes(w, recipient.last.as_bytes());
}

/// A text behind its size.
pub(super) fn text(r: &mut WireReader<'_>) -> Result<String, WireError> {
    let bytes = read_bytes(r)?;
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(r.bad("a text in UTF-8", 0, bytes.len())),
    }
}

/// At most so many bytes of a text, whole characters.
pub(super) fn clip(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_survives_and_no_part_of_it_is_taken_for_it() {
        let letter = Letter {
            held: false,
            eight_bit: true,
            utf8: true,
            ret: Some(Ret::Headers),
            queued: FileTime(7),
            message: BlobRef::from_bytes(&[9; BlobRef::LEN]),
            from: "ann@here.test".into(),
            envelope_id: "QQ314159".into(),
            message_id: "<1@here.test>".into(),
            recipients: vec![
                Recipient::new("bob@there.test"),
                Recipient {
                    original: "rfc822;bob@there.test".into(),
                    notify: Notify { given: true, success: true, ..Notify::default() },
                    state: RecipientState::Failed,
                    delay_told: true,
                    attempts: 3,
                    due: FileTime(11),
                    remote: "mx.there.test".into(),
                    last: "550 5.1.1 no".into(),
                    ..Recipient::new("Cy@There.test")
                },
            ],
        };
        let bytes = letter.to_bytes();
        assert_eq!(Letter::read(&bytes).as_ref(), Ok(&letter));
        for cut in 0..bytes.len() {
            assert!(Letter::read(&bytes[..cut]).is_err());
        }
        assert_eq!(Letter::read(&held(&bytes)), Ok(Letter { held: true, ..letter.clone() }));
        assert_eq!(letter.recipients[1].domain(), "there.test");
        assert!(!letter.is_done());
    }

    #[test]
    fn ids_are_read_as_they_are_shown() {
        let id = LetterId { mailbox: MailboxNumber(3), number: 0x1dc5_f0a7 };
        assert_eq!(id.to_string().parse(), Ok(id));
        for wrong in ["", "-", "3", "3-", "x-1", "3-1-1"] {
            assert!(wrong.parse::<LetterId>().is_err(), "{wrong}");
        }
    }
}
