//! What a mailbox file says of a message's state: read, answered, flagged.

use mapi::generated::tags;
use mapi::{MessageContent, PropertyValue};

/// The state of a message in mbox and Maildir, and in properties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MailFlags {
    pub read: bool,
    pub answered: bool,
    pub forwarded: bool,
    pub flagged: bool,
    pub draft: bool,
    /// Marked for deletion, and still there.
    pub deleted: bool,
}

/// mfRead and mfUnsent of PidTagMessageFlags ([MS-OXCMSG] 2.2.1.6).
const MF_READ: i32 = 0x0000_0001;
const MF_UNSENT: i32 = 0x0000_0008;
/// PidTagLastVerbExecuted ([MS-OXOMSG] 2.2.1.15 names the verbs).
const VERB_REPLY: i32 = 102;
const VERB_REPLY_ALL: i32 = 103;
const VERB_FORWARD: i32 = 104;
/// followupFlagged of PidTagFlagStatus ([MS-OXOFLAG] 2.2.1.1).
const FLAGGED: i32 = 2;

impl MailFlags {
    /// Sets the properties of a message after its flags.
    pub fn apply(self, content: &mut MessageContent) {
        let bag = &mut content.properties;
        let old = bag.get(tags::MESSAGE_FLAGS).and_then(PropertyValue::as_i32).unwrap_or(0);
        let mut flags = old & !(MF_READ | MF_UNSENT);
        if self.read {
            flags |= MF_READ;
        }
        if self.draft || old & MF_UNSENT != 0 {
            flags |= MF_UNSENT;
        }
        bag.set(tags::MESSAGE_FLAGS, flags);
        if self.flagged {
            bag.set(tags::FLAG_STATUS, FLAGGED);
        }
        // The icons of replied and forwarded mail ([MS-OXOMSG] 2.2.1.10).
        if self.answered || self.forwarded {
            let (verb, icon) = if self.answered { (VERB_REPLY, 261) } else { (VERB_FORWARD, 262) };
            bag.set(tags::LAST_VERB_EXECUTED, verb);
            bag.set(tags::ICON_INDEX, icon);
        }
    }

    /// The flags that a message's properties stand for.
    pub fn of(content: &MessageContent) -> Self {
        let number = |tag| content.properties.get(tag).and_then(PropertyValue::as_i32).unwrap_or(0);
        let flags = number(tags::MESSAGE_FLAGS);
        let verb = number(tags::LAST_VERB_EXECUTED);
        MailFlags {
            read: flags & MF_READ != 0,
            answered: matches!(verb, VERB_REPLY | VERB_REPLY_ALL),
            forwarded: verb == VERB_FORWARD,
            flagged: number(tags::FLAG_STATUS) == FLAGGED,
            draft: flags & MF_UNSENT != 0,
            deleted: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_survive_the_properties() {
        for flags in [
            MailFlags { read: true, flagged: true, ..Default::default() },
            MailFlags { answered: true, draft: true, ..Default::default() },
            MailFlags { forwarded: true, ..Default::default() },
        ] {
            let mut content = MessageContent::default();
            flags.apply(&mut content);
            assert_eq!(MailFlags::of(&content), flags);
        }
    }
}
