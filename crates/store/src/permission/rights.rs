//! What a permissions list grants, and the answer to "may this user do this here, and why". Pure.

use std::fmt;
use std::ops::BitOr;

use mapi::Guid;

use super::acl::{Acl, Member};

/// Rights on a folder (PidTagMemberRights, [MS-OXCPERM] 2.2.7).
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Rights(pub u32);

impl Rights {
    pub const NONE: Rights = Rights(0);
    pub const READ_ANY: Rights = Rights(0x0001);
    pub const CREATE: Rights = Rights(0x0002);
    pub const EDIT_OWNED: Rights = Rights(0x0008);
    pub const DELETE_OWNED: Rights = Rights(0x0010);
    pub const EDIT_ANY: Rights = Rights(0x0020);
    pub const DELETE_ANY: Rights = Rights(0x0040);
    pub const CREATE_SUBFOLDER: Rights = Rights(0x0080);
    pub const FOLDER_OWNER: Rights = Rights(0x0100);
    /// Means nothing to the server (R3003).
    pub const FOLDER_CONTACT: Rights = Rights(0x0200);
    pub const FOLDER_VISIBLE: Rights = Rights(0x0400);
    pub const FREE_BUSY_SIMPLE: Rights = Rights(0x0800);
    pub const FREE_BUSY_DETAILED: Rights = Rights(0x1000);
    /// What an owner has: PidTagRights of the own mailbox.
    pub const ALL: Rights = Rights(0x07fb);
    pub const FREE_BUSY: Rights = Rights(0x1800);
    /// There are no others (R1093).
    pub const KNOWN: Rights = Rights(0x1ffb);

    const NAMES: [(Rights, &'static str); 12] = [
        (Rights::READ_ANY, "read any"),
        (Rights::CREATE, "create"),
        (Rights::EDIT_OWNED, "edit owned"),
        (Rights::DELETE_OWNED, "delete owned"),
        (Rights::EDIT_ANY, "edit any"),
        (Rights::DELETE_ANY, "delete any"),
        (Rights::CREATE_SUBFOLDER, "create subfolders"),
        (Rights::FOLDER_OWNER, "folder owner"),
        (Rights::FOLDER_CONTACT, "folder contact"),
        (Rights::FOLDER_VISIBLE, "folder visible"),
        (Rights::FREE_BUSY_SIMPLE, "free/busy simple"),
        (Rights::FREE_BUSY_DETAILED, "free/busy detailed"),
    ];

    /// Whether all of `other` are among these.
    pub fn contains(self, other: Rights) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether one of `other` is among these.
    pub fn has_any(self, other: Rights) -> bool {
        self.0 & other.0 != 0
    }

    pub fn without(self, other: Rights) -> Rights {
        Rights(self.0 & !other.0)
    }

    /// The rights as they are kept: none that is not defined, and what may be done to any item may be done to
    /// one's own (R124 and R132, R121 and R128 would contradict each other otherwise).
    pub(crate) fn normal(self) -> Rights {
        let mut rights = Rights(self.0 & Rights::KNOWN.0);
        if rights.contains(Rights::EDIT_ANY) {
            rights = rights | Rights::EDIT_OWNED;
        }
        if rights.contains(Rights::DELETE_ANY) {
            rights = rights | Rights::DELETE_OWNED;
        }
        rights
    }
}

impl BitOr for Rights {
    type Output = Rights;
    fn bitor(self, other: Rights) -> Rights {
        Rights(self.0 | other.0)
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Rights::NAMES.iter().filter(|(right, _)| self.contains(*right));
        let names: Vec<&str> = names.map(|(_, name)| *name).collect();
        match names.is_empty() {
            true => f.write_str("none"),
            false => f.write_str(&names.join(", ")),
        }
    }
}

impl fmt::Debug for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#06x} ({self})", self.0)
    }
}

/// Who wants something of a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// The mailbox is his own.
    Owner,
    /// He was granted full access to the mailbox.
    FullAccess,
    /// Only what folders grant. The GUID is that of his own mailbox.
    Other(Guid),
}

impl User {
    /// Whether no folder has to be asked.
    pub fn is_full(self) -> bool {
        !matches!(self, User::Other(_))
    }
}

/// What of a folder its rights depend on.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// None where nobody ever changed the permissions.
    pub acl: Option<&'a Acl>,
    /// It is the Calendar folder, the only one with free/busy rights.
    pub calendar: bool,
}

/// An item in a folder as far as rights depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// The user made it (PidTagCreatorEntryId).
    pub own: bool,
    /// Associated (FAI): it belongs to the folder, like its views and its rules.
    pub associated: bool,
}

