//! What the server shows of itself over TLS: the certificate that the command line names, or one of its own making.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use mail_server::tls::{Certificates, Source};

use crate::cli::ServeArgs;
use crate::mail;

/// A server's certificate, and where it comes from.
pub struct Shown {
    pub certificates: Arc<Certificates>,
    /// None for one that was named.
    pub own: Option<Own>,
}

/// One that the server made itself.
pub enum Own {
    New,
    Kept,
}

/// Opens what is named, or makes what is needed; None where nothing is served over TLS.
pub fn open(data: &Path, args: &ServeArgs) -> anyhow::Result<Option<Shown>> {
    if let (Some(certificates), Some(key)) = (&args.tls_cert, &args.tls_key) {
        let source = Source { certificates: certificates.clone(), key: key.clone() };
        let certificates = Certificates::open(source).context("open the certificate")?;
        return Ok(Some(Shown { certificates, own: None }));
    }
    if args.https.is_none() && !mail::wants_tls(args) {
        return Ok(None);
    }
    let name = args.host_name.clone().unwrap_or_else(mail::host_name);
    let names: Vec<String> =
        [&name, "localhost", "127.0.0.1", "::1"].map(str::to_owned).into_iter().collect();
    let (certificates, new) = Certificates::self_signed(&data.join("tls"), &names)
        .context("make a certificate for TLS; or name one with --tls-cert and --tls-key")?;
    Ok(Some(Shown { certificates, own: Some(if new { Own::New } else { Own::Kept }) }))
}

impl Shown {
    /// Reads the files again if they changed; what is wrong is said, and the old certificate is shown further on.
    pub fn reload(&self) {
        let files = self.certificates.source().certificates.display();
        match self.certificates.reload() {
            Ok(false) => {}
            Ok(true) => {
                let fingerprint = self.certificates.fingerprint();
                tracing::warn!(%files, %fingerprint, "another certificate is shown from now on");
            }
            Err(error) => tracing::error!(%error, "the certificate stays as it was"),
        }
    }

    /// One line for who starts the server.
    pub fn line(&self) -> String {
        let Shown { certificates, own } = self;
        let files = certificates.source().certificates.display();
        let how = match own {
            Some(Own::New) => "made now, kept in",
            Some(Own::Kept) => "of its own making, in",
            None => "from",
        };
        format!("{} ({how} {files})", certificates.fingerprint())
    }
}
