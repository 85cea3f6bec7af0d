//! Large values: from and to the bytes of a stream, and into blobs before a save.

use mapi::text::String8;
use mapi::value::CountWidth;
use std::collections::BTreeMap;

use mapi::{
    FolderId, MessageId, PropertyType, PropertyValue, Reader as WireReader, WString, WireError,
};

use crate::blob::{BlobRef, Source};
use crate::keys;
use crate::mailbox::writer::Tx;
use crate::message::MessageBody;
use crate::record::node;
use crate::staging::read_staged;
use crate::value::{INLINE_LIMIT, LargeSource, LargeValue, Properties, Value};
use crate::{Mailbox, Result, Store, StoreError};

/// The largest value of a property, in bytes.
pub const MAX_VALUE: u64 = 2 << 30;
/// A value of up to this many bytes goes into the batch of its message; a larger one is written before.
const IN_BATCH: u64 = 256 * 1024;
/// Bytes of values in one batch at most.
const BATCH_BYTES: u64 = 2 << 20;

/// At most `len` bytes from `offset` on.
pub(crate) fn read(store: &Store, value: &LargeValue, offset: u64, len: usize) -> Result<Vec<u8>> {
    match &value.source {
        LargeSource::Staged(staged) => read_staged(staged, offset, len),
        LargeSource::Blob(blob) => {
            let available = blob.len().saturating_sub(offset).min(len as u64);
            let mut buffer = vec![0; available as usize];
            let read = store.inner.blobs.open(blob).read_at(offset, &mut buffer)?;
            buffer.truncate(read);
            Ok(buffer)
        }
    }
}

/// The whole value.
pub(crate) fn load(store: &Store, value: &Value, limit: u64) -> Result<PropertyValue> {
    match value {
        Value::Inline(value) => Ok(value.clone()),
        Value::Large(large) => {
            if large.size > limit {
                return Err(StoreError::TooBig { what: "value", size: large.size, limit });
            }
            let bytes = read(store, large, 0, large.size as usize)?;
            if bytes.len() as u64 != large.size {
                return Err(StoreError::Corrupt("a value shorter than its size".into()));
            }
            Ok(from_stream(large.property_type, &bytes)?)
        }
    }
}

/// The beginning of a value, as a table shows one that is too long for it: 255 characters, or 510 bytes.
pub(crate) fn beginning(store: &Store, value: &LargeValue) -> Result<Option<PropertyValue>> {
    up_to(store, value, 510)
}

/// At most so many bytes of a text or of binary data, as a value. None of any other.
pub(crate) fn up_to(
    store: &Store,
    value: &LargeValue,
    bytes: usize,
) -> Result<Option<PropertyValue>> {
    match value.property_type {
        PropertyType::STRING | PropertyType::STRING8 | PropertyType::BINARY => {
            let bytes = read(store, value, 0, bytes)?;
            Ok(Some(from_stream(value.property_type, &bytes)?))
        }
        _ => Ok(None),
    }
}

/// The bytes of a stream on the value.
pub(crate) fn stream_bytes(value: &PropertyValue) -> Vec<u8> {
    match value {
        PropertyValue::String(text) => text.to_utf16le(),
        PropertyValue::String8(text) => text.0.clone(),
        PropertyValue::Binary(bytes)
        | PropertyValue::ServerId(bytes)
        | PropertyValue::Restriction(bytes)
        | PropertyValue::RuleAction(bytes) => bytes.clone(),
        PropertyValue::Object => Vec::new(),
        other => {
            let mut w = Vec::new();
            other.write_typed(&mut w, CountWidth::Four);
            w
        }
    }
}

