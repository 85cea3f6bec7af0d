//! What rules do with a message that arrives: [MS-OXORULE] 3.2.5.1, 2.2.5.

use mapi::rule_action::{BOUNCE_DENIED, BOUNCE_FORM, BOUNCE_TOO_LARGE};
use testsuite::on_both;
use testsuite::rig::DELEGATE;

use super::*;

on_both! {
    /// MS-OXORULE 2.2.5.1: R246, R247
    /// MS-OXORULE 2.2.5.1.2.1: R956, R736
    /// MS-OXORULE 3.2.5.1: R787
    fn a_message_is_moved(rig: &Rig) -> Result {
        set(rig, vec![add(1, ENABLED, "cats", vec![plain(Action::Move(to(DRAFTS)))])])?;
        send(rig, "About Cats")?;
        send(rig, "About dogs")?;
        assert_eq!(mine(rig, INBOX)?, ["About dogs"]);
        assert_eq!(mine(rig, DRAFTS)?, ["About Cats"]);
        assert!(!found(rig, ME, DRAFTS)?[0].is_read());
        Ok(())
    }

    /// MS-OXORULE 2.2.5.1: R249, R250
    /// MS-OXORULE 2.2.5.1.2.1: R957
    /// MS-OXORULE 3.2.5.1: R792
    fn a_message_is_copied(rig: &Rig) -> Result {
        let copies = vec![plain(Action::Copy(to(DRAFTS))), plain(Action::Copy(to(JOURNAL)))];
        set(rig, vec![add(1, ENABLED, "cats", copies)])?;
        send(rig, "cats")?;
        for folder in [INBOX, DRAFTS, JOURNAL] {
            assert_eq!(mine(rig, folder)?, ["cats"]);
        }
        Ok(())
    }

    /// MS-OXORULE 3.2.5.1: R791
    /// MS-OXORULE 6: R904
    /// MS-OXORULE 2.2.5: R943
    /// MS-OXORULE 2.2.5.1.2: R292
    /// MS-OXORULE 2.2.5.1.2.1.1: R983
    fn a_message_that_is_moved_twice_is_in_both_places(rig: &Rig) -> Result {
        let rules = vec![
            add(1, ENABLED, "cats", vec![plain(Action::Move(to(DRAFTS)))]),
            add(2, ENABLED, "cats", vec![plain(Action::Move(to(JOURNAL)))]),
        ];
        set(rig, rules)?;
        send(rig, "cats")?;
        assert_eq!(mine(rig, INBOX)?, [""; 0]);
        assert_eq!(mine(rig, DRAFTS)?, ["cats"]);
        assert_eq!(mine(rig, JOURNAL)?, ["cats"]);
        Ok(())
    }

    /// MS-OXORULE 3.2.5.1: R512
    fn rules_of_the_folder_that_it_is_moved_to_look_at_it_first(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let drafts = client.open_folder(DRAFTS)?;
        let below = vec![
            add(1, ENABLED, "cats", vec![plain(Action::Move(to(JOURNAL)))]),
            // And back again: it has been there.
            add(2, ENABLED, "circle", vec![plain(Action::Move(to(INBOX)))]),
        ];
        modify(&mut client, drafts, ModifyRulesFlags::REPLACE, below)?;
        set(rig, vec![add(1, ENABLED, "c", vec![plain(Action::Move(to(DRAFTS)))])])?;
        send(rig, "cats")?;
        assert_eq!(mine(rig, JOURNAL)?, ["cats"]);
        assert_eq!((mine(rig, INBOX)?.len(), mine(rig, DRAFTS)?.len()), (0, 0));
        send(rig, "circle")?;
        assert_eq!((mine(rig, INBOX)?.len(), mine(rig, DRAFTS)?.len()), (1, 0));
        Ok(())
    }

    /// MS-OXORULE 2.2.5.1: R267, R268
    /// MS-OXORULE 2.2.5.1.2.7: R345
    /// MS-OXORULE 3.2.5.1: R549
    /// MS-OXORULE 6: R637
    fn a_message_is_deleted_and_later_rules_do_not_see_it(rig: &Rig) -> Result {
        let rules = vec![
            add(1, ENABLED, "cats", vec![plain(Action::Delete)]),
            add(2, ENABLED, "cats", vec![plain(Action::Copy(to(DRAFTS)))]),
        ];
        set(rig, rules)?;
        send(rig, "cats")?;
        assert_eq!((mine(rig, INBOX)?.len(), mine(rig, DRAFTS)?.len()), (0, 0));
        // For good: there is nothing to recover.
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(INBOX)?;
        for tag in [tags::DELETED_COUNT_TOTAL, tags::CONTENT_COUNT] {
            assert_eq!(client.get(inbox, tag), Ok(0.into()), "{tag:?}");
        }
        Ok(())
    }

    /// MS-OXORULE 2.2.5.1: R269, R270
    /// MS-OXORULE 2.2.5.1.2.7: R902
    /// MS-OXORULE 3.2.5.1: R551
    fn a_message_is_marked_as_read(rig: &Rig) -> Result {
        set(rig, vec![add(1, ENABLED, "cats", vec![plain(Action::MarkAsRead)])])?;
        send(rig, "cats")?;
        send(rig, "dogs")?;
        let read: Vec<bool> = found(rig, ME, INBOX)?.iter().map(|message| message.is_read()).collect();
        assert_eq!(read, [true, false]);
        Ok(())
    }

    /// MS-OXORULE 2.2.5.1: R265, R266
    /// MS-OXORULE 2.2.5.1.2.6: R739
    /// MS-OXORULE 3.2.5.1: R548
    fn a_message_gets_a_property(rig: &Rig) -> Result {
        let tag = Action::Tag(TaggedValue::new(tags::IMPORTANCE, 2));
        set(rig, vec![add(1, ENABLED, "cats", vec![plain(tag)])])?;
        send(rig, "cats")?;
        let message = &found(rig, ME, INBOX)?[0];
        assert_eq!(value(message, tags::IMPORTANCE), Some(PropertyValue::Integer32(2)));
        Ok(())
    }

    /// MS-OXORULE 2.2.5.1: R259, R260
    /// MS-OXORULE 2.2.5.1.2.5: R340
    /// MS-OXORULE 3.2.5.1: R546
    /// MS-OXORULE 6: R5462
    fn a_message_is_bounced(rig: &Rig) -> Result {
        for (code, status) in [(BOUNCE_TOO_LARGE, 523), (BOUNCE_FORM, 561), (BOUNCE_DENIED, 571)] {
            let word = format!("code {code}");
            set(rig, vec![add(1, ENABLED, &word, vec![plain(Action::Bounce(code))])])?;
            send(rig, &word)?;
            let report = found(rig, STRANGER, INBOX)?.pop().ok_or("a report")?;
            assert_eq!(text(&report, tags::MESSAGE_CLASS), "REPORT.IPM.Note.NDR");
            assert_eq!(text(&report, tags::SUBJECT), format!("Undeliverable: {word}"));
            let reported = &report.recipients[0];
            let told = reported.get(tags::NON_DELIVERY_REPORT_STATUS_CODE);
            assert_eq!(told, Some(&PropertyValue::Integer32(status)));
        }
        assert_eq!(mine(rig, INBOX)?, [""; 0]);
        Ok(())
    }

    /// MS-OXORULE 2.2.1.3.1.2: R57
    /// MS-OXORULE 3.2.5.1: R514
    fn rules_are_run_by_their_sequence(rig: &Rig) -> Result {
        let tag = |number: i32| plain(Action::Tag(TaggedValue::new(tags::IMPORTANCE, number)));
        let rules = vec![
            add(30, ENABLED, "cats", vec![tag(0)]),
            add(10, ENABLED, "cats", vec![tag(1)]),
            add(20, ENABLED, "cats", vec![tag(2)]),
        ];
        set(rig, rules)?;
        send(rig, "cats")?;
        let importance = |rig: &Rig| -> Result<Option<PropertyValue>> {
            Ok(value(&found(rig, ME, INBOX)?.pop().ok_or("a message")?, tags::IMPORTANCE))
        };
        assert_eq!(importance(rig)?, Some(PropertyValue::Integer32(0)));
        // Each sees what those before it made of the message.
        let is_two = Restriction::Property {
            relation: mapi::restriction::Relation::Equal,
            tag: tags::IMPORTANCE,
            value: TaggedValue::new(tags::IMPORTANCE, 2),
        };
        let mut second = properties(2, ENABLED, "", vec![plain(Action::Move(to(DRAFTS)))]);
        second[3] = TaggedValue::new(
            tags::RULE_CONDITION,
            PropertyValue::Restriction(is_two.to_wire()),
        );
        set(rig, vec![
            data(RuleDataFlags::ADD, second),
            add(1, ENABLED, "dogs", vec![tag(2)]),
        ])?;
        send(rig, "dogs")?;
        assert_eq!(mine(rig, DRAFTS)?, ["dogs"]);
        Ok(())
    }

    /// MS-OXORULE 2.2.1.3.1.3: R63
    /// MS-OXORULE 3.2.5.1: R516
    fn only_rules_that_are_enabled_are_run(rig: &Rig) -> Result {
        set(rig, vec![add(1, 0, "cats", vec![plain(Action::Delete)])])?;
        send(rig, "cats")?;
        assert_eq!(mine(rig, INBOX)?, ["cats"]);
        Ok(())
    }

    /// MS-OXORULE 2.2.1.3.1.3: R857
    fn a_rule_may_be_the_last_one(rig: &Rig) -> Result {
        let rules = vec![
            add(1, ENABLED | EXIT_LEVEL, "cats", vec![plain(Action::MarkAsRead)]),
            add(2, ENABLED, "a", vec![plain(Action::Move(to(DRAFTS)))]),
        ];
        set(rig, rules)?;
        send(rig, "cats")?;
        send(rig, "bats")?;
        assert_eq!(mine(rig, INBOX)?, ["cats"]);
        assert_eq!(mine(rig, DRAFTS)?, ["bats"], "only where its condition holds");
        Ok(())
    }

    /// MS-OXORULE 2.2.1.3.1.3: R74
    /// MS-OXORULE 6: R7411
    fn a_safe_message_skips_no_rule(rig: &Rig) -> Result {
        let state = ENABLED | SKIP_IF_SCL_IS_SAFE;
        set(rig, vec![add(1, state, "cats", vec![plain(Action::Move(to(DRAFTS)))])])?;
        let safe = TaggedValue::new(tags::CONTENT_FILTER_SPAM_CONFIDENCE_LEVEL, -1);
        send_with(rig, "cats", &[safe])?;
        assert_eq!(mine(rig, DRAFTS)?, ["cats"]);
        Ok(())
    }

    /// MS-OXORULE 3.2.5.2: R599
    /// MS-OXORULE 6: R914
    fn rules_hold_as_soon_as_they_are_set(rig: &Rig) -> Result {
        set(rig, vec![add(1, ENABLED, "cats", vec![plain(Action::Move(to(DRAFTS)))])])?;
        send(rig, "cats 1")?;
        set(rig, vec![])?;
        send(rig, "cats 2")?;
        assert_eq!(mine(rig, DRAFTS)?, ["cats 1"]);
        assert_eq!(mine(rig, INBOX)?, ["cats 2"]);
        Ok(())
    }

    /// MS-OXORULE 2.2.5.1: R261, R262
    /// MS-OXORULE 2.2.5.1.2.4: R322, R323
    /// MS-OXORULE 3.2.5.1: R537
    fn a_message_is_forwarded(rig: &Rig) -> Result {
        let forward = Action::Forward(vec![recipient(DELEGATE)]);
        set(rig, vec![add(1, ENABLED, "cats", vec![plain(forward)])])?;
        send(rig, "cats")?;
        let sent = found(rig, DELEGATE, INBOX)?;
        assert_eq!(sent.len(), 1);
        assert_eq!(text(&sent[0], tags::SUBJECT), "FW: cats");
        assert_eq!(text(&sent[0], tags::SENT_REPRESENTING_NAME), "me");
        assert_eq!(text(&sent[0], tags::SENDER_NAME), "me");
        assert_eq!(text(&sent[0], tags::BODY), "Hello");
        assert_eq!(value(&sent[0], tags::AUTO_FORWARDED), Some(PropertyValue::Boolean(true)));
        assert_eq!(mine(rig, INBOX)?, ["cats"]);
        Ok(())
    }

    /// MS-OXORULE 2.2.5.1.1: R274, R275, R276, R277, R278
    fn a_message_is_forwarded_as_it_is(rig: &Rig) -> Result {
        let forward = |flavor| flavored(flavor, Action::Forward(vec![recipient(DELEGATE)]));
        let expected = [(1, "stranger", "me", true), (2, "stranger", "stranger", false), (3, "stranger", "stranger", true)];
        for (flavor, from, sender, forwarded) in expected {
            set(rig, vec![add(1, ENABLED, "cats", vec![forward(flavor)])])?;
            send(rig, "cats")?;
            let sent = found(rig, DELEGATE, INBOX)?.pop().ok_or("a message")?;
            assert_eq!(text(&sent, tags::SUBJECT), "cats", "{flavor}");
            assert_eq!(text(&sent, tags::SENT_REPRESENTING_NAME), from, "{flavor}");
            assert_eq!(text(&sent, tags::SENDER_NAME), sender, "{flavor}");
            let told = value(&sent, tags::AUTO_FORWARDED) == Some(PropertyValue::Boolean(true));
            assert_eq!(told, forwarded, "{flavor}");
        }
        Ok(())
    }

    /// MS-OXORULE 2.2.5.1.1: R279
    fn a_message_is_forwarded_as_an_attachment(rig: &Rig) -> Result {
        let forward = flavored(4, Action::Forward(vec![recipient(DELEGATE)]));
        set(rig, vec![add(1, ENABLED, "cats", vec![forward])])?;
        send(rig, "cats")?;
        let sent = found(rig, DELEGATE, INBOX)?.pop().ok_or("a message")?;
        assert_eq!(text(&sent, tags::SUBJECT), "FW: cats");
        let inner = &sent.embedded[0];
        let subject = inner.properties.get(tags::SUBJECT).and_then(PropertyValue::as_text);
        assert_eq!(subject, Some(&"cats".into()));
        Ok(())
    }

    /// MS-OXORULE 3.2.5.1: R798
    /// MS-OXORULE 6: R907
    /// MS-OXORULE 2.2.5.1.2.4.1: R1006, R330
    fn nothing_is_forwarded_to_who_sent_it(rig: &Rig) -> Result {
        let forward = Action::Forward(vec![recipient(STRANGER), recipient(DELEGATE)]);
        set(rig, vec![add(1, ENABLED, "cats", vec![plain(forward)])])?;
        send(rig, "cats")?;
        assert_eq!(found(rig, STRANGER, INBOX)?.len(), 0);
        assert_eq!(omsg::subjects(&found(rig, DELEGATE, INBOX)?), ["FW: cats"]);
        Ok(())
    }

    /// MS-OXORULE 2.2.5.1: R263, R264
    /// MS-OXORULE 3.2.5.1: R539, R540, R541
    fn a_message_goes_to_a_delegate(rig: &Rig) -> Result {
        let delegate = Action::Delegate(vec![recipient(DELEGATE)]);
        set(rig, vec![add(1, ENABLED, "cats", vec![plain(delegate)])])?;
        send(rig, "cats")?;
        let sent = found(rig, DELEGATE, INBOX)?.pop().ok_or("a message")?;
        assert_eq!(text(&sent, tags::SUBJECT), "cats");
        assert_eq!(text(&sent, tags::SENT_REPRESENTING_NAME), "stranger");
        assert_eq!(text(&sent, tags::RECEIVED_BY_NAME), "delegate");
        let me = rig.store.account_by_address(ME)?.ok_or("an account")?;
        assert_eq!(
            value(&sent, tags::RECEIVED_REPRESENTING_ENTRY_ID),
            Some(store::permission::entry_id(&me).into())
        );
        assert_eq!(text(&sent, tags::RECEIVED_REPRESENTING_ADDRESS_TYPE), "EX");
        assert_eq!(text(&sent, tags::RECEIVED_REPRESENTING_EMAIL_ADDRESS), me.legacy_dn);
        assert_eq!(value(&sent, tags::DELEGATED_BY_RULE), Some(PropertyValue::Boolean(true)));
        Ok(())
    }

    /// MS-OXORULE 3.2.5.1: R543, R544
    fn a_delegate_learns_for_whom_it_was(rig: &Rig) -> Result {
        let delegate = Action::Delegate(vec![recipient(DELEGATE)]);
        set(rig, vec![add(1, ENABLED, "cats", vec![plain(delegate)])])?;
        send(rig, "cats")?;
        let sent = found(rig, DELEGATE, INBOX)?.pop().ok_or("a message")?;
        assert_eq!(text(&sent, tags::RECEIVED_REPRESENTING_NAME), "me");
        let me = rig.store.account_by_address(ME)?.ok_or("an account")?;
        let mut key = format!("EX:{}", me.legacy_dn).to_uppercase().into_bytes();
        key.push(0);
        assert_eq!(value(&sent, tags::RECEIVED_REPRESENTING_SEARCH_KEY), Some(key.into()));
        Ok(())
    }

    /// MS-OXORULE 3.2.5.1: R537
    fn mailboxes_that_forward_to_each_other_come_to_an_end(rig: &Rig) -> Result {
        let forward = |user| plain(Action::Forward(vec![recipient(user)]));
        set(rig, vec![add(1, ENABLED, "cats", vec![forward(DELEGATE)])])?;
        let mut client = rig.client(DELEGATE)?;
        let inbox = client.open_folder(INBOX)?;
        // As from the stranger, so that each is somebody else's.
        let back = flavored(3, Action::Forward(vec![recipient(ME)]));
        let rules = vec![add(1, ENABLED, "cats", vec![back])];
        modify(&mut client, inbox, ModifyRulesFlags::REPLACE, rules)?;
        set(rig, vec![add(1, ENABLED, "cats", vec![flavored(3, Action::Forward(vec![recipient(DELEGATE)]))])])?;
        send(rig, "cats")?;
        let (mine, theirs) = (mine(rig, INBOX)?, omsg::subjects(&found(rig, DELEGATE, INBOX)?));
        assert!(mine.iter().chain(&theirs).all(|subject| subject == "cats"));
        let (mine, theirs) = (mine.len(), theirs.len());
        let hops = usize::from(store::delivery::MAX_HOPS);
        let copies = mine + theirs;
        assert!((hops / 2..=hops + 2).contains(&copies), "{mine} and {theirs}");
        Ok(())
    }
}
