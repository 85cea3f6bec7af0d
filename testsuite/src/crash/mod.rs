//! The store of the crash tests: how the program that is killed works in it, how the test that looks at the
//! rest opens it, and what has to be there.

pub mod found;
#[cfg(target_os = "linux")]
pub mod full;
pub mod model;
#[cfg(target_os = "linux")]
pub mod steps;
pub mod work;

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use mapi::rule_action::{Action, ActionBlock, Destination, RuleActions};
use mapi::server_id::ServerId;
use mapi::{FileTime, MessageId, PropertyValue, Restriction, Wire, tags};
use store::{NewAccount, Properties, SpecialFolder, Store, StoreOptions, rule};

use crate::Result;
use crate::letter::READERS;

pub const USER: &str = "crash@example.test";
pub const PASSWORD: &str = "correct horse";

/// How much faster the store's clock runs than the real one, so that grace periods end within a run.
const HASTE: u32 = 20;

/// Opens the store in a directory. A small budget lets the engine flush and compact all the time.
pub fn open_store(dir: &Path, memory_budget: u64) -> Result<Store> {
    let start = SystemTime::now();
    let clock = move || {
        let passed = start.elapsed().unwrap_or_default();
        FileTime::from_system(start + passed * HASTE)
    };
    let options = StoreOptions { memory_budget, clock: Arc::new(clock), ..StoreOptions::default() };
    unlocked(|| Ok(Store::open(dir, options.clone())?))
}

/// Tries again what a lock of this very process is in the way of: a child that another thread forks has a copy
/// of it until it executes its program.
pub fn unlocked<T>(work: impl Fn() -> Result<T>) -> Result<T> {
    let own = format!("in use by process {};", std::process::id());
    for _ in 0..100 {
        match work() {
            Err(error) if error.to_string().contains(&own) => {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            done => return done,
        }
    }
    work()
}

pub fn make_account(store: &Store, password: Option<&str>) -> Result {
    if store.account_by_address(USER)?.is_none() {
        store.create_account(&NewAccount {
            address: USER.into(),
            display_name: "Crash".into(),
            password: password.map(str::to_owned),
        })?;
    }
    READERS.iter().try_for_each(|address| make_reader(store, address))
}

/// Who gets letters, and has a rule that copies them.
fn make_reader(store: &Store, address: &str) -> Result {
    let new = NewAccount { address: address.to_owned(), ..NewAccount::default() };
    let account = match store.account_by_address(address)? {
        Some(account) => account,
        None => store.create_account(&new)?,
    };
    let mailbox = store.mailbox(account.mailbox)?;
    let inbox = SpecialFolder::Inbox.id();
    if !rule::list(&mailbox, inbox)?.is_empty() {
        return Ok(());
    }
    let (folder, message) = (SpecialFolder::Drafts.id(), MessageId::NONE);
    let folder = ServerId::Own { folder, message, instance: 0 }.to_wire();
    let action = Action::Copy(Destination { in_this_store: 1, store: vec![0], folder });
    let actions = RuleActions(vec![ActionBlock { flavor: 0, flags: 0, action }]).to_bytes();
    let condition = Restriction::Exist { tag: tags::SUBJECT }.to_wire();
    let mut copies = Properties::new();
    copies.set(tags::RULE_STATE, rule::ENABLED as i32);
    copies.set(tags::RULE_PROVIDER, "Crash");
    copies.set(tags::RULE_CONDITION, PropertyValue::Restriction(condition));
    copies.set(tags::RULE_ACTIONS, PropertyValue::RuleAction(actions));
    rule::modify(&mailbox, inbox, false, &[rule::Change::Add(copies)])?;
    Ok(())
}

/// Looks at every record and every byte of the large values; the number of messages.
///
/// Errors: what is wrong.
pub fn check(store: &Store) -> Result<u64> {
    let report = store::check::store(store, &store::check::Options::default(), &mut |_| {})?;
    match report.is_clean() {
        true => Ok(report.messages),
        false => Err(format!("check finds {:#?}", report.left_in_words()).into()),
    }
}
