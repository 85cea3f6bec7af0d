//! Notification ROPs: [MS-OXCROPS] 2.2.14.

use mapi_rop::Handle;
use store::SpecialFolder;
use testsuite::octets::Rop;
use testsuite::on_both;
use testsuite::rig::ME;

use super::*;

const NOBODY: Handle = Handle::NONE;

on_both! {
    /// MS-OXCROPS 2.2.14.1: R4320
    /// MS-OXCROPS 2.2.14.1.1: R4328
    /// MS-OXCROPS 2.2.14.1.2: R4348, R4350
    fn register_notification(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let logon = client.logon;
        // NotificationTypes (ObjectCreated), WantWholeStore
        let rop = || Rop::new(0x29, 0).u8(1).u16(0x0004).u8(1);
        let answer = client.ask(rop(), &[logon, NOBODY]);
        assert_ne!(answer.handles[1], NOBODY);
        answer.only(0x29, 1, code::SUCCESS);
        client.ask(rop(), &[NOBODY, NOBODY]).only(0x29, 1, code::NULL_OBJECT);
        Ok(())
    }

    /// MS-OXCROPS 2.2.14.3: R4432
    /// MS-OXCROPS 2.2.14.3.1: R4436, R4438
    /// MS-OXCROPS 3.1.5.1.3: R452201, R452202
    fn pending(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let logon = client.logon;
        // Of new messages in the whole store.
        let answer = client.ask(Rop::new(0x29, 0).u8(1).u16(0x0004).u8(1), &[logon, NOBODY]);
        let subscription = answer.handles[1];
        answer.only(0x29, 1, code::SUCCESS);
        let mut other = rig.client(ME)?;
        for subject in ["one", "two"] {
            message(&mut other, SpecialFolder::Inbox.id(), subject);
        }
        // Behind the answer of RopGetTransportFolder there is room for one RopNotify, and for RopPending.
        let rop = Rop::new(0x6d, 0);
        let mut answer = client.ask_within(std::slice::from_ref(&rop), &[logon], 70);
        answer.head(0x6d, 0, code::SUCCESS);
        answer.bytes(8);
        assert_eq!((answer.u8(), answer.u32()), (0x2a, subscription.0));
        answer.bytes(21);
        // RopId, SessionIndex.
        assert_eq!((answer.u8(), answer.u16()), (0x6e, 0));
        answer.end();
        // What is left fits, so nothing is pending.
        let mut answer = client.ask_within(&[rop], &[logon], 4096);
        answer.head(0x6d, 0, code::SUCCESS);
        answer.bytes(8);
        assert_eq!((answer.u8(), answer.u32()), (0x2a, subscription.0));
        answer.bytes(21);
        answer.end();
        Ok(())
    }

    /// MS-OXCROPS 2.2.14.2: R4421
    /// MS-OXCROPS 2.2.14.2.1: R4425, R4427, R4429
    /// MS-OXCROPS 3.2.4.1: R453901
    fn notify(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let logon = client.logon;
        let inbox = wire(SpecialFolder::Inbox.id());
        // Of the Inbox: FolderId, and no MessageId.
        let rop = Rop::new(0x29, 0).u8(1).u16(0x0004).u8(0).bytes(&inbox).u64(0);
        let answer = client.ask(rop, &[logon, NOBODY]);
        let subscription = answer.handles[1];
        answer.only(0x29, 1, code::SUCCESS);
        let id = message(&mut rig.client(ME)?, SpecialFolder::Inbox.id(), "new");
        let mut answer = client.ask_all(&[], &[]);
        // RopId, NotificationHandle, LogonId, and NotificationData: flags, FolderId, MessageId.
        assert_eq!(answer.u8(), 0x2a);
        assert_eq!((answer.u32(), answer.u8()), (subscription.0, 0));
        assert_eq!(answer.u16() & 0x8fff, 0x8004, "ObjectCreated, of a message");
        assert_eq!((answer.bytes(8), answer.bytes(8)), (inbox.to_vec(), id.to_vec()));
        Ok(())
    }
}
