//! Further addresses of accounts, and who gets what is addressed to nobody of a domain.
//!
//! INVARIANT: an address leads to one account, whether as its own or as a further one: whoever makes either checks
//! in his batch that nobody has the other. A further address leads to an account and never to another address, so
//! no chain of them can go in circles.

use super::record::{self, MAX_ALIASES};
use super::{by_index, check_address, public, read_account, write};
use crate::engine::{Batch, Reader, Space};
use crate::{Account, AccountId, Result, Store, StoreError};

impl Store {
    /// Gives an account a further address. `@DOMAIN` stands for all addresses of a domain that nobody has.
    ///
    /// Errors: [`StoreError::NotFound`] without the account; [`StoreError::Invalid`] for what is no address;
    /// [`StoreError::Exists`] if it is somebody's, also this account's; [`StoreError::Quota`] for too many.
    pub fn add_alias(&self, id: AccountId, address: &str) -> Result<()> {
        check_alias(address)?;
        write(self, Batch::new, |reader, batch| {
            let (account, _) = read_account(reader, id)?;
            if super::is_public(&account) {
                return Err(StoreError::Invalid("the public folders have no address"));
            }
            let (mut all, bytes) = read(reader, id)?;
            if reader.get(Space::Directory, &record::address_key(address))?.is_some() {
                return Err(StoreError::Exists("account"));
            }
            let key = record::alias_key(address);
            if reader.get(Space::Directory, &key)?.is_some() {
                return Err(StoreError::Exists("alias"));
            }
            if all.len() >= MAX_ALIASES {
                return Err(StoreError::Quota("addresses of an account"));
            }
            all.push(address.to_owned());
            batch.check_present(Space::Directory, record::account_key(id));
            batch.check_absent(Space::Directory, record::address_key(address));
            batch.check_absent(Space::Directory, &key[..]);
            batch.put(Space::Directory, key, id.0.to_be_bytes());
            put(batch, id, bytes, &all);
            Ok(())
        })
    }

    /// Takes a further address back.
    ///
    /// Errors: [`StoreError::NotFound`] if the account does not have it.
    pub fn remove_alias(&self, id: AccountId, address: &str) -> Result<()> {
        write(self, Batch::reclaiming, |reader, batch| {
            read_account(reader, id)?;
            let (mut all, bytes) = read(reader, id)?;
            let folded = record::fold(address);
            let Some(at) = all.iter().position(|known| record::fold(known) == folded) else {
                return Err(StoreError::NotFound("alias"));
            };
            all.remove(at);
            batch.delete(Space::Directory, record::alias_key(address));
            put(batch, id, bytes, &all);
            Ok(())
        })
    }

    /// The further addresses of an account as they were given, in their order.
    pub fn aliases(&self, id: AccountId) -> Result<Vec<String>> {
        Ok(read(self.engine(), id)?.0)
    }

    /// By its own or a further address, without regard to case.
    pub fn account_by_any_address(&self, address: &str) -> Result<Option<Account>> {
        match self.account_by_address(address)? {
            None if address.len() <= super::MAX_ADDRESS => {
                by_index(self.engine(), &record::alias_key(address))
            }
            found => Ok(found),
        }
    }

    /// Who gets what is addressed to nobody of the domain of an address.
    pub(crate) fn catch_all(&self, domain: &str) -> Result<Option<Account>> {
        match domain.len() < super::MAX_ADDRESS {
            true => by_index(self.engine(), &record::alias_key(&format!("@{domain}"))),
            false => Ok(None),
        }
    }

    /// PidTagAddressBookProxyAddresses ([MS-OXOABK] 2.2.3.23): the account's own address is marked by capitals.
    pub fn proxy_addresses(&self, account: &Account) -> Result<Vec<String>> {
        let mut all = vec![format!("SMTP:{}", account.address)];
        let aliases = self.aliases(account.id)?;
        let further = aliases.iter().filter(|alias| !alias.starts_with('@'));
        all.extend(further.map(|alias| format!("smtp:{alias}")));
        Ok(all)
    }
}

fn check_alias(address: &str) -> Result<()> {
    if public::is_address(address) {
        return Err(StoreError::Invalid("that is the address of the public folders"));
    }
    match address.strip_prefix('@') {
        Some(domain) if domain.contains('@') => {
            Err(StoreError::Invalid("all of a domain are written as @domain"))
        }
        // As that of somebody in it.
        Some(domain) => check_address(&format!("x@{domain}")),
        None => check_address(address),
    }
}

/// The further addresses, and their record as it is stored.
pub(crate) fn read(
    reader: &(impl Reader + ?Sized),
    id: AccountId,
) -> Result<(Vec<String>, Option<Vec<u8>>)> {
    match reader.get(Space::Directory, &record::aliases_key(id))? {
        Some(bytes) => Ok((record::read_aliases(&bytes)?, Some(bytes.to_vec()))),
        None => Ok((Vec::new(), None)),
    }
}

/// Writes the record, if it is still what was read when the batch is committed.
fn put(batch: &mut Batch, id: AccountId, before: Option<Vec<u8>>, all: &[String]) {
    let key = record::aliases_key(id);
    match before {
        Some(bytes) => batch.check_equals(Space::Directory, &key[..], bytes),
        None => batch.check_absent(Space::Directory, &key[..]),
    }
    match all.is_empty() {
        true => batch.delete(Space::Directory, key),
        false => batch.put(Space::Directory, key, record::write_aliases(all)),
    }
}

