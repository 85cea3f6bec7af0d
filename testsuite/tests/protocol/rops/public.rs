//! Logon ROPs of public folders: [MS-OXCROPS] 2.2.3.1.3, 2.2.3.5 to 2.2.3.7, 2.2.3.10 to 2.2.3.13.

use mapi_rop::Handle;
use testsuite::octets::{Octets, Rop};
use testsuite::on_both;
use testsuite::rig::{ME, Rig};

use super::*;

const NOBODY: Handle = Handle::NONE;
/// What the information of a user is about: a replica, a folder of another store, and the bytes of a
/// client.
const REPLICA: [u8; 16] = [9; 16];
const FOLDER: [u8; 24] = [7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 0, 0, 0, 0, 1, 2, 0, 0];
/// A change number set of one number of that replica ([MS-OXCFXICS] 2.2.2.4, 2.2.2.6): REPLGUID, Push of six
/// octets, End.
const READ: [u8; 24] = [9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 6, 0, 0, 0, 0, 0, 5, 0];
const NEITHER: [u8; 24] = [8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 0, 0, 0, 0, 1, 2, 0, 0];

fn ask_logon(client: &mut Client, rop: Rop) -> Octets {
    let logon = client.logon;
    client.ask(rop, &[NOBODY, logon])
}

/// RopLogon to the public folders: LogonFlags, OpenFlags (PUBLIC), StoreState, EssdnSize.
fn public_logon() -> Rop {
    Rop::new(0xfe, 0).u8(0x00).u32(0x0000_0002).u32(0).u16(0)
}

/// A client that is logged on to the public folders, and the root of what people see.
fn public(rig: &Rig) -> testsuite::Result<(Client, Vec<u8>)> {
    let mut client = rig.bare_client(ME)?;
    let mut answer = client.ask(public_logon(), &[NOBODY]);
    answer.head(0xfe, 0, code::SUCCESS);
    answer.u8();
    let folders: Vec<_> = (0..13).map(|_| answer.bytes(8)).collect();
    client.logon = answer.handles[0];
    Ok((client, folders[1].clone()))
}

/// RopWritePerUserInformation: FolderId, HasFinished, DataOffset, DataSize, Data, ReplGuid.
fn write_information(client: &mut Client) -> Octets {
    let rop = Rop::new(0x64, 1).bytes(&FOLDER).u8(1).u32(0).sized(&READ).bytes(&REPLICA);
    ask_logon(client, rop)
}

/// RopReadPerUserInformation: FolderId, Reserved, DataOffset, MaxDataSize.
fn read_information() -> Rop {
    Rop::new(0x63, 1).bytes(&FOLDER).u8(0).u32(0).u16(0)
}

