//! The bodies of MAPI/HTTP ([MS-OXCMAPIHTTP] 2.2), the names and codes in its headers, and the response
//! around a body: meta-tags and additional headers.

use std::fmt;

use mapi::text::String8;
use mapi::wire::{Reader, SizedBytes, Wire, WireError};
use mapi::{ErrorCode, WString};

/// The Content-Type of requests, and of responses whose X-ResponseCode is 0 ([MS-OXCMAPIHTTP] 2.2.3.2.2).
pub const CONTENT_TYPE: &str = "application/mapi-http";

/// The Content-Type of other responses.
pub const FAILURE_CONTENT_TYPE: &str = "text/html";

/// Names of the headers that MAPI/HTTP adds ([MS-OXCMAPIHTTP] 2.2.3.3).
pub mod headers {
    pub const REQUEST_TYPE: &str = "X-RequestType";
    pub const REQUEST_ID: &str = "X-RequestId";
    pub const RESPONSE_CODE: &str = "X-ResponseCode";
    pub const CLIENT_INFO: &str = "X-ClientInfo";
    pub const PENDING_PERIOD: &str = "X-PendingPeriod";
    pub const CLIENT_APPLICATION: &str = "X-ClientApplication";
    pub const SERVER_APPLICATION: &str = "X-ServerApplication";
    pub const EXPIRATION_INFO: &str = "X-ExpirationInfo";
    pub const ELAPSED_TIME: &str = "X-ElapsedTime";
    pub const START_TIME: &str = "X-StartTime";
}

macro_rules! request_types {
    ($($name:ident = $text:literal),* $(,)?) => {
        /// X-RequestType ([MS-OXCMAPIHTTP] 2.2.3.3.1).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum RequestType {
            $($name,)*
        }

        impl RequestType {
            pub const ALL: &[RequestType] = &[$(RequestType::$name),*];

            /// As it stands in the header.
            pub const fn name(self) -> &'static str {
                match self {
                    $(RequestType::$name => $text,)*
                }
            }
        }
    };
}

request_types! {
    Connect = "Connect",
    Execute = "Execute",
    Disconnect = "Disconnect",
    NotificationWait = "NotificationWait",
    Ping = "PING",
    Bind = "Bind",
    Unbind = "Unbind",
    CompareMinIds = "CompareMIds",
    DnToMinId = "DNToMId",
    GetMatches = "GetMatches",
    GetPropList = "GetPropList",
    GetProps = "GetProps",
    GetSpecialTable = "GetSpecialTable",
    GetTemplateInfo = "GetTemplateInfo",
    ModLinkAtt = "ModLinkAtt",
    ModProps = "ModProps",
    QueryColumns = "QueryColumns",
    QueryRows = "QueryRows",
    ResolveNames = "ResolveNames",
    ResortRestriction = "ResortRestriction",
    SeekEntries = "SeekEntries",
    UpdateStat = "UpdateStat",
    GetMailboxUrl = "GetMailboxUrl",
    GetAddressBookUrl = "GetAddressBookUrl",
}

impl RequestType {
    /// From the header; none if the specification has no such type.
    pub fn parse(name: &str) -> Option<Self> {
        RequestType::ALL.iter().copied().find(|known| known.name().eq_ignore_ascii_case(name))
    }
}

macro_rules! response_codes {
    ($($value:literal $name:ident $text:literal),* $(,)?) => {
        /// X-ResponseCode ([MS-OXCMAPIHTTP] 2.2.3.3.3).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ResponseCode {
            $($name,)*
            Unknown(u32),
        }

        impl ResponseCode {
            pub const fn value(self) -> u32 {
                match self {
                    $(ResponseCode::$name => $value,)*
                    ResponseCode::Unknown(value) => value,
                }
            }

            pub const fn from_value(value: u32) -> Self {
                match value {
                    $($value => ResponseCode::$name,)*
                    other => ResponseCode::Unknown(other),
                }
            }

            /// As in the specification: `Context Not Found`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(ResponseCode::$name => $text,)*
                    ResponseCode::Unknown(_) => "Unknown",
                }
            }
        }
    };
}

