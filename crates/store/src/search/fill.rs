//! Filling a search folder, and looking again at folders that moved: in bounded batches, and from the beginning
//! after a crash at any place.

use mapi::{FolderId, MessageId};

use super::follow::{Judged, apply, complete, moves};
use super::known::Search;
use super::{SearchState, stored};
use crate::engine::{Direction, KeyRange, Page, Reader, Space};
use crate::folder::{self, FolderKind};
use crate::keys::{self, Kind};
use crate::mailbox::writer::{self, Tx};
use crate::record::Stored;
use crate::record::search::Link;
use crate::table::Contents;
use crate::table::evaluate;
use crate::table::source::{Context, MessageRow};
use crate::text::Searcher;
use crate::{Mailbox, Result, StoreError, jobs};

/// Bytes of summaries that are looked at, and of links that are written, at a time: of a thousand messages or so.
const PAGE: usize = 256 << 10;

/// Fills a search folder by its criteria: links that should not be there go, those that lack come. Ends early
/// when other criteria come, or the search is stopped.
pub(crate) fn fill(mailbox: &Mailbox, folder: FolderId) -> Result<()> {
    let Some(criteria) = stored(mailbox, mailbox.reader(), folder)?
        .filter(|criteria| criteria.state == SearchState::Running)
    else {
        return writer::write(mailbox, |tx| {
            match stored(tx.mailbox, tx.reader(), folder)? {
                Some(criteria) if criteria.state == SearchState::Running => {}
                _ => jobs::end_search(tx, folder),
            }
            Ok(())
        });
    };
    let search = Search::new(folder, criteria);
    let links = mailbox.key(Kind::Link, &[&keys::fid(folder)]);
    if !each_page(mailbox, links, |page| judge(mailbox, &search, page, None))? {
        return Ok(());
    }
    let mut pending = search.criteria.folders.clone();
    let mut seen = std::collections::HashSet::new();
    while let Some(id) = pending.pop() {
        if !seen.insert(id) {
            continue;
        }
        let record = folder::any(mailbox, mailbox.reader(), id)?;
        if record.is_none_or(|r| r.state.hides_all_below() || r.kind == FolderKind::Search) {
            continue;
        }
        if search.criteria.recursive {
            pending.extend(folder::child_ids(mailbox, mailbox.reader(), id)?);
        }
        let normal = Contents::Normal.to_byte();
        let rows = mailbox.key(Kind::Summary, &[&keys::fid(id), &[normal]]);
        if !each_page(mailbox, rows, |page| judge(mailbox, &search, page, Some(id)))? {
            return Ok(());
        }
    }
    writer::write(mailbox, |tx| match is_running(tx, &search)? {
        true => complete(tx, &search),
        false => Ok(()),
    })
}

/// Whether a filling is still the one that is wanted.
fn is_running(tx: &mut Tx<'_>, search: &Search) -> Result<bool> {
    let criteria = stored(tx.mailbox, tx.reader(), search.folder)?;
    Ok(criteria
        .is_some_and(|now| now.run == search.criteria.run && now.state == SearchState::Running))
}

/// Calls `each` for pages of a range until one says false; false then.
fn each_page(
    mailbox: &Mailbox,
    prefix: Vec<u8>,
    mut each: impl FnMut(&Page) -> Result<bool>,
) -> Result<bool> {
    let mut rest = KeyRange::prefix(prefix);
    let mut page = Page::default();
    loop {
        page.clear();
        let reader = mailbox.reader();
        let more = reader.scan_page(Space::Mailbox, &rest, Direction::Forward, PAGE, &mut page)?;
        let Some(last) = page.last_key() else { return Ok(true) };
        rest = rest.beyond(last, Direction::Forward);
        if !each(&page)? {
            return Ok(false);
        }
        if !more {
            return Ok(true);
        }
    }
}

/// The ids of the messages of a page, and what stands there of each.
fn messages(page: &Page) -> impl Iterator<Item = (MessageId, &[u8])> {
    page.iter().filter_map(|(key, value)| {
        let (replica, counter) = keys::tail_id(key)?;
        Some((MessageId::new(replica, counter), value))
    })
}

