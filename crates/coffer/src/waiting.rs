//! Room for threads that wait for a lock.
//!
//! The locks (parking_lot) keep one table for all threads of the process, three places for each thread that ever waited,
//! rounded up to a power of two; it grows when one waits that never did, and its old places are never given back: 8,224
//! bytes for the 22nd, 16,416 for the 43rd. Which thread meets another at a lock for the first time is chance and may
//! take a day, so a process that is measured would seem to leak. Threads that all wait at once make the room at the start.

use std::io;

use parking_lot::{Condvar, Mutex};

/// Makes room for so many threads that wait; they end before it returns.
///
/// # Errors
/// The operating system starts no more threads.
pub fn make_room(threads: usize) -> io::Result<()> {
    // They do nothing but wait.
    const STACK: usize = 64 << 10;
    let arrived = (Mutex::new(0), Condvar::new());
    std::thread::scope(|scope| {
        let (count, all) = &arrived;
        for _ in 0..threads {
            let wait = || {
                let mut count = count.lock();
                *count += 1;
                all.notify_all();
                all.wait_while(&mut count, |count| *count < threads);
            };
            if let Err(error) =
                std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, wait)
            {
                // Nobody waits for those who never come.
                *count.lock() = threads;
                all.notify_all();
                return Err(error);
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_that_wait_for_each_other_end() {
        make_room(0).unwrap();
        make_room(1).unwrap();
        make_room(30).unwrap();
    }
}
