//! Real property values: what is read is written back byte for byte, and says what another parser says
//! of it. The values and that parser's words stand in `blobs/` (see `blobs/ORIGIN.md`).

use std::path::{Path, PathBuf};

use mapi::change::{ChangeList, Xid};
use mapi::conversation::ConversationIndex;
use mapi::entry_id::{EntryId, OneOffTexts};
use mapi::entry_list::{EntryList, FlatEntryList};
use mapi::restriction::RestrictionForm;
use mapi::rule::RuleCondition;
use mapi::text::String8;
use mapi::{Reader, Restriction, Wire};

struct Blob {
    name: String,
    bytes: Vec<u8>,
    text: String,
}

impl Blob {
    /// What stands behind `name = ` in the first line that begins so, up to the next ` = `.
    fn field(&self, name: &'static str) -> Option<&str> {
        self.fields(name).next()
    }

    fn fields(&self, name: &'static str) -> impl Iterator<Item = &str> {
        self.text.lines().filter_map(move |line| {
            let (key, value) = line.trim_matches(['\t', '|']).split_once(" = ")?;
            (key == name).then(|| value.split(" = ").next().unwrap_or(value))
        })
    }

    /// The hexadecimal bytes in the lines below each heading.
    fn bytes_below(&self, heading: &str) -> Vec<String> {
        let lines: Vec<&str> = self.text.lines().map(str::trim).collect();
        lines
            .windows(2)
            .filter(|pair| pair[0] == heading)
            .filter_map(|pair| Some(pair[1].split_once("lpb: ")?.1.to_owned()))
            .collect()
    }
}

