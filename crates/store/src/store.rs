//! The store: an engine, a directory, and the mailboxes that are open.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use mapi::FileTime;
use parking_lot::Mutex;

use crate::blob::{Blobs, Budget, Meter, clear_staging, staging_directory};
use crate::engine::{Engine, Epoch, FjallEngine, MemoryEngine, Options, Space};
use crate::gauge::Gauge;
use crate::mailbox::Mailbox;
use crate::quota::Quota;
use crate::staging::Staging;
use crate::table::registry::{self, Eviction};
use crate::value::{LargeValue, Value};
use crate::{MailboxNumber, Result, large, migrate};

/// Tells the time; replaced in tests.
pub type Clock = Arc<dyn Fn() -> FileTime + Send + Sync>;

/// How a store is opened.
#[derive(Clone)]
pub struct StoreOptions {
    /// Bound in bytes of the engine's buffers and caches together.
    pub memory_budget: u64,
    /// Bound in bytes of batches that wait for the engine's writer.
    pub queue_budget: u64,
    /// Bound in bytes of the rows that tables' views hold, over all mailboxes. The view that a request reads
    /// is kept while others go, so it alone may be larger.
    pub view_budget: u64,
    /// Bound in bytes of what streams hold before they are saved, over all sessions.
    pub staging_budget: u64,
    /// How much of that is in memory at most; the rest is in files.
    pub staging_memory: u64,
    /// Notes after each sync how far it reached, for [`power_loss`](crate::engine::power_loss). Tests
    /// only.
    pub record_syncs: bool,
    /// Bound in bytes of the words that are gathered for the full-text index before they are written.
    pub text_budget: u64,
    /// The organisation's name in legacy DNs; used when the store is made.
    pub organization: String,
    /// Days for which soft-deleted messages and folders are kept, where nothing else is set for a mailbox.
    pub retention_days: u32,
    /// Quotas of mailboxes without their own.
    pub quota: Quota,
    /// Bytes of a message that is sent, at most (PidTagMaximumSubmitMessageSize).
    pub max_submit: u64,
    pub clock: Clock,
}

impl Default for StoreOptions {
    fn default() -> Self {
        StoreOptions {
            memory_budget: 24 << 20,
            queue_budget: 32 << 20,
            view_budget: 8 << 20,
            staging_budget: 256 << 20,
            staging_memory: 4 << 20,
            record_syncs: false,
            text_budget: 4 << 20,
            organization: "Coffer".into(),
            // As Exchange does.
            retention_days: 14,
            quota: Quota::default(),
            max_submit: 64 << 20,
            clock: Arc::new(|| FileTime::from_system(std::time::SystemTime::now())),
        }
    }
}

/// What is open in a store now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoreGauges {
    pub mailboxes: u64,
    pub views: u64,
    /// Bytes of rows that views hold.
    pub view_bytes: u64,
    pub subscribers: u64,
    /// Bytes of values that are not saved yet.
    pub staged_bytes: u64,
    /// How many of them are in memory.
    pub staged_memory: u64,
    /// How often a view's rows were let go to keep to the budget, since the store was opened.
    pub views_evicted: u64,
    /// Messages that were submitted and are not dealt with yet, deferred ones included.
    pub queued: u64,
    /// Recipients that got a message, since the store was opened.
    pub delivered: u64,
    /// Recipients that could not get one; their senders were told.
    pub refused: u64,
    /// How often a delivery failed and was left for another time.
    pub delivery_failures: u64,
    /// Messages that wait to be sent to other domains.
    pub outbound: u64,
    /// Recipients of other domains whose message another host took over, since the store was opened.
    pub relayed: u64,
    /// How often a recipient of another domain was left for another attempt.
    pub deferred: u64,
    /// Recipients of other domains to whom nothing could be sent.
    pub unsendable: u64,
    /// Reports on messages to other domains that went into senders' mailboxes.
    pub reports: u64,
}

