//! The sockets, the accept loops, and the server's beginning and end.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::PathBuf;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use crate::census::{Census, Counted};
use crate::line::{Ending, Stream, ended};
use crate::tls::Tls;

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl Address {
    /// Whether nobody but programs of this machine can reach it.
    pub fn is_local(&self) -> bool {
        match self {
            Address::Tcp(address) => address.ip().is_loopback(),
            Address::Unix(_) => true,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => write!(f, "{address}"),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// It is neither `ADDRESS:PORT` nor `unix:PATH`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither ADDRESS:PORT, such as 127.0.0.1:2424, nor unix:PATH")]
pub struct NoAddress(String);

impl FromStr for Address {
    type Err = NoAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(path) = text.strip_prefix("unix:").filter(|path| !path.is_empty()) {
            return Ok(Address::Unix(path.into()));
        }
        text.parse().map(Address::Tcp).map_err(|_| NoAddress(text.to_owned()))
    }
}

/// What is spoken on a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    Lmtp,
    Smtp,
    Submission,
    Imap,
    Pop3,
}

impl Protocol {
    /// As in logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Protocol::Lmtp => "lmtp",
            Protocol::Smtp => "smtp",
            Protocol::Submission => "submission",
            Protocol::Imap => "imap",
            Protocol::Pop3 => "pop3",
        }
    }
}

/// What speaks on a socket.
pub trait Service: Send + Sync + 'static {
    fn protocol(&self) -> Protocol;

    /// What a connection is told that is one too many of its address; it is closed then.
    fn busy(&self) -> &'static [u8];

    /// Serves one connection to its end. It has to end soon after [`Connection::ending`] becomes true.
    fn serve(self: Arc<Self>, connection: Connection) -> Serving;
}

pub type Serving = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A connection that was accepted.
pub struct Connection {
    pub stream: Stream,
    pub peer: Peer,
    pub security: Security,
    pub counted: Box<dyn Counted>,
    pub ending: Ending,
}

/// Who can read along.
#[derive(Clone)]
pub enum Security {
    /// Whoever sits in between.
    Plain,
    /// The same, until the client asks for TLS by a command.
    Offered(Tls),
    /// Nobody: of a socket, that TLS begins with the connection; of a connection, that it began.
    Tls(Tls),
}

impl Security {
    /// Whether the connection is encrypted.
    pub fn is_tls(&self) -> bool {
        matches!(self, Security::Tls(_))
    }

    /// What may be begun by a command.
    pub fn offered(&self) -> Option<&Tls> {
        match self {
            Security::Offered(tls) => Some(tls),
            Security::Plain | Security::Tls(_) => None,
        }
    }

    /// The command was given, and the handshake made.
    pub fn begin(&mut self) {
        if let Security::Offered(tls) = self {
            *self = Security::Tls(tls.clone());
        }
    }

    /// A password goes over TLS, or stays on this machine.
    pub fn takes_passwords(&self, peer: Peer) -> bool {
        self.is_tls() || peer.is_local()
    }
}

/// Who is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub Option<SocketAddr>);

impl Peer {
    /// A program of this machine.
    pub fn is_local(self) -> bool {
        self.0.is_none_or(|address| address.ip().to_canonical().is_loopback())
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => write!(f, "{address}"),
            None => f.write_str("unix"),
        }
    }
}

/// A socket with what is served on it.
pub struct Listen {
    pub address: Address,
    pub service: Arc<dyn Service>,
    pub security: Security,
}

/// How much is served at a time.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Connections on all sockets together; further ones wait in the system's queue.
    pub connections: usize,
    /// Connections of one address; of IPv6 addresses, of one /64. A Unix socket has none, and loopback is free:
    /// what comes from there is an MTA or a proxy.
    pub per_address: usize,
    /// How long connections may take to end when the server ends.
    pub shutdown_within: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds { connections: 2_048, per_address: 64, shutdown_within: Duration::from_secs(10) }
    }
}

/// A server at work. Dropping it ends it.
pub struct Running {
    addresses: Vec<Address>,
    end: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
    /// Of Unix sockets, taken away at the end.
    paths: Vec<PathBuf>,
}

impl Running {
    /// Where it listens, in the order that was given; with the ports that were chosen.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// Accepts no more, lets connections end within [`Bounds::shutdown_within`], and cuts the others.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.end.send(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        for path in self.paths.drain(..) {
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// Binds the sockets and serves them on a thread until the result is stopped or dropped.
///
/// # Errors
/// An address is in use or not of this machine; the system gives no thread.
pub fn start(listens: Vec<Listen>, bounds: Bounds, census: Arc<dyn Census>) -> io::Result<Running> {
    let (end, ending) = watch::channel(false);
    let mut running = Running { addresses: Vec::new(), end, thread: None, paths: Vec::new() };
    let mut sockets = Vec::new();
    for Listen { address, service, security } in listens {
        if !address.is_local() && matches!(security, Security::Plain) {
            let told = format!("{address} is not on loopback, and has no TLS");
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, told));
        }
        let socket = Socket::bind(&address).map_err(|error| {
            io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
        })?;
        running.addresses.push(match &socket {
            Socket::Tcp(listener) => Address::Tcp(listener.local_addr()?),
            Socket::Unix(_) => address.clone(),
        });
        if let Address::Unix(path) = address {
            running.paths.push(path);
        }
        sockets.push((socket, service, security));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let thread = std::thread::Builder::new().name("coffer-mail-net".to_owned());
    running.thread = Some(thread.spawn(move || {
        runtime.block_on(serve(sockets, bounds, census, ending));
    })?);
    Ok(running)
}

