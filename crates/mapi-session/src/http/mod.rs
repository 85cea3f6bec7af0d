//! MAPI over HTTP, as a client ([MS-OXCMAPIHTTP] 3.1).

mod answer;
mod client;
mod fuse;
mod url;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine;
use mapi::text::String8;
use mapi::wire::{SizedBytes, Wire};
use mapi::{ErrorCode, Guid};
use mapi_rop::ext::{EXT_HEADER_SIZE, Packing, read_payloads, write_payloads};
use mapi_rop::http::{
    Body, CONTENT_TYPE, ConnectRequest, ConnectResponse, DisconnectRequest, DisconnectResponse,
    ExecuteFlags, ExecuteRequest, ExecuteResponse, NotificationWaitRequest,
    NotificationWaitResponse, RequestType, headers,
};

use crate::provider::{Connected, MessageStoreProvider, Transport, Waiter};
use crate::{Error, Result};
use answer::{Cookies, into_body};
pub use client::Limits;
use client::{Client, Response};
pub use fuse::Fuse;
use url::Endpoint;

/// The message service of a server that speaks MAPI over HTTP, with Basic authentication.
///
/// Only `http://` is spoken so far: use it on this machine, or over a tunnel that encrypts.
#[derive(Clone)]
pub struct Http {
    endpoint: Endpoint,
    /// As it stands in the Authorization header.
    authorization: String,
    user: String,
    user_dn: String,
    application: String,
    code_page: u32,
    limits: Limits,
    fuse: Option<Fuse>,
}

impl Http {
    /// `url` is the server's base, such as `http://127.0.0.1:8480`, or the whole endpoint. `user` is the
    /// name to log on with, which is also taken for the name of the mailbox: a Coffer knows mailboxes by
    /// their addresses. For other servers see [`Http::user_dn`].
    ///
    /// # Errors
    ///
    /// [`Error::Url`] for a URL that cannot be used, `https` among them.
    pub fn new(url: &str, user: &str, password: &str) -> Result<Self> {
        let endpoint = Endpoint::parse(url)?;
        // A colon would end the user's name for the server (RFC 7617).
        if user.contains(':') || user.contains(|c: char| c.is_control()) {
            return Err(Error::InvalidArgument(
                "a user's name holds no colon and no control character",
            ));
        }
        let credentials = base64::prelude::BASE64_STANDARD.encode(format!("{user}:{password}"));
        Ok(Http {
            endpoint,
            authorization: format!("Basic {credentials}"),
            user: user.to_owned(),
            user_dn: user.to_owned(),
            application: concat!("mapi-session/", env!("CARGO_PKG_VERSION"), ".0").to_owned(),
            code_page: CODE_PAGE,
            limits: Limits::default(),
            fuse: None,
        })
    }

    /// The code page of 8-bit strings; Windows Latin-1 (1252) unless another one is said. A logon in one that the
    /// server does not know fails with ecUnknownCodePage.
    pub fn code_page(mut self, code_page: u32) -> Self {
        self.code_page = code_page;
        self
    }

    /// The legacy distinguished name of the user, as Autodiscover tells it.
    pub fn user_dn(mut self, dn: &str) -> Self {
        dn.clone_into(&mut self.user_dn);
        self
    }

    /// What the program calls itself, such as `Importer/1.2.0.0` ([MS-OXCMAPIHTTP] 2.2.3.3.6).
    pub fn application(mut self, name: &str) -> Self {
        self.application = name.chars().filter(|c| c.is_ascii_graphic()).collect();
        self
    }

    /// Time-outs and sizes.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Breaks the connections of all sessions of this service on purpose: see [`Fuse`].
    pub fn fuse(mut self, fuse: Fuse) -> Self {
        self.fuse = Some(fuse);
        self
    }
}

/// Without the password.
impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http")
            .field("server", &self.endpoint.authority())
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

