//! Search folders, which stand beside the folders of the model and look into them.

use mapi::{FolderId, MessageId, PropertyValue, tags};
use mapi_rop::folder::{
    DeleteFolderFlags, DeleteFolderRequest, FolderType, SearchFlags, SetSearchCriteriaRequest,
    TableFlags,
};
use mapi_rop::parts::SizedRestriction;
use mapi_rop::{Handle, RopRequest, RopResponse};
use proptest::collection::vec;
use proptest::prelude::*;
use store::SpecialFolder;
use testsuite::raw::Answer;

use crate::compare::{all_rows, int, long, same, text};
use crate::folders::new_folder;
use crate::run::{Outcome, Run, partial};
use crate::store::{FolderKey, Message, Model};
use crate::want::{self, Want};

const FINDER: FolderId = SpecialFolder::Search.id();
const MOST: usize = 3;

#[derive(Debug, Clone)]
pub enum Op {
    /// Makes one, or gives one of those that are there other criteria.
    Begin {
        search: u8,
        criteria: Criteria,
    },
    Delete {
        search: u8,
    },
}

#[derive(Debug, Clone)]
pub struct Criteria {
    folders: Vec<u8>,
    recursive: bool,
    /// What comes later is not looked at.
    fixed: bool,
    want: Want,
}

pub fn one() -> impl Strategy<Value = Op> {
    let criteria = (vec(0..8u8, 1..3), any::<bool>(), proptest::bool::weighted(0.25), want::one())
        .prop_map(|(folders, recursive, fixed, want)| Criteria { folders, recursive, fixed, want });
    prop_oneof![
        4 => (0..8u8, criteria).prop_map(|(search, criteria)| Op::Begin { search, criteria }),
        1 => (0..8u8).prop_map(|search| Op::Delete { search }),
    ]
}

/// A search folder.
pub struct Search {
    pub id: FolderId,
    folders: Vec<FolderKey>,
    recursive: bool,
    want: Want,
    /// The subjects that a static one found.
    fixed: Option<Vec<String>>,
}

impl Search {
    /// What it shows, unless it is static.
    fn finds<'a>(&self, model: &'a Model) -> Vec<&'a Message> {
        let looked_at = |folder: FolderKey| match self.recursive {
            true => self.folders.iter().any(|top| model.has(*top) && model.is_within(folder, *top)),
            false => self.folders.contains(&folder),
        };
        let folders = model.folders.iter().filter(|folder| looked_at(folder.key));
        folders
            .flat_map(|folder| &folder.messages)
            .filter(|message| !message.associated && self.want.holds(message))
            .collect()
    }
}

