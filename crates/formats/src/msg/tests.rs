//! Messages built by hand, part by part, and broken in known places.

use std::io::{Cursor, Write};
use std::path::Path;

use mapi::generated::named::PS_PUBLIC_STRINGS;
use mapi::generated::tags;
use mapi::{AttachedContent, PropertyKey, PropertyName, PropertyValue, WString};

use super::*;

/// Writes storages with property streams and values.
struct Builder(cfb::CompoundFile<Cursor<Vec<u8>>>);

impl Builder {
    fn new() -> Self {
        Builder(cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap())
    }

    fn stream(&mut self, path: &str, bytes: &[u8]) {
        self.0.create_stream(path).unwrap().write_all(bytes).unwrap();
    }

    /// A storage with its header of `header` bytes and records of (tag, value).
    fn object(&mut self, path: &str, header: &[u8], records: &[(u32, u64)]) {
        if !self.0.exists(path) {
            self.0.create_storage(path).unwrap();
        }
        let mut bytes = header.to_vec();
        for (tag, value) in records {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(6u32.to_le_bytes());
            bytes.extend(value.to_le_bytes());
        }
        let path = Path::new(path).join("__properties_version1.0");
        self.stream(path.to_str().unwrap(), &bytes);
    }

    fn value(&mut self, storage: &str, tag: &str, bytes: &[u8]) {
        let path = Path::new(storage).join(format!("__substg1.0_{tag}"));
        self.stream(path.to_str().unwrap(), bytes);
    }

    fn bytes(mut self) -> Vec<u8> {
        self.0.flush().unwrap();
        self.0.into_inner().into_inner()
    }
}

