//! Carrying a mailbox, a folder or a message of a snapshot into a mailbox that is there. What comes back is a
//! copy under new ids; nothing that is there is touched.

use mapi::{FolderId, Guid, MessageId};

use super::error::{BackupError, Result};
use super::reader::Opened;
use super::{Progress, Watch};
use crate::engine::{Direction, KeyRange, Space};
use crate::folder::{self, NewFolder};
use crate::keys::{self, Kind};
use crate::mailbox::read_state::{self, Seen};
use crate::mailbox::writer;
use crate::permission::{self, Member};
use crate::table::Contents;
use crate::{Mailbox, SpecialFolder, StoreError, message};

/// How something is carried back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CarryOptions {
    /// To where it was, leaving out messages that are there still (under their ids); else into a new folder
    /// "Restored ...".
    pub in_place: bool,
    /// Messages that were soft-deleted when the backup was made as well; they come back as normal ones.
    pub deleted: bool,
    /// Go on where something cannot be read, and name it.
    pub skip_damaged: bool,
}

/// What was carried back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Carried {
    /// The path of the folder that it went to; empty for the whole mailbox.
    pub place: String,
    /// Folders that were made.
    pub folders: u64,
    pub messages: u64,
    pub associated: u64,
    /// Messages that were there still.
    pub present: u64,
    /// What was not carried, and why.
    pub refused: Vec<String>,
}

/// What of a mailbox is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Mailbox,
    /// With all below it.
    Folder(FolderId),
    Message(MessageId),
}

/// What is found below the root beside the tree of folders that people see.
const OTHERS: &str = "Other folders";

/// Carries a part of a mailbox of a snapshot into another mailbox: all properties, recipients, attachments,
/// embedded messages, the MIME original, read state and times stay; named properties are mapped.
///
/// Errors: [`BackupError::Refused`] if the part is not in the backup; [`BackupError::Damaged`] without
/// `skip_damaged`. What was carried before an error stays.
pub fn carry(
    opened: &Opened,
    source: &Mailbox,
    part: Part,
    target: &Mailbox,
    options: CarryOptions,
    watch: &mut Watch<'_>,
) -> Result<Carried> {
    if options.in_place && source.is_public() != target.is_public() {
        return Err(BackupError::Refused(
            "public folders and a mailbox have no folders in common; leave out --in-place".into(),
        ));
    }
    let mut carry = Carry { source, target, options, watch, done: Carried::default() };
    let top = match options.in_place {
        true => None,
        false => Some(carry.restored_folder(opened)?),
    };
    match part {
        Part::Mailbox => carry.mailbox(top)?,
        Part::Folder(id) => carry.folder(id, top)?,
        Part::Message(id) => carry.message(id, top)?,
    }
    Ok(carry.done)
}

/// A folder of a mailbox by its path below the top of the folder tree or below the root, such as
/// `Inbox/Work`.
pub fn find_folder(mailbox: &Mailbox, path: &str) -> Result<Option<FolderId>> {
    for top in [SpecialFolder::IpmSubtree, SpecialFolder::Root] {
        let mut at = Some(top.id());
        for name in path.split('/').filter(|name| !name.is_empty()) {
            let Some(parent) = at else { break };
            at = folder::child_by_name(mailbox, parent, name)?;
        }
        if at.is_some() {
            return Ok(at);
        }
    }
    Ok(None)
}

struct Carry<'a, 'w> {
    source: &'a Mailbox,
    target: &'a Mailbox,
    options: CarryOptions,
    watch: &'a mut Watch<'w>,
    done: Carried,
}

impl Carry<'_, '_> {
    /// Without `top` everything goes to where it was.
    fn mailbox(&mut self, top: Option<FolderId>) -> Result<()> {
        let root = SpecialFolder::Root.id();
        let Some(top) = top else {
            return self.tree(root, root, "");
        };
        self.permissions(SpecialFolder::IpmSubtree.id(), top)?;
        self.tree(SpecialFolder::IpmSubtree.id(), top, "")?;
        // Views and other settings lie beside what people see as their folders.
        let mut others = None;
        for child in self.children(root, "")? {
            if child == SpecialFolder::IpmSubtree.id() || !self.holds_anything(child)? {
                continue;
            }
            let parent = match others {
                Some(made) => made,
                None => *others.insert(self.make(top, OTHERS)?),
            };
            self.below(child, parent, OTHERS)?;
        }
        Ok(())
    }

