//! The messages of one conversation ([MS-OXCFOLD] 2.2.1.14.1, ConversationMembers): those of all folders of a
//! mailbox, or of one public folder, that a restriction picks. Without a restriction nothing says which
//! conversation it is ([MS-OXCTABL] 3.1.4.6), so there are no rows.

use std::ops::ControlFlow;

use mapi::{FolderId, MessageId};

use super::source::{Context, MessageRow};
use super::{Contents, RowSource};
use crate::engine::{self, KeyRange, Space};
use crate::folder::{self, FolderKind};
use crate::keys::{self, Kind};
use crate::message;
use crate::record::folder::FolderState;
use crate::{Mailbox, Result, SpecialFolder, StoreError};

/// Calls `each` for the messages, folder by folder.
pub(crate) fn visit(
    context: &Context<'_>,
    everywhere: bool,
    each: &mut dyn FnMut(&dyn RowSource, u64) -> Result<()>,
) -> Result<()> {
    let Context { mailbox, reader, folder: top, .. } = *context;
    let mut pending = vec![(top, 0)];
    while let Some((home, level)) = pending.pop() {
        if everywhere && level < folder::MAX_DEPTH {
            let below = folder::child_ids(mailbox, reader, home)?;
            pending.extend(below.into_iter().map(|id| (id, level + 1)));
        }
        // What a search folder shows is in the folders as well.
        let record = folder::any(mailbox, reader, home)?;
        if record.is_none_or(|record| record.kind == FolderKind::Search) {
            continue;
        }
        let normal = Contents::Normal.to_byte();
        let prefix = mailbox.key(Kind::Summary, &[&keys::fid(home), &[normal]]);
        let range = KeyRange::prefix(prefix);
        engine::try_visit(reader, Space::Mailbox, &range, |key, summary| {
            if let Some((replica, counter)) = keys::tail_id(key) {
                let id = MessageId::new(replica, counter);
                let row = MessageRow::at(context, Contents::Normal, id, home, summary.into())?;
                each(&row, keys::id_number(replica, counter))?;
            }
            Ok::<_, StoreError>(ControlFlow::Continue(()))
        })?;
    }
    Ok(())
}

/// None if it is not among them.
pub(crate) fn read<'a>(
    context: &'a Context<'a>,
    everywhere: bool,
    id: MessageId,
) -> Result<Option<MessageRow<'a>>> {
    let Context { mailbox, reader, folder: top, .. } = *context;
    let Some(hot) = message::read_hot(mailbox, reader, id)? else { return Ok(None) };
    let home = hot.folder;
    let belongs = match everywhere {
        true => is_there(context, home)?,
        false => home == top,
    };
    if hot.contents != Contents::Normal || !belongs {
        return Ok(None);
    }
    let key = keys::summary(mailbox.number(), home, Contents::Normal.to_byte(), id);
    match reader.get(Space::Mailbox, &key)? {
        Some(summary) => {
            Ok(Some(MessageRow::at(context, Contents::Normal, id, home, summary.into())?))
        }
        None => Ok(None),
    }
}

/// Whether neither a folder nor one that it is in is deleted.
fn is_there(context: &Context<'_>, home: FolderId) -> Result<bool> {
    let Context { mailbox, reader, folder: top, .. } = *context;
    let mut at = home;
    for _ in 0..=folder::MAX_DEPTH {
        if at == top {
            return Ok(true);
        }
        match folder::any(mailbox, reader, at)? {
            Some(record) if record.state == FolderState::Present => at = record.parent,
            _ => return Ok(false),
        }
    }
    Ok(false)
}

/// Whether the folder is one whose table shows a conversation, and whether of all folders: the root of a mailbox,
/// and each folder of a public one ([MS-OXCFOLD] R10251, R10252).
pub fn conversation_scope(mailbox: &Mailbox, folder: FolderId) -> Option<bool> {
    match mailbox.is_public() {
        true => Some(false),
        false => (folder == SpecialFolder::Root.id()).then_some(true),
    }
}
