//! The program that the crash tests kill: it saves letters from several threads and says which saves were
//! acknowledged, a line each, to whoever reads its standard output.
//!
//! `saver DIR save|import plain|recorded`: "recorded" notes how far each sync reached, so that the loss of
//! power can be simulated afterwards.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mapi_session::{Loopback, Profile, Session};
use store::message::ImportOptions;
use store::{SpecialFolder, Store};
use testsuite::Result;
use testsuite::crash::{USER, make_account, open_store};
use testsuite::letter::{Letter, Random};

const THREADS: usize = 16;

fn main() -> Result {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dir, how, record] = arguments.as_slice() else {
        return Err("usage: saver DIR save|import plain|recorded".into());
    };
    let store = open_store(Path::new(dir), record == "recorded")?;
    make_account(&store)?;
    let next = Arc::new(AtomicU64::new(0));
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let (store, how, next) = (store.clone(), how.clone(), next.clone());
            std::thread::spawn(move || match how.as_str() {
                "save" => save(&store, &next),
                _ => import(&store, &next),
            })
        })
        .collect();
    // Nobody comes here but after a failure: the letters do not end.
    for thread in threads {
        thread.join().map_err(|_| "a thread panicked")??;
    }
    Ok(())
}

fn save(store: &Store, next: &AtomicU64) -> Result {
    let session = Session::logon(Profile::new(Loopback::open(store.clone(), USER)?))?;
    let inbox = session.open_default_msg_store()?.inbox()?;
    loop {
        let letter = Letter::new(next.fetch_add(1, Ordering::Relaxed));
        letter.save(&inbox)?;
        acknowledge(letter.number)?;
    }
}

/// Imports in groups of one to eight: a group is acknowledged when all of it is durable.
fn import(store: &Store, next: &AtomicU64) -> Result {
    let account = store.account_by_address(USER)?.ok_or("no account")?;
    let mailbox = store.mailbox(account.mailbox)?;
    loop {
        let count = Random(next.load(Ordering::Relaxed)).below(8) + 1;
        let first = next.fetch_add(count, Ordering::Relaxed);
        let group = (first..first + count).map(|number| {
            let options = ImportOptions {
                key: Some(number.to_le_bytes().to_vec()),
                ..ImportOptions::default()
            };
            (SpecialFolder::Inbox.id(), Letter::new(number).content(), options)
        });
        for result in store::message::import_all(&mailbox, group.collect())? {
            result?;
        }
        (first..first + count).try_for_each(acknowledge)?;
    }
}

/// One write a line, so that a kill cannot tear it.
fn acknowledge(number: u64) -> Result {
    let line = format!("{number}\n");
    let mut out = std::io::stdout().lock();
    out.write_all(line.as_bytes())?;
    Ok(out.flush()?)
}
