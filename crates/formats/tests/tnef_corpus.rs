//! The sample TNEF streams: what is read of them, what another tool sees in them, what comes back of what is
//! written, and what harm does.

mod seen;
mod support;

use std::fs;

use formats::{mime, msg, oracle, tnef};
use mapi::{AttachedContent, MessageContent, PropertyValue};
use serde_json::{Value, json};

use seen::{compare, corpus, data, files, golden};
use support::{Random, harm};

const EXTENSIONS: &[&str] = &["dat", "tnef"];

/// Every property of every file, as it was looked over by eye.
#[test]
fn what_is_read() {
    let Some(directory) = corpus("tnef") else { return };
    let mut text = String::new();
    for (name, path) in files(&directory, EXTENSIONS) {
        let (content, report) = tnef::read(&fs::read(path).unwrap()).unwrap();
        for line in seen::tnef::dump(&content, &report).lines() {
            text.push_str(&format!("{name}\t{line}\n"));
        }
    }
    golden("tnef-seen.tsv", &text);
}

/// The same values as `scripts/expected-tnef.py` wrote down.
#[test]
fn as_another_tool_sees_them() {
    let Some(directory) = corpus("tnef") else { return };
    let mut ours = serde_json::Map::new();
    for (name, path) in files(&directory, EXTENSIONS) {
        // The other tool believes its counts, and would fill any memory.
        if name == "oom.tnef" {
            continue;
        }
        let seen = match tnef::read(&fs::read(path).unwrap()) {
            Ok((content, _)) => seen::tnef::message(&content),
            Err(error) => json!({ "error": error.to_string() }),
        };
        ours.insert(name, seen);
    }
    let expected = seen::json("expected-tnef.json");
    compare(&expected["files"], &Value::Object(ours), "differences-tnef.tsv");
}

#[test]
fn shipped_samples_are_read() {
    for (name, path) in files(&data().join("corpus/tnef"), EXTENSIONS) {
        let (content, report) = tnef::read(&fs::read(path).unwrap()).unwrap();
        match name.as_str() {
            "oom.tnef" => assert!(content.properties.is_empty() && !report.is_whole()),
            _ => assert!(report.properties.carried > 50 && report.is_whole(), "{name}: {report:?}"),
        }
    }
}

/// Messages of every format, written as TNEF and read again, are what they were.
#[test]
fn messages_come_back_from_tnef() {
    let mut messages = Vec::new();
    for (kind, extensions) in [("tnef", EXTENSIONS), ("msg", &["msg"]), ("eml", &["eml"])] {
        let Some(directory) = corpus(kind) else { return };
        for (name, path) in files(&directory, extensions) {
            let bytes = fs::read(path).unwrap();
            let content = match kind {
                "tnef" => tnef::read(&bytes).ok().map(|(content, _)| content),
                "msg" => msg::read(&bytes).ok().map(|(content, _)| content),
                _ => mime::read(&bytes).ok(),
            };
            messages.extend(content.map(|content| (name, content)));
        }
    }
    assert!(messages.len() > 110);
    for (name, content) in messages {
        let written = tnef::write(&content);
        assert_eq!(tnef::write(&content), written, "{name}: the same content gave other bytes");
        let (read, report) = tnef::read(&written).unwrap();
        assert!(report.is_whole(), "{name}: {:?}", report.refused);
        assert_same(&name, &content, &read);
    }
}

fn assert_same(name: &str, first: &MessageContent, second: &MessageContent) {
    has_all(name, &first.properties, &second.properties);
    assert_eq!(second.recipients, first.recipients, "{name}");
    assert_eq!(second.attachments.len(), first.attachments.len(), "{name}");
    for (first, second) in first.attachments.iter().zip(&second.attachments) {
        has_all(name, &first.properties, &second.properties);
        match (&first.content, &second.content) {
            (AttachedContent::Message(first), AttachedContent::Message(second)) => {
                assert_same(name, first, second);
            }
            (first, second) => assert_eq!(second, first, "{name}"),
        }
    }
}

/// Every property has its value, and nothing is there but what the writer has to add.
fn has_all(name: &str, first: &mapi::PropertyBag, second: &mapi::PropertyBag) {
    let has_form = |value: &PropertyValue| {
        !matches!(value, PropertyValue::Object | PropertyValue::Null | PropertyValue::ServerId(_))
    };
    let mut missing: Vec<_> = second.iter().collect();
    for (key, value) in first.iter().filter(|(_, value)| has_form(value)) {
        let at = missing.iter().position(|(known, _)| known == key);
        let (_, found) = missing.remove(at.unwrap_or_else(|| panic!("{name}: {key:?} is lost")));
        let is_method = *key == mapi::PropertyKey::Tag(mapi::tags::ATTACH_METHOD.id());
        assert!(found == value || is_method, "{name}: {key:?}: {found:?} for {value:?}");
    }
    let added =
        [mapi::tags::MESSAGE_CLASS, mapi::tags::ATTACH_METHOD, mapi::tags::RENDERING_POSITION];
    for (key, _) in missing {
        assert!(
            added.iter().any(|tag| *key == mapi::PropertyKey::Tag(tag.id())),
            "{name}: {key:?}"
        );
    }
}

/// Whatever is done to the bytes, reading ends with a message or a reason.
#[test]
fn harmed_files_never_panic() {
    let mut random = Random::new(11);
    for (_, path) in files(&data().join("corpus/tnef"), EXTENSIONS) {
        let bytes = fs::read(path).unwrap();
        for _ in 0..2_000 {
            oracle::check("tnef", &harm(&bytes, &mut random));
        }
    }
}

/// A stream that is cut anywhere still gives what stands before the cut.
#[test]
fn what_stands_before_a_cut_is_kept() {
    let bytes = fs::read(data().join("corpus/tnef/bug52400-winmail-simple.dat")).unwrap();
    let (whole, report) = tnef::read(&bytes).unwrap();
    assert!(report.is_whole());
    let mut properties = 0;
    // attMsgProps begins at byte 702; the stream ends two bytes before the file.
    for length in 800..bytes.len() - 2 {
        let (content, report) = tnef::read(&bytes[..length]).unwrap();
        assert!(!report.is_whole(), "cut at {length}, and no word about it");
        assert_eq!(content.recipients, whole.recipients);
        // The attributes that stand for properties stand behind those of the list.
        let kept = content.properties.iter().zip(whole.properties.iter());
        let kept = kept.take_while(|(kept, whole)| kept == whole).count();
        assert!(kept >= properties, "cut at {length}: {kept} properties, before {properties}");
        properties = kept;
    }
    assert!(properties > 50);
}
