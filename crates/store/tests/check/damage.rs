//! One kind of damage after the other.

use mapi::{FolderId, MessageId, Wire, tags};
use store::check::What;
use store::engine::{Reader, Space};
use store::mailbox::{names, receive};
use store::message;
use store::permission::{self, Change, Member, Mode, Rights};
use store::table::Contents;
use store::{SpecialFolder, folder};

use super::fixture::{Fixture, INBOX, bytes, lost, mends, nothing, whats};

const MAILBOX: Space = Space::Mailbox;

fn set_u32(value: &mut [u8], at: usize, number: u32) {
    value[at..at + 4].copy_from_slice(&number.to_le_bytes());
}

fn get_u32(value: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(value[at..at + 4].try_into().unwrap())
}

// Places in a hot record and in a folder record (docs/store-format.md).
const HOT_FOLDER: usize = 1;
const HOT_CHANGE: usize = 19;
const HOT_UID: usize = 35;
const HOT_SEQUENCE: usize = 39;
const HOT_SIZE: usize = 47;
const HOT_DELETED: usize = 55;
const FOLDER_PARENT: usize = 1;
const FOLDER_STATE: usize = 10;
const FOLDER_MESSAGES: usize = 19;
const FOLDER_UID_NEXT: usize = 79;

#[test]
fn a_summary() {
    let key = |f: &Fixture| f.summary(INBOX, Contents::Normal, f.plain[1]);
    mends("missing", |f| f.delete(MAILBOX, &key(f)), &[What::Summary], nothing);
    mends("flipped", |f| f.flip(MAILBOX, &key(f)), &[What::Summary], nothing);
    let other = |f: &Fixture| f.alter(MAILBOX, &key(f), |value| value[4] ^= 0x20);
    mends("altered", other, &[What::Summary], nothing);
    let stray = |f: &Fixture| {
        let value = f.get(MAILBOX, &key(f));
        f.put(MAILBOX, &f.summary(f.work, Contents::Normal, f.plain[1]), value);
        f.put(MAILBOX, &f.summary(INBOX, Contents::Normal, MessageId::own(0x99)), &b"x"[..]);
    };
    mends("stray", stray, &[What::StraySummary], nothing);
}

#[test]
fn counters() {
    for (at, by) in [(FOLDER_MESSAGES, 1), (FOLDER_MESSAGES + 4, 2), (43, 7)] {
        let damage = |f: &Fixture| {
            f.alter(MAILBOX, &f.folder(INBOX), |value| {
                let now = get_u32(value, at);
                set_u32(value, at, now + by);
            });
        };
        mends("a counter", damage, &[What::Counters], nothing);
    }
    let size = |f: &Fixture| f.alter(MAILBOX, &f.folder(f.work), |value| value[35] ^= 1);
    mends("the size", size, &[What::Counters, What::Sizes], nothing);
    let head = |f: &Fixture| f.alter(MAILBOX, &f.key(1, &[]), |value| value[33] ^= 1);
    mends("the mailbox's size", head, &[What::Sizes], nothing);
    let next = |f: &Fixture| {
        f.alter(MAILBOX, &f.folder(INBOX), |value| set_u32(value, FOLDER_UID_NEXT, 3));
    };
    mends("the next UID", next, &[What::UidNext], nothing);
}

