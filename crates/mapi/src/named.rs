//! Names of named properties ([MS-OXCDATA] 2.6).

use crate::guid::Guid;
use crate::text::WString;
use crate::wire::{Reader, Wire, WireError};

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

// [MS-OXCDATA] 2.6.1: the Kind field.
const KIND_ID: u8 = 0x00;
const KIND_NAME: u8 = 0x01;
const KIND_NONE: u8 = 0xff;

/// The longest string name on the wire, in UTF-16 units: its size with the null is one byte.
pub const MAX_NAME_UNITS: usize = 126;

/// A PropertyName structure, whose Kind may say that there is no name: so GetNamesFromPropertyIds answers
/// for an id that nothing is mapped to. Such a Kind stands alone ([MS-OXCPRPT] 3.2.5.9, and so does
/// Exchange), though [MS-OXCDATA] 2.6.1 draws a GUID behind every one.
impl Wire for Option<PropertyName> {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let kind = u8::read(r)?;
        if kind == KIND_NONE {
            return Ok(None);
        }
        let set = Guid::read(r)?;
        let kind = match kind {
            KIND_ID => PropertyNameKind::Id(u32::read(r)?),
            KIND_NAME => PropertyNameKind::Name(read_name(r)?),
            other => return Err(r.bad("a kind of property name", u64::from(other), 17)),
        };
        Ok(Some(PropertyName { set, kind }))
    }

    fn write(&self, w: &mut Vec<u8>) {
        match self {
            Some(name) => name.write(w),
            None => w.push(KIND_NONE),
        }
    }
}

/// A PropertyName structure that must have a name. Use `Option<PropertyName>` where bytes from outside may
/// say that there is none.
impl Wire for PropertyName {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        match Option::<PropertyName>::read(r)? {
            Some(name) => Ok(name),
            None => Err(r.bad("a property name", u64::from(KIND_NONE), 1)),
        }
    }

    /// A string longer than [`MAX_NAME_UNITS`] is cut.
    fn write(&self, w: &mut Vec<u8>) {
        match &self.kind {
            PropertyNameKind::Id(lid) => {
                w.push(KIND_ID);
                self.set.write(w);
                lid.write(w);
            }
            PropertyNameKind::Name(name) => {
                w.push(KIND_NAME);
                self.set.write(w);
                write_name(w, name);
            }
        }
    }
}

/// The size in bytes, then the text; usually with a terminating null, which the size counts.
fn read_name(r: &mut Reader<'_>) -> Result<WString, WireError> {
    let size = usize::from(u8::read(r)?);
    let bytes = r.bytes(size, "as many bytes of a name as its size says")?;
    Ok(WString::from_utf16le(bytes.strip_suffix(&[0, 0]).unwrap_or(bytes)))
}

fn write_name(w: &mut Vec<u8>, name: &WString) {
    let mut units = name.to_utf16();
    units.truncate(MAX_NAME_UNITS);
    units.push(0);
    w.push((units.len() * 2) as u8);
    units.into_iter().for_each(|unit| unit.write(w));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_kinds_of_names() {
        let set = Guid([7; 16]);
        let id = Some(PropertyName::id(set, 0x8005));
        assert_eq!(id.to_wire()[17..], [5, 0x80, 0, 0]);
        let string = Some(PropertyName::string(set, "ab"));
        assert_eq!(string.to_wire()[17..], [6, 97, 0, 98, 0, 0, 0]);
        assert_eq!(Option::<PropertyName>::None.to_wire(), [0xff]);
        for name in [id, string, None] {
            assert_eq!(Option::<PropertyName>::from_wire(&name.to_wire()), Ok(name));
        }
        assert!(PropertyName::from_wire(&None.to_wire()).is_err());
    }

    #[test]
    fn a_long_name_is_cut_to_what_its_size_can_count() {
        let name = PropertyName::string(Guid([0; 16]), &"x".repeat(300));
        let read = PropertyName::from_wire(&name.to_wire()).expect("a readable name");
        assert_eq!(read.kind, PropertyNameKind::Name("x".repeat(MAX_NAME_UNITS).into()));
    }
}
