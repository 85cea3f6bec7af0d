//! Files built by hand, in both formats, and broken in known places.

mod builder;

use std::io::Cursor;
use std::ops::ControlFlow;

use mapi::generated::tags;
use mapi::{AttachedContent, PropertyKey, PropertyName, PropertyValue};
use outlook_pst::ndb::header::NdbCryptMethod;

use super::*;
use crate::report::Report;
use builder::{Builder, Entry, Property, number, text};

const ROOT: u32 = 0x122;
const INBOX: u32 = 0x8082;

#[derive(Default)]
struct Seen {
    folders: Vec<Folder>,
    items: Vec<(Vec<String>, Item)>,
}

impl Visitor for Seen {
    fn folder(&mut self, folder: &Folder) -> ControlFlow<()> {
        self.folders.push(folder.clone());
        ControlFlow::Continue(())
    }

    fn message(&mut self, folder: &Folder, item: Item) -> ControlFlow<()> {
        self.items.push((folder.path.clone(), item));
        ControlFlow::Continue(())
    }
}

fn walk(bytes: Vec<u8>) -> (Seen, Report) {
    let mut seen = Seen::default();
    let report = open(Cursor::new(bytes)).unwrap().walk(&mut seen);
    (seen, report)
}

fn lost(report: &Report) -> Vec<String> {
    report.refused.iter().map(ToString::to_string).collect()
}

/// A store with a root, a map of one name (0x8000 is 0x8101 of the first set), and nothing else.
fn empty(ansi: bool) -> Builder {
    encoded(ansi, NdbCryptMethod::None)
}

fn encoded(ansi: bool, method: NdbCryptMethod) -> Builder {
    let mut file = Builder::new(ansi);
    file.method = method;
    let (store, _) = file.properties(&[text(0x3001, "store")]);
    file.node(0x21, store, 0, 0);
    let (names, _) = file.properties(&[
        (2, 0x102, vec![9; 16]),
        (3, 0x102, vec![0x01, 0x81, 0, 0, 6, 0, 0, 0]),
        (4, 0x102, vec![]),
    ]);
    file.node(0x61, names, 0, 0);
    file
}

fn both(test: impl Fn(bool)) {
    test(false);
    test(true);
}

#[test]
fn folders_and_messages_in_their_order() {
    both(|ansi| {
        let mut file = empty(ansi);
        file.folder(ROOT, ROOT, "", &[], &[]);
        file.folder(INBOX, ROOT, "Inbox", &[0x44, 0x24], &[0x28]);
        for id in [0x24, 0x44, 0x28] {
            file.message(id, INBOX, &[text(0x37, &format!("message {id:#x}")), number(0xe07, 1)]);
        }
        let (seen, report) = walk(file.finish());
        assert!(report.is_whole(), "{report:?}");
        assert_eq!(seen.folders[1].path, ["Inbox"]);
        assert_eq!(seen.folders[1].class.as_deref(), Some("IPF.Note"));
        assert_eq!(seen.folders[1].parent, Some(NodeId(ROOT)));
        let ids: Vec<u32> = seen.items.iter().map(|(_, item)| item.id.0).collect();
        assert_eq!(ids, [0x28, 0x44, 0x24]);
        assert!(seen.items[0].1.associated && !seen.items[1].1.associated);
        assert_eq!(
            seen.items[2].1.content.properties.text(tags::SUBJECT).as_deref(),
            Some("message 0x24")
        );
    });
}

#[test]
fn encoded_blocks() {
    for method in [NdbCryptMethod::Permute, NdbCryptMethod::Cyclic] {
        both(|ansi| {
            let mut file = encoded(ansi, method);
            file.folder(ROOT, ROOT, "", &[0x24], &[]);
            file.message(0x24, ROOT, &[text(0x37, "secret")]);
            let (seen, _) = walk(file.finish());
            let subject = seen.items[0].1.content.properties.text(tags::SUBJECT);
            assert_eq!(subject.as_deref(), Some("secret"));
        });
    }
}