/// A bound socket that no reactor has yet.
enum Socket {
    Tcp(std::net::TcpListener),
    Unix(StdUnixListener),
}

impl Socket {
    fn bind(address: &Address) -> io::Result<Socket> {
        match address {
            Address::Tcp(address) => {
                let listener = std::net::TcpListener::bind(address)?;
                listener.set_nonblocking(true)?;
                Ok(Socket::Tcp(listener))
            }
            Address::Unix(path) => {
                // A socket that a server left when it was killed: nobody answers there. Anything else stays.
                if let Err(error) = std::os::unix::net::UnixStream::connect(path)
                    && error.kind() == io::ErrorKind::ConnectionRefused
                {
                    std::fs::remove_file(path)?;
                }
                let listener = StdUnixListener::bind(path)?;
                listener.set_nonblocking(true)?;
                Ok(Socket::Unix(listener))
            }
        }
    }
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    fn of(socket: Socket) -> io::Result<Listener> {
        Ok(match socket {
            Socket::Tcp(listener) => Listener::Tcp(TcpListener::from_std(listener)?),
            Socket::Unix(listener) => Listener::Unix(UnixListener::from_std(listener)?),
        })
    }

    async fn accept(&self) -> io::Result<(Stream, Peer)> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // An answer leaves when it is there.
                let _ = stream.set_nodelay(true);
                Ok((Box::pin(stream), Peer(Some(peer))))
            }
            Listener::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Box::pin(stream), Peer(None)))
            }
        }
    }
}

/// What the accept loops share.
struct Shared {
    bounds: Bounds,
    census: Arc<dyn Census>,
    slots: Arc<Semaphore>,
    by_address: Mutex<HashMap<IpAddr, usize>>,
    ending: Ending,
}

async fn serve(
    sockets: Vec<(Socket, Arc<dyn Service>, Security)>,
    bounds: Bounds,
    census: Arc<dyn Census>,
    ending: Ending,
) {
    let shared = Arc::new(Shared {
        slots: Arc::new(Semaphore::new(bounds.connections)),
        by_address: Mutex::default(),
        bounds,
        census,
        ending,
    });
    let mut loops = JoinSet::new();
    for (socket, service, security) in sockets {
        match Listener::of(socket) {
            Ok(listener) => {
                loops.spawn(accept(Arc::clone(&shared), listener, service, security));
            }
            Err(error) => tracing::error!(%error, "a listener cannot be served"),
        }
    }
    while loops.join_next().await.is_some() {}
    // Each connection holds a slot, so all slots are free when the last one is gone.
    let all = u32::try_from(shared.bounds.connections).unwrap_or(u32::MAX);
    let gone = shared.slots.acquire_many(all);
    if tokio::time::timeout(shared.bounds.shutdown_within, gone).await.is_err() {
        let left = shared.bounds.connections - shared.slots.available_permits();
        tracing::warn!(connections = left, "mail connections were cut at the end");
    }
}

