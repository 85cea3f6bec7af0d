//! Password hashes: argon2id as PHC strings.

use std::sync::OnceLock;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};

use crate::{Result, StoreError};

/// The longest password in bytes: a bound of what a stranger makes us hash.
pub(crate) const MAX: usize = 1024;

/// 19 MiB, two passes, one lane: the first recommendation of RFC 9106's successors for servers.
fn argon2() -> Argon2<'static> {
    let params = Params::new(19 * 1024, 2, 1, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

pub(crate) fn hash(password: &str) -> Result<String> {
    if password.len() > MAX {
        return Err(StoreError::TooBig {
            what: "password",
            size: password.len() as u64,
            limit: MAX as u64,
        });
    }
    let salt = mapi::Guid::random().0;
    let hash = argon2()
        .hash_password_with_salt(password.as_bytes(), &salt)
        .map_err(|_| StoreError::Invalid("the password cannot be hashed"))?;
    Ok(hash.to_string())
}

/// Compares in constant time. Without a hash it costs as much, and is false.
pub(crate) fn verify(password: &str, phc: Option<&str>) -> bool {
    static NOBODY: OnceLock<String> = OnceLock::new();
    if password.len() > MAX {
        return false;
    }
    let nobody =
        || NOBODY.get_or_init(|| hash(&mapi::Guid::random().to_string()).unwrap_or_default());
    let text = phc.unwrap_or_else(|| nobody());
    let Ok(parsed) = PasswordHash::new(text) else { return false };
    argon2().verify_password(password.as_bytes(), &parsed).is_ok() && phc.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn right_wrong_and_nobody() {
        let phc = hash("correct horse").expect("short");
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(verify("correct horse", Some(&phc)));
        assert!(!verify("battery", Some(&phc)));
        assert!(!verify("correct horse", None));
        assert!(!verify("correct horse", Some("nonsense")));
        assert!(hash(&"x".repeat(MAX + 1)).is_err());
    }
}
