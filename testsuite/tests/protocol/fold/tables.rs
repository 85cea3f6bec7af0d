//! RopGetHierarchyTable and RopGetContentsTable.

use mapi_rop::folder::GetTableRequest;
use testsuite::on_both;
use testsuite::rig::ME;

use super::*;

const INVALID_PARAMETER: ErrorCode = ErrorCode(0x8007_0057);

fn hierarchy_count(client: &mut Client, folder: Handle, flags: u8) -> Answer<u32> {
    let request = RopRequest::GetHierarchyTable(GetTableRequest { flags: TableFlags(flags) });
    match client.call(folder, request)? {
        RopResponse::GetHierarchyTable(answer) => Ok(answer.row_count),
        other => panic!("{other:?}"),
    }
}

fn contents_count(client: &mut Client, folder: Handle, flags: u8) -> Answer<u32> {
    let request = RopRequest::GetContentsTable(GetTableRequest { flags: TableFlags(flags) });
    match client.call(folder, request)? {
        RopResponse::GetContentsTable(answer) => Ok(answer.row_count),
        other => panic!("{other:?}"),
    }
}

fn names(client: &mut Client, folder: Handle, flags: TableFlags) -> Vec<PropertyValue> {
    let table = client.hierarchy(folder, flags | TableFlags::USE_UNICODE);
    column(client, table, tags::DISPLAY_NAME)
}

