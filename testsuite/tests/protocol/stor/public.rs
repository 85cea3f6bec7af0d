//! Public folders ([MS-OXCSTOR] 2.2.1.1.4, 3.2.5.1.2): what a logon answers, who may do what, and whose read state
//! it is.

use mapi::{ErrorCode, FolderId, Guid, MessageId, PropertyValue, TaggedValue, tags};
use mapi_rop::Handle;
use mapi_rop::folder::TableFlags;
use mapi_rop::irregular::NotificationScope;
use mapi_rop::logon::{LogonFlags, LogonOpenFlags, LogonRequest};
use mapi_rop::message::{
    OpenMessageFlags, ReadFlags, ReadStatusChange, SaveFlags, SetMessageReadFlagRequest,
};
use mapi_rop::notification::NotificationFlags;
use mapi_rop::{RopRequest, RopResponse};
use store::PublicFolder;
use testsuite::on_both;
use testsuite::raw::{Answer, Client};
use testsuite::rig::{DELEGATE, ME, STRANGER};

use super::{administrator, make_folder, private, public, public_client};

/// Whether each message of a folder is read, in the order of their ids, as a table shows it.
fn read_states(client: &mut Client, folder: FolderId) -> Answer<Vec<bool>> {
    let folder = client.open_folder(folder)?;
    let table = client.contents(folder, TableFlags::NONE)?;
    client.set_columns(table, &[tags::MID, tags::MESSAGE_FLAGS])?;
    let rows = client.query_rows(table, 100)?;
    client.release(table);
    client.release(folder);
    let flags = |row: &mapi::PropertyRow| match row.value(1) {
        Some(PropertyValue::Integer32(flags)) => flags & 1 != 0,
        other => panic!("{other:?}"),
    };
    Ok(rows.rows.iter().map(flags).collect())
}

fn unread(client: &mut Client, folder: FolderId) -> Answer<PropertyValue> {
    let folder = client.open_folder(folder)?;
    let count = client.get(folder, tags::CONTENT_UNREAD_COUNT);
    client.release(folder);
    count
}

/// RopSetMessageReadFlag; what it says of a change.
fn set_read(
    client: &mut Client,
    folder: FolderId,
    message: MessageId,
    flags: ReadFlags,
) -> Answer<Option<ReadStatusChange>> {
    let object = client.open_message(folder, message, OpenMessageFlags::NONE)?;
    let client_data = Some([7; 24]);
    let body = RopRequest::SetMessageReadFlag(SetMessageReadFlagRequest { flags, client_data });
    let answer = client.call_two(object, client.logon, body);
    client.release(object);
    match answer?.0 {
        RopResponse::SetMessageReadFlag(answer) => Ok(answer.changed.0),
        other => panic!("{other:?}"),
    }
}

fn post(client: &mut Client, folder: FolderId, subject: &str) -> Answer<MessageId> {
    client.post(folder, &[TaggedValue::new(tags::SUBJECT, subject)])
}

