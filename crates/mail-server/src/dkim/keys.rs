//! Keys of DKIM: `dkim/DOMAIN/SELECTOR.pem` in the data directory, PKCS #8, readable by the owner alone.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use mail_auth::common::crypto::{DkimKey, Ed25519Key, RsaKey, Sha256};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// Keys of a domain that sign: each costs every message a signature.
const MOST_KEYS: usize = 4;
/// Bytes of a key's file; one of 4,096 bits of RSA has 3,272.
const MOST_BYTES: u64 = 16 << 10;

/// What a key can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSA of 2,048 bits with SHA-256, which everybody verifies.
    Rsa,
    /// RFC 8463.
    Ed25519,
}

impl Algorithm {
    /// As in the record (RFC 6376 3.6.1).
    pub const fn name(self) -> &'static str {
        match self {
            Algorithm::Rsa => "rsa",
            Algorithm::Ed25519 => "ed25519",
        }
    }
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("{0:?} is no domain: letters, digits, hyphens and dots, in the ASCII form")]
    NoDomain(String),
    #[error("{0:?} is no selector: letters, digits, hyphens and dots")]
    NoSelector(String),
    #[error(
        "{domain} has a key with the selector {selector} already; take another selector, and \
             remove the old key when the record of the new one is published"
    )]
    Exists { domain: String, selector: String },
    #[error("{0} has 4 keys already; remove one")]
    TooMany(String),
    #[error(
        "there is no key of {domain} with the selector {selector}; `coffer dkim list` shows \
             those that there are"
    )]
    NotFound { domain: String, selector: String },
    #[error("{}: {why}", path.display())]
    File { path: PathBuf, why: String },
}

/// A domain in its ASCII form, lower case. It is the name of a folder, too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Domain(String);

/// RFC 6376 3.1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Selector(String);

impl FromStr for Domain {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        labels(text).map(Domain).ok_or_else(|| KeyError::NoDomain(text.to_owned()))
    }
}

impl FromStr for Selector {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        labels(text).map(Selector).ok_or_else(|| KeyError::NoSelector(text.to_owned()))
    }
}

/// Labels of letters, digits and hyphens: nothing that means something in a path.
fn labels(text: &str) -> Option<String> {
    let label = |label: &str| {
        let all = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(all)
    };
    (text.len() <= 253 && text.split('.').all(label)).then(|| text.to_ascii_lowercase())
}

impl Domain {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Selector {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A key that was read.
pub struct Key {
    pkcs8: PrivatePkcs8KeyDer<'static>,
    algorithm: Algorithm,
    public: Vec<u8>,
}

impl Key {
    fn of(pkcs8: PrivatePkcs8KeyDer<'static>) -> Option<Key> {
        let bytes = pkcs8.secret_pkcs8_der();
        if let Ok(pair) = RsaKeyPair::from_pkcs8(bytes) {
            let public: PublicKeyX509Der<'_> = pair.public_key().as_der().ok()?;
            let public = public.as_ref().to_vec();
            return Some(Key { pkcs8, algorithm: Algorithm::Rsa, public });
        }
        let pair = Ed25519KeyPair::from_pkcs8(bytes).ok()?;
        let public = pair.public_key().as_ref().to_vec();
        Some(Key { pkcs8, algorithm: Algorithm::Ed25519, public })
    }

    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The text of the record that publishes it (RFC 6376 3.6.1, RFC 8463 4).
    pub fn record(&self) -> String {
        let public = BASE64_STANDARD.encode(&self.public);
        format!("v=DKIM1; k={}; p={public}", self.algorithm.name())
    }

