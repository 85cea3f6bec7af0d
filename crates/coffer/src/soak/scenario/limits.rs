//! Limits: each is reached, refuses with the right code, and is free again afterwards.

use std::net::TcpStream;
use std::sync::Mutex;

use anyhow::{Context, Result, bail, ensure};
use mapi_server::limits::Limit;
use mapi_server::{Limits, Options};
use mapi_session::{Error, Loopback, Profile, Session};

use super::Stage;
use crate::soak::ground::{Ground, Visit, meet};
use crate::soak::target::{USER, other};

/// A session has room for 256 logons ([MS-OXCROPS] 3.1.4.2: LogonId is one byte).
pub fn full_session(visit: &Visit<'_>) -> Result<()> {
    let session = visit.logon()?;
    let mut open = Vec::with_capacity(256);
    loop {
        match session.open_default_msg_store() {
            Ok(store) => open.push(store),
            Err(Error::TooManyStores) => break,
            // A server may allow fewer.
            Err(error) if error.code().is_some() && !open.is_empty() => break,
            Err(error) => return Err(error.into()),
        }
        ensure!(open.len() <= 256, "more logons than there are ids for");
    }
    let one = open.pop().context("no store was opened")?;
    one.logoff()?;
    session.open_default_msg_store().context("a logon after one was given back")?;
    drop(open);
    Ok(session.logoff()?)
}

const FOLDERS: u64 = 50;

/// The limit of objects in a session.
pub fn object_limit(ground: &Ground) -> Result<Stage> {
    let limits = Limits { folders: FOLDERS, ..Limits::default() };
    let options = Options { limits, ..Options::default() };
    let store = ground.target.local()?.store.clone();
    // A ledger for each thread: it has to be back at zero while the others are at work.
    let service = |_| {
        let service = Loopback::with_options(store.clone(), USER, options.clone())?;
        meet(&Profile::new(service.clone()))?;
        anyhow::Ok(service)
    };
    let services = (0..ground.threads).map(service).collect::<Result<Vec<_>>>()?;
    Stage::new(move |visit| {
        let service = &services[visit.thread];
        let session = Session::logon(Profile::new(service.clone()))?;
        let store = session.open_default_msg_store()?;
        let mut open = Vec::new();
        for _ in 0..2 {
            loop {
                match store.inbox() {
                    Ok(folder) => open.push(folder),
                    Err(error) if error.code() == Some(Limit::Folders.about().code) => break,
                    Err(error) => return Err(error.into()),
                }
            }
            ensure!(open.len() as u64 == FOLDERS, "the limit came at {} folders", open.len());
            open.truncate(open.len() / 2);
            session.flush()?;
        }
        session.logoff()?;
        drop((open, store));
        ensure!(service.ledger().live_total() == 0, "the ledger is not back at zero");
        Ok(())
    })
}

const SESSIONS: u64 = 20;

/// The limit of sessions of a user; another user is not touched by it.
pub fn session_limit(ground: &Ground) -> Result<Stage> {
    let limits = Limits { sessions_per_user: SESSIONS, ..Limits::default() };
    let options = Options { limits, ..Options::default() };
    let store = ground.target.local()?.store.clone();
    let service = Loopback::with_options(store, USER, options)?;
    meet(&Profile::new(service.clone()))?;
    let another = service.as_user(&other(0))?;
    // Threads would see each other's sessions.
    let one_at_a_time = Mutex::new(());
    Stage::new(move |_| {
        let _turn = one_at_a_time.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut open = Vec::new();
        loop {
            match Session::logon(Profile::new(service.clone())) {
                Ok(session) => open.push(session),
                Err(Error::Refused { .. }) => break,
                Err(error) => return Err(error.into()),
            }
            ensure!(open.len() as u64 <= SESSIONS, "the limit of sessions refused nobody");
        }
        ensure!(open.len() as u64 == SESSIONS, "the limit came at {} sessions", open.len());
        Session::logon(Profile::new(another.clone())).context("another user is kept out")?;
        drop(open);
        Session::logon(Profile::new(service.clone())).context("the limit stays reached")?;
        ensure!(service.ledger().live_total() == 0, "the ledger is not back at zero");
        Ok(())
    })
}

/// Nobody may count descriptors while there are none.
static ALL_DESCRIPTORS: Mutex<()> = Mutex::new(());

/// What `ulimit -n` does to a server that is busy: every descriptor is taken, the server cannot accept, and
/// has to be there when there are descriptors again.
pub fn out_of_descriptors(visit: &Visit<'_>) -> Result<()> {
    let _turn = ALL_DESCRIPTORS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let address = visit.ground.target.address()?;
    let bound = Bound::lower(64)?;
    let mut open = Vec::new();
    loop {
        match TcpStream::connect(&address.authority) {
            Ok(stream) => open.push(stream),
            Err(error) if error.raw_os_error() == Some(libc::EMFILE) => break,
            Err(error) => return Err(error.into()),
        }
        if open.len() > 200 {
            bail!("the descriptors do not end");
        }
    }
    // The server meets the same end: it shares them, or the connections are all that it gets.
    std::thread::sleep(std::time::Duration::from_millis(5));
    drop(open);
    drop(bound);
    let session = visit.logon().context("the server does not come back")?;
    ensure!(session.open_default_msg_store()?.inbox().is_ok(), "no inbox");
    Ok(session.logoff()?)
}

/// A lower bound of descriptors, until it is dropped.
struct Bound(libc::rlimit);

impl Bound {
    /// As many more as `spare`.
    fn lower(spare: u64) -> Result<Bound> {
        let used = std::fs::read_dir("/proc/self/fd")?.count() as u64;
        let mut old = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the pointer is to a rlimit of ours.
        if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut old) } != 0 {
            return Err(std::io::Error::last_os_error().into());
        }
        set(libc::rlimit { rlim_cur: (used + spare).min(old.rlim_max), ..old })?;
        Ok(Bound(old))
    }
}

fn set(limit: libc::rlimit) -> Result<()> {
    // SAFETY: the pointer is to a rlimit of ours.
    match unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error().into()),
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        let _ = set(self.0);
    }
}