on_both! {
    /// MS-OXCSTOR 2.2.1.1.4: R147, R59793
    /// MS-OXCSTOR 3.2.5.1.2: R841
    /// MS-OXCSTOR 6: R155
    fn the_folders_of_a_public_logon(rig: &Rig) -> Result {
        let (mut client, logon) = public_client(rig, STRANGER)?;
        let names = ["", "IPM_SUBTREE", "NON_IPM_SUBTREE", "EFORMS REGISTRY"];
        for (id, name) in logon.folders.0.iter().zip(names) {
            let folder = client.open_folder(*id)?;
            assert_eq!(client.get(folder, tags::DISPLAY_NAME)?, name.into());
        }
        assert!(logon.folders.0[4..].iter().all(|id| *id == FolderId::NONE));
        Ok(())
    }

    /// MS-OXCSTOR 2.2.1.1.4: R146, R1071, R148, R151, R1530001
    fn what_else_a_public_logon_tells(rig: &Rig) -> Result {
        let (_, logon) = public_client(rig, ME)?;
        assert_eq!(logon.flags, LogonFlags::NONE);
        assert_eq!(logon.replica.0, 1);
        assert_ne!(logon.replica_guid, Guid::NULL);
        assert_eq!(logon.per_user_guid, Guid::NULL);
        let mut client = rig.bare_client(DELEGATE)?;
        let mut request = LogonRequest::public();
        request.flags = LogonFlags::UNDERCOVER | LogonFlags::GHOSTED | LogonFlags::SPOOLER_PROCESS;
        let again = public(&mut client, request)?;
        assert_eq!(again.flags, LogonFlags::UNDERCOVER | LogonFlags::GHOSTED);
        assert_eq!(again.replica_guid, logon.replica_guid);
        Ok(())
    }

    /// MS-OXCSTOR 2.2.1.1.4: R149, R162
    /// MS-OXCSTOR 6: R163, R5979301
    fn the_replica_of_public_folders_is_no_mailboxs(rig: &Rig) -> Result {
        let (_, logon) = public_client(rig, ME)?;
        let mut client = rig.bare_client(ME)?;
        let mine = private(&mut client, LogonRequest::mailbox_of(&rig.legacy_dn(ME)?))?;
        assert_ne!(logon.replica_guid, mine.replica_guid);
        assert_eq!(logon.per_user_guid, Guid::NULL);
        assert_ne!(logon.folders.0[1], FolderId::NONE);
        Ok(())
    }

    /// MS-OXCSTOR 2.2.1.1.1: R93, R354, R3540, R107
    /// MS-OXCSTOR 6: R20024
    fn flags_that_change_nothing_in_a_public_logon(rig: &Rig) -> Result {
        let (mut client, expected) = public_client(rig, ME)?;
        let per_mdb = LogonOpenFlags::USE_PER_MDB_REPLID_MAPPING;
        let ignore = LogonOpenFlags::IGNORE_HOME_MDB;
        for (open_flags, flags) in [
            (per_mdb, LogonFlags::NONE),
            (ignore, LogonFlags::NONE),
            (ignore, LogonFlags::GHOSTED),
            (LogonOpenFlags::HOME_LOGON, LogonFlags::NONE),
            (LogonOpenFlags::NONE, LogonFlags::GHOSTED),
        ] {
            let mut request = LogonRequest::public();
            request.flags = flags;
            request.open_flags = request.open_flags | open_flags;
            let mut logon = public(&mut client, request)?;
            assert_eq!(logon.flags, flags);
            logon.flags = expected.flags;
            assert_eq!(logon, expected);
        }
        // The server, and the store's own account, may be named.
        let account = rig.store.public_folders()?.ok_or("no public folders")?;
        for name in [rig.store.server_dn()?, account.legacy_dn] {
            let mut request = LogonRequest::public();
            request.essdn = [name.as_bytes(), &[0]].concat().into();
            assert_eq!(public(&mut client, request)?, expected);
        }
        Ok(())
    }

    /// MS-OXCSTOR 3.2.5.1.2: R825, R826, R1219, R1221, R838
    fn everybody_meets_the_same_public_folders(rig: &Rig) -> Result {
        let (mut client, _) = administrator(rig)?;
        let (made, _) = make_folder(&mut client, "News")?;
        for (user, flags) in [(STRANGER, LogonFlags::NONE), (DELEGATE, LogonFlags::GHOSTED)] {
            let mut other = rig.bare_client(user)?;
            let mut request = LogonRequest::public();
            request.flags = flags;
            public(&mut other, request)?;
            let folder = other.open_folder(made)?;
            assert_eq!(other.get(folder, tags::DISPLAY_NAME)?, "News".into());
        }
        Ok(())
    }

    /// Everybody is an author, and only administrators make folders.
    /// MS-OXCSTOR 3.2.5.1.2
    fn who_may_do_what_in_public_folders(rig: &Rig) -> Result {
        let (mut client, _) = administrator(rig)?;
        let (folder, _) = make_folder(&mut client, "News")?;
        let theirs = post(&mut client, folder, "of the administrator")?;
        let (mut other, _) = public_client(rig, STRANGER)?;
        assert_eq!(make_folder(&mut other, "Mine").map(drop), Err(ErrorCode::ACCESS_DENIED));
        let own = post(&mut other, folder, "of the stranger")?;
        let message = other.open_message(folder, theirs, OpenMessageFlags::NONE)?;
        assert_eq!(other.get(message, tags::SUBJECT)?, "of the administrator".into());
        let write = |client: &mut Client, id| {
            let message = client.open_message(folder, id, OpenMessageFlags::BEST_ACCESS)?;
            client.set(message, tags::SUBJECT, "changed")?;
            client.save(message, SaveFlags::NONE)
        };
        assert!(write(&mut other, theirs).is_err());
        write(&mut other, own)?;
        write(&mut client, own)?;
        Ok(())
    }

    /// MS-OXCSTOR 2.2.1.12: R517
    /// MS-OXCSTOR 3.2.5.12.1: R3123, R3124
    /// MS-OXCROPS 2.2.6.11.2
    fn everybody_reads_for_himself(rig: &Rig) -> Result {
        let (mut client, _) = administrator(rig)?;
        let (folder, _) = make_folder(&mut client, "News")?;
        let first = post(&mut client, folder, "first")?;
        post(&mut client, folder, "second")?;
        assert_eq!(read_states(&mut client, folder)?, [true, true], "who wrote them");
        let (mut other, _) = public_client(rig, STRANGER)?;
        assert_eq!(read_states(&mut other, folder)?, [false, false]);
        assert_eq!(unread(&mut other, folder)?, 2.into());

        let change = set_read(&mut other, folder, first, ReadFlags::NONE)?.expect("a change");
        assert_eq!((change.logon, change.client_data), (other.logon_id, [7; 24]));
        assert_eq!(set_read(&mut other, folder, first, ReadFlags::NONE)?, None);
        assert_eq!(read_states(&mut other, folder)?, [true, false]);
        assert_eq!(unread(&mut other, folder)?, 1.into());
        assert_eq!(unread(&mut client, folder)?, 0.into());

        assert!(set_read(&mut client, folder, first, ReadFlags::CLEAR_READ_FLAG)?.is_some());
        assert_eq!(read_states(&mut client, folder)?, [false, true]);
        assert_eq!(read_states(&mut other, folder)?, [true, false]);
        let (mut third, _) = public_client(rig, DELEGATE)?;
        assert_eq!(read_states(&mut third, folder)?, [false, false]);
        Ok(())
    }

    /// What a notification tells of a folder is what the one who is told has not read.
    fn everybody_is_told_his_own_unread_count(rig: &Rig) -> Result {
        let (mut client, _) = administrator(rig)?;
        let (folder, _) = make_folder(&mut client, "News")?;
        let (mut other, _) = public_client(rig, STRANGER)?;
        let scope = NotificationScope::Object { folder, message: MessageId::NONE };
        for client in [&mut client, &mut other] {
            client.register(NotificationFlags::OBJECT_MODIFIED, scope)?;
        }
        let told = |client: &mut Client| {
            let told = client.told();
            told.iter().filter_map(|(_, data)| data.unread_count).next_back()
        };
        let first = post(&mut client, folder, "first")?;
        post(&mut client, folder, "second")?;
        assert_eq!((told(&mut client), told(&mut other)), (Some(0), Some(2)));
        set_read(&mut other, folder, first, ReadFlags::NONE)?;
        assert_eq!(told(&mut other), Some(1));
        Ok(())
    }

    /// What is changed is unread for all but who changed it.
    /// MS-OXCSTOR 3.2.5.12.3: R969, R970
    fn a_message_that_is_changed_is_unread_again(rig: &Rig) -> Result {
        let (mut client, _) = administrator(rig)?;
        let (folder, _) = make_folder(&mut client, "News")?;
        let id = post(&mut client, folder, "first")?;
        let (mut other, _) = public_client(rig, STRANGER)?;
        set_read(&mut other, folder, id, ReadFlags::NONE)?;
        assert_eq!(read_states(&mut other, folder)?, [true]);
        let message = client.open_message(folder, id, OpenMessageFlags::READ_WRITE)?;
        client.set(message, tags::SUBJECT, "changed")?;
        client.save(message, SaveFlags::NONE)?;
        assert_eq!(read_states(&mut other, folder)?, [false]);
        assert_eq!(read_states(&mut client, folder)?, [true]);
        let message = other.open_message(folder, id, OpenMessageFlags::NONE)?;
        let flags = other.get(message, tags::MESSAGE_FLAGS)?;
        assert!(matches!(flags, PropertyValue::Integer32(flags) if flags & 1 == 0), "{flags:?}");
        Ok(())
    }

    /// MS-OXCSTOR 3.2.5.1.2
    fn entry_ids_of_public_folders_say_so(rig: &Rig) -> Result {
        let (mut client, logon) = public_client(rig, ME)?;
        let folder = client.open_folder(PublicFolder::IpmSubtree.id())?;
        let id = client.get(folder, tags::ENTRY_ID)?;
        let bytes = id.as_binary().expect("an entry id").to_vec();
        let mapi::entry_id::EntryId::Folder(id) = mapi::entry_id::EntryId::parse(&bytes) else {
            panic!("no folder")
        };
        assert_eq!(id.provider, mapi::entry_id::PUBLIC_FOLDER_PROVIDER);
        assert_eq!(id.kind, mapi::entry_id::ObjectKind::PublicFolder);
        assert_eq!(id.folder.replica, logon.replica_guid);
        assert_ne!(client.logon, Handle::NONE);
        Ok(())
    }
}
