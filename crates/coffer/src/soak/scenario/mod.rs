//! The scenarios: what a cycle does. One table, from which the command line, `--all`, the catalogue and the
//! table of docs/soak.md take theirs; one file a family.

mod backup;
mod copy;
mod hostile;
mod limits;
mod local;
mod mail;
mod notify;
mod permission;
mod progress;
mod public;
mod read;
mod rule;
mod store;
mod write;

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use mapi::{FolderId, MessageId};
use mapi_session::Session;

use super::ground::{Ground, Visit};
use super::mode::Mode;

/// A scenario.
#[derive(Debug)]
pub struct Scenario {
    pub name: &'static str,
    /// What a cycle does.
    pub about: &'static str,
    /// The rows of the catalogue that it watches.
    pub rows: &'static [u8],
    /// Whether cycles change the mailbox.
    pub writes: bool,
    pub needs: Needs,
    pub sessions: Sessions,
    pub breaks: Breaks,
    /// How many threads, if not said otherwise.
    pub threads: u16,
    /// `--all` runs this fraction of the cycles, since one of them does the work of many.
    pub share: u64,
    pub set: fn(&Ground) -> Result<Stage>,
}

/// What a scenario needs of its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Any MAPI server, or the local store.
    Any,
    /// An address for bytes of its own making; the local store is served over HTTP.
    Port,
    /// Other mailboxes that the user may open: with a server, `--other` names them.
    Others,
    /// The store itself: --target local only.
    Store,
    /// LMTP, beside MAPI: with a server, `--lmtp` says where.
    Lmtp,
    /// IMAP, beside MAPI: with a server, `--imap` says where.
    Imap,
}

/// What a target has.
#[derive(Debug, Clone, Copy)]
pub struct Offers {
    /// The store itself.
    pub store: bool,
    /// Other mailboxes that the user may open.
    pub others: bool,
    pub lmtp: bool,
    pub imap: bool,
}

/// In which sessions cycles run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sessions {
    /// All threads in one.
    One,
    /// Eight threads in one.
    Shared,
    /// A cycle logs on by itself, or needs no session.
    Own,
    /// A cycle makes sessions by itself and leaves them to be reaped.
    Abandoned,
}

/// In which ways its cycles can be broken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breaks {
    /// Its connection can be cut, and the store can fail.
    Anywhere,
    /// There is no connection to cut.
    InTheStore,
    /// It breaks things by itself, or stands on a store of its own.
    Nowhere,
}

/// What a cycle does.
pub type Act = dyn Fn(&Visit<'_>) -> Result<()> + Send + Sync;

/// A scenario that is set: it stands before the first sample and after the last.
pub struct Stage {
    pub act: Arc<Act>,
}

impl Scenario {
    /// Why it cannot run so; None if it can.
    pub fn refuses(&self, mode: Mode, offers: Offers) -> Option<&'static str> {
        match (self.needs, self.breaks, mode) {
            (Needs::Store, ..) if !offers.store => Some("it works on the store itself"),
            (Needs::Others, ..) if !offers.others => Some("it needs mailboxes: --other"),
            (Needs::Lmtp, ..) if !offers.lmtp => Some("it needs LMTP: --lmtp"),
            (Needs::Imap, ..) if !offers.imap => Some("it needs IMAP: --imap"),
            (Needs::Port, _, Mode::Fault) => Some("faults are not injected behind a port"),
            (_, Breaks::Nowhere, Mode::Cut | Mode::Abandon | Mode::Fault) => {
                Some("it breaks off by itself, or has nothing to break")
            }
            (_, Breaks::InTheStore, Mode::Cut | Mode::Abandon) => Some("it has no connection"),
            _ => None,
        }
    }
}

