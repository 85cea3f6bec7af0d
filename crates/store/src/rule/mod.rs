//! Rules of folders ([MS-OXORULE]): what is done with a message when it is delivered.
//!
//! Standard rules stand in records of their folder, extended ones are associated messages of the class
//! `IPM.ExtendedRule.Message`. [`run`] makes of a message in the door what the rules want; everything that it
//! decides is written with the message, in one batch.

mod answer;
mod deferred;
mod extended;
mod forward;
mod junk;
mod post;
pub(crate) mod record;
mod run;

use mapi::server_id::ServerId;
use mapi::{FolderId, MessageId, PropertyValue, Wire, tags};

pub(crate) use self::deferred::complete;
pub use self::extended::{EXTENDED_CLASS, SIZE_LIMIT as EXTENDED_SIZE_LIMIT};
pub(crate) use self::post::look;
pub use self::record::{
    ENABLED, ERROR, EXIT_LEVEL, KEEP_OOF_HISTORY, ONLY_WHEN_OOF, PARSE_ERROR, Rule,
    SKIP_IF_SCL_IS_SAFE, type_of,
};
pub(crate) use self::run::run;
use crate::engine::{Direction, KeyRange, Reader, Space};
use crate::keys::{self, Kind};
use crate::mailbox::changes::{Change as Entry, ChangeKind};
use crate::mailbox::writer::{self, Tx};
use crate::message::{self, SaveOptions};
use crate::value::Properties;
use crate::{Mailbox, Result, SpecialFolder, StoreError, folder};

/// Bytes of the rules of a folder that are run ([MS-OXORULE] 3.2.5.2, note 20).
pub const MAX_BYTES: usize = 256 << 10;
/// Rules and bytes that are kept at most; beyond it nothing is saved.
const MAX_RULES: usize = 2_000;
const MAX_KEPT: usize = 1 << 20;
/// Bytes of one rule: a record has a bound in the engine.
const MAX_RULE: usize = 64 << 10;

/// A change of a folder's rules ([MS-OXORULE] 2.2.1.3).
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    Add(Properties),
    /// The properties that are given take the place of those that were.
    Modify(u64, Properties),
    Remove(u64),
}

/// Whether all rules of a folder are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    Within,
    /// Everything was saved, but the last rules are not run: together they are too large.
    Beyond,
}

/// The rules of a folder in the order in which they are run.
///
/// Errors: [`StoreError::NotFound`].
pub fn list(mailbox: &Mailbox, id: FolderId) -> Result<Vec<Rule>> {
    folder::readable(mailbox, mailbox.reader(), id)?;
    read(mailbox, mailbox.reader(), id)
}

/// Whether a folder has rules (PidTagHasRules).
pub fn has_any(mailbox: &Mailbox, id: FolderId) -> Result<bool> {
    has_any_in(mailbox, mailbox.reader(), id)
}

pub(crate) fn has_any_in(mailbox: &Mailbox, reader: &dyn Reader, id: FolderId) -> Result<bool> {
    let range = KeyRange::prefix(prefix(mailbox, id));
    Ok(!reader.keys(Space::Mailbox, &range, Direction::Forward, 1)?.is_empty())
}

/// Changes the rules of a folder, all or nothing. With `replace` those that there were go first.
///
/// Errors: [`StoreError::NotFound`] without the folder, or the rule to be changed; [`StoreError::Invalid`] for
/// what makes no sense; [`StoreError::Quota`] for so many rules that nothing is saved.
pub fn modify(mailbox: &Mailbox, id: FolderId, replace: bool, changes: &[Change]) -> Result<Saved> {
    for change in changes {
        match change {
            Change::Add(properties) => record::accept(properties, true)?,
            Change::Modify(_, properties) => record::accept(properties, false)?,
            Change::Remove(_) => {}
        }
    }
    if mailbox.is_public() {
        changes.iter().try_for_each(post::accept)?;
    }
    writer::write(mailbox, |tx| {
        tx.folder(id)?;
        let before = read(tx.mailbox, tx.reader(), id)?;
        let mut rules = if replace { Vec::new() } else { before.clone() };
        for change in changes {
            apply(tx, &mut rules, change)?;
        }
        let sizes: Vec<usize> = rules.iter().map(|rule| rule.to_bytes().len()).collect();
        let total: usize = sizes.iter().sum();
        if rules.len() > MAX_RULES || total > MAX_KEPT || sizes.iter().any(|size| *size > MAX_RULE)
        {
            return Err(StoreError::Quota("rules of a folder"));
        }
        put(tx, id, &before, &rules)?;
        Ok(if total > MAX_BYTES { Saved::Beyond } else { Saved::Within })
    })
}

