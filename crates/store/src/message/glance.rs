//! What a message says of itself without being opened.

use mapi::{MessageId, WString, tags};

use super::open::{read, read_hot};
use crate::engine::Space;
use crate::keys;
use crate::record::summary::{Summary, Text};
use crate::{Mailbox, Result, StoreError};

/// The beginning of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glance {
    /// PidTagMessageFlags.
    pub flags: u32,
    /// PidTagMessageClass.
    pub class: WString,
}

/// Reads the summary of a message; None if there is no such message.
pub fn glance(mailbox: &Mailbox, id: MessageId) -> Result<Option<Glance>> {
    let reader = mailbox.store().engine().snapshot()?;
    let Some(hot) = read_hot(mailbox, &*reader, id)? else { return Ok(None) };
    let key = keys::summary(mailbox.number(), hot.folder, hot.contents.to_byte(), id);
    let bytes = reader.get(Space::Mailbox, &key)?;
    let bytes = bytes.ok_or_else(|| StoreError::Corrupt("a message without a summary".into()))?;
    let Summary { flags, class, .. } = Summary::read(&bytes)?;
    let class = match class {
        Text::Whole(class) => class,
        Text::Absent => WString::default(),
        Text::Cut(_) => {
            let body = read(mailbox, &*reader, id)?.body;
            let whole = body.properties.inline(tags::MESSAGE_CLASS);
            whole.and_then(|value| value.as_text().cloned()).unwrap_or_default()
        }
    };
    Ok(Some(Glance { flags, class }))
}
