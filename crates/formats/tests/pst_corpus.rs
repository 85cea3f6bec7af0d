//! The sample .pst files: every node of theirs, what another tool sees in them, and what harm does.

mod support;

use std::fmt::Write;
use std::fs;
use std::io::Cursor;
use std::ops::ControlFlow;

use formats::oracle;
use formats::pst::{self, Folder, FolderKind, Item, Limits, NodeId, PstFile, Visitor};
use formats::report::Report;
use mapi::generated::tags;
use mapi::{
    AttachedContent, AttachmentContent, MessageContent, PropertyBag, PropertyKey, PropertyTag,
    PropertyValue,
};
use serde_json::{Value, json};

use support::{Random, compare, corpus, data, files, golden, harm, sha256};

#[derive(Default)]
struct Collector {
    folders: Vec<Folder>,
    items: Vec<(NodeId, Item)>,
    unwanted: Vec<NodeId>,
}

impl Visitor for Collector {
    fn wants(&mut self, id: NodeId, _associated: bool) -> bool {
        !self.unwanted.contains(&id)
    }

    fn folder(&mut self, folder: &Folder) -> ControlFlow<()> {
        self.folders.push(folder.clone());
        ControlFlow::Continue(())
    }

    fn message(&mut self, folder: &Folder, item: Item) -> ControlFlow<()> {
        assert!(self.folders.iter().any(|known| known.id == folder.id), "folder before message");
        self.items.push((folder.id, item));
        ControlFlow::Continue(())
    }
}

fn walk(bytes: Vec<u8>) -> Result<(Collector, Report), pst::PstError> {
    let file = pst::open(Cursor::new(bytes))?;
    let mut found = Collector::default();
    let report = file.walk(&mut found);
    Ok((found, report))
}

/// A small file that is shipped with the tests.
fn sample() -> Vec<u8> {
    let packed = fs::read(data().join("corpus/pst/dist-list.pst.zst")).unwrap();
    zstd::decode_all(&packed[..]).unwrap()
}

#[test]
fn shipped_sample_is_read() {
    let (found, report) = walk(sample()).unwrap();
    assert!(report.is_whole(), "{report:?}");
    assert_eq!(found.folders.len(), 24);
    assert_eq!((report.messages.carried, report.associated.carried), (4, 3));
    let calendar = found.folders.iter().find(|f| f.name == "Calendar").unwrap();
    assert_eq!(calendar.class.as_deref(), Some("IPF.Appointment"));
    assert_eq!(calendar.role, Some(pst::Role::Calendar));
    assert_eq!(calendar.path, ["Top of Personal Folders", "Calendar"]);
    let (_, appointment) = found.items.iter().find(|(f, _)| *f == calendar.id).unwrap();
    assert_eq!(
        appointment.content.properties.text(tags::SUBJECT).as_deref(),
        Some("Test appointment")
    );
    assert_eq!(appointment.content.attachments.len(), 2);
    let search = found.folders.iter().find(|f| f.name == "Reminders").unwrap();
    assert_eq!(search.kind, FolderKind::Search);
    assert!(search.criteria.is_some());
}

#[test]
fn counts() {
    let Some(directory) = corpus("pst") else { return };
    let mut lines = String::from(
        "file\tfolders\tmessages\tassociated\trecipients\tattachments\tproperties\trefused\n",
    );
    for (name, path) in files(&directory, &["pst"]) {
        let file = pst::open(fs::File::open(path).unwrap()).unwrap();
        let mut found = Collector::default();
        let report = file.walk(&mut found);
        let expected = file.expected();
        assert_eq!(report.folders.expected, expected.folders.expected, "{name}");
        assert_eq!(report.messages.expected, expected.messages.expected, "{name}");
        assert_eq!(report.associated.expected, expected.associated.expected, "{name}");
        writeln!(
            lines,
            "{name}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
            report.folders,
            report.messages,
            report.associated,
            report.recipients,
            report.attachments,
            report.properties,
            report.refused.len()
        )
        .unwrap();
    }
    golden("pst-counts.tsv", &lines);
}

/// The same values as `scripts/expected-pst.py` wrote down.
#[test]
fn as_another_tool_sees_them() {
    let Some(directory) = corpus("pst") else { return };
    let mut ours = serde_json::Map::new();
    for (name, path) in files(&directory, &["pst"]) {
        let bytes = fs::read(path).unwrap();
        let (found, _) = walk(bytes.clone()).unwrap();
        ours.insert(name, seen(&found, &bytes));
    }
    let mut expected = support::json("expected-pst.json")["files"].clone();
    for file in expected.as_object_mut().unwrap().values_mut() {
        // By id, so that a difference names its folder or message and not a position.
        for list in ["folders", "messages"] {
            let items = file[list].as_array().unwrap().clone();
            file[list] = by_id(items);
        }
    }
    compare(&expected, &Value::Object(ours), "differences-pst.tsv");
}