response_codes! {
    0 Success "Success",
    1 UnknownFailure "Unknown Failure",
    2 InvalidVerb "Invalid Verb",
    3 InvalidPath "Invalid Path",
    4 InvalidHeader "Invalid Header",
    5 InvalidRequestType "Invalid Request Type",
    6 InvalidContextCookie "Invalid Context Cookie",
    7 MissingHeader "Missing Header",
    8 AnonymousNotAllowed "Anonymous Not Allowed",
    9 TooLarge "Too Large",
    10 ContextNotFound "Context Not Found",
    11 NoPrivilege "No Privilege",
    12 InvalidRequestBody "Invalid Request Body",
    13 MissingCookie "Missing Cookie",
    14 Reserved "Reserved",
    15 InvalidSequence "Invalid Sequence",
    16 EndpointDisabled "Endpoint Disabled",
    17 InvalidResponse "Invalid Response",
    18 EndpointShuttingDown "Endpoint Shutting Down",
}

impl ResponseCode {
    /// From the header's value.
    pub fn parse(text: &str) -> Option<Self> {
        text.trim().parse().ok().map(ResponseCode::from_value)
    }
}

impl fmt::Display for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.value())
    }
}

rop_flags! {
    /// How a server may build the ROP output ([MS-OXCRPC] 3.1.4.2 pulFlags).
    pub struct ExecuteFlags: u32 {
        NO_COMPRESSION = 0x0000_0001,
        NO_XOR_MAGIC = 0x0000_0002,
        /// More than one payload may come back.
        CHAIN = 0x0000_0004,
    }
}

rop_struct! {
    /// [MS-OXCMAPIHTTP] 2.2.4.1.1
    pub struct ConnectRequest {
        /// The distinguished name of the user, ASCII.
        pub user_dn: String8,
        pub flags: u32,
        /// The code page of 8-bit strings.
        pub code_page: u32,
        pub lcid_sort: u32,
        pub lcid_string: u32,
        /// An extended buffer with auxiliary blocks.
        pub auxiliary: SizedBytes<u32>,
    }

    /// [MS-OXCMAPIHTTP] 2.2.4.1.2, behind the StatusCode
    pub struct ConnectResponse {
        pub error: ErrorCode,
        /// The longest polling interval in milliseconds.
        pub polls_max: u32,
        pub retry_count: u32,
        /// Milliseconds before a failed request is tried again.
        pub retry_delay: u32,
        /// What stands before the names of recipients of the X500 kind, ASCII.
        pub dn_prefix: String8,
        pub display_name: WString,
        pub auxiliary: SizedBytes<u32>,
    }

    /// [MS-OXCMAPIHTTP] 2.2.4.2.1
    pub struct ExecuteRequest {
        pub flags: ExecuteFlags,
        /// An extended buffer with a ROP input buffer in each payload.
        pub rop_buffer: SizedBytes<u32>,
        /// The most bytes of `rop_buffer` in the response.
        pub max_rop_out: u32,
        pub auxiliary: SizedBytes<u32>,
    }

    /// [MS-OXCMAPIHTTP] 2.2.4.2.2, behind the StatusCode
    pub struct ExecuteResponse {
        pub error: ErrorCode,
        /// 0.
        pub flags: u32,
        /// An extended buffer with a ROP output buffer in each payload.
        pub rop_buffer: SizedBytes<u32>,
        pub auxiliary: SizedBytes<u32>,
    }

    /// [MS-OXCMAPIHTTP] 2.2.4.3.1
    pub struct DisconnectRequest {
        pub auxiliary: SizedBytes<u32>,
    }

    /// [MS-OXCMAPIHTTP] 2.2.4.3.2, behind the StatusCode
    pub struct DisconnectResponse {
        pub error: ErrorCode,
        pub auxiliary: SizedBytes<u32>,
    }

    /// [MS-OXCMAPIHTTP] 2.2.4.4.1
    pub struct NotificationWaitRequest {
        /// 0.
        pub flags: u32,
        pub auxiliary: SizedBytes<u32>,
    }

    /// [MS-OXCMAPIHTTP] 2.2.4.4.2, behind the StatusCode
    pub struct NotificationWaitResponse {
        pub error: ErrorCode,
        /// 1 if there is an event to fetch by an Execute, else 0.
        pub event_pending: u32,
        pub auxiliary: SizedBytes<u32>,
    }

    /// What stands behind a StatusCode that is not 0, whatever the request ([MS-OXCMAPIHTTP] 2.2.4.1.3 and
    /// others)
    #[derive(Default)]
    pub struct FailedResponse {
        pub auxiliary: SizedBytes<u32>,
    }
}

