//! Basic authentication, and what is remembered of it.
//!
//! A password hash costs milliseconds on purpose, so credentials that were verified are remembered: as
//! hashes under a key of this process, never as they came. A remembered hash is believed for as long as
//! the account's credential epoch is the one under which it was verified.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use parking_lot::Mutex;
use store::{Account, Store};

use super::admission::Part;
use crate::ledger::{self, Kind, Ledger, Owner};

/// A user name and a password as a request brought them.
pub struct Credentials {
    /// As it came; a domain before a backslash is cut off.
    pub user: String,
    pub password: String,
}

/// Longer headers are not looked at.
const MAX_HEADER: usize = 8 * 1024;

impl Credentials {
    /// Reads the Authorization header (RFC 7617). None if there is none for Basic.
    pub fn read(headers: &HeaderMap) -> Option<Credentials> {
        let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
        let (scheme, encoded) = value.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("Basic") || encoded.len() > MAX_HEADER {
            return None;
        }
        let decoded = BASE64_STANDARD.decode(encoded.trim()).ok()?;
        let text = String::from_utf8(decoded).ok()?;
        let (user, password) = text.split_once(':')?;
        let user = user.rsplit_once('\\').map_or(user, |(_, user)| user);
        Some(Credentials { user: user.to_owned(), password: password.to_owned() })
    }
}

/// An account whose credentials were verified.
pub struct Verified {
    pub account: Arc<Account>,
    /// His counts, so that a request need not look for them.
    pub owner: Arc<Owner>,
    /// What his requests and responses may take.
    pub part: Part,
    /// The state of the directory in which they were, see [`Store::directory_version`].
    checked: AtomicU64,
}

impl Verified {
    /// `version` was asked for before the credentials were verified.
    pub fn new(account: Account, version: u64, ledger: &Arc<Ledger>, part: Part) -> Verified {
        let owner = ledger.owner(&account);
        Verified { account: Arc::new(account), owner, part, checked: AtomicU64::new(version) }
    }

    /// Whether nothing of the directory changed since. Does not ask the engine.
    pub fn is_fresh(&self, store: &Store) -> bool {
        self.checked.load(Ordering::Acquire) == store.directory_version()
    }

    /// Whether the account is still what it was. Asks the engine if it has to.
    pub fn is_valid(&self, store: &Store) -> bool {
        let version = store.directory_version();
        if self.checked.load(Ordering::Acquire) == version {
            return true;
        }
        let valid = store.account(self.account.id).is_ok_and(|now| {
            !now.disabled && now.credential_epoch == self.account.credential_epoch
        });
        if valid {
            self.checked.store(version, Ordering::Release);
        }
        valid
    }
}

/// The bounded memory of verified credentials.
pub struct Cache {
    key: [u8; 32],
    limit: usize,
    /// By the keyed hash of the user name.
    entries: Mutex<HashMap<[u8; 32], Entry>>,
}

struct Entry {
    /// Of user name and password; compared in constant time.
    hash: blake3::Hash,
    verified: Arc<Verified>,
    _entry: ledger::Entry,
}

