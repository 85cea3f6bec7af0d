//! Public folders: a logon of its own kind, and what each user has read there.

use anyhow::{Context, Result, ensure};
use mapi::{FolderId, MessageContent, MessageId, tags};
use mapi_session::{Folder, MapiProp};
use store::folder::{self, NewFolder};
use store::permission::{self, Change, Member, Mode, Rights};
use store::{PublicFolder, message};

use super::{Stage, must_fail, no_folder};
use crate::soak::ground::Ground;

/// Messages in each public folder that stay.
const STAY: usize = 3;

/// Each thread has a public folder of its own.
pub fn public_folders(ground: &Ground) -> Result<Stage> {
    let store = &ground.target.local()?.store;
    let mailbox = store.mailbox(store.make_public_folders()?.mailbox)?;
    let make = |thread: usize| -> Result<(FolderId, Vec<MessageId>)> {
        let new = NewFolder { display_name: format!("public {thread}"), ..NewFolder::default() };
        let id = folder::create(&mailbox, PublicFolder::IpmSubtree.id(), &new)?.id;
        let everybody = Change::Add(Member::Default, Rights::ALL);
        permission::modify(&mailbox, id, Mode::default(), &[everybody])?;
        let post = |number: usize| {
            let mut content = MessageContent::default();
            content.properties.set(tags::SUBJECT, format!("News {number}").as_str());
            message::import(&mailbox, id, content, &Default::default()).map(|posted| posted.id)
        };
        Ok((id, (0..STAY).map(post).collect::<Result<Vec<_>, _>>()?))
    };
    let folders = (0..ground.threads).map(make).collect::<Result<Vec<_>>>()?;
    let threads = ground.threads;
    Stage::new(move |visit| {
        let (id, messages) = &folders[visit.thread];
        let public = visit.session()?.open_public_store()?;
        let top = public.ipm_subtree()?;
        let hierarchy = top.hierarchy_table()?;
        ensure!(hierarchy.row_count()? as usize == threads, "a public folder got lost");
        must_fail(public.open_folder(no_folder()), "a public folder that does not exist")?;
        let folder = public.open_folder(*id)?;
        // What a broken cycle posted.
        let left: Vec<_> = ids(&folder)?.into_iter().filter(|id| !messages.contains(id)).collect();
        if !left.is_empty() {
            folder.hard_delete_messages(&left)?;
        }

        visit.watch.note("posting");
        let post = folder.create_message()?;
        post.set(tags::SUBJECT, "News of the soak")?;
        let posted = post.save()?;
        ensure!(ids(&folder)?.len() == STAY + 1, "a post got lost");
        drop(post);
        folder.hard_delete_messages(&[posted])?;

        visit.watch.note("reading");
        folder.set_read_flags(&[], false)?;
        let first = &messages[..1];
        folder.set_read_flags(first, true)?;
        ensure!(read(&folder)? == first, "somebody else has read");
        let state = public.read_state(&folder)?;
        folder.set_read_flags(&[], false)?;
        ensure!(read(&folder)?.is_empty(), "what is unread is read");
        public.set_read_state(&folder, &state)?;
        ensure!(read(&folder)? == first, "a read state got lost");
        match visit.number % 4 {
            0 => public.logoff()?,
            1 => drop((public, top, folder, hierarchy)),
            2 => drop((hierarchy, folder, top, public)),
            _ => {
                public.logoff()?;
                must_fail(hierarchy.row_count(), "a table of a store that was logged off")?;
            }
        }
        Ok(())
    })
}

fn ids(folder: &Folder) -> Result<Vec<MessageId>> {
    let rows = folder.contents_table()?.with_columns(&[tags::MID])?.query_rows(100)?;
    let id = |row: &mapi_session::Row| row.integer(tags::MID).map(MessageId::from_i64);
    rows.iter().map(|row| id(row).context("a row without an id")).collect()
}

/// The messages that the user has read.
fn read(folder: &Folder) -> Result<Vec<MessageId>> {
    const READ: i64 = 0x1;
    let columns = [tags::MID, tags::MESSAGE_FLAGS];
    let rows = folder.contents_table()?.with_columns(&columns)?.query_rows(100)?;
    let is_read = |row: &&mapi_session::Row| {
        row.integer(tags::MESSAGE_FLAGS).is_some_and(|flags| flags & READ != 0)
    };
    let read = rows.iter().filter(is_read);
    Ok(read.filter_map(|row| row.integer(tags::MID)).map(MessageId::from_i64).collect())
}
