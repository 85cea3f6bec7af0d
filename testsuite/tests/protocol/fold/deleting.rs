//! RopDeleteFolder, RopEmptyFolder, RopHardDeleteMessagesAndSubfolders, RopDeleteMessages and
//! RopHardDeleteMessages.

use mapi_rop::folder::{DeleteMessagesRequest, EmptyFolderRequest};
use mapi_rop::message::OpenMessageFlags;
use testsuite::on_both;
use testsuite::rig::{ME, Rig, STRANGER};

use super::*;
use crate::omsg;

const NOT_FOUND: ErrorCode = ErrorCode(0x8004_010f);
const ACCESS_DENIED: ErrorCode = ErrorCode(0x8007_0005);
const DEL_MESSAGES: u8 = 0x01;
const DEL_FOLDERS: u8 = 0x04;
const HARD: u8 = 0x10;

/// Whether a folder is there, is soft-deleted, or is gone.
fn state(client: &mut Client, id: FolderId) -> &'static str {
    use mapi_rop::folder::{OpenFolderFlags, OpenFolderRequest};
    let logon = client.logon;
    let mut opens = |flags| {
        let request = RopRequest::OpenFolder(OpenFolderRequest { folder: id, flags });
        client.open(logon, request).is_ok()
    };
    match (opens(OpenFolderFlags::NONE), opens(OpenFolderFlags::OPEN_SOFT_DELETED)) {
        (true, _) => "there",
        (false, true) => "deleted",
        (false, false) => "gone",
    }
}

/// RopEmptyFolder, or RopHardDeleteMessagesAndSubfolders; whether it was done in part only.
fn empty(
    client: &mut Client,
    folder: Handle,
    hard: bool,
    want_delete_associated: bool,
) -> Answer<bool> {
    let request = EmptyFolderRequest { want_asynchronous: true, want_delete_associated };
    let request = match hard {
        true => RopRequest::HardDeleteMessagesAndSubfolders(request),
        false => RopRequest::EmptyFolder(request),
    };
    match client.call(folder, request)? {
        RopResponse::EmptyFolder(answer) | RopResponse::HardDeleteMessagesAndSubfolders(answer) => {
            Ok(answer.partial_completion)
        }
        other => panic!("{other:?}"),
    }
}

/// RopDeleteMessages or RopHardDeleteMessages; whether it was done in part only.
fn delete_messages(
    client: &mut Client,
    folder: Handle,
    ids: &[MessageId],
    hard: bool,
) -> Answer<bool> {
    let messages = ids.to_vec().into();
    let request =
        DeleteMessagesRequest { want_asynchronous: true, notify_non_read: true, messages };
    let request = match hard {
        true => RopRequest::HardDeleteMessages(request),
        false => RopRequest::DeleteMessages(request),
    };
    match client.call(folder, request)? {
        RopResponse::DeleteMessages(answer) | RopResponse::HardDeleteMessages(answer) => {
            Ok(answer.partial_completion)
        }
        other => panic!("{other:?}"),
    }
}

/// How many rows a contents table has with these flags.
fn count(client: &mut Client, folder: Handle, flags: TableFlags) -> usize {
    let table = client.contents(folder, flags);
    column(client, table, tags::MID).len()
}

/// A folder with a message, an associated one and a folder in it.
fn full(client: &mut Client) -> (Made, Made) {
    let made = folder(client, INBOX, "full");
    let below = folder(client, made.id, "below");
    post(client, made.id, "m");
    let associated = client.create_message(made.id, true).expect("a message");
    client.save(associated, mapi_rop::message::SaveFlags::NONE).expect("saved");
    (made, below)
}

/// A message from STRANGER that asks for a receipt and for nothing else, delivered to ME's Inbox.
fn asked(rig: &Rig, subject: &str) -> testsuite::Result<MessageId> {
    let mut client = rig.client(STRANGER)?;
    let message = omsg::draft(&mut client, subject, &[(omsg::TO, ME)])?;
    client.set(message, tags::READ_RECEIPT_REQUESTED, true)?;
    omsg::send(&mut client, message)?;
    store::delivery::deliver_due(&rig.store)?;
    let found = omsg::messages(rig, ME, INBOX)?;
    Ok(found.last().ok_or("nothing was delivered")?.id)
}

/// What STRANGER was told, by subject.
fn told(rig: &Rig) -> testsuite::Result<Vec<String>> {
    while store::delivery::waiting(&rig.store)?.ready > 0 {
        store::delivery::deliver_due(&rig.store)?;
    }
    let found = omsg::messages(rig, STRANGER, INBOX)?;
    let class = |message: &testsuite::found::Found| omsg::text(message, tags::MESSAGE_CLASS);
    assert!(found.iter().all(|message| class(message) == "REPORT.IPM.Note.IPNNRN"));
    Ok(omsg::subjects(&found))
}

