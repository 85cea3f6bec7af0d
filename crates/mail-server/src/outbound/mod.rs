//! Sending to other domains: the queue of the store over SMTP.
//!
//! [`board`] says what is due where; a worker for each connection takes messages for its destination one after
//! another ([`attempt`]), over a connection to one of the hosts that [`route`] finds. What became of each recipient is
//! in the queue before anything else happens, together with the [`report`] to the sender.
//!
//! INVARIANT: what is in memory is only the order of work. The queue on disk says all; it is read again for each
//! attempt.

mod attempt;
pub mod board;
pub mod report;
pub mod route;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use mapi::FileTime;
use parking_lot::Mutex;
use store::outbound::{self, Letter, LetterId};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;

use crate::census::Census;
use crate::dkim::Signer;
use crate::dns::Resolver;
use crate::host::Host;
use crate::line::{Ending, ended};
use crate::smtp::client::{StartTls, Times};
use board::{Board, Destination};

/// How messages are sent.
#[derive(Debug, Clone)]
pub struct Options {
    /// Everything goes there instead of to the domains' own hosts.
    pub smart_host: Option<SmartHost>,
    /// The port of other hosts.
    pub port: u16,
    /// Hosts on this machine are sent to: for tests.
    pub loopback: bool,
    pub schedule: Schedule,
    /// Connections at a time, to all destinations and to one.
    pub connections: usize,
    pub connections_of_one: usize,
    /// Messages over one connection.
    pub messages: usize,
    /// Bytes of messages in memory.
    pub memory_bytes: u64,
    /// How long the attempts under way may take when the server ends.
    pub shutdown_within: Duration,
    pub times: Times,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            smart_host: None,
            port: 25,
            loopback: false,
            schedule: Schedule::default(),
            connections: 64,
            connections_of_one: 4,
            messages: 100,
            memory_bytes: 64 << 20,
            shutdown_within: Duration::from_secs(10),
            times: Times::default(),
        }
    }
}

/// A host that sends on what it gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmartHost {
    pub host: String,
    pub port: u16,
}

/// It is not `HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not HOST:PORT, such as relay.example.test:25 or [::1]:25")]
pub struct NoHost(String);

impl FromStr for SmartHost {
    type Err = NoHost;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(SmartHost { host: address.ip().to_string(), port: address.port() });
        }
        let parts = text.rsplit_once(':').and_then(|(host, port)| {
            let fine = !host.is_empty() && !host.contains([':', '/', '@']) && host.is_ascii();
            fine.then(|| Some((host, port.parse().ok()?)))?
        });
        let (host, port) = parts.ok_or_else(|| NoHost(text.to_owned()))?;
        Ok(SmartHost { host: host.to_owned(), port })
    }
}

/// When a message is tried again, and for how long.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// From the first failure to the second attempt, and so on; the last one repeats.
    pub pauses: Vec<Duration>,
    /// The sender is told once that it takes long.
    pub delay_after: Duration,
    /// The message comes back.
    pub give_up_after: Duration,
}

impl Default for Schedule {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        Schedule {
            pauses: [5, 15, 30, 60, 120, 240].map(minutes).to_vec(),
            delay_after: minutes(4 * 60),
            give_up_after: minutes(5 * 24 * 60),
        }
    }
}

impl Schedule {
    /// The next attempt after `attempts` ones failed; by a tenth later or earlier, so that what failed together does
    /// not come back together.
    fn next(&self, now: FileTime, attempts: u32, spread: u64) -> FileTime {
        let at = (attempts.saturating_sub(1) as usize).min(self.pauses.len().saturating_sub(1));
        let pause = self.pauses.get(at).copied().unwrap_or(Duration::from_secs(60));
        let ticks = ticks(pause);
        later(now, ticks - ticks / 10 + ticks / 5 * (spread % 64) / 64)
    }

    fn gives_up(&self, queued: FileTime) -> FileTime {
        later(queued, ticks(self.give_up_after))
    }
}

