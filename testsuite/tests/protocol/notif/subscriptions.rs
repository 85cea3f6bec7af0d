//! RopRegisterNotification ([MS-OXCNOTIF] 2.2.1.2.1, 3.1.5.1), and the way of what is told.

use std::time::Duration;

use mapi::{ErrorCode, MessageId};
use mapi_rop::irregular::NotificationScope;
use mapi_rop::notification::NotificationFlags as Types;
use mapi_rop::{LogonId, RopId, RopResponse};
use mapi_server::Kind;
use store::{SpecialFolder, message};
use testsuite::on_both;
use testsuite::raw::Client;
use testsuite::rig::ME;

use super::{ALL, INBOX, WHOLE, mailbox, on_folder, put, told};

on_both! {
    /// MS-OXCNOTIF 2.2.1.2.1: R34, R35
    /// MS-OXCNOTIF 2.2.1.2: R32
    /// MS-OXCNOTIF 3.1.5.1: R287, R291
    fn a_subscription_has_a_handle_and_ends_with_it(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mailbox = mailbox(rig)?;
        let first = client.register(Types::OBJECT_CREATED, WHOLE).expect("a subscription");
        let second = client.register(Types::OBJECT_CREATED, WHOLE).expect("another one");
        assert_ne!(first, second);
        assert_eq!(rig.ledger().live(Kind::Subscription), 2);
        let one = put(&mailbox, INBOX, "one")?;
        let told = |client: &mut Client| -> Vec<_> {
            client.told().into_iter().map(|(handle, data)| (handle, data.message)).collect()
        };
        assert_eq!(told(&mut client), [(first, Some(one)), (second, Some(one))]);
        client.release(first);
        assert_eq!(rig.ledger().live(Kind::Subscription), 1);
        let two = put(&mailbox, INBOX, "two")?;
        assert_eq!(told(&mut client), [(second, Some(two))]);
        // What waits for a subscription goes with it.
        put(&mailbox, INBOX, "three")?;
        client.release(second);
        assert!(client.told().is_empty());
        assert_eq!(rig.store.gauges().subscribers, 1);
        client.release(client.logon);
        assert_eq!(rig.store.gauges().subscribers, 0);
        Ok(())
    }

    /// MS-OXCNOTIF 2.2.1.2.1.1: R52, R53
    fn a_scope_is_the_store_a_folder_or_a_message(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mailbox = mailbox(rig)?;
        let a = put(&mailbox, INBOX, "a")?;
        let b = put(&mailbox, INBOX, "b")?;
        let drafts = SpecialFolder::Drafts.id();
        let c = put(&mailbox, drafts, "c")?;
        let whole = client.register(Types::OBJECT_MODIFIED, WHOLE).expect("the store");
        let inbox = client.register(Types::OBJECT_MODIFIED, on_folder(INBOX)).expect("a folder");
        let scope = NotificationScope::Object { folder: INBOX, message: a };
        let only = client.register(Types::OBJECT_MODIFIED, scope).expect("a message");
        for id in [a, b, c] {
            message::set_status(&mailbox, id, 1, 1)?;
        }
        let heard = told(&mut client);
        let by = |handle| -> Vec<MessageId> {
            let own = heard.iter().filter(|(of, _)| *of == handle);
            own.filter_map(|(_, data)| data.message).collect()
        };
        assert_eq!(by(whole), [a, b, c]);
        assert_eq!(by(inbox), [a, b]);
        assert_eq!(by(only), [a]);
        Ok(())
    }

    /// MS-OXCNOTIF 2.2.1.2.1.1: R39
    /// MS-OXCNOTIF 3.1.5.1: R289
    fn only_what_was_asked_for_is_told(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mailbox = mailbox(rig)?;
        let created = client.register(Types::OBJECT_CREATED, WHOLE).expect("a subscription");
        let deleted = client.register(Types::OBJECT_DELETED, WHOLE).expect("a subscription");
        let id = put(&mailbox, INBOX, "a")?;
        message::set_status(&mailbox, id, 1, 1)?;
        message::delete(&mailbox, INBOX, &[id], true)?;
        let heard: Vec<_> = client.told().into_iter().map(|(h, data)| (h, data.flags.0)).collect();
        assert_eq!(heard, [(created, 0x8004), (deleted, 0x8008)]);
        Ok(())
    }

    /// MS-OXCNOTIF 2.2.1.2.1.1: R40, R40002
    fn types_that_do_not_exist_are_refused(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        for bits in [0x0001, 0x0200, 0x0800, 0x8000] {
            let refused = client.register(Types(bits), WHOLE);
            assert_eq!(refused, Err(ErrorCode::INVALID_PARAMETER), "{bits:#x}");
        }
        for bits in [0x0002, 0x0004, 0x0008, 0x0010, 0x0020, 0x0040, 0x0080, 0x0100, 0x0400] {
            assert!(client.register(Types(bits), WHOLE).is_ok(), "{bits:#x}");
        }
        Ok(())
    }

    /// MS-OXCNOTIF 2.2.1.4: R86
    /// MS-OXCNOTIF 3.1.4.2: R240, R241
    /// MS-OXCNOTIF 3.1.5.5: R332, R337
    fn every_answer_tells_what_happened_also_what_the_session_did(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let own = client.register(Types::OBJECT_CREATED, WHOLE).expect("a subscription");
        let id = client.post(INBOX, &[]).expect("a message");
        // With the answer to the very save.
        let notices = std::mem::take(&mut client.notices);
        let [RopResponse::Notify(notify)] = notices.as_slice() else { panic!("{notices:?}") };
        assert_eq!((notify.handle, notify.data.message), (own, Some(id)));
        assert_eq!(notify.logon, client.logon_id);
        // An Execute without a ROP fetches what others did.
        let other = put(&*mailbox(rig)?, INBOX, "a")?;
        let messages: Vec<_> = client.told().into_iter().map(|(_, data)| data.message).collect();
        assert_eq!(messages, [Some(other)]);
        Ok(())
    }

    /// MS-OXCNOTIF 3.1.5.5: R334
    /// MS-OXCNOTIF 3.1.5.6: R338
    /// MS-OXCNOTIF 3.1.5.7: R347, R349
    /// MS-OXCNOTIF 2.2.1.3.4: R8201
    fn what_has_no_room_is_pending(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mailbox = mailbox(rig)?;
        client.register(Types::OBJECT_CREATED, WHOLE).expect("a subscription");
        let expected: Vec<_> = (0..40)
            .map(|n| Ok(Some(put(&mailbox, INBOX, &n.to_string())?)))
            .collect::<testsuite::Result<_>>()?;
        let mut seen = Vec::new();
        let mut answers = 0;
        while seen.len() < expected.len() {
            // RopNotify of a created message takes 26 bytes: three and RopPending, and no fourth.
            client.exchange_within(&[], &[], 100)?;
            answers += 1;
            let last = seen.len() + 3 >= expected.len();
            for (at, notice) in client.notices.drain(..).enumerate() {
                match notice {
                    RopResponse::Notify(notify) => seen.push(notify.data.message),
                    RopResponse::Pending(pending) => {
                        assert_eq!((pending.session_index, at, last), (0, 3, false));
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
        assert_eq!((seen, answers), (expected, 14));
        assert!(client.told().is_empty());
        Ok(())
    }

    /// MS-OXCNOTIF 3.1.4.1: R236
    /// MS-OXCNOTIF 3.1.5.6: R338
    fn what_has_no_room_at_all_is_pending(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mailbox = mailbox(rig)?;
        client.register(Types::OBJECT_CREATED, WHOLE).expect("a subscription");
        let expected: Vec<_> = (0..3)
            .map(|n| Ok(Some(put(&mailbox, INBOX, &n.to_string())?)))
            .collect::<testsuite::Result<_>>()?;
        client.exchange_within(&[], &[], 24)?;
        assert!(matches!(client.notices[..], [RopResponse::Pending(_)]));
        client.notices.clear();
        let seen: Vec<_> = client.told().into_iter().map(|(_, data)| data.message).collect();
        assert_eq!(seen, expected);
        Ok(())
    }

    /// MS-OXCNOTIF 2.2.1.4.1: R87, R496
    /// MS-OXCNOTIF 2.2.1.4.1.1: R95, R96, R97001
    fn a_notification_names_its_subscription_and_its_logon(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let first = client.register(Types::OBJECT_CREATED, WHOLE).expect("a subscription");
        let logon = client.logon;
        client.logon_id = LogonId(7);
        client.logon = client.log_on(&rig.legacy_dn(ME)?).expect("a second logon");
        let second = client.register(Types::OBJECT_CREATED, WHOLE).expect("a subscription");
        put(&*mailbox(rig)?, INBOX, "a")?;
        let told: Vec<_> = client
            .poll()
            .into_iter()
            .map(|notice| match notice {
                RopResponse::Notify(notify) => (notify.logon, notify.handle),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(told, [(LogonId(0), first), (LogonId(7), second)]);
        // With the logon goes what is to be told to it.
        put(&*mailbox(rig)?, INBOX, "b")?;
        client.release(client.logon);
        client.logon_id = LogonId(0);
        client.logon = logon;
        let told: Vec<_> = client.told().into_iter().map(|(handle, _)| handle).collect();
        assert_eq!(told, [first]);
        Ok(())
    }

    /// MS-OXCNOTIF 2.2.1.3: R54001
    /// MS-OXCNOTIF 2.2.1: R481
    /// MS-OXCNOTIF 2.1: R474
    /// MS-OXCNOTIF 3.1.7: R351
    fn whoever_waits_is_told_that_something_happened(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mailbox = mailbox(rig)?;
        let mut waiter = client.transport.waiter()?;
        client.register(Types::OBJECT_CREATED, on_folder(INBOX)).expect("a subscription");
        // Nothing that it asked for.
        put(&mailbox, SpecialFolder::Drafts.id(), "a")?;
        assert!(!waiter.wait(Duration::from_millis(50))?);
        let id = std::thread::scope(|scope| {
            let waiting = scope.spawn(|| waiter.wait(Duration::from_secs(60)));
            while rig.ledger().live(Kind::Wait) == 0 {
                std::thread::yield_now();
            }
            put(&mailbox, SpecialFolder::Drafts.id(), "b")?;
            let id = put(&mailbox, INBOX, "c")?;
            assert!(waiting.join().expect("no panic")?);
            testsuite::Result::Ok(id)
        })?;
        // Until it is fetched, it is there at once.
        assert!(waiter.wait(Duration::from_secs(60))?);
        let told: Vec<_> = client.told().into_iter().map(|(_, data)| data.message).collect();
        assert_eq!(told, [Some(id)]);
        assert!(!waiter.wait(Duration::from_millis(50))?);
        Ok(())
    }

    /// MS-OXCNOTIF 3.1.5.7: R345
    fn a_session_that_asks_late_is_told_all(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mailbox = mailbox(rig)?;
        client.register(Types::OBJECT_CREATED, WHOLE).expect("a subscription");
        let expected: Vec<_> = (0..700)
            .map(|n| put(&mailbox, INBOX, &n.to_string()))
            .collect::<testsuite::Result<_>>()?;
        let seen: Vec<_> = client.told().into_iter().filter_map(|(_, data)| data.message).collect();
        assert_eq!(seen, expected);
        // Beyond what the log keeps: the store is modified, look at everything.
        let all = client.register(ALL, WHOLE).expect("a subscription");
        for id in &expected[..200] {
            message::set_read(&mailbox, *id, true)?;
        }
        let latest = store::mailbox::changes::latest(&mailbox)?;
        store::mailbox::changes::trim(&mailbox, latest, usize::MAX)?;
        let heard = client.told();
        let root = SpecialFolder::Root.id();
        let of_all: Vec<_> = heard.iter().filter(|(handle, _)| *handle == all).collect();
        assert_eq!((of_all[0].1.flags.0, of_all[0].1.folder), (0x3010, Some(root)));
        Ok(())
    }
}

#[test]
fn notify_and_pending_have_their_numbers() {
    assert_eq!((RopId::Notify as u8, RopId::Pending as u8), (0x2a, 0x6e));
}
