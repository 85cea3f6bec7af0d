//! Recipients ([MS-OXCMSG] 3.2.5.4 to 3.2.5.6).
//!
//! A recipient is kept as properties. On the wire, some of them stand in fields of the RecipientRow and the
//! others in columns ([MS-OXCDATA] 2.8.3).

use std::collections::BTreeMap;

use mapi::recipient::{RecipientAddress, RowText, TransmittableName};
use mapi::text::String8;
use mapi::{
    Cell, ErrorCode, PropertyRow, PropertyTag, PropertyType, PropertyValue, RecipientRow, WString,
    WireWith, tags,
};
use mapi_rop::message::{
    ModifyRecipientsRequest, OpenRecipientRow, ReadRecipientRow, ReadRecipientsRequest,
    ReadRecipientsResponse, RecipientType,
};
use mapi_rop::parts::Columns;
use store::message::Recipient;
use store::{Properties, Value};

use crate::call::Call;
use crate::convert::{TextWish, cell_of, stored_tag, text_of, to_stored};
use crate::error::Result;
use crate::handles::NodeId;
use crate::object::{Access, Message};

/// What stands in fields of the row and not in columns ([MS-OXCMSG] 2.2.3.5.1 R746).
const IN_FIELDS: [PropertyTag; 9] = [
    tags::ROWID,
    tags::RECIPIENT_TYPE,
    tags::ADDRESS_TYPE,
    tags::EMAIL_ADDRESS,
    tags::DISPLAY_NAME,
    tags::ADDRESS_BOOK_DISPLAY_NAME_PRINTABLE,
    tags::TRANSMITTABLE_DISPLAY_NAME,
    tags::SEND_RICH_INFO,
    tags::RESPONSIBILITY,
];

/// The most columns that are told.
const MAX_COLUMNS: usize = 128;

/// The columns of a message's recipients: whatever any of them has beside the fields.
pub(super) fn columns(recipients: &[Recipient]) -> Columns {
    let mut types: BTreeMap<u16, PropertyType> = BTreeMap::new();
    for (id, value) in recipients.iter().flat_map(|r| r.properties.iter()) {
        let inline = matches!(value, Value::Inline(_));
        if inline && !IN_FIELDS.iter().any(|tag| tag.id() == id) && types.len() < MAX_COLUMNS {
            types.entry(id).or_insert(value.property_type());
        }
    }
    types.into_iter().map(|(id, kind)| PropertyTag::from_parts(id, kind)).collect()
}

/// The recipients of RopOpenMessage: as many as fit (MS-OXCMSG R328). `head` bytes are taken already.
pub(super) fn open_rows(
    message: &Message,
    columns: &Columns,
    room: usize,
    head: usize,
) -> Vec<OpenRecipientRow> {
    let mut used = head;
    let mut rows = Vec::new();
    for recipient in message.edit.body.recipients.iter().take(usize::from(u8::MAX)) {
        let row = row_of(recipient, columns);
        let Some(size) = fitting_size(&row, columns) else { break };
        used += size + OPEN_ROW_HEAD;
        if used > room {
            break;
        }
        rows.push(OpenRecipientRow {
            recipient_type: type_of(recipient),
            code_page: message.code_page as u16,
            reserved: 0,
            row,
        });
    }
    rows
}

/// RecipientType, CodePageId, Reserved, RecipientRowSize.
const OPEN_ROW_HEAD: usize = 7;
/// The same with a RowId.
const READ_ROW_HEAD: usize = 11;

/// Rows of RopReadRecipients: fewer than 0xFF (MS-OXCMSG R763).
const MAX_ROWS: usize = 0xfe;

/// The bytes of a row, if its size field can hold them.
fn fitting_size(row: &RecipientRow, columns: &[PropertyTag]) -> Option<usize> {
    let mut bytes = Vec::new();
    row.write_with(&mut bytes, columns);
    u16::try_from(bytes.len()).ok().map(usize::from)
}

