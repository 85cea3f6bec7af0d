//! Return codes of [MS-OXCFOLD] 3.2.5 that need somebody else's rights, public folders, or a message that stays.

use mapi::RecipientRow;
use mapi_rop::folder::{EmptyFolderRequest, OpenFolderResponse};
use mapi_rop::irregular::{CopyFolderRequest, MoveFolderRequest};
use mapi_rop::message::SaveFlags;
use mapi_rop::parts::{Flagged, Text};
use mapi_rop::transport::SubmitFlags;
use mapi_rop::{Failure, LogonId};
use testsuite::on_both;
use testsuite::rig::{DELEGATE, ME, STRANGER};

use super::*;
use crate::omsg::{address, submit};
use crate::perm::{FOLDER_VISIBLE, grant, visitor};
use crate::stor::{administrator, make_folder};

const NOT_FOUND: ErrorCode = ErrorCode(0x8004_010f);
const ACCESS_DENIED: ErrorCode = ErrorCode(0x8007_0005);
const DUPLICATE_NAME: ErrorCode = ErrorCode(0x8004_0604);
const NOT_SEARCH_FOLDER: ErrorCode = ErrorCode(0x0000_0461);

fn no_name() -> Text {
    Text::Unicode("".into())
}

fn copy_folder(folder: FolderId) -> RopRequest {
    RopRequest::CopyFolder(CopyFolderRequest {
        want_asynchronous: false,
        want_recursive: true,
        folder,
        new_name: no_name(),
    })
}

fn move_folder(folder: FolderId) -> RopRequest {
    let new_name = no_name();
    RopRequest::MoveFolder(MoveFolderRequest { want_asynchronous: false, folder, new_name })
}

fn emptying(hard: bool) -> RopRequest {
    let request = EmptyFolderRequest { want_asynchronous: false, want_delete_associated: true };
    match hard {
        true => RopRequest::HardDeleteMessagesAndSubfolders(request),
        false => RopRequest::EmptyFolder(request),
    }
}

