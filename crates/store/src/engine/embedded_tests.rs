//! What only the embedded engine can get wrong: files, crashes, full disks.

use std::fs;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::power_loss::{self, Loss};
use super::*;

fn open(path: &Path) -> FjallEngine {
    FjallEngine::open(path, &Options::default()).unwrap()
}

fn put(engine: &dyn Engine, key: &[u8], value: &[u8]) -> Result<Outcome> {
    let mut batch = Batch::new();
    batch.put(Space::Mailbox, key, value);
    engine.commit(batch)
}

fn committed(engine: &dyn Engine, key: &[u8], value: &[u8]) {
    assert_eq!(put(engine, key, value).unwrap(), Outcome::Committed);
}

/// What the disk holds now, as after kill -9: a copy of the directory of an open engine.
fn image(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            image(&entry.path(), &target);
        } else {
            // Journals are mostly a hole.
            let written = journal::written_end(&entry.path(), 0).unwrap();
            let mut source = fs::File::open(entry.path()).unwrap();
            let mut copy = fs::File::create(target).unwrap();
            std::io::copy(&mut source.by_ref().take(written), &mut copy).unwrap();
            copy.set_len(source.metadata().unwrap().len()).unwrap();
        }
    }
}

fn active_journal(data: &Path) -> PathBuf {
    let journals = journal::list(&data.join("engine")).unwrap();
    journals.last().unwrap().1.clone()
}

#[test]
fn a_clean_close_and_a_drop_and_a_kill_lose_nothing() {
    let temporary = tempfile::tempdir().unwrap();
    let data = temporary.path().join("data");
    let mut copies = Vec::new();
    for round in 0..4u8 {
        let engine = open(&data);
        for earlier in 0..round {
            assert_eq!(engine.get(Space::Mailbox, &[earlier]).unwrap().unwrap(), "value");
        }
        committed(&engine, &[round], b"value");
        let mut blob = Batch::new();
        blob.put(Space::Blobs, [round], vec![round; 60_000]);
        assert!(engine.commit(blob).unwrap().is_committed());
        let copy = temporary.path().join(format!("copy{round}"));
        image(&data, &copy);
        copies.push(copy);
        if round % 2 == 0 {
            engine.close().unwrap();
        }
    }
    for (last, copy) in copies.iter().enumerate() {
        let engine = open(copy);
        for round in 0..=last as u8 {
            assert_eq!(engine.get(Space::Mailbox, &[round]).unwrap().unwrap(), "value");
            let blob = engine.get(Space::Blobs, &[round]).unwrap().unwrap();
            assert!(blob.len() == 60_000 && blob.iter().all(|byte| *byte == round));
        }
    }
}

#[test]
fn power_loss_keeps_every_synced_batch_and_no_half_of_another() {
    let losses = (0..4).flat_map(|seed| [Loss::Torn(seed), Loss::Garbage(seed)]);
    let temporary = tempfile::tempdir().unwrap();
    let data = temporary.path().join("data");
    let options = Options { record_syncs: true, ..Options::default() };
    let engine = FjallEngine::open(&data, &options).unwrap();
    for number in 0..20u8 {
        committed(&engine, &[b'a', number], &[number; 3000]);
    }
    let record = fs::read(data.join("SYNCED")).unwrap();
    // One more group, of which the test says that its sync did not end.
    let mut batch = Batch::new();
    for number in 0..20u8 {
        batch.put(Space::Blobs, [b'b', number], vec![number; 9000]);
    }
    assert!(engine.commit(batch).unwrap().is_committed());
    let after = fs::read(data.join("SYNCED")).unwrap();
    assert_ne!(record, after);
    for (number, loss) in [Loss::Zeros, Loss::Cut].into_iter().chain(losses).enumerate() {
        let copy = temporary.path().join(format!("copy{number}"));
        image(&data, &copy);
        fs::write(copy.join("SYNCED"), &record).unwrap();
        let lost = power_loss::apply(&copy, loss).unwrap();
        assert!(lost.unsynced_bytes > 180_000, "{lost:?}");
        let engine = open(&copy);
        for number in 0..20u8 {
            let value = engine.get(Space::Mailbox, &[b'a', number]).unwrap();
            assert_eq!(value.unwrap()[..], [number; 3000], "{loss:?}");
        }
        let rest = engine.scan(Space::Blobs, &KeyRange::all(), Direction::Forward, 100);
        assert_eq!(rest.unwrap(), [], "{loss:?}");
        committed(&engine, b"later", b"value");
        drop(engine);
        assert!(open(&copy).get(Space::Mailbox, b"later").unwrap().is_some());
        fs::remove_dir_all(&copy).unwrap();
    }
    // With nothing unsynced, nothing is lost.
    let copy = temporary.path().join("whole");
    image(&data, &copy);
    assert_eq!(power_loss::apply(&copy, Loss::Zeros).unwrap().unsynced_bytes, 0);
    assert!(open(&copy).get(Space::Blobs, b"b\x13").unwrap().is_some());
}

