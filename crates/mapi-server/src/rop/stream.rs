//! Streams over single properties ([MS-OXCPRPT] 3.2.5.11 to 3.2.5.19).
//!
//! A writable stream keeps its bytes in the session's staging area. They become the property's value with
//! RopCommitStream, or before a ROP looks at the owner or saves it, or when the stream is released.

use mapi::{ErrorCode, PropertyTag, PropertyType};
use mapi_rop::irregular::ReadStreamRequest;
use mapi_rop::stream::{
    CopyToStreamRequest, CopyToStreamResponse, OpenStreamRequest, ReadStreamResponse,
    SeekStreamRequest, SeekStreamResponse, SetStreamSizeRequest, StreamMode, StreamOrigin,
    StreamSizeResponse, WriteStreamRequest,
};
use store::{StagedValue, StoreError, Value, folder, message};

use super::region;
use crate::call::{Call, Opened};
use crate::convert::{stored_tag, text8_of, to_stored};
use crate::error::{Failure, Result};
use crate::handles::NodeId;
use crate::ledger::Kind;
use crate::object::{Access, Object, Stream, StreamData};
use crate::region::Use;

/// The largest stream, in bytes ([MS-OXCPRPT] 3.2.5.18 R582).
const MAX_STREAM: u64 = 1 << 31;

/// RopOpenStream ([MS-OXCPRPT] 3.2.5.11).
pub fn open_stream(
    call: &mut Call<'_>,
    input: NodeId,
    request: &OpenStreamRequest,
) -> Result<Opened<StreamSizeResponse>> {
    flush(call, input)?;
    let tag = request.tag;
    // MS-OXCPERM R183, R152: clients ask for these first, and then for the permissions table.
    const UNSUPPORTED: [PropertyTag; 2] =
        [mapi::tags::SECURITY_DESCRIPTOR_AS_XML, mapi::tags::ACCESS_CONTROL_LIST_DATA];
    if UNSUPPORTED.iter().any(|known| known.id() == tag.id()) {
        call.folder(input, ErrorCode::NOT_FOUND)?;
        return Err(ErrorCode::NOT_IMPLEMENTED.into());
    }
    // MS-OXCPRPT R88501, R8850103
    if call.is_public_folder(input) && request.mode != StreamMode::ReadOnly {
        return Err(ErrorCode::NOT_SUPPORTED.into());
    }
    let kind = tag.property_type();
    let access = match is_computed(call, input, tag) {
        // What could not be committed later is not opened for writing (MS-OXCPRPT R47506).
        true => need_streams(call, input, kind).map(|_| Access::ReadOnly)?,
        false => need_streams(call, input, kind)?,
    };
    let create = request.mode == StreamMode::Create;
    let writable = match request.mode {
        StreamMode::ReadOnly => false,
        StreamMode::BestAccess => access == Access::ReadWrite,
        StreamMode::ReadWrite | StreamMode::Create => {
            if access == Access::ReadOnly {
                return Err(ErrorCode::ACCESS_DENIED.into());
            }
            true
        }
        StreamMode::Unknown(_) => return Err(ErrorCode::INVALID_PARAMETER.into()),
    };
    let existing = match create {
        true => None,
        false => Some(current_value(call, input, tag)?),
    };
    let code_page = call.wish(true).code_page;
    let entry = call.count(Kind::Stream)?;
    let staging = &call.logon()?.staging;
    let as_8bit = kind == PropertyType::STRING8;
    let data = match (existing, writable) {
        (None, _) => StreamData::Writable(staging.create(kind)?),
        (Some(value), writable) => {
            let value = match as_8bit {
                true => to_8bit(call, value, code_page)?,
                false => value,
            };
            match writable {
                true => StreamData::Writable(staging.edit(&value)?),
                false => StreamData::ReadOnly(value),
            }
        }
    };
    let size = size_of(&data);
    // A staged value counts itself.
    if let StreamData::ReadOnly(Value::Inline(_)) = &data {
        entry.resize(entry.bytes() + size)?;
    }
    let stream = Stream { tag, data, position: 0, dirty: create, locks: Vec::new(), entry };
    let response = StreamSizeResponse { size: u32::try_from(size).unwrap_or(u32::MAX) };
    call.open(Some(input), Object::Stream(Box::new(stream)), response)
}

