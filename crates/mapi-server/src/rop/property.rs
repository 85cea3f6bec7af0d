//! Properties of logons, folders, messages and attachments ([MS-OXCPRPT] 3.2.5.1 to 3.2.5.5).

use mapi::row::TaggedValue;
use mapi::wire::{Counted, Wire};
use mapi::{
    Cell, ErrorCode, PropertyProblem, PropertyRow, PropertyTag, PropertyType, PropertyValue,
    Restriction,
};
use mapi_rop::parts::Columns;
use mapi_rop::property::{
    DeletePropertiesRequest, GetPropertiesAllRequest, GetPropertiesAllResponse,
    GetPropertiesSpecificRequest, GetPropertiesSpecificResponse, PropertyProblemsResponse,
    SetPropertiesRequest,
};
use mapi_rop::table::TagsResponse;
use store::mailbox::store_properties;
use store::{INLINE_LIMIT, Value, folder, message};

use crate::body;
use crate::call::Call;
use crate::convert::{TextWish, cell_of, stored_tag, to_client, to_stored};
use crate::error::Result;
use crate::handles::NodeId;
use crate::object::{Access, Object};

/// RopGetPropertiesSpecific ([MS-OXCPRPT] 3.2.5.1).
pub fn get_properties_specific(
    call: &mut Call<'_>,
    input: NodeId,
    request: &GetPropertiesSpecificRequest,
) -> Result<GetPropertiesSpecificResponse> {
    super::stream::flush(call, input)?;
    let columns: Columns = request.tags.items.as_slice().into();
    let wish = wish(call, input, request.want_unicode != 0);
    let values = values(call, input, &columns)?;
    let mut large = Vec::new();
    let mut cells = Vec::with_capacity(columns.len());
    for (value, tag) in values.into_iter().zip(columns.iter()) {
        if let Some(Value::Large(_)) = &value {
            large.push((cells.len(), value.clone()));
        }
        let cell = match cell_of(value, *tag, wish) {
            // MS-OXCPRPT R62; PropertySizeLimit is ignored (R9070101).
            Cell::Value(value) if value.size() > MAX_ROW => Cell::Error(ErrorCode::OUT_OF_MEMORY),
            cell => cell,
        };
        cells.push(cell);
    }
    load_large(call, &mut cells, large, &columns, wish)?;
    let mut row = PropertyRow::from_cells(cells);
    if row_size(&row, &columns) > MAX_ROW {
        row = shrink(row, &columns);
    }
    Ok(GetPropertiesSpecificResponse { columns, row })
}

/// Bytes that a row may take in the largest buffer: a payload of 32 kB, less the header of the answer and
/// room for a handle table.
const MAX_ROW: usize = 31 * 1024;

/// Puts large values into their cells as long as the answer has room for them.
fn load_large(
    call: &Call<'_>,
    cells: &mut [Cell],
    large: Vec<(usize, Option<Value>)>,
    columns: &[PropertyTag],
    wish: TextWish,
) -> Result<()> {
    if large.is_empty() {
        return Ok(());
    }
    let used = cells_size(cells);
    let mut left = call.room.min(MAX_ROW).saturating_sub(used + LARGE_RESERVE);
    for (index, value) in large {
        let Some(value) = value else { continue };
        let size = value.size() as usize;
        if size > left {
            continue;
        }
        let loaded = call.processor.store.load(&value, MAX_ROW as u64)?;
        if let Ok(value) = to_client(loaded, columns[index], wish) {
            left -= size;
            cells[index] = Cell::Value(value);
        }
    }
    Ok(())
}

/// Kept free for the header of the answer and the handle table.
const LARGE_RESERVE: usize = 256;

fn cells_size(cells: &[Cell]) -> usize {
    let size = |cell: &Cell| match cell {
        Cell::Value(value) => value.size() + 5,
        Cell::Absent | Cell::Error(_) => 7,
    };
    cells.iter().map(size).sum()
}

