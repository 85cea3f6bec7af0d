//! Folder ROPs: [MS-OXCROPS] 2.2.4.

use mapi_rop::Handle;
use store::SpecialFolder;
use testsuite::octets::Rop;
use testsuite::on_both;
use testsuite::rig::ME;

use super::*;

const NOBODY: Handle = Handle::NONE;
/// The id of no folder and no message.
const NOTHING: [u8; 8] = [1, 0, 0, 0, 0, 0x7f, 0xff, 0xff];

on_both! {
    /// MS-OXCROPS 2.2.4.1: R531
    /// MS-OXCROPS 2.2.4.1.1: R543
    /// MS-OXCROPS 2.2.4.1.2: R549, R551
    fn open_folder(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let logon = client.logon;
        let rop = Rop::new(0x02, 0).u8(2).bytes(&wire(SpecialFolder::Inbox.id())).u8(0);
        let mut answer = client.ask(rop, &[logon, NOBODY, NOBODY]);
        answer.head(0x02, 2, code::SUCCESS);
        let (has_rules, is_ghosted) = (answer.u8(), answer.u8());
        assert_eq!((has_rules, is_ghosted), (0, 0));
        assert_eq!(answer.handles[..2], [logon, NOBODY]);
        let inbox = answer.handles[2];
        assert_ne!(inbox, NOBODY);
        // Without ServerCount, CheapServerCount and Servers.
        answer.end();
        assert_eq!(folders(&mut client, inbox), 0);
        Ok(())
    }

    /// MS-OXCROPS 2.2.4.1.1: R545, R546
    /// MS-OXCROPS 2.2.4.1.3: R574, R576, R579
    fn open_folder_fails(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let logon = client.logon;
        let rop = |id: &[u8], flags: u8| Rop::new(0x02, 0).u8(1).bytes(id).u8(flags);
        client.ask(rop(&NOTHING, 0), &[logon, NOBODY]).only(0x02, 1, code::NOT_FOUND);
        // OpenSoftDeleted opens what was deleted.
        let inbox = inbox(&mut client);
        let (id, _) = child(&mut client, inbox, "gone");
        client.ask(Rop::new(0x1d, 0).u8(0x05).bytes(&id), &[inbox]).head(0x1d, 0, code::SUCCESS);
        client.ask(rop(&id, 0), &[logon, NOBODY]).only(0x02, 1, code::NOT_FOUND);
        client.ask(rop(&id, 0x04), &[logon, NOBODY]).head(0x02, 1, code::SUCCESS);
        Ok(())
    }

    /// MS-OXCROPS 2.2.4.2: R580
    /// MS-OXCROPS 2.2.4.2.1: R594
    /// MS-OXCROPS 2.2.4.2.2: R611, R613, R620
    fn create_folder(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = inbox(&mut client);
        // FolderType, UseUnicodeStrings, OpenExisting, Reserved, DisplayName, Comment
        let rop = Rop::new(0x1c, 0).u8(1).u8(1).u8(1).u8(0).u8(0).text16("Größe").text16("why");
        let mut answer = client.ask(rop, &[inbox, NOBODY]);
        answer.head(0x1c, 1, code::SUCCESS);
        let id = answer.bytes(8);
        assert_eq!(id[..2], [1, 0]);
        assert_ne!(id[2..], [0; 6]);
        assert_eq!(answer.u8(), 0, "IsExistingFolder");
        let made = answer.handles[1];
        answer.end();
        let name = client.get(made, mapi::tags::DISPLAY_NAME);
        assert_eq!(name, Ok("Größe".into()));
        assert_eq!(client.get(made, mapi::tags::COMMENT), Ok("why".into()));
        Ok(())
    }

    /// MS-OXCROPS 2.2.4.2.1: R596
    /// MS-OXCROPS 2.2.4.2.2: R618
    fn create_folder_opens_one_that_is_there(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = inbox(&mut client);
        let (first, _) = child(&mut client, inbox, "twice");
        let rop = Rop::new(0x1c, 0).u8(1).u8(1).u8(0).u8(1).u8(0).text8("twice").text8("");
        let mut answer = client.ask(rop, &[inbox, NOBODY]);
        answer.head(0x1c, 1, code::SUCCESS);
        assert_eq!(answer.bytes(8), first);
        // In a mailbox it is never told that it was there (MS-OXCFOLD R1197), so nothing more is.
        assert_eq!(answer.u8(), 0);
        answer.end();
        Ok(())
    }

    /// MS-OXCROPS 2.2.4.2.3: R647, R649, R652
    fn create_folder_fails(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = inbox(&mut client);
        child(&mut client, inbox, "once");
        let rop = Rop::new(0x1c, 0).u8(1).u8(1).u8(0).u8(0).u8(0).text8("once").text8("");
        client.ask(rop, &[inbox, NOBODY]).only(0x1c, 1, code::DUPLICATE_NAME);
        Ok(())
    }

    /// MS-OXCROPS 2.2.4.3: R653
    /// MS-OXCROPS 2.2.4.3.1: R666
    /// MS-OXCROPS 2.2.4.3.2: R669, R671
    fn delete_folder(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = inbox(&mut client);
        let (id, folder) = child(&mut client, inbox, "outer");
        child(&mut client, folder, "inner");
        let rop = |flags: u8, id: &[u8]| Rop::new(0x1d, 1).u8(flags).bytes(id);
        // Without DEL_FOLDERS a folder with another in it stays.
        let mut answer = client.ask(rop(0x01, &id), &[NOBODY, inbox]);
        answer.head(0x1d, 1, code::SUCCESS);
        assert_eq!(answer.u8(), 1, "PartialCompletion");
        answer.end();
        assert_eq!(folders(&mut client, inbox), 1);
        let mut answer = client.ask(rop(0x05, &id), &[NOBODY, inbox]);
        answer.head(0x1d, 1, code::SUCCESS);
        assert_eq!(answer.u8(), 0, "PartialCompletion");
        answer.end();
        assert_eq!(folders(&mut client, inbox), 0);
        let mut answer = client.ask(rop(0x05, &NOTHING), &[NOBODY, inbox]);
        answer.head(0x1d, 1, code::NOT_FOUND);
        assert_eq!(answer.u8(), 0, "PartialCompletion");
        answer.end();
        Ok(())
    }

    /// MS-OXCROPS 2.2.4.6: R751
    /// MS-OXCROPS 2.2.4.6.1: R766, R770
    /// MS-OXCROPS 2.2.4.6.2: R773, R775
    fn move_copy_messages(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let source = inbox(&mut client);
        let (_, target) = child(&mut client, source, "target");
        let ids = ["a", "b"].map(|text| message(&mut client, SpecialFolder::Inbox.id(), text));
        let rop = |id: &[u8], want_copy: u8| {
            Rop::new(0x33, 1).u8(2).u16(1).bytes(id).u8(0).u8(want_copy)
        };
        for (id, want_copy, left) in [(ids[0], 1, 2), (ids[1], 0, 1)] {
            let mut answer = client.ask(rop(&id, want_copy), &[NOBODY, source, target]);
            answer.head(0x33, 1, code::SUCCESS);
            assert_eq!(answer.u8(), 0, "PartialCompletion");
            answer.end();
            assert_eq!(messages(&mut client, source), left);
        }
        assert_eq!(messages(&mut client, target), 2);
        Ok(())
    }

    /// MS-OXCROPS 2.2.4.6.3: R783, R785, R789, R791
    fn move_copy_messages_to_nowhere(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let source = inbox(&mut client);
        let id = message(&mut client, SpecialFolder::Inbox.id(), "stays");
        let rop = Rop::new(0x33, 0).u8(1).u16(1).bytes(&id).u8(0).u8(0);
        let mut answer = client.ask(rop, &[source, NOBODY]);
        answer.head(0x33, 0, code::NULL_DESTINATION);
        assert_eq!((answer.u32(), answer.u8()), (1, 0), "DestHandleIndex, PartialCompletion");
        answer.end();
        assert_eq!(messages(&mut client, source), 1);
        Ok(())
    }

    /// MS-OXCROPS 2.2.4.7: R794
    /// MS-OXCROPS 2.2.4.7.1: R810, R814
    /// MS-OXCROPS 2.2.4.7.2: R817, R819
    fn move_folder(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = inbox(&mut client);
        let (id, folder) = child(&mut client, inbox, "moved");
        let (_, target) = child(&mut client, inbox, "target");
        // WantAsynchronous, UseUnicode, FolderId, NewFolderName
        let rop = Rop::new(0x35, 0).u8(1).u8(0).u8(1).bytes(&id).text16("Ärger");
        let mut answer = client.ask(rop, &[inbox, target]);
        answer.head(0x35, 0, code::SUCCESS);
        assert_eq!(answer.u8(), 0, "PartialCompletion");
        answer.end();
        assert_eq!((folders(&mut client, inbox), folders(&mut client, target)), (1, 1));
        let name = client.get(folder, mapi::tags::DISPLAY_NAME);
        assert_eq!(name, Ok("Ärger".into()));
        Ok(())
    }

    /// MS-OXCROPS 2.2.4.7.3: R827, R829, R832, R834
    fn move_folder_to_nowhere(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = inbox(&mut client);
        let (id, _) = child(&mut client, inbox, "stays");
        let rop = Rop::new(0x35, 0).u8(1).u8(0).u8(0).bytes(&id).text8("stays");
        let mut answer = client.ask(rop, &[inbox, NOBODY]);
        answer.head(0x35, 0, code::NULL_DESTINATION);
        assert_eq!((answer.u32(), answer.u8()), (1, 0), "DestHandleIndex, PartialCompletion");
        answer.end();
        assert_eq!(folders(&mut client, inbox), 1);
        Ok(())
    }

    /// MS-OXCROPS 2.2.4.8: R837
    /// MS-OXCROPS 2.2.4.8.1: R851
    /// MS-OXCROPS 2.2.4.8.2: R862, R864
    fn copy_folder(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = inbox(&mut client);
        let (id, folder) = child(&mut client, inbox, "original");
        child(&mut client, folder, "inner");
        let (_, target) = child(&mut client, inbox, "target");
        // WantAsynchronous, WantRecursive, UseUnicode, FolderId, NewFolderName
        for (want_recursive, name) in [(1, "deep"), (0, "flat")] {
            let rop = Rop::new(0x36, 0).u8(1).u8(0).u8(want_recursive).u8(0);
            let mut answer = client.ask(rop.bytes(&id).text8(name), &[inbox, target]);
            answer.head(0x36, 0, code::SUCCESS);
            assert_eq!(answer.u8(), 0, "PartialCompletion");
            answer.end();
        }
        assert_eq!(folders(&mut client, target), 2);
        // Depth shows the one copy with what is in it, and the other without.
        assert_eq!(rows(&mut client, 0x04, target, 0x04), 3);
        Ok(())
    }

    /// MS-OXCROPS 2.2.4.8.3: R872, R874, R877, R879
    fn copy_folder_to_nowhere(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = inbox(&mut client);
        let (id, _) = child(&mut client, inbox, "original");
        let rop = Rop::new(0x36, 0).u8(1).u8(0).u8(1).u8(0).bytes(&id).text8("copy");
        let mut answer = client.ask(rop, &[inbox, NOBODY]);
        answer.head(0x36, 0, code::NULL_DESTINATION);
        assert_eq!((answer.u32(), answer.u8()), (1, 0), "DestHandleIndex, PartialCompletion");
        answer.end();
        Ok(())
    }

    /// MS-OXCROPS 2.2.4.9: R882
    /// MS-OXCROPS 2.2.4.9.1: R890, R894
    /// MS-OXCROPS 2.2.4.9.2: R897, R899
    fn empty_folder(rig: &Rig) -> Result {
        emptied(rig, 0x58, 2)
    }

    /// MS-OXCROPS 2.2.4.10: R904
    /// MS-OXCROPS 2.2.4.10.1: R912, R916
    /// MS-OXCROPS 2.2.4.10.2: R919, R921
    fn hard_delete_messages_and_subfolders(rig: &Rig) -> Result {
        emptied(rig, 0x92, 0)
    }

    /// MS-OXCROPS 2.2.4.11: R926
    /// MS-OXCROPS 2.2.4.11.1: R934, R943
    /// MS-OXCROPS 2.2.4.11.2: R946, R948
    fn delete_messages(rig: &Rig) -> Result {
        deleted(rig, 0x1e, 2)
    }

    /// MS-OXCROPS 2.2.4.12: R953
    /// MS-OXCROPS 2.2.4.12.1: R961, R970
    /// MS-OXCROPS 2.2.4.12.2: R973, R975
    fn hard_delete_messages(rig: &Rig) -> Result {
        deleted(rig, 0x91, 0)
    }

    /// MS-OXCROPS 2.2.4.13: R980
    /// MS-OXCROPS 2.2.4.13.1: R990
    /// MS-OXCROPS 2.2.4.13.2: R995, R997, R1002
    fn get_hierarchy_table(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = inbox(&mut client);
        let (_, folder) = child(&mut client, inbox, "outer");
        child(&mut client, folder, "inner");
        for (flags, count) in [(0x00, 1), (0x04, 2)] {
            let rop = Rop::new(0x04, 0).u8(1).u8(flags);
            let mut answer = client.ask(rop, &[inbox, NOBODY]);
            answer.head(0x04, 1, code::SUCCESS);
            assert_eq!(answer.u32(), count, "RowCount with {flags:#x}");
            assert_ne!(answer.handles[1], NOBODY);
            answer.end();
        }
        Ok(())
    }

    /// MS-OXCROPS 2.2.4.13.3: R1005, R1007, R1010
    fn get_hierarchy_table_fails(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let rop = || Rop::new(0x04, 0).u8(1).u8(0);
        client.ask(rop(), &[NOBODY, NOBODY]).only(0x04, 1, code::NULL_OBJECT);
        let logon = client.logon;
        client.ask(rop(), &[logon, NOBODY]).only(0x04, 1, code::NOT_SUPPORTED);
        Ok(())
    }

    /// MS-OXCROPS 2.2.4.14: R1012
    /// MS-OXCROPS 2.2.4.14.1: R1022
    /// MS-OXCROPS 2.2.4.14.2: R1028, R1030, R1035
    fn get_contents_table(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = inbox(&mut client);
        message(&mut client, SpecialFolder::Inbox.id(), "one");
        let associated = client.create_message(SpecialFolder::Inbox.id(), true).expect("FAI");
        client.save(associated, mapi_rop::message::SaveFlags::NONE).expect("a save");
        message(&mut client, SpecialFolder::Inbox.id(), "two");
        for (flags, count) in [(0x00, 2), (0x02, 1), (0x20, 0)] {
            let rop = Rop::new(0x05, 0).u8(1).u8(flags);
            let mut answer = client.ask(rop, &[inbox, NOBODY]);
            answer.head(0x05, 1, code::SUCCESS);
            assert_eq!(answer.u32(), count, "RowCount with {flags:#x}");
            assert_ne!(answer.handles[1], NOBODY);
            answer.end();
        }
        Ok(())
    }

    /// MS-OXCROPS 2.2.4.14.3: R1038, R1040, R1043
    fn get_contents_table_fails(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let rop = || Rop::new(0x05, 0).u8(1).u8(0);
        client.ask(rop(), &[NOBODY, NOBODY]).only(0x05, 1, code::NULL_OBJECT);
        let logon = client.logon;
        client.ask(rop(), &[logon, NOBODY]).only(0x05, 1, code::NOT_SUPPORTED);
        Ok(())
    }
}

