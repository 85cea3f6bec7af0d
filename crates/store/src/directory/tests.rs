use std::collections::BTreeSet;

use super::*;
use crate::StoreOptions;

fn store() -> Store {
    Store::in_memory(StoreOptions::default()).expect("a store in memory")
}

fn new(address: &str, password: Option<&str>) -> NewAccount {
    NewAccount {
        address: address.into(),
        password: password.map(str::to_owned),
        ..NewAccount::default()
    }
}

#[test]
fn an_account_is_found_by_all_that_identifies_it() {
    let store = store();
    let account = store.create_account(&new("Ann@Example.test", None)).expect("made");
    assert_eq!(account.display_name, "Ann@Example.test");
    let dn = account.legacy_dn.to_uppercase();
    for found in [
        store.account_by_address("ann@example.TEST"),
        store.account_by_legacy_dn(&dn),
        store.account_by_mailbox_guid(account.mailbox_guid),
        store.account_by_mailbox(account.mailbox),
        store.account(account.id).map(Some),
    ] {
        assert_eq!(found.expect("read").as_ref(), Some(&account));
    }
    assert!(account.legacy_dn.starts_with(
        "/o=Coffer/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn="
    ));
    assert!(account.legacy_dn.ends_with("-Ann"));
    assert_eq!(
        store.server_dn().expect("named"),
        "/o=Coffer/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Configuration/cn=Servers/cn=COFFER"
    );
    assert!(store.mailbox(account.mailbox).is_ok());
    assert_eq!(store.account_by_address(&"x".repeat(5000)).expect("read"), None);
}

#[test]
fn addresses_that_are_none_are_refused() {
    let store = store();
    for address in ["", "ann", "@example.test", "ann@", "a b@example.test", "a\n@example.test"] {
        let refused = store.create_account(&new(address, None));
        assert!(matches!(refused, Err(StoreError::Invalid(_))), "{address:?}");
    }
    let long = format!("{}@example.test", "x".repeat(300));
    assert!(matches!(store.create_account(&new(&long, None)), Err(StoreError::Invalid(_))));
    assert!(store.accounts().expect("list").is_empty());
}

#[test]
fn of_many_creators_of_an_address_one_succeeds() {
    let store = store();
    let made: Vec<Result<Account>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16)
            .map(|n| {
                let store = store.clone();
                let address = match n % 2 {
                    0 => "same@example.test".to_owned(),
                    _ => format!("user{n}@example.test"),
                };
                scope.spawn(move || store.create_account(&new(&address, None)))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 9);
    assert!(made.iter().flatten().all(|account| account.mailbox.0 >= 1));
    let refused = made.iter().filter_map(|made| made.as_ref().err());
    assert!(refused.into_iter().all(|error| matches!(error, StoreError::Exists("account"))));
    let accounts = store.accounts().expect("list");
    assert!(accounts.is_sorted_by_key(|account| account.address.clone()));
    let mailboxes: BTreeSet<_> = accounts.iter().map(|account| account.mailbox).collect();
    let ids: BTreeSet<_> = accounts.iter().map(|account| account.id).collect();
    assert_eq!((accounts.len(), mailboxes.len(), ids.len()), (9, 9, 9));
}

#[test]
fn only_the_password_of_an_enabled_account_is_believed() {
    let store = store();
    let ann = store.create_account(&new("ann@example.test", Some("first"))).expect("made");
    let bob = store.create_account(&new("bob@example.test", None)).expect("made");
    let verify = |address: &str, password: &str| store.verify_password(address, password);
    assert_eq!(verify("ANN@example.test", "first").expect("right"), ann);
    for (address, password) in [
        ("ann@example.test", "wrong"),
        ("ann@example.test", ""),
        ("bob@example.test", ""),
        ("nobody@example.test", "first"),
    ] {
        assert!(matches!(verify(address, password), Err(StoreError::BadCredentials)));
    }
    store.set_disabled(ann.id, true).expect("disabled");
    assert!(matches!(verify("ann@example.test", "first"), Err(StoreError::Disabled)));
    assert!(matches!(verify("ann@example.test", "wrong"), Err(StoreError::BadCredentials)));
    store.set_disabled(ann.id, false).expect("enabled");
    store.set_password(ann.id, "second").expect("set");
    assert!(matches!(verify("ann@example.test", "first"), Err(StoreError::BadCredentials)));
    let now = verify("ann@example.test", "second").expect("right");
    assert!(now.credential_epoch > ann.credential_epoch + 2, "three changes, three epochs");
    store.set_password(bob.id, "b").expect("set");
    assert!(verify("bob@example.test", "b").is_ok());
    assert!(matches!(store.set_password(bob.id, ""), Err(StoreError::Invalid(_))));
    assert!(matches!(store.set_password(AccountId(99), "x"), Err(StoreError::NotFound(_))));
}

#[test]
fn an_epoch_changes_only_with_what_it_is_for() {
    let store = store();
    let ann = store.create_account(&new("ann@example.test", None)).expect("made");
    store.set_disabled(ann.id, false).expect("nothing to do");
    assert_eq!(store.account(ann.id).expect("there").credential_epoch, ann.credential_epoch);
}

