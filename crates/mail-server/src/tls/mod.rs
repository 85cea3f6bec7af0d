//! TLS (RFC 8446, and RFC 5246 for those who know no newer) by rustls with aws-lc-rs.
//!
//! [`Certificates`] holds what the server shows, and changes it while the server runs; [`Tls`] makes the handshake on
//! a connection, at its beginning or after STARTTLS.

mod certificate;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

pub use certificate::{CertificateError, Certificates, Fingerprint, Source};

use crate::line::{Ending, Stream, ended};
use crate::listener::Protocol;

/// A handshake has to end within this time.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(30);

/// Makes handshakes.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    within: Duration,
}

impl Tls {
    /// For connections of a protocol. A client that names protocols in its ALPN extension, and not this one, is
    /// refused: so no browser is made to speak to a mail server by somebody in between (RFC 7301 3.2, RFC 9325 3.8).
    /// Few mail programs name any.
    pub fn new(certificates: &Arc<Certificates>, protocol: Protocol) -> Tls {
        let names: &[&str] = match protocol {
            Protocol::Imap => &["imap"],
            Protocol::Pop3 => &["pop3"],
            Protocol::Lmtp => &["lmtp"],
            Protocol::Smtp | Protocol::Submission => &["smtp", "esmtp"],
        };
        let config = certificates.server_config(names);
        Tls { acceptor: TlsAcceptor::from(Arc::new(config)), within: HANDSHAKE_WITHIN }
    }

    /// The same with another bound of time.
    pub fn within(self, within: Duration) -> Tls {
        Tls { within, ..self }
    }

    /// Makes a handshake.
    ///
    /// # Errors
    /// The other end wants what is not offered, sends what is no TLS, or is too slow; the server ends.
    pub async fn accept(&self, stream: Stream, ending: &mut Ending) -> io::Result<Stream> {
        // The record that a failed handshake owes (an alert) is written by rustls before the error comes.
        let handshake = timeout(self.within, self.acceptor.accept(stream));
        let stream = tokio::select! {
            outcome = handshake => {
                outcome.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the handshake took too long"))??
            }
            () = ended(ending) => return Err(io::Error::other("the server ends")),
        };
        let (_, connection) = stream.get_ref();
        tracing::debug!(
            version = ?connection.protocol_version(),
            suite = ?connection.negotiated_cipher_suite().map(|suite| suite.suite()),
            "a handshake was made"
        );
        Ok(Box::pin(stream))
    }
}

/// The configuration of whoever serves with these certificates: TLS 1.2 and 1.3 only, no early data, so nothing that
/// is sent can be sent again by another (RFC 8446 8).
fn config(resolver: Arc<dyn rustls::server::ResolvesServerCert>, names: &[&str]) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .expect("the provider has suites for both versions")
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    config.alpn_protocols = names.iter().map(|name| name.as_bytes().to_vec()).collect();
    config
}
