//! Search folders: folders that show messages of other folders ([MS-OXCFOLD] 3.2.5.4).
//!
//! A search folder holds links. A link belongs to (search folder, message) and carries a copy of the message's
//! summary, so tables over a search folder are built as those over any other. Links of a search that is
//! followed change in the batch of the change that makes a message match or cease to, so nobody sees a
//! message without its links ([`follow`]). What is done to many messages at once, new criteria or a folder that
//! moves with all below it, is a durable job of bounded batches ([`fill`], [`look_again`]).
//!
//! INVARIANT: the counters of a search folder are those of its links, in every batch. Once no job is left, a
//! followed search that is complete has a link for exactly the messages that match.

mod fill;
mod follow;
mod known;

use mapi::{FolderId, MessageId, Restriction};

pub(crate) use self::fill::{fill, look_again};
pub(crate) use self::follow::{Follow, follow, weight};
pub(crate) use self::known::{Known, Search};
use crate::engine::{Direction, KeyRange, Reader, Space};
use crate::folder::{self, FolderKind};
use crate::keys::{self, Kind};
use crate::mailbox::changes::{Change, ChangeKind};
use crate::mailbox::writer::{self, Tx};
use crate::record::folder::{FolderRecord, FolderState};
use crate::record::search::{CriteriaRecord, Link, Stamp};
use crate::table::evaluate;
use crate::{Mailbox, Result, StoreError, jobs};

/// Search folders with criteria that a mailbox has at most: each one costs with every change.
pub const MAX_SEARCHES: usize = 128;
/// Folders that one search names at most.
pub const MAX_SCOPE: usize = 1_000;
/// Bytes of a search's restriction at most.
pub const MAX_RESTRICTION: usize = 32 << 10;

/// How far a search is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchState {
    /// It is being filled.
    Running,
    /// It has all that matched; one that is not static follows what changes.
    Complete,
    /// It was stopped before it was complete, and stays as it is.
    Stopped,
}

impl SearchState {
    pub(crate) fn to_byte(self) -> u8 {
        match self {
            SearchState::Running => 1,
            SearchState::Complete => 2,
            SearchState::Stopped => 3,
        }
    }

    pub(crate) fn from_byte(byte: u8) -> Option<SearchState> {
        let all = [SearchState::Running, SearchState::Complete, SearchState::Stopped];
        all.into_iter().find(|state| state.to_byte() == byte)
    }
}

/// What a search folder looks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Criteria {
    pub restriction: Restriction,
    pub folders: Vec<FolderId>,
    /// Folders below those are searched as well.
    pub recursive: bool,
    /// What was found once is not followed (STATIC_SEARCH).
    pub fixed: bool,
    pub state: SearchState,
}

/// New criteria for a search folder.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NewCriteria {
    /// None: as before.
    pub restriction: Option<Restriction>,
    /// None: as before.
    pub folders: Option<Vec<FolderId>>,
    pub recursive: bool,
    pub fixed: bool,
}

/// Gives a search folder its criteria, and fills it. When this returns, it shows what matches.
///
/// Errors: [`StoreError::NotFound`] without the folder or one that is searched; [`StoreError::NotSearchFolder`];
/// [`StoreError::NoCriteria`] where the first criteria lack something; [`StoreError::SearchScope`] for search
/// folders in the scope; [`StoreError::TooComplex`]; [`StoreError::Invalid`] for a restriction that makes no
/// sense; [`StoreError::Quota`] beyond [`MAX_SEARCHES`].
pub fn set(mailbox: &Mailbox, folder: FolderId, new: &NewCriteria) -> Result<()> {
    if let Some(restriction) = &new.restriction {
        check(restriction)?;
    }
    if new.folders.as_ref().is_some_and(|folders| folders.len() > MAX_SCOPE) {
        return Err(StoreError::TooComplex("it names too many folders"));
    }
    writer::write(mailbox, |tx| {
        need_search(tx.folder(folder)?)?;
        let old = stored(tx.mailbox, tx.reader(), folder)?;
        let (restriction, folders) = match (&new.restriction, &new.folders, old) {
            (Some(restriction), Some(folders), None) => (restriction.clone(), folders.clone()),
            (restriction, folders, Some(old)) => (
                restriction.clone().unwrap_or(old.restriction),
                folders.clone().unwrap_or(old.folders),
            ),
            _ => return Err(StoreError::NoCriteria),
        };
        for id in &folders {
            if tx.folder(*id)?.kind == FolderKind::Search {
                return Err(StoreError::SearchScope);
            }
        }
        let (recursive, fixed) = (new.recursive, new.fixed);
        let state = SearchState::Running;
        begin(tx, folder, CriteriaRecord { recursive, fixed, state, run: 0, folders, restriction })
    })?;
    fill(mailbox, folder)
}

