//! What can go wrong, and what to do about it.

use std::io;
use std::time::Duration;

use mapi::{ErrorCode, WireError};

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Every failure of this crate. The text says what was tried, what came back and, where a user can do
/// something about it, what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store refused an operation with a code of [MS-OXCDATA] 2.4.
    #[error("{operation} failed: {code}")]
    Code { operation: &'static str, code: ErrorCode },

    /// The server cannot be reached.
    #[error(
        "cannot reach {address}: {cause}; check that the server runs and that the address is right"
    )]
    Unreachable { address: String, cause: io::Error },

    /// The URL is not one that this crate can use.
    #[error("the URL {url} cannot be used: {reason}")]
    Url { url: String, reason: &'static str },

    /// The server does not accept the user name and password (HTTP status 401).
    #[error("the server refused the user name or password of {user}")]
    Credentials { user: String },

    /// The server knows the user but does not let it do this (HTTP status 403, or X-ResponseCode 11).
    #[error("the server does not permit this to {user}: {detail}")]
    Forbidden { user: String, detail: String },

    /// Nothing came for this long. Whether the request was carried out is not known; the session is
    /// over.
    #[error(
        "the server said nothing for {0:?}; whether the request was carried out is not known: \
         log on again and look"
    )]
    TimedOut(Duration),

    /// The connection broke before a whole answer had come. Whether the request was carried out is not
    /// known; the session is over.
    #[error(
        "the connection broke while an answer was awaited ({cause}); whether the request was \
         carried out is not known: log on again and look"
    )]
    ConnectionLost { cause: io::Error },

    /// The server no longer has this session: it expired, the server was started again, or another
    /// logon with the same cookies replaced it ([MS-OXCMAPIHTTP] 3.2.5.6).
    #[error("the server no longer has this session ({reason}): log on again")]
    SessionLost { reason: String },

    /// The MAPI/HTTP endpoint refused the request as a whole ([MS-OXCMAPIHTTP] 2.2.3.3.3).
    #[error("the server refused the request: X-ResponseCode {code} ({name}){detail}")]
    Refused { code: u32, name: &'static str, detail: String },

    /// What came is not MAPI/HTTP, or not what the request asks for.
    #[error("the server's answer cannot be understood: {0}; is this the address of a MAPI server?")]
    Protocol(String),

    /// Bytes of an answer do not have their specified layout.
    #[error("the server's answer cannot be understood: {0}")]
    Layout(#[from] WireError),

    /// An operation on several objects was done for some of them only ([MS-OXCROPS] PartialCompletion).
    #[error("{operation} was done in part only: look what is still there")]
    Partial { operation: &'static str },

    /// The object was closed, or its store was logged off.
    #[error("{0} is closed")]
    Closed(&'static str),

    /// A session context has room for 256 logons ([MS-OXCROPS] 2.2.3.1.1: LogonId is one byte).
    #[error("256 stores are open in this session: close one first")]
    TooManyStores,

    /// The profile has no message service that could be the default store.
    #[error("the profile has no message service: add one with Profile::service")]
    NoDefaultStore,

    /// The entry id belongs to no store of this session, or to another store than the one asked.
    #[error("the entry id belongs to another store")]
    ForeignEntryId,

    /// The store in this process could not be used.
    #[cfg(feature = "loopback")]
    #[error("the store in this process: {0}")]
    Store(store::StoreError),

    /// A value that the caller gave cannot be sent.
    #[error("{0}")]
    InvalidArgument(&'static str),
}

impl Error {
    /// The store's code, if the store refused the operation.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Error::Code { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Whether the session is over, so that nothing but a new logon helps.
    pub fn ends_session(&self) -> bool {
        matches!(
            self,
            Error::TimedOut(_) | Error::ConnectionLost { .. } | Error::SessionLost { .. }
        )
    }
}

/// For [`std::io::Read`], [`std::io::Write`] and [`std::io::Seek`] of a stream.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::TimedOut(_) => io::ErrorKind::TimedOut,
            Error::ConnectionLost { .. } => io::ErrorKind::ConnectionReset,
            Error::Closed(_) => io::ErrorKind::NotConnected,
            Error::Code { code, .. } if *code == ErrorCode::ACCESS_DENIED => {
                io::ErrorKind::PermissionDenied
            }
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}
