//! Recipient rows ([MS-OXCDATA] 2.8.3).

use crate::row::PropertyRow;
use crate::tag::PropertyTag;
use crate::text::{String8, WString};
use crate::wire::{Reader, SizedBytes, Wire, WireError, WireWith};

/// Text of a recipient row: its flags say for the whole row whether it is UTF-16 or 8-bit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowText {
    Unicode(WString),
    /// In the code page of the logon.
    Bytes(String8),
}

impl From<&str> for RowText {
    fn from(text: &str) -> Self {
        RowText::Unicode(text.into())
    }
}

/// What kind of address the row has, and the fields that only this kind has ([MS-OXCDATA] 2.8.3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecipientAddress {
    /// No kind, or one that only its name tells: the O flag is set and the AddressType follows.
    Other {
        address_type: Option<String8>,
    },
    /// An address book entry, by its distinguished name.
    X500 {
        /// How many bytes of `AddressPrefix`, which the server keeps per logon, stand before `dn`.
        prefix_used: u8,
        display_type: u8,
        dn: String8,
    },
    MsMail,
    Smtp,
    Fax,
    ProfessionalOfficeSystem,
    /// A personal distribution list; `second` tells the two types of it apart.
    DistributionList {
        second: bool,
        entry_id: Vec<u8>,
        search_key: Vec<u8>,
    },
}

/// A RecipientRow ([MS-OXCDATA] 2.8.3.2). The context is the recipient columns of the request or the
/// answer; `properties` hold the first `column_count` of them.
///
/// All texts of a row are of one width. When a row mixes them, the whole row goes out as Unicode, each
/// 8-bit text as one character a byte.
#[derive(Debug, Clone, PartialEq)]
pub struct RecipientRow {
    pub address: RecipientAddress,
    /// R: another transport delivers to this recipient.
    pub responsible: bool,
    /// N: the recipient does not get rich text.
    pub non_rich: bool,
    pub email_address: Option<RowText>,
    pub display_name: Option<RowText>,
    pub simple_display_name: Option<RowText>,
    pub transmittable_name: TransmittableName,
    /// U: the texts are UTF-16. It says nothing when the row has no text.
    pub unicode: bool,
    /// The flag bits without a meaning, as they came: four reserved ones, and the O flag beside another
    /// kind of address.
    pub reserved: u16,
    /// How many of the columns the row has properties for.
    pub column_count: u16,
    pub properties: PropertyRow,
}

/// The T and S flags ([MS-OXCDATA] 2.8.3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransmittableName {
    Absent,
    /// S: the transmittable name is the display name.
    SameAsDisplayName,
    /// T: the row has a name of its own; `same` is an S flag that came along with it.
    Own {
        name: RowText,
        same: bool,
    },
}

// The bits of RecipientFlags ([MS-OXCDATA] 2.8.3.1).
const TYPE: u16 = 0x0007;
const EMAIL_ADDRESS: u16 = 0x0008;
const DISPLAY_NAME: u16 = 0x0010;
const TRANSMITTABLE: u16 = 0x0020;
const SAME: u16 = 0x0040;
const RESPONSIBLE: u16 = 0x0080;
const NON_RICH: u16 = 0x0100;
const UNICODE: u16 = 0x0200;
const SIMPLE: u16 = 0x0400;
const RESERVED: u16 = 0x7800;
const OTHER_TYPE: u16 = 0x8000;

impl RecipientRow {
    /// A row with an SMTP address, a display name and the given properties of the first columns.
    pub fn smtp(email_address: &str, display_name: &str, properties: PropertyRow) -> Self {
        RecipientRow {
            address: RecipientAddress::Smtp,
            responsible: false,
            non_rich: false,
            email_address: Some(email_address.into()),
            display_name: Some(display_name.into()),
            simple_display_name: None,
            transmittable_name: TransmittableName::SameAsDisplayName,
            unicode: true,
            reserved: 0,
            column_count: u16::try_from(properties.len()).unwrap_or(u16::MAX),
            properties,
        }
    }

    fn texts(&self) -> [Option<&RowText>; 4] {
        let own = match &self.transmittable_name {
            TransmittableName::Own { name, .. } => Some(name),
            TransmittableName::Absent | TransmittableName::SameAsDisplayName => None,
        };
        [
            self.email_address.as_ref(),
            self.display_name.as_ref(),
            self.simple_display_name.as_ref(),
            own,
        ]
    }

