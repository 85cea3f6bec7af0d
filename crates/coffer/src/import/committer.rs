//! The thread that makes a group of messages durable while the next ones are read.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use mapi::{FolderId, MessageContent};
use store::message::{self, ImportOptions, Imported};
use store::{Mailbox, Result};

/// At most as many as go together into the store.
pub type Group = Vec<(FolderId, MessageContent, ImportOptions)>;
/// One for each message of a group, in its order; or why nothing of it was taken.
pub type Results = Result<Vec<Result<Imported>>>;

/// At most one group is under way. Dropped, it lets that one finish.
pub struct Committer {
    groups: Option<SyncSender<Group>>,
    results: Receiver<Results>,
    thread: Option<JoinHandle<()>>,
}

impl Committer {
    /// # Errors
    /// The operating system starts no more threads.
    pub fn start(mailbox: Arc<Mailbox>) -> io::Result<Committer> {
        let (groups, to_do) = sync_channel::<Group>(1);
        let (done, results) = sync_channel(1);
        let thread =
            std::thread::Builder::new().name("coffer-import".to_owned()).spawn(move || {
                for group in to_do {
                    if done.send(message::import_all(&mailbox, group)).is_err() {
                        return;
                    }
                }
            })?;
        Ok(Committer { groups: Some(groups), results, thread: Some(thread) })
    }

    /// Begins with a group. False if the thread ended by a panic.
    pub fn begin(&self, group: Group) -> bool {
        self.groups.as_ref().is_some_and(|groups| groups.send(group).is_ok())
    }

    /// Waits for the group that was begun. None if the thread ended by a panic.
    pub fn finish(&self) -> Option<Results> {
        self.results.recv().ok()
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.groups = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
