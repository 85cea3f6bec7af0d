//! The folders that a new mailbox has. Their ids are the same numbers in every mailbox.

use mapi::{ChangeNumber, FileTime, FolderId, PropertyValue, Wire, tags};

use super::receive::{self, ReceiveFolder};
use crate::MailboxNumber;
use crate::engine::{Batch, Space};
use crate::folder::FolderKind;
use crate::keys::{self, Kind};
use crate::permission::{Acl, Member, Rights};
use crate::record::folder::{FolderRecord, FolderState};
use crate::record::head::{Head, Info};
use crate::record::{parts, properties};
use crate::value::Properties;

macro_rules! special {
    (
        $(#[$about:meta])* $folders:ident:
        $($(#[$meta:meta])* $name:ident = $counter:literal, $parent:ident, $display:literal, $class:expr;)*
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $folders {
            $($(#[$meta])* $name = $counter,)*
        }

        impl $folders {
            pub const ALL: &[$folders] = &[$($folders::$name,)*];

            /// The folder's id, the same in every store of the kind.
            pub const fn id(self) -> FolderId {
                FolderId::own(self as u64)
            }

            /// The parent; the root is its own.
            pub const fn parent(self) -> $folders {
                match self { $($folders::$name => $folders::$parent,)* }
            }

            /// The display name that a new store gives it.
            pub const fn display_name(self) -> &'static str {
                match self { $($folders::$name => $display,)* }
            }

            /// PidTagContainerClass, where it has one.
            pub const fn container_class(self) -> Option<&'static str> {
                match self { $($folders::$name => $class,)* }
            }

            const fn standard(self) -> Standard {
                Standard {
                    id: self.id(),
                    parent: self.parent().id(),
                    name: self.display_name(),
                    class: self.container_class(),
                }
            }
        }
    };
}

/// A folder that a store has from the beginning, and never loses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standard {
    pub(crate) id: FolderId,
    pub(crate) parent: FolderId,
    pub(crate) name: &'static str,
    class: Option<&'static str>,
}

/// Those of a mailbox, or of the store of public folders.
pub(crate) fn standard(public: bool) -> Vec<Standard> {
    match public {
        false => SpecialFolder::ALL.iter().map(|folder| folder.standard()).collect(),
        true => PublicFolder::ALL.iter().map(|folder| folder.standard()).collect(),
    }
}

/// The one of this id.
pub(crate) fn find(public: bool, id: FolderId) -> Option<Standard> {
    match public {
        false => SpecialFolder::from_id(id).map(SpecialFolder::standard),
        true => {
            let found = PublicFolder::ALL.iter().find(|folder| folder.id() == id);
            found.map(|folder| folder.standard())
        }
    }
}

special! {
    /// A folder that every mailbox has. The first thirteen are those of RopLogon, in its order
    /// ([MS-OXCSTOR] 2.2.1.1.3).
    SpecialFolder:
    Root = 1, Root, "", None;
    DeferredAction = 2, Root, "Deferred Action", None;
    SpoolerQueue = 3, Root, "Spooler Queue", None;
    IpmSubtree = 4, Root, "Top of Information Store", None;
    Inbox = 5, IpmSubtree, "Inbox", Some("IPF.Note");
    Outbox = 6, IpmSubtree, "Outbox", Some("IPF.Note");
    SentItems = 7, IpmSubtree, "Sent Items", Some("IPF.Note");
    DeletedItems = 8, IpmSubtree, "Deleted Items", Some("IPF.Note");
    CommonViews = 9, Root, "Common Views", None;
    Schedule = 10, Root, "Schedule", None;
    Search = 11, Root, "Finder", None;
    Views = 12, Root, "Views", None;
    Shortcuts = 13, Root, "Shortcuts", None;
    Drafts = 14, IpmSubtree, "Drafts", Some("IPF.Note");
    Calendar = 15, IpmSubtree, "Calendar", Some("IPF.Appointment");
    Contacts = 16, IpmSubtree, "Contacts", Some("IPF.Contact");
    Tasks = 17, IpmSubtree, "Tasks", Some("IPF.Task");
    Notes = 18, IpmSubtree, "Notes", Some("IPF.StickyNote");
    Journal = 19, IpmSubtree, "Journal", Some("IPF.Journal");
    JunkEmail = 20, IpmSubtree, "Junk E-mail", Some("IPF.Note");
    Reminders = 21, Root, "Reminders", Some("Outlook.Reminder");
    FreebusyData = 22, Root, "Freebusy Data", None;
}

special! {
    /// A folder that the store of public folders has. Root and IPM subtree have the ids that they have in
    /// mailboxes.
    PublicFolder:
    Root = 1, Root, "", None;
    NonIpmSubtree = 2, Root, "NON_IPM_SUBTREE", None;
    EformsRegistry = 3, NonIpmSubtree, "EFORMS REGISTRY", None;
    IpmSubtree = 4, Root, "IPM_SUBTREE", None;
}

impl PublicFolder {
    /// The thirteen of RopLogon ([MS-OXCSTOR] 2.2.1.1.4). As in Exchange 2016, there are no folders of
    /// free/busy data, of offline address books and of news (MS-OXCSTOR R155), and none of forms for one
    /// language.
    pub fn of_logon() -> [FolderId; 13] {
        let mut folders = [FolderId::NONE; 13];
        folders[0] = PublicFolder::Root.id();
        folders[1] = PublicFolder::IpmSubtree.id();
        folders[2] = PublicFolder::NonIpmSubtree.id();
        folders[3] = PublicFolder::EformsRegistry.id();
        folders
    }
}

impl SpecialFolder {
    /// Which special folder an id is.
    pub fn from_id(id: FolderId) -> Option<SpecialFolder> {
        SpecialFolder::ALL.iter().copied().find(|folder| folder.id() == id)
    }

    /// The thirteen of RopLogon, in its order.
    pub fn of_logon() -> [FolderId; 13] {
        std::array::from_fn(|index| FolderId::own(index as u64 + 1))
    }
}

/// Ids up to this one are kept for special folders, also those of later versions.
const RESERVED: u64 = 0xff;

/// Writes a new mailbox: its head, its folders and its receive folder table. Nothing is delivered to the store
/// of public folders.
pub(crate) fn build(batch: &mut Batch, mailbox: MailboxNumber, info: &Info) {
    let mut head = Head { counter: RESERVED, sequence: 1, hierarchy: 1, ..Head::default() };
    let all = standard(info.public);
    for folder in &all {
        head.counter += 1;
        let record = record(folder, &all, ChangeNumber::own(head.counter), info.created);
        let key = keys::folder(mailbox, folder.id);
        batch.put(Space::Mailbox, key, record.to_bytes());
        if folder.id != folder.parent {
            let key = keys::child(mailbox, folder.parent, folder.name);
            batch.put(Space::Mailbox, key, keys::fid(folder.id));
        }
        let mut w = Vec::new();
        properties::write(&mut w, &folder_properties(folder, info));
        let prefix = keys::key(mailbox, Kind::FolderProperties, &[&keys::fid(folder.id)]);
        parts::put(batch, &prefix, &w, 0);
        if info.public {
            let key = keys::key(mailbox, Kind::Permissions, &[&keys::fid(folder.id)]);
            batch.put(Space::Mailbox, key, public_rights().to_bytes());
        }
    }
    for (class, folder) in RECEIVE.iter().filter(|_| !info.public) {
        let entry =
            ReceiveFolder { class: (*class).into(), folder: folder.id(), modified: info.created };
        let key = keys::key(mailbox, Kind::Receive, &[class.to_ascii_lowercase().as_bytes()]);
        batch.put(Space::Mailbox, key, receive::to_bytes(&entry));
    }
    batch.put(Space::Mailbox, keys::key(mailbox, Kind::Info, &[]), info.to_bytes());
    batch.put(Space::Mailbox, keys::key(mailbox, Kind::Head, &[]), head.to_bytes());
}

/// Who may do what in new public folders: as in Exchange, everybody is an author, and only administrators make
/// folders until somebody is allowed to.
fn public_rights() -> Acl {
    let author = Rights::READ_ANY
        | Rights::CREATE
        | Rights::EDIT_OWNED
        | Rights::DELETE_OWNED
        | Rights::FOLDER_VISIBLE;
    let mut acl = Acl::default();
    acl.set(Member::Default, author);
    acl
}

/// The receive folder table of a new mailbox.
pub(crate) const RECEIVE: &[(&str, SpecialFolder)] = &[
    ("", SpecialFolder::Inbox),
    ("IPM", SpecialFolder::Inbox),
    ("REPORT.IPM", SpecialFolder::Inbox),
    ("IPC", SpecialFolder::Root),
];

fn record(
    folder: &Standard,
    all: &[Standard],
    change: ChangeNumber,
    now: FileTime,
) -> FolderRecord {
    let is_child = |other: &&Standard| other.parent == folder.id && other.id != folder.id;
    let children = all.iter().filter(is_child).count();
    FolderRecord {
        parent: folder.parent,
        kind: match folder.id == folder.parent {
            true => FolderKind::Root,
            false => FolderKind::Generic,
        },
        state: FolderState::Present,
        change,
        contents: 0,
        unread: 0,
        associated: 0,
        soft_deleted: 0,
        size: 0,
        children: children as u32,
        deleted_total: 0,
        created: now,
        modified: now,
        last_commit: now,
        uid_validity: folder.id.counter.get() as u32,
        uid_next: 1,
        sequence: 1,
        name: folder.name.into(),
        deleted_size: 0,
        deleted_children: 0,
        deleted: FileTime(0),
    }
}

pub(crate) fn folder_properties(folder: &Standard, info: &Info) -> Properties {
    let mut properties = Properties::new();
    if let Some(class) = folder.class {
        properties.set(tags::CONTAINER_CLASS, class);
    }
    // [MS-OXOSFLD] 2.2.3: a client finds the others by the entry ids on the root and on the Inbox.
    let known = SpecialFolder::from_id(folder.id).filter(|_| !info.public);
    if matches!(known, Some(SpecialFolder::Root | SpecialFolder::Inbox)) {
        let entry_id = |folder: SpecialFolder| entry_id(info, folder);
        properties.set(tags::IPM_APPOINTMENT_ENTRY_ID, entry_id(SpecialFolder::Calendar));
        properties.set(tags::IPM_CONTACT_ENTRY_ID, entry_id(SpecialFolder::Contacts));
        properties.set(tags::IPM_JOURNAL_ENTRY_ID, entry_id(SpecialFolder::Journal));
        properties.set(tags::IPM_NOTE_ENTRY_ID, entry_id(SpecialFolder::Notes));
        properties.set(tags::IPM_TASK_ENTRY_ID, entry_id(SpecialFolder::Tasks));
        properties.set(tags::REMINDERS_ONLINE_ENTRY_ID, entry_id(SpecialFolder::Reminders));
        properties.set(tags::IPM_DRAFTS_ENTRY_ID, entry_id(SpecialFolder::Drafts));
        // [MS-OXOSFLD] 2.2.4: conflicts, sync issues, local and server failures do not exist.
        let additional = vec![vec![], vec![], vec![], vec![], entry_id(SpecialFolder::JunkEmail)];
        properties.set(tags::ADDITIONAL_REN_ENTRY_IDS, PropertyValue::MultipleBinary(additional));
        // [MS-OXOSFLD] 2.2.5: no persisted folder but the sentinel that ends the list.
        properties.set(tags::ADDITIONAL_REN_ENTRY_IDS_EX, vec![0u8; 4]);
        // [MS-OXOSFLD] 2.2.6: the fourth is the folder of free/busy data.
        let free_busy = vec![vec![], vec![], vec![], entry_id(SpecialFolder::FreebusyData)];
        properties.set(tags::FREE_BUSY_ENTRY_IDS, PropertyValue::MultipleBinary(free_busy));
    }
    properties
}

fn entry_id(info: &Info, folder: SpecialFolder) -> Vec<u8> {
    let long = mapi::LongTermId::new(info.replica, folder.id().counter);
    mapi::entry_id::FolderEntryId::private(info.guid, long).to_wire()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logon_folders_stand_first() {
        assert_eq!(SpecialFolder::of_logon()[4], SpecialFolder::Inbox.id());
        assert_eq!(SpecialFolder::of_logon()[12], SpecialFolder::Shortcuts.id());
        assert_eq!(
            SpecialFolder::from_id(SpecialFolder::Journal.id()),
            Some(SpecialFolder::Journal)
        );
    }
}