#[test]
fn messages_that_are_not_wanted_are_not_read() {
    let file = pst::open(Cursor::new(sample())).unwrap();
    let mut first = Collector::default();
    let whole = file.walk(&mut first);
    let mut second = Collector {
        unwanted: first.items.iter().skip(1).map(|(_, item)| item.id).collect(),
        ..Default::default()
    };
    let again = file.walk(&mut second);
    assert_eq!(second.items.len(), 1);
    assert_eq!(again.messages, whole.messages);
    assert_eq!(again.associated, whole.associated);
}

#[test]
fn a_visitor_can_end_the_walk() {
    struct Stop(u32);
    impl Visitor for Stop {
        fn folder(&mut self, _: &Folder) -> ControlFlow<()> {
            self.0 += 1;
            ControlFlow::Break(())
        }
        fn message(&mut self, _: &Folder, _: Item) -> ControlFlow<()> {
            panic!("the walk went on");
        }
    }
    let mut stop = Stop(0);
    let report = pst::open(Cursor::new(sample())).unwrap().walk(&mut stop);
    assert_eq!((stop.0, report.messages.carried), (1, 0));
}

#[test]
fn large_values_are_refused_by_name() {
    let limits = Limits { value: 2_000, message: 10_000 };
    let file = PstFile::open(Cursor::new(sample()), limits).unwrap();
    let report = file.walk(&mut Collector::default());
    assert_eq!(report.messages.expected, 4);
    assert!(report.refused.iter().any(|r| r.why.contains("larger than")), "{report:?}");
}

#[test]
fn other_files_are_refused_with_a_reason() {
    use formats::pst::PstError;
    assert!(matches!(pst::open(Cursor::new(b"From: me".to_vec())), Err(PstError::NotPst)));
    let mut newer = sample();
    newer[10] = 36;
    assert!(matches!(pst::open(Cursor::new(newer)), Err(PstError::Version(36))));
    let mut ost = sample();
    ost[9] = b'O';
    assert!(matches!(pst::open(Cursor::new(ost)), Err(PstError::OtherClient)));
    let mut damaged = sample();
    // bSentinel.
    damaged[512] ^= 1;
    assert!(matches!(pst::open(Cursor::new(damaged)), Err(PstError::Header(_))));
}

/// One byte changed in any block or page is noticed, and costs at most what stood there.
#[test]
fn a_changed_byte_is_named() {
    let bytes = sample();
    let mut random = Random::new(3);
    let (whole, _) = walk(bytes.clone()).unwrap();
    let mut noticed = 0;
    for _ in 0..60 {
        let mut harmed = bytes.clone();
        let at = 0x4600 + random.below(bytes.len() - 0x4600);
        harmed[at] ^= 0x10;
        let (found, report) = walk(harmed).unwrap();
        noticed += u32::from(!report.is_whole());
        if report.is_whole() {
            // The byte stood in free space or in padding, so nothing may have changed.
            let same = found.items.iter().zip(&whole.items).all(|(a, b)| a == b);
            assert!(same && found.items.len() == whole.items.len(), "at {at:#x}");
        }
    }
    assert!(noticed > 10, "{noticed}");
}

/// Whatever is done to the bytes, the walk ends and every node that is left is counted.
#[test]
fn harmed_files_never_panic() {
    let bytes = sample();
    let mut random = Random::new(11);
    for _ in 0..150 {
        oracle::check("pst", &harm(&bytes, &mut random));
    }
    for length in (0..0x5000).step_by(97) {
        oracle::check("pst", &bytes[..length]);
    }
}

fn by_id(items: Vec<Value>) -> Value {
    let named =
        items.into_iter().map(|item| (format!("{:#x}", item["id"].as_u64().unwrap()), item));
    Value::Object(named.collect())
}

fn seen(found: &Collector, bytes: &[u8]) -> Value {
    let count = |id: NodeId, associated: bool| {
        found.items.iter().filter(|(f, i)| *f == id && i.associated == associated).count()
    };
    let folders = found.folders.iter().map(|folder| {
        json!({
            "id": folder.id.0,
            "path": folder.path,
            "class": folder.class,
            "messages": count(folder.id, false),
            "associated": count(folder.id, true),
        })
    });
    let messages = found.items.iter().map(|(folder, item)| {
        let mut one = message(&item.content);
        one["id"] = item.id.0.into();
        one["folder"] = folder.0.into();
        one["associated"] = item.associated.into();
        one
    });
    let exported = found.items.iter().filter(|(_, item)| !item.associated).count();
    json!({
        "sha256": sha256(bytes),
        "folders": by_id(folders.collect()),
        "messages": by_id(messages.collect()),
        "pffexport": { "export": exported, "orphans": 0, "recovered": 0 },
    })
}

