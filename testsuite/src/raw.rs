//! A client that speaks in ROPs, one buffer at a time, over any transport: for tests that pin what a ROP
//! answers. Programs use `mapi_session`.

use std::sync::Arc;

use mapi::wire::Counted;
use mapi::{ErrorCode, FolderId, MessageId, PropertyTag, PropertyValue, TaggedValue};
use mapi_rop::buffer::{ResponseBuffer, write_requests};
use mapi_rop::folder::{GetTableRequest, OpenFolderFlags, OpenFolderRequest, TableFlags};
use mapi_rop::irregular::{NotificationScope, RegisterNotificationRequest};
use mapi_rop::logon::LogonRequest;
use mapi_rop::message::{
    CreateMessageRequest, LOGON_CODE_PAGE, OpenMessageFlags, OpenMessageRequest,
    SaveChangesRequest, SaveFlags,
};
use mapi_rop::notification::{NotificationData, NotificationFlags};
use mapi_rop::parts::{Columns, SizedValues};
use mapi_rop::property::{GetPropertiesSpecificRequest, SetPropertiesRequest};
use mapi_rop::table::{
    AsyncFlags, QueryRowsFlags, QueryRowsRequest, QueryRowsResponse, SetColumnsRequest,
    TableStatusResponse,
};
use mapi_rop::{
    Empty, Handle, HandleIndex, LogonId, Request, Response, ResponseContext, RopRequest,
    RopResponse,
};
use mapi_server::InProcess;
use mapi_session::Transport;

use crate::{Result, prove};

/// What a ROP came to: its answer, or the error code of its failure.
pub type Answer<T = RopResponse> = std::result::Result<T, ErrorCode>;

/// How large an answer may be, unless a test says otherwise.
pub const MAX_OUT: u32 = 32 << 10;

/// A Session Context. What it opens is released with it.
pub struct Client {
    pub transport: Box<dyn Transport>,
    /// The logon object of [`Client::log_on`].
    pub logon: Handle,
    /// Under which requests go out.
    pub logon_id: LogonId,
    /// What came beside the answers: RopNotify and RopPending, oldest first.
    pub notices: Vec<RopResponse>,
    /// Whether faults by which tests are proved reach what this client is answered. What only finds the ids
    /// by which a test goes on is not proved: altered, it would break the test without a look at any value.
    pub proved: bool,
    /// The columns of tables and messages, by handle; the newest last.
    columns: Vec<(Handle, Columns)>,
}

impl Client {
    pub fn new(transport: Box<dyn Transport>) -> Client {
        Client {
            transport,
            logon: Handle::NONE,
            logon_id: LogonId(0),
            notices: Vec::new(),
            proved: true,
            columns: Vec::new(),
        }
    }

    /// In a session of this process, which others may use as well.
    pub fn in_process(session: Arc<InProcess>) -> Client {
        Client::new(Box::new(Here(session)))
    }

    /// RopLogon to the private mailbox of a distinguished name, under `logon_id`.
    pub fn log_on(&mut self, dn: &str) -> Answer<Handle> {
        self.log_on_with(LogonRequest::mailbox_of(dn)).map(|(_, handle)| handle)
    }

    pub fn log_on_with(&mut self, body: LogonRequest) -> Answer<(RopResponse, Handle)> {
        let request = Request::new(self.logon_id, HandleIndex(0), RopRequest::Logon(body));
        let mut answer = self.exchange(&[request], &[Handle::NONE]);
        let response = answer.responses.remove(0);
        code(&response)?;
        Ok((response.body, answer.handles[0]))
    }

    /// One buffer there and back. A test whose request fails as a whole sends it by
    /// [`Client::transport`].
    pub fn exchange(&mut self, requests: &[Request], handles: &[Handle]) -> ResponseBuffer {
        self.exchange_within(requests, handles, MAX_OUT).expect("an answer")
    }

    /// As [`Client::exchange`], with a bound of the answer's size.
    pub fn exchange_within(
        &mut self,
        requests: &[Request],
        handles: &[Handle],
        max_out: u32,
    ) -> Result<ResponseBuffer> {
        let bytes = write_requests(requests, handles).expect("a small buffer");
        let answer = self.transport.execute(&bytes, max_out)?;
        let mut buffer = self.read(requests, handles, &answer)?;
        for response in std::mem::take(&mut buffer.responses) {
            match response.body {
                RopResponse::Notify(_) | RopResponse::Pending(_) => {
                    self.notices.push(response.body);
                }
                _ => buffer.responses.push(response),
            }
        }
        Ok(buffer)
    }

