//! The accept loop, and the server's beginning and end.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use store::Store;
use store::engine::garbage::hand_in;

use super::admission::Admission;
use super::auth::{Authenticator, QUEUE};
use super::bounds::{self, Bounded};
use super::config::Config;
use super::connections::{Connection, ConnectionInfo, Connections};
use super::credentials::Cache;
use super::patient::Patient;
use super::router::{Served, route};
use crate::processor::Processor;
use crate::report::Report;
use crate::stats;
use store::pool::{NoRoom, Pool};

/// What all connections share.
pub struct Shared {
    pub config: Config,
    pub processor: Arc<Processor>,
    pub authenticator: Arc<Authenticator>,
    workers: Pool,
    pub connections: Arc<Connections>,
    pub admission: Arc<Admission>,
    /// Becomes true when the server ends.
    ending: watch::Receiver<bool>,
}

impl Shared {
    /// Queues a job on the pool at once; the future waits for what it returns.
    pub fn work<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(
        &self,
        job: F,
    ) -> impl Future<Output = Result<T, Undone>> + Send + use<T, F> {
        let (send, receive) = oneshot::channel();
        let queued = self.workers.submit(move || {
            let _ = send.send(job());
        });
        async move {
            queued.map_err(|NoRoom| Undone::NoRoom)?;
            // A job that panicked sends nothing.
            receive.await.map_err(|_| Undone::Broken)
        }
    }

    /// Jobs that wait for a thread of the pool now.
    pub fn queued(&self) -> usize {
        self.workers.queued()
    }

    pub fn is_ending(&self) -> bool {
        *self.ending.borrow()
    }
}

/// Why a job came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undone {
    /// As many wait as may: it was not begun.
    NoRoom,
    /// It ended on the way.
    Broken,
}

/// Looks at a server without keeping it.
#[derive(Clone)]
pub struct Watch(Weak<Shared>);

impl Watch {
    /// What is held now; None when the server ended. `user` leaves the others out.
    pub fn look(&self, user: Option<&str>) -> Option<(Report, Vec<ConnectionInfo>)> {
        let shared = self.0.upgrade()?;
        let mut connections = shared.connections.list();
        if let Some(user) = user {
            let is_his = |name: &String| name.eq_ignore_ascii_case(user);
            connections.retain(|connection| connection.user.as_ref().is_some_and(is_his));
        }
        connections.sort_unstable_by_key(|connection| connection.number);
        Some((Report::of(&shared.processor, user), connections))
    }

    /// Everything that may grow.
    pub fn bounds(&self) -> Option<Vec<Bounded>> {
        self.0.upgrade().map(|shared| bounds::of(&shared))
    }

    pub fn processor(&self) -> Option<Arc<Processor>> {
        self.0.upgrade().map(|shared| Arc::clone(&shared.processor))
    }
}

/// Starts servers.
pub struct Server;