/// In units of 100 ns.
fn ticks(time: Duration) -> u64 {
    u64::try_from(time.as_nanos() / 100).unwrap_or(u64::MAX)
}

fn later(at: FileTime, ticks: u64) -> FileTime {
    FileTime(at.0.saturating_add(ticks))
}

/// What sending needs beside the store.
pub struct Tools {
    pub names: Arc<dyn Resolver>,
    pub census: Arc<dyn Census>,
    pub tls: Option<Arc<dyn StartTls>>,
    /// Signs what goes out (RFC 6376), for domains that have a key.
    pub signer: Option<Arc<Signer>>,
}

/// At work until it is stopped or dropped.
pub struct Outbound {
    shared: Arc<Shared>,
    end: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    host: Arc<Host>,
    tools: Tools,
    options: Options,
    board: Mutex<Board>,
    /// Messages that are new or were changed, and are not planned yet.
    changed: Mutex<Vec<LetterId>>,
    wake: Notify,
    /// In kibibytes.
    memory: Arc<Semaphore>,
    ending: Ending,
}

/// Messages that are read for planning in one job.
const PLANNED_AT_ONCE: usize = 256;
/// The longest that the clock is not looked at.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

impl Outbound {
    /// Takes messages to other domains from now on, and sends them.
    ///
    /// # Errors
    /// The store cannot be read; the system gives no thread.
    pub fn start(host: Arc<Host>, tools: Tools, options: Options) -> io::Result<Outbound> {
        let (end, ending) = watch::channel(false);
        let units = (options.memory_bytes >> 10).clamp(64, u64::from(u32::MAX >> 3));
        let store = host.store.clone();
        let shared = Arc::new(Shared {
            host,
            tools,
            options,
            board: Mutex::default(),
            changed: Mutex::default(),
            wake: Notify::new(),
            memory: Arc::new(Semaphore::new(units as usize)),
            ending,
        });
        let weak = Arc::downgrade(&shared);
        let hook = move |id| {
            if let Some(shared) = weak.upgrade() {
                shared.change(id);
            }
        };
        outbound::serve(&store, Some(Arc::new(hook))).map_err(io::Error::other)?;
        // Whatever was there before: some of it may have been told by the hook as well.
        let before = outbound::all(&store).map_err(io::Error::other)?;
        shared.changed.lock().extend(before);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("coffer-mail-out".to_owned());
        let ours = Arc::clone(&shared);
        let thread = thread.spawn(move || runtime.block_on(run(ours)))?;
        Ok(Outbound { shared, end, thread: Some(thread) })
    }

    /// Connections that are open or about to be.
    pub fn workers(&self) -> usize {
        self.shared.board.lock().workers()
    }

    /// Begins nothing more, and lets what is under way finish within [`Options::shutdown_within`].
    pub fn stop(mut self) {
        self.finish();
    }

    fn finish(&mut self) {
        let _ = self.end.send(true);
        if let Some(thread) = self.thread.take() {
            // Messages that come now are sent by the next start.
            let _ = outbound::serve(&self.shared.host.store, None);
            let _ = thread.join();
        }
    }
}

impl Drop for Outbound {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Shared {
    fn change(&self, id: LetterId) {
        self.changed.lock().push(id);
        self.wake.notify_one();
    }

    /// Where a message waits to go, and when.
    fn when(&self, letter: &Letter) -> Vec<(Destination, FileTime)> {
        if letter.held {
            return Vec::new();
        }
        let mut when: BTreeMap<String, FileTime> = BTreeMap::new();
        for recipient in letter.recipients.iter().filter(|one| one.waits()) {
            let due = when.entry(self.destination(&recipient.domain())).or_insert(recipient.due);
            *due = (*due).min(recipient.due);
        }
        when.into_iter().map(|(name, due)| (name.into(), due)).collect()
    }

    /// With a smart host there is one destination.
    fn destination(&self, domain: &str) -> String {
        match &self.options.smart_host {
            Some(smart) => format!("{}:{}", smart.host, smart.port),
            None => domain.to_owned(),
        }
    }

