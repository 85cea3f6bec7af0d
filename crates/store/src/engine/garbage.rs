//! What the engine's memtables let go late.
//!
//! They free by epochs (crossbeam): each thread that reads puts aside what nobody may look at any more, and hands it
//! in when it has 64 things or ends. Among them are the records of threads that ended, 2,304 bytes each, put aside by
//! whoever meets them first. So a thread may keep 147 kB for as long as it lives, unless it hands them in when it has
//! nothing else to do: the writer and the server's threads do.

/// Hands in what this thread has put aside.
pub fn hand_in() {
    crossbeam_epoch::pin().flush();
}

/// Lets go what was handed in. What a thread still looks at stays.
pub fn collect() {
    // An epoch ends with each round at most, three have to end, and a round takes some bags only.
    const ROUNDS: usize = 256;
    for _ in 0..ROUNDS {
        hand_in();
    }
}
