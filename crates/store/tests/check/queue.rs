//! Messages that were submitted and entries of the queue: neither without the other.

use mapi::{MessageId, Wire};
use store::check::What;
use store::delivery::{self, Submission};
use store::engine::Space;
use store::message::{self, Message, flags};

use super::fixture::{Fixture, bytes, lost, mends};

type Damage = fn(&Fixture, &[u8]);

/// A message that waits for a spooler, and the key of its entry.
fn submitted(f: &Fixture) -> (MessageId, Vec<u8>) {
    let mut message = Message::new(&f.mailbox, store::SpecialFolder::Outbox.id(), false);
    message.body.properties.set(mapi::tags::SUBJECT, "waits");
    message.body.recipients.push(delivery::recipient_of(&f.you, 0, 1));
    let spooler = Submission { spooler: true };
    let id = delivery::submit(&f.mailbox, &mut message, &f.me, spooler).unwrap().id;
    let key = [&b"jq"[..], &f.me.mailbox.0.to_be_bytes(), &bytes(id.to_wire())].concat();
    assert_eq!(f.check().left_in_words(), Vec::<String>::new());
    (id, key)
}

fn newest(f: &Fixture) -> Vec<MessageId> {
    let all = f.keys(Space::Mailbox, &f.key(0x20, &[]));
    all.iter().map(|key| super::fixture::id_of(key)).max().into_iter().collect()
}

#[test]
fn a_message_without_its_entry_is_unsent_again() {
    let missing = |f: &Fixture| f.delete(Space::Queue, &submitted(f).1);
    let (f, repaired) = mends("missing", missing, &[What::Unqueued], newest);
    assert_eq!(lost(&repaired), "");
    let id = newest(&f)[0];
    let message = message::open(&f.mailbox, id).unwrap();
    assert_eq!(message.flags & (flags::SUBMITTED | flags::UNSENT), flags::UNSENT);
    // It goes out like any other.
    let mut message = message;
    delivery::submit(&f.mailbox, &mut message, &f.me, Submission::default()).unwrap();
    delivery::deliver_due(&f.store).unwrap();
    assert_eq!(f.check().left_in_words(), Vec::<String>::new());
    let theirs = f.store.mailbox(f.you.mailbox).unwrap();
    let inbox = store::folder::info(&theirs, super::fixture::INBOX).unwrap();
    assert_eq!(inbox.contents, 2, "and the one of the fixture");
}

#[test]
fn an_entry_that_cannot_be_read_goes_and_its_message_is_unsent() {
    let damages: [(&str, Damage); 2] = [
        ("flipped", |f, key| f.flip(Space::Queue, key)),
        ("cut off", |f, key| f.alter(Space::Queue, key, |value| value.truncate(9))),
    ];
    for (name, damage) in damages {
        let f = Fixture::new();
        let (id, key) = submitted(&f);
        damage(&f, &key);
        assert!(super::fixture::whats(&f.check()).contains(What::Job.code()), "{name}");
        assert!(f.repair().is_clean(), "{name}");
        assert_eq!(message::open(&f.mailbox, id).unwrap().flags & flags::SUBMITTED, 0, "{name}");
        assert_eq!(f.check().left_in_words(), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn an_entry_without_its_message_goes() {
    let f = Fixture::new();
    let (id, key) = submitted(&f);
    let value = f.get(Space::Queue, &key);
    let nowhere = [&key[..10], &bytes(MessageId::own(0x7777).to_wire())].concat();
    f.put(Space::Queue, &nowhere, value.clone());
    // And one of a message that was not submitted.
    let other = [&key[..10], &bytes(f.filed.to_wire())].concat();
    f.put(Space::Queue, &other, value);
    let found = f.check();
    assert_eq!((found.found, super::fixture::whats(&found)), (2, [What::Job.code()].into()));
    assert!(f.repair().is_clean());
    assert_eq!(f.keys(Space::Queue, b"jq"), [key]);
    assert_ne!(message::open(&f.mailbox, id).unwrap().flags & flags::SUBMITTED, 0);
    assert_eq!(f.check().left_in_words(), Vec::<String>::new());
}

/// What a client says of its message does not put it into a queue.
#[test]
fn a_client_cannot_mark_a_message_as_submitted() {
    let f = Fixture::new();
    let mut message = Message::new(&f.mailbox, super::fixture::INBOX, false);
    let given = (flags::SUBMITTED | flags::UNSENT) as i32;
    message.body.properties.set(mapi::tags::MESSAGE_FLAGS, given);
    message::save(&f.mailbox, &mut message, Default::default()).unwrap();
    assert_eq!(message.flags & (flags::SUBMITTED | flags::UNSENT), flags::UNSENT);
    assert_eq!(f.check().left_in_words(), Vec::<String>::new());
}
