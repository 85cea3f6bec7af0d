//! The bodies of a message ([MS-OXBBODY], [MS-OXCMSG] 2.2.1.58): what of them is stored, and what is made of
//! it when a client asks for another format ([MS-OXCMSG] 3.2.4.1).
//!
//! A body that a client writes replaces the others: one format is stored, or those that were written together.
//! Nothing that is made of it is stored.

use std::borrow::Cow;

use formats::text::{charsets, html, rtf};
use mapi::{ErrorCode, PropertyTag, PropertyType, PropertyValue, tags};

use super::Message;
use crate::value::{Properties, Value};
use crate::{Mailbox, Result, Store, StoreError, large};

/// Bytes of a stored body that are converted for a row of a table or a restriction.
const MAX_FOR_TABLE: u64 = 256 << 10;
/// Bytes of rich text that are made of so many compressed ones.
const MAX_EXPANDED: usize = 1 << 20;

/// The formats of a body, with the values of PidTagNativeBody ([MS-OXCMSG] 2.2.1.58.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Plain = 1,
    Rtf = 2,
    Html = 3,
}

const FORMATS: [Format; 3] = [Format::Html, Format::Rtf, Format::Plain];
/// PidTagNativeBody without a body, and of a clear-signed message, whose body stands in an attachment.
const UNDEFINED: i32 = 0;
const CLEAR_SIGNED: i32 = 4;

/// What a client hears of a message that has a body, whichever is stored.
const TOLD: [PropertyTag; 6] = [
    tags::RTF_IN_SYNC,
    tags::BODY,
    tags::RTF_COMPRESSED,
    tags::HTML,
    tags::NATIVE_BODY,
    tags::INTERNET_CODEPAGE,
];

/// What goes with rich text that is replaced: the state of a client's RTFSync.
const OF_RTF: [PropertyTag; 6] = [
    tags::RTF_IN_SYNC,
    tags::RTF_SYNC_BODY_COUNT,
    tags::RTF_SYNC_BODY_CRC,
    tags::RTF_SYNC_BODY_TAG,
    tags::RTF_SYNC_PREFIX_COUNT,
    tags::RTF_SYNC_TRAILING_COUNT,
];

impl Format {
    fn tag(self) -> PropertyTag {
        match self {
            Format::Plain => tags::BODY,
            Format::Rtf => tags::RTF_COMPRESSED,
            Format::Html => tags::HTML,
        }
    }

    fn of(tag: PropertyTag) -> Option<Format> {
        FORMATS.into_iter().find(|format| format.tag().id() == tag.id())
    }

    /// PidTagHtml and PidTagBodyHtml have one id: bytes in the message's code page, or text.
    fn has_type(self, kind: PropertyType) -> bool {
        match self {
            Format::Plain => kind == PropertyType::STRING,
            Format::Rtf => kind == PropertyType::BINARY,
            Format::Html => kind == PropertyType::BINARY || kind == PropertyType::STRING,
        }
    }
}

/// How much of a stored body is converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All of it, if it has at most so many bytes.
    Whole(u64),
    /// So many bytes of it.
    Beginning(u64),
}

/// A property of a message's body, for a client that asks for other properties as well. None if the tag is no
/// body's, or nothing about bodies is known for it.
///
/// # Errors
/// [`StoreError::TooBig`] if what is stored is too large to be converted, [`StoreError::Corrupt`] if it is damaged.
pub fn value(
    store: &Store,
    properties: &Properties,
    tag: PropertyTag,
    asked: &[PropertyTag],
    extent: Extent,
) -> Result<Option<Value>> {
    if !TOLD.iter().any(|told| told.id() == tag.id()) {
        return Ok(None);
    }
    let native = native(properties);
    if tag.id() == tags::NATIVE_BODY.id() {
        return Ok(Some(native_body(properties, native, asked).into()));
    }
    let Some(native) = native else { return Ok(None) };
    if tag.id() == tags::RTF_IN_SYNC.id() {
        let said = properties.get(tag).filter(|_| stored(properties, Format::Rtf).is_some());
        // HTML is to be taken where both are there ([MS-OXBBODY] 2.1.3.1).
        return Ok(Some(said.cloned().unwrap_or_else(|| (native != Format::Html).into())));
    }
    if tag.id() == tags::INTERNET_CODEPAGE.id() {
        let computed = || stored(properties, Format::Html).is_none();
        let said = properties.get(tag).cloned();
        return Ok(said.or_else(|| computed().then(|| (charsets::UTF_8 as i32).into())));
    }
    let Some(format) = Format::of(tag) else { return Ok(None) };
    if let Some(value) = stored(properties, format) {
        let wanted = tag.property_type();
        let fits = value.property_type() == wanted || !format.has_type(wanted);
        // A body in another format says more than an empty one.
        if (fits || wanted == PropertyType::UNSPECIFIED) && !(is_empty(value) && native != format) {
            return Ok(Some(value.clone()));
        }
    }
    made(store, properties, (native, format), tag, extent).map(Some)
}

