//! Look-up in the generated tables: what a tag, a property set, a name or a code is called.

use crate::error::ErrorCode;
use crate::generated::errors::ERRORS;
use crate::generated::named::{NAMES, SETS};
use crate::generated::tags::TAGS;
use crate::guid::Guid;
use crate::named::{PropertyName, PropertyNameKind};
use crate::tag::{PropertyTag, PropertyType};

/// A named property that [MS-OXPROPS] defines: its name and the type of its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownName {
    pub set: Guid,
    pub lid: u32,
    pub property_type: PropertyType,
}

impl KnownName {
    pub const fn new(set: Guid, lid: u32, property_type: PropertyType) -> Self {
        KnownName { set, lid, property_type }
    }

    pub const fn name(self) -> PropertyName {
        PropertyName::id(self.set, self.lid)
    }
}

/// The name of a tag, `PidTagDisplayName`, or an older `PR_` name where [MS-OXPROPS] has none. A tag whose
/// type is not in the table gets the name of its id (a string in 8-bit characters, an error in a row).
///
/// None for ids from 0x8000 on: those are named differently in every mailbox.
pub fn tag_name(tag: PropertyTag) -> Option<&'static str> {
    match tag.is_named() {
        true => None,
        false => table_name(tag),
    }
}

/// The name of a tag of the address book, whose ids from 0x8000 on are fixed ([MS-OXNSPI]).
pub fn address_book_tag_name(tag: PropertyTag) -> Option<&'static str> {
    table_name(tag)
}

/// The name of a property set, such as `PSETID_Common`.
pub fn set_name(set: Guid) -> Option<&'static str> {
    SETS.binary_search_by_key(&set, |(known, _)| *known).ok().map(|index| SETS[index].1)
}

/// The name of a numeric named property, such as `PidLidFileUnder`.
pub fn property_name(name: &PropertyName) -> Option<&'static str> {
    let PropertyNameKind::Id(lid) = name.kind else { return None };
    let index = NAMES.binary_search_by_key(&(name.set, lid), |(set, lid, _)| (*set, *lid)).ok()?;
    Some(NAMES[index].2)
}

/// The name of an error or warning code, such as `ecNotFound`.
pub fn error_name(code: ErrorCode) -> Option<&'static str> {
    ERRORS.binary_search_by_key(&code.0, |(known, _)| *known).ok().map(|index| ERRORS[index].1)
}

fn table_name(tag: PropertyTag) -> Option<&'static str> {
    if let Ok(index) = TAGS.binary_search_by_key(&tag.0, |(known, _)| *known) {
        let name = TAGS[index].1;
        // The table lists the 8-bit twin of a string under an older name.
        if name.starts_with("PidTag") || tag.property_type() != PropertyType::STRING8 {
            return Some(name);
        }
    }
    let start = TAGS.partition_point(|(known, _)| known >> 16 < u32::from(tag.id()));
    let same_id =
        || TAGS[start..].iter().take_while(|(known, _)| known >> 16 == u32::from(tag.id()));
    let canonical = same_id().find(|(_, name)| name.starts_with("PidTag"));
    canonical.or(same_id().next()).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generated::{named, tags};

    #[test]
    fn tables_are_sorted_for_the_search() {
        assert!(TAGS.is_sorted_by_key(|(tag, _)| *tag));
        assert!(SETS.is_sorted_by_key(|(set, _)| *set));
        assert!(NAMES.is_sorted_by_key(|(set, lid, _)| (*set, *lid)));
        assert!(ERRORS.is_sorted_by_key(|(code, _)| *code));
    }

    #[test]
    fn tags_have_names_by_tag_and_by_id() {
        assert_eq!(tag_name(tags::DISPLAY_NAME), Some("PidTagDisplayName"));
        assert_eq!(tag_name(PropertyTag::new(0x3001_001E)), Some("PidTagDisplayName"));
        assert_eq!(tag_name(PropertyTag::new(0x3001_000A)), Some("PidTagDisplayName"));
        assert_eq!(tag_name(PropertyTag::new(0x8006_001E)), None);
        assert!(address_book_tag_name(PropertyTag::new(0x8006_001E)).is_some());
        assert_eq!(tag_name(PropertyTag::new(0x4BFF_0000)), None);
    }

    #[test]
    fn names_and_codes_are_found() {
        assert_eq!(property_name(&named::lid::FILE_UNDER.name()), Some("PidLidFileUnder"));
        assert_eq!(set_name(named::PSETID_COMMON), Some("PSETID_Common"));
        assert_eq!(set_name(Guid([7; 16])), None);
        assert_eq!(error_name(ErrorCode::NOT_FOUND), Some("ecNotFound"));
        assert_eq!(ErrorCode::NOT_IMPLEMENTED.0, 0x8004_0FFF);
        assert_eq!(ErrorCode::NULL_OBJECT.0, 0x0000_04B9);
        assert_eq!(ErrorCode::OBJECT_MODIFIED, ErrorCode::OBJECT_CHANGED);
    }
}
