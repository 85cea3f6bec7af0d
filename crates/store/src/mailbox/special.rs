//! The folders that a new mailbox has. Their ids are the same numbers in every mailbox.

use mapi::FolderId;

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
