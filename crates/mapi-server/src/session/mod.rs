//! Session Contexts ([MS-OXCMAPIHTTP] 3.2.1): who is connected, with what, and for how long.

pub mod bell;
pub mod logons;
pub mod table;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::handles::Tree;
use crate::ledger::{Account, Entry, Kind, LimitReached};
use crate::object::Object;
use crate::stats;
use bell::Bell;
use store::Account as User;

/// What names a Session Context on the wire. Nobody can guess it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token([u8; 16]);

impl Token {
    pub fn random() -> Result<Token, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Token(bytes))
    }

    /// 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Token> {
        let digits = text.as_bytes();
        if digits.len() != 32 {
            return None;
        }
        let mut bytes = [0; 16];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let high = char::from(pair[0]).to_digit(16)?;
            let low = char::from(pair[1]).to_digit(16)?;
            *byte = (high << 4 | low) as u8;
        }
        Some(Token(bytes))
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 32];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

/// A token opens a session, so logs show its beginning only.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}{:02x}...", self.0[0], self.0[1])
    }
}

/// What a client asked for when it connected ([MS-OXCRPC] 3.1.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Locale {
    /// Of PtypString8 values.
    pub code_page: u32,
    pub lcid_sort: u32,
    pub lcid_string: u32,
}

impl Default for Locale {
    fn default() -> Self {
        Locale { code_page: 1252, lcid_sort: 0x0409, lcid_string: 0x0409 }
    }
}

/// A Session Context: an authenticated user with everything that is open.
///
/// Dropping it drops the owner tree. The table of sessions holds it, and a request that is being worked on.
pub struct SessionContext {
    pub token: Token,
    pub user: Arc<User>,
    pub locale: Locale,
    pub account: Arc<Account>,
    pub logons: logons::Logons,
    gate: Mutex<Gate>,
    /// Locked for the length of an Execute.
    tree: Mutex<Tree<Object>>,
    /// Rings when the session ends.
    ended: Bell,
    /// Rings when there may be something to tell.
    news: Arc<Bell>,
    /// How many notifications were told.
    told: AtomicU64,
    /// Somebody wanted to look at the tree while another one held it.
    looked_at: AtomicBool,
    /// The session counts itself out of the ledger after its tree is gone: fields drop in this order.
    _entry: Entry,
}

struct Gate {
    /// The number that the next Execute has to bring.
    sequence: u64,
    executing: bool,
    waiting: u32,
    ended: bool,
    used: Instant,
}

/// Why a session takes no request now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the session ended")]
    Ended,
    #[error("another request of the session is being worked on")]
    Busy,
    #[error("the sequence number is not the next one")]
    Sequence,
    #[error(transparent)]
    Limit(#[from] LimitReached),
}

impl SessionContext {
    pub fn new(
        token: Token,
        user: Arc<User>,
        locale: Locale,
        account: Arc<Account>,
        entry: Entry,
    ) -> SessionContext {
        SessionContext {
            token,
            user,
            locale,
            account,
            logons: logons::Logons::default(),
            gate: Mutex::new(Gate {
                sequence: 1,
                executing: false,
                waiting: 0,
                ended: false,
                used: Instant::now(),
            }),
            tree: Mutex::new(Tree::default()),
            ended: Bell::default(),
            news: Arc::default(),
            told: AtomicU64::new(0),
            looked_at: AtomicBool::new(false),
            _entry: entry,
        }
    }

    /// The number that the next Execute or Disconnect has to bring.
    pub fn sequence(&self) -> u64 {
        self.gate.lock().sequence
    }

    /// Begins an Execute or a Disconnect. The sequence number moves on at once, so that a second request
    /// that brings the same one is refused whether this one is still running or not
    /// ([MS-OXCMAPIHTTP] 3.2.5.1 R1227, R1228).
    ///
    /// `sequence` is what the client brought; None within a process, where there are no cookies.
    pub fn begin(self: &Arc<Self>, sequence: Option<u64>) -> Result<Turn, Refused> {
        let mut gate = self.gate.lock();
        if gate.ended {
            return Err(Refused::Ended);
        }
        if gate.executing {
            return Err(Refused::Busy);
        }
        if sequence.is_some_and(|number| number != gate.sequence) {
            return Err(Refused::Sequence);
        }
        gate.sequence += 1;
        gate.executing = true;
        stats::count(&self.account.work.requests);
        Ok(Turn { session: Arc::clone(self) })
    }

