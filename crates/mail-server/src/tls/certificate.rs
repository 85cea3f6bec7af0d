//! What the server shows of itself: certificates from files, or one that it made itself.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};

/// A file of certificates or of a key that is larger is none.
const MOST_BYTES: u64 = 1 << 20;
/// Days for which a certificate of our own making is good.
const DAYS: i64 = 3_650;

/// The two files, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The server's certificate first, then those that lead to a root.
    pub certificates: PathBuf,
    /// PKCS #8, PKCS #1 or SEC 1, without a passphrase.
    pub key: PathBuf,
}

/// SHA-256 of the server's certificate, shown as programs show it: `AB:CD:...`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            write!(f, "{}{byte:02X}", if index == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("cannot read {0}: {1}")]
    Read(PathBuf, #[source] io::Error),
    #[error("cannot write {0}: {1}")]
    Write(PathBuf, #[source] io::Error),
    #[error("{0} holds no certificate in PEM")]
    NoCertificate(PathBuf),
    #[error(
        "{0} holds no private key in PEM that can be read; one with a passphrase has to be written without"
    )]
    NoKey(PathBuf),
    #[error(
        "the key in {key} and the certificate in {certificates} cannot be used together: {why}"
    )]
    Pair { certificates: PathBuf, key: PathBuf, why: rustls::Error },
    #[error("a certificate cannot be made: {0}")]
    Make(#[from] rcgen::Error),
}

/// Certificates in use. They are read again by [`Certificates::reload`], and connections made from then on see the
/// new ones; what was good stays until something else is.
pub struct Certificates {
    source: Source,
    shown: Arc<Shown>,
    /// What was read last, good or not: what did not change is not looked at again.
    last: Mutex<Files>,
}

/// The bytes of the two files.
#[derive(PartialEq, Eq)]
struct Files {
    certificates: Vec<u8>,
    key: Vec<u8>,
}

#[derive(Debug)]
struct Shown(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read()))
    }
}

impl Certificates {
    /// Reads the two files.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn open(source: Source) -> Result<Arc<Certificates>, CertificateError> {
        let files = Files::read(&source)?;
        let shown = Arc::new(Shown(RwLock::new(Arc::new(files.pair(&source)?))));
        Ok(Arc::new(Certificates { source, shown, last: Mutex::new(files) }))
    }

    /// Takes the certificate that the server made in `folder`, or makes one for `names` (host names and addresses);
    /// the key is readable by the owner alone. Tells whether it was made now.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn self_signed(
        folder: &Path,
        names: &[String],
    ) -> Result<(Arc<Certificates>, bool), CertificateError> {
        let source = Source { certificates: folder.join("cert.pem"), key: folder.join("key.pem") };
        let made = !source.key.exists() || !source.certificates.exists();
        if made {
            make(folder, &source, names)?;
        }
        Ok((Certificates::open(source)?, made))
    }

    /// Reads the files again if they changed. Tells whether something new is shown.
    ///
    /// # Errors
    /// [`CertificateError`], once for each state of the files; what was shown before is shown further on.
    pub fn reload(&self) -> Result<bool, CertificateError> {
        let files = Files::read(&self.source)?;
        let mut last = self.last.lock();
        if *last == files {
            return Ok(false);
        }
        let pair = files.pair(&self.source);
        *last = files;
        *self.shown.0.write() = Arc::new(pair?);
        Ok(true)
    }

    /// Of the certificate that is shown now.
    pub fn fingerprint(&self) -> Fingerprint {
        let shown = Arc::clone(&self.shown.0.read());
        // INVARIANT: `Files::pair` takes no empty chain.
        let first = shown.cert.first().map_or(&[][..], |certificate| certificate.as_ref());
        Fingerprint(Sha256::digest(first).into())
    }

    /// Where they come from.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// For a server that speaks protocols of these names (ALPN).
    pub fn server_config(self: &Arc<Self>, names: &[&str]) -> ServerConfig {
        super::config(Arc::clone(&self.shown) as _, names)
    }
}

