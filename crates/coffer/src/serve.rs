//! `coffer serve`: the mailboxes of a data directory over MAPI/HTTP, until a signal ends it.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use mail_server::tls::Certificates;
use mapi_server::budget::Budget;
use mapi_server::http::{Config, Https, Running, Server};
use mapi_server::{Control, Limits, Options};
use serde_json::json;
use store::text::Indexer;
use store::{Account, Store};

use crate::cli::ServeArgs;
use crate::control::ControlServer;
use crate::mail::{self, Mail};
use crate::maintain::Maintenance;
use crate::password::{self, Secret};
use crate::tls::{self, Shown};
use crate::{account, alloc, demo, open, signal, waiting};
/// More threads than a server has.
const THREADS: usize = 85;

pub fn run(data: &Path, args: &ServeArgs) -> anyhow::Result<u8> {
    // Before the first thread, so that none of them takes the signal.
    let signals = signal::Signals::block()?;
    waiting::make_room(THREADS).context("start threads")?;
    if args.ephemeral {
        let dir = tempfile::Builder::new().prefix("coffer-").tempdir().context("make a place")?;
        return serve_ephemeral(dir.path(), args, &signals);
    }
    let existed = data.exists();
    let store = open::store(data, memory_budget(args)).map_err(|e| open::explain(data, e))?;
    let result = serve_directory(data, existed, &store, args, &signals);
    store.close().context("close the data directory")?;
    result
}

fn serve_directory(
    data: &Path,
    existed: bool,
    store: &Store,
    args: &ServeArgs,
    signals: &signal::Signals,
) -> anyhow::Result<u8> {
    let demo = args.demo.then(|| demo::ensure(store)).transpose()?;
    let shown = tls::open(data, args)?;
    let certificates = shown.as_ref().map(|shown| &shown.certificates);
    let running = start(store, args, args.listen, args.metrics_listen, certificates)?;
    let control = ControlServer::start(data, store.clone(), running.watch())
        .context("open the control socket")?;
    let maintenance = Maintenance::start(store.clone()).context("start the maintenance")?;
    let indexer = Indexer::start(store).context("start the full-text index")?;
    let mail = mail::start(data, store, args, &running, certificates)?;
    greet(data, existed, store, &running, &mail, shown.as_ref(), demo.as_ref())?;
    alloc::trim();
    wait(signals, shown.as_ref())?;
    println!("ending");
    mail.stop();
    drop(indexer);
    drop(maintenance);
    drop(control);
    running.stop();
    Ok(0)
}

/// How often the certificate's files are looked at.
const LOOK: Duration = Duration::from_secs(60);

fn wait(signals: &signal::Signals, shown: Option<&Shown>) -> std::io::Result<()> {
    signals.wait(LOOK, || shown.into_iter().for_each(Shown::reload))
}

fn greet(
    data: &Path,
    existed: bool,
    store: &Store,
    running: &Running,
    mail: &Mail,
    shown: Option<&Shown>,
    demo: Option<&(Account, Option<Secret>)>,
) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let url = mapi_url(running);
    writeln!(out, "data       {}{}", data.display(), if existed { "" } else { " (new)" })?;
    writeln!(out, "MAPI/HTTP  {url}/mapi/emsmdb/")?;
    for address in running.https() {
        writeln!(out, "HTTPS      https://{address}/mapi/emsmdb/")?;
    }
    writeln!(out, "metrics    {}", metrics_url(running))?;
    for (name, address) in mail.addresses() {
        writeln!(out, "{name:<10} {address}")?;
    }
    if let Some(shown) = shown {
        writeln!(out, "SHA-256    {}", shown.line())?;
    }
    match demo {
        Some((account, password)) => {
            writeln!(out, "account    {}", account.address)?;
            match password {
                Some(password) => writeln!(out, "password   {}", password.0)?,
                None => writeln!(
                    out,
                    "password   as the first start printed it; `coffer user passwd {} --generate` \
                     makes another",
                    account.address
                )?,
            }
            writeln!(out, "\nTry next, in another terminal:\n")?;
            writeln!(out, "    {} ls --url {url} --user {}", program(data), account.address)?;
        }
        None if store.accounts()?.is_empty() => {
            writeln!(out, "\nNo accounts yet. In another terminal:\n")?;
            writeln!(out, "    {} user add me@example.test", program(data))?;
        }
        None => {
            writeln!(out, "\nTry next, in another terminal:\n")?;
            writeln!(out, "    {} user list", program(data))?;
        }
    }
    out.flush()?;
    Ok(())
}

/// How the program was called, with the data directory where it is not the usual one.
fn program(data: &Path) -> String {
    let name = std::env::args().next().unwrap_or_else(|| "coffer".into());
    match data == Path::new("./coffer-data") {
        true => name,
        false => format!("{name} --data {}", data.display()),
    }
}

