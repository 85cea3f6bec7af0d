//! What the soak runs against: a store in this process, or a server.

use anyhow::{Context, Result, bail};
use mapi_session::{Http, Loopback, Profile};
use store::{NewAccount, Store, StoreOptions};

use super::SoakArgs;
use super::metrics::Metrics;
use super::probe::Probe;
use crate::password;

pub enum Target {
    Local(Box<Local>),
    Remote(Profile),
}

/// A store of its own, on disk as it would be in service, gone with the soak.
pub struct Local {
    service: Loopback,
    store: Store,
    _dir: tempfile::TempDir,
}

const USER: &str = "soak@example.test";

impl Target {
    /// `leak` builds the fault of Q237174 into a local store, with that many bytes.
    pub fn new(args: &SoakArgs, leak: Option<usize>) -> Result<Target> {
        match args.target.as_str() {
            "local" => Local::new(leak).map(|local| Target::Local(Box::new(local))),
            url => remote(url, args),
        }
    }

    pub fn profile(&self) -> Profile {
        match self {
            Target::Local(local) => Profile::new(local.service.clone()),
            Target::Remote(profile) => profile.clone(),
        }
    }

    /// What is measured: this process, and a server's.
    pub fn probes(&self, args: &SoakArgs) -> Result<Vec<Probe>> {
        match self {
            Target::Local(local) => {
                let service = local.service.clone();
                let ledger = Box::new(move || service.ledger().live_total() as i64);
                Ok(vec![Probe::Own { ledger: Some(ledger) }])
            }
            Target::Remote(_) => Ok(vec![Probe::Own { ledger: None }, server(args)?]),
        }
    }
}

impl Local {
    fn new(leak: Option<usize>) -> Result<Local> {
        let dir = tempfile::Builder::new()
            .prefix("coffer-soak-")
            .tempdir()
            .context("no place for the soak's store")?;
        let store = Store::open(&dir.path().join("data"), StoreOptions::default())
            .context("the soak's store cannot be made")?;
        store.create_account(&NewAccount {
            address: USER.into(),
            display_name: "Soak".into(),
            password: None,
        })?;
        let service = match leak {
            Some(bytes) => Loopback::open_with_control_q237174(store.clone(), USER, bytes)?,
            None => Loopback::open(store.clone(), USER)?,
        };
        Ok(Local { service, store, _dir: dir })
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        // The directory goes next: nothing in it is needed any more.
        let _ = self.store.close();
    }
}

fn remote(url: &str, args: &SoakArgs) -> Result<Target> {
    let Some(user) = &args.user else {
        bail!("a server has to know who logs on: give --user ADDRESS");
    };
    let password = password::existing_password(args.password_stdin, user)?;
    let mut service = Http::new(url, user, &password.0)?;
    if let Some(dn) = &args.user_dn {
        service = service.user_dn(dn);
    }
    Ok(Target::Remote(Profile::new(service)))
}

/// The server's process: by its metrics, or by what the system says about the process.
fn server(args: &SoakArgs) -> Result<Probe> {
    if let Some(url) = &args.metrics {
        let metrics = Metrics::new(url)?;
        metrics.sample(0)?;
        return Ok(Probe::Metrics { metrics, pid: args.pid });
    }
    let candidates = candidates(&args.target);
    for url in &candidates {
        if let Ok(metrics) = Metrics::new(url)
            && metrics.sample(0).is_ok()
        {
            return Ok(Probe::Metrics { metrics, pid: args.pid });
        }
    }
    match args.pid {
        Some(pid) => Ok(Probe::Process(pid)),
        None => bail!(
            "no metrics at {}: say where they are with --metrics URL, or, for somebody else's server \
             on this machine, which process it is with --pid",
            candidates.join(" or ")
        ),
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
