//! Cuts connections on purpose, as a pulled cable or a killed client does.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Breaks the connections of a service after so many steps, for checks that a server gets over clients
/// that go away. A request has four steps: before it is sent, when half of it is sent, when all of it is
/// sent, and when the head of its answer has come. After the cut nothing more is sent, not even a
/// Disconnect: to the server the client is gone.
///
/// Clones share their state.
#[derive(Debug, Clone)]
pub struct Fuse(Arc<AtomicI64>);

/// It was cut.
const CUT: i64 = -1;
/// It is cut by [`Fuse::cut`] only.
const WHOLE: i64 = i64::MAX;

impl Fuse {
    /// Cuts nothing until [`Fuse::cut`].
    pub fn whole() -> Fuse {
        Fuse(Arc::new(AtomicI64::new(WHOLE)))
    }

    /// Cuts at the step that follows `steps` others.
    pub fn after(steps: u32) -> Fuse {
        Fuse(Arc::new(AtomicI64::new(i64::from(steps))))
    }

    /// Cuts now: a connection that is idle is closed when its session context is dropped.
    pub fn cut(&self) {
        self.0.store(CUT, Ordering::Relaxed);
    }

    /// Whether it was cut.
    pub fn is_cut(&self) -> bool {
        self.0.load(Ordering::Relaxed) == CUT
    }

    /// Takes a step; an error if the connection ends here. For checks that speak another protocol beside.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::ConnectionAborted`], at the step of the cut and from then on.
    pub fn step(&self) -> io::Result<()> {
        let next = |left: i64| match left {
            WHOLE => None,
            left => Some((left - 1).max(CUT)),
        };
        let left = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        match left.unwrap_or(WHOLE) {
            CUT | 0 => Err(io::Error::new(io::ErrorKind::ConnectionAborted, "cut on purpose")),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_cuts_at_its_step_and_stays_cut() {
        let fuse = Fuse::after(2);
        assert!(fuse.step().is_ok() && fuse.step().is_ok() && !fuse.is_cut());
        assert!(fuse.step().is_err() && fuse.is_cut());
        assert!(fuse.clone().step().is_err());
        let whole = Fuse::whole();
        assert!((0..100).all(|_| whole.step().is_ok()));
        whole.cut();
        assert!(whole.step().is_err() && whole.is_cut());
    }
}
