use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::*;
use crate::engine::{Direction, FjallEngine, KeyRange, MemoryEngine, Options};

const GRACE: Duration = Duration::from_secs(3600);
const MAILBOX: MailboxNumber = MailboxNumber(1);

fn memory() -> Blobs {
    Blobs::new(Arc::new(MemoryEngine::new()))
}

/// Bytes that do not compress and differ from chunk to chunk.
fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}

fn commit(blobs: &Blobs, batch: Batch) -> Outcome {
    blobs.engine.commit(batch).unwrap()
}

fn hold(blobs: &Blobs, owner: &[u8], blob: &BlobRef) {
    let mut batch = Batch::new();
    blobs.reference(&mut batch, MAILBOX, owner, blob).unwrap();
    assert_eq!(commit(blobs, batch), Outcome::Committed);
}

fn release(blobs: &Blobs, owner: &[u8], blob: &BlobRef) {
    let mut batch = Batch::new();
    blobs.unreference(&mut batch, MAILBOX, owner, blob);
    assert_eq!(commit(blobs, batch), Outcome::Committed);
}

fn pass(blobs: &Blobs, seconds: u64) -> Collected {
    collect(&*blobs.engine, Duration::from_secs(seconds), GRACE).unwrap()
}

fn stored_keys(blobs: &Blobs) -> usize {
    let all = KeyRange::all();
    blobs.engine.keys(Space::Blobs, &all, Direction::Forward, usize::MAX).unwrap().len()
}

#[test]
fn reads_back_at_any_offset() {
    let blobs = memory();
    for len in [0, 1, 9000, CHUNK, CHUNK + 1, 3 * CHUNK, 5 * CHUNK + 77] {
        let content = noise(len, len as u64);
        let blob = blobs.put(&content[..]).unwrap();
        assert_eq!(blob.len(), len as u64);
        assert_eq!(BlobRef::from_bytes(&blob.to_bytes()), blob);
        assert_eq!(blobs.read_all(&blob, 1 << 20).unwrap(), content);
        blobs.verify(&blob).unwrap();
        let mut reader = blobs.open(&blob);
        for (offset, wanted) in [(0, 10), (len / 2, CHUNK), (CHUNK - 5, 10), (len, 5), (len + 9, 1)]
        {
            let mut buffer = vec![0; wanted];
            let read = reader.read_at(offset as u64, &mut buffer).unwrap();
            let expected = content.get(offset..).unwrap_or_default();
            let expected = &expected[..expected.len().min(wanted)];
            assert_eq!(&buffer[..read], expected);
        }
        let mut batch = Batch::new();
        assert_eq!(blobs.put_with(&mut batch, MAILBOX, b"m", &content).unwrap(), blob);
    }
}

#[test]
fn large_blobs_have_manifests_above_manifests() {
    /// Zeros with the chunk's number in front: many chunks, little memory.
    struct Numbered(u64);
    impl Source for Numbered {
        fn len(&self) -> u64 {
            self.0
        }
        fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
            buffer.fill(0);
            buffer[..8].copy_from_slice(&offset.to_le_bytes());
            Ok(())
        }
    }
    let blobs = memory();
    for chunks in [FANOUT as u64, FANOUT as u64 + 1] {
        let blob = blobs.put(&Numbered(chunks * CHUNK as u64)).unwrap();
        assert_eq!(blob.depth(), if chunks > FANOUT as u64 { 2 } else { 1 });
        let mut reader = blobs.open(&blob);
        for index in [0, 1, 2047, chunks - 1] {
            let mut number = [0; 8];
            let offset = index * CHUNK as u64;
            assert_eq!(reader.read_at(offset, &mut number).unwrap(), 8);
            assert_eq!(u64::from_le_bytes(number), offset);
        }
        hold(&blobs, b"m", &blob);
    }
    assert_eq!(pass(&blobs, 0).condemned, 0);
}

#[test]
fn the_same_content_is_stored_once() {
    let blobs = memory();
    let content = noise(10 * CHUNK, 1);
    let first = blobs.put(&content[..]).unwrap();
    let keys = stored_keys(&blobs);
    assert_eq!(keys, 11);
    assert_eq!(blobs.put(&content[..]).unwrap(), first);
    let mut longer = content.clone();
    longer.extend_from_slice(b"one more");
    blobs.put(&longer[..]).unwrap();
    assert_eq!(stored_keys(&blobs), keys + 2);
    // Compressed where it helps.
    let text = b"How do you do? ".repeat(4000);
    let gauge = blobs.engine.gauges().memtable_bytes;
    let blob = blobs.put(&text[..]).unwrap();
    assert!(blobs.engine.gauges().memtable_bytes - gauge < 5000);
    assert_eq!(blobs.read_all(&blob, 1 << 20).unwrap(), text);
}