/// Something that is done in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// To open it, to see it in its parent, and to look at its properties.
    SeeFolder,
    /// To read its permissions list ([MS-OXCPERM] 3.2.5.1).
    ReadPermissions,
    /// To change its properties and permissions, and to move or delete it.
    ChangeFolder,
    CreateSubfolder,
    CreateItem {
        associated: bool,
    },
    ReadItem(Item),
    EditItem(Item),
    DeleteItem(Item),
    /// Brief information about appointments.
    FreeBusy,
    /// Subjects and places of appointments.
    FreeBusyDetails,
    /// What concerns the mailbox as a whole: its properties, receive folders, the spooler.
    WholeMailbox,
}

impl Action {
    /// One of these is enough; none is for what folders do not grant.
    pub fn needs(self) -> Rights {
        use Rights as R;
        match self {
            Action::SeeFolder | Action::ReadPermissions => R::FOLDER_VISIBLE,
            Action::ChangeFolder => R::FOLDER_OWNER,
            Action::CreateSubfolder => R::CREATE_SUBFOLDER,
            Action::CreateItem { associated: false } => R::CREATE,
            Action::ReadItem(Item { own: false, .. }) => R::READ_ANY,
            Action::ReadItem(Item { own: true, .. }) => R::READ_ANY | R::FOLDER_VISIBLE,
            // A rule in a folder acts with all rights of its mailbox, so only who owns the folder makes one.
            Action::CreateItem { associated: true }
            | Action::EditItem(Item { associated: true, .. })
            | Action::DeleteItem(Item { associated: true, .. }) => R::FOLDER_OWNER,
            Action::EditItem(Item { own: false, .. }) => R::EDIT_ANY,
            Action::EditItem(Item { own: true, .. }) => R::EDIT_ANY | R::EDIT_OWNED,
            Action::DeleteItem(Item { own: false, .. }) => R::DELETE_ANY,
            Action::DeleteItem(Item { own: true, .. }) => R::DELETE_ANY | R::DELETE_OWNED,
            Action::FreeBusy => R::FREE_BUSY_SIMPLE | R::FREE_BUSY_DETAILED,
            Action::FreeBusyDetails => R::FREE_BUSY_DETAILED,
            Action::WholeMailbox => R::NONE,
        }
    }
}

/// Why something is allowed or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Because {
    /// The mailbox is the user's own.
    Owner,
    /// The user was granted full access to the mailbox.
    FullAccess,
    /// The folder's list says so: the entry that holds for the user, and what it grants.
    Entry { member: Member, rights: Rights },
    /// Nobody changed the folder's permissions, so only the owner has any beyond these.
    NoList { rights: Rights },
    /// No folder grants it.
    NotOfFolders,
}

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    pub allowed: bool,
    pub because: Because,
    /// One of these was needed.
    pub needs: Rights,
}

/// Whether a user may do something in a folder, and why.
pub fn judge(user: User, place: Place<'_>, action: Action) -> Verdict {
    let needs = action.needs();
    let verdict = |allowed, because| Verdict { allowed, because, needs };
    let member = match user {
        User::Owner => return verdict(true, Because::Owner),
        User::FullAccess => return verdict(true, Because::FullAccess),
        User::Other(member) => member,
    };
    if needs == Rights::NONE {
        return verdict(false, Because::NotOfFolders);
    }
    let (because, rights) = standing(member, place);
    verdict(rights.has_any(needs), because)
}

/// The rights that a user has in a folder: PidTagRights.
pub fn rights(user: User, place: Place<'_>) -> Rights {
    match user {
        User::Owner | User::FullAccess => Rights::ALL,
        User::Other(member) => standing(member, place).1,
    }
}

/// The entry of the list that holds for a user: his own, or that for everybody ([MS-OXCPERM] 3.2.4.1).
fn standing(member: Guid, place: Place<'_>) -> (Because, Rights) {
    let none = Acl::default();
    let Some(acl) = place.acl else {
        let rights = none.effective(Member::Default, place.calendar).unwrap_or_default();
        return (Because::NoList { rights }, rights);
    };
    let listed = Member::Account(member);
    let (member, rights) = match acl.effective(listed, place.calendar) {
        Some(rights) => (listed, rights),
        None => {
            let rights = acl.effective(Member::Default, place.calendar);
            (Member::Default, rights.unwrap_or_default())
        }
    };
    (Because::Entry { member, rights }, rights)
}

/// PidTagAccess of a folder from what is granted in it ([MS-OXCPRPT] 2.2.1.1).
pub fn folder_access(rights: Rights) -> i32 {
    use Rights as R;
    let bit = |needed: Rights, bit: i32| if rights.has_any(needed) { bit } else { 0 };
    bit(R::FOLDER_OWNER, MODIFY | DELETE | CREATE_ASSOCIATED)
        | bit(R::FOLDER_VISIBLE | R::READ_ANY, READ)
        | bit(R::CREATE_SUBFOLDER, CREATE_HIERARCHY)
        | bit(R::CREATE, CREATE_CONTENTS)
}

