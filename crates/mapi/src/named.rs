//! Names of named properties ([MS-OXCDATA] 2.6).

use crate::guid::Guid;
use crate::text::WString;

/// What a named property is called: a property set and a number or a string.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PropertyName {
    pub set: Guid,
    pub kind: PropertyNameKind,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PropertyNameKind {
    /// A LID.
    Id(u32),
    Name(WString),
}

impl PropertyName {
    pub const fn id(set: Guid, lid: u32) -> Self {
        PropertyName { set, kind: PropertyNameKind::Id(lid) }
    }

    pub fn string(set: Guid, name: &str) -> Self {
        PropertyName { set, kind: PropertyNameKind::Name(name.into()) }
    }
}
