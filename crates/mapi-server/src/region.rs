//! Locked regions of streams ([MS-OXCPRPT] 2.2.24, 3.2.5.21): who may read and write which bytes of a
//! property while another session has them locked.
//!
//! A lock lives in the stream that asked for it and goes with it. The register says only where locks are, so
//! that a stream of another session on the same property finds them; it is looked at only while there are any.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use mapi::{ErrorCode, FolderId, MessageId};
use parking_lot::Mutex;
use store::MailboxNumber;

use crate::ledger::Entry;
use crate::session::Token;
use crate::session::table::Sessions;

/// A lock of a session without activity for this long gives way to another's (MS-OXCPRPT R609).
const LOCK_EXPIRY: Duration = Duration::from_secs(30);

/// The property that a stream is on, as all sessions name it. A message that was never saved has none: nobody
/// else can open it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    pub mailbox: MailboxNumber,
    pub object: Holder,
    /// The numbers of the attachments on the way to an embedded message or an attachment.
    pub path: Vec<u32>,
    pub property: u16,
}

/// The stored object above a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Holder {
    Folder(FolderId),
    Message(MessageId),
}

/// Some bytes of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub offset: u64,
    pub size: u64,
}

impl Span {
    fn meets(self, other: Span) -> bool {
        self.offset < other.offset.saturating_add(other.size)
            && other.offset < self.offset.saturating_add(self.size)
    }
}

/// What a locked region leaves to other sessions (MS-OXCPRPT R379, R380).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockKind {
    /// Others may read.
    Shared,
    /// Others may neither read nor write.
    Exclusive,
}

/// What somebody is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    Read,
    Write,
}

#[derive(Debug)]
struct Region {
    span: Span,
    kind: LockKind,
    session: Token,
    /// Another session took the region after this one had been silent for too long.
    expired: AtomicBool,
}

/// Where regions are locked now.
#[derive(Default)]
pub struct Regions {
    count: AtomicUsize,
    places: Mutex<HashMap<Place, Vec<Arc<Region>>>>,
}

/// One locked region. Dropping it unlocks.
pub struct RegionLock {
    region: Arc<Region>,
    place: Option<(Arc<Regions>, Place)>,
    _entry: Entry,
}

impl RegionLock {
    pub fn meets(&self, span: Span) -> bool {
        self.region.span.meets(span)
    }

    /// Whether another session has the region by now.
    pub fn is_expired(&self) -> bool {
        self.region.expired.load(Ordering::Acquire)
    }
}

impl Drop for RegionLock {
    fn drop(&mut self) {
        let Some((regions, place)) = &self.place else { return };
        let mut places = regions.places.lock();
        if let Some(there) = places.get_mut(place) {
            there.retain(|region| !Arc::ptr_eq(region, &self.region));
            if there.is_empty() {
                places.remove(place);
            }
        }
        regions.count.fetch_sub(1, Ordering::Release);
    }
}

impl Regions {
    /// Locks a region for a session. Without a place it is nobody else's business.
    ///
    /// # Errors
    /// ecAccessDenied if an active session has some of it (MS-OXCPRPT R611).
    pub fn lock(
        self: &Arc<Self>,
        place: Option<Place>,
        span: Span,
        kind: LockKind,
        session: Token,
        sessions: &Sessions,
        entry: Entry,
    ) -> Result<RegionLock, ErrorCode> {
        let expired = AtomicBool::new(false);
        let region = Arc::new(Region { span, kind, session, expired });
        let Some(place) = place else {
            return Ok(RegionLock { region, place: None, _entry: entry });
        };
        let mut places = self.places.lock();
        let others = || {
            let there = places.get(&place).into_iter().flatten();
            there.filter(|other| other.session != session && other.span.meets(span))
        };
        let is_silent = |other: &Region| {
            let owner = sessions.get(other.session);
            owner.is_none_or(|owner| owner.idle() > LOCK_EXPIRY)
        };
        if others().any(|other| !other.expired.load(Ordering::Acquire) && !is_silent(other)) {
            return Err(ErrorCode::ACCESS_DENIED);
        }
        // All that are in the way are abandoned (MS-OXCPRPT R609, R610).
        others().for_each(|other| other.expired.store(true, Ordering::Release));
        places.entry(place.clone()).or_default().push(Arc::clone(&region));
        self.count.fetch_add(1, Ordering::Release);
        drop(places);
        Ok(RegionLock { region, place: Some((Arc::clone(self), place)), _entry: entry })
    }

    /// Whether no region is locked at all, as nearly always.
    pub fn is_empty(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    /// # Errors
    /// ecAccessDenied if another session's lock forbids it (MS-OXCPRPT R888).
    pub fn check(
        &self,
        place: &Place,
        span: Span,
        wanted: Use,
        session: Token,
    ) -> Result<(), ErrorCode> {
        let places = self.places.lock();
        let forbids = |region: &Arc<Region>| {
            region.session != session
                && !region.expired.load(Ordering::Acquire)
                && region.span.meets(span)
                && (wanted == Use::Write || region.kind == LockKind::Exclusive)
        };
        match places.get(place).is_some_and(|there| there.iter().any(forbids)) {
            true => Err(ErrorCode::ACCESS_DENIED),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_meet_where_they_share_a_byte() {
        let span = |offset, size| Span { offset, size };
        assert!(span(0, 10).meets(span(9, 1)));
        assert!(!span(0, 10).meets(span(10, 1)));
        assert!(span(5, u64::MAX).meets(span(u64::MAX - 1, 1)));
        assert!(!span(5, 0).meets(span(0, 5)));
    }
}
