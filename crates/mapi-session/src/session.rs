//! The session: what IMAPISession is.

use std::sync::Arc;

use mapi::entry_id::StoreEntryId;
use mapi::row::Cell;
use mapi::wire::Wire;
use mapi::{PropertyRow, PropertyTag, tags};
use mapi_rop::logon::{LogonFlags, LogonOpenFlags, LogonRequest};

use crate::connection::Connection;
use crate::{Error, MessageStoreProvider, MsgStore, Profile, PublicStore, Result, Row, entry_ids};

/// A session of a user: log on with a [`Profile`], open message stores.
///
/// A session and everything opened in it can be used from any number of threads; requests to one service
/// take turns. Everything is released by Drop, in any order: what is open keeps what it needs alive.
/// [`Session::logoff`] ends the session under whatever is still open.
///
/// ```
/// # #[cfg(feature = "loopback")] {
/// use mapi::tags;
/// use mapi_session::{MapiProp, Profile, Session};
///
/// let session = Session::logon(Profile::in_memory("me@example.test")?)?;
/// let store = session.open_default_msg_store()?;
/// let inbox = store.inbox()?;
///
/// let message = inbox.create_message()?;
/// message.set(tags::SUBJECT, "Hello")?;
/// message.save()?;
///
/// for row in inbox.contents_table()?.with_columns(&[tags::SUBJECT])?.rows() {
///     assert_eq!(row?.text(tags::SUBJECT).as_deref(), Some("Hello"));
/// }
/// # }
/// # Ok::<(), mapi_session::Error>(())
/// ```
#[derive(Debug)]
pub struct Session {
    services: Vec<Service>,
}

#[derive(Debug)]
struct Service {
    provider: Arc<dyn MessageStoreProvider>,
    connection: Arc<Connection>,
    /// The user's name as the server knows it.
    display_name: String,
}

/// How a message store is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OpenFlags {
    /// MDB_NO_MAIL: the store is opened for other things than sending and receiving mail.
    pub no_mail: bool,
    /// With the rights of an administrator, if the user has them
    /// ([MS-OXCSTOR] 2.2.1.1.1, USE_ADMIN_PRIVILEGE).
    pub admin: bool,
}

/// The columns of [`Session::msg_stores`].
pub const MSG_STORES_COLUMNS: [PropertyTag; 5] = [
    tags::ENTRY_ID,
    tags::DISPLAY_NAME,
    tags::DEFAULT_STORE,
    tags::PROVIDER_DISPLAY,
    tags::RESOURCE_FLAGS,
];

/// STATUS_DEFAULT_STORE of PidTagResourceFlags.
const STATUS_DEFAULT_STORE: i32 = 1;

impl Session {
    /// Logs on to every message service of the profile.
    ///
    /// # Errors
    ///
    /// The first service's that fails; what was begun by then is ended.
    pub fn logon(profile: Profile) -> Result<Session> {
        if profile.services.is_empty() {
            return Err(Error::NoDefaultStore);
        }
        let mut services = Vec::with_capacity(profile.services.len());
        for provider in profile.services {
            let connected = provider.connect()?;
            services.push(Service {
                provider,
                connection: Connection::new(connected.transport),
                display_name: connected.display_name,
            });
        }
        Ok(Session { services })
    }

    /// The message stores table: the stores of the profile, with [`MSG_STORES_COLUMNS`].
    pub fn msg_stores(&self) -> Vec<Row> {
        let row = |(index, service): (usize, &Service)| {
            let default = index == 0;
            let name = match service.display_name.as_str() {
                "" => service.provider.user_dn(),
                name => name,
            };
            let cells = vec![
                Cell::Value(self.entry_id_of(index, service.provider.user_dn()).into()),
                Cell::Value(name.into()),
                Cell::Value(default.into()),
                Cell::Value(service.provider.display_name().into()),
                Cell::Value(if default { STATUS_DEFAULT_STORE } else { 0 }.into()),
            ];
            Row::new(Arc::from(MSG_STORES_COLUMNS), PropertyRow::from_cells(cells))
        };
        self.services.iter().enumerate().map(row).collect()
    }

