//! A server of all protocols, each with STARTTLS and with TLS from the beginning, and a client that knows none.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mail_server::imap::{self, Imap};
use mail_server::letters::Letters;
use mail_server::pop3::Pop3;
use mail_server::smtp::{Limits, Role, Smtp};
use mail_server::tls::{Certificates, Tls};
use mail_server::work::Work;
use mail_server::{Address, Bounds, Host, Listen, Protocol, Running, Security, Service, start};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};
use store::{NewAccount, SpecialFolder, Store, StoreOptions};

#[path = "../support/census.rs"]
mod census;

use self::census::{ByStore, Counting, Counts};

pub const USER: &str = "ann@here.test";
pub const PASSWORD: &str = "open sesame";
pub const PROTOCOLS: [Protocol; 5] =
    [Protocol::Lmtp, Protocol::Smtp, Protocol::Submission, Protocol::Imap, Protocol::Pop3];

pub struct Rig {
    pub store: Store,
    pub certificates: Arc<Certificates>,
    counts: Arc<Counts>,
    running: Option<Running>,
    dir: tempfile::TempDir,
}

impl Rig {
    pub fn new() -> Rig {
        Rig::with(Duration::from_secs(60))
    }

    /// With a bound of a handshake's time.
    pub fn with(handshake_within: Duration) -> Rig {
        let store = Store::in_memory(StoreOptions::default()).expect("a store");
        let new = NewAccount {
            address: USER.into(),
            display_name: "Ann".into(),
            password: Some(PASSWORD.into()),
        };
        store.create_account(&new).expect("an account");
        let dir = tempfile::tempdir().expect("a folder");
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let (certificates, _) =
            Certificates::self_signed(&dir.path().join("tls"), &names).expect("a certificate");
        let host = Arc::new(Host {
            work: Work::start("mail", &store, 8, 64).expect("threads"),
            reading: Work::start("reading", &store, 4, 64).expect("threads"),
            verifier: Arc::new(ByStore(store.clone())),
            store: store.clone(),
            name: "mail.here.test".to_owned(),
            letters: Letters::new(dir.path().to_owned()),
        });
        let smtp =
            |role| -> Arc<dyn Service> { Smtp::new(Arc::clone(&host), role, Limits::default()) };
        let pop3: Arc<dyn Service> = Arc::new(Pop3::new(Arc::clone(&host)));
        let listens = PROTOCOLS.map(|protocol| {
            let service: Arc<dyn Service> = match protocol {
                Protocol::Lmtp => smtp(Role::Lmtp),
                Protocol::Smtp => smtp(Role::Smtp),
                Protocol::Submission => smtp(Role::Submission),
                Protocol::Pop3 => Arc::clone(&pop3),
                Protocol::Imap => {
                    Arc::new(Imap::new(Arc::clone(&host), imap::session::Options::default()))
                }
            };
            let tls = || Tls::new(&certificates, protocol).within(handshake_within);
            [Security::Offered(tls()), Security::Tls(tls())].map(|security| {
                let address = Address::Tcp(SocketAddr::from(([127, 0, 0, 1], 0)));
                Listen { address, service: Arc::clone(&service), security }
            })
        });
        let counts = Arc::new(Counts::default());
        let census = Arc::new(Counting(Arc::clone(&counts)));
        let running = start(listens.into_iter().flatten().collect(), Bounds::default(), census);
        let running = Some(running.expect("sockets"));
        Rig { store, certificates, counts, running, dir }
    }

    pub fn address(&self, protocol: Protocol, tls: bool) -> SocketAddr {
        let at = PROTOCOLS.iter().position(|known| *known == protocol).expect("it is served");
        let running = self.running.as_ref().expect("it runs");
        match &running.addresses()[2 * at + usize::from(tls)] {
            Address::Tcp(address) => *address,
            Address::Unix(_) => unreachable!("all are TCP"),
        }
    }

    /// A connection on which nothing was said yet.
    pub fn bare(&self, protocol: Protocol, tls: bool) -> Client {
        Client::over(TcpStream::connect(self.address(protocol, tls)).expect("a connection"))
    }

    /// A connection without TLS.
    pub fn plain(&self, protocol: Protocol) -> Client {
        self.bare(protocol, false)
    }

    /// A connection with TLS from the beginning.
    pub fn secure(&self, protocol: Protocol) -> Client {
        self.bare(protocol, true).handshake(self).expect("a handshake")
    }

    pub fn folder(&self) -> PathBuf {
        self.dir.path().to_owned()
    }

    /// Maildrops that are held now.
    pub fn maildrops(&self) -> i64 {
        self.counts.now()[2]
    }

