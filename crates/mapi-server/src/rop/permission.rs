//! Permissions of folders ([MS-OXCPERM] 3.2.5), and what they mean for the other ROPs.

use std::borrow::Cow;

use mapi::entry_id::AddressBookEntryId;
use mapi::{
    Cell, ErrorCode, FolderId, Guid, MessageId, PropertyTag, PropertyValue, Reader, Restriction,
    Wire, tags,
};
use mapi_rop::parts::Empty;
use mapi_rop::permission::{
    GetPermissionsTableRequest, ModifyPermissionsFlags, ModifyPermissionsRequest, PermissionData,
    PermissionDataFlags, PermissionsTableFlags,
};
use store::permission::{self, Acl, Action, Change, Item, Member, Mode, Rights, User};
use store::table::RowObject;
use store::{AccountId, Mailbox, Properties, Store, StoreError, Value};

use crate::call::{Call, Opened};
use crate::error::Result;
use crate::handles::NodeId;
use crate::object::{Object, TableKind};

/// RopGetPermissionsTable ([MS-OXCPERM] 3.2.5.1).
pub fn get_permissions_table(
    call: &mut Call<'_>,
    input: NodeId,
    request: &GetPermissionsTableRequest,
) -> Result<Opened<Empty>> {
    let folder = call.folder(input, ErrorCode::NOT_SUPPORTED)?;
    // MS-OXCPERM R1012: no other flag is defined.
    if request.flags.0 & !PermissionsTableFlags::INCLUDE_FREE_BUSY.0 != 0 {
        return Err(ErrorCode::INVALID_PARAMETER.into());
    }
    let free_busy = request.flags.contains(PermissionsTableFlags::INCLUDE_FREE_BUSY);
    permission::list(&*call.mailbox()?, folder)?;
    super::table::open_list(call, None, TableKind::Permissions { folder, free_busy }, true)
}

/// MemberId of the entry for everybody, and of that for anonymous users ([MS-OXCPERM] 2.2.5).
const DEFAULT: i64 = 0;
const ANONYMOUS: i64 = -1;

/// The rows of a permissions table: the reserved entries, then the accounts by name.
pub fn rows(mailbox: &Mailbox, folder: FolderId, free_busy: bool) -> Result<Vec<Properties>> {
    let acl = permission::list(mailbox, folder)?.unwrap_or_default();
    let calendar = permission::is_calendar(folder);
    let rights = |member| {
        let rights = acl.effective(member, calendar).unwrap_or_default();
        // MS-OXCPERM R19, R3001
        if free_busy { rights } else { rights.without(Rights::FREE_BUSY) }
    };
    let mut rows = vec![
        row(DEFAULT, "", Vec::new(), rights(Member::Default)),
        row(ANONYMOUS, "Anonymous", Vec::new(), rights(Member::Anonymous)),
    ];
    let mut accounts = accounts(mailbox.store(), &acl)?;
    accounts.sort_by_cached_key(|account| account.display_name.to_lowercase());
    rows.extend(accounts.iter().map(|account| {
        let rights = rights(Member::Account(account.mailbox_guid));
        let entry_id = permission::entry_id(account);
        row(account.id.0 as i64, &account.display_name, entry_id, rights)
    }));
    Ok(rows)
}

/// The accounts of a list that are still there.
fn accounts(store: &Store, acl: &Acl) -> Result<Vec<store::Account>> {
    let found = acl.accounts().map(|(guid, _)| store.account_by_mailbox_guid(guid));
    Ok(found.filter_map(Result::transpose).collect::<Result<_, StoreError>>()?)
}

fn row(id: i64, name: &str, entry_id: Vec<u8>, rights: Rights) -> Properties {
    let mut row = Properties::new();
    row.set(tags::MEMBER_ID, id);
    row.set(tags::MEMBER_NAME, name);
    // Empty for the reserved entries (MS-OXCPERM R1070).
    row.set(tags::ENTRY_ID, entry_id);
    row.set(tags::MEMBER_RIGHTS, rights.0 as i32);
    row
}

pub const COLUMNS: &[PropertyTag] =
    &[tags::ENTRY_ID, tags::MEMBER_ID, tags::MEMBER_NAME, tags::MEMBER_RIGHTS];

