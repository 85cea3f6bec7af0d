//! The marks of Internet mail: the flags and keywords of IMAP. They are the facts that MAPI programs show as read,
//! replied, forwarded, flagged, draft and categories, and nothing is kept twice.

use mapi::generated::named::PS_PUBLIC_STRINGS;
use mapi::{FolderId, MessageId, PropertyName, PropertyTag, PropertyType, PropertyValue, tags};

use super::delete::is_queued;
use super::open::{Nodes, read_hot};
use super::read::commit;
use super::save::{count, put_hot_and_summary, put_nodes};
use super::{MessageBody, flags, outline};
use crate::mailbox::changes::{Change, ChangeKind};
use crate::mailbox::writer::{self, Tx};
use crate::mailbox::{names, read_state};
use crate::value::Properties;
use crate::{Mailbox, Result, Store, StoreError, large};

/// Messages that change in one batch.
const BATCH: usize = 64;
/// Bytes of categories that are read, which other programs may have set.
const MAX_READ: u64 = 1 << 20;
/// Categories of one message at most, and the bytes of one.
pub const MAX_CATEGORIES: usize = 64;
pub const MAX_CATEGORY: usize = 255;

/// Marked for deletion and still there: a bit of PidTagMessageStatus (MSGSTATUS_DELMARKED).
pub const DELETE_MARKED: u32 = 0x0008;
/// Replied to, though it was forwarded since: MSGSTATUS_ANSWERED. There is one icon for both.
const ANSWERED_TOO: u32 = 0x0200;
/// Forwarded, though it was replied to since; one of the bits that are a mail program's own.
const FORWARDED_TOO: u32 = 0x0001_0000;

/// Both bits: of a message that was replied to and forwarded.
pub const ANSWERED_AND_FORWARDED: u32 = ANSWERED_TOO | FORWARDED_TOO;

/// Icons of replied and forwarded mail ([MS-OXOMSG] 2.2.1.10), and of mail that was read.
const ICON_REPLIED: i32 = 0x105;
const ICON_FORWARDED: i32 = 0x106;
const ICON_READ: i32 = 0x100;
/// PidTagLastVerbExecuted ([MS-OXOMSG] 2.2.1.15).
const VERB_REPLY: i32 = 102;
const VERB_FORWARD: i32 = 104;
/// followupFlagged ([MS-OXOFLAG] 2.2.1.1), and the red of PidTagFollowupIcon (2.2.1.2).
const FLAGGED: i32 = 2;
const RED: i32 = 6;

/// The marks of a message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Marks {
    pub read: bool,
    pub answered: bool,
    pub forwarded: bool,
    pub flagged: bool,
    pub draft: bool,
    /// It goes when the folder is expunged.
    pub deleted: bool,
    /// PidNameKeywords, as the user wrote them; compared without regard to ASCII case.
    pub categories: Vec<String>,
}

/// How marks change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MarkEdit {
    Add(Marks),
    Remove(Marks),
    /// Those and no others.
    Set(Marks),
}

/// What became of a message that was to be marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marked {
    Changed,
    /// It had those marks already.
    Same,
    /// It changed after the sequence that was named, and was left as it is.
    Newer,
    /// It waits to be sent, and was left as it is.
    Submitted,
    /// There is no such message in the folder.
    Gone,
}

/// Changes the marks of messages of a folder; the result for each in their order. With `unchanged_since`, one whose
/// sequence is greater stays as it is (RFC 7162 3.1.3).
///
/// Errors: [`StoreError::TooBig`] for too many or too long categories.
pub fn edit_marks(
    mailbox: &Mailbox,
    folder: FolderId,
    ids: &[MessageId],
    edit: &MarkEdit,
    unchanged_since: Option<u64>,
) -> Result<Vec<Marked>> {
    let given = match edit {
        MarkEdit::Add(marks) | MarkEdit::Remove(marks) | MarkEdit::Set(marks) => marks,
    };
    check(&given.categories)?;
    let create = !given.categories.is_empty() && !matches!(edit, MarkEdit::Remove(_));
    let categories = categories_id(mailbox, create)?;
    let mut results = Vec::with_capacity(ids.len());
    for batch in ids.chunks(BATCH) {
        results.extend(writer::write(mailbox, |tx| {
            let mut seen = std::collections::HashSet::new();
            batch
                .iter()
                .map(|id| match seen.insert(*id) {
                    true => edit_one(tx, folder, *id, edit, unchanged_since, categories),
                    // The second time it would read the state before the batch.
                    false => Ok(Marked::Same),
                })
                .collect::<Result<Vec<_>>>()
        })?);
    }
    Ok(results)
}

/// The categories of a message; none if there is no such message.
pub fn categories(mailbox: &Mailbox, id: MessageId) -> Result<Vec<String>> {
    let Some(tag) = categories_id(mailbox, false)? else { return Ok(Vec::new()) };
    let nodes = Nodes::read(mailbox, mailbox.reader(), id)?;
    match nodes.records.is_empty() {
        true => Ok(Vec::new()),
        false => read_categories(mailbox.store(), &nodes.body()?.properties, Some(tag)),
    }
}

