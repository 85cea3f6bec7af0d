//! Properties of an object, by tag and by name: what IMAPIProp is.

use std::io::{Read, Write};
use std::sync::Arc;

use mapi::row::TaggedValue;
use mapi::{
    Cell, ErrorCode, PropertyName, PropertyProblem, PropertyRow, PropertyTag, PropertyType,
    PropertyValue,
};
use mapi_rop::RopRequest;
use mapi_rop::parts::{Flagged, SizedValues};
use mapi_rop::property::{
    CopyFlags, CopyPropertiesRequest, CopyToRequest, DeletePropertiesRequest,
    GetNamesFromPropertyIdsRequest, GetPropertiesAllRequest, GetPropertiesSpecificRequest,
    GetPropertyIdsFromNamesRequest, NameFlags, QueryNamedFlags, QueryNamedPropertiesRequest,
    SetPropertiesRequest,
};
use mapi_rop::stream::StreamMode;

use crate::object::{HasObject, answer};
use crate::{Error, Result, Row, Stream};

/// Values above this many bytes travel as a stream, not inside a request: a ROP buffer has room for
/// 32 KB ([MS-OXCRPC] 3.1.4.2.1.1).
const INLINE: usize = 8 << 10;

/// The largest sum of values in one request.
const REQUEST: usize = 24 << 10;

/// Properties of a store, a folder, a message or an attachment ([MS-OXCPRPT]).
///
/// ```
/// # #[cfg(feature = "loopback")] {
/// use mapi::{PropertyName, names, tags};
/// use mapi_session::{MapiProp, Profile, Session};
///
/// let session = Session::logon(Profile::in_memory("me@example.test")?)?;
/// let message = session.open_default_msg_store()?.inbox()?.create_message()?;
///
/// message.set(tags::SUBJECT, "By its tag")?;
/// assert_eq!(message.text(tags::SUBJECT)?.as_deref(), Some("By its tag"));
///
/// let private = PropertyName::id(names::PSETID_COMMON, 0x8506);
/// message.set_named(&private, true)?;
/// assert_eq!(message.named(&private)?, Some(true.into()));
///
/// let row = message.properties(&[tags::SUBJECT, tags::BODY])?;
/// assert_eq!(row.error(tags::BODY), Some(mapi::ErrorCode::NOT_FOUND));
/// # }
/// # Ok::<(), mapi_session::Error>(())
/// ```
///
/// The trait cannot be implemented outside of this crate.
pub trait MapiProp: HasObject {
    /// One property; None if the object does not have it. A value of any size: what does not fit into an
    /// answer is read as a stream.
    ///
    /// # Errors
    ///
    /// The store's code for anything but "not found".
    fn property(&self, tag: PropertyTag) -> Result<Option<PropertyValue>> {
        let mut cells = self.properties(&[tag])?.into_cells();
        match cells.pop() {
            Some(Cell::Value(value)) => Ok(Some(value)),
            Some(Cell::Error(ErrorCode::NOT_FOUND)) | Some(Cell::Absent) | None => Ok(None),
            Some(Cell::Error(ErrorCode::OUT_OF_MEMORY)) => self.large_property(tag).map(Some),
            Some(Cell::Error(code)) => Err(Error::Code { operation: "reading a property", code }),
        }
    }

    /// A string property. Lone surrogates come as U+FFFD; [`MapiProp::property`] has them.
    fn text(&self, tag: PropertyTag) -> Result<Option<String>> {
        let value = self.property(tag.with_type(PropertyType::STRING))?;
        Ok(value.and_then(|v| v.as_text().map(|text| text.to_string_lossy().into_owned())))
    }

    /// Several properties in one request. What is absent or too large says so in its place: see
    /// [`Row::error`].
    fn properties(&self, tags: &[PropertyTag]) -> Result<Row> {
        let request = GetPropertiesSpecificRequest {
            size_limit: 0,
            want_unicode: 1,
            tags: tags.to_vec().into(),
        };
        let row = answer!(
            self.object().call(RopRequest::GetPropertiesSpecific(request)),
            GetPropertiesSpecific
        )
        .row;
        Ok(Row::new(tags.into(), row))
    }

