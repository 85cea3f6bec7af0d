//! What one session, one user and all of them together may hold: one definition of each limit's name,
//! default and answer.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use mapi::ErrorCode;

use crate::ledger::Kind;

/// What is said of a limit: on the command line, in logs, in metrics, and in docs/limits.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// As in `--limit NAME=NUMBER`.
    pub name: &'static str,
    pub default: u64,
    pub counts: &'static str,
    /// The code with which the next one is refused.
    pub code: ErrorCode,
    /// The code in words, with where it goes.
    pub refusal: &'static str,
}

macro_rules! limits {
    ($($variant:ident, $field:ident, $name:literal, $default:expr, $counts:literal, $refusal:expr;)*) => {
        /// One of the limits.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(usize)]
        pub enum Limit {
            $(#[doc = $counts] $variant,)*
        }

        impl Limit {
            pub const ALL: &[Limit] = &[$(Limit::$variant),*];

            pub const fn about(self) -> About {
                match self {
                    $(Limit::$variant => {
                        let (code, refusal) = $refusal;
                        About { name: $name, default: $default, counts: $counts, code, refusal }
                    })*
                }
            }
        }

        /// The limits of sessions and users. Reaching one refuses the next with the specified code and logs
        /// the client's name; at four fifths there is a warning.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Limits {
            $(#[doc = $counts] pub $field: u64,)*
            /// An idle Session Context is destroyed after this time ([MS-OXCMAPIHTTP] 3.2.6).
            pub session_idle: Duration,
        }

        impl Default for Limits {
            fn default() -> Self {
                Limits {
                    $($field: $default,)*
                    session_idle: Duration::from_secs(15 * 60),
                }
            }
        }

        impl Limits {
            pub const fn get(&self, limit: Limit) -> u64 {
                match limit {
                    $(Limit::$variant => self.$field,)*
                }
            }

            pub fn set(&mut self, limit: Limit, value: u64) {
                match limit {
                    $(Limit::$variant => self.$field = value,)*
                }
            }
        }
    };
}

const OBJECTS: (ErrorCode, &str) =
    (ErrorCode::MAX_OBJS_EXCEEDED, "the ROP answers ecMaxObjsExceeded (0x000004DE)");
const SESSIONS: (ErrorCode, &str) =
    (ErrorCode::TOO_MANY_SESSIONS, "Connect answers MAPI_E_SESSION_LIMIT (0x80040112)");
const MEMORY: (ErrorCode, &str) =
    (ErrorCode::NOT_ENOUGH_MEMORY, "the ROP answers NotEnoughMemory (0x8007000E)");
// MS-OXCPRPT R564
const STREAMS: (ErrorCode, &str) =
    (ErrorCode::TOO_BIG, "the ROP that writes answers ecTooBig (0x80040305)");
// [MS-OXCMAPIHTTP] has no code for it; RFC 9110 15.6.4 has.
const CONNECTIONS: (ErrorCode, &str) =
    (ErrorCode::BUSY, "HTTP status 503, and the connection is closed");
// MS-OXCFOLD R447: a server may do at once what it may do in pieces.
// RFC 5321 3.8: 421 before the connection is closed.
const MAIL_CONNECTIONS: (ErrorCode, &str) =
    (ErrorCode::BUSY, "the log-on is refused (SMTP: 421 4.7.0), and the connection is closed");
const OPERATIONS: (ErrorCode, &str) =
    (ErrorCode::MAX_OBJS_EXCEEDED, "the ROP is done as a whole before it is answered");
// [MS-OXCDATA] 2.4: the client tries again later.
const WRITES: (ErrorCode, &str) =
    (ErrorCode::SERVER_BUSY, "the ROP answers ecServerBusy (0x00000480)");
const WAITS: (ErrorCode, &str) =
    (ErrorCode::BUSY, "NotificationWait answers X-ResponseCode 15 (Invalid Sequence)");

limits! {
    Sessions, sessions, "sessions", 20_000, "Session Contexts of all users", SESSIONS;
    SessionsPerUser, sessions_per_user, "sessions-per-user", 256, "Session Contexts of one user", SESSIONS;
    ConnectionsPerUser, connections_per_user, "connections-per-user", 512,
        "TCP connections on which a user made the last request", CONNECTIONS;
    MailConnectionsPerUser, mail_connections_per_user, "mail-connections-per-user", 128,
        "connections on which a user logged on, over each of SMTP, IMAP and POP3", MAIL_CONNECTIONS;
    // Logon ids are one byte ([MS-OXCROPS] 3.1.4.2 R4502).
    Logons, logons, "logons", 256, "logons of one session", OBJECTS;
    Folders, folders, "folders", 1_000, "open folders of one session", OBJECTS;
    Messages, messages, "messages", 1_000, "open messages of one session", OBJECTS;
    Attachments, attachments, "attachments", 1_000, "open attachments of one session", OBJECTS;
    Tables, tables, "tables", 1_000, "open tables of one session", OBJECTS;
    Streams, streams, "streams", 1_000, "open streams of one session", OBJECTS;
    Subscriptions, subscriptions, "subscriptions", 1_000, "subscriptions to notifications of one session",
        OBJECTS;
    Regions, regions, "stream-locks", 1_000, "locked regions of one session's streams", OBJECTS;
    Operations, operations, "operations", 16,
        "asynchronous operations of one session that go on, at most one in each logon", OPERATIONS;
    Waits, waits, "waits", 4, "NotificationWait requests of one session", WAITS;
    LogonsPerUser, logons_per_user, "logons-per-user", 2_000, "logons of one user's sessions", OBJECTS;
    FoldersPerUser, folders_per_user, "folders-per-user", 8_000, "open folders of one user's sessions", OBJECTS;
    MessagesPerUser, messages_per_user, "messages-per-user", 8_000, "open messages of one user's sessions",
        OBJECTS;
    AttachmentsPerUser, attachments_per_user, "attachments-per-user", 8_000,
        "open attachments of one user's sessions", OBJECTS;
    TablesPerUser, tables_per_user, "tables-per-user", 8_000, "open tables of one user's sessions", OBJECTS;
    StreamsPerUser, streams_per_user, "streams-per-user", 8_000, "open streams of one user's sessions",
        OBJECTS;
    SubscriptionsPerUser, subscriptions_per_user, "subscriptions-per-user", 8_000,
        "subscriptions to notifications of one user's sessions", OBJECTS;
    RegionsPerUser, regions_per_user, "stream-locks-per-user", 8_000,
        "locked regions of the streams of one user's sessions", OBJECTS;
    OperationsPerUser, operations_per_user, "operations-per-user", 64,
        "asynchronous operations of one user's sessions that go on", OPERATIONS;
    WritesPerHour, writes_per_hour, "writes-per-hour", 1_000_000,
        "ROPs of one user's sessions within an hour that change a mailbox", WRITES;
    BytesPerSession, bytes_per_session, "bytes-per-session", 32 << 20,
        "bytes of memory that one session's objects hold: open messages and what was set in them", MEMORY;
    BytesPerUser, bytes_per_user, "bytes-per-user", 64 << 20,
        "bytes of memory that the objects of one user's sessions hold", MEMORY;
    ObjectBytes, object_bytes, "object-bytes", 24 << 20,
        "bytes of memory that all objects hold; a share of the memory budget", MEMORY;
    StagedPerSession, staged_per_session, "staged-bytes-per-session", 256 << 20,
        "bytes that one session wrote to streams and did not save", STREAMS;
    StagedPerUser, staged_per_user, "staged-bytes-per-user", 512 << 20,
        "bytes that one user's sessions wrote to streams and did not save", STREAMS;
}

/// How many limits there are.
pub const LIMITS: usize = Limit::ALL.len();

impl Limit {
    pub const fn name(self) -> &'static str {
        self.about().name
    }

    /// The limit of a kind in one session.
    pub(crate) const fn of_session(kind: Kind) -> Option<Limit> {
        Some(match kind {
            Kind::Logon => Limit::Logons,
            Kind::Folder => Limit::Folders,
            Kind::Message => Limit::Messages,
            Kind::Attachment => Limit::Attachments,
            Kind::Table => Limit::Tables,
            Kind::Stream => Limit::Streams,
            Kind::Subscription => Limit::Subscriptions,
            Kind::Region => Limit::Regions,
            Kind::Operation => Limit::Operations,
            Kind::Wait => Limit::Waits,
            // A session is one session, and a lock goes with its logon.
            Kind::Session | Kind::Lock | Kind::Staged | Kind::Connection | Kind::Credential => {
                return None;
            }
            // Nobody has more than one of the last.
            Kind::Lmtp | Kind::Smtp | Kind::Imap | Kind::Pop3 | Kind::Outbound | Kind::Maildrop => {
                return None;
            }
        })
    }

    /// The limit of a kind over all sessions of a user.
    pub(crate) const fn of_user(kind: Kind) -> Option<Limit> {
        Some(match kind {
            Kind::Session => Limit::SessionsPerUser,
            Kind::Logon => Limit::LogonsPerUser,
            Kind::Folder => Limit::FoldersPerUser,
            Kind::Message => Limit::MessagesPerUser,
            Kind::Attachment => Limit::AttachmentsPerUser,
            Kind::Table => Limit::TablesPerUser,
            Kind::Stream => Limit::StreamsPerUser,
            Kind::Subscription => Limit::SubscriptionsPerUser,
            Kind::Region => Limit::RegionsPerUser,
            Kind::Operation => Limit::OperationsPerUser,
            Kind::Connection => Limit::ConnectionsPerUser,
            Kind::Smtp | Kind::Imap | Kind::Pop3 => Limit::MailConnectionsPerUser,
            Kind::Lock
            | Kind::Staged
            | Kind::Wait
            | Kind::Credential
            | Kind::Lmtp
            | Kind::Outbound
            | Kind::Maildrop => return None,
        })
    }

    /// The limit of a kind over all users.
    pub(crate) const fn of_all(kind: Kind) -> Option<Limit> {
        match kind {
            Kind::Session => Some(Limit::Sessions),
            _ => None,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// There is no limit of that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no limit {0:?}; docs/limits.md lists them")]
pub struct NoSuchLimit(String);

impl FromStr for Limit {
    type Err = NoSuchLimit;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Limit::ALL.iter().find(|limit| limit.name() == name);
        found.copied().ok_or_else(|| NoSuchLimit(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_set_by_its_name_and_only_it() {
        for limit in Limit::ALL {
            assert_eq!(limit.name().parse(), Ok(*limit));
            let mut limits = Limits::default();
            assert_eq!(limits.get(*limit), limit.about().default);
            limits.set(*limit, 7);
            let changed = Limit::ALL.iter().filter(|l| limits.get(**l) != l.about().default);
            assert_eq!(changed.collect::<Vec<_>>(), [limit]);
        }
        assert!("no-such".parse::<Limit>().is_err());
    }
}
