//! Whether a message that is in no folder yet fulfils a restriction: the same question as that of a row.

use mapi::{PropertyTag, PropertyValue, Restriction, tags};

use super::evaluate::{self, Source};
use super::source::{AttachmentPart, RecipientPart, searched, size_of_value};
use crate::message::{Message, body};
use crate::{Mailbox, Result};

/// Errors: as those of [`check`], and of reading large values.
pub(crate) fn fulfils(
    mailbox: &Mailbox,
    message: &Message,
    restriction: &Restriction,
) -> Result<bool> {
    check(restriction)?;
    evaluate::matches(restriction, &Unsaved { mailbox, message })
}

/// Refuses restrictions that nothing can be asked by.
///
/// Errors: [`StoreError::Invalid`](crate::StoreError::Invalid),
/// [`StoreError::NotImplemented`](crate::StoreError::NotImplemented).
pub(crate) fn check(restriction: &Restriction) -> Result<()> {
    evaluate::check(restriction)
}

struct Unsaved<'a> {
    mailbox: &'a Mailbox,
    message: &'a Message,
}

impl Source for Unsaved<'_> {
    fn value(&self, tag: PropertyTag) -> Result<Option<PropertyValue>> {
        searched(self.mailbox.store(), body::in_table(self.mailbox, self.message, tag)?)
    }

    fn size(&self, tag: PropertyTag) -> Result<Option<u64>> {
        let value = body::in_table(self.mailbox, self.message, tag)?;
        Ok(value.as_ref().map(size_of_value))
    }

    fn any_part(
        &self,
        tag: PropertyTag,
        test: &mut dyn FnMut(&dyn Source) -> Result<bool>,
    ) -> Result<bool> {
        const RECIPIENTS: u16 = tags::MESSAGE_RECIPIENTS.id();
        const ATTACHMENTS: u16 = tags::MESSAGE_ATTACHMENTS.id();
        let (store, body) = (self.mailbox.store(), &self.message.body);
        match tag.id() {
            RECIPIENTS => {
                for recipient in &body.recipients {
                    if test(&RecipientPart(store, &recipient.properties))? {
                        return Ok(true);
                    }
                }
            }
            ATTACHMENTS => {
                for attachment in &body.attachments {
                    if test(&AttachmentPart(store, attachment))? {
                        return Ok(true);
                    }
                }
            }
            _ => {}
        }
        Ok(false)
    }
}
