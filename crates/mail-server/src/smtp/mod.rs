//! SMTP (RFC 5321), submission (RFC 6409) and LMTP (RFC 2033): mail that comes in.
//!
//! [`command`] reads a line, [`session`] answers it, [`data`] takes the message off the wire into a letter,
//! [`deliver`] brings it into the mailboxes with a [`trace`] in front.

pub mod client;
pub mod command;
pub mod data;
mod deliver;
#[doc(hidden)]
pub mod oracle;
pub mod reply;
mod session;
pub mod trace;

use std::sync::Arc;
use std::time::Duration;

use crate::authenticate::Authenticator;
use crate::host::Host;
use crate::listener::{Connection, Protocol, Service, Serving};

/// Which of the three is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// From an MTA in front: recipients are answered one by one after the data.
    Lmtp,
    /// From other hosts, for mailboxes of this server only.
    Smtp,
    /// From users, who log on.
    Submission,
}

/// What one session may take, in bytes, times and numbers.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a message (SIZE, RFC 1870).
    pub message_bytes: u64,
    /// Recipients of a message; RFC 5321 4.5.3.1.8 asks for 100.
    pub recipients: usize,
    /// Commands that fail, after which the connection is closed.
    pub errors: u32,
    /// A command has to come within this time (RFC 5321 4.5.3.2.7: 5 minutes).
    pub command_within: Duration,
    /// Of a message some octets have to come within this time (RFC 5321 4.5.3.2.5: 3 minutes).
    pub data_within: Duration,
    /// An answer has to be taken within this time.
    pub write_within: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            message_bytes: 32 << 20,
            recipients: 1_000,
            errors: 20,
            command_within: Duration::from_secs(5 * 60),
            data_within: Duration::from_secs(3 * 60),
            write_within: Duration::from_secs(60),
        }
    }
}

/// One of the three, on one or several sockets.
pub struct Smtp {
    host: Arc<Host>,
    role: Role,
    limits: Limits,
    /// Looks at what other hosts send.
    authenticator: Option<Arc<Authenticator>>,
}

impl Smtp {
    pub fn new(host: Arc<Host>, role: Role, limits: Limits) -> Arc<Smtp> {
        Arc::new(Smtp { host, role, limits, authenticator: None })
    }

    /// SMTP from other hosts, whose mail is authenticated. Such a host has to connect to us itself: behind an MTA or a
    /// proxy its address would be another one.
    pub fn authenticating(
        host: Arc<Host>,
        limits: Limits,
        authenticator: Arc<Authenticator>,
    ) -> Arc<Smtp> {
        let authenticator = Some(authenticator);
        Arc::new(Smtp { host, role: Role::Smtp, limits, authenticator })
    }
}

impl Service for Smtp {
    fn protocol(&self) -> Protocol {
        match self.role {
            Role::Lmtp => Protocol::Lmtp,
            Role::Smtp => Protocol::Smtp,
            Role::Submission => Protocol::Submission,
        }
    }

    fn busy(&self) -> &'static [u8] {
        b"421 4.7.0 too many connections of your address\r\n"
    }

    fn serve(self: Arc<Self>, connection: Connection) -> Serving {
        Box::pin(session::serve(self, connection))
    }
}
