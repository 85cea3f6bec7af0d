//! Accounts, their credentials, and who may open whose mailbox.
//!
//! INVARIANT: an address, a legacy DN and a mailbox GUID each lead to one account: whoever makes one checks
//! in its batch that the index entry is absent, so two creators cannot both succeed. Numbers of accounts
//! and mailboxes are never used again.

pub(crate) mod alias;
mod password;
pub mod public;
pub(crate) mod record;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use mapi::Guid;

pub(crate) use self::public::is_public;
pub(crate) use self::record::read_any;
use self::record::{Counters, Site};
use crate::engine::{Batch, Direction, KeyRange, Reader, Space};
use crate::keys::{self, Kind};
use crate::mailbox::{read_state, special};
use crate::record::head::Info;
use crate::{MailboxNumber, Result, Store, StoreError, jobs};

/// Bytes of an address at most (RFC 5321 4.5.3.1).
const MAX_ADDRESS: usize = 254;
/// Bytes of a display name at most.
const MAX_NAME: usize = 1024;
/// How often a batch is built again after somebody else was faster.
const ATTEMPTS: usize = 64;

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

/// What may be granted to an account on another one's mailbox, as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Grants(pub u8);

impl Grants {
    /// To open the mailbox with all rights, which includes sending as its owner.
    pub const FULL_ACCESS: Grants = Grants(0x01);
    /// To send as the mailbox's owner.
    pub const SEND_AS: Grants = Grants(0x02);
    /// To send on behalf of the mailbox's owner.
    pub const SEND_ON_BEHALF: Grants = Grants(0x04);
    pub(crate) const EVERYTHING: Grants = Grants(0x07);

    pub fn contains(self, other: Grants) -> bool {
        self.0 & other.0 == other.0
    }

    pub fn is_empty(self) -> bool {
        self.0 & Self::EVERYTHING.0 == 0
    }
}