    /// All properties. The value of one that is too large for an answer is its error,
    /// [`ErrorCode::OUT_OF_MEMORY`]: read it with [`MapiProp::property`].
    fn all_properties(&self) -> Result<Row> {
        let request = GetPropertiesAllRequest { size_limit: 0, want_unicode: 1 };
        let values =
            answer!(self.object().call(RopRequest::GetPropertiesAll(request)), GetPropertiesAll)
                .values;
        let mut tags = Vec::with_capacity(values.items.len());
        let mut cells = Vec::with_capacity(values.items.len());
        for TaggedValue { tag, value } in values.items {
            tags.push(tag);
            cells.push(match value {
                PropertyValue::ErrorCode(code) => Cell::Error(code),
                value => Cell::Value(value),
            });
        }
        Ok(Row::new(Arc::from(tags), PropertyRow::from_cells(cells)))
    }

    /// The tags of all properties.
    fn property_list(&self) -> Result<Vec<PropertyTag>> {
        let request = RopRequest::GetPropertiesList(Default::default());
        Ok(answer!(self.object().call(request), GetPropertiesList).tags.items)
    }

    /// Sets one property; the value brings the type, so the tag of a string property takes a `&str`.
    /// Messages and attachments keep it to themselves until they are saved.
    ///
    /// # Errors
    ///
    /// The store's code if it does not take the property.
    fn set(&self, tag: PropertyTag, value: impl Into<PropertyValue>) -> Result<()>
    where
        Self: Sized,
    {
        let value = value.into();
        let tag = tag.with_type(value.property_type());
        match self.set_properties(vec![TaggedValue { tag, value }])?.first() {
            Some(problem) => {
                Err(Error::Code { operation: "setting a property", code: problem.error })
            }
            None => Ok(()),
        }
    }

    /// Sets several properties and returns what the store did not take. Large strings and binaries are
    /// sent as streams.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a multi-value property over 24 KB, which no request can carry.
    fn set_properties(&self, values: Vec<TaggedValue>) -> Result<Vec<PropertyProblem>> {
        let mut problems = Vec::new();
        let mut batch: Vec<TaggedValue> = Vec::new();
        // Where the values of the batch stood, for the problems.
        let mut places: Vec<usize> = Vec::new();
        let mut size = 0;
        for (place, tagged) in values.into_iter().enumerate() {
            let bytes = tagged.value.size() * 2 + 16;
            if tagged.value.size() > INLINE {
                match self.set_large(&tagged) {
                    Ok(()) => {}
                    Err(Error::Code { code, .. }) => {
                        problems.push(problem(place, tagged.tag, code))
                    }
                    Err(other) => return Err(other),
                }
                continue;
            }
            if size + bytes > REQUEST {
                self.set_batch(std::mem::take(&mut batch), &mut places, &mut problems)?;
                size = 0;
            }
            size += bytes;
            batch.push(tagged);
            places.push(place);
        }
        if !batch.is_empty() {
            self.set_batch(batch, &mut places, &mut problems)?;
        }
        problems.sort_by_key(|problem| problem.index);
        Ok(problems)
    }

    /// Removes properties and returns what the store kept.
    fn delete_properties(&self, tags: &[PropertyTag]) -> Result<Vec<PropertyProblem>> {
        let request = DeletePropertiesRequest { tags: tags.to_vec().into() };
        Ok(answer!(self.object().call(RopRequest::DeleteProperties(request)), DeleteProperties)
            .problems
            .items)
    }

