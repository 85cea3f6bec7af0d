//! The mailbox server endpoint: Connect, Execute, Disconnect, NotificationWait and PING
//! ([MS-OXCMAPIHTTP] 2.2.4, 2.2.6, 3.2.5).

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use mapi::wire::Wire;
use mapi::{ErrorCode, WString};
use mapi_rop::auxiliary::{organization_info, single_endpoint, write_blocks};
use mapi_rop::ext::{Packing, write_payloads};
use mapi_rop::http::{
    Body, CONTENT_TYPE as MAPI_HTTP, ConnectRequest, ConnectResponse, DisconnectRequest,
    DisconnectResponse, ExecuteRequest, ExecuteResponse, FailedResponse, NotificationWaitRequest,
    NotificationWaitResponse, PENDING, PROCESSING, RequestType, ResponseCode,
};
use store::Account;
use tokio::sync::mpsc;

use super::admission::Permit;
use super::auth::{self, Denied};
use super::body::ResponseBody;
use super::connections::Connection;
use super::cookies::{self, ContextCookie, Cookies};
use super::credentials::{Credentials, Verified};
use super::reply::{Envelope, client_name, plain, response_code};
use super::server::{Shared, Undone};
use crate::extended::{self, BAD_STUB_DATA, ExecuteError, MAX_ROP_BUFFER};
use crate::ledger::{Client, LimitReached, Owner};
use crate::notify;
use crate::processor::Processor;
use crate::session::table::ConnectError;
use crate::session::{Locale, Refused, SessionContext, Turn, Waiting};
use crate::stats;

type Reply = Response<ResponseBody>;

/// Answers one request to the endpoint.
pub async fn answer(
    shared: &Arc<Shared>,
    connection: &Connection,
    request: Request<Incoming>,
) -> Reply {
    let reply = respond(shared, connection, request).await;
    if let Some(code) = response_code(&reply) {
        stats::count(shared.processor.stats.code(code));
    }
    reply
}

async fn respond(
    shared: &Arc<Shared>,
    connection: &Connection,
    request: Request<Incoming>,
) -> Reply {
    let begun = Instant::now();
    let config = &shared.config;
    let (head, body) = request.into_parts();
    let expiration = config.options.limits.session_idle;
    let envelope = Envelope::of(&head.headers, config.pending_period, expiration);
    // R35, R36: nothing is looked at before the user is known.
    let caller = match identify(shared, &head.headers).await {
        Ok(caller) => caller,
        Err(denied) => return shared.authenticator.denied(denied),
    };
    let client = || client_name(&head.headers);
    if connection.belongs_to(&caller.verified.owner, client).is_err() {
        return too_many_connections();
    }
    // R3: all requests use POST.
    if head.method != Method::POST {
        return envelope.failure(ResponseCode::InvalidVerb);
    }
    if shared.is_ending() {
        return envelope.failure(ResponseCode::EndpointShuttingDown);
    }
    let kind = match check_head(&envelope, &head.headers) {
        Ok(kind) => kind,
        Err(code) => return envelope.failure(code),
    };
    let stats = &shared.processor.stats;
    let length = body.size_hint().exact().unwrap_or(config.request_bytes as u64);
    if length > config.request_bytes as u64 {
        return envelope.failure(ResponseCode::TooLarge);
    }
    let room = length + answer_room(kind);
    let Ok(permit) = shared.admission.admit(&caller.verified.part, room).await else {
        stats::count(&stats.busy);
        return plain(StatusCode::SERVICE_UNAVAILABLE, "The server is busy.\n");
    };
    let body = match read_body(shared, body).await {
        Ok(body) => body,
        Err(code) => return envelope.failure(code),
    };
    let cookies = cookies::read(&head.headers);
    let call = Incomer { shared, envelope, caller, cookies, body, permit };
    let reply = match kind {
        RequestType::Connect => {
            let client = Client { name: Client::clean(client()), peer: Some(connection.peer) };
            call.connect(client).await
        }
        RequestType::Execute => call.execute().await,
        RequestType::Disconnect => call.disconnect().await,
        RequestType::NotificationWait => call.notification_wait().await,
        RequestType::Ping => call.ping().await,
        // The others belong to the address book's endpoint.
        _ => call.envelope.failure(ResponseCode::InvalidRequestType),
    };
    stats.request(kind).took.count(begun.elapsed());
    reply
}

