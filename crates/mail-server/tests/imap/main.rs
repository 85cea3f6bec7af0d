//! IMAP over a socket: what a session without one cannot show, and programs that others wrote.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use mail_server::auth::{Refused, Verification, Verifier};
use mail_server::census::NoCensus;
use mail_server::imap::Imap;
use mail_server::imap::session::Options;
use mail_server::letters::Letters;
use mail_server::work::Work;
use mail_server::{Address, Bounds, Host, Listen, Running, Security};
use miniz_oxide::deflate::core::{CompressorOxide, create_comp_flags_from_zip_params};
use miniz_oxide::inflate::stream::{InflateState, inflate as inflate_some};
use miniz_oxide::{DataFormat, MZFlush};
use store::{NewAccount, Store, StoreError, StoreOptions};

const USER: &str = "me@example.test";
const PASSWORD: &str = "s3cret";
const MAIL: &str = "From: a@example.test\r\nSubject: hi\r\n\r\nHello\r\n";

/// Asks the store without a memory: few passwords are asked for here.
struct Passwords(Store);

impl Verifier for Passwords {
    fn verify(&self, user: String, password: String) -> Verification {
        let verified = self.0.verify_password(&user, &password).map_err(|error| match error {
            StoreError::BadCredentials | StoreError::Disabled => Refused::Wrong,
            _ => Refused::Failed,
        });
        Box::pin(async move { verified })
    }
}

struct Server {
    running: Running,
    address: SocketAddr,
}

fn server() -> Server {
    let store = Store::in_memory(StoreOptions::default()).expect("a store");
    let new = NewAccount {
        address: USER.into(),
        password: Some(PASSWORD.into()),
        ..NewAccount::default()
    };
    store.create_account(&new).expect("an account");
    let host = Host {
        work: Work::start("mail", &store, 1, 64).expect("threads"),
        reading: Work::start("reading", &store, 4, 64).expect("threads"),
        verifier: Arc::new(Passwords(store.clone())),
        name: "imap.example.test".into(),
        letters: Letters::new(std::env::temp_dir()),
        store,
    };
    let service = Arc::new(Imap::new(Arc::new(host), Options::default()));
    let address = Address::Tcp(SocketAddr::from(([127, 0, 0, 1], 0)));
    let listens = vec![Listen { address, service, security: Security::Plain }];
    let running =
        mail_server::start(listens, Bounds::default(), Arc::new(NoCensus)).expect("a server");
    let Address::Tcp(address) = running.addresses()[0].clone() else { panic!("no port") };
    Server { running, address }
}

struct Client {
    reader: BufReader<TcpStream>,
}

impl Client {
    fn connect(server: &Server) -> Client {
        let stream = TcpStream::connect(server.address).expect("connected");
        let mut client = Client { reader: BufReader::new(stream) };
        assert!(client.line().starts_with("* OK [CAPABILITY IMAP4rev1 IMAP4rev2 "));
        client
    }

    fn logged_in(server: &Server) -> Client {
        let mut client = Client::connect(server);
        let answer = client.say("l", &format!("LOGIN {USER} {PASSWORD}"));
        assert!(answer.starts_with("l OK [CAPABILITY "), "{answer}");
        client
    }

    fn send(&mut self, bytes: &str) {
        self.reader.get_mut().write_all(bytes.as_bytes()).expect("sent");
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).expect("a line");
        line
    }

    /// All lines up to the tagged one.
    fn until(&mut self, tag: &str) -> String {
        let mut all = String::new();
        loop {
            let line = self.line();
            assert!(!line.is_empty(), "closed after {all}");
            all.push_str(&line);
            if line.starts_with(&format!("{tag} ")) {
                return all;
            }
        }
    }

    fn say(&mut self, tag: &str, command: &str) -> String {
        self.send(&format!("{tag} {command}\r\n"));
        self.until(tag)
    }
}

#[test]
fn literals_wait_or_do_not_and_are_bounded() {
    let server = server();
    let mut client = Client::connect(&server);
    client.send(&format!("a LOGIN {{{}}}\r\n", USER.len()));
    assert_eq!(client.line(), "+ Go on\r\n");
    client.send(&format!("{USER} {{{}+}}\r\n{PASSWORD}\r\n", PASSWORD.len()));
    assert!(client.until("a").starts_with("a OK"));
    client.send("b SELECT {999999999}\r\n");
    assert_eq!(client.line(), "b NO [TOOBIG] The literal is too long\r\n");
    // Commands that come together are answered in their order.
    client.send(&format!("c APPEND INBOX {{{}+}}\r\n{MAIL}\r\nd NOOP\r\ne WRONG\r\n", MAIL.len()));
    assert!(client.until("e").ends_with(
        "d OK Nothing done\r\ne BAD there is no such command, or it lacks arguments\r\n"
    ));
    // What a message ends with announces no literal.
    let mail = format!("{MAIL}{{1000+}}");
    client.send(&format!("g APPEND INBOX {{{}+}}\r\n{mail}\r\nh NOOP\r\n", mail.len()));
    assert!(client.until("g").contains("g OK "));
    assert!(client.until("h").ends_with("h OK Nothing done\r\n"));
    // Nobody can tell what is on its way from commands.
    client.send("f SELECT {999999999+}\r\n");
    assert_eq!(client.line(), "f NO [TOOBIG] The literal is too long\r\n");
    assert!(client.line().starts_with("* BYE "));
    assert_eq!(client.line(), "");
}

