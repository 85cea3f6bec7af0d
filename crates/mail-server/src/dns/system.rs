//! The network's name servers, through hickory.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts, ServerOrderingStrategy,
};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::{TokioResolver, system_conf};

use super::{Answer, LookupError, Mx, Resolver};

/// How to ask.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whom to ask; nobody given, those of /etc/resolv.conf.
    pub servers: Vec<SocketAddr>,
    /// How long one server may take for one question; it is asked twice.
    pub timeout: Duration,
    /// Answers that are remembered. One has at most 64 KiB, mostly a few hundred bytes.
    pub remembered: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options { servers: Vec::new(), timeout: Duration::from_secs(5), remembered: 1_024 }
    }
}

/// A resolver over the network. It belongs to the runtime that asks first: its connections to the name servers live
/// there, so whoever has a runtime of his own makes a resolver of his own.
#[derive(Clone)]
pub struct System(TokioResolver);

/// The resolver cannot begin.
#[derive(Debug, thiserror::Error)]
#[error("the machine's name servers are not known (/etc/resolv.conf): {0}")]
pub struct NoResolver(String);

/// An answer is remembered for an hour at most, whatever it says of itself, and a refusal for some minutes.
const LONGEST: Duration = Duration::from_secs(3_600);
const LONGEST_NEGATIVE: Duration = Duration::from_secs(300);
/// What goes through without fragments (RFC 9715); what is larger is asked for over TCP.
const DATAGRAM: u16 = 1_232;

impl System {
    /// Asks nobody yet.
    ///
    /// # Errors
    /// No servers are given, and the system names none.
    pub fn new(options: &Options) -> Result<System, NoResolver> {
        let failed = |error: NetError| NoResolver(error.to_string());
        let (config, mut settings) = match &options.servers[..] {
            [] => {
                let (config, settings) = system_conf::read_system_conf().map_err(failed)?;
                // The machine's domain is no part of anybody's mail address.
                let servers = config.name_servers().to_vec();
                (ResolverConfig::from_parts(None, Vec::new(), servers), settings)
            }
            servers => {
                let servers = servers.iter().map(server).collect();
                (ResolverConfig::from_parts(None, Vec::new(), servers), ResolverOpts::default())
            }
        };
        settings.timeout = options.timeout;
        settings.attempts = 1;
        settings.cache_size = options.remembered;
        settings.positive_max_ttl = Some(LONGEST);
        settings.negative_max_ttl = Some(LONGEST_NEGATIVE);
        settings.edns0 = true;
        settings.edns_payload_len = DATAGRAM;
        settings.server_ordering_strategy = ServerOrderingStrategy::QueryStatistics;
        let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        Ok(System(builder.with_options(settings).build().map_err(failed)?))
    }

    /// For libraries that know hickory.
    pub fn inner(&self) -> &TokioResolver {
        &self.0
    }

    async fn ask(&self, name: &str, kind: RecordType) -> Result<Lookup, LookupError> {
        found(self.0.lookup(absolute(name)?, kind).await)
    }
}

fn server(address: &SocketAddr) -> NameServerConfig {
    let mut server = NameServerConfig::udp_and_tcp(address.ip());
    let at = |mut connection: ConnectionConfig| {
        connection.port = address.port();
        connection
    };
    server.connections = server.connections.into_iter().map(at).collect();
    server
}

/// No search list is for mail.
fn absolute(name: &str) -> Result<Name, LookupError> {
    let mut name = Name::from_str_relaxed(name).map_err(|_| LookupError::BadName)?;
    name.set_fqdn(true);
    match name.is_root() {
        true => Err(LookupError::BadName),
        false => Ok(name),
    }
}

fn found(result: Result<Lookup, NetError>) -> Result<Lookup, LookupError> {
    result.map_err(|error| match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NXDomain => LookupError::NoSuchName,
            ResponseCode::NoError => LookupError::Failed(EMPTY.to_owned()),
            other => LookupError::Failed(other.to_string()),
        },
        NetError::Dns(DnsError::ResponseCode(ResponseCode::NXDomain)) => LookupError::NoSuchName,
        other => LookupError::Failed(other.to_string()),
    })
}

/// Hickory's error for a name without records of the kind; it does not get out of this file.
const EMPTY: &str = "no records";