/// A property of a message as a table and a restriction see it: as [`get`](super::get), and bodies in formats that
/// are not stored as [`value`] makes them, from at most 256 kB of what is stored. What cannot be made is an error
/// code ([`PropertyValue::ErrorCode`]).
pub(crate) fn in_table(
    mailbox: &Mailbox,
    message: &Message,
    tag: PropertyTag,
) -> Result<Option<Value>> {
    let extent = Extent::Beginning(MAX_FOR_TABLE);
    let code = match value(mailbox.store(), &message.body.properties, tag, &[], extent) {
        Ok(None) => return super::get(mailbox, message, tag),
        Ok(value) => return Ok(value),
        Err(StoreError::TooBig { .. }) => ErrorCode::OUT_OF_MEMORY,
        Err(StoreError::Corrupt(_)) => ErrorCode::CORRUPT_DATA,
        Err(error) => return Err(error),
    };
    Ok(Some(PropertyValue::ErrorCode(code).into()))
}

/// Whether a property is a body in one of the formats.
pub(crate) fn is_body(tag: PropertyTag) -> bool {
    Format::of(tag).is_some()
}

/// The body in another format than the one that it is made of.
fn made(
    store: &Store,
    properties: &Properties,
    (native, format): (Format, Format),
    tag: PropertyTag,
    extent: Extent,
) -> Result<Value> {
    let source = stored(properties, native).ok_or(StoreError::NotFound("body"))?;
    let code_page = code_page(properties);
    let body = match (source, extent) {
        (Value::Large(source), Extent::Beginning(limit)) => {
            let beginning = large::up_to(store, source, limit as usize)?
                .ok_or_else(|| StoreError::Corrupt("a body of another type".into()))?;
            match beginning {
                PropertyValue::Binary(bytes) if source.size > limit && native == Format::Rtf => {
                    Body::of_rtf(rtf::decompress_beginning(&bytes, MAX_EXPANDED))?
                }
                whole => Body::read(whole, native, code_page)?,
            }
        }
        (source, Extent::Whole(limit) | Extent::Beginning(limit)) => {
            Body::read(store.load(source, limit)?, native, code_page)?
        }
    };
    let made = match format {
        Format::Plain => PropertyValue::from(with_crlf(&body.text())),
        Format::Html if tag.property_type() == PropertyType::STRING => {
            PropertyValue::from(&*body.html(charsets::UTF_8))
        }
        Format::Html => {
            let page = code_page.unwrap_or(charsets::UTF_8);
            PropertyValue::Binary(html::encode(&body.html(page), page))
        }
        Format::Rtf => PropertyValue::Binary(rtf::compress(&body.rtf()?)),
    };
    Ok(Value::Inline(made))
}

/// Adds what is told of a body to the list of a message's properties.
pub fn list(properties: &Properties, tags: &mut Vec<PropertyTag>) {
    if native(properties).is_none() {
        return;
    }
    tags.retain(|tag| TOLD.iter().all(|told| told.id() != tag.id()));
    tags.extend(TOLD);
    tags.sort_unstable();
}

/// To be called when properties of a message were written: the bodies that were not among them are stale and
/// go, and with them what a client said about them.
pub fn written(properties: &mut Properties, written: &[PropertyTag]) {
    let among = |tag: PropertyTag| written.iter().any(|other| other.id() == tag.id());
    if !FORMATS
        .into_iter()
        .any(|format| among(format.tag()) && stored(properties, format).is_some())
    {
        return;
    }
    let stale = FORMATS.into_iter().map(Format::tag).chain([tags::NATIVE_BODY]);
    for tag in
        stale.chain(if among(tags::RTF_COMPRESSED) { &[][..] } else { &OF_RTF }.iter().copied())
    {
        if !among(tag) {
            properties.remove(tag);
        }
    }
}

/// Whether a message has a body.
pub fn has(properties: &Properties) -> bool {
    native(properties).is_some()
}

/// Takes the body out, with all that tells of it.
pub fn remove(properties: &mut Properties) {
    let bodies = FORMATS.into_iter().map(Format::tag).chain([tags::NATIVE_BODY]).chain(OF_RTF);
    bodies.for_each(|tag| drop(properties.remove(tag)));
}

