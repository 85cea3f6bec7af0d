//! Messages: import, save, conflicts, read state, deleting, moving, copying.

mod common;

use common::{account, assert_whole, mailbox, plain, rich};
use mapi::{MessageId, tags};
use store::message::{self, ImportOptions, Message, SaveOptions};
use store::{SpecialFolder, StoreError, folder};

const INBOX: mapi::FolderId = SpecialFolder::Inbox.id();
const SENT: mapi::FolderId = SpecialFolder::SentItems.id();

fn import(mailbox: &store::Mailbox, subject: &str) -> MessageId {
    message::import(mailbox, INBOX, plain(subject), &ImportOptions::default()).expect("imported").id
}

#[test]
fn what_is_imported_comes_out_again() {
    let (_store, mailbox) = mailbox();
    let content = rich();
    let done = message::import(&mailbox, INBOX, content.clone(), &ImportOptions::default())
        .expect("imported");
    let back = message::export(&mailbox, done.id).expect("exported");
    for (key, value) in content.properties.iter() {
        let got = back.properties.iter().find(|(known, _)| known == key).map(|(_, value)| value);
        assert_eq!(got, Some(value), "{key:?}");
    }
    assert_eq!(back.recipients, content.recipients);
    assert_eq!(back.attachments.len(), 3);
    for (sent, got) in content.attachments.iter().zip(&back.attachments) {
        match (&sent.content, &got.content) {
            (mapi::AttachedContent::Message(a), mapi::AttachedContent::Message(b)) => {
                assert_eq!(b.properties.text(tags::SUBJECT), Some("inner".into()));
                assert_eq!(a.attachments[0].content, b.attachments[0].content);
                let name = mapi::PropertyName::id(mapi::names::PSETID_COMMON, 0x8530);
                assert_eq!(b.properties.get_named(&name), Some(&"named inside".into()));
            }
            (a, b) => assert_eq!(a, b),
        }
    }
    assert_eq!(back.mime, content.mime);
    let opened = message::open(&mailbox, done.id).expect("there");
    let text = |tag| message::get(&mailbox, &opened, tag).unwrap().unwrap();
    assert_eq!(text(tags::DISPLAY_TO), "Anna; Bert".into());
    assert_eq!(text(tags::DISPLAY_CC), "Carl".into());
    assert_eq!(text(tags::NORMALIZED_SUBJECT), "everything".into());
    assert_eq!(text(tags::HAS_ATTACHMENTS), true.into());
}

#[test]
fn an_import_key_imports_once() {
    let (_store, mailbox) = mailbox();
    let options = ImportOptions { key: Some(b"file:1".to_vec()), ..ImportOptions::default() };
    let first = message::import(&mailbox, INBOX, plain("a"), &options).unwrap();
    let second = message::import(&mailbox, INBOX, plain("a"), &options).unwrap();
    assert!(!first.existed && second.existed);
    assert_eq!((first.id, first.uid), (second.id, second.uid));
    message::delete(&mailbox, INBOX, &[first.id], true).unwrap();
    assert!(message::import(&mailbox, INBOX, plain("a"), &options).unwrap().existed);
    assert_eq!(folder::info(&mailbox, INBOX).unwrap().contents, 0);
}

#[test]
fn the_second_of_two_savers_is_told() {
    let (_store, mailbox) = mailbox();
    let id = import(&mailbox, "draft");
    let mut one = message::open(&mailbox, id).unwrap();
    let mut two = message::open(&mailbox, id).unwrap();
    one.body.properties.set(tags::SUBJECT, "by one");
    two.body.properties.set(tags::SUBJECT, "by two");
    let saved = message::save(&mailbox, &mut one, SaveOptions::default()).unwrap();
    assert_eq!(one.base, saved.change);
    let refused = message::save(&mailbox, &mut two, SaveOptions::default());
    assert!(matches!(refused, Err(StoreError::ObjectModified)));
    // The first goes on; the second may force.
    one.body.properties.set(tags::SUBJECT, "by one again");
    message::save(&mailbox, &mut one, SaveOptions::default()).unwrap();
    message::save(&mailbox, &mut two, SaveOptions { force: true }).unwrap();
    let last = message::open(&mailbox, id).unwrap();
    assert_eq!(last.body.properties.inline(tags::SUBJECT), Some(&"by two".into()));
    message::delete(&mailbox, INBOX, &[id], true).unwrap();
    let gone = message::save(&mailbox, &mut two, SaveOptions { force: true });
    assert!(matches!(gone, Err(StoreError::ObjectDeleted(_))));
}

#[test]
fn a_reader_does_not_disturb_a_writer() {
    let (_store, mailbox) = mailbox();
    let id = import(&mailbox, "draft");
    let mut open = message::open(&mailbox, id).unwrap();
    assert!(message::set_read(&mailbox, id, true).unwrap());
    assert!(!message::set_read(&mailbox, id, true).unwrap());
    assert_eq!(folder::info(&mailbox, INBOX).unwrap().unread, 0);
    open.body.properties.set(tags::BODY, "edited");
    message::save(&mailbox, &mut open, SaveOptions::default()).unwrap();
    assert!(message::open(&mailbox, id).unwrap().read);
}