on_both! {
    /// MS-OXCFOLD 2.2.1.13: R305, R100002
    /// MS-OXCFOLD 2.2.1.13.2: R318
    /// MS-OXCFOLD 3.2.5.13: R1163, R648
    fn the_folders_of_a_folder_are_listed(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        ["b", "a"].iter().for_each(|name| assert_ne!(folder(&mut client, INBOX, name).id, INBOX));
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        assert_eq!(hierarchy_count(&mut client, inbox, 0), Ok(2));
        assert_eq!(names(&mut client, inbox, TableFlags::NONE), ["a".into(), "b".into()]);
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.13.1: R801, R802
    /// MS-OXCFOLD 3.1.1.1: R3007, R3008, R378
    fn folders_of_all_levels_are_listed(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let a = folder(&mut client, INBOX, "a");
        folder(&mut client, a.id, "b");
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        assert_eq!(names(&mut client, inbox, TableFlags::NONE), ["a".into()]);
        assert_eq!(names(&mut client, inbox, TableFlags::DEPTH), ["a".into(), "b".into()]);
        assert_eq!(hierarchy_count(&mut client, inbox, 0x04), Ok(2));
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.13.1: R806, R1219, R1221
    /// MS-OXCFOLD 3.1.1.1: R382, R383
    fn soft_deleted_folders_have_a_table_of_their_own(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let gone = folder(&mut client, INBOX, "gone");
        folder(&mut client, INBOX, "there");
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        delete(&mut client, inbox, gone.id, 0).expect("deleted");
        assert_eq!(names(&mut client, inbox, TableFlags::NONE), ["there".into()]);
        assert_eq!(names(&mut client, inbox, TableFlags::SOFT_DELETES), ["gone".into()]);
        assert_eq!(hierarchy_count(&mut client, inbox, 0x20), Ok(1));
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.13.1: R807, R808
    /// MS-OXCFOLD 2.2.1.14.1: R1020, R1021
    fn text_is_of_the_width_of_the_table(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let made = folder(&mut client, INBOX, "ä");
        post(&mut client, made.id, "ö");
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        assert_eq!(hierarchy_count(&mut client, inbox, 0x40), Ok(1));
        assert_eq!(contents_count(&mut client, made.handle, 0x40), Ok(1));
        let narrow = |tag: PropertyTag| tag.with_type(mapi::PropertyType::STRING8);
        let byte = |byte| PropertyValue::String8(mapi::text::String8(vec![byte]));
        let table = client.hierarchy(inbox, TableFlags::USE_UNICODE);
        assert_eq!(column(&mut client, table, tags::DISPLAY_NAME), ["ä".into()]);
        let table = client.hierarchy(inbox, TableFlags::NONE);
        assert_eq!(column(&mut client, table, narrow(tags::DISPLAY_NAME)), [byte(0xe4)]);
        let table = client.contents(made.handle, TableFlags::USE_UNICODE);
        assert_eq!(column(&mut client, table, tags::SUBJECT), ["ö".into()]);
        let table = client.contents(made.handle, TableFlags::NONE);
        assert_eq!(column(&mut client, table, narrow(tags::SUBJECT)), [byte(0xf6)]);
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.13.1: R803, R805
    /// MS-OXCFOLD 2.2.1.13.2: R651
    /// MS-OXCFOLD 3.2.5.13: R1166
    fn a_hierarchy_table_is_whole_when_it_is_answered(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        folder(&mut client, INBOX, "a");
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        for flags in [0x08, 0x10, 0x80, 0x98] {
            assert_eq!(hierarchy_count(&mut client, inbox, flags), Ok(1), "{flags:#x}");
        }
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.13.1: R809
    fn a_table_may_be_told_of_others_alone(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let account = rig.store.account_by_address(ME)?.ok_or("no such account")?;
        let mailbox = rig.store.mailbox(account.mailbox)?;
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        let open = |client: &mut Client, flags: TableFlags| {
            let table = client.hierarchy(inbox, flags | TableFlags::USE_UNICODE).expect("a table");
            let columns = [tags::DISPLAY_NAME, tags::CONTENT_COUNT];
            client.set_columns(table, &columns).expect("columns");
            client.query_rows(table, 50).expect("no rows");
            table
        };
        assert_eq!(hierarchy_count(&mut client, inbox, 0x80), Ok(0));
        let quiet = open(&mut client, TableFlags(0x80));
        let other = open(&mut client, TableFlags::NONE);
        let rows = |client: &mut Client, of: Handle| -> Vec<Option<FolderId>> {
            let told = client.told().into_iter().filter(|(handle, _)| *handle == of);
            let row = |data: mapi_rop::notification::NotificationData| {
                Some(data.table?.row?.folder)
            };
            told.map(|(_, data)| row(data)).collect()
        };
        // What the client does, by whatever way, the one table is told of and the other is not.
        let a = folder(&mut client, INBOX, "a");
        assert_eq!(rows(&mut client, other), [Some(a.id)]);
        post(&mut client, a.id, "m");
        assert!(rows(&mut client, quiet).is_empty());
        // What somebody else does, both are.
        let new = |name: &str| store::folder::NewFolder {
            display_name: name.into(),
            ..store::folder::NewFolder::default()
        };
        let b = store::folder::create(&mailbox, INBOX, &new("b"))?.id;
        assert_eq!(rows(&mut client, quiet), [Some(b)]);
        // Also when it happens between.
        let before = store::folder::create(&mailbox, INBOX, &new("c"))?.id;
        client.set(a.handle, tags::DISPLAY_NAME, "renamed").expect("renamed");
        let after = store::folder::create(&mailbox, INBOX, &new("d"))?.id;
        let mut told = rows(&mut client, quiet);
        told.sort();
        assert_eq!(told, [Some(before), Some(after)]);
        // And of what both touched.
        post(&mut client, b, "m");
        store::folder::set(&mailbox, b, vec![(tags::DISPLAY_NAME, "e".into())])?;
        assert_eq!(rows(&mut client, quiet), [Some(b)]);
        Ok(())
    }

    /// MS-OXCFOLD 3.2.5.13: R314, R658
    /// MS-OXCFOLD 6: R314002
    fn a_hierarchy_table_takes_its_bits_and_a_folder(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        for bit in [0x01, 0x02] {
            assert_eq!(hierarchy_count(&mut client, inbox, bit), Err(NOT_SUPPORTED));
        }
        let logon = client.logon;
        assert_eq!(hierarchy_count(&mut client, logon, 0), Err(NOT_SUPPORTED));
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.14: R320, R100502
    /// MS-OXCFOLD 2.2.1.14.2: R333
    /// MS-OXCFOLD 3.2.5.14: R1170, R661
    fn the_messages_of_a_folder_are_listed(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let made = folder(&mut client, INBOX, "below");
        post(&mut client, made.id, "not this");
        ["b", "a"].iter().for_each(|subject| assert!(!post(&mut client, INBOX, subject).is_none()));
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        assert_eq!(contents_count(&mut client, inbox, 0), Ok(2));
        assert_eq!(subjects(&mut client, inbox), ["a", "b"]);
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.14.1: R662, R663, R1017, R665
    /// MS-OXCFOLD 3.1.1.2: R388
    fn each_kind_of_message_has_a_table(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let gone = post(&mut client, INBOX, "gone");
        post(&mut client, INBOX, "there");
        let associated = client.create_message(INBOX, true).expect("a message");
        client.set(associated, tags::SUBJECT, "associated").expect("a subject");
        client.save(associated, mapi_rop::message::SaveFlags::NONE).expect("saved");
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        let messages = vec![gone].into();
        let request = mapi_rop::folder::DeleteMessagesRequest {
            want_asynchronous: false,
            notify_non_read: false,
            messages,
        };
        client.call(inbox, RopRequest::DeleteMessages(request)).expect("deleted");
        let listed = |client: &mut Client, flags: u8| {
            let table = client.contents(inbox, TableFlags(flags | 0x40));
            column(client, table, tags::SUBJECT)
        };
        assert_eq!(listed(&mut client, 0x00), ["there".into()]);
        assert_eq!(listed(&mut client, 0x02), ["associated".into()]);
        assert_eq!(listed(&mut client, 0x20), ["gone".into()]);
        assert_eq!(listed(&mut client, 0x22), []);
        let counts = [0x00, 0x02, 0x20, 0x22].map(|flags| contents_count(&mut client, inbox, flags));
        assert_eq!(counts, [Ok(1), Ok(1), Ok(1), Ok(0)]);
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.14.1: R1010, R1011, R1014
    /// MS-OXCFOLD 2.2.1.14.2: R334
    /// MS-OXCFOLD 3.2.5.14: R1176
    fn a_contents_table_is_whole_when_it_is_answered(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        post(&mut client, INBOX, "m");
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        for flags in [0x08, 0x10, 0x18] {
            assert_eq!(contents_count(&mut client, inbox, flags), Ok(1), "{flags:#x}");
        }
        Ok(())
    }

    /// MS-OXCFOLD 3.2.5.14: R330, R672, R1179
    /// MS-OXCFOLD 6: R330002
    fn a_contents_table_takes_its_bits_and_a_folder(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        for bit in [0x01, 0x04] {
            assert_eq!(contents_count(&mut client, inbox, bit), Err(INVALID_PARAMETER));
        }
        let logon = client.logon;
        assert_eq!(contents_count(&mut client, logon, 0), Err(NOT_SUPPORTED));
        Ok(())
    }

    /// MS-OXCFOLD 3.1.1.2: R3009, R3010, R385
    /// MS-OXCFOLD 3.1.5.1: R1055
    fn a_table_lives_until_it_is_released(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let before = rig.live();
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        let table = client.contents(inbox, TableFlags::NONE).expect("a table");
        assert_eq!(rig.live(), before + 2);
        // What a table shows is there after the folder's handle is gone.
        post(&mut client, INBOX, "m");
        client.release(inbox);
        client.set_columns(table, &[tags::SUBJECT]).expect("columns");
        let rows = client.query_rows(table, 9).expect("rows").rows;
        assert_eq!((rows.len(), rows[0].value(0)), (1, Some(&"m".into())));
        client.release(table);
        assert_eq!(rig.live(), before);
        Ok(())
    }
}
