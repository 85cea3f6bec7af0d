//! The threads that run cycles, in rounds with a quiescent point between them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Runs one cycle. The number goes up by one from cycle to cycle of a thread, and threads begin at
/// different ones, so that at any moment they do different things.
pub type Cycle = Box<dyn FnMut(u64) -> anyhow::Result<()> + Send>;

/// How long no cycle may end before the run counts as stuck.
const PATIENCE: Duration = Duration::from_secs(120);

/// Threads that live as long as the soak, so that they count before it as after it.
pub struct Crew {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    /// There is work, or the end.
    work: Condvar,
    /// A thread has nothing more to do in this round.
    idle: Condvar,
}

struct State {
    /// How many cycles are to be done in all when the round ends. Every thread does its share, so that
    /// each has warmed up when the warm-up ends, whatever a thread keeps for itself.
    bound: u64,
    threads: usize,
    /// Threads that have done their share of the round.
    ready: usize,
    /// Threads in a cycle.
    busy: usize,
    done: u64,
    over: bool,
    failure: Option<String>,
}

impl Crew {
    /// One thread a cycle function.
    pub fn start(cycles: Vec<Cycle>) -> std::io::Result<Crew> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                bound: 0,
                threads: cycles.len(),
                ready: cycles.len(),
                busy: 0,
                done: 0,
                over: false,
                failure: None,
            }),
            work: Condvar::new(),
            idle: Condvar::new(),
        });
        let mut crew = Crew { shared, threads: Vec::new() };
        for (index, cycle) in cycles.into_iter().enumerate() {
            let shared = crew.shared.clone();
            let thread = std::thread::Builder::new()
                .name("soak".into())
                .spawn(move || shared.run(index, cycle))?;
            crew.threads.push(thread);
        }
        Ok(crew)
    }

    /// Runs cycles until `bound` have been done in all, and returns when every thread is idle.
    ///
    /// # Errors
    /// The first failure of a cycle, a panic, or no progress for two minutes. The crew runs nothing more
    /// after that.
    pub fn run_to(&self, bound: u64) -> Result<(), Failure> {
        let mut state = self.shared.lock();
        if bound <= state.bound && state.failure.is_none() {
            return Ok(());
        }
        state.bound = bound;
        state.ready = 0;
        self.shared.work.notify_all();
        let mut seen = state.done;
        loop {
            if state.failure.is_none() && state.ready == state.threads {
                return Ok(());
            }
            if state.busy == 0
                && let Some(failure) = &state.failure
            {
                return Err(Failure { cycles: state.done, what: failure.clone(), stuck: false });
            }
            let (guard, waited) = self
                .shared
                .idle
                .wait_timeout(state, PATIENCE)
                .unwrap_or_else(PoisonError::into_inner);
            state = guard;
            if waited.timed_out() && state.done == seen {
                state.over = true;
                let what = match &state.failure {
                    Some(failure) => failure.clone(),
                    None => format!(
                        "{} threads are in a cycle and none has ended one for {} s: a deadlock, or \
                         a server that does not answer",
                        state.busy,
                        PATIENCE.as_secs()
                    ),
                };
                return Err(Failure { cycles: state.done, what, stuck: true });
            }
            seen = state.done;
        }
    }

    /// Ends the threads. A stuck crew is left alone.
    pub fn end(mut self, stuck: bool) {
        self.shared.end();
        if stuck {
            self.threads.clear();
        }
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.shared.end();
        for thread in self.threads.drain(..) {
            // A panic of a cycle was caught and counted inside.
            let _ = thread.join();
        }
    }
}

/// Why a run ended early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Cycles that ended well before.
    pub cycles: u64,
    pub what: String,
    /// A thread hangs, and cannot be ended.
    pub stuck: bool,
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) {
        self.lock().over = true;
        self.work.notify_all();
    }

    fn run(&self, index: usize, mut cycle: Cycle) {
        let mut done = 0;
        // The bound up to which this thread has done its share.
        let mut ready_to = 0;
        let mut state = self.lock();
        loop {
            if state.over {
                return;
            }
            if state.failure.is_some() || done >= state.share(index) {
                if ready_to != state.bound {
                    ready_to = state.bound;
                    state.ready += 1;
                    self.idle.notify_all();
                }
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.busy += 1;
            drop(state);
            let number = index as u64 + done;
            let outcome = catch_unwind(AssertUnwindSafe(|| cycle(number)));
            done += 1;
            state = self.lock();
            state.busy -= 1;
            match outcome {
                Ok(Ok(())) => state.done += 1,
                Ok(Err(error)) => state.fail(index, done, &format!("{error:#}")),
                Err(panic) => state.fail(index, done, &format!("panicked: {}", text_of(&panic))),
            }
            if state.failure.is_some() && state.busy == 0 {
                self.idle.notify_all();
            }
        }
    }
}

impl State {
    /// How many of the cycles up to the bound are a thread's.
    fn share(&self, index: usize) -> u64 {
        let threads = self.threads as u64;
        let index = index as u64;
        self.bound / threads + u64::from(index < self.bound % threads)
    }

    fn fail(&mut self, thread: usize, cycle: u64, what: &str) {
        self.failure.get_or_insert_with(|| format!("thread {thread}, its cycle {cycle}: {what}"));
    }
}

fn text_of(panic: &Box<dyn std::any::Any + Send>) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn every_thread_does_its_share_and_rounds_end_idle() {
        let ran: Arc<Vec<AtomicU64>> = Arc::new((0..8).map(|_| AtomicU64::new(0)).collect());
        let cycle = |thread: usize| {
            let ran = ran.clone();
            Box::new(move |number| {
                let before = ran[thread].fetch_add(1, Ordering::Relaxed);
                assert_eq!(number, before + thread as u64);
                Ok(())
            }) as Cycle
        };
        let crew = Crew::start((0..8).map(cycle).collect()).unwrap();
        let counts = || ran.iter().map(|count| count.load(Ordering::Relaxed)).collect::<Vec<_>>();
        crew.run_to(100).unwrap();
        assert_eq!(counts(), [13, 13, 13, 13, 12, 12, 12, 12]);
        crew.run_to(1000).unwrap();
        assert_eq!(counts(), [125; 8]);
        crew.run_to(1001).unwrap();
        assert_eq!(counts()[..2], [126, 125]);
        crew.end(false);
    }

    #[test]
    fn a_failure_and_a_panic_are_reported_and_never_counted() {
        let failing = |number| match number {
            7 => anyhow::bail!("no"),
            _ => Ok(()),
        };
        let crew = Crew::start(vec![Box::new(failing)]).unwrap();
        let failure = crew.run_to(20).unwrap_err();
        assert_eq!((failure.cycles, failure.what.as_str()), (7, "thread 0, its cycle 8: no"));

        let panicking = |number| {
            assert_ne!(number, 3, "three");
            Ok(())
        };
        let crew = Crew::start(vec![Box::new(panicking)]).unwrap();
        let failure = crew.run_to(20).unwrap_err();
        assert_eq!(failure.cycles, 3);
        assert!(failure.what.contains("three"));
        assert!(crew.run_to(30).is_err());
    }
}
