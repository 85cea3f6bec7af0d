//! Random operations against a simple model: counters, contents and deletion sets.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{assert_whole, mailbox, plain};
use mapi::{FolderId, MessageId, tags};
use store::folder::{self, DeleteOptions, NewFolder};
use store::mailbox::changes;
use store::message::{self, ImportOptions, SaveOptions};
use store::{Mailbox, SpecialFolder, StoreError, quota};

/// A small generator, so that a seed names a run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }
}

#[derive(Debug, Clone)]
struct Known {
    folder: FolderId,
    read: bool,
    associated: bool,
    deleted: bool,
}

#[test]
fn counters_stay_exact() {
    for seed in [1, 0x5eed, 0xc0ffee] {
        run(Random(seed), 400);
    }
}

fn run(mut random: Random, steps: usize) {
    let (_store, mailbox) = mailbox();
    let mut folders = vec![SpecialFolder::Inbox.id(), SpecialFolder::SentItems.id()];
    for name in ["a", "b"] {
        let new = NewFolder { display_name: name.into(), ..NewFolder::default() };
        folders.push(folder::create(&mailbox, folders[0], &new).unwrap().id);
    }
    let mut model: BTreeMap<i64, Known> = BTreeMap::new();
    let mut gone: Vec<(FolderId, MessageId)> = Vec::new();
    // Soft-deleted folders, with the one below each where it was.
    let mut down: BTreeSet<i64> = BTreeSet::new();
    for step in 0..steps {
        let folder = folders[random.below(folders.len())];
        let picked = model.keys().copied().nth(random.below(model.len()));
        // In a soft-deleted folder nothing is written; only out of it something is moved.
        if down.contains(&folder.to_i64()) {
            let refused = message::import(&mailbox, folder, plain("x"), &ImportOptions::default());
            assert!(matches!(refused, Err(StoreError::NotFound(_))));
            restore_or_keep(&mailbox, &mut random, folder, &mut down);
            continue;
        }
        let op = random.below(10);
        if let Some(key) = picked
            && down.contains(&model[&key].folder.to_i64())
            && !matches!(op, 0..=2 | 5 | 6 | 9)
        {
            let read = message::set_read(&mailbox, MessageId::from_i64(key), true);
            assert!(matches!(read, Err(StoreError::NotFound(_)) | Ok(false)));
            continue;
        }
        match (op, picked) {
            (9, _) if folders[2..].contains(&folder) => {
                let all = DeleteOptions { messages: true, folders: true, ..Default::default() };
                folder::delete(&mailbox, folder, all).unwrap();
                down.insert(folder.to_i64());
                compare(&mailbox, &folders, &model, &down);
            }
            (0..=2, _) | (_, None) => {
                let associated = random.below(8) == 0;
                let read = random.below(2) == 0;
                let options =
                    ImportOptions { associated, read: Some(read), ..ImportOptions::default() };
                let content = plain(&format!("message {step}"));
                let id = message::import(&mailbox, folder, content, &options).unwrap().id;
                model.insert(id.to_i64(), Known { folder, read, associated, deleted: false });
            }
            (3, Some(key)) => {
                let known = model.get_mut(&key).unwrap();
                let read = random.below(2) == 0;
                let changed = message::set_read(&mailbox, MessageId::from_i64(key), read).unwrap();
                assert_eq!(changed, known.read != read);
                known.read = read;
            }
            (4, Some(key)) => {
                let mut open = message::open(&mailbox, MessageId::from_i64(key)).unwrap();
                let body = "x".repeat(random.below(20_000));
                open.body.properties.set(tags::BODY, body);
                let saved = message::save(&mailbox, &mut open, SaveOptions::default());
                assert_eq!(saved.is_ok(), !model[&key].deleted);
            }
            (5, Some(key)) => {
                let (id, known) = (MessageId::from_i64(key), model[&key].clone());
                let hard = random.below(2) == 0 || down.contains(&known.folder.to_i64());
                let missed = message::delete(&mailbox, known.folder, &[id], hard).unwrap();
                assert_eq!(missed, usize::from(known.deleted && !hard));
                gone.push((known.folder, id));
                match hard {
                    true => drop(model.remove(&key)),
                    false => model.get_mut(&key).unwrap().deleted = true,
                }
            }
            (6, Some(key)) => {
                let (id, mut known) = (MessageId::from_i64(key), model[&key].clone());
                let new = message::move_to(&mailbox, known.folder, &[id], &mailbox, folder);
                gone.push((known.folder, id));
                model.remove(&key);
                known.folder = folder;
                known.deleted = false;
                model.insert(new.unwrap()[0].unwrap().to_i64(), known);
            }
            (7, Some(key)) => {
                let (id, mut known) = (MessageId::from_i64(key), model[&key].clone());
                let new = message::copy_to(&mailbox, known.folder, &[id], &mailbox, folder);
                known.folder = folder;
                known.deleted = false;
                model.insert(new.unwrap()[0].unwrap().to_i64(), known);
            }
            (_, Some(_)) => compare(&mailbox, &folders, &model, &down),
        }
    }
    compare(&mailbox, &folders, &model, &down);
    for (folder, id) in gone {
        let ranges = changes::deleted(&mailbox, folder).unwrap();
        let found = ranges.iter().any(|range| {
            range.replica == id.replica && range.first <= id.counter && id.counter <= range.last
        });
        assert!(found, "{id:?} is not among {ranges:?}");
    }
    for (id, known) in model.iter().filter(|(_, known)| !known.deleted) {
        let id = MessageId::from_i64(*id);
        let ranges = changes::deleted(&mailbox, known.folder).unwrap();
        let found = ranges.iter().any(|range| {
            range.replica == id.replica && range.first <= id.counter && id.counter <= range.last
        });
        assert!(!found, "{id:?} is in its folder and among {ranges:?}");
    }
    let report = assert_whole(&mailbox);
    assert_eq!(report.messages, model.len() as u64);
}

fn restore_or_keep(
    mailbox: &Mailbox,
    random: &mut Random,
    folder: FolderId,
    down: &mut BTreeSet<i64>,
) {
    if random.below(2) == 0 {
        folder::restore(mailbox, folder, SpecialFolder::Inbox.id(), None).unwrap();
        down.remove(&folder.to_i64());
    }
}

fn compare(
    mailbox: &Mailbox,
    folders: &[FolderId],
    model: &BTreeMap<i64, Known>,
    down: &BTreeSet<i64>,
) {
    let (mut live, mut deleted) = (0, 0);
    for (key, known) in model {
        let size = message::open(mailbox, MessageId::from_i64(*key)).unwrap().size;
        match known.deleted || down.contains(&known.folder.to_i64()) {
            true => deleted += size,
            false => live += size,
        }
    }
    let usage = quota::usage(mailbox).unwrap();
    assert_eq!((usage.used, usage.deleted), (live, deleted));
    for folder in folders {
        let of_folder = || model.values().filter(|known| known.folder == *folder);
        let normal = || of_folder().filter(|known| !known.deleted && !known.associated);
        let info = folder::info(mailbox, *folder).unwrap();
        assert_eq!(info.contents as usize, normal().count());
        assert_eq!(info.unread as usize, normal().filter(|known| !known.read).count());
        let associated = of_folder().filter(|known| !known.deleted && known.associated).count();
        assert_eq!(info.associated as usize, associated);
        let deleted = of_folder().filter(|known| known.deleted).count();
        assert_eq!(info.soft_deleted as usize, deleted);
    }
}