#[test]
fn values_of_all_sizes() {
    both(|ansi| {
        let large: Vec<u8> = (0..100_000u32).map(|n| (n % 251) as u8).collect();
        let mut file = empty(ansi);
        file.folder(ROOT, ROOT, "", &[0x24], &[]);
        file.message(
            0x24,
            ROOT,
            &[
                (0x1009, 0x102, large.clone()),
                (0x1013, 0x102, vec![]),
                number(0x3ffd, 1251),
                (0x1000, 0x1e, vec![0xc8, 0xf0]),
                (0x0e06, 0x40, 130_000_000_000_000_000u64.to_le_bytes().to_vec()),
                (0x0026, 2, vec![7, 0]),
                (0x0063, 0x0b, vec![1]),
                (0x8000, 0x101f, vec![1, 0, 0, 0, 8, 0, 0, 0, b'x', 0]),
            ],
        );
        let (seen, report) = walk(file.finish());
        assert!(report.is_whole(), "{report:?}");
        let bag = &seen.items[0].1.content.properties;
        assert_eq!(bag.get(tags::RTF_COMPRESSED), Some(&PropertyValue::Binary(large)));
        assert_eq!(bag.get(tags::HTML), Some(&PropertyValue::Binary(vec![])));
        assert_eq!(bag.text(tags::BODY).as_deref(), Some("Ир"));
        let named = PropertyName::id(mapi::Guid([9; 16]), 0x8101);
        assert_eq!(bag.get_named(&named), Some(&PropertyValue::MultipleString(vec!["x".into()])));
        assert!(bag.iter().any(|(key, _)| *key == PropertyKey::Tag(0x63)));
    });
}

/// An attachment: its node, its properties, its subnodes.
type Part = (u32, Vec<Property>, Vec<Entry>);

/// A message with a recipient and these attachments.
fn with_attachments(file: &mut Builder, parts: &[Part]) {
    let recipient = vec![number(0x0c15, 1), text(0x3001, "Ann"), text(0x3003, "ann@example.test")];
    let recipients = file.table(&[(1, recipient)]);
    let rows: Vec<_> = parts.iter().map(|(id, ..)| (*id, vec![number(0x0e20, 1)])).collect();
    let table = file.table(&rows);
    let mut nodes = vec![(0x671, table, 0), (0x692, recipients, 0)];
    for (id, properties, inner) in parts {
        let (data, mut subnodes) = file.properties(properties);
        subnodes.extend(inner);
        let subnodes = if subnodes.is_empty() { 0 } else { file.subnodes(&subnodes) };
        nodes.push((*id, data, subnodes));
    }
    let (data, _) = file.properties(&[text(0x37, "with attachments")]);
    let subnodes = file.subnodes(&nodes);
    file.node(0x24, data, subnodes, ROOT);
}

fn object(id: u16, node: u32) -> Property {
    let mut bytes = node.to_le_bytes().to_vec();
    bytes.extend(10u32.to_le_bytes());
    (id, 0x0d, bytes)
}

#[test]
fn attachments_by_kind() {
    both(|ansi| {
        let mut file = empty(ansi);
        file.folder(ROOT, ROOT, "", &[0x24], &[]);
        let (inner, _) = file.properties(&[text(0x37, "inner")]);
        let ole = file.data(&[0xd0, 0xcf, 1]);
        with_attachments(
            &mut file,
            &[
                (0x8025, vec![number(0x3705, 1), (0x3701, 0x102, vec![5; 9_000])], vec![]),
                (0x8045, vec![number(0x3705, 5), object(0x3701, 0x104)], vec![(0x104, inner, 0)]),
                (0x8065, vec![number(0x3705, 6), object(0x3701, 0x13f)], vec![(0x13f, ole, 0)]),
                (0x8085, vec![number(0x3705, 2), text(0x3708, "\\\\a\\b")], vec![]),
            ],
        );
        let (seen, report) = walk(file.finish());
        assert!(report.is_whole(), "{report:?}");
        assert_eq!((report.attachments.carried, report.recipients.carried), (4, 1));
        let content = &seen.items[0].1.content;
        assert_eq!(
            content.recipients[0].properties.text(tags::DISPLAY_NAME).as_deref(),
            Some("Ann")
        );
        let [by_value, embedded, ole, reference] = &content.attachments[..] else { panic!() };
        assert_eq!(by_value.content, AttachedContent::Bytes(vec![5; 9_000]));
        let AttachedContent::Message(message) = &embedded.content else { panic!() };
        assert_eq!(message.properties.text(tags::SUBJECT).as_deref(), Some("inner"));
        assert_eq!(ole.content, AttachedContent::Ole(vec![0xd0, 0xcf, 1]));
        assert_eq!(reference.content, AttachedContent::Nothing);
    });
}

