//! One message to one destination: over a connection, and back into the queue.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mapi::FileTime;
use store::delivery::{Addressee, addressee};
use store::outbound::{self, Change, Letter, LetterId, Outcome, Report};
use store::{Account, Store, StoreError};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use super::board::Destination;
use super::report::{self, About, Kind, Told};
use super::route::{Hop, NoRoute, Router};
use super::{Schedule, Shared, later, ticks};
use crate::census::Counted;
use crate::smtp::client::{Answer, Client, Mail, To, Unusable, Verdict};

/// A connection with its line in the ledger.
struct Open {
    client: Client,
    host: String,
    sent: usize,
    _counted: Box<dyn Counted>,
    /// Lines end when this goes: never before the attempt does.
    _ending: watch::Sender<bool>,
}

/// What became of one recipient.
struct Said {
    recipient: usize,
    outcome: Verdict,
    host: String,
    /// The host told that it passes DSN on.
    dsn: bool,
}

/// Sends messages to a destination until none is ready for it.
pub(super) async fn work(shared: Arc<Shared>, destination: Destination) {
    let mut open: Option<Open> = None;
    // Nobody answered: what is ready with it need not try the same once more.
    let mut dead: Option<Answer> = None;
    loop {
        let id = match shared.is_ending() {
            true => None,
            false => shared.board.lock().take(&destination),
        };
        let Some(id) = id else { break };
        let when = match attempt(&shared, &destination, id, &mut open, &mut dead).await {
            Ok(left) => left.map(|letter| shared.when(&letter)).unwrap_or_default(),
            Err(error) => {
                tracing::error!(%id, %error, "a message of the queue cannot be dealt with now");
                vec![(destination.clone(), later(shared.host.store.now(), ticks(AFTER_ERROR)))]
            }
        };
        let mut board = shared.board.lock();
        board.done(id, &destination);
        board.plan(id, when);
    }
    if let Some(open) = open {
        open.client.quit().await;
    }
    shared.board.lock().leave(&destination);
    shared.wake.notify_one();
}

/// What is sent, as it is read from the queue.
struct Ready {
    letter: Letter,
    message: Vec<u8>,
    /// Places of those who are due here.
    due: Vec<usize>,
}

/// How long a message rests about which the store failed.
const AFTER_ERROR: Duration = Duration::from_secs(5 * 60);

