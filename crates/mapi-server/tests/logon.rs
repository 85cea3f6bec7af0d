//! Logging on, handles, releasing, limits: over the processor, without a socket.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mapi::ErrorCode;
use mapi_rop::buffer::write_requests;
use mapi_rop::ext::{Packing, write_payloads};
use mapi_rop::folder::{GetTableRequest, TableFlags};
use mapi_rop::irregular::LogonResponse;
use mapi_rop::logon::{LogonFlags, LogonOpenFlags, LogonRequest, LogonResponseFlags};
use mapi_rop::sample::Source;
use mapi_rop::{Empty, Handle, HandleIndex, LogonId, Request, RopId, RopRequest, RopResponse};
use mapi_server::{Kind, Limits, Options};
use store::SpecialFolder;
use support::{Client, processor};
use testsuite::raw::code;

#[test]
fn a_logon_tells_what_the_mailbox_is() {
    let (processor, accounts) = processor(1, Options::default());
    let mut client = Client::bare(&processor, &accounts[0]);
    let body = RopRequest::Logon(LogonRequest::mailbox_of(&accounts[0].legacy_dn));
    let request = Request::new(LogonId(9), HandleIndex(2), body);
    let answer = client.exchange(&[request], &[Handle::NONE; 3]);
    assert_ne!(answer.handles[2], Handle::NONE);
    let RopResponse::Logon(LogonResponse::Private(logon)) = &answer.responses[0].body else {
        panic!("{:?}", answer.responses);
    };
    // MS-OXCSTOR R1062, R119, R123 to R127
    assert_eq!(logon.flags, LogonFlags::PRIVATE);
    assert_eq!(logon.folders.0, SpecialFolder::of_logon());
    let rights = LogonResponseFlags::OWNER_RIGHT | LogonResponseFlags::SEND_AS_RIGHT;
    assert_eq!(logon.response_flags, LogonResponseFlags::RESERVED | rights);
    assert_eq!(logon.mailbox_guid, accounts[0].mailbox_guid);
    assert_ne!(logon.replica.0, 0);
    assert!(logon.logon_time.year > 2000);
    assert_eq!(logon.store_state, 0);
}

/// What may run where a request comes in, without the engine: opening the own store when it was open not
/// long ago, and letting go of it when nothing stands under it. All else goes to the pool.
#[test]
fn only_what_asks_no_engine_is_light() {
    let (processor, accounts) = processor(2, Options::default());
    let mut client = Client::bare(&processor, &accounts[0]);
    let is_light = |client: &Client, id: u8, handle: Handle, body: RopRequest| {
        let request = Request::new(LogonId(id), HandleIndex(0), body);
        let rops = write_requests(&[request], &[handle]).expect("a small buffer");
        let rops = write_payloads(&[rops], Packing::default()).expect("a small buffer");
        let turn = client.session.session().begin(None).expect("a turn");
        processor.is_light(&turn, &rops)
    };
    let logon =
        |number: usize| RopRequest::Logon(LogonRequest::mailbox_of(&accounts[number].legacy_dn));
    let release = || RopRequest::Release(Empty);
    assert!(!is_light(&client, 0, Handle::NONE, logon(0)), "nothing is known yet");
    client.logon = client.log_on(0, &accounts[0].legacy_dn).expect("a logon");
    assert!(is_light(&client, 1, Handle::NONE, logon(0)));
    assert!(!is_light(&client, 0, Handle::NONE, logon(0)), "it ends the logon of the same id");
    assert!(!is_light(&client, 1, Handle::NONE, logon(1)), "another's mailbox");
    assert!(is_light(&client, 0, client.logon, release()));
    let folder = client.inbox();
    assert!(!is_light(&client, 0, client.logon, release()), "a folder is open under it");
    assert!(is_light(&client, 0, folder, release()));
    let table = client.contents(folder);
    assert!(!is_light(&client, 0, table, release()), "a table may have much to free");
    let other = RopRequest::GetContentsTable(GetTableRequest { flags: TableFlags::NONE });
    assert!(!is_light(&client, 0, folder, other));
    // The directory changed: the account has to be read again.
    processor.store.set_disabled(accounts[1].id, true).expect("a change");
    assert!(!is_light(&client, 1, Handle::NONE, logon(0)));
}