#[test]
fn a_hot_record() {
    let (fixture, repaired) = mends(
        "missing",
        |f| f.delete(MAILBOX, &f.hot(f.plain[1])),
        &[What::Hot],
        |f| vec![f.plain[1]],
    );
    assert_eq!(lost(&repaired).trim(), "");
    let id = fixture.plain[1];
    let back = message::open(&fixture.mailbox, id).unwrap();
    assert_eq!((back.folder, back.uid, back.read), (INBOX, 2, true));
    assert_eq!(back.body.properties.inline(tags::SUBJECT), Some(&"plain 2".into()));
    let problem = &fixture_problem(&repaired, What::Hot);
    assert_eq!((problem.message, problem.subject.as_deref()), (Some(id), Some("plain 2")));
    let flip = |f: &Fixture| f.flip(MAILBOX, &f.hot(f.rich));
    let (fixture, _) = mends("flipped", flip, &[What::Hot], |f| vec![f.rich]);
    let content = message::export(&fixture.mailbox, fixture.rich).unwrap();
    assert_eq!(content.mime, crate::common::rich().mime);
    assert_eq!(content.attachments.len(), 3);
    // Without the summary nobody knows where it was.
    let both = |f: &Fixture| {
        f.flip(MAILBOX, &f.hot(f.filed));
        f.delete(MAILBOX, &f.summary(f.work, Contents::Normal, f.filed));
    };
    let (fixture, repaired) = mends("with its summary", both, &[What::Hot], |f| vec![f.filed]);
    assert!(lost(&repaired).contains("its folder"), "{}", lost(&repaired));
    let top = SpecialFolder::IpmSubtree.id();
    assert!(fixture.folder_names(top).contains("Lost and found"));
    let place = folder::child_by_name(&fixture.mailbox, top, "Lost and found").unwrap().unwrap();
    let back = message::open(&fixture.mailbox, fixture.filed).unwrap();
    assert_eq!(back.folder, place);
    assert_eq!(back.body.properties.inline(tags::SUBJECT), Some(&"filed".into()));
}

fn fixture_problem(report: &store::check::Report, what: What) -> store::check::Problem {
    report.problems.iter().find(|problem| problem.what == what).cloned().expect("a problem")
}

#[test]
fn a_state() {
    let alter = |at: usize, byte: u8| {
        move |f: &Fixture| f.alter(MAILBOX, &f.hot(f.plain[2]), |value| value[at] ^= byte)
    };
    let touched = |f: &Fixture| vec![f.plain[2]];
    mends("size", alter(HOT_SIZE, 1), &[What::Size, What::Summary, What::Counters], touched);
    mends("deleted at", alter(HOT_DELETED, 1), &[What::State], touched);
    // Far beyond the last number: the record is wrong, and not the head.
    let change = [What::NumberAhead, What::Summary];
    mends("change number", alter(HOT_CHANGE + 2, 0x40), &change, touched);
    mends("sequence", alter(HOT_SEQUENCE + 6, 0x40), &change, touched);
    let gone = |f: &Fixture| {
        f.alter(MAILBOX, &f.hot(f.plain[2]), |value| {
            value[HOT_FOLDER..HOT_FOLDER + 8]
                .copy_from_slice(&mapi::FolderId::own(0x7777).to_wire());
        });
    };
    let (fixture, _) = mends(
        "folder",
        gone,
        &[What::OrphanMessage, What::Summary, What::StraySummary, What::Counters],
        touched,
    );
    let back = message::open(&fixture.mailbox, fixture.plain[2]).unwrap();
    let place = folder::info(&fixture.mailbox, back.folder).unwrap();
    assert_eq!(place.display_name, "Lost and found");
}

#[test]
fn two_messages_with_one_uid() {
    let damage = |f: &Fixture| {
        for key in [f.hot(f.plain[3]), f.summary(INBOX, Contents::Normal, f.plain[3])] {
            let at = if key[8] == 0x20 { HOT_UID } else { 28 };
            f.alter(MAILBOX, &key, |value| set_u32(value, at, 2));
        }
    };
    let expected = [What::DoubleUid, What::ImportKey];
    let (fixture, _) = mends("one UID", damage, &expected, |f| vec![f.plain[3]]);
    let uids: std::collections::BTreeSet<u32> =
        fixture.plain.iter().map(|id| message::open(&fixture.mailbox, *id).unwrap().uid).collect();
    assert_eq!(uids.len(), fixture.plain.len());
}