fn apply(tx: &mut Tx<'_>, rules: &mut Vec<Rule>, change: &Change) -> Result<()> {
    let find = |rules: &[Rule], id: u64| {
        rules.iter().position(|rule| rule.id == id).ok_or(StoreError::NotFound("rule"))
    };
    match change {
        Change::Add(given) => {
            let mut properties = given.clone();
            properties.remove(tags::RULE_ID);
            let mut rule = Rule { id: tx.take_numbers(1)?, properties };
            let state = rule.state() & !record::OF_SERVER;
            rule.properties.set(tags::RULE_STATE, state as i32);
            rules.push(rule);
        }
        Change::Modify(id, given) => {
            let at = find(rules, *id)?;
            for (tag, value) in given.iter().filter(|(tag, _)| *tag != tags::RULE_ID.id()) {
                rules[at].properties.set_id(tag, value.clone());
            }
            // Whatever was wrong with it may be right now.
            let state = rules[at].state() & !record::OF_SERVER;
            rules[at].properties.set(tags::RULE_STATE, state as i32);
        }
        Change::Remove(id) => {
            let at = find(rules, *id)?;
            rules.remove(at);
        }
    }
    Ok(())
}

/// Writes what changed, and what follows from it.
fn put(tx: &mut Tx<'_>, id: FolderId, before: &[Rule], rules: &[Rule]) -> Result<()> {
    let had = |rule: &Rule| before.iter().find(|had| had.id == rule.id);
    let changed: Vec<&Rule> = rules.iter().filter(|rule| had(rule) != Some(*rule)).collect();
    let gone: Vec<&Rule> =
        before.iter().filter(|had| !rules.iter().any(|rule| rule.id == had.id)).collect();
    if changed.is_empty() && gone.is_empty() {
        return Ok(());
    }
    for rule in changed {
        tx.put(key(tx.mailbox, id, rule.id), rule.to_bytes());
    }
    for rule in gone {
        tx.delete(key(tx.mailbox, id, rule.id));
        for key in answered(tx.mailbox, tx.reader(), id, Some(rule.id))? {
            tx.delete(key);
        }
    }
    let change = tx.next_change()?;
    let now = tx.now;
    let record = tx.folder(id)?;
    record.change = change;
    record.modified = now;
    // PidTagHasRules may be another one.
    tx.log(Entry::of_folder(ChangeKind::FolderModified, id, change))?;
    Ok(())
}

/// RopUpdateDeferredActionMessages ([MS-OXORULE] 3.2.5.4): deferred action messages with one id get another.
/// Returns how many there were.
pub fn patch_deferred(mailbox: &Mailbox, server: &[u8], client: &[u8]) -> Result<usize> {
    let folder = SpecialFolder::DeferredAction.id();
    let prefix = mailbox.key(Kind::Summary, &[&keys::fid(folder), &[0]]);
    let range = KeyRange::prefix(prefix);
    let found = mailbox.reader().keys(Space::Mailbox, &range, Direction::Forward, usize::MAX)?;
    let mut patched = 0;
    for key in found {
        let Some((replica, counter)) = keys::tail_id(&key) else { continue };
        let mut message = match message::open(mailbox, MessageId::new(replica, counter)) {
            Ok(message) => message,
            Err(StoreError::NotFound(_)) => continue,
            Err(error) => return Err(error),
        };
        let properties = &mut message.body.properties;
        let id = properties.inline(tags::DEFERRED_ACTION_MESSAGE_ORIGINAL_ENTRY_ID);
        if !matches!(id, Some(PropertyValue::ServerId(bytes)) if bytes == server) {
            continue;
        }
        properties.set(
            tags::DEFERRED_ACTION_MESSAGE_ORIGINAL_ENTRY_ID,
            PropertyValue::ServerId(client.to_vec()),
        );
        properties.set(tags::DAM_BACK_PATCHED, true);
        message::save(mailbox, &mut message, SaveOptions { force: true })?;
        patched += 1;
    }
    Ok(patched)
}

/// Something that a run of rules leaves behind beside messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Note {
    /// A rule could not be run: bits of its state. The message is that of an extended rule.
    Failed { folder: FolderId, rule: u64, extended: Option<MessageId>, bits: u32 },
    /// A sender got an answer, and gets none again as long as the mailbox is out of office.
    Answered { folder: FolderId, rule: u64, sender: [u8; 16] },
}

