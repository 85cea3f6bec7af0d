//! The account behind the organisation's public folders: as in Exchange since 2013, they are a mailbox, of an
//! account with which nobody logs on.

use super::{Account, AccountId, NewAccount, record, update, write};
use crate::engine::{Batch, Space};
use crate::{Result, Store, StoreError};

/// Under which the store of public folders stands in the directory. Nobody else can have it.
pub const ADDRESS: &str = "public-folders@coffer.invalid";
const DISPLAY_NAME: &str = "Public Folders";

/// Whether an account is that of the public folders.
pub(crate) fn is_public(account: &Account) -> bool {
    is_address(&account.address)
}

pub(super) fn is_address(address: &str) -> bool {
    address.eq_ignore_ascii_case(ADDRESS)
}

impl Store {
    /// The account of the public folders; None before they were used.
    pub fn public_folders(&self) -> Result<Option<Account>> {
        self.account_by_address(ADDRESS)
    }

    /// The same, made if it is not there yet.
    pub fn make_public_folders(&self) -> Result<Account> {
        if let Some(account) = self.public_folders()? {
            return Ok(account);
        }
        let new = NewAccount {
            address: ADDRESS.into(),
            display_name: DISPLAY_NAME.into(),
            password: None,
        };
        match super::make(self, &new, true) {
            // Somebody else was faster.
            Err(StoreError::Exists(_)) => {
                self.public_folders()?.ok_or(StoreError::NotFound("public folders"))
            }
            made => made,
        }
    }

    /// Gives an account the right to open every mailbox and to rule over public folders
    /// ([MS-OXCSTOR] 2.2.1.1.1, USE_ADMIN_PRIVILEGE), or takes it.
    ///
    /// Errors: [`StoreError::NotFound`].
    pub fn set_administrator(&self, id: AccountId, administrator: bool) -> Result<()> {
        write(self, Batch::new, |reader, batch| {
            // The account is checked, so that no right is left of one that goes meanwhile.
            update(reader, batch, id, |_| {})?;
            match administrator {
                true => batch.put(Space::Directory, record::administrator_key(id), [1]),
                false => batch.delete(Space::Directory, record::administrator_key(id)),
            }
            Ok(())
        })
    }

    pub fn is_administrator(&self, id: AccountId) -> Result<bool> {
        Ok(self.engine().get(Space::Directory, &record::administrator_key(id))?.is_some())
    }
}