/// The value whose stream has these bytes.
pub(crate) fn from_stream(
    property_type: PropertyType,
    bytes: &[u8],
) -> Result<PropertyValue, WireError> {
    Ok(match property_type {
        PropertyType::STRING => PropertyValue::String(WString::from_utf16le(bytes)),
        PropertyType::STRING8 => PropertyValue::String8(String8(bytes.to_vec())),
        // The bytes behind an object are a stream's to read; as a value it is opened and not read.
        PropertyType::BINARY | PropertyType::OBJECT => PropertyValue::Binary(bytes.to_vec()),
        PropertyType::SERVER_ID => PropertyValue::ServerId(bytes.to_vec()),
        PropertyType::RESTRICTION => PropertyValue::Restriction(bytes.to_vec()),
        PropertyType::RULE_ACTION => PropertyValue::RuleAction(bytes.to_vec()),
        other => PropertyValue::read_typed(&mut WireReader::new(bytes), other, CountWidth::Four)?,
    })
}

/// Writes the values of a message that are too large for the batch of its save, at any depth.
pub(crate) fn store_body(store: &Store, body: &mut MessageBody) -> Result<()> {
    let mut in_batch = 0;
    node::values_mut(body, &mut |value| store_value(store, value, &mut in_batch))
}

/// Writes all values that are too large for a record.
pub(crate) fn store_properties(store: &Store, properties: &mut Properties) -> Result<()> {
    // Nothing is left for the batch.
    let mut in_batch = BATCH_BYTES;
    properties.values_mut().try_for_each(|value| store_value(store, value, &mut in_batch))
}

/// Writes a large value as a blob, unless it is small enough to go with the batch.
fn store_value(store: &Store, value: &mut Value, in_batch: &mut u64) -> Result<()> {
    let Some((property_type, size)) = pending(value) else { return Ok(()) };
    if size > MAX_VALUE {
        return Err(StoreError::TooBig { what: "value", size, limit: MAX_VALUE });
    }
    if size <= IN_BATCH && *in_batch + size <= BATCH_BYTES {
        *in_batch += size;
        return Ok(());
    }
    let blob = match value {
        Value::Inline(inline) => store.inner.blobs.put(&stream_bytes(inline)[..])?,
        Value::Large(LargeValue { source: LargeSource::Staged(staged), .. }) => {
            store.inner.blobs.put(&**staged)?
        }
        Value::Large(_) => return Ok(()),
    };
    *value = saved(property_type, blob);
    Ok(())
}

/// Type and size of a value that must become a blob.
fn pending(value: &Value) -> Option<(PropertyType, u64)> {
    match value {
        Value::Inline(inline) if inline.size() > INLINE_LIMIT => {
            Some((inline.property_type(), inline.size() as u64))
        }
        Value::Large(LargeValue { source: LargeSource::Staged(staged), property_type, .. }) => {
            Some((*property_type, Source::len(&**staged)))
        }
        _ => None,
    }
}

fn saved(property_type: PropertyType, blob: BlobRef) -> Value {
    let source = LargeSource::Blob(blob);
    Value::Large(LargeValue { property_type, size: blob.len(), source })
}

/// Adds the values of a message that are still pending to the batch, and moves the markers of its blobs
/// from what the message referred to before to what it refers to now.
pub(crate) fn mark_message(
    tx: &mut Tx<'_>,
    id: MessageId,
    before: &MessageBody,
    now: &mut MessageBody,
) -> Result<()> {
    let owner = message_owner(id);
    let blobs = tx.mailbox.store.inner.blobs.clone();
    let number = tx.mailbox.number();
    let old = references(node::values(before));
    // What goes with the batch gets its marker with it; one that is there already is written once more,
    // which harms nothing.
    let mut with_batch = References::new();
    node::values_mut(now, &mut |value| {
        let Some((property_type, _)) = pending(value) else { return Ok(()) };
        let bytes = match &*value {
            Value::Inline(inline) => stream_bytes(inline),
            Value::Large(large) => match &large.source {
                LargeSource::Staged(staged) => read_staged(staged, 0, large.size as usize)?,
                LargeSource::Blob(_) => return Ok(()),
            },
        };
        let blob = blobs.put_with(&mut tx.batch, number, &owner, &bytes)?;
        with_batch.insert(blob.to_bytes(), blob);
        *value = saved(property_type, blob);
        Ok(())
    })?;
    let new = references(node::values(now));
    let mut held = old.clone();
    held.extend(with_batch);
    move_markers(tx, &owner, &held, &new)
}

