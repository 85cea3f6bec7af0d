//! One ROP of a response buffer: success, failure, or what the server tells by itself.

use mapi::ErrorCode;
use mapi::wire::{Reader, Wire, WireError};

use crate::handle::HandleIndex;
use crate::logon::LogonRedirect;
use crate::parts::Columns;
use crate::request::Request;
use crate::rops::{FailureLayout, HandleShape, RopId, RopRequest, RopResponse};

/// A response as it stands in a ROP output buffer ([MS-OXCROPS] 2.2.1).
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// The handle index that the request's layout has come back. 0, and not on the wire, in what the
    /// server tells by itself (RopNotify, RopPending, RopBackoff, RopBufferTooSmall).
    pub handle: HandleIndex,
    pub body: RopResponse,
}

/// A ROP that failed: its ReturnValue and what its layout has behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    pub rop: RopId,
    /// Not zero.
    pub code: ErrorCode,
    pub detail: FailureDetail,
}

/// What stands behind the ReturnValue of a failure, by [`RopId::failure_layout`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FailureDetail {
    /// The DestHandleIndex that named no object, in four bytes; only with [`NULL_DESTINATION`].
    pub destination: Option<u32>,
    /// The fields that the ROP's successes have too, such as PartialCompletion.
    pub body: Option<Box<RopResponse>>,
    /// Where the mailbox is; only with [`WRONG_SERVER`].
    pub redirect: Option<LogonRedirect>,
}

/// ecDstNullObject: the ReturnValue of failures that carry DestHandleIndex.
pub const NULL_DESTINATION: ErrorCode = ErrorCode(0x0000_0503);
/// ecWrongServer: the ReturnValue of a logon's redirect.
pub const WRONG_SERVER: ErrorCode = ErrorCode(0x0000_0478);
const SUCCESS: ErrorCode = ErrorCode(0);

impl Failure {
    /// A failure with what its layout needs behind the code: nothing was done, and nothing is told beyond
    /// that. `request` gives the destination's index.
    pub fn of(request: &Request, code: ErrorCode) -> Self {
        let mut failure = Failure::new(request.id(), code);
        if failure.detail.destination.is_some() {
            failure.detail.destination = Some(u32::from(request.other.0));
        }
        failure
    }

    /// The same where there is no request at hand; a destination index is 0.
    pub fn new(rop: RopId, code: ErrorCode) -> Self {
        // A failure must not read as a success.
        let code = if code == SUCCESS { ErrorCode(0x8000_4005) } else { code };
        let layout = rop.failure_layout();
        let to_destination =
            matches!(layout, FailureLayout::Destination | FailureLayout::DestinationAndBody);
        let redirect =
            || LogonRedirect { flags: crate::logon::LogonFlags::NONE, server_name: vec![0].into() };
        let detail = FailureDetail {
            destination: (to_destination && code == NULL_DESTINATION).then_some(0),
            body: RopResponse::empty_body(rop).map(|body| Box::new(with_code(body, code))),
            redirect: (layout == FailureLayout::Redirect && code == WRONG_SERVER).then(redirect),
        };
        Failure { rop, code, detail }
    }

    /// The same with this body behind the code, where the layout has one: how far the ROP came.
    pub fn with_body(mut self, body: RopResponse) -> Self {
        if self.detail.body.is_some() && body.id() == self.rop {
            self.detail.body = Some(Box::new(body));
        }
        self
    }

    fn read(rop: RopId, code: ErrorCode, r: &mut Reader<'_>) -> Result<Self, WireError> {
        let layout = rop.failure_layout();
        let mut detail = FailureDetail::default();
        // Not every server writes the fields that a failure has behind its code: at the end of the
        // buffer, they may be missing.
        if r.is_empty() {
            return Ok(Failure { rop, code, detail });
        }
        if code == NULL_DESTINATION
            && matches!(layout, FailureLayout::Destination | FailureLayout::DestinationAndBody)
        {
            detail.destination = Some(u32::read(r)?);
        }
        if matches!(layout, FailureLayout::Body | FailureLayout::DestinationAndBody) {
            let body = RopResponse::read_body(rop, r, code, &Columns::from([]));
            detail.body = body.transpose()?.map(Box::new);
        }
        if layout == FailureLayout::Redirect && code == WRONG_SERVER {
            detail.redirect = Some(LogonRedirect::read(r)?);
        }
        Ok(Failure { rop, code, detail })
    }

    pub(crate) fn write_detail(&self, w: &mut Vec<u8>) {
        if let Some(destination) = self.detail.destination {
            destination.write(w);
        }
        if let Some(body) = &self.detail.body {
            body.write_body(w);
        }
        if let Some(redirect) = &self.detail.redirect {
            redirect.write(w);
        }
    }
}

/// The body of a FastTransfer source that is busy has a time in it: see
/// [`TransferContent`](crate::fast_transfer::TransferContent).
fn with_code(body: RopResponse, code: ErrorCode) -> RopResponse {
    match body {
        RopResponse::FastTransferSourceGetBuffer(mut answer)
            if code == crate::irregular::SERVER_BUSY =>
        {
            answer.content =
                crate::fast_transfer::TransferContent::Backoff { size: 0, milliseconds: 0 };
            RopResponse::FastTransferSourceGetBuffer(answer)
        }
        other => other,
    }
}

impl Response {
    /// The answer to a request.
    pub fn to(request: &Request, body: RopResponse) -> Self {
        Response { handle: request.answer_index(), body }
    }

    /// The failure of a request.
    pub fn failed(request: &Request, code: ErrorCode) -> Self {
        Response::to(request, RopResponse::Failed(Failure::of(request, code)))
    }