/// What is stored in a format.
fn stored(properties: &Properties, format: Format) -> Option<&Value> {
    properties.get(format.tag()).filter(|value| format.has_type(value.property_type()))
}

fn is_empty(value: &Value) -> bool {
    value.size() == 0
}

/// The format that the others are made of: the one that PidTagNativeBody names, if it is there, else the best
/// that is ([MS-OXBBODY] 2.1.3.1). An empty body is the best only where there is no other.
fn native(properties: &Properties) -> Option<Format> {
    let has = |format: &Format| stored(properties, *format).is_some_and(|value| !is_empty(value));
    let named = properties.inline(tags::NATIVE_BODY).and_then(PropertyValue::as_i32);
    if let Some(format) = FORMATS.into_iter().find(|format| Some(*format as i32) == named)
        && has(&format)
    {
        return Some(format);
    }
    let in_sync = properties.inline(tags::RTF_IN_SYNC).and_then(PropertyValue::as_bool);
    // Rich text that fell behind the text is not the body, and before HTML it comes only if it did not.
    let rtf = has(&Format::Rtf)
        && match in_sync {
            Some(in_sync) => in_sync,
            None => !has(&Format::Html),
        };
    match () {
        () if rtf => Some(Format::Rtf),
        () if has(&Format::Html) => Some(Format::Html),
        () if has(&Format::Plain) => Some(Format::Plain),
        () => FORMATS.into_iter().find(|format| stored(properties, *format).is_some()),
    }
}

/// The best of the formats that a client asks for, unless it asks for all ([MS-OXBBODY] 2.1.3.1, step 1).
fn native_body(properties: &Properties, native: Option<Format>, asked: &[PropertyTag]) -> i32 {
    let said = properties.inline(tags::NATIVE_BODY).and_then(PropertyValue::as_i32);
    if said == Some(CLEAR_SIGNED) {
        return CLEAR_SIGNED;
    }
    let Some(native) = native else { return UNDEFINED };
    let is_asked = |format: &Format| asked.iter().any(|tag| tag.id() == format.tag().id());
    if is_asked(&native) {
        return native as i32;
    }
    FORMATS.into_iter().find(is_asked).unwrap_or(native) as i32
}

/// PidTagInternetCodepage, if text can be written in it.
fn code_page(properties: &Properties) -> Option<u32> {
    let page = properties.inline(tags::INTERNET_CODEPAGE).and_then(PropertyValue::as_i32)?;
    u32::try_from(page).ok().filter(|page| charsets::is_known(*page))
}

/// A body as it is stored.
enum Body {
    Plain(String),
    Html(String),
    /// Neither HTML nor text is inside.
    Rtf(Vec<u8>),
}

impl Body {
    /// What rich text carries inside, or else itself.
    fn of_rtf(document: Result<Vec<u8>, rtf::CompressedRtfError>) -> Result<Body> {
        let document = document.map_err(|_| StoreError::Corrupt("a body in rich text".into()))?;
        Ok(match rtf::de_encapsulate(&document) {
            Some(rtf::Encapsulated::Html(html)) => Body::Html(html),
            Some(rtf::Encapsulated::Text(text)) => Body::Plain(text),
            None => Body::Rtf(document),
        })
    }

    fn read(value: PropertyValue, format: Format, code_page: Option<u32>) -> Result<Body> {
        Ok(match (format, value) {
            (Format::Plain, PropertyValue::String(text)) => {
                Body::Plain(text.to_string_lossy().into())
            }
            (Format::Html, PropertyValue::String(text)) => {
                Body::Html(text.to_string_lossy().into())
            }
            (Format::Html, PropertyValue::Binary(bytes)) => {
                Body::Html(html::decode(&bytes, code_page))
            }
            (Format::Rtf, PropertyValue::Binary(bytes)) => {
                // An empty value is no damage: a client that has written nothing yet.
                Body::of_rtf(match bytes.is_empty() {
                    true => Ok(Vec::new()),
                    false => rtf::decompress(&bytes),
                })?
            }
            _ => return Err(StoreError::Corrupt("a body of another type".into())),
        })
    }