/// A store. Cloning gives another handle to the same one.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<StoreInner>,
}

/// What this process holds of a mailbox's lease; none until it has taken it.
type Lease = Arc<Mutex<Option<Epoch>>>;

pub(crate) struct StoreInner {
    pub(crate) options: StoreOptions,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) blobs: Blobs,
    /// Bytes of unsaved values, of all sessions.
    pub(crate) staged: Arc<Budget>,
    /// Bytes of those that are in memory.
    pub(crate) staged_memory: Arc<Budget>,
    pub(crate) eviction: Eviction,
    /// Where longer ones are; without it they are in memory.
    pub(crate) staging_directory: Option<PathBuf>,
    pub(crate) gauges: Gauges,
    /// Open mailboxes. An entry leaves with its mailbox.
    mailboxes: Mutex<HashMap<MailboxNumber, Weak<Mailbox>>>,
    /// Leases taken by this process: taken at a mailbox's first write, kept until it is removed.
    epochs: Mutex<HashMap<MailboxNumber, Lease>>,
    /// Held while the directory is read, checked and written.
    pub(crate) directory: Mutex<()>,
    pub(crate) deliveries: crate::delivery::Deliveries,
    pub(crate) text: Arc<crate::text::Feed>,
    pub(crate) outbound: crate::outbound::Outbound,
    /// How often the directory was changed since the store was opened.
    pub(crate) directory_version: AtomicU64,
}

#[derive(Default)]
pub(crate) struct Gauges {
    pub(crate) mailboxes: Gauge,
    pub(crate) views: Gauge,
    pub(crate) view_bytes: Gauge,
    pub(crate) subscribers: Gauge,
}

impl Store {
    /// Opens the store in a data directory, or makes one there. A directory of an older format is migrated,
    /// and jobs that a crash left are finished first.
    ///
    /// Errors: [`StoreError::Engine`](crate::StoreError::Engine) where the directory is in use, of a newer
    /// format or no data directory.
    pub fn open(dir: &Path, options: StoreOptions) -> Result<Store> {
        let engine_options = Options {
            memory_budget: options.memory_budget,
            queue_bytes: usize::try_from(options.queue_budget).unwrap_or(usize::MAX),
            record_syncs: options.record_syncs,
            ..Options::default()
        };
        let engine = FjallEngine::open(dir, &engine_options)?;
        migrate::run(&engine, engine.format())?;
        engine.raise_format()?;
        let staging = staging_directory(dir);
        clear_staging(&staging)?;
        Store::start(Arc::new(engine), Some(staging), options)
    }

    /// A store in memory, for tests and throw-away servers. Large values are in memory as well.
    pub fn in_memory(options: StoreOptions) -> Result<Store> {
        Store::with_engine(Arc::new(MemoryEngine::new()), options)
    }

    /// A store on an engine; unsaved values are in memory.
    pub fn with_engine(engine: Arc<dyn Engine>, options: StoreOptions) -> Result<Store> {
        Store::start(engine, None, options)
    }

    /// A store on something that can only be read: nothing is prepared, and no job is finished.
    pub(crate) fn read_only(engine: Arc<dyn Engine>, options: StoreOptions) -> Store {
        Store::over(engine, None, options)
    }

    fn start(
        engine: Arc<dyn Engine>,
        staging_directory: Option<PathBuf>,
        options: StoreOptions,
    ) -> Result<Store> {
        let store = Store::over(engine, staging_directory, options);
        crate::directory::prepare(&store)?;
        crate::jobs::resume(&store)?;
        Ok(store)
    }

