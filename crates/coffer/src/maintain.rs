//! What a server does now and then: gives freed memory back to the system, and takes away large values that
//! no message refers to any more.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use store::Store;

use crate::alloc;

/// Freed memory goes back to the system this often: a burst is over within a minute (catalogue L35).
const PERIOD: Duration = Duration::from_secs(30);
/// Unreferenced values are looked for every so many periods: once an hour.
const COLLECT_EVERY: u32 = 120;
/// How long an unreferenced value is kept: longer than the longest upload.
const GRACE: Duration = Duration::from_secs(24 * 60 * 60);

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

fn run(store: &Store, stopped: &Receiver<()>) {
    let mut periods: u32 = 0;
    while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
        alloc::trim();
        periods = periods.wrapping_add(1);
        if !periods.is_multiple_of(COLLECT_EVERY) {
            continue;
        }
        match store.collect_blobs(GRACE) {
            Ok(collected) => tracing::debug!(?collected, "collected unreferenced values"),
            Err(error) => tracing::warn!(%error, "cannot collect unreferenced values"),
        }
    }
}
