//! Which server has a public folder ([MS-OXCSTOR] 3.2.5.6, 3.2.5.7): this one, every folder has exactly one replica
//! (MS-OXCSTOR R39701).

use mapi::text::String8;
use mapi::{ErrorCode, FolderId};
use mapi_rop::logon::{
    GetOwningServersRequest, PublicFolderIsGhostedRequest, PublicFolderIsGhostedResponse,
};
use mapi_rop::parts::{Flagged, ServerList};
use store::{StoreError, folder};

use crate::call::Call;
use crate::error::Result;
use crate::handles::NodeId;

pub fn get_owning_servers(
    call: &Call<'_>,
    input: NodeId,
    request: &GetOwningServersRequest,
) -> Result<ServerList> {
    // Not for mailboxes (MS-OXCSTOR R349, R892).
    call.need_public_logon(input)?;
    need_folder(call, request.folder)?;
    let server = call.processor.store.server_dn()?;
    Ok(ServerList { cheap: 1, servers: vec![String8::from(server.as_str())] })
}

pub fn public_folder_is_ghosted(
    call: &Call<'_>,
    input: NodeId,
    request: &PublicFolderIsGhostedRequest,
) -> Result<PublicFolderIsGhostedResponse> {
    call.need_logon(input)?;
    // In a mailbox, no folder is (MS-OXCSTOR R917).
    if call.mailbox()?.is_public() {
        need_folder(call, request.folder)?;
    }
    Ok(PublicFolderIsGhostedResponse { ghosted: Flagged::default() })
}

/// MS-OXCSTOR R1232, R1236
fn need_folder(call: &Call<'_>, id: FolderId) -> Result<()> {
    match folder::info(&*call.mailbox()?, id) {
        Ok(_) => Ok(()),
        Err(StoreError::NotFound(_)) => Err(ErrorCode::NOT_FOUND.into()),
        Err(error) => Err(error.into()),
    }
}