/// The property of categories, by a name that programs share.
pub fn categories_name() -> PropertyName {
    PropertyName::string(PS_PUBLIC_STRINGS, "Keywords")
}

impl Marks {
    pub(crate) fn of(
        flags: u32,
        status: u32,
        icon: Option<i32>,
        flag_status: Option<i32>,
    ) -> Marks {
        let (replied, forwarded) = (icon == Some(ICON_REPLIED), icon == Some(ICON_FORWARDED));
        Marks {
            read: flags & self::flags::READ != 0,
            answered: replied || forwarded && status & ANSWERED_TOO != 0,
            forwarded: forwarded || replied && status & FORWARDED_TOO != 0,
            flagged: flag_status == Some(FLAGGED),
            draft: flags & self::flags::UNSENT != 0,
            deleted: status & DELETE_MARKED != 0,
            categories: Vec::new(),
        }
    }

    fn edited(&self, edit: &MarkEdit) -> Marks {
        let all = |add: bool, given: &Marks| {
            let one = |has: bool, given: bool| if given { add } else { has };
            Marks {
                read: one(self.read, given.read),
                answered: one(self.answered, given.answered),
                forwarded: one(self.forwarded, given.forwarded),
                flagged: one(self.flagged, given.flagged),
                draft: one(self.draft, given.draft),
                deleted: one(self.deleted, given.deleted),
                categories: self.categories.clone(),
            }
        };
        let named = |list: &[String], name: &str| list.iter().any(|n| n.eq_ignore_ascii_case(name));
        match edit {
            MarkEdit::Add(given) => {
                let mut marks = all(true, given);
                for name in &given.categories {
                    if !named(&marks.categories, name) {
                        marks.categories.push(name.clone());
                    }
                }
                marks
            }
            MarkEdit::Remove(given) => {
                let mut marks = all(false, given);
                marks.categories.retain(|name| !named(&given.categories, name));
                marks
            }
            MarkEdit::Set(given) => {
                // A category that stays keeps its place and the way it was written.
                let mut marks = Marks { categories: self.categories.clone(), ..given.clone() };
                marks.categories.retain(|name| named(&given.categories, name));
                for name in &given.categories {
                    if !named(&marks.categories, name) {
                        marks.categories.push(name.clone());
                    }
                }
                marks
            }
        }
    }
}

fn edit_one(
    tx: &mut Tx<'_>,
    folder: FolderId,
    id: MessageId,
    edit: &MarkEdit,
    unchanged_since: Option<u64>,
    categories: Option<PropertyTag>,
) -> Result<Marked> {
    let hot = read_hot(tx.mailbox, tx.reader(), id)?;
    let Some(mut hot) = hot.filter(|hot| hot.folder == folder && !hot.contents.is_deleted()) else {
        return Ok(Marked::Gone);
    };
    if unchanged_since.is_some_and(|since| hot.sequence > since) {
        return Ok(Marked::Newer);
    }
    let nodes = Nodes::read(tx.mailbox, tx.reader(), id)?;
    let mut body = nodes.body()?;
    let int = |tag| body.properties.inline(tag).and_then(PropertyValue::as_i32);
    let read = read_state::is_read(&hot);
    let all = hot.flags & !flags::READ | if read { flags::READ } else { 0 };
    let mut marks = Marks::of(all, hot.status, int(tags::ICON_INDEX), int(tags::FLAG_STATUS));
    marks.categories = read_categories(tx.mailbox.store(), &body.properties, categories)?;
    let wanted = marks.edited(edit);
    if wanted == marks {
        return Ok(Marked::Same);
    }
    if is_queued(tx, id, &hot)? {
        return Ok(Marked::Submitted);
    }
    check(&wanted.categories)?;
    let (before, old) = (body.clone(), hot);
    read_state::set(&mut hot, wanted.read);
    hot.flags = hot.flags & !flags::UNSENT | if wanted.draft { flags::UNSENT } else { 0 };
    hot.status = status(hot.status, &wanted);
    set_properties(&mut body.properties, &marks, &wanted, categories);
    if body.properties != before.properties {
        write_body(tx, id, &nodes, &before, &mut body, &old, hot)?;
        return Ok(Marked::Changed);
    }
    let record = tx.folder(folder)?;
    count(record, &old, false);
    count(record, &hot, true);
    // Who has it open can still save it where only the read state moved.
    let without_read = |hot: &crate::record::hot::Hot| (hot.flags & !flags::EVER_READ, hot.status);
    let kind = match without_read(&old) == without_read(&hot) {
        true => {
            hot.read_change = tx.next_change()?;
            ChangeKind::MessageRead
        }
        false => {
            hot.change = tx.next_change()?;
            if read != wanted.read {
                hot.read_change = hot.change;
            }
            ChangeKind::MessageFlags
        }
    };
    commit(tx, id, &mut hot, kind)?;
    Ok(Marked::Changed)
}

