//! What one session and one user may hold.

use std::time::Duration;

use crate::ledger::Kind;

/// The limits of sessions. Reaching one refuses the next object with the specified code and logs the
/// client's name; at four fifths there is a warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Session Contexts of one user.
    pub sessions_per_user: usize,
    /// Session Contexts of all users.
    pub sessions: usize,
    /// Objects of a kind in one session.
    pub logons: u64,
    pub folders: u64,
    pub messages: u64,
    pub attachments: u64,
    pub tables: u64,
    pub streams: u64,
    /// Bytes that a session's objects hold: uncommitted values, staged streams, rows.
    pub bytes_per_session: u64,
    /// An idle Session Context is destroyed after this time ([MS-OXCMAPIHTTP] 3.2.6).
    pub session_idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            sessions_per_user: 256,
            sessions: 20_000,
            // Logon ids are one byte ([MS-OXCROPS] 3.1.4.2 R4502).
            logons: 256,
            folders: 1_000,
            messages: 1_000,
            attachments: 1_000,
            tables: 1_000,
            streams: 1_000,
            bytes_per_session: 256 << 20,
            session_idle: Duration::from_secs(15 * 60),
        }
    }
}

impl Limits {
    /// How many objects of a kind one session may hold.
    pub fn objects(&self, kind: Kind) -> u64 {
        match kind {
            Kind::Session => 1,
            Kind::Logon | Kind::Lock => self.logons,
            Kind::Folder => self.folders,
            Kind::Message => self.messages,
            Kind::Attachment => self.attachments,
            Kind::Table => self.tables,
            Kind::Stream => self.streams,
        }
    }
}
