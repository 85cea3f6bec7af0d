//! Mail between three users over MAPI: what each of them sees.

use mapi::{ErrorCode, tags};
use mapi_session::{Folder, MapiProp, MsgStore, RecipientKind};
use testsuite::Result;
use testsuite::on_both;
use testsuite::rig::{DELEGATE, ME, STRANGER};

fn subjects(folder: &Folder) -> Result<Vec<String>> {
    let table = folder.contents_table()?;
    table.set_columns(&[tags::SUBJECT])?;
    let rows = table.query_rows(100)?;
    Ok(rows.iter().map(|row| row.text(tags::SUBJECT).unwrap_or_default()).collect())
}

fn send(from: &MsgStore, to: &[(RecipientKind, &str)], subject: &str) -> Result {
    let message = from.outbox()?.create_message()?;
    message.set(tags::SUBJECT, subject)?;
    message.set(tags::BODY, "Hello")?;
    for (kind, address) in to {
        message.add_recipient(*kind, address, address)?;
    }
    Ok(message.submit()?)
}

on_both! {
    fn mail_goes_there_and_back(rig: &Rig) -> Result {
        let [me, delegate, stranger] = [
            rig.store_of(ME)?,
            rig.store_of(DELEGATE)?,
            rig.store_of(STRANGER)?,
        ];
        let everybody = [(RecipientKind::To, DELEGATE), (RecipientKind::Cc, STRANGER)];
        send(&me, &everybody, "lunch")?;
        assert_eq!(subjects(&delegate.inbox()?)?, ["lunch"]);
        assert_eq!(subjects(&stranger.inbox()?)?, ["lunch"]);
        assert_eq!(subjects(&me.sent_items()?)?, ["lunch"]);
        assert_eq!(subjects(&me.outbox()?)?, Vec::<String>::new());

        send(&stranger, &[(RecipientKind::To, ME)], "RE: lunch")?;
        assert_eq!(subjects(&me.inbox()?)?, ["RE: lunch"]);
        let unread = me.inbox()?.property(tags::CONTENT_UNREAD_COUNT)?;
        assert_eq!(unread, Some(1.into()));

        // Nobody is told of what cannot be sent, but its sender.
        send(&delegate, &[(RecipientKind::To, "nobody@example.test")], "hello?")?;
        assert_eq!(subjects(&delegate.inbox()?)?, ["lunch", "Undeliverable: hello?"]);

        let empty = me.outbox()?.create_message()?;
        let refused = empty.submit().err().and_then(|error| error.code());
        assert_eq!(refused, Some(ErrorCode::INVALID_RECIPIENTS));
        Ok(())
    }

    fn what_waits_is_taken_back(rig: &Rig) -> Result {
        let me = rig.store_of(ME)?;
        let outbox = me.outbox()?;
        let message = outbox.create_message()?;
        message.set(tags::SUBJECT, "tomorrow")?;
        message.add_recipient(RecipientKind::To, STRANGER, STRANGER)?;
        // A day.
        message.set(tags::DEFERRED_SEND_NUMBER, 1)?;
        message.set(tags::DEFERRED_SEND_UNITS, 2)?;
        let id = message.save()?;
        message.submit_and_delete()?;
        assert_eq!(subjects(&rig.store_of(STRANGER)?.inbox()?)?, Vec::<String>::new());
        me.abort_submit(outbox.id(), id)?;
        let again = me.abort_submit(outbox.id(), id).err().and_then(|error| error.code());
        assert_eq!(again, Some(ErrorCode::NOT_IN_QUEUE));
        assert_eq!(subjects(&outbox)?, ["tomorrow"]);
        Ok(())
    }
}
