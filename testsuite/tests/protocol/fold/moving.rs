//! RopMoveCopyMessages, RopMoveFolder and RopCopyFolder.

use mapi_rop::folder::MoveCopyMessagesRequest;
use mapi_rop::irregular::{CopyFolderRequest, MoveFolderRequest};
use mapi_rop::parts::Text;
use testsuite::on_both;
use testsuite::rig::ME;

use super::*;

const NOT_FOUND: ErrorCode = ErrorCode(0x8004_010f);

fn move_copy(
    client: &mut Client,
    (from, to): (Handle, Handle),
    ids: &[MessageId],
    want_copy: bool,
) -> Answer<bool> {
    let messages = ids.to_vec().into();
    let request = MoveCopyMessagesRequest { messages, want_asynchronous: true, want_copy };
    match client.call_two(from, to, RopRequest::MoveCopyMessages(request))?.0 {
        RopResponse::MoveCopyMessages(answer) => Ok(answer.partial_completion),
        other => panic!("{other:?}"),
    }
}

fn move_folder(
    client: &mut Client,
    (from, to): (Handle, Handle),
    folder: FolderId,
    new_name: Text,
) -> Answer<bool> {
    let request = MoveFolderRequest { want_asynchronous: true, folder, new_name };
    match client.call_two(from, to, RopRequest::MoveFolder(request))?.0 {
        RopResponse::MoveFolder(answer) => Ok(answer.partial_completion),
        other => panic!("{other:?}"),
    }
}

fn copy_folder(
    client: &mut Client,
    (from, to): (Handle, Handle),
    folder: FolderId,
    want_recursive: bool,
    new_name: Text,
) -> Answer<bool> {
    let request = CopyFolderRequest { want_asynchronous: true, want_recursive, folder, new_name };
    match client.call_two(from, to, RopRequest::CopyFolder(request))?.0 {
        RopResponse::CopyFolder(answer) => Ok(answer.partial_completion),
        other => panic!("{other:?}"),
    }
}

fn wide(name: &str) -> Text {
    Text::Unicode(name.into())
}

/// The child of a folder with this name, opened.
fn child(client: &mut Client, parent: Handle, name: &str) -> Option<Handle> {
    let names = client.hierarchy(parent, TableFlags::USE_UNICODE);
    let names = column(client, names, tags::DISPLAY_NAME);
    let at = names.iter().position(|known| *known == name.into())?;
    let ids = client.hierarchy(parent, TableFlags::USE_UNICODE);
    let id = column(client, ids, tags::FOLDER_ID)[at].as_i64()?;
    client.open_folder(FolderId::from_i64(id)).ok()
}

