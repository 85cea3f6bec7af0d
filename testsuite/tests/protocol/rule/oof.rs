//! Rules for when the user is out of office: [MS-OXORULE] 3.2.4.2, 3.2.5.1.1.

use testsuite::on_both;

use super::replies::{ids, template};
use super::*;

fn set_oof(rig: &Rig, out: bool) -> Result {
    let mut client = rig.client(ME)?;
    let logon = client.logon;
    client.set(logon, tags::OUT_OF_OFFICE_STATE, out)?;
    assert_eq!(client.get(logon, tags::OUT_OF_OFFICE_STATE)?, PropertyValue::Boolean(out));
    Ok(())
}

fn answers(rig: &Rig) -> Result<Vec<Found>> {
    found(rig, STRANGER, INBOX)
}

/// A rule that answers who writes about cats when the user is out.
fn oof_rule(rig: &Rig, state: i32) -> Result<RuleData> {
    let reply = plain(Action::OofReply(ids(template(rig, "Away")?)));
    Ok(add(1, ENABLED | ONLY_WHEN_OOF | state, "cats", vec![reply]))
}

on_both! {
    /// MS-OXORULE 2.2.1.3.1.3: R67
    /// MS-OXORULE 2.2.5.1: R254
    /// MS-OXORULE 3.2.4.2: R582
    /// MS-OXORULE 3.2.5.1: R517
    /// MS-OXORULE 3.2.5.1.1: R553
    fn rules_for_the_absence_run_in_it(rig: &Rig) -> Result {
        set(rig, vec![oof_rule(rig, 0)?])?;
        send(rig, "cats 1")?;
        assert_eq!(answers(rig)?.len(), 0);
        set_oof(rig, true)?;
        send(rig, "cats 2")?;
        assert_eq!(answers(rig)?.len(), 1);
        set_oof(rig, false)?;
        send(rig, "cats 3")?;
        assert_eq!(answers(rig)?.len(), 1);
        Ok(())
    }

    /// MS-OXORULE 2.2.5.1.1: R953
    /// MS-OXORULE 2.2.5.1.2.2: R993, R928
    /// MS-OXORULE 3.2.5.1: R530
    /// MS-OXORULE 6: R906
    fn an_answer_of_the_absence_is_told_by_its_class(rig: &Rig) -> Result {
        set(rig, vec![oof_rule(rig, 0)?])?;
        set_oof(rig, true)?;
        send(rig, "cats")?;
        let answer = answers(rig)?.pop().ok_or("an answer")?;
        assert_eq!(text(&answer, tags::MESSAGE_CLASS), "IPM.Note.rules.OOFTemplate");
        assert_eq!(text(&answer, tags::SUBJECT), "Away");
        assert_eq!(text(&answer, tags::BODY), "I got it.");
        Ok(())
    }

    /// MS-OXORULE 3.2.5.1: R533, R924
    fn who_wants_no_answer_of_the_absence_gets_none(rig: &Rig) -> Result {
        set(rig, vec![oof_rule(rig, 0)?])?;
        set_oof(rig, true)?;
        let suppress = |bits: i32| TaggedValue::new(tags::AUTO_RESPONSE_SUPPRESS, bits);
        send_with(rig, "cats", &[suppress(0x10)])?;
        send_with(rig, "cats", &[TaggedValue::new(tags::AUTO_FORWARDED, true)])?;
        assert_eq!(answers(rig)?.len(), 0);
        send_with(rig, "cats", &[suppress(0x20)])?;
        assert_eq!(answers(rig)?.len(), 1);
        Ok(())
    }

    /// MS-OXORULE 3.2.4.2: R583, R585
    /// MS-OXORULE 3.2.5.1.1: R556, R557
    /// MS-OXORULE 6: R5572
    fn nobody_is_told_twice_of_one_absence(rig: &Rig) -> Result {
        set(rig, vec![oof_rule(rig, KEEP_OOF_HISTORY)?])?;
        set_oof(rig, true)?;
        send(rig, "dogs")?;
        assert_eq!(answers(rig)?.len(), 0, "its condition does not hold");
        send(rig, "cats 1")?;
        send(rig, "cats 2")?;
        assert_eq!(answers(rig)?.len(), 1);
        // Of the next one he is.
        set_oof(rig, false)?;
        set_oof(rig, true)?;
        send(rig, "cats 3")?;
        assert_eq!(answers(rig)?.len(), 2);
        Ok(())
    }

    /// MS-OXORULE 3.2.5.1.1: R556
    fn without_the_list_everybody_is_told_each_time(rig: &Rig) -> Result {
        set(rig, vec![oof_rule(rig, 0)?])?;
        set_oof(rig, true)?;
        send(rig, "cats 1")?;
        send(rig, "cats 2")?;
        assert_eq!(answers(rig)?.len(), 2);
        Ok(())
    }

    /// MS-OXORULE 2.2.1.3.1.3: R858
    /// MS-OXORULE 3.2.5.1: R550
    /// MS-OXORULE 3.2.5.1.1.1: R560, R807
    fn an_exit_leaves_the_rules_of_the_absence(rig: &Rig) -> Result {
        let mut oof = oof_rule(rig, 0)?;
        oof.values.items[0] = TaggedValue::new(tags::RULE_SEQUENCE, 9);
        let others = vec![
            add(1, ENABLED | EXIT_LEVEL, "cats 1", vec![plain(Action::MarkAsRead)]),
            add(2, ENABLED, "cats 2", vec![plain(Action::Delete)]),
            add(3, ENABLED, "cats", vec![plain(Action::Copy(to(DRAFTS)))]),
            oof,
        ];
        set(rig, others)?;
        set_oof(rig, true)?;
        send(rig, "cats 1")?;
        send(rig, "cats 2")?;
        assert_eq!(mine(rig, DRAFTS)?, [""; 0]);
        assert_eq!(answers(rig)?.len(), 2);
        Ok(())
    }

    /// MS-OXORULE 2.2.5.1.1: R879, R1019, R1020
    /// MS-OXORULE 6: R10192
    fn an_answer_of_the_absence_may_be_kept_from_the_sender(rig: &Rig) -> Result {
        let reply = flavored(1, Action::OofReply(ids(template(rig, "Away")?)));
        set(rig, vec![add(1, ENABLED | ONLY_WHEN_OOF, "cats", vec![reply])])?;
        set_oof(rig, true)?;
        send(rig, "cats")?;
        assert_eq!(answers(rig)?.len(), 0);
        // Its template has no recipients, as it should.
        assert_eq!(state(rig)? & ERROR, ERROR);
        Ok(())
    }
}
