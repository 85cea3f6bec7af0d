//! Who is asking.

use std::sync::Arc;
use std::time::Instant;

use hyper::header::{HeaderValue, WWW_AUTHENTICATE};
use hyper::{HeaderMap, Response, StatusCode};
use store::StoreError;

use super::admission::Admission;
use super::body::ResponseBody;
use super::credentials::{Cache, Credentials, Verified};
use super::reply::plain;
use crate::processor::Processor;
use crate::stats;
use store::pool::Pool;

/// Verifies credentials: from memory where it can, else on threads of its own, since a password hash takes
/// milliseconds and megabytes.
pub struct Authenticator {
    processor: Arc<Processor>,
    admission: Arc<Admission>,
    cache: Cache,
    verifiers: Pool,
    realm: String,
}

/// Passwords that may wait to be verified.
pub const QUEUE: usize = 256;

/// Why a request is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// No credentials, wrong ones, or a disabled account: the answers do not tell which.
    Unauthorized,
    /// Too many passwords wait to be verified.
    Busy,
    /// The store failed.
    Failed,
}

impl Authenticator {
    pub fn new(
        processor: Arc<Processor>,
        admission: Arc<Admission>,
        cache: Cache,
        verifiers: Pool,
        realm: String,
    ) -> Authenticator {
        Authenticator { processor, admission, cache, verifiers, realm }
    }

    /// Passwords that wait to be verified now.
    pub fn queued(&self) -> usize {
        self.verifiers.queued()
    }

    /// The account that was verified with these credentials before. It may have changed since: who works for
    /// it has to ask [`Verified::is_valid`], and to call [`Authenticator::verify`] if it is not.
    pub fn recall(&self, credentials: &Credentials) -> Option<Arc<Verified>> {
        self.cache.get(credentials)
    }

    /// Verifies a password and remembers it.
    pub async fn verify(
        self: &Arc<Self>,
        credentials: Arc<Credentials>,
    ) -> Result<Arc<Verified>, Denied> {
        self.cache.forget(&credentials);
        let (send, receive) = tokio::sync::oneshot::channel();
        let this = Arc::clone(self);
        self.verifiers
            .submit(move || {
                let _ = send.send(this.verify_now(&credentials));
            })
            .map_err(|_| Denied::Busy)?;
        receive.await.unwrap_or(Err(Denied::Failed))
    }

    /// The account of these credentials: from memory where it is still what it was, else by the password. For
    /// protocols that ask once for each connection.
    pub async fn admit(
        self: &Arc<Self>,
        credentials: Credentials,
    ) -> Result<Arc<Verified>, Denied> {
        let credentials = Arc::new(credentials);
        let known = match self.recall(&credentials) {
            Some(known) if known.is_fresh(&self.processor.store) => return Ok(known),
            Some(known) => {
                let (send, receive) = tokio::sync::oneshot::channel();
                let (this, asked) = (Arc::clone(self), Arc::clone(&known));
                let look = move || {
                    let _ = send.send(asked.is_valid(&this.processor.store));
                };
                self.verifiers.submit(look).map_err(|_| Denied::Busy)?;
                receive.await.unwrap_or(false).then_some(known)
            }
            None => None,
        };
        match known {
            Some(known) => Ok(known),
            None => self.verify(credentials).await,
        }
    }

    fn verify_now(&self, credentials: &Credentials) -> Result<Arc<Verified>, Denied> {
        let Processor { store, ledger, stats, .. } = &*self.processor;
        let version = store.directory_version();
        let begun = Instant::now();
        let outcome = store.verify_password(&credentials.user, &credentials.password);
        stats.passwords.count(begun.elapsed());
        match outcome {
            Ok(account) => {
                let part = self.admission.part();
                let verified = Arc::new(Verified::new(account, version, ledger, part));
                self.cache.put(credentials, Arc::clone(&verified));
                Ok(verified)
            }
            Err(StoreError::BadCredentials | StoreError::Disabled | StoreError::NotFound(_)) => {
                tracing::info!(user = %credentials.user, "wrong credentials, or a disabled account");
                Err(Denied::Unauthorized)
            }
            Err(error) => {
                tracing::error!(%error, "a password could not be verified");
                Err(Denied::Failed)
            }
        }
    }

    /// The response to a request that is not let in (MS-OXCMAPIHTTP R1331).
    pub fn denied(&self, denied: Denied) -> Response<ResponseBody> {
        match denied {
            Denied::Unauthorized => {
                stats::count(&self.processor.stats.unauthorized);
                let mut response = plain(StatusCode::UNAUTHORIZED, "Credentials are needed.\n");
                let challenge = format!("Basic realm=\"{}\", charset=\"UTF-8\"", self.realm);
                if let Ok(value) = HeaderValue::from_str(&challenge) {
                    response.headers_mut().insert(WWW_AUTHENTICATE, value);
                }
                response
            }
            Denied::Busy => {
                stats::count(&self.processor.stats.busy);
                plain(StatusCode::SERVICE_UNAVAILABLE, "The server is busy.\n")
            }
            Denied::Failed => plain(StatusCode::INTERNAL_SERVER_ERROR, "The server failed.\n"),
        }
    }
}

/// Reads a request's credentials.
pub fn read(headers: &HeaderMap) -> Result<Arc<Credentials>, Denied> {
    Credentials::read(headers).map(Arc::new).ok_or(Denied::Unauthorized)
}