#[test]
fn whom_a_logon_refuses() {
    let (processor, accounts) = processor(3, Options::default());
    let store = &processor.store;
    let mut client = Client::connect(&processor, &accounts[0]);
    // MS-OXCSTOR R788
    assert_eq!(client.log_on(1, "/o=x/cn=nobody"), Err(ErrorCode::UNKNOWN_USER));
    assert_eq!(client.log_on(1, &accounts[1].legacy_dn), Err(ErrorCode::LOGIN_FAILURE));
    store.grant_full_access(accounts[1].id, accounts[0].id).expect("a grant");
    assert!(client.log_on(1, &accounts[1].legacy_dn).is_ok());
    store.revoke_full_access(accounts[1].id, accounts[0].id).expect("a revocation");
    assert_eq!(client.log_on(1, &accounts[1].legacy_dn), Err(ErrorCode::LOGIN_FAILURE));
    // MS-OXCSTOR R794
    store.set_disabled(accounts[0].id, true).expect("a disabled account");
    assert_eq!(client.log_on(2, &accounts[0].legacy_dn), Err(ErrorCode::UNKNOWN_USER));

    let odd = |change: fn(&mut LogonRequest)| {
        let mut logon = LogonRequest::mailbox_of(&accounts[2].legacy_dn);
        change(&mut logon);
        let mut client = Client::bare(&processor, &accounts[2]);
        let request = Request::new(LogonId(0), HandleIndex(0), RopRequest::Logon(logon));
        code(&client.exchange(&[request], &[Handle::NONE]).responses[0])
    };
    // MS-OXCSTOR R1202
    assert_eq!(odd(|logon| logon.flags.0 |= 0x80), Err(ErrorCode::ERROR));
    assert_eq!(odd(|logon| logon.open_flags.0 |= 0x10), Err(ErrorCode::ERROR));
    // MS-OXCSTOR R835: there is no other server.
    let alternate = |logon: &mut LogonRequest| {
        logon.flags = LogonFlags::NONE;
        logon.open_flags = LogonOpenFlags::PUBLIC | LogonOpenFlags::ALTERNATE_SERVER;
    };
    assert_eq!(odd(alternate), Err(ErrorCode::LOGIN_FAILURE));
    assert_eq!(odd(|_| ()), Ok(()));
}

#[test]
fn handles_that_name_nothing() {
    // MS-OXCROPS R457301, R457302, R457303, R4712
    let (processor, accounts) = processor(1, Options::default());
    let mut client = Client::connect(&processor, &accounts[0]);
    let inbox = client.inbox();
    let list = || RopRequest::GetPropertiesList(Empty);
    assert_eq!(client.call(Handle(0x7fff_0001), list()), Err(ErrorCode::NULL_OBJECT));
    assert_eq!(client.call(Handle::NONE, list()), Err(ErrorCode::NULL_OBJECT));
    assert!(client.call(inbox, list()).is_ok());
    client.release(inbox);
    client.release(inbox);
    assert_eq!(client.call(inbox, list()), Err(ErrorCode::INVALID_OBJECT));
    client.log_on(1, &accounts[0].legacy_dn).expect("a second logon");
    let on_another = Request::new(LogonId(1), HandleIndex(0), list());
    let logon = client.logon;
    let answer = client.exchange(&[on_another], &[logon]);
    assert_eq!(code(&answer.responses[0]), Err(ErrorCode::ACCESS_DENIED));
    let beyond = Request::new(LogonId(0), HandleIndex(5), list());
    let answer = client.exchange(&[beyond], &[logon]);
    assert_eq!(code(&answer.responses[0]), Err(ErrorCode::NULL_OBJECT));
}

