//! Properties of the store object itself ([MS-OXCSTOR] 2.2.2).

use mapi::{PropertyProblem, PropertyTag};

use crate::value::Value;
use crate::{Mailbox, Result, StoreError};

/// The values by id, in the order of the tags; None where there is none.
pub fn get(_mailbox: &Mailbox, _tags: &[PropertyTag]) -> Result<Vec<Option<Value>>> {
    Err(StoreError::NotImplemented("store_properties::get"))
}

/// Every property that the store object has.
pub fn tags(_mailbox: &Mailbox) -> Result<Vec<PropertyTag>> {
    Err(StoreError::NotImplemented("store_properties::tags"))
}

/// Sets properties; those that cannot be set come back as problems.
pub fn set(_mailbox: &Mailbox, _values: Vec<(PropertyTag, Value)>) -> Result<Vec<PropertyProblem>> {
    Err(StoreError::NotImplemented("store_properties::set"))
}

pub fn delete(_mailbox: &Mailbox, _tags: &[PropertyTag]) -> Result<Vec<PropertyProblem>> {
    Err(StoreError::NotImplemented("store_properties::delete"))
}
