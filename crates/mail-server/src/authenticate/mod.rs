//! Whether mail that comes over SMTP is from whom it says: SPF (RFC 7208), DKIM (RFC 6376, RFC 8463), DMARC (RFC 7489
//! and its successor, which finds the organisation's domain by walking up the tree) and ARC (RFC 8617).
//!
//! The crate mail-auth does the work; nothing beside this module and [`crate::dkim`] knows it. [`Authenticator`] says
//! what was found in an Authentication-Results field (RFC 8601), which takes the place of those that claim to be ours,
//! and what is to be done with the message.
//!
//! INVARIANT: what cannot be found out now refuses nothing. What a message may cost is bounded: the bytes of its
//! header, its signatures, the look-ups of SPF (RFC 7208 4.6.4), its time, and how many are looked at together.

mod fields;
#[doc(hidden)]
pub use fields::oracle;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use mail_auth::arc::ArcSealer;
use mail_auth::common::headers::HeaderWriter;
use mail_auth::dmarc::Policy;
use mail_auth::dmarc::verify::DmarcParameters;
use mail_auth::spf::verify::SpfParameters;
use mail_auth::{
    ArcOutput, AuthenticatedMessage, AuthenticationResults, DkimOutput, DkimResult, DmarcOutput,
    DmarcResult, Error, MessageAuthenticator, SpfOutput, SpfResult,
};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::dkim::keys::Domain;
use crate::dkim::{self, Signer};
use crate::dns::System;

/// Bytes of a message's header; Exchange takes no more either.
const MAX_HEADER: usize = 256 << 10;
/// Signatures of DKIM that are looked at, and names of fields in one. RFC 6376 6.1 lets a verifier choose.
const MAX_SIGNATURES: usize = 8;
const MAX_NAMES: usize = 256;
/// Bytes of a name in a signature that goes into our field.
const MAX_NAME: usize = 255;
const MAX_IDENTITY: usize = 320;

/// What to do, and within what.
#[derive(Debug, Clone)]
pub struct Options {
    /// The name in our Authentication-Results; with it others must not come in.
    pub name: String,
    /// Refuse what a domain's policy wants to be rejected (p=reject); else it is junk.
    pub reject: bool,
    /// Seal what comes in (ARC) with the first key of this domain, so that those to whom it is sent on can see
    /// what was found here.
    pub seal: Option<Domain>,
    /// Domains whose seal is believed: mail that one of them found good is good, though it was changed on its way.
    pub trusted_sealers: Vec<Domain>,
    /// How long a message may take.
    pub within: Duration,
    /// Bytes of messages that are looked at together, of which each counts as 2 MiB at least; others wait.
    pub bytes: u64,
}

impl Options {
    pub fn new(name: &str) -> Options {
        Options {
            name: name.to_owned(),
            reject: false,
            seal: None,
            trusted_sealers: Vec::new(),
            within: Duration::from_secs(20),
            bytes: 64 << 20,
        }
    }
}

/// How a message came.
#[derive(Debug, Clone)]
pub struct Origin {
    /// None where the client came over a Unix socket: SPF says nothing then.
    pub address: Option<IpAddr>,
    /// What the client called itself.
    pub client: String,
    /// The reverse-path; empty for the null one.
    pub sender: String,
}

/// What is to be done with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    Accept,
    /// It is junk, this being its spam confidence level (5 to 9; [MS-OXCSPAM] 2.2.1.3).
    Junk(i32),
    /// The domain's owner wants it to be refused.
    Reject {
        domain: String,
    },
    /// Its header is larger than is looked at.
    HeaderTooLarge,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Header fields to be put in front of the message.
    pub fields: Vec<u8>,
    pub action: Action,
}

/// A spam confidence level ([MS-OXCSPAM] 2.2.1.3) for what a policy wants to be rejected, to be put aside, and for
/// what looks wrong without a policy. Beyond 4 it is junk.
const SCL_REJECT: i32 = 9;
const SCL_QUARANTINE: i32 = 6;
const SCL_SUSPECT: i32 = 5;

/// Looks at messages.
pub struct Authenticator {
    inner: MessageAuthenticator,
    signer: Arc<Signer>,
    options: Options,
    /// In kibibytes.
    places: Arc<Semaphore>,
}

/// Room for a message that is looked at; given back when it is dropped.
pub struct Place {
    _permit: OwnedSemaphorePermit,
}

/// What a message counts as at least: so no more than 32 are looked at together.
const LEAST: u64 = 2 << 20;

impl Authenticator {
    pub fn new(resolver: &System, signer: Arc<Signer>, options: Options) -> Arc<Authenticator> {
        let places = Arc::new(Semaphore::new(kibibytes(options.bytes)));
        let inner = MessageAuthenticator(resolver.inner().clone());
        Arc::new(Authenticator { inner, signer, options, places })
    }

