//! A file layer that forgets, for crash tests.
//!
//! Loaded with LD_PRELOAD into any program, it stands between the program and the kernel: a seccomp filter
//! traps every system call that changes files or syncs them, whoever makes it (the standard library, C, or
//! a crate that calls the kernel itself), and the handler of the trap makes the call, and notes in a log what
//! was done to files below one directory. After the program was killed, the log tells what was durable by
//! then and what was not; the test that reads it makes the directory look as after the loss of power
//! (`testsuite::forget`). The layer also makes calls fail, tear, or kill the process at a given step
//! ([`control`]).
//!
//! Four variables of the environment: `FORGET_ROOT`, the directory, absolute and without symbolic links;
//! `FORGET_LOG`, a file to append to; `FORGET_CONTROL`, a file with the page of [`control`];
//! `FORGET_SYNC_MICROS`, if set, lets a sync take so long instead of reaching the disk (after a kill the page
//! cache stays, and the log knows what was synced). Without the first three the layer does nothing.
//!
//! INVARIANT: all changes of files below the root, and their records, happen under one lock; so the log has
//! the order in which they happened. A sync runs without it, and makes durable only what stood in the log
//! when it began.
//!
//! A program under the layer cannot execute another one: the filter stays and the handler goes. A forked
//! child works, and its files are not watched.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod calls;
#[allow(dead_code, reason = "the tests command")]
mod control;
mod memory;
#[allow(dead_code, reason = "the layer only writes")]
mod record;
mod trap;
mod watch;

use std::ffi::CStr;

/// Runs before main, when there is one thread.
#[used]
#[unsafe(link_section = ".init_array")]
static START: extern "C" fn() = start;

extern "C" fn start() {
    let variable = |name: &CStr| {
        // SAFETY: a C string; nobody else runs yet that could change the environment.
        let value = unsafe { libc::getenv(name.as_ptr()) };
        // SAFETY: not null, and a C string of the environment.
        (!value.is_null()).then(|| unsafe { CStr::from_ptr(value) })
    };
    let (Some(root), Some(log), Some(control)) =
        (variable(c"FORGET_ROOT"), variable(c"FORGET_LOG"), variable(c"FORGET_CONTROL"))
    else {
        return;
    };
    let micros =
        variable(c"FORGET_SYNC_MICROS").and_then(|text| text.to_str().ok()?.parse::<u32>().ok());
    watch::begin(root, log, control, micros);
    trap::install();
}

/// The layer cannot go on, and a test that went on would prove nothing.
fn give_up(reason: &str) -> ! {
    for text in ["forget: ", reason, "\n"] {
        calls::raw(libc::SYS_write, [2, text.as_ptr() as usize, text.len(), 0, 0]);
    }
    // SAFETY: ends the process.
    unsafe { libc::abort() }
}
