//! ROP buffers in, ROP buffers out ([MS-OXCROPS] 3.2.5.1, 3.2.5.2): what HTTP and sessions of one's own
//! process have in common.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::time::Instant;

use mapi::ErrorCode;
use mapi_rop::buffer::{RequestBuffer, ResponseWriter};
use mapi_rop::http::ExecuteFlags;
use mapi_rop::{LogonId, LogonKind, LogonKinds, RopId};
use store::{Account, Store};

use crate::call::Call;
use crate::dispatch::{
    Done, changes_mailbox, code_without_room, dispatch, is_light, is_malformed, least_room,
    remainder, stops_buffer,
};
use crate::extended::ExecuteError;
use crate::handles::Tree;
use crate::ledger::{Client, Ledger, Owner};
use crate::limits::Limits;
use crate::lock::Control;
use crate::notify;
use crate::object::Object;
use crate::region::Regions;
use crate::session::table::{ConnectError, Sessions};
use crate::session::{Locale, Refused, SessionContext, Turn};
use crate::stats::{self, Stats};
use crate::warm::Warm;

/// Told every ROP and its answer, a line each.
pub type Trace = Arc<dyn Fn(&str) + Send + Sync>;

/// How ROPs are processed.
#[derive(Clone, Default)]
pub struct Options {
    pub limits: Limits,
    /// The fault of Q237174, for a check that has to prove that it would be seen.
    pub control: Control,
    /// A ROP that is answered NotImplemented, for a check that has to prove that its tests would see it.
    /// RopRelease, which has no answer, releases nothing.
    pub refused: Option<RopId>,
    pub trace: Option<Trace>,
}

/// A store that is served: its sessions, their ledger and limits.
pub struct Processor {
    pub store: Store,
    pub ledger: Arc<Ledger>,
    pub limits: Arc<Limits>,
    pub sessions: Sessions,
    pub stats: Stats,
    pub control: Control,
    /// Where streams have locked regions.
    pub(crate) regions: Arc<Regions>,
    pub(crate) refused: Option<RopId>,
    /// What logons found last.
    pub(crate) warm: Warm,
    trace: Option<Trace>,
}

/// The answer to a ROP input buffer.
#[derive(Debug)]
pub(crate) struct Executed {
    /// The ROP output buffer.
    pub output: Vec<u8>,
    /// What the last ROP would go on with, and the handle table for it.
    pub more: Option<(mapi_rop::Request, Vec<mapi_rop::Handle>)>,
}

/// The largest payload behind one RPC_HEADER_EXT, in bytes ([MS-OXCRPC] 3.1.4.2.1 R1628).
pub const MAX_PAYLOAD: usize = 32 * 1024;

impl Processor {
    pub fn new(store: Store, options: Options) -> Arc<Processor> {
        let limits = Arc::new(options.limits);
        let ledger = Ledger::new(Arc::clone(&limits));
        // What was acknowledged before a restart and not delivered.
        if let Err(error) = store::delivery::resume(&store) {
            tracing::warn!(%error, "cannot look into the queue");
        }
        Arc::new(Processor {
            store,
            sessions: Sessions::new(Arc::clone(&limits)),
            ledger,
            limits,
            stats: Stats::default(),
            control: options.control,
            refused: options.refused,
            regions: Arc::default(),
            warm: Warm::default(),
            trace: options.trace,
        })
    }

    /// Makes a Session Context for somebody whose identity is established; `owner` are his counts in
    /// [`Processor::ledger`].
    pub fn connect(
        &self,
        owner: Arc<Owner>,
        user: Arc<Account>,
        locale: Locale,
        client: Client,
    ) -> Result<Arc<SessionContext>, ConnectError> {
        let session = self.sessions.connect(owner, user, locale, client)?;
        stats::count(&self.stats.connects);
        Ok(session)
    }

