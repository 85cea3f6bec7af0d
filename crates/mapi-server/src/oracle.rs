//! What must hold for any ROPs in any order on any objects: no panic, an answer that can be read, and nothing
//! left behind. Shared by the property tests and the fuzz target `server_rops`; each function panics if it
//! does not hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use mapi::ErrorCode;
use mapi::wire::Counted;
use mapi_rop::buffer::write_requests;
use mapi_rop::folder::{GetTableRequest, OpenFolderFlags, OpenFolderRequest, TableFlags};
use mapi_rop::http::ExecuteFlags;
use mapi_rop::logon::LogonRequest;
use mapi_rop::message::{CreateMessageRequest, LOGON_CODE_PAGE, SaveChangesRequest, SaveFlags};
use mapi_rop::sample::Source;
use mapi_rop::stream::{OpenStreamRequest, StreamMode};
use mapi_rop::table::{AsyncFlags, SetColumnsRequest};
use mapi_rop::{
    Columns, Empty, Handle, HandleIndex, LogonId, Request, ResponseBuffer, ResponseContext, RopId,
    RopRequest,
};
use parking_lot::RwLock;
use store::{Account, NewAccount, SpecialFolder, Store, StoreOptions};

use crate::session::Locale;
use crate::{InProcess, Options, Processor};

/// A server with one account. Whatever one case left in its store has to do no harm to the next.
pub struct Dispatcher {
    current: RwLock<Fixture>,
    cases: AtomicU32,
}

#[derive(Clone)]
struct Fixture {
    processor: Arc<Processor>,
    account: Arc<Account>,
}

/// Cases that share a store, which is in memory and grows.
const CASES: u32 = 2000;
/// ROPs of one case at most.
const MAX_ROPS: usize = 16;

impl Default for Dispatcher {
    fn default() -> Self {
        Dispatcher { current: RwLock::new(Fixture::new()), cases: AtomicU32::new(0) }
    }
}

impl Dispatcher {
    /// ROPs made from any bytes, on a session with an object of each kind. The first two bytes say how much
    /// may be answered.
    pub fn any_rops(&self, bytes: &[u8]) {
        let mut source = Source::new(bytes);
        let limit = source.below(256) << 8 | source.below(256);
        let requests = requests(bytes.get(2..).unwrap_or_default());
        let fixture = self.fixture();
        let session = fixture.connect();
        let handles = open(&session, &fixture.account);
        let Some(buffer) = write_requests(&requests, &handles) else { return };
        match session.execute(&buffer, limit) {
            Ok(answer) => {
                assert!(answer.len() <= limit);
                // Columns that were set in a buffer before are the subject alone.
                let known = |_| Columns::from([mapi::tags::SUBJECT]);
                let mut context = ResponseContext::new(&requests, known);
                let _ = ResponseBuffer::read(&answer, &mut context);
            }
            Err(code) => assert!(
                [ErrorCode::RPC_FORMAT, ErrorCode::BUFFER_TOO_SMALL, ErrorCode::SERVER_MEMORY]
                    .contains(&code),
                "{code}"
            ),
        }
        fixture.nothing_is_left(session);
    }

    /// Any bytes as a ROP buffer and as an extended one, on such a session.
    pub fn any_buffer(&self, bytes: &[u8]) {
        let fixture = self.fixture();
        let session = fixture.connect();
        open(&session, &fixture.account);
        let _ = session.execute(bytes, 32 * 1024);
        let _ = session.execute_extended(ExecuteFlags::default(), bytes, 0x8000);
        let _ = session.execute_extended(ExecuteFlags::CHAIN, bytes, 0x8000);
        fixture.nothing_is_left(session);
    }

    fn fixture(&self) -> Fixture {
        if self.cases.fetch_add(1, Ordering::Relaxed) % CASES == CASES - 1 {
            *self.current.write() = Fixture::new();
        }
        self.current.read().clone()
    }
}

impl Fixture {
    fn new() -> Fixture {
        let store = Store::in_memory(StoreOptions::default()).expect("a store");
        let new = NewAccount { address: "any@example.test".into(), ..NewAccount::default() };
        let account = Arc::new(store.create_account(&new).expect("an account"));
        Fixture { processor: Processor::new(store, Options::default()), account }
    }

    fn connect(&self) -> InProcess {
        InProcess::connect(&self.processor, Arc::clone(&self.account), Locale::default(), "any")
            .expect("a session")
    }

    fn nothing_is_left(&self, session: InProcess) {
        drop(session);
        let ledger = &self.processor.ledger;
        assert_eq!(ledger.panics(), 0);
        assert_eq!((ledger.live_total(), ledger.bytes()), (0, 0));
    }
}

/// A logon with an object of each kind below it, and two places without one.
fn open(session: &InProcess, account: &Account) -> Vec<Handle> {
    let folder = SpecialFolder::Inbox.id();
    let columns = Counted::from(vec![mapi::tags::SUBJECT]);
    let save = SaveChangesRequest { flags: SaveFlags::KEEP_OPEN_READ_WRITE };
    let stream = OpenStreamRequest { tag: mapi::tags::BODY, mode: StreamMode::Create };
    let requests = [
        (0, 0, RopRequest::Logon(LogonRequest::mailbox_of(&account.legacy_dn))),
        (0, 1, RopRequest::OpenFolder(OpenFolderRequest { folder, flags: OpenFolderFlags::NONE })),
        (
            0,
            2,
            RopRequest::CreateMessage(CreateMessageRequest {
                code_page: LOGON_CODE_PAGE,
                folder,
                associated: false,
            }),
        ),
        (2, 2, RopRequest::SaveChangesMessage(save)),
        (2, 3, RopRequest::CreateAttachment(Empty)),
        (1, 4, RopRequest::GetContentsTable(GetTableRequest { flags: TableFlags::USE_UNICODE })),
        (4, 4, RopRequest::SetColumns(SetColumnsRequest { flags: AsyncFlags::NONE, columns })),
        (2, 5, RopRequest::OpenStream(stream)),
    ];
    let requests: Vec<Request> = requests
        .into_iter()
        .map(|(input, other, body)| {
            Request::with(LogonId(0), HandleIndex(input), HandleIndex(other), body)
        })
        .collect();
    let none = [Handle::NONE; 8];
    let buffer = write_requests(&requests, &none).expect("a small buffer");
    let answer = session.execute(&buffer, 32 * 1024).expect("an answer");
    let mut context = ResponseContext::new(&requests, |_| Columns::from([mapi::tags::SUBJECT]));
    let answer = ResponseBuffer::read(&answer, &mut context).expect("a readable answer");
    assert!(answer.handles[..6].iter().all(|handle| *handle != Handle::NONE), "{answer:?}");
    answer.handles
}

/// A ROP from each few bytes: which, on what, and with what.
fn requests(bytes: &[u8]) -> Vec<Request> {
    let mut rest = bytes;
    let mut requests = Vec::new();
    while let ([id, input, other, size, behind @ ..], true) = (rest, requests.len() < MAX_ROPS) {
        let (body, behind) = behind.split_at(usize::from(*size % 64).min(behind.len()));
        rest = behind;
        let id = RopId::ALL[usize::from(*id) % RopId::ALL.len()];
        if let Some(body) = RopRequest::sample_of(id, &mut Source::new(body)) {
            let (input, other) = (HandleIndex(input % 9), HandleIndex(other % 9));
            requests.push(Request::with(LogonId(0), input, other, body));
        }
    }
    requests
}
