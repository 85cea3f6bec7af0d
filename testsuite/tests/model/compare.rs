//! Compares what the server shows with the model, and learns from it the ids that it gave.

use mapi::{FolderId, MessageId, PropertyRow, PropertyTag, PropertyValue, tags};
use mapi_rop::Handle;
use mapi_rop::folder::TableFlags;
use testsuite::raw::{Answer, Client};

use crate::run::{Outcome, Run};
use crate::store::{FolderKey, INBOX, Message, TOP};

impl Run<'_> {
    /// Asks for what the server gave ids in the whole tree.
    pub fn learn(&mut self, who: usize) -> Outcome {
        let mut keys: Vec<FolderKey> = vec![self.key(TOP), self.key(INBOX)];
        while let Some(key) = keys.pop() {
            let at = self.model.index(key);
            self.compare_children(who, at)?;
            self.compare_folder(who, at)?;
            let children = self.model.children(key);
            keys.extend(children.into_iter().map(|at| self.key(at)));
        }
        Ok(())
    }

    pub fn compare(&mut self, who: usize) -> Outcome {
        self.learn(who)?;
        self.compare_searches(who)?;
        self.compare_watches()?;
        self.compare_mail()?;
        self.compare_commons()
    }

    fn compare_children(&mut self, who: usize, folder: usize) -> Outcome {
        let found = self.subfolders(who, folder, TableFlags::NONE)?;
        for at in self.model.children(self.key(folder)) {
            let child = &mut self.model.folders[at];
            if child.id.is_none() {
                let there = found.iter().find(|(name, _)| *name == child.name);
                child.id = there.map(|(_, id)| *id);
            }
        }
        let children = self.model.children(self.key(folder)).into_iter();
        let children = children.map(|at| &self.model.folders[at]);
        let mut expected: Vec<(String, FolderId)> = children
            .map(|child| (child.name.clone(), child.id.unwrap_or(FolderId::NONE)))
            .collect();
        expected.sort();
        same("subfolders", found, expected)?;
        let key = self.key(folder);
        let gone = self.model.gone.iter().filter(|gone| gone.parent == key);
        let mut expected: Vec<(String, FolderId)> = gone
            .map(|gone| {
                (gone.folders[0].name.clone(), gone.folders[0].id.unwrap_or(FolderId::NONE))
            })
            .collect();
        expected.sort();
        let found = self.subfolders(who, folder, TableFlags::SOFT_DELETES)?;
        same("soft-deleted subfolders", found, expected)
    }

    /// Names and ids, sorted.
    fn subfolders(
        &mut self,
        who: usize,
        folder: usize,
        flags: TableFlags,
    ) -> Outcome<Vec<(String, FolderId)>> {
        let rows = self.with_folder(who, self.id(folder), |client, folder| {
            let table = client.hierarchy(folder, flags)?;
            client.set_columns(table, &[tags::FOLDER_ID, tags::DISPLAY_NAME])?;
            let rows = all_rows(client, table)?;
            client.release(table);
            Ok(rows)
        })?;
        let rows = rows.map_err(|code| format!("a hierarchy table: {code}"))?;
        let mut found: Vec<(String, FolderId)> =
            rows.iter().map(|row| (text(row, 1), FolderId::from_i64(long(row, 0)))).collect();
        found.sort();
        Ok(found)
    }

    pub fn compare_folder(&mut self, who: usize, folder: usize) -> Outcome {
        const COUNTS: [PropertyTag; 4] = [
            tags::CONTENT_COUNT,
            tags::CONTENT_UNREAD_COUNT,
            tags::ASSOCIATED_CONTENT_COUNT,
            tags::SUBFOLDERS,
        ];
        let asked = self.with_folder(who, self.id(folder), |client, folder| {
            let mut tables = Vec::new();
            let soft = TableFlags::SOFT_DELETES;
            let fai = TableFlags::ASSOCIATED;
            for flags in [TableFlags::NONE, fai, soft, soft | fai] {
                let table = client.contents(folder, flags)?;
                let columns = [tags::MID, tags::SUBJECT, tags::IMPORTANCE, tags::MESSAGE_FLAGS];
                client.set_columns(table, &columns)?;
                tables.push(all_rows(client, table)?);
                client.release(table);
            }
            let mut counts = Vec::new();
            for tag in COUNTS {
                counts.push(client.get(folder, tag)?);
            }
            Ok((tables, counts))
        })?;
        let (tables, counts) = asked.map_err(|code| format!("a folder's content: {code}"))?;
        for fai in [false, true] {
            self.compare_messages(folder, fai, &tables[usize::from(fai)])?;
            self.compare_deleted(folder, fai, &tables[2 + usize::from(fai)])?;
        }
        let model = &self.model.folders[folder];
        let subfolders = !self.model.children(model.key).is_empty();
        let expected: Vec<PropertyValue> = vec![
            (model.count(false) as i32).into(),
            (model.unread() as i32).into(),
            (model.count(true) as i32).into(),
            subfolders.into(),
        ];
        same("counters", counts, expected)
    }

    fn compare_messages(&mut self, folder: usize, fai: bool, rows: &[PropertyRow]) -> Outcome {
        let mut found: Vec<Seen> = rows.iter().map(seen).collect();
        found.sort();
        let known: Vec<MessageId> =
            self.model.folders[folder].messages.iter().filter_map(|message| message.id).collect();
        // New ones are told by what they are: those that are alike may be taken for each other.
        let mut new: Vec<&Seen> = found.iter().filter(|seen| !known.contains(&seen.id)).collect();
        let messages = self.model.folders[folder].messages.iter_mut();
        for message in messages.filter(|message| message.associated == fai) {
            if message.id.is_some() {
                continue;
            }
            let at = new.iter().position(|seen| {
                (&seen.subject, seen.importance, seen.read)
                    == (&message.subject, message.importance, message.read)
            });
            message.id = at.map(|at| new.remove(at).id);
        }
        let expected = expected(&self.model.folders[folder].messages, fai);
        same(if fai { "associated messages" } else { "messages" }, found, expected)
    }

    fn compare_deleted(&self, folder: usize, fai: bool, rows: &[PropertyRow]) -> Outcome {
        let mut found: Vec<Seen> = rows.iter().map(seen).collect();
        found.sort();
        same("soft-deleted messages", found, expected(&self.model.folders[folder].deleted, fai))
    }
}