/// A response body: StatusCode 0 and the success, or another StatusCode and the failure. PING has no body.
#[derive(Debug, Clone, PartialEq)]
pub enum Body<T> {
    Success(T),
    /// The StatusCode, not 0.
    Failed(u32, FailedResponse),
}

impl<T: Wire> Wire for Body<T> {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(match u32::read(r)? {
            0 => Body::Success(T::read(r)?),
            status => Body::Failed(status, FailedResponse::read(r)?),
        })
    }

    /// A failure with StatusCode 0 would read as a success: it goes out as 1.
    fn write(&self, w: &mut Vec<u8>) {
        match self {
            Body::Success(body) => {
                0u32.write(w);
                body.write(w);
            }
            Body::Failed(status, body) => {
                (*status).max(1).write(w);
                body.write(w);
            }
        }
    }
}

/// The meta-tag that a response starts with: the request is queued ([MS-OXCMAPIHTTP] 2.2.7).
pub const PROCESSING: &[u8] = b"PROCESSING\r\n";

/// The meta-tag that keeps a long response alive.
pub const PENDING: &[u8] = b"PENDING\r\n";

/// The end of a response: the meta-tag DONE, the additional headers, a blank line, and the body.
/// `start_time` is a date of RFC 2616; `elapsed` are milliseconds. `code` is told here if the headers of the
/// response went out before it was known.
pub fn done(elapsed: u64, start_time: &str, code: Option<ResponseCode>, body: &[u8]) -> Vec<u8> {
    let mut w = Vec::with_capacity(DONE_LINES + body.len());
    write_done(&mut w, elapsed, start_time, code, body);
    w
}

/// A response that is ready at once: PROCESSING, and all of [`done`].
pub fn whole(elapsed: u64, start_time: &str, body: &[u8]) -> Vec<u8> {
    let mut w = Vec::with_capacity(PROCESSING.len() + DONE_LINES + body.len());
    w.extend_from_slice(PROCESSING);
    write_done(&mut w, elapsed, start_time, None, body);
    w
}

/// Room for DONE and the additional headers.
const DONE_LINES: usize = 160;

fn write_done(
    w: &mut Vec<u8>,
    elapsed: u64,
    start_time: &str,
    code: Option<ResponseCode>,
    body: &[u8],
) {
    w.extend_from_slice(b"DONE\r\n");
    let mut line = |name: &str, value: &str| {
        [name, ": ", value, "\r\n"].iter().for_each(|part| w.extend_from_slice(part.as_bytes()));
    };
    if let Some(code) = code {
        line(headers::RESPONSE_CODE, &code.value().to_string());
    }
    line(headers::ELAPSED_TIME, &elapsed.to_string());
    line(headers::START_TIME, start_time);
    w.extend_from_slice(b"\r\n");
    w.extend_from_slice(body);
}

/// The longest line before the body.
const MAX_LINE: usize = 8 * 1024;
/// The most additional headers.
const MAX_HEADERS: usize = 64;