#[test]
fn one_bad_attachment_costs_that_attachment() {
    both(|ansi| {
        let mut file = empty(ansi);
        file.folder(ROOT, ROOT, "", &[0x24], &[]);
        with_attachments(
            &mut file,
            &[
                (0x8025, vec![number(0x3705, 1), object(0x3701, 0x55f)], vec![]),
                (0x8045, vec![number(0x3705, 1), (0x3701, 0x102, b"kept".to_vec())], vec![]),
                (0x8065, vec![number(0x3705, 5), object(0x3701, 0x104)], vec![]),
            ],
        );
        let (seen, report) = walk(file.finish());
        let content = &seen.items[0].1.content;
        assert_eq!(content.attachments.len(), 3);
        assert_eq!(content.attachments[1].content, AttachedContent::Bytes(b"kept".to_vec()));
        assert_eq!(
            lost(&report),
            [
                "folder \"\": message 0x24: attachment 0 (0x8025): content: the subnode 0x55f is missing",
                "folder \"\": message 0x24: attachment 2 (0x8065): content: the subnode 0x104 of its \
                 message is missing",
            ]
        );
    });
}

#[test]
fn one_bad_property_costs_that_property() {
    both(|ansi| {
        let mut file = empty(ansi);
        file.folder(ROOT, ROOT, "", &[0x24], &[]);
        file.message(
            0x24,
            ROOT,
            &[
                (0x1000, 0x7777, vec![1; 8]),
                text(0x37, "kept"),
                (0x8123, 3, vec![1, 0, 0, 0]),
                (0x0f03, 0x48, vec![1; 15]),
            ],
        );
        let (seen, report) = walk(file.finish());
        let subject = seen.items[0].1.content.properties.text(tags::SUBJECT);
        assert_eq!(subject.as_deref(), Some("kept"));
        let reasons: Vec<&str> = report.refused.iter().map(|r| r.why.as_str()).collect();
        assert_eq!(
            reasons,
            [
                "its type 0x7777 is unknown",
                "the file does not say what this id is called",
                "16 bytes were expected, 15 are there",
            ]
        );
    });
}

#[test]
fn what_hangs_nowhere_is_recovered() {
    both(|ansi| {
        let mut file = empty(ansi);
        file.folder(ROOT, ROOT, "", &[0x24, 0x64], &[]);
        // Its parent does not exist; its child hangs below it.
        file.folder(0x8082, 0x9992, "Lost", &[0x84], &[]);
        file.folder(0x80a2, 0x8082, "Below", &[], &[]);
        // Two that are each other's parents.
        file.folder(0x80c2, 0x80e2, "Loop", &[], &[]);
        file.folder(0x80e2, 0x80c2, "Pool", &[], &[]);
        file.message(0x24, ROOT, &[text(0x37, "listed")]);
        file.message(0x44, ROOT, &[text(0x37, "not listed")]);
        file.message(0x84, 0x8082, &[text(0x37, "in a lost folder")]);
        file.message(0xa4, 0x9992, &[text(0x37, "no parent")]);
        let (seen, report) = walk(file.finish());
        assert_eq!(report.folders.refused(), 0);
        assert_eq!(
            lost(&report),
            ["folder \"\": message 0x64: the folder's table lists it, its node is missing"]
        );
        let paths: Vec<String> = seen.folders.iter().map(|f| f.path.join("/")).collect();
        assert_eq!(
            paths,
            [
                "",
                "Recovered",
                "Recovered/Lost",
                "Recovered/Lost/Below",
                "Recovered/Loop",
                "Recovered/Loop/Pool"
            ]
        );
        let found: Vec<(String, u32)> =
            seen.items.iter().map(|(path, item)| (path.join("/"), item.id.0)).collect();
        let expected =
            [("", 0x24), ("Recovered/Lost", 0x84), ("Recovered", 0x44), ("Recovered", 0xa4)];
        let expected: Vec<(String, u32)> =
            expected.iter().map(|(path, id)| (path.to_string(), *id)).collect();
        assert_eq!(found, expected);
    });
}

