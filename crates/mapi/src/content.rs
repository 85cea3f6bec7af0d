//! A whole message as a value: what file formats read and write, and what the store takes in.

use crate::named::PropertyName;
use crate::tag::{PropertyTag, PropertyType};
use crate::value::PropertyValue;

/// What a property is known by outside a mailbox: a tag, or a name where the id is only local.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PropertyKey {
    /// An id below 0x8000.
    Tag(u16),
    Named(PropertyName),
}

/// Properties by key, in the order in which they came; one value a key.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PropertyBag {
    entries: Vec<(PropertyKey, PropertyValue)>,
}

impl PropertyBag {
    pub fn new() -> Self {
        PropertyBag::default()
    }

    /// Sets a property by its tag's id; the value brings the type.
    pub fn set(&mut self, tag: PropertyTag, value: impl Into<PropertyValue>) {
        self.insert(PropertyKey::Tag(tag.id()), value.into());
    }

    pub fn set_named(&mut self, name: PropertyName, value: impl Into<PropertyValue>) {
        self.insert(PropertyKey::Named(name), value.into());
    }

    /// Sets a property and replaces an earlier value.
    pub fn insert(&mut self, key: PropertyKey, value: PropertyValue) {
        match self.entries.iter_mut().find(|(k, _)| *k == key) {
            Some((_, old)) => *old = value,
            None => self.entries.push((key, value)),
        }
    }

    /// The value by the tag's id, whatever its type.
    pub fn get(&self, tag: PropertyTag) -> Option<&PropertyValue> {
        self.entries
            .iter()
            .find(|(key, _)| *key == PropertyKey::Tag(tag.id()))
            .map(|(_, value)| value)
    }

    pub fn get_named(&self, name: &PropertyName) -> Option<&PropertyValue> {
        self.entries
            .iter()
            .find(|(key, _)| matches!(key, PropertyKey::Named(n) if n == name))
            .map(|(_, value)| value)
    }

    pub fn text(&self, tag: PropertyTag) -> Option<String> {
        self.get(tag)?.as_text().map(|text| text.to_string_lossy().into_owned())
    }

    pub fn remove(&mut self, tag: PropertyTag) -> Option<PropertyValue> {
        let at = self.entries.iter().position(|(key, _)| *key == PropertyKey::Tag(tag.id()))?;
        Some(self.entries.remove(at).1)
    }

    pub fn iter(&self) -> impl Iterator<Item = &(PropertyKey, PropertyValue)> {
        self.entries.iter()
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl IntoIterator for PropertyBag {
    type Item = (PropertyKey, PropertyValue);
    type IntoIter = std::vec::IntoIter<Self::Item>;
    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

/// A message with everything that belongs to it.
///
/// String properties are Unicode (PtypString); formats convert 8-bit strings where they know the code
/// page. Bodies stand as PidTagBody, PidTagHtml (binary) and PidTagRtfCompressed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MessageContent {
    pub properties: PropertyBag,
    pub recipients: Vec<RecipientContent>,
    pub attachments: Vec<AttachmentContent>,
    /// The Internet message as it was received, if it came as one.
    pub mime: Option<Vec<u8>>,
}

/// A recipient's properties: PidTagRecipientType, PidTagDisplayName, PidTagAddressType,
/// PidTagEmailAddress, PidTagSmtpAddress, PidTagEntryId...
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RecipientContent {
    pub properties: PropertyBag,
}

/// An attachment's properties without its data (PidTagAttachMethod, PidTagAttachLongFilename...), and
/// the data.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AttachmentContent {
    pub properties: PropertyBag,
    pub content: AttachedContent,
}

/// What is attached, after PidTagAttachMethod ([MS-OXCMSG] 2.2.2.9).
#[derive(Debug, Clone, PartialEq, Default)]
pub enum AttachedContent {
    #[default]
    Nothing,
    /// afByValue: PidTagAttachDataBinary.
    Bytes(Vec<u8>),
    /// afEmbeddedMessage.
    Message(Box<MessageContent>),
    /// afOle: PidTagAttachDataObject as the bytes of its storage.
    Ole(Vec<u8>),
}

impl PropertyKey {
    /// The tag of an unnamed key with the type of `value`.
    pub fn tag(&self, property_type: PropertyType) -> Option<PropertyTag> {
        match self {
            PropertyKey::Tag(id) => Some(PropertyTag::from_parts(*id, property_type)),
            PropertyKey::Named(_) => None,
        }
    }
}
