//! RopSubmitMessage, RopAbortSubmit, RopGetAddressTypes ([MS-OXOMSG] 2.2.4, 3.3.5).

use mapi::wire::Counted;
use mapi::{ErrorCode, FileTime, MessageId, PropertyRow, RecipientRow, tags};
use mapi_rop::folder::DeleteMessagesRequest;
use mapi_rop::message::{OpenEmbeddedMessageRequest, OpenMessageFlags, SaveFlags};
use mapi_rop::transport::{AbortSubmitRequest, SubmitFlags};
use mapi_rop::{Empty, Handle, RopRequest, RopResponse};
use store::message::flags;
use store::quota::{self, Quota};
use store::{SpecialFolder, delivery};
use testsuite::on_both;
use testsuite::raw::{Answer, Client};
use testsuite::rig::{DELEGATE, ME, STRANGER};

use super::{
    BCC, CC, INBOX, OUTBOX, SENT, TO, address, by_dn, draft, mailbox, messages, send, subjects,
    submit, text, to_folder,
};

fn abort(client: &mut Client, folder: mapi::FolderId, message: MessageId) -> Answer<()> {
    let request = RopRequest::AbortSubmit(AbortSubmitRequest { folder, message });
    client.call(client.logon, request).map(drop)
}

/// A message of ME that is sent in an hour; its MID.
fn submit_for_later(client: &mut Client) -> Answer<MessageId> {
    let message = draft(client, "later", &[(TO, STRANGER)])?;
    let (seconds, _) = FileTime::from_system(std::time::SystemTime::now()).to_unix();
    let later = FileTime::from_unix(seconds + 3_600, 0);
    client.set(message, tags::DEFERRED_SEND_TIME, later)?;
    send(client, message)
}

