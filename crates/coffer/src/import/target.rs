//! Where imported messages go: finds folders by path and makes those that are missing.

use std::collections::HashMap;
use std::sync::Arc;

use mapi::FolderId;
use store::folder::{self, NewFolder};
use store::mailbox::special::SpecialFolder;
use store::{Mailbox, StoreError};

use super::count::{Counts, Kind};

/// A folder of the source: names from the outermost to the folder itself; empty for the import's own
/// folder.
pub type Path = [String];

/// Folders that were found or made, by path. In a dry run nothing is made.
pub struct Targets {
    mailbox: Arc<Mailbox>,
    /// Below which every path stands.
    base: Vec<String>,
    /// Single messages without a path go here.
    default: FolderId,
    dry_run: bool,
    known: HashMap<Vec<String>, Option<FolderId>>,
}

impl Targets {
    /// `base` is the path that the user named, such as `Old mail/2019`.
    pub fn new(mailbox: Arc<Mailbox>, base: Option<&str>, dry_run: bool) -> Self {
        let base: Vec<String> = base
            .unwrap_or_default()
            .split('/')
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        Targets {
            mailbox,
            base,
            default: SpecialFolder::Inbox.id(),
            dry_run,
            known: HashMap::new(),
        }
    }

    /// Where items of a kind go that have no path, such as appointments: into the folder of theirs that every
    /// mailbox has, if nobody named another.
    pub fn of_kind(
        &mut self,
        path: &Path,
        kind: SpecialFolder,
        counts: &mut Counts,
    ) -> Result<Option<FolderId>, StoreError> {
        match self.base.is_empty() && path.is_empty() {
            true => Ok(Some(kind.id())),
            false => self.folder(path, kind.container_class(), counts),
        }
    }

    /// The folder of a path. None in a dry run where the folder is not there yet.
    pub fn folder(
        &mut self,
        path: &Path,
        class: Option<&str>,
        counts: &mut Counts,
    ) -> Result<Option<FolderId>, StoreError> {
        let full: Vec<String> = self.base.iter().chain(path).cloned().collect();
        if full.is_empty() {
            return Ok(Some(self.default));
        }
        let mut parent = Some(SpecialFolder::IpmSubtree.id());
        for depth in 1..=full.len() {
            let path = &full[..depth];
            if let Some(known) = self.known.get(path) {
                parent = *known;
                continue;
            }
            counts.folders.expected += 1;
            let class = class.filter(|_| depth == full.len());
            let found = match parent {
                Some(parent) => self.find_or_make(parent, &full[depth - 1], class, counts)?,
                None => {
                    counts.folders.carried += 1;
                    None
                }
            };
            self.known.insert(path.to_vec(), found);
            parent = found;
        }
        Ok(parent)
    }

    fn find_or_make(
        &self,
        parent: FolderId,
        name: &str,
        class: Option<&str>,
        counts: &mut Counts,
    ) -> Result<Option<FolderId>, StoreError> {
        let name = folder_name(name);
        if let Some(id) = folder::child_by_name(&self.mailbox, parent, &name)? {
            counts.folders.present += 1;
            return Ok(Some(id));
        }
        if self.dry_run {
            counts.folders.carried += 1;
            return Ok(None);
        }
        let new = NewFolder {
            display_name: name,
            container_class: class.map(str::to_owned),
            open_existing: true,
            ..NewFolder::default()
        };
        let id = match folder::create(&self.mailbox, parent, &new) {
            Ok(created) => created.id,
            Err(StoreError::Invalid(why)) => {
                counts.refuse(Kind::Folder, new.display_name, why);
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        counts.folders.carried += 1;
        Ok(Some(id))
    }
}

/// A name as a folder can have it: not empty, and no slash, which stands between names here.
pub fn folder_name(name: &str) -> String {
    let name = name.trim().replace(['/', '\0'], "_");
    if name.is_empty() { "(no name)".into() } else { name }
}