/// Whether an object has streams of this type ([MS-OXCPRPT] 2.2.14 R255, R25501, R256), and what may be
/// done with them.
fn need_streams(call: &Call<'_>, input: NodeId, kind: PropertyType) -> Result<Access> {
    let binary = kind == PropertyType::BINARY;
    let single = binary || kind.is_string() || kind == PropertyType::OBJECT;
    match call.tree.get(input) {
        Some(Object::Folder(_)) if binary => Ok(Access::ReadWrite),
        Some(Object::Message(message)) if single => Ok(message.access),
        Some(Object::Attachment(attachment)) if single => Ok(attachment.access),
        // MS-OXCPRPT R548
        _ => Err(ErrorCode::NOT_SUPPORTED.into()),
    }
}

/// Whether the server makes the property's value.
fn is_computed(call: &Call<'_>, input: NodeId, tag: PropertyTag) -> bool {
    match call.tree.get(input) {
        Some(Object::Folder(_)) => folder::is_computed(tag),
        Some(Object::Message(_)) => store::message::is_read_only(tag),
        Some(Object::Attachment(_)) => store::message::is_computed_of_attachment(tag),
        _ => false,
    }
}

/// The value of the property that a stream is to be opened on; ecNotFound without one (MS-OXCPRPT R549).
fn current_value(call: &Call<'_>, input: NodeId, tag: PropertyTag) -> Result<Value> {
    let value = match crate::body::whole(call, input, stored_tag(tag))? {
        None => super::property::values(call, input, &[tag])?.pop().flatten(),
        value => value,
    };
    let value = value.ok_or(ErrorCode::NOT_FOUND)?;
    let (stored, wanted) = (value.property_type(), stored_tag(tag).property_type());
    // OLE data and other objects are opened as bytes as well ([MS-OXCMSG] 2.2.2.8).
    let bytes = |kind| matches!(kind, PropertyType::OBJECT | PropertyType::BINARY);
    match stored == wanted || bytes(stored) && bytes(wanted) {
        true => Ok(value),
        false => Err(ErrorCode::NOT_FOUND.into()),
    }
}

/// The text of a value as 8-bit characters. It is read as a whole: streams of 8-bit text are bodies of
/// old clients.
fn to_8bit(call: &Call<'_>, value: Value, code_page: u32) -> Result<Value> {
    const MAX_TEXT: u64 = 64 << 20;
    match call.processor.store.load(&value, MAX_TEXT)? {
        mapi::PropertyValue::String(text) => {
            Ok(Value::Inline(mapi::PropertyValue::String8(text8_of(&text, code_page))))
        }
        other => Ok(Value::Inline(other)),
    }
}

fn size_of(data: &StreamData) -> u64 {
    match data {
        StreamData::ReadOnly(value) => value.size(),
        StreamData::Writable(staged) => staged.size(),
        StreamData::OfOwner => 0,
    }
}

/// The stream that has the bytes: a clone works on those of the stream that it was cloned from (MS-OXCPRPT
/// R757).
pub(super) fn home(call: &mut Call<'_>, node: NodeId) -> Result<NodeId> {
    match call.stream(node)?.data {
        StreamData::OfOwner => Ok(call.tree.owner(node).ok_or(ErrorCode::NULL_OBJECT)?),
        StreamData::ReadOnly(_) | StreamData::Writable(_) => Ok(node),
    }
}

