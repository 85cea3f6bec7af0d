//! Search folders: their criteria can be read, and each shows exactly what it looks for.

use std::collections::BTreeSet;

use mapi::{FolderId, MessageId};

use super::fix::Fix;
use super::pass::Pass;
use super::problem::What;
use crate::engine::{Direction, KeyRange, Reader, Scanned, Space};
use crate::folder::{FolderKind, MAX_DEPTH};
use crate::keys::{self, Kind};
use crate::message::read_hot;
use crate::record::Stored;
use crate::record::folder::FolderState;
use crate::record::search::{CriteriaRecord, Link, Stamp};
use crate::search::{Search, SearchState, weight};
use crate::table::source::{Context, MessageRow};
use crate::table::{Contents, evaluate};
use crate::{Mailbox, Result, StoreError};

/// Summaries that are looked at at a time.
const PAGE: usize = 1024;

impl Pass<'_> {
    pub(super) fn searches(&mut self) -> Result<()> {
        self.each(Kind::SearchStamp, |pass, pair| {
            pass.makes_sense(&pair, What::SearchCriteria).map(drop)
        })?;
        let stamp = self.reader.get(Space::Mailbox, &self.key(Kind::SearchStamp, &[]));
        let stamped = stamp.is_ok_and(|stamp| stamp.is_some_and(|s| Stamp::read(&s).is_ok()));
        let mut searches = Vec::new();
        self.each(Kind::Criteria, |pass, pair| {
            let Some(id) = folder_at(&pair.0) else { return Ok(()) };
            let criteria = match &pair.1 {
                Ok(value) => CriteriaRecord::read(value).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            let wrong = match (pass.is_search(id), criteria) {
                (Some(false), _) => "it is no search folder".into(),
                (_, Err(error)) => error,
                (_, Ok(_)) if !stamped => "nothing says that they are there".into(),
                (_, Ok(criteria)) => {
                    searches.push(Search::new(id, criteria));
                    return Ok(());
                }
            };
            let problem = pass.problem(What::SearchCriteria, wrong).folder(id);
            pass.found(problem.record(Space::Mailbox, &pair.0), Fix::Search { id })
        })?;
        let wrong = self.links(&searches)?;
        for number in wrong {
            let id = id_of(number);
            let problem = self.problem(What::SearchLinks, "").folder(id);
            self.found(problem, Fix::Search { id })?;
        }
        Ok(())
    }

    /// None for a folder whose record is damaged, which is met elsewhere.
    fn is_search(&self, id: FolderId) -> Option<bool> {
        match self.folders.get(&keys::id_number(id.replica, id.counter)) {
            None => Some(false),
            Some(folder) => Some(folder.record.as_ref()?.kind == FolderKind::Search),
        }
    }

    /// Folders whose links are not right.
    fn links(&mut self, searches: &[Search]) -> Result<BTreeSet<u64>> {
        let mut wrong = BTreeSet::new();
        self.each(Kind::Link, |pass, pair| {
            let Some((folder, message)) = folder_at(&pair.0).zip(keys::tail_id(&pair.0)) else {
                return Ok(());
            };
            let message = MessageId::new(message.0, message.1);
            if let Ok(value) = &pair.1
                && let Some(shown) = pass.folder_mut(folder)
            {
                let (unread, size) = weight(value);
                shown.counted.contents += 1;
                shown.counted.unread += unread;
                shown.counted.size = shown.counted.size.saturating_add(size);
            }
            let search = searches.iter().find(|search| search.folder == folder);
            if !pass.is_right(search, message, &pair)? {
                wrong.insert(keys::id_number(folder.replica, folder.counter));
            }
            Ok(())
        })?;
        for search in searches.iter().filter(|search| self.is_settled(search)) {
            if self.lacks_some(search)? {
                wrong.insert(keys::id_number(search.folder.replica, search.folder.counter));
            }
        }
        Ok(wrong)
    }

    /// Whether the folder must show exactly what matches now.
    fn is_settled(&self, search: &Search) -> bool {
        let own = keys::id_number(search.folder.replica, search.folder.counter);
        let record = self.folders.get(&own).and_then(|folder| folder.record.as_ref());
        !self.searching
            && search.criteria.is_followed()
            && search.criteria.state == SearchState::Complete
            && record.is_some_and(|record| record.state == FolderState::Present)
    }

    fn is_right(
        &mut self,
        search: Option<&Search>,
        message: MessageId,
        pair: &Scanned,
    ) -> Result<bool> {
        let (Some(search), Ok(value)) = (search, &pair.1) else { return Ok(false) };
        let Ok(link) = Link::read(value) else { return Ok(false) };
        let row = super::kinds::find(Kind::Link as u8);
        if row.is_none_or(|row| row.check(&pair.0, &pair.1).is_err()) {
            return Ok(false);
        }
        if !self.is_settled(search) {
            return Ok(true);
        }
        let normal = Contents::Normal.to_byte();
        let own = keys::summary(self.number, link.home, normal, message);
        match self.reader.get(Space::Mailbox, &own) {
            Ok(Some(summary)) if summary[..] == link.summary[..] => {}
            // A summary that is damaged is met with its message.
            Ok(Some(_) | None) => return Ok(false),
            Err(crate::engine::Error::Corrupt { .. }) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
        Ok(self.is_in_scope(search, link.home)
            && self.matches(search, link.home, message, link.summary)?.unwrap_or(true))
    }

    fn is_in_scope(&self, search: &Search, home: FolderId) -> bool {
        let mut at = home;
        let mut found = false;
        for depth in 0..=2 * MAX_DEPTH {
            let record = self.folders.get(&keys::id_number(at.replica, at.counter));
            let Some(record) = record.and_then(|folder| folder.record.as_ref()) else {
                return false;
            };
            if record.state.hides_all_below() {
                return false;
            }
            found |=
                (depth == 0 || search.criteria.recursive) && search.criteria.folders.contains(&at);
            if record.parent == at {
                return found;
            }
            at = record.parent;
        }
        false
    }

    /// None where it cannot be told: the mailbox does not open, or the message is damaged.
    fn matches(
        &self,
        search: &Search,
        home: FolderId,
        message: MessageId,
        summary: Stored<'_>,
    ) -> Result<Option<bool>> {
        let Some(mailbox) = self.mailbox.as_deref() else { return Ok(None) };
        match evaluated(mailbox, self.reader, search, home, message, summary) {
            Ok(matches) => Ok(Some(matches)),
            Err(StoreError::Corrupt(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn lacks_some(&self, search: &Search) -> Result<bool> {
        let own = keys::id_number(search.folder.replica, search.folder.counter);
        let shown = self.folders.get(&own).map_or(0, |folder| folder.counted.contents);
        if shown >= search.limit {
            return Ok(false);
        }
        let homes: Vec<FolderId> = self.folders.keys().map(|number| id_of(*number)).collect();
        for home in homes.into_iter().filter(|home| self.is_in_scope(search, *home)) {
            let normal = Contents::Normal.to_byte();
            let mut rest =
                KeyRange::prefix(self.key(Kind::Summary, &[&keys::fid(home), &[normal]]));
            loop {
                let page = self.reader.scan_each(Space::Mailbox, &rest, PAGE)?;
                let Some((last, _)) = page.last() else { break };
                rest = rest.beyond(last, Direction::Forward);
                for (key, value) in &page {
                    let (Ok(value), Some((replica, counter))) = (value, keys::tail_id(key)) else {
                        continue;
                    };
                    let id = MessageId::new(replica, counter);
                    let link = keys::link(self.number, search.folder, id);
                    if self.matches(search, home, id, value.into())? == Some(true)
                        && !self.reader.contains(Space::Mailbox, &link)?
                        && self.is_message(home, id)?
                    {
                        return Ok(true);
                    }
                }
            }
        }
        Ok(false)
    }

    /// A summary without its message is met elsewhere.
    fn is_message(&self, home: FolderId, id: MessageId) -> Result<bool> {
        let Some(mailbox) = self.mailbox.as_deref() else { return Ok(false) };
        match read_hot(mailbox, self.reader, id) {
            Ok(hot) => Ok(hot.is_some_and(|hot| hot.folder == home)),
            Err(StoreError::Corrupt(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn evaluated(
    mailbox: &Mailbox,
    reader: &dyn Reader,
    search: &Search,
    home: FolderId,
    message: MessageId,
    summary: Stored<'_>,
) -> Result<bool> {
    let context = Context::new(mailbox, reader, home);
    let row = MessageRow::new(&context, Contents::Normal, message, summary)?;
    evaluate::matches(&search.criteria.restriction, &row)
}

fn folder_at(key: &[u8]) -> Option<FolderId> {
    let (replica, counter) = keys::tail_id(key.get(..17)?)?;
    Some(FolderId::new(replica, counter))
}

fn id_of(number: u64) -> FolderId {
    let (replica, counter) = keys::id_parts(number);
    FolderId::new(replica, counter)
}