    /// Executes the requests of one ROP input buffer and returns the ROP output buffer, of at most `limit`
    /// bytes, without the headers of an extended buffer.
    ///
    /// # Errors
    /// ecRpcFormat if the buffer cannot be read: nothing of it was executed (MS-OXCROPS R4551);
    /// ecBufferTooSmall if the limit has no room for an answer; ecError if a handler panicked.
    pub(crate) fn execute_payload(
        &self,
        turn: &Turn,
        input: &[u8],
        limit: usize,
    ) -> Result<Executed, ErrorCode> {
        let session = turn.session();
        let work = || {
            let mut tree = session.tree().lock();
            self.run(session, &mut tree, input, limit)
        };
        let received = input.len() as u64;
        stats::add(&session.account.work.received, received);
        stats::add(&self.stats.received, received);
        let executed = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
            self.ledger.count_panic();
            tracing::error!(
                session = session.account.session(),
                user = session.account.user(),
                client = &*session.account.client().name,
                "a handler panicked; the request failed"
            );
            Err(ErrorCode::ERROR)
        });
        let sent = executed.as_ref().map_or(0, |executed| executed.output.len() as u64);
        stats::add(&session.account.work.sent, sent);
        stats::add(&self.stats.sent, sent);
        executed
    }

    /// Whether a ROP input buffer neither asks the engine nor waits, as things stand: opening the session's
    /// own store and letting go of it, above all. Then it may run on the thread that took the request in; to
    /// wake another one costs more than to do it.
    pub(crate) fn is_light_payload(&self, turn: &Turn, input: &[u8]) -> bool {
        let session = turn.session();
        // INVARIANT: the turn is the caller's, so nobody else holds the tree for longer than a look.
        let Some(tree) = session.tree().try_lock() else { return false };
        let Ok(buffer) = RequestBuffer::read(input, &mut logon_kinds(&tree)) else { return true };
        !notify::has_news(&tree)
            && buffer
                .requests
                .iter()
                .all(|request| is_light(self, session, &tree, &buffer, request))
    }

    fn run(
        &self,
        session: &SessionContext,
        tree: &mut Tree<Object>,
        input: &[u8],
        limit: usize,
    ) -> Result<Executed, ErrorCode> {
        let mut buffer = RequestBuffer::read(input, &mut logon_kinds(tree)).map_err(|error| {
            tracing::debug!(%error, "a ROP buffer cannot be read");
            ErrorCode::RPC_FORMAT
        })?;
        let requests = std::mem::take(&mut buffer.requests);
        if requests.iter().any(is_malformed) {
            return Err(ErrorCode::RPC_FORMAT);
        }
        let mut more = None;
        let largest = requests.iter().map(|r| r.input.0.max(r.other.0)).max();
        let handles = buffer.handles.len().max(largest.map_or(0, |index| usize::from(index) + 1));
        let mut writer = ResponseWriter::new(limit.min(MAX_PAYLOAD), handles)
            .ok_or(ErrorCode::BUFFER_TOO_SMALL)?;
        let mut clock = Clock { processor: self, session, begun: Instant::now() };

        for (index, request) in requests.iter().enumerate() {
            // What may not be executed any more has to be sent back, and needs room for that.
            let rest = match buffer.raw_from(index + 1) {
                [] => 0,
                rest => rest.len() + TOO_SMALL_HEAD,
            };
            let room = writer.room().saturating_sub(rest);
            if request.id().is_answered() && room < least_room(request.id()) {
                let size = least_room(request.id());
                return too_small(writer, &buffer, index, size, limit, request.id());
            }
            let mut call = Call { processor: self, session, tree, logon_id: request.logon.0, room };
            let Done { response, opened } = dispatch(&mut call, &mut buffer, request);
            clock.count(request.id(), response.as_ref());
            self.tell(session, request, response.as_ref());
            let Some(response) = response else { continue };
            more = remainder(request, &response);
            let failed = !response.code().is_success();
            let pushed = match rest {
                0 => writer.push(&response),
                _ => Some(response.encoded_len())
                    .filter(|size| *size > room)
                    .map_or_else(|| writer.push(&response), Err),
            };
            if let Err(size) = pushed {
                // The client does not learn of the object, so it cannot release it.
                if let Some(handle) = opened {
                    undo(tree, &mut buffer, handle, request);
                }
                return too_small(writer, &buffer, index, size, limit, request.id());
            }
            if failed && stops_buffer(request) {
                break;
            }
        }
        // What goes on in another buffer leaves the notifications to that.
        if more.is_none() {
            notify::append(self, session, tree, &mut writer);
        }
        // Only the last ROP of a buffer may go on in another one (MS-OXCRPC R962).
        let more = more.map(|request| (request, buffer.handles.clone()));
        Ok(Executed { output: writer.finish(&buffer.handles), more })
    }

    fn tell(
        &self,
        session: &SessionContext,
        request: &mapi_rop::Request,
        response: Option<&mapi_rop::Response>,
    ) {
        let Some(trace) = &self.trace else { return };
        let number = session.account.session();
        trace(&format!("{number} > {request}"));
        if let Some(response) = response {
            trace(&format!("{number} < {response}"));
        }
    }
}

/// Which logons are to public folders: two requests have another layout there.
fn logon_kinds(tree: &Tree<Object>) -> LogonKinds {
    let mut kinds = LogonKinds::default();
    for (id, node) in tree.logons() {
        if let Some(Object::Logon(logon)) = tree.get(node)
            && logon.mailbox.is_public()
        {
            kinds.set(LogonId(id), LogonKind::Public);
        }
    }
    kinds
}

/// Counts the ROPs of a buffer, and the time of each from the end of the one before.
struct Clock<'a> {
    processor: &'a Processor,
    session: &'a SessionContext,
    begun: Instant,
}