#[test]
fn who_sends_slowly_keeps_nobody_out() {
    let server = server();
    let mut slow: Vec<Client> = (0..4).map(|_| Client::logged_in(&server)).collect();
    for client in &mut slow {
        client.send("a APPEND INBOX {33554432}\r\n");
        assert_eq!(client.line(), "+ Go on\r\n");
        client.send(MAIL);
    }
    let mut quick = Client::logged_in(&server);
    let wait = Some(std::time::Duration::from_secs(20));
    quick.reader.get_ref().set_read_timeout(wait).expect("a time");
    let answer = quick.say("b", &format!("APPEND INBOX {{{}+}}\r\n{MAIL}", MAIL.len()));
    assert!(answer.starts_with("b OK [APPENDUID "), "{answer}");
    // Large ones go through a file, and several come in one command.
    let large = format!("{MAIL}{}", "x".repeat(1 << 20));
    let (one, two) = (large.len(), MAIL.len());
    let answer =
        quick.say("c", &format!("APPEND INBOX {{{one}+}}\r\n{large} {{{two}+}}\r\n{MAIL}"));
    assert!(answer.starts_with("c OK [APPENDUID "), "{answer}");
    assert!(quick.say("d", "STATUS INBOX (MESSAGES)").contains("(MESSAGES 3)"));
}

/// All bytes compressed so that what was said before can be read (RFC 4978).
fn squeezed(deflate: &mut CompressorOxide, text: &str) -> Vec<u8> {
    let mut out = vec![0; 64 << 10];
    let step =
        miniz_oxide::deflate::stream::deflate(deflate, text.as_bytes(), &mut out, MZFlush::Sync);
    out.truncate(step.bytes_written);
    out
}

#[test]
fn a_connection_is_compressed() {
    let server = server();
    let mut client = Client::logged_in(&server);
    assert!(client.say("a", "CAPABILITY").contains(" COMPRESS=DEFLATE"));
    // What comes with the command, against the RFC, is compressed as well.
    let flags = create_comp_flags_from_zip_params(6, -15, 0);
    let mut deflate = Box::new(CompressorOxide::new(flags));
    let mut bytes = b"b COMPRESS DEFLATE\r\n".to_vec();
    bytes.extend(squeezed(&mut deflate, "c NOOP\r\n"));
    client.reader.get_mut().write_all(&bytes).expect("sent");
    assert_eq!(client.until("b"), "b OK What follows is compressed\r\n");
    let mut inflate = InflateState::new_boxed(DataFormat::Raw);
    let mut said = String::new();
    let mut until = |client: &mut Client, tag: &str| {
        let mut room = vec![0; 64 << 10];
        while !said.contains(&format!("{tag} OK")) {
            let came = client.reader.fill_buf().expect("bytes").to_vec();
            assert!(!came.is_empty(), "closed after {said}");
            let step = inflate_some(&mut inflate, &came, &mut room, MZFlush::None);
            client.reader.consume(step.bytes_consumed);
            said.push_str(std::str::from_utf8(&room[..step.bytes_written]).expect("text"));
        }
        std::mem::take(&mut said)
    };
    assert_eq!(until(&mut client, "c"), "c OK Nothing done\r\n");
    let mail = format!("{MAIL}{}", "many of them\r\n".repeat(1_000));
    let append = format!("d APPEND INBOX {{{}+}}\r\n{mail}\r\n", mail.len());
    let bytes = squeezed(&mut deflate, &append);
    assert!(bytes.len() < append.len() / 10);
    client.reader.get_mut().write_all(&bytes).expect("sent");
    assert!(until(&mut client, "d").starts_with("d OK [APPENDUID"));
    let bytes = squeezed(&mut deflate, "e SELECT INBOX\r\nf FETCH 1 BODY.PEEK[]\r\n");
    client.reader.get_mut().write_all(&bytes).expect("sent");
    assert!(until(&mut client, "f").contains(&mail));
}