fn row_size(row: &PropertyRow, columns: &[PropertyTag]) -> usize {
    mapi_rop::table::row_size(row, columns, &mut Vec::new())
}

/// Replaces the largest values by errors until the row fits into the largest buffer.
fn shrink(row: PropertyRow, columns: &[PropertyTag]) -> PropertyRow {
    let mut cells = row.into_cells();
    loop {
        let size = |cell: &Cell| match cell {
            Cell::Value(value) => value.size(),
            Cell::Absent | Cell::Error(_) => 0,
        };
        let Some(largest) = (0..cells.len()).max_by_key(|index| size(&cells[*index])) else {
            break;
        };
        if size(&cells[largest]) < 8 {
            break;
        }
        cells[largest] = Cell::Error(ErrorCode::OUT_OF_MEMORY);
        if row_size(&PropertyRow::Flagged(cells.clone()), columns) <= MAX_ROW {
            break;
        }
    }
    PropertyRow::from_cells(cells)
}

/// RopGetPropertiesAll ([MS-OXCPRPT] 3.2.5.2).
pub fn get_properties_all(
    call: &mut Call<'_>,
    input: NodeId,
    request: &GetPropertiesAllRequest,
) -> Result<GetPropertiesAllResponse> {
    super::stream::flush(call, input)?;
    let unicode = request.want_unicode != 0;
    let wish = wish(call, input, unicode);
    let tags = tags(call, input)?;
    let values = values(call, input, &tags)?;
    let mut out = Vec::with_capacity(tags.len());
    for (value, tag) in values.into_iter().zip(tags) {
        let open = tag.with_type(PropertyType::UNSPECIFIED);
        let told = match cell_of(value, open, wish) {
            Cell::Value(value) if value.size() <= INLINE_LIMIT => value,
            // What is too large is told as an error in its place (MS-OXCPRPT R84); PropertySizeLimit is
            // ignored (R90707).
            Cell::Value(_) => PropertyValue::ErrorCode(ErrorCode::OUT_OF_MEMORY),
            Cell::Error(code) if code == ErrorCode::OUT_OF_MEMORY => PropertyValue::ErrorCode(code),
            Cell::Error(_) | Cell::Absent => continue,
        };
        out.push(TaggedValue { tag: tag.with_type(told.property_type()), value: told });
    }
    Ok(GetPropertiesAllResponse { values: Counted::from(fit_all(out)) })
}

/// Bytes of an error with its tag.
const ERROR_SIZE: usize = 8;

/// Replaces the largest values by errors until all fit into the largest buffer (MS-OXCPRPT R643). What
/// counts is what a value takes on the wire: text has twice the bytes there that it has here.
fn fit_all(mut values: Vec<TaggedValue>) -> Vec<TaggedValue> {
    let mut scratch = Vec::new();
    let mut sizes: Vec<usize> = values
        .iter()
        .map(|value| {
            scratch.clear();
            value.write(&mut scratch);
            scratch.len()
        })
        .collect();
    let mut total: usize = sizes.iter().sum();
    while total > MAX_ROW {
        let Some(largest) = (0..sizes.len()).max_by_key(|index| sizes[*index]) else { break };
        let size = std::mem::replace(&mut sizes[largest], ERROR_SIZE);
        if size <= ERROR_SIZE {
            break;
        }
        total -= size - ERROR_SIZE;
        values[largest] = TaggedValue {
            tag: values[largest].tag.with_type(PropertyType::ERROR_CODE),
            value: PropertyValue::ErrorCode(ErrorCode::OUT_OF_MEMORY),
        };
    }
    values
}

/// RopGetPropertiesList ([MS-OXCPRPT] 3.2.5.3).
pub fn get_properties_list(call: &mut Call<'_>, input: NodeId) -> Result<TagsResponse> {
    super::stream::flush(call, input)?;
    Ok(TagsResponse { tags: Counted::from(tags(call, input)?) })
}