/// Bytes that an answer may take without asking for more.
fn answer_room(kind: RequestType) -> u64 {
    match kind {
        RequestType::Execute => ORDINARY_ANSWER,
        _ => 2 << 10,
    }
}

/// Of the ROPs of an Execute: two full ROP buffers.
const ORDINARY_ANSWER: u64 = 64 << 10;

/// Who calls, and what he said to prove it.
struct Caller {
    verified: Arc<Verified>,
    credentials: Arc<Credentials>,
}

/// From memory, or by the password. What stands in memory is checked by the first job that runs for it.
async fn identify(shared: &Shared, headers: &HeaderMap) -> Result<Caller, Denied> {
    let credentials = auth::read(headers)?;
    let verified = match shared.authenticator.recall(&credentials) {
        Some(verified) => verified,
        None => shared.authenticator.verify(Arc::clone(&credentials)).await?,
    };
    Ok(Caller { verified, credentials })
}

/// The headers that every request has (R44 and 2.2.3.3).
fn check_head(envelope: &Envelope, headers: &HeaderMap) -> Result<RequestType, ResponseCode> {
    let name = envelope.request_type().ok_or(ResponseCode::MissingHeader)?;
    if !envelope.has_request_id() {
        return Err(ResponseCode::MissingHeader);
    }
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    // Early clients call the content what it is, bytes.
    let known = [MAPI_HTTP, "application/octet-stream"];
    match content_type.map(|text| text.split(';').next().unwrap_or(text).trim()) {
        None => {}
        Some(kind) if known.iter().any(|known| known.eq_ignore_ascii_case(kind)) => {}
        Some(_) => return Err(ResponseCode::InvalidHeader),
    }
    RequestType::parse(name).ok_or(ResponseCode::InvalidRequestType)
}

async fn read_body(shared: &Shared, body: Incoming) -> Result<Bytes, ResponseCode> {
    let body = Limited::new(body, shared.config.request_bytes);
    match tokio::time::timeout(shared.config.body_timeout, body.collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(ResponseCode::TooLarge),
        Ok(Err(_)) | Err(_) => Err(ResponseCode::InvalidRequestBody),
    }
}

/// One request of a known user.
struct Incomer<'a> {
    shared: &'a Arc<Shared>,
    envelope: Envelope,
    caller: Caller,
    cookies: Cookies,
    body: Bytes,
    permit: Permit,
}

/// What a job on the pool came to: nothing, if the account is not any more what it was when its credentials
/// were verified.
type Outcome<T> = Option<T>;

