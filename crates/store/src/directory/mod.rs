//! Accounts, their credentials, and who may open whose mailbox.

use std::ops::ControlFlow;

use mapi::Guid;

use crate::engine::{Batch, Direction, KeyRange, Outcome, Space};
use crate::mailbox::special;
use crate::record::head::Info;
use crate::{MailboxNumber, Result, Store, StoreError, jobs, keys};

mod password;
mod record;

use record::{Credential, Head, Kind, key};

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
    pub fn create_account(&self, new: &NewAccount) -> Result<Account> {
        let address = check_address(&new.address)?;
        let credentials = match &new.password {
            Some(password) => vec![Credential::Password(password::hash(password)?)],
            None => Vec::new(),
        };
        let _lock = self.inner.directory.lock();
        let mut head = self.head()?;
        let old_head = head.to_bytes();
        head.last_account += 1;
        head.last_mailbox += 1;
        let guid = Guid::random();
        let account = Account {
            id: AccountId(head.last_account),
            address: address.to_owned(),
            display_name: match new.display_name.is_empty() {
                true => address.to_owned(),
                false => new.display_name.clone(),
            },
            legacy_dn: account_dn(&head.organization, address),
            mailbox: MailboxNumber(head.last_mailbox),
            mailbox_guid: guid,
            disabled: false,
            credential_epoch: 1,
        };
        let info = Info { guid, replica: Guid::random(), created: self.now() };
        let mut batch = Batch::new();
        let address_key = address_key(address);
        batch.check_absent(Space::Directory, address_key.clone());
        batch.check_equals(Space::Directory, key(Kind::Head, &[]), old_head);
        batch.put(Space::Directory, key(Kind::Head, &[]), head.to_bytes());
        let id = account.id.0.to_be_bytes();
        batch.put(Space::Directory, address_key, id);
        batch.put(Space::Directory, dn_key(&account.legacy_dn), id);
        batch.put(Space::Directory, key(Kind::MailboxGuid, &[&guid.0]), id);
        batch.put(Space::Directory, key(Kind::Account, &[&id]), record::write_account(&account));
        let credentials = record::write_credentials(&credentials);
        batch.put(Space::Directory, key(Kind::Credentials, &[&id]), credentials);
        special::build(&mut batch, account.mailbox, &info);
        match self.engine().commit(batch)? {
            Outcome::Committed => Ok(account),
            Outcome::Conflict { .. } => Err(StoreError::Exists("address")),
        }
    }

    /// By address, without regard to case.
    pub fn account_by_address(&self, address: &str) -> Result<Option<Account>> {
        self.account_by(&address_key(address))
    }

    /// By legacy DN, without regard to case.
    pub fn account_by_legacy_dn(&self, dn: &str) -> Result<Option<Account>> {
        self.account_by(&dn_key(dn))
    }

    pub fn account_by_mailbox_guid(&self, guid: Guid) -> Result<Option<Account>> {
        self.account_by(&key(Kind::MailboxGuid, &[&guid.0]))
    }

    /// Errors: [`StoreError::NotFound`].
    pub fn account(&self, id: AccountId) -> Result<Account> {
        self.read_account(id)?.ok_or(StoreError::NotFound("account"))
    }

    /// All accounts, by address.
    pub fn accounts(&self) -> Result<Vec<Account>> {
        let mut accounts = Vec::new();
        self.engine().visit(
            Space::Directory,
            &KeyRange::prefix(key(Kind::Account, &[])),
            Direction::Forward,
            &mut |_, value| {
                accounts.push(record::read_account(&value));
                ControlFlow::Continue(())
            },
        )?;
        let mut accounts = accounts.into_iter().collect::<Result<Vec<_>, _>>()?;
        accounts.sort_by_cached_key(|account| account.address.to_lowercase());
        Ok(accounts)
    }

    /// Replaces the password. What was verified before is not believed any more.
    pub fn set_password(&self, id: AccountId, password: &str) -> Result<()> {
        let phc = password::hash(password)?;
        self.change_account(id, |account, batch| {
            account.credential_epoch += 1;
            let key = key(Kind::Credentials, &[&id.0.to_be_bytes()]);
            let mut credentials = match self.engine().get(Space::Directory, &key)? {
                Some(bytes) => record::read_credentials(&bytes)?,
                None => Vec::new(),
            };
            credentials.retain(|credential| !matches!(credential, Credential::Password(_)));
            credentials.push(Credential::Password(phc.clone()));
            batch.put(Space::Directory, key, record::write_credentials(&credentials));
            Ok(())
        })
    }

    pub fn set_disabled(&self, id: AccountId, disabled: bool) -> Result<()> {
        self.change_account(id, |account, _| {
            account.disabled = disabled;
            account.credential_epoch += 1;
            Ok(())
        })
    }

    /// Removes the account at once, and its mailbox in bounded batches that go on after a restart.
    ///
    /// Errors: [`StoreError::NotFound`].
    pub fn remove_account(&self, id: AccountId) -> Result<()> {
        let account = {
            let _lock = self.inner.directory.lock();
            let account = self.account(id)?;
            let mut batch = Batch::reclaiming();
            let number = id.0.to_be_bytes();
            for key in [
                address_key(&account.address),
                dn_key(&account.legacy_dn),
                key(Kind::MailboxGuid, &[&account.mailbox_guid.0]),
                key(Kind::Account, &[&number]),
                key(Kind::Credentials, &[&number]),
            ] {
                batch.delete(Space::Directory, key);
            }
            for grantee in self.grantees(account.mailbox)? {
                batch.delete(Space::Directory, grant_key(account.mailbox, grantee));
            }
            for owner in self.accounts()? {
                batch.delete(Space::Directory, grant_key(owner.mailbox, id));
            }
            // From here on nobody can open it or write to it.
            batch.delete(Space::Mailbox, keys::key(account.mailbox, keys::Kind::Info, &[]));
            batch.delete(Space::Mailbox, keys::key(account.mailbox, keys::Kind::Head, &[]));
            jobs::add_mailbox_removal(&mut batch, account.mailbox);
            let _ = self.engine().commit(batch)?;
            account
        };
        jobs::remove_mailbox(self, account.mailbox)
    }

    /// Compares a password; an unknown user costs as much time as a known one.
    ///
    /// Errors: [`StoreError::BadCredentials`], [`StoreError::Disabled`] (only after the right password).
    pub fn verify_password(&self, address: &str, password: &str) -> Result<Account> {
        let account = self.account_by_address(address)?;
        let mut phc = None;
        if let Some(account) = &account {
            let key = key(Kind::Credentials, &[&account.id.0.to_be_bytes()]);
            if let Some(bytes) = self.engine().get(Space::Directory, &key)? {
                phc = record::read_credentials(&bytes)?.into_iter().find_map(|credential| {
                    match credential {
                        Credential::Password(phc) => Some(phc),
                        Credential::Unknown(..) => None,
                    }
                });
            }
        }
        let right = password::verify(password, phc.as_deref());
        match account {
            Some(account) if right && account.disabled => {
                let _ = account;
                Err(StoreError::Disabled)
            }
            Some(account) if right => Ok(account),
            _ => Err(StoreError::BadCredentials),
        }
    }

    /// Lets `grantee` open the mailbox of `owner` with all rights.
    pub fn grant_full_access(&self, owner: AccountId, grantee: AccountId) -> Result<()> {
        let _lock = self.inner.directory.lock();
        let mailbox = self.account(owner)?.mailbox;
        self.account(grantee)?;
        let mut batch = Batch::new();
        batch.put(Space::Directory, grant_key(mailbox, grantee), vec![FULL_ACCESS]);
        let _ = self.engine().commit(batch)?;
        Ok(())
    }

    pub fn revoke_full_access(&self, owner: AccountId, grantee: AccountId) -> Result<()> {
        let _lock = self.inner.directory.lock();
        let mailbox = self.account(owner)?.mailbox;
        let mut batch = Batch::reclaiming();
        batch.delete(Space::Directory, grant_key(mailbox, grantee));
        let _ = self.engine().commit(batch)?;
        Ok(())
    }

    /// Who was granted full access to a mailbox.
    pub fn grantees(&self, mailbox: MailboxNumber) -> Result<Vec<AccountId>> {
        let mut grantees = Vec::new();
        self.engine().visit(
            Space::Directory,
            &KeyRange::prefix(key(Kind::Grant, &[&mailbox.0.to_be_bytes()])),
            Direction::Forward,
            &mut |key, _| {
                let id = key.get(9..17).and_then(|id| id.try_into().ok());
                grantees.extend(id.map(|id| AccountId(u64::from_be_bytes(id))));
                ControlFlow::Continue(())
            },
        )?;
        Ok(grantees)
    }

    /// Whether the account owns the mailbox or was granted full access.
    pub fn may_open(&self, mailbox: MailboxNumber, account: AccountId) -> Result<bool> {
        let Some(known) = self.read_account(account)? else { return Ok(false) };
        if known.mailbox == mailbox {
            return Ok(true);
        }
        let key = grant_key(mailbox, account);
        Ok(self.engine().get(Space::Directory, &key)?.is_some())
    }

    /// The legacy DN of the server.
    pub fn server_dn(&self) -> Result<String> {
        let head = self.head()?;
        Ok(format!(
            "{}/cn=Configuration/cn=Servers/cn={}",
            group_dn(&head.organization),
            head.server
        ))
    }

    fn head(&self) -> Result<Head> {
        let bytes = self
            .engine()
            .get(Space::Directory, &key(Kind::Head, &[]))?
            .ok_or(StoreError::NotFound("directory"))?;
        Ok(Head::read(&bytes)?)
    }

    fn read_account(&self, id: AccountId) -> Result<Option<Account>> {
        let key = key(Kind::Account, &[&id.0.to_be_bytes()]);
        let bytes = self.engine().get(Space::Directory, &key)?;
        Ok(bytes.map(|bytes| record::read_account(&bytes)).transpose()?)
    }

    fn account_by(&self, key: &[u8]) -> Result<Option<Account>> {
        let Some(value) = self.engine().get(Space::Directory, key)? else { return Ok(None) };
        match <[u8; 8]>::try_from(&value[..]) {
            Ok(id) => self.read_account(AccountId(u64::from_be_bytes(id))),
            Err(_) => Err(StoreError::Corrupt("a damaged entry of the directory".into())),
        }
    }

    fn change_account(
        &self,
        id: AccountId,
        change: impl FnOnce(&mut Account, &mut Batch) -> Result<()>,
    ) -> Result<()> {
        let _lock = self.inner.directory.lock();
        let mut account = self.account(id)?;
        let key = key(Kind::Account, &[&id.0.to_be_bytes()]);
        let mut batch = Batch::new();
        batch.check_equals(Space::Directory, key.clone(), record::write_account(&account));
        change(&mut account, &mut batch)?;
        batch.put(Space::Directory, key, record::write_account(&account));
        match self.engine().commit(batch)? {
            Outcome::Committed => Ok(()),
            Outcome::Conflict { .. } => Err(StoreError::ObjectModified),
        }
    }
}