#[test]
fn a_journal_damaged_before_acknowledged_batches_is_refused_and_kept() {
    let temporary = tempfile::tempdir().unwrap();
    let data = temporary.path().join("data");
    let engine = open(&data);
    let mut ends = Vec::new();
    for number in 0..10u8 {
        committed(&engine, &[number], &[number; 500]);
        ends.push(journal::extent(&active_journal(&data), 0, None).unwrap().end);
    }
    for damaged in [0, ends[3], ends[3] + 1, ends[3] + 20, ends[4] - 2] {
        let copy = temporary.path().join("copy");
        image(&data, &copy);
        let path = active_journal(&copy);
        let file = fs::File::options().read(true).write(true).open(&path).unwrap();
        let mut byte = [0];
        file.read_exact_at(&mut byte, damaged).unwrap();
        file.write_all_at(&[byte[0] ^ 0x55], damaged).unwrap();
        let before = fs::read(&path).unwrap();
        let error = FjallEngine::open(&copy, &Options::default()).err().unwrap();
        let expected = ends.iter().copied().filter(|end| *end <= damaged).max().unwrap_or(0);
        assert!(
            matches!(error, Error::DamagedJournal { offset, .. } if offset == expected),
            "{error}"
        );
        assert!(fs::read(&path).unwrap() == before);
        fs::remove_dir_all(&copy).unwrap();
    }
}

#[test]
fn a_value_that_is_not_what_was_written_is_an_error() {
    let temporary = tempfile::tempdir().unwrap();
    let engine = open(temporary.path());
    committed(&engine, b"good", b"value");
    drop(engine);
    // Behind the engine's back, with a checksum of another key.
    let database = fjall::Database::builder(temporary.path().join("engine")).open().unwrap();
    let space = database.keyspace("mailbox", Default::default).unwrap();
    let sealed = space.get("good").unwrap().unwrap();
    space.insert("moved", sealed).unwrap();
    drop((space, database));
    let engine = open(temporary.path());
    let error = engine.get(Space::Mailbox, b"moved").unwrap_err();
    assert!(matches!(error, Error::Corrupt { key, .. } if key == b"moved"));
    let scanned = engine.scan(Space::Mailbox, &KeyRange::all(), Direction::Forward, 10);
    assert!(matches!(scanned, Err(Error::Corrupt { key, .. }) if key == b"moved"));
    assert!(engine.get(Space::Mailbox, b"good").unwrap().is_some());
}