impl Incomer<'_> {
    /// As [`Incomer::job_of`]; why it came to nothing does not matter.
    fn job<T: Send + 'static, F: FnOnce(&Processor) -> T + Send + 'static>(
        &self,
        job: F,
    ) -> impl Future<Output = Result<Outcome<T>, ResponseCode>> + Send + use<T, F> {
        let job = self.job_of(job);
        async { job.await.map_err(|_| ResponseCode::UnknownFailure) }
    }

    /// Queues a job for a caller whose credentials still hold.
    fn job_of<T: Send + 'static, F: FnOnce(&Processor) -> T + Send + 'static>(
        &self,
        job: F,
    ) -> impl Future<Output = Result<Outcome<T>, Undone>> + Send + use<T, F> {
        let processor = Arc::clone(&self.shared.processor);
        let verified = Arc::clone(&self.caller.verified);
        self.shared.work(move || verified.is_valid(&processor.store).then(|| job(&processor)))
    }

    /// Does at once what asks no engine and waits for nothing, if the caller's credentials are known to hold
    /// and `at_once` allows it; else queues it as a job. To wake a thread takes longer than to make a
    /// session.
    async fn job_or_now<T: Send + 'static, F: FnOnce(&Processor) -> T + Send + 'static>(
        &self,
        at_once: bool,
        job: F,
    ) -> Result<Outcome<T>, ResponseCode> {
        let processor = &self.shared.processor;
        match at_once && self.caller.verified.is_fresh(&processor.store) {
            true => Ok(Some(job(processor))),
            false => self.job(job).await,
        }
    }

    /// The credentials were remembered and hold no more: the password decides.
    async fn stale(&self) -> Reply {
        let credentials = Arc::clone(&self.caller.credentials);
        match self.shared.authenticator.verify(credentials).await {
            // The password is still right, say after a second one was added. The request did nothing; its
            // client sends it again.
            Ok(_) => self.envelope.failure(ResponseCode::ContextNotFound),
            Err(denied) => self.shared.authenticator.denied(denied),
        }
    }

    /// The session that the cookies name (3.2.5.1 R1224, R1225).
    fn session(&self) -> Result<Arc<SessionContext>, ResponseCode> {
        let token = match self.cookies.context {
            None => return Err(ResponseCode::MissingCookie),
            Some(ContextCookie::Malformed) => return Err(ResponseCode::InvalidContextCookie),
            Some(ContextCookie::Token(token)) => token,
        };
        let session = self.shared.processor.sessions.get(token);
        session
            .filter(|session| session.user.id == self.caller.verified.account.id)
            .ok_or(ResponseCode::ContextNotFound)
    }

    /// The session with the right to work on it.
    fn turn(&mut self) -> Result<Turn, ResponseCode> {
        let session = self.session()?;
        self.envelope.set_cookies(session.token, session.sequence());
        if !self.cookies.has_sequence {
            return Err(ResponseCode::MissingCookie);
        }
        let sequence = self.cookies.sequence.ok_or(ResponseCode::InvalidSequence)?;
        let turn = session.begin(Some(sequence)).map_err(refusal)?;
        self.envelope.set_cookies(session.token, session.sequence());
        Ok(turn)
    }

    async fn connect(mut self, client: Client) -> Reply {
        let Ok(request) = ConnectRequest::from_wire(&self.body) else {
            return self.envelope.failure(ResponseCode::InvalidRequestBody);
        };
        if request.auxiliary.bytes.len() > MAX_AUXILIARY {
            return self.unacceptable();
        }
        // A client that connects anew brings the cookies of the session that it gives up (3.2.5.6 R1277);
        // the sequence in them does not matter (R1279).
        let old = self.session().ok().map(|session| session.token);
        let account = Arc::clone(&self.caller.verified.account);
        let owner = Arc::clone(&self.caller.verified.owner);
        // What an old session leaves behind is dropped on a thread that may wait, and an unknown name is
        // looked up there.
        let own = is_own(&request, &account);
        let connected = self
            .job_or_now(own && old.is_none(), move |processor| {
                drop(old.and_then(|token| processor.sessions.end(token)));
                connect(processor, owner, account, &request, client)
            })
            .await;
        let outcome = match connected {
            Ok(Some(outcome)) => outcome,
            Ok(None) => return self.stale().await,
            Err(code) => return self.envelope.failure(code),
        };
        let name = self.caller.verified.account.display_name.clone();
        let (error, session) = match outcome {
            Ok(session) => (ErrorCode(0), Some(session)),
            Err(code) => (code, None),
        };
        if let Some(session) = session {
            self.envelope.set_cookies(session.token, session.sequence());
        }
        let response = ConnectResponse {
            error,
            polls_max: 60_000,
            retry_count: 6,
            retry_delay: 10_000,
            dn_prefix: "".into(),
            display_name: WString::from(name),
            auxiliary: auxiliary().into(),
        };
        self.envelope.success(&Body::Success(response).to_wire())
    }

    async fn execute(mut self) -> Reply {
        let turn = match self.turn() {
            Ok(turn) => turn,
            Err(code) => return self.envelope.failure(code),
        };
        let Ok(mut request) = ExecuteRequest::from_wire(&self.body) else {
            return self.envelope.failure(ResponseCode::InvalidRequestBody);
        };
        // The request has its own copy of the ROPs.
        self.body = Bytes::new();
        self.bound_answer(&mut request);
        let processor = &self.shared.processor;
        if self.caller.verified.is_fresh(&processor.store)
            && processor.is_light(&turn, &request.rop_buffer.bytes)
        {
            let body = execute(processor, &turn, &request);
            drop(turn);
            return self.envelope.success_kept(&body, self.permit);
        }
        let request = Arc::new(request);
        let asked = Arc::clone(&request);
        let work = self.job_of(move |processor| {
            let body = execute(processor, &turn, &asked);
            // The turn is given back before the answer leaves, or the next request would find it taken.
            drop(turn);
            body
        });
        let mut work = Box::pin(work);
        let period = self.shared.config.pending_period;
        // R1235: what is ready goes out whole.
        match tokio::time::timeout(self.shared.config.ready_within, work.as_mut()).await {
            Ok(Ok(Some(body))) => self.envelope.success_kept(&body, self.permit),
            Ok(Ok(None)) => self.stale().await,
            Ok(Err(undone)) => match (undone, back_off(&request)) {
                (Undone::NoRoom, Some(body)) => self.envelope.success_kept(&body, self.permit),
                _ => self.envelope.failure(ResponseCode::UnknownFailure),
            },
            Err(_) => stream(self.envelope, Some(self.permit), period, async move {
                match work.await {
                    Ok(Some(body)) => (ResponseCode::Success, body),
                    Ok(None) => (ResponseCode::ContextNotFound, Vec::new()),
                    Err(_) => (ResponseCode::UnknownFailure, Vec::new()),
                }
            }),
        }
    }

    /// An answer longer than usual is admitted if there is room now; else it becomes no longer than usual, and
    /// the client asks for the rest.
    fn bound_answer(&mut self, request: &mut ExecuteRequest) {
        let more = u64::from(request.max_rop_out).saturating_sub(ORDINARY_ANSWER);
        let Incomer { shared, permit, caller, .. } = self;
        // More than the largest answer is refused later.
        if more == 0 || request.max_rop_out as usize > MAX_ROP_BUFFER {
            return;
        }
        if !shared.admission.try_grow(permit, &caller.verified.part, more) {
            request.max_rop_out = ORDINARY_ANSWER as u32;
        }
    }

    async fn disconnect(mut self) -> Reply {
        let turn = match self.turn() {
            Ok(turn) => turn,
            Err(code) => return self.envelope.failure(code),
        };
        let Ok(request) = DisconnectRequest::from_wire(&self.body) else {
            return self.envelope.failure(ResponseCode::InvalidRequestBody);
        };
        if request.auxiliary.bytes.len() > MAX_AUXILIARY {
            return self.unacceptable();
        }
        // R2233: everything of the session goes before the answer; what it still holds open, on a thread that
        // may wait.
        let nothing_open = turn.session().has_nothing_open();
        let ended = self
            .job_or_now(nothing_open, move |processor| {
                let ended = processor.sessions.end(turn.session().token);
                drop(turn);
                drop(ended);
            })
            .await;
        match ended {
            Ok(Some(())) => {
                let response =
                    DisconnectResponse { error: ErrorCode(0), auxiliary: Vec::new().into() };
                self.envelope.success(&Body::Success(response).to_wire())
            }
            Ok(None) => self.stale().await,
            Err(code) => self.envelope.failure(code),
        }
    }

    /// The answer to a request whose auxiliary buffer is too large: a failure body, whatever the request.
    fn unacceptable(&self) -> Reply {
        let body = Body::<DisconnectResponse>::Failed(BAD_STUB_DATA, FailedResponse::default());
        self.envelope.success(&body.to_wire())
    }

    /// PING keeps the session alive and says nothing (3.2.5.3). It may come beside an Execute. Without a
    /// cookie it asks whether there is a server, as clients do before they connect.
    async fn ping(mut self) -> Reply {
        let session = match self.session() {
            Ok(session) => Some(session),
            Err(ResponseCode::MissingCookie) => None,
            Err(code) => return self.envelope.failure(code),
        };
        if let Some(session) = &session {
            self.envelope.set_cookies(session.token, session.sequence());
        }
        let touch = move |_: &Processor| {
            if let Some(session) = session {
                session.touch();
            }
        };
        match self.job_or_now(true, touch).await {
            Ok(Some(())) => self.envelope.success(&[]),
            Ok(None) => self.stale().await,
            Err(code) => self.envelope.failure(code),
        }
    }

    /// NotificationWait answers when there is an event, or the time is up, or the session ended (3.2.5.5).
    /// It may come beside an Execute.
    async fn notification_wait(mut self) -> Reply {
        let session = match self.session() {
            Ok(session) => session,
            Err(code) => return self.envelope.failure(code),
        };
        self.envelope.set_cookies(session.token, session.sequence());
        let Ok(request) = NotificationWaitRequest::from_wire(&self.body) else {
            return self.envelope.failure(ResponseCode::InvalidRequestBody);
        };
        if request.auxiliary.bytes.len() > MAX_AUXILIARY {
            return self.unacceptable();
        }
        match self.job(|_| ()).await {
            Ok(Some(())) => {}
            Ok(None) => return self.stale().await,
            Err(code) => return self.envelope.failure(code),
        }
        let waiting = match session.begin_wait() {
            Ok(waiting) => waiting,
            Err(refused) => return self.envelope.failure(refusal(refused)),
        };
        drop(session);
        let config = &self.shared.config;
        let work = wait(Arc::clone(self.shared), waiting, config.notification_wait);
        // It may take minutes and answers with a few bytes.
        stream(self.envelope, None, config.pending_period, work)
    }
}

