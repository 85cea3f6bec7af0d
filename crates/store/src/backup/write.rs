//! Writing a backup, while the store is in use.

use std::collections::BTreeSet;

use mapi::{FileTime, Guid};

use super::error::{BackupError, Result};
use super::object::{ObjectId, ObjectKind, Pack, PackBuilder, hex};
use super::reader::roots;
use super::repository::{Incoming, Repository, Written};
use super::snapshot::{PackRef, SavedMailbox, Snapshot, SnapshotName};
use super::{Progress, Watch};
use crate::blob::MARKER;
use crate::blob::node::{self, Node};
use crate::engine::{self, Direction, Key, KeyRange, Reader, Space, Value};
use crate::keys::{self, Kind};
use crate::record::head::Info;
use crate::{MailboxNumber, Store, StoreError, jobs};

/// How often a mailbox is read again because its snapshot or a large value was gone.
const ATTEMPTS: usize = 3;
/// How often the directory is read again because accounts came and went.
const ROUNDS: usize = 16;
/// A second in a FILETIME.
const SECOND: u64 = 10_000_000;
/// Missing records and values that are put into words; there may be more.
const MAX_MISSING: usize = 1000;

/// What a backup did.
#[derive(Debug, Clone)]
pub struct BackedUp {
    pub name: SnapshotName,
    /// The time in its name.
    pub time: FileTime,
    pub mailboxes: u64,
    pub records: u64,
    pub written: Written,
    /// Records and values that could not be read; the snapshot is incomplete if there are any.
    pub missing: Vec<String>,
}

/// Writes a snapshot of the whole store into a repository.
///
/// Errors: before the snapshot is written, so that those that are there stay the newest. Damaged records
/// of the store are no error: they are left out and named.
pub fn run(store: &Store, repository: &Repository, watch: &mut Watch<'_>) -> Result<BackedUp> {
    // Whatever a data directory was, it is of the newest format when it is open.
    run_as(store, repository, engine::FORMAT, watch)
}

/// As [`run`], for records of a format.
pub(super) fn run_as(
    store: &Store,
    repository: &Repository,
    data_format: u32,
    watch: &mut Watch<'_>,
) -> Result<BackedUp> {
    let _held = repository.write()?;
    let mut run = Run {
        store,
        repository,
        incoming: Incoming::new(repository),
        watch,
        missing: Vec::new(),
        unlisted: 0,
        records: 0,
        done: 0,
        total: 0,
    };
    // Names sort by time: two backups in one second, or a clock that was set back, keep their order.
    let newest = repository.snapshots()?.last().map(SnapshotName::time);
    let time = newest.map_or(store.now(), |newest| store.now().max(FileTime(newest.0 + SECOND)));
    let mut mailboxes: Vec<SavedMailbox> = Vec::new();
    let mut common = None;
    for _ in 0..ROUNDS {
        let directory = store.engine().snapshot()?;
        let owned: BTreeSet<_> = crate::directory::mailboxes(&*directory)?.into_iter().collect();
        // Removed since.
        mailboxes.retain(|saved| owned.contains(&saved.number));
        let saved: BTreeSet<_> = mailboxes.iter().map(|saved| saved.number).collect();
        if owned == saved {
            common = Some(run.common(&*directory)?);
            break;
        }
        drop(directory);
        run.total = owned.len() as u64;
        for number in owned.difference(&saved) {
            run.done = mailboxes.len() as u64;
            mailboxes.extend(run.mailbox(*number, &address_of(store, *number))?);
        }
    }
    let Some(common) = common else {
        return Err(BackupError::Refused(
            "accounts come and go faster than they are read; try again".into(),
        ));
    };
    mailboxes.sort_by_key(|saved| saved.number);
    run.incoming.settle()?;
    if run.unlisted > 0 {
        run.missing.push(format!("and {} more", run.unlisted));
    }
    let snapshot = Snapshot {
        time,
        data_format,
        program: env!("CARGO_PKG_VERSION").into(),
        missing: run.missing,
        common,
        mailboxes,
    };
    let name = repository.add_snapshot(&snapshot)?;
    Ok(BackedUp {
        name,
        time,
        mailboxes: snapshot.mailboxes.len() as u64,
        records: snapshot.mailboxes.iter().map(|saved| saved.records).sum(),
        written: run.incoming.written,
        missing: snapshot.missing,
    })
}

