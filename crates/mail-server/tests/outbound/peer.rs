//! Another host, that takes mail as it is told to, and as badly.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Where in a dialogue something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    Greeting,
    Ehlo,
    Mail,
    Rcpt,
    Data,
    /// Amidst the message.
    Body,
    /// Behind its last octet.
    End,
}

pub const PLACES: [Place; 7] =
    [Place::Greeting, Place::Ehlo, Place::Mail, Place::Rcpt, Place::Data, Place::Body, Place::End];

/// What happens there instead of what should.
#[derive(Debug, Clone)]
pub enum Act {
    Say(&'static str),
    Drop,
    /// Nothing, until the other side gives up.
    Stall,
    Garbage,
    /// An answer without an end.
    Flood,
}

/// How one connection goes.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    pub features: Vec<&'static str>,
    pub acts: Vec<(Place, Act)>,
    /// Answers to single recipients.
    pub refuse: HashMap<&'static str, &'static str>,
}

impl Plan {
    pub fn with(features: &[&'static str]) -> Plan {
        Plan { features: features.to_vec(), ..Plan::default() }
    }

    pub fn modern() -> Plan {
        Plan::with(&["PIPELINING", "8BITMIME", "SMTPUTF8", "DSN", "SIZE 100000"])
    }

    pub fn act(mut self, place: Place, act: Act) -> Plan {
        self.acts.push((place, act));
        self
    }

    pub fn refuse(mut self, address: &'static str, answer: &'static str) -> Plan {
        self.refuse.insert(address, answer);
        self
    }
}

/// A message that was taken, or of which the end was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    pub mail: String,
    pub rcpt: Vec<String>,
    pub message: Vec<u8>,
    pub answered: bool,
}

pub struct Peer {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    plans: Mutex<VecDeque<Plan>>,
    usual: Mutex<Plan>,
    taken: Mutex<Vec<Taken>>,
    connections: AtomicUsize,
    open: AtomicUsize,
    most_open: AtomicUsize,
    end: AtomicBool,
}

impl Peer {
    pub fn new(usual: Plan) -> Peer {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared { usual: Mutex::new(usual), ..Shared::default() });
        let ours = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ours.end.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(stream), ours) = (stream, Arc::clone(&ours)) else { return };
                std::thread::spawn(move || ours.serve(stream));
            }
        });
        Peer { address, shared }
    }

    /// The next connections go so, then as usual.
    pub fn next(&self, plans: impl IntoIterator<Item = Plan>) {
        self.shared.plans.lock().unwrap().extend(plans);
    }

    pub fn taken(&self) -> Vec<Taken> {
        self.shared.taken.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    pub fn most_open(&self) -> usize {
        self.shared.most_open.load(Ordering::SeqCst)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.shared.end.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream) {
        self.connections.fetch_add(1, Ordering::SeqCst);
        let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_open.fetch_max(open, Ordering::SeqCst);
        let plan = self.plans.lock().unwrap().pop_front();
        let plan = plan.unwrap_or_else(|| self.usual.lock().unwrap().clone());
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time");
        let _ = self.dialogue(&stream, &plan);
        self.open.fetch_sub(1, Ordering::SeqCst);
    }

    /// None where the connection is over.
    fn dialogue(&self, stream: &TcpStream, plan: &Plan) -> Option<()> {
        let mut input = BufReader::new(stream);
        say(stream, plan, Place::Greeting, "220 there.test ESMTP")?;
        let (mut mail, mut rcpt) = (String::new(), Vec::new());
        loop {
            let line = line(&mut input)?;
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" => {
                    let mut text = String::from("250-there.test");
                    for feature in &plan.features {
                        text += &format!("\r\n250-{feature}");
                    }
                    say(stream, plan, Place::Ehlo, &format!("{text}\r\n250 HELP"))?;
                }
                "HELO" => tell(stream, "250 there.test")?,
                "MAIL" => {
                    (mail, rcpt) = (line, Vec::new());
                    say(stream, plan, Place::Mail, "250 ok")?;
                }
                "RCPT" => {
                    let refusal = plan.refuse.iter().find(|(address, _)| line.contains(*address));
                    match refusal {
                        Some((_, answer)) => tell(stream, answer)?,
                        None => {
                            rcpt.push(line);
                            say(stream, plan, Place::Rcpt, "250 ok")?;
                        }
                    }
                }
                "DATA" => {
                    say(stream, plan, Place::Data, "354 go on")?;
                    if plan.acts.iter().any(|(place, _)| *place == Place::Data) {
                        continue;
                    }
                    self.message(stream, plan, &mut input, &mail, &rcpt)?;
                }
                "QUIT" => {
                    tell(stream, "221 bye")?;
                    return None;
                }
                _ => tell(stream, "250 ok")?,
            }
        }
    }

    fn message(
        &self,
        stream: &TcpStream,
        plan: &Plan,
        input: &mut BufReader<&TcpStream>,
        mail: &str,
        rcpt: &[String],
    ) -> Option<()> {
        if let Some((_, act)) = plan.acts.iter().find(|(place, _)| *place == Place::Body) {
            perform(stream, act)?;
        }
        let mut message = Vec::new();
        loop {
            let mut line = Vec::new();
            if input.read_until(b'\n', &mut line).ok()? == 0 {
                return None;
            }
            assert!(line.ends_with(b"\r\n"), "a line without its end: {line:?}");
            if line == b".\r\n" {
                break;
            }
            message.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
        let act = plan.acts.iter().find(|(place, _)| *place == Place::End);
        let early = plan.acts.iter().any(|(place, _)| *place == Place::Body);
        let answered = act.is_none() && !early;
        let (mail, rcpt) = (mail.to_owned(), rcpt.to_vec());
        self.taken.lock().unwrap().push(Taken { mail, rcpt, message, answered });
        say(stream, plan, Place::End, "250 2.6.0 taken")
    }
}

fn line(input: &mut BufReader<&TcpStream>) -> Option<String> {
    let mut line = String::new();
    match input.read_line(&mut line) {
        Ok(1..) => Some(line.trim_end_matches("\r\n").to_owned()),
        _ => None,
    }
}

fn say(stream: &TcpStream, plan: &Plan, place: Place, usual: &str) -> Option<()> {
    match plan.acts.iter().find(|(at, _)| *at == place) {
        Some((_, act)) => perform(stream, act),
        None => tell(stream, usual),
    }
}

fn perform(mut stream: &TcpStream, act: &Act) -> Option<()> {
    match act {
        Act::Say(answer) => tell(stream, answer),
        Act::Drop => None,
        Act::Stall => {
            // Until the other side closes.
            let mut nothing = BufReader::new(stream);
            let mut sink = Vec::new();
            while nothing.read_until(b'\n', &mut sink).is_ok_and(|count| count > 0) {
                sink.clear();
            }
            None
        }
        Act::Garbage => {
            stream.write_all(b"\x00\xff<html>\r\n").ok()?;
            None
        }
        Act::Flood => loop {
            stream.write_all(&b"250-more\r\n".repeat(1_000)).ok()?;
        },
    }
}

fn tell(mut stream: &TcpStream, answer: &str) -> Option<()> {
    stream.write_all(format!("{answer}\r\n").as_bytes()).ok()
}
