//! The Receive folder table ([MS-OXCSTOR] 2.2.1.2 to 2.2.1.4, 3.2.5.2 to 3.2.5.4).

use mapi::text::String8;
use mapi::{ErrorCode, FolderId, PropertyRow, PropertyValue};
use mapi_rop::logon::{GetReceiveFolderRequest, GetReceiveFolderResponse, SetReceiveFolderRequest};
use mapi_rop::{Empty, RopRequest, RopResponse};
use store::SpecialFolder;
use testsuite::on_both;
use testsuite::raw::{Answer, Client};
use testsuite::rig::ME;

use super::public_client;

const INVALID_PARAMETER: ErrorCode = ErrorCode(0x8007_0057);
const ACCESS_DENIED: ErrorCode = ErrorCode(0x8007_0005);
const NOT_SUPPORTED: ErrorCode = ErrorCode(0x8004_0102);
const ERROR: ErrorCode = ErrorCode(0x8000_4005);
const INBOX: FolderId = SpecialFolder::Inbox.id();

fn get(client: &mut Client, class: &[u8]) -> Answer<(FolderId, String)> {
    let message_class = String8(class.to_vec());
    let body = RopRequest::GetReceiveFolder(GetReceiveFolderRequest { message_class });
    match client.call(client.logon, body)? {
        RopResponse::GetReceiveFolder(GetReceiveFolderResponse { folder, explicit_class }) => {
            Ok((folder, String::from_utf8(explicit_class.0).expect("ASCII")))
        }
        other => panic!("{other:?}"),
    }
}

fn set(client: &mut Client, class: &[u8], folder: FolderId) -> Answer<()> {
    let message_class = String8(class.to_vec());
    let body = RopRequest::SetReceiveFolder(SetReceiveFolderRequest { folder, message_class });
    client.call(client.logon, body).map(drop)
}

/// The rows: folder, class, time.
fn table(client: &mut Client) -> Answer<Vec<(i64, String, mapi::FileTime)>> {
    let answer = client.call(client.logon, RopRequest::GetReceiveFolderTable(Empty))?;
    let RopResponse::GetReceiveFolderTable(answer) = answer else { panic!("{answer:?}") };
    let row = |row: &PropertyRow| {
        let PropertyRow::Standard(values) = row else { panic!("an error in {row:?}") };
        match &values[..] {
            [
                PropertyValue::Integer64(id),
                PropertyValue::String8(class),
                PropertyValue::Time(at),
            ] => (*id, String::from_utf8(class.0.clone()).expect("ASCII"), *at),
            other => panic!("{other:?}"),
        }
    };
    Ok(answer.rows.iter().map(|folder| row(&folder.0)).collect())
}

/// What may not stand in a message class ([MS-OXCSTOR] 2.2.1.2.1).
fn bad_classes() -> Vec<Vec<u8>> {
    let long = vec![b'x'; 255];
    let texts: [&[u8]; 6] =
        [b".IPM", b"IPM.", b"IPM..Note", b"IPM\x1fNote", b"IPM\x7f", b"IPM\xe9"];
    texts.iter().map(|text| text.to_vec()).chain([long]).collect()
}