    fn over(
        engine: Arc<dyn Engine>,
        staging_directory: Option<PathBuf>,
        options: StoreOptions,
    ) -> Store {
        Store {
            inner: Arc::new(StoreInner {
                staged: Arc::new(Budget::new(options.staging_budget)),
                // Without a directory there is no other place.
                staged_memory: Arc::new(Budget::new(match staging_directory {
                    Some(_) => options.staging_memory,
                    None => options.staging_budget,
                })),
                eviction: Eviction::default(),
                staging_directory,
                options,
                blobs: Blobs::new(engine.clone()),
                engine,
                gauges: Gauges::default(),
                mailboxes: Mutex::default(),
                epochs: Mutex::default(),
                directory: Mutex::default(),
                deliveries: crate::delivery::Deliveries::default(),
                text: Arc::default(),
                outbound: crate::outbound::Outbound::default(),
                directory_version: AtomicU64::new(0),
            }),
        }
    }

    /// Finishes what is under way and writes what is held in memory; later calls answer
    /// [`StoreError::Closed`](crate::StoreError::Closed).
    pub fn close(&self) -> Result<()> {
        Ok(self.inner.engine.close()?)
    }

    /// Another number after each change of an account, its credentials or its grants. Costs nothing to ask:
    /// what was read of the directory is as it was for as long as this is.
    pub fn directory_version(&self) -> u64 {
        self.inner.directory_version.load(Ordering::Acquire)
    }

    /// An open mailbox. All handles to one mailbox are the same object.
    ///
    /// Errors: [`StoreError::NotFound`](crate::StoreError::NotFound).
    pub fn mailbox(&self, number: MailboxNumber) -> Result<Arc<Mailbox>> {
        if let Some(open) = self.inner.mailboxes.lock().get(&number).and_then(Weak::upgrade) {
            return Ok(open);
        }
        // Read without the lock; whoever registers first wins.
        let opened = Arc::new(Mailbox::load(self, number)?);
        let mut mailboxes = self.inner.mailboxes.lock();
        if let Some(open) = mailboxes.get(&number).and_then(Weak::upgrade) {
            // The loser's Drop takes the lock as well.
            drop(mailboxes);
            return Ok(open);
        }
        mailboxes.insert(number, Arc::downgrade(&opened));
        Ok(opened)
    }

    /// A mailbox, if it is open.
    pub(crate) fn opened(&self, number: MailboxNumber) -> Option<Arc<Mailbox>> {
        self.inner.mailboxes.lock().get(&number).and_then(Weak::upgrade)
    }

    /// A place for values that are written piece by piece and not saved yet. What it holds is dropped
    /// with it. `limit` bounds its bytes.
    pub fn staging(&self, limit: u64) -> Staging {
        Staging::new(self, limit, None)
    }

    /// The same, where each value is also counted by `meter`.
    pub fn metered_staging(&self, limit: u64, meter: Arc<dyn Meter>) -> Staging {
        Staging::new(self, limit, Some(meter))
    }

    /// At most `len` bytes of a large value from `offset` on.
    pub fn read_large(&self, value: &LargeValue, offset: u64, len: usize) -> Result<Vec<u8>> {
        large::read(self, value, offset, len)
    }

    /// The whole value, large or not, if it has at most `limit` bytes; else
    /// [`StoreError::TooBig`](crate::StoreError::TooBig).
    pub fn load(&self, value: &Value, limit: u64) -> Result<mapi::PropertyValue> {
        large::load(self, value, limit)
    }

    /// How the store was opened.
    pub fn options(&self) -> &StoreOptions {
        &self.inner.options
    }

    /// The mailboxes that are open now.
    pub(crate) fn open_mailboxes(&self) -> Vec<Arc<Mailbox>> {
        // Upgraded ones are dropped outside of the lock: the last one's Drop takes it as well.
        let mailboxes = self.inner.mailboxes.lock();
        mailboxes.values().filter_map(Weak::upgrade).collect()
    }

    pub fn now(&self) -> FileTime {
        (self.inner.options.clock)()
    }

