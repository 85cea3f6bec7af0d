//! From the last octet of a message to its recipients' mailboxes.

use std::sync::Arc;

use mapi::{MessageContent, tags};
use store::delivery::{Addressee, Envelope, Reason, addressee, deliver_content};
use store::{Account, Sending, Store, StoreError};

use super::reply::{self, Reply};
use super::trace;
use crate::spool::Letter;
use crate::work::{Undone, Work};

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
    /// Who sends it, if he is a user of this server and logged on.
    pub sender: Option<Arc<Account>>,
    /// The reverse-path is null: nothing is answered.
    pub null_sender: bool,
    /// Date and Message-ID are added where they are missing, this being the id (RFC 6409 8).
    pub complete: Option<String>,
    /// How likely it is junk, where that was judged ([MS-OXCSPAM] 2.2.1.3).
    pub spam_confidence: Option<i32>,
}

/// A message as it is stored, for all of its recipients.
struct Ready {
    content: Arc<MessageContent>,
    envelope: Envelope,
}

/// Delivers, and says what became of each recipient, in their order. What is answered as delivered is on disk.
pub async fn deliver(store: &Store, work: &Work, delivery: Delivery) -> Vec<Reply> {
    let recipients = delivery.recipients.clone();
    // One recipient costs one job.
    if let [only] = &recipients[..] {
        let (store, only) = (store.clone(), Arc::clone(only));
        let done = work.run(move || match convert(&store, delivery) {
            Ok(ready) => put(&store, &only, Arc::unwrap_or_clone(ready.content), ready.envelope),
            Err(refusal) => refusal,
        });
        return vec![done.await.unwrap_or_else(undone)];
    }
    let of_all = store.clone();
    let ready = match work.run(move || convert(&of_all, delivery)).await {
        Ok(Ok(ready)) => ready,
        Ok(Err(refusal)) => return recipients.iter().map(|_| refusal.clone()).collect(),
        Err(why) => return recipients.iter().map(|_| undone(why)).collect(),
    };
    let mut replies = Vec::with_capacity(recipients.len());
    for some in recipients.chunks(AT_A_TIME) {
        let under_way: Vec<_> = some
            .iter()
            .map(|account| {
                let (store, account) = (store.clone(), Arc::clone(account));
                let (content, envelope) = (Arc::clone(&ready.content), ready.envelope);
                work.run(move || put(&store, &account, (*content).clone(), envelope))
            })
            .collect();
        for one in under_way {
            replies.push(one.await.unwrap_or_else(undone));
        }
    }
    replies
}

fn undone(why: Undone) -> Reply {
    match why {
        Undone::NoRoom => reply::BUSY,
        Undone::Broken => reply::FAILED,
    }
}

fn convert(store: &Store, delivery: Delivery) -> Result<Ready, Reply> {
    let Delivery { letter, mut stamp, sender, null_sender, complete, spam_confidence, .. } =
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
    let mut content = formats::mime::read(&whole).map_err(|_| reply::FAILED)?;
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
    if let Some(level) = spam_confidence {
        content.properties.set(tags::CONTENT_FILTER_SPAM_CONFIDENCE_LEVEL, level);
    }
    let envelope = Envelope {
        sender: sender.map(|sender| sender.id),
        hops: 0,
        silent: null_sender || header.automatic,
    };
    Ok(Ready { content: Arc::new(content), envelope })
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