#[test]
fn everything_is_released_in_any_order() {
    let (processor, accounts) = processor(1, Options::default());
    let ledger = &processor.ledger;
    assert_eq!(ledger.live_total(), 0);
    let mut client = Client::connect(&processor, &accounts[0]);
    assert_eq!((ledger.live(Kind::Logon), ledger.live(Kind::Lock)), (1, 1));
    let inbox = client.inbox();
    let message = client.create_message(SpecialFolder::Inbox.id());
    let attachment =
        client.open(message, RopRequest::CreateAttachment(Empty)).expect("an attachment");
    let table = client.contents(inbox);
    client.release(message);
    client.release(inbox);
    // What is left works on, and keeps its owner.
    assert_eq!(ledger.live(Kind::Message), 1);
    assert!(client.call(attachment, RopRequest::GetPropertiesList(Empty)).is_ok());
    assert!(client.call(table, RopRequest::QueryPosition(Empty)).is_ok());
    client.release(attachment);
    assert_eq!((ledger.live(Kind::Message), ledger.live(Kind::Attachment)), (0, 0));
    client.create_message(SpecialFolder::Inbox.id());
    // MS-OXCROPS R4570: a logon takes everything under it along.
    let logon = client.logon;
    client.release(logon);
    assert_eq!(ledger.live_total(), 1, "the session alone");
    drop(client);
    assert_eq!((ledger.live_total(), ledger.bytes()), (0, 0));
}

#[test]
fn a_logon_id_that_is_in_use_is_replaced() {
    // MS-OXCROPS R4586, R4587
    let (processor, accounts) = processor(1, Options::default());
    let mut client = Client::connect(&processor, &accounts[0]);
    let inbox = client.inbox();
    client.log_on(0, &accounts[0].legacy_dn).expect("the same id again");
    assert_eq!(processor.ledger.live(Kind::Logon), 1);
    let list = RopRequest::GetPropertiesList(Empty);
    assert_eq!(client.call(inbox, list), Err(ErrorCode::INVALID_OBJECT));
}

#[test]
fn limits_refuse_with_their_code() {
    let limits = Limits { folders: 2, sessions_per_user: 2, ..Limits::default() };
    let (processor, accounts) = processor(1, Options { limits, ..Options::default() });
    let mut client = Client::connect(&processor, &accounts[0]);
    let first = client.inbox();
    client.inbox();
    let third = client.open_folder(SpecialFolder::Inbox.id());
    assert_eq!(third, Err(ErrorCode::TOO_MANY_OPEN_OBJECTS));
    client.release(first);
    assert!(client.open_folder(SpecialFolder::Inbox.id()).is_ok());
    let _second = Client::connect(&processor, &accounts[0]);
    let third = mapi_server::InProcess::connect(
        &processor,
        Arc::new(accounts[0].clone()),
        Default::default(),
        "test",
    );
    assert!(third.is_err());
    assert_eq!(processor.ledger.refused(), 2);
}

/// What [MS-OXCROPS] defines and this server does not do yet.
const NOT_IMPLEMENTED: &[RopId] = &[
    RopId::GetValidAttachments,
    RopId::FastTransferDestinationConfigure,
    RopId::FastTransferDestinationPutBuffer,
    RopId::FastTransferDestinationPutBufferExtended,
    RopId::FastTransferSourceGetBuffer,
    RopId::FastTransferSourceCopyFolder,
    RopId::FastTransferSourceCopyMessages,
    RopId::FastTransferSourceCopyTo,
    RopId::FastTransferSourceCopyProperties,
    RopId::TellVersion,
    RopId::SynchronizationConfigure,
    RopId::SynchronizationImportMessageChange,
    RopId::SynchronizationImportReadStateChanges,
    RopId::SynchronizationImportHierarchyChange,
    RopId::SynchronizationImportDeletes,
    RopId::SynchronizationImportMessageMove,
    RopId::SynchronizationOpenCollector,
    RopId::SynchronizationGetTransferState,
    RopId::SynchronizationUploadStateStreamBegin,
    RopId::SynchronizationUploadStateStreamContinue,
    RopId::SynchronizationUploadStateStreamEnd,
    RopId::SetLocalReplicaMidsetDeleted,
    RopId::GetLocalReplicaIds,
];