    /// Reads what changed and puts it on the board.
    async fn plan(self: &Arc<Self>) {
        loop {
            let ids: Vec<LetterId> = {
                let mut changed = self.changed.lock();
                let from = changed.len().saturating_sub(PLANNED_AT_ONCE);
                changed.drain(from..).collect()
            };
            if ids.is_empty() {
                return;
            }
            let (ours, wanted) = (Arc::clone(self), ids.clone());
            let planned = self.host.work.run(move || {
                let look = |id: LetterId| match outbound::get(&ours.host.store, id) {
                    Ok(Some(letter)) => Some((id, ours.when(&letter))),
                    Ok(None) => None,
                    Err(error) => {
                        tracing::error!(%id, %error, "a message of the queue cannot be read; `coffer check` says more");
                        None
                    }
                };
                wanted.into_iter().filter_map(look).collect::<Vec<_>>()
            });
            match planned.await {
                Ok(planned) => {
                    let mut board = self.board.lock();
                    planned.into_iter().for_each(|(id, when)| board.plan(id, when));
                }
                Err(_) => {
                    // Too much work waits.
                    self.changed.lock().extend(ids);
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    return self.wake.notify_one();
                }
            }
        }
    }

    fn is_ending(&self) -> bool {
        *self.ending.borrow()
    }
}

/// Plans, lets workers begin, and waits; until the server ends.
async fn run(shared: Arc<Shared>) {
    let mut ending = shared.ending.clone();
    let mut workers = JoinSet::new();
    loop {
        shared.plan().await;
        let next = {
            let mut board = shared.board.lock();
            board.release(shared.host.store.now());
            let Options { connections, connections_of_one, .. } = shared.options;
            while let Some(destination) = board.hire(connections, connections_of_one) {
                workers.spawn(attempt::work(Arc::clone(&shared), destination));
            }
            board.next_due()
        };
        let now = shared.host.store.now();
        let pause = next.map_or(LONGEST_SLEEP, |due| {
            Duration::from_micros(due.0.saturating_sub(now.0) / 10 + 1).min(LONGEST_SLEEP)
        });
        tokio::select! {
            biased;
            () = ended(&mut ending) => break,
            () = shared.wake.notified() => {}
            // One that ended has left its place to others.
            Some(_) = workers.join_next() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    let rest = async { while workers.join_next().await.is_some() {} };
    if tokio::time::timeout(shared.options.shutdown_within, rest).await.is_err() {
        tracing::warn!(
            connections = workers.len(),
            "connections to other hosts were cut at the end"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedule_is_kept() {
        let schedule = Schedule::default();
        let second = 10_000_000;
        let pause = |attempts, spread| schedule.next(FileTime(0), attempts, spread).0 / second;
        assert_eq!((pause(1, 0), pause(1, 32), pause(1, 63)), (270, 300, 329));
        assert_eq!(pause(2, 32), 900);
        assert_eq!((pause(6, 32), pause(60, 32)), (14_400, 14_400));
        assert_eq!(schedule.gives_up(FileTime(0)).0 / second, 432_000);
        let none = Schedule { pauses: Vec::new(), ..schedule };
        assert_eq!(none.next(FileTime(0), 1, 32).0 / second, 60);
    }

    #[test]
    fn a_smart_host_is_read() {
        for (text, host, port) in [
            ("relay.test:25", "relay.test", 25),
            ("192.0.2.1:587", "192.0.2.1", 587),
            ("[2001:db8::1]:25", "2001:db8::1", 25),
        ] {
            let expected = SmartHost { host: host.to_owned(), port };
            assert_eq!(text.parse(), Ok(expected));
        }
        for wrong in ["", "relay.test", "relay.test:", ":25", "a:b:25", "smtp://relay:25"] {
            assert!(wrong.parse::<SmartHost>().is_err(), "{wrong}");
        }
    }
}