    pub(super) fn signing(&self) -> Result<DkimKey, KeyError> {
        let failed = |error: mail_auth::Error| KeyError::File {
            path: PathBuf::from("the key"),
            why: error.to_string(),
        };
        Ok(match self.algorithm {
            Algorithm::Rsa => {
                let key = PrivateKeyDer::Pkcs8(self.pkcs8.clone_key());
                DkimKey::Rsa(RsaKey::<Sha256>::from_key_der(key).map_err(failed)?)
            }
            Algorithm::Ed25519 => DkimKey::Ed25519(
                Ed25519Key::from_pkcs8_der(self.pkcs8.secret_pkcs8_der()).map_err(failed)?,
            ),
        })
    }
}

/// Where a data directory has its keys.
pub fn folder(data: &Path) -> PathBuf {
    data.join("dkim")
}

/// The name of the record that publishes a key.
pub fn record_name(domain: &Domain, selector: &Selector) -> String {
    format!("{selector}._domainkey.{domain}")
}

/// Makes a key. It is on disk when this returns.
///
/// # Errors
/// There is one with that selector, or too many; the file cannot be written.
pub fn make(
    data: &Path,
    domain: &Domain,
    selector: &Selector,
    algorithm: Algorithm,
) -> Result<Key, KeyError> {
    let dir = folder(data).join(domain.as_str());
    let at = path(&dir, selector);
    let failed = |error: io::Error| file_error(&at, &error);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir).map_err(failed)?;
    if read(&folder(data), domain)?.len() >= MOST_KEYS {
        return Err(KeyError::TooMany(domain.to_string()));
    }
    let made = generate(algorithm).ok_or_else(|| KeyError::File {
        path: at.clone(),
        why: "the system made no key".to_owned(),
    })?;
    // Whole or not at all: a server reads it when it is there.
    let part = at.with_extension("part");
    let _ = fs::remove_file(&part);
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part).map_err(failed)?;
    file.write_all(pem(made.pkcs8.secret_pkcs8_der()).as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    // A link fails where a name is taken; a rename would not.
    let linked = fs::hard_link(&part, &at);
    let _ = fs::remove_file(&part);
    linked.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            KeyError::Exists { domain: domain.to_string(), selector: selector.to_string() }
        }
        _ => failed(error),
    })?;
    for dir in [&dir, &folder(data)] {
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed)?;
    }
    Ok(made)
}

/// # Errors
/// There is none.
pub fn remove(data: &Path, domain: &Domain, selector: &Selector) -> Result<(), KeyError> {
    let dir = folder(data).join(domain.as_str());
    let at = path(&dir, selector);
    fs::remove_file(&at).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            KeyError::NotFound { domain: domain.to_string(), selector: selector.to_string() }
        }
        _ => file_error(&at, &error),
    })?;
    File::open(&dir).and_then(|dir| dir.sync_all()).map_err(|error| file_error(&dir, &error))
}

/// All keys of a data directory, by domain and selector.
///
/// # Errors
/// A folder or a key cannot be read.
pub fn list(data: &Path) -> Result<Vec<(Domain, Selector, Key)>, KeyError> {
    let dir = folder(data);
    let mut all = Vec::new();
    for name in names(&dir)? {
        let Ok(domain) = name.parse::<Domain>() else { continue };
        for (selector, key) in read(&dir, &domain)? {
            all.push((domain.clone(), selector, key));
        }
    }
    Ok(all)
}

/// The keys of a domain, by selector.
pub(super) fn read(dir: &Path, domain: &Domain) -> Result<Vec<(Selector, Key)>, KeyError> {
    let dir = dir.join(domain.as_str());
    let mut keys = Vec::new();
    for name in names(&dir)? {
        let Some(Ok(selector)) = name.strip_suffix(".pem").map(str::parse::<Selector>) else {
            continue;
        };
        let at = path(&dir, &selector);
        let mut text = Vec::new();
        let file = File::open(&at).map_err(|error| file_error(&at, &error))?;
        file.take(MOST_BYTES).read_to_end(&mut text).map_err(|error| file_error(&at, &error))?;
        let wrong = || KeyError::File {
            path: at.clone(),
            why: "it is no private key of RSA or Ed25519 in PKCS #8 (PEM)".to_owned(),
        };
        let pkcs8 = PrivatePkcs8KeyDer::from_pem_slice(&text).map_err(|_| wrong())?;
        keys.push((selector, Key::of(pkcs8).ok_or_else(wrong)?));
        if keys.len() == MOST_KEYS {
            break;
        }
    }
    Ok(keys)
}

