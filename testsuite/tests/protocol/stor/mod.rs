//! [MS-OXCSTOR]: logons, receive folders, replicas, long-term ids, per-user information, store properties.

mod ids;
mod logon;
mod per_user;
mod private;
mod properties;
mod public;
mod receive;
mod replicas;

use mapi::FolderId;
use mapi_rop::folder::FolderType;
use mapi_rop::irregular::{CreateFolderRequest, FolderTexts, LogonResponse};
use mapi_rop::logon::{LogonRequest, PrivateLogon, PublicLogon};
use mapi_rop::{Handle, RopRequest, RopResponse};
use store::PublicFolder;
use testsuite::Result;
use testsuite::raw::{Answer, Client};
use testsuite::rig::{ME, Rig};

/// RopLogon under logon id 0, as it is answered to a mailbox.
fn private(client: &mut Client, request: LogonRequest) -> Answer<PrivateLogon> {
    let (response, handle) = client.log_on_with(request)?;
    client.logon = handle;
    match response {
        RopResponse::Logon(LogonResponse::Private(logon)) => Ok(*logon),
        other => panic!("{other:?}"),
    }
}

/// The same, to public folders.
fn public(client: &mut Client, request: LogonRequest) -> Answer<PublicLogon> {
    let (response, handle) = client.log_on_with(request)?;
    client.logon = handle;
    match response {
        RopResponse::Logon(LogonResponse::Public(logon)) => Ok(*logon),
        other => panic!("{other:?}"),
    }
}

/// A client that is logged on to the public folders.
fn public_client(rig: &Rig, user: &str) -> Result<(Client, PublicLogon)> {
    let mut client = rig.bare_client(user)?;
    let logon = public(&mut client, LogonRequest::public())?;
    Ok((client, logon))
}

/// The same for ME as an administrator, who may make folders.
pub fn administrator(rig: &Rig) -> Result<(Client, PublicLogon)> {
    let account = rig.store.account_by_address(ME)?.ok_or("no such account")?;
    rig.store.set_administrator(account.id, true)?;
    public_client(rig, ME)
}

/// A new public folder in the IPM subtree.
pub fn make_folder(client: &mut Client, name: &str) -> Answer<(FolderId, Handle)> {
    let top = client.open_folder(PublicFolder::IpmSubtree.id())?;
    let texts =
        FolderTexts::Unicode { display_name: name.into(), comment: mapi::WString::from("") };
    let folder_type = FolderType::Generic;
    let request = CreateFolderRequest { folder_type, open_existing: false, reserved: 0, texts };
    let (response, handle) =
        client.call_two(top, Handle::NONE, RopRequest::CreateFolder(request))?;
    match response {
        RopResponse::CreateFolder(made) => Ok((made.folder, handle)),
        other => panic!("{other:?}"),
    }
}
