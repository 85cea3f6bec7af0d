//! What stands beside folders and messages: names, replicas, receive folders, the change log, sets of deleted
//! messages, source keys, markers, and records that no other repair is about.

use mapi::{FolderId, Guid, MessageId, PropertyName, PropertyNameKind, PropertyValue, tags};

use super::{Mended, read};
use crate::blob;
use crate::check::body::gather;
use crate::check::cursor::collect;
use crate::check::indices::is_referred_to;
use crate::check::kinds;
use crate::check::pass::PLAUSIBLE;
use crate::check::per_user;
use crate::engine::{Error, KeyRange, Scanned, Space, Value};
use crate::keys::{self, Kind};
use crate::mailbox::receive::{self, ReceiveFolder};
use crate::mailbox::writer::{self, Tx};
use crate::mailbox::{changes, names};
use crate::outbound::{self, LetterId};
use crate::record::node;
use crate::{Mailbox, Result, jobs};

/// Names that are made up at once at most. More are no lost records, but an id that nobody gave out.
const MAX_MADE_UP: u16 = 64;

/// The property set of names that are lost.
const LOST: Guid = Guid([
    0x1d, 0x7b, 0x5e, 0x0c, 0x52, 0x9a, 0x4c, 0x4e, 0x9d, 0x3c, 0x0f, 0x66, 0x6b, 0x0e, 0x8a, 0x41,
]);

fn made_up(id: u16) -> Vec<u8> {
    let name = format!("lost-{id:04x}");
    names::to_bytes(&PropertyName { set: LOST, kind: PropertyNameKind::Name(name.as_str().into()) })
}

/// Gives every id of a named property up to one a name: ids are given out by counting, so one that is missing
/// would move all behind it.
pub(super) fn names(mailbox: &Mailbox, up_to: u16) -> Result<Mended> {
    writer::write(mailbox, |tx| {
        let stored = collect(tx.reader(), Space::Mailbox, KeyRange::prefix(names_prefix(tx)))?;
        let id = |key: &[u8]| key.last_chunk::<2>().map(|id| u16::from_be_bytes(*id));
        let last = stored.last().and_then(|(key, _)| id(key)).unwrap_or(names::FIRST - 1);
        if up_to.saturating_sub(last) > MAX_MADE_UP {
            let why = format!("the last name is that of {last:#06x}, which is far from it");
            return Ok(Mended::Cannot(why));
        }
        let mut lost = Vec::new();
        for wanted in names::FIRST..=up_to.max(last) {
            let whole =
                stored.iter().find(|(key, _)| id(key) == Some(wanted)).is_some_and(|(_, value)| {
                    value.as_ref().is_ok_and(|value| names::from_bytes(value).is_ok())
                });
            if !whole {
                tx.put(tx.mailbox.key(Kind::Name, &[&wanted.to_be_bytes()]), made_up(wanted));
                lost.push(format!("the name of property id {wanted:#06x}"));
            }
        }
        Ok(if lost.is_empty() { Mended::Fine } else { Mended::lost(lost) })
    })
}

fn names_prefix(tx: &Tx<'_>) -> Vec<u8> {
    tx.mailbox.key(Kind::Name, &[])
}

pub(super) fn replica(mailbox: &Mailbox, number: u16) -> Result<Mended> {
    writer::write(mailbox, |tx| {
        let key = tx.mailbox.key(Kind::Replica, &[&number.to_be_bytes()]);
        if number == 0 || read(tx, &key, |bytes| Ok(bytes.len() == 16))? == Some(Ok(true)) {
            return Ok(Mended::Fine);
        }
        tx.put(key, Guid::random().0);
        Ok(Mended::lost(vec![format!("where ids of replica {number} come from")]))
    })
}

/// What every mailbox has goes to where it goes in a new one; other entries go.
pub(super) fn receive(mailbox: &Mailbox, class: &[u8]) -> Result<Mended> {
    writer::write(mailbox, |tx| {
        let key = tx.mailbox.key(Kind::Receive, &[class]);
        let entry = read(tx, &key, |bytes| Ok(receive::from_bytes(bytes).ok()))?;
        let kept = match entry {
            None => return Ok(Mended::Fine),
            Some(Ok(Some(entry)))
                if receive::check_entry(&key, &receive::to_bytes(&entry)).is_ok() =>
            {
                let there = tx.folder(entry.folder).is_ok();
                if there {
                    return Ok(Mended::Fine);
                }
                Some(entry.class)
            }
            Some(_) => None,
        };
        let Some(default) = receive::default_folder(class) else {
            tx.delete(key);
            return Ok(Mended::done());
        };
        let class = kept.unwrap_or_else(|| String::from_utf8_lossy(class).to_uppercase());
        let entry = ReceiveFolder { class, folder: default.id(), modified: tx.now };
        tx.put(key, receive::to_bytes(&entry));
        Ok(Mended::done())
    })
}

