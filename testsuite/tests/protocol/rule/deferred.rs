//! Deferred action and deferred error messages: [MS-OXORULE] 2.2.3, 2.2.6, 2.2.7, 3.2.5.1.2, 3.2.5.1.3, 3.2.5.4.

use mapi::rule_action::Template;
use mapi::{ErrorCode, Guid};
use mapi_rop::rule::UpdateDeferredActionMessagesRequest;
use testsuite::on_both;

use super::*;

const DAM: &str = "IPC.Microsoft Exchange 4.0.Deferred Action";
const DEM: &str = "IPC.Microsoft Exchange 4.0.Deferred Error";

fn defer(data: u8) -> ActionBlock {
    plain(Action::Defer(vec![data; 5]))
}

fn deferred(rig: &Rig) -> Result<Vec<Found>> {
    found(rig, ME, DEFERRED)
}

fn entry_id_of(message: &Found) -> Option<PropertyValue> {
    value(message, tags::ENTRY_ID)
}

fn inbox_entry_id(rig: &Rig) -> Result<Option<PropertyValue>> {
    let mut client = rig.client(ME)?;
    let inbox = client.open_folder(INBOX)?;
    Ok(Some(client.get(inbox, tags::ENTRY_ID)?))
}

fn int(message: &Found, tag: PropertyTag) -> Option<i32> {
    value(message, tag).as_ref().and_then(PropertyValue::as_i32)
}

fn update(client: &mut Client, input: Handle, server: Vec<u8>, to: Vec<u8>) -> Answer<()> {
    let request = UpdateDeferredActionMessagesRequest {
        server_entry_id: server.into(),
        client_entry_id: to.into(),
    };
    client.call(input, RopRequest::UpdateDeferredActionMessages(request)).map(drop)
}

