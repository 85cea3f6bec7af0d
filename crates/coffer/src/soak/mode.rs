//! In which way cycles run: to their end, or broken off.

use std::sync::Arc;

use anyhow::Result;
use mapi::ErrorCode;
use mapi_session::Fuse;

use super::crew::{Cycle, Watch};
use super::faults::Plan;
use super::ground::{Acknowledged, Ground};
use super::scenario::Act;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// To the end.
    Plain,
    /// The client goes away at a step of the cycle, another one each time.
    Cut,
    /// The client goes away at the end of the cycle, without a word.
    Abandon,
    /// A step of the store fails, another one each time.
    Fault,
}

impl Mode {
    pub fn name(self) -> &'static str {
        match self {
            Mode::Plain => "plain",
            Mode::Cut => "cut",
            Mode::Abandon => "abandon",
            Mode::Fault => "fault",
        }
    }
}

/// The cycles of a thread.
pub fn cycles(ground: &Arc<Ground>, act: &Arc<Act>, thread: usize) -> Result<Cycle> {
    let (ground, act) = (ground.clone(), act.clone());
    let acknowledged = Acknowledged::default();
    Ok(match ground.mode {
        Mode::Plain => Box::new(move |number, watch| {
            act(&ground.visit(thread, number, watch, &acknowledged))?;
            acknowledged.borrow_mut().clear();
            Ok(())
        }),
        Mode::Abandon => Box::new(move |number, watch| {
            abandon(&ground, &act, thread, number, watch, &acknowledged)
        }),
        Mode::Cut => {
            let mut next = Next { number: thread as u64, step: 0, met: 0 };
            Box::new(move |_, watch| cut(&ground, &act, thread, &mut next, watch, &acknowledged))
        }
        Mode::Fault => {
            let mut plan = Plan::new(ground.target.faults()?);
            let mut number = thread as u64;
            Box::new(move |_, watch| {
                plan.arm();
                let outcome = ground
                    .fresh_visit(thread, number, None, watch, &acknowledged)
                    .and_then(|visit| act(&visit));
                if plan.disarm() {
                    // It may fail, and it may get over it; what it acknowledged has to be there.
                    drop(outcome);
                } else {
                    outcome?;
                    number += 1;
                }
                ground.check(&acknowledged)
            })
        }
    })
}

/// How often in a row a cycle may meet a request whose client is gone.
const MEETINGS: u32 = 16;

/// The step at which the next cycle is cut.
struct Next {
    number: u64,
    step: u32,
    /// How often in a row it met a request whose client was gone.
    met: u32,
}

/// Each cycle is cut one step later than the one before, until one passes whole; then it begins again with
/// the next number.
fn cut(
    ground: &Ground,
    act: &Arc<Act>,
    thread: usize,
    next: &mut Next,
    watch: &Watch,
    acknowledged: &Acknowledged,
) -> Result<()> {
    let fuse = Fuse::after(next.step);
    let outcome = ground
        .fresh_visit(thread, next.number, Some(&fuse), watch, acknowledged)
        .and_then(|visit| act(&visit));
    if fuse.is_cut() {
        next.step += 1;
        next.met = 0;
        // Whatever the client saw, it is gone.
        drop(outcome);
        return ground.check(acknowledged);
    }
    if let Err(error) = outcome {
        fuse.cut();
        // A server ends what it was asked for, though nobody hears of it: the request of a cycle before may be
        // deleting just what this one deletes. Then the step comes again.
        next.met += 1;
        return match is_partial(&error) && next.met < MEETINGS {
            true => ground.check(acknowledged),
            false => {
                Err(error.context(format!("it was to be cut at step {} and was not", next.step)))
            }
        };
    }
    fuse.cut();
    next.met = 0;
    next.step = 0;
    next.number += 1;
    ground.check(acknowledged)
}

/// The whole cycle, with a store, a folder and a table open beside it that nobody closes.
fn abandon(
    ground: &Ground,
    act: &Arc<Act>,
    thread: usize,
    number: u64,
    watch: &Watch,
    acknowledged: &Acknowledged,
) -> Result<()> {
    let fuse = Fuse::whole();
    let visit = ground.fresh_visit(thread, number, Some(&fuse), watch, acknowledged)?;
    if visit.is_of_mail() {
        // It says no goodbye by itself.
        let outcome = act(&visit);
        fuse.cut();
        drop(visit);
        return outcome.and_then(|()| ground.check(acknowledged));
    }
    let session = visit.logon()?;
    let store = session.open_default_msg_store()?;
    let inbox = store.inbox()?;
    let table = inbox.contents_table()?;
    table.row_count()?;
    let outcome = act(&visit);
    // From here on nothing is sent: neither the releases of these nor a Disconnect.
    fuse.cut();
    drop((visit, table, inbox, store, session));
    match outcome {
        // A session that ends itself cannot be abandoned any more.
        Err(error) if is_too_many(&error) => Ok(()),
        outcome => outcome.and_then(|()| ground.check(acknowledged)),
    }
}

fn is_partial(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(mapi_session::Error::Partial { .. }))
}

fn is_too_many(error: &anyhow::Error) -> bool {
    let code = error.downcast_ref::<mapi_session::Error>().and_then(mapi_session::Error::code);
    code == Some(ErrorCode::TOO_MANY_SESSIONS)
}
