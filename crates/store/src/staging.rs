//! Values that are being written piece by piece and are not saved yet.

use mapi::PropertyType;

use crate::value::Value;
use crate::{Result, Store, StoreError};

/// A bounded place for unsaved values; a session owns one. Dropping it drops what it holds.
pub struct Staging {
    _store: Store,
    _limit: u64,
}

/// A value that is being written. Its bytes are those of a stream: text in UTF-16LE.
pub struct StagedValue {
    _private: (),
}

impl Staging {
    pub(crate) fn new(store: &Store, limit: u64) -> Self {
        Staging { _store: store.clone(), _limit: limit }
    }

    /// An empty value of a type.
    pub fn create(&self, _property_type: PropertyType) -> Result<StagedValue> {
        Err(StoreError::NotImplemented("Staging::create"))
    }

    /// A copy of a value, to be changed.
    pub fn edit(&self, _value: &Value) -> Result<StagedValue> {
        Err(StoreError::NotImplemented("Staging::edit"))
    }
}

impl StagedValue {
    /// Bytes.
    pub fn size(&self) -> u64 {
        0
    }

    /// At most `len` bytes from `offset` on.
    pub fn read_at(&self, _offset: u64, _len: usize) -> Result<Vec<u8>> {
        Err(StoreError::NotImplemented("StagedValue::read_at"))
    }

    /// Writes over what is there and beyond the end; a gap becomes zero bytes.
    ///
    /// Errors: [`StoreError::Quota`] beyond the bounds of the staging area or the store.
    pub fn write_at(&mut self, _offset: u64, _bytes: &[u8]) -> Result<()> {
        Err(StoreError::NotImplemented("StagedValue::write_at"))
    }

    /// Cuts, or fills up with zero bytes.
    pub fn set_size(&mut self, _size: u64) -> Result<()> {
        Err(StoreError::NotImplemented("StagedValue::set_size"))
    }

    /// The value as it is now, to be set as a property. It stays counted until the last clone is dropped.
    pub fn value(&self) -> Result<Value> {
        Err(StoreError::NotImplemented("StagedValue::value"))
    }
}