impl MessageStoreProvider for Http {
    fn display_name(&self) -> String {
        self.endpoint.authority()
    }

    fn user_dn(&self) -> &str {
        &self.user_dn
    }

    fn connect(&self) -> Result<Connected> {
        if !self.user_dn.is_ascii() || self.user_dn.contains('\0') {
            return Err(Error::InvalidArgument("a user's distinguished name is ASCII"));
        }
        let mut context = Context::new(self);
        let request = ConnectRequest {
            user_dn: String8::from(self.user_dn.as_str()),
            flags: 0,
            code_page: self.code_page,
            lcid_sort: LCID,
            lcid_string: LCID,
            auxiliary: Vec::new().into(),
        };
        let body = context.request(RequestType::Connect, &request.to_wire())?;
        let answer: ConnectResponse =
            success(&body, "logging on", |answer: &ConnectResponse| answer.error)?;
        context.connected = true;
        let display_name = answer.display_name.to_string_lossy().into_owned();
        Ok(Connected { transport: Box::new(context), display_name })
    }
}

/// Windows Latin-1, for 8-bit strings of old properties.
const CODE_PAGE: u32 = 1252;
/// English (United States), for sort orders.
const LCID: u32 = 0x0409;

/// The body of a response that succeeded: its StatusCode and its ErrorCode are 0.
fn success<T: Wire>(
    body: &[u8],
    operation: &'static str,
    error: impl Fn(&T) -> ErrorCode,
) -> Result<T> {
    let code = match Body::<T>::from_wire(body)? {
        Body::Success(answer) if error(&answer).is_success() => return Ok(answer),
        Body::Success(answer) => error(&answer),
        Body::Failed(status, _) => ErrorCode(status),
    };
    Err(Error::Code { operation, code })
}

/// A session context on the server.
struct Context {
    service: Http,
    client: Client,
    cookies: Cookies,
    name: Arc<ContextName>,
    connected: bool,
}

/// What the requests of a session context have in common.
struct ContextName {
    /// [MS-OXCMAPIHTTP] 2.2.3.3.2: a GUID for the life of the session context, and a counter.
    request_guid: Guid,
    requests: AtomicU64,
    client_info: String,
}

/// The counter in X-ClientInfo: another for each session context ([MS-OXCMAPIHTTP] 2.2.3.3.4).
static CONTEXTS: AtomicU64 = AtomicU64::new(1);

impl Context {
    fn new(service: &Http) -> Self {
        let context = CONTEXTS.fetch_add(1, Ordering::Relaxed);
        Context {
            client: Client::new(service.endpoint.clone(), service.limits, service.fuse.clone()),
            cookies: Cookies::default(),
            name: Arc::new(ContextName {
                request_guid: Guid::random(),
                requests: AtomicU64::new(1),
                client_info: format!("{{{}}}:{context}", Guid::random()),
            }),
            connected: false,
            service: service.clone(),
        }
    }

    fn request(&mut self, request_type: RequestType, body: &[u8]) -> Result<Vec<u8>> {
        let cookies = self.cookies.header();
        let posted = post(
            &mut self.client,
            &self.service,
            &self.name,
            cookies.as_deref(),
            request_type,
            body,
        );
        let outcome = posted.and_then(|response| {
            self.cookies.learn(&response.headers)?;
            into_body(response, &self.service.user)
        });
        // A Drop does not wait once more for a server that says nothing, nor end what is not there.
        if let Err(Error::TimedOut(_) | Error::SessionLost { .. }) = &outcome {
            self.connected = false;
        }
        outcome
    }
}

