//! Any ROPs in any order on any objects: no panic, an answer that can be read, and nothing left behind.

mod support;

use mapi::ErrorCode;
use mapi_rop::buffer::write_requests;
use mapi_rop::message::SaveFlags;
use mapi_rop::sample::Source;
use mapi_rop::{
    Columns, Empty, Handle, HandleIndex, LogonId, Request, ResponseBuffer, ResponseContext, RopId,
    RopRequest,
};
use mapi_server::{Options, Processor};
use proptest::prelude::*;
use std::sync::{Arc, OnceLock};
use store::{Account, NewAccount, SpecialFolder, Store, StoreOptions};
use support::Client;

/// One store for all cases: whatever one of them left in it has to do no harm to the next.
fn shared() -> &'static (Arc<Processor>, Account) {
    static SHARED: OnceLock<(Arc<Processor>, Account)> = OnceLock::new();
    SHARED.get_or_init(start)
}

fn start() -> (Arc<Processor>, Account) {
    let store = Store::in_memory(StoreOptions::default()).expect("a store");
    let new = NewAccount { address: "any@example.test".into(), ..NewAccount::default() };
    let account = store.create_account(&new).expect("an account");
    (Processor::new(store, Options::default()), account)
}

/// A session with an object of each kind.
fn open() -> (Client, Vec<Handle>) {
    let (processor, account) = shared();
    let mut client = Client::connect(processor, account);
    let folder = client.inbox();
    let message = client.create_message(SpecialFolder::Inbox.id());
    client.save(message, SaveFlags::KEEP_OPEN_READ_WRITE).expect("a save");
    let attachment =
        client.open(message, RopRequest::CreateAttachment(Empty)).expect("an attachment");
    let table = client.contents(folder);
    client.set_columns(table, &[mapi::tags::SUBJECT]).expect("columns");
    let stream = mapi_rop::stream::OpenStreamRequest {
        tag: mapi::tags::BODY,
        mode: mapi_rop::stream::StreamMode::Create,
    };
    let stream = client.open(message, RopRequest::OpenStream(stream)).expect("a stream");
    let handles =
        vec![client.logon, folder, message, attachment, table, stream, Handle::NONE, Handle::NONE];
    (client, handles)
}

fn requests() -> impl Strategy<Value = Vec<Request>> {
    let one = (0..RopId::ALL.len(), 0u8..9, 0u8..9, prop::collection::vec(any::<u8>(), 0..60));
    prop::collection::vec(one, 1..12).prop_map(|all| {
        all.into_iter()
            .filter_map(|(id, input, other, bytes)| {
                let body = RopRequest::sample_of(RopId::ALL[id], &mut Source::new(&bytes))?;
                Some(Request::with(LogonId(0), HandleIndex(input), HandleIndex(other), body))
            })
            .collect()
    })
}

fn check(requests: &[Request], limit: usize) {
    let (processor, _) = shared();
    let (client, handles) = open();
    let Some(bytes) = write_requests(requests, &handles) else { return };
    match client.session.execute(&bytes, limit) {
        Ok(answer) => {
            assert!(answer.len() <= limit);
            // Columns that were set in a buffer before are the subject alone.
            let known = |_| Columns::from([mapi::tags::SUBJECT]);
            let mut context = ResponseContext::new(requests, known);
            let _ = ResponseBuffer::read(&answer, &mut context);
        }
        Err(code) => assert!(
            [ErrorCode::RPC_FORMAT, ErrorCode::BUFFER_TOO_SMALL, ErrorCode::SERVER_MEMORY]
                .contains(&code),
            "{code}"
        ),
    }
    drop(client);
    assert_eq!(processor.ledger.panics(), 0);
    assert_eq!((processor.ledger.live_total(), processor.ledger.bytes()), (0, 0));
}

proptest! {
    #[test]
    fn any_rops_are_safe(requests in requests(), limit in 0usize..40_000) {
        check(&requests, limit);
    }
}

#[test]
fn any_bytes_are_safe() {
    let (processor, account) = start();
    let client = Client::connect(&processor, &account);
    let mut runner = proptest::test_runner::TestRunner::default();
    let bytes = prop::collection::vec(any::<u8>(), 0..200);
    runner
        .run(&bytes, |bytes| {
            let _ = client.session.execute(&bytes, 32 * 1024);
            let _ = client.session.execute_extended(Default::default(), &bytes, 0x8000);
            Ok(())
        })
        .expect("no panic");
    assert_eq!(processor.ledger.panics(), 0);
}
