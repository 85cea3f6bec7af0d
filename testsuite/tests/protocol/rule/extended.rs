//! Extended rules: [MS-OXORULE] 2.2.4.

use mapi::restriction::RestrictionForm;
use mapi::rule::RuleCondition;
use mapi::rule_action::{ExtendedRuleActions, Template};
use mapi::{ErrorCode, Guid, PropertyName, PropertyNameKind};
use mapi_rop::message::{OpenMessageFlags, SaveFlags};
use testsuite::on_both;

use super::replies::TEMPLATE_ID;
use super::*;

const CLASS: &str = "IPM.ExtendedRule.Message";

fn condition(names: Vec<(u16, PropertyName)>, restriction: Restriction) -> Vec<u8> {
    let mut w = Vec::new();
    RuleCondition { names, restriction }.write_as(&mut w, RestrictionForm::ExtendedRule);
    w
}

fn extended_actions(names: Vec<(u16, PropertyName)>, blocks: Vec<ActionBlock>) -> Vec<u8> {
    ExtendedRuleActions { names, version: 1, actions: RuleActions(blocks) }.to_wire()
}

/// Makes an extended rule in ME's Inbox.
fn rule(
    rig: &Rig,
    sequence: i32,
    state: i32,
    condition: Vec<u8>,
    actions: Vec<u8>,
) -> Result<MessageId> {
    let mut client = rig.client(ME)?;
    let message = client.create_message(INBOX, true)?;
    let values = [
        TaggedValue::new(tags::MESSAGE_CLASS, CLASS),
        TaggedValue::new(tags::RULE_MESSAGE_NAME, "Extended"),
        TaggedValue::new(tags::RULE_MESSAGE_SEQUENCE, sequence),
        TaggedValue::new(tags::RULE_MESSAGE_STATE, state),
        TaggedValue::new(tags::RULE_MESSAGE_LEVEL, 0),
        TaggedValue::new(tags::RULE_MESSAGE_PROVIDER, "Test"),
        TaggedValue::new(tags::EXTENDED_RULE_MESSAGE_CONDITION, condition),
        TaggedValue::new(tags::EXTENDED_RULE_MESSAGE_ACTIONS, actions),
    ];
    client.set_all(message, &values)?;
    Ok(client.save(message, SaveFlags::NONE)?)
}

/// A folder of ME's as an extended rule names it.
fn by_entry_id(rig: &Rig, folder: FolderId) -> Result<Destination> {
    let mailbox = omsg::mailbox(rig, ME)?;
    let id = store::folder::get(&mailbox, folder, &[tags::ENTRY_ID])?.remove(0);
    let id = id.as_ref().and_then(|id| id.inline()).and_then(PropertyValue::as_binary);
    Ok(Destination { in_this_store: 1, store: vec![0], folder: id.ok_or("an id")?.to_vec() })
}

fn state_of(rig: &Rig, id: MessageId) -> Result<Option<i32>> {
    let mut client = rig.client(ME)?;
    let message = client.open_message(INBOX, id, OpenMessageFlags::NONE)?;
    Ok(client.get(message, tags::RULE_MESSAGE_STATE)?.as_i32())
}