fn header(recipients: u32, attachments: u32) -> Vec<u8> {
    let mut header = vec![0; 16];
    header.extend(recipients.to_le_bytes());
    header.extend(attachments.to_le_bytes());
    header.extend([0; 8]);
    header
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn values_of_all_shapes() {
    let mut msg = Builder::new();
    msg.object(
        "/",
        &header(0, 0),
        &[
            (0x0037_001f, 10),
            (0x0e07_0003, 1),
            (0x0e06_0040, 0x01d0_0000_0000_0000),
            (0x3a58_101f, 8),
            (0x8002_1003, 8),
            (0x8003_101f, 8),
            (0x1009_0102, 3),
            (0x8004_0048, 16),
        ],
    );
    msg.value("/", "0037001F", &utf16("Hej"));
    msg.value("/", "10090102", b"rtf");
    msg.value("/", "80021003", &[1, 0, 0, 0, 2, 0, 0, 0]);
    msg.value("/", "8003101F", &[2, 0, 0, 0, 2, 0, 0, 0]);
    msg.value("/", "8003101F-00000000", &utf16("a"));
    msg.value("/", "8003101F-00000001", &utf16("b"));
    msg.value("/", "80040048", &[7; 16]);
    msg.value("/", "3A58101F", &[2, 0, 0, 0]);
    msg.0.create_storage("/__nameid_version1.0").unwrap();
    let map = "/__nameid_version1.0";
    msg.value(map, "00020102", &[9; 16]);
    let entries: &[u8] = &[
        0x01, 0x81, 0, 0, 0x06, 0, 2, 0, // LID 0x8101 of the GUID stream's first set.
        0, 0, 0, 0, 0x05, 0, 3, 0, // "Keywords" of PS_PUBLIC_STRINGS.
    ];
    msg.value(map, "00030102", entries);
    let mut name = 16u32.to_le_bytes().to_vec();
    name.extend(utf16("Keywords"));
    msg.value(map, "00040102", &name);

    let (content, report) = read(&msg.bytes()).unwrap();
    let bag = &content.properties;
    assert_eq!(bag.text(tags::SUBJECT).as_deref(), Some("Hej"));
    assert_eq!(bag.get(tags::MESSAGE_FLAGS), Some(&PropertyValue::Integer32(1)));
    assert_eq!(bag.get(tags::RTF_COMPRESSED), Some(&PropertyValue::Binary(b"rtf".to_vec())));
    assert_eq!(
        bag.get_named(&PropertyName::id(mapi::Guid([9; 16]), 0x8101)),
        Some(&PropertyValue::MultipleInteger32(vec![1, 2]))
    );
    let keywords = PropertyName::string(PS_PUBLIC_STRINGS, "Keywords");
    assert_eq!(
        bag.get_named(&keywords),
        Some(&PropertyValue::MultipleString(vec![WString::new("a"), WString::new("b")]))
    );
    // 0x8004 has no name, and a value of 0x3A58 is missing: those two only.
    let lost: Vec<String> = report.refused.iter().map(ToString::to_string).collect();
    assert_eq!(
        lost,
        [
            "property 0x3a58 (PidTagChildrensNames): its value 0 is missing",
            "property 0x8004: the file does not say what this id is called",
        ]
    );
    assert_eq!((report.properties.expected, report.properties.carried), (8, 6));
}

#[test]
fn attachments_by_kind() {
    let mut msg = Builder::new();
    msg.object("/", &header(1, 5), &[(0x3ffd_0003, 1251)]);
    msg.object("/__recip_version1.0_#00000000", &[0; 8], &[(0x0c15_0003, 1), (0x3001_001e, 3)]);
    msg.value("/__recip_version1.0_#00000000", "3001001E", b"\xc8\xf0");
    let attachment = |n| format!("/__attach_version1.0_#{n:08X}");
    let object = |n| format!("{}/__substg1.0_3701000D", attachment(n));
    msg.object(&attachment(0), &[0; 8], &[(0x3705_0003, 1), (0x3701_0102, 4)]);
    msg.value(&attachment(0), "37010102", b"data");
    msg.object(&attachment(1), &[0; 8], &[(0x3705_0003, 5)]);
    msg.object(&object(1), &header(0, 0)[..24], &[(0x0037_001e, 2)]);
    msg.value(&object(1), "0037001E", b"\xc8");
    msg.object(&attachment(2), &[0; 8], &[(0x3705_0003, 6)]);
    msg.0.create_storage(object(2)).unwrap();
    let inner = uuid::Uuid::from_u128(77);
    msg.0.set_storage_clsid(object(2), inner).unwrap();
    msg.stream(&format!("{}/CONTENTS", object(2)), b"ole");
    msg.object(&attachment(3), &[0; 8], &[(0x3705_0003, 4), (0x3708_001f, 8)]);
    msg.value(&attachment(3), "3708001F", &utf16("\\\\a\\b"));

    let (content, report) = read(&msg.bytes()).unwrap();
    assert_eq!(content.recipients[0].properties.text(tags::DISPLAY_NAME).as_deref(), Some("Ир"));
    let [by_value, embedded, ole, reference] = &content.attachments[..] else { panic!() };
    assert_eq!(by_value.content, AttachedContent::Bytes(b"data".to_vec()));
    let AttachedContent::Message(message) = &embedded.content else { panic!() };
    assert_eq!(message.properties.text(tags::SUBJECT).as_deref(), Some("И"));
    let AttachedContent::Ole(bytes) = &ole.content else { panic!() };
    let file = cfb::CompoundFile::open(Cursor::new(bytes)).unwrap();
    assert_eq!(*file.root_entry().clsid(), inner);
    assert_eq!(file.entry("/CONTENTS").unwrap().len(), 3);
    assert_eq!(reference.content, AttachedContent::Nothing);
    assert_eq!(reference.properties.text(tags::ATTACH_PATHNAME).as_deref(), Some("\\\\a\\b"));
    let lost: Vec<String> = report.refused.iter().map(ToString::to_string).collect();
    assert_eq!(lost, ["attachments: 5 are announced, 4 are there"]);
}

#[test]
fn one_bad_part_costs_that_part() {
    let mut msg = Builder::new();
    msg.object("/", &header(0, 2), &[(0x0037_001f, 10)]);
    msg.object("/__attach_version1.0_#00000000", &[0; 8], &[(0x3705_0003, 1)]);
    msg.object("/__attach_version1.0_#00000001", &[0; 8], &[(0x3705_0003, 1)]);
    msg.value("/__attach_version1.0_#00000001", "37010102", b"kept");
    msg.value("/", "1000001F", &utf16("no record, still there"));
    let (content, report) = read(&msg.bytes()).unwrap();
    assert_eq!(content.attachments.len(), 2);
    assert_eq!(content.attachments[1].content, AttachedContent::Bytes(b"kept".to_vec()));
    assert_eq!(content.properties.text(tags::BODY).as_deref(), Some("no record, still there"));
    let lost: Vec<String> = report.refused.iter().map(ToString::to_string).collect();
    assert_eq!(
        lost,
        [
            "property 0x0037 (PidTagSubject): its stream is missing",
            "attachment 0: content: its data stream is missing",
        ]
    );
}

#[test]
fn nesting_is_bounded() {
    let mut msg = Builder::new();
    msg.object("/", &header(0, 1), &[]);
    let mut path = String::new();
    for _ in 0..MAX_NESTING + 3 {
        path += "/__attach_version1.0_#00000000";
        msg.object(&path, &[0; 8], &[(0x3705_0003, 5)]);
        path += "/__substg1.0_3701000D";
        msg.object(&path, &header(0, 1)[..24], &[]);
    }
    let (mut content, report) = read(&msg.bytes()).unwrap();
    let mut depth = 0;
    while let Some(attachment) = content.attachments.pop() {
        let AttachedContent::Message(inner) = attachment.content else { break };
        content = *inner;
        depth += 1;
    }
    assert_eq!(depth, MAX_NESTING);
    assert!(report.refused.iter().any(|r| r.why.contains("nest deeper")), "{report:?}");
}

#[test]
fn other_files_are_refused() {
    assert_eq!(read(b"From: me").unwrap_err(), MsgError::NotCompound);
    let mut other = Builder::new();
    other.stream("/WordDocument", b"text");
    assert_eq!(read(&other.bytes()).unwrap_err(), MsgError::NotAMessage);
}

#[test]
fn keys_keep_their_order() {
    let mut msg = Builder::new();
    msg.object("/", &header(0, 0), &[(0x0e07_0003, 1), (0x0017_0003, 2)]);
    let (content, _) = read(&msg.bytes()).unwrap();
    let keys: Vec<PropertyKey> = content.properties.iter().map(|(key, _)| key.clone()).collect();
    assert_eq!(keys, [PropertyKey::Tag(0x0e07), PropertyKey::Tag(0x0017)]);
}
