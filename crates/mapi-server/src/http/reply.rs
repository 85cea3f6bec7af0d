//! Responses: their headers, and the meta-tags in front of their bodies ([MS-OXCMAPIHTTP] 2.2.2.2, 2.2.7).

use std::cell::RefCell;
use std::time::{Duration, Instant};

use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, SET_COOKIE, USER_AGENT};
use hyper::{HeaderMap, Response, StatusCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use mapi_rop::http::{CONTENT_TYPE as MAPI_HTTP, FAILURE_CONTENT_TYPE, ResponseCode, done, whole};

use super::admission::Permit;
use super::body::ResponseBody;
use super::cookies;
use crate::session::Token;

const X_REQUEST_TYPE: HeaderName = HeaderName::from_static("x-requesttype");
const X_RESPONSE_CODE: HeaderName = HeaderName::from_static("x-responsecode");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-requestid");
const X_CLIENT_INFO: HeaderName = HeaderName::from_static("x-clientinfo");
const X_CLIENT_APPLICATION: HeaderName = HeaderName::from_static("x-clientapplication");
const X_SERVER_APPLICATION: HeaderName = HeaderName::from_static("x-serverapplication");
const X_EXPIRATION_INFO: HeaderName = HeaderName::from_static("x-expirationinfo");
const X_PENDING_PERIOD: HeaderName = HeaderName::from_static("x-pendingperiod");

/// The server's version, in the form of Exchange's, since clients take features from it
/// ([MS-OXCMAPIHTTP] 2.2.3.3.7 R165). No feature of a later version is offered.
pub const SERVER_APPLICATION: &str = "Exchange/15.00.0847.4040";

/// What the client calls itself: program and version ([MS-OXCMAPIHTTP] 2.2.3.3.6), or what any HTTP client
/// says of itself. X-ClientInfo is another one for each session (2.2.3.3.4), so it names nobody.
pub fn client_name(headers: &HeaderMap) -> &str {
    let said = [X_CLIENT_APPLICATION, USER_AGENT].into_iter().find_map(|name| headers.get(name));
    said.and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The X-ResponseCode of a response; None if it is none of MAPI.
pub fn response_code(response: &Response<ResponseBody>) -> Option<ResponseCode> {
    let value = response.headers().get(&X_RESPONSE_CODE)?.to_str().ok()?;
    ResponseCode::parse(value)
}

/// What a response says of the request and the server, whatever becomes of the request.
#[derive(Clone)]
pub struct Envelope {
    request_type: Option<HeaderValue>,
    request_id: Option<HeaderValue>,
    client_info: Option<HeaderValue>,
    started: Instant,
    started_at: Timestamp,
    pending_period: Duration,
    expiration: Duration,
    cookies: Option<(Token, u64)>,
}

impl Envelope {
    /// Takes from a request's headers what goes back to the client as it came (R2040, R156).
    pub fn of(headers: &HeaderMap, pending_period: Duration, expiration: Duration) -> Envelope {
        Envelope {
            request_type: headers.get(&X_REQUEST_TYPE).cloned(),
            request_id: headers.get(&X_REQUEST_ID).cloned(),
            client_info: headers.get(&X_CLIENT_INFO).cloned(),
            started: Instant::now(),
            started_at: Timestamp::now(),
            pending_period,
            expiration,
            cookies: None,
        }
    }

    pub fn request_type(&self) -> Option<&str> {
        self.request_type.as_ref()?.to_str().ok()
    }

    pub fn has_request_id(&self) -> bool {
        self.request_id.is_some()
    }

    /// From now on the response bears the cookies of this session (R1236).
    pub fn set_cookies(&mut self, token: Token, sequence: u64) {
        self.cookies = Some((token, sequence));
    }

    /// A response that is ready.
    pub fn success(&self, body: &[u8]) -> Response<ResponseBody> {
        let whole = whole(self.elapsed(), &http_date(self.started_at), body);
        self.response(ResponseCode::Success, MAPI_HTTP, ResponseBody::whole(whole))
    }

    /// The same, of a size that is admitted until it is sent.
    pub fn success_kept(&self, body: &[u8], permit: Permit) -> Response<ResponseBody> {
        let whole = permit.keep(whole(self.elapsed(), &http_date(self.started_at), body));
        self.response(ResponseCode::Success, MAPI_HTTP, ResponseBody::whole(whole))
    }

    /// A response whose body is written as the request is worked on.
    pub fn streamed(&self, body: ResponseBody) -> Response<ResponseBody> {
        self.response(ResponseCode::Success, MAPI_HTTP, body)
    }

    /// A request that failed for one of the reasons of the protocol (R47, R56, R2038).
    pub fn failure(&self, code: ResponseCode) -> Response<ResponseBody> {
        let body = format!(
            "<html><head><title>MAPI over HTTP</title></head><body><p>{} (X-ResponseCode {})</p>\
             </body></html>",
            explanation(code),
            code.value()
        );
        self.response(code, FAILURE_CONTENT_TYPE, ResponseBody::whole(body))
    }

    /// The end of a streamed body (R1244, R2228 to R2231). A code other than success stands among the
    /// headers behind DONE.
    pub fn done(&self, code: ResponseCode, body: &[u8]) -> Vec<u8> {
        let code = (code != ResponseCode::Success).then_some(code);
        done(self.elapsed(), &http_date(self.started_at), code, body)
    }

    /// Milliseconds since the request came.
    fn elapsed(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn response(
        &self,
        code: ResponseCode,
        content_type: &'static str,
        body: ResponseBody,
    ) -> Response<ResponseBody> {
        /// More than a response has: the map of headers is made once.
        const HEADERS: usize = 16;
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        headers.reserve(HEADERS);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
        headers.insert(X_RESPONSE_CODE, HeaderValue::from(code.value()));
        headers.insert(X_SERVER_APPLICATION, HeaderValue::from_static(SERVER_APPLICATION));
        headers.insert(X_PENDING_PERIOD, milliseconds(self.pending_period));
        headers.insert(X_EXPIRATION_INFO, milliseconds(self.expiration));
        let echoed = [
            (X_REQUEST_TYPE, &self.request_type),
            (X_REQUEST_ID, &self.request_id),
            (X_CLIENT_INFO, &self.client_info),
        ];
        for (name, value) in echoed {
            if let Some(value) = value {
                headers.insert(name, value.clone());
            }
        }
        if let Some((token, sequence)) = self.cookies {
            for cookie in cookies::write(token, sequence) {
                if let Ok(value) = HeaderValue::try_from(cookie) {
                    headers.append(SET_COOKIE, value);
                }
            }
        }
        response
    }
}

/// What the body of a failed request tells a person who reads it (R56).
const fn explanation(code: ResponseCode) -> &'static str {
    match code {
        ResponseCode::InvalidVerb => "This address speaks MAPI over HTTP and takes POST only.",
        ResponseCode::InvalidPath => "There is nothing at this path.",
        ResponseCode::InvalidHeader => "A header of the request is not valid.",
        ResponseCode::InvalidRequestType => {
            "The X-RequestType header names no request type of this endpoint."
        }
        ResponseCode::InvalidContextCookie => "The MapiContext cookie is malformed.",
        ResponseCode::MissingHeader => "A required header is missing.",
        ResponseCode::TooLarge => "The request is too large.",
        ResponseCode::ContextNotFound => {
            "There is no such Session Context for this user: connect again."
        }
        ResponseCode::InvalidRequestBody => "The body of the request cannot be read.",
        ResponseCode::MissingCookie => "The request lacks a cookie of its Session Context.",
        ResponseCode::InvalidSequence => {
            "The request is out of sequence: a Session Context takes one request at a time."
        }
        ResponseCode::EndpointShuttingDown => "The server is shutting down.",
        _ => "The request failed on the server.",
    }
}

fn milliseconds(time: Duration) -> HeaderValue {
    HeaderValue::from(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

/// A date as [RFC2616] writes it (R2046).
fn http_date(time: Timestamp) -> String {
    thread_local! {
        /// The last second that was written. Requests come many to a second.
        static LAST: RefCell<(i64, String)> = const { RefCell::new((i64::MIN, String::new())) };
    }
    LAST.with_borrow_mut(|(second, text)| {
        if *second != time.as_second() {
            *second = time.as_second();
            *text = DateTimePrinter::new().timestamp_to_rfc9110_string(&time).unwrap_or_default();
        }
        text.clone()
    })
}

/// A response without the headers of MAPI: before authentication, or outside of the endpoint.
pub fn plain(status: StatusCode, text: &'static str) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::whole(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