/// RopModifyPermissions ([MS-OXCPERM] 3.2.5.2). All changes are made, or none.
pub fn modify_permissions(
    call: &Call<'_>,
    input: NodeId,
    request: &ModifyPermissionsRequest,
) -> Result<()> {
    let folder = call.folder(input, ErrorCode::NOT_SUPPORTED)?;
    let known =
        ModifyPermissionsFlags::REPLACE_ROWS.0 | ModifyPermissionsFlags::INCLUDE_FREE_BUSY.0;
    // MS-OXCPERM R43
    if request.flags.0 & !known != 0 {
        return Err(ErrorCode::INVALID_PARAMETER.into());
    }
    let mode = Mode {
        replace: request.flags.contains(ModifyPermissionsFlags::REPLACE_ROWS),
        free_busy: request.flags.contains(ModifyPermissionsFlags::INCLUDE_FREE_BUSY),
    };
    let mut changes = Vec::with_capacity(request.permissions.items.len());
    for data in &request.permissions.items {
        // MS-OXCPERM R45
        if mode.replace && data.flags != PermissionDataFlags::ADD_ROW {
            return Err(ErrorCode::INVALID_PARAMETER.into());
        }
        changes.extend(change(&call.processor.store, data)?);
    }
    Ok(permission::modify(&*call.mailbox()?, folder, mode, &changes)?)
}

/// One PermissionData ([MS-OXCPERM] 2.2.2.1.1); None for one about a member that there is not, which is
/// ignored (R1175).
fn change(store: &Store, data: &PermissionData) -> Result<Option<Change>> {
    let find = |tag: PropertyTag| {
        data.values.items.iter().find(|value| value.tag == tag).map(|value| &value.value)
    };
    let id = match find(tags::MEMBER_ID) {
        Some(PropertyValue::Integer64(id)) => Some(*id),
        _ => None,
    };
    let rights = find(tags::MEMBER_RIGHTS)
        .and_then(PropertyValue::as_i32)
        .map(|rights| Rights(rights as u32))
        .ok_or(ErrorCode::INVALID_PARAMETER);
    match data.flags {
        PermissionDataFlags::ADD_ROW => {
            let member = match find(tags::ENTRY_ID).and_then(PropertyValue::as_binary) {
                Some(entry_id) if !entry_id.is_empty() => by_entry_id(store, entry_id)?,
                // The reserved entries have no entry id (R1070).
                _ => match id {
                    Some(DEFAULT) => Member::Default,
                    Some(ANONYMOUS) => Member::Anonymous,
                    _ => return Err(ErrorCode::INVALID_PARAMETER.into()),
                },
            };
            Ok(Some(Change::Add(member, rights?)))
        }
        PermissionDataFlags::MODIFY_ROW => {
            let member = by_member_id(store, id.ok_or(ErrorCode::INVALID_PARAMETER)?)?;
            let rights = rights?;
            Ok(member.map(|member| Change::Modify(member, rights)))
        }
        PermissionDataFlags::REMOVE_ROW => {
            let member = by_member_id(store, id.ok_or(ErrorCode::INVALID_PARAMETER)?)?;
            Ok(member.map(Change::Remove))
        }
        // MS-OXCPERM R1046
        _ => Err(ErrorCode::INVALID_PARAMETER.into()),
    }
}

/// The account that an entry id of the address book names; ecNotFound if there is none.
fn by_entry_id(store: &Store, entry_id: &[u8]) -> Result<Member> {
    let read = AddressBookEntryId::read(&mut Reader::new(entry_id));
    let id = read.map_err(|_| ErrorCode::INVALID_ENTRY_ID)?;
    let dn = String::from_utf8_lossy(&id.dn.0);
    let account = store.account_by_legacy_dn(&dn)?.ok_or(ErrorCode::NOT_FOUND)?;
    Ok(Member::Account(account.mailbox_guid))
}

/// A member's id is the number of his account, which is never used again.
fn by_member_id(store: &Store, id: i64) -> Result<Option<Member>> {
    match id {
        DEFAULT => Ok(Some(Member::Default)),
        ANONYMOUS => Ok(Some(Member::Anonymous)),
        id => match store.account(AccountId(id as u64)) {
            Ok(account) => Ok(Some(Member::Account(account.mailbox_guid))),
            Err(StoreError::NotFound(_)) => Ok(None),
            Err(error) => Err(error.into()),
        },
    }
}

