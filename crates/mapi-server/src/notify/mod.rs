//! Notifications ([MS-OXCNOTIF] 3.1): from the change log of a mailbox to the RopNotify of those who asked.
//!
//! Nothing runs when something changes. A session that has something to hear of keeps, for each logon, how
//! far it has seen the change log; it reads on when a request of its own asks: an Execute, or a
//! NotificationWait that was woken. What it finds and cannot tell yet waits in a queue of bounded length;
//! what that has no room for waits in the log.

mod events;
mod feed;
mod tables;

use mapi_rop::buffer::ResponseWriter;
use mapi_rop::notification::{NotifyResponse, PendingResponse};
use mapi_rop::{LogonId, Response, RopResponse};

use crate::handles::{NodeId, Tree};
use crate::object::Object;
use crate::processor::Processor;
use crate::session::SessionContext;
use crate::stats;
use feed::Notice;
pub use feed::{Feed, Subscription};
pub use tables::TableNotices;
pub(crate) use tables::{after, before, done_by_client};

/// Bytes of a RopPending ([MS-OXCROPS] 2.2.14.3.1).
const PENDING: usize = 3;

/// Whether a session has something to be told of, as far as memory tells: asks no engine.
pub(crate) fn has_news(tree: &Tree<Object>) -> bool {
    feeds(tree).any(|feed| feed.has_news())
}

fn feeds(tree: &Tree<Object>) -> impl Iterator<Item = &Feed> {
    let logon = |(_, node): (u8, NodeId)| match tree.get(node) {
        Some(Object::Logon(logon)) => logon.feed.as_deref(),
        _ => None,
    };
    tree.logons().filter_map(logon)
}

/// Adds what the session is to be told of to its answer, as much as there is room for, and RopPending if
/// something is left ([MS-OXCNOTIF] 3.1.5.5 to 3.1.5.7).
pub(crate) fn append(
    processor: &Processor,
    session: &SessionContext,
    tree: &mut Tree<Object>,
    writer: &mut ResponseWriter,
) {
    if !has_news(tree) {
        return;
    }
    let mut told = 0;
    let logons: Vec<(u8, NodeId)> = tree.logons().collect();
    for (logon_id, node) in logons {
        // A queue takes a bounded number; what it had no room for follows when it is empty.
        while collect(processor, session, tree, logon_id, node) {
            if !tell(processor, tree, (logon_id, node), writer, &mut told) {
                break;
            }
        }
    }
    if told > 0 {
        session.count_told(told);
    }
    if has_news(tree) {
        let pending = Response::told(RopResponse::Pending(PendingResponse { session_index: 0 }));
        let _ = writer.push(&pending);
        session.rouse();
    }
}

/// Writes the queue of a logon; false if not all of it had room.
fn tell(
    processor: &Processor,
    tree: &mut Tree<Object>,
    (logon_id, node): (u8, NodeId),
    writer: &mut ResponseWriter,
    told: &mut u64,
) -> bool {
    while let Some(feed) = feed_mut(tree, node)
        && let Some(Notice { handle, data }) = feed.pop()
    {
        // Released meanwhile.
        if tree.resolve(handle, logon_id).is_err() {
            continue;
        }
        let body = NotifyResponse { handle, logon: LogonId(logon_id), data };
        let response = Response::told(RopResponse::Notify(body));
        let fits = writer.room() >= response.encoded_len() + PENDING;
        if fits && writer.push(&response).is_ok() {
            stats::count(&processor.stats.notified);
            *told += 1;
            continue;
        }
        if let RopResponse::Notify(NotifyResponse { handle, data, .. }) = response.body
            && let Some(feed) = feed_mut(tree, node)
        {
            feed.put_back(Notice { handle, data });
        }
        return false;
    }
    true
}

fn feed_mut(tree: &mut Tree<Object>, node: NodeId) -> Option<&mut Feed> {
    match tree.get_mut(node) {
        Some(Object::Logon(logon)) => logon.feed.as_deref_mut(),
        _ => None,
    }
}

/// Reads on in the change log until the queue of a logon is full or all is seen; true if there is something in
/// the queue.
fn collect(
    processor: &Processor,
    session: &SessionContext,
    tree: &mut Tree<Object>,
    logon_id: u8,
    node: NodeId,
) -> bool {
    let Some(Object::Logon(logon)) = tree.get_mut(node) else { return false };
    let (mailbox, user) = (logon.mailbox.clone(), logon.user);
    // Taken out, so that the tree can be looked at meanwhile.
    let Some(mut feed) = logon.feed.take() else { return false };
    let filled = feed.fill(processor, session, (&mailbox, user), tree, logon_id);
    let known = std::mem::replace(&mut feed.failed, filled.is_err());
    if let Err(error) = filled
        && !known
    {
        tracing::warn!(session = session.account.session(), %error, "notifications cannot be read");
    }
    let some = !feed.is_empty();
    if let Some(Object::Logon(logon)) = tree.get_mut(node) {
        logon.entry.state(crate::object::BASE_BYTES + feed.bytes());
        logon.feed = Some(feed);
    }
    some
}

/// Whether a session has something to be told of. If not, its bell rings when that may have changed.
///
/// While an Execute of the session is at work it is not waited for: the bell rings at its end.
pub(crate) fn is_pending(processor: &Processor, session: &SessionContext) -> bool {
    session.look(|tree| {
        for feed in feeds(tree) {
            feed.arm(session.news());
        }
        let logons: Vec<(u8, NodeId)> = tree.logons().collect();
        logons.into_iter().any(|(logon_id, node)| {
            let some = collect(processor, session, tree, logon_id, node);
            // What could not be read is tried again by the request that is sent for.
            some || feed_mut(tree, node).is_some_and(|feed| feed.failed)
        })
    })
}
