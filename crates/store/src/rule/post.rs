//! Rules of public folders: they look at a message when it is posted, in the batch that saves it first
//! ([MS-OXORULE] 3.2.5.1 R787, R930).

use mapi::rule_action::Action;

use super::record::{KEEP_OOF_HISTORY, ONLY_WHEN_OOF, Rule};
use super::{Change, Note};
use crate::delivery::address::{self, REPRESENTING, SENDER};
use crate::delivery::{self, Arrival, Entry, Envelope, Outgoing};
use crate::mailbox::writer::Tx;
use crate::message::Message;
use crate::{Mailbox, Properties, Result, StoreError};

/// What rules of a public folder do beside changing the message that was posted.
pub(crate) struct Posted {
    /// The message is stored; else a rule deleted it.
    pub(crate) stays: bool,
    sends: Vec<(Message, Entry)>,
    notes: Vec<Note>,
}

/// Lets the rules of a public folder look at a prepared message that is saved for the first time; None where
/// nobody's rules do.
///
/// Errors: [`StoreError::Access`] where a rule refuses it.
pub(crate) fn look(mailbox: &Mailbox, message: &mut Message) -> Result<Option<Posted>> {
    if !mailbox.is_public()
        || !message.base.is_none()
        || message.associated
        || !super::has_any_in(mailbox, mailbox.reader(), message.folder)?
    {
        return Ok(None);
    }
    let store = mailbox.store();
    let account = store.account_by_mailbox(mailbox.number())?;
    let account = account.ok_or(StoreError::NotFound("account"))?;
    let folder = message.folder;
    let mut arrival = Arrival {
        mailbox,
        account: &account,
        envelope: Envelope::default(),
        message: message.clone(),
        folders: vec![folder],
        others: Vec::new(),
        sends: Vec::new(),
        notes: Vec::new(),
    };
    let signed = sign(mailbox, &mut arrival.message.body.properties)?;
    // Nobody waits for a report: who posts is told here.
    super::run(&mut arrival)?.map_err(|_| StoreError::Access)?;
    if signed {
        let properties = &mut arrival.message.body.properties;
        [SENDER, REPRESENTING].iter().for_each(|tags| address::forget(properties, tags));
    }
    let Arrival { message: ruled, folders, sends, notes, .. } = arrival;
    *message = ruled;
    let mut ready = Vec::with_capacity(sends.len());
    for Outgoing { body, .. } in sends {
        let own = delivery::own_message(mailbox, body)?;
        // Until it is sent it lies where nobody sees it who does not see the folder: there is no spooler queue.
        let own = Message { folder, associated: true, ..own };
        // There is nobody to whom a report could go.
        let entry = Entry { hops: 1, silent: true, ..Entry::new(account.id, store.now()) };
        ready.push((own, entry));
    }
    Ok(Some(Posted { stays: folders.contains(&folder), sends: ready, notes }))
}

/// To rules, what names nobody is from who posts it. Whether it did not.
fn sign(mailbox: &Mailbox, properties: &mut Properties) -> Result<bool> {
    if [SENDER, REPRESENTING].iter().any(|tags| address::is_named(properties, tags)) {
        return Ok(false);
    }
    let Some(user) = mailbox.viewer() else { return Ok(false) };
    let Some(account) = mailbox.store().account_by_mailbox_guid(user)? else { return Ok(false) };
    [SENDER, REPRESENTING].iter().for_each(|tags| address::name(properties, tags, &account));
    Ok(true)
}

impl Posted {
    /// Writes all that follows from the rules with the batch of the message.
    pub(crate) fn write(&self, tx: &mut Tx<'_>) -> Result<()> {
        for (message, entry) in &self.sends {
            delivery::send_own(tx, message.clone(), entry)?;
        }
        self.notes.iter().try_for_each(|note| super::note(tx, note))
    }

    /// The batch is durable: what is to be sent goes on its way.
    pub(crate) fn start(&self, mailbox: &Mailbox) {
        if !self.sends.is_empty() {
            mailbox.store().inner.deliveries.counts.added(self.sends.len());
            delivery::start(mailbox.store());
        }
    }
}

/// Whether an action is none of public folders (MS-OXORULE R839, R840, R258; there is nobody out of office).
pub(super) fn is_barred(action: &Action) -> bool {
    matches!(action, Action::Move(_) | Action::Copy(_) | Action::Defer(_) | Action::OofReply(_))
}

/// Errors: [`StoreError::Invalid`] for a rule that no public folder may have.
pub(super) fn accept(change: &Change) -> Result<()> {
    let (Change::Add(properties) | Change::Modify(_, properties)) = change else { return Ok(()) };
    let rule = Rule { id: 0, properties: properties.clone() };
    if rule.actions()?.0.iter().any(|block| is_barred(&block.action)) {
        return Err(StoreError::Invalid("rules of public folders neither move, copy nor defer"));
    }
    // MS-OXORULE R68, R71
    match rule.state() & (ONLY_WHEN_OOF | KEEP_OOF_HISTORY) {
        0 => Ok(()),
        _ => Err(StoreError::Invalid("nobody is out of office in public folders")),
    }
}
