//! A mailbox: the unit of consistency, of writing and of placement.

use std::collections::BTreeMap;
use std::sync::Arc;

use mapi::{Guid, ReplId};
use parking_lot::{Mutex, RwLock};

use crate::engine::{Reader, Space};
use crate::gauge::Counted;
use crate::keys::{self, Kind};
use crate::notify::Hub;
use crate::record::head::Info;
use crate::record::settings::Settings;
use crate::table::registry::Views;
use crate::{MailboxNumber, Result, Store, StoreError};

pub mod changes;
pub(crate) mod entry_ids;
pub mod ids;
pub mod names;
pub mod per_user;
pub(crate) mod read_state;
pub mod receive;
pub mod special;
pub mod store_properties;
pub(crate) mod writer;

/// An open mailbox, or the store of public folders as one user sees it. The functions on it stand in the modules
/// of their subjects: [`crate::folder`], [`crate::message`], [`crate::table`], [`ids`], [`names`], [`receive`],
/// [`store_properties`], [`changes`], [`per_user`].
pub struct Mailbox {
    shared: Arc<Shared>,
    /// Whose read state counts: the GUID of his mailbox. None where it stands in the messages themselves.
    viewer: Option<Guid>,
    /// Holds the mailbox open for one who sees it in his own way.
    _open: Option<Arc<Mailbox>>,
}

/// What all who have a mailbox open share.
#[doc(hidden)]
pub struct Shared {
    pub(crate) store: Store,
    number: MailboxNumber,
    info: Info,
    /// The critical section: read, check, build the batch, enqueue it. Never held while waiting for the
    /// disk.
    pub(crate) writing: Mutex<()>,
    /// Held while a tree of folders is soft-deleted, brought back or removed, since that takes more than one
    /// batch. Taken before `writing`.
    pub(crate) trees: Mutex<()>,
    /// Held while the full-text index is brought up to date. No lock is taken before it, and those of a read within.
    pub(crate) text: Mutex<crate::text::Work>,
    /// Loaded when first asked for; append-only like what it mirrors.
    pub(crate) names: RwLock<Option<Arc<names::NameMap>>>,
    pub(crate) replicas: RwLock<Option<BTreeMap<u16, Guid>>>,
    /// What is set for this mailbox, as it is stored.
    settings: RwLock<Settings>,
    /// Asked by every logon; None until it is read again.
    pub(crate) out_of_office: Mutex<Option<bool>>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) views: Views,
    pub(crate) searches: crate::search::Known,
    _counted: Counted,
}

impl std::ops::Deref for Mailbox {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl Mailbox {
    pub(crate) fn load(store: &Store, number: MailboxNumber) -> Result<Mailbox> {
        let key = keys::key(number, Kind::Info, &[]);
        let bytes =
            store.engine().get(Space::Mailbox, &key)?.ok_or(StoreError::NotFound("mailbox"))?;
        let shared = Shared {
            number,
            info: Info::read(&bytes)?,
            writing: Mutex::new(()),
            trees: Mutex::new(()),
            text: Mutex::default(),
            names: RwLock::new(None),
            replicas: RwLock::new(None),
            settings: RwLock::new(read_settings(store.engine(), number)?),
            out_of_office: Mutex::new(None),
            hub: Arc::new(Hub::default()),
            views: Views::default(),
            searches: crate::search::Known::default(),
            _counted: store.inner.gauges.mailboxes.count(1),
            store: store.clone(),
        };
        Ok(Mailbox { shared: Arc::new(shared), viewer: None, _open: None })
    }

    /// The same store of public folders as the user sees it whose mailbox has this GUID: with his own read
    /// state. A mailbox is the same for all who open it.
    pub fn as_seen_by(self: &Arc<Self>, viewer: Guid) -> Arc<Mailbox> {
        if !self.is_public() {
            return Arc::clone(self);
        }
        let (shared, open) = (Arc::clone(&self.shared), Some(Arc::clone(self)));
        Arc::new(Mailbox { shared, viewer: Some(viewer), _open: open })
    }

    /// Whose read state counts, if it is one's own.
    pub(crate) fn viewer(&self) -> Option<Guid> {
        self.viewer
    }

    /// Whether it holds the organisation's public folders.
    pub fn is_public(&self) -> bool {
        self.info.public
    }

    pub fn number(&self) -> MailboxNumber {
        self.number
    }

    /// The mailbox GUID (MailboxId of MAPI/HTTP, PidTagMailboxGuid).
    pub fn guid(&self) -> Guid {
        self.info.guid
    }

    /// The GUID of the mailbox's own replica: the origin of its ids.
    pub fn replica(&self) -> Guid {
        self.info.replica
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Whether both are the same mailbox of the same store. A backup of it has the same number.
    pub fn is(&self, other: &Mailbox) -> bool {
        self.number == other.number && Arc::ptr_eq(&self.store.inner, &other.store.inner)
    }

    /// When it was made.
    pub fn created(&self) -> mapi::FileTime {
        self.info.created
    }

    pub(crate) fn info(&self) -> Info {
        self.info
    }

    pub(crate) fn settings(&self) -> Settings {
        *self.settings.read()
    }

    /// Changes what is set for this mailbox; it holds when this returns.
    pub(crate) fn change_settings(&self, change: impl Fn(&mut Settings)) -> Result<()> {
        writer::write(self, |tx| {
            let mut settings = read_settings(tx.reader(), self.number)?;
            change(&mut settings);
            tx.put(self.key(Kind::Settings, &[]), settings.to_bytes());
            Ok(())
        })?;
        // Two changes at once: what is read is the later of them, or newer.
        let mut held = self.settings.write();
        *held = read_settings(self.store.engine(), self.number)?;
        Ok(())
    }

    /// Lets go of all that is remembered of what is stored, after a repair.
    pub(crate) fn forget(&self) {
        *self.names.write() = None;
        *self.replicas.write() = None;
        self.searches.forget();
        *self.out_of_office.lock() = None;
        if let Ok(settings) = read_settings(self.store.engine(), self.number) {
            *self.settings.write() = settings;
        }
        crate::table::registry::forget_rows(self);
    }

    /// Follows the durable changes from now on.
    pub fn watch(&self) -> Result<crate::notify::Watch> {
        let counted = self.store.inner.gauges.subscribers.count(1);
        Ok(Hub::watch(&self.hub, changes::latest(self)?, counted))
    }

    /// The newest durable state.
    pub(crate) fn reader(&self) -> &dyn Reader {
        // An engine's own reads see what is durable only.
        let engine: &dyn crate::engine::Engine = self.store.engine();
        engine
    }

    pub(crate) fn key(&self, kind: Kind, parts: &[&[u8]]) -> Vec<u8> {
        keys::key(self.number, kind, parts)
    }

    pub(crate) fn replica_of(&self, replica: ReplId) -> Result<Guid> {
        ids::replica_guid(self, replica)
    }
}

fn read_settings(reader: &(impl Reader + ?Sized), number: MailboxNumber) -> Result<Settings> {
    let bytes = reader.get(Space::Mailbox, &keys::key(number, Kind::Settings, &[]))?;
    Ok(bytes.map(|bytes| Settings::read(&bytes)).transpose()?.unwrap_or_default())
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        if self._open.is_none() {
            self.store.forget_mailbox(self.number);
        }
    }
}
