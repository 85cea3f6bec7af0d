//! A store in memory, its processor, and a client that speaks in ROP buffers.
#![allow(dead_code)]

use std::sync::Arc;

use mapi::wire::Counted;
use mapi::{ErrorCode, FolderId, MessageId, PropertyTag, PropertyValue, TaggedValue};
use mapi_rop::buffer::{ResponseBuffer, write_requests};
use mapi_rop::folder::{GetTableRequest, OpenFolderFlags, OpenFolderRequest, TableFlags};
use mapi_rop::logon::LogonRequest;
use mapi_rop::message::{
    CreateMessageRequest, LOGON_CODE_PAGE, OpenMessageFlags, OpenMessageRequest,
    SaveChangesRequest, SaveFlags,
};
use mapi_rop::parts::{Columns, SizedValues};
use mapi_rop::property::{GetPropertiesSpecificRequest, SetPropertiesRequest};
use mapi_rop::table::{AsyncFlags, QueryRowsFlags, QueryRowsRequest, SetColumnsRequest};
use mapi_rop::{
    Empty, Handle, HandleIndex, LogonId, Request, Response, ResponseContext, RopRequest,
    RopResponse,
};
use mapi_server::session::Locale;
use mapi_server::{InProcess, Options, Processor};
use store::{Account, SpecialFolder};
pub use testsuite::wire;

/// A processor over such a store, and the accounts.
pub fn processor(users: usize, options: Options) -> (Arc<Processor>, Vec<Account>) {
    let (store, accounts) = wire::store(users);
    (Processor::new(store, options), accounts)
}

/// A session with one logon at LogonId 0.
pub struct Client {
    pub session: InProcess,
    pub logon: Handle,
    /// The columns of tables and messages, by handle.
    columns: Vec<(Handle, Columns)>,
}