/// RopReadRecipients ([MS-OXCMSG] 3.2.5.6).
pub fn read_recipients(
    call: &mut Call<'_>,
    input: NodeId,
    request: &ReadRecipientsRequest,
) -> Result<ReadRecipientsResponse> {
    let room = call.room;
    let message = call.message(input)?;
    let recipients = &message.edit.body.recipients;
    let columns = columns(recipients);
    // MS-OXCMSG R1495: 0 is from the first on, whatever its number is. R1055, R403 else.
    let start = match request.row_id {
        0 => 0,
        id => recipients.iter().position(|r| r.row == id).ok_or(ErrorCode::NOT_FOUND)?,
    };
    if recipients.is_empty() {
        return Err(ErrorCode::NOT_FOUND.into());
    }
    // RopId, handle index, ReturnValue, RowCount.
    let mut used = 7;
    let mut rows = Vec::new();
    for recipient in recipients[start..].iter().take(MAX_ROWS) {
        let row = row_of(recipient, &columns);
        let Some(size) = fitting_size(&row, &columns) else { break };
        used += size + READ_ROW_HEAD;
        if used > room {
            break;
        }
        rows.push(ReadRecipientRow {
            row_id: recipient.row,
            recipient_type: type_of(recipient),
            code_page: message.code_page as u16,
            reserved: 0,
            row,
        });
    }
    // MS-OXCMSG R1056
    if rows.is_empty() {
        return Err(ErrorCode::BUFFER_TOO_SMALL.into());
    }
    Ok(ReadRecipientsResponse { columns, rows })
}

/// RopRemoveAllRecipients ([MS-OXCMSG] 3.2.5.4).
pub fn remove_all_recipients(call: &mut Call<'_>, input: NodeId) -> Result<()> {
    let message = writable(call, input)?;
    message.edit.body.recipients.clear();
    forget_names(message);
    message.dirty = true;
    Ok(())
}

/// What is shown of recipients is kept where there are none ([MS-OXOMSG] 2.2.1.7 to 2.2.1.9: messages that came
/// without them); those that were taken away are not shown.
fn forget_names(message: &mut Message) {
    if message.edit.body.recipients.is_empty() {
        for tag in [tags::DISPLAY_TO, tags::DISPLAY_CC, tags::DISPLAY_BCC] {
            message.edit.body.properties.remove(tag);
        }
    }
}

/// The most recipients of a message.
const MAX_RECIPIENTS: usize = 0x7fee;

/// RopModifyRecipients ([MS-OXCMSG] 3.2.5.5).
pub fn modify_recipients(
    call: &mut Call<'_>,
    input: NodeId,
    request: &ModifyRecipientsRequest,
) -> Result<()> {
    let message = writable(call, input)?;
    let code_page = message.code_page;
    let recipients = &mut message.edit.body.recipients;
    for change in &request.rows {
        let place = recipients.binary_search_by_key(&change.row_id, |r| r.row);
        match (&change.row, place) {
            // MS-OXCMSG R391
            (None, Ok(index)) => drop(recipients.remove(index)),
            (None, Err(_)) => {}
            // MS-OXCMSG R390: what was there before is gone.
            (Some(row), Ok(index)) => {
                recipients[index].properties =
                    properties_of(row, change.recipient_type, &request.columns, code_page);
            }
            // MS-OXCMSG R389
            (Some(row), Err(index)) => {
                if recipients.len() >= MAX_RECIPIENTS {
                    return Err(ErrorCode::TOO_MANY_RECIPIENTS.into());
                }
                let properties =
                    properties_of(row, change.recipient_type, &request.columns, code_page);
                recipients.insert(index, Recipient { row: change.row_id, properties });
            }
        }
    }
    message.dirty = true;
    let taken = request.rows.iter().any(|change| change.row.is_none());
    let bytes = recipients.iter().map(|r| 64 + bytes_of(&r.properties)).sum::<u64>();
    message.entry.resize(message.entry.bytes().max(bytes))?;
    if taken {
        forget_names(message);
    }
    Ok(())
}

