//! Opens and closes a store, and says how many bytes that left behind: a process of its own, since the
//! tests of one process allocate beside each other.
//!
//! `opener CYCLES LEAK`: with a LEAK other than 0, the fault of Q237174 is built in.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicI64, Ordering};

use mapi_session::{Loopback, Profile, Session};
use store::{NewAccount, Store, StoreOptions};
use testsuite::Result;

static LIVE: AtomicI64 = AtomicI64::new(0);

struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; only sizes are counted beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size() as i64, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as i64, Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) };
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const USER: &str = "opener@example.test";

fn main() -> Result {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [cycles, leak] = arguments.as_slice() else {
        return Err("usage: opener CYCLES LEAK".into());
    };
    let (cycles, leak): (u32, usize) = (cycles.parse()?, leak.parse()?);
    let store = Store::in_memory(StoreOptions::default())?;
    store.create_account(&NewAccount {
        address: USER.into(),
        display_name: "Opener".into(),
        password: None,
    })?;
    let service = match leak {
        0 => Loopback::open(store, USER)?,
        bytes => Loopback::open_with_control_q237174(store, USER, bytes)?,
    };
    let session = Session::logon(Profile::new(service))?;
    for _ in 0..100 {
        session.open_default_msg_store()?.logoff()?;
    }
    let before = settled();
    for _ in 0..cycles {
        session.open_default_msg_store()?.logoff()?;
    }
    let after = settled();
    println!("{}", after - before);
    Ok(())
}

/// Bytes that are allocated when the store's own threads have put away what they had in hand.
fn settled() -> i64 {
    const CALM: u32 = 10;
    let (mut last, mut calm) = (LIVE.load(Ordering::Relaxed), 0);
    while calm < CALM {
        std::thread::sleep(std::time::Duration::from_millis(20));
        let now = LIVE.load(Ordering::Relaxed);
        calm = if now == last { calm + 1 } else { 0 };
        last = now;
    }
    last
}
