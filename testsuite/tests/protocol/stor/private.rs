//! What RopLogon answers to a mailbox ([MS-OXCSTOR] 2.2.1.1.3).

use mapi::tags;
use mapi_rop::logon::{LogonFlags, LogonRequest};
use store::SpecialFolder;
use testsuite::on_both;
use testsuite::rig::{DELEGATE, ME};

use super::private;

on_both! {
    /// MS-OXCSTOR 2.2.1.1: R13
    /// MS-OXCSTOR 2.2.1.1.3: R119
    /// MS-OXCSTOR 3.2.5.1.1: R821
    /// MS-OXCSTOR 3.2.1: R767
    fn the_thirteen_folders_of_a_mailbox(rig: &Rig) -> Result {
        let mut client = rig.bare_client(ME)?;
        let logon = private(&mut client, LogonRequest::mailbox_of(&rig.legacy_dn(ME)?))?;
        let names = [
            "", "Deferred Action", "Spooler Queue", "Top of Information Store", "Inbox", "Outbox",
            "Sent Items", "Deleted Items", "Common Views", "Schedule", "Finder", "Views", "Shortcuts",
        ];
        for (id, name) in logon.folders.0.iter().zip(names) {
            let folder = client.open_folder(*id)?;
            assert_eq!(client.get(folder, tags::DISPLAY_NAME)?, name.into());
            client.release(folder);
        }
        Ok(())
    }

    /// MS-OXCSTOR 2.2.1.1.3: R117, R118, R1062, R140, R141
    fn flags_come_back_and_the_state_is_zero(rig: &Rig) -> Result {
        let mut client = rig.bare_client(ME)?;
        let dn = rig.legacy_dn(ME)?;
        for flags in [0x01, 0x03, 0x05, 0x07] {
            let mut request = LogonRequest::mailbox_of(&dn);
            request.flags = LogonFlags(flags);
            request.store_state = 0x1234;
            let logon = private(&mut client, request)?;
            assert_eq!(logon.flags.0, flags);
            assert_eq!(logon.store_state, 0);
        }
        // A flag that is not one of the three does not come back.
        let mut request = LogonRequest::mailbox_of(&dn);
        request.flags = LogonFlags::PRIVATE | LogonFlags::SPOOLER_PROCESS;
        assert_eq!(private(&mut client, request)?.flags, LogonFlags::PRIVATE);
        Ok(())
    }

    /// MS-OXCSTOR 2.2.1.1.3: R120, R122, R123, R124, R126
    fn the_owner_may_do_all(rig: &Rig) -> Result {
        let mut client = rig.bare_client(ME)?;
        let logon = private(&mut client, LogonRequest::mailbox_of(&rig.legacy_dn(ME)?))?;
        assert_eq!(logon.response_flags.0, 0x01 | 0x02 | 0x04);
        Ok(())
    }

    /// MS-OXCSTOR 2.2.1.1.3: R125, R127
    /// MS-OXCSTOR 3.2.5.1.1: R3146
    /// MS-OXCSTOR 6: R1410001
    fn a_delegate_with_full_access_owns_and_others_do_not(rig: &Rig) -> Result {
        let mut client = rig.bare_client(DELEGATE)?;
        let mine = LogonRequest::mailbox_of(&rig.legacy_dn(ME)?);
        let logon = private(&mut client, mine.clone())?;
        assert_eq!(logon.response_flags.0, 0x07);
        assert_eq!(logon.store_state, 0);

        // Only a folder is left to him.
        let account = |user| rig.store.account_by_address(user).map(|found| found.expect("an account"));
        let (me, delegate) = (account(ME)?, account(DELEGATE)?);
        rig.store.revoke_full_access(me.id, delegate.id)?;
        let mailbox = rig.store.mailbox(me.mailbox)?;
        let member = store::permission::Member::Account(delegate.mailbox_guid);
        let rights = store::permission::Rights::READ_ANY | store::permission::Rights::FOLDER_VISIBLE;
        let change = store::permission::Change::Add(member, rights);
        let inbox = SpecialFolder::Inbox.id();
        store::permission::modify(&mailbox, inbox, Default::default(), &[change])?;
        assert_eq!(private(&mut client, mine)?.response_flags.0, 0x01);
        Ok(())
    }

    /// MS-OXCSTOR 2.2.1.1.3: R128, R129
    fn who_is_out_of_office_is_told_so(rig: &Rig) -> Result {
        let mut client = rig.bare_client(ME)?;
        let mine = LogonRequest::mailbox_of(&rig.legacy_dn(ME)?);
        for (state, flags) in [(true, 0x17), (false, 0x07), (true, 0x17)] {
            private(&mut client, mine.clone())?;
            client.set(client.logon, tags::OUT_OF_OFFICE_STATE, state)?;
            assert_eq!(private(&mut client, mine.clone())?.response_flags.0, flags);
            assert_eq!(private(&mut client, mine.clone())?.response_flags.0, flags);
        }
        Ok(())
    }

    /// MS-OXCSTOR 2.2.1.1.3: R131, R132, R133
    /// MS-OXCSTOR 3.2.3: R778, R779
    fn the_replica_is_that_of_the_mailbox(rig: &Rig) -> Result {
        let mut client = rig.bare_client(ME)?;
        let mine = LogonRequest::mailbox_of(&rig.legacy_dn(ME)?);
        let logon = private(&mut client, mine.clone())?;
        let account = rig.store.account_by_address(ME)?.ok_or("no such account")?;
        let mailbox = rig.store.mailbox(account.mailbox)?;
        assert_eq!(logon.replica_guid, mailbox.replica());
        assert_eq!(logon.mailbox_guid, account.mailbox_guid);
        assert_eq!(logon.replica.0, 1);
        assert_eq!(private(&mut client, mine)?.replica_guid, logon.replica_guid);
        let theirs = LogonRequest::mailbox_of(&rig.legacy_dn(DELEGATE)?);
        let other = private(&mut rig.bare_client(DELEGATE)?, theirs)?;
        assert_ne!(other.replica_guid, logon.replica_guid);
        Ok(())
    }

    /// MS-OXCSTOR 2.2.1.1.3: R138, R139, R1065
    fn the_time_is_the_servers(rig: &Rig) -> Result {
        let mut client = rig.bare_client(ME)?;
        let mine = LogonRequest::mailbox_of(&rig.legacy_dn(ME)?);
        let before = rig.store.now();
        let logon = private(&mut client, mine.clone())?;
        let after = rig.store.now();
        let time = logon.logon_time;
        let seen =
            (i64::from(time.year), time.month, time.day, time.hour, time.minutes, time.seconds);
        assert!(before.to_civil() <= seen && seen <= after.to_civil());
        // No table of gateways was ever updated.
        assert_eq!(logon.gwart_time, 0);
        assert_eq!(private(&mut client, mine)?.gwart_time, 0);
        Ok(())
    }

    /// MS-OXCSTOR 3.2.5: R7841
    /// MS-OXCSTOR 6: R140002, R300000001
    /// MS-OXCSTOR 2.1: R4
    fn a_logon_needs_a_session(rig: &Rig) -> Result {
        let mut client = rig.bare_client(ME)?;
        let mine = LogonRequest::mailbox_of(&rig.legacy_dn(ME)?);
        assert_eq!(private(&mut client, mine.clone())?.replica.0, 1);
        rig.end_all_sessions();
        if rig.url().is_empty() {
            return Ok(());
        }
        let body = mapi_rop::RopRequest::Logon(mine);
        let request = mapi_rop::Request::new(client.logon_id, mapi_rop::HandleIndex(0), body);
        assert!(client.exchange_within(&[request], &[mapi_rop::Handle::NONE], 1 << 15).is_err());
        Ok(())
    }
}