impl Stage {
    fn new(act: impl Fn(&Visit<'_>) -> Result<()> + Send + Sync + 'static) -> Result<Stage> {
        Ok(Stage { act: Arc::new(act) })
    }
}

const PLAIN: Scenario = Scenario {
    name: "",
    about: "",
    rows: &[],
    writes: false,
    needs: Needs::Any,
    sessions: Sessions::Shared,
    breaks: Breaks::Anywhere,
    threads: 1,
    share: 1,
    set: |_| bail!("no scenario"),
};

/// All scenarios, in the order in which `--all` runs them.
pub static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "open-store",
        about: "opens the store and closes it; by turns explicitly, by Drop, out of order (a folder \
                outlives its store), and after a folder that could not be opened",
        rows: &[1, 50],
        set: |_| Stage::new(store::open_store),
        ..PLAIN
    },
    Scenario {
        name: "logon",
        about: "logs on, opens the store, and by turns logs off, drops the session before the store, or \
                logs off under an open table",
        rows: &[2, 4, 39, 55],
        sessions: Sessions::Own,
        set: |_| Stage::new(store::logon),
        ..PLAIN
    },
    Scenario {
        name: "threads",
        about: "opens and closes stores in one session from many threads, with work in between: the \
                deadlock of Q241556",
        rows: &[3],
        sessions: Sessions::One,
        threads: 64,
        set: |_| Stage::new(store::threads),
        ..PLAIN
    },
    Scenario {
        name: "release-order",
        about: "opens store, folder, table, message, attachment and stream, reads the stream, and lets \
                the six go in one of all 720 orders; every seventh time the store is logged off first",
        rows: &[6, 50],
        set: store::release_order,
        ..PLAIN
    },
    Scenario {
        name: "failed-open",
        about: "a mailbox that does not exist, a folder that does not exist, a message that does not \
                exist, and then the store",
        rows: &[51, 62],
        set: |_| Stage::new(store::failed_open),
        ..PLAIN
    },
    Scenario {
        name: "get-folder",
        about: "opens the store's special folders and reads a property of each, lets every second one go \
                explicitly",
        rows: &[11],
        set: |_| Stage::new(store::get_folder),
        ..PLAIN
    },
    Scenario {
        name: "many-stores",
        about: "opens the mailboxes of eight others in one session, reads in each, and closes them in \
                another order",
        rows: &[7],
        needs: Needs::Others,
        set: store::many_stores,
        ..PLAIN
    },
    Scenario {
        name: "full-session",
        about: "opens stores until the session has its 256, sees the 257th refused with the right \
                error, and closes them",
        rows: &[31],
        share: 100,
        sessions: Sessions::Own,
        set: |_| Stage::new(limits::full_session),
        ..PLAIN
    },
    Scenario {
        name: "connect",
        about: "Connect and Disconnect on a new connection each time, from 64 threads that begin at once",
        rows: &[5, 34],
        needs: Needs::Port,
        sessions: Sessions::Own,
        threads: 64,
        set: |_| Stage::new(store::connect),
        ..PLAIN
    },
    Scenario {
        name: "delegate",
        about: "opens a mailbox that was granted and one that was not, which has to be refused",
        rows: &[8],
        needs: Needs::Others,
        set: store::delegate,
        ..PLAIN
    },
    Scenario {
        name: "permissions",
        about: "opens a mailbox by a right on one of its folders, reads there and nowhere else, adds a member \
                to the folder's permissions table, changes and removes him, and by turns loses the right \
                under what is open",
        rows: &[8],
        writes: true,
        needs: Needs::Store,
        share: 4,
        set: permission::permissions,
        ..PLAIN
    },
    Scenario {
        name: "public-folders",
        about: "logs on to the public folders, reads the hierarchy and a folder, posts there and deletes it, \
                marks messages read, takes the user's read state and sets it again, and logs off by turns \
                under a table",
        rows: &[39],
        writes: true,
        needs: Needs::Store,
        share: 4,
        set: public::public_folders,
        ..PLAIN
    },
    Scenario {
        name: "attachments",
        about: "opens a message's attachment table, its attachments and their streams, and the message \
                embedded in one",
        rows: &[12, 55],
        set: read::attachments,
        ..PLAIN
    },
    Scenario {
        name: "embedded",
        about: "opens eight messages, each embedded in the one before, and lets them go from the outside \
                in or from the inside out",
        rows: &[22, 55],
        set: read::embedded,
        ..PLAIN
    },
    Scenario {
        name: "tables",
        about: "opens a contents table, restricts, sorts and reads it, seeks and finds a row in it",
        rows: &[13, 43, 53],
        set: read::tables,
        ..PLAIN
    },
    Scenario {
        name: "categories",
        about: "sorts a table into categories, expands or collapses one, keeps that and sets it again, \
                makes bookmarks, and lets them go by freeing, by sorting, by a reset, or with the table",
        rows: &[43],
        set: read::categories,
        ..PLAIN
    },
    Scenario {
        name: "properties",
        about: "reads all properties, some properties and the list of tags; sets properties, a large one \
                among them, and lets the message go without a save",
        rows: &[54],
        set: read::properties,
        ..PLAIN
    },
    Scenario {
        name: "bodies",
        about: "reads the body of a message as text, as HTML and as rich text, in rows and by streams; what \
                was written is by turns one of them, and another is written over it",
        rows: &[54],
        share: 10,
        set: read::bodies,
        ..PLAIN
    },
    Scenario {
        name: "read-only",
        about: "reads messages in every way and sees that no version was made: the change key is as it \
                was, and the local store has written nothing",
        rows: &[33],
        set: read::read_only,
        ..PLAIN
    },
    Scenario {
        name: "eviction",
        about: "8 threads read one folder's table in many orders, so that views are made and evicted \
                while others read them",
        rows: &[45, 61],
        threads: 8,
        set: read::eviction,
        ..PLAIN
    },
    Scenario {
        name: "stream",
        about: "writes 300 kB into an attachment's stream and lets everything go without a save, \
                sometimes in the middle",
        rows: &[54, 57],
        set: write::stream,
        ..PLAIN
    },
    Scenario {
        name: "save",
        about: "makes a message with recipients and an attachment, saves it, changes it, saves it again, \
                opens it, and deletes it for good",
        rows: &[12, 42],
        writes: true,
        share: 4,
        set: |_| Stage::new(write::save),
        ..PLAIN
    },
    Scenario {
        name: "relocate",
        about: "copies a message, moves the copy to another folder, marks it read and unread, and \
                deletes it for good",
        rows: &[42, 50],
        writes: true,
        share: 4,
        set: |_| Stage::new(write::relocate),
        ..PLAIN
    },
    Scenario {
        name: "copies",
        about: "copies a message with what is attached onto another, moves a property onto a third, writes and \
                reads through a stream and its clone, locks regions of a stream against a second session, and \
                lets all go, every fourth time after a save",
        rows: &[50, 54],
        writes: true,
        share: 4,
        set: copy::copies,
        ..PLAIN
    },
    Scenario {
        name: "submit",
        about: "sends a message to its own mailbox, sees it come in and its draft go, and deletes it for good; \
                every fourth time takes one back that waits, or sends to nobody and deletes the report",
        rows: &[42],
        writes: true,
        share: 10,
        set: |_| Stage::new(write::submit),
        ..PLAIN
    },
    Scenario {
        name: "rules",
        about: "adds a rule that moves what another one sends and answers him, reads the rules table, sends \
                it from his mailbox, sees the message and the answer come in, deletes both for good, and \
                removes the rule",
        rows: &[42],
        writes: true,
        needs: Needs::Others,
        share: 10,
        set: rule::rules,
        ..PLAIN
    },
    Scenario {
        name: "deep-delete",
        about: "makes ten folders, each in the one before, and deletes the outermost with everything in it",
        rows: &[24],
        writes: true,
        share: 10,
        set: |_| Stage::new(write::deep_delete),
        ..PLAIN
    },
    Scenario {
        name: "progress",
        about: "copies some hundred messages into a folder and empties it step by step: by turns until it is \
                cancelled, with another request in between, which ends the step, until its store goes, and to \
                the end",
        rows: &[42],
        writes: true,
        share: 50,
        set: progress::progress,
        ..PLAIN
    },
    Scenario {
        name: "smtp-delivery",
        about: "what the Internet Mail Service does all day: connects, is refused a command and a recipient, \
                delivers two messages over LMTP, and for each opens a store, sees the message in it, deletes it \
                for good and closes the store; messages are by turns small, large, nested, and broken",
        rows: &[2, 17, 18, 21, 22, 23, 42, 57, 59, 62, 63],
        writes: true,
        needs: Needs::Lmtp,
        share: 10,
        set: mail::smtp_delivery,
        ..PLAIN
    },
    Scenario {
        name: "imap",
        about: "logs on over IMAP, by turns after a wrong command or password, selects a folder, appends a \
                message, fetches it whole and in parts, marks it, searches it, waits in IDLE for the next, \
                expunges, and goes: with LOGOUT, after CLOSE, after UNSELECT, or in IDLE without a word",
        rows: &[16, 17, 18, 21, 22, 43, 48, 57, 59, 62, 63],
        writes: true,
        needs: Needs::Imap,
        sessions: Sessions::Own,
        share: 10,
        set: mail::imap,
        ..PLAIN
    },
    Scenario {
        name: "failed-logon",
        about: "a wrong password, a user who does not exist, an empty user name, a scheme that does not \
                exist: each is refused, and the right password then gets through",
        rows: &[16, 27, 62],
        needs: Needs::Port,
        sessions: Sessions::Own,
        share: 20,
        set: |_| Stage::new(hostile::failed_logon),
        breaks: Breaks::Nowhere,
        ..PLAIN
    },
    Scenario {
        name: "dropped",
        about: "drops the TCP connection in one of the states of the protocol: silent from the start, \
                inside the head, before the body, inside the body, before the answer, between two \
                requests, with a NotificationWait pending",
        rows: &[17, 20, 37, 38, 40, 41, 46, 49],
        needs: Needs::Port,
        sessions: Sessions::Abandoned,
        set: |_| Stage::new(hostile::dropped),
        breaks: Breaks::Nowhere,
        ..PLAIN
    },
    Scenario {
        name: "garbage",
        about: "sends what is no request: noise, an endless head, a huge length, a body that is not \
                MAPI, a ROP buffer of noise; the server answers an error or closes, and goes on",
        rows: &[18, 59, 63],
        needs: Needs::Port,
        sessions: Sessions::Abandoned,
        set: |_| Stage::new(hostile::garbage),
        breaks: Breaks::Nowhere,
        ..PLAIN
    },
    Scenario {
        name: "notification-wait",
        about: "begins a NotificationWait and ends the session under it",
        rows: &[40, 49],
        needs: Needs::Port,
        sessions: Sessions::Own,
        set: |_| Stage::new(hostile::notification_wait),
        breaks: Breaks::Nowhere,
        ..PLAIN
    },
    Scenario {
        name: "notifications",
        about: "subscribes to a store, a folder and a message, makes, changes and deletes a message, hears of \
                it, and lets subscriptions go: by turns explicitly, after a wait in vain, under events that \
                nobody read, and with their store",
        rows: &[38, 40, 49],
        writes: true,
        set: |_| Stage::new(notify::notifications),
        ..PLAIN
    },
    Scenario {
        name: "object-limit",
        about: "opens folders until the limit refuses one with the right code, lets half of them go, and \
                opens again",
        rows: &[29, 30, 47],
        needs: Needs::Store,
        sessions: Sessions::Own,
        share: 20,
        set: limits::object_limit,
        breaks: Breaks::InTheStore,
        ..PLAIN
    },
    Scenario {
        name: "session-limit",
        about: "makes sessions until the user's limit refuses one with the right code, sees that another \
                user still gets in, and ends them",
        rows: &[29, 46, 65],
        needs: Needs::Store,
        sessions: Sessions::Own,
        share: 20,
        set: limits::session_limit,
        breaks: Breaks::InTheStore,
        ..PLAIN
    },
    Scenario {
        name: "out-of-descriptors",
        about: "takes every descriptor that the process may have, sees the server survive a connection \
                that it cannot accept, gives them back, and logs on",
        rows: &[60],
        needs: Needs::Port,
        sessions: Sessions::Own,
        share: 200,
        set: |_| Stage::new(limits::out_of_descriptors),
        breaks: Breaks::Nowhere,
        ..PLAIN
    },
    Scenario {
        name: "library",
        about: "makes a store in memory with its service, logs on to it, and lets all of it go",
        rows: &[9],
        needs: Needs::Store,
        sessions: Sessions::Own,
        set: |_| Stage::new(local::library),
        breaks: Breaks::Nowhere,
        ..PLAIN
    },
    Scenario {
        name: "searching",
        about: "makes a search folder in a store in memory, sees it follow what changes, gives it other \
                criteria, and deletes it, by turns for good",
        rows: &[24],
        needs: Needs::Store,
        sessions: Sessions::Own,
        set: |_| Stage::new(local::searching),
        breaks: Breaks::Nowhere,
        ..PLAIN
    },
    Scenario {
        name: "reopen",
        about: "opens a data directory, reads in it, writes into it, and closes it",
        rows: &[15],
        writes: true,
        needs: Needs::Store,
        sessions: Sessions::Own,
        share: 10,
        set: local::reopen,
        breaks: Breaks::Nowhere,
        ..PLAIN
    },
    Scenario {
        name: "admin",
        about: "adds an account, shows, disables, enables, grants and revokes it, and removes it with its \
                mailbox",
        rows: &[28],
        writes: true,
        needs: Needs::Store,
        sessions: Sessions::Own,
        share: 10,
        set: local::admin,
        breaks: Breaks::InTheStore,
        ..PLAIN
    },
    Scenario {
        name: "import-export",
        about: "imports EML and mbox files into a new mailbox, exports it, and removes it",
        rows: &[21, 57, 58],
        writes: true,
        needs: Needs::Store,
        sessions: Sessions::Own,
        share: 10,
        set: local::import_export,
        breaks: Breaks::InTheStore,
        ..PLAIN
    },
    Scenario {
        name: "backup",
        about: "backs the store up, verifies the repository, reads a mailbox in the backup, and prunes; every \
                fourth time restores the whole store into a directory and removes it",
        rows: &[19],
        writes: true,
        needs: Needs::Store,
        sessions: Sessions::Own,
        share: 10,
        set: backup::backup,
        breaks: Breaks::InTheStore,
        ..PLAIN
    },
    Scenario {
        name: "mime",
        about: "reads MIME messages into message content and writes them out again, one nested 100 deep \
                and one broken among them",
        rows: &[21, 22, 23, 59],
        needs: Needs::Store,
        sessions: Sessions::Own,
        set: |_| Stage::new(local::mime),
        breaks: Breaks::Nowhere,
        ..PLAIN
    },
];