/// RopEmptyFolder and its hard sister: WantAsynchronous, WantDeleteAssociated; PartialCompletion. `kept` is
/// how many messages and folders are soft-deleted afterwards.
fn emptied(rig: &testsuite::rig::Rig, rop: u8, kept: u32) -> testsuite::Result {
    let mut client = rig.client(ME)?;
    let inbox = inbox(&mut client);
    child(&mut client, inbox, "below");
    message(&mut client, SpecialFolder::Inbox.id(), "here");
    let associated = client.create_message(SpecialFolder::Inbox.id(), true).expect("FAI");
    client.save(associated, mapi_rop::message::SaveFlags::NONE).expect("a save");
    for (want_associated, associated) in [(0, 1), (1, 0)] {
        let request = Rop::new(rop, 1).u8(0).u8(want_associated);
        let mut answer = client.ask(request, &[NOBODY, inbox]);
        answer.head(rop, 1, code::SUCCESS);
        assert_eq!(answer.u8(), 0, "PartialCompletion");
        answer.end();
        assert_eq!((messages(&mut client, inbox), folders(&mut client, inbox)), (0, 0));
        assert_eq!(rows(&mut client, 0x05, inbox, 0x02), associated);
    }
    let soft = [0x04, 0x05].map(|table| rows(&mut client, table, inbox, 0x20));
    assert_eq!(soft[0] + soft[1], kept, "what is soft-deleted");
    Ok(())
}

/// RopDeleteMessages and its hard sister: WantAsynchronous, NotifyNonRead, MessageIdCount, MessageIds;
/// PartialCompletion. `kept` is how many of two messages are soft-deleted afterwards.
fn deleted(rig: &testsuite::rig::Rig, rop: u8, kept: u32) -> testsuite::Result {
    let mut client = rig.client(ME)?;
    let inbox = inbox(&mut client);
    let ids = ["a", "b", "c"].map(|text| message(&mut client, SpecialFolder::Inbox.id(), text));
    let request = Rop::new(rop, 1).u8(0).u8(0).u16(2).bytes(&ids[0]).bytes(&ids[2]);
    let mut answer = client.ask(request, &[NOBODY, inbox]);
    answer.head(rop, 1, code::SUCCESS);
    assert_eq!(answer.u8(), 0, "PartialCompletion");
    answer.end();
    assert_eq!(messages(&mut client, inbox), 1);
    assert_eq!(rows(&mut client, 0x05, inbox, 0x20), kept);
    Ok(())
}