/// The records of one kind.
fn records<T>(
    looked: Result<Lookup, LookupError>,
    of: impl Fn(&RData) -> Option<T>,
) -> Result<Vec<T>, LookupError> {
    match looked {
        Ok(lookup) => Ok(lookup.answers().iter().filter_map(|record| of(&record.data)).collect()),
        Err(LookupError::Failed(why)) if why == EMPTY => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// As [`Resolver`] gives names.
fn text(name: &Name) -> String {
    let text = name.to_lowercase().to_ascii();
    text.strip_suffix('.').unwrap_or(&text).to_owned()
}

impl Resolver for System {
    fn mx(&self, domain: &str) -> Answer<'_, Mx> {
        let domain = domain.to_owned();
        Box::pin(async move {
            let looked = self.ask(&domain, RecordType::MX).await;
            let mut all = records(looked, |data| match data {
                RData::MX(mx) => Some(Mx { preference: mx.preference, host: text(&mx.exchange) }),
                _ => None,
            })?;
            all.sort_by_key(|mx| mx.preference);
            Ok(all)
        })
    }

    fn addresses(&self, host: &str) -> Answer<'_, IpAddr> {
        let host = host.to_owned();
        Box::pin(async move {
            let address = |data: &RData| match data {
                RData::A(a) => Some(IpAddr::V4(a.0)),
                RData::AAAA(aaaa) => Some(IpAddr::V6(aaaa.0)),
                _ => None,
            };
            let (four, six) =
                tokio::join!(self.ask(&host, RecordType::A), self.ask(&host, RecordType::AAAA));
            match (records(four, address), records(six, address)) {
                (Ok(mut four), Ok(six)) => {
                    four.extend(six);
                    Ok(four)
                }
                // That one kind has none says nothing of the other that failed.
                (Ok(some), Err(_)) | (Err(_), Ok(some)) if !some.is_empty() => Ok(some),
                (Err(error), _) | (_, Err(error)) => Err(error),
            }
        })
    }

    fn txt(&self, name: &str) -> Answer<'_, Vec<u8>> {
        let name = name.to_owned();
        Box::pin(async move {
            let looked = self.ask(&name, RecordType::TXT).await;
            records(looked, |data| match data {
                RData::TXT(txt) => Some(txt.txt_data.concat()),
                _ => None,
            })
        })
    }

    fn ptr(&self, address: IpAddr) -> Answer<'_, String> {
        Box::pin(async move {
            let looked = found(self.0.lookup(Name::from(address), RecordType::PTR).await);
            records(looked, |data| match data {
                RData::PTR(ptr) => Some(text(&ptr.0)),
                _ => None,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Zone;
    use super::*;

    /// The same questions to the zone's table and, over the network, to a name server that has it.
    #[test]
    fn the_network_answers_as_the_table() {
        let zone = Zone::new()
            .mx("a.test", 20, "second.a.test")
            .mx("a.test", 10, "First.a.test")
            .mx("nobody.test", 0, ".")
            .address("first.a.test", "192.0.2.1")
            .address("first.a.test", "2001:db8::1")
            .address("six.test", "2001:db8::6")
            .txt("a.test", "v=spf1 -all")
            .txt("a.test", &"long ".repeat(100))
            .ptr("192.0.2.1", "First.a.test")
            .fails("broken.test");
        let serving = zone.clone().serve().expect("a name server");
        let options = Options { servers: vec![serving.address()], ..Options::default() };
        let system = System::new(&options).expect("a resolver");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let text = |result: Result<Vec<Mx>, LookupError>| format!("{result:?}");
            for domain in
                ["a.test", "A.TEST.", "nobody.test", "first.a.test", "none.test", "", "a..test"]
            {
                let (network, table) = (system.mx(domain).await, zone.mx_of(domain));
                assert_eq!(text(network), text(table), "{domain}");
            }
            for host in ["first.a.test", "six.test", "a.test", "none.test"] {
                let (network, table) = (system.addresses(host).await, zone.addresses_of(host));
                assert_eq!(network, table, "{host}");
            }
            for name in ["a.test", "first.a.test", "none.test"] {
                assert_eq!(system.txt(name).await, zone.txt_of(name), "{name}");
            }
            let names = system.ptr("192.0.2.1".parse().expect("an address")).await;
            assert_eq!(names, Ok(vec!["first.a.test".to_owned()]));
            let none = system.ptr("192.0.2.2".parse().expect("an address")).await;
            assert_eq!(none, Err(LookupError::NoSuchName));
            let broken = system.mx("broken.test").await;
            assert!(broken.is_err_and(|error| error.is_temporary()));
            assert!(zone.mx_of("broken.test").is_err_and(|error| error.is_temporary()));
            assert!(Mx::is_null(&system.mx("nobody.test").await.expect("an answer")));
        });
    }

    #[test]
    fn what_was_answered_is_not_asked_again_and_silence_ends() {
        let serving = Zone::new().txt("a.test", "x").serve().expect("a name server");
        let silent = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let options = Options { servers: vec![serving.address()], ..Options::default() };
            let system = System::new(&options).expect("a resolver");
            for _ in 0..3 {
                assert_eq!(system.txt("a.test").await, Ok(vec![b"x".to_vec()]));
            }
            assert_eq!(serving.asked(), 1);
            let options = Options {
                servers: vec![silent.local_addr().expect("an address")],
                timeout: Duration::from_millis(50),
                ..Options::default()
            };
            let system = System::new(&options).expect("a resolver");
            assert!(system.txt("a.test").await.is_err_and(|error| error.is_temporary()));
        });
    }
}