    /// Waits for room for a message of so many bytes. What is larger than all of it is looked at alone.
    pub async fn place(&self, size: u64) -> Place {
        let wanted = kibibytes(size.max(LEAST)).min(kibibytes(self.options.bytes));
        let permit = Arc::clone(&self.places).acquire_many_owned(wanted as u32).await;
        Place { _permit: permit.expect("nobody closes it") }
    }

    /// Looks at a message for which there is a [`place`](Self::place), on a thread of its own: hashing and verifying take their time. Returns the message without
    /// the fields that were forged, and what was found.
    pub async fn look(self: &Arc<Self>, message: Vec<u8>, origin: Origin) -> (Vec<u8>, Verdict) {
        let of_thread = Arc::clone(self);
        let message = Arc::new(message);
        let lent = Arc::clone(&message);
        let runtime = Handle::current();
        let looked =
            tokio::task::spawn_blocking(move || runtime.block_on(of_thread.judge(&lent, &origin)));
        let verdict = looked.await.unwrap_or_else(|error| {
            // The library met something that it did not expect.
            tracing::error!(%error, "a message could not be authenticated");
            self.unknown()
        });
        // The thread has given it back, unless it died.
        let mut message = Arc::unwrap_or_clone(message);
        fields::strip(&mut message, &self.options.name);
        (message, verdict)
    }

    async fn judge(&self, message: &[u8], origin: &Origin) -> Verdict {
        if fields::header_length(message) > MAX_HEADER {
            return Verdict { fields: Vec::new(), action: Action::HeaderTooLarge };
        }
        let judged = self.judge_in_time(message, origin);
        tokio::time::timeout(self.options.within, judged).await.unwrap_or_else(|_| {
            tracing::info!(client = origin.client, "authentication took too long");
            self.unknown()
        })
    }

    /// It could not be found out.
    fn unknown(&self) -> Verdict {
        let name = &self.options.name;
        let fields = format!(
            "Authentication-Results: {name};\r\n\tspf=temperror;\r\n\tdkim=temperror;\r\n\t\
             dmarc=temperror\r\n"
        );
        Verdict { fields: fields.into_bytes(), action: Action::Accept }
    }

    async fn judge_in_time(&self, message: &[u8], origin: &Origin) -> Verdict {
        let Some(mut parsed) = AuthenticatedMessage::parse(message) else {
            let fields = AuthenticationResults::new(&self.options.name).to_header();
            return Verdict { fields: fields.into_bytes(), action: Action::Accept };
        };
        bound(&mut parsed);
        let client = if origin.client.len() > MAX_NAME { "" } else { &origin.client };
        let spf = self.spf(origin, client).await;
        let dkim = self.inner.verify_dkim(&parsed).await;
        let arc = self.inner.verify_arc(&parsed).await;
        let domain = origin.sender.rsplit_once('@').map_or(client, |(_, domain)| domain);
        let dmarc = self.inner.verify_dmarc(DmarcParameters::new(&parsed, &dkim, domain, &spf));
        let dmarc = dmarc.await;
        let mut results = AuthenticationResults::new(&self.options.name);
        if let Some(address) = origin.address {
            results = match origin.sender.is_empty() {
                true => results.with_spf_ehlo_result(&spf, address, client),
                false => results.with_spf_mailfrom_result(&spf, address, &origin.sender, client),
            };
        }
        results = results.with_dkim_results(&dkim, parsed.from());
        if *arc.result() != DkimResult::None {
            let address = origin.address.unwrap_or(IpAddr::from([127, 0, 0, 1]));
            results = results.with_arc_result(&arc, address);
        }
        results = results.with_dmarc_result(&dmarc);
        let seal = self.seal(&parsed, &results, &arc);
        let action = self.action(&parsed, &spf, &dkim, &arc, &dmarc);
        let mut fields = seal.into_bytes();
        fields.extend(results.to_header().bytes());
        if let Action::Junk(level) = action {
            fields.extend(format!("X-MS-Exchange-Organization-SCL: {level}\r\n").bytes());
        }
        Verdict { fields, action }
    }

    /// SPF of the reverse-path, or of the client's name where that is null (RFC 7208 2.4).
    async fn spf(&self, origin: &Origin, client: &str) -> SpfOutput {
        let none = || SpfOutput::new(client.to_owned()).with_result(SpfResult::None);
        let Some(address) = origin.address else { return none() };
        let (name, sender) = (&self.options.name, &origin.sender);
        let parameters = match sender.is_empty() {
            true => SpfParameters::verify_ehlo(address, client, name),
            false => SpfParameters::verify_mail_from(address, client, name, sender),
        };
        self.inner.verify_spf(parameters).await
    }