    /// Whether the row goes out in UTF-16.
    fn writes_unicode(&self) -> bool {
        let mut texts = self.texts().into_iter().flatten().peekable();
        match texts.peek() {
            None => self.unicode,
            Some(_) => texts.any(|text| matches!(text, RowText::Unicode(_))),
        }
    }

    fn flags(&self, unicode: bool) -> u16 {
        let kind = match &self.address {
            RecipientAddress::Other { address_type: None } => 0,
            RecipientAddress::Other { address_type: Some(_) } => OTHER_TYPE,
            RecipientAddress::X500 { .. } => 1,
            RecipientAddress::MsMail => 2,
            RecipientAddress::Smtp => 3,
            RecipientAddress::Fax => 4,
            RecipientAddress::ProfessionalOfficeSystem => 5,
            RecipientAddress::DistributionList { second: false, .. } => 6,
            RecipientAddress::DistributionList { second: true, .. } => 7,
        };
        let transmittable = match self.transmittable_name {
            TransmittableName::Absent => 0,
            TransmittableName::SameAsDisplayName => SAME,
            TransmittableName::Own { same: false, .. } => TRANSMITTABLE,
            TransmittableName::Own { same: true, .. } => TRANSMITTABLE | SAME,
        };
        let flag = |set: bool, flag: u16| if set { flag } else { 0 };
        let meaningless = if kind & TYPE == 0 { RESERVED } else { RESERVED | OTHER_TYPE };
        kind | transmittable
            | flag(self.email_address.is_some(), EMAIL_ADDRESS)
            | flag(self.display_name.is_some(), DISPLAY_NAME)
            | flag(self.simple_display_name.is_some(), SIMPLE)
            | flag(self.responsible, RESPONSIBLE)
            | flag(self.non_rich, NON_RICH)
            | flag(unicode, UNICODE)
            | self.reserved & meaningless
    }
}

impl WireWith<[PropertyTag]> for RecipientRow {
    fn read_with(r: &mut Reader<'_>, columns: &[PropertyTag]) -> Result<Self, WireError> {
        let flags = u16::read(r)?;
        let unicode = flags & UNICODE != 0;
        let address = read_address(r, flags)?;
        let mut text = |flag: u16| match flags & flag {
            0 => Ok(None),
            _ => read_text(r, unicode).map(Some),
        };
        let email_address = text(EMAIL_ADDRESS)?;
        let display_name = text(DISPLAY_NAME)?;
        let simple_display_name = text(SIMPLE)?;
        let same = flags & SAME != 0;
        let transmittable_name = match text(TRANSMITTABLE)? {
            Some(name) => TransmittableName::Own { name, same },
            None if same => TransmittableName::SameAsDisplayName,
            None => TransmittableName::Absent,
        };
        let column_count = u16::read(r)?;
        let Some(columns) = columns.get(..usize::from(column_count)) else {
            return Err(r.bad("at most the recipient columns", u64::from(column_count), 2));
        };
        Ok(RecipientRow {
            address,
            responsible: flags & RESPONSIBLE != 0,
            non_rich: flags & NON_RICH != 0,
            email_address,
            display_name,
            simple_display_name,
            transmittable_name,
            unicode,
            reserved: flags & if flags & TYPE == 0 { RESERVED } else { RESERVED | OTHER_TYPE },
            column_count,
            properties: PropertyRow::read_with(r, columns)?,
        })
    }

    fn write_with(&self, w: &mut Vec<u8>, columns: &[PropertyTag]) {
        let unicode = self.writes_unicode();
        self.flags(unicode).write(w);
        match &self.address {
            RecipientAddress::X500 { prefix_used, display_type, dn } => {
                prefix_used.write(w);
                display_type.write(w);
                dn.write(w);
            }
            RecipientAddress::DistributionList { entry_id, search_key, .. } => {
                SizedBytes::<u16>::from(entry_id.clone()).write(w);
                SizedBytes::<u16>::from(search_key.clone()).write(w);
            }
            RecipientAddress::Other { address_type: Some(address_type) } => address_type.write(w),
            RecipientAddress::Other { address_type: None }
            | RecipientAddress::MsMail
            | RecipientAddress::Smtp
            | RecipientAddress::Fax
            | RecipientAddress::ProfessionalOfficeSystem => {}
        }
        self.texts().into_iter().flatten().for_each(|text| write_text(w, text, unicode));
        let columns = &columns[..columns.len().min(usize::from(self.column_count))];
        (columns.len() as u16).write(w);
        self.properties.write_with(w, columns);
    }
}