    fn folder(&mut self, id: FolderId, top: Option<FolderId>) -> Result<()> {
        self.source_folder(id)?;
        match top {
            Some(top) => self.below(id, top, ""),
            None => {
                let (to, path) = self.place_of(id)?;
                self.done.place = path.clone();
                self.tree(id, to, &path)
            }
        }
    }

    fn message(&mut self, id: MessageId, top: Option<FolderId>) -> Result<()> {
        let found = message::open(self.source, id);
        let found = match found {
            Ok(found) => found,
            Err(StoreError::NotFound(_)) => {
                return Err(BackupError::Refused(format!(
                    "there is no message {id} in that mailbox of the backup; `coffer manifest \
                     --repository` lists those that there are"
                )));
            }
            Err(error) => return Err(damaged(format!("message {id}"), error)),
        };
        let to = match top {
            Some(top) => top,
            None => {
                let (to, path) = self.place_of(found.folder)?;
                self.done.place = path;
                to
            }
        };
        let path = self.done.place.clone();
        if top.is_some() {
            self.permissions(found.folder, to)?;
        }
        // One that was named is wanted, soft-deleted or not.
        let copy = self.copy(id, found.folder, to, found.associated, &path)?;
        let users = self.users_of(found.folder, &path)?;
        self.read_state(to, &users, &copy.map(|copy| (id, copy)).into_iter().collect::<Vec<_>>())
    }

    /// The folder of the target that stands where a folder of the source stood; those that are missing are
    /// made.
    fn place_of(&mut self, id: FolderId) -> Result<(FolderId, String)> {
        let mut chain = vec![id];
        while let Some(last) = chain.last().copied()
            && SpecialFolder::from_id(last).is_none()
            && chain.len() <= folder::MAX_DEPTH
        {
            chain.push(self.source_folder(last)?.parent);
        }
        let mut to = chain.pop().unwrap_or(id);
        let mut path = self.source_folder(to)?.name;
        for id in chain.into_iter().rev() {
            let name = self.source_folder(id)?.name;
            path = format!("{path}/{name}");
            to = self.find_or_make(id, to)?;
        }
        Ok((to, path))
    }

    /// A folder with all below it, into its counterpart below `parent`.
    fn below(&mut self, id: FolderId, parent: FolderId, path: &str) -> Result<()> {
        let name = match self.source_folder(id) {
            Ok(record) => record.name,
            Err(error) => return self.pass_over(format!("a folder below {path}/"), error),
        };
        let path = if path.is_empty() { name } else { format!("{path}/{name}") };
        match self.find_or_make(id, parent) {
            Ok(to) => self.tree(id, to, &path),
            Err(error) => self.pass_over(format!("the folder {path}"), error),
        }
    }

    /// Whether both are the store of public folders, in which folders say who may do what, and users what they
    /// have read.
    fn is_public(&self) -> bool {
        self.source.is_public() && self.target.is_public()
    }

    /// Gives a folder that was made the permissions of the one in the backup: nobody sees what comes back who did
    /// not see it then. Who is not here any more gets none.
    fn permissions(&self, id: FolderId, to: FolderId) -> Result<()> {
        if !self.is_public() {
            return Ok(());
        }
        let mut acl = permission::list(self.source, id)
            .map_err(|error| damaged(format!("the permissions of the folder {id}"), error))?
            .unwrap_or_default();
        let members: Vec<Guid> = acl.accounts().map(|(guid, _)| guid).collect();
        for guid in members {
            if self.target.store().account_by_mailbox_guid(guid)?.is_none() {
                acl.remove(Member::Account(guid));
            }
        }
        Ok(permission::replace(self.target, to, acl)?)
    }