on_both! {
    /// MS-OXCSTOR 3.2.3: R782
    /// MS-OXCSTOR 3.2.5.2: R59786, R1224
    /// MS-OXCSTOR 2.2.1.4: R282
    /// MS-OXCSTOR 3.2.5.4: R876
    fn a_new_mailbox_has_four_entries(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mut rows: Vec<(i64, String)> = table(&mut client)?
            .into_iter()
            .map(|(folder, class, _)| (folder, class.to_ascii_uppercase()))
            .collect();
        rows.sort_by(|a, b| a.1.cmp(&b.1));
        let root = SpecialFolder::Root.id().to_i64();
        let expected = [
            (INBOX.to_i64(), ""),
            (root, "IPC"),
            (INBOX.to_i64(), "IPM"),
            (INBOX.to_i64(), "REPORT.IPM"),
        ];
        assert_eq!(rows, expected.map(|(folder, class)| (folder, class.to_owned())));
        assert_eq!(get(&mut client, b"IPC")?.0, SpecialFolder::Root.id());
        Ok(())
    }

    /// MS-OXCSTOR 2.2.1.2: R195, R196, R197
    /// MS-OXCSTOR 3.2.5.2: R847, R851
    fn the_longest_class_in_front_decides(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let (drafts, notes) = (SpecialFolder::Drafts.id(), SpecialFolder::Notes.id());
        set(&mut client, b"IPM.Test", drafts)?;
        set(&mut client, b"IPM.Test.More", notes)?;
        let expected: [(&[u8], FolderId, &str); 6] = [
            (b"IPM.Note", INBOX, "IPM"),
            (b"IPM.Test", drafts, "IPM.TEST"),
            (b"ipm.test.Else", drafts, "IPM.TEST"),
            (b"IPM.TEST.MORE", notes, "IPM.TEST.MORE"),
            (b"IPM.Test.More.Still", notes, "IPM.TEST.MORE"),
            (b"Other", INBOX, ""),
        ];
        for (class, folder, explicit) in expected {
            let (found, told) = get(&mut client, class)?;
            assert_eq!((found, told.to_ascii_uppercase().as_str()), (folder, explicit));
        }
        Ok(())
    }

    /// MS-OXCSTOR 2.2.1.2.1: R201, R203, R204, R205, R207
    fn a_class_that_is_none_has_no_folder(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        for class in bad_classes() {
            assert_eq!(get(&mut client, &class), Err(INVALID_PARAMETER), "{class:?}");
        }
        assert_eq!(get(&mut client, &[b'x'; 254])?, (INBOX, String::new()));
        assert_eq!(get(&mut client, b"iPm.NoTe")?.0, INBOX);
        assert_eq!(get(&mut client, b"")?, (INBOX, String::new()));
        Ok(())
    }

    /// MS-OXCSTOR 2.2.1.2.1: R198, R202, R206
    /// MS-OXCSTOR 3.2.5.2: R59783, R59785
    fn public_folders_receive_nothing(rig: &Rig) -> Result {
        let (mut client, _) = public_client(rig, ME)?;
        assert_eq!(get(&mut client, b"IPM.Note"), Err(NOT_SUPPORTED));
        assert_eq!(get(&mut client, b"IPM."), Err(NOT_SUPPORTED));
        assert_eq!(get(&mut rig.client(ME)?, b"IPM."), Err(INVALID_PARAMETER));
        Ok(())
    }

    /// MS-OXCSTOR 2.2.1.2.2: R208, R209, R210, R59801
    /// MS-OXCSTOR 3.2.5.2: R1225
    fn the_class_that_is_configured_is_told(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        set(&mut client, b"Ipm.TeSt", SpecialFolder::Journal.id())?;
        let (folder, class) = get(&mut client, b"IPM.TEST.Something")?;
        assert_eq!(folder, SpecialFolder::Journal.id());
        assert!(class.eq_ignore_ascii_case("IPM.Test"), "{class}");
        let opened = client.open_folder(folder)?;
        assert_eq!(client.get(opened, mapi::tags::DISPLAY_NAME)?, "Journal".into());
        Ok(())
    }

    /// MS-OXCSTOR 2.2.1.3: R241, R243, R247
    /// MS-OXCSTOR 3.2.5.3: R1235, R59754
    fn an_entry_is_made_changed_and_taken_away(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let (drafts, notes) = (SpecialFolder::Drafts.id(), SpecialFolder::Notes.id());
        let count = table(&mut client)?.len();
        set(&mut client, b"IPM.Test", drafts)?;
        assert_eq!(table(&mut client)?.len(), count + 1);
        assert_eq!(get(&mut client, b"IPM.Test.X")?.0, drafts);
        set(&mut client, b"ipm.TEST", notes)?;
        assert_eq!(table(&mut client)?.len(), count + 1);
        assert_eq!(get(&mut client, b"IPM.Test.X")?.0, notes);
        set(&mut client, b"IPM.Test", FolderId::NONE)?;
        assert_eq!(table(&mut client)?.len(), count);
        assert_eq!(get(&mut client, b"IPM.Test.X")?.0, INBOX);
        Ok(())
    }

    /// MS-OXCSTOR 3.2.5.3: R859, R860, R271, R273, R275
    fn what_may_not_be_set(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let drafts = SpecialFolder::Drafts.id();
        for class in [&b"IPM"[..], b"ipm", b"Report.IPM", b"REPORT.ipm"] {
            assert_eq!(set(&mut client, class, drafts), Err(ACCESS_DENIED));
        }
        assert_eq!(set(&mut client, b"", FolderId::NONE), Err(ERROR));
        for class in bad_classes() {
            assert_eq!(set(&mut client, &class, drafts), Err(INVALID_PARAMETER), "{class:?}");
        }
        set(&mut client, b"", drafts)?;
        assert_eq!(get(&mut client, b"Anything")?, (drafts, String::new()));
        Ok(())
    }

    /// MS-OXCSTOR 2.2.1.3.1: R249, R250
    /// MS-OXCSTOR 3.2.5.3: R856, R279, R871
    fn a_receive_folder_is_one_of_the_mailbox(rig: &Rig) -> Result {
        let (mut public, _) = public_client(rig, ME)?;
        assert_eq!(set(&mut public, b"IPM.Test", INBOX), Err(NOT_SUPPORTED));
        let mut client = rig.client(ME)?;
        let absent = FolderId::own(0x7777);
        assert_eq!(set(&mut client, b"IPM.Test", absent), Err(ErrorCode::NOT_FOUND));
        set(&mut client, b"IPM.Test", SpecialFolder::Tasks.id())?;
        assert_eq!(get(&mut client, b"IPM.Test.Sub")?.0, SpecialFolder::Tasks.id());
        Ok(())
    }

    /// MS-OXCSTOR 2.2.1.4.2: R294, R301, R303, R305, R314
    fn rows_have_a_folder_a_class_and_a_time(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let before = rig.store.now();
        set(&mut client, b"IPM.Test", SpecialFolder::Drafts.id())?;
        let after = rig.store.now();
        let rows = table(&mut client)?;
        assert_eq!(rows.len(), 5);
        let row = rows.iter().find(|row| row.1.eq_ignore_ascii_case("IPM.Test")).expect("a row");
        assert_eq!(row.0, SpecialFolder::Drafts.id().to_i64());
        assert!(before <= row.2 && row.2 <= after);
        assert!(rows.iter().filter(|other| other.1 != row.1).all(|other| other.2 <= before));
        Ok(())
    }

    /// MS-OXCSTOR 3.2.5.3: R867, R1030, R870, R872, R873
    fn the_time_of_a_row_moves_with_its_folder(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let time = |client: &mut Client| {
            let rows = table(client)?;
            let row = rows.into_iter().find(|row| row.1.eq_ignore_ascii_case("IPM.Test"));
            Answer::Ok(row.expect("a row"))
        };
        set(&mut client, b"IPM.Test", SpecialFolder::Drafts.id())?;
        let first = time(&mut client)?;
        set(&mut client, b"IPM.Test", SpecialFolder::Notes.id())?;
        let second = time(&mut client)?;
        assert_eq!(first.0, SpecialFolder::Drafts.id().to_i64());
        assert_eq!(second.0, SpecialFolder::Notes.id().to_i64());
        assert!(first.2 <= second.2 && second.2 <= rig.store.now());
        Ok(())
    }

    /// MS-OXCSTOR 2.2.1.4.1: R287
    /// MS-OXCSTOR 3.2.5.4: R875, R324, R325
    fn public_folders_have_no_receive_folder_table(rig: &Rig) -> Result {
        let (mut client, _) = public_client(rig, ME)?;
        assert_eq!(table(&mut client), Err(NOT_SUPPORTED));
        assert_eq!(table(&mut rig.client(ME)?)?.len(), 4);
        Ok(())
    }
}