#[test]
fn a_damaged_table_is_an_error_and_not_a_wrong_answer() {
    let temporary = tempfile::tempdir().unwrap();
    let engine = open(temporary.path());
    for number in 0..2000u32 {
        let mut batch = Batch::new();
        batch.put(Space::Mailbox, number.to_be_bytes(), number.to_be_bytes().repeat(20));
        drop(engine.enqueue(batch).unwrap());
    }
    engine.close().unwrap();
    drop(engine);
    let mut tables = Vec::new();
    for keyspace in fs::read_dir(temporary.path().join("engine/keyspaces")).unwrap() {
        let tables_of = keyspace.unwrap().path().join("tables");
        tables
            .extend(fs::read_dir(tables_of).into_iter().flatten().map(|file| file.unwrap().path()));
    }
    let largest = tables.iter().max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
    let mut bytes = fs::read(largest).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle] ^= 1;
    fs::write(largest, bytes).unwrap();
    let engine = open(temporary.path());
    let mut damaged = 0;
    for number in 0..2000u32 {
        match engine.get(Space::Mailbox, &number.to_be_bytes()) {
            Ok(value) => assert_eq!(value.unwrap()[..], number.to_be_bytes().repeat(20)),
            Err(Error::Corrupt { .. }) => damaged += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(damaged > 0);
}

#[test]
fn memory_stays_within_the_budget_and_the_journals_go() {
    let temporary = tempfile::tempdir().unwrap();
    let options = Options { memory_budget: 4 << 20, ..Options::default() };
    let engine = FjallEngine::open(temporary.path(), &options).unwrap();
    let mut tickets = std::collections::VecDeque::new();
    let mut most = 0;
    for number in 0..300u32 {
        let mut batch = Batch::new();
        for part in 0..10u32 {
            let key = [(number * 7919) % 300, part].map(u32::to_be_bytes).concat();
            batch.put(Space::Mailbox, key.clone(), vec![number as u8; 1200]);
            batch.put(Space::Blobs, key, vec![number as u8; 8000]);
        }
        tickets.push_back(engine.enqueue(batch).unwrap());
        if tickets.len() > 8 {
            assert!(tickets.pop_front().unwrap().wait().unwrap().is_committed());
        }
        let gauges = engine.gauges();
        assert!(gauges.cache_bytes <= gauges.cache_capacity_bytes);
        most = most.max(gauges.memtable_bytes + gauges.cache_capacity_bytes);
    }
    for ticket in tickets {
        assert!(ticket.wait().unwrap().is_committed());
    }
    // One group (at most 8 MiB here: 9 batches of 92 KB) may pass the bound of a memtable.
    assert!(most < (4 << 20) + 2 * 9 * 92_000, "{most} bytes held");
    engine.flush().unwrap();
    assert_eq!(engine.gauges().memtable_bytes, 0);
    engine.close().unwrap();
}

fn options_with_free(free: &Arc<AtomicU64>) -> Options {
    let free = free.clone();
    Options {
        free_space_floor: Some(1 << 20),
        reserve: Some(100_000),
        space_probe: Some(Arc::new(move || {
            Ok(DiskSpace { free: free.load(Ordering::Relaxed), total: 1 << 40 })
        })),
        ..Options::default()
    }
}

#[test]
fn the_reserve_is_given_up_on_a_full_disk_and_taken_back() {
    let temporary = tempfile::tempdir().unwrap();
    let reserve = temporary.path().join("RESERVE");
    let free = Arc::new(AtomicU64::new(1 << 30));
    let engine = FjallEngine::open(temporary.path(), &options_with_free(&free)).unwrap();
    assert_eq!(fs::metadata(&reserve).unwrap().len(), 100_000);
    committed(&engine, b"key", b"value");
    free.store(1000, Ordering::Relaxed);
    assert!(matches!(put(&engine, b"more", b"value"), Err(Error::DiskFull { .. })));
    let mut batch = Batch::new();
    batch.delete(Space::Mailbox, *b"key");
    assert!(engine.commit(batch).unwrap().is_committed());
    assert!(!reserve.exists());
    free.store(1 << 30, Ordering::Relaxed);
    committed(&engine, b"more", b"value");
    assert_eq!(fs::metadata(&reserve).unwrap().len(), 100_000);
}

/// Runs the named test again in a process of its own, where it may change what the whole process
/// shares; true in that process.
fn in_own_process(test: &str) -> bool {
    const MARK: &str = "STORE_ENGINE_TEST_PROCESS";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let name = format!("engine::embedded_tests::{test}");
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &name, "--nocapture"])
        .env(MARK, "1")
        .status();
    assert!(status.unwrap().success());
    false
}

/// What [`a_killed_process_loses_nothing_that_it_acknowledged`] runs and kills: four threads that
/// commit batches over two spaces and print the number of each that was acknowledged.
fn write_until_killed(data: &Path) {
    let options = Options { record_syncs: true, memory_budget: 4 << 20, ..Options::default() };
    let engine = FjallEngine::open(data, &options).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4u32 {
            let engine = &engine;
            scope.spawn(move || {
                let done = KeyRange::prefix(thread.to_be_bytes());
                let last = engine.keys(Space::Mailbox, &done, Direction::Reverse, 1).unwrap();
                let next = last.first().map_or(0, |key| number_of(key) + 1);
                for number in next.. {
                    assert!(engine.commit(numbered(thread, number)).unwrap().is_committed());
                    println!("acknowledged {thread} {number}");
                }
            });
        }
    });
}

fn number_of(key: &[u8]) -> u32 {
    u32::from_be_bytes(key[4..8].try_into().unwrap())
}

fn numbered(thread: u32, number: u32) -> Batch {
    let key = [thread.to_be_bytes(), number.to_be_bytes()].concat();
    let mut batch = Batch::new();
    batch.put(Space::Mailbox, key.clone(), number.to_le_bytes().repeat(300));
    batch.put(Space::Blobs, key, number.to_le_bytes().repeat(4000));
    batch
}