#[test]
fn nodes_of_a_message() {
    let root = |f: &Fixture| f.nodes(f.plain[4])[0].clone();
    let touched = |f: &Fixture| vec![f.plain[4]];
    let (fixture, repaired) =
        mends("missing", |f| f.delete(MAILBOX, &root(f)), &[What::Node], touched);
    assert!(
        lost(&repaired).contains("everything but what the folder's list"),
        "{}",
        lost(&repaired)
    );
    let back = message::open(&fixture.mailbox, fixture.plain[4]).unwrap();
    assert_eq!(back.body.properties.inline(tags::SUBJECT), Some(&"plain 5".into()));
    // One bit of a value: everything else is kept.
    let flip = |f: &Fixture| f.flip(MAILBOX, &root(f));
    mends("flipped", flip, &[What::Node], touched);
    let cut = |f: &Fixture| f.alter(MAILBOX, &root(f), |value| value.truncate(value.len() / 2));
    let (fixture, repaired) = mends("cut", cut, &[What::Node], touched);
    assert!(lost(&repaired).contains("behind the damage"), "{}", lost(&repaired));
    let back = message::open(&fixture.mailbox, fixture.plain[4]).unwrap();
    assert!(back.body.properties.inline(tags::SUBJECT).is_some());
}

#[test]
fn nodes_of_attachments() {
    let touched = |f: &Fixture| vec![f.rich];
    // The file, whose node is the first below the message's own.
    let file = |f: &Fixture| f.nodes(f.rich)[1].clone();
    let gone = |f: &Fixture| f.delete(MAILBOX, &file(f));
    let (fixture, repaired) = mends("missing", gone, &[What::StrayMarker, What::Size], touched);
    assert!(lost(&repaired).contains("200036 bytes that it once had"), "{}", lost(&repaired));
    let content = message::export(&fixture.mailbox, fixture.rich).unwrap();
    assert_eq!(content.attachments.len(), 2);
    let flip = |f: &Fixture| f.flip(MAILBOX, &file(f));
    let (fixture, repaired) = mends("flipped", flip, &[What::Node], touched);
    assert!(lost(&repaired).contains("attachment 0"), "{}", lost(&repaired));
    let content = message::export(&fixture.mailbox, fixture.rich).unwrap();
    assert_eq!(content.recipients, crate::common::rich().recipients);
    assert_eq!(content.attachments.len(), 3);
    // The embedded message's node: what lies below it stays.
    let embedded = |f: &Fixture| f.delete(MAILBOX, &f.nodes(f.rich)[2]);
    let (fixture, _) = mends("embedded", embedded, &[What::Node], touched);
    let back = message::open(&fixture.mailbox, fixture.rich).unwrap();
    let embedded = back.body.attachment(1).unwrap().embedded.as_ref().unwrap();
    assert_eq!(embedded.attachments.len(), 1);
}

#[test]
fn an_orphan() {
    let damage = |f: &Fixture| {
        f.delete(MAILBOX, &f.hot(f.plain[0]));
        f.delete(MAILBOX, &f.summary(INBOX, Contents::Normal, f.plain[0]));
    };
    let expected = [What::Hot];
    let (fixture, _) =
        mends("no hot record and no summary", damage, &expected, |f| vec![f.plain[0]]);
    let back = message::open(&fixture.mailbox, fixture.plain[0]).unwrap();
    assert_eq!(back.body.properties.inline(tags::SUBJECT), Some(&"plain 1".into()));
    assert_ne!(back.folder, INBOX);
}

#[test]
fn soft_deleted_ones() {
    let entry = |f: &Fixture| f.keys(MAILBOX, &f.key(0x23, &[]))[0].clone();
    mends("missing", |f| f.delete(MAILBOX, &entry(f)), &[What::DeletedEntry], nothing);
    mends(
        "flipped",
        |f| f.put(MAILBOX, &entry(f), &b"12345678"[..]),
        &[What::DeletedEntry],
        nothing,
    );
    let stray = |f: &Fixture| {
        let mut key = entry(f);
        key[12] ^= 1;
        f.put(MAILBOX, &key, f.get(MAILBOX, &entry(f)));
    };
    mends("stray", stray, &[What::StrayDeleted], nothing);
}