/// Finds out which messages of a page match, outside of the writer's section, and brings their links into being.
/// The page is of a folder's summaries; without a folder it is of links, and those of messages that do not match
/// are looked at too. False if the filling has to end.
fn judge(
    mailbox: &Mailbox,
    search: &Search,
    page: &Page,
    folder: Option<FolderId>,
) -> Result<bool> {
    let all = folder.is_none();
    let reader = mailbox.store().engine().snapshot()?;
    let texts = Searcher::reading(mailbox, &*reader);
    let mut judged: Vec<(u64, Option<Judged>)> = Vec::new();
    for (id, stored) in messages(page) {
        let number = keys::id_number(id.replica, id.counter);
        let verdict = match folder {
            Some(home) => verdict(&texts, search, home, id, stored.into()),
            None => Link::read(stored)
                .map_err(StoreError::from)
                .and_then(|link| verdict(&texts, search, link.home, id, link.summary)),
        };
        match verdict {
            Ok(verdict) if verdict.1 || all => judged.push((number, Some(verdict))),
            Ok(_) => {}
            Err(StoreError::Corrupt(reason)) => {
                tracing::warn!(%id, reason, "a message could not be searched; `coffer check` says more");
                if all {
                    judged.push((number, Some((0, false))));
                }
            }
            Err(error) => return Err(error),
        }
    }
    if judged.is_empty() {
        return Ok(true);
    }
    let own = std::slice::from_ref(search);
    writer::write(mailbox, |tx| {
        if !is_running(tx, search)? {
            return Ok(false);
        }
        let moves = moves(tx, own, judged.iter().copied())?;
        apply(tx, own, moves, true)?;
        Ok(true)
    })
}

fn verdict(
    texts: &Searcher<'_>,
    search: &Search,
    home: FolderId,
    id: MessageId,
    summary: Stored<'_>,
) -> Result<Judged> {
    let mailbox = texts.mailbox();
    let context = Context::for_all(mailbox, mailbox.reader(), home).with_texts(texts);
    let row = MessageRow::new(&context, Contents::Normal, id, summary)?;
    Ok((row.sequence(), evaluate::matches(&search.criteria.restriction, &row)?))
}

/// Looks again at all messages in a folder and below it, for all searches that are followed: it moved, was deleted
/// or came back with them.
pub(crate) fn look_again(mailbox: &Mailbox, top: FolderId) -> Result<()> {
    loop {
        let change = change_of(mailbox, mailbox.reader(), top)?;
        let mut pending = vec![top];
        let mut left = folder_count(mailbox)?;
        while let Some(id) = pending.pop() {
            // Folders that contain each other are damage, and no reason never to end.
            if left == 0 {
                break;
            }
            left -= 1;
            pending.extend(folder::child_ids(mailbox, mailbox.reader(), id)?);
            let normal = Contents::Normal.to_byte();
            let rows = mailbox.key(Kind::Summary, &[&keys::fid(id), &[normal]]);
            each_page(mailbox, rows, |page| {
                writer::write(mailbox, |tx| {
                    let searches = tx.mailbox.searches.get(tx.mailbox, tx.reader())?;
                    let ids = messages(page).map(|(id, _)| keys::id_number(id.replica, id.counter));
                    let moves = moves(tx, &searches, ids.map(|id| (id, None)))?;
                    apply(tx, &searches, moves, true)?;
                    Ok(true)
                })
            })?;
        }
        // What was done to it meanwhile has to be followed as well.
        let done = writer::write(mailbox, |tx| {
            let same = change_of(tx.mailbox, tx.reader(), top)? == change;
            if same {
                jobs::end_tree(tx, top);
            }
            Ok(same)
        })?;
        if done {
            return Ok(());
        }
    }
}

fn change_of(
    mailbox: &Mailbox,
    reader: &dyn Reader,
    id: FolderId,
) -> Result<Option<mapi::ChangeNumber>> {
    Ok(folder::any(mailbox, reader, id)?.map(|record| record.change))
}

fn folder_count(mailbox: &Mailbox) -> Result<usize> {
    let range = KeyRange::prefix(mailbox.key(Kind::Folder, &[]));
    Ok(mailbox.reader().keys(Space::Mailbox, &range, Direction::Forward, usize::MAX)?.len())
}
