//! A server with a store in memory, and a ledger that is nothing but a count.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mail_server::authenticate::Authenticator;
use mail_server::letters::Letters;
use mail_server::smtp::{Limits, Role, Smtp};
use mail_server::work::Work;
use mail_server::{Address, Bounds, Host, Listen, Running, Security, start};
use mapi::sort::SortOrderSet;
use store::table::{self, Contents, Query, QueryRows, RowObject};
use store::{NewAccount, SpecialFolder, Store, StoreOptions};

#[path = "../support/census.rs"]
mod census;

use self::census::{ByStore, Counting, Counts};

pub const PASSWORD: &str = "open sesame";
/// The mailbox of `full@` holds this many bytes.
const SMALL: u64 = 20_000;

pub struct Rig {
    pub store: Store,
    pub host: Arc<Host>,
    counts: Arc<Counts>,
    running: Option<Running>,
    dir: tempfile::TempDir,
}

impl Rig {
    pub fn new() -> Rig {
        Rig::with(Limits { message_bytes: 100_000, errors: 8, recipients: 9, ..Limits::default() })
    }

    pub fn with(limits: Limits) -> Rig {
        Rig::made(limits, None)
    }

    /// SMTP looks at who sends.
    pub fn authenticating(limits: Limits, authenticator: Arc<Authenticator>) -> Rig {
        Rig::made(limits, Some(authenticator))
    }

    fn made(limits: Limits, authenticator: Option<Arc<Authenticator>>) -> Rig {
        let store = Store::in_memory(StoreOptions::default()).expect("a store");
        for name in ["ann", "bob", "cy", "full", "off", "admin"] {
            let password = (name == "ann").then(|| PASSWORD.to_owned());
            let address = format!("{name}@here.test");
            let new = NewAccount { address, display_name: name.into(), password };
            let account = store.create_account(&new).expect("an account");
            match name {
                "full" => {
                    let mailbox = store.mailbox(account.mailbox).expect("a mailbox");
                    let prohibit_receive = Some(SMALL);
                    let quota = store::quota::Quota { prohibit_receive, ..Default::default() };
                    store::quota::set(&mailbox, Some(quota)).expect("a quota");
                }
                "off" => store.set_disabled(account.id, true).expect("disabled"),
                "admin" => store.set_administrator(account.id, true).expect("an administrator"),
                _ => {}
            }
        }
        let dir = tempfile::tempdir().expect("a folder");
        let host = Arc::new(Host {
            work: Work::start("mail", &store, 8, 64).expect("threads"),
            reading: Work::start("reading", &store, 1, 64).expect("threads"),
            verifier: Arc::new(ByStore(store.clone())),
            store: store.clone(),
            name: "mail.here.test".to_owned(),
            letters: Letters::new(dir.path().to_owned()),
        });
        let smtp =
            [Role::Lmtp, Role::Smtp, Role::Submission].map(|role| match (role, &authenticator) {
                (Role::Smtp, Some(authenticator)) => {
                    let authenticator = Arc::clone(authenticator);
                    Smtp::authenticating(Arc::clone(&host), limits.clone(), authenticator)
                }
                _ => Smtp::new(Arc::clone(&host), role, limits.clone()),
            });
        let any = || Address::Tcp(SocketAddr::from(([127, 0, 0, 1], 0)));
        let mut listens: Vec<Listen> = smtp
            .iter()
            .map(|smtp| Listen {
                address: any(),
                service: Arc::clone(smtp) as _,
                security: Security::Plain,
            })
            .collect();
        let address = Address::Unix(dir.path().join("lmtp"));
        listens.push(Listen {
            address,
            service: Arc::clone(&smtp[0]) as _,
            security: Security::Plain,
        });
        let counts = Arc::new(Counts::default());
        let census = Arc::new(Counting(Arc::clone(&counts)));
        let running = start(listens, Bounds::default(), census).expect("sockets");
        Rig { store, host, counts, running: Some(running), dir }
    }