#[test]
fn large_values() {
    let chunks = |f: &Fixture| f.keys(Space::Blobs, b"c");
    // All chunks of the attachment of 200,000 bytes are referred to by both rich messages.
    let manifest = |f: &Fixture| f.keys(Space::Blobs, b"m");
    let touched = |f: &Fixture| vec![f.rich];
    let gone = |f: &Fixture| chunks(f).iter().for_each(|key| f.delete(Space::Blobs, key));
    let expected = [What::Value, What::Blob];
    let (fixture, repaired) = mends("all chunks are gone", gone, &expected, touched);
    let text = lost(&repaired);
    assert!(text.contains("data.bin") && text.contains("200000 bytes"), "{text}");
    let back = message::open(&fixture.mailbox, fixture.rich).unwrap();
    assert_eq!(back.body.properties.inline(tags::SUBJECT), Some(&"Re: everything".into()));
    assert_eq!(back.body.attachments.len(), 3);
    assert_eq!(back.body.recipients.len(), 3);
    let flip = |f: &Fixture| f.flip(Space::Blobs, &chunks(f)[0]);
    mends("a chunk is flipped", flip, &expected, touched);
    let other = |f: &Fixture| {
        let other = f.get(Space::Blobs, &chunks(f)[1]);
        f.put(Space::Blobs, &chunks(f)[0], other);
    };
    mends("a chunk is another one", other, &expected, touched);
    let cut = |f: &Fixture| {
        let key = manifest(f)[0].clone();
        f.alter(Space::Blobs, &key, |value| value.truncate(33));
    };
    mends("a manifest is cut", cut, &expected, touched);
    // The same content can be stored again.
    let (fixture, _) = mends(
        "a manifest is missing",
        |f| f.delete(Space::Blobs, &manifest(f)[0]),
        &[What::Value],
        touched,
    );
    let options = message::ImportOptions::default();
    let again = message::import(&fixture.mailbox, INBOX, crate::common::rich(), &options).unwrap();
    let content = message::export(&fixture.mailbox, again.id).unwrap();
    assert_eq!(content.attachments, message_attachments());
    assert_eq!(fixture.check().left_in_words(), Vec::<String>::new());
}

fn message_attachments() -> Vec<mapi::AttachmentContent> {
    let (_store, mailbox) = crate::common::mailbox();
    let options = message::ImportOptions::default();
    let id = message::import(&mailbox, INBOX, crate::common::rich(), &options).unwrap().id;
    message::export(&mailbox, id).unwrap().attachments
}

#[test]
fn marks_and_markers() {
    let markers = |f: &Fixture| f.keys(MAILBOX, &f.key(0xB0, &[]));
    for at in 0..3 {
        mends(
            "a marker is missing",
            |f| f.delete(MAILBOX, &markers(f)[at]),
            &[What::Marker],
            nothing,
        );
    }
    let stray = |f: &Fixture| {
        let mut key = markers(f)[0].clone();
        key.truncate(9 + 33);
        key.extend_from_slice(b"m");
        key.extend_from_slice(&bytes(f.plain[0].to_wire()));
        f.put(MAILBOX, &key, &b""[..]);
    };
    mends("a marker too many", stray, &[What::StrayMarker], nothing);
    let condemned = |f: &Fixture| {
        f.put(Space::Blobs, &[&b"dc"[..], &[7; 32]].concat(), &[0; 8][..]);
    };
    mends("nothing to remove", condemned, &[What::Condemned], nothing);
}

#[test]
fn names_and_replicas() {
    let names = |f: &Fixture| f.keys(MAILBOX, &f.key(4, &[]));
    // Its properties stay as they are; some have another name.
    let named = |f: &Fixture| vec![f.rich];
    let before = Fixture::new();
    let all = names::all(&before.mailbox).unwrap();
    assert_eq!(all.len(), 2);
    let (fixture, repaired) =
        mends("missing", |f| f.delete(MAILBOX, &names(f)[0]), &[What::Name], named);
    assert!(lost(&repaired).contains("0x8000"), "{}", lost(&repaired));
    // The other one keeps its id.
    assert_eq!(names::all(&fixture.mailbox).unwrap()[1], all[1]);
    mends("flipped", |f| f.flip(MAILBOX, &names(f)[0]), &[What::Name], named);
    mends("the last is missing", |f| f.delete(MAILBOX, &names(f)[1]), &[What::UnknownId], named);
    let replica = |f: &Fixture| f.put(MAILBOX, &f.key(3, &[&[0, 2]]), &b"short"[..]);
    mends("a replica", replica, &[What::Replica], nothing);
}

