//! One message on its way into the mailbox.

use formats::report::{Report, Tally};
use mapi::{AttachedContent, FolderId, MessageContent};
use store::StoreError;
use store::message::{ImportOptions, MAX_IMPORTED_TOGETHER};

use super::Import;
use super::committer::Group;
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
            ..ImportOptions::default()
        };
        self.waiting.bytes += size(&item.content);
        self.waiting.messages.push((folder, item.content, options));
        self.waiting.about.push(About { kind, attached, name: name.to_owned() });
        if self.waiting.messages.len() >= MAX_IMPORTED_TOGETHER || self.waiting.bytes > MAX_WAITING
        {
            self.hand_over()?;
        }
        Ok(())
    }

    /// Makes all that waits durable, and counts it. An error means that the store takes no more.
    pub fn flush(&mut self) -> anyhow::Result<()> {
        self.hand_over()?;
        self.settle_group()
    }

    /// Counts the group that is under way, and begins with the one that waits.
    fn hand_over(&mut self) -> anyhow::Result<()> {
        let settled = self.settle_group();
        let Waiting { messages, about, .. } = std::mem::take(&mut self.waiting);
        if let Err(error) = settled {
            about.into_iter().for_each(|about| self.refuse_one(about, &error.to_string()));
            return Err(error);
        }
        if messages.is_empty() {
            return Ok(());
        }
        if !self.committer.begin(messages) {
            about.into_iter().for_each(|about| self.refuse_one(about, PANICKED));
            anyhow::bail!(PANICKED);
        }
        self.under_way = about;
        Ok(())
    }

    /// Waits for the group that is under way, if there is one, and counts it.
    pub fn settle_group(&mut self) -> anyhow::Result<()> {
        let about = std::mem::take(&mut self.under_way);
        if about.is_empty() {
            return Ok(());
        }
        let Some(results) = self.committer.finish() else {
            about.into_iter().for_each(|about| self.refuse_one(about, PANICKED));
            anyhow::bail!(PANICKED);
        };
        let results = match results {
            Ok(results) => results,
            Err(error) => about.iter().map(|_| Err(error.clone())).collect(),
        };
        let mut fatal = None;
        for (about, result) in about.into_iter().zip(results) {
            match result {
                Ok(imported) => {
                    let About { kind, attached, .. } = about;
                    let present = imported.existed;
                    let attachments = &mut self.counts.attachments;
                    attachments.refused += attached.refused();
                    match present {
                        true => attachments.present += attached.carried,
                        false => attachments.carried += attached.carried,
                    }
                    match present {
                        true => self.counts.present(kind),
                        false => self.counts.carry(kind),
                    }
                }
                Err(error) => {
                    self.refuse_one(about, &error.to_string());
                    if !concerns_this_message(&error) {
                        fatal.get_or_insert(error);
                    }
                }
            }
        }
        match fatal {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }

    fn refuse_one(&mut self, about: About, why: &str) {
        self.counts.attachments.refused += about.attached.expected;
        self.counts.refuse(about.kind, about.name, why);
    }
}

/// What is said where the thread that writes ended without a word.
const PANICKED: &str =
    "the thread that writes messages panicked; this is a bug of Coffer, please report it";

/// Messages that were read and are not in the store yet: they go together, with few syncs.
#[derive(Default)]
pub struct Waiting {
    messages: Group,
    about: Vec<About>,
    bytes: usize,
}

/// What is counted about a message when it is durable.
pub struct About {
    kind: Kind,
    attached: Tally,
    name: String,
}

/// Bytes of messages that wait, about.
const MAX_WAITING: usize = 16 << 20;

/// A rough size of a message in memory, in bytes.
fn size(content: &MessageContent) -> usize {
    let values: usize = content.properties.iter().map(|(_, value)| value.size()).sum();
    let attached: usize = content
        .attachments
        .iter()
        .map(|attachment| match &attachment.content {
            AttachedContent::Nothing => 0,
            AttachedContent::Bytes(bytes) | AttachedContent::Ole(bytes) => bytes.len(),
            AttachedContent::Message(embedded) => size(embedded),
        })
        .sum();
    values + attached + content.mime.as_ref().map_or(0, Vec::len)
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