    /// What users had read of messages, who are there still, they have read of the copies.
    fn read_state(
        &self,
        to: FolderId,
        users: &[(Guid, Seen)],
        copies: &[(MessageId, MessageId)],
    ) -> Result<()> {
        let hot = |mailbox: &Mailbox, id| message::read_hot(mailbox, mailbox.reader(), id);
        for (user, seen) in users {
            let mut changes = Vec::new();
            for (old, new) in copies {
                if let (Some(old), Some(new)) = (hot(self.source, *old)?, hot(self.target, *new)?)
                    && seen.has(self.source, old.change)?
                {
                    changes.push((new.change, true));
                }
            }
            if !changes.is_empty() {
                writer::write(self.target, |tx| read_state::mark(tx, *user, to, &changes))?;
            }
        }
        Ok(())
    }

    /// What users who are here had read in a folder.
    fn users_of(&self, id: FolderId, path: &str) -> Result<Vec<(Guid, Seen)>> {
        if !self.is_public() {
            return Ok(Vec::new());
        }
        let mut users =
            read_state::of_all(self.source, self.source.reader(), id).map_err(|error| {
                damaged(format!("what users have read in the folder {path}"), error)
            })?;
        let store = self.target.store();
        let mut known = Vec::new();
        for (user, _) in &users {
            known.push(store.account_by_mailbox_guid(*user)?.is_some());
        }
        let mut known = known.into_iter();
        users.retain(|_| known.next() == Some(true));
        Ok(users)
    }

    /// The messages of a folder and the folders below it, into a folder.
    fn tree(&mut self, id: FolderId, to: FolderId, path: &str) -> Result<()> {
        for class in 0..4 {
            let contents = Contents::from_byte(class);
            if !contents.is_deleted() || self.options.deleted {
                self.messages(id, to, contents, path)?;
            }
        }
        for child in self.children(id, path)? {
            self.below(child, to, path)?;
        }
        Ok(())
    }

    fn messages(
        &mut self,
        id: FolderId,
        to: FolderId,
        contents: Contents,
        path: &str,
    ) -> Result<()> {
        let prefix = self.source.key(Kind::Summary, &[&keys::fid(id), &[contents.to_byte()]]);
        let mut range = KeyRange::prefix(prefix);
        let users = self.users_of(id, path)?;
        loop {
            let page = self.source.reader().keys(Space::Mailbox, &range, Direction::Forward, 256);
            let page = page.map_err(|error| damaged(format!("the folder {path}"), error.into()))?;
            let Some(last) = page.last() else { return Ok(()) };
            range = range.beyond(last, Direction::Forward);
            let mut copies = Vec::new();
            for key in &page {
                let Some((replica, counter)) = keys::tail_id(key) else { continue };
                let message = MessageId::new(replica, counter);
                let copy = self.copy(message, id, to, contents.is_associated(), path)?;
                copies.extend(copy.map(|copy| (message, copy)));
            }
            self.read_state(to, &users, &copies)?;
        }
    }

    fn copy(
        &mut self,
        id: MessageId,
        from: FolderId,
        to: FolderId,
        associated: bool,
        path: &str,
    ) -> Result<Option<MessageId>> {
        self.look(path)?;
        if self.options.in_place && self.is_there(id)? {
            self.done.present += 1;
            return Ok(None);
        }
        match message::copy_across(self.source, from, id, self.target, to) {
            Ok(Some(copy)) => {
                match associated {
                    true => self.done.associated += 1,
                    false => self.done.messages += 1,
                }
                return Ok(Some(copy));
            }
            Ok(None) => self.refuse(format!("message {id} of {path}: it is in another folder")),
            Err(
                error @ (StoreError::TooBig { .. }
                | StoreError::Invalid(_)
                | StoreError::NotImplemented(_)
                | StoreError::Quota(_)),
            ) => self.refuse(format!("message {id} of {path}: {error}")),
            Err(error) => self.pass_over(format!("message {id} of {path}"), error.into())?,
        }
        Ok(None)
    }

