//! Work that goes on from one request to the next, because its client asked for that ([MS-OXCPRPT] 3.2.5.20,
//! [MS-OXCFOLD] 3.1.5.2). Nothing of it is done between requests: each RopProgress does a piece.
//!
//! A logon has at most one. Any other ROP on the logon ends what is left of it ([MS-OXCPRPT] 3.1.5 R453), and it
//! ends with its logon.

use std::sync::Arc;

use mapi::{ErrorCode, PropertyProblem};
use mapi_rop::folder::PartialCompletionResponse;
use mapi_rop::property::{ProgressResponse, PropertyProblemsResponse};
use mapi_rop::{Failure, LogonId, Request, RopId, RopResponse as Rs};
use store::{Mailbox, folder};

use crate::call::Call;
use crate::error::Result;
use crate::handles::NodeId;
use crate::ledger::Entry;
use crate::object::BASE_BYTES;
use crate::rop::copy_move::Listed;

/// Messages and folders that are dealt with for one request. What has no more is done at once.
pub const PIECE: usize = 256;

/// An operation that is not done.
pub struct Operation {
    /// The object on which it was begun, by which the client asks after it. Good for as long as the operation:
    /// a release ends that.
    pub input: NodeId,
    pub rop: RopId,
    pub work: Work,
    pub answer: Answer,
    /// What has to be allowed still before each piece, of somebody without full access.
    pub asked: Option<Asked>,
    pub entry: Entry,
}

/// The request that began an operation.
pub struct Asked {
    pub request: Request,
    pub target: Option<NodeId>,
}

/// What a ROP is to do when all has been checked.
pub enum Work {
    /// It is done already.
    Done { partial: bool },
    /// Messages by their ids.
    Listed(Box<Listed>),
    /// What folders hold.
    Folders { work: Box<folder::Work>, source: Arc<Mailbox>, target: Arc<Mailbox> },
}

impl Work {
    pub fn folders(work: folder::Work, source: Arc<Mailbox>, target: Arc<Mailbox>) -> Work {
        Work::Folders { work: Box::new(work), source, target }
    }

    /// Does about `limit` tasks more; whether all is done.
    pub fn run(&mut self, call: &Call<'_>, limit: usize) -> Result<bool> {
        match self {
            Work::Done { .. } => Ok(true),
            Work::Listed(listed) => listed.run(call, limit),
            Work::Folders { work, source, target } => Ok(work.run(source, target, limit)?),
        }
    }

    pub fn is_partial(&self) -> bool {
        match self {
            Work::Done { partial } => *partial,
            Work::Listed(listed) => listed.is_partial(),
            Work::Folders { work, .. } => work.is_partial(),
        }
    }

    /// How far it is ([MS-OXCPRPT] 2.2.23.2).
    pub fn progress(&self, logon_id: u8) -> Rs {
        let (completed, total) = match self {
            Work::Done { .. } => (0, 0),
            Work::Listed(listed) => listed.tasks(),
            Work::Folders { work, .. } => (work.done(), work.total()),
        };
        let number = |tasks: u64| u32::try_from(tasks).unwrap_or(u32::MAX);
        Rs::Progress(ProgressResponse {
            logon: LogonId(logon_id),
            completed: number(completed),
            total: number(total),
        })
    }

    /// Bytes of memory that it holds.
    pub fn bytes(&self) -> u64 {
        let lists = match self {
            Work::Listed(listed) => listed.bytes(),
            Work::Folders { work, .. } => work.bytes(),
            Work::Done { .. } => 0,
        };
        BASE_BYTES + lists
    }
}

/// How the ROP that began it is answered in the end.
pub enum Answer {
    Partial(fn(PartialCompletionResponse) -> Rs),
    Problems(fn(PropertyProblemsResponse) -> Rs, Vec<PropertyProblem>),
}

impl Answer {
    /// When all is done, but for what could not be.
    pub fn done(self, partial_completion: bool) -> Rs {
        match self {
            Answer::Partial(answer) => answer(PartialCompletionResponse { partial_completion }),
            Answer::Problems(answer, problems) => {
                answer(PropertyProblemsResponse { problems: problems.into() })
            }
        }
    }

    /// When the client wanted no more: what is done stays done. An answer that cannot say so is a failure.
    pub fn cancelled(self, rop: RopId) -> Rs {
        match self {
            Answer::Partial(_) => self.done(true),
            Answer::Problems(..) => Rs::Failed(Failure::new(rop, ErrorCode::USER_CANCELED)),
        }
    }

    /// When it failed on the way, with something done.
    pub fn failed(self, rop: RopId, code: ErrorCode) -> Rs {
        Rs::Failed(Failure::new(rop, code).with_body(self.done(true)))
    }
}