    /// A property by its name; None if the object does not have it.
    fn named(&self, name: &PropertyName) -> Result<Option<PropertyValue>> {
        match self.property_ids(std::slice::from_ref(name), false)?.first() {
            Some(Some(id)) => {
                self.property(PropertyTag::from_parts(*id, PropertyType::UNSPECIFIED))
            }
            _ => Ok(None),
        }
    }

    /// Sets a property by its name; the mailbox learns the name if it is new.
    fn set_named(&self, name: &PropertyName, value: impl Into<PropertyValue>) -> Result<()>
    where
        Self: Sized,
    {
        let value = value.into();
        match self.property_ids(std::slice::from_ref(name), true)?.first() {
            Some(Some(id)) => self.set(PropertyTag::from_parts(*id, value.property_type()), value),
            _ => Err(Error::Code {
                operation: "mapping a property's name",
                code: ErrorCode::NOT_FOUND,
            }),
        }
    }

    /// The ids that the mailbox gives to names ([MS-OXCPRPT] 2.2.12), None for a name that it does not
    /// know. With `create` it learns new names.
    fn property_ids(&self, names: &[PropertyName], create: bool) -> Result<Vec<Option<u16>>> {
        let request = GetPropertyIdsFromNamesRequest {
            flags: if create { NameFlags::CREATE } else { NameFlags::NONE },
            names: names.to_vec().into(),
        };
        let ids = answer!(
            self.object().call(RopRequest::GetPropertyIdsFromNames(request)),
            GetPropertyIdsFromNames
        )
        .ids;
        Ok(ids.into_iter().map(|id| (id != 0).then_some(id)).collect())
    }

    /// The names behind ids ([MS-OXCPRPT] 2.2.13), None for an id without one.
    fn property_names(&self, ids: &[u16]) -> Result<Vec<Option<PropertyName>>> {
        let request = GetNamesFromPropertyIdsRequest { ids: ids.to_vec().into() };
        Ok(answer!(
            self.object().call(RopRequest::GetNamesFromPropertyIds(request)),
            GetNamesFromPropertyIds
        )
        .names
        .items)
    }

    /// The named properties that the object has (all that the mailbox knows, on a store), with their ids
    /// ([MS-OXCPRPT] 2.2.9).
    fn named_properties(&self) -> Result<Vec<(u16, PropertyName)>> {
        let request =
            QueryNamedPropertiesRequest { flags: QueryNamedFlags::NONE, set: Flagged(None) };
        let outcome = self.object().call(RopRequest::QueryNamedProperties(request));
        Ok(answer!(outcome, QueryNamedProperties).properties)
    }

    /// Copies all properties but the excluded ones onto an object of the same kind and store, and with
    /// `sub_objects` what stands under it: recipients and attachments of a message ([MS-OXCPRPT] 2.2.11). Returns
    /// what could not be copied. The destination has to be saved.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a destination in another store.
    fn copy_to(
        &self,
        destination: &impl MapiProp,
        excluded: &[PropertyTag],
        sub_objects: bool,
        flags: CopyFlags,
    ) -> Result<Vec<PropertyProblem>>
    where
        Self: Sized,
    {
        let request = CopyToRequest {
            want_asynchronous: false,
            want_sub_objects: sub_objects,
            flags,
            excluded: excluded.to_vec().into(),
        };
        let outcome = self.object().call_onto(RopRequest::CopyTo(request), destination.object());
        Ok(answer!(outcome, CopyTo).problems.items)
    }

    /// Copies, or with [`CopyFlags::MOVE`] moves, some properties onto an object of the same store
    /// ([MS-OXCPRPT] 2.2.10). Returns what could not be copied. The destination has to be saved.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a destination in another store.
    fn copy_properties(
        &self,
        destination: &impl MapiProp,
        tags: &[PropertyTag],
        flags: CopyFlags,
    ) -> Result<Vec<PropertyProblem>>
    where
        Self: Sized,
    {
        let request =
            CopyPropertiesRequest { want_asynchronous: false, flags, tags: tags.to_vec().into() };
        let outcome =
            self.object().call_onto(RopRequest::CopyProperties(request), destination.object());
        Ok(answer!(outcome, CopyProperties).problems.items)
    }