/// Why a session takes no request now (3.2.5.1 R1228).
fn refusal(refused: Refused) -> ResponseCode {
    match refused {
        Refused::Ended => ResponseCode::ContextNotFound,
        Refused::Busy | Refused::Sequence | Refused::Limit(_) => ResponseCode::InvalidSequence,
    }
}

/// The user holds as many connections as he may: this one is closed.
fn too_many_connections() -> Reply {
    let text = "You have too many connections to this server; close some.\n";
    let mut reply = plain(StatusCode::SERVICE_UNAVAILABLE, text);
    reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    reply
}

/// Makes the session of a Connect ([MS-OXCRPC] 3.1.4.1).
fn connect(
    processor: &Processor,
    owner: Arc<Owner>,
    account: Arc<Account>,
    request: &ConnectRequest,
    client: Client,
) -> Result<Arc<SessionContext>, ErrorCode> {
    /// CONNECT_USE_ADMIN_PRIVILEGE: nobody has it over MAPI.
    const USE_ADMIN_PRIVILEGE: u32 = 0x1;
    if !is_own(request, &account) {
        let dn = String::from_utf8_lossy(&request.user_dn.0);
        // Who is not known is told apart from who is somebody else.
        return Err(match processor.store.account_by_legacy_dn(&dn) {
            Ok(None) => ErrorCode::UNKNOWN_USER,
            Ok(Some(_)) | Err(_) => ErrorCode::ACCESS_DENIED,
        });
    }
    if request.flags & USE_ADMIN_PRIVILEGE != 0 {
        return Err(ErrorCode::ACCESS_DENIED);
    }
    let locale = Locale {
        code_page: request.code_page,
        lcid_sort: request.lcid_sort,
        lcid_string: request.lcid_string,
    };
    processor.connect(owner, account, locale, client).map_err(|error| match error {
        ConnectError::TooMany(LimitReached(limit)) => limit.about().code,
        ConnectError::NoRandom => ErrorCode::ERROR,
    })
}

