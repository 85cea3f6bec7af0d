//! The threads that run cycles, in rounds with a quiescent point between them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Runs one cycle; the number is the cycle's, counted from 0 over all threads.
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
    next: u64,
    /// Where the round ends.
    bound: u64,
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
                next: 0,
                bound: 0,
                busy: 0,
                done: 0,
                over: false,
                failure: None,
            }),
            work: Condvar::new(),
            idle: Condvar::new(),
        });
        let mut crew = Crew { shared, threads: Vec::new() };
        for cycle in cycles {
            let shared = crew.shared.clone();
            let thread =
                std::thread::Builder::new().name("soak".into()).spawn(move || shared.run(cycle))?;
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
        state.bound = bound;
        self.shared.work.notify_all();
        let mut seen = state.done;
        loop {
            if state.failure.is_none() && state.next >= state.bound && state.busy == 0 {
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

    fn run(&self, mut cycle: Cycle) {
        let mut state = self.lock();
        loop {
            if state.over {
                return;
            }
            if state.next >= state.bound || state.failure.is_some() {
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let number = state.next;
            state.next += 1;
            state.busy += 1;
            drop(state);
            let outcome = catch_unwind(AssertUnwindSafe(|| cycle(number)));
            state = self.lock();
            state.busy -= 1;
            match outcome {
                Ok(Ok(())) => state.done += 1,
                Ok(Err(error)) => state.fail(format!("cycle {number}: {error:#}")),
                Err(panic) => state.fail(format!("cycle {number} panicked: {}", text_of(&panic))),
            }
            if state.busy == 0 && (state.next >= state.bound || state.failure.is_some()) {
                self.idle.notify_all();
            }
        }
    }
}

impl State {
    fn fail(&mut self, what: String) {
        self.failure.get_or_insert(what);
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
    fn every_cycle_runs_once_and_rounds_end_idle() {
        let ran = Arc::new(AtomicU64::new(0));
        let cycle = || {
            let ran = ran.clone();
            Box::new(move |number| {
                ran.fetch_add(number, Ordering::Relaxed);
                Ok(())
            }) as Cycle
        };
        let crew = Crew::start((0..8).map(|_| cycle()).collect()).unwrap();
        crew.run_to(100).unwrap();
        assert_eq!(ran.load(Ordering::Relaxed), 99 * 50);
        crew.run_to(1000).unwrap();
        assert_eq!(ran.load(Ordering::Relaxed), 999 * 500);
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
        assert_eq!((failure.cycles, failure.what.as_str()), (7, "cycle 7: no"));

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
