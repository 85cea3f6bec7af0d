//! Counts of what is open. Each thing counted holds a guard that counts it out when it is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number that guards move up and down.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gauge(Arc<AtomicU64>);

/// What one thing adds to a gauge while it lives.
#[derive(Debug)]
pub(crate) struct Counted {
    gauge: Gauge,
    amount: u64,
}

impl Gauge {
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn count(&self, amount: u64) -> Counted {
        self.0.fetch_add(amount, Ordering::Relaxed);
        Counted { gauge: self.clone(), amount }
    }
}

impl Counted {
    /// Counts another amount from now on.
    pub(crate) fn set(&mut self, amount: u64) {
        self.gauge.0.fetch_add(amount, Ordering::Relaxed);
        self.gauge.0.fetch_sub(self.amount, Ordering::Relaxed);
        self.amount = amount;
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.gauge.0.fetch_sub(self.amount, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guard_counts_itself_out() {
        let gauge = Gauge::default();
        let mut guard = gauge.count(3);
        let other = gauge.count(1);
        guard.set(10);
        assert_eq!(gauge.get(), 11);
        drop(guard);
        drop(other);
        assert_eq!(gauge.get(), 0);
    }
}