    pub fn address(&self, role: Role) -> SocketAddr {
        let running = self.running.as_ref().expect("it runs");
        match &running.addresses()[role as usize] {
            Address::Tcp(address) => *address,
            Address::Unix(_) => unreachable!("the first three are TCP"),
        }
    }

    pub fn connect(&self, role: Role) -> Client {
        Client::over(TcpStream::connect(self.address(role)).expect("a connection"))
    }

    pub fn connect_unix(&self) -> Client {
        Client::over(UnixStream::connect(self.socket()).expect("a connection"))
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("lmtp")
    }

    /// The messages of somebody's Inbox as they were received, in no order.
    pub fn inbox(&self, name: &str) -> Vec<Vec<u8>> {
        self.messages(name, SpecialFolder::Inbox)
    }

    /// Those of another folder.
    pub fn messages(&self, name: &str, folder: SpecialFolder) -> Vec<Vec<u8>> {
        let address = format!("{name}@here.test");
        let account = self.store.account_by_address(&address).expect("read").expect("an account");
        let mailbox = self.store.mailbox(account.mailbox).expect("a mailbox");
        let query = Query {
            folder: folder.id(),
            rows: QueryRows::Contents(Contents::Normal),
            sort: SortOrderSet::default(),
            restriction: None,
        };
        let view = table::open(&mailbox, query).expect("a table");
        let rows = view.rows(0, 1_000, &[]).expect("rows");
        rows.into_iter()
            .filter_map(|row| match row.object {
                RowObject::Message(id) => {
                    let content = store::message::export(&mailbox, id).expect("a message");
                    Some(content.mime.expect("the original"))
                }
                _ => None,
            })
            .collect()
    }

    /// Waits until no connection is counted, and sees that no message is left half-way.
    pub fn is_at_base(&self) {
        let begun = Instant::now();
        let held = || (self.counts.now(), self.host.letters.spooled());
        while held() != ([0; 3], 0) && begun.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(held(), ([0; 3], 0));
        let files = std::fs::read_dir(self.dir.path()).expect("a folder");
        let named = files.filter(|file| file.as_ref().is_ok_and(|f| f.path() != self.socket()));
        assert_eq!(named.count(), 0, "files of the spool have no names");
    }

    pub fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop();
        }
    }
}

trait Socket: Read + Write + Send {
    fn twin(&self) -> Box<dyn Socket>;
}

impl Socket for TcpStream {
    fn twin(&self) -> Box<dyn Socket> {
        self.set_read_timeout(Some(Duration::from_secs(60))).expect("a time");
        Box::new(self.try_clone().expect("a twin"))
    }
}

impl Socket for UnixStream {
    fn twin(&self) -> Box<dyn Socket> {
        self.set_read_timeout(Some(Duration::from_secs(60))).expect("a time");
        Box::new(self.try_clone().expect("a twin"))
    }
}

/// The other end, that knows nothing of SMTP.
pub struct Client {
    input: BufReader<Box<dyn Socket>>,
    output: Box<dyn Socket>,
}

impl Client {
    fn over(socket: impl Socket + 'static) -> Client {
        Client { input: BufReader::new(socket.twin()), output: Box::new(socket) }
    }

    pub fn send(&mut self, bytes: &[u8]) {
        // Who was told that it is over may have gone already.
        let _ = self.output.write_all(bytes);
    }

    /// The next line without its end; None at the connection's end.
    pub fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        match self.input.read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) => {
                let line = String::from_utf8(line).expect("answers are text");
                Some(line.strip_suffix("\r\n").expect("lines end in CRLF").to_owned())
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => None,
            Err(error) => panic!("no answer: {error}"),
        }
    }

    /// Sends a line, and returns the last line of what is answered.
    pub fn say(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n").as_bytes());
        self.answer()
    }

    pub fn answer(&mut self) -> String {
        loop {
            let line = self.line().expect("an answer");
            if line.as_bytes().get(3) != Some(&b'-') {
                return line;
            }
        }
    }
}
