//! Values that are being written piece by piece and are not saved yet.
//!
//! They count against the area of their owner and against the store's budget for all of them, and a crash
//! leaves nothing behind.

use std::sync::Arc;

use mapi::PropertyType;

use crate::blob::{Meter, Source, StagedBytes, StagingArea};
use crate::large;
use crate::value::{LargeSource, LargeValue, Value};
use crate::{Result, Store, StoreError};

/// A bounded place for unsaved values; a session owns one. What is written in it counts until it is
/// dropped or saved, also if it outlives the area.
pub struct Staging {
    store: Store,
    area: StagingArea,
}

/// A value that is being written. Its bytes are those of a stream: text in UTF-16LE.
pub struct StagedValue {
    property_type: PropertyType,
    area: StagingArea,
    bytes: Arc<StagedBytes>,
}

/// Bytes copied at a time.
const STEP: usize = 256 * 1024;

impl Staging {
    pub(crate) fn new(store: &Store, limit: u64, meter: Option<Arc<dyn Meter>>) -> Self {
        let inner = &store.inner;
        let area = StagingArea::new(
            limit,
            inner.staged.clone(),
            inner.staged_memory.clone(),
            inner.staging_directory.as_deref(),
        );
        let area = match meter {
            Some(meter) => area.metered(meter),
            None => area,
        };
        Staging { store: store.clone(), area }
    }

    /// Bytes in use.
    pub fn used(&self) -> u64 {
        self.area.used()
    }

    /// An empty value of a type.
    pub fn create(&self, property_type: PropertyType) -> Result<StagedValue> {
        let bytes = Arc::new(self.area.create()?);
        Ok(StagedValue { property_type, area: self.area.clone(), bytes })
    }

    /// A copy of a value, to be changed.
    ///
    /// Errors: [`StoreError::Quota`] if it does not fit.
    pub fn edit(&self, value: &Value) -> Result<StagedValue> {
        let mut staged = self.create(value.property_type())?;
        match value {
            Value::Inline(value) => staged.write_at(0, &large::stream_bytes(value))?,
            Value::Large(value) => {
                let mut offset = 0;
                while offset < value.size {
                    let bytes = self.store.read_large(value, offset, STEP)?;
                    if bytes.is_empty() {
                        return Err(StoreError::Corrupt("a value shorter than its size".into()));
                    }
                    staged.write_at(offset, &bytes)?;
                    offset += bytes.len() as u64;
                }
            }
        }
        Ok(staged)
    }
}

impl StagedValue {
    /// Bytes.
    pub fn size(&self) -> u64 {
        self.bytes.len()
    }

    pub fn property_type(&self) -> PropertyType {
        self.property_type
    }

    /// At most `len` bytes from `offset` on.
    pub fn read_at(&self, offset: u64, len: usize) -> Result<Vec<u8>> {
        read_staged(&self.bytes, offset, len)
    }

    /// Writes over what is there and beyond the end; a gap becomes zero bytes.
    ///
    /// Errors: [`StoreError::Quota`] beyond the bounds of the staging area or the store.
    pub fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<()> {
        if offset.saturating_add(bytes.len() as u64) > large::MAX_VALUE {
            return Err(StoreError::Quota("the size of a value"));
        }
        Ok(self.own()?.write_at(offset, bytes)?)
    }

    /// Cuts, or fills up with zero bytes.
    pub fn set_size(&mut self, size: u64) -> Result<()> {
        if size > large::MAX_VALUE {
            return Err(StoreError::Quota("the size of a value"));
        }
        Ok(self.own()?.set_len(size)?)
    }

    /// The value as it is now, to be set as a property. It stays counted until the last clone is dropped.
    pub fn value(&self) -> Result<Value> {
        if self.size() <= crate::INLINE_LIMIT as u64 {
            let bytes = self.read_at(0, crate::INLINE_LIMIT)?;
            return Ok(Value::Inline(large::from_stream(self.property_type, &bytes)?));
        }
        Ok(Value::Large(LargeValue {
            property_type: self.property_type,
            size: self.size(),
            source: LargeSource::Staged(self.bytes.clone()),
        }))
    }

    /// The bytes alone; a value taken before keeps its own.
    fn own(&mut self) -> Result<&mut StagedBytes> {
        if Arc::get_mut(&mut self.bytes).is_none() {
            let mut copy = self.area.create()?;
            let mut offset = 0;
            while offset < self.bytes.len() {
                let piece = read_staged(&self.bytes, offset, STEP)?;
                copy.write_at(offset, &piece)?;
                offset += piece.len() as u64;
            }
            self.bytes = Arc::new(copy);
        }
        Arc::get_mut(&mut self.bytes).ok_or(StoreError::Invalid("a staged value is shared"))
    }
}

/// At most `len` bytes from `offset` on.
pub(crate) fn read_staged(bytes: &StagedBytes, offset: u64, len: usize) -> Result<Vec<u8>> {
    let available = Source::len(bytes).saturating_sub(offset).min(len as u64);
    let mut buffer = vec![0; available as usize];
    bytes.read_exact_at(offset, &mut buffer)?;
    Ok(buffer)
}
