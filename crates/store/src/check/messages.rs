//! Messages: the hot record, the nodes, the summary, and what they refer to.

use mapi::{FolderId, MessageId, PropertyValue, tags};

use super::body::{self, gather};
use super::cursor::{Cursor, each_key};
use super::fix::Fix;
use super::pass::{Pass, read_as};
use super::problem::{Problem, What};
use super::report::Progress;
use crate::delivery::queue;
use crate::engine::{KeyRange, Scanned, Space};
use crate::keys::{self, Kind};
use crate::mailbox::read_state;
use crate::message::{MessageBody, flags, summary_flags};
use crate::record::hot::Hot;
use crate::record::node;
use crate::record::summary::{Conversation, Summary, Text};
use crate::value::Value;
use crate::{Result, large};

/// Messages between two reports of the progress.
const STEP: u64 = 1000;

/// What is wrong with one message.
type Wrong = Vec<(What, String)>;

impl Pass<'_> {
    /// Walks over hot records and nodes side by side, both in the order of the message ids.
    pub(super) fn messages(&mut self) -> Result<()> {
        let mut hots = self.cursor(Kind::Hot);
        let mut nodes = self.cursor(Kind::Node);
        loop {
            let next = match (id_at(&mut hots)?, id_at(&mut nodes)?) {
                (Some(a), Some(b)) => a.min(b),
                (Some(id), None) | (None, Some(id)) => id,
                (None, None) => return Ok(()),
            };
            let mut hot = None;
            while let Some(pair) = hots.next_if(|key| id_in(key) == next)? {
                if self.has_form(&pair.0, &pair.1)? {
                    hot = Some(pair.1);
                }
            }
            let mut own = Vec::new();
            while let Some(pair) = nodes.next_if(|key| id_in(key) == next)? {
                if self.has_form(&pair.0, &pair.1)? {
                    own.push(pair);
                }
            }
            self.report.records += own.len() as u64 + 2 * u64::from(hot.is_some());
            let (replica, counter) = keys::id_parts(next);
            if hot.is_some() || !own.is_empty() {
                self.message(MessageId::new(replica, counter), hot, own)?;
            }
        }
    }

    fn message(
        &mut self,
        id: MessageId,
        hot: Option<crate::engine::Result<crate::engine::Value>>,
        nodes: Vec<Scanned>,
    ) -> Result<()> {
        let mut wrong = Wrong::new();
        let hot = match hot {
            Some(value) => read_as(value.map(Some), Hot::read)?,
            None => Err("it is missing".into()),
        };
        let hot = hot.map_err(|detail| wrong.push((What::Hot, detail))).ok();
        self.unplaced += u64::from(hot.is_none());
        let body = match nodes.is_empty() {
            true => Err("they are missing".into()),
            false => gather(&nodes, |_| None).whole().map_err(|error| error.to_string()),
        };
        drop(nodes);
        let body = body.map_err(|detail| wrong.push((What::Node, detail))).ok();
        let mut subject = body.as_ref().and_then(subject_of);
        if let Some(body) = &body {
            self.body(id, body, &mut wrong)?;
        }
        if let Some(hot) = &hot {
            self.report.messages += 1;
            if self.report.messages.is_multiple_of(STEP) {
                self.sink.progress(Progress {
                    done: self.report.messages,
                    total: self.total,
                    what: format!("messages of mailbox {}", self.number.0),
                })?;
            }
            self.hot(id, hot, &mut wrong)?;
            let shown = self.summary(id, hot, body.as_ref(), &mut wrong)?;
            subject = subject.or(shown);
        }
        if !self.number_in_use(id.replica, id.counter.get()) {
            wrong.push((What::NumberAhead, format!("{id:?}")));
        }
        self.unknown_replica(id.replica)?;
        let problems: Vec<Problem> = wrong
            .into_iter()
            .map(|(what, detail)| Problem {
                message: Some(id),
                folder: hot.as_ref().map(|hot| hot.folder),
                subject: subject.clone(),
                ..self.problem(what, detail)
            })
            .collect();
        match problems.is_empty() {
            true => Ok(()),
            false => self.sink.found(problems, Some(Fix::Message { id })),
        }
    }

    /// The properties of a message at any depth.
    fn body(&mut self, id: MessageId, body: &MessageBody, wrong: &mut Wrong) -> Result<()> {
        self.report.attachments += body::count_attachments(body);
        self.used_names(node::property_ids(body).into_iter())?;
        let references = large::references(node::values(body));
        wrong.extend(self.references(&large::message_owner(id), &references)?);
        if !mimes_fit(body) {
            wrong.push((What::Mime, "an attachment that it needs is not there".into()));
        }
        let key = body.properties.inline(tags::SOURCE_KEY).and_then(PropertyValue::as_binary);
        if let Some(source_key) = key {
            let key = self.key(Kind::SourceKey, &[&keys::short_hash(source_key)]);
            match self.reader.get(Space::Mailbox, &key) {
                Ok(Some(entry)) if entry[..] == [&b"m"[..], &keys::mid(id)].concat() => {
                    self.source_keys += 1;
                }
                // Damaged, or that of a double: the index itself is looked at later.
                Ok(Some(_)) | Err(crate::engine::Error::Corrupt { .. }) => {}
                Ok(None) => wrong.push((What::SourceKey, "it is missing".into())),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// The state of a message, and its folder.
    fn hot(&mut self, id: MessageId, hot: &Hot, wrong: &mut Wrong) -> Result<()> {
        for change in [hot.change, hot.read_change] {
            if !self.change_in_use(change) {
                wrong.push((What::NumberAhead, format!("{change:?}")));
            }
            if !change.is_none() {
                self.unknown_replica(change.replica)?;
            }
        }
        if !self.sequence_in_use(hot.sequence) {
            wrong.push((What::NumberAhead, format!("sequence {}", hot.sequence)));
        }
        if hot.contents.is_deleted() != (hot.deleted.0 != 0) {
            wrong.push((What::State, "it is deleted without a time, or has one without".into()));
        }
        if hot.change.is_none() || hot.uid == 0 || hot.sequence == 0 {
            wrong.push((What::State, "it has no change number, UID or sequence".into()));
        }
        if hot.flags & flags::SUBMITTED != 0 && !hot.contents.is_deleted() {
            let entry = queue::key((self.number, id));
            if !self.reader.contains(Space::Queue, &entry)? {
                wrong.push((What::Unqueued, String::new()));
            }
        }
        if hot.contents.is_deleted() {
            let key = keys::deleted_message(self.number, hot.deleted, id);
            match self.reader.get(Space::Mailbox, &key) {
                Ok(Some(folder)) if folder[..] == keys::fid(hot.folder) => {
                    self.deleted_messages += 1
                }
                Ok(Some(_)) => {
                    self.deleted_messages += 1;
                    wrong.push((What::DeletedEntry, "it names another folder".into()));
                }
                Ok(None) => wrong.push((What::DeletedEntry, "it is missing".into())),
                Err(error @ crate::engine::Error::Corrupt { .. }) => {
                    self.deleted_messages += 1;
                    wrong.push((What::DeletedEntry, body::reason(&error)));
                }
                Err(error) => return Err(error.into()),
            }
        }
        let Some(folder) = self.folder_mut(hot.folder) else {
            wrong.push((What::OrphanMessage, format!("the folder would be {}", hot.folder)));
            return Ok(());
        };
        folder.counted.add(hot);
        if hot.uid <= folder.last_uid {
            folder.unordered = true;
        }
        folder.last_uid = hot.uid;
        folder.max_uid = folder.max_uid.max(hot.uid);
        Ok(())
    }

    /// The summary says what the message says. Gives the subject that it shows.
    fn summary(
        &mut self,
        id: MessageId,
        hot: &Hot,
        body: Option<&MessageBody>,
        wrong: &mut Wrong,
    ) -> Result<Option<String>> {
        let key = keys::summary(self.number, hot.folder, hot.contents.to_byte(), id);
        let stored = self.reader.get(Space::Mailbox, &key);
        if !matches!(stored, Ok(None))
            && let Some(folder) = self.folder_mut(hot.folder)
        {
            folder.summaries[usize::from(hot.contents.to_byte())] += 1;
        }
        let stored = read_as(stored, Summary::read)?;
        if let Some(body) = body {
            if body.size() != hot.size {
                wrong.push((What::Size, format!("{} instead of {}", hot.size, body.size())));
            }
            let expected = expected_summary(hot, body);
            match &stored {
                Ok(stored) if says_the_same(stored, &expected) => {}
                Ok(stored) => wrong.push((What::Summary, difference(stored, &expected))),
                Err(detail) => wrong.push((What::Summary, detail.clone())),
            }
        }
        Ok(stored.ok().as_ref().and_then(shown_subject))
    }

    /// No folder lists a message that it does not hold: the summaries of each folder and class are as many
    /// as the messages that have one, or each is looked at.
    pub(super) fn summaries(&mut self) -> Result<()> {
        let mut group: Option<[u8; 9]> = None;
        let mut counted = 0;
        let mut stray = Vec::new();
        let mut ends = |pass: &Self, group: Option<[u8; 9]>, counted: u64| {
            let Some(group) = group else { return };
            let expected = keys::tail_id(&group[..8])
                .and_then(|(r, c)| pass.folders.get(&keys::id_number(r, c)))
                .and_then(|folder| folder.summaries.get(usize::from(group[8])).copied());
            if expected != Some(counted) {
                stray.push(group);
            }
        };
        let range = KeyRange::prefix(self.key(Kind::Summary, &[]));
        let mut bad = Vec::new();
        each_key(self.reader, Space::Mailbox, range, |key| {
            let Some(own) = key.get(9..18).filter(|_| key.len() == 26) else {
                bad.push(key);
                return Ok(());
            };
            let own: [u8; 9] = own.try_into().unwrap_or_default();
            if group != Some(own) {
                ends(self, group, counted);
                (group, counted) = (Some(own), 0);
            }
            counted += 1;
            Ok(())
        })?;
        ends(self, group, counted);
        for key in bad {
            self.has_form(&key, &Ok(Default::default()))?;
        }
        stray.into_iter().try_for_each(|group| self.stray_summaries(group))
    }

    fn stray_summaries(&mut self, group: [u8; 9]) -> Result<()> {
        let prefix = self.key(Kind::Summary, &[&group]);
        let mut cursor = Cursor::new(self.reader, Space::Mailbox, KeyRange::prefix(prefix));
        while let Some((key, value)) = cursor.next()? {
            let Some((replica, counter)) = keys::tail_id(&key) else { continue };
            let id = MessageId::new(replica, counter);
            let hot = self.reader.get(Space::Mailbox, &keys::hot(self.number, id));
            let hot = match read_as(hot, Hot::read)? {
                Ok(hot) => hot,
                // A damaged one was met with the messages, which a repair makes again from this summary.
                Err(_) if self.has_nodes(id)? => continue,
                Err(_) => {
                    self.stray(&key, &value, group, id, "there is no such message")?;
                    continue;
                }
            };
            let own = keys::summary(self.number, hot.folder, hot.contents.to_byte(), id);
            if own != key[..] {
                self.stray(&key, &value, group, id, "that message is somewhere else")?;
            }
        }
        Ok(())
    }

    fn has_nodes(&self, id: MessageId) -> Result<bool> {
        let mut nodes = Cursor::new(
            self.reader,
            Space::Mailbox,
            KeyRange::prefix(node::prefix(self.number, id)),
        );
        Ok(nodes.next()?.is_some())
    }

    fn stray(
        &mut self,
        key: &[u8],
        value: &crate::engine::Result<crate::engine::Value>,
        group: [u8; 9],
        id: MessageId,
        detail: &str,
    ) -> Result<()> {
        let folder = keys::tail_id(&group[..8]).map(|(r, c)| FolderId::new(r, c));
        let summary = value.as_ref().ok().and_then(|value| Summary::read(value).ok());
        let problem = Problem {
            folder,
            message: Some(id),
            subject: summary.as_ref().and_then(shown_subject),
            ..self.problem(What::StraySummary, detail)
        };
        let fix = Fix::Summary { key: key.to_vec() };
        self.found(problem.record(Space::Mailbox, key), fix)
    }
}

/// The summary that a message must have.
pub(super) fn expected_summary(hot: &Hot, body: &MessageBody) -> Summary {
    let associated = hot.contents.is_associated();
    let attachments = !body.attachments.is_empty();
    let flags = summary_flags(hot.flags, read_state::is_read(hot), associated, attachments);
    Summary::of(body, hot, flags)
}

/// Whether a stored summary is as good as the one that would be written now: it may know less, since those
/// of older versions stay.
pub(super) fn says_the_same(stored: &Summary, expected: &Summary) -> bool {
    let mut expected = expected.clone();
    expected.sent_by_from &= stored.sent_by_from;
    expected.no_categories &= stored.no_categories;
    if stored.conversation == Conversation::Unsaid {
        expected.conversation = Conversation::Unsaid;
        // It had more room for the subject.
        if let (Text::Cut(start), Text::Cut(text) | Text::Whole(text)) =
            (&expected.subject, &stored.subject)
            && text.as_bytes().starts_with(start.as_bytes())
        {
            expected.subject = stored.subject.clone();
        }
    }
    *stored == expected
}

fn difference(stored: &Summary, expected: &Summary) -> String {
    let mut parts = Vec::new();
    let mut compare = |name: &str, differs: bool| {
        if differs {
            parts.push(name.to_owned());
        }
    };
    compare("flags", stored.flags != expected.flags);
    compare("status", stored.status != expected.status);
    compare("size", stored.size != expected.size);
    compare("change number", stored.change != expected.change);
    compare("UID", stored.uid != expected.uid);
    compare("sequence", stored.sequence != expected.sequence);
    compare("subject", stored.subject != expected.subject);
    match parts.is_empty() {
        true => "another property differs".into(),
        false => format!("{} differ", parts.join(", ")),
    }
}

/// Whether the original Internet message, here and in embedded messages, can be put together.
pub(super) fn mimes_fit(body: &MessageBody) -> bool {
    body.mime.as_ref().is_none_or(|mime| mime.fits(body))
        && body
            .attachments
            .iter()
            .filter_map(|attachment| attachment.embedded.as_deref())
            .all(mimes_fit)
}

pub(super) fn subject_of(body: &MessageBody) -> Option<String> {
    match body.properties.get(tags::SUBJECT)? {
        Value::Inline(value) => Some(value.as_text()?.to_string_lossy().into_owned()),
        Value::Large(_) => None,
    }
}

pub(super) fn shown_subject(summary: &Summary) -> Option<String> {
    match &summary.subject {
        Text::Whole(text) | Text::Cut(text) => Some(text.to_string_lossy().into_owned()),
        Text::Absent => None,
    }
}

/// The message id of a key of a hot record or a node, as an ordered number; keys without one sort there,
/// too.
fn id_in(key: &[u8]) -> u64 {
    let mut id = [0; 8];
    let bytes = key.get(9..).unwrap_or_default();
    let len = bytes.len().min(8);
    id[..len].copy_from_slice(&bytes[..len]);
    u64::from_be_bytes(id)
}

fn id_at(cursor: &mut Cursor<'_>) -> Result<Option<u64>> {
    Ok(cursor.peek()?.map(|(key, _)| id_in(key)))
}
