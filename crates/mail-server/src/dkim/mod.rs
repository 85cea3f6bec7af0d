//! DKIM signatures (RFC 6376, RFC 8463) of what goes out.
//!
//! [`keys`] are files of the data directory; [`Signer`] signs with all that a message's domain has. A key counts
//! from the moment in which its file is there, also for a server at work.

pub mod keys;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use mail_auth::common::crypto::DkimKey;
use mail_auth::common::headers::HeaderWriter;
use mail_auth::dkim::DkimSigner;
use parking_lot::Mutex;

use keys::{Domain, KeyError, Selector};

/// What is signed where it is there (RFC 6376 5.4.1). One that is named once more than it is there cannot be added
/// later (5.4.2): a second From or Subject would be shown instead of the first. Fields of lists are not named, since
/// lists add them.
const SIGNED: &[&str] = &[
    "From",
    "From",
    "Reply-To",
    "Reply-To",
    "Subject",
    "Subject",
    "Date",
    "Date",
    "To",
    "To",
    "Cc",
    "Cc",
    "Message-ID",
    "Message-ID",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Type",
    "Content-Transfer-Encoding",
];

/// Domains whose keys are kept ready.
const MOST_READY: usize = 64;

/// Signs with the keys of a folder.
pub struct Signer {
    dir: PathBuf,
    ready: Mutex<Vec<Ready>>,
}

/// A domain's keys as they were read.
struct Ready {
    domain: Domain,
    state: State,
    keys: Arc<Vec<(Selector, keys::Key)>>,
}

/// What tells that the keys of a domain are others than those that were read.
type State = (Option<SystemTime>, Vec<String>);

/// Why a message was not signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("the key of {domain} with the selector {selector} does not sign: {why}")]
    Sign { domain: String, selector: String, why: String },
}

impl Signer {
    /// A signer with the keys below [`keys::folder`] of a data directory. There need not be any.
    pub fn new(data: &std::path::Path) -> Signer {
        Signer { dir: keys::folder(data), ready: Mutex::default() }
    }

    /// Signs a message with all keys of a domain: returns the header fields that go in front of it, none for a
    /// domain without keys. Reads files and computes: not on the reactor.
    ///
    /// # Errors
    /// A key cannot be read or does not sign. Such a message may go out all the same: it is as good as one of a
    /// domain without keys.
    pub fn sign(&self, message: &[u8], domain: &str) -> Result<Vec<u8>, SignError> {
        let Ok(domain) = domain.parse::<Domain>() else { return Ok(Vec::new()) };
        let mut fields = Vec::new();
        for (selector, key) in self.keys(&domain)?.iter() {
            fields.extend(sign(message, &domain, selector, key)?.bytes());
        }
        Ok(fields)
    }

    /// The keys of a domain, read when its folder changed.
    fn keys(&self, domain: &Domain) -> Result<Arc<Vec<(Selector, keys::Key)>>, KeyError> {
        let dir = self.dir.join(domain.as_str());
        let changed = std::fs::metadata(&dir).and_then(|metadata| metadata.modified());
        // Two changes may have one time.
        let state: State = (changed.ok(), keys::names(&dir)?);
        if state.1.is_empty() {
            return Ok(Arc::default());
        }
        let known = |ready: &&Ready| ready.domain == *domain && ready.state == state;
        if let Some(ready) = self.ready.lock().iter().find(known) {
            return Ok(Arc::clone(&ready.keys));
        }
        let keys = Arc::new(keys::read(&self.dir, domain)?);
        let mut all = self.ready.lock();
        all.retain(|ready| ready.domain != *domain);
        if all.len() >= MOST_READY {
            all.remove(0);
        }
        all.push(Ready { domain: domain.clone(), state, keys: Arc::clone(&keys) });
        Ok(keys)
    }

    /// The first key of a domain, for a seal.
    pub(crate) fn first(&self, domain: &Domain) -> Result<Option<(Selector, DkimKey)>, KeyError> {
        let keys = self.keys(domain)?;
        keys.first().map(|(selector, key)| Ok((selector.clone(), key.signing()?))).transpose()
    }
}

fn sign(
    message: &[u8],
    domain: &Domain,
    selector: &Selector,
    key: &keys::Key,
) -> Result<String, SignError> {
    let failed = |why: String| SignError::Sign {
        domain: domain.to_string(),
        selector: selector.to_string(),
        why,
    };
    let signer = DkimSigner::from_key(key.signing()?)
        .domain(domain.as_str())
        .selector(selector.as_str())
        .headers(SIGNED.iter().copied());
    let signature = signer.sign(message).map_err(|error| failed(error.to_string()))?;
    Ok(signature.to_header())
}

/// Header fields that a signature covers.
pub(crate) fn signed() -> impl Iterator<Item = &'static str> {
    SIGNED.iter().copied()
}

#[cfg(test)]
mod tests {
    use super::keys::Algorithm;
    use super::*;

    const MESSAGE: &[u8] =
        b"From: a@example.test\r\nTo: b@example.test\r\nSubject: s\r\n\r\nHello.\r\n";

    #[test]
    fn a_domain_without_keys_signs_nothing_and_one_with_two_signs_twice() {
        let data = tempfile::tempdir().expect("a folder");
        let signer = Signer::new(data.path());
        assert!(signer.sign(MESSAGE, "example.test").expect("nothing").is_empty());
        assert!(signer.sign(MESSAGE, "../example").expect("nothing").is_empty());
        let domain: Domain = "Example.test".parse().expect("a domain");
        for (selector, algorithm) in [("ed", Algorithm::Ed25519), ("rsa", Algorithm::Rsa)] {
            let selector = selector.parse().expect("a selector");
            keys::make(data.path(), &domain, &selector, algorithm).expect("a key");
        }
        let fields = signer.sign(MESSAGE, "EXAMPLE.TEST").expect("signed");
        let fields = String::from_utf8(fields).expect("text");
        assert_eq!(fields.matches("DKIM-Signature:").count(), 2, "{fields}");
        for part in ["a=ed25519-sha256", "a=rsa-sha256", "d=example.test", "s=ed;", "s=rsa;"] {
            assert!(fields.contains(part), "{part} in {fields}");
        }
        assert!(fields.ends_with("\r\n"));
        keys::remove(data.path(), &domain, &"ed".parse().expect("a selector")).expect("removed");
        let fields = signer.sign(MESSAGE, "example.test").expect("signed");
        assert_eq!(String::from_utf8(fields).expect("text").matches("a=ed25519").count(), 0);
    }

    #[test]
    fn no_field_can_be_added_behind_a_signature() {
        let data = tempfile::tempdir().expect("a folder");
        let domain: Domain = "example.test".parse().expect("a domain");
        let selector = "s".parse().expect("a selector");
        keys::make(data.path(), &domain, &selector, Algorithm::Ed25519).expect("a key");
        let fields = Signer::new(data.path()).sign(MESSAGE, "example.test").expect("signed");
        let text = String::from_utf8(fields).expect("text").replace(['\r', '\n', '\t', ' '], "");
        let h = text.split(';').find_map(|tag| tag.strip_prefix("h=")).expect("h=").to_lowercase();
        // Named though it is not there: RFC 6376 5.4.2.
        assert!(h.split(':').any(|name| name == "cc"), "{h}");
        assert_eq!(h.split(':').filter(|name| *name == "from").count(), 2, "{h}");
    }
}