#[test]
fn passwords_are_asked_for_three_times() {
    let server = server();
    let mut client = Client::connect(&server);
    for tag in ["a", "b", "c"] {
        let answer = client.say(tag, &format!("LOGIN {USER} wrong"));
        assert!(answer.starts_with(&format!("{tag} NO [AUTHENTICATIONFAILED]")), "{answer}");
    }
    assert!(client.line().starts_with("* BYE "));
    let mut client = Client::connect(&server);
    client.send("a AUTHENTICATE PLAIN\r\n");
    assert_eq!(client.line(), "+ \r\n");
    client.send("*\r\n");
    assert!(client.line().starts_with("a BAD "));
    // "\0me@example.test\0s3cret"
    let plain = "AG1lQGV4YW1wbGUudGVzdABzM2NyZXQ=";
    assert!(client.say("b", &format!("AUTHENTICATE PLAIN {plain}")).starts_with("b OK"));
}

#[test]
fn idle_tells_what_another_connection_does() {
    let server = server();
    let mut idle = Client::logged_in(&server);
    idle.say("a", "SELECT INBOX");
    idle.send("b IDLE\r\n");
    assert_eq!(idle.line(), "+ idling\r\n");
    let mut other = Client::logged_in(&server);
    other.say("a", &format!("APPEND INBOX {{{}+}}\r\n{MAIL}", MAIL.len()));
    assert_eq!(idle.line(), "* 1 EXISTS\r\n");
    other.say("b", "SELECT INBOX");
    other.say("c", "STORE 1 +FLAGS (\\Deleted)");
    assert_eq!(idle.line(), "* 1 FETCH (UID 1 FLAGS (\\Deleted))\r\n");
    other.say("d", "EXPUNGE");
    assert_eq!(idle.line(), "* 1 EXPUNGE\r\n");
    idle.send("DONE\r\n");
    assert_eq!(idle.line(), "b OK Idled\r\n");
    assert!(other.say("e", "LOGOUT").starts_with("* BYE "));
    // A server that ends says so to who idles.
    idle.send("c IDLE\r\n");
    assert_eq!(idle.line(), "+ idling\r\n");
    server.running.stop();
    let mut rest = String::new();
    idle.reader.read_to_string(&mut rest).expect("closed");
    assert_eq!(rest, "* BYE [UNAVAILABLE] The server ends\r\n");
}

#[test]
fn an_answer_larger_than_a_piece_comes_whole() {
    let server = server();
    let mut client = Client::logged_in(&server);
    let mail = format!("Subject: large\r\n\r\n{}", "0123456789\r\n".repeat(20_000));
    for tag in ["a", "b", "c"] {
        client.say(tag, &format!("APPEND INBOX {{{}+}}\r\n{mail}", mail.len()));
    }
    client.say("d", "SELECT INBOX");
    let answer = client.say("e", "FETCH 1:3 BODY.PEEK[]");
    assert_eq!(answer.matches("0123456789").count(), 60_000);
    assert!(answer.ends_with(")\r\ne OK Fetched\r\n"));
}

/// What a program wrote; None, with a word, where it is not installed.
fn run(program: &str, arguments: &[&str], input: &str) -> Option<Output> {
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        eprintln!("skipped: {program} is not installed");
        return None;
    };
    child.stdin.take().expect("its input").write_all(input.as_bytes()).expect("written");
    Some(child.wait_with_output().expect("it ended"))
}

#[test]
fn imaplib_works() {
    let server = server();
    let port = server.address.port().to_string();
    let arguments = ["-", &port, USER, PASSWORD];
    let Some(output) = run("python3", &arguments, include_str!("imaplib.py")) else { return };
    let (out, err) = (&output.stdout, &output.stderr);
    assert!(output.status.success(), "{}\n{}", out.escape_ascii(), String::from_utf8_lossy(err));
    assert_eq!(out, b"all well\n");
}

#[test]
fn curl_works() {
    let server = server();
    let url = format!("imap://{}/", server.address);
    let user = format!("{USER}:{PASSWORD}");
    let inbox = format!("{url}INBOX");
    // It wants to know the size before.
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(MAIL.as_bytes()).expect("written");
    let path = file.path().to_str().expect("a path");
    let Some(output) = run("curl", &["-sS", "-u", &user, "-T", path, &inbox], "") else { return };
    let told = String::from_utf8_lossy(&output.stderr);
    if told.contains("not supported") {
        eprintln!("skipped: this curl does not speak IMAP");
        return;
    }
    assert!(output.status.success(), "{told}");
    let got = |arguments: &[&str]| {
        let all: Vec<&str> = ["-sS", "-u", &user].iter().chain(arguments).copied().collect();
        let output = run("curl", &all, "").expect("it was there before");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    assert_eq!(got(&[&format!("{inbox};UID=1")]), MAIL);
    assert!(got(&[&url]).contains("* LIST (\\HasNoChildren) \"/\" INBOX\r\n"));
    assert_eq!(got(&[&format!("{inbox}?SUBJECT%20hi")]), "* SEARCH 1\r\n");
}
