//! A message comes into a mailbox.

use mapi::{FolderId, PropertyTag, PropertyValue, tags};

use super::address::{self, BCC, CC, TO};
use super::queue::{Entry, Reason};
use super::submit;
use crate::mailbox::changes::ChangeKind;
use crate::mailbox::names::Translation;
use crate::mailbox::writer::{self, Tx};
use crate::mailbox::{receive, special::SpecialFolder};
use crate::message::{Message, MessageBody, Recipient, flags};
use crate::record::node;
use crate::value::{Properties, Value};
use crate::{Account, AccountId, Mailbox, Result, StoreError, large, message, rule};

/// How often a message may cause another one to be sent (forwards, redirections, automatic answers) before
/// delivery ends: a loop of rules between mailboxes stops there.
pub const MAX_HOPS: u8 = 20;

/// What belongs to a message on its way and stands nowhere in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Envelope {
    /// Who submitted it; none where nobody wants to hear of it.
    pub sender: Option<AccountId>,
    /// How often it was sent on.
    pub hops: u8,
    /// A report or an automatic answer, on which nothing is answered.
    pub silent: bool,
}

/// A message in a mailbox's door: what rules look at, and what they make of it.
///
/// Everything in it is written in one batch, with what the sender's queue notes.
pub struct Arrival<'a> {
    pub mailbox: &'a Mailbox,
    /// Whose mailbox it is.
    pub account: &'a Account,
    pub envelope: Envelope,
    /// The message as it will be stored, with the ids of named properties of this mailbox. Its folder is the
    /// receive folder of its class.
    pub message: Message,
    /// Folders to which it goes; the receive folder at first. In none, it is stored nowhere.
    pub folders: Vec<FolderId>,
    /// Other messages that are stored in this mailbox, each in its folder: deferred action messages.
    pub others: Vec<Message>,
    /// Messages that are sent from this mailbox: forwards, redirections, replies.
    pub sends: Vec<Outgoing>,
    /// What rules note about themselves.
    pub(crate) notes: Vec<rule::Note>,
}

/// A message that a mailbox sends by itself. It is removed when it is sent.
pub struct Outgoing {
    /// Properties, recipients and attachments with the ids of the mailbox.
    pub body: MessageBody,
    /// Nothing is reported of it, and nothing answered.
    pub silent: bool,
}

/// Where a message went.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Arrived {
    pub messages: Vec<(FolderId, mapi::MessageId)>,
    /// Messages that this one caused to be sent.
    pub sent: Vec<mapi::MessageId>,
}

/// What belongs to the sending side of a message and does not travel with it.
const NOT_CARRIED: &[PropertyTag] = &[
    tags::DEFERRED_SEND_NUMBER,
    tags::DEFERRED_SEND_TIME,
    tags::DEFERRED_SEND_UNITS,
    tags::DELETE_AFTER_SUBMIT,
    tags::DISPLAY_BCC,
    tags::MESSAGE_FLAGS,
    tags::PREDECESSOR_CHANGE_LIST,
    tags::READ,
    tags::SENT_MAIL_ENTRY_ID,
    tags::SENT_MAIL_SVR_EID,
    tags::SOURCE_KEY,
    tags::SUBMIT_FLAGS,
    tags::TARGET_ENTRY_ID,
    // Of the mailbox in which it was written.
    tags::CREATION_TIME,
    tags::LAST_MODIFICATION_TIME,
    tags::LAST_VERB_EXECUTED,
    tags::LAST_VERB_EXECUTION_TIME,
];