/// Why a response stream is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    #[error("a line before the body is longer than {MAX_LINE} bytes")]
    LongLine,
    #[error("more than {MAX_HEADERS} headers stand before the body")]
    ManyHeaders,
    #[error("expected PROCESSING, PENDING or DONE, found {0:?}")]
    MetaTag(String),
    #[error("expected a header, found {0:?}")]
    Header(String),
    #[error("the body is longer than {0} bytes")]
    LongBody(usize),
    #[error("the response ended before its body")]
    Ended,
}

/// Takes a response apart as it comes in: meta-tags, additional headers, body.
#[derive(Debug)]
pub struct ResponseStream {
    state: State,
    line: Vec<u8>,
    pending: u32,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    max_body: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Tags,
    Headers,
    Body,
}

/// A whole response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinalResponse {
    /// The headers behind DONE, in their order.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl FinalResponse {
    /// The value of a header behind DONE, whatever the case of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

impl ResponseStream {
    /// A stream whose body may have at most `max_body` bytes.
    pub fn new(max_body: usize) -> Self {
        ResponseStream {
            state: State::Tags,
            line: Vec::new(),
            pending: 0,
            headers: Vec::new(),
            body: Vec::new(),
            max_body,
        }
    }

    /// Takes the next bytes of the HTTP body, in pieces of any size.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), StreamError> {
        while self.state != State::Body {
            let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
                self.line.extend_from_slice(&bytes[..bytes.len().min(MAX_LINE + 1)]);
                return self.check_line();
            };
            self.line.extend_from_slice(&bytes[..end.min(MAX_LINE + 1)]);
            self.check_line()?;
            bytes = &bytes[end + 1..];
            self.end_line()?;
        }
        if bytes.len() > self.max_body - self.body.len() {
            return Err(StreamError::LongBody(self.max_body));
        }
        self.body.extend_from_slice(bytes);
        Ok(())
    }

    /// How often the server said so far that it is still at work.
    pub fn pending(&self) -> u32 {
        self.pending
    }

    /// The response, when the HTTP body is at its end.
    pub fn finish(self) -> Result<FinalResponse, StreamError> {
        match self.state {
            State::Body => Ok(FinalResponse { headers: self.headers, body: self.body }),
            State::Tags | State::Headers => Err(StreamError::Ended),
        }
    }

    fn check_line(&self) -> Result<(), StreamError> {
        match self.line.len() > MAX_LINE {
            true => Err(StreamError::LongLine),
            false => Ok(()),
        }
    }

    fn end_line(&mut self) -> Result<(), StreamError> {
        let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
        let line = line.strip_suffix('\r').unwrap_or(&line);
        match (self.state, line) {
            (State::Tags, "PROCESSING") => {}
            (State::Tags, "PENDING") => self.pending = self.pending.saturating_add(1),
            (State::Tags, "DONE") => self.state = State::Headers,
            (State::Tags, other) => return Err(StreamError::MetaTag(other.to_owned())),
            (State::Headers | State::Body, "") => self.state = State::Body,
            (State::Headers | State::Body, header) => {
                let Some((name, value)) = header.split_once(':') else {
                    return Err(StreamError::Header(header.to_owned()));
                };
                if self.headers.len() == MAX_HEADERS {
                    return Err(StreamError::ManyHeaders);
                }
                self.headers.push((name.trim().to_owned(), value.trim().to_owned()));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{Sample, Source};
    use proptest::prelude::*;

    fn body_round_trips<T: Wire + Sample + PartialEq + fmt::Debug>(bytes: &[u8]) {
        let request = T::sample(&mut Source::new(bytes));
        assert_eq!(T::from_wire(&request.to_wire()).as_ref(), Ok(&request));
        let body = Body::Success(request);
        assert_eq!(Body::from_wire(&body.to_wire()).as_ref(), Ok(&body));
        let failed = Body::<T>::Failed(5, FailedResponse::default());
        assert_eq!(Body::from_wire(&failed.to_wire()).as_ref(), Ok(&failed));
        let _ = Body::<T>::from_wire(bytes);
    }

    #[test]
    fn a_connect_body() {
        let request = ConnectRequest {
            user_dn: "/o=x".into(),
            flags: 0,
            code_page: 1252,
            lcid_sort: 1033,
            lcid_string: 1033,
            auxiliary: Vec::new().into(),
        };
        let bytes = request.to_wire();
        assert_eq!(bytes[..9], [0x2f, 0x6f, 0x3d, 0x78, 0, 0, 0, 0, 0]);
        assert_eq!(bytes.len(), 25);
    }

    /// [MS-OXCMAPIHTTP] 2.2.7
    #[test]
    fn a_response_comes_apart_in_pieces() {
        let mut bytes = PROCESSING.to_vec();
        bytes.extend_from_slice(PENDING);
        bytes.extend_from_slice(PENDING);
        let date = "Thu, 22 Jan 2026 10:00:00 GMT";
        bytes.extend_from_slice(&done(7, date, Some(ResponseCode::TooLarge), b"\r\nDONE\r\n"));
        for size in [1, 2, 7, bytes.len()] {
            let mut stream = ResponseStream::new(100);
            for piece in bytes.chunks(size) {
                stream.push(piece).expect("a valid stream");
            }
            assert_eq!(stream.pending(), 2);
            let response = stream.finish().expect("whole");
            assert_eq!(response.header("x-elapsedtime"), Some("7"));
            assert_eq!(response.header(headers::START_TIME), Some(date));
            assert_eq!(response.header(headers::RESPONSE_CODE), Some("9"));
            assert_eq!(response.body, b"\r\nDONE\r\n");
        }
    }

    #[test]
    fn a_stream_has_bounds() {
        let mut stream = ResponseStream::new(3);
        assert_eq!(stream.push(b"WORKING\r\n"), Err(StreamError::MetaTag("WORKING".into())));
        assert_eq!(ResponseStream::new(3).push(&[b'x'; 9000]), Err(StreamError::LongLine));
        let mut stream = ResponseStream::new(3);
        assert_eq!(stream.push(&whole(1, "now", b"1234")), Err(StreamError::LongBody(3)));
        let mut stream = ResponseStream::new(3);
        assert_eq!(stream.push(b"DONE\r\n"), Ok(()));
        assert_eq!(stream.finish(), Err(StreamError::Ended));
    }

    #[test]
    fn codes_and_types_have_names() {
        assert_eq!(ResponseCode::parse("10"), Some(ResponseCode::ContextNotFound));
        assert_eq!(ResponseCode::from_value(99).value(), 99);
        assert_eq!(RequestType::parse("PING"), Some(RequestType::Ping));
        assert_eq!(RequestType::parse("Connnect"), None);
    }

    proptest! {
        #[test]
        fn any_body_round_trips(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            body_round_trips::<ConnectRequest>(&bytes);
            body_round_trips::<ConnectResponse>(&bytes);
            body_round_trips::<ExecuteRequest>(&bytes);
            body_round_trips::<ExecuteResponse>(&bytes);
            body_round_trips::<DisconnectRequest>(&bytes);
            body_round_trips::<DisconnectResponse>(&bytes);
            body_round_trips::<NotificationWaitRequest>(&bytes);
            body_round_trips::<NotificationWaitResponse>(&bytes);
        }

        #[test]
        fn any_stream_is_safe(
            bytes in proptest::collection::vec(any::<u8>(), 0..100),
            split in 0usize..100,
        ) {
            let mut stream = ResponseStream::new(50);
            let (head, tail) = bytes.split_at(split.min(bytes.len()));
            if stream.push(head).is_ok() && stream.push(tail).is_ok() {
                let _ = stream.finish();
            }
        }
    }
}
