//! What a logon is to be told of: how far its change log was seen, and what was found and not told yet.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mapi_rop::Handle;
use mapi_rop::irregular::NotificationScope;
use mapi_rop::notification::{NotificationData, NotificationFlags, TableEvent};
use parking_lot::Mutex;
use store::notify::{Alarm, Taken, Watch};
use store::permission::User;
use store::{Mailbox, StoreError};

use super::events::{self, Facts, Happening};
use super::tables;
use crate::handles::Tree;
use crate::ledger::Entry;
use crate::object::Object;
use crate::processor::Processor;
use crate::session::SessionContext;
use crate::session::bell::Bell;
use crate::stats;

/// Notices that a logon holds; beyond it nothing is read from the log.
const QUEUE: usize = 256;
/// Bytes of them; rows of tables are long.
const QUEUE_BYTES: u64 = 128 << 10;
/// Changes that are read at once.
const CHUNK: usize = 64;

/// A Notification Subscription object ([MS-OXCNOTIF] 3.1.1).
pub struct Subscription {
    pub types: NotificationFlags,
    pub scope: NotificationScope,
    pub entry: Entry,
}

impl Subscription {
    fn wants(&self, happening: &Happening) -> bool {
        self.types.contains(happening.kind)
            && match self.scope {
                NotificationScope::WholeStore => true,
                NotificationScope::Object { folder, message } if message.is_none() => {
                    happening.folders.contains(&folder)
                }
                NotificationScope::Object { message, .. } => happening.messages.contains(&message),
            }
    }
}

/// Something that waits to be told to a subscription or a table.
#[derive(Debug)]
pub struct Notice {
    pub handle: Handle,
    pub data: NotificationData,
}

impl Notice {
    /// Bytes of memory, about.
    fn bytes(&self) -> u64 {
        let content = self.data.table.as_ref().and_then(|event| event.content.as_ref());
        let row = content.map_or(0, |content| size_of::<TableEvent>() + content.row.bytes.len());
        (size_of::<Notice>() + row) as u64
    }
}

/// What a logon is to be told of.
pub struct Feed {
    watch: Watch,
    queue: VecDeque<Notice>,
    /// Bytes of memory that the queue takes, about.
    bytes: u64,
    /// Counts the notices of all sessions.
    queued: Arc<AtomicU64>,
    /// Some tables are marked.
    marked: bool,
    /// The last reading failed; the next request tries again.
    pub failed: bool,
    /// Of the NotificationWait that waits.
    alarm: Mutex<Option<Alarm>>,
}

impl Feed {
    /// From now on.
    pub fn new(processor: &Processor, mailbox: &Mailbox) -> Result<Feed, StoreError> {
        Ok(Feed {
            watch: mailbox.watch()?,
            queue: VecDeque::new(),
            bytes: 0,
            queued: Arc::clone(&processor.stats.queued),
            marked: false,
            failed: false,
            alarm: Mutex::default(),
        })
    }

    pub fn has_news(&self) -> bool {
        !self.queue.is_empty() || self.marked || self.watch.is_behind()
    }

    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Bytes of memory that the queue takes, about.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn pop(&mut self) -> Option<Notice> {
        let notice = self.queue.pop_front()?;
        self.bytes -= notice.bytes();
        self.queued.fetch_sub(1, Ordering::Relaxed);
        Some(notice)
    }

    pub fn put_back(&mut self, notice: Notice) {
        self.bytes += notice.bytes();
        self.queue.push_front(notice);
        self.queued.fetch_add(1, Ordering::Relaxed);
    }

    pub fn is_full(&self) -> bool {
        self.queue.len() >= QUEUE || self.bytes >= QUEUE_BYTES
    }

    fn push(&mut self, notice: Notice) {
        self.bytes += notice.bytes();
        self.queue.push_back(notice);
        self.queued.fetch_add(1, Ordering::Relaxed);
    }

    /// The bell rings at the next change of the mailbox.
    pub fn arm(&self, bell: &Arc<Bell>) {
        let bell = Arc::clone(bell);
        *self.alarm.lock() = Some(self.watch.alarm(Arc::new(move || bell.ring())));
    }

