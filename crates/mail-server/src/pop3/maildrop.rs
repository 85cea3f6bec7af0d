//! The Inbox as one session sees it from its beginning to its end: its messages by number, and what of them is to be
//! deleted when it says QUIT.

use std::collections::HashSet;
use std::sync::Arc;

use mapi::{FolderId, MessageId};
use parking_lot::Mutex;
use quick_cache::sync::Cache;
use store::{Account, Mailbox, MailboxNumber, SpecialFolder, Store, StoreError, folder, message};

/// What all sessions share: whose maildrop is held, and how large messages are.
pub(super) struct Maildrops {
    held: Mutex<HashSet<MailboxNumber>>,
    sizes: Cache<SizeKey, u64>,
}

/// A message as it is since its newest change.
type SizeKey = (MailboxNumber, MessageId, u64);

/// Messages whose sizes are remembered, of all mailboxes: to find one out the message has to be read, and programs
/// ask for all of them every few minutes.
const SIZES: usize = 65_536;

impl Maildrops {
    pub(super) fn new() -> Arc<Maildrops> {
        Arc::new(Maildrops { held: Mutex::default(), sizes: Cache::new(SIZES) })
    }

    /// Takes somebody's maildrop; None while another session has it (RFC 1939 8).
    pub(super) fn claim(self: &Arc<Self>, account: &Account) -> Option<Claim> {
        let new = self.held.lock().insert(account.mailbox);
        new.then(|| Claim {
            of: Arc::clone(self),
            mailbox: account.mailbox,
            _counted: Box::new(()),
        })
    }
}

/// The lock of a maildrop. It goes with the session, however that ends.
pub(super) struct Claim {
    of: Arc<Maildrops>,
    mailbox: MailboxNumber,
    /// Its line in the ledger.
    _counted: Box<dyn Send>,
}

impl Claim {
    pub(super) fn counted(self, counted: Box<dyn Send>) -> Claim {
        let mut claim = self;
        claim._counted = counted;
        claim
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.of.held.lock().remove(&self.mailbox);
    }
}

/// The lock, and the messages that were there when it was taken: numbers do not change while the session lasts.
pub(super) struct Maildrop {
    mailbox: Arc<Mailbox>,
    inbox: FolderId,
    uid_validity: u32,
    messages: Vec<Known>,
    claim: Claim,
}

struct Known {
    id: MessageId,
    uid: u32,
    sequence: u64,
    size: Option<u64>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Here,
    /// By DELE, at QUIT.
    Deleted,
    /// Somebody else deleted it meanwhile.
    Gone,
}

/// What a command comes to.
pub(super) type Answer = Result<String, Refusal>;

/// What is told behind `-ERR`.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("there is no message of this number")]
    NoSuch,
    #[error("the message was deleted in this session")]
    Deleted,
    #[error("the message is gone; somebody deleted it meanwhile")]
    Gone,
    // RFC 3206 4.
    #[error("[SYS/TEMP] {0}")]
    Failed(#[from] StoreError),
}

/// Messages that are read at a time to find out their sizes.
const PIECE: usize = 64;

impl Maildrop {
    pub(super) fn open(store: &Store, claim: Claim) -> store::Result<Maildrop> {
        let mailbox = store.mailbox(claim.mailbox)?;
        let inbox = SpecialFolder::Inbox.id();
        let uid_validity = folder::info(&mailbox, inbox)?.uid_validity;
        let listed = message::list(&mailbox, inbox)?;
        let messages = listed.iter().map(|listed| Known {
            id: listed.id,
            uid: listed.uid,
            sequence: listed.sequence,
            size: None,
            state: State::Here,
        });
        let messages = messages.collect();
        Ok(Maildrop { mailbox, inbox, uid_validity, messages, claim })
    }