/// Writes criteria and lets a job fill the folder.
pub(crate) fn begin(tx: &mut Tx<'_>, folder: FolderId, criteria: CriteriaRecord) -> Result<()> {
    let others = tx.mailbox.searches.get(tx.mailbox, tx.reader())?;
    if others.iter().filter(|other| other.folder != folder).count() >= MAX_SEARCHES {
        return Err(StoreError::Quota("search folders"));
    }
    restart(tx, folder, criteria);
    let change = tx.next_change()?;
    let now = tx.now;
    let record = tx.folder(folder)?;
    record.change = change;
    record.modified = now;
    tx.log(Change::of_folder(ChangeKind::FolderModified, folder, change))?;
    Ok(())
}

/// Gives a copied search folder the criteria of the original, as far as the folders that it names are there.
pub(crate) fn adopt(tx: &mut Tx<'_>, folder: FolderId, original: &CriteriaRecord) -> Result<()> {
    let mut criteria = original.clone();
    criteria.folders.clear();
    for id in &original.folders {
        let there = tx.peek_folder(*id)?;
        if there.is_some_and(|r| r.state == FolderState::Present && r.kind != FolderKind::Search) {
            criteria.folders.push(*id);
        }
    }
    match criteria.folders.is_empty() {
        true => Ok(()),
        false => begin(tx, folder, criteria),
    }
}

/// Lets a job fill the folder by criteria that it has.
pub(crate) fn restart(tx: &mut Tx<'_>, folder: FolderId, criteria: CriteriaRecord) {
    let run = Stamp::fresh().0;
    put(tx, folder, &CriteriaRecord { state: SearchState::Running, run, ..criteria });
    jobs::add_search(tx, folder);
}

fn put(tx: &mut Tx<'_>, folder: FolderId, criteria: &CriteriaRecord) {
    let key = tx.mailbox.key(Kind::Criteria, &[&keys::fid(folder)]);
    tx.put(key, criteria.to_bytes());
    let key = tx.mailbox.key(Kind::SearchStamp, &[]);
    tx.put(key, Stamp::fresh().to_bytes());
}

/// Stops a search that is being filled. One that is complete goes on as it is.
///
/// Errors: [`StoreError::NotFound`], [`StoreError::NotSearchFolder`]; [`StoreError::NoCriteria`].
pub fn stop(mailbox: &Mailbox, folder: FolderId) -> Result<()> {
    writer::write(mailbox, |tx| {
        need_search(tx.folder(folder)?)?;
        let criteria = stored(tx.mailbox, tx.reader(), folder)?.ok_or(StoreError::NoCriteria)?;
        if criteria.state == SearchState::Running {
            put(tx, folder, &CriteriaRecord { state: SearchState::Stopped, ..criteria });
            jobs::end_search(tx, folder);
        }
        Ok(())
    })
}

/// The criteria of a search folder; None before it has any.
///
/// Errors: [`StoreError::NotFound`], [`StoreError::NotSearchFolder`].
pub fn criteria(mailbox: &Mailbox, folder: FolderId) -> Result<Option<Criteria>> {
    let reader = mailbox.store.engine().snapshot()?;
    need_search(&folder::readable(mailbox, &*reader, folder)?)?;
    Ok(stored(mailbox, &*reader, folder)?.map(|record| Criteria {
        restriction: record.restriction,
        folders: record.folders,
        recursive: record.recursive,
        fixed: record.fixed,
        state: record.state,
    }))
}

