//! Read flags, receipts, message status: [MS-OXCMSG] 2.2.3.8 to 2.2.3.11, 3.2.5.8 to 3.2.5.11.

use mapi::{ErrorCode, TaggedValue};
use mapi_rop::folder::DeleteMessagesRequest;
use mapi_rop::message::{
    GetMessageStatusRequest, ReadFlags, SetMessageReadFlagRequest, SetMessageStatusRequest,
    SetReadFlagsRequest,
};
use store::delivery;
use store::message::MessageBody;
use testsuite::on_both;
use testsuite::rig::{ME, Rig, STRANGER};

use super::*;

const READ: i32 = 0x0001;
const NOTIFY_READ: i32 = 0x0100;
const NOTIFY_UNREAD: i32 = 0x0200;
const EVER_READ: i32 = 0x0400;

fn set_status(
    client: &mut Client,
    folder: Handle,
    id: MessageId,
    flags: u32,
    mask: u32,
) -> Answer<u32> {
    let body = SetMessageStatusRequest { message: id, flags, mask };
    match client.call(folder, RopRequest::SetMessageStatus(body))? {
        RopResponse::SetMessageStatus(answer) => Ok(answer.flags),
        other => panic!("{other:?}"),
    }
}

fn status(client: &mut Client, folder: Handle, id: MessageId) -> Answer<u32> {
    let body = GetMessageStatusRequest { message: id };
    match client.call(folder, RopRequest::GetMessageStatus(body))? {
        // The answer bears the RopId of the other ROP (MS-OXCROPS R20004).
        RopResponse::SetMessageStatus(answer) | RopResponse::GetMessageStatus(answer) => {
            Ok(answer.flags)
        }
        other => panic!("{other:?}"),
    }
}

fn set_flags(
    client: &mut Client,
    folder: Handle,
    flags: ReadFlags,
    ids: &[MessageId],
) -> Answer<bool> {
    let body =
        SetReadFlagsRequest { want_asynchronous: true, flags, messages: ids.to_vec().into() };
    match client.call(folder, RopRequest::SetReadFlags(body))? {
        RopResponse::SetReadFlags(answer) => Ok(answer.partial_completion),
        other => panic!("{other:?}"),
    }
}

fn set_one(client: &mut Client, message: Handle, flags: ReadFlags) -> Answer<()> {
    let body = SetMessageReadFlagRequest { flags, client_data: None };
    let logon = client.logon;
    match client.call_two(message, logon, RopRequest::SetMessageReadFlag(body))?.0 {
        RopResponse::SetMessageReadFlag(answer) => {
            assert!(answer.changed.0.is_none(), "nothing is told in a private mailbox");
            Ok(())
        }
        other => panic!("{other:?}"),
    }
}

fn flags_of(client: &mut Client, id: MessageId) -> i32 {
    let message = open(client, id);
    let flags = number(client, message, tags::MESSAGE_FLAGS).expect("flags");
    client.release(message);
    flags
}

/// A message from STRANGER to ME that asks for a receipt, delivered and unread.
fn asked(rig: &Rig, unread_too: bool) -> testsuite::Result<MessageId> {
    let sender = rig.store.account_by_address(STRANGER)?.expect("an account");
    let owner = rig.store.account_by_address(ME)?.expect("an account");
    let sending = rig.store.mailbox(sender.mailbox)?;
    let mut body = MessageBody::default();
    body.properties.set(tags::SUBJECT, "please read");
    body.properties.set(tags::READ_RECEIPT_REQUESTED, true);
    body.properties.set(tags::NON_RECEIPT_NOTIFICATION_REQUESTED, unread_too);
    body.recipients.push(delivery::recipient_of(&owner, 0, 1));
    delivery::send(&sending, body, false)?;
    delivery::deliver_due(&rig.store)?;
    let newest = rig.client(ME)?.message_ids(INBOX)?.pop();
    newest.ok_or_else(|| "nothing was delivered".into())
}

