//! What a view shows: a query that was found to make sense, and how its rows are made and followed.

use std::ops::ControlFlow;
use std::sync::Arc;

use mapi::sort::Direction as SortDirection;
use mapi::{FolderId, MessageId, PropertyTag, PropertyValue, Restriction};

use super::category::{Extreme, Groups};
use super::folder_row::FolderRow;
use super::places::Places;
use super::rows::Entry;
use super::source::{self, Context, Instance, MessageRow, RowSource};
use super::view::State;
use super::{Contents, Query, QueryRows, RowKey, RowObject, collate, evaluate, follow, members};
use crate::engine::{self, KeyRange, Reader, Space};
use crate::keys::{self, Kind};
use crate::mailbox::changes::ChangeKind;
use crate::record::folder::FolderRecord;
use crate::text::Searcher;
use crate::{Mailbox, Result, StoreError, folder};

/// Sort orders of a view at most.
pub const MAX_SORT: usize = 64;
/// Entries of the log that a view follows at once; beyond it is built anew.
const MAX_FOLLOW: usize = 4096;

/// A query that was found to make sense.
pub(crate) struct Plan {
    pub(crate) folder: FolderId,
    pub(crate) rows: QueryRows,
    pub(crate) columns: Vec<Column>,
    pub(crate) restriction: Option<Restriction>,
    pub(crate) limit: Option<usize>,
    /// The restriction may hold for some rows of an object and not for others.
    restricts_instances: bool,
    /// The properties that make a row of each of their values. Keys end with the number of the instance.
    instances: Vec<u16>,
    /// How many of the columns make categories.
    pub(crate) categories: usize,
    pub(crate) extreme: Option<Extreme>,
}

/// A column of the sort order.
pub(crate) struct Column {
    pub(crate) tag: PropertyTag,
    pub(crate) descending: bool,
}

impl Plan {
    /// Errors: [`StoreError::Invalid`], [`StoreError::TooComplex`].
    pub(crate) fn of(query: &Query) -> Result<Plan> {
        let sort = &query.sort;
        if !sort.is_valid() || sort.orders.len() > MAX_SORT {
            return Err(StoreError::Invalid("a sort order whose counts do not fit each other"));
        }
        let categories = usize::from(sort.categories);
        if categories > 0 && !query.rows.are_messages() {
            return Err(StoreError::Invalid("categories of another table than that of contents"));
        }
        let mut columns = Vec::with_capacity(sort.orders.len());
        let (mut instances, mut by_instance) = (Vec::new(), false);
        let mut extreme = None;
        for (at, order) in sort.orders.iter().enumerate() {
            if order.is_instance() {
                // MS-OXCTABL R75
                if at < categories && by_instance {
                    return Err(StoreError::Invalid(
                        "categories by several multi-value properties",
                    ));
                }
                by_instance |= at < categories;
                if !instances.contains(&order.tag.id()) {
                    instances.push(order.tag.id());
                }
            }
            let descending = match order.direction {
                SortDirection::Ascending => false,
                SortDirection::Descending => true,
                // MS-OXCTABL R78: right behind the categories.
                SortDirection::MaximumCategory | SortDirection::MinimumCategory
                    if at == categories && categories > 0 =>
                {
                    let smallest = order.direction == SortDirection::MinimumCategory;
                    extreme = Some(Extreme { tag: order.tag, smallest });
                    continue;
                }
                SortDirection::MaximumCategory | SortDirection::MinimumCategory => {
                    return Err(StoreError::Invalid("a category's sort order in another place"));
                }
                SortDirection::Unknown(_) => {
                    return Err(StoreError::Invalid("an unknown direction of a sort order"));
                }
            };
            columns.push(Column { tag: order.tag, descending });
        }
        if let Some(restriction) = &query.restriction {
            evaluate::check(restriction)?;
        }
        Ok(Plan {
            folder: query.folder,
            rows: query.rows,
            columns,
            restriction: query.restriction.clone(),
            limit: query.restriction.as_ref().and_then(evaluate::limit),
            restricts_instances: query
                .restriction
                .as_ref()
                .is_some_and(evaluate::looks_at_instances),
            instances,
            categories,
            extreme,
        })
    }