/// At most `len` bytes of a stream from `offset` on.
fn read_at(
    store: &store::Store,
    data: &StreamData,
    offset: u64,
    len: usize,
) -> Result<Vec<u8>, StoreError> {
    match data {
        StreamData::Writable(staged) => staged.read_at(offset, len),
        StreamData::ReadOnly(Value::Large(value)) => store.read_large(value, offset, len),
        StreamData::ReadOnly(Value::Inline(value)) => {
            let bytes = inline_bytes(value);
            let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
            Ok(bytes[start..bytes.len().min(start.saturating_add(len))].to_vec())
        }
        StreamData::OfOwner => Ok(Vec::new()),
    }
}

/// The bytes of a small value in the form of a stream: text in UTF-16LE without a terminating null.
fn inline_bytes(value: &mapi::PropertyValue) -> std::borrow::Cow<'_, [u8]> {
    use mapi::PropertyValue as V;
    match value {
        V::Binary(bytes) | V::ServerId(bytes) | V::Restriction(bytes) | V::RuleAction(bytes) => {
            bytes.into()
        }
        V::String8(text) => (&text.0[..]).into(),
        V::String(text) => text.to_utf16le().into(),
        other => {
            let mut bytes = Vec::new();
            other.write_typed(&mut bytes, mapi::value::CountWidth::Two);
            bytes.into()
        }
    }
}

/// RopReadStream ([MS-OXCPRPT] 3.2.5.12).
pub fn read_stream(
    call: &mut Call<'_>,
    input: NodeId,
    request: &ReadStreamRequest,
) -> Result<ReadStreamResponse> {
    // RopId, handle index, ReturnValue, DataSize.
    let room = call.room.saturating_sub(8);
    let len = usize::try_from(request.limit()).unwrap_or(usize::MAX);
    let len = len.min(room).min(usize::from(u16::MAX));
    let data = read_on(call, input, len)?;
    Ok(ReadStreamResponse { data: data.into() })
}

/// Reads from the seek pointer on and moves it (MS-OXCPRPT R555, R556).
fn read_on(call: &mut Call<'_>, node: NodeId, len: usize) -> Result<Vec<u8>> {
    let store = call.processor.store.clone();
    let position = call.stream(node)?.position;
    let home = home(call, node)?;
    region::check(call, home, position, len as u64, Use::Read)?;
    let data = read_at(&store, &call.stream(home)?.data, position, len)?;
    call.stream(node)?.position += data.len() as u64;
    Ok(data)
}

/// RopWriteStream and RopWriteStreamExtended ([MS-OXCPRPT] 3.2.5.13, 3.2.5.14). Returns the bytes written.
pub fn write_stream(
    call: &mut Call<'_>,
    input: NodeId,
    request: &WriteStreamRequest,
) -> Result<usize> {
    let bytes = &request.data.bytes;
    write_on(call, input, bytes)?;
    Ok(bytes.len())
}

/// RopWriteAndCommitStream ([MS-OXCPRPT] 3.2.5.23): a write, then a commit (R805, R812). Streams on folders do
/// not have it (R633).
pub fn write_and_commit_stream(
    call: &mut Call<'_>,
    input: NodeId,
    request: &WriteStreamRequest,
) -> Result<usize> {
    let home = home(call, input)?;
    if let Some(Object::Folder(_)) = call.tree.owner(home).and_then(|owner| call.tree.get(owner)) {
        return Err(ErrorCode::NOT_SUPPORTED.into());
    }
    let written = write_stream(call, input, request)?;
    commit_stream(call, input)?;
    Ok(written)
}

