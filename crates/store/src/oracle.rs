//! What must hold for any bytes: shared by the property tests and the fuzz targets.

use mapi::{Reader, Wire};

use crate::blob::node::{self as blob, Node};
use crate::delivery::queue;
use crate::directory;
use crate::mailbox::{per_user, read_state};
use crate::outbound::{self, Letter, track};
use crate::permission::Acl;
use crate::record::{
    change, folder, head, hot, mime, node, outline, properties, search, settings, summary,
};
use crate::rule::{self, Rule};
use crate::table::outline::KeptState;
use crate::text;

/// A check of the records of one matter, by name: the fuzz target `store_` and this name, and its folder of seeds.
pub type Check = (&'static str, fn(&[u8]));

/// Those that have a target of their own, beside all records together and the backup.
pub const CHECKS: &[Check] = &[
    ("queue", |bytes| drop(queue_entry(bytes))),
    ("letter", |bytes| drop(letter(bytes))),
    ("collapse", |bytes| drop(collapse_state(bytes))),
    ("search", |bytes| drop(criteria(bytes))),
    ("per_user", |bytes| drop(per_user_information(bytes))),
    ("permission", |bytes| drop(permissions(bytes))),
    ("rule", |bytes| drop(kept_rule(bytes))),
    ("text", |bytes| drop(text_index(bytes))),
];

/// Runs one check of [`CHECKS`] by its name.
pub fn check(name: &str, bytes: &[u8]) {
    match CHECKS.iter().find(|(known, _)| *known == name) {
        Some((_, check)) => check(bytes),
        None => panic!("there is no check {name}"),
    }
}

/// What is read and written again is the same. None for bytes that are no such thing.
fn stable<T, E>(
    bytes: &[u8],
    read: impl Fn(&[u8]) -> Result<T, E>,
    write: impl Fn(&T) -> Vec<u8>,
) -> Option<T> {
    let first = read(bytes).ok()?;
    let written = write(&first);
    let Ok(second) = read(&written) else {
        panic!("what was written is not readable: {written:02x?}");
    };
    // Not the values: a number that is none equals nothing.
    assert_eq!(write(&second), written, "a second round trip gives other bytes");
    Some(first)
}

/// An entry of the queue, and its key.
fn queue_entry(bytes: &[u8]) -> Option<queue::Entry> {
    let _ = queue::item_of(bytes);
    stable(bytes, queue::Entry::read, queue::Entry::to_bytes)
}

/// A message to other domains, its key, and an event of message tracking.
fn letter(bytes: &[u8]) -> Option<Letter> {
    let _ = (outbound::id_of(bytes), track::time_of(bytes));
    let _ = outbound::record::held(bytes);
    let at = mapi::FileTime(1);
    stable(bytes, |bytes| track::Event::read(at, bytes), track::Event::to_bytes);
    stable(bytes, Letter::read, Letter::to_bytes)
}

/// What a client keeps of expanded categories, and gives back as it likes.
fn collapse_state(bytes: &[u8]) -> Option<KeptState> {
    stable(bytes, KeptState::from_wire, KeptState::to_wire)
}

/// What a search folder looks for; that its restriction is judged makes no panic either.
fn criteria(bytes: &[u8]) -> Option<search::CriteriaRecord> {
    let _ = search::Link::read(bytes);
    let _ = search::Stamp::read(bytes);
    let read = search::CriteriaRecord::read;
    let criteria = stable(bytes, read, search::CriteriaRecord::to_bytes)?;
    let _ = crate::table::check_restriction(&criteria.restriction);
    Some(criteria)
}

/// What a user has read in a public folder, as a mailbox keeps it and as the public folders do.
fn per_user_information(bytes: &[u8]) -> Option<per_user::PerUser> {
    stable(bytes, read_state::Seen::read, read_state::Seen::to_bytes);
    stable(bytes, per_user::PerUser::read, per_user::PerUser::to_bytes)
}

/// What the full-text index consists of, and its blocks: packed as they are stored, and plain.
fn text_index(bytes: &[u8]) -> Option<text::State> {
    let plain = [&[0][..], bytes].concat();
    for value in [bytes, &plain] {
        let _ = text::check_messages(value);
        let _ = text::check_words(value);
        let _ = text::check_lists(value);
    }
    stable(bytes, text::State::read, text::State::to_bytes)
}

/// A permissions list, which has one form only.
fn permissions(bytes: &[u8]) -> Option<Acl> {
    let acl = stable(bytes, Acl::read, Acl::to_bytes)?;
    assert_eq!(acl.to_bytes(), bytes);
    Some(acl)
}

/// A rule, its condition and its actions; and the note that somebody got an answer.
fn kept_rule(bytes: &[u8]) -> Option<Rule> {
    let _ = rule::check_answered(bytes);
    let rule = stable(bytes, |bytes| Rule::read(1, bytes), Rule::to_bytes)?;
    let (_, _) = (rule.condition(), rule.actions());
    let _ = rule::record::accept(&rule.properties, true);
    Some(rule)
}

/// Any bytes as every record of a mailbox, of the directory and of the blobs: no panic.
pub fn records(bytes: &[u8]) {
    read_all(bytes);
    // Past the version: most bytes would end there.
    for version in [1, 2] {
        let mut bytes = bytes.to_vec();
        if let Some(first) = bytes.first_mut() {
            *first = version;
        }
        read_all(&bytes);
    }
}

/// Any bytes as the files of a backup repository: no panic, and what is read gives the same bytes again.
pub fn backup(bytes: &[u8]) {
    crate::backup::oracle(bytes);
}

fn read_all(bytes: &[u8]) {
    CHECKS.iter().for_each(|(_, check)| check(bytes));
    let _ = head::Head::read(bytes);
    let _ = head::Head::read_any(bytes);
    let _ = settings::Settings::read(bytes);
    let _ = head::Info::read(bytes);
    let _ = hot::Hot::read(bytes);
    let _ = folder::FolderRecord::read(bytes);
    let _ = change::read(1, bytes);
    stable(bytes, outline::Outline::read, outline::Outline::to_bytes);
    if let Ok(summary) = summary::Summary::read(bytes) {
        assert_eq!(summary::Summary::read(&summary.to_bytes()), Ok(summary));
    }
    let _ = properties::read(&mut Reader::new(bytes));
    let _ = mime::Mime::read(&mut Reader::new(bytes));
    let _ = node::read_all(&[(vec![], bytes.to_vec()), (vec![1], bytes.to_vec())]);
    let _ = node::parse_key(bytes);
    directory::read_any(bytes);
    let _ = Node::from_key(bytes);
    let chunk = Node::chunk(&[]);
    let _ = blob::decode_chunk(&chunk, bytes);
    let _ = blob::check_manifest(&chunk, bytes);
    let _ = blob::manifest_child(&chunk, bytes, 1);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    /// Found by fuzzing: a summary whose text is no text was read, and could not be written again.
    #[test]
    fn a_summary_whose_text_is_none_is_refused() {
        let mut bytes = vec![1; 90];
        bytes.extend_from_slice(&[3, 0xff, 0xff, 0xff, 0, 0, 0]);
        bytes[89] = 0;
        super::records(&bytes);
        assert!(crate::record::summary::Summary::read(&bytes).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            super::records(&bytes);
            super::backup(&bytes);
        }
    }

    /// A seed is worth something if it gets to the end of its reader.
    #[test]
    fn the_seeds_are_what_they_are_named_for() {
        type Taken = fn(&[u8]) -> bool;
        let kinds: [(&str, Taken); 8] = [
            ("queue", |bytes| super::queue_entry(bytes).is_some()),
            ("letter", |bytes| super::letter(bytes).is_some()),
            ("collapse", |bytes| super::collapse_state(bytes).is_some()),
            ("search", |bytes| super::criteria(bytes).is_some()),
            ("per_user", |bytes| super::per_user_information(bytes).is_some()),
            ("permission", |bytes| super::permissions(bytes).is_some()),
            ("rule", |bytes| super::kept_rule(bytes).is_some()),
            ("text", |bytes| super::text_index(bytes).is_some()),
        ];
        assert_eq!(
            kinds.map(|(name, _)| name)[..],
            super::CHECKS.iter().map(|(name, _)| *name).collect::<Vec<_>>()
        );
        for (name, taken) in kinds {
            let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds/store_");
            let mut count = 0;
            for seed in std::fs::read_dir(format!("{seeds}{name}")).unwrap() {
                let path = seed.unwrap().path();
                let bytes = std::fs::read(&path).unwrap();
                assert!(taken(&bytes), "{path:?}");
                for cut in 0..bytes.len() {
                    super::check(name, &bytes[..cut]);
                }
                count += 1;
            }
            assert!(count > 0, "{name}");
        }
    }

    /// The seeds of the fuzz target reach the readers behind the checksums.
    #[test]
    fn the_seeds_are_read() {
        let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds/store_backup");
        for seed in std::fs::read_dir(seeds).unwrap() {
            let bytes = std::fs::read(seed.unwrap().path()).unwrap();
            super::backup(&bytes);
            for cut in 0..bytes.len() {
                super::backup(&bytes[..cut]);
            }
        }
    }
}
