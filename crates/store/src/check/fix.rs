//! What mends a problem: decided by the pass that finds it, done by the repair.

use mapi::{FolderId, MessageId};

use crate::engine::{Space, Value};

/// A repair. Each looks again, under the lock that it needs, before it changes anything.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fix {
    /// Removes a record of the mailbox that is still unreadable or without form, or writes what its kind
    /// allows to write in its place.
    Bad {
        key: Vec<u8>,
    },
    /// Removes a record if it is still the same; in the directory and the queue under the directory's lock.
    Remove {
        space: Space,
        key: Vec<u8>,
        was: Option<Value>,
    },
    Info,
    Head,
    RaiseHead {
        counter: u64,
        sequence: u64,
    },
    /// Gives every id of a named property up to this one a name.
    Names {
        up_to: u16,
    },
    /// Gives a replica number a GUID.
    Replica {
        number: u16,
    },
    StoreProperties,
    Receive {
        class: Vec<u8>,
    },
    /// Makes a folder's record whole: its own, its properties, its place and its name under its parent.
    Folder {
        id: FolderId,
    },
    /// Puts a folder under "Lost and found".
    Attach {
        id: FolderId,
    },
    /// An entry in a folder's list of subfolders.
    Child {
        key: Vec<u8>,
    },
    /// An entry of a folder that was soft-deleted, or not.
    DeletedFolder {
        key: Vec<u8>,
    },
    /// Lets all below a folder follow its state.
    Settle {
        top: FolderId,
    },
    /// A deleted folder without a job.
    Detached {
        id: FolderId,
    },
    /// What one user has read in a folder, or what a mailbox keeps of a public folder: goes if it is still bad.
    PerUser {
        name: Vec<u8>,
    },
    /// Makes a search folder whole: its criteria and what it shows.
    Search {
        id: FolderId,
    },
    /// Makes the full-text index again.
    Text,
    /// Counts again what a folder holds.
    Count {
        id: FolderId,
    },
    /// Makes a message whole: hot record, nodes, summary, markers, index.
    Message {
        id: MessageId,
    },
    /// Gives the later of two messages a UID of its own.
    Uid {
        id: MessageId,
    },
    /// A summary without its message.
    Summary {
        key: Vec<u8>,
    },
    Marker {
        key: Vec<u8>,
    },
    /// The bytes of a message to other domains, by its number in the queue.
    Letter {
        number: u64,
    },
    SourceKey {
        key: Vec<u8>,
    },
    /// Adds up the sizes of all folders.
    Sizes,
    /// An entry that finds a soft-deleted message by its time.
    DeletedMessage {
        key: Vec<u8>,
    },
    /// Removes the entries of the change log up to this one.
    Log {
        up_to: u64,
    },
    /// Puts a folder's set of deleted messages in order.
    Deleted {
        id: FolderId,
    },
    /// A record of the blob space.
    Blob {
        key: Vec<u8>,
    },
    Account {
        id: u64,
    },
    /// Writes an entry by which an account is found.
    AccountIndex {
        key: Vec<u8>,
        id: u64,
    },
    /// Makes the list of an account's further addresses again from the entries that lead to it.
    Aliases {
        id: u64,
    },
    Numbers {
        account: u64,
        mailbox: u64,
    },
    Site,
}
