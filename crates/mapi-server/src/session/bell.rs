//! Something to wait for without a thread: a NotificationWait waits here for its session's events or end.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

use parking_lot::Mutex;

/// Whoever waits for the next ring gets through when it comes, also if it came before he waited.
#[derive(Default)]
pub struct Bell {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    rings: u64,
    next: u64,
    waiting: Vec<(u64, Waker)>,
}

impl Bell {
    pub fn ring(&self) {
        let mut state = self.state.lock();
        state.rings += 1;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(|(_, waker)| waker.wake());
    }

    /// How often it rang.
    pub fn rings(&self) -> u64 {
        self.state.lock().rings
    }

    /// Waits until it rang more often than `heard`.
    pub fn wait(&self, heard: u64) -> Wait<'_> {
        Wait { bell: self, heard, number: None }
    }
}

impl Bell {
    /// Waits on this thread until it rang more often than `heard`, or until `deadline`; whether it rang.
    pub fn wait_until(&self, heard: u64, deadline: Instant) -> bool {
        struct Unpark(Thread);
        impl Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut wait = self.wait(heard);
        loop {
            if Pin::new(&mut wait).poll(&mut Context::from_waker(&waker)).is_ready() {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            thread::park_timeout(left);
        }
    }
}

/// Takes its waker back when it is dropped: a session may be waited for thousands of times.
pub struct Wait<'a> {
    bell: &'a Bell,
    heard: u64,
    number: Option<u64>,
}

impl Future for Wait<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.bell.state.lock();
        if state.rings > self.heard {
            return Poll::Ready(());
        }
        let number = self.number.unwrap_or_else(|| {
            state.next += 1;
            state.next
        });
        match state.waiting.iter_mut().find(|(n, _)| *n == number) {
            Some((_, waker)) => waker.clone_from(cx.waker()),
            None => state.waiting.push((number, cx.waker().clone())),
        }
        drop(state);
        self.number = Some(number);
        Poll::Pending
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.bell.state.lock().waiting.retain(|(n, _)| *n != number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(wait: &mut Wait<'_>) -> Poll<()> {
        Pin::new(wait).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_wait_takes_its_waker_back() {
        let bell = Bell::default();
        let mut wait = bell.wait(0);
        assert!(poll(&mut wait).is_pending());
        assert!(poll(&mut wait).is_pending());
        assert_eq!(bell.state.lock().waiting.len(), 1);
        drop(wait);
        assert!(bell.state.lock().waiting.is_empty());
        bell.ring();
        assert!(poll(&mut bell.wait(0)).is_ready());
        assert_eq!(bell.rings(), 1);
        let mut next = bell.wait(1);
        assert!(poll(&mut next).is_pending());
        bell.ring();
        assert!(poll(&mut next).is_ready());
        assert!(bell.wait_until(1, Instant::now()));
        assert!(!bell.wait_until(2, Instant::now()));
    }
}
