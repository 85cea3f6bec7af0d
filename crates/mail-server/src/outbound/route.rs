//! Which hosts take a domain's mail (RFC 5321 5.1).

use std::net::{IpAddr, SocketAddr};

use crate::dns::{LookupError, Mx, Resolver};
use crate::smtp::client::Answer;

/// Hosts and addresses that are tried in one attempt.
const MAX_HOSTS: usize = 10;
const MAX_ADDRESSES: usize = 12;

/// Where to connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    pub host: String,
    pub address: SocketAddr,
}

/// Why there is nowhere to connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoRoute {
    /// For good.
    Never(Answer),
    /// Perhaps later.
    Later(Answer),
}

/// How hosts are found.
pub struct Router<'a> {
    pub names: &'a dyn Resolver,
    /// The name of this host: mail that comes back to it goes in circles.
    pub own: &'a str,
    pub port: u16,
    /// Addresses of this machine are connected to as well: for tests.
    pub loopback: bool,
}

impl Router<'_> {
    /// The addresses to try, in this order.
    ///
    /// # Errors
    /// [`NoRoute`].
    pub async fn to(&self, domain: &str) -> Result<Vec<Hop>, NoRoute> {
        if let Some(literal) = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            // RFC 5321 4.1.3
            let text = literal.strip_prefix("IPv6:").or(literal.strip_prefix("ipv6:"));
            let address: IpAddr = text
                .unwrap_or(literal)
                .parse()
                .map_err(|_| never("5.1.2", format!("{domain} is no address of a host")))?;
            return self.hops(vec![(domain.to_owned(), vec![address])], None, domain);
        }
        let hosts = match self.names.mx(domain).await {
            Ok(records) if Mx::is_null(&records) => {
                // RFC 7505 4
                return Err(never("5.1.10", format!("{domain} takes no mail (null MX)")));
            }
            // The implicit MX.
            Ok(records) if records.is_empty() => vec![domain.to_owned()],
            Ok(records) => self.hosts(records, domain)?,
            Err(error @ (LookupError::NoSuchName | LookupError::BadName)) => {
                return Err(never("5.1.2", format!("{domain}: {error}")));
            }
            Err(error) => return Err(later("4.4.3", format!("{domain}: {error}"))),
        };
        let mut found = Vec::new();
        let mut count = 0;
        let mut failed = None;
        for host in hosts.into_iter().take(MAX_HOSTS) {
            match self.names.addresses(&host).await {
                Ok(addresses) => {
                    count += addresses.len();
                    found.push((host, addresses));
                }
                Err(error) if error.is_temporary() => failed = Some(format!("{host}: {error}")),
                Err(_) => {}
            }
            if count >= MAX_ADDRESSES {
                break;
            }
        }
        self.hops(found, failed, domain)
    }

    /// Leaves this host out, and all that are not preferred to it (RFC 5321 5.1).
    fn hosts(&self, mut records: Vec<Mx>, domain: &str) -> Result<Vec<String>, NoRoute> {
        records.sort_by_key(|mx| mx.preference);
        let ours = records.iter().find(|mx| mx.host.eq_ignore_ascii_case(self.own));
        let ours = ours.map(|mx| mx.preference);
        // A root among other hosts means nothing.
        let hosts: Vec<String> = records
            .into_iter()
            .filter(|mx| !mx.host.is_empty() && ours.is_none_or(|ours| mx.preference < ours))
            .map(|mx| mx.host)
            .collect();
        match hosts.is_empty() {
            true => {
                let text =
                    format!("mail for {domain} comes back to this host, which has no such domain");
                Err(never("5.4.6", text))
            }
            false => Ok(hosts),
        }
    }

    fn hops(
        &self,
        found: Vec<(String, Vec<IpAddr>)>,
        failed: Option<String>,
        domain: &str,
    ) -> Result<Vec<Hop>, NoRoute> {
        let usable = |address: &IpAddr| {
            let address = address.to_canonical();
            let nowhere = address.is_unspecified() || address.is_multicast();
            !nowhere && (self.loopback || !address.is_loopback())
        };
        let hops: Vec<Hop> = found
            .into_iter()
            .flat_map(|(host, mut addresses)| {
                addresses.retain(usable);
                // Those of IPv4 first.
                addresses.sort_by_key(|address| address.to_canonical().is_ipv6());
                let hop = move |address| Hop {
                    host: host.clone(),
                    address: SocketAddr::new(address, self.port),
                };
                addresses.into_iter().map(hop).collect::<Vec<_>>()
            })
            .take(MAX_ADDRESSES)
            .collect();
        match (hops.is_empty(), failed) {
            (false, _) => Ok(hops),
            (true, Some(why)) => Err(later("4.4.3", why)),
            (true, None) => {
                Err(never("5.4.4", format!("no host that takes mail for {domain} has an address")))
            }
        }
    }
}

fn never(status: &str, text: String) -> NoRoute {
    NoRoute::Never(Answer::own(550, status, text))
}

fn later(status: &str, text: String) -> NoRoute {
    NoRoute::Later(Answer::own(450, status, text))
}
