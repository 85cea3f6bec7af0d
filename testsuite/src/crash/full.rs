//! An engine on a disk that fills up, under the file layer.

use std::path::Path;
use std::time::Duration;

use store::engine::{
    Batch, Direction, Engine, Error, FjallEngine, KeyRange, Options, Reader, Space,
};

use crate::Result;
use crate::forget::Control;
use crate::letter::Random;

const DISK: u64 = 96 << 20;

/// Fills the disk until the engine refuses, deletes everything on the full disk, and wants the engine to
/// take more when there is room again. Without a floor nothing keeps other users of the disk from what the
/// engine needs.
pub fn run(data: &Path, control: &Control, floor: Option<u64>) -> Result {
    control.arm_full(DISK, DISK);
    let options = Options { free_space_floor: floor, ..Options::default() };
    let engine = FjallEngine::open(data, &options)?;
    let mut number = 0_u32;
    let refused = loop {
        let mut random = Random(number.into());
        let value: Vec<u8> = (0..8000).flat_map(|_| random.draw().to_le_bytes()).collect();
        let mut batch = Batch::new();
        batch.put(Space::Blobs, number.to_be_bytes(), value);
        match engine.commit(batch) {
            Ok(outcome) if outcome.is_committed() => number += 1,
            Ok(outcome) => return Err(format!("{outcome:?}").into()),
            Err(error) => break error,
        }
    };
    println!("{number} records, then: {refused}; {:?}", engine.gauges());
    if !matches!(refused, Error::DiskFull { .. }) || number < 200 {
        return Err(format!("refused after {number} records with {refused}").into());
    }
    let taken = control.free();
    control.take(taken);
    println!("somebody else took {taken} bytes");
    for deleted in 0..number {
        let mut batch = Batch::new();
        batch.delete(Space::Blobs, deleted.to_be_bytes());
        if !engine.commit(batch)?.is_committed() {
            return Err(format!("{deleted} was not deleted").into());
        }
    }
    let left = engine.scan(Space::Blobs, &KeyRange::all(), Direction::Forward, 10)?;
    if !left.is_empty() {
        return Err(format!("{} records are left", left.len()).into());
    }
    println!("deleted; {:?}", engine.gauges());
    control.take(-taken);
    println!("room again; {:?}", engine.gauges());
    if floor.is_none() {
        eventually("the deletes become room", || Ok(engine.gauges().free_bytes > Some(30 << 20)))?;
    }
    let put = || {
        let mut batch = Batch::new();
        batch.put(Space::Mailbox, b"after", b"value".to_vec());
        engine.commit(batch)
    };
    eventually("writing works again", || Ok(put().is_ok_and(|outcome| outcome.is_committed())))?;
    println!("healed; {:?}", engine.gauges());
    engine.close()?;
    drop(engine);
    let engine = FjallEngine::open(data, &options)?;
    match engine.get(Space::Mailbox, b"after")? {
        Some(_) => Ok(engine.close()?),
        None => Err("what was written at last is gone".into()),
    }
}

/// Without a promise of when.
pub fn eventually(what: &str, check: impl Fn() -> Result<bool>) -> Result {
    for _ in 0..300 {
        if check()? {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Err(format!("never: {what}").into())
}
