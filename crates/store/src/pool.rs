//! A pool of threads of fixed size, on which everything runs that touches the store.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};

type Job = Box<dyn FnOnce() + Send>;

/// The queue is as long as it may be, or the pool ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no room for another job")]
pub struct NoRoom;

/// The threads end when the pool is dropped, after the jobs that are queued by then.
pub struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    queue: Mutex<Queue>,
    /// One for each thread, by its number.
    wakers: Vec<Condvar>,
    limit: usize,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    /// The threads that wait for a job. The last to come is the first to be woken: its stack and what it
    /// worked on are still in the processor's cache, and of many threads as few work as the load needs.
    idle: Vec<usize>,
    ended: bool,
}

impl Pool {
    /// Starts `threads` threads; at most `limit` jobs wait for one. Each runs `prepare` first: what a thread
    /// keeps for itself is there from the start then, and not when chance first gives it such a job. Each runs `rest`
    /// when it has no other job, to give back what it put aside.
    ///
    /// # Errors
    /// The operating system starts no more threads.
    pub fn start(
        name: &str,
        threads: usize,
        limit: usize,
        prepare: impl Fn() + Send + Sync + 'static,
        rest: fn(),
    ) -> std::io::Result<Pool> {
        let prepare = Arc::new(prepare);
        let threads = threads.max(1);
        let wakers = (0..threads).map(|_| Condvar::new()).collect();
        let shared = Arc::new(Shared { queue: Mutex::default(), wakers, limit });
        let mut pool = Pool { shared, threads: Vec::with_capacity(threads) };
        for number in 0..threads {
            let (shared, prepare) = (Arc::clone(&pool.shared), Arc::clone(&prepare));
            let thread = std::thread::Builder::new().name(format!("{name}-{number}"));
            pool.threads.push(thread.spawn(move || {
                prepare();
                drop(prepare);
                work(&shared, number, rest);
            })?);
        }
        Ok(pool)
    }

    /// Jobs that wait for a thread now.
    pub fn queued(&self) -> usize {
        self.shared.queue.lock().jobs.len()
    }

    /// Queues a job. What it returns goes by its own way; a panic in it ends the job, not the thread.
    pub fn submit(&self, job: impl FnOnce() + Send + 'static) -> Result<(), NoRoom> {
        let mut queue = self.shared.queue.lock();
        if queue.ended || queue.jobs.len() >= self.shared.limit {
            return Err(NoRoom);
        }
        queue.jobs.push_back(Box::new(job));
        // Without an idle thread, the next that has done its job takes this one.
        let woken = queue.idle.pop();
        drop(queue);
        if let Some(number) = woken {
            self.shared.wakers[number].notify_one();
        }
        Ok(())
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.queue.lock().ended = true;
        for waker in &self.shared.wakers {
            waker.notify_one();
        }
        for thread in self.threads.drain(..) {
            // The pool may be dropped by its own last job; a thread cannot wait for itself.
            if thread.thread().id() != std::thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

fn work(shared: &Shared, number: usize, rest: fn()) {
    let mut rested = false;
    loop {
        let mut queue = shared.queue.lock();
        let job = loop {
            // Whoever wakes a thread takes it off the list; one that woke by itself still stands there.
            queue.idle.retain(|idle| *idle != number);
            if let Some(job) = queue.jobs.pop_front() {
                break job;
            }
            if queue.ended {
                return;
            }
            if !rested {
                rested = true;
                parking_lot::MutexGuard::unlocked(&mut queue, rest);
                continue;
            }
            queue.idle.push(number);
            shared.wakers[number].wait(&mut queue);
        };
        drop(queue);
        rested = false;
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(job)).is_err() {
            tracing::error!("a job of the pool panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn runs_jobs_survives_a_panic_and_ends() {
        let pool = Pool::start("test", 2, 8, || {}, || {}).unwrap();
        let (send, receive) = mpsc::channel();
        pool.submit(|| panic!("on purpose")).unwrap();
        for number in 0..4 {
            let send = send.clone();
            pool.submit(move || send.send(number).unwrap()).unwrap();
        }
        let mut got: Vec<i32> = (0..4).map(|_| receive.recv().unwrap()).collect();
        got.sort_unstable();
        assert_eq!(got, [0, 1, 2, 3]);
        drop(pool);
    }

    #[test]
    fn a_thread_without_a_job_rests_once() {
        static RESTS: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let rest = || {
            RESTS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        };
        let pool = Pool::start("test", 1, 8, || {}, rest).unwrap();
        let (send, receive) = mpsc::channel();
        pool.submit(move || send.send(()).unwrap()).unwrap();
        receive.recv().unwrap();
        let rests = || RESTS.load(std::sync::atomic::Ordering::Relaxed);
        while rests() == 0 {
            std::thread::yield_now();
        }
        drop(pool);
        // Before the job and after it.
        assert!(rests() <= 2, "{}", rests());
    }

    #[test]
    fn a_full_queue_refuses() {
        let pool = Pool::start("test", 1, 1, || {}, || {}).unwrap();
        let (release, hold) = mpsc::channel::<()>();
        let (started, running) = mpsc::channel();
        pool.submit(move || {
            started.send(()).unwrap();
            let _ = hold.recv();
        })
        .unwrap();
        running.recv().unwrap();
        pool.submit(|| {}).unwrap();
        assert_eq!(pool.submit(|| {}), Err(NoRoom));
        drop(release);
    }
}
