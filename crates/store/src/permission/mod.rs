//! Permissions of folders ([MS-OXCPERM]): who beside the owner may do what in which folder.
//!
//! INVARIANT: whatever asks whether somebody may do something asks [`judge`]. Who owns the mailbox or has full
//! access to it may do everything, and no folder is read to find out.

mod acl;
mod rights;

use std::ops::ControlFlow;

use mapi::entry_id::AddressBookEntryId;
use mapi::restriction::Relation;
use mapi::{
    FolderId, Guid, MessageId, PropertyTag, PropertyValue, Reader as WireReader, Restriction,
    TaggedValue, Wire, tags,
};

pub use self::acl::{Acl, Member};
pub use self::rights::{
    Action, Because, Item, Place, Rights, User, Verdict, folder_access, item_access, judge, rights,
};

use crate::engine::{Direction, KeyRange, Reader, Space};
use crate::keys::{self, Kind};
use crate::mailbox::changes::{Change as Entry, ChangeKind};
use crate::mailbox::writer::{self, Tx};
use crate::record::{node, parts};
use crate::{
    Account, Mailbox, Properties, Result, SpecialFolder, Store, StoreError, folder, message,
};

/// A change of a permissions list ([MS-OXCPERM] 2.2.2.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Adds the member, or replaces what he has.
    Add(Member, Rights),
    /// Changes an entry; nothing where there is none (R1175).
    Modify(Member, Rights),
    Remove(Member),
}

/// How a list is changed ([MS-OXCPERM] 2.2.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mode {
    /// All entries but the one for everybody go first.
    pub replace: bool,
    /// The free/busy rights that are given hold; else those that there are stay.
    pub free_busy: bool,
}

impl Store {
    /// As whom an account meets a mailbox.
    pub fn user_of(&self, mailbox: crate::MailboxNumber, account: &Account) -> Result<User> {
        if account.mailbox == mailbox {
            return Ok(User::Owner);
        }
        Ok(match self.may_open(mailbox, account.id)? {
            true => User::FullAccess,
            false => User::Other(account.mailbox_guid),
        })
    }
}

/// Whether a user may do something in a folder, and why.
///
/// Errors: [`StoreError::NotFound`] without the folder, if it has to be asked.
pub fn may(mailbox: &Mailbox, user: User, id: FolderId, action: Action) -> Result<Verdict> {
    with_place(mailbox, user, id, |place| judge(user, place, action))
}

/// The rights of a user in a folder (PidTagRights).
pub fn rights_in(mailbox: &Mailbox, user: User, id: FolderId) -> Result<Rights> {
    with_place(mailbox, user, id, |place| rights(user, place))
}

/// PidTagAccess of an item in a folder.
pub fn access_to(mailbox: &Mailbox, user: User, id: FolderId, item: Item) -> Result<i32> {
    with_place(mailbox, user, id, |place| item_access(user, place, item))
}

