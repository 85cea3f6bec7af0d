//! What a program hears of a store.

use std::time::Duration;

use mapi::tags;
use mapi_session::{Event, EventKinds, MapiProp, Place, Scope};
use testsuite::on_both;
use testsuite::rig::ME;

const SOON: Duration = Duration::from_secs(60);

on_both! {
    fn a_program_hears_what_it_asked_for(rig: &Rig) -> Result {
        let store = rig.store_of(ME)?;
        let (inbox, outbox) = (store.inbox()?, store.outbox()?);
        let events = store.subscribe(EventKinds::ALL, Scope::Folder(inbox.id()))?;
        let message = inbox.create_message()?;
        message.set(tags::SUBJECT, "a")?;
        let id = message.save()?;
        let place = Place::Message(inbox.id(), id);
        assert_eq!(events.next(SOON)?, Some(Event::Created(place)));
        let Some(Event::Modified { place: at, total, .. }) = events.next(SOON)? else {
            panic!("the folder has another count");
        };
        assert!(matches!(at, Place::Folder(folder, _) if folder == inbox.id()));
        assert_eq!(total, Some(1));
        inbox.move_messages(&[id], &outbox)?;
        let Some(Event::Moved(Place::Message(to, _), from)) = events.next(SOON)? else {
            panic!("the message is not moved");
        };
        assert_eq!((to, from), (outbox.id(), place));
        while events.next(Duration::ZERO)?.is_some() {}
        events.close()?;
        let again = store.subscribe(EventKinds::NEW_MAIL, Scope::Store)?;
        inbox.create_message()?.save()?;
        assert_eq!(again.next(Duration::ZERO)?, None);
        Ok(())
    }

    /// Many listen in one session, while another session works.
    fn threads_listen_beside_each_other(rig: &Rig) -> Result {
        const LISTENERS: usize = 6;
        let (session, other) = (rig.session(ME)?, rig.session(ME)?);
        let store = session.open_default_msg_store()?;
        let inbox = other.open_default_msg_store()?.inbox()?;
        let subscriptions = (0..LISTENERS)
            .map(|_| store.subscribe(EventKinds::CREATED, Scope::Folder(inbox.id())))
            .collect::<Result<Vec<_>, _>>()?;
        std::thread::scope(|scope| {
            let listening: Vec<_> = subscriptions
                .iter()
                .map(|events| {
                    scope.spawn(move || {
                        (0..20).map(|_| events.next(SOON)).collect::<Result<Vec<_>, _>>()
                    })
                })
                .collect();
            let mut made = Vec::new();
            for _ in 0..20 {
                let message = inbox.create_message()?;
                made.push(Some(Event::Created(Place::Message(inbox.id(), message.save()?))));
                // Work of the session that listens carries events along.
                store.inbox()?;
            }
            for heard in listening {
                assert_eq!(heard.join().expect("no panic")?, made);
            }
            testsuite::Result::Ok(())
        })?;
        drop(subscriptions);
        session.flush()?;
        assert_eq!(rig.ledger().live(mapi_server::Kind::Subscription), 0);
        Ok(())
    }

    fn a_session_that_ends_ends_the_waiting(rig: &Rig) -> Result {
        let session = rig.session(ME)?;
        let store = session.open_default_msg_store()?;
        let events = store.subscribe(EventKinds::ALL, Scope::Store)?;
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| events.next(SOON));
            while rig.ledger().live(mapi_server::Kind::Wait) == 0 {
                std::thread::yield_now();
            }
            session.logoff()?;
            assert!(waiting.join().expect("no panic").is_err());
            testsuite::Result::Ok(())
        })?;
        assert!(events.next(Duration::ZERO).is_err());
        assert_eq!(rig.live(), 0);
        Ok(())
    }
}
