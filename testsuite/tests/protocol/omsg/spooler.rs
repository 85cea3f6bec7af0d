//! Clients that send messages themselves ([MS-OXOMSG] 2.2.5).

use mapi::text::String8;
use mapi::{ErrorCode, FolderId, MessageId, PropertyValue, tags};
use mapi_rop::irregular::NotificationScope;
use mapi_rop::message::{OpenMessageFlags, SaveFlags};
use mapi_rop::notification::NotificationFlags;
use mapi_rop::transport::{
    AbortSubmitRequest, LockState, OptionsDataRequest, SpoolerLockMessageRequest, SubmitFlags,
    TransportNewMailRequest,
};
use mapi_rop::{Empty, Handle, RopRequest, RopResponse};
use testsuite::on_both;
use testsuite::raw::{Answer, Client};
use testsuite::rig::{ME, STRANGER};

use super::{INBOX, OUTBOX, SENT, TO, draft, messages, subjects, submit, text, to_folder};

fn set_spooler(client: &mut Client) -> Answer<()> {
    client.call(client.logon, RopRequest::SetSpooler(Empty)).map(drop)
}

fn lock(client: &mut Client, message: MessageId, state: LockState) -> Answer<()> {
    let request = RopRequest::SpoolerLockMessage(SpoolerLockMessageRequest { message, state });
    client.call(client.logon, request).map(drop)
}

/// A message of ME that a spooler has to send, and its MID.
fn for_the_spooler(client: &mut Client) -> Answer<(Handle, MessageId)> {
    let message = draft(client, "by hand", &[(TO, STRANGER)])?;
    client.set(message, tags::SENT_MAIL_SVR_EID, to_folder(SENT))?;
    let id = client.save(message, SaveFlags::KEEP_OPEN_READ_WRITE)?;
    submit(client, message, SubmitFlags::NEEDS_SPOOLER)?;
    Ok((message, id))
}

fn transport_send(client: &mut Client, message: Handle) -> Answer<Vec<mapi::TaggedValue>> {
    match client.call(message, RopRequest::TransportSend(Empty))? {
        RopResponse::TransportSend(answer) => {
            assert_eq!(answer.no_properties_returned, answer.values.items.is_empty());
            Ok(answer.values.items)
        }
        other => panic!("{other:?}"),
    }
}

