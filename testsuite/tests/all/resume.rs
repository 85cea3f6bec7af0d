//! `coffer import`, killed again and again and run again: nothing twice, nothing by half, nothing missing.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use mapi::{FolderId, MessageId, tags};
use mapi_session::{Loopback, MapiProp, MsgStore, Profile, Session};
use testsuite::Result;
use testsuite::crash::{USER, open_store};
use testsuite::letter::{Letter, Random};

const LETTERS: u64 = 400;

#[test]
fn an_import_that_is_killed_goes_on_where_it_was() -> Result {
    let Some(coffer) = coffer() else {
        println!("skipped: there is no coffer program beside the tests (cargo build --bin coffer)");
        return Ok(());
    };
    let dir = tempfile::tempdir()?;
    let (data, mail) = (dir.path().join("data"), dir.path().join("mail"));
    std::fs::create_dir(&mail)?;
    for number in 0..LETTERS {
        std::fs::write(mail.join(format!("{number}.eml")), eml(number))?;
    }
    let program = |arguments: &[&str]| {
        let mut command = Command::new(&coffer);
        command
            .arg("--data")
            .arg(&data)
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    };
    let made = program(&["user", "add", USER, "--generate"]).status()?;
    assert!(made.success(), "no account: {made}");

    let mail = mail.to_str().ok_or("a path that is not text")?;
    let import = ["import", "--mailbox", USER, mail];
    let mut random = Random(std::process::id().into());
    let mut there = 0;
    for _ in 0..4 {
        let mut importing = program(&import).spawn()?;
        std::thread::sleep(Duration::from_millis(100 + random.below(400)));
        importing.kill()?;
        importing.wait()?;
        let found = read_all(&data)?;
        assert!(found >= there, "{} messages vanished", there - found);
        there = found;
        println!("killed with {found} of {LETTERS} there");
    }
    let done = program(&import).status()?;
    assert!(done.success(), "the last import ended with {done}");
    assert_eq!(read_all(&data)?, LETTERS);
    // Once more: everything is there already.
    assert!(program(&import).status()?.success());
    assert_eq!(read_all(&data)?, LETTERS);
    Ok(())
}

/// The program, where cargo puts it: two directories above the test's.
pub fn coffer() -> Option<PathBuf> {
    let tests = std::env::current_exe().ok()?;
    let path = tests.parent()?.parent()?.join("coffer");
    path.exists().then_some(path)
}

fn eml(number: u64) -> String {
    let body = body(number);
    let subject = Letter::new(number).subject();
    format!(
        "From: Writer <writer@example.test>\r\nTo: Reader <reader@example.test>\r\n\
         Subject: {subject}\r\nMessage-ID: <{number}@example.test>\r\n\
         Date: Mon, 23 Nov 2026 10:00:00 +0000\r\n\
         Content-Type: text/plain; charset=us-ascii\r\n\r\n{body}\r\n"
    )
}

/// Lines of a text that follows from the number.
fn body(number: u64) -> String {
    let mut random = Random(number);
    let lines = 1 + random.below(60);
    let lines: Vec<String> = (0..lines).map(|_| format!("{:016x}", random.draw())).collect();
    lines.join("\r\n")
}

/// How many letters there are; each is whole, and there once.
fn read_all(data: &Path) -> Result<u64> {
    let store = open_store(data, 32 << 20)?;
    let session = Session::logon(Profile::new(Loopback::open(store.clone(), USER)?))?;
    let mailbox = session.open_default_msg_store()?;
    let mut found: HashMap<u64, MessageId> = HashMap::new();
    for folder in folders(&mailbox)? {
        let folder = mailbox.open_folder(folder)?;
        let table = folder.contents_table()?.with_columns(&[tags::SUBJECT, tags::MID])?;
        for row in table.rows() {
            let row = row?;
            let subject = row.text(tags::SUBJECT).unwrap_or_default();
            let number = Letter::number_of(&subject).ok_or("another message")?;
            let id = MessageId::from_i64(row.integer(tags::MID).ok_or("a row without an id")?);
            if found.insert(number, id).is_some() {
                return Err(format!("letter {number} is there twice").into());
            }
            let text = folder.open_message(id)?.text(tags::BODY)?.unwrap_or_default();
            if text.trim_end() != body(number) {
                return Err(format!("letter {number} is not whole: {text:?}").into());
            }
        }
    }
    session.logoff()?;
    store.close()?;
    Ok(found.len() as u64)
}

fn folders(mailbox: &MsgStore) -> Result<Vec<FolderId>> {
    let table = mailbox.ipm_subtree()?.deep_hierarchy_table()?.with_columns(&[tags::FOLDER_ID])?;
    let mut folders = Vec::new();
    for row in table.rows() {
        folders.extend(row?.integer(tags::FOLDER_ID).map(FolderId::from_i64));
    }
    Ok(folders)
}