#[test]
fn the_head_and_the_identity() {
    let head = |f: &Fixture| f.key(1, &[]);
    for (name, damage) in [
        (
            "missing",
            Box::new(move |f: &Fixture| f.delete(MAILBOX, &head(f))) as Box<dyn Fn(&Fixture)>,
        ),
        ("flipped", Box::new(move |f: &Fixture| f.flip(MAILBOX, &head(f)))),
        ("short", Box::new(move |f: &Fixture| f.put(MAILBOX, &head(f), &b"\x01"[..]))),
    ] {
        let (fixture, _) = mends(name, damage, &[What::Head], nothing);
        let options = message::ImportOptions::default();
        let new = crate::common::plain("new");
        let id = message::import(&fixture.mailbox, INBOX, new, &options).unwrap().id;
        assert!(!fixture.plain.contains(&id));
        assert_eq!(fixture.check().left_in_words(), Vec::<String>::new());
    }
    let behind = |f: &Fixture| f.alter(MAILBOX, &head(f), |value| value[1] -= 9);
    mends("numbers behind", behind, &[What::HeadBehind], nothing);
    let info = |f: &Fixture| f.key(2, &[]);
    mends("identity missing", |f| f.delete(MAILBOX, &info(f)), &[What::Info], nothing);
    mends("identity flipped", |f| f.flip(MAILBOX, &info(f)), &[What::Info], nothing);
}

#[test]
fn the_identity_of_a_mailbox_that_is_not_open() {
    let fixture = Fixture::new();
    let info = super::fixture::key(fixture.you.mailbox, 2, &[]);
    let before = fixture.get(MAILBOX, &info);
    fixture.flip(MAILBOX, &info);
    assert!(fixture.store.mailbox(fixture.you.mailbox).is_err());
    assert_eq!(whats(&fixture.check()), [What::Info.code()].into());
    assert!(fixture.repair().is_clean());
    assert_eq!(fixture.get(MAILBOX, &info), before, "out of the entry ids on its folders");
    assert_eq!(fixture.check().left_in_words(), Vec::<String>::new());
}

#[test]
fn folder_records() {
    for (name, flip) in [("missing", false), ("flipped", true)] {
        let damage = move |f: &Fixture| match flip {
            true => f.flip(MAILBOX, &f.folder(f.work)),
            false => f.delete(MAILBOX, &f.folder(f.work)),
        };
        let expected = [What::Folder].into_iter().chain((!flip).then_some(What::Sizes));
        let expected: Vec<What> = expected.collect();
        let missing = [What::Folder];
        let expected = if flip { &missing[..] } else { &expected[..1] };
        let (fixture, repaired) = mends(name, damage, expected, nothing);
        let back = folder::info(&fixture.mailbox, fixture.work).unwrap();
        assert_eq!((back.parent, back.contents, back.children), (INBOX, 1, 1));
        assert_eq!(folder::info(&fixture.mailbox, fixture.below).unwrap().parent, fixture.work);
        // A name is known again where the damaged record and the entry under the parent agree.
        if !flip {
            assert!(lost(&repaired).contains("its name"), "{}", lost(&repaired));
        }
        let comment = folder::get(&fixture.mailbox, fixture.work, &[tags::COMMENT]).unwrap();
        assert_eq!(comment[0].as_ref().unwrap().size(), 40_000);
    }
    let special = |f: &Fixture| f.delete(MAILBOX, &f.folder(SpecialFolder::Calendar.id()));
    mends("a special folder", special, &[What::SpecialFolder], nothing);
    let inbox = |f: &Fixture| f.flip(MAILBOX, &f.folder(INBOX));
    let (fixture, _) = mends("the Inbox", inbox, &[What::Folder], nothing);
    let inbox = folder::info(&fixture.mailbox, INBOX).unwrap();
    assert_eq!((inbox.display_name.as_str(), inbox.contents), ("Inbox", 7));
}

