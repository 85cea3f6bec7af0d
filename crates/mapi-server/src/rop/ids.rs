//! Long-term ids ([MS-OXCSTOR] 3.2.5.8, 3.2.5.9).

use mapi::{ErrorCode, FolderId};
use mapi_rop::logon::{
    IdFromLongTermIdRequest, IdFromLongTermIdResponse, LongTermIdFromIdRequest,
    LongTermIdFromIdResponse,
};
use store::StoreError;
use store::mailbox::ids;

use crate::call::Call;
use crate::error::Result;
use crate::handles::NodeId;

pub fn long_term_id_from_id(
    call: &Call<'_>,
    input: NodeId,
    request: &LongTermIdFromIdRequest,
) -> Result<LongTermIdFromIdResponse> {
    call.need_logon(input)?;
    let id = request.id.folder();
    match ids::to_long_term(&*call.mailbox()?, id.replica, id.counter) {
        Ok(long_term_id) => Ok(LongTermIdFromIdResponse { long_term_id }),
        Err(StoreError::NotFound(_)) => Err(ErrorCode::NOT_FOUND.into()),
        Err(error) => Err(error.into()),
    }
}

pub fn id_from_long_term_id(
    call: &Call<'_>,
    input: NodeId,
    request: &IdFromLongTermIdRequest,
) -> Result<IdFromLongTermIdResponse> {
    call.need_logon(input)?;
    let (replica, counter) = ids::from_long_term(&*call.mailbox()?, &request.long_term_id)?;
    Ok(IdFromLongTermIdResponse { id: FolderId::new(replica, counter).into() })
}
