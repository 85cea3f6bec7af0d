//! ROPs that may go on from one request to the next, and RopProgress, which asks after them ([MS-OXCPRPT]
//! 3.2.5.20).

use mapi::ErrorCode;
use mapi_rop::property::ProgressRequest;
use mapi_rop::{Request, RopResponse as Rs};

use crate::call::Call;
use crate::dispatch::gate;
use crate::error::{Failure, Result};
use crate::handles::NodeId;
use crate::ledger::Kind;
use crate::operation::{Answer, Asked, Operation, PIECE, Work};

/// A ROP that was checked and is to be done.
pub struct Begin<'a> {
    pub request: &'a Request,
    pub input: NodeId,
    pub target: Option<NodeId>,
    /// The client is prepared to ask again.
    pub asynchronous: bool,
}

/// Does it, or a first piece of it if the client allows that and there is more. What a limit refuses to keep is
/// done as a whole.
pub fn begin(call: &mut Call<'_>, begin: Begin<'_>, mut work: Work, answer: Answer) -> Result<Rs> {
    let piece = if begin.asynchronous { PIECE } else { usize::MAX };
    if work.run(call, piece)? || !begin.asynchronous {
        return Ok(answer.done(work.is_partial()));
    }
    let Ok(entry) = call.session.account.open(Kind::Operation, work.bytes()) else {
        work.run(call, usize::MAX)?;
        return Ok(answer.done(work.is_partial()));
    };
    let told = work.progress(call.logon_id);
    let asked = match call.is_full() {
        true => None,
        false => Some(Asked { request: begin.request.clone(), target: begin.target }),
    };
    let (input, rop) = (begin.input, begin.request.id());
    let operation = Operation { input, rop, work, answer, asked, entry };
    call.logon_mut()?.operation = Some(Box::new(operation));
    Ok(told)
}

/// RopProgress ([MS-OXCPRPT] 3.2.5.20): answered as the ROP that began the operation when it is done, cancelled or
/// failed.
///
/// Errors: ecNotSupported for an object on which nothing is under way (MS-OXCPRPT R65001).
pub fn progress(call: &mut Call<'_>, input: NodeId, request: &ProgressRequest) -> Result<Rs> {
    let slot = &mut call.logon_mut()?.operation;
    let mut operation =
        slot.take_if(|operation| operation.input == input).ok_or(ErrorCode::NOT_SUPPORTED)?;
    if request.want_cancel {
        return Ok(operation.answer.cancelled(operation.rop));
    }
    match go_on(call, &mut operation) {
        Ok(true) => Ok(operation.answer.done(operation.work.is_partial())),
        Ok(false) => {
            let told = operation.work.progress(call.logon_id);
            operation.entry.state(operation.work.bytes());
            call.logon_mut()?.operation = Some(operation);
            Ok(told)
        }
        Err(Failure(code)) => Ok(operation.answer.failed(operation.rop, code)),
    }
}

fn go_on(call: &mut Call<'_>, operation: &mut Operation) -> Result<bool> {
    if let Some(Asked { request, target }) = &operation.asked {
        gate::check(call, Some(operation.input), *target, &request.body)?;
    }
    operation.work.run(call, PIECE)
}

/// Ends what goes on in a logon (MS-OXCPRPT R453).
pub fn end(call: &mut Call<'_>) {
    if let Ok(logon) = call.logon_mut() {
        logon.operation = None;
    }
}