    /// Finds out the sizes of some messages more; true when all are known.
    pub(super) fn measure(&mut self) -> Result<bool, Refusal> {
        let unknown = |known: &Known| known.size.is_none() && known.state == State::Here;
        let next: Vec<usize> = (0..self.messages.len())
            .filter(|at| unknown(&self.messages[*at]))
            .take(PIECE)
            .collect();
        for at in &next {
            match self.size(*at) {
                Ok(_) | Err(Refusal::Gone) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(next.len() < PIECE)
    }

    /// Of a message in bytes as they are sent, without the dots that are doubled (RFC 1939 11).
    fn size(&mut self, at: usize) -> Result<u64, Refusal> {
        let known = &self.messages[at];
        let key = (self.claim.mailbox, known.id, known.sequence);
        let cached = known.size.or_else(|| self.claim.of.sizes.get(&key));
        let size = match cached {
            Some(size) => size,
            None => self.read(at)?.len() as u64,
        };
        self.claim.of.sizes.insert(key, size);
        self.messages[at].size = Some(size);
        Ok(size)
    }

    fn read(&mut self, at: usize) -> Result<Vec<u8>, Refusal> {
        let id = self.messages[at].id;
        // What was deleted can be read still, until it is gone for good.
        let there = message::list_some(&self.mailbox, self.inbox, &[id])?[0].is_some();
        let bytes = match there {
            true => message::received(&self.mailbox, id),
            false => Err(StoreError::NotFound("a message")),
        };
        match bytes {
            Ok(bytes) => Ok(whole(bytes)),
            Err(StoreError::NotFound(_) | StoreError::ObjectDeleted(_)) => {
                self.messages[at].state = State::Gone;
                Err(Refusal::Gone)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The place of a message that is there.
    fn place(&self, number: u32) -> Result<usize, Refusal> {
        let at = (number as usize).checked_sub(1).ok_or(Refusal::NoSuch)?;
        match self.messages.get(at).map(|known| known.state) {
            None => Err(Refusal::NoSuch),
            Some(State::Deleted) => Err(Refusal::Deleted),
            Some(State::Gone) => Err(Refusal::Gone),
            Some(State::Here) => Ok(at),
        }
    }

    fn here(&self) -> impl Iterator<Item = (usize, &Known)> {
        let all = self.messages.iter().enumerate();
        all.filter(|(_, known)| known.state == State::Here).map(|(at, known)| (at + 1, known))
    }

    /// How many there are, and their sizes; all are known (see [`measure`](Self::measure)).
    pub(super) fn stat(&self) -> (usize, u64) {
        let sizes = self.here().map(|(_, known)| known.size.unwrap_or(0));
        sizes.fold((0, 0), |(count, total), size| (count + 1, total + size))
    }

    pub(super) fn list(&self) -> String {
        let (count, total) = self.stat();
        let mut all = format!("+OK {count} messages ({total} octets)\r\n");
        for (number, known) in self.here() {
            all.push_str(&format!("{number} {}\r\n", known.size.unwrap_or(0)));
        }
        all + ".\r\n"
    }

    pub(super) fn list_one(&mut self, number: u32) -> Answer {
        let at = self.place(number)?;
        Ok(format!("+OK {number} {}\r\n", self.size(at)?))
    }

    pub(super) fn uidl(&self) -> String {
        let mut all = String::from("+OK\r\n");
        for (number, known) in self.here() {
            all.push_str(&format!("{number} {}\r\n", self.unique(known)));
        }
        all + ".\r\n"
    }

    pub(super) fn uidl_one(&self, number: u32) -> Answer {
        let at = self.place(number)?;
        Ok(format!("+OK {number} {}\r\n", self.unique(&self.messages[at])))
    }

    /// The same in every session, and of no other message ever (RFC 1939 7): IMAP's UIDVALIDITY and UID.
    fn unique(&self, known: &Known) -> String {
        format!("{:08x}{:08x}", self.uid_validity, known.uid)
    }

    /// The bytes of a message.
    pub(super) fn retrieve(&mut self, number: u32) -> Result<Vec<u8>, Refusal> {
        let at = self.place(number)?;
        let bytes = self.read(at)?;
        let known = &mut self.messages[at];
        known.size = Some(bytes.len() as u64);
        Ok(bytes)
    }

    pub(super) fn mark(&mut self, number: u32) -> Answer {
        let at = self.place(number)?;
        self.messages[at].state = State::Deleted;
        Ok(format!("+OK message {number} is deleted at QUIT\r\n"))
    }

    pub(super) fn reset(&mut self) {
        for known in self.messages.iter_mut().filter(|known| known.state == State::Deleted) {
            known.state = State::Here;
        }
    }

    /// The UPDATE state (RFC 1939 6): deletes what was marked. What somebody else deleted meanwhile is no error.
    pub(super) fn update(&mut self) -> store::Result<usize> {
        let marked = self.messages.iter().filter(|known| known.state == State::Deleted);
        let ids: Vec<MessageId> = marked.map(|known| known.id).collect();
        if !ids.is_empty() {
            message::delete(&self.mailbox, self.inbox, &ids, false)?;
        }
        Ok(ids.len())
    }
}

/// A message as it is sent: every line ends in CR LF, the last one too.
pub(super) fn whole(bytes: Vec<u8>) -> Vec<u8> {
    let mut bytes = formats::mime::with_crlf(bytes);
    if !bytes.is_empty() && !bytes.ends_with(b"\r\n") {
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// The header, the empty line, and so many lines of the body (RFC 1939 7, TOP).
pub(super) fn top(message: &[u8], lines: u32) -> &[u8] {
    let (mut at, mut left, mut in_body) = (0, lines, false);
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        if in_body {
            if left == 0 {
                break;
            }
            left -= 1;
        }
        in_body |= line == b"\r\n";
        at += line.len();
    }
    &message[..at]
}

/// A message on its way out: lines that begin with a dot get another one, and a dot alone ends it (RFC 1939 3).
pub(super) struct Stuffed<'a> {
    rest: Option<&'a [u8]>,
    in_line: bool,
}

/// Bytes that are made at a time.
const STUFFED: usize = 16 << 10;

impl<'a> Stuffed<'a> {
    pub(super) fn of(message: &'a [u8]) -> Stuffed<'a> {
        Stuffed { rest: Some(message), in_line: false }
    }

    /// The next bytes to send; None at the end.
    pub(super) fn next_piece(&mut self) -> Option<Vec<u8>> {
        let mut rest = self.rest?;
        let mut piece = Vec::new();
        while piece.len() < STUFFED {
            if rest.is_empty() {
                piece.extend_from_slice(b".\r\n");
                self.rest = None;
                return Some(piece);
            }
            let most = &rest[..rest.len().min(STUFFED)];
            let end = most.iter().position(|byte| *byte == b'\n').map_or(most.len(), |at| at + 1);
            if rest[0] == b'.' && !self.in_line {
                piece.push(b'.');
            }
            self.in_line = rest[end - 1] != b'\n';
            piece.extend_from_slice(&rest[..end]);
            rest = &rest[end..];
        }
        self.rest = Some(rest);
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn top_takes_the_header_and_so_many_lines() {
        let message = b"A: b\r\nC: d\r\n\r\none\r\ntwo\r\n";
        for (lines, ends) in [(0, 14), (1, 19), (2, 24), (3, 24)] {
            assert_eq!(top(message, lines), &message[..ends]);
        }
        assert_eq!(top(b"A: b\r\n", 5), b"A: b\r\n");
        assert_eq!(top(b"", 5), b"");
    }

    #[test]
    fn an_empty_message_is_sent_as_one() {
        let mut stuffed = Stuffed::of(b"");
        assert_eq!(stuffed.next_piece().as_deref(), Some(&b".\r\n"[..]));
        assert_eq!(stuffed.next_piece(), None);
    }
}
