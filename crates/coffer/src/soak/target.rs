//! What the soak runs against: a store in this process, or a server.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use mapi_server::http::{Config, Running, Server};
use mapi_server::limits::Limit;
use mapi_server::{Control, Kind, Limits, Options, Processor};
use mapi_session::{Fuse, Http, Loopback, Profile};
use store::engine::{Faults, FaultyEngine, FjallEngine, garbage};
use store::{NewAccount, Store, StoreOptions};

use super::SoakArgs;
use super::faults::Faulty;
use super::judge::Sample;
use super::metrics::Metrics;
use super::post::{Office, Post};
use super::probe::{LocalStore, Probe};
use crate::command::Request;
use crate::terminal::Terminal;
use crate::{control, password};

pub enum Target {
    Local(Box<Local>),
    Remote(Box<Remote>),
}

/// A store of its own, on disk as it would be in service, gone with the soak.
pub struct Local {
    way: Way,
    pub store: Store,
    faults: Option<Faults>,
    mail: Option<Post>,
    dir: tempfile::TempDir,
}

/// How clients reach the local store.
enum Way {
    Loopback(Loopback),
    Http(Running),
}

pub struct Remote {
    service: Http,
    server: Address,
    office: Office,
    others: Vec<String>,
    metrics: Option<Metrics>,
    /// What the server held before the first session.
    base: Option<Sample>,
    /// Its data directory, to be told to give memory back.
    data: Option<PathBuf>,
    /// How long a server that does not tell may take to end abandoned sessions.
    expiry: Duration,
}

/// An address for bytes of the soak's own making.
#[derive(Debug, Clone)]
pub struct Address {
    /// Host and port.
    pub authority: String,
    pub path: String,
    pub user: String,
    pub user_dn: String,
    /// The header line, without its end.
    pub authorization: String,
}

/// What a local store is made for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Purpose {
    /// The fault of Q237174, with that many bytes.
    pub leak: Option<usize>,
    /// Serve it over HTTP.
    pub port: bool,
    /// Serve mail beside.
    pub mail: bool,
    /// Let its engine fail.
    pub faults: bool,
}

pub const USER: &str = "soak@example.test";
/// The others, whose mailboxes the user may open, but for the last.
pub const OTHERS: usize = 9;
const PASSWORD: &str = "the soak's own";

pub fn other(number: usize) -> String {
    format!("other{number}@example.test")
}

impl Target {
    pub fn new(args: &SoakArgs, purpose: Purpose) -> Result<Target> {
        match args.target.as_str() {
            "local" => Local::new(purpose).map(|local| Target::Local(Box::new(local))),
            url => Remote::new(url, args).map(|remote| Target::Remote(Box::new(remote))),
        }
    }

    /// Where sessions log on; over HTTP through the fuse, if there is one.
    pub fn profile(&self, fuse: Option<&Fuse>) -> Profile {
        match self {
            Target::Local(local) => local.profile(fuse),
            Target::Remote(remote) => Profile::new(with_fuse(remote.service.clone(), fuse)),
        }
    }

    /// Where bytes can be sent.
    pub fn address(&self) -> Result<Address> {
        match self {
            Target::Local(local) => local.address().context("the local store has no port"),
            Target::Remote(remote) => Ok(remote.server.clone()),
        }
    }

    /// Where mail is delivered and read, and the password for that.
    pub fn post(&self) -> Result<Office> {
        match self {
            Target::Local(local) => {
                let post = local.mail.as_ref().context("the local store serves no mail")?;
                Ok(Office {
                    lmtp: Some(post.lmtp().clone()),
                    imap: Some(post.imap().clone()),
                    user: USER.into(),
                    password: PASSWORD.into(),
                })
            }
            Target::Remote(remote) => Ok(remote.office.clone()),
        }
    }

    /// Waits until the server has counted out every connection of mail. Of a server elsewhere that is waited for as
    /// long as what it tells still moves.
    pub fn wait_for_the_end_of_mail(&self, patience: Duration) -> Result<()> {
        match self {
            Target::Local(local) => match &local.mail {
                Some(post) => post.wait_for_the_end(&local.processor().ledger, patience),
                None => Ok(()),
            },
            Target::Remote(remote) => remote.wait_for_stillness(),
        }
    }

    /// The distinguished names or addresses of other mailboxes that the user may open, and whether the last
    /// of them is one that he may not open.
    pub fn others(&self) -> Result<Vec<String>> {
        match self {
            Target::Local(local) => {
                let dn = |number| -> Result<String> {
                    let account = local.store.account_by_address(&other(number))?;
                    Ok(account.context("an account of the soak is gone")?.legacy_dn)
                };
                (0..OTHERS - 1).map(dn).collect()
            }
            Target::Remote(remote) if remote.others.is_empty() => {
                bail!("the scenario needs mailboxes that the user may open: name them with --other")
            }
            Target::Remote(remote) => Ok(remote.others.clone()),
        }
    }

