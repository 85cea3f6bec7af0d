//! What was acknowledged is there and whole after a loss of power or a restart; nothing is half there.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::{account, assert_whole, on_engine, options, plain, rich};
use mapi::MessageId;
use store::engine::{Direction, DiskSpace, KeyRange, MemoryEngine, Reader, Space};
use store::folder::{self, DeleteOptions, NewFolder};
use store::mailbox::changes;
use store::message::{self, ImportOptions};
use store::{Mailbox, SpecialFolder, Store, StoreError};

const INBOX: mapi::FolderId = SpecialFolder::Inbox.id();

#[test]
fn power_fails_between_write_and_sync() {
    for survives in [false, true] {
        let engine = Arc::new(MemoryEngine::new());
        let store = on_engine(engine.clone());
        let number = account(&store, "me@example.test").mailbox;
        let mailbox = store.mailbox(number).unwrap();
        let import = |mailbox: &Mailbox| {
            message::import(mailbox, INBOX, rich(), &ImportOptions::default()).map(|done| done.id)
        };
        let acknowledged: Vec<MessageId> =
            (0..10).map(|_| import(&mailbox).expect("synced")).collect();
        engine.hold_syncs();
        let again = std::thread::scope(|scope| {
            let waiting: Vec<_> = (0..4).map(|_| scope.spawn(|| import(&mailbox))).collect();
            while engine.unsynced_groups() == 0 {
                std::thread::yield_now();
            }
            let again = engine.simulate_power_loss(survives);
            for thread in waiting {
                assert!(thread.join().unwrap().is_err(), "nothing may be acknowledged");
            }
            again
        });
        let store = on_engine(Arc::new(again));
        let mailbox = store.mailbox(number).unwrap();
        assert_whole(&mailbox);
        for id in &acknowledged {
            let back = message::export(&mailbox, *id).expect("acknowledged");
            assert_eq!(back.mime, rich().mime);
        }
        // New ones get ids that nobody had.
        let new = import(&mailbox).unwrap();
        assert!(!acknowledged.contains(&new));
        assert_whole(&mailbox);
    }
}

#[test]
fn a_failed_sync_is_an_error_and_the_next_save_works() {
    let engine = Arc::new(MemoryEngine::new());
    let store = on_engine(engine.clone());
    let mailbox = store.mailbox(account(&store, "me@example.test").mailbox).unwrap();
    message::import(&mailbox, INBOX, plain("a"), &ImportOptions::default()).unwrap();
    engine.fail_next_sync();
    assert!(message::import(&mailbox, INBOX, plain("b"), &ImportOptions::default()).is_err());
    let c = message::import(&mailbox, INBOX, plain("c"), &ImportOptions::default()).unwrap();
    assert_eq!(c.uid, 2);
    assert_whole(&mailbox);
}

#[test]
fn a_data_directory_opens_again() {
    let dir = tempfile::tempdir().unwrap();
    let (number, id, sequence) = {
        let store = Store::open(dir.path(), options()).unwrap();
        let number = account(&store, "me@example.test").mailbox;
        let mailbox = store.mailbox(number).unwrap();
        let id = message::import(&mailbox, INBOX, rich(), &ImportOptions::default()).unwrap().id;
        message::set_read(&mailbox, id, true).unwrap();
        let sequence = changes::latest(&mailbox).unwrap();
        store.close().unwrap();
        (number, id, sequence)
    };
    let store = Store::open(dir.path(), options()).unwrap();
    let mailbox = store.mailbox(number).unwrap();
    assert_eq!(changes::latest(&mailbox).unwrap(), sequence);
    let back = message::open(&mailbox, id).unwrap();
    assert!(back.read);
    assert_eq!(message::export(&mailbox, id).unwrap().mime, rich().mime);
    assert_whole(&mailbox);
    let kinds: Vec<_> =
        changes::after(&mailbox, 0, 10).unwrap().iter().map(|change| change.kind).collect();
    assert_eq!(kinds, [changes::ChangeKind::MessageCreated, changes::ChangeKind::MessageRead]);
}

