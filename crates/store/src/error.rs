//! Why a call to the store failed. One function above the store maps these to error codes of ROPs.

use crate::engine;

/// The result of a call to the store.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// The causes of a failure.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no such object.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The object was there and is deleted.
    #[error("the {0} was deleted")]
    ObjectDeleted(&'static str),
    /// Somebody else saved the object since it was opened.
    #[error("the object was changed by somebody else since it was opened")]
    ObjectModified,
    /// The parent already has a child of that name.
    #[error("a folder of that name exists already")]
    DuplicateName,
    /// The object exists already (an account, an alias).
    #[error("the {0} exists already")]
    Exists(&'static str),
    /// The caller may not do this.
    #[error("access denied")]
    Access,
    /// A wrong password, or no such user: the two are not told apart.
    #[error("the user name or the password is wrong")]
    BadCredentials,
    /// The account may not log on.
    #[error("the account is disabled")]
    Disabled,
    /// The disk is full; deleting still works.
    #[error("the disk is full; delete something or make room, deleting still works")]
    DiskFull,
    /// A record is not what was written.
    #[error("a record is damaged: {0}")]
    Corrupt(String),
    /// A value is beyond a bound of the store.
    #[error("a {what} of {size} is refused (allowed: up to {limit})")]
    TooBig { what: &'static str, size: u64, limit: u64 },
    /// The mailbox would grow beyond its last quota; deleting still works.
    #[error(
        "the mailbox is full: it holds {used} bytes and may hold {limit}; delete something, or raise its \
         quota"
    )]
    MailboxFull { used: u64, limit: u64 },
    /// The mailbox is beyond the quota up to which it may send.
    #[error(
        "the mailbox holds {used} bytes and may send up to {limit}; delete something, or raise its quota"
    )]
    MayNotSend { used: u64, limit: u64 },
    /// A message is larger than any that may be sent.
    #[error("a message of {size} bytes is not sent (allowed: up to {limit})")]
    TooBigToSend { size: u64, limit: u64 },
    /// The message was submitted: until it is sent or taken back, nobody changes it.
    #[error("the message was submitted; take it back first")]
    Submitted,
    /// The message does not wait to be sent, or not for the caller.
    #[error("the message is not in the queue")]
    NotInQueue,
    /// The message is being sent.
    #[error("the message is being sent and cannot be taken back")]
    CannotAbort,
    #[error("the message has no recipients")]
    NoRecipients,
    #[error("a message to {count} recipients is not sent (allowed: up to {limit})")]
    TooManyRecipients { count: usize, limit: usize },
    /// A bound of the store is used up.
    #[error("the quota for {0} is used up")]
    Quota(&'static str),
    /// The folder has content which the caller did not ask to delete.
    #[error("the folder is not empty")]
    NotEmpty,
    /// Some objects could not be dealt with; the others were.
    #[error("the operation was completed in part only")]
    PartialCompletion,
    /// A search folder shows messages of other folders and takes nothing itself.
    #[error("a search folder takes no messages and no folders")]
    SearchFolder,
    /// The folder is none that searches.
    #[error("the folder is no search folder")]
    NotSearchFolder,
    /// A search has to know which folders it looks in.
    #[error("the search folder has no criteria yet: name the folders and the condition")]
    NoCriteria,
    /// A search folder would look in itself, or in another search folder.
    #[error("a search folder cannot look in a search folder")]
    SearchScope,
    /// A folder would become its own descendant.
    #[error("a folder cannot be moved or copied into itself")]
    FolderCycle,
    /// The call makes no sense: a bad name, a property that is computed, a special folder...
    #[error("{0}")]
    Invalid(&'static str),
    /// Another process or server took the mailbox over.
    #[error("the mailbox was taken over by another server")]
    LeaseLost,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// This is not built yet.
    #[error("{0} is not implemented")]
    NotImplemented(&'static str),
    /// What is defined, and what no server of the kind answers.
    #[error("{0}: too complex")]
    TooComplex(&'static str),
    /// The engine below failed.
    #[error(transparent)]
    Engine(engine::Error),
}

impl From<engine::Error> for StoreError {
    fn from(error: engine::Error) -> Self {
        match error {
            engine::Error::DiskFull { .. } => StoreError::DiskFull,
            engine::Error::Closed => StoreError::Closed,
            engine::Error::StagingFull { .. } => StoreError::Quota("streams that are not saved"),
            engine::Error::BlobLost => StoreError::Corrupt(error.to_string()),
            engine::Error::Corrupt { .. } => StoreError::Corrupt(error.to_string()),
            other => StoreError::Engine(other),
        }
    }
}

impl From<mapi::WireError> for StoreError {
    fn from(error: mapi::WireError) -> Self {
        StoreError::Corrupt(error.to_string())
    }
}
