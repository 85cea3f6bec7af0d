//! Messages: create, save, read again, move, copy, delete, read flags, conflicts.

use mapi::{ErrorCode, MessageId, tags};
use mapi_session::{Entry, Folder, MapiProp, RecipientKind};
use testsuite::letter::Letter;
use testsuite::on_both;

use testsuite::rig::ME;

fn save(folder: &Folder, subject: &str) -> mapi_session::Result<MessageId> {
    let message = folder.create_message()?;
    message.set(tags::SUBJECT, subject)?;
    message.save()
}

fn subjects(folder: &Folder) -> testsuite::Result<Vec<String>> {
    let table = folder.contents_table()?.with_columns(&[tags::SUBJECT])?;
    let mut subjects = Vec::new();
    for row in table.rows() {
        subjects.push(row?.text(tags::SUBJECT).unwrap_or_default());
    }
    subjects.sort();
    Ok(subjects)
}

on_both! {
    fn letters_of_all_sizes_read_back_whole(rig: &Rig) -> Result {
        let session = rig.session(ME)?;
        let store = session.open_default_msg_store()?;
        let inbox = store.inbox()?;
        for number in 0..40 {
            let letter = Letter::new(number);
            let id = letter.save(&inbox)?;
            // By its id, in another logon.
            let again = session.open_default_msg_store()?.inbox()?.open_message(id)?;
            assert_eq!(letter.fault(&again)?, None, "letter {number}");
        }
        assert_eq!(inbox.contents_table()?.row_count()?, 40);
        Ok(())
    }

    fn a_message_opens_by_its_entry_id(rig: &Rig) -> Result {
        let store = rig.store_of(ME)?;
        let inbox = store.inbox()?;
        let message = inbox.create_message()?;
        assert_eq!(message.id(), None);
        assert_eq!(message.entry_id()?, None);
        message.set(tags::SUBJECT, "by entry id")?;
        let id = message.save()?;
        let entry_id = message.entry_id()?.ok_or("no entry id after the save")?;
        let told = message.property(tags::ENTRY_ID)?;
        if let Some(told) = told.as_ref().and_then(|value| value.as_binary()) {
            assert!(store.compare_entry_ids(told, &entry_id));
        }
        let Entry::Message(again) = store.open_entry(&entry_id)? else {
            return Err("a folder".into());
        };
        assert_eq!(again.text(tags::SUBJECT)?.as_deref(), Some("by entry id"));
        assert_eq!(again.id(), Some(id));
        // Flags in front do not make it another.
        let mut flagged = entry_id.clone();
        flagged[0] = 1;
        assert!(store.compare_entry_ids(&flagged, &entry_id));
        let folder = inbox.entry_id()?;
        assert!(!store.compare_entry_ids(&folder, &entry_id));
        Ok(())
    }

    fn nothing_is_there_before_the_save(rig: &Rig) -> Result {
        let inbox = rig.inbox()?;
        let message = inbox.create_message()?;
        message.set(tags::SUBJECT, "never saved")?;
        drop(message);
        assert_eq!(subjects(&inbox)?, Vec::<String>::new());
        let message = inbox.create_message()?;
        message.set(tags::SUBJECT, "saved")?;
        let id = message.save()?;
        message.set(tags::SUBJECT, "changed and not saved")?;
        assert_eq!(message.text(tags::SUBJECT)?.as_deref(), Some("changed and not saved"));
        drop(message);
        let again = inbox.open_message(id)?;
        assert_eq!(again.text(tags::SUBJECT)?.as_deref(), Some("saved"));
        Ok(())
    }

    /// MS-OXCMSG R705: never a success that commits nothing.
    fn the_second_of_two_savers_is_told(rig: &Rig) -> Result {
        let session = rig.session(ME)?;
        let store = session.open_default_msg_store()?;
        let inbox = store.inbox()?;
        let id = save(&inbox, "as it was")?;
        let first = inbox.open_message(id)?;
        let other = rig.session(ME)?;
        let second = other.open_default_msg_store()?.inbox()?.open_message(id)?;
        first.set(tags::SUBJECT, "by the first")?;
        second.set(tags::SUBJECT, "by the second")?;
        first.save()?;
        let conflict = second.save().expect_err("the message changed in between");
        assert_eq!(conflict.code(), Some(ErrorCode::OBJECT_MODIFIED));
        assert_eq!(
            inbox.open_message(id)?.text(tags::SUBJECT)?.as_deref(),
            Some("by the first")
        );
        second.force_save()?;
        assert_eq!(
            inbox.open_message(id)?.text(tags::SUBJECT)?.as_deref(),
            Some("by the second")
        );
        Ok(())
    }

    fn messages_move_copy_and_go(rig: &Rig) -> Result {
        let store = rig.store_of(ME)?;
        let (inbox, drafts) = (store.inbox()?, store.drafts()?);
        let a = save(&inbox, "a")?;
        let b = save(&inbox, "b")?;
        let c = save(&inbox, "c")?;
        inbox.copy_messages(&[a], &drafts)?;
        inbox.move_messages(&[b], &drafts)?;
        assert_eq!(subjects(&inbox)?, ["a", "c"]);
        assert_eq!(subjects(&drafts)?, ["a", "b"]);
        assert_eq!(inbox.open_message(b).expect_err("moved").code(), Some(ErrorCode::NOT_FOUND));
        inbox.delete_messages(&[c])?;
        inbox.hard_delete_messages(&[a])?;
        assert_eq!(subjects(&inbox)?, Vec::<String>::new());
        drafts.empty(false)?;
        assert_eq!(subjects(&drafts)?, Vec::<String>::new());
        Ok(())
    }

    fn three_thousand_ids_travel_in_pieces(rig: &Rig) -> Result {
        let store = rig.store_of(ME)?;
        let inbox = store.inbox()?;
        let ids = (0..30).map(|n| save(&inbox, &n.to_string())).collect::<mapi_session::Result<Vec<_>>>()?;
        // Ids that are not there are passed over, or told as a part that was not done.
        let mut many: Vec<MessageId> = (0..3000).map(|n| MessageId::own(0xffff_0000_0000 + n)).collect();
        many.extend(&ids);
        match inbox.hard_delete_messages(&many) {
            Ok(()) | Err(mapi_session::Error::Partial { .. }) => {}
            Err(other) => return Err(other.into()),
        }
        assert_eq!(inbox.contents_table()?.row_count()?, 0);
        Ok(())
    }

    fn read_flags_are_set_one_by_one_and_all_at_once(rig: &Rig) -> Result {
        let store = rig.store_of(ME)?;
        let inbox = store.inbox()?;
        let ids = ["a", "b", "c"]
            .map(|subject| save(&inbox, subject))
            .into_iter()
            .collect::<mapi_session::Result<Vec<_>>>()?;
        let read = |id: MessageId| -> testsuite::Result<bool> {
            const MSGFLAG_READ: i64 = 1;
            let flags = inbox.open_message(id)?.properties(&[tags::MESSAGE_FLAGS])?;
            Ok(flags.integer(tags::MESSAGE_FLAGS).ok_or("no flags")? & MSGFLAG_READ != 0)
        };
        inbox.set_read_flags(&[], false)?;
        assert!(!read(ids[0])? && !read(ids[2])?);
        inbox.set_read_flags(&ids[..1], true)?;
        assert!(read(ids[0])? && !read(ids[1])?);
        let message = inbox.open_message(ids[1])?;
        message.set_read(true)?;
        assert!(read(ids[1])?);
        message.set_read(false)?;
        assert!(!read(ids[1])?);
        inbox.set_read_flags(&[], true)?;
        assert!(read(ids[1])? && read(ids[2])?);
        Ok(())
    }

    fn recipients_come_and_go(rig: &Rig) -> Result {
        let inbox = rig.inbox()?;
        let message = inbox.create_message()?;
        message.add_recipient(RecipientKind::To, "anna@example.test", "Anna Ångström")?;
        message.add_recipient(RecipientKind::Cc, "ben@example.test", "Ben")?;
        message.add_recipient(RecipientKind::Bcc, "cleo@example.test", "")?;
        let id = message.save()?;
        let again = inbox.open_message(id)?;
        let recipients = again.recipients()?;
        let told: Vec<_> = recipients
            .iter()
            .map(|r| (r.kind, r.address_type.as_str(), r.address.as_str(), r.display_name.as_str()))
            .collect();
        assert_eq!(
            told[..2],
            [
                (RecipientKind::To, "SMTP", "anna@example.test", "Anna Ångström"),
                (RecipientKind::Cc, "SMTP", "ben@example.test", "Ben"),
            ]
        );
        assert_eq!((told[2].0, told[2].2), (RecipientKind::Bcc, "cleo@example.test"));
        assert_eq!(again.text(tags::DISPLAY_CC)?.as_deref(), Some("Ben"));
        again.remove_recipients(&[recipients[1].row_id])?;
        again.add_recipient(RecipientKind::To, "dora@example.test", "Dora")?;
        again.save()?;
        let addresses: Vec<String> =
            inbox.open_message(id)?.recipients()?.into_iter().map(|r| r.address).collect();
        assert_eq!(addresses, ["anna@example.test", "cleo@example.test", "dora@example.test"]);
        again.remove_all_recipients()?;
        again.save()?;
        assert!(inbox.open_message(id)?.recipients()?.is_empty());
        Ok(())
    }

    /// More recipients than one answer tells: they are read on.
    fn seven_hundred_recipients(rig: &Rig) -> Result {
        let inbox = rig.inbox()?;
        let message = inbox.create_message()?;
        let new: Vec<_> = (0..700)
            .map(|n| mapi_session::NewRecipient {
                kind: RecipientKind::To,
                address: format!("reader{n}@example.test"),
                name: format!("Reader {n}"),
            })
            .collect();
        message.add_recipients(&new)?;
        let id = message.save()?;
        let recipients = inbox.open_message(id)?.recipients()?;
        assert_eq!(recipients.len(), 700);
        assert_eq!(recipients[699].address, "reader699@example.test");
        Ok(())
    }
}