on_both! {
    /// MS-OXORULE 2.2.4: R151
    /// MS-OXORULE 2.2.4.1.2: R166
    /// MS-OXORULE 2.2.4.1.4: R172
    /// MS-OXORULE 2.2.4.1.9: R191
    /// MS-OXORULE 2.2.4.1.10: R197
    fn an_extended_rule_moves_a_message(rig: &Rig) -> Result {
        let block = plain(Action::Move(by_entry_id(rig, DRAFTS)?));
        let actions = extended_actions(vec![], vec![block]);
        let id = rule(rig, 1, ENABLED, condition(vec![], about("cats")), actions)?;
        send(rig, "cats")?;
        send(rig, "dogs")?;
        assert_eq!(mine(rig, DRAFTS)?, ["cats"]);
        assert_eq!(mine(rig, INBOX)?, ["dogs"]);
        assert_eq!(state_of(rig, id)?, Some(ENABLED));
        Ok(())
    }

    /// MS-OXORULE 1.8: R3
    /// MS-OXORULE 2.2.4.1.1: R161, R162
    /// MS-OXORULE 2.2.4.1.6: R178
    /// MS-OXORULE 2.2.4.1.7: R182
    fn an_extended_rule_keeps_what_a_client_says_of_it(rig: &Rig) -> Result {
        let actions = extended_actions(vec![], vec![plain(Action::MarkAsRead)]);
        let id = rule(rig, 1, ENABLED, condition(vec![], about("cats")), actions)?;
        let (flags, data) = (tags::RULE_MESSAGE_USER_FLAGS, tags::RULE_MESSAGE_PROVIDER_DATA);
        let said = [
            TaggedValue::new(tags::RULE_MESSAGE_NAME, "Named by its client"),
            TaggedValue::new(tags::RULE_MESSAGE_LEVEL, 7),
            TaggedValue::new(tags::RULE_MESSAGE_PROVIDER, "A rule provider of my own"),
            TaggedValue::new(flags, 0x1234),
            TaggedValue::new(data, vec![3, 0, 255]),
        ];
        let mut client = rig.client(ME)?;
        let message = client.open_message(INBOX, id, OpenMessageFlags::READ_WRITE)?;
        client.set_all(message, &said)?;
        client.save(message, SaveFlags::NONE)?;
        send(rig, "cats")?;
        let message = client.open_message(INBOX, id, OpenMessageFlags::NONE)?;
        for expected in &said {
            assert_eq!(client.get(message, expected.tag)?, expected.value, "{}", expected.tag);
        }
        assert!(found(rig, ME, INBOX)?[0].is_read());
        assert_eq!(state_of(rig, id)?, Some(ENABLED));
        Ok(())
    }

    /// MS-OXORULE 2.2.4.1: R160
    /// MS-OXORULE 2.2.4.1.5: R174, R175
    /// MS-OXORULE 2.2.4.1.8: R185, R186
    fn an_extended_rule_is_run_by_its_own_properties_alone(rig: &Rig) -> Result {
        let actions = extended_actions(vec![], vec![plain(Action::MarkAsRead)]);
        let id = rule(rig, 1, ENABLED, condition(vec![], about("cats")), actions)?;
        let (flags, data) = (tags::RULE_MESSAGE_USER_FLAGS, tags::RULE_MESSAGE_PROVIDER_DATA);
        // Those of a standard rule among them, which would do another thing to other messages.
        let condition = PropertyValue::Restriction(about("dogs").to_wire());
        let others = [
            TaggedValue::new(tags::RULE_SEQUENCE, 0),
            TaggedValue::new(tags::RULE_STATE, 0),
            TaggedValue::new(tags::RULE_CONDITION, condition),
            TaggedValue::new(flags, -1),
            TaggedValue::new(data, b"no restriction".to_vec()),
        ];
        let mut client = rig.client(ME)?;
        let message = client.open_message(INBOX, id, OpenMessageFlags::READ_WRITE)?;
        client.set_all(message, &others)?;
        client.save(message, SaveFlags::NONE)?;
        send(rig, "cats")?;
        send(rig, "dogs")?;
        let read = |message: &Found| message.is_read();
        assert_eq!(mine(rig, INBOX)?, ["cats", "dogs"]);
        assert_eq!(found(rig, ME, INBOX)?.iter().map(read).collect::<Vec<_>>(), [true, false]);
        let message = client.open_message(INBOX, id, OpenMessageFlags::NONE)?;
        assert_eq!(client.get(message, flags)?, PropertyValue::Integer32(-1));
        assert_eq!(client.get(message, data)?, b"no restriction".to_vec().into());
        Ok(())
    }

    /// MS-OXORULE 2.2.9.3: R1010, R1011, R1012
    /// MS-OXORULE 3.1.4.2.4: R480
    fn what_a_client_keeps_of_its_rules_is_its_own(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = client.create_message(INBOX, true)?;
        // No restriction and no action: bytes.
        let values = [
            TaggedValue::new(tags::MESSAGE_CLASS, "IPM.RuleOrganizer"),
            TaggedValue::new(tags::SUBJECT, "Outlook Rules Organizer"),
            TaggedValue::new(tags::RW_RULES_STREAM, vec![0xff; 3_000]),
            TaggedValue::new(tags::COMPANY_NAME, "of a client"),
        ];
        client.set_all(message, &values)?;
        let id = client.save(message, SaveFlags::NONE)?;
        send(rig, "cats")?;
        assert_eq!(mine(rig, INBOX)?, ["cats"]);
        assert_eq!(found(rig, ME, DEFERRED)?.len(), 0);
        let message = client.open_message(INBOX, id, OpenMessageFlags::NONE)?;
        for expected in &values {
            assert_eq!(client.get(message, expected.tag)?, expected.value, "{}", expected.tag);
        }
        Ok(())
    }

    /// MS-OXORULE 2.2.5.1.2.1: R967, R969, R977
    fn an_extended_rule_copies_a_message(rig: &Rig) -> Result {
        let block = plain(Action::Copy(by_entry_id(rig, DRAFTS)?));
        let actions = extended_actions(vec![], vec![block]);
        rule(rig, 1, ENABLED, condition(vec![], about("cats")), actions)?;
        send(rig, "cats")?;
        assert_eq!(mine(rig, DRAFTS)?, ["cats"]);
        assert_eq!(mine(rig, INBOX)?, ["cats"]);
        Ok(())
    }

    /// MS-OXORULE 2.2.4.1.4: R871
    /// MS-OXORULE 2.2.4.1.4: R173
    fn an_extended_rule_that_is_not_enabled_is_not_run(rig: &Rig) -> Result {
        let actions = extended_actions(vec![], vec![plain(Action::Delete)]);
        rule(rig, 1, 0, condition(vec![], about("cats")), actions)?;
        send(rig, "cats")?;
        assert_eq!(mine(rig, INBOX)?, ["cats"]);
        Ok(())
    }

    /// MS-OXORULE 2.2.4.1.4: R872
    fn an_extended_rule_may_be_for_the_absence(rig: &Rig) -> Result {
        let actions = extended_actions(vec![], vec![plain(Action::MarkAsRead)]);
        let state = ENABLED | ONLY_WHEN_OOF;
        rule(rig, 1, state, condition(vec![], about("cats")), actions)?;
        send(rig, "cats")?;
        assert!(!found(rig, ME, INBOX)?[0].is_read());
        let mut client = rig.client(ME)?;
        let logon = client.logon;
        client.set(logon, tags::OUT_OF_OFFICE_STATE, true)?;
        send(rig, "cats")?;
        assert!(found(rig, ME, INBOX)?[1].is_read());
        Ok(())
    }

    /// MS-OXORULE 2.2.4.1.3: R169, R170
    /// MS-OXORULE 2.2.4.1.4: R874
    fn both_kinds_of_rules_stand_in_one_order(rig: &Rig) -> Result {
        let actions = extended_actions(vec![], vec![plain(Action::MarkAsRead)]);
        let state = ENABLED | EXIT_LEVEL;
        rule(rig, 5, state, condition(vec![], about("cats")), actions)?;
        set(rig, vec![
            add(9, ENABLED, "cats", vec![plain(Action::Delete)]),
            add(1, ENABLED, "cats", vec![plain(Action::Copy(to(DRAFTS)))]),
        ])?;
        send(rig, "cats")?;
        assert_eq!((mine(rig, INBOX)?.len(), mine(rig, DRAFTS)?.len()), (1, 1));
        assert!(found(rig, ME, INBOX)?[0].is_read());
        Ok(())
    }

    /// MS-OXORULE 2.2.4.1.9: R206
    /// MS-OXORULE 2.2.4.1.10: R213
    /// MS-OXORULE 2.2.4.2: R216, R217, R999
    fn named_properties_come_with_their_names(rig: &Rig) -> Result {
        let kind = PropertyNameKind::Name("a name".into());
        let name = PropertyName { set: Guid([5; 16]), kind };
        let mailbox = omsg::mailbox(rig, ME)?;
        let ids = store::mailbox::names::ids_of(&mailbox, std::slice::from_ref(&name), true)?;
        let own = ids[0].ok_or("an id")?;
        // The rule calls it otherwise than the mailbox.
        let (theirs, kind) = (0x8abc, mapi::PropertyType::INTEGER32);
        assert_ne!(own, theirs);
        let tag = PropertyTag::from_parts(theirs, kind);
        let exists = Restriction::Not(Box::new(Restriction::Exist { tag }));
        let set = plain(Action::Tag(TaggedValue::new(tag, 7)));
        let names = vec![(theirs, name)];
        let actions = extended_actions(names.clone(), vec![set]);
        rule(rig, 1, ENABLED, condition(names, exists), actions)?;
        send(rig, "cats")?;
        let message = found(rig, ME, INBOX)?.pop().ok_or("a message")?;
        let own = PropertyTag::from_parts(own, kind);
        assert_eq!(value(&message, own), Some(PropertyValue::Integer32(7)));
        assert_eq!(value(&message, tag), None);
        Ok(())
    }

    /// MS-OXORULE 2.2.5.1.2.2: R995, R998, R1001
    fn an_extended_rule_replies(rig: &Rig) -> Result {
        let id = super::replies::template(rig, "Thank you")?;
        let mailbox = omsg::mailbox(rig, ME)?;
        let template = store::message::open(&mailbox, id)?;
        let entry = store::message::get(&mailbox, &template, tags::ENTRY_ID)?;
        let entry = entry.as_ref().and_then(|id| id.inline()).and_then(PropertyValue::as_binary);
        let message = entry.ok_or("an id")?.to_vec();
        assert_eq!(message.len(), 70);
        let reply = plain(Action::Reply(Template::Entry { message, id: TEMPLATE_ID }));
        let actions = extended_actions(vec![], vec![reply]);
        rule(rig, 1, ENABLED, condition(vec![], about("cats")), actions)?;
        send(rig, "cats")?;
        assert_eq!(omsg::subjects(&found(rig, STRANGER, INBOX)?), ["Thank you"]);
        Ok(())
    }

    /// MS-OXORULE 2.2.1.3.1.3: R75
    /// MS-OXORULE 2.2.4.1.4: R876
    /// MS-OXORULE 2.2.7.2: R385
    /// MS-OXORULE 2.2.7.3: R751
    /// MS-OXORULE 2.2.7.4: R884
    fn an_extended_rule_that_cannot_be_read_is_told_once(rig: &Rig) -> Result {
        let actions = extended_actions(vec![], vec![plain(Action::MarkAsRead)]);
        let id = rule(rig, 1, ENABLED, vec![0, 0, 0x77], actions)?;
        send(rig, "cats")?;
        send(rig, "cats")?;
        assert_eq!(mine(rig, INBOX)?, ["cats", "cats"]);
        assert_eq!(state_of(rig, id)?, Some(ENABLED | PARSE_ERROR));
        let told = found(rig, ME, DEFERRED)?;
        assert_eq!(told.len(), 1);
        let int = |tag| value(&told[0], tag).as_ref().and_then(PropertyValue::as_i32);
        assert_eq!(int(tags::RULE_ERROR), Some(0x04));
        assert_eq!((int(tags::RULE_ACTION_TYPE), int(tags::RULE_ACTION_NUMBER)), (Some(0), Some(0)));
        Ok(())
    }

    /// MS-OXORULE 3.2.5.1: R1015, R1016
    fn a_condition_has_a_limit_that_the_store_tells(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let logon = client.logon;
        let limit = client.get(logon, tags::EXTENDED_RULE_SIZE_LIMIT)?;
        let limit = limit.as_i32().ok_or("a limit")? as usize;
        assert_eq!(limit, 96 << 10);
        let message = client.create_message(INBOX, true)?;
        client.set(message, tags::MESSAGE_CLASS, CLASS)?;
        let tag = tags::EXTENDED_RULE_MESSAGE_CONDITION;
        let open = RopRequest::OpenStream(mapi_rop::stream::OpenStreamRequest {
            tag,
            mode: mapi_rop::stream::StreamMode::Create,
        });
        let stream = client.open(message, open)?;
        for part in vec![0; limit + 1].chunks(16_000) {
            let body = mapi_rop::stream::WriteStreamRequest { data: part.to_vec().into() };
            client.call(stream, RopRequest::WriteStream(body))?;
        }
        client.call(stream, RopRequest::CommitStream(mapi_rop::Empty))?;
        let refused = client.save(message, SaveFlags::NONE);
        assert_eq!(refused, Err(ErrorCode::OUT_OF_MEMORY));
        Ok(())
    }
}
