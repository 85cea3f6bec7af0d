//! The payloads of an Execute and of its answer ([MS-OXCRPC] 3.1.4.2): size limits, extended buffers, and
//! answers that are spread over several of them.

use std::time::Duration;

use mapi::ErrorCode;
use mapi_rop::buffer::{ResponseWriter, write_requests};
use mapi_rop::control::BackoffResponse;
use mapi_rop::ext::{EXT_HEADER_SIZE, MAX_PAYLOADS, Packing, read_payloads, write_payloads};
use mapi_rop::http::ExecuteFlags;
use mapi_rop::{Handle, LogonId, Request, Response, RopResponse};

use crate::dispatch::least_residue;
use crate::processor::{Executed, MAX_PAYLOAD, Processor};
use crate::session::Turn;

/// The largest request and the largest answer, in bytes ([MS-OXCRPC] 3.1.4.2 R1373, R666).
pub const MAX_ROP_BUFFER: usize = 0x0004_0000;

/// Why an Execute failed as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ExecuteError {
    /// The StatusCode of the failure: the request was not accepted, or its answer fits into no buffer.
    #[error("the request failed with status {0:#x}")]
    Status(u32),
    /// The ErrorCode: the request was accepted and could not be executed.
    #[error("the request failed: {0}")]
    Code(ErrorCode),
}

/// RPC_X_BAD_STUB_DATA: a buffer is larger than it may be.
pub const BAD_STUB_DATA: u32 = 0x0000_06f7;

impl Processor {
    /// Executes the ROPs of an extended buffer and returns the extended buffer of their answers, of at most
    /// `max_out` bytes.
    pub fn execute_extended(
        &self,
        turn: &Turn,
        flags: ExecuteFlags,
        rops: &[u8],
        max_out: u32,
    ) -> Result<Vec<u8>, ExecuteError> {
        let max_out = max_out as usize;
        // MS-OXCRPC R1373, R666
        if rops.len() > MAX_ROP_BUFFER || max_out > MAX_ROP_BUFFER {
            return Err(ExecuteError::Status(BAD_STUB_DATA));
        }
        // MS-OXCRPC R1379, R663
        if rops.len() < EXT_HEADER_SIZE || max_out < EXT_HEADER_SIZE {
            return Err(ExecuteError::Code(ErrorCode::RPC_FAILED));
        }
        let inputs = read_payloads(rops, MAX_ROP_BUFFER).map_err(|error| {
            tracing::debug!(%error, "an extended buffer cannot be read");
            ExecuteError::Code(ErrorCode::RPC_FORMAT)
        })?;
        let mut answer = Answer { payloads: Vec::new(), left: max_out };
        let chain = flags.contains(ExecuteFlags::CHAIN) && inputs.len() == 1;
        for input in &inputs {
            let Executed { output, more } = self.run_payload(turn, input, &answer)?;
            answer.push(output);
            if chain {
                self.pack(turn, more, &mut answer)?;
            }
        }
        // INVARIANT: no payload has more than MAX_PAYLOAD bytes.
        write_payloads(&answer.payloads, packing(flags))
            .ok_or(ExecuteError::Status(ErrorCode::BUFFER_TOO_SMALL.0))
    }

    /// Whether an extended buffer holds nothing but ROPs that neither ask the engine nor wait. Only short
    /// buffers are looked at: what is in them is read twice.
    pub fn is_light(&self, turn: &Turn, rops: &[u8]) -> bool {
        const SHORT: usize = 512;
        rops.len() <= SHORT
            && match read_payloads(rops, SHORT) {
                Ok(inputs) => inputs.iter().all(|input| self.is_light_payload(turn, input)),
                Err(_) => true,
            }
    }

    fn run_payload(
        &self,
        turn: &Turn,
        input: &[u8],
        answer: &Answer,
    ) -> Result<Executed, ExecuteError> {
        self.execute_payload(turn, input, answer.room()).map_err(|code| match code {
            // MS-OXCROPS R4546, MS-OXCPRPT R467
            ErrorCode::BUFFER_TOO_SMALL | ErrorCode::SERVER_MEMORY => ExecuteError::Status(code.0),
            code => ExecuteError::Code(code),
        })
    }

    /// Goes on with the last ROP as if the client had sent another request with what it did not get yet
    /// ([MS-OXCRPC] 3.1.4.2.1.2.2 R963).
    fn pack(
        &self,
        turn: &Turn,
        mut more: Option<(Request, Vec<Handle>)>,
        answer: &mut Answer,
    ) -> Result<(), ExecuteError> {
        while let Some((request, handles)) = more {
            // MS-OXCRPC R968, R969
            if answer.left < least_residue(&request) || answer.payloads.len() >= MAX_PAYLOADS {
                return Ok(());
            }
            let Some(input) = write_requests(&[request], &handles) else { return Ok(()) };
            let executed = self.run_payload(turn, &input, answer)?;
            answer.push(executed.output);
            more = executed.more;
        }
        Ok(())
    }
}

fn packing(flags: ExecuteFlags) -> Packing {
    Packing {
        compress: !flags.contains(ExecuteFlags::NO_COMPRESSION),
        obfuscate: !flags.contains(ExecuteFlags::NO_XOR_MAGIC),
    }
}

/// The answer to an extended buffer of which nothing is executed now: RopBackoff in the place of the first ROP's
/// answer, for the logon of that ROP, and no other answer ([MS-OXCROPS] 3.2.4.2 R4542, 3.1.5.1.1 R4514). None where
/// there is no ROP, or no room.
#[cfg_attr(not(feature = "http"), allow(dead_code))]
pub(crate) fn back_off(
    flags: ExecuteFlags,
    rops: &[u8],
    max_out: u32,
    wait: Duration,
) -> Option<Vec<u8>> {
    let inputs = read_payloads(rops, MAX_ROP_BUFFER).ok()?;
    let input = inputs.first()?;
    // RopSize, which counts itself; the RopId and the LogonId of the first ROP.
    let size = usize::from(u16::from_le_bytes([*input.first()?, *input.get(1)?]));
    let (list, table) = input.split_at_checked(size)?;
    let backoff = BackoffResponse {
        logon: LogonId(*list.get(3)?),
        duration: u32::try_from(wait.as_millis()).unwrap_or(u32::MAX),
        rops: Vec::new().into(),
        additional: Vec::new().into(),
    };
    let (handles, _) = table.as_chunks();
    let handles: Vec<Handle> =
        handles.iter().map(|bytes| Handle(u32::from_le_bytes(*bytes))).collect();
    let room = Answer { payloads: Vec::new(), left: max_out as usize }.room();
    let mut writer = ResponseWriter::new(room, handles.len())?;
    writer.push(&Response::told(RopResponse::Backoff(backoff))).ok()?;
    write_payloads(&[writer.finish(&handles)], packing(flags))
}

/// The payloads so far, and the bytes left for others.
struct Answer {
    payloads: Vec<Vec<u8>>,
    left: usize,
}

impl Answer {
    fn room(&self) -> usize {
        self.left.saturating_sub(EXT_HEADER_SIZE).min(MAX_PAYLOAD)
    }

    fn push(&mut self, payload: Vec<u8>) {
        self.left = self.left.saturating_sub(payload.len() + EXT_HEADER_SIZE);
        self.payloads.push(payload);
    }
}