fn bytes_of(properties: &Properties) -> u64 {
    properties.iter().map(|(_, value)| value.size() + 8).sum()
}

fn writable<'a>(call: &'a mut Call<'_>, input: NodeId) -> Result<&'a mut Message> {
    let message = call.message(input)?;
    match message.access {
        Access::ReadWrite => Ok(message),
        Access::ReadOnly => Err(ErrorCode::ACCESS_DENIED.into()),
    }
}

fn type_of(recipient: &Recipient) -> RecipientType {
    let kind = recipient.properties.inline(tags::RECIPIENT_TYPE).and_then(|v| v.as_i32());
    // The flags for resending stand in the high bits of both (MS-OXCMSG R1298, R984).
    let flags = kind.map_or(1, |kind| (kind & 0x0f) | (kind >> 24 & 0xf0));
    RecipientType(flags as u8)
}

/// A recipient as a row. All text is Unicode.
fn row_of(recipient: &Recipient, columns: &[PropertyTag]) -> RecipientRow {
    let properties = &recipient.properties;
    let text = |tag| properties.inline(tag).and_then(|v| v.as_text()).cloned();
    let flag = |tag| properties.inline(tag).and_then(|v| v.as_bool());
    let bytes = |tag| properties.inline(tag).and_then(|v| v.as_binary()).map(<[u8]>::to_vec);
    let address_type = text(tags::ADDRESS_TYPE);
    let email = text(tags::EMAIL_ADDRESS);
    let display_name = text(tags::DISPLAY_NAME);
    let kind = address_type.as_ref().map(|kind| kind.to_string_lossy().to_ascii_uppercase());
    let (address, email_address) = match (kind.as_deref(), email) {
        (Some("EX"), Some(dn)) => {
            let display_type = properties.inline(tags::DISPLAY_TYPE).and_then(|v| v.as_i32());
            let dn = String8(dn.to_string_lossy().into_owned().into_bytes());
            let display_type = display_type.unwrap_or(0) as u8;
            (RecipientAddress::X500 { prefix_used: 0, display_type, dn }, None)
        }
        (Some("SMTP"), email) => (RecipientAddress::Smtp, email),
        (Some("FAX"), email) => (RecipientAddress::Fax, email),
        (Some("MS"), email) => (RecipientAddress::MsMail, email),
        (Some("PROFS"), email) => (RecipientAddress::ProfessionalOfficeSystem, email),
        (Some("MAPIPDL"), email) if bytes(tags::ENTRY_ID).is_some() => {
            // DT_PRIVATE_DISTLIST, and the other kind that has the same layout.
            let second = properties.inline(tags::DISPLAY_TYPE).and_then(|v| v.as_i32()) != Some(5);
            let (id, key) = (bytes(tags::ENTRY_ID), bytes(tags::SEARCH_KEY));
            let (entry_id, search_key) = (id.unwrap_or_default(), key.unwrap_or_default());
            (RecipientAddress::DistributionList { second, entry_id, search_key }, email)
        }
        (Some(other), email) => {
            let name = String8(other.as_bytes().to_vec());
            (RecipientAddress::Other { address_type: Some(name) }, email)
        }
        (None, email) => (RecipientAddress::Other { address_type: None }, email),
    };
    let transmittable = text(tags::TRANSMITTABLE_DISPLAY_NAME);
    let transmittable_name = match transmittable {
        None => TransmittableName::Absent,
        Some(name) if Some(&name) == display_name.as_ref() => TransmittableName::SameAsDisplayName,
        Some(name) => TransmittableName::Own { name: RowText::Unicode(name), same: false },
    };
    let wish = TextWish { unicode: true, code_page: 1252 };
    let cells: Vec<Cell> =
        columns.iter().map(|tag| cell_of(properties.get(*tag).cloned(), *tag, wish)).collect();
    let row = PropertyRow::from_cells(cells);
    RecipientRow {
        address,
        responsible: flag(tags::RESPONSIBILITY).unwrap_or(false),
        non_rich: flag(tags::SEND_RICH_INFO) == Some(false),
        email_address: email_address.map(RowText::Unicode),
        display_name: display_name.map(RowText::Unicode),
        simple_display_name: text(tags::ADDRESS_BOOK_DISPLAY_NAME_PRINTABLE).map(RowText::Unicode),
        transmittable_name,
        unicode: true,
        reserved: 0,
        column_count: columns.len() as u16,
        properties: row,
    }
}

