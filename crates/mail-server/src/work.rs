//! Threads on which everything runs that touches the store.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use store::Store;
use store::engine::garbage::hand_in;
use store::pool::{NoRoom, Pool};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

/// Between two tries where there is no room.
const PAUSE: Duration = Duration::from_millis(20);

/// A pool of threads of fixed size. It ends when it is dropped, after the jobs that are queued by then.
pub struct Work {
    pool: Pool,
}

/// Why a job came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Undone {
    /// As many wait as may: it was not begun.
    #[error("too much work waits")]
    NoRoom,
    /// It panicked on the way.
    #[error("the work broke off")]
    Broken,
}

impl Work {
    /// Starts `threads` threads; at most `queue` jobs wait for one. A thread whose delivery waits for the disk lets
    /// others work and share its sync, so there are more of them than processors.
    ///
    /// # Errors
    /// The operating system starts no more threads.
    pub fn start(name: &str, store: &Store, threads: usize, queue: usize) -> io::Result<Work> {
        let store = store.clone();
        let pool = Pool::start(name, threads, queue, move || store.meet_engine(), hand_in)?;
        Ok(Work { pool })
    }

    /// Queues a job at once; the future waits for what it returns.
    pub fn run<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(
        &self,
        job: F,
    ) -> impl Future<Output = Result<T, Undone>> + Send + use<T, F> {
        let (send, receive) = oneshot::channel();
        let queued = self.pool.submit(move || {
            let _ = send.send(job());
        });
        async move {
            queued.map_err(|NoRoom| Undone::NoRoom)?;
            // A job that panicked sends nothing.
            receive.await.map_err(|_| Undone::Broken)
        }
    }

    /// The same with something that is not to be lost where there is no room: the job tries again, until it has
    /// waited for as long as `patience`.
    ///
    /// # Errors
    /// What the job was to work with comes back unless it panicked.
    pub async fn run_with<S: Send + 'static, T: Send + 'static>(
        &self,
        state: S,
        patience: Duration,
        job: impl FnOnce(&mut S) -> T + Send + 'static,
    ) -> Result<(S, T), (Option<S>, Undone)> {
        let slot = Arc::new(Mutex::new(Some((state, job))));
        let until = Instant::now() + patience;
        loop {
            let taken = Arc::clone(&slot);
            let done = self.run(move || {
                let (mut state, job) = taken.lock().take()?;
                let result = job(&mut state);
                Some((state, result))
            });
            match done.await {
                Ok(Some(done)) => return Ok(done),
                Err(Undone::NoRoom) if Instant::now() < until => sleep(PAUSE).await,
                Err(why) => return Err((slot.lock().take().map(|(state, _)| state), why)),
                // Only one job takes it.
                Ok(None) => return Err((None, Undone::Broken)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use store::StoreOptions;

    use super::*;

    #[test]
    fn what_finds_no_room_comes_back_or_gets_its_turn() {
        let store = Store::in_memory(StoreOptions::default()).expect("a store");
        let work = Work::start("test", &store, 1, 1).expect("a thread");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let (release, hold) = std::sync::mpsc::channel::<()>();
            let (begun, begins) = std::sync::mpsc::channel::<()>();
            let held = work.run(move || {
                let _ = begun.send(());
                let _ = hold.recv();
            });
            begins.recv().expect("it runs");
            let waits = work.run(|| {});
            let back = work.run_with(7, Duration::ZERO, |_| ()).await;
            assert_eq!(back, Err((Some(7), Undone::NoRoom)));
            drop(release);
            let done = work.run_with(7, Duration::from_secs(600), |state| {
                *state += 1;
                "done"
            });
            assert_eq!(done.await, Ok((8, "done")));
            let broken = work.run_with(7, Duration::ZERO, |_| panic!("on purpose"));
            let broken: Result<(i32, ()), _> = broken.await;
            assert_eq!(broken, Err((None, Undone::Broken)));
            held.await.expect("done");
            waits.await.expect("done");
        });
    }
}
