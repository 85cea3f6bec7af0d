//! Which mailboxes' indices are behind, and the thread that brings them up to date.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::follow::Followed;
use super::state::State;
use crate::engine::Space;
use crate::keys::{self, Kind};
use crate::record::head::Head;
use crate::{MailboxNumber, Result, Store, StoreError};

/// A mailbox waits so long for more changes, so that many are written together.
const DELAY: Duration = Duration::from_secs(4);
/// It does not wait with so many.
const MANY: u64 = 512;
/// One whose index could not be brought up to date waits so long.
const AGAIN: Duration = Duration::from_secs(60);

/// What the mailboxes' indices have yet to follow.
#[derive(Default)]
pub(crate) struct Feed {
    running: AtomicBool,
    state: Mutex<Waiting>,
    wake: Condvar,
    messages: AtomicU64,
    cpu: AtomicU64,
    failures: AtomicU64,
    gathered: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    behind: HashMap<MailboxNumber, Behind>,
    /// The one that is being brought up to date.
    working: Option<Behind>,
    /// Bytes of the index of each mailbox, as far as they are known.
    bytes: HashMap<MailboxNumber, u64>,
    stopped: bool,
}

#[derive(Debug, Clone, Copy)]
struct Behind {
    changes: u64,
    since: Instant,
    not_before: Instant,
}

/// How far the full-text index is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TextGauges {
    /// Entries of the change logs that it has not followed yet: a message that came in, or was changed, is one.
    pub lag: u64,
    /// How long the oldest of them has waited.
    pub lag_time: Duration,
    /// Mailboxes that are behind.
    pub mailboxes: u64,
    /// Bytes of keys and values.
    pub bytes: u64,
    /// Messages whose words were written, since the store was opened.
    pub messages: u64,
    /// CPU time that took.
    pub cpu: Duration,
    /// How often a mailbox's index could not be brought up to date.
    pub failures: u64,
    /// Bytes of words that are gathered and not written yet.
    pub gathered: u64,
}

impl Feed {
    /// Says that changes of a mailbox are durable. Called by the engine's writer: it is short.
    pub(crate) fn note(&self, mailbox: MailboxNumber, changes: usize) {
        // Without the thread nobody would take them away; it finds them when it starts.
        if !self.running.load(Ordering::Relaxed) {
            return;
        }
        let mut state = self.state.lock();
        if state.put(mailbox, changes as u64) {
            self.wake.notify_one();
        }
    }

    pub(crate) fn gauges(&self) -> TextGauges {
        let state = self.state.lock();
        let all = || state.behind.values().chain(&state.working);
        TextGauges {
            lag: all().map(|behind| behind.changes).sum(),
            lag_time: all().map(|behind| behind.since.elapsed()).max().unwrap_or_default(),
            mailboxes: all().count() as u64,
            bytes: state.bytes.values().sum(),
            messages: self.messages.load(Ordering::Relaxed),
            cpu: Duration::from_nanos(self.cpu.load(Ordering::Relaxed)),
            failures: self.failures.load(Ordering::Relaxed),
            gathered: self.gathered.load(Ordering::Relaxed),
        }
    }

    /// The mailbox whose turn it is; None when the thread is to end.
    fn take(&self) -> Option<(MailboxNumber, Behind)> {
        let mut state = self.state.lock();
        loop {
            if state.stopped {
                return None;
            }
            let now = Instant::now();
            let due = |behind: &Behind| match behind.changes >= MANY {
                true => behind.not_before,
                false => behind.not_before.max(behind.since + DELAY),
            };
            let next = state.behind.iter().map(|(number, behind)| (due(behind), *number)).min();
            match next {
                Some((at, number)) if at <= now => {
                    let behind = state.behind.remove(&number)?;
                    state.working = Some(behind);
                    return Some((number, behind));
                }
                Some((at, _)) => drop(self.wake.wait_until(&mut state, at)),
                None => self.wake.wait(&mut state),
            }
        }
    }

    pub(super) fn gathered(&self, bytes: usize) {
        self.gathered.store(bytes as u64, Ordering::Relaxed);
    }

