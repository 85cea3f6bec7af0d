//! Which messages a mailbox has, as its sessions know it: 16 bytes a message, held once for all sessions that know the
//! same.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Weak};

use mapi::{FolderId, GlobalCounter, MessageId, ReplId};
use parking_lot::Mutex;
use store::MailboxNumber;
use store::message::Listed;

/// What sessions of one mailbox are likely to have in common.
pub(super) type Key = (MailboxNumber, FolderId);
pub(super) type Rows = Arc<Vec<Row>>;
type States = Vec<Weak<Vec<Row>>>;

/// Different states of one mailbox that are shared. Who is behind by more has his own.
const STATES: usize = 8;

/// Keys of what nobody holds any more go with the last session ([`forget`]).
static SHARED: LazyLock<Mutex<HashMap<Key, States>>> = LazyLock::new(Mutex::default);

/// A message, in 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    counter: u64,
    pub(super) uid: u32,
    replica: u16,
}

const _: () = assert!(size_of::<Row>() == 16);

impl Row {
    pub(super) fn new(uid: u32, id: MessageId) -> Row {
        Row { counter: id.counter.get(), uid, replica: id.replica.0 }
    }

    pub(super) fn of(listed: &Listed) -> Row {
        Row::new(listed.uid, listed.id)
    }

    pub(super) fn id(&self) -> MessageId {
        MessageId::new(ReplId(self.replica), GlobalCounter::new(self.counter))
    }
}

/// The same rows, held by somebody else if anybody has them.
pub(super) fn shared(key: Key, own: impl Into<Rows>) -> Rows {
    let own = own.into();
    let mut shared = SHARED.lock();
    let states = shared.entry(key).or_default();
    states.retain(|state| state.strong_count() > 0);
    if let Some(same) = states.iter().filter_map(Weak::upgrade).find(|state| **state == *own) {
        return same;
    }
    if states.len() == STATES {
        // The oldest one: whoever is behind will be told and know the newest.
        states.remove(0);
    }
    states.push(Arc::downgrade(&own));
    own
}

/// A session let go of its rows.
pub(super) fn forget(key: Key) {
    let mut shared = SHARED.lock();
    if let Some(states) = shared.get_mut(&key) {
        states.retain(|state| state.strong_count() > 0);
        if states.is_empty() {
            shared.remove(&key);
        }
    }
    if shared.is_empty() {
        shared.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sessions_know_alike_is_held_once() {
        // No other test has such a mailbox.
        let key = (MailboxNumber(u64::MAX), FolderId::own(7));
        let rows = |count: u32| -> Vec<Row> {
            (1..=count).map(|uid| Row::new(uid, MessageId::own(uid.into()))).collect()
        };
        assert_eq!(rows(3)[2].id(), MessageId::own(3));
        let one = shared(key, rows(3));
        let two = shared(key, rows(3));
        let three = shared(key, rows(4));
        assert!(Arc::ptr_eq(&one, &two) && !Arc::ptr_eq(&one, &three));
        drop((one, two));
        forget(key);
        assert_eq!(SHARED.lock().get(&key).map(Vec::len), Some(1));
        drop(three);
        forget(key);
        assert!(!SHARED.lock().contains_key(&key));
    }
}