#[test]
fn a_table_that_cannot_be_read_costs_the_order() {
    both(|ansi| {
        let mut file = empty(ansi);
        file.folder(ROOT, ROOT, "", &[], &[]);
        file.message(0x24, ROOT, &[text(0x37, "one")]);
        file.message(0x44, ROOT, &[text(0x37, "two")]);
        let garbage = file.data(&[1; 64]);
        let table = file.nodes.iter_mut().find(|node| node.0 == ROOT & !0x1f | 0x0e).unwrap();
        table.1 = garbage;
        let (seen, report) = walk(file.finish());
        assert_eq!(seen.items.len(), 2);
        assert_eq!(seen.folders.len(), 1, "nothing to recover");
        assert_eq!(report.refused.len(), 1, "{report:?}");
    });
}

#[test]
fn messages_in_messages_are_bounded() {
    let mut file = empty(false);
    file.folder(ROOT, ROOT, "", &[0x24], &[]);
    let (mut data, _) = file.properties(&[text(0x37, "innermost")]);
    let mut below = 0;
    for _ in 0..MAX_NESTING + 3 {
        let (part, _) = file.properties(&[number(0x3705, 5), object(0x3701, 0x104)]);
        let inner = file.subnodes(&[(0x104, data, below)]);
        below = file.subnodes(&[(0x8025, part, inner)]);
        (data, _) = file.properties(&[text(0x37, "outer")]);
    }
    file.node(0x24, data, below, ROOT);
    let (seen, report) = walk(file.finish());
    assert_eq!(seen.items.len(), 1);
    assert!(report.refused.iter().any(|r| r.why.contains("nest deeper")), "{report:?}");
}

#[test]
fn deep_folders_are_all_visited() {
    let mut file = empty(false);
    file.folder(ROOT, ROOT, "", &[], &[]);
    let mut parent = ROOT;
    for index in 0..300 {
        let id = 0x8002 + 0x20 * index;
        let (data, _) = file.properties(&[text(0x3001, "deeper")]);
        file.node(id, data, 0, parent);
        parent = id;
    }
    // Too many leaves for one page above them.
    file.nodes.truncate(250);
    let (seen, report) = walk(file.finish());
    assert_eq!(report.folders.carried, report.folders.expected);
    assert!(seen.folders.iter().all(|f| f.path.len() <= MAX_FOLDER_DEPTH + 1));
}

/// Lists that name the same blocks over and over, to make little bytes into many.
#[test]
fn amplification_is_bounded() {
    let mut file = empty(false);
    file.folder(ROOT, ROOT, "", &[0x24], &[]);
    let block = file.data(&[1; 8176]);
    let level1 = file.list(1, &[block; 1000], 8_176_000);
    let level2 = file.list(2, &[level1; 1000], u32::MAX as usize);
    let (data, _) = file.properties(&[text(0x37, "bomb"), object(0x3ff0, 0x3f)]);
    let subnodes = file.subnodes(&[(0x3f, level2, 0)]);
    let (bomb, _) = file.properties(&[text(0x37, "bomb")]);
    file.node(0x24, bomb, subnodes, ROOT);
    file.node(0x44, level2, 0, ROOT);
    file.node(0x64, data, subnodes, ROOT);
    let (seen, report) = walk(file.finish());
    assert!(seen.items.iter().any(|(_, item)| item.id.0 == 0x24));
    let bounded = |why: &str| why.contains("over and over") || why.contains("larger than");
    assert!(report.refused.iter().any(|r| bounded(&r.why)), "{report:?}");
}

#[test]
fn damage_is_read_through_and_named() {
    both(|ansi| {
        let mut file = empty(ansi);
        file.folder(ROOT, ROOT, "", &[0x24], &[]);
        file.message(0x24, ROOT, &[text(0x37, "kept"), text(0x1000, "body")]);
        let (_, at, _) = *file.blocks.last().unwrap();
        let mut bytes = file.finish();
        let body = bytes[at as usize..].windows(2).position(|w| w == b"b\0").unwrap();
        bytes[at as usize + body] = b'B';
        let (seen, report) = walk(bytes);
        let bag = &seen.items[0].1.content.properties;
        assert_eq!(bag.text(tags::BODY).as_deref(), Some("Body"));
        assert_eq!(report.refused.len(), 1, "{report:?}");
        assert!(report.refused[0].why.contains("checksum is wrong"));
    });
}

