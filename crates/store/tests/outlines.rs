//! Outlines: made with what comes in, copied and removed with it, gone when the message reads otherwise, and kept
//! for others by whoever made one.

mod common;

use mapi::{MessageContent, tags};
use store::message::{self, ImportOptions, Outline, SaveOptions};
use store::{SpecialFolder, folder};

const INBOX: mapi::FolderId = SpecialFolder::Inbox.id();
const DRAFTS: mapi::FolderId = SpecialFolder::Drafts.id();

fn received(number: usize) -> MessageContent {
    let mime = format!("Subject: number {number}\n\ntext {number}\n").into_bytes();
    let mut content = MessageContent { mime: Some(mime), ..MessageContent::default() };
    content.properties.set(tags::SUBJECT, format!("number {number}").as_str());
    content
}

#[test]
fn outlines_go_with_their_messages() {
    let (_store, mailbox) = common::mailbox();
    let ids: Vec<_> = (0..20)
        .map(|number| {
            let options = ImportOptions::default();
            message::import(&mailbox, INBOX, received(number), &options).expect("imported").id
        })
        .collect();
    let of = |id| message::outlines(&mailbox, &[id]).expect("read").remove(0);
    let all = message::outlines(&mailbox, &ids).expect("read");
    for (number, (id, outline)) in ids.iter().zip(&all).enumerate() {
        let outline = outline.clone().expect("there");
        let header = format!("Subject: number {number}\r\n\r\n");
        // Three lines that ended in LF alone.
        assert_eq!(outline.size, received(number).mime.expect("there").len() as u64 + 3);
        assert_eq!(outline.header.as_deref(), Some(header.as_bytes()));
        assert_eq!(of(*id), Some(outline));
    }
    // In any order, and with some that are not there.
    let missing = mapi::MessageId::own(0xffff);
    let mixed = [ids[3], missing, ids[1]];
    let some = message::outlines(&mailbox, &mixed).expect("read");
    assert_eq!(some, [all[3].clone(), None, all[1].clone()]);
    let sparse: Vec<_> = ids.iter().step_by(2).copied().chain([missing]).collect();
    let some = message::outlines(&mailbox, &sparse).expect("read");
    let expected: Vec<_> = all.iter().step_by(2).cloned().chain([None]).collect();
    assert_eq!(some, expected);

    let copies = message::copy_to(&mailbox, INBOX, &ids[..1], &mailbox, DRAFTS).expect("copied");
    assert_eq!(of(copies[0].expect("copied")), all[0]);
    let moved = message::move_to(&mailbox, INBOX, &ids[1..2], &mailbox, DRAFTS).expect("moved");
    assert_eq!((of(moved[0].expect("moved")), of(ids[1])), (all[1].clone(), None));
    message::delete(&mailbox, INBOX, &ids[2..3], true).expect("deleted");
    assert_eq!(of(ids[2]), None);

    // A flag is no part of the message, its subject is.
    message::set_read(&mailbox, ids[4], true).expect("marked");
    assert_eq!(of(ids[4]), all[4]);
    let mut edited = message::open(&mailbox, ids[4]).expect("opened");
    edited.body.properties.set(tags::SUBJECT, "another");
    message::save(&mailbox, &mut edited, SaveOptions::default()).expect("saved");
    assert_eq!(of(ids[4]), None);

    // One that somebody made is kept, unless the message changed since.
    let listed = message::list_some(&mailbox, INBOX, &[ids[4]]).expect("read")[0].expect("there");
    let made = Outline::of(b"Subject: another\r\n\r\n", 1);
    let keep = |sequence, outline: &Outline| {
        let all = [(ids[4], sequence, outline.clone())];
        message::keep_outlines(&mailbox, INBOX, &all).expect("kept");
    };
    keep(listed.sequence - 1, &made);
    assert_eq!(of(ids[4]), None);
    let before = folder::info(&mailbox, INBOX).expect("read").sequence;
    keep(listed.sequence, &made);
    assert_eq!(of(ids[4]), Some(made));
    assert_eq!(folder::info(&mailbox, INBOX).expect("read").sequence, before);
    let mut edited = message::open(&mailbox, ids[4]).expect("opened");
    edited.body.properties.set(tags::SUBJECT, "a third one");
    message::save(&mailbox, &mut edited, SaveOptions::default()).expect("saved");
    assert_eq!(of(ids[4]), None);
}
