//! What stands beside folders and messages: names, replicas, the store's properties, receive folders, the
//! change log, sets of deleted messages, source keys, import keys and markers.

use std::collections::HashMap;

use mapi::{FolderId, MessageId, PropertyValue, tags};

use super::body::{gather, reason};
use super::cursor::{collect, each_key};
use super::fix::Fix;
use super::folders::read_parts;
use super::pass::{Pass, read_as};
use super::problem::What;
use crate::engine::{Error, KeyRange, Space};
use crate::keys::{self, Kind};
use crate::mailbox::names;
use crate::mailbox::receive;
use crate::message::MessageBody;
use crate::outbound::{self, Letter};
use crate::record::folder::FolderState;
use crate::record::hot::Hot;
use crate::record::{change, node};
use crate::{Result, blob, jobs, large};

impl Pass<'_> {
    /// Ids of named properties follow each other without a gap, since they are given out by counting.
    pub(super) fn names(&mut self) -> Result<()> {
        let mut next = names::FIRST;
        let mut seen = HashMap::new();
        self.each(Kind::Name, |pass, pair| {
            let Some(id) = pair.0.last_chunk::<2>().map(|id| u16::from_be_bytes(*id)) else {
                return Ok(());
            };
            if id < names::FIRST {
                let problem = pass.problem(What::BadKey, format!("a name for the id {id:#06x}"));
                let fix =
                    Fix::Remove { space: Space::Mailbox, key: pair.0.to_vec(), was: pair.1.ok() };
                return pass.found(problem.record(Space::Mailbox, &pair.0), fix);
            }
            for missing in next..id {
                let problem = pass.problem(What::Name, format!("{missing:#06x} is missing"));
                pass.names.insert(missing);
                pass.found(problem, Fix::Names { up_to: id })?;
            }
            next = id.saturating_add(1);
            pass.names.insert(id);
            if pass.makes_sense(&pair, What::Name)?
                && let Ok(name) = &pair.1
                && let Ok(name) = names::from_bytes(name)
                && let Some(other) = seen.insert(names::fold(&name), id)
            {
                let detail = format!("{other:#06x} and {id:#06x} are both {name:?}");
                pass.found(pass.problem(What::DoubleName, detail), None)?;
            }
            Ok(())
        })
    }

    pub(super) fn replicas(&mut self) -> Result<()> {
        self.each(Kind::Replica, |pass, pair| {
            let Some(number) = pair.0.last_chunk::<2>().map(|id| u16::from_be_bytes(*id)) else {
                return Ok(());
            };
            pass.replicas.insert(number);
            pass.makes_sense(&pair, What::Replica).map(drop)
        })
    }

    pub(super) fn store_properties(&mut self) -> Result<()> {
        let range = KeyRange::prefix(self.key(Kind::StoreProperties, &[]));
        let mut parts = Vec::new();
        for part in collect(self.reader, Space::Mailbox, range)? {
            self.report.records += 1;
            if self.has_form(&part.0, &part.1)? {
                parts.push(part);
            }
        }
        let read = match read_parts(&parts) {
            _ if parts.is_empty() => return Ok(()),
            Ok(read) => read,
            Err(detail) => {
                return self
                    .found(self.problem(What::StoreProperties, detail), Fix::StoreProperties);
            }
        };
        self.used_names(read.iter().map(|(id, _)| id).collect::<Vec<_>>().into_iter())?;
        let wrong = self.references(large::STORE_OWNER, &large::of_properties(&read))?;
        wrong.into_iter().try_for_each(|(what, detail)| {
            self.found(self.problem(what, detail), Fix::StoreProperties)
        })
    }

    /// Messages to other domains that the mailbox sends: their bytes are there, and are kept.
    pub(super) fn letters(&mut self) -> Result<()> {
        let range = KeyRange::prefix(jobs::outbound(Some(self.number)));
        for (key, value) in collect(self.reader, Space::Queue, range)? {
            // One that cannot be read is looked at with the directory.
            let (Some(id), Ok(Ok(letter))) =
                (outbound::id_of(&key), value.map(|value| Letter::read(&value)))
            else {
                continue;
            };
            let held = [(letter.message.to_bytes(), letter.message)].into();
            for (_, detail) in self.references(&outbound::owner(id), &held)? {
                let problem = self.problem(What::Letter, detail).record(Space::Queue, &key);
                self.found(problem, Fix::Letter { number: id.number })?;
            }
        }
        Ok(())
    }

    pub(super) fn settings(&mut self) -> Result<()> {
        self.each(Kind::Settings, |pass, pair| pass.makes_sense(&pair, What::Settings).map(drop))
    }

    /// Everything that stands for itself beside a folder is whole and belongs to one.
    pub(super) fn of_folders(&mut self) -> Result<()> {
        self.of_folder(Kind::Permissions, What::Permissions)?;
        self.of_folder(Kind::Rule, What::Rule)?;
        self.of_folder(Kind::Answered, What::Rule)
    }

    fn of_folder(&mut self, kind: Kind, what: What) -> Result<()> {
        self.each(kind, |pass, pair| {
            if !pass.makes_sense(&pair, what)? {
                return Ok(());
            }
            let folder = pair.0.get(9..17).and_then(keys::tail_id);
            let folder = folder.map(|(r, c)| FolderId::new(r, c));
            if folder.is_some_and(|folder| pass.folder_mut(folder).is_some()) {
                return Ok(());
            }
            let fix = Fix::Remove {
                space: Space::Mailbox,
                key: pair.0.to_vec(),
                was: pair.1.as_ref().ok().cloned(),
            };
            let problem = pass.problem(what, "there is no such folder");
            pass.found(problem.record(Space::Mailbox, &pair.0), fix)
        })
    }

    /// Entries that find soft-deleted messages by their time are as many as these, or each is looked at.
    pub(super) fn deleted_messages(&mut self) -> Result<()> {
        let mut entries = 0;
        let range = KeyRange::prefix(self.key(Kind::DeletedMessage, &[]));
        each_key(self.reader, Space::Mailbox, range, |_| {
            entries += 1;
            Ok(())
        })?;
        self.report.records += entries;
        if entries == self.deleted_messages {
            return Ok(());
        }
        self.each(Kind::DeletedMessage, |pass, (key, value)| {
            let Some((replica, counter)) = keys::tail_id(&key) else { return Ok(()) };
            let id = MessageId::new(replica, counter);
            let hot = pass.reader.get(Space::Mailbox, &keys::hot(pass.number, id));
            let detail = match read_as(hot, Hot::read)? {
                // What else is wrong with the entry of a message is said with the message.
                Ok(hot)
                    if hot.contents.is_deleted() && keys::deleted_at(&key) == Some(hot.deleted) =>
                {
                    return Ok(());
                }
                Ok(_) => "that message was not soft-deleted then",
                Err(_) => "there is no such message",
            };
            let problem = pass.problem(What::StrayDeleted, detail).message(id);
            let fix = Fix::DeletedMessage { key: key.to_vec() };
            drop(value);
            pass.found(problem.record(Space::Mailbox, &key), fix)
        })
    }

    pub(super) fn receive(&mut self) -> Result<()> {
        self.each(Kind::Receive, |pass, pair| {
            let class = pair.0.get(9..).unwrap_or_default().to_vec();
            let row = super::kinds::find(Kind::Receive as u8);
            let read = row.map_or(Ok(()), |row| row.check(&pair.0, &pair.1));
            let folder = match (&pair.1, read) {
                (Ok(value), Ok(())) => receive::from_bytes(value).map(|entry| entry.folder),
                (_, Err(error)) => Err(error),
                (Err(error), _) => Err(error.clone().into()),
            };
            let detail = match folder {
                Ok(folder) => match pass.folder_mut(folder) {
                    Some(known)
                        if known
                            .record
                            .as_ref()
                            .is_none_or(|r| r.state != FolderState::Detached) =>
                    {
                        return Ok(());
                    }
                    _ => format!("folder {folder} does not exist"),
                },
                Err(error) => error.to_string(),
            };
            let detail = format!("class {:?}: {detail}", String::from_utf8_lossy(&class));
            let problem = pass.problem(What::Receive, detail).record(Space::Mailbox, &pair.0);
            pass.found(problem, Fix::Receive { class })
        })
    }

    /// Entries follow each other by one, from behind the last that was trimmed to the head's sequence.
    pub(super) fn log(&mut self) -> Result<()> {
        // A new mailbox begins with 1, of which there is no entry.
        let mut last = self.head.trimmed.max(1);
        self.each(Kind::Log, |pass, (key, value)| {
            let Some(sequence) = key.last_chunk::<8>().map(|s| u64::from_be_bytes(*s)) else {
                return Ok(());
            };
            if !pass.sequence_in_use(sequence) {
                let problem = pass.problem(What::Log, format!("{sequence} is far beyond the last"));
                let fix = Fix::Remove { space: Space::Mailbox, key: key.to_vec(), was: value.ok() };
                return pass.found(problem.record(Space::Mailbox, &key), fix);
            }
            if sequence <= last {
                let problem = pass.problem(What::Log, format!("{sequence} was trimmed"));
                let fix = Fix::Log { up_to: sequence };
                return pass.found(problem.record(Space::Mailbox, &key), fix);
            }
            if sequence != last + 1 && pass.head.sequence != u64::MAX {
                let detail = format!("nothing stands between {last} and {sequence}");
                pass.found(pass.problem(What::Log, detail), Fix::Log { up_to: sequence - 1 })?;
            }
            last = sequence;
            let entry = match value {
                Ok(value) => change::read(sequence, &value).map_err(|error| error.to_string()),
                Err(error) => Err(reason(&error)),
            };
            match entry {
                Ok(entry) => {
                    pass.change_in_use(entry.change);
                    pass.change_in_use(entry.read_change);
                    Ok(())
                }
                Err(detail) => {
                    let problem = pass.problem(What::Log, detail).record(Space::Mailbox, &key);
                    pass.found(problem, Fix::Log { up_to: sequence })
                }
            }
        })?;
        let head = self.head.sequence;
        if last < head && head != u64::MAX {
            let detail = format!("the last entry is {last}, the last sequence {head}");
            self.found(self.problem(What::Log, detail), Fix::Log { up_to: head })?;
        }
        Ok(())
    }

    /// Ranges of each folder ascend and do not touch.
    pub(super) fn deleted(&mut self) -> Result<()> {
        // The folder and the last number of the range before.
        let mut before: Option<(FolderId, u64)> = None;
        self.each(Kind::Deleted, |pass, (key, value)| {
            let folder = key.get(9..17).and_then(keys::tail_id);
            let (Some((replica, counter)), Some((range_replica, first))) =
                (folder, keys::tail_id(&key))
            else {
                return Ok(());
            };
            let folder = FolderId::new(replica, counter);
            let last = match &value {
                Ok(value) => match <[u8; 8]>::try_from(&value[..]).map(u64::from_be_bytes) {
                    Ok(last) if last < first.get() => Err("it ends before it begins".into()),
                    Ok(last) if last > mapi::GlobalCounter::MAX => Err("it has no end".into()),
                    Ok(last) => Ok(last),
                    Err(_) => Err("it is no number".to_owned()),
                },
                Err(error) => Err(reason(error)),
            };
            let detail = match (pass.folder_mut(folder).is_some(), last, before) {
                (false, ..) => "there is no such folder".to_owned(),
                (_, Err(detail), _) => detail,
                (_, Ok(last), at) => {
                    let from = keys::id_number(range_replica, first);
                    let to = keys::id_number(range_replica, mapi::GlobalCounter::new(last));
                    before = Some((folder, to));
                    let plausible = pass.number_in_use(range_replica, last);
                    match at {
                        Some((same, end)) if same == folder && from <= end.saturating_add(1) => {
                            before = Some((folder, to.max(end)));
                            "it overlaps or touches the one before".to_owned()
                        }
                        _ if !plausible => "it reaches beyond the last number".to_owned(),
                        _ => return Ok(()),
                    }
                }
            };
            let problem = pass.problem(What::Deleted, detail).folder(folder);
            pass.found(problem.record(Space::Mailbox, &key), Fix::Deleted { id: folder })
        })
    }

    /// Entries are as many as the messages that they should lead to, or each is looked at.
    pub(super) fn source_key_index(&mut self) -> Result<()> {
        let mut entries = 0;
        let range = KeyRange::prefix(self.key(Kind::SourceKey, &[]));
        each_key(self.reader, Space::Mailbox, range, |_| {
            entries += 1;
            Ok(())
        })?;
        if entries == self.source_keys {
            return Ok(());
        }
        self.each(Kind::SourceKey, |pass, (key, value)| {
            let detail = match &value {
                Ok(value) => match value.split_first() {
                    Some((b'm', id)) if id.len() == 8 => match keys::tail_id(id) {
                        Some((replica, counter))
                            if pass.has_source_key(MessageId::new(replica, counter), &key)? =>
                        {
                            return Ok(());
                        }
                        _ => "its message has another source key, or none".to_owned(),
                    },
                    _ => "it is no message id".to_owned(),
                },
                Err(error) => reason(error),
            };
            let problem = pass.problem(What::SourceKey, detail).record(Space::Mailbox, &key);
            pass.found(problem, Fix::SourceKey { key: key.to_vec() })
        })
    }

    fn has_source_key(&self, id: MessageId, key: &[u8]) -> Result<bool> {
        let body = match read_body(self.reader, self.number, id)? {
            Some(Ok(body)) => body,
            // A damaged message is looked at for itself.
            Some(Err(())) => return Ok(true),
            None => return Ok(false),
        };
        let own = body.properties.inline(tags::SOURCE_KEY).and_then(PropertyValue::as_binary);
        Ok(own.is_some_and(|own| key.ends_with(&keys::short_hash(own))))
    }

    /// An import key outlives its message, but leads to a number that was given out.
    pub(super) fn import_keys(&mut self) -> Result<()> {
        self.each(Kind::ImportKey, |pass, pair| {
            let (key, value) = &pair;
            let entry = value.as_ref().map_err(reason).and_then(|value| {
                let id = value.get(..8).and_then(keys::tail_id).filter(|_| value.len() == 12);
                let uid = value.last_chunk::<4>().map(|uid| u32::from_be_bytes(*uid));
                id.zip(uid).ok_or_else(|| "it is no message id and UID".to_owned())
            });
            let detail = match entry {
                Err(detail) => detail,
                Ok(((replica, counter), uid)) => {
                    let hot = keys::hot(pass.number, MessageId::new(replica, counter));
                    let hot = read_as(pass.reader.get(Space::Mailbox, &hot), Hot::read)?;
                    if !pass.number_in_use(replica, counter.get()) {
                        "its number was never given out".to_owned()
                    } else if hot.is_ok_and(|hot| hot.uid != uid) {
                        "its message has another UID".to_owned()
                    } else {
                        return Ok(());
                    }
                }
            };
            let problem = pass.problem(What::ImportKey, detail).record(Space::Mailbox, key);
            let fix = Fix::Remove {
                space: Space::Mailbox,
                key: key.to_vec(),
                was: value.as_ref().ok().cloned(),
            };
            pass.found(problem, fix)
        })
    }

    /// Markers are as many as the values that need one, or each is looked at.
    pub(super) fn markers(&mut self) -> Result<()> {
        let prefix = [&keys::mailbox_prefix(self.number)[..], &[blob::MARKER]].concat();
        let mut markers = 0;
        each_key(self.reader, Space::Mailbox, KeyRange::prefix(prefix.clone()), |_| {
            markers += 1;
            Ok(())
        })?;
        self.report.records += markers;
        if markers == self.markers {
            return Ok(());
        }
        let mut stray = Vec::new();
        each_key(self.reader, Space::Mailbox, KeyRange::prefix(prefix), |key| {
            if !is_referred_to(self.reader, self.number, &key)? {
                stray.push(key);
            }
            Ok(())
        })?;
        for key in stray {
            if !self.has_form(&key, &Ok(Default::default()))? {
                continue;
            }
            let problem = self.problem(What::StrayMarker, "").record(Space::Mailbox, &key);
            self.found(problem, Fix::Marker { key: key.to_vec() })?;
        }
        Ok(())
    }
}

