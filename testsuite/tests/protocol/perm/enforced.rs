//! What a delegate may do in somebody else's mailbox: [MS-OXCPERM] 2.2.7, 3.2.4.1.

use mapi::{ErrorCode, FolderId, MessageId, PropertyValue, TaggedValue, tags};
use mapi_rop::folder::{
    CreateFolderResponse, DeleteFolderFlags, DeleteFolderRequest, DeleteMessagesRequest,
    EmptyFolderRequest, FolderType, MoveCopyMessagesRequest, PartialCompletionResponse, TableFlags,
};
use mapi_rop::irregular::LogonResponse;
use mapi_rop::irregular::{
    CreateFolderRequest, FolderTexts, NotificationScope, RegisterNotificationRequest,
};
use mapi_rop::logon::{LogonRequest, LogonResponseFlags};
use mapi_rop::message::{OpenMessageFlags, ReadFlags, SaveFlags, SetReadFlagsRequest};
use mapi_rop::notification::NotificationFlags;
use mapi_rop::permission::{ModifyPermissionsFlags as Modify, PermissionsTableFlags as Table};
use mapi_rop::{RopRequest, RopResponse};
use store::SpecialFolder;
use testsuite::on_both;
use testsuite::rig::{DELEGATE, ME, STRANGER};

use super::*;
use crate::omsg;

const INBOX: FolderId = SpecialFolder::Inbox.id();
const DENIED: ErrorCode = ErrorCode::ACCESS_DENIED;

fn subject(text: &str) -> Vec<TaggedValue> {
    vec![TaggedValue::new(tags::SUBJECT, text)]
}

/// A message in the Inbox that its owner made.
fn owners_message(rig: &Rig) -> Result<MessageId> {
    Ok(rig.client(ME)?.post(INBOX, &subject("of the owner"))?)
}

/// A message in the Inbox that STRANGER made while he could.
fn own_message(rig: &Rig) -> Result<MessageId> {
    grant(rig, INBOX, CREATE | FOLDER_VISIBLE)?;
    Ok(visitor(rig)?.post(INBOX, &subject("of the stranger"))?)
}

fn delete(client: &mut Client, ids: &[MessageId]) -> Answer<bool> {
    let inbox = client.open_folder(INBOX)?;
    let request = DeleteMessagesRequest {
        want_asynchronous: false,
        notify_non_read: false,
        messages: Counted::from(ids.to_vec()),
    };
    match client.call(inbox, RopRequest::DeleteMessages(request))? {
        RopResponse::DeleteMessages(PartialCompletionResponse { partial_completion }) => {
            Ok(partial_completion)
        }
        other => panic!("{other:?}"),
    }
}

fn move_to(client: &mut Client, ids: &[MessageId], to: FolderId, copy: bool) -> Answer<bool> {
    let (from, to) = (client.open_folder(INBOX)?, client.open_folder(to)?);
    let request = MoveCopyMessagesRequest {
        messages: Counted::from(ids.to_vec()),
        want_asynchronous: false,
        want_copy: copy,
    };
    match client.call_two(from, to, RopRequest::MoveCopyMessages(request))?.0 {
        RopResponse::MoveCopyMessages(answer) => Ok(answer.partial_completion),
        other => panic!("{other:?}"),
    }
}

fn edit(client: &mut Client, id: MessageId) -> Answer<()> {
    let message = client.open_message(INBOX, id, OpenMessageFlags::READ_WRITE)?;
    client.set(message, tags::SUBJECT, "changed")?;
    client.save(message, SaveFlags::NONE).map(drop)
}

fn create_folder(client: &mut Client, parent: FolderId, name: &str) -> Answer<FolderId> {
    let parent = client.open_folder(parent)?;
    let request = CreateFolderRequest {
        folder_type: FolderType::Generic,
        open_existing: false,
        reserved: 0,
        texts: FolderTexts::Unicode { display_name: name.into(), comment: "".into() },
    };
    match client.call(parent, RopRequest::CreateFolder(request))? {
        RopResponse::CreateFolder(CreateFolderResponse { folder, .. }) => Ok(folder),
        other => panic!("{other:?}"),
    }
}