/// Returns the letter as it is afterwards; None if it is gone.
async fn attempt(
    shared: &Arc<Shared>,
    destination: &Destination,
    id: LetterId,
    open: &mut Option<Open>,
    dead: &mut Option<Answer>,
) -> store::Result<Option<Letter>> {
    let ours = Arc::clone(shared);
    let letter = run(shared, move || outbound::get(&ours.host.store, id)).await?;
    let Some(letter) = letter else { return Ok(None) };
    let due = due(shared, &letter, destination);
    if due.is_empty() {
        return Ok(Some(letter));
    }
    // Held until the attempt is over: the bytes, and the signed copy of them.
    let wanted = (letter.message.len() >> 9) + 64;
    let total = (shared.options.memory_bytes >> 10).max(64);
    let wanted = u32::try_from(wanted.min(total)).unwrap_or(u32::MAX >> 3);
    let Ok(_room) = Arc::clone(&shared.memory).acquire_many_owned(wanted).await else {
        return Ok(Some(letter));
    };
    let ours = Arc::clone(shared);
    let ready = Arc::new(run(shared, move || ready(&ours, letter, due)).await?);
    let said = send(shared, destination, &ready, open, dead).await;
    let settled = Arc::new(settled(&said));
    // Noted whatever happens: what was taken must not be sent again, and what was told not be told again.
    let noted = Arc::new(AtomicUsize::new(0));
    loop {
        let (ours, ready, said) = (Arc::clone(shared), Arc::clone(&ready), Arc::clone(&settled));
        let noted = Arc::clone(&noted);
        match run(shared, move || settle(&ours, id, &ready, &said, &noted)).await {
            Ok(left) => return Ok(left),
            Err(error @ (StoreError::Closed | StoreError::Corrupt(_))) => return Err(error),
            Err(error) if shared.is_ending() => return Err(error),
            Err(error) => {
                tracing::error!(%id, %error, "what became of a message cannot be noted; once more");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// Runs on a thread that may ask the engine; waits for one.
async fn run<T: Send + 'static>(
    shared: &Shared,
    job: impl FnOnce() -> store::Result<T> + Send + 'static,
) -> store::Result<T> {
    // In a cell, so that a pool without room gives the job back.
    let cell = Arc::new(parking_lot::Mutex::new(Some(job)));
    loop {
        let taken = Arc::clone(&cell);
        let done = shared.host.work.run(move || {
            let job = taken.lock().take();
            job.map(|job| job())
        });
        match done.await {
            Ok(Some(result)) => return result,
            Err(crate::work::Undone::NoRoom) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Ok(None) | Err(crate::work::Undone::Broken) => {
                return Err(StoreError::Invalid("the work broke off"));
            }
        }
    }
}

fn due(shared: &Shared, letter: &Letter, destination: &Destination) -> Vec<usize> {
    if letter.held {
        return Vec::new();
    }
    let now = shared.host.store.now();
    let is_due = |one: &&outbound::Recipient| {
        one.waits() && one.due <= now && *shared.destination(&one.domain()) == **destination
    };
    let places = letter.recipients.iter().enumerate();
    places.filter(|(_, one)| is_due(one)).map(|(place, _)| place).collect()
}

fn ready(shared: &Shared, letter: Letter, due: Vec<usize>) -> store::Result<Ready> {
    let mut message = outbound::message(&shared.host.store, &letter)?;
    if let Some(signer) = &shared.tools.signer {
        let domain = letter.from.rsplit_once('@').map_or(&*shared.host.name, |(_, domain)| domain);
        match signer.sign(&message, domain) {
            Ok(mut signed) => {
                signed.append(&mut message);
                message = signed;
            }
            // Better without than not at all.
            Err(error) => tracing::error!(domain, %error, "a message goes out without a signature"),
        }
    }
    Ok(Ready { letter, message, due })
}

/// Brings a message to the first host that takes it.
async fn send(
    shared: &Shared,
    destination: &Destination,
    ready: &Ready,
    open: &mut Option<Open>,
    dead: &mut Option<Answer>,
) -> Vec<Said> {
    let all = |outcome: Verdict, host: &str| -> Vec<Said> {
        let said = |place: &usize| Said {
            recipient: *place,
            outcome: outcome.clone(),
            host: host.to_owned(),
            dsn: false,
        };
        ready.due.iter().map(said).collect()
    };
    if let Some(answer) = dead {
        return all(Verdict::Refused(answer.clone()), "");
    }
    let limit = shared.options.messages;
    if let Some(mut usable) = open.take() {
        if usable.client.is_usable() && usable.sent < limit {
            let said = over(&mut usable, ready).await;
            // One that was closed meanwhile took nothing.
            if !said.iter().all(|one| matches!(one.outcome, Verdict::Unknown { sent: false, .. })) {
                *open = Some(usable);
                return said;
            }
        } else {
            usable.client.quit().await;
        }
    }
    let hops = match hops(shared, destination).await {
        Ok(hops) => hops,
        Err(NoRoute::Never(answer)) => return all(Verdict::Refused(answer), ""),
        Err(NoRoute::Later(answer)) => {
            *dead = Some(answer.clone());
            return all(Verdict::Refused(answer), "");
        }
    };
    let mut last = Answer::own(451, "4.4.1", "no host answered");
    for hop in hops {
        let mut usable = match connect(shared, &hop).await {
            Ok(usable) => usable,
            Err(why) => {
                let text = format!("{} [{}]: {why}", hop.host, hop.address.ip());
                tracing::debug!(destination = %destination, text, "a host is of no use now");
                // Whatever it said counts for now: another host may say something else.
                last = Answer::own(451, "4.4.1", text);
                continue;
            }
        };
        let said = over(&mut usable, ready).await;
        let nothing = |one: &Said| matches!(one.outcome, Verdict::Unknown { sent: false, .. });
        if said.iter().all(nothing) {
            if let Some(Said { outcome: Verdict::Unknown { why, .. }, .. }) = said.first() {
                let text = format!("{} [{}]: {why}", hop.host, hop.address.ip());
                last = Answer::own(451, "4.4.2", text);
            }
            continue;
        }
        *open = Some(usable);
        return said;
    }
    *dead = Some(last.clone());
    all(Verdict::Refused(last), "")
}

async fn hops(shared: &Shared, destination: &Destination) -> Result<Vec<Hop>, NoRoute> {
    let names = &*shared.tools.names;
    let Some(smart) = &shared.options.smart_host else {
        let options = &shared.options;
        let (own, port, loopback) = (&*shared.host.name, options.port, options.loopback);
        return Router { names, own, port, loopback }.to(destination).await;
    };
    // A host that one's own configuration names may be on this machine.
    let addresses = match smart.host.parse::<IpAddr>() {
        Ok(address) => vec![address],
        Err(_) if smart.host.eq_ignore_ascii_case("localhost") => {
            vec![IpAddr::from([127, 0, 0, 1])]
        }
        Err(_) => names.addresses(&smart.host).await.unwrap_or_default(),
    };
    let hop = |address| Hop { host: smart.host.clone(), address: (address, smart.port).into() };
    match addresses.is_empty() {
        // Whoever named it is to mend it; nobody's mail comes back for that.
        true => {
            let text = format!("the smart host {} has no address", smart.host);
            Err(NoRoute::Later(Answer::own(451, "4.4.3", text)))
        }
        false => Ok(addresses.into_iter().map(hop).collect()),
    }
}

async fn connect(shared: &Shared, hop: &Hop) -> Result<Open, Unusable> {
    let counted = shared.tools.census.open_out();
    let mut tls = shared.tools.tls.as_deref();
    loop {
        let stream = timeout(shared.options.times.connect, TcpStream::connect(hop.address)).await;
        let stream = match stream {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(Unusable::Broken(format!("no connection: {error}"))),
            Err(_) => return Err(Unusable::Broken("no connection in time".to_owned())),
        };
        let _ = stream.set_nodelay(true);
        let (end, ending) = watch::channel(false);
        let (name, times) = (&shared.host.name, &shared.options.times);
        match Client::greet(Box::pin(stream), ending, &hop.host, name, times, tls).await {
            Ok(client) => {
                let host = hop.host.clone();
                return Ok(Open { client, host, sent: 0, _counted: counted, _ending: end });
            }
            // Encryption is better than none, and mail in the clear better than no mail (RFC 7435).
            Err(Unusable::Handshake(why)) if tls.is_some() => {
                tracing::debug!(host = hop.host, why, "a handshake failed; without TLS then");
                tls = None;
            }
            Err(why) => return Err(why),
        }
    }
}

/// Sends over a connection.
async fn over(open: &mut Open, ready: &Ready) -> Vec<Said> {
    let letter = &ready.letter;
    let mail = Mail {
        from: &letter.from,
        eight_bit: letter.eight_bit,
        utf8: letter.utf8,
        ret: letter.ret,
        envelope_id: &letter.envelope_id,
        message: &ready.message,
    };
    let recipients = ready.due.iter().map(|place| &letter.recipients[*place]);
    let to: Vec<To<'_>> = recipients
        .map(|one| To { address: &one.address, notify: one.notify, original: &one.original })
        .collect();
    open.sent += 1;
    let verdicts = open.client.send(&mail, &to).await;
    let dsn = open.client.features.dsn;
    let said = |(place, outcome): (&usize, Verdict)| Said {
        recipient: *place,
        outcome,
        host: open.host.clone(),
        dsn,
    };
    ready.due.iter().zip(verdicts).map(said).collect()
}

/// What is to be said of one recipient.
struct Settled {
    /// None where the host has it.
    refusal: Option<Answer>,
    answer: String,
    status: String,
    host: String,
    dsn: bool,
}

fn settled(said: &[Said]) -> Vec<(usize, Settled)> {
    let settled = said.iter().map(|said| {
        let (refusal, answer) = match &said.outcome {
            Verdict::Taken(answer) => (None, answer.clone()),
            Verdict::Refused(answer) => (Some(answer.clone()), answer.clone()),
            Verdict::Unknown { why, .. } => {
                let answer = Answer::own(451, "4.4.2", why.as_str());
                (Some(answer.clone()), answer)
            }
        };
        // What this host says of itself carries no code of SMTP.
        let known = matches!(said.outcome, Verdict::Unknown { .. }) || said.host.is_empty();
        let (text, status) = (answer.text.clone(), answer.status());
        let answer = if known { text } else { answer.to_string() };
        let host = if matches!(said.outcome, Verdict::Unknown { .. }) {
            String::new()
        } else {
            said.host.clone()
        };
        (said.recipient, Settled { refusal, answer, status, host, dsn: said.dsn })
    });
    settled.collect()
}

/// Recipients of whom one report tells, or none.
type Group<'a> = Vec<(Change, &'a Settled)>;

/// Notes what became of each recipient, with the reports. What is told and the fact are one batch, one for each kind
/// of report. `noted` says how many of them are durable, so that one that failed goes on behind them.
fn settle(
    shared: &Shared,
    id: LetterId,
    ready: &Ready,
    said: &[(usize, Settled)],
    noted: &AtomicUsize,
) -> store::Result<Option<Letter>> {
    let store = &shared.host.store;
    let schedule = &shared.options.schedule;
    let now = store.now();
    let until = schedule.gives_up(ready.letter.queued);
    let mut groups: [(Option<Kind>, Group<'_>); 5] = [
        (None, Vec::new()),
        (Some(Kind::Relayed), Vec::new()),
        (Some(Kind::Delayed { until }), Vec::new()),
        (Some(Kind::Failed), Vec::new()),
        // Failures that nobody wants to hear of.
        (None, Vec::new()),
    ];
    for (place, settled) in said {
        let recipient = &ready.letter.recipients[*place];
        let (group, outcome) = match &settled.refusal {
            // RFC 3461 5.2.2: who cannot pass the wish on is told about.
            None if recipient.notify.success && !settled.dsn => (1, Outcome::Relayed),
            None => (0, Outcome::Relayed),
            Some(answer) if answer.is_permanent() || now >= until => {
                (if recipient.notify.of_failure() { 3 } else { 4 }, Outcome::Failed)
            }
            Some(_) => {
                let attempts = recipient.attempts.saturating_add(1);
                let next = schedule.next(now, attempts, id.number ^ u64::from(attempts)).min(until);
                let told = is_late(schedule, &ready.letter, now)
                    && !recipient.delay_told
                    && recipient.notify.of_delay();
                let outcome = Outcome::Deferred { until: next, told };
                (if told { 2 } else { 0 }, outcome)
            }
        };
        let (remote, answer) = (settled.host.clone(), settled.answer.clone());
        groups[group].1.push((Change { recipient: *place, outcome, remote, answer }, settled));
    }
    let mut left = Some(ready.letter.clone());
    for (at, (kind, group)) in groups.into_iter().enumerate() {
        if group.is_empty() || at < noted.load(Ordering::Relaxed) {
            continue;
        }
        let report = match kind {
            Some(kind) => report_on(shared, id, at, kind, ready, &group)?,
            None => None,
        };
        let changes: Vec<Change> = group.into_iter().map(|(change, _)| change).collect();
        left = outbound::settle(store, id, &changes, report)?;
        noted.store(at + 1, Ordering::Relaxed);
        if left.is_none() {
            return Ok(None);
        }
    }
    Ok(left)
}

fn is_late(schedule: &Schedule, letter: &Letter, now: FileTime) -> bool {
    now >= later(letter.queued, ticks(schedule.delay_after))
}

/// None where nobody is to be told: of what has a null reverse-path nothing is reported (RFC 3461 5.2.8).
fn report_on(
    shared: &Shared,
    id: LetterId,
    at: usize,
    kind: Kind,
    ready: &Ready,
    group: &Group<'_>,
) -> store::Result<Option<Report>> {
    let letter = &ready.letter;
    if letter.from.is_empty() {
        return Ok(None);
    }
    let Some(to) = sender(&shared.host.store, &letter.from)? else {
        tracing::warn!(%id, "nobody is there to be told what became of a message");
        return Ok(None);
    };
    let unique = format!("{id}-{at}-{:x}", shared.host.store.now().0);
    let about = About::letter(letter, &ready.message, &shared.host.name, &unique);
    let told: Vec<Told<'_>> = group
        .iter()
        .map(|(change, settled)| {
            let expired = kind == Kind::Failed && !settled.status.starts_with('5');
            Told {
                recipient: &letter.recipients[change.recipient],
                remote: &settled.host,
                // RFC 3463 3.5: it took too long.
                status: if expired { "4.4.7".to_owned() } else { settled.status.clone() },
                answer: settled.answer.clone(),
            }
        })
        .collect();
    let bytes = report::write(kind, &about, &told);
    match formats::mime::read(&bytes) {
        Ok(content) => Ok(Some(Report { to, content })),
        Err(error) => {
            tracing::error!(%id, %error, "a report cannot be read back");
            Ok(None)
        }
    }
}

fn sender(store: &Store, address: &str) -> store::Result<Option<Account>> {
    Ok(match addressee(store, address)? {
        Addressee::Account(account) => Some(account),
        // His mailbox takes nothing, and so no report.
        Addressee::Disabled | Addressee::Unknown | Addressee::Outside => None,
    })
}
