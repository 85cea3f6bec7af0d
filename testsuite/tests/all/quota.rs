//! A full mailbox over MAPI: what is refused with which code, and what still works.

use mapi::{ErrorCode, PropertyTag, tags};
use mapi_session::MapiProp;
use store::quota::{self, Quota};
use testsuite::letter::Letter;
use testsuite::on_both;

use testsuite::rig::ME;

const STORAGE_QUOTA_LIMIT: PropertyTag = PropertyTag::new(0x3ff5_0003);

on_both! {
    fn a_full_mailbox_refuses_to_grow_and_nothing_else(rig: &Rig) -> Result {
        let store = rig.store_of(ME)?;
        let inbox = store.inbox()?;
        let first = Letter::new(1).save(&inbox)?;
        let account = rig.store.account_by_address(ME)?.ok_or("no account")?;
        let mailbox = rig.store.mailbox(account.mailbox)?;
        let used = quota::usage(&mailbox)?.used;
        let asked = [
            STORAGE_QUOTA_LIMIT,
            tags::PROHIBIT_SEND_QUOTA,
            tags::PROHIBIT_RECEIVE_QUOTA,
            tags::MESSAGE_SIZE_EXTENDED,
        ];
        assert_eq!(store.property(tags::PROHIBIT_RECEIVE_QUOTA)?, None);
        quota::set(&mailbox, Some(Quota {
            warn: Some(1024),
            prohibit_send: Some(used),
            prohibit_receive: Some(used),
        }))?;
        let row = store.properties(&asked)?;
        assert_eq!(row.integer(STORAGE_QUOTA_LIMIT), Some(1));
        assert_eq!(row.integer(tags::PROHIBIT_RECEIVE_QUOTA), Some(used.div_ceil(1024) as i64));
        assert_eq!(row.integer(tags::MESSAGE_SIZE_EXTENDED), Some(used as i64));
        let code = |result: mapi_session::Result<_>| result.err().and_then(|e| e.code());
        // RopSaveChangesMessage of a new message, and of one that grows.
        let message = inbox.create_message()?;
        message.set(tags::SUBJECT, "no room")?;
        assert_eq!(code(message.save().map(drop)), Some(ErrorCode::SHUTOFF_QUOTA_EXCEEDED));
        let open = inbox.open_message(first)?;
        open.set(tags::BODY, "x".repeat(50_000).as_str())?;
        assert_eq!(code(open.save().map(drop)), Some(ErrorCode::SHUTOFF_QUOTA_EXCEEDED));
        assert_eq!(inbox.contents_table()?.row_count()?, 1);
        assert_eq!(quota::usage(&mailbox)?.used, used);
        // Moving and deleting work, and then there is room.
        let trash = store.deleted_items()?;
        inbox.move_messages(&[first], &trash)?;
        assert_eq!(trash.contents_table()?.row_count()?, 1);
        trash.empty(true)?;
        assert_eq!(quota::usage(&mailbox)?.used, 0);
        message.save()?;
        assert_eq!(inbox.contents_table()?.row_count()?, 1);
        Ok(())
    }
}