/// A server at work. Dropping it ends it.
pub struct Running {
    addresses: Vec<SocketAddr>,
    https: Vec<SocketAddr>,
    metrics: Option<SocketAddr>,
    processor: Arc<Processor>,
    authenticator: Arc<Authenticator>,
    watch: Watch,
    end: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Binds the addresses and serves a store on them until the result is stopped or dropped.
    ///
    /// # Errors
    /// An address is in use or not of this machine; the system gives no thread or no random numbers.
    pub fn start(store: Store, config: Config) -> io::Result<Running> {
        let mut listeners = Vec::new();
        let mut addresses = Vec::new();
        let mut metrics = None;
        for address in &config.bind {
            let listener = bind(*address)?;
            let bound = listener.local_addr()?;
            let both = config
                .metrics
                .is_some_and(|wanted| wanted == bound || wanted == *address && address.port() != 0);
            if both {
                metrics = Some(bound);
            }
            addresses.push(bound);
            listeners.push((listener, Served { mapi: true, tls: false, metrics: both }, None));
        }
        let mut https = Vec::new();
        for wanted in &config.https {
            let listener = bind(wanted.address)?;
            https.push(listener.local_addr()?);
            let tls = Some(TlsAcceptor::from(Arc::clone(&wanted.tls)));
            listeners.push((listener, Served { mapi: true, tls: true, metrics: false }, tls));
        }
        if let (Some(address), None) = (config.metrics, metrics) {
            let listener = bind(address)?;
            metrics = Some(listener.local_addr()?);
            listeners.push((listener, Served { mapi: false, tls: false, metrics: true }, None));
        }

        let cache = Cache::new(config.remembered_credentials).map_err(io::Error::other)?;
        let meet_engine = {
            let store = store.clone();
            move || store.meet_engine()
        };
        let verifiers =
            Pool::start("coffer-verify", config.verifiers, QUEUE, meet_engine.clone(), hand_in)?;
        let admission = Arc::new(Admission::new(config.request_memory));
        let (end, ending) = watch::channel(false);
        let processor = Processor::new(store, config.options.clone());
        let authenticator = Authenticator::new(
            Arc::clone(&processor),
            Arc::clone(&admission),
            cache,
            verifiers,
            config.realm.clone(),
        );
        let authenticator = Arc::new(authenticator);
        let shared = Arc::new(Shared {
            workers: Pool::start(
                "coffer-rops",
                config.workers,
                config.queue,
                meet_engine,
                hand_in,
            )?,
            processor: Arc::clone(&processor),
            authenticator: Arc::clone(&authenticator),
            connections: Connections::new(Arc::clone(&processor.ledger)),
            admission,
            ending,
            config,
        });
        let watch = Watch(Arc::downgrade(&shared));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread =
            std::thread::Builder::new().name("coffer-http".to_owned()).spawn(move || {
                runtime.block_on(serve(&shared, listeners));
                // A Connect that was under way meanwhile may have made another one.
                drop(shared.processor.sessions.end_all());
            })?;
        let thread = Some(thread);
        Ok(Running { addresses, https, metrics, processor, authenticator, watch, end, thread })
    }
}

impl Running {
    /// Where MAPI over HTTP is served, in the order of [`Config::bind`].
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where it is served over TLS, in the order of [`Config::https`].
    pub fn https(&self) -> &[SocketAddr] {
        &self.https
    }

    /// Where `/metrics` is served.
    pub fn metrics(&self) -> Option<SocketAddr> {
        self.metrics
    }

    pub fn processor(&self) -> &Arc<Processor> {
        &self.processor
    }

    /// Who verifies passwords, for servers of other protocols in the same process.
    pub fn authenticator(&self) -> &Arc<Authenticator> {
        &self.authenticator
    }

    pub fn watch(&self) -> Watch {
        self.watch.clone()
    }

    /// Accepts no more, lets the requests under way finish within [`Config::shutdown_within`], ends all
    /// sessions.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.end.send(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(address).map_err(|error| {
        io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
    })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

type Bound = (std::net::TcpListener, Served, Option<TlsAcceptor>);

async fn serve(shared: &Arc<Shared>, listeners: Vec<Bound>) {
    let slots = Arc::new(Semaphore::new(shared.config.connections));
    let mut loops = JoinSet::new();
    for (listener, served, tls) in listeners {
        match TcpListener::from_std(listener) {
            Ok(listener) => {
                let slots = Arc::clone(&slots);
                loops.spawn(accept(Arc::clone(shared), listener, served, tls, slots));
            }
            Err(error) => tracing::error!(%error, "a listener cannot be served"),
        }
    }
    loops.spawn(reap(Arc::clone(shared)));
    while loops.join_next().await.is_some() {}
    // Whoever waits for notifications is told that the session ended; requests under way finish.
    let processor = Arc::clone(&shared.processor);
    let _ = shared.work(move || drop(processor.sessions.end_all())).await;
    // Each connection holds a slot, so all slots are free when the last one is gone.
    let all = u32::try_from(shared.config.connections).unwrap_or(u32::MAX);
    let gone = slots.acquire_many(all);
    if tokio::time::timeout(shared.config.shutdown_within, gone).await.is_err() {
        tracing::warn!(connections = shared.connections.len(), "connections were cut at the end");
    }
}