#[test]
fn folder_properties() {
    let part = |f: &Fixture, id: mapi::FolderId| f.key(0x11, &[&bytes(id.to_wire()), &[0, 0]]);
    let missing = |f: &Fixture| f.delete(MAILBOX, &part(f, f.below));
    mends("missing", missing, &[What::FolderProperties], nothing);
    let flipped = |f: &Fixture| f.flip(MAILBOX, &part(f, INBOX));
    mends("flipped", flipped, &[What::FolderProperties], nothing);
    let store = |f: &Fixture| f.flip(MAILBOX, &f.key(5, &[&[0, 0]]));
    mends("of the store", store, &[What::StoreProperties], nothing);
}

#[test]
fn the_tree_of_folders() {
    let children =
        |f: &Fixture, id: mapi::FolderId| f.keys(MAILBOX, &f.key(0x12, &[&bytes(id.to_wire())]));
    let unlisted = |f: &Fixture| f.delete(MAILBOX, &children(f, f.work)[0]);
    mends("not listed", unlisted, &[What::ChildName, What::Counters], nothing);
    let damaged = |f: &Fixture| f.flip(MAILBOX, &children(f, f.work)[0]);
    mends("a damaged name", damaged, &[What::ChildEntry, What::ChildName, What::Counters], nothing);
    let twice = |f: &Fixture| {
        let key = f.key(0x12, &[&bytes(f.work.to_wire()), &[9; 16]]);
        f.put(MAILBOX, &key, bytes(f.below.to_wire()));
    };
    mends("a second name", twice, &[What::ChildEntry], nothing);
    let nowhere = |f: &Fixture| {
        let key = f.key(0x12, &[&bytes(f.work.to_wire()), &[9; 16]]);
        f.put(MAILBOX, &key, bytes(mapi::FolderId::own(0x7777).to_wire()));
    };
    mends("a name of nothing", nowhere, &[What::ChildEntry], nothing);
    let parent = |f: &Fixture, id: mapi::FolderId, parent: mapi::FolderId| {
        f.alter(MAILBOX, &f.folder(id), |value| {
            value[FOLDER_PARENT..FOLDER_PARENT + 8].copy_from_slice(&parent.to_wire());
        });
    };
    let orphan = |f: &Fixture| parent(f, f.below, mapi::FolderId::own(0x7777));
    let expected = [What::OrphanFolder, What::ChildEntry, What::Counters];
    let (fixture, _) = mends("without a parent", orphan, &expected, nothing);
    let place = folder::info(&fixture.mailbox, fixture.below).unwrap().parent;
    assert_eq!(folder::info(&fixture.mailbox, place).unwrap().display_name, "Lost and found");
    let cycle = |f: &Fixture| parent(f, f.work, f.below);
    let expected = [What::FolderCycle, What::ChildEntry, What::ChildName, What::Counters];
    let (fixture, _) = mends("in a circle", cycle, &expected, nothing);
    assert_eq!(folder::info(&fixture.mailbox, fixture.below).unwrap().parent, fixture.work);
    let detached =
        |f: &Fixture| f.alter(MAILBOX, &f.folder(f.below), |value| value[FOLDER_STATE] = 1);
    let expected = [What::StrayDetached, What::ChildEntry, What::Counters, What::Sizes];
    let (fixture, _) = mends("deleted without a job", detached, &expected, nothing);
    assert_eq!(folder::info(&fixture.mailbox, fixture.below).unwrap().contents, 1);
}

#[test]
fn the_log_and_what_was_deleted() {
    let log = |f: &Fixture| f.keys(MAILBOX, &f.key(0x30, &[]));
    mends("a gap", |f| f.delete(MAILBOX, &log(f)[3]), &[What::Log], nothing);
    mends("a flipped entry", |f| f.flip(MAILBOX, &log(f)[3]), &[What::Log], nothing);
    let last = |f: &Fixture| f.delete(MAILBOX, log(f).last().unwrap());
    mends("the last entry", last, &[What::Log], nothing);
    let ranges = |f: &Fixture| f.keys(MAILBOX, &f.key(0x31, &[]));
    mends("a flipped range", |f| f.flip(MAILBOX, &ranges(f)[0]), &[What::Deleted], nothing);
    let overlap = |f: &Fixture| {
        let mut key = ranges(f)[0].clone();
        *key.last_mut().unwrap() -= 1;
        f.put(MAILBOX, &key, f.get(MAILBOX, &ranges(f)[0]));
    };
    mends("ranges that overlap", overlap, &[What::Deleted], nothing);
    let nowhere = |f: &Fixture| {
        let folder = bytes(mapi::FolderId::own(0x7777).to_wire());
        let one = bytes(MessageId::own(1).to_wire());
        f.put(MAILBOX, &f.key(0x31, &[&folder, &one]), 1u64.to_be_bytes());
    };
    mends("of no folder", nowhere, &[What::Deleted], nothing);
}

