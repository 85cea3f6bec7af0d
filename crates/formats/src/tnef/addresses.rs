//! Addresses of attributes: a name, and `TYPE:address`.

use mapi::entry_id::OneOffEntryId;
use mapi::{PropertyBag, PropertyTag, Wire};

use crate::text::charsets;

/// The properties that hold one of a message's correspondents ([MS-OXTNEF] 2.1.3.1.1).
#[derive(Debug, Clone, Copy)]
pub struct CorrespondentTags {
    pub name: PropertyTag,
    pub address_type: PropertyTag,
    pub email_address: PropertyTag,
    pub entry_id: PropertyTag,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub name: String,
    pub address_type: String,
    pub email_address: String,
}

/// trpidOneOff ([MS-OXTNEF] 2.1.3.3.1): every attFrom is one.
const ONE_OFF: u16 = 4;
/// Of the TRP structure.
const TRIPLE_SIZE: usize = 8;

impl Address {
    /// None unless every property is there: a reader makes all of them of the attribute.
    pub fn of(bag: &PropertyBag, tags: &CorrespondentTags) -> Option<Address> {
        let text = |tag| bag.text(tag).map(|text| text.replace('\0', "")).filter(|t| !t.is_empty());
        bag.get(tags.entry_id)?;
        Some(Address {
            name: text(tags.name)?,
            address_type: text(tags.address_type)?,
            email_address: text(tags.email_address)?,
        })
    }

    pub fn set(&self, bag: &mut PropertyBag, tags: &CorrespondentTags) {
        let Address { name, address_type, email_address } = self;
        bag.set(tags.name, name.as_str());
        bag.set(tags.address_type, address_type.as_str());
        bag.set(tags.email_address, email_address.as_str());
        bag.set(tags.entry_id, OneOffEntryId::new(name, address_type, email_address).to_wire());
    }

    fn from_texts(name: &str, typed: &str) -> Result<Address, String> {
        let (address_type, email_address) =
            typed.split_once(':').ok_or("its address has no type")?;
        Ok(Address {
            name: name.to_owned(),
            address_type: address_type.to_ascii_uppercase(),
            email_address: email_address.to_owned(),
        })
    }

    fn texts(&self, code_page: u32) -> Option<(Vec<u8>, Vec<u8>)> {
        let text = |text: &str| {
            let mut bytes = charsets::encode(code_page, text)?;
            bytes.push(0);
            Some(bytes)
        };
        let typed = format!("{}:{}", self.address_type, self.email_address);
        Some((text(&self.name)?, text(&typed)?))
    }
}

/// attFrom: a TRP structure, the name, the address ([MS-OXTNEF] 2.1.3.3.1).
pub fn read_triple(data: &[u8], code_page: u32) -> Result<Address, String> {
    let (header, texts) = data.split_first_chunk::<TRIPLE_SIZE>().ok_or("it is cut off")?;
    let number = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
    if number(0) != ONE_OFF {
        return Err(format!("its addresses have the type {}, which is unknown", number(0)));
    }
    let (name, typed) =
        texts.split_at_checked(usize::from(number(4))).ok_or("its name is cut off")?;
    let typed = typed.get(..usize::from(number(6))).ok_or("its address is cut off")?;
    Address::from_texts(&text(code_page, name), &text(code_page, typed))
}

/// None if the texts are longer than their lengths can say, or in no code page.
pub fn write_triple(address: &Address, code_page: u32) -> Option<Vec<u8>> {
    let (mut name, typed) = address.texts(code_page)?;
    if !name.len().is_multiple_of(2) {
        name.push(0);
    }
    let total = u16::try_from(2 * TRIPLE_SIZE + name.len() + typed.len()).ok()?;
    let mut out = Vec::with_capacity(usize::from(total));
    for number in [ONE_OFF, total, name.len() as u16, typed.len() as u16] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.extend_from_slice(&name);
    out.extend_from_slice(&typed);
    // A structure of nulls ends the list.
    out.extend_from_slice(&[0; TRIPLE_SIZE]);
    Some(out)
}

/// attOwner and attSentFor: counted strings ([MS-OXTNEF] 2.1.3.3.16, 2.1.3.3.17).
pub fn read_counted(data: &[u8], code_page: u32) -> Result<Address, String> {
    let counted = |data: &[u8]| -> Option<(String, usize)> {
        let length = usize::from(u16::from_le_bytes(*data.first_chunk()?));
        Some((text(code_page, data.get(2..2 + length)?), 2 + length))
    };
    let (name, used) = counted(data).ok_or("its name is cut off")?;
    let (typed, _) = counted(&data[used..]).ok_or("its address is cut off")?;
    Address::from_texts(&name, &typed)
}

/// None if the texts are longer than their lengths can say, or in no code page.
pub fn write_counted(address: &Address, code_page: u32) -> Option<Vec<u8>> {
    let (name, typed) = address.texts(code_page)?;
    let mut out = Vec::with_capacity(4 + name.len() + typed.len());
    for text in [name, typed] {
        out.extend_from_slice(&u16::try_from(text.len()).ok()?.to_le_bytes());
        out.extend_from_slice(&text);
    }
    Some(out)
}

/// A text of an attribute, which a null ends.
pub fn text(code_page: u32, data: &[u8]) -> String {
    let end = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
    charsets::decode(code_page, &data[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address() -> Address {
        Address {
            name: "Jörg".into(),
            address_type: "SMTP".into(),
            email_address: "joerg@example.com".into(),
        }
    }

    #[test]
    fn triples_come_back() {
        let written = write_triple(&address(), 1252).unwrap();
        // The name with its null and a byte to make it even, the address with its null.
        assert_eq!(written[..8], [4, 0, 45, 0, 6, 0, 23, 0]);
        assert_eq!(written.len(), 45);
        assert_eq!(read_triple(&written, 1252), Ok(address()));
        for length in 0..37 {
            assert!(read_triple(&written[..length], 1252).is_err(), "{length}");
        }
        assert!(read_triple(&[1, 0, 8, 0, 0, 0, 0, 0], 1252).is_err());
    }

    #[test]
    fn counted_strings_come_back() {
        let written = write_counted(&address(), 1252).unwrap();
        assert_eq!(written[..2], [5, 0]);
        assert_eq!(read_counted(&written, 1252), Ok(address()));
        for length in 0..written.len() {
            assert!(read_counted(&written[..length], 1252).is_err(), "{length}");
        }
        assert_eq!(read_counted(b"\x01\0\0\x02\0a\0", 1252), Err("its address has no type".into()));
    }

    #[test]
    fn a_text_that_is_too_long_is_left_out() {
        let long = Address { name: "a".repeat(70_000), ..address() };
        assert_eq!(write_triple(&long, 1252), None);
        assert_eq!(write_counted(&long, 1252), None);
    }
}
