//! Damaged repositories and damaged stores.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use mapi::tags;
use store::backup::{self, BackupError, Repository, WholeOptions};
use store::engine::{Direction, KeyRange, MemoryEngine, Reader, Space};
use store::message;
use store::{SpecialFolder, StoreError};

use crate::common::{account, on_engine, plain, rich};
use crate::{back_up, import, manifest, populated, restore};

/// Every file of the repository but the locks, with its bytes.
fn files(dir: &Path) -> BTreeMap<std::path::PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => dirs.push(path),
                false => drop(found.insert(path.clone(), std::fs::read(path).unwrap())),
            }
        }
    }
    found
}

#[test]
fn a_flipped_bit_is_found_wherever_it_is_and_never_restored() {
    let dir = tempfile::tempdir().unwrap();
    let store = populated(&dir.path().join("data"));
    let before = manifest(&store);
    let repository = Repository::create(&dir.path().join("repository")).unwrap();
    let done = back_up(&store, &repository);
    let clean = backup::verify(&repository, false, &mut |_| true).unwrap();
    assert!(clean.is_clean() && clean.objects > 20, "{clean:?}");
    for (number, (path, bytes)) in files(&repository.path().join("packs")).into_iter().enumerate() {
        let mut damaged = bytes.clone();
        let bit = (number * 7919 + 13) % (bytes.len() * 8);
        damaged[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&path, &damaged).unwrap();
        let found = backup::verify(&repository, false, &mut |_| true).unwrap();
        assert!(!found.is_clean());
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(found.faults.iter().any(|fault| fault.contains(&name)), "{found:?}");
        let of_snapshot = format!("snapshot {}", done.name);
        assert!(found.faults.iter().any(|fault| fault.contains(&of_snapshot)), "{found:?}");
        // Restoring everything in each round takes too long: every fourth, and all kinds.
        if number % 4 == 0 || name.starts_with(['r', 'm']) {
            let to = dir.path().join("copy");
            let error = backup::whole(&repository, &to, &WholeOptions::default(), &mut |_| true);
            assert!(matches!(error, Err(BackupError::Damaged { .. })), "{error:?}");
            assert!(!to.exists());
        }
        std::fs::write(&path, &bytes).unwrap();
    }
    // A backup does not stand on a damaged pack without a word where it reads it again: the last pack of
    // records of the mailbox has the markers of its large values.
    for (path, bytes) in files(&repository.path().join("packs")) {
        let is_records = path.file_name().unwrap().to_string_lossy().starts_with('r');
        std::fs::write(&path, "x").unwrap();
        match backup::run(&store, &repository, &mut |_| true) {
            Ok(_) => {}
            Err(BackupError::Damaged { reason, .. }) => {
                assert!(is_records && reason.contains("--set-aside"), "{reason}");
            }
            Err(error) => panic!("{error}"),
        }
        std::fs::write(&path, &bytes).unwrap();
    }
    // Missing is damaged as well; set aside and backed up again, all is whole.
    let packs: Vec<_> = files(&repository.path().join("packs")).into_keys().collect();
    std::fs::write(&packs[0], "x").unwrap();
    std::fs::remove_file(&packs[1]).unwrap();
    let found = backup::verify(&repository, true, &mut |_| true).unwrap();
    assert_eq!((found.is_clean(), found.set_aside), (false, 1));
    let again = back_up(&store, &repository);
    assert_eq!(again.written.objects, 2);
    assert!(backup::verify(&repository, false, &mut |_| true).unwrap().is_clean());
    let copy = restore(&repository, &dir.path().join("copy"), Some(done.name.as_str()));
    assert_eq!(manifest(&copy), before);
}

#[test]
fn a_damaged_snapshot_is_passed_over_for_an_older_one() {
    let dir = tempfile::tempdir().unwrap();
    let store = populated(&dir.path().join("data"));
    let repository = Repository::create(&dir.path().join("repository")).unwrap();
    let first = back_up(&store, &repository);
    let second = back_up(&store, &repository);
    let path = repository.path().join("snapshots").join(second.name.as_str());
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 8;
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(repository.find(None).unwrap().0, first.name);
    let error = repository.find(Some(second.name.as_str())).unwrap_err();
    assert!(matches!(error, BackupError::Damaged { .. }), "{error}");
    assert!(!backup::verify(&repository, false, &mut |_| true).unwrap().is_clean());
    // What a snapshot needs that cannot be read is not known: nothing is pruned.
    let keep = backup::Keep { newest: 1, days: None };
    let before = files(repository.path());
    assert!(backup::prune(&repository, keep, store.now(), &mut |_| true).is_err());
    assert_eq!(files(repository.path()), before);
}

