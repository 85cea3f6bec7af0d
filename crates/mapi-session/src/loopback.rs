//! A store in this process, reached without a socket.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mapi_server::session::Locale;
use mapi_server::{Control, InProcess, Listener, Options, Processor};
use store::{Account, NewAccount, Store, StoreError, StoreOptions};

use crate::provider::{Connected, MessageStoreProvider, Transport, Waiter};
use crate::{Error, Result};

/// The message service of a store in this process. Requests take the same way as over HTTP, without the
/// web server.
///
/// Whoever holds a store may be anybody in it: there is no password.
#[derive(Clone)]
pub struct Loopback {
    processor: Arc<Processor>,
    user: Arc<Account>,
    locale: Locale,
}

impl Loopback {
    /// A store in memory with one account, for tests and examples. Clones share it; it is gone with the
    /// last of them and the last session.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the address is not one.
    pub fn in_memory(address: &str) -> Result<Self> {
        let store = Store::in_memory(StoreOptions::default())?;
        let name = address.split('@').next().unwrap_or(address);
        store.create_account(&NewAccount {
            address: address.into(),
            display_name: name.into(),
            password: None,
        })?;
        Loopback::open(store, address)
    }

    /// An account of a store that is open in this process, by its address or its legacy distinguished
    /// name.
    ///
    /// # Errors
    ///
    /// [`mapi::ErrorCode::UNKNOWN_USER`] if there is no such account.
    pub fn open(store: Store, user: &str) -> Result<Self> {
        Loopback::with_options(store, user, Options::default())
    }

    /// The same account of the same store as another user sees it: the stores that were granted.
    pub fn as_user(&self, user: &str) -> Result<Self> {
        let user = Arc::new(account(&self.processor.store, user)?);
        Ok(Loopback { processor: self.processor.clone(), user, locale: self.locale })
    }

    /// With limits, tracing, or the fault by which a check proves that it works.
    pub fn with_options(store: Store, user: &str, options: Options) -> Result<Self> {
        let user = Arc::new(account(&store, user)?);
        let locale = Locale::default();
        Ok(Loopback { processor: Processor::new(store, options), user, locale })
    }

    /// A store with the fault of Q237174 built in: every open leaves `bytes` bytes behind
    /// (docs/q237174.md).
    #[doc(hidden)]
    pub fn open_with_control_q237174(store: Store, user: &str, bytes: usize) -> Result<Self> {
        let options = Options { control: Control::q237174(bytes), ..Options::default() };
        Loopback::with_options(store, user, options)
    }

    /// The code page of 8-bit strings: as [`Http::code_page`](crate::Http::code_page).
    pub fn code_page(mut self, code_page: u32) -> Self {
        self.locale.code_page = code_page;
        self
    }

    /// The server's side: its sessions, ledger and limits.
    pub fn processor(&self) -> &Arc<Processor> {
        &self.processor
    }

    /// The store behind it.
    pub fn store(&self) -> &Store {
        &self.processor.store
    }

    /// What the store's side holds open, for all sessions over this service: see
    /// [`mapi_server::Ledger`].
    pub fn ledger(&self) -> &mapi_server::Ledger {
        &self.processor.ledger
    }
}

fn account(store: &Store, user: &str) -> Result<Account> {
    let found = match store.account_by_address(user)? {
        Some(account) => Some(account),
        None => store.account_by_legacy_dn(user)?,
    };
    found.ok_or(Error::Code { operation: "logging on", code: mapi::ErrorCode::UNKNOWN_USER })
}

impl fmt::Debug for Loopback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loopback").field("user", &self.user.address).finish_non_exhaustive()
    }
}

impl MessageStoreProvider for Loopback {
    fn display_name(&self) -> String {
        "this process".into()
    }

    fn user_dn(&self) -> &str {
        &self.user.legacy_dn
    }

    fn connect(&self) -> Result<Connected> {
        let client = concat!("mapi-session/", env!("CARGO_PKG_VERSION"));
        let connected = InProcess::connect(&self.processor, self.user.clone(), self.locale, client);
        let session = connected.map_err(|error| Error::Refused {
            code: 1,
            name: "no session",
            detail: format!(": {error}"),
        })?;
        Ok(Connected {
            transport: Box::new(Context { session: Some(session) }),
            display_name: self.user.display_name.clone(),
        })
    }
}

/// A session context of the store in this process.
struct Context {
    /// None after a disconnect.
    session: Option<InProcess>,
}

impl Transport for Context {
    fn execute(&mut self, rops: &[u8], max_out: u32) -> Result<Vec<u8>> {
        let Some(session) = &self.session else { return Err(Error::Closed("the session")) };
        session
            .execute(rops, max_out as usize)
            .map_err(|code| Error::Code { operation: "the request", code })
    }

    fn waiter(&self) -> Result<Box<dyn Waiter>> {
        let Some(session) = &self.session else { return Err(Error::Closed("the session")) };
        Ok(Box::new(Ear(session.listener())))
    }

    fn disconnect(&mut self) -> Result<()> {
        self.session = None;
        Ok(())
    }
}

/// Waits for what a session context is to be told.
struct Ear(Listener);

impl Waiter for Ear {
    fn wait(&mut self, limit: Duration) -> Result<bool> {
        let deadline = Instant::now() + limit;
        self.0.wait(deadline).map_err(|refused| Error::SessionLost { reason: refused.to_string() })
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Error::Store(error)
    }
}