    /// Whether the message is still in the mailbox that it was backed up from. A message that was moved has
    /// another id, and comes back as a second one.
    fn is_there(&self, id: MessageId) -> Result<bool> {
        if self.source.guid() != self.target.guid() {
            return Ok(false);
        }
        let hot = message::read_hot(self.target, self.target.reader(), id)?;
        Ok(hot.is_some_and(|hot| !hot.contents.is_deleted()))
    }

    fn find_or_make(&mut self, id: FolderId, parent: FolderId) -> Result<FolderId> {
        if self.options.in_place && SpecialFolder::from_id(id).is_some() {
            return Ok(id);
        }
        let record = self.source_folder(id)?;
        if let Some(found) = folder::child_by_name(self.target, parent, &record.name)? {
            return Ok(found);
        }
        let made = folder::copy_empty(self.source, id, self.target, parent, None)?;
        self.permissions(id, made)?;
        self.done.folders += 1;
        Ok(made)
    }

    fn make(&mut self, parent: FolderId, name: &str) -> Result<FolderId> {
        let new = NewFolder { display_name: name.into(), ..NewFolder::default() };
        let made = folder::create(self.target, parent, &new)?.id;
        self.done.folders += 1;
        Ok(made)
    }

    /// A new folder at the top for what comes back.
    fn restored_folder(&mut self, opened: &Opened) -> Result<FolderId> {
        let top = SpecialFolder::IpmSubtree.id();
        let (year, month, day, hour, minute, second) = opened.snapshot.time.to_civil();
        let base =
            format!("Restored {year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC");
        let mut name = base.clone();
        let mut nth = 1;
        while folder::child_by_name(self.target, top, &name)?.is_some() {
            nth += 1;
            name = format!("{base} ({nth})");
        }
        let made = self.make(top, &name)?;
        self.done.place = name;
        Ok(made)
    }

    fn source_folder(&self, id: FolderId) -> Result<crate::record::folder::FolderRecord> {
        folder::record(self.source, self.source.reader(), id)
            .map_err(|error| damaged(format!("the folder {id}"), error))
    }

    /// By name.
    fn children(&mut self, id: FolderId, path: &str) -> Result<Vec<FolderId>> {
        let ids = folder::child_ids(self.source, self.source.reader(), id)
            .map_err(|error| damaged(format!("the folders below {path}/"), error))?;
        let mut named = Vec::new();
        for id in ids {
            match self.source_folder(id) {
                Ok(record) => named.push((keys::fold_name(&record.name), id)),
                Err(error) => self.pass_over(format!("a folder below {path}/"), error)?,
            }
        }
        named.sort();
        Ok(named.into_iter().map(|(_, id)| id).collect())
    }

    fn holds_anything(&self, id: FolderId) -> Result<bool> {
        let record = self.source_folder(id)?;
        let deleted = if self.options.deleted { record.soft_deleted } else { 0 };
        Ok(record.children > 0 || record.contents + record.associated + deleted > 0)
    }

    fn pass_over(&mut self, what: String, error: BackupError) -> Result<()> {
        let error = match error {
            BackupError::Store(error) => damaged(what, error),
            other => other,
        };
        match error {
            BackupError::Damaged { what, reason } if self.options.skip_damaged => {
                self.refuse(format!("{what}: {reason}"));
                Ok(())
            }
            error => Err(error),
        }
    }

    fn refuse(&mut self, what: String) {
        self.done.refused.push(what);
    }

    fn look(&mut self, path: &str) -> Result<()> {
        let done = self.done.messages + self.done.associated + self.done.present;
        let progress = Progress { what: path, mailboxes_done: 0, mailboxes: 1, records: done };
        if (self.watch)(progress) { Ok(()) } else { Err(BackupError::Stopped) }
    }
}

/// What cannot be read is damaged; other errors stay what they are.
fn damaged(what: String, error: StoreError) -> BackupError {
    match error {
        StoreError::Corrupt(reason) => BackupError::Damaged { what, reason },
        StoreError::NotFound(_) => {
            BackupError::Damaged { what, reason: "it is not in the backup".into() }
        }
        other => BackupError::Store(other),
    }
}
