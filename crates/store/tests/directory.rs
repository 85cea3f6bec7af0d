//! Accounts, passwords and grants.

mod common;

use std::sync::Arc;

use common::{account, options};
use store::engine::{Fault, Faults, FaultyEngine, MemoryEngine};
use store::{NewAccount, Store, StoreError};

#[test]
fn accounts_are_found_by_all_their_names() {
    let store = Store::in_memory(options()).unwrap();
    let made = account(&store, "Me@Example.test");
    assert_eq!(store.account_by_address("me@example.TEST").unwrap(), Some(made.clone()));
    let upper = made.legacy_dn.to_uppercase();
    assert_eq!(store.account_by_legacy_dn(&upper).unwrap(), Some(made.clone()));
    assert_eq!(store.account_by_mailbox_guid(made.mailbox_guid).unwrap(), Some(made.clone()));
    let again = NewAccount { address: "ME@example.test".into(), ..NewAccount::default() };
    assert!(matches!(store.create_account(&again), Err(StoreError::Exists(_))));
    let bad = NewAccount { address: "nobody".into(), ..NewAccount::default() };
    assert!(matches!(store.create_account(&bad), Err(StoreError::Invalid(_))));
    assert_eq!(store.accounts().unwrap(), [made]);
}

#[test]
fn a_removal_that_failed_at_any_step_is_finished_later() {
    let faults = Faults::default();
    let engine = FaultyEngine::new(Arc::new(MemoryEngine::new()), faults.clone());
    let store = Store::with_engine(Arc::new(engine), options()).unwrap();
    let mut broken = 0;
    for step in 0.. {
        let made = account(&store, "me@example.test");
        let before = faults.struck();
        faults.arm(Fault::Io, step);
        let outcome = store.remove_account(made.id);
        faults.disarm();
        if faults.struck() == before {
            outcome.unwrap();
            break;
        }
        if store.account(made.id).is_ok() {
            store.remove_account(made.id).unwrap();
        }
        broken += store.finish_removals().unwrap();
        assert_eq!(store.finish_removals().unwrap(), 0);
        assert!(matches!(store.mailbox(made.mailbox), Err(StoreError::NotFound(_))));
    }
    assert!(broken > 0);
}

#[test]
fn passwords_and_their_epoch() {
    let store = Store::in_memory(options()).unwrap();
    let me = account(&store, "me@example.test");
    let refused = |result| matches!(result, Err(StoreError::BadCredentials));
    assert!(refused(store.verify_password("me@example.test", "")));
    assert!(refused(store.verify_password("nobody@example.test", "secret")));
    store.set_password(me.id, "secret").unwrap();
    let verified = store.verify_password("me@example.test", "secret").unwrap();
    assert!(verified.credential_epoch > me.credential_epoch);
    assert!(refused(store.verify_password("me@example.test", "Secret")));
    store.set_disabled(me.id, true).unwrap();
    let disabled = store.verify_password("me@example.test", "secret");
    assert!(matches!(disabled, Err(StoreError::Disabled)));
    assert!(store.account(me.id).unwrap().credential_epoch > verified.credential_epoch);
}

#[test]
fn grants_come_and_go() {
    let store = Store::in_memory(options()).unwrap();
    let (a, b) = (account(&store, "a@example.test"), account(&store, "b@example.test"));
    assert!(store.may_open(a.mailbox, a.id).unwrap());
    assert!(!store.may_open(a.mailbox, b.id).unwrap());
    store.grant_full_access(a.id, b.id).unwrap();
    assert!(store.may_open(a.mailbox, b.id).unwrap());
    assert_eq!(store.grantees(a.mailbox).unwrap(), [b.id]);
    store.revoke_full_access(a.id, b.id).unwrap();
    assert!(!store.may_open(a.mailbox, b.id).unwrap());
}

#[test]
fn a_removed_account_takes_its_mailbox_along_and_numbers_are_not_reused() {
    let store = Store::in_memory(options()).unwrap();
    let a = account(&store, "a@example.test");
    let open = store.mailbox(a.mailbox).unwrap();
    store.remove_account(a.id).unwrap();
    assert!(matches!(store.mailbox(a.mailbox).map(drop), Ok(()) | Err(StoreError::NotFound(_))));
    drop(open);
    assert!(matches!(store.mailbox(a.mailbox).map(drop), Err(StoreError::NotFound(_))));
    let again = account(&store, "a@example.test");
    assert!(again.mailbox > a.mailbox && again.id > a.id);
}