on_both! {
    /// MS-OXCFOLD 3.2.5.11: R1148
    /// MS-OXCFOLD 3.2.5.12: R115603
    fn who_asked_for_a_receipt_hears_of_what_is_deleted_unread(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        let first = asked(rig, "one")?;
        assert_eq!(delete_messages(&mut client, inbox, &[first], false), Ok(false));
        assert_eq!(told(rig)?, ["Not read: one"]);
        let second = asked(rig, "two")?;
        assert_eq!(delete_messages(&mut client, inbox, &[second], true), Ok(false));
        assert_eq!(told(rig)?, ["Not read: one", "Not read: two"]);
        // What was deleted softly goes for good without another word.
        assert_eq!(delete_messages(&mut client, inbox, &[first], true), Ok(false));
        assert_eq!(told(rig)?.len(), 2);
        Ok(())
    }

    /// MS-OXOMSG 2.2.1.29
    fn who_asked_for_a_receipt_hears_of_a_folder_that_is_emptied(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mailbox = omsg::mailbox(rig, ME)?;
        for (hard, names) in [(false, ["a", "b", "c"]), (true, ["d", "e", "f"])] {
            let made = folder(&mut client, INBOX, &format!("full {hard}"));
            let below = folder(&mut client, made.id, "below");
            for (name, to) in names.iter().zip([made.id, below.id, made.id]) {
                let id = asked(rig, name)?;
                let moved = store::message::move_to(&mailbox, INBOX, &[id], &mailbox, to)?;
                if *name == names[2] {
                    // Who has read it was told so, or did not want to tell.
                    let id = moved[0].ok_or("not moved")?;
                    store::message::set_read(&mailbox, id, true)?;
                }
            }
            assert_eq!(empty(&mut client, made.handle, hard, false), Ok(false));
            assert_eq!(count(&mut client, made.handle, TableFlags::NONE), 0);
        }
        let mut told = told(rig)?;
        told.sort();
        assert_eq!(told, ["Not read: a", "Not read: b", "Not read: d", "Not read: e"]);
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.3: R75, R76, R94402
    /// MS-OXCFOLD 2.2.1.3.1: R93
    /// MS-OXCFOLD 2.2.1.3.2: R97
    fn an_empty_folder_is_deleted(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let made = folder(&mut client, INBOX, "empty");
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        assert_eq!(delete(&mut client, inbox, made.id, HARD), Ok(false));
        assert_eq!(state(&mut client, made.id), "gone");
        Ok(())
    }

    /// MS-OXCFOLD 3.2.5.3: R371, R816, R817
    /// MS-OXCFOLD 2.2.1.3.1: R762
    /// MS-OXCFOLD 2.2.1.3.2: R948
    fn messages_keep_their_folder_unless_they_may_go(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let made = folder(&mut client, INBOX, "full");
        post(&mut client, made.id, "m");
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        for flags in [0, DEL_FOLDERS, HARD | DEL_FOLDERS] {
            assert_eq!(delete(&mut client, inbox, made.id, flags), Ok(true), "{flags:#x}");
            assert_eq!(state(&mut client, made.id), "there", "{flags:#x}");
        }
        assert_eq!(delete(&mut client, inbox, made.id, DEL_MESSAGES), Ok(false));
        assert_eq!(state(&mut client, made.id), "deleted");
        Ok(())
    }

    /// MS-OXCFOLD 3.2.5.3: R1079, R1080, R1081
    /// MS-OXCFOLD 2.2.1.3.1: R763
    /// MS-OXCFOLD 3.1.4.3: R408
    fn folders_keep_their_folder_unless_they_may_go(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let made = folder(&mut client, INBOX, "full");
        let below = folder(&mut client, made.id, "below");
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        assert_eq!(delete(&mut client, inbox, made.id, HARD | DEL_MESSAGES), Ok(true));
        assert_eq!(state(&mut client, below.id), "there");
        assert_eq!(delete(&mut client, inbox, made.id, HARD | DEL_FOLDERS), Ok(false));
        assert_eq!((state(&mut client, made.id), state(&mut client, below.id)), ("gone", "gone"));
        Ok(())
    }

    /// MS-OXCFOLD 3.2.5.3: R498
    /// MS-OXCFOLD 2.2.1.3.1: R764, R814, R82
    /// MS-OXCFOLD 3.1.4.3: R407
    fn folders_are_deleted_softly_or_for_good(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let all = DEL_MESSAGES | DEL_FOLDERS;
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        for (flags, expected) in [(all, "deleted"), (all | HARD, "gone")] {
            let (made, below) = full(&mut client);
            assert_eq!(delete(&mut client, inbox, made.id, flags), Ok(false));
            assert_eq!(state(&mut client, made.id), expected);
            assert_eq!(state(&mut client, below.id), expected);
        }
        Ok(())
    }

    /// MS-OXCFOLD 6: R123402
    fn bits_that_mean_nothing_are_ignored(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        for bit in [0x02, 0x08, 0x20, 0x40, 0x80] {
            let made = folder(&mut client, INBOX, &format!("bit {bit}"));
            assert_eq!(delete(&mut client, inbox, made.id, bit), Ok(false), "{bit:#x}");
            assert_eq!(state(&mut client, made.id), "deleted", "{bit:#x}");
        }
        Ok(())
    }

    /// MS-OXCFOLD 3.2.5.3: R507, R509, R2509, R503
    fn what_cannot_be_deleted_says_why(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        assert_eq!(delete(&mut client, inbox, FolderId::own(0xffff), 0), Err(NOT_FOUND));
        let root = SpecialFolder::Root.id();
        assert_eq!(delete(&mut client, inbox, root, 5), Err(NOT_SUPPORTED));
        assert_eq!(delete(&mut client, inbox, INBOX, 5), Err(ACCESS_DENIED));
        let message = client.create_message(INBOX, false).expect("a message");
        assert_eq!(delete(&mut client, message, TOP, 5), Err(NOT_SUPPORTED));
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.9: R225, R97502
    /// MS-OXCFOLD 3.2.5.9: R1129, R617, R618
    fn a_folder_is_emptied_softly(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let (made, below) = full(&mut client);
        assert_eq!(empty(&mut client, made.handle, false, true), Ok(false));
        assert_eq!(state(&mut client, made.id), "there");
        assert_eq!(state(&mut client, below.id), "deleted");
        let flags = TableFlags::SOFT_DELETES;
        assert_eq!(count(&mut client, made.handle, flags), 1);
        assert_eq!(count(&mut client, made.handle, flags | TableFlags::ASSOCIATED), 1);
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.9.1: R234, R238, R239
    /// MS-OXCFOLD 2.2.1.9.2: R243
    fn associated_messages_stay_unless_they_may_go(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let (made, below) = full(&mut client);
        assert_eq!(empty(&mut client, made.handle, false, false), Ok(false));
        assert_eq!(count(&mut client, made.handle, TableFlags::NONE), 0);
        assert_eq!(count(&mut client, made.handle, TableFlags::ASSOCIATED), 1);
        assert_eq!(state(&mut client, below.id), "deleted");
        assert_eq!(empty(&mut client, made.handle, false, true), Ok(false));
        assert_eq!(count(&mut client, made.handle, TableFlags::ASSOCIATED), 0);
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.10: R244, R98302
    /// MS-OXCFOLD 3.2.5.10: R1138, R113804, R113805
    fn a_folder_is_emptied_for_good(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let (made, below) = full(&mut client);
        assert_eq!(empty(&mut client, made.handle, true, true), Ok(false));
        assert_eq!((state(&mut client, made.id), state(&mut client, below.id)), ("there", "gone"));
        for flags in [TableFlags::NONE, TableFlags::ASSOCIATED] {
            assert_eq!(count(&mut client, made.handle, flags), 0);
            assert_eq!(count(&mut client, made.handle, flags | TableFlags::SOFT_DELETES), 0);
        }
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.10.1: R250, R256, R257
    /// MS-OXCFOLD 2.2.1.10.2: R261
    fn associated_messages_stay_unless_they_may_go_for_good(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let (made, _) = full(&mut client);
        assert_eq!(empty(&mut client, made.handle, true, false), Ok(false));
        assert_eq!(count(&mut client, made.handle, TableFlags::NONE), 0);
        assert_eq!(count(&mut client, made.handle, TableFlags::ASSOCIATED), 1);
        Ok(())
    }

    /// MS-OXCFOLD 3.2.5.9: R1248, R625
    /// MS-OXCFOLD 3.2.5.10: R630
    /// MS-OXCFOLD 6: R124802
    fn the_root_is_not_emptied(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let root = client.open_folder(SpecialFolder::Root.id()).expect("the root");
        let logon = client.logon;
        for (input, hard) in [(root, false), (root, true), (logon, false), (logon, true)] {
            assert_eq!(empty(&mut client, input, hard, false), Err(NOT_SUPPORTED));
        }
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.9.2: R980
    /// MS-OXCFOLD 3.2.5.9: R1131
    /// MS-OXCFOLD 2.2.1.10.2: R2721
    /// MS-OXCFOLD 3.2.5.10: R113803
    fn what_stays_is_told_when_a_folder_is_emptied(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let made = folder(&mut client, TOP, "mine");
        let top = client.open_folder(TOP).expect("the top");
        // The special folders in it stay.
        assert_eq!(empty(&mut client, top, false, false), Ok(true));
        assert_eq!((state(&mut client, made.id), state(&mut client, INBOX)), ("deleted", "there"));
        assert_eq!(empty(&mut client, top, true, false), Ok(true));
        assert_eq!((state(&mut client, made.id), state(&mut client, INBOX)), ("gone", "there"));
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.11: R262, R263, R98802
    /// MS-OXCFOLD 2.2.1.11.2: R282
    fn messages_are_deleted_softly(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let id = post(&mut client, INBOX, "m");
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        assert_eq!(delete_messages(&mut client, inbox, &[id], false), Ok(false));
        assert_eq!(count(&mut client, inbox, TableFlags::NONE), 0);
        assert_eq!(count(&mut client, inbox, TableFlags::SOFT_DELETES), 1);
        let open = client.open_message(INBOX, id, OpenMessageFlags::OPEN_SOFT_DELETED);
        let subject = client.get(open.expect("the message"), tags::SUBJECT);
        assert_eq!(subject, Ok("m".into()));
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.11.1: R270
    /// MS-OXCFOLD 2.2.1.11.2: R991
    /// MS-OXCFOLD 3.2.5.11: R1147, R638
    fn messages_that_stay_are_told(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let id = post(&mut client, INBOX, "m");
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        let missing = MessageId::own(0xffff);
        assert_eq!(delete_messages(&mut client, inbox, &[id, missing], false), Ok(true));
        assert_eq!(count(&mut client, inbox, TableFlags::NONE), 0);
        let logon = client.logon;
        assert_eq!(delete_messages(&mut client, logon, &[id], false), Err(NOT_SUPPORTED));
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.12: R283, R99402
    /// MS-OXCFOLD 2.2.1.12.2: R304
    /// MS-OXCFOLD 3.2.5.12: R1156
    fn messages_are_deleted_for_good(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let id = post(&mut client, INBOX, "m");
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        assert_eq!(delete_messages(&mut client, inbox, &[id], true), Ok(false));
        assert_eq!(count(&mut client, inbox, TableFlags::SOFT_DELETES), 0);
        let open = client.open_message(INBOX, id, OpenMessageFlags::OPEN_SOFT_DELETED);
        assert_eq!(open, Err(NOT_FOUND));
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.12.1: R292
    /// MS-OXCFOLD 2.2.1.12.2: R997
    /// MS-OXCFOLD 3.2.5.12: R115602, R645
    fn messages_that_stay_are_told_of_a_deletion_for_good(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let id = post(&mut client, INBOX, "m");
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        let missing = MessageId::own(0xffff);
        assert_eq!(delete_messages(&mut client, inbox, &[missing, id], true), Ok(true));
        assert_eq!(count(&mut client, inbox, TableFlags::NONE), 0);
        let logon = client.logon;
        assert_eq!(delete_messages(&mut client, logon, &[id], true), Err(NOT_SUPPORTED));
        Ok(())
    }

    /// MS-OXCFOLD 3.1.4.8: R43201, R43202, R433, R434
    fn soft_and_hard_are_two_rops(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        for (hard, left) in [(false, 1), (true, 0)] {
            let made = folder(&mut client, INBOX, if hard { "hard" } else { "soft" });
            post(&mut client, made.id, "m");
            assert_eq!(empty(&mut client, made.handle, hard, false), Ok(false));
            assert_eq!(count(&mut client, made.handle, TableFlags::SOFT_DELETES), left);
        }
        Ok(())
    }

    /// MS-OXCFOLD 3.1.5.2: R1059
    /// MS-OXCFOLD 3.2.5.9: R619, R230
    /// MS-OXCFOLD 3.2.5.11: R633, R267
    fn what_may_take_long_is_done_when_it_is_answered(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let ids: Vec<MessageId> = (0..70).map(|_| post(&mut client, INBOX, "m")).collect();
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        // Both ask to be done asynchronously, and answer as themselves and not with RopProgress.
        assert_eq!(delete_messages(&mut client, inbox, &ids[..66], false), Ok(false));
        assert_eq!(count(&mut client, inbox, TableFlags::NONE), 4);
        assert_eq!(empty(&mut client, inbox, false, false), Ok(false));
        assert_eq!(count(&mut client, inbox, TableFlags::NONE), 0);
        Ok(())
    }
}
