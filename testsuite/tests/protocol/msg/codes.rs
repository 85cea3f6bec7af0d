//! Every code that [MS-OXCMSG] 3.2.5 lists and no other test has: objects of the wrong kind, missing rights, limits.

use mapi::{ErrorCode, tags};
use mapi_rop::message::{
    AttachmentIdBody, AttachmentTableFlags, GetAttachmentTableRequest, ReadFlags,
    ReadRecipientsRequest, RemoveAllRecipientsRequest, SetMessageReadFlagRequest,
};
use mapi_rop::{HandleIndex, LogonId, Request};
use testsuite::on_both;
use testsuite::rig::ME;

use super::*;
use crate::perm::{EDIT_ANY, FOLDER_VISIBLE, READ_ANY, grant, visitor};

const CREATE: OpenMessageFlags = OpenMessageFlags(0x03);

/// The answers of a ROP on a logon, a folder, an attachment and a table.
fn on_other_objects(client: &mut Client, body: &RopRequest) -> Vec<Answer<()>> {
    let message = draft(client);
    let (_, attachment) = create_attachment(client, message).expect("an attachment");
    let folder = client.open_folder(INBOX).expect("the inbox");
    let table = client.contents(folder, mapi_rop::folder::TableFlags::NONE).expect("a table");
    let mut objects = vec![client.logon, folder, table];
    // What is for attachments only is asked of a message instead.
    objects.push(match body {
        RopRequest::OpenEmbeddedMessage(_) | RopRequest::SaveChangesAttachment(_) => message,
        _ => attachment,
    });
    let ask = |object| client.call_two(object, client.logon, body.clone()).map(drop);
    objects.into_iter().map(ask).collect()
}