/// Puts a message into an account's mailbox, where its rules want it; durable when this returns. `note` writes
/// what the caller wants to be in the same batch. `body` has the ids of `source`.
///
/// Errors: the inner one is why the message is refused for good; the outer one what failed, and may not fail again.
pub(crate) fn deliver(
    source: &Mailbox,
    body: &MessageBody,
    account: &Account,
    envelope: Envelope,
    note: impl Fn(&mut Tx<'_>) -> Result<()>,
) -> Result<Result<Arrived, Reason>> {
    let target = source.store().mailbox(account.mailbox)?;
    let mut body = body.clone();
    translate(source, &target, &mut body)?;
    put(&target, body, account, envelope, note)
}

/// As [`deliver`], for a message that is in no mailbox.
///
/// Errors: as [`deliver`].
pub fn deliver_content(
    store: &crate::Store,
    account: &Account,
    content: mapi::MessageContent,
    envelope: Envelope,
) -> Result<Result<Arrived, Reason>> {
    deliver_with(store, account, content, envelope, |_| Ok(()))
}

/// As [`deliver_content`], where the caller wants something to be in the same batch.
///
/// Errors: as [`deliver`].
pub(crate) fn deliver_with(
    store: &crate::Store,
    account: &Account,
    content: mapi::MessageContent,
    envelope: Envelope,
    note: impl Fn(&mut Tx<'_>) -> Result<()>,
) -> Result<Result<Arrived, Reason>> {
    let target = store.mailbox(account.mailbox)?;
    let body = message::body_in(&target, content)?;
    let arrived = put(&target, body, account, envelope, note)?;
    if let Ok(arrived) = &arrived
        && !arrived.sent.is_empty()
    {
        super::work::start(store);
    }
    Ok(arrived)
}

fn put(
    target: &Mailbox,
    body: MessageBody,
    account: &Account,
    envelope: Envelope,
    note: impl Fn(&mut Tx<'_>) -> Result<()>,
) -> Result<Result<Arrived, Reason>> {
    if envelope.hops > MAX_HOPS {
        return Ok(Err(Reason::Loop));
    }
    let mut arrival = arrive(target, body, account, envelope)?;
    if let Err(reason) = super::rules(&mut arrival)? {
        return Ok(Err(reason));
    }
    match write(arrival, note) {
        Ok(arrived) => Ok(Ok(arrived)),
        Err(StoreError::MailboxFull { .. }) => Ok(Err(Reason::Full)),
        Err(StoreError::TooBig { .. }) => Ok(Err(Reason::TooBig)),
        Err(StoreError::Engine(crate::engine::Error::TooLarge { .. })) => Ok(Err(Reason::TooBig)),
        Err(error) => Err(error),
    }
}

/// Brings a message's properties to the ids of another mailbox.
pub(crate) fn translate(source: &Mailbox, target: &Mailbox, body: &mut MessageBody) -> Result<()> {
    let ids = node::property_ids(body);
    if let Some(names) = Translation::between(source, target, ids)? {
        node::for_all_properties(body, &mut |properties| {
            let old = std::mem::take(properties);
            *properties = old
                .into_iter()
                .filter_map(|(id, value)| Some((names.id(id)?, value)))
                .collect::<Properties>();
        });
    }
    large::adopt_body(source, target, body)
}

/// The message as its recipient gets it ([MS-OXOMSG] 3.3.5 and 2.2.1).
fn arrive<'a>(
    target: &'a Mailbox,
    mut body: MessageBody,
    account: &'a Account,
    envelope: Envelope,
) -> Result<Arrival<'a>> {
    let now = target.store().now();
    for tag in NOT_CARRIED {
        body.properties.remove(*tag);
    }
    let role = role_of(target, &body.recipients, account)?;
    // Nobody sees who got a blind copy ([MS-OXOMSG] 2.2.1.7).
    body.recipients.retain(|recipient| address::kind_of(recipient) != BCC);
    if body.recipients.is_empty() {
        body.properties.remove(tags::DISPLAY_TO);
        body.properties.remove(tags::DISPLAY_CC);
    }
    let properties = &mut body.properties;
    properties.set(tags::MESSAGE_DELIVERY_TIME, now);
    address::name(properties, &address::RECEIVED_BY, account);
    // Who gets it for somebody else is told for whom ([MS-OXORULE] 3.2.5.1 R540).
    let delegated = properties.inline(tags::DELEGATED_BY_RULE).and_then(PropertyValue::as_bool);
    if delegated != Some(true) || envelope.hops == 0 {
        address::name(properties, &address::RECEIVED_REPRESENTING, account);
    }
    properties.set(tags::MESSAGE_TO_ME, role == Some(TO));
    properties.set(tags::MESSAGE_CC_ME, role == Some(CC));
    properties.set(tags::MESSAGE_RECIPIENT_ME, matches!(role, Some(TO | CC)));
    let mut all = flags::UNMODIFIED;
    if envelope.sender == Some(account.id) {
        all |= flags::FROM_ME;
    }
    // [MS-OXCMSG] 2.2.1.6: the sender wants to be told.
    let asked = |tag| properties.inline(tag).and_then(PropertyValue::as_bool);
    let read = asked(tags::READ_RECEIPT_REQUESTED) == Some(true);
    if read && !envelope.silent {
        all |= flags::NOTIFY_READ;
    }
    // Who wants to know that it was read wants to know that it never will be, unless he says that he does not
    // ([MS-OXOMSG] 2.2.1.29, MS-OXCFOLD R1148).
    if asked(tags::NON_RECEIPT_NOTIFICATION_REQUESTED).unwrap_or(read) && !envelope.silent {
        all |= flags::NOTIFY_UNREAD;
    }
    let class = properties.inline(tags::MESSAGE_CLASS).and_then(PropertyValue::as_text);
    let class = class.map_or_else(|| "IPM.Note".into(), |class| class.to_string_lossy());
    // A class that is none goes where all others go.
    let folder = match receive::folder_for(target, &class) {
        Err(StoreError::Invalid(_)) => receive::folder_for(target, ""),
        found => found,
    };
    let folder = match folder {
        Ok(found) => found.folder,
        Err(StoreError::NotFound(_)) => SpecialFolder::Inbox.id(),
        Err(error) => return Err(error),
    };
    let mut message = Message { folder, flags: all, read: false, ..Message::embedded(body) };
    message::prepare(target, &mut message)?;
    Ok(Arrival {
        mailbox: target,
        account,
        envelope,
        message,
        folders: vec![folder],
        others: Vec::new(),
        sends: Vec::new(),
        notes: Vec::new(),
    })
}

/// As what an account stands among the recipients.
fn role_of(target: &Mailbox, recipients: &[Recipient], account: &Account) -> Result<Option<i32>> {
    for kind in [TO, CC] {
        for recipient in recipients.iter().filter(|r| address::kind_of(r) == kind) {
            let found =
                address::resolve(target.store(), &recipient.properties, &address::RECIPIENT)?;
            if found.is_ok_and(|found| found.id == account.id) {
                return Ok(Some(kind));
            }
        }
    }
    Ok(None)
}

fn write(arrival: Arrival<'_>, note: impl Fn(&mut Tx<'_>) -> Result<()>) -> Result<Arrived> {
    let Arrival { mailbox, account, envelope, message, folders, mut others, sends, notes } =
        arrival;
    for other in &mut others {
        message::prepare(mailbox, other)?;
    }
    let mut outgoing = Vec::with_capacity(sends.len());
    for Outgoing { body, silent } in sends {
        let hops = envelope.hops.saturating_add(1);
        let entry = Entry { hops, silent, ..Entry::new(account.id, mailbox.store().now()) };
        outgoing.push((submit::own_message(mailbox, body)?, entry));
    }
    let arrived = writer::write(mailbox, |tx| {
        let mut arrived = Arrived::default();
        let now = tx.now;
        for folder in &folders {
            let mut one = message.clone();
            one.folder = *folder;
            one.body.properties.set(tags::LAST_MODIFICATION_TIME, Value::from(now));
            message::write(tx, &mut one, false)?;
            tx.tell_as(ChangeKind::MessageDelivered, FolderId::NONE);
            arrived.messages.push((*folder, one.id));
        }
        for other in &others {
            let mut other = other.clone();
            rule::complete(
                tx,
                &mut other,
                arrived.messages.first().filter(|_| !folders.is_empty()),
            )?;
            message::write(tx, &mut other, false)?;
            arrived.messages.push((other.folder, other.id));
        }
        for (message, entry) in &outgoing {
            arrived.sent.push(submit::send_own(tx, message.clone(), entry)?);
        }
        for note in &notes {
            rule::note(tx, note)?;
        }
        note(tx)?;
        Ok(arrived)
    })?;
    mailbox.store().inner.deliveries.counts.added(arrived.sent.len());
    Ok(arrived)
}