#[test]
fn an_interrupted_removal_of_a_folder_goes_on_at_the_next_start() {
    let engine = Arc::new(MemoryEngine::new());
    let store = on_engine(engine.clone());
    let number = account(&store, "me@example.test").mailbox;
    let mailbox = store.mailbox(number).unwrap();
    let new = NewFolder { display_name: "big".into(), ..NewFolder::default() };
    let big = folder::create(&mailbox, INBOX, &new).unwrap().id;
    let below = folder::create(&mailbox, big, &new).unwrap().id;
    let messages = (0..300)
        .map(|n| {
            let folder = if n % 2 == 0 { big } else { below };
            (folder, plain(&n.to_string()), ImportOptions::default())
        })
        .collect::<Vec<_>>();
    for group in messages.chunks(60) {
        let done = message::import_all(&mailbox, group.to_vec()).unwrap();
        assert!(done.iter().all(Result::is_ok));
    }
    // The power fails when the removal has begun: its first batch is on disk, nothing else.
    engine.hold_syncs();
    let all = DeleteOptions { messages: true, folders: true, hard: true, associated: true };
    let again = std::thread::scope(|scope| {
        let removal = scope.spawn(|| folder::delete(&mailbox, big, all));
        while engine.unsynced_groups() == 0 {
            std::thread::yield_now();
        }
        let again = engine.simulate_power_loss(true);
        assert!(removal.join().unwrap().is_err());
        again
    });
    let engine = Arc::new(again);
    let jobs = |engine: &MemoryEngine| {
        engine.scan(Space::Queue, &KeyRange::all(), Direction::Forward, 9).unwrap().len()
    };
    assert_eq!(jobs(&engine), 1);
    let store = on_engine(engine.clone());
    assert_eq!(jobs(&engine), 0);
    let mailbox = store.mailbox(number).unwrap();
    assert!(folder::info(&mailbox, big).is_err());
    let left = assert_whole(&mailbox);
    assert_eq!((left.messages, left.folders), (0, SpecialFolder::ALL.len() as u64));
}