/// Whether some search folder of the mailbox has criteria.
pub fn is_active(mailbox: &Mailbox) -> Result<bool> {
    let range = KeyRange::prefix(mailbox.key(Kind::Criteria, &[]));
    Ok(!mailbox.reader().keys(Space::Mailbox, &range, Direction::Forward, 1)?.is_empty())
}

pub(crate) fn stored(
    mailbox: &Mailbox,
    reader: &dyn Reader,
    folder: FolderId,
) -> Result<Option<CriteriaRecord>> {
    let key = mailbox.key(Kind::Criteria, &[&keys::fid(folder)]);
    let bytes = reader.get(Space::Mailbox, &key)?;
    Ok(bytes.map(|bytes| CriteriaRecord::read(&bytes)).transpose()?)
}

fn need_search(record: &FolderRecord) -> Result<()> {
    match record.kind {
        FolderKind::Search => Ok(()),
        FolderKind::Root | FolderKind::Generic => Err(StoreError::NotSearchFolder),
    }
}

fn check(restriction: &Restriction) -> Result<()> {
    if mapi::Wire::to_wire(restriction).len() > MAX_RESTRICTION {
        return Err(StoreError::TooComplex("its restriction is too large"));
    }
    match evaluate::check(restriction) {
        Err(StoreError::NotImplemented(_)) => Err(StoreError::TooComplex(
            "regular expressions and distribution lists are not matched",
        )),
        checked => checked,
    }
}

/// Lets the search folders follow what was done to whole folders. What was done stays done if this fails; a
/// later start goes on with it.
pub(crate) fn settle(mailbox: &Mailbox) {
    if let Err(error) = jobs::settle_searches(&mailbox.store, mailbox.number()) {
        tracing::warn!(mailbox = mailbox.number().0, %error, "search folders are behind until the next start");
    }
}

/// Removes some links of a folder that is being removed; returns how many.
pub(crate) fn remove_links(tx: &mut Tx<'_>, folder: FolderId, limit: usize) -> Result<usize> {
    let range = KeyRange::prefix(tx.mailbox.key(Kind::Link, &[&keys::fid(folder)]));
    let links = tx.reader().keys(Space::Mailbox, &range, Direction::Forward, limit)?;
    links.iter().for_each(|key| tx.delete(key.to_vec()));
    Ok(links.len())
}

/// Removes the criteria of a folder that is being removed.
pub(crate) fn forget(tx: &mut Tx<'_>, folder: FolderId) -> Result<()> {
    let key = tx.mailbox.key(Kind::Criteria, &[&keys::fid(folder)]);
    if tx.reader().contains(Space::Mailbox, &key)? {
        tx.delete(key);
        tx.put(tx.mailbox.key(Kind::SearchStamp, &[]), Stamp::fresh().to_bytes());
        jobs::end_search(tx, folder);
    }
    Ok(())
}

/// Whether a search folder shows a message.
pub fn shows(mailbox: &Mailbox, folder: FolderId, id: MessageId) -> Result<bool> {
    let key = keys::link(mailbox.number(), folder, id);
    Ok(mailbox.reader().contains(Space::Mailbox, &key)?)
}

/// Messages by the folder that they are in, each group in the order in which they were named.
pub(crate) type Homes = Vec<(FolderId, Vec<MessageId>)>;

/// Where messages that a search folder shows are; None for any other folder. Ids that it does not show stand
/// under NONE.
///
/// Errors: [`StoreError::NotFound`] without the folder.
pub(crate) fn homes(
    mailbox: &Mailbox,
    folder: FolderId,
    ids: &[MessageId],
) -> Result<Option<Homes>> {
    let reader = mailbox.reader();
    if folder::readable(mailbox, reader, folder)?.kind != FolderKind::Search {
        return Ok(None);
    }
    let mut groups = Homes::new();
    for id in ids {
        let link = reader.get(Space::Mailbox, &keys::link(mailbox.number(), folder, *id))?;
        let home = match link {
            Some(link) => Link::read(&link)?.home,
            None => FolderId::NONE,
        };
        match groups.iter_mut().find(|(known, _)| *known == home) {
            Some((_, ids)) => ids.push(*id),
            None => groups.push((home, vec![*id])),
        }
    }
    Ok(Some(groups))
}
