//! Transport ROPs: [MS-OXCROPS] 2.2.7.

use mapi_rop::Handle;
use mapi_rop::message::SaveFlags;
use store::SpecialFolder;
use testsuite::octets::{self, Octets, Rop};
use testsuite::on_both;
use testsuite::rig::{DELEGATE, ME, Rig};

use super::message::{modify_recipients, recipient_row};
use super::*;

const NOBODY: Handle = Handle::NONE;

fn outbox() -> [u8; 8] {
    wire(SpecialFolder::Outbox.id())
}

/// A client with a saved message to another user in the Outbox, and its id.
fn letter(rig: &Rig) -> testsuite::Result<(Client, Handle, [u8; 8])> {
    let mut client = rig.client(ME)?;
    let letter = client.create_message(SpecialFolder::Outbox.id(), false).expect("a message");
    client.set(letter, mapi::tags::SUBJECT, "a letter").expect("a subject");
    let row = recipient_row(DELEGATE, "Delegate", 0);
    client.ask(modify_recipients(&[(0, 1, row)]), &[letter]).only(0x0e, 0, code::SUCCESS);
    let id = client.save(letter, SaveFlags::KEEP_OPEN_READ_WRITE).expect("a save");
    Ok((client, letter, octets::id(id.counter.get())))
}

fn ask_logon(client: &mut Client, rop: Rop) -> Octets {
    let logon = client.logon;
    client.ask(rop, &[NOBODY, logon])
}

/// How many messages are in a user's Inbox.
fn arrived(rig: &Rig, user: &str) -> testsuite::Result<u32> {
    let mut client = rig.client(user)?;
    let inbox = inbox(&mut client);
    Ok(messages(&mut client, inbox))
}

