//! Notifications: what IMsgStore::Advise gives ([MS-OXCNOTIF]).

use std::collections::{HashMap, VecDeque};
use std::ops::BitOr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mapi::{FolderId, MessageId};
use mapi_rop::irregular::{NotificationScope, RegisterNotificationRequest};
use mapi_rop::notification::{NotificationData, NotificationFlags};
use mapi_rop::parts::Text;
use mapi_rop::{Handle, RopRequest};

use crate::object::{ServerObject, answer};
use crate::{Error, Result};

/// Which events a program wants to hear of; several are joined by `|`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventKinds(NotificationFlags);

impl EventKinds {
    /// Mail came in.
    pub const NEW_MAIL: EventKinds = EventKinds(NotificationFlags::NEW_MAIL);
    /// A folder or message was made.
    pub const CREATED: EventKinds = EventKinds(NotificationFlags::OBJECT_CREATED);
    /// A folder or message was deleted, soft or for good.
    pub const DELETED: EventKinds = EventKinds(NotificationFlags::OBJECT_DELETED);
    /// A folder or message was changed, or the counts of a folder.
    pub const MODIFIED: EventKinds = EventKinds(NotificationFlags::OBJECT_MODIFIED);
    /// A folder or message was moved.
    pub const MOVED: EventKinds = EventKinds(NotificationFlags::OBJECT_MOVED);
    /// A folder or message was copied.
    pub const COPIED: EventKinds = EventKinds(NotificationFlags::OBJECT_COPIED);
    /// A search folder holds all that it searches.
    pub const SEARCH_COMPLETE: EventKinds = EventKinds(NotificationFlags::SEARCH_COMPLETED);
    /// All of these.
    pub const ALL: EventKinds = EventKinds(NotificationFlags(0x00fe));
}

impl BitOr for EventKinds {
    type Output = EventKinds;

    fn bitor(self, other: EventKinds) -> EventKinds {
        EventKinds(self.0 | other.0)
    }
}

/// Where a program listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Everywhere in the store.
    Store,
    /// In a folder: the folder itself, its messages, and folders directly below that come and go.
    Folder(FolderId),
    /// One message.
    Message(FolderId, MessageId),
}

/// A folder or message that something happened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A folder, and the one that it is in, where the server tells it.
    Folder(FolderId, Option<FolderId>),
    /// A message in a folder.
    Message(FolderId, MessageId),
}

/// Something that happened in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Mail came in, with its PidTagMessageFlags and its class.
    NewMail { place: Place, flags: u32, class: String },
    /// An object was made.
    Created(Place),
    /// An object was deleted.
    Deleted(Place),
    /// An object was changed. Of a folder, how many messages it has now, and how many are not read, if that
    /// changed.
    Modified { place: Place, total: Option<u32>, unread: Option<u32> },
    /// An object was moved, from where the second one tells.
    Moved(Place, Place),
    /// An object was copied: the copy, and what it was made from.
    Copied(Place, Place),
    /// A search folder holds all that it searches.
    SearchComplete(FolderId),
    /// More happened than was kept for a program that did not ask for long: look at everything again.
    Lost,
}

/// Tells of events until it is dropped.
///
/// ```
/// # #[cfg(feature = "loopback")] {
/// use std::time::Duration;
/// use mapi_session::{Event, EventKinds, Profile, Scope, Session};
///
/// let session = Session::logon(Profile::in_memory("me@example.test")?)?;
/// let store = session.open_default_msg_store()?;
/// let inbox = store.inbox()?;
/// let events = store.subscribe(EventKinds::CREATED, Scope::Folder(inbox.id()))?;
/// inbox.create_message()?.save()?;
/// assert!(matches!(events.next(Duration::from_secs(5))?, Some(Event::Created(_))));
/// assert_eq!(events.next(Duration::ZERO)?, None);
/// # }
/// # Ok::<(), mapi_session::Error>(())
/// ```
pub struct Subscription {
    object: ServerObject,
    handle: Handle,
}

/// Events that are kept for one subscription.
const MOST: usize = 4_096;

/// What came for the subscriptions of a session context. Its lock is the innermost one.
#[derive(Default)]
pub(crate) struct Notices {
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Default)]
struct State {
    queues: HashMap<u32, Queue>,
    /// Somebody waits on the server for all of them.
    listening: bool,
}

#[derive(Default)]
struct Queue {
    events: VecDeque<NotificationData>,
    lost: bool,
}

