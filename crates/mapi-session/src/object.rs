//! A server object, owned: the handle that names it and its release.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use mapi::PropertyTag;
use mapi_rop::{Handle, RopRequest, RopResponse};

use crate::connection::Connection;
use crate::releases::Life;
use crate::{Error, Result};

static LIVE: AtomicI64 = AtomicI64::new(0);

/// How many server objects (session contexts, stores, folders, messages, attachments, tables, streams)
/// this process holds open through this crate, all sessions together. Back at its base line when
/// everything was dropped; `coffer soak` and the test of Q237174 watch it.
pub fn live_objects() -> u64 {
    u64::try_from(LIVE.load(Ordering::Relaxed)).unwrap_or(0)
}

/// Counts what holds it: in when it is made, out in its Drop.
#[derive(Debug)]
pub(crate) struct Counted(());

impl Counted {
    pub(crate) fn new() -> Self {
        LIVE.fetch_add(1, Ordering::Relaxed);
        Counted(())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        LIVE.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The client's end of a server object. It owns the handle: nobody else has the number.
///
/// INVARIANT: each handle is released once: by [`ServerObject::close`], by Drop, or by the end of its
/// logon or session. What an object cannot be without is its `owner` (an attachment's message, a stream's
/// object, in the end the logon), and stays until the last thing that it owns goes.
pub struct ServerObject {
    connection: Arc<Connection>,
    life: Arc<Life>,
    handle: Handle,
    /// For messages: "a folder", "the message store"...
    kind: &'static str,
    released: AtomicBool,
    /// None for a logon.
    owner: Option<Arc<ServerObject>>,
    _count: Counted,
}

impl ServerObject {
    /// A logon that the server has answered, or will answer.
    pub(crate) fn logon(connection: Arc<Connection>, life: Life, handle: Handle) -> Self {
        ServerObject {
            connection,
            life: Arc::new(life),
            handle,
            kind: "the message store",
            released: AtomicBool::new(false),
            owner: None,
            _count: Counted::new(),
        }
    }

    /// Runs a ROP on the object.
    pub(crate) fn call(&self, request: RopRequest) -> Result<RopResponse> {
        self.call_with(request, &Arc::from([]))
    }

    /// Runs a ROP whose answer has rows of these columns.
    pub(crate) fn call_with(
        &self,
        request: RopRequest,
        columns: &Arc<[PropertyTag]>,
    ) -> Result<RopResponse> {
        let handle = self.handle()?;
        let (answer, _) = self.connection.execute(&self.life, request, &[handle], columns)?;
        Ok(answer)
    }

    /// Runs a ROP from this object to another of the same store.
    pub(crate) fn call_onto(
        &self,
        request: RopRequest,
        destination: &ServerObject,
    ) -> Result<RopResponse> {
        if !Arc::ptr_eq(&self.life, &destination.life) {
            return Err(Error::InvalidArgument("source and destination are in different stores"));
        }
        let handles = [self.handle()?, destination.handle()?];
        let (answer, _) = self.connection.execute(&self.life, request, &handles, &Arc::from([]))?;
        Ok(answer)
    }

    /// Runs a ROP that opens an object, which cannot be without `self`.
    pub(crate) fn open(
        self: &Arc<Self>,
        request: RopRequest,
        kind: &'static str,
    ) -> Result<(RopResponse, ServerObject)> {
        self.open_under(self, request, kind)
    }

    /// Runs a ROP on `self` that opens an object, which cannot be without `owner`.
    pub(crate) fn open_under(
        &self,
        owner: &Arc<ServerObject>,
        request: RopRequest,
        kind: &'static str,
    ) -> Result<(RopResponse, ServerObject)> {
        let handles = [self.handle()?, Handle::NONE];
        let (answer, handle) =
            self.connection.execute(&self.life, request, &handles, &Arc::from([]))?;
        let object = ServerObject {
            connection: self.connection.clone(),
            life: self.life.clone(),
            handle,
            kind,
            released: AtomicBool::new(false),
            owner: Some(owner.clone()),
            _count: Counted::new(),
        };
        Ok((answer, object))
    }

    /// Runs a ROP that opens an object with the same owner.
    pub(crate) fn open_beside(
        &self,
        request: RopRequest,
        kind: &'static str,
    ) -> Result<(RopResponse, ServerObject)> {
        let owner = self.owner.as_ref().ok_or(Error::InvalidArgument("a store has no owner"))?;
        self.open_under(owner, request, kind)
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(crate) fn raw_handle(&self) -> Handle {
        self.handle
    }

    /// The logon above.
    pub(crate) fn store(self: &Arc<Self>) -> Arc<ServerObject> {
        let mut object = self;
        while let Some(owner) = &object.owner {
            object = owner;
        }
        object.clone()
    }

    /// Releases the handle now and waits until that has been sent. A logon takes everything under it
    /// along.
    pub(crate) fn close(&self) -> Result<()> {
        self.release();
        self.connection.flush()
    }

    fn handle(&self) -> Result<Handle> {
        if self.life.has_ended() {
            return Err(Error::Closed("the message store"));
        }
        match self.released.load(Ordering::Acquire) {
            true => Err(Error::Closed(self.kind)),
            false => Ok(self.handle),
        }
    }

    fn release(&self) {
        if self.released.swap(true, Ordering::AcqRel) {
            return;
        }
        let waiting = match self.owner {
            None => self.connection.releases().end_logon(&self.life, self.handle),
            Some(_) => self.connection.releases().push(&self.life, self.handle),
        };
        self.connection.flush_if_many(waiting);
    }
}

/// What Exchange 5.5 left out: with this body empty, `open_and_close_leave_nothing_behind` turns red.
impl Drop for ServerObject {
    fn drop(&mut self) {
        self.release();
    }
}

/// What stands on a server object. Public in name only: the module is private.
pub trait HasObject {
    #[doc(hidden)]
    fn object(&self) -> &Arc<ServerObject>;
}

/// The body of a successful answer, or an error.
macro_rules! answer {
    ($outcome:expr, $variant:ident) => {
        match $outcome? {
            mapi_rop::RopResponse::$variant(body) => body,
            other => return Err($crate::object::unexpected(&other, stringify!($variant)).into()),
        }
    };
}
pub(crate) use answer;

pub(crate) fn unexpected(answer: &RopResponse, asked: &'static str) -> Error {
    let mut what = format!("{answer:?}");
    what.truncate(what.char_indices().nth(80).map_or(what.len(), |(at, _)| at));
    Error::Protocol(format!("an answer to Rop{asked} that is {what}"))
}
