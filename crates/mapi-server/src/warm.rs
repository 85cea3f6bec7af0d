//! What logons asked for last, kept at hand: a client that opens and closes its store over and over finds
//! its account and its mailbox without the engine.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use store::{Account, AccountId, Mailbox, MailboxNumber, Result, Store};

/// Mailboxes that are kept open without a logon.
pub const MAILBOXES: usize = 64;
/// Accounts that are remembered.
pub const ACCOUNTS: usize = 4096;

/// The bounded memory.
#[derive(Default)]
pub struct Warm {
    accounts: Mutex<Accounts>,
    /// Newest first.
    mailboxes: Mutex<VecDeque<Arc<Mailbox>>>,
}

/// Accounts as they were in one state of the directory.
#[derive(Default)]
struct Accounts {
    version: u64,
    known: HashMap<AccountId, Arc<Account>>,
}

impl Warm {
    /// An account as it is now.
    ///
    /// # Errors
    /// Those of [`Store::account`].
    pub fn account(&self, store: &Store, id: AccountId) -> Result<Arc<Account>> {
        if let Some(account) = self.known_account(store, id) {
            return Ok(account);
        }
        // Asked for before the account is read: a change in between makes what is remembered old.
        let version = store.directory_version();
        let account = Arc::new(store.account(id)?);
        let mut accounts = self.accounts.lock();
        if accounts.version != version || accounts.known.len() >= ACCOUNTS {
            *accounts = Accounts { version, known: HashMap::new() };
        }
        accounts.known.insert(id, Arc::clone(&account));
        Ok(account)
    }

    /// An account as it is now, if the engine need not be asked for it.
    pub fn known_account(&self, store: &Store, id: AccountId) -> Option<Arc<Account>> {
        let accounts = self.accounts.lock();
        (accounts.version == store.directory_version()).then(|| accounts.known.get(&id).cloned())?
    }

    /// An open mailbox, which is kept open for a while.
    ///
    /// # Errors
    /// Those of [`Store::mailbox`].
    pub fn mailbox(&self, store: &Store, number: MailboxNumber) -> Result<Arc<Mailbox>> {
        if let Some(mailbox) = self.known_mailbox(number) {
            return Ok(mailbox);
        }
        let mailbox = store.mailbox(number)?;
        let mut mailboxes = self.mailboxes.lock();
        mailboxes.retain(|known| known.number() != number);
        mailboxes.push_front(Arc::clone(&mailbox));
        // The store has locks of its own for the end of a mailbox.
        let kept = mailboxes.len().min(MAILBOXES);
        let cold = mailboxes.split_off(kept);
        drop(mailboxes);
        drop(cold);
        Ok(mailbox)
    }

    /// A mailbox, if it is kept open.
    pub fn known_mailbox(&self, number: MailboxNumber) -> Option<Arc<Mailbox>> {
        let mut mailboxes = self.mailboxes.lock();
        let place = mailboxes.iter().position(|known| known.number() == number)?;
        let mailbox = mailboxes.remove(place)?;
        mailboxes.push_front(Arc::clone(&mailbox));
        Some(mailbox)
    }

    /// Accounts that are remembered now.
    pub fn accounts(&self) -> usize {
        self.accounts.lock().known.len()
    }

    /// Mailboxes that are kept open now.
    pub fn mailboxes(&self) -> usize {
        self.mailboxes.lock().len()
    }
}

#[cfg(test)]
mod tests {
    use store::{NewAccount, StoreOptions};

    use super::*;

    fn account(store: &Store, name: &str) -> Account {
        let new = NewAccount {
            address: format!("{name}@example.test"),
            display_name: name.into(),
            password: None,
        };
        store.create_account(&new).unwrap()
    }

    #[test]
    fn an_account_is_known_until_the_directory_changes() {
        let store = Store::in_memory(StoreOptions::default()).unwrap();
        let id = account(&store, "a").id;
        let warm = Warm::default();
        assert!(warm.known_account(&store, id).is_none());
        warm.account(&store, id).unwrap();
        assert!(warm.known_account(&store, id).is_some());
        store.set_disabled(id, true).unwrap();
        assert!(warm.known_account(&store, id).is_none());
        assert!(warm.account(&store, id).unwrap().disabled);
    }

    #[test]
    fn the_last_mailboxes_are_known_and_no_more() {
        let store = Store::in_memory(StoreOptions::default()).unwrap();
        let warm = Warm::default();
        let numbers: Vec<MailboxNumber> =
            (0..MAILBOXES + 2).map(|n| account(&store, &format!("u{n}")).mailbox).collect();
        for number in &numbers {
            warm.mailbox(&store, *number).unwrap();
            warm.mailbox(&store, numbers[0]).unwrap();
        }
        assert_eq!(warm.mailboxes(), MAILBOXES);
        assert!(warm.known_mailbox(numbers[0]).is_some());
        assert!(warm.known_mailbox(numbers[1]).is_none());
    }
}
