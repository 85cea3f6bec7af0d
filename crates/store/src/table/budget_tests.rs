//! Views are shared, counted, and keep to their budget.

use std::sync::Arc;

use mapi::restriction::BitTest;
use mapi::tags;

use super::tests::*;
use super::*;
use crate::{Store, StoreOptions};

#[test]
fn views_are_shared_counted_and_gone_with_the_mailbox() {
    let store = Store::in_memory(StoreOptions::default()).expect("a store in memory");
    let before = store.gauges();
    let mailbox = mailbox_in(&store);
    (0..50).for_each(|n| _ = add_subject(&mailbox, INBOX, &n.to_string()));
    let query = contents(INBOX, &[up(tags::SUBJECT)], None);
    let one = open(&mailbox, query.clone()).expect("open");
    assert_eq!(keys(&one).len(), 50);
    let bytes = store.gauges().view_bytes;
    assert!(bytes >= 50 * 32);
    let other = open(&mailbox, query.clone()).expect("open");
    assert!(Arc::ptr_eq(&one.core, &other.core));
    assert_eq!((store.gauges().views, store.gauges().view_bytes), (2, bytes));
    drop((one, other));
    assert_eq!(store.gauges().views, 0);
    // Kept for whoever asks next.
    assert_eq!(store.gauges().view_bytes, bytes);
    let third = open(&mailbox, query).expect("open");
    assert_eq!(store.gauges().view_bytes, bytes);
    // Handles may outlive the mailbox's other users.
    drop(mailbox);
    assert_eq!(third.len().expect("len"), 50);
    drop(third);
    assert_eq!(store.gauges(), before);
}

#[test]
fn views_keep_to_the_budget() {
    let options = StoreOptions { view_budget: 4 << 10, ..StoreOptions::default() };
    let store = Store::in_memory(options).expect("a store in memory");
    let mailbox = mailbox_in(&store);
    (0..100).for_each(|n| _ = add_subject(&mailbox, INBOX, &n.to_string()));
    let columns = [tags::SUBJECT, tags::IMPORTANCE, tags::MESSAGE_SIZE, tags::MESSAGE_FLAGS];
    let views: Vec<Arc<View>> = columns
        .iter()
        .map(|tag| open(&mailbox, contents(INBOX, &[up(*tag)], None)).expect("open"))
        .inspect(|view| assert_eq!(keys(view).len(), 100))
        .collect();
    // One is the one in use; each has 3,200 bytes and more of 4,096.
    assert!(store.gauges().view_bytes <= 8192);
    for view in &views {
        assert_eq!(keys(view).len(), 100, "built again");
        assert!(store.gauges().view_bytes <= 8192);
    }
    drop(views);
    assert!(store.gauges().view_bytes <= 4096);
}

#[test]
fn a_view_beyond_the_budget_stays_until_another_one_is_read() {
    let options = StoreOptions { view_budget: 1 << 10, ..StoreOptions::default() };
    let store = Store::in_memory(options).expect("a store in memory");
    let mailbox = mailbox_in(&store);
    (0..100).for_each(|n| _ = add_subject(&mailbox, INBOX, &n.to_string()));
    // As clients do: a table as it comes, its sort order, rows, the end.
    let page = |tag| {
        let plain = open(&mailbox, contents(INBOX, &[], None)).expect("open");
        let sorted = open(&mailbox, contents(INBOX, &[up(tag)], None)).expect("open");
        drop(plain);
        assert_eq!(keys(&sorted).len(), 100);
    };
    page(tags::SUBJECT);
    let evicted = store.gauges().views_evicted;
    page(tags::SUBJECT);
    page(tags::SUBJECT);
    assert_eq!(store.gauges().views_evicted, evicted, "it was not built again");
    let held = store.gauges().view_bytes;
    page(tags::IMPORTANCE);
    assert!(store.gauges().views_evicted > evicted);
    assert!(store.gauges().view_bytes <= held, "one of them is there");
}