/// Writes from the seek pointer on and moves it (MS-OXCPRPT R560, R561).
fn write_on(call: &mut Call<'_>, node: NodeId, bytes: &[u8]) -> Result<()> {
    let position = call.stream(node)?.position;
    let end = position + bytes.len() as u64;
    // MS-OXCPRPT R564
    if end > MAX_STREAM {
        return Err(ErrorCode::TOO_BIG.into());
    }
    let home = home(call, node)?;
    need_writable(call.stream(home)?)?;
    region::check(call, home, position, bytes.len() as u64, Use::Write)?;
    let stream = call.stream(home)?;
    need_writable(stream)?.write_at(position, bytes).map_err(staging_failure)?;
    stream.dirty = true;
    call.stream(node)?.position = end;
    Ok(())
}

fn need_writable(stream: &mut Stream) -> Result<&mut StagedValue> {
    match &mut stream.data {
        StreamData::Writable(staged) => Ok(staged),
        // MS-OXCPRPT R900
        StreamData::ReadOnly(_) | StreamData::OfOwner => {
            Err(ErrorCode::STORAGE_ACCESS_DENIED.into())
        }
    }
}

/// The staging area is full: the stream cannot grow.
fn staging_failure(error: StoreError) -> Failure {
    match error {
        StoreError::Quota(_) => Failure(ErrorCode::TOO_BIG),
        other => other.into(),
    }
}

/// RopSeekStream ([MS-OXCPRPT] 3.2.5.18).
pub fn seek_stream(
    call: &mut Call<'_>,
    input: NodeId,
    request: &SeekStreamRequest,
) -> Result<SeekStreamResponse> {
    let position = call.stream(input)?.position;
    let home = home(call, input)?;
    let size = size_of(&call.stream(home)?.data);
    let from = match request.origin {
        StreamOrigin::Beginning => 0,
        StreamOrigin::Current => position,
        StreamOrigin::End => size,
        // MS-OXCPRPT R902
        StreamOrigin::Unknown(_) => return Err(ErrorCode::STORAGE_INVALID_PARAMETER.into()),
    };
    // MS-OXCPRPT R584
    let seek_error = ErrorCode::STREAM_SEEK_ERROR;
    let target = (from as i64).checked_add(request.offset).ok_or(seek_error)?;
    let target = u64::try_from(target).map_err(|_| seek_error)?;
    if target > MAX_STREAM {
        return Err(seek_error.into());
    }
    // A pointer beyond the end extends the stream with zeros (MS-OXCPRPT R583), where it can be written.
    if target > size {
        region::check(call, home, size, target - size, Use::Write)?;
        let stream = call.stream(home)?;
        let StreamData::Writable(staged) = &mut stream.data else { return Err(seek_error.into()) };
        staged.set_size(target).map_err(staging_failure)?;
        stream.dirty = true;
    }
    call.stream(input)?.position = target;
    Ok(SeekStreamResponse { position: target })
}

/// RopGetStreamSize ([MS-OXCPRPT] 3.2.5.16).
pub fn get_stream_size(call: &mut Call<'_>, input: NodeId) -> Result<StreamSizeResponse> {
    let home = home(call, input)?;
    let size = size_of(&call.stream(home)?.data);
    Ok(StreamSizeResponse { size: u32::try_from(size).unwrap_or(u32::MAX) })
}

/// RopSetStreamSize ([MS-OXCPRPT] 3.2.5.17).
pub fn set_stream_size(
    call: &mut Call<'_>,
    input: NodeId,
    request: &SetStreamSizeRequest,
) -> Result<()> {
    if request.size > MAX_STREAM {
        return Err(ErrorCode::TOO_BIG.into());
    }
    let home = home(call, input)?;
    let stream = call.stream(home)?;
    let before = need_writable(stream)?.size();
    let (from, to) = (before.min(request.size), before.max(request.size));
    region::check(call, home, from, to - from, Use::Write)?;
    let stream = call.stream(home)?;
    need_writable(stream)?.set_size(request.size).map_err(staging_failure)?;
    stream.dirty = true;
    let stream = call.stream(input)?;
    stream.position = stream.position.min(request.size);
    Ok(())
}

