//! Copying properties from one object to another ([MS-OXCPRPT] 3.2.5.7, 3.2.5.8).
//!
//! Changes of messages and attachments wait for their saves, changes of folders are stored at once. What a folder
//! holds is copied after its properties, as [`Work`].

use std::sync::Arc;

use mapi::{ErrorCode, PropertyProblem, PropertyTag, tags as pid};
use mapi_rop::property::{CopyFlags, CopyPropertiesRequest, CopyToRequest};
use store::message::{Attachment as StoredAttachment, MessageBody};
use store::{Mailbox, Properties, Value, message};

use super::copy_folder;
use super::property::{is_read_only, values};
use crate::call::Call;
use crate::convert::stored_tag;
use crate::error::Result;
use crate::handles::NodeId;
use crate::object::{Access, Object};
use crate::operation::Work;

/// RopCopyTo ([MS-OXCPRPT] 3.2.5.8): all that a client may write, but for what it excludes.
pub fn copy_to(
    call: &mut Call<'_>,
    source: NodeId,
    target: Option<NodeId>,
    request: &CopyToRequest,
) -> Result<Copied> {
    // MS-OXCPRPT R5070512, R5070514
    if call.is_public_folder(source) || target.is_some_and(|node| call.is_public_folder(node)) {
        return Err(ErrorCode::NOT_SUPPORTED.into());
    }
    let excluded = &request.excluded.items;
    let what = What { named: None, excluded, sub_objects: request.want_sub_objects };
    copy(call, source, target, request.flags, &what)
}

/// RopCopyProperties ([MS-OXCPRPT] 3.2.5.7): what the client names.
pub fn copy_properties(
    call: &mut Call<'_>,
    source: NodeId,
    target: Option<NodeId>,
    request: &CopyPropertiesRequest,
) -> Result<Copied> {
    // MS-OXCPRPT R881
    let moving = request.flags.contains(CopyFlags::MOVE);
    if moving && matches!(call.tree.get(source), Some(Object::Folder(_))) {
        return Err(ErrorCode::NOT_SUPPORTED.into());
    }
    let what = What { named: Some(&request.tags.items), excluded: &[], sub_objects: false };
    copy(call, source, target, request.flags, &what)
}

/// What could not be copied, and what has to be yet.
pub type Copied = (Vec<PropertyProblem>, Work);

/// What is to be copied.
pub(super) struct What<'a> {
    /// These and no others; None for all.
    pub named: Option<&'a [PropertyTag]>,
    pub excluded: &'a [PropertyTag],
    pub sub_objects: bool,
}

impl What<'_> {
    /// Whether a kind of sub-object goes along. A client names and excludes them by their properties.
    pub fn has(&self, tag: PropertyTag) -> bool {
        let lists = |tags: &[PropertyTag]| tags.iter().any(|listed| listed.id() == tag.id());
        match self.named {
            Some(named) => lists(named),
            None => self.sub_objects && !lists(self.excluded),
        }
    }

    fn excludes(&self, tag: PropertyTag) -> bool {
        self.excluded.iter().any(|excluded| excluded.id() == tag.id())
    }
}

/// How it is to be done.
#[derive(Clone, Copy)]
pub(super) struct How {
    pub moving: bool,
    pub overwrite: bool,
}

fn copy(
    call: &mut Call<'_>,
    source: NodeId,
    target: Option<NodeId>,
    flags: CopyFlags,
    what: &What<'_>,
) -> Result<Copied> {
    let target = target.ok_or(ErrorCode::NULL_DESTINATION_OBJECT)?;
    // MS-OXCPRPT R880, R5070505; both bits together are not supported (R86502, R18402).
    let how = match flags {
        CopyFlags::NONE => How { moving: false, overwrite: true },
        CopyFlags::MOVE => How { moving: true, overwrite: true },
        CopyFlags::NO_OVERWRITE => How { moving: false, overwrite: false },
        _ => return Err(ErrorCode::INVALID_PARAMETER.into()),
    };
    super::stream::flush(call, source)?;
    super::stream::flush(call, target)?;
    let at_once = |problems| (problems, Work::Done { partial: false });
    Ok(match (call.tree.get(source), call.tree.get(target)) {
        (Some(Object::Folder(_)), Some(Object::Folder(_))) => {
            copy_folder::copy(call, source, target, what, how)?
        }
        (Some(Object::Message(_)), Some(Object::Message(_)))
        | (Some(Object::Attachment(_)), Some(Object::Attachment(_))) => {
            need_access(call, source, target, how)?;
            at_once(match source == target {
                true => Vec::new(),
                false => copy_in_memory(call, source, target, what, how)?,
            })
        }
        // MS-OXCPRPT R508, R150, R821
        _ => return Err(ErrorCode::NOT_SUPPORTED.into()),
    })
}

