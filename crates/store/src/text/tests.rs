//! What the index answers is what a look at the messages finds, whatever was done to them.

use std::sync::Arc;

use formats::mime;
use formats::text::casemap;
use mapi::restriction::FuzzyLevel;
use mapi::{FolderId, MessageContent, MessageId, Restriction, TaggedValue, tags};
use proptest::prelude::*;

use super::{Field, Searcher, catch_up};
use crate::check;
use crate::engine::{Batch, Direction, KeyRange, MemoryEngine, Space};
use crate::keys::Kind;
use crate::message::{self, ImportOptions};
use crate::table::{Contents, evaluate, source};
use crate::{Mailbox, NewAccount, SpecialFolder, Store, StoreOptions};

const INBOX: FolderId = SpecialFolder::Inbox.id();

pub(super) fn mailbox() -> Arc<Mailbox> {
    let engine = Arc::new(MemoryEngine::new());
    // So little that a few messages fill it.
    let options = StoreOptions { text_budget: 2_000, ..StoreOptions::default() };
    let store = Store::with_engine(engine, options).expect("a store");
    let new = NewAccount { address: "me@example.test".into(), ..NewAccount::default() };
    let account = store.create_account(&new).expect("an account");
    store.mailbox(account.mailbox).expect("a mailbox")
}

pub(super) fn mail(mailbox: &Mailbox, subject: &str, body: &str) -> MessageId {
    let text = format!(
        "Subject: {}\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: 8bit\r\n\r\n{body}",
        subject.replace(['\r', '\n'], " ")
    );
    let content = mime::read(text.as_bytes()).expect("mail");
    message::import(mailbox, INBOX, content, &ImportOptions::default()).expect("imported").id
}

fn mapi(mailbox: &Mailbox, body: &str) -> MessageId {
    let mut content = MessageContent::default();
    content.properties.set(tags::SUBJECT, "made by a program");
    content.properties.set(tags::BODY, body);
    message::import(mailbox, INBOX, content, &ImportOptions::default()).expect("imported").id
}

/// What a look at a message finds.
fn looked(mailbox: &Mailbox, field: Field, text: &str, id: MessageId) -> bool {
    let wanted = casemap::fold(text);
    let bytes = message::received(mailbox, id).expect("a message");
    let mut found = |_, text: &str| casemap::fold(text).contains(&*wanted);
    mime::any_text(&bytes, field == Field::Whole, &mut found)
}

fn restriction(level: FuzzyLevel, text: &str) -> Restriction {
    Restriction::Content { level, tag: tags::BODY, value: TaggedValue::new(tags::BODY, text) }
}

/// Compares all answers about all messages; how many the index gave.
fn compare(mailbox: &Mailbox, texts: &[String]) -> (usize, usize) {
    let searcher = Searcher::open(mailbox).expect("a snapshot");
    let (mut known, mut all) = (0, 0);
    for listed in message::list(mailbox, INBOX).expect("a list") {
        for text in texts {
            for field in [Field::Parts, Field::Whole] {
                all += 1;
                let Some(said) = searcher.has(field, text, listed.id, listed.sequence) else {
                    continue;
                };
                known += 1;
                assert_eq!(said, looked(mailbox, field, text, listed.id), "{field:?} {text:?}");
            }
            for (low, high) in [(1, 0), (1, 1), (1, 2), (1, 4), (0, 1), (2, 3)] {
                let level = FuzzyLevel { low, high };
                let reader = mailbox.store().engine().snapshot().expect("a snapshot");
                let row = |texts: bool| {
                    let context = source::Context::new(mailbox, &*reader, INBOX);
                    let context = if texts { context.with_texts(&searcher) } else { context };
                    let row = source::MessageRow::read(&context, Contents::Normal, listed.id);
                    let row = row.expect("a row").expect("a row");
                    evaluate::matches(&restriction(level, text), &row).expect("an answer")
                };
                assert_eq!(row(true), row(false), "{level:?} {text:?}");
            }
        }
    }
    (known, all)
}

