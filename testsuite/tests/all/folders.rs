//! Folders: the special ones, and the making, moving, copying and deleting of others.

use std::ops::ControlFlow;

use mapi::{ErrorCode, tags};
use mapi_session::{Entry, Error, Folder, MapiProp, Progress, SpecialFolder};

use testsuite::on_both;
use testsuite::rig::ME;

fn names(folder: &Folder) -> testsuite::Result<Vec<String>> {
    let table = folder.hierarchy_table()?.with_columns(&[tags::DISPLAY_NAME])?;
    let mut names = Vec::new();
    for row in table.rows() {
        names.push(row?.text(tags::DISPLAY_NAME).unwrap_or_default());
    }
    names.sort();
    Ok(names)
}

on_both! {
    fn a_new_mailbox_has_the_special_folders(rig: &Rig) -> Result {
        let store = rig.store_of(ME)?;
        let name = |folder: Folder| folder.text(tags::DISPLAY_NAME);
        assert_eq!(name(store.inbox()?)?.as_deref(), Some("Inbox"));
        assert_eq!(name(store.outbox()?)?.as_deref(), Some("Outbox"));
        assert_eq!(name(store.sent_items()?)?.as_deref(), Some("Sent Items"));
        assert_eq!(name(store.deleted_items()?)?.as_deref(), Some("Deleted Items"));
        assert_eq!(name(store.drafts()?)?.as_deref(), Some("Drafts"));
        let class = |folder: Folder| folder.text(tags::CONTAINER_CLASS);
        assert_eq!(class(store.calendar()?)?.as_deref(), Some("IPF.Appointment"));
        assert_eq!(class(store.contacts()?)?.as_deref(), Some("IPF.Contact"));
        assert_eq!(class(store.tasks()?)?.as_deref(), Some("IPF.Task"));
        assert_eq!(class(store.notes()?)?.as_deref(), Some("IPF.StickyNote"));
        assert_eq!(class(store.journal()?)?.as_deref(), Some("IPF.Journal"));
        assert_eq!(store.inbox()?.id(), store.special_folder_id(SpecialFolder::Inbox));
        let below = names(&store.ipm_subtree()?)?;
        for name in ["Inbox", "Drafts", "Junk E-mail", "Calendar"] {
            assert!(below.iter().any(|known| known == name), "{name} in {below:?}");
        }
        Ok(())
    }

    fn new_mail_goes_to_the_inbox(rig: &Rig) -> Result {
        let store = rig.store_of(ME)?;
        let (folder, _) = store.receive_folder("IPM.Note")?;
        assert_eq!(folder.id(), store.special_folder_id(SpecialFolder::Inbox));
        let special = store.ipm_subtree()?.create_folder("Orders")?;
        store.set_receive_folder("IPM.Order", Some(special.id()))?;
        let (folder, class) = store.receive_folder("IPM.Order.Large")?;
        assert_eq!((folder.id(), class.as_str()), (special.id(), "IPM.Order"));
        let table = store.receive_folder_table()?;
        let ids: Vec<_> = table.iter().filter_map(|row| row.integer(tags::FOLDER_ID)).collect();
        assert!(ids.contains(&special.id().to_i64()));
        store.set_receive_folder("IPM.Order", None)?;
        assert_ne!(store.receive_folder("IPM.Order")?.0.id(), special.id());
        Ok(())
    }

    fn folders_open_by_their_entry_ids(rig: &Rig) -> Result {
        let store = rig.store_of(ME)?;
        let made = store.ipm_subtree()?.create_folder("By entry id")?;
        let Entry::Folder(again) = store.open_entry(&made.entry_id()?)? else {
            return Err("a message".into());
        };
        assert_eq!(again.id(), made.id());
        assert_eq!(again.text(tags::DISPLAY_NAME)?.as_deref(), Some("By entry id"));
        assert!(store.open_entry(b"not an entry id").is_err());
        Ok(())
    }

    fn folders_are_made_moved_copied_and_deleted(rig: &Rig) -> Result {
        let store = rig.store_of(ME)?;
        let top = store.ipm_subtree()?.create_folder("Top")?;
        let a = top.create_folder("A")?;
        let b = top.create_folder("B")?;
        let twice = top.create_folder("A").expect_err("there is one");
        assert_eq!(twice.code(), Some(ErrorCode::DUPLICATE_NAME));
        assert_eq!(top.open_or_create_folder("A")?.id(), a.id());
        let message = a.create_message()?;
        message.set(tags::SUBJECT, "in A")?;
        message.save()?;

        top.copy_folder(a.id(), &b, "A copied", true)?;
        assert_eq!(names(&b)?, ["A copied"]);
        top.move_folder(a.id(), &b, "A moved")?;
        assert_eq!(names(&b)?, ["A copied", "A moved"]);
        assert_eq!(names(&top)?, ["B"]);
        // What was opened before the move is the same folder.
        assert_eq!(a.text(tags::DISPLAY_NAME)?.as_deref(), Some("A moved"));
        assert_eq!(a.contents_table()?.row_count()?, 1);
        let deep = top.deep_hierarchy_table()?.with_columns(&[tags::DISPLAY_NAME])?;
        assert_eq!(deep.rows().count(), 3);

        b.set(tags::DISPLAY_NAME, "Renamed")?;
        assert_eq!(names(&top)?, ["Renamed"]);
        top.delete_folder(b.id())?;
        assert_eq!(names(&top)?, Vec::<String>::new());
        assert_eq!(store.open_folder(a.id()).expect_err("deleted").code(), Some(ErrorCode::NOT_FOUND));
        Ok(())
    }

    fn a_large_folder_is_emptied_step_by_step(rig: &Rig) -> Result {
        let store = rig.store_of(ME)?;
        let (one, many) = (store.ipm_subtree()?.create_folder("One")?, store.inbox()?);
        let message = one.create_message()?;
        let id = message.save()?;
        let fill = || one.copy_messages(&vec![id; 600], &many);
        let told = |done, total| Progress { done, total };
        fill()?;
        let mut steps = Vec::new();
        many.empty_watched(false, |step| {
            steps.push(step);
            ControlFlow::Continue(())
        })?;
        assert_eq!(steps, [told(256, 600), told(512, 600)]);
        assert_eq!(many.contents_table()?.row_count()?, 0);
        // What is done beside ends a step, and the rest goes on.
        fill()?;
        let mut steps = Vec::new();
        many.empty_watched(false, |step| {
            steps.push(step);
            one.text(tags::DISPLAY_NAME).expect("a property");
            ControlFlow::Continue(())
        })?;
        assert_eq!(steps, [told(256, 600), told(256, 344)]);
        assert_eq!(many.contents_table()?.row_count()?, 0);
        fill()?;
        let ended = many.hard_empty_watched(false, |_| ControlFlow::Break(()));
        assert!(matches!(ended, Err(Error::Partial { .. })), "{ended:?}");
        assert_eq!(many.contents_table()?.row_count()?, 344);
        Ok(())
    }

    fn special_folders_stay(rig: &Rig) -> Result {
        let store = rig.store_of(ME)?;
        let top = store.ipm_subtree()?;
        assert!(top.delete_folder(store.inbox()?.id()).is_err());
        assert_eq!(store.inbox()?.text(tags::DISPLAY_NAME)?.as_deref(), Some("Inbox"));
        Ok(())
    }
}