struct Run<'a, 'w> {
    store: &'a Store,
    repository: &'a Repository,
    incoming: Incoming<'a>,
    watch: &'a mut Watch<'w>,
    missing: Vec<String>,
    unlisted: u64,
    records: u64,
    done: u64,
    total: u64,
}

/// A list of packs in the making.
#[derive(Default)]
struct List {
    builder: PackBuilder,
    packs: Vec<PackRef>,
    records: u64,
    bytes: u64,
}

impl Run<'_, '_> {
    /// Accounts, grants and jobs; not the leases, which mean nothing in another directory, and not the
    /// removals of mailboxes, which are not in the backup.
    fn common(&mut self, reader: &dyn Reader) -> Result<Vec<PackRef>> {
        let mut list = List::default();
        let everything = KeyRange { from: Vec::new(), to: Some(vec![0xff]) };
        self.visit(reader, Space::Directory, &everything, |run, key, value| {
            run.add(&mut list, Space::Directory, &key, &value, "")
        })?;
        self.visit(reader, Space::Queue, &KeyRange::all(), |run, key, value| {
            match jobs::is_of_mailbox(&key) {
                true => Ok(()),
                false => run.add(&mut list, Space::Queue, &key, &value, ""),
            }
        })?;
        self.finish(&mut list)?;
        Ok(list.packs)
    }

    /// A mailbox of one moment; None if it was removed.
    fn mailbox(&mut self, number: MailboxNumber, address: &str) -> Result<Option<SavedMailbox>> {
        let known = self.missing.len();
        for attempt in 1.. {
            let again = attempt < ATTEMPTS;
            self.missing.truncate(known);
            let mut saved = match self.read_mailbox(number, address) {
                Ok(Some(saved)) => saved,
                Ok(None) => return Ok(None),
                Err(BackupError::Store(StoreError::Engine(engine::Error::SnapshotLost)))
                    if again =>
                {
                    continue;
                }
                Err(error) => return Err(error),
            };
            saved.address = address.to_owned();
            // The values are read after the snapshot was given back: it is to be held for seconds, they
            // may be many gigabytes, and what it refers to is not collected for a day.
            match self.values(&saved, again)? {
                true => return Ok(Some(saved)),
                false => continue,
            }
        }
        unreachable!("the last attempt returns")
    }

    fn read_mailbox(
        &mut self,
        number: MailboxNumber,
        address: &str,
    ) -> Result<Option<SavedMailbox>> {
        let snapshot = self.store.engine().snapshot()?;
        let guid = match snapshot.get(Space::Mailbox, &keys::key(number, Kind::Info, &[])) {
            Ok(Some(info)) => Info::read(&info).map_or(Guid([0; 16]), |info| info.guid),
            Ok(None) => return Ok(None),
            // Named when its turn comes.
            Err(engine::Error::Corrupt { .. }) => Guid([0; 16]),
            Err(error) => return Err(error.into()),
        };
        let mut list = List::default();
        let range = KeyRange::prefix(keys::mailbox_prefix(number));
        self.visit(&*snapshot, Space::Mailbox, &range, |run, key, value| {
            // The full-text index is made again where it is needed.
            if key.get(8).is_some_and(|kind| Kind::TEXT.iter().any(|text| *text as u8 == *kind)) {
                return Ok(());
            }
            run.add(&mut list, Space::Mailbox, key.get(8..).unwrap_or_default(), &value, address)
        })?;
        for prefix in jobs::folder_prefixes(number) {
            self.visit(&*snapshot, Space::Queue, &KeyRange::prefix(prefix), |run, key, value| {
                run.add(&mut list, Space::Queue, &jobs::without_mailbox(&key), &value, address)
            })?;
        }
        self.finish(&mut list)?;
        Ok(Some(SavedMailbox {
            number,
            guid,
            address: String::new(),
            records: list.records,
            bytes: list.bytes,
            packs: list.packs,
        }))
    }