fn delete_folder(client: &mut Client, parent: FolderId, folder: FolderId) -> Answer<()> {
    let parent = client.open_folder(parent)?;
    let flags = DeleteFolderFlags::DEL_MESSAGES | DeleteFolderFlags::DEL_FOLDERS;
    let body = RopRequest::DeleteFolder(DeleteFolderRequest { flags, folder });
    client.call(parent, body).map(drop)
}

/// How many rows the contents table of the Inbox has.
fn visible(client: &mut Client) -> Answer<usize> {
    let inbox = client.open_folder(INBOX)?;
    let table = client.contents(inbox, TableFlags::NONE)?;
    client.set_columns(table, &[tags::SUBJECT])?;
    Ok(client.query_rows(table, 100)?.rows.len())
}

on_both! {
    /// MS-OXCPERM 3.2.4.1: R173, R1192, R2016
    fn a_stranger_logs_on_where_a_folder_grants_him_something(rig: &Rig) -> Result {
        let mut client = rig.bare_client(STRANGER)?;
        let dn = rig.legacy_dn(ME)?;
        assert_eq!(client.log_on(&dn), Err(ErrorCode::LOGIN_FAILURE));
        grant(rig, INBOX, FOLDER_VISIBLE)?;
        let (answer, logon) = client.log_on_with(LogonRequest::mailbox_of(&dn))?;
        let RopResponse::Logon(LogonResponse::Private(answer)) = answer else { panic!() };
        assert_eq!(answer.response_flags, LogonResponseFlags::RESERVED, "neither owner nor sender");
        client.logon = logon;
        client.open_folder(INBOX)?;
        assert_eq!(
            client.open_folder(SpecialFolder::Drafts.id()),
            Err(ErrorCode::NOT_FOUND),
            "MS-OXCFOLD R470"
        );
        // Taken back, and the handle that he has does not help him.
        let mut client = visitor(rig)?;
        let inbox = client.open_folder(INBOX)?;
        grant(rig, INBOX, 0)?;
        assert_eq!(client.contents(inbox, TableFlags::NONE), Err(DENIED));
        assert_eq!(client.open_folder(INBOX), Err(ErrorCode::NOT_FOUND));
        Ok(())
    }

    /// MS-OXCPERM 3.2.4.1: R175, R176
    fn an_entry_holds_before_the_default(rig: &Rig) -> Result {
        let id = owners_message(rig)?;
        let mut owner = rig.client(ME)?;
        let inbox = owner.open_folder(INBOX)?;
        let everybody = change(
            mapi_rop::permission::PermissionDataFlags::MODIFY_ROW,
            vec![member(0), rights(READ_ANY | FOLDER_VISIBLE)],
        );
        modify(&mut owner, inbox, Modify::NONE, vec![everybody])?;
        let mut stranger = visitor(rig)?;
        stranger.open_message(INBOX, id, OpenMessageFlags::NONE)?;
        grant(rig, INBOX, FOLDER_VISIBLE)?;
        let refused = stranger.open_message(INBOX, id, OpenMessageFlags::NONE);
        assert_eq!(refused, Err(DENIED));
        Ok(())
    }

    /// MS-OXCPERM 3.2.4.1: R2005, R2010
    fn the_entry_of_anonymous_users_lets_nobody_in(rig: &Rig) -> Result {
        let mut owner = rig.client(ME)?;
        let inbox = owner.open_folder(INBOX)?;
        let row = change(
            mapi_rop::permission::PermissionDataFlags::MODIFY_ROW,
            vec![member(-1), rights(READ_ANY | FOLDER_VISIBLE)],
        );
        modify(&mut owner, inbox, Modify::NONE, vec![row])?;
        let rows = list(&mut owner, inbox, mapi_rop::permission::PermissionsTableFlags::NONE)?;
        assert_eq!((rows[1].id, rows[1].rights), (-1, READ_ANY | FOLDER_VISIBLE));
        let refused = rig.bare_client(STRANGER)?.log_on(&rig.legacy_dn(ME)?);
        assert_eq!(refused, Err(ErrorCode::LOGIN_FAILURE));
        Ok(())
    }

    /// MS-OXCPERM 2.2.7: R143, R144
    fn reading_what_others_made_needs_read_any(rig: &Rig) -> Result {
        let theirs = owners_message(rig)?;
        let own = own_message(rig)?;
        let mut stranger = visitor(rig)?;
        let open = |client: &mut Client, id| client.open_message(INBOX, id, OpenMessageFlags::NONE);
        assert_eq!(open(&mut stranger, theirs), Err(DENIED));
        open(&mut stranger, own)?;
        assert_eq!(visible(&mut stranger)?, 1, "only his own row");
        grant(rig, INBOX, READ_ANY | FOLDER_VISIBLE)?;
        open(&mut stranger, theirs)?;
        assert_eq!(visible(&mut stranger)?, 2);
        Ok(())
    }

    /// MS-OXCPERM 2.2.7: R144
    fn a_table_of_everything_shows_nothing_when_the_right_is_gone(rig: &Rig) -> Result {
        owners_message(rig)?;
        grant(rig, INBOX, READ_ANY | FOLDER_VISIBLE)?;
        let mut stranger = visitor(rig)?;
        let inbox = stranger.open_folder(INBOX)?;
        let table = stranger.contents(inbox, TableFlags::NONE)?;
        stranger.set_columns(table, &[tags::SUBJECT])?;
        grant(rig, INBOX, FOLDER_VISIBLE)?;
        assert_eq!(stranger.query_rows(table, 10).err(), Some(DENIED));
        Ok(())
    }

    /// MS-OXCPERM 2.2.7: R140, R141
    fn new_messages_need_create(rig: &Rig) -> Result {
        grant(rig, INBOX, READ_ANY | FOLDER_VISIBLE)?;
        let mut stranger = visitor(rig)?;
        assert_eq!(stranger.create_message(INBOX, false), Err(DENIED));
        own_message(rig)?;
        let message = stranger.create_message(INBOX, false)?;
        stranger.set(message, tags::SUBJECT, "new")?;
        // What belongs to the folder itself is its owner's.
        assert_eq!(stranger.create_message(INBOX, true), Err(DENIED));
        // The right is asked for when the message comes into the folder.
        grant(rig, INBOX, FOLDER_VISIBLE)?;
        assert_eq!(stranger.save(message, SaveFlags::NONE), Err(DENIED));
        let there = rig.client(ME)?.messages(INBOX)?;
        assert_eq!(omsg::subjects(&there), ["of the stranger"]);
        Ok(())
    }

    /// MS-OXCPERM 2.2.7: R131, R132
    fn ones_own_messages_are_changed_with_edit_owned(rig: &Rig) -> Result {
        let own = own_message(rig)?;
        let mut stranger = visitor(rig)?;
        assert_eq!(edit(&mut stranger, own), Err(DENIED));
        grant(rig, INBOX, EDIT_OWNED | FOLDER_VISIBLE)?;
        edit(&mut stranger, own)?;
        Ok(())
    }

    /// MS-OXCPERM 2.2.7: R124, R125
    fn messages_of_others_are_changed_with_edit_any(rig: &Rig) -> Result {
        let theirs = owners_message(rig)?;
        grant(rig, INBOX, READ_ANY | EDIT_OWNED | FOLDER_VISIBLE)?;
        let mut stranger = visitor(rig)?;
        assert_eq!(edit(&mut stranger, theirs), Err(DENIED));
        // The best access that there is: MS-OXCMSG R666.
        let message = stranger.open_message(INBOX, theirs, OpenMessageFlags::BEST_ACCESS)?;
        assert_eq!(stranger.get(message, tags::ACCESS_LEVEL)?, PropertyValue::Integer32(0));
        let inbox = stranger.open_folder(INBOX)?;
        let read = RopRequest::SetReadFlags(SetReadFlagsRequest {
            want_asynchronous: false,
            flags: ReadFlags::NONE,
            messages: Counted::from(vec![theirs]),
        });
        assert_eq!(stranger.call(inbox, read.clone()).err(), Some(DENIED));
        grant(rig, INBOX, READ_ANY | EDIT_ANY | FOLDER_VISIBLE)?;
        edit(&mut stranger, theirs)?;
        stranger.call(inbox, read)?;
        Ok(())
    }

    /// MS-OXCPERM 2.2.7: R132
    fn nobody_makes_a_message_his_own_by_saying_so(rig: &Rig) -> Result {
        let theirs = owners_message(rig)?;
        grant(rig, INBOX, READ_ANY | EDIT_ANY | DELETE_OWNED | FOLDER_VISIBLE)?;
        let mut stranger = visitor(rig)?;
        let message = stranger.open_message(INBOX, theirs, OpenMessageFlags::READ_WRITE)?;
        let _ = stranger.set(message, tags::CREATOR_ENTRY_ID, entry_id(rig, STRANGER)?);
        stranger.set(message, tags::SUBJECT, "mine")?;
        stranger.save(message, SaveFlags::NONE)?;
        assert_eq!(delete(&mut stranger, &[theirs]), Err(DENIED));
        Ok(())
    }

    /// MS-OXCPERM 2.2.7: R127, R128
    fn ones_own_messages_are_deleted_with_delete_owned(rig: &Rig) -> Result {
        let own = own_message(rig)?;
        let mut stranger = visitor(rig)?;
        assert_eq!(delete(&mut stranger, &[own]), Err(DENIED));
        grant(rig, INBOX, DELETE_OWNED | FOLDER_VISIBLE)?;
        assert!(!delete(&mut stranger, &[own])?);
        assert_eq!(visible(&mut rig.client(ME)?)?, 0);
        Ok(())
    }

    /// MS-OXCPERM 2.2.7: R121, R122
    fn messages_of_others_are_deleted_with_delete_any(rig: &Rig) -> Result {
        let theirs = owners_message(rig)?;
        let own = own_message(rig)?;
        grant(rig, INBOX, DELETE_OWNED | FOLDER_VISIBLE)?;
        let mut stranger = visitor(rig)?;
        // What may go goes, and the rest is told.
        assert!(delete(&mut stranger, &[theirs, own])?);
        assert_eq!(visible(&mut rig.client(ME)?)?, 1);
        let inbox = stranger.open_folder(INBOX)?;
        let empty = RopRequest::EmptyFolder(EmptyFolderRequest {
            want_asynchronous: false,
            want_delete_associated: false,
        });
        assert_eq!(stranger.call(inbox, empty.clone()).err(), Some(DENIED));
        grant(rig, INBOX, DELETE_ANY | FOLDER_VISIBLE)?;
        stranger.call(inbox, empty)?;
        assert_eq!(visible(&mut rig.client(ME)?)?, 0);
        Ok(())
    }

    /// MS-OXCPERM 3.2.4.1: R173, R1192
    fn moving_needs_the_rights_on_both_sides(rig: &Rig) -> Result {
        let theirs = owners_message(rig)?;
        let drafts = SpecialFolder::Drafts.id();
        grant(rig, drafts, FOLDER_VISIBLE)?;
        grant(rig, INBOX, READ_ANY | FOLDER_VISIBLE)?;
        let mut stranger = visitor(rig)?;
        assert_eq!(move_to(&mut stranger, &[theirs], drafts, true), Err(DENIED));
        grant(rig, drafts, CREATE | FOLDER_VISIBLE)?;
        assert!(!move_to(&mut stranger, &[theirs], drafts, true)?);
        assert_eq!(move_to(&mut stranger, &[theirs], drafts, false), Err(DENIED));
        grant(rig, INBOX, READ_ANY | DELETE_ANY | FOLDER_VISIBLE)?;
        assert!(!move_to(&mut stranger, &[theirs], drafts, false)?);
        assert_eq!(visible(&mut rig.client(ME)?)?, 0);
        Ok(())
    }

    /// MS-OXCPERM 2.2.7: R118, R119
    fn folders_are_made_with_create_subfolder(rig: &Rig) -> Result {
        grant(rig, INBOX, FOLDER_VISIBLE)?;
        let mut stranger = visitor(rig)?;
        assert_eq!(create_folder(&mut stranger, INBOX, "sub"), Err(DENIED), "MS-OXCFOLD R106601");
        grant(rig, INBOX, CREATE_SUBFOLDER | FOLDER_VISIBLE)?;
        let sub = create_folder(&mut stranger, INBOX, "sub")?;
        // Who made it has all rights in it.
        let folder = stranger.open_folder(sub)?;
        assert_eq!(stranger.get(folder, tags::RIGHTS)?, PropertyValue::Integer32(0x7fb));
        delete_folder(&mut stranger, INBOX, sub)?;
        Ok(())
    }

    /// MS-OXCPERM 3.2.4.1: R175
    fn a_new_folder_has_the_permissions_of_its_parent(rig: &Rig) -> Result {
        grant(rig, INBOX, READ_ANY | FOLDER_VISIBLE)?;
        let mut owner = rig.client(ME)?;
        let sub = create_folder(&mut owner, INBOX, "sub")?;
        let other = create_folder(&mut owner, SpecialFolder::Drafts.id(), "other")?;
        let mut stranger = visitor(rig)?;
        stranger.open_folder(sub)?;
        assert_eq!(stranger.open_folder(other), Err(ErrorCode::NOT_FOUND));
        // They are its own from then on.
        grant(rig, INBOX, FOLDER_VISIBLE)?;
        let folder = stranger.open_folder(sub)?;
        assert_eq!(stranger.get(folder, tags::RIGHTS)?, PropertyValue::Integer32(0x401));
        Ok(())
    }

    /// MS-OXCPERM 2.2.7: R115, R116
    /// MS-OXCPERM 3.2.5.2: R180, R181
    /// MS-OXCPERM 6: R115002
    fn a_folder_is_changed_by_its_owners(rig: &Rig) -> Result {
        let reader = READ_ANY | FOLDER_VISIBLE;
        grant(rig, INBOX, reader)?;
        let mut stranger = visitor(rig)?;
        let inbox = stranger.open_folder(INBOX)?;
        let row = add(&entry_id(rig, DELEGATE)?, READ_ANY);
        let set = |client: &mut Client| client.set(inbox, tags::COMMENT, "a comment");
        assert_eq!(set(&mut stranger), Err(DENIED));
        let refused = modify(&mut stranger, inbox, Modify::NONE, vec![row.clone()]);
        assert_eq!(refused, Err(DENIED));
        grant(rig, INBOX, reader | FOLDER_OWNER)?;
        set(&mut stranger)?;
        modify(&mut stranger, inbox, Modify::NONE, vec![row])?;
        assert_eq!(list(&mut stranger, inbox, Table::NONE)?.len(), 4);
        // The mailbox itself stays its owner's.
        let logon = stranger.logon;
        assert_eq!(stranger.set(logon, tags::COMMENT, "mine"), Err(DENIED));
        Ok(())
    }

    /// MS-OXCPERM 2.2.7: R103, R1120
    /// MS-OXCPERM 3.2.5.1: R177, R179, R2007
    fn the_list_is_shown_to_those_who_see_the_folder(rig: &Rig) -> Result {
        grant(rig, INBOX, FOLDER_VISIBLE)?;
        let mut stranger = visitor(rig)?;
        let inbox = stranger.open_folder(INBOX)?;
        assert_eq!(list(&mut stranger, inbox, Table::NONE)?.len(), 3);
        grant(rig, INBOX, 0)?;
        let table = table(&mut stranger, inbox, Table::NONE)?;
        stranger.set_columns(table, &COLUMNS)?;
        assert_eq!(stranger.query_rows(table, 10).err(), Some(DENIED));
        Ok(())
    }

    /// MS-OXCPERM 2.2.7: R103
    fn a_folder_that_is_not_visible_is_in_no_table(rig: &Rig) -> Result {
        let top = SpecialFolder::IpmSubtree.id();
        grant(rig, top, FOLDER_VISIBLE)?;
        grant(rig, INBOX, FOLDER_VISIBLE | CREATE)?;
        let mut stranger = visitor(rig)?;
        let folder = stranger.open_folder(top)?;
        let table = stranger.hierarchy(folder, TableFlags::NONE)?;
        let columns = [tags::DISPLAY_NAME, tags::RIGHTS, tags::ACCESS];
        stranger.set_columns(table, &columns)?;
        let rows = stranger.query_rows(table, 100)?.rows;
        let name = rows[0].value(0).and_then(|value| value.as_text().cloned());
        assert_eq!((rows.len(), name), (1, Some("Inbox".into())));
        assert_eq!(rows[0].value(1), Some(&PropertyValue::Integer32(0x402)));
        assert_eq!(rows[0].value(2), Some(&PropertyValue::Integer32(0x12)));
        // The table follows what is granted.
        grant(rig, SpecialFolder::Drafts.id(), FOLDER_VISIBLE)?;
        let again = stranger.hierarchy(folder, TableFlags::NONE)?;
        stranger.set_columns(again, &columns)?;
        assert_eq!(stranger.query_rows(again, 100)?.rows.len(), 2);
        let mut owner = rig.client(ME)?;
        let folder = owner.open_folder(top)?;
        let table = owner.hierarchy(folder, TableFlags::NONE)?;
        owner.set_columns(table, &columns)?;
        assert!(owner.query_rows(table, 100)?.rows.len() > 5);
        Ok(())
    }

    /// MS-OXCPERM 2.2.7: R87
    fn rights_and_access_are_told_as_they_are(rig: &Rig) -> Result {
        let theirs = owners_message(rig)?;
        let own = own_message(rig)?;
        grant(rig, INBOX, READ_ANY | EDIT_OWNED | DELETE_OWNED | FOLDER_VISIBLE)?;
        let mut stranger = visitor(rig)?;
        let inbox = stranger.open_folder(INBOX)?;
        assert_eq!(stranger.get(inbox, tags::RIGHTS)?, PropertyValue::Integer32(0x419));
        assert_eq!(stranger.get(inbox, tags::ACCESS)?, PropertyValue::Integer32(0x02));
        assert_eq!(stranger.get(inbox, tags::ACCESS_LEVEL)?, PropertyValue::Integer32(0));
        for (id, access) in [(theirs, 2), (own, 7)] {
            let message = stranger.open_message(INBOX, id, OpenMessageFlags::NONE)?;
            assert_eq!(stranger.get(message, tags::ACCESS)?, PropertyValue::Integer32(access));
        }
        let mut owner = rig.client(ME)?;
        let inbox = owner.open_folder(INBOX)?;
        assert_eq!(owner.get(inbox, tags::RIGHTS)?, PropertyValue::Integer32(0x7fb));
        assert_eq!(owner.get(inbox, tags::ACCESS)?, PropertyValue::Integer32(0x3f));
        Ok(())
    }

    /// MS-OXCPERM 3.2.4.1: R1192
    fn events_of_the_whole_store_are_not_for_delegates(rig: &Rig) -> Result {
        grant(rig, INBOX, FOLDER_VISIBLE)?;
        let mut stranger = visitor(rig)?;
        let register = |scope| {
            RopRequest::RegisterNotification(RegisterNotificationRequest {
                types: NotificationFlags::OBJECT_CREATED,
                reserved: 0,
                scope,
            })
        };
        let logon = stranger.logon;
        let whole = register(NotificationScope::WholeStore);
        assert_eq!(stranger.call(logon, whole).err(), Some(DENIED));
        let hidden = NotificationScope::Object {
            folder: SpecialFolder::Drafts.id(),
            message: MessageId::NONE,
        };
        assert_eq!(stranger.call(logon, register(hidden)).err(), Some(DENIED));
        Ok(())
    }

    /// MS-OXCPERM 3.2.4.1: R173
    fn full_access_is_not_asked_of_folders(rig: &Rig) -> Result {
        let theirs = owners_message(rig)?;
        let mut delegate = rig.bare_client(DELEGATE)?;
        delegate.logon = delegate.log_on(&rig.legacy_dn(ME)?)?;
        edit(&mut delegate, theirs)?;
        let inbox = delegate.open_folder(INBOX)?;
        assert_eq!(delegate.get(inbox, tags::RIGHTS)?, PropertyValue::Integer32(0x7fb));
        assert!(!super::enforced::delete(&mut delegate, &[theirs])?);
        Ok(())
    }

    /// MS-OXCPRPT 2.2.1.1: R16, R17
    /// MS-OXCPRPT 2.2.1.2: R27, R28
    fn rows_tell_the_access_that_the_user_has(rig: &Rig) -> Result {
        let theirs = owners_message(rig)?;
        let own = own_message(rig)?;
        grant(rig, INBOX, READ_ANY | EDIT_OWNED | FOLDER_VISIBLE)?;
        let mut stranger = visitor(rig)?;
        let told = |client: &mut Client| -> Answer<Vec<(i64, i32, i32)>> {
            let inbox = client.open_folder(INBOX)?;
            let table = client.contents(inbox, TableFlags::NONE)?;
            client.set_columns(table, &[tags::MID, tags::ACCESS, tags::ACCESS_LEVEL])?;
            let rows = client.query_rows(table, 10)?.rows;
            let row = |row: &mapi::PropertyRow| {
                let Some(PropertyValue::Integer64(id)) = row.value(0) else { panic!("{row:?}") };
                let number = |at| row.value(at).and_then(PropertyValue::as_i32).expect("a number");
                (*id, number(1), number(2))
            };
            let mut told: Vec<_> = rows.iter().map(row).collect();
            told.sort_unstable();
            Ok(told)
        };
        let (theirs_id, own_id) = (theirs.to_i64(), own.to_i64());
        // Read, and of one's own modify.
        let expected = |a: (i64, i32, i32), b| {
            let mut rows = vec![a, b];
            rows.sort_unstable();
            Ok(rows)
        };
        assert_eq!(told(&mut stranger), expected((theirs_id, 2, 0), (own_id, 3, 1)));
        grant(rig, INBOX, READ_ANY | EDIT_ANY | DELETE_ANY | FOLDER_VISIBLE)?;
        assert_eq!(told(&mut stranger), expected((theirs_id, 7, 1), (own_id, 7, 1)));
        let mut owner = rig.client(ME)?;
        assert_eq!(told(&mut owner), expected((theirs_id, 7, 1), (own_id, 7, 1)));
        Ok(())
    }

    /// MS-OXCPERM 2.2.7: R87
    /// MS-OXCPRPT 2.2.1.2: R28
    fn an_open_message_tells_access_by_right_and_level_by_mode(rig: &Rig) -> Result {
        let theirs = owners_message(rig)?;
        grant(rig, INBOX, READ_ANY | EDIT_ANY | FOLDER_VISIBLE)?;
        let mut stranger = visitor(rig)?;
        for (mode, level) in [(OpenMessageFlags::NONE, 0), (OpenMessageFlags::READ_WRITE, 1)] {
            let message = stranger.open_message(INBOX, theirs, mode)?;
            assert_eq!(stranger.get(message, tags::ACCESS)?, PropertyValue::Integer32(3));
            assert_eq!(stranger.get(message, tags::ACCESS_LEVEL)?, PropertyValue::Integer32(level));
        }
        let inbox = stranger.open_folder(INBOX)?;
        for (granted, rights, access, level) in [
            (READ_ANY | FOLDER_VISIBLE, 0x401, 0x02, 0),
            (FOLDER_OWNER | FOLDER_VISIBLE, 0x500, 0x27, 1),
        ] {
            grant(rig, INBOX, granted)?;
            for (tag, told) in
                [(tags::RIGHTS, rights), (tags::ACCESS, access), (tags::ACCESS_LEVEL, level)]
            {
                assert_eq!(stranger.get(inbox, tag)?, PropertyValue::Integer32(told), "{tag:?}");
            }
        }
        Ok(())
    }
}
