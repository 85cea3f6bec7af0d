//! Reports of what became of a message ([MS-OXOMSG] 2.2.2).

use mapi::{PropertyBag, PropertyTag, PropertyValue, tags};
use mapi_rop::transport::SubmitFlags;
use store::message::flags;
use store::quota::{self, Quota};
use testsuite::found::Found;
use testsuite::on_both;
use testsuite::rig::{DELEGATE, ME, STRANGER};

use super::{BCC, CC, INBOX, TO, draft, mailbox, messages, send, subjects, submit, text};

fn of(recipient: &PropertyBag, tag: PropertyTag) -> Option<i32> {
    recipient.get(tag).and_then(PropertyValue::as_i32)
}

fn has_time(message: &Found, tag: PropertyTag) -> bool {
    message.properties.get(tag).and_then(PropertyValue::as_time).is_some()
}

on_both! {
    /// MS-OXOMSG 2.2.2
    fn whoever_cannot_be_reached_is_reported(rig: &Rig) -> Result {
        let full = Quota { prohibit_receive: Some(0), ..Quota::default() };
        quota::set(&*mailbox(rig, DELEGATE)?, Some(full))?;
        let mut client = rig.client(ME)?;
        let to = [
            (TO, "nobody@example.test"),
            (TO, "far@elsewhere.test"),
            (CC, DELEGATE),
            (BCC, STRANGER),
        ];
        let message = draft(&mut client, "hello", &to)?;
        client.set(message, tags::REPORT_TAG, vec![7u8; 5])?;
        send(&mut client, message)?;
        assert_eq!(messages(rig, STRANGER, INBOX)?.len(), 1);
        assert_eq!(messages(rig, DELEGATE, INBOX)?.len(), 0);
        let reports = messages(rig, ME, INBOX)?;
        assert_eq!(reports.len(), 1);
        let report = &reports[0];
        assert_eq!(text(report, tags::MESSAGE_CLASS), "REPORT.IPM.Note.NDR");
        assert_eq!(text(report, tags::SUBJECT), "Undeliverable: hello");
        assert_eq!(text(report, tags::SUBJECT_PREFIX), "Undeliverable: ");
        assert_eq!(text(report, tags::ORIGINAL_SUBJECT), "hello");
        assert_eq!(text(report, tags::ORIGINAL_MESSAGE_CLASS), "IPM.Note");
        assert_eq!(text(report, tags::ORIGINAL_SENDER_NAME), "me");
        assert!(has_time(report, tags::REPORT_TIME) && has_time(report, tags::ORIGINAL_SUBMIT_TIME));
        let tag = report.properties.get(tags::REPORT_TAG).and_then(|v| v.as_binary());
        assert_eq!(tag, Some(&[7u8; 5][..]));
        let failed = &report.recipients;
        let addresses: Vec<_> = failed
            .iter()
            .map(|r| r.get(tags::EMAIL_ADDRESS).and_then(|v| v.as_text()).cloned())
            .map(|text| text.unwrap_or_default().to_string_lossy().into_owned())
            .collect();
        assert_eq!(addresses, ["nobody@example.test", "far@elsewhere.test", DELEGATE]);
        let codes: Vec<_> = failed
            .iter()
            .map(|r| {
                (
                    of(r, tags::NON_DELIVERY_REPORT_REASON_CODE),
                    of(r, tags::NON_DELIVERY_REPORT_DIAG_CODE),
                    of(r, tags::NON_DELIVERY_REPORT_STATUS_CODE),
                )
            })
            .collect();
        assert_eq!(codes, [
            (Some(0), Some(0), Some(511)),
            (Some(1), Some(-1), Some(544)),
            (Some(0), Some(4), Some(522)),
        ]);
        let body = text(report, tags::BODY);
        assert!(body.contains("does not send to other servers"), "{body}");
        // The message comes back with it.
        let original = &report.embedded[0];
        assert_eq!(original.properties.get(tags::SUBJECT), Some(&"hello".into()));
        Ok(())
    }

    /// MS-OXOMSG 2.2.1
    fn a_sender_who_does_not_want_to_know_is_not_told(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = draft(&mut client, "hello", &[(TO, "nobody@example.test")])?;
        client.set(message, tags::ORIGINATOR_NON_DELIVERY_REPORT_REQUESTED, false)?;
        send(&mut client, message)?;
        assert_eq!(messages(rig, ME, INBOX)?.len(), 0);
        let message = draft(&mut client, "told", &[(TO, "nobody@example.test")])?;
        send(&mut client, message)?;
        assert_eq!(subjects(&messages(rig, ME, INBOX)?), ["Undeliverable: told"]);
        Ok(())
    }

    /// MS-OXOMSG 2.2.1
    /// MS-OXOMSG 2.2.2
    fn a_delivery_is_reported_to_whoever_asks(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = draft(&mut client, "hello", &[(TO, STRANGER), (BCC, DELEGATE)])?;
        client.set(message, tags::ORIGINATOR_DELIVERY_REPORT_REQUESTED, true)?;
        send(&mut client, message)?;
        let reports = messages(rig, ME, INBOX)?;
        assert_eq!(reports.len(), 1);
        assert_eq!(text(&reports[0], tags::MESSAGE_CLASS), "REPORT.IPM.Note.DR");
        assert_eq!(text(&reports[0], tags::SUBJECT), "Delivered: hello");
        assert_eq!(reports[0].recipients.len(), 2);
        assert!(has_time(&reports[0], tags::DELIVER_TIME));
        Ok(())
    }

    /// MS-OXOMSG 2.2.2
    fn the_report_goes_to_who_sent_and_not_to_whom_he_sent_for(rig: &Rig) -> Result {
        let account = |user: &str| rig.store.account_by_address(user).map(Option::unwrap);
        let (me, stranger) = (account(ME)?, account(STRANGER)?);
        rig.store.grant(me.id, stranger.id, store::Grants::SEND_ON_BEHALF)?;
        let mut client = rig.client(STRANGER)?;
        let message = draft(&mut client, "for me", &[(TO, "nobody@example.test")])?;
        client.set(message, tags::SENT_REPRESENTING_EMAIL_ADDRESS, ME)?;
        submit(&mut client, message, SubmitFlags::NONE)?;
        assert_eq!(subjects(&messages(rig, STRANGER, INBOX)?), ["Undeliverable: for me"]);
        assert_eq!(messages(rig, ME, INBOX)?.len(), 0);
        Ok(())
    }

    /// Who wants to know that it was read wants to know that it never will be, too.
    /// MS-OXOMSG 2.2.1
    /// MS-OXOMSG 2.2.1.29
    fn who_wants_a_read_receipt_says_so_in_what_arrives(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = draft(&mut client, "read me", &[(TO, STRANGER)])?;
        client.set(message, tags::READ_RECEIPT_REQUESTED, true)?;
        send(&mut client, message)?;
        let got = messages(rig, STRANGER, INBOX)?;
        let both = flags::NOTIFY_READ | flags::NOTIFY_UNREAD;
        assert_eq!(got[0].flags(), flags::UNMODIFIED | both);
        let message = draft(&mut client, "read me", &[(TO, STRANGER)])?;
        client.set(message, tags::READ_RECEIPT_REQUESTED, true)?;
        client.set(message, tags::NON_RECEIPT_NOTIFICATION_REQUESTED, false)?;
        send(&mut client, message)?;
        let got = messages(rig, STRANGER, INBOX)?;
        assert_eq!(got[1].flags(), flags::UNMODIFIED | flags::NOTIFY_READ);
        Ok(())
    }
}