    /// A string or binary property as a stream, to be read.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::NOT_FOUND`] if the object does not have the property.
    fn open_stream(&self, tag: PropertyTag) -> Result<Stream> {
        Stream::open(self.object(), tag, StreamMode::ReadOnly)
    }

    /// A string or binary property as a new, empty stream, to be written. What was written counts after
    /// [`Stream::commit`], or when the object is saved.
    fn create_stream(&self, tag: PropertyTag) -> Result<Stream> {
        Stream::open(self.object(), tag, StreamMode::Create)
    }

    /// A string or binary property as a stream, to be read and written in place.
    fn edit_stream(&self, tag: PropertyTag) -> Result<Stream> {
        Stream::open(self.object(), tag, StreamMode::ReadWrite)
    }

    #[doc(hidden)]
    fn large_property(&self, tag: PropertyTag) -> Result<PropertyValue> {
        let kind = match tag.property_type() {
            PropertyType::STRING | PropertyType::BINARY => tag.property_type(),
            // The type has to be known before the stream is opened.
            PropertyType::UNSPECIFIED => {
                let known = self.property_list()?.into_iter().find(|known| known.id() == tag.id());
                known.map_or(PropertyType::BINARY, PropertyTag::property_type)
            }
            other => other,
        };
        let mut bytes = Vec::new();
        self.open_stream(tag.with_type(kind))?.read_to_end(&mut bytes).map_err(unwrap_io)?;
        Ok(match kind {
            PropertyType::STRING => PropertyValue::String(mapi::WString::from_utf16le(&bytes)),
            _ => PropertyValue::Binary(bytes),
        })
    }

    #[doc(hidden)]
    fn set_large(&self, tagged: &TaggedValue) -> Result<()> {
        let utf16;
        let bytes: &[u8] = match &tagged.value {
            PropertyValue::Binary(bytes) => bytes,
            PropertyValue::String(text) => {
                utf16 = text.to_utf16le();
                &utf16
            }
            PropertyValue::String8(text) => &text.0,
            value if value.size() * 2 + 16 <= REQUEST => {
                let mut problems = Vec::new();
                self.set_batch(vec![tagged.clone()], &mut vec![0], &mut problems)?;
                return match problems.first() {
                    Some(problem) => {
                        Err(Error::Code { operation: "setting a property", code: problem.error })
                    }
                    None => Ok(()),
                };
            }
            _ => return Err(Error::InvalidArgument("a multi-value property is over 24 KB")),
        };
        let mut stream = self.create_stream(tagged.tag)?;
        stream.write_all(bytes).map_err(unwrap_io)?;
        stream.commit()
    }

    #[doc(hidden)]
    fn set_batch(
        &self,
        batch: Vec<TaggedValue>,
        places: &mut Vec<usize>,
        problems: &mut Vec<PropertyProblem>,
    ) -> Result<()> {
        let request = SetPropertiesRequest { values: SizedValues(batch) };
        let found = answer!(self.object().call(RopRequest::SetProperties(request)), SetProperties)
            .problems
            .items;
        problems.extend(found.into_iter().map(|problem| {
            PropertyProblem {
                index: places
                    .get(usize::from(problem.index))
                    .map_or(problem.index, |place| u16::try_from(*place).unwrap_or(u16::MAX)),
                ..problem
            }
        }));
        places.clear();
        Ok(())
    }
}

fn problem(place: usize, tag: PropertyTag, error: ErrorCode) -> PropertyProblem {
    PropertyProblem { index: u16::try_from(place).unwrap_or(u16::MAX), tag, error }
}

/// The error of this crate inside an I/O error of one of its streams.
fn unwrap_io(error: std::io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(error) => error,
        Err(cause) => Error::ConnectionLost { cause },
    }
}
