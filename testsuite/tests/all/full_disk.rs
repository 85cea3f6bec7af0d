//! A disk that is full, by the file layer: deleting works, and everything does when there is room again.

use std::process::Stdio;

use mapi::tags;
use mapi_session::{Http, MapiProp, Profile, Session};
use testsuite::Result;
use testsuite::crash::found::read_all;
use testsuite::crash::full::eventually;
use testsuite::crash::{PASSWORD, USER, check, open_store};
use testsuite::forget::{Layer, Loss, is_supported};
use testsuite::letter::Letter;

use crate::crash::{Served, UNSYNCED};

#[test]
fn a_full_disk_lets_deletes_through_and_heals() -> Result {
    if !is_supported() {
        return Ok(());
    }
    for floor in ["4096", "default"] {
        let root = tempfile::tempdir()?;
        let layer = Layer::new(root.path())?;
        let output = layer
            .command(env!("CARGO_BIN_EXE_stepper"))
            .arg("full")
            .arg(layer.root().join("data"))
            .arg(floor)
            .stderr(Stdio::inherit())
            .output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        println!("floor {floor}: {said}");
        assert!(output.status.success(), "floor {floor}: {}", output.status);
        assert!(layer.control().fired() > 0, "the disk was never full");
    }
    Ok(())
}

#[test]
fn single_messages_are_deleted_over_http_on_a_full_disk() -> Result {
    if !is_supported() {
        return Ok(());
    }
    let root = tempfile::tempdir()?;
    let mut layer = Layer::new(root.path())?;
    layer.names_come_with_syncs_in(UNSYNCED);
    let Some(server) = Served::start(&mut layer)? else { return Ok(()) };
    let session = Session::logon(Profile::new(Http::new(&server.url, USER, PASSWORD)?))?;
    let mailbox = session.open_default_msg_store()?;
    let inbox = mailbox.inbox()?;
    let ids: Vec<_> =
        (0..12).map(|number| Letter::new(number).save(&inbox)).collect::<Result<_>>()?;
    let drawer = mailbox.ipm_subtree()?.create_folder("drawer")?.id();

    layer.control().arm_full(0, 1 << 30);
    let refused = Letter::new(20).save(&inbox);
    println!("saving: {refused:?}");
    assert!(refused.is_err());
    // Whatever is open goes on: reading, and everything that makes room.
    assert_eq!(inbox.open_message(ids[0])?.text(tags::SUBJECT)?, Some(Letter::new(0).subject()));
    inbox.hard_delete_messages(&ids[0..1])?;
    inbox.delete_messages(&ids[1..2])?;
    inbox.hard_delete_messages(&ids[2..5])?;
    mailbox.ipm_subtree()?.delete_folder(drawer)?;
    assert!(Letter::new(21).save(&inbox).is_err());
    assert!(layer.control().free() > 0, "the reserve was not given up");

    layer.control().set_free(1 << 30);
    eventually("saving works again", || Ok(Letter::new(22).save(&inbox).is_ok()))?;
    drop((inbox, mailbox));
    drop(session);
    server.kill()?;
    layer.control().disarm();
    layer.lose(Loss::All)?;

    let store = open_store(&layer.root().join("data"), 32 << 20)?;
    let found = read_all(&store)?;
    let numbers: Vec<u64> = found.letters.keys().map(|(number, _)| *number).collect();
    let mut expected: Vec<u64> = (5..12).collect();
    expected.push(22);
    assert_eq!(numbers, expected);
    assert!(found.folders.is_empty());
    check(&store)?;
    store.close()?;
    Ok(())
}
