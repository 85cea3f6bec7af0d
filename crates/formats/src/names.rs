//! Maps of named properties, as MSG and PST files keep them ([MS-OXMSG] 2.2.3, [MS-PST] 2.4.7): GUIDs,
//! entries and strings in three streams.

use std::collections::HashMap;

use mapi::generated::named::{PS_MAPI, PS_PUBLIC_STRINGS};
use mapi::{Guid, PropertyKey, PropertyName, PropertyNameKind, WString};

use crate::report::{Kind, Report};

/// What the property ids from 0x8000 on are called in a file.
#[derive(Debug, Default)]
pub struct Names(HashMap<u16, PropertyName>);

impl Names {
    pub fn read(guids: &[u8], entries: &[u8], strings: &[u8], report: &mut Report) -> Names {
        let mut names = HashMap::new();
        for (index, entry) in entries.as_chunks::<8>().0.iter().enumerate() {
            match read_entry(entry, guids, strings) {
                Ok((id, name)) => {
                    names.insert(id, name);
                }
                Err(why) => {
                    report.refuse(Kind::Structure, format!("property name {index}"), why);
                }
            }
        }
        Names(names)
    }

    /// What a property id stands for; None for an id that the map should name and does not.
    pub fn key(&self, id: u16) -> Option<PropertyKey> {
        match id < 0x8000 {
            true => Some(PropertyKey::Tag(id)),
            false => self.0.get(&id).cloned().map(PropertyKey::Named),
        }
    }
}

// [MS-OXMSG] 2.2.3.1.2: the number or the place of the string, then index and kind, then the property's
// place in the range from 0x8000 on.
fn read_entry(
    entry: &[u8; 8],
    guids: &[u8],
    strings: &[u8],
) -> Result<(u16, PropertyName), String> {
    let [a, b, c, d, index_low, index_high, property_low, property_high] = *entry;
    let number = u32::from_le_bytes([a, b, c, d]);
    let index = u16::from_le_bytes([index_low, index_high]);
    let property = u16::from_le_bytes([property_low, property_high]);
    let id = property
        .checked_add(0x8000)
        .ok_or_else(|| format!("the property index {property:#06x} is too large"))?;
    let set = property_set(index >> 1, guids)
        .ok_or_else(|| format!("its property set {} does not exist", index >> 1))?;
    let kind = match index & 1 {
        0 => PropertyNameKind::Id(number),
        _ => PropertyNameKind::Name(
            string(number, strings).ok_or_else(|| format!("no name stands at {number:#x}"))?,
        ),
    };
    Ok((id, PropertyName { set, kind }))
}

// [MS-OXMSG] 2.2.3.1.2.
fn property_set(index: u16, guids: &[u8]) -> Option<Guid> {
    match index {
        0 => Some(Guid::NULL),
        1 => Some(PS_MAPI),
        2 => Some(PS_PUBLIC_STRINGS),
        _ => {
            let start = usize::from(index.checked_sub(3)?) * 16;
            guids.get(start..)?.first_chunk().copied().map(Guid)
        }
    }
}

// [MS-OXMSG] 2.2.3.1.3: the length in bytes, then UTF-16 without a terminating null.
fn string(offset: u32, strings: &[u8]) -> Option<WString> {
    let rest = strings.get(offset as usize..)?;
    let length = u32::from_le_bytes(*rest.first_chunk()?) as usize;
    rest[4..].get(..length).map(WString::from_utf16le)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numbers_and_strings() {
        let guids = [9; 16];
        let strings = [4, 0, 0, 0, b'h', 0, b'i', 0];
        let number = [0x23, 0x85, 0, 0, 0x06, 0, 1, 0];
        assert_eq!(
            read_entry(&number, &guids, &strings),
            Ok((0x8001, PropertyName::id(Guid([9; 16]), 0x8523)))
        );
        let name = [0, 0, 0, 0, 0x05, 0, 2, 0];
        assert_eq!(
            read_entry(&name, &guids, &strings),
            Ok((0x8002, PropertyName::string(PS_PUBLIC_STRINGS, "hi")))
        );
        assert!(read_entry(&[0, 0, 0, 0, 0x08, 0, 2, 0], &guids, &strings).is_err());
        assert!(read_entry(&[9, 0, 0, 0, 0x05, 0, 2, 0], &guids, &strings).is_err());
        assert!(read_entry(&[0, 0, 0, 0, 0x02, 0, 0xff, 0xff], &guids, &strings).is_err());
    }
}
