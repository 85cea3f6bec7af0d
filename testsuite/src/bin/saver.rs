//! The program that the crash tests kill: it works in a store from several threads and says which changes
//! were acknowledged, to whoever reads its standard output (`testsuite::crash::model`).
//!
//! `saver DIRECTORY SEED BUDGET`: the store is in this process, its engine has a budget of so many bytes.
//! `saver http://HOST:PORT SEED`: it is in a server, which is killed instead.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use mapi_session::{Http, Loopback, Profile};
use testsuite::Result;
use testsuite::crash::work::{Local, work};
use testsuite::crash::{PASSWORD, USER, make_account, open_store};

const THREADS: u64 = 16;

fn main() -> Result {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (seed, local, profile): (u64, _, Box<dyn Fn() -> Result<Profile>>) =
        match arguments.as_slice() {
            [url, seed] => {
                let url = url.clone();
                let profile = move || Ok(Profile::new(Http::new(&url, USER, PASSWORD)?));
                (seed.parse()?, None, Box::new(profile))
            }
            [dir, seed, budget] => {
                let store = open_store(Path::new(dir), budget.parse()?)?;
                make_account(&store, None)?;
                let local = Local::new(&store)?;
                let profile = move || Ok(Profile::new(Loopback::open(store.clone(), USER)?));
                (seed.parse()?, Some(local), Box::new(profile))
            }
            _ => return Err("usage: saver DIRECTORY SEED BUDGET | saver URL SEED".into()),
        };
    // Seeds that are not next to each other.
    let next = Arc::new(AtomicU64::new(seed << 20 & (u64::MAX >> 2)));
    let threads = (0..THREADS).map(|thread| {
        let (profile, local, next) = (profile()?, local.clone(), next.clone());
        let seed = seed.wrapping_mul(THREADS).wrapping_add(thread);
        Ok(std::thread::spawn(move || {
            // The work does not end but by a failure.
            let Err(error) = work(thread, seed, profile, local, next) else { return };
            eprintln!("thread {thread}: {error}");
            std::process::exit(1);
        }))
    });
    for thread in threads.collect::<Result<Vec<_>>>()? {
        thread.join().map_err(|_| "a thread panicked")?;
    }
    Ok(())
}