    /// Brings a message into the Inbox over LMTP.
    pub fn deliver(&self, message: &str) {
        let mut client = self.plain(Protocol::Lmtp);
        let stuffed = mail_server::smtp::data::stuff(message.as_bytes());
        let rcpt = format!("RCPT TO:<{USER}>");
        client.line();
        client.send(b"LHLO client.test\r\n");
        client.until(|line| line.starts_with("250 "));
        for (line, code) in [("MAIL FROM:<>", "250"), (&rcpt, "250"), ("DATA", "354")] {
            let answer = client.say(line);
            assert!(answer.starts_with(code), "{line}: {answer}");
        }
        client.send(&stuffed);
        let answer = client.line().expect("an answer");
        assert!(answer.starts_with("250 "), "{answer}");
    }

    /// The messages of the Inbox as they were received, by UID.
    pub fn inbox(&self) -> Vec<Vec<u8>> {
        self.folder_of(SpecialFolder::Inbox)
    }

    /// The same of another folder.
    pub fn folder_of(&self, folder: SpecialFolder) -> Vec<Vec<u8>> {
        let account = self.store.account_by_address(USER).expect("read").expect("an account");
        let mailbox = self.store.mailbox(account.mailbox).expect("a mailbox");
        let listed = store::message::list(&mailbox, folder.id()).expect("a list");
        let mime = |id| store::message::mime(&mailbox, id).expect("read").expect("the original");
        listed.into_iter().map(|listed| mime(listed.id)).collect()
    }

    /// Waits until no connection is counted.
    pub fn is_at_base(&self) {
        let begun = Instant::now();
        let held = || self.counts.now();
        while held() != [0; 3] && begun.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(held(), [0; 3]);
    }

    pub fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop();
        }
    }
}

/// How a client begins TLS.
pub struct Hello {
    pub versions: &'static [&'static SupportedProtocolVersion],
    pub alpn: &'static [&'static str],
}

impl Default for Hello {
    fn default() -> Self {
        Hello { versions: rustls::ALL_VERSIONS, alpn: &[] }
    }
}

enum Socket {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// The other end.
pub struct Client {
    socket: Socket,
    input: Vec<u8>,
}

impl Client {
    fn over(stream: TcpStream) -> Client {
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time");
        Client { socket: Socket::Plain(stream), input: Vec::new() }
    }

    pub fn handshake(self, rig: &Rig) -> std::io::Result<Client> {
        self.handshake_as(rig, &Hello::default())
    }

    /// Begins TLS, and trusts the server's certificate alone.
    pub fn handshake_as(self, rig: &Rig, hello: &Hello) -> std::io::Result<Client> {
        assert!(self.input.is_empty(), "nothing comes before its time");
        let Socket::Plain(mut stream) = self.socket else { panic!("it is TLS already") };
        let path = &rig.certificates.source().certificates;
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(path).expect("a certificate")).expect("a root");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(hello.versions)
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = hello.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let name = ServerName::try_from("localhost").expect("a name");
        let mut connection = ClientConnection::new(Arc::new(config), name).expect("a client");
        while connection.is_handshaking() {
            connection.complete_io(&mut stream)?;
        }
        let socket = Socket::Tls(Box::new(StreamOwned::new(connection, stream)));
        Ok(Client { socket, input: Vec::new() })
    }

    pub fn send(&mut self, bytes: &[u8]) {
        // Who was told that it is over may have gone already.
        let _ = match &mut self.socket {
            Socket::Plain(stream) => stream.write_all(bytes),
            Socket::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        };
    }

    /// The next line without its end; None at the connection's end.
    pub fn line(&mut self) -> Option<String> {
        loop {
            if let Some(at) = self.input.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.input.drain(..=at).collect();
                let line = String::from_utf8(line).expect("answers are text");
                return Some(line.strip_suffix("\r\n").expect("lines end in CRLF").to_owned());
            }
            let mut piece = [0; 4096];
            let read = match &mut self.socket {
                Socket::Plain(stream) => stream.read(&mut piece),
                Socket::Tls(stream) => stream.read(&mut piece),
            };
            match read {
                Ok(0) => return None,
                Ok(count) => self.input.extend_from_slice(&piece[..count]),
                Err(error) if is_end(error.kind()) => return None,
                Err(error) => panic!("no answer: {error}"),
            }
        }
    }

    /// Sees that nothing but an alert comes any more.
    pub fn ends(mut self) {
        let Socket::Plain(stream) = &mut self.socket else { panic!("it is TLS") };
        let mut rest = Vec::new();
        match stream.read_to_end(&mut rest) {
            Ok(_) => {}
            Err(error) => assert!(is_end(error.kind()), "{error}"),
        }
        // Records of TLS of the type alert (RFC 8446 5.1).
        assert!(rest.is_empty() || rest[0] == 21, "{}", rest.escape_ascii());
    }

    /// Sends a line, and returns the next one.
    pub fn say(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n").as_bytes());
        self.line().expect("an answer")
    }

    /// Lines up to one that `last` takes, which is among them.
    pub fn until(&mut self, last: impl Fn(&str) -> bool) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            lines.push(self.line().expect("an answer"));
            if lines.last().is_some_and(|line| last(line)) {
                return lines;
            }
        }
    }
}

fn is_end(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe)
}
