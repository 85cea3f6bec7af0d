//! APPEND, of one message or many (RFC 9051 6.3.12, RFC 3502).

use formats::flags::MailFlags;
use mapi::{FileTime, MessageContent, PropertyValue, tags};
use store::message::{self, ANSWERED_AND_FORWARDED, DELETE_MARKED, ImportOptions};

use super::{Fail, Outcome, Session, done_with, marks_of, no};
use crate::imap::command::set::compact;
use crate::imap::command::{Appended, Name};

impl Session {
    pub(super) fn append(&mut self, name: &Name, mut messages: Vec<Appended>) -> Outcome {
        let (user, folder) = self.target(name)?;
        for message in messages.iter_mut().filter(|message| !message.pieces.is_empty()) {
            message.bytes = self.catenated(std::mem::take(&mut message.pieces))?;
        }
        // Together they are bounded as the command that brings them is.
        let together: usize = messages.iter().map(|message| message.bytes.len()).sum();
        if together > self.append_limit().saturating_mul(3) / 2 + 1_024 {
            return Err(no("TOOBIG", "the messages together are too large"));
        }
        let mailbox = &*user.mailbox;
        let creator = user.creator();
        let limit = self.options.append_limit as usize;
        if messages.iter().any(|message| message.bytes.len() > limit) {
            return Err(no("TOOBIG", "the message is larger than APPENDLIMIT says"));
        }
        if messages.len() > message::MAX_IMPORTED_TOGETHER {
            return Err(no("LIMIT", "there are too many messages in one APPEND"));
        }
        let now = mailbox.store().now();
        let ready: Result<Vec<_>, Fail> = messages
            .into_iter()
            .map(|appended| {
                Ok((folder, content(appended, now, creator.as_deref())?, ImportOptions::default()))
            })
            .collect();
        let imported = message::import_all(mailbox, ready?)?;
        // RFC 3502 5.1: all of them, or none.
        if imported.iter().any(Result::is_err) {
            let there: Vec<_> = imported.iter().flatten().map(|imported| imported.id).collect();
            message::delete(mailbox, folder, &there, true)?;
        }
        let imported: Vec<_> = imported.into_iter().collect::<Result<_, _>>()?;
        let validity = store::folder::info(mailbox, folder)?.uid_validity;
        let uids = compact(imported.iter().map(|imported| imported.uid));
        done_with(format!("APPENDUID {validity} {uids}"), "Appended")
    }
}

/// A message with its flags as the properties that they are.
fn content(
    appended: Appended,
    now: FileTime,
    creator: Option<&[u8]>,
) -> Result<MessageContent, Fail> {
    let Appended { flags, date, bytes, .. } = appended;
    if bytes.is_empty() {
        // RFC 9051 6.3.12: an empty literal calls an APPEND off.
        return Err(Fail::No(None, "an empty message is none".into()));
    }
    let mut content = match formats::mime::read(&bytes) {
        Ok(content) => content,
        // Nothing but blanks: kept as it came.
        Err(_) => MessageContent { mime: Some(bytes), ..MessageContent::default() },
    };
    let marks = marks_of(&flags);
    if marks.categories.len() > message::MAX_CATEGORIES
        || marks.categories.iter().any(|name| name.len() > message::MAX_CATEGORY)
    {
        return Err(no("LIMIT", "there are too many keywords, or one is too long"));
    }
    let mail_flags = MailFlags {
        read: marks.read,
        answered: marks.answered,
        forwarded: marks.forwarded,
        flagged: marks.flagged,
        draft: marks.draft,
        deleted: marks.deleted,
    };
    // What the header says of a draft is not the client's word.
    content.properties.set(tags::MESSAGE_FLAGS, 0);
    mail_flags.apply(&mut content);
    let mut status = 0;
    if marks.deleted {
        status |= DELETE_MARKED;
    }
    if marks.answered && marks.forwarded {
        status |= ANSWERED_AND_FORWARDED;
    }
    if status != 0 {
        content.properties.set(tags::MESSAGE_STATUS, status as i32);
    }
    if !marks.categories.is_empty() {
        let names = marks.categories.iter().map(|name| name.as_str().into()).collect();
        let value = PropertyValue::MultipleString(names);
        content.properties.set_named(message::categories_name(), value);
    }
    if let Some(creator) = creator {
        content.properties.set(tags::CREATOR_ENTRY_ID, creator.to_vec());
    }
    // Not what the header says: when the message came here (RFC 9051 6.3.12).
    let received = date.map_or(now, |date| FileTime::from_unix(date, 0));
    content.properties.set(tags::MESSAGE_DELIVERY_TIME, received);
    Ok(content)
}
