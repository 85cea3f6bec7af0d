use super::*;
use mapi::Guid;
use store::MailboxNumber;

fn user(id: u64) -> User {
    User {
        id: AccountId(id),
        address: format!("user{id}@example.test"),
        display_name: "User".into(),
        legacy_dn: format!("/o=x/cn=user{id}"),
        mailbox: MailboxNumber(id),
        mailbox_guid: Guid([0; 16]),
        disabled: false,
        credential_epoch: 1,
    }
}

fn ledger(limits: Limits) -> Arc<Ledger> {
    Ledger::new(Arc::new(limits))
}

fn account(ledger: &Arc<Ledger>, session: u64) -> Arc<Account> {
    Account::new(ledger.owner(&user(1)), session, Client::local("test"))
}

#[test]
fn an_entry_counts_itself_in_and_out_at_each_level() {
    let ledger = ledger(Limits::default());
    let account = account(&ledger, 1);
    let owner = Arc::clone(account.owner());
    let entry = account.open(Kind::Folder, 100).unwrap();
    assert_eq!((ledger.live(Kind::Folder), ledger.bytes()), (1, 100));
    assert_eq!((owner.live(Kind::Folder), owner.usage().bytes), (1, 100));
    entry.resize(40).unwrap();
    assert_eq!((account.bytes(), owner.usage().bytes, ledger.bytes()), (40, 40, 40));
    drop(entry);
    let nothing = Use::default();
    assert_eq!((ledger.usage(), owner.usage(), account.usage()), (nothing, nothing, nothing));
}

#[test]
fn a_users_counts_go_with_his_last_thing() {
    let ledger = ledger(Limits::default());
    let first = account(&ledger, 1);
    let second = account(&ledger, 2);
    assert!(Arc::ptr_eq(first.owner(), second.owner()));
    let entry = second.open(Kind::Table, 0).unwrap();
    drop((first, second));
    assert_eq!(ledger.owners().len(), 1);
    drop(entry);
    assert!(ledger.owners().is_empty());
    assert!(ledger.owners.lock().is_empty());
}

#[test]
fn a_limit_refuses_and_counts_the_refusal_by_its_name() {
    let limits = Limits { folders: 2, bytes_per_session: 50, ..Limits::default() };
    let ledger = ledger(limits);
    let account = account(&ledger, 1);
    let _first = account.open(Kind::Folder, 10).unwrap();
    let second = account.open(Kind::Folder, 10).unwrap();
    assert_eq!(account.open(Kind::Folder, 0).unwrap_err(), LimitReached(Limit::Folders));
    assert_eq!(second.resize(41), Err(LimitReached(Limit::BytesPerSession)));
    assert_eq!(second.bytes(), 10);
    assert_eq!(account.open(Kind::Message, 31).unwrap_err(), LimitReached(Limit::BytesPerSession));
    assert_eq!(ledger.live(Kind::Message), 0);
    assert_eq!(ledger.refused_by(Limit::Folders), 1);
    assert_eq!(ledger.refused_by(Limit::BytesPerSession), 2);
    assert_eq!(account.work.read().refused, 3);
    drop(second);
    assert!(account.open(Kind::Folder, 0).is_ok());
}

#[test]
fn a_users_sessions_share_his_limits() {
    let limits = Limits { messages_per_user: 3, bytes_per_user: 100, ..Limits::default() };
    let ledger = ledger(limits);
    let (first, second) = (account(&ledger, 1), account(&ledger, 2));
    let held: Vec<Entry> = (0..3).map(|_| first.open(Kind::Message, 20).unwrap()).collect();
    let refused = second.open(Kind::Message, 0).unwrap_err();
    assert_eq!(refused, LimitReached(Limit::MessagesPerUser));
    let refused = second.open(Kind::Table, 41).unwrap_err();
    assert_eq!(refused, LimitReached(Limit::BytesPerUser));
    // Nothing of what was refused stays counted.
    assert_eq!((second.usage(), ledger.live(Kind::Table)), (Use::default(), 0));
    let other = Account::new(ledger.owner(&user(2)), 3, Client::local("test"));
    assert!(other.open(Kind::Message, 90).is_ok());
    drop(held);
    assert!(second.open(Kind::Message, 90).is_ok());
}

#[test]
fn four_fifths_are_told_once_until_the_use_fell_below_half() {
    let ledger = ledger(Limits { tables: 10, ..Limits::default() });
    let account = account(&ledger, 1);
    let mut held: Vec<Entry> = (0..7).map(|_| account.open(Kind::Table, 0).unwrap()).collect();
    assert_eq!(ledger.warned(), 0);
    held.extend((0..3).map(|_| account.open(Kind::Table, 0).unwrap()));
    assert_eq!(ledger.warned(), 1);
    held.truncate(5);
    held.extend((0..5).map(|_| account.open(Kind::Table, 0).unwrap()));
    assert_eq!(ledger.warned(), 1);
    held.truncate(4);
    held.extend((0..4).map(|_| account.open(Kind::Table, 0).unwrap()));
    assert_eq!(ledger.warned(), 2);
}

#[test]
fn threads_leave_the_counts_even() {
    let ledger = ledger(Limits { folders_per_user: 50, ..Limits::default() });
    std::thread::scope(|scope| {
        for session in 0..4 {
            let account = account(&ledger, session);
            scope.spawn(move || {
                for round in 0..2_000 {
                    let held: Vec<_> =
                        (0..round % 23).map(|_| account.open(Kind::Folder, 3)).collect();
                    assert!(account.owner().live(Kind::Folder) <= 50 + 4);
                    drop(held);
                }
            });
        }
    });
    assert_eq!(ledger.usage(), Use::default());
    assert!(ledger.owners().is_empty());
}

#[test]
fn a_clients_name_is_short_and_harmless() {
    assert_eq!(&*Client::clean("Outlook/15.0.4420.1017"), "Outlook/15.0.4420.1017");
    assert_eq!(&*Client::clean("a\u{1b}[2J\r\nb"), "a?[2J??b");
    assert_eq!(Client::clean(&"é".repeat(500)).chars().count(), 64);
    assert_eq!(&*Client::clean("  "), "unnamed");
}
