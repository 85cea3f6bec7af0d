//! RopOpenFolder and RopCreateFolder.

use mapi::text::String8;
use mapi_rop::folder::{OpenFolderFlags, OpenFolderRequest, OpenFolderResponse};
use mapi_rop::parts::Flagged;
use testsuite::on_both;
use testsuite::rig::ME;

use super::*;

const DUPLICATE_NAME: ErrorCode = ErrorCode(0x8004_0604);
const NOT_FOUND: ErrorCode = ErrorCode(0x8004_010f);
const INVALID_PARAMETER: ErrorCode = ErrorCode(0x8007_0057);

fn open(
    client: &mut Client,
    input: Handle,
    folder: FolderId,
    flags: u8,
) -> Answer<OpenFolderResponse> {
    let flags = OpenFolderFlags(flags);
    let request = RopRequest::OpenFolder(OpenFolderRequest { folder, flags });
    match client.call(input, request)? {
        RopResponse::OpenFolder(answer) => Ok(answer),
        other => panic!("{other:?}"),
    }
}

on_both! {
    /// MS-OXCFOLD 2.1: R2
    /// MS-OXCFOLD 2.2.1.1: R9, R90001
    /// MS-OXCFOLD 2.2.1.1.1: R16, R17
    fn a_folder_is_opened(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        let own = client.get(inbox, tags::FOLDER_ID).expect("an id");
        assert_eq!(own, INBOX.to_i64().into());
        // From a folder, too, whichever it is.
        let logon = client.logon;
        let told = OpenFolderResponse { has_rules: false, ghosted: Flagged(None) };
        assert_eq!(open(&mut client, inbox, TOP, 0), Ok(told.clone()));
        assert_eq!(open(&mut client, logon, TOP, 0), Ok(told));
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.1.2: R23, R24, R26, R30
    fn a_folder_of_a_mailbox_has_no_replicas(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let logon = client.logon;
        let told = OpenFolderResponse { has_rules: false, ghosted: Flagged(None) };
        assert_eq!(open(&mut client, logon, INBOX, 0), Ok(told));
        Ok(())
    }

    /// MS-OXCFOLD 3.2.5.1: R462, R469
    /// MS-OXCFOLD 6: R46201002
    fn a_folder_that_is_not_there_is_not_opened(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let logon = client.logon;
        assert_eq!(open(&mut client, logon, FolderId::own(0xffff), 4), Err(NOT_FOUND));
        let made = folder(&mut client, INBOX, "gone");
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        assert_eq!(delete(&mut client, inbox, made.id, 0x10), Ok(false));
        assert_eq!(open(&mut client, logon, made.id, 4), Err(NOT_FOUND));
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.1.1: R21, R22
    /// MS-OXCFOLD 3.2.5.1: R464, R471
    fn a_soft_deleted_folder_opens_with_its_bit(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let logon = client.logon;
        let made = folder(&mut client, INBOX, "soft");
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        assert_eq!(delete(&mut client, inbox, made.id, 0), Ok(false));
        assert_eq!(open(&mut client, logon, made.id, 0), Err(NOT_FOUND));
        assert!(open(&mut client, logon, made.id, 4).is_ok());
        assert!(open(&mut client, logon, INBOX, 4).is_ok());
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.1.1: R821
    /// MS-OXCFOLD 3.2.5.1: R465, R46501, R46507
    fn other_bits_are_ignored(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let logon = client.logon;
        let made = folder(&mut client, INBOX, "soft");
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        delete(&mut client, inbox, made.id, 0).expect("deleted");
        for bit in [0x01, 0x02, 0x08, 0x10, 0x20, 0x40, 0x80] {
            assert!(open(&mut client, logon, INBOX, bit).is_ok(), "{bit:#x}");
            assert_eq!(open(&mut client, logon, made.id, bit), Err(NOT_FOUND), "{bit:#x}");
        }
        Ok(())
    }

    /// MS-OXCFOLD 3.2.5.1: R466, R473
    /// MS-OXCFOLD 3.2.5.2: R495
    fn folders_are_opened_and_made_from_folders(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = client.create_message(INBOX, false).expect("a message");
        assert_eq!(open(&mut client, message, INBOX, 0), Err(NOT_SUPPORTED));
        let made = client.open(message, create(FolderType::Generic, "x", false));
        assert_eq!(made, Err(NOT_SUPPORTED));
        let logon = client.logon;
        let made = client.open(logon, create(FolderType::Generic, "x", false));
        assert_eq!(made, Err(NOT_SUPPORTED));
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.2: R37, R3801
    /// MS-OXCFOLD 2.2.1.2.1: R43, R46, R54
    fn a_folder_is_made(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let made = folder(&mut client, INBOX, "Näme");
        assert_eq!(client.get(made.handle, tags::DISPLAY_NAME), Ok("Näme".into()));
        assert_eq!(get_int(&mut client, made.handle, tags::FOLDER_TYPE), 1);
        assert_eq!(client.get(made.handle, tags::FOLDER_ID), Ok(made.id.to_i64().into()));
        assert!(client.open_folder(made.id).is_ok());
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.2.1: R48, R49, R56
    /// MS-OXCFOLD 2.2.2.2.2.2: R10359, R1034
    fn texts_come_in_both_widths(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        let make = |client: &mut Client, texts| {
            let request = CreateFolderRequest {
                folder_type: FolderType::Generic,
                open_existing: false,
                reserved: 0,
                texts,
            };
            let made = client.call_two(inbox, Handle::NONE, RopRequest::CreateFolder(request));
            let (body, handle) = made.expect("a folder");
            let RopResponse::CreateFolder(answer) = body else { panic!("{body:?}") };
            let id = client.get(handle, tags::FOLDER_ID);
            assert_eq!((id, answer.existing), (Ok(answer.folder.to_i64().into()), Flagged(None)));
            handle
        };
        let wide = FolderTexts::Unicode { display_name: "wide ü".into(), comment: "ö".into() };
        let wide = make(&mut client, wide);
        assert_eq!(client.get(wide, tags::COMMENT), Ok("ö".into()));
        let bytes = |text: &[u8]| String8(text.to_vec());
        let narrow =
            FolderTexts::Bytes { display_name: bytes(b"narrow \xfc"), comment: bytes(b"") };
        let narrow = make(&mut client, narrow);
        assert_eq!(client.get(narrow, tags::DISPLAY_NAME), Ok("narrow ü".into()));
        assert_eq!(client.get(narrow, tags::COMMENT), Err(NOT_FOUND));
        Ok(())
    }

    /// MS-OXCFOLD 3.2.5.2: R477, R487
    fn a_folder_needs_a_name_and_a_type(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        let unnamed = client.open(inbox, create(FolderType::Generic, "", false));
        assert_eq!(unnamed, Err(INVALID_PARAMETER));
        for unknown in [0, 3, 0xff] {
            let made = client.open(inbox, create(FolderType::Unknown(unknown), "x", false));
            assert_eq!(made, Err(INVALID_PARAMETER), "{unknown}");
        }
        Ok(())
    }

    /// MS-OXCFOLD 3.2.5.2: R1065, R481, R493
    /// MS-OXCFOLD 2.2.2.2.2.5: R1039
    fn siblings_have_different_names(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        folder(&mut client, INBOX, "one");
        let again = make(&mut client, INBOX, FolderType::Generic, "ONE");
        assert_eq!(again, Err(DUPLICATE_NAME));
        // Elsewhere the name is free.
        folder(&mut client, TOP, "one");
        Ok(())
    }

    /// MS-OXCFOLD 3.2.5.2: R482, R483
    /// MS-OXCFOLD 2.2.1.2.1: R50, R51
    fn an_existing_folder_is_opened(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let one = folder(&mut client, INBOX, "one");
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        let open = |client: &mut Client, name: &str| {
            match client.call(inbox, create(FolderType::Generic, name, true)).expect("a folder") {
                RopResponse::CreateFolder(answer) => answer.folder,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(open(&mut client, "one"), one.id);
        let two = open(&mut client, "two");
        assert_ne!(two, one.id);
        assert_eq!(open(&mut client, "two"), two);
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.2.2: R58, R59, R1197, R926
    fn a_folder_of_a_mailbox_is_told_as_new(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let one = folder(&mut client, INBOX, "one");
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        let again = client.call(inbox, create(FolderType::Generic, "one", true));
        let Ok(RopResponse::CreateFolder(answer)) = again else { panic!("{again:?}") };
        assert_eq!((answer.folder, answer.existing), (one.id, Flagged(None)));
        Ok(())
    }

    /// MS-OXCFOLD 3.2.5.2: R1073
    fn nothing_is_made_in_a_soft_deleted_folder(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let gone = folder(&mut client, INBOX, "gone");
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        delete(&mut client, inbox, gone.id, 0).expect("deleted");
        let made = client.open(gone.handle, create(FolderType::Generic, "x", false));
        assert_eq!(made, Err(NOT_FOUND));
        Ok(())
    }

    /// MS-OXCFOLD 3.1.4.1: R397
    fn the_id_stands_in_the_hierarchy_table(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let made = folder(&mut client, INBOX, "one");
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        let table = client.hierarchy(inbox, TableFlags::NONE);
        assert_eq!(column(&mut client, table, tags::FOLDER_ID), [made.id.to_i64().into()]);
        Ok(())
    }
}
