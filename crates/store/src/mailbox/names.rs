//! The mailbox's map of named properties: append-only, bounded, ids never reused.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use mapi::names::{PS_INTERNET_HEADERS, PS_MAPI};
use mapi::{PropertyName, PropertyNameKind, Reader as WireReader, WString, Wire};

use super::writer;
use crate::engine::{self, KeyRange, Reader, Space};
use crate::keys::Kind;
use crate::{Mailbox, Result, StoreError};

/// The first id that is given out ([MS-OXCPRPT] 1.3.2).
pub(crate) const FIRST: u16 = 0x8000;
/// Names that a mailbox takes at most: as Exchange, about half of what the ids allow.
const MAX_NAMES: usize = 16 * 1024;
/// Characters of a name at most. The wire carries fewer ([MS-OXCDATA] 2.6.1), PST files more.
const MAX_NAME_UNITS: usize = 512;

/// The map, both ways.
#[derive(Debug, Default)]
pub(crate) struct NameMap {
    /// By id - [`FIRST`].
    names: Vec<PropertyName>,
    /// Keys are folded: string names are compared without regard to case.
    ids: HashMap<PropertyName, u16>,
}

impl NameMap {
    fn add(&mut self, name: PropertyName) -> u16 {
        let id = FIRST + self.names.len() as u16;
        self.ids.insert(fold(&name), id);
        self.names.push(name);
        id
    }

    pub(crate) fn id(&self, name: &PropertyName) -> Option<u16> {
        if let (true, PropertyNameKind::Id(lid)) = (name.set == PS_MAPI, &name.kind) {
            return u16::try_from(*lid).ok().filter(|id| *id < FIRST);
        }
        self.ids.get(&fold(name)).copied()
    }

    pub(crate) fn name(&self, id: u16) -> Option<PropertyName> {
        match id.checked_sub(FIRST) {
            None => Some(PropertyName::id(PS_MAPI, u32::from(id))),
            Some(index) => self.names.get(usize::from(index)).cloned(),
        }
    }
}

pub(crate) fn fold(name: &PropertyName) -> PropertyName {
    match &name.kind {
        PropertyNameKind::Id(_) => name.clone(),
        PropertyNameKind::Name(text) => PropertyName {
            set: name.set,
            kind: PropertyNameKind::Name(match text.as_str() {
                Some(text) => text.to_lowercase().into(),
                None => text.clone(),
            }),
        },
    }
}

/// The names of Internet headers are kept in small letters, wherever they come from ([MS-OXCPRPT] 3.2.5.10
/// R529).
fn as_kept(name: &PropertyName) -> PropertyName {
    if name.set == PS_INTERNET_HEADERS { fold(name) } else { name.clone() }
}

/// The ids of names, in their order. An unknown name gets an id if `create`, else None
/// ([MS-OXCPRPT] 2.2.13 RopGetPropertyIdsFromNames). New ids are durable when this returns.
///
/// Errors: [`StoreError::Quota`] when all ids are given out; [`StoreError::TooBig`] for a long name.
pub fn ids_of(mailbox: &Mailbox, names: &[PropertyName], create: bool) -> Result<Vec<Option<u16>>> {
    let map = load(mailbox)?;
    let found: Vec<Option<u16>> = names.iter().map(|name| map.id(name)).collect();
    if !create || found.iter().all(Option::is_some) {
        return Ok(found);
    }
    for name in names {
        check(name)?;
    }
    let (ids, map) = writer::write(mailbox, |tx| {
        // Another writer may have added names that are not durable yet.
        let mut map = read(mailbox, tx.reader())?;
        let mut ids = Vec::with_capacity(names.len());
        for name in names {
            // PS_MAPI with a LID names an id below 0x8000 or nothing at all.
            if name.set == PS_MAPI && matches!(name.kind, PropertyNameKind::Id(_)) {
                ids.push(map.id(name));
                continue;
            }
            let id = match map.id(name) {
                Some(id) => id,
                None if map.names.len() >= MAX_NAMES => {
                    return Err(StoreError::Quota("named properties"));
                }
                None => {
                    let name = as_kept(name);
                    let bytes = to_bytes(&name);
                    let id = map.add(name);
                    tx.put(mailbox.key(Kind::Name, &[&id.to_be_bytes()]), bytes);
                    id
                }
            };
            ids.push(Some(id));
        }
        Ok((ids, map))
    })?;
    let mut slot = mailbox.names.write();
    // Another writer may have been faster to get here with more names.
    if slot.as_ref().is_none_or(|held| held.names.len() < map.names.len()) {
        *slot = Some(Arc::new(map));
    }
    Ok(ids)
}

