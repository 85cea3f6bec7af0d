//! The servers of internet mail beside MAPI/HTTP: they share its passwords, its ledger and its limits.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use mail_server::auth::{Refused, Verification, Verifier};
use mail_server::authenticate;
use mail_server::census::{Census, Counted, Full};
use mail_server::dkim::Signer;
use mail_server::dns;
use mail_server::imap::{self, Imap};
use mail_server::letters::Letters;
use mail_server::outbound::{self, Outbound, Tools};
use mail_server::pop3::Pop3;
use mail_server::smtp::{Limits, Role, Smtp};
use mail_server::tls::{Certificates, Tls};
use mail_server::work::Work;
use mail_server::{Address, Bounds, Host, Listen, Protocol, Security, Service};
use mapi_server::http::Running;
use mapi_server::http::auth::{Authenticator, Denied};
use mapi_server::http::credentials::Credentials;
use mapi_server::ledger::{Client, Entry, Kind, Ledger, Owner};
use store::{Account, Store};

use crate::cli::{Failing, ServeArgs};

/// The servers at work; none where the command line names no address.
pub struct Mail {
    running: Option<mail_server::Running>,
    outbound: Option<Outbound>,
    names: Vec<&'static str>,
}

impl Mail {
    /// What is served where.
    pub fn addresses(&self) -> impl Iterator<Item = (&'static str, &Address)> {
        let addresses = self.running.iter().flat_map(|running| running.addresses());
        self.names.iter().copied().zip(addresses)
    }

    /// Accepts no more and lets what is under way finish.
    pub fn stop(self) {
        if let Some(running) = self.running {
            running.stop();
        }
        if let Some(outbound) = self.outbound {
            outbound.stop();
        }
    }
}

/// Threads that deliver. A delivery waits for the disk most of its time, and those that wait share a sync.
const THREADS: usize = 16;
/// Jobs that wait for one of them.
const QUEUE: usize = 1_024;
/// Threads that read mailboxes for IMAP. Changes wait for the disk on them.
const READERS: usize = 8;
/// More than there may be connections, each of which has one job at a time.
const WAITING_READERS: usize = 8_192;

/// A socket that the command line asks for.
struct Asked {
    name: &'static str,
    protocol: Protocol,
    /// TLS begins with the connection.
    at_once: bool,
    address: Address,
}

impl Asked {
    fn of(args: &ServeArgs) -> Vec<Asked> {
        let all = [
            ("LMTP", Protocol::Lmtp, false, &args.lmtp),
            ("SMTP", Protocol::Smtp, false, &args.smtp),
            ("submission", Protocol::Submission, false, &args.submission),
            ("submissions", Protocol::Submission, true, &args.submissions),
            ("IMAP", Protocol::Imap, false, &args.imap),
            ("IMAPS", Protocol::Imap, true, &args.imaps),
            ("POP3", Protocol::Pop3, false, &args.pop3),
            ("POP3S", Protocol::Pop3, true, &args.pop3s),
        ];
        let asked = all.into_iter().filter_map(|(name, protocol, at_once, address)| {
            Some(Asked { name, protocol, at_once, address: address.clone()? })
        });
        asked.collect()
    }

    /// On a Unix socket nobody is in between.
    fn security(&self, certificates: Option<&Arc<Certificates>>) -> Security {
        let tls = || certificates.map(|certificates| Tls::new(certificates, self.protocol));
        match (&self.address, self.at_once) {
            (_, true) => tls().map_or(Security::Plain, Security::Tls),
            (Address::Tcp(_), false) => tls().map_or(Security::Plain, Security::Offered),
            (Address::Unix(_), false) => Security::Plain,
        }
    }
}

/// Whether something is asked for that needs a certificate.
pub fn wants_tls(args: &ServeArgs) -> bool {
    Asked::of(args).iter().any(|asked| asked.at_once || matches!(asked.address, Address::Tcp(_)))
}

/// Starts what the command line asks for.
pub fn start(
    data: &Path,
    store: &Store,
    args: &ServeArgs,
    server: &Running,
    certificates: Option<&Arc<Certificates>>,
) -> anyhow::Result<Mail> {
    let asked = Asked::of(args);
    let names = asked.iter().map(|asked| asked.name).collect();
    let mut mail = Mail { running: None, outbound: None, names };
    store::outbound::set_tracking(store, true);
    let sends = args.outbound || args.smart_host.is_some();
    if asked.is_empty() && !sends {
        return Ok(mail);
    }
    let spool = data.join("spool");
    std::fs::create_dir_all(&spool).with_context(|| format!("make {}", spool.display()))?;
    let name = args.host_name.clone().unwrap_or_else(host_name);
    let host = Arc::new(host(store, server, spool, name)?);
    let asked_nothing = asked.is_empty();
    let authenticator = authenticator(data, args, &host.name)?;
    // One for both of its sockets: a maildrop is held over all of them.
    let pop3: Arc<dyn Service> = Arc::new(Pop3::new(Arc::clone(&host)));
    let imap = Imap::new(Arc::clone(&host), imap::session::Options::default());
    let imap: Arc<dyn Service> = Arc::new(imap);
    let listens = asked.into_iter().map(|asked| {
        let security = asked.security(certificates);
        let smtp =
            |role| -> Arc<dyn Service> { Smtp::new(Arc::clone(&host), role, Limits::default()) };
        let service: Arc<dyn Service> = match asked.protocol {
            Protocol::Lmtp => smtp(Role::Lmtp),
            Protocol::Smtp => match &authenticator {
                Some(authenticator) => Smtp::authenticating(
                    Arc::clone(&host),
                    Limits::default(),
                    Arc::clone(authenticator),
                ),
                None => smtp(Role::Smtp),
            },
            Protocol::Submission => smtp(Role::Submission),
            Protocol::Imap => Arc::clone(&imap),
            Protocol::Pop3 => Arc::clone(&pop3),
        };
        Listen { address: asked.address, service, security }
    });
    let census = census(server);
    if sends {
        let dns = dns::Options { servers: args.name_server.clone(), ..dns::Options::default() };
        let names = dns::System::new(&dns)
            .context("--outbound asks name servers; name one with --name-server")?;
        let options =
            outbound::Options { smart_host: args.smart_host.clone(), ..Default::default() };
        let tools = Tools {
            names: Arc::new(names),
            census: Arc::clone(&census),
            tls: None,
            signer: Some(Arc::new(Signer::new(data))),
        };
        let outbound = Outbound::start(Arc::clone(&host), tools, options);
        mail.outbound = Some(outbound.context("send messages to other domains")?);
    }
    if asked_nothing {
        return Ok(mail);
    }
    let running = mail_server::start(listens.collect(), Bounds::default(), census)
        .context("serve mail; give another address, or end the program that has this one")?;
    mail.running = Some(running);
    Ok(mail)
}