const LOGON: LogonId = LogonId(0);

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
        Client { session: session.expect("a session"), logon: Handle::NONE, columns: Vec::new() }
    }

    pub fn log_on(&mut self, id: u8, dn: &str) -> Result<Handle, ErrorCode> {
        let body = RopRequest::Logon(LogonRequest::mailbox_of(dn));
        let request = Request::new(LogonId(id), HandleIndex(0), body);
        let answer = self.exchange(&[request], &[Handle::NONE]);
        code(&answer.responses[0])?;
        Ok(answer.handles[0])
    }

    /// One buffer there and back.
    pub fn exchange(&mut self, requests: &[Request], handles: &[Handle]) -> ResponseBuffer {
        let bytes = write_requests(requests, handles).expect("a small buffer");
        let answer = self.session.execute(&bytes, 32 * 1024).expect("an answer");
        self.read(requests, handles, &answer)
    }

    pub fn read(&self, requests: &[Request], handles: &[Handle], answer: &[u8]) -> ResponseBuffer {
        let known = |index: HandleIndex| {
            let handle = handles.get(usize::from(index.0));
            let found = self.columns.iter().rev().find(|(of, _)| Some(of) == handle);
            found.map_or_else(|| Columns::from([]), |(_, columns)| columns.clone())
        };
        let mut context = ResponseContext::new(requests, known);
        ResponseBuffer::read(answer, &mut context).expect("a readable answer")
    }

    pub fn learn(&mut self, handle: Handle, columns: &[PropertyTag]) {
        self.columns.push((handle, columns.into()));
    }

    /// One ROP on an object; its answer.
    pub fn call(&mut self, input: Handle, body: RopRequest) -> Result<RopResponse, ErrorCode> {
        self.call_two(input, Handle::NONE, body).map(|(body, _)| body)
    }

    /// One ROP with two handles; its answer, and the second handle afterwards.
    pub fn call_two(
        &mut self,
        input: Handle,
        other: Handle,
        body: RopRequest,
    ) -> Result<(RopResponse, Handle), ErrorCode> {
        let request = Request::with(LOGON, HandleIndex(0), HandleIndex(1), body);
        let mut answer = self.exchange(&[request], &[input, other]);
        let response = answer.responses.remove(0);
        code(&response)?;
        Ok((response.body, answer.handles.get(1).copied().unwrap_or(Handle::NONE)))
    }

    /// A ROP that opens an object.
    pub fn open(&mut self, input: Handle, body: RopRequest) -> Result<Handle, ErrorCode> {
        let (body, handle) = self.call_two(input, Handle::NONE, body)?;
        if let RopResponse::OpenMessage(message) = &body {
            self.learn(handle, &message.columns.clone());
        }
        assert_ne!(handle, Handle::NONE);
        Ok(handle)
    }

    pub fn release(&mut self, handle: Handle) {
        let request = Request::new(LOGON, HandleIndex(0), RopRequest::Release(Empty));
        let answer = self.exchange(&[request], &[handle]);
        assert!(answer.responses.is_empty());
    }

    pub fn open_folder(&mut self, folder: FolderId) -> Result<Handle, ErrorCode> {
        let flags = OpenFolderFlags::NONE;
        self.open(self.logon, RopRequest::OpenFolder(OpenFolderRequest { folder, flags }))
    }

    pub fn inbox(&mut self) -> Handle {
        self.open_folder(SpecialFolder::Inbox.id()).expect("the inbox")
    }

    pub fn contents(&mut self, folder: Handle) -> Handle {
        let flags = TableFlags::USE_UNICODE;
        let body = RopRequest::GetContentsTable(GetTableRequest { flags });
        self.open(folder, body).expect("a contents table")
    }

    pub fn set_columns(&mut self, table: Handle, columns: &[PropertyTag]) -> Result<(), ErrorCode> {
        let request =
            SetColumnsRequest { flags: AsyncFlags::NONE, columns: Counted::from(columns.to_vec()) };
        self.call(table, RopRequest::SetColumns(request))?;
        self.learn(table, columns);
        Ok(())
    }

    /// Rows with their values, and where the cursor stands.
    pub fn rows(
        &mut self,
        table: Handle,
        forward_read: bool,
        row_count: u16,
    ) -> Result<mapi_rop::table::QueryRowsResponse, ErrorCode> {
        let flags = QueryRowsFlags::NONE;
        let body = RopRequest::QueryRows(QueryRowsRequest { flags, forward_read, row_count });
        match self.call(table, body)? {
            RopResponse::QueryRows(rows) => Ok(rows),
            other => panic!("{other:?}"),
        }
    }

    pub fn create_message(&mut self, folder: FolderId) -> Handle {
        let request =
            CreateMessageRequest { code_page: LOGON_CODE_PAGE, folder, associated: false };
        self.open(self.logon, RopRequest::CreateMessage(request)).expect("a new message")
    }

    pub fn open_message(
        &mut self,
        folder: FolderId,
        message: MessageId,
        flags: OpenMessageFlags,
    ) -> Result<Handle, ErrorCode> {
        let code_page = LOGON_CODE_PAGE;
        let request = OpenMessageRequest { code_page, folder, flags, message };
        self.open(self.logon, RopRequest::OpenMessage(request))
    }

    pub fn save(&mut self, message: Handle, flags: SaveFlags) -> Result<MessageId, ErrorCode> {
        let body = RopRequest::SaveChangesMessage(SaveChangesRequest { flags });
        let request = Request::with(LOGON, HandleIndex(0), HandleIndex(1), body);
        let answer = self.exchange(&[request], &[message, self.logon]);
        code(&answer.responses[0])?;
        match &answer.responses[0].body {
            RopResponse::SaveChangesMessage(saved) => Ok(saved.message),
            other => panic!("{other:?}"),
        }
    }

    pub fn save_attachment(
        &mut self,
        attachment: Handle,
        message: Handle,
    ) -> Result<(), ErrorCode> {
        let flags = SaveFlags::KEEP_OPEN_READ_WRITE;
        let body = RopRequest::SaveChangesAttachment(SaveChangesRequest { flags });
        let request = Request::with(LOGON, HandleIndex(0), HandleIndex(1), body);
        let answer = self.exchange(&[request], &[attachment, message]);
        code(&answer.responses[0])
    }

    pub fn set(&mut self, object: Handle, tag: PropertyTag, value: impl Into<PropertyValue>) {
        let values = SizedValues(vec![TaggedValue::new(tag, value)]);
        let body = RopRequest::SetProperties(SetPropertiesRequest { values });
        match self.call(object, body) {
            Ok(RopResponse::SetProperties(answer)) => assert!(answer.problems.is_empty()),
            other => panic!("{other:?}"),
        }
    }

    /// A property's value, or the error in its place.
    pub fn get(&mut self, object: Handle, tag: PropertyTag) -> Result<PropertyValue, ErrorCode> {
        let request = GetPropertiesSpecificRequest {
            size_limit: 0,
            want_unicode: 1,
            tags: Counted::from(vec![tag]),
        };
        match self.call(object, RopRequest::GetPropertiesSpecific(request))? {
            RopResponse::GetPropertiesSpecific(answer) => match answer.row.value(0) {
                Some(value) => Ok(value.clone()),
                None => Err(answer.row.error(0).unwrap_or(ErrorCode::NOT_FOUND)),
            },
            other => panic!("{other:?}"),
        }
    }
}

pub fn code(response: &Response) -> Result<(), ErrorCode> {
    match &response.body {
        RopResponse::Failed(failure) => Err(failure.code),
        _ => Ok(()),
    }
}
