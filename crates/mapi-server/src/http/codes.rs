//! The values of the X-ResponseCode header.

/// X-ResponseCode ([MS-OXCMAPIHTTP] 2.2.3.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum ResponseCode {
    Success = 0,
    UnknownFailure = 1,
    InvalidVerb = 2,
    InvalidPath = 3,
    InvalidHeader = 4,
    InvalidRequestType = 5,
    InvalidContextCookie = 6,
    MissingHeader = 7,
    AnonymousNotAllowed = 8,
    TooLarge = 9,
    ContextNotFound = 10,
    NoPrivilege = 11,
    InvalidRequestBody = 12,
    MissingCookie = 13,
    InvalidSequence = 15,
    EndpointDisabled = 16,
    EndpointShuttingDown = 18,
}

impl ResponseCode {
    /// What the body of a failed request tells a person who reads it (R56).
    pub const fn explanation(self) -> &'static str {
        match self {
            ResponseCode::Success => "The request was accepted.",
            ResponseCode::UnknownFailure => "The request failed on the server.",
            ResponseCode::InvalidVerb => "This address speaks MAPI over HTTP and takes POST only.",
            ResponseCode::InvalidPath => "There is nothing at this path.",
            ResponseCode::InvalidHeader => "A header of the request is not valid.",
            ResponseCode::InvalidRequestType => {
                "The X-RequestType header names no request type of this endpoint."
            }
            ResponseCode::InvalidContextCookie => "The MapiContext cookie is malformed.",
            ResponseCode::MissingHeader => "A required header is missing.",
            ResponseCode::AnonymousNotAllowed => "Anonymous requests are not accepted.",
            ResponseCode::TooLarge => "The request is too large.",
            ResponseCode::ContextNotFound => {
                "There is no such Session Context for this user: connect again."
            }
            ResponseCode::NoPrivilege => "The user may not use this Session Context.",
            ResponseCode::InvalidRequestBody => "The body of the request cannot be read.",
            ResponseCode::MissingCookie => "The request lacks a cookie of its Session Context.",
            ResponseCode::InvalidSequence => {
                "The request is out of sequence: a Session Context takes one request at a time."
            }
            ResponseCode::EndpointDisabled => "The endpoint is disabled.",
            ResponseCode::EndpointShuttingDown => "The server is shutting down.",
        }
    }
}