pub(crate) fn mark_folder(
    tx: &mut Tx<'_>,
    id: FolderId,
    before: &Properties,
    now: &Properties,
) -> Result<()> {
    move_markers(tx, &folder_owner(id), &of_properties(before), &of_properties(now))
}

pub(crate) fn mark_store(tx: &mut Tx<'_>, before: &Properties, now: &Properties) -> Result<()> {
    move_markers(tx, STORE_OWNER, &of_properties(before), &of_properties(now))
}

pub(crate) type References = BTreeMap<[u8; BlobRef::LEN], BlobRef>;

pub(crate) fn references<'a>(values: impl IntoIterator<Item = &'a Value>) -> References {
    values
        .into_iter()
        .filter_map(|value| match value {
            Value::Large(LargeValue { source: LargeSource::Blob(blob), .. }) => {
                Some((blob.to_bytes(), *blob))
            }
            _ => None,
        })
        .collect()
}

pub(crate) fn of_properties(properties: &Properties) -> References {
    references(properties.iter().map(|(_, value)| value))
}

fn move_markers(tx: &mut Tx<'_>, owner: &[u8], old: &References, new: &References) -> Result<()> {
    let blobs = tx.mailbox.store.inner.blobs.clone();
    let number = tx.mailbox.number();
    for (_, blob) in old.iter().filter(|(key, _)| !new.contains_key(*key)) {
        blobs.unreference(&mut tx.batch, number, owner, blob);
    }
    for (_, blob) in new.iter().filter(|(key, _)| !old.contains_key(*key)) {
        blobs.reference(&mut tx.batch, number, owner, blob)?;
    }
    Ok(())
}

/// Who holds a blob, as it stands in its marker.
pub(crate) const STORE_OWNER: &[u8] = b"s";

pub(crate) fn folder_owner(id: FolderId) -> Vec<u8> {
    [&b"f"[..], &keys::fid(id)].concat()
}

pub(crate) fn message_owner(id: MessageId) -> Vec<u8> {
    [&b"m"[..], &keys::mid(id)].concat()
}

/// Makes large values of another store values of the target's: within one store blobs are shared.
pub(crate) fn adopt_properties(
    source: &Mailbox,
    target: &Mailbox,
    properties: &mut Properties,
) -> Result<()> {
    properties.values_mut().try_for_each(|value| adopt(source, target, value))
}

pub(crate) fn adopt_body(source: &Mailbox, target: &Mailbox, body: &mut MessageBody) -> Result<()> {
    node::values_mut(body, &mut |value| adopt(source, target, value))
}

fn adopt(source: &Mailbox, target: &Mailbox, value: &mut Value) -> Result<()> {
    if std::sync::Arc::ptr_eq(&source.store.inner, &target.store.inner) {
        return Ok(());
    }
    if let Value::Large(large) = value
        && let LargeSource::Blob(blob) = large.source
    {
        let from = Foreign { store: &source.store, blob };
        *value = saved(large.property_type, target.store.inner.blobs.put(&from)?);
    }
    Ok(())
}

/// A blob of another store, read piece by piece.
struct Foreign<'a> {
    store: &'a Store,
    blob: BlobRef,
}

impl Source for Foreign<'_> {
    fn len(&self) -> u64 {
        self.blob.len()
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> crate::engine::Result<()> {
        match self.store.inner.blobs.open(&self.blob).read_at(offset, buffer)? {
            read if read == buffer.len() => Ok(()),
            _ => Err(crate::engine::Error::BlobLost),
        }
    }
}
