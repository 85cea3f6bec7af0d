//! How the web server is run.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::ServerConfig;

use super::metrics::AllocatedBytes;
use crate::processor::Options;

/// Everything that may be set; the defaults serve a small office on one machine.
#[derive(Clone)]
pub struct Config {
    /// Where MAPI over HTTP is served.
    pub bind: Vec<SocketAddr>,
    /// The same over TLS.
    pub https: Vec<Https>,
    /// Where `/metrics` is served, if at all. The same address as one of `bind` serves both.
    pub metrics: Option<SocketAddr>,
    pub options: Options,
    /// Threads on which ROPs are executed.
    pub workers: usize,
    /// Requests that may wait for such a thread.
    pub queue: usize,
    /// Threads on which passwords are verified. A hash takes 19 MiB of memory while it lasts.
    pub verifiers: usize,
    /// Users whose verified credentials are remembered.
    pub remembered_credentials: usize,
    /// Connections at a time, on all addresses together.
    pub connections: usize,
    /// Bytes of a request's body.
    pub request_bytes: usize,
    /// Bytes of all requests that are read or worked on, and of the responses until they are sent.
    pub request_memory: u64,
    /// A handshake of TLS has to end within this time.
    pub handshake_within: Duration,
    /// A connection has to bring a request with credentials that are right within this time.
    pub first_request_within: Duration,
    /// A connection without a whole request head for this long is closed, also between two requests.
    pub head_timeout: Duration,
    /// The body of a request has to be there within this time, and of a response some byte has to be taken.
    pub body_timeout: Duration,
    /// A response that takes longer than this is streamed.
    pub ready_within: Duration,
    /// Between two PENDING meta-tags ([MS-OXCMAPIHTTP] 3.2.2: 15 seconds).
    pub pending_period: Duration,
    /// A NotificationWait without an event ends after this time ([MS-OXCMAPIHTTP] 3.2.2: 5 minutes).
    pub notification_wait: Duration,
    /// How long requests under way may take when the server ends.
    pub shutdown_within: Duration,
    /// The realm of Basic authentication.
    pub realm: String,
    /// Tells the bytes allocated on the heap, for `/metrics`.
    pub allocated_bytes: Option<AllocatedBytes>,
}

/// Where MAPI over HTTP is served over TLS.
#[derive(Clone)]
pub struct Https {
    pub address: SocketAddr,
    /// Has to name `http/1.1` if it names protocols (ALPN).
    pub tls: Arc<ServerConfig>,
}

impl Default for Config {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, |count| count.get());
        Config {
            bind: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))],
            https: Vec::new(),
            metrics: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
            options: Options::default(),
            // A thread whose save waits for the disk lets others work, and lets them share its sync.
            workers: (4 * processors).clamp(16, 64),
            queue: 1_024,
            verifiers: 2,
            remembered_credentials: 4_096,
            connections: 4_096,
            request_bytes: 512 * 1024,
            request_memory: 16 << 20,
            handshake_within: Duration::from_secs(30),
            first_request_within: Duration::from_secs(60),
            head_timeout: Duration::from_secs(120),
            body_timeout: Duration::from_secs(60),
            ready_within: Duration::from_millis(50),
            pending_period: Duration::from_secs(15),
            notification_wait: Duration::from_secs(5 * 60),
            shutdown_within: Duration::from_secs(10),
            realm: "Coffer".to_owned(),
            allocated_bytes: None,
        }
    }
}