fn blobs(kind: &str) -> Vec<Blob> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/blobs");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("the folder of blobs")
        .map(|entry| entry.expect("a readable entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "hex"))
        .filter(|path| name_of(path).rsplit_once('-').is_some_and(|(name, _)| name == kind))
        .collect();
    files.sort();
    files.iter().map(|path| blob(path)).collect()
}

fn name_of(path: &Path) -> &str {
    path.file_stem().and_then(|name| name.to_str()).unwrap_or_default()
}

fn blob(path: &Path) -> Blob {
    let digits: Vec<u8> = std::fs::read_to_string(path)
        .expect("a readable file")
        .chars()
        .filter_map(|letter| letter.to_digit(16))
        .map(|digit| digit as u8)
        .collect();
    Blob {
        name: name_of(path).to_owned(),
        bytes: digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect(),
        text: std::fs::read_to_string(path.with_extension("txt")).expect("what the parser said"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn braced(guid: mapi::Guid) -> String {
    format!("{{{guid}}}").to_uppercase()
}

fn latin(text: &String8) -> String {
    text.0.iter().map(|byte| char::from(*byte)).collect()
}

#[test]
fn entry_ids() {
    let blobs = blobs("entryid");
    assert_eq!(blobs.len(), 40);
    for blob in blobs {
        let entry_id = EntryId::parse(&blob.bytes);
        assert_eq!(entry_id.to_bytes(), blob.bytes, "{}", blob.name);
        // The heading of the kind is the line with one tab in front.
        let heading = |line: &&str| line.starts_with('\t') && !line.starts_with("\t\t");
        let kind = blob.text.lines().filter(heading).find(|line| line.ends_with("Entry ID"));
        let counters = |name: &str| blob.bytes_below(name).first().cloned();
        let check = |what: &str, left: Option<String>, right: Option<String>| {
            assert_eq!(left, right, "{} of {}", what, blob.name);
        };
        match (kind.map(str::trim), &entry_id) {
            (Some("Exchange Folder Entry ID"), EntryId::Folder(id)) => {
                let counter = hex(&id.folder.counter.to_bytes());
                check("counter", Some(counter), counters("GlobalCounter"));
                let replica = blob.field("Database GUID").map(str::to_owned);
                check("replica", Some(braced(id.folder.replica)), replica);
            }
            (Some("Exchange Message Entry ID"), EntryId::Message(id)) => {
                let counter = hex(&id.folder.counter.to_bytes());
                check("folder", Some(counter), counters("Folder GlobalCounter"));
                let counter = hex(&id.message.counter.to_bytes());
                check("message", Some(counter), counters("Message GlobalCounter"));
            }
            (Some("MAPI Message Store Entry ID"), EntryId::Store(id)) => {
                let server = blob.field("ServerShortname").map(str::to_owned);
                check("server", Some(latin(&id.server)), server);
                let dn = blob.field("MailboxDN").map(str::to_owned);
                if id.mailbox_dn().is_some() {
                    check("mailbox", id.mailbox_dn().map(|dn| latin(&dn)), dn);
                }
            }
            // A store that is no Exchange store.
            (Some("MAPI Message Store Entry ID"), EntryId::Other(_)) => {
                check(
                    "dll",
                    Some("mspst.dll".into()),
                    blob.field("DLLFileName").map(str::to_owned),
                );
            }
            (Some("MAPI One Off Recipient Entry ID"), EntryId::OneOff(id)) => {
                let address = match &id.texts {
                    OneOffTexts::Unicode { address, .. } => address.to_string(),
                    OneOffTexts::Bytes { address, .. } => latin(address),
                };
                check("address", Some(address), blob.field("szEmailAddress").map(str::to_owned));
            }
            (Some("Exchange Address Entry ID"), EntryId::AddressBook(id)) => {
                if id.rest.0.is_empty() {
                    check("dn", Some(latin(&id.dn)), blob.field("X500DN").map(str::to_owned));
                }
            }
            (Some("Contact Address Book / PDL Entry ID"), EntryId::Contact(id)) => {
                let size = blob.field("EntryIDCount").map(str::to_owned);
                check("size", Some(format!("0x{:08X}", id.entry_id.len())), size);
            }
            // A container or an unknown type of the contacts provider.
            (Some("Contact Address Book / PDL Entry ID"), EntryId::Other(_)) => {
                let kind = blob.field("Type").expect("a type");
                assert!(!["0x00000004", "0x00000005"].contains(&kind), "{}", blob.name);
            }
            (Some("Wrapped Entry ID"), EntryId::Wrapped(id)) => {
                let kind = blob.field("Wrapped Entry Type").map(str::to_owned);
                check("kind", Some(format!("0x{:02X}", id.kind)), kind);
            }
            (Some("Ephemeral Entry ID"), EntryId::Ephemeral(id)) => {
                let kind = blob.field("Type").map(str::to_owned);
                check("type", Some(format!("0x{:08X}", id.kind)), kind);
            }
            (None, EntryId::Other(_)) => {}
            (kind, entry_id) => panic!("{}: {kind:?} read as {entry_id:?}", blob.name),
        }
    }
}

#[test]
fn change_lists_and_xids() {
    let lists = blobs("pcl");
    assert_eq!(lists.len(), 3);
    for blob in lists {
        let list = ChangeList::from_wire(&blob.bytes).expect("a change list");
        assert_eq!(list.to_wire(), blob.bytes, "{}", blob.name);
        let namespaces: Vec<String> = list.iter().map(|xid| braced(xid.namespace)).collect();
        assert_eq!(namespaces, blob.fields("NamespaceGuid").collect::<Vec<_>>());
        let local_ids: Vec<String> = list.iter().map(|xid| hex(&xid.local_id)).collect();
        let said: Vec<String> = match list.len() {
            0 => Vec::new(),
            _ => local_ids_of(&blob),
        };
        assert_eq!(local_ids, said, "{}", blob.name);
    }
    let xids = blobs("xid");
    assert_eq!(xids.len(), 3);
    for blob in xids {
        let xid = Xid::from_wire(&blob.bytes).expect("an XID");
        assert_eq!(xid.to_wire(), blob.bytes, "{}", blob.name);
        assert_eq!(Some(braced(xid.namespace).as_str()), blob.field("NamespaceGuid"));
        assert!(blob.text.contains(&format!("lpb: {}", hex(&xid.local_id))), "{}", blob.name);
    }
}

fn local_ids_of(blob: &Blob) -> Vec<String> {
    blob.text.lines().filter_map(|line| Some(line.split_once("lpb: ")?.1.to_owned())).collect()
}

#[test]
fn rule_conditions() {
    for (kind, form) in [
        ("rulecondition", RestrictionForm::Rule),
        ("extendedrulecondition", RestrictionForm::ExtendedRule),
    ] {
        let blobs = blobs(kind);
        assert_eq!(blobs.len(), 4);
        for blob in blobs {
            let mut r = Reader::new(&blob.bytes);
            let condition = RuleCondition::read_as(&mut r, form).expect("a rule's condition");
            let mut w = Vec::new();
            condition.write_as(&mut w, form);
            w.extend_from_slice(r.peek_rest());
            assert_eq!(hex(&w), hex(&blob.bytes), "{}", blob.name);

            let mut kinds = Vec::new();
            let mut tags = Vec::new();
            walk(&condition.restriction, &mut kinds, &mut tags);
            let said: Vec<String> = blob.fields("rt").map(str::to_owned).collect();
            assert_eq!(kinds, said, "{}", blob.name);
            let mut said: Vec<String> =
                blob.fields("PropTag").map(|tag| tag[..10].to_owned()).collect();
            said.sort();
            tags.sort();
            assert_eq!(tags, said, "{}", blob.name);
            let ids: Vec<String> =
                condition.names.iter().map(|(id, _)| format!("0x{id:04X}")).collect();
            assert_eq!(ids, blob.fields("PropID").collect::<Vec<_>>(), "{}", blob.name);
        }
    }
}

/// The kinds in the order of the bytes, and the tags of properties and values.
fn walk(restriction: &Restriction, kinds: &mut Vec<String>, tags: &mut Vec<String>) {
    kinds.push(format!("0x{:X}", restriction.to_wire()[0]));
    let mut tag = |tag: mapi::PropertyTag| tags.push(format!("0x{:08X}", tag.0));
    match restriction {
        Restriction::And(parts) | Restriction::Or(parts) => {
            parts.iter().for_each(|part| walk(part, kinds, tags));
        }
        Restriction::Not(part) => walk(part, kinds, tags),
        Restriction::Count { restriction, .. } | Restriction::SubObject { restriction, .. } => {
            walk(restriction, kinds, tags);
        }
        Restriction::Content { tag: property, value, .. }
        | Restriction::Property { tag: property, value, .. } => {
            tag(*property);
            tag(value.tag);
        }
        Restriction::Bitmask { tag: property, .. }
        | Restriction::Size { tag: property, .. }
        | Restriction::Exist { tag: property } => tag(*property),
        Restriction::CompareProperties { .. } => {}
        Restriction::Comment { values, restriction } => {
            values.iter().for_each(|value| tag(value.tag));
            if let Some(restriction) = restriction {
                walk(restriction, kinds, tags);
            }
        }
    }
}

#[test]
fn conversation_indexes() {
    let blobs = blobs("conversationindex");
    assert_eq!(blobs.len(), 4);
    for blob in blobs {
        let index = ConversationIndex::from_wire(&blob.bytes).expect("a conversation index");
        assert_eq!(index.to_wire(), blob.bytes, "{}", blob.name);
        assert_eq!(Some(braced(index.conversation).as_str()), blob.field("GUID"));
        let deltas: Vec<String> =
            index.responses.iter().map(|level| format!("0x{:08X}", level.time_delta)).collect();
        assert_eq!(deltas, blob.fields("TimeDelta").collect::<Vec<_>>(), "{}", blob.name);
    }
}

#[test]
fn lists_of_entry_ids() {
    let lists = blobs("entrylist");
    assert_eq!(lists.len(), 2);
    for blob in lists {
        let list = EntryList::from_wire(&blob.bytes).expect("a list of entry ids");
        assert_eq!(list.to_wire(), blob.bytes, "{}", blob.name);
        assert!(matches!(EntryId::parse(&list.entries[0].bytes), EntryId::Folder(_)));
    }
    let flat = blobs("flatentrylist");
    assert_eq!(flat.len(), 3);
    let list = FlatEntryList::from_wire(&flat[0].bytes).expect("a flat list of entry ids");
    assert_eq!(list.to_wire(), flat[0].bytes);
    assert_eq!(list.entries.len(), 3);
    for entry in &list.entries {
        assert!(matches!(EntryId::parse(&entry.bytes), EntryId::Contact(_)));
    }
    // The others were cut by hand: their sizes do not fit.
    assert!(FlatEntryList::from_wire(&flat[1].bytes).is_err());
    assert!(FlatEntryList::from_wire(&flat[2].bytes).is_err());
}