impl Notices {
    /// From now on, what comes for a handle is kept.
    pub(crate) fn expect(&self, Handle(handle): Handle) {
        self.lock().queues.entry(handle).or_default();
    }

    /// What comes for what nobody listens to, such as tables, is not kept.
    pub(crate) fn deliver(&self, Handle(handle): Handle, data: NotificationData) {
        let mut state = self.lock();
        let Some(queue) = state.queues.get_mut(&handle) else { return };
        if queue.events.len() == MOST {
            queue.events.clear();
            queue.lost = true;
        }
        queue.events.push_back(data);
        drop(state);
        self.arrived.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscription {
    pub(crate) fn open(
        store: &Arc<ServerObject>,
        EventKinds(types): EventKinds,
        scope: Scope,
    ) -> Result<Subscription> {
        let scope = match scope {
            Scope::Store => NotificationScope::WholeStore,
            Scope::Folder(folder) => NotificationScope::Object { folder, message: MessageId::NONE },
            Scope::Message(folder, message) => NotificationScope::Object { folder, message },
        };
        let request = RegisterNotificationRequest { types, reserved: 0, scope };
        let request = RopRequest::RegisterNotification(request);
        let (answer, object) = store.open(request, "the subscription")?;
        answer!(Ok::<_, Error>(answer), RegisterNotification);
        let handle = object.raw_handle();
        Ok(Subscription { object, handle })
    }

    /// The next event, waiting at most `limit` for one. Threads may wait for several subscriptions of a session
    /// at once, beside others that work in it.
    ///
    /// # Errors
    ///
    /// [`Error::SessionLost`] when the session ended.
    pub fn next(&self, limit: Duration) -> Result<Option<Event>> {
        let deadline = Instant::now() + limit;
        let connection = self.object.connection();
        let notices = connection.notices();
        let mut asked = false;
        let mut state = notices.lock();
        loop {
            if let Some(event) = self.take(&mut state) {
                return Ok(Some(event));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            // Also without time to wait, what the server has is asked for once.
            if left.is_zero() && asked {
                return Ok(None);
            }
            if state.listening {
                state = match left.is_zero() {
                    true => return Ok(None),
                    false => {
                        let waited = notices.arrived.wait_timeout(state, left);
                        waited.unwrap_or_else(PoisonError::into_inner).0
                    }
                };
                continue;
            }
            state.listening = true;
            drop(state);
            let heard = connection.listen(left);
            state = notices.lock();
            state.listening = false;
            // Another one takes over.
            notices.arrived.notify_all();
            heard?;
            asked = true;
        }
    }

    /// Ends the subscription, and says whether the server took the word.
    pub fn close(self) -> Result<()> {
        self.object.close()
    }

    fn take(&self, state: &mut State) -> Option<Event> {
        let queue = state.queues.get_mut(&self.handle.0)?;
        if std::mem::take(&mut queue.lost) {
            return Some(Event::Lost);
        }
        while let Some(data) = queue.events.pop_front() {
            if let Some(event) = event(data) {
                return Some(event);
            }
        }
        None
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.object.connection().notices().lock().queues.remove(&self.handle.0);
    }
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}

/// None for what a subscription is not told of.
fn event(data: NotificationData) -> Option<Event> {
    let place = |folder: Option<FolderId>, message: Option<MessageId>, parent| {
        Some(match message {
            Some(message) => Place::Message(folder?, message),
            None => Place::Folder(folder?, parent),
        })
    };
    let here = place(data.folder, data.message, data.parent);
    let old = place(data.old_folder, data.old_message, data.old_parent);
    Some(match NotificationFlags(data.flags.0 & 0x0fff) {
        NotificationFlags::NEW_MAIL => {
            let mail = data.new_mail?;
            let class = match &mail.message_class {
                Text::Unicode(class) => class.to_string_lossy().into_owned(),
                Text::Bytes(class) => String::from_utf8_lossy(&class.0).into_owned(),
            };
            Event::NewMail { place: here?, flags: mail.message_flags, class }
        }
        NotificationFlags::OBJECT_CREATED => Event::Created(here?),
        NotificationFlags::OBJECT_DELETED => Event::Deleted(here?),
        NotificationFlags::OBJECT_MODIFIED => {
            Event::Modified { place: here?, total: data.total_count, unread: data.unread_count }
        }
        NotificationFlags::OBJECT_MOVED => Event::Moved(here?, old?),
        NotificationFlags::OBJECT_COPIED => Event::Copied(here?, old?),
        NotificationFlags::SEARCH_COMPLETED => Event::SearchComplete(data.folder?),
        _ => return None,
    })
}