/// RopSetProperties ([MS-OXCPRPT] 3.2.5.4).
pub fn set_properties(
    call: &mut Call<'_>,
    input: NodeId,
    request: &SetPropertiesRequest,
) -> Result<PropertyProblemsResponse> {
    let code_page = wish(call, input, true).code_page;
    let mailbox = call.mailbox()?;
    let values: Vec<(PropertyTag, Value)> = request
        .values
        .0
        .iter()
        .map(|v| (stored_tag(v.tag), Value::Inline(to_stored(v.value.clone(), code_page))))
        .collect();
    let problems = match call.tree.get_mut(input) {
        Some(Object::Logon(_)) => store_properties::set(&mailbox, values)?,
        Some(Object::Folder(object)) => folder::set(&mailbox, object.id, values)?,
        Some(Object::Message(object)) => {
            need_write(object.access)?;
            let bytes = values.iter().map(|(_, value)| value.size()).sum::<u64>();
            object.entry.resize(object.entry.bytes() + bytes)?;
            let is_computed = match object.edit.base.is_none() {
                true => message::is_read_only,
                false => is_computed_once_saved,
            };
            let written: Vec<PropertyTag> = values.iter().map(|(tag, _)| *tag).collect();
            let problems = apply(values, is_computed, |tag, value| {
                object.edit.body.properties.set(tag, value);
            });
            message::body::written(&mut object.edit.body.properties, &written);
            message::subject_written(&mut object.edit.body.properties, &written);
            object.dirty = true;
            problems
        }
        Some(Object::Attachment(object)) => {
            need_write(object.access)?;
            let bytes = values.iter().map(|(_, value)| value.size()).sum::<u64>();
            object.entry.resize(object.entry.bytes() + bytes)?;
            let problems = apply(values, message::is_computed_of_attachment, |tag, value| {
                object.edit.properties.set(tag, value);
            });
            object.dirty = true;
            problems
        }
        _ => return Err(ErrorCode::NOT_SUPPORTED.into()),
    };
    Ok(PropertyProblemsResponse { problems: Counted::from(problems) })
}

/// Whether a client may not write a property of an object.
pub(super) fn is_read_only(object: &Object, tag: PropertyTag) -> bool {
    match object {
        Object::Logon(_) => false,
        Object::Folder(_) => folder::is_computed(tag),
        Object::Message(message) if message.edit.base.is_none() => message::is_read_only(tag),
        Object::Message(_) => is_computed_once_saved(tag),
        Object::Attachment(_) => message::is_computed_of_attachment(tag),
        _ => true,
    }
}

/// The flags of a message are the client's up to the first save (MS-OXCMSG R31).
fn is_computed_once_saved(tag: PropertyTag) -> bool {
    message::is_read_only(tag) || tag.id() == mapi::tags::MESSAGE_FLAGS.id()
}

/// Sets what may be set; the others are told as problems (MS-OXCPRPT R47505, R47506).
fn apply(
    values: Vec<(PropertyTag, Value)>,
    is_computed: fn(PropertyTag) -> bool,
    mut set: impl FnMut(PropertyTag, Value),
) -> Vec<PropertyProblem> {
    let mut problems = Vec::new();
    for (index, (tag, value)) in values.into_iter().enumerate() {
        let error = match value.property_type() {
            _ if is_computed(tag) => Some(ErrorCode::COMPUTED),
            PropertyType::NULL | PropertyType::ERROR_CODE | PropertyType::OBJECT => {
                Some(ErrorCode::INVALID_TYPE)
            }
            _ => None,
        };
        match error {
            None => set(tag, value),
            Some(error) => problems.push(problem(index, tag, error)),
        }
    }
    problems
}

fn problem(index: usize, tag: PropertyTag, error: ErrorCode) -> PropertyProblem {
    PropertyProblem { index: u16::try_from(index).unwrap_or(u16::MAX), tag, error }
}