/// Removes the entries of the change log up to one, in bounded batches. Whoever follows the log sees that
/// they are gone, and looks at everything again.
pub(super) fn log(mailbox: &Mailbox, up_to: u64) -> Result<Mended> {
    loop {
        let left = writer::reclaim(mailbox, |tx| {
            let range = KeyRange {
                from: keys::log(mailbox.number(), 0),
                to: Some(keys::log(mailbox.number(), up_to.saturating_add(1))),
            };
            let page = tx.reader().scan_each(Space::Mailbox, &range, changes::TRIM_BATCH)?;
            page.iter().for_each(|(key, _)| tx.delete(key.to_vec()));
            let left = page.len() == changes::TRIM_BATCH;
            if !left {
                tx.set_trimmed(up_to.min(tx.last_numbers().sequence));
            }
            Ok(left)
        })?;
        if !left {
            return Ok(Mended::done());
        }
    }
}

/// Puts a folder's set of deleted messages in order.
pub(super) fn deleted(mailbox: &Mailbox, folder: FolderId) -> Result<Mended> {
    writer::write(mailbox, |tx| {
        let prefix = tx.mailbox.key(Kind::Deleted, &[&keys::fid(folder)]);
        let stored = collect(tx.reader(), Space::Mailbox, KeyRange::prefix(&prefix[..]))?;
        let there = read(tx, &keys::folder(tx.mailbox.number(), folder), |_| Ok(()))?.is_some();
        let limit = tx.last_numbers().counter.saturating_add(PLAUSIBLE);
        let mut lost = Vec::new();
        let ranges = if there { in_order(&stored, limit, &mut lost) } else { Vec::new() };
        let wanted: Vec<(Vec<u8>, [u8; 8])> = ranges
            .into_iter()
            .map(|(first, last)| {
                let last = last & mapi::GlobalCounter::MAX;
                ([&prefix[..], &first.to_be_bytes()].concat(), last.to_be_bytes())
            })
            .collect();
        for (key, _) in &stored {
            if !wanted.iter().any(|(known, _)| *known == key[..]) {
                tx.delete(key.to_vec());
            }
        }
        for (key, last) in wanted {
            let same = stored.iter().any(|(known, value)| {
                known[..] == key[..] && value.as_ref().is_ok_and(|v| v[..] == last)
            });
            if !same {
                tx.put(key, last);
            }
        }
        Ok(if tx.writes() == 0 { Mended::Fine } else { Mended::lost(lost) })
    })
}

/// Ranges of ids as ordered numbers, ascending and apart.
fn in_order(stored: &[Scanned], limit: u64, lost: &mut Vec<String>) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for (key, value) in stored {
        let Some((replica, first)) = keys::tail_id(key).filter(|_| key.len() == 25) else {
            continue;
        };
        let last = value.as_ref().ok().and_then(|value| <[u8; 8]>::try_from(&value[..]).ok());
        let own = replica == mapi::ids::OWN_REPLICA;
        let last = last
            .map(u64::from_be_bytes)
            .filter(|last| *last >= first.get() && *last <= mapi::GlobalCounter::MAX)
            .filter(|last| !own || *last <= limit);
        let last = last.unwrap_or_else(|| {
            lost.push(format!("which messages behind {first:?} were deleted"));
            first.get()
        });
        let first = keys::id_number(replica, first);
        let last = keys::id_number(replica, mapi::GlobalCounter::new(last));
        match ranges.last_mut() {
            Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
            _ => ranges.push((first, last)),
        }
    }
    ranges
}

/// Removes a marker that nothing refers to.
pub(super) fn marker(mailbox: &Mailbox, key: &[u8]) -> Result<Mended> {
    writer::write(mailbox, |tx| {
        if blob::check::parse_marker(key).is_some()
            && is_referred_to(tx.reader(), tx.mailbox.number(), key)?
        {
            return Ok(Mended::Fine);
        }
        tx.delete(key.to_vec());
        Ok(Mended::done())
    })
}

/// Keeps the bytes of a message to other domains from the collector; takes it out of the queue if they are lost.
pub(super) fn letter(mailbox: &Mailbox, number: u64) -> Result<Mended> {
    let blobs = mailbox.store().inner.blobs.clone();
    let id = LetterId { mailbox: mailbox.number(), number };
    let Ok(Some(letter)) = outbound::find(mailbox.store().engine(), id) else {
        return Ok(Mended::Fine);
    };
    let whole = match blobs.verify(&letter.message) {
        Ok(()) => true,
        Err(Error::Corrupt { .. } | Error::BlobLost) => false,
        Err(error) => return Err(error.into()),
    };
    writer::write(mailbox, |tx| {
        let key = jobs::outbound_job(id.mailbox, number);
        if outbound::find(tx.reader(), id)?.is_none() {
            return Ok(Mended::Fine);
        }
        let owner = outbound::owner(id);
        if whole {
            blobs.reference(&mut tx.batch, id.mailbox, &owner, &letter.message)?;
            return Ok(Mended::done());
        }
        tx.batch.delete(Space::Queue, key);
        blobs.unreference(&mut tx.batch, id.mailbox, &owner, &letter.message);
        Ok(Mended::lost(vec![format!("message {id} to other domains, {}", letter.message_id)]))
    })
}