    /// What an answer says to these requests.
    pub fn read(
        &self,
        requests: &[Request],
        handles: &[Handle],
        answer: &[u8],
    ) -> Result<ResponseBuffer> {
        let known = |index: HandleIndex| {
            let handle = handles.get(usize::from(index.0));
            let found = self.columns.iter().rev().find(|(of, _)| Some(of) == handle);
            found.map_or_else(|| Columns::from([]), |(_, columns)| columns.clone())
        };
        let mut context = ResponseContext::new(requests, known);
        let mut buffer = ResponseBuffer::read(answer, &mut context)?;
        if self.proved {
            prove::note(requests, &buffer.responses);
            prove::alter(&mut buffer.responses, requests, |request| {
                ResponseContext::new(std::slice::from_ref(request), known)
            });
        }
        Ok(buffer)
    }

    /// The columns by which rows of a table, or recipients of a message, are read.
    pub fn learn(&mut self, handle: Handle, columns: &[PropertyTag]) {
        self.columns.push((handle, columns.into()));
    }

    /// One ROP on an object; its answer.
    pub fn call(&mut self, input: Handle, body: RopRequest) -> Answer {
        self.call_two(input, Handle::NONE, body).map(|(body, _)| body)
    }

    /// One ROP with two handles; its answer, and the second handle afterwards.
    pub fn call_two(
        &mut self,
        input: Handle,
        other: Handle,
        body: RopRequest,
    ) -> Answer<(RopResponse, Handle)> {
        let request = Request::with(self.logon_id, HandleIndex(0), HandleIndex(1), body);
        let mut answer = self.exchange(&[request], &[input, other]);
        let response = answer.responses.remove(0);
        code(&response)?;
        Ok((response.body, answer.handles.get(1).copied().unwrap_or(Handle::NONE)))
    }

    /// The whole answer of one ROP, for those that tell more than a code when they fail.
    pub fn respond(&mut self, input: Handle, other: Handle, body: RopRequest) -> Response {
        let request = Request::with(self.logon_id, HandleIndex(0), HandleIndex(1), body);
        self.exchange(&[request], &[input, other]).responses.remove(0)
    }

    /// A ROP that opens an object.
    pub fn open(&mut self, input: Handle, body: RopRequest) -> Answer<Handle> {
        let (body, handle) = self.call_two(input, Handle::NONE, body)?;
        if let RopResponse::OpenMessage(message) = &body {
            self.learn(handle, &message.columns.clone());
        }
        assert_ne!(handle, Handle::NONE, "a new object has a handle");
        Ok(handle)
    }

    pub fn release(&mut self, handle: Handle) {
        let request = Request::new(self.logon_id, HandleIndex(0), RopRequest::Release(Empty));
        let answer = self.exchange(&[request], &[handle]);
        assert!(answer.responses.is_empty(), "RopRelease has no answer");
    }

    /// RopRegisterNotification; the subscription's handle.
    pub fn register(
        &mut self,
        types: NotificationFlags,
        scope: NotificationScope,
    ) -> Answer<Handle> {
        let request = RegisterNotificationRequest { types, reserved: 0, scope };
        self.open(self.logon, RopRequest::RegisterNotification(request))
    }

    /// A buffer without ROPs, for what the server has to tell; all notices that were not taken yet.
    pub fn poll(&mut self) -> Vec<RopResponse> {
        self.exchange(&[], &[]);
        std::mem::take(&mut self.notices)
    }

    /// What the server has to tell: subscriptions or tables with what happened.
    pub fn told(&mut self) -> Vec<(Handle, NotificationData)> {
        let mut told = Vec::new();
        loop {
            let notices = self.poll();
            let mut more = false;
            for notice in notices {
                match notice {
                    RopResponse::Notify(notify) => told.push((notify.handle, notify.data)),
                    _ => more = true,
                }
            }
            if !more {
                return told;
            }
        }
    }

    pub fn open_folder(&mut self, folder: FolderId) -> Answer<Handle> {
        let flags = OpenFolderFlags::NONE;
        self.open(self.logon, RopRequest::OpenFolder(OpenFolderRequest { folder, flags }))
    }