#[test]
fn receive_folders_and_keys() {
    let entry = |f: &Fixture| f.key(6, &[b"ipm.test"]);
    mends("flipped", |f| f.flip(MAILBOX, &entry(f)), &[What::Receive], nothing);
    let nowhere = |f: &Fixture| {
        f.alter(MAILBOX, &f.key(6, &[b""]), |value| value[6..8].copy_from_slice(&[0x77, 0x77]));
    };
    let (fixture, _) = mends("to no folder", nowhere, &[What::Receive], nothing);
    assert_eq!(receive::folder_for(&fixture.mailbox, "x").unwrap().folder, INBOX);
    let keys = |f: &Fixture| f.keys(MAILBOX, &f.key(0x41, &[]));
    mends("an import key", |f| f.flip(MAILBOX, &keys(f)[0]), &[What::ImportKey], nothing);
    let source = |f: &Fixture| {
        let value = [&b"m"[..], &bytes(f.plain[0].to_wire())].concat();
        f.put(MAILBOX, &f.key(0x40, &[&[5; 16]]), value);
    };
    mends("a source key of nothing", source, &[What::SourceKey], nothing);
}

#[test]
fn permissions() {
    let key = |f: &Fixture, id: FolderId| {
        let (replica, counter) = (u64::from(id.replica.0), id.counter.get());
        f.key(0x15, &[&(replica << 48 | counter).to_be_bytes()])
    };
    let granted = |f: &Fixture| {
        let change = Change::Modify(Member::Default, Rights::READ_ANY);
        permission::modify(&f.mailbox, INBOX, Mode::default(), &[change]).unwrap();
    };
    let damaged = |f: &Fixture| {
        granted(f);
        f.flip(MAILBOX, &key(f, INBOX));
    };
    let (fixture, _) = mends("flipped", damaged, &[What::Permissions], nothing);
    assert_eq!(permission::list(&fixture.mailbox, INBOX).unwrap(), None, "nobody gets rights");
    let version = |f: &Fixture| {
        granted(f);
        f.alter(MAILBOX, &key(f, INBOX), |value| value[0] = 9);
    };
    mends("of a later layout", version, &[What::Permissions], nothing);
    let stray = |f: &Fixture| {
        granted(f);
        let value = f.get(MAILBOX, &key(f, INBOX));
        f.put(MAILBOX, &key(f, FolderId::own(0x7777)), value);
    };
    mends("of no folder", stray, &[What::Permissions], nothing);
}

#[test]
fn settings_and_keys_without_form() {
    let settings = |f: &Fixture| f.put(MAILBOX, &f.key(7, &[]), &b"\x09"[..]);
    mends("settings", settings, &[What::Settings], nothing);
    for key in [&[0x20, 1, 2, 3][..], &[0x22, 0, 1, 0, 0, 0, 0, 1, 0, 9], &[0x10], &[0x01, 1]] {
        let bad = |f: &Fixture| f.put(MAILBOX, &f.key(key[0], &[&key[1..]]), &b"?"[..]);
        mends("a key without form", bad, &[What::BadKey], nothing);
    }
    let fixture = Fixture::new();
    fixture.put(MAILBOX, &fixture.key(0x7F, &[b"later"]), &b"?"[..]);
    assert_eq!(whats(&fixture.check()), [What::UnknownRecord.code()].into());
    let repaired = fixture.repair();
    assert_eq!((repaired.left(), repaired.repaired), (1, 0));
    assert!(repaired.problems[0].left.is_some());
    let there = fixture.engine.get(MAILBOX, &fixture.key(0x7F, &[b"later"])).unwrap();
    assert!(there.is_some(), "what is not known is left alone");
}
