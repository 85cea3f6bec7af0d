//! Whether a data directory is whole: every record, large value, counter, index and reference, while it is
//! in use; and mending what can be mended without losing the rest.
//!
//! A mailbox is looked at in one snapshot, which holds all spaces in one state, so a write that happens
//! meanwhile cannot make it look damaged. What is walked over is walked over in the order of its keys, in
//! pages: memory grows with the number of folders, not of messages. Damage ends nothing: a value that cannot
//! be read is a problem of its own, and the walk goes on behind it.
//!
//! A repair decides nothing by the snapshot. Each looks again under the mailbox's writer (or the lock of the
//! directory), so that it mends what is there now.

mod body;
mod cursor;
mod directory;
mod fix;
mod folders;
mod indices;
mod kinds;
mod messages;
mod pass;
mod per_user;
mod problem;
mod repair;
mod report;
mod search;
mod text;

use std::collections::HashSet;
use std::sync::Arc;

use self::directory::DirectoryPass;
use self::fix::Fix;
use self::pass::{Known, Pass, Sink};
pub use self::problem::{Problem, Severity, What};
use self::repair::{Mended, Mender};
pub use self::report::{MAX_PROBLEMS, Options, Progress, Report};
use crate::blob;
use crate::directory::record;
use crate::engine::{Direction, Error, KeyRange, Reader, Space};
use crate::record::head::Head;
use crate::{Mailbox, MailboxNumber, Result, Store, StoreError, jobs, keys};

/// How often a mailbox is looked at again because the engine was opened anew meanwhile.
const ATTEMPTS: usize = 3;