#[test]
fn a_killed_process_loses_nothing_that_it_acknowledged() {
    use std::io::{BufRead, BufReader};
    const DATA: &str = "STORE_ENGINE_TEST_DATA";
    if let Some(data) = std::env::var_os(DATA) {
        return write_until_killed(Path::new(&data));
    }
    let temporary = tempfile::tempdir().unwrap();
    let data = temporary.path().join("data");
    let mut acknowledged = [None::<u32>; 4];
    for round in 0..6 {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture"])
            .arg("engine::embedded_tests::a_killed_process_loses_nothing_that_it_acknowledged")
            .env(DATA, &data)
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut note = |line: &str| -> bool {
            let mut words = line.split(' ').rev();
            let number = words.next().and_then(|word| word.parse().ok());
            let thread = words.next().and_then(|word| word.parse::<usize>().ok());
            let (Some(number), Some(thread)) = (number, thread) else { return false };
            if words.next() != Some("acknowledged") {
                return false;
            }
            acknowledged[thread] = acknowledged[thread].max(Some(number));
            true
        };
        let mut count = 0;
        while count < 150 {
            count += u32::from(note(&lines.next().unwrap().unwrap()));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What was in the pipe was acknowledged too; only the last line may be cut.
        lines.map_while(std::result::Result::ok).for_each(|line| {
            note(&line);
        });
        let loss = [None, Some(Loss::Zeros), Some(Loss::Torn(round)), Some(Loss::Garbage(round))];
        if let Some(loss) = loss[round as usize % 4] {
            power_loss::apply(&data, loss).unwrap();
        }
        let engine = open(&data);
        for thread in 0..4u32 {
            let range = KeyRange::prefix(thread.to_be_bytes());
            let all = |space| engine.scan(space, &range, Direction::Forward, usize::MAX).unwrap();
            let (small, large) = (all(Space::Mailbox), all(Space::Blobs));
            assert!(small.len() as u32 > acknowledged[thread as usize].unwrap());
            assert_eq!(small.len(), large.len(), "no batch is half there");
            for ((number, small), large) in (0u32..).zip(&small).zip(&large) {
                assert_eq!(number_of(&small.0), number);
                assert_eq!(small.0, large.0);
                assert_eq!(small.1[..], number.to_le_bytes().repeat(300));
                assert_eq!(large.1[..], number.to_le_bytes().repeat(4000));
            }
        }
    }
}

/// From now on no file of this process may be written behind this offset.
fn limit_files(bytes: libc::rlim_t) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: plain system calls on a structure of our own.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        assert_eq!(libc::getrlimit(libc::RLIMIT_FSIZE, &mut limit), 0);
        limit.rlim_cur = bytes.min(limit.rlim_max);
        assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &limit), 0);
    }
}

#[test]
fn after_a_failed_write_the_engine_opens_again_below_its_users() {
    if !in_own_process("after_a_failed_write_the_engine_opens_again_below_its_users") {
        return;
    }
    let temporary = tempfile::tempdir().unwrap();
    let engine = open(temporary.path());
    committed(&engine, b"before", b"value");
    for round in 1..4u8 {
        let snapshot = engine.snapshot().unwrap();
        limit_files(1);
        for _ in 0..2 {
            let error = put(&engine, &[round], &[round; 90_000]).unwrap_err();
            assert!(matches!(error, Error::Io { .. }), "{error}");
        }
        assert_eq!(engine.get(Space::Mailbox, &[round]).unwrap(), None);
        assert_eq!(engine.latest().get(Space::Mailbox, &[round]).unwrap(), None);
        assert!(engine.get(Space::Mailbox, b"before").unwrap().is_some());
        let lost = snapshot.get(Space::Mailbox, b"before");
        assert!(matches!(lost, Err(Error::SnapshotLost)));
        limit_files(libc::RLIM_INFINITY);
        committed(&engine, &[b'n', round], b"value");
        assert_eq!(engine.gauges().reopened, u64::from(round) * 2);
    }
    drop(engine);
    let engine = open(temporary.path());
    let found = engine.scan(Space::Mailbox, &KeyRange::all(), Direction::Forward, 10);
    let found: Vec<_> = found.unwrap().into_iter().map(|(key, _)| key).collect();
    assert_eq!(found, [&b"before"[..], b"n\x01", b"n\x02", b"n\x03"]);
}

/// A compaction closes the files and opens them again: neither who writes then nor who reads may notice, nor may the
/// writer take the files for lost and open them a second time.
#[test]
fn who_works_during_a_compaction_waits_for_it() {
    let temporary = tempfile::tempdir().unwrap();
    let engine = open(temporary.path());
    committed(&engine, b"before", b"value");
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (engine, over) = (&engine, &over);
        scope.spawn(move || {
            for round in 0..20u32 {
                committed(engine, &round.to_be_bytes(), b"value");
            }
            over.store(true, Ordering::Relaxed);
        });
        scope.spawn(move || {
            while !over.load(Ordering::Relaxed) {
                assert_eq!(engine.get(Space::Mailbox, b"before").unwrap().unwrap(), "value");
            }
        });
        while !over.load(Ordering::Relaxed) {
            engine.compact().unwrap();
        }
    });
    assert_eq!(engine.gauges().reopened, 0);
    let found = engine.scan(Space::Mailbox, &KeyRange::all(), Direction::Forward, 300).unwrap();
    assert_eq!(found.len(), 21);
}
