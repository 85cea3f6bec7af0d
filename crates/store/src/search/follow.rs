//! The links of the messages that a batch changes, in that batch.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use mapi::{ChangeNumber, FolderId, MessageId};

use super::known::Search;
use super::{put, restart};
use crate::engine::{Overlay, Reader, Space, Value};
use crate::folder::FolderKind;
use crate::keys;
use crate::mailbox::changes::{Change, ChangeKind};
use crate::mailbox::writer::Tx;
use crate::message::{flags, read_hot};
use crate::record::folder::FolderState;
use crate::record::search::Link;
use crate::record::summary::Packed;
use crate::table::Contents;
use crate::table::evaluate;
use crate::table::source::{Context, MessageRow};
use crate::{Result, StoreError, folder, jobs};

/// Whether the search folders have followed a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Follow {
    Done,
    /// Jobs were added for what concerns many messages.
    Later,
}

/// Adds to a batch what its changes mean for the search folders of the mailbox.
pub(crate) fn follow(tx: &mut Tx<'_>) -> Result<Follow> {
    if tx.changes().is_empty() && tx.erased().is_empty() {
        return Ok(Follow::Done);
    }
    let searches = tx.mailbox.searches.get(tx.mailbox, tx.reader())?;
    if searches.is_empty() {
        return Ok(Follow::Done);
    }
    let later = follow_folders(tx, &searches)?;
    let mut ids: BTreeSet<u64> = BTreeSet::new();
    let number = |id: &MessageId| keys::id_number(id.replica, id.counter);
    for change in tx.changes() {
        if change.kind.is_of_search() || change.associated {
            continue;
        }
        // What was copied stays as it was.
        let old = if change.kind.is_copy() { MessageId::NONE } else { change.old_message };
        let named = [change.message, old];
        ids.extend(named.iter().filter(|id| !id.is_none()).map(number));
    }
    ids.extend(tx.erased().iter().map(number));
    let moves = moves(tx, &searches, ids.into_iter().map(|id| (id, None)))?;
    apply(tx, &searches, moves, false)?;
    Ok(later)
}

/// What is done to folders concerns all that is in them: jobs look at it.
fn follow_folders(tx: &mut Tx<'_>, searches: &[Search]) -> Result<Follow> {
    let changes: Vec<Change> =
        tx.changes().iter().filter(|change| change.kind.is_folder()).copied().collect();
    let followed = searches.iter().any(|search| search.criteria.is_followed());
    let mut later = Follow::Done;
    for change in changes {
        let Some(record) = tx.peek_folder(change.folder)?.map(|record| record.into_owned()) else {
            continue;
        };
        if record.kind == FolderKind::Search {
            // One that comes back has missed what happened meanwhile.
            let own = searches.iter().find(|search| search.folder == change.folder);
            if let (ChangeKind::FolderCreated, Some(own)) = (change.kind, own)
                && own.criteria.is_followed()
            {
                restart(tx, change.folder, own.criteria.clone());
                later = Follow::Later;
            }
            continue;
        }
        let moves = match change.kind {
            ChangeKind::FolderMoved => true,
            ChangeKind::FolderDeleted => record.state == FolderState::Deleted,
            // A new one is empty; one that comes back names where it was.
            ChangeKind::FolderCreated => !change.old_folder.is_none(),
            _ => false,
        };
        if moves && followed && (record.contents > 0 || record.children > 0) {
            jobs::add_tree(tx, change.folder);
            later = Follow::Later;
        }
    }
    Ok(later)
}

/// What becomes of the link of a message in a search folder.
pub(super) struct Move {
    /// Which of the searches.
    search: usize,
    message: MessageId,
    change: ChangeNumber,
    home: FolderId,
    old: Option<Value>,
    new: Option<Vec<u8>>,
}

/// A message as a batch leaves it.
struct Shown {
    home: FolderId,
    change: ChangeNumber,
    sequence: u64,
    summary: Value,
}

/// What was found out about a message outside of the writer's section: the sequence that it had, and whether it
/// matches.
pub(super) type Judged = (u64, bool);