    fn add(
        &mut self,
        list: &mut List,
        space: Space,
        key: &[u8],
        value: &[u8],
        what: &str,
    ) -> Result<()> {
        list.records += 1;
        list.bytes += (key.len() + value.len()) as u64;
        self.records += 1;
        if let Some(pack) = list.builder.add(space as u8, key, value) {
            self.pack(list, pack)?;
            self.watch(what)?;
        }
        Ok(())
    }

    fn finish(&mut self, list: &mut List) -> Result<()> {
        match std::mem::take(&mut list.builder).finish() {
            Some(pack) => self.pack(list, pack),
            None => Ok(()),
        }
    }

    fn pack(&mut self, list: &mut List, pack: Pack) -> Result<()> {
        let id = ObjectId::of(ObjectKind::Records, &pack.bytes);
        self.incoming.put(&id, &pack.bytes)?;
        list.packs.push(PackRef {
            hash: id.hash,
            size: pack.bytes.len() as u32,
            records: pack.records,
            first: pack.first,
        });
        Ok(())
    }

    /// Stores the large values that the markers of a mailbox name. False if one is gone and `again` says
    /// that the mailbox may be read once more.
    fn values(&mut self, saved: &SavedMailbox, again: bool) -> Result<bool> {
        // The markers are read from the packs just written.
        self.incoming.settle()?;
        let mut last = None;
        let mut gone = false;
        let repository = self.repository;
        for root in roots(repository, &saved.packs) {
            let (root, owner) = root.map_err(damaged_before)?;
            if gone {
                break;
            }
            if last == Some(root) {
                continue;
            }
            last = Some(root);
            match self.node(&root) {
                Ok(()) => {}
                Err(BackupError::Damaged { .. }) if again => gone = true,
                Err(BackupError::Damaged { what, reason }) => {
                    let owner = owner_in_words(&owner);
                    self.miss(format!("{}: {owner}: {what}: {reason}", saved.address));
                }
                Err(error) => return Err(error),
            }
            self.watch(&saved.address)?;
        }
        Ok(!gone)
    }

    /// Stores a chunk or manifest with all below it.
    fn node(&mut self, node: &Node) -> Result<()> {
        let id = object_of(node);
        let lost = |reason: &str| {
            let what = format!("a large value ({})", hex(&node.hash[..8]));
            BackupError::damaged(what, reason)
        };
        if node.kind == node::Kind::Chunk && self.incoming.has(&id)? {
            self.incoming.written.present += 1;
            return Ok(());
        }
        let value = match self.store.engine().get(Space::Blobs, &node.key()) {
            Ok(Some(value)) => value,
            Ok(None) => return Err(lost("a part of it is not there")),
            Err(engine::Error::Corrupt { reason, .. }) => return Err(lost(reason)),
            Err(error) => return Err(error.into()),
        };
        let plain = match node.kind {
            node::Kind::Chunk => node::decode_chunk(node, &value),
            node::Kind::Manifest => node::check_manifest(node, &value).map(|()| value.to_vec()),
        };
        let Some(plain) = plain.ok().filter(|plain| ObjectId::of(id.kind, plain) == id) else {
            return Err(lost("its content does not match its address"));
        };
        if node.kind == node::Kind::Manifest {
            for child in node::manifest_children(node, &plain)? {
                self.node(&child)?;
            }
        }
        self.incoming.put(&id, &plain)
    }

