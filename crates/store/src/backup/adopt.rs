//! Restoring a mailbox with its account into a store that is in use: under a new number, with all its ids.

use super::Watch;
use super::error::{BackupError, Result};
use super::fill::Fill;
use super::reader::Opened;
use super::repository::Repository;
use super::snapshot::SavedMailbox;
use crate::directory;
use crate::{Account, Store, StoreError, check, jobs, migrate};

/// What came back.
#[derive(Debug, Clone)]
pub struct Adopted {
    pub account: Account,
    pub records: u64,
    /// What was passed over because the backup is damaged.
    pub damaged: Vec<String>,
    /// What a check of the mailbox found.
    pub problems: Vec<String>,
}

/// Restores a mailbox whose account is gone: its ids, its GUID, its passwords and the grants whose other
/// account is there. Until it is whole nobody can open it; interrupted, it is removed again.
///
/// Errors: [`BackupError::Refused`] if the address or the mailbox is in use.
pub fn adopt(
    repository: &Repository,
    opened: &Opened,
    address: &str,
    target: &Store,
    skip_damaged: bool,
    watch: &mut Watch<'_>,
) -> Result<Adopted> {
    let (account, saved) = find_mailbox(opened, address)?;
    refuse_used(target, &account)?;
    let credentials = directory::read_credentials(opened.store.engine(), account.id)?;
    let (id, number) = directory::reserve(target)?;
    let account = Account { id, mailbox: number, ..account };
    let filled = fill(repository, opened, &saved, &account, target, skip_damaged, watch)
        .and_then(|filled| Ok((directory::adopt(target, &account, &credentials)?, filled)));
    let (records, damaged) = match filled {
        Ok(((), filled)) => filled,
        Err(error) => {
            // What remains goes when the store is opened the next time.
            let _ = jobs::remove_mailbox(target, number);
            return Err(error);
        }
    };
    restore_grants(opened, &saved, &account, target)?;
    restore_aliases(opened, &saved, &account, target)?;
    jobs::resume_in(target, number)?;
    // What was on its way when the backup was taken has arrived since, or was not to be sent.
    crate::delivery::take_all_back(&*target.mailbox(number)?)?;
    let report = check::mailbox_by_number(target, number, &check::Options::default(), &mut |_| {})?;
    let problems = report.left_in_words();
    Ok(Adopted { account, records, damaged, problems })
}

/// The account of an address in a snapshot, and its mailbox.
/// Errors: [`BackupError::Refused`].
pub fn find_mailbox(opened: &Opened, address: &str) -> Result<(Account, SavedMailbox)> {
    let account = opened.store.account_by_address(address)?;
    let saved = account.as_ref().and_then(|account| {
        opened.snapshot.mailboxes.iter().find(|saved| saved.number == account.mailbox)
    });
    match (&account, saved) {
        (Some(account), Some(saved)) => Ok((account.clone(), saved.clone())),
        _ => Err(BackupError::Refused(format!(
            "there is no mailbox of {address} in snapshot {}; `coffer backup list` shows those that there are",
            opened.name
        ))),
    }
}

fn refuse_used(target: &Store, account: &Account) -> Result<()> {
    let used = |what: String| Err(BackupError::Refused(what));
    if let Some(other) = target.account_by_any_address(&account.address)? {
        return used(match other.address.eq_ignore_ascii_case(&account.address) {
            true => format!("there is an account {} already", account.address),
            false => format!("{} is an address of {}", account.address, other.address),
        });
    }
    if let Some(other) = target.account_by_mailbox_guid(account.mailbox_guid)? {
        return used(format!("the mailbox is there already, with the account {}", other.address));
    }
    match target.account_by_legacy_dn(&account.legacy_dn)? {
        Some(other) => used(format!("{} has the legacy DN of {}", other.address, account.address)),
        None => Ok(()),
    }
}

fn fill(
    repository: &Repository,
    opened: &Opened,
    saved: &SavedMailbox,
    account: &Account,
    target: &Store,
    skip_damaged: bool,
    watch: &mut Watch<'_>,
) -> Result<(u64, Vec<String>)> {
    let engine = target.inner.engine.clone();
    let mut fill = Fill::new(repository, engine, skip_damaged, watch);
    fill.total = 1;
    fill.mailbox(&saved.packs, account.mailbox, &saved.address)?;
    let filled = (fill.records, std::mem::take(&mut fill.damaged));
    drop(fill);
    migrate::mailbox(target.engine(), account.mailbox, opened.snapshot.data_format)?;
    Ok(filled)
}

/// Further addresses that nobody has got since.
fn restore_aliases(
    opened: &Opened,
    saved: &SavedMailbox,
    account: &Account,
    target: &Store,
) -> Result<()> {
    let before = opened.store.account_by_mailbox(saved.number)?;
    let before = before.ok_or(StoreError::NotFound("account"))?;
    for alias in opened.store.aliases(before.id)? {
        match target.add_alias(account.id, &alias) {
            Ok(()) | Err(StoreError::Exists(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Grants between the account and those accounts of the backup that are there still.
fn restore_grants(
    opened: &Opened,
    saved: &SavedMailbox,
    account: &Account,
    target: &Store,
) -> Result<()> {
    let there = |dn: &str| target.account_by_legacy_dn(dn);
    for (id, grants) in opened.store.all_grants(saved.number)? {
        if let Some(grantee) = there(&opened.store.account(id)?.legacy_dn)? {
            target.grant(account.id, grantee.id, grants)?;
        }
    }
    let before = opened.store.account_by_mailbox(saved.number)?;
    let before = before.ok_or(StoreError::NotFound("account"))?;
    for owner in opened.store.accounts()? {
        let grants = opened.store.grants(owner.mailbox, before.id)?;
        if !grants.is_empty()
            && let Some(owner) = there(&owner.legacy_dn)?
        {
            target.grant(owner.id, account.id, grants)?;
        }
    }
    Ok(())
}
