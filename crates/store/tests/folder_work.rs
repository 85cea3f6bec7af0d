//! Work on whole folders that is done in pieces.

use std::sync::Arc;

use mapi::{FolderId, MessageContent, MessageId};
use store::folder::{self, DeleteOptions, NewFolder, Work};
use store::message::{self, ImportOptions};
use store::{Mailbox, NewAccount, SpecialFolder, Store, StoreOptions, retention};

const INBOX: FolderId = SpecialFolder::Inbox.id();
const SOFT: DeleteOptions =
    DeleteOptions { messages: true, folders: true, hard: false, associated: true };
const HARD: DeleteOptions = DeleteOptions { hard: true, ..SOFT };

fn mailbox() -> (Store, Arc<Mailbox>) {
    let store = Store::in_memory(StoreOptions::default()).unwrap();
    let new = NewAccount { address: "me@example.test".into(), ..NewAccount::default() };
    let number = store.create_account(&new).unwrap().mailbox;
    let mailbox = store.mailbox(number).unwrap();
    (store, mailbox)
}

/// Ten messages in a folder and three in one below it, and the work that moves them into another mailbox.
struct Across {
    mailbox: Arc<Mailbox>,
    other: Arc<Mailbox>,
    top: FolderId,
    below: FolderId,
    work: Work,
}

fn across() -> Across {
    let (store, mailbox) = mailbox();
    let new = NewAccount { address: "other@example.test".into(), ..NewAccount::default() };
    let other = store.mailbox(store.create_account(&new).unwrap().mailbox).unwrap();
    let top = create(&mailbox, INBOX, "top");
    fill(&mailbox, top, 10);
    let below = create(&mailbox, top, "below");
    fill(&mailbox, below, 3);
    let work = Work::moving_across(&mailbox, top, INBOX, None).unwrap();
    Across { mailbox, other, top, below, work }
}

fn create(mailbox: &Mailbox, parent: FolderId, name: &str) -> FolderId {
    let new = NewFolder { display_name: name.into(), ..NewFolder::default() };
    folder::create(mailbox, parent, &new).unwrap().id
}

fn fill(mailbox: &Mailbox, id: FolderId, count: usize) -> Vec<MessageId> {
    let one = |_| {
        let content = MessageContent::default();
        message::import(mailbox, id, content, &ImportOptions::default()).unwrap().id
    };
    (0..count).map(one).collect()
}

fn contents(mailbox: &Mailbox, id: FolderId) -> u32 {
    folder::info(mailbox, id).unwrap().contents
}

/// Runs it to the end in pieces of `limit`; how many there were.
fn run(work: &mut Work, source: &Mailbox, target: &Mailbox, limit: usize) -> usize {
    let mut pieces = 1;
    while !work.run(source, target, limit).unwrap() {
        assert!(work.done() <= work.total());
        pieces += 1;
        assert!(pieces < 10_000, "it comes to no end");
    }
    pieces
}

#[test]
fn a_piece_is_no_larger_than_it_may_be() {
    let (_store, mailbox) = mailbox();
    fill(&mailbox, INBOX, 10);
    let mut work = Work::emptying(&mailbox, INBOX, SOFT).unwrap();
    assert_eq!(work.total(), 10);
    assert!(!work.run(&mailbox, &mailbox, 3).unwrap());
    assert_eq!((work.done(), contents(&mailbox, INBOX)), (3, 7));
    // What comes meanwhile stays, and what goes by another way is no matter.
    let new = fill(&mailbox, INBOX, 2);
    let first = folder::Work::emptying(&mailbox, INBOX, SOFT).unwrap().run(&mailbox, &mailbox, 1);
    assert!(!first.unwrap());
    assert_eq!(run(&mut work, &mailbox, &mailbox, 3), 2);
    assert_eq!((contents(&mailbox, INBOX), work.is_partial()), (2, false));
    assert!(new.iter().all(|id| message::open(&mailbox, *id).is_ok()));
}