#[test]
fn new_messages_get_ids_uids_and_attachments() {
    let (store, mailbox) = mailbox();
    let mut new = Message::new(&mailbox, INBOX, false);
    new.body.properties.set(tags::SUBJECT, "new");
    let staging = store.staging(10 << 20);
    let mut data = staging.create(mapi::PropertyType::BINARY).unwrap();
    data.write_at(0, &[5; 100_000]).unwrap();
    let attachment = new.body.add_attachment();
    attachment.properties.set(tags::ATTACH_DATA_BINARY, data.value().unwrap());
    assert_eq!(store.gauges().staged_bytes, 100_000);
    let saved = message::save(&mailbox, &mut new, SaveOptions::default()).unwrap();
    drop(data);
    assert_eq!(store.gauges().staged_bytes, 0);
    assert_eq!((saved.uid, new.id), (1, saved.id));
    let back = message::open(&mailbox, saved.id).unwrap();
    let data = back.body.attachments[0].properties.get(tags::ATTACH_DATA_BINARY).unwrap();
    let store::Value::Large(large) = data else { panic!("a large value") };
    assert_eq!(store.read_large(large, 99_999, 10).unwrap(), [5]);
    // Taken away again.
    let mut open = back.clone();
    open.body.attachments.clear();
    message::save(&mailbox, &mut open, SaveOptions::default()).unwrap();
    let back = message::open(&mailbox, saved.id).unwrap();
    assert!(back.body.attachments.is_empty());
    assert_eq!(back.body.next_attachment, 1);
}

/// Each save takes two numbers, and others save beside: what was deleted becomes one range all the same.
#[test]
fn all_that_was_ever_deleted_from_a_folder_is_as_many_ranges_as_messages_that_stay() {
    let (_store, mailbox) = mailbox();
    let import =
        |folder| message::import(&mailbox, folder, rich(), &ImportOptions::default()).unwrap().id;
    let mut ids = Vec::new();
    for _ in 0..40 {
        ids.push(import(INBOX));
        import(SENT);
    }
    let ranges = || store::mailbox::changes::deleted(&mailbox, INBOX).unwrap();
    let ends = |range: &store::mailbox::changes::DeletedRange| (range.first, range.last);
    // Some in one batch, some alone, from the ends and from the middle; one stays.
    message::delete(&mailbox, INBOX, &[ids[9], ids[3], ids[5], ids[30]], true).unwrap();
    assert_eq!(ranges().len(), 4);
    for at in [39, 4, 0, 31] {
        message::delete(&mailbox, INBOX, &[ids[at]], at % 2 == 0).unwrap();
    }
    message::move_to(&mailbox, INBOX, &ids[6..9], &mailbox, SENT).unwrap();
    let kept = [(ids[0], ids[0]), (ids[3], ids[9]), (ids[30], ids[31]), (ids[39], ids[39])];
    let kept = kept.map(|(first, last)| (first.counter, last.counter));
    assert_eq!(ranges().iter().map(ends).collect::<Vec<_>>(), kept);
    let rest: Vec<MessageId> = ids
        .iter()
        .copied()
        .filter(|id| *id != ids[20] && message::open(&mailbox, *id).is_ok())
        .collect();
    message::delete(&mailbox, INBOX, &rest, true).unwrap();
    let around = [(ids[0], ids[19]), (ids[21], ids[39])];
    let around = around.map(|(first, last)| (first.counter, last.counter));
    assert_eq!(ranges().iter().map(ends).collect::<Vec<_>>(), around);
    message::delete(&mailbox, INBOX, &[ids[20]], true).unwrap();
    assert_eq!(ranges().iter().map(ends).collect::<Vec<_>>(), [(ids[0].counter, ids[39].counter)]);
    assert_whole(&mailbox);
}

#[test]
fn moving_gives_a_new_id_and_leaves_a_deletion() {
    let (store, mailbox) = mailbox();
    let id = message::import(&mailbox, INBOX, rich(), &ImportOptions::default()).unwrap().id;
    let moved = message::move_to(&mailbox, INBOX, &[id, MessageId::own(9999)], &mailbox, SENT);
    let moved = moved.unwrap();
    let new = moved[0].expect("moved");
    assert_eq!(moved[1], None);
    assert!(matches!(message::open(&mailbox, id), Err(StoreError::NotFound(_))));
    let deleted = store::mailbox::changes::deleted(&mailbox, INBOX).unwrap();
    assert_eq!(deleted.len(), 1);
    assert_eq!(deleted[0].first, id.counter);
    let back = message::export(&mailbox, new).unwrap();
    assert_eq!(back.mime, rich().mime);
    // To another mailbox, with its names.
    let other = store.mailbox(account(&store, "other@example.test").mailbox).unwrap();
    let copied = message::copy_to(&mailbox, SENT, &[new], &other, INBOX).unwrap()[0].unwrap();
    let across = message::export(&other, copied).unwrap();
    assert_eq!(across.attachments, back.attachments);
    let name = mapi::PropertyName::string(mapi::names::PS_INTERNET_HEADERS, "x-test");
    assert_eq!(across.properties.get_named(&name), Some(&"1".into()));
}

