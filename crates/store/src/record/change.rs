//! An entry of the change log.

use mapi::{ChangeNumber, FolderId, MessageId, Reader, Wire, WireError};

use crate::mailbox::changes::{Change, ChangeKind};

/// 2 added the parent of folders.
const VERSION: u8 = 2;

const KINDS: [ChangeKind; 20] = [
    ChangeKind::FolderCreated,
    ChangeKind::FolderModified,
    ChangeKind::FolderMoved,
    ChangeKind::FolderDeleted,
    ChangeKind::MessageCreated,
    ChangeKind::MessageModified,
    ChangeKind::MessageRead,
    ChangeKind::MessageFlags,
    ChangeKind::MessageSoftDeleted,
    ChangeKind::MessageDeleted,
    ChangeKind::MessageMoved,
    ChangeKind::MessageCopied,
    ChangeKind::MessageDelivered,
    ChangeKind::FolderCopied,
    ChangeKind::SearchCompleted,
    ChangeKind::MailAnnounced,
    ChangeKind::LinkAdded,
    ChangeKind::LinkChanged,
    ChangeKind::LinkRemoved,
    ChangeKind::LinksChanged,
];

/// The sequence stands in the key.
pub(crate) fn read(sequence: u64, bytes: &[u8]) -> Result<Change, WireError> {
    let mut r = Reader::new(bytes);
    let r = &mut r;
    let version = super::version(r, VERSION)?;
    let kind = u8::read(r)?;
    Ok(Change {
        sequence,
        kind: *KINDS
            .get(usize::from(kind))
            .ok_or_else(|| r.bad("a kind of change", u64::from(kind), 1))?,
        associated: bool::read(r)?,
        folder: FolderId::read(r)?,
        message: MessageId::read(r)?,
        old_folder: FolderId::read(r)?,
        old_message: MessageId::read(r)?,
        change: ChangeNumber::read(r)?,
        read_change: ChangeNumber::read(r)?,
        uid: u32::read(r)?,
        parent: if version > 1 { FolderId::read(r)? } else { FolderId::NONE },
    })
}

pub(crate) fn write(change: &Change) -> Vec<u8> {
    let mut w = vec![VERSION];
    let kind = KINDS.iter().position(|kind| *kind == change.kind).unwrap_or(0) as u8;
    kind.write(&mut w);
    change.associated.write(&mut w);
    change.folder.write(&mut w);
    change.message.write(&mut w);
    change.old_folder.write(&mut w);
    change.old_message.write(&mut w);
    change.change.write(&mut w);
    change.read_change.write(&mut w);
    change.uid.write(&mut w);
    change.parent.write(&mut w);
    w
}
