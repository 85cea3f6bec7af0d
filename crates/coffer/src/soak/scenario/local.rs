//! What is done to the store itself: accounts, files, opening and closing.

use std::io;
use std::path::PathBuf;
use std::sync::Mutex;

use anyhow::{Context, Result, bail, ensure};
use formats::mime as eml;
use mapi::{Restriction, tags};
use mapi_session::{Loopback, MapiProp, Profile, Session};
use store::folder::{self, DeleteOptions, NewFolder};
use store::search::{self, NewCriteria};
use store::{NewAccount, SpecialFolder, Store, StoreOptions, message};

use super::Stage;
use crate::cli::{ExportArgs, ExportFormat, GrantArgs, ImportArgs};
use crate::control::{Event, Output};
use crate::soak::ground::{Ground, Visit};
use crate::soak::target::USER;
use crate::{account, export, import};

/// A store in memory with its service: what a program that embeds us makes and lets go.
pub fn library(visit: &Visit<'_>) -> Result<()> {
    let service = Loopback::in_memory("me@example.test")?;
    let session = Session::logon(Profile::new(service))?;
    let inbox = session.open_default_msg_store()?.inbox()?;
    let message = inbox.create_message()?;
    message.set(tags::SUBJECT, "Gone with its store")?;
    if visit.number.is_multiple_of(2) {
        message.save()?;
    }
    match visit.number % 3 {
        0 => drop((session, message, inbox)),
        1 => drop((message, inbox, session)),
        _ => session.logoff()?,
    }
    Ok(())
}

/// A search folder in a store in memory: filled, followed through what changes, given other criteria, and gone,
/// by turns for good or softly.
pub fn searching(visit: &Visit<'_>) -> Result<()> {
    const INBOX: mapi::FolderId = SpecialFolder::Inbox.id();
    let store = Store::in_memory(StoreOptions::default())?;
    let account = NewAccount { address: "me@example.test".into(), ..NewAccount::default() };
    let mailbox = store.mailbox(store.create_account(&account)?.mailbox)?;
    let post = || {
        let mut content = mapi::MessageContent::default();
        content.properties.set(tags::SUBJECT, "Found");
        message::import(&mailbox, INBOX, content, &Default::default()).map(|imported| imported.id)
    };
    let first = post()?;
    let new = NewFolder { display_name: "found".into(), search: true, ..NewFolder::default() };
    let found = folder::create(&mailbox, SpecialFolder::Search.id(), &new)?.id;
    let unread = Restriction::Bitmask {
        test: mapi::restriction::BitTest::AllClear,
        tag: tags::MESSAGE_FLAGS,
        mask: message::flags::READ,
    };
    let mut criteria = NewCriteria {
        restriction: Some(unread),
        folders: Some(vec![INBOX]),
        recursive: true,
        fixed: false,
    };
    search::set(&mailbox, found, &criteria)?;
    let second = post()?;
    message::set_read(&mailbox, first, true)?;
    ensure!(search::shows(&mailbox, found, second)?, "a message is not found");
    ensure!(!search::shows(&mailbox, found, first)?, "a message is found that was read");
    criteria.restriction = Some(Restriction::Exist { tag: tags::SUBJECT });
    search::set(&mailbox, found, &criteria)?;
    ensure!(
        folder::info(&mailbox, found)?.contents == 2,
        "other criteria find what they should not"
    );
    let hard = visit.number.is_multiple_of(2);
    folder::delete(&mailbox, found, DeleteOptions { hard, ..DeleteOptions::default() })?;
    message::delete(&mailbox, INBOX, &[first, second], true)?;
    Ok(())
}

/// A data directory, opened and closed. Threads have one each.
pub fn reopen(ground: &Ground) -> Result<Stage> {
    const ADDRESS: &str = "me@example.test";
    let mut dirs = Vec::new();
    for thread in 0..ground.threads {
        let dir = ground.target.local()?.dir().join(format!("reopen-{thread}"));
        let store = Store::open(&dir, StoreOptions::default())?;
        store.create_account(&NewAccount {
            address: ADDRESS.into(),
            display_name: "Me".into(),
            password: None,
        })?;
        store.close()?;
        dirs.push(dir);
    }
    Stage::new(move |visit| {
        let store = Store::open(&dirs[visit.thread], StoreOptions::default())?;
        let session = Session::logon(Profile::new(Loopback::open(store.clone(), ADDRESS)?))?;
        let inbox = session.open_default_msg_store()?.inbox()?;
        let message = inbox.create_message()?;
        message.set(tags::SUBJECT, "Written and taken away")?;
        let id = message.save()?;
        inbox.hard_delete_messages(&[id])?;
        match visit.number % 3 {
            // By turns the store is closed under everything that is open, and let go without a close.
            0 => store.close()?,
            1 => {
                drop((message, inbox, session));
                store.close()?;
            }
            _ => drop((message, inbox, session)),
        }
        Ok(())
    })
}

/// Hears what a command says; warnings and failures end the cycle.
#[derive(Default)]
struct Heard {
    lines: usize,
    wrong: Option<String>,
}

impl Output for Heard {
    fn event(&mut self, event: Event) -> io::Result<()> {
        match event {
            Event::Line(_) => self.lines += 1,
            Event::Warning(text) | Event::Failed(text) => self.wrong = Some(text),
            Event::Progress { .. } | Event::Exit(_) => {}
        }
        Ok(())
    }
}

