//! What was soft-deleted goes for good when its time is over, and the change log is bounded.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use common::{account, assert_whole, plain};
use mapi::{FileTime, MessageId, tags};
use store::mailbox::changes;
use store::message::{self, ImportOptions};
use store::table::{self, Contents};
use store::{Mailbox, SpecialFolder, Store, StoreError, StoreOptions, folder, quota, retention};

const INBOX: mapi::FolderId = SpecialFolder::Inbox.id();
const DAY: i64 = 24 * 60 * 60;

/// A clock that moves when it is told to.
#[derive(Clone)]
struct Time(Arc<AtomicI64>);

impl Time {
    fn pass(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

fn mailbox() -> (Time, Store, Arc<Mailbox>) {
    let time = Time(Arc::new(AtomicI64::new(1_700_000_000)));
    let now = time.clone();
    let options = StoreOptions {
        clock: Arc::new(move || FileTime::from_unix(now.0.load(Ordering::Relaxed), 0)),
        ..StoreOptions::default()
    };
    let store = Store::in_memory(options).unwrap();
    let mailbox = store.mailbox(account(&store, "me@example.test").mailbox).unwrap();
    (time, store, mailbox)
}

fn import(mailbox: &Mailbox, subject: &str) -> MessageId {
    message::import(mailbox, INBOX, plain(subject), &ImportOptions::default()).unwrap().id
}

fn soft_delete(mailbox: &Mailbox, id: MessageId) {
    assert_eq!(message::delete(mailbox, INBOX, &[id], false).unwrap(), 0);
}

fn purge(mailbox: &Mailbox) -> usize {
    retention::purge(mailbox, 1000).unwrap().messages
}

#[test]
fn messages_go_when_their_time_is_over_and_not_before() {
    let (time, _store, mailbox) = mailbox();
    let kept = import(&mailbox, "kept");
    let first = import(&mailbox, "first");
    let second = import(&mailbox, "second");
    soft_delete(&mailbox, first);
    time.pass(DAY);
    soft_delete(&mailbox, second);
    time.pass(13 * DAY);
    // At the very end of its time it is still there.
    assert_eq!(purge(&mailbox), 0);
    time.pass(1);
    assert_eq!(purge(&mailbox), 1);
    assert!(matches!(message::open(&mailbox, first), Err(StoreError::NotFound(_))));
    assert!(message::open(&mailbox, second).unwrap().soft_deleted);
    assert_whole(&mailbox);
    time.pass(DAY);
    assert_eq!(purge(&mailbox), 1);
    assert_eq!(purge(&mailbox), 0);
    assert!(message::open(&mailbox, kept).is_ok());
    let info = folder::info(&mailbox, INBOX).unwrap();
    assert_eq!((info.contents, info.soft_deleted), (1, 0));
    assert_eq!(quota::usage(&mailbox).unwrap().deleted, 0);
    assert_whole(&mailbox);
}

#[test]
fn a_mailbox_may_keep_longer_or_shorter() {
    let (time, store, mailbox) = mailbox();
    soft_delete(&mailbox, import(&mailbox, "a"));
    retention::set_days(&mailbox, Some(30)).unwrap();
    time.pass(29 * DAY);
    assert_eq!(purge(&mailbox), 0);
    // It holds for the next who opens it as well.
    let number = mailbox.number();
    drop(mailbox);
    let mailbox = store.mailbox(number).unwrap();
    assert_eq!((retention::days(&mailbox), retention::own_days(&mailbox)), (30, Some(30)));
    assert_eq!(purge(&mailbox), 0);
    retention::set_days(&mailbox, None).unwrap();
    assert_eq!(retention::days(&mailbox), 14);
    assert_eq!(purge(&mailbox), 1);
    soft_delete(&mailbox, import(&mailbox, "b"));
    retention::set_days(&mailbox, Some(0)).unwrap();
    time.pass(1);
    assert_eq!(purge(&mailbox), 1);
}

#[test]
fn a_purge_stops_at_its_limit_and_begins_with_the_oldest() {
    let (time, _store, mailbox) = mailbox();
    let ids: Vec<MessageId> = (0..150).map(|n| import(&mailbox, &format!("{n}"))).collect();
    for ids in ids.chunks(10).rev() {
        message::delete(&mailbox, INBOX, ids, false).unwrap();
        time.pass(1);
    }
    time.pass(15 * DAY);
    assert_eq!(retention::purge(&mailbox, 10).unwrap().messages, 10);
    // Deleted first, though they are the newest.
    assert!(
        message::open(&mailbox, ids[149]).is_err() && message::open(&mailbox, ids[140]).is_err()
    );
    assert!(message::open(&mailbox, ids[139]).is_ok());
    assert_eq!(purge(&mailbox), 140);
    assert_whole(&mailbox);
}

#[test]
fn the_log_is_bounded_and_views_that_lag_are_built_anew() {
    let (_time, _store, mailbox) = mailbox();
    let view = |sort| {
        table::open(
            &mailbox,
            table::Query {
                folder: INBOX,
                rows: table::QueryRows::Contents(Contents::Normal),
                sort,
                restriction: None,
            },
        )
        .unwrap()
    };
    let lagging = view(mapi::SortOrderSet::default());
    for n in 0..10 {
        import(&mailbox, &format!("{n}"));
    }
    assert_eq!(lagging.len().unwrap(), 10);
    let ids: Vec<MessageId> = (10..60).map(|n| import(&mailbox, &format!("{n}"))).collect();
    message::delete(&mailbox, INBOX, &ids[..5], true).unwrap();
    let latest = changes::latest(&mailbox).unwrap();
    let mut trimmed = 0;
    loop {
        match changes::trim_to(&mailbox, 8, 7).unwrap() {
            0 => break,
            some => trimmed += some,
        }
    }
    let left = changes::after(&mailbox, 0, 1000).unwrap();
    assert_eq!(left.len(), 8);
    // The sequence of a new mailbox begins with 1 and no entry.
    assert_eq!((left[0].sequence, trimmed as u64), (latest - 7, latest - 8 - 1));
    assert_eq!(lagging.len().unwrap(), 55);
    let rows = lagging.rows(0, 100, &[tags::SUBJECT]).unwrap();
    assert_eq!(rows.len(), 55);
    // Numbers go on, and what was deleted is still known.
    import(&mailbox, "after");
    assert_eq!(changes::latest(&mailbox).unwrap(), latest + 1);
    assert_eq!(lagging.len().unwrap(), 56);
    let deleted = changes::deleted(&mailbox, INBOX).unwrap();
    // One range: the change numbers between the five are no messages.
    let counters = deleted.iter().map(|range| range.last.get() - range.first.get() + 1);
    assert_eq!(counters.collect::<Vec<_>>(), [9]);
    assert_whole(&mailbox);
}