/// Whether a Connect is for the caller himself. Beyond the specification, his address will do: a client that
/// asked no Autodiscover knows no DN.
fn is_own(request: &ConnectRequest, account: &Account) -> bool {
    let names = [&account.legacy_dn, &account.address];
    names.iter().any(|name| request.user_dn.0.eq_ignore_ascii_case(name.as_bytes()))
}

/// What the server tells of itself at a Connect: no public folders, one endpoint.
fn auxiliary() -> Vec<u8> {
    let blocks = write_blocks(&[organization_info(false), single_endpoint()]);
    write_payloads(&[blocks], Packing::default()).unwrap_or_default()
}

/// How long a client waits before it sends again what no thread had time for: most requests take a hundredth of
/// that.
const BACK_OFF: Duration = Duration::from_secs(1);

/// The largest auxiliary buffer of a request ([MS-OXCRPC] 3.1.4.2 R678).
const MAX_AUXILIARY: usize = 0x1008;

/// The body of the answer to an Execute.
fn execute(processor: &Processor, turn: &Turn, request: &ExecuteRequest) -> Vec<u8> {
    let executed = match request.auxiliary.bytes.len() > MAX_AUXILIARY {
        true => Err(ExecuteError::Status(BAD_STUB_DATA)),
        false => processor.execute_extended(
            turn,
            request.flags,
            &request.rop_buffer.bytes,
            request.max_rop_out,
        ),
    };
    let (error, rop_buffer) = match executed {
        Ok(rops) => (ErrorCode(0), rops),
        Err(ExecuteError::Code(code)) => (code, Vec::new()),
        Err(ExecuteError::Status(status)) => {
            return Body::<ExecuteResponse>::Failed(status, FailedResponse::default()).to_wire();
        }
    };
    executed_body(error, rop_buffer)
}

