//! ACL (RFC 4314) over the permissions lists of folders, and LIST-MYRIGHTS (RFC 8440).

use mapi::FolderId;
use store::permission::{self, Action, Change, Member, Mode, Rights};

use super::place::User;
use super::{Fail, Outcome, Session, done, no};
use crate::imap::command::{AclChange, Name};
use crate::imap::response::{mailbox, put, string};

/// Rights as RFC 4314 2.1 names them, in the order in which they are told, and what grants them. Those of one mask are
/// tied to each other. `c` and `d` are what RFC 2086 had.
const LETTERS: [(char, Rights); 13] = [
    ('l', Rights::FOLDER_VISIBLE),
    ('r', Rights::READ_ANY),
    ('s', Rights::EDIT_ANY),
    ('w', Rights::EDIT_ANY),
    ('i', Rights::CREATE),
    ('p', Rights::CREATE),
    ('k', Rights::CREATE_SUBFOLDER),
    ('x', Rights::FOLDER_OWNER),
    ('t', Rights::DELETE_ANY),
    ('e', Rights::DELETE_ANY),
    ('a', Rights::FOLDER_OWNER),
    ('c', Rights::CREATE_SUBFOLDER),
    ('d', Rights::DELETE_ANY),
];

/// Rights that are granted together, for LISTRIGHTS.
const GROUPS: &str = "l r sw ip kc xa ted";

fn letters(rights: Rights) -> String {
    LETTERS.iter().filter(|(_, mask)| rights.contains(*mask)).map(|(letter, _)| *letter).collect()
}

/// None for a letter that is no right.
fn rights_of(letters: &str) -> Option<Rights> {
    letters.chars().try_fold(Rights::NONE, |all, letter| {
        let (_, mask) = LETTERS.iter().find(|(known, _)| *known == letter)?;
        Some(all | *mask)
    })
}

impl Session {
    pub(super) fn my_rights(&self, name: &Name, w: &mut Vec<u8>) -> Outcome {
        let (user, folder) = self.folder(name)?;
        self.put_my_rights(&user, folder, &self.named(name)?, w)?;
        done("These are your rights")
    }

    pub(super) fn put_my_rights(
        &self,
        user: &User,
        folder: FolderId,
        name: &str,
        w: &mut Vec<u8>,
    ) -> Result<(), Fail> {
        let rights = permission::rights_in(&user.mailbox, user.who, folder)?;
        put(w, "* MYRIGHTS ");
        mailbox(w, name, self.utf8);
        put(w, " ");
        // An empty string is none that could stand without quotes.
        match letters(rights).as_str() {
            "" => put(w, "\"\""),
            letters => put(w, letters),
        }
        put(w, "\r\n");
        Ok(())
    }

    pub(super) fn get_acl(&self, name: &Name, w: &mut Vec<u8>) -> Outcome {
        let (user, folder) = self.administered(name)?;
        let store = user.mailbox.store();
        put(w, "* ACL ");
        mailbox(w, &self.named(name)?, self.utf8);
        let mut one = |identifier: &str, rights: Rights| {
            if rights != Rights::NONE {
                put(w, " ");
                string(w, identifier.as_bytes());
                put(w, " ");
                string(w, letters(rights).as_bytes());
            }
        };
        if let Some(owner) = store.account_by_mailbox(user.mailbox.number())?
            && !user.mailbox.is_public()
        {
            one(&owner.address, Rights::ALL);
        }
        let acl = permission::list(&user.mailbox, folder)?.unwrap_or_default();
        one("anyone", acl.default);
        one("anonymous", acl.anonymous);
        for (guid, rights) in acl.accounts() {
            // Of accounts that are gone nobody can be named.
            if let Some(account) = store.account_by_mailbox_guid(guid)? {
                one(&account.address, rights);
            }
        }
        put(w, "\r\n");
        done("This is the list")
    }

    pub(super) fn set_acl(
        &self,
        name: &Name,
        identifier: &str,
        change: Option<(AclChange, &str)>,
    ) -> Outcome {
        let rights = change
            .map(|(_, letters)| rights_of(letters).ok_or(Fail::Bad("there is no such right")));
        let rights = rights.transpose()?.unwrap_or_default();
        let (user, folder) = self.administered(name)?;
        let member = self.member(&user, identifier)?;
        let had = permission::list(&user.mailbox, folder)?.unwrap_or_default();
        let had = had.effective(member, false).unwrap_or_default();
        let change = match change {
            None => Change::Remove(member),
            Some((AclChange::Set, _)) => Change::Add(member, rights),
            Some((AclChange::Add, _)) => Change::Add(member, had | rights),
            Some((AclChange::Remove, _)) => Change::Add(member, had.without(with_own(rights))),
        };
        permission::modify(&user.mailbox, folder, Mode::default(), &[change])?;
        done("The list is changed")
    }

    pub(super) fn list_rights(&self, name: &Name, identifier: &str, w: &mut Vec<u8>) -> Outcome {
        let (user, _) = self.administered(name)?;
        let owner = self.member(&user, identifier);
        put(w, "* LISTRIGHTS ");
        mailbox(w, &self.named(name)?, self.utf8);
        put(w, " ");
        string(w, identifier.as_bytes());
        match owner {
            Ok(_) => put(w, &format!(" \"\" {GROUPS}\r\n")),
            // What the owner has cannot be taken from him.
            Err(Fail::No(Some(code), _)) if code == "NOPERM" => {
                put(w, &format!(" {}\r\n", letters(Rights::ALL)))
            }
            Err(fail) => {
                w.clear();
                return Err(fail);
            }
        }
        done("These can be granted")
    }

    /// A folder whose list the user may see and change.
    fn administered(&self, name: &Name) -> Result<(User, FolderId), Fail> {
        let (user, folder) = self.folder(name)?;
        user.needs(folder, Action::ChangeFolder)?;
        Ok((user, folder))
    }

    fn member(&self, user: &User, identifier: &str) -> Result<Member, Fail> {
        // RFC 4314 2.
        if identifier.eq_ignore_ascii_case("anyone") {
            return Ok(Member::Default);
        }
        if identifier.eq_ignore_ascii_case("anonymous") {
            return Ok(Member::Anonymous);
        }
        let account = user.mailbox.store().account_by_address(identifier)?;
        let account = account.ok_or_else(|| {
            no("CANNOT", "nobody has this address; rights that are denied do not exist here")
        })?;
        match account.mailbox == user.mailbox.number() {
            true => Err(no("NOPERM", "the owner has all rights, and keeps them")),
            false => Ok(Member::Account(account.mailbox_guid)),
        }
    }
}

/// Who may not do something to any item may not do it to his own either.
fn with_own(rights: Rights) -> Rights {
    let mut all = rights;
    if rights.contains(Rights::EDIT_ANY) {
        all = all | Rights::EDIT_OWNED;
    }
    if rights.contains(Rights::DELETE_ANY) {
        all = all | Rights::DELETE_OWNED;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_rights() {
        assert_eq!(letters(Rights::ALL), "lrswipkxteacd");
        assert_eq!(letters(Rights::READ_ANY | Rights::FOLDER_VISIBLE), "lr");
        assert_eq!(rights_of("lr"), Some(Rights::READ_ANY | Rights::FOLDER_VISIBLE));
        assert_eq!(rights_of("te"), rights_of("d"));
        assert_eq!(rights_of("lz"), None);
    }
}