on_both! {
    /// MS-OXCFOLD 2.2.1.6: R144, R14502
    /// MS-OXCFOLD 2.2.1.6.1: R14901, R15101, R160
    fn messages_are_moved(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let to = folder(&mut client, TOP, "to");
        let (a, _) = (post(&mut client, INBOX, "a"), post(&mut client, INBOX, "b"));
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        assert_eq!(move_copy(&mut client, (inbox, to.handle), &[a], false), Ok(false));
        assert_eq!(subjects(&mut client, inbox), ["b"]);
        assert_eq!(subjects(&mut client, to.handle), ["a"]);
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.6.1: R159
    /// MS-OXCFOLD 2.2.1.6.2: R163
    /// MS-OXCFOLD 3.1.4.7: R427
    fn messages_are_copied(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let to = folder(&mut client, TOP, "to");
        let a = post(&mut client, INBOX, "a");
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        assert_eq!(move_copy(&mut client, (inbox, to.handle), &[a], true), Ok(false));
        assert_eq!(subjects(&mut client, inbox), ["a"]);
        assert_eq!(subjects(&mut client, to.handle), ["a"]);
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.6.2: R10163
    /// MS-OXCFOLD 3.2.5.6: R586, R590
    fn messages_that_stay_are_told(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let to = folder(&mut client, TOP, "to");
        let a = post(&mut client, INBOX, "a");
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        let ids = [MessageId::own(0xffff), a];
        assert_eq!(move_copy(&mut client, (inbox, to.handle), &ids, false), Ok(true));
        assert_eq!(subjects(&mut client, to.handle), ["a"]);
        let logon = client.logon;
        assert_eq!(move_copy(&mut client, (logon, to.handle), &[a], false), Err(NOT_SUPPORTED));
        assert_eq!(move_copy(&mut client, (inbox, logon), &[a], false), Err(NOT_SUPPORTED));
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.7: R169, R170, R17101
    /// MS-OXCFOLD 2.2.1.7.1: R185, R186
    fn a_folder_is_moved_with_all_that_it_holds(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let made = folder(&mut client, INBOX, "one");
        let below = folder(&mut client, made.id, "below");
        post(&mut client, below.id, "m");
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        let top = client.open_folder(TOP).expect("the top");
        let name = wide("new näme");
        assert_eq!(move_folder(&mut client, (inbox, top), made.id, name), Ok(false));
        assert_eq!(child(&mut client, inbox, "one"), None);
        assert_eq!(client.get(made.handle, tags::DISPLAY_NAME), Ok("new näme".into()));
        let parent = client.get(made.handle, tags::PARENT_FOLDER_ID);
        assert_eq!(parent, Ok(TOP.to_i64().into()));
        assert_eq!(subjects(&mut client, below.handle), ["m"]);
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.7.1: R183, R184
    /// MS-OXCFOLD 2.2.1.8.1: R212, R213
    fn new_names_come_in_both_widths(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let made = folder(&mut client, INBOX, "one");
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        let top = client.open_folder(TOP).expect("the top");
        let narrow = || Text::Bytes(mapi::text::String8(b"n\xe4me".to_vec()));
        assert_eq!(move_folder(&mut client, (inbox, top), made.id, narrow()), Ok(false));
        assert_eq!(client.get(made.handle, tags::DISPLAY_NAME), Ok("näme".into()));
        let pair = (top, inbox);
        assert_eq!(copy_folder(&mut client, pair, made.id, false, narrow()), Ok(false));
        assert!(child(&mut client, inbox, "näme").is_some());
        assert_eq!(copy_folder(&mut client, pair, made.id, false, wide("wide ä")), Ok(false));
        assert!(child(&mut client, inbox, "wide ä").is_some());
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.7.2: R188, R190
    /// MS-OXCFOLD 3.2.5.7: R600, R602
    fn a_folder_is_moved_between_folders(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let made = folder(&mut client, INBOX, "one");
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        let top = client.open_folder(TOP).expect("the top");
        let missing = FolderId::own(0xffff);
        let moved = move_folder(&mut client, (inbox, top), missing, wide("x"));
        assert_eq!(moved, Err(NOT_FOUND));
        let logon = client.logon;
        for pair in [(logon, top), (inbox, logon)] {
            let moved = move_folder(&mut client, pair, made.id, wide("x"));
            assert_eq!(moved, Err(NOT_SUPPORTED));
        }
        assert_eq!(move_folder(&mut client, (inbox, top), made.id, wide("x")), Ok(false));
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.8: R196, R198, R19701
    /// MS-OXCFOLD 2.2.1.8.1: R211, R214
    fn a_folder_is_copied_without_those_in_it(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let made = folder(&mut client, INBOX, "one");
        folder(&mut client, made.id, "below");
        post(&mut client, made.id, "m");
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        let pair = (inbox, inbox);
        assert_eq!(copy_folder(&mut client, pair, made.id, false, wide("two")), Ok(false));
        let copy = child(&mut client, inbox, "two").expect("the copy");
        assert_eq!(subjects(&mut client, copy), ["m"]);
        assert_eq!(child(&mut client, copy, "below"), None);
        assert_eq!(subjects(&mut client, made.handle), ["m"]);
        Ok(())
    }

    /// MS-OXCFOLD 3.2.5.8: R605, R1122
    /// MS-OXCFOLD 2.2.1.8.1: R210
    /// MS-OXCFOLD 3.1.4.7: R428, R429
    fn a_folder_is_copied_with_those_in_it(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let made = folder(&mut client, INBOX, "one");
        let below = folder(&mut client, made.id, "below");
        let low = folder(&mut client, below.id, "low");
        for (at, name) in [(made.id, "m1"), (below.id, "m2"), (low.id, "m3")] {
            post(&mut client, at, name);
        }
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        let pair = (inbox, inbox);
        assert_eq!(copy_folder(&mut client, pair, made.id, true, wide("two")), Ok(false));
        let mut at = child(&mut client, inbox, "two").expect("the copy");
        for (subject, next) in [("m1", "below"), ("m2", "low"), ("m3", "")] {
            assert_eq!(subjects(&mut client, at), [subject]);
            at = child(&mut client, at, next).unwrap_or(at);
        }
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.8.2: R217, R219
    /// MS-OXCFOLD 3.2.5.8: R612, R614
    fn a_folder_is_copied_between_folders(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let made = folder(&mut client, INBOX, "one");
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        let missing = FolderId::own(0xffff);
        let copied = copy_folder(&mut client, (inbox, inbox), missing, true, wide("x"));
        assert_eq!(copied, Err(NOT_FOUND));
        let logon = client.logon;
        for pair in [(logon, inbox), (inbox, logon)] {
            let copied = copy_folder(&mut client, pair, made.id, true, wide("x"));
            assert_eq!(copied, Err(NOT_SUPPORTED));
        }
        assert_eq!(copy_folder(&mut client, (inbox, inbox), made.id, true, wide("x")), Ok(false));
        Ok(())
    }

    /// MS-OXCFOLD 3.1.4.6: R420, R423, R424, R421
    fn moving_is_done_when_it_is_answered(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let made = folder(&mut client, INBOX, "one");
        let ids: Vec<MessageId> = (0..20).map(|_| post(&mut client, INBOX, "m")).collect();
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        let top = client.open_folder(TOP).expect("the top");
        assert_eq!(move_copy(&mut client, (inbox, made.handle), &ids, false), Ok(false));
        assert_eq!(get_int(&mut client, made.handle, tags::CONTENT_COUNT), 20);
        assert_eq!(move_folder(&mut client, (inbox, top), made.id, wide("one")), Ok(false));
        let moved = child(&mut client, top, "one").expect("the folder");
        assert_eq!(get_int(&mut client, moved, tags::CONTENT_COUNT), 20);
        Ok(())
    }

    /// A second logon of the same session: what is named by its handles is in another mailbox.
    ///
    /// MS-OXCFOLD 3.2.5.6: R587
    /// MS-OXCFOLD 3.2.5.7: R597
    /// MS-OXCFOLD 3.2.5.8: R609
    fn copies_go_to_another_logon(rig: &Rig) -> Result {
        let mut client = rig.client(testsuite::rig::DELEGATE)?;
        let own = client.logon;
        let inbox = client.open_folder(INBOX).expect("the own Inbox");
        let made = folder(&mut client, INBOX, "one");
        post(&mut client, made.id, "m1");
        let id = post(&mut client, INBOX, "m0");
        // The delegate has full access to the other mailbox.
        client.logon_id = mapi_rop::LogonId(1);
        let dn = rig.legacy_dn(ME)?;
        client.logon = client.log_on(&dn)?;
        let other = client.open_folder(INBOX).expect("the other Inbox");
        client.logon_id = mapi_rop::LogonId(0);
        client.logon = own;
        assert_eq!(move_copy(&mut client, (inbox, other), &[id], false), Ok(false));
        assert_eq!(subjects(&mut client, inbox), [""; 0]);
        let pair = (inbox, other);
        assert_eq!(copy_folder(&mut client, pair, made.id, true, wide("copy")), Ok(false));
        assert_eq!(move_folder(&mut client, pair, made.id, wide("moved")), Ok(false));
        assert_eq!(child(&mut client, inbox, "one"), None);
        let mut owner = rig.client(ME)?;
        let inbox = owner.open_folder(INBOX).expect("the Inbox");
        assert_eq!(subjects(&mut owner, inbox), ["m0"]);
        for name in ["copy", "moved"] {
            let at = child(&mut owner, inbox, name).expect(name);
            assert_eq!(subjects(&mut owner, at), ["m1"]);
        }
        Ok(())
    }
}