fn need_access(call: &Call<'_>, source: NodeId, target: NodeId, how: How) -> Result<()> {
    let access = |node| match call.tree.get(node) {
        Some(Object::Message(message)) => message.access,
        Some(Object::Attachment(attachment)) => attachment.access,
        _ => Access::ReadOnly,
    };
    let writes_source = how.moving && access(source) == Access::ReadOnly;
    if writes_source || access(target) == Access::ReadOnly {
        return Err(ErrorCode::ACCESS_DENIED.into());
    }
    // MS-OXCPRPT R896: what holds the target does not fit into it.
    let mut above = std::iter::successors(call.tree.owner(target), |node| call.tree.owner(*node));
    match above.any(|node| node == source) {
        true => Err(ErrorCode::MESSAGE_CYCLE.into()),
        false => Ok(()),
    }
}

/// What a message or an attachment gives.
#[derive(Default)]
struct Taken {
    properties: Properties,
    problems: Vec<PropertyProblem>,
    recipients: bool,
    attachments: bool,
    embedded: bool,
}

fn copy_in_memory(
    call: &mut Call<'_>,
    source: NodeId,
    target: NodeId,
    what: &What<'_>,
    how: How,
) -> Result<Vec<PropertyProblem>> {
    let (from, to) = (call.mailbox_of(source)?, call.mailbox_of(target)?);
    let mut taken = take(call, source, what)?;
    let ids: Vec<PropertyTag> = taken.properties.tags().collect();
    taken.properties = message::carry(&from, &to, taken.properties)?;
    let problems = std::mem::take(&mut taken.problems);
    let objects = call.tree.get_two_mut(source, target).ok_or(ErrorCode::NULL_OBJECT)?;
    match objects {
        (Object::Message(source), Object::Message(target)) => {
            let (given, kept) = (&mut source.edit.body, &mut target.edit.body);
            let parts = parts_of(given, kept, &taken, how);
            // A body in another format is the message's body too.
            if !how.overwrite && message::body::has(&kept.properties) {
                message::body::remove(&mut taken.properties);
            }
            put_properties(&mut kept.properties, taken.properties, how);
            if how.overwrite {
                message::body::written(&mut kept.properties, &ids);
            }
            put_parts(&from, &to, parts, kept)?;
            target.dirty = true;
            if how.moving {
                ids.iter().for_each(|tag| drop(given.properties.remove(*tag)));
                if taken.recipients {
                    given.recipients.clear();
                }
                if taken.attachments {
                    given.attachments.clear();
                }
                source.dirty = true;
            }
        }
        (Object::Attachment(source), Object::Attachment(target)) => {
            let (given, kept) = (&mut source.edit, &mut target.edit);
            if taken.embedded && (how.overwrite || kept.embedded.is_none()) {
                kept.embedded = match &given.embedded {
                    Some(body) => Some(carried(&from, &to, body)?),
                    None => kept.embedded.take(),
                };
            }
            put_properties(&mut kept.properties, taken.properties, how);
            target.dirty = true;
            if how.moving {
                ids.iter().for_each(|tag| drop(given.properties.remove(*tag)));
                if taken.embedded {
                    given.embedded = None;
                }
                source.dirty = true;
            }
        }
        _ => return Err(ErrorCode::NOT_SUPPORTED.into()),
    }
    Ok(problems)
}

