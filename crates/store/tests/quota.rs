//! Quotas: exact at each limit, and whatever does not make a mailbox grow goes through.

mod common;

use std::sync::Arc;

use common::{assert_whole, mailbox, plain};
use mapi::{FolderId, MessageId, tags};
use store::folder::{self, DeleteOptions, NewFolder};
use store::message::{self, ImportOptions, SaveOptions};
use store::quota::{self, Level, Quota};
use store::{Mailbox, SpecialFolder, StoreError, recover};

const INBOX: FolderId = SpecialFolder::Inbox.id();
const ALL: DeleteOptions =
    DeleteOptions { messages: true, folders: true, hard: false, associated: true };

fn import(mailbox: &Mailbox, folder: FolderId) -> store::Result<MessageId> {
    // All of the same size.
    let options = ImportOptions::default();
    message::import(mailbox, folder, plain("subject"), &options).map(|done| done.id)
}

fn receive(mailbox: &Mailbox, limit: Option<u64>) {
    let quota = Quota { prohibit_receive: limit, ..Quota::default() };
    quota::set(mailbox, Some(quota)).unwrap();
}

fn used(mailbox: &Mailbox) -> u64 {
    quota::usage(mailbox).unwrap().used
}

fn is_full<T>(result: store::Result<T>) -> bool {
    matches!(result, Err(StoreError::MailboxFull { .. }))
}

/// A mailbox that holds one message, and its size.
fn with_one() -> (store::Store, Arc<Mailbox>, MessageId, u64) {
    let (store, mailbox) = mailbox();
    let id = import(&mailbox, INBOX).unwrap();
    let size = used(&mailbox);
    assert_eq!(size, message::open(&mailbox, id).unwrap().size);
    (store, mailbox, id, size)
}

#[test]
fn the_last_limit_is_exact() {
    let (_store, mailbox, _, size) = with_one();
    receive(&mailbox, Some(3 * size - 1));
    import(&mailbox, INBOX).unwrap();
    assert_eq!(quota::usage(&mailbox).unwrap().level(), Level::Below);
    assert!(is_full(import(&mailbox, INBOX)));
    assert!(is_full(quota::may_receive(&mailbox, size)));
    quota::may_receive(&mailbox, size - 1).unwrap();
    assert_eq!(used(&mailbox), 2 * size);
    receive(&mailbox, Some(3 * size));
    quota::may_receive(&mailbox, size).unwrap();
    import(&mailbox, INBOX).unwrap();
    assert_eq!(quota::usage(&mailbox).unwrap().level(), Level::NoReceiving);
    assert!(is_full(import(&mailbox, INBOX)));
    // An import of many takes what has room.
    receive(&mailbox, Some(5 * size));
    let group = (0..4).map(|_| (INBOX, plain("subject"), ImportOptions::default())).collect();
    let results = message::import_all(&mailbox, group).unwrap();
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 2);
    assert_eq!(used(&mailbox), 5 * size);
    receive(&mailbox, None);
    import(&mailbox, INBOX).unwrap();
    assert_whole(&mailbox);
}

#[test]
fn a_full_mailbox_can_be_emptied_and_used() {
    let (_store, mailbox, id, size) = with_one();
    let new = NewFolder { display_name: "a".into(), ..NewFolder::default() };
    let a = folder::create(&mailbox, INBOX, &new).unwrap().id;
    let other = import(&mailbox, INBOX).unwrap();
    receive(&mailbox, Some(2 * size));
    // Growing is refused, and nothing of it stays.
    let mut open = message::open(&mailbox, id).unwrap();
    let before = open.body.clone();
    open.body.properties.set(tags::BODY, "x".repeat(100_000));
    assert!(is_full(message::save(&mailbox, &mut open, SaveOptions::default())));
    assert_eq!(message::open(&mailbox, id).unwrap().body, before);
    assert!(is_full(message::copy_to(&mailbox, INBOX, &[id], &mailbox, a)));
    // Shrinking, reading, moving and deleting work, and a folder costs nothing.
    let mut open = message::open(&mailbox, id).unwrap();
    open.body.properties.set(tags::BODY, "");
    message::save(&mailbox, &mut open, SaveOptions::default()).unwrap();
    assert!(used(&mailbox) < 2 * size);
    message::set_read(&mailbox, other, false).unwrap();
    let moved = message::move_to(&mailbox, INBOX, &[other], &mailbox, a).unwrap();
    assert!(moved[0].is_some());
    message::delete(&mailbox, INBOX, &[id], false).unwrap();
    let usage = quota::usage(&mailbox).unwrap();
    assert_eq!(usage.used, size);
    assert!(usage.deleted > 0);
    // What was deleted does not count, so there is room now.
    import(&mailbox, INBOX).unwrap();
    // To come back it needs room as well.
    assert!(is_full(recover::message(&mailbox, id, None)));
    assert!(message::open(&mailbox, id).unwrap().soft_deleted);
    folder::delete(&mailbox, a, ALL).unwrap();
    import(&mailbox, INBOX).unwrap();
    assert!(is_full(recover::folder(&mailbox, a, None)));
    assert!(folder::info(&mailbox, a).unwrap().deleted.is_some());
    assert_whole(&mailbox);
    // A lower limit than what is there takes nothing away.
    receive(&mailbox, Some(0));
    assert_eq!(used(&mailbox), 2 * size);
    folder::empty(&mailbox, INBOX, ALL).unwrap();
    assert_eq!(used(&mailbox), 0);
    receive(&mailbox, Some(2 * size));
    recover::folder(&mailbox, a, None).unwrap();
    recover::message(&mailbox, id, None).unwrap();
    assert_whole(&mailbox);
}