    /// What the server tells by itself.
    pub fn told(body: RopResponse) -> Self {
        Response { handle: HandleIndex(0), body }
    }

    pub fn id(&self) -> RopId {
        self.body.id()
    }

    /// The ReturnValue: 0, a warning or an error.
    pub fn code(&self) -> ErrorCode {
        self.body.return_value()
    }

    /// The body, or the failure.
    pub fn into_result(self) -> Result<RopResponse, Failure> {
        match self.body {
            RopResponse::Failed(failure) => Err(failure),
            body => Ok(body),
        }
    }

    pub fn write(&self, w: &mut Vec<u8>) {
        let id = self.id();
        id.answer_id().to_u8().write(w);
        if id.handle_shape() != HandleShape::None {
            self.handle.write(w);
            self.code().write(w);
        }
        self.body.write_body(w);
    }

    /// Bytes on the wire.
    pub fn encoded_len(&self) -> usize {
        let mut w = Vec::new();
        self.write(&mut w);
        w.len()
    }

    /// Reads one response. `context` is what the requests fixed; it moves on with every answer.
    pub fn read(r: &mut Reader<'_>, context: &mut ResponseContext) -> Result<Self, WireError> {
        let wire_id = u8::read(r)?;
        let unknown = r.bad("the RopId of an answer", u64::from(wire_id), 1);
        let id = RopId::from_u8(wire_id).ok_or_else(|| unknown.clone())?;
        if id.handle_shape() == HandleShape::None {
            let body = RopResponse::read_body(id, r, SUCCESS, &Columns::from([]));
            return Ok(Response::told(body.ok_or(unknown)??));
        }
        let handle = HandleIndex::read(r)?;
        let code = ErrorCode::read(r)?;
        let (id, columns) = context.answer(id, handle);
        let warned = id.failure_layout() == FailureLayout::Warning
            && code == crate::property::ERRORS_RETURNED;
        if code != SUCCESS && !warned {
            let failure = Failure::read(id, code, r)?;
            return Ok(Response { handle, body: RopResponse::Failed(failure) });
        }
        let body = RopResponse::read_body(id, r, code, &columns).ok_or(unknown)??;
        context.learn(handle, &body);
        Ok(Response { handle, body })
    }
}

/// What a client must know to read the answers to its requests: which were asked, in order, and the
/// columns of the rows in them.
#[derive(Debug, Clone, Default)]
pub struct ResponseContext {
    expected: Vec<Expected>,
    next: usize,
}

#[derive(Debug, Clone)]
struct Expected {
    rop: RopId,
    handle: HandleIndex,
    columns: Columns,
}

impl ResponseContext {
    /// The context of the answers to these requests. `known` tells the columns that the object at a handle
    /// index has from earlier buffers: of a table, those that SetColumns set; of a message, the recipient
    /// columns that opening it told. Columns that are set in the same buffer are found here.
    pub fn new(requests: &[Request], known: impl Fn(HandleIndex) -> Columns) -> Self {
        let mut set: Vec<(HandleIndex, Columns)> = Vec::new();
        let mut expected = Vec::new();
        for request in requests.iter().filter(|request| request.id().is_answered()) {
            if let RopRequest::SetColumns(columns) = &request.body {
                set.push((request.input, columns.columns.to_vec().into()));
            }
            let columns = match &request.body {
                RopRequest::GetPropertiesSpecific(wanted) => wanted.tags.to_vec().into(),
                RopRequest::QueryRows(_)
                | RopRequest::FindRow(_)
                | RopRequest::ExpandRow(_)
                | RopRequest::ReadRecipients(_) => {
                    let here = set.iter().rev().find(|(index, _)| *index == request.input);
                    here.map_or_else(|| known(request.input), |(_, columns)| columns.clone())
                }
                _ => Columns::from([]),
            };
            expected.push(Expected { rop: request.id(), handle: request.answer_index(), columns });
        }
        ResponseContext { expected, next: 0 }
    }

    /// The context of one answer.
    #[cfg(any(test, feature = "sample"))]
    pub(crate) fn of(rop: RopId, handle: HandleIndex, columns: Columns) -> Self {
        ResponseContext { expected: vec![Expected { rop, handle, columns }], next: 0 }
    }

    /// Finds the request that an answer belongs to: the next one of this id and index; or an earlier one,
    /// since a server may answer one request in several buffers (packed buffers).
    fn answer(&mut self, id: RopId, handle: HandleIndex) -> (RopId, Columns) {
        let fits = |expected: &Expected| {
            (expected.rop == id || expected.rop.answer_id() == id) && expected.handle == handle
        };
        let ahead = self.expected[self.next..].iter().position(fits);
        let found = match ahead {
            Some(ahead) => {
                self.next += ahead + 1;
                Some(self.next - 1)
            }
            None => self.expected[..self.next].iter().rposition(fits),
        };
        match found {
            Some(index) => (self.expected[index].rop, self.expected[index].columns.clone()),
            None => (id, Columns::from([])),
        }
    }

    /// A message that is opened tells the columns of its recipients, for ReadRecipients behind it.
    fn learn(&mut self, handle: HandleIndex, body: &RopResponse) {
        let columns = match body {
            RopResponse::OpenMessage(message) | RopResponse::ReloadCachedInformation(message) => {
                &message.columns
            }
            RopResponse::OpenEmbeddedMessage(embedded) => &embedded.message.columns,
            _ => return,
        };
        let readers = self.expected[self.next..]
            .iter_mut()
            .filter(|e| e.rop == RopId::ReadRecipients && e.handle == handle);
        readers.for_each(|expected| expected.columns = columns.clone());
    }
}