    /// Reads on in the log until the queue is full or all is seen.
    pub fn fill(
        &mut self,
        processor: &Processor,
        session: &SessionContext,
        (mailbox, user): (&Mailbox, User),
        tree: &mut Tree<Object>,
        logon_id: u8,
    ) -> Result<(), StoreError> {
        self.read_log(processor, (mailbox, user), tree, logon_id)?;
        if self.marked {
            self.marked = !tables::collect(processor, session, self, tree, logon_id);
        }
        Ok(())
    }

    fn read_log(
        &mut self,
        processor: &Processor,
        (mailbox, user): (&Mailbox, User),
        tree: &mut Tree<Object>,
        logon_id: u8,
    ) -> Result<(), StoreError> {
        if self.is_full() || !self.watch.is_behind() {
            return Ok(());
        }
        let subscriptions: Vec<(Handle, &Subscription)> = tree
            .handles(logon_id)
            .filter_map(|(handle, object)| match object {
                Object::Subscription(subscription) => Some((handle, &**subscription)),
                _ => None,
            })
            .collect();
        // One change is at most four events to each.
        let chunk = (QUEUE / (4 * subscriptions.len().max(1))).clamp(1, CHUNK);
        let mut taken_all = Vec::new();
        let mut lost = false;
        let mut failed = None;
        while !self.is_full() && self.watch.is_behind() {
            let from = self.watch.seen();
            let taken = match self.watch.take(mailbox, chunk) {
                Ok(taken) => taken,
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            };
            match notices(mailbox, user, &subscriptions, &taken) {
                Ok(notices) => notices.into_iter().for_each(|notice| self.add(processor, notice)),
                // Read again by the next request: what happened is told later, and not left out.
                Err(error) => {
                    self.watch.rewind(from);
                    failed = Some(error);
                    break;
                }
            }
            if taken.lost {
                lost = true;
                stats::count(&processor.stats.notifications_lost);
            }
            taken_all.extend(taken.changes);
        }
        self.marked |= match lost {
            true => tables::mark_all(tree, logon_id),
            false => tables::mark(tree, logon_id, &taken_all),
        };
        failed.map_or(Ok(()), Err)
    }

    /// Adds a notice. Of several modifications of one object that nobody was told of, the last one remains.
    pub fn add(&mut self, processor: &Processor, mut notice: Notice) {
        if events::is_modification(&notice.data) {
            let same = |known: &Notice| {
                known.handle == notice.handle && events::is_same_object(&known.data, &notice.data)
            };
            if let Some(known) =
                self.queue.iter().rposition(same).and_then(|at| self.queue.remove(at))
            {
                self.bytes -= known.bytes();
                self.queued.fetch_sub(1, Ordering::Relaxed);
                stats::count(&processor.stats.notifications_merged);
                notice.data = events::merged(known.data, notice.data);
            }
        }
        self.push(notice);
    }
}

/// What some changes tell to each of the subscriptions.
fn notices(
    mailbox: &Mailbox,
    user: User,
    subscriptions: &[(Handle, &Subscription)],
    taken: &Taken,
) -> Result<Vec<Notice>, StoreError> {
    let mut facts = Facts::new(mailbox);
    let mut notices = Vec::new();
    if taken.lost {
        for (handle, subscription) in subscriptions {
            let data = events::anything(&mut facts, subscription.scope)?;
            notices.push(Notice { handle: *handle, data });
        }
    }
    for change in &taken.changes {
        for happening in events::happenings(&mut facts, change)? {
            if !facts.may_know(user, &happening)? {
                continue;
            }
            let wanting = subscriptions.iter().filter(|(_, sub)| sub.wants(&happening));
            let data = |handle| Notice { handle, data: happening.data.clone() };
            notices.extend(wanting.map(|(handle, _)| data(*handle)));
        }
    }
    Ok(notices)
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.queued.fetch_sub(self.queue.len() as u64, Ordering::Relaxed);
    }
}