on_both! {
    /// MS-OXCFOLD 3.2.5.1: R470
    /// MS-OXCFOLD 3.2.5.3: R508, R503
    fn a_folder_that_is_not_visible_is_not_there(rig: &Rig) -> Result {
        let mut owner = rig.client(ME)?;
        let hidden = folder(&mut owner, TOP, "hidden");
        let shown = folder(&mut owner, TOP, "shown");
        grant(rig, TOP, FOLDER_VISIBLE)?;
        grant(rig, shown.id, FOLDER_VISIBLE)?;
        let mut client = visitor(rig)?;
        assert_eq!(client.open_folder(hidden.id), Err(NOT_FOUND));
        let top = client.open_folder(TOP)?;
        assert_eq!(delete(&mut client, top, hidden.id, 5), Err(NOT_FOUND));
        assert_eq!(delete(&mut client, top, shown.id, 5), Err(ACCESS_DENIED));
        for (body, named) in [(copy_folder(hidden.id), "copy"), (move_folder(hidden.id), "move")] {
            let answer = client.call_two(top, top, body);
            assert_eq!(answer.map(drop), Err(NOT_FOUND), "{named}");
        }
        assert_eq!(owner.get(hidden.handle, tags::DISPLAY_NAME), Ok("hidden".into()));
        Ok(())
    }

    /// MS-OXCFOLD 3.2.5.2: R489
    /// MS-OXCFOLD 6: R106601
    fn who_may_not_make_folders_is_told_so(rig: &Rig) -> Result {
        grant(rig, INBOX, FOLDER_VISIBLE)?;
        let mut client = visitor(rig)?;
        let inbox = client.open_folder(INBOX)?;
        for existing in [false, true] {
            let made = client.open(inbox, create(FolderType::Generic, "x", existing));
            assert_eq!(made, Err(ACCESS_DENIED), "OpenExisting {existing}");
        }
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.2.2: R61
    /// MS-OXCFOLD 6: R60001
    fn a_public_folder_that_is_there_is_opened_as_if_it_were_new(rig: &Rig) -> Result {
        let (mut client, logon) = administrator(rig)?;
        let (one, _) = make_folder(&mut client, "one")?;
        let top = client.open_folder(logon.folders.0[1])?;
        let mut open = |name, existing| {
            match client.call(top, create(FolderType::Generic, name, existing))? {
                RopResponse::CreateFolder(answer) => Ok((answer.folder, answer.existing)),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(open("one", true), Ok((one, Flagged(None))));
        assert_eq!(open("one", false), Err(DUPLICATE_NAME));
        let (two, told) = open("two", true)?;
        assert_ne!(two, one);
        assert_eq!(told, Flagged(None));
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.1: R90002
    /// MS-OXCFOLD 2.2.1.1.2: R29
    fn a_public_folder_is_opened_and_not_ghosted(rig: &Rig) -> Result {
        let (mut client, logon) = administrator(rig)?;
        let (one, _) = make_folder(&mut client, "one")?;
        let top = client.open_folder(logon.folders.0[1])?;
        let body = mapi_rop::folder::OpenFolderRequest {
            folder: one,
            flags: mapi_rop::folder::OpenFolderFlags::NONE,
        };
        let answer = client.call(top, RopRequest::OpenFolder(body));
        let told = OpenFolderResponse { has_rules: false, ghosted: Flagged(None) };
        assert_eq!(answer, Ok(RopResponse::OpenFolder(told)));
        Ok(())
    }

    /// MS-OXCFOLD 6: R97501001, R98301001
    fn public_folders_are_not_emptied(rig: &Rig) -> Result {
        let (mut client, _) = administrator(rig)?;
        let (id, handle) = make_folder(&mut client, "one")?;
        post(&mut client, id, "m");
        for hard in [false, true] {
            assert_eq!(client.call(handle, emptying(hard)).map(drop), Err(NOT_SUPPORTED), "{hard}");
        }
        assert_eq!(subjects(&mut client, handle), ["m"]);
        Ok(())
    }

    /// MS-OXCFOLD 6: R19702001, R19703001
    fn public_folders_are_not_copied(rig: &Rig) -> Result {
        let (mut client, logon) = administrator(rig)?;
        let (id, _) = make_folder(&mut client, "one")?;
        let (_, target) = make_folder(&mut client, "two")?;
        let top = client.open_folder(logon.folders.0[1])?;
        let refused = client.call_two(top, target, copy_folder(id)).map(drop);
        assert_eq!(refused, Err(NOT_SUPPORTED));
        // Nor to and from a mailbox.
        let public = client.logon;
        client.logon_id = LogonId(1);
        client.logon = client.log_on(&rig.legacy_dn(ME)?)?;
        let made = folder(&mut client, INBOX, "private");
        let inbox = client.open_folder(INBOX)?;
        let refused = client.call_two(inbox, target, copy_folder(made.id)).map(drop);
        assert_eq!(refused, Err(NOT_SUPPORTED));
        (client.logon_id, client.logon) = (LogonId(0), public);
        let refused = client.call_two(top, inbox, copy_folder(id)).map(drop);
        assert_eq!(refused, Err(NOT_SUPPORTED));
        let below = client.hierarchy(target, TableFlags::USE_UNICODE);
        assert_eq!(column(&mut client, below, tags::DISPLAY_NAME), []);
        Ok(())
    }

    /// MS-OXCFOLD 3.2.5.4: R575, R570
    /// MS-OXCFOLD 3.2.5.5: R580
    fn public_folders_have_no_criteria(rig: &Rig) -> Result {
        let (mut client, _) = administrator(rig)?;
        let (id, handle) = make_folder(&mut client, "one")?;
        let any = Some(Restriction::Exist { tag: tags::SUBJECT });
        let deep = set_criteria(&mut client, handle, any.clone(), &[id], SearchFlags::RECURSIVE);
        assert_eq!(deep, Err(NOT_SUPPORTED));
        let (_, other) = make_folder(&mut client, "two")?;
        let flat = set_criteria(&mut client, other, any, &[id], SearchFlags::SHALLOW);
        assert_eq!(flat, Err(NOT_SEARCH_FOLDER));
        let get = get_criteria(&mut client, handle, (true, true, true));
        assert_eq!(get, Err(NOT_SEARCH_FOLDER));
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.7.2: R2191
    /// MS-OXCFOLD 3.2.5.7: R1114
    fn what_stays_is_told_when_a_folder_is_moved(rig: &Rig) -> Result {
        let mut client = rig.client(DELEGATE)?;
        let own = client.logon;
        let inbox = client.open_folder(INBOX)?;
        let made = folder(&mut client, INBOX, "one");
        post(&mut client, made.id, "goes");
        // What waits to be sent stays in its mailbox.
        let message = client.create_message(made.id, false)?;
        client.set(message, tags::SUBJECT, "stays")?;
        let to = RecipientRow::smtp(STRANGER, STRANGER, mapi::PropertyRow::Standard(vec![]));
        address(&mut client, message, vec![(1, to)])?;
        client.save(message, SaveFlags::KEEP_OPEN_READ_WRITE)?;
        submit(&mut client, message, SubmitFlags::NEEDS_SPOOLER)?;
        client.logon_id = LogonId(1);
        client.logon = client.log_on(&rig.legacy_dn(ME)?)?;
        let other = client.open_folder(INBOX)?;
        (client.logon_id, client.logon) = (LogonId(0), own);
        match client.call_two(inbox, other, move_folder(made.id))? {
            (RopResponse::MoveFolder(answer), _) => assert!(answer.partial_completion),
            other => panic!("{other:?}"),
        }
        assert_eq!(subjects(&mut client, made.handle), ["stays"]);
        Ok(())
    }

    /// MS-OXCFOLD 3.2.5.7: R599, R601
    /// MS-OXCFOLD 3.2.5.8: R611, R613
    fn a_failed_move_or_copy_of_a_folder_tells_nothing_in_part(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(INBOX)?;
        let logon = client.logon;
        let absent = FolderId::own(0xffff);
        for (body, from, code) in [
            (move_folder(absent), inbox, NOT_FOUND),
            (copy_folder(absent), inbox, NOT_FOUND),
            (move_folder(INBOX), logon, NOT_SUPPORTED),
            (copy_folder(INBOX), logon, NOT_SUPPORTED),
        ] {
            let id = body.id();
            let answer = client.respond(from, inbox, body);
            let RopResponse::Failed(Failure { code: told, .. }) = &answer.body else {
                panic!("{answer:?}")
            };
            assert_eq!((*told, answer.body.id()), (code, id));
        }
        Ok(())
    }
}