on_both! {
    /// MS-OXCROPS 2.2.7.1: R2348
    /// MS-OXCROPS 2.2.7.1.1: R2356
    /// MS-OXCROPS 2.2.7.1.2: R2363, R2365
    fn submit_message(rig: &Rig) -> Result {
        let (mut client, letter, _) = letter(rig)?;
        // SubmitFlags
        client.ask(Rop::new(0x32, 1).u8(0), &[NOBODY, letter]).only(0x32, 1, code::SUCCESS);
        assert_eq!(arrived(rig, DELEGATE)?, 1);
        client.ask(Rop::new(0x32, 1).u8(0), &[NOBODY, NOBODY]).only(0x32, 1, code::NULL_OBJECT);
        Ok(())
    }

    /// MS-OXCROPS 2.2.7.2: R2369
    /// MS-OXCROPS 2.2.7.2.1: R2377
    /// MS-OXCROPS 2.2.7.2.2: R2385, R2387
    fn abort_submit(rig: &Rig) -> Result {
        let (mut client, _, id) = letter(rig)?;
        // FolderId, MessageId: it was not submitted.
        let rop = Rop::new(0x34, 1).bytes(&outbox()).bytes(&id);
        let mut answer = ask_logon(&mut client, rop);
        assert_eq!((answer.u8(), answer.u8()), (0x34, 1));
        assert_ne!(answer.u32(), code::SUCCESS);
        answer.end();
        let rop = Rop::new(0x34, 1).bytes(&outbox()).bytes(&id);
        client.ask(rop, &[NOBODY, NOBODY]).only(0x34, 1, code::NULL_OBJECT);
        Ok(())
    }

    /// MS-OXCROPS 2.2.7.3: R2391
    /// MS-OXCROPS 2.2.7.3.1: R2399
    /// MS-OXCROPS 2.2.7.3.2: R2403, R2405, R2409
    fn get_address_types(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mut answer = ask_logon(&mut client, Rop::new(0x49, 1));
        answer.head(0x49, 1, code::SUCCESS);
        let (count, size) = (answer.u16(), answer.u16());
        let types: Vec<String> = (0..count).map(|_| answer.text8()).collect();
        assert!(types.contains(&"EX".to_owned()) && types.contains(&"SMTP".to_owned()));
        let length: usize = types.iter().map(|name| name.len() + 1).sum();
        assert_eq!(usize::from(size), length, "AddressTypeSize");
        answer.end();
        Ok(())
    }

    /// MS-OXCROPS 2.2.7.3.3: R2419, R2421, R2425
    fn get_address_types_fails(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        client.ask(Rop::new(0x49, 1), &[NOBODY, NOBODY]).only(0x49, 1, code::NULL_OBJECT);
        Ok(())
    }

    /// MS-OXCROPS 2.2.7.4: R2426
    /// MS-OXCROPS 2.2.7.4.1: R2434
    /// MS-OXCROPS 2.2.7.4.2: R2438, R2440
    fn set_spooler(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        ask_logon(&mut client, Rop::new(0x47, 1)).only(0x47, 1, code::SUCCESS);
        client.ask(Rop::new(0x47, 1), &[NOBODY, NOBODY]).only(0x47, 1, code::NULL_OBJECT);
        Ok(())
    }

    /// MS-OXCROPS 2.2.7.5: R2444
    /// MS-OXCROPS 2.2.7.5.1: R2452
    /// MS-OXCROPS 2.2.7.5.2: R2460, R2462
    fn spooler_lock_message(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let nothing = [1, 0, 0, 0, 0, 0x7f, 0xff, 0xff];
        // MessageId, LockState: there is no such message.
        let rop = || Rop::new(0x48, 1).bytes(&nothing).u8(0);
        let mut answer = ask_logon(&mut client, rop());
        assert_eq!((answer.u8(), answer.u8()), (0x48, 1));
        assert_ne!(answer.u32(), code::SUCCESS);
        answer.end();
        client.ask(rop(), &[NOBODY, NOBODY]).only(0x48, 1, code::NULL_OBJECT);
        Ok(())
    }

    /// MS-OXCROPS 2.2.7.6: R2466
    /// MS-OXCROPS 2.2.7.6.1: R2474
    /// MS-OXCROPS 2.2.7.6.2: R2478, R2480, R4686
    fn transport_send(rig: &Rig) -> Result {
        let (mut client, letter, _) = letter(rig)?;
        let mut answer = client.ask(Rop::new(0x4a, 1), &[NOBODY, letter]);
        answer.head(0x4a, 1, code::SUCCESS);
        // NoPropertiesReturned, and no values if so.
        if answer.u8() == 0 {
            assert_ne!(answer.u16(), 0, "PropertyValueCount");
            answer.rest();
        } else {
            answer.end();
        }
        assert_eq!(arrived(rig, DELEGATE)?, 1);
        Ok(())
    }

    /// MS-OXCROPS 2.2.7.6.3: R4634, R4636, R4639
    fn transport_send_fails(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        client.ask(Rop::new(0x4a, 1), &[NOBODY, NOBODY]).only(0x4a, 1, code::NULL_OBJECT);
        Ok(())
    }

    /// MS-OXCROPS 2.2.7.7: R2492
    /// MS-OXCROPS 2.2.7.7.1: R2503, R2505
    /// MS-OXCROPS 2.2.7.7.2: R2513, R2515
    fn transport_new_mail(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let id = message(&mut client, SpecialFolder::Inbox.id(), "new");
        let inbox = wire(SpecialFolder::Inbox.id());
        // MessageId, FolderId, MessageClass, MessageFlags
        let rop = || Rop::new(0x51, 1).bytes(&id).bytes(&inbox).text8("IPM.Note").u32(0);
        ask_logon(&mut client, rop()).only(0x51, 1, code::SUCCESS);
        client.ask(rop(), &[NOBODY, NOBODY]).only(0x51, 1, code::NULL_OBJECT);
        Ok(())
    }

    /// MS-OXCROPS 2.2.7.8: R2519
    /// MS-OXCROPS 2.2.7.8.1: R2527
    /// MS-OXCROPS 2.2.7.8.2: R2531, R2533, R2538
    fn get_transport_folder(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mut answer = ask_logon(&mut client, Rop::new(0x6d, 1));
        answer.head(0x6d, 1, code::SUCCESS);
        assert_eq!(answer.bytes(8), outbox());
        answer.end();
        Ok(())
    }

    /// MS-OXCROPS 2.2.7.8.3: R2541, R2547
    fn get_transport_folder_fails(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        client.ask(Rop::new(0x6d, 1), &[NOBODY, NOBODY]).only(0x6d, 1, code::NULL_OBJECT);
        Ok(())
    }

    /// MS-OXCROPS 2.2.7.9: R2548
    /// MS-OXCROPS 2.2.7.9.1: R2559
    /// MS-OXCROPS 2.2.7.9.2: R2564, R2566, R2571
    fn options_data(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        // AddressType, WantWin32
        let mut answer = ask_logon(&mut client, Rop::new(0x6f, 1).text8("EX").u8(0));
        answer.head(0x6f, 1, code::SUCCESS);
        assert_eq!(answer.u8(), 1, "Reserved");
        let size = answer.u16();
        answer.bytes(usize::from(size));
        assert_eq!(answer.u16(), 0, "HelpFileSize");
        answer.end();
        Ok(())
    }

    /// MS-OXCROPS 2.2.7.9.3: R4642, R4644, R4647
    fn options_data_fails(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let rop = Rop::new(0x6f, 1).text8("EX").u8(0);
        client.ask(rop, &[NOBODY, NOBODY]).only(0x6f, 1, code::NULL_OBJECT);
        Ok(())
    }
}