/// What looks at mail that comes over SMTP, if that is asked for.
fn authenticator(
    data: &Path,
    args: &ServeArgs,
    name: &str,
) -> anyhow::Result<Option<Arc<authenticate::Authenticator>>> {
    let Some(failing) = args.authenticate_mail else { return Ok(None) };
    let dns = dns::Options { servers: args.name_server.clone(), ..dns::Options::default() };
    let system = dns::System::new(&dns)
        .context("--authenticate-mail asks name servers; name one with --name-server")?;
    let options = authenticate::Options {
        reject: failing == Failing::Reject,
        seal: args.arc_seal.clone(),
        trusted_sealers: args.arc_trust.clone(),
        ..authenticate::Options::new(name)
    };
    Ok(Some(authenticate::Authenticator::new(&system, Arc::new(Signer::new(data)), options)))
}

/// What the services share.
pub fn host(store: &Store, server: &Running, spool: PathBuf, name: String) -> anyhow::Result<Host> {
    Ok(Host {
        store: store.clone(),
        work: Work::start("coffer-mail", store, THREADS, QUEUE)
            .context("start the threads that deliver")?,
        reading: Work::start("coffer-reads", store, READERS, WAITING_READERS)
            .context("start the threads that read")?,
        verifier: Arc::new(Passwords(Arc::clone(server.authenticator()))),
        name,
        letters: Letters::new(spool),
    })
}

/// Where their connections are counted.
pub fn census(server: &Running) -> Arc<dyn Census> {
    Arc::new(Connections(Arc::clone(&server.processor().ledger)))
}

/// The system's name for this host.
pub fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "localhost".to_owned(),
        name => name.to_owned(),
    }
}

/// The passwords of MAPI/HTTP: one memory of what was verified, one pool of threads that hash.
struct Passwords(Arc<Authenticator>);

impl Verifier for Passwords {
    fn verify(&self, user: String, password: String) -> Verification {
        let authenticator = Arc::clone(&self.0);
        Box::pin(async move {
            match authenticator.admit(Credentials { user, password }).await {
                Ok(verified) => Ok((*verified.account).clone()),
                Err(Denied::Unauthorized) => Err(Refused::Wrong),
                Err(Denied::Busy) => Err(Refused::Busy),
                Err(Denied::Failed) => Err(Refused::Failed),
            }
        })
    }
}

/// The ledger of MAPI/HTTP.
struct Connections(Arc<Ledger>);

impl Connections {
    fn line(&self, kind: Kind) -> Box<dyn Counted> {
        Box::new(Line { entry: self.0.open(kind), ledger: Arc::clone(&self.0), owner: None })
    }
}

impl Census for Connections {
    fn open(&self, protocol: Protocol, _: Option<SocketAddr>) -> Box<dyn Counted> {
        let kind = match protocol {
            Protocol::Lmtp => Kind::Lmtp,
            Protocol::Smtp | Protocol::Submission => Kind::Smtp,
            Protocol::Imap => Kind::Imap,
            Protocol::Pop3 => Kind::Pop3,
        };
        self.line(kind)
    }

    fn open_out(&self) -> Box<dyn Counted> {
        self.line(Kind::Outbound)
    }
}

struct Line {
    entry: Entry,
    ledger: Arc<Ledger>,
    /// Who logged on, and with what.
    owner: Option<(Arc<Owner>, Box<str>)>,
}

impl Counted for Line {
    fn belongs_to(&mut self, account: &Account, client: &str) -> Result<(), Full> {
        let owner = self.ledger.owner(account);
        let client = Client::clean(client);
        self.entry = owner.open(self.entry.kind(), &client).map_err(|_| Full)?;
        self.owner = Some((owner, client));
        Ok(())
    }

    fn maildrop(&self) -> Box<dyn Send> {
        let entry = self.owner.as_ref().map(|(owner, client)| owner.open(Kind::Maildrop, client));
        Box::new(entry.and_then(Result::ok))
    }
}
