//! Something to wait for without a thread: a NotificationWait waits here for its session's events or end.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

/// Rings once; whoever waits, or comes later, gets through.
#[derive(Default)]
pub struct Bell {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    rung: bool,
    next: u64,
    waiting: Vec<(u64, Waker)>,
}

impl Bell {
    pub fn ring(&self) {
        let mut state = self.state.lock();
        state.rung = true;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(|(_, waker)| waker.wake());
    }

    pub fn wait(&self) -> Wait<'_> {
        Wait { bell: self, number: None }
    }
}

/// Takes its waker back when it is dropped: a session may be waited for thousands of times.
pub struct Wait<'a> {
    bell: &'a Bell,
    number: Option<u64>,
}

impl Future for Wait<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.bell.state.lock();
        if state.rung {
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
        let mut wait = bell.wait();
        assert!(poll(&mut wait).is_pending());
        assert!(poll(&mut wait).is_pending());
        assert_eq!(bell.state.lock().waiting.len(), 1);
        drop(wait);
        assert!(bell.state.lock().waiting.is_empty());
        bell.ring();
        assert!(poll(&mut bell.wait()).is_ready());
    }
}