/// Accepts connections until the server ends. A failure to accept, such as no descriptor being left, is
/// waited out: other connections give theirs back.
async fn accept(
    shared: Arc<Shared>,
    listener: TcpListener,
    served: Served,
    tls: Option<TlsAcceptor>,
    slots: Arc<Semaphore>,
) {
    const FIRST_WAIT: Duration = Duration::from_millis(10);
    const LONGEST_WAIT: Duration = Duration::from_secs(1);
    let mut ending = shared.ending.clone();
    let mut wait = FIRST_WAIT;
    loop {
        let accepted = tokio::select! {
            () = end_of(&mut ending) => return,
            accepted = accept_one(&listener, &slots) => accepted,
        };
        match accepted {
            Ok((stream, peer, slot)) => {
                wait = FIRST_WAIT;
                // A keep-alive tag has to leave at once (MS-OXCMAPIHTTP R2227).
                let _ = stream.set_nodelay(true);
                let counted = shared.connections.open(peer);
                let shared = Arc::clone(&shared);
                match tls.clone() {
                    Some(tls) => {
                        tokio::spawn(secure_connection(shared, stream, tls, counted, served, slot));
                    }
                    None => {
                        tokio::spawn(connection(shared, stream, counted, served, slot));
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        }
    }
}

/// The slot comes first, so that a full server leaves further connections to the system's queue.
async fn accept_one(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, slot))
}

/// Waits until the server ends.
async fn end_of(ending: &mut watch::Receiver<bool>) {
    // An error means that nobody can say so any more, which is the same.
    let _ = ending.wait_for(|end| *end).await;
}

/// Bytes of a request's head, and of what is read of a body at a time. An Authorization header has 8 KiB at
/// most.
const HEAD_BYTES: usize = 16 * 1024;

/// Ready when the time is up and nobody known was there.
async fn stays_stranger(time: tokio::time::Sleep, connection: &Connection) {
    time.await;
    if connection.is_known() {
        std::future::pending().await
    }
}

/// Makes the handshake; the connection is counted already.
async fn secure_connection(
    shared: Arc<Shared>,
    stream: TcpStream,
    tls: TlsAcceptor,
    counted: Arc<Connection>,
    served: Served,
    slot: OwnedSemaphorePermit,
) {
    let mut ending = shared.ending.clone();
    let handshake = tokio::time::timeout(shared.config.handshake_within, tls.accept(stream));
    let outcome = tokio::select! {
        outcome = handshake => outcome,
        () = end_of(&mut ending) => return,
    };
    match outcome {
        Ok(Ok(stream)) => connection(shared, stream, counted, served, slot).await,
        Ok(Err(error)) => tracing::debug!(peer = %counted.peer, %error, "no handshake"),
        Err(_) => tracing::debug!(peer = %counted.peer, "a handshake took too long"),
    }
}

async fn connection(
    shared: Arc<Shared>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    counted: Arc<Connection>,
    served: Served,
    _slot: OwnedSemaphorePermit,
) {
    let patience = shared.config.body_timeout;
    let service = service_fn(|request| {
        let (shared, counted) = (Arc::clone(&shared), Arc::clone(&counted));
        // In a box of its own, which goes with the request: hyper keeps room for the largest future of a
        // service for as long as the connection is there, and most connections are idle.
        let answer = async move { Ok(route(&shared, &counted, served, request).await) };
        let answer: Pin<Box<dyn Future<Output = Result<_, Infallible>> + Send>> = Box::pin(answer);
        answer
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(shared.config.head_timeout)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(TokioIo::new(Patient::new(stream, patience)), service)
    );
    let mut ending = shared.ending.clone();
    let stranger = tokio::time::sleep(shared.config.first_request_within);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = end_of(&mut ending) => {
            connection.as_mut().graceful_shutdown();
            connection.as_mut().await
        }
        () = stays_stranger(stranger, &counted) => {
            tracing::debug!(peer = %counted.peer, "a connection brought no request of a known user");
            return;
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Ends sessions that clients abandoned.
async fn reap(shared: Arc<Shared>) {
    let limit = shared.config.options.limits.session_idle;
    let period = (limit / 4).clamp(Duration::from_millis(20), Duration::from_secs(30));
    let mut ending = shared.ending.clone();
    loop {
        tokio::select! {
            () = end_of(&mut ending) => return,
            _ = tokio::time::sleep(period) => {}
        }
        let processor = Arc::clone(&shared.processor);
        let reaped = shared.work(move || processor.sessions.reap().len()).await;
        if let Ok(count @ 1..) = reaped {
            stats::add(&shared.processor.stats.reaped, count as u64);
            tracing::info!(count, "idle sessions were ended");
        }
    }
}