    pub fn contents(&mut self, folder: Handle, flags: TableFlags) -> Answer<Handle> {
        self.open(folder, RopRequest::GetContentsTable(GetTableRequest { flags }))
    }

    pub fn hierarchy(&mut self, folder: Handle, flags: TableFlags) -> Answer<Handle> {
        self.open(folder, RopRequest::GetHierarchyTable(GetTableRequest { flags }))
    }

    pub fn set_columns(
        &mut self,
        table: Handle,
        columns: &[PropertyTag],
    ) -> Answer<TableStatusResponse> {
        let request =
            SetColumnsRequest { flags: AsyncFlags::NONE, columns: Counted::from(columns.to_vec()) };
        match self.call(table, RopRequest::SetColumns(request))? {
            RopResponse::SetColumns(answer) => {
                self.learn(table, columns);
                Ok(answer)
            }
            other => panic!("{other:?}"),
        }
    }

    /// RopQueryRows forward, which moves the cursor on.
    pub fn query_rows(&mut self, table: Handle, row_count: u16) -> Answer<QueryRowsResponse> {
        let (flags, forward_read) = (QueryRowsFlags::NONE, true);
        let body = RopRequest::QueryRows(QueryRowsRequest { flags, forward_read, row_count });
        match self.call(table, body)? {
            RopResponse::QueryRows(rows) => Ok(rows),
            other => panic!("{other:?}"),
        }
    }

    pub fn create_message(&mut self, folder: FolderId, associated: bool) -> Answer<Handle> {
        let code_page = LOGON_CODE_PAGE;
        let request = CreateMessageRequest { code_page, folder, associated };
        self.open(self.logon, RopRequest::CreateMessage(request))
    }

    pub fn open_message(
        &mut self,
        folder: FolderId,
        message: MessageId,
        flags: OpenMessageFlags,
    ) -> Answer<Handle> {
        let code_page = LOGON_CODE_PAGE;
        let request = OpenMessageRequest { code_page, folder, flags, message };
        self.open(self.logon, RopRequest::OpenMessage(request))
    }

    /// RopSaveChangesMessage; the MID.
    pub fn save(&mut self, message: Handle, flags: SaveFlags) -> Answer<MessageId> {
        let body = RopRequest::SaveChangesMessage(SaveChangesRequest { flags });
        match self.call_two(message, self.logon, body)?.0 {
            RopResponse::SaveChangesMessage(saved) => Ok(saved.message),
            other => panic!("{other:?}"),
        }
    }

    /// A new message with some properties, saved and released; its MID.
    pub fn post(&mut self, folder: FolderId, values: &[TaggedValue]) -> Answer<MessageId> {
        let message = self.create_message(folder, false)?;
        self.set_all(message, values)?;
        let id = self.save(message, SaveFlags::NONE)?;
        self.release(message);
        Ok(id)
    }

    pub fn set(
        &mut self,
        object: Handle,
        tag: PropertyTag,
        value: impl Into<PropertyValue>,
    ) -> Answer<()> {
        self.set_all(object, &[TaggedValue::new(tag, value)])
    }

    /// RopSetProperties. The first property problem is the error.
    pub fn set_all(&mut self, object: Handle, values: &[TaggedValue]) -> Answer<()> {
        let values = SizedValues(values.to_vec());
        match self.call(object, RopRequest::SetProperties(SetPropertiesRequest { values }))? {
            RopResponse::SetProperties(answer) => match answer.problems.first() {
                Some(problem) => Err(problem.error),
                None => Ok(()),
            },
            other => panic!("{other:?}"),
        }
    }

    /// A property's value, or the error in its place.
    pub fn get(&mut self, object: Handle, tag: PropertyTag) -> Answer<PropertyValue> {
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

/// A session of this process.
struct Here(Arc<InProcess>);

impl Transport for Here {
    fn execute(&mut self, rops: &[u8], max_out: u32) -> mapi_session::Result<Vec<u8>> {
        let answer = self.0.execute(rops, max_out as usize);
        answer.map_err(|code| mapi_session::Error::Code { operation: "the request", code })
    }

    fn disconnect(&mut self) -> mapi_session::Result<()> {
        Ok(())
    }
}

/// The error code of an answer that failed.
pub fn code(response: &Response) -> Answer<()> {
    match &response.body {
        RopResponse::Failed(failure) => Err(failure.code),
        _ => Ok(()),
    }
}