/// A row as properties of a recipient.
fn properties_of(
    row: &RecipientRow,
    kind: RecipientType,
    columns: &[PropertyTag],
    code_page: u32,
) -> Properties {
    let mut properties = Properties::new();
    let cells = row.properties.clone().into_cells();
    for (tag, cell) in columns.iter().zip(cells) {
        if let Cell::Value(value) = cell {
            let value = to_stored(value, code_page);
            if !matches!(value, PropertyValue::Null | PropertyValue::ErrorCode(_)) {
                properties.set(stored_tag(*tag), value);
            }
        }
    }
    let number = i32::from(kind.0 & 0x0f) | i32::from(kind.0 & 0xf0) << 24;
    properties.set(tags::RECIPIENT_TYPE, number);
    let text = |text: &RowText| match text {
        RowText::Unicode(text) => text.clone(),
        RowText::Bytes(bytes) => text_of(bytes, code_page),
    };
    let mut email = row.email_address.as_ref().map(text);
    let address_type = match &row.address {
        RecipientAddress::X500 { display_type, dn, .. } => {
            email = Some(text_of(dn, code_page));
            properties.set(tags::DISPLAY_TYPE, i32::from(*display_type));
            Some(WString::from("EX"))
        }
        RecipientAddress::Smtp => Some("SMTP".into()),
        RecipientAddress::Fax => Some("FAX".into()),
        RecipientAddress::MsMail => Some("MS".into()),
        RecipientAddress::ProfessionalOfficeSystem => Some("PROFS".into()),
        RecipientAddress::Other { address_type } => {
            address_type.as_ref().map(|name| text_of(name, code_page))
        }
        RecipientAddress::DistributionList { second, entry_id, search_key } => {
            /// DT_PRIVATE_DISTLIST; 0 for the second kind ([MS-OXCDATA] 2.8.3.1 has both).
            const PRIVATE_LIST: i32 = 5;
            properties.set(tags::DISPLAY_TYPE, if *second { 0 } else { PRIVATE_LIST });
            properties.set(tags::ENTRY_ID, entry_id.clone());
            properties.set(tags::SEARCH_KEY, search_key.clone());
            Some("MAPIPDL".into())
        }
    };
    let mut set = |tag: PropertyTag, value: Option<WString>| {
        if let Some(value) = value {
            properties.set(tag, value);
        }
    };
    set(tags::ADDRESS_TYPE, address_type);
    set(tags::EMAIL_ADDRESS, email);
    let display_name = row.display_name.as_ref().map(text);
    let transmittable = match &row.transmittable_name {
        TransmittableName::Absent => None,
        TransmittableName::SameAsDisplayName => display_name.clone(),
        TransmittableName::Own { name, .. } => Some(text(name)),
    };
    set(tags::DISPLAY_NAME, display_name);
    set(tags::TRANSMITTABLE_DISPLAY_NAME, transmittable);
    set(tags::ADDRESS_BOOK_DISPLAY_NAME_PRINTABLE, row.simple_display_name.as_ref().map(text));
    properties.set(tags::SEND_RICH_INFO, !row.non_rich);
    properties.set(tags::RESPONSIBILITY, row.responsible);
    properties
}