impl Cache {
    /// A memory of at most `limit` users.
    pub fn new(limit: usize) -> Result<Cache, getrandom::Error> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)?;
        Ok(Cache { key, limit, entries: Mutex::new(HashMap::new()) })
    }

    /// The account, if these credentials were verified before. The caller checks that it
    /// [is still what it was](Verified::is_valid).
    pub fn get(&self, credentials: &Credentials) -> Option<Arc<Verified>> {
        let name = self.name(credentials);
        let hash = self.hash(credentials);
        let entries = self.entries.lock();
        let entry = entries.get(&name)?;
        // blake3::Hash compares in constant time.
        (entry.hash == hash).then(|| Arc::clone(&entry.verified))
    }

    /// Remembers credentials that were just verified.
    pub fn put(&self, credentials: &Credentials, verified: Arc<Verified>) {
        let Ok(entry) = verified.owner.open(Kind::Credential, "") else { return };
        let name = self.name(credentials);
        let hash = self.hash(credentials);
        let mut entries = self.entries.lock();
        if entries.len() >= self.limit && !entries.contains_key(&name) {
            // The keys are keyed hashes, so the first in the map's order is as good as one drawn by lot.
            let any = entries.keys().next().copied();
            any.and_then(|key| entries.remove(&key));
        }
        entries.insert(name, Entry { hash, verified, _entry: entry });
    }

    /// Forgets these credentials. Those that somebody else brought in the user's name are none of them: a
    /// guessed password does not make the user pay for another hash.
    pub fn forget(&self, credentials: &Credentials) {
        let name = self.name(credentials);
        let hash = self.hash(credentials);
        let mut entries = self.entries.lock();
        if entries.get(&name).is_some_and(|entry| entry.hash == hash) {
            entries.remove(&name);
        }
    }

    pub fn len(&self) -> usize {
        self.entries.lock().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn name(&self, credentials: &Credentials) -> [u8; 32] {
        *blake3::keyed_hash(&self.key, credentials.user.to_lowercase().as_bytes()).as_bytes()
    }

    fn hash(&self, credentials: &Credentials) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&(credentials.user.len() as u64).to_le_bytes());
        hasher.update(credentials.user.to_lowercase().as_bytes());
        hasher.update(&[0]);
        hasher.update(credentials.password.as_bytes());
        hasher.finalize()
    }
}

#[cfg(test)]
mod tests {
    use crate::http::admission::Admission;
    use mapi::Guid;
    use store::{AccountId, MailboxNumber};

    use super::*;

    fn account() -> Arc<Verified> {
        let account = Account {
            id: AccountId(1),
            address: "a@example.test".into(),
            display_name: "A".into(),
            legacy_dn: "/o=x/cn=a".into(),
            mailbox: MailboxNumber(1),
            mailbox_guid: Guid([0; 16]),
            disabled: false,
            credential_epoch: 1,
        };
        let part = Admission::new(1 << 20).part();
        Arc::new(Verified::new(account, 0, &Ledger::new(Arc::default()), part))
    }

    fn credentials(user: &str, password: &str) -> Credentials {
        Credentials { user: user.into(), password: password.into() }
    }

    #[test]
    fn only_the_same_password_is_known() {
        let cache = Cache::new(2).unwrap();
        cache.put(&credentials("a@example.test", "secret"), account());
        assert!(cache.get(&credentials("A@Example.test", "secret")).is_some());
        assert!(cache.get(&credentials("a@example.test", "Secret")).is_none());
        cache.forget(&credentials("a@example.test", "guessed"));
        assert!(cache.get(&credentials("a@example.test", "secret")).is_some());
        cache.forget(&credentials("a@example.test", "secret"));
        assert!(cache.get(&credentials("a@example.test", "secret")).is_none());
    }

    #[test]
    fn the_memory_is_bounded() {
        let cache = Cache::new(3).unwrap();
        (0..20).for_each(|n| cache.put(&credentials(&format!("u{n}"), "x"), account()));
        assert_eq!(cache.len(), 3);
        assert!(cache.get(&credentials("u19", "x")).is_some());
    }

    #[test]
    fn reads_basic_and_nothing_else() {
        let mut headers = HeaderMap::new();
        assert!(Credentials::read(&headers).is_none());
        headers.insert(AUTHORIZATION, "Basic ZG9tXHVzZXI6cGE6c3M=".parse().unwrap());
        let read = Credentials::read(&headers).unwrap();
        assert_eq!((read.user.as_str(), read.password.as_str()), ("user", "pa:ss"));
        for bad in ["Basic", "Basic !!!!", "Bearer abc", "Basic YQ=="] {
            headers.insert(AUTHORIZATION, bad.parse().unwrap());
            assert!(Credentials::read(&headers).is_none(), "{bad}");
        }
    }
}
