//! The ids of folders and messages in the forms that leave the mailbox.

use mapi::change::Xid;
use mapi::entry_id::{FolderEntryId, MessageEntryId};
use mapi::{FolderId, GlobalCounter, LongTermId, MessageId, ReplId, Wire};

use crate::{Mailbox, Result};

pub(crate) fn folder(mailbox: &Mailbox, id: FolderId) -> Result<Vec<u8>> {
    let id = long_term(mailbox, id.replica, id.counter)?;
    Ok(match mailbox.is_public() {
        false => FolderEntryId::private(mailbox.guid(), id),
        true => FolderEntryId::public(id),
    }
    .to_wire())
}

pub(crate) fn message(mailbox: &Mailbox, folder: FolderId, id: MessageId) -> Result<Vec<u8>> {
    let folder = long_term(mailbox, folder.replica, folder.counter)?;
    let id = long_term(mailbox, id.replica, id.counter)?;
    Ok(match mailbox.is_public() {
        false => MessageEntryId::private(mailbox.guid(), folder, id),
        true => MessageEntryId::public(folder, id),
    }
    .to_wire())
}

/// The GID of an id ([MS-OXCDATA] 2.2.1.3): the form of source keys and change keys that no client made.
pub(crate) fn gid(mailbox: &Mailbox, replica: ReplId, counter: GlobalCounter) -> Result<Vec<u8>> {
    let xid = Xid::from_gid(mailbox.replica_of(replica)?, counter);
    Ok([&xid.namespace.0[..], &xid.local_id].concat())
}

pub(crate) fn xid(mailbox: &Mailbox, replica: ReplId, counter: GlobalCounter) -> Result<Xid> {
    Ok(Xid::from_gid(mailbox.replica_of(replica)?, counter))
}

fn long_term(mailbox: &Mailbox, replica: ReplId, counter: GlobalCounter) -> Result<LongTermId> {
    Ok(LongTermId::new(mailbox.replica_of(replica)?, counter))
}
