//! The marks of Internet mail and the listing of a folder by UID.

mod common;

use common::{mailbox, plain};
use mapi::{PropertyValue, tags};
use store::mailbox::changes::{self, ChangeKind};
use store::message::{self, ImportOptions, MarkEdit, Marked, Marks};
use store::{Mailbox, SpecialFolder, StoreError};

const INBOX: mapi::FolderId = SpecialFolder::Inbox.id();

fn import(mailbox: &Mailbox, subject: &str) -> mapi::MessageId {
    message::import(mailbox, INBOX, plain(subject), &ImportOptions::default()).expect("imported").id
}

fn marks_of(mailbox: &Mailbox, id: mapi::MessageId) -> Marks {
    let listed = message::list_some(mailbox, INBOX, &[id]).expect("listed")[0].expect("there");
    let mut marks = listed.marks();
    let categories = message::categories(mailbox, id).expect("read");
    assert!(listed.may_have_categories || categories.is_empty());
    marks.categories = categories;
    marks
}

fn edit(mailbox: &Mailbox, id: mapi::MessageId, edit: MarkEdit) -> Marked {
    message::edit_marks(mailbox, INBOX, &[id], &edit, None).expect("edited")[0]
}

#[test]
fn a_folder_is_listed_by_uid() {
    let (_store, mailbox) = mailbox();
    let ids: Vec<_> = (0..5).map(|n| import(&mailbox, &format!("m{n}"))).collect();
    message::delete(&mailbox, INBOX, &[ids[1]], false).expect("deleted");
    let listed = message::list(&mailbox, INBOX).expect("listed");
    let uids: Vec<_> = listed.iter().map(|message| (message.uid, message.id)).collect();
    assert_eq!(uids, [(1, ids[0]), (3, ids[2]), (4, ids[3]), (5, ids[4])]);
    let some = message::list_some(&mailbox, INBOX, &[ids[4], ids[1]]).expect("listed");
    assert_eq!(some, [Some(listed[3]), None]);
    assert!(matches!(
        message::list(&mailbox, mapi::FolderId::own(99_999)),
        Err(StoreError::NotFound(_))
    ));
}

/// More than a small value holds: none is lost when one is added.
#[test]
fn a_long_list_of_categories_stays_when_one_is_added() {
    let (_store, mailbox) = mailbox();
    let id = import(&mailbox, "many");
    let mut names: Vec<String> = (0..40).map(|n| format!("{n:0250}")).collect();
    let add =
        |names: &[String]| MarkEdit::Add(Marks { categories: names.to_vec(), ..Marks::default() });
    assert_eq!(edit(&mailbox, id, add(&names)), Marked::Changed);
    assert_eq!(marks_of(&mailbox, id).categories, names);
    names.push("one more".into());
    assert_eq!(edit(&mailbox, id, add(&names[40..])), Marked::Changed);
    assert_eq!(marks_of(&mailbox, id).categories, names);
}

#[test]
fn marks_are_the_facts_of_mapi() {
    let (_store, mailbox) = mailbox();
    let id = import(&mailbox, "a");
    let all = Marks {
        read: true,
        answered: true,
        forwarded: true,
        flagged: true,
        draft: true,
        deleted: true,
        categories: vec!["Work".into(), "Red Category".into()],
    };
    assert_eq!(edit(&mailbox, id, MarkEdit::Add(all.clone())), Marked::Changed);
    assert_eq!(marks_of(&mailbox, id), all);
    let opened = message::open(&mailbox, id).expect("open");
    let int = |tag| opened.body.properties.inline(tag).and_then(PropertyValue::as_i32);
    assert_eq!(int(tags::FLAG_STATUS), Some(2));
    assert_eq!((int(tags::ICON_INDEX), int(tags::LAST_VERB_EXECUTED)), (Some(0x105), Some(102)));
    assert!(opened.read && opened.status & message::DELETE_MARKED != 0);
    // Nothing changes twice, and a category is known whatever its case.
    let again = Marks { read: true, categories: vec!["work".into()], ..Marks::default() };
    assert_eq!(edit(&mailbox, id, MarkEdit::Add(again.clone())), Marked::Same);
    // The icon goes to what is left.
    let answered = Marks { answered: true, ..Marks::default() };
    assert_eq!(edit(&mailbox, id, MarkEdit::Remove(answered)), Marked::Changed);
    let now = marks_of(&mailbox, id);
    assert!(now.forwarded && !now.answered);
    assert_eq!(edit(&mailbox, id, MarkEdit::Set(again)), Marked::Changed);
    let left = Marks { read: true, categories: vec!["Work".into()], ..Marks::default() };
    assert_eq!(marks_of(&mailbox, id), left);
    assert_eq!(edit(&mailbox, id, MarkEdit::Set(Marks::default())), Marked::Changed);
    assert_eq!(marks_of(&mailbox, id), Marks::default());
    assert_eq!(store::folder::info(&mailbox, INBOX).expect("info").unread, 1);
    common::assert_whole(&mailbox);
}

#[test]
fn what_changed_since_stays() {
    let (_store, mailbox) = mailbox();
    let (a, b) = (import(&mailbox, "a"), import(&mailbox, "b"));
    let since = changes::latest(&mailbox).expect("a sequence");
    let read = MarkEdit::Add(Marks { read: true, ..Marks::default() });
    assert_eq!(edit(&mailbox, a, read), Marked::Changed);
    let deleted = MarkEdit::Add(Marks { deleted: true, ..Marks::default() });
    let results = message::edit_marks(
        &mailbox,
        INBOX,
        &[a, b, mapi::MessageId::own(99_999)],
        &deleted,
        Some(since),
    );
    assert_eq!(results.expect("edited"), [Marked::Newer, Marked::Changed, Marked::Gone]);
    let kinds: Vec<_> =
        changes::after(&mailbox, since, 10).expect("read").iter().map(|c| c.kind).collect();
    assert_eq!(kinds, [ChangeKind::MessageRead, ChangeKind::MessageFlags]);
    let many: Vec<String> = (0..100).map(|n| format!("c{n}")).collect();
    let many = MarkEdit::Add(Marks { categories: many, ..Marks::default() });
    assert!(matches!(
        message::edit_marks(&mailbox, INBOX, &[b], &many, None),
        Err(StoreError::TooBig { .. })
    ));
}

#[test]
fn a_new_message_is_a_draft() {
    let (_store, mailbox) = mailbox();
    let mut draft = message::Message::new(&mailbox, SpecialFolder::Outbox.id(), false);
    message::save(&mailbox, &mut draft, message::SaveOptions::default()).expect("saved");
    let flagged = MarkEdit::Add(Marks { flagged: true, ..Marks::default() });
    let outbox = SpecialFolder::Outbox.id();
    let marked = |edit: &MarkEdit| {
        message::edit_marks(&mailbox, outbox, &[draft.id], edit, None).expect("edited")[0]
    };
    assert_eq!(marked(&flagged), Marked::Changed);
    let unsent = message::list(&mailbox, outbox).expect("listed")[0].marks();
    assert!(unsent.draft && unsent.flagged);
}