/// Accepts connections until the server ends. A failure to accept, such as no descriptor being left, is waited
/// out: other connections give theirs back.
async fn accept(
    shared: Arc<Shared>,
    listener: Listener,
    service: Arc<dyn Service>,
    security: Security,
) {
    const FIRST_WAIT: Duration = Duration::from_millis(10);
    const LONGEST_WAIT: Duration = Duration::from_secs(1);
    let mut ending = shared.ending.clone();
    let mut wait = FIRST_WAIT;
    loop {
        // The slot comes first, so that a full server leaves further connections to the system's queue.
        let one = async {
            let slot = Arc::clone(&shared.slots).acquire_owned().await.map_err(io::Error::other)?;
            let (stream, peer) = listener.accept().await?;
            Ok::<_, io::Error>((stream, peer, slot))
        };
        let accepted = tokio::select! {
            () = ended(&mut ending) => return,
            accepted = one => accepted,
        };
        match accepted {
            Ok((stream, peer, slot)) => {
                wait = FIRST_WAIT;
                let (shared, service) = (Arc::clone(&shared), Arc::clone(&service));
                tokio::spawn(connection(shared, service, security.clone(), stream, peer, slot));
            }
            Err(error) => {
                tracing::warn!(%error, "a mail connection could not be accepted");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        }
    }
}

async fn connection(
    shared: Arc<Shared>,
    service: Arc<dyn Service>,
    security: Security,
    mut stream: Stream,
    peer: Peer,
    _slot: OwnedSemaphorePermit,
) {
    let Some(_place) = Place::take(&shared, peer) else {
        tracing::info!(%peer, protocol = service.protocol().name(), "too many of one address");
        let told = async {
            // A handshake costs more than to be told is worth.
            if !security.is_tls() {
                let _ = stream.write_all(service.busy()).await;
            }
            let _ = stream.shutdown().await;
        };
        let _ = tokio::time::timeout(Duration::from_secs(1), told).await;
        return;
    };
    let counted = shared.census.open(service.protocol(), peer.0);
    let mut ending = shared.ending.clone();
    // The connection is counted before the handshake, which holds memory as well.
    if let Security::Tls(tls) = &security {
        stream = match tls.accept(stream, &mut ending).await {
            Ok(stream) => stream,
            Err(error) => {
                tracing::info!(%peer, protocol = service.protocol().name(), %error, "no handshake");
                return;
            }
        };
    }
    service.serve(Connection { stream, peer, security, counted, ending }).await;
}

/// A connection among those of its address.
struct Place {
    shared: Arc<Shared>,
    of: Option<IpAddr>,
}

impl Place {
    fn take(shared: &Arc<Shared>, peer: Peer) -> Option<Place> {
        let of = peer.0.filter(|_| !peer.is_local()).map(|address| network(address.ip()));
        if let Some(of) = of {
            let mut all = shared.by_address.lock();
            let count = all.entry(of).or_default();
            if *count >= shared.bounds.per_address {
                return None;
            }
            *count += 1;
        }
        Some(Place { shared: Arc::clone(shared), of })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(of) = self.of else { return };
        let mut all = self.shared.by_address.lock();
        if let Some(count) = all.get_mut(&of) {
            *count -= 1;
            if *count == 0 {
                all.remove(&of);
            }
        }
    }
}

/// Whoever has an IPv6 address has a /64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & !u128::from(u64::MAX)).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::census::NoCensus;

    #[test]
    fn addresses_are_read_and_shown() {
        for text in ["127.0.0.1:24", "[::1]:24", "unix:/run/coffer/lmtp"] {
            let address: Address = text.parse().expect(text);
            assert_eq!(address.to_string(), text);
            assert!(address.is_local());
        }
        assert!(!"192.0.2.1:25".parse::<Address>().expect("right").is_local());
        for wrong in ["", "unix:", "127.0.0.1", "mail:25"] {
            assert!(wrong.parse::<Address>().is_err(), "{wrong}");
        }
    }

    struct Nothing;

    impl Service for Nothing {
        fn protocol(&self) -> Protocol {
            Protocol::Imap
        }

        fn busy(&self) -> &'static [u8] {
            b""
        }

        fn serve(self: Arc<Self>, _: Connection) -> Serving {
            Box::pin(async {})
        }
    }

    #[test]
    fn nothing_listens_beyond_loopback_in_plain_text() {
        for address in ["192.0.2.1:0", "0.0.0.0:0", "[::]:0"] {
            let address: Address = address.parse().expect("right");
            let listen = Listen { address, service: Arc::new(Nothing), security: Security::Plain };
            let refused = start(vec![listen], Bounds::default(), Arc::new(NoCensus));
            assert_eq!(refused.err().map(|e| e.kind()), Some(io::ErrorKind::PermissionDenied));
        }
    }

    #[test]
    fn passwords_are_for_this_machine_in_plain_text() {
        let peer = |text: &str| Peer(Some(SocketAddr::new(text.parse().expect("an address"), 9)));
        assert!(Security::Plain.takes_passwords(peer("127.0.0.1")));
        assert!(Security::Plain.takes_passwords(Peer(None)));
        for elsewhere in ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1"] {
            assert!(!Security::Plain.takes_passwords(peer(elsewhere)));
        }
    }

    #[test]
    fn one_address_has_so_many_places_and_gives_them_back() {
        let (_end, ending) = watch::channel(false);
        let shared = Arc::new(Shared {
            bounds: Bounds { per_address: 2, ..Bounds::default() },
            census: Arc::new(NoCensus),
            slots: Arc::new(Semaphore::new(8)),
            by_address: Mutex::default(),
            ending,
        });
        let take = |text: &str| {
            Place::take(&shared, Peer(Some(SocketAddr::new(text.parse().expect("an address"), 9))))
        };
        let held = [take("192.0.2.1"), take("::ffff:192.0.2.1")];
        assert!(held.iter().all(Option::is_some));
        assert!(take("192.0.2.1").is_none());
        let six = [take("2001:db8::1"), take("2001:db8::2")];
        assert!(take("2001:db8::ffff:3").is_none());
        assert!(take("2001:db8:0:1::3").is_some());
        let local: Vec<_> = (0..9).map(|_| take("127.0.0.1")).collect();
        assert!(local.iter().all(Option::is_some));
        drop((held, six, local));
        assert!(take("192.0.2.1").is_some());
        assert!(shared.by_address.lock().is_empty());
    }
}
