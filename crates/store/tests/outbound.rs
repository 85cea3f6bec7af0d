//! The queue to other domains, and message tracking.

mod common;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use common::*;
use mapi::{FileTime, MessageContent, tags};
use store::backup::{self, Repository, WholeOptions};
use store::delivery::{self, Submission};
use store::engine::{Batch, Engine, KeyRange, MemoryEngine, Reader, Space};
use store::message::{self, Message};
use store::outbound::{
    self, Change, LetterId, NewLetter, Order, Outcome, Recipient, RecipientState, Report, track,
};
use store::{Account, Mailbox, SpecialFolder, Store, StoreError};

struct House {
    engine: Arc<MemoryEngine>,
    store: Store,
    me: Account,
    mailbox: Arc<Mailbox>,
}

fn house() -> House {
    let engine = Arc::new(MemoryEngine::new());
    let store = on_engine(engine.clone());
    let me = account(&store, "me@example.test");
    let mailbox = store.mailbox(me.mailbox).unwrap();
    serve(&store);
    House { engine, store, me, mailbox }
}

fn serve(store: &Store) {
    outbound::serve(store, Some(Arc::new(|_| ()))).unwrap();
    outbound::set_tracking(store, true);
}

fn letter(to: &[&str]) -> NewLetter {
    NewLetter {
        from: "me@example.test".into(),
        message_id: "<1@example.test>".into(),
        recipients: to.iter().map(|address| Recipient::new(*address)).collect(),
        ..NewLetter::default()
    }
}

const MESSAGE: &[u8] = b"From: me@example.test\r\nSubject: out\r\n\r\nhello\r\n";

impl House {
    fn put(&self, to: &[&str]) -> LetterId {
        let ids = outbound::enqueue(&self.mailbox, &letter(to), MESSAGE).unwrap();
        assert_eq!(ids.len(), 1);
        ids[0]
    }

    fn inbox(&self) -> u32 {
        store::folder::info(&self.mailbox, SpecialFolder::Inbox.id()).unwrap().contents
    }

    fn check(&self) {
        assert_eq!(check_all(&self.store), Vec::<String>::new());
    }

    fn steps(&self) -> Vec<(&'static str, String)> {
        let mut steps = Vec::new();
        track::find(&self.store, &track::Wanted::default(), &mut |event| {
            steps.push((event.what.name(), event.recipient));
            ControlFlow::Continue(())
        })
        .unwrap();
        steps
    }
}

fn check_all(store: &Store) -> Vec<String> {
    let options = store::check::Options { blobs: true, repair: false };
    store::check::store(store, &options, &mut |_| ()).unwrap().left_in_words()
}

fn change(recipient: usize, outcome: Outcome) -> Change {
    Change { recipient, outcome, remote: "mx.there.test".into(), answer: "said so".into() }
}

fn report(to: &Account) -> Option<Report> {
    let mut content = MessageContent::default();
    content.properties.set(tags::SUBJECT, "Undeliverable");
    Some(Report { to: to.clone(), content })
}

#[test]
fn a_letter_waits_until_each_recipient_is_dealt_with() {
    let house = house();
    let id = house.put(&["a@one.test", "b@two.test", "c@two.test"]);
    house.check();
    assert_eq!(house.store.gauges().outbound, 1);
    let kept = outbound::get(&house.store, id).unwrap().unwrap();
    assert_eq!(outbound::message(&house.store, &kept).unwrap(), MESSAGE);
    let until = FileTime(u64::MAX);
    let told = Outcome::Deferred { until, told: true };
    let left =
        outbound::settle(&house.store, id, &[change(0, Outcome::Relayed), change(1, told)], None);
    let left = left.unwrap().expect("two wait");
    assert_eq!(left.recipients[0].state, RecipientState::Relayed);
    assert!(left.recipients[1].waits() && left.recipients[1].delay_told);
    assert_eq!((left.recipients[1].due, left.recipients[1].attempts), (until, 1));
    assert_eq!(left.recipients[1].last, "said so");
    house.check();
    // A store that opens again has it as it was.
    let again = on_engine(house.engine.clone());
    assert_eq!(outbound::get(&again, id).unwrap(), Some(left));
    serve(&house.store);
    let failed = [change(1, Outcome::Failed), change(2, Outcome::Failed)];
    assert_eq!(outbound::settle(&house.store, id, &failed, report(&house.me)).unwrap(), None);
    assert_eq!(house.inbox(), 1);
    // What is told is not told again: the letter is gone with the report.
    assert_eq!(outbound::settle(&house.store, id, &failed, report(&house.me)).unwrap(), None);
    assert_eq!(house.inbox(), 1);
    assert_eq!(outbound::all(&house.store).unwrap(), []);
    assert_eq!(house.store.gauges().outbound, 0);
    house.check();
    let steps = house.steps();
    let names: Vec<_> = steps.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        ["queued", "queued", "queued", "relayed", "deferred", "failed", "failed", "reported"]
    );
    assert_eq!(steps[3].1, "a@one.test");
}