/// What the searches have to do for messages as the batch leaves them.
pub(super) fn moves(
    tx: &Tx<'_>,
    searches: &[Search],
    ids: impl Iterator<Item = (u64, Option<Judged>)>,
) -> Result<Vec<Move>> {
    let mut moves = Vec::new();
    let mut ids = ids.peekable();
    if ids.peek().is_none() {
        return Ok(moves);
    }
    // Those that are deleted softly stay as they are until they come back.
    let mut active = Vec::new();
    for (at, search) in searches.iter().enumerate() {
        let record = tx.peek_folder(search.folder)?;
        if record.is_some_and(|record| record.state == FolderState::Present) {
            active.push((at, search));
        }
    }
    let overlay = Overlay::new(tx.reader(), &tx.batch);
    let mut paths = Paths::default();
    for (number, judged) in ids {
        let (replica, counter) = keys::id_parts(number);
        let message = MessageId::new(replica, counter);
        let shown = match tolerant(message, shown(tx, &overlay, message))?.flatten() {
            // What lies in a deleted folder is deleted with it.
            Some(shown) if paths.of(tx, shown.home)?.is_some() => Some(shown),
            _ => None,
        };
        let context = shown.as_ref().map(|s| Context::for_all(tx.mailbox, &overlay, s.home));
        let row = match (&context, &shown) {
            (Some(context), Some(shown)) => {
                let row =
                    MessageRow::new(context, Contents::Normal, message, shown.summary.clone());
                tolerant(message, row)?
            }
            _ => None,
        };
        for (at, search) in &active {
            let key = keys::link(tx.mailbox.number(), search.folder, message);
            let old = tolerant(message, tx.get(&key))?.flatten();
            let wanted = match (search.criteria.is_followed(), &shown, &row) {
                // What is not followed stays what it was; what it shows of a message is the message's.
                (false, Some(_), _) if judged.is_none() => old.is_some(),
                (false, None, _) if judged.is_none() => continue,
                (_, Some(shown), Some(row)) => {
                    paths.includes(tx, search, shown.home)?
                        && match judged {
                            Some((sequence, matches)) if sequence == shown.sequence => matches,
                            _ => tolerant(
                                message,
                                evaluate::matches(&search.criteria.restriction, row),
                            )?
                            .unwrap_or(false),
                        }
                }
                _ => false,
            };
            let new = match (&shown, wanted) {
                (Some(shown), true) => Some(Link::to_bytes(shown.home, &shown.summary)),
                _ => None,
            };
            if old.is_none() && new.is_none() {
                continue;
            }
            let home = match (&shown, &old) {
                (Some(shown), _) => shown.home,
                (None, Some(old)) => Link::read(old).map_or(FolderId::NONE, |link| link.home),
                (None, None) => FolderId::NONE,
            };
            let change = shown.as_ref().map_or(ChangeNumber::NONE, |shown| shown.change);
            moves.push(Move { search: *at, message, change, home, old, new });
        }
    }
    Ok(moves)
}

fn shown(tx: &Tx<'_>, overlay: &Overlay<'_>, id: MessageId) -> Result<Option<Shown>> {
    let Some(hot) = read_hot(tx.mailbox, overlay, id)? else { return Ok(None) };
    if hot.contents != Contents::Normal {
        return Ok(None);
    }
    let key = keys::summary(tx.mailbox.number(), hot.folder, hot.contents.to_byte(), id);
    let summary = overlay.get(Space::Mailbox, &key)?;
    let (home, change, sequence) = (hot.folder, hot.change, hot.sequence);
    Ok(summary.map(|summary| Shown { home, change, sequence, summary }))
}

