//! Operations that go on from one request to the next, and end by themselves, by their client, by what he does
//! beside, or with their store.

use std::ops::ControlFlow;

use anyhow::{Result, bail, ensure};
use mapi::{MessageId, tags};
use mapi_session::{Error, MapiProp, MsgStore};

use super::Stage;
use crate::soak::ground::{Ground, MESSAGES};

/// How often the messages of the fixture are copied: more than one step, and less than two.
const COPIES: usize = 300 / MESSAGES + 1;

pub fn progress(ground: &Ground) -> Result<Stage> {
    let fixture = ground.fixture()?;
    Stage::new(move |visit| {
        let store = visit.session()?.open_default_msg_store()?;
        let folder = store.open_folder(visit.folder()?)?;
        // What a cycle left.
        folder.hard_empty(false)?;
        visit.watch.note("copying");
        let source = store.open_folder(fixture.folder)?;
        let many: Vec<MessageId> =
            std::iter::repeat_n(&fixture.messages, COPIES).flatten().copied().collect();
        source.copy_messages(&many, &folder)?;
        visit.watch.note("emptying step by step");
        let mut store = Some(store);
        let mut steps = 0;
        let emptied = folder.hard_empty_watched(false, |_| {
            steps += 1;
            match visit.number % 4 {
                // The client wants no more.
                0 => return ControlFlow::Break(()),
                // What goes on ends, and the rest begins anew.
                1 => drop(source.text(tags::DISPLAY_NAME)),
                // It goes with its store.
                2 => drop(store.take().map(MsgStore::logoff)),
                _ => {}
            }
            ControlFlow::Continue(())
        });
        ensure!(steps == 1, "{steps} steps");
        if store.is_none() {
            ensure!(emptied.is_err(), "a folder was emptied after its store was gone");
            return Ok(());
        }
        let left = folder.contents_table()?.row_count()? as usize;
        match emptied {
            Ok(()) if visit.number % 4 != 0 => ensure!(left == 0, "{left} are left"),
            Err(Error::Partial { .. }) if visit.number.is_multiple_of(4) => {
                ensure!(left > 0 && left < many.len(), "{left} of {} are left", many.len());
                folder.hard_empty(false)?;
            }
            other => bail!("{left} of {} are left, and it is told {other:?}", many.len()),
        }
        Ok(())
    })
}