    fn text(&self) -> Cow<'_, str> {
        match self {
            Body::Plain(text) => text.into(),
            Body::Html(document) => html::to_text(document).into(),
            Body::Rtf(document) => rtf::to_text(document).into(),
        }
    }

    /// For a code page that its bytes will have.
    fn html(&self, code_page: u32) -> Cow<'_, str> {
        let charset = charsets::label_of_code_page(code_page).unwrap_or("utf-8");
        match self {
            Body::Plain(text) => html::from_text(text, &charset.to_ascii_lowercase()).into(),
            Body::Html(document) => document.into(),
            Body::Rtf(document) => rtf::to_html(document).into(),
        }
    }

    /// Errors: [`StoreError::TooBig`] if it would be too large.
    fn rtf(&self) -> Result<Vec<u8>> {
        let made = match self {
            Body::Plain(text) => rtf::from_text(text),
            // Markup that grows too much leaves its words.
            Body::Html(document) => {
                rtf::from_html(document).or_else(|| rtf::from_text(&html::to_text(document)))
            }
            Body::Rtf(document) => Some(document.clone()),
        };
        let size = match self {
            Body::Plain(text) | Body::Html(text) => text.len() as u64,
            Body::Rtf(document) => document.len() as u64,
        };
        made.ok_or(StoreError::TooBig { what: "body", size, limit: size })
    }
}

/// Text of properties has CRLF at its lines' ends.
fn with_crlf(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 32);
    let mut last = ' ';
    for c in text.chars() {
        if c == '\n' && last != '\r' {
            out.push('\r');
        }
        out.push(c);
        last = c;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(values: &[(PropertyTag, PropertyValue)]) -> Properties {
        let mut properties = Properties::new();
        values.iter().for_each(|(tag, value)| properties.set(*tag, value.clone()));
        properties
    }

    #[test]
    fn the_best_body_is_the_native_one() {
        let text = (tags::BODY, PropertyValue::from("text"));
        let html = (tags::HTML, PropertyValue::Binary(b"html".to_vec()));
        let rtf = (tags::RTF_COMPRESSED, PropertyValue::Binary(rtf::compress(b"{}")));
        let in_sync = |on: bool| (tags::RTF_IN_SYNC, PropertyValue::from(on));
        let named = |number: i32| (tags::NATIVE_BODY, PropertyValue::from(number));
        for (values, expected) in [
            (vec![], None),
            (vec![text.clone()], Some(Format::Plain)),
            (vec![text.clone(), html.clone()], Some(Format::Html)),
            (vec![text.clone(), rtf.clone()], Some(Format::Rtf)),
            (vec![text.clone(), rtf.clone(), in_sync(false)], Some(Format::Plain)),
            (vec![rtf.clone(), html.clone()], Some(Format::Html)),
            (vec![rtf.clone(), html.clone(), in_sync(true)], Some(Format::Rtf)),
            (vec![rtf.clone(), html.clone(), in_sync(false)], Some(Format::Html)),
            (vec![rtf.clone(), html.clone(), in_sync(true), named(3)], Some(Format::Html)),
            // What is named and not there does not count.
            (vec![text.clone(), named(3)], Some(Format::Plain)),
            (vec![(tags::BODY, "".into()), html.clone()], Some(Format::Html)),
            (vec![(tags::BODY, "".into())], Some(Format::Plain)),
            (vec![(tags::BODY, 1.into())], None),
        ] {
            assert_eq!(native(&with(&values)), expected, "{values:?}");
        }
    }

    #[test]
    fn a_body_that_is_written_replaces_the_others() {
        let all = [
            (tags::BODY, PropertyValue::from("text")),
            (tags::HTML, PropertyValue::Binary(b"html".to_vec())),
            (tags::RTF_COMPRESSED, PropertyValue::Binary(rtf::compress(b"{}"))),
            (tags::RTF_IN_SYNC, PropertyValue::from(true)),
            (tags::NATIVE_BODY, PropertyValue::from(3)),
            (tags::SUBJECT, PropertyValue::from("s")),
        ];
        let left = |now: &[PropertyTag]| {
            let mut properties = with(&all);
            written(&mut properties, now);
            properties.tags().collect::<Vec<_>>()
        };
        let whole: Vec<_> = with(&all).tags().collect();
        assert_eq!(left(&[tags::SUBJECT]), whole);
        assert_eq!(left(&[tags::NATIVE_BODY]), whole);
        assert_eq!(left(&[tags::BODY]), [tags::SUBJECT, tags::BODY]);
        assert_eq!(left(&[tags::BODY_HTML]), [tags::SUBJECT, tags::HTML]);
        let synced = [tags::SUBJECT, tags::RTF_IN_SYNC, tags::RTF_COMPRESSED];
        assert_eq!(left(&[tags::RTF_COMPRESSED]), synced);
        assert_eq!(left(&[tags::BODY, tags::HTML]), [tags::SUBJECT, tags::BODY, tags::HTML]);
    }
}