impl Run<'_> {
    pub fn search_step(&mut self, who: usize, op: &Op) -> Outcome {
        match op {
            Op::Begin { search, criteria } => self.begin_search(who, *search, criteria),
            Op::Delete { search } => self.delete_search(who, *search),
        }
    }

    fn begin_search(&mut self, who: usize, search: u8, criteria: &Criteria) -> Outcome {
        let at = usize::from(search) % MOST;
        let known = self.searches.get(at).map(|search| search.id);
        let id = match known {
            Some(id) => id,
            None => {
                let name = self.model.subject();
                self.make_search(who, &name)?.map_err(|code| format!("a search folder: {code}"))?
            }
        };
        let mut folders: Vec<usize> =
            criteria.folders.iter().map(|folder| self.model.pick(*folder)).collect();
        folders.dedup();
        let ids: Vec<FolderId> = folders.iter().map(|folder| self.id(*folder)).collect();
        let mut flags = SearchFlags::RESTART_OR_REBUILD;
        if criteria.recursive {
            flags = flags | SearchFlags::RECURSIVE;
        }
        if criteria.fixed {
            flags = flags | SearchFlags::STATIC;
        }
        let request = SetSearchCriteriaRequest {
            restriction: SizedRestriction(Some(criteria.want.restriction())),
            folders: ids.into(),
            flags,
        };
        let body = RopRequest::SetSearchCriteria(request);
        let answer = self.with_folder(who, id, |client, folder| client.call(folder, body))?;
        answer.map_err(|code| format!("search criteria: {code}"))?;
        let mut search = Search {
            id,
            folders: folders.into_iter().map(|folder| self.key(folder)).collect(),
            recursive: criteria.recursive,
            want: criteria.want.clone(),
            fixed: None,
        };
        if criteria.fixed {
            let found = search.finds(&self.model);
            search.fixed = Some(sorted(found.into_iter().map(|m| m.subject.clone())));
        }
        match known {
            Some(_) => self.searches[at] = search,
            None => self.searches.push(search),
        }
        self.compare_searches(who)
    }

    fn make_search(&mut self, who: usize, name: &str) -> Outcome<Answer<FolderId>> {
        self.with_folder(who, FINDER, |client, finder| {
            let body = new_folder(FolderType::Search, name, false);
            let (answer, handle) = client.call_two(finder, Handle::NONE, body)?;
            client.release(handle);
            match answer {
                RopResponse::CreateFolder(made) => Ok(made.folder),
                other => panic!("{other:?}"),
            }
        })
    }

    fn delete_search(&mut self, who: usize, search: u8) -> Outcome {
        if self.searches.is_empty() {
            return Ok(());
        }
        let search = self.searches.remove(usize::from(search) % self.searches.len());
        let flags = DeleteFolderFlags::DELETE_HARD_DELETE;
        let request = DeleteFolderRequest { flags, folder: search.id };
        let answer = self.with_folder(who, FINDER, |client, finder| {
            client.call(finder, RopRequest::DeleteFolder(request))
        })?;
        same("deleting a search folder", partial(answer), Ok(false))
    }

    /// Each search folder shows what it has to.
    pub fn compare_searches(&mut self, who: usize) -> Outcome {
        for at in 0..self.searches.len() {
            let asked = self.with_folder(who, self.searches[at].id, |client, folder| {
                let table = client.contents(folder, TableFlags::NONE)?;
                let columns = [tags::MID, tags::SUBJECT, tags::IMPORTANCE, tags::MESSAGE_FLAGS];
                client.set_columns(table, &columns)?;
                let rows = all_rows(client, table)?;
                client.release(table);
                let total = client.get(folder, tags::CONTENT_COUNT)?;
                let unread = client.get(folder, tags::CONTENT_UNREAD_COUNT)?;
                Ok((rows, total, unread))
            })?;
            let (rows, total, unread) = asked.map_err(|code| format!("a search folder: {code}"))?;
            let count = |count: usize| PropertyValue::Integer32(count as i32);
            same("the count of a search folder", total, count(rows.len()))?;
            let search = &self.searches[at];
            if let Some(subjects) = &search.fixed {
                let found = sorted(rows.iter().map(|row| text(row, 1)));
                same("what a static search found", &found, subjects)?;
                continue;
            }
            let mut found: Vec<(MessageId, String, i32, bool)> = rows
                .iter()
                .map(|row| {
                    let id = MessageId::from_i64(long(row, 0));
                    (id, text(row, 1), int(row, 2), int(row, 3) & 1 != 0)
                })
                .collect();
            found.sort();
            let finds = search.finds(&self.model);
            let not_read = finds.iter().filter(|message| !message.read).count();
            let mut expected: Vec<(MessageId, String, i32, bool)> = finds
                .into_iter()
                .map(|message| {
                    let id = message.id.expect("the server was asked");
                    (id, message.subject.clone(), message.importance, message.read)
                })
                .collect();
            expected.sort();
            same("what a search folder shows", found, expected)?;
            same("the unread count of a search folder", unread, count(not_read))?;
        }
        Ok(())
    }
}

fn sorted(subjects: impl Iterator<Item = String>) -> Vec<String> {
    let mut subjects: Vec<String> = subjects.collect();
    subjects.sort();
    subjects
}