/// A row of a contents table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    subject: String,
    importance: i32,
    read: bool,
    id: MessageId,
}

fn expected(messages: &[Message], fai: bool) -> Vec<Seen> {
    let messages = messages.iter().filter(|message| message.associated == fai);
    let mut expected: Vec<Seen> = messages
        .map(|message| Seen {
            id: message.id.unwrap_or(MessageId::NONE),
            subject: message.subject.clone(),
            importance: message.importance,
            read: message.read,
        })
        .collect();
    expected.sort();
    expected
}

fn seen(row: &PropertyRow) -> Seen {
    Seen {
        id: MessageId::from_i64(long(row, 0)),
        subject: text(row, 1),
        importance: int(row, 2),
        read: int(row, 3) & 1 != 0,
    }
}

pub fn text(row: &PropertyRow, index: usize) -> String {
    let value = row.value(index).and_then(PropertyValue::as_text);
    value.map(|text| text.to_string_lossy().into_owned()).unwrap_or_default()
}

pub fn int(row: &PropertyRow, index: usize) -> i32 {
    row.value(index).and_then(PropertyValue::as_i32).unwrap_or(-1)
}

pub fn long(row: &PropertyRow, index: usize) -> i64 {
    row.value(index).and_then(PropertyValue::as_i64).unwrap_or(0)
}

pub fn all_rows(client: &mut Client, table: Handle) -> Answer<Vec<PropertyRow>> {
    let mut rows = Vec::new();
    loop {
        let some = client.query_rows(table, 100)?.rows;
        if some.is_empty() {
            return Ok(rows);
        }
        rows.extend(some);
    }
}

pub fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}

pub fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Outcome {
    match found == expected {
        true => Ok(()),
        false => Err(format!("{what}: {found:?}, and the model has {expected:?}")),
    }
}