#[test]
fn what_nothing_holds_goes_after_the_grace_period() {
    let blobs = memory();
    let content = noise(3 * CHUNK, 1);
    let blob = blobs.put(&content[..]).unwrap();
    hold(&blobs, b"a", &blob);
    hold(&blobs, b"b", &blob);
    assert_eq!(pass(&blobs, 0), Collected { nodes: 4, ..Collected::default() });
    release(&blobs, b"a", &blob);
    assert_eq!(pass(&blobs, 0).condemned, 0);
    release(&blobs, b"b", &blob);
    // The manifest holds its chunks until it is gone itself.
    assert_eq!(pass(&blobs, 0).condemned, 1);
    assert_eq!(pass(&blobs, 3599).removed, 0);
    assert_eq!(blobs.read_all(&blob, 1 << 20).unwrap(), content);
    assert_eq!(pass(&blobs, 3600).removed, 1);
    assert_eq!(pass(&blobs, 3600).condemned, 3);
    let last = pass(&blobs, 7200);
    assert_eq!(last.removed, 3);
    assert!(last.removed_bytes >= 3 * CHUNK as u64);
    assert_eq!(stored_keys(&blobs), 0);
    assert!(matches!(blobs.read_all(&blob, 1 << 20), Err(Error::BlobLost)));
    let mut batch = Batch::new();
    let lost = blobs.reference(&mut batch, MAILBOX, b"c", &blob);
    assert!(matches!(lost, Err(Error::BlobLost)));
}

#[test]
fn what_is_held_again_is_pardoned() {
    let blobs = memory();
    let content = noise(CHUNK, 1);
    let blob = blobs.put(&content[..]).unwrap();
    assert_eq!(pass(&blobs, 0).condemned, 1);
    // A second writer of the same content, after it was condemned.
    assert_eq!(blobs.put(&content[..]).unwrap(), blob);
    assert_eq!(pass(&blobs, 9999).condemned, 1, "its time begins anew");
    hold(&blobs, b"a", &blob);
    assert_eq!(pass(&blobs, 99_999), Collected { nodes: 1, ..Collected::default() });
    // A marker that comes without the protocol still counts.
    release(&blobs, b"a", &blob);
    assert_eq!(pass(&blobs, 99_999).condemned, 1);
    let mut batch = Batch::new();
    put_marker(&mut batch, MailboxNumber(u64::MAX), b"x", &blob);
    assert_eq!(commit(&blobs, batch), Outcome::Committed);
    assert_eq!(pass(&blobs, 999_999).pardoned, 1);
    assert_eq!(stored_keys(&blobs), 1);
}

#[test]
fn a_reference_and_a_removal_exclude_each_other() {
    for reference_first in [false, true] {
        let blobs = memory();
        let blob = blobs.put(&noise(CHUNK, 1)[..]).unwrap();
        assert_eq!(pass(&blobs, 0).condemned, 1);
        let mut reference = Batch::new();
        blobs.reference(&mut reference, MAILBOX, b"a", &blob).unwrap();
        if reference_first {
            assert_eq!(commit(&blobs, reference), Outcome::Committed);
            assert_eq!(pass(&blobs, 9999).removed, 0);
            assert!(blobs.read_all(&blob, 1 << 20).is_ok());
        } else {
            assert_eq!(pass(&blobs, 9999).removed, 1);
            assert!(!commit(&blobs, reference).is_committed());
        }
    }
}

/// Writers add and remove the same few contents while collectors without mercy run: whatever a
/// marker holds must be readable at any time.
fn writers_against_the_collector(blobs: &Blobs) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let collector = scope.spawn(|| {
            let mut removed = 0;
            while !done.load(Ordering::Relaxed) {
                let now = Duration::from_secs(1);
                removed += collect(&*blobs.engine, now, Duration::ZERO).unwrap().removed;
            }
            removed
        });
        let writers: Vec<_> = (0..4u64)
            .map(|writer| {
                scope.spawn(move || {
                    let mailbox = MailboxNumber(writer);
                    for round in 0..60u64 {
                        let content = noise(9000 + (round % 3) as usize * CHUNK, round % 5);
                        let blob = loop {
                            let mut batch = Batch::new();
                            let blob = if writer % 2 == 0 {
                                blobs.put_with(&mut batch, mailbox, b"o", &content).unwrap()
                            } else {
                                let Ok(blob) = blobs.put(&content[..]) else { continue };
                                match blobs.reference(&mut batch, mailbox, b"o", &blob) {
                                    Err(Error::BlobLost) => continue,
                                    other => other.unwrap(),
                                }
                                blob
                            };
                            if commit(blobs, batch).is_committed() {
                                break blob;
                            }
                        };
                        assert!(blobs.read_all(&blob, 1 << 20).unwrap() == content);
                        std::thread::yield_now();
                        blobs.verify(&blob).unwrap();
                        let mut batch = Batch::new();
                        blobs.unreference(&mut batch, mailbox, b"o", &blob);
                        assert!(commit(blobs, batch).is_committed());
                    }
                })
            })
            .collect();
        let results: Vec<_> = writers.into_iter().map(|writer| writer.join()).collect();
        done.store(true, Ordering::Relaxed);
        let removed = collector.join().unwrap();
        results.into_iter().for_each(|result| result.unwrap());
        println!("{removed} nodes removed below the writers");
    });
    for _ in 0..6 {
        collect(&*blobs.engine, Duration::from_secs(2), Duration::ZERO).unwrap();
    }
    assert_eq!(stored_keys(blobs), 0);
}