/// Offsets of the leaves of a tree, by the kind in their trailers.
fn leaves(bytes: &[u8], ansi: bool, kind: u8) -> Vec<usize> {
    let (trailer, level) = if ansi { (500, 499) } else { (496, 491) };
    (0..bytes.len() / 512)
        .map(|page| page * 512)
        .filter(|at| bytes[at + trailer..at + trailer + 2] == [kind; 2] && bytes[at + level] == 0)
        .collect()
}

#[test]
fn lost_pages_are_looked_for_elsewhere() {
    both(|ansi| {
        for kind in [0x80, 0x81] {
            let mut bytes = mixed(ansi);
            let (whole, _) = walk(bytes.clone());
            for at in leaves(&bytes, ansi, kind) {
                let copy = bytes[at..at + 512].to_vec();
                bytes.extend(copy);
                bytes[at..at + 512].fill(0xee);
            }
            let (seen, report) = walk(bytes);
            assert_eq!(seen.items, whole.items, "{kind:#x}");
            assert!(!report.is_whole(), "{kind:#x}");
        }
    });
}

#[test]
fn lost_pages_without_another_are_named() {
    both(|ansi| {
        let mut bytes = mixed(ansi);
        for at in leaves(&bytes, ansi, 0x81) {
            bytes[at..at + 512].fill(0xee);
        }
        let (seen, report) = walk(bytes);
        assert!(seen.items.is_empty());
        assert!(report.refused.iter().any(|r| r.why.contains("it is lost, with nodes")));
    });
}

#[test]
fn a_header_with_a_wrong_checksum_is_read() {
    both(|ansi| {
        let mut bytes = mixed(ansi);
        // dwUnique, or a part of it.
        bytes[40] ^= 1;
        let (seen, report) = walk(bytes);
        assert_eq!(seen.items.len(), 4);
        assert_eq!(lost(&report), ["header: its checksum is wrong; read all the same"]);
    });
}

/// A file with a bit of everything.
fn mixed(ansi: bool) -> Vec<u8> {
    let mut file = empty(ansi);
    file.folder(ROOT, ROOT, "", &[0x24], &[]);
    file.folder(INBOX, ROOT, "Inbox", &[0x44], &[0x28]);
    let (inner, _) = file.properties(&[text(0x37, "inner")]);
    with_attachments(
        &mut file,
        &[
            (0x8025, vec![number(0x3705, 1), (0x3701, 0x102, vec![5; 9_000])], vec![]),
            (0x8045, vec![number(0x3705, 5), object(0x3701, 0x104)], vec![(0x104, inner, 0)]),
        ],
    );
    file.message(0x44, INBOX, &[text(0x37, "\u{1}\u{5}Re: two"), (0x1000, 0x1e, vec![0xe4])]);
    file.message(0x28, INBOX, &[text(0x37, "three")]);
    file.message(0x64, INBOX, &[text(0x37, "lost")]);
    file.finish()
}

#[test]
fn harmed_files_keep_what_must_hold() {
    both(|ansi| {
        let bytes = mixed(ansi);
        let mut seed = 5u64;
        let mut random = move |limit: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) as usize % limit
        };
        for _ in 0..1_000 {
            let mut harmed = bytes.clone();
            for _ in 0..1 + random(6) {
                let at = random(harmed.len());
                harmed[at] = [0, 1, 0x20, 0xff, random(256) as u8][random(5)];
            }
            crate::oracle::check("pst", &harmed);
        }
    });
}

/// The seeds of the fuzz target are files of this builder.
#[test]
fn seeds_are_these_files() {
    let seeds =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/formats_pst");
    for (name, ansi) in [("unicode", false), ("ansi", true)] {
        let bytes = mixed(ansi);
        if std::env::var_os("COFFER_BLESS").is_some() {
            std::fs::create_dir_all(&seeds).unwrap();
            std::fs::write(seeds.join(name), &bytes).unwrap();
        }
        let seed = std::fs::read(seeds.join(name)).unwrap();
        assert!(seed == bytes, "run this test with COFFER_BLESS=1");
    }
}