on_both! {
    /// MS-OXCROPS 2.2.3.1.3: R93, R98
    fn logon_to_public_folders(rig: &Rig) -> Result {
        let mut client = rig.bare_client(ME)?;
        let mut answer = client.ask(public_logon(), &[NOBODY]);
        answer.head(0xfe, 0, code::SUCCESS);
        assert_eq!(answer.u8() & 0x01, 0, "LogonFlags");
        let folders: Vec<_> = (0..13).map(|_| answer.bytes(8)).collect();
        assert_ne!(folders[0], [0; 8], "the root");
        assert_ne!(answer.u16(), 0, "ReplId");
        assert_ne!(answer.bytes(16), [0; 16], "ReplGuid");
        answer.bytes(16);
        assert_ne!(answer.handles[0], NOBODY);
        answer.end();
        Ok(())
    }

    /// MS-OXCROPS 2.2.3.5: R223
    /// MS-OXCROPS 2.2.3.5.1: R231
    /// MS-OXCROPS 2.2.3.5.3: R245, R247, R250
    fn get_store_state(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        // As Exchange 2016: NotImplemented.
        ask_logon(&mut client, Rop::new(0x7b, 1)).only(0x7b, 1, 0x8004_0fff);
        Ok(())
    }

    /// MS-OXCROPS 2.2.3.6: R251
    /// MS-OXCROPS 2.2.3.6.1: R261
    /// MS-OXCROPS 2.2.3.6.2: R264, R266, R269
    fn get_owning_servers(rig: &Rig) -> Result {
        let (mut client, root) = public(rig)?;
        let mut answer = ask_logon(&mut client, Rop::new(0x42, 1).bytes(&root));
        answer.head(0x42, 1, code::SUCCESS);
        // OwningServersCount, CheapServersCount, OwningServers: there is one.
        assert_eq!((answer.u16(), answer.u16()), (1, 1));
        assert_ne!(answer.text8(), "");
        answer.end();
        Ok(())
    }

    /// MS-OXCROPS 2.2.3.6.3: R279, R281, R284
    fn get_owning_servers_fails(rig: &Rig) -> Result {
        let (mut client, root) = public(rig)?;
        let rop = Rop::new(0x42, 1).bytes(&root);
        client.ask(rop, &[NOBODY, NOBODY]).only(0x42, 1, code::NULL_OBJECT);
        Ok(())
    }

    /// MS-OXCROPS 2.2.3.7: R285
    /// MS-OXCROPS 2.2.3.7.1: R295
    /// MS-OXCROPS 2.2.3.7.2: R298, R300, R303
    fn public_folder_is_ghosted(rig: &Rig) -> Result {
        let (mut client, root) = public(rig)?;
        let mut answer = ask_logon(&mut client, Rop::new(0x45, 1).bytes(&root));
        answer.head(0x45, 1, code::SUCCESS);
        assert_eq!(answer.u8(), 0, "IsGhosted");
        answer.end();
        Ok(())
    }

    /// MS-OXCROPS 2.2.3.7.3: R323, R325, R328
    fn public_folder_is_ghosted_fails(rig: &Rig) -> Result {
        let (mut client, root) = public(rig)?;
        let rop = Rop::new(0x45, 1).bytes(&root);
        client.ask(rop, &[NOBODY, NOBODY]).only(0x45, 1, code::NULL_OBJECT);
        Ok(())
    }

    /// MS-OXCROPS 2.2.3.13: R499
    /// MS-OXCROPS 2.2.3.13.1: R509
    /// MS-OXCROPS 2.2.3.13.2: R526, R528
    fn write_per_user_information(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        write_information(&mut client).only(0x64, 1, code::SUCCESS);
        let rop = Rop::new(0x64, 1).bytes(&FOLDER).u8(1).u32(0).sized(&READ).bytes(&REPLICA);
        client.ask(rop, &[NOBODY, NOBODY]).only(0x64, 1, code::NULL_OBJECT);
        Ok(())
    }

    /// MS-OXCROPS 2.2.3.12: R453
    /// MS-OXCROPS 2.2.3.12.1: R463
    /// MS-OXCROPS 2.2.3.12.2: R478, R480, R483
    fn read_per_user_information(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        write_information(&mut client).only(0x64, 1, code::SUCCESS);
        let mut answer = ask_logon(&mut client, read_information());
        answer.head(0x63, 1, code::SUCCESS);
        assert_eq!((answer.u8(), answer.u16()), (1, 24), "HasFinished, DataSize");
        assert_eq!(answer.bytes(24), READ);
        answer.end();
        Ok(())
    }

    /// MS-OXCROPS 2.2.3.12.3: R493, R495, R498
    fn read_per_user_information_fails(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let rop = read_information();
        client.ask(rop, &[NOBODY, NOBODY]).only(0x63, 1, code::NULL_OBJECT);
        Ok(())
    }

    /// MS-OXCROPS 2.2.3.11: R422
    /// MS-OXCROPS 2.2.3.11.1: R433
    /// MS-OXCROPS 2.2.3.11.2: R437, R439, R442
    fn get_per_user_guid(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        write_information(&mut client).only(0x64, 1, code::SUCCESS);
        let mut answer = ask_logon(&mut client, Rop::new(0x61, 1).bytes(&FOLDER));
        answer.head(0x61, 1, code::SUCCESS);
        assert_eq!(answer.bytes(16), REPLICA);
        answer.end();
        Ok(())
    }

    /// MS-OXCROPS 2.2.3.11.3: R447, R449, R452
    fn get_per_user_guid_fails(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let rop = Rop::new(0x61, 1).bytes(&NEITHER);
        ask_logon(&mut client, rop).only(0x61, 1, code::NOT_FOUND);
        Ok(())
    }

    /// MS-OXCROPS 2.2.3.10: R389
    /// MS-OXCROPS 2.2.3.10.1: R399
    /// MS-OXCROPS 2.2.3.10.2: R402, R404, R407
    fn get_per_user_long_term_ids(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        write_information(&mut client).only(0x64, 1, code::SUCCESS);
        let mut answer = ask_logon(&mut client, Rop::new(0x60, 1).bytes(&REPLICA));
        answer.head(0x60, 1, code::SUCCESS);
        assert_eq!(answer.u16(), 1, "LongTermIdCount");
        assert_eq!(answer.bytes(24), FOLDER);
        answer.end();
        Ok(())
    }

    /// MS-OXCROPS 2.2.3.10.3: R416, R418, R421
    fn get_per_user_long_term_ids_fails(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let rop = Rop::new(0x60, 1).bytes(&REPLICA);
        client.ask(rop, &[NOBODY, NOBODY]).only(0x60, 1, code::NULL_OBJECT);
        Ok(())
    }
}