#[test]
fn a_grant_opens_one_mailbox_to_one_account() {
    let store = store();
    let [ann, bob, eve] = ["ann", "bob", "eve"].map(|name| {
        store.create_account(&new(&format!("{name}@example.test"), None)).expect("made")
    });
    store.grant_full_access(ann.id, bob.id).expect("granted");
    let may = |mailbox, account| store.may_open(mailbox, account).expect("read");
    assert!(may(ann.mailbox, ann.id) && may(ann.mailbox, bob.id));
    assert!(!may(ann.mailbox, eve.id) && !may(bob.mailbox, ann.id));
    assert_eq!(store.grantees(ann.mailbox).expect("read"), [bob.id]);
    store.revoke_full_access(ann.id, bob.id).expect("revoked");
    assert!(!may(ann.mailbox, bob.id));
    assert!(matches!(
        store.grant_full_access(ann.id, AccountId(77)),
        Err(StoreError::NotFound("account"))
    ));
    store.grant_full_access(ann.id, bob.id).expect("granted");
    store.remove_account(bob.id).expect("removed");
    assert!(store.grantees(ann.mailbox).expect("read").is_empty());
}

#[test]
fn a_removed_account_leaves_nothing_and_its_numbers_stay_used() {
    let store = store();
    let ann = store.create_account(&new("ann@example.test", Some("p"))).expect("made");
    let bob = store.create_account(&new("bob@example.test", None)).expect("made");
    store.grant_full_access(ann.id, bob.id).expect("granted");
    let open = store.mailbox(ann.mailbox).expect("there");
    store.remove_account(ann.id).expect("removed");
    assert!(matches!(store.remove_account(ann.id), Err(StoreError::NotFound(_))));
    assert!(matches!(
        store.verify_password("ann@example.test", "p"),
        Err(StoreError::BadCredentials)
    ));
    assert!(!store.may_open(ann.mailbox, ann.id).expect("read"));
    assert!(!store.may_open(ann.mailbox, bob.id).expect("read"));
    drop(open);
    assert!(matches!(store.mailbox(ann.mailbox), Err(StoreError::NotFound(_))));
    assert_eq!(left_of(&store, ann.mailbox), 0);
    let again = store.create_account(&new("ann@example.test", None)).expect("made again");
    assert!(again.id > bob.id && again.mailbox > bob.mailbox);
    assert_ne!(again.legacy_dn, ann.legacy_dn);
    assert!(matches!(
        store.verify_password("ann@example.test", "p"),
        Err(StoreError::BadCredentials)
    ));
}

#[test]
fn a_removal_goes_on_after_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::open(dir.path(), StoreOptions::default()).expect("open");
    let ann = store.create_account(&new("ann@example.test", None)).expect("made");
    let bob = store.create_account(&new("bob@example.test", Some("b"))).expect("made");
    // What a removal looks like whose process died before the first batch of deletes.
    let mut batch = Batch::new();
    jobs::add_mailbox_removal(&mut batch, ann.mailbox);
    assert!(store.engine().commit(batch).expect("written").is_committed());
    store.close().expect("closed");
    drop(store);
    let store = Store::open(dir.path(), StoreOptions::default()).expect("open again");
    assert_eq!(left_of(&store, ann.mailbox), 0);
    assert!(left_of(&store, bob.mailbox) > 0);
    let found = store.verify_password("bob@example.test", "b").expect("as before");
    assert_eq!(found, bob);
    let eve = store.create_account(&new("eve@example.test", None)).expect("made");
    assert!(eve.mailbox > bob.mailbox);
}

#[test]
fn a_removal_takes_all_of_a_large_mailbox() {
    let store = store();
    let ann = store.create_account(&new("ann@example.test", None)).expect("made");
    let mut batch = Batch::new();
    for n in 0..3000u32 {
        let key = crate::keys::key(ann.mailbox, crate::keys::Kind::ImportKey, &[&n.to_be_bytes()]);
        batch.put(Space::Mailbox, key, [0]);
    }
    assert!(store.engine().commit(batch).expect("written").is_committed());
    store.remove_account(ann.id).expect("removed");
    assert_eq!(left_of(&store, ann.mailbox), 0);
}

#[test]
fn writers_lose_the_race_against_a_removal() {
    let store = store();
    let ann = store.create_account(&new("ann@example.test", None)).expect("made");
    let mailbox = store.mailbox(ann.mailbox).expect("there");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let mailbox = &mailbox;
            scope.spawn(move || while crate::mailbox::ids::allocate(mailbox, 1).is_ok() {});
        }
        store.remove_account(ann.id).expect("removed");
    });
    assert_eq!(left_of(&store, ann.mailbox), 0);
}

fn left_of(store: &Store, mailbox: MailboxNumber) -> usize {
    let range = KeyRange::prefix(crate::keys::mailbox_prefix(mailbox));
    store.engine().scan(Space::Mailbox, &range, Direction::Forward, usize::MAX).expect("scan").len()
}