#[test]
fn many_writers_of_one_mailbox_do_not_disturb_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), options()).unwrap();
    let mailbox = store.mailbox(account(&store, "me@example.test").mailbox).unwrap();
    let ids: Vec<(MessageId, u32)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    (0..10)
                        .map(|n| {
                            let content = plain(&n.to_string());
                            let done = message::import(
                                &mailbox,
                                INBOX,
                                content,
                                &ImportOptions::default(),
                            );
                            let done = done.unwrap();
                            (done.id, done.uid)
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let mut uids: Vec<u32> = ids.iter().map(|(_, uid)| *uid).collect();
    uids.sort_unstable();
    assert_eq!(uids, (1..=80).collect::<Vec<_>>());
    assert_whole(&mailbox);
}

#[test]
fn a_watch_sees_durable_changes_only_and_loses_none() {
    let engine = Arc::new(MemoryEngine::new());
    let store = on_engine(engine.clone());
    let mailbox = store.mailbox(account(&store, "me@example.test").mailbox).unwrap();
    let (mut watch, mut slow) = (mailbox.watch().unwrap(), mailbox.watch().unwrap());
    assert_eq!(store.gauges().subscribers, 2);
    let id = message::import(&mailbox, INBOX, plain("a"), &ImportOptions::default()).unwrap().id;
    let taken = watch.take(&mailbox, 10).unwrap();
    assert_eq!((taken.changes.len(), taken.changes[0].message), (1, id));
    engine.fail_next_sync();
    assert!(message::set_read(&mailbox, id, true).is_err());
    assert!(!watch.is_behind());
    let woken = Arc::new(AtomicU64::new(0));
    let alarm = |watch: &store::notify::Watch| {
        let woken = woken.clone();
        watch.alarm(Arc::new(move || {
            woken.fetch_add(1, Ordering::SeqCst);
        }))
    };
    let _rings = alarm(&watch);
    drop(alarm(&watch));
    // More than the hub holds: the rest comes from the log.
    for n in 0..205 {
        message::set_read(&mailbox, id, n % 2 == 0).unwrap();
    }
    assert_eq!(woken.load(Ordering::SeqCst), 1);
    let mut seen = Vec::new();
    while slow.is_behind() {
        let taken = slow.take(&mailbox, 50).unwrap();
        assert!(!taken.lost);
        seen.extend(taken.changes.iter().map(|change| change.sequence));
    }
    assert_eq!(seen, (seen[0]..seen[0] + 206).collect::<Vec<_>>());
    changes::trim(&mailbox, seen[100], usize::MAX).unwrap();
    let taken = watch.take(&mailbox, 10).unwrap();
    assert!(taken.lost);
    assert_eq!(taken.changes[0].sequence, seen[101]);
    drop((watch, slow, _rings));
    drop(mailbox);
    assert_eq!(store.gauges(), store::StoreGauges::default());
}

#[test]
fn on_a_full_disk_deleting_works_and_makes_room() {
    let free = Arc::new(AtomicU64::new(1 << 40));
    let probe = free.clone();
    let engine_options = store::engine::Options {
        free_space_floor: Some(1 << 20),
        reserve: Some(0),
        space_probe: Some(Arc::new(move || {
            Ok(DiskSpace { free: probe.load(Ordering::Relaxed), total: 1 << 41 })
        })),
        ..Default::default()
    };
    let store = on_engine(Arc::new(MemoryEngine::with_options(&engine_options)));
    let me = account(&store, "me@example.test");
    let mailbox = store.mailbox(me.mailbox).unwrap();
    let import = || message::import(&mailbox, INBOX, rich(), &ImportOptions::default());
    let ids: Vec<MessageId> = (0..3).map(|_| import().unwrap().id).collect();
    let new = NewFolder { display_name: "a".into(), ..NewFolder::default() };
    let sub = folder::create(&mailbox, INBOX, &new).unwrap().id;
    free.store(1000, Ordering::Relaxed);
    // The engine asks for the room from time to time, not at each write.
    let mut refused = import();
    for _ in 0..1000 {
        if refused.is_err() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
        refused = import();
    }
    assert!(matches!(refused, Err(StoreError::DiskFull)), "{refused:?}");
    // Nothing is lost, and reading works.
    assert_eq!(message::export(&mailbox, ids[0]).unwrap().mime, rich().mime);
    assert_eq!(message::delete(&mailbox, INBOX, &ids[..1], false).unwrap(), 0);
    assert_eq!(message::delete(&mailbox, INBOX, &ids[1..2], true).unwrap(), 0);
    folder::delete(&mailbox, sub, DeleteOptions::default()).unwrap();
    free.store(1 << 40, Ordering::Relaxed);
    let mut again = import();
    for _ in 0..1000 {
        if again.is_ok() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
        again = import();
    }
    again.unwrap();
    assert_whole(&mailbox);
}

#[test]
fn of_two_servers_the_one_that_lost_the_lease_writes_nothing() {
    let engine = Arc::new(MemoryEngine::new());
    let (one, two) = (on_engine(engine.clone()), on_engine(engine));
    let number = account(&one, "me@example.test").mailbox;
    let (a, b) = (one.mailbox(number).unwrap(), two.mailbox(number).unwrap());
    let import =
        |mailbox: &Mailbox| message::import(mailbox, INBOX, plain("x"), &ImportOptions::default());
    assert_eq!(import(&a).unwrap().uid, 1);
    assert_eq!(import(&b).unwrap().uid, 2);
    assert!(matches!(import(&a), Err(StoreError::LeaseLost)));
    // It may take the mailbox back; then the other has lost it.
    assert_eq!(import(&a).unwrap().uid, 3);
    assert!(matches!(import(&b), Err(StoreError::LeaseLost)));
    assert_whole(&a);
}