/// Removes an entry of the index of source keys that leads to no message with that source key.
pub(super) fn source_key(mailbox: &Mailbox, key: &[u8]) -> Result<Mended> {
    writer::write(mailbox, |tx| {
        let number = tx.mailbox.number();
        let entry = read(tx, key, |bytes| Ok(keys::tail_id(bytes).filter(|_| bytes.len() == 9)))?;
        let owner = match entry {
            None => return Ok(Mended::Fine),
            Some(entry) => entry.ok().flatten(),
        };
        if let Some((replica, counter)) = owner {
            let id = MessageId::new(replica, counter);
            let nodes = KeyRange::prefix(node::prefix(number, id));
            let nodes = collect(tx.reader(), Space::Mailbox, nodes)?;
            let body = gather(&nodes, |_| None).whole().ok();
            let own = body.as_ref().and_then(|body| {
                body.properties.inline(tags::SOURCE_KEY).and_then(PropertyValue::as_binary)
            });
            if own.is_some_and(|own| key.ends_with(&keys::short_hash(own))) {
                return Ok(Mended::Fine);
            }
        }
        tx.delete(key.to_vec());
        Ok(Mended::done())
    })
}

/// A record that is still without form or unreadable: what its kind needs is written in its place, or it
/// goes.
pub(super) fn bad(mailbox: &Mailbox, key: &[u8]) -> Result<Mended> {
    let row = key.get(8).and_then(|byte| kinds::find(*byte));
    let id = key.last_chunk::<2>().map(|id| u16::from_be_bytes(*id));
    match (row, id) {
        (Some(row), Some(id)) if row.fits(key) && row.byte == Kind::Name as u8 => {
            return names(mailbox, id);
        }
        (Some(row), Some(id)) if row.fits(key) && row.byte == Kind::Replica as u8 => {
            return replica(mailbox, id);
        }
        _ => {}
    }
    writer::write(mailbox, |tx| {
        let value = match tx.reader().get(Space::Mailbox, key) {
            Ok(None) => {
                let why = "the engine cannot tell what stood there".to_owned();
                return Ok(Mended::Cannot(why));
            }
            Ok(Some(value)) => Ok(value),
            Err(error @ crate::engine::Error::Corrupt { .. }) => Err(error),
            Err(error) => return Err(error.into()),
        };
        if !kinds::is_bad(Space::Mailbox, key, &value) {
            return Ok(Mended::Fine);
        }
        tx.delete(key.to_vec());
        let name = row.map_or("unknown", |row| row.name);
        Ok(Mended::lost(vec![format!("a record of the kind {name}")]))
    })
}

/// Removes what one user has read in a folder, or what a mailbox keeps of a public folder, if it is still bad.
pub(super) fn per_user(mailbox: &Mailbox, name: &[u8]) -> Result<Mended> {
    writer::write(mailbox, |tx| {
        let public = tx.mailbox.is_public();
        let fault = per_user::fault(tx.reader(), tx.mailbox.number(), public, name)?;
        if fault.is_none() {
            return Ok(Mended::Fine);
        }
        for (key, _) in collect(tx.reader(), Space::Mailbox, KeyRange::prefix(name))? {
            tx.delete(key.to_vec());
        }
        Ok(Mended::lost(match name.get(8) == Some(&(Kind::Seen as u8)) {
            true => vec!["what a user had read in a folder".into()],
            false => vec!["what a client kept of a public folder".into()],
        }))
    })
}

/// Removes a record that is still the same, or still unreadable.
pub(super) fn remove(mailbox: &Mailbox, key: &[u8], was: Option<&Value>) -> Result<Mended> {
    writer::write(mailbox, |tx| {
        let same = match (tx.reader().get(Space::Mailbox, key), was) {
            (Ok(now), Some(was)) => now.as_ref() == Some(was),
            (Err(crate::engine::Error::Corrupt { .. }), None) => true,
            (Ok(_), None) => false,
            (Err(error), _) => return Err(error.into()),
        };
        if !same {
            return Ok(Mended::Fine);
        }
        tx.delete(key.to_vec());
        Ok(Mended::done())
    })
}