#[test]
fn soft_deleted_messages_are_kept_until_they_go_for_good() {
    let (_store, mailbox) = mailbox();
    let id = import(&mailbox, "a");
    assert_eq!(message::delete(&mailbox, INBOX, &[id, id], false).unwrap(), 0);
    let info = folder::info(&mailbox, INBOX).unwrap();
    assert_eq!((info.contents, info.unread, info.soft_deleted, info.size), (0, 0, 1, 0));
    assert!(message::open(&mailbox, id).unwrap().soft_deleted);
    assert_eq!(message::delete(&mailbox, INBOX, &[id], false).unwrap(), 1);
    let long_ago = mapi::FileTime::from_unix(1_600_000_000, 0);
    assert_eq!(message::purge(&mailbox, long_ago, 10).unwrap(), 0);
    assert_eq!(message::purge(&mailbox, mailbox.store().now(), 10).unwrap(), 1);
    assert_eq!(folder::info(&mailbox, INBOX).unwrap().soft_deleted, 0);
}

#[test]
fn status_bits_are_masked() {
    let (_store, mailbox) = mailbox();
    let id = import(&mailbox, "a");
    assert_eq!(message::set_status(&mailbox, id, 0xff, 0x0f).unwrap(), 0);
    assert_eq!(message::set_status(&mailbox, id, 0, 0x03).unwrap(), 0x0f);
    assert_eq!(message::open(&mailbox, id).unwrap().status, 0x0c);
}

#[test]
fn a_persisted_source_key_wins_over_the_derived_one() {
    let (_store, mailbox) = mailbox();
    let id = import(&mailbox, "a");
    let mut open = message::open(&mailbox, id).unwrap();
    let key = |message: &Message| {
        let value = message::get(&mailbox, message, tags::SOURCE_KEY).unwrap().unwrap();
        value.inline().and_then(|value| value.as_binary()).unwrap().to_vec()
    };
    let derived = key(&open);
    assert_eq!(message::by_source_key(&mailbox, &derived).unwrap(), Some(id));
    open.body.properties.set(tags::SOURCE_KEY, b"from elsewhere".to_vec());
    message::save(&mailbox, &mut open, SaveOptions::default()).unwrap();
    assert_eq!(key(&open), b"from elsewhere");
    assert_eq!(message::by_source_key(&mailbox, b"from elsewhere").unwrap(), Some(id));
    assert_eq!(message::by_source_key(&mailbox, &derived).unwrap(), None);
}

#[test]
fn a_group_is_imported_in_order_and_one_bad_message_costs_only_itself() {
    let (_store, mailbox) = mailbox();
    let with_key = |n: u8| ImportOptions { key: Some(vec![n]), ..ImportOptions::default() };
    let group = vec![
        (INBOX, plain("0"), with_key(0)),
        (mapi::FolderId::own(9999), plain("1"), with_key(1)),
        (INBOX, rich(), with_key(2)),
        (INBOX, plain("twice"), with_key(0)),
    ];
    let done = message::import_all(&mailbox, group.clone()).unwrap();
    assert!(matches!(done[1], Err(StoreError::NotFound(_))));
    let uid = |n: usize| done[n].as_ref().unwrap().uid;
    assert_eq!((uid(0), uid(2), uid(3)), (1, 2, 1));
    assert!(done[3].as_ref().unwrap().existed);
    let again = message::import_all(&mailbox, group[..1].to_vec()).unwrap();
    assert!(again[0].as_ref().unwrap().existed);
    let many = vec![(INBOX, plain("n"), ImportOptions::default()); 65];
    assert!(message::import_all(&mailbox, many).is_err());
}

#[test]
fn blobs_go_when_nothing_refers_to_them() {
    let (store, mailbox) = mailbox();
    let id = message::import(&mailbox, INBOX, rich(), &ImportOptions::default()).unwrap().id;
    let now = std::time::Duration::ZERO;
    let kept = store.collect_blobs(now).unwrap();
    assert!(kept.nodes > 3 && kept.condemned == 0, "{kept:?}");
    let moved = message::move_to(&mailbox, INBOX, &[id], &mailbox, SENT).unwrap()[0].unwrap();
    assert_eq!(store.collect_blobs(now).unwrap().condemned, 0);
    message::delete(&mailbox, SENT, &[moved], true).unwrap();
    // Manifests go first, then what they held.
    let removed: u64 = (0..6).map(|_| store.collect_blobs(now).unwrap().removed).sum();
    assert_eq!(removed, kept.nodes);
}
