//! A message that is there as a whole: looked at, stamped, delivered, and answered.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use store::Account;

use super::{Session, Step, Transaction};
use crate::authenticate::{Action, Authenticator, Origin};
use crate::smtp::Role;
use crate::smtp::command::{Mail, Mailbox};
use crate::smtp::deliver::{AT_A_TIME, Delivery, Reverse, deliver};
use crate::smtp::reply::{self, Reply};
use crate::smtp::trace::{Trace, stamp};
use crate::spool::Letter;

/// How long a message waits until others were looked at.
const PLACE_WITHIN: Duration = Duration::from_secs(120);

impl Session {
    pub(super) fn refuse_all(&mut self, recipients: &[usize], refusal: Reply) -> Step {
        if self.smtp.role != Role::Lmtp || recipients.is_empty() {
            return refusal.into();
        }
        self.errors += u32::from(refusal.code >= 500);
        Step::Bytes(refusal.bytes().repeat(recipients.len()))
    }

    pub(super) async fn deliver(&mut self, transaction: Transaction, letter: Letter) -> Step {
        let Transaction { mail, accounts, recipients, wishes, outside, .. } = transaction;
        self.messages += 1;
        let size = letter.size();
        let id = message_id();
        // Others must not learn of each other.
        let named = if outside.is_empty() { &accounts[..] } else { &[] };
        let mut stamp = self.stamp(&mail, named, &id);
        let mut spam_confidence = None;
        let (mut letter, mut _place) = (letter, None);
        // Before it takes what all protocols share: who makes it wait for his name servers keeps no other mail.
        if let Some(authenticator) = self.smtp.authenticator.clone() {
            match tokio::time::timeout(PLACE_WITHIN, authenticator.place(size)).await {
                Ok(place) => _place = Some(place),
                Err(_) => return self.refuse_all(&recipients, reply::BUSY),
            }
            match self.authenticate(authenticator, &mail, letter).await {
                Ok((same, fields, level)) => {
                    letter = same;
                    stamp.extend(fields);
                    spam_confidence = level;
                }
                Err(refusal) => return self.refuse_all(&recipients, refusal),
            }
        }
        let mailboxes = accounts.len().min(AT_A_TIME);
        let Some(_room) = self.smtp.host.letters.room(size, mailboxes).await else {
            return self.refuse_all(&recipients, reply::SPOOL_FULL);
        };
        let delivery = Delivery {
            letter,
            stamp,
            spam_confidence,
            recipients: accounts,
            wishes,
            outside,
            reverse: Reverse {
                path: mail.from.as_ref().map(ToString::to_string).unwrap_or_default(),
                ret: mail.ret,
                envelope_id: mail.envelope_id.clone().unwrap_or_default(),
            },
            sender: self.account.clone(),
            complete: self.account.is_some().then(|| format!("{id}@{}", self.smtp.host.name)),
        };
        let replies = deliver(&self.smtp.host, delivery).await;
        let good = replies.iter().filter(|reply| reply.is_good()).count();
        tracing::debug!(peer = %self.peer, id, size, good, of = replies.len(), "a message came in");
        if self.smtp.role == Role::Lmtp {
            let each = recipients.iter().filter_map(|place| replies.get(*place));
            return Step::Bytes(each.flat_map(|reply| reply.bytes()).collect());
        }
        summary(replies, &id).into()
    }

    /// Looks whether a message is from whom it says. Returns it as it is delivered, what is stamped on it, and how
    /// likely it is junk.
    async fn authenticate(
        &mut self,
        authenticator: Arc<Authenticator>,
        mail: &Mail,
        letter: Letter,
    ) -> Result<(Letter, Vec<u8>, Option<i32>), Reply> {
        let read = self.smtp.host.work.run(move || letter.whole(&[])).await;
        let message = match read {
            Ok(Ok(message)) => message,
            Ok(Err(error)) => {
                tracing::error!(%error, "a message cannot be read from the spool");
                return Err(reply::FAILED);
            }
            Err(_) => return Err(reply::BUSY),
        };
        let origin = Origin {
            address: self.peer.0.map(|address| address.ip().to_canonical()),
            client: self.client.as_ref().map(|(name, _)| name.clone()).unwrap_or_default(),
            sender: mail.from.as_ref().map(Mailbox::address).unwrap_or_default(),
        };
        let (message, verdict) = authenticator.look(message, origin).await;
        let level = match verdict.action {
            Action::Accept => None,
            Action::Junk(level) => Some(level),
            Action::Reject { domain } => {
                tracing::info!(peer = %self.peer, domain, "a message was refused by DMARC");
                // RFC 7372 and RFC 7489 10.3.
                let why = format!("the policy of {domain} (DMARC) refuses this message");
                return Err(Reply::say(550, "5.7.1", why));
            }
            Action::HeaderTooLarge => return Err(reply::HEADER_TOO_LARGE),
        };
        Ok((self.smtp.host.letters.holding(message), verdict.fields, level))
    }

    fn stamp(&self, mail: &Mail, accounts: &[Arc<Account>], id: &str) -> Vec<u8> {
        let (client, extended) = match &self.client {
            Some((name, extended)) => (name.as_str(), *extended),
            None => ("unknown", false),
        };
        let base = match (self.smtp.role, mail.utf8, extended) {
            (Role::Lmtp, false, _) => "LMTP",
            (Role::Lmtp, true, _) => "UTF8LMTP",
            (_, true, _) => "UTF8SMTP",
            (_, false, true) => "ESMTP",
            (_, false, false) => "SMTP",
        };
        let secure = if self.security.is_tls() { "S" } else { "" };
        let known = if self.account.is_some() { "A" } else { "" };
        let path = mail.from.as_ref().map(ToString::to_string).unwrap_or_default();
        let recipient = match accounts {
            [only] => Some(only.address.as_str()),
            _ => None,
        };
        stamp(&Trace {
            return_path: Some(&path),
            client,
            peer: self.peer,
            host: &self.smtp.host.name,
            with: &format!("{base}{secure}{known}"),
            id,
            recipient,
            when: Timestamp::now(),
        })
    }
}

/// The one answer that SMTP has for all recipients. A message that some got and others did not is not sent again:
/// the answer names whom it did not reach, and the client's report tells its sender.
fn summary(replies: Vec<Reply>, id: &str) -> Reply {
    let (good, bad): (Vec<Reply>, Vec<Reply>) = replies.into_iter().partition(Reply::is_good);
    if bad.is_empty() {
        return Reply::say(250, "2.0.0", format!("delivered as {id}"));
    }
    if good.is_empty() {
        // If one of them may have it later, all are tried again; nobody has it yet.
        let transient = bad.iter().find(|reply| reply.is_transient()).cloned();
        return transient.unwrap_or_else(|| bad[0].clone());
    }
    const MOST_NAMED: usize = 5;
    let named: Vec<&str> = bad.iter().take(MOST_NAMED).map(|reply| &*reply.text).collect();
    let text = format!(
        "not delivered to {} of {} recipients, delivered to the others: {}",
        bad.len(),
        bad.len() + good.len(),
        named.join("; ")
    );
    Reply::say(554, "5.3.0", text)
}

/// Unique on this host: the time, and a number of this process.
fn message_id() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{:x}.{number:x}", Timestamp::now().as_microsecond())
}
