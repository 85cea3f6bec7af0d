//! What must hold for any bytes: shared by the property tests and the fuzz targets.

use mapi::Reader;

use crate::blob::node::{self as blob, Node};
use crate::delivery::queue;
use crate::directory;
use crate::mailbox::{per_user, read_state};
use crate::permission::Acl;
use crate::record::{change, folder, head, hot, mime, node, properties, search, settings, summary};
use crate::rule::{self, Rule};

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
    let _ = head::Head::read(bytes);
    let _ = head::Head::read_any(bytes);
    let _ = settings::Settings::read(bytes);
    if let Ok(rule) = Rule::read(1, bytes) {
        assert_eq!(Rule::read(1, &rule.to_bytes()), Ok(rule));
    }
    let _ = rule::check_answered(bytes);
    if let Ok(acl) = Acl::read(bytes) {
        assert_eq!(acl.to_bytes(), bytes);
    }
    let _ = head::Info::read(bytes);
    if let Ok(entry) = per_user::PerUser::read(bytes) {
        assert_eq!(per_user::PerUser::read(&entry.to_bytes()), Ok(entry));
    }
    if let Ok(seen) = read_state::Seen::read(bytes) {
        assert_eq!(read_state::Seen::read(&seen.to_bytes()), Ok(seen));
    }
    let _ = hot::Hot::read(bytes);
    let _ = folder::FolderRecord::read(bytes);
    let _ = change::read(1, bytes);
    if let Ok(summary) = summary::Summary::read(bytes) {
        assert_eq!(summary::Summary::read(&summary.to_bytes()), Ok(summary));
    }
    if let Ok(entry) = queue::Entry::read(bytes) {
        assert_eq!(queue::Entry::read(&entry.to_bytes()), Ok(entry));
    }
    let _ = queue::item_of(bytes);
    if let Ok(criteria) = search::CriteriaRecord::read(bytes) {
        assert_eq!(search::CriteriaRecord::read(&criteria.to_bytes()), Ok(criteria));
    }
    let _ = search::Link::read(&bytes.to_vec().into());
    let _ = search::Stamp::read(bytes);
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
