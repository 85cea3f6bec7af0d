//! Whose folders a name leads to: one's own, those of others under "Other Users", the organisation's under
//! "Public Folders" (RFC 2342), and what the user may do there (docs/permissions.md).

use std::sync::Arc;

use mapi::FolderId;
use store::permission::{self, Action, Item};
use store::{Account, Mailbox, Store, StoreError};

use super::{Fail, Session, no};
use crate::imap::command::Name;
use crate::imap::names::{self, DELIMITER};

pub(super) const OTHERS: &str = "Other Users";
pub(super) const PUBLIC: &str = "Public Folders";

/// A mailbox, and as whom the user is there.
#[derive(Clone)]
pub(super) struct User {
    pub(super) mailbox: Arc<Mailbox>,
    /// Who logged in.
    pub(super) account: Arc<Account>,
    pub(super) who: permission::User,
    /// What stands before the names of its folders: nothing for the own mailbox.
    pub(super) prefix: String,
}

/// Somebody else's item. What is only granted for one's own items IMAP has no way to say (RFC 4314 2.1).
const ANY: Item = Item { own: false, associated: false };
pub(super) const READ: Action = Action::ReadItem(ANY);
pub(super) const EDIT: Action = Action::EditItem(ANY);
pub(super) const DELETE: Action = Action::DeleteItem(ANY);
pub(super) const INSERT: Action = Action::CreateItem { associated: false };

impl User {
    pub(super) fn own(store: &Store, account: Account) -> Result<User, StoreError> {
        let mailbox = store.mailbox(account.mailbox)?;
        let who = permission::User::Owner;
        Ok(User { mailbox, account: Arc::new(account), who, prefix: String::new() })
    }

    pub(super) fn may(&self, folder: FolderId, action: Action) -> Result<bool, StoreError> {
        // Nobody's folder has to be asked of its owner.
        Ok(self.who.is_full() || permission::may(&self.mailbox, self.who, folder, action)?.allowed)
    }

    /// What is not allowed is NO, and what may not even be seen is not there (RFC 4314 6).
    pub(super) fn needs(&self, folder: FolderId, action: Action) -> Result<(), Fail> {
        match self.may(folder, action)? {
            true => Ok(()),
            false if !self.may(folder, Action::SeeFolder)? => {
                Err(no("NONEXISTENT", "there is no such mailbox"))
            }
            false => Err(no("NOPERM", "the mailbox does not grant you this right")),
        }
    }

    /// As whom the user is there now: full access may have been given or taken since.
    pub(super) fn judge_again(&mut self) -> Result<(), StoreError> {
        if self.prefix.is_empty() {
            return Ok(());
        }
        let store = self.mailbox.store();
        self.who = match self.mailbox.is_public() {
            true => at_public(store, &self.account)?,
            false => store.user_of(self.mailbox.number(), &self.account)?,
        };
        Ok(())
    }

    /// The mailbox that belongs to another account, as this user is there; None if it grants him nothing.
    pub(super) fn at(&self, owner: &Account) -> Result<Option<User>, StoreError> {
        if owner.mailbox == self.account.mailbox {
            return Ok(None);
        }
        let store = self.mailbox.store();
        let who = store.user_of(owner.mailbox, &self.account)?;
        let mailbox = store.mailbox(owner.mailbox)?;
        if !who.is_full() && !permission::grants_anything(&mailbox, self.account.mailbox_guid)? {
            return Ok(None);
        }
        let prefix = format!("{OTHERS}{DELIMITER}{}{DELIMITER}", owner.address);
        Ok(Some(User { mailbox, account: Arc::clone(&self.account), who, prefix }))
    }

    /// The public folders as this user sees them; None where nobody ever used them.
    pub(super) fn at_public(&self) -> Result<Option<User>, StoreError> {
        let store = self.mailbox.store();
        let Some(owner) = store.public_folders()? else { return Ok(None) };
        let guid = self.account.mailbox_guid;
        let who = at_public(store, &self.account)?;
        let mailbox = store.mailbox(owner.mailbox)?.as_seen_by(guid);
        let prefix = format!("{PUBLIC}{DELIMITER}");
        Ok(Some(User { mailbox, account: Arc::clone(&self.account), who, prefix }))
    }
}

/// As whom an account meets the public folders.
fn at_public(store: &Store, account: &Account) -> Result<permission::User, StoreError> {
    Ok(match store.is_administrator(account.id)? {
        true => permission::User::FullAccess,
        false => permission::User::Other(account.mailbox_guid),
    })
}

impl User {
    /// Who makes something in somebody else's mailbox is its creator (PidTagCreatorEntryId).
    pub(super) fn creator(&self) -> Option<Vec<u8>> {
        (!self.prefix.is_empty()).then(|| permission::entry_id(&self.account))
    }
}

impl Session {
    /// The folder into which something is put; who may not see it hears that it is not there.
    pub(super) fn target(&self, name: &Name) -> Result<(User, FolderId), Fail> {
        let found = self.folder_at(&self.named(name)?)?;
        let (user, folder) =
            found.ok_or_else(|| no("TRYCREATE", "there is no such mailbox: create it first"))?;
        user.needs(folder, INSERT)?;
        Ok((user, folder))
    }

    /// Where a name leads, and the name there.
    pub(super) fn place<'n>(&self, name: &'n str) -> Result<(User, &'n str), Fail> {
        let own = self.user()?;
        let nowhere = || no("NONEXISTENT", "there is no such mailbox");
        let (first, rest) = name.split_once(DELIMITER).unwrap_or((name, ""));
        match first {
            OTHERS => {
                let (address, rest) = rest.split_once(DELIMITER).ok_or_else(nowhere)?;
                let account = own.mailbox.store().account_by_address(address)?;
                let user = account.map(|account| own.at(&account)).transpose()?.flatten();
                Ok((user.ok_or_else(nowhere)?, rest))
            }
            PUBLIC => Ok((own.at_public()?.ok_or_else(nowhere)?, rest)),
            _ => Ok((own.clone(), name)),
        }
    }

    /// The folder of a name, if the user may see it.
    pub(super) fn folder_at(&self, name: &str) -> Result<Option<(User, FolderId)>, Fail> {
        let (user, rest) = match self.place(name) {
            Ok(place) => place,
            Err(Fail::No(Some(code), _)) if code == "NONEXISTENT" => return Ok(None),
            Err(fail) => return Err(fail),
        };
        let Some(id) = names::find(&user.mailbox, rest)? else { return Ok(None) };
        Ok(user.may(id, Action::SeeFolder)?.then_some((user, id)))
    }

    /// The folder in which a folder of this name would be made, and whether the user may.
    pub(super) fn may_make(&self, user: &User, name: &str) -> Result<(), Fail> {
        if user.who.is_full() {
            return Ok(());
        }
        let parent = match name.trim_end_matches(DELIMITER).rsplit_once(DELIMITER) {
            None => names::top(&user.mailbox),
            // The folders above it have to be there: nobody can be asked for those that are not.
            Some((path, _)) => names::find(&user.mailbox, path)?
                .ok_or_else(|| no("NONEXISTENT", "the mailbox above it is not there"))?,
        };
        user.needs(parent, Action::CreateSubfolder)
    }
}