    /// The fields of a seal; none where nothing is sealed.
    fn seal(
        &self,
        message: &AuthenticatedMessage<'_>,
        results: &AuthenticationResults<'_>,
        arc: &ArcOutput<'_>,
    ) -> String {
        let Some(domain) = &self.options.seal else { return String::new() };
        // RFC 8617 5.1: a chain that is broken stays so; one of 50 is full.
        if !arc.can_be_sealed() || arc.sets().len() >= 50 {
            return String::new();
        }
        let key = match self.signer.first(domain) {
            Ok(Some(key)) => key,
            Ok(None) => {
                tracing::warn!(%domain, "there is no key to seal with; `coffer dkim add` makes one");
                return String::new();
            }
            Err(error) => {
                tracing::error!(%error, "mail cannot be sealed");
                return String::new();
            }
        };
        let (selector, key) = key;
        let sealer = ArcSealer::from_key(key)
            .domain(domain.as_str())
            .selector(selector.as_str())
            .headers(dkim::signed().chain(["DKIM-Signature"]));
        match sealer.seal(message, results, arc) {
            Ok(set) => set.to_header(),
            Err(error) => {
                tracing::info!(%error, "a message was not sealed");
                String::new()
            }
        }
    }

    fn action(
        &self,
        message: &AuthenticatedMessage<'_>,
        spf: &SpfOutput,
        dkim: &[DkimOutput<'_>],
        arc: &ArcOutput<'_>,
        dmarc: &DmarcOutput,
    ) -> Action {
        if matches!(dmarc.result(), DmarcResult::Pass) || self.is_vouched_for(arc) {
            return Action::Accept;
        }
        // RFC 5322 3.6 has one From. Policies say nothing of several, so they would be a way around them
        // (RFC 7489 6.6.1).
        if has_many_authors(message) {
            return Action::Junk(SCL_SUSPECT);
        }
        let failed = matches!(dmarc.result(), DmarcResult::Fail(_));
        match dmarc.policy() {
            Policy::Reject if failed && self.options.reject => {
                Action::Reject { domain: dmarc.domain().to_owned() }
            }
            Policy::Reject if failed => Action::Junk(SCL_REJECT),
            Policy::Quarantine if failed => Action::Junk(SCL_QUARANTINE),
            _ => {
                // The domain says that such hosts never send its mail, and nobody signed.
                let signed = dkim.iter().any(|dkim| *dkim.result() == DkimResult::Pass);
                let bare = dmarc.dmarc_record().is_none()
                    && !matches!(dmarc.result(), DmarcResult::TempError(_));
                match spf.result() == SpfResult::Fail && !signed && bare {
                    true => Action::Junk(SCL_SUSPECT),
                    false => Action::Accept,
                }
            }
        }
    }

    /// Whether the last who sealed the message is trusted, and found it good.
    fn is_vouched_for(&self, arc: &ArcOutput<'_>) -> bool {
        if *arc.result() != DkimResult::Pass {
            return false;
        }
        let Some(last) = arc.sets().last() else { return false };
        let sealer = &last.seal.header.d;
        let trusted = |domain: &Domain| domain.as_str().eq_ignore_ascii_case(sealer);
        self.options.trusted_sealers.iter().any(trusted) && fields::says_pass(last.results.value)
    }
}

fn kibibytes(bytes: u64) -> usize {
    (bytes >> 10).clamp(1, u64::from(u32::MAX >> 3)) as usize
}

/// Takes away what would cost more than a message may.
fn bound(message: &mut AuthenticatedMessage<'_>) {
    message.dkim_headers.retain(|header| {
        let signature = &header.header;
        signature.h.len() <= MAX_NAMES
            && signature.d.len() <= MAX_NAME
            && signature.s.len() <= MAX_NAME
            && signature.i.len() <= MAX_IDENTITY
    });
    message.dkim_headers.truncate(MAX_SIGNATURES);
    for header in &mut message.dkim_headers {
        // Each would be a look-up more, for third parties and for reports that nobody sends here.
        header.header.atps = None;
        header.header.r = false;
    }
    let mut left = MAX_SIGNATURES - message.dkim_headers.len();
    message.errors.retain(|header| {
        let is_dkim = matches!(header.header, Error::Dkim(_));
        let kept = !is_dkim || left > 0;
        left -= usize::from(is_dkim && kept);
        kept
    });
    message.ams_headers.retain(|header| header.header.h.len() <= MAX_NAMES);
}

fn has_many_authors(message: &AuthenticatedMessage<'_>) -> bool {
    let is_from = |name: &[u8]| name.trim_ascii().eq_ignore_ascii_case(b"from");
    let fields = message.headers.iter().filter(|(name, _)| is_from(name)).count();
    let domain = |address: &String| address.rsplit_once('@').map(|(_, domain)| domain.to_owned());
    let mut domains = message.from.iter().filter_map(domain);
    let first = domains.next();
    fields > 1 || domains.any(|domain| Some(&domain) != first.as_ref())
}

#[cfg(test)]
mod tests;