/// The only right that is granted so far.
const FULL_ACCESS: u8 = 1;

/// Makes the directory of a new store.
pub(crate) fn prepare(store: &Store) -> Result<()> {
    let head_key = key(Kind::Head, &[]);
    if store.engine().get(Space::Directory, &head_key)?.is_some() {
        return Ok(());
    }
    let organization: String = store
        .inner
        .options
        .organization
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || " -_".contains(*c))
        .collect();
    let head = Head {
        last_account: 0,
        last_mailbox: 0,
        organization: if organization.is_empty() { "Coffer".into() } else { organization },
        server: "COFFER".into(),
    };
    let mut batch = Batch::new();
    batch.check_absent(Space::Directory, head_key.clone());
    batch.put(Space::Directory, head_key, head.to_bytes());
    // A conflict means that somebody else made it.
    let _ = store.engine().commit(batch)?;
    Ok(())
}

fn check_address(address: &str) -> Result<&str> {
    let valid = address.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && !domain.is_empty() && !domain.contains('@')
    });
    let clean = address.chars().all(|c| !c.is_whitespace() && !c.is_control());
    match valid && clean && address.len() <= 254 {
        true => Ok(address),
        false => Err(StoreError::Invalid("an address looks like name@example.org")),
    }
}

fn address_key(address: &str) -> Vec<u8> {
    // As a hash where it could outgrow a key: no account has so long an address.
    let folded = address.to_lowercase();
    match folded.len() <= 512 {
        true => key(Kind::Address, &[folded.as_bytes()]),
        false => key(Kind::Address, &[b"\0", &keys::short_hash(folded.as_bytes())]),
    }
}

fn dn_key(dn: &str) -> Vec<u8> {
    key(Kind::LegacyDn, &[&keys::short_hash(dn.to_ascii_lowercase().as_bytes())])
}

fn grant_key(mailbox: MailboxNumber, grantee: AccountId) -> Vec<u8> {
    key(Kind::Grant, &[&mailbox.0.to_be_bytes(), &grantee.0.to_be_bytes()])
}

fn group_dn(organization: &str) -> String {
    format!("/o={organization}/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)")
}

/// As Exchange forms it: unique by 32 hexadecimal digits before the alias.
fn account_dn(organization: &str, address: &str) -> String {
    let alias: String = address
        .split('@')
        .next()
        .unwrap_or_default()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c))
        .take(32)
        .collect();
    let unique: String = Guid::random().0.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}/cn=Recipients/cn={unique}-{alias}", group_dn(organization))
}