    /// A mailbox that the user may not open.
    pub fn refused(&self) -> Result<String> {
        match self {
            Target::Local(local) => {
                let account = local.store.account_by_address(&other(OTHERS - 1))?;
                Ok(account.context("an account of the soak is gone")?.legacy_dn)
            }
            Target::Remote(_) => Ok("/o=none/ou=none/cn=Recipients/cn=nobody".into()),
        }
    }

    pub fn local(&self) -> Result<&Local> {
        match self {
            Target::Local(local) => Ok(local),
            Target::Remote(_) => bail!("the scenario works on the store itself: --target local"),
        }
    }

    pub fn faults(&self) -> Result<Faulty> {
        let local = self.local()?;
        let engine = local.faults.clone().context("the local store was made without faults")?;
        Ok(Faulty { engine, ledger: local.processor().ledger.clone() })
    }

    /// What is measured: this process, and a server's.
    pub fn probes(&self, args: &SoakArgs) -> Result<Vec<Probe>> {
        match self {
            Target::Local(local) => {
                let watched = LocalStore {
                    processor: local.processor().clone(),
                    store: local.store.clone(),
                    data: local.dir.path().canonicalize()?,
                };
                Ok(vec![Probe::Own(Some(watched))])
            }
            Target::Remote(_) => Ok(vec![Probe::Own(None), server(args)?]),
        }
    }

    /// Ends abandoned sessions where that can be done.
    pub fn reap(&self) {
        if let Target::Local(local) = self {
            drop(local.processor().sessions.reap_idle_for(Duration::ZERO));
        }
    }

    /// Waits until the server has ended what clients abandoned. A local server is not waited for: it takes
    /// every session for abandoned that is idle now.
    pub fn wait_for_the_end_of_sessions(&self, patience: Duration) -> Result<()> {
        let started = Instant::now();
        loop {
            let left = match self {
                Target::Local(local) => {
                    self.reap();
                    local.processor().sessions.len() as i64
                }
                Target::Remote(remote) => remote.sessions_left()?,
            };
            if left <= 0 {
                return Ok(());
            }
            if started.elapsed() > patience {
                bail!(
                    "{left} objects of abandoned sessions are there after {} s; a Coffer ends them \
                     soon with `coffer serve --session-expiry 1`",
                    patience.as_secs()
                );
            }
            std::thread::sleep(Duration::from_millis(if matches!(self, Target::Local(_)) {
                1
            } else {
                50
            }));
        }
    }

    /// Does what the maintenance of a server does: goes on with broken removals, and forgets what mailboxes
    /// remember of past changes, which is no leak: it is on disk.
    pub fn trim(&self) -> Result<()> {
        let Target::Local(local) = self else { return Ok(()) };
        local.store.finish_removals()?;
        let named = std::iter::once(USER.into()).chain((0..OTHERS).map(other));
        let mut accounts: Vec<_> =
            named.map(|address: String| local.store.account_by_address(&address)).collect();
        accounts.push(local.store.public_folders());
        for account in accounts {
            let Some(account) = account? else { continue };
            let mailbox = local.store.mailbox(account.mailbox)?;
            let latest = store::mailbox::changes::latest(&mailbox)?;
            while store::mailbox::changes::trim(&mailbox, latest, 1000)? > 0 {}
        }
        Ok(())
    }

