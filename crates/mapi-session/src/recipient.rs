//! Recipients of a message ([MS-OXCMSG] 2.2.1.38, 2.2.3.5; [MS-OXCDATA] 2.8.3).

use std::sync::Arc;

use mapi::recipient::{RecipientAddress, RowText, TransmittableName};
use mapi::{Cell, PropertyRow, PropertyTag, PropertyValue, RecipientRow, tags};
use mapi_rop::message::{ReadRecipientRow, RecipientType};

use crate::Row;

/// What the recipient is to the message (PidTagRecipientType without its flags).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecipientKind {
    /// The sender, in a received message.
    Originator,
    /// A primary recipient.
    To,
    /// Gets a copy, and everybody sees it.
    Cc,
    /// Gets a copy, and nobody sees it.
    Bcc,
    /// A value that [MS-OXCMSG] does not name.
    Other(u8),
}

impl From<RecipientKind> for RecipientType {
    fn from(kind: RecipientKind) -> Self {
        RecipientType(match kind {
            RecipientKind::Originator => 0,
            RecipientKind::To => 1,
            RecipientKind::Cc => 2,
            RecipientKind::Bcc => 3,
            RecipientKind::Other(other) => other,
        })
    }
}

impl From<RecipientType> for RecipientKind {
    fn from(kind: RecipientType) -> Self {
        match kind.0 & 0x0f {
            0 => RecipientKind::Originator,
            1 => RecipientKind::To,
            2 => RecipientKind::Cc,
            3 => RecipientKind::Bcc,
            _ => RecipientKind::Other(kind.0),
        }
    }
}

/// A recipient as the store has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipient {
    /// What names the recipient within its message (PidTagRowid).
    pub row_id: u32,
    /// To, Cc, Bcc...
    pub kind: RecipientKind,
    /// The address's kind, such as "SMTP" or "EX".
    pub address_type: String,
    /// The address in that kind; for "EX" the distinguished name.
    pub address: String,
    /// The name that people read (PidTagDisplayName).
    pub display_name: String,
    /// What the row has besides, among it what stands in fields of its own: PidTagSendRichInfo,
    /// PidTagResponsibility, PidTag7BitDisplayName and PidTagTransmittableDisplayName.
    pub properties: Row,
}

/// A recipient to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRecipient {
    /// To, Cc, Bcc...
    pub kind: RecipientKind,
    /// An SMTP address.
    pub address: String,
    /// The name that people read.
    pub name: String,
}

/// The properties that a new recipient's row carries besides its fixed fields.
pub(crate) const COLUMNS: [PropertyTag; 1] = [tags::SMTP_ADDRESS];

impl Recipient {
    pub(crate) fn new(read: ReadRecipientRow, columns: &Arc<[PropertyTag]>) -> Self {
        let row = read.row;
        let columns = &columns[..columns.len().min(usize::from(row.column_count))];
        let properties = with_fields(columns, &row);
        let (address_type, own_address) = match &row.address {
            RecipientAddress::Smtp => ("SMTP".to_owned(), None),
            RecipientAddress::X500 { dn, .. } => ("EX".to_owned(), Some(lossy(&dn.0))),
            RecipientAddress::MsMail => ("MS".to_owned(), None),
            RecipientAddress::Fax => ("FAX".to_owned(), None),
            RecipientAddress::ProfessionalOfficeSystem => ("PROFS".to_owned(), None),
            RecipientAddress::DistributionList { .. } => ("MAPIPDL".to_owned(), None),
            RecipientAddress::Other { address_type } => {
                (address_type.as_ref().map(|kind| lossy(&kind.0)).unwrap_or_default(), None)
            }
        };
        let address = own_address
            .or_else(|| row.email_address.as_ref().map(text))
            .or_else(|| properties.text(tags::EMAIL_ADDRESS))
            .or_else(|| properties.text(tags::SMTP_ADDRESS))
            .unwrap_or_default();
        let display_name = row
            .display_name
            .as_ref()
            .map(text)
            .or_else(|| properties.text(tags::DISPLAY_NAME))
            .unwrap_or_default();
        Recipient {
            row_id: read.row_id,
            kind: read.recipient_type.into(),
            address_type,
            address,
            display_name,
            properties,
        }
    }
}

impl NewRecipient {
    pub(crate) fn to_row(&self) -> RecipientRow {
        let properties = PropertyRow::Standard(vec![self.address.as_str().into()]);
        RecipientRow::smtp(&self.address, &self.name, properties)
    }
}

/// Cuts recipients into pieces that fit into a request of 32 KB.
pub(crate) fn pieces(all: &[NewRecipient]) -> impl Iterator<Item = &[NewRecipient]> {
    const ROOM: usize = 24 << 10;
    let mut rest = all;
    std::iter::from_fn(move || {
        let mut used = 0;
        let fits = rest.iter().position(|new| {
            // UTF-16, the address twice, and the row's own fields.
            used += 2 * (2 * new.address.len() + new.name.len()) + 64;
            used > ROOM
        });
        // One that is too long by itself goes alone, and the store says what it thinks of it.
        let (piece, left) = rest.split_at(fits.unwrap_or(rest.len()).max(rest.len().min(1)));
        rest = left;
        (!piece.is_empty()).then_some(piece)
    })
}

/// The columns of a row, and its other fields as properties ([MS-OXCDATA] 2.8.3.2).
fn with_fields(columns: &[PropertyTag], row: &RecipientRow) -> Row {
    let transmittable = match &row.transmittable_name {
        TransmittableName::Absent => None,
        TransmittableName::SameAsDisplayName => row.display_name.as_ref(),
        TransmittableName::Own { name, .. } => Some(name),
    };
    let texts = [
        (tags::ADDRESS_BOOK_DISPLAY_NAME_PRINTABLE, row.simple_display_name.as_ref()),
        (tags::TRANSMITTABLE_DISPLAY_NAME, transmittable),
    ];
    let flags = [(tags::SEND_RICH_INFO, !row.non_rich), (tags::RESPONSIBILITY, row.responsible)];
    let texts =
        texts.into_iter().filter_map(|(tag, value)| Some((tag, text(value?).as_str().into())));
    let fields = texts.chain(flags.map(|(tag, value)| (tag, PropertyValue::from(value))));
    let mut tags = columns.to_vec();
    let mut cells = row.properties.clone().into_cells();
    for (tag, value) in fields {
        tags.push(tag);
        cells.push(Cell::Value(value));
    }
    Row::new(tags.into(), PropertyRow::from_cells(cells))
}

fn text(text: &RowText) -> String {
    match text {
        RowText::Unicode(text) => text.to_string_lossy().into_owned(),
        RowText::Bytes(bytes) => lossy(&bytes.0),
    }
}

/// 8-bit text, each byte taken for the character of its number.
fn lossy(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_hold_every_recipient_once() {
        let new = |length: usize| NewRecipient {
            kind: RecipientKind::To,
            address: "a".repeat(length),
            name: String::new(),
        };
        let all: Vec<_> = (0..500).map(|_| new(100)).chain([new(40_000), new(3)]).collect();
        let pieces: Vec<_> = pieces(&all).collect();
        assert_eq!(pieces.concat(), all);
        assert!(pieces.len() > 4 && pieces.iter().all(|piece| piece.len() < 60));
        assert_eq!(super::pieces(&[]).count(), 0);
    }
}