pub use rule::own_dn;

/// The scenario of a name.
pub fn find(name: &str) -> Option<&'static Scenario> {
    SCENARIOS.iter().find(|scenario| scenario.name == name)
}

/// A folder that no mailbox has.
fn no_folder() -> FolderId {
    FolderId::own(0xffff_ffff_0000)
}

/// A message that no folder has.
fn no_message() -> MessageId {
    MessageId::own(0xffff_ffff_0000)
}

/// What has to fail with a refusal of the store or an object that is closed, and not with a broken
/// connection.
fn must_fail<T>(outcome: mapi_session::Result<T>, what: &str) -> Result<()> {
    match outcome {
        Ok(_) => bail!("{what} was opened"),
        Err(mapi_session::Error::Code { .. } | mapi_session::Error::Closed(_)) => Ok(()),
        Err(other) => Err(other).context(format!("opening {what} failed in another way")),
    }
}

/// A session of the default store with a folder opened in it.
pub fn open_folder(session: &Session, id: FolderId) -> Result<mapi_session::Folder> {
    Ok(session.open_default_msg_store()?.open_folder(id)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_scenario_watches_a_row() {
        for (at, scenario) in SCENARIOS.iter().enumerate() {
            assert!(SCENARIOS[..at].iter().all(|other| other.name != scenario.name));
            assert!(!scenario.rows.is_empty(), "{}", scenario.name);
            assert!(scenario.rows.iter().all(|row| (1..=65).contains(row)), "{}", scenario.name);
            assert!(!scenario.about.is_empty() && scenario.share > 0 && scenario.threads > 0);
        }
    }
}
