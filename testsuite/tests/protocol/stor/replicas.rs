//! Where public folders are ([MS-OXCSTOR] 2.2.1.5 to 2.2.1.7, 3.2.5.5 to 3.2.5.7).

use mapi::text::String8;
use mapi::{ErrorCode, FolderId};
use mapi_rop::logon::{GetOwningServersRequest, PublicFolderIsGhostedRequest};
use mapi_rop::parts::ServerList;
use mapi_rop::{Empty, RopRequest, RopResponse};
use store::{PublicFolder, SpecialFolder};
use testsuite::on_both;
use testsuite::raw::{Answer, Client};
use testsuite::rig::{ME, STRANGER};

use super::{administrator, make_folder, public_client};

const NOT_FOUND: ErrorCode = ErrorCode(0x8004_010f);
const NOT_IMPLEMENTED: ErrorCode = ErrorCode(0x8004_0fff);

fn owners(client: &mut Client, folder: FolderId) -> Answer<ServerList> {
    let body = RopRequest::GetOwningServers(GetOwningServersRequest { folder });
    match client.call(client.logon, body)? {
        RopResponse::GetOwningServers(list) => Ok(list),
        other => panic!("{other:?}"),
    }
}

fn ghosted(client: &mut Client, folder: FolderId) -> Answer<Option<ServerList>> {
    let body = RopRequest::PublicFolderIsGhosted(PublicFolderIsGhostedRequest { folder });
    match client.call(client.logon, body)? {
        RopResponse::PublicFolderIsGhosted(answer) => Ok(answer.ghosted.0),
        other => panic!("{other:?}"),
    }
}

on_both! {
    /// MS-OXCSTOR 2.2.1.5.1: R332
    /// MS-OXCSTOR 3.2.5.5: R882, R1091, R1092
    /// MS-OXCSTOR 6: R884
    fn the_state_of_a_store_is_not_told(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let ask = || RopRequest::GetStoreState(Empty);
        assert_eq!(client.call(client.logon, ask()), Err(NOT_IMPLEMENTED));
        let (mut public, _) = public_client(rig, ME)?;
        assert_eq!(public.call(public.logon, ask()), Err(NOT_IMPLEMENTED));
        Ok(())
    }

    /// MS-OXCSTOR 2.2.1.6: R343
    /// MS-OXCSTOR 2.2.1.6.2: R351, R370
    /// MS-OXCSTOR 3.2.5.6: R915, R916
    fn this_server_owns_every_public_folder(rig: &Rig) -> Result {
        let (mut client, logon) = administrator(rig)?;
        let (made, _) = make_folder(&mut client, "News")?;
        let server = String8::from(rig.store.server_dn()?.as_str());
        for folder in [made, logon.folders.0[1], logon.folders.0[2]] {
            let list = owners(&mut client, folder)?;
            assert_eq!(list, ServerList { cheap: 1, servers: vec![server.clone()] });
        }
        Ok(())
    }

    /// MS-OXCSTOR 2.2.1.6.1: R349
    /// MS-OXCSTOR 3.2.5.6: R892, R1232, R394, R395
    fn owners_of_what_is_not_there(rig: &Rig) -> Result {
        let (mut client, _) = public_client(rig, STRANGER)?;
        assert_eq!(owners(&mut client, FolderId::own(0x7777)), Err(NOT_FOUND));
        assert_eq!(owners(&mut client, PublicFolder::IpmSubtree.id())?.servers.len(), 1);
        let mut private = rig.client(ME)?;
        let inbox = SpecialFolder::Inbox.id();
        assert_eq!(owners(&mut private, inbox), Err(ErrorCode::NOT_SUPPORTED));
        Ok(())
    }

    /// MS-OXCSTOR 2.2.1.6.2: R352, R367, R368, R371
    /// MS-OXCSTOR 6: R39701
    fn one_replica_is_the_cheapest(rig: &Rig) -> Result {
        let (mut client, _) = public_client(rig, ME)?;
        let list = owners(&mut client, PublicFolder::IpmSubtree.id())?;
        assert_eq!((list.cheap, list.servers.len()), (1, 1));
        assert!(list.servers[0].0.is_ascii());
        Ok(())
    }

    /// MS-OXCSTOR 2.2.1.7: R396
    /// MS-OXCSTOR 2.2.1.7.2: R405, R1101, R3085
    /// MS-OXCSTOR 3.2.5.7: R930
    fn no_public_folder_is_ghosted(rig: &Rig) -> Result {
        let (mut client, _) = administrator(rig)?;
        let (made, _) = make_folder(&mut client, "News")?;
        assert_eq!(ghosted(&mut client, made)?, None);
        let (mut other, _) = public_client(rig, STRANGER)?;
        assert_eq!(ghosted(&mut other, made)?, None);
        Ok(())
    }

    /// MS-OXCSTOR 3.2.5.7: R1239, R1236, R436, R437
    /// MS-OXCSTOR 2.2.1.7.1: R400
    fn subtrees_are_here_and_others_are_not_found(rig: &Rig) -> Result {
        let (mut client, logon) = public_client(rig, ME)?;
        for subtree in [logon.folders.0[1], logon.folders.0[2]] {
            assert_eq!(ghosted(&mut client, subtree)?, None);
        }
        assert_eq!(ghosted(&mut client, FolderId::own(0x7777)), Err(NOT_FOUND));
        Ok(())
    }

    /// MS-OXCSTOR 3.2.5.7: R917, R1237
    /// MS-OXCSTOR 2.2.1.7.2: R1098, R1100, R59712
    fn no_folder_of_a_mailbox_is_ghosted(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        for folder in [SpecialFolder::Inbox.id(), FolderId::own(0x7777)] {
            assert_eq!(ghosted(&mut client, folder)?, None);
        }
        Ok(())
    }
}