/// Writes a note with the batch of its message.
pub(crate) fn note(tx: &mut Tx<'_>, note: &Note) -> Result<()> {
    match note {
        Note::Answered { folder, rule, sender } => {
            let now = tx.now;
            tx.put(answered_key(tx.mailbox, *folder, *rule, sender), answered_value(now));
        }
        Note::Failed { folder, rule, extended: None, bits } => {
            let key = key(tx.mailbox, *folder, *rule);
            // It may be gone by now.
            if let Some(bytes) = tx.get(&key)? {
                let mut rule = Rule::read(*rule, &bytes)?;
                rule.add_state(*bits);
                tx.put(key, rule.to_bytes());
            }
        }
        Note::Failed { extended: Some(id), bits, .. } => extended::add_state(tx, *id, *bits)?,
    }
    Ok(())
}

/// Forgets who got an answer: the mailbox is out of office from now on, or is no more (R585).
pub(crate) fn forget_answers(mailbox: &Mailbox) -> Result<()> {
    loop {
        let range = KeyRange::prefix(mailbox.key(Kind::Answered, &[]));
        let found = mailbox.reader().keys(Space::Mailbox, &range, Direction::Forward, 1_024)?;
        if found.is_empty() {
            return Ok(());
        }
        writer::reclaim(mailbox, |tx| {
            found.iter().for_each(|key| tx.delete(key.to_vec()));
            Ok(())
        })?;
    }
}

/// Removes all that belongs to the rules of a folder with it.
pub(crate) fn remove_all(tx: &mut Tx<'_>, id: FolderId) -> Result<()> {
    let range = KeyRange::prefix(prefix(tx.mailbox, id));
    let mut gone: Vec<Vec<u8>> = tx
        .reader()
        .keys(Space::Mailbox, &range, Direction::Forward, usize::MAX)?
        .iter()
        .map(|key| key.to_vec())
        .collect();
    gone.extend(answered(tx.mailbox, tx.reader(), id, None)?);
    gone.into_iter().for_each(|key| tx.delete(key));
    Ok(())
}

/// The rules of a folder by their sequence, then by their age (R514).
pub(crate) fn read(mailbox: &Mailbox, reader: &dyn Reader, id: FolderId) -> Result<Vec<Rule>> {
    let range = KeyRange::prefix(prefix(mailbox, id));
    let found = reader.scan(Space::Mailbox, &range, Direction::Forward, usize::MAX)?;
    let mut rules = Vec::with_capacity(found.len());
    for (key, value) in &found {
        let id = key.last_chunk::<8>().map(|id| u64::from_be_bytes(*id)).unwrap_or_default();
        rules.push(Rule::read(id, value)?);
    }
    rules.sort_by_key(|rule| (rule.sequence(), rule.id));
    Ok(rules)
}

fn prefix(mailbox: &Mailbox, id: FolderId) -> Vec<u8> {
    mailbox.key(Kind::Rule, &[&keys::fid(id)])
}

fn key(mailbox: &Mailbox, folder: FolderId, rule: u64) -> Vec<u8> {
    mailbox.key(Kind::Rule, &[&keys::fid(folder), &rule.to_be_bytes()])
}

fn answered_key(mailbox: &Mailbox, folder: FolderId, rule: u64, sender: &[u8; 16]) -> Vec<u8> {
    mailbox.key(Kind::Answered, &[&keys::fid(folder), &rule.to_be_bytes(), sender])
}

const ANSWERED_VERSION: u8 = 1;

fn answered_value(now: mapi::FileTime) -> Vec<u8> {
    let mut w = vec![ANSWERED_VERSION];
    now.write(&mut w);
    w
}

/// Errors: why it is no value of such an entry.
pub(crate) fn check_answered(value: &[u8]) -> Result<()> {
    let mut r = mapi::Reader::new(value);
    crate::record::version(&mut r, ANSWERED_VERSION)?;
    mapi::FileTime::read(&mut r)?;
    Ok(r.finish("nothing behind the time")?)
}

/// Keys of the senders who got an answer by a rule of a folder, or by any of its rules.
fn answered(
    mailbox: &Mailbox,
    reader: &dyn Reader,
    folder: FolderId,
    rule: Option<u64>,
) -> Result<Vec<Vec<u8>>> {
    let mut prefix = mailbox.key(Kind::Answered, &[&keys::fid(folder)]);
    if let Some(rule) = rule {
        prefix.extend_from_slice(&rule.to_be_bytes());
    }
    let range = KeyRange::prefix(prefix);
    let found = reader.keys(Space::Mailbox, &range, Direction::Forward, usize::MAX)?;
    Ok(found.iter().map(|key| key.to_vec()).collect())
}

/// The id of a message as a property of it says it.
fn server_id(folder: FolderId, message: MessageId) -> PropertyValue {
    PropertyValue::ServerId(ServerId::Own { folder, message, instance: 0 }.to_wire())
}