    pub fn gauges(&self) -> StoreGauges {
        let gauges = &self.inner.gauges;
        let counts = &self.inner.deliveries.counts;
        let outbound = &self.inner.outbound.counts;
        StoreGauges {
            queued: counts.waiting.load(Ordering::Relaxed),
            delivered: counts.delivered.load(Ordering::Relaxed),
            refused: counts.refused.load(Ordering::Relaxed),
            delivery_failures: counts.failures.load(Ordering::Relaxed),
            outbound: outbound.letters.load(Ordering::Relaxed),
            relayed: outbound.relayed.load(Ordering::Relaxed),
            deferred: outbound.deferred.load(Ordering::Relaxed),
            unsendable: outbound.failed.load(Ordering::Relaxed),
            reports: outbound.reports.load(Ordering::Relaxed),
            mailboxes: gauges.mailboxes.get(),
            views: gauges.views.get(),
            view_bytes: gauges.view_bytes.get(),
            subscribers: gauges.subscribers.get(),
            staged_bytes: self.inner.staged.used(),
            staged_memory: self.inner.staged_memory.used(),
            views_evicted: self.inner.eviction.count(),
        }
    }

    /// How far the full-text index is.
    pub fn text_gauges(&self) -> crate::text::TextGauges {
        self.inner.text.gauges()
    }

    /// One pass over the large values: those that no message refers to are marked, and removed by a later
    /// pass, `grace` after the mark. The grace period must be longer than the longest upload. One pass at
    /// a time.
    pub fn collect_blobs(&self, grace: std::time::Duration) -> Result<crate::blob::Collected> {
        let (seconds, _) = self.now().to_unix();
        let now = std::time::Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
        Ok(crate::blob::collect(self.engine(), now, grace)?)
    }

    /// Writes what the engine holds in memory to its files. Durability does not need it.
    pub fn flush(&self) -> Result<()> {
        Ok(self.inner.engine.flush()?)
    }

    /// Brings the engine's memory and files to what the data need: see
    /// [`Engine::compact`](crate::engine::Engine::compact).
    pub fn compact(&self) -> Result<()> {
        Ok(self.inner.engine.compact()?)
    }

    /// Lets every view of a table go that nobody uses: what is left depends on who is there, and not on who was.
    pub fn forget_idle_views(&self) {
        self.open_mailboxes().iter().for_each(|mailbox| registry::forget_idle(mailbox));
    }

    /// Lets the engine make what it keeps for each thread that reads: about 2 KiB, once. A pool's threads do
    /// it when they start, so that memory does not depend on which of them meet the engine when.
    pub fn meet_engine(&self) {
        // What is read does not matter; an error shows with the first request.
        let _ = self.inner.engine.latest().get(Space::Directory, b"\0");
    }

    /// What the engine holds now.
    pub fn engine_gauges(&self) -> crate::engine::Gauges {
        self.inner.engine.gauges()
    }

    pub(crate) fn engine(&self) -> &dyn Engine {
        &*self.inner.engine
    }

    /// The epoch under which this process writes a mailbox; the first call leases it.
    pub(crate) fn epoch(&self, mailbox: MailboxNumber) -> Result<Epoch> {
        let lease = Arc::clone(self.inner.epochs.lock().entry(mailbox).or_default());
        // A lease waits for the disk: only those who write this mailbox wait with it.
        let mut lease = lease.lock();
        if let Some(epoch) = *lease {
            return Ok(epoch);
        }
        Ok(*lease.insert(self.inner.engine.lease(mailbox)?))
    }

    pub(crate) fn forget_epoch(&self, mailbox: MailboxNumber) {
        self.inner.epochs.lock().remove(&mailbox);
    }

    /// Called by a mailbox that is being dropped.
    pub(crate) fn forget_mailbox(&self, number: MailboxNumber) {
        let mut mailboxes = self.inner.mailboxes.lock();
        if mailboxes.get(&number).is_some_and(|open| open.strong_count() == 0) {
            mailboxes.remove(&number);
        }
    }
}
