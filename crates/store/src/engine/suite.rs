//! What every engine must do, run on each of them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

/// An engine under test and what must outlive it.
pub(super) struct Fixture {
    pub(super) engine: Arc<dyn Engine>,
    pub(super) _directory: Option<tempfile::TempDir>,
}

macro_rules! suite {
    ($($test:ident,)*) => {
        mod memory {
            use super::*;

            fn fixture() -> Fixture {
                Fixture { engine: Arc::new(MemoryEngine::new()), _directory: None }
            }

            $(#[test] fn $test() { super::$test(&fixture().engine) })*
        }

        mod embedded {
            use super::*;

            fn fixture() -> Fixture {
                let directory = tempfile::tempdir().unwrap();
                let engine = FjallEngine::open(directory.path(), &Options::default()).unwrap();
                Fixture { engine: Arc::new(engine), _directory: Some(directory) }
            }

            $(#[test] fn $test() { super::$test(&fixture().engine) })*
        }
    };
}

suite! {
    reads_what_was_committed,
    scans_in_both_directions_with_limits,
    refuses_a_batch_whose_checks_fail,
    a_check_sees_the_batch_before_it,
    a_newer_lease_shuts_the_older_writer_out,
    a_snapshot_stays_as_it_was,
    latest_agrees_with_a_map,
    many_writers_share_syncs,
    a_batch_on_a_failed_basis_is_refused,
    hooks_run_in_order_before_waiters_wake,
    refuses_what_is_too_large,
    a_closed_engine_says_so,
}

fn put(engine: &Arc<dyn Engine>, space: Space, key: &[u8], value: &[u8]) {
    let mut batch = Batch::new();
    batch.put(space, key, value);
    assert_eq!(engine.commit(batch).unwrap(), Outcome::Committed);
}

fn reads_what_was_committed(engine: &Arc<dyn Engine>) {
    let mut batch = Batch::new();
    for space in Space::ALL {
        batch.put(space, *b"key", space.name());
    }
    batch.put(Space::Mailbox, *b"empty", Vec::new());
    batch.put(Space::Mailbox, *b"twice", *b"first");
    batch.put(Space::Mailbox, *b"twice", *b"second");
    batch.put(Space::Mailbox, *b"gone", *b"x");
    batch.delete(Space::Mailbox, *b"gone");
    assert!(engine.commit(batch).unwrap().is_committed());
    for space in Space::ALL {
        assert_eq!(engine.get(space, b"key").unwrap().unwrap(), space.name());
    }
    let keys: [&[u8]; 4] = [b"twice", b"gone", b"empty", b"none"];
    let values = engine.multi_get(Space::Mailbox, &keys).unwrap();
    let expected = [Some("second".into()), None, Some(Value::new()), None];
    assert_eq!(values, expected);
    for (key, value) in keys.iter().zip(&values) {
        assert_eq!(engine.contains(Space::Mailbox, key).unwrap(), value.is_some());
    }
    let mut batch = Batch::new();
    batch.delete(Space::Mailbox, *b"key");
    assert!(engine.commit(batch).unwrap().is_committed());
    assert_eq!(engine.get(Space::Mailbox, b"key").unwrap(), None);
    assert!(!engine.contains(Space::Mailbox, b"key").unwrap());
    assert!(engine.get(Space::Queue, b"key").unwrap().is_some());
}

fn scans_in_both_directions_with_limits(engine: &Arc<dyn Engine>) {
    let mut batch = Batch::new();
    for number in 0..1000u32 {
        batch.put(Space::Mailbox, number.to_be_bytes(), number.to_le_bytes());
    }
    assert!(engine.commit(batch).unwrap().is_committed());
    let range = KeyRange::new(100u32.to_be_bytes(), 900u32.to_be_bytes());
    let numbers = |direction, limit| -> Vec<u32> {
        let pairs = engine.scan(Space::Mailbox, &range, direction, limit);
        let number = |(key, value): KeyValue| {
            let number = u32::from_be_bytes(key[..].try_into().unwrap());
            assert_eq!(value[..], number.to_le_bytes());
            number
        };
        pairs.unwrap().into_iter().map(number).collect()
    };
    assert_eq!(numbers(Direction::Forward, 3), [100, 101, 102]);
    assert_eq!(numbers(Direction::Reverse, 3), [899, 898, 897]);
    assert_eq!(numbers(Direction::Forward, 0), [0; 0]);
    for direction in [Direction::Forward, Direction::Reverse] {
        let keys = engine.keys(Space::Mailbox, &range, direction, 5).unwrap();
        let expected = numbers(direction, 5).into_iter().map(u32::to_be_bytes);
        assert!(keys.iter().map(|key| &key[..]).eq(expected.collect::<Vec<_>>().iter()));
    }
    let all: Vec<u32> = (100..900).collect();
    assert_eq!(numbers(Direction::Forward, usize::MAX), all);
    for direction in [Direction::Forward, Direction::Reverse] {
        let mut seen = Vec::new();
        let visited = engine.visit(Space::Mailbox, &range, direction, &mut |key, _| {
            seen.push(u32::from_be_bytes(key[..].try_into().unwrap()));
            if seen.len() == 700 {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        visited.unwrap();
        let expected: Vec<u32> = match direction {
            Direction::Forward => (100..800).collect(),
            Direction::Reverse => (200..900).rev().collect(),
        };
        assert_eq!(seen, expected);
    }
    let readers: [&dyn Reader; 3] = [&**engine, &*engine.snapshot().unwrap(), &*engine.latest()];
    for (reader, direction) in
        readers.into_iter().flat_map(|r| [(r, Direction::Forward), (r, Direction::Reverse)])
    {
        // Pairs of eight bytes, or of sixteen as they are stored.
        let mut page = Page::default();
        assert!(reader.scan_page(Space::Mailbox, &range, direction, 100, &mut page).unwrap());
        let of = |page: &Page| page.iter().map(|(key, _)| key.to_vec()).collect::<Vec<_>>();
        let count = of(&page).len();
        assert!(count == 13 || count == 7, "{count}");
        let expected = numbers(direction, count).into_iter().map(|n| n.to_be_bytes().to_vec());
        assert!(of(&page).into_iter().eq(expected));
        for (key, value) in page.iter() {
            let number = u32::from_be_bytes(key.try_into().unwrap());
            assert_eq!(value, number.to_le_bytes());
        }
        // The rest goes behind what the page holds.
        let rest = range.beyond(page.last_key().unwrap(), direction);
        let room = usize::MAX;
        assert!(!reader.scan_page(Space::Mailbox, &rest, direction, room, &mut page).unwrap());
        assert_eq!(of(&page).len(), 800);
        page.clear();
        assert!((page.bytes(), page.last_key()) == (0, None));
    }
    let empty = KeyRange::new(*b"b", *b"a");
    let pairs = engine.scan(Space::Mailbox, &empty, Direction::Forward, 10);
    assert_eq!(pairs.unwrap(), []);
    let mut page = Page::default();
    assert!(!engine.scan_page(Space::Mailbox, &empty, Direction::Forward, 9, &mut page).unwrap());
}

fn refuses_a_batch_whose_checks_fail(engine: &Arc<dyn Engine>) {
    put(engine, Space::Directory, b"name", b"1");
    let checks = [
        Check::Equals(Space::Directory, b"name".into(), b"2".into()),
        Check::Equals(Space::Directory, b"none".into(), b"".into()),
        Check::Absent(Space::Directory, b"name".into()),
        Check::Present(Space::Directory, b"none".into()),
        Check::Epoch(MailboxNumber(7), Epoch(1)),
    ];
    for check in checks {
        let mut batch = Batch::new();
        batch.check_present(Space::Directory, *b"name");
        batch.check(check);
        batch.put(Space::Directory, *b"name", *b"3");
        batch.put(Space::Queue, *b"other", *b"3");
        let outcome = engine.commit(batch).unwrap();
        assert_eq!(outcome, Outcome::Conflict { check: 1 });
    }
    assert_eq!(engine.get(Space::Directory, b"name").unwrap().unwrap(), "1");
    assert_eq!(engine.get(Space::Queue, b"other").unwrap(), None);
}

fn a_check_sees_the_batch_before_it(engine: &Arc<dyn Engine>) {
    // Eight threads raise one number, each only from the value that it has seen.
    put(engine, Space::Mailbox, b"n", &0u64.to_be_bytes());
    let raised = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let seen = engine.get(Space::Mailbox, b"n").unwrap().unwrap();
                    let number = u64::from_be_bytes(seen[..].try_into().unwrap());
                    let mut batch = Batch::new();
                    batch.check_equals(Space::Mailbox, *b"n", seen);
                    batch.put(Space::Mailbox, *b"n", (number + 1).to_be_bytes());
                    if engine.commit(batch).unwrap().is_committed() {
                        raised.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let value = engine.get(Space::Mailbox, b"n").unwrap().unwrap();
    assert_eq!(value[..], raised.into_inner().to_be_bytes());
}

fn a_newer_lease_shuts_the_older_writer_out(engine: &Arc<dyn Engine>) {
    let mailbox = MailboxNumber(42);
    let old = engine.lease(mailbox).unwrap();
    let write = |epoch| {
        let mut batch = Batch::new();
        batch.check_epoch(mailbox, epoch);
        batch.put(Space::Mailbox, *b"key", *b"value");
        engine.commit(batch).unwrap()
    };
    assert_eq!(write(old), Outcome::Committed);
    let new = engine.lease(mailbox).unwrap();
    assert!(new > old);
    assert_eq!(write(old), Outcome::Conflict { check: 0 });
    assert_eq!(write(new), Outcome::Committed);
    assert!(engine.lease(MailboxNumber(43)).is_ok());
    assert_eq!(write(new), Outcome::Committed);
}

fn a_snapshot_stays_as_it_was(engine: &Arc<dyn Engine>) {
    for number in 0..100u32 {
        put(engine, Space::Mailbox, &number.to_be_bytes(), b"old");
    }
    let snapshot = engine.snapshot().unwrap();
    let mut batch = Batch::new();
    for number in 0..200u32 {
        match number % 3 {
            0 => batch.delete(Space::Mailbox, number.to_be_bytes()),
            _ => batch.put(Space::Mailbox, number.to_be_bytes(), *b"new"),
        }
    }
    assert!(engine.commit(batch).unwrap().is_committed());
    engine.flush().unwrap();
    let all = KeyRange::all();
    let frozen = snapshot.scan(Space::Mailbox, &all, Direction::Forward, 1000);
    let frozen = frozen.unwrap();
    assert_eq!(frozen.len(), 100);
    assert!(frozen.iter().all(|(_, value)| value == "old"));
    assert_eq!(snapshot.get(Space::Mailbox, &3u32.to_be_bytes()).unwrap(), Some("old".into()));
    let now = engine.scan(Space::Mailbox, &all, Direction::Forward, 1000);
    assert_eq!(now.unwrap().len(), 133);
    drop(snapshot);
}

fn latest_agrees_with_a_map(engine: &Arc<dyn Engine>) {
    let mut model = BTreeMap::new();
    let mut state = 1u64;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
        (state >> 33) % below
    };
    let mut tickets = Vec::new();
    for _ in 0..200 {
        let mut batch = Batch::new();
        for _ in 0..random(4) + 1 {
            let key = vec![b'k', random(50) as u8];
            if random(3) == 0 {
                model.remove(&key);
                batch.delete(Space::Mailbox, key);
            } else {
                let value = random(1000).to_be_bytes().to_vec();
                model.insert(key.clone(), value.clone());
                batch.put(Space::Mailbox, key, value);
            }
        }
        tickets.push(engine.enqueue(batch).unwrap());
        let latest = engine.latest();
        let key = vec![b'k', random(50) as u8];
        let value = latest.get(Space::Mailbox, &key).unwrap();
        assert_eq!(value.as_deref(), model.get(&key).map(|value| &value[..]));
        let limit = random(60) as usize;
        let expected = model.iter().map(|(key, value)| (key.clone(), value.clone()));
        let range = KeyRange::prefix(*b"k");
        let plain = |pairs: Vec<KeyValue>| -> Vec<(Vec<u8>, Vec<u8>)> {
            let pair = |(key, value): KeyValue| (key.to_vec(), value.to_vec());
            pairs.into_iter().map(pair).collect()
        };
        let forward = latest.scan(Space::Mailbox, &range, Direction::Forward, limit);
        let forward = plain(forward.unwrap());
        assert_eq!(forward, expected.clone().take(limit).collect::<Vec<_>>());
        let reverse = latest.scan(Space::Mailbox, &range, Direction::Reverse, limit);
        let reverse = plain(reverse.unwrap());
        assert_eq!(reverse, expected.rev().take(limit).collect::<Vec<_>>());
    }
    for ticket in tickets {
        assert_eq!(ticket.wait().unwrap(), Outcome::Committed);
    }
    assert_eq!(engine.gauges().pending_bytes, 0);
}

fn many_writers_share_syncs(engine: &Arc<dyn Engine>) {
    std::thread::scope(|scope| {
        for thread in 0..16u8 {
            scope.spawn(move || {
                let mut tickets = Vec::new();
                for number in 0..50u8 {
                    let mut batch = Batch::new();
                    batch.put(Space::Mailbox, [thread, number], [number]);
                    tickets.push(engine.enqueue(batch).unwrap());
                }
                for ticket in tickets {
                    assert_eq!(ticket.wait().unwrap(), Outcome::Committed);
                }
                for number in 0..50u8 {
                    let value = engine.get(Space::Mailbox, &[thread, number]);
                    assert_eq!(value.unwrap().unwrap()[..], [number]);
                }
            });
        }
    });
    let gauges = engine.gauges();
    assert_eq!(gauges.commits, 800);
    assert!(gauges.syncs < 800, "{} syncs", gauges.syncs);
    assert_eq!(gauges.pending_bytes, 0);
}

fn a_batch_on_a_failed_basis_is_refused(engine: &Arc<dyn Engine>) {
    let basis = engine.basis();
    let mut failing = Batch::new();
    failing.check_present(Space::Mailbox, *b"none");
    failing.put(Space::Mailbox, *b"a", *b"1");
    let failing = engine.enqueue(failing).unwrap();
    let built = |basis| {
        let mut batch = Batch::new();
        batch.built_on(basis);
        batch.put(Space::Mailbox, *b"b", *b"1");
        engine.commit(batch).unwrap()
    };
    assert_eq!(built(basis), Outcome::Conflict { check: 0 });
    assert_eq!(failing.wait().unwrap(), Outcome::Conflict { check: 0 });
    assert_eq!(engine.latest().get(Space::Mailbox, b"a").unwrap(), None);
    assert_eq!(engine.latest().get(Space::Mailbox, b"b").unwrap(), None);
    assert_eq!(built(engine.basis()), Outcome::Committed);
}

fn hooks_run_in_order_before_waiters_wake(engine: &Arc<dyn Engine>) {
    let order = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let mut tickets = Vec::new();
    for number in 0..100u8 {
        let order = order.clone();
        let mut batch = Batch::new();
        batch.put(Space::Queue, [number], [number]);
        if number % 10 == 3 {
            batch.check_present(Space::Queue, *b"none");
        }
        batch.on_durable(move || {
            order.lock().push(number);
            assert!(number != 77, "a panicking hook harms nobody");
        });
        tickets.push(engine.enqueue(batch).unwrap());
    }
    for (number, ticket) in (0..100u8).zip(tickets) {
        let committed = ticket.wait().unwrap().is_committed();
        assert_eq!(committed, number % 10 != 3);
        assert_eq!(order.lock().contains(&number), committed);
    }
    assert!(order.lock().is_sorted());
    put(engine, Space::Queue, b"after", b"it still works");
}

fn refuses_what_is_too_large(engine: &Arc<dyn Engine>) {
    let commit = |key: usize, value: usize, count: usize| {
        let mut batch = Batch::new();
        for number in 0..count {
            let mut key = vec![b'k'; key];
            if let Some(last) = key.last_mut() {
                *last = number as u8;
            }
            batch.put(Space::Blobs, key, vec![7; value]);
        }
        engine.commit(batch)
    };
    assert!(commit(MAX_KEY, MAX_VALUE, 1).unwrap().is_committed());
    let too_large = |result| matches!(result, Err(Error::TooLarge { .. }));
    assert!(too_large(commit(MAX_KEY + 1, 1, 1)));
    assert!(too_large(commit(0, 1, 1)));
    assert!(too_large(commit(1, MAX_VALUE + 1, 1)));
    assert!(too_large(commit(4, MAX_VALUE, 100)));
}

fn a_closed_engine_says_so(engine: &Arc<dyn Engine>) {
    put(engine, Space::Mailbox, b"key", b"value");
    engine.close().unwrap();
    engine.close().unwrap();
    let mut batch = Batch::new();
    batch.put(Space::Mailbox, *b"key", *b"value");
    assert!(matches!(engine.commit(batch), Err(Error::Closed)));
}
