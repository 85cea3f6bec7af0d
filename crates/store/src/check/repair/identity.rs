//! The records that everything else of a mailbox stands on: its identity and its last numbers.

use mapi::entry_id::FolderEntryId;
use mapi::{Guid, PropertyValue, Wire, tags};

use super::Mended;
use crate::check::cursor::{Cursor, collect};
use crate::check::pass::read_as;
use crate::engine::{Batch, KeyRange, Reader, Space};
use crate::keys::{self, Kind};
use crate::mailbox::special::SpecialFolder;
use crate::mailbox::writer;
use crate::record::folder::FolderRecord;
use crate::record::head::{Head, Info};
use crate::record::hot::Hot;
use crate::record::settings::Settings;
use crate::record::{change, properties};
use crate::{Mailbox, MailboxNumber, Result, Store};

/// Numbers that are passed over where the last one is not known: more than clients were given to use on
/// their own, and few beside the 2^48 that there are.
const MARGIN: u64 = 1 << 32;

/// Makes the record with the mailbox's identity again.
pub(super) fn info(store: &Store, number: MailboxNumber) -> Result<Mended> {
    let engine = store.engine();
    let key = keys::key(number, Kind::Info, &[]);
    if read_as(engine.get(Space::Mailbox, &key), Info::read)?.is_ok() {
        return Ok(Mended::Fine);
    }
    let mut lost = String::new();
    let info = match store.opened(number) {
        // Opened before the damage: it remembers.
        Some(mailbox) => mailbox.info(),
        None => {
            let Some(account) = store.account_by_mailbox(number)? else {
                let why = "no account says which mailbox this is".to_owned();
                return Ok(Mended::Cannot(why));
            };
            let replica = match replica(engine, number)? {
                Some(replica) => replica,
                None => {
                    lost = "entry ids and source keys that clients keep lead nowhere".into();
                    Guid::random()
                }
            };
            let root = engine.get(Space::Mailbox, &keys::folder(number, SpecialFolder::Root.id()));
            let created = read_as(root, FolderRecord::read)?.map(|root| root.created);
            Info {
                guid: account.mailbox_guid,
                replica,
                created: created.unwrap_or_else(|_| store.now()),
                public: crate::directory::is_public(&account),
            }
        }
    };
    let mut batch = Batch::new();
    batch.check_epoch(number, store.epoch(number)?);
    batch.put(Space::Mailbox, key, info.to_bytes());
    match engine.commit(batch)?.is_committed() {
        true => Ok(Mended::Done { lost }),
        false => Ok(Mended::Cannot("somebody else took the mailbox over".into())),
    }
}

/// Removes what is set for the mailbox, if it cannot be read: without it the mailbox does not open.
pub(super) fn settings(store: &Store, number: MailboxNumber) -> Result<Mended> {
    let engine = store.engine();
    let key = keys::key(number, Kind::Settings, &[]);
    let stored = engine.get(Space::Mailbox, &key);
    if matches!(stored, Ok(None)) || read_as(stored, Settings::read)?.is_ok() {
        return Ok(Mended::Fine);
    }
    let mut batch = Batch::reclaiming();
    batch.check_epoch(number, store.epoch(number)?);
    batch.delete(Space::Mailbox, key);
    match engine.commit(batch)?.is_committed() {
        true => Ok(Mended::lost(vec!["quotas and retention that were set for the mailbox".into()])),
        false => Ok(Mended::Cannot("somebody else took the mailbox over".into())),
    }
}

/// The GUID of the mailbox's own replica out of the entry ids that a new mailbox has on its root and its
/// Inbox.
fn replica(reader: &dyn Reader, number: MailboxNumber) -> Result<Option<Guid>> {
    for folder in [SpecialFolder::Root, SpecialFolder::Inbox] {
        let prefix = keys::key(number, Kind::FolderProperties, &[&keys::fid(folder.id())]);
        let parts = collect(reader, Space::Mailbox, KeyRange::prefix(prefix))?;
        let bytes: Vec<u8> =
            parts.iter().filter_map(|(_, value)| value.as_ref().ok()).flatten().copied().collect();
        let (read, _) = properties::read_partly(&mut mapi::Reader::new(&bytes));
        for tag in [tags::IPM_APPOINTMENT_ENTRY_ID, tags::IPM_CONTACT_ENTRY_ID] {
            let bytes = read.inline(tag).and_then(PropertyValue::as_binary);
            if let Some(Ok(id)) = bytes.map(FolderEntryId::from_wire) {
                return Ok(Some(id.folder.replica));
            }
        }
    }
    Ok(None)
}

