//! A client that writes without end (KB2814847: a calendar that is synchronized in a loop) is stopped by a budget of
//! writes; whoever reads, and everybody else, is not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mapi::{ErrorCode, FileTime, TaggedValue, tags};
use mapi_rop::message::SaveFlags;
use mapi_server::{Limit, Limits, Options};
use mapi_session::{Loopback, MessageStoreProvider};
use store::{NewAccount, SpecialFolder, Store, StoreOptions};
use testsuite::Result;
use testsuite::raw::{Answer, Client};

const INBOX: mapi::FolderId = SpecialFolder::Inbox.id();
const MINUTE: u64 = 60 * 10_000_000;

fn client(store: &Store, service: &Loopback, user: &str) -> Result<Client> {
    let mut client = Client::new(service.as_user(user)?.connect()?.transport);
    let account = store.account_by_address(user)?.ok_or("no such account")?;
    client.logon = client.log_on(&account.legacy_dn)?;
    Ok(client)
}

fn post(client: &mut Client) -> Answer<mapi::MessageId> {
    client.post(INBOX, &[TaggedValue::new(tags::SUBJECT, "again")])
}

#[test]
fn who_writes_without_end_is_told_to_come_back_later() -> Result {
    let time = Arc::new(AtomicU64::new(130_000_000_000_000_000));
    let clock = {
        let time = Arc::clone(&time);
        Arc::new(move || FileTime(time.load(Ordering::SeqCst)))
    };
    let store = Store::in_memory(StoreOptions { clock, ..StoreOptions::default() })?;
    for address in ["loop@example.test", "other@example.test"] {
        let account = NewAccount { address: address.into(), ..NewAccount::default() };
        store.create_account(&account)?;
    }
    let limits = Limits { writes_per_hour: 10, ..Limits::default() };
    let options = Options { limits, ..Options::default() };
    let service = Loopback::with_options(store.clone(), "loop@example.test", options)?;
    let mut looping = client(&store, &service, "loop@example.test")?;
    for written in 1..=10 {
        post(&mut looping)?;
        assert_eq!(service.ledger().warned(), u64::from(written >= 8), "after {written}");
    }
    // What is refused is not lost: the message stays open, and is saved later.
    let message = looping.create_message(INBOX, false)?;
    looping.set(message, tags::SUBJECT, "one more")?;
    assert_eq!(looping.save(message, SaveFlags::NONE), Err(ErrorCode::SERVER_BUSY));
    assert_eq!(looping.save(message, SaveFlags::NONE), Err(ErrorCode::SERVER_BUSY));
    assert_eq!(service.ledger().refused_by(Limit::WritesPerHour), 2);
    // Reading goes on, and so do others.
    let inbox = looping.open_folder(INBOX)?;
    assert_eq!(looping.get(inbox, tags::CONTENT_COUNT), Ok(10.into()));
    post(&mut client(&store, &service, "other@example.test")?)?;
    // Six minutes are worth one of ten writes an hour.
    time.fetch_add(6 * MINUTE, Ordering::SeqCst);
    looping.save(message, SaveFlags::NONE)?;
    assert_eq!(post(&mut looping), Err(ErrorCode::SERVER_BUSY));
    // A new session of the same user has what the old one left.
    drop(looping);
    assert_eq!(service.ledger().live_total(), 0);
    let mut looping = client(&store, &service, "loop@example.test")?;
    assert_eq!(post(&mut looping), Err(ErrorCode::SERVER_BUSY));
    time.fetch_add(60 * MINUTE, Ordering::SeqCst);
    for _ in 0..10 {
        post(&mut looping)?;
    }
    assert_eq!(post(&mut looping), Err(ErrorCode::SERVER_BUSY));
    assert_eq!(service.ledger().warned(), 2);
    Ok(())
}