#[test]
fn operators_hold_release_retry_and_drop() {
    let house = house();
    let id = house.put(&["a@one.test"]);
    let held = || outbound::get(&house.store, id).unwrap().unwrap().held;
    outbound::order(&house.store, id, Order::Hold).unwrap();
    assert!(held());
    outbound::order(&house.store, id, Order::Release).unwrap();
    assert!(!held());
    let later = Outcome::Deferred { until: FileTime(u64::MAX), told: false };
    outbound::settle(&house.store, id, &[change(0, later)], None).unwrap();
    outbound::order(&house.store, id, Order::Retry).unwrap();
    let due = outbound::get(&house.store, id).unwrap().unwrap().recipients[0].due;
    assert_eq!(due, FileTime(0));
    outbound::order(&house.store, id, Order::Drop).unwrap();
    let gone = outbound::order(&house.store, id, Order::Drop);
    assert!(matches!(gone, Err(StoreError::NotInQueue)));
    // An attempt that ends after it reports nothing.
    let failed = [change(0, Outcome::Failed)];
    assert_eq!(outbound::settle(&house.store, id, &failed, report(&house.me)).unwrap(), None);
    assert_eq!(house.inbox(), 0);
    house.check();
}

#[test]
fn very_many_recipients_are_several_letters_of_one_message() {
    let house = house();
    let names: Vec<String> = (0..2_000).map(|n| format!("user{n}@one.test")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let large = [MESSAGE, &b"x".repeat(300_000)].concat();
    let ids = outbound::enqueue(&house.mailbox, &letter(&names), &large).unwrap();
    assert!(ids.len() > 5, "{}", ids.len());
    let mut count = 0;
    for id in ids {
        let letter = outbound::get(&house.store, id).unwrap().unwrap();
        assert_eq!(outbound::message(&house.store, &letter).unwrap(), large);
        count += letter.recipients.len();
    }
    assert_eq!(count, names.len());
    house.check();
}

/// [MS-OXOMSG] 3.3.5: what a client submits goes to each recipient, here or elsewhere.
#[test]
fn a_submission_of_mapi_goes_into_the_queue_once() {
    let house = house();
    let you = account(&house.store, "you@example.test");
    let submit = || {
        let mut message = Message::new(&house.mailbox, SpecialFolder::Outbox.id(), false);
        message.body.properties.set(tags::SUBJECT, "both");
        message.body.properties.set(tags::BODY, "hello");
        message.body.recipients.push(delivery::recipient_of(&you, 0, 1));
        for (row, (kind, address)) in
            [(1, "a@one.test"), (3, "blind@one.test")].into_iter().enumerate()
        {
            let mut properties = store::Properties::new();
            properties.set(tags::RECIPIENT_TYPE, kind);
            properties.set(tags::ADDRESS_TYPE, "SMTP");
            properties.set(tags::EMAIL_ADDRESS, address);
            properties.set(tags::DISPLAY_NAME, address);
            let row = row as u32 + 1;
            message.body.recipients.push(message::Recipient { row, properties });
        }
        let spoolers = Submission::default();
        delivery::submit(&house.mailbox, &mut message, &house.me, spoolers).unwrap();
        delivery::deliver_due(&house.store).unwrap();
    };
    submit();
    let ids = outbound::all(&house.store).unwrap();
    let [id] = ids[..] else { panic!("{ids:?}") };
    let letter = outbound::get(&house.store, id).unwrap().unwrap();
    let to: Vec<_> = letter.recipients.iter().map(|one| one.address.as_str()).collect();
    assert_eq!(to, ["a@one.test", "blind@one.test"]);
    assert_eq!(letter.from, "me@example.test");
    let sent = outbound::message(&house.store, &letter).unwrap();
    let sent = String::from_utf8(sent).unwrap();
    assert!(sent.contains("a@one.test") && sent.contains("Subject: both\r\n"), "{sent}");
    assert!(!sent.contains("blind"), "{sent}");
    assert!(sent.contains(&letter.message_id) && letter.message_id.len() > 2, "{sent}");
    let theirs = house.store.mailbox(you.mailbox).unwrap();
    let inbox = store::folder::info(&theirs, SpecialFolder::Inbox.id()).unwrap();
    assert_eq!((inbox.contents, house.inbox()), (1, 0));
    house.check();
    let names: Vec<_> = house.steps().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["submitted", "delivered", "queued", "queued"]);
    // Where nothing is sent, the sender is told at once.
    outbound::serve(&house.store, None).unwrap();
    submit();
    assert_eq!((outbound::all(&house.store).unwrap().len(), house.inbox()), (1, 1));
    house.check();
}

