//! Special uses that a client gives to mailboxes (CREATE-SPECIAL-USE, RFC 6154 3). Every mailbox has its Drafts, Sent,
//! Trash and Junk already; an Archive is made by a client, and there is one.

use mapi::{FolderId, PropertyType, PropertyValue, Reader, Wire};
use store::Mailbox;
use store::mailbox::store_properties;

use super::property::Named;
use super::{Fail, no};
use crate::imap::names;

pub(super) const ARCHIVE: &str = "\\Archive";

/// A property of the store object: the folder that is the archive.
const PROPERTY: Named = Named { name: "coffer:ImapArchive", kind: PropertyType::BINARY };

/// What special use a client may give to a new mailbox now.
pub(super) fn check(mailbox: &Mailbox, uses: &[String]) -> Result<(), Fail> {
    let archive = match uses {
        [] => return Ok(()),
        uses => uses.iter().all(|name| name.eq_ignore_ascii_case(ARCHIVE)),
    };
    // RFC 6154 3: who cannot give the use makes no mailbox.
    match archive && Uses::read(mailbox)?.archive.is_none() {
        true => Ok(()),
        false => Err(no("USEATTR", "another mailbox has this use, or none can have it")),
    }
}

pub(super) fn set_archive(mailbox: &Mailbox, folder: FolderId) -> Result<(), Fail> {
    let tag = PROPERTY.made(mailbox)?;
    let mut bytes = Vec::new();
    folder.write(&mut bytes);
    store_properties::set(mailbox, vec![(tag, PropertyValue::Binary(bytes).into())])?;
    Ok(())
}

/// The special uses of a mailbox's folders.
pub(super) struct Uses {
    pub(super) archive: Option<FolderId>,
}

impl Uses {
    pub(super) fn read(mailbox: &Mailbox) -> Result<Uses, Fail> {
        let Some(tag) = PROPERTY.tag(mailbox)? else { return Ok(Uses { archive: None }) };
        let value = store_properties::get(mailbox, &[tag])?.into_iter().next().flatten();
        let value = value.map(|value| mailbox.store().load(&value, 1 << 10)).transpose()?;
        let id = value.as_ref().and_then(PropertyValue::as_binary);
        let id = id.and_then(|bytes| FolderId::read(&mut Reader::new(bytes)).ok());
        // It may be deleted meanwhile.
        let archive = id.filter(|id| {
            store::folder::info(mailbox, *id).is_ok_and(|info| info.deleted.is_none())
        });
        Ok(Uses { archive })
    }

    pub(super) fn of(&self, id: FolderId) -> Option<&'static str> {
        match self.archive == Some(id) {
            true => Some(ARCHIVE),
            false => names::special_use(id),
        }
    }
}
