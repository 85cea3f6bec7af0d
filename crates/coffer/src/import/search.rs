//! A PST's search folders: made when all other folders are there, since they name folders.
//!
//! A search folder holds no mail of its own. One that cannot be brought over, since the file does not say what it
//! looks for or this store cannot look for it, is left out by name, and the import is whole all the same.

use std::collections::HashMap;

use formats::pst::{Criteria, Folder, NodeId};
use mapi::{FolderId, PropertyTag, PropertyValue, Restriction, TaggedValue, tags};
use store::folder::{self, DeleteOptions, FolderKind, NewFolder};
use store::mailbox::names;
use store::search::{self, NewCriteria};
use store::{Mailbox, StoreError};

use super::target::folder_name;

/// What became of a search folder.
pub enum Done {
    Carried,
    Present,
    LeftOut(String),
}

/// Makes a search folder in `parent`, or gives one that is there the criteria that it lacks. `folders` are those
/// of the file by what they are here.
pub fn bring_over(
    mailbox: &Mailbox,
    parent: FolderId,
    found: &Folder,
    new: NewFolder,
    folders: &HashMap<NodeId, Option<FolderId>>,
) -> anyhow::Result<Done> {
    let known = folder::child_by_name(mailbox, parent, &folder_name(&found.name))?;
    if let Some(id) = known {
        let is_search = folder::info(mailbox, id)?.kind == FolderKind::Search;
        // One that an import was ended at lacks its criteria.
        if !is_search || search::criteria(mailbox, id)?.is_some() {
            return Ok(Done::Present);
        }
    }
    let criteria = match &found.criteria {
        Ok(Some(criteria)) => criteria,
        Ok(None) => return Ok(Done::LeftOut("the file does not say what it looks for".into())),
        Err(why) => {
            return Ok(Done::LeftOut(format!("what it looks for cannot be read: {why}")));
        }
    };
    let criteria = match here(mailbox, criteria, folders)? {
        Ok(criteria) => criteria,
        Err(why) => return Ok(Done::LeftOut(why)),
    };
    let made = match known {
        Some(id) => Ok(id),
        None => folder::create(mailbox, parent, &new).map(|created| created.id),
    };
    let set = made.and_then(|id| match search::set(mailbox, id, &criteria) {
        Err(error) if is_of_criteria(&error) => {
            // Without criteria it would never show anything.
            let all = DeleteOptions { messages: true, folders: true, hard: true, associated: true };
            folder::delete(mailbox, id, all)?;
            Err(error)
        }
        other => other,
    });
    match set {
        Ok(()) => Ok(Done::Carried),
        Err(error @ StoreError::SearchFolder) => Ok(Done::LeftOut(error.to_string())),
        Err(error) if is_of_criteria(&error) => {
            Ok(Done::LeftOut(format!("this store cannot look for it: {error}")))
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether the criteria are the reason, and not the store.
fn is_of_criteria(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Invalid(_)
            | StoreError::TooComplex(_)
            | StoreError::SearchScope
            | StoreError::Quota("search folders")
    )
}

/// The criteria with the folders and property ids of this mailbox; or why not.
fn here(
    mailbox: &Mailbox,
    criteria: &Criteria,
    folders: &HashMap<NodeId, Option<FolderId>>,
) -> anyhow::Result<Result<NewCriteria, String>> {
    let mut scope = Vec::new();
    for id in &criteria.folders {
        match folders.get(id).copied().flatten() {
            Some(folder) if !scope.contains(&folder) => scope.push(folder),
            Some(_) => {}
            None => {
                return Ok(Err(format!("it looks in the folder {id}, which did not come over")));
            }
        }
    }
    if scope.is_empty() {
        return Ok(Err("it looks in no folder".into()));
    }
    let called: Vec<_> = criteria.names.iter().map(|(_, name)| name.clone()).collect();
    let ids = names::ids_of(mailbox, &called, true)?;
    let ids = criteria.names.iter().zip(ids).filter_map(|((old, _), id)| Some((*old, id?)));
    let ids: HashMap<u16, u16> = ids.collect();
    // The folders that conditions name by their entry ids.
    let mut entry_ids = HashMap::new();
    for (node, folder) in folders {
        if let Some(folder) = folder
            && let [Some(value)] = &folder::get(mailbox, *folder, &[tags::ENTRY_ID])?[..]
            && let Some(PropertyValue::Binary(bytes)) = value.inline()
        {
            entry_ids.insert(*node, bytes.clone());
        }
    }
    let here = Here { ids, entry_ids };
    Ok(Ok(NewCriteria {
        restriction: Some(here.restriction(criteria.restriction.clone())),
        folders: Some(scope),
        recursive: criteria.recursive,
        fixed: criteria.fixed,
    }))
}

/// What things are called in this mailbox.
struct Here {
    ids: HashMap<u16, u16>,
    entry_ids: HashMap<NodeId, Vec<u8>>,
}

impl Here {
    fn tag(&self, tag: PropertyTag) -> PropertyTag {
        let id = self.ids.get(&tag.id()).copied().unwrap_or(tag.id());
        PropertyTag::from_parts(id, tag.property_type())
    }

    fn value(&self, value: TaggedValue) -> TaggedValue {
        let tag = self.tag(value.tag);
        let here = match &value.value {
            PropertyValue::Binary(bytes) if tag == tags::PARENT_ENTRY_ID => {
                // [MS-PST] 2.4.3.2: four bytes of flags, the store's GUID, the node.
                let node = bytes.get(20..24).and_then(|rest| rest.first_chunk());
                let node = node.map(|id| NodeId(u32::from_le_bytes(*id)));
                node.and_then(|node| self.entry_ids.get(&node)).cloned().map(PropertyValue::Binary)
            }
            _ => None,
        };
        TaggedValue { tag, value: here.unwrap_or(value.value) }
    }

    fn restriction(&self, restriction: Restriction) -> Restriction {
        let boxed = |inner: Box<Restriction>| Box::new(self.restriction(*inner));
        let each = |parts: Vec<Restriction>| {
            parts.into_iter().map(|part| self.restriction(part)).collect::<Vec<_>>()
        };
        match restriction {
            Restriction::And(parts) => Restriction::And(each(parts)),
            Restriction::Or(parts) => Restriction::Or(each(parts)),
            Restriction::Not(inner) => Restriction::Not(boxed(inner)),
            Restriction::Content { level, tag, value } => {
                Restriction::Content { level, tag: self.tag(tag), value: self.value(value) }
            }
            Restriction::Property { relation, tag, value } => {
                Restriction::Property { relation, tag: self.tag(tag), value: self.value(value) }
            }
            Restriction::CompareProperties { relation, left, right } => {
                let (left, right) = (self.tag(left), self.tag(right));
                Restriction::CompareProperties { relation, left, right }
            }
            Restriction::Bitmask { test, tag, mask } => {
                Restriction::Bitmask { test, tag: self.tag(tag), mask }
            }
            Restriction::Size { relation, tag, size } => {
                Restriction::Size { relation, tag: self.tag(tag), size }
            }
            Restriction::Exist { tag } => Restriction::Exist { tag: self.tag(tag) },
            Restriction::SubObject { tag, restriction } => {
                Restriction::SubObject { tag, restriction: boxed(restriction) }
            }
            Restriction::Comment { values, restriction } => {
                Restriction::Comment { values, restriction: restriction.map(boxed) }
            }
            Restriction::Count { limit, restriction } => {
                Restriction::Count { limit, restriction: boxed(restriction) }
            }
        }
    }
}
