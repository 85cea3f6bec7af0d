//! Copies between objects, clones of streams, and locks of their regions.

use std::io::{Read, Seek, SeekFrom, Write};

use anyhow::{Context, Result, ensure};
use mapi::{ErrorCode, tags};
use mapi_rop::property::CopyFlags;
use mapi_session::{Folder, MapiProp, Session};

use super::{Stage, open_folder};
use crate::soak::ground::{Ground, Visit};

const TEXT: &[u8] = b"what two streams share";

pub fn copies(ground: &Ground) -> Result<Stage> {
    let fixture = ground.fixture()?;
    Stage::new(move |visit| {
        let session = visit.session()?;
        let store = session.open_default_msg_store()?;
        let source = store.open_folder(fixture.folder)?.open_message(fixture.attached)?;
        let folder = store.open_folder(visit.folder()?)?;
        let copy = folder.create_message()?;
        let subject = source.text(tags::SUBJECT)?.context("no subject")?;
        visit.watch.note("copying");
        let excluded = [tags::SUBJECT, tags::NORMALIZED_SUBJECT, tags::SUBJECT_PREFIX];
        let problems = source.copy_to(&copy, &excluded, true, CopyFlags::NONE)?;
        ensure!(problems.is_empty(), "a copy with problems: {problems:?}");
        ensure!(copy.text(tags::SUBJECT)?.is_none(), "an excluded property was copied");
        ensure!(copy.attachment_table()?.row_count()? == 2, "an attachment got lost");
        copy.set(tags::CONVERSATION_INDEX, TEXT)?;
        let moved = folder.create_message()?;
        let tags = [tags::CONVERSATION_INDEX];
        ensure!(copy.copy_properties(&moved, &tags, CopyFlags::MOVE)?.is_empty(), "problems");
        ensure!(copy.property(tags::CONVERSATION_INDEX)?.is_none(), "it was copied, not moved");
        source.copy_properties(&moved, &[tags::SUBJECT], CopyFlags::NO_OVERWRITE)?;
        ensure!(moved.text(tags::SUBJECT)?.as_deref() == Some(&subject), "a subject got lost");

        visit.watch.note("cloning");
        let mut stream = moved.edit_stream(tags::CONVERSATION_INDEX)?;
        stream.seek(SeekFrom::Start(5))?;
        let mut clone = stream.try_clone()?;
        stream.write_all(b"TWO")?;
        stream.flush()?;
        let mut rest = Vec::new();
        clone.read_to_end(&mut rest)?;
        ensure!(rest == b"TWO streams share", "a clone reads {:?}", String::from_utf8_lossy(&rest));
        match visit.number % 4 {
            // By turns the first is gone before the second.
            0 => drop((stream, clone)),
            1 => drop((clone, stream)),
            2 => drop((moved, stream, copy, clone)),
            _ => {
                stream.commit()?;
                drop((stream, clone));
                let id = moved.save()?;
                visit.acknowledged.borrow_mut().push((folder.id(), id.into()));
                lock(visit, session, &folder, id)?;
                visit.acknowledged.borrow_mut().retain(|known| *known != (folder.id(), id.into()));
                folder.hard_delete_messages(&[id])?;
            }
        }
        Ok(())
    })
}

/// Two sessions at one message: what one has locked, the other may not write.
fn lock(visit: &Visit<'_>, session: &Session, folder: &Folder, id: mapi::MessageId) -> Result<()> {
    visit.watch.note("locking");
    let mine = folder.open_message(id)?;
    let mut stream = mine.edit_stream(tags::CONVERSATION_INDEX)?;
    stream.lock_region(0, 4, true)?;
    stream.lock_region(8, 4, false)?;
    let second = visit.logon()?;
    let theirs = open_folder(&second, folder.id())?.open_message(id)?;
    let mut other = theirs.edit_stream(tags::CONVERSATION_INDEX)?;
    for place in [0, 8] {
        match other.lock_region(place, 1, true) {
            Err(error) if error.code() == Some(ErrorCode::ACCESS_DENIED) => {}
            outcome => anyhow::bail!("a lock of what is locked: {outcome:?}"),
        }
    }
    other.lock_region(12, 1, true)?;
    stream.unlock_region(0, 4, true)?;
    other.lock_region(0, 4, true)?;
    // The other lock goes with its stream.
    drop((stream, mine));
    session.flush()?;
    other.lock_region(8, 4, false)?;
    match visit.number.is_multiple_of(8) {
        true => drop((other, theirs)),
        // The session ends under its locks.
        false => second.logoff()?,
    }
    Ok(())
}