/// The classes of the receipts that STRANGER got.
fn receipts(rig: &Rig) -> testsuite::Result<Vec<String>> {
    // A thread of the store may be at it; what is in the queue is delivered when it is empty.
    while delivery::waiting(&rig.store)?.ready > 0 {
        delivery::deliver_due(&rig.store)?;
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let received = rig.client(STRANGER)?.messages(INBOX)?;
    Ok(received.iter().map(|message| message.text(tags::MESSAGE_CLASS)).collect())
}

on_both! {
    /// MS-OXCMSG 2.2.3.8: R773
    /// MS-OXCMSG 2.2.3.8.2: R784
    /// MS-OXCMSG 3.2.5.8: R416, R1500, R1501
    fn the_status_of_a_message_is_set_by_mask(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let id = post(&mut client, "subject");
        let folder = client.open_folder(INBOX).expect("the inbox");
        assert_eq!(set_status(&mut client, folder, id, 0x1000, 0x3000), Ok(0));
        assert_eq!(set_status(&mut client, folder, id, 0x2000, 0x2000), Ok(0x1000));
        assert_eq!(set_status(&mut client, folder, id, 0x2000, 0x1000), Ok(0x3000));
        assert_eq!(status(&mut client, folder, id), Ok(0x2000));
        let message = open(&mut client, id);
        assert_eq!(number(&mut client, message, tags::MESSAGE_STATUS), Ok(0x2000));
        Ok(())
    }

    /// MS-OXCMSG 2.2.1.8: R545, R2029, R2028, R2030
    fn whether_a_message_is_in_conflict_is_the_servers_word(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let id = post(&mut client, "subject");
        let folder = client.open_folder(INBOX).expect("the inbox");
        set_status(&mut client, folder, id, 0x3800, 0x3800).expect("set");
        assert_eq!(status(&mut client, folder, id), Ok(0x3000));
        Ok(())
    }

    /// MS-OXCMSG 2.2.3.9: R786
    /// MS-OXCMSG 2.2.3.9.2: R793
    /// MS-OXCMSG 3.2.5.9: R421, R1507
    /// MS-OXCMSG 3.2.5.8: R1505
    fn the_status_is_asked_of_a_folder(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let id = post(&mut client, "subject");
        let folder = client.open_folder(INBOX).expect("the inbox");
        assert_eq!(status(&mut client, folder, id), Ok(0));
        let missing = MessageId::own(0x00ff_ffff);
        assert_eq!(status(&mut client, folder, missing), Err(ErrorCode::NOT_FOUND));
        let no_such = set_status(&mut client, folder, missing, 1, 1);
        assert_eq!(no_such, Err(ErrorCode::NOT_FOUND));
        for object in [client.logon, open(&mut client, id)] {
            let refused = Err(ErrorCode::NULL_OBJECT);
            assert_eq!(status(&mut client, object, id), refused);
            assert_eq!(set_status(&mut client, object, id, 0x1000, 0x1000), refused);
        }
        Ok(())
    }

    /// MS-OXCMSG 2.2.3.10: R795
    /// MS-OXCMSG 2.2.3.10.1: R805, R822
    /// MS-OXCMSG 2.2.3.10.2: R834
    /// MS-OXCMSG 3.2.5.10: R1703
    fn read_flags_of_many_messages_are_set(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let ids = [post(&mut client, "a"), post(&mut client, "b"), post(&mut client, "c")];
        let folder = client.open_folder(INBOX).expect("the inbox");
        let clear = ReadFlags::CLEAR_READ_FLAG;
        assert_eq!(set_flags(&mut client, folder, clear, &ids[..2]), Ok(false));
        // What was read stays marked as read once.
        assert_eq!(flags_of(&mut client, ids[0]) & (READ | EVER_READ), EVER_READ);
        assert_eq!(flags_of(&mut client, ids[2]) & (READ | EVER_READ), READ | EVER_READ);
        assert_eq!(number(&mut client, folder, tags::CONTENT_UNREAD_COUNT), Ok(2));
        assert_eq!(set_flags(&mut client, folder, ReadFlags::NONE, &ids[..1]), Ok(false));
        let read = READ | EVER_READ;
        assert_eq!(flags_of(&mut client, ids[0]) & read, read);
        // No ids are all messages.
        assert_eq!(set_flags(&mut client, folder, clear, &[]), Ok(false));
        assert_eq!(number(&mut client, folder, tags::CONTENT_UNREAD_COUNT), Ok(3));
        Ok(())
    }

    /// MS-OXCMSG 2.2.3.10.2: R1674
    /// MS-OXCMSG 3.2.5.10: R1514, R1516, R426, R1512
    fn what_could_not_be_marked_is_told(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let id = post(&mut client, "a");
        let folder = client.open_folder(INBOX).expect("the inbox");
        let ids = [MessageId::own(0x00ff_ffff), id];
        let clear = ReadFlags::CLEAR_READ_FLAG;
        assert_eq!(set_flags(&mut client, folder, clear, &ids), Ok(true));
        assert_eq!(flags_of(&mut client, id) & READ, 0);
        let logon = client.logon;
        let refused = set_flags(&mut client, logon, clear, &ids);
        assert_eq!(refused, Err(ErrorCode::NULL_OBJECT));
        Ok(())
    }

    /// MS-OXCMSG 2.2.3.11: R835
    /// MS-OXCMSG 2.2.3.11.2: R1841
    /// MS-OXCMSG 2.2.1.6: R537, R1140, R1141
    fn the_read_flag_of_an_open_message_is_stored_at_once(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let id = post(&mut client, "a");
        let message = open(&mut client, id);
        set_one(&mut client, message, ReadFlags::CLEAR_READ_FLAG).expect("set");
        assert_eq!(client.get(message, tags::READ), Ok(false.into()));
        assert_eq!(flags_of(&mut client, id) & (READ | EVER_READ), EVER_READ);
        set_one(&mut client, message, ReadFlags::NONE).expect("set");
        assert_eq!(flags_of(&mut client, id) & (READ | EVER_READ), READ | EVER_READ);
        // Reading is no change of the message: it can still be saved.
        client.set(message, tags::SUBJECT, "b").expect("set");
        assert_eq!(client.save(message, SaveFlags::NONE), Ok(id));
        let both = ReadFlags(ReadFlags::GENERATE_RECEIPT_ONLY.0 | ReadFlags::CLEAR_READ_FLAG.0);
        assert_eq!(set_one(&mut client, message, both), Err(ErrorCode::INVALID_PARAMETER));
        let folder = client.open_folder(INBOX).expect("the inbox");
        let no_message = set_one(&mut client, folder, ReadFlags::NONE);
        assert_eq!(no_message, Err(ErrorCode::NULL_OBJECT));
        Ok(())
    }

    /// MS-OXCMSG 2.2.3.10.1: R815
    /// MS-OXCMSG 2.2.3.10: R796
    /// MS-OXCMSG 2.2.1.6: R529
    fn reading_sends_the_receipt_that_was_asked_for(rig: &Rig) -> Result {
        let id = asked(rig, false)?;
        let mut client = rig.client(ME)?;
        assert_eq!(flags_of(&mut client, id) & (READ | NOTIFY_READ), NOTIFY_READ);
        let folder = client.open_folder(INBOX).expect("the inbox");
        assert_eq!(set_flags(&mut client, folder, ReadFlags::NONE, &[id]), Ok(false));
        assert_eq!(flags_of(&mut client, id) & (READ | NOTIFY_READ), READ);
        assert_eq!(receipts(rig)?, ["REPORT.IPM.Note.IPNRN"]);
        // Only once.
        set_flags(&mut client, folder, ReadFlags::CLEAR_READ_FLAG, &[id]).expect("set");
        set_flags(&mut client, folder, ReadFlags::NONE, &[id]).expect("set");
        assert_eq!(receipts(rig)?.len(), 1);
        Ok(())
    }

    /// MS-OXCMSG 2.2.3.10.1: R825
    /// MS-OXCMSG 2.2.3.11: R836
    fn a_receipt_is_sent_without_the_flag_on_demand(rig: &Rig) -> Result {
        let id = asked(rig, false)?;
        let mut client = rig.client(ME)?;
        let message = open(&mut client, id);
        set_one(&mut client, message, ReadFlags::GENERATE_RECEIPT_ONLY).expect("set");
        assert_eq!(flags_of(&mut client, id) & (READ | NOTIFY_READ), 0);
        assert_eq!(number(&mut client, message, tags::MESSAGE_FLAGS).expect("flags") & NOTIFY_READ, 0);
        assert_eq!(receipts(rig)?, ["REPORT.IPM.Note.IPNRN"]);
        // The same for messages that are not open.
        let other = asked(rig, false)?;
        let folder = client.open_folder(INBOX).expect("the inbox");
        let done = set_flags(&mut client, folder, ReadFlags::GENERATE_RECEIPT_ONLY, &[other]);
        assert_eq!(done, Ok(false));
        assert_eq!(flags_of(&mut client, other) & (READ | NOTIFY_READ), 0);
        assert_eq!(receipts(rig)?, ["REPORT.IPM.Note.IPNRN"; 2]);
        Ok(())
    }

    /// MS-OXCMSG 2.2.3.10.1: R817, R818, R827, R829, R820
    fn receipts_can_be_cancelled(rig: &Rig) -> Result {
        let id = asked(rig, true)?;
        let mut client = rig.client(ME)?;
        let folder = client.open_folder(INBOX).expect("the inbox");
        let pending = NOTIFY_READ | NOTIFY_UNREAD;
        assert_eq!(flags_of(&mut client, id) & (READ | pending), pending);
        let set = |client: &mut Client, flags| {
            assert_eq!(set_flags(client, folder, flags, &[id]), Ok(false));
            flags_of(client, id) & (READ | pending)
        };
        assert_eq!(set(&mut client, ReadFlags::CLEAR_NOTIFY_UNREAD), NOTIFY_READ);
        assert_eq!(set(&mut client, ReadFlags::CLEAR_NOTIFY_READ), 0);
        assert_eq!(set(&mut client, ReadFlags::NONE), READ);
        assert!(receipts(rig)?.is_empty());
        let other = asked(rig, false)?;
        assert_ne!(other, id);
        let ids = [other];
        let suppress = ReadFlags(ReadFlags::SUPPRESS_RECEIPT.0 | 0x0a);
        assert_eq!(set_flags(&mut client, folder, suppress, &ids), Ok(false));
        assert_eq!(flags_of(&mut client, other) & (READ | NOTIFY_READ), READ);
        assert!(receipts(rig)?.is_empty());
        Ok(())
    }

    /// MS-OXCMSG 2.2.1.6: R531
    fn what_is_deleted_unread_is_told_if_it_was_asked_for(rig: &Rig) -> Result {
        let id = asked(rig, true)?;
        let mut client = rig.client(ME)?;
        let folder = client.open_folder(INBOX).expect("the inbox");
        let body = DeleteMessagesRequest {
            want_asynchronous: false,
            notify_non_read: true,
            messages: vec![id].into(),
        };
        match client.call(folder, RopRequest::DeleteMessages(body)).expect("deleted") {
            RopResponse::DeleteMessages(answer) => assert!(!answer.partial_completion),
            other => panic!("{other:?}"),
        }
        assert_eq!(receipts(rig)?, ["REPORT.IPM.Note.IPNNRN"]);
        Ok(())
    }

    /// MS-OXCMSG 2.2.1.49: R1888, R1889
    /// MS-OXCMSG 3.2.5.3: R1890
    fn the_commit_time_follows_saves_and_the_read_state(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = draft(&mut client);
        assert_eq!(client.get(message, tags::LOCAL_COMMIT_TIME), Err(ErrorCode::NOT_FOUND));
        let id = client.save(message, SaveFlags::KEEP_OPEN_READ_WRITE).expect("a save");
        let time = |client: &mut Client| {
            let message = open(client, id);
            match client.get(message, tags::LOCAL_COMMIT_TIME).expect("a time") {
                PropertyValue::Time(time) => time.0,
                other => panic!("{other:?}"),
            }
        };
        let first = time(&mut client);
        set_one(&mut client, message, ReadFlags::CLEAR_READ_FLAG).expect("set");
        let second = time(&mut client);
        assert!(second > first);
        client.set_all(message, &[TaggedValue::new(tags::SUBJECT, "a")]).expect("set");
        client.save(message, SaveFlags::NONE).expect("a save");
        assert!(time(&mut client) > second);
        Ok(())
    }

    /// MS-OXCMSG 3.1.4.8: R1393
    /// MS-OXCMSG 3.1.4.9: R1394
    /// MS-OXCMSG 3.1.5.7: R1420, R1421
    /// MS-OXCMSG 3.1.5.8: R286
    fn messages_are_marked_for_download_by_their_status(rig: &Rig) -> Result {
        /// msRemoteDownload and msRemoteDelete
        const MARKS: [u32; 2] = [0x1000, 0x2000];
        let mut client = rig.client(ME)?;
        let ids = ["one", "two"].map(|subject| post(&mut client, subject));
        let folder = client.open_folder(INBOX).expect("the inbox");
        for (id, mark) in ids.into_iter().zip(MARKS) {
            assert_eq!(set_status(&mut client, folder, id, mark, mark), Ok(0));
        }
        let table = client.contents(folder, mapi_rop::folder::TableFlags::NONE).expect("a table");
        client.set_columns(table, &[tags::MID, tags::MESSAGE_STATUS]).expect("columns");
        let rows = client.query_rows(table, 10).expect("rows").rows;
        for (id, mark) in ids.into_iter().zip(MARKS) {
            assert_eq!(status(&mut client, folder, id), Ok(mark));
            let row = rows.iter().find(|row| row.value(0) == Some(&id.to_i64().into()));
            assert_eq!(row.and_then(|row| row.value(1)), Some(&(mark as i32).into()));
            assert_eq!(set_status(&mut client, folder, id, 0, mark), Ok(mark));
            assert_eq!(status(&mut client, folder, id), Ok(0));
        }
        Ok(())
    }

    /// MS-OXCMSG 3.1.4.10: R287, R290
    /// MS-OXCMSG 3.1.5.9: R291
    /// MS-OXCMSG 3.2.5.11: R1710
    fn messages_are_read_and_unread_open_or_not(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let ids = ["one", "two", "three"].map(|subject| post(&mut client, subject));
        let folder = client.open_folder(INBOX).expect("the inbox");
        let read = |client: &mut Client| ids.map(|id| flags_of(client, id) & READ == READ);
        assert_eq!(read(&mut client), [true, true, true]);
        let unread = ReadFlags::CLEAR_READ_FLAG;
        assert_eq!(set_flags(&mut client, folder, unread, &ids[..2]), Ok(false));
        assert_eq!(read(&mut client), [false, false, true]);
        let message = open(&mut client, ids[0]);
        set_one(&mut client, message, ReadFlags::NONE).expect("set");
        assert_eq!(read(&mut client), [true, false, true]);
        let message = open(&mut client, ids[2]);
        set_one(&mut client, message, unread).expect("set");
        assert_eq!(read(&mut client), [true, false, false]);
        assert_eq!(number(&mut client, folder, tags::CONTENT_UNREAD_COUNT), Ok(2));
        Ok(())
    }
}