on_both! {
    /// MS-OXOMSG 2.2.4.1
    /// MS-OXOMSG 2.2.3.10
    /// MS-OXOMSG 3.3.5
    fn a_message_reaches_everybody_and_goes_to_sent_items(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let to = [(TO, STRANGER), (CC, DELEGATE), (BCC, ME)];
        let message = draft(&mut client, "lunch", &to)?;
        client.set(message, tags::SENT_MAIL_SVR_EID, to_folder(SENT))?;
        let id = send(&mut client, message)?;
        for user in [STRANGER, DELEGATE, ME] {
            let got = messages(rig, user, INBOX)?;
            assert_eq!(subjects(&got), ["lunch"], "{user}");
            // Who got a blind copy is nobody's business.
            assert_eq!(got[0].recipients.len(), 2);
            assert_eq!(text(&got[0], tags::DISPLAY_BCC), "");
            assert!(!got[0].is_read());
        }
        assert_eq!(messages(rig, ME, OUTBOX)?.len(), 0);
        let sent = messages(rig, ME, SENT)?;
        assert_eq!(subjects(&sent), ["lunch"]);
        assert_eq!(sent[0].recipients.len(), 3);
        assert_eq!(sent[0].flags() & (flags::SUBMITTED | flags::UNSENT), 0);
        let gone = client.open_message(OUTBOX, id, OpenMessageFlags::NONE);
        assert_eq!(gone, Err(ErrorCode::NOT_FOUND));
        Ok(())
    }

    /// MS-OXOMSG 2.2.3.8
    fn a_message_is_deleted_after_it_is_sent(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = draft(&mut client, "gone", &[(TO, STRANGER)])?;
        client.set(message, tags::DELETE_AFTER_SUBMIT, true)?;
        send(&mut client, message)?;
        assert_eq!(subjects(&messages(rig, STRANGER, INBOX)?), ["gone"]);
        for folder in [OUTBOX, SENT, SpecialFolder::DeletedItems.id()] {
            assert_eq!(messages(rig, ME, folder)?.len(), 0);
        }
        Ok(())
    }

    /// MS-OXOMSG 2.2.3.10
    fn without_a_wish_a_message_stays_where_it_was(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = draft(&mut client, "here", &[(TO, STRANGER)])?;
        send(&mut client, message)?;
        let kept = messages(rig, ME, OUTBOX)?;
        assert_eq!(subjects(&kept), ["here"]);
        assert_eq!(kept[0].flags() & (flags::SUBMITTED | flags::UNSENT), 0);
        Ok(())
    }

    /// MS-OXOMSG 2.2.3
    fn a_client_chooses_place_and_id_of_the_sent_message(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mailbox = mailbox(rig, ME)?;
        let counter = store::mailbox::ids::allocate(&mailbox, 1)?;
        let long = |counter| mapi::LongTermId::new(mailbox.replica(), counter);
        let target = mapi::entry_id::MessageEntryId::private(
            mailbox.guid(),
            long(SENT.counter),
            long(counter),
        );
        let message = draft(&mut client, "optimised", &[(TO, STRANGER)])?;
        client.set(message, tags::TARGET_ENTRY_ID, mapi::Wire::to_wire(&target))?;
        send(&mut client, message)?;
        let sent = messages(rig, ME, SENT)?;
        let id = MessageId::new(mapi::ids::OWN_REPLICA, counter);
        assert_eq!((sent[0].id, sent[0].get(tags::MID)), (id, Some(&id.to_i64().into())));
        Ok(())
    }

    /// MS-OXOMSG 2.2.4.1
    fn changes_that_are_not_saved_are_sent(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        // Never saved at all.
        let message = draft(&mut client, "fresh", &[(TO, STRANGER)])?;
        submit(&mut client, message, SubmitFlags::PREPROCESS)?;
        client.release(message);
        assert_eq!(subjects(&messages(rig, STRANGER, INBOX)?), ["fresh"]);
        Ok(())
    }

    /// MS-OXOMSG 2.2.4.1
    fn recipients_are_found_by_each_of_their_names(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let dn = rig.legacy_dn(STRANGER)?;
        let message = draft(&mut client, "twice", &[])?;
        let smtp = RecipientRow::smtp("STRANGER@Example.Test", "x", PropertyRow::Standard(vec![]));
        address(&mut client, message, vec![(TO, by_dn(&dn.to_uppercase())), (CC, smtp)])?;
        send(&mut client, message)?;
        // He is one, whatever he is called.
        assert_eq!(subjects(&messages(rig, STRANGER, INBOX)?), ["twice"]);
        assert_eq!(messages(rig, ME, INBOX)?.len(), 0);
        Ok(())
    }

    /// MS-OXOMSG 2.2.4.1
    fn what_cannot_be_submitted(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let nobody = draft(&mut client, "x", &[])?;
        let refused = submit(&mut client, nobody, SubmitFlags::NONE);
        assert_eq!(refused, Err(ErrorCode(0x0000_0467)), "ecInvalidRecips");
        client.release(nobody);
        let inbox = client.open_folder(INBOX)?;
        for other in [client.logon, inbox, Handle::NONE] {
            let refused = submit(&mut client, other, SubmitFlags::NONE);
            assert_eq!(refused, Err(ErrorCode(0x0000_04b9)), "ecNullObject");
        }
        // One that is open to be read only.
        let message = draft(&mut client, "kept", &[(TO, STRANGER)])?;
        let id = client.save(message, SaveFlags::NONE)?;
        client.release(message);
        let read_only = client.open_message(OUTBOX, id, OpenMessageFlags::NONE)?;
        let refused = submit(&mut client, read_only, SubmitFlags::NONE);
        assert_eq!(refused, Err(ErrorCode(0x8007_0005)), "ecAccessDenied");
        // Associated information is not sent.
        let associated = client.create_message(OUTBOX, true)?;
        let row = RecipientRow::smtp(STRANGER, STRANGER, PropertyRow::Standard(vec![]));
        address(&mut client, associated, vec![(TO, row)])?;
        let refused = submit(&mut client, associated, SubmitFlags::NONE);
        assert_eq!(refused, Err(ErrorCode(0x8007_0005)), "ecAccessDenied");
        assert_eq!(messages(rig, STRANGER, INBOX)?.len(), 0);
        Ok(())
    }

    /// MS-OXOMSG 2.2.4.1
    fn an_embedded_message_is_not_submitted(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = draft(&mut client, "around", &[(TO, STRANGER)])?;
        let attachment = client.open(message, RopRequest::CreateAttachment(Empty))?;
        client.set(attachment, tags::ATTACH_METHOD, 5)?;
        let request = OpenEmbeddedMessageRequest {
            code_page: mapi_rop::message::LOGON_CODE_PAGE,
            flags: OpenMessageFlags::CREATE,
        };
        let embedded = client.open(attachment, RopRequest::OpenEmbeddedMessage(request))?;
        let refused = submit(&mut client, embedded, SubmitFlags::NONE);
        assert_eq!(refused, Err(ErrorCode(0x8004_0102)), "ecNotSupported");
        Ok(())
    }

    /// MS-OXOMSG 2.2.4.1
    fn sizes_quotas_and_counts_are_kept(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = draft(&mut client, "many", &[])?;
        let row = || RecipientRow::smtp(STRANGER, "", PropertyRow::Standard(vec![]));
        let mut left = delivery::MAX_RECIPIENTS + 1;
        let mut next = 0;
        while left > 0 {
            let count = left.min(300);
            let rows = (next..next + count as u32).map(|row_id| {
                mapi_rop::message::ModifyRecipientRow {
                    row_id,
                    recipient_type: mapi_rop::message::RecipientType(TO),
                    row: Some(row()),
                }
            });
            let request = mapi_rop::message::ModifyRecipientsRequest {
                columns: Vec::new(),
                rows: rows.collect(),
            };
            client.call(message, RopRequest::ModifyRecipients(request))?;
            next += count as u32;
            left -= count;
        }
        let refused = submit(&mut client, message, SubmitFlags::NONE);
        assert_eq!(refused, Err(ErrorCode(0x0000_0505)), "ecTooManyRecips");
        client.release(message);

        let kept = draft(&mut client, "kept", &[(TO, STRANGER)])?;
        client.save(kept, SaveFlags::KEEP_OPEN_READ_WRITE)?;
        let mailbox = mailbox(rig, ME)?;
        let used = quota::usage(&mailbox)?.used;
        let over = Quota { prohibit_send: Some(used - 1), ..Quota::default() };
        quota::set(&mailbox, Some(over))?;
        let refused = submit(&mut client, kept, SubmitFlags::NONE);
        assert_eq!(refused, Err(ErrorCode(0x0000_04d9)), "ecQuotaExceeded");
        let exactly = Quota { prohibit_send: Some(used), ..Quota::default() };
        quota::set(&mailbox, Some(exactly))?;
        submit(&mut client, kept, SubmitFlags::NONE)?;
        assert_eq!(subjects(&messages(rig, STRANGER, INBOX)?), ["kept"]);
        Ok(())
    }

    /// MS-OXOMSG 2.2.4.1
    /// MS-OXCMSG 2.2.1.6
    fn a_submitted_message_is_nobodys_to_change(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let id = submit_for_later(&mut client)?;
        let message = client.open_message(OUTBOX, id, OpenMessageFlags::READ_WRITE)?;
        let all = client.get(message, tags::MESSAGE_FLAGS)?.as_i32().unwrap_or_default() as u32;
        assert_eq!(all & 0x0c, 0x0c, "mfSubmitted, mfUnsent");
        assert_eq!(client.get(message, tags::SUBMIT_FLAGS)?.as_i32(), Some(0));
        client.set(message, tags::SUBJECT, "other")?;
        let refused = client.save(message, SaveFlags::NONE);
        assert_eq!(refused, Err(ErrorCode(0x8004_0608)), "ecSubmitted");
        let refused = client.save(message, SaveFlags::FORCE_SAVE);
        assert_eq!(refused, Err(ErrorCode(0x8004_0608)), "ecSubmitted");
        let refused = submit(&mut client, message, SubmitFlags::NONE);
        assert_eq!(refused, Err(ErrorCode(0x8004_0608)), "ecSubmitted");
        // Nor deleted (ecNoDelSubmitMsg is told as partial completion).
        let outbox = client.open_folder(OUTBOX)?;
        for body in [RopRequest::DeleteMessages, RopRequest::HardDeleteMessages] {
            let request = DeleteMessagesRequest {
                want_asynchronous: false,
                notify_non_read: false,
                messages: Counted::from(vec![id]),
            };
            match client.call(outbox, body(request))? {
                RopResponse::DeleteMessages(answer) | RopResponse::HardDeleteMessages(answer) => {
                    assert!(answer.partial_completion);
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(subjects(&messages(rig, ME, OUTBOX)?), ["later"]);
        Ok(())
    }

    /// MS-OXOMSG 2.2.4.2
    /// MS-OXOMSG 3.3.5
    fn a_submission_is_aborted(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let id = submit_for_later(&mut client)?;
        let wrong = abort(&mut client, INBOX, id);
        assert_eq!(wrong, Err(ErrorCode(0x8004_010f)), "ecNotFound");
        abort(&mut client, OUTBOX, id)?;
        let again = abort(&mut client, OUTBOX, id);
        assert_eq!(again, Err(ErrorCode(0x8004_0601)), "ecNotInQueue");
        let message = client.open_message(OUTBOX, id, OpenMessageFlags::READ_WRITE)?;
        let all = client.get(message, tags::MESSAGE_FLAGS)?.as_i32().unwrap_or_default() as u32;
        assert_eq!(all & 0x0c, 0x08, "mfUnsent alone");
        // It is its owner's again.
        client.set(message, tags::SUBJECT, "changed")?;
        client.save(message, SaveFlags::NONE)?;
        client.release(message);
        assert_eq!(messages(rig, STRANGER, INBOX)?.len(), 0);
        let inbox = client.open_folder(INBOX)?;
        let request = AbortSubmitRequest { folder: OUTBOX, message: id };
        let refused = client.call(inbox, RopRequest::AbortSubmit(request));
        assert_eq!(refused, Err(ErrorCode(0x8004_0102)), "ecNotSupported");
        Ok(())
    }

    /// MS-OXOMSG 2.2.4.2
    fn what_is_sent_is_not_aborted(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = draft(&mut client, "sent", &[(TO, STRANGER)])?;
        let id = send(&mut client, message)?;
        let refused = abort(&mut client, OUTBOX, id);
        assert_eq!(refused, Err(ErrorCode(0x8004_0601)), "ecNotInQueue");
        let refused = abort(&mut client, OUTBOX, MessageId::own(0x7777_7777));
        assert_eq!(refused, Err(ErrorCode(0x8004_010f)), "ecNotFound");
        Ok(())
    }

    /// MS-OXOMSG 2.2.3
    fn a_message_waits_for_its_time(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        submit_for_later(&mut client)?;
        assert_eq!(delivery::deliver_due(&rig.store)?, 0);
        assert_eq!(delivery::waiting(&rig.store)?.deferred, 1);
        assert_eq!(messages(rig, STRANGER, INBOX)?.len(), 0);
        // A time that is over is none.
        let message = draft(&mut client, "now", &[(TO, STRANGER)])?;
        client.set(message, tags::DEFERRED_SEND_TIME, FileTime(1))?;
        send(&mut client, message)?;
        assert_eq!(subjects(&messages(rig, STRANGER, INBOX)?), ["now"]);
        Ok(())
    }

    /// MS-OXOMSG 2.2.4.3
    fn address_types_are_told(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let RopResponse::GetAddressTypes(answer) =
            client.call(client.logon, RopRequest::GetAddressTypes(Empty))?
        else {
            panic!("another answer");
        };
        let types: Vec<_> = answer.address_types.iter().map(|text| &text.0[..]).collect();
        assert_eq!(types, [&b"EX"[..], b"SMTP"]);
        let inbox = client.open_folder(INBOX)?;
        let refused = client.call(inbox, RopRequest::GetAddressTypes(Empty));
        assert_eq!(refused, Err(ErrorCode(0x8004_0102)), "ecNotSupported");
        Ok(())
    }
}
