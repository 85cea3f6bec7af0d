//! The threads that run cycles, in rounds with a quiescent point between them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

// The locks of the store: its table of waiting threads grows with the threads of the process that have ever waited,
// and these do when they start.
use parking_lot::{Condvar, Mutex};
use store::engine::garbage;

/// Runs one cycle. The number goes up by one from cycle to cycle of a thread, and threads begin at
/// different ones, so that at any moment they do different things.
pub type Cycle = Box<dyn FnMut(u64, &Watch) -> anyhow::Result<()> + Send>;

/// What the watchdog can tell of a thread.
#[derive(Debug, Default)]
pub struct Watch {
    /// The system's number of the thread; 0 before it runs.
    tid: AtomicU32,
    /// Its cycle, from 1; 0 between two.
    cycle: AtomicU64,
    doing: Mutex<&'static str>,
}

impl Watch {
    /// Says what the thread does now, for the case that it never ends.
    pub fn note(&self, doing: &'static str) {
        *self.doing.lock() = doing;
    }

    /// A line about a thread in a cycle; None between two.
    fn tell(&self, index: usize) -> Option<String> {
        let cycle = self.cycle.load(Ordering::Relaxed);
        if cycle == 0 {
            return None;
        }
        let tid = self.tid.load(Ordering::Relaxed);
        let doing = *self.doing.lock();
        let doing = if doing.is_empty() { String::new() } else { format!(", {doing}") };
        Some(format!("thread {index} (tid {tid}) in its cycle {cycle}{doing}: {}", state_of(tid)))
    }
}

/// What the system says about a thread of this process: its state, and what it waits in.
fn state_of(tid: u32) -> String {
    let read = |file| std::fs::read_to_string(format!("/proc/self/task/{tid}/{file}"));
    let status = read("status").unwrap_or_default();
    let state = status.lines().find_map(|line| line.strip_prefix("State:"));
    let state = state.map_or("state unknown", str::trim);
    match read("wchan").unwrap_or_default().trim() {
        "" | "0" => state.to_owned(),
        wait => format!("{state}, waits in {wait}"),
    }
}

/// Threads that live as long as the soak, so that they count before it as after it.
pub struct Crew {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    /// How long no cycle may end before the run counts as stuck.
    patience: Duration,
}

struct Shared {
    watches: Vec<Watch>,
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
    pub fn start(cycles: Vec<Cycle>, patience: Duration) -> std::io::Result<Crew> {
        let shared = Arc::new(Shared {
            watches: cycles.iter().map(|_| Watch::default()).collect(),
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
        let mut crew = Crew { shared, threads: Vec::new(), patience };
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
    /// The first failure of a cycle, a panic, or no progress for as long as the patience lasts. The crew runs nothing more
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
            let waited = self.shared.idle.wait_for(&mut state, self.patience);
            if waited.timed_out() && state.done == seen {
                state.over = true;
                let stuck = format!(
                    "{} threads are in a cycle and none has ended one for {} s: a deadlock, or a \
                     server that does not answer{}",
                    state.busy,
                    self.patience.as_secs(),
                    self.shared.tell()
                );
                let what = match &state.failure {
                    Some(failure) => format!("{failure}; then {stuck}"),
                    None => stuck,
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
    fn lock(&self) -> parking_lot::MutexGuard<'_, State> {
        self.state.lock()
    }

    /// What the threads do that are in a cycle, a line each.
    fn tell(&self) -> String {
        const MOST: usize = 8;
        let lines: Vec<String> = self
            .watches
            .iter()
            .enumerate()
            .filter_map(|(index, watch)| watch.tell(index))
            .collect();
        let mut text = String::new();
        for line in lines.iter().take(MOST) {
            text.push_str("\n  ");
            text.push_str(line);
        }
        if lines.len() > MOST {
            text.push_str(&format!("\n  and {} others", lines.len() - MOST));
        }
        text
    }

    fn end(&self) {
        self.lock().over = true;
        self.work.notify_all();
    }

    fn run(&self, index: usize, mut cycle: Cycle) {
        let mut done: u64 = 0;
        let watch = &self.watches[index];
        // SAFETY: gettid has no preconditions.
        watch.tid.store(unsafe { libc::gettid() } as u32, Ordering::Relaxed);
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
                    drop(state);
                    // What it has put aside would be counted as left behind.
                    garbage::hand_in();
                    state = self.lock();
                    state.ready += 1;
                    self.idle.notify_all();
                    // The end may have come meanwhile.
                    continue;
                }
                self.work.wait(&mut state);
                continue;
            }
            state.busy += 1;
            drop(state);
            let number = index as u64 + done;
            watch.cycle.store(done + 1, Ordering::Relaxed);
            watch.note("");
            let outcome = catch_unwind(AssertUnwindSafe(|| cycle(number, watch)));
            watch.cycle.store(0, Ordering::Relaxed);
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
    const PATIENCE: Duration = Duration::from_secs(60);

    #[test]
    fn every_thread_does_its_share_and_rounds_end_idle() {
        let ran: Arc<Vec<AtomicU64>> = Arc::new((0..8).map(|_| AtomicU64::new(0)).collect());
        let cycle = |thread: usize| {
            let ran = ran.clone();
            Box::new(move |number, _: &Watch| {
                let before = ran[thread].fetch_add(1, Ordering::Relaxed);
                assert_eq!(number, before + thread as u64);
                Ok(())
            }) as Cycle
        };
        let crew = Crew::start((0..8).map(cycle).collect(), PATIENCE).unwrap();
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
        let failing = |number, _: &Watch| match number {
            7 => anyhow::bail!("no"),
            _ => Ok(()),
        };
        let crew = Crew::start(vec![Box::new(failing)], PATIENCE).unwrap();
        let failure = crew.run_to(20).unwrap_err();
        assert_eq!((failure.cycles, failure.what.as_str()), (7, "thread 0, its cycle 8: no"));

        let panicking = |number, _: &Watch| {
            assert_ne!(number, 3, "three");
            Ok(())
        };
        let crew = Crew::start(vec![Box::new(panicking)], PATIENCE).unwrap();
        let failure = crew.run_to(20).unwrap_err();
        assert_eq!(failure.cycles, 3);
        assert!(failure.what.contains("three"));
        assert!(crew.run_to(30).is_err());
    }

    #[test]
    fn the_watchdog_names_threads_that_stand_and_what_they_do() {
        let locks = Arc::new((Mutex::new(()), Mutex::new(())));
        let both = Arc::new(std::sync::Barrier::new(2));
        let cycle = |turned: bool| {
            let (locks, both) = (locks.clone(), both.clone());
            Box::new(move |_, watch: &Watch| {
                let (first, second) =
                    if turned { (&locks.1, &locks.0) } else { (&locks.0, &locks.1) };
                let _first = first.lock();
                both.wait();
                watch.note("wants the other lock");
                let _second = second.lock();
                Ok(())
            }) as Cycle
        };
        let crew =
            Crew::start(vec![cycle(false), cycle(true)], Duration::from_millis(300)).unwrap();
        let failure = crew.run_to(10).unwrap_err();
        assert!(failure.stuck && failure.cycles == 0);
        for thread in ["thread 0 (tid", "thread 1 (tid", "wants the other lock", "S (sleeping)"] {
            assert!(failure.what.contains(thread), "{}", failure.what);
        }
        // They cannot be ended: they go with the process.
        std::mem::forget(locks);
        crew.end(true);
    }
}
