//! One ROP of a request buffer: its id, logon and handle indexes around the body.

use mapi::wire::{Reader, Wire, WireError};

use crate::handle::{HandleIndex, LogonId};
use crate::logon::LogonFlags;
use crate::parts::LogonKind;
use crate::rops::{HandleShape, RopId, RopRequest};

/// A request as it stands in a ROP input buffer ([MS-OXCROPS] 2.2.1).
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub logon: LogonId,
    /// The object that the ROP works on: its InputHandleIndex or SourceHandleIndex. A logon works on no
    /// object, and has its OutputHandleIndex here too.
    pub input: HandleIndex,
    /// The second index where there is one: OutputHandleIndex, DestHandleIndex or ResponseHandleIndex,
    /// by [`RopId::handle_shape`]. Else the same as `input`.
    pub other: HandleIndex,
    pub body: RopRequest,
}

impl Request {
    /// A ROP with one handle index.
    pub fn new(logon: LogonId, input: HandleIndex, body: RopRequest) -> Self {
        Request { logon, input, other: input, body }
    }

    /// A ROP with an output, a destination or a response index beside the input.
    pub fn with(logon: LogonId, input: HandleIndex, other: HandleIndex, body: RopRequest) -> Self {
        let two = !matches!(
            body.id().handle_shape(),
            HandleShape::Input | HandleShape::Output | HandleShape::None
        );
        Request { logon, input, other: if two { other } else { input }, body }
    }

    pub fn id(&self) -> RopId {
        self.body.id()
    }

    /// Where the handle of a new object goes, if the ROP makes one.
    pub fn output(&self) -> Option<HandleIndex> {
        match self.id().handle_shape() {
            HandleShape::InputOutput | HandleShape::Output => Some(self.other),
            _ => None,
        }
    }

    /// The handle index that the answer bears.
    pub fn answer_index(&self) -> HandleIndex {
        match self.id().handle_shape() {
            HandleShape::InputOutput | HandleShape::Output | HandleShape::ResponseInput => {
                self.other
            }
            HandleShape::Input | HandleShape::SourceDestination | HandleShape::None => self.input,
        }
    }

    /// Reads one ROP. `logons` are the logons of the session so far; a logon in the same buffer is added
    /// to them.
    ///
    /// Fails on reserved RopIds and on those that only servers send (MS-OXCROPS R18, R180001).
    pub fn read(r: &mut Reader<'_>, logons: &mut LogonKinds) -> Result<Self, WireError> {
        let id = read_id(r)?;
        let logon = LogonId::read(r)?;
        let first = HandleIndex::read(r)?;
        let (input, other) = match id.handle_shape() {
            HandleShape::Input | HandleShape::Output | HandleShape::None => (first, first),
            HandleShape::InputOutput | HandleShape::SourceDestination => {
                (first, HandleIndex::read(r)?)
            }
            HandleShape::ResponseInput => (HandleIndex::read(r)?, first),
        };
        let unsent = r.bad("a RopId that clients send", u64::from(id.to_u8()), 3);
        let body = RopRequest::read_body(id, r, logons.kind(logon)).ok_or(unsent)??;
        if let RopRequest::Logon(request) = &body {
            logons.set(logon, kind_of(request.flags));
        }
        Ok(Request { logon, input, other, body })
    }

    pub fn write(&self, w: &mut Vec<u8>) {
        self.id().to_u8().write(w);
        self.logon.write(w);
        match self.id().handle_shape() {
            HandleShape::Input | HandleShape::Output | HandleShape::None => self.input.write(w),
            HandleShape::InputOutput | HandleShape::SourceDestination => {
                self.input.write(w);
                self.other.write(w);
            }
            HandleShape::ResponseInput => {
                self.other.write(w);
                self.input.write(w);
            }
        }
        self.body.write_body(w);
    }
}

/// The kind of store that a logon with these flags opens.
pub fn kind_of(flags: LogonFlags) -> LogonKind {
    match flags.contains(LogonFlags::PRIVATE) {
        true => LogonKind::Private,
        false => LogonKind::Public,
    }
}

fn read_id(r: &mut Reader<'_>) -> Result<RopId, WireError> {
    let id = u8::read(r)?;
    RopId::from_u8(id).ok_or_else(|| r.bad("a RopId that is not reserved", u64::from(id), 1))
}

/// Which kind of store each LogonId of a session is for; mailboxes where nothing else is known.
#[derive(Debug, Clone, Default)]
pub struct LogonKinds {
    public: Vec<LogonId>,
}

impl LogonKinds {
    pub fn kind(&self, logon: LogonId) -> LogonKind {
        match self.public.contains(&logon) {
            true => LogonKind::Public,
            false => LogonKind::Private,
        }
    }

    pub fn set(&mut self, logon: LogonId, kind: LogonKind) {
        self.public.retain(|known| *known != logon);
        if kind == LogonKind::Public {
            self.public.push(logon);
        }
    }
}