/// The body of the answer to an Execute whose ROPs no thread has time for ([MS-OXCROPS] 3.2.4.2).
fn back_off(request: &ExecuteRequest) -> Option<Vec<u8>> {
    let rops = &request.rop_buffer.bytes;
    extended::back_off(request.flags, rops, request.max_rop_out, BACK_OFF)
        .map(|rops| executed_body(ErrorCode(0), rops))
}

fn executed_body(error: ErrorCode, rop_buffer: Vec<u8>) -> Vec<u8> {
    let response = ExecuteResponse {
        error,
        flags: 0,
        rop_buffer: rop_buffer.into(),
        auxiliary: Vec::new().into(),
    };
    Body::Success(response).to_wire()
}

/// Waits for the end of a NotificationWait: an event, the end of the session, or of the time. Each time that
/// the session's bell rings, a thread of the pool looks whether there is an event for it.
async fn wait(shared: Arc<Shared>, waiting: Waiting, limit: Duration) -> (ResponseCode, Vec<u8>) {
    let session = Arc::clone(waiting.session());
    let mut end = pin!(tokio::time::sleep(limit));
    let told = session.told();
    let event = loop {
        let heard = session.news().rings();
        if session.told() != told {
            break true;
        }
        let (processor, asked) = (Arc::clone(&shared.processor), Arc::clone(&session));
        match shared.work(move || notify::is_pending(&processor, &asked)).await {
            Ok(true) => break true,
            Ok(false) => {}
            Err(_) => return (ResponseCode::UnknownFailure, Vec::new()),
        }
        tokio::select! {
            () = waiting.ended() => return (ResponseCode::ContextNotFound, Vec::new()),
            () = session.news().wait(heard) => {}
            () = end.as_mut() => break false,
        }
    };
    drop(waiting);
    let response = NotificationWaitResponse {
        error: ErrorCode(0),
        event_pending: u32::from(event),
        auxiliary: Vec::new().into(),
    };
    (ResponseCode::Success, Body::Success(response).to_wire())
}

/// A response that says PROCESSING at once, PENDING after each period, and the rest when `work` is done
/// (3.2.5.2 R1237 to R1244). Work goes on to its end if the client goes away; waiting does not.
fn stream(
    envelope: Envelope,
    permit: Option<Permit>,
    period: Duration,
    work: impl Future<Output = (ResponseCode, Vec<u8>)> + Send + 'static,
) -> Reply {
    let (pieces, body) = mpsc::channel(4);
    let reply = envelope.streamed(ResponseBody::Stream(body));
    tokio::spawn(async move {
        let mut work = pin!(work);
        if pieces.send(Bytes::from_static(PROCESSING)).await.is_err() {
            return;
        }
        loop {
            tokio::select! {
                (code, body) = work.as_mut() => {
                    let done = envelope.done(code, &body);
                    let done = match permit {
                        Some(permit) => permit.keep(done),
                        None => done.into(),
                    };
                    let _ = pieces.send(done).await;
                    return;
                }
                _ = tokio::time::sleep(period) => {
                    // A client that does not read is not waited for: the next tag comes in a period.
                    let _ = pieces.try_send(Bytes::from_static(PENDING));
                }
                _ = pieces.closed() => return,
            }
        }
    });
    reply
}
