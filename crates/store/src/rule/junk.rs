//! The junk e-mail rule ([MS-OXCSPAM] 3.2.4.1) of those who have none.
//!
//! A client writes that rule into the mailbox as an extended rule, with the user's threshold and his safe and blocked
//! senders in its condition; then it is run like others, or not at all if he turned it off. Until then what a filter
//! judged to be junk goes to Junk E-mail, as in Exchange.

use mapi::{PropertyValue, tags};

use super::run::Ready;
use crate::message::Message;

/// PidTagRuleMessageProvider of the rule ([MS-OXCSPAM] 2.2.2.1).
const PROVIDER: &str = "JunkEmailRule";
/// Beyond this a message is junk (Exchange's SCLJunkThreshold as it is installed).
const THRESHOLD: i32 = 4;

/// Whether one of these rules, enabled or not, is the junk e-mail rule.
pub(super) fn is_among(rules: &[Ready]) -> bool {
    rules.iter().any(|rule| rule.provider.eq_ignore_ascii_case(PROVIDER))
}

/// What the filter said of a message ([MS-OXCSPAM] 2.2.1.3); none where none looked at it.
pub(super) fn confidence(message: &Message) -> Option<i32> {
    let tag = tags::CONTENT_FILTER_SPAM_CONFIDENCE_LEVEL;
    message.body.properties.inline(tag).and_then(PropertyValue::as_i32)
}

pub(super) fn is_junk(message: &Message) -> bool {
    confidence(message).is_some_and(|level| level > THRESHOLD)
}

#[cfg(test)]
mod tests {
    use mapi::{FolderId, MessageContent};

    use crate::delivery::{Envelope, deliver_content};
    use crate::message::{self, Message};
    use crate::{Account, Mailbox, NewAccount, SpecialFolder, Store, StoreOptions};

    use super::*;

    fn ground() -> (Store, Account) {
        let store = Store::in_memory(StoreOptions::default()).expect("a store");
        let new = NewAccount { address: "ann@here.test".into(), ..NewAccount::default() };
        let account = store.create_account(&new).expect("an account");
        (store, account)
    }

    fn deliver(store: &Store, account: &Account, level: Option<i32>) -> FolderId {
        let mut content = MessageContent::default();
        content.properties.set(tags::MESSAGE_CLASS, "IPM.Note");
        if let Some(level) = level {
            content.properties.set(tags::CONTENT_FILTER_SPAM_CONFIDENCE_LEVEL, level);
        }
        let arrived = deliver_content(store, account, content, Envelope::default());
        let arrived = arrived.expect("delivered").expect("taken");
        assert_eq!(arrived.messages.len(), 1);
        arrived.messages[0].0
    }

    #[test]
    fn junk_goes_to_junk_email_unless_the_user_says_otherwise() {
        let (store, account) = ground();
        let (inbox, junk) = (SpecialFolder::Inbox.id(), SpecialFolder::JunkEmail.id());
        for (level, place) in [
            (None, inbox),
            (Some(-1), inbox),
            (Some(0), inbox),
            (Some(4), inbox),
            (Some(5), junk),
            (Some(9), junk),
        ] {
            assert_eq!(deliver(&store, &account, level), place, "{level:?}");
        }
        // He has the rule, and turned it off.
        let mailbox = store.mailbox(account.mailbox).expect("a mailbox");
        add_rule(&mailbox, 0);
        assert_eq!(deliver(&store, &account, Some(9)), inbox);
    }

    fn add_rule(mailbox: &Mailbox, state: i32) {
        let mut body = message::MessageBody::default();
        let properties = &mut body.properties;
        properties.set(tags::MESSAGE_CLASS, super::super::EXTENDED_CLASS);
        properties.set(tags::RULE_MESSAGE_PROVIDER, "JunkEmailRule");
        properties.set(tags::RULE_MESSAGE_STATE, state);
        properties.set(tags::RULE_MESSAGE_SEQUENCE, 0);
        let mut rule = Message {
            folder: SpecialFolder::Inbox.id(),
            associated: true,
            ..Message::embedded(body)
        };
        message::save(mailbox, &mut rule, message::SaveOptions { force: true }).expect("saved");
    }
}
