//! Per-user read state of public folders ([MS-OXCSTOR] 3.2.5.10 to 3.2.5.13).

use mapi::wire::Counted;
use mapi::{ErrorCode, Guid, LongTermId};
use mapi_rop::irregular::WritePerUserInformationRequest;
use mapi_rop::logon::{
    GetPerUserGuidRequest, GetPerUserGuidResponse, GetPerUserLongTermIdsRequest,
    GetPerUserLongTermIdsResponse, ReadPerUserInformationRequest, ReadPerUserInformationResponse,
};
use store::StoreError;
use store::mailbox::per_user;

use crate::call::Call;
use crate::error::Result;
use crate::handles::NodeId;
use crate::object::{BASE_BYTES, Logon, PerUserTransfer};

/// Bytes of data in one answer at most, and where the client leaves it to the server (MS-OXCSTOR R999, R1356).
const MOST: usize = 4_096;

pub fn get_per_user_long_term_ids(
    call: &Call<'_>,
    input: NodeId,
    request: &GetPerUserLongTermIdsRequest,
) -> Result<GetPerUserLongTermIdsResponse> {
    call.need_private_logon(input)?;
    let ids = per_user::folders(&*call.mailbox()?, request.database_guid)?;
    Ok(GetPerUserLongTermIdsResponse { ids: Counted::from(ids) })
}

pub fn get_per_user_guid(
    call: &Call<'_>,
    input: NodeId,
    request: &GetPerUserGuidRequest,
) -> Result<GetPerUserGuidResponse> {
    call.need_private_logon(input)?;
    let database_guid = per_user::database(&*call.mailbox()?, &request.long_term_id)?;
    Ok(GetPerUserGuidResponse { database_guid })
}

pub fn read_per_user_information(
    call: &mut Call<'_>,
    input: NodeId,
    request: &ReadPerUserInformationRequest,
) -> Result<ReadPerUserInformationResponse> {
    call.need_logon(input)?;
    let mailbox = call.mailbox()?;
    let offset = usize::try_from(request.data_offset).map_err(|_| ErrorCode::ERROR)?;
    let folder = without_padding(&request.folder);
    let logon = call.logon_mut()?;
    // All segments come from one state.
    let data = match logon.per_user.take().filter(|_| offset > 0) {
        Some(PerUserTransfer::Reading { folder: read, data }) if read == folder => data,
        _ => per_user::data(&mailbox, &folder)?,
    };
    // MS-OXCSTOR R1259, R1260
    let Some(rest) = data.get(offset..) else {
        keep(logon, None)?;
        return Err(ErrorCode::ERROR.into());
    };
    let most = match usize::from(request.max_data_size) {
        0 => MOST,
        asked => asked.min(MOST),
    };
    let segment = rest[..rest.len().min(most)].to_vec();
    let has_finished = segment.len() == rest.len();
    let reading = (!has_finished).then_some(PerUserTransfer::Reading { folder, data });
    keep(logon, reading)?;
    Ok(ReadPerUserInformationResponse { has_finished, data: segment.into() })
}

pub fn write_per_user_information(
    call: &mut Call<'_>,
    input: NodeId,
    request: &WritePerUserInformationRequest,
) -> Result<()> {
    call.need_logon(input)?;
    let mailbox = call.mailbox()?;
    let offset = usize::try_from(request.data_offset).map_err(|_| ErrorCode::ERROR)?;
    let folder = without_padding(&request.folder);
    let logon = call.logon_mut()?;
    // Another folder or another place is the end of what came until now (MS-OXCSTOR R1017, R1033).
    let (database, mut data) = match logon.per_user.take() {
        Some(PerUserTransfer::Writing { folder: written, database, data })
            if offset > 0 && written == folder && data.len() == offset =>
        {
            (database, data)
        }
        _ => {
            keep(logon, None)?;
            // MS-OXCSTOR R1019
            if offset > 0 {
                return Err(ErrorCode::ERROR.into());
            }
            (request.replica_guid.unwrap_or(Guid::NULL), Vec::new())
        }
    };
    if data.len() + request.data.len() > per_user::MAX_DATA {
        keep(logon, None)?;
        return Err(ErrorCode::TOO_BIG.into());
    }
    data.extend_from_slice(&request.data);
    if !request.has_finished {
        return keep(logon, Some(PerUserTransfer::Writing { folder, database, data }));
    }
    keep(logon, None)?;
    match per_user::set(&mailbox, &folder, database, &data) {
        // MS-OXCSTOR R1021, R1021006
        Err(StoreError::Corrupt(_)) => Err(ErrorCode::CORRUPT_DATA.into()),
        done => Ok(done?),
    }
}

/// A client may put anything into the padding (MS-OXCSTOR R953).
fn without_padding(id: &LongTermId) -> LongTermId {
    LongTermId::new(id.replica, id.counter)
}

/// Keeps what is to go on in the next call, if its bytes may be held.
fn keep(logon: &mut Logon, transfer: Option<PerUserTransfer>) -> Result<()> {
    let held = transfer.as_ref().map_or(0, |transfer| transfer.data().len() as u64);
    logon.per_user = None;
    logon.entry.resize(BASE_BYTES + held)?;
    logon.per_user = transfer;
    Ok(())
}
