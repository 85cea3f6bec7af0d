//! What must hold of every format for any bytes: reading does not panic, and what was read goes out and
//! comes back. Property tests and fuzz targets call these; a function that finds a fault panics, and that is
//! its only purpose.

mod internet;
mod outlook;

use mapi::{FileTime, Reader, Wire, tags};

use crate::flags::MailFlags;
use crate::ical::blob::object_id::GlobalObjectId;
use crate::ical::blob::recurrence::{AppointmentRecurrence, RecurrencePattern};
use crate::ical::blob::zone::{TimeZoneDefinition, TimeZoneStruct};
use crate::mbox::{self, MboxReader};
use crate::text::{charsets, html, rtf};
use crate::{detect, ical, maildir, mime, msg, vcard};

/// A check of one format, by name.
pub type Check = (&'static str, fn(&[u8]));

/// Every check of this crate.
pub const CHECKS: &[Check] = &[
    ("detect", |bytes| {
        let _ = detect::detect(bytes);
    }),
    ("mime", internet::check),
    ("mbox", mbox),
    ("maildir", maildir),
    ("msg", msg),
    ("pst", outlook::pst),
    ("tnef", outlook::tnef),
    ("pst_criteria", crate::pst::criteria::read_any),
    ("rtf", rtf),
    ("html", html),
    ("recurrence", recurrence),
    ("ical", calendar),
    ("vcard", cards),
    ("text", text),
];

/// Runs every check.
pub fn all(bytes: &[u8]) {
    CHECKS.iter().for_each(|(_, check)| check(bytes));
}

/// Runs one check of [`CHECKS`] by its name.
pub fn check(name: &str, bytes: &[u8]) {
    match CHECKS.iter().find(|(known, _)| *known == name) {
        Some((_, check)) => check(bytes),
        None => panic!("there is no check {name}"),
    }
}

/// With a small limit, so that small inputs go beyond it.
const MBOX_LIMIT: usize = 4_096;

fn mbox(bytes: &[u8]) {
    let mut written = Vec::new();
    let mut messages = Vec::new();
    let mut total = 0;
    for message in MboxReader::new(bytes, MBOX_LIMIT) {
        let Ok(message) = message else { continue };
        total += message.bytes.len();
        let flags = mbox::flags_of_message(&message.bytes);
        // A last line without its end gets one; Content-Length would be another message's.
        let mut plain = message.bytes;
        let counted = plain.to_ascii_lowercase();
        if counted.windows(15).any(|window| window == b"content-length:") {
            continue;
        }
        if !plain.ends_with(b"\n") {
            plain.push(b'\n');
        }
        let mut one = Vec::new();
        mbox::write_message(&mut one, "a", FileTime(0), MailFlags::default(), &plain).unwrap();
        written.extend_from_slice(&one);
        messages.push((plain, flags));
    }
    assert!(total <= bytes.len(), "more came out than went in");
    let again: Vec<_> = MboxReader::new(&written[..], usize::MAX).map(Result::unwrap).collect();
    assert_eq!(again.len(), messages.len(), "messages");
}

fn maildir(bytes: &[u8]) {
    let name = String::from_utf8_lossy(bytes);
    let flags = maildir::flags_of_name(&name);
    assert_eq!(maildir::flags_of_name(&maildir::name_with_flags("1.a", flags)), flags);
    let _ = maildir::folder_of_directory(&name);
}

fn msg(bytes: &[u8]) {
    outlook::msg(bytes);
    if let Ok((content, _)) = msg::read(bytes) {
        let _ = mime::read(&mime::write(&content));
    }
}

fn rtf(bytes: &[u8]) {
    let beginning = rtf::decompress_beginning(bytes, 4_096);
    if let (Ok(whole), Ok(beginning)) = (rtf::decompress(bytes), beginning) {
        assert!(whole.starts_with(&beginning), "a beginning that is none");
    }
    let _ = rtf::de_encapsulate(bytes);
    let _ = rtf::to_html(bytes);
    let _ = rtf::to_text(bytes);
    assert_eq!(rtf::decompress(&rtf::compress(bytes)).as_deref(), Ok(bytes), "compressed");
    assert_eq!(rtf::decompress(&rtf::store(bytes)).as_deref(), Ok(bytes), "stored");
    let text = lines(&String::from_utf8_lossy(bytes));
    let document = rtf::from_text(&text).expect("a small text");
    assert_eq!(rtf::de_encapsulate(&document), Some(rtf::Encapsulated::Text(text)));
}

/// Text as it comes back: CRLF at its lines' ends, no null.
fn lines(text: &str) -> String {
    text.replace("\r\n", "\n").replace(['\r', '\n'], "\r\n").replace('\0', "")
}

fn html(bytes: &[u8]) {
    let document = lines(&String::from_utf8_lossy(bytes));
    let text = html::to_text(&document);
    // A text is shown by HTML as it is.
    let again = html::to_text(&html::from_text(&text, "utf-8"));
    assert_eq!(html::to_text(&html::from_text(&again, "utf-8")), again, "text through HTML");
    let rtf = rtf::from_html(&document).expect("a small document");
    assert_eq!(rtf::de_encapsulate(&rtf), Some(rtf::Encapsulated::Html(document.clone())));
    for page in [1252, 932, charsets::UTF_8] {
        let written = html::encode(&document, page);
        let _ = html::decode(&written, Some(page));
    }
    let _ = html::decode(bytes, None);
    let _ = html::declared_charset(bytes);
}

fn text(bytes: &[u8]) {
    let (page, rest) = match bytes {
        [a, b, rest @ ..] => (u32::from(u16::from_le_bytes([*a, *b])), rest),
        _ => (0, bytes),
    };
    let decoded = charsets::decode(page, rest);
    if let Some(encoded) = charsets::encode(page, &decoded) {
        let _ = charsets::decode(page, &encoded);
    }
    let label = String::from_utf8_lossy(&rest[..rest.len().min(20)]);
    let _ = charsets::decode_label(Some(&label), rest);
}

fn calendar(bytes: &[u8]) {
    let Ok(calendar) = ical::read(bytes) else { return };
    for (content, _) in calendar.items.iter().take(20) {
        let class = content.properties.text(tags::MESSAGE_CLASS);
        let written = ical::write(content).expect("a calendar of what was one");
        assert_eq!(ical::write(content).as_ref(), Some(&written), "the same content, other bytes");
        let again = ical::read(&written).expect("a calendar");
        // What a rule says of an exception may fall on another date, and is on its own then.
        let (first, _) = again.items.first().expect("an event");
        assert_eq!(first.properties.text(tags::MESSAGE_CLASS), class);
        assert!(again.refused.is_empty(), "{:?}", again.refused);
    }
}

fn cards(bytes: &[u8]) {
    let Ok(cards) = vcard::read(bytes) else { return };
    for (content, _) in cards.items.iter().take(50) {
        let written = vcard::write(content).expect("a card of what was one");
        let again = vcard::read(&written).expect("a card");
        let [(again, _)] = &again.items[..] else { panic!("one card became others") };
        // The first way may clean what no line can hold; then it is as it stays.
        let cleaned = vcard::write(again).expect("a card");
        let third = vcard::read(&cleaned).expect("a card");
        assert_eq!(vcard::write(&third.items[0].0), Some(cleaned), "a card changed on its way");
    }
}

fn recurrence(bytes: &[u8]) {
    rewritten::<RecurrencePattern>(bytes);
    rewritten::<AppointmentRecurrence>(bytes);
    rewritten::<TimeZoneDefinition>(bytes);
    rewritten::<TimeZoneStruct>(bytes);
    rewritten::<GlobalObjectId>(bytes);
}

/// What was read and is written reads as the same, and is then written as the same bytes: lengths that are
/// told twice may have differed.
fn rewritten<T: Wire + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    let Ok(value) = T::read(&mut Reader::new(bytes)) else { return };
    let written = value.to_wire();
    assert_eq!(T::from_wire(&written).as_ref(), Ok(&value));
}
