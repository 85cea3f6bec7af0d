//! Differences from what other tools see, and the lists that give each its reason.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;

use mapi::{
    AttachedContent, MessageContent, PropertyBag, PropertyKey, PropertyTag, PropertyValue, tags,
};
use serde_json::Value;

use crate::seen::{self, Flat, flatten};

/// What differs, by its place, such as `msg/quick.msg.subject`.
#[derive(Default)]
pub struct Differences(pub BTreeMap<String, String>);

/// Properties that the file has and the store answers itself, since they speak of the object where it is:
/// sizes as it keeps them, what may be done with it, its ids and changes.
const OF_THE_STORE: &[PropertyTag] = &[
    tags::MESSAGE_FLAGS,
    tags::MESSAGE_SIZE,
    tags::SUBMIT_FLAGS,
    tags::HAS_ATTACHMENTS,
    tags::ATTACH_SIZE,
    tags::INTERNET_ARTICLE_NUMBER,
    tags::ACCESS,
    tags::ACCESS_LEVEL,
    tags::SOURCE_KEY,
    tags::PARENT_SOURCE_KEY,
    tags::CHANGE_KEY,
    tags::PREDECESSOR_CHANGE_LIST,
];

/// Properties that every object of a kind has in a store, whether or not the file has them.
const ADDED: &[PropertyTag] = &[
    tags::SUBJECT_PREFIX,
    tags::DISPLAY_BCC,
    tags::DISPLAY_CC,
    tags::DISPLAY_TO,
    tags::PARENT_ENTRY_ID,
    tags::RESPONSIBILITY,
    tags::MESSAGE_STATUS,
    tags::NORMALIZED_SUBJECT,
    tags::ATTACH_NUMBER,
    tags::READ,
    tags::MAPPING_SIGNATURE,
    tags::RECORD_KEY,
    tags::STORE_RECORD_KEY,
    tags::STORE_ENTRY_ID,
    tags::OBJECT_TYPE,
    tags::ENTRY_ID,
    tags::ROWID,
    tags::CREATION_TIME,
    tags::LAST_MODIFICATION_TIME,
    tags::SEARCH_KEY,
    tags::SEND_RICH_INFO,
    tags::HAS_NAMED_PROPERTIES,
    tags::FOLDER_ID,
    tags::PARENT_FOLDER_ID,
    tags::MID,
    tags::INST_ID,
    tags::INSTANCE_NUM,
    tags::CHANGE_NUMBER,
    tags::ASSOCIATED,
    tags::CONVERSATION_TOPIC,
    tags::CONVERSATION_ID,
    tags::LOCAL_COMMIT_TIME,
];

/// What the store tells of every message that has a body, in whichever format ([MS-OXBBODY] 2.1.3.1).
const OF_A_BODY: &[PropertyTag] = &[
    tags::BODY,
    tags::HTML,
    tags::RTF_COMPRESSED,
    tags::RTF_IN_SYNC,
    tags::NATIVE_BODY,
    tags::INTERNET_CODEPAGE,
];

/// Of PidTagMessageFlags the store answers mfHasAttach, and mfEverRead with mfRead ([MS-OXCMSG] 2.2.1.6).
const FLAGS_OF_THE_STORE: i32 = 0x0010 | 0x0400;

impl Differences {
    pub fn add(&mut self, place: String, what: String) {
        self.0.insert(place, what);
    }

    /// Compares a message with what another tool has seen of it.
    pub fn expected(&mut self, name: &str, kind: &str, wanted: &Value, content: &MessageContent) {
        let (ours, left_out): (Value, &[&str]) = match kind {
            "msg" => (seen::msg::message(content), &["properties"]),
            // Which node it was is gone; that all properties are there, `same` tells.
            "pst" => (
                seen::pst::message(content),
                &["id", "folder", "associated", "properties", "properties_sha256"],
            ),
            _ => {
                let ours = seen::mime::describe(content);
                seen::mime::compare(&ours, wanted, "", &mut |field, what| {
                    self.add(format!("{name}.{field}"), what);
                });
                return;
            }
        };
        let (mut left, mut right) = (Flat::new(), Flat::new());
        let mut wanted = without(wanted, left_out);
        if kind == "msg" {
            // Of the file.
            wanted.as_object_mut().map(|wanted| wanted.remove("sha256"));
        }
        flatten(&wanted, name, &mut left);
        flatten(&without(&ours, left_out), name, &mut right);
        for place in left.keys().chain(right.keys()) {
            let (theirs, mine) = (left.get(place), right.get(place));
            if theirs != mine {
                self.add(place.clone(), format!("{mine:?} for {theirs:?}"));
            }
        }
    }