/// RopDeleteProperties ([MS-OXCPRPT] 3.2.5.5).
pub fn delete_properties(
    call: &mut Call<'_>,
    input: NodeId,
    request: &DeletePropertiesRequest,
) -> Result<PropertyProblemsResponse> {
    let mailbox = call.mailbox()?;
    let tags: Vec<PropertyTag> = request.tags.items.iter().map(|tag| stored_tag(*tag)).collect();
    let problems = match call.tree.get_mut(input) {
        Some(Object::Logon(_)) => store_properties::delete(&mailbox, &tags)?,
        Some(Object::Folder(object)) => folder::delete_properties(&mailbox, object.id, &tags)?,
        Some(Object::Message(object)) => {
            need_write(object.access)?;
            object.dirty = true;
            let properties = &mut object.edit.body.properties;
            remove(&tags, message::is_read_only, |tag| drop(properties.remove(tag)))
        }
        Some(Object::Attachment(object)) => {
            need_write(object.access)?;
            object.dirty = true;
            let properties = &mut object.edit.properties;
            remove(&tags, message::is_computed_of_attachment, |tag| drop(properties.remove(tag)))
        }
        _ => return Err(ErrorCode::NOT_SUPPORTED.into()),
    };
    Ok(PropertyProblemsResponse { problems: Counted::from(problems) })
}

fn remove(
    tags: &[PropertyTag],
    is_computed: fn(PropertyTag) -> bool,
    mut remove: impl FnMut(PropertyTag),
) -> Vec<PropertyProblem> {
    let mut problems = Vec::new();
    for (index, tag) in tags.iter().enumerate() {
        match is_computed(*tag) {
            true => problems.push(problem(index, *tag, ErrorCode::COMPUTED)),
            false => remove(*tag),
        }
    }
    problems
}

fn need_write(access: Access) -> Result<()> {
    match access {
        Access::ReadWrite => Ok(()),
        Access::ReadOnly => Err(ErrorCode::ACCESS_DENIED.into()),
    }
}

/// How text of an object goes out (MS-OXCPRPT R461 to R465).
fn wish(call: &Call<'_>, node: NodeId, unicode: bool) -> TextWish {
    let object = call.tree.get(node);
    let owner = call.tree.owner(node).and_then(|owner| call.tree.get(owner));
    match (object, owner) {
        (Some(Object::Message(message)), _)
        | (Some(Object::Attachment(_)), Some(Object::Message(message))) => {
            TextWish { unicode, code_page: message.code_page }
        }
        _ => call.wish(unicode),
    }
}

/// The values of an object's properties, in the order of the tags.
pub(super) fn values(
    call: &Call<'_>,
    node: NodeId,
    tags: &[PropertyTag],
) -> Result<Vec<Option<Value>>> {
    let mailbox = call.mailbox_of(node)?;
    let stored: Vec<PropertyTag> = tags.iter().map(|tag| stored_tag(*tag)).collect();
    let mut values = match call.tree.get(node) {
        Some(Object::Logon(_)) => {
            let values = store_properties::get(&mailbox, &stored)?.into_iter().zip(&stored);
            let own = |tag| super::logon::session_property(call.session, tag);
            values.map(|(value, tag)| own(*tag).or(value)).collect()
        }
        Some(Object::Folder(object)) => folder::get(&mailbox, object.id, &stored)?,
        Some(Object::Message(object)) => {
            let store = &call.processor.store;
            let properties = &object.edit.body.properties;
            let value = |tag: &PropertyTag| match body::in_row(store, properties, *tag, &stored) {
                None => message_value(&mailbox, object, *tag),
                value => Ok(value),
            };
            stored.iter().map(value).collect::<Result<_>>()?
        }
        Some(Object::Attachment(object)) => {
            let level = Value::from(access_level(object.access));
            let value = |tag: &PropertyTag| match *tag {
                mapi::tags::ACCESS_LEVEL => Some(level.clone()),
                tag => message::attachment_property(&object.edit, tag),
            };
            stored.iter().map(value).collect()
        }
        _ => return Err(ErrorCode::NOT_SUPPORTED.into()),
    };
    super::permission::overlay(call, node, &stored, &mut values)?;
    Ok(values)
}

