//! Folders: special ones, creating, renaming, moving, copying, deleting.

mod common;

use common::{mailbox, plain};
use mapi::tags;
use store::folder::{self, DeleteOptions, NewFolder};
use store::message::{self, ImportOptions};
use store::{SpecialFolder, StoreError};

const INBOX: mapi::FolderId = SpecialFolder::Inbox.id();
const TOP: mapi::FolderId = SpecialFolder::IpmSubtree.id();

fn create(mailbox: &store::Mailbox, parent: mapi::FolderId, name: &str) -> mapi::FolderId {
    let new = NewFolder { display_name: name.into(), ..NewFolder::default() };
    folder::create(mailbox, parent, &new).expect("a new folder").id
}

#[test]
fn a_new_mailbox_has_its_special_folders() {
    let (_store, mailbox) = mailbox();
    for special in SpecialFolder::ALL {
        let info = folder::info(&mailbox, special.id()).expect("there");
        assert_eq!(info.parent, special.parent().id());
        let class = folder::get(&mailbox, special.id(), &[tags::CONTAINER_CLASS]).unwrap();
        assert_eq!(class[0], special.container_class().map(Into::into));
    }
    let children = folder::children(&mailbox, TOP).unwrap();
    assert_eq!(children.len(), 11);
    assert_eq!(folder::info(&mailbox, TOP).unwrap().children, 11);
    let drafts = folder::get(&mailbox, INBOX, &[tags::IPM_DRAFTS_ENTRY_ID]).unwrap();
    let own = folder::get(&mailbox, SpecialFolder::Drafts.id(), &[tags::ENTRY_ID]).unwrap();
    assert_eq!(drafts, own);
}

#[test]
fn names_are_unique_in_a_parent_without_regard_to_case() {
    let (_store, mailbox) = mailbox();
    let a = create(&mailbox, INBOX, "Projekte");
    let mut new = NewFolder { display_name: "PROJEKTE".into(), ..NewFolder::default() };
    assert!(matches!(folder::create(&mailbox, INBOX, &new), Err(StoreError::DuplicateName)));
    new.open_existing = true;
    let opened = folder::create(&mailbox, INBOX, &new).unwrap();
    assert!(opened.existed && opened.id == a);
    let b = create(&mailbox, INBOX, "Other");
    let name = |name: &str| vec![(tags::DISPLAY_NAME, name.into())];
    assert!(matches!(folder::set(&mailbox, b, name("projekte")), Err(StoreError::DuplicateName)));
    // Only the case changes.
    folder::set(&mailbox, a, name("projekte")).unwrap();
    assert_eq!(folder::info(&mailbox, a).unwrap().display_name, "projekte");
    assert_eq!(folder::child_by_name(&mailbox, INBOX, "ProJekte").unwrap(), Some(a));
}

#[test]
fn moving_refuses_cycles() {
    let (_store, mailbox) = mailbox();
    let a = create(&mailbox, INBOX, "a");
    let b = create(&mailbox, a, "b");
    assert!(matches!(folder::move_to(&mailbox, a, b, None), Err(StoreError::FolderCycle)));
    assert!(matches!(folder::move_to(&mailbox, a, a, None), Err(StoreError::FolderCycle)));
    folder::move_to(&mailbox, b, TOP, Some("c")).unwrap();
    assert_eq!(folder::info(&mailbox, b).unwrap().parent, TOP);
    assert_eq!(folder::info(&mailbox, a).unwrap().children, 0);
    assert!(matches!(folder::move_to(&mailbox, INBOX, a, None), Err(StoreError::Access)));
}

#[test]
fn a_copy_has_messages_and_subfolders() {
    let (_store, mailbox) = mailbox();
    let a = create(&mailbox, INBOX, "a");
    let b = create(&mailbox, a, "b");
    message::import(&mailbox, b, plain("x"), &ImportOptions::default()).unwrap();
    let copy = folder::copy_to(&mailbox, a, &mailbox, TOP, Some("copy"), true).unwrap();
    let below = folder::children(&mailbox, copy).unwrap();
    assert_eq!((below.len(), below[0].contents), (1, 1));
    assert_ne!(below[0].id, b);
}

#[test]
fn deleting_asks_about_content() {
    let (store, mailbox) = mailbox();
    let a = create(&mailbox, INBOX, "a");
    let b = create(&mailbox, a, "b");
    let id = message::import(&mailbox, b, plain("x"), &ImportOptions::default()).unwrap().id;
    let none = DeleteOptions::default();
    assert!(matches!(folder::delete(&mailbox, a, none), Err(StoreError::NotEmpty)));
    assert!(matches!(folder::delete(&mailbox, b, none), Err(StoreError::NotEmpty)));
    assert!(matches!(folder::delete(&mailbox, INBOX, none), Err(StoreError::Access)));
    let all = DeleteOptions { messages: true, folders: true, hard: true, ..none };
    folder::delete(&mailbox, a, all).unwrap();
    assert!(matches!(folder::info(&mailbox, b), Err(StoreError::NotFound(_))));
    assert!(matches!(message::open(&mailbox, id), Err(StoreError::NotFound(_))));
    assert_eq!(folder::info(&mailbox, INBOX).unwrap().children, 0);
    drop(mailbox);
    assert_eq!(store.gauges().mailboxes, 0);
}

#[test]
fn emptying_keeps_the_folder() {
    let (_store, mailbox) = mailbox();
    for n in 0..150 {
        message::import(&mailbox, INBOX, plain(&n.to_string()), &ImportOptions::default()).unwrap();
    }
    let fai = ImportOptions { associated: true, ..ImportOptions::default() };
    message::import(&mailbox, INBOX, plain("fai"), &fai).unwrap();
    create(&mailbox, INBOX, "a");
    let options = DeleteOptions { messages: true, folders: true, hard: true, associated: false };
    folder::empty(&mailbox, INBOX, options).unwrap();
    let info = folder::info(&mailbox, INBOX).unwrap();
    assert_eq!((info.contents, info.associated, info.children), (0, 1, 0));
    assert_eq!(info.deleted_total, 150);
}

#[test]
fn receive_folders_match_the_longest_class() {
    let (_store, mailbox) = mailbox();
    use store::mailbox::receive;
    assert_eq!(receive::folder_for(&mailbox, "IPM.Note").unwrap().folder, INBOX);
    assert_eq!(receive::folder_for(&mailbox, "X.Y").unwrap().class, "");
    let a = create(&mailbox, INBOX, "a");
    receive::set_folder(&mailbox, "IPM.Note.Special", Some(a)).unwrap();
    assert_eq!(receive::folder_for(&mailbox, "ipm.note.special.more").unwrap().folder, a);
    assert_eq!(receive::folder_for(&mailbox, "ipm.note.specialist").unwrap().folder, INBOX);
    assert!(matches!(receive::set_folder(&mailbox, "IPM", Some(a)), Err(StoreError::Access)));
    receive::set_folder(&mailbox, "IPM.Note.Special", None).unwrap();
    assert_eq!(receive::folder_for(&mailbox, "IPM.Note.Special").unwrap().folder, INBOX);
}
