//! RopProgress: [MS-OXCROPS] 2.2.8.13.

use mapi::MessageContent;
use mapi_rop::Handle;
use store::SpecialFolder;
use store::message::{ImportOptions, import};
use testsuite::octets::{Octets, Rop};
use testsuite::on_both;
use testsuite::rig::{ME, Rig};

use super::*;

const NOBODY: Handle = Handle::NONE;

/// RopProgress: WantCancel
fn progress(want_cancel: u8) -> Rop {
    Rop::new(0x50, 1).u8(want_cancel)
}

/// RopEmptyFolder: WantAsynchronous, WantDeleteAssociated
fn empty_folder() -> Rop {
    Rop::new(0x58, 1).u8(1).u8(0)
}

/// The Inbox with so many messages.
fn inbox_of(rig: &Rig, count: usize) -> testsuite::Result<(Client, Handle)> {
    let account = rig.store.account_by_address(ME)?.ok_or("no such account")?;
    let mailbox = rig.store.mailbox(account.mailbox)?;
    for _ in 0..count {
        let content = MessageContent::default();
        import(&mailbox, SpecialFolder::Inbox.id(), content, &ImportOptions::default())?;
    }
    let mut client = rig.client(ME)?;
    let inbox = inbox(&mut client);
    Ok((client, inbox))
}

/// LogonId, CompletedTaskCount, TotalTaskCount
#[track_caller]
fn is_far(mut answer: Octets, completed: u32, total: u32) {
    answer.head(0x50, 1, code::SUCCESS);
    assert_eq!(answer.u8(), 0, "LogonId");
    assert_eq!((answer.u32(), answer.u32()), (completed, total));
    answer.end();
}

on_both! {
    /// MS-OXCROPS 2.2.8.13: R3120
    /// MS-OXCROPS 2.2.8.13.1: R3128
    /// MS-OXCROPS 2.2.8.13.2: R3142, R3144, R3146
    fn progress_tells_how_far_it_is(rig: &Rig) -> Result {
        let (mut client, inbox) = inbox_of(rig, 515)?;
        is_far(client.ask(empty_folder(), &[NOBODY, inbox]), 256, 515);
        is_far(client.ask(progress(0), &[NOBODY, inbox]), 512, 515);
        // PartialCompletion of RopEmptyFolder.
        let mut answer = client.ask(progress(0), &[NOBODY, inbox]);
        answer.head(0x58, 1, code::SUCCESS);
        assert_eq!(answer.u8(), 0);
        answer.end();
        Ok(())
    }

    /// MS-OXCROPS 2.2.8.13.1: R3131
    /// MS-OXCROPS 2.2.8.13.2: R3134, R3136, R3140
    fn progress_cancels(rig: &Rig) -> Result {
        let (mut client, inbox) = inbox_of(rig, 300)?;
        is_far(client.ask(empty_folder(), &[NOBODY, inbox]), 256, 300);
        let mut answer = client.ask(progress(1), &[NOBODY, inbox]);
        answer.head(0x58, 1, code::SUCCESS);
        assert_eq!(answer.u8(), 1, "PartialCompletion");
        answer.end();
        assert_eq!(messages(&mut client, inbox), 44);
        Ok(())
    }

    /// MS-OXCROPS 2.2.8.13.3: R3149, R3151, R3155
    fn progress_fails(rig: &Rig) -> Result {
        let (mut client, inbox) = inbox_of(rig, 0)?;
        client.ask(progress(0), &[NOBODY, inbox]).only(0x50, 1, code::NOT_SUPPORTED);
        client.ask(progress(1), &[NOBODY, NOBODY]).only(0x50, 1, code::NULL_OBJECT);
        Ok(())
    }
}
