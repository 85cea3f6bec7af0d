//! One look at one mailbox, in one state of it. Memory grows with the number of folders only.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use mapi::{ChangeNumber, FolderId, ReplId};

use super::cursor::{Cursor, each_key};
use super::fix::Fix;
use super::kinds;
use super::problem::{Problem, What};
use super::report::{Options, Progress, Report};
use crate::blob::{self, BlobRef};
use crate::engine::{KeyRange, Reader, Scanned, Space};
use crate::keys::{self, Kind};
use crate::mailbox::read_state;
use crate::record::folder::FolderRecord;
use crate::record::head::{Head, Sizes};
use crate::record::hot::Hot;
use crate::table::Contents;
use crate::{Mailbox, MailboxNumber, Result, large};

/// A number further behind the last one than this is taken for damage of the record that has it, and not
/// of the head: numbers are given out in ranges of at most this many.
pub(super) const PLAUSIBLE: u64 = crate::mailbox::ids::MAX_ALLOCATION as u64;

/// Large values that are remembered as whole, so that one which many messages share is read once.
const MAX_KNOWN_BLOBS: usize = 1 << 15;

/// Takes what a pass finds. With a repair it mends each problem on the spot.
pub(super) trait Sink {
    /// `fix` mends all of `problems`, which are about one thing.
    fn found(&mut self, problems: Vec<Problem>, fix: Option<Fix>) -> Result<()>;
    fn progress(&mut self, progress: Progress) -> Result<()>;
}

/// What the pass over the large values found, for the passes over the mailboxes.
#[derive(Default)]
pub(super) struct Known {
    /// Keys of nodes that are damaged, if every node was looked at.
    pub(super) damaged: Option<HashSet<Vec<u8>>>,
    whole: HashSet<[u8; BlobRef::LEN]>,
}

/// What a folder must say about what it holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) contents: u32,
    pub(super) unread: u32,
    pub(super) associated: u32,
    pub(super) soft_deleted: u32,
    pub(super) children: u32,
    pub(super) size: u64,
    pub(super) deleted_size: u64,
    pub(super) deleted_children: u32,
}

impl Counts {
    fn messages(&self) -> u64 {
        u64::from(self.contents) + u64::from(self.associated) + u64::from(self.soft_deleted)
    }

    /// Whether these are what a record says, but for messages whose place cannot be read.
    pub(super) fn explain(&self, kept: &Counts, unplaced: u64) -> bool {
        let missing = kept.messages().checked_sub(self.messages());
        let others =
            Counts { children: self.children, deleted_children: self.deleted_children, ..*kept };
        *self == *kept
            || (missing.is_some_and(|missing| (1..=unplaced).contains(&missing)) && others == *kept)
    }

    /// Counts a message in.
    pub(super) fn add(&mut self, hot: &Hot) {
        match hot.contents {
            Contents::Normal => {
                self.contents += 1;
                self.unread += u32::from(!read_state::is_read(hot));
            }
            Contents::Associated => self.associated += 1,
            Contents::SoftDeleted | Contents::SoftDeletedAssociated => self.soft_deleted += 1,
        }
        let size = match hot.contents.is_deleted() {
            true => &mut self.deleted_size,
            false => &mut self.size,
        };
        *size = size.saturating_add(hot.size);
    }

    /// Makes a record say this.
    pub(super) fn put(&self, record: &mut FolderRecord) {
        record.contents = self.contents;
        record.unread = self.unread;
        record.associated = self.associated;
        record.soft_deleted = self.soft_deleted;
        record.children = self.children;
        record.size = self.size;
        record.deleted_size = self.deleted_size;
        record.deleted_children = self.deleted_children;
    }

    pub(super) fn of(record: &FolderRecord) -> Counts {
        Counts {
            contents: record.contents,
            unread: record.unread,
            associated: record.associated,
            soft_deleted: record.soft_deleted,
            children: record.children,
            size: record.size,
            deleted_size: record.deleted_size,
            deleted_children: record.deleted_children,
        }
    }
}

