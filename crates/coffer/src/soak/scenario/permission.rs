//! Rights of folders: a mailbox opened by one of them, and the table that they stand in.

use anyhow::{Context, Result, ensure};
use mapi::{FolderId, TaggedValue, tags};
use mapi_rop::permission::{PermissionData, PermissionDataFlags};
use mapi_session::{Folder, OpenFlags};
use store::folder::NewFolder;
use store::permission::{self, Change, Member, Mode, Rights};

use super::{Stage, must_fail};
use crate::soak::ground::Ground;
use crate::soak::target::{OTHERS, USER, other};

/// What an owner of a folder may do, and no owner of the mailbox.
const GRANTED: Rights = Rights::ALL;

/// A delegate of a mailbox that was granted in one of its folders only; each thread has a folder of its own.
pub fn permissions(ground: &Ground) -> Result<Stage> {
    let store = &ground.target.local()?.store;
    let account = |address: &str| {
        store.account_by_address(address)?.context("an account of the soak is gone")
    };
    let owner = account(&other(OTHERS - 1))?;
    let delegate = Member::Account(account(USER)?.mailbox_guid);
    let third = account(&other(0))?;
    let added = Member::Account(third.mailbox_guid);
    let third = permission::entry_id(&third);
    let mailbox = store.mailbox(owner.mailbox)?;
    let make = |thread: usize| -> Result<FolderId> {
        let new = NewFolder { display_name: format!("shared {thread}"), ..NewFolder::default() };
        Ok(store::folder::create(&mailbox, store::SpecialFolder::Inbox.id(), &new)?.id)
    };
    let folders = (0..ground.threads).map(make).collect::<Result<Vec<_>>>()?;
    Stage::new(move |visit| {
        let id = folders[visit.thread];
        let grant = |change| permission::modify(&mailbox, id, Mode::default(), &[change]);
        grant(Change::Add(delegate, GRANTED))?;
        if visit.ground.mode != crate::soak::mode::Mode::Plain {
            // What a broken cycle left.
            grant(Change::Remove(added))?;
        }
        let session = visit.session()?;
        let entry = session.create_store_entry_id(&owner.legacy_dn)?;
        let opened = session.open_msg_store(&entry, OpenFlags::default())?;
        must_fail(opened.inbox(), "a folder that grants nothing")?;
        let folder = opened.open_folder(id)?;
        ensure!(folder.contents_table()?.row_count()? == 0, "a folder of others' with messages");
        visit.watch.note("changing permissions");
        let before = folder.permissions_table()?.row_count()?;
        let user = TaggedValue::new(tags::ENTRY_ID, third.clone());
        change(&folder, PermissionDataFlags::ADD_ROW, vec![user, rights(Rights::READ_ANY)])?;
        let member = newest(&folder)?;
        change(&folder, PermissionDataFlags::MODIFY_ROW, vec![member.clone(), rights(GRANTED)])?;
        let table = folder.permissions_table()?;
        ensure!(table.row_count()? == before + 1, "a member got lost");
        change(&folder, PermissionDataFlags::REMOVE_ROW, vec![member])?;
        ensure!(folder.permissions_table()?.row_count()? == before, "a member is still there");
        if visit.number.is_multiple_of(2) {
            visit.watch.note("losing the right");
            grant(Change::Remove(delegate))?;
            let lost = folder.permissions_table()?;
            must_fail(lost.query_rows(1), "the permissions of a folder that is lost")?;
            must_fail(table.query_rows(1), "a table of a folder that is lost")?;
            must_fail(opened.open_folder(id), "a folder that is lost")?;
        }
        match visit.number % 3 {
            0 => opened.logoff()?,
            1 => drop((opened, folder, table)),
            _ => drop((table, folder, opened)),
        }
        Ok(())
    })
}

fn rights(rights: Rights) -> TaggedValue {
    TaggedValue::new(tags::MEMBER_RIGHTS, rights.0 as i32)
}

fn change(folder: &Folder, flags: PermissionDataFlags, values: Vec<TaggedValue>) -> Result<()> {
    Ok(folder.modify_permissions(vec![PermissionData { flags, values: values.into() }])?)
}

/// The member who may read and nothing else: the one that the cycle added.
fn newest(folder: &Folder) -> Result<TaggedValue> {
    let rows = folder.permissions_table()?.query_rows(100)?;
    let read = Some(Rights::READ_ANY.0 as i64);
    let row = rows.iter().find(|row| row.integer(tags::MEMBER_RIGHTS) == read);
    let id = row.and_then(|row| row.integer(tags::MEMBER_ID)).context("a member got lost")?;
    Ok(TaggedValue::new(tags::MEMBER_ID, id))
}
