//! Named properties in which IMAP keeps what MAPI has no place for.

use mapi::{PropertyName, PropertyTag, PropertyType};
use store::Mailbox;
use store::mailbox::names;

use super::{Fail, no};

/// In PS_PUBLIC_STRINGS, where any program may add names.
pub(super) struct Named {
    pub(super) name: &'static str,
    pub(super) kind: PropertyType,
}

impl Named {
    /// None where the mailbox has no such property yet.
    pub(super) fn tag(&self, mailbox: &Mailbox) -> Result<Option<PropertyTag>, Fail> {
        self.id(mailbox, false)
    }

    /// Makes it where it is not there.
    pub(super) fn made(&self, mailbox: &Mailbox) -> Result<PropertyTag, Fail> {
        self.id(mailbox, true)?.ok_or(no("LIMIT", "no more properties"))
    }

    fn id(&self, mailbox: &Mailbox, create: bool) -> Result<Option<PropertyTag>, Fail> {
        let name = PropertyName::string(mapi::names::PS_PUBLIC_STRINGS, self.name);
        let ids = names::ids_of(mailbox, &[name], create)?;
        let tag = |id| PropertyTag::from_parts(id, self.kind);
        Ok(ids.into_iter().next().flatten().map(tag))
    }
}
