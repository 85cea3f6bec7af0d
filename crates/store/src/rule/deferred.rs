//! Deferred action messages and deferred error messages ([MS-OXORULE] 2.2.6, 2.2.7): what a client has to do, and
//! what went wrong. Both stand in the Deferred Action folder.

use mapi::rule_action::{ActionBlock, RuleActions};
use mapi::{FolderId, MessageId, PropertyValue, tags};

use super::run::Ready;
use crate::mailbox::entry_ids;
use crate::mailbox::writer::Tx;
use crate::message::{Message, MessageBody};
use crate::value::Properties;
use crate::{Mailbox, Result, SpecialFolder};

const ACTION_CLASS: &str = "IPC.Microsoft Exchange 4.0.Deferred Action";
const ERROR_CLASS: &str = "IPC.Microsoft Exchange 4.0.Deferred Error";

/// PidTagRuleError ([MS-OXORULE] 2.2.7.2)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub(super) enum Cause {
    Parsing = 0x04,
    Processing = 0x05,
    MovingOrCopying = 0x06,
    ReplyTemplate = 0x0a,
    Executing = 0x0b,
}

/// What is left to the client by rules of one provider ([MS-OXORULE] 3.2.5.1.2).
pub(super) struct Deferred {
    pub(super) folder: FolderId,
    pub(super) provider: String,
    /// Of the first rule, and how many there are.
    pub(super) rule: u64,
    pub(super) rules: usize,
    pub(super) actions: Vec<ActionBlock>,
}

/// [MS-OXORULE] 2.2.6
pub(super) fn action_message(mailbox: &Mailbox, deferred: Deferred) -> Result<Message> {
    let mut properties = Properties::new();
    properties.set(tags::MESSAGE_CLASS, ACTION_CLASS);
    properties.set(tags::DAM_BACK_PATCHED, false);
    properties.set(tags::RULE_PROVIDER, deferred.provider.as_str());
    properties.set(tags::RULE_FOLDER_ENTRY_ID, entry_ids::folder(mailbox, deferred.folder)?);
    properties.set(tags::CLIENT_ACTIONS, RuleActions(deferred.actions).to_bytes());
    let ids = deferred.rule.to_le_bytes().repeat(deferred.rules);
    properties.set(tags::RULE_IDS, ids);
    Ok(in_folder(properties))
}

/// [MS-OXORULE] 2.2.7. Without an action the error is not one of an action.
pub(super) fn error_message(
    mailbox: &Mailbox,
    folder: FolderId,
    rule: &Ready,
    cause: Cause,
    action: Option<(usize, u8)>,
) -> Result<Message> {
    let mut properties = Properties::new();
    let (number, kind) = action.unwrap_or_default();
    properties.set(tags::MESSAGE_CLASS, ERROR_CLASS);
    properties.set(tags::RULE_ERROR, cause as i32);
    properties.set(tags::RULE_ACTION_TYPE, i32::from(kind));
    properties.set(tags::RULE_ACTION_NUMBER, number as i32);
    properties.set(tags::RULE_PROVIDER, rule.provider.as_str());
    properties.set(tags::RULE_FOLDER_ENTRY_ID, entry_ids::folder(mailbox, folder)?);
    properties.set(tags::RULE_ID, rule.id as i64);
    Ok(in_folder(properties))
}

fn in_folder(properties: Properties) -> Message {
    let body = MessageBody { properties, ..MessageBody::default() };
    let folder = SpecialFolder::DeferredAction.id();
    Message { folder, read: false, ..Message::embedded(body) }
}

/// Says in such a message which message it is about, and which it is itself: neither has an id before it is
/// written.
pub(crate) fn complete(
    tx: &mut Tx<'_>,
    message: &mut Message,
    delivered: Option<&(FolderId, MessageId)>,
) -> Result<()> {
    if message.folder != SpecialFolder::DeferredAction.id() {
        return Ok(());
    }
    if let Some((folder, id)) = delivered {
        let id = entry_ids::message(tx.mailbox, *folder, *id)?;
        message.body.properties.set(tags::DAM_ORIGINAL_ENTRY_ID, id);
    }
    let class = message.body.properties.inline(tags::MESSAGE_CLASS);
    if class.and_then(PropertyValue::as_text).is_some_and(|class| *class == *ACTION_CLASS) {
        message.id = tx.next_message()?;
        let own = super::server_id(message.folder, message.id);
        message.body.properties.set(tags::DEFERRED_ACTION_MESSAGE_ORIGINAL_ENTRY_ID, own);
    }
    Ok(())
}
