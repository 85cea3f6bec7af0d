//! The folders that a new mailbox has. Their ids are the same numbers in every mailbox.

use mapi::{ChangeNumber, FileTime, FolderId, PropertyValue, Wire, tags};

use super::receive::{self, ReceiveFolder};
use crate::MailboxNumber;
use crate::engine::{Batch, Space};
use crate::folder::FolderKind;
use crate::keys::{self, Kind};
use crate::record::folder::{FolderRecord, FolderState};
use crate::record::head::{Head, Info};
use crate::record::{parts, properties};
use crate::value::Properties;

macro_rules! special {
    ($($(#[$meta:meta])* $name:ident = $counter:literal, $parent:ident, $display:literal, $class:expr;)*) => {
        /// A folder that every mailbox has. The first thirteen are those of RopLogon, in its order
        /// ([MS-OXCSTOR] 2.2.1.1.3).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum SpecialFolder {
            $($(#[$meta])* $name = $counter,)*
        }

        impl SpecialFolder {
            pub const ALL: &[SpecialFolder] = &[$(SpecialFolder::$name,)*];

            /// The parent; the root is its own.
            pub const fn parent(self) -> SpecialFolder {
                match self { $(SpecialFolder::$name => SpecialFolder::$parent,)* }
            }

            /// The display name that a new mailbox gives it.
            pub const fn display_name(self) -> &'static str {
                match self { $(SpecialFolder::$name => $display,)* }
            }

            /// PidTagContainerClass, where it has one.
            pub const fn container_class(self) -> Option<&'static str> {
                match self { $(SpecialFolder::$name => $class,)* }
            }
        }
    };
}

special! {
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

impl SpecialFolder {
    /// The folder's id, the same in every mailbox.
    pub const fn id(self) -> FolderId {
        FolderId::own(self as u64)
    }

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

/// Writes a new mailbox: its head, its folders and its receive folder table.
pub(crate) fn build(batch: &mut Batch, mailbox: MailboxNumber, info: &Info) {
    let mut head = Head { counter: RESERVED, sequence: 1, hierarchy: 1, ..Head::default() };
    for folder in SpecialFolder::ALL {
        head.counter += 1;
        let record = record(*folder, ChangeNumber::own(head.counter), info.created);
        let key = keys::folder(mailbox, folder.id());
        batch.put(Space::Mailbox, key, record.to_bytes());
        if *folder != SpecialFolder::Root {
            let key = keys::child(mailbox, folder.parent().id(), folder.display_name());
            batch.put(Space::Mailbox, key, keys::fid(folder.id()));
        }
        let mut w = Vec::new();
        properties::write(&mut w, &folder_properties(*folder, info));
        let prefix = keys::key(mailbox, Kind::FolderProperties, &[&keys::fid(folder.id())]);
        parts::put(batch, &prefix, &w, 0);
    }
    for (class, folder) in RECEIVE {
        let entry =
            ReceiveFolder { class: (*class).into(), folder: folder.id(), modified: info.created };
        let key = keys::key(mailbox, Kind::Receive, &[class.to_ascii_lowercase().as_bytes()]);
        batch.put(Space::Mailbox, key, receive::to_bytes(&entry));
    }
    batch.put(Space::Mailbox, keys::key(mailbox, Kind::Info, &[]), info.to_bytes());
    batch.put(Space::Mailbox, keys::key(mailbox, Kind::Head, &[]), head.to_bytes());
}

/// The receive folder table of a new mailbox.
pub(crate) const RECEIVE: &[(&str, SpecialFolder)] = &[
    ("", SpecialFolder::Inbox),
    ("IPM", SpecialFolder::Inbox),
    ("REPORT.IPM", SpecialFolder::Inbox),
    ("IPC", SpecialFolder::Root),
];

fn record(folder: SpecialFolder, change: ChangeNumber, now: FileTime) -> FolderRecord {
    let children = SpecialFolder::ALL
        .iter()
        .filter(|child| child.parent() == folder && **child != SpecialFolder::Root)
        .count();
    FolderRecord {
        parent: folder.parent().id(),
        kind: match folder {
            SpecialFolder::Root => FolderKind::Root,
            _ => FolderKind::Generic,
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
        uid_validity: folder as u32,
        uid_next: 1,
        sequence: 1,
        name: folder.display_name().into(),
        deleted_size: 0,
        deleted_children: 0,
        deleted: FileTime(0),
    }
}

pub(crate) fn folder_properties(folder: SpecialFolder, info: &Info) -> Properties {
    let mut properties = Properties::new();
    if let Some(class) = folder.container_class() {
        properties.set(tags::CONTAINER_CLASS, class);
    }
    // [MS-OXOSFLD] 2.2.3: a client finds the others by the entry ids on the root and on the Inbox.
    if matches!(folder, SpecialFolder::Root | SpecialFolder::Inbox) {
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