fn take(call: &Call<'_>, source: NodeId, what: &What<'_>) -> Result<Taken> {
    let object = call.tree.get(source).ok_or(ErrorCode::NULL_OBJECT)?;
    let mut taken = Taken {
        recipients: what.has(pid::MESSAGE_RECIPIENTS),
        attachments: what.has(pid::MESSAGE_ATTACHMENTS),
        embedded: what.has(pid::ATTACH_DATA_OBJECT),
        ..Taken::default()
    };
    let Some(named) = what.named else {
        let stored = match object {
            Object::Message(message) => &message.edit.body.properties,
            Object::Attachment(attachment) => &attachment.edit.properties,
            _ => return Err(ErrorCode::NOT_SUPPORTED.into()),
        };
        // A search key goes with a copy, though no client may write it (MS-OXCPRPT R55).
        let copied =
            |tag: PropertyTag| !is_read_only(object, tag) || tag.id() == pid::SEARCH_KEY.id();
        let ids = stored.iter().filter(|(id, value)| {
            let tag = PropertyTag::from_parts(*id, value.property_type());
            copied(tag) && !what.excludes(tag)
        });
        taken.properties = ids.map(|(id, value)| (id, value.clone())).collect();
        return Ok(taken);
    };
    let stored: Vec<PropertyTag> = named.iter().map(|tag| stored_tag(*tag)).collect();
    let found = values(call, source, &stored)?;
    for (index, (tag, value)) in stored.into_iter().zip(found).enumerate() {
        if is_sub_object(object, tag) {
            continue;
        }
        let error = match &value {
            _ if is_read_only(object, tag) => Some(ErrorCode::COMPUTED),
            Some(value) if is_asked_for(value, tag) => None,
            _ => Some(ErrorCode::NOT_FOUND),
        };
        match (error, value) {
            (None, Some(value)) => taken.properties.set(tag, value),
            (error, _) => {
                let error = error.unwrap_or(ErrorCode::NOT_FOUND);
                let index = u16::try_from(index).unwrap_or(u16::MAX);
                taken.problems.push(PropertyProblem { index, tag: named[index as usize], error });
            }
        }
    }
    Ok(taken)
}

fn is_asked_for(value: &Value, tag: PropertyTag) -> bool {
    let kind = tag.property_type();
    kind == mapi::PropertyType::UNSPECIFIED || kind == value.property_type()
}

/// Whether a property stands for parts of an object and not for a value.
fn is_sub_object(object: &Object, tag: PropertyTag) -> bool {
    match object {
        Object::Message(_) => {
            [pid::MESSAGE_RECIPIENTS, pid::MESSAGE_ATTACHMENTS].iter().any(|t| t.id() == tag.id())
        }
        Object::Attachment(attachment) => {
            attachment.edit.embedded.is_some() && tag.id() == pid::ATTACH_DATA_OBJECT.id()
        }
        _ => false,
    }
}

/// MS-OXCPRPT R879, R5070504
fn put_properties(kept: &mut Properties, given: Properties, how: How) {
    for (id, value) in given {
        if how.overwrite || kept.get_id(id).is_none() {
            kept.set_id(id, value);
        }
    }
}

/// The recipients and attachments that a message gets. What it has of them is replaced, or kept as a whole.
fn parts_of(given: &MessageBody, kept: &MessageBody, taken: &Taken, how: How) -> MessageBody {
    let recipients = taken.recipients && (how.overwrite || kept.recipients.is_empty());
    let attachments = taken.attachments && (how.overwrite || kept.attachments.is_empty());
    MessageBody {
        recipients: if recipients { given.recipients.clone() } else { kept.recipients.clone() },
        attachments: match attachments {
            true => renumbered(&given.attachments, kept.next_attachment),
            false => kept.attachments.clone(),
        },
        next_attachment: given.next_attachment,
        ..MessageBody::default()
    }
}

/// A number is given out once: copies have numbers that the message never had.
fn renumbered(attachments: &[StoredAttachment], first: u32) -> Vec<StoredAttachment> {
    let number = |(attachment, number): (&StoredAttachment, u32)| StoredAttachment {
        number,
        ..attachment.clone()
    };
    attachments.iter().zip(first..).map(number).collect()
}

fn put_parts(
    from: &Arc<Mailbox>,
    to: &Arc<Mailbox>,
    mut parts: MessageBody,
    kept: &mut MessageBody,
) -> Result<()> {
    message::carry_body(from, to, &mut parts)?;
    let after = parts.attachments.last().map_or(0, |attachment| attachment.number + 1);
    kept.next_attachment = kept.next_attachment.max(after);
    kept.recipients = parts.recipients;
    kept.attachments = parts.attachments;
    Ok(())
}

fn carried(from: &Arc<Mailbox>, to: &Arc<Mailbox>, body: &MessageBody) -> Result<Box<MessageBody>> {
    let mut body = body.clone();
    message::carry_body(from, to, &mut body)?;
    Ok(Box::new(body))
}
