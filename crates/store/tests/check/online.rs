//! A check beside writers finds nothing where nothing is wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mapi::tags;
use store::check;
use store::engine::{Engine, FjallEngine, MemoryEngine};
use store::folder::{self, DeleteOptions, NewFolder};
use store::message::{self, ImportOptions, SaveOptions};
use store::{NewAccount, SpecialFolder, Store};

use super::fixture::{ALL, INBOX, REPAIR};
use crate::common::{account, options, plain, rich};

#[test]
fn a_check_beside_writers_is_clean() {
    beside_writers(Arc::new(MemoryEngine::new()), 30);
    let dir = tempfile::tempdir().unwrap();
    let engine = FjallEngine::open(dir.path(), &store::engine::Options::default()).unwrap();
    beside_writers(Arc::new(engine), 12);
}

fn beside_writers(engine: Arc<dyn Engine>, looks: usize) {
    let store = Store::with_engine(engine, options()).unwrap();
    let mailbox = store.mailbox(account(&store, "me@example.test").mailbox).unwrap();
    let stop = AtomicBool::new(false);
    let running = || !stop.load(Ordering::Relaxed);
    let default = ImportOptions::default();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while running() {
                let ids: Vec<_> = (0..4)
                    .map(|n| {
                        let content = if n == 0 { rich() } else { plain(&n.to_string()) };
                        message::import(&mailbox, INBOX, content, &default).unwrap().id
                    })
                    .collect();
                message::set_read(&mailbox, ids[1], true).unwrap();
                let sent = SpecialFolder::SentItems.id();
                message::move_to(&mailbox, INBOX, &ids[..2], &mailbox, sent).unwrap();
                message::delete(&mailbox, INBOX, &ids[2..3], false).unwrap();
                message::delete(&mailbox, INBOX, &ids[3..], true).unwrap();
            }
        });
        scope.spawn(|| {
            let id = message::import(&mailbox, INBOX, plain("edited"), &default).unwrap().id;
            let mut size = 1;
            while running() {
                let mut open = message::open(&mailbox, id).unwrap();
                size = size * 7 % 40_009;
                open.body.properties.set(tags::BODY, "x".repeat(size).as_str());
                message::save(&mailbox, &mut open, SaveOptions::default()).unwrap();
            }
        });
        scope.spawn(|| {
            while running() {
                let new = NewFolder { display_name: "tree".into(), ..NewFolder::default() };
                let top = folder::create(&mailbox, INBOX, &new).unwrap().id;
                let below = folder::create(&mailbox, top, &new).unwrap().id;
                message::import(&mailbox, below, rich(), &default).unwrap();
                folder::move_to(&mailbox, below, INBOX, Some("moved")).unwrap();
                for id in [top, below] {
                    let all = DeleteOptions {
                        messages: true,
                        folders: true,
                        hard: true,
                        ..DeleteOptions::default()
                    };
                    folder::delete(&mailbox, id, all).unwrap();
                }
            }
        });
        scope.spawn(|| {
            let mut number = 0;
            while running() {
                number += 1;
                let address = format!("user{number}@example.test");
                let new = NewAccount { address, ..NewAccount::default() };
                let account = store.create_account(&new).unwrap();
                let other = store.mailbox(account.mailbox).unwrap();
                message::import(&other, INBOX, rich(), &default).unwrap();
                drop(other);
                store.remove_account(account.id).unwrap();
                store.collect_blobs(Duration::ZERO).unwrap();
            }
        });
        let mut wrong = Vec::new();
        for look in 0..looks {
            let options = if look % 4 == 3 { &REPAIR } else { &ALL };
            let report = check::store(&store, options, &mut |_| {}).unwrap();
            // Also what a repair thought it had to do.
            wrong.extend(report.problems.iter().map(|problem| problem.to_string()));
        }
        stop.store(true, Ordering::Relaxed);
        assert_eq!(wrong, Vec::<String>::new());
    });
    let report = check::store(&store, &ALL, &mut |_| {}).unwrap();
    assert_eq!(report.left_in_words(), Vec::<String>::new());
}
