//! ROP buffers that benches send.

use anyhow::{Context, bail};
use mapi::wire::Counted;
use mapi::{PropertyTag, Restriction, SortOrder, SortOrderSet, tags};
use mapi_rop::buffer::write_requests;
use mapi_rop::folder::{GetTableRequest, OpenFolderFlags, OpenFolderRequest, TableFlags};
use mapi_rop::logon::LogonRequest;
use mapi_rop::parts::{Columns, SizedRestriction};
use mapi_rop::table::{
    AsyncFlags, QueryRowsFlags, QueryRowsRequest, RestrictRequest, SetColumnsRequest,
    SortTableRequest,
};
use mapi_rop::{
    Empty, Handle, HandleIndex, LogonId, Request, ResponseBuffer, ResponseContext, RopRequest,
    RopResponse,
};

use crate::mailbox::INBOX;

/// The requests of one buffer and its handle table.
#[derive(Debug, Clone)]
pub struct Batch {
    requests: Vec<Request>,
    handles: Vec<Handle>,
}

impl Batch {
    /// The handles of objects that are open stand first.
    pub fn new(handles: &[Handle]) -> Batch {
        Batch { requests: Vec::new(), handles: handles.to_vec() }
    }

    /// A ROP on the object at an index.
    pub fn on(mut self, input: u8, body: RopRequest) -> Batch {
        self.requests.push(Request::new(LogonId(0), HandleIndex(input), body));
        self
    }

    /// A ROP that opens another object at the next free index.
    pub fn open(mut self, input: u8, body: RopRequest) -> Batch {
        let other = HandleIndex(self.handles.len() as u8);
        self.handles.push(Handle::NONE);
        self.requests.push(Request::with(LogonId(0), HandleIndex(input), other, body));
        self
    }

    /// A ROP with two objects.
    pub fn with(mut self, input: u8, other: u8, body: RopRequest) -> Batch {
        let (input, other) = (HandleIndex(input), HandleIndex(other));
        self.requests.push(Request::with(LogonId(0), input, other, body));
        self
    }

    pub fn release(self, input: u8) -> Batch {
        self.on(input, RopRequest::Release(Empty))
    }

    pub fn bytes(&self) -> anyhow::Result<Vec<u8>> {
        write_requests(&self.requests, &self.handles).context("too many ROPs for a buffer")
    }

    /// The answers, failures among them; the columns are those of tables that were open before.
    pub fn answers(
        &self,
        answer: &[u8],
        columns: &[PropertyTag],
    ) -> anyhow::Result<ResponseBuffer> {
        let mut context = ResponseContext::new(&self.requests, |_| Columns::from(columns));
        Ok(ResponseBuffer::read(answer, &mut context)?)
    }

    /// The answers, none of which failed.
    pub fn read(&self, answer: &[u8]) -> anyhow::Result<ResponseBuffer> {
        let buffer = self.answers(answer, &[])?;
        let answered = self.requests.iter().filter(|request| request.id().is_answered()).count();
        for response in &buffer.responses {
            if let RopResponse::Failed(failure) = &response.body {
                bail!("{} failed: {:?}", failure.rop.name(), failure.code);
            }
        }
        // What a table is told of comes along.
        let told =
            |body: &RopResponse| matches!(body, RopResponse::Notify(_) | RopResponse::Pending(_));
        let answers = buffer.responses.iter().filter(|response| !told(&response.body)).count();
        if answers != answered {
            bail!("{answered} ROPs, {answers} answers");
        }
        Ok(buffer)
    }
}

pub fn logon(dn: &str) -> Batch {
    let body = RopRequest::Logon(LogonRequest::mailbox_of(dn));
    Batch::new(&[Handle::NONE]).on(0, body)
}

/// Six columns as a mail program shows them.
pub const COLUMNS: [PropertyTag; 6] = [
    tags::MID,
    tags::SUBJECT,
    tags::SENT_REPRESENTING_NAME,
    tags::MESSAGE_DELIVERY_TIME,
    tags::MESSAGE_SIZE,
    tags::MESSAGE_FLAGS,
];

/// The Inbox at index 1 and its contents table at index 2, with columns and newest first.
pub fn open_table(logon: Handle, restriction: Option<Restriction>) -> Batch {
    let batch = Batch::new(&[logon])
        .open(
            0,
            RopRequest::OpenFolder(OpenFolderRequest {
                folder: INBOX,
                flags: OpenFolderFlags::NONE,
            }),
        )
        .open(1, RopRequest::GetContentsTable(GetTableRequest { flags: TableFlags::USE_UNICODE }))
        .on(2, set_columns(&COLUMNS));
    let batch = match restriction {
        None => batch,
        Some(restriction) => batch.on(2, restrict(restriction)),
    };
    batch.on(2, sort(SortOrder::descending(tags::MESSAGE_DELIVERY_TIME)))
}

pub fn set_columns(columns: &[PropertyTag]) -> RopRequest {
    let columns = Counted::from(columns.to_vec());
    RopRequest::SetColumns(SetColumnsRequest { flags: AsyncFlags::NONE, columns })
}

pub fn sort(order: SortOrder) -> RopRequest {
    let order = SortOrderSet::new(vec![order]);
    RopRequest::SortTable(SortTableRequest { flags: AsyncFlags::NONE, order })
}

fn restrict(restriction: Restriction) -> RopRequest {
    let restriction = SizedRestriction(Some(restriction));
    RopRequest::Restrict(RestrictRequest { flags: AsyncFlags::NONE, restriction })
}

pub fn query_rows(row_count: u16) -> RopRequest {
    let flags = QueryRowsFlags::NONE;
    RopRequest::QueryRows(QueryRowsRequest { flags, forward_read: true, row_count })
}