/// What is in a folder, sorted; nothing where it is not there.
pub(super) fn names(dir: &Path) -> Result<Vec<String>, KeyError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(file_error(dir, &error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| file_error(dir, &error))?;
        names.extend(entry.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

fn path(dir: &Path, selector: &Selector) -> PathBuf {
    dir.join(format!("{selector}.pem"))
}

fn file_error(path: &Path, error: &io::Error) -> KeyError {
    KeyError::File { path: path.to_owned(), why: error.to_string() }
}

fn generate(algorithm: Algorithm) -> Option<Key> {
    let bytes = match algorithm {
        Algorithm::Rsa => {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048).ok()?;
            let der: Pkcs8V1Der<'_> = pair.as_der().ok()?;
            der.as_ref().to_vec()
        }
        Algorithm::Ed25519 => Ed25519Key::generate_pkcs8().ok()?,
    };
    Key::of(PrivatePkcs8KeyDer::from(bytes))
}

/// RFC 7468.
fn pem(der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let mut pem = "-----BEGIN PRIVATE KEY-----\n".to_owned();
    for line in text.as_bytes().chunks(64) {
        pem.extend(line.iter().map(|byte| char::from(*byte)));
        pem.push('\n');
    }
    pem + "-----END PRIVATE KEY-----\n"
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn keys_are_made_listed_and_removed() {
        let data = tempfile::tempdir().expect("a folder");
        assert!(list(data.path()).expect("a list").is_empty());
        let domain: Domain = "Example.Test".parse().expect("a domain");
        let selector: Selector = "One".parse().expect("a selector");
        let key = make(data.path(), &domain, &selector, Algorithm::Rsa).expect("a key");
        assert!(key.record().starts_with("v=DKIM1; k=rsa; p=MIIB"), "{}", key.record());
        assert_eq!(record_name(&domain, &selector), "one._domainkey.example.test");
        let at = data.path().join("dkim/example.test/one.pem");
        let mode = fs::metadata(&at).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = make(data.path(), &domain, &selector, Algorithm::Ed25519);
        assert!(matches!(again, Err(KeyError::Exists { .. })));
        let other = "two".parse().expect("a selector");
        let ed = make(data.path(), &domain, &other, Algorithm::Ed25519).expect("a key");
        // 32 bytes (RFC 8463 4).
        assert_eq!(ed.record().len(), "v=DKIM1; k=ed25519; p=".len() + 44);
        let all = list(data.path()).expect("a list");
        let found: Vec<_> =
            all.iter().map(|(_, selector, key)| (selector.as_str(), key.record())).collect();
        assert_eq!(found, [("one", key.record()), ("two", ed.record())]);
        for selector in ["three", "four"] {
            let selector = selector.parse().expect("a selector");
            make(data.path(), &domain, &selector, Algorithm::Ed25519).expect("a key");
        }
        let fifth = "five".parse().expect("a selector");
        let made = make(data.path(), &domain, &fifth, Algorithm::Ed25519);
        assert!(matches!(made, Err(KeyError::TooMany(_))));
        remove(data.path(), &domain, &selector).expect("removed");
        assert!(matches!(remove(data.path(), &domain, &selector), Err(KeyError::NotFound { .. })));
        assert_eq!(list(data.path()).expect("a list").len(), 3);
    }

    #[test]
    fn what_is_no_key_says_so() {
        let data = tempfile::tempdir().expect("a folder");
        let dir = data.path().join("dkim/a.test");
        fs::create_dir_all(&dir).expect("a folder");
        fs::write(dir.join("s.pem"), "nonsense").expect("a file");
        let error = list(data.path()).err().expect("an error").to_string();
        assert!(error.contains("s.pem") && error.contains("PKCS #8"), "{error}");
    }

    #[test]
    fn names_that_mean_something_in_a_path_are_none() {
        for wrong in ["", ".", "..", "a/b", "a..b", "../x", "a b", "ä.test", &"a".repeat(64)] {
            assert!(wrong.parse::<Domain>().is_err(), "{wrong}");
            assert!(wrong.parse::<Selector>().is_err(), "{wrong}");
        }
    }
}