#[test]
fn a_backup_keeps_letters_and_what_comes_back_is_held() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("data"), options()).unwrap();
    let me = account(&store, "me@example.test");
    serve(&store);
    let mailbox = store.mailbox(me.mailbox).unwrap();
    let ids = outbound::enqueue(&mailbox, &letter(&["a@one.test"]), MESSAGE).unwrap();
    let repository = Repository::create(&dir.path().join("repository")).unwrap();
    backup::run(&store, &repository, &mut |_| true).unwrap();
    let to = dir.path().join("copy");
    let whole = backup::whole(&repository, &to, &WholeOptions::default(), &mut |_| true).unwrap();
    assert!(whole.is_whole(), "{whole:?}");
    let copy = Store::open(Path::new(&to), options()).unwrap();
    let kept = outbound::get(&copy, ids[0]).unwrap().expect("it came back");
    assert!(kept.held);
    assert_eq!(outbound::message(&copy, &kept).unwrap(), MESSAGE);
    assert_eq!(check_all(&copy), Vec::<String>::new());
}

#[test]
fn a_mailbox_that_goes_takes_its_letters_along() {
    let house = house();
    house.put(&["a@one.test"]);
    let you = account(&house.store, "you@example.test");
    drop(you);
    let House { store, me, mailbox, .. } = house;
    drop(mailbox);
    store.remove_account(me.id).unwrap();
    store.finish_removals().unwrap();
    assert_eq!(outbound::all(&store).unwrap(), []);
    assert_eq!(check_all(&store), Vec::<String>::new());
}

#[test]
fn a_check_finds_what_is_wrong_with_letters_and_a_repair_mends_it() {
    let repair = store::check::Options { blobs: true, repair: true };
    let all = |house: &House, prefix: &[u8], space| {
        let range = KeyRange::prefix(prefix);
        house.engine.keys(space, &range, store::engine::Direction::Forward, 99).unwrap()
    };
    let commit = |house: &House, batch: Batch| {
        assert!(house.engine.commit(batch).unwrap().is_committed());
    };
    type Damage<'a> = &'a dyn Fn(&House, &mut Batch);
    let truncate: Damage<'_> = &|house, batch| {
        let key = all(house, b"jo", Space::Queue)[0].clone();
        let value = house.engine.get(Space::Queue, &key).unwrap().unwrap();
        batch.put(Space::Queue, key.to_vec(), value[..20].to_vec());
    };
    let no_marker: Damage<'_> = &|house, batch| {
        let prefix = [&house.me.mailbox.0.to_be_bytes()[..], &[0xb0]].concat();
        for key in all(house, &prefix, Space::Mailbox) {
            batch.delete(Space::Mailbox, key.to_vec());
        }
    };
    let no_bytes: Damage<'_> = &|house, batch| {
        for key in all(house, b"", Space::Blobs) {
            batch.delete(Space::Blobs, key.to_vec());
        }
    };
    let event: Damage<'_> = &|house, batch| {
        let key = all(house, b"te", Space::Queue)[0].clone();
        batch.put(Space::Queue, key.to_vec(), b"x".to_vec());
    };
    for (name, damage, kept) in [
        ("truncated", truncate, false),
        ("no marker", no_marker, true),
        ("no bytes", no_bytes, false),
        ("event", event, true),
    ] {
        let house = house();
        let id = house.put(&["a@one.test"]);
        let mut batch = Batch::new();
        damage(&house, &mut batch);
        commit(&house, batch);
        assert_ne!(check_all(&house.store), Vec::<String>::new(), "{name}");
        store::check::store(&house.store, &repair, &mut |_| ()).unwrap();
        assert_eq!(check_all(&house.store), Vec::<String>::new(), "{name}");
        let found = outbound::all(&house.store).unwrap();
        assert_eq!(found.contains(&id), kept, "{name}");
    }
}

#[test]
fn events_are_found_and_go_with_time() {
    let house = house();
    let id = house.put(&["a@one.test", "b@two.test"]);
    outbound::settle(&house.store, id, &[change(0, Outcome::Relayed)], None).unwrap();
    let count = |wanted: track::Wanted| {
        let mut count = 0;
        track::find(&house.store, &wanted, &mut |_| {
            count += 1;
            ControlFlow::Continue(())
        })
        .unwrap();
        count
    };
    let wanted = track::Wanted::default;
    assert_eq!(count(wanted()), 3);
    assert_eq!(count(track::Wanted { recipient: Some("A@one".into()), ..wanted() }), 2);
    assert_eq!(count(track::Wanted { message_id: Some("1@example.test".into()), ..wanted() }), 3);
    assert_eq!(count(track::Wanted { message_id: Some("1@example".into()), ..wanted() }), 0);
    assert_eq!(count(track::Wanted { letter: Some(id), ..wanted() }), 3);
    assert_eq!(count(track::Wanted { sender: Some("you".into()), ..wanted() }), 0);
    let later = FileTime(u64::MAX);
    assert_eq!(count(track::Wanted { since: Some(later), ..wanted() }), 0);
    assert_eq!(track::trim(&house.store, FileTime(0), 2).unwrap(), 1);
    assert_eq!(count(wanted()), 2);
    assert_eq!(track::trim(&house.store, later, 1_000).unwrap(), 2);
    assert_eq!(count(wanted()), 0);
}