/// The names of ids, in their order. An id below 0x8000 has the name PS_MAPI with itself as LID
/// ([MS-OXCPRPT] 3.2.5.9).
pub fn names_of(mailbox: &Mailbox, ids: &[u16]) -> Result<Vec<Option<PropertyName>>> {
    let map = load(mailbox)?;
    Ok(ids.iter().map(|id| map.name(*id)).collect())
}

/// The whole map, by id.
pub fn all(mailbox: &Mailbox) -> Result<Vec<(u16, PropertyName)>> {
    let map = load(mailbox)?;
    Ok((FIRST..).zip(map.names.iter().cloned()).collect())
}

pub(crate) fn load(mailbox: &Mailbox) -> Result<Arc<NameMap>> {
    if let Some(map) = &*mailbox.names.read() {
        return Ok(map.clone());
    }
    let mut slot = mailbox.names.write();
    if let Some(map) = &*slot {
        return Ok(map.clone());
    }
    let map = Arc::new(read(mailbox, mailbox.reader())?);
    *slot = Some(map.clone());
    Ok(map)
}

fn check(name: &PropertyName) -> Result<()> {
    match &name.kind {
        PropertyNameKind::Name(text) if text.to_utf16().len() > MAX_NAME_UNITS => {
            Err(StoreError::TooBig {
                what: "name of a property",
                size: text.to_utf16().len() as u64,
                limit: MAX_NAME_UNITS as u64,
            })
        }
        _ => Ok(()),
    }
}

fn read(mailbox: &Mailbox, reader: &dyn Reader) -> Result<NameMap> {
    let prefix = mailbox.key(Kind::Name, &[]);
    let mut map = NameMap::default();
    engine::try_visit(reader, Space::Mailbox, &KeyRange::prefix(prefix), |_, value| {
        map.add(from_bytes(value)?);
        Ok::<_, StoreError>(ControlFlow::Continue(()))
    })?;
    Ok(map)
}

const BY_ID: u8 = 0;
const BY_NAME: u8 = 1;

pub(crate) fn to_bytes(name: &PropertyName) -> Vec<u8> {
    let mut w = name.set.0.to_vec();
    match &name.kind {
        PropertyNameKind::Id(lid) => {
            w.push(BY_ID);
            lid.write(&mut w);
        }
        PropertyNameKind::Name(text) => {
            w.push(BY_NAME);
            w.extend_from_slice(text.as_bytes());
        }
    }
    w
}

pub(crate) fn from_bytes(bytes: &[u8]) -> Result<PropertyName> {
    let mut r = WireReader::new(bytes);
    let set = mapi::Guid::read(&mut r)?;
    let kind = match u8::read(&mut r)? {
        BY_ID => PropertyNameKind::Id(u32::read(&mut r)?),
        BY_NAME => PropertyNameKind::Name(WString::from_bytes(r.rest())),
        kind => return Err(r.bad("a kind of name", u64::from(kind), 1).into()),
    };
    Ok(PropertyName { set, kind })
}

/// Maps ids of one mailbox to those of another; None within one mailbox.
pub(crate) struct Translation {
    ids: HashMap<u16, u16>,
}

impl Translation {
    /// For the named properties among `ids`. Names that the target lacks are added there.
    pub(crate) fn between(
        source: &Mailbox,
        target: &Mailbox,
        ids: impl IntoIterator<Item = u16>,
    ) -> Result<Option<Translation>> {
        if source.is(target) {
            return Ok(None);
        }
        let ids: Vec<u16> = ids.into_iter().filter(|id| *id >= FIRST).collect();
        let map = load(source)?;
        let named: Vec<(u16, PropertyName)> =
            ids.into_iter().filter_map(|id| Some((id, map.name(id)?))).collect();
        let names: Vec<PropertyName> = named.iter().map(|(_, name)| name.clone()).collect();
        let mapped = ids_of(target, &names, true)?;
        let ids =
            named.iter().zip(mapped).filter_map(|((id, _), mapped)| Some((*id, mapped?))).collect();
        Ok(Some(Translation { ids }))
    }

    pub(crate) fn id(&self, id: u16) -> Option<u16> {
        match id < FIRST {
            true => Some(id),
            false => self.ids.get(&id).copied(),
        }
    }
}