/// PidTagAccess of a message.
pub fn item_access(user: User, place: Place<'_>, item: Item) -> i32 {
    let bit = |action, bit: i32| if judge(user, place, action).allowed { bit } else { 0 };
    bit(Action::EditItem(item), MODIFY)
        | bit(Action::ReadItem(item), READ)
        | bit(Action::DeleteItem(item), DELETE)
}

const MODIFY: i32 = 0x01;
const READ: i32 = 0x02;
const DELETE: i32 = 0x04;
const CREATE_HIERARCHY: i32 = 0x08;
const CREATE_CONTENTS: i32 = 0x10;
const CREATE_ASSOCIATED: i32 = 0x20;

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: Guid = Guid([1; 16]);
    const BOB: Guid = Guid([2; 16]);

    fn acl(default: Rights, ann: Rights) -> Acl {
        let mut acl = Acl::default();
        acl.set(Member::Default, default);
        acl.set(Member::Account(ANN), ann);
        acl
    }

    fn may(acl: &Acl, user: Guid, action: Action) -> bool {
        judge(User::Other(user), Place { acl: Some(acl), calendar: false }, action).allowed
    }

    #[test]
    fn an_entry_of_ones_own_holds_and_the_default_for_all_others() {
        let acl = acl(Rights::READ_ANY | Rights::FOLDER_VISIBLE, Rights::FOLDER_VISIBLE);
        let others = Action::ReadItem(Item { own: false, associated: false });
        assert!(may(&acl, BOB, others) && !may(&acl, ANN, others));
        assert!(may(&acl, ANN, Action::SeeFolder));
        assert!(may(&acl, ANN, Action::ReadItem(Item { own: true, associated: false })));
        let place = Place { acl: Some(&acl), calendar: false };
        let because = Because::Entry { member: Member::Default, rights: acl.default };
        assert_eq!(judge(User::Other(BOB), place, others).because, because);
    }

    #[test]
    fn each_right_allows_its_actions_and_no_other() {
        let item = |own, associated| Item { own, associated };
        let actions = [
            Action::SeeFolder,
            Action::ChangeFolder,
            Action::CreateSubfolder,
            Action::CreateItem { associated: false },
            Action::CreateItem { associated: true },
            Action::ReadItem(item(false, false)),
            Action::EditItem(item(true, false)),
            Action::EditItem(item(false, false)),
            Action::EditItem(item(true, true)),
            Action::DeleteItem(item(true, false)),
            Action::DeleteItem(item(false, false)),
            Action::DeleteItem(item(false, true)),
            Action::FreeBusy,
            Action::WholeMailbox,
        ];
        let expected: [(Rights, &[usize]); 10] = [
            (Rights::READ_ANY, &[5]),
            (Rights::CREATE, &[3]),
            (Rights::EDIT_OWNED, &[6]),
            (Rights::DELETE_OWNED, &[9]),
            (Rights::EDIT_ANY, &[6, 7]),
            (Rights::DELETE_ANY, &[9, 10]),
            (Rights::CREATE_SUBFOLDER, &[2]),
            (Rights::FOLDER_OWNER, &[1, 4, 8, 11]),
            (Rights::FOLDER_CONTACT, &[]),
            (Rights::FOLDER_VISIBLE, &[0]),
        ];
        for (right, allowed) in expected {
            let acl = acl(Rights::NONE, right);
            for (at, action) in actions.iter().enumerate() {
                assert_eq!(may(&acl, ANN, *action), allowed.contains(&at), "{right:?} {action:?}");
            }
        }
    }

    #[test]
    fn without_a_list_nobody_else_has_anything_but_free_and_busy_of_the_calendar() {
        let judge =
            |calendar, action| judge(User::Other(ANN), Place { acl: None, calendar }, action);
        assert!(!judge(false, Action::SeeFolder).allowed);
        assert!(!judge(false, Action::FreeBusy).allowed);
        assert!(judge(true, Action::FreeBusy).allowed);
        assert!(!judge(true, Action::FreeBusyDetails).allowed);
        assert!(!judge(true, Action::SeeFolder).allowed);
        for user in [User::Owner, User::FullAccess] {
            let place = Place { acl: None, calendar: false };
            assert!(super::judge(user, place, Action::WholeMailbox).allowed);
            assert_eq!(rights(user, place), Rights(0x7fb));
            assert_eq!(folder_access(rights(user, place)), 0x3f);
        }
    }

    #[test]
    fn access_follows_from_rights() {
        let reviewer = Rights::READ_ANY | Rights::FOLDER_VISIBLE;
        assert_eq!(folder_access(reviewer), 0x02);
        assert_eq!(folder_access(reviewer | Rights::CREATE | Rights::CREATE_SUBFOLDER), 0x1a);
        let acl = acl(Rights::NONE, reviewer | Rights::EDIT_OWNED | Rights::DELETE_ANY);
        let place = Place { acl: Some(&acl), calendar: false };
        let access = |own| item_access(User::Other(ANN), place, Item { own, associated: false });
        assert_eq!((access(true), access(false)), (7, 6));
    }
}
