//! Long-term ids ([MS-OXCSTOR] 2.2.1.8, 2.2.1.9, 3.2.5.8, 3.2.5.9).

use mapi::{ErrorCode, FolderId, GlobalCounter, Guid, LongTermId, ReplId};
use mapi_rop::logon::{IdFromLongTermIdRequest, LogonRequest, LongTermIdFromIdRequest};
use mapi_rop::{RopRequest, RopResponse};
use store::SpecialFolder;
use testsuite::on_both;
use testsuite::raw::{Answer, Client};
use testsuite::rig::ME;

use super::{private, public_client};

fn long(client: &mut Client, id: FolderId) -> Answer<LongTermId> {
    let body = RopRequest::LongTermIdFromId(LongTermIdFromIdRequest { id: id.into() });
    match client.call(client.logon, body)? {
        RopResponse::LongTermIdFromId(answer) => Ok(answer.long_term_id),
        other => panic!("{other:?}"),
    }
}

fn short(client: &mut Client, long_term_id: LongTermId) -> Answer<FolderId> {
    let body = RopRequest::IdFromLongTermId(IdFromLongTermIdRequest { long_term_id });
    match client.call(client.logon, body)? {
        RopResponse::IdFromLongTermId(answer) => Ok(answer.id.folder()),
        other => panic!("{other:?}"),
    }
}

on_both! {
    /// MS-OXCSTOR 2.2.1.8: R69742
    /// MS-OXCSTOR 2.2.1.8.2: R442, R59718
    /// MS-OXCSTOR 3.2.5.8: R1243, R1244
    fn an_id_becomes_the_replica_and_its_counter(rig: &Rig) -> Result {
        let mut client = rig.bare_client(ME)?;
        let logon = private(&mut client, LogonRequest::mailbox_of(&rig.legacy_dn(ME)?))?;
        let inbox = SpecialFolder::Inbox.id();
        let id = long(&mut client, inbox)?;
        assert_eq!(id.replica, logon.replica_guid);
        assert_eq!(id.counter, inbox.counter);
        assert_eq!(id.padding, [0, 0]);
        Ok(())
    }

    /// MS-OXCSTOR 3.2.5.8: R945, R947, R1242
    /// MS-OXCSTOR 2.2.1.8.2: R59799
    fn nobody_asks_whether_the_object_exists(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let nothing = FolderId::new(ReplId(1), GlobalCounter::new(0x7fff_ffff_ffff));
        let first = long(&mut client, nothing)?;
        assert_eq!(first.counter, nothing.counter);
        assert_eq!(long(&mut client, nothing)?, first);
        assert_eq!(long(&mut client, SpecialFolder::Inbox.id())?.replica, first.replica);
        Ok(())
    }

    /// MS-OXCSTOR 2.2.1.8.1: R440
    /// MS-OXCSTOR 3.2.5.8: R946, R451, R452
    /// MS-OXCSTOR 6: R1337
    fn a_replica_that_is_not_known_has_no_long_term_ids(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let unknown = FolderId::new(ReplId(0x1234), GlobalCounter::new(5));
        assert_eq!(long(&mut client, unknown), Err(ErrorCode(0x8004_010f)));
        let none = long(&mut client, FolderId::NONE)?;
        assert_eq!(none, LongTermId::new(Guid::NULL, GlobalCounter::new(0)));
        Ok(())
    }

    /// MS-OXCSTOR 2.2.1.9: R59721
    /// MS-OXCSTOR 2.2.1.9.1: R454
    /// MS-OXCSTOR 2.2.1.9.2: R458, R459
    /// MS-OXCSTOR 3.2.5.9: R1253
    fn a_long_term_id_becomes_the_id_that_it_was(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        for folder in [SpecialFolder::Inbox, SpecialFolder::Journal] {
            let id = long(&mut client, folder.id())?;
            assert_eq!(short(&mut client, id)?, folder.id());
        }
        let id = long(&mut client, SpecialFolder::Inbox.id())?;
        let absent = LongTermId::new(id.replica, GlobalCounter::new(0x7777_7777));
        assert_eq!(short(&mut client, absent)?, FolderId::own(0x7777_7777));
        Ok(())
    }

    /// MS-OXCSTOR 3.2.5.9: R950, R951, R952, R1245, R1246
    fn a_new_replica_gets_a_number_and_keeps_it(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let of = |replica: u8, counter| LongTermId::new(Guid([replica; 16]), GlobalCounter::new(counter));
        let first = short(&mut client, of(7, 5))?;
        assert_eq!(first.counter, GlobalCounter::new(5));
        assert!(first.replica.0 > 1);
        let second = short(&mut client, of(8, 5))?;
        assert!(![ReplId(1), first.replica].contains(&second.replica));
        assert_eq!(short(&mut client, of(7, 6))?.replica, first.replica);
        assert_eq!(long(&mut client, first)?, of(7, 5));
        // Another session sees the same mapping.
        assert_eq!(short(&mut rig.client(ME)?, of(7, 9))?.replica, first.replica);
        Ok(())
    }

    /// MS-OXCSTOR 3.2.5.9: R1120, R1121, R948, R953
    /// MS-OXCSTOR 6: R94801001
    fn zeros_and_padding_of_a_long_term_id(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let none = LongTermId::new(Guid::NULL, GlobalCounter::new(5));
        assert_eq!(short(&mut client, none)?, FolderId::new(ReplId(0), none.counter));
        let mut id = long(&mut client, SpecialFolder::Inbox.id())?;
        id.padding = [0x12, 0x34];
        assert_eq!(short(&mut client, id)?, SpecialFolder::Inbox.id());
        id.counter = GlobalCounter::new(0);
        assert_eq!(short(&mut client, id)?, FolderId::own(0));
        Ok(())
    }

    /// MS-OXCSTOR 3.2.5.9: R1122, R1123, R1248, R1249
    fn replicas_are_bounded(rig: &Rig) -> Result {
        let account = rig.store.account_by_address(ME)?.ok_or("no such account")?;
        let mailbox = rig.store.mailbox(account.mailbox)?;
        let replica = |number: u32| {
            let mut bytes = [9; 16];
            bytes[..4].copy_from_slice(&number.to_le_bytes());
            Guid(bytes)
        };
        let mut known = 0;
        while store::mailbox::ids::replica_id(&mailbox, replica(known)).is_ok() {
            known += 1;
            assert!(known <= 32_768, "the most that may be");
        }
        let mut client = rig.client(ME)?;
        let id = |number| LongTermId::new(replica(number), GlobalCounter::new(5));
        assert_eq!(short(&mut client, id(known + 1)), Err(ErrorCode(0x0000_0450)));
        assert!(short(&mut client, id(known - 1)).is_ok());
        Ok(())
    }

    /// MS-OXCSTOR 2.2.1.9.1: R59724
    /// MS-OXCSTOR 3.2.5.9: R1250, R1252
    /// MS-OXCSTOR 2.2.1.1.4: R153
    fn public_folders_have_long_term_ids_of_their_own(rig: &Rig) -> Result {
        let (mut client, logon) = public_client(rig, ME)?;
        let id = long(&mut client, logon.folders.0[1])?;
        assert_eq!(id.replica, logon.replica_guid);
        assert_eq!(short(&mut client, id)?, logon.folders.0[1]);
        let mut private = rig.client(ME)?;
        assert_ne!(short(&mut private, id)?.replica, ReplId(1));
        Ok(())
    }
}