    /// The rows that an object has in this view.
    fn entries(&self, row: &dyn RowSource, id: u64, out: &mut Vec<Entry>) -> Result<()> {
        let each = self.restriction.as_ref().filter(|_| self.restricts_instances);
        if let (Some(restriction), None) = (&self.restriction, each)
            && !evaluate::matches(restriction, row_as_source(row))?
        {
            return Ok(());
        }
        let fits = |places: &Places| match each {
            Some(restriction) => evaluate::matches(restriction, &Instance(row, places)),
            None => Ok(true),
        };
        let mut values = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            values.push(row.sorted(column.tag)?);
        }
        let extreme = match &self.extreme {
            Some(extreme) => row.sorted(extreme.tag)?,
            None => None,
        };
        let unread = self.categories > 0 && row.is_unread()?;
        let mut push = |values: &[Option<PropertyValue>], instance| {
            let key = self.key(values, extreme.as_ref(), instance);
            out.push(Entry::new(&key, id).with_unread(unread));
        };
        if self.instances.is_empty() {
            if fits(&Places::default())? {
                push(&values, 0);
            }
            return Ok(());
        }
        let mut lists: Vec<(usize, u16, Vec<PropertyValue>)> = Vec::new();
        for (at, column) in self.columns.iter().enumerate() {
            if source::is_instance(column.tag) {
                let list = values[at].as_ref().and_then(collate::values).unwrap_or_default();
                lists.push((at, column.tag.id(), list));
            }
        }
        let counts = self.instances.iter().map(|id| {
            let list = lists.iter().find(|(_, known, _)| known == id);
            (*id, list.map_or(0, |(.., list)| list.len()))
        });
        let counts: Vec<(u16, usize)> = counts.collect();
        for number in 0..Places::count(&counts) {
            let places = Places::of(&counts, number as u32);
            for (at, id, list) in &lists {
                values[*at] = list.get(places.place(*id)).cloned();
            }
            if fits(&places)? {
                push(&values, number as u16);
            }
        }
        Ok(())
    }

    fn key(
        &self,
        values: &[Option<PropertyValue>],
        extreme: Option<&PropertyValue>,
        instance: u16,
    ) -> Vec<u8> {
        let mut key = Vec::new();
        for (column, value) in self.columns.iter().zip(values) {
            collate::push_column(&mut key, value.as_ref(), column.descending);
        }
        if self.extreme.is_some() {
            collate::push_column(&mut key, extreme, false);
        }
        if !self.instances.is_empty() {
            key.extend(instance.to_be_bytes());
        }
        key
    }

    /// The cursor that names a row.
    pub(crate) fn row_key(&self, entry: &Entry) -> RowKey {
        match (!self.instances.is_empty(), entry.key().split_last_chunk::<2>()) {
            (true, Some((sort, number))) => RowKey {
                sort: source::shared(sort),
                id: entry.id,
                instance: u32::from(u16::from_be_bytes(*number)),
                header: None,
            },
            _ => RowKey {
                sort: source::shared(entry.key()),
                id: entry.id,
                instance: 0,
                header: None,
            },
        }
    }

    /// Which instance of its object a row is.
    pub(crate) fn instance(&self, entry: &Entry) -> u32 {
        match (!self.instances.is_empty(), entry.key().last_chunk::<2>()) {
            (true, Some(number)) => u32::from(u16::from_be_bytes(*number)),
            _ => 0,
        }
    }

    /// The row that a cursor names, as it would stand in the view.
    pub(crate) fn entry(&self, key: &RowKey) -> Entry {
        match !self.instances.is_empty() {
            true => {
                let number = u16::try_from(key.instance).unwrap_or(u16::MAX);
                Entry::new(&[&key.sort[..], &number.to_be_bytes()].concat(), key.id)
            }
            false => Entry::new(&key.sort, key.id),
        }
    }

    pub(crate) fn object(&self, entry: &Entry) -> RowObject {
        let (replica, counter) = keys::id_parts(entry.id);
        match self.rows {
            QueryRows::Contents(_) | QueryRows::Conversation { .. } => {
                RowObject::Message(MessageId::new(replica, counter))
            }
            QueryRows::Hierarchy { .. } | QueryRows::DeletedHierarchy { .. } => {
                RowObject::Folder(FolderId::new(replica, counter))
            }
        }
    }

    /// The values of a row; None if it is not there in this state.
    pub(crate) fn row<'a>(
        &self,
        context: &'a Context<'a>,
        entry: &Entry,
    ) -> Result<Option<Box<dyn RowSource + 'a>>> {
        let instance = self.instance(entry);
        Ok(match (self.rows, self.object(entry)) {
            (_, RowObject::Message(id)) => {
                let Some(row) = self.message(context, id)? else { return Ok(None) };
                let places = self.places(&row, instance)?;
                Some(Box::new(row.with_instance(instance, places).with_depth(self.categories)))
            }
            (_, RowObject::Folder(id)) => {
                FolderRow::read(context, id)?.map(|row| Box::new(row) as Box<dyn RowSource>)
            }
            _ => None,
        })
    }

    /// Which values the row of an instance shows.
    fn places(&self, row: &MessageRow<'_>, instance: u32) -> Result<Places> {
        // The number itself, without a look at the values.
        if self.instances.len() < 2 {
            return Ok(Places::single(instance));
        }
        let mut counts = Vec::with_capacity(self.instances.len());
        for column in self.columns.iter().filter(|column| source::is_instance(column.tag)) {
            if !counts.iter().any(|(id, _)| *id == column.tag.id()) {
                let list = row.sorted(column.tag)?.and_then(|value| collate::values(&value));
                counts.push((column.tag.id(), list.map_or(0, |list| list.len())));
            }
        }
        Ok(Places::of(&counts, instance))
    }

    /// The row of a message; None if the table has none of it.
    fn message<'a>(
        &self,
        context: &'a Context<'a>,
        id: MessageId,
    ) -> Result<Option<MessageRow<'a>>> {
        match self.rows {
            QueryRows::Contents(contents) => MessageRow::read(context, contents, id),
            QueryRows::Conversation { everywhere } if self.restriction.is_some() => {
                members::read(context, everywhere, id)
            }
            _ => Ok(None),
        }
    }

    /// How many rows there are, if the folder's counters say it.
    pub(crate) fn count(&self, record: &FolderRecord) -> Option<usize> {
        if self.restriction.is_some() || !self.instances.is_empty() || self.categories > 0 {
            return None;
        }
        match self.rows {
            QueryRows::Contents(Contents::Normal) => Some(record.contents as usize),
            QueryRows::Contents(Contents::Associated) => Some(record.associated as usize),
            QueryRows::Hierarchy { depth: false } => Some(record.children as usize),
            _ => None,
        }
    }

    pub(crate) fn build(
        &self,
        mailbox: &Mailbox,
        reader: &dyn Reader,
        version: u64,
    ) -> Result<State> {
        let texts = Searcher::reading(mailbox, reader);
        let context = Context::new(mailbox, reader, self.folder).with_texts(&texts);
        let mut rows = Vec::new();
        match self.rows {
            QueryRows::Contents(contents)
                if self.columns.is_empty() && self.restriction.is_none() =>
            {
                self.visit_ids(&context, contents, &mut |id, _| {
                    rows.push(Entry::new(&[], keys::id_number(id.replica, id.counter)));
                    Ok(())
                })?;
            }
            QueryRows::Contents(contents) => {
                self.visit(&context, contents, &mut |row, id| self.entries(row, id, &mut rows))?;
            }
            QueryRows::Conversation { .. } if self.restriction.is_none() => {}
            QueryRows::Conversation { everywhere } => {
                let mut each = |row: &dyn RowSource, id| self.entries(row, id, &mut rows);
                members::visit(&context, everywhere, &mut each)?;
            }
            QueryRows::Hierarchy { depth } => {
                self.build_hierarchy(&context, depth, false, &mut rows)?;
            }
            QueryRows::DeletedHierarchy { depth } => {
                self.build_hierarchy(&context, depth, true, &mut rows)?;
            }
        }
        rows.sort_unstable();
        rows.truncate(self.limit.unwrap_or(usize::MAX));
        rows.shrink_to_fit();
        let groups = self.groups(&rows);
        Ok(State { version, changed: version, rows, groups })
    }

    pub(crate) fn groups(&self, rows: &[Entry]) -> Option<Arc<Groups>> {
        (self.categories > 0).then(|| Arc::new(Groups::of(self, rows)))
    }

    /// Calls `each` for all messages of the folder, in the order of their ids.
    pub(crate) fn visit(
        &self,
        context: &Context<'_>,
        contents: Contents,
        each: &mut dyn FnMut(&dyn RowSource, u64) -> Result<()>,
    ) -> Result<()> {
        self.visit_ids(context, contents, &mut |id, summary| {
            let row = MessageRow::of(context, contents, id, summary.into())?;
            each(&row, keys::id_number(id.replica, id.counter))
        })
    }

    /// Calls `each` with the ids and summaries of the folder.
    fn visit_ids(
        &self,
        context: &Context<'_>,
        contents: Contents,
        each: &mut dyn FnMut(MessageId, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let folder = keys::fid(self.folder);
        let prefix = match context.shows_links(contents)? {
            true => context.mailbox.key(Kind::Link, &[&folder]),
            false => context.mailbox.key(Kind::Summary, &[&folder, &[contents.to_byte()]]),
        };
        let range = KeyRange::prefix(prefix);
        engine::try_visit(context.reader, Space::Mailbox, &range, |key, summary| {
            if let Some((replica, counter)) = keys::tail_id(key) {
                each(MessageId::new(replica, counter), summary)?;
            }
            Ok(ControlFlow::Continue(()))
        })
    }

    /// Without a sort order, folders stand by name, each before the folders below it. With `deleted`, only
    /// soft-deleted ones are rows.
    fn build_hierarchy(
        &self,
        context: &Context<'_>,
        depth: bool,
        deleted: bool,
        rows: &mut Vec<Entry>,
    ) -> Result<()> {
        let Context { mailbox, reader, .. } = *context;
        let mut pending = vec![(self.folder, Vec::new(), 0)];
        while let Some((parent, path, level)) = pending.pop() {
            let mut children = folder::child_ids(mailbox, reader, parent)?;
            if deleted {
                children.extend(folder::deleted_child_ids(mailbox, reader, parent)?);
            }
            for id in children {
                let Some(row) = FolderRow::read(context, id)? else { continue };
                let number = keys::id_number(id.replica, id.counter);
                let before = rows.len();
                if !deleted || row.is_deleted() {
                    self.entries(&row, number, rows)?;
                }
                let mut below = path.clone();
                if self.columns.is_empty() {
                    collate::push_column(&mut below, Some(&row.name().into()), false);
                    if let Some(entry) = rows.get_mut(before) {
                        *entry = Entry::new(&below, number);
                    }
                }
                if depth && level < folder::MAX_DEPTH {
                    pending.push((id, below, level + 1));
                }
            }
        }
        Ok(())
    }

    /// What became of the messages that the log names since a state; None if it has to be built anew.
    pub(crate) fn follow(
        &self,
        mailbox: &Mailbox,
        reader: &dyn Reader,
        state: &State,
    ) -> Result<Option<(Vec<u64>, Vec<Entry>)>> {
        let Some(log) = follow::log_since(mailbox, reader, state.version, MAX_FOLLOW)? else {
            return Ok(None);
        };
        let mut ids = Vec::new();
        for entry in &log {
            if entry.kind == ChangeKind::LinksChanged && entry.folder == self.folder {
                return Ok(None);
            }
            let everywhere = self.rows == QueryRows::Conversation { everywhere: true };
            // With a folder goes or comes what is below it.
            if everywhere && entry.kind.is_folder() && entry.kind != ChangeKind::FolderModified {
                return Ok(None);
            }
            for (folder, message) in
                [(entry.folder, entry.message), (entry.old_folder, entry.old_message)]
            {
                if (everywhere || folder == self.folder) && !message.is_none() {
                    ids.push(keys::id_number(message.replica, message.counter));
                }
            }
        }
        ids.sort_unstable();
        ids.dedup();
        // To leave rows out or take them back in, the table has to be seen as a whole.
        if !ids.is_empty() && self.limit.is_some() || ids.len() > 64 + state.rows.len() / 8 {
            return Ok(None);
        }
        let context = Context::new(mailbox, reader, self.folder);
        let mut new = Vec::new();
        for id in &ids {
            let (replica, counter) = keys::id_parts(*id);
            let message = MessageId::new(replica, counter);
            if let Some(row) = self.message(&context, message)? {
                self.entries(&row, *id, &mut new)?;
            }
        }
        new.sort_unstable();
        Ok(Some((ids, new)))
    }
}

fn row_as_source(row: &dyn RowSource) -> &dyn evaluate::Source {
    row
}
