//! Finding messages by what others know them by.

use mapi::{MessageId, PropertyValue, Wire, tags};

use super::open::{read, read_hot};
use crate::engine::Space;
use crate::keys::{self, Kind};
use crate::mailbox::ids;
use crate::{Mailbox, Result};

/// The message with a source key: a persisted one wins over the one that is derived from the id.
pub fn by_source_key(mailbox: &Mailbox, source_key: &[u8]) -> Result<Option<MessageId>> {
    let reader = mailbox.store().engine().snapshot()?;
    let key = mailbox.key(Kind::SourceKey, &[&keys::short_hash(source_key)]);
    if let Some(value) = reader.get(Space::Mailbox, &key)? {
        return Ok(keys::tail_id(&value).map(|(replica, counter)| MessageId::new(replica, counter)));
    }
    // Sixteen bytes of GUID, six of counter.
    let Ok(gid) = <[u8; 22]>::try_from(source_key) else { return Ok(None) };
    let long = mapi::LongTermId::from_wire(&[&gid[..], &[0, 0]].concat())?;
    let Some(replica) = ids::known_replica(mailbox, long.replica)? else { return Ok(None) };
    let id = MessageId::new(replica, long.counter);
    if read_hot(mailbox, &*reader, id)?.is_none() {
        return Ok(None);
    }
    // One that has a source key of its own is not found by the derived one.
    let persisted = read(mailbox, &*reader, id)?.body.properties;
    let own = persisted.inline(tags::SOURCE_KEY).and_then(PropertyValue::as_binary);
    Ok(own.is_none_or(|own| own == source_key).then_some(id))
}
