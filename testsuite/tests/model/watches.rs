//! Tables that stay open while things change: a copy kept by what is told alone is the table.

use mapi::wire::{Reader, WireWith};
use mapi::{FolderId, MessageId, PropertyRow, PropertyTag, SortOrder, SortOrderSet, tags};
use mapi_rop::folder::TableFlags;
use mapi_rop::notification::{NotificationData, RowId, TableEventType};
use mapi_rop::parts::SizedRestriction;
use mapi_rop::table::{AsyncFlags, Bookmark, RestrictRequest, SeekRowRequest, SortTableRequest};
use mapi_rop::{Handle, RopRequest};
use proptest::prelude::*;
use testsuite::raw::{Answer, Client};

use crate::compare::{all_rows, int, long, same};
use crate::run::{Outcome, Run};
use crate::store::FolderKey;
use crate::want::{self, Want};

const MOST: usize = 4;

const HIERARCHY: [PropertyTag; 3] = [tags::FOLDER_ID, tags::DISPLAY_NAME, tags::CONTENT_COUNT];
const CONTENTS: [PropertyTag; 5] =
    [tags::MID, tags::INSTANCE_NUM, tags::SUBJECT, tags::IMPORTANCE, tags::MESSAGE_FLAGS];

#[derive(Debug, Clone)]
pub enum Op {
    Open { what: What, want: Option<Want> },
    Close { watch: u8 },
}

#[derive(Debug, Clone, Copy)]
pub enum What {
    Contents {
        folder: u8,
        associated: bool,
    },
    Hierarchy {
        folder: u8,
    },
    /// The contents of a search folder.
    Search {
        search: u8,
    },
}

pub fn one() -> impl Strategy<Value = Op> {
    let what = prop_oneof![
        4 => (0..8u8, proptest::bool::weighted(0.2))
            .prop_map(|(folder, associated)| What::Contents { folder, associated }),
        2 => (0..8u8).prop_map(|folder| What::Hierarchy { folder }),
        2 => (0..8u8).prop_map(|search| What::Search { search }),
    ];
    prop_oneof![
        4 => (what, proptest::option::weighted(0.3, want::one()))
            .prop_map(|(what, want)| Op::Open { what, want }),
        1 => (0..8u8).prop_map(|watch| Op::Close { watch }),
    ]
}

/// A table, and the copy of it.
pub struct Watch {
    pub who: usize,
    pub table: Handle,
    of: Of,
    /// The folder of the table.
    folder: FolderId,
    columns: Vec<PropertyTag>,
    copy: Vec<(RowId, PropertyRow)>,
}

/// Whose table it is.
#[derive(Clone, Copy)]
enum Of {
    Folder(FolderKey),
    Search(FolderId),
}

