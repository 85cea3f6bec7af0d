//! The layer's own memory: a trapped call may come out of the middle of malloc (glibc opens a file when it
//! makes an arena), so the handler must not call it.

use std::alloc::{GlobalAlloc, Layout};
use std::ptr::null_mut;
use std::sync::Mutex;

struct Own;

/// Blocks of 2^4 to 2^17 bytes are kept when they are free; larger ones are mappings of their own.
const SMALLEST: usize = 4;
const LARGEST: usize = 17;
/// What is taken from the system at a time for the small ones.
const PIECE: usize = 1 << 20;

struct Blocks {
    /// The first free block of each size; it begins with the address of the next one.
    free: [usize; LARGEST + 1],
    /// What is left of the last piece.
    start: usize,
    end: usize,
}

static BLOCKS: Mutex<Blocks> = Mutex::new(Blocks { free: [0; LARGEST + 1], start: 0, end: 0 });

#[global_allocator]
static ALLOCATOR: Own = Own;

fn class(layout: Layout) -> usize {
    let bytes = layout.size().max(layout.align()).next_power_of_two();
    (bytes.trailing_zeros() as usize).max(SMALLEST)
}

fn map(bytes: usize) -> *mut u8 {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping.
    let memory = unsafe { libc::mmap(null_mut(), bytes, access, flags, -1, 0) };
    if memory == libc::MAP_FAILED { null_mut() } else { memory.cast() }
}

// SAFETY: blocks have the size and alignment of their class, at least what was asked for, and are given out
// once until they are freed.
unsafe impl GlobalAlloc for Own {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let class = class(layout);
        if class > LARGEST {
            return map(1 << class);
        }
        let Ok(mut blocks) = BLOCKS.lock() else { return null_mut() };
        let first = blocks.free[class];
        if first != 0 {
            // SAFETY: a free block begins with the address of the next one.
            blocks.free[class] = unsafe { *(first as *const usize) };
            return first as *mut u8;
        }
        let bytes = 1 << class;
        let mut start = blocks.start.next_multiple_of(bytes);
        if start + bytes > blocks.end {
            // A mapping begins at a page; a larger block may need more to be aligned.
            let piece = map(PIECE) as usize;
            if piece == 0 {
                return null_mut();
            }
            blocks.end = piece + PIECE;
            start = piece.next_multiple_of(bytes);
        }
        blocks.start = start + bytes;
        start as *mut u8
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let class = class(layout);
        if class > LARGEST {
            // SAFETY: a mapping of this size, made by `alloc`.
            unsafe { libc::munmap(block.cast(), 1 << class) };
            return;
        }
        let Ok(mut blocks) = BLOCKS.lock() else { return };
        // SAFETY: the block is free, aligned, and has room for an address.
        unsafe { *block.cast::<usize>() = blocks.free[class] };
        blocks.free[class] = block as usize;
    }
}