#[test]
fn what_is_not_there_yet_is_documented() {
    let text = include_str!("../../../docs/conformance.md");
    let start = text.find("These ROPs are defined and not there yet").expect("the section");
    let section = &text[start..];
    let section = &section[..section.find("Where the specification").expect("its end")];
    let words: Vec<&str> = section.split([' ', ',', '|', '\n']).collect();
    for id in RopId::ALL {
        let named = words.contains(&id.name());
        assert_eq!(named, NOT_IMPLEMENTED.contains(id), "{}", id.name());
    }
}

#[test]
fn what_is_not_there_yet_says_so_in_its_own_layout() {
    let (processor, accounts) = processor(1, Options::default());
    let mut client = Client::connect(&processor, &accounts[0]);
    for id in RopId::ALL.iter().copied().filter(|id| *id != RopId::Logon) {
        let Some(mut body) = RopRequest::sample_of(id, &mut Source::new(&[])) else { continue };
        // In a mailbox its first part names the replica.
        if let RopRequest::WritePerUserInformation(request) = &mut body {
            request.replica_guid = Some(mapi::Guid([0; 16]));
        }
        let request = Request::with(LogonId(0), HandleIndex(0), HandleIndex(1), body);
        let logon = client.logon;
        let answer = client.exchange(&[request], &[logon, Handle::NONE]);
        let answered = answer.responses.first().map(code);
        // Answered so by Exchange 2016 (MS-OXCSTOR R3125).
        if id == RopId::GetStoreState {
            assert_eq!(answered, Some(Err(ErrorCode::NOT_IMPLEMENTED)));
            continue;
        }
        let says_so = answered == Some(Err(ErrorCode::NOT_IMPLEMENTED));
        assert_eq!(says_so, NOT_IMPLEMENTED.contains(&id), "{id:?}: {answered:?}");
        if id == RopId::Release {
            client.logon = client.log_on(0, &accounts[0].legacy_dn).expect("a logon");
        }
    }
}

#[test]
fn bytes_that_are_no_request_fail_the_buffer() {
    let (processor, accounts) = processor(1, Options::default());
    let client = Client::connect(&processor, &accounts[0]);
    // MS-OXCROPS R18, R180001, R4551: 0x28 is reserved.
    let reserved = [8, 0, 0x16, 0, 0, 0x28, 0, 0];
    assert_eq!(client.session.execute(&reserved, 32 * 1024), Err(ErrorCode::RPC_FORMAT));
    assert_eq!(client.session.execute(&[], 32 * 1024), Err(ErrorCode::RPC_FORMAT));
    assert_eq!(client.session.execute(&[2, 0], 32 * 1024), Ok(vec![2, 0]));
}

#[test]
fn a_panic_fails_its_request_and_nothing_else() {
    static PANIC: AtomicBool = AtomicBool::new(false);
    let trace = Arc::new(|_: &str| assert!(!PANIC.load(Ordering::Relaxed), "on purpose"));
    let options = Options { trace: Some(trace), ..Options::default() };
    let (processor, accounts) = processor(1, options);
    let mut client = Client::connect(&processor, &accounts[0]);
    PANIC.store(true, Ordering::Relaxed);
    let buffer = [5, 0, 0x09, 0, 0, 1, 0, 0, 0];
    assert_eq!(client.session.execute(&buffer, 32 * 1024), Err(ErrorCode::ERROR));
    PANIC.store(false, Ordering::Relaxed);
    assert_eq!(processor.ledger.panics(), 1);
    assert!(client.open_folder(SpecialFolder::Inbox.id()).is_ok());
}
