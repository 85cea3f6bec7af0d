//! Threads on which everything runs that touches the store.

use std::io;

use store::Store;
use store::engine::garbage::hand_in;
use store::pool::{NoRoom, Pool};
use tokio::sync::oneshot;

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
    pub fn start(store: &Store, threads: usize, queue: usize) -> io::Result<Work> {
        let store = store.clone();
        let pool =
            Pool::start("coffer-mail", threads, queue, move || store.meet_engine(), hand_in)?;
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

    /// Jobs that wait for a thread now.
    pub fn queued(&self) -> usize {
        self.pool.queued()
    }
}