impl Call<'_> {
    /// As whom this logon acts in its mailbox.
    pub fn user(&self) -> Result<User> {
        Ok(self.logon()?.user)
    }

    /// Whether no folder of this logon's mailbox has to be asked what may be done.
    pub fn is_full(&self) -> bool {
        self.logon().is_ok_and(|logon| logon.user.is_full())
    }

    pub fn may(&self, folder: FolderId, action: Action) -> Result<bool> {
        let logon = self.logon()?;
        Ok(permission::may(&logon.mailbox, logon.user, folder, action)?.allowed)
    }

    /// Errors: ecAccessDenied.
    pub fn need(&self, folder: FolderId, action: Action) -> Result<()> {
        match self.may(folder, action)? {
            true => Ok(()),
            false => Err(ErrorCode::ACCESS_DENIED.into()),
        }
    }
}

/// The folder of a message and what of it rights depend on.
pub fn item(call: &Call<'_>, id: MessageId) -> Result<Option<(FolderId, Item)>> {
    Ok(permission::item(&*call.mailbox()?, &call.session.user, id)?)
}

/// Those of a folder's messages with which the user may do something, and whether that leaves some out.
///
/// Errors: ecAccessDenied if it leaves all out.
pub fn allowed_items<'a>(
    call: &Call<'_>,
    ids: &'a [MessageId],
    actions: &[fn(Item) -> Action],
) -> Result<(Cow<'a, [MessageId]>, bool)> {
    if call.is_full() {
        return Ok((Cow::Borrowed(ids), false));
    }
    let mut allowed = Vec::new();
    for id in ids {
        let may = match item(call, *id)? {
            Some((folder, item)) => {
                let mut may = true;
                for action in actions {
                    may = may && call.may(folder, action(item))?;
                }
                may
            }
            // Told with the others by what deals with them.
            None => true,
        };
        allowed.extend(may.then_some(*id));
    }
    if allowed.is_empty() && !ids.is_empty() {
        return Err(ErrorCode::ACCESS_DENIED.into());
    }
    let some_left = allowed.len() < ids.len();
    Ok((Cow::Owned(allowed), some_left))
}

/// Associated messages among those that come into a folder need more than others.
pub fn need_associated(call: &Call<'_>, ids: &[MessageId], to: FolderId) -> Result<()> {
    if call.is_full() {
        return Ok(());
    }
    for id in ids {
        if let Some((_, Item { associated: true, .. })) = item(call, *id)? {
            return call.need(to, Action::CreateItem { associated: true });
        }
    }
    Ok(())
}

/// What the rows of a table have to fulfil for this user to see them.
pub fn guard(call: &Call<'_>, folder: FolderId, contents: bool) -> Result<Option<Restriction>> {
    let user = call.user()?;
    if user.is_full() {
        return Ok(None);
    }
    if !contents {
        return Ok(permission::visible_folders(user));
    }
    let others = Action::ReadItem(Item { own: false, associated: false });
    Ok(match call.may(folder, others)? {
        true => None,
        false => Some(permission::own_items(&call.session.user)),
    })
}

/// Whether a message may be opened for changes.
pub fn may_edit(call: &Call<'_>, message: &store::message::Message) -> Result<bool> {
    if call.is_full() {
        return Ok(true);
    }
    let own = permission::is_creator(&call.session.user, &message.body.properties);
    call.may(message.folder, Action::EditItem(Item { own, associated: message.associated }))
}

/// What a message of somebody else's mailbox says of its creator: as it is stored, whatever the client set, since
/// rights depend on it. None where the client may say what it likes.
pub fn kept_creator(call: &Call<'_>, node: NodeId) -> Result<Option<[Option<Value>; 2]>> {
    let Some(Object::Message(message)) = call.tree.get(node) else { return Ok(None) };
    if call.is_full() {
        return Ok(None);
    }
    if message.edit.id.is_none() {
        let user = &call.session.user;
        let entry_id = permission::entry_id(user);
        return Ok(Some([Some(user.display_name.as_str().into()), Some(entry_id.into())]));
    }
    let stored = store::message::open(&*call.mailbox()?, message.edit.id)?;
    Ok(Some(CREATOR.map(|tag| stored.body.properties.get(tag).cloned())))
}

const CREATOR: [PropertyTag; 2] = [tags::CREATOR_NAME, tags::CREATOR_ENTRY_ID];

