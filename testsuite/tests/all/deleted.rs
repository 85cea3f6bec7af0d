//! Soft-deleted messages and folders over MAPI: listed, opened, brought back, removed.

use mapi::{ErrorCode, FolderId, MessageId, PropertyTag, tags};
use mapi_session::{Folder, MapiProp, Table};
use testsuite::Result;
use testsuite::letter::Letter;
use testsuite::on_both;

use testsuite::rig::ME;

/// PidTagDeletedMsgCount and PidTagDeletedFolderCount.
const DELETED_MSG_COUNT: PropertyTag = PropertyTag::new(0x6640_0003);
const DELETED_FOLDER_COUNT: PropertyTag = PropertyTag::new(0x6641_0003);

fn messages(table: Table) -> Result<Vec<MessageId>> {
    let mut ids = Vec::new();
    for row in table.with_columns(&[tags::MID])?.rows() {
        ids.push(MessageId::from_i64(row?.integer(tags::MID).ok_or("a row without an id")?));
    }
    Ok(ids)
}

fn folders(table: Table) -> Result<Vec<FolderId>> {
    let mut ids = Vec::new();
    for row in table.with_columns(&[tags::FOLDER_ID])?.rows() {
        ids.push(FolderId::from_i64(row?.integer(tags::FOLDER_ID).ok_or("a row without an id")?));
    }
    Ok(ids)
}

fn count(folder: &Folder, tag: PropertyTag) -> Result<i64> {
    Ok(folder.properties(&[tag])?.integer(tag).unwrap_or_default())
}

fn is<T>(result: mapi_session::Result<T>, code: ErrorCode) -> bool {
    result.err().and_then(|error| error.code()) == Some(code)
}

on_both! {
    fn a_deleted_message_is_listed_opened_and_moved_back(rig: &Rig) -> Result {
        let inbox = rig.inbox()?;
        let letter = Letter::new(1);
        let id = letter.save(&inbox)?;
        inbox.delete_messages(&[id])?;
        assert_eq!(inbox.contents_table()?.row_count()?, 0);
        assert!(is(inbox.open_message(id), ErrorCode::NOT_FOUND));
        assert_eq!(messages(inbox.deleted_contents_table()?)?, [id]);
        assert_eq!(count(&inbox, DELETED_MSG_COUNT)?, 1);
        let opened = inbox.open_deleted_message(id)?;
        assert_eq!(letter.fault(&opened)?, None);
        assert!(opened.property(tags::DELETED_ON)?.is_some());
        inbox.move_messages(&[id], &inbox)?;
        assert_eq!(messages(inbox.deleted_contents_table()?)?, []);
        let back = messages(inbox.contents_table()?)?;
        assert_eq!(back.len(), 1);
        assert_ne!(back[0], id);
        assert_eq!(letter.fault(&inbox.open_message(back[0])?)?, None);
        // Copied, it stays among the deleted as well; for good it goes from there.
        inbox.delete_messages(&back)?;
        inbox.copy_messages(&back, &inbox)?;
        assert_eq!(inbox.contents_table()?.row_count()?, 1);
        assert_eq!(messages(inbox.deleted_contents_table()?)?, back);
        inbox.hard_delete_messages(&back)?;
        assert_eq!(messages(inbox.deleted_contents_table()?)?, []);
        Ok(())
    }

    fn a_deleted_folder_is_listed_opened_and_moved_back(rig: &Rig) -> Result {
        let store = rig.store_of(ME)?;
        let inbox = store.inbox()?;
        let top = inbox.create_folder("top")?;
        let below = top.create_folder("below")?;
        let (one, two) = (Letter::new(1), Letter::new(2));
        let in_top = one.save(&top)?;
        let in_below = two.save(&below)?;
        inbox.delete_folder(top.id())?;
        assert_eq!(folders(inbox.hierarchy_table()?)?, []);
        assert_eq!(folders(inbox.deleted_hierarchy_table()?)?, [top.id()]);
        assert_eq!(count(&inbox, DELETED_FOLDER_COUNT)?, 1);
        for id in [top.id(), below.id()] {
            assert!(is(store.open_folder(id), ErrorCode::NOT_FOUND));
        }
        assert!(is(store.open_folder(top.id()), ErrorCode::NOT_FOUND));
        let deleted = store.inbox()?.open_deleted_folder(top.id())?;
        assert_eq!(deleted.text(tags::DISPLAY_NAME)?.as_deref(), Some("top"));
        assert!(deleted.property(tags::DELETED_ON)?.is_some());
        assert_eq!(folders(deleted.deleted_hierarchy_table()?)?, [below.id()]);
        assert_eq!(messages(deleted.contents_table()?)?, [in_top]);
        // What lies in it is deleted with it.
        assert!(is(deleted.open_message(in_top), ErrorCode::NOT_FOUND));
        assert_eq!(one.fault(&deleted.open_deleted_message(in_top)?)?, None);
        // Nothing is written in it, also not through a handle that was open before.
        for folder in [&deleted, &top] {
            assert!(is(folder.create_message(), ErrorCode::NOT_FOUND));
            assert!(is(folder.create_folder("late"), ErrorCode::NOT_FOUND));
        }
        // A message comes out of it by itself.
        deleted.move_messages(&[in_top], &inbox)?;
        assert_eq!(inbox.contents_table()?.row_count()?, 1);
        // The name is free meanwhile; then it comes back under another, with what is in it.
        inbox.create_folder("TOP")?;
        assert!(is(inbox.move_folder(top.id(), &inbox, "top"), ErrorCode::DUPLICATE_NAME));
        inbox.move_folder(top.id(), &inbox, "top again")?;
        assert_eq!(folders(inbox.deleted_hierarchy_table()?)?, []);
        let back = store.open_folder(below.id())?;
        assert_eq!(two.fault(&back.open_message(in_below)?)?, None);
        assert_eq!(store.open_folder(top.id())?.property(tags::DELETED_ON)?, None);
        Ok(())
    }

    fn deleted_folders_go_for_good(rig: &Rig) -> Result {
        let store = rig.store_of(ME)?;
        let inbox = store.inbox()?;
        let top = inbox.create_folder("top")?;
        let id = Letter::new(1).save(&top)?;
        inbox.delete_folder(top.id())?;
        inbox.hard_delete_folder(top.id())?;
        assert_eq!(folders(inbox.deleted_hierarchy_table()?)?, []);
        assert!(is(inbox.open_deleted_folder(top.id()), ErrorCode::NOT_FOUND));
        assert!(is(top.open_deleted_message(id), ErrorCode::NOT_FOUND));
        // Emptying keeps what was there; emptying for good takes that as well.
        let other = inbox.create_folder("other")?;
        other.create_folder("below")?;
        Letter::new(2).save(&other)?;
        other.empty(false)?;
        assert_eq!(folders(other.deleted_hierarchy_table()?)?.len(), 1);
        assert_eq!(messages(other.deleted_contents_table()?)?.len(), 1);
        assert_eq!(folders(other.hierarchy_table()?)?, []);
        other.hard_empty(false)?;
        assert_eq!(folders(other.deleted_hierarchy_table()?)?, []);
        assert_eq!(messages(other.deleted_contents_table()?)?, []);
        Ok(())
    }
}
