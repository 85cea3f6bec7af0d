//! From the last octet of a message to its recipients' mailboxes.

use std::sync::Arc;

use formats::mime::{self, Outgoing};
use mapi::{MessageContent, tags};
use store::delivery::{Addressee, Envelope, Reason, addressee, deliver_content};
use store::outbound::track::{self, Event, Step};
use store::outbound::{self, NewLetter, Recipient, Ret};
use store::{Account, Sending, Store, StoreError};

use super::reply::{self, Reply};
use super::trace;
use crate::host::Host;
use crate::outbound::report::{self, About, Kind, Told};
use crate::spool::Letter;
use crate::work::Undone;

/// A message that goes through more hosts than these goes in circles (RFC 5321 6.3: at least 100).
pub const MAX_RECEIVED: usize = 100;
/// Recipients into whose mailboxes one connection puts a message at the same time: they share syncs.
pub const AT_A_TIME: usize = 8;

/// A message with everybody who gets it.
pub struct Delivery {
    pub letter: Letter,
    /// What is put in front of it.
    pub stamp: Vec<u8>,
    pub recipients: Vec<Arc<Account>>,
    /// What was asked for each of them.
    pub wishes: Vec<Recipient>,
    /// Those of other domains, for whom it goes into the queue.
    pub outside: Vec<Recipient>,
    pub reverse: Reverse,
    /// Who sends it, if he is a user of this server and logged on.
    pub sender: Option<Arc<Account>>,
    /// Date and Message-ID are added where they are missing, this being the id (RFC 6409 8).
    pub complete: Option<String>,
    /// How likely it is junk, where that was judged ([MS-OXCSPAM] 2.2.1.3).
    pub spam_confidence: Option<i32>,
}

/// What MAIL said.
#[derive(Clone)]
pub struct Reverse {
    /// As it stands between the brackets; empty for the null reverse-path, on which nothing is answered.
    pub path: String,
    pub ret: Option<Ret>,
    pub envelope_id: String,
}

/// A message as it is stored, for all of its recipients, and as it goes out.
struct Ready {
    content: Arc<MessageContent>,
    envelope: Envelope,
    sent: Option<Outgoing>,
    message_id: String,
}

/// Delivers, and says what became of each recipient, in their order; those of other domains have one answer, the last
/// one. What is answered as delivered, or as queued, is on disk.
pub async fn deliver(host: &Arc<Host>, delivery: Delivery) -> Vec<Reply> {
    let (store, work) = (&host.store, &host.work);
    let recipients = delivery.recipients.clone();
    let plain = delivery.outside.is_empty()
        && delivery.sender.is_none()
        && !delivery.wishes.iter().any(|wish| wish.notify.success);
    // One recipient costs one job.
    if let ([only], true) = (&recipients[..], plain) {
        let (store, only) = (store.clone(), Arc::clone(only));
        let done = work.run(move || match convert(&store, delivery) {
            Ok(ready) => put(&store, &only, Arc::unwrap_or_clone(ready.content), ready.envelope),
            Err(refusal) => refusal,
        });
        return vec![done.await.unwrap_or_else(undone)];
    }
    let of_all = store.clone();
    let Delivery { wishes, outside, reverse, sender, .. } = &delivery;
    let (wishes, outside, reverse) = (wishes.clone(), outside.clone(), reverse.clone());
    let sender = sender.clone();
    let answers = recipients.len() + usize::from(!outside.is_empty());
    let ready = match work.run(move || convert(&of_all, delivery)).await {
        Ok(Ok(ready)) => ready,
        Ok(Err(refusal)) => return vec![refusal; answers],
        Err(why) => return vec![undone(why); answers],
    };
    let Ready { content, envelope, sent, message_id } = ready;
    let mut queued = None;
    if let (Some(sender), Some(sent)) = (&sender, sent) {
        // Before anybody has it: what fails here fails for all, and may be sent once more.
        let (store, sender, reverse) = (store.clone(), Arc::clone(sender), reverse.clone());
        let reply = work.run(move || queue(&store, &sender, &reverse, outside, &sent)).await;
        let reply = reply.unwrap_or_else(undone);
        if !reply.is_good() {
            return vec![reply; answers];
        }
        queued = Some(reply);
    }
    let mut replies = Vec::with_capacity(answers);
    for some in recipients.chunks(AT_A_TIME) {
        let under_way: Vec<_> = some
            .iter()
            .map(|account| {
                let (store, account) = (store.clone(), Arc::clone(account));
                let content = Arc::clone(&content);
                work.run(move || put(&store, &account, (*content).clone(), envelope))
            })
            .collect();
        for one in under_way {
            replies.push(one.await.unwrap_or_else(undone));
        }
    }
    let delivered: Vec<(Arc<Account>, Recipient)> = recipients
        .into_iter()
        .zip(wishes)
        .zip(&replies)
        .filter(|(_, reply)| reply.is_good())
        .map(|(one, _)| one)
        .collect();
    let (ours, known) = (Arc::clone(host), sender.is_some());
    let told = move || after(&ours, known, &message_id, &reverse, &content, &delivered);
    // What fails here changes nothing of what was delivered.
    if let Ok(Err(error)) = work.run(told).await {
        tracing::warn!(%error, "a delivery cannot be told of");
    }
    replies.extend(queued);
    replies
}