#[test]
fn writers_against_the_collector_in_memory() {
    writers_against_the_collector(&memory());
}

#[test]
fn writers_against_the_collector_on_disk() {
    let temporary = tempfile::tempdir().unwrap();
    let engine = FjallEngine::open(temporary.path(), &Options::default()).unwrap();
    writers_against_the_collector(&Blobs::new(Arc::new(engine)));
}

#[test]
fn a_damaged_chunk_is_an_error() {
    let engine = Arc::new(MemoryEngine::new());
    let blobs = Blobs::new(engine.clone());
    let content = noise(2 * CHUNK, 1);
    let blob = blobs.put(&content[..]).unwrap();
    assert!(engine.corrupt(Space::Blobs, &Node::chunk(&content[..CHUNK]).key()));
    assert!(matches!(blobs.read_all(&blob, 1 << 20), Err(Error::Corrupt { .. })));
    assert!(blobs.verify(&blob).is_err());
    // Another content at the address, with a good checksum.
    let mut batch = Batch::new();
    batch.put(
        Space::Blobs,
        Node::chunk(&content[..CHUNK]).key(),
        node::encode_chunk(&noise(CHUNK, 2)),
    );
    assert!(commit(&blobs, batch).is_committed());
    assert!(matches!(blobs.verify(&blob), Err(Error::Corrupt { .. })));
}

#[test]
fn staged_bytes_behave_like_a_file_and_are_bounded() {
    let temporary = tempfile::tempdir().unwrap();
    let directory = staging_directory(temporary.path());
    std::fs::create_dir(&directory).unwrap();
    std::fs::write(directory.join("left-over"), "x").unwrap();
    clear_staging(&directory).unwrap();
    for directory in [None, Some(&directory)] {
        let store = Arc::new(Budget::new(1_000_000));
        let memory = Arc::new(Budget::new(1_000_000));
        let path = directory.map(|path| path.as_path());
        let area = StagingArea::new(300_000, store.clone(), memory.clone(), path);
        let mut staged = area.create().unwrap();
        let mut model: Vec<u8> = Vec::new();
        for (offset, len) in [(0, 100), (50, 100), (1000, 10), (60_000, 10_000), (10, 200_000)] {
            let bytes = noise(len, offset as u64);
            staged.write_at(offset as u64, &bytes).unwrap();
            model.resize(model.len().max(offset + len), 0);
            model[offset..offset + len].copy_from_slice(&bytes);
            let mut all = vec![1; model.len() + 5];
            assert_eq!(staged.read_at(0, &mut all).unwrap(), model.len());
            assert!(all[..model.len()] == model[..]);
        }
        assert!(matches!(staged.write_at(300_000, b"x"), Err(Error::StagingFull { .. })));
        assert!(matches!(staged.write_at(u64::MAX, b"x"), Err(Error::StagingFull { .. })));
        assert!(staged.write_at(900_000, b"").is_ok());
        assert_eq!(staged.len(), model.len() as u64);
        staged.set_len(150_000).unwrap();
        staged.set_len(200_000).unwrap();
        model.truncate(150_000);
        model.resize(200_000, 0);
        assert_eq!((area.used(), store.used()), (200_000, 200_000));
        assert_eq!(memory.used(), if path.is_some() { 0 } else { 200_000 });
        let blobs = self::memory();
        let blob = blobs.put(&staged).unwrap();
        assert!(blobs.read_all(&blob, 1 << 20).unwrap() == model);
        let other = StagingArea::new(900_000, store.clone(), memory.clone(), None);
        assert!(other.create().unwrap().set_len(800_001).is_err());
        assert_eq!(other.used(), 0);
        drop(staged);
        assert_eq!((area.used(), store.used(), memory.used()), (0, 0, 0));
    }
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 0);
}

#[test]
fn staged_values_go_to_files_when_their_memory_is_used_up() {
    let temporary = tempfile::tempdir().unwrap();
    let directory = staging_directory(temporary.path());
    clear_staging(&directory).unwrap();
    let memory = Arc::new(Budget::new(100_000));
    let store = Arc::new(Budget::new(10_000_000));
    let area = StagingArea::new(10_000_000, store, memory.clone(), Some(&directory));
    let mut values: Vec<_> = (0..50)
        .map(|number| {
            let mut staged = area.create().unwrap();
            staged.write_at(0, &noise(20_000, number)).unwrap();
            assert!(memory.used() <= 100_000);
            staged
        })
        .collect();
    assert_eq!((memory.used(), area.used()), (100_000, 1_000_000));
    for (number, staged) in values.iter_mut().enumerate() {
        let mut all = vec![0; 20_000];
        staged.read_at(0, &mut all).unwrap();
        assert!(all == noise(20_000, number as u64));
        staged.set_len(10_000).unwrap();
    }
    assert_eq!((memory.used(), area.used()), (50_000, 500_000));
    drop(values);
    assert_eq!((memory.used(), area.used()), (0, 0));
}
