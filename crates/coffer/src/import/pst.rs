//! A PST's folders and messages into the mailbox: each well-known folder to its counterpart, the others
//! to folders of their names.

use std::collections::HashMap;
use std::fs::File;
use std::ops::ControlFlow;

use formats::pst::{self, Folder, FolderKind, NodeId, Role, Visitor};
use formats::report::Report;
use mapi::{FolderId, PropertyValue, tags};
use store::folder::{self, NewFolder};
use store::mailbox::special::SpecialFolder;
use store::{Properties, StoreError};

use super::count::Kind;
use super::item::{self, Item};
use super::search::{self, Done};
use super::source::Source;
use super::{Import, guarded};

impl Import<'_> {
    pub fn pst(&mut self, source: &Source, name: &str) -> anyhow::Result<()> {
        let opened = File::open(&source.path).map_err(|e| format!("cannot open it: {e}"));
        let file = match opened
            .and_then(|file| guarded(|| pst::open(file).map_err(|error| error.to_string())))
        {
            Ok(file) => file,
            Err(why) => return self.refuse_file(name, &why),
        };
        self.counts.files.carried += 1;
        let expected = file.expected();
        self.total += expected.messages.expected + expected.associated.expected;
        let before = self.counts.clone_tallies();
        let mut walk = Walk {
            name: name.to_owned(),
            under: source.folder.clone(),
            folders: HashMap::new(),
            searches: Vec::new(),
            error: None,
            import: self,
        };
        let report = file.walk(&mut walk);
        let searched = if walk.error.is_none() { walk.searches() } else { Ok(()) };
        let error = walk.error.or(searched.err()).or(self.flush().err());
        self.counts.name_parts(&report, name);
        self.settle(&report, before);
        match error {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Brings the counts in line with what the reader says about the file: things that it could not read
    /// never came here, and an attachment of which only a part came is refused although it is there.
    fn settle(&mut self, report: &Report, before: super::count::Tallies) {
        // The reader counts them among the folders.
        let searches = self.counts.searches.expected - before.of(Kind::Search).expected;
        for (kind, tally) in [
            (Kind::Folder, report.folders),
            (Kind::Message, report.messages),
            (Kind::Associated, report.associated),
            (Kind::Attachment, report.attachments),
        ] {
            let Some(now) = self.counts.tally(kind) else { continue };
            let mut came = now.expected - before.of(kind).expected;
            if kind == Kind::Folder {
                came += searches;
            }
            let never_came = tally.expected.saturating_sub(came);
            let in_part = tally.refused().saturating_sub(never_came);
            now.expected += never_came;
            now.refused += never_came + in_part;
            let from_carried = in_part.min(now.carried - before.of(kind).carried);
            now.carried -= from_carried;
            now.present -= (in_part - from_carried).min(now.present);
        }
    }
}

/// Takes in what the reader finds.
struct Walk<'i, 'a> {
    name: String,
    /// Path of the import's folder for this file, below the one that the user named.
    under: Vec<String>,
    /// None where a folder could not be made, or would have been in a dry run.
    folders: HashMap<NodeId, Option<FolderId>>,
    /// Search folders, which name folders that come later.
    searches: Vec<Folder>,
    /// Why the walk was ended.
    error: Option<anyhow::Error>,
    import: &'i mut Import<'a>,
}

impl Visitor for Walk<'_, '_> {
    fn folder(&mut self, folder: &Folder) -> ControlFlow<()> {
        let done = self.place(folder);
        self.go_on(done)
    }

    fn message(&mut self, folder: &Folder, item: pst::Item) -> ControlFlow<()> {
        let done = self.take(folder, item);
        self.go_on(done)
    }
}

impl Walk<'_, '_> {
    fn go_on(&mut self, done: anyhow::Result<()>) -> ControlFlow<()> {
        match done {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.error = Some(error);
                ControlFlow::Break(())
            }
        }
    }

    fn take(&mut self, folder: &Folder, item: pst::Item) -> anyhow::Result<()> {
        self.import.done += 1;
        if self.import.done.is_multiple_of(64) {
            let what = format!("{}: {}", self.name, folder.path.join("/"));
            self.import.progress(&what)?;
        }
        let name = format!("{}: {}: node {:#x}", self.name, folder.path.join("/"), item.id.0);
        let target = self.folders.get(&folder.id).copied().flatten();
        let carried = Item {
            key: self.key(folder, &item),
            report: item::whole(&item.content),
            content: item.content,
            associated: item.associated,
            read: None,
        };
        self.import.take_into(carried, target, &name)
    }

    /// Finds or makes the counterpart of a folder.
    fn place(&mut self, found: &Folder) -> anyhow::Result<()> {
        if found.kind == FolderKind::Search {
            self.import.counts.expect(Kind::Search);
            self.searches.push(found.clone());
            return Ok(());
        }
        self.import.counts.expect(Kind::Folder);
        let id = match self.counterpart(found)? {
            Some(special) => {
                self.import.counts.present(Kind::Folder);
                Some(special)
            }
            None => self.make(found)?,
        };
        self.folders.insert(found.id, id);
        Ok(())
    }

    /// The folder of this mailbox that has the same role. Below a folder that the user named there are no
    /// roles: the whole tree goes there under its names.
    fn counterpart(&mut self, found: &Folder) -> anyhow::Result<Option<FolderId>> {
        let top = matches!(found.role, Some(Role::Root | Role::IpmSubtree));
        if !self.under.is_empty() || self.import.args.folder.is_some() {
            if !top {
                return Ok(None);
            }
            let base = self.import.targets.folder(&self.under, None, &mut self.import.counts)?;
            // In a dry run the base may not be there; what is below it is counted all the same.
            return Ok(base);
        }
        Ok(found.role.map(|role| counterpart(role).id()))
    }

    fn make(&mut self, found: &Folder) -> anyhow::Result<Option<FolderId>> {
        let parent = match found.parent {
            Some(parent) => self.folders.get(&parent).copied().flatten(),
            None => Some(SpecialFolder::IpmSubtree.id()),
        };
        let what = self.at(found);
        let counts = &mut self.import.counts;
        if self.import.args.dry_run {
            counts.carry(Kind::Folder);
            return Ok(None);
        }
        let Some(parent) = parent else {
            counts.refuse(Kind::Folder, what, "the folder above it could not be made");
            return Ok(None);
        };
        let name = super::target::folder_name(&found.name);
        if let Some(id) = folder::child_by_name(&self.import.mailbox, parent, &name)? {
            counts.present(Kind::Folder);
            return Ok(Some(id));
        }
        let new = new_folder(found, name, false);
        match folder::create(&self.import.mailbox, parent, &new) {
            Ok(created) => {
                self.import.counts.carry(Kind::Folder);
                Ok(Some(created.id))
            }
            Err(error @ (StoreError::Invalid(_) | StoreError::SearchFolder)) => {
                self.import.counts.refuse(Kind::Folder, what, error.to_string());
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Makes the search folders, once all folders are there.
    fn searches(&mut self) -> anyhow::Result<()> {
        // What was taken in and not committed yet is found as well.
        self.import.flush()?;
        for found in std::mem::take(&mut self.searches) {
            let what = self.at(&found);
            let parent = match found.parent {
                Some(parent) => self.folders.get(&parent).copied().flatten(),
                None => Some(SpecialFolder::IpmSubtree.id()),
            };
            let done = match parent {
                _ if self.import.args.dry_run => match &found.criteria {
                    Ok(Some(_)) => Done::Carried,
                    Ok(None) => Done::LeftOut("the file does not say what it looks for".into()),
                    Err(why) => Done::LeftOut(why.clone()),
                },
                None => Done::LeftOut("the folder above it is not there".into()),
                Some(parent) => {
                    let name = super::target::folder_name(&found.name);
                    let new = new_folder(&found, name, true);
                    let mailbox = &self.import.mailbox;
                    search::bring_over(mailbox, parent, &found, new, &self.folders)?
                }
            };
            let counts = &mut self.import.counts;
            match done {
                Done::Carried => counts.carry(Kind::Search),
                Done::Present => counts.present(Kind::Search),
                Done::LeftOut(why) => counts.leave_out(Kind::Search, what, why),
            }
        }
        Ok(())
    }

    /// What the mailbox knows the message by: where it goes, its node, and what tells files apart wherever
    /// they lie. An older copy of the same file thus makes no doubles, but brings what was changed since.
    fn key(&self, folder: &Folder, item: &pst::Item) -> Vec<u8> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"pst").update(&item.id.0.to_le_bytes()).update(&[u8::from(item.associated)]);
        self.import.hash_place(&mut hasher, &self.under);
        for name in &folder.path {
            hasher.update(name.as_bytes()).update(&[0]);
        }
        let told_by =
            [tags::SEARCH_KEY, tags::CREATION_TIME, tags::LAST_MODIFICATION_TIME, tags::SUBJECT];
        for tag in told_by {
            match item.content.properties.get(tag) {
                Some(PropertyValue::Binary(bytes)) => hasher.update(bytes),
                Some(PropertyValue::Time(time)) => hasher.update(&time.0.to_le_bytes()),
                Some(PropertyValue::String(text)) => hasher.update(text.as_bytes()),
                _ => hasher.update(&[0xff]),
            };
        }
        hasher.finalize().as_bytes()[..20].to_vec()
    }

    fn at(&self, found: &Folder) -> String {
        format!("{}: {}", self.name, found.path.join("/"))
    }
}

fn counterpart(role: Role) -> SpecialFolder {
    match role {
        Role::Root => SpecialFolder::Root,
        Role::IpmSubtree => SpecialFolder::IpmSubtree,
        Role::Inbox => SpecialFolder::Inbox,
        Role::Outbox => SpecialFolder::Outbox,
        Role::SentItems => SpecialFolder::SentItems,
        Role::DeletedItems => SpecialFolder::DeletedItems,
        Role::Drafts => SpecialFolder::Drafts,
        Role::Calendar => SpecialFolder::Calendar,
        Role::Contacts => SpecialFolder::Contacts,
        Role::Tasks => SpecialFolder::Tasks,
        Role::Notes => SpecialFolder::Notes,
        Role::Journal => SpecialFolder::Journal,
        Role::Finder => SpecialFolder::Search,
        Role::Views => SpecialFolder::Views,
        Role::CommonViews => SpecialFolder::CommonViews,
    }
}

fn new_folder(found: &Folder, display_name: String, search: bool) -> NewFolder {
    NewFolder {
        display_name,
        comment: found.properties.text(tags::COMMENT).unwrap_or_default(),
        container_class: found.class.clone(),
        open_existing: true,
        search,
        properties: kept(found),
        creator: None,
    }
}

/// Properties of a folder that mean the same in another store; ids, counters and entry ids do not.
fn kept(found: &Folder) -> Properties {
    const KEPT: &[mapi::PropertyTag] =
        &[tags::DEFAULT_POST_MESSAGE_CLASS, tags::EXTENDED_FOLDER_FLAGS];
    let mut properties = Properties::new();
    for tag in KEPT {
        if let Some(value) = found.properties.get(*tag) {
            properties.set(*tag, value.clone());
        }
    }
    properties
}
