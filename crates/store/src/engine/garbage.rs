//! What the engine's memtables let go late.
//!
//! They free by epochs (crossbeam): each thread that reads puts aside what nobody may look at any more, and hands it
//! in when it has 64 things or ends. Among them are the records of threads that ended, 2,304 bytes each, put aside by
//! whoever meets them first. So a thread may keep 147 kB for as long as it lives, unless it hands them in when it has
//! nothing else to do: the writer does after each group, and the server's threads do.

/// Hands in what this thread has put aside.
///
/// To hand in takes up what others handed in before, and the boxes of that (2,072 bytes each) are put aside in turn:
/// a thread that did it once would go to sleep with up to eight of them. Under one guard the epoch moves on once at
/// most, so what is handed in here is nothing to take up, and the last rounds put nothing aside.
pub fn hand_in() {
    // Each takes up eight bags at most; eighty threads may have handed in one each. All of them take 0.3 µs.
    const ROUNDS: usize = 16;
    let guard = crossbeam_epoch::pin();
    for _ in 0..ROUNDS {
        guard.flush();
    }
}

/// Lets go what was handed in. What a thread still looks at stays.
pub fn collect() {
    // An epoch ends with each round at most, three have to end, and a round takes some bags only.
    const ROUNDS: usize = 64;
    for _ in 0..ROUNDS {
        hand_in();
    }
}
