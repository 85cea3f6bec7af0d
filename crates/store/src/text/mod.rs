//! The full-text index of a mailbox: which words stand in the texts of which messages (docs/full-text.md).
//!
//! It follows the change log, behind the changes, and is derived from the messages alone. A search asks it first
//! ([`Searcher`]) and looks at what it does not know: messages that it has not followed yet, and texts that words do
//! not decide. So every search finds what it would find without the index.

mod answer;
mod build;
mod bytes;
mod feed;
mod follow;
mod merge;
mod segment;
mod state;
#[cfg(test)]
mod tests;
mod verify;
mod words;

pub use self::answer::{Field, Searcher};
pub(crate) use self::feed::Feed;
pub use self::feed::{Indexer, TextGauges};
pub use self::follow::Followed;
pub(crate) use self::segment::{check_lists, check_messages, check_words};
pub(crate) use self::state::State;
pub(crate) use self::verify::verify;
use crate::{Mailbox, Result};

/// What a mailbox remembers of its index while it is open. Whoever brings it up to date holds the lock.
#[derive(Default)]
pub(crate) struct Work {
    /// No records are left of a part that was never finished.
    clean: bool,
}

/// Brings the index of a mailbox up to date, now. [`Indexer`] does it behind the changes of a server.
///
/// Errors: those of the engine. What was written stays; another call goes on.
pub fn catch_up(mailbox: &Mailbox) -> Result<Followed> {
    let memory = usize::try_from(mailbox.store().options().text_budget).unwrap_or(usize::MAX);
    follow::follow(mailbox, memory, &mut || true)
}

/// Removes the index of a mailbox; it is made again by whoever brings it up to date.
pub fn forget(mailbox: &Mailbox) -> Result<()> {
    follow::forget(mailbox)
}