fn read_address(r: &mut Reader<'_>, flags: u16) -> Result<RecipientAddress, WireError> {
    Ok(match flags & TYPE {
        0 => RecipientAddress::Other {
            address_type: match flags & OTHER_TYPE {
                0 => None,
                _ => Some(String8::read(r)?),
            },
        },
        1 => RecipientAddress::X500 {
            prefix_used: u8::read(r)?,
            display_type: u8::read(r)?,
            dn: String8::read(r)?,
        },
        2 => RecipientAddress::MsMail,
        3 => RecipientAddress::Smtp,
        4 => RecipientAddress::Fax,
        5 => RecipientAddress::ProfessionalOfficeSystem,
        kind => RecipientAddress::DistributionList {
            second: kind == 7,
            entry_id: SizedBytes::<u16>::read(r)?.bytes,
            search_key: SizedBytes::<u16>::read(r)?.bytes,
        },
    })
}

fn read_text(r: &mut Reader<'_>, unicode: bool) -> Result<RowText, WireError> {
    Ok(match unicode {
        true => RowText::Unicode(WString::read(r)?),
        false => RowText::Bytes(String8::read(r)?),
    })
}

fn write_text(w: &mut Vec<u8>, text: &RowText, unicode: bool) {
    match text {
        RowText::Unicode(text) => text.write(w),
        RowText::Bytes(text) if unicode => {
            WString::from_utf16(text.0.iter().map(|byte| u16::from(*byte))).write(w);
        }
        RowText::Bytes(text) => text.write(w),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Cell;

    const COLUMNS: [PropertyTag; 2] =
        [PropertyTag::new(0x0FFE_0003), PropertyTag::new(0x3A00_001F)];

    fn round_trip(row: &RecipientRow) -> Vec<u8> {
        let mut w = Vec::new();
        row.write_with(&mut w, &COLUMNS);
        let mut r = Reader::new(&w);
        assert_eq!(RecipientRow::read_with(&mut r, &COLUMNS).as_ref(), Ok(row));
        assert!(r.is_empty());
        w
    }

    #[test]
    fn an_smtp_recipient() {
        let properties = PropertyRow::Standard(vec![6.into()]);
        let bytes = round_trip(&RecipientRow::smtp("a", "b", properties));
        assert_eq!(bytes, [0x5B, 2, 97, 0, 0, 0, 98, 0, 0, 0, 1, 0, 0, 6, 0, 0, 0]);
    }

    #[test]
    fn every_kind_of_address_round_trips() {
        let own = TransmittableName::Own { name: RowText::Bytes("c".into()), same: true };
        for address in [
            RecipientAddress::Other { address_type: None },
            RecipientAddress::X500 { prefix_used: 3, display_type: 0, dn: "/o=x".into() },
            RecipientAddress::MsMail,
            RecipientAddress::Fax,
            RecipientAddress::ProfessionalOfficeSystem,
            RecipientAddress::DistributionList {
                second: true,
                entry_id: vec![1, 2],
                search_key: vec![],
            },
            RecipientAddress::Other { address_type: Some("FAX".into()) },
        ] {
            round_trip(&RecipientRow {
                address,
                responsible: true,
                non_rich: true,
                email_address: None,
                display_name: Some(RowText::Bytes("b".into())),
                simple_display_name: Some(RowText::Bytes("s".into())),
                transmittable_name: own.clone(),
                unicode: false,
                reserved: 0x0800,
                column_count: 2,
                properties: PropertyRow::Flagged(vec![Cell::Value(0.into()), Cell::Absent]),
            });
        }
    }

    #[test]
    fn more_properties_than_columns_are_refused() {
        let mut w = Vec::new();
        RecipientRow::smtp("a", "b", PropertyRow::Standard(vec![6.into()]))
            .write_with(&mut w, &COLUMNS);
        assert!(RecipientRow::read_with(&mut Reader::new(&w), &[]).is_err());
    }
}