on_both! {
    /// MS-OXCMSG 3.2.5.4: R1493
    /// MS-OXCMSG 3.2.5.6: R1057
    /// MS-OXCMSG 3.2.5.11: R1521
    /// MS-OXCMSG 3.2.5.12: R1620
    /// MS-OXCMSG 3.2.5.13: R1712
    fn what_is_for_messages_needs_a_message(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let flags = ReadFlags::NONE;
        let bodies = [
            RopRequest::RemoveAllRecipients(RemoveAllRecipientsRequest { reserved: 0 }),
            RopRequest::ReadRecipients(ReadRecipientsRequest { row_id: 0, reserved: 0 }),
            RopRequest::SetMessageReadFlag(SetMessageReadFlagRequest { flags, client_data: None }),
            RopRequest::OpenAttachment(OpenAttachmentRequest {
                flags: OpenAttachmentFlags::NONE,
                attachment: 0,
            }),
            RopRequest::CreateAttachment(Empty),
        ];
        for body in bodies {
            let answers = on_other_objects(&mut client, &body);
            assert_eq!(answers, vec![Err(ErrorCode::NULL_OBJECT); 4], "{body:?}");
        }
        Ok(())
    }

    /// MS-OXCMSG 3.2.5.14: R467
    /// MS-OXCMSG 3.2.5.15: R1524
    /// MS-OXCMSG 3.2.5.16: R1525
    /// MS-OXCMSG 3.2.5.17: R1526
    fn what_is_for_attachments_needs_one_or_its_message(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let table = GetAttachmentTableRequest { flags: AttachmentTableFlags::UNICODE };
        let embedded =
            OpenEmbeddedMessageRequest { code_page: LOGON_CODE_PAGE, flags: OpenMessageFlags::NONE };
        let bodies = [
            RopRequest::DeleteAttachment(AttachmentIdBody { attachment: 0 }),
            RopRequest::OpenEmbeddedMessage(embedded),
            RopRequest::GetAttachmentTable(table),
        ];
        for body in bodies {
            let answers = on_other_objects(&mut client, &body);
            assert_eq!(answers, vec![Err(ErrorCode::NULL_OBJECT); 4], "{body:?}");
        }
        let save = SaveChangesRequest { flags: SaveFlags::NONE };
        let answers = on_other_objects(&mut client, &RopRequest::SaveChangesAttachment(save));
        assert_eq!(answers, vec![Err(ErrorCode::NOT_SUPPORTED); 4]);
        Ok(())
    }

    /// MS-OXCMSG 3.2.5.2: R369
    /// MS-OXCMSG 6: R3018
    fn who_may_not_create_makes_no_message(rig: &Rig) -> Result {
        grant(rig, INBOX, FOLDER_VISIBLE | READ_ANY | EDIT_ANY)?;
        let mut stranger = visitor(rig)?;
        let denied = Err(ErrorCode::ACCESS_DENIED);
        assert_eq!(stranger.create_message(INBOX, false), denied);
        assert_eq!(stranger.create_message(INBOX, true), denied);
        let inbox = stranger.open_folder(INBOX)?;
        assert_eq!(number(&mut stranger, inbox, tags::CONTENT_COUNT), Ok(0));
        Ok(())
    }

    /// MS-OXCMSG 3.2.5.12: R442
    /// MS-OXCMSG 3.2.5.15: R1064
    /// MS-OXCMSG 3.2.5.16: R1066
    fn who_may_not_edit_changes_no_attachments(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = draft(&mut client);
        let (number_of, attachment) = create_attachment(&mut client, message)?;
        save_attachment(&mut client, attachment, message, SaveFlags::NONE)?;
        let id = client.save(message, SaveFlags::NONE)?;
        grant(rig, INBOX, FOLDER_VISIBLE | READ_ANY)?;
        let mut stranger = visitor(rig)?;
        let best = OpenMessageFlags::BEST_ACCESS;
        let message = stranger.open_message(INBOX, id, best)?;
        let denied = ErrorCode::ACCESS_DENIED;
        let writing = OpenAttachmentFlags::READ_WRITE;
        let opened = open_attachment(&mut stranger, message, number_of, writing);
        assert_eq!(opened, Err(denied));
        let body = RopRequest::DeleteAttachment(AttachmentIdBody { attachment: number_of });
        assert_eq!(stranger.call(message, body), Err(denied));
        assert_eq!(create_attachment(&mut stranger, message), Err(denied));
        // With the best access that there is, it is read.
        let best = OpenAttachmentFlags::BEST_ACCESS;
        let attachment = open_attachment(&mut stranger, message, number_of, best)?;
        assert_eq!(number(&mut stranger, attachment, tags::ACCESS_LEVEL), Ok(0));
        assert_eq!(embedded(&mut stranger, attachment, CREATE).map(drop), Err(denied));
        Ok(())
    }

    /// MS-OXCMSG 3.2.5.6: R1056
    fn a_recipient_that_does_not_fit_is_told_so(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = draft(&mut client);
        super::recipient::add(&mut client, message, &"n".repeat(300))?;
        let read = || {
            let body = ReadRecipientsRequest { row_id: 0, reserved: 0 };
            [Request::new(LogonId(0), HandleIndex(0), RopRequest::ReadRecipients(body))]
        };
        let mut codes = Vec::new();
        for room in [256, 4096] {
            let mut answer = client.exchange_within(&read(), &[message], room)?;
            codes.push(testsuite::raw::code(&answer.responses.remove(0)));
        }
        assert_eq!(codes, [Err(ErrorCode::BUFFER_TOO_SMALL), Ok(())]);
        Ok(())
    }

    /// MS-OXCMSG 3.2.5.13: R1060
    fn attachments_of_a_message_are_limited_in_number(rig: &Rig) -> Result {
        const MOST: u32 = 10_000;
        let owner = rig.store.account_by_address(ME)?.ok_or("an account")?;
        let mailbox = rig.store.mailbox(owner.mailbox)?;
        let mut large = store::message::Message::new(&mailbox, INBOX, false);
        for _ in 1..MOST {
            large.body.add_attachment();
        }
        let id = store::message::save(&mailbox, &mut large, Default::default())?.id;
        let mut client = rig.client(ME)?;
        let message = open(&mut client, id);
        let (last, attachment) = create_attachment(&mut client, message)?;
        assert_eq!(last, MOST - 1);
        // Those that are not saved do not count.
        let (_, other) = create_attachment(&mut client, message)?;
        save_attachment(&mut client, attachment, message, SaveFlags::NONE)?;
        let refused = create_attachment(&mut client, message);
        assert_eq!(refused, Err(ErrorCode::MAX_ATTACHMENT_EXCEEDED));
        let refused = save_attachment(&mut client, other, message, SaveFlags::NONE);
        assert_eq!(refused, Err(ErrorCode::MAX_ATTACHMENT_EXCEEDED));
        let body = RopRequest::DeleteAttachment(AttachmentIdBody { attachment: last });
        client.call(message, body)?;
        create_attachment(&mut client, message)?;
        Ok(())
    }
}