/// Whether what a marker names as its owner refers to the blob. A damaged owner may, so it does.
pub(super) fn is_referred_to(
    reader: &dyn crate::engine::Reader,
    mailbox: crate::MailboxNumber,
    key: &[u8],
) -> Result<bool> {
    let Some((root, owner)) = blob::check::parse_marker(key) else { return Ok(false) };
    let references = match (owner.split_first(), keys::tail_id(owner)) {
        (Some((b'm', id)), Some((replica, counter))) if id.len() == 8 => {
            match read_body(reader, mailbox, MessageId::new(replica, counter))? {
                Some(Ok(body)) => large::references(node::values(&body)),
                Some(Err(())) => return Ok(true),
                None => return Ok(false),
            }
        }
        (Some((b'f', id)), Some(_)) if id.len() == 8 => {
            let range = KeyRange::prefix(keys::key(mailbox, Kind::FolderProperties, &[id]));
            match read_parts(&collect(reader, Space::Mailbox, range)?) {
                Ok(read) => large::of_properties(&read),
                Err(_) => return Ok(true),
            }
        }
        (Some((b'q', number)), _) if number.len() == 8 => {
            let number = number.first_chunk().map_or(0, |number| u64::from_be_bytes(*number));
            let key = jobs::outbound_job(mailbox, number);
            match reader.get(Space::Queue, &key).map(|value| value.map(|v| Letter::read(&v))) {
                Ok(Some(Ok(letter))) => [(letter.message.to_bytes(), letter.message)].into(),
                Ok(None) => return Ok(false),
                Ok(Some(Err(_))) | Err(Error::Corrupt { .. }) => return Ok(true),
                Err(error) => return Err(error.into()),
            }
        }
        (Some((b's', [])), _) => {
            let range = KeyRange::prefix(keys::key(mailbox, Kind::StoreProperties, &[]));
            match read_parts(&collect(reader, Space::Mailbox, range)?) {
                Ok(read) => large::of_properties(&read),
                Err(_) => return Ok(true),
            }
        }
        _ => return Ok(false),
    };
    Ok(references.values().any(|blob| blob::check::marked(blob) == root))
}

/// A message's properties; an empty error where they are damaged, None where there are none.
fn read_body(
    reader: &dyn crate::engine::Reader,
    mailbox: crate::MailboxNumber,
    id: MessageId,
) -> Result<Option<std::result::Result<MessageBody, ()>>> {
    let nodes = collect(reader, Space::Mailbox, KeyRange::prefix(node::prefix(mailbox, id)))?;
    Ok(match nodes.is_empty() {
        true => None,
        false => Some(gather(&nodes, |_| None).whole().map_err(drop)),
    })
}