/// A folder as far as it is known.
#[derive(Default)]
pub(super) struct Folder {
    /// None if it is damaged or missing.
    pub(super) record: Option<FolderRecord>,
    pub(super) counted: Counts,
    /// An entry under its parent leads to it.
    pub(super) listed: bool,
    pub(super) has_properties: bool,
    /// The UID met last, and whether they ascended with the message ids until now.
    pub(super) last_uid: u32,
    pub(super) max_uid: u32,
    pub(super) unordered: bool,
    /// Messages by class whose summary is there.
    pub(super) summaries: [u64; 4],
}

pub(super) struct Pass<'a> {
    pub(super) number: MailboxNumber,
    /// It holds public folders.
    pub(super) public: bool,
    pub(super) reader: &'a dyn Reader,
    pub(super) options: &'a Options,
    pub(super) known: &'a mut Known,
    pub(super) sink: &'a mut dyn Sink,
    pub(super) report: &'a mut Report,
    /// What the head says; all zeros if it cannot be read.
    pub(super) head: Head,
    /// By id as an ordered number.
    pub(super) folders: BTreeMap<u64, Folder>,
    /// Ids of named properties that have a name, or whose name is damaged.
    pub(super) names: BTreeSet<u16>,
    pub(super) replicas: BTreeSet<u16>,
    /// What the folders' records add up to.
    pub(super) sizes: Sizes,
    /// Markers, entries of the index of source keys, and entries that find soft-deleted messages by their
    /// time, that stand where they should.
    pub(super) markers: u64,
    pub(super) deleted_messages: u64,
    pub(super) source_keys: u64,
    /// The highest number, and sequence, in use that the head should have reached.
    pub(super) max_number: u64,
    pub(super) max_sequence: u64,
    pub(super) total: u64,
    /// A job lets folders follow one above them, so their states may differ yet.
    pub(super) settling: bool,
    /// A job fills search folders, so they may show less, or more, than they should.
    pub(super) searching: bool,
    /// None if it is too damaged to be opened.
    pub(super) mailbox: Option<Arc<Mailbox>>,
    /// Messages of which nobody can tell now which folder counts them.
    pub(super) unplaced: u64,
}

impl<'a> Pass<'a> {
    pub(super) fn run(mut self) -> Result<()> {
        self.report.mailboxes += 1;
        self.identity()?;
        self.settings()?;
        self.unknown_keys()?;
        self.names()?;
        self.replicas()?;
        self.folders()?;
        self.hierarchy()?;
        self.deleted_folders()?;
        self.of_folders()?;
        self.per_user()?;
        self.messages()?;
        self.summaries()?;
        self.searches()?;
        self.counters()?;
        self.deleted_messages()?;
        self.store_properties()?;
        self.letters()?;
        self.receive()?;
        self.log()?;
        self.deleted()?;
        self.source_key_index()?;
        self.import_keys()?;
        self.markers()?;
        self.texts()?;
        self.last_numbers()
    }

    pub(super) fn key(&self, kind: Kind, parts: &[&[u8]]) -> Vec<u8> {
        keys::key(self.number, kind, parts)
    }