    /// Begins a NotificationWait, which keeps the session alive while it lasts
    /// ([MS-OXCMAPIHTTP] 3.2.5.5 R1260).
    pub fn begin_wait(self: &Arc<Self>) -> Result<Waiting, Refused> {
        let mut gate = self.gate.lock();
        if gate.ended {
            return Err(Refused::Ended);
        }
        let entry = self.account.open(Kind::Wait, 0)?;
        gate.waiting += 1;
        stats::count(&self.account.work.requests);
        Ok(Waiting { session: Arc::clone(self), _entry: entry })
    }

    /// Starts the idle time anew ([MS-OXCMAPIHTTP] 3.2.5.3 R1248).
    pub fn touch(&self) {
        stats::count(&self.account.work.requests);
        self.gate.lock().used = Instant::now();
    }

    /// How long no request was worked on; nothing while one is.
    pub fn idle(&self) -> Duration {
        let gate = self.gate.lock();
        match gate.executing || gate.waiting > 0 {
            true => Duration::ZERO,
            false => gate.used.elapsed(),
        }
    }

    /// No request is being worked on, and none was for `limit`.
    pub fn is_idle_for(&self, limit: Duration) -> bool {
        let gate = self.gate.lock();
        !gate.executing && gate.waiting == 0 && gate.used.elapsed() >= limit
    }

    /// No request gets through from now on. What is open goes when the last request ends.
    pub fn end(&self) {
        self.gate.lock().ended = true;
        self.ended.ring();
        self.news.ring();
    }

    /// Whether there is no object, so that dropping the session is only freeing memory. False while a
    /// request is being worked on.
    pub fn has_nothing_open(&self) -> bool {
        self.tree.try_lock().is_some_and(|tree| tree.objects().next().is_none())
    }

    pub(crate) fn tree(&self) -> &Mutex<Tree<Object>> {
        &self.tree
    }

    /// Rings when there may be something to tell.
    pub fn news(&self) -> &Arc<Bell> {
        &self.news
    }

    /// Whoever waits for something to be told shall look.
    pub(crate) fn rouse(&self) {
        self.news.ring();
    }

    /// How many notifications were told so far. Whoever waits is through when they become more: an event was
    /// there, though a request beside took it along.
    pub fn told(&self) -> u64 {
        self.told.load(Ordering::Acquire)
    }

    pub(crate) fn count_told(&self, count: u64) {
        self.told.fetch_add(count, Ordering::AcqRel);
        self.news.ring();
    }

    /// Asks the tree something without waiting for an Execute. While one is at work the answer is no, and the
    /// bell of [`SessionContext::news`] rings at its end.
    pub(crate) fn look(&self, ask: impl FnOnce(&mut Tree<Object>) -> bool) -> bool {
        let again = || {
            // Whoever holds the lock sees this when he is done; if he is done already, it is free.
            self.looked_at.store(true, Ordering::SeqCst);
            self.tree.try_lock()
        };
        let Some(mut tree) = self.tree.try_lock().or_else(again) else { return false };
        let answer = ask(&mut tree);
        drop(tree);
        self.let_look();
        answer
    }

    fn let_look(&self) {
        if self.looked_at.swap(false, Ordering::SeqCst) {
            self.news.ring();
        }
    }
}

impl fmt::Debug for SessionContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionContext {{ {:?}, {:?} }}", self.token, self.account)
    }
}

/// The right to work on a session; given back by Drop.
#[derive(Debug)]
pub struct Turn {
    session: Arc<SessionContext>,
}

impl Turn {
    pub fn session(&self) -> &Arc<SessionContext> {
        &self.session
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut gate = self.session.gate.lock();
        gate.executing = false;
        gate.used = Instant::now();
        drop(gate);
        self.session.let_look();
    }
}

/// A NotificationWait in progress.
#[derive(Debug)]
pub struct Waiting {
    session: Arc<SessionContext>,
    _entry: Entry,
}

impl Waiting {
    pub fn session(&self) -> &Arc<SessionContext> {
        &self.session
    }

    pub fn has_ended(&self) -> bool {
        self.session.gate.lock().ended
    }

    /// Ready when the session ended.
    pub fn ended(&self) -> bell::Wait<'_> {
        self.session.ended.wait(0)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut gate = self.session.gate.lock();
        gate.waiting -= 1;
        gate.used = Instant::now();
    }
}