/// What cannot be read is named and left out, the rest is backed up, and older snapshots stay in front.
#[test]
fn a_damaged_store_is_backed_up_as_far_as_it_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let repository = Repository::create(&dir.path().join("repository")).unwrap();
    let engine = Arc::new(MemoryEngine::new());
    let store = on_engine(engine.clone());
    let me = account(&store, "me@example.test");
    let mailbox = store.mailbox(me.mailbox).unwrap();
    let inbox = SpecialFolder::Inbox.id();
    let ids: Vec<_> = (0..3).map(|_| import(&mailbox, inbox, rich(), false)).collect();
    let good = back_up(&store, &repository);
    let key = node_key(me.mailbox.0, ids[1]);
    assert!(engine.corrupt(Space::Mailbox, &key));
    let chunks = engine.keys(Space::Blobs, &KeyRange::prefix(*b"c"), Direction::Forward, 100);
    assert!(engine.corrupt(Space::Blobs, &chunks.unwrap()[0]));
    let done = back_up(&store, &repository);
    assert_eq!(done.missing.len(), 1, "{:?}", done.missing);
    assert!(done.missing[0].contains(&hex(&key)), "{:?}", done.missing);
    // The value is in the repository already: nothing of it is missing there.
    assert_eq!(repository.find(None).unwrap().0, good.name);
    let named = repository.find(Some(done.name.as_str())).unwrap();
    assert!(!named.1.is_complete());
    // In a new repository it is missing, and the message that it belongs to is named.
    let other = Repository::create(&dir.path().join("other")).unwrap();
    let done = back_up(&store, &other);
    assert!(done.missing.len() >= 2, "{:?}", done.missing);
    assert!(done.missing.iter().any(|words| words.contains(&ids[0].to_string())));
    let options = WholeOptions { skip_damaged: true, ..WholeOptions::default() };
    let to = dir.path().join("copy");
    let restored = backup::whole(&other, &to, &options, &mut |_| true).unwrap();
    assert!(!restored.is_whole());
    assert_eq!(restored.missing, done.missing);
    let copy = store::Store::open(&to, crate::common::options()).unwrap();
    let mailbox = copy.mailbox(me.mailbox).unwrap();
    assert!(matches!(message::open(&mailbox, ids[1]), Err(StoreError::Corrupt(_))));
    assert_eq!(message::open(&mailbox, ids[2]).unwrap().body.recipients.len(), 3);
}

/// The key of a message's first node, as docs/store-format.md draws it.
fn node_key(mailbox: u64, id: mapi::MessageId) -> Vec<u8> {
    let number = u64::from(id.replica.0) << 48 | id.counter.get();
    [&mailbox.to_be_bytes()[..], &[0x22], &number.to_be_bytes(), &[0, 0, 0]].concat()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Without a pack or a large value the rest comes back, and what is missing is named.
#[test]
fn the_rest_of_a_damaged_backup_restores_when_that_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let store = populated(&dir.path().join("data"));
    let me = store.account_by_address("me@example.test").unwrap().expect("the account");
    let mailbox = store.mailbox(me.mailbox).unwrap();
    let drafts = SpecialFolder::Drafts.id();
    let bodies: Vec<_> = (0..600)
        .map(|n| {
            let body: String = (0..40).map(|w| format!("{} ", n * 7919 + w * 104_729)).collect();
            import(&mailbox, drafts, plain(&format!("{n} {body}")), false)
        })
        .collect();
    let mut last = plain("with a value");
    last.properties.set(tags::HTML, vec![3; 20_000]);
    let last = import(&mailbox, drafts, last, false);
    let repository = Repository::create(&dir.path().join("repository")).unwrap();
    back_up(&store, &repository);
    let packs = files(&repository.path().join("packs"));
    let is =
        |path: &Path, kind: char| path.file_name().unwrap().to_string_lossy().starts_with(kind);
    let value = blake3_of(&[3; 20_000]);
    let (chunk, _) =
        packs.iter().find(|(path, _)| path.to_string_lossy().contains(&value)).unwrap();
    std::fs::remove_file(chunk).unwrap();
    let options = WholeOptions { skip_damaged: true, ..WholeOptions::default() };
    let to = dir.path().join("without a value");
    let restored = backup::whole(&repository, &to, &options, &mut |_| true).unwrap();
    assert_eq!(restored.damaged.len(), 1, "{:?}", restored.damaged);
    assert!(restored.damaged[0].contains(&last.to_string()), "{:?}", restored.damaged);
    // Now one pack of records after another: what is not in it comes back.
    let mut came_back = Vec::new();
    for (number, (path, bytes)) in packs.iter().filter(|(path, _)| is(path, 'r')).enumerate() {
        let mut damaged = bytes.clone();
        damaged[bytes.len() / 2] ^= 1;
        std::fs::write(path, damaged).unwrap();
        let to = dir.path().join(number.to_string());
        match backup::whole(&repository, &to, &options, &mut |_| true) {
            Ok(restored) => {
                assert!(!restored.is_whole());
                assert!(!restored.damaged.is_empty());
                let copy = store::Store::open(&to, crate::common::options()).unwrap();
                let mailbox = copy.mailbox(me.mailbox).ok();
                let open = |id: &mapi::MessageId| {
                    mailbox.as_ref().is_some_and(|mailbox| message::open(mailbox, *id).is_ok())
                };
                came_back.push(bodies.iter().filter(|id| open(id)).count());
            }
            // Never a panic, and never a half store in the place of a whole one.
            Err(error) => {
                assert!(!to.exists(), "{error}");
                came_back.push(0);
            }
        }
        std::fs::write(path, bytes).unwrap();
    }
    assert!(came_back.len() > 3, "{came_back:?}");
    assert!(came_back.iter().any(|n| (1..600).contains(n)), "{came_back:?}");
}

fn blake3_of(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}
