//! LIST in the namespaces of others (RFC 2342 5): only where a pattern asks for them by name, so that who lists his own
//! mailboxes gets no others.

use store::Account;

use super::folders::put_list;
use super::place::{OTHERS, PUBLIC, READ, User};
use super::{Fail, Session, no};
use crate::imap::command::List;
use crate::imap::names::{self, DELIMITER, matches};
use crate::imap::response::put;

/// Accounts whose mailboxes are looked at for one LIST.
const MAX_ACCOUNTS: usize = 10_000;

impl Session {
    pub(super) fn list_shared(
        &self,
        list: &List,
        patterns: &[String],
        w: &mut Vec<u8>,
    ) -> Result<(), Fail> {
        let begins = |pattern: &String, name: &str| {
            pattern
                .strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with([DELIMITER, '*', '%']))
        };
        // Subscriptions are kept by name, and told of with one's own.
        if list.subscribed || list.special_use {
            return Ok(());
        }
        if patterns.iter().any(|pattern| begins(pattern, OTHERS)) {
            let mut found = Vec::new();
            for account in self.accounts_of(patterns)? {
                found.extend(self.user()?.at(&account)?);
            }
            if !found.is_empty() {
                self.put_node(patterns, OTHERS, w);
            }
            for user in &found {
                self.list_of(list, patterns, user, w)?;
            }
        }
        if patterns.iter().any(|pattern| begins(pattern, PUBLIC))
            && let Some(user) = self.user()?.at_public()?
        {
            self.list_of(list, patterns, &user, w)?;
        }
        Ok(())
    }

    /// The accounts that patterns name, or all.
    fn accounts_of(&self, patterns: &[String]) -> Result<Vec<Account>, Fail> {
        let named = patterns.iter().map(|pattern| {
            let rest = pattern.strip_prefix(OTHERS)?.strip_prefix(DELIMITER)?;
            let (address, _) = rest.split_once(DELIMITER)?;
            (!address.contains(['*', '%'])).then_some(address)
        });
        if let Some(addresses) = named.collect::<Option<Vec<_>>>() {
            let mut accounts = Vec::new();
            for address in addresses {
                accounts.extend(self.store.account_by_address(address)?);
            }
            return Ok(accounts);
        }
        let accounts = self.store.accounts()?;
        match accounts.len() <= MAX_ACCOUNTS {
            true => Ok(accounts),
            false => Err(no("LIMIT", "there are too many accounts: name the one you mean")),
        }
    }

    fn list_of(
        &self,
        list: &List,
        patterns: &[String],
        user: &User,
        w: &mut Vec<u8>,
    ) -> Result<(), Fail> {
        self.put_node(patterns, user.prefix.trim_end_matches(DELIMITER), w);
        for named in names::all(&user.mailbox)? {
            let name = format!("{}{}", user.prefix, named.name);
            let id = named.info.id;
            if !patterns.iter().any(|pattern| matches(pattern, &name))
                || !user.may(id, store::permission::Action::SeeFolder)?
            {
                continue;
            }
            let children = match named.children > 0 {
                true => "\\HasChildren",
                false => "\\HasNoChildren",
            };
            let may_read = user.may(id, READ)?;
            let attributes = [children, "\\Noselect"];
            put_list(w, "LIST", &attributes[..2 - usize::from(may_read)], &name, self.utf8);
            put(w, "\r\n");
            if let Some(items) = list.returned.status.as_ref().filter(|_| may_read) {
                self.put_status(user, &name, id, items, w)?;
            }
            if list.returned.my_rights {
                self.put_my_rights(user, id, &name, w)?;
            }
        }
        Ok(())
    }

    /// A name that is no mailbox and holds some.
    fn put_node(&self, patterns: &[String], name: &str, w: &mut Vec<u8>) {
        if patterns.iter().any(|pattern| matches(pattern, name)) {
            put_list(w, "LIST", &["\\HasChildren", "\\Noselect"], name, self.utf8);
            put(w, "\r\n");
        }
    }
}
