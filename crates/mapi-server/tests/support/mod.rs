//! A processor over a store in memory, and the test suite's client in a session of this process.
#![allow(dead_code)]

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use mapi::{ErrorCode, FolderId, PropertyTag, PropertyValue};
use mapi_rop::folder::TableFlags;
use mapi_rop::message::{SaveChangesRequest, SaveFlags};
use mapi_rop::table::{QueryRowsFlags, QueryRowsRequest, QueryRowsResponse};
use mapi_rop::{Handle, LogonId, RopRequest, RopResponse};
use mapi_server::session::Locale;
use mapi_server::{InProcess, Options, Processor};
use store::{Account, SpecialFolder};
use testsuite::raw;
pub use testsuite::wire;

/// A processor over such a store, and the accounts.
pub fn processor(users: usize, options: Options) -> (Arc<Processor>, Vec<Account>) {
    let (store, accounts) = wire::store(users);
    (Processor::new(store, options), accounts)
}

/// A client with one logon at LogonId 0, whose session a test may use itself.
pub struct Client {
    raw: raw::Client,
    pub session: Arc<InProcess>,
}

impl Deref for Client {
    type Target = raw::Client;
    fn deref(&self) -> &raw::Client {
        &self.raw
    }
}

impl DerefMut for Client {
    fn deref_mut(&mut self) -> &mut raw::Client {
        &mut self.raw
    }
}

impl Client {
    pub fn connect(processor: &Arc<Processor>, account: &Account) -> Client {
        let mut client = Client::bare(processor, account);
        client.logon = client.log_on(0, &account.legacy_dn).expect("a logon");
        client
    }

    /// A session without a logon.
    pub fn bare(processor: &Arc<Processor>, account: &Account) -> Client {
        let user = Arc::new(account.clone());
        let session = InProcess::connect(processor, user, Locale::default(), "test");
        let session = Arc::new(session.expect("a session"));
        Client { raw: raw::Client::in_process(Arc::clone(&session)), session }
    }

    /// A logon at another LogonId; other requests go out under 0.
    pub fn log_on(&mut self, id: u8, dn: &str) -> Result<Handle, ErrorCode> {
        self.raw.logon_id = LogonId(id);
        let handle = self.raw.log_on(dn);
        self.raw.logon_id = LogonId(0);
        handle
    }

    pub fn read(
        &self,
        requests: &[mapi_rop::Request],
        handles: &[Handle],
        answer: &[u8],
    ) -> mapi_rop::ResponseBuffer {
        self.raw.read(requests, handles, answer).expect("a readable answer")
    }

    pub fn inbox(&mut self) -> Handle {
        self.open_folder(SpecialFolder::Inbox.id()).expect("the inbox")
    }

    pub fn contents(&mut self, folder: Handle) -> Handle {
        self.raw.contents(folder, TableFlags::USE_UNICODE).expect("a contents table")
    }

    /// Rows with their values, and where the cursor stands.
    pub fn rows(
        &mut self,
        table: Handle,
        forward_read: bool,
        row_count: u16,
    ) -> Result<QueryRowsResponse, ErrorCode> {
        let flags = QueryRowsFlags::NONE;
        let body = RopRequest::QueryRows(QueryRowsRequest { flags, forward_read, row_count });
        match self.call(table, body)? {
            RopResponse::QueryRows(rows) => Ok(rows),
            other => panic!("{other:?}"),
        }
    }

    pub fn create_message(&mut self, folder: FolderId) -> Handle {
        self.raw.create_message(folder, false).expect("a new message")
    }

    pub fn save_attachment(
        &mut self,
        attachment: Handle,
        message: Handle,
    ) -> Result<(), ErrorCode> {
        let flags = SaveFlags::KEEP_OPEN_READ_WRITE;
        let body = RopRequest::SaveChangesAttachment(SaveChangesRequest { flags });
        self.call_two(attachment, message, body).map(drop)
    }

    pub fn set(&mut self, object: Handle, tag: PropertyTag, value: impl Into<PropertyValue>) {
        self.raw.set(object, tag, value).expect("set");
    }
}
