//! The leak that this project began with: docs/q237174.md.

use mapi::{FolderId, tags};
use mapi_server::Kind;
use mapi_session::{Error, MapiProp, OpenFlags, Session};

use testsuite::on_both;
use testsuite::rig::{ME, Rig};

on_both! {
    /// Turns red when the Drop of the lock's owner is disabled, on either side: in the server, the
    /// ledger's entries stay; in the client, the handles are never released and the server's objects stay.
    fn open_and_close_leave_nothing_behind(rig: &Rig) -> Result {
        let session = rig.session(ME)?;
        session.open_default_msg_store()?.logoff()?;
        session.flush()?;
        let base = counts(rig);

        for cycle in 0..400 {
            let store = session.open_default_msg_store()?;
            match cycle % 5 {
                // Explicitly.
                0 => store.logoff()?,
                // By Drop.
                1 => drop(store),
                // Out of order: the store before what was opened from it.
                2 => {
                    let root = store.root_folder()?;
                    let table = root.hierarchy_table()?;
                    drop(store);
                    assert!(root.property(tags::FOLDER_TYPE)?.is_some());
                    drop(root);
                    assert!(table.row_count()? > 0);
                }
                // Under what is open.
                3 => {
                    let inbox = store.inbox()?;
                    let message = inbox.create_message()?;
                    store.logoff()?;
                    assert!(matches!(message.property(tags::SUBJECT), Err(Error::Closed(_))));
                    drop(inbox);
                }
                // After opens that failed.
                _ => {
                    let nobody = session.create_store_entry_id("/o=none/cn=nobody")?;
                    assert!(session.open_msg_store(&nobody, OpenFlags::default()).is_err());
                    assert!(store.open_folder(FolderId::own(0xffff_ffff)).is_err());
                }
            }
        }
        session.flush()?;
        assert_eq!(counts(rig), base, "objects are left behind");

        session.logoff()?;
        assert_eq!(rig.live(), 0, "the session is left behind");
        Ok(())
    }

    /// The server's Q216259: log on, log off.
    fn logon_and_logoff_leave_nothing_behind(rig: &Rig) -> Result {
        for cycle in 0..60 {
            let session = rig.session(ME)?;
            let store = session.open_default_msg_store()?;
            let table = store.root_folder()?.hierarchy_table()?;
            match cycle % 3 {
                0 => session.logoff()?,
                1 => drop((session, store, table)),
                _ => drop((table, store, session)),
            }
        }
        assert_eq!(rig.live(), 0);
        Ok(())
    }
}

/// The lock's record is counted by itself, beside its logon.
#[test]
fn a_store_that_is_open_holds_one_lock() -> testsuite::Result {
    let rig = Rig::loopback()?;
    let session = rig.session(ME)?;
    let stores = (0..5)
        .map(|_| session.open_default_msg_store())
        .collect::<mapi_session::Result<Vec<_>>>()?;
    assert_eq!((rig.ledger().live(Kind::Logon), rig.ledger().live(Kind::Lock)), (5, 5));
    drop(stores);
    session.flush()?;
    assert_eq!((rig.ledger().live(Kind::Logon), rig.ledger().live(Kind::Lock)), (0, 0));
    Ok(())
}

/// To the byte, in a process of its own: an open and a close leave nothing in the allocator, and with the
/// fault built in exactly the record's bytes, each time.
#[test]
fn no_byte_is_left_behind_and_the_fault_leaves_its_own() -> testsuite::Result {
    const CYCLES: i64 = 2000;
    for leak in [0, 40, 53] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_opener"))
            .args([CYCLES.to_string(), leak.to_string()])
            .output()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let left: i64 = String::from_utf8(output.stdout)?.trim().parse()?;
        assert_eq!(left, leak * CYCLES, "{} bytes a cycle", left as f64 / CYCLES as f64);
    }
    Ok(())
}

/// The fault does not change what a program sees, nor what the ledger counts: only the allocator knows.
#[test]
fn the_control_is_only_in_what_is_left_behind() -> testsuite::Result {
    let rig = Rig::loopback()?;
    let faulty = mapi_session::Loopback::open_with_control_q237174(rig.store.clone(), ME, 48)?;
    let session = Session::logon(mapi_session::Profile::new(faulty.clone()))?;
    for _ in 0..10 {
        session.open_default_msg_store()?.logoff()?;
    }
    session.logoff()?;
    assert_eq!(faulty.ledger().live_total(), 0);
    Ok(())
}

fn counts(rig: &Rig) -> Vec<(&'static str, u64)> {
    Kind::ALL.iter().map(|kind| (kind.name(), rig.ledger().live(*kind))).collect()
}