fn with_place<T>(
    mailbox: &Mailbox,
    user: User,
    id: FolderId,
    judge: impl FnOnce(Place<'_>) -> T,
) -> Result<T> {
    if user.is_full() {
        return Ok(judge(Place { acl: None, calendar: false }));
    }
    let acl = match read(mailbox, mailbox.reader(), id)? {
        None => {
            folder::readable(mailbox, mailbox.reader(), id)?;
            None
        }
        acl => acl,
    };
    Ok(judge(Place { acl: acl.as_ref(), calendar: is_calendar(id) }))
}

/// Whether an item with these properties was made by the account.
pub fn is_creator(account: &Account, properties: &Properties) -> bool {
    let creator = properties.inline(tags::CREATOR_ENTRY_ID).and_then(PropertyValue::as_binary);
    creator.is_some_and(|creator| {
        AddressBookEntryId::read(&mut WireReader::new(creator))
            .is_ok_and(|id| id.dn.0.eq_ignore_ascii_case(account.legacy_dn.as_bytes()))
    })
}

/// A folder's permissions list; None where nobody ever changed it.
///
/// Errors: [`StoreError::NotFound`].
pub fn list(mailbox: &Mailbox, id: FolderId) -> Result<Option<Acl>> {
    folder::readable(mailbox, mailbox.reader(), id)?;
    read(mailbox, mailbox.reader(), id)
}

/// Whether it is the folder with free/busy rights.
pub fn is_calendar(id: FolderId) -> bool {
    id == SpecialFolder::Calendar.id()
}

/// Whether some folder of the mailbox grants the account anything beyond free/busy.
pub fn grants_anything(mailbox: &Mailbox, account: Guid) -> Result<bool> {
    let mut found = false;
    let range = KeyRange::prefix(mailbox.key(Kind::Permissions, &[]));
    let mut damaged = None;
    mailbox.reader().visit(Space::Mailbox, &range, Direction::Forward, &mut |_, value| {
        match Acl::read(value) {
            Ok(acl) => found = acl.grants_to(account),
            Err(error) => damaged = Some(error),
        }
        match found {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    })?;
    match (found, damaged) {
        (false, Some(error)) => Err(error.into()),
        (found, _) => Ok(found),
    }
}

/// Changes a permissions list, all or nothing.
///
/// Errors: [`StoreError::NotFound`] without the folder, [`StoreError::TooBig`] for more than 2,000 members.
pub fn modify(mailbox: &Mailbox, id: FolderId, mode: Mode, changes: &[Change]) -> Result<()> {
    writer::write(mailbox, |tx| {
        tx.folder(id)?;
        let before = read(tx.mailbox, tx.reader(), id)?;
        let mut acl = before.clone().unwrap_or_default();
        apply(&mut acl, mode, is_calendar(id), changes);
        if acl.len() > acl::MAX_ENTRIES {
            return Err(StoreError::TooBig {
                what: "permissions list",
                size: acl.len() as u64,
                limit: acl::MAX_ENTRIES as u64,
            });
        }
        store(tx, id, before, acl)
    })
}

/// Puts a list in the place of the one that there is, as a restore does.
///
/// Errors: [`StoreError::NotFound`] without the folder.
pub(crate) fn replace(mailbox: &Mailbox, id: FolderId, acl: Acl) -> Result<()> {
    writer::write(mailbox, |tx| {
        tx.folder(id)?;
        let before = read(tx.mailbox, tx.reader(), id)?;
        store(tx, id, before, acl.clone())
    })
}

fn apply(acl: &mut Acl, mode: Mode, calendar: bool, changes: &[Change]) {
    let free_busy = mode.free_busy && calendar;
    if free_busy {
        acl.settle_free_busy();
    }
    let before = acl.clone();
    if mode.replace {
        acl.clear();
    }
    for change in changes {
        let (member, rights) = match *change {
            Change::Add(member, rights) => (member, rights),
            Change::Modify(member, rights) if acl.has(member) => (member, rights),
            Change::Modify(..) => continue,
            Change::Remove(member) => {
                acl.remove(member);
                continue;
            }
        };
        let rights = match free_busy {
            true => rights,
            false => rights.without(Rights::FREE_BUSY) | kept_free_busy(&before, member, rights),
        };
        acl.set(member, rights);
    }
}

/// The free/busy rights that a member keeps where the client speaks of the others only.
fn kept_free_busy(before: &Acl, member: Member, rights: Rights) -> Rights {
    if !before.free_busy_set {
        return Rights::NONE;
    }
    match before.effective(member, true) {
        Some(had) => Rights(had.0 & Rights::FREE_BUSY.0),
        None if rights.contains(Rights::READ_ANY) => Rights::FREE_BUSY,
        None => Rights::FREE_BUSY_SIMPLE,
    }
}

/// Writes a list with what follows from its change, if it changed.
fn store(tx: &mut Tx<'_>, id: FolderId, before: Option<Acl>, acl: Acl) -> Result<()> {
    if before.as_ref().unwrap_or(&Acl::default()) == &acl {
        return Ok(());
    }
    let change = tx.next_change()?;
    let now = tx.now;
    let record = tx.folder(id)?;
    record.change = change;
    record.modified = now;
    tx.put(key(tx.mailbox, id), acl.to_bytes());
    // Who sees the folder may have changed, so tables and clients look again.
    tx.log(Entry::of_folder(ChangeKind::FolderModified, id, change))?;
    Ok(())
}

/// Gives a new folder the permissions of its parent. Who makes a folder in somebody else's mailbox has all
/// rights in it.
pub(crate) fn inherit(
    tx: &mut Tx<'_>,
    parent: FolderId,
    id: FolderId,
    creator: Option<Guid>,
) -> Result<()> {
    let above = read(tx.mailbox, tx.reader(), parent)?;
    let mut acl = above.unwrap_or_default();
    if is_calendar(parent) {
        // Only the calendar itself has free/busy rights.
        let members: Vec<(Guid, Rights)> = acl.accounts().collect();
        for (guid, rights) in members {
            acl.set(Member::Account(guid), rights.without(Rights::FREE_BUSY));
        }
        acl.default = acl.default.without(Rights::FREE_BUSY);
        acl.free_busy_set = false;
    }
    if let Some(creator) = creator {
        acl.set(Member::Account(creator), Rights::ALL);
    }
    if acl != Acl::default() {
        tx.put(key(tx.mailbox, id), acl.to_bytes());
    }
    Ok(())
}

/// Takes an account's entries out of all lists of the store. What is left of it after a failure means nothing to
/// anybody: no other account ever has its mailbox GUID.
pub(crate) fn forget(store: &Store, account: Guid) -> Result<()> {
    let mailboxes = crate::directory::mailboxes(store.engine())?;
    for number in mailboxes {
        let mut folders = Vec::new();
        let range = KeyRange::prefix(keys::key(number, Kind::Permissions, &[]));
        store.engine().visit(Space::Mailbox, &range, Direction::Forward, &mut |key, value| {
            // A damaged list is left to `coffer check`.
            if Acl::read(value).is_ok_and(|acl| acl.has(Member::Account(account))) {
                folders.extend(keys::tail_id(key).map(|(r, c)| FolderId::new(r, c)));
            }
            ControlFlow::Continue(())
        })?;
        if folders.is_empty() {
            continue;
        }
        let mailbox = store.mailbox(number)?;
        for id in folders {
            match modify(&mailbox, id, Mode::default(), &[Change::Remove(Member::Account(account))])
            {
                Ok(()) | Err(StoreError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// A property that folders have for tables only: the mailboxes of those who see the folder, and the null GUID if
/// everybody without an entry does.
pub(crate) const SEEN_BY: PropertyTag = PropertyTag::new(0x67f0_1048);
/// The mailboxes of those who have an entry.
pub(crate) const LISTED: PropertyTag = PropertyTag::new(0x67f1_1048);

pub(crate) fn members(
    mailbox: &Mailbox,
    reader: &dyn Reader,
    id: FolderId,
    tag: PropertyTag,
) -> Result<PropertyValue> {
    let acl = read(mailbox, reader, id)?.unwrap_or_default();
    let sees = |rights: Rights| tag == LISTED || rights.contains(Rights::FOLDER_VISIBLE);
    let mut members: Vec<Guid> =
        acl.accounts().filter(|(_, rights)| sees(*rights)).map(|(guid, _)| guid).collect();
    if tag == SEEN_BY && sees(acl.default) {
        members.push(Guid::NULL);
    }
    Ok(PropertyValue::MultipleGuid(members))
}

/// What the rows of a hierarchy table have to fulfil for this user to see them; None for who sees all.
pub fn visible_folders(user: User) -> Option<Restriction> {
    let User::Other(member) = user else { return None };
    let has = |tag: PropertyTag, guid: Guid| {
        let value = PropertyValue::Guid(guid);
        let value = TaggedValue { tag: tag.with_type(value.property_type()), value };
        Restriction::Property { relation: Relation::Equal, tag, value }
    };
    Some(Restriction::Or(vec![
        has(SEEN_BY, member),
        Restriction::And(vec![
            has(SEEN_BY, Guid::NULL),
            Restriction::Not(Box::new(has(LISTED, member))),
        ]),
    ]))
}

/// What the rows of a contents table have to fulfil for who may read his own items only.
pub fn own_items(account: &Account) -> Restriction {
    let tag = tags::CREATOR_ENTRY_ID;
    let value = TaggedValue { tag, value: entry_id(account).into() };
    Restriction::Property { relation: Relation::Equal, tag, value }
}

/// The entry id of an account in the address book.
pub fn entry_id(account: &Account) -> Vec<u8> {
    /// DT_MAILUSER ([MS-OXCDATA] 2.2.5.2)
    const MAIL_USER: u32 = 0;
    AddressBookEntryId::new(&account.legacy_dn, MAIL_USER).to_wire()
}

/// The folder of a message, and what of it rights depend on; None without the message.
pub fn item(
    mailbox: &Mailbox,
    account: &Account,
    id: MessageId,
) -> Result<Option<(FolderId, Item)>> {
    let Some(hot) = message::read_hot(mailbox, mailbox.reader(), id)? else { return Ok(None) };
    let key = node::key(mailbox.number(), id, &[]);
    let (bytes, _) = parts::get(mailbox.reader(), &key)?;
    let body = node::read_all(&[(Vec::new(), bytes)])?;
    let own = is_creator(account, &body.properties);
    Ok(Some((hot.folder, Item { own, associated: hot.contents.is_associated() })))
}

pub(crate) fn read(mailbox: &Mailbox, reader: &dyn Reader, id: FolderId) -> Result<Option<Acl>> {
    let bytes = reader.get(Space::Mailbox, &key(mailbox, id))?;
    Ok(bytes.map(|bytes| Acl::read(&bytes)).transpose()?)
}

pub(crate) fn key(mailbox: &Mailbox, id: FolderId) -> Vec<u8> {
    mailbox.key(Kind::Permissions, &[&keys::fid(id)])
}
