//! What the server writes into a message on its way ([MS-OXOMSG] 2.2.1, 2.2.3, 3.3.5).

use mapi::{FileTime, PropertyValue, tags};
use mapi_rop::message::SaveFlags;
use mapi_rop::transport::SubmitFlags;
use store::message::flags;
use testsuite::on_both;
use testsuite::rig::{DELEGATE, ME, STRANGER};

use super::{BCC, CC, INBOX, SENT, TO, draft, messages, send, subjects, submit, text, to_folder};

on_both! {
    /// MS-OXOMSG 2.2.3.11
    /// MS-OXOMSG 3.3.5
    fn times_and_confidence_are_the_servers(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = draft(&mut client, "now", &[(TO, STRANGER)])?;
        client.set(message, tags::CLIENT_SUBMIT_TIME, FileTime(1))?;
        client.set(message, tags::SENT_MAIL_SVR_EID, to_folder(SENT))?;
        let before = FileTime::from_system(std::time::SystemTime::now());
        send(&mut client, message)?;
        for message in [&messages(rig, STRANGER, INBOX)?[0], &messages(rig, ME, SENT)?[0]] {
            let properties = &message.properties;
            let submitted = properties.get(tags::CLIENT_SUBMIT_TIME).and_then(|v| v.as_time());
            assert!(submitted >= Some(before));
            let scl = properties.get(tags::CONTENT_FILTER_SPAM_CONFIDENCE_LEVEL);
            assert_eq!(scl.and_then(PropertyValue::as_i32), Some(-1));
            assert!(properties.get(tags::MESSAGE_LOCALE_ID).is_some());
            assert!(text(message, tags::INTERNET_MESSAGE_ID).ends_with("@example.test>"));
        }
        let got = &messages(rig, STRANGER, INBOX)?[0].properties;
        let delivered = got.get(tags::MESSAGE_DELIVERY_TIME).and_then(|v| v.as_time());
        assert!(delivered >= Some(before));
        Ok(())
    }

    /// MS-OXOMSG 2.2.1
    fn a_message_knows_to_whom_it_came(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = draft(&mut client, "x", &[(TO, STRANGER), (CC, DELEGATE), (BCC, ME)])?;
        send(&mut client, message)?;
        for (user, to, cc) in [(STRANGER, true, false), (DELEGATE, false, true), (ME, false, false)] {
            let got = &messages(rig, user, INBOX)?[0].properties;
            let flag = |tag| got.get(tag).and_then(PropertyValue::as_bool);
            assert_eq!(flag(tags::MESSAGE_TO_ME), Some(to), "{user}");
            assert_eq!(flag(tags::MESSAGE_CC_ME), Some(cc), "{user}");
            assert_eq!(flag(tags::MESSAGE_RECIPIENT_ME), Some(to || cc), "{user}");
        }
        Ok(())
    }

    /// MS-OXCMSG 2.2.1.6
    fn what_comes_from_oneself_says_so(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = draft(&mut client, "to me", &[(TO, ME), (CC, STRANGER)])?;
        send(&mut client, message)?;
        let own = messages(rig, ME, INBOX)?[0].flags();
        assert_eq!(own, flags::UNMODIFIED | flags::FROM_ME);
        assert_eq!(messages(rig, STRANGER, INBOX)?[0].flags(), flags::UNMODIFIED);
        Ok(())
    }

    /// MS-OXOMSG 2.2.3.1
    fn a_resent_message_goes_to_those_who_lacked_it(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        // The flag of the recipient type that says so is 0x10 on the wire.
        let message = draft(&mut client, "again", &[(TO, STRANGER), (TO | 0x10, DELEGATE)])?;
        client.set(message, tags::MESSAGE_FLAGS, (flags::RESEND | flags::UNSENT) as i32)?;
        client.save(message, SaveFlags::KEEP_OPEN_READ_WRITE)?;
        submit(&mut client, message, SubmitFlags::NONE)?;
        assert_eq!(messages(rig, STRANGER, INBOX)?.len(), 0);
        assert_eq!(subjects(&messages(rig, DELEGATE, INBOX)?), ["again"]);
        Ok(())
    }
}