/// An account's whole life.
pub fn admin(ground: &Ground) -> Result<Stage> {
    let store = ground.target.local()?.store.clone();
    Stage::new(move |visit| {
        let address = format!("account{}@example.test", visit.thread);
        // What a broken cycle left.
        if store.account_by_address(&address)?.is_some() {
            account::remove(&store, &address, &mut Heard::default())?;
        }
        store.create_account(&NewAccount {
            address: address.clone(),
            display_name: "An account of the soak".into(),
            password: None,
        })?;
        let out = &mut Heard::default();
        account::show(&store, &address, true, out)?;
        account::set_disabled(&store, &address, true, out)?;
        account::set_disabled(&store, &address, false, out)?;
        let grant = GrantArgs {
            owner: address.clone(),
            user: USER.into(),
            full_access: true,
            send_as: true,
            send_on_behalf: false,
        };
        account::grant(&store, &grant, out)?;
        account::revoke(&store, &grant, out)?;
        account::remove(&store, &address, out)?;
        ensure!(out.lines > 0, "a command that says nothing");
        ensure!(store.account_by_address(&address)?.is_none(), "an account that stays");
        Ok(())
    })
}

/// Mail in and out through files.
pub fn import_export(ground: &Ground) -> Result<Stage> {
    let store = ground.target.local()?.store.clone();
    let dir = ground.target.local()?.dir().to_owned();
    let sources = dir.join("sources");
    std::fs::create_dir_all(&sources)?;
    for (number, mail) in mails().iter().take(3).enumerate() {
        std::fs::write(sources.join(format!("{number}.eml")), mail)?;
    }
    let mbox: Vec<u8> = mails()
        .iter()
        .take(3)
        .flat_map(|mail| {
            [b"From one@example.test Thu Jan  1 00:00:00 2026\n", &mail[..], b"\n"].concat()
        })
        .collect();
    std::fs::write(sources.join("all.mbox"), mbox)?;
    // The account's name is in use while one cycle has it.
    let turns: Vec<Mutex<()>> = (0..ground.threads).map(|_| Mutex::new(())).collect();
    Stage::new(move |visit| {
        let _turn = turns[visit.thread].lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let address = format!("import{}@example.test", visit.thread);
        if store.account_by_address(&address)?.is_some() {
            account::remove(&store, &address, &mut Heard::default())?;
        }
        store.create_account(&NewAccount {
            address: address.clone(),
            display_name: "Import of the soak".into(),
            password: None,
        })?;
        let out = &mut Heard::default();
        let arguments = import_of(&address, sources.clone());
        let status = import::run(&store, &arguments, out)?;
        ensure!(status == 0, "the import ended with {status}: {:?}", out.wrong);
        let target = dir.join(format!("export-{}", visit.thread));
        let arguments = ExportArgs {
            mailbox: address.clone(),
            format: if visit.number.is_multiple_of(2) {
                ExportFormat::Eml
            } else {
                ExportFormat::Mbox
            },
            json: false,
            dir: target.clone(),
        };
        let status = export::run(&store, &arguments, out)?;
        ensure!(status == 0, "the export ended with {status}: {:?}", out.wrong);
        std::fs::remove_dir_all(&target).context("the export wrote nothing")?;
        account::remove(&store, &address, out)?;
        Ok(())
    })
}

fn import_of(address: &str, path: PathBuf) -> ImportArgs {
    ImportArgs {
        mailbox: address.to_owned(),
        folder: None,
        dry_run: false,
        resume: true,
        no_resume: false,
        json: false,
        paths: vec![path],
    }
}

/// MIME to content and back.
pub fn mime(visit: &Visit<'_>) -> Result<()> {
    let mails = mails();
    let at = (visit.number % mails.len() as u64) as usize;
    match eml::read(&mails[at]) {
        Ok(content) => {
            let written = eml::write(&content);
            ensure!(!written.is_empty(), "a message that is written as nothing");
            eml::read(&written).context("what was written cannot be read")?;
        }
        Err(error) if at + 1 < mails.len() => bail!("mail {at} cannot be read: {error}"),
        // The last one is broken.
        Err(_) => {}
    }
    Ok(())
}

/// A plain one, one with parts, one with an embedded message, one nested very deep, and a broken one.
fn mails() -> Vec<Vec<u8>> {
    let head = "From: One <one@example.test>\r\nTo: Two <two@example.test>\r\nMessage-ID: \
                <1@example.test>\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\nSubject: Of the soak\r\n";
    let plain = format!("{head}\r\nA line of text.\r\n");
    let parts = format!(
        "{head}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\
         Content-Type: text/html\r\n\r\n<p>A line of text.</p>\r\n--b\r\nContent-Type: \
         application/octet-stream; name=\"soak.bin\"\r\nContent-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment; filename=\"soak.bin\"\r\n\r\nMDEyMzQ1Njc4OQ==\r\n--b--\r\n"
    );
    let embedded = format!(
        "{head}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n\
         Content-Type: text/plain\r\n\r\nOuter.\r\n--o\r\nContent-Type: message/rfc822\r\n\r\n{plain}\
         \r\n--o--\r\n"
    );
    let mut deep = format!("{head}MIME-Version: 1.0\r\n");
    for level in 0..100 {
        deep.push_str(&format!(
            "Content-Type: multipart/mixed; boundary=l{level}\r\n\r\n--l{level}\r\n"
        ));
    }
    deep.push_str("Content-Type: text/plain\r\n\r\nThe innermost.\r\n");
    let broken = format!(
        "{head}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\r\n\
         Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 {}\r\n!!!!\r\n",
        "\u{30c6}\u{30b9}\u{30c8}".repeat(200)
    );
    [plain, parts, embedded, deep, broken].into_iter().map(String::into_bytes).collect()
}