#[test]
fn views_of_all_mailboxes_keep_to_one_budget_and_the_greatest_pays_first() {
    let budget = 64 << 10;
    let options = StoreOptions { view_budget: budget, ..StoreOptions::default() };
    let store = Store::in_memory(options).expect("a store in memory");
    let columns = [tags::SUBJECT, tags::IMPORTANCE, tags::MESSAGE_SIZE];
    // One modest mailbox, and twenty whose views together are several times the budget.
    let modest = mailbox_in(&store);
    (0..20).for_each(|n| _ = add_subject(&modest, INBOX, &n.to_string()));
    let kept = open(&modest, contents(INBOX, &[up(tags::SUBJECT)], None)).expect("open");
    assert_eq!(keys(&kept).len(), 20);
    let greedy: Vec<_> = (0..20).map(|_| mailbox_in(&store)).collect();
    let mut views = Vec::new();
    for mailbox in &greedy {
        (0..100).for_each(|n| _ = add_subject(mailbox, INBOX, &n.to_string()));
        for tag in columns {
            let view = open(mailbox, contents(INBOX, &[up(tag)], None)).expect("open");
            assert_eq!(keys(&view).len(), 100);
            let held = store.gauges().view_bytes;
            assert!(held <= budget + view.core.held(), "{held} bytes of {budget}");
            views.push(view);
        }
    }
    assert!(store.gauges().views_evicted > 0);
    // 640 bytes of it: it never held the most.
    assert!(kept.core.held() > 0, "the modest mailbox kept its rows");
    // Each is right, evicted or not, and none goes beyond.
    for view in &views {
        assert_eq!(keys(view).len(), 100);
        assert!(store.gauges().view_bytes <= budget + view.core.held());
    }
    // What nobody uses goes before what somebody does.
    views.truncate(3);
    let last = open(&greedy[19], contents(INBOX, &[up(tags::MESSAGE_FLAGS)], None)).expect("open");
    assert_eq!(keys(&last).len(), 100);
    drop((views, greedy, last));
    assert!(store.gauges().view_bytes <= budget);
    drop((kept, modest));
    assert_eq!(store.gauges().view_bytes, 0);
}

#[test]
fn threads_over_many_mailboxes_keep_to_the_budget() {
    let budget = 32 << 10;
    let options = StoreOptions { view_budget: budget, ..StoreOptions::default() };
    let store = Store::in_memory(options).expect("a store in memory");
    let mailboxes: Vec<_> = (0..8).map(|_| mailbox_in(&store)).collect();
    for mailbox in &mailboxes {
        (0..60).for_each(|n| _ = add_subject(mailbox, INBOX, &n.to_string()));
    }
    std::thread::scope(|scope| {
        for (number, mailbox) in mailboxes.iter().enumerate() {
            scope.spawn(move || {
                for round in 0..200 {
                    let tag = [tags::SUBJECT, tags::IMPORTANCE][(number + round) % 2];
                    let view = open(mailbox, contents(INBOX, &[up(tag)], None)).expect("open");
                    assert_eq!(keys(&view).len(), 60);
                }
            });
        }
    });
    // One more look lets go what a thread left while another was letting go.
    let view = open(&mailboxes[0], contents(INBOX, &[], None)).expect("open");
    view.rows(0, 1, &[]).expect("rows");
    let held = store.gauges().view_bytes;
    assert!(held <= budget + view.core.held(), "{held}");
}

#[test]
fn only_so_many_views_without_users_are_kept() {
    let mailbox = mailbox();
    for mask in 0..100 {
        let test = BitTest::AllClear;
        let restriction = Restriction::Bitmask { test, tag: tags::MESSAGE_FLAGS, mask };
        let view = open(&mailbox, contents(INBOX, &[], Some(restriction))).expect("open");
        assert_eq!(view.len().expect("len"), 0);
    }
    assert!(mailbox.views.count() <= 17);
}

#[test]
fn views_that_were_in_use_at_once_leave_no_room_behind() {
    let mailbox = mailbox();
    let of = |mask| {
        let test = BitTest::AllClear;
        let restriction = Restriction::Bitmask { test, tag: tags::MESSAGE_FLAGS, mask };
        open(&mailbox, contents(INBOX, &[], Some(restriction))).expect("open")
    };
    let used: Vec<_> = (0..1000).map(of).collect();
    drop(used);
    assert!(mailbox.views.room() < 100, "{}", mailbox.views.room());
    mailbox.store().forget_idle_views();
    assert_eq!(mailbox.views.count(), 0);
}
