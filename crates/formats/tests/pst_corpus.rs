//! The sample .pst files: every node of theirs, what another tool sees in them, and what harm does.

mod seen;
mod support;

use std::fmt::Write;
use std::fs;
use std::io::Cursor;
use std::ops::ControlFlow;

use formats::oracle;
use formats::pst::{self, Folder, FolderKind, Item, Limits, NodeId, PstFile, Visitor};
use formats::report::Report;
use mapi::generated::tags;
use mapi::restriction::Relation;
use mapi::{PropertyNameKind, Restriction};
use serde_json::{Value, json};

use seen::{compare, corpus, data, files, golden, sha256};
use support::{Random, harm};

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
    let criteria = search.criteria.as_ref().unwrap().as_ref().expect("criteria");
    assert_eq!(criteria.folders, [NodeId(0x8022)]);
    assert!(criteria.recursive && !criteria.fixed);
    // Neither in some folders, nor an appointment that is none, nor a draft; and with a reminder.
    let Restriction::And(parts) = &criteria.restriction else { panic!("{criteria:?}") };
    let [Restriction::And(elsewhere), Restriction::And(what)] = &parts[..] else {
        panic!("{criteria:?}")
    };
    let of_folder = |part: &Restriction| {
        matches!(part, Restriction::Property { relation: Relation::NotEqual, tag, value }
            if *tag == tags::PARENT_ENTRY_ID && value.value.as_binary().is_some_and(|id| id.len() == 24))
    };
    assert!(elsewhere.len() == 4 && elsewhere.iter().all(of_folder));
    let [Restriction::Not(class), Restriction::Bitmask { mask: 4, .. }, Restriction::Or(reminder)] =
        &what[..]
    else {
        panic!("{criteria:?}")
    };
    let Restriction::And(class) = &**class else { panic!("{criteria:?}") };
    assert!(matches!(&class[1], Restriction::Content { tag, value, .. }
        if *tag == tags::MESSAGE_CLASS && value.value == "IPM.Schedule".into()));
    assert_eq!(reminder.len(), 2);
    let called: Vec<_> = criteria.names.iter().map(|(_, name)| name.kind.clone()).collect();
    // PidLidRecurring, PidLidReminderSet
    assert_eq!(called, [PropertyNameKind::Id(0x8223), PropertyNameKind::Id(0x8503)]);
}

#[test]
fn what_search_folders_look_for() {
    let Some(directory) = corpus("pst") else { return };
    let mut known = Vec::new();
    for (_, path) in files(&directory, &["pst"]) {
        let file = pst::open(fs::File::open(path).unwrap()).unwrap();
        let mut found = Collector::default();
        file.walk(&mut found);
        for folder in found.folders.iter().filter(|folder| folder.kind == FolderKind::Search) {
            let criteria = folder.criteria.as_ref().expect("criteria that can be read");
            known.push((folder.name.clone(), criteria.is_some()));
        }
    }
    known.sort();
    known.dedup();
    let expected = [
        ("All Messages", false),
        ("ItemProcSearch", true),
        ("Reminders", true),
        ("SPAM Search Folder 2", false),
        ("To-Do Search", true),
        ("Tracked Mail Processing", true),
    ];
    assert_eq!(known, expected.map(|(name, says)| (name.to_owned(), says)));
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
    let mut expected = seen::json("expected-pst.json")["files"].clone();
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
        let mut one = seen::pst::message(&item.content);
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
