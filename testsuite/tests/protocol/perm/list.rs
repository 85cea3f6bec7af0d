//! The permissions table and its changes: [MS-OXCPERM] 2.2.1 to 2.2.7, 3.2.5.

use mapi::{ErrorCode, tags};
use mapi_rop::permission::{
    ModifyPermissionsFlags as Modify, PermissionDataFlags as Data, PermissionsTableFlags as Table,
};
use mapi_rop::stream::{OpenStreamRequest, StreamMode};
use mapi_rop::table::SortTableRequest;
use mapi_rop::{RopRequest, RopResponse};
use store::{SpecialFolder, StoreError};
use testsuite::on_both;
use testsuite::rig::{DELEGATE, ME, STRANGER};

use super::*;

on_both! {
    /// MS-OXCPERM 2.2.1.2: R27, R28
    /// MS-OXCPERM 2.2.4: R1070
    /// MS-OXCPERM 2.2.5: R78
    /// MS-OXCPERM 2.2.6: R1078
    fn a_folder_begins_with_its_two_reserved_entries(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(SpecialFolder::Inbox.id())?;
        let rows = list(&mut client, inbox, Table::NONE)?;
        let row = |id, name: &str| Row { id, name: name.into(), rights: 0, entry_id: Vec::new() };
        assert_eq!(rows, [row(0, ""), row(-1, "Anonymous")]);
        Ok(())
    }

    /// MS-OXCPERM 2.2.2.1: R47
    /// MS-OXCPERM 2.2.2.1.1: R51
    /// MS-OXCPERM 2.2.2.2: R65
    /// MS-OXCPERM 2.2.4: R70
    /// MS-OXCPERM 2.2.6: R81
    fn a_row_is_added_for_the_user_of_its_entry_id(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(SpecialFolder::Inbox.id())?;
        let entry_id = entry_id(rig, STRANGER)?;
        modify(&mut client, inbox, Modify::NONE, vec![add(&entry_id, READ_ANY | FOLDER_VISIBLE)])?;
        let rows = list(&mut client, inbox, Table::NONE)?;
        assert_eq!(rows.len(), 3);
        assert_eq!((rows[2].name.as_str(), rows[2].rights), ("stranger", 0x401));
        assert_eq!(rows[2].entry_id, entry_id);
        assert!(rows[2].id > 0);
        // Another one of the same user takes the place of the first.
        modify(&mut client, inbox, Modify::NONE, vec![add(&entry_id, FOLDER_VISIBLE)])?;
        let again = list(&mut client, inbox, Table::NONE)?;
        assert_eq!((again.len(), again[2].id, again[2].rights), (3, rows[2].id, 0x400));
        Ok(())
    }

    /// MS-OXCPERM 2.2.2.1: R1187, R1188
    /// MS-OXCPERM 2.2.2.1.1: R52
    /// MS-OXCPERM 2.2.5: R74
    /// MS-OXCPERM 3.2.5.2: R182
    fn rows_are_changed_and_removed_by_their_member_id(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(SpecialFolder::Inbox.id())?;
        let (one, two) = (entry_id(rig, STRANGER)?, entry_id(rig, DELEGATE)?);
        let rows = vec![add(&one, CREATE), add(&two, READ_ANY)];
        modify(&mut client, inbox, Modify::NONE, rows)?;
        let rows = list(&mut client, inbox, Table::NONE)?;
        let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["", "Anonymous", "delegate", "stranger"]);
        let (delegate, stranger) = (rows[2].id, rows[3].id);
        let changes = vec![
            change(Data::MODIFY_ROW, vec![member(delegate), rights(EDIT_OWNED)]),
            change(Data::REMOVE_ROW, vec![member(stranger)]),
            change(Data::MODIFY_ROW, vec![member(0), rights(FOLDER_VISIBLE)]),
            change(Data::MODIFY_ROW, vec![member(-1), rights(READ_ANY)]),
            // Users that are not in the list: left out without a word.
            change(Data::MODIFY_ROW, vec![member(stranger), rights(READ_ANY)]),
            change(Data::REMOVE_ROW, vec![member(987_654)]),
        ];
        modify(&mut client, inbox, Modify::NONE, changes)?;
        let found: Vec<(i64, u32)> = list(&mut client, inbox, Table::NONE)?
            .iter()
            .map(|row| (row.id, row.rights))
            .collect();
        assert_eq!(found, [(0, 0x400), (-1, 1), (delegate, 8)]);
        Ok(())
    }

    /// MS-OXCPERM 2.2.2.1: R1197, R45, R1025
    fn replacing_rows_leaves_the_default_entry_alone(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(SpecialFolder::Inbox.id())?;
        let (one, two) = (entry_id(rig, STRANGER)?, entry_id(rig, DELEGATE)?);
        let rows = vec![
            add(&one, CREATE),
            change(Data::MODIFY_ROW, vec![member(0), rights(FOLDER_VISIBLE)]),
            change(Data::MODIFY_ROW, vec![member(-1), rights(FOLDER_VISIBLE)]),
        ];
        modify(&mut client, inbox, Modify::NONE, rows)?;
        modify(&mut client, inbox, Modify::REPLACE_ROWS, vec![add(&two, READ_ANY)])?;
        let found: Vec<(String, u32)> = list(&mut client, inbox, Table::NONE)?
            .into_iter()
            .map(|row| (row.name, row.rights))
            .collect();
        let expected = [("", 0x400), ("Anonymous", 0), ("delegate", 1)];
        assert_eq!(found, expected.map(|(name, rights)| (name.to_owned(), rights)));
        // Then only rows to be added make sense, and nothing is changed.
        let wrong = vec![change(Data::REMOVE_ROW, vec![member(0)])];
        let refused = modify(&mut client, inbox, Modify::REPLACE_ROWS, wrong);
        assert_eq!(refused, Err(ErrorCode::INVALID_PARAMETER));
        assert_eq!(list(&mut client, inbox, Table::NONE)?.len(), 3);
        Ok(())
    }

    /// MS-OXCPERM 2.2.2.2: R1203
    fn a_list_that_makes_no_sense_changes_nothing(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(SpecialFolder::Inbox.id())?;
        let known = entry_id(rig, STRANGER)?;
        let unknown = mapi::entry_id::AddressBookEntryId::new("/o=None/cn=nobody", 0);
        let unknown = mapi::Wire::to_wire(&unknown);
        for (row, code) in [
            (add(&unknown, READ_ANY), ErrorCode::NOT_FOUND),
            (add(&[1, 2, 3], READ_ANY), ErrorCode::INVALID_ENTRY_ID),
            (change(Data::ADD_ROW, vec![rights(1)]), ErrorCode::INVALID_PARAMETER),
            (change(Data::MODIFY_ROW, vec![member(0)]), ErrorCode::INVALID_PARAMETER),
            (change(Data::MODIFY_ROW, vec![rights(1)]), ErrorCode::INVALID_PARAMETER),
            (change(Data::REMOVE_ROW, vec![]), ErrorCode::INVALID_PARAMETER),
            (change(Data(0x08), vec![member(0), rights(1)]), ErrorCode::INVALID_PARAMETER),
            (change(Data(0x03), vec![member(0), rights(1)]), ErrorCode::INVALID_PARAMETER),
        ] {
            let rows = vec![add(&known, READ_ANY), row.clone()];
            assert_eq!(modify(&mut client, inbox, Modify::NONE, rows), Err(code), "{row:?}");
        }
        let refused = modify(&mut client, inbox, Modify(0x04), vec![]);
        assert_eq!(refused, Err(ErrorCode::INVALID_PARAMETER));
        assert_eq!(list(&mut client, inbox, Table::NONE)?.len(), 2);
        // Neither ROP is for other objects than folders.
        let logon = client.logon;
        let refused = modify(&mut client, logon, Modify::NONE, vec![]);
        assert_eq!(refused, Err(ErrorCode::NOT_SUPPORTED));
        assert_eq!(table(&mut client, logon, Table::NONE), Err(ErrorCode::NOT_SUPPORTED));
        Ok(())
    }

    /// MS-OXCPERM 2.2.1.2: R1202
    fn a_permissions_table_has_no_other_flags(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(SpecialFolder::Inbox.id())?;
        let refused = table(&mut client, inbox, Table(0x01));
        assert_eq!(refused, Err(ErrorCode::INVALID_PARAMETER));
        Ok(())
    }

    /// MS-OXCPERM 2.2.1.1: R19, R1010, R3001
    /// MS-OXCPERM 6: R1182
    fn free_and_busy_of_the_calendar_follow_from_the_rights_until_they_are_set(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let calendar = client.open_folder(SpecialFolder::Calendar.id())?;
        let stranger = entry_id(rig, STRANGER)?;
        modify(&mut client, calendar, Modify::NONE, vec![add(&stranger, READ_ANY)])?;
        let found = |rows: Vec<Row>| rows.iter().map(|row| row.rights).collect::<Vec<_>>();
        // Of everybody, of anonymous users, and of one who may read.
        let shown = list(&mut client, calendar, Table::INCLUDE_FREE_BUSY)?;
        assert_eq!(found(shown), [0x0800, 0, 0x1801]);
        let plain = list(&mut client, calendar, Table::NONE)?;
        assert_eq!(found(plain), [0, 0, 1]);
        let inbox = client.open_folder(SpecialFolder::Inbox.id())?;
        let inbox = list(&mut client, inbox, Table::INCLUDE_FREE_BUSY)?;
        assert_eq!(found(inbox), [0, 0], "no other folder has any");
        Ok(())
    }

    /// MS-OXCPERM 2.2.2.1: R40
    fn free_and_busy_are_set_with_their_flag_and_kept_without_it(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let calendar = client.open_folder(SpecialFolder::Calendar.id())?;
        let stranger = entry_id(rig, STRANGER)?;
        let shown = |client: &mut Client| -> Answer<Vec<u32>> {
            let rows = list(client, calendar, Table::INCLUDE_FREE_BUSY)?;
            Ok(rows.iter().map(|row| row.rights).collect())
        };
        // Without the flag the two rights are not looked at.
        modify(&mut client, calendar, Modify::NONE, vec![add(&stranger, 0x1400)])?;
        assert_eq!(shown(&mut client)?, [0x0800, 0, 0x0c00]);
        let id = list(&mut client, calendar, Table::NONE)?[2].id;
        let detailed = change(Data::MODIFY_ROW, vec![member(id), rights(0x1400)]);
        let none = change(Data::MODIFY_ROW, vec![member(0), rights(0)]);
        modify(&mut client, calendar, Modify::INCLUDE_FREE_BUSY, vec![detailed, none])?;
        assert_eq!(shown(&mut client)?, [0, 0, 0x1400]);
        let plain = change(Data::MODIFY_ROW, vec![member(id), rights(READ_ANY)]);
        modify(&mut client, calendar, Modify::NONE, vec![plain])?;
        assert_eq!(shown(&mut client)?, [0, 0, 0x1001]);
        Ok(())
    }

    /// MS-OXCPERM 3.1.4.1: R154, R155
    /// MS-OXCPERM 3.2.5.1: R2006, R2014
    fn a_permissions_table_is_read_like_a_table(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(SpecialFolder::Inbox.id())?;
        let table = table(&mut client, inbox, Table::NONE)?;
        assert_eq!(client.query_rows(table, 10), Err(ErrorCode::NULL_OBJECT), "no columns yet");
        client.set_columns(table, &[tags::MEMBER_NAME, tags::SUBJECT])?;
        let first = client.query_rows(table, 1)?;
        let name = first.rows[0].value(0).and_then(|value| value.as_text().cloned());
        assert_eq!((first.rows.len(), name), (1, Some("".into())));
        assert_eq!(first.rows[0].error(1), Some(ErrorCode::NOT_FOUND));
        let second = client.query_rows(table, 10)?;
        let name = second.rows[0].value(0).and_then(|value| value.as_text().cloned());
        assert_eq!((second.rows.len(), name), (1, Some("Anonymous".into())));
        // It shows what the list is now.
        let stranger = entry_id(rig, STRANGER)?;
        modify(&mut client, inbox, Modify::NONE, vec![add(&stranger, READ_ANY)])?;
        let order = mapi::SortOrderSet::default();
        let sort = SortTableRequest { flags: mapi_rop::table::AsyncFlags::NONE, order };
        let refused = client.call(table, RopRequest::SortTable(sort));
        assert_eq!(refused.err(), Some(ErrorCode::NOT_SUPPORTED));
        match client.call(table, RopRequest::QueryPosition(mapi_rop::Empty))? {
            RopResponse::QueryPosition(position) => assert_eq!(position.denominator, 3),
            other => panic!("{other:?}"),
        }
        Ok(())
    }

    /// MS-OXCPERM 2.2.7: R1093
    /// MS-OXCPERM 2.1: R3
    /// MS-OXCPERM 2.2: R6
    /// MS-OXCPERM 2.2.1: R9
    /// MS-OXCPERM 2.2.2: R1204
    fn rights_that_are_not_defined_are_not_kept(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(SpecialFolder::Inbox.id())?;
        let stranger = entry_id(rig, STRANGER)?;
        modify(&mut client, inbox, Modify::NONE, vec![add(&stranger, 0xffff_e7ff)])?;
        assert_eq!(list(&mut client, inbox, Table::NONE)?[2].rights, 0x07fb);
        // What may be done with any item may be done with one's own.
        modify(&mut client, inbox, Modify::NONE, vec![add(&stranger, EDIT_ANY | DELETE_ANY)])?;
        let all = EDIT_ANY | EDIT_OWNED | DELETE_ANY | DELETE_OWNED;
        assert_eq!(list(&mut client, inbox, Table::NONE)?[2].rights, all);
        Ok(())
    }

    /// MS-OXCPERM 3.2.5.3: R183
    /// MS-OXCPERM 3.1.4.1: R152
    fn the_list_as_a_stream_is_not_implemented(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(SpecialFolder::Inbox.id())?;
        let tag = tags::SECURITY_DESCRIPTOR_AS_XML;
        let body = RopRequest::OpenStream(OpenStreamRequest { tag, mode: StreamMode::ReadOnly });
        assert_eq!(client.open(inbox, body), Err(ErrorCode::NOT_IMPLEMENTED));
        Ok(())
    }

    /// MS-OXCPERM 2.2.5: R74
    fn a_removed_account_leaves_no_entry_behind(rig: &Rig) -> Result {
        grant(rig, SpecialFolder::Inbox.id(), READ_ANY | FOLDER_VISIBLE)?;
        let stranger = rig.store.account_by_address(STRANGER)?.ok_or("an account")?;
        rig.store.remove_account(stranger.id)?;
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(SpecialFolder::Inbox.id())?;
        assert_eq!(list(&mut client, inbox, Table::NONE)?.len(), 2);
        let me = rig.store.account_by_address(ME)?.ok_or("an account")?;
        let mailbox = rig.store.mailbox(me.mailbox)?;
        let acl = store::permission::list(&mailbox, SpecialFolder::Inbox.id())?;
        assert_eq!(acl.map(|acl| acl.accounts().count()), Some(0));
        let mut dead = rig.client(ME)?;
        let refused = dead.open_folder(mapi::FolderId::own(0xffff));
        assert_eq!(refused, Err(ErrorCode::NOT_FOUND));
        assert!(matches!(
            store::permission::list(&mailbox, mapi::FolderId::own(0xffff)),
            Err(StoreError::NotFound(_))
        ));
        Ok(())
    }
}