/// How an account may send for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sending {
    /// As the other himself: the message names nobody else.
    As,
    /// On his behalf: the message names both.
    OnBehalf,
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
        if public::is_address(&new.address) {
            return Err(StoreError::Invalid("that is the address of the public folders"));
        }
        make(self, new, false)
    }

    /// By address, without regard to case.
    pub fn account_by_address(&self, address: &str) -> Result<Option<Account>> {
        match address.len() <= MAX_ADDRESS {
            true => by_index(self.engine(), &record::address_key(address)),
            false => Ok(None),
        }
    }

    /// By legacy DN, without regard to case.
    pub fn account_by_legacy_dn(&self, dn: &str) -> Result<Option<Account>> {
        match dn.len() <= MAX_NAME / 2 {
            true => by_index(self.engine(), &record::legacy_dn_key(dn)),
            false => Ok(None),
        }
    }

    pub fn account_by_mailbox_guid(&self, guid: Guid) -> Result<Option<Account>> {
        by_index(self.engine(), &record::guid_key(guid))
    }

    /// The account that owns a mailbox.
    pub fn account_by_mailbox(&self, mailbox: MailboxNumber) -> Result<Option<Account>> {
        by_index(self.engine(), &record::mailbox_key(mailbox))
    }

    /// Errors: [`StoreError::NotFound`].
    pub fn account(&self, id: AccountId) -> Result<Account> {
        let (account, _) = read_account(self.engine(), id)?;
        Ok(account)
    }

    /// All accounts, by address.
    pub fn accounts(&self) -> Result<Vec<Account>> {
        let snapshot = self.engine().snapshot()?;
        let range = KeyRange::prefix(record::addresses());
        let entries = snapshot.scan(Space::Directory, &range, Direction::Forward, usize::MAX)?;
        entries
            .iter()
            .filter_map(|(_, id)| record::tail_number(id))
            .map(|id| Ok(read_account(&*snapshot, AccountId(id))?.0))
            .collect()
    }

    /// Replaces the password.
    ///
    /// Errors: [`StoreError::NotFound`], [`StoreError::Invalid`] for an empty or endless password.
    pub fn set_password(&self, id: AccountId, password: &str) -> Result<()> {
        self.account(id)?;
        let credential = new_credential(password)?;
        write(self, Batch::new, |reader, batch| {
            batch.put(Space::Directory, record::password_key(id), credential.clone());
            update(reader, batch, id, |account| account.credential_epoch += 1)
        })
    }

    /// Errors: [`StoreError::NotFound`].
    pub fn set_disabled(&self, id: AccountId, disabled: bool) -> Result<()> {
        write(self, Batch::new, |reader, batch| {
            let (account, _) = read_account(reader, id)?;
            if account.disabled == disabled {
                return Ok(());
            }
            update(reader, batch, id, |account| {
                account.disabled = disabled;
                account.credential_epoch += 1;
            })
        })
    }

    /// Removes the account at once, and its mailbox in bounded batches that go on after a restart.
    ///
    /// Errors: [`StoreError::NotFound`]. After any other error the account may be gone, and its mailbox
    /// goes when the store is opened the next time.
    pub fn remove_account(&self, id: AccountId) -> Result<()> {
        let (mailbox, guid) = write(self, Batch::reclaiming, |reader, batch| {
            let (account, bytes) = read_account(reader, id)?;
            batch.check_equals(Space::Directory, record::account_key(id), bytes);
            batch.delete(Space::Directory, record::account_key(id));
            for key in index_keys(&account) {
                batch.delete(Space::Directory, key);
            }
            alias::remove_all(reader, batch, id)?;
            for key in keys_below(reader, record::credentials(id))? {
                batch.delete(Space::Directory, key);
            }
            batch.delete(Space::Directory, record::administrator_key(id));
            for key in keys_below(reader, record::grants(account.mailbox))? {
                let grantee = AccountId(record::tail_number(&key).unwrap_or_default());
                batch.delete(Space::Directory, record::granted_key(grantee, account.mailbox));
                batch.delete(Space::Directory, key);
            }
            for key in keys_below(reader, record::granted(id))? {
                let mailbox = MailboxNumber(record::tail_number(&key).unwrap_or_default());
                batch.delete(Space::Directory, record::grant_key(mailbox, id));
                batch.delete(Space::Directory, key);
            }
            jobs::add_mailbox_removal(batch, account.mailbox);
            Ok((account.mailbox, account.mailbox_guid))
        })?;
        crate::permission::forget(self, guid)?;
        read_state::forget_users(self, Some(guid))?;
        close_to_writers(self, mailbox)?;
        jobs::remove_mailbox(self, mailbox)
    }

    /// Goes on with removals of mailboxes that a failure broke off: until then what they hold stays on disk. Returns
    /// how many there were. One under way at the same time is not disturbed.
    pub fn finish_removals(&self) -> Result<usize> {
        let broken = jobs::mailbox_removals(self)?;
        for mailbox in &broken {
            close_to_writers(self, *mailbox)?;
            jobs::remove_mailbox(self, *mailbox)?;
        }
        if !broken.is_empty() {
            read_state::forget_users(self, None)?;
        }
        Ok(broken.len())
    }

    /// Compares a password; an unknown user costs as much time as a known one.
    ///
    /// Errors: [`StoreError::BadCredentials`], [`StoreError::Disabled`] (only after the right password).
    pub fn verify_password(&self, address: &str, password: &str) -> Result<Account> {
        let account = self.account_by_address(address)?;
        let hashes = match &account {
            Some(account) => credentials(self.engine(), account.id)?,
            None => Vec::new(),
        };
        let right = password::matches(password, &hashes)?;
        match account {
            Some(account) if right && !account.disabled => Ok(account),
            Some(_) if right => Err(StoreError::Disabled),
            _ => Err(StoreError::BadCredentials),
        }
    }

    /// Lets `grantee` open the mailbox of `owner` with all rights.
    ///
    /// Errors: [`StoreError::NotFound`] without one of the accounts.
    pub fn grant_full_access(&self, owner: AccountId, grantee: AccountId) -> Result<()> {
        self.grant(owner, grantee, Grants::FULL_ACCESS)
    }

    /// Takes a grant of full access back; harmless if there is none.
    ///
    /// Errors: [`StoreError::NotFound`] without the owner.
    pub fn revoke_full_access(&self, owner: AccountId, grantee: AccountId) -> Result<()> {
        self.revoke(owner, grantee, Grants::FULL_ACCESS)
    }

    /// Grants something on the mailbox of `owner`, beside what was granted before.
    ///
    /// Errors: [`StoreError::NotFound`] without one of the accounts.
    pub fn grant(&self, owner: AccountId, grantee: AccountId, grants: Grants) -> Result<()> {
        write(self, Batch::new, |reader, batch| {
            read_account(reader, grantee)?;
            batch.check_present(Space::Directory, record::account_key(grantee));
            change_grants(reader, batch, owner, grantee, |held| held | grants.0)
        })
    }

    /// Takes back what was granted; harmless if it was not.
    ///
    /// Errors: [`StoreError::NotFound`] without the owner.
    pub fn revoke(&self, owner: AccountId, grantee: AccountId, grants: Grants) -> Result<()> {
        write(self, Batch::reclaiming, |reader, batch| {
            change_grants(reader, batch, owner, grantee, |held| held & !grants.0)
        })
    }

    /// What an account was granted on a mailbox.
    pub fn grants(&self, mailbox: MailboxNumber, grantee: AccountId) -> Result<Grants> {
        read_grants(self.engine(), mailbox, grantee)
    }

    /// Everybody to whom something was granted on a mailbox, and what.
    pub fn all_grants(&self, mailbox: MailboxNumber) -> Result<Vec<(AccountId, Grants)>> {
        let keys = keys_below(self.engine(), record::grants(mailbox))?;
        let ids = keys.iter().filter_map(|key| record::tail_number(key)).map(AccountId);
        ids.map(|id| Ok((id, self.grants(mailbox, id)?))).collect()
    }

    /// Whether an account may send for the owner of a mailbox, and how.
    pub fn may_send(&self, mailbox: MailboxNumber, account: AccountId) -> Result<Option<Sending>> {
        if self.may_open(mailbox, account)? {
            return Ok(Some(Sending::As));
        }
        let grants = self.grants(mailbox, account)?;
        Ok(match () {
            () if grants.contains(Grants::SEND_AS) => Some(Sending::As),
            () if grants.contains(Grants::SEND_ON_BEHALF) => Some(Sending::OnBehalf),
            () => None,
        })
    }

    /// Who was granted full access to a mailbox.
    pub fn grantees(&self, mailbox: MailboxNumber) -> Result<Vec<AccountId>> {
        let all = self.all_grants(mailbox)?.into_iter();
        Ok(all.filter(|(_, held)| held.contains(Grants::FULL_ACCESS)).map(|(id, _)| id).collect())
    }

    /// Whether the account owns the mailbox or was granted full access.
    pub fn may_open(&self, mailbox: MailboxNumber, account: AccountId) -> Result<bool> {
        let engine = self.engine();
        let owner = engine.get(Space::Directory, &record::mailbox_key(mailbox))?;
        if owner.and_then(|id| record::tail_number(&id)) == Some(account.0) {
            return Ok(true);
        }
        Ok(read_grants(engine, mailbox, account)?.contains(Grants::FULL_ACCESS))
    }

    /// The legacy DN of the server.
    pub fn server_dn(&self) -> Result<String> {
        let site = site(self.engine())?;
        Ok(format!("{}/cn=Configuration/cn=Servers/cn={}", group_dn(&site), site.server))
    }
}

