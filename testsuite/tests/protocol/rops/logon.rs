//! Logon ROPs: [MS-OXCROPS] 2.2.3.

use mapi_rop::Handle;
use store::SpecialFolder;
use testsuite::octets::{Octets, Rop};
use testsuite::on_both;
use testsuite::rig::ME;

use super::*;

const NOBODY: Handle = Handle::NONE;

/// RopLogon: OutputHandleIndex, LogonFlags, OpenFlags, StoreState, EssdnSize, Essdn.
fn logon(flags: u8, dn: &str) -> Rop {
    let dn = [dn.as_bytes(), &[0]].concat();
    Rop::new(0xfe, 0).u8(flags).u32(0x0100_0004).u32(0).sized(&dn)
}

fn ask_logon(client: &mut Client, rop: Rop) -> Octets {
    let logon = client.logon;
    client.ask(rop, &[NOBODY, logon])
}

on_both! {
    /// MS-OXCROPS 2.2.3.1: R20
    /// MS-OXCROPS 2.2.3.1.1: R29
    /// MS-OXCROPS 2.2.3.1.2: R45, R50
    /// MS-OXCROPS 2.2.3.1.2.1
    fn logon_to_a_mailbox(rig: &Rig) -> Result {
        let mut client = rig.bare_client(ME)?;
        let mut answer = client.ask(logon(0x01, &rig.legacy_dn(ME)?), &[NOBODY]);
        answer.head(0xfe, 0, code::SUCCESS);
        assert_eq!(answer.u8(), 0x01, "LogonFlags");
        let folders: Vec<_> = (0..13).map(|_| answer.bytes(8)).collect();
        assert_eq!(folders[4], wire(SpecialFolder::Inbox.id()));
        assert!(folders.iter().all(|id| id[..2] == [1, 0] && id[2..] != [0; 6]));
        // ResponseFlags: Reserved, OwnerRight, SendAsRight.
        assert_eq!(answer.u8() & 0x07, 0x07);
        let mailbox = answer.bytes(16);
        assert_eq!(answer.u16(), 1, "ReplId");
        let replica = answer.bytes(16);
        assert!(mailbox != [0; 16] && replica != [0; 16], "MailboxGuid, ReplGuid");
        // LogonTime: seconds, minutes, hour, day of the week, day, month, year.
        let time = answer.bytes(6);
        assert!(time[0] < 60 && time[1] < 60 && time[2] < 24 && time[3] < 7, "{time:?}");
        assert!((1..=31).contains(&time[4]) && (1..=12).contains(&time[5]), "{time:?}");
        assert!(answer.u16() >= 2020);
        answer.u64();
        assert_eq!(answer.u32(), 0, "StoreState");
        assert_ne!(answer.handles[0], NOBODY);
        answer.end();
        Ok(())
    }

    /// MS-OXCROPS 2.2.3.1.4: R114, R116, R119, R121, R127
    fn logon_is_redirected(rig: &Rig) -> Result {
        let mut client = rig.bare_client(ME)?;
        let server = rig.store.server_dn()?;
        let elsewhere = b"/o=Coffer/ou=x/cn=Configuration/cn=Servers/cn=OTHER\0";
        // LogonFlags (Undercover, Ghosted), OpenFlags (PUBLIC), StoreState, EssdnSize, Essdn.
        let rop = Rop::new(0xfe, 0).u8(0x06).u32(0x0000_0002).u32(0).sized(elsewhere);
        let mut answer = client.ask(rop, &[NOBODY]);
        answer.head(0xfe, 0, 0x0000_0478);
        assert_eq!(answer.u8(), 0x06, "LogonFlags");
        // ServerNameSize counts the null.
        assert_eq!(usize::from(answer.u8()), server.len() + 1);
        assert_eq!(answer.text8(), server);
        assert_eq!(answer.handles, [NOBODY]);
        answer.end();
        Ok(())
    }

    /// MS-OXCROPS 2.2.3.1.5: R130, R135
    fn logon_fails(rig: &Rig) -> Result {
        let mut client = rig.bare_client(ME)?;
        // ecUnknownUser
        client.ask(logon(0x01, "/o=nobody/cn=nowhere"), &[NOBODY]).only(0xfe, 0, 0x0000_03eb);
        Ok(())
    }

    /// MS-OXCROPS 2.2.3.2: R137
    /// MS-OXCROPS 2.2.3.2.1: R147
    /// MS-OXCROPS 2.2.3.2.2: R150, R152, R155
    fn get_receive_folder(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mut answer = ask_logon(&mut client, Rop::new(0x27, 1).text8("IPM.Note"));
        answer.head(0x27, 1, code::SUCCESS);
        assert_eq!(answer.bytes(8), wire(SpecialFolder::Inbox.id()));
        let class = answer.text8();
        assert!(class.is_empty() || class == "IPM" || class == "IPM.Note", "{class}");
        answer.end();
        Ok(())
    }

    /// MS-OXCROPS 2.2.3.2.3: R162, R164, R167
    fn get_receive_folder_fails(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        // ecInvalidParam: a class ends in no period.
        ask_logon(&mut client, Rop::new(0x27, 1).text8("IPM.")).only(0x27, 1, 0x8007_0057);
        Ok(())
    }

    /// MS-OXCROPS 2.2.3.3: R168
    /// MS-OXCROPS 2.2.3.3.1: R178, R180
    /// MS-OXCROPS 2.2.3.3.2: R183, R185
    fn set_receive_folder(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let outbox = wire(SpecialFolder::Outbox.id());
        let rop = Rop::new(0x26, 1).bytes(&outbox).text8("IPM.Odd");
        ask_logon(&mut client, rop).only(0x26, 1, code::SUCCESS);
        let mut answer = ask_logon(&mut client, Rop::new(0x27, 1).text8("IPM.Odd.Thing"));
        answer.head(0x27, 1, code::SUCCESS);
        assert_eq!((answer.bytes(8), answer.text8()), (outbox.to_vec(), "IPM.Odd".to_owned()));
        Ok(())
    }

    /// MS-OXCROPS 2.2.3.4: R188
    /// MS-OXCROPS 2.2.3.4.1: R196
    /// MS-OXCROPS 2.2.3.4.2: R199, R201, R204
    fn get_receive_folder_table(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mut answer = ask_logon(&mut client, Rop::new(0x68, 1));
        answer.head(0x68, 1, code::SUCCESS);
        let count = answer.u32();
        assert!(count >= 2, "{count}");
        let mut classes = Vec::new();
        for _ in 0..count {
            // A row: flag, PidTagFolderId, PidTagMessageClass, PidTagLastModificationTime.
            assert_eq!(answer.u8(), 0);
            answer.bytes(8);
            classes.push(answer.text8());
            answer.u64();
        }
        answer.end();
        assert!(classes.iter().any(String::is_empty), "{classes:?}");
        Ok(())
    }

    /// MS-OXCROPS 2.2.3.4.3: R217, R219, R222
    fn get_receive_folder_table_fails(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let rop = Rop::new(0x68, 1);
        client.ask(rop, &[NOBODY, NOBODY]).only(0x68, 1, code::NULL_OBJECT);
        Ok(())
    }

    /// MS-OXCROPS 2.2.3.8: R329
    /// MS-OXCROPS 2.2.3.8.1: R339
    /// MS-OXCROPS 2.2.3.8.2: R342, R344, R347
    fn long_term_id_from_id(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let id = wire(SpecialFolder::Inbox.id());
        let mut answer = ask_logon(&mut client, Rop::new(0x43, 1).bytes(&id));
        answer.head(0x43, 1, code::SUCCESS);
        // LongTermId: DatabaseGuid, GlobalCounter, Pad.
        assert_ne!(answer.bytes(16), [0; 16]);
        assert_eq!((answer.bytes(6), answer.u16()), (id[2..].to_vec(), 0));
        answer.end();
        Ok(())
    }

    /// MS-OXCROPS 2.2.3.8.3: R353, R355, R358
    fn long_term_id_from_id_fails(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let id = [0xee, 0xee, 0, 0, 0, 0, 0, 1];
        ask_logon(&mut client, Rop::new(0x43, 1).bytes(&id)).only(0x43, 1, code::NOT_FOUND);
        Ok(())
    }

    /// MS-OXCROPS 2.2.3.9: R359
    /// MS-OXCROPS 2.2.3.9.1: R369
    /// MS-OXCROPS 2.2.3.9.2: R373, R375, R378
    fn id_from_long_term_id(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let id = wire(SpecialFolder::Inbox.id());
        let mut answer = ask_logon(&mut client, Rop::new(0x43, 1).bytes(&id));
        answer.head(0x43, 1, code::SUCCESS);
        let long = answer.bytes(24);
        let mut answer = ask_logon(&mut client, Rop::new(0x44, 1).bytes(&long));
        answer.head(0x44, 1, code::SUCCESS);
        assert_eq!(answer.bytes(8), id);
        answer.end();
        Ok(())
    }

    /// MS-OXCROPS 2.2.3.9.3: R383, R385, R388
    fn id_from_long_term_id_fails(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let rop = Rop::new(0x44, 1).bytes(&[0; 24]);
        client.ask(rop, &[NOBODY, NOBODY]).only(0x44, 1, code::NULL_OBJECT);
        Ok(())
    }
}