#[test]
fn pieces_come_to_the_same_as_the_whole() {
    for limit in [1, 2, 7, usize::MAX] {
        let (store, mailbox) = mailbox();
        let top = create(&mailbox, INBOX, "top");
        let mut parent = top;
        for depth in 0..5 {
            fill(&mailbox, parent, 4);
            parent = create(&mailbox, parent, &format!("{depth}"));
        }
        let mut work = Work::copying(&mailbox, top, &mailbox, INBOX, Some("copy"), true).unwrap();
        assert_eq!(work.total(), 26);
        run(&mut work, &mailbox, &mailbox, limit);
        assert_eq!(work.done(), 26, "in pieces of {limit}");
        let mut copy = work.copied().unwrap();
        for _ in 0..5 {
            assert_eq!(contents(&mailbox, copy), 4);
            copy = folder::children(&mailbox, copy).unwrap()[0].id;
        }
        let mut work = Work::emptying(&mailbox, INBOX, HARD).unwrap();
        run(&mut work, &mailbox, &mailbox, limit);
        assert!(folder::children(&mailbox, INBOX).unwrap().is_empty());
        assert!(folder::info(&mailbox, parent).is_err());
        let report = store::check::store(&store, &Default::default(), &mut |_| {}).unwrap();
        assert!(report.problems.is_empty(), "{report:?}");
    }
}

#[test]
fn a_removal_that_was_given_up_is_finished_by_retention() {
    let (_store, mailbox) = mailbox();
    let top = create(&mailbox, INBOX, "top");
    let below = create(&mailbox, top, "below");
    let id = fill(&mailbox, below, 20)[0];
    let mut work = Work::emptying(&mailbox, INBOX, HARD).unwrap();
    assert!(!work.run(&mailbox, &mailbox, 3).unwrap());
    // The folder is out of sight, and there is something left of it.
    assert!(folder::children(&mailbox, INBOX).unwrap().is_empty());
    drop(work);
    retention::purge(&mailbox, 1_000).unwrap();
    assert!(message::open(&mailbox, id).is_err());
    assert_eq!(retention::purge(&mailbox, 1_000).unwrap(), Default::default());
    // One that goes on after retention was there finds nothing to do.
    let top = create(&mailbox, INBOX, "again");
    fill(&mailbox, top, 20);
    let mut work = Work::emptying(&mailbox, INBOX, HARD).unwrap();
    assert!(!work.run(&mailbox, &mailbox, 3).unwrap());
    retention::purge(&mailbox, 1_000).unwrap();
    assert!(work.run(&mailbox, &mailbox, 3).unwrap());
}

#[test]
fn a_folder_goes_into_another_mailbox_message_by_message_and_then_itself() {
    let Across { mailbox, other, top, below, mut work } = across();
    assert_eq!(work.total(), 17);
    assert!(!work.run(&mailbox, &other, 8).unwrap());
    assert_eq!((contents(&mailbox, top), contents(&other, work.copied().unwrap())), (3, 7));
    assert!(run(&mut work, &mailbox, &other, 8) > 0);
    assert!(!work.is_partial());
    assert!(folder::info(&mailbox, top).is_err() && folder::info(&mailbox, below).is_err());
    let copied = work.copied().unwrap();
    assert_eq!(contents(&other, copied), 10);
    let children = folder::children(&other, copied).unwrap();
    assert_eq!(contents(&other, children[0].id), 3);
}

#[test]
fn mail_that_comes_into_a_folder_while_it_moves_into_another_mailbox_is_not_lost() {
    let Across { mailbox, other, top, below, mut work } = across();
    assert!(!work.run(&mailbox, &other, 8).unwrap());
    let late = fill(&mailbox, top, 1)[0];
    run(&mut work, &mailbox, &other, 8);
    assert!(work.is_partial());
    assert_eq!(message::open(&mailbox, late).unwrap().folder, top);
    assert_eq!((contents(&mailbox, top), contents(&other, work.copied().unwrap())), (1, 10));
    assert!(folder::info(&mailbox, below).is_err());
    // An associated message holds its folder too.
    message::delete(&mailbox, top, &[late], true).unwrap();
    let mut work = Work::moving_across(&mailbox, top, INBOX, Some("again")).unwrap();
    work.run(&mailbox, &other, 1).unwrap();
    let associated = ImportOptions { associated: true, ..ImportOptions::default() };
    let late = message::import(&mailbox, top, MessageContent::default(), &associated).unwrap().id;
    run(&mut work, &mailbox, &other, 8);
    assert!(work.is_partial());
    assert_eq!(message::open(&mailbox, late).unwrap().folder, top);
}