#[test]
fn sending_ends_before_receiving() {
    let (_store, mailbox, _, size) = with_one();
    let limits =
        Quota { warn: Some(size - 1), prohibit_send: Some(size), prohibit_receive: Some(3 * size) };
    quota::set(&mailbox, Some(limits)).unwrap();
    assert_eq!(quota::usage(&mailbox).unwrap().level(), Level::Warned);
    // At its limit it may send, beyond it not.
    quota::may_send(&mailbox, 10).unwrap();
    import(&mailbox, INBOX).unwrap();
    assert_eq!(quota::usage(&mailbox).unwrap().level(), Level::NoSending);
    assert!(matches!(quota::may_send(&mailbox, 10), Err(StoreError::MayNotSend { .. })));
    let huge = quota::may_send(&mailbox, u64::MAX);
    assert!(matches!(huge, Err(StoreError::TooBigToSend { .. })));
    quota::may_receive(&mailbox, size).unwrap();
    let unordered = Quota { warn: Some(9), prohibit_send: Some(8), prohibit_receive: None };
    assert!(matches!(quota::set(&mailbox, Some(unordered)), Err(StoreError::Invalid(_))));
    assert_eq!(quota::usage(&mailbox).unwrap().quota, limits);
}

#[test]
fn a_mailbox_without_its_own_has_the_servers_quota() {
    let limits = Quota { prohibit_receive: Some(1), ..Quota::default() };
    let options = store::StoreOptions { quota: limits, ..common::options() };
    let store = store::Store::in_memory(options).unwrap();
    let mailbox = store.mailbox(common::account(&store, "me@example.test").mailbox).unwrap();
    assert!(is_full(import(&mailbox, INBOX)));
    receive(&mailbox, None);
    import(&mailbox, INBOX).unwrap();
    quota::set(&mailbox, None).unwrap();
    let usage = quota::usage(&mailbox).unwrap();
    assert_eq!((usage.quota, usage.own), (limits, false));
    assert!(is_full(import(&mailbox, INBOX)));
}

#[test]
fn the_store_object_tells_its_quotas() {
    let (_store, mailbox, _, size) = with_one();
    use store::mailbox::store_properties;
    let warn = mapi::PropertyTag::new(0x3ff5_0003);
    let asked = [
        warn,
        tags::PROHIBIT_SEND_QUOTA,
        tags::PROHIBIT_RECEIVE_QUOTA,
        tags::MESSAGE_SIZE_EXTENDED,
    ];
    let none = store_properties::get(&mailbox, &asked).unwrap();
    assert_eq!(none[..3], [None, None, None]);
    assert!(!store_properties::tags(&mailbox).unwrap().contains(&warn));
    let limits = Quota {
        warn: Some(10 << 10),
        prohibit_send: Some((20 << 10) + 1),
        prohibit_receive: Some(u64::MAX),
    };
    quota::set(&mailbox, Some(limits)).unwrap();
    let values = store_properties::get(&mailbox, &asked).unwrap();
    let expected = [10.into(), 21.into(), i32::MAX.into(), (size as i64).into()];
    assert_eq!(values, expected.map(Some));
    assert!(store_properties::tags(&mailbox).unwrap().contains(&warn));
    assert!(store_properties::is_computed(tags::PROHIBIT_SEND_QUOTA));
}
