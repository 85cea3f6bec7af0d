//! The global allocator, counted: how many bytes are live right now.
//!
//! `coffer soak` fits its line through this number, and `/metrics` shows it. It counts what the program
//! asked for, so that a leak of 40 bytes shows as 40 and not as the allocator's rounding.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicI64, Ordering};

use crate::owners;

static LIVE_BYTES: AtomicI64 = AtomicI64::new(0);

/// Bytes that have been allocated and not freed.
pub fn live_bytes() -> i64 {
    LIVE_BYTES.load(Ordering::Relaxed)
}

/// Keeps the C allocator from an arena for each thread, which would hold freed memory for ever after a
/// burst (catalogue L35), and from keeping large blocks: a password's hash takes 19 MiB and gives them back.
pub fn bound_arenas() {
    // SAFETY: mallopt only sets parameters of the allocator.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 2);
        libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 20);
    }
}

/// Gives freed pages back to the system.
pub fn trim() {
    // SAFETY: malloc_trim has no preconditions.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    unsafe {
        libc::malloc_trim(0);
    }
}

pub struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; only sizes are counted beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let pointer = unsafe { System.alloc(layout) };
        came(pointer, layout.size());
        pointer
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let pointer = unsafe { System.alloc_zeroed(layout) };
        came(pointer, layout.size());
        pointer
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        goes(pointer, layout.size());
        unsafe { System.dealloc(pointer, layout) };
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // While it is recorded who owns what, the old block must be off the record before its place can be another's.
        goes(pointer, layout.size());
        let new = unsafe { System.realloc(pointer, layout, new_size) };
        match new.is_null() {
            true => came(pointer, layout.size()),
            false => came(new, new_size),
        }
        new
    }
}

fn came(pointer: *mut u8, size: usize) {
    if pointer.is_null() {
        return;
    }
    if owners::records() {
        if owners::is_inside() {
            return;
        }
        owners::allocated(pointer, size);
    }
    LIVE_BYTES.fetch_add(size as i64, Ordering::Relaxed);
}

fn goes(pointer: *mut u8, size: usize) {
    if owners::records() {
        if owners::is_inside() {
            return;
        }
        owners::freed(pointer, size);
    }
    LIVE_BYTES.fetch_sub(size as i64, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_is_held() {
        // Other tests allocate beside this one: only a large block stands out.
        let before = live_bytes();
        // Never touched, so it takes no memory.
        let block: Vec<u8> = Vec::with_capacity(1 << 30);
        assert!(live_bytes() - before > 512 << 20);
        drop(block);
        assert!(live_bytes() - before < 512 << 20);
    }
}