/// PidTagAccessLevel ([MS-OXCPRPT] 2.2.1.2).
fn access_level(access: Access) -> i32 {
    i32::from(access == Access::ReadWrite)
}

/// A message's property as this client sees it: PidTagAccessLevel tells how it was opened.
fn message_value(
    mailbox: &store::Mailbox,
    object: &crate::object::Message,
    tag: PropertyTag,
) -> Result<Option<Value>> {
    if tag == mapi::tags::ACCESS_LEVEL {
        return Ok(Some(Value::from(access_level(object.access))));
    }
    if let Some(id) = object.embedded
        && tag == mapi::tags::MID
    {
        return Ok(Some(Value::from(id.to_i64())));
    }
    Ok(message::get(mailbox, &object.edit, tag)?)
}

/// All properties that an object has.
fn tags(call: &Call<'_>, node: NodeId) -> Result<Vec<PropertyTag>> {
    let mailbox = call.mailbox()?;
    Ok(match call.tree.get(node) {
        Some(Object::Logon(_)) => store_properties::tags(&mailbox)?,
        Some(Object::Folder(object)) => folder::tags(&mailbox, object.id)?,
        Some(Object::Message(object)) => {
            let mut tags = message::tags(&mailbox, &object.edit)?;
            if object.embedded.is_some() && !tags.contains(&mapi::tags::MID) {
                tags.push(mapi::tags::MID);
            }
            message::body::list(&object.edit.body.properties, &mut tags);
            tags
        }
        Some(Object::Attachment(object)) => message::attachment_tags(&object.edit),
        _ => return Err(ErrorCode::NOT_SUPPORTED.into()),
    })
}

/// A restriction with text in the form that the store keeps.
pub(super) fn map_restriction(restriction: Restriction, code_page: u32) -> Restriction {
    map_text(restriction, &stored_tag, &|value| to_stored(value, code_page))
}

/// A restriction with its tags and values in another form.
pub(super) fn map_text(
    restriction: Restriction,
    form: &dyn Fn(PropertyTag) -> PropertyTag,
    text: &dyn Fn(PropertyValue) -> PropertyValue,
) -> Restriction {
    let map = |restriction| map_text(restriction, form, text);
    let value = |v: TaggedValue| TaggedValue { tag: form(v.tag), value: text(v.value) };
    match restriction {
        Restriction::And(all) => Restriction::And(all.into_iter().map(map).collect()),
        Restriction::Or(any) => Restriction::Or(any.into_iter().map(map).collect()),
        Restriction::Not(inner) => Restriction::Not(Box::new(map(*inner))),
        Restriction::Content { level, tag, value: v } => {
            Restriction::Content { level, tag: form(tag), value: value(v) }
        }
        Restriction::Property { relation, tag, value: v } => {
            Restriction::Property { relation, tag: form(tag), value: value(v) }
        }
        Restriction::CompareProperties { relation, left, right } => {
            Restriction::CompareProperties { relation, left: form(left), right: form(right) }
        }
        Restriction::Exist { tag } => Restriction::Exist { tag: form(tag) },
        Restriction::SubObject { tag, restriction } => {
            Restriction::SubObject { tag, restriction: Box::new(map(*restriction)) }
        }
        Restriction::Comment { values, restriction } => Restriction::Comment {
            values,
            restriction: restriction.map(|inner| Box::new(map(*inner))),
        },
        Restriction::Count { limit, restriction } => {
            Restriction::Count { limit, restriction: Box::new(map(*restriction)) }
        }
        other @ (Restriction::Bitmask { .. } | Restriction::Size { .. }) => other,
    }
}