pub fn put_creator(creator: [Option<Value>; 2], properties: &mut Properties) {
    for (tag, value) in CREATOR.into_iter().zip(creator) {
        match value {
            Some(value) => properties.set(tag, value),
            None => drop(properties.remove(tag)),
        }
    }
}

/// Puts what depends on the user into the values of a folder or a message.
pub fn overlay(
    call: &Call<'_>,
    node: NodeId,
    asked: &[PropertyTag],
    values: &mut [Option<Value>],
) -> Result<()> {
    if call.is_full() {
        return Ok(());
    }
    let user = call.user()?;
    match call.tree.get(node) {
        Some(Object::Folder(folder)) => overlay_folder(call, user, folder.id, asked, values),
        Some(Object::Message(message)) if !message.edit.folder.is_none() => {
            let item = match item(call, message.edit.id)? {
                Some((_, item)) => item,
                // A new one.
                None => Item { own: true, associated: message.edit.associated },
            };
            let access = permission::access_to(&*call.mailbox()?, user, message.edit.folder, item)?;
            for (tag, value) in asked.iter().zip(values) {
                if tag.id() == tags::ACCESS.id() && value.is_some() {
                    *value = Some(access.into());
                }
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// PidTagRights, PidTagAccess and PidTagAccessLevel of a folder.
pub fn overlay_folder(
    call: &Call<'_>,
    user: User,
    folder: FolderId,
    asked: &[PropertyTag],
    values: &mut [Option<Value>],
) -> Result<()> {
    if !asked.iter().any(|tag| told_of_folder(Rights::NONE, *tag).is_some()) {
        return Ok(());
    }
    let rights = permission::rights_in(&*call.mailbox()?, user, folder)?;
    for (tag, value) in asked.iter().zip(values) {
        if let (Some(told), Some(_)) = (told_of_folder(rights, *tag), &value) {
            *value = Some(told.into());
        }
    }
    Ok(())
}

fn told_of_folder(rights: Rights, tag: PropertyTag) -> Option<i32> {
    const RIGHTS: u16 = tags::RIGHTS.id();
    const ACCESS: u16 = tags::ACCESS.id();
    const ACCESS_LEVEL: u16 = tags::ACCESS_LEVEL.id();
    match tag.id() {
        RIGHTS => Some(rights.0 as i32),
        ACCESS => Some(permission::folder_access(rights)),
        ACCESS_LEVEL => Some(i32::from(rights.contains(Rights::FOLDER_OWNER))),
        _ => None,
    }
}

/// In PidTagAccess ([MS-OXCPRPT] 2.2.1.1).
const MODIFY: i32 = 0x01;

/// As [`overlay`], for a row of a table of folders or messages.
pub fn overlay_row(
    call: &Call<'_>,
    object: RowObject,
    columns: &[PropertyTag],
    cells: &mut [Cell],
) -> Result<()> {
    if call.is_full() || !columns.iter().any(|tag| told_of_folder(Rights::NONE, *tag).is_some()) {
        return Ok(());
    }
    let (user, mailbox) = (call.user()?, call.mailbox()?);
    let told: Box<dyn Fn(PropertyTag) -> Option<i32>> = match object {
        RowObject::Folder(id) => {
            let rights = permission::rights_in(&mailbox, user, id)?;
            Box::new(move |tag| told_of_folder(rights, tag))
        }
        RowObject::Message(id) => {
            // A search folder shows messages of other folders.
            let Some((folder, item)) = item(call, id)? else { return Ok(()) };
            let access = permission::access_to(&mailbox, user, folder, item)?;
            Box::new(move |tag| match tag.id() {
                id if id == tags::ACCESS.id() => Some(access),
                // [MS-OXCPRPT] 2.2.1.2: whether it may be changed.
                id if id == tags::ACCESS_LEVEL.id() => Some(access & MODIFY),
                _ => None,
            })
        }
        RowObject::Category(_) => return Ok(()),
    };
    for (tag, cell) in columns.iter().zip(cells) {
        if let (Some(told), Cell::Value(value)) = (told(*tag), &mut *cell) {
            *value = told.into();
        }
    }
    Ok(())
}

/// Whom a folder is made for, if its maker has not the whole mailbox.
pub fn creator(call: &Call<'_>) -> Option<Guid> {
    match call.user() {
        Ok(User::Other(guid)) => Some(guid),
        _ => None,
    }
}