    fn watch(&mut self, what: &str) -> Result<()> {
        let progress = Progress {
            what,
            mailboxes_done: self.done,
            mailboxes: self.total,
            records: self.records,
        };
        if (self.watch)(progress) { Ok(()) } else { Err(BackupError::Stopped) }
    }

    fn miss(&mut self, what: String) {
        if self.missing.len() < MAX_MISSING {
            self.missing.push(what);
        } else {
            self.unlisted += 1;
        }
    }

    /// Calls `each` for every pair of a range that can be read, and notes those that cannot.
    fn visit(
        &mut self,
        reader: &dyn Reader,
        space: Space,
        range: &KeyRange,
        mut each: impl FnMut(&mut Self, Key, Value) -> Result<()>,
    ) -> Result<()> {
        const PAGE: usize = 256;
        let mut rest = range.clone();
        loop {
            let page = match reader.scan(space, &rest, Direction::Forward, PAGE) {
                Ok(page) => page,
                Err(engine::Error::Corrupt { .. }) => {
                    let Some(last) = self.one_by_one(reader, space, &rest, PAGE, &mut each)? else {
                        return Ok(());
                    };
                    rest = rest.beyond(&last, Direction::Forward);
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let Some((last, _)) = page.last() else { return Ok(()) };
            rest = rest.beyond(last, Direction::Forward);
            for (key, value) in page {
                each(self, key, value)?;
            }
        }
    }

    /// A page in which something is damaged; the last key of it.
    fn one_by_one(
        &mut self,
        reader: &dyn Reader,
        space: Space,
        range: &KeyRange,
        limit: usize,
        each: &mut impl FnMut(&mut Self, Key, Value) -> Result<()>,
    ) -> Result<Option<Key>> {
        let keys = reader.keys(space, range, Direction::Forward, limit)?;
        for key in &keys {
            match reader.get(space, key) {
                Ok(Some(value)) => each(self, key.clone(), value)?,
                Ok(None) => {}
                Err(error @ engine::Error::Corrupt { .. }) => self.miss(error.to_string()),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(keys.last().cloned())
    }
}

/// A pack that an earlier run wrote and that is damaged since: it must not be taken for good.
fn damaged_before(error: BackupError) -> BackupError {
    match error {
        BackupError::Damaged { what, reason } => BackupError::Damaged {
            what,
            reason: format!(
                "{reason}; an earlier backup wrote it. `coffer backup verify --set-aside` takes away what is \
                 damaged, then back up again"
            ),
        },
        other => other,
    }
}

/// For people; the account may have been removed meanwhile, or be damaged.
fn address_of(store: &Store, mailbox: MailboxNumber) -> String {
    match store.account_by_mailbox(mailbox) {
        Ok(Some(account)) => account.address,
        _ => format!("mailbox {}", mailbox.0),
    }
}

pub(super) fn object_of(node: &Node) -> ObjectId {
    let kind = match node.kind {
        node::Kind::Chunk => ObjectKind::Chunk,
        node::Kind::Manifest => ObjectKind::Manifest,
    };
    ObjectId { kind, hash: node.hash }
}

/// Whose large value it is, from the end of a marker's key.
pub(super) fn owner_in_words(owner: &[u8]) -> String {
    let id = keys::tail_id(owner);
    match (owner.first(), id) {
        (Some(b'm'), Some((replica, counter))) => {
            format!("message {}", mapi::MessageId::new(replica, counter))
        }
        (Some(b'f'), Some((replica, counter))) => {
            format!("folder {}", mapi::FolderId::new(replica, counter))
        }
        _ => "the store object".into(),
    }
}

/// The root and the owner of a marker's key without the mailbox number; None for another key.
pub(super) fn marker(key: &[u8]) -> Option<(Node, &[u8])> {
    let (&first, rest) = key.split_first()?;
    let (hash, rest) = rest.split_first_chunk::<32>()?;
    let (&kind, owner) = rest.split_first()?;
    let kind = node::Kind::from_byte(kind)?;
    (first == MARKER).then_some((Node { kind, hash: *hash }, owner))
}