    /// Opens the default store: the user's own mailbox on the profile's first service.
    pub fn open_default_msg_store(&self) -> Result<MsgStore> {
        let service = self.services.first().ok_or(Error::NoDefaultStore)?;
        self.open(0, service.provider.user_dn(), OpenFlags::default())
    }

    /// Opens a store by its entry id, from [`Session::msg_stores`] or
    /// [`Session::create_store_entry_id`]. A store can be open many times at once.
    ///
    /// # Errors
    ///
    /// The store's code: [`mapi::ErrorCode::LOGON_FAILED`] or [`mapi::ErrorCode::UNKNOWN_USER`] for a mailbox that
    /// does not exist or that the user may not open.
    pub fn open_msg_store(&self, entry_id: &[u8], flags: OpenFlags) -> Result<MsgStore> {
        let (store, dn) = entry_ids::mailbox_of(entry_id)?;
        // Two services may reach one server on behalf of two users: each opens its own user's store, and
        // the first one opens others'.
        let reaches =
            |service: &Service| service.provider.display_name().as_bytes() == store.server.0;
        let owns = |service: &Service| service.provider.user_dn().eq_ignore_ascii_case(&dn);
        let services = &self.services;
        let service = services
            .iter()
            .position(|service| reaches(service) && owns(service))
            .or_else(|| services.iter().position(reaches))
            .ok_or(Error::ForeignEntryId)?;
        self.open(service, &dn, flags)
    }

    /// The entry id of another user's mailbox on the default service (what
    /// IExchangeManageStore::CreateStoreEntryID makes). `mailbox_dn` is the mailbox's distinguished name,
    /// or its address where the server understands that, as Coffer does.
    pub fn create_store_entry_id(&self, mailbox_dn: &str) -> Result<Vec<u8>> {
        match mailbox_dn.is_ascii() && !mailbox_dn.is_empty() && !mailbox_dn.contains('\0') {
            true => Ok(self.entry_id_of(0, mailbox_dn)),
            false => Err(Error::InvalidArgument("a mailbox's distinguished name is ASCII")),
        }
    }

    /// Opens the organisation's public folders on the default service.
    ///
    /// # Errors
    ///
    /// The store's code where there are none, or where the user may not see them.
    pub fn open_public_store(&self) -> Result<PublicStore> {
        let service = self.services.first().ok_or(Error::NoDefaultStore)?;
        let entry_id = StoreEntryId::public(&service.provider.display_name()).to_wire();
        PublicStore::open(&service.connection, entry_id)
    }

    /// Sends the releases that wait for the next request, to every service. Needed only by who watches
    /// the server's objects: what waits is bounded, and goes out by itself.
    pub fn flush(&self) -> Result<()> {
        self.services.iter().try_for_each(|service| service.connection.flush())
    }

    /// Ends the session under whatever is still open, and waits for the servers' word. What is still
    /// open answers [`Error::Closed`] from then on.
    pub fn logoff(self) -> Result<()> {
        let mut outcome = Ok(());
        for service in &self.services {
            outcome = outcome.and(service.connection.end());
        }
        outcome
    }

    fn entry_id_of(&self, service: usize, dn: &str) -> Vec<u8> {
        let server = self.services[service].provider.display_name();
        StoreEntryId::mailbox(&server, dn).to_wire()
    }

    fn open(&self, service: usize, dn: &str, flags: OpenFlags) -> Result<MsgStore> {
        let mut request = LogonRequest::mailbox_of(dn);
        let mut open_flags = request.open_flags;
        if flags.no_mail {
            open_flags = open_flags | LogonOpenFlags::NO_MAIL;
        }
        if flags.admin {
            open_flags = open_flags | LogonOpenFlags::USE_ADMIN_PRIVILEGE;
        }
        request.flags = LogonFlags::PRIVATE;
        request.open_flags = open_flags;
        let entry_id = self.entry_id_of(service, dn);
        MsgStore::open(&self.services[service].connection, request, entry_id)
    }
}
