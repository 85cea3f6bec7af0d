//! [MS-OXCPERM]: permissions of folders.

mod enforced;
mod list;

use mapi::wire::Counted;
use mapi::{FolderId, PropertyTag, PropertyValue, TaggedValue, tags};
use mapi_rop::permission::{
    GetPermissionsTableRequest, ModifyPermissionsFlags, ModifyPermissionsRequest, PermissionData,
    PermissionDataFlags, PermissionsTableFlags,
};
use mapi_rop::{Handle, RopRequest, RopResponse};
use testsuite::Result;
use testsuite::raw::{Answer, Client};
use testsuite::rig::{ME, Rig, STRANGER};

pub const READ_ANY: u32 = 0x0001;
pub const CREATE: u32 = 0x0002;
pub const EDIT_OWNED: u32 = 0x0008;
pub const DELETE_OWNED: u32 = 0x0010;
pub const EDIT_ANY: u32 = 0x0020;
pub const DELETE_ANY: u32 = 0x0040;
pub const CREATE_SUBFOLDER: u32 = 0x0080;
pub const FOLDER_OWNER: u32 = 0x0100;
pub const FOLDER_VISIBLE: u32 = 0x0400;

pub const COLUMNS: [PropertyTag; 4] =
    [tags::MEMBER_ID, tags::MEMBER_NAME, tags::MEMBER_RIGHTS, tags::ENTRY_ID];

/// A row of a permissions table.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub id: i64,
    pub name: String,
    pub rights: u32,
    pub entry_id: Vec<u8>,
}

pub fn table(client: &mut Client, folder: Handle, flags: PermissionsTableFlags) -> Answer<Handle> {
    client.open(folder, RopRequest::GetPermissionsTable(GetPermissionsTableRequest { flags }))
}

/// The whole list of a folder.
pub fn list(client: &mut Client, folder: Handle, flags: PermissionsTableFlags) -> Answer<Vec<Row>> {
    let table = table(client, folder, flags)?;
    client.set_columns(table, &COLUMNS)?;
    let rows = client.query_rows(table, 1_000)?.rows;
    client.release(table);
    let row =
        |row: &mapi::PropertyRow| match (row.value(0), row.value(1), row.value(2), row.value(3)) {
            (
                Some(PropertyValue::Integer64(id)),
                Some(PropertyValue::String(name)),
                Some(PropertyValue::Integer32(rights)),
                Some(PropertyValue::Binary(entry_id)),
            ) => Row {
                id: *id,
                name: name.to_string_lossy().into_owned(),
                rights: *rights as u32,
                entry_id: entry_id.clone(),
            },
            _ => panic!("{row:?}"),
        };
    Ok(rows.iter().map(row).collect())
}

pub fn change(flags: PermissionDataFlags, values: Vec<TaggedValue>) -> PermissionData {
    PermissionData { flags, values: Counted::from(values) }
}

pub fn rights(rights: u32) -> TaggedValue {
    TaggedValue::new(tags::MEMBER_RIGHTS, rights as i32)
}

pub fn member(id: i64) -> TaggedValue {
    TaggedValue::new(tags::MEMBER_ID, PropertyValue::Integer64(id))
}

pub fn add(entry_id: &[u8], granted: u32) -> PermissionData {
    let user = TaggedValue::new(tags::ENTRY_ID, entry_id.to_vec());
    change(PermissionDataFlags::ADD_ROW, vec![user, rights(granted)])
}

pub fn modify(
    client: &mut Client,
    folder: Handle,
    flags: ModifyPermissionsFlags,
    permissions: Vec<PermissionData>,
) -> Answer<()> {
    let permissions = Counted::from(permissions);
    let request = ModifyPermissionsRequest { flags, permissions };
    match client.call(folder, RopRequest::ModifyPermissions(request))? {
        RopResponse::ModifyPermissions(_) => Ok(()),
        other => panic!("{other:?}"),
    }
}

/// The entry id of a user in the address book.
pub fn entry_id(rig: &Rig, user: &str) -> Result<Vec<u8>> {
    let account = rig.store.account_by_address(user)?.ok_or("no such account")?;
    Ok(store::permission::entry_id(&account))
}

/// The owner grants STRANGER rights in a folder; what he had there before is gone.
pub fn grant(rig: &Rig, folder: FolderId, granted: u32) -> Result {
    let mut owner = rig.client(ME)?;
    let folder = owner.open_folder(folder)?;
    let row = add(&entry_id(rig, STRANGER)?, granted);
    Ok(modify(&mut owner, folder, ModifyPermissionsFlags::NONE, vec![row])?)
}

/// STRANGER, logged on to the mailbox of ME.
pub fn visitor(rig: &Rig) -> Result<Client> {
    let mut client = rig.bare_client(STRANGER)?;
    client.logon = client.log_on(&rig.legacy_dn(ME)?)?;
    Ok(client)
}
