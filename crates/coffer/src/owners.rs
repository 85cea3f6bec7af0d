//! Who owns what stays: between two moments every allocation is kept with the calls that made it, until it is given
//! back. `coffer soak --owners` prints what is left. Far too slow for anything else.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What one chain of calls allocated and nobody has given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    pub bytes: i64,
    pub blocks: usize,
    /// The calls, the innermost first, a line each.
    pub calls: String,
}

/// What is left of a time that was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// The most bytes first.
    pub owners: Vec<Owner>,
    /// What was given back of what had been there before; a buffer that grows gives back its old place.
    pub given_back: i64,
}

static RECORDS: AtomicBool = AtomicBool::new(false);
static GIVEN_BACK: AtomicI64 = AtomicI64::new(0);

type Blocks = HashMap<usize, (usize, Backtrace), BuildHasherDefault<DefaultHasher>>;
const SHARDS: usize = 64;
static BLOCKS: [Mutex<Blocks>; SHARDS] =
    [const { Mutex::new(HashMap::with_hasher(BuildHasherDefault::new())) }; SHARDS];

thread_local! {
    /// The thread is recording: what it allocates for that is nobody's.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    /// Whether what the thread allocates is kept at all. In tests it is the thread's that asks for it: others may hold
    /// the lock of the standard library's backtraces as they allocate, which the record needs.
    static WATCHED: Cell<bool> = const { Cell::new(!cfg!(test)) };
}

/// How many calls of a chain are told.
const DEPTH: usize = 24;

/// Whether errors of this process take backtraces. One that allocates under the lock of the standard library's
/// backtraces would wait for itself.
pub fn may_block() -> bool {
    Backtrace::capture().status() == BacktraceStatus::Captured
}

/// Begins to record.
pub fn start() {
    GIVEN_BACK.store(0, Ordering::Relaxed);
    RECORDS.store(true, Ordering::Release);
}

/// Ends it and tells what is left. Nobody else should be at work: what is allocated meanwhile may be missing.
pub fn stop() -> Left {
    let outer = INSIDE.replace(true);
    let mut owners: HashMap<String, (i64, usize)> = HashMap::new();
    for shard in 0..SHARDS {
        for (_, (size, trace)) in blocks(shard).drain() {
            let owner = owners.entry(calls(&trace.to_string())).or_default();
            owner.0 += size as i64;
            owner.1 += 1;
        }
    }
    RECORDS.store(false, Ordering::Release);
    INSIDE.set(outer);
    let owner = |(calls, (bytes, blocks))| Owner { bytes, blocks, calls };
    let mut owners: Vec<Owner> = owners.into_iter().map(owner).collect();
    owners.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.calls.cmp(&b.calls)));
    Left { owners, given_back: GIVEN_BACK.load(Ordering::Relaxed) }
}

/// Whether the allocator has to ask this module at all.
pub fn records() -> bool {
    RECORDS.load(Ordering::Relaxed)
}

/// Whether the thread allocates for the record itself.
pub fn is_inside() -> bool {
    INSIDE.get()
}

pub fn allocated(pointer: *mut u8, size: usize) {
    if !WATCHED.get() || INSIDE.replace(true) {
        return;
    }
    let trace = Backtrace::force_capture();
    blocks(shard_of(pointer)).insert(pointer as usize, (size, trace));
    INSIDE.set(false);
}

/// Has to be called before the block goes back to the system: after that it may be another thread's.
pub fn freed(pointer: *mut u8, size: usize) {
    if !WATCHED.get() || INSIDE.replace(true) {
        return;
    }
    if blocks(shard_of(pointer)).remove(&(pointer as usize)).is_none() {
        GIVEN_BACK.fetch_add(size as i64, Ordering::Relaxed);
    }
    INSIDE.set(false);
}

fn shard_of(pointer: *mut u8) -> usize {
    (pointer as usize >> 4) % SHARDS
}

fn blocks(shard: usize) -> MutexGuard<'static, Blocks> {
    BLOCKS[shard].lock().unwrap_or_else(PoisonError::into_inner)
}

/// The calls of a backtrace without those of the record and of the runtime.
fn calls(trace: &str) -> String {
    let mut lines = Vec::new();
    let mut name = "";
    for line in trace.lines().map(str::trim) {
        if let Some(place) = line.strip_prefix("at ") {
            if !is_noise(name) {
                let place = place.rsplit_once("/src/").map_or(place, |(_, place)| place);
                lines.push(format!("{name} ({place})"));
            }
            name = "";
        } else if let Some((_, call)) = line.split_once(": ") {
            if !name.is_empty() && !is_noise(name) {
                lines.push(name.to_owned());
            }
            name = call;
        }
    }
    lines.truncate(DEPTH);
    lines.join("\n")
}

fn is_noise(name: &str) -> bool {
    const NOISE: [&str; 9] = [
        "std::backtrace",
        "coffer::owners::allocated",
        "coffer::alloc",
        "<coffer::alloc",
        "__rust",
        "alloc::alloc",
        "alloc::raw_vec",
        "<alloc::alloc",
        "core::ops::function",
    ];
    NOISE.iter().any(|noise| name.starts_with(noise))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_keeps_a_block_is_named() {
        WATCHED.set(true);
        start();
        let kept: Vec<u8> = Vec::with_capacity(1_234_567);
        drop(Vec::<u8>::with_capacity(2_345_678));
        let left = stop();
        let of = |bytes| left.owners.iter().find(|owner| owner.bytes == bytes);
        let owner = of(1_234_567).expect("the block that is kept");
        assert!(owner.calls.contains("who_keeps_a_block_is_named"), "{}", owner.calls);
        assert!(of(2_345_678).is_none());
        drop(kept);
        WATCHED.set(false);
    }

    #[test]
    fn chains_are_told_without_the_record() {
        let trace = "   0: std::backtrace::Backtrace::create\n   1: coffer::owners::allocated\n             \
                     at /x/coffer/src/owners.rs:9:1\n   2: store::view::build\n             at \
                     /x/crates/store/src/view.rs:7:3\n   3: main\n   4: last\n";
        assert_eq!(calls(trace), "store::view::build (view.rs:7:3)\nmain");
    }
}
