//! What a server does now and then: gives freed memory back to the system, removes for good what was
//! soft-deleted long ago, shortens change logs, and takes away large values that no message refers to.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::json;
use store::mailbox::changes;
use store::retention::{self, Purged};
use store::{Mailbox, Store, StoreError};

use crate::alloc;
use crate::cli::MaintainArgs;
use crate::control::Output;

/// Freed memory goes back to the system this often: a burst is over within a minute (catalogue L35).
const PERIOD: Duration = Duration::from_secs(30);
/// Mailboxes are looked through every so many periods: every ten minutes.
const MAILBOXES_EVERY: u32 = 20;
/// Unreferenced values are looked for every so many periods: once an hour.
const COLLECT_EVERY: u32 = 120;
/// How long an unreferenced value is kept: longer than the longest upload.
const GRACE: Duration = Duration::from_secs(24 * 60 * 60);

/// Messages that are removed in one batch of a mailbox, during which its other writers wait.
const STEP: usize = 64;
/// Steps in one mailbox before the next one has its turn.
const STEPS: usize = 32;
/// Events of message tracking: for how long they are kept, and how many.
const TRACKED_DAYS: i64 = 30;
const TRACKED_EVENTS: usize = 1_000_000;
/// Changes that a mailbox's log keeps. Views follow the last few thousand, and are built anew beyond.
const LOG_ENTRIES: u64 = 65_536;

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Done {
    mailboxes: u64,
    messages: u64,
    folders: u64,
    log_entries: u64,
    /// Mailboxes in which something failed; the log says what.
    failed: u64,
}

/// Runs until it is dropped.
pub struct Maintenance {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Maintenance {
    pub fn start(store: Store) -> std::io::Result<Self> {
        let (stop, stopped) = channel();
        let thread = std::thread::Builder::new()
            .name("maintenance".into())
            .spawn(move || run(&store, &stopped))?;
        Ok(Maintenance { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Maintenance {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// `coffer maintain`: all of it, now.
pub fn once(store: &Store, args: &MaintainArgs, out: &mut dyn Output) -> anyhow::Result<()> {
    let mut done = Done::default();
    // Until nothing is due any more.
    loop {
        let round = look_through(store, &mut |_| true)?;
        done.mailboxes = round.mailboxes;
        done.messages += round.messages;
        done.folders += round.folders;
        done.log_entries += round.log_entries;
        done.failed = round.failed;
        if round.messages + round.folders + round.log_entries == 0 {
            break;
        }
    }
    forget_events(store)?;
    let collected = store.collect_blobs(GRACE)?;
    if args.json {
        let counts = json!({
            "mailboxes": done.mailboxes,
            "failed": done.failed,
            "messages": done.messages,
            "folders": done.folders,
            "log_entries": done.log_entries,
            "values_removed": collected.removed,
            "values_marked": collected.condemned,
        });
        out.line(serde_json::to_string_pretty(&counts)?)?;
    } else {
        out.line(format!("mailboxes    {} ({} failed)", done.mailboxes, done.failed))?;
        out.line(format!("messages     {} removed for good", done.messages))?;
        out.line(format!("folders      {} removed for good", done.folders))?;
        out.line(format!("change log   {} entries removed", done.log_entries))?;
        out.line(format!(
            "large values {} removed, {} marked",
            collected.removed, collected.condemned
        ))?;
    }
    Ok(())
}

fn run(store: &Store, stopped: &Receiver<()>) {
    let mut periods: u32 = 0;
    while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
        alloc::trim();
        // What waited for its time, or failed before.
        if let Err(error) = store::delivery::deliver_due(store) {
            tracing::warn!(%error, "cannot work the queue off");
        }
        periods = periods.wrapping_add(1);
        if periods.is_multiple_of(MAILBOXES_EVERY) {
            // Half of the time belongs to the clients, also where a mailbox has much to remove.
            let mut give_way =
                |worked: Duration| stopped.recv_timeout(worked) == Err(RecvTimeoutError::Timeout);
            match look_through(store, &mut give_way) {
                Ok(done) => tracing::debug!(?done, "looked through the mailboxes"),
                Err(error) => tracing::warn!(%error, "cannot look through the mailboxes"),
            }
        }
        if !periods.is_multiple_of(COLLECT_EVERY) {
            continue;
        }
        if let Err(error) = forget_events(store) {
            tracing::warn!(%error, "cannot remove old events of message tracking");
        }
        match store.collect_blobs(GRACE) {
            Ok(collected) => tracing::debug!(?collected, "collected unreferenced values"),
            Err(error) => tracing::warn!(%error, "cannot collect unreferenced values"),
        }
    }
}

/// Removes events of message tracking that are too old, or too many.
fn forget_events(store: &Store) -> Result<u64, StoreError> {
    let (seconds, _) = store.now().to_unix();
    let before = mapi::FileTime::from_unix(seconds - TRACKED_DAYS * 86_400, 0);
    store::outbound::track::trim(store, before, TRACKED_EVENTS)
}

/// One turn for each mailbox. `go_on` is told after each step how long it took, and ends the work with false.
fn look_through(store: &Store, go_on: &mut dyn FnMut(Duration) -> bool) -> anyhow::Result<Done> {
    let mut done = Done::default();
    store.finish_removals()?;
    for account in store.accounts()? {
        let mailbox = match store.mailbox(account.mailbox) {
            Ok(mailbox) => mailbox,
            // Removed meanwhile.
            Err(StoreError::NotFound(_)) => continue,
            Err(error) => return Err(error.into()),
        };
        done.mailboxes += 1;
        match turn(&mailbox, &mut done, go_on) {
            Ok(true) => {}
            Ok(false) => break,
            // One damaged mailbox does not keep the others waiting.
            Err(error) => {
                done.failed += 1;
                tracing::warn!(%error, mailbox = account.address, "cannot look through a mailbox");
            }
        }
    }
    Ok(done)
}

/// A bounded part of what a mailbox needs; false if the work is to end.
fn turn(
    mailbox: &Mailbox,
    done: &mut Done,
    go_on: &mut dyn FnMut(Duration) -> bool,
) -> Result<bool, StoreError> {
    for _ in 0..STEPS {
        let begin = Instant::now();
        let purged = retention::purge(mailbox, STEP)?;
        let trimmed = changes::trim_to(mailbox, LOG_ENTRIES, changes::TRIM_BATCH)?;
        done.messages += purged.messages as u64;
        done.folders += purged.folders as u64;
        done.log_entries += trimmed as u64;
        if purged == Purged::default() && trimmed == 0 {
            break;
        }
        if !go_on(begin.elapsed()) {
            return Ok(false);
        }
    }
    Ok(true)
}