    /// What came back without what the store makes of the body in the file: that has to be there, and
    /// is no part of the comparison.
    pub fn as_stored(
        &mut self,
        name: &str,
        read: &MessageContent,
        mut back: MessageContent,
    ) -> MessageContent {
        let bodies = [tags::BODY, tags::HTML, tags::RTF_COMPRESSED];
        if bodies.iter().any(|tag| read.properties.get(*tag).is_some()) {
            for tag in OF_A_BODY.iter().filter(|tag| read.properties.get(**tag).is_none()) {
                if back.properties.remove(*tag).is_none() {
                    self.add(format!("{name}.made.{:#06x}", tag.id()), "is missing".into());
                }
            }
        }
        for (index, (read, back)) in read.attachments.iter().zip(&mut back.attachments).enumerate()
        {
            if let (AttachedContent::Message(read), AttachedContent::Message(back)) =
                (&read.content, &mut back.content)
            {
                let name = format!("{name}.attachments.{index}.message");
                **back = self.as_stored(&name, read, std::mem::take(back));
            }
        }
        back
    }

    /// Compares what came back with what was read from the file, property by property.
    pub fn same(&mut self, name: &str, read: &MessageContent, back: &MessageContent) {
        self.same_bag(name, &read.properties, &back.properties);
        let flags = |content: &MessageContent| {
            let flags = content.properties.get(tags::MESSAGE_FLAGS).and_then(PropertyValue::as_i32);
            flags.unwrap_or_default() & !FLAGS_OF_THE_STORE
        };
        if flags(read) != flags(back) {
            let what = format!("{:#x} for {:#x}", flags(back), flags(read));
            self.add(format!("{name}.message_flags"), what);
        }
        let counts = (read.recipients.len(), read.attachments.len());
        let came = (back.recipients.len(), back.attachments.len());
        if counts != came {
            self.add(format!("{name}.parts"), format!("{came:?} for {counts:?}"));
            return;
        }
        for (index, (read, back)) in read.recipients.iter().zip(&back.recipients).enumerate() {
            let name = format!("{name}.recipients.{index}");
            self.same_bag(&name, &read.properties, &back.properties);
        }
        for (index, (read, back)) in read.attachments.iter().zip(&back.attachments).enumerate() {
            let name = format!("{name}.attachments.{index}");
            // The name that is shown is the long one where the file has none (MS-OXCMSG R228).
            let mut of_file = read.properties.clone();
            if let (None, Some(long)) =
                (of_file.get(tags::DISPLAY_NAME), of_file.get(tags::ATTACH_LONG_FILENAME).cloned())
            {
                of_file.set(tags::DISPLAY_NAME, long);
            }
            self.same_bag(&name, &of_file, &back.properties);
            match (&read.content, &back.content) {
                (AttachedContent::Message(read), AttachedContent::Message(back)) => {
                    self.same(&format!("{name}.message"), read, back);
                }
                (read, back) if read == back => {}
                _ => self.add(format!("{name}.content"), "differs".into()),
            }
        }
    }

    fn same_bag(&mut self, name: &str, read: &PropertyBag, back: &PropertyBag) {
        for (key, value) in read.iter() {
            if of_the_store(key) {
                continue;
            }
            let key = &in_a_store(key);
            let came = back.iter().find(|(k, _)| k == key).map(|(_, value)| value);
            if came != Some(value) {
                let short = |text: String| text.chars().take(80).collect::<String>();
                let what =
                    format!("{} for {}", short(format!("{came:?}")), short(format!("{value:?}")));
                self.add(format!("{name}.{}", key_name(key)), what);
            }
        }
        let known = |key: &PropertyKey| {
            of_the_store(key)
                || ADDED.iter().any(|tag| *key == PropertyKey::Tag(tag.id()))
                || read.iter().any(|(of_file, _)| in_a_store(of_file) == *key)
        };
        for (key, value) in back.iter().filter(|(key, _)| !known(key)) {
            let what = format!("{value:?}").chars().take(80).collect();
            self.add(format!("{name}.added.{}", key_name(key)), what);
        }
    }

