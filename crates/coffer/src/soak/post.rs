//! The servers of mail beside a local store, as `coffer serve` would run them, and where a scenario finds them.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use mail_server::imap::{self, Imap};
use mail_server::smtp::{Limits, Role, Smtp};
use mail_server::{Address, Bounds, Listen, Security, Service};
use mapi_server::http::Running;
use mapi_server::{Kind, Ledger};
use store::Store;

use super::talk::Talk;
use crate::mail;

/// Where mail goes in and out.
#[derive(Clone)]
pub struct Office {
    pub lmtp: Option<Address>,
    pub imap: Option<Address>,
    pub user: String,
    pub password: String,
}

/// LMTP and IMAP at work.
pub struct Post {
    running: mail_server::Running,
}

impl Post {
    pub fn start(store: &Store, server: &Running, dir: &Path) -> Result<Post> {
        let spool = dir.join("spool");
        std::fs::create_dir_all(&spool)?;
        let host = Arc::new(mail::host(store, server, spool, "soak.example.test".into())?);
        let lmtp: Arc<dyn Service> = Smtp::new(Arc::clone(&host), Role::Lmtp, Limits::default());
        let imap: Arc<dyn Service> = Arc::new(Imap::new(host, imap::session::Options::default()));
        let listen = |service| Listen { address: loopback(), service, security: Security::Plain };
        let listens = vec![listen(lmtp), listen(imap)];
        Ok(Post { running: mail_server::start(listens, Bounds::default(), mail::census(server))? })
    }

    pub fn lmtp(&self) -> &Address {
        &self.running.addresses()[0]
    }

    pub fn imap(&self) -> &Address {
        &self.running.addresses()[1]
    }

    /// Waits until every connection is counted out.
    pub fn wait_for_the_end(&self, ledger: &Ledger, patience: Duration) -> Result<()> {
        let started = Instant::now();
        for address in self.running.addresses() {
            // Accepted in their order: when this one is greeted, no earlier one is still to come.
            let mut last = Talk::connect(address, None)?;
            last.told().context("no greeting")?;
        }
        let open = || ledger.live(Kind::Lmtp) + ledger.live(Kind::Imap);
        while open() > 0 {
            if started.elapsed() > patience {
                bail!("{} connections of mail are still open", open());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }
}

fn loopback() -> Address {
    Address::Tcp(([127, 0, 0, 1], 0).into())
}