/// Sends a request with the headers that each has.
fn post(
    client: &mut Client,
    service: &Http,
    name: &ContextName,
    cookies: Option<&str>,
    request_type: RequestType,
    body: &[u8],
) -> Result<Response> {
    let number = name.requests.fetch_add(1, Ordering::Relaxed);
    let request_id = format!("{{{}}}:{number}", name.request_guid);
    let mut lines = vec![
        ("Authorization", service.authorization.as_str()),
        ("Content-Type", CONTENT_TYPE),
        (headers::REQUEST_TYPE, request_type.name()),
        (headers::REQUEST_ID, &request_id),
        (headers::CLIENT_INFO, &name.client_info),
        (headers::CLIENT_APPLICATION, &service.application),
    ];
    lines.extend(cookies.map(|cookies| ("Cookie", cookies)));
    client.post(&lines, body)
}

/// Waits for notifications of a session context, on a connection of its own.
struct Ear {
    service: Http,
    name: Arc<ContextName>,
    /// As they were when the waiter was made. What an answer sets is not learnt: the number of the next
    /// request is the session's own matter.
    cookies: Option<String>,
    client: Client,
}

impl Waiter for Ear {
    fn wait(&mut self, limit: Duration) -> Result<bool> {
        self.client.set_total(limit);
        let request = NotificationWaitRequest { flags: 0, auxiliary: Vec::new().into() };
        let (kind, body) = (RequestType::NotificationWait, request.to_wire());
        let cookies = self.cookies.as_deref();
        let posted = post(&mut self.client, &self.service, &self.name, cookies, kind, &body);
        let body = match posted {
            // The server goes on for five minutes; the connection is closed, so it stops.
            Err(Error::TimedOut(time)) if time == limit => return Ok(false),
            posted => into_body(posted?, &self.service.user)?,
        };
        let answer = success(&body, "waiting", |answer: &NotificationWaitResponse| answer.error)?;
        Ok(answer.event_pending != 0)
    }
}

impl Transport for Context {
    fn execute(&mut self, rops: &[u8], max_out: u32) -> Result<Vec<u8>> {
        let Some(buffer) = write_payloads(&[rops], Packing::default()) else {
            return Err(Error::InvalidArgument("the request is larger than a ROP buffer"));
        };
        let request = ExecuteRequest {
            // The answer may come plain: nothing is hidden by the XOR, and bytes are cheap next to time.
            flags: ExecuteFlags::NO_COMPRESSION | ExecuteFlags::NO_XOR_MAGIC,
            rop_buffer: buffer.into(),
            max_rop_out: max_out.saturating_add(EXT_HEADER_SIZE as u32),
            auxiliary: SizedBytes::from(Vec::new()),
        };
        let body = self.request(RequestType::Execute, &request.to_wire())?;
        let answer = success(&body, "the request", |answer: &ExecuteResponse| answer.error)?;
        // One payload came in, so one goes out: more were not allowed.
        let mut payloads = read_payloads(&answer.rop_buffer.bytes, MOST_OUT)?;
        match (payloads.pop(), payloads.is_empty()) {
            (Some(payload), true) => Ok(payload),
            _ => Err(Error::Protocol("another number of ROP buffers than one".into())),
        }
    }

    fn waiter(&self) -> Result<Box<dyn Waiter>> {
        let (service, name) = (self.service.clone(), Arc::clone(&self.name));
        let client = Client::new(service.endpoint.clone(), service.limits, service.fuse.clone());
        Ok(Box::new(Ear { service, name, cookies: self.cookies.header(), client }))
    }

    fn disconnect(&mut self) -> Result<()> {
        self.connected = false;
        let request = DisconnectRequest { auxiliary: Vec::new().into() };
        let body = self.request(RequestType::Disconnect, &request.to_wire())?;
        success(&body, "logging off", |answer: &DisconnectResponse| answer.error)?;
        Ok(())
    }
}

/// Bytes of an answer, decompressed.
const MOST_OUT: usize = 1 << 20;

impl Drop for Context {
    fn drop(&mut self) {
        // Somebody who wants to know whether it worked calls `logoff`; the server reaps the session
        // otherwise.
        if self.connected {
            let _ = self.disconnect();
        }
    }
}
