//! What a durable commit costs on a disk, against the disk's own sync.
//!
//! `cargo bench -p store --bench commit -- DIRECTORY` (a directory on the disk to measure; without
//! one nothing runs). Mail-shaped: a header of 1.2 kB, three index entries, a body of 8 kB.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use store::engine::{Batch, Direction, Engine, FjallEngine, KeyRange, Options, Reader, Space};

fn main() {
    let Some(directory) = std::env::args().nth(1).filter(|argument| !argument.starts_with('-'))
    else {
        println!("skipped: name a directory on the disk to measure");
        return;
    };
    let temporary = tempfile::tempdir_in(directory).expect("a directory that can be written");
    let raw = raw_sync(temporary.path());
    println!("raw: 10 kB appended and synced (fdatasync), median {raw:?}");
    let data = temporary.path().join("data");
    let engine = open(&data);
    println!("resident after open: {} MiB", resident_mib());

    let alone = median((0..300).map(|number| {
        let start = Instant::now();
        assert!(engine.commit(delivery(0, number)).expect("a commit").is_committed());
        start.elapsed()
    }));
    println!("one client: a commit takes {alone:?}, median; {:.2} raw syncs", ratio(alone, raw));
    for clients in [8, 64] {
        clients_at_once(&engine, clients);
    }
    bulk(&engine, 100_000);
    scan(&engine);
    println!("resident: {} MiB; {:?}", resident_mib(), engine.gauges());
    std::thread::sleep(Duration::from_secs(3));
    println!("resident after a rest: {} MiB; {:?}", resident_mib(), engine.gauges());
    timed("close", || engine.close().expect("a clean close"));
    drop(engine);
    println!("resident after close: {} MiB", resident_mib());
    let engine = timed("open again", || open(&data));
    println!("resident after opening again: {} MiB", resident_mib());
    drop(engine);
}

fn open(path: &Path) -> FjallEngine {
    FjallEngine::open(path, &Options::default()).expect("an engine")
}

fn raw_sync(directory: &Path) -> Duration {
    let mut file = File::create(directory.join("raw")).expect("a file");
    file.set_len(64 << 20).expect("a sparse file");
    median((0..300).map(|_| {
        let start = Instant::now();
        file.write_all(&[7; 10_000]).expect("a write");
        file.sync_data().expect("a sync");
        start.elapsed()
    }))
}

/// The batch of one delivered message.
fn delivery(client: u64, number: u64) -> Batch {
    let mut batch = Batch::new();
    let mut noise = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ client;
    let mut bytes = |len: usize| -> Vec<u8> {
        let byte = |_| {
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            // Half of the entropy, as text has.
            (noise & 0x0F) as u8 + b'a'
        };
        (0..len).map(byte).collect()
    };
    let key = |kind: u8| [&client.to_be_bytes()[..], &[kind], &number.to_be_bytes()].concat();
    batch.put(Space::Mailbox, key(b'p'), bytes(1200));
    for kind in *b"hsc" {
        batch.put(Space::Mailbox, key(kind), bytes(90));
    }
    batch.put(Space::Blobs, [b"b", &key(0)[..]].concat(), bytes(8000));
    batch
}

fn clients_at_once(engine: &FjallEngine, clients: u64) {
    let before = engine.gauges();
    let count = AtomicU64::new(0);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for client in 1..=clients {
            let count = &count;
            scope.spawn(move || {
                while start.elapsed() < Duration::from_secs(4) {
                    let number = (clients << 32) | count.fetch_add(1, Ordering::Relaxed);
                    assert!(
                        engine.commit(delivery(client, number)).expect("a commit").is_committed()
                    );
                }
            });
        }
    });
    let seconds = start.elapsed().as_secs_f64();
    let after = engine.gauges();
    println!(
        "{clients} clients: {:.0} commits/s in {:.0} syncs/s",
        (after.commits - before.commits) as f64 / seconds,
        (after.syncs - before.syncs) as f64 / seconds,
    );
}

fn bulk(engine: &FjallEngine, messages: u64) {
    let start = Instant::now();
    let mut tickets = VecDeque::new();
    for number in 0..messages {
        tickets.push_back(engine.enqueue(delivery(1000, number)).expect("a place in the queue"));
        if tickets.len() > 1000 {
            let first = tickets.pop_front().expect("a ticket");
            assert!(first.wait().expect("a commit").is_committed());
        }
    }
    for ticket in tickets {
        assert!(ticket.wait().expect("a commit").is_committed());
    }
    let rate = messages as f64 / start.elapsed().as_secs_f64();
    println!("bulk, 1,000 on their way: {rate:.0} messages/s");
}

fn scan(engine: &FjallEngine) {
    let range = KeyRange::prefix([&1000u64.to_be_bytes()[..], b"s"].concat());
    let mut rows = 0;
    timed("a scan of 100,000 summaries", || {
        let visited = engine.visit(Space::Mailbox, &range, Direction::Forward, &mut |_, _| {
            rows += 1;
            std::ops::ControlFlow::Continue(())
        });
        visited.expect("a scan");
    });
    assert_eq!(rows, 100_000);
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    println!("{what}: {:?}", start.elapsed());
    result
}

fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<Duration> = times.collect();
    times.sort();
    times[times.len() / 2]
}

fn ratio(a: Duration, b: Duration) -> f64 {
    a.as_secs_f64() / b.as_secs_f64()
}

fn resident_mib() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    (pages.unwrap_or(0) * 4096) >> 20
}