    /// Waits until connections are closed on the server's side, and lets views go that nobody uses. With `compact` the engine gives back what
    /// it holds; the result is what was allocated before that.
    pub fn settle(&self, compact: bool, patience: Duration) -> Result<Option<i64>> {
        let local = match self {
            Target::Local(local) => local,
            Target::Remote(remote) => {
                if let (true, Some(data)) = (compact, &remote.data) {
                    remote.compact(data)?;
                }
                return Ok(None);
            }
        };
        if let Way::Http(running) = &local.way {
            let started = Instant::now();
            // Accepted in their order: after this one, no earlier one is still to come.
            let mut last = TcpStream::connect(address_of(running))?;
            last.set_read_timeout(Some(patience))?;
            last.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
            last.read_to_end(&mut Vec::new())?;
            drop(last);
            let open = || running.processor().ledger.live(Kind::Connection);
            while open() > local.kept_connections() {
                if started.elapsed() > patience {
                    bail!("{} connections are still open", open());
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        // Which sixteen views of a mailbox are kept without users is chance with many threads.
        local.store.forget_idle_views();
        garbage::collect();
        if !compact {
            return Ok(None);
        }
        let before = crate::alloc::live_bytes();
        local.forget_garbage()?;
        Ok(Some(before))
    }
}

impl Local {
    fn new(purpose: Purpose) -> Result<Local> {
        let dir = tempfile::Builder::new()
            .prefix("coffer-soak-")
            .tempdir()
            .context("no place for the soak's store")?;
        let data = dir.path().join("data");
        let faults = purpose.faults.then(Faults::default);
        let store = match &faults {
            None => Store::open(&data, StoreOptions::default()),
            Some(faults) => {
                let engine = Arc::new(FjallEngine::open(&data, &Default::default())?);
                let faulty = Arc::new(FaultyEngine::new(engine, faults.clone()));
                Store::with_engine(faulty, StoreOptions::default())
            }
        };
        let store = store.context("the soak's store cannot be made")?;
        make_accounts(&store)?;
        let options = Options {
            control: purpose.leak.map(Control::q237174).unwrap_or_default(),
            limits: limits(),
            ..Options::default()
        };
        // Mail shares the passwords of MAPI/HTTP.
        let way = match purpose.port || purpose.mail {
            false => Way::Loopback(Loopback::with_options(store.clone(), USER, options)?),
            true => {
                let config = Config { options, metrics: None, ..Config::default() };
                Way::Http(Server::start(store.clone(), config).context("cannot serve the store")?)
            }
        };
        let mail = match &way {
            Way::Http(running) if purpose.mail => {
                Some(Post::start(&store, running, dir.path()).context("cannot serve mail")?)
            }
            _ => None,
        };
        Ok(Local { way, store, faults, mail, dir })
    }

    fn profile(&self, fuse: Option<&Fuse>) -> Profile {
        match &self.way {
            Way::Loopback(service) => Profile::new(service.clone()),
            Way::Http(running) => {
                let url = format!("http://{}", address_of(running));
                match Http::new(&url, USER, PASSWORD) {
                    Ok(service) => Profile::new(with_fuse(service, fuse)),
                    // Its logon says that there is no service.
                    Err(_) => Profile::default(),
                }
            }
        }
    }

    fn address(&self) -> Option<Address> {
        let Way::Http(running) = &self.way else { return None };
        Some(Address {
            authority: address_of(running).to_string(),
            path: "/mapi/emsmdb/".into(),
            user: USER.into(),
            user_dn: USER.into(),
            authorization: basic(USER, PASSWORD),
        })
    }

    pub fn processor(&self) -> &Arc<Processor> {
        match &self.way {
            Way::Loopback(service) => service.processor(),
            Way::Http(running) => running.processor(),
        }
    }

    /// Compacts the engine, in a thread of its own: what the engine's write buffers free is handed in when the
    /// thread ends.
    fn forget_garbage(&self) -> Result<()> {
        let store = self.store.clone();
        let compacting = std::thread::spawn(move || store.compact());
        compacting.join().map_err(|_| anyhow::anyhow!("a compaction panicked"))??;
        garbage::collect();
        Ok(())
    }

    /// Connections that the run keeps between two rounds: those of sessions that live on.
    fn kept_connections(&self) -> u64 {
        self.processor().sessions.len() as u64
    }

    /// A place for files.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }
}

/// One user leaves many sessions behind before they are counted, and writes all day: his limits are out of the way,
/// those of a session stay.
fn limits() -> Limits {
    let mut limits = Limits::default();
    let of_user =
        |limit: &&Limit| limit.name().ends_with("-per-user") || **limit == Limit::WritesPerHour;
    for limit in Limit::ALL.iter().filter(of_user) {
        limits.set(*limit, 1 << 40);
    }
    limits
}

fn make_accounts(store: &Store) -> Result<()> {
    let add = |address: &str, password: Option<&str>| {
        store.create_account(&NewAccount {
            address: address.into(),
            display_name: "Soak".into(),
            password: password.map(str::to_owned),
        })
    };
    let user = add(USER, Some(PASSWORD))?;
    for number in 0..OTHERS {
        let owner = add(&other(number), None)?;
        if number + 1 < OTHERS {
            store.grant_full_access(owner.id, user.id)?;
        }
    }
    Ok(())
}

fn address_of(running: &Running) -> SocketAddr {
    running.addresses().first().copied().unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)))
}

fn with_fuse(service: Http, fuse: Option<&Fuse>) -> Http {
    match fuse {
        Some(fuse) => service.fuse(fuse.clone()),
        None => service,
    }
}

/// The header line of Basic authentication, without its end.
pub fn basic(user: &str, password: &str) -> String {
    let credentials = base64::prelude::BASE64_STANDARD.encode(format!("{user}:{password}"));
    format!("Authorization: Basic {credentials}")
}

impl Drop for Local {
    fn drop(&mut self) {
        // The directory goes next: nothing in it is needed any more.
        let _ = self.store.close();
    }
}