/// RopCopyToStream ([MS-OXCPRPT] 3.2.5.19).
pub fn copy_to_stream(
    call: &mut Call<'_>,
    source: NodeId,
    target: Option<NodeId>,
    request: &CopyToStreamRequest,
) -> Result<CopyToStreamResponse> {
    const PIECE: usize = 256 << 10;
    // MS-OXCPRPT R593
    let target = target.ok_or(ErrorCode::NULL_DESTINATION_OBJECT)?;
    call.stream(source)?;
    call.stream(target)?;
    let mut copied = 0;
    while copied < request.byte_count {
        let len = usize::try_from(request.byte_count - copied).unwrap_or(PIECE).min(PIECE);
        let bytes = read_on(call, source, len)?;
        if bytes.is_empty() {
            break;
        }
        // Source and target may be one stream; the pointer has moved by now, as the copy has to see it.
        write_on(call, target, &bytes)?;
        copied += bytes.len() as u64;
    }
    Ok(CopyToStreamResponse { read: copied, written: copied })
}

/// RopCommitStream ([MS-OXCPRPT] 3.2.5.15): the property has the stream's bytes (R571).
pub fn commit_stream(call: &mut Call<'_>, input: NodeId) -> Result<()> {
    let home = home(call, input)?;
    need_writable(call.stream(home)?)?;
    commit(call, home)
}

/// Sets the property of a stream to the stream's bytes. On a folder it is stored at once; on a message or
/// an attachment it waits for the save (MS-OXCPRPT R40802, R40803).
pub(super) fn commit(call: &mut Call<'_>, node: NodeId) -> Result<()> {
    region::need_kept(call, node)?;
    let code_page = call.wish(true).code_page;
    let mailbox = call.mailbox()?;
    let stream = call.stream(node)?;
    let StreamData::Writable(staged) = &stream.data else { return Ok(()) };
    let tag = stream.tag;
    let mut value = staged.value()?;
    if tag.property_type() == PropertyType::STRING8 {
        const MAX_TEXT: u64 = 64 << 20;
        let text = call.processor.store.load(&value, MAX_TEXT)?;
        value = Value::Inline(to_stored(text, code_page));
    }
    let tag = stored_tag(tag);
    let owner = call.tree.owner(node).ok_or(ErrorCode::NULL_OBJECT)?;
    match call.tree.get_mut(owner) {
        Some(Object::Folder(object)) => {
            let id = object.id;
            let problems = folder::set(&mailbox, id, vec![(tag, value)])?;
            if let Some(problem) = problems.first() {
                return Err(problem.error.into());
            }
        }
        Some(Object::Message(object)) => {
            if store::message::is_read_only(tag) {
                return Err(ErrorCode::ACCESS_DENIED.into());
            }
            object.edit.body.properties.set(tag, value);
            message::body::written(&mut object.edit.body.properties, &[tag]);
            store::message::subject_written(&mut object.edit.body.properties, &[tag]);
            object.dirty = true;
        }
        Some(Object::Attachment(object)) => {
            if store::message::is_computed_of_attachment(tag) {
                return Err(ErrorCode::ACCESS_DENIED.into());
            }
            object.edit.properties.set(tag, value);
            object.dirty = true;
        }
        _ => return Err(ErrorCode::NULL_OBJECT.into()),
    }
    call.stream(node)?.dirty = false;
    Ok(())
}

/// Commits what streams of an object hold before the object is looked at or saved (MS-OXCPRPT R56401).
/// A folder's streams are stored by RopCommitStream and RopRelease only.
pub(super) fn flush(call: &mut Call<'_>, owner: NodeId) -> Result<()> {
    if let Some(Object::Folder(_)) = call.tree.get(owner) {
        return Ok(());
    }
    for node in call.tree.owned_by(owner) {
        if let Some(Object::Stream(stream)) = call.tree.get(node)
            && stream.dirty
        {
            commit(call, node)?;
        }
    }
    Ok(())
}