/// Frees the further addresses of an account that is removed.
pub(super) fn remove_all(reader: &dyn Reader, batch: &mut Batch, id: AccountId) -> Result<()> {
    let (all, before) = match read(reader, id) {
        Ok(read) => read,
        // A damaged record keeps nobody here; `coffer check` takes what it leaves.
        Err(StoreError::Corrupt(_)) => return Ok(()),
        Err(error) => return Err(error),
    };
    for alias in &all {
        batch.delete(Space::Directory, record::alias_key(alias));
    }
    if before.is_some() {
        put(batch, id, before, &[]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::{Addressee, addressee};
    use crate::{NewAccount, StoreOptions};

    fn ground() -> (Store, Account, Account) {
        let store = Store::in_memory(StoreOptions::default()).expect("a store");
        let make = |address: &str| {
            let new = NewAccount { address: address.into(), ..NewAccount::default() };
            store.create_account(&new).expect("an account")
        };
        let (ann, bob) = (make("ann@here.test"), make("bob@here.test"));
        (store, ann, bob)
    }

    fn reached(store: &Store, address: &str) -> Option<String> {
        match addressee(store, address).expect("read") {
            Addressee::Account(account) => Some(account.address),
            _ => None,
        }
    }

    #[test]
    fn mail_finds_its_way_by_further_addresses() {
        let (store, ann, bob) = ground();
        store.add_alias(ann.id, "Sales@Other.test").expect("added");
        store.add_alias(bob.id, "@other.test").expect("added");
        let ann_is = Some("ann@here.test".to_owned());
        let bob_is = Some("bob@here.test".to_owned());
        for (address, expected) in [
            ("ann@here.test", &ann_is),
            ("sales@other.test", &ann_is),
            ("SALES@OTHER.TEST", &ann_is),
            ("sales+x@other.test", &ann_is),
            ("Ann+x+y@here.test", &ann_is),
            ("anybody@other.test", &bob_is),
            ("any+body@other.test", &bob_is),
            ("nobody@here.test", &None),
            ("sales@here.test", &None),
            ("@other.test", &None),
            ("other.test", &None),
        ] {
            assert_eq!(reached(&store, address), *expected, "{address}");
        }
        assert_eq!(addressee(&store, "x@third.test").expect("read"), Addressee::Outside);
        let proxies = store.proxy_addresses(&ann).expect("read");
        assert_eq!(proxies, ["SMTP:ann@here.test", "smtp:Sales@Other.test"]);
        assert_eq!(store.proxy_addresses(&bob).expect("read"), ["SMTP:bob@here.test"]);
        // A further address is no name to log on with.
        assert_eq!(store.account_by_address("sales@other.test").expect("read"), None);
        store.set_disabled(bob.id, true).expect("disabled");
        assert_eq!(addressee(&store, "x@other.test").expect("read"), Addressee::Disabled);
    }

    #[test]
    fn an_address_is_one_accounts_alone() {
        let (store, ann, bob) = ground();
        store.add_alias(ann.id, "one@here.test").expect("added");
        for taken in ["Bob@here.test", "ann@here.test", "ONE@here.test"] {
            for id in [ann.id, bob.id] {
                let added = store.add_alias(id, taken);
                assert!(matches!(added, Err(StoreError::Exists(_))), "{taken}");
            }
        }
        let new = NewAccount { address: "One@Here.test".into(), ..NewAccount::default() };
        assert!(matches!(store.create_account(&new), Err(StoreError::Exists(_))));
        for wrong in ["", "x", "@", "@a@b", "x@", "a b@c", "public"] {
            let added = store.add_alias(ann.id, wrong);
            assert!(matches!(added, Err(StoreError::Invalid(_))), "{wrong}");
        }
        let none = store.remove_alias(bob.id, "one@here.test");
        assert!(matches!(none, Err(StoreError::NotFound(_))));
        store.remove_alias(ann.id, "ONE@here.test").expect("removed");
        assert!(store.aliases(ann.id).expect("read").is_empty());
        store.create_account(&new).expect("free again");
    }

    #[test]
    fn who_is_removed_frees_his_addresses_and_too_many_are_refused() {
        let (store, ann, bob) = ground();
        for n in 0..MAX_ALIASES {
            store.add_alias(ann.id, &format!("a{n}@here.test")).expect("added");
        }
        let more = store.add_alias(ann.id, "more@here.test");
        assert!(matches!(more, Err(StoreError::Quota(_))));
        store.remove_account(ann.id).expect("removed");
        assert_eq!(reached(&store, "a0@here.test"), None);
        store.add_alias(bob.id, "a0@here.test").expect("free again");
        store.add_alias(bob.id, "ann@here.test").expect("free again");
        assert_eq!(reached(&store, "ann@here.test"), Some("bob@here.test".to_owned()));
        let report = crate::check::store(&store, &crate::check::Options::default(), &mut |_| {});
        assert!(report.expect("checked").is_clean());
    }
}
