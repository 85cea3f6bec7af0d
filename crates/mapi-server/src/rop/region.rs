//! Clones of streams and locked regions ([MS-OXCPRPT] 3.2.5.21, 3.2.5.22, 3.2.5.24).
//!
//! Exchange has these ROPs no more since 2010; programs that were written before use them.

use std::sync::Arc;

use mapi::ErrorCode;
use mapi_rop::Empty;
use mapi_rop::stream::RegionRequest;

use super::stream::home;
use crate::call::{Call, Opened};
use crate::error::Result;
use crate::handles::NodeId;
use crate::ledger::Kind;
use crate::object::{Object, Stream, StreamData};
use crate::region::{Holder, LockKind, Place, Span, Use};

/// RopCloneStream ([MS-OXCPRPT] 3.2.5.24): the same bytes behind a seek pointer of its own, which begins where
/// that of the source stands (R756 to R759).
pub fn clone_stream(call: &mut Call<'_>, input: NodeId) -> Result<Opened<Empty>> {
    let home = home(call, input)?;
    let entry = call.count(Kind::Stream)?;
    let source = call.stream(input)?;
    let clone = Stream {
        tag: source.tag,
        data: StreamData::OfOwner,
        position: source.position,
        dirty: false,
        locks: Vec::new(),
        entry,
    };
    call.open(Some(home), Object::Stream(Box::new(clone)), Empty)
}

/// RopLockRegionStream ([MS-OXCPRPT] 3.2.5.21).
pub fn lock_region(call: &mut Call<'_>, input: NodeId, request: &RegionRequest) -> Result<()> {
    let home = home(call, input)?;
    let span = Span { offset: request.offset, size: request.size };
    need_kept_in(call, home, span)?;
    let kind = match request.flags {
        1 => LockKind::Shared,
        _ => LockKind::Exclusive,
    };
    let place = place_of(call, home)?;
    let entry = call.count(Kind::Region)?;
    let (regions, sessions) = (&call.processor.regions, &call.processor.sessions);
    let lock = regions.lock(place, span, kind, call.session.token, sessions, entry)?;
    call.stream(input)?.locks.push(lock);
    Ok(())
}

/// RopUnlockRegionStream ([MS-OXCPRPT] 3.2.5.22): what this session locked of the region is free again; others'
/// locks stay (R622).
pub fn unlock_region(call: &mut Call<'_>, input: NodeId, request: &RegionRequest) -> Result<()> {
    let home = home(call, input)?;
    let span = Span { offset: request.offset, size: request.size };
    need_kept_in(call, home, span)?;
    for node in family(call, home) {
        call.stream(node)?.locks.retain(|lock| !lock.meets(span));
    }
    Ok(())
}

/// A stream and its clones.
fn family(call: &Call<'_>, home: NodeId) -> Vec<NodeId> {
    let mut nodes = call.tree.owned_by(home);
    nodes.push(home);
    nodes
}

/// Whether this session may use some bytes of a stream.
pub(super) fn check(
    call: &mut Call<'_>,
    home: NodeId,
    offset: u64,
    size: u64,
    wanted: Use,
) -> Result<()> {
    if call.processor.regions.is_empty() {
        return Ok(());
    }
    let span = Span { offset, size };
    need_kept_in(call, home, span)?;
    match place_of(call, home)? {
        None => Ok(()),
        Some(place) => {
            let regions = Arc::clone(&call.processor.regions);
            Ok(regions.check(&place, span, wanted, call.session.token)?)
        }
    }
}

/// ecNetwork for whoever lost a lock that the region meets (MS-OXCPRPT R612), and what was written under it is
/// discarded (R609).
fn need_kept_in(call: &mut Call<'_>, home: NodeId, span: Span) -> Result<()> {
    let mut lost = false;
    for node in family(call, home) {
        lost |= call.stream(node)?.locks.iter().any(|lock| lock.is_expired() && lock.meets(span));
    }
    match lost {
        false => Ok(()),
        true => {
            discard(call, home)?;
            Err(ErrorCode::NETWORK_ERROR.into())
        }
    }
}

/// As [`need_kept_in`] for the whole stream: before it becomes the property's value.
pub(super) fn need_kept(call: &mut Call<'_>, home: NodeId) -> Result<()> {
    match call.processor.regions.is_empty() {
        true => Ok(()),
        false => need_kept_in(call, home, Span { offset: 0, size: u64::MAX }),
    }
}

/// Forgets what was written and not committed.
fn discard(call: &mut Call<'_>, home: NodeId) -> Result<()> {
    if !call.stream(home)?.dirty {
        return Ok(());
    }
    let tag = call.stream(home)?.tag;
    let owner = call.tree.owner(home).ok_or(ErrorCode::NULL_OBJECT)?;
    let value = super::property::values(call, owner, &[tag])?.pop().flatten();
    let staging = &call.logon()?.staging;
    let staged = match value {
        Some(value) => staging.edit(&value)?,
        None => staging.create(tag.property_type())?,
    };
    let stream = call.stream(home)?;
    stream.data = StreamData::Writable(staged);
    stream.dirty = false;
    Ok(())
}

/// The property that a stream is on, as other sessions know it.
fn place_of(call: &mut Call<'_>, home: NodeId) -> Result<Option<Place>> {
    let property = call.stream(home)?.tag.id();
    let mailbox = call.mailbox()?.number();
    let mut path = Vec::new();
    let mut next = call.tree.owner(home);
    while let Some(node) = next {
        match call.tree.get(node) {
            Some(Object::Attachment(attachment)) => path.push(attachment.edit.number),
            Some(Object::Message(message)) if !message.edit.folder.is_none() => {
                let object = Holder::Message(message.edit.id);
                let saved = !message.edit.id.is_none();
                return Ok(saved.then_some(Place { mailbox, object, path, property }));
            }
            Some(Object::Folder(folder)) => {
                let object = Holder::Folder(folder.id);
                return Ok(Some(Place { mailbox, object, path, property }));
            }
            _ => {}
        }
        next = call.tree.owner(node);
    }
    Ok(None)
}
