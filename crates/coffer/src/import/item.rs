//! One message on its way into the mailbox.

use formats::report::{Report, Tally};
use mapi::{AttachedContent, FolderId, MessageContent};
use store::StoreError;
use store::message::{self, ImportOptions};

use super::Import;
use super::count::Kind;

/// A message that a reader has read.
pub struct Item {
    pub content: MessageContent,
    /// What the reader could and could not read of it; the attachments are counted here.
    pub report: Report,
    pub associated: bool,
    /// The read flag, where the source knows better than the content.
    pub read: Option<bool>,
    /// What the mailbox knows the message by.
    pub key: Vec<u8>,
}

impl Import<'_> {
    /// Takes a message into the folder of a path.
    pub fn take(&mut self, item: Item, path: &[String], name: &str) -> anyhow::Result<()> {
        let folder = self.targets.folder(path, None, &mut self.counts)?;
        self.take_into(item, folder, name)
    }

    /// Takes a message in and counts it. An error ends the import; what concerns only this message is a
    /// refusal.
    pub fn take_into(
        &mut self,
        item: Item,
        folder: Option<FolderId>,
        name: &str,
    ) -> anyhow::Result<()> {
        let kind = if item.associated { Kind::Associated } else { Kind::Message };
        let attached = item.report.attachments;
        self.counts.attachments.expected += attached.expected;
        self.counts.name_parts(&item.report, name);
        self.counts.expect(kind);
        if self.args.dry_run {
            self.counts.carry(kind);
            self.counts.attachments.carried += attached.carried;
            self.counts.attachments.refused += attached.refused();
            return Ok(());
        }
        let Some(folder) = folder else {
            self.counts.attachments.refused += attached.expected;
            return self.refuse(kind, name, "its folder could not be made");
        };
        let options = ImportOptions {
            key: (!self.args.no_resume).then_some(item.key),
            associated: item.associated,
            read: item.read,
            received: None,
        };
        match message::import(&self.mailbox, folder, item.content, &options) {
            Ok(imported) if imported.existed => {
                self.counts.present(kind);
                self.counts.attachments.present += attached.carried;
                self.counts.attachments.refused += attached.refused();
            }
            Ok(_) => {
                self.counts.carry(kind);
                self.counts.attachments.carried += attached.carried;
                self.counts.attachments.refused += attached.refused();
            }
            Err(error) if concerns_this_message(&error) => {
                self.counts.attachments.refused += attached.expected;
                self.refuse(kind, name, &error.to_string())?;
            }
            Err(error) => {
                self.counts.attachments.refused += attached.expected;
                self.refuse(kind, name, &error.to_string())?;
                return Err(error.into());
            }
        }
        Ok(())
    }
}

/// Whether the next message may well be taken although this one was not.
fn concerns_this_message(error: &StoreError) -> bool {
    matches!(error, StoreError::TooBig { .. } | StoreError::Invalid(_) | StoreError::Quota(_))
}

/// The report of a message of which everything was read.
pub fn whole(content: &MessageContent) -> Report {
    let count = attachments(content);
    Report { attachments: Tally { expected: count, carried: count }, ..Report::default() }
}

/// Attachments of a message and of the messages that are attached to it.
pub fn attachments(content: &MessageContent) -> u64 {
    content
        .attachments
        .iter()
        .map(|attachment| match &attachment.content {
            AttachedContent::Message(embedded) => 1 + attachments(embedded),
            _ => 1,
        })
        .sum()
}
