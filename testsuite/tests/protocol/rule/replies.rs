//! Replies of rules: [MS-OXORULE] 2.2.5.1.2.2, 3.2.5.1.

use mapi::Guid;
use mapi::rule_action::Template;
use mapi_rop::message::SaveFlags;
use testsuite::on_both;
use testsuite::rig::DELEGATE;

use super::*;

pub const TEMPLATE_ID: Guid = Guid([0x42; 16]);

/// A reply template in ME's Inbox; its MID.
pub fn template(rig: &Rig, subject: &str) -> Result<MessageId> {
    let mut client = rig.client(ME)?;
    let message = client.create_message(INBOX, true)?;
    let values = [
        TaggedValue::new(tags::MESSAGE_CLASS, "IPM.Note.rules.ReplyTemplate.Microsoft"),
        TaggedValue::new(tags::SUBJECT, subject),
        TaggedValue::new(tags::BODY, "I got it."),
        TaggedValue::new(tags::REPLY_TEMPLATE_ID, TEMPLATE_ID.0.to_vec()),
    ];
    client.set_all(message, &values)?;
    Ok(client.save(message, SaveFlags::NONE)?)
}

pub fn ids(message: MessageId) -> Template {
    Template::Ids { folder: INBOX, message, id: TEMPLATE_ID }
}

fn answers(rig: &Rig) -> Result<Vec<Found>> {
    found(rig, STRANGER, INBOX)
}

on_both! {
    /// MS-OXORULE 2.2.5.1: R252, R253
    /// MS-OXORULE 2.2.5.1.1: R952
    /// MS-OXORULE 2.2.5.1.2.2: R992
    /// MS-OXORULE 3.2.5.1: R525
    fn a_rule_replies_with_its_template(rig: &Rig) -> Result {
        let template = template(rig, "")?;
        set(rig, vec![add(1, ENABLED, "cats", vec![plain(Action::Reply(ids(template)))])])?;
        send(rig, "cats")?;
        let answers = answers(rig)?;
        assert_eq!(answers.len(), 1);
        assert_eq!(text(&answers[0], tags::SUBJECT), "RE: cats");
        assert_eq!(text(&answers[0], tags::BODY), "I got it.");
        assert_eq!(text(&answers[0], tags::SENT_REPRESENTING_NAME), "me");
        assert_eq!(text(&answers[0], tags::MESSAGE_CLASS), "IPM.Note");
        assert_eq!(mine(rig, INBOX)?, ["cats"]);
        Ok(())
    }

    /// MS-OXORULE 2.2.9.2: R727
    fn a_reply_has_the_subject_of_its_template(rig: &Rig) -> Result {
        let template = template(rig, "Thank you")?;
        set(rig, vec![add(1, ENABLED, "cats", vec![plain(Action::Reply(ids(template)))])])?;
        send(rig, "cats")?;
        let answers = answers(rig)?;
        assert_eq!(text(&answers[0], tags::SUBJECT), "Thank you");
        assert_eq!(value(&answers[0], tags::REPLY_TEMPLATE_ID), None);
        Ok(())
    }

    /// MS-OXORULE 2.2.5.1.1: R288, R663
    fn a_reply_may_go_to_others_than_the_sender(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = client.create_message(INBOX, true)?;
        client.set(message, tags::SUBJECT, "Seen")?;
        client.set(message, tags::REPLY_TEMPLATE_ID, TEMPLATE_ID.0.to_vec())?;
        let row = mapi::RecipientRow::smtp(DELEGATE, DELEGATE, mapi::PropertyRow::Standard(vec![]));
        omsg::address(&mut client, message, vec![(TO, row)])?;
        let template = client.save(message, SaveFlags::NONE)?;
        let reply = flavored(1, Action::Reply(ids(template)));
        set(rig, vec![add(1, ENABLED, "cats", vec![reply])])?;
        send(rig, "cats")?;
        assert_eq!(answers(rig)?.len(), 0);
        assert_eq!(omsg::subjects(&found(rig, DELEGATE, INBOX)?), ["Seen"]);
        Ok(())
    }

    /// MS-OXORULE 2.2.5.1.1: R289, R290
    fn a_reply_may_have_the_servers_own_text(rig: &Rig) -> Result {
        let template = template(rig, "")?;
        let reply = flavored(2, Action::Reply(ids(template)));
        set(rig, vec![add(1, ENABLED, "cats", vec![reply])])?;
        send(rig, "cats")?;
        let body = text(&answers(rig)?[0], tags::BODY);
        assert_eq!(body, "This is an automatic reply. Your message was received.\r\n");
        Ok(())
    }

    /// MS-OXORULE 3.2.5.1: R526
    fn who_wants_no_reply_gets_none(rig: &Rig) -> Result {
        let template = template(rig, "")?;
        set(rig, vec![add(1, ENABLED, "cats", vec![plain(Action::Reply(ids(template)))])])?;
        let suppress = |bits: i32| TaggedValue::new(tags::AUTO_RESPONSE_SUPPRESS, bits);
        send_with(rig, "cats", &[suppress(0x20)])?;
        assert_eq!(answers(rig)?.len(), 0);
        send_with(rig, "cats", &[suppress(0x10)])?;
        assert_eq!(omsg::subjects(&answers(rig)?), ["RE: cats"]);
        Ok(())
    }

    /// MS-OXORULE 6: R5281
    fn what_was_forwarded_by_a_rule_is_replied_to(rig: &Rig) -> Result {
        let template = template(rig, "")?;
        set(rig, vec![add(1, ENABLED, "cats", vec![plain(Action::Reply(ids(template)))])])?;
        send_with(rig, "cats", &[TaggedValue::new(tags::AUTO_FORWARDED, true)])?;
        assert_eq!(omsg::subjects(&answers(rig)?), ["RE: cats"]);
        Ok(())
    }

    /// MS-OXORULE 3.2.5.1: R528
    fn two_machines_do_not_answer_each_other(rig: &Rig) -> Result {
        let template = template(rig, "")?;
        set(rig, vec![add(1, ENABLED, "", vec![plain(Action::Reply(ids(template)))])])?;
        // The stranger answers everything as well.
        let mut client = rig.client(STRANGER)?;
        let message = client.create_message(INBOX, true)?;
        client.set(message, tags::BODY, "So did I.")?;
        client.set(message, tags::REPLY_TEMPLATE_ID, TEMPLATE_ID.0.to_vec())?;
        let other = client.save(message, SaveFlags::NONE)?;
        let inbox = client.open_folder(INBOX)?;
        let rules = vec![add(1, ENABLED, "", vec![plain(Action::Reply(ids(other)))])];
        modify(&mut client, inbox, ModifyRulesFlags::REPLACE, rules)?;
        send(rig, "cats")?;
        assert_eq!(omsg::subjects(&answers(rig)?), ["RE: cats"]);
        assert_eq!(mine(rig, INBOX)?, ["cats"]);
        Ok(())
    }
}