fn message(content: &MessageContent) -> Value {
    let bag = &content.properties;
    let hash = |tag| match bag.get(tag) {
        Some(PropertyValue::Binary(bytes)) => Some(sha256(bytes)),
        _ => None,
    };
    let (count, digest) = digest(bag);
    json!({
        "class": bag.text(tags::MESSAGE_CLASS),
        "subject": bag.text(tags::SUBJECT),
        "submitted": time(bag, tags::CLIENT_SUBMIT_TIME),
        "delivered": time(bag, tags::MESSAGE_DELIVERY_TIME),
        "flags": bag.get(tags::MESSAGE_FLAGS).and_then(PropertyValue::as_i32),
        "body_sha256": bag.text(tags::BODY).map(|text| sha256(text.as_bytes())),
        "html_sha256": hash(tags::HTML),
        "rtf_sha256": hash(tags::RTF_COMPRESSED),
        "properties": count,
        "properties_sha256": digest,
        "recipients": content
            .recipients
            .iter()
            .map(|recipient| recipient.properties.text(tags::DISPLAY_NAME))
            .collect::<Vec<_>>(),
        "attachments": content.attachments.iter().map(attachment).collect::<Vec<_>>(),
    })
}

fn attachment(attachment: &AttachmentContent) -> Value {
    let bag = &attachment.properties;
    let name = bag.text(tags::ATTACH_LONG_FILENAME).or(bag.text(tags::ATTACH_FILENAME));
    let mut seen = json!({
        "name": name,
        "method": bag.get(tags::ATTACH_METHOD).and_then(PropertyValue::as_i32),
    });
    match &attachment.content {
        AttachedContent::Nothing => {}
        AttachedContent::Bytes(bytes) | AttachedContent::Ole(bytes) => {
            seen["size"] = bytes.len().into();
            seen["sha256"] = sha256(bytes).into();
        }
        AttachedContent::Message(inner) => seen["message"] = embedded(inner),
    }
    seen
}

/// What the other tool's export shows of a message in a message.
fn embedded(content: &MessageContent) -> Value {
    let whole = message(content);
    let mut seen = json!({});
    for key in ["subject", "submitted", "delivered", "flags", "recipients", "attachments"] {
        seen[key] = whole[key].clone();
    }
    for attachment in seen["attachments"].as_array_mut().unwrap() {
        attachment.as_object_mut().unwrap().remove("method");
    }
    seen
}

/// How many properties the file holds, and one hash over those with a fixed id, but for the subject: id,
/// type and bytes of each as they stand in the file.
fn digest(bag: &PropertyBag) -> (usize, String) {
    // Split from the subject's mark, so they stand in the file only where it has none.
    let derived = [tags::SUBJECT_PREFIX.id(), tags::NORMALIZED_SUBJECT.id()];
    let mut lines: Vec<(u16, u16, Vec<u8>)> = Vec::new();
    let mut count = 0;
    for (key, value) in bag.iter() {
        let PropertyKey::Tag(id) = key else {
            count += 1;
            continue;
        };
        if derived.contains(id) {
            continue;
        }
        count += 1;
        if *id != tags::SUBJECT.id() {
            lines.push((*id, value.property_type().0, raw(value)));
        }
    }
    lines.sort();
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let lines: Vec<String> = lines
        .iter()
        .map(|(id, kind, bytes)| format!("{id:04x} {kind:04x} {}", hex(bytes)))
        .collect();
    (count, sha256(lines.join("\n").as_bytes()))
}

fn raw(value: &PropertyValue) -> Vec<u8> {
    match value {
        PropertyValue::Integer16(n) => n.to_le_bytes().to_vec(),
        PropertyValue::Integer32(n) => n.to_le_bytes().to_vec(),
        PropertyValue::Integer64(n) | PropertyValue::Currency(n) => n.to_le_bytes().to_vec(),
        PropertyValue::Floating64(n) | PropertyValue::FloatingTime(n) => n.to_le_bytes().to_vec(),
        PropertyValue::Boolean(b) => vec![u8::from(*b)],
        PropertyValue::Time(time) => time.0.to_le_bytes().to_vec(),
        PropertyValue::String(text) => text.to_utf16le(),
        PropertyValue::Binary(bytes) => bytes.clone(),
        PropertyValue::Guid(guid) => guid.0.to_vec(),
        PropertyValue::MultipleInteger16(row) => row.iter().flat_map(|n| n.to_le_bytes()).collect(),
        PropertyValue::MultipleInteger32(row) => row.iter().flat_map(|n| n.to_le_bytes()).collect(),
        PropertyValue::MultipleString(row) => several(row.iter().map(|t| t.to_utf16le()).collect()),
        PropertyValue::MultipleBinary(row) => several(row.clone()),
        other => panic!("the samples have no {other:?}"),
    }
}

/// Values of sizes of their own: a count, the offset of each, the values ([MS-PST] 2.3.3.4.2).
fn several(values: Vec<Vec<u8>>) -> Vec<u8> {
    let mut bytes = (values.len() as u32).to_le_bytes().to_vec();
    let mut offset = 4 + 4 * values.len();
    for value in &values {
        bytes.extend((offset as u32).to_le_bytes());
        offset += value.len();
    }
    bytes.extend(values.concat());
    bytes
}

/// To the second, as the other tool gives it.
fn time(bag: &PropertyBag, tag: PropertyTag) -> Option<String> {
    let time = bag.get(tag)?.as_time()?;
    let text = time.to_string();
    Some(format!("{}Z", &text[..19.min(text.len())]))
}
