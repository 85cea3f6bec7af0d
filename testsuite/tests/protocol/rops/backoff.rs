//! RopBackoff: [MS-OXCROPS] 2.2.15.2. A server whose threads are held, and whose queue is full.

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

use mapi_rop::{Empty, Handle, RopRequest, RopResponse};
use mapi_server::Options;
use mapi_server::http::{Config, Running, Server};
use mapi_session::{Http, MessageStoreProvider, Profile, Session};

use store::{NewAccount, Store, StoreOptions};
use testsuite::octets::Rop;
use testsuite::rig::{ME, PASSWORD};

use super::*;

/// A server of one thread, which stops for as long as the gate is held when it did a RopGetTransportFolder.
struct Busy {
    running: Running,
    stopped: Receiver<()>,
    dn: String,
}

fn busy(gate: &Arc<Mutex<()>>) -> testsuite::Result<Busy> {
    let store = Store::in_memory(StoreOptions::default())?;
    let account = store.create_account(&NewAccount {
        address: ME.into(),
        password: Some(PASSWORD.into()),
        ..NewAccount::default()
    })?;
    let (tell, stopped) = channel();
    let (tell, gate) = (Mutex::new(tell), Arc::clone(gate));
    let trace = move |line: &str| {
        if line.contains("> ") && line.contains("GetTransportFolder") {
            let _ = tell.lock().unwrap().send(());
            drop(gate.lock().unwrap());
        }
    };
    let refused = testsuite::prove::refused();
    let options = Options { refused, trace: Some(Arc::new(trace)), ..Options::default() };
    let config = Config { options, workers: 1, queue: 1, ..Config::default() };
    Ok(Busy { running: Server::start(store, config)?, stopped, dn: account.legacy_dn })
}

impl Busy {
    fn http(&self) -> testsuite::Result<Http> {
        let url = format!("http://{}", self.running.addresses()[0]);
        Ok(Http::new(&url, ME, PASSWORD)?)
    }

    fn client(&self) -> testsuite::Result<Client> {
        let mut client = Client::new(self.http()?.connect()?.transport);
        client.logon = client.log_on(&self.dn)?;
        Ok(client)
    }

    /// Holds the thread with a request and fills the queue with another one.
    fn hold(&self, clients: [Client; 2]) -> Vec<JoinHandle<Option<RopResponse>>> {
        let [first, second] = clients;
        let ask = |mut client: Client| {
            std::thread::spawn(move || {
                let logon = client.logon;
                client.call(logon, RopRequest::GetTransportFolder(Empty)).ok()
            })
        };
        let first = ask(first);
        self.stopped.recv().expect("a thread that stopped");
        let second = ask(second);
        let waiting = || {
            let bounds = self.running.watch().bounds().expect("a server");
            bounds.iter().find(|bound| bound.name == "workers").expect("the pool").used
        };
        while waiting() == 0 {
            std::thread::yield_now();
        }
        vec![first, second]
    }
}

fn let_go(held: MutexGuard<'_, ()>, asked: Vec<JoinHandle<Option<RopResponse>>>) {
    drop(held);
    for thread in asked {
        let answer = thread.join().expect("an answer");
        assert!(matches!(answer, Some(RopResponse::GetTransportFolder(_))), "{answer:?}");
    }
}

/// MS-OXCROPS 2.2.15.2: R4449
/// MS-OXCROPS 2.2.15.2.1: R4453, R4455, R4457
/// MS-OXCROPS 3.2.4.2: R4542
#[test]
fn what_no_thread_has_time_for_is_to_be_sent_again() -> testsuite::Result {
    let gate = Arc::new(Mutex::new(()));
    let busy = busy(&gate)?;
    let clients = [busy.client()?, busy.client()?];
    let mut client = busy.client()?;
    let logon = client.logon;
    let held = gate.lock().unwrap();
    let asked = busy.hold(clients);
    let rop = Rop::new(0x6d, 0);
    let mut answer = client.ask_all(&[rop.clone(), rop.clone()], &[logon, Handle(7)]);
    // RopId, LogonId, Duration, BackoffRopCount, AdditionalDataSize.
    assert_eq!((answer.u8(), answer.u8(), answer.u32()), (0xf9, 0, 1_000));
    assert_eq!((answer.u8(), answer.u16()), (0, 0));
    assert_eq!(answer.handles, [logon, Handle(7)]);
    answer.end();
    let_go(held, asked);
    // It is the same session, and nothing was done.
    let mut answer = client.ask(rop, &[logon]);
    answer.head(0x6d, 0, code::SUCCESS);
    Ok(())
}

/// MS-OXCROPS 3.1.5.1.1: R4511, R4512, R4514
/// MS-OXCROPS 2.2.15.2.1.1
/// MS-OXCROPS 2.2.15.2: R4450
#[test]
fn a_session_waits_and_asks_again() -> testsuite::Result {
    let gate = Arc::new(Mutex::new(()));
    let busy = busy(&gate)?;
    let clients = [busy.client()?, busy.client()?];
    let mut third = busy.client()?;
    let session = Session::logon(Profile::new(busy.http()?))?;
    let store = session.open_default_msg_store()?;
    let held = gate.lock().unwrap();
    let asked = busy.hold(clients);
    // A client that asks now is told to wait for all ROPs of its logon, and none of them in particular.
    let logon = third.logon;
    let answer = third.respond(logon, Handle::NONE, RopRequest::GetTransportFolder(Empty));
    let RopResponse::Backoff(backoff) = &answer.body else { panic!("{answer:?}") };
    assert_eq!((backoff.logon.0, backoff.duration), (0, 1_000));
    assert!(backoff.rops.is_empty() && backoff.additional.bytes.is_empty());
    let (ask, asking) = channel();
    let thread = std::thread::spawn(move || {
        ask.send(()).expect("somebody who waits");
        store.open_folder(store::SpecialFolder::Inbox.id()).map(|folder| folder.id())
    });
    asking.recv()?;
    let_go(held, asked);
    assert_eq!(thread.join().expect("an answer")?, store::SpecialFolder::Inbox.id());
    Ok(())
}
