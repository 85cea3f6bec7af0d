//! What RopLogon refuses and what its flags do ([MS-OXCSTOR] 2.2.1.1.1, 3.2.5.1).

use mapi::ErrorCode;
use mapi_rop::logon::{LogonFlags, LogonOpenFlags, LogonRequest};
use mapi_rop::{Handle, HandleIndex, Request, RopRequest, RopResponse};
use testsuite::on_both;
use testsuite::rig::{DELEGATE, ME, STRANGER};

use super::{private, public};

const LOGIN_FAILURE: ErrorCode = ErrorCode(0x8004_0111);
const UNKNOWN_USER: ErrorCode = ErrorCode(0x0000_03eb);
const UNKNOWN_CODE_PAGE: ErrorCode = ErrorCode(0x0000_03ef);
const ACCESS_DENIED: ErrorCode = ErrorCode(0x8007_0005);
const INVALID_PARAMETER: ErrorCode = ErrorCode(0x8007_0057);
const ERROR: ErrorCode = ErrorCode(0x8000_4005);
const WRONG_SERVER: ErrorCode = ErrorCode(0x0000_0478);
const SERVER_PAUSED: ErrorCode = ErrorCode(0x0000_047f);

on_both! {
    /// MS-OXCSTOR 3.2.5.1.1: R788
    /// MS-OXCSTOR 3.2.5.1.3: R173, R174
    /// MS-OXCSTOR 6: R1273
    fn a_name_that_nobody_has_is_no_user(rig: &Rig) -> Result {
        let mut client = rig.bare_client(ME)?;
        let nobody = LogonRequest::mailbox_of("/o=Coffer/ou=x/cn=Recipients/cn=nobody");
        assert_eq!(private(&mut client, nobody), Err(UNKNOWN_USER));
        assert_eq!(private(&mut client, LogonRequest::mailbox_of("")), Err(UNKNOWN_USER));
        let mine = LogonRequest::mailbox_of(&rig.legacy_dn(ME)?);
        assert!(private(&mut client, mine).is_ok());
        Ok(())
    }

    /// MS-OXCSTOR 3.2.5.1.1: R3102
    /// MS-OXCSTOR 3.2.5.1.3: R175, R176
    /// MS-OXCSTOR 6: R3102001
    fn a_code_page_that_nobody_knows_lets_nobody_in(rig: &Rig) -> Result {
        let mine = LogonRequest::mailbox_of(&rig.legacy_dn(ME)?);
        for unknown in [0x0fff, 0xffff_ffff] {
            let mut client = rig.bare_client_in(ME, unknown)?;
            assert_eq!(private(&mut client, mine.clone()), Err(UNKNOWN_CODE_PAGE));
            assert_eq!(public(&mut client, LogonRequest::public()), Err(UNKNOWN_CODE_PAGE));
        }
        let mut client = rig.bare_client_in(ME, 1251)?;
        assert!(private(&mut client, mine).is_ok());
        Ok(())
    }

    /// MS-OXCSTOR 3.2.5.1.1: R794
    /// MS-OXCSTOR 6: R193
    fn a_disabled_mailbox_is_not_opened(rig: &Rig) -> Result {
        let mut client = rig.bare_client(DELEGATE)?;
        let mine = LogonRequest::mailbox_of(&rig.legacy_dn(ME)?);
        assert!(private(&mut client, mine.clone()).is_ok());
        let account = rig.store.account_by_address(ME)?.ok_or("no such account")?;
        rig.store.set_disabled(account.id, true)?;
        assert_eq!(private(&mut client, mine.clone()), Err(UNKNOWN_USER));
        rig.store.set_disabled(account.id, false)?;
        assert!(private(&mut client, mine).is_ok());
        Ok(())
    }

    /// MS-OXCSTOR 3.2.5.1.1: R1202
    /// MS-OXCSTOR 3.2.5.1.2: R3109
    fn flags_that_are_not_defined_are_refused(rig: &Rig) -> Result {
        let dn = rig.legacy_dn(ME)?;
        let mut client = rig.bare_client(ME)?;
        let mut try_with = |flags: u8, open_flags: u32| {
            let mut request = LogonRequest::mailbox_of(&dn);
            request.flags.0 |= flags;
            request.open_flags.0 |= open_flags;
            private(&mut client, request).map(|logon| logon.store_state)
        };
        for bit in 4..8 {
            assert_eq!(try_with(1 << bit, 0), Err(ERROR), "LogonFlags, bit {bit}");
        }
        for bit in (0..32).filter(|bit| 0x2100_070f & 1 << bit == 0) {
            assert_eq!(try_with(0, 1 << bit), Err(ERROR), "OpenFlags, bit {bit}");
        }
        assert_eq!(try_with(0, 0), Ok(0));
        let mut odd = LogonRequest::public();
        odd.open_flags.0 |= 0x10;
        assert_eq!(public(&mut client, odd), Err(ERROR));
        assert!(public(&mut client, LogonRequest::public()).is_ok());
        Ok(())
    }

    /// MS-OXCSTOR 2.2.1.1.1: R59, R2001, R2001002, R79, R84
    fn flags_that_are_ignored_change_nothing(rig: &Rig) -> Result {
        let dn = rig.legacy_dn(ME)?;
        let mut client = rig.bare_client(ME)?;
        let mut plain = LogonRequest::mailbox_of(&dn);
        plain.open_flags = LogonOpenFlags::NONE;
        let mut expected = private(&mut client, plain.clone())?;
        expected.logon_time = private(&mut client, plain.clone())?.logon_time;
        for (flags, open_flags) in [
            (LogonFlags::UNDERCOVER, LogonOpenFlags::NONE),
            (LogonFlags::GHOSTED, LogonOpenFlags::NONE),
            (LogonFlags::NONE, LogonOpenFlags::HOME_LOGON),
            (LogonFlags::NONE, LogonOpenFlags::TAKE_OWNERSHIP),
        ] {
            let mut request = plain.clone();
            request.flags.0 |= flags.0;
            request.open_flags = open_flags;
            let logon = private(&mut client, request.clone())?;
            assert_eq!(logon.flags, request.flags, "they come back");
            assert_eq!(logon.response_flags, expected.response_flags);
            assert_eq!(logon.folders, expected.folders);
            assert_eq!(logon.mailbox_guid, expected.mailbox_guid);
        }
        Ok(())
    }

    /// MS-OXCSTOR 2.2.1.1.1: R96, R90, R1059
    /// MS-OXCSTOR 6: R102, R20023
    fn more_flags_that_change_no_answer_of_a_private_logon(rig: &Rig) -> Result {
        let dn = rig.legacy_dn(ME)?;
        let mut client = rig.bare_client(ME)?;
        let expected = private(&mut client, LogonRequest::mailbox_of(&dn))?;
        for flag in [
            LogonOpenFlags::NO_MAIL,
            LogonOpenFlags::ALTERNATE_SERVER,
            LogonOpenFlags::IGNORE_HOME_MDB,
            LogonOpenFlags::SUPPORT_PROGRESS,
        ] {
            let mut request = LogonRequest::mailbox_of(&dn);
            request.open_flags = request.open_flags | flag;
            let mut logon = private(&mut client, request)?;
            logon.logon_time = expected.logon_time;
            assert_eq!(logon, expected, "{flag:?}");
        }
        Ok(())
    }

    /// MS-OXCSTOR 2.2.1.1.1: R72
    /// MS-OXCSTOR 3.2.5.1.3: R187, R188, R167, R168
    fn an_administrator_opens_every_mailbox_and_nobody_else(rig: &Rig) -> Result {
        let dn = rig.legacy_dn(ME)?;
        let mut client = rig.bare_client(STRANGER)?;
        let plain = LogonRequest::mailbox_of(&dn);
        let mut admin = plain.clone();
        admin.open_flags = admin.open_flags | LogonOpenFlags::USE_ADMIN_PRIVILEGE;
        assert_eq!(private(&mut client, plain.clone()), Err(LOGIN_FAILURE));
        assert_eq!(private(&mut client, admin.clone()), Err(ACCESS_DENIED));

        let stranger = rig.store.account_by_address(STRANGER)?.ok_or("no such account")?;
        rig.store.set_administrator(stranger.id, true)?;
        assert_eq!(private(&mut client, plain), Err(LOGIN_FAILURE), "not without asking for it");
        let logon = private(&mut client, admin.clone())?;
        assert_eq!(logon.response_flags.0, 0x07);
        let inbox = client.open_folder(logon.folders.0[4])?;
        assert_eq!(client.get(inbox, mapi::tags::DISPLAY_NAME)?, "Inbox".into());
        rig.store.set_administrator(stranger.id, false)?;
        assert_eq!(private(&mut client, admin), Err(ACCESS_DENIED));
        Ok(())
    }

    /// MS-OXCSTOR 3.2.5.1.1: R802, R803, R3155
    /// MS-OXCSTOR 3.2.5.1.3: R1800001, R1820001
    fn a_second_mailbox_of_a_session_needs_a_flag(rig: &Rig) -> Result {
        let (mine, own) = (rig.legacy_dn(ME)?, rig.legacy_dn(DELEGATE)?);
        let mut client = rig.bare_client(DELEGATE)?;
        let mut with = |dn: &str, flag: LogonOpenFlags| {
            let mut request = LogonRequest::mailbox_of(dn);
            request.open_flags = LogonOpenFlags::HOME_LOGON | flag;
            private(&mut client, request).map(|logon| logon.replica_guid)
        };
        let (none, flag) = (LogonOpenFlags::NONE, LogonOpenFlags::USE_PER_MDB_REPLID_MAPPING);
        let first = with(&own, none)?;
        assert_eq!(with(&own, flag), Ok(first));
        assert_eq!(with(&mine, none), Err(INVALID_PARAMETER));
        assert_ne!(with(&mine, flag)?, first);
        assert_eq!(with(&mine, none), Err(INVALID_PARAMETER));
        assert_eq!(with(&own, none), Ok(first));
        Ok(())
    }

    /// MS-OXCSTOR 3.2.5.1.1: R1046, R1205, R1200
    /// MS-OXCSTOR 6: R3145, R1204
    fn the_flag_is_ignored_for_the_first_mailbox(rig: &Rig) -> Result {
        let dn = rig.legacy_dn(ME)?;
        let logon = |flag: LogonOpenFlags| {
            let mut client = rig.bare_client(ME)?;
            let mut request = LogonRequest::mailbox_of(&dn);
            request.open_flags = flag;
            testsuite::Result::Ok(private(&mut client, request)?)
        };
        let with = logon(LogonOpenFlags::USE_PER_MDB_REPLID_MAPPING)?;
        let without = logon(LogonOpenFlags::NONE)?;
        assert_eq!(with.replica_guid, without.replica_guid);
        assert_eq!((with.replica, without.replica), (mapi::ReplId(1), mapi::ReplId(1)));
        let mailbox = rig.store.account_by_address(ME)?.ok_or("no such account")?.mailbox;
        assert_eq!(with.replica_guid, rig.store.mailbox(mailbox)?.replica());
        let mut client = rig.bare_client(DELEGATE)?;
        let mut request = LogonRequest::mailbox_of(&rig.legacy_dn(DELEGATE)?);
        private(&mut client, request.clone())?;
        request.essdn = [dn.as_bytes(), &[0]].concat().into();
        request.open_flags = LogonOpenFlags::NONE;
        assert_eq!(private(&mut client, request), Err(INVALID_PARAMETER));
        Ok(())
    }

    /// MS-OXCSTOR 3.2.5.1.2: R3110001, R835, R833, R59753
    fn what_a_public_logon_refuses(rig: &Rig) -> Result {
        let mut client = rig.bare_client(ME)?;
        let with = |open_flags: LogonOpenFlags| {
            let mut request = LogonRequest::public();
            request.open_flags = open_flags;
            request
        };
        // Neither a mailbox nor public folders.
        assert_eq!(public(&mut client, with(LogonOpenFlags::NONE)), Err(LOGIN_FAILURE));
        let elsewhere = LogonOpenFlags::PUBLIC | LogonOpenFlags::ALTERNATE_SERVER;
        assert_eq!(public(&mut client, with(elsewhere)), Err(LOGIN_FAILURE));
        let here = LogonOpenFlags::PUBLIC | LogonOpenFlags::IGNORE_HOME_MDB;
        assert!(public(&mut client, with(here)).is_ok());
        let mut both = LogonRequest::mailbox_of(&rig.legacy_dn(ME)?);
        both.open_flags = both.open_flags | LogonOpenFlags::PUBLIC;
        assert_eq!(private(&mut client, both).map(drop), Err(LOGIN_FAILURE));
        Ok(())
    }

    /// MS-OXCSTOR 2.2.1.1.2: R112, R1061, R114, R115, R116
    fn a_logon_to_another_server_is_sent_here(rig: &Rig) -> Result {
        let mut client = rig.bare_client(ME)?;
        let mut request = LogonRequest::public();
        request.flags = LogonFlags::UNDERCOVER | LogonFlags::GHOSTED;
        request.essdn = b"/o=Coffer/ou=x/cn=Configuration/cn=Servers/cn=OTHER\0".to_vec().into();
        let request = Request::new(client.logon_id, HandleIndex(0), RopRequest::Logon(request));
        let answer = client.exchange(&[request], &[Handle::NONE]);
        let RopResponse::Failed(failure) = &answer.responses[0].body else { panic!("a logon") };
        assert_eq!(failure.code, WRONG_SERVER);
        let redirect = failure.detail.redirect.as_ref().expect("a server");
        assert_eq!(redirect.flags, LogonFlags::UNDERCOVER | LogonFlags::GHOSTED);
        let server = [rig.store.server_dn()?.as_bytes(), &[0]].concat();
        assert_eq!(redirect.server_name[..], server[..]);

        let mut named = LogonRequest::public();
        named.essdn = redirect.server_name.to_vec().into();
        assert!(public(&mut client, named).is_ok());
        Ok(())
    }

    /// MS-OXCSTOR 3.2.5.1.1: R3103
    /// MS-OXCSTOR 3.2.5.1.3: R182, R183, R191, R192
    fn who_asks_for_another_server_too_often_is_paused(rig: &Rig) -> Result {
        let mut client = rig.bare_client(ME)?;
        let mut elsewhere = LogonRequest::public();
        elsewhere.essdn = b"/o=Elsewhere\0".to_vec().into();
        for _ in 0..5 {
            assert_eq!(public(&mut client, elsewhere.clone()), Err(WRONG_SERVER));
        }
        assert_eq!(public(&mut client, elsewhere.clone()), Err(SERVER_PAUSED));
        assert!(public(&mut client, LogonRequest::public()).is_ok());
        let mut other = rig.bare_client(DELEGATE)?;
        assert_eq!(public(&mut other, elsewhere), Err(WRONG_SERVER));
        Ok(())
    }

    /// MS-OXCSTOR 3.2.5.1: R785, R786
    /// MS-OXCSTOR 2.2.1.1.1: R56, R7202
    /// MS-OXCSTOR 2.2.1.1.4: R3012
    fn one_bit_tells_mailboxes_from_public_folders(rig: &Rig) -> Result {
        let mut client = rig.bare_client(ME)?;
        // Each reads one layout of the answer only.
        let mine = private(&mut client, LogonRequest::mailbox_of(&rig.legacy_dn(ME)?))?;
        assert!(mine.flags.contains(LogonFlags::PRIVATE));
        let all = public(&mut client, LogonRequest::public())?;
        assert!(!all.flags.contains(LogonFlags::PRIVATE));
        assert_ne!(mine.replica_guid, all.replica_guid);
        Ok(())
    }
}
