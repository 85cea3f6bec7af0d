//! Long-term ids ([MS-OXCSTOR] 3.2.5.8, 3.2.5.9).

use mapi::{ErrorCode, FolderId, Guid, LongTermId, ReplId};
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
    // As Exchange 2016 does (MS-OXCSTOR R1337): no id is no failure, and stands for none.
    if id.replica.0 == 0 && id.counter.get() == 0 {
        let long_term_id = LongTermId::new(Guid::NULL, id.counter);
        return Ok(LongTermIdFromIdResponse { long_term_id });
    }
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
    let id = &request.long_term_id;
    // As Exchange 2016 does (MS-OXCSTOR R94801001), and as the way back: no replica is no failure.
    if id.replica == Guid::NULL {
        return Ok(IdFromLongTermIdResponse { id: FolderId::new(ReplId(0), id.counter).into() });
    }
    // A replica that was not met before gets a number (MS-OXCSTOR R950, R1246).
    let replica = match ids::replica_id(&*call.mailbox()?, id.replica) {
        Ok(replica) => replica,
        // MS-OXCSTOR R1249
        Err(StoreError::Quota(_)) => return Err(ErrorCode::PARAMETER_OVERFLOW.into()),
        Err(error) => return Err(error.into()),
    };
    Ok(IdFromLongTermIdResponse { id: FolderId::new(replica, id.counter).into() })
}
