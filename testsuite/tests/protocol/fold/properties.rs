//! The properties of folders ([MS-OXCFOLD] 2.2.2).

use mapi::{FileTime, PropertyType};
use mapi_rop::folder::DeleteMessagesRequest;
use mapi_rop::message::{ReadFlags, SetReadFlagsRequest};
use testsuite::on_both;
use testsuite::rig::ME;

use super::*;

const COMPUTED: ErrorCode = ErrorCode(0x8004_011a);

fn time(client: &mut Client, folder: Handle, tag: PropertyTag) -> FileTime {
    client.get(folder, tag).expect("a value").as_time().expect("a time")
}

fn delete_message(client: &mut Client, folder: Handle, id: MessageId) {
    let messages = vec![id].into();
    let request =
        DeleteMessagesRequest { want_asynchronous: false, notify_non_read: false, messages };
    client.call(folder, RopRequest::HardDeleteMessages(request)).expect("deleted");
}

fn set_read(client: &mut Client, folder: Handle, flags: ReadFlags) {
    let request =
        SetReadFlagsRequest { want_asynchronous: false, flags, messages: Vec::new().into() };
    client.call(folder, RopRequest::SetReadFlags(request)).expect("read flags");
}

on_both! {
    /// MS-OXCFOLD 2.2.2.2.1.1: R345, R10345, R346
    fn messages_are_counted(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let made = folder(&mut client, INBOX, "one");
        assert_eq!(get_int(&mut client, made.handle, tags::CONTENT_COUNT), 0);
        let id = post(&mut client, made.id, "a");
        post(&mut client, made.id, "b");
        let associated = client.create_message(made.id, true).expect("a message");
        client.save(associated, mapi_rop::message::SaveFlags::NONE).expect("saved");
        assert_eq!(get_int(&mut client, made.handle, tags::CONTENT_COUNT), 2);
        assert_eq!(get_int(&mut client, made.handle, tags::ASSOCIATED_CONTENT_COUNT), 1);
        delete_message(&mut client, made.handle, id);
        assert_eq!(get_int(&mut client, made.handle, tags::CONTENT_COUNT), 1);
        assert_eq!(tags::CONTENT_COUNT.property_type(), PropertyType::INTEGER32);
        Ok(())
    }

    /// MS-OXCFOLD 2.2.2.2.1.2: R347, R10347
    fn unread_messages_are_counted(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let made = folder(&mut client, INBOX, "one");
        post(&mut client, made.id, "a");
        post(&mut client, made.id, "b");
        set_read(&mut client, made.handle, ReadFlags::CLEAR_READ_FLAG);
        assert_eq!(get_int(&mut client, made.handle, tags::CONTENT_UNREAD_COUNT), 2);
        set_read(&mut client, made.handle, ReadFlags::NONE);
        assert_eq!(get_int(&mut client, made.handle, tags::CONTENT_UNREAD_COUNT), 0);
        Ok(())
    }

    /// MS-OXCFOLD 2.2.2.2.1.3: R348, R10348
    fn a_deleted_folder_says_when(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let made = folder(&mut client, INBOX, "one");
        let created = time(&mut client, made.handle, tags::CREATION_TIME);
        assert_eq!(client.get(made.handle, tags::DELETED_ON), Err(ErrorCode::NOT_FOUND));
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        delete(&mut client, inbox, made.id, 0).expect("deleted");
        assert!(time(&mut client, made.handle, tags::DELETED_ON) >= created);
        Ok(())
    }

    /// MS-OXCFOLD 2.2.2.2.1.4: R350
    /// MS-OXCFOLD 6: R350001
    fn only_public_folders_are_in_the_address_book(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        let entry_id = client.get(inbox, tags::ADDRESS_BOOK_ENTRY_ID);
        assert_eq!(entry_id, Err(ErrorCode::NOT_FOUND));
        Ok(())
    }

    /// MS-OXCFOLD 2.2.2.2.1.5: R1035111, R1035103, R1035105, R1035107
    fn flags_say_what_a_folder_is(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let flags = |client: &mut Client, id| {
            let folder = client.open_folder(id).expect("a folder");
            get_int(client, folder, tags::FOLDER_FLAGS)
        };
        assert_eq!(flags(&mut client, INBOX), 5);
        assert_eq!(flags(&mut client, FINDER), 4);
        let found = make(&mut client, FINDER, FolderType::Search, "found").expect("a folder");
        assert_eq!(flags(&mut client, found.id), 2);
        Ok(())
    }

    /// MS-OXCFOLD 2.2.2.2.1.6: R351, R10351
    /// MS-OXCFOLD 2.2.2.2.1.7: R1027, R10027
    fn a_folder_knows_its_ids(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let made = folder(&mut client, INBOX, "one");
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        assert_eq!(client.get(made.handle, tags::FOLDER_ID), Ok(made.id.to_i64().into()));
        let parent = client.get(made.handle, tags::PARENT_ENTRY_ID).expect("an entry id");
        assert_eq!(client.get(inbox, tags::ENTRY_ID), Ok(parent.clone()));
        // Flags and provider, type, replica and counter ([MS-OXCDATA] 2.2.4.1).
        assert_eq!(parent.as_binary().map(<[u8]>::len), Some(46));
        Ok(())
    }

    /// MS-OXCFOLD 2.2.2.2.1.8: R1028, R352
    fn a_change_of_subfolders_counts_up(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        let number = |client: &mut Client| get_int(client, inbox, tags::HIERARCHY_CHANGE_NUMBER);
        let first = number(&mut client);
        let made = folder(&mut client, INBOX, "one");
        let second = number(&mut client);
        delete(&mut client, inbox, made.id, 0x10).expect("deleted");
        let third = number(&mut client);
        assert!(first < second && second < third, "{first} {second} {third}");
        Ok(())
    }

    /// MS-OXCFOLD 2.2.2.2.1.9: R352001, R352002
    /// MS-OXCFOLD 2.2.2.2.1.13: R3000, R3001
    fn a_change_of_the_folder_moves_its_times(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let now = || FileTime::from_system(std::time::SystemTime::now());
        let begun = now();
        let made = folder(&mut client, INBOX, "one");
        let all = [tags::HIER_REV, tags::LOCAL_COMMIT_TIME, tags::LAST_MODIFICATION_TIME];
        for tag in all {
            let before = time(&mut client, made.handle, tag);
            let name = format!("{tag:?}");
            client.set(made.handle, tags::COMMENT, name).expect("set");
            let after = time(&mut client, made.handle, tag);
            assert!(before < after && after <= now(), "{tag:?}");
            assert!(begun <= before, "{tag:?}");
        }
        Ok(())
    }

    /// MS-OXCFOLD 2.2.2.2.1.10: R353, R10353
    /// MS-OXCFOLD 2.2.2.2.1.11: R354, R10354
    fn sizes_add_up(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let made = folder(&mut client, INBOX, "one");
        assert_eq!(get_int(&mut client, made.handle, tags::MESSAGE_SIZE), 0);
        let mut sum = 0;
        for subject in ["a", "a longer subject"] {
            let id = post(&mut client, made.id, subject);
            let flags = mapi_rop::message::OpenMessageFlags::NONE;
            let message = client.open_message(made.id, id, flags).expect("a message");
            sum += get_int(&mut client, message, tags::MESSAGE_SIZE);
        }
        assert_eq!(get_int(&mut client, made.handle, tags::MESSAGE_SIZE), sum);
        let extended = client.get(made.handle, tags::MESSAGE_SIZE_EXTENDED);
        assert_eq!(extended, Ok(i64::from(sum).into()));
        Ok(())
    }

    /// MS-OXCFOLD 2.2.2.2.1.12: R355, R10355, R1029, R1030
    fn a_folder_says_whether_it_has_folders(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let made = folder(&mut client, INBOX, "one");
        assert_eq!(client.get(made.handle, tags::SUBFOLDERS), Ok(false.into()));
        let below = folder(&mut client, made.id, "below");
        assert_eq!(client.get(made.handle, tags::SUBFOLDERS), Ok(true.into()));
        delete(&mut client, made.handle, below.id, 0).expect("deleted");
        assert_eq!(client.get(made.handle, tags::SUBFOLDERS), Ok(false.into()));
        Ok(())
    }

    /// MS-OXCFOLD 2.2.2.2.1.14: R3002, R3003, R3004
    fn what_is_in_a_folder_moves_its_newest_time(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let made = folder(&mut client, INBOX, "one");
        let below = folder(&mut client, made.id, "below");
        let newest =
            |client: &mut Client| time(client, made.handle, tags::LOCAL_COMMIT_TIME_MAX);
        let first = newest(&mut client);
        post(&mut client, made.id, "m");
        let second = newest(&mut client);
        folder(&mut client, made.id, "another");
        let third = newest(&mut client);
        assert!(first < second && second < third);
        // Not what is in the folders in it.
        post(&mut client, below.id, "m");
        assert_eq!(newest(&mut client), third);
        Ok(())
    }

    /// MS-OXCFOLD 2.2.2.2.1.15: R3005, R3006
    fn deleted_messages_are_counted_for_ever(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let made = folder(&mut client, INBOX, "one");
        let below = folder(&mut client, made.id, "below");
        let inner = post(&mut client, below.id, "m");
        delete_message(&mut client, below.handle, inner);
        for expected in [1, 2] {
            let id = post(&mut client, made.id, "m");
            delete_message(&mut client, made.handle, id);
            assert_eq!(get_int(&mut client, made.handle, tags::DELETED_COUNT_TOTAL), expected);
        }
        Ok(())
    }

    /// MS-OXCFOLD 2.2.2.2.2.1: R356, R10356, R1032, R1033
    fn a_folder_can_be_hidden(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let made = folder(&mut client, INBOX, "one");
        assert_eq!(client.get(made.handle, tags::ATTRIBUTE_HIDDEN), Ok(false.into()));
        client.set(made.handle, tags::ATTRIBUTE_HIDDEN, true).expect("set");
        assert_eq!(client.get(made.handle, tags::ATTRIBUTE_HIDDEN), Ok(true.into()));
        Ok(())
    }

    /// MS-OXCFOLD 2.2.2.2.2.3: R1036, R10036, R1038
    fn a_folder_has_the_class_of_the_one_above(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let calendar = SpecialFolder::Calendar.id();
        let made = folder(&mut client, calendar, "more");
        let class = |client: &mut Client, folder| client.get(folder, tags::CONTAINER_CLASS);
        assert_eq!(class(&mut client, made.handle), Ok("IPF.Appointment".into()));
        client.set(made.handle, tags::CONTAINER_CLASS, "IPF.Task").expect("set");
        assert_eq!(class(&mut client, made.handle), Ok("IPF.Task".into()));
        Ok(())
    }

    /// MS-OXCFOLD 2.2.2.2.2.5: R360, R10360
    fn a_folder_has_a_name(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let made = folder(&mut client, INBOX, "one");
        client.set(made.handle, tags::DISPLAY_NAME, "two").expect("a name");
        assert_eq!(client.get(made.handle, tags::DISPLAY_NAME), Ok("two".into()));
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        let table = client.hierarchy(inbox, TableFlags::USE_UNICODE);
        assert_eq!(column(&mut client, table, tags::DISPLAY_NAME), ["two".into()]);
        Ok(())
    }

    /// MS-OXCFOLD 2.2.2.2.2.7: R362, R10362, R810, R811
    fn a_folder_has_a_type(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        for (id, expected) in [(SpecialFolder::Root.id(), 0), (INBOX, 1)] {
            let folder = client.open_folder(id).expect("a folder");
            assert_eq!(get_int(&mut client, folder, tags::FOLDER_TYPE), expected);
        }
        Ok(())
    }

    /// MS-OXCFOLD 2.2.2.2.2.8: R367
    /// MS-OXCFOLD 2.2.2: R1225
    fn an_owner_has_all_rights(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        assert_eq!(get_int(&mut client, inbox, tags::RIGHTS) & 0x7fb, 0x7fb);
        // What is read-only is the server's.
        for tag in [tags::CONTENT_COUNT, tags::FOLDER_TYPE, tags::RIGHTS] {
            assert_eq!(client.set(inbox, tag, 7), Err(COMPUTED), "{tag:?}");
        }
        assert_eq!(get_int(&mut client, inbox, tags::CONTENT_COUNT), 0);
        Ok(())
    }

    /// MS-OXCFOLD 2.2.2.1: R343
    fn the_server_sets_what_every_object_has(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let made = folder(&mut client, INBOX, "one");
        assert_eq!(get_int(&mut client, made.handle, tags::ACCESS) & 0x3f, 0x3f);
        let key = client.get(made.handle, tags::CHANGE_KEY).expect("a change key");
        assert_eq!(key.as_binary().map(<[u8]>::len), Some(22));
        let created = time(&mut client, made.handle, tags::CREATION_TIME);
        client.set(made.handle, tags::COMMENT, "x").expect("set");
        assert_ne!(client.get(made.handle, tags::CHANGE_KEY), Ok(key));
        assert_eq!(time(&mut client, made.handle, tags::CREATION_TIME), created);
        assert!(time(&mut client, made.handle, tags::LAST_MODIFICATION_TIME) >= created);
        Ok(())
    }
}
