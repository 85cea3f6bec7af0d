//! Password hashes: argon2id in PHC form.

use std::sync::LazyLock;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, Params, PasswordHasher, PasswordVerifier};
use mapi::Guid;
use parking_lot::{Condvar, Mutex};

use crate::{Result, StoreError};

/// Memory of one hash in KiB, passes over it, and lanes: the smaller of the two settings that OWASP's
/// password storage recommendations name for argon2id.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// The longest password in bytes.
pub(super) const MAX_PASSWORD: usize = 1024;

/// The hash of a password with a fresh salt.
pub(super) fn hash(password: &str) -> Result<String> {
    let _permit = PERMITS.take();
    hash_with(password, &Guid::random().0)
}

/// Whether one of the hashes is the password's. Without any hash it costs the time of one.
pub(super) fn matches(password: &str, hashes: &[String]) -> Result<bool> {
    let _permit = PERMITS.take();
    if password.len() > MAX_PASSWORD || hashes.is_empty() {
        hash_with("", &[0; 16])?;
        return Ok(false);
    }
    let mut found = false;
    for hash in hashes {
        let hash = PasswordHash::new(hash)
            .map_err(|error| StoreError::Corrupt(format!("a credential: {error}")))?;
        // The parameters are those of the hash, so older ones stay valid.
        found |= hasher()?.verify_password(password.as_bytes(), &hash).is_ok();
    }
    Ok(found)
}

fn hash_with(password: &str, salt: &[u8; 16]) -> Result<String> {
    let hash = hasher()?
        .hash_password_with_salt(password.as_bytes(), salt)
        .map_err(|_| StoreError::Invalid("the password cannot be hashed"))?;
    Ok(hash.to_string())
}

fn hasher() -> Result<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)
        .map_err(|_| StoreError::Invalid("the parameters of the password hash"))?;
    Ok(Argon2::from(params))
}

/// Bounds how many hashes are computed at a time, since each takes its memory.
static PERMITS: LazyLock<Permits> = LazyLock::new(|| Permits {
    free: Mutex::new(std::thread::available_parallelism().map_or(1, |n| n.get().min(4))),
    freed: Condvar::new(),
});

struct Permits {
    free: Mutex<usize>,
    freed: Condvar,
}

struct Permit<'a>(&'a Permits);

impl Permits {
    fn take(&self) -> Permit<'_> {
        let mut free = self.free.lock();
        while *free == 0 {
            self.freed.wait(&mut free);
        }
        *free -= 1;
        Permit(self)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        *self.0.free.lock() += 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_the_password_s_alone() {
        let one = hash("secret").expect("hash");
        let other = hash("secret").expect("hash");
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert_ne!(one, other, "salts differ");
        assert!(matches("secret", &[other, one.clone()]).expect("compare"));
        assert!(!matches("Secret", std::slice::from_ref(&one)).expect("compare"));
        assert!(!matches(&"x".repeat(MAX_PASSWORD + 1), &[one]).expect("compare"));
        assert!(!matches("", &[]).expect("compare"));
        assert!(matches("secret", &["$argon2id$nonsense".into()]).is_err());
    }
}