/// Makes the head again, beyond every number that is in use.
pub(super) fn head(mailbox: &Mailbox) -> Result<Mended> {
    let engine = mailbox.store().engine();
    let epoch = mailbox.store().epoch(mailbox.number())?;
    let key = mailbox.key(Kind::Head, &[]);
    let section = mailbox.writing.lock();
    let basis = engine.basis();
    let reader = engine.latest();
    if read_as(reader.get(Space::Mailbox, &key), Head::read)?.is_ok() {
        return Ok(Mended::Fine);
    }
    let mut head = in_use(&*reader, mailbox)?;
    head.counter = (head.counter + MARGIN).min(mapi::GlobalCounter::MAX);
    drop(reader);
    let mut batch = Batch::new();
    batch.check_epoch(mailbox.number(), epoch);
    batch.built_on(basis);
    batch.put(Space::Mailbox, key, head.to_bytes());
    let ticket = engine.enqueue(batch)?;
    drop(section);
    match ticket.wait()?.is_committed() {
        true => Ok(Mended::done()),
        false => Ok(Mended::Cannot("another write was in the way; repair again".into())),
    }
}

/// The highest numbers that stand in any record.
fn in_use(reader: &dyn Reader, mailbox: &Mailbox) -> Result<Head> {
    let mut head = Head { counter: 0xff, sequence: 1, hierarchy: 1, ..Head::default() };
    let log = KeyRange::prefix(mailbox.key(Kind::Log, &[]));
    let first = reader.scan_each(Space::Mailbox, &log, 1)?;
    let first = first.first().and_then(|(key, _)| key.last_chunk::<8>());
    let first = first.map(|sequence| u64::from_be_bytes(*sequence));
    let own = |replica: mapi::ReplId, counter: u64| match replica == mapi::ids::OWN_REPLICA {
        true => counter,
        false => 0,
    };
    for kind in [Kind::Folder, Kind::Hot, Kind::Node, Kind::Log, Kind::Deleted, Kind::ImportKey] {
        let range = KeyRange::prefix(mailbox.key(kind, &[]));
        let mut cursor = Cursor::new(reader, Space::Mailbox, range);
        while let Some((key, value)) = cursor.next()? {
            let mut number = |id: Option<(mapi::ReplId, mapi::GlobalCounter)>| {
                let counter = id.map_or(0, |(replica, counter)| own(replica, counter.get()));
                head.counter = head.counter.max(counter);
            };
            let id = key.get(9..17).and_then(keys::tail_id);
            if kind != Kind::Log && kind != Kind::ImportKey {
                number(id);
            }
            let Ok(value) = value else { continue };
            match kind {
                Kind::Folder => {
                    let Ok(record) = FolderRecord::read(&value) else { continue };
                    number(Some((record.change.replica, record.change.counter)));
                    head.sequence = head.sequence.max(record.sequence);
                }
                Kind::Hot => {
                    let Ok(hot) = Hot::read(&value) else { continue };
                    for change in [hot.change, hot.read_change] {
                        number(Some((change.replica, change.counter)));
                    }
                    head.sequence = head.sequence.max(hot.sequence);
                }
                Kind::Log => {
                    let sequence = key.last_chunk::<8>().map_or(0, |s| u64::from_be_bytes(*s));
                    head.sequence = head.sequence.max(sequence);
                    let Ok(entry) = change::read(sequence, &value) else { continue };
                    for change in [entry.change, entry.read_change] {
                        number(Some((change.replica, change.counter)));
                    }
                    if entry.kind.is_folder() {
                        head.hierarchy = head.hierarchy.max(sequence);
                    }
                }
                Kind::Deleted => {
                    let last = <[u8; 8]>::try_from(&value[..]).map(u64::from_be_bytes);
                    let replica = keys::tail_id(&key).map(|(replica, _)| replica);
                    if let (Ok(last), Some(replica)) = (last, replica) {
                        number(Some((replica, mapi::GlobalCounter::new(last))));
                    }
                }
                Kind::ImportKey => number(value.get(..8).and_then(keys::tail_id)),
                _ => {}
            }
        }
    }
    // What stands before the first entry was trimmed; a new mailbox begins with the second.
    head.trimmed = first.map_or(head.sequence, |first| first.saturating_sub(1));
    if head.trimmed <= 1 {
        head.trimmed = 0;
    }
    Ok(head)
}

/// Raises the head to numbers that are in use.
pub(super) fn raise(mailbox: &Mailbox, counter: u64, sequence: u64) -> Result<Mended> {
    writer::write(mailbox, |tx| {
        let head = tx.last_numbers();
        if head.counter >= counter && head.sequence >= sequence {
            return Ok(Mended::Fine);
        }
        tx.raise_numbers(counter.min(mapi::GlobalCounter::MAX), sequence);
        Ok(Mended::done())
    })
}
