//! Known-bad controls: faults built in on purpose, one for each detector. A detector that misses its fault
//! proves nothing.

use std::fs::File;
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use mapi_session::{MsgStore, Session};

use super::args::Control;
use super::crew::{Cycle, Watch};
use super::ground::Ground;

/// Leaves this many things behind in all: enough for a line, and no more than a system has.
const MOST: u64 = 500;

/// The same cycles with the fault in them. The fault of bytes is in the store already.
pub fn faulty(
    control: Control,
    ground: &Ground,
    cycles: Vec<Cycle>,
    count: u64,
) -> Result<Vec<Cycle>> {
    let every = count.div_ceil(MOST).max(1);
    match control {
        Control::Bytes => Ok(cycles),
        Control::Objects => {
            // In a session of its own, which stands until the end: its end would take the objects along.
            let session = Arc::new(ground.logon(&ground.target.profile(None))?);
            let store = Arc::new((session.open_default_msg_store()?, session));
            Ok(with_each(cycles, every, move || forget_object(&store)))
        }
        Control::Descriptors => Ok(with_each(cycles, every, || {
            std::mem::forget(File::open("/dev/null")?);
            Ok(())
        })),
        Control::Threads => Ok(with_each(cycles, every, || {
            let forgotten = std::thread::Builder::new().stack_size(64 << 10);
            forgotten.spawn(|| std::thread::sleep(Duration::from_secs(24 * 60 * 60)))?;
            Ok(())
        })),
        Control::Deadlock => deadlock(cycles, count),
    }
}

fn with_each(
    cycles: Vec<Cycle>,
    every: u64,
    fault: impl Fn() -> Result<()> + Send + Sync + 'static,
) -> Vec<Cycle> {
    let fault = Arc::new(fault);
    let with = |mut cycle: Cycle| -> Cycle {
        let fault = fault.clone();
        Box::new(move |number, watch: &Watch| {
            cycle(number, watch)?;
            if number.is_multiple_of(every) {
                fault().context("the control could not build its fault")?;
            }
            Ok(())
        })
    };
    cycles.into_iter().map(with).collect()
}

fn forget_object(store: &(MsgStore, Arc<Session>)) -> Result<()> {
    std::mem::forget(store.0.root_folder()?);
    Ok(())
}

/// From the middle of the run on, the first two threads take two locks, each in another order.
fn deadlock(cycles: Vec<Cycle>, count: u64) -> Result<Vec<Cycle>> {
    if cycles.len() < 2 {
        bail!("a deadlock needs two threads: --threads 2");
    }
    let locks = Arc::new((Mutex::new(()), Mutex::new(())));
    let meeting = Arc::new(Barrier::new(2));
    let middle = count / cycles.len() as u64 / 2;
    let with = |(thread, mut cycle): (usize, Cycle)| -> Cycle {
        if thread > 1 {
            return cycle;
        }
        let (locks, meeting) = (locks.clone(), meeting.clone());
        Box::new(move |number, watch: &Watch| {
            cycle(number, watch)?;
            if number < middle {
                return Ok(());
            }
            let (first, second, doing) = match thread {
                0 => (&locks.0, &locks.1, "holds the first lock and wants the second"),
                _ => (&locks.1, &locks.0, "holds the second lock and wants the first"),
            };
            let _first = first.lock();
            meeting.wait();
            watch.note(doing);
            let _second = second.lock();
            Ok(())
        })
    };
    Ok(cycles.into_iter().enumerate().map(with).collect())
}