impl Clock<'_> {
    fn count(&mut self, id: RopId, response: Option<&mapi_rop::Response>) {
        let now = Instant::now();
        let took = now - std::mem::replace(&mut self.begun, now);
        let rop = self.processor.stats.rop(id);
        rop.took.count(took);
        let work = &self.session.account.work;
        stats::count(&work.rops);
        stats::add(&work.busy, u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        if response.is_some_and(|response| !response.code().is_success()) {
            stats::count(&rop.failed);
            stats::count(&work.errors);
        }
        if changes_mailbox(id) {
            stats::count(&work.writes);
        }
    }
}

/// RopId and SizeNeeded of RopBufferTooSmall.
const TOO_SMALL_HEAD: usize = 3;

/// Sends the requests from `index` on back, unexecuted ([MS-OXCROPS] 3.2.4.3).
fn too_small(
    mut writer: ResponseWriter,
    buffer: &RequestBuffer,
    index: usize,
    size: usize,
    limit: usize,
    id: RopId,
) -> Result<Executed, ErrorCode> {
    // A larger buffer would not help (MS-OXCROPS R4546).
    if limit >= MAX_PAYLOAD && index == 0 {
        return Err(code_without_room(id));
    }
    match writer.push_too_small(size, buffer.raw_from(index)) {
        true => Ok(Executed { output: writer.finish(&buffer.handles), more: None }),
        false => Err(ErrorCode::BUFFER_TOO_SMALL),
    }
}

/// Takes an object back whose handle never reached the client.
fn undo(
    tree: &mut Tree<Object>,
    buffer: &mut RequestBuffer,
    handle: mapi_rop::Handle,
    request: &mapi_rop::Request,
) {
    if let Ok(node) = tree.resolve(handle, request.logon.0) {
        tree.release(node);
    }
    if let Some(output) = request.output() {
        buffer.set_handle(output, mapi_rop::Handle::NONE);
    }
}

/// A session of one's own process: the same path as over HTTP, without the web server. Dropping it ends
/// the session.
pub struct InProcess {
    processor: Arc<Processor>,
    session: Arc<SessionContext>,
}

impl InProcess {
    /// Connects a trusted user: whoever holds the store may be anybody in it.
    pub fn connect(
        processor: &Arc<Processor>,
        user: Arc<Account>,
        locale: Locale,
        client: &str,
    ) -> Result<InProcess, ConnectError> {
        let owner = processor.ledger.owner(&user);
        let session = processor.connect(owner, user, locale, Client::local(client))?;
        Ok(InProcess { processor: Arc::clone(processor), session })
    }

    pub fn session(&self) -> &Arc<SessionContext> {
        &self.session
    }

    /// Executes the ROPs of an extended buffer, as an Execute over HTTP does, and returns the extended
    /// buffer of their answers, of at most `max_out` bytes.
    pub fn execute_extended(
        &self,
        flags: ExecuteFlags,
        rops: &[u8],
        max_out: u32,
    ) -> Result<Vec<u8>, ExecuteError> {
        let turn = self.turn().map_err(ExecuteError::Code)?;
        self.processor.execute_extended(&turn, flags, rops, max_out)
    }

    /// Executes one ROP input buffer without the headers of an extended buffer.
    ///
    /// # Errors
    /// ecRpcFormat if the buffer cannot be read, ecBufferTooSmall if `limit` has no room for an answer,
    /// ecError if a handler panicked, ecBusy while another thread is at work.
    pub fn execute(&self, rops: &[u8], limit: usize) -> Result<Vec<u8>, ErrorCode> {
        let turn = self.turn()?;
        Ok(self.processor.execute_payload(&turn, rops, limit)?.output)
    }

    /// What waits for the session's notifications, beside its requests.
    pub fn listener(&self) -> Listener {
        Listener { processor: Arc::clone(&self.processor), session: Arc::downgrade(&self.session) }
    }

    fn turn(&self) -> Result<Turn, ErrorCode> {
        self.session.begin(None).map_err(|refused| match refused {
            Refused::Ended => ErrorCode::LOGIN_FAILURE,
            Refused::Busy | Refused::Sequence | Refused::Limit(_) => ErrorCode::BUSY,
        })
    }
}

/// Waits for notifications of a session of one's own process, as a NotificationWait does over HTTP.
pub struct Listener {
    processor: Arc<Processor>,
    session: Weak<SessionContext>,
}

impl Listener {
    /// Waits until there is something that the next request will be told of; false if there is nothing until
    /// `deadline`.
    ///
    /// # Errors
    /// The session ended; too many wait for it.
    pub fn wait(&self, deadline: Instant) -> Result<bool, Refused> {
        let session = self.session.upgrade().ok_or(Refused::Ended)?;
        let waiting = session.begin_wait()?;
        let told = session.told();
        loop {
            let heard = session.news().rings();
            if session.told() != told || notify::is_pending(&self.processor, &session) {
                return Ok(true);
            }
            let rang = session.news().wait_until(heard, deadline);
            if waiting.has_ended() {
                return Err(Refused::Ended);
            }
            if !rang {
                return Ok(false);
            }
        }
    }
}

impl Drop for InProcess {
    fn drop(&mut self) {
        drop(self.processor.sessions.end(self.session.token));
    }
}
