//! A table of names, asked directly or by a name server on loopback. For tests.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use hickory_resolver::proto::op::{Message, MessageType, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, MX, PTR, TXT};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};

use super::{Answer, LookupError, Mx, Resolver};

/// Names with their records. What is not in it does not exist.
#[derive(Debug, Clone, Default)]
pub struct Zone {
    names: BTreeMap<String, Records>,
}

#[derive(Debug, Clone, Default)]
struct Records {
    mx: Vec<Mx>,
    addresses: Vec<IpAddr>,
    txt: Vec<Vec<u8>>,
    ptr: Vec<String>,
    fails: bool,
}

impl Zone {
    pub fn new() -> Zone {
        Zone::default()
    }

    fn with(mut self, name: &str, change: impl FnOnce(&mut Records)) -> Zone {
        change(self.names.entry(plain(name)).or_default());
        self
    }

    pub fn mx(self, domain: &str, preference: u16, host: &str) -> Zone {
        self.with(domain, |records| records.mx.push(Mx { preference, host: plain(host) }))
    }

    /// # Panics
    /// It is no address.
    pub fn address(self, host: &str, address: &str) -> Zone {
        let address = address.parse().expect("an address of IPv4 or IPv6");
        self.with(host, |records| records.addresses.push(address))
    }

    pub fn txt(self, name: &str, text: &str) -> Zone {
        self.with(name, |records| records.txt.push(text.as_bytes().to_vec()))
    }

    /// # Panics
    /// It is no address.
    pub fn ptr(self, address: &str, host: &str) -> Zone {
        let address: IpAddr = address.parse().expect("an address of IPv4 or IPv6");
        self.with(&reverse(address), |records| records.ptr.push(plain(host)))
    }

    /// Questions for this name are answered by SERVFAIL.
    pub fn fails(self, name: &str) -> Zone {
        self.with(name, |records| records.fails = true)
    }

    fn find(&self, name: &str) -> Result<&Records, LookupError> {
        let name = plain(name);
        if name.is_empty() || name.split('.').any(str::is_empty) {
            return Err(LookupError::BadName);
        }
        match self.names.get(&name) {
            None => Err(LookupError::NoSuchName),
            Some(records) if records.fails => Err(LookupError::Failed("it has to".to_owned())),
            Some(records) => Ok(records),
        }
    }

    pub(super) fn mx_of(&self, domain: &str) -> Result<Vec<Mx>, LookupError> {
        let mut all = self.find(domain)?.mx.clone();
        all.sort_by_key(|mx| mx.preference);
        Ok(all)
    }

    pub(super) fn addresses_of(&self, host: &str) -> Result<Vec<IpAddr>, LookupError> {
        let mut all = self.find(host)?.addresses.clone();
        all.sort_by_key(IpAddr::is_ipv6);
        Ok(all)
    }

    pub(super) fn txt_of(&self, name: &str) -> Result<Vec<Vec<u8>>, LookupError> {
        Ok(self.find(name)?.txt.clone())
    }

    /// Answers over UDP on a port of loopback until the result is dropped.
    ///
    /// # Errors
    /// The system gives no socket or no thread.
    pub fn serve(self) -> io::Result<Serving> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        let address = socket.local_addr()?;
        let state = Arc::new(State { asked: AtomicUsize::new(0), end: AtomicBool::new(false) });
        let of_thread = Arc::clone(&state);
        let thread = std::thread::Builder::new().name("zone".to_owned()).spawn(move || {
            let mut buffer = [0; 4_096];
            while let Ok((size, from)) = socket.recv_from(&mut buffer) {
                if of_thread.end.load(Ordering::Acquire) {
                    return;
                }
                let Some(answer) = self.answer(&buffer[..size]) else { continue };
                of_thread.asked.fetch_add(1, Ordering::Relaxed);
                let _ = socket.send_to(&answer, from);
            }
        })?;
        Ok(Serving { address, state, thread: Some(thread) })
    }

    fn answer(&self, question: &[u8]) -> Option<Vec<u8>> {
        let question = Message::from_vec(question).ok()?;
        let query = question.queries.first()?.clone();
        let mut answer = question.into_response();
        answer.metadata.message_type = MessageType::Response;
        answer.metadata.recursion_available = true;
        match self.find(&query.name.to_ascii()) {
            Err(LookupError::Failed(_)) => answer.metadata.response_code = ResponseCode::ServFail,
            Err(_) => answer.metadata.response_code = ResponseCode::NXDomain,
            Ok(records) => {
                let record = |data| Record::from_rdata(query.name.clone(), 300, data);
                answer.add_answers(records.of(query.query_type).into_iter().map(record));
            }
        }
        answer.to_vec().ok()
    }
}

impl Records {
    fn of(&self, kind: RecordType) -> Vec<RData> {
        let name =
            |text: &str| Name::from_ascii(format!("{text}.")).unwrap_or_else(|_| Name::root());
        match kind {
            RecordType::MX => {
                let mx = |mx: &Mx| RData::MX(MX::new(mx.preference, name(&mx.host)));
                self.mx.iter().map(mx).collect()
            }
            RecordType::A | RecordType::AAAA => {
                let wanted = |address: &&IpAddr| address.is_ipv4() == (kind == RecordType::A);
                let data = |address: &IpAddr| match address {
                    IpAddr::V4(four) => RData::A(A(*four)),
                    IpAddr::V6(six) => RData::AAAA(AAAA(*six)),
                };
                self.addresses.iter().filter(wanted).map(data).collect()
            }
            // A string has at most 255 bytes.
            RecordType::TXT => {
                let data = |text: &Vec<u8>| RData::TXT(TXT::from_bytes(text.chunks(255).collect()));
                self.txt.iter().map(data).collect()
            }
            RecordType::PTR => self.ptr.iter().map(|host| RData::PTR(PTR(name(host)))).collect(),
            _ => Vec::new(),
        }
    }
}

impl Resolver for Zone {
    fn mx(&self, domain: &str) -> Answer<'_, Mx> {
        Box::pin(std::future::ready(self.mx_of(domain)))
    }

    fn addresses(&self, host: &str) -> Answer<'_, IpAddr> {
        Box::pin(std::future::ready(self.addresses_of(host)))
    }

    fn txt(&self, name: &str) -> Answer<'_, Vec<u8>> {
        Box::pin(std::future::ready(self.txt_of(name)))
    }

    fn ptr(&self, address: IpAddr) -> Answer<'_, String> {
        let names = self.find(&reverse(address)).map(|records| records.ptr.clone());
        Box::pin(std::future::ready(names))
    }
}

/// As the table has names.
fn plain(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    name.strip_suffix('.').unwrap_or(&name).to_owned()
}

/// The name under which an address's names stand.
fn reverse(address: IpAddr) -> String {
    plain(&Name::from(address).to_ascii())
}

/// A name server at work. Dropping it ends it.
pub struct Serving {
    address: SocketAddr,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

struct State {
    asked: AtomicUsize,
    end: AtomicBool,
}

impl Serving {
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Questions that it was asked.
    pub fn asked(&self) -> usize {
        self.state.asked.load(Ordering::Relaxed)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.state.end.store(true, Ordering::Release);
        // Wakes it.
        let _ = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.send_to(b"", self.address));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