on_both! {
    /// MS-OXOMSG 2.2.4.1.1
    /// MS-OXOMSG 2.2.5.1
    /// MS-OXOMSG 2.2.5.3
    fn a_spooler_locks_sends_and_finishes(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let (message, id) = for_the_spooler(&mut client)?;
        assert_eq!(messages(rig, STRANGER, INBOX)?.len(), 0, "NeedsSpooler");
        let refused = lock(&mut client, id, LockState::Lock);
        assert_eq!(refused, Err(ErrorCode(0x8004_0102)), "ecNotSupported");
        set_spooler(&mut client)?;
        lock(&mut client, id, LockState::Lock)?;
        assert_eq!(client.get(message, tags::SUBMIT_FLAGS)?.as_i32(), Some(1));
        let refused = lock(&mut client, id, LockState::Lock);
        assert_eq!(refused, Err(ErrorCode(0x8004_010b)), "ecBusy");
        let abort = AbortSubmitRequest { folder: OUTBOX, message: id };
        let refused = client.call(client.logon, RopRequest::AbortSubmit(abort));
        assert_eq!(refused, Err(ErrorCode(0x8004_0114)), "ecUnableToAbort");
        transport_send(&mut client, message)?;
        assert_eq!(subjects(&messages(rig, STRANGER, INBOX)?), ["by hand"]);
        assert_eq!(subjects(&messages(rig, ME, OUTBOX)?), ["by hand"], "until it is finished");
        lock(&mut client, id, LockState::Finished)?;
        assert_eq!(messages(rig, ME, OUTBOX)?.len(), 0);
        assert_eq!(subjects(&messages(rig, ME, SENT)?), ["by hand"]);
        assert_eq!(messages(rig, STRANGER, INBOX)?.len(), 1);
        Ok(())
    }

    /// MS-OXOMSG 2.2.5.3.1
    fn an_unlocked_message_is_aborted_or_locked_again(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        set_spooler(&mut client)?;
        let (_, id) = for_the_spooler(&mut client)?;
        lock(&mut client, id, LockState::Lock)?;
        lock(&mut client, id, LockState::Unlock)?;
        lock(&mut client, id, LockState::Lock)?;
        lock(&mut client, id, LockState::Unlock)?;
        let abort = AbortSubmitRequest { folder: OUTBOX, message: id };
        client.call(client.logon, RopRequest::AbortSubmit(abort))?;
        let refused = lock(&mut client, id, LockState::Lock);
        assert_eq!(refused, Err(ErrorCode(0x8004_0601)), "ecNotInQueue");
        let refused = lock(&mut client, MessageId::own(0x7777_7777), LockState::Lock);
        assert_eq!(refused, Err(ErrorCode(0x8004_010f)), "ecNotFound");
        let (_, id) = for_the_spooler(&mut client)?;
        let refused = lock(&mut client, id, LockState::Unknown(9));
        assert_eq!(refused, Err(ErrorCode(0x8007_0057)), "ecInvalidParam");
        Ok(())
    }

    /// MS-OXOMSG 2.2.5.1
    fn only_a_logon_becomes_a_spooler(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(INBOX)?;
        let refused = client.call(inbox, RopRequest::SetSpooler(Empty));
        assert_eq!(refused, Err(ErrorCode(0x8004_0102)), "ecNotSupported");
        set_spooler(&mut client)?;
        Ok(())
    }

    /// What waits for a spooler is found where messages are sent from, and what is locked says so.
    /// MS-OXOMSG 2.2.5.2
    /// MS-OXCMSG 2.2.1.6: R520
    fn what_waits_for_a_spooler_is_found_in_the_transport_folder(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        client.post(OUTBOX, &[mapi::TaggedValue::new(tags::SUBJECT, "a draft")])?;
        set_spooler(&mut client)?;
        let (_, id) = for_the_spooler(&mut client)?;
        let waiting = |client: &mut Client| -> Answer<Vec<(i64, i32)>> {
            let RopResponse::GetTransportFolder(transport) =
                client.call(client.logon, RopRequest::GetTransportFolder(Empty))?
            else {
                panic!("another answer");
            };
            let folder = client.open_folder(transport.folder)?;
            let table = client.contents(folder, mapi_rop::folder::TableFlags::NONE)?;
            client.set_columns(table, &[tags::MID, tags::MESSAGE_FLAGS, tags::SUBMIT_FLAGS])?;
            let rows = client.query_rows(table, 100)?.rows;
            client.release(table);
            client.release(folder);
            let submitted = |row: &&mapi::PropertyRow| match row.value(1) {
                Some(PropertyValue::Integer32(flags)) => flags & 0x04 != 0,
                other => panic!("{other:?}"),
            };
            let locked = |row: &mapi::PropertyRow| match (row.value(0), row.value(2)) {
                (Some(PropertyValue::Integer64(id)), Some(PropertyValue::Integer32(locked))) => {
                    (*id, *locked)
                }
                other => panic!("{other:?}"),
            };
            Ok(rows.iter().filter(submitted).map(locked).collect())
        };
        assert_eq!(waiting(&mut client)?, [(id.to_i64(), 0)]);
        lock(&mut client, id, LockState::Lock)?;
        assert_eq!(waiting(&mut client)?, [(id.to_i64(), 1)]);
        lock(&mut client, id, LockState::Finished)?;
        assert_eq!(waiting(&mut client)?, []);
        Ok(())
    }

    /// MS-OXOMSG 2.2.5.2
    fn the_transport_folder_takes_messages(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let RopResponse::GetTransportFolder(answer) =
            client.call(client.logon, RopRequest::GetTransportFolder(Empty))?
        else {
            panic!("another answer");
        };
        assert_eq!(answer.folder, OUTBOX);
        let inbox = client.open_folder(INBOX)?;
        let refused = client.call(inbox, RopRequest::GetTransportFolder(Empty));
        assert_eq!(refused, Err(ErrorCode(0x8004_0102)), "ecNotSupported");
        Ok(())
    }

    /// MS-OXOMSG 2.2.5.4
    fn transport_send_sends_and_leaves_the_message(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = draft(&mut client, "optimised", &[(TO, STRANGER)])?;
        let id = client.save(message, SaveFlags::KEEP_OPEN_READ_WRITE)?;
        // What is not saved goes out as well.
        client.set(message, tags::BODY, "new words")?;
        let values = transport_send(&mut client, message)?;
        let value = |tag: mapi::PropertyTag| {
            let found = values.iter().find(|value| value.tag.id() == tag.id());
            found.map(|value| value.value.clone())
        };
        let dn = rig.legacy_dn(ME)?;
        assert_eq!(value(tags::SENDER_EMAIL_ADDRESS), Some(dn.as_str().into()));
        assert_eq!(value(tags::SENT_REPRESENTING_ADDRESS_TYPE), Some("EX".into()));
        assert!(matches!(value(tags::CLIENT_SUBMIT_TIME), Some(PropertyValue::Time(_))));
        let got = messages(rig, STRANGER, INBOX)?;
        assert_eq!(text(&got[0], tags::BODY), "new words");
        assert_eq!(text(&got[0], tags::SENDER_EMAIL_ADDRESS), dn);
        assert_eq!(subjects(&messages(rig, ME, OUTBOX)?), ["optimised"]);
        // Its client moves or deletes it.
        let again = client.open_message(OUTBOX, id, OpenMessageFlags::READ_WRITE)?;
        client.set(again, tags::SUBJECT, "mine")?;
        client.save(again, SaveFlags::NONE)?;
        let logon = client.logon;
        let refused = transport_send(&mut client, logon);
        assert_eq!(refused, Err(ErrorCode(0x0000_04b9)), "ecNullObject");
        let empty = draft(&mut client, "to nobody", &[])?;
        let refused = transport_send(&mut client, empty);
        assert_eq!(refused, Err(ErrorCode(0x0000_0467)), "ecInvalidRecips");
        Ok(())
    }

    /// MS-OXOMSG 2.2.5.5
    fn transport_new_mail_is_told_to_those_who_wait(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let id = client.post(INBOX, &[mapi::TaggedValue::new(tags::SUBJECT, "fetched")])?;
        let subscription =
            client.register(NotificationFlags::NEW_MAIL, NotificationScope::WholeStore)?;
        let new_mail = |folder: FolderId, message| {
            RopRequest::TransportNewMail(TransportNewMailRequest {
                message,
                folder,
                message_class: String8::from("IPM.Note"),
                message_flags: 0,
            })
        };
        client.call(client.logon, new_mail(INBOX, id))?;
        let told = client.told();
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].0, subscription);
        assert!(told[0].1.new_mail.is_some());
        assert_eq!(told[0].1.folder, Some(INBOX));
        assert_eq!(told[0].1.message, Some(id));
        let refused = client.call(client.logon, new_mail(OUTBOX, id));
        assert_eq!(refused, Err(ErrorCode(0x8004_010f)), "ecNotFound");
        Ok(())
    }

    /// MS-OXOMSG 2.2.5.5
    fn what_is_delivered_is_told_as_new_mail(rig: &Rig) -> Result {
        let mut stranger = rig.client(STRANGER)?;
        stranger.register(NotificationFlags::NEW_MAIL, NotificationScope::WholeStore)?;
        let mut client = rig.client(ME)?;
        let message = draft(&mut client, "ring", &[(TO, STRANGER)])?;
        super::send(&mut client, message)?;
        let told = stranger.told();
        assert_eq!(told.len(), 1);
        let mail = told[0].1.new_mail.as_ref().expect("new mail");
        assert_eq!(mail.message_flags & 0x01, 0, "unread");
        let got = messages(rig, STRANGER, INBOX)?;
        assert_eq!(told[0].1.message, Some(got[0].id));
        Ok(())
    }

    /// MS-OXCROPS 2.2.7.9
    fn no_address_type_has_options(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let options = |name: &str| {
            let address_type = String8::from(name);
            RopRequest::OptionsData(OptionsDataRequest { address_type, want_win32: 1 })
        };
        let RopResponse::OptionsData(answer) = client.call(client.logon, options("smtp"))? else {
            panic!("another answer");
        };
        assert_eq!(answer.reserved, 1);
        assert_eq!(answer.options_info.bytes, b"");
        assert_eq!(answer.help, None);
        let refused = client.call(client.logon, options("X400"));
        assert_eq!(refused, Err(ErrorCode(0x8004_010f)), "ecNotFound");
        Ok(())
    }
}