/// Looks at all mailboxes, the directory, the jobs and the large values.
///
/// Errors: those of the engine; what is wrong with the data stands in the report.
pub fn store(
    store: &Store,
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report> {
    run(store, options, None, progress)
}

/// Looks at one mailbox and the large values that it refers to.
///
/// Errors: those of the engine; what is wrong with the mailbox stands in the report.
pub fn mailbox(mailbox: &Arc<Mailbox>, options: &Options) -> Result<Report> {
    run(mailbox.store(), options, Some(mailbox.number()), &mut |_| {})
}

/// As [`mailbox`], for one that may be too damaged to be opened.
pub fn mailbox_by_number(
    store: &Store,
    number: MailboxNumber,
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report> {
    run(store, options, Some(number), progress)
}

fn run(
    store: &Store,
    options: &Options,
    only: Option<MailboxNumber>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report> {
    let mut look = |mend: bool| round(store, &Options { repair: mend, ..*options }, only, progress);
    let mut report = look(options.repair)?;
    if !options.repair || report.found == 0 {
        return Ok(report);
    }
    // What was mended first may be what others need, and may have brought to light what was hidden.
    let second = look(true)?;
    if second.found == 0 && report.left() == 0 {
        return Ok(report);
    }
    report.absorb(second);
    report.settle(look(false)?);
    Ok(report)
}

/// One look at everything, or at one mailbox.
fn round(
    store: &Store,
    options: &Options,
    only: Option<MailboxNumber>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report> {
    let mut report = Report::default();
    let mut known = Known::default();
    if let Some(number) = only {
        one(store, options, number, &mut known, progress, &mut report)?;
        return Ok(report);
    }
    let mut found = Report::default();
    if options.blobs {
        let (looked, damaged) = again(|| blobs(store, progress))?;
        known.damaged = (looked.problems.len() < MAX_PROBLEMS).then_some(damaged);
        found = looked;
    }
    let (looked, numbers) = again(|| accounts(store, options, progress))?;
    report.merge(looked);
    for number in numbers {
        one(store, options, number, &mut known, progress, &mut report)?;
    }
    // Now that no message refers to what is damaged.
    report.merge(if options.repair { remove_blobs(store, options, found)? } else { found });
    Ok(report)
}

/// Takes a new snapshot where the engine was opened anew below the old one.
fn again<T>(mut look: impl FnMut() -> Result<T>) -> Result<T> {
    for _ in 1..ATTEMPTS {
        match look() {
            Err(StoreError::Engine(Error::SnapshotLost)) => {}
            other => return other,
        }
    }
    look()
}

fn one(
    store: &Store,
    options: &Options,
    number: MailboxNumber,
    known: &mut Known,
    progress: &mut dyn FnMut(Progress),
    report: &mut Report,
) -> Result<()> {
    let looked = again(|| {
        let snapshot = store.engine().snapshot()?;
        let mut report = Report::default();
        if !is_there(&*snapshot, number)? {
            return Ok(report);
        }
        let mender = options.repair.then(|| Mender::new(store, Some(number), *options));
        let mut sink = Collect { report: Report::default(), progress, mender };
        let pass = Pass {
            public: false,
            number,
            reader: &*snapshot,
            options,
            known,
            sink: &mut sink,
            report: &mut report,
            head: Head::default(),
            folders: Default::default(),
            names: Default::default(),
            replicas: Default::default(),
            sizes: Default::default(),
            markers: 0,
            deleted_messages: 0,
            source_keys: 0,
            max_number: 0,
            max_sequence: 0,
            total: 0,
            settling: jobs::settles_folders(number, &*snapshot)?,
            searching: jobs::settles_searches(number, &*snapshot)?,
            mailbox: store.mailbox(number).ok(),
            unplaced: 0,
        };
        pass.run()?;
        if let Some(mender) = &mut sink.mender {
            mender.finish()?;
        }
        report.merge(sink.report);
        Ok(report)
    })?;
    report.merge(looked);
    Ok(())
}

/// Whether a mailbox has records and is not about to be removed.
fn is_there(reader: &dyn Reader, number: MailboxNumber) -> Result<bool> {
    let own = KeyRange::prefix(keys::mailbox_prefix(number));
    let any = !reader.scan_each(Space::Mailbox, &own, 1)?.is_empty();
    Ok(any && !reader.contains(Space::Queue, &jobs::mailbox_job(number))?)
}

/// Looks at every chunk, manifest and mark. Gives the keys of those that are damaged, too.
fn blobs(store: &Store, progress: &mut dyn FnMut(Progress)) -> Result<(Report, HashSet<Vec<u8>>)> {
    const STEP: u64 = 256;
    let snapshot = store.engine().snapshot()?;
    let mut sink = Collect { report: Report::default(), progress, mender: None };
    let mut damaged = HashSet::new();
    let mut records = 0u64;
    let mut cursor = cursor::Cursor::new(&*snapshot, Space::Blobs, KeyRange::all());
    while let Some((key, value)) = cursor.next()? {
        records += 1;
        if records.is_multiple_of(STEP) {
            let what = "chunks of large values".to_owned();
            sink.progress(Progress { done: records, total: 0, what })?;
        }
        let Some(fault) = blob::check::record(&*snapshot, &key, &value)? else { continue };
        let what = match blob::check::is_mark(&key) {
            true => What::Condemned,
            false => What::Blob,
        };
        if damaged.len() < MAX_PROBLEMS {
            damaged.insert(fault.key);
        }
        let problem = Problem::new(what, fault.words).record(Space::Blobs, &key);
        sink.found(vec![problem], Some(Fix::Blob { key: key.to_vec() }))?;
    }
    let mut report = Report { records, ..Report::default() };
    report.merge(sink.report);
    Ok((report, damaged))
}

/// Removes what is still damaged of what was found in the blob space.
fn remove_blobs(store: &Store, options: &Options, found: Report) -> Result<Report> {
    let mut report = Report { records: found.records, ..Report::default() };
    let extra = found.found - found.problems.len() as u64;
    let mut mender = Mender::new(store, None, *options);
    for mut problem in found.problems {
        if let Some((_, key)) = &problem.record {
            let mended = mender.mend(&Fix::Blob { key: key.clone() })?;
            say(&mut problem, &mended, true);
        }
        report.add(problem);
    }
    report.found += extra;
    Ok(report)
}

/// Looks at the directory and the jobs. Gives the numbers of all mailboxes, too.
fn accounts(
    store: &Store,
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Report, Vec<MailboxNumber>)> {
    let snapshot = store.engine().snapshot()?;
    let mut report = Report::default();
    let mender = options.repair.then(|| Mender::new(store, None, *options));
    let mut sink = Collect { report: Report::default(), progress, mender };
    let owned = DirectoryPass {
        reader: &*snapshot,
        sink: &mut sink,
        report: &mut report,
        damaged: Default::default(),
        counters: Default::default(),
        max: Default::default(),
        mailboxes: Default::default(),
    }
    .run()?;
    let numbers = mailboxes(&*snapshot)?;
    for number in &numbers {
        let owned = owned.contains(&number.0)
            || snapshot.contains(Space::Directory, &record::mailbox_key(*number))?;
        if !owned && is_there(&*snapshot, *number)? {
            let mut problem = Problem::new(What::StrayMailbox, "");
            problem.mailbox = Some(*number);
            sink.found(vec![problem], None)?;
        }
    }
    report.merge(sink.report);
    Ok((report, numbers))
}

/// All mailboxes that have records, from one to the next without the keys between.
fn mailboxes(reader: &dyn Reader) -> Result<Vec<MailboxNumber>> {
    let mut numbers = Vec::new();
    let mut next = 0u64;
    loop {
        let rest = KeyRange { from: next.to_be_bytes().to_vec(), to: None };
        let first = match reader.keys(Space::Mailbox, &rest, Direction::Forward, 1) {
            Ok(first) => first.into_iter().next(),
            Err(Error::Corrupt { .. }) => {
                reader.scan_each(Space::Mailbox, &rest, 1)?.into_iter().next().map(|(key, _)| key)
            }
            Err(error) => return Err(error.into()),
        };
        let Some(number) = first.as_ref().and_then(|key| key.first_chunk::<8>()) else {
            return Ok(numbers);
        };
        let number = u64::from_be_bytes(*number);
        numbers.push(MailboxNumber(number));
        match number.checked_add(1) {
            Some(above) => next = above,
            None => return Ok(numbers),
        }
    }
}

/// Notes what is found, and mends it where it is to be mended.
struct Collect<'a> {
    report: Report,
    progress: &'a mut dyn FnMut(Progress),
    mender: Option<Mender<'a>>,
}

impl Sink for Collect<'_> {
    fn found(&mut self, mut problems: Vec<Problem>, fix: Option<Fix>) -> Result<()> {
        if let Some(mender) = &mut self.mender {
            let mended = match &fix {
                Some(fix) => mender.mend(fix)?,
                None => Mended::Cannot("there is no repair for it".into()),
            };
            // What is lost is said once, with the problem that is about data.
            let first = problems.iter().position(|p| p.severity() == Severity::Data).unwrap_or(0);
            for (index, problem) in problems.iter_mut().enumerate() {
                say(problem, &mended, index == first);
            }
        }
        problems.into_iter().for_each(|problem| self.report.add(problem));
        Ok(())
    }

    fn progress(&mut self, progress: Progress) -> Result<()> {
        (self.progress)(progress);
        Ok(())
    }
}

fn say(problem: &mut Problem, mended: &Mended, first: bool) {
    match mended {
        Mended::Done { lost } => {
            problem.repaired = true;
            if first {
                problem.lost.clone_from(lost);
            }
        }
        Mended::Fine => problem.repaired = true,
        Mended::Cannot(why) => problem.left = Some(why.clone()),
    }
}