#[test]
fn what_is_indexed_is_known_and_the_rest_is_looked_at() {
    let mailbox = mailbox();
    let old = mail(&mailbox, "Budget", "The quarterly report, caf\u{e9}.");
    let done = catch_up(&mailbox).expect("caught up");
    assert_eq!((done.messages, done.complete), (1, true));
    let new = mail(&mailbox, "Later", "Another report");
    let searcher = Searcher::open(&mailbox).expect("a snapshot");
    let listed = message::list(&mailbox, INBOX).expect("a list");
    let has = |field, text: &str, at: usize| {
        let listed = &listed[at];
        searcher.has(field, text, listed.id, listed.sequence)
    };
    assert_eq!((listed[0].id, listed[1].id), (old, new));
    assert_eq!(has(Field::Parts, "REPORT", 0), Some(true));
    assert_eq!(has(Field::Parts, "epor", 0), Some(true));
    assert_eq!(has(Field::Parts, "budget", 0), Some(false));
    assert_eq!(has(Field::Whole, "budget", 0), Some(true));
    assert_eq!(has(Field::Parts, "quarterly report", 0), None);
    assert_eq!(has(Field::Parts, "quarterly sport", 0), Some(false));
    assert_eq!(has(Field::Parts, "report", 1), None);
    // What is changed is looked at until it is followed.
    message::set_read(&mailbox, old, true).expect("read");
    let listed = message::list(&mailbox, INBOX).expect("a list");
    let ask = |mailbox: &Mailbox| {
        let searcher = Searcher::open(mailbox).expect("a snapshot");
        searcher.has(Field::Parts, "report", old, listed[0].sequence)
    };
    assert_eq!(ask(&mailbox), None);
    // Its words are the same: only the new one's are written.
    assert_eq!(catch_up(&mailbox).expect("caught up").messages, 1);
    assert_eq!(ask(&mailbox), Some(true));
    let texts = ["report", "caf", "cafe", "caf\u{e9}", "CAF\u{c9}", "an", "report, caf"];
    let (known, all) = compare(&mailbox, &texts.map(str::to_owned));
    assert!(known * 10 >= all * 9, "{known} of {all}");
}

#[test]
fn a_mailbox_without_an_index_gets_one() {
    let mailbox = mailbox();
    for number in 0..40 {
        mail(&mailbox, &format!("number {number}"), &format!("word{number} and all"));
    }
    super::forget(&mailbox).expect("forgotten");
    let done = catch_up(&mailbox).expect("caught up");
    assert_eq!((done.messages, done.complete), (40, true));
    assert_eq!(catch_up(&mailbox).expect("caught up").messages, 0);
    let texts = ["word7", "word", "number 3", "all"].map(str::to_owned);
    compare(&mailbox, &texts);
    // The log does not reach back: whatever changed meanwhile is found by a walk.
    mail(&mailbox, "unseen", "by the log");
    let newest = crate::mailbox::changes::latest(&mailbox).expect("a head");
    crate::mailbox::changes::trim(&mailbox, newest, 1_000).expect("trimmed");
    assert_eq!(catch_up(&mailbox).expect("caught up").messages, 1);
    let (known, _) = compare(&mailbox, &["log".to_owned()]);
    assert_eq!(known, 2 * 41);
}

#[test]
fn a_check_finds_damage_and_a_repair_makes_the_index_again() {
    let (mailbox, other) = (mailbox(), mailbox());
    for number in 0..20 {
        mail(&mailbox, "subject", &format!("word{number} alpha"));
        mail(&other, "subject", &format!("word{number} gamma"));
    }
    catch_up(&mailbox).expect("caught up");
    catch_up(&other).expect("caught up");
    let look = |repair| {
        let options = check::Options { repair, ..check::Options::default() };
        check::mailbox(&mailbox, &options).expect("checked")
    };
    assert_eq!(look(false).found, 0);
    let range = KeyRange::prefix(mailbox.key(Kind::TextWords, &[]));
    let first = |mailbox: &Mailbox| {
        let range = KeyRange::prefix(mailbox.key(Kind::TextWords, &[]));
        mailbox.reader().scan(Space::Mailbox, &range, Direction::Forward, 1).expect("read")[0]
            .clone()
    };
    // Words that the messages do not have.
    let mut batch = Batch::new();
    batch.put(Space::Mailbox, first(&mailbox).0.to_vec(), first(&other).1.to_vec());
    assert!(mailbox.store().engine().commit(batch).expect("written").is_committed());
    let is_index = |report: &check::Report| {
        report.found == 1 && report.problems[0].what == check::What::TextIndex
    };
    assert!(is_index(&look(false)));
    let mended = look(true);
    assert!(is_index(&mended) && mended.problems[0].repaired, "{mended:?}");
    assert_eq!(look(false).found, 0);
    let (known, all) = compare(&mailbox, &["alpha".to_owned(), "word1".to_owned()]);
    assert_eq!(known, all);
    // A record that is missing makes a search look at the messages.
    let keys =
        mailbox.reader().keys(Space::Mailbox, &range, Direction::Forward, 1_000).expect("read");
    let mut batch = Batch::new();
    keys.iter().for_each(|key| batch.delete(Space::Mailbox, key.to_vec()));
    assert!(mailbox.store().engine().commit(batch).expect("written").is_committed());
    assert_eq!(compare(&mailbox, &["alpha".to_owned()]).0, 0);
    assert!(is_index(&look(true)));
    assert_eq!(look(false).found, 0);
    // What was never finished is left over, and goes.
    super::forget(&mailbox).expect("forgotten");
    let mut batch = Batch::new();
    let stray = mailbox.key(Kind::TextWords, &[&[0; 8]]);
    batch.put(Space::Mailbox, stray.clone(), b"\0x\n".to_vec());
    assert!(mailbox.store().engine().commit(batch).expect("written").is_committed());
    assert_eq!(look(false).found, 0);
    catch_up(&mailbox).expect("caught up");
    let (known, all) = compare(&mailbox, &["alpha".to_owned(), "x".to_owned()]);
    assert_eq!(known, all);
}

