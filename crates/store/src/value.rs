//! Properties as the store holds them: small values inline, large ones by reference.

use std::collections::BTreeMap;
use std::sync::Arc;

use mapi::{PropertyTag, PropertyType, PropertyValue};

use crate::blob::{BlobRef, StagedBytes};

/// A value of more than this many bytes is kept outside its record.
pub const INLINE_LIMIT: usize = 8 * 1024;

/// A property's value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Inline(PropertyValue),
    /// Read it with [`Store::read_large`](crate::Store::read_large).
    Large(LargeValue),
}

impl Value {
    pub fn property_type(&self) -> PropertyType {
        match self {
            Value::Inline(value) => value.property_type(),
            Value::Large(value) => value.property_type,
        }
    }

    /// The value, if it is held inline.
    pub fn inline(&self) -> Option<&PropertyValue> {
        match self {
            Value::Inline(value) => Some(value),
            Value::Large(_) => None,
        }
    }

    /// Bytes of the value in the form of a stream (text in UTF-16LE without a terminating null).
    pub fn size(&self) -> u64 {
        match self {
            Value::Inline(PropertyValue::String(text)) => text.to_utf16().len() as u64 * 2,
            Value::Inline(value) => value.size() as u64,
            Value::Large(value) => value.size,
        }
    }
}

impl<T: Into<PropertyValue>> From<T> for Value {
    fn from(value: T) -> Self {
        Value::Inline(value.into())
    }
}

impl From<LargeValue> for Value {
    fn from(value: LargeValue) -> Self {
        Value::Large(value)
    }
}

/// A value held outside its record, as the bytes of a stream: PtypBinary, PtypObject and PtypString8 as
/// they are, PtypString in UTF-16LE without a terminating null, any other type in its wire form.
/// Cloning shares the bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct LargeValue {
    pub property_type: PropertyType,
    /// Bytes.
    pub size: u64,
    pub(crate) source: LargeSource,
}

#[derive(Debug, Clone)]
pub(crate) enum LargeSource {
    /// Not yet saved; counted until the last clone is dropped.
    Staged(Arc<StagedBytes>),
    /// Saved.
    Blob(BlobRef),
}

impl PartialEq for LargeSource {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            // Not yet saved: the same only if it is the same one.
            (LargeSource::Staged(a), LargeSource::Staged(b)) => Arc::ptr_eq(a, b),
            (LargeSource::Blob(a), LargeSource::Blob(b)) => a == b,
            _ => false,
        }
    }
}

/// Properties by id; the value brings the type. One value an id.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Properties(BTreeMap<u16, Value>);

impl Properties {
    pub fn new() -> Self {
        Properties::default()
    }

    /// The value by the tag's id, whatever its type.
    pub fn get(&self, tag: PropertyTag) -> Option<&Value> {
        self.0.get(&tag.id())
    }

    pub fn get_id(&self, id: u16) -> Option<&Value> {
        self.0.get(&id)
    }

    /// The value by the tag's id, if it is held inline.
    pub fn inline(&self, tag: PropertyTag) -> Option<&PropertyValue> {
        self.get(tag)?.inline()
    }

    /// Sets a property by the tag's id.
    pub fn set(&mut self, tag: PropertyTag, value: impl Into<Value>) {
        self.0.insert(tag.id(), value.into());
    }

    pub fn set_id(&mut self, id: u16, value: impl Into<Value>) {
        self.0.insert(id, value.into());
    }

    pub fn remove(&mut self, tag: PropertyTag) -> Option<Value> {
        self.0.remove(&tag.id())
    }

    /// Ids and values in the order of the ids.
    pub fn iter(&self) -> impl Iterator<Item = (u16, &Value)> {
        self.0.iter().map(|(id, value)| (*id, value))
    }

    /// Tags in the order of the ids, each with the type of its value.
    pub fn tags(&self) -> impl Iterator<Item = PropertyTag> + '_ {
        self.0.iter().map(|(id, value)| PropertyTag::from_parts(*id, value.property_type()))
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut Value> {
        self.0.values_mut()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(u16, Value)> for Properties {
    fn from_iter<I: IntoIterator<Item = (u16, Value)>>(items: I) -> Self {
        Properties(items.into_iter().collect())
    }
}

impl IntoIterator for Properties {
    type Item = (u16, Value);
    type IntoIter = std::collections::btree_map::IntoIter<u16, Value>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
