//! Copying the properties of a folder, and with RopCopyTo what is in it ([MS-OXCPRPT] 3.2.5.7, 3.2.5.8).

use mapi::{ErrorCode, FolderId, PropertyProblem, PropertyTag, tags as pid};
use store::folder::{self, Part};
use store::{Mailbox, Properties, SpecialFolder, StoreError, Value, message};

use super::copy_properties::{Copied, How, What};
use crate::call::Call;
use crate::convert::stored_tag;
use crate::error::{Result, code_of};
use crate::handles::NodeId;
use crate::operation::Work;

/// Copies the properties of one folder to another; what it holds is left to do.
pub(super) fn copy(
    call: &Call<'_>,
    source: NodeId,
    target: NodeId,
    what: &What<'_>,
    how: How,
) -> Result<Copied> {
    need_rights(call, source, target, how)?;
    let (from, to) = (call.mailbox_of(source)?, call.mailbox_of(target)?);
    let source = call.folder(source, ErrorCode::NOT_SUPPORTED)?;
    let target = call.folder(target, ErrorCode::NOT_SUPPORTED)?;
    let parts: Vec<Part> = [
        (Part::Messages, pid::CONTAINER_CONTENTS),
        (Part::Associated, pid::FOLDER_ASSOCIATED_CONTENTS),
        (Part::Subfolders, pid::CONTAINER_HIERARCHY),
    ]
    .into_iter()
    .filter(|(_, tag)| what.has(*tag))
    .map(|(part, _)| part)
    .collect();
    let same = from.is(&to) && source == target;
    // MS-OXCPRPT R89602: nothing is copied into itself.
    let holds = from.is(&to) && folder::contains(&from, source, target)?;
    if holds && parts.contains(&Part::Subfolders) {
        return Err(ErrorCode::FOLDER_CYCLE.into());
    }
    if same {
        return Ok((Vec::new(), Work::Done { partial: false }));
    }
    // MS-OXCPRPT R897
    if parts.contains(&Part::Subfolders) && folder::names_collide(&from, source, &to, target)? {
        return Err(ErrorCode::COLLIDING_NAMES.into());
    }
    let problems = copy_values(&from, source, &to, target, what, how)?;
    let work = folder::Work::of_parts(&from, source, &to, target, &parts, how.moving)?;
    Ok((problems, Work::folders(work, from, to)))
}

/// What the gate before the handlers does not ask: it looks at one logon, and lets pass what only reads the
/// source. Whoever has no full access copies within one mailbox and moves nothing.
fn need_rights(call: &Call<'_>, source: NodeId, target: NodeId, how: How) -> Result<()> {
    let same = call.tree.logon_of(source) == call.tree.logon_of(target);
    let full = |node| call.logon_of(node).is_ok_and(|logon| logon.user.is_full());
    let allowed = (same || full(target)) && (!how.moving || full(source));
    match allowed {
        true => Ok(()),
        false => Err(ErrorCode::ACCESS_DENIED.into()),
    }
}

fn copy_values(
    from: &Mailbox,
    source: FolderId,
    to: &Mailbox,
    target: FolderId,
    what: &What<'_>,
    how: How,
) -> Result<Vec<PropertyProblem>> {
    let asked: Vec<PropertyTag> = match what.named {
        Some(named) => named.iter().map(|tag| stored_tag(*tag)).collect(),
        None => {
            let excluded =
                |tag: &PropertyTag| what.excluded.iter().any(|known| known.id() == tag.id());
            let tags = folder::tags(from, source)?.into_iter();
            tags.filter(|tag| !folder::is_computed(*tag) && !excluded(tag)).collect()
        }
    };
    let mut problems = Vec::new();
    let mut taken: Vec<(usize, PropertyTag)> = Vec::new();
    let mut properties = Properties::new();
    let found = folder::get(from, source, &asked)?;
    for (index, (tag, value)) in asked.iter().zip(found).enumerate() {
        let error = match value {
            _ if is_part(*tag) => continue,
            _ if folder::is_computed(*tag) => ErrorCode::COMPUTED,
            None => ErrorCode::NOT_FOUND,
            Some(value) => {
                taken.push((index, *tag));
                properties.set(*tag, value);
                continue;
            }
        };
        problems.push(problem(index, *tag, error));
    }
    let mut properties = message::carry(from, to, properties)?;
    if !how.overwrite {
        let tags: Vec<PropertyTag> = properties.tags().collect();
        let there = folder::get(to, target, &tags)?;
        for (tag, _) in tags.iter().zip(there).filter(|(_, value)| value.is_some()) {
            properties.remove(*tag);
        }
    }
    // A name is the one thing that may be taken; the others are copied all the same.
    let name = properties.remove(pid::DISPLAY_NAME);
    let values: Vec<(PropertyTag, Value)> = properties
        .into_iter()
        .map(|(id, value)| (PropertyTag::from_parts(id, value.property_type()), value))
        .collect();
    folder::set(to, target, values)?;
    // A special folder keeps its name unless it is asked to change it.
    let may_rename = what.named.is_some() || SpecialFolder::from_id(target).is_none();
    if let Some(name) = name.filter(|_| may_rename) {
        match folder::set(to, target, vec![(pid::DISPLAY_NAME, name)]) {
            Ok(_) => {}
            Err(error @ (StoreError::DuplicateName | StoreError::Access)) => {
                let named = |(_, tag): &&(usize, PropertyTag)| tag.id() == pid::DISPLAY_NAME.id();
                let index = taken.iter().find(named).map_or(0, |(index, _)| *index);
                problems.push(problem(index, pid::DISPLAY_NAME, code_of(&error)));
            }
            Err(error) => return Err(error.into()),
        }
    }
    if how.moving {
        let moved: Vec<PropertyTag> = taken
            .into_iter()
            .map(|(_, tag)| tag)
            .filter(|tag| tag.id() != pid::DISPLAY_NAME.id())
            .collect();
        folder::delete_properties(from, source, &moved)?;
    }
    Ok(problems)
}

fn is_part(tag: PropertyTag) -> bool {
    [pid::CONTAINER_CONTENTS, pid::FOLDER_ASSOCIATED_CONTENTS, pid::CONTAINER_HIERARCHY]
        .iter()
        .any(|part| part.id() == tag.id())
}

fn problem(index: usize, tag: PropertyTag, error: ErrorCode) -> PropertyProblem {
    PropertyProblem { index: u16::try_from(index).unwrap_or(u16::MAX), tag, error }
}
