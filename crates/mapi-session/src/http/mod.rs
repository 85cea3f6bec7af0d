//! MAPI over HTTP, as a client ([MS-OXCMAPIHTTP] 3.1).

mod answer;
mod client;
mod extended;
mod url;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use mapi::wire::{Reader, SizedBytes, Wire};
use mapi::{ErrorCode, Guid, WString};

use crate::provider::{Connected, MessageStoreProvider, Transport};
use crate::{Error, Result};
use answer::{Cookies, into_body};
use client::Client;
pub use client::Limits;
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
    limits: Limits,
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
            limits: Limits::default(),
        })
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
        // [MS-OXCMAPIHTTP] 2.2.4.1.1
        let mut body = Vec::new();
        body.extend_from_slice(self.user_dn.as_bytes());
        body.push(0);
        0_u32.write(&mut body); // Flags
        CODE_PAGE.write(&mut body); // DefaultCodePage
        LCID.write(&mut body); // LcidSort
        LCID.write(&mut body); // LcidString
        0_u32.write(&mut body); // AuxiliaryBufferSize
        let answer = context.request("Connect", &body)?;
        let display_name = read_connected(&answer)?;
        context.connected = true;
        Ok(Connected { transport: Box::new(context), display_name })
    }
}

/// Windows Latin-1, for 8-bit strings of old properties.
const CODE_PAGE: u32 = 1252;
/// English (United States), for sort orders.
const LCID: u32 = 0x0409;

/// [MS-OXCMAPIHTTP] 2.2.4.1.2: the display name, of what a connection tells.
fn read_connected(body: &[u8]) -> Result<String> {
    let mut r = Reader::new(body);
    read_status(&mut r, "logging on")?;
    for _ in 0..3 {
        u32::read(&mut r)?; // PollsMax, RetryCount, RetryDelay
    }
    mapi::text::String8::read(&mut r)?; // DnPrefix
    Ok(WString::read(&mut r)?.to_string_lossy().into_owned())
}

/// StatusCode and ErrorCode, with which every response body begins ([MS-OXCMAPIHTTP] 2.2.4).
fn read_status(r: &mut Reader<'_>, operation: &'static str) -> Result<()> {
    for _ in 0..2 {
        let code = ErrorCode::read(r)?;
        if !code.is_success() {
            return Err(Error::Code { operation, code });
        }
    }
    Ok(())
}

/// A session context on the server.
struct Context {
    service: Http,
    client: Client,
    cookies: Cookies,
    /// [MS-OXCMAPIHTTP] 2.2.3.3.2: a GUID for the life of the session context, and a counter.
    request_guid: Guid,
    requests: u64,
    client_info: String,
    connected: bool,
}

/// The counter in X-ClientInfo: another for each session context ([MS-OXCMAPIHTTP] 2.2.3.3.4).
static CONTEXTS: AtomicU64 = AtomicU64::new(1);

impl Context {
    fn new(service: &Http) -> Self {
        let context = CONTEXTS.fetch_add(1, Ordering::Relaxed);
        Context {
            client: Client::new(service.endpoint.clone(), service.limits),
            cookies: Cookies::default(),
            request_guid: Guid::random(),
            requests: 0,
            client_info: format!("{{{}}}:{context}", Guid::random()),
            connected: false,
            service: service.clone(),
        }
    }

    fn request(&mut self, request_type: &str, body: &[u8]) -> Result<Vec<u8>> {
        self.requests += 1;
        let request_id = format!("{{{}}}:{}", self.request_guid, self.requests);
        let cookies = self.cookies.header();
        let mut headers = vec![
            ("Authorization", self.service.authorization.as_str()),
            ("Content-Type", "application/mapi-http"),
            ("X-RequestType", request_type),
            ("X-RequestId", &request_id),
            ("X-ClientInfo", &self.client_info),
            ("X-ClientApplication", &self.service.application),
        ];
        if let Some(cookies) = &cookies {
            headers.push(("Cookie", cookies));
        }
        let outcome = self.client.post(&headers, body).and_then(|response| {
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

impl Transport for Context {
    fn execute(&mut self, rops: &[u8], max_out: u32) -> Result<Vec<u8>> {
        // [MS-OXCMAPIHTTP] 2.2.4.2.1
        let mut body = Vec::with_capacity(rops.len() + 16);
        NO_COMPRESSION_NO_XOR.write(&mut body);
        SizedBytes::<u32>::from(extended::write(rops)?).write(&mut body);
        max_out.saturating_add(extended::HEADER).write(&mut body);
        0_u32.write(&mut body); // AuxiliaryBufferSize
        let answer = self.request("Execute", &body)?;
        // [MS-OXCMAPIHTTP] 2.2.4.2.2
        let mut r = Reader::new(&answer);
        read_status(&mut r, "the request")?;
        u32::read(&mut r)?; // Flags, reserved
        extended::read(&SizedBytes::<u32>::read(&mut r)?.bytes)
    }

    fn disconnect(&mut self) -> Result<()> {
        self.connected = false;
        let mut body = Vec::new();
        0_u32.write(&mut body); // AuxiliaryBufferSize
        let answer = self.request("Disconnect", &body)?;
        read_status(&mut Reader::new(&answer), "logging off")
    }
}

/// [MS-OXCRPC] 3.1.4.2: the answer comes plain. Every HTTP connection can compress, and nothing is hidden
/// by the XOR.
const NO_COMPRESSION_NO_XOR: u32 = 0x0000_0003;

impl Drop for Context {
    fn drop(&mut self) {
        // Somebody who wants to know whether it worked calls `logoff`; the server reaps the session
        // otherwise.
        if self.connected {
            let _ = self.disconnect();
        }
    }
}