/// A damaged record keeps a message out of search folders, and no change from being made.
fn tolerant<T, E: Into<StoreError>>(id: MessageId, result: Result<T, E>) -> Result<Option<T>> {
    match result.map_err(Into::into) {
        Ok(value) => Ok(Some(value)),
        Err(StoreError::Corrupt(reason)) => {
            tracing::warn!(%id, reason, "a message could not be searched; `coffer check` says more");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The folders above each folder that was asked for.
#[derive(Default)]
struct Paths(BTreeMap<u64, Option<Vec<FolderId>>>);

impl Paths {
    /// From the folder to the root; None if one of them is deleted or missing.
    fn of(&mut self, tx: &Tx<'_>, id: FolderId) -> Result<Option<&[FolderId]>> {
        let number = keys::id_number(id.replica, id.counter);
        let path = match self.0.entry(number) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(path_of(tx, id)?),
        };
        Ok(path.as_deref())
    }

    fn includes(&mut self, tx: &Tx<'_>, search: &Search, home: FolderId) -> Result<bool> {
        let Some(path) = self.of(tx, home)? else { return Ok(false) };
        let scope = &search.criteria.folders;
        Ok(match search.criteria.recursive {
            true => path.iter().any(|id| scope.contains(id)),
            false => scope.contains(&home),
        })
    }
}

fn path_of(tx: &Tx<'_>, id: FolderId) -> Result<Option<Vec<FolderId>>> {
    let mut path = vec![id];
    let mut at = id;
    while path.len() <= 2 * folder::MAX_DEPTH {
        let record = match tx.peek_folder(at) {
            Ok(Some(record)) if !record.state.hides_all_below() => record,
            Ok(_) | Err(StoreError::Corrupt(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        if record.parent == at {
            return Ok(Some(path));
        }
        at = record.parent;
        path.push(at);
    }
    Ok(None)
}

/// Writes links and counts them. With `many`, the log says only that links changed.
pub(super) fn apply(
    tx: &mut Tx<'_>,
    searches: &[Search],
    moves: Vec<Move>,
    many: bool,
) -> Result<()> {
    let mut changed = BTreeSet::new();
    for Move { search: at, message, change, home, old, new } in moves {
        let search = &searches[at];
        let Some(record) = tx.find_folder(search.folder)? else { continue };
        if old.is_none() && record.contents >= search.limit {
            continue;
        }
        // Opened again, nothing of it changed.
        if many && old.as_deref() == new.as_deref() {
            continue;
        }
        let new = new.map(Value::from);
        if let Some(old) = &old {
            record.contents = record.contents.saturating_sub(1);
            let (unread, size) = weight(old);
            record.unread = record.unread.saturating_sub(unread);
            record.size = record.size.saturating_sub(size);
        }
        if let Some(new) = &new {
            record.contents = record.contents.saturating_add(1);
            let (unread, size) = weight(new);
            record.unread = record.unread.saturating_add(unread);
            record.size = record.size.saturating_add(size);
        }
        let kind = match (&old, &new) {
            (None, _) => ChangeKind::LinkAdded,
            (Some(_), Some(_)) => ChangeKind::LinkChanged,
            (Some(_), None) => ChangeKind::LinkRemoved,
        };
        let key = keys::link(tx.mailbox.number(), search.folder, message);
        match new {
            Some(new) if old.as_ref() == Some(&new) => {}
            Some(new) => tx.put(key, new),
            None => tx.delete(key),
        }
        if many {
            changed.insert(at);
            continue;
        }
        let mut entry = Change::of_folder(kind, search.folder, change);
        (entry.message, entry.old_folder) = (message, home);
        tx.log(entry)?;
    }
    for at in changed {
        let folder = searches[at].folder;
        tx.log(Change::of_folder(ChangeKind::LinksChanged, folder, ChangeNumber::NONE))?;
    }
    Ok(())
}

/// What a link adds to the counters of its folder: unread, and bytes.
pub(crate) fn weight(link: &Value) -> (u32, u64) {
    let summary = Link::read(link).and_then(|link| Packed::new(link.summary));
    summary
        .map_or((0, 0), |summary| (u32::from(summary.flags() & flags::READ == 0), summary.size()))
}

/// Ends the filling of a folder.
pub(super) fn complete(tx: &mut Tx<'_>, search: &Search) -> Result<()> {
    let state = super::SearchState::Complete;
    put(
        tx,
        search.folder,
        &crate::record::search::CriteriaRecord { state, ..search.criteria.clone() },
    );
    jobs::end_search(tx, search.folder);
    let entry = Change::of_folder(ChangeKind::SearchCompleted, search.folder, ChangeNumber::NONE);
    tx.log(entry)?;
    Ok(())
}