fn text() -> impl Strategy<Value = String> {
    let words = vec![
        "alpha",
        "beta",
        "Beta",
        "betatron",
        "caf\u{e9}",
        "cafe\u{301}",
        "\u{6771}\u{4eac}\u{90fd}",
        "stra\u{df}e",
        "STRASSE",
        "x",
        "2026",
        "\u{2122}",
        "\u{345}",
        "-",
        "\r\n",
        " ",
        " ",
        " ",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ];
    proptest::collection::vec(proptest::sample::select(words), 0..12)
        .prop_map(|words| words.concat())
}

#[derive(Debug, Clone)]
enum Act {
    Mail(String, String),
    Program(String),
    Edit(usize, String),
    Read(usize),
    Delete(usize, bool),
    Move(usize),
    Index,
    Restart,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (text(), text()).prop_map(|(subject, body)| Act::Mail(subject, body)),
        2 => text().prop_map(Act::Program),
        2 => (any::<usize>(), text()).prop_map(|(at, text)| Act::Edit(at, text)),
        1 => any::<usize>().prop_map(Act::Read),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(at, hard)| Act::Delete(at, hard)),
        1 => any::<usize>().prop_map(Act::Move),
        3 => Just(Act::Index),
        1 => Just(Act::Restart),
    ]
}

fn perform(mailbox: &Mailbox, act: &Act) {
    let listed = message::list(mailbox, INBOX).expect("a list");
    let pick = |at: &usize| listed.get(at % listed.len().max(1)).map(|listed| listed.id);
    match act {
        Act::Mail(subject, body) => drop(mail(mailbox, subject, body)),
        Act::Program(body) => drop(mapi(mailbox, body)),
        Act::Edit(at, text) => {
            let Some(id) = pick(at) else { return };
            let mut message = message::open(mailbox, id).expect("opened");
            message.body.properties.set(tags::BODY, text.as_str());
            message::body::written(&mut message.body.properties, &[tags::BODY]);
            message.body.mime = None;
            message::save(mailbox, &mut message, Default::default()).expect("saved");
        }
        Act::Read(at) => {
            let Some(id) = pick(at) else { return };
            message::set_read(mailbox, id, true).expect("read");
        }
        Act::Delete(at, hard) => {
            let Some(id) = pick(at) else { return };
            message::delete(mailbox, INBOX, &[id], *hard).expect("deleted");
        }
        Act::Move(at) => {
            let Some(id) = pick(at) else { return };
            message::move_to(mailbox, INBOX, &[id], mailbox, INBOX).expect("moved");
        }
        Act::Index => assert!(catch_up(mailbox).expect("caught up").complete),
        Act::Restart => mailbox.text.lock().clean = false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_search_finds_what_it_would_without_the_index(
        acts in proptest::collection::vec(act(), 1..30),
        texts in proptest::collection::vec(text(), 1..4),
    ) {
        let mailbox = mailbox();
        acts.iter().for_each(|act| perform(&mailbox, act));
        let mut texts = texts;
        texts.extend(["beta", "a", "caf\u{e9}", "\u{4eac}"].map(str::to_owned));
        compare(&mailbox, &texts);
        prop_assert!(catch_up(&mailbox).expect("caught up").complete);
        compare(&mailbox, &texts);
    }
}