/// Puts a message into the queue to other domains.
fn queue(
    store: &Store,
    sender: &Account,
    reverse: &Reverse,
    recipients: Vec<Recipient>,
    sent: &Outgoing,
) -> Reply {
    let beyond = |text: &str| !text.is_ascii();
    let utf8 =
        sent.utf8 || beyond(&reverse.path) || recipients.iter().any(|one| beyond(&one.address));
    let count = recipients.len();
    let letter = NewLetter {
        eight_bit: sent.eight_bit,
        utf8,
        ret: reverse.ret,
        from: reverse.path.clone(),
        envelope_id: reverse.envelope_id.clone(),
        message_id: sent.message_id.clone(),
        recipients,
    };
    let mailbox = store.mailbox(sender.mailbox);
    match mailbox.and_then(|mailbox| outbound::enqueue(&mailbox, &letter, &sent.bytes)) {
        Ok(_) => Reply::say(250, "2.6.0", format!("queued for {count} recipients elsewhere")),
        Err(StoreError::Quota(_) | StoreError::DiskFull) => reply::SPOOL_FULL,
        Err(error) => {
            tracing::error!(%error, "a message cannot be queued");
            reply::FAILED
        }
    }
}

/// Notes for message tracking what a user submitted, and reports deliveries to whoever asked for it (RFC 3461 5.2.6).
fn after(
    host: &Host,
    submitted: bool,
    message_id: &str,
    reverse: &Reverse,
    content: &MessageContent,
    delivered: &[(Arc<Account>, Recipient)],
) -> store::Result<()> {
    let store = &host.store;
    if submitted {
        let event = |what, recipient: &str| Event {
            recipient: recipient.to_owned(),
            ..Event::new(what, message_id, &reverse.path)
        };
        let arrived = delivered.iter().map(|(account, _)| event(Step::Delivered, &account.address));
        track::note(store, [event(Step::Submitted, "")].into_iter().chain(arrived).collect())?;
    }
    let wanted: Vec<_> = delivered.iter().filter(|(_, wish)| wish.notify.success).collect();
    let Some((first, _)) = wanted.first().filter(|_| !reverse.path.is_empty()) else {
        return Ok(());
    };
    let told: Vec<Told<'_>> = wanted
        .iter()
        .map(|(_, wish)| Told {
            recipient: wish,
            remote: "",
            status: "2.1.5".to_owned(),
            answer: String::new(),
        })
        .collect();
    let unique = format!("{:x}-{}", store.now().0, first.mailbox.0);
    let about = About {
        host: &host.name,
        unique: &unique,
        now: jiff::Timestamp::now(),
        arrived: store.now(),
        to: &reverse.path,
        envelope_id: &reverse.envelope_id,
        ret: reverse.ret,
        message: content.mime.as_deref().unwrap_or_default(),
    };
    let report = report::write(Kind::Delivered, &about, &told);
    match addressee(store, &reverse.path)? {
        Addressee::Account(account) => {
            let Ok(content) = formats::mime::read(&report) else { return Ok(()) };
            let envelope = Envelope { sender: None, hops: 0, silent: true };
            let _ = deliver_content(store, &account, content, envelope)?;
        }
        Addressee::Outside => {
            let letter = NewLetter {
                utf8: !reverse.path.is_ascii(),
                eight_bit: !report.is_ascii(),
                recipients: vec![Recipient::new(reverse.path.as_str())],
                message_id: format!("<report.{unique}@{}>", host.name),
                ..NewLetter::default()
            };
            outbound::enqueue(&*store.mailbox(first.mailbox)?, &letter, &report)?;
        }
        Addressee::Unknown | Addressee::Disabled => {}
    }
    Ok(())
}

fn undone(why: Undone) -> Reply {
    match why {
        Undone::NoRoom => reply::BUSY,
        Undone::Broken => reply::FAILED,
    }
}