impl Files {
    fn read(source: &Source) -> Result<Files, CertificateError> {
        let read = |path: &Path| {
            let mut bytes = Vec::new();
            let file =
                fs::File::open(path).and_then(|file| file.take(MOST_BYTES).read_to_end(&mut bytes));
            file.map_err(|error| CertificateError::Read(path.to_owned(), error))?;
            Ok::<_, CertificateError>(bytes)
        };
        Ok(Files { certificates: read(&source.certificates)?, key: read(&source.key)? })
    }

    fn pair(&self, source: &Source) -> Result<CertifiedKey, CertificateError> {
        let none = || CertificateError::NoCertificate(source.certificates.clone());
        let chain =
            CertificateDer::pem_slice_iter(&self.certificates).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|_| none())?;
        if chain.is_empty() {
            return Err(none());
        }
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|_| CertificateError::NoKey(source.key.clone()))?;
        CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map_err(|why| {
            let Source { certificates, key } = source.clone();
            CertificateError::Pair { certificates, key, why }
        })
    }
}

fn make(folder: &Path, source: &Source, names: &[String]) -> Result<(), CertificateError> {
    let mut parameters = rcgen::CertificateParams::new(names)?;
    let name = names.first().map_or("Coffer", String::as_str);
    parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
    let date = |days: i64| {
        let hours = jiff::SignedDuration::from_hours(24 * days);
        let date = jiff::Timestamp::now().saturating_add(hours).unwrap_or(jiff::Timestamp::MAX);
        let date = date.to_zoned(jiff::tz::TimeZone::UTC).date();
        rcgen::date_time_ymd(
            date.year().into(),
            date.month().unsigned_abs(),
            date.day().unsigned_abs(),
        )
    };
    // A clock that is slow by a day is no reason to refuse it.
    (parameters.not_before, parameters.not_after) = (date(-1), date(DAYS));
    let key = rcgen::KeyPair::generate()?;
    let certificate = parameters.self_signed(&key)?;
    fs::create_dir_all(folder).map_err(|error| CertificateError::Write(folder.into(), error))?;
    // The key first: a certificate without its key is made anew, with it.
    write(&source.key, 0o600, &key.serialize_pem())?;
    write(&source.certificates, 0o644, &certificate.pem())
}

/// Whole or not at all.
fn write(path: &Path, mode: u32, text: &str) -> Result<(), CertificateError> {
    let new = path.with_extension("new");
    let written = || {
        let _ = fs::remove_file(&new);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    written().map_err(|error| CertificateError::Write(path.into(), error))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn made(folder: &Path) -> Arc<Certificates> {
        let names = ["mail.here.test".to_owned(), "127.0.0.1".to_owned()];
        let (certificates, made) = Certificates::self_signed(folder, &names).expect("made");
        assert!(made);
        certificates
    }

    #[test]
    fn a_certificate_is_made_once_and_its_key_is_nobodys_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = made(&folder.path().join("tls"));
        let mode = fs::metadata(&first.source().key).expect("a key").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let (again, made) =
            Certificates::self_signed(&folder.path().join("tls"), &[]).expect("read");
        assert!(!made);
        assert_eq!(again.fingerprint(), first.fingerprint());
        let shown = first.fingerprint().to_string();
        assert_eq!((shown.len(), shown.matches(':').count()), (95, 31));
    }

    #[test]
    fn what_changes_is_shown_and_what_is_wrong_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let [a, b] = ["a", "b"].map(|name| made(&folder.path().join(name)));
        let (first, second) = (a.fingerprint(), b.fingerprint());
        assert!(!a.reload().expect("nothing new"));
        // The certificate comes before its key: the pair is wrong, the old one stays, and it is said once.
        fs::copy(&b.source().certificates, &a.source().certificates).expect("copied");
        assert!(matches!(a.reload(), Err(CertificateError::Pair { .. })));
        assert!(!a.reload().expect("said already"));
        assert_eq!(a.fingerprint(), first);
        fs::copy(&b.source().key, &a.source().key).expect("copied");
        assert!(a.reload().expect("both are there"));
        assert_eq!(a.fingerprint(), second);
        fs::write(&a.source().certificates, "nothing").expect("written");
        assert!(matches!(a.reload(), Err(CertificateError::NoCertificate(_))));
        fs::remove_file(&a.source().certificates).expect("removed");
        assert!(matches!(a.reload(), Err(CertificateError::Read(..))));
        assert_eq!(a.fingerprint(), second);
    }
}