on_both! {
    /// MS-OXORULE 2.2.5.1: R256
    /// MS-OXORULE 2.2.5.1.2.3: R320
    /// MS-OXORULE 2.2.6.1: R352
    /// MS-OXORULE 3.2.5.1: R535
    /// MS-OXORULE 3.2.5.1.2: R564
    fn what_a_client_has_to_do_is_left_to_it(rig: &Rig) -> Result {
        set(rig, vec![add(1, ENABLED, "cats", vec![defer(7)])])?;
        send(rig, "cats")?;
        let message = found(rig, ME, INBOX)?.pop().ok_or("a message")?;
        let has = value(&message, tags::HAS_DEFERRED_ACTION_MESSAGES);
        assert_eq!(has, Some(PropertyValue::Boolean(true)));
        let dams = deferred(rig)?;
        assert_eq!(dams.len(), 1);
        assert_eq!(text(&dams[0], tags::MESSAGE_CLASS), DAM);
        let bytes = RuleActions(vec![defer(7)]).to_bytes();
        assert_eq!(value(&dams[0], tags::CLIENT_ACTIONS), Some(bytes.into()));
        Ok(())
    }

    /// MS-OXORULE 2.2.6.2: R354
    /// MS-OXORULE 2.2.6.3: R740
    /// MS-OXORULE 2.2.6.4: R359
    /// MS-OXORULE 2.2.6.5: R741
    /// MS-OXORULE 2.2.6.6: R363
    fn a_deferred_action_message_says_what_it_is_about(rig: &Rig) -> Result {
        set(rig, vec![add(1, ENABLED, "cats", vec![defer(7)])])?;
        send(rig, "cats")?;
        let message = found(rig, ME, INBOX)?.pop().ok_or("a message")?;
        let dam = deferred(rig)?.pop().ok_or("a message")?;
        assert_eq!(value(&dam, tags::DAM_BACK_PATCHED), Some(PropertyValue::Boolean(false)));
        assert_eq!(value(&dam, tags::DAM_ORIGINAL_ENTRY_ID), entry_id_of(&message));
        assert_eq!(text(&dam, tags::RULE_PROVIDER), "Test");
        assert_eq!(value(&dam, tags::RULE_FOLDER_ENTRY_ID), inbox_entry_id(rig)?);
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(INBOX)?;
        let rows = list(&mut client, inbox, &[tags::RULE_ID])?;
        let id = rows[0][0].as_ref().and_then(PropertyValue::as_i64).ok_or("an id")?;
        assert_eq!(value(&dam, tags::RULE_IDS), Some(id.to_le_bytes().to_vec().into()));
        Ok(())
    }

    /// MS-OXORULE 2.2.6.6: R366
    /// MS-OXORULE 3.2.5.1.2: R568, R569, R571
    /// MS-OXORULE 2.2.6.7: R368
    fn actions_of_one_provider_stand_in_one_message(rig: &Rig) -> Result {
        let mut other = properties(3, ENABLED, "cats", vec![defer(3)]);
        other[2] = TaggedValue::new(tags::RULE_PROVIDER, "Other");
        set(rig, vec![
            add(1, ENABLED, "cats", vec![defer(1)]),
            add(2, ENABLED, "cats", vec![defer(2)]),
            data(RuleDataFlags::ADD, other),
        ])?;
        send(rig, "cats")?;
        let dams = deferred(rig)?;
        let bytes = |blocks: Vec<ActionBlock>| Some(RuleActions(blocks).to_bytes().into());
        let found: Vec<_> = dams
            .iter()
            .map(|dam| (text(dam, tags::RULE_PROVIDER), value(dam, tags::CLIENT_ACTIONS)))
            .collect();
        assert_eq!(found, [
            ("Test".to_owned(), bytes(vec![defer(1), defer(2)])),
            ("Other".to_owned(), bytes(vec![defer(3)])),
        ]);
        let ids = value(&dams[0], tags::RULE_IDS);
        let ids = ids.as_ref().and_then(PropertyValue::as_binary).ok_or("ids")?;
        assert_eq!((ids.len(), &ids[..8]), (16, &ids[8..]));
        Ok(())
    }

    /// MS-OXORULE 2.2.5.1.2.1: R704, R737, R958, R959
    /// MS-OXORULE 3.2.5.1.2: R563
    fn a_move_to_another_store_is_the_clients(rig: &Rig) -> Result {
        let there = Destination { in_this_store: 0, store: vec![1; 20], folder: vec![2; 30] };
        let blocks = vec![plain(Action::Move(there.clone())), plain(Action::Copy(there))];
        set(rig, vec![add(1, ENABLED, "cats", blocks.clone())])?;
        send(rig, "cats")?;
        assert_eq!(mine(rig, INBOX)?, ["cats"]);
        let dam = deferred(rig)?.pop().ok_or("a message")?;
        let bytes = RuleActions(blocks).to_bytes();
        assert_eq!(value(&dam, tags::CLIENT_ACTIONS), Some(bytes.into()));
        Ok(())
    }

    /// MS-OXORULE 2.2.9.1: R723, R724, R886
    /// MS-OXORULE 3.2.3: R508
    fn other_messages_have_none(rig: &Rig) -> Result {
        set(rig, vec![add(1, ENABLED, "cats", vec![defer(7)])])?;
        send(rig, "dogs")?;
        let message = found(rig, ME, INBOX)?.pop().ok_or("a message")?;
        assert_eq!(message.text(tags::SUBJECT), "dogs");
        let has = value(&message, tags::HAS_DEFERRED_ACTION_MESSAGES);
        assert_ne!(has, Some(PropertyValue::Boolean(true)));
        assert_eq!(deferred(rig)?.len(), 0);
        Ok(())
    }

    /// MS-OXORULE 2.2.3: R136
    /// MS-OXORULE 2.2.3.2: R146
    /// MS-OXORULE 2.2.6.2: R355
    /// MS-OXORULE 2.2.6.8: R371
    /// MS-OXORULE 3.1.5.1: R426
    fn a_client_gives_such_a_message_an_id_of_its_own(rig: &Rig) -> Result {
        set(rig, vec![add(1, ENABLED, "cats", vec![defer(7)])])?;
        send(rig, "cats")?;
        send(rig, "cats")?;
        let dams = deferred(rig)?;
        let tag = tags::DEFERRED_ACTION_MESSAGE_ORIGINAL_ENTRY_ID;
        let own = ServerId::Own { folder: DEFERRED, message: dams[0].id, instance: 0 };
        assert_eq!(value(&dams[0], tag), Some(PropertyValue::ServerId(own.to_wire())));
        let mut client = rig.client(ME)?;
        let logon = client.logon;
        update(&mut client, logon, own.to_wire(), vec![0, 1, 2, 3])?;
        let dams = deferred(rig)?;
        assert_eq!(value(&dams[0], tag), Some(PropertyValue::ServerId(vec![0, 1, 2, 3])));
        let patched = |at: usize| value(&dams[at], tags::DAM_BACK_PATCHED);
        assert_eq!(patched(0), Some(PropertyValue::Boolean(true)));
        assert_eq!(patched(1), Some(PropertyValue::Boolean(false)));
        Ok(())
    }

    /// MS-OXORULE 3.2.5.4: R614
    fn such_messages_are_the_mailboxs(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(INBOX)?;
        let refused = update(&mut client, inbox, vec![1], vec![2]);
        assert_eq!(refused, Err(ErrorCode::NOT_SUPPORTED));
        Ok(())
    }

    /// MS-OXORULE 2.2.7.1: R746
    /// MS-OXORULE 2.2.7.2: R748
    /// MS-OXORULE 2.2.7.3: R1009
    /// MS-OXORULE 2.2.7.4: R707
    /// MS-OXORULE 3.2.5.1: R805
    fn a_rule_that_cannot_be_run_is_told(rig: &Rig) -> Result {
        let gone = plain(Action::Move(to(FolderId::own(0x7777))));
        set(rig, vec![add(1, ENABLED, "cats", vec![plain(Action::MarkAsRead), gone])])?;
        send(rig, "cats")?;
        assert_eq!(mine(rig, INBOX)?, ["cats"], "nothing is lost");
        let dem = deferred(rig)?.pop().ok_or("a message")?;
        assert_eq!(text(&dem, tags::MESSAGE_CLASS), DEM);
        assert_eq!(int(&dem, tags::RULE_ERROR), Some(0x06));
        assert_eq!(int(&dem, tags::RULE_ACTION_TYPE), Some(0x01));
        assert_eq!(int(&dem, tags::RULE_ACTION_NUMBER), Some(1));
        assert_eq!(state(rig)?, ENABLED | ERROR);
        Ok(())
    }

    /// MS-OXORULE 2.2.7.5: R711
    /// MS-OXORULE 2.2.7.6: R713
    /// MS-OXORULE 2.2.7.7: R715
    /// MS-OXORULE 2.2.7.8: R717
    /// MS-OXORULE 3.1.5.1: R903
    fn a_deferred_error_message_says_of_which_rule_it_is(rig: &Rig) -> Result {
        let gone = plain(Action::Copy(to(FolderId::own(0x7777))));
        set(rig, vec![add(1, ENABLED, "cats", vec![gone])])?;
        send(rig, "cats")?;
        let message = found(rig, ME, INBOX)?.pop().ok_or("a message")?;
        let dem = deferred(rig)?.pop().ok_or("a message")?;
        assert_eq!(text(&dem, tags::RULE_PROVIDER), "Test");
        assert_eq!(value(&dem, tags::DAM_ORIGINAL_ENTRY_ID), entry_id_of(&message));
        assert_eq!(value(&dem, tags::RULE_FOLDER_ENTRY_ID), inbox_entry_id(rig)?);
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(INBOX)?;
        let rows = list(&mut client, inbox, &[tags::RULE_ID])?;
        assert_eq!(value(&dem, tags::RULE_ID), rows[0][0]);
        Ok(())
    }

    /// MS-OXORULE 2.2.1.3.1.3: R64
    /// MS-OXORULE 3.2.5.1.3: R581
    /// MS-OXORULE 6: R909, R913
    fn an_error_is_told_once(rig: &Rig) -> Result {
        let gone = || plain(Action::Copy(to(FolderId::own(0x7777))));
        set(rig, vec![add(1, ENABLED, "cats", vec![gone(), gone()])])?;
        send(rig, "cats 1")?;
        send(rig, "cats 2")?;
        assert_eq!(deferred(rig)?.len(), 1);
        // The rule is set anew, and wrong as before.
        set(rig, vec![add(1, ENABLED, "cats", vec![gone()])])?;
        assert_eq!(state(rig)?, ENABLED);
        send(rig, "cats 3")?;
        assert_eq!(deferred(rig)?.len(), 2);
        Ok(())
    }

    /// MS-OXORULE 2.2.7.2: R391, R392
    /// MS-OXORULE 2.2.7: R743
    fn a_cause_has_its_number(rig: &Rig) -> Result {
        let template = Template::Ids { folder: INBOX, message: MessageId::own(0x7777), id: Guid::NULL };
        let text_message = flavored(8, Action::Forward(vec![recipient(STRANGER)]));
        for (block, cause, kind) in [
            (plain(Action::Reply(template)), 0x0a, 0x03),
            (text_message, 0x0b, 0x07),
        ] {
            set(rig, vec![add(1, ENABLED, "cats", vec![block])])?;
            send(rig, "cats")?;
            let dem = deferred(rig)?.pop().ok_or("a message")?;
            assert_eq!(int(&dem, tags::RULE_ERROR), Some(cause));
            assert_eq!(int(&dem, tags::RULE_ACTION_TYPE), Some(kind));
        }
        Ok(())
    }
}