fn convert(store: &Store, delivery: Delivery) -> Result<Ready, Reply> {
    let Delivery { letter, mut stamp, sender, reverse, outside, complete, spam_confidence, .. } =
        delivery;
    let read = |letter: Letter, stamp: &[u8]| {
        letter.whole(stamp).map_err(|error| {
            tracing::error!(%error, "a message cannot be read from the spool");
            reply::FAILED
        })
    };
    let mut whole = read(letter, &stamp)?;
    let header = trace::header(&whole);
    // One of them is ours.
    if header.received > MAX_RECEIVED {
        return Err(reply::LOOP);
    }
    if let Some(id) = complete {
        let before = stamp.len();
        if !header.date {
            stamp.extend(format!("Date: {}\r\n", trace::date(jiff::Timestamp::now())).bytes());
        }
        if !header.message_id {
            stamp.extend(format!("Message-ID: <{id}>\r\n").bytes());
        }
        whole.splice(before..before, stamp.drain(before..));
    }
    let mut content = mime::read(&whole).map_err(|_| reply::FAILED)?;
    if let Some(account) = &sender {
        let sending = may_submit(store, account, &content, whole.len() as u64)?;
        let says = content.properties.text(tags::SENDER_SMTP_ADDRESS);
        let is_named = says.is_some_and(|says| says.eq_ignore_ascii_case(&account.address));
        // From is who is represented, Sender who sends ([MS-OXOMSG] 3.2.4.1, RFC 5322 3.6.2).
        if sending == Sending::OnBehalf && !is_named {
            let field = format!("Sender: <{}>\r\n", account.address);
            whole.splice(stamp.len()..stamp.len(), field.into_bytes());
            content = formats::mime::read(&whole).map_err(|_| reply::FAILED)?;
        }
    }
    // With all that was added above.
    let sent = (!outside.is_empty() || sender.is_some()).then(|| mime::outgoing(&whole));
    let message_id = sent.as_ref().map(|sent| sent.message_id.clone()).unwrap_or_default();
    let sent = sent.filter(|_| !outside.is_empty());
    if let Some(level) = spam_confidence {
        content.properties.set(tags::CONTENT_FILTER_SPAM_CONFIDENCE_LEVEL, level);
    }
    let envelope = Envelope {
        sender: sender.map(|sender| sender.id),
        hops: 0,
        silent: reverse.path.is_empty() || header.automatic,
    };
    Ok(Ready { content: Arc::new(content), envelope, sent, message_id })
}

/// Whether an account may send under an address: its own, or one of a mailbox for which it may.
pub fn may_send(store: &Store, account: &Account, address: &str) -> store::Result<Option<Sending>> {
    match addressee(store, address)? {
        Addressee::Account(owner) if owner.id == account.id => Ok(Some(Sending::As)),
        Addressee::Account(owner) => store.may_send(owner.mailbox, account.id),
        Addressee::Unknown | Addressee::Disabled | Addressee::Outside => Ok(None),
    }
}

/// What recipients are shown as From has to be the user's as well, and his mailbox may be too full to send.
fn may_submit(
    store: &Store,
    account: &Account,
    content: &MessageContent,
    size: u64,
) -> Result<Sending, Reply> {
    let judge = || {
        store::quota::may_send(&*store.mailbox(account.mailbox)?, size)?;
        match content.properties.text(tags::SENT_REPRESENTING_SMTP_ADDRESS) {
            Some(address) => may_send(store, account, &address),
            None => Ok(Some(Sending::As)),
        }
    };
    match judge() {
        Ok(Some(sending)) => Ok(sending),
        Ok(None) => Err(reply::NOT_YOURS),
        Err(StoreError::MayNotSend { .. }) => Err(reply::MAY_NOT_SEND),
        Err(StoreError::TooBigToSend { .. }) => Err(reply::TOO_BIG),
        Err(error) => {
            tracing::error!(%error, "whether a user may send cannot be told");
            Err(reply::FAILED)
        }
    }
}

fn put(store: &Store, account: &Account, content: MessageContent, envelope: Envelope) -> Reply {
    match deliver_content(store, account, content, envelope) {
        Ok(Ok(_)) => Reply::say(250, "2.1.5", format!("<{}> delivered", account.address)),
        Ok(Err(reason)) => refusal(reason, &account.address),
        Err(StoreError::NotFound(_)) => reply::NO_SUCH_USER,
        Err(StoreError::DiskFull) => reply::SPOOL_FULL,
        Err(StoreError::TooBig { .. }) => reply::TOO_BIG,
        Err(error) => {
            tracing::error!(%error, recipient = account.address, "a message cannot be delivered");
            reply::FAILED
        }
    }
}

fn refusal(reason: Reason, address: &str) -> Reply {
    let (code, status, why) = match reason {
        Reason::Unknown | Reason::Outside => (550, "5.1.1", "there is no such mailbox here"),
        Reason::Full => (552, "5.2.2", "the mailbox is full"),
        Reason::Loop => (554, "5.4.6", "the message goes in circles"),
        Reason::TooBig => (552, "5.3.4", "the message is too large or too deep"),
        Reason::RuleSize => (552, "5.2.3", "the message is larger than the recipient takes"),
        Reason::RuleForm => (550, "5.6.1", "the recipient cannot show it"),
        Reason::RuleDenied => (550, "5.7.1", "the recipient refuses it"),
    };
    Reply::say(code, status, format!("<{address}> {why}"))
}
