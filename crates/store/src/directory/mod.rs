//! Accounts, their credentials, and who may open whose mailbox.

use mapi::Guid;

use crate::{MailboxNumber, Result, Store, StoreError};

/// An account's number, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(pub u64);

/// Somebody who may log on, with a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub id: AccountId,
    /// As it was given; it is compared without regard to case.
    pub address: String,
    pub display_name: String,
    /// /o=.../ou=.../cn=Recipients/cn=...
    pub legacy_dn: String,
    pub mailbox: MailboxNumber,
    pub mailbox_guid: Guid,
    pub disabled: bool,
    /// Changes whenever credentials that were verified before must not be believed any more.
    pub credential_epoch: u64,
}

/// An account to be made.
#[derive(Debug, Clone, Default)]
pub struct NewAccount {
    pub address: String,
    /// The address, if empty.
    pub display_name: String,
    /// Without one nobody can log on until [`Store::set_password`].
    pub password: Option<String>,
}

impl Store {
    /// Makes an account and its mailbox with the special folders, all or nothing.
    ///
    /// Errors: [`StoreError::Exists`], [`StoreError::Invalid`] for an address without `@`.
    pub fn create_account(&self, _new: &NewAccount) -> Result<Account> {
        Err(StoreError::NotImplemented("create_account"))
    }

    /// By address, without regard to case.
    pub fn account_by_address(&self, _address: &str) -> Result<Option<Account>> {
        Err(StoreError::NotImplemented("account_by_address"))
    }

    /// By legacy DN, without regard to case.
    pub fn account_by_legacy_dn(&self, _dn: &str) -> Result<Option<Account>> {
        Err(StoreError::NotImplemented("account_by_legacy_dn"))
    }

    pub fn account_by_mailbox_guid(&self, _guid: Guid) -> Result<Option<Account>> {
        Err(StoreError::NotImplemented("account_by_mailbox_guid"))
    }

    pub fn account(&self, _id: AccountId) -> Result<Account> {
        Err(StoreError::NotImplemented("account"))
    }

    /// All accounts, by address.
    pub fn accounts(&self) -> Result<Vec<Account>> {
        Err(StoreError::NotImplemented("accounts"))
    }

    pub fn set_password(&self, _id: AccountId, _password: &str) -> Result<()> {
        Err(StoreError::NotImplemented("set_password"))
    }

    pub fn set_disabled(&self, _id: AccountId, _disabled: bool) -> Result<()> {
        Err(StoreError::NotImplemented("set_disabled"))
    }

    /// Removes the account at once, and its mailbox in bounded batches that go on after a restart.
    pub fn remove_account(&self, _id: AccountId) -> Result<()> {
        Err(StoreError::NotImplemented("remove_account"))
    }

    /// Compares a password; an unknown user costs as much time as a known one.
    ///
    /// Errors: [`StoreError::BadCredentials`], [`StoreError::Disabled`] (only after the right password).
    pub fn verify_password(&self, _address: &str, _password: &str) -> Result<Account> {
        Err(StoreError::NotImplemented("verify_password"))
    }

    /// Lets `grantee` open the mailbox of `owner` with all rights.
    pub fn grant_full_access(&self, _owner: AccountId, _grantee: AccountId) -> Result<()> {
        Err(StoreError::NotImplemented("grant_full_access"))
    }

    pub fn revoke_full_access(&self, _owner: AccountId, _grantee: AccountId) -> Result<()> {
        Err(StoreError::NotImplemented("revoke_full_access"))
    }

    /// Who was granted full access to a mailbox.
    pub fn grantees(&self, _mailbox: MailboxNumber) -> Result<Vec<AccountId>> {
        Err(StoreError::NotImplemented("grantees"))
    }

    /// Whether the account owns the mailbox or was granted full access.
    pub fn may_open(&self, _mailbox: MailboxNumber, _account: AccountId) -> Result<bool> {
        Err(StoreError::NotImplemented("may_open"))
    }

    /// The legacy DN of the server.
    pub fn server_dn(&self) -> Result<String> {
        Err(StoreError::NotImplemented("server_dn"))
    }
}

/// Makes ready what the directory needs in a new store.
#[allow(dead_code, reason = "opening a store calls it")]
pub(crate) fn prepare(_store: &Store) -> Result<()> {
    Ok(())
}