fn serve_ephemeral(dir: &Path, args: &ServeArgs, signals: &signal::Signals) -> anyhow::Result<u8> {
    let data: PathBuf = dir.join("data");
    let store = open::store(&data, memory_budget(args)).map_err(|e| open::explain(&data, e))?;
    let result = (|| {
        let password = password::generate()?;
        let accounts: Vec<Account> = (1..=args.users)
            .map(|n| account::make(&store, &format!("user{n}@example.test"), None, &password))
            .collect::<anyhow::Result<_>>()?;
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let shown = tls::open(&data, args)?;
        let certificates = shown.as_ref().map(|shown| &shown.certificates);
        let running = start(&store, args, any, any, certificates)?;
        let control = ControlServer::start(&data, store.clone(), running.watch())?;
        let _indexer = Indexer::start(&store)?;
        let mail = mail::start(&data, &store, args, &running, certificates)?;
        let first = &accounts[0];
        let ready = json!({
            "pid": std::process::id(),
            "data": data,
            "user": first.address,
            "password": password.0,
            "legacy_dn": first.legacy_dn,
            "mapi_url": mapi_url(&running),
            "metrics_url": metrics_url(&running),
            "mail": mail.addresses().map(|(name, address)| (name.to_lowercase(), address.to_string()))
                .collect::<std::collections::BTreeMap<_, _>>(),
            "https_url": running.https().first().map(|address| format!("https://{address}")),
            "tls": shown.as_ref().map(|shown| json!({
                "certificate": shown.certificates.source().certificates,
                "sha256": shown.certificates.fingerprint().to_string(),
            })),
            "accounts": accounts.iter().map(|account| json!({
                "user": account.address,
                "password": password.0,
                "legacy_dn": account.legacy_dn,
                "mailbox_guid": account.mailbox_guid.to_string(),
            })).collect::<Vec<_>>(),
        });
        let mut out = std::io::stdout().lock();
        writeln!(out, "{ready}")?;
        out.flush()?;
        drop(out);
        alloc::trim();
        wait(signals, shown.as_ref())?;
        mail.stop();
        drop(control);
        running.stop();
        Ok(0)
    })();
    store.close()?;
    result
}

fn start(
    store: &Store,
    args: &ServeArgs,
    mapi: SocketAddr,
    metrics: SocketAddr,
    certificates: Option<&Arc<Certificates>>,
) -> anyhow::Result<Running> {
    for address in [mapi, metrics] {
        if !address.ip().is_loopback() && !args.plain_http_beyond_loopback {
            bail!(
                "{address} is not on loopback, and plain HTTP shows passwords and mail to whoever is in \
                 between: give the address to --https, or listen on 127.0.0.1 and put a proxy that \
                 speaks TLS in front; --plain-http-beyond-loopback allows it nevertheless"
            );
        }
    }
    let https = args.https.zip(certificates).map(|(address, certificates)| {
        let tls = Arc::new(certificates.server_config(&["http/1.1"]));
        Https { address, tls }
    });
    let limits = Limits {
        session_idle: Duration::from_secs(u64::from(args.session_expiry)),
        ..Limits::default()
    };
    let options = Options {
        limits,
        control: args.control_q237174.map(Control::q237174).unwrap_or_default(),
        trace: args.trace_rops.then(trace_to_stderr),
        ..Options::default()
    };
    let mut config = Config {
        bind: vec![mapi],
        https: https.into_iter().collect(),
        metrics: Some(metrics),
        options,
        allocated_bytes: Some(Arc::new(|| u64::try_from(alloc::live_bytes()).unwrap_or(0))),
        ..Config::default()
    };
    Budget::of(memory_budget(args)).apply(&mut config);
    // What is said by name counts for more than a share.
    for (limit, value) in &args.limit {
        config.options.limits.set(*limit, *value);
    }
    Server::start(store.clone(), config).map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => anyhow::anyhow!(
            "{error}: the port is in use; end the program that has it, or give others with --listen, \
             --https and --metrics-listen"
        ),
        _ => anyhow::Error::from(error).context(format!("listen on {mapi} and {metrics}")),
    })
}

/// One line a ROP, request and answer.
fn trace_to_stderr() -> mapi_server::processor::Trace {
    Arc::new(|line| eprintln!("{line}"))
}

fn mapi_url(running: &Running) -> String {
    running.addresses().first().map(|address| format!("http://{address}")).unwrap_or_default()
}

fn metrics_url(running: &Running) -> String {
    running.metrics().map(|address| format!("http://{address}/metrics")).unwrap_or_default()
}

fn memory_budget(args: &ServeArgs) -> u64 {
    u64::from(args.memory_budget) << 20
}