    pub(super) fn cursor(&self, kind: Kind) -> Cursor<'a> {
        Cursor::new(self.reader, Space::Mailbox, KeyRange::prefix(self.key(kind, &[])))
    }

    pub(super) fn problem(&self, what: What, detail: impl Into<String>) -> Problem {
        let mut problem = Problem::new(what, detail);
        problem.mailbox = Some(self.number);
        problem
    }

    pub(super) fn found(&mut self, problem: Problem, fix: impl Into<Option<Fix>>) -> Result<()> {
        self.sink.found(vec![problem], fix.into())
    }

    /// Calls `look` for every record of a kind whose key has its form, and reports the others.
    pub(super) fn each(
        &mut self,
        kind: Kind,
        mut look: impl FnMut(&mut Self, Scanned) -> Result<()>,
    ) -> Result<()> {
        let mut cursor = self.cursor(kind);
        while let Some(pair) = cursor.next()? {
            self.report.records += 1;
            if self.has_form(&pair.0, &pair.1)? {
                look(self, pair)?;
            }
        }
        Ok(())
    }

    /// Reports a key that has not the form of its kind.
    pub(super) fn has_form(
        &mut self,
        key: &[u8],
        value: &crate::engine::Result<crate::engine::Value>,
    ) -> Result<bool> {
        let row = key.get(8).and_then(|byte| kinds::find(*byte));
        if row.is_none_or(|row| row.fits(key)) {
            return Ok(true);
        }
        let what = if value.is_err() { What::Unreadable } else { What::BadKey };
        let name = row.map_or("record", |row| row.name);
        let problem = self.problem(what, format!("a key of the kind {name}"));
        self.found(problem.record(Space::Mailbox, key), Fix::Bad { key: key.to_vec() })?;
        Ok(false)
    }

    /// Reports a value that cannot be read or makes no sense; true if it is whole.
    pub(super) fn makes_sense(&mut self, pair: &Scanned, what: What) -> Result<bool> {
        let (key, value) = pair;
        let Some(row) = key.get(8).and_then(|byte| kinds::find(*byte)) else { return Ok(true) };
        let Err(error) = row.check(key, value) else { return Ok(true) };
        let problem = self.problem(what, error.to_string()).record(Space::Mailbox, key);
        self.found(problem, Fix::Bad { key: key.to_vec() })?;
        Ok(false)
    }

    /// The record that identifies the mailbox, and its last numbers.
    fn identity(&mut self) -> Result<()> {
        for kind in [Kind::Info, Kind::Head] {
            self.each(kind, |_, _| Ok(()))?;
        }
        let key = self.key(Kind::Info, &[]);
        let info = self.reader.get(Space::Mailbox, &key);
        match read_as(info, crate::record::head::Info::read)? {
            Ok(info) => self.public = info.public,
            Err(detail) => {
                let problem = self.problem(What::Info, detail).record(Space::Mailbox, &key);
                self.found(problem, Fix::Info)?;
            }
        }
        let key = self.key(Kind::Head, &[]);
        match read_as(self.reader.get(Space::Mailbox, &key), Head::read)? {
            Ok(head) => self.head = head,
            Err(detail) => {
                let problem = self.problem(What::Head, detail).record(Space::Mailbox, &key);
                self.found(problem, Fix::Head)?;
                // Nothing is ahead of what is not known.
                self.head = Head {
                    counter: u64::MAX,
                    sequence: u64::MAX,
                    hierarchy: u64::MAX,
                    ..Head::default()
                };
            }
        }
        Ok(())
    }

    /// Keys between those of the kinds that are known.
    fn unknown_keys(&mut self) -> Result<()> {
        let prefix = keys::mailbox_prefix(self.number);
        let mut from = prefix.clone();
        let mut unknown = Vec::new();
        let bytes = kinds::ROWS.iter().map(|row| Some(row.byte)).chain([None]);
        for byte in bytes {
            let to = match byte {
                Some(byte) => Some([&prefix[..], &[byte]].concat()),
                None => KeyRange::prefix(prefix.clone()).to,
            };
            each_key(self.reader, Space::Mailbox, KeyRange { from, to }, |key| {
                unknown.push(key);
                Ok(())
            })?;
            from = byte.map_or(vec![0xFF], |byte| {
                let kind = [&prefix[..], &[byte]].concat();
                KeyRange::prefix(kind).to.unwrap_or_default()
            });
        }
        for key in unknown {
            self.report.records += 1;
            let problem = self.problem(What::UnknownRecord, "").record(Space::Mailbox, &key);
            self.found(problem, None)?;
        }
        Ok(())
    }

    /// Notes a number of the mailbox's own replica, and says whether it makes sense beside the head.
    pub(super) fn number_in_use(&mut self, replica: ReplId, counter: u64) -> bool {
        if replica != mapi::ids::OWN_REPLICA {
            return true;
        }
        if counter.saturating_sub(PLAUSIBLE) > self.head.counter {
            return false;
        }
        self.max_number = self.max_number.max(counter);
        true
    }

    pub(super) fn change_in_use(&mut self, change: ChangeNumber) -> bool {
        self.number_in_use(change.replica, change.counter.get())
    }

    pub(super) fn sequence_in_use(&mut self, sequence: u64) -> bool {
        if sequence.saturating_sub(PLAUSIBLE) > self.head.sequence {
            return false;
        }
        self.max_sequence = self.max_sequence.max(sequence);
        true
    }

    pub(super) fn knows_replica(&self, replica: ReplId) -> bool {
        replica == mapi::ids::OWN_REPLICA || self.replicas.contains(&replica.0)
    }

    /// Looks at the blobs that an owner refers to: they are whole, and each has its marker. What is wrong
    /// comes back.
    pub(super) fn references(
        &mut self,
        owner: &[u8],
        references: &large::References,
    ) -> Result<Vec<(What, String)>> {
        let mut wrong = Vec::new();
        let mut marked = HashSet::new();
        for blob in references.values() {
            self.report.blobs += 1;
            if let Some(fault) = self.blob(blob)? {
                wrong.push((What::Value, format!("{} bytes: {}", blob.len(), fault.words)));
                continue;
            }
            // Two references of one owner to the same root share a marker.
            if !marked.insert(blob::check::marked(blob)) {
                continue;
            }
            let key = blob::marker_key(self.number, blob, owner);
            match self.reader.contains(Space::Mailbox, &key)? {
                true => self.markers += 1,
                false => wrong.push((What::Marker, format!("a value of {} bytes", blob.len()))),
            }
        }
        Ok(wrong)
    }

    fn blob(&mut self, blob: &BlobRef) -> Result<Option<blob::check::Fault>> {
        let name = blob.to_bytes();
        let look = match (&self.known.damaged, self.options.blobs) {
            (_, false) => blob::check::Look::Root,
            (Some(damaged), true) => blob::check::Look::Nodes(damaged),
            (None, true) => blob::check::Look::Bytes,
        };
        if self.known.whole.contains(&name) {
            return Ok(None);
        }
        let fault = blob::check::verify(self.reader, blob, look)?;
        if fault.is_none() && self.known.whole.len() < MAX_KNOWN_BLOBS {
            self.known.whole.insert(name);
        }
        Ok(fault)
    }

    /// The head has reached every number in use.
    fn last_numbers(&mut self) -> Result<()> {
        if self.max_number > self.head.counter {
            let detail = format!(
                "the last number is {:x}, in use is {:x}",
                self.head.counter, self.max_number
            );
            let problem = self.problem(What::HeadBehind, detail);
            self.found(problem, Fix::RaiseHead { counter: self.max_number, sequence: 0 })?;
        }
        if self.max_sequence > self.head.sequence {
            let detail = format!(
                "the last sequence is {}, in use is {}",
                self.head.sequence, self.max_sequence
            );
            let problem = self.problem(What::HeadBehind, detail);
            self.found(problem, Fix::RaiseHead { counter: 0, sequence: self.max_sequence })?;
        }
        if self.head.hierarchy > self.head.sequence {
            let problem = self.problem(What::HeadBehind, "the hierarchy is ahead of the log");
            let fix = Fix::RaiseHead { counter: 0, sequence: self.head.hierarchy };
            self.found(problem, fix)?;
        }
        Ok(())
    }

    pub(super) fn folder_mut(&mut self, id: FolderId) -> Option<&mut Folder> {
        self.folders.get_mut(&keys::id_number(id.replica, id.counter))
    }
}

/// A record that is there and can be read; else why not. The outer error is one of the engine.
pub(super) fn read_as<T>(
    value: crate::engine::Result<Option<crate::engine::Value>>,
    read: impl Fn(&[u8]) -> std::result::Result<T, mapi::WireError>,
) -> Result<std::result::Result<T, String>> {
    match value {
        Ok(Some(value)) => Ok(read(&value).map_err(|error| error.to_string())),
        Ok(None) => Ok(Err("it is missing".into())),
        Err(error @ crate::engine::Error::Corrupt { .. }) => Ok(Err(super::body::reason(&error))),
        Err(error) => Err(error.into()),
    }
}
