//! The bodies of a message for a client: in the row of an answer, or as a stream. What is stored of them and what
//! is made of it is the store's matter.

use mapi::{ErrorCode, PropertyTag, PropertyValue};
use store::message::body::{Extent, value};
use store::{Properties, Store, Value};

use crate::call::Call;
use crate::error::{Failure, Result};
use crate::handles::NodeId;
use crate::object::Object;

/// A stored body larger than this is converted for a stream only; a row says NotEnoughMemory. In bytes.
const MAX_FOR_ROW: u64 = 256 << 10;
/// A stored body larger than this is converted for nobody. In bytes.
const MAX_FOR_STREAM: u64 = 32 << 20;

/// A property of a message's body for a row, in which the client asks for other properties as well. None if
/// the tag is no body's, or nothing about bodies is known for it.
///
/// A value that is only to be had by a stream is the error NotEnoughMemory.
pub fn in_row(
    store: &Store,
    properties: &Properties,
    tag: PropertyTag,
    asked: &[PropertyTag],
) -> Option<Value> {
    // One value that cannot be made does not fail the others.
    value(store, properties, tag, asked, Extent::Whole(MAX_FOR_ROW)).unwrap_or_else(|error| {
        let Failure(code) = error.into();
        let code = if code == ErrorCode::TOO_BIG { ErrorCode::OUT_OF_MEMORY } else { code };
        Some(PropertyValue::ErrorCode(code).into())
    })
}

/// The whole of a message's body for a stream. None as for [`in_row`], and for objects that are no messages.
///
/// # Errors
/// ecTooBig if what is stored is too large to be converted.
pub fn whole(call: &Call<'_>, node: NodeId, tag: PropertyTag) -> Result<Option<Value>> {
    let Some(Object::Message(message)) = call.tree.get(node) else { return Ok(None) };
    let properties = &message.edit.body.properties;
    Ok(value(&call.processor.store, properties, tag, &[], Extent::Whole(MAX_FOR_STREAM))?)
}
