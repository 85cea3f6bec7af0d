//! Who sends for whom ([MS-OXOMSG] 2.2.1, 3.3.5).

use mapi::{ErrorCode, tags};
use mapi_rop::Handle;
use mapi_rop::transport::SubmitFlags;
use store::Grants;
use testsuite::on_both;
use testsuite::raw::{Answer, Client};
use testsuite::rig::{DELEGATE, ME, STRANGER};

use super::{INBOX, TO, draft, messages, submit, text};

/// A message to the delegate that says it is from somebody.
fn from(client: &mut Client, subject: &str, dn: &str) -> Answer<Handle> {
    let message = draft(client, subject, &[(TO, DELEGATE)])?;
    client.set(message, tags::SENT_REPRESENTING_ADDRESS_TYPE, "EX")?;
    client.set(message, tags::SENT_REPRESENTING_EMAIL_ADDRESS, dn)?;
    Ok(message)
}

on_both! {
    /// MS-OXOMSG 2.2.1
    fn the_server_says_who_sends(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = draft(&mut client, "plain", &[(TO, STRANGER)])?;
        // What a client says of the sender means nothing.
        client.set(message, tags::SENDER_NAME, "The Chief")?;
        client.set(message, tags::SENDER_EMAIL_ADDRESS, "chief@example.test")?;
        submit(&mut client, message, SubmitFlags::NONE)?;
        let got = messages(rig, STRANGER, INBOX)?;
        let dn = rig.legacy_dn(ME)?;
        for (tag, value) in [
            (tags::SENDER_NAME, "me"),
            (tags::SENDER_ADDRESS_TYPE, "EX"),
            (tags::SENDER_EMAIL_ADDRESS, &dn),
            (tags::SENDER_SMTP_ADDRESS, ME),
            (tags::SENT_REPRESENTING_NAME, "me"),
            (tags::SENT_REPRESENTING_EMAIL_ADDRESS, &dn),
            (tags::RECEIVED_BY_NAME, "stranger"),
            (tags::RECEIVED_BY_SMTP_ADDRESS, STRANGER),
            (tags::RECEIVED_REPRESENTING_NAME, "stranger"),
        ] {
            assert_eq!(text(&got[0], tag), value, "{tag:?}");
        }
        let key = got[0].properties.get(tags::SENDER_SEARCH_KEY).cloned();
        let key = key.and_then(|key| key.as_binary().map(<[u8]>::to_vec)).unwrap_or_default();
        assert_eq!(key, format!("EX:{dn}\0").to_uppercase().into_bytes());
        Ok(())
    }

    /// MS-OXOMSG 2.2.1
    fn nobody_sends_for_somebody_without_a_right(rig: &Rig) -> Result {
        let mut client = rig.client(STRANGER)?;
        let me = rig.legacy_dn(ME)?;
        let message = from(&mut client, "not mine", &me)?;
        let refused = submit(&mut client, message, SubmitFlags::NONE);
        assert_eq!(refused, Err(ErrorCode(0x8007_0005)), "ecAccessDenied");
        let unknown = from(&mut client, "nobody's", "/o=Nowhere/cn=nobody")?;
        let refused = submit(&mut client, unknown, SubmitFlags::NONE);
        assert_eq!(refused, Err(ErrorCode(0x8007_0005)), "ecAccessDenied");
        assert_eq!(messages(rig, DELEGATE, INBOX)?.len(), 0);
        Ok(())
    }

    /// MS-OXOMSG 2.2.1
    fn on_behalf_names_both_and_as_names_one(rig: &Rig) -> Result {
        let account = |user: &str| rig.store.account_by_address(user).map(Option::unwrap);
        let (me, stranger) = (account(ME)?, account(STRANGER)?);
        let mut client = rig.client(STRANGER)?;
        rig.store.grant(me.id, stranger.id, Grants::SEND_ON_BEHALF)?;
        let message = from(&mut client, "behalf", &me.legacy_dn)?;
        submit(&mut client, message, SubmitFlags::NONE)?;
        rig.store.grant(me.id, stranger.id, Grants::SEND_AS)?;
        let message = from(&mut client, "as", &me.legacy_dn)?;
        submit(&mut client, message, SubmitFlags::NONE)?;
        let got = messages(rig, DELEGATE, INBOX)?;
        let named: Vec<_> = got
            .iter()
            .map(|m| (text(m, tags::SENDER_NAME), text(m, tags::SENT_REPRESENTING_NAME)))
            .collect();
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(named, [pair("stranger", "me"), pair("me", "me")]);
        // Neither opens the mailbox.
        assert_eq!(rig.bare_client(STRANGER)?.log_on(&me.legacy_dn), Err(ErrorCode::LOGIN_FAILURE));
        Ok(())
    }

    /// MS-OXOMSG 2.2.1
    fn who_may_open_a_mailbox_sends_as_its_owner(rig: &Rig) -> Result {
        let mut client = rig.bare_client(DELEGATE)?;
        client.logon = client.log_on(&rig.legacy_dn(ME)?)?;
        let message = draft(&mut client, "from the mailbox", &[(TO, STRANGER)])?;
        submit(&mut client, message, SubmitFlags::NONE)?;
        let got = messages(rig, STRANGER, INBOX)?;
        assert_eq!(text(&got[0], tags::SENDER_NAME), "me");
        assert_eq!(text(&got[0], tags::SENT_REPRESENTING_NAME), "me");
        Ok(())
    }
}