fn read_grants(
    reader: &(impl Reader + ?Sized),
    mailbox: MailboxNumber,
    grantee: AccountId,
) -> Result<Grants> {
    let value = reader.get(Space::Directory, &record::grant_key(mailbox, grantee))?;
    Ok(value.map_or(Grants::default(), |value| record::read_grants(&value)))
}

/// Both entries of a grant, or none of them where nothing is left of it.
fn change_grants(
    reader: &dyn Reader,
    batch: &mut Batch,
    owner: AccountId,
    grantee: AccountId,
    change: impl FnOnce(u8) -> u8,
) -> Result<()> {
    let (owner, _) = read_account(reader, owner)?;
    let held = read_grants(reader, owner.mailbox, grantee)?;
    let after = Grants(change(held.0));
    let keys =
        [record::grant_key(owner.mailbox, grantee), record::granted_key(grantee, owner.mailbox)];
    for key in keys {
        match after.is_empty() {
            true => batch.delete(Space::Directory, key),
            false => batch.put(Space::Directory, key, [after.0]),
        }
    }
    batch.check_present(Space::Directory, record::account_key(owner.id));
    Ok(())
}

/// Whether the domain of an address is one in which an account has an address.
pub(crate) fn domain_is_known(store: &Store, address: &str) -> Result<bool> {
    let Some((_, domain)) = address.rsplit_once('@') else { return Ok(false) };
    let end = format!("@{}", record::fold(domain)).into_bytes();
    let mut known = false;
    for prefix in [record::addresses(), record::all_aliases()] {
        let range = KeyRange::prefix(prefix);
        store.engine().visit(Space::Directory, &range, Direction::Forward, &mut |key, _| {
            known = key.ends_with(&end);
            if known { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if known {
            break;
        }
    }
    Ok(known)
}

/// Makes an account and its mailbox, or the store of public folders.
fn make(store: &Store, new: &NewAccount, public: bool) -> Result<Account> {
    check_address(&new.address)?;
    if new.display_name.len() > MAX_NAME {
        return Err(StoreError::Invalid("the display name is too long"));
    }
    if let Some(other) = store.account_by_any_address(&new.address)? {
        return Err(StoreError::Exists(match other.address.eq_ignore_ascii_case(&new.address) {
            true => "account",
            false => "address",
        }));
    }
    // Before the critical section: it takes its time.
    let credential = new.password.as_deref().map(new_credential).transpose()?;
    write(store, Batch::new, |reader, batch| {
        let site = site(reader)?;
        let counters = next_counters(reader, batch)?;
        let account = Account {
            id: AccountId(counters.account),
            address: new.address.clone(),
            display_name: match new.display_name.is_empty() {
                true => new.address.clone(),
                false => new.display_name.clone(),
            },
            legacy_dn: recipient_dn(&site, &new.address),
            mailbox: MailboxNumber(counters.mailbox),
            mailbox_guid: Guid::random(),
            // Nobody logs on with it.
            disabled: public,
            credential_epoch: 1,
        };
        let id = account.id.0.to_be_bytes();
        no_alias(reader, batch, &account.address)?;
        for key in index_keys(&account) {
            if reader.get(Space::Directory, &key)?.is_some() {
                return Err(StoreError::Exists("account"));
            }
            batch.check_absent(Space::Directory, &key[..]);
            batch.put(Space::Directory, key, id);
        }
        batch.put(
            Space::Directory,
            record::account_key(account.id),
            record::write_account(&account),
        );
        if let Some(credential) = &credential {
            batch.put(Space::Directory, record::password_key(account.id), credential.clone());
        }
        let info = Info::new(account.mailbox_guid, store.now(), public);
        special::build(batch, account.mailbox, &info);
        Ok(account)
    })
}

/// Nobody has the address beside his own.
fn no_alias(reader: &dyn Reader, batch: &mut Batch, address: &str) -> Result<()> {
    let key = record::alias_key(address);
    if reader.get(Space::Directory, &key)?.is_some() {
        return Err(StoreError::Exists("address"));
    }
    batch.check_absent(Space::Directory, key);
    Ok(())
}

/// The mailboxes of all accounts, by number. Reads keys only, so that a damaged record hides none.
pub(crate) fn mailboxes(reader: &(impl Reader + ?Sized)) -> Result<Vec<MailboxNumber>> {
    let range = KeyRange::prefix(record::mailboxes());
    let keys = reader.keys(Space::Directory, &range, Direction::Forward, usize::MAX)?;
    Ok(keys.iter().filter_map(|key| record::tail_number(key)).map(MailboxNumber).collect())
}

/// Numbers for an account and a mailbox that are to be restored. A job removes the mailbox again when the store
/// is opened, until [`adopt`] ends it.
pub(crate) fn reserve(store: &Store) -> Result<(AccountId, MailboxNumber)> {
    write(store, Batch::new, |reader, batch| {
        let counters = next_counters(reader, batch)?;
        let mailbox = MailboxNumber(counters.mailbox);
        jobs::add_mailbox_removal(batch, mailbox);
        Ok((AccountId(counters.account), mailbox))
    })
}

/// The credentials of an account: number and record.
pub(crate) type Credentials = Vec<(Vec<u8>, Vec<u8>)>;

pub(crate) fn read_credentials(
    reader: &(impl Reader + ?Sized),
    id: AccountId,
) -> Result<Credentials> {
    let prefix = record::credentials(id);
    let range = KeyRange::prefix(&prefix[..]);
    let found = reader.scan(Space::Directory, &range, Direction::Forward, usize::MAX)?;
    Ok(found.iter().map(|(key, value)| (key[prefix.len()..].to_vec(), value.to_vec())).collect())
}

/// Makes an account under reserved numbers, whose mailbox is written already.
///
/// Errors: [`StoreError::Exists`].
pub(crate) fn adopt(store: &Store, account: &Account, credentials: &Credentials) -> Result<()> {
    write(store, Batch::new, |reader, batch| {
        let id = account.id.0.to_be_bytes();
        no_alias(reader, batch, &account.address)?;
        for key in index_keys(account) {
            if reader.get(Space::Directory, &key)?.is_some() {
                return Err(StoreError::Exists("account"));
            }
            batch.check_absent(Space::Directory, &key[..]);
            batch.put(Space::Directory, key, id);
        }
        let record = record::write_account(account);
        batch.put(Space::Directory, record::account_key(account.id), record);
        for (number, credential) in credentials {
            let key = [&record::credentials(account.id)[..], number].concat();
            batch.put(Space::Directory, key, &credential[..]);
        }
        batch.check_present(Space::Queue, jobs::mailbox_job(account.mailbox));
        batch.delete(Space::Queue, jobs::mailbox_job(account.mailbox));
        Ok(())
    })
}

/// Names the organisation and the server in a new store.
pub(crate) fn prepare(store: &Store) -> Result<()> {
    write(store, Batch::new, |reader, batch| {
        if reader.get(Space::Directory, record::SITE)?.is_none() {
            let organization = dn_part(&store.inner.options.organization);
            let site = Site { organization, server: "COFFER".into() };
            batch.check_absent(Space::Directory, record::SITE);
            batch.put(Space::Directory, record::SITE, site.to_bytes());
        }
        Ok(())
    })
}

/// Deletes a mailbox's head, without which nobody can build a batch, under a fresh lease, which makes every
/// batch conflict that was built before. So nothing is written behind the back of the removal.
fn close_to_writers(store: &Store, mailbox: MailboxNumber) -> Result<()> {
    let engine = store.engine();
    let head = keys::key(mailbox, Kind::Head, &[]);
    while engine.get(Space::Mailbox, &head)?.is_some() {
        let mut batch = Batch::reclaiming();
        batch.check_epoch(mailbox, engine.lease(mailbox)?);
        batch.delete(Space::Mailbox, &head[..]);
        batch.delete(Space::Mailbox, keys::key(mailbox, Kind::Info, &[]));
        if engine.commit(batch)?.is_committed() {
            break;
        }
    }
    Ok(())
}

/// The critical section of the directory: reads what is enqueued, builds a batch, and waits for the disk
/// outside.
pub(crate) fn write<T>(
    store: &Store,
    empty: impl Fn() -> Batch,
    mut build: impl FnMut(&dyn Reader, &mut Batch) -> Result<T>,
) -> Result<T> {
    let engine = store.engine();
    for _ in 0..ATTEMPTS {
        let section = store.inner.directory.lock();
        let mut batch = empty();
        batch.built_on(engine.basis());
        let reader = engine.latest();
        let result = build(&*reader, &mut batch)?;
        drop(reader);
        if batch.is_empty() {
            return Ok(result);
        }
        let ticket = engine.enqueue(batch)?;
        drop(section);
        if ticket.wait()?.is_committed() {
            store.inner.directory_version.fetch_add(1, Ordering::Release);
            return Ok(result);
        }
    }
    Err(StoreError::ObjectModified)
}

fn read_account(reader: &(impl Reader + ?Sized), id: AccountId) -> Result<(Account, Vec<u8>)> {
    let bytes = reader
        .get(Space::Directory, &record::account_key(id))?
        .ok_or(StoreError::NotFound("account"))?;
    Ok((record::read_account(id, &bytes)?, bytes.to_vec()))
}

/// The account that an entry of an index names. It may have been removed since the entry was read.
fn by_index(reader: &(impl Reader + ?Sized), key: &[u8]) -> Result<Option<Account>> {
    let entry = reader.get(Space::Directory, key)?;
    let Some(id) = entry.and_then(|id| record::tail_number(&id)) else { return Ok(None) };
    match read_account(reader, AccountId(id)) {
        Ok((account, _)) => Ok(Some(account)),
        Err(StoreError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Changes an account's record, if it is still what was read when the batch is committed.
fn update(
    reader: &dyn Reader,
    batch: &mut Batch,
    id: AccountId,
    change: impl FnOnce(&mut Account),
) -> Result<()> {
    let (mut account, bytes) = read_account(reader, id)?;
    change(&mut account);
    let key = record::account_key(id);
    batch.check_equals(Space::Directory, &key[..], bytes);
    batch.put(Space::Directory, key, record::write_account(&account));
    Ok(())
}

/// The numbers of the next account and mailbox, taken with this batch.
fn next_counters(reader: &dyn Reader, batch: &mut Batch) -> Result<Counters> {
    let last = match reader.get(Space::Directory, record::COUNTERS)? {
        Some(bytes) => {
            let last = Counters::read(&bytes)?;
            batch.check_equals(Space::Directory, record::COUNTERS, bytes.to_vec());
            last
        }
        None => {
            batch.check_absent(Space::Directory, record::COUNTERS);
            Counters::default()
        }
    };
    let next = Counters { account: last.account + 1, mailbox: last.mailbox + 1 };
    batch.put(Space::Directory, record::COUNTERS, next.to_bytes());
    Ok(next)
}

/// The entries by which an account is found.
pub(crate) fn index_keys(account: &Account) -> [Vec<u8>; 4] {
    [
        record::address_key(&account.address),
        record::legacy_dn_key(&account.legacy_dn),
        record::guid_key(account.mailbox_guid),
        record::mailbox_key(account.mailbox),
    ]
}

fn keys_below(reader: &(impl Reader + ?Sized), prefix: Vec<u8>) -> Result<Vec<Vec<u8>>> {
    let range = KeyRange::prefix(prefix);
    let found = reader.scan(Space::Directory, &range, Direction::Forward, usize::MAX)?;
    Ok(found.into_iter().map(|(key, _)| key.to_vec()).collect())
}

fn credentials(reader: &(impl Reader + ?Sized), id: AccountId) -> Result<Vec<String>> {
    let range = KeyRange::prefix(record::credentials(id));
    let found = reader.scan(Space::Directory, &range, Direction::Forward, usize::MAX)?;
    let mut hashes = Vec::with_capacity(found.len());
    for (_, bytes) in found {
        hashes.extend(record::read_credential(&bytes)?);
    }
    Ok(hashes)
}

fn new_credential(password: &str) -> Result<Vec<u8>> {
    if password.is_empty() || password.len() > password::MAX_PASSWORD {
        return Err(StoreError::Invalid("a password has 1 to 1024 bytes"));
    }
    Ok(record::write_credential(&password::hash(password)?))
}

pub(crate) fn site(reader: &(impl Reader + ?Sized)) -> Result<Site> {
    let bytes = reader.get(Space::Directory, record::SITE)?.ok_or(StoreError::NotFound("site"))?;
    Ok(Site::read(&bytes)?)
}

fn group_dn(site: &Site) -> String {
    format!("/o={}/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)", site.organization)
}

/// A DN of its own for each account, also for one that gets the address of a removed one.
pub(crate) fn recipient_dn(site: &Site, address: &str) -> String {
    let unique: String = Guid::random().0.iter().map(|byte| format!("{byte:02x}")).collect();
    let alias = dn_part(address.split('@').next().unwrap_or_default());
    format!("{}/cn=Recipients/cn={unique}-{alias}", group_dn(site))
}

/// A DN is 8-bit text on the wire, in which `/` and `=` have a meaning.
fn dn_part(text: &str) -> String {
    let clean = |c: char| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | ' ' | '.' | '-' | '_' | '+' => c,
        _ => '-',
    };
    text.chars().take(64).map(clean).collect()
}

fn check_address(address: &str) -> Result<()> {
    let Some((local, domain)) = address.rsplit_once('@') else {
        return Err(StoreError::Invalid("an address has the form name@domain"));
    };
    if local.is_empty() || domain.is_empty() || address.len() > MAX_ADDRESS {
        return Err(StoreError::Invalid("an address has the form name@domain, up to 254 bytes"));
    }
    if address.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return Err(StoreError::Invalid("an address has no spaces or control characters"));
    }
    Ok(())
}
