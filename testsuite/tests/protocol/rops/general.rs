//! What holds for every ROP: [MS-OXCROPS] 2.2.1, 2.2.2, 2.2.15, 3.2.

use mapi_rop::Handle;
use store::SpecialFolder;
use testsuite::octets::Rop;
use testsuite::on_both;
use testsuite::rig::{DELEGATE, ME};

use super::*;

const NOBODY: Handle = Handle::NONE;

/// RopOpenFolder of the Inbox.
fn open_inbox(input: u8, output: u8) -> Rop {
    Rop::new(0x02, input).u8(output).bytes(&wire(SpecialFolder::Inbox.id())).u8(0)
}

/// RopGetStatus, which takes nothing.
fn get_status(index: u8) -> Rop {
    Rop::new(0x16, index)
}

on_both! {
    /// MS-OXCROPS 2.2.1: R7, R4671, R4675
    /// MS-OXCROPS 3.1.4: R4488
    fn a_buffer_is_its_size_rops_and_a_handle_table(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let logon = client.logon;
        let rop = [&[0x02, 0, 0, 1][..], &wire(SpecialFolder::Inbox.id()), &[0]].concat();
        let mut buffer = (rop.len() as u16 + 2).to_le_bytes().to_vec();
        buffer.extend_from_slice(&rop);
        buffer.extend_from_slice(&logon.0.to_le_bytes());
        buffer.extend_from_slice(&[0xff; 4]);
        let answer = client.ask_whole(&[0x02], &buffer, 4096);
        // RopSize counts itself and the answer of eight octets; two handles follow.
        assert_eq!(u16::from_le_bytes([answer[0], answer[1]]), 10);
        assert_eq!(answer[2..10], [0x02, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(answer.len(), 10 + 8);
        assert_eq!(answer[10..14], logon.0.to_le_bytes());
        assert_ne!(answer[14..18], [0xff; 4]);
        Ok(())
    }

    /// MS-OXCROPS 2: R3
    /// MS-OXCROPS 2.1: R400001
    /// MS-OXCROPS 6: R40005, R40009
    fn numbers_have_their_lowest_octet_first(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let logon = client.logon;
        // RopSize is 2 + 40 * 8 = 0x0142.
        let rops: Vec<Rop> = (1..=40).map(|output| open_inbox(0, output)).collect();
        let handles = [&[logon][..], &[NOBODY; 40]].concat();
        let mut answer = client.ask_all(&rops, &handles);
        for output in 1..=40 {
            answer.head(0x02, output, code::SUCCESS);
            answer.bytes(2);
        }
        answer.end();
        let list = rops.iter().flat_map(|rop| rop.octets().to_vec()).collect::<Vec<u8>>();
        let mut buffer = (list.len() as u16 + 2).to_le_bytes().to_vec();
        buffer.extend_from_slice(&list);
        handles.iter().for_each(|handle| buffer.extend_from_slice(&handle.0.to_le_bytes()));
        let answer = client.transport.execute(&buffer, 4096)?;
        assert_eq!(answer[..2], [0x42, 0x01]);
        assert_eq!(answer.len(), 0x0142 + 41 * 4);
        Ok(())
    }

    /// MS-OXCROPS 2.2.2: R14, R18, R180001
    /// MS-OXCROPS 6: R180005
    fn a_reserved_rop_fails_the_buffer(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        // 0x00, 0x28 and 0x3C are reserved.
        for reserved in [0x00, 0x28, 0x3c] {
            let buffer = [&[5, 0, reserved, 0, 0][..], &client.logon.0.to_le_bytes()].concat();
            assert!(client.transport.execute(&buffer, 4096).is_err(), "{reserved:#x}");
        }
        // The session goes on.
        let logon = client.logon;
        client.ask(open_inbox(0, 1), &[logon, NOBODY]).head(0x02, 1, code::SUCCESS);
        Ok(())
    }

    /// MS-OXCROPS 3.2.5.1: R4548, R4550, R4559
    /// MS-OXCROPS 3.1.5: R4707
    /// MS-OXCROPS 3.2.5.2: R4719
    fn rops_of_a_buffer_run_in_their_order(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let logon = client.logon;
        // The second uses what the first opened, the third what the second opened.
        let rops = [open_inbox(0, 1), Rop::new(0x05, 1).u8(2).u8(0), Rop::new(0x17, 2)];
        let mut answer = client.ask_all(&rops, &[logon, NOBODY, NOBODY]);
        answer.head(0x02, 1, code::SUCCESS);
        answer.bytes(2);
        answer.head(0x05, 2, code::SUCCESS);
        assert_eq!(answer.u32(), 0, "RowCount");
        answer.head(0x17, 2, code::SUCCESS);
        answer.bytes(8);
        answer.end();
        Ok(())
    }

    /// MS-OXCROPS 3.1.5.1.2: R4517, R4518
    /// MS-OXCROPS 6: R469312, R20010
    fn buffer_too_small_is_the_last_answer(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let logon = client.logon;
        let table = client.open_folder(SpecialFolder::Inbox.id())?;
        // RopGetPropertiesList, whose answer is longer than the room, and what comes after it.
        let rops = [Rop::new(0x01, 1), Rop::new(0x09, 0), open_inbox(0, 1)];
        let mut answer = client.ask_within(&rops, &[logon, table], 64);
        assert_eq!(answer.u8(), 0xff);
        let needed = answer.u16();
        assert!(needed > 32, "SizeNeeded");
        // The requests from there on come back as they were.
        let left = [&[0x09, 0, 0, 0x02, 0, 0, 1][..], &wire(SpecialFolder::Inbox.id()), &[0]].concat();
        assert_eq!(answer.rest(), left);
        // The ROP before was executed, though it has no answer.
        client.ask(Rop::new(0x09, 0), &[table]).only(0x09, 0, code::INVALID_OBJECT);
        Ok(())
    }

    /// MS-OXCROPS 3.2.5.1: R4712, R4553, R4556
    /// MS-OXCROPS 3.2.5.2: R4563, R4565
    fn a_handle_that_is_none_is_refused(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let logon = client.logon;
        // An index behind the table, and one at an unused entry.
        client.ask(open_inbox(7, 1), &[logon, NOBODY]).only(0x02, 1, code::NULL_OBJECT);
        client.ask(open_inbox(1, 2), &[logon, NOBODY, NOBODY]).only(0x02, 2, code::NULL_OBJECT);
        let answer = client.ask(open_inbox(0, 2), &[logon, NOBODY, NOBODY]);
        assert_eq!(answer.handles[..2], [logon, NOBODY]);
        let inbox = answer.handles[2];
        assert!(![logon, NOBODY].contains(&inbox));
        answer.rest();
        Ok(())
    }

    /// MS-OXCROPS 3.2.1: R4536, R4537
    /// MS-OXCROPS 3.2.3: R4540
    fn a_new_session_has_no_objects(rig: &Rig) -> Result {
        let mut first = rig.client(ME)?;
        let logon = first.logon;
        first.ask(open_inbox(0, 1), &[logon, NOBODY]).head(0x02, 1, code::SUCCESS);
        // Another session does not know that handle, nor any logon.
        let mut second = rig.bare_client(ME)?;
        second.ask(open_inbox(0, 1), &[logon, NOBODY]).only(0x02, 1, code::NULL_OBJECT);
        Ok(())
    }

    /// MS-OXCROPS 2.2.15.3: R4472
    /// MS-OXCROPS 2.2.15.3.1: R4480
    /// MS-OXCROPS 3.2.5.3: R4568, R4572, R4573
    fn release(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let live = rig.live();
        let folder = inbox(&mut client);
        assert_eq!(rig.live(), live + 1);
        // It has no answer, also where there is nothing to release.
        client.ask(Rop::new(0x01, 1), &[NOBODY, folder]).end();
        client.ask(Rop::new(0x01, 0), &[NOBODY]).end();
        client.ask(Rop::new(0x01, 9), &[folder]).end();
        assert_eq!(rig.live(), live);
        client.ask(get_status(0), &[folder]).only(0x16, 0, code::INVALID_OBJECT);
        Ok(())
    }

    /// MS-OXCROPS 3.2.5.3: R4570, R4580
    /// MS-OXCROPS 3.2.7.1: R4574
    fn what_a_logon_has_goes_with_it(rig: &Rig) -> Result {
        let base = rig.live();
        let mut client = rig.client(ME)?;
        let folder = inbox(&mut client);
        client.contents(folder, mapi_rop::folder::TableFlags::NONE).expect("a table");
        let logon = client.logon;
        client.ask(Rop::new(0x01, 0), &[logon]).end();
        client.ask(get_status(0), &[folder]).only(0x16, 0, code::INVALID_OBJECT);
        let other = rig.client(DELEGATE)?;
        drop(other);
        client.transport.disconnect()?;
        drop(client);
        assert_eq!(rig.live(), base);
        Ok(())
    }

    /// MS-OXCROPS 3.2.5.4: R457301, R457302
    fn what_was_released_or_never_was_is_no_object(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let folder = inbox(&mut client);
        client.ask(Rop::new(0x01, 0), &[folder]).end();
        client.ask(Rop::new(0x09, 0), &[folder]).only(0x09, 0, code::INVALID_OBJECT);
        client.ask(Rop::new(0x09, 0), &[Handle(0x1234)]).only(0x09, 0, code::NULL_OBJECT);
        Ok(())
    }

    /// MS-OXCROPS 2.2.15.1: R4439
    /// MS-OXCROPS 2.2.15.1.1: R4655, R4444
    /// MS-OXCROPS 3.2.4.3: R4545, R454502
    fn an_answer_without_room_is_buffer_too_small(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = inbox(&mut client);
        let made = |client: &mut Client| folders(client, inbox);
        // What changes something is begun with room for any answer of its kind only.
        let rops = ["one", "two", "six"].map(|name| {
            Rop::new(0x1c, 0).u8(1).u8(1).u8(0).u8(0).u8(0).text8(name).text8("")
        });
        let mut answer = client.ask_within(&rops, &[inbox, NOBODY], 104);
        answer.head(0x1c, 1, code::SUCCESS);
        answer.bytes(9);
        // RopId, SizeNeeded, and the requests that were not executed, as far as they fit.
        assert_eq!(answer.u8(), 0xff);
        assert!(answer.u16() >= 15, "SizeNeeded");
        answer.rest();
        assert_eq!(made(&mut client), 1);
        Ok(())
    }
}