    fn done(&self, number: MailboxNumber, behind: Behind, followed: Result<Followed>) {
        let mut state = self.state.lock();
        state.working = None;
        self.gathered(0);
        let wait = match followed {
            Ok(followed) => {
                self.messages.fetch_add(followed.messages, Ordering::Relaxed);
                state.bytes.insert(number, followed.bytes);
                match followed.complete {
                    true => return,
                    false => Duration::ZERO,
                }
            }
            Err(StoreError::NotFound(_)) => {
                state.bytes.remove(&number);
                return;
            }
            Err(error) => {
                tracing::warn!(mailbox = number.0, %error, "the full-text index is behind");
                self.failures.fetch_add(1, Ordering::Relaxed);
                AGAIN
            }
        };
        state.put(number, behind.changes);
        if let Some(entry) = state.behind.get_mut(&number) {
            entry.since = behind.since;
            entry.not_before = Instant::now() + wait;
        }
    }
}

impl Waiting {
    /// Whether somebody should look.
    fn put(&mut self, mailbox: MailboxNumber, changes: u64) -> bool {
        let now = Instant::now();
        let new = Behind { changes: 0, since: now, not_before: now };
        let first = !self.behind.contains_key(&mailbox);
        let behind = self.behind.entry(mailbox).or_insert(new);
        let before = behind.changes;
        behind.changes += changes;
        first || before < MANY && behind.changes >= MANY
    }
}

/// The thread that brings indices up to date, until it is dropped.
pub struct Indexer {
    store: Store,
    thread: Option<JoinHandle<()>>,
}

impl Indexer {
    /// One for each store.
    pub fn start(store: &Store) -> std::io::Result<Indexer> {
        let feed = &store.inner.text;
        feed.state.lock().stopped = false;
        feed.running.store(true, Ordering::Relaxed);
        let own = store.clone();
        let thread = std::thread::Builder::new().name("full-text".into()).spawn(move || run(&own));
        let thread = thread.inspect_err(|_| feed.running.store(false, Ordering::Relaxed))?;
        Ok(Indexer { store: store.clone(), thread: Some(thread) })
    }
}

impl Drop for Indexer {
    fn drop(&mut self) {
        let feed = &self.store.inner.text;
        feed.running.store(false, Ordering::Relaxed);
        feed.state.lock().stopped = true;
        feed.wake.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(store: &Store) {
    give_way();
    store.meet_engine();
    if let Err(error) = sweep(store) {
        tracing::warn!(%error, "cannot tell which full-text indices are behind");
    }
    let feed = &store.inner.text;
    while let Some((number, behind)) = feed.take() {
        let mut go_on = || !feed.state.lock().stopped;
        let memory = usize::try_from(store.options().text_budget).unwrap_or(usize::MAX);
        let followed = store
            .mailbox(number)
            .and_then(|mailbox| super::follow::follow(&mailbox, memory, &mut go_on));
        feed.cpu.store(cpu_time(), Ordering::Relaxed);
        feed.done(number, behind, followed);
    }
}

/// Notes all mailboxes whose indices are behind when the thread starts.
fn sweep(store: &Store) -> Result<()> {
    let feed = &store.inner.text;
    for account in store.accounts()? {
        let number = account.mailbox;
        let get = |kind| store.engine().get(Space::Mailbox, &keys::key(number, kind, &[]));
        let Some(head) = get(Kind::Head)? else { continue };
        // What is damaged is said by whoever meets it next.
        let Ok(head) = Head::read(&head) else { continue };
        let state = get(Kind::TextState)?.and_then(|bytes| State::read(&bytes).ok());
        let mut waiting = feed.state.lock();
        if waiting.stopped {
            return Ok(());
        }
        let state = state.unwrap_or_default();
        waiting.bytes.insert(number, state.bytes());
        if state.walk.is_some() || state.position < head.sequence {
            waiting.put(number, head.sequence.saturating_sub(state.position));
        }
    }
    Ok(())
}

/// Whatever else the server does goes first.
fn give_way() {
    // SAFETY: it changes the priority of this thread (0) alone, and touches no memory.
    let _ = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 10) };
}

/// What this thread has used, in nanoseconds.
fn cpu_time() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a timespec that lives through the call, which writes it.
    let read = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    if read != 0 {
        return 0;
    }
    (time.tv_sec as u64).saturating_mul(1_000_000_000).saturating_add(time.tv_nsec as u64)
}