impl Run<'_> {
    pub fn watch_step(&mut self, who: usize, op: &Op) -> Outcome {
        match op {
            Op::Open { what, want } => self.open_watch(who, *what, want.as_ref()),
            Op::Close { watch } => {
                if !self.watches.is_empty() {
                    let watch = self.watches.remove(usize::from(*watch) % self.watches.len());
                    self.clients[watch.who].release(watch.table);
                }
                Ok(())
            }
        }
    }

    fn open_watch(&mut self, who: usize, what: What, want: Option<&Want>) -> Outcome {
        if self.watches.len() >= MOST {
            return Ok(());
        }
        let of = match what {
            What::Contents { folder, .. } | What::Hierarchy { folder } => {
                Of::Folder(self.key(self.model.pick(folder)))
            }
            What::Search { search } => match self.searches.len() {
                0 => return Ok(()),
                some => Of::Search(self.searches[usize::from(search) % some].id),
            },
        };
        let is_hierarchy = matches!(what, What::Hierarchy { .. });
        let columns = match is_hierarchy {
            true => HIERARCHY.to_vec(),
            false => CONTENTS.to_vec(),
        };
        let id = match of {
            Of::Folder(key) => self.id_of(key),
            Of::Search(id) => id,
        };
        let opened = self.with_folder(who, id, |client, folder| {
            let table = match what {
                What::Contents { associated: true, .. } => {
                    client.contents(folder, TableFlags::ASSOCIATED)?
                }
                What::Contents { .. } | What::Search { .. } => {
                    client.contents(folder, TableFlags::NONE)?
                }
                What::Hierarchy { .. } => client.hierarchy(folder, TableFlags::NONE)?,
            };
            client.set_columns(table, &columns)?;
            if !is_hierarchy {
                sort_by_subject(client, table)?;
                if let Some(want) = want {
                    let restriction = SizedRestriction(Some(want.restriction()));
                    let request = RestrictRequest { flags: AsyncFlags::NONE, restriction };
                    client.call(table, RopRequest::Restrict(request))?;
                }
            }
            Ok((table, all_rows(client, table)?))
        })?;
        let (table, rows) = opened.map_err(|code| format!("a table: {code}"))?;
        let mut watch = Watch { who, table, of, folder: id, columns, copy: Vec::new() };
        watch.copy = rows.into_iter().map(|row| (watch.row_id(&row), row)).collect();
        self.watches.push(watch);
        Ok(())
    }

    /// Each copy, with what was told of its table, is the table.
    pub fn compare_watches(&mut self) -> Outcome {
        let (model, searches) = (&self.model, &self.searches);
        let stays = |watch: &Watch| match watch.of {
            Of::Folder(key) => model.has(key),
            Of::Search(id) => searches.iter().any(|search| search.id == id),
        };
        // What becomes of the table of a folder that is gone is not said.
        let (watches, gone): (Vec<Watch>, Vec<Watch>) =
            std::mem::take(&mut self.watches).into_iter().partition(stays);
        self.watches = watches;
        for watch in gone {
            self.clients[watch.who].release(watch.table);
        }
        for who in 0..self.clients.len() {
            let told = self.clients[who].told();
            for watch in self.watches.iter_mut().filter(|watch| watch.who == who) {
                let of_it = told.iter().filter(|(table, _)| *table == watch.table);
                let of_it: Vec<&NotificationData> = of_it.map(|(_, data)| data).collect();
                // What is read now is newer than all that was told.
                match of_it.iter().any(|data| is_changed(data)) {
                    true => watch.copy = read_again(&mut self.clients[who], watch)?,
                    false => of_it.into_iter().try_for_each(|data| watch.apply(data))?,
                }
            }
        }
        for at in 0..self.watches.len() {
            let watch = &self.watches[at];
            let now = read_again(&mut self.clients[watch.who], watch)?;
            same("a copy that is kept by what is told", &watch.copy, &now)?;
        }
        Ok(())
    }
}

impl Watch {
    /// What names a row: a folder, or a message in the folder of the table.
    fn row_id(&self, row: &PropertyRow) -> RowId {
        if self.columns.len() == HIERARCHY.len() {
            return RowId { folder: FolderId::from_i64(long(row, 0)), message: None };
        }
        let message = MessageId::from_i64(long(row, 0));
        RowId { folder: self.folder, message: Some((message, int(row, 1) as u32)) }
    }

    /// What a client does that never reads the table again.
    fn apply(&mut self, data: &NotificationData) -> Outcome {
        let event = data.table.as_deref().ok_or("a table is told of an event of its own")?;
        let row = event.row.ok_or("an event of a row names it")?;
        let old = self.copy.iter().position(|(id, _)| *id == row);
        if (event.event == TableEventType::RowAdded) == old.is_some() {
            return Err(format!("{event:?} of the copy {:?}", self.copy));
        }
        if let Some(old) = old {
            self.copy.remove(old);
        }
        let Some(content) = &event.content else { return Ok(()) };
        let behind = match content.after.folder.is_none() {
            true => 0,
            false => {
                let before = self.copy.iter().position(|(id, _)| *id == content.after);
                before
                    .ok_or_else(|| format!("the row before it is not there: {:?}", content.after))?
                    + 1
            }
        };
        let mut r = Reader::new(&content.row.bytes);
        let values = PropertyRow::read_with(&mut r, self.columns.as_slice())
            .map_err(|error| format!("a row that is told: {error}"))?;
        self.copy.insert(behind, (row, values));
        Ok(())
    }
}

fn sort_by_subject(client: &mut Client, table: Handle) -> Answer<()> {
    let order = SortOrderSet::new(vec![SortOrder::ascending(tags::SUBJECT)]);
    let request = SortTableRequest { flags: AsyncFlags::NONE, order };
    client.call(table, RopRequest::SortTable(request)).map(drop)
}

fn is_changed(data: &NotificationData) -> bool {
    data.table.as_ref().is_some_and(|event| event.event == TableEventType::Changed)
}

fn read_again(client: &mut Client, watch: &Watch) -> Outcome<Vec<(RowId, PropertyRow)>> {
    let request =
        SeekRowRequest { origin: Bookmark::Beginning, row_count: 0, want_row_moved_count: false };
    let sought = client.call(watch.table, RopRequest::SeekRow(request));
    sought.map_err(|code| format!("the beginning of a table: {code}"))?;
    let rows = all_rows(client, watch.table).map_err(|code| format!("a table: {code}"))?;
    Ok(rows.into_iter().map(|row| (watch.row_id(&row), row)).collect())
}