impl Remote {
    fn new(url: &str, args: &SoakArgs) -> Result<Remote> {
        let Some(user) = &args.user else {
            bail!("a server has to know who logs on: give --user ADDRESS");
        };
        let password = password::existing_password(args.password_stdin, user)?;
        let mut service = Http::new(url, user, &password.0)?;
        if let Some(dn) = &args.user_dn {
            service = service.user_dn(dn);
        }
        let rest = url.strip_prefix("http://").unwrap_or(url);
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let path = match path {
            "" | "/" => "/mapi/emsmdb/",
            path => path,
        };
        let server = Address {
            authority: match authority.rsplit_once(':') {
                Some((_, port)) if port.parse::<u16>().is_ok() => authority.to_owned(),
                _ => format!("{authority}:80"),
            },
            path: path.to_owned(),
            user: user.clone(),
            user_dn: args.user_dn.clone().unwrap_or_else(|| user.clone()),
            authorization: basic(user, &password.0),
        };
        let metrics = find_metrics(args).ok();
        let base = metrics.as_ref().and_then(|metrics| metrics.sample(0).ok());
        let expiry = Duration::from_secs(u64::from(args.expiry));
        let (others, data) = (args.other.clone(), args.server_data.clone());
        let office = Office {
            lmtp: args.lmtp.clone(),
            imap: args.imap.clone(),
            user: user.clone(),
            password: password.0.to_string(),
        };
        Ok(Remote { service, server, office, others, metrics, base, data, expiry })
    }

    fn compact(&self, data: &Path) -> Result<()> {
        let status = control::run(data, Request::Compact, &mut Terminal::default())?;
        match status {
            0 => Ok(()),
            status => bail!("the server's engine could not be compacted: status {status}"),
        }
    }

    /// Waits until the server tells the same number of objects twice: what clients closed just now, it counts out in
    /// its own time.
    fn wait_for_stillness(&self) -> Result<()> {
        const PAUSE: Duration = Duration::from_millis(10);
        const TRIES: u32 = 100;
        let Some(metrics) = &self.metrics else { return Ok(()) };
        let mut before = metrics.sample(0)?.objects;
        for _ in 0..TRIES {
            std::thread::sleep(PAUSE);
            let now = metrics.sample(0)?.objects;
            if now == before {
                break;
            }
            before = now;
        }
        Ok(())
    }

    /// How many objects more than at the start the server has; a server that does not tell is given its
    /// time.
    fn sessions_left(&self) -> Result<i64> {
        match (&self.metrics, self.base.and_then(|base| base.objects)) {
            (Some(metrics), Some(base)) => {
                Ok(metrics.sample(0)?.objects.unwrap_or_default() - base)
            }
            _ => {
                std::thread::sleep(self.expiry);
                Ok(0)
            }
        }
    }
}

fn find_metrics(args: &SoakArgs) -> Result<Metrics> {
    if let Some(url) = &args.metrics {
        let metrics = Metrics::new(url)?;
        metrics.sample(0)?;
        return Ok(metrics);
    }
    let candidates = candidates(&args.target);
    for url in &candidates {
        if let Ok(metrics) = Metrics::new(url)
            && metrics.sample(0).is_ok()
        {
            return Ok(metrics);
        }
    }
    bail!(
        "no metrics at {}: say where they are with --metrics URL, or, for somebody else's server on \
         this machine, which process it is with --pid",
        candidates.join(" or ")
    )
}

/// The server's process: by its metrics, or by what the system says about the process.
fn server(args: &SoakArgs) -> Result<Probe> {
    match (find_metrics(args), args.pid) {
        (Ok(metrics), pid) => Ok(Probe::Metrics { metrics, pid }),
        (Err(_), Some(pid)) if args.metrics.is_none() => Ok(Probe::Process(pid)),
        (Err(error), _) => Err(error),
    }
}

/// Where a Coffer shows its metrics if nobody said otherwise: on the port after that of MAPI/HTTP.
fn candidates(target: &str) -> Vec<String> {
    let Some(rest) = target.strip_prefix("http://") else { return Vec::new() };
    let authority = rest.split('/').next().unwrap_or_default();
    let mut urls = vec![format!("http://{authority}/metrics")];
    if let Some((host, port)) = authority.rsplit_once(':')
        && let Some(next) = port.parse::<u16>().ok().and_then(|port| port.checked_add(1))
    {
        urls.insert(0, format!("http://{host}:{next}/metrics"));
    }
    urls
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_looked_for_on_the_next_port_first() {
        assert_eq!(
            candidates("http://127.0.0.1:8480/mapi/emsmdb"),
            ["http://127.0.0.1:8481/metrics", "http://127.0.0.1:8480/metrics"]
        );
        assert!(candidates("https://x").is_empty());
    }
}
