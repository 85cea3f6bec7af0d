//! The rules table and its changes: [MS-OXORULE] 2.2.1, 2.2.2, 3.2.5.2, 3.2.5.3.

use mapi::ErrorCode;
use mapi_rop::folder::{OpenFolderFlags, OpenFolderRequest};
use testsuite::octets::Rop;
use testsuite::on_both;

use super::*;

fn delete_rule(sequence: i32, word: &str) -> RuleData {
    add(sequence, ENABLED, word, vec![plain(Action::Delete)])
}

fn ids(client: &mut Client, folder: Handle) -> Answer<Vec<i64>> {
    let rows = list(client, folder, &[tags::RULE_ID])?;
    Ok(rows.iter().filter_map(|row| row[0].as_ref()?.as_i64()).collect())
}

on_both! {
    /// MS-OXORULE 2.2: R11, R12
    fn a_rule_is_read_octet_by_octet(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(INBOX)?;
        // PidTagRuleSequence, State, Provider, Condition (there is a subject), Actions (mark as read, in nine
        // octets behind their length).
        let rop = Rop::new(0x41, 0).u8(0x01).u16(1).u8(0x01).u16(5);
        let rop = rop.u32(0x6676_0003).u32(0x0102).u32(0x6677_0003).u32(1);
        let rop = rop.u32(0x6681_001f).text16("Test");
        let rop = rop.u32(0x6679_00fd).u8(0x08).u32(0x0037_001f);
        let rop = rop.u32(0x6680_00fe).u16(1).u16(9).u8(0x0b).u32(0).u32(0);
        client.ask(rop, &[inbox]).only(0x41, 0, 0);
        let rows = list(&mut client, inbox, &[tags::RULE_SEQUENCE, tags::RULE_ACTIONS])?;
        let expected = [
            Some(PropertyValue::Integer32(0x0102)),
            Some(actions(vec![plain(Action::MarkAsRead)])),
        ];
        assert_eq!(rows, [expected]);
        send(rig, "cats")?;
        assert!(found(rig, ME, INBOX)?[0].is_read());
        Ok(())
    }

    /// MS-OXORULE 3.2.5: R591
    fn every_request_is_answered_by_its_own_response(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(INBOX)?;
        let get = Rop::new(0x3f, 1).u8(2).u8(0x40);
        let modify = |flags: u8| Rop::new(0x41, 1).u8(flags).u16(0);
        let update = Rop::new(0x57, 0).sized(&[1, 2]).sized(&[3]);
        let rops = [modify(0x02), get, update, modify(0x01)];
        let mut answer = client.ask_all(&rops, &[client.logon, inbox, Handle::NONE]);
        answer.head(0x41, 1, 0x8007_0057);
        answer.head(0x3f, 2, 0);
        answer.head(0x57, 0, 0);
        answer.head(0x41, 1, 0);
        assert_ne!(answer.handles[2], Handle::NONE);
        answer.end();
        Ok(())
    }

    /// MS-OXORULE 2.2.1: R14
    /// MS-OXORULE 2.2.1.2: R679
    /// MS-OXORULE 2.2.2: R121
    /// MS-OXORULE 3.1.4.1: R449
    /// MS-OXORULE 3.2.4.1: R778
    fn rules_come_back_as_they_were_set(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(INBOX)?;
        let blocks = vec![plain(Action::Move(to(DRAFTS))), plain(Action::MarkAsRead)];
        let mut one = properties(7, ENABLED | EXIT_LEVEL, "cats", blocks.clone());
        one.extend([
            TaggedValue::new(tags::RULE_NAME, "Cats"),
            TaggedValue::new(tags::RULE_LEVEL, 0),
            TaggedValue::new(tags::RULE_USER_FLAGS, 0x1234),
            TaggedValue::new(tags::RULE_PROVIDER_DATA, vec![7; 700]),
        ]);
        let rules = vec![data(RuleDataFlags::ADD, one), delete_rule(3, "dogs")];
        modify(&mut client, inbox, ModifyRulesFlags::NONE, rules)?;
        let columns = [
            tags::RULE_SEQUENCE,
            tags::RULE_STATE,
            tags::RULE_NAME,
            tags::RULE_PROVIDER,
            tags::RULE_LEVEL,
            tags::RULE_USER_FLAGS,
            tags::RULE_PROVIDER_DATA,
            tags::RULE_CONDITION,
            tags::RULE_ACTIONS,
        ];
        let rows = list(&mut client, inbox, &columns)?;
        let expected = vec![
            Some(PropertyValue::Integer32(7)),
            Some(PropertyValue::Integer32(0x11)),
            Some("Cats".into()),
            Some("Test".into()),
            Some(PropertyValue::Integer32(0)),
            Some(PropertyValue::Integer32(0x1234)),
            Some(vec![7; 700].into()),
            Some(PropertyValue::Restriction(about("cats").to_wire())),
            Some(actions(blocks)),
        ];
        // In the order of their sequence.
        assert_eq!((rows.len(), &rows[1]), (2, &expected));
        assert_eq!(rows[0][0], Some(PropertyValue::Integer32(3)));
        assert_eq!(rows[0][2], None, "a rule without a name has none");
        Ok(())
    }

    /// MS-OXORULE 2.2.1.1: R671
    /// MS-OXORULE 3.2.5.2: R596, R597, R598
    fn rules_are_changed_and_removed_by_the_id_that_the_server_gave(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(INBOX)?;
        let rules = vec![delete_rule(1, "a"), delete_rule(2, "b"), delete_rule(3, "c")];
        modify(&mut client, inbox, ModifyRulesFlags::NONE, rules)?;
        let before = ids(&mut client, inbox)?;
        assert_eq!(before.iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
        let change = vec![rule_id(before[0]), TaggedValue::new(tags::RULE_NAME, "first")];
        let changes = vec![
            data(RuleDataFlags::MODIFY, change),
            data(RuleDataFlags::REMOVE, vec![rule_id(before[1])]),
            delete_rule(9, "d"),
        ];
        modify(&mut client, inbox, ModifyRulesFlags::NONE, changes)?;
        let rows = list(&mut client, inbox, &[tags::RULE_ID, tags::RULE_NAME, tags::RULE_SEQUENCE])?;
        let after = ids(&mut client, inbox)?;
        assert_eq!(after[..2], [before[0], before[2]]);
        assert!(!before.contains(&after[2]));
        assert_eq!(rows[0][1], Some("first".into()));
        assert_eq!(rows[0][2], Some(PropertyValue::Integer32(1)), "what was not named stays");
        Ok(())
    }

    /// MS-OXORULE 2.2.1.1: R669
    fn replacing_takes_the_others_away(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(INBOX)?;
        let two = vec![delete_rule(1, "a"), delete_rule(2, "b")];
        modify(&mut client, inbox, ModifyRulesFlags::NONE, two)?;
        modify(&mut client, inbox, ModifyRulesFlags::REPLACE, vec![delete_rule(5, "c")])?;
        let rows = list(&mut client, inbox, &[tags::RULE_SEQUENCE])?;
        assert_eq!(rows, [[Some(PropertyValue::Integer32(5))]]);
        // Then rules can only be added.
        let id = ids(&mut client, inbox)?[0];
        let wrong = vec![data(RuleDataFlags::REMOVE, vec![rule_id(id)])];
        let refused = modify(&mut client, inbox, ModifyRulesFlags::REPLACE, wrong);
        assert_eq!(refused, Err(ErrorCode::INVALID_PARAMETER));
        assert_eq!(ids(&mut client, inbox)?, [id]);
        Ok(())
    }

    /// MS-OXORULE 3.2.5.2: R592, R594, R821, R822
    fn what_makes_no_sense_is_refused_and_changes_nothing(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(INBOX)?;
        let invalid = ErrorCode(0x8007_0057);
        let refused = modify(&mut client, inbox, ModifyRulesFlags(0x02), vec![]);
        assert_eq!(refused, Err(invalid));
        let with = |mut values: Vec<TaggedValue>, tag: PropertyTag, value: PropertyValue| {
            values.retain(|value| value.tag != tag);
            values.push(TaggedValue::new(tag, value));
            values
        };
        let fine = || properties(1, ENABLED, "a", vec![plain(Action::Delete)]);
        let without = |tag: PropertyTag| {
            let mut values = fine();
            values.retain(|value| value.tag != tag);
            values
        };
        let wrong = [
            with(fine(), tags::RULE_ACTIONS, PropertyValue::RuleAction(vec![0, 0])),
            with(fine(), tags::RULE_ACTIONS, actions(vec![flavored(1, Action::Delete)])),
            with(fine(), tags::RULE_ACTIONS, actions(vec![plain(Action::Bounce(1))])),
            with(fine(), tags::RULE_ACTIONS, actions(vec![plain(Action::Forward(vec![]))])),
            with(fine(), tags::SUBJECT, "no property of a rule".into()),
            with(fine(), tags::RULE_ID, PropertyValue::Integer64(5)),
            without(tags::RULE_ACTIONS),
            without(tags::RULE_CONDITION),
            without(tags::RULE_PROVIDER),
        ];
        for values in wrong {
            let rules = vec![delete_rule(1, "fine"), data(RuleDataFlags::ADD, values.clone())];
            let refused = modify(&mut client, inbox, ModifyRulesFlags::NONE, rules);
            assert_eq!(refused, Err(invalid), "{values:?}");
        }
        for flags in [RuleDataFlags::MODIFY, RuleDataFlags::REMOVE, RuleDataFlags(0x08)] {
            let refused = modify(&mut client, inbox, ModifyRulesFlags::NONE, vec![data(flags, fine())]);
            assert_eq!(refused, Err(invalid), "{flags:?}");
        }
        let gone = data(RuleDataFlags::REMOVE, vec![rule_id(77)]);
        let refused = modify(&mut client, inbox, ModifyRulesFlags::NONE, vec![gone]);
        assert_eq!(refused, Err(ErrorCode::NOT_FOUND));
        assert_eq!(ids(&mut client, inbox)?, [0i64; 0]);
        Ok(())
    }

    /// MS-OXORULE 3.2.5.2: R814, R815, R823, R824, R911
    fn too_many_bytes_of_rules_are_saved_and_told(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(INBOX)?;
        let large = |sequence| {
            let mut values = properties(sequence, ENABLED, "x", vec![plain(Action::MarkAsRead)]);
            values.push(TaggedValue::new(tags::RULE_PROVIDER_DATA, vec![1; 25_000]));
            data(RuleDataFlags::ADD, values)
        };
        let mut answers = Vec::new();
        for sequence in 0..11 {
            answers.push(modify(&mut client, inbox, ModifyRulesFlags::NONE, vec![large(sequence)]));
        }
        assert_eq!(answers[9], Ok(()));
        assert_eq!(answers[10], Err(ErrorCode(0x8007_000e)));
        assert_eq!(ids(&mut client, inbox)?.len(), 11);
        Ok(())
    }

    /// MS-OXORULE 3.2.5.2: R912
    fn rules_beyond_the_limit_are_not_run(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(INBOX)?;
        for sequence in 0..10 {
            let mut values = properties(sequence, ENABLED, "x", vec![plain(Action::MarkAsRead)]);
            values.push(TaggedValue::new(tags::RULE_PROVIDER_DATA, vec![1; 26_000]));
            let rules = vec![data(RuleDataFlags::ADD, values)];
            modify(&mut client, inbox, ModifyRulesFlags::NONE, rules)?;
        }
        let mut last = properties(99, ENABLED, "x", vec![plain(Action::Move(to(DRAFTS)))]);
        last.push(TaggedValue::new(tags::RULE_PROVIDER_DATA, vec![1; 5_000]));
        let rules = vec![data(RuleDataFlags::ADD, last)];
        let refused = modify(&mut client, inbox, ModifyRulesFlags::NONE, rules);
        assert_eq!(refused, Err(ErrorCode(0x8007_000e)));
        send(rig, "x")?;
        assert_eq!((mine(rig, INBOX)?.len(), mine(rig, DRAFTS)?.len()), (1, 0));
        assert!(found(rig, ME, INBOX)?[0].is_read(), "those before it are run");
        Ok(())
    }

    /// MS-OXORULE 2.2.1.3.1.3: R66, R77, R81
    /// MS-OXORULE 6: R655, R888
    fn the_servers_bits_of_the_state_are_not_the_clients(rig: &Rig) -> Result {
        let blocks = || vec![plain(Action::MarkAsRead)];
        set(rig, vec![add(1, ENABLED | ERROR | PARSE_ERROR | 0x180, "a", blocks())])?;
        assert_eq!(state(rig)?, ENABLED | 0x180);
        Ok(())
    }

    /// MS-OXORULE 2.2.1.3.1.7: R96
    /// MS-OXORULE 2.2.1.3.1.8: R100
    fn what_clients_keep_in_a_rule_stays(rig: &Rig) -> Result {
        let mut values = properties(1, ENABLED, "a", vec![plain(Action::MarkAsRead)]);
        values.push(TaggedValue::new(tags::RULE_USER_FLAGS, -1));
        values.push(TaggedValue::new(tags::RULE_PROVIDER_DATA, vec![9; 1_500]));
        set(rig, vec![data(RuleDataFlags::ADD, values)])?;
        // Neither changes what the rule does (R97, R101).
        send(rig, "a")?;
        assert!(found(rig, ME, INBOX)?[0].is_read());
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(INBOX)?;
        let rows = list(&mut client, inbox, &[tags::RULE_USER_FLAGS, tags::RULE_PROVIDER_DATA])?;
        assert_eq!(rows[0][0], Some(PropertyValue::Integer32(-1)));
        assert_eq!(rows[0][1], Some(vec![9; 1_500].into()));
        Ok(())
    }

    /// MS-OXORULE 2.2.2.1: R127, R130
    /// MS-OXORULE 2.2.2.2: R132
    /// MS-OXORULE 3.2.5.3: R607
    /// MS-OXORULE 6: R889
    fn a_rules_table_takes_one_flag(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(INBOX)?;
        let mut values = properties(1, ENABLED, "a", vec![plain(Action::Delete)]);
        values.push(TaggedValue::new(tags::RULE_NAME, "Name"));
        modify(&mut client, inbox, ModifyRulesFlags::NONE, vec![data(RuleDataFlags::ADD, values)])?;
        let refused = table(&mut client, inbox, RulesTableFlags(0x41));
        assert_eq!(refused, Err(ErrorCode(0x8004_0102)));
        let logon = client.logon;
        let refused = table(&mut client, logon, RulesTableFlags::UNICODE);
        assert_eq!(refused, Err(ErrorCode::NOT_SUPPORTED));
        let plain = table(&mut client, inbox, RulesTableFlags::NONE)?;
        let name = tags::RULE_NAME.with_type(mapi::PropertyType::STRING8);
        client.set_columns(plain, &[name])?;
        let rows = client.query_rows(plain, 1)?.rows;
        let text = mapi::text::String8(b"Name".to_vec());
        assert_eq!(rows[0].value(0), Some(&PropertyValue::String8(text)));
        Ok(())
    }

    /// MS-OXORULE 3.2.5.3: R612
    fn a_rules_table_is_a_table(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(INBOX)?;
        let rules = (0..5).map(|at| delete_rule(at, "a")).collect();
        modify(&mut client, inbox, ModifyRulesFlags::NONE, rules)?;
        let table = table(&mut client, inbox, RulesTableFlags::UNICODE)?;
        client.set_columns(table, &[tags::RULE_SEQUENCE])?;
        let first = client.query_rows(table, 3)?.rows;
        let second = client.query_rows(table, 3)?.rows;
        assert_eq!((first.len(), second.len()), (3, 2));
        assert_eq!(second[0].value(0), Some(&PropertyValue::Integer32(3)));
        Ok(())
    }

    /// MS-OXORULE 2.2.8.1: R719, R720
    /// MS-OXORULE 3.2.5.2: R604, R605
    /// MS-OXORULE 6: R7202
    fn a_folder_says_whether_it_has_rules(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(INBOX)?;
        let has = |client: &mut Client| client.get(inbox, tags::HAS_RULES);
        assert_eq!(has(&mut client)?, PropertyValue::Boolean(false));
        modify(&mut client, inbox, ModifyRulesFlags::NONE, vec![delete_rule(1, "a")])?;
        assert_eq!(has(&mut client)?, PropertyValue::Boolean(true));
        let open = OpenFolderRequest { folder: INBOX, flags: OpenFolderFlags::NONE };
        match client.call(client.logon, RopRequest::OpenFolder(open))? {
            RopResponse::OpenFolder(answer) => assert!(answer.has_rules),
            other => panic!("{other:?}"),
        }
        modify(&mut client, inbox, ModifyRulesFlags::REPLACE, vec![])?;
        assert_eq!(has(&mut client)?, PropertyValue::Boolean(false));
        Ok(())
    }
}