/// Writes a message whose properties changed; recipients, attachments and the received MIME stay.
fn write_body(
    tx: &mut Tx<'_>,
    id: MessageId,
    nodes: &Nodes,
    before: &MessageBody,
    body: &mut MessageBody,
    old: &crate::record::hot::Hot,
    mut hot: crate::record::hot::Hot,
) -> Result<()> {
    body.properties.set(tags::LAST_MODIFICATION_TIME, tx.now);
    large::mark_message(tx, id, before, body)?;
    put_nodes(tx, id, nodes, body)?;
    outline::put(tx, id, true, body);
    hot.size = body.size();
    hot.change = tx.next_change()?;
    if read_state::is_read(old) != read_state::is_read(&hot) {
        hot.read_change = hot.change;
    }
    hot.sequence = tx.next_sequence();
    hot.committed = tx.now;
    let record = tx.folder(hot.folder)?;
    count(record, old, false);
    count(record, &hot, true);
    put_hot_and_summary(tx, id, &hot, body);
    tx.log(Change::of_message(ChangeKind::MessageModified, id, &hot))?;
    Ok(())
}

fn status(status: u32, wanted: &Marks) -> u32 {
    let mut status = status & !(DELETE_MARKED | ANSWERED_TOO | FORWARDED_TOO);
    if wanted.deleted {
        status |= DELETE_MARKED;
    }
    if wanted.answered && wanted.forwarded {
        status |= ANSWERED_TOO | FORWARDED_TOO;
    }
    status
}

/// The properties of marks that change, as a mail program for MAPI sets them.
fn set_properties(
    properties: &mut Properties,
    marks: &Marks,
    wanted: &Marks,
    categories: Option<PropertyTag>,
) {
    if (marks.answered, marks.forwarded) != (wanted.answered, wanted.forwarded) {
        // Of both, the one that came last shows.
        let replied = wanted.answered && (!wanted.forwarded || !marks.answered);
        let shown = match (replied, wanted.forwarded) {
            (true, _) => Some((ICON_REPLIED, VERB_REPLY)),
            (false, true) => Some((ICON_FORWARDED, VERB_FORWARD)),
            (false, false) => None,
        };
        match shown {
            Some((icon, verb)) => {
                properties.set(tags::ICON_INDEX, icon);
                properties.set(tags::LAST_VERB_EXECUTED, verb);
            }
            None => {
                properties.set(tags::ICON_INDEX, ICON_READ);
                properties.remove(tags::LAST_VERB_EXECUTED);
                properties.remove(tags::LAST_VERB_EXECUTION_TIME);
            }
        }
    }
    if marks.flagged != wanted.flagged {
        match wanted.flagged {
            true => {
                properties.set(tags::FLAG_STATUS, FLAGGED);
                properties.set(tags::FOLLOWUP_ICON, RED);
            }
            false => {
                properties.remove(tags::FLAG_STATUS);
                properties.remove(tags::FOLLOWUP_ICON);
            }
        }
    }
    if marks.categories != wanted.categories
        && let Some(tag) = categories
    {
        match wanted.categories.is_empty() {
            true => drop(properties.remove(tag)),
            false => {
                let names = wanted.categories.iter().map(|name| name.as_str().into()).collect();
                properties.set(tag, PropertyValue::MultipleString(names));
            }
        }
    }
}

fn check(categories: &[String]) -> Result<()> {
    if categories.len() > MAX_CATEGORIES {
        return Err(StoreError::TooBig {
            what: "number of categories",
            size: categories.len() as u64,
            limit: MAX_CATEGORIES as u64,
        });
    }
    match categories.iter().map(String::len).find(|length| *length > MAX_CATEGORY) {
        Some(length) => Err(StoreError::TooBig {
            what: "name of a category",
            size: length as u64,
            limit: MAX_CATEGORY as u64,
        }),
        None => Ok(()),
    }
}

fn categories_id(mailbox: &Mailbox, create: bool) -> Result<Option<PropertyTag>> {
    let ids = names::ids_of(mailbox, &[categories_name()], create)?;
    let id = ids.into_iter().next().flatten();
    Ok(id.map(|id| PropertyTag::from_parts(id, PropertyType::MULTIPLE_STRING)))
}

fn read_categories(
    store: &Store,
    properties: &Properties,
    tag: Option<PropertyTag>,
) -> Result<Vec<String>> {
    let Some(value) = tag.and_then(|tag| properties.get(tag)) else { return Ok(Vec::new()) };
    // Long lists are large values.
    Ok(match large::load(store, value, MAX_READ)? {
        PropertyValue::MultipleString(names) => {
            names.iter().map(|name| name.to_string_lossy().into_owned()).collect()
        }
        _ => Vec::new(),
    })
}