    /// Fails for what no list names, and for a line of `differences-readback.tsv` that names nothing. The
    /// other lists are those of the readers, and checked for such lines with them.
    pub fn judge(&self, whole: bool) {
        let known = Known::load();
        let unlisted: Vec<String> = self
            .0
            .iter()
            .filter(|(place, _)| !known.names(place))
            .map(|(place, what)| format!("{place}\t{what}"))
            .collect();
        assert!(
            unlisted.is_empty(),
            "{} differences without a reason:\n{}",
            unlisted.len(),
            unlisted.join("\n")
        );
        let stale: Vec<&str> = known
            .lines
            .iter()
            .filter(|line| line.own && !line.used.get())
            .map(|line| line.place.as_str())
            .collect();
        assert!(!whole || stale.is_empty(), "listed, but there is no difference: {stale:#?}");
        println!("{} differences, each with its reason", self.0.len());
    }
}

fn of_the_store(key: &PropertyKey) -> bool {
    OF_THE_STORE.iter().any(|tag| *key == PropertyKey::Tag(tag.id()))
}

/// A mailbox keeps the names of Internet headers in small letters ([MS-OXPROPS] 1.3.2).
fn in_a_store(key: &PropertyKey) -> PropertyKey {
    match key {
        PropertyKey::Named(name) if name.set == mapi::names::PS_INTERNET_HEADERS => {
            let mut name = name.clone();
            if let mapi::PropertyNameKind::Name(text) = &mut name.kind {
                *text = text.to_string_lossy().to_lowercase().as_str().into();
            }
            PropertyKey::Named(name)
        }
        key => key.clone(),
    }
}

fn key_name(key: &PropertyKey) -> String {
    match key {
        PropertyKey::Tag(id) => format!("{id:#06x}"),
        PropertyKey::Named(name) => format!("{name:?}"),
    }
}

/// A description without these keys, at any depth.
fn without(value: &Value, keys: &[&str]) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().filter(|(key, _)| !keys.contains(&key.as_str()));
            Value::Object(kept.map(|(k, value)| (k.clone(), without(value, keys))).collect())
        }
        Value::Array(items) => items.iter().map(|item| without(item, keys)).collect(),
        other => other.clone(),
    }
}

struct Line {
    /// A `*` stands for any characters.
    place: String,
    /// Of the list of this test.
    own: bool,
    used: Cell<bool>,
}

struct Known {
    lines: Vec<Line>,
}

impl Known {
    fn load() -> Self {
        let mut lines = Vec::new();
        for list in ["readback", "mime", "msg", "pst"] {
            let path = seen::data().join(format!("differences-{list}.tsv"));
            let text = fs::read_to_string(path).unwrap();
            for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
                let (place, reason) = line.rsplit_once('\t').expect("a place and a reason");
                assert!(!reason.trim().is_empty(), "no reason: {line}");
                let place = match list {
                    "mime" => place.replace('\t', "."),
                    "readback" => place.to_owned(),
                    _ => format!("{list}/{place}"),
                };
                lines.push(Line { place, own: list == "readback", used: Cell::new(false) });
            }
        }
        Known { lines }
    }

    fn names(&self, place: &str) -> bool {
        let mut found = false;
        for line in self.lines.iter().filter(|line| matches(&line.place, place)) {
            line.used.set(true);
            found = true;
        }
        found
    }
}

/// Whether the text is the pattern, in which each `*` stands for any characters.
fn matches(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let pieces: Vec<&str> = pieces.collect();
    let Some((last, middle)) = pieces.split_last() else { return rest.is_empty() };
    for piece in middle {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}
