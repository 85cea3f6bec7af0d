//! Several stores in one session: the own, others', the same many times.

use mapi::{ErrorCode, tags};
use mapi_session::{Error, MapiProp, OpenFlags, Session};

use testsuite::on_both;
use testsuite::rig::{DELEGATE, ME, Rig, STRANGER};

fn dn(rig: &Rig, user: &str) -> testsuite::Result<String> {
    Ok(rig.store.account_by_address(user)?.ok_or("no account")?.legacy_dn)
}

on_both! {
    fn the_message_stores_table_opens_the_default_store(rig: &Rig) -> Result {
        let session = rig.session(ME)?;
        let stores = session.msg_stores();
        assert_eq!(stores.len(), 1);
        assert_eq!(stores[0].boolean(tags::DEFAULT_STORE), Some(true));
        assert_eq!(stores[0].text(tags::DISPLAY_NAME).as_deref(), Some("me"));
        let entry_id = stores[0].binary(tags::ENTRY_ID).ok_or("no entry id")?;
        let store = session.open_msg_store(entry_id, OpenFlags::default())?;
        let same = session.open_default_msg_store()?;
        assert_eq!(store.mailbox_guid(), same.mailbox_guid());
        assert!(store.compare_entry_ids(entry_id, same.entry_id()));
        Ok(())
    }

    fn a_granted_mailbox_opens_beside_the_own(rig: &Rig) -> Result {
        let mine = rig.store_of(ME)?;
        let message = mine.inbox()?.create_message()?;
        message.set(tags::SUBJECT, "for both")?;
        message.save()?;

        let session = rig.session(DELEGATE)?;
        let own = session.open_default_msg_store()?;
        let entry_id = session.create_store_entry_id(&dn(rig, ME)?)?;
        let other = session.open_msg_store(&entry_id, OpenFlags::default())?;
        assert_eq!(other.mailbox_guid(), mine.mailbox_guid());
        assert_ne!(own.mailbox_guid(), other.mailbox_guid());
        assert!(!own.compare_entry_ids(own.entry_id(), other.entry_id()));
        assert_eq!(own.inbox()?.contents_table()?.row_count()?, 0);
        let table = other.inbox()?.contents_table()?.with_columns(&[tags::SUBJECT])?;
        assert_eq!(table.query_rows(10)?[0].text(tags::SUBJECT).as_deref(), Some("for both"));

        // What belongs to one store is not opened through the other.
        let foreign = other.inbox()?.entry_id()?;
        assert!(matches!(own.open_entry(&foreign), Err(Error::ForeignEntryId)));
        assert!(matches!(
            own.inbox()?.copy_messages(&[], &other.inbox()?).and_then(|()| {
                own.inbox()?.copy_messages(&[mapi::MessageId::own(1)], &other.inbox()?)
            }),
            Err(Error::InvalidArgument(_))
        ));

        // One closes, the other lives.
        own.logoff()?;
        assert!(other.inbox()?.property(tags::DISPLAY_NAME)?.is_some());
        Ok(())
    }

    fn a_mailbox_that_was_not_granted_is_refused(rig: &Rig) -> Result {
        let session = rig.session(STRANGER)?;
        let entry_id = session.create_store_entry_id(&dn(rig, ME)?)?;
        let refused = session.open_msg_store(&entry_id, OpenFlags::default());
        assert!(refused.expect_err("no grant").code().is_some());
        // The session goes on.
        assert!(session.open_default_msg_store()?.inbox().is_ok());

        let nobody = session.create_store_entry_id("/o=none/cn=nobody")?;
        let unknown = session.open_msg_store(&nobody, OpenFlags::default());
        assert_eq!(unknown.expect_err("nobody").code(), Some(ErrorCode::UNKNOWN_USER));
        Ok(())
    }

    fn a_grant_that_was_revoked_is_refused_from_then_on(rig: &Rig) -> Result {
        let session = rig.session(DELEGATE)?;
        let entry_id = session.create_store_entry_id(&dn(rig, ME)?)?;
        session.open_msg_store(&entry_id, OpenFlags::default())?;
        let of = |user| -> testsuite::Result<_> {
            Ok(rig.store.account_by_address(user)?.ok_or("no account")?.id)
        };
        rig.store.revoke_full_access(of(ME)?, of(DELEGATE)?)?;
        assert!(session.open_msg_store(&entry_id, OpenFlags::default()).is_err());
        Ok(())
    }

    /// Two services in one profile: each opens the store of its user.
    fn a_profile_of_two_services_has_two_stores(rig: &Rig) -> Result {
        let session = Session::logon(rig.profile_of(&[STRANGER, ME])?)?;
        let rows = session.msg_stores();
        let names: Vec<_> = rows.iter().map(|row| row.text(tags::DISPLAY_NAME)).collect();
        assert_eq!(names, [Some("stranger".into()), Some("me".into())]);
        let mut guids = Vec::new();
        for row in &rows {
            let entry_id = row.binary(tags::ENTRY_ID).ok_or("no entry id")?;
            guids.push(session.open_msg_store(entry_id, OpenFlags::default())?.mailbox_guid());
        }
        assert_eq!(guids[0], session.open_default_msg_store()?.mailbox_guid());
        assert_eq!(guids[1], rig.store_of(ME)?.mailbox_guid());
        session.logoff()?;
        Ok(())
    }

    fn what_is_not_a_store_is_not_opened(rig: &Rig) -> Result {
        let session = rig.session(ME)?;
        let folder = session.open_default_msg_store()?.inbox()?.entry_id()?;
        for entry_id in [b"".as_slice(), b"\0\0\0\0", &folder] {
            let refused = session.open_msg_store(entry_id, OpenFlags::default());
            assert!(matches!(refused, Err(Error::InvalidArgument(_))));
        }
        assert!(matches!(
            Session::logon(mapi_session::Profile::default()),
            Err(Error::NoDefaultStore)
        ));
        Ok(())
    }

    /// A logon id is one byte: 256 stores, then a clear error, then room again.
    fn the_same_store_opens_256_times(rig: &Rig) -> Result {
        let session = rig.session(ME)?;
        let mut stores = (0..256)
            .map(|_| session.open_default_msg_store())
            .collect::<mapi_session::Result<Vec<_>>>()?;
        assert!(matches!(session.open_default_msg_store(), Err(Error::TooManyStores)));
        stores.swap_remove(100);
        stores.push(session.open_default_msg_store()?);
        assert!(stores.iter().all(|store| store.mailbox_guid() == stores[0].mailbox_guid()));
        Ok(())
    }
}
