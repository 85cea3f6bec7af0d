//! Closing in any order is safe (KB842922), and what is closed says so.

use std::any::Any;
use std::io::Read;

use mapi::tags;
use mapi_session::{Error, MapiProp};
use testsuite::letter::Letter;
use testsuite::on_both;

use testsuite::rig::ME;

/// Number 2 has an attachment.
fn letter() -> Letter {
    (0..).map(Letter::new).find(|letter| !letter.attached.is_empty()).expect("one of many")
}

on_both! {
    /// The six objects of a chain in each of their 720 orders of release; the last of them still works.
    fn every_order_of_release(rig: &Rig) -> Result {
        let session = rig.session(ME)?;
        let letter = letter();
        let id = letter.save(&session.open_default_msg_store()?.inbox()?)?;
        session.flush()?;
        let base = rig.live();
        for number in 0..720_u64 {
            let store = session.open_default_msg_store()?;
            let folder = store.inbox()?;
            let table = folder.contents_table()?;
            let message = folder.open_message(id)?;
            let attachment = message.open_attachment(0)?;
            let stream = attachment.open_stream(tags::ATTACH_DATA_BINARY)?;
            let mut open: Vec<Box<dyn Any>> = vec![
                Box::new(store),
                Box::new(folder),
                Box::new(table),
                Box::new(message),
                Box::new(attachment),
                Box::new(stream),
            ];
            let mut order = number;
            while open.len() > 1 {
                let next = (order % open.len() as u64) as usize;
                order /= open.len() as u64;
                drop(open.remove(next));
            }
            session.flush()?;
            let last = open.remove(0);
            match last.downcast::<mapi_session::Stream>() {
                Ok(mut stream) => {
                    let mut bytes = Vec::new();
                    stream.read_to_end(&mut bytes)?;
                    assert_eq!(bytes, letter.attached);
                }
                Err(other) => drop(other),
            }
        }
        session.flush()?;
        assert_eq!(rig.live(), base);
        Ok(())
    }

    fn what_is_closed_says_so(rig: &Rig) -> Result {
        let session = rig.session(ME)?;
        let store = session.open_default_msg_store()?;
        let inbox = store.inbox()?;
        let other = session.open_default_msg_store()?;
        store.logoff()?;
        let error = inbox.property(tags::DISPLAY_NAME).expect_err("the store was logged off");
        assert_eq!(error.to_string(), "the message store is closed");
        // Another logon to the same store lives on, and so does the session.
        assert!(other.inbox()?.property(tags::DISPLAY_NAME)?.is_some());
        session.logoff()?;
        let error = other.inbox().expect_err("the session was logged off");
        assert!(matches!(error, Error::Closed("the session")));
        Ok(())
    }

    fn a_logon_ends_under_a_stream_and_the_next_one_gets_its_place(rig: &Rig) -> Result {
        let session = rig.session(ME)?;
        let mut kept = Vec::new();
        for _ in 0..20 {
            let store = session.open_default_msg_store()?;
            let message = store.inbox()?.create_message()?;
            let stream = message.create_stream(tags::HTML)?;
            store.logoff()?;
            kept.push((message, stream));
        }
        let store = session.open_default_msg_store()?;
        drop(kept);
        session.flush()?;
        // Late releases did not touch the logon that has the same id.
        assert!(store.root_folder()?.property(tags::FOLDER_TYPE)?.is_some());
        Ok(())
    }

    fn an_explicit_close_releases_at_once(rig: &Rig) -> Result {
        let session = rig.session(ME)?;
        let store = session.open_default_msg_store()?;
        let base = rig.live();
        let inbox = store.inbox()?;
        let table = inbox.contents_table()?;
        let message = inbox.create_message()?;
        assert_eq!(rig.live(), base + 3);
        message.close()?;
        assert_eq!(rig.live(), base + 2);
        table.close()?;
        inbox.close()?;
        assert_eq!(rig.live(), base);
        Ok(())
    }
}
